/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rotation: child SAs and IKE SAs replaced by either end, by both at once, over good and bad networks. The harness
 * checks after every event that no packet between the two could be lost (no_gaps).
 */
#include "ike_test.h"

/* ---- What can be asked for --------------------------------------------------------------------------------------- */

enum {
	CHILD_BY_ALPHA = 1,
	CHILD_BY_BETA = 2,
	SA_BY_ALPHA = 4,
	SA_BY_BETA = 8,
};

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

static void ask(struct pair *p, unsigned end, bool child, bool sa)
{
	struct sl_ike *ike = p->end[end].ike;

	if (child)
		assert_true(sl_ike_rekey_child(ike, p->now, p->end[end].outbound));
	if (sa)
		assert_true(sl_ike_rekey(ike, p->now, 0));
}

/* Rekeys; the ends begin `apart` from each other. */
static void ask_mix(struct pair *p, unsigned mix, uint64_t apart)
{
	ask(p, ALPHA, mix & CHILD_BY_ALPHA, mix & SA_BY_ALPHA);
	pair_run(p, apart);
	ask(p, BETA, mix & CHILD_BY_BETA, mix & SA_BY_BETA);
}

/* What a link was, to be compared with what it is. */
struct before {
	uint64_t spi_i;
	struct sl_ike_child child;
	struct sl_ike_keys ike_keys;
};

static struct before look(struct pair *p)
{
	return (struct before){
		.spi_i = info_of(p, ALPHA).spi_i,
		.child = *pair_child(&p->end[ALPHA], p->end[ALPHA].outbound),
		.ike_keys = p->end[ALPHA].ike_keys[0],
	};
}

/* The link is another one where that was asked for, with keys that have nothing in common. */
static void assert_rotated(struct pair *p, const struct before *b, unsigned mix)
{
	const struct sl_ike_child *child = pair_child(&p->end[ALPHA], p->end[ALPHA].outbound);

	assert_calm(p);
	for (unsigned i = 0; i < PAIR_ENDS; i++) {
		assert_int_equal(info_of(p, i).handshakes, 1);
		assert_int_equal(info_of(p, i).failures, 0);
		assert_true(info_of(p, i).rekeys >= 1);
	}
	if (mix & (CHILD_BY_ALPHA | CHILD_BY_BETA)) {
		assert_true(child->spi_in != b->child.spi_in && child->spi_out != b->child.spi_out);
		assert_memory_not_equal(&child->in, &b->child.in, sizeof(child->in));
		assert_memory_not_equal(&child->out, &b->child.out, sizeof(child->out));
	} else {
		assert_int_equal(child->spi_in, b->child.spi_in);
	}
	if (mix & (SA_BY_ALPHA | SA_BY_BETA)) {
		assert_true(info_of(p, ALPHA).spi_i != b->spi_i);
		assert_memory_not_equal(&p->end[ALPHA].ike_keys[0], &b->ike_keys, sizeof(b->ike_keys));
	} else {
		assert_true(info_of(p, ALPHA).spi_i == b->spi_i);
	}
}

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

/* ---- What does not work ------------------------------------------------------------------------------------------ */

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
		cmocka_unit_test(mixes_of_rekeys),
		cmocka_unit_test(any_one_message_may_be_lost),
		cmocka_unit_test(any_two_messages_may_be_lost),
		cmocka_unit_test(duplicates_do_no_harm),
		cmocka_unit_test(child_keys_hang_on_their_own_exchange),
		cmocka_unit_test(lowest_nonce_of_children_loses),
		cmocka_unit_test(lowest_nonce_of_sas_loses),
		cmocka_unit_test(odd_requests_are_refused),
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
		cmocka_unit_test(keys_rotate_by_themselves),
		cmocka_unit_test(soft_limit_has_jitter),
		cmocka_unit_test(rushes_lose_nothing),
		cmocka_unit_test(storms),
	};

	return cmocka_run_group_tests_name("IKE rekey", tests, start_crypto, NULL);
}
