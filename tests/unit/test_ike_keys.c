/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Several public keys of a peer: it is believed with any of them and with no other, and its private key can be replaced while
 * the link stands.
 */
#include "ike_test.h"

static struct sl_ed25519_key key_of(uint8_t number)
{
	struct sl_ed25519_key key = {.seed = {number, 99}};

	sl_ed25519_from_seed(&key);
	return key;
}

/* What an end takes its peer's keys for: strangers' keys, but for the one at `real`; none when that is beyond count. */
static void teach(struct pair *p, unsigned end, unsigned count, unsigned real)
{
	struct sl_ike_peer_conf *peer = &p->end[end].peer;

	for (unsigned i = 0; i < SL_IKE_KEYS_MAX; i++) {
		const struct sl_ed25519_key key = i == real ? p->end[!end].key : key_of((uint8_t)(10 + i));

		memcpy(peer->public_keys[i], key.public, sizeof(key.public));
	}
	peer->public_key_count = count;
}

/* A pair after alpha has tried to connect. */
static void connect_alpha(struct pair *p)
{
	boot_both(p);
	pair_connect(p, ALPHA);
	pair_run(p, 300 * PAIR_MS);
}

static void assert_signed(struct pair *p, unsigned end, const struct sl_ed25519_key *key)
{
	assert_memory_equal(info_of(p, end).public_key, key->public, sizeof(key->public));
}

/* Wherever the key stands, at either end, with a PPK and without. */
static void any_of_them_is_believed(void **state)
{
	static const struct sl_ppk ppk = {32, {1}};

	(void)state;
	for (unsigned count = 1; count <= SL_IKE_KEYS_MAX; count++) {
		for (unsigned real = 0; real < count; real++) {
			struct pair *p = new_pair(100 + 10 * count + real);

			teach(p, ALPHA, count, count - 1 - real);
			teach(p, BETA, count, real);
			for (unsigned end = 0; end < PAIR_ENDS && real % 2 == 1; end++) {
				p->end[end].peer.ppk = &ppk;
				p->end[end].peer.ppk_id = "link";
				p->end[end].peer.ppk_required = true;
			}
			connect_alpha(p);
			assert_calm(p);
			assert_signed(p, ALPHA, &p->end[BETA].key);
			assert_signed(p, BETA, &p->end[ALPHA].key);
			assert_int_equal(info_of(p, ALPHA).handshakes, 1);
			assert_null(strstr(p->end[ALPHA].log, "signs with"));
			assert_null(strstr(p->end[BETA].log, "signs with"));
			free_pair(p);
		}
	}
}

static void no_other_is_believed(void **state)
{
	(void)state;
	for (unsigned end = 0; end < PAIR_ENDS; end++) {
		for (unsigned count = 1; count <= SL_IKE_KEYS_MAX; count++) {
			struct pair *p = new_pair(200 + 10 * end + count);

			/* The right key is there, but just behind those that count. */
			teach(p, end, count, count);
			connect_alpha(p);
			assert_no_link(p, ALPHA);
			assert_no_link(p, BETA);
			assert_logged(p, end, "has not signed with the key we have for it");
			assert_int_equal(stats_of(p, end).auth_failures, 1);
			free_pair(p);
		}
	}
}

/* Another peer's key proves another peer's name and no other, at either end. */
static void a_key_is_good_for_one_name(void **state)
{
	(void)state;
	for (unsigned end = 0; end < PAIR_ENDS; end++) {
		struct pair *p = new_pair(240 + end);
		static struct sl_ike_peer_conf third;

		boot_both(p);
		third = p->end[!end].peer;
		third.name = "gamma.example";
		third.public_key_count = 1;
		/* `end` is gamma, and says that it is somebody else whom its peer knows too. */
		p->end[end].key = key_of(7);
		memcpy(third.public_keys[0], p->end[end].key.public, sizeof(third.public_keys[0]));
		assert_int_equal(sl_ike_peer_add(p->end[!end].ike, &third), 1);
		pair_connect(p, ALPHA);
		pair_run(p, 300 * PAIR_MS);
		assert_no_link(p, ALPHA);
		assert_no_link(p, BETA);
		assert_logged(p, !end, "has not signed with the key we have for it");
		assert_int_equal(stats_of(p, !end).auth_failures, 1);
		free_pair(p);
	}
}

