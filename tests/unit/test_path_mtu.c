/* SPDX-License-Identifier: BSD-3-Clause */
/* What the gateway believes about the path to a peer, with the SAs and the time in the hands of the test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "app/gateway/gateway.h"
#include "lib/net/ip.h"
#include "packets.h"

#define MINUTE (60 * SECOND_NS)

enum { SPI = 0x1234, PEERS = 2, SECOND_PEER = 1 };

static uint64_t now;
static unsigned changes;
static struct sl_config_peer peer_configs[PEERS];
static struct sl_config config = {.peers = peer_configs, .peer_count = PEERS};
static struct sl_config_port wire = {.mtu = 1500};
static struct peer peers[PEERS];
static struct gateway g;

uint64_t gateway_now(void)
{
	return now;
}

/* The SAs: one, of the second peer. */
int sa_peer_told(const struct gateway *gateway, const struct sl_icmp_too_big *told)
{
	(void)gateway;
	return told->spi == SPI ? SECOND_PEER : -1;
}

void sa_path_mtu(struct gateway *gateway, unsigned peer, unsigned mtu)
{
	changes++;
	gateway->peers[peer].path_mtu = mtu;
}

static int set_up(void **state)
{
	(void)state;
	memset(peers, 0, sizeof(peers));
	for (unsigned i = 0; i < PEERS; i++) {
		peer_configs[i].name = (char *)(uintptr_t) "peer.test";
		peers[i].config = &peer_configs[i];
	}
	g = (struct gateway){.config = &config, .wire.config = &wire, .peers = peers, .peer_slots = PEERS};
	now = 1000 * MINUTE;
	changes = 0;
	return 0;
}

static void tell(const char *src, uint32_t spi, unsigned mtu)
{
	struct sl_icmp_too_big told = {.src = addr_of(src), .dst = addr_of(src), .spi = spi, .mtu = mtu};

	path_mtu_told(&g, &told);
}

static void tell4(unsigned mtu)
{
	tell("192.0.2.1", SPI, mtu);
}

static unsigned known(void)
{
	return peers[SECOND_PEER].path_mtu;
}

static void lowered_and_never_raised(void **state)
{
	(void)state;
	tell4(1400);
	assert_int_equal(known(), 1400);
	assert_int_equal(peers[0].path_mtu, 0);
	tell4(1450);
	tell4(65535);
	assert_int_equal(known(), 1400);
	assert_int_equal(changes, 1);
	tell4(1399);
	assert_int_equal(known(), 1399);
}

static void what_would_fit_already_is_no_news(void **state)
{
	(void)state;
	tell4(1500);
	tell4(9000);
	assert_int_equal(known(), 0);
	assert_int_equal(changes, 0);
}

static void forged_ones_are_counted_and_change_nothing(void **state)
{
	(void)state;
	tell("192.0.2.1", SPI + 1, 600);
	assert_int_equal(changes, 0);
	assert_int_equal(g.errors.forged, 1);
	assert_int_equal(g.errors.heard, 0);
}

static void there_is_a_floor(void **state)
{
	(void)state;
	tell4(68);
	assert_int_equal(known(), SL_IPV4_MTU_MIN);
	set_up(NULL);
	tell("2001:db8::1", SPI, 68);
	assert_int_equal(known(), SL_IPV6_MTU_MIN);
}

static void old_routers_do_not_say_how_much(void **state)
{
	static const unsigned steps[] = {1492, 1006, 576, 576};

	(void)state;
	for (unsigned i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		tell4(0);
		assert_int_equal(known(), steps[i]);
	}
}

static void forgotten_after_ten_minutes(void **state)
{
	(void)state;
	tell4(1400);
	now += 10 * MINUTE - 1;
	path_mtu_tick(&g, now);
	assert_int_equal(known(), 1400);
	/* Told once more, it is remembered for as long again. */
	tell4(1400);
	now += 10 * MINUTE - 1;
	path_mtu_tick(&g, now);
	assert_int_equal(known(), 1400);
	path_mtu_tick(&g, ++now);
	assert_int_equal(known(), 0);
	path_mtu_tick(&g, now);
	assert_int_equal(changes, 2);
}

static void storms_are_not_listened_to(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 10000; i++)
		tell("192.0.2.1", SPI + 1, 600);
	assert_int_equal(g.errors.forged, 100);
	now += SECOND_NS;
	tell4(1400);
	assert_int_equal(known(), 1400);
}

int main(void)
{
#define FRESH(f) cmocka_unit_test_setup(f, set_up)
	const struct CMUnitTest tests[] = {
		FRESH(lowered_and_never_raised),
		FRESH(what_would_fit_already_is_no_news),
		FRESH(forged_ones_are_counted_and_change_nothing),
		FRESH(there_is_a_floor),
		FRESH(old_routers_do_not_say_how_much),
		FRESH(forgotten_after_ten_minutes),
		FRESH(storms_are_not_listened_to),
	};

	return cmocka_run_group_tests_name("path_mtu", tests, NULL, NULL);
}
