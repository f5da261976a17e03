/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The replay window against a model that is too simple to be wrong: it remembers every number of the last window one by
 * one. Both see the same random walk of sequence numbers, near the start, in the middle, and across the roll-over of
 * the low half.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/esp/replay.h"

enum { STEPS = 2000000, LOOKS = 997, REMEMBERED = 1 << 14 };

struct model {
	uint64_t top;
	uint64_t seen[REMEMBERED]; /* by number modulo; 0: never */
};

static enum sl_replay model_accept(struct model *m, uint64_t seq)
{
	if (seq == 0 || (seq <= m->top && m->top - seq >= SL_REPLAY_WINDOW))
		return SL_REPLAY_LATE;
	if (m->seen[seq % REMEMBERED] == seq)
		return SL_REPLAY_SEEN;
	m->seen[seq % REMEMBERED] = seq;
	if (seq > m->top)
		m->top = seq;
	return SL_REPLAY_NEW;
}

/* Numbers of the window that have not been seen, one by one. */
static unsigned model_missing(const struct model *m)
{
	unsigned missing = 0;

	for (uint64_t seq = m->top; seq > 0 && m->top - seq < SL_REPLAY_WINDOW; seq--)
		missing += m->seen[seq % REMEMBERED] != seq;
	return missing;
}

static void same_missing(const struct sl_replay_window *w, const struct model *m)
{
	uint64_t top;

	assert_int_equal(sl_replay_missing(w, &top), model_missing(m));
	assert_int_equal(top, m->top);
}

static uint64_t random_state;

static uint64_t next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

/* Mostly a little ahead or behind, now and then far ahead: the moves real traffic and an attacker make. */
static uint64_t next_seq(uint64_t top)
{
	uint64_t r = next_random(), kind = r % 100, by = r >> 32;

	if (kind < 60)
		return top + by % 4;
	if (kind < 75)
		return top + by % 200;
	if (kind < 97)
		return top - (by % (SL_REPLAY_WINDOW + 100) < top ? by % (SL_REPLAY_WINDOW + 100) : top);
	return top + by % (3 * SL_REPLAY_RING);
}

static void walk(uint64_t start, uint64_t seed)
{
	struct sl_replay_window w = {.top = 0};
	struct model *m = calloc(1, sizeof(*m));
	unsigned counts[3] = {0};

	random_state = seed;
	assert_int_equal(sl_replay_accept(&w, start), model_accept(m, start));
	for (unsigned i = 0; i < STEPS; i++) {
		uint64_t seq = next_seq(m->top);
		enum sl_replay expected;

		assert_int_equal(w.top, m->top);
		/* The high half is rebuilt from the low one wherever the number is acceptable at all. */
		if (seq != 0 && seq + SL_REPLAY_WINDOW > m->top)
			assert_int_equal(sl_replay_expand(&w, (uint32_t)seq), seq);
		expected = model_accept(m, seq);
		assert_int_equal(sl_replay_check(&w, seq), expected);
		assert_int_equal(sl_replay_accept(&w, seq), expected);
		counts[expected]++;
		if (i % LOOKS == 0)
			same_missing(&w, m);
	}
	for (unsigned i = 0; i < 3; i++)
		assert_true(counts[i] > STEPS / 1000);
	free(m);
}

static void from_the_start(void **state)
{
	(void)state;
	walk(1, 88172645463325252);
}

static void across_the_roll_over(void **state)
{
	(void)state;
	walk(UINT32_MAX - 100000, 1234567);
	walk(5 * ((uint64_t)UINT32_MAX + 1) - 300000, 7654321);
}

