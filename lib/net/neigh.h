/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The neighbours on one link: which MAC address answers for which IPv4 address (RFC 826, RFC 1122 2.3.2).
 *
 * A table asks when somebody needs an address it does not know, keeps a few packets meanwhile, refreshes what it knows
 * before it grows old, and forgets what no longer answers. It believes answers to what it asked, and requests that are
 * meant for this gateway; an unasked-for announcement only changes what is known already. Entries and waiting packets
 * are bounded: when the table is full, the oldest entry that never got an answer makes room.
 *
 * Like the IKE engine it does no I/O: time and ARP packets go in, requests and changes come out through the owner's
 * operations. It belongs to one thread.
 *
 *     INCOMPLETE ──answer──► REACHABLE ──30 s──► PROBE ──answer──► REACHABLE
 *         │ 3 requests unanswered                  │ 3 unicast requests unanswered
 *         └──────────────► gone ◄──────────────────┘
 */
#ifndef SEALANE_NET_NEIGH_H
#define SEALANE_NET_NEIGH_H

#include "packet.h"

enum {
	SL_NEIGH_MAX = 4096,   /* entries of a table */
	SL_NEIGH_WAITING = 16, /* packets kept for one unresolved address */
	SL_NEIGH_REQUESTS = 3, /* unanswered requests until it is given up */
};

#define SL_NEIGH_RETRY_NS     UINT64_C(1000000000)  /* RFC 1122 2.3.2.1: at most one request a second */
#define SL_NEIGH_REACHABLE_NS UINT64_C(30000000000) /* RFC 4861 10: REACHABLE_TIME */

struct sl_neigh_ops {
	/* Send an ARP request for ip, to everybody or (mac not NULL) to that station. */
	void (*request)(void *owner, uint32_t ip, const struct rte_ether_addr *mac);

	/* ip is now at mac; NULL: it is no longer known. */
	void (*changed)(void *owner, uint32_t ip, const struct rte_ether_addr *mac);

	/* A kept packet can go to mac; NULL: it must be dropped. Ownership goes to the callee. */
	void (*release)(void *owner, void *packet, const struct rte_ether_addr *mac);
};

struct sl_neigh_table;

/*
 * A table for the link on which this gateway is `own` (host order). name is unique in the process. NULL when memory is
 * short. Needs the EAL (rte_hash).
 */
struct sl_neigh_table *sl_neigh_new(
	const char *name, uint32_t own, const struct sl_neigh_ops *ops, void *owner);

/* Drops what waits and frees; NULL is fine. */
void sl_neigh_free(struct sl_neigh_table *table);

/* The MAC of ip, or NULL: then a request is under way, and `changed` will tell. ip is host order. */
const struct rte_ether_addr *sl_neigh_resolve(struct sl_neigh_table *table, uint64_t now, uint32_t ip);

/*
 * Sends the packet to ip as soon as its MAC is known: `release` is called with it, now or later, exactly once.
 */
void sl_neigh_send(struct sl_neigh_table *table, uint64_t now, uint32_t ip, void *packet);

/* An ARP packet has arrived on the link. */
void sl_neigh_input(struct sl_neigh_table *table, uint64_t now, const struct sl_arp *arp);

/* Lets timers run; sl_neigh_deadline() says when next, UINT64_MAX for never. */
void sl_neigh_tick(struct sl_neigh_table *table, uint64_t now);
uint64_t sl_neigh_deadline(const struct sl_neigh_table *table);

/* Entries with a known MAC. */
unsigned sl_neigh_known(const struct sl_neigh_table *table);

#endif
