/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a world is made of, at random: nodes, what each knows of the others, and the weather between them.
 */
#include <stdlib.h>

#include "sim.h"

#define REKEY_SPAN (18 * SIM_S) /* a short life of a child SA; four times that of an IKE SA */

static void add_selector(struct sl_ts_list *list, const char *text)
{
	struct sl_prefix prefix;

	if (!sl_prefix_parse(&prefix, text))
		abort();
	list->ts[list->count++] = sl_ts_from_prefix(&prefix);
}

/* What lies behind a node, as somebody has it in his configuration: not everybody knows of IPv6. */
static struct sl_ts_list selectors_of(struct sim *sim, unsigned node)
{
	static const char *const prefixes[SIM_NODES_MAX][2] = {{"10.1.0.0/16", "fd00:1::/64"},
		{"10.2.0.0/16", "fd00:2::/64"}, {"10.3.0.0/16", "fd00:3::/64"}};
	struct sl_ts_list list = {0};

	if (sim_chance(sim, 50))
		add_selector(&list, prefixes[node][1]);
	add_selector(&list, prefixes[node][0]);
	return list;
}

/* Which families the nodes have addresses of. */
enum families { ONLY_IPV4, ONLY_IPV6, BOTH_FAMILIES };

static void give_addresses(struct sim_node *node, enum families families)
{
	struct sl_addr ipv6 = {.family = SL_IPV6, .bytes = {0x20, 0x01, 0x0d, 0xb8}};

	ipv6.bytes[15] = (uint8_t)(1 + node->index);
	if (families != ONLY_IPV6)
		node->conf.address = sl_addr_v4(UINT32_C(0xc0000201) + node->index);
	if (families != ONLY_IPV4)
		node->conf.address6 = ipv6;
}

static void make_key(struct sim *sim, struct sl_ed25519_key *key)
{
	for (unsigned i = 0; i < sizeof(key->seed); i++)
		key->seed[i] = (uint8_t)sim_random(sim);
	sl_ed25519_from_seed(key);
}

static void make_node(struct sim *sim, unsigned index)
{
	static const char *const names[SIM_NODES_MAX] = {"alpha", "beta", "gamma"};
	struct sim_node *node = &sim->nodes[index];

	node->sim = sim;
	node->index = index;
	node->name = names[index];
	make_key(sim, &node->key);
	make_key(sim, &node->next_key);
	node->conf = (struct sl_ike_conf){
		.name = node->name,
		.key = &node->key,
		.selectors = selectors_of(sim, index),
		.sa_max = SIM_IKE_SAS_MAX,
		.workers = sim_chance(sim, 40) ? 1 : 1 + (unsigned)sim_below(sim, SIM_WORKERS_MAX),
	};
	node->packets = sim_chance(sim, 30) ? 10 + sim_below(sim, 200) : 0;
}

/* Ciphers of a node, for all its peers: any two nodes have one in common unless they are of one mind each. */
static void choose_ciphers(struct sim *sim, bool both)
{
	for (unsigned i = 0; i < sim->node_count; i++) {
		enum sl_cipher first = sim_chance(sim, 50) ? SL_AES256GCM16 : SL_AES128GCM16;
		enum sl_cipher second = first == SL_AES256GCM16 ? SL_AES128GCM16 : SL_AES256GCM16;

		for (unsigned p = 0; p < sim->node_count - 1; p++) {
			struct sl_ike_peer_conf *peer = &sim->nodes[i].peers[p];

			peer->ciphers[0] = both ? first : SL_AES128GCM16;
			peer->ciphers[1] = second;
			peer->cipher_count = both ? 2 : 1;
		}
	}
}

void sim_add_flow(struct sim_node *node, unsigned peer, uint8_t protocol)
{
	struct sl_ike_peer_conf *conf = &node->peers[peer];
	struct sl_ike_flow_conf *flow = &node->flows[peer][conf->flow_count++];

	conf->flows = node->flows[peer];
	*flow = (struct sl_ike_flow_conf){
		.name = protocol == SIM_TCP ? "tcp" : "udp",
		.local = node->conf.selectors,
		.remote = conf->selectors,
	};
	for (unsigned k = 0; k < flow->local.count; k++)
		flow->local.ts[k].protocol = protocol;
	for (unsigned k = 0; k < flow->remote.count; k++)
		flow->remote.ts[k].protocol = protocol;
}

