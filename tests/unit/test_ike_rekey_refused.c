/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rotation that does not work: requests that are refused, ends without room, ends that disagree, keys that get too old.
 */
#include "ike_rotation.h"

/* A CREATE_CHILD_SA request that the engine itself would not send. */
struct odd {
	bool names_child; /* REKEY_SA ... */
	uint32_t spi;     /* ... with this SPI */
	bool ts;          /* selectors */
	bool no_nonce;
	uint16_t group;   /* of the KE payload; 0: none */
	uint8_t protocol; /* of the proposal */
	bool no_group;    /* the proposal is one without a key exchange */
	bool zero;        /* the public value is 0, of low order */
};

/* Alpha sends it; returns the error beta answers with, and its data. */
static unsigned send_odd(struct pair *p, const struct odd *odd, uint8_t data[64])
{
	struct trap answer = {.from = BETA, .exchange = IKE_CREATE_CHILD_SA};
	struct ike_sa *sa = sa_of(p, ALPHA);
	const struct ike_policy policy = {.protocol = odd->protocol,
		.ciphers = sa->peer->conf->ciphers,
		.cipher_count = 2,
		.esn = true,
		.rekey = !odd->no_group};
	const struct ike_wanted wanted = ike_want_any(sa, true);
	const uint16_t group[2] = {htobe16(odd->group)};
	uint8_t public[SL_X25519_LEN] = {odd->zero ? 0 : 9}, nonce[IKE_NONCE_LEN] = {1};
	const struct ike_notify *error;
	struct ike_message m;
	struct ike_writer w;
	struct ike_view plain;
	uint8_t type;

	p->filter = spring;
	p->filter_ctx = &answer;
	ike_begin_request(sa, &w, IKE_CREATE_CHILD_SA);
	if (odd->names_child)
		ike_write_notify_spi(&w, IKE_N_REKEY_SA, IKE_PROTO_ESP, odd->spi);
	ike_write_proposal(&w, &policy, 0xc0ffee01);
	if (!odd->no_nonce)
		ike_write_payload(&w, IKE_P_NONCE, nonce, sizeof(nonce));
	if (odd->group) {
		ike_payload_begin(&w, IKE_P_KE);
		ike_put(&w, group, sizeof(group));
		ike_put(&w, public, sizeof(public));
		ike_payload_end(&w);
	}
	if (odd->ts)
		ike_write_child_offer_ts(&w, &wanted);
	ike_send_request(sa, &w, IKE_CREATE_CHILD_SA);
	pair_run(p, 60 * PAIR_MS);
	p->filter = NULL;
	assert_true(answer.len > 0);
	assert_int_equal(ike_open(sa->secrets, sa->cipher, answer.data, answer.len, &type, &plain), IKE_OK);
	assert_int_equal(ike_parse(&m, type, plain.data, plain.len), IKE_OK);
	error = ike_find_error(&m);
	if (error)
		memcpy(data, error->data.data, error->data.len < 64 ? error->data.len : 64);
	return error ? error->type : 0;
}

