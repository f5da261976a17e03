/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lib/dataplane: what a worker does to a burst of packets.
 *
 * A worker owns one struct sl_dataplane: its session tables, its neighbours, its counters. Nobody else writes it, so
 * there is no lock. sl_seal_burst() takes frames from the plain port and makes sealed frames for the wire port;
 * sl_open_burst() does the reverse. Each frame of a burst ends in exactly one of four places:
 *
 *     sent      in burst->tx, to be transmitted
 *     handed    in burst->handed, for the control thread: ARP, NDP, IKE, ICMP to ourselves, packets that wait for a MAC or
 *               whose sender is to be told why they went no further
 *     passed on in burst->away, for another worker, which has the session
 *     dropped   freed, and counted under one reason of drops.h
 *
 * or in a fifth: burst->large, to be cut into fragments by sl_seal_cut(), or sl_open_cut().
 *
 * Both work in place, on single-segment mbufs with SL_ESP_HEADROOM before and SL_ESP_TAILROOM after the packet. The
 * ordinary packet is IPv4 in IPv4 and UDP, untagged. It takes the straight way; whatever else there is leaves it at a
 * branch that is the same for a whole burst, or for most packets of one.
 *
 * What a router does: the time to live or hop limit goes down by one at the sealing end, and by one at the opening end
 * (RFC 4301 5.1.2.1). DSCP and ECN are copied outwards, and ECN comes back in as RFC 6040 tells.
 *
 * Finding a session
 *
 *   outbound  inner destination ──rte_fib──► flow (the index of a peer) ──► flows[flow].out
 *   inbound   SPI ──► worker 6 bits │ slot 17 bits │ random 9 bits: in[slot], then one compare of the whole SPI
 *
 * The receiver chooses the SPI, so it can be an array index in disguise; the random bits keep a stale or guessed SPI of
 * a reused slot from reaching the new session.
 *
 * A flow has one session in each worker, more only where there are several with different selectors: then they are a chain,
 * by falling rank and the newest first, and a packet takes the first that covers it. Where the owner of the flow alone has
 * sessions for some of its traffic, the others let it seal that (sl_flow.apart).
 *
 * Between workers
 *
 * Slots are one space for all workers, so a worker finds nothing in its own table under the SPI of another, and only then
 * looks at the bits that say whose it is. An outbound packet whose flow has no session here, or none that covers it, goes
 * to the owner of the flow, which the control thread names. It goes without its outer headers, and enters there at the
 * lookup of the session: sl_seal_handed() and sl_open_handed(). Nothing is passed on twice.
 */
#ifndef SEALANE_DATAPLANE_DATAPLANE_H
#define SEALANE_DATAPLANE_DATAPLANE_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_ether.h>
#include <rte_hash.h>
#include <rte_mbuf.h>

#include "../esp/esp.h"
#include "drops.h"

/* ---- SPIs ---------------------------------------------------------------------------------------------------------- */

enum {
	SL_SPI_RANDOM_BITS = 9,
	SL_SPI_SLOT_BITS = 17,
	SL_SPI_WORKER_BITS = 6,
	SL_SLOTS =
		1
		<< SL_SPI_SLOT_BITS, /* inbound sessions of a worker; slot 0 is never used: such SPIs are reserved */
	SL_WORKERS_MAX = 1 << SL_SPI_WORKER_BITS,
};

_Static_assert(SL_SPI_RANDOM_BITS + SL_SPI_SLOT_BITS + SL_SPI_WORKER_BITS == 32, "an SPI has 32 bits");
_Static_assert(1 << SL_SPI_RANDOM_BITS >= SL_ESP_SPI_MIN, "slot 1 must lie above the reserved SPIs");

static inline uint32_t sl_spi_make(uint32_t worker, uint32_t slot, uint32_t random)
{
	return worker << (32 - SL_SPI_WORKER_BITS) | slot << SL_SPI_RANDOM_BITS |
	       (random & ((1 << SL_SPI_RANDOM_BITS) - 1));
}

static inline uint32_t sl_spi_slot(uint32_t spi)
{
	return spi >> SL_SPI_RANDOM_BITS & (SL_SLOTS - 1);
}

static inline uint32_t sl_spi_worker(uint32_t spi)
{
	return spi >> (32 - SL_SPI_WORKER_BITS);
}

/* ---- Tables -------------------------------------------------------------------------------------------------------- */

enum {
	SL_BURST_MAX = 256,      /* packets of one call */
	SL_NO_FLOW = UINT16_MAX, /* the next hop of what has no route */
	SL_FLOWS_MAX = SL_NO_FLOW,
	SL_NEIGHBOURS_MAX = 4096,
	SL_NEIGHBOURS_RECENT = 256,
	SL_NO_WORKER = UINT8_MAX,
	SL_LINK_ADDRESSES_MAX = 8,
	SL_LAN_ROUTES_MAX = 16,
	SL_ERRORS_A_SECOND =
		512, /* packets of a worker about which the control thread may have to tell the sender */
	SL_FAR_A_SECOND = 1024, /* packets of a worker that are decrypted though they must be old (open.c) */
};

