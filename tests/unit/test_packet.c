/* SPDX-License-Identifier: BSD-3-Clause */
/* Echoes, UDP and the arithmetic of sizes, in both families. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/net/packet.h"
#include "packets.h"

static const struct rte_ether_addr us = {{2, 0, 0, 0, 0, 1}}, them = {{2, 0, 0, 0, 0, 2}};

/* clang-format off */
/* 10.1.0.9 > 10.1.0.1 echo request, id 1, seq 1, "abc": an odd length. */
static const uint8_t echo[] = {
	0x45, 0, 0, 31, 0, 7, 0, 0, 61, 1, 0x69, 0xcc, 10, 1, 0, 9, 10, 1, 0, 1,
	8, 0, 0x33, 0x9b, 0, 1, 0, 1, 'a', 'b', 'c',
};
/* clang-format on */

static void echo_is_answered(void **state)
{
	uint8_t packet[64];
	struct sl_ip ip;

	(void)state;
	memset(packet, 0xee, sizeof(packet));
	memcpy(packet, echo, sizeof(echo));
	/* What pads the frame behind the packet does not matter. */
	assert_true(sl_echo_answer(packet, 46));
	assert_memory_equal(packet + 12, echo + 16, 4);
	assert_memory_equal(packet + 16, echo + 12, 4);
	assert_true(sl_ip_parse(&ip, packet, sizeof(echo)));
	assert_int_equal(ip.hops, 64);
	assert_int_equal(packet[20], 0);
	assert_int_equal(packet[22] << 8 | packet[23], 0x3b9b);
	assert_memory_equal(packet + 24, echo + 24, sizeof(echo) - 24);
	assert_int_equal(packet[sizeof(echo)], 0xee);
	/* A reply is not answered again. */
	assert_false(sl_echo_answer(packet, sizeof(echo)));
}

static size_t put_echo_v6(uint8_t *p, const char *src, const char *dst)
{
	size_t at = put_ip(p, src, dst, SL_PROTOCOL_ICMPV6, 11);

	memcpy(p + at, (const uint8_t[]){128, 0, 0, 0, 0, 1, 0, 1, 'a', 'b', 'c'}, 11);
	put16(p + at + 2, upper_checksum(src, dst, SL_PROTOCOL_ICMPV6, p + at, 11));
	return at + 11;
}

static void echo_v6_is_answered(void **state)
{
	uint8_t packet[64], before[64];
	size_t len = put_echo_v6(packet, "fd00:1::9", "fd00:1::1");

	(void)state;
	memcpy(before, packet, sizeof(packet));
	packet[7] = 3;
	assert_true(sl_echo_answer(packet, 64));
	assert_memory_equal(packet + 8, before + 24, 16);
	assert_memory_equal(packet + 24, before + 8, 16);
	assert_int_equal(packet[7], 64);
	assert_int_equal(packet[40], 129);
	assert_memory_equal(packet + 44, before + 44, 7);
	put16(before + 42, get16(packet + 42));
	put16(packet + 42, 0);
	assert_int_equal(get16(before + 42),
		upper_checksum("fd00:1::1", "fd00:1::9", SL_PROTOCOL_ICMPV6, packet + 40, 11));
	assert_false(sl_echo_answer(packet, len));
}

static void bad_echo_is_left_alone(void **state)
{
	uint8_t v6[64], packet[64];
	const uint8_t *whole[] = {echo, v6};
	size_t sizes[] = {sizeof(echo), put_echo_v6(v6, "fd00:1::9", "fd00:1::1")};

	(void)state;
	for (unsigned k = 0; k < 2; k++) {
		for (size_t len = 0; len < sizes[k]; len++) {
			uint8_t *cut = exact_copy(whole[k], len);

			assert_false(sl_echo_answer(cut, len));
			assert_memory_equal(cut, whole[k], len);
			free(cut);
		}
		for (size_t bit = 0; bit < 8 * sizes[k]; bit++) {
			/* IPv6 has no checksum over traffic class, flow label and hop limit. */
			if (k == 1 && ((bit / 8 < 4 && bit / 4 != 1) || bit / 8 == 7))
				continue;
			memcpy(packet, whole[k], sizes[k]);
			packet[bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_false(sl_echo_answer(packet, sizes[k]));
		}
	}
}

static void groups_and_nobody_are_not_answered(void **state)
{
	static const char *const pairs[][2] = {
		{"fd00:1::9", "ff02::1"}, {"ff02::1", "fd00:1::1"}, {"::", "fd00:1::1"}};
	uint8_t packet[64];

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		size_t len = put_echo_v6(packet, pairs[i][0], pairs[i][1]);

		assert_false(sl_echo_answer(packet, len));
	}
}

