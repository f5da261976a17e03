/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two IKE engines against each other: links that come up, links that must not, how they end.
 */
#include "ike_test.h"

/* ---- Handshakes that work ---------------------------------------------------------------------------------------- */

static void each_end_can_start(void **state)
{
	(void)state;
	for (unsigned starter = 0; starter < PAIR_ENDS; starter++) {
		struct pair *p = new_pair(1 + starter);

		set_boot(p, starter == ALPHA, starter == BETA);
		boot_both(p);
		assert_int_equal(info_of(p, starter).state, SL_IKE_CONNECTING);
		assert_int_equal(info_of(p, !starter).state, SL_IKE_DOWN);
		pair_run(p, 50 * PAIR_MS);
		assert_calm(p);
		assert_int_equal(p->sent, 4);
		assert_memory_equal(
			p->end[ALPHA].ike_keys, p->end[BETA].ike_keys, sizeof(p->end[ALPHA].ike_keys));
		assert_memory_not_equal(&p->end[ALPHA].ike_keys[0], &p->end[ALPHA].ike_keys[1],
			sizeof(p->end[ALPHA].ike_keys[0]));

		pair_run(p, 1000 * PAIR_S);
		assert_calm(p);
		for (unsigned i = 0; i < PAIR_ENDS; i++) {
			assert_int_equal(info_of(p, i).handshakes, 1);
			assert_int_equal(info_of(p, i).failures, 0);
			assert_int_equal(stats_of(p, i).retransmits, 0);
			assert_int_equal(stats_of(p, i).malformed + stats_of(p, i).bad_integrity, 0);
		}
		free_pair(p);
	}
}

static void common_cipher_is_found(void **state)
{
	static const struct {
		enum sl_cipher alpha[2], beta[2], expected;
		unsigned alpha_count, beta_count;
	} cases[] = {
		{{SL_AES128GCM16}, {SL_AES128GCM16}, SL_AES128GCM16, 1, 1},
		{{SL_AES256GCM16}, {SL_AES256GCM16}, SL_AES256GCM16, 1, 1},
		{{SL_AES256GCM16, SL_AES128GCM16}, {SL_AES128GCM16}, SL_AES128GCM16, 2, 1},
		{{SL_AES128GCM16, SL_AES256GCM16}, {SL_AES256GCM16, SL_AES128GCM16}, SL_AES128GCM16, 2, 2},
		{{SL_AES256GCM16}, {SL_AES128GCM16, SL_AES256GCM16}, SL_AES256GCM16, 1, 2},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct pair *p = new_pair(10 + i);

		memcpy(p->end[ALPHA].peer.ciphers, cases[i].alpha, sizeof(cases[i].alpha));
		memcpy(p->end[BETA].peer.ciphers, cases[i].beta, sizeof(cases[i].beta));
		p->end[ALPHA].peer.cipher_count = cases[i].alpha_count;
		p->end[BETA].peer.cipher_count = cases[i].beta_count;
		set_boot(p, true, false);
		boot_both(p);
		pair_run(p, PAIR_S);
		assert_calm(p);
		assert_int_equal(info_of(p, ALPHA).cipher, cases[i].expected);
		assert_int_equal(p->end[ALPHA].children[0].cipher, cases[i].expected);
		free_pair(p);
	}
}

static void esn_when_both_want_it(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct pair *p = new_pair(20 + i);

		p->end[ALPHA].peer.esn = i & 1;
		p->end[BETA].peer.esn = i & 2;
		set_boot(p, true, false);
		boot_both(p);
		pair_run(p, PAIR_S);
		assert_calm(p);
		assert_int_equal(p->end[ALPHA].children[0].esn, i == 3);
		free_pair(p);
	}
}

/* ---- Handshakes that must not work ------------------------------------------------------------------------------- */

