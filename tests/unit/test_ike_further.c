/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Several child SAs in one IKE SA: one for each worker of the end that has more (RFC 9611). Where no_gaps is set the
 * harness checks after every event that no packet between the two could be lost.
 */
#include "ike_test.h"

/* ---- Workers ----------------------------------------------------------------------------------------------------- */

static void a_child_for_each_worker(void **state)
{
	static const struct {
		unsigned alpha, beta; /* workers; alpha begins */
		unsigned children, in_use_alpha, in_use_beta;
	} cases[] = {
		{1, 1, 1, 1, 1},
		{2, 2, 2, 2, 2},
		{3, 3, 3, 3, 3},
		{3, 2, 3, 3, 2},
		{2, 3, 3, 2, 3},
		{4, 1, 4, 4, 1},
		{1, 4, 4, 1, 4},
		{64, 64, 64, 64, 64},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct pair *p = workers_pair(10 + i, cases[i].alpha, cases[i].beta);

		assert_children(p, cases[i].children, cases[i].in_use_alpha, cases[i].in_use_beta);
		assert_int_equal(info_of(p, ALPHA).handshakes, 1);
		free_pair(p);
	}
}

/* The first child is for worker 0; each key serves one child only. */
static void children_have_nothing_in_common(void **state)
{
	struct pair *p = workers_pair(20, 3, 3);

	(void)state;
	assert_int_equal(used_by(p, ALPHA, 0)->spi_in, used_by(p, BETA, 0)->spi_out);
	for (unsigned a = 0; a < 3; a++)
		for (unsigned b = 0; b < a; b++) {
			const struct sl_ike_child *x = used_by(p, ALPHA, a), *y = used_by(p, ALPHA, b);

			assert_memory_not_equal(&x->in, &y->in, sizeof(x->in));
			assert_memory_not_equal(&x->out, &y->out, sizeof(x->out));
			assert_true(x->spi_in != y->spi_in && x->spi_out != y->spi_out);
			assert_int_equal(x->cipher, y->cipher);
		}
	free_pair(p);
}

static bool lose_three_answers(struct pair *p, unsigned from, struct pair_message *m)
{
	unsigned *seen = p->filter_ctx;

	return from != BETA || m->data[18] != IKE_CREATE_CHILD_SA || ++*seen > 3;
}

/* The answer to the request for a second child is lost, again and again: beta does not send through what alpha does not have. */
static void not_used_before_both_have_it(void **state)
{
	struct pair *p = new_pair(21);
	unsigned seen = 0;

	(void)state;
	p->end[ALPHA].conf.workers = p->end[BETA].conf.workers = 2;
	p->filter = lose_three_answers;
	p->filter_ctx = &seen;
	set_boot(p, true, false);
	boot_both(p);
	pair_run(p, 100 * PAIR_MS);
	p->no_gaps = true;
	assert_int_equal(pair_children(&p->end[BETA]), 2);
	assert_int_equal(pair_children(&p->end[ALPHA]), 1);
	pair_run(p, 3600 * PAIR_MS);
	assert_int_equal(pair_children(&p->end[ALPHA]), 2);
	assert_int_equal(pair_in_use(&p->end[BETA], PAIR_ALL), 1);
	pair_run(p, 4 * PAIR_S);
	assert_children(p, 2, 2, 2);
	free_pair(p);
}

/* The child of worker 1 goes, and both ends ask for one in its place at the same time. */
static struct pair *crossing_asks(uint64_t seed)
{
	struct pair *p = workers_pair(seed, 2, 2);
	struct ike_child *last = TAILQ_LAST(&active_of(p, ALPHA)->children, ike_child_list);

	p->no_gaps = false;
	ike_child_close(last);
	ike_sa_work(active_of(p, ALPHA));
	pair_run(p, 100 * PAIR_MS);
	for (unsigned i = 0; i < PAIR_ENDS; i++) {
		active_of(p, i)->further_at = p->now + PAIR_S / 10;
		ike_arm(p->end[i].ike, p->now + PAIR_S / 10);
	}
	p->no_gaps = true;
	pair_run(p, 200 * PAIR_MS);
	return p;
}

