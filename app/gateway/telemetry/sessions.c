/* SPDX-License-Identifier: BSD-3-Clause */
/* /sealane/sessions and /sealane/session. */
#include <stdio.h>
#include <stdlib.h>

#include "telemetry.h"

static bool list_session(void *ctx, const struct sa_info *info)
{
	char hex[16];

	snprintf(hex, sizeof(hex), "0x%08x", info->spi_in);
	page_add(ctx, hex);
	return true;
}

static int list_sessions(struct gateway *g, const char *param, struct rte_tel_data *d)
{
	struct page page = page_start(d, param);

	sa_each(g, list_session, &page);
	return 0;
}

struct session_request {
	const struct gateway *gateway;
	uint32_t spi_in;
	bool found;
	struct rte_tel_data *d;
};

static bool tell_if_asked_for(void *ctx, const struct sa_info *info)
{
	struct session_request *r = ctx;
	struct rte_tel_data *d = r->d;

	if (info->spi_in != r->spi_in)
		return true;
	r->found = true;
	tell_spi(d, "spi_in", info->spi_in);
	tell_spi(d, "spi_out", info->spi_out);
	tell_text(d, "peer", r->gateway->config->peers[info->peer].name);
	tell_number(d, "worker", info->worker);
	tell_text(d, "cipher", sl_cipher_name(info->cipher));
	tell_yes_no(d, "esn", info->esn);
	tell_number(d, "age_s", seconds_since(info->created));
	tell_yes_no(d, "in_use", info->in_use);
	tell_text(d, "flow", info->flow);
	tell_number(d, "rx_packets", info->rx_packets);
	tell_number(d, "rx_bytes", info->rx_bytes);
	tell_number(d, "tx_packets", info->tx_packets);
	tell_number(d, "tx_bytes", info->tx_bytes);
	tell_number(d, "replay", info->replayed);
	tell_number(d, "late", info->late);
	tell_number(d, "bad_icv", info->bad_icv);
	return false;
}

static int tell_session(struct gateway *g, const char *param, struct rte_tel_data *d)
{
	struct session_request r = {.gateway = g, .d = d};

	if (!param)
		return -1;
	r.spi_in = (uint32_t)strtoul(param, NULL, 16);
	sa_each(g, tell_if_asked_for, &r);
	return r.found ? 0 : -1;
}

const struct telemetry_command telemetry_sessions[] = {
	{"/sealane/sessions", list_sessions, true,
		"Inbound SPIs of the sessions. Parameter: how many to leave out (0)"},
	{"/sealane/session", tell_session, false, "About one session. Parameter: its inbound SPI"},
	{0},
};
