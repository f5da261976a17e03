/* SPDX-License-Identifier: BSD-3-Clause */
/* Traffic selectors: intersection, and narrowing of an offer (RFC 7296 2.9). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/net/selector.h"

/* "FIRST-LAST PROTOCOL PORT-PORT", everything spelled out. */
static struct sl_ts ts(const char *text)
{
	struct sl_ts ts = {0};
	char first[SL_ADDR_TEXT], last[SL_ADDR_TEXT];
	unsigned protocol, port_first, port_last;

	assert_int_equal(
		sscanf(text, "%63[^-]-%63s %u %u-%u", first, last, &protocol, &port_first, &port_last), 5);
	assert_true(sl_addr_parse(&ts.first, first));
	assert_true(sl_addr_parse(&ts.last, last));
	ts.protocol = (uint8_t)protocol;
	ts.port_first = (uint16_t)port_first;
	ts.port_last = (uint16_t)port_last;
	return ts;
}

static void assert_ts(const struct sl_ts *got, const char *expected)
{
	struct sl_ts want = ts(expected);

	assert_true(sl_addr_equal(&got->first, &want.first));
	assert_true(sl_addr_equal(&got->last, &want.last));
	assert_int_equal(got->protocol, want.protocol);
	assert_int_equal(got->port_first, want.port_first);
	assert_int_equal(got->port_last, want.port_last);
}

