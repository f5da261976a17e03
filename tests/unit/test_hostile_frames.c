/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frames that lie about their lengths, and authentic packets with an inside that must not come out: each is dropped for its own
 * reason before anything behind it is looked at.
 */
#include <rte_udp.h>

#include "dataplane_test.h"
#include "lib/net/ip.h"

enum { ETHER = 14, IP4 = 20, IP6 = 40, UDP = 8, ESP_MIN = 16 + 2 + SL_GCM_ICV_LEN };

static int fresh(void **state)
{
	(void)state;
	pair_forget();
	pair_sessions(&pair, SL_AES256GCM16, true);
	return 0;
}

static struct rte_mbuf *plain(void)
{
	return pair_plain(&pair, ALPHA_HOST, BETA_HOST, 64, 1);
}

static struct rte_mbuf *sealed_frame(void)
{
	seal(plain());
	return sent();
}

static struct rte_ipv4_hdr *ip_of(struct rte_mbuf *m)
{
	return rte_pktmbuf_mtod_offset(m, struct rte_ipv4_hdr *, ETHER);
}

static struct rte_udp_hdr *udp_of(struct rte_mbuf *m)
{
	return (void *)(ip_of(m) + 1);
}

/* Cuts a sealed frame to so many bytes behind IP, where the IP header says so too. */
static void cut_behind_ip(struct rte_mbuf *m, unsigned len)
{
	m->data_len = (uint16_t)(ETHER + IP4 + len);
	m->pkt_len = m->data_len;
	ip_of(m)->total_length = rte_cpu_to_be_16((uint16_t)(IP4 + len));
	pair_ip_checksum(ip_of(m));
}

/* ---- Around ESP ---------------------------------------------------------------------------------------------------------- */

static void frames_in_segments(void **state)
{
	(void)state;
	for (unsigned side = 0; side < 2; side++) {
		struct rte_mbuf *m = side ? sealed_frame() : plain();

		assert_int_equal(rte_pktmbuf_chain(m, rte_pktmbuf_alloc(pair.mbufs)), 0);
		if (side)
			open_sealed(m);
		else
			seal(m);
		expect_drop(side ? &pair.beta : &pair.alpha, SL_DROP_TOO_BIG);
	}
}

static void headers_longer_than_their_packet(void **state)
{
	(void)state;
	for (unsigned words = 6; words < 16; words++) {
		for (unsigned total = IP4; total < words * 4; total++) {
			for (unsigned side = 0; side < 2; side++) {
				struct rte_mbuf *m = side ? sealed_frame() : plain();

				ip_of(m)->version_ihl = (uint8_t)(0x40 | words);
				ip_of(m)->total_length = rte_cpu_to_be_16((uint16_t)total);
				pair_ip_checksum(ip_of(m));
				if (side)
					open_sealed(m);
				else
					seal(m);
				expect_drop(side ? &pair.beta : &pair.alpha, SL_DROP_RUNT);
			}
		}
	}
}

static void datagrams_longer_than_their_packet(void **state)
{
	(void)state;
	for (unsigned len = 0; len <= UINT16_MAX; len += len < 300 ? 1 : 997) {
		struct rte_mbuf *m = sealed_frame();
		const unsigned there = rte_be_to_cpu_16(udp_of(m)->dgram_len);

		if (len == there) {
			rte_pktmbuf_free(m);
			continue;
		}
		udp_of(m)->dgram_len = rte_cpu_to_be_16((uint16_t)len);
		open_sealed(m);
		if (len == UDP + 1) /* a NAT keepalive */
			expect_drop(&pair.beta, SL_DROP_DUMMY);
		else if (len < UDP + ESP_MIN || len > there)
			expect_drop(&pair.beta, SL_DROP_RUNT);
		else
			expect_drop(&pair.beta, SL_DROP_BAD_ICV);
	}
	assert_int_equal(pair.in->packets, 0);
}

/* What looks like the marker before IKE lies behind the datagram. */
static void datagrams_without_an_spi(void **state)
{
	(void)state;
	for (unsigned len = 0; len <= 4; len++) {
		struct rte_mbuf *m = sealed_frame();

		memset(udp_of(m) + 1, 0, 8);
		udp_of(m)->dgram_len = rte_cpu_to_be_16((uint16_t)(UDP + len));
		open_sealed(m);
		if (len == 4)
			rte_pktmbuf_free(handed(SL_HANDED_WIRE));
		else
			expect_drop(&pair.beta, len == 1 ? SL_DROP_DUMMY : SL_DROP_RUNT);
	}
}

