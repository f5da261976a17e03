/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The neighbours on one link: which MAC address answers for which IP address, of either family (RFC 826, RFC 1122 2.3.2,
 * RFC 4861).
 *
 * A table asks when somebody needs an address it does not know, keeps a few packets meanwhile, refreshes what it knows
 * before it grows old, and forgets what no longer answers. It believes answers to what it asked, and questions that are
 * meant for this gateway; an unasked-for announcement only changes what is known already. Entries and waiting packets
 * are bounded: when the table is full, the oldest entry that never answered us makes room. So neither packets to addresses
 * that do not exist nor questions from invented ones can push out a neighbour that does answer.
 *
 * Like the IKE engine it does no I/O: time and messages go in, questions and changes come out through the owner's
 * operations. It belongs to one thread.
 *
 *     INCOMPLETE ──answer──► REACHABLE ──30 s──► PROBE ──answer──► REACHABLE
 *         │ 3 questions unanswered                 │ 3 unicast questions unanswered
 *         └──────────────► gone ◄──────────────────┘
 */
#ifndef SEALANE_NET_NEIGH_H
#define SEALANE_NET_NEIGH_H

#include "neigh_msg.h"

enum {
	SL_NEIGH_MAX = 4096,          /* entries of a table */
	SL_NEIGH_WAITING = 16,        /* packets kept for one unresolved address */
	SL_NEIGH_WAITING_TOTAL = 512, /* and for all of them together: what waits is missing elsewhere */
	SL_NEIGH_QUESTIONS = 3,       /* unanswered ones until it is given up */
	SL_NEIGH_OWN_MAX = 16,        /* addresses of our own */
};

#define SL_NEIGH_RETRY_NS     UINT64_C(1000000000)  /* RFC 1122 2.3.2.1: at most one question a second */
#define SL_NEIGH_REACHABLE_NS UINT64_C(30000000000) /* RFC 4861 10: REACHABLE_TIME */

struct sl_neigh_ops {
	/* Ask who has ip, everybody or (mac not NULL) that station. */
	void (*ask)(void *owner, const struct sl_addr *ip, const struct rte_ether_addr *mac);

	/* ip is now at mac; NULL: it is no longer known. */
	void (*changed)(void *owner, const struct sl_addr *ip, const struct rte_ether_addr *mac);

	/* A kept packet can go to mac; NULL: it must be dropped. Ownership goes to the callee. */
	void (*release)(void *owner, void *packet, const struct rte_ether_addr *mac);

	/* Somebody says that ip, one of our own, is at mac, which is not ours. */
	void (*conflict)(void *owner, const struct sl_addr *ip, const struct rte_ether_addr *mac);
};

struct sl_neigh_counters {
	uint64_t evicted; /* entries that made room for others */
	uint64_t refused; /* no room: everybody in the table answers */
	uint64_t ignored; /* messages that concerned nobody in it */
};

struct sl_neigh_table;

/*
 * A table for the link on which this gateway has these addresses, and this MAC. name is unique in the process. NULL when
 * memory is short. Needs the EAL (rte_hash).
 */
struct sl_neigh_table *sl_neigh_new(const char *name, const struct rte_ether_addr *mac,
	const struct sl_addr *own, unsigned own_count, const struct sl_neigh_ops *ops, void *owner);

/* Drops what waits and frees; NULL is fine. */
void sl_neigh_free(struct sl_neigh_table *table);

/* The MAC of ip, or NULL: then a question is under way, and `changed` will tell. */
const struct rte_ether_addr *sl_neigh_resolve(
	struct sl_neigh_table *table, uint64_t now, const struct sl_addr *ip);

/*
 * Sends the packet to ip as soon as its MAC is known: `release` is called with it, now or later, exactly once.
 */
void sl_neigh_send(struct sl_neigh_table *table, uint64_t now, const struct sl_addr *ip, void *packet);

/*
 * A message has arrived on the link. The caller has seen that who it speaks of may be on this link at all.
 */
void sl_neigh_input(struct sl_neigh_table *table, uint64_t now, const struct sl_neigh_msg *msg);

/* The address is one of our own on this link. */
bool sl_neigh_is_own(const struct sl_neigh_table *table, const struct sl_addr *ip);

/* Lets timers run; sl_neigh_deadline() says when next, UINT64_MAX for never. */
void sl_neigh_tick(struct sl_neigh_table *table, uint64_t now);
uint64_t sl_neigh_deadline(const struct sl_neigh_table *table);

/* What is known of one neighbour. */
enum sl_neigh_state {
	SL_NEIGH_INCOMPLETE, /* asked for, no answer yet */
	SL_NEIGH_REACHABLE,
	SL_NEIGH_PROBE, /* was reachable, and is being asked again */
};

struct sl_neigh_info {
	struct sl_addr ip;
	enum sl_neigh_state state;
	struct rte_ether_addr mac; /* zero while incomplete */
	uint64_t since;            /* when it was last heard; incomplete: when it was first asked for */
};

/* Calls fn for every entry, until it returns false. fn must not change the table. */
void sl_neigh_each(const struct sl_neigh_table *table,
	bool (*fn)(void *ctx, const struct sl_neigh_info *info), void *ctx);

/* One of them; false when there is none. */
bool sl_neigh_find(const struct sl_neigh_table *table, const struct sl_addr *ip, struct sl_neigh_info *info);

const char *sl_neigh_state_name(enum sl_neigh_state state); /* "incomplete", "reachable", "probe" */

/* Entries with a known MAC. */
unsigned sl_neigh_known(const struct sl_neigh_table *table);

const struct sl_neigh_counters *sl_neigh_counters(const struct sl_neigh_table *table);

#endif