/*
 * Both get one: each sends through its own, and the other opens it. That does not change when each is sure that the other
 * has it, nor when they are replaced.
 */
static void both_ask_at_once(void **state)
{
	(void)state;
	for (unsigned end = 0; end < PAIR_ENDS; end++) {
		struct pair *p = crossing_asks(22);
		uint32_t own = used_by(p, end, 1)->spi_in, spis[3];
		unsigned count = 0;

		pair_run(p, 10 * PAIR_S);
		assert_children(p, 3, 2, 2);
		assert_int_equal(used_by(p, end, 1)->spi_in, own);
		for (unsigned i = 0; i < PAIR_CHILDREN_MAX; i++)
			if (p->end[end].children[i].spi_in != 0)
				spis[count++] = p->end[end].children[i].spi_in;
		for (unsigned i = 0; i < count; i++)
			assert_true(sl_ike_rekey_child(p->end[end].ike, p->now, spis[i]));
		pair_run(p, 10 * PAIR_S);
		assert_children(p, 3, 2, 2);
		for (unsigned i = 0; i < count; i++)
			assert_null(pair_child(&p->end[end], spis[i]));
		free_pair(p);
	}
}

/* What is being replaced gets too old, and its worker has another: then nothing is needed in its place. */
static bool no_create_answer(struct pair *p, unsigned from, struct pair_message *m)
{
	(void)p;
	return from != BETA || m->data[18] != IKE_CREATE_CHILD_SA;
}

static void replaced_too_late(void **state)
{
	struct pair *p = crossing_asks(23);
	uint32_t spi = used_by(p, ALPHA, 1)->spi_in;
	struct ike_child *child;

	(void)state;
	pair_run(p, 10 * PAIR_S);
	assert_children(p, 3, 2, 2);
	TAILQ_FOREACH (child, &active_of(p, ALPHA)->children, link)
		if (child->spi_in == spi)
			child->ends_at = p->now + PAIR_S / 5;
	p->no_gaps = false;
	p->filter = no_create_answer;
	assert_true(sl_ike_rekey_child(p->end[ALPHA].ike, p->now, spi));
	ike_arm(p->end[ALPHA].ike, p->now + PAIR_S / 5);
	pair_run(p, PAIR_S / 4);
	assert_logged(p, ALPHA, "closed: its keys are too old");
	p->filter = NULL;
	pair_run(p, 10 * PAIR_S);
	assert_children(p, 2, 2, 2);
	free_pair(p);
}

/* A child SA is asked for while the other end asks for another IKE SA: each says "not now" (RFC 7296 2.25). */
static void ask_crosses_ike_rekey(void **state)
{
	(void)state;
	for (unsigned end = 0; end < PAIR_ENDS; end++) {
		struct pair *p = workers_pair(24 + end, 2, 2);
		struct ike_sa *sa = active_of(p, end);
		struct ike_child *last = TAILQ_LAST(&sa->children, ike_child_list);

		p->no_gaps = false;
		ike_child_close(last);
		ike_sa_work(sa);
		pair_run(p, 100 * PAIR_MS);
		p->no_gaps = true;
		sa->further_at = p->now;
		ike_arm(p->end[end].ike, p->now);
		assert_true(sl_ike_rekey(p->end[!end].ike, p->now, 0));
		pair_run(p, 30 * PAIR_MS);
		for (unsigned i = 0; i < PAIR_ENDS; i++)
			assert_logged(p, i, "CREATE_CHILD_SA refused: TEMPORARY_FAILURE");
		pair_run(p, 30 * PAIR_S);
		assert_children(p, 2, 2, 2);
		free_pair(p);
	}
}

/* Any one message may be lost, doubled, or late. */
static void bad_networks(void **state)
{
	(void)state;
	for (unsigned seed = 0; seed < 120; seed++) {
		struct pair *p = new_pair(5000 + seed);

		p->end[ALPHA].conf.workers = 1 + seed % 4;
		p->end[BETA].conf.workers = 1 + seed / 4 % 4;
		p->loss = seed % 3 * 5;
		p->duplication = seed % 2 * 50;
		p->jitter = seed % 5 * 60 * PAIR_MS;
		set_boot(p, true, seed % 7 == 0);
		boot_both(p);
		pair_run(p, 60 * PAIR_S);
		p->loss = p->duplication = 0;
		pair_run(p, 90 * PAIR_S);
		assert_calm(p);
		free_pair(p);
	}
}