static void esp_of_every_short_length(void **state)
{
	struct sl_ts_list a = pair_selector("10.1.0.0/16"), b = pair_selector("10.2.0.0/16");
	struct sl_esp_params params = pair_params(&pair, SL_AES256GCM16, true);

	(void)state;
	for (unsigned len = 0; len < ESP_MIN; len++) {
		struct rte_mbuf *m = sealed_frame();

		cut_behind_ip(m, UDP + len);
		udp_of(m)->dgram_len = rte_cpu_to_be_16((uint16_t)(UDP + len));
		open_sealed(m);
		expect_drop(&pair.beta, len == 1 ? SL_DROP_DUMMY : SL_DROP_RUNT);
	}
	params.udp = false;
	pair_sessions_like(&pair, params, &a, &b);
	for (unsigned len = 0; len < ESP_MIN; len++) {
		struct rte_mbuf *m = sealed_frame();

		cut_behind_ip(m, len);
		open_sealed(m);
		expect_drop(&pair.beta, SL_DROP_RUNT);
	}
	open_sealed(sealed_frame());
	rte_pktmbuf_free(sent());
}

/* ---- Inside -------------------------------------------------------------------------------------------------------------- */

struct inside {
	union {
		struct rte_ipv4_hdr ip4;
		struct rte_ipv6_hdr ip6;
		uint8_t bytes[IP6];
	};
	unsigned len; /* of the packet */
	uint8_t next_header;
	uint8_t pad_len;
};

static struct inside inside4(void)
{
	struct inside i = {.len = IP4, .next_header = SL_ESP_NEXT_IPV4};

	i.ip4 = (struct rte_ipv4_hdr){.version_ihl = RTE_IPV4_VHL_DEF,
		.total_length = rte_cpu_to_be_16(IP4),
		.time_to_live = 9,
		.src_addr = rte_cpu_to_be_32(ALPHA_HOST),
		.dst_addr = rte_cpu_to_be_32(BETA_HOST)};
	pair_ip_checksum(&i.ip4);
	return i;
}

static struct inside inside6(const char *src, const char *dst)
{
	struct inside i = {.len = IP6, .next_header = SL_ESP_NEXT_IPV6};
	struct sl_addr from, to;

	assert_true(sl_addr_parse(&from, src) && sl_addr_parse(&to, dst));
	i.ip6 = (struct rte_ipv6_hdr){
		.vtc_flow = rte_cpu_to_be_32(UINT32_C(6) << 28), .proto = SL_ESP_NEXT_NONE, .hop_limits = 9};
	sl_addr_write(&from, &i.ip6.src_addr);
	sl_addr_write(&to, &i.ip6.dst_addr);
	return i;
}

/* Seals it as the peer would, and opens it. */
static void open_inside(const struct inside *i)
{
	struct rte_mbuf *m = sealed_frame();
	uint8_t bytes[IP6 + 2];

	memcpy(bytes, i->bytes, i->len);
	bytes[i->len] = i->pad_len;
	bytes[i->len + 1] = i->next_header;
	seal_inside(m, bytes, i->len + 2);
	open_sealed(m);
}

static void padding_longer_than_its_packet(void **state)
{
	struct inside i = inside4();

	(void)state;
	open_inside(&i);
	rte_pktmbuf_free(sent());
	/* A packet that would be whole if nobody counted the padding. */
	for (unsigned pad = 1; pad <= UINT8_MAX; pad++) {
		i.pad_len = (uint8_t)pad;
		open_inside(&i);
		expect_drop(&pair.beta, SL_DROP_BAD_INNER);
	}
}

/* For IPv6, too. */
static void sessions_for_all(void)
{
	struct sl_ts_list all = pair_selector("0.0.0.0/0");

	all.ts[all.count++] = pair_selector("::/0").ts[0];
	pair_sessions_like(&pair, pair_params(&pair, SL_AES256GCM16, true), &all, &all);
}

static void what_is_inside_is_what_the_trailer_says(void **state)
{
	struct inside packets[] = {inside4(), inside6("fd00:1::9", "fd00:2::9")};

	(void)state;
	sessions_for_all();
	for (unsigned p = 0; p < 2; p++) {
		for (unsigned next = 0; next <= UINT8_MAX; next++) {
			const uint8_t right = packets[p].next_header;
			struct inside i = packets[p];

			i.next_header = (uint8_t)next;
			open_inside(&i);
			if (next == right)
				rte_pktmbuf_free(p ? handed(SL_HANDED_RESOLVE) : sent());
			else
				expect_drop(&pair.beta,
					next == SL_ESP_NEXT_NONE ? SL_DROP_DUMMY : SL_DROP_BAD_INNER);
		}
	}
}

