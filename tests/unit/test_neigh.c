/* SPDX-License-Identifier: BSD-3-Clause */
/* The neighbour table, with time and the network in the hands of the test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "eal.h"
#include "lib/net/neigh.h"

#define MS UINT64_C(1000000)

enum { OWN = 0x0a010001, HOST = 0x0a010009 };

static const struct rte_ether_addr mac_a = {{2, 0, 0, 0, 0, 0xa}}, mac_b = {{2, 0, 0, 0, 0, 0xb}};

/* What the table did, as its owner saw it. */
static struct {
	unsigned broadcasts, unicasts, changes, sent, dropped;
	uint32_t ip;
	struct rte_ether_addr mac;
	bool known;
} seen;

static void on_request(void *owner, uint32_t ip, const struct rte_ether_addr *mac)
{
	(void)owner;
	seen.ip = ip;
	mac ? seen.unicasts++ : seen.broadcasts++;
}

static void on_changed(void *owner, uint32_t ip, const struct rte_ether_addr *mac)
{
	(void)owner;
	seen.ip = ip;
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

static const struct sl_neigh_ops ops = {on_request, on_changed, on_release};
static char packet[1];

static int new_table(void **state)
{
	memset(&seen, 0, sizeof(seen));
	*state = sl_neigh_new("test", OWN, &ops, NULL);
	return *state ? 0 : -1;
}

static int free_table(void **state)
{
	sl_neigh_free(*state);
	return 0;
}

static struct sl_arp reply(uint32_t ip, const struct rte_ether_addr *mac)
{
	return (struct sl_arp){.reply = true, .sender_mac = *mac, .sender_ip = ip, .target_ip = OWN};
}

static void asks_and_learns(void **state)
{
	struct sl_neigh_table *t = *state;
	struct sl_arp a = reply(HOST, &mac_a);

	assert_null(sl_neigh_resolve(t, 0, HOST));
	assert_int_equal(seen.broadcasts, 1);
	assert_int_equal(seen.ip, HOST);
	sl_neigh_send(t, 1 * MS, HOST, packet);
	sl_neigh_send(t, 1 * MS, HOST, packet);
	assert_int_equal(seen.broadcasts, 1);
	assert_int_equal(seen.sent, 0);
	sl_neigh_input(t, 2 * MS, &a);
	assert_int_equal(seen.changes, 1);
	assert_true(seen.known);
	assert_int_equal(seen.sent, 2);
	assert_memory_equal(sl_neigh_resolve(t, 3 * MS, HOST), &mac_a, 6);
	sl_neigh_send(t, 3 * MS, HOST, packet);
	assert_int_equal(seen.sent, 3);
	assert_int_equal(sl_neigh_known(t), 1);
}

static void gives_up_after_three_requests(void **state)
{
	struct sl_neigh_table *t = *state;

	for (unsigned i = 0; i < SL_NEIGH_WAITING + 2; i++)
		sl_neigh_send(t, 0, HOST, packet);
	assert_int_equal(seen.dropped, 2); /* more do not wait */
	for (uint64_t now = 0; now < 10000 * MS; now += 10 * MS)
		sl_neigh_tick(t, now);
	assert_int_equal(seen.broadcasts, SL_NEIGH_REQUESTS);
	assert_int_equal(seen.dropped, SL_NEIGH_WAITING + 2);
	assert_int_equal(seen.changes, 0);
	assert_true(sl_neigh_deadline(t) == UINT64_MAX);
}

static void refreshes_then_forgets(void **state)
{
	struct sl_neigh_table *t = *state;
	struct sl_arp a = reply(HOST, &mac_a);

	sl_neigh_resolve(t, 0, HOST);
	sl_neigh_input(t, 0, &a);
	sl_neigh_tick(t, SL_NEIGH_REACHABLE_NS);
	assert_int_equal(seen.unicasts, 1);
	assert_non_null(sl_neigh_resolve(t, SL_NEIGH_REACHABLE_NS, HOST));
	sl_neigh_input(t, SL_NEIGH_REACHABLE_NS + MS, &a);
	assert_int_equal(seen.changes, 1);
	for (uint64_t now = SL_NEIGH_REACHABLE_NS; now < 3 * SL_NEIGH_REACHABLE_NS; now += 100 * MS)
		sl_neigh_tick(t, now);
	assert_int_equal(seen.unicasts, 1 + SL_NEIGH_REQUESTS);
	assert_int_equal(seen.changes, 2);
	assert_false(seen.known);
	assert_int_equal(sl_neigh_known(t), 0);
}

static void believes_only_what_concerns_it(void **state)
{
	struct sl_neigh_table *t = *state;
	struct sl_arp stranger = reply(HOST, &mac_a), asks_us = stranger, spoof = reply(OWN, &mac_b);

	sl_neigh_input(t, 0, &stranger); /* unasked for */
	assert_int_equal(seen.changes, 0);
	asks_us.reply = false;
	asks_us.target_ip = OWN + 1;
	sl_neigh_input(t, 0, &asks_us);
	assert_int_equal(seen.changes, 0);
	sl_neigh_input(t, 0, &spoof); /* claims to be us */
	assert_int_equal(seen.changes, 0);
	asks_us.target_ip = OWN;
	sl_neigh_input(t, 0, &asks_us);
	assert_int_equal(seen.changes, 1);
	/* What is known may move, announced to everybody. */
	stranger.sender_mac = mac_b;
	stranger.target_ip = HOST;
	sl_neigh_input(t, 0, &stranger);
	assert_int_equal(seen.changes, 2);
	assert_memory_equal(&seen.mac, &mac_b, 6);
}

static void full_of_strangers_still_serves(void **state)
{
	struct sl_neigh_table *t = *state;

	for (uint32_t i = 0; i < 3 * SL_NEIGH_MAX; i++)
		sl_neigh_resolve(t, i, HOST + i);
	assert_int_equal(seen.broadcasts, 3 * SL_NEIGH_MAX);
	for (uint32_t i = 0; i < SL_NEIGH_MAX; i++) {
		struct sl_arp a = reply(HOST + 2 * SL_NEIGH_MAX + i, &mac_a);

		sl_neigh_input(t, 4 * SL_NEIGH_MAX, &a);
	}
	/* Full of known neighbours: a new one has no place, and its packet is dropped, not lost. */
	assert_int_equal(sl_neigh_known(t), SL_NEIGH_MAX);
	sl_neigh_send(t, 4 * SL_NEIGH_MAX, HOST, packet);
	assert_int_equal(seen.dropped, 1);
}

int main(void)
{
#define WITH_TABLE(f) cmocka_unit_test_setup_teardown(f, new_table, free_table)
	const struct CMUnitTest tests[] = {
		WITH_TABLE(asks_and_learns),
		WITH_TABLE(gives_up_after_three_requests),
		WITH_TABLE(refreshes_then_forgets),
		WITH_TABLE(believes_only_what_concerns_it),
		WITH_TABLE(full_of_strangers_still_serves),
	};

	return cmocka_run_group_tests_name("neigh", tests, eal_for_tests, NULL);
}
