/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Traffic selectors between two engines: child SAs for less than all traffic, which a peer may ask for.
 */
#include "ike_test.h"
#include "lib/ike/ts.h"

static void selectors_are_narrowed(void **state)
{
	struct pair *p = new_pair(30);
	struct sl_ts_list narrow;

	(void)state;
	set_prefix(&narrow, "10.1.7.0/24");
	p->end[BETA].peer.selectors = narrow; /* less than alpha says is behind it */
	set_boot(p, true, false);
	boot_both(p);
	pair_run(p, PAIR_S);
	assert_calm(p);
	assert_int_equal(p->end[ALPHA].children[0].local.count, 1);
	assert_true(sl_addr_equal(&p->end[ALPHA].children[0].local.ts[0].first, &narrow.ts[0].first));
	assert_true(sl_addr_equal(&p->end[ALPHA].children[0].local.ts[0].last, &narrow.ts[0].last));
	assert_int_equal(p->end[ALPHA].children[0].remote.count, 2);
	free_pair(p);
}

/* One child SA for what is behind an end in both families; and no more than both ends want, protocols and ports included. */
static void mixed_selectors(void **state)
{
	static const struct {
		const char *alpha[3], *beta[3],
			*common[3]; /* what is behind alpha: to alpha, to beta, to both */
	} cases[] = {
		{{"10.1.0.0-10.1.255.255 0 0-65535", "fd00:1::-fd00:1::ffff 0 0-65535"},
			{"fd00:1::-fd00:1::ffff 0 0-65535", "10.1.0.0-10.1.255.255 0 0-65535"},
			{"10.1.0.0-10.1.255.255 0 0-65535", "fd00:1::-fd00:1::ffff 0 0-65535"}},
		{{"10.1.0.0-10.1.255.255 0 0-65535", "fd00:1::-fd00:1::ffff 0 0-65535"},
			{"fd00:1::7-fd00:1::1:0 0 0-65535"}, {"fd00:1::7-fd00:1::ffff 0 0-65535"}},
		{{"10.1.0.0-10.1.255.255 0 0-65535"},
			{"10.1.0.7-10.1.0.7 6 443-443", "10.1.0.8-10.1.0.9 17 53-54"},
			{"10.1.0.7-10.1.0.7 6 443-443", "10.1.0.8-10.1.0.9 17 53-54"}},
		{{"10.1.0.0-10.1.255.255 6 80-90", "fd00:1::-fd00:1::ffff 6 0-65535"},
			{"10.1.0.0-10.1.255.255 6 85-95", "fd00:1::-fd00:1::ffff 17 0-65535"},
			{"10.1.0.0-10.1.255.255 6 85-90"}},
		/* Echo requests of ICMP, of both families. */
		{{"10.1.0.0-10.1.255.255 1 2048-2303", "fd00:1::-fd00:1::ffff 58 0-65535"},
			{"10.1.0.0-10.1.255.255 1 0-65535", "fd00:1::-fd00:1::ffff 58 32768-33023"},
			{"10.1.0.0-10.1.255.255 1 2048-2303", "fd00:1::-fd00:1::ffff 58 32768-33023"}},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (unsigned starter = 0; starter < PAIR_ENDS; starter++) {
			struct pair *p = new_pair(200 + i);
			struct sl_ts_list *to_alpha = &p->end[ALPHA].conf.selectors;
			struct sl_ts_list *to_beta = &p->end[BETA].peer.selectors, seen;

			to_alpha->count = to_beta->count = 0;
			for (unsigned k = 0; k < 3 && cases[i].alpha[k]; k++)
				to_alpha->ts[to_alpha->count++] = selector(cases[i].alpha[k]);
			for (unsigned k = 0; k < 3 && cases[i].beta[k]; k++)
				to_beta->ts[to_beta->count++] = selector(cases[i].beta[k]);
			set_boot(p, starter == ALPHA, starter == BETA);
			boot_both(p);
			pair_run(p, PAIR_S);
			assert_calm(p);
			seen = p->end[ALPHA].children[0].local;
			for (unsigned k = 0; k < 3 && cases[i].common[k]; k++) {
				struct sl_ts_list one = {.count = 1, .ts = {selector(cases[i].common[k])}};

				assert_true(k < seen.count && ike_ts_within(&one, &seen));
				assert_true(seen.count == 1 || cases[i].common[1]);
			}
			/* What replaces it is for the same, with either end's word for it. */
			assert_true(
				sl_ike_rekey_child(p->end[!starter].ike, p->now, p->end[!starter].outbound));
			pair_run(p, 10 * PAIR_S);
			assert_calm(p);
			assert_true(ike_ts_within(&used_by(p, ALPHA, 0)->local, &seen));
			assert_int_equal(info_of(p, ALPHA).rekeys, 1);
			free_pair(p);
		}
	}
}

/* Alpha asks as a peer would that has several configured; returns its child. */
static struct ike_child *ask_for(struct pair *p, const char *local, const char *remote)
{
	struct ike_sa *sa = active_of(p, ALPHA);
	struct ike_wanted wanted = ike_want_further(sa);
	struct ike_child *child = ike_child_new(sa, 0, SL_IKE_NO_FLOW);
	struct sl_ts_list from, to;
	struct ike_writer w;