/* Both start at once: one of two IKE SAs goes, with all it has. */
static void crossing_starts(void **state)
{
	(void)state;
	for (unsigned seed = 0; seed < 60; seed++) {
		struct pair *p = new_pair(6000 + seed);

		p->end[ALPHA].conf.workers = 2 + seed % 3;
		p->end[BETA].conf.workers = 2 + seed / 3 % 3;
		p->jitter = seed % 3 * 20 * PAIR_MS;
		set_boot(p, true, true);
		pair_boot(p, ALPHA);
		pair_run(p, seed % 5 * 8 * PAIR_MS);
		pair_boot(p, BETA);
		pair_run(p, 60 * PAIR_S);
		assert_calm(p);
		free_pair(p);
	}
}

/* ---- Peers that take fewer, or speak of none --------------------------------------------------------------------- */

/* What beta answers to the next CREATE_CHILD_SA request is this error instead, as if it had decided so. */
struct refusal {
	uint16_t error;
	unsigned requests; /* that have come */
};

static bool refuse(struct pair *p, unsigned from, struct pair_message *m)
{
	struct refusal *refusal = p->filter_ctx;
	const struct sl_ike_path path = {.local = m->path.remote, .remote = m->path.local};

	if (from != ALPHA || m->data[18] != IKE_CREATE_CHILD_SA || refusal->error == 0)
		return true;
	refusal->requests++;
	ike_respond_notify(active_of(p, BETA), IKE_CREATE_CHILD_SA, &path,
		(enum ike_notify_type)refusal->error, NULL, 0);
	return false;
}

static void refused_for_good(void **state)
{
	static const uint16_t errors[] = {IKE_N_TS_MAX_QUEUE, IKE_N_NO_ADDITIONAL_SAS};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct pair *p = new_pair(30 + i);
		struct refusal refusal = {.error = errors[i]};

		p->end[ALPHA].conf.workers = 3;
		p->filter = refuse;
		p->filter_ctx = &refusal;
		set_boot(p, true, false);
		boot_both(p);
		pair_run(p, 60 * PAIR_S);
		assert_int_equal(refusal.requests, 1);
		assert_logged(p, ALPHA, "the peer takes no more child SAs: 2 of 3 workers hand over");
		assert_children(p, 1, 1, 1);
		free_pair(p);
	}
}

static void refused_for_now(void **state)
{
	struct pair *p = new_pair(32);
	struct refusal refusal = {.error = IKE_N_TEMPORARY_FAILURE};

	(void)state;
	p->end[ALPHA].conf.workers = 2;
	p->filter = refuse;
	p->filter_ctx = &refusal;
	set_boot(p, true, false);
	boot_both(p);
	pair_run(p, 20 * PAIR_S);
	assert_in_range(refusal.requests, 4, 6); /* each time later */
	refusal.error = 0;
	pair_run(p, 35 * PAIR_S);
	assert_children(p, 2, 2, 1);
	free_pair(p);
}

/* As many as a peer may have of one kind, one more, and of other kinds too. */
static void limits(void **state)
{
	struct pair *p = workers_pair(33, 64, 2);
	struct ike_sa *sa = active_of(p, ALPHA);
	struct ike_child *last = TAILQ_LAST(&sa->children, ike_child_list);

	(void)state;
	assert_int_equal(pair_children(&p->end[BETA]), SL_IKE_WORKERS_MAX);
	last->successor = last; /* a worker that seems to lack one */
	sa->further_at = p->now;
	ike_arm(p->end[ALPHA].ike, p->now);
	pair_run(p, PAIR_S);
	assert_int_equal(pair_children(&p->end[BETA]), SL_IKE_WORKERS_MAX);
	assert_logged(p, ALPHA, "the peer takes no more child SAs: 1 of 64 workers hand over");
	assert_logged(p, BETA, "CREATE_CHILD_SA refused: TS_MAX_QUEUE");
	last->successor = NULL;
	free_pair(p);
}

