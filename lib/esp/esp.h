/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lib/esp: ESP (RFC 4303) with AES-GCM (RFC 4106) in tunnel mode, in UDP (RFC 3948) or plain (protocol 50), over IPv4 or
 * IPv6: the wire format and the sessions, which are the data path's half of an SA.
 *
 * A sealed packet on the wire, most often:
 *
 *     | IPv4 20 | UDP 8 | SPI 4 | seq 4 | IV 8 | inner packet … | 1 2 3 | pad len 1 | next header 1 | ICV 16 |
 *                       `--- AAD (with the    `------------------- encrypted --------------------´
 *                            high half of seq)
 *
 * The IV is the 64-bit sequence counter, so a nonce (salt, IV) cannot come twice under one key as long as the counter
 * does not: it starts at 0 with fresh keys, is written by one worker only, and stops at the session's limit instead of
 * wrapping. With ESN the AAD is SPI, high half, low half: the same twelve bytes as the nonce with SPI for salt.
 *
 * Sessions are prepared completely by the control thread (expanded key, header template), then belong to one worker
 * until that worker gives them back. They live in secret memory.
 */
#ifndef SEALANE_ESP_ESP_H
#define SEALANE_ESP_ESP_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_byteorder.h>
#include <rte_ether.h>

#include "../crypto/gcm.h"
#include "../net/selector.h"
#include "count.h"
#include "replay.h"

struct sl_esp_header {
	rte_be32_t spi;
	rte_be32_t seq; /* low half with ESN */
	rte_be64_t iv;
} __attribute__((packed, aligned(2)));

struct sl_esp_trailer {
	uint8_t pad_len;
	uint8_t next_header;
} __attribute__((packed));

_Static_assert(sizeof(struct sl_esp_header) == 16, "SPI, sequence number, IV");
_Static_assert(sizeof(struct sl_esp_trailer) == 2, "pad length, next header");

enum {
	SL_ESP_NEXT_IPV4 = 4,   /* tunnel mode, IPv4 inside */
	SL_ESP_NEXT_IPV6 = 41,  /* tunnel mode, IPv6 inside */
	SL_ESP_NEXT_NONE = 59,  /* a dummy packet (RFC 4303 2.6) */
	SL_ESP_UDP_PORT = 4500, /* ESP in UDP, beside IKE behind its marker (RFC 3948 2.2) */
	SL_ESP_SPI_MIN = 256,   /* smaller ones are reserved (RFC 4303 2.1) */
};

/* Nonce and AAD have one shape: four bytes, then the 64-bit counter. */
struct sl_esp_block {
	uint32_t word; /* salt, or SPI */
	rte_be64_t counter;
} __attribute__((packed));

_Static_assert(sizeof(struct sl_esp_block) == SL_GCM_NONCE_LEN, "RFC 4106 4 and 5");

/* ---- Selectors -------------------------------------------------------------------------------------------------------- */

/* IPv4 addresses, in host order. */
struct sl_esp_range {
	uint32_t first;
	uint32_t last;
};

static inline bool sl_esp_in_range(const struct sl_esp_range *r, uint32_t addr)
{
	return addr - r->first <= r->last - r->first;
}

/* An address of either family as a number. */
typedef unsigned __int128 sl_esp_number;

/* One selector of one side: a range of addresses, the protocol and the ports (RFC 4301 4.4.1.1). */
struct sl_esp_selector {
	sl_esp_number first, last;
	uint16_t port_first, port_last; /* 0 to 65535 is any, also of packets that have none */
	uint8_t family;                 /* enum sl_family */
	uint8_t protocol;               /* 0 is any */
};

struct sl_esp_selectors {
	uint32_t count;
	struct sl_esp_selector selector[SL_TS_MAX];
};

/* What selectors look at in a packet. */
struct sl_esp_packet {
	sl_esp_number src, dst;
	uint16_t src_port, dst_port; /* ICMP: type and code, in both (RFC 4301 4.4.1.1) */
	bool ports;                  /* it has any: a fragment but the first has not */
	uint8_t family, protocol;
};

/* Reads the headers of an inner packet of len bytes. False when extension headers or options do not fit into it. */
bool sl_esp_packet_read(struct sl_esp_packet *p, const void *packet, size_t len);