	assert_non_null(child);
	set_prefix(&from, local);
	set_prefix(&to, remote);
	wanted.local = &from;
	wanted.remote = &to;
	ike_begin_request(sa, &w, IKE_CREATE_CHILD_SA);
	ike_create_child_ask(child, &w, &wanted, IKE_TASK_FURTHER);
	pair_run(p, 50 * PAIR_MS);
	return child;
}

static void narrower_selectors(void **state)
{
	struct pair *p = workers_pair(80, 1, 1);
	const struct sl_ike_child *seen;
	struct ike_child *child = ask_for(p, "10.1.7.0/24", "10.2.8.0/24");

	(void)state;
	assert_int_equal(child->state, IKE_CHILD_UP);
	seen = pair_child(&p->end[BETA], child->spi_out);
	assert_non_null(seen);
	assert_int_equal(seen->worker, 0);
	assert_int_equal(seen->remote.count, 1);
	assert_int_equal(seen->remote.ts[0].last.bytes[2], 7);
	/* What it is for has a child already, so beta uses it when it is sure that alpha has it: the one beside the other. */
	assert_int_equal(pair_in_use(&p->end[BETA], PAIR_ALL), 1);
	pair_run(p, 5 * PAIR_S);
	assert_int_equal(pair_in_use(&p->end[BETA], PAIR_ALL), 2);
	assert_int_equal(info_of(p, BETA).children, 2);

	/* It is rekeyed with the selectors it has, by either end. */
	for (unsigned end = 0; end < PAIR_ENDS; end++) {
		uint32_t spi = end == ALPHA ? child->spi_in : child->spi_out;

		assert_true(sl_ike_rekey_child(p->end[end].ike, p->now, spi));
		pair_run(p, 10 * PAIR_S);
		assert_int_equal(pair_children(&p->end[end]), 2);
		assert_int_equal(pair_in_use(&p->end[end], PAIR_ALL), 2);
		assert_null(pair_child(&p->end[end], spi));
		child = TAILQ_LAST(&active_of(p, ALPHA)->children, ike_child_list);
		assert_int_equal(child->local.ts[0].last.bytes[2], 7);
	}

	/* One is closed, and the other stays. */
	p->no_gaps = false;
	ike_child_close(child);
	ike_sa_work(active_of(p, ALPHA));
	pair_run(p, 10 * PAIR_S);
	assert_int_equal(pair_children(&p->end[BETA]), 1);
	assert_int_equal(info_of(p, BETA).state, SL_IKE_UP);
	assert_int_equal(info_of(p, BETA).handshakes, 1);
	free_pair(p);
}

static void selectors_beyond_the_configured(void **state)
{
	struct pair *p = workers_pair(81, 1, 1);

	(void)state;
	p->no_gaps = false;
	ask_for(p, "10.9.0.0/16", "10.2.0.0/16");
	assert_logged(p, BETA, "CREATE_CHILD_SA refused: TS_UNACCEPTABLE");
	assert_int_equal(pair_children(&p->end[BETA]), 1);
	assert_int_equal(info_of(p, ALPHA).state, SL_IKE_UP);
	free_pair(p);
}

/* What replaces a child must stand for all its traffic (RFC 7296 2.9.2). */
static void rekey_does_not_narrow(void **state)
{
	struct pair *p = workers_pair(82, 1, 1);
	struct ike_child *child = child_of(active_of(p, ALPHA));

	(void)state;
	set_prefix(&child->local, "10.1.0.0/24");
	assert_true(sl_ike_rekey_child(p->end[ALPHA].ike, p->now, child->spi_in));
	pair_run(p, 100 * PAIR_MS);
	assert_logged(p, ALPHA, "child SA not rekeyed: TS_UNACCEPTABLE");
	assert_int_equal(pair_children(&p->end[BETA]), 1);
	free_pair(p);
}

/* A second one without a word about workers: the newest is used, when both have it. */
static void duplicate(void **state)
{
	struct pair *p = workers_pair(83, 1, 1);
	uint32_t first = p->end[BETA].outbound;
	struct ike_sa *sa = active_of(p, ALPHA);
	const struct ike_wanted wanted = ike_want_further(sa);
	struct ike_child *child = ike_child_new(sa, 0, SL_IKE_NO_FLOW);
	struct ike_writer w;

	(void)state;
	ike_begin_request(sa, &w, IKE_CREATE_CHILD_SA);
	ike_create_child_ask(child, &w, &wanted, IKE_TASK_FURTHER);
	pair_run(p, 15 * PAIR_MS);
	assert_int_equal(p->end[BETA].outbound, first);
	pair_run(p, 5 * PAIR_S);
	assert_int_equal(p->end[BETA].outbound, child->spi_out);
	assert_int_equal(p->end[ALPHA].outbound, child->spi_in);
	assert_int_equal(pair_in_use(&p->end[BETA], PAIR_ALL), 1);
	assert_int_equal(pair_children(&p->end[BETA]), 2);
	/* The older one is alpha's to delete; then nothing is lost. */
	ike_child_close(TAILQ_FIRST(&sa->children));
	ike_sa_work(sa);
	pair_run(p, 10 * PAIR_S);
	assert_children(p, 1, 1, 1);
	free_pair(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(selectors_are_narrowed),
		cmocka_unit_test(mixed_selectors),
		cmocka_unit_test(narrower_selectors),
		cmocka_unit_test(selectors_beyond_the_configured),
		cmocka_unit_test(rekey_does_not_narrow),
		cmocka_unit_test(duplicate),
	};

	return cmocka_run_group_tests_name("IKE selectors", tests, start_crypto, NULL);
}
