/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The invariants.
 */
#include <stdlib.h>

#include "lib/ike/wire.h"
#include "sim.h"

/* ---- After each event -------------------------------------------------------------------------------------------- */

static const struct sim_session *find_ever(const struct sim *sim, uint32_t spi_in)
{
	const struct sim_session *s = sim->sessions[spi_in % SIM_BUCKETS];

	while (s && s->child.spi_in != spi_in)
		s = s->next;
	return s;
}

static bool same_selectors(const struct sl_ts_list *a, const struct sl_ts_list *b)
{
	if (a->count != b->count)
		return false;
	for (unsigned i = 0; i < a->count; i++)
		if (!sl_addr_equal(&a->ts[i].first, &b->ts[i].first) ||
			!sl_addr_equal(&a->ts[i].last, &b->ts[i].last) ||
			a->ts[i].port_first != b->ts[i].port_first ||
			a->ts[i].port_last != b->ts[i].port_last || a->ts[i].protocol != b->ts[i].protocol)
			return false;
	return a->count > 0;
}

/* A child SA with the protocol of a flow that the node has configured is that of the flow, and others are not. */
static void check_flow(struct sim *sim, const struct sim_session *s)
{
	const struct sim_node *node = &sim->nodes[s->node];
	const struct sl_ike_peer_conf *conf = &node->peers[s->child.peer];
	uint8_t protocol = sim_flow_protocol(s);
	int flow = SL_IKE_NO_FLOW;

	for (unsigned i = 0; i < conf->flow_count; i++)
		if (protocol == conf->flows[i].local.ts[0].protocol)
			flow = (int)i;
	if (s->child.flow != flow)
		sim_violation(sim, "%s: child %08x is said to be of flow %d, not %d", node->name,
			s->child.spi_in, s->child.flow, flow);
}

void sim_check_session(struct sim *sim, const struct sim_session *a)
{
	const struct sim_session *b = find_ever(sim, a->child.spi_out);
	const char *name = sim->nodes[a->node].name;

	check_flow(sim, a);
	if (!b)
		return;
	if (b->child.spi_out != a->child.spi_in ||
		sim_node_of(&sim->nodes[a->node], a->child.peer) != b->node ||
		sim_node_of(&sim->nodes[b->node], b->child.peer) != a->node)
		sim_violation(sim, "%s: child %08x is paired with one of another", name, a->child.spi_in);
	if (a->seal != b->open || a->open != b->seal)
		sim_violation(sim, "%s: child %08x has other keys than its other half %08x", name,
			a->child.spi_in, b->child.spi_in);
	if (a->child.esn != b->child.esn || a->child.udp != b->child.udp)
		sim_violation(sim, "%s: child %08x has another kind of packet than its other half", name,
			a->child.spi_in);
	if (!same_selectors(&a->child.local, &b->child.remote) ||
		!same_selectors(&a->child.remote, &b->child.local))
		sim_violation(
			sim, "%s: child %08x has other selectors than its other half", name, a->child.spi_in);
}

static uint64_t digest(const uint8_t *msg, size_t len)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ msg[i]) * UINT64_C(0x100000001b3);
	return hash;
}

static bool same_sender(const struct sim_sealed *a, const struct sim_sealed *b)
{
	return a->spi_i == b->spi_i && a->spi_r == b->spi_r && a->initiator == b->initiator;
}

void sim_check_message(struct sim_node *node, const uint8_t *msg, size_t len)
{
	const struct ike_wire_header *h = (const void *)msg;
	struct sim_sealed s = {.spi_i = h->spi_i, .spi_r = h->spi_r, .id = h->id};
	struct sim_sealed **bucket, *kept;

	if (h->next != IKE_P_SK) {
		if (h->exchange != IKE_SA_INIT)
			sim_violation(node->sim, "%s: a message of exchange %u leaves unsealed", node->name,
				h->exchange);
		return;
	}
	s.initiator = h->flags & IKE_FLAG_INITIATOR;
	s.response = h->flags & IKE_FLAG_RESPONSE;
	memcpy(&s.iv, msg + sizeof(*h) + sizeof(struct ike_wire_payload), sizeof(s.iv));
	s.digest = digest(msg, len);
	bucket = &node->sim->sealed[(s.spi_i ^ s.spi_r) % SIM_BUCKETS];
	for (const struct sim_sealed *old = *bucket; old; old = old->next) {
		if (!same_sender(old, &s))
			continue;
		if (old->digest == s.digest)
			return;
		if (old->iv == s.iv)
			sim_violation(node->sim, "%s: one IV for two messages of IKE SA %016llx", node->name,
				(unsigned long long)be64toh(s.spi_i));
		if (old->id == s.id && old->response == s.response)
			sim_violation(node->sim, "%s: one message ID for two messages of IKE SA %016llx",
				node->name, (unsigned long long)be64toh(s.spi_i));
	}
	kept = malloc(sizeof(*kept));
	*kept = s;
	kept->next = *bucket;
	*bucket = kept;
}

