/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The gate to the control thread under floods: how much of each kind passes, and that those who are known pass whatever
 * strangers do. Frames are built here byte by byte, time is the test's.
 */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <rte_mbuf.h>

#include "app/gateway/gate.h"
#include "eal.h"
#include "lib/ike/ike.h"
#include "lib/net/neigh_msg.h"
#include "lib/net/packet.h"

#define MS UINT64_C(1000000)

enum {
	IKE_LEN = 60,
	EXCHANGE_INIT = 34,
	EXCHANGE_AUTH = 35,
	NOTIFY = 41,
	SA = 33,
	INITIATOR = 0x08,
	FLOOD = 20000,
	/* What gate.c lets pass at once, and in a second. */
	STRANGERS_AT_ONCE = 512,
	STRANGERS_A_SECOND = 2000,
	PEER_AT_ONCE = 512,
	SA_AT_ONCE = 512,
	LINK_AT_ONCE = 1000,
	NEIGHBOUR_AT_ONCE = 8,
	ECHOES_AT_ONCE = 500,
	WAITING_AT_ONCE = 2048,
};

static const uint8_t key[SL_IKE_SPI_KEY_LEN] = "key of the SPIs";
static struct gate *gate;
static struct rte_mempool *pool;
static struct rte_mbuf *frame;
static uint64_t now = 3600 * 1000 * MS;
static enum sl_drop reason;

/* ---- Frames ------------------------------------------------------------------------------------------------------------ */

struct ike_frame {
	struct sl_addr from;
	uint16_t port;
	uint64_t spi_i, spi_r; /* as on the wire */
	uint8_t next, exchange, flags;
};

static struct sl_addr address(const char *text)
{
	struct sl_addr addr;

	assert_true(sl_addr_parse(&addr, text));
	return addr;
}

static void set_len(size_t len)
{
	frame->data_len = (uint16_t)len;
	frame->pkt_len = frame->data_len;
}

static void make_ike(const struct ike_frame *f)
{
	static const struct rte_ether_addr mac = {{2, 0, 0, 0, 0, 1}};
	uint8_t *data = rte_pktmbuf_mtod(frame, uint8_t *), *msg;
	size_t marker = f->port == SL_IKE_NAT_PORT ? 4 : 0;
	struct sl_udp udp = {.src = f->from,
		.dst = address(f->from.family == SL_IPV6 ? "2001:db8::2" : "192.0.2.2"),
		.src_port = f->port,
		.dst_port = f->port,
		.len = IKE_LEN + marker};
	size_t headers = sl_udp_frame_headers(&f->from);

	memset(data, 0, headers + marker + IKE_LEN);
	msg = data + headers + marker;
	memcpy(msg, &f->spi_i, 8);
	memcpy(msg + 8, &f->spi_r, 8);
	msg[16] = f->next;
	msg[17] = 0x20;
	msg[18] = f->exchange;
	msg[19] = f->flags;
	msg[27] = IKE_LEN;
	sl_udp_headers(data, &mac, &mac, &udp);
	set_len(headers + marker + IKE_LEN);
}

static bool passes(enum sl_handed why)
{
	return gate_passes(gate, now, why, frame, &reason);
}

static bool ike_passes(const struct ike_frame *f)
{
	make_ike(f);
	return passes(SL_HANDED_WIRE);
}

/* How many of so many requests from as many invented addresses pass at this moment. */
static unsigned flood(const struct ike_frame *like, unsigned count)
{
	struct ike_frame f = *like;
	unsigned passed = 0;

	for (unsigned i = 0; i < count; i++) {
		uint32_t n = rte_cpu_to_be_32(0x0b000000 + i);

		memcpy(f.from.bytes + (f.from.family == SL_IPV6 ? 12 : 0), &n, 4);
		f.spi_i = i + 1;
		passed += ike_passes(&f);
	}
	return passed;
}

static void make_arp(const char *who, const char *target)
{
	const struct sl_addr own = address(who), asked = address(target);
	static const struct rte_ether_addr mac = {{2, 0, 0, 0, 0, 9}};

	set_len(sl_neigh_ask(rte_pktmbuf_mtod(frame, void *), &mac, &own, &asked, NULL));
}

