/* SPDX-License-Identifier: BSD-3-Clause */
/* The IKE engine of the gateway: the configuration as lib/ike wants it, and the small operations it needs. */
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "gateway.h"

enum { IKE_SAS_SPARE = 1024 }; /* half-open ones of strangers */

static void log_ike(void *gateway, enum sl_ike_level level, int peer, const char *text)
{
	static const uint32_t levels[] = {
		[SL_IKE_ERROR] = RTE_LOG_ERR,
		[SL_IKE_WARNING] = RTE_LOG_WARNING,
		[SL_IKE_INFO] = RTE_LOG_INFO,
		[SL_IKE_DEBUG] = RTE_LOG_DEBUG,
	};
	const struct gateway *g = gateway;

	if (peer == SL_IKE_NO_PEER)
		log_line(levels[level], "%s", text);
	else
		log_line(levels[level], "%s: %s", g->config->peers[peer].name, text);
}

static void random_bytes(void *gateway, void *buf, size_t len)
{
	(void)gateway;
	sl_random(buf, len);
}

static void log_keys(void *gateway, uint64_t spi_i, uint64_t spi_r, enum sl_cipher cipher,
	const struct sl_ike_keys *initiator, const struct sl_ike_keys *responder)
{
	const struct gateway *g = gateway;

	keylog_ike(g->keylog, spi_i, spi_r, cipher, initiator, responder);
}

static const struct sl_ike_ops ike_ops = {
	.send = local_send_ike,
	.random = random_bytes,
	.spi_alloc = sa_spi_alloc,
	.spi_free = sa_spi_free,
	.child_install = sa_install,
	.child_use_outbound = sa_use_outbound,
	.child_move = sa_move,
	.child_remove = sa_remove,
	.keepalive = local_send_keepalive,
	.log = log_ike,
	.ike_keys = log_keys,
};

/* ---- The configuration ------------------------------------------------------------------------------------------------- */

static void selectors_from(struct sl_ts_list *list, const struct sl_prefix *prefixes, unsigned count)
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

	selectors_from(&conf.local, flow->local, flow->local_count);
	selectors_from(&conf.remote, flow->remote, flow->remote_count);
	narrow(&conf.local, flow->protocol, flow->local_port_first, flow->local_port_last);
	narrow(&conf.remote, flow->protocol, flow->remote_port_first, flow->remote_port_last);
	return conf;
}

_Static_assert((int)SL_CONFIG_FLOWS_MAX <= (int)SL_IKE_FLOWS_MAX, "what can be configured can be agreed");
_Static_assert((int)SL_CONFIG_PUBLIC_KEYS_MAX == (int)SL_IKE_KEYS_MAX, "what can be configured is accepted");

/*
 * The SAs of flows are worker 0's, the owner of all that the other workers do not seal: these learn what to leave to it. No
 * worker runs yet.
 */
static int set_apart(struct gateway *g, unsigned peer)
{
	struct peer *p = &g->peers[peer];

	for (unsigned i = 0; i < p->flow_count; i++) {
		const struct sl_ike_flow_conf *conf = &p->flow_confs[i];

		if (sl_esp_apart_init(&p->aparts[i], &conf->local, &conf->remote) != 0)
			return -1;
		p->aparts[i].next = i + 1 < p->flow_count ? &p->aparts[i + 1] : NULL;
	}
	for (unsigned w = 0; p->flow_count && w < g->worker_count; w++)
		g->workers[w].dp.flows[peer].apart = p->aparts;
	return 0;
}

/* The flows with a peer, in the order of the file: of those that cover a packet the first one has it. */
static int flows_init(struct gateway *g, unsigned peer)
{
	const struct sl_config *c = g->config;
	struct peer *p = &g->peers[peer];

	for (unsigned i = 0; i < c->flow_count; i++)
		p->flow_count += c->flows[i].peer == peer;
	p->flows = calloc(p->flow_count + 1, sizeof(*p->flows));
	p->flow_confs = calloc(p->flow_count + 1, sizeof(*p->flow_confs));
	p->aparts = aligned_alloc(alignof(struct sl_esp_apart), (p->flow_count + 1) * sizeof(*p->aparts));
	if (!p->flows || !p->flow_confs || !p->aparts)
		return -1;
	for (unsigned i = 0, n = 0; i < c->flow_count; i++) {
		if (c->flows[i].peer != peer)
			continue;
		p->flows[n] = &c->flows[i];
		p->flow_confs[n++] = flow_conf(&c->flows[i]);
	}
	return set_apart(g, peer);
}

static void peer_conf(struct sl_ike_peer_conf *conf, const struct sl_config_peer *peer, const struct peer *p)
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
	selectors_from(&conf->selectors, peer->prefixes, peer->prefix_count);
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

/* Our first address of a family, or none. */
static struct sl_addr own_address(const struct sl_config *c, enum sl_family family)
{
	const struct sl_prefix *address = sl_config_address(&c->wire, family);

	return address ? address->addr : (struct sl_addr){.family = SL_NONE};
}

int ike_init(struct gateway *g)
{
	const struct sl_config *c = g->config;
	struct sl_prefix behind[SL_TS_MAX];
	unsigned behind_count = sl_config_behind_us(c, behind);

	g->ike_conf = (struct sl_ike_conf){
		.name = c->name,
		.key = c->key,
		.address = own_address(c, SL_IPV4),
		.address6 = own_address(c, SL_IPV6),
		.workers = g->worker_count,
		.mtu = c->wire.mtu,
		.sa_max = c->peer_count * SL_IKE_PEER_SAS + IKE_SAS_SPARE,
	};
	selectors_from(&g->ike_conf.selectors, behind, behind_count);
	g->peer_confs = calloc(c->peer_count, sizeof(*g->peer_confs));
	g->ike = sl_ike_new(&g->ike_conf, &ike_ops, g);
	if (!g->peer_confs || !g->ike)
		return -1;
	for (unsigned i = 0; i < c->peer_count; i++) {
		if (flows_init(g, i) != 0)
			return -1;
		peer_conf(&g->peer_confs[i], &c->peers[i], &g->peers[i]);
		if (sl_ike_peer_add(g->ike, &g->peer_confs[i]) != (int)i)
			return -1;
	}
	return 0;
}

void ike_fini(struct gateway *g)
{
	sl_ike_free(g->ike);
	for (unsigned i = 0; i < g->config->peer_count; i++) {
		free(g->peers[i].flows);
		free(g->peers[i].flow_confs);
		free(g->peers[i].aparts);
	}
	free(g->peer_confs);
}
