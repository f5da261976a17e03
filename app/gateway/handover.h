/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What workers give each other. Each has an inbox, a ring, for every stage at which a packet may change hands, and takes
 * it up at exactly that stage:
 *
 *     RECEIVED              a frame of the plain port, which has fewer receive queues than there are workers: those who
 *                           poll it spread the flows over all
 *     SEAL, OPEN            an inner or an ESP packet whose session the taker has (lib/dataplane/dataplane.h)
 *     SEND_WIRE, SEND_PLAIN a frame for a port with fewer transmit queues than there are workers; the taker has one
 *
 * A packet goes through each at most once and in this order, so none can go round in circles. Whoever finds an inbox full
 * drops the packet and counts it. Packets of one giver stay in order. Nobody ever waits, not even for a giver that has lost
 * its processor in the middle of giving (rte_ring's relaxed tail synchronization).
 */
#ifndef SEALANE_GATEWAY_HANDOVER_H
#define SEALANE_GATEWAY_HANDOVER_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

enum inbox { INBOX_RECEIVED, INBOX_SEAL, INBOX_OPEN, INBOX_SEND_WIRE, INBOX_SEND_PLAIN, INBOX_COUNT };

enum { INBOX_PACKETS = 2048 }; /* one less fits; a power of two */

struct worker;

/*
 * Makes those inboxes of the worker that somebody will use: none when it is the only one. Its ports must be known.
 * Returns 0 or a negative errno.
 */
int handover_init(struct worker *w);

/* Frees the inboxes and what is in them, when no worker runs any more. */
void handover_fini(struct worker *w);

/* Gives packets to another worker. */
void hand_over(struct worker *from, unsigned to, enum inbox inbox, struct rte_mbuf **packets, unsigned n);

/* The same with a worker for each packet. Both arrays are used up. */
void hand_over_each(
	struct worker *from, enum inbox inbox, struct rte_mbuf **packets, uint8_t *to, unsigned n);

/*
 * Spreads frames over all workers by the flow they belong to. Keeps what is the worker's own, in order, at the start of
 * the array, and returns how many that are.
 */
unsigned spread(struct worker *w, struct rte_mbuf **frames, unsigned n);

#endif
