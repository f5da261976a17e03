/* SPDX-License-Identifier: BSD-3-Clause */
/* ARP, ICMP echo, UDP and the arithmetic of sizes, on packets written out by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/net/packet.h"

static const struct rte_ether_addr us = {{2, 0, 0, 0, 0, 1}}, them = {{2, 0, 0, 0, 0, 2}};

/* clang-format off */
static const uint8_t arp_request[SL_ARP_FRAME] = {
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 0x08, 0x06,
	0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 192, 0, 2, 1, 0, 0, 0, 0, 0, 0, 192, 0, 2, 2,
};
static const uint8_t arp_reply[SL_ARP_FRAME] = {
	2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x08, 0x06,
	0, 1, 8, 0, 6, 4, 0, 2, 2, 0, 0, 0, 0, 2, 192, 0, 2, 2, 2, 0, 0, 0, 0, 1, 192, 0, 2, 1,
};
/* 10.1.0.9 > 10.1.0.1 echo request, id 1, seq 1, "abc": an odd length. */
static const uint8_t echo[] = {
	0x45, 0, 0, 31, 0, 7, 0, 0, 61, 1, 0x69, 0xcc, 10, 1, 0, 9, 10, 1, 0, 1,
	8, 0, 0x33, 0x9b, 0, 1, 0, 1, 'a', 'b', 'c',
};
/* clang-format on */

static void arp_frames(void **state)
{
	uint8_t frame[SL_ARP_FRAME];

	(void)state;
	assert_int_equal(sl_arp_request(frame, &us, 0xc0000201, 0xc0000202, NULL), SL_ARP_FRAME);
	assert_memory_equal(frame, arp_request, SL_ARP_FRAME);
	assert_int_equal(sl_arp_reply(frame, &them, 0xc0000202, &us, 0xc0000201), SL_ARP_FRAME);
	assert_memory_equal(frame, arp_reply, SL_ARP_FRAME);
}

static void arp_is_read(void **state)
{
	struct sl_arp arp;

	(void)state;
	assert_true(sl_arp_parse(&arp, arp_reply, sizeof(arp_reply)));
	assert_true(arp.reply);
	assert_int_equal(arp.sender_ip, 0xc0000202);
	assert_int_equal(arp.target_ip, 0xc0000201);
	assert_memory_equal(&arp.sender_mac, &them, sizeof(them));
	assert_true(sl_arp_parse(&arp, arp_request, sizeof(arp_request)));
	assert_false(arp.reply);
}

static void bad_arp_is_refused(void **state)
{
	static const unsigned fields[] = {12, 14, 16, 18, 19, 20}; /* types, lengths, opcode */
	struct sl_arp arp;
	uint8_t frame[SL_ARP_FRAME];

	(void)state;
	for (size_t len = 0; len < SL_ARP_FRAME; len++)
		assert_false(sl_arp_parse(&arp, arp_reply, len));
	for (unsigned i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		memcpy(frame, arp_reply, sizeof(frame));
		frame[fields[i]] ^= 0x40;
		assert_false(sl_arp_parse(&arp, frame, sizeof(frame)));
	}
	memcpy(frame, arp_reply, sizeof(frame));
	frame[22] |= 1; /* a group address as sender */
	assert_false(sl_arp_parse(&arp, frame, sizeof(frame)));
}

static void echo_is_answered(void **state)
{
	uint8_t packet[64];

	(void)state;
	memset(packet, 0xee, sizeof(packet));
	memcpy(packet, echo, sizeof(echo));
	/* What pads the frame behind the packet does not matter. */
	assert_true(sl_icmp_echo_answer(packet, 46));
	assert_memory_equal(packet + 12, echo + 16, 4);
	assert_memory_equal(packet + 16, echo + 12, 4);
	assert_true(sl_ipv4_checksum_ok(packet));
	assert_int_equal(packet[20], 0);
	assert_int_equal(packet[22] << 8 | packet[23], 0x3b9b);
	assert_memory_equal(packet + 24, echo + 24, sizeof(echo) - 24);
	assert_int_equal(packet[sizeof(echo)], 0xee);
	/* A reply is not answered again. */
	assert_false(sl_icmp_echo_answer(packet, sizeof(echo)));
}

static void bad_echo_is_left_alone(void **state)
{
	uint8_t packet[sizeof(echo)];

	(void)state;
	for (size_t len = 0; len < sizeof(echo); len++) {
		memcpy(packet, echo, sizeof(echo));
		assert_false(sl_icmp_echo_answer(packet, len));
		assert_memory_equal(packet, echo, sizeof(echo));
	}
	for (size_t bit = 0; bit < 8 * sizeof(echo); bit++) {
		memcpy(packet, echo, sizeof(echo));
		packet[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(sl_icmp_echo_answer(packet, sizeof(packet)));
	}
}

static void udp_there_and_back(void **state)
{
	struct sl_udp out = {.src = 0xc0000201,
			      .dst = 0xc0000202,
			      .src_port = 4500,
			      .dst_port = 500,
			      .len = 5},
		      in;
	uint8_t frame[SL_UDP_FRAME_HEADERS + 5];

	(void)state;
	assert_int_equal(sl_udp_headers(frame, &us, &them, &out), SL_UDP_FRAME_HEADERS);
	memcpy(frame + SL_UDP_FRAME_HEADERS, "hello", 5);
	assert_memory_equal(frame, &them, 6);
	assert_memory_equal(frame + 6, &us, 6);
	assert_true(sl_udp_parse(&in, frame + 14, sizeof(frame) - 14));
	assert_int_equal(in.src, out.src);
	assert_int_equal(in.dst, out.dst);
	assert_int_equal(in.src_port, 4500);
	assert_int_equal(in.dst_port, 500);
	assert_int_equal(in.len, 5);
	assert_memory_equal(in.data, "hello", 5);
	for (size_t len = 0; len < sizeof(frame) - 14; len++)
		assert_false(sl_udp_parse(&in, frame + 14, len));
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
	assert_true(sl_ipv4_checksum_ok(packet));
	assert_true(sl_udp_parse(&udp, packet, sizeof(packet)));
	packet[26] = good >> 8;
	packet[27] = good & 0xff;
	assert_true(sl_udp_parse(&udp, packet, sizeof(packet)));
	packet[28] ^= 1;
	assert_false(sl_udp_parse(&udp, packet, sizeof(packet)));
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
		cmocka_unit_test(arp_frames),
		cmocka_unit_test(arp_is_read),
		cmocka_unit_test(bad_arp_is_refused),
		cmocka_unit_test(echo_is_answered),
		cmocka_unit_test(bad_echo_is_left_alone),
		cmocka_unit_test(udp_there_and_back),
		cmocka_unit_test(udp_checksum_counts_when_there),
		cmocka_unit_test(inner_mtu),
	};

	return cmocka_run_group_tests_name("packet", tests, NULL, NULL);
}