static void odd_requests_are_refused(void **state)
{
	struct pair *p = linked_pair(150);
	uint32_t spi = p->end[ALPHA].outbound;
	const struct {
		struct odd odd;
		unsigned error;
	} cases[] = {
		/* A child SA more than the one, ... */
		{{.ts = true, .group = 19, .protocol = IKE_PROTO_ESP}, IKE_N_INVALID_KE_PAYLOAD},
		{{.ts = true, .protocol = IKE_PROTO_ESP}, IKE_N_INVALID_SYNTAX},
		{{.ts = true, .protocol = IKE_PROTO_ESP, .no_group = true}, IKE_N_NO_PROPOSAL_CHOSEN},
		{{.ts = true, .group = 31, .protocol = IKE_PROTO_ESP, .zero = true}, IKE_N_INVALID_SYNTAX},
		{{.ts = true, .no_nonce = true, .group = 31, .protocol = IKE_PROTO_ESP},
			IKE_N_INVALID_SYNTAX},
		{{.ts = true, .group = 31, .protocol = IKE_PROTO_IKE}, IKE_N_NO_PROPOSAL_CHOSEN},
		/* ... another one in its place, ... */
		{{true, spi ^ 1, true, .group = 31, .protocol = IKE_PROTO_ESP}, IKE_N_CHILD_SA_NOT_FOUND},
		{{true, spi, true, .group = 19, .protocol = IKE_PROTO_ESP}, IKE_N_INVALID_KE_PAYLOAD},
		{{true, spi, true, .protocol = IKE_PROTO_ESP}, IKE_N_INVALID_SYNTAX},
		{{true, spi, true, .protocol = IKE_PROTO_ESP, .no_group = true}, IKE_N_NO_PROPOSAL_CHOSEN},
		{{true, spi, true, .group = 31, .protocol = IKE_PROTO_ESP, .zero = true},
			IKE_N_INVALID_SYNTAX},
		{{true, spi, false, .group = 31, .protocol = IKE_PROTO_ESP}, IKE_N_INVALID_SYNTAX},
		{{true, spi, true, .no_nonce = true, .group = 31, .protocol = IKE_PROTO_ESP},
			IKE_N_INVALID_SYNTAX},
		{{true, spi, true, .group = 31, .protocol = IKE_PROTO_IKE}, IKE_N_NO_PROPOSAL_CHOSEN},
		/* ... and the IKE SA. */
		{{.group = 31, .protocol = IKE_PROTO_ESP}, IKE_N_NO_PROPOSAL_CHOSEN},
		{{.group = 19, .protocol = IKE_PROTO_IKE}, IKE_N_INVALID_KE_PAYLOAD},
		{{.group = 31, .protocol = IKE_PROTO_IKE, .zero = true}, IKE_N_INVALID_SYNTAX},
		{{.protocol = IKE_PROTO_IKE}, IKE_N_INVALID_SYNTAX},
	};
	uint8_t data[64];
	struct before b = look(p);

	(void)state;
	p->no_gaps = true;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned error = send_odd(p, &cases[i].odd, data);

		if (error != cases[i].error)
			fail_msg("case %u: %u", i, error);
		if (error == IKE_N_INVALID_KE_PAYLOAD)
			assert_memory_equal(data, "\0\37", 2); /* which group to take instead */
		assert_calm(p);
	}
	/* After all that it works. */
	ask_mix(p, CHILD_BY_ALPHA | SA_BY_ALPHA, 0);
	pair_run(p, 10 * PAIR_S);
	assert_rotated(p, &b, CHILD_BY_ALPHA | SA_BY_ALPHA);
	free_pair(p);
}

/* Beta's answer to CREATE_CHILD_SA, sealed anew with a public value of low order in it. */
static bool weaken(struct pair *p, unsigned from, struct pair_message *m)
{
	struct ike_sa *alpha = sa_of(p, ALPHA), *beta = sa_of(p, BETA);
	struct ike_view plain;
	struct ike_message inside;
	struct ike_head head;
	struct ike_writer w;
	uint8_t type;

	if (from != BETA || m->data[18] != IKE_CREATE_CHILD_SA)
		return true;
	assert_int_equal(ike_parse_header(&head, m->data, m->len), IKE_OK);
	assert_int_equal(ike_open(alpha->secrets, alpha->cipher, m->data, m->len, &type, &plain), IKE_OK);
	assert_int_equal(ike_parse(&inside, type, plain.data, plain.len), IKE_OK);
	memset((uint8_t *)(uintptr_t)ike_x25519_value(inside.ke), 0, SL_X25519_LEN);
	ike_write_header(&w, &head);
	ike_write_sk(&w);
	w.buf[w.next_at] = type;
	ike_put(&w, plain.data, plain.len);
	ike_seal(&w, beta->secrets, beta->cipher, 9000);
	assert_int_equal(w.len, m->len);
	memcpy(m->data, w.buf, w.len);
	return true;
}

/* A peer that gives its half of the key away is one no more. */
static void weak_answers_end_the_link(void **state)
{
	static const unsigned mixes[] = {CHILD_BY_ALPHA, SA_BY_ALPHA};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct pair *p = linked_pair(152 + i);

		p->filter = weaken;
		ask_mix(p, mixes[i], 0);
		pair_run(p, 30 * PAIR_MS);
		assert_logged(
			p, ALPHA, "link down: a CREATE_CHILD_SA request was answered without a key exchange");
		assert_int_equal(pair_children(&p->end[ALPHA]), 0);
		p->filter = NULL;
		pair_run(p, 60 * PAIR_S);
		assert_calm(p);
		free_pair(p);
	}
}

