/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * IKE fragmentation (RFC 7383): links over a path that carries short messages only, and fragments that are not as
 * they should be.
 */
#include "ike_test.h"

enum { HEADERS = 20 + 8 + 4 }; /* IPv4, UDP, non-ESP marker */
enum { NARROW = SL_IKE_MTU_MIN - HEADERS };

/* What went over the network. */
struct watch {
	unsigned fragments[PAIR_ENDS], whole;
	size_t longest; /* protected message */
};

static bool watch(struct pair *p, unsigned from, struct pair_message *m)
{
	struct watch *w = p->filter_ctx;

	if (m->data[16] == IKE_P_SKF)
		w->fragments[from]++;
	if (m->data[16] == IKE_P_SK)
		w->whole++;
	if (m->data[18] != IKE_SA_INIT && m->len > w->longest)
		w->longest = m->len;
	return true;
}

/* An end whose path carries messages of so many bytes, over IPv4; 0: of any length. */
static struct pair *narrow_pair(uint64_t seed, size_t alpha_max, size_t beta_max)
{
	struct pair *p = new_pair(seed);

	p->end[ALPHA].conf.mtu = alpha_max ? (unsigned)alpha_max + HEADERS : 0;
	p->end[BETA].conf.mtu = beta_max ? (unsigned)beta_max + HEADERS : 0;
	set_boot(p, true, false);
	return p;
}

/* ---- As it should be --------------------------------------------------------------------------------------------- */

static void long_messages_are_cut(void **state)
{
	static const struct {
		size_t alpha_max, beta_max;
		unsigned alpha, beta; /* fragments of IKE_AUTH */
	} cases[] = {
		{0, 0, 0, 0}, {NARROW, NARROW, 2, 2}, {NARROW, 0, 2, 0}, {0, 300, 0, 2}, {2000, 2000, 0, 0}};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct pair *p = narrow_pair(400 + i, cases[i].alpha_max, cases[i].beta_max);
		struct watch w = {0};

		p->filter = watch;
		p->filter_ctx = &w;
		boot_both(p);
		pair_run(p, 5 * PAIR_S);
		assert_calm(p);
		assert_int_equal(w.fragments[ALPHA], cases[i].alpha);
		assert_int_equal(w.fragments[BETA], cases[i].beta);
		if (cases[i].alpha_max == NARROW && cases[i].beta_max == NARROW)
			assert_in_range(w.longest, 100, NARROW);
		pair_run(p, 60 * PAIR_S); /* short messages stay whole */
		assert_int_equal(w.fragments[ALPHA], cases[i].alpha);
		assert_in_range(w.whole, 2, 100);
		assert_calm(p);
		assert_int_equal(stats_of(p, ALPHA).malformed + stats_of(p, BETA).malformed, 0);
		free_pair(p);
	}
}

/* A message that just fits stays whole; one byte less, and it is cut. */
static void the_limit_is_exact(void **state)
{
	size_t len = 0;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct trap trap = {.from = ALPHA, .exchange = IKE_AUTH};
		struct pair *p = narrow_pair(410, i == 2 ? len - 1 : len, 0);

		p->filter = spring;
		p->filter_ctx = &trap;
		boot_both(p);
		pair_run(p, PAIR_S);
		assert_int_equal(trap.data[16], i == 2 ? IKE_P_SKF : IKE_P_SK);
		len = trap.len;
		assert_calm(p);
		free_pair(p);
	}
}

/* IPv6 takes 20 bytes more, and port 500 needs no marker. */
static void the_limit_depends_on_the_headers(void **state)
{
	static const struct {
		bool ipv6, plain;
		uint16_t port;
		unsigned headers;
	} cases[] = {
		{false, false, 4500, 20 + 8 + 4},
		{true, false, 4500, 40 + 8 + 4},
		{true, false, 500, 40 + 8 + 4}, /* from where it moves */
		{false, true, 500, 20 + 8},
		{true, true, 500, 40 + 8},
		{true, true, 4500, 40 + 8 + 4},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned mtu = 0;

		for (unsigned round = 0; round < 3; round++) {
			struct trap trap = {.from = ALPHA, .exchange = IKE_AUTH};
			struct pair *p = narrow_pair(415 + i, 0, 0);

			p->end[ALPHA].conf.mtu = round == 2 ? mtu - 1 : mtu;
			p->end[ALPHA].peer.udp = p->end[BETA].peer.udp = !cases[i].plain;
			if (cases[i].ipv6)
				pair_use_ipv6(p);
			p->end[ALPHA].peer.endpoint.port = cases[i].port;
			p->filter = spring;
			p->filter_ctx = &trap;
			boot_both(p);
			pair_run(p, PAIR_S);
			assert_int_equal(trap.data[16], round == 2 ? IKE_P_SKF : IKE_P_SK);
			mtu = (unsigned)trap.len + cases[i].headers;
			assert_calm(p);
			free_pair(p);
		}
	}
}