static void wrong_key_of_initiator(void **state)
{
	struct pair *p = new_pair(40);

	(void)state;
	p->end[BETA].peer.public_keys[0][0] ^= 1;
	set_boot(p, true, false);
	boot_both(p);
	pair_run(p, 500 * PAIR_MS);
	assert_no_link(p, ALPHA);
	assert_no_link(p, BETA);
	assert_int_equal(stats_of(p, BETA).half_open, 0);
	assert_int_equal(stats_of(p, BETA).auth_failures, 1);
	assert_int_equal(stats_of(p, ALPHA).auth_failures, 1);
	assert_logged(p, BETA, "192.0.2.1:4500: \"alpha.example\" refused: it has not signed");
	assert_logged(p, ALPHA, "refused our identity \"alpha.example\"");
	assert_non_null(strstr(info_of(p, ALPHA).last_error, "refused our identity"));
	assert_int_equal(info_of(p, ALPHA).state, SL_IKE_CONNECTING);

	/* It goes on trying, with back-off: after 1, 2, 4, 8, 16, 30, 30 seconds. */
	pair_run(p, 100 * PAIR_S);
	assert_int_equal(info_of(p, ALPHA).failures, 8);
	assert_int_equal(pair_spis(&p->end[ALPHA]), 0);
	p->end[BETA].peer.public_keys[0][0] ^= 1;
	pair_run(p, 31 * PAIR_S);
	assert_calm(p);
	assert_string_equal(info_of(p, ALPHA).last_error, "");

	/* The next trouble begins with a short back-off again. */
	p->end[BETA].peer.public_keys[0][0] ^= 1;
	sl_ike_shutdown(p->end[BETA].ike, p->now);
	pair_boot(p, BETA);
	pair_run(p, 2500 * PAIR_MS);
	assert_int_equal(info_of(p, ALPHA).failures, 8 + 2);
	free_pair(p);
}

static void wrong_key_of_responder(void **state)
{
	struct pair *p = new_pair(41);

	(void)state;
	p->end[ALPHA].peer.public_keys[0][5] ^= 0x10;
	set_boot(p, true, false);
	boot_both(p);
	pair_run(p, 500 * PAIR_MS);
	assert_no_link(p, ALPHA);
	assert_no_link(p, BETA);
	assert_int_equal(stats_of(p, ALPHA).auth_failures, 1);
	assert_int_equal(stats_of(p, BETA).auth_failures, 1);
	assert_logged(p, ALPHA, "has not signed with the key we have for it");
	assert_logged(p, BETA, "does not believe that we are \"beta.example\"");
	free_pair(p);
}

static void wrong_names(void **state)
{
	static const struct {
		unsigned end;
		const char *peer_name, *log;
	} cases[] = {
		{BETA, "gamma.example", "\"alpha.example\" refused: no peer of that name"},
		{BETA, "alpha.exampl", "\"alpha.example\" refused: no peer of that name"},
		{BETA, "alpha.example.", "\"alpha.example\" refused: no peer of that name"},
		{ALPHA, "gamma.example", "it looks for a gateway of another name"},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct pair *p = new_pair(42 + i);

		p->end[cases[i].end].peer.name = cases[i].peer_name;
		set_boot(p, true, false);
		boot_both(p);
		pair_run(p, 500 * PAIR_MS);
		assert_no_link(p, ALPHA);
		assert_no_link(p, BETA);
		assert_logged(p, BETA, cases[i].log);
		assert_logged(p, ALPHA, "refused our identity");
		free_pair(p);
	}
}

static void hostile_name_is_escaped(void **state)
{
	struct pair *p = new_pair(47);

	(void)state;
	p->end[ALPHA].conf.name = "a\nb\"\x1b[2J\xff\\ c";
	set_boot(p, true, false);
	boot_both(p);
	pair_run(p, 500 * PAIR_MS);
	assert_no_link(p, BETA);
	assert_logged(p, BETA, "\"a\\x0ab\\x22\\x1b[2J\\xff\\x5c\\x20c\" refused");
	free_pair(p);
}

static void no_common_cipher(void **state)
{
	struct pair *p = new_pair(50);

	(void)state;
	p->end[ALPHA].peer.ciphers[0] = SL_AES256GCM16;
	p->end[BETA].peer.ciphers[0] = SL_AES128GCM16;
	p->end[ALPHA].peer.cipher_count = p->end[BETA].peer.cipher_count = 1;
	set_boot(p, true, false);
	boot_both(p);
	pair_run(p, PAIR_S);
	assert_logged(p, BETA, "nothing in common");
	assert_logged(p, ALPHA, "answers NO_PROPOSAL_CHOSEN (not authenticated)");
	assert_int_equal(stats_of(p, BETA).half_open, 0);
	/* An answer that anybody can forge does not end the attempt; time does. */
	assert_int_equal(stats_of(p, ALPHA).half_open, 1);
	pair_run(p, 31 * PAIR_S);
	assert_int_equal(info_of(p, ALPHA).failures, 1);
	assert_non_null(strstr(info_of(p, ALPHA).last_error, "NO_PROPOSAL_CHOSEN"));
	free_pair(p);
}

