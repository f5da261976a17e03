/* SPDX-License-Identifier: BSD-3-Clause */
/* The neighbour table, with time and the network in the hands of the test; every case in both families. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "eal.h"
#include "lib/net/neigh.h"
#include "packets.h"

#define MS UINT64_C(1000000)

static const struct rte_ether_addr our_mac = {{2, 0, 0, 0, 0, 1}}, mac_a = {{2, 0, 0, 0, 0, 0xa}},
				   mac_b = {{2, 0, 0, 0, 0, 0xb}};

/* What the table did, as its owner saw it. */
static struct {
	unsigned broadcasts, unicasts, changes, sent, dropped, conflicts;
	struct sl_addr ip;
	struct rte_ether_addr mac;
	bool known;
} seen;

static void on_ask(void *owner, const struct sl_addr *ip, const struct rte_ether_addr *mac)
{
	(void)owner;
	seen.ip = *ip;
	mac ? seen.unicasts++ : seen.broadcasts++;
}

static void on_changed(void *owner, const struct sl_addr *ip, const struct rte_ether_addr *mac)
{
	(void)owner;
	seen.ip = *ip;
	seen.changes++;
	seen.known = mac != NULL;
	if (mac)
		seen.mac = *mac;
}

static void on_release(void *owner, void *packet, const struct rte_ether_addr *mac)
{
	(void)owner;
	assert_non_null(packet);
	mac ? seen.sent++ : seen.dropped++;
}

static void on_conflict(void *owner, const struct sl_addr *ip, const struct rte_ether_addr *mac)
{
	(void)owner;
	seen.ip = *ip;
	seen.mac = *mac;
	seen.conflicts++;
}

static const struct sl_neigh_ops ops = {on_ask, on_changed, on_release, on_conflict};
static char packet[1];

/* Which family a case is run in: its own addresses, and hosts beside them. */
static bool v6;

static struct sl_addr own(void)
{
	return addr_of(v6 ? "fd00:1::1" : "10.1.0.1");
}

static struct sl_addr host(uint32_t i)
{
	struct sl_addr a = addr_of(v6 ? "fd00:1::9" : "10.1.0.9");
	uint8_t *last = a.bytes + (v6 ? 12 : 0);

	put16(last + 2, (get16(last + 2) + i) & 0xffff);
	return a;
}

static int new_table(void **state)
{
	struct sl_addr addresses[] = {addr_of("fd00:1::1"), addr_of("10.1.0.1"), addr_of("fe80::1")};

	memset(&seen, 0, sizeof(seen));
	*state = sl_neigh_new("test", &our_mac, addresses, 3, &ops, NULL);
	return *state ? 0 : -1;
}

static int new_table_v4(void **state)
{
	v6 = false;
	return new_table(state);
}

static int new_table_v6(void **state)
{
	v6 = true;
	return new_table(state);
}

static int free_table(void **state)
{
	sl_neigh_free(*state);
	return 0;
}

/* What who says of itself: answering us, or (unasked) to everybody. */
static struct sl_neigh_msg tells(struct sl_addr who, const struct rte_ether_addr *mac)
{
	return (struct sl_neigh_msg){
		.solicited = true, .override = true, .has_mac = true, .mac = *mac, .who = who};
}

static struct sl_neigh_msg asks(struct sl_addr who, const struct rte_ether_addr *mac, struct sl_addr target)
{
	return (struct sl_neigh_msg){
		.ask = true, .override = true, .has_mac = true, .mac = *mac, .who = who, .target = target};
}

static void asks_and_learns(void **state)
{
	struct sl_neigh_table *t = *state;
	struct sl_addr h = host(0);
	struct sl_neigh_msg m = tells(h, &mac_a);

	assert_null(sl_neigh_resolve(t, 0, &h));
	assert_int_equal(seen.broadcasts, 1);
	assert_true(sl_addr_equal(&seen.ip, &h));
	sl_neigh_send(t, 1 * MS, &h, packet);
	sl_neigh_send(t, 1 * MS, &h, packet);
	assert_int_equal(seen.broadcasts, 1);
	assert_int_equal(seen.sent, 0);
	sl_neigh_input(t, 2 * MS, &m);
	assert_int_equal(seen.changes, 1);
	assert_true(seen.known);
	assert_int_equal(seen.sent, 2);
	assert_memory_equal(sl_neigh_resolve(t, 3 * MS, &h), &mac_a, 6);
	sl_neigh_send(t, 3 * MS, &h, packet);
	assert_int_equal(seen.sent, 3);
	assert_int_equal(sl_neigh_known(t), 1);
}

