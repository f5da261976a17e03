/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rotation: child SAs and IKE SAs replaced by either end, by both at once, over good and bad networks. The harness
 * checks after every event that no packet between the two could be lost (no_gaps).
 */
#include "ike_rotation.h"

/* ---- One at a time ----------------------------------------------------------------------------------------------- */

static void child_by_each_end(void **state)
{
	(void)state;
	for (unsigned end = 0; end < PAIR_ENDS; end++) {
		struct pair *p = linked_pair(10 + end);
		struct before b = look(p);
		unsigned sent = p->sent;

		p->no_gaps = true;
		ask(p, end, true, false);
		pair_run(p, 15 * PAIR_MS);
		/* The responder has both, and sends through the old one until it is sure. */
		assert_int_equal(pair_children(&p->end[!end]), 2);
		assert_int_equal(pair_children(&p->end[end]), 1);
		pair_run(p, 200 * PAIR_MS);
		assert_int_equal(p->sent - sent, 4);
		assert_int_equal(pair_children(&p->end[end]), 2);
		assert_true(p->end[end].outbound != b.child.spi_in);
		pair_run(p, 6 * PAIR_S);
		assert_rotated(p, &b, CHILD_BY_ALPHA);
		assert_int_equal(info_of(p, ALPHA).rekeys, 1);
		assert_int_equal(info_of(p, BETA).rekeys, 1);
		assert_int_equal(info_of(p, ALPHA).ike_rekeys, 0);
		free_pair(p);
	}
}

/* For a key log that begins late: the same keys, from both roles, and nothing while there are none. */
static void keys_are_told_again(void **state)
{
	static const struct sl_ike_keys none[PAIR_ENDS];
	struct sl_ike_keys told[PAIR_ENDS];

	(void)state;
	for (unsigned end = 0; end < PAIR_ENDS; end++) {
		struct pair *p = linked_pair(16 + end);

		/* Who has rekeyed it is its initiator. */
		ask(p, end, false, true);
		pair_run(p, 200 * PAIR_MS);
		for (unsigned i = 0; i < PAIR_ENDS; i++) {
			memcpy(told, p->end[i].ike_keys, sizeof(told));
			memset(p->end[i].ike_keys, 0, sizeof(told));
			sl_ike_tell_keys(p->end[i].ike);
			assert_memory_equal(p->end[i].ike_keys, told, sizeof(told));
		}
		pair_boot(p, end);
		memset(p->end[end].ike_keys, 0, sizeof(told));
		pair_connect(p, end);
		sl_ike_tell_keys(p->end[end].ike);
		assert_memory_equal(p->end[end].ike_keys, none, sizeof(none));
		free_pair(p);
	}
}

static void sa_by_each_end(void **state)
{
	(void)state;
	for (unsigned end = 0; end < PAIR_ENDS; end++) {
		struct pair *p = linked_pair(12 + end);
		struct before b = look(p);
		unsigned sent = p->sent;

		p->no_gaps = true;
		ask(p, end, false, true);
		pair_run(p, 200 * PAIR_MS);
		assert_int_equal(p->sent - sent, 4);
		assert_rotated(p, &b, SA_BY_ALPHA);
		assert_memory_equal(
			p->end[ALPHA].ike_keys, p->end[BETA].ike_keys, sizeof(p->end[ALPHA].ike_keys));
		assert_int_equal(sa_of(p, ALPHA)->initiator, end == ALPHA);
		assert_int_equal(info_of(p, ALPHA).rekeys, 1);
		assert_int_equal(info_of(p, ALPHA).ike_rekeys, 1);
		assert_int_equal(info_of(p, BETA).ike_rekeys, 1);

		/* It can do all that the first one could, from either end. */
		b = look(p);
		ask(p, ALPHA, true, false);
		pair_run(p, 10 * PAIR_S);
		assert_rotated(p, &b, CHILD_BY_ALPHA);
		b = look(p);
		ask(p, BETA, true, true);
		pair_run(p, 10 * PAIR_S);
		assert_rotated(p, &b, CHILD_BY_ALPHA | SA_BY_ALPHA);
		free_pair(p);
	}
}

/* ---- At once ----------------------------------------------------------------------------------------------------- */

