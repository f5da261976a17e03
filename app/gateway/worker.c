/* SPDX-License-Identifier: BSD-3-Clause */
/* The loop of a worker: see worker.h. */
#include "worker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_launch.h>
#include <rte_ring.h>
#include <rte_ring_elem.h>

#include "log.h"

enum {
	/* Packets may fill the rings only so far: the rest is for what must not be lost. */
	EVENTS_RESERVED = WORKER_EVENTS / 4,
	COMMANDS_RESERVED = WORKER_COMMANDS / 2,
	/* So long the control thread waits for room in a full ring. */
	COMMAND_WAIT_MS = 10,
	/* Empty rounds before the first sleep, then between doublings of the sleep. */
	IDLE_ROUNDS = 512,
	IDLE_STEP = 8,
	IDLE_SLEEP_MIN_NS = 1000,
	/* With work in a row, before the clock is read: that takes as long as some packets' bookkeeping. */
	BUSY_ROUNDS = 64,
};

/* ---- Events, to the control thread ---------------------------------------------------------------------------------- */

static void post(struct worker *w, const struct event *event)
{
	/* There is room: packets leave the reserve alone, and commands are only taken while it lasts. */
	rte_ring_sp_enqueue_elem(w->events, (void *)(uintptr_t)event, sizeof(*event));
}

/* After posting. The store of the event and the load of the flag must not pass each other, here and in the sleeper. */
static void wake_control(struct worker *w)
{
	const uint64_t one = 1;

	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load_explicit(w->control_sleeps, memory_order_relaxed) &&
		atomic_exchange(w->control_sleeps, false)) {
		/* It fails only when the counter is full, and then the control thread wakes anyway. */
		ssize_t written = write(w->wake_fd, &one, sizeof(one));
		(void)written;
	}
}

static void post_handed(struct worker *w, const struct sl_burst *burst)
{
	const uint64_t now = gate_now();
	unsigned posted = 0;

	for (unsigned i = 0; i < burst->handed_count; i++) {
		struct event event = {EVENT_PACKET, burst->handed_why[i], burst->handed[i]};
		enum sl_drop reason = SL_DROP_RING_FULL;

		if (gate_passes(w->gate, now, (enum sl_handed)event.arg, event.object, &reason)) {
			reason = SL_DROP_RING_FULL;
			if (likely(rte_ring_free_count(w->events) > EVENTS_RESERVED)) {
				post(w, &event);
				posted++;
				continue;
			}
		}
		sl_count_set(&w->dp.counters.to_control, w->dp.counters.to_control - 1);
		sl_drop(&w->dp, burst->handed[i], reason);
	}
	if (posted)
		wake_control(w);
}

/* Tells which flows want an SA, at most once a second: traffic into the void must not flood the control thread. */
static void post_wanted(struct worker *w, uint64_t *last)
{
	uint64_t now = rte_rdtsc();

	if (now - *last < rte_get_tsc_hz() || rte_ring_free_count(w->events) <= EVENTS_RESERVED)
		return;
	*last = now;
	for (unsigned i = 0; i < w->dp.wanted_count; i++) {
		uint16_t flow = w->dp.wanted_flow[i];

		w->dp.flows[flow].wanted = false;
		post(w, &(struct event){EVENT_WANTED, flow, NULL});
	}
	w->dp.wanted_count = 0;
	wake_control(w);
}

/* What there is so much of in a second, for all of it at a time. */
static void refill(struct worker *w, uint64_t *last)
{
	uint64_t now = rte_rdtsc();

	if (now - *last < rte_get_tsc_hz())
		return;
	*last = now;
	w->dp.errors_left = SL_ERRORS_A_SECOND;
	w->dp.far_left = SL_FAR_A_SECOND;
}

/* ---- Packets -------------------------------------------------------------------------------------------------------- */

static void transmit(
	struct worker *w, uint16_t port, struct rte_mbuf **frames, unsigned n, uint64_t *sent_counter)
{
	unsigned sent;

	if (unlikely(w->watch))
		watch_frames(w->watch, port == w->wire.id ? WATCH_WIRE : WATCH_PLAIN, true, frames, n);
	sent = rte_eth_tx_burst(port, (uint16_t)w->id, frames, (uint16_t)n);
	sl_count(sent_counter, sent);
	for (unsigned i = sent; i < n; i++)
		sl_drop(&w->dp, frames[i], SL_DROP_TX_FULL);
}

