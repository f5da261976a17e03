/* SPDX-License-Identifier: BSD-3-Clause */
/* Addresses, prefixes, endpoints: text in both directions, and the arithmetic of prefixes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/net/addr.h"

static struct sl_addr addr(const char *text)
{
	struct sl_addr a;

	assert_true(sl_addr_parse(&a, text));
	return a;
}

static struct sl_prefix prefix(const char *text)
{
	struct sl_prefix p;

	assert_true(sl_prefix_parse(&p, text));
	return p;
}

static void test_addr_v4(void **state)
{
	struct sl_addr a = sl_addr_v4(0xc0000201);
	const uint8_t bytes[16] = {192, 0, 2, 1};
	char text[SL_ADDR_TEXT];

	(void)state;
	assert_int_equal(a.family, SL_IPV4);
	assert_memory_equal(a.bytes, bytes, sizeof(bytes));
	assert_int_equal(sl_addr_u32(&a), 0xc0000201);
	assert_int_equal(sl_addr_len(&a), 4);
	assert_string_equal(sl_addr_text(&a, text), "192.0.2.1");
}

static void test_addr_text(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{"0.0.0.0", "0.0.0.0"},
		{"255.255.255.255", "255.255.255.255"},
		{"10.1.0.1", "10.1.0.1"},
		{"::", "::"},
		{"FD00:0:0::1", "fd00::1"},
		{"2001:db8:1:2:3:4:5:6", "2001:db8:1:2:3:4:5:6"},
		{"::ffff:10.0.0.1", "::ffff:10.0.0.1"},
		{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
	};
	char text[SL_ADDR_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sl_addr a = addr(cases[i].in);

		assert_int_equal(a.family, strchr(cases[i].in, ':') != NULL ? SL_IPV6 : SL_IPV4);
		assert_string_equal(sl_addr_text(&a, text), cases[i].out);
	}
	assert_string_equal(sl_addr_text(&(struct sl_addr){0}, text), "none");
}

static void test_addr_refused(void **state)
{
	static const char *const bad[] = {"", " ", "10.0.0.1 ", " 10.0.0.1", "10.0.0", "10.0.0.256",
		"10.0.0.1.1", "010.0.0.1", "0x0a.0.0.1", "10.0.0.1/33", "10.0.0.1:80",
		"fd00::1::", "fd00:::1", "[fd00::1]", "fd00::1%eth0", "fd00::12345", "1:2:3:4:5:6:7",
		"example"};
	struct sl_addr a = addr("192.0.2.9"), before = a;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(sl_addr_parse(&a, bad[i]));
		assert_memory_equal(&a, &before, sizeof(a));
	}
}

static void test_prefix_text(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{"10.1.0.1/16", "10.1.0.1/16"},
		{"10.1.0.1", "10.1.0.1/32"},
		{"10.1.0.1/32", "10.1.0.1/32"},
		{"0.0.0.0/0", "0.0.0.0/0"},
		{"fd00::1", "fd00::1/128"},
		{"fd00:2::/64", "fd00:2::/64"},
		{"::/0", "::/0"},
		{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128",
			"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128"},
	};
	char text[SL_ADDR_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sl_prefix p = prefix(cases[i].in);

		assert_string_equal(sl_prefix_text(&p, text), cases[i].out);
	}
}

static void test_prefix_refused(void **state)
{
	static const char *const bad[] = {"", "/", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1",
		"10.0.0.0/+8", "10.0.0.0/ 8", "10.0.0.0/8 ", "10.0.0.0/08", "10.0.0.0/8/8", "10.0.0.0/0x8",
		"10.0.0.0/4294967304", "10.0.0.0/18446744073709551624", "fd00::/129", "fd00::/64x",
		"fd00:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000/8"};
	struct sl_prefix p;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(sl_prefix_parse(&p, bad[i]));
}

static void test_endpoint_text(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{"192.0.2.2", "192.0.2.2:4500"},
		{"192.0.2.2:500", "192.0.2.2:500"},
		{"192.0.2.2:65535", "192.0.2.2:65535"},
		{"fd00::1", "[fd00::1]:4500"},
		{"[fd00::1]:500", "[fd00::1]:500"},
		{"[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
			"[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"},
	};
	char text[SL_ADDR_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sl_endpoint e;

		assert_true(sl_endpoint_parse(&e, cases[i].in, 4500));
		assert_string_equal(sl_endpoint_text(&e, text), cases[i].out);
	}
}

static void test_endpoint_refused(void **state)
{
	static const char *const bad[] = {"", ":", ":500", "192.0.2.2:", "192.0.2.2:0", "192.0.2.2:65536",
		"192.0.2.2:+5", "192.0.2.2: 5", "192.0.2.2:5 ", "192.0.2.2:05", "192.0.2.2:5:5", "192.0.2:5",
		"[", "[]", "[]:5", "[fd00::1", "[fd00::1]", "[fd00::1]5", "[fd00::1]:", "[fd00::1]:0",
		"[192.0.2.2]:5", "fd00::1]:5", "[[fd00::1]]:5", "host:5",
		"[fd00:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]:8"};
	struct sl_endpoint e;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(sl_endpoint_parse(&e, bad[i], 4500));
}

static void test_equal(void **state)
{
	struct sl_addr a = addr("10.0.0.1"), b = addr("10.0.0.1"), c = addr("10.0.0.2"), d = addr("a00:1::");
	struct sl_endpoint e = {a, 500}, f = {b, 500}, g = {a, 501}, h = {c, 500};

	(void)state;
	assert_true(sl_addr_equal(&a, &b));
	assert_false(sl_addr_equal(&a, &c));
	assert_false(sl_addr_equal(&a, &d)); /* the same bytes, another family */
	assert_memory_equal(a.bytes, d.bytes, sizeof(a.bytes));
	assert_true(sl_endpoint_equal(&e, &f));
	assert_false(sl_endpoint_equal(&e, &g));
	assert_false(sl_endpoint_equal(&e, &h));
}

