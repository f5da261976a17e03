/* SPDX-License-Identifier: BSD-3-Clause */
/* /sealane/ike and /sealane/ike_counter. */
#include <string.h>

#include "telemetry.h"

static const struct {
	const char *name;
	size_t at; /* in struct sl_ike_stats */
	const char *help;
} ike_counters[] = {
	{"established", offsetof(struct sl_ike_stats, established), "IKE SAs that are up now"},
	{"half-open", offsetof(struct sl_ike_stats, half_open), "IKE SAs that are not authenticated, now"},
	{"messages-in", offsetof(struct sl_ike_stats, messages_in), "messages received"},
	{"messages-out", offsetof(struct sl_ike_stats, messages_out), "messages sent"},
	{"retransmits", offsetof(struct sl_ike_stats, retransmits), "messages sent again"},
	{"malformed", offsetof(struct sl_ike_stats, malformed), "dropped: not a message of this profile"},
	{"unknown-sa", offsetof(struct sl_ike_stats, unknown_sa), "dropped: no IKE SA has these SPIs"},
	{"unexpected", offsetof(struct sl_ike_stats, unexpected),
		"dropped: out of turn, or an answer nobody waits for"},
	{"bad-integrity", offsetof(struct sl_ike_stats, bad_integrity), "dropped: forged or damaged"},
	{"auth-failures", offsetof(struct sl_ike_stats, auth_failures),
		"a peer did not prove its identity, or disbelieved ours"},
	{"cookies-sent", offsetof(struct sl_ike_stats, cookies_sent),
		"requests of strangers answered with a demand for a cookie"},
	{"turned-away", offsetof(struct sl_ike_stats, turned_away),
		"dropped: requests beyond the limits on half-open IKE SAs"},
};

static int list_ike(struct gateway *g, const char *param, struct rte_tel_data *d)
{
	struct page page = page_start(d, param);

	(void)g;
	for (unsigned i = 0; i < RTE_DIM(ike_counters); i++)
		page_add(&page, ike_counters[i].name);
	return 0;
}

static int tell_ike(struct gateway *g, const char *name, struct rte_tel_data *d)
{
	struct sl_ike_stats stats;
	uint64_t value;
	unsigned i = 0;

	while (name && i < RTE_DIM(ike_counters) && strcmp(ike_counters[i].name, name) != 0)
		i++;
	if (!name || i == RTE_DIM(ike_counters))
		return -1;
	sl_ike_get_stats(g->ike, &stats);
	memcpy(&value, (const uint8_t *)&stats + ike_counters[i].at, sizeof(value));
	tell_text(d, "name", name);
	tell_number(d, "count", value);
	tell_text(d, "help", ike_counters[i].help);
	return 0;
}

const struct telemetry_command telemetry_ike[] = {
	{"/sealane/ike", list_ike, true, "Names of the IKE counters. Parameter: how many to leave out (0)"},
	{"/sealane/ike_counter", tell_ike, false, "About one IKE counter. Parameter: its name"},
	{0},
};
