/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Child SAs as the gateway keeps them, with the workers in the hands of the test: whom a router is believed about, and how
 * long a session and its keys live.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "app/gateway/gateway.h"
#include "app/gateway/keylog.h"
#include "lib/crypto/secret.h"
#include "packets.h"

enum { PEERS = 2, PEER = 1, WORKERS = 2, COMMANDS_MAX = 32, SPI_OUT = 0x11223344, SOFT = 1000 };

static struct sl_config_peer configs[PEERS];
static struct sl_config_port wire = {.mtu = 1500};
static struct peer peers[PEERS];
static struct worker workers[WORKERS];
static struct gateway g;

/* ---- What sa.c calls ------------------------------------------------------------------------------------------------- */

static struct command commands[COMMANDS_MAX];
static unsigned command_count;

void worker_command(struct worker *w, const struct command *command)
{
	(void)w;
	assert_true(command_count < COMMANDS_MAX);
	commands[command_count++] = *command;
}

void gateway_command_all(struct gateway *gateway, const struct command *command)
{
	(void)gateway;
	(void)command;
}

/* ---- The stage ------------------------------------------------------------------------------------------------------- */

static int set_up(void **state)
{
	(void)state;
	memset(peers, 0, sizeof(peers));
	memset(configs, 0, sizeof(configs));
	for (unsigned i = 0; i < PEERS; i++) {
		configs[i].rekey_packets = configs[i].rekey_bytes = SOFT;
		peers[i].config = &configs[i];
		peers[i].owner = SL_NO_WORKER;
	}
	g = (struct gateway){.wire.config = &wire,
		.plain.config = &wire,
		.peers = peers,
		.peer_slots = PEERS,
		.workers = workers,
		.worker_count = WORKERS};
	command_count = 0;
	return sl_crypto_init() || sa_init(&g);
}

static int tear_down(void **state)
{
	(void)state;
	sa_fini(&g);
	return 0;
}

static struct sl_ts_list selector_of(const char *prefix)
{
	struct sl_prefix p;

	assert_true(sl_prefix_parse(&p, prefix));
	return (struct sl_ts_list){.count = 1, .ts = {sl_ts_from_prefix(&p)}};
}

/* An SA of worker 1 with the second peer, between 192.0.2.1 and 192.0.2.2, installed. Returns its inbound SPI. */
static uint32_t install(bool udp)
{
	struct sl_ike_child child = {
		.peer = PEER,
		.worker = 1,
		.flow = SL_IKE_NO_FLOW,
		.spi_in = sa_spi_alloc(&g, PEER, 1),
		.spi_out = SPI_OUT,
		.cipher = SL_AES256GCM16,
		.esn = true,
		.udp = udp,
		.path = {{addr_of("192.0.2.1"), 4500}, {addr_of("192.0.2.2"), 4501}},
		.local = selector_of("10.1.0.0/16"),
		.remote = selector_of("10.2.0.0/16"),
	};

	memset(&child.in, 0xaa, sizeof(child.in));
	memset(&child.out, 0xbb, sizeof(child.out));
	assert_int_equal(sa_install(&g, &child), 0);
	assert_int_equal(command_count, 1);
	assert_int_equal(commands[0].type, COMMAND_IN_INSTALL);
	return child.spi_in;
}

/* ---- "Too big" ------------------------------------------------------------------------------------------------------- */

static struct sl_icmp_too_big quote(bool udp)
{
	return (struct sl_icmp_too_big){
		.src = addr_of("192.0.2.1"),
		.dst = addr_of("192.0.2.2"),
		.src_port = udp ? 4500 : 0,
		.dst_port = udp ? 4501 : 0,
		.spi = SPI_OUT,
		.mtu = 1400,
	};
}

static void whoever_quotes_a_packet_of_ours_is_believed(void **state)
{
	(void)state;
	for (int udp = 0; udp < 2; udp++) {
		struct sl_icmp_too_big told = quote(udp);
		uint32_t spi = install(udp);

		assert_int_equal(sa_peer_told(&g, &told), PEER);
		/* NICs and paths are spread by the source port, so it is any. */
		told.src_port ^= udp ? 0x100 : 0;
		assert_int_equal(sa_peer_told(&g, &told), PEER);
		sa_remove(&g, PEER, spi);
		assert_int_equal(sa_peer_told(&g, &told), -1);
		sa_in_released(&g, commands[0].object);
		command_count = 0;
	}
}

