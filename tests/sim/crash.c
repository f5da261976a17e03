/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Power cuts at every moment. A short history with all that IKE does - handshake, rekeys of either kind by either end and
 * by both at once, Delete - is told again and again, each time with a power cut at another moment of it: before and after
 * each message is sent and taken, and each session is installed, used and removed. Either end is cut off, or both, and
 * comes back soon, later, or one after the other. Then the link must be back in a stated time, in both directions, and
 * come to rest; and of all the keys there ever were none may have sealed twice with one counter.
 */
#include <stdio.h>
#include <stdlib.h>

#include "sim.h"

#define SOON      (50 * SIM_MS) /* as fast as a process can start */
#define LATER     (3 * SIM_S)
#define STEP      (10 * SIM_MS) /* of looking whether the link is back */
#define INTERVAL  (50 * SIM_MS) /* of traffic */
#define SILENCE   (14 * SIM_S)  /* longer than until a liveness check */
#define DELAY     (10 * SIM_MS) /* of the network */
#define CALM_SPAN (80 * SIM_S)  /* until all half-open and useless IKE SAs have gone */
#define FLOW_SPAN SIM_S         /* in the end, when every packet must arrive */

/* ---- Scenes ------------------------------------------------------------------------------------------------------ */

/* What the ends are, and how long the link may need from the moment at which both run again. */
static const struct scene {
	const char *name;
	unsigned workers[2];
	bool flow;           /* alpha has one configured */
	bool waits;          /* beta does not know where alpha is */
	bool lazy;           /* they connect when there is traffic */
	bool answers;        /* the host behind beta sends only when it has received */
	bool lose;           /* the first message of IKE after the cut is lost */
	uint64_t back_after; /* allowed */
} scenes[SIM_SCENES] = {
	{"both call", {1, 1}, .back_after = SIM_S / 2},
	{"both call, several SAs and a flow", {3, 2}, .flow = true, .back_after = SIM_S / 2},
	{"both call, and a message is lost", {1, 1}, .lose = true, .back_after = 2 * SIM_S},
	{"traffic calls", {1, 1}, .lazy = true, .back_after = 13 * SIM_S},
	{"traffic calls, beta's host only answers", {1, 1}, .lazy = true, .answers = true,
		.back_after = 13 * SIM_S},
	{"alpha calls, beta waits", {1, 1}, .waits = true, .back_after = 13 * SIM_S},
};

/* Who is cut off, and when they come back: by actor, whose moment it is, and other. */
enum { ACTOR = 1, OTHER = 2 };
static const struct cut {
	unsigned who;
	uint64_t back[2];
} cuts[SIM_CUTS] = {
	{ACTOR, {SOON}},
	{ACTOR, {LATER}},
	{OTHER, {0, SOON}},
	{OTHER, {0, LATER}},
	{ACTOR | OTHER, {SOON, SOON}},
	{ACTOR | OTHER, {SOON, LATER}},
	{ACTOR | OTHER, {LATER, SOON}},
};

const char *sim_scene_name(unsigned scene)
{
	return scenes[scene].name;
}

static void make_scene(struct sim *sim, const struct scene *scene)
{
	sim_make_world(sim);
	sim->node_count = 2;
	sim->shortage = 0;
	sim->scarce = false;
	sim->interval = INTERVAL;
	sim->answers = scene->answers;
	sim->weather = (struct sim_weather){.delay = DELAY};
	for (unsigned i = 0; i < 2; i++) {
		struct sim_node *node = &sim->nodes[i];
		struct sl_ike_peer_conf *peer = &node->peers[0];

		node->conf.workers = scene->workers[i];
		node->packets = 0;
		node->late_flows[0] = 0;
		peer->flow_count = 0;
		peer->rekey_time = 0;
		peer->dpd_delay = 10 * SIM_S; /* the default of the gateway */
		peer->start = scene->lazy ? SL_IKE_START_TRAFFIC : SL_IKE_START_BOOT;
		peer->endpoint = (struct sl_endpoint){sim->nodes[!i].conf.address, SL_IKE_NAT_PORT};
		if (peer->endpoint.addr.family == SL_NONE)
			peer->endpoint.addr = sim->nodes[!i].conf.address6;
	}
	if (scene->waits)
		sim->nodes[1].peers[0].endpoint = (struct sl_endpoint){{0}, 0};
	if (scene->flow)
		sim_add_flow(&sim->nodes[0], 0, SIM_TCP);
}

