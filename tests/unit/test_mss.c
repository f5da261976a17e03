/* SPDX-License-Identifier: BSD-3-Clause */
/* The MSS option: lowered where it says too much, with the checksum right afterwards, and nothing else touched. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/net/mss.h"
#include "packets.h"

enum { SYN = 0x02, ACK = 0x10, INNER_MTU = 1438 };

static const char *const sources[] = {"10.1.0.9", "fd00:1::9"}, *const targets[] = {"10.2.0.9", "fd00:2::9"};

/* A TCP segment with these options, padded; returns the length of the packet. v6: 0 or 1. */
static size_t put_tcp(uint8_t *p, unsigned v6, uint8_t flags, const uint8_t *options, size_t len)
{
	size_t header = 20 + (len + 3) / 4 * 4,
	       at = put_ip(p, sources[v6], targets[v6], SL_PROTOCOL_TCP, header);
	uint8_t *tcp = p + at;

	memset(tcp, 0, header);
	put16(tcp, 40000);
	put16(tcp + 2, 443);
	tcp[7] = 0x11;
	tcp[12] = (uint8_t)(header / 4 << 4);
	tcp[13] = flags;
	memcpy(tcp + 20, options, len);
	put16(tcp + 16, upper_checksum(sources[v6], targets[v6], SL_PROTOCOL_TCP, tcp, header));
	return at + header;
}

static void assert_right_checksum(const uint8_t *p, size_t len)
{
	struct sl_ip ip;

	assert_true(sl_ip_parse(&ip, p, len));
	assert_int_equal(sl_ip_checksum(&ip, p + ip.at, len - ip.at), 0);
}

static void lowered_at_every_place(void **state)
{
	(void)state;
	for (unsigned v6 = 0; v6 < 2; v6++) {
		for (unsigned nops = 0; nops < 6; nops++) {
			uint8_t options[16] = {1, 1, 1, 1, 1, 1}, p[128];
			size_t len, mss_at = (v6 ? 40 : 20) + 20 + nops + 2;
			unsigned fits = INNER_MTU - (v6 ? 60 : 40);

			memcpy(options + nops, (const uint8_t[]){2, 4, 1460 >> 8, 1460 & 0xff}, 4);
			len = put_tcp(p, v6, nops % 2 ? SYN : SYN | ACK, options, nops + 4);
			assert_true(sl_mss_clamp(p, len, INNER_MTU));
			assert_int_equal(get16(p + mss_at), fits);
			assert_right_checksum(p, len);
			/* What fits is left alone. */
			assert_false(sl_mss_clamp(p, len, INNER_MTU));
			assert_true(sl_mss_clamp(p, len, INNER_MTU - 1));
			assert_int_equal(get16(p + mss_at), fits - 1);
			assert_right_checksum(p, len);
		}
	}
}

static void every_value_keeps_the_checksum(void **state)
{
	(void)state;
	for (unsigned mss = 1; mss < 65536; mss += 7) {
		uint8_t options[] = {1, 2, 4, (uint8_t)(mss >> 8), (uint8_t)mss, 3, 3, 7}, p[128];
		size_t len = put_tcp(p, mss & 1, SYN, options, sizeof(options));

		assert_int_equal(sl_mss_clamp(p, len, 1000), mss > 1000 - (mss & 1 ? 60u : 40u));
		assert_right_checksum(p, len);
	}
}

static void others_are_left_alone(void **state)
{
	static const uint8_t option[] = {2, 4, 0xff, 0xff};
	uint8_t p[128], before[128];

	(void)state;
	for (unsigned v6 = 0; v6 < 2; v6++) {
		size_t len = put_tcp(p, v6, ACK, option, sizeof(option));

		memcpy(before, p, sizeof(p));
		assert_false(sl_mss_clamp(p, len, INNER_MTU)); /* no SYN */
		put_tcp(p, v6, SYN, option, sizeof(option));
		p[v6 ? 6 : 9] = SL_PROTOCOL_UDP;
		assert_false(sl_mss_clamp(p, len, INNER_MTU));
		put_tcp(p, v6, SYN, (const uint8_t[]){3, 3, 7, 0, 2, 4, 0xff, 0xff}, 8); /* behind the end */
		assert_false(sl_mss_clamp(p, len + 4, INNER_MTU));
	}
	/* What looks like a SYN in the middle of a fragment. */
	put_tcp(p, 0, SYN, option, sizeof(option));
	p[7] = 4;
	assert_false(sl_mss_clamp(p, 44, INNER_MTU));
}

