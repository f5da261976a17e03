/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What happens to the world of a seed: minutes of chaos, then the network heals, and the links must come to rest. In that
 * calm keys are rotated under traffic, and not one packet may be lost to it.
 */
#include <stdio.h>
#include <stdlib.h>

#include "sim.h"

/*
 * From the healing of the network to calm at every link. The longest chain is: an attempt that was given up leaves its
 * half at the other end for 30 s, a lost peer is noticed after a DPD delay and 31.5 s of retransmission, the next
 * attempt comes up to 30 s later, and a duplicate of its time waits 35 s for the Delete of its initiator.
 */
#define SETTLE_MAX (120 * SIM_S)

#define CHAOS_MIN  (20 * SIM_S)
#define CHAOS_SPAN (120 * SIM_S)

#define DENSE      (2 * SIM_S)  /* of a trial, with traffic every ... */
#define INTERVAL   (5 * SIM_MS) /* ... and then seldom, for ... */
#define QUICK_CALM (10 * SIM_S) /* ... as long as an old child SA lingers, and workers get theirs, or ... */
#define CALM_SPAN  (45 * SIM_S) /* ... until all that lost a race is gone */

#define AWAY_SPAN                                                                                            \
	(30 * SIM_S) /* after that a peer that was removed is back, and a link that was taken down up */

#define JITTER_MAX (200 * SIM_MS) /* of a trial */

/* What a restart may cost when one message of IKE is lost: its first retransmission, and two exchanges. */
#define BLACKOUT_MAX (500 * SIM_MS + 10 * sim->weather.delay + 6 * sim->weather.jitter + 2 * INTERVAL)

enum { ACTIONS_MAX = 16, LOST_MAX = 3 };

/* ---- What may happen --------------------------------------------------------------------------------------------- */

enum action {
	BOOT, /* whoever is off */
	CRASH,
	SHUTDOWN,
	PARTITION,
	HEAL, /* partitions only */
	WEATHER,
	CONNECT,
	REKEY_CHILD,
	REKEY_IKE,
	REKEY_BOTH, /* from both ends, each of any kind */
	RESTART,
	NEW_KEY, /* to sign with */
	DISMISS,
	TAKE_DOWN,
	TAKE_UP, /* whatever is down */
	CHANGE,
	ACTION_COUNT,
	NOTHING = ACTION_COUNT
};

static void boot_all(struct sim *sim)
{
	for (unsigned i = 0; i < sim->node_count; i++)
		if (!sim->nodes[i].ike)
			sim_node_boot(&sim->nodes[i]);
}

static void plan(struct sim *sim, enum action action, uint64_t in)
{
	struct sim_event event = {.kind = SIM_ACTION, .at = sim->now + in, .action = action};

	event.from = (unsigned)sim_below(sim, sim->node_count);
	event.to = (event.from + 1 + (unsigned)sim_below(sim, sim->node_count - 1)) % sim->node_count;
	sim_queue(sim, &event);
}

static void partition(struct sim *sim, unsigned a, unsigned b)
{
	sim->cut[a][b] = true;
	sim->cut[b][a] = sim_chance(sim, 70); /* some only in one direction */
	sim_note(sim, "cut: %s > %s%s", sim->nodes[a].name, sim->nodes[b].name,
		sim->cut[b][a] ? " and back" : "");
	plan(sim, HEAL, sim_below(sim, 50 * SIM_S));
}

/* From both ends at the same moment or nearly so. */
static void rekey_both(struct sim *sim, const struct sim_event *event)
{
	struct sim_event back = {.kind = SIM_ACTION, .from = event->to, .to = event->from, .at = sim->now};

	back.action = sim_chance(sim, 50) ? REKEY_CHILD : REKEY_IKE;
	if (sim_chance(sim, 50))
		back.at += sim_below(sim, 4 * sim->weather.delay);
	sim_queue(sim, &back);
	sim_rekey(&sim->nodes[event->from], event->to, sim_chance(sim, 50));
}

