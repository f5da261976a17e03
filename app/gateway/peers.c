/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Peers in slots. The slot of a peer is its number everywhere else: in lib/ike, in routes, in the flows of workers and in
 * sessions. So it stays the same while the peer is known, wherever that is in the configuration file; and when the peer is
 * removed, its slot is free again only when nobody can have that number any more: no session, no table of routes and no IKE
 * SA. Until then the peer is leaving. There are twice as many slots as there can be peers, so that all of them may be
 * replaced at once.
 */
#include <assert.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway.h"

enum { SLOTS = 2 * SL_CONFIG_PEERS_MAX };

_Static_assert((int)SLOTS < (int)SL_FLOWS_MAX, "the slot of a peer is the number of its flow");
_Static_assert((int)SL_CONFIG_FLOWS_MAX <= (int)SL_IKE_FLOWS_MAX, "what can be configured can be agreed");
_Static_assert((int)SL_CONFIG_PUBLIC_KEYS_MAX == (int)SL_IKE_KEYS_MAX, "what can be configured is accepted");

/* ---- The configuration of one, as lib/ike wants it --------------------------------------------------------------------- */

void peer_selectors(struct sl_ts_list *list, const struct sl_prefix *prefixes, unsigned count)
{
	list->count = count;
	for (unsigned i = 0; i < count; i++)
		list->ts[i] = sl_ts_from_prefix(&prefixes[i]);
}

static void narrow(struct sl_ts_list *list, uint8_t protocol, uint16_t port_first, uint16_t port_last)
{
	for (unsigned i = 0; i < list->count; i++) {
		list->ts[i].protocol = protocol;
		list->ts[i].port_first = port_first;
		list->ts[i].port_last = port_last;
	}
}

static struct sl_ike_flow_conf flow_conf(const struct sl_config_flow *flow)
{
	struct sl_ike_flow_conf conf = {.name = flow->name, .rekey_time = flow->rekey_time};

	peer_selectors(&conf.local, flow->local, flow->local_count);
	peer_selectors(&conf.remote, flow->remote, flow->remote_count);
	narrow(&conf.local, flow->protocol, flow->local_port_first, flow->local_port_last);
	narrow(&conf.remote, flow->protocol, flow->remote_port_first, flow->remote_port_last);
	return conf;
}

static void conf_from(struct sl_ike_peer_conf *conf, const struct sl_config_peer *peer, const struct peer *p)
{
	static const enum sl_ike_start start_from[] = {
		[SL_CONFIG_START_BOOT] = SL_IKE_START_BOOT,
		[SL_CONFIG_START_TRAFFIC] = SL_IKE_START_TRAFFIC,
		[SL_CONFIG_START_NONE] = SL_IKE_START_NONE,
	};

	conf->name = peer->name;
	memcpy(conf->public_keys, peer->public_keys, sizeof(conf->public_keys));
	conf->public_key_count = peer->public_key_count;
	conf->endpoint = peer->endpoint;
	peer_selectors(&conf->selectors, peer->prefixes, peer->prefix_count);
	memcpy(conf->ciphers, peer->ciphers, sizeof(conf->ciphers));
	conf->cipher_count = peer->cipher_count;
	conf->esn = peer->esn;
	conf->udp = peer->udp;
	conf->start = start_from[peer->start];
	conf->dpd_delay = peer->dpd_delay;
	conf->ppk = peer->ppk;
	conf->ppk_id = peer->ppk_id;
	conf->ppk_required = peer->ppk_required;
	conf->rekey_time = peer->rekey_time;
	conf->flows = p->flow_confs;
	conf->flow_count = p->flow_count;
}

/* The flows with a peer, in the order of the file: of those that cover a packet the first one has it. */
void peer_configure(struct peer *p, const struct sl_config *c, unsigned index)
{
	unsigned n = 0;

	for (unsigned i = 0; i < c->flow_count; i++) {
		if (c->flows[i].peer != index)
			continue;
		p->flows[n] = &c->flows[i];
		p->flow_confs[n++] = flow_conf(&c->flows[i]);
	}
	p->config = &c->peers[index];
	conf_from(&p->conf, p->config, p);
}

/* ---- Slots ------------------------------------------------------------------------------------------------------------- */

