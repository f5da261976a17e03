/* SPDX-License-Identifier: BSD-3-Clause */
/* /sealane/sessions and /sealane/session. */
#include <stdio.h>
#include <stdlib.h>

#include "telemetry.h"

static void list_session(void *page, uint32_t spi_in)
{
	char hex[16];

	if (!page_next(page))
		return;
	snprintf(hex, sizeof(hex), "0x%08x", spi_in);
	page_put(page, hex);
}

static int list_sessions(struct gateway *g, const char *param, struct rte_tel_data *d)
{
	struct page page = page_start(d, param);

	sa_each(g, list_session, &page);
	return 0;
}

/* How much longer it may serve: until fresh keys are due, and until it seals nothing any more. */
static void tell_limits(struct rte_tel_data *d, const struct sa_info *info)
{
	tell_signed(d, "rekey_in_s", seconds_until(info->time.rekey_at));
	tell_number(d, "rekey_in_packets", info->soft_packets);
	tell_number(d, "rekey_in_bytes", info->soft_bytes);
	tell_signed(d, "ends_in_s", seconds_until(info->time.ends_at));
	tell_number(d, "ends_in_packets", info->hard_packets);
	tell_number(d, "ends_in_bytes", info->hard_bytes);
}

static void tell_packets(struct rte_tel_data *d, const struct sa_info *info)
{
	tell_number(d, "rx_packets", info->rx_packets);
	tell_number(d, "rx_bytes", info->rx_bytes);
	tell_number(d, "tx_packets", info->tx_packets);
	tell_number(d, "tx_bytes", info->tx_bytes);
	tell_number(d, "rx_lost", info->gaps.lost);
	tell_number(d, "rx_missing", info->gaps.missing);
	tell_number(d, "replay", info->replayed);
	tell_number(d, "late", info->late);
	tell_number(d, "bad_icv", info->bad_icv);
}

static int tell_session(struct gateway *g, const char *param, struct rte_tel_data *d)
{
	struct sa_info info;

	if (!param || !sa_find(g, (uint32_t)strtoul(param, NULL, 16), &info))
		return -1;
	tell_spi(d, "spi_in", info.spi_in);
	tell_spi(d, "spi_out", info.spi_out);
	tell_text(d, "peer", g->peers[info.peer].name);
	tell_number(d, "worker", info.worker);
	tell_text(d, "cipher", sl_cipher_name(info.cipher));
	tell_yes_no(d, "esn", info.esn);
	tell_number(d, "age_s", seconds_since(info.created));
	tell_yes_no(d, "in_use", info.in_use);
	tell_text(d, "flow", info.flow);
	tell_packets(d, &info);
	tell_limits(d, &info);
	return 0;
}

const struct telemetry_command telemetry_sessions[] = {
	{"/sealane/sessions", list_sessions, true,
		"Inbound SPIs of the sessions. Parameter: how many to leave out (0)"},
	{"/sealane/session", tell_session, false, "About one session. Parameter: its inbound SPI"},
	{0},
};