static void edges(void **state)
{
	struct sl_replay_window w = {.top = 0};

	(void)state;
	assert_int_equal(sl_replay_accept(&w, 0), SL_REPLAY_LATE);
	assert_int_equal(sl_replay_accept(&w, 1), SL_REPLAY_NEW);
	assert_int_equal(sl_replay_accept(&w, 1), SL_REPLAY_SEEN);
	assert_int_equal(sl_replay_accept(&w, SL_REPLAY_WINDOW), SL_REPLAY_NEW);
	assert_int_equal(sl_replay_accept(&w, 1), SL_REPLAY_SEEN);
	assert_int_equal(sl_replay_accept(&w, SL_REPLAY_WINDOW + 1), SL_REPLAY_NEW);
	assert_int_equal(sl_replay_accept(&w, 1), SL_REPLAY_LATE);
	assert_int_equal(sl_replay_accept(&w, 2), SL_REPLAY_NEW);
	/* A jump over the whole ring must forget everything behind it. */
	assert_int_equal(sl_replay_accept(&w, 2 + 10 * SL_REPLAY_RING), SL_REPLAY_NEW);
	assert_int_equal(sl_replay_accept(&w, 1 + 10 * SL_REPLAY_RING), SL_REPLAY_NEW);
}

/* At every size of the window while it fills, with every third number gone, and when nothing has come yet. */
static void what_is_missing(void **state)
{
	struct sl_replay_window w = {.top = 0};
	struct model *m = calloc(1, sizeof(*m));

	(void)state;
	same_missing(&w, m);
	for (uint64_t seq = 1; seq < SL_REPLAY_WINDOW + 200; seq++) {
		if (seq % 3 == 0)
			continue;
		sl_replay_accept(&w, seq);
		model_accept(m, seq);
		same_missing(&w, m);
	}
	/* All but one of a window are gone. */
	sl_replay_accept(&w, m->top + SL_REPLAY_WINDOW);
	model_accept(m, m->top + SL_REPLAY_WINDOW);
	assert_int_equal(model_missing(m), SL_REPLAY_WINDOW - 1);
	same_missing(&w, m);
	free(m);
}

/* RFC 4303 A2.2: a low half stands for the smallest number that the window has not left behind. */
static void high_half_is_that_of_the_window(void **state)
{
	static const uint64_t tops[] = {SL_REPLAY_WINDOW, UINT32_MAX - 1, UINT32_MAX, UINT64_C(1) << 32,
		(UINT64_C(1) << 32) + SL_REPLAY_WINDOW - 2, UINT64_C(0x123456789ab)};
	const uint64_t round = UINT64_C(1) << 32;

	(void)state;
	for (unsigned i = 0; i < sizeof(tops) / sizeof(tops[0]); i++) {
		const struct sl_replay_window w = {.top = tops[i]};
		const uint64_t bottom = tops[i] - SL_REPLAY_WINDOW + 1;

		assert_true(sl_replay_expand(&w, (uint32_t)bottom) == bottom);
		assert_true(sl_replay_expand(&w, (uint32_t)(bottom - 1)) == bottom - 1 + round);
		assert_true(sl_replay_expand(&w, (uint32_t)tops[i]) == tops[i]);
		assert_true(sl_replay_expand(&w, (uint32_t)(tops[i] + 1)) == tops[i] + 1);
	}
}

static void high_half_before_the_start_is_late(void **state)
{
	struct sl_replay_window w = {.top = 10};

	(void)state;
	/* 0xfffffff0 with top 10 would be 16 before the start of the SA, or 4 thousand million ahead (RFC 4303 A2.2). */
	assert_int_equal(sl_replay_expand(&w, 0xfffffff0), 0);
	assert_int_equal(sl_replay_check(&w, 0), SL_REPLAY_LATE);
	w.top = UINT64_C(0x100000005);
	assert_int_equal(sl_replay_expand(&w, 0xfffffff0), 0xfffffff0);
	assert_int_equal(sl_replay_expand(&w, 4), UINT64_C(0x100000004));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(from_the_start),
		cmocka_unit_test(across_the_roll_over),
		cmocka_unit_test(edges),
		cmocka_unit_test(what_is_missing),
		cmocka_unit_test(high_half_is_that_of_the_window),
		cmocka_unit_test(high_half_before_the_start_is_late),
	};

	return cmocka_run_group_tests_name("replay", tests, NULL, NULL);
}
