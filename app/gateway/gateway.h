/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The gateway as the control thread sees it. Everything here belongs to the control thread, except each worker's own
 * part of its struct worker, and to whoever holds `lock`: telemetry requests come in a thread of DPDK and take it to look
 * around. The control thread holds it whenever it is not asleep.
 *
 *   run.c        puts it together, takes it apart
 *   control.c    the loop: what happened, what is due
 *   links.c      what lies beyond either port: our addresses, neighbours, routers
 *   local.c      packets to and from the gateway itself: echoes, IKE, and whatever workers cannot decide about
 *   errors.c     ICMP errors about packets that go no further
 *   path_mtu.c   ICMP errors about our sealed packets
 *   ike.c        the IKE engine, its configuration
 *   node.c       the plain port as an interface of this host's kernel
 *   peers.c      the peers in their slots
 *   reload.c     another configuration put into effect
 *   changes.c    what an operator asks of the running gateway: reload, down, up
 *   sa.h         child SAs of lib/ike as sessions of the workers: sa.c, sa_limits.c, sa_path.c, sa_info.c
 *   privileges.c what the process may do, once it runs
 *   service.c    what whoever started it is told
 *   gate.h       what of the packets that anybody can send reaches the control thread
 *   steering.c   the wire port's queues, by SPI, where the NIC can
 *   load.c       how busy the workers are
 *   telemetry/   answers for `sealane show`
 *   access.c     who may ask over the telemetry socket
 *   keylog.h     keys for Wireshark, when asked for
 *   debug/       a socket for who looks at keys and packets
 *   watch.h      looking at packets, in the workers
 */
#ifndef SEALANE_GATEWAY_GATEWAY_H
#define SEALANE_GATEWAY_GATEWAY_H

#include <pthread.h>
#include <sys/queue.h>

#include "../../lib/config/config.h"
#include "../../lib/ike/ike.h"
#include "../../lib/net/icmp.h"
#include "../../lib/net/neigh.h"
#include "../../lib/net/packet.h"
#include "keylog.h"
#include "log.h"
#include "port.h"
#include "service.h"
#include "worker.h"

#define SECOND_NS UINT64_C(1000000000)

/* One of our links: a port, its addresses, and who else is on it. */
struct link {
	struct port port;
	const struct sl_config_port *config;
	enum command_type send;                 /* how a worker is told to transmit here */
	struct sl_prefix own[SL_NEIGH_OWN_MAX]; /* as configured, and where there is IPv6, a link-local one */
	unsigned own_count;
	struct sl_neigh_table *neighbours;
	struct sl_rate conflicts; /* that are logged */
	bool closing;
	struct gateway *gateway;
};

/* Inner packets and bytes of a peer, opened and sealed. */
struct totals {
	uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes;
};

struct sa; /* sa.h */

/* A slot. */
struct peer {
	bool taken;
	const struct sl_config_peer *config; /* NULL: the slot is free, or the peer is leaving */
	char name[64];
	struct sl_ike_peer_conf conf;
	LIST_HEAD(, sa) sas;
	struct totals gone;          /* over SAs that are gone; live ones are added when somebody asks */
	uint64_t gone_lost;          /* packets that never came through those */
	uint64_t seen;               /* packets opened at the last look: more is a sign of life */
	bool rekey_child, rekey_ike; /* somebody has asked for it (telemetry/peers.c) */
	uint8_t owner; /* as told to the workers: the lowest one with an SA in use; SL_NO_WORKER */
	const struct sl_config_flow **flows; /* flow_count of them, as lib/ike numbers them */
	struct sl_ike_flow_conf *flow_confs;
	struct sl_esp_apart *aparts; /* their selectors, for the workers that have no SA of theirs */
	unsigned flow_count;
	unsigned path_mtu;           /* as learned from the path; 0: that of the wire */
	uint64_t path_mtu_forgotten; /* when it will be */
};

/* ICMP errors. */
struct errors {
	struct sl_rate rate; /* of all */
	struct sl_rate
		sources[256];    /* of those with the same hash, so that one does not silence the others */
	uint64_t said, not_said; /* not_said: too many */
	struct sl_rate heard_rate;
	uint64_t heard, forged; /* "too big": those that were right, and those about no SA of ours */
};

struct gateway {
	struct sl_config *config;
	pthread_mutex_t lock;
	uint64_t started; /* ns, monotonic as all times here */
	int epoll_fd, timer_fd, wake_fd, signal_fd;
	int stop_signal; /* 0 while running */

