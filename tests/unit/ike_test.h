/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the tests of two IKE engines have in common: looking at them, and catching messages between them. To
 * be included by test programs only, after nothing else.
 */
#ifndef SEALANE_TESTS_IKE_TEST_H
#define SEALANE_TESTS_IKE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ike_pair.h"

static inline void assert_linked(struct pair *p)
{
	const char *fault = pair_fault(p);

	if (fault)
		fail_msg("%s\nalpha:\n%sbeta:\n%s", fault, p->end[ALPHA].log, p->end[BETA].log);
}

/* Linked, and nothing else is going on. An abandoned attempt leaves a half-open SA at its responder for 30 s. */
static inline void assert_calm(struct pair *p)
{
	assert_linked(p);
	for (unsigned i = 0; i < PAIR_ENDS; i++) {
		struct sl_ike_stats stats;

		sl_ike_get_stats(p->end[i].ike, &stats);
		assert_int_equal(stats.half_open, 0);
	}
}

/* Nothing of a link is left at this end but maybe attempts. */
static inline void assert_no_link(struct pair *p, unsigned end)
{
	struct sl_ike_peer_info info;
	struct sl_ike_stats stats;

	sl_ike_peer_info(p->end[end].ike, 0, &info);
	sl_ike_get_stats(p->end[end].ike, &stats);
	assert_int_not_equal(info.state, SL_IKE_UP);
	assert_int_equal(stats.established, 0);
	assert_int_equal(pair_children(&p->end[end]), 0);
	assert_int_equal(p->end[end].outbound, 0);
}

static inline void assert_logged(struct pair *p, unsigned end, const char *text)
{
	if (!strstr(p->end[end].log, text))
		fail_msg("\"%s\" is not in the log:\n%s", text, p->end[end].log);
}

static inline struct sl_ike_peer_info info_of(struct pair *p, unsigned end)
{
	struct sl_ike_peer_info info;

	sl_ike_peer_info(p->end[end].ike, 0, &info);
	return info;
}

static inline bool seen_at(struct pair *p, unsigned end, const struct sl_endpoint *where)
{
	struct sl_ike_peer_info info = info_of(p, end);

	return sl_endpoint_equal(&info.endpoint, where);
}

static inline struct sl_ike_stats stats_of(struct pair *p, unsigned end)
{
	struct sl_ike_stats stats;

	sl_ike_get_stats(p->end[end].ike, &stats);
	return stats;
}

static inline struct pair *new_pair(uint64_t seed)
{
	struct pair *p = malloc(sizeof(*p));

	assert_non_null(p);
	pair_init(p, seed);
	return p;
}

static inline void free_pair(struct pair *p)
{
	pair_free(p);
	free(p);
}

static inline void set_boot(struct pair *p, bool alpha, bool beta)
{
	p->end[ALPHA].peer.start = alpha ? SL_IKE_START_BOOT : SL_IKE_START_TRAFFIC;
	p->end[BETA].peer.start = beta ? SL_IKE_START_BOOT : SL_IKE_START_TRAFFIC;
}

static inline void boot_both(struct pair *p)
{
	pair_boot(p, ALPHA);
	pair_boot(p, BETA);
}

/* A pair whose link is up, started by alpha. */
static inline struct pair *linked_pair(uint64_t seed)
{
	struct pair *p = new_pair(seed);

	set_boot(p, true, false);
	boot_both(p);
	pair_run(p, PAIR_S);
	assert_calm(p);
	return p;
}

static inline struct ike_sa *sa_of(struct pair *p, unsigned end)
{
	struct ike_sa *sa = TAILQ_FIRST(&p->end[end].ike->sas);

	assert_non_null(sa);
	return sa;
}

/* Takes messages of one exchange out of the network. */
struct trap {
	unsigned from;
	uint8_t exchange;
	bool holds; /* and does not let them pass */
	uint8_t data[SL_IKE_MESSAGE_MAX];
	size_t len;
	struct sl_ike_path path;
};

static inline bool spring(struct pair *p, unsigned from, struct pair_message *m)
{
	struct trap *trap = p->filter_ctx;

	if (from != trap->from || m->data[18] != trap->exchange)
		return true;
	memcpy(trap->data, m->data, m->len);
	trap->len = m->len;
	trap->path = m->path;
	return !trap->holds;
}

