/* SPDX-License-Identifier: BSD-3-Clause */
/* ARP and Neighbor Discovery: what is sent, byte by byte, and what is believed of what comes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/net/neigh_msg.h"
#include "packets.h"

enum { ARP_FRAME = 42, NDP = 14 + 40, OPTION = NDP + 24 };

static const struct rte_ether_addr us = {{2, 0, 0, 0, 0, 1}}, them = {{2, 0, 0, 0, 0, 2}};

/* clang-format off */
static const uint8_t arp_request[ARP_FRAME] = {
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 0x08, 0x06,
	0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 192, 0, 2, 1, 0, 0, 0, 0, 0, 0, 192, 0, 2, 2,
};
static const uint8_t arp_reply[ARP_FRAME] = {
	2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x08, 0x06,
	0, 1, 8, 0, 6, 4, 0, 2, 2, 0, 0, 0, 0, 2, 192, 0, 2, 2, 2, 0, 0, 0, 0, 1, 192, 0, 2, 1,
};
/* clang-format on */

static bool is(const struct sl_addr *a, const char *text)
{
	struct sl_addr b = addr_of(text);

	return sl_addr_equal(a, &b);
}

/* Fills in the checksum of a message of which `len` bytes are behind the IPv6 header. */
static void seal_ndp(uint8_t *frame, size_t len)
{
	char src[SL_ADDR_TEXT], dst[SL_ADDR_TEXT];
	struct sl_addr from = sl_addr_read(SL_IPV6, frame + 22), to = sl_addr_read(SL_IPV6, frame + 38);

	put16(frame + 18, (unsigned)len);
	put16(frame + NDP + 2, 0);
	put16(frame + NDP + 2, upper_checksum(sl_addr_text(&from, src), sl_addr_text(&to, dst),
				       SL_PROTOCOL_ICMPV6, frame + NDP, len));
}

static void arp_frames(void **state)
{
	struct sl_addr a = addr_of("192.0.2.1"), b = addr_of("192.0.2.2");
	uint8_t frame[SL_NEIGH_FRAME_MAX];

	(void)state;
	assert_int_equal(sl_neigh_ask(frame, &us, &a, &b, NULL), ARP_FRAME);
	assert_memory_equal(frame, arp_request, ARP_FRAME);
	assert_int_equal(sl_neigh_tell(frame, &them, &b, &a, &us), ARP_FRAME);
	assert_memory_equal(frame, arp_reply, ARP_FRAME);
	/* When refreshing, only that station is asked; a probe has no sender (RFC 5227 2.1.1). */
	sl_neigh_ask(frame, &us, &a, &b, &them);
	assert_memory_equal(frame, &them, 6);
	assert_memory_equal(frame + 6, arp_request + 6, ARP_FRAME - 6);
	sl_neigh_ask(frame, &us, NULL, &b, NULL);
	assert_memory_equal(frame + 28, "\0\0\0\0", 4);
	assert_memory_equal(frame + 38, arp_request + 38, 4);
}

static void arp_is_read(void **state)
{
	struct sl_neigh_msg msg;
	uint8_t probe[ARP_FRAME];

	(void)state;
	assert_true(sl_neigh_parse(&msg, arp_reply, sizeof(arp_reply)));
	assert_false(msg.ask);
	assert_true(msg.solicited && msg.override && msg.has_mac);
	assert_true(is(&msg.who, "192.0.2.2"));
	assert_int_equal(msg.target.family, SL_NONE);
	assert_memory_equal(&msg.mac, &them, sizeof(them));
	assert_true(sl_neigh_parse(&msg, arp_request, sizeof(arp_request)));
	assert_true(msg.ask);
	assert_false(msg.solicited);
	assert_true(is(&msg.who, "192.0.2.1"));
	assert_true(is(&msg.target, "192.0.2.2"));
	memcpy(probe, arp_request, sizeof(probe));
	memset(probe + 28, 0, 4);
	assert_true(sl_neigh_parse(&msg, probe, sizeof(probe)));
	assert_int_equal(msg.who.family, SL_NONE);
}

static void bad_arp_is_refused(void **state)
{
	static const unsigned fields[] = {12, 14, 16, 18, 19, 20}; /* types, lengths, opcode */
	struct sl_neigh_msg msg;
	uint8_t frame[ARP_FRAME];

	(void)state;
	for (size_t len = 0; len < ARP_FRAME; len++) {
		uint8_t *cut = exact_copy(arp_reply, len);

		assert_false(sl_neigh_parse(&msg, cut, len));
		free(cut);
	}
	for (unsigned i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		memcpy(frame, arp_reply, sizeof(frame));
		frame[fields[i]] ^= 0x40;
		assert_false(sl_neigh_parse(&msg, frame, sizeof(frame)));
	}
	memcpy(frame, arp_reply, sizeof(frame));
	frame[22] |= 1; /* a group address as sender */
	assert_false(sl_neigh_parse(&msg, frame, sizeof(frame)));
}