static bool arp_passes(enum sl_handed why, const char *who, const char *target)
{
	make_arp(who, target);
	return passes(why);
}

static unsigned arp_flood(enum sl_handed why, const char *network, const char *target)
{
	unsigned passed = 0;

	for (unsigned i = 0; i < FLOOD; i++) {
		char who[64];

		snprintf(who, sizeof(who), strchr(network, ':') ? "%s%x" : "%s%u.%u", network,
			strchr(network, ':') ? i + 16 : i / 250, i % 250);
		passed += arp_passes(why, who, target);
	}
	return passed;
}

/* ---- An IKE SA of ours -------------------------------------------------------------------------------------------------- */

static uint64_t sent_spi;

static void take_spi(void *owner, const struct sl_ike_path *path, const uint8_t *msg, size_t len)
{
	(void)owner;
	(void)path;
	(void)len;
	memcpy(&sent_spi, msg, sizeof(sent_spi));
}

static void random_bytes(void *owner, void *buf, size_t len)
{
	(void)owner;
	sl_random(buf, len);
}

static void say_nothing(void *owner, enum sl_ike_level level, int peer, const char *text)
{
	(void)owner;
	(void)level;
	(void)peer;
	(void)text;
}

/* The SPI of an IKE SA that an engine with our key has begun, as on the wire. */
static uint64_t spi_of_ours(void)
{
	const struct sl_ike_ops ops = {.send = take_spi, .random = random_bytes, .log = say_nothing};
	struct sl_ike_conf conf = {
		.name = "alpha", .workers = 1, .sa_max = 16, .address = address("192.0.2.2")};
	const struct sl_ike_peer_conf peer = {.name = "beta",
		.public_key_count = 1,
		.endpoint = {address("192.0.2.1"), SL_IKE_NAT_PORT},
		.ciphers = {SL_AES128GCM16},
		.cipher_count = 1,
		.start = SL_IKE_START_BOOT};
	struct sl_ike *ike;

	memcpy(conf.spi_key, key, sizeof(key));
	ike = sl_ike_new(&conf, &ops, NULL);
	assert_non_null(ike);
	assert_int_equal(sl_ike_peer_add(ike, &peer), 0);
	sent_spi = 0;
	sl_ike_start(ike, now);
	sl_ike_free(ike);
	assert_true(sent_spi != 0);
	return sent_spi;
}

/* ---- Tests -------------------------------------------------------------------------------------------------------------- */

static int set_up(void **state)
{
	(void)state;
	gate = gate_new(0, key);
	frame = rte_pktmbuf_alloc(pool);
	now += 100 * 1000 * MS;
	return gate && frame ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	rte_pktmbuf_free(frame);
	gate_free(gate);
	return 0;
}

static const struct ike_frame init4 = {
	.from = {SL_IPV4}, .port = SL_IKE_PORT, .next = SA, .exchange = EXCHANGE_INIT, .flags = INITIATOR};

static const struct ike_frame init6 = {.from = {SL_IPV6, {0x20, 1, 0xd, 0xb8}},
	.port = SL_IKE_NAT_PORT,
	.next = SA,
	.exchange = EXCHANGE_INIT,
	.flags = INITIATOR};

static void strangers_get_so_much(void **state)
{
	unsigned passed = 0;

	(void)state;
	assert_int_equal(flood(&init4, FLOOD), STRANGERS_AT_ONCE);
	assert_int_equal(reason, SL_DROP_IKE_FLOOD);
	assert_int_equal(flood(&init6, FLOOD), 0);
	for (unsigned i = 0; i < 1000; i++) {
		now += MS;
		passed += flood(i % 2 ? &init4 : &init6, 20);
	}
	assert_in_range(passed, STRANGERS_A_SECOND - 2, STRANGERS_A_SECOND);
	/* Messages to SAs that there never were are nothing better. */
	assert_int_equal(flood(&(struct ike_frame){.from = {SL_IPV4},
				       .port = SL_IKE_PORT,
				       .spi_r = 1,
				       .exchange = EXCHANGE_AUTH,
				       .flags = INITIATOR},
				 FLOOD),
		0);
}