static void power_off(struct sim *sim, struct sim_node *node, bool politely)
{
	if (politely)
		sim_node_shutdown(node);
	else
		sim_node_crash(node);
	plan(sim, BOOT, sim_chance(sim, 50) ? 0 : sim_below(sim, 30 * SIM_S));
}

static void take_up_all(struct sim *sim)
{
	for (unsigned i = 0; i < sim->node_count; i++)
		if (sim->nodes[i].ike)
			sim_take_up(&sim->nodes[i]);
}

static void take_down(struct sim_node *node, unsigned peer)
{
	sim_take_down(node, peer);
	plan(node->sim, TAKE_UP, sim_below(node->sim, 30 * SIM_S));
}

static void connect_one(struct sim_node *node, unsigned other)
{
	if (!sim_knows(node, sim_peer_of(node, other)))
		return;
	sim_note(node->sim, "%s connects", node->name);
	sl_ike_connect(node->ike, node->sim->now, sim_peer_of(node, other));
	sim_check_node(node);
}

/* From one of its keys to the other: a handshake that is under way may not even notice. */
static void change_key(struct sim_node *node)
{
	struct sl_ed25519_key key = node->key;

	sim_note(node->sim, "%s signs with its other key from now on", node->name);
	node->key = node->next_key;
	node->next_key = key;
}

void sim_act(struct sim *sim, const struct sim_event *event)
{
	struct sim_node *node = &sim->nodes[event->from];

	switch ((enum action)event->action) {
	case BOOT: boot_all(sim); break;
	case CRASH: power_off(sim, node, false); break;
	case SHUTDOWN: power_off(sim, node, true); break;
	case PARTITION: partition(sim, event->from, event->to); break;
	case HEAL: memset(sim->cut, 0, sizeof(sim->cut)); break;
	case WEATHER: sim_make_weather(sim); break;
	case CONNECT: connect_one(node, event->to); break;
	case REKEY_CHILD: sim_rekey(node, event->to, false); break;
	case REKEY_IKE: sim_rekey(node, event->to, true); break;
	case REKEY_BOTH: rekey_both(sim, event); break;
	case RESTART:
		sim_node_crash(node);
		boot_all(sim);
		break;
	case NEW_KEY: change_key(node); break;
	case DISMISS: sim_dismiss(node, sim_peer_of(node, event->to)); break;
	case TAKE_DOWN: take_down(node, sim_peer_of(node, event->to)); break;
	case TAKE_UP: take_up_all(sim); break;
	case CHANGE: sim_change(node, sim_peer_of(node, event->to)); break;
	case NOTHING: break;
	}
}

/* ---- The story --------------------------------------------------------------------------------------------------- */

static void chaos(struct sim *sim)
{
	uint64_t span = CHAOS_MIN + sim_below(sim, CHAOS_SPAN), at = 0;
	unsigned actions = (unsigned)sim_below(sim, ACTIONS_MAX);

	sim_queue(sim, &(struct sim_event){.kind = SIM_SECOND, .at = sim->now});
	sim_queue(sim, &(struct sim_event){.kind = SIM_TRAFFIC, .at = sim->now + sim_below(sim, 3 * SIM_S)});
	if (sim_chance(sim, 30))
		plan(sim, BOOT, sim_below(sim, 5 * SIM_S)); /* one node is later than the other */
	for (unsigned i = 0; i < sim->node_count; i++)
		if (i == 0 || sim_chance(sim, 80))
			sim_node_boot(&sim->nodes[i]);
	for (unsigned i = 0; i < actions; i++) {
		/* Some at the same time, some in the middle of an exchange, some on their own. */
		if (sim_chance(sim, 80))
			at = sim_chance(sim, 30) ? at + sim_below(sim, SIM_S) : sim_below(sim, span);
		plan(sim, (enum action)sim_below(sim, ACTION_COUNT), at);
	}
	sim_run(sim, sim->now + span);
}

/* What has a limit already rotates once more, and its successors have none. */
static void lengthen_lives(struct sim_node *node)
{
	node->packets = 0;
	for (unsigned i = 0; i < SIM_PEERS_MAX; i++) {
		node->peers[i].rekey_time = 0;
		for (unsigned f = 0; f < SIM_FLOWS_MAX; f++)
			node->flows[i][f].rekey_time = 0;
	}
}

