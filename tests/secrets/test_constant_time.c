/* SPDX-License-Identifier: BSD-3-Clause */
/* IKE and key files run in constant time: see classified.h. */
#include <valgrind/memcheck.h>

#include "../unit/ike_rotation.h"
#include "classified.h"
#include "lib/crypto/keyfile.h"

static int begin(void **state)
{
	(void)state;
	classified_begin();
	return 0;
}

/* ---- The test itself -------------------------------------------------------------------------------------------------------- */

static void carelessness_is_seen(void **state)
{
	static const uint8_t table[256] = {1, 2, 3};
	uint8_t secret[16] = {1}, other[16] = {2};
	volatile uint8_t found;

	(void)state;
	is_secret(secret, sizeof(secret));
	found = memcmp(secret, other, sizeof(secret)) <
		0; /* which of them is less nobody can tell without looking */
	assert_true(complaints() >= 1);
	classified_begin();
	found = table[secret[3]];
	assert_int_equal(complaints(), 1);
	(void)found;
	classified_begin();
	/* And what is done as it should be is not complained about. */
	found = sl_equal(secret, other, sizeof(secret));
	found = (uint8_t)sl_icv_equal(secret, other);
	is_public(secret, sizeof(secret));
	EXPECT_COMPLAINTS("comparing", 0);
}

/* ---- IKE ------------------------------------------------------------------------------------------------------------------- */

static bool is_up(struct pair *p)
{
	return info_of(p, ALPHA).state == SL_IKE_UP && info_of(p, BETA).state == SL_IKE_UP;
}

static void a_handshake_and_rekeys(void **state)
{
	struct pair *p = calloc(1, sizeof(*p));
	struct sl_ppk *ppk = calloc(1, sizeof(*ppk));

	(void)state;
	ppk->len = 48;
	sl_random(ppk->bytes, ppk->len);
	is_secret(ppk->bytes, ppk->len);
	pair_init(p, 1);
	for (unsigned i = 0; i < PAIR_ENDS; i++) {
		p->end[i].peer.ppk = ppk;
		p->end[i].peer.ppk_id = "link";
		pair_boot(p, i);
	}
	pair_connect(p, ALPHA);
	pair_run(p, PAIR_S);
	assert_true(is_up(p));
	for (unsigned i = 0; i < PAIR_ENDS; i++) {
		assert_true(sl_ike_rekey(p->end[i].ike, p->now, 0));
		pair_run(p, 30 * PAIR_S);
		assert_true(sl_ike_rekey_child(p->end[i].ike, p->now, p->end[i].outbound));
		pair_run(p, 30 * PAIR_S);
		assert_true(info_of(p, i).rekeys > 0);
	}
	assert_true(is_up(p));
	pair_free(p);
	free(p);
	free(ppk);
	EXPECT_COMPLAINTS("a handshake with PPK, IKE and child rekeys, the end", 0);
}

/* The other end has another PPK, a message is altered, a request comes again and again: what is refused is, too. */
static bool alter(struct pair *p, unsigned from, struct pair_message *m)
{
	const struct ike_wire_header *h = (const void *)m->data;

	(void)from;
	if (h->exchange != IKE_SA_INIT && p->sent % 3 == 0)
		m->data[m->len - 1 - p->sent % 40] ^= 1;
	return true;
}

static void what_is_refused(void **state)
{
	struct sl_ppk *ppks = calloc(PAIR_ENDS, sizeof(*ppks));
	struct pair *p = calloc(1, sizeof(*p));

	(void)state;
	pair_init(p, 2);
	p->filter = alter;
	for (unsigned i = 0; i < PAIR_ENDS; i++) {
		ppks[i].len = 32;
		sl_random(ppks[i].bytes, ppks[i].len);
		is_secret(ppks[i].bytes, ppks[i].len);
		p->end[i].peer.ppk = &ppks[i];
		p->end[i].peer.ppk_id = "link";
		p->end[i].peer.ppk_required = true;
		pair_boot(p, i);
	}
	pair_connect(p, ALPHA);
	pair_run(p, 60 * PAIR_S);
	assert_false(is_up(p));
	assert_true(stats_of(p, BETA).auth_failures > 0);
	pair_free(p);
	free(p);
	free(ppks);
	EXPECT_COMPLAINTS("wrong PPKs and altered messages", 0);
}

/* So few half-open IKE SAs that a cookie is wanted from the first on. */
static bool only_init(struct pair *p, unsigned from, struct pair_message *m)
{
	const struct ike_wire_header *h = (const void *)m->data;

	(void)p;
	(void)from;
	return h->exchange == IKE_SA_INIT;
}

static void cookies(void **state)
{
	struct pair *p = calloc(1, sizeof(*p));

	(void)state;
	pair_init(p, 3);
	pair_boot(p, BETA);
	p->filter = only_init;
	for (unsigned i = 0; i < 12; i++) {
		pair_boot(p, ALPHA);
		pair_connect(p, ALPHA);
		pair_run(p, 200 * PAIR_MS);
	}
	assert_true(stats_of(p, BETA).cookies_sent > 0);
	assert_true(classified.compared > 0);
	pair_free(p);
	free(p);
	EXPECT_COMPLAINTS("cookies demanded and returned", 0);
}

/* ---- Key files ------------------------------------------------------------------------------------------------------------- */

enum {
	PEM_KEY =
		28 +
		22, /* where the base64 of a PEM has nothing but key: behind the first line and the constant prefix */
	PEM_KEY_LEN = 64 - 22,
};

static void key_files(void **state)
{
	struct sl_ed25519_key key, again;
	char pem[SL_KEY_PEM_MAX], hex[97];
	struct sl_ppk ppk;

	(void)state;
	sl_key_generate(&key);
	sl_key_to_pem(pem, &key);
	is_public(&key, sizeof(key));
	is_public(pem, sizeof(pem));
	/* What is around it, and how long it is, everybody knows. */
	is_secret(pem + PEM_KEY, PEM_KEY_LEN);
	assert_int_equal(sl_key_from_pem(&again, pem, strlen(pem + 100) + 100), 0);
	is_public(&again, sizeof(again));
	assert_memory_equal(&again, &key, sizeof(key));
	memset(hex, 'a', sizeof(hex) - 1);
	hex[sizeof(hex) - 1] = '\0';
	/* That there is neither white space nor 0x at the ends shows. */
	is_secret(hex + 2, sizeof(hex) - 4);
	assert_int_equal(sl_ppk_from_text(&ppk, hex, sizeof(hex) - 1), 0);
	is_public(&ppk, sizeof(ppk));
	assert_int_equal(ppk.bytes[40], 0xaa);
	EXPECT_COMPLAINTS("key files written and read", 0);
}

static int start(void **state)
{
	(void)state;
	if (sl_crypto_init())
		return -1;
	stand_between();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(carelessness_is_seen, begin),
		cmocka_unit_test_setup(a_handshake_and_rekeys, begin),
		cmocka_unit_test_setup(what_is_refused, begin),
		cmocka_unit_test_setup(cookies, begin),
		cmocka_unit_test_setup(key_files, begin),
	};

	if (!someone_watches()) {
		fputs("run this under valgrind\n", stderr);
		return 1;
	}
	return cmocka_run_group_tests_name("constant time", tests, start, NULL);
}