/* ---- Rotation ---------------------------------------------------------------------------------------------------- */

static void each_child_is_rekeyed(void **state)
{
	(void)state;
	for (unsigned mode = 0; mode < 4; mode++) {
		struct pair *p = new_pair(40 + mode);

		p->end[ALPHA].conf.workers = 3;
		p->end[BETA].conf.workers = 1 + mode;
		p->end[ALPHA].peer.rekey_time = mode == 1 ? 0 : 20 * PAIR_S;
		p->end[BETA].peer.rekey_time = mode == 2 ? 0 : 20 * PAIR_S;
		set_boot(p, true, false);
		boot_both(p);
		pair_run(p, 100 * PAIR_MS);
		p->no_gaps = true;
		pair_run(p, 600 * PAIR_S);
		assert_int_equal(info_of(p, ALPHA).handshakes, 1);
		/* Three or four children every 18 to 20 s. */
		assert_in_range(info_of(p, ALPHA).rekeys, 3 * 29, 4 * 34 + 20);
		for (unsigned i = 0; i < PAIR_ENDS; i++) {
			struct ike_child *child;

			TAILQ_FOREACH (child, &active_of(p, i)->children, link)
				child->rekey_at = UINT64_MAX;
			active_of(p, i)->rekey_at = UINT64_MAX;
		}
		pair_run(p, 10 * PAIR_S);
		assert_children(p, mode == 3 ? 4 : 3, 3, 1 + mode);
		free_pair(p);
	}
}

static void asked_for_one_of_several(void **state)
{
	(void)state;
	for (unsigned end = 0; end < PAIR_ENDS; end++) {
		for (unsigned worker = 0; worker < 3; worker++) {
			struct pair *p = workers_pair(50 + end, 3, 3);
			uint32_t before[3];

			for (unsigned i = 0; i < 3; i++)
				before[i] = used_by(p, end, i)->spi_in;
			assert_true(sl_ike_rekey_child(p->end[end].ike, p->now, before[worker]));
			pair_run(p, 10 * PAIR_S);
			assert_children(p, 3, 3, 3);
			for (unsigned i = 0; i < 3; i++)
				assert_int_equal(used_by(p, end, i)->spi_in != before[i], i == worker);
			free_pair(p);
		}
	}
}

/* All children and the IKE SA, from both ends at once. */
static void everything_at_once(void **state)
{
	(void)state;
	for (unsigned seed = 0; seed < 100; seed++) {
		struct pair *p = workers_pair(7000 + seed, 1 + seed % 4, 1 + seed / 4 % 4);

		p->jitter = seed % 3 * 30 * PAIR_MS;
		for (unsigned end = 0; end < PAIR_ENDS; end++) {
			for (unsigned i = 0; i < PAIR_CHILDREN_MAX; i++)
				if (p->end[end].in_use[i])
					sl_ike_rekey_child(
						p->end[end].ike, p->now, p->end[end].children[i].spi_in);
			sl_ike_rekey(p->end[end].ike, p->now, 0);
			pair_run(p, seed % 5 * 6 * PAIR_MS);
		}
		pair_run(p, 60 * PAIR_S);
		assert_calm(p);
		assert_int_equal(info_of(p, ALPHA).handshakes, 1);
		assert_int_equal(pair_in_use(&p->end[ALPHA], PAIR_ALL), 1 + seed % 4);
		free_pair(p);
	}
}

/* The IKE SA is replaced while children are still being made. */
static void ike_rekey_with_several(void **state)
{
	(void)state;
	for (unsigned seed = 0; seed < 80; seed++) {
		struct pair *p = new_pair(8000 + seed);
		uint64_t spi_i;

		p->end[ALPHA].conf.workers = p->end[BETA].conf.workers = 4;
		p->jitter = seed % 2 * 30 * PAIR_MS;
		set_boot(p, true, false);
		boot_both(p);
		while (!p->end[ALPHA].ike->peers[0]->active)
			pair_run(p, PAIR_MS);
		pair_run(p, seed / 2 * 2 * PAIR_MS);
		p->no_gaps = true;
		spi_i = info_of(p, ALPHA).spi_i;
		assert_true(sl_ike_rekey(p->end[seed % 2].ike, p->now, 0));
		pair_run(p, 30 * PAIR_S);
		assert_children(p, 4, 4, 4);
		assert_true(info_of(p, ALPHA).spi_i != spi_i);
		free_pair(p);
	}
}

