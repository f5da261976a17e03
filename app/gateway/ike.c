/* SPDX-License-Identifier: BSD-3-Clause */
/* The IKE engine of the gateway, and the small operations it needs. */
#include <string.h>

#include "gateway.h"

enum { STRANGERS_MAX = 1024 }; /* half-open IKE SAs of theirs */

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
		log_line(levels[level], "%s: %s", g->peers[peer].name, text);
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

/* ---- The engine ------------------------------------------------------------------------------------------------------- */

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
		/* Address space for as many as there may ever be; memory is taken when they are. */
		.sa_max = SL_CONFIG_PEERS_MAX * SL_IKE_PEER_SAS + STRANGERS_MAX,
		.strangers_max = STRANGERS_MAX,
	};
	memcpy(g->ike_conf.spi_key, g->ike_spi_key, sizeof(g->ike_spi_key));
	peer_selectors(&g->ike_conf.selectors, behind, behind_count);
	g->ike = sl_ike_new(&g->ike_conf, &ike_ops, g);
	if (!g->ike)
		return -1;
	for (unsigned slot = 0; slot < g->peer_slots; slot++) {
		if (peer_introduce(g, slot) != 0)
			return -1;
	}
	return 0;
}

void ike_fini(struct gateway *g)
{
	sl_ike_free(g->ike);
}
