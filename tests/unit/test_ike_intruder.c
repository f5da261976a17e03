/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Somebody on the path of an IKE SA who sees all, repeats, turns round and invents, and has no keys; and somebody who has the
 * keys of an IKE SA, for anybody can begin one, but no name.
 */
#include "ike_test.h"

/* How things stand at both ends. */
struct standing {
	struct sl_ike_peer_info info[PAIR_ENDS];
	uint32_t next_id[PAIR_ENDS], expected_id[PAIR_ENDS], outbound[PAIR_ENDS];
	unsigned children[PAIR_ENDS];
};

static struct standing standing_of(struct pair *p)
{
	struct standing s;

	memset(&s, 0, sizeof(s));
	for (unsigned i = 0; i < PAIR_ENDS; i++) {
		s.info[i] = info_of(p, i);
		s.next_id[i] = active_of(p, i)->next_id;
		s.expected_id[i] = active_of(p, i)->expected_id;
		s.outbound[i] = p->end[i].outbound;
		s.children[i] = pair_children(&p->end[i]);
	}
	return s;
}

static void assert_stands(struct pair *p, const struct standing *before)
{
	struct standing now = standing_of(p);

	for (unsigned i = 0; i < PAIR_ENDS; i++) {
		assert_int_equal(now.info[i].state, SL_IKE_UP);
		assert_true(now.info[i].spi_i == before->info[i].spi_i &&
			    now.info[i].spi_r == before->info[i].spi_r);
		assert_true(now.info[i].since == before->info[i].since);
		assert_int_equal(now.info[i].failures, before->info[i].failures);
		assert_true(sl_endpoint_equal(&now.info[i].endpoint, &before->info[i].endpoint));
		assert_int_equal(now.next_id[i], before->next_id[i]);
		assert_int_equal(now.expected_id[i], before->expected_id[i]);
		assert_int_equal(now.outbound[i], before->outbound[i]);
		assert_int_equal(now.children[i], before->children[i]);
	}
}

/* ---- Without keys ------------------------------------------------------------------------------------------------------ */

/* What an intruder would like to say, as a payload of a message. */
struct wish {
	uint8_t exchange, type;
	size_t len;
	uint8_t body[8];
};

static const struct wish wishes[] = {
	{IKE_INFORMATIONAL, IKE_P_DELETE, 4, {IKE_PROTO_IKE, 0, 0, 0}},
	{IKE_INFORMATIONAL, IKE_P_DELETE, 8, {IKE_PROTO_ESP, 4, 0, 1}}, /* and an SPI */
	{IKE_INFORMATIONAL, IKE_P_NOTIFY, 4, {0, 0, 0, IKE_N_AUTHENTICATION_FAILED}},
	{IKE_INFORMATIONAL, IKE_P_NOTIFY, 4, {0, 0, 0, IKE_N_INVALID_SYNTAX}},
	{IKE_INFORMATIONAL, IKE_P_NOTIFY, 4, {0, 0, 0, 4}},  /* INVALID_IKE_SPI */
	{IKE_INFORMATIONAL, IKE_P_NOTIFY, 4, {0, 0, 0, 11}}, /* INVALID_SPI */
	{IKE_CREATE_CHILD_SA, IKE_P_NOTIFY, 4, {0, 0, 0, IKE_N_NO_PROPOSAL_CHOSEN}},
	{IKE_AUTH, IKE_P_NOTIFY, 4, {0, 0, 0, IKE_N_AUTHENTICATION_FAILED}},
	{IKE_AUTH, IKE_P_NOTIFY, 4, {0, 0, 0, IKE_N_TEMPORARY_FAILURE}},
	{IKE_INFORMATIONAL, IKE_P_NONE, 0, {0}},
};

enum { WISHES = sizeof(wishes) / sizeof(wishes[0]) };

