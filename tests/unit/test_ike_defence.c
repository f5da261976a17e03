/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Floods of IKE_SA_INIT requests, from invented sources and from real ones: what they may take, and that a peer
 * gets through all the same.
 */
#include "ike_test.h"

enum { SOURCE_MAX = 16 }; /* half-open IKE SAs from one address */

/* A request of a stranger, and the answer to it. */
struct stranger {
	struct sl_ike_path path;
	struct trap request; /* alpha's, with another SPI */
	struct trap answer;
	size_t plain_len; /* of the request without a cookie */
};

/* Beta waits; nobody has asked it yet, and the strangers have learned what a request looks like. */
static struct pair *besieged_pair(struct stranger *s, uint64_t seed)
{
	struct pair *p;

	memset(s, 0, sizeof(*s));
	s->request = (struct trap){.from = ALPHA, .exchange = IKE_SA_INIT};
	s->answer = (struct trap){.from = BETA, .exchange = IKE_SA_INIT, .holds = true};
	p = trapped_pair(&s->request, seed);
	s->plain_len = s->request.len;
	s->path.local = s->path.remote = (struct sl_endpoint){p->end[BETA].conf.address, SL_IKE_NAT_PORT};
	return p;
}

/* Asks beta with this SPI from 203.0.0.0 + host; true when there was an answer, which is kept. */
static bool ask(struct pair *p, struct stranger *s, uint32_t host, uint32_t spi)
{
	s->path.remote.addr = sl_addr_v4(0xcb000000 + host);
	memcpy(s->request.data, &spi, sizeof(spi));
	p->filter = spring;
	p->filter_ctx = &s->answer;
	s->answer.len = 0;
	sl_ike_input(p->end[BETA].ike, p->now, &s->path, s->request.data, s->request.len);
	p->filter = NULL;
	return s->answer.len > 0;
}

/* The cookie in the answer, or NULL when it is something else. */
static const uint8_t *cookie_of(const struct stranger *s)
{
	const struct ike_wire_notify *n = (const void *)(s->answer.data + 32);

	if (s->answer.len != 28 + 4 + 4 + IKE_OUR_COOKIE_LEN || s->answer.data[16] != IKE_P_NOTIFY ||
		be16toh(n->type) != IKE_N_COOKIE)
		return NULL;
	return s->answer.data + 36;
}

/* Puts the cookie of the answer in front of the payloads of the request. */
static void add_cookie(struct stranger *s)
{
	enum { SIZE = 4 + 4 + IKE_OUR_COOKIE_LEN };
	uint8_t *first = s->request.data + 28;
	uint32_t len;

	assert_non_null(cookie_of(s));
	memmove(first + SIZE, first, s->request.len - 28);
	memcpy(first, s->answer.data + 28, SIZE);
	first[0] = s->request.data[16];
	s->request.data[16] = IKE_P_NOTIFY;
	s->request.len += SIZE;
	len = htobe32((uint32_t)s->request.len);
	memcpy(s->request.data + 24, &len, sizeof(len));
}

static void drop_cookie(struct stranger *s)
{
	uint8_t *first = s->request.data + 28;
	size_t size = s->request.len - s->plain_len;
	uint32_t len = htobe32((uint32_t)s->plain_len);

	if (size == 0)
		return;
	s->request.data[16] = first[0];
	memmove(first, first + size, s->plain_len - 28);
	s->request.len = s->plain_len;
	memcpy(s->request.data + 24, &len, sizeof(len));
}

/* Asks, with the cookie when one is demanded; true when beta has begun an IKE SA. */
static bool get_in(struct pair *p, struct stranger *s, uint32_t host, uint32_t spi)
{
	uint64_t before = stats_of(p, BETA).half_open;

	drop_cookie(s);
	if (ask(p, s, host, spi) && cookie_of(s)) {
		add_cookie(s);
		ask(p, s, host, spi);
	}
	return stats_of(p, BETA).half_open == before + 1;
}

static unsigned room(const struct pair *p)
{
	return p->end[BETA].conf.sa_max - SL_IKE_PEER_SAS;
}