/* When rekeying fails for good there is a new link, and the workers keep what they have until they get another. */
static void new_link_takes_over(void **state)
{
	(void)state;
	for (unsigned end = 0; end < PAIR_ENDS; end++) {
		struct pair *p = workers_pair(60 + end, 3, 3);
		uint64_t spi_i = info_of(p, ALPHA).spi_i;

		ike_peer_renew(p->end[end].ike->peers[0]);
		p->no_gaps = false; /* the first child of the new one is used by the responder at once */
		pair_run(p, 100 * PAIR_MS);
		p->no_gaps = true;
		assert_int_equal(pair_in_use(&p->end[ALPHA], PAIR_ALL), 3);
		pair_run(p, 60 * PAIR_S);
		assert_children(p, 3, 3, 3);
		assert_true(info_of(p, ALPHA).spi_i != spi_i);
		free_pair(p);
	}
}

/* ---- Children that end ------------------------------------------------------------------------------------------- */

static void closed_child_comes_back(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2 * 3; i++) {
		struct pair *p = workers_pair(70 + i, 3, 3);
		unsigned end = i % 2, worker = i / 2;
		uint32_t spi = used_by(p, end, worker)->spi_in;
		struct ike_child *child;

		TAILQ_FOREACH (child, &active_of(p, end)->children, link)
			if (child->spi_in == spi)
				break;
		ike_child_close(child);
		ike_sa_work(active_of(p, end));
		p->no_gaps = false; /* what is on its way when the other end hears of it has nowhere to go */
		pair_run(p, 200 * PAIR_MS);
		p->no_gaps = true;
		assert_int_equal(pair_in_use(&p->end[ALPHA], worker), 0);
		assert_int_equal(pair_in_use(&p->end[BETA], worker), 0);
		assert_int_equal(info_of(p, ALPHA).children, 2);
		pair_run(p, 15 * PAIR_S);
		assert_int_equal(pair_in_use(&p->end[ALPHA], PAIR_ALL), 3);
		assert_int_equal(pair_in_use(&p->end[BETA], PAIR_ALL), 3);
		assert_calm(p);
		assert_int_equal(info_of(p, ALPHA).handshakes, 1);
		free_pair(p);
	}
}

/* A peer that closes each further child as soon as it has it is asked ever more seldom. */
static void closed_again_and_again(void **state)
{
	struct pair *p = workers_pair(76, 2, 2);
	unsigned made = 0;

	(void)state;
	p->no_gaps = false;
	for (unsigned i = 0; i < 600; i++) {
		struct ike_child *child;

		TAILQ_FOREACH (child, &active_of(p, BETA)->children, link)
			if (child->worker == 1 && child->state == IKE_CHILD_UP) {
				ike_child_close(child);
				made++;
			}
		ike_sa_work(active_of(p, BETA));
		pair_run(p, 100 * PAIR_MS);
	}
	assert_in_range(made, 6, 14);
	free_pair(p);
}

/* Without an answer to any rekey the keys get too old: they are given up one by one, the last with the link. */
static bool no_create(struct pair *p, unsigned from, struct pair_message *m)
{
	(void)p;
	(void)from;
	return m->data[18] != IKE_CREATE_CHILD_SA;
}

static void hard_limit_of_one_of_several(void **state)
{
	struct pair *p = workers_pair(77, 3, 3);
	struct ike_child *child;
	uint32_t spi = used_by(p, ALPHA, 1)->spi_in;

	(void)state;
	TAILQ_FOREACH (child, &active_of(p, ALPHA)->children, link)
		if (child->spi_in == spi)
			child->ends_at = p->now + PAIR_S;
	p->filter = no_create; /* the worker does not get another one so soon */
	p->no_gaps = false;
	ike_arm(p->end[ALPHA].ike, p->now + PAIR_S);
	pair_run(p, 1001 * PAIR_MS);
	assert_null(pair_child(&p->end[ALPHA], spi)); /* at once */
	assert_logged(p, ALPHA, "closed: its keys are too old");
	pair_run(p, 200 * PAIR_MS);
	assert_int_equal(info_of(p, ALPHA).state, SL_IKE_UP);
	assert_int_equal(pair_in_use(&p->end[BETA], PAIR_ALL), 2); /* it has heard of it */
	p->filter = NULL;
	pair_run(p, 15 * PAIR_S);
	assert_children(p, 3, 3, 3);
	free_pair(p);
}