/* The network is as good as can be: nothing lost, nothing out of order. */
static void settle(struct sim *sim)
{
	uint64_t healed = sim->now, settled = healed;
	const char *fault = NULL;

	sim->weather = (struct sim_weather){.delay = SIM_MS + sim_below(sim, 50 * SIM_MS)};
	sim->shortage = 0;
	memset(sim->cut, 0, sizeof(sim->cut));
	for (unsigned i = 0; i < sim->queued; i++)
		sim->queue[i].action = NOTHING;
	boot_all(sim);
	take_up_all(sim);
	for (unsigned i = 0; i < sim->node_count; i++)
		lengthen_lives(&sim->nodes[i]);
	sim_note(sim, "the network is healed, delay %u ms", (unsigned)(sim->weather.delay / SIM_MS));
	while (sim->now < healed + SETTLE_MAX) {
		sim_run(sim, sim->now + SIM_S);
		fault = sim_fault(sim);
		if (fault)
			settled = sim->now;
	}
	if (fault)
		sim_violation(sim, "no calm %u s after the network healed: %s",
			(unsigned)(SETTLE_MAX / SIM_S), fault);
	if (settled - healed > sim->report->settle_max)
		sim->report->settle_max = settled - healed;
}

void sim_reset_flows(struct sim *sim)
{
	for (unsigned i = 0; i < SIM_NODES_MAX; i++)
		for (unsigned k = 0; k < SIM_NODES_MAX; k++) {
			struct sim_flow *f = &sim->flows[i][k];

			sim->report->packets += f->delivered;
			*f = (struct sim_flow){.last = sim->now};
		}
}

/* Every packet must have arrived. */
void sim_check_flows(struct sim *sim)
{
	for (unsigned i = 0; i < sim->node_count; i++)
		for (unsigned k = 0; k < sim->node_count; k++) {
			const struct sim_flow *f = &sim->flows[i][k];

			if (i != k && (f->sent == 0 || f->sent != f->delivered))
				sim_violation(sim, "%s > %s: of %llu packets %llu arrived in calm",
					sim->nodes[i].name, sim->nodes[k].name, (unsigned long long)f->sent,
					(unsigned long long)f->delivered);
		}
}

static void check_blackout(struct sim *sim)
{
	for (unsigned i = 0; i < sim->node_count; i++)
		for (unsigned k = 0; k < sim->node_count; k++) {
			uint64_t gap = sim->flows[i][k].gap;

			if (i != k && gap > BLACKOUT_MAX)
				sim_violation(sim, "%s > %s: nothing arrived for %llu ms", sim->nodes[i].name,
					sim->nodes[k].name, (unsigned long long)(gap / SIM_MS));
			if (i != k && gap > sim->report->blackout_max)
				sim->report->blackout_max = gap;
		}
}

static void check_calm(struct sim *sim, uint64_t since, const char *what)
{
	const char *fault = sim_fault(sim);

	if (fault)
		sim_violation(sim, "no calm %u s after %s: %s", (unsigned)((sim->now - since) / SIM_S), what,
			fault);
}

/* An action in the midst of dense traffic. */
static void act_later(struct sim *sim, const struct sim_event *action, uint64_t later)
{
	struct sim_event event = *action;

	event.kind = SIM_ACTION;
	event.at = sim->now + DENSE / 4 + later;
	sim_queue(sim, &event);
}

static void dense(struct sim *sim)
{
	sim->interval = INTERVAL;
	sim_queue(sim, &(struct sim_event){.kind = SIM_TRAFFIC, .at = sim->now});
	sim_run(sim, sim->now + DENSE);
}

static void seldom(struct sim *sim, uint64_t span)
{
	sim->interval = SIM_S / 2;
	sim_run(sim, sim->now + span);
}

/* Stops the hosts, and lets what is under way arrive. */
void sim_pause_traffic(struct sim *sim)
{
	sim->interval = UINT64_MAX / 2;
	sim_run(sim, sim->now + SIM_S);
}