/* ---- The history ------------------------------------------------------------------------------------------------- */

enum what { BOOT, REKEY_CHILD, REKEY_IKE, DOWN, UP, SHUTDOWN, QUIET, TRAFFIC };

static const struct step {
	uint64_t at;
	unsigned node;
	enum what what;
} history[] = {
	{0, 0, BOOT}, {0, 1, BOOT},                                         /* and a handshake, or two */
	{3 * SIM_S, 0, REKEY_CHILD}, {4 * SIM_S, 1, REKEY_CHILD},           /* one after the other */
	{5 * SIM_S, 0, REKEY_IKE}, {6 * SIM_S, 1, REKEY_IKE},               /* the same for the IKE SA */
	{7 * SIM_S, 0, REKEY_CHILD}, {7 * SIM_S, 1, REKEY_CHILD},           /* both at once */
	{8 * SIM_S, 0, REKEY_IKE}, {8 * SIM_S, 1, REKEY_IKE},               /* both at once */
	{9 * SIM_S, 0, REKEY_CHILD}, {9 * SIM_S + DELAY / 2, 1, REKEY_IKE}, /* of different kinds */
	{11 * SIM_S, 0, DOWN}, {12 * SIM_S, 0, UP},                         /* Delete */
	{14 * SIM_S, 1, SHUTDOWN}, {15 * SIM_S, 1, BOOT},                   /* Delete, and a new life */
	{17 * SIM_S, 0, QUIET}, {30 * SIM_S, 0, TRAFFIC},                   /* a liveness check by each */
	{35 * SIM_S, 1, REKEY_CHILD}, {42 * SIM_S, 0, TRAFFIC},             /* and all old ones have gone */
};

static void do_step(struct sim *sim, const struct step *step)
{
	struct sim_node *node = &sim->nodes[step->node];

	if (step->what == BOOT && !node->ike)
		sim_node_boot(node);
	if (!node->ike)
		return;
	switch (step->what) {
	case BOOT: break;
	case REKEY_CHILD: sim_rekey(node, !step->node, false); break;
	case REKEY_IKE: sim_rekey(node, !step->node, true); break;
	case DOWN: sim_take_down(node, 0); break;
	case UP: sim_take_up(node); break;
	case SHUTDOWN: sim_node_shutdown(node); break;
	case QUIET: sim->interval = SILENCE; break;
	case TRAFFIC: sim->interval = INTERVAL; break;
	}
	sim_power(sim);
}

/* Until the power cut, or the end. */
static void tell_history(struct sim *sim)
{
	uint64_t begun = sim->now;

	sim_queue(sim, &(struct sim_event){.kind = SIM_SECOND, .at = sim->now});
	sim_queue(sim, &(struct sim_event){.kind = SIM_TRAFFIC, .at = sim->now + INTERVAL});
	for (unsigned i = 0; i < sizeof(history) / sizeof(history[0]) && !sim->crash->happened; i++) {
		sim_run(sim, begun + history[i].at);
		if (!sim->crash->happened)
			do_step(sim, &history[i]);
	}
}

/* ---- The power cut ----------------------------------------------------------------------------------------------- */

void sim_moment(struct sim_node *node, const char *what)
{
	struct sim *sim = node->sim;
	struct sim_crash *crash = sim->crash;
	struct sim_node *other;

	if (!crash || crash->happened || ++crash->moments != crash->at)
		return;
	other = &sim->nodes[!node->index];
	crash->happened = true;
	crash->actor = node->index;
	node->dying = cuts[crash->cut].who & ACTOR;
	other->dying = cuts[crash->cut].who & OTHER;
	sim_note(sim, "power cut: %s %s; %s%s%s", node->name, what, node->dying ? node->name : "",
		node->dying && other->dying ? " and " : "", other->dying ? other->name : "");
}

void sim_power(struct sim *sim)
{
	for (unsigned i = 0; i < sim->node_count; i++) {
		if (sim->nodes[i].dying)
			sim_node_crash(&sim->nodes[i]);
		sim->nodes[i].dying = false;
	}
}

static void boot(struct sim *sim, unsigned index)
{
	struct sim_node *node = &sim->nodes[index];

	if (!node->ike)
		sim_node_boot(node);
	sim_take_up(node); /* what the history has taken down */
}

