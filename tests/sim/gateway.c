/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A node: what the gateway's control thread is to an engine. It keeps account of what the engine asks for: what is
 * given back was reserved, what is removed was installed, what is used is there.
 */
#include "sim.h"

static void op_send(void *owner, const struct sl_ike_path *path, const uint8_t *msg, size_t len)
{
	struct sim_node *node = owner;

	sim_moment(node, "sends");
	if (node->dying)
		return;
	sim_send_ike(node, path, msg, len);
	sim_moment(node, "has sent");
}

static void op_random(void *owner, void *buf, size_t len)
{
	struct sim_node *node = owner;
	uint8_t *out = buf;

	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)(sim_random(node->sim) >> 32);
}

/* SPIs are unique in the whole world: multiplication by an odd number only scatters them. */
static uint32_t new_spi(struct sim *sim)
{
	uint32_t spi;

	do {
		spi = ++sim->last_spi * UINT32_C(2654435761);
	} while (spi < 256);
	return spi;
}

static uint32_t op_spi_alloc(void *owner, unsigned peer, unsigned worker)
{
	struct sim_node *node = owner;
	struct sim_link *link = &node->links[peer];

	if (worker >= node->conf.workers)
		sim_violation(node->sim, "%s: an SPI for worker %u", node->name, worker);
	if (sim_chance(node->sim, node->sim->shortage))
		return 0;
	for (unsigned i = 0; i < SIM_SPIS_MAX; i++)
		if (link->reserved[i] == 0)
			return link->reserved[i] = new_spi(node->sim);
	sim_violation(node->sim, "%s: SPIs leak: %u are reserved for one peer", node->name, SIM_SPIS_MAX);
}

static void op_spi_free(void *owner, uint32_t spi)
{
	struct sim_node *node = owner;

	for (unsigned p = 0; p < SIM_PEERS_MAX; p++)
		for (unsigned i = 0; i < SIM_SPIS_MAX; i++)
			if (spi != 0 && node->links[p].reserved[i] == spi) {
				node->links[p].reserved[i] = 0;
				return;
			}
	sim_violation(
		node->sim, "%s: SPI %08x given back or installed that was not reserved", node->name, spi);
}

static int op_child_install(void *owner, const struct sl_ike_child *child)
{
	struct sim_node *node = owner;

	if (sim_chance(node->sim, node->sim->shortage))
		return -1;
	op_spi_free(node, child->spi_in);
	sim_moment(node, "installs");
	sim_session_install(node, child);
	sim_moment(node, "has installed");
	return 0;
}

static void op_child_use_outbound(void *owner, unsigned peer, uint32_t spi_in)
{
	struct sim_node *node = owner;

	sim_session_use(node, peer, spi_in);
	/* Its workers do not wait for what the engine does next. */
	if (node->sim->crash && !node->dying && sim_outbound(&node->links[peer], 0, SIM_ICMP))
		sim_traffic(node, peer);
	sim_moment(node, "seals with the new child");
}

static void op_child_remove(void *owner, unsigned peer, uint32_t spi_in)
{
	struct sim_node *node = owner;

	sim_session_remove(node, peer, spi_in);
	sim_moment(node, "has removed");
}

static void op_log(void *owner, enum sl_ike_level level, int peer, const char *text)
{
	struct sim_node *node = owner;

	(void)level;
	(void)peer;
	sim_note(node->sim, "%s: %s", node->name, text);
}

static void op_ike_keys(void *owner, uint64_t spi_i, uint64_t spi_r, enum sl_cipher cipher,
	const struct sl_ike_keys *initiator, const struct sl_ike_keys *responder)
{
	struct sim_node *node = owner;

	(void)cipher;
	sim_check_ike_keys(node->sim, spi_i, spi_r, initiator, responder);
}

static const struct sl_ike_ops ops = {
	.send = op_send,
	.random = op_random,
	.spi_alloc = op_spi_alloc,
	.spi_free = op_spi_free,
	.child_install = op_child_install,
	.child_use_outbound = op_child_use_outbound,
	.child_remove = op_child_remove,
	.log = op_log,
	.ike_keys = op_ike_keys,
};

void sim_node_boot(struct sim_node *node)
{
	struct sim *sim = node->sim;

	sim_note(sim, "%s boots", node->name);
	node->ike = sl_ike_new(&node->conf, &ops, node);
	if (!node->ike)
		sim_violation(sim, "%s: no engine", node->name);
	for (unsigned i = 0; i < sim->node_count - 1; i++)
		if (sl_ike_peer_add(node->ike, &node->peers[i]) != (int)i)
			sim_violation(sim, "%s: peer %u not added", node->name, i);
	memset(node->absent, 0, sizeof(node->absent));
	sl_ike_start(node->ike, sim->now);
	sim_check_node(node);
}

/* Whatever was installed or reserved must have gone with the engine. */
static void check_empty(const struct sim_node *node)
{
	for (unsigned p = 0; p < SIM_PEERS_MAX; p++) {
		const struct sim_link *link = &node->links[p];

		for (unsigned i = 0; i < SIM_SPIS_MAX; i++)
			if (link->reserved[i])
				sim_violation(
					node->sim, "%s: SPI %08x leaked", node->name, link->reserved[i]);
		for (unsigned i = 0; i < SIM_SESSIONS_MAX; i++)
			if (link->sessions[i])
				sim_violation(node->sim, "%s: child %08x was never removed", node->name,
					link->sessions[i]->child.spi_in);
	}
}

static void count_handshakes(struct sim_node *node)
{
	for (unsigned i = 0; i < node->sim->node_count - 1; i++) {
		struct sl_ike_peer_info info;

		if (node->absent[i] == SIM_GONE)
			continue;
		sl_ike_peer_info(node->ike, i, &info);
		node->handshakes += info.handshakes;
	}
}

void sim_node_crash(struct sim_node *node)
{
	if (!node->ike)
		return;
	sim_note(node->sim, "%s is gone", node->name);
	count_handshakes(node);
	sl_ike_free(node->ike);
	node->ike = NULL;
	check_empty(node);
}

void sim_node_shutdown(struct sim_node *node)
{
	if (!node->ike)
		return;
	sim_note(node->sim, "%s shuts down", node->name);
	sl_ike_shutdown(node->ike, node->sim->now);
	check_empty(node);
	sim_node_crash(node);
}

void sim_node_second(struct sim_node *node)
{
	struct sim *sim = node->sim;

	sim_admit(node);
	for (unsigned i = 0; i < sim->node_count - 1; i++) {
		struct sim_link *link = &node->links[i];

		if (link->received && sim_knows(node, i))
			sl_ike_alive(node->ike, sim->now, i);
		link->received = false;
		for (unsigned s = 0; s < SIM_SESSIONS_MAX && node->packets; s++)
			if (link->sessions[s] && link->sessions[s]->in_use &&
				link->sessions[s]->seq > node->packets)
				sl_ike_rekey_child(node->ike, sim->now, link->sessions[s]->child.spi_in);
	}
}