/* A booted pair where this message has been caught and not delivered. */
static inline struct pair *trapped_pair(struct trap *trap, uint64_t seed)
{
	struct pair *p = new_pair(seed);

	trap->holds = true;
	p->filter = spring;
	p->filter_ctx = trap;
	set_boot(p, true, false);
	boot_both(p);
	pair_run(p, 100 * PAIR_MS);
	assert_true(trap->len > 0);
	return p;
}

static inline void let_pass(struct pair *p, struct trap *trap)
{
	p->filter = NULL;
	pair_inject(p, !trap->from, trap->data, trap->len);
}

/* Where a payload's body begins in an unprotected message. */
static inline uint8_t *body_of(struct trap *trap, uint8_t wanted)
{
	uint8_t type = trap->data[16], *at = trap->data + 28;

	while (type != wanted) {
		const struct ike_wire_payload *p = (const void *)at;

		assert_int_not_equal(type, 0);
		type = p->next;
		at += be16toh(p->len);
	}
	return at + 4;
}

static inline bool no_informational(struct pair *p, unsigned from, struct pair_message *m)
{
	(void)p;
	(void)from;
	return m->data[18] != IKE_INFORMATIONAL;
}

/* The one child that this IKE SA sends through. */
static inline struct ike_child *child_of(struct ike_sa *sa)
{
	struct ike_child *child;

	assert_int_equal(ike_children_in_use(sa), 1);
	TAILQ_FOREACH (child, &sa->children, link)
		if (child->in_use)
			break;
	return child;
}

/* A link with so many workers at each end, begun by alpha; all that they lack has been asked for. */
static inline struct pair *workers_pair(uint64_t seed, unsigned alpha, unsigned beta)
{
	struct pair *p = new_pair(seed);

	p->end[ALPHA].conf.workers = alpha;
	p->end[BETA].conf.workers = beta;
	set_boot(p, true, false);
	boot_both(p);
	pair_run(p, 100 * PAIR_MS);
	p->no_gaps = true;
	pair_run(p, 10 * PAIR_S);
	assert_calm(p);
	return p;
}

static inline void assert_children(
	struct pair *p, unsigned count, unsigned in_use_alpha, unsigned in_use_beta)
{
	assert_calm(p);
	assert_int_equal(pair_children(&p->end[ALPHA]), count);
	assert_int_equal(pair_children(&p->end[BETA]), count);
	assert_int_equal(pair_in_use(&p->end[ALPHA], PAIR_ALL), in_use_alpha);
	assert_int_equal(pair_in_use(&p->end[BETA], PAIR_ALL), in_use_beta);
}

static inline struct ike_sa *active_of(struct pair *p, unsigned end)
{
	struct ike_sa *sa = p->end[end].ike->peers[0]->active;

	assert_non_null(sa);
	return sa;
}

/* The child that a worker of this end sends through. */
static inline const struct sl_ike_child *used_by(struct pair *p, unsigned end, unsigned worker)
{
	struct pair_end *e = &p->end[end];

	for (unsigned i = 0; i < PAIR_CHILDREN_MAX; i++)
		if (e->in_use[i] && e->children[i].worker == worker)
			return &e->children[i];
	fail_msg("worker %u uses none", worker);
	return NULL;
}

static inline void set_prefix(struct sl_ts_list *list, const char *text)
{
	struct sl_prefix prefix;

	assert_true(sl_prefix_parse(&prefix, text));
	*list = (struct sl_ts_list){.count = 1, .ts = {sl_ts_from_prefix(&prefix)}};
}

/* "FIRST-LAST PROTOCOL PORT-PORT", everything spelled out. */
static inline struct sl_ts selector(const char *text)
{
	char first[SL_ADDR_TEXT], last[SL_ADDR_TEXT];
	unsigned protocol, port_first, port_last;
	struct sl_ts ts = {0};

	assert_int_equal(
		sscanf(text, "%63[^-]-%63s %u %u-%u", first, last, &protocol, &port_first, &port_last), 5);
	assert_true(sl_addr_parse(&ts.first, first) && sl_addr_parse(&ts.last, last));
	ts.protocol = (uint8_t)protocol;
	ts.port_first = (uint16_t)port_first;
	ts.port_last = (uint16_t)port_last;
	return ts;
}

static inline int start_crypto(void **state)
{
	(void)state;
	return sl_crypto_init();
}

#endif