static void udp_there_and_back(void **state)
{
	static const char *const from[] = {"192.0.2.1", "2001:db8::1"}, *const to[] = {
										"192.0.2.2", "2001:db8::2"};

	(void)state;
	for (unsigned v6 = 0; v6 < 2; v6++) {
		struct sl_udp in, out = {.src = addr_of(from[v6]),
					  .dst = addr_of(to[v6]),
					  .src_port = 4500,
					  .dst_port = 500,
					  .len = 5};
		size_t headers = v6 ? SL_UDP_FRAME_HEADERS_V6 : SL_UDP_FRAME_HEADERS;
		uint8_t frame[SL_UDP_FRAME_HEADERS_V6 + 5];

		memcpy(frame + headers, "hello", 5);
		assert_int_equal(sl_udp_frame_headers(&out.src), headers);
		assert_int_equal(sl_udp_headers(frame, &us, &them, &out), headers);
		assert_memory_equal(frame, &them, 6);
		assert_memory_equal(frame + 6, &us, 6);
		assert_int_equal(get16(frame + 12), v6 ? 0x86dd : 0x0800);
		assert_true(sl_udp_parse(&in, frame + 14, headers + 5 - 14));
		assert_true(sl_addr_equal(&in.src, &out.src));
		assert_true(sl_addr_equal(&in.dst, &out.dst));
		assert_int_equal(in.src_port, 4500);
		assert_int_equal(in.dst_port, 500);
		assert_int_equal(in.len, 5);
		assert_memory_equal(in.data, "hello", 5);
		for (size_t len = 0; len < headers + 5 - 14; len++) {
			uint8_t *cut = exact_copy(frame + 14, len);

			assert_false(sl_udp_parse(&in, cut, len));
			free(cut);
		}
	}
}

static void udp_checksum_counts_when_there(void **state)
{
	/* clang-format off */
	uint8_t packet[] = {
		0x45, 0, 0, 30, 0, 0, 0, 0, 64, 17, 0xf6, 0xcb, 192, 0, 2, 1, 192, 0, 2, 2,
		0x11, 0x94, 0x01, 0xf4, 0, 10, 0, 0, 'h', 'i',
	};
	/* clang-format on */
	const uint16_t good =
		0xffff ^
		((0xc000 + 0x0201 + 0xc000 + 0x0202 + 17 + 10 + 0x1194 + 0x01f4 + 10 + 0x6869) % 0xffff);
	struct sl_udp udp;

	(void)state;
	assert_true(sl_udp_parse(&udp, packet, sizeof(packet)));
	put16(packet + 26, good);
	assert_true(sl_udp_parse(&udp, packet, sizeof(packet)));
	packet[28] ^= 1;
	assert_false(sl_udp_parse(&udp, packet, sizeof(packet)));
}

/* Without a checksum nothing else would tell. */
static void udp_is_no_longer_than_its_packet(void **state)
{
	/* clang-format off */
	uint8_t packet[] = {
		0x45, 0, 0, 30, 0, 0, 0, 0, 64, 17, 0xf6, 0xcb, 192, 0, 2, 1, 192, 0, 2, 2,
		0x11, 0x94, 0x01, 0xf4, 0, 10, 0, 0, 'h', 'i',
	};
	/* clang-format on */
	uint8_t *exact = exact_copy(packet, sizeof(packet));
	struct sl_udp udp;

	(void)state;
	for (unsigned len = 0; len <= UINT16_MAX; len += len < 100 ? 1 : 991) {
		put16(exact + 24, len);
		assert_int_equal(sl_udp_parse(&udp, exact, sizeof(packet)), len >= 8 && len <= 10);
		if (len >= 8 && len <= 10)
			assert_int_equal(udp.len, len - 8);
	}
	free(exact);
}