static const unsigned mixes[] = {
	CHILD_BY_ALPHA,
	CHILD_BY_BETA,
	CHILD_BY_ALPHA | CHILD_BY_BETA,
	SA_BY_ALPHA,
	SA_BY_BETA,
	SA_BY_ALPHA | SA_BY_BETA,
	CHILD_BY_ALPHA | SA_BY_BETA,
	SA_BY_ALPHA | CHILD_BY_BETA,
	CHILD_BY_ALPHA | SA_BY_ALPHA,
	CHILD_BY_ALPHA | CHILD_BY_BETA | SA_BY_ALPHA | SA_BY_BETA,
};
enum { MIXES = sizeof(mixes) / sizeof(mixes[0]) };

static void mixes_of_rekeys(void **state)
{
	(void)state;
	for (unsigned i = 0; i < MIXES; i++) {
		for (unsigned seed = 0; seed < 40; seed++) {
			struct pair *p = linked_pair(1000 + 100 * i + seed);
			struct before b = look(p);

			p->no_gaps = true;
			p->jitter = seed % 2 ? 30 * PAIR_MS : 0;
			ask_mix(p, mixes[i], seed % 5 * 6 * PAIR_MS);
			pair_run(p, 50 * PAIR_S);
			assert_rotated(p, &b, mixes[i]);
			free_pair(p);
		}
	}
}

static void any_one_message_may_be_lost(void **state)
{
	(void)state;
	for (unsigned i = 0; i < MIXES; i++) {
		for (unsigned nth = 1; nth <= 14; nth++) {
			for (unsigned seed = 0; seed < 6; seed++) {
				struct pair *p = linked_pair(20000 + 1000 * i + 10 * nth + seed);
				struct before b = look(p);

				p->no_gaps = true;
				p->lose_nth = p->sent + nth;
				ask_mix(p, mixes[i], seed % 3 * 7 * PAIR_MS);
				pair_run(p, 60 * PAIR_S);
				assert_rotated(p, &b, mixes[i]);
				free_pair(p);
			}
		}
	}
}

/* Two in a row, which takes away a request and its first repetition, or a request and an answer. */
static bool lose_pairs(struct pair *p, unsigned from, struct pair_message *m)
{
	unsigned *first = p->filter_ctx;

	(void)from;
	(void)m;
	return p->sent != *first && p->sent != *first + 1;
}

static void any_two_messages_may_be_lost(void **state)
{
	(void)state;
	for (unsigned i = 0; i < MIXES; i++) {
		for (unsigned nth = 1; nth <= 12; nth++) {
			struct pair *p = linked_pair(40000 + 100 * i + nth);
			struct before b = look(p);
			unsigned first = p->sent + nth;

			p->no_gaps = true;
			p->filter = lose_pairs;
			p->filter_ctx = &first;
			ask_mix(p, mixes[i], nth % 3 * 7 * PAIR_MS);
			pair_run(p, 60 * PAIR_S);
			assert_rotated(p, &b, mixes[i]);
			free_pair(p);
		}
	}
}

static void duplicates_do_no_harm(void **state)
{
	(void)state;
	for (unsigned i = 0; i < MIXES; i++) {
		for (unsigned seed = 0; seed < 10; seed++) {
			struct pair *p = linked_pair(3000 + 100 * i + seed);
			struct before b = look(p);

			p->no_gaps = true;
			p->duplication = 100;
			p->jitter = seed % 2 ? 300 * PAIR_MS : 0;
			ask_mix(p, mixes[i], seed % 3 * 7 * PAIR_MS);
			pair_run(p, 60 * PAIR_S);
			assert_rotated(p, &b, mixes[i]);
			assert_int_equal(
				stats_of(p, ALPHA).bad_integrity + stats_of(p, BETA).bad_integrity, 0);
			free_pair(p);
		}
	}
}

/* The nonces of the exchanges that each end began, from its CREATE_CHILD_SA messages, opened. */
struct nonces {
	struct ike_nonce asked[PAIR_ENDS], answered[PAIR_ENDS];
};

static bool note_nonces(struct pair *p, unsigned from, struct pair_message *m)
{
	struct nonces *n = p->filter_ctx;
	const struct ike_sa *receiver = sa_of(p, !from);
	uint8_t copy[SL_IKE_MESSAGE_MAX];
	struct ike_message parsed;
	struct ike_view plain;
	struct ike_head head;
	uint8_t type;

	if (m->data[18] != IKE_CREATE_CHILD_SA)
		return m->data[18] != IKE_INFORMATIONAL;
	memcpy(copy, m->data, m->len);
	assert_int_equal(ike_parse_header(&head, copy, m->len), IKE_OK);
	assert_int_equal(ike_open(receiver->secrets, receiver->cipher, copy, m->len, &type, &plain), IKE_OK);
	assert_int_equal(ike_parse(&parsed, type, plain.data, plain.len), IKE_OK);
	ike_take_nonce(head.response ? &n->answered[!from] : &n->asked[from], parsed.nonce);
	return true;
}

