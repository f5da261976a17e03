/* SPDX-License-Identifier: BSD-3-Clause */
/* `sealane run`: puts a gateway together, runs it, takes it apart. */
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/capability.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_ring.h>
#include <rte_ring_elem.h>

#include "../../lib/crypto/secret.h"
#include "../commands.h"
#include "debug/debug.h"
#include "eal.h"
#include "gateway.h"
#include "node.h"
#include "privileges.h"

enum {
	/*
	 * Of packet buffers: what the queues of a worker's two ports, its rings and its cache of the pool can hold, and as
	 * much again for the gateway, where packets wait for neighbours or for the control thread.
	 */
	MBUFS_A_WORKER = 8192,
	MBUF_CACHE = 256,
	/*
	 * A device that was just started takes a moment to have a link: what we sent before would be lost, and our peers hear
	 * from us a second later. One without a cable must not keep the other waiting for long.
	 */
	LINK_WAIT_MS = 3000,
	LINK_LOOK_MS = 10,
};

struct options {
	const char *config;
	const char *keylog;
	char **eal;
};

/* FILE [--keylog DIR] [-- EAL arguments], in this or another order. */
static int parse_options(int argc, char **argv, struct options *o)
{
	static char *none[] = {NULL};

	*o = (struct options){.eal = none};
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--") == 0) {
			o->eal = argv + i + 1;
			break;
		}
		if (strcmp(argv[i], "--keylog") == 0 && i + 1 < argc)
			o->keylog = argv[++i];
		else if (argv[i][0] != '-' && !o->config)
			o->config = argv[i];
		else
			return -1;
	}
	return o->config ? 0 : -1;
}

static void report(void *ctx, const char *line)
{
	(void)ctx;
	fprintf(stderr, "%s\n", line);
}

/* All threads that follow inherit this: signals come through the signalfd only. */
static void block_signals(void)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/* ---- The data path ------------------------------------------------------------------------------------------------------ */

/* On the link is what our addresses there say, whatever the routes say. */
static void lan_init(struct gateway *g)
{
	const struct sl_config_port *c = &g->config->plain;

	for (unsigned i = 0; i < c->route_count; i++)
		sl_lan_add(&g->lan, &c->routes[i].prefix, &c->routes[i].via);
	for (unsigned i = 0; i < c->address_count; i++) {
		struct sl_prefix on_link = sl_prefix_mask(&c->addresses[i]);

		sl_lan_add(&g->lan, &on_link, NULL);
	}
}

_Static_assert(
	(int)SL_LAN_ROUTES_MAX >= (int)SL_CONFIG_ADDRESSES_MAX + (int)SL_CONFIG_ROUTES_MAX, "there is room");

/* A tap's addresses are the kernel's, not ours. */
static struct sl_link link_of(const struct link *link)
{
	struct sl_link l = {.mac = link->port.mac, .vlan = (uint16_t)link->config->vlan};

	for (unsigned i = 0; i < link->own_count && !link->config->tap; i++)
		sl_link_add(&l, &link->own[i].addr);
	return l;
}

/* The kernel behind a tap is the only neighbour there, and known from the start. */
static int add_kernel(struct sl_dataplane *dp, const struct port *plain)
{
	int err = 0;

	for (unsigned i = 0; i < plain->config->address_count && !err; i++)
		err = sl_neighbour_set(dp, &plain->config->addresses[i].addr, &plain->mac);
	return err;
}

static void introduce_routers(struct gate *gate, const struct sl_config_port *port)
{
	const struct sl_addr *routers[2 + SL_CONFIG_ROUTES_MAX] = {&port->next_hop, &port->next_hop6};

	for (unsigned i = 0; i < port->route_count; i++)
		routers[2 + i] = &port->routes[i].via;
	for (unsigned i = 0; i < 2 + port->route_count; i++) {
		if (routers[i]->family != SL_NONE)
			gate_know(gate, routers[i], GATE_ROUTER);
	}
}

/* Those who are known before they say a word. */
static void introduce(struct gate *gate, const struct sl_config *c)
{
	for (unsigned i = 0; i < c->peer_count; i++) {
		if (c->peers[i].endpoint.addr.family != SL_NONE)
			gate_know(gate, &c->peers[i].endpoint.addr, GATE_PEER);
	}
	introduce_routers(gate, &c->wire);
	introduce_routers(gate, &c->plain);
}