/*
 * The SAs of flows are worker 0's, the owner of all that the other workers do not seal: these learn what to leave to it.
 */
static int set_apart(struct peer *p)
{
	for (unsigned i = 0; i < p->flow_count; i++) {
		const struct sl_ike_flow_conf *conf = &p->flow_confs[i];

		if (sl_esp_apart_init(&p->aparts[i], &conf->local, &conf->remote) != 0)
			return -1;
		p->aparts[i].next = i + 1 < p->flow_count ? &p->aparts[i + 1] : NULL;
	}
	return 0;
}

static void clear(struct peer *p)
{
	free(p->flows);
	free(p->flow_confs);
	free(p->aparts);
	*p = (struct peer){0};
}

int peer_prepare(struct gateway *g, const struct sl_config *c, unsigned index)
{
	unsigned slot = 0;
	struct peer *p;

	while (slot < g->peer_slots && g->peers[slot].taken)
		slot++;
	if (slot == SLOTS)
		return -1;
	p = &g->peers[slot];
	for (unsigned i = 0; i < c->flow_count; i++)
		p->flow_count += c->flows[i].peer == index;
	p->flows = calloc(p->flow_count + 1, sizeof(*p->flows));
	p->flow_confs = calloc(p->flow_count + 1, sizeof(*p->flow_confs));
	p->aparts = aligned_alloc(alignof(struct sl_esp_apart), (p->flow_count + 1) * sizeof(*p->aparts));
	if (!p->flows || !p->flow_confs || !p->aparts) {
		clear(p);
		return -1;
	}
	peer_configure(p, c, index);
	if (set_apart(p) != 0) {
		clear(p);
		return -1;
	}
	p->taken = true;
	p->owner = SL_NO_WORKER;
	snprintf(p->name, sizeof(p->name), "%s", c->peers[index].name);
	g->peer_slots = RTE_MAX(g->peer_slots, slot + 1);
	return (int)slot;
}

void peer_discard(struct gateway *g, unsigned slot)
{
	clear(&g->peers[slot]);
}

int peer_introduce(struct gateway *g, unsigned slot)
{
	int index = sl_ike_peer_add(g->ike, &g->peers[slot].conf);

	if (index < 0)
		return -1;
	/* Both take the lowest that is free, and free the same at the same time. */
	assert((unsigned)index == slot);
	return 0;
}

void peer_leave(struct gateway *g, unsigned slot, uint64_t now)
{
	g->peers[slot].config = NULL;
	sl_ike_peer_remove(g->ike, now, slot);
}

static bool can_be_free(const struct gateway *g, const struct peer *p)
{
	return p->taken && !p->config && LIST_EMPTY(&p->sas) && !g->routes_before;
}

void peer_forget(struct gateway *g, unsigned slot)
{
	if (can_be_free(g, &g->peers[slot]) && sl_ike_peer_forget(g->ike, slot))
		clear(&g->peers[slot]);
}

void peers_tick(struct gateway *g)
{
	for (unsigned slot = 0; slot < g->peer_slots; slot++)
		peer_forget(g, slot);
}

void peers_tell_gates(struct gateway *g, const struct sl_config *config, bool known)
{
	struct command command = {.type = known ? COMMAND_KNOW : COMMAND_FORGET, .arg = GATE_PEER};

	for (unsigned i = 0; i < config->peer_count; i++) {
		command.address = config->peers[i].endpoint.addr;
		if (command.address.family != SL_NONE)
			gateway_command_all(g, &command);
	}
}

int peer_find(const struct gateway *g, const char *name)
{
	for (unsigned slot = 0; slot < g->peer_slots; slot++) {
		if (g->peers[slot].config && strcmp(g->peers[slot].name, name) == 0)
			return (int)slot;
	}
	return -1;
}

int peers_init(struct gateway *g)
{
	g->peers = calloc(SLOTS, sizeof(*g->peers));
	for (unsigned i = 0; g->peers && i < g->config->peer_count; i++) {
		if (peer_prepare(g, g->config, i) != (int)i)
			return -1;
	}
	return g->peers ? 0 : -1;
}

void peers_fini(struct gateway *g)
{
	for (unsigned slot = 0; g->peers && slot < g->peer_slots; slot++)
		clear(&g->peers[slot]);
	free(g->peers);
}
