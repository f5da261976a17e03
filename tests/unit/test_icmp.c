/* SPDX-License-Identifier: BSD-3-Clause */
/* ICMP errors: what is said about a packet, what is never said, and what is believed of "too big". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/net/icmp.h"
#include "packets.h"

#define SECOND UINT64_C(1000000000)

enum { SPI = 0x12345678 };

static const char *const hosts[] = {"10.1.0.9", "fd00:1::9"}, *const targets[] = {"10.2.0.9", "fd00:2::9"},
			 *const ours[] = {"10.1.0.1", "fd00:1::1"},
			 *const wires[] = {"192.0.2.1", "2001:db8::1"},
			 *const peers[] = {"192.0.2.2", "2001:db8::2"},
			 *const routers[] = {"198.51.100.7", "2001:db8:9::7"};

/* A packet of `total` bytes from one to another host. */
static void put_packet(uint8_t *p, unsigned v6, uint8_t protocol, size_t total)
{
	for (size_t i = 0; i < total; i++)
		p[i] = (uint8_t)(i * 7);
	put_ip(p, hosts[v6], targets[v6], protocol, total - (v6 ? 40 : 20));
}

static size_t error_about(uint8_t *out, enum sl_icmp_error error, const uint8_t *p, size_t len, unsigned mtu)
{
	struct sl_addr from = addr_of(ours[p[0] >> 4 == 6]);

	return sl_icmp_error(out, SL_ICMP_ERROR_MAX, error, &from, p, len, mtu);
}

static void errors_are_built(void **state)
{
	static const struct {
		enum sl_icmp_error error;
		uint8_t v4[2], v6[2];
	} kinds[] = {
		{SL_ICMP_NO_NET, {3, 0}, {1, 0}},
		{SL_ICMP_NO_HOST, {3, 1}, {1, 3}},
		{SL_ICMP_PROHIBITED, {3, 13}, {1, 1}},
		{SL_ICMP_EXPIRED, {11, 0}, {3, 0}},
		{SL_ICMP_TOO_BIG, {3, 4}, {2, 0}},
	};
	uint8_t p[100], out[SL_ICMP_ERROR_MAX];

	(void)state;
	for (unsigned v6 = 0; v6 < 2; v6++) {
		size_t at = v6 ? 40 : 20;
		struct sl_addr to = addr_of(hosts[v6]), from = addr_of(ours[v6]);

		put_packet(p, v6, SL_PROTOCOL_UDP, sizeof(p));
		for (unsigned i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
			/* Behind the packet in the frame there may be padding. */
			size_t len = error_about(out, kinds[i].error, p, sizeof(p), 1418);
			struct sl_ip ip;

			assert_int_equal(len, at + 8 + sizeof(p));
			assert_true(sl_ip_parse(&ip, out, len));
			assert_true(sl_addr_equal(&ip.src, &from));
			assert_true(sl_addr_equal(&ip.dst, &to));
			assert_int_equal(ip.hops, 64);
			assert_int_equal(ip.protocol, v6 ? SL_PROTOCOL_ICMPV6 : SL_PROTOCOL_ICMP);
			assert_int_equal(v6 ? (out[0] & 15) << 4 | out[1] >> 4 : out[1], 0xc0);
			assert_memory_equal(out + at, v6 ? kinds[i].v6 : kinds[i].v4, 2);
			assert_int_equal(get16(out + at + 4), 0);
			assert_int_equal(get16(out + at + 6), kinds[i].error == SL_ICMP_TOO_BIG ? 1418 : 0);
			assert_memory_equal(out + at + 8, p, sizeof(p));
			assert_int_equal(
				upper_checksum(ours[v6], hosts[v6],
					v6 ? SL_PROTOCOL_ICMPV6 : SL_PROTOCOL_ICMP, out + at, len - at),
				0);
		}
	}
}