static void send_wire(struct worker *w, struct rte_mbuf **frames, unsigned n)
{
	if (likely(w->wire.sender == w->id))
		transmit(w, w->wire.id, frames, n, &w->dp.counters.tx_wire);
	else
		hand_over(w, w->wire.sender, INBOX_SEND_WIRE, frames, n);
}

static void send_plain(struct worker *w, struct rte_mbuf **frames, unsigned n)
{
	if (likely(w->plain.sender == w->id))
		transmit(w, w->plain.id, frames, n, &w->dp.counters.tx_plain);
	else
		hand_over(w, w->plain.sender, INBOX_SEND_PLAIN, frames, n);
}

/* What lib/dataplane does with a burst. */
typedef void process(struct sl_dataplane *dp, struct rte_mbuf **packets, unsigned n, struct sl_burst *burst);

static void sealed(struct worker *w, struct sl_burst *burst)
{
	if (burst->tx_count)
		send_wire(w, burst->tx, burst->tx_count);
	if (unlikely(burst->handed_count))
		post_handed(w, burst);
	if (unlikely(burst->away_count))
		hand_over_each(w, INBOX_SEAL, burst->away, burst->away_to, burst->away_count);
}

static void opened(struct worker *w, struct sl_burst *burst)
{
	if (burst->tx_count)
		send_plain(w, burst->tx, burst->tx_count);
	if (unlikely(burst->handed_count))
		post_handed(w, burst);
	if (unlikely(burst->away_count))
		hand_over_each(w, INBOX_OPEN, burst->away, burst->away_to, burst->away_count);
}

/* The fragments of a packet may be as many as a burst, so each has one of its own. */
static void cut_large(struct worker *w, struct rte_mbuf **packets, unsigned n,
	void (*cut)(struct sl_dataplane *dp, struct rte_mbuf *m, struct sl_burst *burst),
	void (*done)(struct worker *w, struct sl_burst *burst))
{
	struct sl_burst burst;

	for (unsigned i = 0; i < n; i++) {
		cut(&w->dp, packets[i], &burst);
		if (unlikely(w->watch))
			watch_came_out(w->watch, &burst);
		done(w, &burst);
	}
}

static void seal_together(struct worker *w, process *how, struct rte_mbuf **packets, unsigned n)
{
	struct sl_burst burst;

	how(&w->dp, packets, n, &burst);
	if (unlikely(w->watch))
		watch_came_out(w->watch, &burst);
	sealed(w, &burst);
	if (unlikely(burst.large_count))
		cut_large(w, burst.large, burst.large_count, sl_seal_cut, sealed);
}

static void open_together(struct worker *w, process *how, struct rte_mbuf **packets, unsigned n)
{
	struct sl_burst burst;

	how(&w->dp, packets, n, &burst);
	if (unlikely(w->watch))
		watch_came_out(w->watch, &burst);
	opened(w, &burst);
	if (unlikely(burst.large_count))
		cut_large(w, burst.large, burst.large_count, sl_open_cut, opened);
}

/* Somebody wants to know what becomes of each packet. */
static bool one_by_one(const struct worker *w)
{
	return unlikely(w->watch) && watch_alone(w->watch);
}

static void seal(struct worker *w, process *how, struct rte_mbuf **packets, unsigned n)
{
	if (likely(!one_by_one(w))) {
		seal_together(w, how, packets, n);
		return;
	}
	for (unsigned i = 0; i < n; i++) {
		watch_begin(w->watch, WATCH_PLAIN, how == sl_seal_handed, packets[i]);
		seal_together(w, how, &packets[i], 1);
		watch_end(w->watch);
	}
}

static void open_sealed(struct worker *w, process *how, struct rte_mbuf **packets, unsigned n)
{
	if (likely(!one_by_one(w))) {
		open_together(w, how, packets, n);
		return;
	}
	for (unsigned i = 0; i < n; i++) {
		watch_begin(w->watch, WATCH_WIRE, how == sl_open_handed, packets[i]);
		open_together(w, how, &packets[i], 1);
		watch_end(w->watch);
	}
}

/* ---- Commands, from the control thread ------------------------------------------------------------------------------- */