/* A key of one direction of an IKE SA: only that IKE SA has it, for its two ends. */
static void check_ike_key(struct sim *sim, uint64_t spi_i, uint64_t spi_r, const struct sl_ike_keys *keys)
{
	struct sim_ike_key **bucket = &sim->ike_keys[keys->key[0]], *key;

	for (key = *bucket; key; key = key->next) {
		if (memcmp(&key->keys, keys, sizeof(*keys)) != 0)
			continue;
		if (key->spi_i != spi_i || key->spi_r != spi_r)
			sim_violation(sim, "IKE SA %016llx has a key of IKE SA %016llx",
				(unsigned long long)spi_i, (unsigned long long)key->spi_i);
		return;
	}
	key = malloc(sizeof(*key));
	*key = (struct sim_ike_key){*bucket, spi_i, spi_r, *keys};
	*bucket = key;
}

void sim_check_ike_keys(struct sim *sim, uint64_t spi_i, uint64_t spi_r, const struct sl_ike_keys *initiator,
	const struct sl_ike_keys *responder)
{
	if (memcmp(initiator, responder, sizeof(*initiator)) == 0)
		sim_violation(
			sim, "IKE SA %016llx has one key for both directions", (unsigned long long)spi_i);
	check_ike_key(sim, spi_i, spi_r, initiator);
	check_ike_key(sim, spi_i, spi_r, responder);
}

void sim_check_node(struct sim_node *node)
{
	struct sim *sim = node->sim;
	struct sl_ike_stats stats;

	sl_ike_get_stats(node->ike, &stats);
	if (stats.half_open + stats.established > SIM_IKE_SAS_MAX)
		sim_violation(sim, "%s: %llu IKE SAs", node->name,
			(unsigned long long)(stats.half_open + stats.established));
	for (unsigned i = 0; i < sim->node_count - 1; i++) {
		unsigned in_use = sim_in_use(&node->links[i]);
		struct sl_ike_peer_info info;

		if (node->absent[i] == SIM_GONE)
			continue;
		sl_ike_peer_info(node->ike, i, &info);
		if (info.children != in_use)
			sim_violation(sim, "%s: the engine believes that %u children are in use, not %u",
				node->name, info.children, in_use);
		if ((info.state == SL_IKE_UP) != (in_use > 0))
			sim_violation(sim, "%s: link is %s and there are %u sessions to seal with",
				node->name, sl_ike_state_name(info.state), in_use);
	}
}

/* ---- In calm ----------------------------------------------------------------------------------------------------- */

static const char *node_fault(struct sim_node *node)
{
	struct sl_ike_stats stats;

	for (unsigned p = 0; p < node->sim->node_count - 1; p++)
		if (!sim_knows(node, p))
			return "a peer has not been added again";
	sl_ike_get_stats(node->ike, &stats);
	if (stats.half_open != 0)
		return "a handshake is still under way";
	if (stats.established != node->sim->node_count - 1)
		return "not exactly one IKE SA with each peer";
	for (unsigned p = 0; p < node->sim->node_count - 1; p++) {
		const struct sim_link *link = &node->links[p];

		for (unsigned i = 0; i < SIM_SPIS_MAX; i++)
			if (link->reserved[i])
				return "an SPI leaked";
		if (sim_in_use(link) == 0)
			return "a link is down";
	}
	return NULL;
}

/* Every child of this end is there at the other, and one of them uses it. */
static const char *children_fault(const struct sim_link *link, const struct sim_link *back)
{
	for (unsigned i = 0; i < SIM_SESSIONS_MAX; i++) {
		const struct sim_session *a = link->sessions[i], *b = NULL;

		for (unsigned k = 0; a && k < SIM_SESSIONS_MAX && !b; k++)
			if (back->sessions[k] && back->sessions[k]->child.spi_in == a->child.spi_out)
				b = back->sessions[k];
		if (a && (!b || a->seal != b->open || a->open != b->seal))
			return "the ends have different children";
		if (a && !a->in_use && !b->in_use)
			return "nobody uses a child";
	}
	return NULL;
}