static void test_from_prefix(void **state)
{
	static const struct {
		const char *prefix, *ts;
	} cases[] = {
		{"10.1.2.3/16", "10.1.0.0-10.1.255.255 0 0-65535"},
		{"10.1.2.3", "10.1.2.3-10.1.2.3 0 0-65535"},
		{"0.0.0.0/0", "0.0.0.0-255.255.255.255 0 0-65535"},
		{"fd00:2::1/64", "fd00:2::-fd00:2::ffff:ffff:ffff:ffff 0 0-65535"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sl_prefix p;

		assert_true(sl_prefix_parse(&p, cases[i].prefix));
		struct sl_ts got = sl_ts_from_prefix(&p);
		assert_ts(&got, cases[i].ts);
	}
}

static void test_intersect(void **state)
{
	static const struct {
		const char *a, *b, *common;
	} cases[] = {
		/* one inside the other, partly, at one address, apart */
		{"10.0.0.0-10.0.255.255 0 0-65535", "10.0.1.0-10.0.1.255 0 0-65535",
			"10.0.1.0-10.0.1.255 0 0-65535"},
		{"10.0.0.0-10.0.0.9 0 0-65535", "10.0.0.5-10.0.0.20 0 0-65535",
			"10.0.0.5-10.0.0.9 0 0-65535"},
		{"10.0.0.0-10.0.0.9 0 0-65535", "10.0.0.9-10.0.0.20 0 0-65535",
			"10.0.0.9-10.0.0.9 0 0-65535"},
		{"10.0.0.0-10.0.0.9 0 0-65535", "10.0.0.10-10.0.0.20 0 0-65535", NULL},
		/* protocols */
		{"10.0.0.0-10.0.0.9 6 0-65535", "10.0.0.0-10.0.0.9 0 0-65535", "10.0.0.0-10.0.0.9 6 0-65535"},
		{"10.0.0.0-10.0.0.9 6 0-65535", "10.0.0.0-10.0.0.9 6 0-65535", "10.0.0.0-10.0.0.9 6 0-65535"},
		{"10.0.0.0-10.0.0.9 6 0-65535", "10.0.0.0-10.0.0.9 17 0-65535", NULL},
		/* ports */
		{"10.0.0.0-10.0.0.9 6 80-90", "10.0.0.0-10.0.0.9 0 0-65535", "10.0.0.0-10.0.0.9 6 80-90"},
		{"10.0.0.0-10.0.0.9 6 80-90", "10.0.0.0-10.0.0.9 6 85-95", "10.0.0.0-10.0.0.9 6 85-90"},
		{"10.0.0.0-10.0.0.9 6 80-90", "10.0.0.0-10.0.0.9 6 91-95", NULL},
		{"10.0.0.0-10.0.0.9 6 80-80", "10.0.0.0-10.0.0.9 17 80-80", NULL},
		{"fd00::-fd00::9 17 53-53", "fd00::5-fd00::20 0 0-65535", "fd00::5-fd00::9 17 53-53"},
		/* type and code of ICMP: echo requests of any code, of one; a range of types; another type */
		{"10.0.0.0-10.0.0.9 1 2048-2303", "10.0.0.0-10.0.0.9 1 0-65535",
			"10.0.0.0-10.0.0.9 1 2048-2303"},
		{"10.0.0.0-10.0.0.9 1 2048-2048", "10.0.0.0-10.0.0.9 1 2048-2303",
			"10.0.0.0-10.0.0.9 1 2048-2048"},
		{"fd00::-fd00::9 58 32768-33279", "fd00::-fd00::9 58 33024-33279",
			"fd00::-fd00::9 58 33024-33279"},
		{"10.0.0.0-10.0.0.9 1 2048-2303", "10.0.0.0-10.0.0.9 1 0-255", NULL},
		{"fd00::-fd00::9 1 0-65535", "fd00::-fd00::9 58 0-65535", NULL},
		/* ports of any protocol make no sense, but in common with a protocol's */
		{"10.0.0.0-10.0.0.9 0 80-90", "10.0.0.0-10.0.0.9 0 0-65535", NULL},
		{"10.0.0.0-10.0.0.9 0 80-65535", "10.0.0.0-10.0.0.9 0 0-65535", NULL},
		{"10.0.0.0-10.0.0.9 0 0-90", "10.0.0.0-10.0.0.9 0 0-65535", NULL},
		{"10.0.0.0-10.0.0.9 0 80-90", "10.0.0.0-10.0.0.9 6 0-65535", "10.0.0.0-10.0.0.9 6 80-90"},
		/* empty ranges and OPAQUE ports meet nothing, not even themselves */
		{"10.0.0.9-10.0.0.0 0 0-65535", "0.0.0.0-255.255.255.255 0 0-65535", NULL},
		{"10.0.0.9-10.0.0.0 0 0-65535", "10.0.0.9-10.0.0.0 0 0-65535", NULL},
		{"10.0.0.0-10.0.0.9 17 65535-0", "10.0.0.0-10.0.0.9 0 0-65535", NULL},
		{"10.0.0.0-10.0.0.9 17 65535-0", "10.0.0.0-10.0.0.9 17 65535-0", NULL},
		/* families; the high byte decides */
		{"10.0.0.0-10.0.0.9 0 0-65535", "a00::-a00:9:: 0 0-65535", NULL},
		{"fd00::-fd00::ffff 0 0-65535", "fd00::1:0-fd00::2:0 0 0-65535", NULL},
		{"fd00::-fd00::2:0 0 0-65535", "fd00::ff-fd00::1:0 0 0-65535",
			"fd00::ff-fd00::1:0 0 0-65535"},
	};
	const struct sl_ts untouched = {.protocol = 99};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sl_ts a = ts(cases[i].a), b = ts(cases[i].b);
		struct sl_ts ab = untouched, ba = untouched;
		bool expected = cases[i].common != NULL;

		assert_int_equal(sl_ts_intersect(&ab, &a, &b), expected);
		assert_int_equal(sl_ts_intersect(&ba, &b, &a), expected);
		assert_ts(expected ? &ab : &a, expected ? cases[i].common : cases[i].a);
		assert_memory_equal(&ab, &ba, sizeof(ab));
		if (!expected)
			assert_int_equal(ab.protocol, untouched.protocol);
	}
	assert_false(sl_ts_intersect(&(struct sl_ts){0}, &(struct sl_ts){0}, &(struct sl_ts){0}));
}

static struct sl_ts_list list(const char *const *texts)
{
	struct sl_ts_list l = {0};

	for (; *texts != NULL; texts++)
		l.ts[l.count++] = ts(*texts);
	return l;
}

