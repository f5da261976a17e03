/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two IKE engines over a bad network: loss, duplicates, reordering, both starting at once, restarts. Whatever
 * happens, in calm exactly one IKE SA with one child must be left, and both ends must use it.
 */
#include "ike_test.h"

/* Each single message of the handshake is lost once, whoever starts. */
static void any_one_message_may_be_lost(void **state)
{
	(void)state;
	for (unsigned mode = 1; mode < 4; mode++) {
		for (unsigned nth = 1; nth <= 12; nth++) {
			struct pair *p = new_pair(100 * mode + nth);

			p->lose_nth = nth;
			set_boot(p, mode & 1, mode & 2);
			boot_both(p);
			pair_run(p, 5 * PAIR_S);
			assert_linked(p);
			pair_run(p, 30 * PAIR_S);
			assert_calm(p);
			free_pair(p);
		}
	}
}

static void duplicates_do_no_harm(void **state)
{
	(void)state;
	for (unsigned seed = 0; seed < 50; seed++) {
		struct pair *p = new_pair(500 + seed);

		p->duplication = 100;
		p->jitter = seed % 2 ? 300 * PAIR_MS : 0;
		set_boot(p, true, seed % 4 >= 2);
		boot_both(p);
		pair_run(p, 45 * PAIR_S); /* a late IKE_SA_INIT may leave a half-open SA for 30 s */
		assert_calm(p);
		assert_int_equal(stats_of(p, ALPHA).bad_integrity + stats_of(p, BETA).bad_integrity, 0);
		free_pair(p);
	}
}

static void both_start_at_once(void **state)
{
	(void)state;
	for (unsigned seed = 0; seed < 50; seed++) {
		struct pair *p = new_pair(600 + seed);

		set_boot(p, true, true);
		p->jitter = seed % 2 ? 50 * PAIR_MS : 0;
		pair_boot(p, ALPHA);
		pair_run(p, (seed % 5) * 7 * PAIR_MS);
		pair_boot(p, BETA);
		pair_run(p, 5 * PAIR_S);
		assert_linked(p);
		pair_run(p, 200 * PAIR_S);
		assert_calm(p);
		assert_in_range(info_of(p, ALPHA).handshakes, 1, 2);
		free_pair(p);
	}
}

static int order_of_nonces(const void *a, const void *b)
{
	return memcmp(*(const uint8_t *const *)a, *(const uint8_t *const *)b, IKE_NONCE_LEN);
}

/* Two IKE SAs, and nobody hears a Delete: what each end makes of them. */
static void lowest_nonce_loses(void **state)
{
	unsigned won_by_alpha = 0;

	(void)state;
	for (unsigned seed = 0; seed < 20; seed++) {
		struct pair *p = new_pair(700 + seed);
		const uint8_t *nonces[4];
		unsigned count = 0;
		struct ike_sa *sa;
		uint64_t loser = 0;

		p->filter = no_informational;
		p->end[ALPHA].peer.dpd_delay = p->end[BETA].peer.dpd_delay = 0;
		set_boot(p, true, true);
		boot_both(p);
		pair_run(p, 100 * PAIR_MS);
		TAILQ_FOREACH (sa, &p->end[ALPHA].ike->sas, link) {
			nonces[count++] = sa->nonce_i.data;
			nonces[count++] = sa->nonce_r.data;
		}
		assert_int_equal(count, 4);
		qsort(nonces, 4, sizeof(nonces[0]), order_of_nonces);
		TAILQ_FOREACH (sa, &p->end[ALPHA].ike->sas, link)
			if (sa->nonce_i.data == nonces[0] || sa->nonce_r.data == nonces[0])
				loser = sa->spi_i;
		for (unsigned i = 0; i < PAIR_ENDS; i++) {
			assert_int_equal(pair_children(&p->end[i]), 2);
			TAILQ_FOREACH (sa, &p->end[i].ike->sas, link) {
				bool lost = sa->spi_i == loser;

				assert_int_equal(p->end[i].outbound == child_of(sa)->spi_in, !lost);
				assert_int_equal(
					sa->state, lost && sa->initiator ? IKE_DELETING : IKE_ESTABLISHED);
			}
		}
		won_by_alpha += p->end[ALPHA].ike->peers[0]->active->initiator;
		for (unsigned i = 0; i < PAIR_ENDS; i++) {
			/* While there are two, a packet of ESP says nothing about the one in use. */
			sl_ike_alive(p->end[i].ike, p->now, 0);
			assert_true(p->end[i].ike->peers[0]->active->alive_at < p->now);
		}
		/* The initiator of the loser soon gives up to say so; the other waits, but not for ever. */
		pair_run(p, 20 * PAIR_S);
		assert_int_equal(pair_children(&p->end[ALPHA]) + pair_children(&p->end[BETA]), 3);
		pair_run(p, 20 * PAIR_S);
		assert_calm(p);
		free_pair(p);
	}
	assert_in_range(won_by_alpha, 1, 19);
}

