/* SPDX-License-Identifier: BSD-3-Clause */
/* What record.c and look.c share: the masked note of a piece of a secret. */
#ifndef SEALANE_TESTS_NOTE_H
#define SEALANE_TESTS_NOTE_H

#include <string.h>

#include "record.h"

#define NOTE_MASK UINT64_C(0x5bd1e995a3c59ac3)

enum { NOTE_BUCKETS = 1 << 15 };

struct note {
	uint64_t masked[2];
	const char *what;
	enum record_life life;
	int32_t next;
};

extern struct note notes[RECORD_MAX];
extern uint8_t note_prefixes[1 << 13];

static inline void note_mask(uint64_t masked[2], const uint8_t *bytes)
{
	memcpy(masked, bytes, RECORD_PIECE);
	masked[0] ^= NOTE_MASK;
	masked[1] ^= ~NOTE_MASK;
}

static inline unsigned note_hash(const uint64_t masked[2])
{
	return (unsigned)((masked[0] * UINT64_C(0x9e3779b97f4a7c15)) >> 49);
}

static inline unsigned note_prefix(const uint8_t *bytes)
{
	return bytes[0] | (unsigned)bytes[1] << 8;
}

const struct note *note_find(const uint8_t *bytes);
bool note_is_before_mark(const struct note *n);

void record_identity(const uint8_t *seed);

#endif