static void quotes_are_bounded(void **state)
{
	uint8_t p[1500], *out = malloc(SL_ICMP_ERROR_MAX);

	(void)state;
	for (unsigned v6 = 0; v6 < 2; v6++) {
		struct sl_addr from = addr_of(ours[v6]);
		size_t most = v6 ? 1280 : 576;

		put_packet(p, v6, SL_PROTOCOL_UDP, sizeof(p));
		assert_int_equal(error_about(out, SL_ICMP_EXPIRED, p, sizeof(p), 0), most);
		/* A tunnel may have less room than every link should have. */
		assert_int_equal(sl_icmp_error(out, 500, SL_ICMP_EXPIRED, &from, p, sizeof(p), 0), 500);
		assert_int_equal(sl_icmp_error(out, 20, SL_ICMP_EXPIRED, &from, p, sizeof(p), 0), 0);
		/* Nothing of what is behind the packet gets out. */
		assert_int_equal(sl_icmp_error(out, 1280, SL_ICMP_EXPIRED, &from, p, 1500, 0), most);
		put_packet(p, v6, SL_PROTOCOL_UDP, 60);
		assert_int_equal(error_about(out, SL_ICMP_EXPIRED, p, 1500, 0), (v6 ? 40 : 20) + 8 + 60);
	}
	free(out);
}

static void ipv6_mtus_have_a_floor(void **state)
{
	uint8_t p[1500], out[SL_ICMP_ERROR_MAX];

	(void)state;
	put_packet(p, 1, SL_PROTOCOL_UDP, sizeof(p));
	error_about(out, SL_ICMP_TOO_BIG, p, sizeof(p), 1198);
	assert_int_equal(get16(out + 46), 1280);
	put_packet(p, 0, SL_PROTOCOL_UDP, sizeof(p));
	error_about(out, SL_ICMP_TOO_BIG, p, sizeof(p), 514);
	assert_int_equal(get16(out + 26), 514);
}

static void errors_about_errors_are_not_said(void **state)
{
	uint8_t p[100], out[SL_ICMP_ERROR_MAX];

	(void)state;
	for (unsigned type = 0; type < 256; type++) {
		bool question = type == 0 || (type >= 8 && type <= 10) || (type >= 13 && type <= 18);

		put_packet(p, 0, SL_PROTOCOL_ICMP, sizeof(p));
		p[20] = (uint8_t)type;
		assert_int_equal(error_about(out, SL_ICMP_EXPIRED, p, sizeof(p), 0) != 0, question);
		put_packet(p, 1, SL_PROTOCOL_ICMPV6, sizeof(p));
		p[40] = (uint8_t)type;
		assert_int_equal(
			error_about(out, SL_ICMP_EXPIRED, p, sizeof(p), 0) != 0, type >= 128 && type != 137);
	}
	/* One hidden behind an extension header. */
	put_packet(p, 1, 60, sizeof(p));
	p[40] = SL_PROTOCOL_ICMPV6;
	p[41] = 0;
	p[48] = 1;
	assert_int_equal(error_about(out, SL_ICMP_EXPIRED, p, sizeof(p), 0), 0);
	p[48] = 128;
	assert_int_not_equal(error_about(out, SL_ICMP_EXPIRED, p, sizeof(p), 0), 0);
}

static void nor_about_what_is_nobodys(void **state)
{
	static const char *const pairs[][2] = {{"10.1.0.9", "224.0.0.5"}, {"10.1.0.9", "255.255.255.255"},
		{"0.0.0.0", "10.2.0.9"}, {"0.1.2.3", "10.2.0.9"}, {"127.0.0.1", "10.2.0.9"},
		{"224.0.0.1", "10.2.0.9"}, {"255.255.255.255", "10.2.0.9"}, {"10.1.0.1", "10.2.0.9"},
		{"fd00:1::9", "ff05::1"}, {"::", "fd00:2::9"}, {"::1", "fd00:2::9"}, {"ff02::1", "fd00:2::9"},
		{"fd00:1::1", "fd00:2::9"}};
	uint8_t p[100] = {0}, out[SL_ICMP_ERROR_MAX];

	(void)state;
	for (unsigned i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
		put_ip(p, pairs[i][0], pairs[i][1], SL_PROTOCOL_UDP, 40);
		assert_int_equal(error_about(out, SL_ICMP_NO_NET, p, sizeof(p), 0), 0);
	}
	/* A later fragment; the first one may. */
	put_packet(p, 0, SL_PROTOCOL_UDP, sizeof(p));
	p[6] = 0x20;
	assert_int_not_equal(error_about(out, SL_ICMP_NO_NET, p, sizeof(p), 0), 0);
	p[7] = 1;
	assert_int_equal(error_about(out, SL_ICMP_NO_NET, p, sizeof(p), 0), 0);
}

