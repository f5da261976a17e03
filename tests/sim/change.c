/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Operators at work: peers that are removed from a running engine and added again, links that are taken down and up, and
 * configurations that change.
 */
#include "sim.h"

#define AWAY_MAX (20 * SIM_S)

/* Only one of a node's peers at a time, so that it gets its index again. */
static bool lacks_one(const struct sim_node *node)
{
	for (unsigned p = 0; p < node->sim->node_count - 1; p++)
		if (node->absent[p] != SIM_PRESENT)
			return true;
	return false;
}

void sim_dismiss(struct sim_node *node, unsigned peer)
{
	struct sim *sim = node->sim;

	if (!node->ike || lacks_one(node))
		return;
	sim_note(sim, "%s removes %s", node->name, node->peers[peer].name);
	sl_ike_peer_remove(node->ike, sim->now, peer);
	node->absent[peer] = SIM_LEAVING;
	node->back_at[peer] = sim->now + sim_below(sim, AWAY_MAX);
	for (unsigned i = 0; i < SIM_SESSIONS_MAX; i++)
		if (node->links[peer].sessions[i])
			sim_violation(sim, "%s: a child of %s is left", node->name, node->peers[peer].name);
	sim_check_node(node);
}

static void admit(struct sim_node *node, unsigned peer)
{
	struct sim *sim = node->sim;

	sim_note(sim, "%s adds %s again", node->name, node->peers[peer].name);
	node->absent[peer] = SIM_PRESENT;
	if (sl_ike_peer_add(node->ike, &node->peers[peer]) != (int)peer)
		sim_violation(sim, "%s: peer %u not added", node->name, peer);
	sl_ike_peer_start(node->ike, sim->now, peer);
	sim_check_node(node);
}

void sim_admit(struct sim_node *node)
{
	struct sim *sim = node->sim;

	for (unsigned p = 0; p < sim->node_count - 1; p++) {
		if (node->absent[p] == SIM_LEAVING && sl_ike_peer_forget(node->ike, p))
			node->absent[p] = SIM_GONE;
		if (node->absent[p] == SIM_LEAVING && sim->now > node->back_at[p] + AWAY_MAX + 60 * SIM_S)
			sim_violation(sim, "%s: %s never goes", node->name, node->peers[p].name);
		if (node->absent[p] == SIM_GONE && sim->now >= node->back_at[p])
			admit(node, p);
	}
}

void sim_take_down(struct sim_node *node, unsigned peer)
{
	if (!sim_knows(node, peer))
		return;
	sim_note(node->sim, "%s takes the link with %s down", node->name, node->peers[peer].name);
	sl_ike_down(node->ike, node->sim->now, peer);
	if (sim_in_use(&node->links[peer]) > 0)
		sim_violation(node->sim, "%s: a link that was taken down is used", node->name);
	sim_check_node(node);
}

void sim_take_up(struct sim_node *node)
{
	for (unsigned p = 0; p < node->sim->node_count - 1; p++) {
		if (!sim_knows(node, p))
			continue;
		sl_ike_up(node->ike, node->sim->now, p);
		sim_check_node(node);
	}
}

void sim_change(struct sim_node *node, unsigned peer)
{
	struct sl_ike_peer_conf *conf = &node->peers[peer];
	struct sim *sim = node->sim;

	if (!sim_knows(node, peer))
		return;
	sim_note(sim, "%s changes what it has of %s", node->name, conf->name);
	conf->dpd_delay = (1 + sim_below(sim, 10)) * SIM_S;
	if (conf->rekey_time > 0)
		conf->rekey_time = 2 * SIM_S + sim_below(sim, 18 * SIM_S);
	if (conf->start != SL_IKE_START_NONE)
		conf->start = sim_chance(sim, 50) ? SL_IKE_START_BOOT : SL_IKE_START_TRAFFIC;
	if (conf->cipher_count == 2) {
		enum sl_cipher first = conf->ciphers[0];

		conf->ciphers[0] = conf->ciphers[1];
		conf->ciphers[1] = first;
	}
	sl_ike_peer_changed(node->ike, sim->now, peer);
	sim_check_node(node);
}

void sim_rekey(struct sim_node *node, unsigned other, bool ike)
{
	unsigned peer = sim_peer_of(node, other);
	const struct sim_link *link = &node->links[peer];

	if (!sim_knows(node, peer) || sim_in_use(link) == 0)
		return;
	sim_note(node->sim, "%s rekeys %s with %s", node->name, ike ? "IKE" : "the children",
		node->sim->nodes[other].name);
	if (ike)
		sl_ike_rekey(node->ike, node->sim->now, peer);
	for (unsigned i = 0; i < SIM_SESSIONS_MAX && !ike; i++)
		if (link->sessions[i] && link->sessions[i]->in_use)
			sl_ike_rekey_child(node->ike, node->sim->now, link->sessions[i]->child.spi_in);
	sim_check_node(node);
}