static int worker_set_up(struct gateway *g, unsigned id, unsigned lcore)
{
	struct worker *w = &g->workers[id];

	w->all = g->workers;
	w->lcore = lcore;
	w->plain_open = !g->config->plain.wait_for_peer;
	w->idle_sleep = g->config->idle_sleep;
	w->wake_fd = g->wake_fd;
	w->control_sleeps = &g->asleep;
	if (worker_init(w, id, g->worker_count, &g->wire.port, &g->plain.port, g->ike_spi_key) != 0)
		return -1;
	introduce(w->gate, g->config);
	w->dp.wire = link_of(&g->wire);
	w->dp.plain = link_of(&g->plain);
	w->dp.plain.mtu = (uint16_t)g->config->plain.mtu;
	w->dp.routes = g->routes;
	w->dp.lan = &g->lan;
	w->dp.pool = g->mbufs;
	w->dp.clamp_mss = g->config->mss_clamp;
	for (unsigned slot = 0; slot < g->peer_slots; slot++)
		w->dp.flows[slot].apart = g->peers[slot].flow_count ? g->peers[slot].aparts : NULL;
	return g->config->plain.tap ? add_kernel(&w->dp, &g->plain.port) : 0;
}

static int workers_set_up(struct gateway *g)
{
	size_t size = g->worker_count * sizeof(*g->workers);
	unsigned lcore, id = 0;

	g->workers = aligned_alloc(RTE_CACHE_LINE_SIZE, size);
	if (!g->workers)
		return -1;
	memset(g->workers, 0, size);
	RTE_LCORE_FOREACH_WORKER (lcore) {
		if (id < g->worker_count && worker_set_up(g, id++, lcore))
			return -1;
	}
	return 0;
}

/* A buffer holds the longest frame whole, with what sealing puts around it. */
static uint16_t mbuf_room(const struct sl_config *c)
{
	unsigned room = RTE_PKTMBUF_HEADROOM + RTE_ETHER_HDR_LEN + RTE_VLAN_HLEN +
			RTE_MAX(c->wire.mtu, c->plain.mtu) + SL_ESP_TAILROOM;

	return (uint16_t)RTE_MAX(RTE_ALIGN_CEIL(room, 128u), (unsigned)RTE_MBUF_DEFAULT_BUF_SIZE);
}

static int ports_open(struct gateway *g)
{
	const struct sl_config *c = g->config;
	uint16_t workers = (uint16_t)g->worker_count;
	/* 2^n - 1 wastes no memory in a mempool. */
	unsigned mbufs = rte_align32pow2(MBUFS_A_WORKER * (g->worker_count + 1)) - 1;

	g->mbufs = rte_pktmbuf_pool_create("mbufs", mbufs, MBUF_CACHE, 0, mbuf_room(c), SOCKET_ID_ANY);
	if (!g->mbufs) {
		fprintf(stderr, "sealane: no memory for %u packet buffers: %s (give the EAL more, -m 512)\n",
			mbufs, rte_strerror(rte_errno));
		return -1;
	}
	g->wire = (struct link){.config = &c->wire, .send = COMMAND_SEND_WIRE, .gateway = g};
	g->plain = (struct link){.config = &c->plain, .send = COMMAND_SEND_PLAIN, .gateway = g};
	if (port_open(&g->wire.port, "wire", c, &c->wire, workers, g->mbufs))
		return -1;
	steer(&g->wire.port);
	return port_open(&g->plain.port, "plain", c, &c->plain, workers, g->mbufs);
}

static void wait_for_links(const struct gateway *g)
{
	const struct port *const ports[] = {&g->wire.port, &g->plain.port};

	for (unsigned ms = 0; ms < LINK_WAIT_MS; ms += LINK_LOOK_MS) {
		if (port_has_link(ports[0]) && port_has_link(ports[1]))
			return;
		rte_delay_us_sleep(LINK_LOOK_MS * 1000);
	}
	for (unsigned i = 0; i < RTE_DIM(ports); i++) {
		if (!port_has_link(ports[i]))
			log_warning(
				"the %s port, %s, has no link yet", ports[i]->role, ports[i]->config->port);
	}
}

/* What fits the tunnels to all peers. */
static unsigned least_inner_mtu(const struct gateway *g)
{
	unsigned least = UINT_MAX;

	for (unsigned slot = 0; slot < g->peer_slots; slot++)
		least = RTE_MIN(least, sa_inner_mtu(g, slot));
	return least;
}

int gateway_assemble(struct gateway *g)
{
	lan_init(g);
	g->worker_count = RTE_MIN(rte_lcore_count() - 1, (unsigned)SL_WORKERS_MAX);
	sl_random(g->ike_spi_key, sizeof(g->ike_spi_key));
	if (ports_open(g))
		return -1;
	if (control_init(g) || links_init(g) || peers_init(g) || routes_init(g) || workers_set_up(g) ||
		load_init(g) || sa_init(g) || ike_init(g) || telemetry_init(g) || changes_init(g)) {
		fprintf(stderr,
			"sealane: cannot set up the gateway: out of memory (give the EAL more, -m 512)\n");
		return -1;
	}
	return g->config->plain.tap ? node_set_up(g->config, least_inner_mtu(g)) : 0;
}

