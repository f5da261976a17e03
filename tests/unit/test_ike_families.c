/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two engines and the two families of addresses: which of ours speaks to which endpoint, and what is behind the ends in
 * both families.
 */
#include "ike_test.h"

static struct pair *ipv6_pair(uint64_t seed, bool alpha, bool beta)
{
	struct pair *p = new_pair(seed);

	pair_use_ipv6(p);
	set_boot(p, alpha, beta);
	return p;
}

static bool all_over_ipv6(struct pair *p, unsigned from, struct pair_message *m)
{
	assert_true(sl_addr_equal(&m->path.local.addr, &p->end[from].conf.address6));
	assert_true(sl_addr_equal(&m->path.remote.addr, &p->end[!from].conf.address6));
	return true;
}

static void link_over_ipv6(void **state)
{
	(void)state;
	for (unsigned starter = 0; starter < PAIR_ENDS; starter++) {
		struct pair *p = ipv6_pair(10 + starter, starter == ALPHA, starter == BETA);

		p->filter = all_over_ipv6;
		boot_both(p);
		pair_run(p, 50 * PAIR_MS);
		assert_calm(p);
		assert_int_equal(p->sent, 4);
		for (unsigned i = 0; i < PAIR_ENDS; i++) {
			const struct sl_ike_child *child = &p->end[i].children[0];

			assert_false(child->nat);
			assert_true(sl_addr_equal(&child->path.local.addr, &p->end[i].conf.address6));
			assert_true(sl_addr_equal(&child->path.remote.addr, &p->end[!i].conf.address6));
			assert_true(seen_at(p, i, &child->path.remote));
		}
		assert_logged(p, starter, "link up with [2001:db8::");
		p->no_gaps = true;
		assert_true(sl_ike_rekey_child(p->end[starter].ike, p->now, p->end[starter].outbound));
		assert_true(sl_ike_rekey(p->end[!starter].ike, p->now, 0));
		pair_run(p, 60 * PAIR_S);
		assert_calm(p);
		assert_int_equal(p->end[ALPHA].keepalives + p->end[BETA].keepalives, 0);
		free_pair(p);
	}
}

/* Each calls the other at an address of its own family, at once: one link stays. */
static void each_in_its_family(void **state)
{
	bool seen[2] = {false, false};

	(void)state;
	for (unsigned seed = 0; seed < 20; seed++) {
		struct pair *p = new_pair(30 + seed);
		uint8_t family;

		p->end[BETA].peer.endpoint.addr = p->end[ALPHA].conf.address6;
		set_boot(p, true, true);
		boot_both(p);
		pair_run(p, 60 * PAIR_S);
		assert_calm(p);
		family = used_by(p, ALPHA, 0)->path.local.addr.family;
		assert_int_equal(family, used_by(p, BETA, 0)->path.remote.addr.family);
		seen[family == SL_IPV6] = true;
		free_pair(p);
	}
	assert_true(seen[false] && seen[true]);
}

/* Without an address of its family a peer cannot be called; it may call, where it finds us. */
static void no_address_of_that_family(void **state)
{
	(void)state;
	for (unsigned ipv6 = 0; ipv6 < 2; ipv6++) {
		struct pair *p = new_pair(60);

		p->end[ALPHA].peer.endpoint.addr =
			ipv6 ? p->end[BETA].conf.address6 : p->end[BETA].conf.address;
		p->end[BETA].peer.endpoint.addr =
			ipv6 ? p->end[ALPHA].conf.address : p->end[ALPHA].conf.address6;
		*(ipv6 ? &p->end[ALPHA].conf.address6 : &p->end[ALPHA].conf.address) = (struct sl_addr){0};
		set_boot(p, true, false);
		boot_both(p);
		pair_connect(p, ALPHA);
		pair_run(p, 60 * PAIR_S);
		assert_int_equal(p->sent, 0);
		assert_int_equal(info_of(p, ALPHA).state, SL_IKE_DOWN);
		pair_connect(p, BETA);
		pair_run(p, PAIR_S);
		assert_calm(p);
		free_pair(p);
	}
}

/* Of a NAT66, or of NPTv6 (RFC 6296): the hashes are over 16 bytes (RFC 7296 2.23). */
static void nat_of_ipv6(void **state)
{
	struct pair *p = ipv6_pair(70, true, false);

	(void)state;
	assert_true(sl_endpoint_parse(&p->nat, "[2001:db8:ffff::7]:31000", 0));
	p->end[BETA].peer.endpoint.addr.family = SL_NONE;
	boot_both(p);
	pair_run(p, PAIR_S);
	assert_calm(p);
	assert_true(seen_at(p, BETA, &p->nat));
	assert_true(p->end[BETA].children[0].nat && p->end[ALPHA].children[0].nat);
	pair_run(p, 50 * PAIR_S);
	assert_int_equal(p->end[ALPHA].keepalives, 2);
	/* Only the last byte changes. */
	p->nat.addr.bytes[15]++;
	pair_run(p, 60 * PAIR_S);
	assert_calm(p);
	assert_true(seen_at(p, BETA, &p->nat));
	assert_true(sl_endpoint_equal(&p->end[BETA].children[0].path.remote, &p->nat));
	assert_int_equal(info_of(p, BETA).handshakes, 1);
	free_pair(p);
}

/* An address translated in nothing but the last of 16 bytes is translated all the same. */
static void every_byte_of_the_address_counts(void **state)
{
	(void)state;
	for (unsigned byte = 0; byte < 16; byte++) {
		struct pair *p = ipv6_pair(80 + byte, true, false);

		p->nat = (struct sl_endpoint){p->end[ALPHA].conf.address6, SL_IKE_NAT_PORT};
		p->nat.addr.bytes[byte] ^= 1;
		p->end[BETA].peer.endpoint.addr.family = SL_NONE;
		boot_both(p);
		pair_run(p, PAIR_S);
		assert_calm(p);
		assert_true(p->end[BETA].children[0].nat && p->end[ALPHA].children[0].nat);
		free_pair(p);
	}
}

static void storms_over_ipv6(void **state)
{
	(void)state;
	for (uint64_t seed = 1000; seed < 1100; seed++) {
		struct pair *p = ipv6_pair(seed, true, seed % 2);

		p->end[ALPHA].conf.mtu = seed % 3 == 0 ? SL_IKE_MTU_MIN : 1280;
		p->loss = 20;
		p->duplication = 10;
		p->jitter = 200 * PAIR_MS;
		boot_both(p);
		for (unsigned i = 0; i < 8; i++) {
			pair_run(p, pair_random(p) % (8 * PAIR_S));
			if (pair_random(p) % 3 == 0)
				pair_boot(p, pair_random(p) % PAIR_ENDS);
		}
		p->loss = p->duplication = 0;
		pair_run(p, 120 * PAIR_S);
		assert_calm(p);
		free_pair(p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(link_over_ipv6),
		cmocka_unit_test(each_in_its_family),
		cmocka_unit_test(no_address_of_that_family),
		cmocka_unit_test(nat_of_ipv6),
		cmocka_unit_test(every_byte_of_the_address_counts),
		cmocka_unit_test(storms_over_ipv6),
	};

	return cmocka_run_group_tests_name("IKE families", tests, start_crypto, NULL);
}
