/* SPDX-License-Identifier: BSD-3-Clause */
/* IP headers of both families, whole, cut off, and with chains of extension headers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "packets.h"

static void ipv4_is_read(void **state)
{
	uint8_t p[64] = {0};
	struct sl_ip ip;
	struct sl_addr src = addr_of("10.1.0.9"), dst = addr_of("10.2.0.9");

	(void)state;
	put_ip(p, "10.1.0.9", "10.2.0.9", 6, 30);
	assert_true(sl_ip_parse(&ip, p, 50));
	assert_true(sl_addr_equal(&ip.src, &src));
	assert_true(sl_addr_equal(&ip.dst, &dst));
	assert_int_equal(ip.protocol, 6);
	assert_int_equal(ip.hops, 64);
	assert_int_equal(ip.at, 20);
	assert_int_equal(ip.total, 50);
	assert_false(ip.fragment);
	assert_false(ip.later);
	p[6] = 0x20; /* the first of several */
	put_ipv4_checksum(p);
	assert_true(sl_ip_parse(&ip, p, 50));
	assert_true(ip.fragment);
	assert_false(ip.later);
	p[6] = 0;
	p[7] = 1; /* the last */
	put_ipv4_checksum(p);
	assert_true(sl_ip_parse(&ip, p, 50));
	assert_true(ip.fragment);
	assert_true(ip.later);
	p[0] = 0x47; /* options */
	put_ipv4_checksum(p);
	assert_true(sl_ip_parse(&ip, p, 50));
	assert_int_equal(ip.at, 28);
}

