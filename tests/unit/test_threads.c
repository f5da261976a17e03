/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Threads as in a gateway: workers on lcores of their own, a control thread that gives and takes sessions, neighbours and
 * routes while traffic flows, and one that reads all counters, as telemetry does. What must hold in the end: every session
 * and every mbuf is back, and every packet is in the account. Under ThreadSanitizer (scripts/test.sh --under tsan) it
 * also shows that no two of them touch the same at the same time.
 *
 * The gateway is its own peer: what its wire port sends is what it receives.
 *
 *     control thread ─► plain port ─► seal ─► wire port ─┐
 *     control thread ◄─ plain port ◄─ open ◄─ wire port ◄┘
 *
 * Ports and mempools are rings (ring_ports.h), so that a sanitizer sees who hands what to whom.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>

#include <cmocka.h>
#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_mempool.h>
#include <rte_ring.h>
#include <rte_ring_elem.h>

#include "app/gateway/gateway.h"
#include "app/gateway/keylog.h"
#include "app/gateway/sa.h"
#include "dataplane_pair.h"
#include "eal.h"
#include "lib/crypto/secret.h"
#include "ring_ports.h"

enum {
	WORKERS = 3,
	PEERS = 4, /* peer p is at 10.2.p.0/24 */
	HOSTS = 8,
	ROUNDS = 6000,
	LIVE = 48, /* SAs at a time */
	MBUFS = 8191,
	MBUFS_SPARE = 2048,
	FRAMES = 8, /* a round */
	PATIENCE_S = 100,
	PACE = WORKER_COMMANDS / 4,
};

enum { WIRE, PLAIN };

static struct pair pair; /* frames are made as for its alpha */
static struct gateway g;
static struct worker workers[WORKERS];
static struct peer peers[PEERS];
static struct sl_config_peer peer_config = {
	.rekey_packets = UINT32_MAX, .rekey_bytes = UINT32_MAX, .udp = true};
static struct sl_config_port port_config = {.mtu = 1500};
static struct sl_routes *routes[2]; /* the same, and each in its turn */
static const struct rte_ether_addr wire_mac = {{2, 0, 0, 0, 1, 2}}, plain_mac = {{2, 0, 0, 0, 1, 1}};

/* What the control thread has done and seen. */
static struct {
	uint32_t live[LIVE];
	unsigned live_count;
	uint64_t state; /* of its dice */
	uint64_t put_in, sealed_own, came_out, handed;
	unsigned installed, moved, removed, in_released, out_released, neighbours, known, routes,
		routes_released;
} control;

/* As links.c has it: for sa.c too. */
void gateway_command_all(struct gateway *gateway, const struct command *command)
{
	for (unsigned i = 0; i < WORKERS; i++)
		worker_command(&gateway->workers[i], command);
}

/* ---- The stage ------------------------------------------------------------------------------------------------------------ */

static struct sl_routes *make_routes(const char *name)
{
	struct sl_routes *made = sl_routes_new(name, 64);

	assert_non_null(made);
	for (unsigned i = 0; i < PEERS; i++) {
		struct sl_prefix prefix = {.addr = sl_addr_v4(0x0a020000 | i << 8), .len = 24};

		assert_int_equal(sl_routes_add(made, &prefix, i), 0);
	}
	return made;
}

static int set_up(void **state)
{
	(void)state;
	if (ring_pool_register() || eal_with_lcores(WORKERS + 1) || sl_crypto_init())
		return -1;
	g.mbufs = pair.mbufs = rte_pktmbuf_pool_create_by_ops(
		"threads", MBUFS, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY, RING_POOL);
	pair.alpha.plain.mac = plain_mac;
	routes[0] = make_routes("routes0");
	routes[1] = make_routes("routes1");
	return g.mbufs ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	sl_routes_free(routes[0]);
	sl_routes_free(routes[1]);
	rte_mempool_free(g.mbufs);
	return 0;
}

/* What worker w sends on the wire is what the next one receives. */
static void make_ports(unsigned queues)
{
	for (unsigned q = 0; q < queues; q++) {
		ring_port_cable(WIRE, q, WIRE, (q + 1) % queues);
		ring_port_open(PLAIN, q);
	}
}