/* Who floods without returning cookies does not touch those who do. */
static void cookies_have_their_own(void **state)
{
	struct ike_frame returned = init4;

	(void)state;
	flood(&init4, FLOOD);
	returned.next = NOTIFY;
	assert_int_equal(flood(&returned, FLOOD), STRANGERS_AT_ONCE);
}

static void peers_have_their_own(void **state)
{
	static const char *const endpoints[] = {"192.0.2.1", "2001:db8::1"};

	(void)state;
	for (unsigned i = 0; i < RTE_DIM(endpoints); i++) {
		const struct sl_addr peer = address(endpoints[i]), other = address("192.0.2.77");
		struct ike_frame f = i ? init6 : init4;
		unsigned passed = 0;

		gate_know(gate, &peer, GATE_PEER);
		gate_know(gate, &other, GATE_WIRE | GATE_PLAIN);
		flood(&init4, FLOOD);
		f.from = peer;
		for (unsigned n = 0; n < FLOOD; n++)
			passed += ike_passes(&f);
		assert_int_equal(passed, PEER_AT_ONCE);
		/* A neighbour is no peer; and this one will be none. */
		f.from = other;
		assert_false(ike_passes(&f));
		now += 1000 * MS;
		flood(&init4, FLOOD);
		f.from = peer;
		assert_true(ike_passes(&f));
		gate_forget(gate, &peer, GATE_PEER);
		assert_false(ike_passes(&f));
	}
}

/* A flood that borrows a peer's address leaves alone what goes to SAs of ours, from either role and any address. */
static void our_sas_have_their_own(void **state)
{
	const struct sl_addr peer = address("192.0.2.1");
	const uint64_t ours = spi_of_ours(), another = spi_of_ours();
	struct ike_frame f = init4;
	unsigned passed = 0;

	(void)state;
	gate_know(gate, &peer, GATE_PEER);
	flood(&init4, FLOOD);
	f.from = peer;
	for (unsigned n = 0; n < FLOOD; n++)
		passed += ike_passes(&f);
	assert_int_equal(passed, PEER_AT_ONCE);

	f = (struct ike_frame){
		.from = peer, .port = SL_IKE_PORT, .spi_i = ours, .spi_r = 7, .exchange = EXCHANGE_INIT};
	assert_true(ike_passes(&f));
	f.port = SL_IKE_NAT_PORT;
	assert_true(ike_passes(&f));
	f.from = address("203.0.113.5");
	assert_true(ike_passes(&f));
	f.from = address("2001:db8::5");
	assert_true(ike_passes(&f));
	/* The other role: what is ours is the other SPI. */
	f.flags = INITIATOR;
	assert_false(ike_passes(&f));
	f.spi_i = 7;
	f.spi_r = ours;
	f.exchange = EXCHANGE_AUTH;
	for (passed = 5; ike_passes(&f); passed++)
		;
	assert_in_range(passed, SA_AT_ONCE, SA_AT_ONCE + 1);
	assert_int_equal(reason, SL_DROP_IKE_FLOOD);
	/* By chance both may share; then they do. */
	f.spi_r = another;
	if (!ike_passes(&f)) {
		f.spi_r = spi_of_ours();
		assert_true(ike_passes(&f));
	}
	f.spi_r ^= rte_cpu_to_be_64(1);
	assert_false(ike_passes(&f));
}