static void gives_up_after_three_questions(void **state)
{
	struct sl_neigh_table *t = *state;
	struct sl_addr h = host(0);

	for (unsigned i = 0; i < SL_NEIGH_WAITING + 2; i++)
		sl_neigh_send(t, 0, &h, packet);
	assert_int_equal(seen.dropped, 2); /* more do not wait */
	for (uint64_t now = 0; now < 10000 * MS; now += 10 * MS)
		sl_neigh_tick(t, now);
	assert_int_equal(seen.broadcasts, SL_NEIGH_QUESTIONS);
	assert_int_equal(seen.dropped, SL_NEIGH_WAITING + 2);
	assert_int_equal(seen.changes, 0);
	assert_true(sl_neigh_deadline(t) == UINT64_MAX);
}

static void refreshes_then_forgets(void **state)
{
	struct sl_neigh_table *t = *state;
	struct sl_addr h = host(0);
	struct sl_neigh_msg m = tells(h, &mac_a);

	sl_neigh_resolve(t, 0, &h);
	sl_neigh_input(t, 0, &m);
	sl_neigh_tick(t, SL_NEIGH_REACHABLE_NS);
	assert_int_equal(seen.unicasts, 1);
	assert_non_null(sl_neigh_resolve(t, SL_NEIGH_REACHABLE_NS, &h));
	m.has_mac = !v6; /* who was asked alone may answer that it is there, and no more (RFC 4861 4.4) */
	sl_neigh_input(t, SL_NEIGH_REACHABLE_NS + MS, &m);
	assert_int_equal(seen.changes, 1);
	assert_non_null(sl_neigh_resolve(t, SL_NEIGH_REACHABLE_NS + 2 * MS, &h));
	for (uint64_t now = SL_NEIGH_REACHABLE_NS; now < 3 * SL_NEIGH_REACHABLE_NS; now += 100 * MS)
		sl_neigh_tick(t, now);
	assert_int_equal(seen.unicasts, 1 + SL_NEIGH_QUESTIONS);
	assert_int_equal(seen.changes, 2);
	assert_false(seen.known);
	assert_int_equal(sl_neigh_known(t), 0);
}

static void believes_only_what_concerns_it(void **state)
{
	struct sl_neigh_table *t = *state;
	struct sl_neigh_msg stranger = tells(host(0), &mac_a), asks_others = asks(host(0), &mac_a, host(7)),
			    asks_us = asks(host(0), &mac_a, own());

	sl_neigh_input(t, 0, &stranger); /* unasked for */
	sl_neigh_input(t, 0, &asks_others);
	asks_us.has_mac = false; /* RFC 4861 7.2.3: who does not say where it is, is not remembered */
	sl_neigh_input(t, 0, &asks_us);
	assert_int_equal(seen.changes, 0);
	assert_int_equal(sl_neigh_counters(t)->ignored, 3);
	asks_us.has_mac = true;
	sl_neigh_input(t, 0, &asks_us);
	assert_int_equal(seen.changes, 1);
	/* What is known may move, announced to everybody. */
	stranger.mac = mac_b;
	stranger.solicited = false;
	sl_neigh_input(t, 0, &stranger);
	assert_int_equal(seen.changes, 2);
	assert_memory_equal(&seen.mac, &mac_b, 6);
	/* But not when it says itself that it is not meant to replace anything (RFC 4861 7.2.5). */
	stranger.mac = mac_a;
	stranger.override = false;
	sl_neigh_input(t, 0, &stranger);
	assert_int_equal(seen.changes, 2);
}

