/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ESP without bytes. A packet is the key that sealed it and the counter under that key; it opens where a session of its
 * SPI has the same key, with the gateway's own replay window. The ledger remembers every key and the counters it has
 * sealed: AES-GCM breaks when a pair comes twice.
 */
#include <stdlib.h>

#include "sim.h"

/* ---- The ledger -------------------------------------------------------------------------------------------------- */

/* The key as the ledger knows it; new ones are entered. */
static struct sim_key *find_key(struct sim *sim, const struct sl_ike_keys *keys, enum sl_cipher cipher)
{
	struct sim_key **bucket = &sim->keys[keys->key[0]], *key;
	size_t len = sl_cipher_key_len(cipher);

	for (key = *bucket; key; key = key->next)
		if (key->cipher == cipher && memcmp(key->keys.key, keys->key, len) == 0 &&
			memcmp(key->keys.salt, keys->salt, sizeof(keys->salt)) == 0)
			return key;
	key = calloc(1, sizeof(*key));
	*key = (struct sim_key){.next = *bucket, .keys = *keys, .cipher = cipher, .sealer = -1, .opener = -1};
	return *bucket = key;
}

void sim_dataplane_free(struct sim *sim)
{
	for (unsigned i = 0; i < SIM_BUCKETS; i++) {
		while (sim->keys[i]) {
			struct sim_key *key = sim->keys[i];

			sim->keys[i] = key->next;
			free(key);
		}
		while (sim->sessions[i]) {
			struct sim_session *session = sim->sessions[i];

			sim->sessions[i] = session->next;
			free(session);
		}
	}
}

/* ---- Sessions ---------------------------------------------------------------------------------------------------- */

static struct sim_session **find_place(struct sim_link *link, const struct sim_session *wanted)
{
	for (unsigned i = 0; i < SIM_SESSIONS_MAX; i++)
		if (link->sessions[i] == wanted)
			return &link->sessions[i];
	return NULL;
}

static struct sim_session *find_session(struct sim_link *link, uint32_t spi_in)
{
	for (unsigned i = 0; i < SIM_SESSIONS_MAX; i++)
		if (link->sessions[i] && link->sessions[i]->child.spi_in == spi_in)
			return link->sessions[i];
	return NULL;
}

static void enter_keys(struct sim_node *node, struct sim_session *s)
{
	struct sim *sim = node->sim;

	s->seal = find_key(sim, &s->child.out, s->child.cipher);
	s->open = find_key(sim, &s->child.in, s->child.cipher);
	if (s->seal->sealer >= 0)
		sim_violation(sim, "%s: child %08x seals with a key that was installed for sealing before",
			node->name, s->child.spi_in);
	if (s->open->opener >= 0)
		sim_violation(sim, "%s: child %08x opens with a key that was installed for opening before",
			node->name, s->child.spi_in);
	if (s->seal == s->open)
		sim_violation(
			sim, "%s: child %08x has one key for both directions", node->name, s->child.spi_in);
	s->seal->sealer = (int)node->index;
	s->open->opener = (int)node->index;
}

static unsigned count_sessions(const struct sim_link *link)
{
	unsigned count = 0;

	for (unsigned i = 0; i < SIM_SESSIONS_MAX; i++)
		count += link->sessions[i] != NULL;
	return count;
}

void sim_session_install(struct sim_node *node, const struct sl_ike_child *child)
{
	struct sim *sim = node->sim;
	struct sim_link *link = &node->links[child->peer];
	struct sim_session **place = find_place(link, NULL),
			   **bucket = &sim->sessions[child->spi_in % SIM_BUCKETS];
	struct sim_session *s = calloc(1, sizeof(*s));
	const struct sl_ike_peer_conf *conf = &node->peers[child->peer];
	uint64_t time =
		child->flow == SL_IKE_NO_FLOW ? conf->rekey_time : conf->flows[child->flow].rekey_time;

	if (!place)
		sim_violation(sim, "%s: %u children of one peer", node->name, SIM_SESSIONS_MAX + 1);
	s->child = *child;
	s->node = node->index;
	s->ends_at = time ? sim->now + 2 * time : UINT64_MAX;
	sim_note(sim, "%s installs child in %08x out %08x", node->name, child->spi_in, child->spi_out);
	enter_keys(node, s);
	sim_check_session(sim, s);
	s->next = *bucket;
	*bucket = *place = s;
	if (count_sessions(link) > sim->report->sessions_max)
		sim->report->sessions_max = count_sessions(link);
}

void sim_session_use(struct sim_node *node, unsigned peer, uint32_t spi_in)
{
	struct sim_link *link = &node->links[peer];
	struct sim_session *s = find_session(link, spi_in);

	sim_note(node->sim, "%s seals with child %08x", node->name, spi_in);
	if (!s)
		sim_violation(
			node->sim, "%s: child %08x is to be used and not installed", node->name, spi_in);
	/* All children of a peer have the same selectors here, but those of flows. */
	for (unsigned i = 0; i < SIM_SESSIONS_MAX; i++)
		if (link->sessions[i] && link->sessions[i]->child.worker == s->child.worker &&
			sim_flow_protocol(link->sessions[i]) == sim_flow_protocol(s))
			link->sessions[i]->in_use = false;
	s->in_use = true;
}

uint8_t sim_flow_protocol(const struct sim_session *session)
{
	return session->child.local.ts[0].protocol;
}

