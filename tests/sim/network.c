/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Virtual time and the network. Both kinds of traffic meet the same fate: lost, doubled, late, out of order; bytes of an
 * IKE message may change on the way, and a copy may come when everybody has forgotten it.
 */
#include <stdlib.h>

#include "lib/ike/wire.h"
#include "sim.h"

#define STRAY_MAX (60 * SIM_S) /* how late a stray copy may be */

enum { TICKS_MAX = 4 };

/* splitmix64: small, and good enough to be unfair with. */
uint64_t sim_random(struct sim *sim)
{
	uint64_t z = sim->random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

uint64_t sim_below(struct sim *sim, uint64_t limit)
{
	return limit ? sim_random(sim) % limit : 0;
}

bool sim_chance(struct sim *sim, unsigned percent)
{
	return percent > 0 && sim_below(sim, 100) < percent;
}

/* ---- The queue: a binary heap ------------------------------------------------------------------------------------ */

static bool before(const struct sim_event *a, const struct sim_event *b)
{
	return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void swap(struct sim_event *a, struct sim_event *b)
{
	struct sim_event t = *a;

	*a = *b;
	*b = t;
}

void sim_queue(struct sim *sim, const struct sim_event *event)
{
	unsigned i = sim->queued++;

	if (sim->queued > sim->queue_size) {
		sim->queue_size = 2 * sim->queued + 64;
		sim->queue = realloc(sim->queue, sim->queue_size * sizeof(*sim->queue));
	}
	sim->queue[i] = *event;
	sim->queue[i].order = sim->order++;
	for (; i > 0 && before(&sim->queue[i], &sim->queue[(i - 1) / 2]); i = (i - 1) / 2)
		swap(&sim->queue[i], &sim->queue[(i - 1) / 2]);
}

static struct sim_event take_first(struct sim *sim)
{
	struct sim_event first = sim->queue[0];
	unsigned i = 0, child;

	sim->queue[0] = sim->queue[--sim->queued];
	for (; (child = 2 * i + 1) < sim->queued; i = child) {
		if (child + 1 < sim->queued && before(&sim->queue[child + 1], &sim->queue[child]))
			child++;
		if (!before(&sim->queue[child], &sim->queue[i]))
			break;
		swap(&sim->queue[child], &sim->queue[i]);
	}
	return first;
}

void sim_network_free(struct sim *sim)
{
	for (unsigned i = 0; i < sim->queued; i++)
		free(sim->queue[i].data);
	free(sim->queue);
	for (unsigned i = 0; i < SIM_BUCKETS; i++)
		while (sim->sealed[i]) {
			struct sim_sealed *s = sim->sealed[i];

			sim->sealed[i] = s->next;
			free(s);
		}
	for (unsigned i = 0; i < SIM_BUCKETS; i++)
		while (sim->ike_keys[i]) {
			struct sim_ike_key *key = sim->ike_keys[i];

			sim->ike_keys[i] = key->next;
			free(key);
		}
}

/* ---- What the network does --------------------------------------------------------------------------------------- */

static void send_copy(struct sim *sim, const struct sim_event *event, uint64_t later)
{
	struct sim_event copy = *event;

	copy.at = sim->now + sim->weather.delay + sim_below(sim, sim->weather.jitter) + later;
	if (event->data) {
		copy.data = malloc(event->len);
		memcpy(copy.data, event->data, event->len);
		if (sim_chance(sim, sim->weather.corruption))
			copy.data[sim_below(sim, event->len)] ^= (uint8_t)(1u << sim_below(sim, 8));
	}
	sim_queue(sim, &copy);
}

static void transmit(struct sim *sim, const struct sim_event *event)
{
	struct sim_weather *w = &sim->weather;

	if (event->kind == SIM_IKE) {
		bool lost = w->lose & 1;

		w->lose >>= 1;
		if (lost) {
			sim_note(sim, "that one is lost");
			return;
		}
	}
	if (!sim->cut[event->from][event->to] && !sim_chance(sim, w->loss))
		send_copy(sim, event, 0);
	if (sim_chance(sim, w->duplication))
		send_copy(sim, event, 0);
	if (sim_chance(sim, w->stray))
		send_copy(sim, event, sim_below(sim, STRAY_MAX));
}

static bool is_at(const struct sim_node *node, const struct sl_addr *addr)
{
	return sl_addr_equal(addr->family == SL_IPV6 ? &node->conf.address6 : &node->conf.address, addr);
}

void sim_send_ike(struct sim_node *node, const struct sl_ike_path *path, const uint8_t *msg, size_t len)
{
	const struct ike_wire_header *h = (const void *)msg;
	struct sim *sim = node->sim;
	struct sim_event event = {
		.kind = SIM_IKE, .from = node->index, .path = *path, .data = (uint8_t *)msg, .len = len};

	sim_check_message(node, msg, len);
	while (event.to < sim->node_count && !is_at(&sim->nodes[event.to], &path->remote.addr))
		event.to++;
	if (event.to == sim->node_count)
		sim_violation(sim, "%s sends to nobody", node->name);
	if (!is_at(node, &path->local.addr) || path->local.addr.family != path->remote.addr.family)
		sim_violation(sim, "%s sends from an address that is not its own there", node->name);
	sim_note(sim, "%s > %s  exchange %u %s id %u, %zu bytes, SA %016llx", node->name,
		sim->nodes[event.to].name, h->exchange, h->flags & IKE_FLAG_RESPONSE ? "response" : "request",
		be32toh(h->id), len, (unsigned long long)be64toh(h->spi_i));
	sim_hash(sim, msg, len);
	transmit(sim, &event);
}

void sim_send_esp(struct sim_node *node, unsigned to, const struct sim_esp *packet)
{
	const struct sim_event event = {.kind = SIM_ESP, .from = node->index, .to = to, .esp = *packet};

	transmit(node->sim, &event);
}

static void arrive(struct sim *sim, const struct sim_event *event)
{
	struct sim_node *to = &sim->nodes[event->to];
	const struct sl_ike_path path = {.local = event->path.remote, .remote = event->path.local};

	if (!to->ike)
		return;
	if (event->kind == SIM_ESP) {
		sim_open(to, &event->esp);
		return;
	}
	sim_moment(to, "takes a message");
	if (to->dying)
		return;
	sl_ike_input(to->ike, sim->now, &path, event->data, event->len);
	sim_check_node(to);
	sim_moment(to, "has taken a message");
}

/* ---- The clock --------------------------------------------------------------------------------------------------- */

static void every_node(struct sim *sim, const struct sim_event *event)
{
	struct sim_event again = *event;

	for (unsigned i = 0; i < sim->node_count; i++) {
		struct sim_node *node = &sim->nodes[i];

		if (!node->ike)
			continue;
		if (event->kind == SIM_SECOND)
			sim_node_second(node);
		for (unsigned p = 0; p < sim->node_count - 1 && event->kind == SIM_TRAFFIC; p++)
			sim_traffic(node, p);
		sim_check_node(node);
	}
	again.at = sim->now + (event->kind == SIM_SECOND ? SIM_S : sim->interval);
	sim_queue(sim, &again);
}

static void happen(struct sim *sim)
{
	struct sim_event event = take_first(sim);

	switch (event.kind) {
	case SIM_IKE:
	case SIM_ESP: arrive(sim, &event); break;
	case SIM_TRAFFIC:
	case SIM_SECOND: every_node(sim, &event); break;
	case SIM_ACTION: sim_act(sim, &event); break;
	}
	free(event.data);
}

/* What a timer does may make another one due, but not for ever. */
static void tick(struct sim_node *node)
{
	unsigned times = 0;

	do {
		if (++times > TICKS_MAX)
			sim_violation(node->sim, "%s: a timer is due again and again", node->name);
		sl_ike_tick(node->ike, node->sim->now);
		sim_check_node(node);
	} while (sl_ike_deadline(node->ike) <= node->sim->now);
}

/* Once: then the world goes on. */
static bool stop_for_crash(struct sim *sim)
{
	bool dying = false;

	for (unsigned i = 0; i < sim->node_count; i++)
		dying |= sim->nodes[i].dying;
	sim_power(sim);
	return dying;
}

void sim_run(struct sim *sim, uint64_t until)
{
	for (;;) {
		uint64_t at = sim->queued ? sim->queue[0].at : UINT64_MAX;
		struct sim_node *due = NULL;

		for (unsigned i = 0; i < sim->node_count; i++) {
			struct sim_node *node = &sim->nodes[i];

			if (node->ike && sl_ike_deadline(node->ike) < at) {
				at = sl_ike_deadline(node->ike);
				due = node;
			}
		}
		if (at > until)
			break;
		if (at > sim->now)
			sim->now = at;
		if (due)
			tick(due);
		else
			happen(sim);
		if (sim->crash && stop_for_crash(sim))
			return;
	}
	sim->now = until;
}
