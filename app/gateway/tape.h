/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A tape: records of any length from one writer to one reader, in order, in a ring of bytes that is allocated once. The
 * writer is a worker: it never waits, allocates nothing and makes no system call. What does not fit is its own to count.
 *
 * A record lies in one piece, begins at a multiple of eight bytes, and is written and read where it lies.
 */
#ifndef SEALANE_GATEWAY_TAPE_H
#define SEALANE_GATEWAY_TAPE_H

#include <stddef.h>
#include <stdint.h>

struct tape;

/* size is a power of two, at least 4096. All memory is there at once, so that writing takes no page fault. NULL: none. */
struct tape *tape_new(size_t size);

/* NULL is fine. */
void tape_free(struct tape *tape);

/* ---- The writer ----------------------------------------------------------------------------------------------------------- */

/* Room for a record of len bytes, at most a quarter of the tape; NULL when there is none now. */
void *tape_reserve(struct tape *tape, size_t len);

/* The record reserved last is complete: the reader may see it. */
void tape_commit(struct tape *tape);

/* ---- The reader ----------------------------------------------------------------------------------------------------------- */

/* The oldest record; NULL: there is none. It stays until it is taken. */
const void *tape_peek(struct tape *tape);
void tape_take(struct tape *tape);

#endif
