/* SPDX-License-Identifier: BSD-3-Clause */
/* The data path runs in constant time: see classified.h. */
#include "../unit/dataplane_test.h"
#include "classified.h"

enum { PACKETS = 40 };

static int begin(void **state)
{
	classified_begin();
	return pair_fresh(state);
}

/* Fresh sessions whose keys and salts are secret. */
static void secret_sessions(enum sl_cipher cipher, bool esn)
{
	const struct sl_ts_list a = pair_selector("10.1.0.0/16"), b = pair_selector("10.2.0.0/16");
	struct sl_esp_params params = pair_params(&pair, cipher, esn);

	is_secret(pair.key, sizeof(pair.key));
	is_secret(pair.salt, sizeof(pair.salt));
	pair_sessions_like(&pair, params, &a, &b);
}

static void seal_and_open(const char *what, enum sl_cipher cipher, bool esn)
{
	classified_begin();
	secret_sessions(cipher, esn);
	EXPECT_COMPLAINTS("sessions made", 0);
	for (unsigned i = 0; i < PACKETS; i++) {
		struct rte_mbuf *m = pair_plain(&pair, ALPHA_HOST, BETA_HOST, 64 + 35 * i, i);
		bool forged = i % 4 == 3;

		seal(m);
		m = sent();
		assert_int_equal(complaints(), i);
		/* In its ICV: the last byte, or the first. */
		if (forged)
			rte_pktmbuf_mtod_offset(m, uint8_t *, m->data_len)[i % 8 == 3 ? -1 : -16] ^= 1;
		open_sealed(m);
		if (forged)
			expect_drop(&pair.beta, SL_DROP_BAD_ICV);
		else
			rte_pktmbuf_free(sent());
		/*
		 * The one branch is on whether the whole ICV was right, which the sender of a forged packet may know. A comparison that
		 * ends at the first byte that differs would have a branch a byte.
		 */
		assert_int_equal(complaints(), i + 1);
	}
	assert_int_equal(classified.opened, PACKETS);
	EXPECT_COMPLAINTS(what, PACKETS);
}

static void packets(void **state)
{
	(void)state;
	seal_and_open("packets with AES-128 and ESN", SL_AES128GCM16, true);
	seal_and_open("packets with AES-256 and ESN", SL_AES256GCM16, true);
	seal_and_open("packets with AES-128 without ESN", SL_AES128GCM16, false);
	seal_and_open("packets with AES-256 without ESN", SL_AES256GCM16, false);
}

static int start(void **state)
{
	if (pair_set_up(state))
		return -1;
	stand_between();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(packets, begin, pair_nothing_lost)};

	if (!someone_watches()) {
		fputs("run this under valgrind\n", stderr);
		return 1;
	}
	return cmocka_run_group_tests_name("constant time of ESP", tests, start, pair_tear_down);
}
