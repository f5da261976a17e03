/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A whole gateway in this thread: put together as `sealane run` does it, from a configuration file, but for its clock, which is
 * virtual; its ports, which are rings that we fill and empty; and its loops, which we go round by hand. Behind the wire port
 * is a peer, a real engine of lib/ike, and stations that answer for their addresses on both sides.
 *
 *     host 10.1.0.9, fd00:1::9 ── plain 10.1.0.1 [gateway] wire 192.0.2.1, 2001:db8::1 ── peer 192.0.2.2, 2001:db8::2
 *
 * The gateway lives on from one input to the next: to make one anew takes too long. So gateway_calm() brings it back to
 * where it was: the link is up, nothing waits, what was learned for a while is forgotten.
 */
#ifndef SEALANE_TESTS_FUZZ_WHOLE_GATEWAY_H
#define SEALANE_TESTS_FUZZ_WHOLE_GATEWAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/gateway/gateway.h"

/* What must hold; unlike assert() it is there in every build. */
#define MUST(condition)                                                                                      \
	do {                                                                                                 \
		if (!(condition)) {                                                                          \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);              \
			abort();                                                                             \
		}                                                                                            \
	} while (0)

extern struct gateway whole;

/* The child SA through which the peer sends to the gateway, the latest; spi_out is the gateway's. */
extern struct sl_ike_child peer_child;

/* Once. It aborts the program when anything fails. */
void gateway_up(void);

/* A frame arrives, and is counted. False when it is too long for a buffer. */
bool gateway_receives(const struct link *link, const void *frame, size_t len);

/* Goes round until there is nothing more to do now. What the gateway sends is checked and gets its answer. */
void gateway_settle(void);

/* Lets so much time pass, in steps of a second at most. */
void gateway_wait(uint64_t ns);

/* Everything is as at the start, or else the program aborts: see above. */
void gateway_calm(void);

#endif