static void several_options_are_all_lowered(void **state)
{
	static const uint8_t options[] = {2, 4, 0xff, 0xff, 2, 4, 0x10, 0, 2, 4, 0, 1, 0};
	uint8_t p[128];
	size_t len = put_tcp(p, 0, SYN, options, sizeof(options));

	(void)state;
	assert_true(sl_mss_clamp(p, len, INNER_MTU));
	assert_int_equal(get16(p + 42), INNER_MTU - 40);
	assert_int_equal(get16(p + 46), INNER_MTU - 40);
	assert_int_equal(get16(p + 50), 1);
	assert_right_checksum(p, len);
}

static void behind_extension_headers(void **state)
{
	uint8_t p[128], q[128];
	size_t len = put_tcp(q, 1, SYN, (const uint8_t[]){2, 4, 0xff, 0xff}, 4);

	(void)state;
	memcpy(p, q, 40);
	p[6] = 60;
	put16(p + 4, (unsigned)len - 40 + 8);
	memset(p + 40, 0, 8);
	p[40] = SL_PROTOCOL_TCP;
	memcpy(p + 48, q + 40, len - 40);
	assert_true(sl_mss_clamp(p, len + 8, INNER_MTU));
	assert_int_equal(get16(p + 40 + 8 + 22), INNER_MTU - 60);
	assert_right_checksum(p, len + 8);
}

/* Every length a packet can be cut to, and options that claim more than is there, in the first bytes that count. */
static void hostile_segments_are_harmless(void **state)
{
	static const uint8_t option[] = {1, 2, 4, 0xff, 0xff, 8, 10, 0};
	uint8_t p[128];

	(void)state;
	for (unsigned v6 = 0; v6 < 2; v6++) {
		size_t whole = put_tcp(p, v6, SYN, option, sizeof(option)), tcp = v6 ? 40 : 20;

		for (size_t len = tcp; len < whole; len++) {
			uint8_t *cut = exact_copy(p, len);

			assert_false(sl_mss_clamp(cut, len, INNER_MTU));
			assert_memory_equal(cut, p, len);
			free(cut);
		}
		for (unsigned at = 0; at < 8; at++) {
			for (unsigned value = 0; value < 256; value++) {
				uint8_t *copy;

				put_tcp(p, v6, SYN, option, sizeof(option));
				p[tcp + 20 + at] = (uint8_t)value;
				copy = exact_copy(p, whole);
				sl_mss_clamp(copy, whole, INNER_MTU);
				assert_memory_equal(copy, p, tcp + 16);
				free(copy);
			}
		}
		put_tcp(p, v6, SYN, option, sizeof(option));
		for (unsigned offset = 0; offset < 16; offset++) {
			uint8_t *copy = exact_copy(p, whole);

			copy[tcp + 12] = (uint8_t)(offset << 4);
			assert_int_equal(sl_mss_clamp(copy, whole, INNER_MTU), offset == 7);
			free(copy);
		}
	}
	/* A tunnel too small for any segment: nothing sensible can be said. */
	put_tcp(p, 0, SYN, option, sizeof(option));
	assert_false(sl_mss_clamp(p, 48, 40));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lowered_at_every_place),
		cmocka_unit_test(every_value_keeps_the_checksum),
		cmocka_unit_test(others_are_left_alone),
		cmocka_unit_test(several_options_are_all_lowered),
		cmocka_unit_test(behind_extension_headers),
		cmocka_unit_test(hostile_segments_are_harmless),
	};

	return cmocka_run_group_tests_name("mss", tests, NULL, NULL);
}