/* A flow: what goes to one peer. */
struct sl_flow {
	struct sl_esp_out *out;           /* this worker's sessions; NULL: none */
	const struct sl_esp_apart *apart; /* what the owner has sessions of its own for */
	bool wanted; /* traffic came while there was no SA; the worker tells the control thread and clears it */
	bool closed;   /* nobody wants an SA: the link has been taken down */
	uint8_t owner; /* the worker that takes what has no session here; SL_NO_WORKER: none has any */
};

/* An IPv6 address as two words that are compared with others like it. */
struct sl_ip6 {
	uint64_t word[2];
};

/* Per port, what the checks of a frame need. */
struct sl_link {
	struct rte_ether_addr mac;
	uint16_t vlan;                       /* 802.1Q; 0: untagged */
	uint8_t count4, count6;              /* of our addresses on it */
	uint16_t mtu;                        /* of what leaves there opened, bytes; 0: any */
	uint32_t ip4[SL_LINK_ADDRESSES_MAX]; /* host order */
	struct sl_ip6 ip6[SL_LINK_ADDRESSES_MAX];
};

/* False when there are SL_LINK_ADDRESSES_MAX of its family. */
bool sl_link_add(struct sl_link *link, const struct sl_addr *address);

/* The headers before what goes to a neighbour, right-aligned: with a tag they are as long as this. */
enum { SL_L2_MAX = sizeof(struct rte_ether_hdr) + sizeof(struct rte_vlan_hdr) };

/* A neighbour found lately, kept by the low bits of its address: next time that costs a look instead of a search. */
struct sl_neighbour_recent {
	uint32_t ip;
	bool known;
	uint8_t header[SL_L2_MAX];
};

struct sl_neighbour_recent6 {
	struct sl_ip6 ip;
	bool known;
	uint8_t header[SL_L2_MAX];
};

/* Prefixes of either family, and a number for each: see sl_routes_new(). */
struct sl_routes;

/* What lies behind routers on the plain side. These are few, and rarely looked up: a neighbour found is remembered. */
struct sl_lan {
	unsigned count;
	struct {
		struct sl_prefix prefix;
		struct sl_addr via; /* family SL_NONE: on the link */
	} route[SL_LAN_ROUTES_MAX];
};

/* Counters of a worker: written by it alone, read by others without care for exactness between them (lib/esp/count.h). */
struct sl_counters {
	uint64_t rx_wire, rx_plain;
	uint64_t tx_wire, tx_plain;
	uint64_t from_control, to_control;
	uint64_t handed_in, handed_out; /* between workers */
	uint64_t cut; /* packets that there are more since large ones were cut: n fragments count n - 1 */
	uint64_t drops[SL_DROP_COUNT];
};

struct sl_dataplane {
	struct sl_link wire, plain;
	uint8_t id;                     /* of this worker */
	uint8_t workers;                /* that run; their numbers are below */
	bool clamp_mss;                 /* lower what TCP wants to send at once to what fits a tunnel */
	unsigned errors_left, far_left; /* of SL_ERRORS_A_SECOND, SL_FAR_A_SECOND; the worker fills them up */
	/* Inner destination -> flow. What workers share is never changed: they get another, and say when they have it. */
	const struct sl_routes *routes;
	const struct sl_lan *lan; /* shared, and the same all the time; NULL: all hosts are on the link */
	struct rte_mempool *pool; /* for fragments, like those of the port's frames; NULL: nothing is cut */
	struct sl_flow *flows;    /* SL_FLOWS_MAX of them */
	struct sl_esp_in **in;    /* SL_SLOTS of them, by slot */
	struct rte_hash *neighbour_index;
	struct rte_ether_addr *neighbours; /* by position in the index */
	struct sl_neighbour_recent recent[SL_NEIGHBOURS_RECENT];
	struct sl_neighbour_recent6 recent6[SL_NEIGHBOURS_RECENT];
	uint16_t wanted_flow[SL_BURST_MAX];
	/* Who looks at what is dropped, before it is freed; NULL: nobody. */
	void (*dropped)(void *arg, const struct rte_mbuf *m, enum sl_drop reason);
	void *dropped_arg;
	unsigned
		wanted_count; /* flows of the last bursts that asked for an SA; the worker reports and resets them */
	struct sl_counters counters __attribute__((aligned(64)));
};

/* Why a packet goes to the control thread. Frames have no tag any more; the others start at the IP header. */
enum sl_handed {
	SL_HANDED_WIRE,     /* a frame from the wire port: ARP, NDP, IKE, ICMP to its addresses */
	SL_HANDED_PLAIN,    /* a frame from the plain port: ARP, NDP, whatever is to its addresses */
	SL_HANDED_INNER,    /* an opened inner packet to an address of our plain port */
	SL_HANDED_RESOLVE,  /* an opened inner packet whose next hop's MAC is unknown */
	SL_HANDED_EXPIRED,  /* the time to live, or hop limit, ran out: of a packet from a host, or opened */
	SL_HANDED_TOO_BIG,  /* from a host, or opened, and not to be cut; m->hash.usr is what would fit */
	SL_HANDED_NO_ROUTE, /* from a host, to where no peer is */
};