static void test_narrow(void **state)
{
	static const struct {
		const char *offered[SL_TS_MAX + 1], *allowed[SL_TS_MAX + 1], *expected[SL_TS_MAX + 1];
	} cases[] = {
		/* everything is narrowed to what there is, in both families */
		{{"0.0.0.0-255.255.255.255 0 0-65535", "::-ffff:: 0 0-65535"},
			{"fd00::-fd00::9 0 0-65535", "10.1.0.0-10.1.255.255 0 0-65535"},
			{"10.1.0.0-10.1.255.255 0 0-65535", "fd00::-fd00::9 0 0-65535"}},
		/* the packet that asked for the SA comes first and stays first */
		{{"10.1.0.7-10.1.0.7 6 80-80", "10.1.0.0-10.1.255.255 0 0-65535"},
			{"10.1.0.0-10.1.255.255 0 0-65535"},
			{"10.1.0.7-10.1.0.7 6 80-80", "10.1.0.0-10.1.255.255 0 0-65535"}},
		/* what is said already is not said again */
		{{"10.1.0.0-10.1.255.255 0 0-65535", "10.1.0.0-10.1.255.255 0 0-65535",
			 "10.1.0.7-10.1.0.7 6 80-80"},
			{"10.0.0.0-10.255.255.255 0 0-65535"}, {"10.1.0.0-10.1.255.255 0 0-65535"}},
		/* an overlap that is not a repetition stays */
		{{"10.1.0.0-10.1.0.9 0 0-65535", "10.1.0.5-10.1.0.20 0 0-65535"},
			{"10.0.0.0-10.255.255.255 0 0-65535"},
			{"10.1.0.0-10.1.0.9 0 0-65535", "10.1.0.5-10.1.0.20 0 0-65535"}},
		/* nor is one that reaches further in ports, on either side */
		{{"10.1.0.7-10.1.0.7 6 80-90", "10.1.0.7-10.1.0.7 6 70-90", "10.1.0.7-10.1.0.7 6 80-95"},
			{"10.0.0.0-10.255.255.255 0 0-65535"},
			{"10.1.0.7-10.1.0.7 6 80-90", "10.1.0.7-10.1.0.7 6 70-90",
				"10.1.0.7-10.1.0.7 6 80-95"}},
		/* or in addresses, or is about another protocol */
		{{"10.1.0.5-10.1.0.9 6 0-65535", "10.1.0.1-10.1.0.9 6 0-65535",
			 "10.1.0.5-10.1.0.9 17 0-65535"},
			{"10.0.0.0-10.255.255.255 0 0-65535"},
			{"10.1.0.5-10.1.0.9 6 0-65535", "10.1.0.1-10.1.0.9 6 0-65535",
				"10.1.0.5-10.1.0.9 17 0-65535"}},
		/* part of the offer is not ours */
		{{"192.0.2.0-192.0.2.255 0 0-65535", "10.1.0.0-10.1.0.9 0 0-65535"},
			{"10.0.0.0-10.255.255.255 0 0-65535"}, {"10.1.0.0-10.1.0.9 0 0-65535"}},
		/* nothing is */
		{{"192.0.2.0-192.0.2.255 0 0-65535"}, {"10.0.0.0-10.255.255.255 0 0-65535"}, {NULL}},
		{{NULL}, {"10.0.0.0-10.255.255.255 0 0-65535"}, {NULL}},
		{{"10.0.0.0-10.255.255.255 0 0-65535"}, {NULL}, {NULL}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sl_ts_list offered = list(cases[i].offered), allowed = list(cases[i].allowed), got;
		unsigned count = list(cases[i].expected).count;

		assert_int_equal(sl_ts_narrow(&got, &offered, &allowed), count > 0);
		assert_int_equal(got.count, count);
		for (unsigned j = 0; j < count; j++)
			assert_ts(&got.ts[j], cases[i].expected[j]);
		/* The result may replace the offer. */
		sl_ts_narrow(&offered, &offered, &allowed);
		assert_int_equal(offered.count, count);
	}
}

static void test_narrow_cuts_off(void **state)
{
	struct sl_ts_list offered = {0}, allowed = {0}, got;
	struct sl_ts want;

	/* 8 networks offered over 8 ports allowed make 64 parts. */
	(void)state;
	for (unsigned i = 0; i < SL_TS_MAX; i++) {
		struct sl_prefix p = {sl_addr_v4(0x0a000000 + (i << 16)), 16};

		offered.ts[offered.count++] = sl_ts_from_prefix(&p);
		p = (struct sl_prefix){sl_addr_v4(0), 0};
		allowed.ts[allowed.count] = sl_ts_from_prefix(&p);
		allowed.ts[allowed.count].protocol = 17;
		allowed.ts[allowed.count].port_first = allowed.ts[allowed.count].port_last =
			(uint16_t)(100 + i);
		allowed.count++;
	}
	assert_true(sl_ts_narrow(&got, &offered, &allowed));
	assert_int_equal(got.count, SL_TS_MAX);
	want = offered.ts[0];
	for (unsigned i = 0; i < SL_TS_MAX; i++) {
		assert_true(sl_addr_equal(&got.ts[i].first, &want.first));
		assert_int_equal(got.ts[i].port_first, 100 + i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_from_prefix),
		cmocka_unit_test(test_intersect),
		cmocka_unit_test(test_narrow),
		cmocka_unit_test(test_narrow_cuts_off),
	};

	return cmocka_run_group_tests_name("selector", tests, NULL, NULL);
}