/* RFC 8200 8.1: over IPv6 there is one, also when it comes out as zero. */
static void udp_checksum_is_a_must_over_ipv6(void **state)
{
	struct sl_udp in, out = {.src = addr_of("2001:db8::1"),
				  .dst = addr_of("2001:db8::2"),
				  .src_port = 500,
				  .dst_port = 500,
				  .len = 2};
	uint8_t frame[SL_UDP_FRAME_HEADERS_V6 + 2], *checksum = frame + 14 + 40 + 6;
	unsigned value;

	(void)state;
	memset(frame + SL_UDP_FRAME_HEADERS_V6, 0, 2);
	sl_udp_headers(frame, &us, &them, &out);
	assert_true(sl_udp_parse(&in, frame + 14, sizeof(frame) - 14));
	value = get16(checksum);
	put16(checksum, 0);
	assert_false(sl_udp_parse(&in, frame + 14, sizeof(frame) - 14));
	/* Payload that makes the sum complete: what is sent then is 0xffff. */
	put16(frame + SL_UDP_FRAME_HEADERS_V6, value);
	sl_udp_headers(frame, &us, &them, &out);
	assert_int_equal(get16(checksum), 0xffff);
	assert_true(sl_udp_parse(&in, frame + 14, sizeof(frame) - 14));
}

static void udp_in_fragments_is_refused(void **state)
{
	uint8_t p[128] = {0};
	struct sl_udp udp;

	(void)state;
	put_ip(p, "fd00:1::9", "fd00:1::1", 44, 8 + 8);
	p[40] = SL_PROTOCOL_UDP;
	p[43] = 1;
	put16(p + 48 + 4, 8);
	put16(p + 48 + 6, upper_checksum("fd00:1::9", "fd00:1::1", SL_PROTOCOL_UDP, p + 48, 8));
	assert_false(sl_udp_parse(&udp, p, 56));
	p[43] = 0; /* an atomic fragment (RFC 6946) is none, but nobody needs it here */
	assert_false(sl_udp_parse(&udp, p, 56));
}

static void inner_mtu(void **state)
{
	(void)state;
	assert_int_equal(sl_inner_mtu(1500, SL_IPV4, true), 1438);
	assert_int_equal(sl_inner_mtu(1500, SL_IPV4, false), 1446);
	assert_int_equal(sl_inner_mtu(1500, SL_IPV6, true), 1418);
	assert_int_equal(sl_inner_mtu(1280, SL_IPV6, false), 1206);
	for (unsigned kind = 0; kind < 4; kind++) {
		unsigned before = (kind & 1 ? 40 : 20) + (kind & 2 ? 8 : 0) + 16;

		for (unsigned wire = 576; wire < 9001; wire++) {
			unsigned inner = sl_inner_mtu(wire, kind & 1 ? SL_IPV6 : SL_IPV4, kind & 2);

			/* It fits, and one byte more does not: sealed sizes are before + pad4(inner + 2) + 16. */
			assert_true(before + (inner + 2 + 3) / 4 * 4 + 16 <= wire);
			assert_true(before + (inner + 1 + 2 + 3) / 4 * 4 + 16 > wire);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(echo_is_answered),
		cmocka_unit_test(echo_v6_is_answered),
		cmocka_unit_test(bad_echo_is_left_alone),
		cmocka_unit_test(groups_and_nobody_are_not_answered),
		cmocka_unit_test(udp_there_and_back),
		cmocka_unit_test(udp_checksum_counts_when_there),
		cmocka_unit_test(udp_is_no_longer_than_its_packet),
		cmocka_unit_test(udp_checksum_is_a_must_over_ipv6),
		cmocka_unit_test(udp_in_fragments_is_refused),
		cmocka_unit_test(inner_mtu),
	};

	return cmocka_run_group_tests_name("packet", tests, NULL, NULL);
}