/* The keys of a child SA are not those that the IKE SA alone would give: whoever learns its keys learns no traffic. */
static void child_keys_hang_on_their_own_exchange(void **state)
{
	struct pair *p = linked_pair(40);
	const struct sl_ike_child *child;
	struct ike_agreed agreed = {0};
	struct sl_ike_keys i = {0}, r = {0};
	struct nonces n = {0};

	(void)state;
	p->filter = note_nonces;
	p->filter_ctx = &n;
	ask(p, ALPHA, true, false);
	pair_run(p, 25 * PAIR_MS);
	child = pair_child(&p->end[ALPHA], p->end[ALPHA].outbound);
	agreed.nonce_i = (struct ike_view){n.asked[ALPHA].data, n.asked[ALPHA].len};
	agreed.nonce_r = (struct ike_view){n.answered[ALPHA].data, n.answered[ALPHA].len};
	assert_int_equal(agreed.nonce_r.len, IKE_NONCE_LEN);
	ike_derive_child(sa_of(p, ALPHA)->secrets, &agreed, NULL, child->cipher, &i, &r);
	assert_memory_not_equal(&i, &child->out, sizeof(i));
	assert_memory_not_equal(&r, &child->in, sizeof(r));
	free_pair(p);
}

/* Both children stand, nobody hears a Delete: each end must find the same loser, whose maker closes it. */
static void lowest_nonce_of_children_loses(void **state)
{
	unsigned lost_by_alpha = 0;

	(void)state;
	for (unsigned seed = 0; seed < 20; seed++) {
		struct pair *p = linked_pair(50 + seed);
		struct nonces n = {0};

		p->filter = note_nonces;
		p->filter_ctx = &n;
		ask_mix(p, CHILD_BY_ALPHA | CHILD_BY_BETA, 0);
		pair_run(p, 25 * PAIR_MS);
		for (unsigned i = 0; i < PAIR_ENDS; i++) {
			const struct ike_child *first = TAILQ_FIRST(&sa_of(p, i)->children);
			const struct ike_child *made = TAILQ_NEXT(first, link); /* reserved when it asked */
			const struct ike_nonce *ours = ike_lower_nonce(&n.asked[i], &n.answered[i]);
			const struct ike_nonce *theirs = ike_lower_nonce(&n.asked[!i], &n.answered[!i]);
			bool lost = memcmp(ours->data, theirs->data, IKE_NONCE_LEN) < 0;

			assert_int_equal(pair_children(&p->end[i]), 3);
			assert_int_equal(made->state == IKE_CHILD_CLOSING, lost);
			assert_int_equal(first->state == IKE_CHILD_CLOSING, !lost);
			assert_int_equal(p->end[i].outbound, lost ? first->spi_in : made->spi_in);
			lost_by_alpha += i == ALPHA && lost;
		}
		free_pair(p);
	}
	assert_in_range(lost_by_alpha, 1, 19);
}

static void lowest_nonce_of_sas_loses(void **state)
{
	unsigned lost_by_alpha = 0;

	(void)state;
	for (unsigned seed = 0; seed < 20; seed++) {
		struct pair *p = linked_pair(80 + seed);
		const struct ike_nonce *lowest[PAIR_ENDS];
		unsigned loser;

		p->filter = no_informational;
		ask_mix(p, SA_BY_ALPHA | SA_BY_BETA, 0);
		pair_run(p, 25 * PAIR_MS);
		for (unsigned i = 0; i < PAIR_ENDS; i++) {
			struct ike_sa *sa;

			assert_int_equal(stats_of(p, i).established, 3);
			TAILQ_FOREACH (sa, &p->end[i].ike->sas, link)
				if (sa != sa_of(p, i) && sa->initiator)
					lowest[i] = ike_lower_nonce(&sa->nonce_i, &sa->nonce_r);
		}
		loser = ike_compare_nonces(lowest[ALPHA], lowest[BETA]) < 0 ? ALPHA : BETA;
		for (unsigned i = 0; i < PAIR_ENDS; i++)
			assert_int_equal(p->end[i].ike->peers[0]->active->initiator, i != loser);
		assert_true(info_of(p, ALPHA).spi_i == info_of(p, BETA).spi_i);
		lost_by_alpha += loser == ALPHA;
		free_pair(p);
	}
	assert_in_range(lost_by_alpha, 1, 19);
}