/*
 * Traffic between two sets of selectors for which one worker has a session of its own. The others must know, although they
 * have a session that would cover it.
 */
struct sl_esp_apart {
	struct sl_esp_selectors local, remote;
	const struct sl_esp_apart *next; /* of the same peer */
};

/* Returns 0 or SL_ESP_E_SELECTOR. */
int sl_esp_apart_init(
	struct sl_esp_apart *apart, const struct sl_ts_list *local, const struct sl_ts_list *remote);

/* One of the list covers a packet to be sealed. */
bool sl_esp_apart_covers(const struct sl_esp_apart *list, const struct sl_esp_packet *p);

/* ---- Sessions --------------------------------------------------------------------------------------------------------- */

enum {
	SL_ESP_TEMPLATE = 128,             /* room for any headers, right-aligned: two cache lines ... */
	SL_ESP_TEMPLATE_NEAR = 64,         /* ... of which most need only the second */
	SL_ESP_OUTER = 20 + 8 + 16,        /* IPv4, UDP, ESP header with IV */
	SL_ESP_HEADROOM = SL_ESP_TEMPLATE, /* what the template needs before the inner packet */
	SL_ESP_TAILROOM = 3 + 2 + SL_GCM_ICV_LEN, /* padding, trailer, ICV at most */
	SL_DSCP_COPY = 64,                        /* the outer DSCP is that of the inner packet */
};

/*
 * The headers before a sealed packet, ready to be copied, without its lengths and counters. The Ethernet header comes
 * first, maybe with an 802.1Q tag, then IPv4 or IPv6, maybe UDP (checksum 0: none, RFC 3948 2.1 and RFC 6936), then ESP.
 */
struct sl_esp_template {
	uint8_t headers[SL_ESP_TEMPLATE - sizeof(struct sl_esp_header)];
	struct sl_esp_header esp;
} __attribute__((packed, aligned(2)));

_Static_assert(sizeof(struct sl_esp_template) == SL_ESP_TEMPLATE, "the template is two cache lines");

/* What lies between the Ethernet and the ESP header. */
enum sl_esp_shape {
	SL_ESP_IPV4_UDP,
	SL_ESP_IPV4,
	SL_ESP_IPV6_UDP, /* without checksum */
	SL_ESP_IPV6_UDP_SUM,
	SL_ESP_IPV6,
};

/*
 * Seals the packets of one flow. Every packet reads and writes the first line and copies the template, of which the second
 * line is enough for IPv4 and UDP; then come the expanded key, of which it reads as much as its length needs, and what
 * hardly any packet looks at. With thousands of sessions each line is a trip to memory.
 */
struct sl_esp_out {
	uint64_t seq;       /* the counter used last */
	uint64_t seq_limit; /* the last one that may be used */
	uint64_t bytes;     /* inner bytes sealed */
	uint64_t byte_limit;
	struct sl_esp_range local_first, remote_first; /* nearly always the only ones */
	uint32_t salt;
	rte_be16_t ipv4_sum; /* sum of the template's IPv4 header, for the checksum of each packet */
	uint16_t peer;
	uint16_t inner_mtu;
	uint8_t header_len; /* of the template */
	uint8_t shape;      /* enum sl_esp_shape */
	uint8_t tos_mask; /* which bits of the inner traffic class are copied to the outer one: ECN or all */
	uint8_t cipher;   /* enum sl_cipher */
	bool esn;
	bool resolved; /* the template holds the next hop's MAC */
	struct sl_esp_template template __attribute__((aligned(64)));
	struct sl_gcm_key key;
	uint32_t rank;
	struct sl_esp_out *next; /* the worker's: another session to the same peer, with other selectors */
	struct sl_esp_selectors local, remote;
};

/*
 * Opens the packets that arrive under one SPI. From the top of the window on there is again a line that every packet
 * needs, with the key behind it; the window's words before it are for packets out of order. What a packet needs lies close
 * together, for a prefetch may do nothing where the page is not in the TLB.
 */