/* What the network does to a rotation: nothing, doubles, disorder, or a few messages of IKE lost. */
static void trial_weather(struct sim *sim)
{
	struct sim_weather *w = &sim->weather;

	w->duplication = sim_chance(sim, 30) ? 100 : 0;
	w->jitter = sim_chance(sim, 30) ? sim_below(sim, JITTER_MAX) : 0;
	w->lose = 0;
	for (unsigned i = 0; i < LOST_MAX && sim_chance(sim, 50); i++)
		w->lose |= UINT64_C(1) << sim_below(sim, 12);
	sim_note(sim, "trial: duplication %u %%, jitter %u ms, lost %03x", w->duplication,
		(unsigned)(w->jitter / SIM_MS), (unsigned)w->lose);
}

/* The keys that the rotation was about: of a child SA in use, or the IKE SA's, told by its SPI. */
static uint64_t keys_in_use(const struct sim *sim, const struct sim_event *rotation)
{
	const struct sim_node *node = &sim->nodes[rotation->from];
	unsigned peer = sim_peer_of(node, rotation->to);
	struct sl_ike_peer_info info;

	sl_ike_peer_info(node->ike, peer, &info);
	return rotation->action == REKEY_IKE ? info.spi_i
					     : sim_outbound(&node->links[peer], 0, SIM_ICMP)->child.spi_in;
}

/* Fresh keys: nothing may be lost to it, whatever becomes of IKE's messages, and only one of everything may be left. */
static void rotation_trial(struct sim *sim)
{
	static const enum action actions[] = {REKEY_CHILD, REKEY_IKE, REKEY_BOTH};
	struct sim_event rotation = {.from = (unsigned)sim_below(sim, sim->node_count)};
	uint64_t begun = sim->now, before;
	bool fair;

	rotation.to = (rotation.from + 1 + (unsigned)sim_below(sim, sim->node_count - 1)) % sim->node_count;
	rotation.action = actions[sim_below(sim, 3)];
	before = keys_in_use(sim, &rotation);
	trial_weather(sim);
	fair = sim->weather.lose == 0 && sim->weather.jitter == 0 && rotation.action != REKEY_BOTH;
	act_later(sim, &rotation, 0);
	dense(sim);
	seldom(sim, QUICK_CALM);
	if (fair)
		check_calm(sim, begun, "a rotation");
	seldom(sim, CALM_SPAN);
	check_calm(sim, begun, "a rotation");
	if (rotation.action != REKEY_BOTH && keys_in_use(sim, &rotation) == before)
		sim_violation(sim, "%s: the keys are the old ones after their rotation",
			sim->nodes[rotation.from].name);
	sim_pause_traffic(sim);
	sim_check_flows(sim);
	sim->weather = (struct sim_weather){.delay = sim->weather.delay};
}

/*
 * Flows are configured in the midst of traffic, and each gets its child SA. Engines do not take to that by themselves: a
 * new IKE SA makes them look.
 */
static void flow_trial(struct sim *sim)
{
	uint64_t begun = sim->now;
	bool any = false;

	for (unsigned i = 0; i < sim->node_count; i++)
		for (unsigned p = 0; p < sim->node_count - 1; p++)
			any |= sim->nodes[i].late_flows[p] > 0;
	if (!any)
		return;
	trial_weather(sim);
	for (unsigned i = 0; i < sim->node_count; i++) {
		struct sim_node *node = &sim->nodes[i];

		for (unsigned p = 0; p < sim->node_count - 1; p++) {
			struct sim_event look = {.action = REKEY_IKE, .from = i, .to = sim_node_of(node, p)};

			node->peers[p].flow_count = node->late_flows[p];
			if (look.to > i)
				act_later(sim, &look, 0);
		}
	}
	dense(sim);
	sim_run(sim, sim->now + DENSE); /* the end that waits for the other asks late */
	seldom(sim, QUICK_CALM + CALM_SPAN);
	check_calm(sim, begun, "flows were configured");
	sim_pause_traffic(sim);
	sim_check_flows(sim);
	sim->weather = (struct sim_weather){.delay = sim->weather.delay};
}

