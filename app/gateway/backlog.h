/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Commands that found the ring to their worker full, in their order. A worker that has no CPU for a while, or for which the
 * control thread has very much to do at once, gets them a little later; the control thread goes on meanwhile. Without
 * end a worker stands still only if something is broken: the watchdog of the service sees that (service.h), not we.
 *
 * The worker reports what it releases in a ring of its own, which the control thread empties between two things it does. Were
 * it to wait for room here, and the worker for room there, they would do so for ever.
 */
#ifndef SEALANE_GATEWAY_BACKLOG_H
#define SEALANE_GATEWAY_BACKLOG_H

#include <rte_ring.h>

#include "message.h"

/* All zero: empty. Used by the control thread only. */
struct backlog {
	struct command *commands; /* `count` of them wait, from `first` on; there is room for `room` */
	unsigned first, count, room;
};

/* Puts a copy behind all others. Returns 0 or -ENOMEM. */
int backlog_add(struct backlog *b, const struct command *command);

/* Moves as many into the ring as it takes. */
void backlog_give(struct backlog *b, struct rte_ring *ring);

void backlog_fini(struct backlog *b);

#endif