static void whoever_does_not_is_not(void **state)
{
	(void)state;
	for (int udp = 0; udp < 2; udp++) {
		const struct sl_icmp_too_big right = quote(udp);
		struct sl_icmp_too_big told = right;
		uint32_t spi = install(udp);

		told.spi ^= 1;
		assert_int_equal(sa_peer_told(&g, &told), -1);
		told = right;
		told.spi = spi; /* what we receive with is not what we send with */
		assert_int_equal(sa_peer_told(&g, &told), -1);
		told = right;
		told.src = addr_of("192.0.2.9");
		assert_int_equal(sa_peer_told(&g, &told), -1);
		told = right;
		told.dst = addr_of("192.0.2.9");
		assert_int_equal(sa_peer_told(&g, &told), -1);
		told = right;
		told.dst_port = udp ? 4500 : 4501;
		assert_int_equal(sa_peer_told(&g, &told), -1);
		told.dst_port = udp ? 0 : 4500;
		assert_int_equal(sa_peer_told(&g, &told), -1);
		sa_remove(&g, PEER, spi);
		sa_in_released(&g, commands[0].object);
		command_count = 0;
	}
}

static void an_spi_that_is_only_reserved_says_nothing(void **state)
{
	struct sl_icmp_too_big told = quote(true);

	(void)state;
	told.spi = 0; /* which it has instead of the peer's */
	assert_int_not_equal(sa_spi_alloc(&g, PEER, 0), 0);
	assert_int_equal(sa_peer_told(&g, &told), -1);
}

/* ---- Lives of sessions ------------------------------------------------------------------------------------------------- */

static bool is_wiped(const void *object, size_t size)
{
	const uint8_t *bytes = object;
	uint8_t sum = 0;

	for (size_t i = 0; i < size; i++)
		sum |= bytes[i];
	return sum == 0;
}

static void sessions_live_until_the_worker_lets_go_and_are_wiped(void **state)
{
	uint32_t spi = install(true);
	struct sl_esp_in *in = commands[0].object;
	struct sl_esp_out *out;

	(void)state;
	sa_use_outbound(&g, PEER, spi);
	assert_int_equal(commands[1].type, COMMAND_OUT_SWITCH);
	out = commands[1].object;
	sa_remove(&g, PEER, spi);
	assert_int_equal(commands[2].type, COMMAND_OUT_SWITCH);
	assert_ptr_equal(commands[2].old, out);
	assert_int_equal(commands[3].type, COMMAND_IN_REMOVE);
	sa_in_released(&g, in);
	assert_int_equal(sl_secret_pool_used(g.ins), 1);
	assert_int_equal(sl_secret_pool_used(g.outs), 1);
	assert_false(is_wiped(out, sizeof(*out)));
	sa_out_released(&g, out);
	assert_int_equal(sl_secret_pool_used(g.ins), 0);
	assert_int_equal(sl_secret_pool_used(g.outs), 0);
	/* The pools keep their memory. */
	assert_true(is_wiped(in, sizeof(*in)));
	assert_true(is_wiped(out, sizeof(*out)));
}

static void an_spi_names_its_worker_and_is_not_soon_used_again(void **state)
{
	uint32_t first = sa_spi_alloc(&g, PEER, 1), second;

	(void)state;
	assert_int_equal(sl_spi_worker(first), 1);
	assert_true(first >= SL_ESP_SPI_MIN);
	sa_spi_free(&g, first ^ 1); /* which is another one, of the same slot */
	second = sa_spi_alloc(&g, 0, 0);
	assert_int_not_equal(sl_spi_slot(second), sl_spi_slot(first));
	sa_spi_free(&g, first);
	sa_spi_free(&g, second);
	assert_int_equal(g.free_count, SL_SLOTS - 1);
	for (unsigned i = 0; i < 100; i++)
		assert_int_not_equal(sl_spi_slot(sa_spi_alloc(&g, 0, 0)), sl_spi_slot(first));
}

static void sealing_stops_at_twice_the_soft_limits(void **state)
{
	uint32_t spi = install(true);

	(void)state;
	sa_use_outbound(&g, PEER, spi);
	assert_int_equal(((struct sl_esp_out *)commands[1].object)->seq_limit, 2 * SOFT);
	assert_int_equal(((struct sl_esp_out *)commands[1].object)->byte_limit, 2 * SOFT);
}

int main(void)
{
#define FRESH(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		FRESH(whoever_quotes_a_packet_of_ours_is_believed),
		FRESH(whoever_does_not_is_not),
		FRESH(an_spi_that_is_only_reserved_says_nothing),
		FRESH(sessions_live_until_the_worker_lets_go_and_are_wiped),
		FRESH(an_spi_names_its_worker_and_is_not_soon_used_again),
		FRESH(sealing_stops_at_twice_the_soft_limits),
	};

	return cmocka_run_group_tests_name("sa", tests, NULL, NULL);
}