/* ---- Limits of time ---------------------------------------------------------------------------------------------- */

static void keys_rotate_by_themselves(void **state)
{
	(void)state;
	for (unsigned mode = 0; mode < 3; mode++) {
		struct pair *p = new_pair(200 + mode);

		for (unsigned i = 0; i < PAIR_ENDS; i++)
			p->end[i].peer.rekey_time = mode == 2 || mode == i ? 20 * PAIR_S : 0;
		set_boot(p, true, false);
		boot_both(p);
		pair_run(p, PAIR_S);
		p->no_gaps = true;
		pair_run(p, 2000 * PAIR_S);
		for (unsigned i = 0; i < PAIR_ENDS; i++) {
			assert_int_equal(info_of(p, i).handshakes, 1);
			/* A child every 18 to 20 s, an IKE SA every 72 to 80 s. */
			assert_in_range(
				info_of(p, i).rekeys, 2000 / 20 + 2000 / 80, 2000 / 18 + 2000 / 72 + 20);
		}
		for (unsigned i = 0; i < PAIR_ENDS; i++)
			child_of(p->end[i].ike->peers[0]->active)->rekey_at =
				p->end[i].ike->peers[0]->active->rekey_at = UINT64_MAX;
		pair_run(p, 10 * PAIR_S);
		assert_linked(p);
		free_pair(p);
	}
}

static struct sl_ike_child_limits limits_of(struct pair *p, unsigned end, uint32_t spi_in)
{
	struct sl_ike_child_limits limits;

	sl_ike_child_limits(p->end[end].ike, 0, spi_in, &limits);
	return limits;
}

/* What is told about them is what will happen: of a child SA, of its successor, of those that are not there. */
static void limits_are_told(void **state)
{
	struct pair *p = new_pair(207);
	struct sl_ike_child_limits limits, after;
	uint32_t old;

	(void)state;
	p->end[ALPHA].peer.rekey_time = 100 * PAIR_S;
	p->end[BETA].peer.rekey_time = 0;
	set_boot(p, true, false);
	boot_both(p);
	pair_run(p, PAIR_S);
	old = p->end[ALPHA].outbound;
	limits = limits_of(p, ALPHA, old);
	assert_in_range(limits.rekey_at, 90 * PAIR_S, p->now + 100 * PAIR_S);
	assert_in_range(limits.ends_at, 200 * PAIR_S, p->now + 200 * PAIR_S);
	assert_in_range(info_of(p, ALPHA).rekey_at, 360 * PAIR_S, p->now + 400 * PAIR_S);
	assert_true(limits_of(p, ALPHA, old + 1).rekey_at == UINT64_MAX);
	assert_true(limits_of(p, BETA, p->end[BETA].outbound).ends_at == UINT64_MAX);
	assert_true(info_of(p, BETA).rekey_at == UINT64_MAX);
	pair_run(p, limits.rekey_at - p->now - PAIR_S);
	assert_int_equal(info_of(p, ALPHA).rekeys, 0);
	pair_run(p, 2 * PAIR_S);
	assert_int_equal(info_of(p, ALPHA).rekeys, 1);
	after = limits_of(p, ALPHA, p->end[ALPHA].outbound);
	assert_true(after.rekey_at > limits.rekey_at + 80 * PAIR_S && after.ends_at > limits.ends_at);
	assert_true(limits_of(p, ALPHA, old).rekey_at == UINT64_MAX);
	free_pair(p);
}

/* The old one still takes what comes, and ends when it must, but will not be replaced again. */
static void what_has_a_successor_is_not_rekeyed(void **state)
{
	struct pair *p = new_pair(208);
	uint32_t old;

	(void)state;
	p->end[ALPHA].peer.rekey_time = p->end[BETA].peer.rekey_time = 100 * PAIR_S;
	set_boot(p, true, false);
	boot_both(p);
	pair_run(p, PAIR_S);
	old = p->end[BETA].outbound;
	assert_true(limits_of(p, BETA, old).rekey_at != UINT64_MAX);
	ask(p, ALPHA, true, false);
	pair_run(p, 15 * PAIR_MS);
	assert_int_equal(p->end[BETA].outbound, old);
	assert_true(limits_of(p, BETA, old).rekey_at == UINT64_MAX);
	assert_true(limits_of(p, BETA, old).ends_at != UINT64_MAX);
	free_pair(p);
}