static void cipher_of_another_peer(void **state)
{
	struct pair *p = new_pair(51);
	struct sl_ike_peer_conf other;

	(void)state;
	/* Beta's other peer at this address may use AES-128, so IKE_SA_INIT lets it pass; alpha may not. */
	p->end[ALPHA].peer.ciphers[0] = SL_AES128GCM16;
	p->end[ALPHA].peer.cipher_count = 1;
	p->end[BETA].peer.cipher_count = 1;
	other = p->end[BETA].peer;
	other.name = "gamma.example";
	other.ciphers[0] = SL_AES128GCM16;
	set_boot(p, true, false);
	boot_both(p);
	assert_int_equal(sl_ike_peer_add(p->end[BETA].ike, &other), 1);
	pair_run(p, 500 * PAIR_MS);
	assert_no_link(p, ALPHA);
	assert_no_link(p, BETA);
	assert_logged(p, BETA, "the cipher is not allowed for it");
	free_pair(p);
}

static void own_ciphers_at_own_address(void **state)
{
	struct pair *p = new_pair(53);
	struct sl_ike_peer_conf other;

	(void)state;
	/* Alpha would take both, AES-128 first; beta allows it AES-256, and AES-128 to a peer that is somewhere else. */
	p->end[ALPHA].peer.ciphers[0] = SL_AES128GCM16;
	p->end[ALPHA].peer.ciphers[1] = SL_AES256GCM16;
	p->end[BETA].peer.cipher_count = 1;
	other = p->end[BETA].peer;
	other.name = "gamma.example";
	other.endpoint.addr = sl_addr_v4(0xc0000209);
	other.ciphers[0] = SL_AES128GCM16;
	set_boot(p, true, false);
	boot_both(p);
	assert_int_equal(sl_ike_peer_add(p->end[BETA].ike, &other), 1);
	pair_run(p, 500 * PAIR_MS);
	assert_int_equal(info_of(p, ALPHA).state, SL_IKE_UP);
	assert_int_equal(info_of(p, ALPHA).cipher, SL_AES256GCM16);
	free_pair(p);
}

static void no_common_selectors(void **state)
{
	struct pair *p = new_pair(52);

	(void)state;
	set_prefix(&p->end[BETA].peer.selectors, "172.16.0.0/12");
	set_boot(p, true, false);
	boot_both(p);
	pair_run(p, 500 * PAIR_MS);
	assert_no_link(p, ALPHA);
	assert_no_link(p, BETA);
	assert_logged(p, BETA, "child SA refused: TS_UNACCEPTABLE");
	assert_non_null(strstr(info_of(p, ALPHA).last_error, "TS_UNACCEPTABLE"));
	assert_int_equal(pair_spis(&p->end[ALPHA]) + pair_spis(&p->end[BETA]), 0);
	free_pair(p);
}

/* Each is authentic to the other again and again, which must not keep the back-off short. */
static void useless_handshakes_become_rare(void **state)
{
	struct pair *p = new_pair(56);

	(void)state;
	set_prefix(&p->end[BETA].peer.selectors, "172.16.0.0/12");
	set_boot(p, true, true);
	boot_both(p);
	pair_run(p, 300 * PAIR_S);
	for (unsigned i = 0; i < PAIR_ENDS; i++) {
		assert_in_range(info_of(p, i).failures, 10, 20);
		assert_non_null(strstr(info_of(p, i).last_error, "TS_UNACCEPTABLE"));
		assert_no_link(p, i);
	}
	free_pair(p);
}

static void no_room_for_a_child(void **state)
{
	(void)state;
	for (unsigned end = 0; end < PAIR_ENDS; end++) {
		struct pair *p = new_pair(53 + end);

		p->end[end].refuse_installs = 1;
		set_boot(p, true, false);
		boot_both(p);
		pair_run(p, 500 * PAIR_MS);
		assert_no_link(p, ALPHA);
		assert_no_link(p, BETA);
		assert_int_equal(info_of(p, ALPHA).failures, 1);
		pair_run(p, 2 * PAIR_S);
		assert_calm(p);
		free_pair(p);
	}
}