static void any_one_fragment_may_be_lost(void **state)
{
	(void)state;
	for (unsigned nth = 1; nth <= 8; nth++) {
		struct pair *p = narrow_pair(420 + nth, NARROW, NARROW);

		p->lose_nth = nth;
		boot_both(p);
		pair_run(p, 5 * PAIR_S);
		assert_calm(p);
		assert_int_equal(info_of(p, ALPHA).handshakes, 1);
		assert_int_equal(info_of(p, ALPHA).failures, 0);
		free_pair(p);
	}
}

static void order_and_copies_do_not_matter(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		struct pair *p = narrow_pair(430 + i, NARROW, NARROW);

		p->jitter = 200 * PAIR_MS;
		p->duplication = 50;
		p->loss = 20;
		boot_both(p);
		pair_run(p, 60 * PAIR_S);
		p->loss = p->duplication = 0;
		pair_run(p, 90 * PAIR_S);
		assert_calm(p);
		free_pair(p);
	}
}

/* Of a request that comes again the first fragment is answered, with all fragments; the others are not. */
static void repeated_request_gets_the_same_fragments(void **state)
{
	struct pair *p = narrow_pair(450, NARROW, NARROW);
	uint8_t fragment[2][NARROW];
	size_t len[2];
	struct ike_buffer *kept;
	unsigned sent;

	(void)state;
	boot_both(p);
	pair_run(p, 15 * PAIR_MS);
	assert_int_equal(stats_of(p, BETA).half_open, 1);
	pair_run(p, 10 * PAIR_MS); /* alpha's IKE_AUTH is on its way */
	kept = &sa_of(p, ALPHA)->request.msg;
	len[0] = be32toh(((const struct ike_wire_header *)(const void *)kept->data)->len);
	len[1] = kept->len - len[0];
	assert_true(len[0] <= NARROW && len[1] <= NARROW);
	memcpy(fragment[0], kept->data, len[0]);
	memcpy(fragment[1], kept->data + len[0], len[1]);
	pair_run(p, PAIR_S);
	assert_calm(p);
	sent = p->sent;
	pair_inject(p, BETA, fragment[1], len[1]);
	assert_int_equal(p->sent, sent);
	pair_inject(p, BETA, fragment[0], len[0]);
	assert_int_equal(p->sent, sent + 2);
	assert_int_equal(stats_of(p, BETA).retransmits, 1);
	fragment[0][NARROW / 2] ^= 1;
	pair_inject(p, BETA, fragment[0], len[0]);
	assert_int_equal(p->sent, sent + 2);
	assert_int_equal(stats_of(p, BETA).bad_integrity, 1);
	pair_run(p, PAIR_S);
	assert_calm(p);
	free_pair(p);
}

/* An end that has not said so neither takes fragments nor sends any. */
static void both_ends_must_speak_it(void **state)
{
	struct trap trap = {.from = ALPHA, .exchange = IKE_AUTH, .holds = true};
	struct pair *p = narrow_pair(451, NARROW, NARROW);
	struct watch w = {0};

	(void)state;
	p->filter = spring;
	p->filter_ctx = &trap;
	boot_both(p);
	pair_run(p, 100 * PAIR_MS);
	assert_int_equal(trap.data[16], IKE_P_SKF);
	sa_of(p, BETA)->fragmentation = false;
	let_pass(p, &trap);
	assert_int_equal(stats_of(p, BETA).malformed, 1);
	assert_null(sa_of(p, BETA)->fragments[false]);
	free_pair(p);

	p = narrow_pair(452, 0, NARROW);
	boot_both(p);
	p->filter = watch;
	p->filter_ctx = &w;
	pair_run(p, 15 * PAIR_MS);
	sa_of(p, BETA)->fragmentation = false;
	pair_run(p, PAIR_S);
	assert_calm(p);
	assert_int_equal(w.fragments[BETA], 0);
	assert_in_range(w.longest, NARROW + 1, 1000);
	free_pair(p);
}