static void make_worker(unsigned id, unsigned queues)
{
	const struct port wire = {.id = WIRE, .rx_queues = (uint16_t)queues, .tx_queues = (uint16_t)queues},
			  plain = {.id = PLAIN, .rx_queues = (uint16_t)queues, .tx_queues = (uint16_t)queues};
	struct worker *w = &workers[id];

	memset(w, 0, sizeof(*w));
	w->all = workers;
	w->lcore = id + 1;
	w->idle_sleep = 100000;
	w->plain_open = true;
	w->wake_fd = g.wake_fd;
	w->control_sleeps = &g.asleep;
	assert_int_equal(worker_init(w, id, WORKERS, &wire, &plain, NULL), 0);
	w->dp.wire = (struct sl_link){.mac = wire_mac, .count4 = 1, .ip4 = {ALPHA_WIRE}};
	w->dp.plain = (struct sl_link){.mac = plain_mac, .count4 = 1, .ip4 = {ALPHA_PLAIN}};
	w->dp.routes = routes[0];
	w->dp.pool = g.mbufs;
}

static void make_gateway(unsigned queues)
{
	memset(&control, 0, sizeof(control));
	control.state = queues;
	memset(peers, 0, sizeof(peers));
	for (unsigned i = 0; i < PEERS; i++) {
		peers[i].config = &peer_config;
		peers[i].owner = SL_NO_WORKER;
	}
	g = (struct gateway){
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.mbufs = g.mbufs,
		.wire.config = &port_config,
		.plain.config = &port_config,
		.peers = peers,
		.peer_slots = PEERS,
		.workers = workers,
		.worker_count = WORKERS,
		.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
	};
	assert_int_equal(sa_init(&g), 0);
	make_ports(queues);
	for (unsigned i = 0; i < WORKERS; i++)
		make_worker(i, queues);
	assert_int_equal(load_init(&g), 0);
	for (unsigned i = 0; i < WORKERS; i++)
		assert_int_equal(worker_start(&workers[i]), 0);
}

static void free_gateway(void)
{
	for (unsigned i = 0; i < WORKERS; i++)
		worker_fini(&workers[i]);
	ring_ports_free();
	load_fini(&g);
	sa_fini(&g);
	close(g.wake_fd);
}

/* ---- The control thread ---------------------------------------------------------------------------------------------------- */

/* splitmix64 (public domain): below n. */
static unsigned dice(unsigned n)
{
	uint64_t z = control.state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return (unsigned)((z ^ z >> 31) >> 33) % n;
}

static uint32_t any_host(void)
{
	return 0x0a020001 + (dice(PEERS) << 8) + dice(HOSTS);
}

static void handle(const struct event *event)
{
	switch ((enum event_type)event->type) {
	case EVENT_PACKET:
		control.handed++;
		rte_pktmbuf_free(event->object);
		break;
	case EVENT_WANTED: break;
	case EVENT_IN_RELEASED:
		control.in_released++;
		sa_in_released(&g, event->object);
		break;
	case EVENT_OUT_RELEASED:
		control.out_released++;
		sa_out_released(&g, event->object);
		break;
	case EVENT_ROUTES_RELEASED: control.routes_released++; break;
	}
}

static void take_events(void)
{
	struct event events[64];
	uint64_t count;

	/* So that workers wake it: as if it had slept. */
	atomic_store(&g.asleep, dice(4) == 0);
	for (unsigned i = 0; i < WORKERS; i++) {
		unsigned n = rte_ring_sc_dequeue_burst_elem(
			workers[i].events, events, sizeof(*events), RTE_DIM(events), NULL);

		for (unsigned k = 0; k < n; k++)
			handle(&events[k]);
	}
	(void)!read(g.wake_fd, &count, sizeof(count));
}

static void take_frames(unsigned queues)
{
	struct rte_mbuf *frames[64];

	for (unsigned q = 0; q < queues; q++) {
		unsigned n = rte_ring_sc_dequeue_burst(
			ring_port_tx[PLAIN][q], (void **)frames, RTE_DIM(frames), NULL);

		control.came_out += n;
		rte_pktmbuf_free_bulk(frames, n);
	}
}