static void soft_limit_has_jitter(void **state)
{
	struct pair *p = new_pair(210);
	uint64_t least = UINT64_MAX, most = 0;

	(void)state;
	boot_both(p);
	for (unsigned i = 0; i < 1000; i++) {
		uint64_t time = ike_soft_limit(p->end[ALPHA].ike, 1000) - p->end[ALPHA].ike->now;

		least = time < least ? time : least;
		most = time > most ? time : most;
	}
	assert_in_range(least, 901, 905);
	assert_in_range(most, 995, 1000);
	free_pair(p);
}

/* ---- Storms ------------------------------------------------------------------------------------------------------ */

static void ask_at_random(struct pair *p)
{
	for (unsigned end = 0; end < PAIR_ENDS; end++) {
		if (pair_random(p) % 2)
			sl_ike_rekey_child(p->end[end].ike, p->now, p->end[end].outbound);
		if (pair_random(p) % 4 == 0)
			sl_ike_rekey(p->end[end].ike, p->now, 0);
	}
}

static void assert_calm_after(struct pair *p, uint64_t seed)
{
	if (pair_fault(p))
		printf("# seed %llu\n", (unsigned long long)seed);
	assert_calm(p);
}

/* Nothing is lost in so many crossing rekeys as long as the IKE SA can live, which means one of six repetitions. */
static void rush(uint64_t seed)
{
	struct pair *p = linked_pair(seed);

	p->no_gaps = true;
	p->loss = seed % 8;
	p->duplication = 20;
	p->jitter = seed % 3 * 100 * PAIR_MS;
	for (unsigned i = 0; i < 40; i++) {
		ask_at_random(p);
		pair_run(p, pair_random(p) % (PAIR_S / (seed % 4 + 1)));
	}
	p->loss = 0;
	pair_run(p, 120 * PAIR_S);
	assert_calm_after(p, seed);
	assert_int_equal(info_of(p, ALPHA).handshakes, 1);
	free_pair(p);
}

static void rushes_lose_nothing(void **state)
{
	(void)state;
	for (uint64_t seed = 300000; seed < 300200; seed++)
		rush(seed);
}

/* Loss, restarts, limits of a few seconds: in calm exactly one of everything must be left. */
static void storm(uint64_t seed, bool limits)
{
	struct pair *p = new_pair(seed);

	set_boot(p, true, true);
	for (unsigned i = 0; i < PAIR_ENDS && limits; i++)
		p->end[i].peer.rekey_time = 5 * PAIR_S;
	p->loss = seed % 31;
	p->duplication = 10;
	p->jitter = 200 * PAIR_MS;
	boot_both(p);
	for (unsigned i = 0; i < 20; i++) {
		pair_run(p, pair_random(p) % (4 * PAIR_S));
		ask_at_random(p);
		if (pair_random(p) % 20 == 0)
			pair_boot(p, pair_random(p) % PAIR_ENDS);
	}
	p->loss = p->duplication = 0;
	for (unsigned i = 0; i < PAIR_ENDS; i++)
		p->end[i].peer.rekey_time = 0;
	pair_run(p, 160 * PAIR_S);
	assert_calm_after(p, seed);
	free_pair(p);
}

static void storms(void **state)
{
	(void)state;
	for (uint64_t seed = 100000; seed < 100300; seed++)
		storm(seed, false);
	for (uint64_t seed = 200000; seed < 200200; seed++)
		storm(seed, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(child_by_each_end),
		cmocka_unit_test(sa_by_each_end),
		cmocka_unit_test(keys_are_told_again),
		cmocka_unit_test(mixes_of_rekeys),
		cmocka_unit_test(any_one_message_may_be_lost),
		cmocka_unit_test(any_two_messages_may_be_lost),
		cmocka_unit_test(duplicates_do_no_harm),
		cmocka_unit_test(child_keys_hang_on_their_own_exchange),
		cmocka_unit_test(lowest_nonce_of_children_loses),
		cmocka_unit_test(lowest_nonce_of_sas_loses),
		cmocka_unit_test(keys_rotate_by_themselves),
		cmocka_unit_test(limits_are_told),
		cmocka_unit_test(what_has_a_successor_is_not_rekeyed),
		cmocka_unit_test(soft_limit_has_jitter),
		cmocka_unit_test(rushes_lose_nothing),
		cmocka_unit_test(storms),
	};

	return cmocka_run_group_tests_name("IKE rekey", tests, start_crypto, NULL);
}