static void no_spi_is_free(void **state)
{
	struct pair *p = new_pair(55);

	(void)state;
	set_boot(p, true, false);
	boot_both(p);
	for (unsigned i = 0; i < PAIR_SPIS_MAX; i++)
		p->end[ALPHA].spis[i] = 1 + i;
	pair_run(p, 500 * PAIR_MS);
	assert_no_link(p, ALPHA);
	assert_non_null(strstr(info_of(p, ALPHA).last_error, "no SPI"));
	memset(p->end[ALPHA].spis, 0, sizeof(p->end[ALPHA].spis));
	pair_run(p, 60 * PAIR_S);
	assert_calm(p);
	free_pair(p);
}

/* ---- Ending ------------------------------------------------------------------------------------------------------ */

static void shutdown_says_delete(void **state)
{
	struct pair *p = new_pair(70);

	(void)state;
	set_boot(p, false, true);
	boot_both(p);
	pair_run(p, PAIR_S);
	assert_calm(p);
	sl_ike_shutdown(p->end[ALPHA].ike, p->now);
	assert_no_link(p, ALPHA);
	assert_true(sl_ike_deadline(p->end[ALPHA].ike) == UINT64_MAX);
	pair_run(p, 100 * PAIR_MS);
	assert_no_link(p, BETA);
	assert_logged(p, BETA, "link down: closed by the peer");
	assert_int_equal(info_of(p, BETA).state, SL_IKE_CONNECTING);
	/* What is shut down stays so; a new gateway in its place is found soon. */
	pair_run(p, 2 * PAIR_S);
	assert_no_link(p, ALPHA);
	pair_boot(p, ALPHA);
	pair_run(p, 4 * PAIR_S);
	assert_calm(p);
	free_pair(p);
}

static void both_shut_down_at_once(void **state)
{
	struct pair *p = linked_pair(71);

	(void)state;
	sl_ike_shutdown(p->end[ALPHA].ike, p->now);
	sl_ike_shutdown(p->end[BETA].ike, p->now);
	pair_run(p, PAIR_S);
	assert_no_link(p, ALPHA);
	assert_no_link(p, BETA);
	free_pair(p);
}

static void deletes_cross(void **state)
{
	struct pair *p = linked_pair(72);

	(void)state;
	ike_delete_start(sa_of(p, ALPHA));
	ike_delete_start(sa_of(p, BETA));
	pair_run(p, 500 * PAIR_MS);
	assert_no_link(p, ALPHA);
	assert_no_link(p, BETA);
	pair_run(p, 2 * PAIR_S);
	assert_calm(p);
	free_pair(p);
}

static void delete_waits_for_its_turn(void **state)
{
	struct pair *p = linked_pair(73);

	(void)state;
	ike_liveness_start(sa_of(p, ALPHA));
	ike_delete_start(sa_of(p, ALPHA)); /* the window is one request wide */
	pair_run(p, 100 * PAIR_MS);
	assert_no_link(p, ALPHA);
	assert_no_link(p, BETA);
	free_pair(p);
}

static void shutdown_behind_a_lost_request(void **state)
{
	struct pair *p = linked_pair(74);

	(void)state;
	p->loss = 100;
	ike_liveness_start(sa_of(p, ALPHA));
	p->loss = 0;
	sl_ike_shutdown(p->end[ALPHA].ike, p->now);
	pair_run(p, 100 * PAIR_MS);
	assert_no_link(p, BETA);
	free_pair(p);
}

/* Deletes of a child SA, by either end of the handshake. */
static void child_delete_ends_the_link(void **state)
{
	const struct ike_wire_delete d = {.protocol = IKE_PROTO_ESP, .spi_len = 4, .count = htobe16(1)};

	(void)state;
	for (unsigned end = 0; end < PAIR_ENDS; end++) {
		struct pair *p = linked_pair(75 + end);
		struct ike_sa *sa = sa_of(p, end);
		struct ike_writer w;

		ike_begin_request(sa, &w, IKE_INFORMATIONAL);
		ike_payload_begin(&w, IKE_P_DELETE);
		ike_put(&w, &d, sizeof(d));
		ike_put32(&w, child_of(sa)->spi_in);
		ike_payload_end(&w);
		ike_send_request(sa, &w, IKE_INFORMATIONAL);
		pair_run(p, 15 * PAIR_MS);
		assert_int_equal(pair_children(&p->end[!end]), 0);
		pair_run(p, 100 * PAIR_MS);
		assert_no_link(p, ALPHA);
		assert_no_link(p, BETA);
		pair_run(p, 2 * PAIR_S);
		assert_calm(p);
		free_pair(p);
	}
}