static void bad_ipv4_is_refused(void **state)
{
	uint8_t p[64] = {0};
	struct sl_ip ip;

	(void)state;
	put_ip(p, "10.1.0.9", "10.2.0.9", 6, 30);
	for (size_t len = 0; len < 50; len++) {
		uint8_t *cut = exact_copy(p, len);

		assert_false(sl_ip_parse(&ip, cut, len));
		/* What is quoted in an error may be cut off behind the header. */
		assert_int_equal(sl_ip_headers(&ip, cut, len), len >= 20);
		free(cut);
	}
	for (unsigned bit = 0; bit < 160; bit++) {
		if (bit == 5) /* that makes it IPv6 */
			continue;
		p[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(sl_ip_parse(&ip, p, 50));
		p[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	p[0] = 0x44; /* shorter than a header can be */
	put_ipv4_checksum(p);
	assert_false(sl_ip_parse(&ip, p, 50));
	p[0] = 0x4f;
	put16(p + 2, 40); /* shorter than its own header */
	put_ipv4_checksum(p);
	assert_false(sl_ip_parse(&ip, p, 64));
}

static void ipv6_is_read(void **state)
{
	uint8_t p[128] = {0};
	struct sl_ip ip;
	struct sl_addr src = addr_of("fd00:1::9"), dst = addr_of("fd00:2::9");

	(void)state;
	put_ip(p, "fd00:1::9", "fd00:2::9", 17, 20);
	assert_true(sl_ip_parse(&ip, p, 60));
	assert_true(sl_addr_equal(&ip.src, &src));
	assert_true(sl_addr_equal(&ip.dst, &dst));
	assert_int_equal(ip.protocol, 17);
	assert_int_equal(ip.at, 40);
	assert_int_equal(ip.total, 60);
	assert_false(ip.fragment);
	for (size_t len = 0; len < 60; len++) {
		uint8_t *cut = exact_copy(p, len);

		assert_false(sl_ip_parse(&ip, cut, len));
		assert_int_equal(sl_ip_headers(&ip, cut, len), len >= 40);
		free(cut);
	}
}

/* Hop-by-hop options, routing, destination options of two units, authentication, then TCP. */
static size_t put_chain(uint8_t *p)
{
	size_t at = put_ip(p, "fd00:1::9", "fd00:2::9", 0, 8 + 8 + 16 + 24 + 20);

	memset(p + at, 0, 8 + 8 + 16 + 24 + 20);
	p[at] = 43;
	p[at + 8] = 60;
	p[at + 16] = 51;
	p[at + 17] = 1;
	p[at + 32] = 6;
	p[at + 33] = 4;
	return at + 56;
}

static void extension_headers_are_walked(void **state)
{
	uint8_t p[128];
	struct sl_ip ip;
	size_t tcp = put_chain(p);

	(void)state;
	assert_true(sl_ip_parse(&ip, p, sizeof(p)));
	assert_int_equal(ip.protocol, 6);
	assert_int_equal(ip.at, tcp);
	for (size_t len = 0; len < tcp + 20; len++) {
		uint8_t *cut = exact_copy(p, len);

		assert_false(sl_ip_parse(&ip, cut, len));
		assert_int_equal(sl_ip_headers(&ip, cut, len), len >= tcp);
		free(cut);
	}
	/* One whose extension header claims to be longer than the packet. */
	p[40 + 1] = 200;
	assert_false(sl_ip_parse(&ip, p, sizeof(p)));
}

static void fragments_are_told(void **state)
{
	uint8_t p[128] = {0};
	struct sl_ip ip;

	(void)state;
	put_ip(p, "fd00:1::9", "fd00:2::9", 44, 8 + 20);
	p[40] = 60;
	p[43] = 1; /* the first: more follow */
	p[48] = 17;
	assert_true(sl_ip_parse(&ip, p, 68));
	assert_true(ip.fragment);
	assert_false(ip.later);
	assert_int_equal(ip.protocol, 17);
	assert_int_equal(ip.at, 56);
	p[43] = 8; /* a later one: what is behind the header is from the middle of something */
	assert_true(sl_ip_parse(&ip, p, 68));
	assert_true(ip.later);
	assert_int_equal(ip.at, 48);
}

static void endless_chains_end(void **state)
{
	uint8_t p[1280] = {0};
	struct sl_ip ip;

	(void)state;
	put_ip(p, "fd00:1::9", "fd00:2::9", 60, sizeof(p) - 40);
	for (size_t at = 40; at < sizeof(p); at += 8)
		p[at] = 60;
	assert_true(sl_ip_parse(&ip, p, sizeof(p)));
	assert_int_equal(ip.protocol, 60);
	assert_int_equal(ip.at, 40 + 8 * SL_IPV6_EXTENSIONS_MAX);
}

static void checksums_cover_what_they_should(void **state)
{
	static const struct {
		const char *src, *dst;
		uint8_t protocol;
	} cases[] = {
		{"10.1.0.9", "10.2.0.9", 17},
		{"10.1.0.9", "10.2.0.9", 1},
		{"fd00:1::9", "fd00:2::9", 58},
		{"fd00:1::9", "fd00:2::9", 17},
	};
	uint8_t p[128];
	struct sl_ip ip;

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		for (size_t len = 8; len < 24; len++) {
			size_t at = put_ip(p, cases[i].src, cases[i].dst, cases[i].protocol, len);

			for (size_t k = 0; k < len; k++)
				p[at + k] = (uint8_t)(251 - 37 * k);
			put16(p + at + 6, 0);
			assert_true(sl_ip_parse(&ip, p, at + len));
			put16(p + at + 6,
				upper_checksum(cases[i].src, cases[i].dst, cases[i].protocol, p + at, len));
			assert_int_equal(sl_ip_checksum(&ip, p + at, len), 0);
			p[at + len - 1] ^= 4;
			assert_int_not_equal(sl_ip_checksum(&ip, p + at, len), 0);
		}
	}
}

static void kinds_of_addresses(void **state)
{
	static const char *const groups[] = {"224.0.0.1", "239.1.2.3", "255.255.255.255", "ff02::1"},
				 *const others[] = {"10.1.255.255", "223.1.1.1", "fe80::1", "::", "0.0.0.0"},
				 *const martians[] = {
					 "0.1.2.3", "127.0.0.1", "127.255.0.1", "240.0.0.1", "::1"};

	(void)state;
	for (unsigned i = 0; i < sizeof(groups) / sizeof(*groups); i++) {
		struct sl_addr a = addr_of(groups[i]);

		assert_true(sl_addr_is_group(&a));
		assert_false(sl_addr_is_unspecified(&a));
		assert_true(sl_addr_is_martian(&a));
	}
	for (unsigned i = 0; i < sizeof(others) / sizeof(*others); i++) {
		struct sl_addr a = addr_of(others[i]);

		assert_false(sl_addr_is_group(&a));
		assert_int_equal(sl_addr_is_unspecified(&a), i >= 3);
		assert_int_equal(sl_addr_is_martian(&a), i >= 3);
	}
	for (unsigned i = 0; i < sizeof(martians) / sizeof(*martians); i++) {
		struct sl_addr a = addr_of(martians[i]);

		assert_true(sl_addr_is_martian(&a));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ipv4_is_read),
		cmocka_unit_test(bad_ipv4_is_refused),
		cmocka_unit_test(ipv6_is_read),
		cmocka_unit_test(extension_headers_are_walked),
		cmocka_unit_test(fragments_are_told),
		cmocka_unit_test(endless_chains_end),
		cmocka_unit_test(checksums_cover_what_they_should),
		cmocka_unit_test(kinds_of_addresses),
	};

	return cmocka_run_group_tests_name("ip", tests, NULL, NULL);
}