static struct rte_mbuf *any_frame(void)
{
	return pair_plain(&pair, ALPHA_HOST, any_host(), 64 + dice(1000), dice(UINT16_MAX));
}

static void put_frames_in(unsigned queues)
{
	for (unsigned i = 0; i < FRAMES && rte_mempool_avail_count(g.mbufs) > MBUFS_SPARE; i++) {
		struct rte_mbuf *m = any_frame();

		if (rte_ring_sp_enqueue(ring_port_rx[PLAIN][dice(queues)], m) == 0)
			control.put_in++;
		else
			rte_pktmbuf_free(m);
	}
}

/* Without a neighbour table the way to the peer, which is ourselves, is told here. */
static void resolve(uint32_t spi)
{
	struct sa *sa = sa_by_spi(&g, spi);

	sa->next_hop = sa->path.remote.addr;
	sa_resolve(&g, &sa->next_hop, &wire_mac);
}

static void install(void)
{
	const struct sl_endpoint here = {sl_addr_v4(ALPHA_WIRE), 4500};
	unsigned peer = dice(PEERS), worker = dice(WORKERS);
	struct sl_ike_child child = {
		.peer = peer,
		.worker = worker,
		.flow = SL_IKE_NO_FLOW,
		.spi_in = sa_spi_alloc(&g, peer, worker),
		.cipher = SL_AES256GCM16,
		.esn = true,
		.udp = true,
		.path = {here, here},
		.local = pair_selector("10.0.0.0/8"),
		.remote = pair_selector("10.0.0.0/8"),
	};

	assert_int_not_equal(child.spi_in, 0);
	child.spi_out = child.spi_in;
	memset(&child.in, (int)control.installed, sizeof(child.in));
	child.out = child.in;
	assert_int_equal(sa_install(&g, &child), 0);
	resolve(child.spi_in);
	sa_use_outbound(&g, peer, child.spi_in);
	control.live[control.live_count++] = child.spi_in;
	control.installed++;
}

static void remove_one(void)
{
	unsigned at = dice(control.live_count);
	uint32_t spi = control.live[at];

	control.live[at] = control.live[--control.live_count];
	sa_remove(&g, sa_by_spi(&g, spi)->peer, spi);
	control.removed++;
}

/* The peer has come from elsewhere, and back. */
static void move_one(void)
{
	uint32_t spi = control.live[dice(control.live_count)];
	struct sa *sa = sa_by_spi(&g, spi);
	struct sl_ike_path path = sa->path, other = path;

	other.remote.addr = sl_addr_v4(BETA_WIRE);
	sa_move(&g, sa->peer, spi, &other);
	sa_move(&g, sa->peer, spi, &path);
	resolve(spi);
	control.moved++;
}

static void tell_neighbour(void)
{
	struct command command = {.type = COMMAND_NEIGHBOUR, .address = sl_addr_v4(any_host())};

	if (dice(3) > 0)
		command.mac = pair_host_mac;
	gateway_command_all(&g, &command);
	control.neighbours++;
}

static void tell_gates(void)
{
	static const enum gate_as as[] = {GATE_PEER, GATE_ROUTER, GATE_WIRE, GATE_PLAIN};

	gateway_command_all(&g, &(struct command){.type = dice(2) ? COMMAND_KNOW : COMMAND_FORGET,
					.address = sl_addr_v4(any_host()),
					.arg = as[dice(RTE_DIM(as))]});
	control.known++;
}

static void exchange_routes(void)
{
	const unsigned now = control.routes % 2;

	/* Only when all have the last. */
	if (control.routes_released < control.routes * WORKERS)
		return;
	gateway_command_all(
		&g, &(struct command){.type = COMMAND_ROUTES, .object = routes[!now], .old = routes[now]});
	control.routes++;
}

static void send_own(void)
{
	struct rte_mbuf *m;

	if (rte_mempool_avail_count(g.mbufs) <= MBUFS_SPARE)
		return;
	m = any_frame();
	if (worker_send(&workers[dice(WORKERS)], COMMAND_SEAL, m))
		control.sealed_own++;
	else
		rte_pktmbuf_free(m);
}