/* Also while a request is outstanding that nobody answers. */
static void hard_limit_of_the_last(void **state)
{
	struct pair *p = workers_pair(78, 1, 1);

	(void)state;
	p->no_gaps = false;
	p->filter = no_create;
	assert_true(sl_ike_rekey_child(p->end[ALPHA].ike, p->now, p->end[ALPHA].outbound));
	child_of(active_of(p, ALPHA))->ends_at = p->now + PAIR_S;
	ike_arm(p->end[ALPHA].ike, p->now + PAIR_S);
	pair_run(p, 1001 * PAIR_MS);
	assert_int_equal(pair_children(&p->end[ALPHA]), 0);
	assert_int_not_equal(info_of(p, ALPHA).state, SL_IKE_UP);
	p->filter = NULL; /* the answer comes, and is of no use any more */
	pair_run(p, 60 * PAIR_S);
	assert_calm(p);
	assert_int_equal(info_of(p, ALPHA).handshakes, 2);
	free_pair(p);
}

/* Its making was heard of late, its end at once: what has been closed is not to be used. */
static void closed_before_it_was_known(void **state)
{
	(void)state;
	for (unsigned rekey = 0; rekey < 2; rekey++) {
		struct pair *p = workers_pair(79, 2, 2);
		struct ike_child *child;

		p->no_gaps = false;
		p->filter = no_create_answer;
		if (rekey) {
			assert_true(sl_ike_rekey_child(p->end[ALPHA].ike, p->now, p->end[ALPHA].outbound));
		} else {
			child = TAILQ_LAST(&active_of(p, ALPHA)->children, ike_child_list);
			ike_child_close(child);
			ike_sa_work(active_of(p, ALPHA));
			pair_run(p, 2 * PAIR_S); /* and asks for another one */
		}
		pair_run(p, 100 * PAIR_MS);
		child = TAILQ_LAST(&active_of(p, BETA)->children, ike_child_list);
		assert_null(pair_child(&p->end[ALPHA], child->spi_out));
		ike_child_close(child);
		ike_sa_work(active_of(p, BETA));
		pair_run(p, 100 * PAIR_MS);
		p->filter = NULL;
		pair_run(p, 5 * PAIR_S);
		assert_logged(p, ALPHA, "here is no room, or the peer has closed it at once");
		pair_run(p, 25 * PAIR_S);
		assert_children(p, 2, 2, 2);
		assert_int_equal(info_of(p, ALPHA).handshakes, 1);
		free_pair(p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_child_for_each_worker),
		cmocka_unit_test(children_have_nothing_in_common),
		cmocka_unit_test(not_used_before_both_have_it),
		cmocka_unit_test(both_ask_at_once),
		cmocka_unit_test(replaced_too_late),
		cmocka_unit_test(ask_crosses_ike_rekey),
		cmocka_unit_test(bad_networks),
		cmocka_unit_test(crossing_starts),
		cmocka_unit_test(refused_for_good),
		cmocka_unit_test(refused_for_now),
		cmocka_unit_test(limits),
		cmocka_unit_test(each_child_is_rekeyed),
		cmocka_unit_test(asked_for_one_of_several),
		cmocka_unit_test(everything_at_once),
		cmocka_unit_test(ike_rekey_with_several),
		cmocka_unit_test(new_link_takes_over),
		cmocka_unit_test(closed_child_comes_back),
		cmocka_unit_test(closed_again_and_again),
		cmocka_unit_test(hard_limit_of_one_of_several),
		cmocka_unit_test(hard_limit_of_the_last),
		cmocka_unit_test(closed_before_it_was_known),
	};

	return cmocka_run_group_tests_name("IKE further children", tests, start_crypto, NULL);
}