/* ---- Strange fragments ------------------------------------------------------------------------------------------- */

/* Sends beta one fragment of an INFORMATIONAL request of alpha. */
static void send_fragment(struct pair *p, unsigned id, unsigned number, unsigned total, uint8_t first,
	const void *data, size_t len)
{
	static uint64_t iv = 1 << 20;
	const struct ike_sa *sa = sa_of(p, ALPHA);
	const struct ike_head head = {.spi_i = sa->spi_i,
		.spi_r = sa->spi_r,
		.exchange = IKE_INFORMATIONAL,
		.initiator = sa->initiator,
		.id = sa->next_id + id};
	struct ike_writer w;

	ike_write_header(&w, &head);
	ike_write_skf(&w, first, (uint16_t)number, (uint16_t)total);
	ike_put(&w, data, len);
	ike_seal(&w, sa->secrets, sa->cipher, iv++);
	pair_inject(p, BETA, w.buf, w.len);
}

/* A Notify of an unknown status, in two halves. */
static const uint8_t notify[] = {0, 0, 0, 12, 0, 0, 0xa0, 0, 1, 2, 3, 4};

static bool answered(struct pair *p, unsigned sent)
{
	return p->sent > sent;
}

static void numbers_are_checked(void **state)
{
	static const struct {
		unsigned number, total;
	} bad[] = {{0, 0}, {0, 1}, {1, 0}, {2, 1}, {65, 65}, {1, 65}, {65535, 65535}};
	struct pair *p = linked_pair(460);
	unsigned sent = p->sent;

	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		send_fragment(p, 0, bad[i].number, bad[i].total, IKE_P_NOTIFY, notify, sizeof(notify));
		assert_int_equal(stats_of(p, BETA).malformed, i + 1);
		assert_null(sa_of(p, BETA)->fragments[false]);
	}
	send_fragment(p, 0, 1, 2, IKE_P_NOTIFY, NULL, 0); /* with nothing in it */
	assert_null(sa_of(p, BETA)->fragments[false]);
	send_fragment(p, 1, 1, 2, IKE_P_NOTIFY, notify, 6); /* of a later request */
	assert_null(sa_of(p, BETA)->fragments[false]);
	assert_false(answered(p, sent));
	send_fragment(p, 0, 1, 1, IKE_P_NOTIFY, notify, sizeof(notify)); /* one is enough, if it says so */
	assert_true(answered(p, sent));
	assert_linked(p);
	free_pair(p);
}

static void pieces_are_put_in_order(void **state)
{
	static const uint8_t order[] = {2, 0, 1};
	struct pair *p = linked_pair(461);
	unsigned sent = p->sent;

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		send_fragment(p, 0, order[i] + 1, 3, order[i] ? 0 : IKE_P_NOTIFY, notify + 4 * order[i], 4);
	assert_true(answered(p, sent));
	assert_linked(p); /* in another order it would have been malformed, and the end */
	assert_null(sa_of(p, BETA)->fragments[false]);
	free_pair(p);

	p = linked_pair(462);
	sent = p->sent;
	for (unsigned i = 0; i < 3; i++) {
		assert_false(answered(p, sent));
		send_fragment(p, 0, order[i] + 1, 3, order[i] ? 0 : IKE_P_NOTIFY, notify + 4 * order[i], 4);
		/* Another piece under a number that has come is ignored. */
		if (i < 2)
			send_fragment(p, 0, order[i] + 1, 3, 99, "junk", 4);
	}
	assert_true(answered(p, sent));
	assert_linked(p);
	free_pair(p);
}

/* More pieces replace fewer; fewer do not replace more; the next request replaces everything. */
static void other_cuts_of_the_same_message(void **state)
{
	struct pair *p = linked_pair(463);
	unsigned sent = p->sent;

	(void)state;
	send_fragment(p, 0, 1, 2, IKE_P_NOTIFY, "junk junk", 9);
	send_fragment(p, 0, 1, 3, IKE_P_NOTIFY, notify, 4);
	assert_int_equal(sa_of(p, BETA)->fragments[false]->total, 3);
	send_fragment(p, 0, 2, 2, 0, "junk", 4);
	send_fragment(p, 0, 2, 3, 0, notify + 4, 4);
	assert_false(answered(p, sent));
	send_fragment(p, 0, 3, 3, 0, notify + 8, 4);
	assert_true(answered(p, sent));
	assert_linked(p);

	/* The request after it begins anew, and what is left of one does not mix with the next. */
	send_fragment(p, 1, 2, 2, 0, "junk", 4);
	assert_int_equal(sa_of(p, BETA)->fragments[false]->have, 2);
	sa_of(p, BETA)->expected_id++;
	send_fragment(p, 2, 1, 2, IKE_P_NOTIFY, notify, 4);
	assert_int_equal(sa_of(p, BETA)->fragments[false]->have, 1);
	free_pair(p);
}