static void nobody_else_is_us(void **state)
{
	struct sl_neigh_table *t = *state;
	struct sl_addr us = own();
	struct sl_neigh_msg spoof = tells(us, &mac_b), echo = tells(us, &our_mac),
			    probe = asks(us, &mac_b, us);

	assert_true(sl_neigh_is_own(t, &us));
	sl_neigh_input(t, 0, &spoof);
	assert_int_equal(seen.conflicts, 1);
	assert_true(sl_addr_equal(&seen.ip, &us));
	assert_memory_equal(&seen.mac, &mac_b, 6);
	sl_neigh_input(t, 0, &echo);
	probe.who.family = SL_NONE;
	sl_neigh_input(t, 0, &probe);
	assert_int_equal(seen.conflicts, 1);
	assert_int_equal(seen.changes, 0);
	assert_int_equal(sl_neigh_known(t), 0);
}

static void full_of_strangers_still_serves(void **state)
{
	struct sl_neigh_table *t = *state;
	struct sl_addr h = host(0);

	for (uint32_t i = 0; i < 3 * SL_NEIGH_MAX; i++) {
		struct sl_addr other = host(i);

		sl_neigh_resolve(t, i, &other);
	}
	assert_int_equal(seen.broadcasts, 3 * SL_NEIGH_MAX);
	assert_int_equal(sl_neigh_counters(t)->evicted, 2 * SL_NEIGH_MAX);
	for (uint32_t i = 0; i < SL_NEIGH_MAX; i++) {
		struct sl_neigh_msg m = tells(host(2 * SL_NEIGH_MAX + i), &mac_a);

		sl_neigh_input(t, 4 * SL_NEIGH_MAX, &m);
	}
	/* Full of known neighbours: a new one has no place, and its packet is dropped, not lost. */
	assert_int_equal(sl_neigh_known(t), SL_NEIGH_MAX);
	sl_neigh_send(t, 4 * SL_NEIGH_MAX, &h, packet);
	assert_int_equal(seen.dropped, 1);
	assert_int_equal(sl_neigh_counters(t)->refused, 1);
}

/* Those who ask for us under one invented address after another fill the table, and push out each other only. */
static void a_flood_of_questions_evicts_no_neighbour(void **state)
{
	struct sl_neigh_table *t = *state;
	struct sl_addr good = host(0);
	struct sl_neigh_msg m = tells(good, &mac_a);

	sl_neigh_resolve(t, 0, &good);
	sl_neigh_input(t, 0, &m);
	for (uint32_t i = 1; i < 3 * SL_NEIGH_MAX; i++) {
		m = asks(host(i), &mac_b, own());
		sl_neigh_input(t, i, &m);
	}
	assert_int_equal(sl_neigh_known(t), SL_NEIGH_MAX);
	assert_non_null(sl_neigh_resolve(t, 4 * SL_NEIGH_MAX, &good));
	assert_int_equal(seen.broadcasts, 1);
	/* One who answers gets a place all the same. */
	good = host(3 * SL_NEIGH_MAX);
	sl_neigh_resolve(t, 4 * SL_NEIGH_MAX, &good);
	m = tells(good, &mac_a);
	sl_neigh_input(t, 4 * SL_NEIGH_MAX, &m);
	assert_non_null(sl_neigh_resolve(t, 4 * SL_NEIGH_MAX, &good));
}

static void packets_that_wait_are_bounded(void **state)
{
	struct sl_neigh_table *t = *state;

	for (uint32_t i = 0; i < SL_NEIGH_MAX; i++) {
		struct sl_addr h = host(i);

		sl_neigh_send(t, 0, &h, packet);
	}
	assert_int_equal(seen.dropped, SL_NEIGH_MAX - SL_NEIGH_WAITING_TOTAL);
	for (uint64_t now = 0; now < 10000 * MS; now += 10 * MS)
		sl_neigh_tick(t, now);
	assert_int_equal(seen.dropped, SL_NEIGH_MAX);
	/* There is room again. */
	for (uint32_t i = 0; i < SL_NEIGH_WAITING_TOTAL; i++) {
		struct sl_addr h = host(i);

		sl_neigh_send(t, 20000 * MS, &h, packet);
	}
	assert_int_equal(seen.dropped, SL_NEIGH_MAX);
}

