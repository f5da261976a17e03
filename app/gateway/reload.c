/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Another configuration put into effect. The file is read and checked whole, everything that may fail is done next, and what
 * is left cannot: so either all of it is in effect, or nothing.
 *
 *     read, check ── what needs a restart? ── plan: each peer stays, is new, or begins anew
 *     make: slots of the new peers, and another table of routes, beside what there is
 *     commit: peers that stay get their new values ── workers get the new table ── old peers leave ── new ones start
 *
 * A peer that begins anew is an old one that leaves and a new one in another slot. Peers that stay are only pointed to their
 * place in the new configuration, whatever happens to the others: no command to a worker is about their sessions.
 *
 * Workers have no lock. Each gets the new table of routes in a command, among others in their order, and says in an event that
 * it has it; when the last one has, the old table is freed.
 */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/config/difference.h"
#include "gateway.h"
#include "node.h"

enum {
	/* Peers that leave between two looks at what workers say: each of their sessions makes two events. */
	LEAVE_AT_ONCE = 16,
	LINE = 512,
};

/* What becomes of a peer of the new configuration. */
struct step {
	unsigned slot;
	bool fresh;      /* the slot is a new one ... */
	bool introduced; /* ... and lib/ike knows it */
	int instead_of;  /* the slot of the peer that leaves for it; -1: none */
	struct sl_config_difference difference;
};

struct plan {
	struct gateway *g;
	struct sl_config *old, *new;
	struct step *steps;       /* by index in the new configuration */
	bool *stays;              /* by slot, as far as there are slots now: who is in it then */
	unsigned slots;           /* there are */
	struct sl_routes *routes; /* NULL: they stay as they are */
	unsigned added, changed, removed, untouched;
	sl_config_report *report;
	void *ctx;
};

/* A line for whoever asked. */
static __attribute__((format(printf, 2, 3))) void say(const struct plan *plan, const char *format, ...)
{
	char line[LINE];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	plan->report(plan->ctx, line);
}

/* ---- Routes ------------------------------------------------------------------------------------------------------------ */

static int add_routes(struct sl_routes *routes, const struct sl_config_peer *peer, unsigned slot)
{
	for (unsigned i = 0; i < peer->prefix_count; i++) {
		if (sl_routes_add(routes, &peer->prefixes[i], slot) != 0)
			return -1;
	}
	return 0;
}

static struct sl_routes *new_routes(struct gateway *g, const struct sl_config *config)
{
	unsigned prefixes = 0;
	char name[16];

	for (unsigned i = 0; i < config->peer_count; i++)
		prefixes += config->peers[i].prefix_count;
	snprintf(name, sizeof(name), "routes%u", g->routes_made++);
	return sl_routes_new(name, RTE_MAX(prefixes, 1u));
}

int routes_init(struct gateway *g)
{
	g->routes = new_routes(g, g->config);
	for (unsigned slot = 0; g->routes && slot < g->peer_slots; slot++) {
		if (add_routes(g->routes, g->peers[slot].config, slot) != 0)
			return -1;
	}
	return g->routes ? 0 : -1;
}

static int make_routes(struct plan *plan)
{
	const struct sl_config *new = plan->new;

	plan->routes = new_routes(plan->g, new);
	for (unsigned i = 0; plan->routes && i < new->peer_count; i++) {
		if (add_routes(plan->routes, &new->peers[i], plan->steps[i].slot) != 0)
			return -1;
	}
	return plan->routes ? 0 : -1;
}

static void switch_routes(struct gateway *g, struct sl_routes *routes)
{
	struct command command = {.type = COMMAND_ROUTES, .object = routes, .old = g->routes};

	assert(!g->routes_before);
	g->routes_before = g->routes;
	g->routes_before_users = g->worker_count;
	g->routes = routes;
	gateway_command_all(g, &command);
}

void routes_released(struct gateway *g, struct sl_routes *routes)
{
	assert(routes == g->routes_before && g->routes_before_users > 0);
	if (--g->routes_before_users > 0)
		return;
	sl_routes_free(routes);
	g->routes_before = NULL;
}

/* ---- The plan ---------------------------------------------------------------------------------------------------------- */

static bool same_name(const struct sl_config *a, unsigned i, const char *name)
{
	return i < a->peer_count && strcmp(a->peers[i].name, name) == 0;
}

/* Where the peer at this index of the new configuration was in the old one, mostly at the same; or peer_count. */
static unsigned old_index(const struct plan *plan, unsigned index)
{
	const char *name = plan->new->peers[index].name;

	return same_name(plan->old, index, name) ? index : sl_config_find_peer(plan->old, name);
}

/* The peer has signed, for the link there is, with a key that it may not sign with any more. */
static bool is_key_withdrawn(const struct plan *plan, unsigned slot, const struct sl_config_peer *new)
{
	struct sl_ike_peer_info info;

	sl_ike_peer_info(plan->g->ike, slot, &info);
	return info.handshakes > 0 && !sl_config_has_key(new, info.public_key);
}