	struct rte_mempool *mbufs;
	struct link wire, plain;
	struct sl_routes *routes;
	struct sl_routes *routes_before; /* that some workers may still look at; NULL: none */
	unsigned routes_before_users, routes_made;
	struct sl_lan lan;
	struct worker *workers;
	unsigned worker_count;
	struct load_notes *loads; /* of each worker (load.c) */
	atomic_bool asleep;       /* the control thread, as workers see it */

	uint8_t ike_spi_key[SL_IKE_SPI_KEY_LEN]; /* before the workers are there, which know it */
	struct sl_ike_conf ike_conf;
	struct sl_ike *ike;

	struct sl_secret_pool *outs, *ins; /* sessions */
	struct sa **sas;                   /* by slot, SL_SLOTS of them */
	uint32_t *free_slots;              /* a queue of those not in use */
	uint32_t free_head, free_count;
	struct peer *peers;    /* by slot */
	unsigned peer_slots;   /* of these none beyond was ever taken */
	bool rekey_asked;      /* of any peer */
	bool reload_asked;     /* by SIGHUP */
	struct change *change; /* what an operator waits for; NULL: nothing */
	pthread_cond_t changed;

	uint64_t next_second;          /* when the once-a-second work is due */
	uint64_t open_plain_at;        /* UINT64_MAX: not waiting */
	uint64_t drops[SL_DROP_COUNT]; /* of packets that workers had handed over */
	struct errors errors;
	struct keylog *keylog;
	struct debug *debug; /* NULL: none */
	unsigned debugging;  /* bits 1 << enum debug_what of what goes on */
	struct watch *watch; /* of packets that the control thread drops; NULL: nobody looks */
	struct service service;
};

uint64_t gateway_now(void);

/* ---- run.c -------------------------------------------------------------------------------------------------------------- */

/*
 * Puts everything together that g->config asks for, when the EAL runs, up to workers that are ready to start; takes it apart
 * when none runs any more. Returns 0, or -1 having said why not.
 */
int gateway_assemble(struct gateway *g);
void gateway_disassemble(struct gateway *g);

/* Drops a packet that a worker had handed over, and counts it. */
void gateway_drop(struct gateway *g, struct rte_mbuf *m, enum sl_drop reason);

/* Gives a command to every worker. */
void gateway_command_all(struct gateway *g, const struct command *command);

/* Gives a packet to worker 0, which sends for the control thread, or drops it when that is behind. */
void gateway_send(struct gateway *g, enum command_type type, struct rte_mbuf *m);

/* ---- control.c: runs until SIGINT or SIGTERM; then it keeps the lock, for nobody may look around any more --------------- */

int control_init(struct gateway *g);
void control_run(struct gateway *g);

/* Takes what workers have to say: in the midst of a change that may make them say much. */
void control_take_events(struct gateway *g);

/* Does what is due. */
void control_run_timers(struct gateway *g);

/* ---- links.c ---------------------------------------------------------------------------------------------------------- */

int links_init(struct gateway *g);
void links_fini(struct gateway *g);

/* Asks, once the workers run, whether anybody else has our IPv6 addresses. */
void links_start(struct gateway *g);

void links_tick(struct gateway *g, uint64_t now);
uint64_t links_deadline(const struct gateway *g);

/* The neighbour through which addr is reached, itself or a router. False when there is none. */
bool link_next_hop(const struct link *link, const struct sl_addr *addr, struct sl_addr *hop);

/* The same when addr is on the link or behind a router that is configured for it: no default. */
bool link_covers(const struct link *link, const struct sl_addr *addr);

bool link_is_own(const struct link *link, const struct sl_addr *addr);

/* Which of our addresses speaks to addr; NULL when there is none of its family. */
const struct sl_addr *link_source(const struct link *link, const struct sl_addr *addr);

/* Takes a frame if it is ARP or NDP. */
bool link_neighbour_input(struct link *link, struct rte_mbuf *m);

/* Sends a frame, whose Ethernet addresses may be missing, to hop. */
void link_send_to(struct link *link, const struct sl_addr *hop, struct rte_mbuf *m);

/* Sends a complete frame. */
void link_send(struct link *link, struct rte_mbuf *m);

/* Puts an Ethernet header before the IP packet that the data of m is. False when there is no room. */
bool link_frame(const struct link *link, struct rte_mbuf *m);