static void cut_packets_are_harmless(void **state)
{
	uint8_t p[100], out[SL_ICMP_ERROR_MAX];

	(void)state;
	for (unsigned v6 = 0; v6 < 2; v6++) {
		size_t header = v6 ? 40 : 20;

		put_packet(p, v6, v6 ? SL_PROTOCOL_ICMPV6 : SL_PROTOCOL_ICMP, sizeof(p));
		p[header] = v6 ? 128 : 8;
		for (size_t len = 1; len < sizeof(p); len++) {
			uint8_t *cut = exact_copy(p, len);

			/* Whether it is an error itself must be there to see. */
			assert_int_equal(error_about(out, SL_ICMP_NO_NET, cut, len, 0) != 0, len > header);
			free(cut);
		}
	}
}

/* ---- Heard ------------------------------------------------------------------------------------------------------------ */

/* Fills in the checksum of the ICMP message behind the header at p. */
static void seal_icmp(uint8_t *p, unsigned v6, size_t len)
{
	size_t at = v6 ? 40 : 20;

	put16(p + at + 2, 0);
	put16(p + at + 2, upper_checksum(routers[v6], wires[v6], v6 ? SL_PROTOCOL_ICMPV6 : SL_PROTOCOL_ICMP,
				  p + at, len - at));
}

/* A router's word about a packet of ours, of which it quotes `quoted` bytes behind the IP header. */
static size_t put_too_big(uint8_t *p, unsigned v6, bool udp, unsigned mtu, size_t quoted)
{
	size_t header = v6 ? 40 : 20, len = header + 8 + header + quoted, at;

	at = put_ip(p, routers[v6], wires[v6], v6 ? SL_PROTOCOL_ICMPV6 : SL_PROTOCOL_ICMP, len - header);
	memset(p + at, 0, 8);
	p[at] = v6 ? 2 : 3;
	p[at + 1] = v6 ? 0 : 4;
	put16(p + at + 6, mtu);
	at += 8;
	at += put_ip(p + at, wires[v6], peers[v6], udp ? SL_PROTOCOL_UDP : SL_PROTOCOL_ESP, 1400);
	memset(p + at, 0, 64);
	if (udp) {
		put16(p + at, 4500);
		put16(p + at + 2, 4501);
		put16(p + at + 4, 1400);
		at += 8;
	}
	put16(p + at, SPI >> 16);
	put16(p + at + 2, SPI & 0xffff);
	seal_icmp(p, v6, len);
	return len;
}

static void too_big_is_read(void **state)
{
	struct sl_icmp_too_big told;
	uint8_t p[256];

	(void)state;
	for (unsigned kind = 0; kind < 4; kind++) {
		unsigned v6 = kind & 1;
		bool udp = kind & 2;
		struct sl_addr src = addr_of(wires[v6]), dst = addr_of(peers[v6]);
		size_t needed = udp ? 12 : 4, len;

		len = put_too_big(p, v6, udp, 1400, 28);
		assert_true(sl_icmp_too_big_parse(&told, p, len));
		assert_true(sl_addr_equal(&told.src, &src));
		assert_true(sl_addr_equal(&told.dst, &dst));
		assert_int_equal(told.src_port, udp ? 4500 : 0);
		assert_int_equal(told.dst_port, udp ? 4501 : 0);
		assert_int_equal(told.spi, SPI);
		assert_int_equal(told.mtu, 1400);
		/* Of what is quoted there must be as much as tells the SA. */
		for (size_t quoted = 0; quoted < 28; quoted++) {
			len = put_too_big(p, v6, udp, 1400, quoted);
			assert_int_equal(sl_icmp_too_big_parse(&told, p, len), quoted >= needed);
		}
		len = put_too_big(p, v6, udp, 1400, 28);
		for (size_t cut = 0; cut < len; cut++) {
			uint8_t *copy = exact_copy(p, cut);

			assert_false(sl_icmp_too_big_parse(&told, copy, cut));
			free(copy);
		}
		for (size_t at = v6 ? 40 : 20; at < len; at++) {
			p[at] ^= 0x20;
			assert_false(sl_icmp_too_big_parse(&told, p, len));
			p[at] ^= 0x20;
		}
	}
}