/* Invented sources take a quarter; then they are sent cookies, which cost nothing. */
static void invented_sources_get_cookies(void **state)
{
	struct stranger s;
	struct pair *p = besieged_pair(&s, 300);
	unsigned quarter = (room(p) + 3) / 4;

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		assert_true(ask(p, &s, i, i));
		assert_int_equal(cookie_of(&s) != NULL, i >= quarter);
		assert_int_equal(stats_of(p, BETA).half_open, i < quarter ? i + 1 : quarter);
	}
	assert_int_equal(stats_of(p, BETA).cookies_sent, 1000 - quarter);
	assert_int_equal(stats_of(p, BETA).turned_away, 0);
	/* Alpha, which has asked already, brings its cookie. */
	pair_run(p, 2 * PAIR_S);
	assert_linked(p);
	assert_int_equal(info_of(p, ALPHA).failures, 0);
	pair_run(p, 40 * PAIR_S);
	assert_calm(p);
	/* The flood is over, so is the demand. */
	assert_true(ask(p, &s, 1, 1) && !cookie_of(&s));
	free_pair(p);
}

/* During a flood of sources that exist, up to the limit, we still connect to our peers. */
static void real_sources_leave_room(void **state)
{
	struct stranger s;
	struct pair *p = besieged_pair(&s, 301);

	(void)state;
	for (unsigned i = 0; i < room(p); i++)
		assert_true(get_in(p, &s, i / 8, i));
	assert_false(get_in(p, &s, 1000, 1000));
	assert_int_equal(stats_of(p, BETA).half_open, room(p));
	assert_int_equal(stats_of(p, BETA).turned_away, 1);
	assert_logged(p, BETA, "there are too many half-open IKE SAs");
	p->end[ALPHA].peer.start = SL_IKE_START_TRAFFIC; /* alpha asks nobody any more */
	pair_boot(p, ALPHA);
	pair_connect(p, BETA);
	pair_run(p, PAIR_S);
	assert_linked(p);
	assert_int_equal(info_of(p, BETA).failures, 0);
	pair_run(p, 40 * PAIR_S);
	assert_calm(p);
	free_pair(p);
}

static void one_source_is_limited(void **state)
{
	struct stranger s;
	struct pair *p = besieged_pair(&s, 302);
	uint32_t alpha = sl_addr_u32(&p->end[ALPHA].conf.address) - 0xcb000000;

	(void)state;
	p->end[BETA].conf.sa_max = 1024;
	pair_boot(p, BETA);
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(get_in(p, &s, 7, i), i < SOURCE_MAX);
	assert_int_equal(stats_of(p, BETA).half_open, SOURCE_MAX);
	assert_int_equal(stats_of(p, BETA).turned_away, 100 - SOURCE_MAX);
	/* Others are not affected. */
	assert_true(get_in(p, &s, 8, 0) && stats_of(p, BETA).cookies_sent == 100 - SOURCE_MAX / 2);
	/* Who borrows a peer's address cannot keep the peer out. */
	drop_cookie(&s);
	for (unsigned i = 0; i < 100; i++)
		ask(p, &s, alpha, 1000 + i);
	assert_int_equal(stats_of(p, BETA).half_open, SOURCE_MAX + 1 + SOURCE_MAX / 2);
	pair_run(p, 2 * PAIR_S);
	assert_linked(p);
	assert_int_equal(info_of(p, ALPHA).failures, 0);
	free_pair(p);
}

/* Brings beta to where it demands cookies. */
static void crowd(struct pair *p, struct stranger *s)
{
	drop_cookie(s);
	for (unsigned i = 0; i < (room(p) + 3) / 4; i++)
		ask(p, s, i, i);
}

/* And fetches one for host 5000, SPI 5000. */
static void fetch_cookie(struct pair *p, struct stranger *s)
{
	crowd(p, s);
	assert_true(ask(p, s, 5000, 5000));
	add_cookie(s);
}

