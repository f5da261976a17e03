/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A world of two or three gateways in one process: real IKE engines, a simulated network, simulated ESP, virtual time.
 * Everything random comes from one seed, so a seed is a history that can be told again.
 *
 *   network.c     the clock, the queue of what is under way, and what the network does to it
 *   gateway.c     a node: the owner of an engine
 *   dataplane.c   sessions, sealed packets as (key, counter), and the ledger of every key that ever was
 *   check.c       what must hold after each event, and what must hold in calm
 *   world.c       what a world is made of, at random
 *   story.c       what happens to the world of a seed
 *   crash.c       the same short history, with a power cut at each moment of it
 *   change.c      peers that are removed, added and changed while an engine runs
 *   report.c      the trace: its hash, its last lines, and how a violation is told
 *   sim.c         the program
 */
#ifndef SEALANE_TESTS_SIM_H
#define SEALANE_TESTS_SIM_H

#include <string.h>

#include "lib/esp/replay.h"
#include "lib/ike/ike.h"

#define SIM_MS UINT64_C(1000000)
#define SIM_S  (1000 * SIM_MS)

enum {
	SIM_NODES_MAX = 3,
	SIM_PEERS_MAX = SIM_NODES_MAX - 1,
	SIM_WORKERS_MAX = 4,
	SIM_FLOWS_MAX = 2,     /* of one peer at one node */
	SIM_SESSIONS_MAX = 64, /* of one peer at one node; more means that old ones are not removed */
	SIM_SPIS_MAX = 8,      /* reserved for one peer at one node, and not installed */
	SIM_IKE_SAS_MAX = 32,  /* of one node */
	SIM_LINES = 48,
	SIM_LINE = 200,
	SIM_BUCKETS = 256,
	SIM_SCENES = 6, /* of crash.c, and ways to cut the power */
	SIM_CUTS = 7,
};

/* ---- report.c ---------------------------------------------------------------------------------------------------- */

/*
 * What a run leaves behind, even when it crashes: it lies in memory shared with the parent process.
 */
struct sim_report {
	uint64_t seed;            /* the one that runs, or ran last */
	char violation[SIM_LINE]; /* empty: none */
	char lines[SIM_LINES][SIM_LINE];
	uint64_t line_count;

	/* Sums over the seeds that held. */
	uint64_t seeds, handshakes, packets, virtual_time;
	uint64_t settle_max;   /* ns from the healing of the network to calm */
	uint64_t blackout_max; /* ns without a packet after that */
	unsigned sessions_max; /* of one peer at one node */

	/* Of crash.c. */
	char again[64]; /* options that tell this very history again; empty: its seed does */
	uint64_t crashes, moments;
	uint64_t back_max, back_sum, back_allowed; /* ns from the last start to packets in both directions */
	unsigned back_moment, back_cut;            /* of the longest */
};

struct sim;

