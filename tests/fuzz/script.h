/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Inputs that tell a story: some bytes of setting, then records, each a kind, a length (two bytes, the low one first) and so
 * many bytes. What a kind means is the target's; any bytes at all are a script. mutate.c knows this form, so a search
 * repeats, drops and exchanges whole records, and changes one without breaking those behind it.
 */
#ifndef SEALANE_TESTS_FUZZ_SCRIPT_H
#define SEALANE_TESTS_FUZZ_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RECORD_HEAD = 3, RECORDS_MAX = 64 };

struct record {
	uint8_t kind;
	const uint8_t *data;
	size_t len;
};

struct script {
	const uint8_t *at;
	size_t left;
	unsigned count; /* of records read */
};

/* What mutate.c must know of a target, which defines it. */
struct script_form {
	size_t setting; /* bytes before the first record */
	uint8_t kinds;
	uint32_t chains; /* bit k: the data of kind k is IKE payloads, the type of the first in front, */
	size_t chain_at; /* behind so many bytes */
};

extern const struct script_form script_form;

/* False at the end. What the last record lacks is cut from its length. */
static inline bool next_record(struct script *s, struct record *r)
{
	if (s->left < RECORD_HEAD || s->count++ == RECORDS_MAX)
		return false;
	r->kind = s->at[0];
	r->len = (size_t)(s->at[1] | s->at[2] << 8);
	s->at += RECORD_HEAD;
	s->left -= RECORD_HEAD;
	if (r->len > s->left)
		r->len = s->left;
	r->data = s->at;
	s->at += r->len;
	s->left -= r->len;
	return true;
}

/* The next byte of a record, taken off; 0 at its end. */
static inline uint8_t record_byte(struct record *r)
{
	if (r->len == 0)
		return 0;
	r->len--;
	return *r->data++;
}

#endif