static bool lose_all(struct pair *pair, unsigned from, struct pair_message *m)
{
	(void)pair;
	(void)from;
	(void)m;
	return false;
}

/* It may be the child SA that beta's own request has made, and beta does not know yet. */
static void unknown_child_while_we_ask(void **state)
{
	struct pair *p = linked_pair(151);
	const struct odd odd = {
		true, p->end[ALPHA].outbound ^ 1, true, .group = 31, .protocol = IKE_PROTO_ESP};
	uint8_t data[64];
	struct before b = look(p);

	(void)state;
	p->no_gaps = true;
	p->filter = lose_all;
	ask(p, BETA, true, false);
	pair_run(p, PAIR_MS);
	assert_int_equal(send_odd(p, &odd, data), IKE_N_TEMPORARY_FAILURE);
	pair_run(p, 10 * PAIR_S);
	assert_rotated(p, &b, CHILD_BY_BETA);
	free_pair(p);
}

/* Whatever is asked of an IKE SA that is being deleted. */
static void what_ends_is_not_rekeyed(void **state)
{
	struct pair *p = linked_pair(151);
	uint8_t data[64];

	(void)state;
	p->end[BETA].ike->peers[0]->active->state = IKE_DELETING;
	assert_int_equal(send_odd(p, &(struct odd){.group = 31, .protocol = IKE_PROTO_IKE}, data),
		IKE_N_TEMPORARY_FAILURE);
	assert_int_equal(send_odd(p,
				 &(struct odd){true, p->end[ALPHA].outbound, true, .group = 31,
					 .protocol = IKE_PROTO_ESP},
				 data),
		IKE_N_TEMPORARY_FAILURE);
	free_pair(p);
}

/* A peer without room says so, and gets a new IKE SA instead. */
static void refused_rekey_renews_the_link(void **state)
{
	(void)state;
	for (unsigned end = 0; end < PAIR_ENDS; end++) {
		struct pair *p = linked_pair(152 + end);
		struct before b = look(p);

		p->end[!end].refuse_installs = 1;
		ask(p, end, true, false);
		pair_run(p, 10 * PAIR_S);
		assert_calm(p);
		assert_logged(p, end, "child SA not rekeyed: NO_ADDITIONAL_SAS");
		assert_int_equal(info_of(p, ALPHA).handshakes, 2);
		assert_true(info_of(p, ALPHA).spi_i != b.spi_i);
		free_pair(p);
	}
}

/* Without room at the end that asked: the peer's half is closed again, and the next attempt succeeds. */
static void no_room_at_the_initiator(void **state)
{
	(void)state;
	for (unsigned end = 0; end < PAIR_ENDS; end++) {
		struct pair *p = linked_pair(154 + end);
		struct before b = look(p);

		p->no_gaps = true;
		p->end[end].refuse_installs = 1;
		ask(p, end, true, false);
		pair_run(p, 300 * PAIR_MS);
		assert_logged(p, end, "child SA not rekeyed: here is no room");
		assert_int_equal(p->end[end].outbound, end == ALPHA ? b.child.spi_in : b.child.spi_out);
		pair_run(p, 15 * PAIR_S);
		assert_rotated(p, &b, CHILD_BY_ALPHA);
		free_pair(p);
	}
}

static void no_room_for_an_ike_sa(void **state)
{
	struct pair *p = new_pair(156);

	(void)state;
	p->end[BETA].conf.sa_max = 1;
	set_boot(p, true, false);
	boot_both(p);
	pair_run(p, PAIR_S);
	p->no_gaps = true;
	ask(p, ALPHA, false, true);
	ask(p, BETA, false, true);
	pair_run(p, 2 * PAIR_S);
	assert_logged(p, ALPHA, "IKE SA not rekeyed: TEMPORARY_FAILURE");
	assert_logged(p, BETA, "IKE SA not rekeyed: there are too many IKE SAs");
	assert_calm(p);
	free_pair(p);
}

/* The ends disagree about what exists: the link is made anew. */
static void child_that_the_peer_does_not_have(void **state)
{
	struct pair *p = linked_pair(157);

	(void)state;
	child_of(sa_of(p, BETA))->spi_out ^= 1;
	ask(p, ALPHA, true, false);
	pair_run(p, 5 * PAIR_S);
	assert_calm(p);
	assert_logged(p, ALPHA, "for a child SA that the peer does not have");
	assert_int_equal(info_of(p, ALPHA).handshakes, 2);
	free_pair(p);
}

