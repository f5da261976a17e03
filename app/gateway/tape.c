/* SPDX-License-Identifier: BSD-3-Clause */
/* Tapes: see tape.h. */
#include "tape.h"

#include <assert.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { ALIGN = 8, LINE = 64 };

/* Before each record. */
struct mark {
	uint32_t len;  /* of mark and record, rounded up */
	uint32_t skip; /* 1: nothing but the rest of the ring, which was too short for the next record */
};

_Static_assert(sizeof(struct mark) == ALIGN, "records stay aligned");

/* Positions only grow. The writer owns `written`, the reader `taken`; each has a cache line, and what it knows of the other. */
struct tape {
	uint8_t *ring;
	size_t size;
	alignas(LINE) _Atomic uint64_t written;
	uint64_t reserved; /* the end of the record being written */
	alignas(LINE) _Atomic uint64_t taken;
};

struct tape *tape_new(size_t size)
{
	struct tape *tape = aligned_alloc(LINE, sizeof(*tape));

	assert(size >= 4096 && (size & (size - 1)) == 0);
	if (!tape)
		return NULL;
	*tape = (struct tape){.size = size};
	tape->ring =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (tape->ring == MAP_FAILED) {
		free(tape);
		return NULL;
	}
	/* Packets are nobody's business but the reader's. */
	(void)madvise(tape->ring, size, MADV_DONTDUMP);
	return tape;
}

void tape_free(struct tape *tape)
{
	if (!tape)
		return;
	munmap(tape->ring, tape->size);
	free(tape);
}

static struct mark *mark_at(struct tape *tape, uint64_t position)
{
	return (struct mark *)(tape->ring + (position & (tape->size - 1)));
}

void *tape_reserve(struct tape *tape, size_t len)
{
	uint64_t at = atomic_load_explicit(&tape->written, memory_order_relaxed);
	uint64_t room = tape->size - (at - atomic_load_explicit(&tape->taken, memory_order_acquire));
	size_t to_end = tape->size - (at & (tape->size - 1));
	size_t needed = sizeof(struct mark) + (len + ALIGN - 1) / ALIGN * ALIGN;
	bool wraps = needed > to_end;

	assert(len <= tape->size / 4);
	if (room < needed + (wraps ? to_end : 0))
		return NULL;
	if (wraps) {
		*mark_at(tape, at) = (struct mark){(uint32_t)to_end, 1};
		at += to_end;
	}
	*mark_at(tape, at) = (struct mark){(uint32_t)needed, 0};
	tape->reserved = at + needed;
	return mark_at(tape, at) + 1;
}

void tape_commit(struct tape *tape)
{
	atomic_store_explicit(&tape->written, tape->reserved, memory_order_release);
}

/* NULL when there is none. */
static struct mark *oldest(struct tape *tape)
{
	uint64_t at = atomic_load_explicit(&tape->taken, memory_order_relaxed);

	if (at == atomic_load_explicit(&tape->written, memory_order_acquire))
		return NULL;
	return mark_at(tape, at);
}

void tape_take(struct tape *tape)
{
	const struct mark *mark = oldest(tape);
	uint64_t at = atomic_load_explicit(&tape->taken, memory_order_relaxed);

	atomic_store_explicit(&tape->taken, at + mark->len, memory_order_release);
}

const void *tape_peek(struct tape *tape)
{
	const struct mark *mark = oldest(tape);

	if (mark && mark->skip) {
		tape_take(tape);
		mark = oldest(tape);
	}
	return mark ? mark + 1 : NULL;
}
