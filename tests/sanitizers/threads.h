/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Included before each file of a build with ThreadSanitizer. Rings that several give to keep position and count in one word,
 * which a giver writes as a whole while the taker reads its half. That is well ordered by the processor, but nothing the
 * sanitizer knows. So it is told here: what comes out of such a ring has gone in before, with all that was written until then.
 *
 * Wiping is libsodium's, which is not watched: here it is a write like any other, so that none comes too early.
 */
#ifndef SEALANE_TESTS_SANITIZERS_THREADS_H
#define SEALANE_TESTS_SANITIZERS_THREADS_H

#if __has_include(<sodium.h>)
#include <sodium.h>
#include <string.h>

static inline void told_wipe(void *at, size_t len)
{
	memset(at, 0, len);
	__asm__ volatile("" : : "r"(at) : "memory");
}

#define sodium_memzero told_wipe
#endif

#if __has_include(<rte_ring.h>)
#include <rte_ring.h>
#include <sanitizer/tsan_interface.h>

static inline unsigned told_enqueue_burst(
	struct rte_ring *ring, void *const *objects, unsigned n, unsigned *left)
{
	__tsan_release(ring);
	return rte_ring_enqueue_burst(ring, objects, n, left);
}

static inline unsigned told_enqueue_bulk(
	struct rte_ring *ring, void *const *objects, unsigned n, unsigned *left)
{
	__tsan_release(ring);
	return rte_ring_enqueue_bulk(ring, objects, n, left);
}

static inline unsigned told_dequeue_burst(struct rte_ring *ring, void **objects, unsigned n, unsigned *left)
{
	unsigned taken = rte_ring_dequeue_burst(ring, objects, n, left);

	if (taken)
		__tsan_acquire(ring);
	return taken;
}

static inline unsigned told_dequeue_bulk(struct rte_ring *ring, void **objects, unsigned n, unsigned *left)
{
	unsigned taken = rte_ring_dequeue_bulk(ring, objects, n, left);

	if (taken)
		__tsan_acquire(ring);
	return taken;
}

#define rte_ring_enqueue_burst told_enqueue_burst
#define rte_ring_enqueue_bulk  told_enqueue_bulk
#define rte_ring_dequeue_burst told_dequeue_burst
#define rte_ring_dequeue_bulk  told_dequeue_bulk

#endif
#endif
