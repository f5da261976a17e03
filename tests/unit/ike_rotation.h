/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the tests of rotation have in common: asking for it, and looking at what it has changed.
 */
#ifndef SEALANE_TESTS_IKE_ROTATION_H
#define SEALANE_TESTS_IKE_ROTATION_H

#include "ike_test.h"

enum {
	CHILD_BY_ALPHA = 1,
	CHILD_BY_BETA = 2,
	SA_BY_ALPHA = 4,
	SA_BY_BETA = 8,
};

static inline void ask(struct pair *p, unsigned end, bool child, bool sa)
{
	struct sl_ike *ike = p->end[end].ike;

	if (child)
		assert_true(sl_ike_rekey_child(ike, p->now, p->end[end].outbound));
	if (sa)
		assert_true(sl_ike_rekey(ike, p->now, 0));
}

/* Rekeys; the ends begin `apart` from each other. */
static inline void ask_mix(struct pair *p, unsigned mix, uint64_t apart)
{
	ask(p, ALPHA, mix & CHILD_BY_ALPHA, mix & SA_BY_ALPHA);
	pair_run(p, apart);
	ask(p, BETA, mix & CHILD_BY_BETA, mix & SA_BY_BETA);
}

/* What a link was, to be compared with what it is. */
struct before {
	uint64_t spi_i;
	struct sl_ike_child child;
	struct sl_ike_keys ike_keys;
};

static inline struct before look(struct pair *p)
{
	return (struct before){
		.spi_i = info_of(p, ALPHA).spi_i,
		.child = *pair_child(&p->end[ALPHA], p->end[ALPHA].outbound),
		.ike_keys = p->end[ALPHA].ike_keys[0],
	};
}

/* The link is another one where that was asked for, with keys that have nothing in common. */
static inline void assert_rotated(struct pair *p, const struct before *b, unsigned mix)
{
	const struct sl_ike_child *child = pair_child(&p->end[ALPHA], p->end[ALPHA].outbound);

	assert_calm(p);
	for (unsigned i = 0; i < PAIR_ENDS; i++) {
		assert_int_equal(info_of(p, i).handshakes, 1);
		assert_int_equal(info_of(p, i).failures, 0);
		assert_true(info_of(p, i).rekeys >= 1);
	}
	if (mix & (CHILD_BY_ALPHA | CHILD_BY_BETA)) {
		assert_true(child->spi_in != b->child.spi_in && child->spi_out != b->child.spi_out);
		assert_memory_not_equal(&child->in, &b->child.in, sizeof(child->in));
		assert_memory_not_equal(&child->out, &b->child.out, sizeof(child->out));
	} else {
		assert_int_equal(child->spi_in, b->child.spi_in);
	}
	if (mix & (SA_BY_ALPHA | SA_BY_BETA)) {
		assert_true(info_of(p, ALPHA).spi_i != b->spi_i);
		assert_memory_not_equal(&p->end[ALPHA].ike_keys[0], &b->ike_keys, sizeof(b->ike_keys));
	} else {
		assert_true(info_of(p, ALPHA).spi_i == b->spi_i);
	}
}

#endif
