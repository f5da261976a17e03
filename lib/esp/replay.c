/* SPDX-License-Identifier: BSD-3-Clause */
/* A look at the replay window from outside: see replay.h. */
#include "replay.h"

enum { TRIES = 16 };

/* The top, and the word that was its own at that moment: the receiver may be moving both. */
static uint64_t read_top(const struct sl_replay_window *w, uint64_t *newest)
{
	uint64_t seen = sl_counted(&w->top);

	for (unsigned i = 0; i < TRIES; i++) {
		uint64_t again;

		*newest = sl_counted(&w->newest);
		again = sl_counted(&w->top);
		if (again / 64 == seen / 64)
			break;
		seen = again;
	}
	return seen;
}

/* The bits of one word that stand for numbers from first to last. */
static uint64_t mask(uint64_t at, uint64_t first, uint64_t last)
{
	uint64_t bits = UINT64_MAX;

	if (first / 64 == at)
		bits &= UINT64_MAX << first % 64;
	if (last / 64 == at)
		bits &= UINT64_MAX >> (63 - last % 64);
	return bits;
}

unsigned sl_replay_missing(const struct sl_replay_window *w, uint64_t *top)
{
	uint64_t newest, last = read_top(w, &newest);
	uint64_t first = last < SL_REPLAY_WINDOW ? 1 : last - SL_REPLAY_WINDOW + 1;
	unsigned missing = 0;

	*top = last;
	for (uint64_t at = first / 64; last > 0 && at <= last / 64; at++) {
		uint64_t seen = at == last / 64 ? newest : sl_counted(&w->words[at % SL_REPLAY_WORDS]);

		missing += (unsigned)__builtin_popcountll(~seen & mask(at, first, last));
	}
	return missing;
}
