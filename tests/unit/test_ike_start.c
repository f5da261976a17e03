/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * When an end connects: at once, when traffic waits, or never.
 */
#include "ike_test.h"

static struct pair *starting(uint64_t seed, enum sl_ike_start start)
{
	struct pair *p = new_pair(seed);

	p->end[ALPHA].peer.start = start;
	p->end[BETA].peer.start = SL_IKE_START_TRAFFIC;
	boot_both(p);
	pair_run(p, 5 * PAIR_S);
	return p;
}

static void start_boot(void **state)
{
	struct pair *p = starting(95, SL_IKE_START_BOOT);

	(void)state;
	assert_calm(p);
	ike_delete_start(active_of(p, BETA));
	pair_run(p, 5 * PAIR_S);
	assert_calm(p);
	assert_int_equal(info_of(p, ALPHA).handshakes, 2);
	free_pair(p);
}

static void start_traffic(void **state)
{
	struct pair *p = starting(96, SL_IKE_START_TRAFFIC);

	(void)state;
	assert_int_equal(p->sent, 0);
	pair_connect(p, ALPHA);
	pair_run(p, 5 * PAIR_S);
	assert_calm(p);
	/* It rests when the peer closes the link, until there is traffic again. */
	ike_delete_start(active_of(p, BETA));
	ike_peer_settle(p->end[BETA].ike->peers[0]);
	pair_run(p, 60 * PAIR_S);
	assert_no_link(p, ALPHA);
	assert_int_equal(info_of(p, ALPHA).state, SL_IKE_DOWN);
	pair_connect(p, ALPHA);
	pair_run(p, 5 * PAIR_S);
	assert_calm(p);
	free_pair(p);
}

static void start_none(void **state)
{
	struct pair *p = starting(97, SL_IKE_START_NONE);

	(void)state;
	pair_connect(p, ALPHA);
	pair_run(p, 5 * PAIR_S);
	assert_int_equal(p->sent, 0);
	assert_int_equal(info_of(p, ALPHA).state, SL_IKE_DOWN);
	/* The peer may connect; and when it is gone without a word, it is for it to come back. */
	pair_connect(p, BETA);
	pair_run(p, 5 * PAIR_S);
	assert_calm(p);
	ike_peer_renew(p->end[ALPHA].ike->peers[0]);
	pair_run(p, 5 * PAIR_S);
	assert_int_equal(info_of(p, ALPHA).handshakes, 1);
	pair_boot(p, BETA);
	pair_run(p, 120 * PAIR_S);
	assert_no_link(p, ALPHA);
	assert_int_equal(info_of(p, ALPHA).state, SL_IKE_DOWN);
	assert_int_equal(info_of(p, BETA).handshakes, 0);
	free_pair(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(start_boot),
		cmocka_unit_test(start_traffic),
		cmocka_unit_test(start_none),
	};

	return cmocka_run_group_tests_name("IKE start", tests, start_crypto, NULL);
}
