/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * IKE engines and people who mean harm: on the network without keys, and peers that are authentic and
 * misbehave.
 */
#include "ike_test.h"

/* ---- Attackers --------------------------------------------------------------------------------------------------- */

/* Every message that comes to nothing is counted under exactly one of these. */
static uint64_t dropped(const struct sl_ike_stats *stats)
{
	return stats->malformed + stats->unknown_sa + stats->unexpected + stats->bad_integrity;
}

static void every_flipped_bit_of_ike_auth_is_noticed(void **state)
{
	(void)state;
	for (unsigned from = 0; from < PAIR_ENDS; from++) {
		struct trap trap = {.from = from, .exchange = IKE_AUTH};
		struct pair *p = trapped_pair(&trap, 90 + from);
		struct sl_ike_stats before = stats_of(p, !from), after;
		unsigned sent = p->sent;

		for (size_t bit = 0; bit < 8 * trap.len; bit++) {
			trap.data[bit / 8] ^= 1 << bit % 8;
			pair_inject(p, !from, trap.data, trap.len);
			trap.data[bit / 8] ^= 1 << bit % 8;
		}
		after = stats_of(p, !from);
		assert_int_equal(p->sent, sent);
		assert_int_equal(after.half_open, before.half_open);
		assert_int_equal(after.established, 0);
		assert_in_range(after.bad_integrity, 8 * (trap.len - 40), 8 * trap.len);
		assert_int_equal(dropped(&after) - dropped(&before), 8 * trap.len);
		let_pass(p, &trap);
		pair_run(p, PAIR_S);
		assert_calm(p);
		free_pair(p);
	}
}

static void every_truncated_message_is_dropped(void **state)
{
	static const uint8_t exchanges[] = {IKE_SA_INIT, IKE_AUTH};

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct trap trap = {.from = i & 1, .exchange = exchanges[i / 2]};
		struct pair *p = trapped_pair(&trap, 95 + i);
		unsigned sent = p->sent;

		for (size_t len = 0; len < trap.len; len++) {
			uint8_t *copy =
				malloc(len + 1); /* exact, so that the sanitizer sees one byte too far */
			uint32_t be = htobe32((uint32_t)len);

			memcpy(copy, trap.data, len);
			pair_inject(p, !trap.from, copy, len);
			if (len >= 28) {
				copy = realloc(copy, len);
				memcpy(copy + 24, &be, 4);
				pair_inject(p, !trap.from, copy, len);
			}
			if (len >= 32) { /* and SK, if it is that, ends with it */
				uint16_t rest = htobe16((uint16_t)(len - 28));

				memcpy(copy + 30, &rest, 2);
				pair_inject(p, !trap.from, copy, len);
			}
			free(copy);
		}
		assert_int_equal(p->sent, sent);
		let_pass(p, &trap);
		pair_run(p, PAIR_S);
		assert_calm(p);
		free_pair(p);
	}
}

/* An IKE_SA_INIT answer with nothing but this notify, as anybody who saw the request can send it. */
static void forge_notify(struct pair *p, enum ike_notify_type type, const void *data, size_t len)
{
	const struct ike_head head = {
		.spi_i = sa_of(p, ALPHA)->spi_i, .exchange = IKE_SA_INIT, .response = true};
	struct ike_writer w;

	ike_write_header(&w, &head);
	ike_write_notify(&w, type, data, len);
	ike_write_end(&w);
	pair_inject(p, ALPHA, w.buf, w.len);
}

