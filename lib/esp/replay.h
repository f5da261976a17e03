/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The anti-replay window (RFC 4303 3.4.3), as the ring of words of RFC 6479: moving the window forward clears whole
 * words ahead of the top and never shifts a bit. The ring holds twice the window, a power of two, so a position is a
 * mask away.
 *
 * Sequence numbers are 64 bits here, always. With ESN only the low half travels; sl_replay_expand() finds the high half
 * before the packet is authenticated (the ICV covers it, so a wrong guess cannot pass). Without ESN the low half is all
 * there is.
 *
 * A receiver calls sl_replay_check() before it decrypts, to save the work on obvious replays, and sl_replay_accept()
 * after the ICV was right: only an authenticated packet may move the window, and the second look catches the duplicate
 * that was in the same burst.
 */
#ifndef SEALANE_ESP_REPLAY_H
#define SEALANE_ESP_REPLAY_H

#include <stdint.h>

#include "count.h"

enum {
	SL_REPLAY_WINDOW = 4096,
	SL_REPLAY_WORDS = 128,
	SL_REPLAY_RING = SL_REPLAY_WORDS * 64,
};

_Static_assert((SL_REPLAY_WORDS & (SL_REPLAY_WORDS - 1)) == 0, "positions are masked, not divided");
_Static_assert(SL_REPLAY_RING >= SL_REPLAY_WINDOW + 64, "RFC 6479 3: one word more than the window at least");

enum sl_replay { SL_REPLAY_NEW, SL_REPLAY_SEEN, SL_REPLAY_LATE };

/* All zero is a fresh window: the first sequence number of an SA is 1. */
struct sl_replay_window {
	uint64_t words
		[SL_REPLAY_WORDS]; /* but not that of `top`, whose place is filled when the top leaves it */
	uint64_t top;              /* the highest sequence number accepted */
	uint64_t
		newest; /* the word of `top`: a packet in order needs no other, so these two share a cache line */
};

/*
 * The 64-bit sequence number that `low` stands for: the smallest one that is not older than the window (RFC 4303
 * A2.2). 0, which no sender uses, when that would lie before the start of the SA.
 */
static inline uint64_t sl_replay_expand(const struct sl_replay_window *w, uint32_t low)
{
	int64_t bottom = (int64_t)w->top - (SL_REPLAY_WINDOW - 1);
	int64_t seq = bottom + (uint32_t)(low - (uint32_t)bottom);

	return seq > 0 ? (uint64_t)seq : 0;
}

/* The word that holds the bit of seq, which is not above the top. */
static inline uint64_t *sl_replay_word(struct sl_replay_window *w, uint64_t seq)
{
	return seq / 64 == w->top / 64 ? &w->newest : &w->words[seq / 64 % SL_REPLAY_WORDS];
}

static inline enum sl_replay sl_replay_check(struct sl_replay_window *w, uint64_t seq)
{
	if (seq > w->top)
		return SL_REPLAY_NEW;
	if (seq == 0 || w->top - seq >= SL_REPLAY_WINDOW)
		return SL_REPLAY_LATE;
	return *sl_replay_word(w, seq) >> (seq % 64) & 1 ? SL_REPLAY_SEEN : SL_REPLAY_NEW;
}

/* Moves the top to seq, above it. The words between the old one and the new one have seen nothing yet. */
static inline void sl_replay_move(struct sl_replay_window *w, uint64_t seq)
{
	uint64_t at = w->top / 64, words = seq / 64 - at;

	sl_count_set(&w->top, seq);
	if (words == 0)
		return;
	sl_count_set(&w->words[at % SL_REPLAY_WORDS], w->newest);
	sl_count_set(&w->newest, 0);
	/* After a leap all of them, and no more. */
	if (words > SL_REPLAY_WORDS)
		words = SL_REPLAY_WORDS + 1;
	for (uint64_t i = 1; i < words; i++)
		sl_count_set(&w->words[(at + i) % SL_REPLAY_WORDS], 0);
}

/* Checks again, and when the number is new marks it as seen and moves the window up to it. */
static inline enum sl_replay sl_replay_accept(struct sl_replay_window *w, uint64_t seq)
{
	enum sl_replay verdict = sl_replay_check(w, seq);
	uint64_t *word;

	if (verdict != SL_REPLAY_NEW)
		return verdict;
	if (seq > w->top)
		sl_replay_move(w, seq);
	word = sl_replay_word(w, seq);
	sl_count_set(word, *word | UINT64_C(1) << (seq % 64));
	return SL_REPLAY_NEW;
}

/*
 * For who wants to know what has not arrived: how many numbers of the window, up to its top, have not been seen. They may
 * still come; older ones may not. *top is what the window's was.
 *
 * This may be another thread than the receiver's. Then it tells what was true a moment ago, within what came meanwhile: the
 * ring holds twice the window, so a word that belongs to it is not cleared for another window's worth of packets.
 */
unsigned sl_replay_missing(const struct sl_replay_window *w, uint64_t *top);

#endif