static void ipv6_inside_is_whole(void **state)
{
	(void)state;
	sessions_for_all();
	for (unsigned len = 1; len <= UINT16_MAX; len += len < 100 ? 1 : 1999) {
		struct inside i = inside6("fd00:1::9", "fd00:2::9");

		i.ip6.payload_len = rte_cpu_to_be_16((uint16_t)len);
		open_inside(&i);
		expect_drop(&pair.beta, SL_DROP_BAD_INNER);
	}
	for (unsigned len = 0; len < IP6; len++) {
		struct inside i = inside6("fd00:1::9", "fd00:2::9");

		i.len = len;
		open_inside(&i);
		expect_drop(&pair.beta, SL_DROP_BAD_INNER);
	}
	for (unsigned version = 0; version < 16; version++) {
		struct inside i = inside6("fd00:1::9", "fd00:2::9");

		if (version == 6)
			continue;
		i.bytes[0] = (uint8_t)(version << 4);
		open_inside(&i);
		expect_drop(&pair.beta, SL_DROP_BAD_INNER);
	}
}

static void ipv6_addresses_that_stay_on_their_link(void **state)
{
	static const char *const nowhere[] = {
		"fe80::9", "febf::1", "ff02::1", "ff0e::1", "::", "::1", "::ffff:10.1.0.9"};

	(void)state;
	sessions_for_all();
	for (unsigned n = 0; n < RTE_DIM(nowhere); n++) {
		struct inside from = inside6(nowhere[n], "fd00:2::9"), to = inside6("fd00:1::9", nowhere[n]);

		open_inside(&from);
		expect_drop(&pair.beta, SL_DROP_MARTIAN);
		open_inside(&to);
		expect_drop(&pair.beta, SL_DROP_MARTIAN);
	}
	open_inside(&(struct inside[]){inside6("fd00:2::9", "fd00:2::9")}[0]);
	expect_drop(&pair.beta, SL_DROP_MARTIAN);
}

/* ---- Selectors ----------------------------------------------------------------------------------------------------------- */

/* An SA between 10.1.0.16/28 and 10.2.0.8/31: the addresses on either side of them are not its own, at either end. */
static void selectors_end_where_they_end(void **state)
{
	struct sl_ts_list a = pair_selector("10.1.0.16/28"), b = pair_selector("10.2.0.8/31");
	struct sl_esp_params params = pair_params(&pair, SL_AES256GCM16, true);
	const struct {
		uint32_t src, dst;
		bool covered;
	} cases[] = {
		{0x0a010010, 0x0a020008, true},
		{0x0a01001f, 0x0a020009, true},
		{0x0a01000f, 0x0a020008, false},
		{0x0a010020, 0x0a020008, false},
		{0x0a010010, 0x0a020007, false},
		{0x0a010010, 0x0a02000a, false},
	};

	(void)state;
	for (unsigned i = 0; i < RTE_DIM(cases); i++) {
		struct inside inside = inside4();

		pair_sessions_like(&pair, params, &a, &b);
		seal(pair_plain(&pair, cases[i].src, cases[i].dst, 64, 1));
		if (cases[i].covered)
			rte_pktmbuf_free(sent());
		else
			expect_drop(&pair.alpha, SL_DROP_SELECTOR);
		/* Alpha means harm and seals whatever it likes. */
		pair.out->local_first.first = pair.out->remote_first.first = 0;
		pair.out->local_first.last = pair.out->remote_first.last = UINT32_MAX;
		inside.ip4.src_addr = rte_cpu_to_be_32(cases[i].src);
		inside.ip4.dst_addr = rte_cpu_to_be_32(cases[i].dst);
		pair_ip_checksum(&inside.ip4);
		open_inside(&inside);
		if (!cases[i].covered)
			expect_drop(&pair.beta, SL_DROP_SELECTOR);
		else if (cases[i].dst == BETA_HOST)
			rte_pktmbuf_free(sent());
		else
			rte_pktmbuf_free(handed(SL_HANDED_RESOLVE));
	}
}