/* A peer that may be without a PPK signs twice; the signature without it is checked against all keys too. */
static void without_ppk(void **state)
{
	static const struct sl_ppk ppk = {32, {1}};

	(void)state;
	for (unsigned knows = 0; knows < 2; knows++) {
		struct pair *p = new_pair(250 + knows);

		teach(p, BETA, knows ? 3 : 2, 2);
		/* Beta has a PPK, so that it says USE_PPK, but of another name. */
		for (unsigned end = 0; end < PAIR_ENDS; end++) {
			p->end[end].peer.ppk = &ppk;
			p->end[end].peer.ppk_id = end == ALPHA ? "one" : "other";
		}
		connect_alpha(p);
		assert_int_equal(info_of(p, BETA).state == SL_IKE_UP, knows);
		if (knows)
			assert_signed(p, BETA, &p->end[ALPHA].key);
		else
			assert_logged(p, BETA, "it has not signed with the key we have for it");
		free_pair(p);
	}
}

/* Makes a new IKE SA beside the one in use, as when keys could not be renewed otherwise. */
static void renew(struct pair *p, unsigned end)
{
	uint64_t spi_i = info_of(p, ALPHA).spi_i;

	ike_peer_renew(p->end[end].ike->peers[0]);
	p->no_gaps = false; /* the first child of the new one is used by the responder at once */
	pair_run(p, 100 * PAIR_MS);
	p->no_gaps = true;
	pair_run(p, 10 * PAIR_S);
	assert_true(info_of(p, ALPHA).spi_i != spi_i);
	assert_calm(p);
}

/* The whole roll of alpha's key, whoever makes the new IKE SA: beta learns, alpha changes over, beta forgets. */
static void key_rolls_under_a_link(void **state)
{
	(void)state;
	for (unsigned end = 0; end < PAIR_ENDS; end++) {
		struct pair *p = linked_pair(300 + end);
		struct sl_ike_peer_conf *known = &p->end[BETA].peer;
		const struct sl_ed25519_key old = p->end[ALPHA].key, new = key_of(1);
		char fingerprints[2][SL_FINGERPRINT_MAX], line[128];

		p->no_gaps = true;
		memcpy(known->public_keys[known->public_key_count++], new.public, sizeof(new.public));
		renew(p, end);
		assert_signed(p, BETA, &old);
		assert_null(strstr(p->end[BETA].log, "signs with"));

		p->end[ALPHA].key = new;
		renew(p, end);
		assert_signed(p, BETA, &new);
		snprintf(line, sizeof(line), "the peer signs with its key %s now, no longer with %s",
			sl_public_fingerprint(fingerprints[0], new.public),
			sl_public_fingerprint(fingerprints[1], old.public));
		assert_logged(p, BETA, line);

		memcpy(known->public_keys[0], new.public, sizeof(new.public));
		known->public_key_count = 1;
		renew(p, end);
		assert_signed(p, BETA, &new);
		assert_int_equal(info_of(p, BETA).failures + info_of(p, ALPHA).failures, 0);
		free_pair(p);
	}
}

/* Whoever signs with the old key after that is nobody; the link that stands does not care. */
static void forgotten_key_is_refused(void **state)
{
	struct pair *p = linked_pair(310);
	const struct sl_ed25519_key new = key_of(1);

	(void)state;
	p->no_gaps = true;
	memcpy(p->end[BETA].peer.public_keys[0], new.public, sizeof(new.public));
	ike_peer_renew(p->end[ALPHA].ike->peers[0]);
	pair_run(p, 300 * PAIR_MS);
	assert_logged(p, BETA, "refused: it has not signed with the key we have for it");
	assert_int_equal(info_of(p, BETA).handshakes, 1);
	assert_linked(p);
	free_pair(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_of_them_is_believed),
		cmocka_unit_test(no_other_is_believed),
		cmocka_unit_test(a_key_is_good_for_one_name),
		cmocka_unit_test(without_ppk),
		cmocka_unit_test(key_rolls_under_a_link),
		cmocka_unit_test(forgotten_key_is_refused),
	};

	return cmocka_run_group_tests_name("IKE keys", tests, start_crypto, NULL);
}