struct sl_esp_in {
	struct sl_replay_window window __attribute__((aligned(64)));
	uint32_t spi; /* host order */
	uint32_t salt;
	uint64_t packets;                              /* opened */
	uint64_t bytes;                                /* inner bytes opened */
	struct sl_esp_range local_first, remote_first; /* nearly always the only ones */
	uint16_t peer;
	uint16_t inner_mtu; /* of what goes back */
	uint8_t cipher;     /* enum sl_cipher */
	bool esn;
	struct sl_gcm_key key;
	uint64_t replayed, late, bad_icv;
	uint64_t discarded; /* authentic, but what was sealed may not come out */
	struct sl_esp_selectors local, remote;
};

/*
 * The session was made for packets between these inner addresses (RFC 4301 5.2), whatever they carry: the first selectors
 * say so. When they do not, the whole lists must be asked. (The first ranges of other lists cover 0.0.0.0 only, from which
 * and to which nothing goes.)
 */
static inline bool sl_esp_out_covers_plainly(const struct sl_esp_out *out, uint32_t src, uint32_t dst)
{
	return sl_esp_in_range(&out->local_first, src) && sl_esp_in_range(&out->remote_first, dst);
}

static inline bool sl_esp_in_covers_plainly(const struct sl_esp_in *in, uint32_t src, uint32_t dst)
{
	return sl_esp_in_range(&in->remote_first, src) && sl_esp_in_range(&in->local_first, dst);
}

/*
 * What the peer has sealed, by its counter, and was never opened here: it got lost, or damaged, or came too late. Packets
 * after the last that came are not known of. Any thread may ask; it costs no packet anything.
 */
struct sl_esp_gaps {
	uint64_t missing; /* may still come, as far as the replay window reaches */
	uint64_t lost;    /* may not */
};

struct sl_esp_gaps sl_esp_in_gaps(const struct sl_esp_in *in);

bool sl_esp_out_covers(const struct sl_esp_out *out, const struct sl_esp_packet *p);
bool sl_esp_in_covers(const struct sl_esp_in *in, const struct sl_esp_packet *p);

/* What both directions of an SA are made from. SPIs are in host order. */
struct sl_esp_params {
	uint32_t spi_in, spi_out;
	enum sl_cipher cipher;
	bool esn;
	uint16_t peer;
	unsigned
		rank; /* of the sessions of a peer that cover a packet the one of the highest rank seals it */
	bool apart; /* other workers have sessions for some of its traffic: no packet is sealed at a glance */
	struct sl_endpoint wire_local, wire_remote; /* outer addresses, of one family, and UDP ports */
	bool udp;                                   /* else IP protocol 50 */
	bool udp_checksum; /* of UDP over IPv6; without it is zero, as RFC 6935 and 6936 let tunnels do */
	rte_be16_t vlan;   /* 802.1Q tag of the wire; 0: none */
	uint8_t dscp;      /* of the outer header: 0 to 63, or SL_DSCP_COPY */
	unsigned path_mtu; /* the largest outer packet, at most 65535 */
	const struct sl_ts_list *local, *remote;
	const uint8_t *key_in, *salt_in, *key_out, *salt_out;
	uint64_t packet_limit, byte_limit; /* hard limits on sealing */
};

enum sl_esp_error {
	SL_ESP_OK = 0,
	SL_ESP_E_SELECTOR = -1, /* there is no selector, or one is an empty range */
	SL_ESP_E_SPI = -2,      /* an SPI is in the reserved range */
	SL_ESP_E_OUTER = -3,    /* the outer addresses are of two families, or of none */
};

const char *sl_esp_strerror(int error);

/*
 * Fill in zeroed sessions. The keys are expanded; the caller wipes its copy. Return 0 or an error; then the session
 * must not be used.
 */
int sl_esp_out_init(struct sl_esp_out *out, const struct sl_esp_params *p);
int sl_esp_in_init(struct sl_esp_in *in, const struct sl_esp_params *p);

/* Sets the Ethernet addresses of the template; from now on the session can send. */
void sl_esp_out_resolve(
	struct sl_esp_out *out, const struct rte_ether_addr *src, const struct rte_ether_addr *dst);

/* Seals to another outer address of the same family, and UDP port, from now on; the next hop must be resolved again. */
void sl_esp_out_move(struct sl_esp_out *out, const struct sl_endpoint *remote);

#endif