struct sim_session *sim_outbound(const struct sim_link *link, unsigned worker, uint8_t protocol)
{
	struct sim_session *best = NULL;

	for (unsigned i = 0; i < SIM_SESSIONS_MAX; i++) {
		struct sim_session *s = link->sessions[i];

		if (!s || !s->in_use)
			continue;
		if (sim_flow_protocol(s) == protocol)
			return s; /* there is one at most: flows are for one worker */
		if (sim_flow_protocol(s) != 0)
			continue;
		if (!best || s->child.worker == worker ||
			(best->child.worker != worker && s->child.worker < best->child.worker))
			best = s;
	}
	return best;
}

unsigned sim_in_use(const struct sim_link *link)
{
	unsigned count = 0;

	for (unsigned i = 0; i < SIM_SESSIONS_MAX; i++)
		count += link->sessions[i] && link->sessions[i]->in_use;
	return count;
}

void sim_session_remove(struct sim_node *node, unsigned peer, uint32_t spi_in)
{
	struct sim_link *link = &node->links[peer];
	struct sim_session *s = find_session(link, spi_in);

	sim_note(node->sim, "%s removes child %08x", node->name, spi_in);
	if (!s)
		sim_violation(node->sim, "%s: child %08x removed and not installed", node->name, spi_in);
	*find_place(link, s) = NULL;
	s->in_use = false;
}

/* ---- Packets ----------------------------------------------------------------------------------------------------- */

static bool covers(const struct sl_ts_list *list, const struct sl_addr *addr, uint8_t protocol)
{
	for (unsigned i = 0; i < list->count; i++)
		if (list->ts[i].first.family == addr->family &&
			(list->ts[i].protocol == 0 || list->ts[i].protocol == protocol) &&
			memcmp(list->ts[i].first.bytes, addr->bytes, sl_addr_len(addr)) <= 0 &&
			memcmp(list->ts[i].last.bytes, addr->bytes, sl_addr_len(addr)) >= 0)
			return true;
	return false;
}

/* A host behind a node: each has 10.(index + 1).0.0/16. */
static struct sl_addr host_of(unsigned node)
{
	return sl_addr_v4(UINT32_C(10) << 24 | (node + 1) << 16 | 0x0101);
}

static void seal(struct sim_node *node, struct sim_session *s, unsigned to, uint8_t protocol)
{
	const struct sim_esp packet = {
		.spi = s->child.spi_out, .key = s->seal, .seq = ++s->seq, .protocol = protocol};
	struct sim *sim = node->sim;

	if (sim->now > s->ends_at)
		sim_violation(
			sim, "%s: child %08x seals with keys that are too old", node->name, s->child.spi_in);
	if (packet.seq <= s->seal->sealed)
		sim_violation(sim, "%s: child %08x seals with counter %llu a second time", node->name,
			s->child.spi_in, (unsigned long long)packet.seq);
	s->seal->sealed = packet.seq;
	sim_send_esp(node, to, &packet);
}

static bool has_to_answer(const struct sim *sim)
{
	return sim->flows[1][0].sent < sim->flows[0][1].delivered;
}

void sim_traffic(struct sim_node *node, unsigned peer)
{
	static const uint8_t protocols[] = {SIM_ICMP, SIM_TCP, SIM_UDP};
	unsigned worker = (unsigned)sim_below(node->sim, node->conf.workers), to = sim_node_of(node, peer);
	uint8_t protocol = protocols[sim_below(node->sim, 3)];
	struct sim_session *s = sim_outbound(&node->links[peer], worker, protocol);
	const struct sl_addr src = host_of(node->index), dst = host_of(to);

	if (node->sim->answers && node->index == 1 && !has_to_answer(node->sim))
		return;
	node->sim->flows[node->index][to].sent++;
	if (!s && sim_knows(node, peer))
		sl_ike_connect(node->ike, node->sim->now, peer);
	else if (!s)
		return;
	else if (covers(&s->child.local, &src, protocol) && covers(&s->child.remote, &dst, protocol))
		seal(node, s, to, protocol);
}

static void deliver(struct sim_node *node, unsigned peer)
{
	struct sim *sim = node->sim;
	struct sim_flow *flow = &sim->flows[sim_node_of(node, peer)][node->index];

	if (++flow->delivered > flow->sent)
		sim_violation(sim, "%s: more packets came out than went in", node->name);
	if (sim->now - flow->last > flow->gap)
		flow->gap = sim->now - flow->last;
	flow->last = sim->now;
	node->links[peer].received = true;
}

void sim_open(struct sim_node *node, const struct sim_esp *packet)
{
	for (unsigned p = 0; p < node->sim->node_count - 1; p++) {
		const struct sl_addr src = host_of(sim_node_of(node, p)), dst = host_of(node->index);
		struct sim_session *s = find_session(&node->links[p], packet->spi);

		if (!s || s->open != packet->key)
			continue;
		sim_hash(node->sim, packet, sizeof(packet->spi));
		sim_hash(node->sim, &packet->seq, sizeof(packet->seq));
		if (sl_replay_accept(&s->window, packet->seq) == SL_REPLAY_NEW &&
			covers(&s->child.remote, &src, packet->protocol) &&
			covers(&s->child.local, &dst, packet->protocol))
			deliver(node, p);
		return;
	}
}