static void do_something(void)
{
	if (control.live_count < LIVE / 4 || (control.live_count < LIVE && dice(3) == 0))
		install();
	else if (dice(2))
		remove_one();
	switch (dice(12)) {
	case 0: move_one(); break;
	case 1: sa_path_mtu(&g, dice(PEERS), 1400 + dice(100)); break;
	case 2:
	case 3: tell_neighbour(); break;
	case 4: tell_gates(); break;
	case 5: exchange_routes(); break;
	case 6: load_tick(&g); break;
	case 7:
		gateway_command_all(
			&g, &(struct command){
				    .type = COMMAND_FLOW_CLOSED, .arg = dice(PEERS), .closed = dice(2)});
		break;
	default: send_own();
	}
}

/* One round of what there is to take. */
static void take_all(unsigned queues)
{
	pthread_mutex_lock(&g.lock);
	take_events();
	take_frames(queues);
	pthread_mutex_unlock(&g.lock);
}

/* Everything is back, or it takes too long. */
static void wait_for_all(unsigned queues)
{
	for (unsigned ms = 0; ms < PATIENCE_S * 1000; ms++) {
		take_all(queues);
		if (g.free_count == SL_SLOTS - 1 && control.routes_released == control.routes * WORKERS &&
			rte_mempool_in_use_count(g.mbufs) == 0)
			return;
		usleep(1000);
	}
	fail_msg("%u of %u slots, %u mbufs in use", g.free_count, SL_SLOTS - 1,
		rte_mempool_in_use_count(g.mbufs));
}

/* ---- The thread that reads --------------------------------------------------------------------------------------------------- */

static struct {
	pthread_t thread;
	atomic_bool stop;
	unsigned looks, fell; /* fell: that had become less */
} reader;

static uint64_t sum_of(const struct sl_counters *c)
{
	const uint64_t *each = (const uint64_t *)c;
	uint64_t sum = 0;

	/* All but to_control, of which a worker takes back what does not pass. */
	for (unsigned i = 0; i < sizeof(*c) / sizeof(*each); i++)
		sum += &each[i] == &c->to_control ? 0 : sl_counted(&each[i]);
	return sum;
}

/* Notes what it has become, unless that is less than before. */
static void must_not_fall(uint64_t *before, uint64_t now)
{
	reader.fell += now < *before;
	*before = now;
}

static void *read_all(void *arg)
{
	static uint64_t peer_sum[PEERS], lost[PEERS], worker_sum[WORKERS], rounds[WORKERS];

	(void)arg;
	memset(peer_sum, 0, sizeof(peer_sum));
	memset(lost, 0, sizeof(lost));
	memset(worker_sum, 0, sizeof(worker_sum));
	memset(rounds, 0, sizeof(rounds));
	while (!atomic_load(&reader.stop)) {
		pthread_mutex_lock(&g.lock);
		for (unsigned i = 0; i < PEERS; i++) {
			struct sa_peer_info info;

			sa_peer_info(&g, i, &info);
			must_not_fall(&peer_sum[i], info.totals.rx_packets + info.totals.rx_bytes +
							    info.totals.tx_packets + info.totals.tx_bytes);
			must_not_fall(&lost[i], info.gaps.lost);
		}
		for (unsigned i = 0; i < WORKERS; i++) {
			struct load load;

			load_of(&g, i, &load);
			must_not_fall(&worker_sum[i], sum_of(&workers[i].dp.counters));
			must_not_fall(&rounds[i], worker_rounds(&workers[i]));
		}
		pthread_mutex_unlock(&g.lock);
		reader.looks++;
		usleep(100);
	}
	return NULL;
}

/* ---- What must hold ------------------------------------------------------------------------------------------------------------ */

static uint64_t drops_of(const struct sl_counters *c)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < SL_DROP_COUNT; i++)
		sum += c->drops[i];
	return sum;
}