/* Some protocols of the traffic with this peer have child SAs of their own; the other end may think so too, or not. */
static void make_flows(struct sim_node *node, unsigned peer, bool late)
{
	static const uint8_t protocols[SIM_FLOWS_MAX] = {SIM_TCP, SIM_UDP};
	struct sl_ike_peer_conf *conf = &node->peers[peer];
	struct sim *sim = node->sim;
	unsigned first = (unsigned)sim_below(sim, 2); /* the order is everybody's own */

	for (unsigned i = 0; i < SIM_FLOWS_MAX; i++) {
		if (sim_chance(sim, 40))
			continue;
		sim_add_flow(node, peer, protocols[(first + i) % SIM_FLOWS_MAX]);
		if (sim_chance(sim, 50))
			node->flows[peer][conf->flow_count - 1].rekey_time =
				2 * SIM_S + sim_below(sim, REKEY_SPAN);
	}
	if (late) {
		node->late_flows[peer] = conf->flow_count;
		conf->flow_count = 0;
	}
}

/* Where a node is, for others; in whichever family, if it has both. */
static struct sl_addr address_of(struct sim *sim, const struct sim_node *node)
{
	bool ipv6 = node->conf.address.family == SL_NONE;

	if (!ipv6 && node->conf.address6.family != SL_NONE)
		ipv6 = sim_chance(sim, 50);
	return ipv6 ? node->conf.address6 : node->conf.address;
}

static void introduce(struct sim_node *node, unsigned peer)
{
	struct sim *sim = node->sim;
	const struct sim_node *other = &sim->nodes[sim_node_of(node, peer)];
	/* One end of a link may not know where the other is, and waits. */
	bool waits = node->index > other->index && sim_chance(sim, 20);
	bool shy = node->index > other->index && sim_chance(sim, 10); /* it knows, and waits all the same */
	bool later = sim_chance(sim, 50); /* the order of keys is everybody's own */
	struct sl_ike_peer_conf *conf = &node->peers[peer];

	*conf = (struct sl_ike_peer_conf){
		.name = other->name,
		.selectors = selectors_of(sim, other->index),
		.esn = sim_chance(sim, 80),
		.udp = sim_chance(sim, 50),
		.start = sim_chance(sim, 60) ? SL_IKE_START_BOOT : SL_IKE_START_TRAFFIC,
		.dpd_delay = (1 + sim_below(sim, 10)) * SIM_S,
		.rekey_time = sim_chance(sim, 50) ? 2 * SIM_S + sim_below(sim, REKEY_SPAN) : 0,
	};
	if (shy)
		conf->start = SL_IKE_START_NONE;
	if (!waits)
		conf->endpoint = (struct sl_endpoint){
			address_of(sim, other), sim_chance(sim, 80) ? SL_IKE_NAT_PORT : SL_IKE_PORT};
	conf->public_key_count = 2;
	memcpy(conf->public_keys[later], other->key.public, sizeof(conf->public_keys[0]));
	memcpy(conf->public_keys[!later], other->next_key.public, sizeof(conf->public_keys[0]));
}

void sim_make_weather(struct sim *sim)
{
	struct sim_weather *w = &sim->weather;

	*w = (struct sim_weather){
		.delay = SIM_MS + sim_below(sim, 50 * SIM_MS), .jitter = sim_below(sim, 100 * SIM_MS)};
	if (sim_chance(sim, 70))
		w->loss = (unsigned)sim_below(sim, 31);
	if (sim_chance(sim, 50))
		w->duplication = (unsigned)sim_below(sim, 31);
	if (sim_chance(sim, 30))
		w->corruption = (unsigned)sim_below(sim, 11);
	if (sim_chance(sim, 30))
		w->stray = (unsigned)sim_below(sim, 6);
	if (sim_chance(sim, 20))
		w->jitter = sim_below(sim, 3 * SIM_S);
	sim_note(sim,
		"weather: loss %u %%, duplication %u %%, corruption %u %%, stray %u %%, delay %llu + %llu ms",
		w->loss, w->duplication, w->corruption, w->stray, (unsigned long long)(w->delay / SIM_MS),
		(unsigned long long)(w->jitter / SIM_MS));
}

void sim_make_world(struct sim *sim)
{
	enum families families;
	bool late_flows;

	sim->now = 1000 * SIM_S;
	sim->interval = (100 + sim_below(sim, 400)) * SIM_MS;
	sim->node_count = sim_chance(sim, 30) ? 3 : 2;
	sim->shortage = sim_chance(sim, 20) ? (unsigned)sim_below(sim, 20) : 0;
	sim->scarce = sim->shortage > 0;
	families = (enum families)sim_below(sim, 3);
	late_flows = sim_chance(sim, 40);
	for (unsigned i = 0; i < sim->node_count; i++) {
		make_node(sim, i);
		give_addresses(&sim->nodes[i], families);
	}
	for (unsigned i = 0; i < sim->node_count; i++)
		for (unsigned p = 0; p < sim->node_count - 1; p++) {
			introduce(&sim->nodes[i], p);
			if (sim_chance(sim, 50))
				make_flows(&sim->nodes[i], p, late_flows);
		}
	choose_ciphers(sim, sim_chance(sim, 80));
	sim_make_weather(sim);
}