/* As numbers all IPv4 addresses lie in ::/0. */
static void all_of_ipv6_is_none_of_ipv4(void **state)
{
	struct sl_ts_list all6 = pair_selector("::/0"), all4 = pair_selector("0.0.0.0/0");
	struct sl_esp_params params = pair_params(&pair, SL_AES256GCM16, true);

	(void)state;
	pair_sessions_like(&pair, params, &all6, &all6);
	seal(plain());
	expect_drop(&pair.alpha, SL_DROP_SELECTOR);
	pair.out->local_first.last = pair.out->remote_first.last = UINT32_MAX;
	open_inside(&(struct inside[]){inside4()}[0]);
	expect_drop(&pair.beta, SL_DROP_SELECTOR);
	pair_sessions_like(&pair, params, &all4, &all4);
	open_inside(&(struct inside[]){inside6("fd00:1::9", "fd00:2::9")}[0]);
	expect_drop(&pair.beta, SL_DROP_SELECTOR);
}

/* Of what is behind the packet nothing is taken for its ports; the sanitizer would see it. */
static void ports_that_are_not_there(void **state)
{
	static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP, IPPROTO_SCTP};

	(void)state;
	for (unsigned p = 0; p < sizeof(protocols); p++) {
		for (unsigned behind = 0; behind <= 4; behind++) {
			struct inside i = inside4();
			struct sl_esp_packet packet;
			uint8_t *exact = malloc(IP4 + behind);

			assert_non_null(exact);
			i.ip4.next_proto_id = protocols[p];
			i.ip4.total_length = rte_cpu_to_be_16((uint16_t)(IP4 + behind));
			memcpy(exact, i.bytes, IP4);
			memset(exact + IP4, 1, behind);
			assert_true(sl_esp_packet_read(&packet, exact, IP4 + behind));
			assert_int_equal(packet.ports, behind >= (protocols[p] == IPPROTO_ICMP ? 2u : 4u));
			free(exact);
		}
	}
}

/* ---- Outbound ------------------------------------------------------------------------------------------------------------ */

/* The buffer has no place for what goes around the packet. */
static void no_room_around_the_packet(void **state)
{
	(void)state;
	for (unsigned behind = 0; behind < 2; behind++) {
		struct rte_mbuf *m = plain();
		uint16_t room = behind ? rte_pktmbuf_tailroom(m) : rte_pktmbuf_headroom(m);

		if (behind) {
			/* As if the buffer ended there. */
			m->buf_len = (uint16_t)(m->buf_len - room + SL_ESP_TAILROOM - 1);
			seal(m);
			m->buf_len = (uint16_t)(m->buf_len + room - SL_ESP_TAILROOM + 1);
		} else {
			/* Behind the Ethernet header there are two bytes too few. */
			unsigned by = room + ETHER - SL_ESP_HEADROOM + 2;

			memmove((uint8_t *)m->buf_addr + m->data_off - by, rte_pktmbuf_mtod(m, void *),
				m->data_len);
			m->data_off = (uint16_t)(m->data_off - by);
			seal(m);
		}
		expect_drop(&pair.alpha, SL_DROP_TOO_BIG);
		assert_int_equal(pair.out->seq, 0);
	}
}

/* A link that has been taken down is not asked for by traffic. */
static void a_closed_link_asks_for_nothing(void **state)
{
	(void)state;
	sl_out_switch(&pair.alpha, BETA_FLOW, NULL, pair.out);
	pair.alpha.flows[BETA_FLOW].closed = true;
	seal(plain());
	expect_drop(&pair.alpha, SL_DROP_CLOSED);
	assert_int_equal(pair.alpha.wanted_count, 0);
	pair.alpha.flows[BETA_FLOW].closed = false;
}

int main(void)
{
#define FRESH(f) cmocka_unit_test_setup_teardown(f, fresh, pair_nothing_lost)
	const struct CMUnitTest tests[] = {
		FRESH(frames_in_segments),
		FRESH(headers_longer_than_their_packet),
		FRESH(datagrams_longer_than_their_packet),
		FRESH(datagrams_without_an_spi),
		FRESH(esp_of_every_short_length),
		FRESH(padding_longer_than_its_packet),
		FRESH(what_is_inside_is_what_the_trailer_says),
		FRESH(ipv6_inside_is_whole),
		FRESH(ipv6_addresses_that_stay_on_their_link),
		FRESH(selectors_end_where_they_end),
		FRESH(all_of_ipv6_is_none_of_ipv4),
		FRESH(ports_that_are_not_there),
		FRESH(no_room_around_the_packet),
		FRESH(a_closed_link_asks_for_nothing),
	};

	return cmocka_run_group_tests_name("hostile frames", tests, pair_set_up, pair_tear_down);
}
