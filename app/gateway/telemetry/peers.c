/* SPDX-License-Identifier: BSD-3-Clause */
/* /sealane/peers and /sealane/peer; and the requests about a peer. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>

#include "../../../lib/crypto/keyfile.h"
#include "telemetry.h"

static int list_peers(struct gateway *g, const char *param, struct rte_tel_data *d)
{
	struct page page = page_start(d, param);

	for (unsigned i = 0; i < g->config->peer_count; i++)
		page_add(&page, g->config->peers[i].name);
	return 0;
}

static void tell_handshakes(
	const struct gateway *g, struct rte_tel_data *d, const struct sl_ike_peer_info *info)
{
	char endpoint[SL_ADDR_TEXT], key[SL_FINGERPRINT_MAX];

	tell_text(d, "state", sl_ike_state_name(info->state));
	tell_number(d, "since_s", seconds_since(info->since ? info->since : g->started));
	tell_text(d, "endpoint",
		info->endpoint.addr.family == SL_NONE ? "" : sl_endpoint_text(&info->endpoint, endpoint));
	tell_signed(
		d, "last_handshake_s", info->last_handshake ? (int)seconds_since(info->last_handshake) : -1);
	tell_number(d, "handshakes", info->handshakes);
	tell_number(d, "failures", info->failures);
	tell_number(d, "rekeys", info->rekeys);
	tell_number(d, "rekeys_child", info->rekeys - info->ike_rekeys);
	tell_number(d, "rekeys_ike", info->ike_rekeys);
	tell_text(d, "cipher", info->state == SL_IKE_UP ? sl_cipher_name(info->cipher) : "");
	tell_text(d, "key", info->last_handshake ? sl_public_fingerprint(key, info->public_key) : "");
	tell_text(d, "last_error", info->last_error);
}

/* Empty when there is no IKE SA. */
static void tell_ike_spi(struct rte_tel_data *d, const char *name, uint64_t spi)
{
	char hex[17] = "";

	if (spi)
		snprintf(hex, sizeof(hex), "%016" PRIx64, spi);
	tell_text(d, name, hex);
}

static void tell_traffic(struct rte_tel_data *d, const struct sa_peer_info *sas)
{
	tell_number(d, "child_sas", sas->sas);
	tell_number(d, "child_sas_in_use", sas->sas_in_use);
	tell_number(d, "rx_packets", sas->totals.rx_packets);
	tell_number(d, "rx_bytes", sas->totals.rx_bytes);
	tell_number(d, "tx_packets", sas->totals.tx_packets);
	tell_number(d, "tx_bytes", sas->totals.tx_bytes);
	tell_number(d, "rx_lost", sas->gaps.lost);
	tell_number(d, "rx_missing", sas->gaps.missing);
}

static int tell_peer(struct gateway *g, const char *name, struct rte_tel_data *d)
{
	int slot = name ? peer_find(g, name) : -1;
	struct sl_ike_peer_info info;
	struct sa_peer_info sas;

	if (slot < 0)
		return -1;
	sl_ike_peer_info(g->ike, (unsigned)slot, &info);
	sa_peer_info(g, (unsigned)slot, &sas);
	tell_text(d, "name", g->peers[slot].name);
	tell_handshakes(g, d, &info);
	tell_number(d, "keys", g->peers[slot].config->public_key_count);
	tell_ike_spi(d, "ike_spi_i", info.spi_i);
	tell_ike_spi(d, "ike_spi_r", info.spi_r);
	tell_signed(d, "ike_rekey_in_s", seconds_until(info.rekey_at));
	tell_traffic(d, &sas);
	tell_number(d, "inner_mtu", sa_inner_mtu(g, (unsigned)slot));
	tell_prefixes(d, "prefixes", g->peers[slot].config->prefixes, g->peers[slot].config->prefix_count);
	return 0;
}

static int rekey(struct gateway *g, const char *name, struct rte_tel_data *d, bool ike)
{
	int slot = name ? peer_find(g, name) : -1;
	struct sl_ike_peer_info info;

	if (slot < 0)
		return -1;
	sl_ike_peer_info(g->ike, (unsigned)slot, &info);
	tell_text(d, "state", sl_ike_state_name(info.state));
	if (info.state != SL_IKE_UP)
		return 0;
	g->rekey_asked = true;
	if (ike)
		g->peers[slot].rekey_ike = true;
	else
		g->peers[slot].rekey_child = true;
	(void)!eventfd_write(g->wake_fd, 1); /* at its limit it is awake anyway */
	return 0;
}

static int rekey_child(struct gateway *g, const char *name, struct rte_tel_data *d)
{
	return rekey(g, name, d, false);
}

static int rekey_ike(struct gateway *g, const char *name, struct rte_tel_data *d)
{
	return rekey(g, name, d, true);
}

const struct telemetry_command telemetry_peers[] = {
	{"/sealane/peers", list_peers, true, "Names of the peers. Parameter: how many to leave out (0)"},
	{"/sealane/peer", tell_peer, false, "About one peer. Parameter: its name"},
	{"/sealane/rekey", rekey_child, false, "Replaces the child SA with a peer. Parameter: its name"},
	{"/sealane/rekey_ike", rekey_ike, false, "Replaces the IKE SA with a peer. Parameter: its name"},
	{0},
};