static void size_is_limited(void **state)
{
	static const uint8_t big[1500];
	struct pair *p = linked_pair(464);
	struct ike_fragments *all;

	(void)state;
	for (unsigned i = 0; i < 5; i++)
		send_fragment(p, 0, i + 1, 64, IKE_P_NOTIFY, big, sizeof(big));
	all = sa_of(p, BETA)->fragments[false];
	assert_non_null(all);
	assert_int_equal(all->len, 5 * sizeof(big));
	send_fragment(p, 0, 6, 64, 0, big, SL_IKE_MESSAGE_MAX - 5 * sizeof(big));
	assert_int_equal(all->len, SL_IKE_MESSAGE_MAX);
	assert_int_equal(stats_of(p, BETA).malformed, 0);
	send_fragment(p, 0, 7, 64, 0, big, 1);
	assert_null(sa_of(p, BETA)->fragments[false]);
	assert_int_equal(stats_of(p, BETA).malformed, 1);
	assert_linked(p);
	free_pair(p);
}

/* The longest message there may be, in as many pieces as there may be. */
static void longest_message(void **state)
{
	static uint8_t message[SL_IKE_MESSAGE_MAX];
	const size_t piece = sizeof(message) / IKE_FRAGMENTS_MAX;
	struct pair *p = linked_pair(465);
	unsigned sent = p->sent;

	(void)state;
	message[2] = sizeof(message) >> 8; /* one payload of an unknown type */
	for (unsigned i = IKE_FRAGMENTS_MAX; i > 0; i--) {
		assert_false(answered(p, sent));
		send_fragment(p, 0, i, IKE_FRAGMENTS_MAX, i == 1 ? 200 : 0, message + (i - 1) * piece, piece);
	}
	assert_true(answered(p, sent));
	assert_linked(p);
	free_pair(p);
}

static void every_flipped_bit_is_noticed(void **state)
{
	struct trap trap = {.from = ALPHA, .exchange = IKE_AUTH, .holds = true};
	struct pair *p = narrow_pair(466, NARROW, NARROW);
	uint64_t before;

	(void)state;
	p->filter = spring;
	p->filter_ctx = &trap;
	boot_both(p);
	pair_run(p, 100 * PAIR_MS);
	assert_int_equal(trap.data[16], IKE_P_SKF);
	before = stats_of(p, BETA).bad_integrity;
	for (size_t bit = 0; bit < 8 * trap.len; bit++) {
		trap.data[bit / 8] ^= 1 << bit % 8;
		pair_inject(p, BETA, trap.data, trap.len);
		trap.data[bit / 8] ^= 1 << bit % 8;
		assert_null(sa_of(p, BETA)->fragments[false]);
	}
	assert_in_range(stats_of(p, BETA).bad_integrity - before, 8 * (trap.len - 40), 8 * trap.len);
	pair_inject(p, BETA, trap.data, trap.len);
	assert_non_null(sa_of(p, BETA)->fragments[false]);
	p->filter = NULL;
	pair_run(p, PAIR_S);
	assert_calm(p);
	free_pair(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(long_messages_are_cut),
		cmocka_unit_test(the_limit_is_exact),
		cmocka_unit_test(the_limit_depends_on_the_headers),
		cmocka_unit_test(any_one_fragment_may_be_lost),
		cmocka_unit_test(order_and_copies_do_not_matter),
		cmocka_unit_test(repeated_request_gets_the_same_fragments),
		cmocka_unit_test(both_ends_must_speak_it),
		cmocka_unit_test(numbers_are_checked),
		cmocka_unit_test(pieces_are_put_in_order),
		cmocka_unit_test(other_cuts_of_the_same_message),
		cmocka_unit_test(size_is_limited),
		cmocka_unit_test(longest_message),
		cmocka_unit_test(every_flipped_bit_is_noticed),
	};

	return cmocka_run_group_tests_name("IKE fragments", tests, start_crypto, NULL);
}