static void plan_peer(struct plan *plan, unsigned index, const unsigned *slot_of_old)
{
	struct step *step = &plan->steps[index];
	unsigned old = old_index(plan, index);

	*step = (struct step){.fresh = true, .instead_of = -1};
	if (old == plan->old->peer_count) {
		plan->added++;
		return;
	}
	step->difference = sl_config_compare_peers(plan->old, old, plan->new, index);
	if (is_key_withdrawn(plan, slot_of_old[old], &plan->new->peers[index]))
		step->difference.effect = RTE_MAX(step->difference.effect, SL_CONFIG_NEW_LINK);
	plan->changed += step->difference.effect != SL_CONFIG_SAME;
	plan->untouched += step->difference.effect == SL_CONFIG_SAME;
	if (step->difference.effect >= SL_CONFIG_NEW_LINK) {
		step->instead_of = (int)slot_of_old[old];
		return;
	}
	step->fresh = false;
	step->slot = slot_of_old[old];
	plan->stays[step->slot] = true;
}

static bool make_plan(struct plan *plan)
{
	const struct gateway *g = plan->g;
	unsigned *slot_of_old = calloc(plan->old->peer_count + 1, sizeof(*slot_of_old));

	plan->slots = g->peer_slots;
	plan->steps = calloc(plan->new->peer_count + 1, sizeof(*plan->steps));
	plan->stays = calloc(plan->slots + 1, sizeof(*plan->stays));
	if (!slot_of_old || !plan->steps || !plan->stays) {
		free(slot_of_old);
		say(plan, "%s: out of memory, nothing is applied", plan->new->path);
		return false;
	}
	for (unsigned slot = 0; slot < plan->slots; slot++) {
		if (g->peers[slot].config)
			slot_of_old[g->peers[slot].config - plan->old->peers] = slot;
	}
	for (unsigned i = 0; i < plan->new->peer_count; i++)
		plan_peer(plan, i, slot_of_old);
	for (unsigned slot = 0; slot < plan->slots; slot++)
		plan->removed += g->peers[slot].config &&
				 sl_config_find_peer(plan->new, g->peers[slot].name) == plan->new->peer_count;
	free(slot_of_old);
	return true;
}

static bool needs_no_restart(const struct plan *plan)
{
	struct sl_config_difference d = sl_config_compare(plan->old, plan->new);

	if (d.effect == SL_CONFIG_SAME)
		return true;
	say(plan, "%s: %s changed, which needs a restart of the gateway: nothing is applied", plan->new->path,
		d.keys);
	return false;
}

/* ---- What may fail ------------------------------------------------------------------------------------------------------ */

static bool make_slots(struct plan *plan)
{
	struct gateway *g = plan->g;

	for (unsigned i = 0; i < plan->new->peer_count; i++) {
		struct step *step = &plan->steps[i];
		int slot;

		if (!step->fresh)
			continue;
		slot = peer_prepare(g, plan->new, i);
		if (slot < 0 || peer_introduce(g, (unsigned)slot) != 0) {
			if (slot >= 0)
				peer_discard(g, (unsigned)slot);
			say(plan,
				"%s: no room for peer %s while so many others leave: nothing is applied, try again in a minute",
				plan->new->path, plan->new->peers[i].name);
			return false;
		}
		step->slot = (unsigned)slot;
		step->introduced = true;
		if (step->slot < plan->slots) /* one that was free */
			plan->stays[step->slot] = true;
	}
	return true;
}

static bool changes_routes(const struct plan *plan)
{
	bool changes = plan->removed > 0;

	for (unsigned i = 0; i < plan->new->peer_count; i++)
		changes |= plan->steps[i].fresh;
	return changes;
}

static bool make(struct plan *plan)
{
	if (!make_slots(plan))
		return false;
	if (!changes_routes(plan) || make_routes(plan) == 0)
		return true;
	say(plan,
		"%s: no memory for another table of routes: nothing is applied (give the EAL 128 MiB more, with -m)",
		plan->new->path);
	return false;
}

/* Nothing of it is in use yet. */
static void unmake(struct plan *plan)
{
	for (unsigned i = 0; i < plan->new->peer_count && plan->steps; i++) {
		if (!plan->steps[i].introduced)
			continue;
		peer_leave(plan->g, plan->steps[i].slot, gateway_now());
		peer_forget(plan->g, plan->steps[i].slot);
	}
	sl_routes_free(plan->routes);
}

/* ---- The commitment ----------------------------------------------------------------------------------------------------- */

static void point_to(struct gateway *g, struct sl_config *config)
{
	g->config = config;
	g->wire.config = g->wire.port.config = &config->wire;
	g->plain.config = g->plain.port.config = &config->plain;
	g->ike_conf.name = config->name;
	g->ike_conf.key = config->key;
}