static void send_packet(struct worker *w, enum command_type type, struct rte_mbuf *m)
{
	const struct sl_link *link = type == COMMAND_SEND_WIRE ? &w->dp.wire : &w->dp.plain;

	sl_count(&w->dp.counters.from_control, 1);
	m->vlan_tci = link->vlan;
	if (link->vlan && rte_vlan_insert(&m) != 0) {
		sl_drop(&w->dp, m, SL_DROP_TOO_BIG);
		return;
	}
	if (type == COMMAND_SEND_WIRE)
		send_wire(w, &m, 1);
	else if (type == COMMAND_SEND_PLAIN)
		send_plain(w, &m, 1);
	else {
		if (unlikely(w->watch))
			w->watch->trace.own = true;
		seal(w, sl_seal_burst, &m, 1);
	}
}

static void set_neighbour(struct worker *w, const struct command *c)
{
	bool known = !rte_is_zero_ether_addr(&c->mac);

	/* The table is as large as the control thread's: there is room, or else the packets keep going there. */
	sl_neighbour_set(&w->dp, &c->address, known ? &c->mac : NULL);
	(known ? gate_know : gate_forget)(w->gate, &c->address, GATE_PLAIN);
}

static void set_inner_mtu(const struct command *c)
{
	struct sl_esp_out *out = c->object;
	struct sl_esp_in *in = c->other;

	out->inner_mtu = in->inner_mtu = (uint16_t)c->arg;
}

static void carry_out(struct worker *w, const struct command *c)
{
	void *released;

	switch ((enum command_type)c->type) {
	case COMMAND_IN_INSTALL: sl_in_install(&w->dp, c->object); break;
	case COMMAND_IN_REMOVE:
		released = sl_in_remove(&w->dp, c->arg);
		if (released)
			post(w, &(struct event){EVENT_IN_RELEASED, 0, released});
		break;
	case COMMAND_OUT_SWITCH:
		sl_out_switch(&w->dp, c->arg, c->object, c->old);
		if (c->old)
			post(w, &(struct event){EVENT_OUT_RELEASED, 0, c->old});
		break;
	case COMMAND_OUT_RESOLVE: sl_esp_out_resolve(c->object, &w->dp.wire.mac, &c->mac); break;
	case COMMAND_OUT_MOVE: sl_esp_out_move(c->object, &c->endpoint); break;
	case COMMAND_INNER_MTU: set_inner_mtu(c); break;
	case COMMAND_NEIGHBOUR: set_neighbour(w, c); break;
	case COMMAND_KNOW: gate_know(w->gate, &c->address, c->arg); break;
	case COMMAND_FORGET: gate_forget(w->gate, &c->address, c->arg); break;
	case COMMAND_SEND_WIRE:
	case COMMAND_SEND_PLAIN:
	case COMMAND_SEAL: send_packet(w, (enum command_type)c->type, c->object); break;
	case COMMAND_OPEN_PLAIN: w->plain_open = true; break;
	case COMMAND_WATCH: watch_take(w, c->object); break;
	case COMMAND_FLOW_OWNER: w->dp.flows[c->arg].owner = c->worker; break;
	case COMMAND_FLOW_APART: w->dp.flows[c->arg].apart = c->object; break;
	case COMMAND_FLOW_CLOSED: w->dp.flows[c->arg].closed = c->closed; break;
	case COMMAND_ROUTES:
		w->dp.routes = c->object;
		post(w, &(struct event){EVENT_ROUTES_RELEASED, 0, c->old});
		break;
	}
}

static unsigned take_commands(struct worker *w)
{
	struct command commands[WORKER_BURST];
	unsigned n;

	/* Each may post an event that must find room. */
	if (rte_ring_free_count(w->events) < WORKER_BURST)
		return 0;
	n = rte_ring_sc_dequeue_burst_elem(w->commands, commands, sizeof(*commands), WORKER_BURST, NULL);
	if (n == 0)
		return 0;
	for (unsigned i = 0; i < n; i++)
		carry_out(w, &commands[i]);
	wake_control(w);
	return n;
}

/*
 * Packets have come. What the control thread did before they were sent must be known now: the other end, or another
 * worker, may have learned already that a session is here.
 */
static void catch_up(struct worker *w)
{
	while (take_commands(w) == WORKER_BURST)
		;
}

/* ---- Where packets come from ----------------------------------------------------------------------------------------- */