/* Nothing replaces the keys: they are not used beyond the hard limit. */
static void hard_limit_ends_the_link(void **state)
{
	struct pair *p = new_pair(158);
	struct pair_end *e = &p->end[ALPHA];

	(void)state;
	e->peer.rekey_time = 20 * PAIR_S;
	set_boot(p, true, false);
	boot_both(p);
	pair_run(p, PAIR_S);
	for (unsigned i = 0; i < PAIR_SPIS_MAX; i++)
		e->spis[i] = 1; /* no SPI is free */
	pair_run(p, 38 * PAIR_S);
	assert_int_equal(info_of(p, ALPHA).state, SL_IKE_UP);
	pair_run(p, 2 * PAIR_S);
	assert_no_link(p, ALPHA);
	assert_no_link(p, BETA);
	assert_logged(p, ALPHA, "child SA not rekeyed: no SPI is free");
	assert_logged(p, ALPHA, "link down: its keys are too old");
	memset(e->spis, 0, sizeof(e->spis));
	pair_run(p, 35 * PAIR_S);
	assert_int_equal(info_of(p, ALPHA).state, SL_IKE_UP);
	free_pair(p);
}

/* A Delete of the child that is being rekeyed, and of the IKE SA that is. */
static void delete_crosses_rekey(void **state)
{
	(void)state;
	for (unsigned what = 0; what < 4; what++) {
		struct pair *p = linked_pair(160 + what);

		ask(p, ALPHA, !(what & 1), what & 1);
		pair_run(p, what & 2 ? 5 * PAIR_MS : 15 * PAIR_MS);
		ike_delete_start(sa_of(p, BETA));
		ike_peer_settle(p->end[BETA].ike->peers[0]);
		pair_run(p, 60 * PAIR_S);
		assert_calm(p);
		free_pair(p);
	}
}

/* A peer with as many IKE SAs as it may have rekeys one that is not in use, and would be the next to go. */
static void rekey_of_the_oldest(void **state)
{
	struct pair *p = linked_pair(171);
	struct ike_sa *oldest = sa_of(p, ALPHA);

	(void)state;
	p->filter = no_informational;
	for (unsigned i = 1; i < IKE_PEER_SAS_MAX; i++) {
		assert_true(ike_init_start(p->end[ALPHA].ike->peers[0]));
		pair_run(p, 100 * PAIR_MS);
	}
	assert_int_equal(stats_of(p, BETA).established, IKE_PEER_SAS_MAX);
	ike_request_done(oldest); /* its Delete, which nobody has heard */
	oldest->next_id--;
	oldest->state = IKE_ESTABLISHED;
	ike_rekey_sa_start(oldest);
	pair_run(p, 25 * PAIR_MS);
	assert_logged(p, BETA, "IKE SA rekeyed by the peer");
	p->filter = NULL;
	pair_run(p, 100 * PAIR_S);
	assert_calm(p);
	free_pair(p);
}

static void nothing_to_rekey(void **state)
{
	struct pair *p = new_pair(170);

	(void)state;
	boot_both(p);
	assert_false(sl_ike_rekey_child(p->end[ALPHA].ike, p->now, 0x1234));
	assert_false(sl_ike_rekey(p->end[ALPHA].ike, p->now, 0));
	assert_int_equal(p->sent, 0);
	free_pair(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(odd_requests_are_refused),
		cmocka_unit_test(weak_answers_end_the_link),
		cmocka_unit_test(unknown_child_while_we_ask),
		cmocka_unit_test(what_ends_is_not_rekeyed),
		cmocka_unit_test(refused_rekey_renews_the_link),
		cmocka_unit_test(no_room_at_the_initiator),
		cmocka_unit_test(no_room_for_an_ike_sa),
		cmocka_unit_test(child_that_the_peer_does_not_have),
		cmocka_unit_test(hard_limit_ends_the_link),
		cmocka_unit_test(delete_crosses_rekey),
		cmocka_unit_test(rekey_of_the_oldest),
		cmocka_unit_test(nothing_to_rekey),
	};

	return cmocka_run_group_tests_name("IKE rekey refused", tests, start_crypto, NULL);
}