static void test_mask_and_range(void **state)
{
	static const struct {
		const char *in, *mask, *last;
	} cases[] = {
		{"10.1.2.3/0", "0.0.0.0/0", "255.255.255.255"},
		{"10.1.2.3/7", "10.0.0.0/7", "11.255.255.255"},
		{"10.1.2.3/8", "10.0.0.0/8", "10.255.255.255"},
		{"10.1.2.3/9", "10.0.0.0/9", "10.127.255.255"},
		{"10.1.2.3/31", "10.1.2.2/31", "10.1.2.3"},
		{"10.1.2.3/32", "10.1.2.3/32", "10.1.2.3"},
		{"fd00:1:2:3:4:5:6:7/0", "::/0", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
		{"fd00:1:2:3:4:5:6:7/60", "fd00:1:2::/60", "fd00:1:2:f:ffff:ffff:ffff:ffff"},
		{"fd00:1:2:3:4:5:6:7/127", "fd00:1:2:3:4:5:6:6/127", "fd00:1:2:3:4:5:6:7"},
		{"fd00:1:2:3:4:5:6:7/128", "fd00:1:2:3:4:5:6:7/128", "fd00:1:2:3:4:5:6:7"},
	};
	char text[SL_ADDR_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sl_prefix p = prefix(cases[i].in), masked = sl_prefix_mask(&p);
		struct sl_addr first, last;

		assert_string_equal(sl_prefix_text(&masked, text), cases[i].mask);
		sl_prefix_range(&p, &first, &last);
		assert_true(sl_addr_equal(&first, &masked.addr));
		assert_string_equal(sl_addr_text(&last, text), cases[i].last);
	}
}

static void test_contains(void **state)
{
	static const struct {
		const char *prefix, *address;
		bool contains;
	} cases[] = {
		{"10.1.0.1/16", "10.1.255.255", true},
		{"10.1.0.1/16", "10.2.0.0", false},
		{"10.1.0.1/16", "10.0.255.255", false},
		{"10.1.0.1/32", "10.1.0.1", true},
		{"10.1.0.1/32", "10.1.0.0", false},
		{"0.0.0.0/0", "255.255.255.255", true},
		{"0.0.0.0/0", "::", false},
		{"::/0", "0.0.0.0", false},
		{"::/0", "ffff::", true},
		{"fd00:2::/64", "fd00:2::ffff:0:0:1", true},
		{"fd00:2::/64", "fd00:2:0:1::", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sl_prefix p = prefix(cases[i].prefix);
		struct sl_addr a = addr(cases[i].address);

		assert_int_equal(sl_prefix_contains(&p, &a), cases[i].contains);
	}
	/* No address at all is in no prefix. */
	assert_false(sl_prefix_contains(&(struct sl_prefix){0}, &(struct sl_addr){0}));
}

static void test_overlap(void **state)
{
	static const struct {
		const char *a, *b;
		bool overlap;
	} cases[] = {
		{"10.0.0.0/8", "10.1.0.0/16", true},
		{"10.1.2.3/16", "10.1.9.9/24", true},
		{"10.1.0.0/16", "10.2.0.0/16", false},
		{"10.1.0.0/16", "10.1.0.0/16", true},
		{"0.0.0.0/0", "192.0.2.1/32", true},
		{"0.0.0.0/0", "::/0", false},
		{"fd00::/16", "fd00:2::/64", true},
		{"fd00:1::/32", "fd00:2::/64", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sl_prefix a = prefix(cases[i].a), b = prefix(cases[i].b);

		assert_int_equal(sl_prefix_overlap(&a, &b), cases[i].overlap);
		assert_int_equal(sl_prefix_overlap(&b, &a), cases[i].overlap);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addr_v4),
		cmocka_unit_test(test_addr_text),
		cmocka_unit_test(test_addr_refused),
		cmocka_unit_test(test_prefix_text),
		cmocka_unit_test(test_prefix_refused),
		cmocka_unit_test(test_endpoint_text),
		cmocka_unit_test(test_endpoint_refused),
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_mask_and_range),
		cmocka_unit_test(test_contains),
		cmocka_unit_test(test_overlap),
	};

	return cmocka_run_group_tests_name("addr", tests, NULL, NULL);
}