static unsigned poll_plain(struct worker *w)
{
	struct rte_mbuf *frames[SL_BURST_MAX];
	unsigned n = rte_eth_rx_burst(w->plain.id, (uint16_t)w->id, frames, w->burst), own = n;

	if (n == 0)
		return 0;
	sl_count(&w->dp.counters.rx_plain, n);
	sl_count(&w->load.bursts, 1);
	catch_up(w);
	if (unlikely(w->watch))
		watch_frames(w->watch, WATCH_PLAIN, false, frames, n);
	if (unlikely(w->spreads))
		own = spread(w, frames, n);
	seal(w, sl_seal_burst, frames, own);
	return n;
}

static unsigned poll_wire(struct worker *w)
{
	struct rte_mbuf *frames[SL_BURST_MAX];
	unsigned n = rte_eth_rx_burst(w->wire.id, (uint16_t)w->id, frames, w->burst);

	if (n == 0)
		return 0;
	sl_count(&w->dp.counters.rx_wire, n);
	sl_count(&w->load.bursts, 1);
	catch_up(w);
	if (unlikely(w->watch))
		watch_frames(w->watch, WATCH_WIRE, false, frames, n);
	open_sealed(w, sl_open_burst, frames, n);
	return n;
}

static unsigned empty_inbox(struct worker *w, enum inbox inbox)
{
	struct rte_mbuf *packets[SL_BURST_MAX];
	unsigned n = rte_ring_dequeue_burst(w->inbox[inbox], (void **)packets, w->burst, NULL);

	if (n == 0)
		return 0;
	sl_count(&w->dp.counters.handed_in, n);
	sl_count(&w->load.bursts, 1);
	catch_up(w);
	switch (inbox) {
	case INBOX_RECEIVED: seal(w, sl_seal_burst, packets, n); break;
	case INBOX_SEAL: seal(w, sl_seal_handed, packets, n); break;
	case INBOX_OPEN: open_sealed(w, sl_open_handed, packets, n); break;
	case INBOX_SEND_WIRE: transmit(w, w->wire.id, packets, n, &w->dp.counters.tx_wire); break;
	case INBOX_SEND_PLAIN: transmit(w, w->plain.id, packets, n, &w->dp.counters.tx_plain); break;
	case INBOX_COUNT: break;
	}
	return n;
}

/* Called only where there are others. */
static unsigned empty_inboxes(struct worker *w)
{
	unsigned n = 0;

	for (unsigned i = 0; i < INBOX_COUNT; i++) {
		if (w->inbox[i])
			n += empty_inbox(w, (enum inbox)i);
	}
	return n;
}

/* ---- The loop --------------------------------------------------------------------------------------------------------- */

/* Called after `rounds` rounds in which nothing came: rests, the longer the longer it has been. */
static void rest(const struct worker *w, unsigned rounds)
{
	uint64_t ns;

	rte_pause();
	if (w->idle_sleep == 0 || rounds < IDLE_ROUNDS)
		return;
	ns = (uint64_t)IDLE_SLEEP_MIN_NS << RTE_MIN((rounds - IDLE_ROUNDS) / IDLE_STEP, 20u);
	ns = RTE_MIN(ns, w->idle_sleep);
	sl_wipe_registers();
	nanosleep(&(struct timespec){.tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000)},
		NULL);
}

/* Rounds that had work have taken from *since until now. Returns how many are not counted: none. */
static unsigned count_busy(struct worker *w, uint64_t *since)
{
	uint64_t now = rte_rdtsc();

	sl_count(&w->load.busy_cycles, now - *since);
	*since = now;
	return 0;
}

unsigned worker_round(struct worker *w)
{
	unsigned work = take_commands(w);

	if (w->wire.receives)
		work += poll_wire(w);
	if (w->plain.receives && w->plain_open)
		work += poll_plain(w);
	if (w->dp.workers > 1)
		work += empty_inboxes(w);
	return work;
}

