/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * More commands than the ring to a worker holds, for one that stands still: the real worker, which the test drives. Each
 * command is one about routes, which the worker answers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <rte_ring_elem.h>

#include "app/gateway/worker.h"
#include "eal.h"

enum { MANY = 3 * WORKER_EVENTS }; /* more than both rings hold */

static struct worker worker;
static struct rte_mempool *mbufs;
static atomic_bool control_sleeps;
static uintptr_t given, answered;

static int set_up(void **state)
{
	static const struct port port = {.tx_queues = 1};
	static const uint8_t key[64];

	(void)state;
	worker.control_sleeps = &control_sleeps;
	worker.all = &worker;
	if (eal_for_tests(NULL) || worker_init(&worker, 0, 1, &port, &port, key))
		return -1;
	mbufs = rte_pktmbuf_pool_create("backlog", 7, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	return mbufs ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	worker_fini(&worker);
	rte_mempool_free(mbufs);
	return 0;
}

/* To a worker that does nothing meanwhile. */
static void give(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		worker_command(&worker, &(struct command){.type = COMMAND_ROUTES, .old = (void *)++given});
}

/* It works as long as it has commands, and room for its answers. */
static void work(void)
{
	while (worker_round(&worker) > 0)
		;
}

/* They come in the order of the commands. Returns how many there were. */
static unsigned take_answers(void)
{
	struct event event;
	unsigned n = 0;

	for (; rte_ring_sc_dequeue_elem(worker.events, &event, sizeof(event)) == 0; n++) {
		assert_int_equal(event.type, EVENT_ROUTES_RELEASED);
		assert_int_equal((uintptr_t)event.object, ++answered);
	}
	return n;
}

static void all_go_through_in_order(void **state)
{
	unsigned turns = 0;

	(void)state;
	give(MANY);
	assert_true(rte_ring_full(worker.commands));
	assert_int_equal(worker.backlog.count, MANY - rte_ring_get_capacity(worker.commands));
	assert_false(worker_catches_up(&worker));
	while (!worker_catches_up(&worker) || !rte_ring_empty(worker.commands)) {
		work();
		/* What comes meanwhile goes behind what waits. */
		if (turns++ < 2)
			give(100);
		assert_true(take_answers() > 0);
	}
	work();
	take_answers();
	assert_int_equal(answered, given);
	assert_int_equal(worker.backlog.count, 0);
}

/* The worker has no room for answers, and the control thread is still busy with more commands: neither waits for the other. */
static void full_both_ways(void **state)
{
	(void)state;
	for (unsigned i = 0; i < MANY / 1024; i++) {
		give(1024);
		work();
	}
	assert_true(rte_ring_free_count(worker.events) < WORKER_BURST);
	assert_true(worker.backlog.count > 0);
	while (answered < given) {
		assert_true(take_answers() > 0);
		worker_catches_up(&worker);
		work();
	}
}

/* What has been given leaves space in front, which is used before there is more. */
static void space_is_used_again(void **state)
{
	const unsigned ring = rte_ring_get_capacity(worker.commands), room = 2 * WORKER_COMMANDS;

	(void)state;
	backlog_fini(&worker.backlog);
	give(ring + room);
	assert_int_equal(worker.backlog.room, room);
	for (unsigned i = 0; i < 2; i++) {
		work();
		assert_false(worker_catches_up(&worker));
		take_answers();
	}
	give(room / 2);
	assert_int_equal(worker.backlog.room, room);
	while (answered < given) {
		work();
		worker_catches_up(&worker);
		take_answers();
	}
}

static void packets_do_not_overtake(void **state)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(mbufs);
	struct command last = {0};

	(void)state;
	give(3 * WORKER_COMMANDS);
	assert_false(worker_could_catch_up(&worker));
	assert_false(worker_send(&worker, COMMAND_SEND_WIRE, m));
	work();
	/* The ring is empty, but others come before it, and fill it. */
	assert_true(worker_could_catch_up(&worker));
	assert_false(worker_send(&worker, COMMAND_SEND_WIRE, m));
	while (answered < given) {
		worker_catches_up(&worker);
		work();
		take_answers();
	}
	assert_false(worker_could_catch_up(&worker));
	assert_true(worker_send(&worker, COMMAND_SEND_WIRE, m));
	assert_int_equal(rte_ring_sc_dequeue_elem(worker.commands, &last, sizeof(last)), 0);
	assert_ptr_equal(last.object, m);
	rte_pktmbuf_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_go_through_in_order),
		cmocka_unit_test(full_both_ways),
		cmocka_unit_test(space_is_used_again),
		cmocka_unit_test(packets_do_not_overtake),
	};

	return cmocka_run_group_tests_name("backlog", tests, set_up, tear_down);
}