/* After the workers have stopped: packets in the rings go back to their pool. */
static void drain(struct worker *w)
{
	struct command command;
	struct event event;

	while (rte_ring_sc_dequeue_elem(w->commands, &command, sizeof(command)) == 0) {
		if (command.type == COMMAND_SEND_WIRE || command.type == COMMAND_SEND_PLAIN ||
			command.type == COMMAND_SEAL)
			rte_pktmbuf_free(command.object);
	}
	while (rte_ring_sc_dequeue_elem(w->events, &event, sizeof(event)) == 0) {
		if (event.type == EVENT_PACKET)
			rte_pktmbuf_free(event.object);
	}
}

static void announce(const struct gateway *g)
{
	const struct sl_config *c = g->config;
	char wire[SL_ADDR_TEXT], plain[SL_ADDR_TEXT];

	log_info("%s is up: %s", c->name, sl_crypto_version());
	log_info("wire %s on %s, plain %s on %s, inner MTU %u, %u peer%s",
		sl_prefix_text(&c->wire.addresses[0], wire), c->wire.port,
		sl_prefix_text(&c->plain.addresses[0], plain), c->plain.port, least_inner_mtu(g),
		c->peer_count, c->peer_count == 1 ? "" : "s");
	log_info("%u worker%s", g->worker_count, g->worker_count == 1 ? "" : "s");
	if (rte_lcore_count() - 1 > g->worker_count)
		log_warning("%u workers are the most, %u more lcores are idle", g->worker_count,
			rte_lcore_count() - 1 - g->worker_count);
	if (!sl_secret_all_locked())
		log_warning(
			"some key memory could not be locked and may be swapped out: raise the limit (ulimit -l)");
	if (keylog_to_disk(g->keylog))
		log_warning(
			"THE KEYS OF ALL SESSIONS ARE BEING WRITTEN TO DISK (--keylog): for tests and debugging only");
}

/* The interface behind a tap gets more routes and goes down by netlink. */
static uint64_t needed_later(const struct gateway *g)
{
	return g->config->plain.tap ? CAPABILITY(CAP_NET_ADMIN) : 0;
}

static int run(struct gateway *g)
{
	if (gateway_assemble(g) || privileges_drop(needed_later(g)))
		return SL_EXIT_FAILED;
	wait_for_links(g);
	announce(g);
	for (unsigned i = 0; i < g->worker_count; i++) {
		if (worker_start(&g->workers[i]) != 0) {
			fprintf(stderr, "sealane: worker %u did not start on lcore %u\n", i,
				g->workers[i].lcore);
			return SL_EXIT_FAILED;
		}
	}
	debug_start(g);
	service_ready(g);
	control_run(g);
	for (unsigned i = 0; i < g->worker_count; i++)
		worker_stop(&g->workers[i]);
	for (unsigned i = 0; i < g->worker_count; i++)
		drain(&g->workers[i]);
	port_close(&g->plain.port);
	port_close(&g->wire.port);
	return 0;
}

void gateway_disassemble(struct gateway *g)
{
	ike_fini(g);
	sa_fini(g);
	peers_fini(g);
	load_fini(g);
	links_fini(g);
	for (unsigned i = 0; i < g->worker_count; i++)
		worker_fini(&g->workers[i]);
	free(g->workers);
	sl_routes_free(g->routes);
	sl_routes_free(g->routes_before);
}

int sl_cmd_run(int argc, char **argv)
{
	static struct gateway g = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
	struct options o;
	gid_t group = 0;
	int status;

	if (parse_options(argc, argv, &o))
		return sl_cli_usage("run: expected FILE [--keylog DIR] [-- EAL ARGUMENTS]");
	log_to_journal();
	privileges_forbid_core();
	block_signals();
	status = sl_cli_init_crypto();
	if (status != SL_EXIT_DONE)
		return status;
	g.config = sl_config_load(o.config, report, NULL);
	if (!g.config || access_find(g.config, &group))
		return SL_EXIT_FAILED;
	g.started = gateway_now();
	g.keylog = keylog_new();
	if (!g.keylog || (o.keylog && keylog_to_files(g.keylog, o.keylog)))
		return SL_EXIT_FAILED;
	if (service_open(&g.service) || eal_start(g.config->name, g.config->eal, o.eal) ||
		access_grant(g.config, group))
		return SL_EXIT_FAILED;
	log_init();
	privileges_forbid_looking();
	status = run(&g);
	if (status == 0)
		gateway_disassemble(&g);
	rte_eal_cleanup();
	keylog_free(g.keylog);
	sl_config_free(g.config);
	return status;
}