static int loop(void *arg)
{
	struct worker *w = arg;
	uint64_t last_wanted = 0, last_refill = rte_rdtsc(), since = last_refill;
	unsigned idle = 0, busy = 0; /* rounds in a row, these since `since` */

	/* By default Linux rounds sleeps up by 50 us. */
	prctl(PR_SET_TIMERSLACK, 1);
	while (!atomic_load_explicit(&w->stop, memory_order_relaxed)) {
		unsigned work = worker_round(w);

		if (unlikely(w->dp.wanted_count))
			post_wanted(w, &last_wanted);
		if (unlikely(w->dp.errors_left == 0 || w->dp.far_left == 0))
			refill(w, &last_refill);
		sl_count(&w->load.polls, 1);
		if (work) {
			sl_count(&w->load.busy_polls, 1);
			idle = 0;
			if (unlikely(++busy == BUSY_ROUNDS))
				busy = count_busy(w, &since);
		} else {
			if (busy)
				busy = count_busy(w, &since);
			rest(w, idle);
			idle += idle < UINT16_MAX;
			since = rte_rdtsc();
		}
	}
	/* Who waits for it looks at this again: then whatever it has written is there. */
	atomic_store_explicit(&w->stop, true, memory_order_release);
	return 0;
}

/* ---- The control thread's side ----------------------------------------------------------------------------------------- */

static struct worker_port port_of(unsigned id, unsigned workers, const struct port *port)
{
	return (struct worker_port){
		.id = port->id,
		.receives = id < port->rx_queues,
		.sender = id % port->tx_queues,
		.sends_for_others = id < port->tx_queues && id + port->tx_queues < workers,
	};
}

int worker_init(struct worker *w, unsigned id, unsigned workers, const struct port *wire,
	const struct port *plain, const uint8_t *ike_key)
{
	char name[RTE_RING_NAMESIZE];
	int err;

	w->id = id;
	w->burst = WORKER_BURST;
	w->wire = port_of(id, workers, wire);
	w->plain = port_of(id, workers, plain);
	w->spreads = plain->rx_queues < workers;
	snprintf(name, sizeof(name), "commands%u", id);
	w->commands = rte_ring_create_elem(
		name, sizeof(struct command), WORKER_COMMANDS, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
	snprintf(name, sizeof(name), "events%u", id);
	w->events = rte_ring_create_elem(
		name, sizeof(struct event), WORKER_EVENTS, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
	if (!w->commands || !w->events)
		return -rte_errno;
	w->gate = gate_new(id, ike_key);
	if (!w->gate)
		return -ENOMEM;
	err = sl_dataplane_init(&w->dp, id);
	w->dp.workers = (uint8_t)workers;
	return err ? err : handover_init(w);
}

int worker_start(struct worker *w)
{
	return rte_eal_remote_launch(loop, w, w->lcore);
}

void worker_stop(struct worker *w)
{
	atomic_store(&w->stop, true);
	rte_eal_wait_lcore(w->lcore);
	(void)atomic_load_explicit(&w->stop, memory_order_acquire);
}

void worker_fini(struct worker *w)
{
	handover_fini(w);
	gate_free(w->gate);
	backlog_fini(&w->backlog);
	rte_ring_free(w->commands);
	rte_ring_free(w->events);
	sl_dataplane_fini(&w->dp);
}

bool worker_catches_up(struct worker *w)
{
	if (likely(w->backlog.count == 0))
		return true;
	backlog_give(&w->backlog, w->commands);
	return w->backlog.count == 0;
}

/* A worker that is only busy makes room soon, and then packets can follow. */
static bool wait_for_room(struct worker *w, const struct command *command)
{
	uint64_t start = rte_rdtsc(), patience = rte_get_tsc_hz() / 1000 * COMMAND_WAIT_MS;

	while (rte_ring_sp_enqueue_elem(w->commands, (void *)(uintptr_t)command, sizeof(*command)) != 0) {
		if (rte_rdtsc() - start > patience)
			return false;
		rte_pause();
	}
	return true;
}

void worker_command(struct worker *w, const struct command *command)
{
	if (worker_catches_up(w) && wait_for_room(w, command))
		return;
	if (backlog_add(&w->backlog, command) != 0) {
		log_error("no memory for what worker %u has to do, giving up", w->id);
		abort();
	}
}

bool worker_send(struct worker *w, enum command_type type, struct rte_mbuf *m)
{
	struct command command = {.type = type, .object = m};

	/* It must not overtake anything. */
	if (!worker_catches_up(w) || rte_ring_free_count(w->commands) <= COMMANDS_RESERVED)
		return false;
	return rte_ring_sp_enqueue_elem(w->commands, &command, sizeof(command)) == 0;
}