static void addresses_of_a_link(void **state)
{
	struct sl_addr a = addr_of("2001:db8::12:3456"), group = sl_addr_solicited_node(&a),
		       own = sl_addr_link_local(&us);
	struct rte_ether_addr mac = sl_multicast_mac(&group);

	(void)state;
	assert_true(is(&group, "ff02::1:ff12:3456"));
	assert_memory_equal(&mac, "\x33\x33\xff\x12\x34\x56", 6);
	assert_true(is(&own, "fe80::ff:fe00:1"));
	assert_true(sl_addr_is_link_local(&own));
	assert_false(sl_addr_is_link_local(&a));
}

static void solicitations(void **state)
{
	struct sl_addr a = addr_of("2001:db8::1"), b = addr_of("2001:db8::12:3456");
	struct sl_neigh_msg msg;
	uint8_t frame[SL_NEIGH_FRAME_MAX];
	size_t len = sl_neigh_ask(frame, &us, &a, &b, NULL);

	(void)state;
	assert_int_equal(len, SL_NEIGH_FRAME_MAX);
	assert_memory_equal(frame, "\x33\x33\xff\x12\x34\x56\x02\0\0\0\0\x01\x86\xdd", 14);
	assert_int_equal(frame[14 + 7], 255);
	assert_memory_equal(frame + NDP, "\x87\0", 2);
	assert_memory_equal(frame + NDP + 8, b.bytes, 16);
	assert_memory_equal(frame + OPTION, "\x01\x01\x02\0\0\0\0\x01", 8);
	assert_true(sl_neigh_parse(&msg, frame, len));
	assert_true(msg.ask && msg.has_mac && msg.override);
	assert_true(sl_addr_equal(&msg.who, &a));
	assert_true(sl_addr_equal(&msg.target, &b));
	assert_memory_equal(&msg.mac, &us, 6);
	/* To one station, when refreshing. */
	sl_neigh_ask(frame, &us, &a, &b, &them);
	assert_memory_equal(frame, &them, 6);
	assert_memory_equal(frame + 38, b.bytes, 16);
	assert_true(sl_neigh_parse(&msg, frame, len));
	/* A probe: from nobody, without a MAC. */
	len = sl_neigh_ask(frame, &us, NULL, &b, NULL);
	assert_int_equal(len, OPTION);
	assert_true(sl_neigh_parse(&msg, frame, len));
	assert_true(msg.ask);
	assert_false(msg.has_mac);
	assert_int_equal(msg.who.family, SL_NONE);
	assert_true(sl_addr_equal(&msg.target, &b));
}

static void advertisements(void **state)
{
	struct sl_addr own = addr_of("2001:db8::1"), asker = addr_of("fe80::2"), nobody = {0};
	struct sl_neigh_msg msg;
	uint8_t frame[SL_NEIGH_FRAME_MAX];
	size_t len = sl_neigh_tell(frame, &us, &own, &asker, &them);

	(void)state;
	assert_int_equal(len, SL_NEIGH_FRAME_MAX);
	assert_memory_equal(frame, &them, 6);
	assert_memory_equal(frame + 38, asker.bytes, 16);
	assert_int_equal(frame[NDP], 136);
	assert_int_equal(frame[NDP + 4], 0xe0);
	assert_memory_equal(frame + OPTION, "\x02\x01\x02\0\0\0\0\x01", 8);
	assert_true(sl_neigh_parse(&msg, frame, len));
	assert_false(msg.ask);
	assert_true(msg.solicited && msg.override && msg.has_mac);
	assert_true(sl_addr_equal(&msg.who, &own));
	/* Whoever probed has no address to be told at. */
	sl_neigh_tell(frame, &us, &own, &nobody, &them);
	assert_memory_equal(frame, "\x33\x33\0\0\0\x01", 6);
	assert_int_equal(frame[NDP + 4], 0xa0);
	assert_true(sl_neigh_parse(&msg, frame, len));
	assert_false(msg.solicited);
	/* Flags cleared one by one. */
	frame[NDP + 4] = 0;
	seal_ndp(frame, 32);
	assert_true(sl_neigh_parse(&msg, frame, len));
	assert_false(msg.override);
}