static void forged_errors_end_nothing(void **state)
{
	static const uint16_t errors[] = {IKE_N_NO_PROPOSAL_CHOSEN, IKE_N_INVALID_KE_PAYLOAD,
		IKE_N_INVALID_SYNTAX, IKE_N_AUTHENTICATION_FAILED, IKE_N_UNSUPPORTED_CRITICAL_PAYLOAD, 4, 5,
		9999};
	struct trap trap = {.from = BETA, .exchange = IKE_SA_INIT};
	struct pair *p = trapped_pair(&trap, 110);
	unsigned sent = p->sent;

	(void)state;
	for (unsigned i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		forge_notify(p, (enum ike_notify_type)errors[i], "\0\x13", 2);
	assert_int_equal(p->sent, sent);
	assert_int_equal(stats_of(p, ALPHA).half_open, 1);
	assert_logged(p, ALPHA, "answers NO_PROPOSAL_CHOSEN (not authenticated), still trying");
	assert_null(strstr(p->end[ALPHA].log, "INVALID_KE"));
	let_pass(p, &trap);
	pair_run(p, PAIR_S);
	assert_calm(p);
	assert_string_equal(info_of(p, ALPHA).last_error, "");
	free_pair(p);
}

static void cookies_are_returned(void **state)
{
	static const uint8_t cookie[IKE_COOKIE_MAX] = "crumbs";
	struct trap trap = {.from = ALPHA, .exchange = IKE_SA_INIT};
	struct pair *p = trapped_pair(&trap, 111);
	const struct ike_wire_payload *first = (const void *)(trap.data + 28);

	(void)state;
	forge_notify(p, IKE_N_COOKIE, cookie, sizeof(cookie));
	assert_int_equal(trap.data[16], IKE_P_NOTIFY);
	assert_int_equal(be16toh(first->len), 4 + 4 + sizeof(cookie));
	assert_memory_equal(trap.data + 28 + 8, cookie, sizeof(cookie));
	/* Beta wants none, and signs over the message it saw: with the cookie in it. */
	let_pass(p, &trap);
	pair_run(p, PAIR_S);
	assert_calm(p);
	free_pair(p);
}

static void cookies_are_not_a_pump(void **state)
{
	struct trap trap = {.from = ALPHA, .exchange = IKE_SA_INIT};
	struct pair *p = trapped_pair(&trap, 112);
	unsigned sent = p->sent;

	(void)state;
	forge_notify(p, IKE_N_COOKIE, trap.data, 0);
	forge_notify(p, IKE_N_COOKIE, trap.data, IKE_COOKIE_MAX + 1);
	assert_int_equal(p->sent, sent);
	assert_int_equal(stats_of(p, ALPHA).malformed, 2);
	for (unsigned i = 0; i < 100; i++)
		forge_notify(p, IKE_N_COOKIE, "x", 1);
	assert_int_equal(p->sent, sent + IKE_COOKIES_MAX);
	assert_int_equal(stats_of(p, ALPHA).unexpected, 100 - IKE_COOKIES_MAX);
	free_pair(p);
}

/* Beta's answer to a forged request, which must be this notify and leave no state behind. */
static void assert_refused(struct pair *p, struct trap *trap, uint16_t type, uint16_t data_len)
{
	struct trap answer = {.from = BETA, .exchange = IKE_SA_INIT, .holds = true};
	const struct ike_wire_notify *n = (const void *)(answer.data + 32);

	p->filter = spring;
	p->filter_ctx = &answer;
	pair_inject(p, BETA, trap->data, trap->len);
	p->filter = NULL;
	assert_int_equal(answer.len, 28 + 4 + 4 + data_len);
	assert_int_equal(answer.data[16], IKE_P_NOTIFY);
	assert_memory_equal(answer.data, trap->data, 8);
	assert_int_equal(answer.data[19], IKE_FLAG_RESPONSE);
	assert_int_equal(be16toh(n->type), type);
	assert_int_equal(stats_of(p, BETA).half_open, 0);
	if (type == IKE_N_INVALID_KE_PAYLOAD)
		assert_memory_equal(n + 1, "\0\x1f", 2);
}

static void strange_requests_are_answered_without_state(void **state)
{
	struct trap trap = {.from = ALPHA, .exchange = IKE_SA_INIT};
	struct pair *p = trapped_pair(&trap, 113);
	uint8_t *sa = body_of(&trap, IKE_P_SA), *ke = body_of(&trap, IKE_P_KE),
		*nonce = body_of(&trap, IKE_P_NONCE);
	uint8_t save;

	(void)state;
	ke[1] = 19; /* another group */
	assert_refused(p, &trap, IKE_N_INVALID_KE_PAYLOAD, 2);
	ke[1] = 31;

	save = sa[8 + 7]; /* the first transform: AES-GCM-16 */
	sa[8 + 7] = sa[8 + 12 + 7] = 12;
	assert_refused(p, &trap, IKE_N_NO_PROPOSAL_CHOSEN, 0);
	sa[8 + 7] = sa[8 + 12 + 7] = save;

	save = nonce[-4]; /* the payload after the nonce becomes one nobody knows */
	nonce[-4] = 200;
	nonce[32 + 1] |= IKE_CRITICAL;
	assert_refused(p, &trap, IKE_N_UNSUPPORTED_CRITICAL_PAYLOAD, 1);
	nonce[32 + 1] = 0;
	pair_inject(p, BETA, trap.data, trap.len); /* not critical: skipped */
	assert_int_equal(stats_of(p, BETA).half_open, 1);
	free_pair(p);
}

static void weak_public_value_is_dropped(void **state)
{
	struct trap trap = {.from = ALPHA, .exchange = IKE_SA_INIT};
	struct pair *p = trapped_pair(&trap, 114);
	unsigned sent = p->sent;

	(void)state;
	memset(body_of(&trap, IKE_P_KE) + 4, 0, 32);
	pair_inject(p, BETA, trap.data, trap.len);
	assert_int_equal(p->sent, sent);
	assert_int_equal(stats_of(p, BETA).half_open, 0);
	free_pair(p);
}

/* The message of the trap with a KE payload of another group, or length, in place of its own. */
static void inject_with_ke(struct pair *p, const struct trap *trap, uint16_t group, size_t value_len)
{
	static const uint8_t value[64] = {9};
	const struct ike_wire_header *h = (const void *)trap->data;
	const uint16_t group_be[2] = {htobe16(group)};
	struct ike_head head;
	struct ike_message m;
	struct ike_writer w;

	assert_int_equal(ike_parse_header(&head, trap->data, trap->len), IKE_OK);
	assert_int_equal(ike_parse(&m, h->next, trap->data + sizeof(*h), trap->len - sizeof(*h)), IKE_OK);
	ike_write_header(&w, &head);
	ike_write_payload(&w, IKE_P_SA, m.sa.data, m.sa.len);
	ike_payload_begin(&w, IKE_P_KE);
	ike_put(&w, group_be, sizeof(group_be));
	ike_put(&w, value, value_len);
	ike_payload_end(&w);
	ike_write_payload(&w, IKE_P_NONCE, m.nonce.data, m.nonce.len);
	ike_write_end(&w);
	pair_inject(p, !trap->from, w.buf, w.len);
}

/* Only X25519's 32 bytes will do, in a request and in an answer. */
static void other_public_values_are_dropped(void **state)
{
	(void)state;
	for (unsigned from = 0; from < PAIR_ENDS; from++) {
		struct trap trap = {.from = from, .exchange = IKE_SA_INIT};
		struct pair *p = trapped_pair(&trap, 200 + from);
		unsigned sent = p->sent;

		for (size_t len = 1; len <= 64; len++)
			if (len != SL_X25519_LEN)
				inject_with_ke(p, &trap, IKE_DH_X25519, len);
		assert_int_equal(p->sent, sent);
		assert_int_equal(stats_of(p, BETA).half_open, from == BETA);
		inject_with_ke(p, &trap, 19, SL_X25519_LEN);
		inject_with_ke(p, &trap, 0, SL_X25519_LEN);
		/* A request is told which group we take. */
		assert_int_equal(p->sent, sent + (from == ALPHA ? 2 : 0));
		assert_int_equal(stats_of(p, BETA).half_open, from == BETA);
		let_pass(p, &trap);
		pair_run(p, PAIR_S);
		assert_calm(p);
		free_pair(p);
	}
}

static void weak_answer_is_dropped(void **state)
{
	struct trap trap = {.from = BETA, .exchange = IKE_SA_INIT};
	struct pair *p = trapped_pair(&trap, 115);
	uint8_t *ke = body_of(&trap, IKE_P_KE) + 4, save[32];
	unsigned sent = p->sent;

	(void)state;
	memcpy(save, ke, 32);
	memset(ke, 0, 32);
	pair_inject(p, ALPHA, trap.data, trap.len);
	assert_int_equal(p->sent, sent);
	memcpy(ke, save, 32);
	let_pass(p, &trap); /* the right answer still counts */
	pair_run(p, PAIR_S);
	assert_calm(p);
	free_pair(p);
}

static void answer_from_elsewhere_is_dropped(void **state)
{
	struct trap trap = {.from = BETA, .exchange = IKE_SA_INIT};
	struct pair *p = trapped_pair(&trap, 119);
	struct sl_ike_path path = {
		.local = {p->end[ALPHA].conf.address, 4500}, .remote = {p->end[BETA].conf.address, 4501}};
	unsigned sent = p->sent;

	(void)state;
	sl_ike_input(p->end[ALPHA].ike, p->now, &path, trap.data, trap.len);
	assert_int_equal(p->sent, sent);
	path.remote.port = 4500;
	sl_ike_input(p->end[ALPHA].ike, p->now, &path, trap.data, trap.len);
	assert_int_equal(p->sent, sent + 1);
	free_pair(p);
}

/* Somebody sends our own request back to us: there shall be no IKE SA with ourselves. */
static void own_request_is_dropped(void **state)
{
	struct trap trap = {.from = ALPHA, .exchange = IKE_SA_INIT};
	struct pair *p = trapped_pair(&trap, 117);
	unsigned sent = p->sent;

	(void)state;
	pair_inject(p, ALPHA, trap.data, trap.len);
	assert_int_equal(p->sent, sent);
	assert_int_equal(stats_of(p, ALPHA).half_open, 1);
	assert_int_equal(stats_of(p, ALPHA).unexpected, 1);
	let_pass(p, &trap);
	pair_run(p, PAIR_S);
	assert_calm(p);
	free_pair(p);
}

static void repeated_request_gets_the_same_answer(void **state)
{
	struct trap request = {.from = ALPHA, .exchange = IKE_SA_INIT};
	struct trap answer = {.from = BETA, .exchange = IKE_SA_INIT, .holds = true};
	struct pair *p = trapped_pair(&request, 117);
	uint8_t first[SL_IKE_MESSAGE_MAX];

	(void)state;
	p->filter_ctx = &answer;
	pair_inject(p, BETA, request.data, request.len);
	memcpy(first, answer.data, answer.len);
	memset(answer.data, 0, answer.len);
	pair_inject(p, BETA, request.data, request.len);
	assert_memory_equal(first, answer.data, answer.len);
	assert_int_equal(stats_of(p, BETA).half_open, 1);
	/* Another request that only begins like it is another. */
	body_of(&request, IKE_P_NONCE)[0] ^= 1;
	pair_inject(p, BETA, request.data, request.len);
	assert_int_equal(stats_of(p, BETA).half_open, 2);
	free_pair(p);
}

/* Every message of a life is played again, much later, to both ends. */
struct tape {
	unsigned count;
	struct {
		size_t len;
		uint8_t data[1024];
	} message[64];
};

static bool record(struct pair *p, unsigned from, struct pair_message *m)
{
	struct tape *tape = p->filter_ctx;

	(void)from;
	assert_true(tape->count < 64 && m->len <= 1024);
	tape->message[tape->count].len = m->len;
	memcpy(tape->message[tape->count++].data, m->data, m->len);
	return true;
}

static void replays_change_nothing(void **state)
{
	struct tape *tape = calloc(1, sizeof(*tape));
	struct pair *p = new_pair(118);
	struct sl_ike_peer_info before[PAIR_ENDS];
	uint32_t outbound[PAIR_ENDS];

	(void)state;
	p->filter = record;
	p->filter_ctx = tape;
	set_boot(p, true, true);
	boot_both(p);
	pair_run(p, 60 * PAIR_S);
	assert_calm(p);
	before[ALPHA] = info_of(p, ALPHA);
	before[BETA] = info_of(p, BETA);
	outbound[ALPHA] = p->end[ALPHA].outbound;
	outbound[BETA] = p->end[BETA].outbound;
	p->filter = NULL;
	for (unsigned i = 0; i < tape->count; i++) {
		pair_inject(p, ALPHA, tape->message[i].data, tape->message[i].len);
		pair_inject(p, BETA, tape->message[i].data, tape->message[i].len);
	}
	pair_run(p, 35 * PAIR_S); /* what old IKE_SA_INIT requests left behind */
	assert_calm(p);
	for (unsigned i = 0; i < PAIR_ENDS; i++) {
		struct sl_ike_peer_info after = info_of(p, i);

		assert_int_equal(after.state, before[i].state);
		assert_true(after.since == before[i].since && after.handshakes == before[i].handshakes);
		assert_true(after.spi_i == before[i].spi_i && after.spi_r == before[i].spi_r);
		assert_int_equal(p->end[i].outbound, outbound[i]);
		assert_int_equal(after.failures, before[i].failures);
		assert_true(sl_endpoint_equal(&after.endpoint, &before[i].endpoint));
	}
	free_pair(p);
	free(tape);
}

/* ---- Handshakes that are not as they should be, but well protected ----------------------------------------------- */

/*
 * Finishes a handshake in place of the engine: `from` sends IKE_AUTH with this identity and these payloads
 * after it. Returns the error that a request is answered with; 0: none.
 */
static unsigned forge_auth(struct pair *p, unsigned from, uint8_t id_type, const char *name, uint8_t first,
	const uint8_t *payloads, size_t len)
{
	struct trap answer = {.from = BETA, .exchange = IKE_AUTH, .holds = true};
	struct ike_sa *sa = sa_of(p, from), *alpha = sa_of(p, ALPHA);
	const struct ike_head head = {.spi_i = sa->spi_i,
		.spi_r = sa->spi_r,
		.exchange = IKE_AUTH,
		.initiator = from == ALPHA,
		.response = from == BETA,
		.id = 1};
	const struct ike_notify *error;
	struct ike_message m;
	struct ike_writer w;
	struct ike_view plain;
	uint8_t type;

	p->filter = from == ALPHA ? spring : NULL;
	p->filter_ctx = &answer;
	ike_write_header(&w, &head);
	ike_write_sk(&w);
	if (name)
		pair_write_identity(p, from, &w, id_type, name);
	w.buf[w.next_at] = first;
	ike_put(&w, payloads, len);
	ike_seal(&w, sa->secrets, sa->cipher, 1000);
	pair_inject(p, !from, w.buf, w.len);
	p->filter = NULL;
	if (from == BETA)
		return 0;
	assert_true(answer.len > 0);
	assert_int_equal(
		ike_open(alpha->secrets, alpha->cipher, answer.data, answer.len, &type, &plain), IKE_OK);
	assert_int_equal(ike_parse(&m, type, plain.data, plain.len), IKE_OK);
	error = ike_find_error(&m);
	return error ? error->type : 0;
}

/* SA with one proposal (AES-256, ESN), TSi and TSr as given. */
#define AUTH_SA(type)                                                                                        \
	IKE_P_TSI, 0, 0, 36, 0, 0, 0, 32, 1, 3, 4, 2, 0xc0, 0xff, 0xee, 1, 3, 0, 0, 12, 1, 0, 0, 20, 0x80,   \
		14, (type), 0, 0, 0, 0, 8, 5, 0, 0, 1
#define AUTH_TS(next, net, mask_end)                                                                         \
	next, 0, 0, 24, 1, 0, 0, 0, 7, 0, 0, 16, 0, 0, 255, 255, 10, net, 0, 0, 10, mask_end, 255, 255

static const uint8_t good_payloads[] = {AUTH_SA(1), AUTH_TS(IKE_P_TSR, 1, 1), AUTH_TS(0, 2, 2)};

static void strange_auth_requests(void **state)
{
	static const uint8_t unknown_critical[] = {0, 0x80, 0, 4}, malformed[] = {0, 0, 0, 5};
	static const uint8_t other_cipher[] = {AUTH_SA(2), AUTH_TS(IKE_P_TSR, 1, 1), AUTH_TS(0, 2, 2)};
	static const uint8_t other_net[] = {AUTH_SA(1), AUTH_TS(IKE_P_TSR, 9, 9), AUTH_TS(0, 2, 2)};
	static const struct {
		const char *name;
		uint8_t id_type, first;
		const uint8_t *payloads;
		size_t len;
		unsigned error;
		bool established;
	} cases[] = {
		{"alpha.example", 2, IKE_P_SA, good_payloads, sizeof(good_payloads), 0, true},
		{"alpha.example", 11, IKE_P_SA, good_payloads, sizeof(good_payloads), 24,
			false}, /* ID_KEY_ID */
		{"alpha.exampl", 2, IKE_P_SA, good_payloads, sizeof(good_payloads), 24, false},
		{"beta.example", 2, IKE_P_SA, good_payloads, sizeof(good_payloads), 24,
			false},                                                      /* our own name */
		{NULL, 2, IKE_P_SA, good_payloads, sizeof(good_payloads), 7, false}, /* no ID, no AUTH */
		{"alpha.example", 2, 200, unknown_critical, sizeof(unknown_critical), 1, false},
		{"alpha.example", 2, 200, malformed, sizeof(malformed), 7, false},
		{"alpha.example", 2, 0, NULL, 0, 7, true}, /* no child asked for */
		{"alpha.example", 2, IKE_P_SA, other_cipher, sizeof(other_cipher), 14, true},
		{"alpha.example", 2, IKE_P_SA, other_net, sizeof(other_net), 38, true},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct trap trap = {.from = ALPHA, .exchange = IKE_AUTH};
		struct pair *p = trapped_pair(&trap, 130 + i);

		assert_int_equal(forge_auth(p, ALPHA, cases[i].id_type, cases[i].name, cases[i].first,
					 cases[i].payloads, cases[i].len),
			cases[i].error);
		assert_int_equal(stats_of(p, BETA).established, cases[i].established);
		assert_int_equal(stats_of(p, BETA).half_open, 0);
		assert_int_equal(pair_children(&p->end[BETA]), cases[i].error == 0);
		assert_int_equal(pair_spis(&p->end[BETA]), 0);
		/* An IKE SA without a child is not kept for ever. */
		p->loss = 100;
		pair_run(p, 80 * PAIR_S);
		assert_no_link(p, BETA);
		free_pair(p);
	}
}

static void strange_auth_answers(void **state)
{
	static const uint8_t wide[] = {AUTH_SA(1), AUTH_TS(IKE_P_TSR, 1, 3), AUTH_TS(0, 2, 2)};
	static const uint8_t wide_remote[] = {AUTH_SA(1), AUTH_TS(IKE_P_TSR, 1, 1), AUTH_TS(0, 2, 3)};
	static const uint8_t other_cipher[] = {AUTH_SA(2), AUTH_TS(IKE_P_TSR, 1, 1), AUTH_TS(0, 2, 2)};
	/* Both kinds of sequence numbers, as we offered, and nothing chosen. */
	static const uint8_t no_choice[] = {IKE_P_TSI, 0, 0, 44, 0, 0, 0, 40, 1, 3, 4, 3, 0xc0, 0xff, 0xee, 1,
		3, 0, 0, 12, 1, 0, 0, 20, 0x80, 14, 1, 0, 3, 0, 0, 8, 5, 0, 0, 1, 0, 0, 0, 8, 5, 0, 0, 0,
		AUTH_TS(IKE_P_TSR, 1, 1), AUTH_TS(0, 2, 2)};
	static const uint8_t malformed[] = {0, 0, 0, 5}, transport[] = {0, 0, 0, 8, 0, 0, 0x40, 7};
	static const struct {
		const char *name;
		uint8_t id_type, first;
		const uint8_t *payloads;
		size_t len;
		const char *error; /* NULL: none */
	} cases[] = {
		{"beta.example", 2, IKE_P_SA, good_payloads, sizeof(good_payloads), NULL},
		{"gamma.example", 2, IKE_P_SA, good_payloads, sizeof(good_payloads), "has another name"},
		{"beta.example", 3, IKE_P_SA, good_payloads, sizeof(good_payloads), "has another name"},
		{NULL, 2, IKE_P_SA, good_payloads, sizeof(good_payloads), "names no reason"},
		{"beta.example", 2, IKE_P_SA, wide, sizeof(wide), "selectors that are not ours"},
		{"beta.example", 2, IKE_P_SA, wide_remote, sizeof(wide_remote),
			"selectors that are not ours"},
		{"beta.example", 2, IKE_P_SA, other_cipher, sizeof(other_cipher),
			"proposal that is not ours"},
		{"beta.example", 2, IKE_P_SA, no_choice, sizeof(no_choice), "proposal that is not ours"},
		{"beta.example", 2, 0, NULL, 0, "without a child SA"},
		{"beta.example", 2, IKE_P_NOTIFY, transport, sizeof(transport), "without a child SA"},
		{"beta.example", 2, 200, malformed, sizeof(malformed), "malformed"},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct trap trap = {.from = BETA, .exchange = IKE_AUTH};
		struct pair *p = trapped_pair(&trap, 150 + i);

		forge_auth(p, BETA, cases[i].id_type, cases[i].name, cases[i].first, cases[i].payloads,
			cases[i].len);
		if (cases[i].error) {
			assert_no_link(p, ALPHA);
			assert_int_equal(pair_spis(&p->end[ALPHA]), 0);
			if (!strstr(info_of(p, ALPHA).last_error, cases[i].error))
				fail_msg("case %u: %s", i, info_of(p, ALPHA).last_error);
		} else {
			assert_int_equal(info_of(p, ALPHA).state, SL_IKE_UP);
			assert_int_equal(p->end[ALPHA].children[0].spi_out, 0xc0ffee01);
		}
		free_pair(p);
	}
}

/* ---- What an authenticated peer may ask -------------------------------------------------------------------------- */

/* Sends payloads under the protection of alpha's IKE SA and returns the error beta answers with; 0: none. */
static unsigned ask_beta(struct pair *p, uint8_t exchange, uint8_t first, const void *payloads, size_t len)
{
	struct trap answer = {.from = BETA, .exchange = exchange};
	struct ike_sa *sa = sa_of(p, ALPHA);
	const struct ike_notify *error;
	struct ike_message m;
	struct ike_writer w;
	struct ike_view plain;
	uint8_t type;

	p->filter = spring;
	p->filter_ctx = &answer;
	ike_begin_request(sa, &w, exchange);
	w.buf[w.next_at] = first;
	ike_put(&w, payloads, len);
	ike_send_request(sa, &w, exchange);
	pair_run(p, 10 * PAIR_MS);
	p->filter = NULL;
	assert_true(answer.len > 0);
	assert_int_equal(ike_open(sa->secrets, sa->cipher, answer.data, answer.len, &type, &plain), IKE_OK);
	assert_int_equal(ike_parse(&m, type, plain.data, plain.len), IKE_OK);
	error = ike_find_error(&m);
	pair_run(p, 50 * PAIR_MS);
	return error ? error->type : 0;
}

static void requests_under_protection(void **state)
{
	static const uint8_t unknown_critical[] = {0, 0x80, 0, 5, 1}, unknown[] = {0, 0, 0, 5, 1};
	static const uint8_t cert[] = {0, 0x80, 0, 5, 1}, status[] = {0, 0, 0, 8, 0, 0, 0x60, 0};
	static const uint8_t other_spi[] = {0, 0, 0, 12, 3, 4, 0, 1, 1, 2, 3, 4}, malformed[] = {0, 0, 0, 3};
	struct pair *p = linked_pair(120);

	(void)state;
	assert_int_equal(ask_beta(p, IKE_INFORMATIONAL, 0, NULL, 0), 0);
	assert_int_equal(ask_beta(p, IKE_CREATE_CHILD_SA, 0, NULL, 0), IKE_N_INVALID_SYNTAX);
	assert_int_equal(
		ask_beta(p, IKE_INFORMATIONAL, 200, unknown_critical, 5), IKE_N_UNSUPPORTED_CRITICAL_PAYLOAD);
	assert_int_equal(ask_beta(p, IKE_INFORMATIONAL, 200, unknown, 5), 0);
	assert_int_equal(ask_beta(p, IKE_INFORMATIONAL, IKE_P_CERT, cert, 5), 0);
	assert_int_equal(ask_beta(p, IKE_INFORMATIONAL, IKE_P_NOTIFY, status, 8), 0);
	assert_int_equal(ask_beta(p, IKE_INFORMATIONAL, IKE_P_DELETE, other_spi, 12), 0);
	assert_calm(p);
	assert_int_equal(info_of(p, BETA).handshakes, 1);
	assert_int_equal(ask_beta(p, IKE_INFORMATIONAL, IKE_P_NOTIFY, malformed, 4), IKE_N_INVALID_SYNTAX);
	assert_no_link(p, BETA);
	pair_run(p, 60 * PAIR_S);
	assert_calm(p);
	free_pair(p);
}

/* An answer of earlier is authentic, but answers another question. */
static void old_answer_is_not_an_answer(void **state)
{
	struct trap trap = {.from = BETA, .exchange = IKE_INFORMATIONAL};
	struct pair *p = linked_pair(122);
	struct sl_ike_stats before;

	(void)state;
	p->filter = spring;
	p->filter_ctx = &trap;
	ike_liveness_start(sa_of(p, ALPHA));
	pair_run(p, 100 * PAIR_MS);
	assert_int_equal(sa_of(p, ALPHA)->request.tries, 0);
	p->filter = NULL;
	p->loss = 100;
	ike_liveness_start(sa_of(p, ALPHA));
	before = stats_of(p, ALPHA);
	pair_inject(p, ALPHA, trap.data, trap.len);
	assert_int_equal(sa_of(p, ALPHA)->request.tries, 1);
	assert_int_equal(stats_of(p, ALPHA).unexpected, before.unexpected + 1);
	free_pair(p);
}

static void one_peer_cannot_have_many(void **state)
{
	struct pair *p = linked_pair(121);

	(void)state;
	/* Alpha opens one IKE SA after the other and never deletes any. */
	p->filter = no_informational;
	for (unsigned i = 0; i < 20; i++) {
		assert_true(ike_init_start(p->end[ALPHA].ike->peers[0]));
		pair_run(p, 50 * PAIR_MS);
		assert_true(info_of(p, BETA).spi_i == info_of(p, ALPHA).spi_i);
		assert_int_equal(
			stats_of(p, BETA).established, i + 2 < IKE_PEER_SAS_MAX ? i + 2 : IKE_PEER_SAS_MAX);
		assert_int_equal(pair_children(&p->end[BETA]), stats_of(p, BETA).established);
	}
	p->filter = NULL;
	pair_run(p, 60 * PAIR_S);
	assert_calm(p);
	free_pair(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_flipped_bit_of_ike_auth_is_noticed),
		cmocka_unit_test(every_truncated_message_is_dropped),
		cmocka_unit_test(forged_errors_end_nothing),
		cmocka_unit_test(cookies_are_returned),
		cmocka_unit_test(cookies_are_not_a_pump),
		cmocka_unit_test(strange_requests_are_answered_without_state),
		cmocka_unit_test(weak_public_value_is_dropped),
		cmocka_unit_test(other_public_values_are_dropped),
		cmocka_unit_test(weak_answer_is_dropped),
		cmocka_unit_test(answer_from_elsewhere_is_dropped),
		cmocka_unit_test(own_request_is_dropped),
		cmocka_unit_test(repeated_request_gets_the_same_answer),
		cmocka_unit_test(replays_change_nothing),
		cmocka_unit_test(strange_auth_requests),
		cmocka_unit_test(strange_auth_answers),
		cmocka_unit_test(requests_under_protection),
		cmocka_unit_test(old_answer_is_not_an_answer),
		cmocka_unit_test(one_peer_cannot_have_many),
	};

	return cmocka_run_group_tests_name("IKE hostile", tests, start_crypto, NULL);
}