static bool is_closed(const struct gateway *g, unsigned slot)
{
	struct sl_ike_peer_info info;

	sl_ike_peer_info(g->ike, slot, &info);
	return info.state == SL_IKE_CLOSED;
}

static void keep(struct plan *plan, unsigned index)
{
	const struct step *step = &plan->steps[index];
	struct gateway *g = plan->g;
	struct peer *p = &g->peers[step->slot];

	peer_configure(p, plan->new, index);
	if (step->difference.effect == SL_CONFIG_SAME)
		return;
	sl_ike_peer_changed(g->ike, gateway_now(), step->slot);
	sa_limits_changed(g, step->slot);
	if (step->difference.effect == SL_CONFIG_NEW_KEYS)
		p->rekey_child = g->rekey_asked = true;
}

/* Workers know all about it before they learn the way to it. */
static void settle_in(struct gateway *g, const struct step *step)
{
	struct peer *p = &g->peers[step->slot];
	bool closed = step->instead_of >= 0 && is_closed(g, (unsigned)step->instead_of);

	gateway_command_all(g, &(struct command){.type = COMMAND_FLOW_APART,
				       .arg = step->slot,
				       .object = p->flow_count ? p->aparts : NULL});
	gateway_command_all(
		g, &(struct command){.type = COMMAND_FLOW_CLOSED, .arg = step->slot, .closed = closed});
	if (closed)
		sl_ike_down(g->ike, gateway_now(), step->slot);
}

static void let_leave(struct plan *plan)
{
	struct gateway *g = plan->g;
	unsigned left = 0;

	for (unsigned slot = 0; slot < plan->slots; slot++) {
		if (!g->peers[slot].config || plan->stays[slot])
			continue;
		peer_leave(g, slot, gateway_now());
		if (++left % LEAVE_AT_ONCE == 0)
			control_take_events(g);
	}
}

static void commit(struct plan *plan)
{
	struct gateway *g = plan->g;

	peers_tell_gates(g, plan->old, false);
	peers_tell_gates(g, plan->new, true);
	point_to(g, plan->new);
	for (unsigned i = 0; i < plan->new->peer_count; i++) {
		if (plan->steps[i].fresh)
			settle_in(g, &plan->steps[i]);
		else
			keep(plan, i);
	}
	if (plan->routes)
		switch_routes(g, plan->routes);
	let_leave(plan);
	if (plan->new->plain.tap)
		node_change(plan->old, plan->new);
	for (unsigned i = 0; i < plan->new->peer_count; i++) {
		if (plan->steps[i].fresh)
			sl_ike_peer_start(g->ike, gateway_now(), plan->steps[i].slot);
	}
}

/* ---- What was done ------------------------------------------------------------------------------------------------------ */

static __attribute__((format(printf, 2, 3))) void tell(const struct plan *plan, const char *format, ...)
{
	char line[LINE];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	log_info("%s", line);
	plan->report(plan->ctx, line);
}

static void tell_peer(const struct plan *plan, unsigned index)
{
	static const char *const how[] = {
		[SL_CONFIG_IN_PLACE] = "",
		[SL_CONFIG_NEW_KEYS] = ", its keys are replaced",
		[SL_CONFIG_NEW_LINK] = ", its link begins anew",
	};
	const struct step *step = &plan->steps[index];
	const char *name = plan->new->peers[index].name;

	if (step->fresh && step->instead_of < 0)
		tell(plan, "%s: added", name);
	else if (step->difference.effect != SL_CONFIG_SAME)
		tell(plan, "%s: %s changed%s", name, step->difference.keys, how[step->difference.effect]);
}

static void tell_all(const struct plan *plan)
{
	const struct sl_config *old = plan->old, *new = plan->new;

	for (unsigned i = 0; i < old->peer_count && plan->removed; i++) {
		if (sl_config_find_peer(new, old->peers[i].name) == new->peer_count)
			tell(plan, "%s: removed", old->peers[i].name);
	}
	for (unsigned i = 0; i < new->peer_count; i++)
		tell_peer(plan, i);
	tell(plan, "%s is in effect: %u peer%s added, %u removed, %u changed, %u untouched", new->path,
		plan->added, plan->added == 1 ? "" : "s", plan->removed, plan->changed, plan->untouched);
}

bool reload(struct gateway *g, sl_config_report *report, void *ctx)
{
	struct plan plan = {.g = g, .old = g->config, .report = report, .ctx = ctx};
	bool done;

	plan.new = sl_config_load(g->config->path, report, ctx);
	if (!plan.new)
		return false;
	done = needs_no_restart(&plan) && make_plan(&plan) && make(&plan);
	if (done) {
		commit(&plan);
		tell_all(&plan);
	} else {
		unmake(&plan);
	}
	free(plan.steps);
	free(plan.stays);
	sl_config_free(done ? plan.old : plan.new);
	return done;
}