/*
 * An end that opens another IKE SA while one stands has no use for the old one, even when it does not say
 * INITIAL_CONTACT and whatever the nonces are.
 */
static void newer_wins(void **state)
{
	(void)state;
	for (unsigned seed = 0; seed < 10; seed++) {
		struct pair *p = linked_pair(720 + seed);
		uint64_t old = info_of(p, ALPHA).spi_i;

		p->filter = no_informational;
		assert_true(ike_init_start(p->end[ALPHA].ike->peers[0]));
		pair_run(p, 100 * PAIR_MS);
		assert_null(strstr(p->end[BETA].log, "started anew"));
		assert_int_equal(stats_of(p, BETA).established, 2);
		assert_true(info_of(p, ALPHA).spi_i != old);
		assert_true(info_of(p, BETA).spi_i == info_of(p, ALPHA).spi_i);
		p->filter = NULL;
		pair_run(p, 5 * PAIR_S);
		assert_calm(p);
		free_pair(p);
	}
}

/* The responder believes in an IKE SA of which the initiator never heard. */
static void given_up_is_said(void **state)
{
	struct trap trap = {.from = BETA, .exchange = IKE_AUTH};
	struct pair *p = new_pair(730);

	(void)state;
	trap.holds = true;
	p->filter = spring;
	p->filter_ctx = &trap;
	p->end[ALPHA].peer.dpd_delay = p->end[BETA].peer.dpd_delay = 0;
	boot_both(p);
	pair_connect(p, ALPHA);
	pair_run(p, 3 * PAIR_S);
	assert_int_equal(info_of(p, BETA).state, SL_IKE_UP);
	p->filter = NULL;
	pair_run(p, 600 * PAIR_MS);
	assert_no_link(p, BETA);
	assert_non_null(strstr(info_of(p, ALPHA).last_error, "no answer from 192.0.2.2:4500 to IKE_AUTH"));
	pair_run(p, 2 * PAIR_S);
	assert_calm(p);
	free_pair(p);
}

/* The network is bad for a while, ends restart in it, then it is calm: exactly one of everything must be left. */
static void storm(uint64_t seed, bool alpha_boots, bool beta_boots, bool restarts)
{
	struct pair *p = new_pair(seed);

	set_boot(p, alpha_boots, beta_boots);
	p->loss = 30;
	p->duplication = 10;
	p->jitter = 200 * PAIR_MS;
	boot_both(p);
	for (unsigned i = 0; i < 12; i++) {
		pair_run(p, pair_random(p) % (8 * PAIR_S));
		if (restarts && pair_random(p) % 3 == 0)
			pair_boot(p, pair_random(p) % PAIR_ENDS);
	}
	p->loss = p->duplication = 0;
	/* Dead ones need 10 s to be suspected and 31.5 s to be given up, and up to 30 s of back-off follow. */
	pair_run(p, 120 * PAIR_S);
	if (pair_fault(p))
		printf("# seed %llu\n", (unsigned long long)seed);
	assert_calm(p);
	free_pair(p);
}

static void storms(void **state)
{
	(void)state;
	for (uint64_t seed = 1000; seed < 1400; seed++)
		storm(seed, true, true, false);
	for (uint64_t seed = 2000; seed < 2100; seed++)
		storm(seed, true, false, false);
}

static void storms_with_restarts(void **state)
{
	(void)state;
	for (uint64_t seed = 3000; seed < 3400; seed++)
		storm(seed, true, true, true);
	for (uint64_t seed = 4000; seed < 4100; seed++)
		storm(seed, false, true, true);
}