/* A table full of entries that are due one after another is not gone through for each. */
static void timers_run_together(void **state)
{
	struct sl_neigh_table *t = *state;
	unsigned wakes = 0;

	for (uint32_t i = 0; i < SL_NEIGH_MAX; i++) {
		struct sl_addr h = host(i);

		sl_neigh_resolve(t, i * MS / 40, &h); /* over 100 ms */
	}
	for (uint64_t due; (due = sl_neigh_deadline(t)) != UINT64_MAX; wakes++)
		sl_neigh_tick(t, due);
	assert_int_equal(seen.broadcasts, SL_NEIGH_QUESTIONS * SL_NEIGH_MAX);
	assert_true(wakes <= 3 * 12);
}

static bool count_until_two(void *count, const struct sl_neigh_info *info)
{
	assert_true(info->ip.family == (v6 ? SL_IPV6 : SL_IPV4));
	return ++*(unsigned *)count < 2;
}

/* What is told of each entry, in every state. */
static void what_is_known(void **state)
{
	struct sl_neigh_table *t = *state;
	struct sl_addr silent = host(0), there = host(1), stranger = host(2);
	struct sl_neigh_msg m = tells(there, &mac_a);
	struct sl_neigh_info info;
	unsigned count = 0;

	assert_false(sl_neigh_find(t, &there, &info));
	sl_neigh_each(t, count_until_two, &count);
	assert_int_equal(count, 0);
	sl_neigh_resolve(t, 5 * MS, &silent);
	sl_neigh_resolve(t, 5 * MS, &there);
	sl_neigh_input(t, 7 * MS, &m);
	m = asks(stranger, &mac_b, own());
	sl_neigh_input(t, 9 * MS, &m);
	sl_neigh_each(t, count_until_two, &count);
	assert_int_equal(count, 2); /* of three */
	assert_true(sl_neigh_find(t, &silent, &info));
	assert_int_equal(info.state, SL_NEIGH_INCOMPLETE);
	assert_true(info.since == 5 * MS && rte_is_zero_ether_addr(&info.mac));
	assert_true(sl_neigh_find(t, &there, &info));
	assert_int_equal(info.state, SL_NEIGH_REACHABLE);
	assert_true(info.since == 7 * MS && rte_is_same_ether_addr(&info.mac, &mac_a));
	assert_true(sl_addr_equal(&info.ip, &there));
	assert_true(sl_neigh_find(t, &stranger, &info));
	assert_true(info.since == 9 * MS && rte_is_same_ether_addr(&info.mac, &mac_b));
	sl_neigh_tick(t, 10 * MS + SL_NEIGH_REACHABLE_NS);
	assert_true(sl_neigh_find(t, &there, &info));
	assert_int_equal(info.state, SL_NEIGH_PROBE);
	assert_true(info.since == 7 * MS && rte_is_same_ether_addr(&info.mac, &mac_a));
	m = tells(there, &mac_b);
	sl_neigh_input(t, 11 * MS + SL_NEIGH_REACHABLE_NS, &m);
	assert_true(sl_neigh_find(t, &there, &info));
	assert_int_equal(info.state, SL_NEIGH_REACHABLE);
	assert_true(info.since == 11 * MS + SL_NEIGH_REACHABLE_NS);
}

int main(void)
{
#define BOTH(f)                                                                                              \
	cmocka_unit_test_setup_teardown(f, new_table_v4, free_table),                                        \
	{                                                                                                    \
#f "_v6", f, new_table_v6, free_table, NULL                                                  \
	}
	const struct CMUnitTest tests[] = {
		BOTH(asks_and_learns),
		BOTH(gives_up_after_three_questions),
		BOTH(refreshes_then_forgets),
		BOTH(believes_only_what_concerns_it),
		BOTH(nobody_else_is_us),
		BOTH(full_of_strangers_still_serves),
		BOTH(a_flood_of_questions_evicts_no_neighbour),
		BOTH(packets_that_wait_are_bounded),
		BOTH(timers_run_together),
		BOTH(what_is_known),
	};

	return cmocka_run_group_tests_name("neigh", tests, eal_for_tests, NULL);
}