static void cookie_is_bound_to_the_request(void **state)
{
	struct stranger s;
	struct pair *p = besieged_pair(&s, 303);
	uint8_t *cookie = s.request.data + 28 + 8, *nonce;
	uint64_t before;

	(void)state;
	fetch_cookie(p, &s);
	before = stats_of(p, BETA).half_open;
	assert_true(ask(p, &s, 5001, 5000) && cookie_of(&s)); /* address */
	assert_true(ask(p, &s, 5000, 5001) && cookie_of(&s)); /* SPI */
	nonce = body_of(&s.request, IKE_P_NONCE);
	nonce[0] ^= 1;
	assert_true(ask(p, &s, 5000, 5000) && cookie_of(&s));
	nonce[0] ^= 1;
	for (unsigned bit = 0; bit < 8 * IKE_OUR_COOKIE_LEN; bit++) {
		cookie[bit / 8] ^= 1 << bit % 8;
		assert_true(ask(p, &s, 5000, 5000) && cookie_of(&s));
		cookie[bit / 8] ^= 1 << bit % 8;
	}
	assert_true(stats_of(p, BETA).half_open == before);
	assert_true(ask(p, &s, 5000, 5000) && !cookie_of(&s));
	assert_true(stats_of(p, BETA).half_open == before + 1);
	free_pair(p);
}

/* Gives the cookie of the request another length, from its end on; what is read beyond it is for the sanitizer to see. */
static void resize_cookie(struct stranger *s, int by)
{
	uint8_t *first = s->request.data + 28, *end = first + 8 + IKE_OUR_COOKIE_LEN;
	uint16_t len = htobe16((uint16_t)(8 + IKE_OUR_COOKIE_LEN + by));
	uint32_t all;

	memmove(end + by, end, s->request.data + s->request.len - end);
	memcpy(first + 2, &len, sizeof(len));
	s->request.len += (size_t)by;
	all = htobe32((uint32_t)s->request.len);
	memcpy(s->request.data + 24, &all, sizeof(all));
}

static void cookie_has_one_length(void **state)
{
	(void)state;
	for (int by = -IKE_OUR_COOKIE_LEN; by <= IKE_COOKIE_MAX - IKE_OUR_COOKIE_LEN; by++) {
		struct stranger s;
		struct pair *p = besieged_pair(&s, 305);
		uint64_t before;

		fetch_cookie(p, &s);
		before = stats_of(p, BETA).half_open;
		resize_cookie(&s, by);
		assert_true(ask(p, &s, 5000, 5000));
		assert_int_equal(stats_of(p, BETA).half_open, before + (by == 0));
		free_pair(p);
	}
}

/* A cookie outlives one change of the secret, not two; and none without anybody asking. */
static void cookies_grow_old(void **state)
{
	static const struct {
		unsigned age, steps; /* seconds, in so many steps with a request each */
		bool good;
	} cases[] = {{0, 1, true}, {50, 1, true}, {70, 1, true}, {100, 2, true}, {130, 1, false},
		{130, 3, false}, {100000, 1, false}};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct stranger s;
		struct pair *p = besieged_pair(&s, 310 + i);
		struct trap request;

		fetch_cookie(p, &s);
		request = s.request;
		for (unsigned step = 0; step < cases[i].steps; step++) {
			p->loss = 100;
			pair_run(p, cases[i].age * PAIR_S / cases[i].steps);
			p->loss = 0;
			/* The last look at the secrets before the cookie comes back may be long ago. */
			if (step + 1 < cases[i].steps)
				fetch_cookie(p, &s);
			else
				crowd(p, &s);
		}
		s.request = request;
		assert_true(ask(p, &s, 5000, 5000));
		assert_int_equal(cookie_of(&s) == NULL, cases[i].good);
		free_pair(p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(invented_sources_get_cookies),
		cmocka_unit_test(real_sources_leave_room),
		cmocka_unit_test(one_source_is_limited),
		cmocka_unit_test(cookie_is_bound_to_the_request),
		cmocka_unit_test(cookie_has_one_length),
		cmocka_unit_test(cookies_grow_old),
	};

	return cmocka_run_group_tests_name("IKE defence", tests, start_crypto, NULL);
}