static void restart_is_noticed_at_once(void **state)
{
	(void)state;
	for (unsigned mode = 1; mode < 4; mode++) {
		struct pair *p = new_pair(60 + mode);

		set_boot(p, mode & 1, mode & 2);
		boot_both(p);
		pair_run(p, 2 * PAIR_S);
		assert_calm(p);
		pair_boot(p, mode & 1 ? ALPHA : BETA);
		pair_run(p, 100 * PAIR_MS);
		assert_calm(p);
		assert_logged(p, mode & 1 ? BETA : ALPHA, "the peer has started anew");
		free_pair(p);
	}
}

/* A rekey request of its former life comes between the two messages of its new handshake. */
static void former_life_is_not_newer(void **state)
{
	struct trap trap = {.from = ALPHA, .exchange = IKE_CREATE_CHILD_SA, .holds = true};

	(void)state;
	for (uint64_t seed = 70; seed < 90; seed++) {
		struct pair *p = linked_pair(seed);

		p->filter = spring;
		p->filter_ctx = &trap;
		assert_true(sl_ike_rekey(p->end[ALPHA].ike, p->now, 0));
		pair_boot(p, ALPHA);
		pair_run(p, 3 * p->delay / 2);
		let_pass(p, &trap);
		assert_logged(p, BETA, "IKE SA rekeyed by the peer");
		pair_run(p, PAIR_S);
		assert_calm(p);
		free_pair(p);
	}
}

/* The end that restarted only waits: the other finds out by its liveness check, and connects. */
static void restart_of_a_passive_end(void **state)
{
	struct pair *p = linked_pair(64);

	(void)state;
	pair_boot(p, BETA);
	pair_run(p, 5 * PAIR_S);
	assert_non_null(pair_fault(p));
	pair_run(p, 40 * PAIR_S);
	assert_calm(p);
	free_pair(p);
}

static void peer_vanishes_and_returns(void **state)
{
	struct pair *p = linked_pair(65);

	(void)state;
	p->loss = 100;
	pair_run(p, 9 * PAIR_S);
	assert_int_equal(info_of(p, ALPHA).state, SL_IKE_UP);
	pair_run(p, 35 * PAIR_S);
	assert_no_link(p, ALPHA);
	assert_no_link(p, BETA);
	assert_logged(p, ALPHA, "link down: 192.0.2.2:4500 does not answer any more");
	assert_int_equal(info_of(p, ALPHA).state, SL_IKE_CONNECTING);
	assert_int_equal(info_of(p, BETA).state, SL_IKE_DOWN);
	pair_run(p, 300 * PAIR_S);
	p->loss = 0;
	pair_run(p, 35 * PAIR_S);
	assert_calm(p);
	free_pair(p);
}

static void traffic_is_a_sign_of_life(void **state)
{
	struct pair *p = linked_pair(66);
	unsigned sent = p->sent;

	(void)state;
	for (unsigned i = 0; i < 50; i++) {
		pair_run(p, 5 * PAIR_S);
		sl_ike_alive(p->end[ALPHA].ike, p->now, 0);
		sl_ike_alive(p->end[BETA].ike, p->now, 0);
	}
	assert_int_equal(p->sent, sent);
	pair_run(p, 11 * PAIR_S);
	assert_true(p->sent > sent);
	assert_calm(p);
	free_pair(p);
}

static void liveness_can_be_off(void **state)
{
	struct pair *p = new_pair(67);

	(void)state;
	p->end[ALPHA].peer.dpd_delay = p->end[BETA].peer.dpd_delay = 0;
	set_boot(p, true, false);
	boot_both(p);
	pair_run(p, 100000 * PAIR_S);
	assert_calm(p);
	assert_int_equal(p->sent, 4);
	assert_true(sl_ike_deadline(p->end[ALPHA].ike) == UINT64_MAX);
	free_pair(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_one_message_may_be_lost),
		cmocka_unit_test(duplicates_do_no_harm),
		cmocka_unit_test(both_start_at_once),
		cmocka_unit_test(lowest_nonce_loses),
		cmocka_unit_test(newer_wins),
		cmocka_unit_test(given_up_is_said),
		cmocka_unit_test(storms),
		cmocka_unit_test(storms_with_restarts),
		cmocka_unit_test(restart_is_noticed_at_once),
		cmocka_unit_test(former_life_is_not_newer),
		cmocka_unit_test(restart_of_a_passive_end),
		cmocka_unit_test(peer_vanishes_and_returns),
		cmocka_unit_test(traffic_is_a_sign_of_life),
		cmocka_unit_test(liveness_can_be_off),
	};

	return cmocka_run_group_tests_name("IKE network", tests, start_crypto, NULL);
}