struct sl_burst {
	unsigned tx_count, handed_count, away_count, large_count;
	struct rte_mbuf *tx[SL_BURST_MAX];
	struct rte_mbuf *handed[SL_BURST_MAX];
	uint8_t handed_why[SL_BURST_MAX]; /* enum sl_handed */
	struct rte_mbuf *away[SL_BURST_MAX];
	uint8_t away_to[SL_BURST_MAX];        /* the worker */
	struct rte_mbuf *large[SL_BURST_MAX]; /* for sl_seal_cut(), or sl_open_cut() */
};

/*
 * Allocates the tables (not the routes). id is the number of the worker, and makes their names unique in the process.
 * Returns 0 or a negative errno; needs the EAL.
 */
int sl_dataplane_init(struct sl_dataplane *dp, unsigned id);

/* Frees the tables. The sessions in them must be gone. */
void sl_dataplane_fini(struct sl_dataplane *dp);

/*
 * A routing table for at most so many prefixes of either family, each of which leads to a number. A family takes memory,
 * 64 MiB and some KiB a prefix, once it has one. NULL, or a negative errno, when there is none. No two may have one name.
 */
struct sl_routes *sl_routes_new(const char *name, unsigned prefixes);
int sl_routes_add(struct sl_routes *routes, const struct sl_prefix *prefix, unsigned number);
void sl_routes_free(struct sl_routes *routes);

/* The numbers of n addresses; SL_NO_FLOW where there is no route. IPv6 addresses are bytes of a packet. */
void sl_routes_find4(const struct sl_routes *routes, const uint32_t *ip, uint64_t *number, unsigned n);
void sl_routes_find6(const struct sl_routes *routes, const struct sl_ip6 *ip, uint64_t *number, unsigned n);

/*
 * Through which router of the plain link a prefix is reached; via NULL: it is on the link, as is what has no route here.
 * The longest prefix counts. False when there are SL_LAN_ROUTES_MAX.
 */
bool sl_lan_add(struct sl_lan *lan, const struct sl_prefix *prefix, const struct sl_addr *via);

/*
 * Changes to the tables, by the owning worker only. Installing into a used slot is a bug (asserted). remove returns what
 * was there before, or NULL. switch puts `out` among the sessions of the flow, before those of its rank and lower ones, and
 * takes `old` out of them; either may be NULL, and that `old` is not among them is a bug (asserted).
 */
void sl_in_install(struct sl_dataplane *dp, struct sl_esp_in *in);
struct sl_esp_in *sl_in_remove(struct sl_dataplane *dp, uint32_t spi);
void sl_out_switch(struct sl_dataplane *dp, unsigned flow, struct sl_esp_out *out, struct sl_esp_out *old);

/* A host or router on the plain link is at mac, or not known any more (NULL). Returns 0, or -ENOSPC. */
int sl_neighbour_set(struct sl_dataplane *dp, const struct sl_addr *ip, const struct rte_ether_addr *mac);

/*
 * SL_L2_MAX bytes, of which the last ones (14, or 18 with a tag) are the headers for what goes from the plain port to ip,
 * good until the next call; NULL: the MAC of its next hop is unknown.
 */
const uint8_t *sl_neighbour_find4(struct sl_dataplane *dp, uint32_t ip);
const uint8_t *sl_neighbour_find6(struct sl_dataplane *dp, const struct sl_ip6 *ip);

/* ---- Bursts -------------------------------------------------------------------------------------------------------- */

/*
 * n is at most SL_BURST_MAX; *burst is filled anew. Frames start with their Ethernet header. rx counters are the
 * caller's, packets for the control thread and dropped ones are counted here, sent ones when the port has taken them,
 * and those for another worker when its ring has.
 */
void sl_seal_burst(struct sl_dataplane *dp, struct rte_mbuf **frames, unsigned n, struct sl_burst *burst);
void sl_open_burst(struct sl_dataplane *dp, struct rte_mbuf **frames, unsigned n, struct sl_burst *burst);

/* The same for what another worker has put into burst->away of the same direction. */
void sl_seal_handed(struct sl_dataplane *dp, struct rte_mbuf **packets, unsigned n, struct sl_burst *burst);
void sl_open_handed(struct sl_dataplane *dp, struct rte_mbuf **packets, unsigned n, struct sl_burst *burst);

/*
 * Cuts a packet of burst->large into fragments that fit its session (RFC 791 3.2) and seals them; *burst is filled anew,
 * without large ones.
 */
void sl_seal_cut(struct sl_dataplane *dp, struct rte_mbuf *m, struct sl_burst *burst);

/* The same for an opened packet that does not fit the plain link: its fragments go out there. */
void sl_open_cut(struct sl_dataplane *dp, struct rte_mbuf *m, struct sl_burst *burst);

/* Counts and frees. */
void sl_drop(struct sl_dataplane *dp, struct rte_mbuf *m, enum sl_drop reason);

#endif