static void neighbours_have_their_own(void **state)
{
	static const struct {
		const char *network, *ours, *neighbour, *router;
	} families[] = {
		{"10.1.", "10.1.255.1", "10.1.255.9", "10.1.255.254"},
		{"fd00:1::", "fd00:1::1", "fd00:1::9:9", "fd00:1::9:1"},
	};
	static const struct {
		enum sl_handed why;
		unsigned as;
	} ways[] = {{SL_HANDED_WIRE, GATE_WIRE}, {SL_HANDED_PLAIN, GATE_PLAIN}};

	(void)state;
	for (unsigned i = 0; i < RTE_DIM(families) * RTE_DIM(ways); i++) {
		const char *ours = families[i / 2].ours, *who = families[i / 2].neighbour,
			   *router = families[i / 2].router;
		const struct sl_addr neighbour = address(who), at = address(router);
		const enum sl_handed why = ways[i % 2].why, other = ways[1 - i % 2].why;
		unsigned passed = 0;

		now += 10 * 1000 * MS;
		gate_know(gate, &neighbour, ways[i % 2].as);
		gate_know(gate, &at, GATE_ROUTER);
		assert_int_equal(arp_flood(why, families[i / 2].network, ours), LINK_AT_ONCE);
		assert_int_equal(reason, SL_DROP_LINK_FLOOD);
		for (unsigned n = 0; n < 100; n++)
			passed += arp_passes(why, who, ours);
		assert_int_equal(passed, NEIGHBOUR_AT_ONCE);
		assert_true(arp_passes(why, router, ours));
		/* The other link has a rate of its own, and other neighbours. */
		assert_int_equal(arp_flood(other, families[i / 2].network, ours), LINK_AT_ONCE);
		assert_false(arp_passes(other, who, ours));
		now += 1000 * MS;
		arp_flood(why, families[i / 2].network, ours);
		assert_true(arp_passes(why, who, ours));
		gate_forget(gate, &neighbour, ways[i % 2].as);
		assert_false(arp_passes(why, who, ours));
	}
}

static unsigned passing(enum sl_handed why, unsigned count)
{
	unsigned passed = 0;

	while (count--)
		passed += passes(why);
	return passed;
}

static void the_rest_is_limited(void **state)
{
	(void)state;
	make_ike(&init4);
	rte_pktmbuf_mtod(frame, uint8_t *)[14 + 9] = IPPROTO_ICMP;
	assert_int_equal(passing(SL_HANDED_WIRE, FLOOD), ECHOES_AT_ONCE);
	assert_int_equal(reason, SL_DROP_LINK_FLOOD);
	assert_int_equal(passing(SL_HANDED_PLAIN, FLOOD), ECHOES_AT_ONCE);
	assert_int_equal(passing(SL_HANDED_INNER, FLOOD), ECHOES_AT_ONCE);
	assert_int_equal(passing(SL_HANDED_RESOLVE, FLOOD), WAITING_AT_ONCE);
	assert_int_equal(reason, SL_DROP_NO_NEIGHBOUR);
	assert_int_equal(passing(SL_HANDED_NO_ROUTE, FLOOD), FLOOD);
}

/* Frames that end anywhere, in a buffer that ends there too (for the sanitizer), and headers that lie. */
static void frames_may_end_anywhere(void **state)
{
	static const struct ike_frame *const like[] = {&init4, &init6};
	struct rte_mbuf m = {.nb_segs = 1};

	(void)state;
	for (unsigned i = 0; i < RTE_DIM(like); i++) {
		unsigned whole;

		make_ike(like[i]);
		whole = frame->data_len;
		for (unsigned len = sizeof(struct rte_ether_hdr); len <= whole; len++) {
			uint8_t *copy = malloc(len);

			memcpy(copy, rte_pktmbuf_mtod(frame, void *), len);
			if (len > 14)
				copy[14] |= i == 0 ? 15 : 0;
			m.buf_addr = copy;
			m.data_len = (uint16_t)len;
			gate_passes(gate, now, SL_HANDED_WIRE, &m, &reason);
			free(copy);
		}
	}
}

static int start(void **state)
{
	if (eal_for_tests(state) != 0 || sl_crypto_init() != 0)
		return -1;
	pool = rte_pktmbuf_pool_create("frames", 63, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	return pool ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(strangers_get_so_much, set_up, tear_down),
		cmocka_unit_test_setup_teardown(cookies_have_their_own, set_up, tear_down),
		cmocka_unit_test_setup_teardown(peers_have_their_own, set_up, tear_down),
		cmocka_unit_test_setup_teardown(our_sas_have_their_own, set_up, tear_down),
		cmocka_unit_test_setup_teardown(neighbours_have_their_own, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_rest_is_limited, set_up, tear_down),
		cmocka_unit_test_setup_teardown(frames_may_end_anywhere, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("gate", tests, start, NULL);
}