static unsigned general_in_use(const struct sim_link *link)
{
	unsigned count = 0;

	for (unsigned i = 0; i < SIM_SESSIONS_MAX; i++)
		count += link->sessions[i] && link->sessions[i]->in_use &&
			 sim_flow_protocol(link->sessions[i]) == 0;
	return count;
}

/*
 * Each worker has a child, if they are spoken of: for that the one who began the IKE SA must have several, and nobody must
 * ever have been without room. Otherwise there is one child.
 */
static const char *workers_fault(const struct sim_node *node, unsigned peer)
{
	const struct sim_node *other = &node->sim->nodes[sim_node_of(node, peer)];
	unsigned in_use = general_in_use(&node->links[peer]);
	unsigned back = general_in_use(&other->links[sim_peer_of(other, node->index)]);

	if (node->sim->scarce || (in_use == node->conf.workers && back == other->conf.workers))
		return NULL;
	if (node->conf.workers > 1 && other->conf.workers > 1)
		return "a worker has no child";
	return in_use == 1 && back == 1 ? NULL : "some workers have a child";
}

static bool has_flow(const struct sl_ike_peer_conf *conf, uint8_t protocol)
{
	for (unsigned i = 0; i < conf->flow_count; i++)
		if (conf->flows[i].local.ts[0].protocol == protocol)
			return true;
	return false;
}

/* A flow that either end has configured has one child, which this end uses, unless somebody ever was without room. */
static const char *flows_fault(const struct sim_node *node, unsigned peer)
{
	static const uint8_t protocols[] = {SIM_TCP, SIM_UDP};
	const struct sim_node *other = &node->sim->nodes[sim_node_of(node, peer)];
	const struct sl_ike_peer_conf *back = &other->peers[sim_peer_of(other, node->index)];
	const struct sim_link *link = &node->links[peer];

	for (unsigned p = 0; p < 2; p++) {
		bool wanted = has_flow(&node->peers[peer], protocols[p]) || has_flow(back, protocols[p]);
		unsigned count = 0, in_use = 0;

		for (unsigned i = 0; i < SIM_SESSIONS_MAX; i++) {
			const struct sim_session *s = link->sessions[i];

			count += s && sim_flow_protocol(s) == protocols[p];
			in_use += s && sim_flow_protocol(s) == protocols[p] && s->in_use;
		}
		if (count > 1)
			return "a flow has several children";
		if (in_use != wanted && !(in_use == 0 && node->sim->scarce))
			return "a flow has no child in use";
	}
	return NULL;
}

/* ESP goes in UDP when an end insists; and else not, if each knows whom it has before it. */
static const char *udp_fault(const struct sim_node *node, unsigned peer)
{
	const struct sim *sim = node->sim;
	const struct sim_node *other = &sim->nodes[sim_node_of(node, peer)];
	bool insists = node->peers[peer].udp || other->peers[sim_peer_of(other, node->index)].udp;

	for (unsigned i = 0; i < SIM_SESSIONS_MAX; i++) {
		const struct sim_session *s = node->links[peer].sessions[i];

		if (s && s->child.udp != insists && (insists || sim->node_count == 2))
			return "a child has the wrong encapsulation";
		if (s && s->child.nat)
			return "a NAT is seen where there is none";
	}
	return NULL;
}

static const char *link_fault(struct sim_node *node, unsigned peer)
{
	struct sim_node *other = &node->sim->nodes[sim_node_of(node, peer)];
	unsigned back = sim_peer_of(other, node->index);
	struct sl_ike_peer_info info[2];
	const char *fault;

	sl_ike_peer_info(node->ike, peer, &info[0]);
	sl_ike_peer_info(other->ike, back, &info[1]);
	if (info[0].spi_i != info[1].spi_i || info[0].spi_r != info[1].spi_r)
		return "the ends use different IKE SAs";
	fault = children_fault(&node->links[peer], &other->links[back]);
	if (!fault)
		fault = workers_fault(node, peer);
	if (!fault)
		fault = flows_fault(node, peer);
	return fault ? fault : udp_fault(node, peer);
}

const char *sim_fault(struct sim *sim)
{
	const char *fault = NULL;

	for (unsigned i = 0; i < sim->node_count && !fault; i++)
		fault = sim->nodes[i].ike ? node_fault(&sim->nodes[i]) : "a node is switched off";
	for (unsigned i = 0; i < sim->node_count; i++)
		for (unsigned p = 0; p < sim->node_count - 1 && !fault; p++)
			fault = link_fault(&sim->nodes[i], p);
	return fault;
}