/* ---- local.c ---------------------------------------------------------------------------------------------------------- */

/* A packet from a worker; owns it. */
void local_input(struct gateway *g, enum sl_handed why, struct rte_mbuf *m);

/* Seals a packet of our own, an IP packet without frame, for whoever it is addressed to. */
void local_seal(struct gateway *g, struct rte_mbuf *m);

/* Sends an IKE message: the operation of lib/ike. */
void local_send_ike(void *gateway, const struct sl_ike_path *path, const uint8_t *msg, size_t len);

/* Reminds a NAT before us: the operation of lib/ike. */
void local_send_keepalive(void *gateway, const struct sl_ike_path *path);

/* ---- errors.c ---------------------------------------------------------------------------------------------------------- */

/*
 * Drops a packet, an IP packet without frame, under the reason, and tells its sender why, as far as the RFCs and the limits
 * allow. mtu is of SL_ICMP_TOO_BIG.
 */
void error_about(
	struct gateway *g, struct rte_mbuf *m, enum sl_drop reason, enum sl_icmp_error error, unsigned mtu);

/* ---- path_mtu.c -------------------------------------------------------------------------------------------------------- */

/* A router says that our packet was too big. */
void path_mtu_told(struct gateway *g, const struct sl_icmp_too_big *told);

/* Once a second: forgets what is old. */
void path_mtu_tick(struct gateway *g, uint64_t now);

/* ---- peers.c ------------------------------------------------------------------------------------------------------------ */

/* The slots of all peers of g->config, in its order. fini after sa_fini(). */
int peers_init(struct gateway *g);
void peers_fini(struct gateway *g);

/* The slot of the peer of this name, or -1. */
int peer_find(const struct gateway *g, const char *name);

/*
 * A slot for a peer of a configuration; -1 when there is none, or no memory. Then lib/ike is told of it: 0, or -1 when it has
 * no memory, and the slot is to be discarded.
 */
int peer_prepare(struct gateway *g, const struct sl_config *config, unsigned index);
int peer_introduce(struct gateway *g, unsigned slot);
void peer_discard(struct gateway *g, unsigned slot);

/* The peer is now as this configuration says, in which nothing differs that takes a new link. */
void peer_configure(struct peer *p, const struct sl_config *config, unsigned index);

/* It is a peer no more, and leaves; forget makes its slot free when it has left, and the tick tries that with all. */
void peer_leave(struct gateway *g, unsigned slot, uint64_t now);
void peer_forget(struct gateway *g, unsigned slot);
void peers_tick(struct gateway *g);

/* Tells the workers' gates that these are the peers' endpoints, or (known false) that they are not any more. */
void peers_tell_gates(struct gateway *g, const struct sl_config *config, bool known);

void peer_selectors(struct sl_ts_list *list, const struct sl_prefix *prefixes, unsigned count);

/* ---- reload.c ----------------------------------------------------------------------------------------------------------- */

/* Routes to all peers, before any worker runs. Returns 0 or -1. */
int routes_init(struct gateway *g);

/* A worker has let go of what was before. */
void routes_released(struct gateway *g, struct sl_routes *routes);

/*
 * Reads the configuration file again and puts what has changed into effect. Says every mistake, or what was done, line by
 * line; returns whether it was. Not while there is something of the last change that workers look at (routes_before).
 */
bool reload(struct gateway *g, sl_config_report *report, void *ctx);

/* ---- changes.c: after telemetry_init() ---------------------------------------------------------------------------------- */

int changes_init(struct gateway *g);

/* Does what somebody has asked for. */
void changes_run(struct gateway *g);

/* ---- ike.c: after sa_init(), and before sa_fini() -------------------------------------------------------------------------- */

int ike_init(struct gateway *g);
void ike_fini(struct gateway *g);

/* ---- sa.h ------------------------------------------------------------------------------------------------------------- */

int sa_init(struct gateway *g);
void sa_fini(struct gateway *g);

/* Operations of lib/ike. */
uint32_t sa_spi_alloc(void *gateway, unsigned peer, unsigned worker);
void sa_spi_free(void *gateway, uint32_t spi);
int sa_install(void *gateway, const struct sl_ike_child *child);
void sa_use_outbound(void *gateway, unsigned peer, uint32_t spi_in);
void sa_move(void *gateway, unsigned peer, uint32_t spi_in, const struct sl_ike_path *path);
void sa_remove(void *gateway, unsigned peer, uint32_t spi_in);