/* Says it to an end of this IKE SA in the clear, as a request or an answer, under each number that might count. */
static void say_in_the_clear(struct pair *p, unsigned to, const struct wish *wish, uint32_t spi_out)
{
	const struct ike_sa *sa = sa_of(p, to);
	const uint64_t spi_i = sa->spi_i, spi_r = sa->spi_r;
	const bool initiator = !sa->initiator;
	uint32_t be = htobe32(spi_out);

	for (uint32_t id = 0; id < 8; id++) {
		for (unsigned response = 0; response < 2; response++) {
			const struct ike_head head = {.spi_i = spi_i,
				.spi_r = spi_r,
				.exchange = wish->exchange,
				.initiator = initiator,
				.response = response,
				.id = id};
			struct ike_writer w;

			ike_write_header(&w, &head);
			if (wish->type != IKE_P_NONE) {
				ike_payload_begin(&w, wish->type);
				ike_put(&w, wish->body, wish->len == 8 ? 4 : wish->len);
				if (wish->len == 8)
					ike_put(&w, &be, sizeof(be));
				ike_payload_end(&w);
			}
			ike_write_end(&w);
			pair_inject(p, to, w.buf, w.len);
		}
	}
}

static void nothing_ends_in_the_clear(void **state)
{
	(void)state;
	for (unsigned asking = 0; asking < 2; asking++) {
		struct pair *p = linked_pair(400 + asking);
		struct standing before;
		unsigned sent;

		/* With a request under way an answer to it might count. */
		p->loss = 100;
		for (unsigned end = 0; asking && end < PAIR_ENDS; end++)
			ike_liveness_start(active_of(p, end));
		before = standing_of(p);
		sent = p->sent;
		for (unsigned end = 0; end < PAIR_ENDS; end++)
			for (unsigned i = 0; i < WISHES; i++) {
				say_in_the_clear(p, end, &wishes[i], child_of(active_of(p, end))->spi_out);
				assert_stands(p, &before);
			}
		assert_int_equal(p->sent, sent);
		p->loss = 0;
		pair_run(p, 2 * PAIR_S);
		assert_calm(p);
		free_pair(p);
	}
}

/* Before either end knows the other there are keys already, and nothing is believed without them. */
static void nothing_ends_in_the_clear_before_the_names(void **state)
{
	(void)state;
	for (unsigned from = 0; from < PAIR_ENDS; from++) {
		struct trap trap = {.from = from, .exchange = IKE_AUTH};
		struct pair *p = trapped_pair(&trap, 410 + from);
		unsigned sent = p->sent;

		for (unsigned i = 0; i < WISHES; i++)
			say_in_the_clear(p, !from, &wishes[i], 0x1000);
		assert_int_equal(p->sent, sent);
		assert_int_equal(stats_of(p, !from).half_open, 1);
		let_pass(p, &trap);
		pair_run(p, PAIR_S);
		assert_calm(p);
		assert_int_equal(info_of(p, ALPHA).failures, 0);
		free_pair(p);
	}
}

/* What an end has said comes back to it, in all guises that need no key. */
struct mirror {
	unsigned count;
	struct {
		unsigned from;
		size_t len;
		uint8_t data[1024];
	} message[64];
};

static bool look(struct pair *p, unsigned from, struct pair_message *m)
{
	struct mirror *mirror = p->filter_ctx;

	assert_true(mirror->count < 64 && m->len <= 1024);
	mirror->message[mirror->count].from = from;
	mirror->message[mirror->count].len = m->len;
	memcpy(mirror->message[mirror->count++].data, m->data, m->len);
	return true;
}

static void our_own_words_mean_nothing(void **state)
{
	static const uint8_t flags[] = {
		0, IKE_FLAG_INITIATOR, IKE_FLAG_RESPONSE, IKE_FLAG_INITIATOR | IKE_FLAG_RESPONSE};
	struct mirror *mirror = calloc(1, sizeof(*mirror));
	struct pair *p = new_pair(420);
	struct standing before;

	(void)state;
	p->filter = look;
	p->filter_ctx = mirror;
	set_boot(p, true, false);
	boot_both(p);
	pair_run(p, 20 * PAIR_S); /* signs of life from both */
	assert_calm(p);
	p->filter = NULL;
	before = standing_of(p);
	for (unsigned i = 0; i < mirror->count; i++) {
		uint8_t *data = mirror->message[i].data, spi[8];

		if (data[18] == IKE_SA_INIT) /* anybody may ask anew */
			continue;
		for (unsigned guise = 0; guise < 8; guise++) {
			data[19] ^= flags[guise % 4];
			memcpy(spi, data, 8);
			if (guise >= 4) {
				memcpy(data, data + 8, 8);
				memcpy(data + 8, spi, 8);
			}
			pair_inject(p, mirror->message[i].from, data, mirror->message[i].len);
			if (guise >= 4) {
				memcpy(data + 8, data, 8);
				memcpy(data, spi, 8);
			}
			data[19] ^= flags[guise % 4];
			assert_stands(p, &before);
		}
	}
	pair_run(p, 2 * PAIR_S);
	assert_calm(p);
	free_pair(p);
	free(mirror);
}