static void others_are_not_taken_for_it(void **state)
{
	struct sl_icmp_too_big told;
	uint8_t p[256];

	(void)state;
	for (unsigned v6 = 0; v6 < 2; v6++) {
		size_t header = v6 ? 40 : 20, len = put_too_big(p, v6, true, 1400, 28);

		p[header] = v6 ? 1 : 11; /* another error */
		seal_icmp(p, v6, len);
		assert_false(sl_icmp_too_big_parse(&told, p, len));
		put_too_big(p, v6, true, 1400, 28);
		p[header + 8 + (v6 ? 6 : 9)] = SL_PROTOCOL_TCP; /* about what we never send */
		seal_icmp(p, v6, len);
		assert_false(sl_icmp_too_big_parse(&told, p, len));
		put_too_big(p, v6, true, 1400, 28);
		memset(p + header + 8 + header + 8, 0, 4); /* IKE has zero where the SPI would be */
		seal_icmp(p, v6, len);
		assert_false(sl_icmp_too_big_parse(&told, p, len));
		/* About a packet of the other family: only a forger does so. */
		put_too_big(p, v6, false, 1400, 60);
		put_ip(p + header + 8, wires[!v6], peers[!v6], SL_PROTOCOL_ESP, 28);
		p[header + 8 + 39] = 1;
		seal_icmp(p, v6, header + 8 + header + 60);
		assert_false(sl_icmp_too_big_parse(&told, p, header + 8 + header + 60));
	}
	/* An old router that does not say how much would fit (RFC 1191 3). */
	assert_true(sl_icmp_too_big_parse(&told, p, put_too_big(p, 0, true, 0, 28)));
	assert_int_equal(told.mtu, 0);
	/* IPv4's MTU has 16 bits; before RFC 1191 there were 32 that meant nothing. */
	put_too_big(p, 0, true, 1400, 28);
	p[20 + 4] = 0xab;
	seal_icmp(p, 0, 20 + 8 + 20 + 28);
	assert_true(sl_icmp_too_big_parse(&told, p, 20 + 8 + 20 + 28));
	assert_int_equal(told.mtu, 1400);
}

/* ---- Rate ------------------------------------------------------------------------------------------------------------- */

static unsigned take(struct sl_rate *rate, uint64_t now, unsigned n)
{
	unsigned got = 0;

	while (n--)
		got += sl_rate_take(rate, now);
	return got;
}

static void a_bucket_fills_and_empties(void **state)
{
	struct sl_rate rate = {.per_second = 100, .burst = 50};
	uint64_t now = 1000 * SECOND;
	unsigned got = 0;

	(void)state;
	assert_int_equal(take(&rate, now, 200), 50);
	assert_int_equal(take(&rate, now + SECOND / 100 - 1, 10), 0);
	assert_int_equal(take(&rate, now + SECOND / 100, 10), 1);
	assert_int_equal(take(&rate, now + SECOND / 10, 100), 9);
	/* However long the silence, it holds no more. */
	assert_int_equal(take(&rate, now + 5000 * SECOND, 200), 50);
	/* Asked at odd times all the while, nothing is gained or lost. */
	now += 5000 * SECOND;
	for (unsigned i = 1; i <= 3000; i++)
		got += take(&rate, now + i * (SECOND / 300), 3);
	assert_in_range(got, 999, 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(errors_are_built),
		cmocka_unit_test(quotes_are_bounded),
		cmocka_unit_test(ipv6_mtus_have_a_floor),
		cmocka_unit_test(errors_about_errors_are_not_said),
		cmocka_unit_test(nor_about_what_is_nobodys),
		cmocka_unit_test(cut_packets_are_harmless),
		cmocka_unit_test(too_big_is_read),
		cmocka_unit_test(others_are_not_taken_for_it),
		cmocka_unit_test(a_bucket_fills_and_empties),
	};

	return cmocka_run_group_tests_name("icmp", tests, NULL, NULL);
}