/* An event: goes into the hash, the last lines, and with --trace to stdout. */
void sim_note(struct sim *sim, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Something too frequent for a line: into the hash only. */
void sim_hash(struct sim *sim, const void *data, size_t len);

/* An invariant does not hold: records it and ends the process. */
void sim_violation(struct sim *sim, const char *format, ...) __attribute__((format(printf, 2, 3), noreturn));

/* ---- dataplane.c ------------------------------------------------------------------------------------------------- */

/* The key of one direction of a child SA. Kept for ever, so that no other may equal it. */
struct sim_key {
	struct sim_key *next;
	struct sl_ike_keys keys;
	enum sl_cipher cipher;
	int sealer, opener; /* the nodes that have installed it, or -1 */
	uint64_t sealed;    /* the highest counter used */
};

/* A child SA as one node has it. Kept after its removal, for the other end may install its half later. */
struct sim_session {
	struct sim_session *next; /* of all that ever were, by spi_in */
	struct sl_ike_child child;
	unsigned node;
	struct sim_key *seal, *open;
	uint64_t seq;
	struct sl_replay_window window;
	uint64_t ends_at; /* hard limit of time */
	bool in_use;      /* seals what its worker sends */
};

/* A packet in ESP: what an onlooker could tell from it, with the key in place of what the key does; and what is inside. */
struct sim_esp {
	uint32_t spi;
	const struct sim_key *key;
	uint64_t seq;
	uint8_t protocol; /* of the packet that two hosts exchange: one of a flow, or another */
};

/* Traffic from one node to another. */
struct sim_flow {
	uint64_t sent, delivered;
	uint64_t last; /* when a packet was delivered last */
	uint64_t gap;  /* the longest time without one since this was reset */
};

/* What one node has of one peer. */
struct sim_link {
	uint32_t reserved[SIM_SPIS_MAX];                /* 0: free place */
	struct sim_session *sessions[SIM_SESSIONS_MAX]; /* installed; NULL: free place */
	bool received;                                  /* a packet, since the last look */
};

struct sim_node;

void sim_session_install(struct sim_node *node, const struct sl_ike_child *child);
void sim_session_remove(struct sim_node *node, unsigned peer, uint32_t spi_in);
void sim_session_use(struct sim_node *node, unsigned peer, uint32_t spi_in);

enum { SIM_ICMP = 1, SIM_TCP = 6, SIM_UDP = 17 }; /* protocols; there may be flows for the latter two */

/* Which of the flows that nodes may have configured a session is for: its protocol, or 0. */
uint8_t sim_flow_protocol(const struct sim_session *session);

/*
 * The session this worker seals packets of a protocol with: one for a flow rather than another, its own rather than that
 * of the first worker that has one; NULL when there is none.
 */
struct sim_session *sim_outbound(const struct sim_link *link, unsigned worker, uint8_t protocol);

/* How many of its sessions are in use. */
unsigned sim_in_use(const struct sim_link *link);

/* A host behind the node sends a packet to one behind that peer. */
void sim_traffic(struct sim_node *node, unsigned peer);
void sim_open(struct sim_node *node, const struct sim_esp *packet);
void sim_dataplane_free(struct sim *sim);

/* ---- gateway.c --------------------------------------------------------------------------------------------------- */

struct sim_node {
	struct sim *sim;
	unsigned index;
	const char *name;
	struct sl_ed25519_key key, next_key; /* the peers know both */
	struct sl_ike_conf conf;
	struct sl_ike_peer_conf peers[SIM_PEERS_MAX];
	struct sl_ike_flow_conf flows[SIM_PEERS_MAX][SIM_FLOWS_MAX];
	unsigned late_flows[SIM_PEERS_MAX]; /* how many of them are configured only in calm */
	struct sim_link links[SIM_PEERS_MAX];
	enum { SIM_PRESENT, SIM_LEAVING, SIM_GONE } absent[SIM_PEERS_MAX]; /* removed from the engine */
	uint64_t back_at[SIM_PEERS_MAX];                                   /* when it is added again */
	struct sl_ike *ike;                                                /* NULL: switched off */
	uint64_t packets;    /* that a session carries before its keys are renewed; 0: any number */
	uint64_t handshakes; /* of engines that are gone */
	bool dying;          /* the power has gone in the midst of an event: it says nothing more */
};

/* Peers of a node are the other nodes in order. */
static inline unsigned sim_node_of(const struct sim_node *node, unsigned peer)
{
	return peer < node->index ? peer : peer + 1;
}

static inline unsigned sim_peer_of(const struct sim_node *node, unsigned other)
{
	return other < node->index ? other : other - 1;
}

/* It runs, and has this peer. */
static inline bool sim_knows(const struct sim_node *node, unsigned peer)
{
	return node->ike && node->absent[peer] == SIM_PRESENT;
}

void sim_node_boot(struct sim_node *node);

/* Without a word, as in a power cut. */
void sim_node_crash(struct sim_node *node);

/* With a Delete to every peer. */
void sim_node_shutdown(struct sim_node *node);

/* What the gateway does once a second: tells the engine of signs of life, and of sessions that are worn out. */
void sim_node_second(struct sim_node *node);

/* ---- change.c ---------------------------------------------------------------------------------------------------- */

/* Removes a peer, to be added again some seconds later, once it has gone. */
void sim_dismiss(struct sim_node *node, unsigned peer);

/* Once a second: adds those that are due. */
void sim_admit(struct sim_node *node);

void sim_take_down(struct sim_node *node, unsigned peer);

/* All links of the node. */
void sim_take_up(struct sim_node *node);

/* What may change in place. */
void sim_change(struct sim_node *node, unsigned peer);

/* Asks for fresh keys of all children with that node, or of the IKE SA. */
void sim_rekey(struct sim_node *node, unsigned other, bool ike);

/* ---- network.c --------------------------------------------------------------------------------------------------- */

enum sim_event_kind { SIM_IKE, SIM_ESP, SIM_TRAFFIC, SIM_SECOND, SIM_ACTION };

struct sim_event {
	uint64_t at, order; /* what was queued first comes first */
	enum sim_event_kind kind;
	unsigned from, to;
	struct sl_ike_path path; /* as the sender gave it */
	struct sim_esp esp;
	unsigned action;
	size_t len;
	uint8_t *data;
};

/* What the network is like. Chances are in percent. */
struct sim_weather {
	unsigned loss, duplication, corruption, stray; /* stray: a copy comes much later */
	uint64_t delay, jitter;
	uint64_t lose; /* one bit for each of the next IKE messages: it is lost */
};

/* A protected IKE message that was sent: neither its IV nor its message ID may serve another. */
struct sim_sealed {
	struct sim_sealed *next;
	uint64_t spi_i, spi_r, iv, digest;
	uint32_t id;
	bool initiator, response;
};

struct sim_ike_key {
	struct sim_ike_key *next;
	uint64_t spi_i, spi_r;
	struct sl_ike_keys keys;
};

/* A power cut that is planned for one moment, or has happened. */
struct sim_crash {
	unsigned at, moments; /* its number, and how many there have been; at 0: never */
	unsigned cut;         /* who is cut off, and for how long */
	unsigned actor;       /* at whose moment it happened */
	bool happened;
};

struct sim {
	uint64_t now, random, hash, order;
	struct sim_report *report;
	bool trace;

	unsigned node_count;
	struct sim_node nodes[SIM_NODES_MAX];
	struct sim_flow flows[SIM_NODES_MAX][SIM_NODES_MAX];
	bool cut[SIM_NODES_MAX][SIM_NODES_MAX]; /* nothing gets from there to there */
	struct sim_weather weather;
	unsigned shortage; /* chance that a node has no room for a child SA */
	bool scarce;       /* that chance has not always been 0 */
	uint64_t interval; /* between packets of a flow */
	bool answers;      /* the host behind the second node sends only as much as it has received */

	struct sim_event *queue; /* a heap */
	unsigned queued, queue_size;

	struct sim_crash *crash; /* NULL: none is planned */

	uint32_t last_spi;
	struct sim_key *keys[SIM_BUCKETS];
	struct sim_session *sessions[SIM_BUCKETS];
	struct sim_sealed *sealed[SIM_BUCKETS];
	struct sim_ike_key *ike_keys[SIM_BUCKETS];
};

uint64_t sim_random(struct sim *sim);
uint64_t sim_below(struct sim *sim, uint64_t limit);
bool sim_chance(struct sim *sim, unsigned percent);

void sim_queue(struct sim *sim, const struct sim_event *event);
void sim_send_ike(struct sim_node *node, const struct sl_ike_path *path, const uint8_t *msg, size_t len);
void sim_send_esp(struct sim_node *node, unsigned to, const struct sim_esp *packet);

/* Lets everything happen that happens until then, or until the power cut that is planned. */
void sim_run(struct sim *sim, uint64_t until);
void sim_network_free(struct sim *sim);

/* ---- check.c ----------------------------------------------------------------------------------------------------- */

/* The other end's half of the child SA, if it was ever installed, must fit this one. */
void sim_check_session(struct sim *sim, const struct sim_session *session);

/* The keys of an IKE SA, as one of its ends derives them: they are of no other. */
void sim_check_ike_keys(struct sim *sim, uint64_t spi_i, uint64_t spi_r, const struct sl_ike_keys *initiator,
	const struct sl_ike_keys *responder);

/* Sealed, if it is none of IKE_SA_INIT. One IV, one message (RFC 5282 3.1); one message ID, one message, however often it is sent (RFC 7296 2.1). */
void sim_check_message(struct sim_node *node, const uint8_t *msg, size_t len);

/* After an event at this node. */
void sim_check_node(struct sim_node *node);

/* NULL when every link is as it should be in calm; otherwise what is wrong. */
const char *sim_fault(struct sim *sim);

/* ---- world.c ----------------------------------------------------------------------------------------------------- */

void sim_make_world(struct sim *sim);
void sim_make_weather(struct sim *sim);

/* The node has a flow of this protocol with the peer. */
void sim_add_flow(struct sim_node *node, unsigned peer, uint8_t protocol);

/* ---- story.c ----------------------------------------------------------------------------------------------------- */

/* The whole history of a seed; returns the hash of its trace. */
uint64_t sim_story(struct sim_report *report, uint64_t seed, bool trace);
void sim_act(struct sim *sim, const struct sim_event *event);

/* Stops the hosts, and lets what is under way arrive; forgets what has been sent; all of it must have arrived. */
void sim_pause_traffic(struct sim *sim);
void sim_reset_flows(struct sim *sim);
void sim_check_flows(struct sim *sim);

/* ---- crash.c ----------------------------------------------------------------------------------------------------- */

const char *sim_scene_name(unsigned scene);

/* A moment at which the power may go: this is about to happen at the node, or has just happened. */
void sim_moment(struct sim_node *node, const char *what);

/* After each event: whoever the power has gone at is gone. */
void sim_power(struct sim *sim);

/* A history with a power cut at one moment; false: it has no such moment. */
bool sim_crash_story(struct sim_report *report, unsigned scene, unsigned moment, unsigned cut, bool trace);

/* At every moment of it, or at each so many-th. */
void sim_crash_everywhere(struct sim_report *report, unsigned scene, unsigned stride);

#endif