/* Who was cut off comes back; who was switched off at that moment anyway comes back first. */
static void power_up(struct sim *sim, const struct cut *cut)
{
	const unsigned actor = sim->crash->actor;
	const unsigned order[2] = {
		cut->back[0] <= cut->back[1] ? actor : !actor, cut->back[0] <= cut->back[1] ? !actor : actor};
	uint64_t since = sim->now;

	for (unsigned i = 0; i < 2; i++) {
		sim_run(sim, since + cut->back[order[i] != actor]);
		boot(sim, order[i]);
	}
}

/* Returns how long it takes until packets arrive on both sides. */
static uint64_t wait_until_back(struct sim *sim, const struct scene *scene)
{
	const struct sim_flow *there = &sim->flows[0][1], *back = &sim->flows[1][0];
	uint64_t booted = sim->now;

	while (there->last <= booted || back->last <= booted) {
		if (sim->now - booted > scene->back_after)
			sim_violation(sim, "the link is not back %.1f s after the start%s%s",
				(double)scene->back_after / (double)SIM_S,
				there->last <= booted ? "; nothing arrives at beta" : "",
				back->last <= booted ? "; nothing arrives at alpha" : "");
		sim_run(sim, sim->now + STEP);
	}
	return (there->last > back->last ? there->last : back->last) - booted;
}

/* Exactly one of everything is left, and every packet arrives. */
static void come_to_rest(struct sim *sim)
{
	const char *fault;

	sim->interval = SIM_S / 2;
	sim_run(sim, sim->now + CALM_SPAN);
	fault = sim_fault(sim);
	if (fault)
		sim_violation(sim, "no calm %u s after the link was back: %s", (unsigned)(CALM_SPAN / SIM_S),
			fault);
	sim_pause_traffic(sim);
	sim_reset_flows(sim);
	sim->answers = false;
	sim->interval = INTERVAL;
	sim_queue(sim, &(struct sim_event){.kind = SIM_TRAFFIC, .at = sim->now});
	sim_run(sim, sim->now + FLOW_SPAN);
	sim_pause_traffic(sim);
	sim_check_flows(sim);
}

static void recover(struct sim *sim, const struct scene *scene)
{
	struct sim_report *report = sim->report;
	uint64_t took;

	if (scene->lose)
		sim->weather.lose = 1;
	if (sim->interval != INTERVAL)
		sim_queue(sim, &(struct sim_event){.kind = SIM_TRAFFIC, .at = sim->now});
	sim->interval = INTERVAL;
	power_up(sim, &cuts[sim->crash->cut]);
	took = wait_until_back(sim, scene);
	sim_note(sim, "the link is back after %u ms", (unsigned)(took / SIM_MS));
	if (took > report->back_max) {
		report->back_max = took;
		report->back_moment = sim->crash->at;
		report->back_cut = sim->crash->cut;
	}
	report->back_allowed = scene->back_after;
	report->back_sum += took;
	report->crashes++;
	sim->weather.lose = 0;
	come_to_rest(sim);
}

bool sim_crash_story(struct sim_report *report, unsigned scene, unsigned moment, unsigned cut, bool trace)
{
	struct sim *sim = calloc(1, sizeof(*sim));
	struct sim_crash crash = {.at = moment, .cut = cut};

	report->seed = scene + 1;
	report->line_count = 0;
	snprintf(report->again, sizeof(report->again), "--crash %u,%u,%u", scene, moment, cut);
	sim->random = (scene + 1) * UINT64_C(0xd1342543de82ef95);
	sim->report = report;
	sim->trace = trace;
	sim->crash = &crash;
	make_scene(sim, &scenes[scene]);
	tell_history(sim);
	if (crash.happened)
		recover(sim, &scenes[scene]);
	else
		report->moments = crash.moments;
	for (unsigned i = 0; i < 2; i++) {
		sim_node_crash(&sim->nodes[i]);
		report->handshakes += sim->nodes[i].handshakes;
	}
	sim_network_free(sim);
	sim_dataplane_free(sim);
	free(sim);
	return crash.happened;
}

void sim_crash_everywhere(struct sim_report *report, unsigned scene, unsigned stride)
{
	for (unsigned cut = 0; cut < SIM_CUTS; cut++)
		for (unsigned moment = 1 + cut % stride; sim_crash_story(report, scene, moment, cut, false);
			moment += stride)
			;
}