/* One SPI that fits is not enough: the message is of no IKE SA here, and nothing is decrypted for it. */
static void both_spis_must_fit(void **state)
{
	struct trap trap = {.from = ALPHA, .exchange = IKE_INFORMATIONAL, .holds = true};
	struct pair *p = linked_pair(430);
	struct sl_ike_stats before = stats_of(p, BETA), after;

	(void)state;
	p->filter = spring;
	p->filter_ctx = &trap;
	ike_liveness_start(active_of(p, ALPHA));
	pair_run(p, 10 * PAIR_MS);
	for (unsigned spi = 0; spi < 2; spi++) {
		trap.data[8 * spi] ^= 1;
		pair_inject(p, BETA, trap.data, trap.len);
		trap.data[8 * spi] ^= 1;
	}
	after = stats_of(p, BETA);
	assert_int_equal(after.unknown_sa, before.unknown_sa + 2);
	assert_int_equal(after.bad_integrity, before.bad_integrity);
	let_pass(p, &trap);
	pair_run(p, PAIR_S);
	assert_calm(p);
	free_pair(p);
}

/* ---- With keys --------------------------------------------------------------------------------------------------------- */

/* Seals a message of the IKE SA that `from` has, with whatever is in it, and hands it over. */
static void inject_sealed(struct pair *p, unsigned from, uint8_t exchange, bool response, uint32_t id,
	uint8_t type, const void *payload, size_t len)
{
	struct ike_sa *sa = sa_of(p, from);
	const struct ike_head head = {.spi_i = sa->spi_i,
		.spi_r = sa->spi_r,
		.exchange = exchange,
		.initiator = sa->initiator,
		.response = response,
		.id = id};
	struct ike_writer w;

	ike_write_header(&w, &head);
	ike_write_sk(&w);
	w.buf[w.next_at] = type;
	ike_put(&w, payload, len);
	ike_seal(&w, sa->secrets, sa->cipher, 5000 + id);
	pair_inject(p, !from, w.buf, w.len);
}

static const uint8_t end_it[] = {0, 0, 0, 8, IKE_PROTO_IKE, 0, 0, 0};

/* Whoever has begun an IKE SA may say who he is, and nothing else. */
static void only_ike_auth_comes_before_a_name(void **state)
{
	static const uint8_t exchanges[] = {IKE_INFORMATIONAL, IKE_CREATE_CHILD_SA};
	struct trap trap = {.from = ALPHA, .exchange = IKE_AUTH};
	struct pair *p = trapped_pair(&trap, 440);
	unsigned sent = p->sent;

	(void)state;
	for (uint32_t id = 0; id < 4; id++) {
		for (unsigned i = 0; i < 2; i++) {
			inject_sealed(p, ALPHA, exchanges[i], false, id, IKE_P_NONE, NULL, 0);
			inject_sealed(
				p, ALPHA, exchanges[i], false, id, IKE_P_DELETE, end_it, sizeof(end_it));
		}
		inject_sealed(p, ALPHA, IKE_AUTH, true, id, IKE_P_NONE, NULL, 0);
		if (id != 1)
			inject_sealed(p, ALPHA, IKE_AUTH, false, id, IKE_P_NONE, NULL, 0);
	}
	assert_int_equal(p->sent, sent);
	assert_int_equal(stats_of(p, BETA).half_open, 1);
	let_pass(p, &trap);
	pair_run(p, PAIR_S);
	assert_calm(p);
	free_pair(p);
}