/*
 * A node that starts anew knows where the others are: they drop all they had of it as soon as they hear of it. It may
 * have been about to rotate keys, and another may start at the same time.
 */
static void restart_trial(struct sim *sim)
{
	struct sim_event restart = {.action = RESTART}, rekey = {.action = REKEY_IKE, .to = 1};
	uint64_t begun = sim->now;
	bool both = sim_chance(sim, 50);

	if (sim_chance(sim, 50))
		sim->weather.lose = UINT64_C(1) << sim_below(sim, 8);
	if (sim_chance(sim, 50))
		sim->weather.jitter = sim_below(sim, JITTER_MAX);
	if (sim_chance(sim, 50))
		act_later(sim, &rekey, 0);
	if (both)
		act_later(sim, &(struct sim_event){.action = RESTART, .from = 1},
			sim_below(sim, 4 * sim->weather.delay));
	act_later(sim, &restart, sim_below(sim, 4 * sim->weather.delay));
	dense(sim);
	check_blackout(sim);
	seldom(sim, QUICK_CALM);
	if (!both)
		check_calm(sim, begun, "a node was restarted");
	seldom(sim, CALM_SPAN);
	check_calm(sim, begun, "a node was restarted");
	sim->weather = (struct sim_weather){.delay = sim->weather.delay};
}

/*
 * An operator removes a peer, or takes the link with it down and up, or changes what may change in place, in the midst of
 * traffic. That costs nobody else a packet, and the last one nobody at all.
 */
static void change_trial(struct sim *sim)
{
	static const enum action actions[] = {DISMISS, TAKE_DOWN, CHANGE};
	struct sim_event change = {.from = (unsigned)sim_below(sim, sim->node_count)};
	uint64_t begun = sim->now;

	change.to = (change.from + 1 + (unsigned)sim_below(sim, sim->node_count - 1)) % sim->node_count;
	change.action = actions[sim_below(sim, 3)];
	act_later(sim, &change, 0);
	dense(sim);
	seldom(sim, AWAY_SPAN + CALM_SPAN);
	check_calm(sim, begun, "a change");
	sim_pause_traffic(sim);
	if (change.action != CHANGE)
		sim->flows[change.from][change.to] = sim->flows[change.to][change.from] =
			(struct sim_flow){.sent = 1, .delivered = 1};
	sim_check_flows(sim);
	for (unsigned i = 0; i < sim->node_count; i++)
		lengthen_lives(&sim->nodes[i]);
}

static void trials(struct sim *sim)
{
	static void (*const all[])(struct sim * sim) = {
		flow_trial, rotation_trial, restart_trial, rotation_trial, change_trial};

	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		sim_pause_traffic(sim);
		sim_reset_flows(sim);
		all[i](sim);
		sim_pause_traffic(sim);
	}
}

static void end(struct sim *sim, uint64_t started)
{
	sim_reset_flows(sim);
	for (unsigned i = 0; i < sim->node_count; i++) {
		if (sim_chance(sim, 50))
			sim_node_shutdown(&sim->nodes[i]);
		else
			sim_node_crash(&sim->nodes[i]);
		sim->report->handshakes += sim->nodes[i].handshakes;
	}
	sim->report->virtual_time += sim->now - started;
	sim->report->seeds++;
}

uint64_t sim_story(struct sim_report *report, uint64_t seed, bool trace)
{
	struct sim *sim = calloc(1, sizeof(*sim));
	uint64_t started, hash;

	report->seed = seed;
	report->line_count = 0;
	sim->random = seed * UINT64_C(0xd1342543de82ef95); /* neighbours are far apart */
	sim->report = report;
	sim->trace = trace;
	sim_make_world(sim);
	started = sim->now;
	chaos(sim);
	settle(sim);
	trials(sim);
	end(sim, started);
	hash = sim->hash;
	sim_network_free(sim);
	sim_dataplane_free(sim);
	free(sim);
	return hash;
}