/* ---- Connecting on demand ---------------------------------------------------------------------------------------- */

static void traffic_connects(void **state)
{
	struct pair *p = new_pair(80);

	(void)state;
	boot_both(p);
	pair_run(p, 10 * PAIR_S);
	assert_int_equal(p->sent, 0);
	for (unsigned i = 0; i < 5; i++)
		pair_connect(p, ALPHA);
	assert_int_equal(p->sent, 1);
	pair_run(p, PAIR_S);
	assert_calm(p);
	pair_connect(p, ALPHA);
	pair_connect(p, BETA);
	assert_int_equal(p->sent, 4);

	/* When the other goes, it rests until there is traffic again. */
	sl_ike_shutdown(p->end[BETA].ike, p->now);
	pair_run(p, 100 * PAIR_S);
	assert_no_link(p, ALPHA);
	assert_int_equal(info_of(p, ALPHA).state, SL_IKE_DOWN);
	pair_boot(p, BETA);
	pair_connect(p, ALPHA);
	pair_run(p, PAIR_S);
	assert_calm(p);
	free_pair(p);
}

static void connect_respects_the_backoff(void **state)
{
	struct pair *p = new_pair(81);

	(void)state;
	p->end[BETA].peer.public_keys[0][0] ^= 1;
	boot_both(p);
	pair_connect(p, ALPHA);
	pair_run(p, 200 * PAIR_MS);
	assert_int_equal(info_of(p, ALPHA).failures, 1);
	for (unsigned i = 0; i < 100; i++) {
		pair_connect(p, ALPHA);
		pair_run(p, 5 * PAIR_MS);
	}
	assert_int_equal(info_of(p, ALPHA).failures, 1);
	pair_run(p, 500 * PAIR_MS);
	assert_int_equal(info_of(p, ALPHA).failures, 2);
	free_pair(p);
}

static void responder_only_never_connects(void **state)
{
	struct pair *p = new_pair(82);

	(void)state;
	p->end[ALPHA].peer.endpoint.addr.family = SL_NONE;
	set_boot(p, true, false);
	boot_both(p);
	pair_connect(p, ALPHA);
	pair_run(p, 100 * PAIR_S);
	assert_int_equal(p->sent, 0);
	assert_int_equal(info_of(p, ALPHA).state, SL_IKE_DOWN);
	free_pair(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_end_can_start),
		cmocka_unit_test(common_cipher_is_found),
		cmocka_unit_test(esn_when_both_want_it),
		cmocka_unit_test(wrong_key_of_initiator),
		cmocka_unit_test(wrong_key_of_responder),
		cmocka_unit_test(wrong_names),
		cmocka_unit_test(hostile_name_is_escaped),
		cmocka_unit_test(no_common_cipher),
		cmocka_unit_test(own_ciphers_at_own_address),
		cmocka_unit_test(cipher_of_another_peer),
		cmocka_unit_test(no_common_selectors),
		cmocka_unit_test(useless_handshakes_become_rare),
		cmocka_unit_test(no_room_for_a_child),
		cmocka_unit_test(no_spi_is_free),
		cmocka_unit_test(shutdown_says_delete),
		cmocka_unit_test(both_shut_down_at_once),
		cmocka_unit_test(deletes_cross),
		cmocka_unit_test(delete_waits_for_its_turn),
		cmocka_unit_test(shutdown_behind_a_lost_request),
		cmocka_unit_test(child_delete_ends_the_link),
		cmocka_unit_test(traffic_connects),
		cmocka_unit_test(connect_respects_the_backoff),
		cmocka_unit_test(responder_only_never_connects),
	};

	return cmocka_run_group_tests_name("IKE peers", tests, start_crypto, NULL);
}