/* A message that would be right, spoilt by fn; the checksum is right again. */
static void expect_refused(void (*spoil)(uint8_t *frame), bool ask)
{
	struct sl_addr a = addr_of("2001:db8::1"), b = addr_of("2001:db8::2");
	struct sl_neigh_msg msg;
	uint8_t frame[SL_NEIGH_FRAME_MAX];
	size_t len = ask ? sl_neigh_ask(frame, &us, &a, &b, NULL) : sl_neigh_tell(frame, &us, &a, &b, &them);

	assert_true(sl_neigh_parse(&msg, frame, len));
	spoil(frame);
	seal_ndp(frame, 32);
	assert_false(sl_neigh_parse(&msg, frame, len));
}

static void forwarded(uint8_t *frame)
{
	frame[14 + 7] = 254;
}

static void with_a_code(uint8_t *frame)
{
	frame[NDP + 1] = 1;
}

static void of_another_type(uint8_t *frame)
{
	frame[NDP] = 134;
}

static void about_a_group(uint8_t *frame)
{
	frame[NDP + 8] = 0xff;
}

static void with_an_option_of_no_length(uint8_t *frame)
{
	frame[OPTION + 1] = 0;
}

static void with_an_option_too_long(uint8_t *frame)
{
	frame[OPTION + 1] = 2;
}

static void with_a_group_as_station(uint8_t *frame)
{
	frame[OPTION + 2] |= 1;
}

static void from_nobody_with_a_mac(uint8_t *frame)
{
	memset(frame + 22, 0, 16);
}

static void from_a_group(uint8_t *frame)
{
	frame[22] = 0xff;
}

static void solicited_and_to_all(uint8_t *frame)
{
	struct sl_addr all = addr_of("ff02::1");

	memcpy(frame + 38, all.bytes, 16);
}

static void bad_discovery_is_refused(void **state)
{
	(void)state;
	for (unsigned ask = 0; ask < 2; ask++) {
		expect_refused(forwarded, ask);
		expect_refused(with_a_code, ask);
		expect_refused(of_another_type, ask);
		expect_refused(about_a_group, ask);
		expect_refused(with_an_option_of_no_length, ask);
		expect_refused(with_an_option_too_long, ask);
		expect_refused(with_a_group_as_station, ask);
	}
	expect_refused(from_nobody_with_a_mac, true);
	expect_refused(from_a_group, true);
	expect_refused(solicited_and_to_all, false);
}

static void cut_and_damaged_discovery_is_refused(void **state)
{
	struct sl_addr a = addr_of("2001:db8::1"), b = addr_of("2001:db8::2");
	struct sl_neigh_msg msg;
	uint8_t frame[SL_NEIGH_FRAME_MAX];
	size_t whole = sl_neigh_ask(frame, &us, &a, &b, NULL);

	(void)state;
	for (size_t len = 0; len < whole; len++) {
		uint8_t *cut = exact_copy(frame, len);

		assert_false(sl_neigh_parse(&msg, cut, len));
		free(cut);
		/* With lengths and checksum that agree to it, only the option may be missing. */
		if (len >= NDP + 4) {
			cut = exact_copy(frame, len);
			seal_ndp(cut, len - NDP);
			assert_int_equal(sl_neigh_parse(&msg, cut, len), len == OPTION);
			free(cut);
		}
	}
	for (size_t at = 22; at < whole; at++) {
		frame[at] ^= 0x10;
		assert_false(sl_neigh_parse(&msg, frame, whole));
		frame[at] ^= 0x10;
	}
}

static void unknown_options_are_skipped(void **state)
{
	struct sl_addr a = addr_of("2001:db8::1"), b = addr_of("2001:db8::2");
	struct sl_neigh_msg msg;
	uint8_t frame[SL_NEIGH_FRAME_MAX + 16];

	(void)state;
	sl_neigh_ask(frame, &us, &a, &b, NULL);
	memmove(frame + OPTION + 16, frame + OPTION, 8);
	memset(frame + OPTION, 0, 16);
	frame[OPTION] = 14; /* a nonce (RFC 3971 5.3.2), of two units */
	frame[OPTION + 1] = 2;
	seal_ndp(frame, 48);
	assert_true(sl_neigh_parse(&msg, frame, sizeof(frame)));
	assert_true(msg.has_mac);
	assert_memory_equal(&msg.mac, &us, 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arp_frames),
		cmocka_unit_test(arp_is_read),
		cmocka_unit_test(bad_arp_is_refused),
		cmocka_unit_test(addresses_of_a_link),
		cmocka_unit_test(solicitations),
		cmocka_unit_test(advertisements),
		cmocka_unit_test(bad_discovery_is_refused),
		cmocka_unit_test(cut_and_damaged_discovery_is_refused),
		cmocka_unit_test(unknown_options_are_skipped),
	};

	return cmocka_run_group_tests_name("neigh_msg", tests, NULL, NULL);
}
