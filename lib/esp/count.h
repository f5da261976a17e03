/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Counters with one writer, a worker, that others read while it counts: for `sealane show`, and to see when keys are worn.
 * The reader wants a recent value of each and no order between them, and the writer must pay nothing for readers. So both
 * use relaxed atomics, which are ordinary loads and stores of a word, only that the compiler may neither split nor repeat
 * them. No instruction is locked: a second writer would lose counts.
 *
 * The writer itself may read its counters plainly.
 */
#ifndef SEALANE_ESP_COUNT_H
#define SEALANE_ESP_COUNT_H

#include <stdint.h>

/* Sets what others read, by its one writer. */
static inline void sl_count_set(uint64_t *counter, uint64_t value)
{
	__atomic_store_n(counter, value, __ATOMIC_RELAXED);
}

/* Counts n more, by its one writer. Returns what it is then. */
static inline uint64_t sl_count(uint64_t *counter, uint64_t n)
{
	const uint64_t sum = *counter + n;

	sl_count_set(counter, sum);
	return sum;
}

/* A value that the counter had a moment ago, for any thread. */
static inline uint64_t sl_counted(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

#endif
