/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two things measured in turns, so that what the machine does meanwhile befalls both. A round is one turn of each; its
 * first is also the probe: a round in which that was slow is dropped, and medians are taken of the others.
 */
#ifndef SEALANE_PERF_ROUNDS_H
#define SEALANE_PERF_ROUNDS_H

enum { ROUNDS_MAX = 4096 };

struct rounds {
	unsigned count;
	double bare[ROUNDS_MAX], ours[ROUNDS_MAX];
};

struct rounds_result {
	double bare, ours, overhead; /* medians; overhead is that of the differences */
	unsigned kept, dropped;
};

/* Once it is full, the earliest rounds give way. */
void rounds_add(struct rounds *r, double bare, double ours);

/* There must be a round at least. Sorts what it was given. */
struct rounds_result rounds_result(struct rounds *r);

#endif