/* Nor does an initiator take requests from whom it does not know yet. */
static void an_initiator_answers_nobody_before_it_knows_him(void **state)
{
	struct trap trap = {.from = BETA, .exchange = IKE_AUTH};
	struct pair *p = trapped_pair(&trap, 441);
	unsigned sent = p->sent;

	(void)state;
	for (uint32_t id = 0; id < 3; id++) {
		inject_sealed(p, BETA, IKE_INFORMATIONAL, false, id, IKE_P_DELETE, end_it, sizeof(end_it));
		inject_sealed(p, BETA, IKE_AUTH, false, id, IKE_P_NONE, NULL, 0);
		inject_sealed(p, BETA, IKE_INFORMATIONAL, true, id, IKE_P_DELETE, end_it, sizeof(end_it));
	}
	assert_int_equal(p->sent, sent);
	let_pass(p, &trap);
	pair_run(p, PAIR_S);
	assert_calm(p);
	free_pair(p);
}

/* Requests come one by one: what is not the next one is not carried out. */
static void requests_are_taken_in_order(void **state)
{
	struct pair *p = linked_pair(442);
	uint32_t expected = active_of(p, BETA)->expected_id;
	struct standing before = standing_of(p);

	(void)state;
	for (uint32_t id = 0; id < expected + 5; id++)
		if (id != expected)
			inject_sealed(
				p, ALPHA, IKE_INFORMATIONAL, false, id, IKE_P_DELETE, end_it, sizeof(end_it));
	inject_sealed(p, ALPHA, IKE_INFORMATIONAL, false, UINT32_MAX, IKE_P_DELETE, end_it, sizeof(end_it));
	inject_sealed(p, ALPHA, IKE_AUTH, false, expected, IKE_P_DELETE, end_it, sizeof(end_it));
	assert_stands(p, &before);
	inject_sealed(p, ALPHA, IKE_INFORMATIONAL, false, expected, IKE_P_DELETE, end_it, sizeof(end_it));
	assert_no_link(p, BETA);
	free_pair(p);
}

/* An answer counts when there was a request, of its number, in its exchange; whatever it says. */
static void answers_need_a_question(void **state)
{
	static const uint8_t exchanges[] = {IKE_AUTH, IKE_CREATE_CHILD_SA, IKE_INFORMATIONAL};

	(void)state;
	for (unsigned asking = 0; asking < 2; asking++) {
		struct pair *p = linked_pair(443 + asking);
		struct ike_sa *sa = active_of(p, ALPHA);

		p->loss = 100;
		if (asking)
			ike_liveness_start(sa);
		for (uint32_t id = 0; id < sa->next_id + 3; id++) {
			for (unsigned i = 0; i < 3; i++) {
				if (asking && id == sa->next_id - 1 && exchanges[i] == IKE_INFORMATIONAL)
					continue;
				inject_sealed(p, BETA, exchanges[i], true, id, IKE_P_NONE, NULL, 0);
				assert_int_equal(sa->request.tries, asking);
				assert_int_equal(info_of(p, ALPHA).state, SL_IKE_UP);
			}
		}
		if (asking)
			inject_sealed(p, BETA, IKE_INFORMATIONAL, true, sa->next_id - 1, IKE_P_NONE, NULL, 0);
		assert_int_equal(sa->request.tries, 0);
		p->loss = 0;
		pair_run(p, PAIR_S);
		assert_calm(p);
		free_pair(p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_ends_in_the_clear),
		cmocka_unit_test(nothing_ends_in_the_clear_before_the_names),
		cmocka_unit_test(our_own_words_mean_nothing),
		cmocka_unit_test(both_spis_must_fit),
		cmocka_unit_test(only_ike_auth_comes_before_a_name),
		cmocka_unit_test(an_initiator_answers_nobody_before_it_knows_him),
		cmocka_unit_test(requests_are_taken_in_order),
		cmocka_unit_test(answers_need_a_question),
	};

	return cmocka_run_group_tests_name("IKE intruder", tests, start_crypto, NULL);
}