/* A worker gave a session back. */
void sa_in_released(struct gateway *g, struct sl_esp_in *in);
void sa_out_released(struct gateway *g, struct sl_esp_out *out);

/* The MAC of a neighbour on the wire is known, or has changed. */
void sa_resolve(struct gateway *g, const struct sl_addr *next_hop, const struct rte_ether_addr *mac);

/* The peer with a live SA of which we could have sent such a packet, or -1. */
int sa_peer_told(const struct gateway *g, const struct sl_icmp_too_big *told);

/* From now on the largest outer packet that the path to a peer carries; 0: as large as the wire's. */
void sa_path_mtu(struct gateway *g, unsigned peer, unsigned mtu);

/* The largest packet that fits the tunnel to a peer; before there is one, as it will be without a NAT. */
unsigned sa_inner_mtu(const struct gateway *g, unsigned peer);

/* Packets and bytes of a peer since the start. */
void sa_totals(const struct gateway *g, unsigned peer, struct totals *sum);

/* Once a second: signs of life for the IKE engine, SAs at their limits. */
void sa_tick(struct gateway *g, uint64_t now);

/* The limits of a peer have changed: what there is reaches them earlier, but not later. */
void sa_limits_changed(struct gateway *g, unsigned peer);

/* Begins the rekeys that somebody has asked for. */
void sa_rekey_asked(struct gateway *g, uint64_t now);

/* What is told about the SAs with a peer. */
struct sa_peer_info {
	struct totals totals;
	struct sl_esp_gaps gaps;
	unsigned sas, sas_in_use; /* child SAs there are, and those of them that seal */
};

void sa_peer_info(struct gateway *g, unsigned peer, struct sa_peer_info *info);

/* What is told about a session. */
struct sa_info {
	uint32_t spi_in, spi_out;
	unsigned peer, worker;
	enum sl_cipher cipher;
	bool esn, in_use;
	const char *flow; /* its name; "-": of none */
	uint64_t created;
	uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes;
	uint64_t replayed, late, bad_icv;
	struct sl_esp_gaps gaps;
	/* What is left until keys are replaced, of the direction that is nearer to it, and until nothing is sealed any more. */
	struct sl_ike_child_limits time;
	uint64_t soft_packets, soft_bytes, hard_packets, hard_bytes;
};

/* Calls fn with the inbound SPI of every session. */
void sa_each(const struct gateway *g, void (*fn)(void *ctx, uint32_t spi_in), void *ctx);

/* About one session; false when there is none of this inbound SPI. */
bool sa_find(struct gateway *g, uint32_t spi_in, struct sa_info *info);

/* Tells the key log the keys of all sessions. */
void sa_tell_keys(const struct gateway *g);

/* Calls fn for the outer address of the peer in each of its SAs. */
void sa_addresses(
	const struct gateway *g, unsigned peer, void (*fn)(void *ctx, const struct sl_addr *addr), void *ctx);

/* ---- steering.c: asks the port to bring ESP to the queue of its worker ------------------------------------------------------ */

void steer(const struct port *wire);

/* ---- load.c: how busy the workers were in the last second ----------------------------------------------------------------- */

struct load {
	unsigned time_permille;   /* the time in which it had something to do */
	unsigned polls_permille;  /* the rounds of its loop in which there was something to do */
	unsigned fill_permille;   /* of what its bursts could hold */
	uint64_t cycles_a_packet; /* of the TSC; 0: there was no packet */
	uint64_t packets_a_second;
};

/* After the workers were set up. Returns 0 or -1. */
int load_init(struct gateway *g);
void load_fini(struct gateway *g);

/* Once a second. */
void load_tick(struct gateway *g);

void load_of(const struct gateway *g, unsigned worker, struct load *load);

/* ---- telemetry/ ------------------------------------------------------------------------------------------------------- */

int telemetry_init(struct gateway *g);

/* ---- access.c: the group of users who may ask, beside our own ------------------------------------------------------------- */

/*
 * The group that is configured; group is not touched when none is. Returns 0, or -1 after one line on stderr: there is no
 * such group on this machine.
 */
int access_find(const struct sl_config *c, gid_t *group);

/*
 * Gives it the telemetry socket of the EAL, which runs, and lets it reach that; or closes what an earlier run may have
 * left open. Returns 0, or -1 after one line on stderr.
 */
int access_grant(const struct sl_config *c, gid_t group);

#endif