static void expect_an_account_of_every_packet(void)
{
	struct sl_counters sum = {0};

	for (unsigned i = 0; i < WORKERS; i++) {
		const struct sl_counters *c = &workers[i].dp.counters;

		assert_int_equal(c->rx_wire + c->rx_plain + c->from_control + c->handed_in + c->cut,
			c->tx_wire + c->tx_plain + c->to_control + c->handed_out + drops_of(c));
		for (unsigned k = 0; k < sizeof(sum) / sizeof(uint64_t); k++)
			((uint64_t *)&sum)[k] += ((const uint64_t *)c)[k];
	}
	assert_int_equal(sum.handed_in, sum.handed_out);
	assert_int_equal(sum.rx_plain, control.put_in);
	assert_int_equal(sum.from_control, control.sealed_own);
	assert_int_equal(sum.rx_wire, sum.tx_wire);
	assert_int_equal(sum.tx_plain, control.came_out);
	assert_int_equal(sum.to_control, control.handed);
	/* It was about something. */
	assert_true(sum.tx_wire > 0 && sum.tx_plain > 0 && sum.to_control > 0 && sum.handed_in > 0);
	print_message("# %" PRIu64 " packets in, %" PRIu64 " sealed, %" PRIu64
		      " handed from worker to worker, %" PRIu64 " to the control thread, %" PRIu64
		      " out, %" PRIu64 " dropped\n",
		control.put_in + control.sealed_own, sum.tx_wire, sum.handed_in, sum.to_control, sum.tx_plain,
		drops_of(&sum));
}

static void expect_every_session_back(void)
{
	uint64_t sealed = 0, opened = 0, wire = 0, full = 0;

	assert_int_equal(sl_secret_pool_used(g.outs), 0);
	assert_int_equal(sl_secret_pool_used(g.ins), 0);
	assert_int_equal(control.removed, control.installed);
	assert_int_equal(control.in_released, control.installed);
	assert_int_equal(control.out_released, control.installed);
	for (unsigned i = 0; i < PEERS; i++) {
		sealed += peers[i].gone.tx_packets;
		opened += peers[i].gone.rx_packets;
	}
	for (unsigned i = 0; i < WORKERS; i++) {
		const struct sl_counters *c = &workers[i].dp.counters;

		wire += c->tx_wire;
		full += c->drops[SL_DROP_TX_FULL] + c->drops[SL_DROP_HANDOFF_FULL];
	}
	assert_true(sealed >= wire && sealed <= wire + full);
	assert_true(opened > 0 && opened <= wire);
	print_message(
		"# %u sessions, %u moves, %u neighbours, %u entries of gates, %u routes, %u looks at all counters\n",
		control.installed, control.moved, control.neighbours, control.known, control.routes,
		reader.looks);
}

/* Waits for a worker that is behind: it may have no processor. */
static void pace(const struct worker *w)
{
	for (unsigned ms = 0; rte_ring_count(w->commands) > PACE && ms < PATIENCE_S * 1000; ms++)
		usleep(1000);
}

static void run(unsigned queues)
{
	make_gateway(queues);
	reader.looks = reader.fell = 0;
	atomic_store(&reader.stop, false);
	assert_int_equal(pthread_create(&reader.thread, NULL, read_all, NULL), 0);
	for (unsigned i = 0; i < ROUNDS; i++) {
		for (unsigned id = 0; id < WORKERS; id++)
			pace(&workers[id]);
		take_all(queues);
		pthread_mutex_lock(&g.lock);
		do_something();
		put_frames_in(queues);
		pthread_mutex_unlock(&g.lock);
	}
	pthread_mutex_lock(&g.lock);
	while (control.live_count)
		remove_one();
	pthread_mutex_unlock(&g.lock);
	wait_for_all(queues);
	atomic_store(&reader.stop, true);
	pthread_join(reader.thread, NULL);
	for (unsigned i = 0; i < WORKERS; i++)
		worker_stop(&workers[i]);
	assert_int_equal(reader.fell, 0);
	expect_an_account_of_every_packet();
	expect_every_session_back();
	free_gateway();
}

static void workers_with_queues_of_their_own(void **state)
{
	(void)state;
	run(WORKERS);
}

static void workers_that_share_one_queue(void **state)
{
	(void)state;
	run(1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(workers_with_queues_of_their_own),
		cmocka_unit_test(workers_that_share_one_queue),
	};

	return cmocka_run_group_tests_name("threads", tests, set_up, tear_down);
}
