/* SPDX-License-Identifier: BSD-3-Clause */
/* When the keys of an SA are replaced: see sa.h. */
#include "sa.h"

/*
 * How long one key may serve is configured; the defaults are the bound of RFC 8446 5.5 for AES-GCM. At a soft limit the SA
 * is rekeyed; at the hard ones, twice as much, the worker stops sealing whatever happens. Time is the IKE engine's, packets
 * and bytes are counted here. Without 64-bit sequence numbers half of the 32-bit ones are left for the rekey.
 */
#define SOFT_PACKETS_32 (UINT64_C(1) << 31)

void sa_set_limits(struct sa *sa, const struct peer *peer, bool esn)
{
	const struct sl_config_flow *flow = sa->flow == SL_IKE_NO_FLOW ? NULL : peer->flows[sa->flow];
	uint64_t packets = flow ? flow->rekey_packets : peer->config->rekey_packets;

	sa->soft_packets = esn ? packets : RTE_MIN(packets, SOFT_PACKETS_32);
	sa->soft_bytes = flow ? flow->rekey_bytes : peer->config->rekey_bytes;
}

/* The hard limits are the worker's, and stay. */
void sa_limits_changed(struct gateway *g, unsigned peer)
{
	struct sa *sa;

	LIST_FOREACH (sa, &g->peers[peer].sas, next) {
		struct sa limits = {.flow = sa->flow};

		if (!sa->in_at_worker || sa->removed)
			continue;
		sa_set_limits(&limits, &g->peers[peer], sa->in->esn);
		sa->soft_packets = RTE_MIN(sa->soft_packets, limits.soft_packets);
		sa->soft_bytes = RTE_MIN(sa->soft_bytes, limits.soft_bytes);
	}
}

/* At a soft limit: fresh keys are due. */
static bool worn_out(const struct sa *sa)
{
	return sa->in_use && (sl_counted(&sa->out->seq) >= sa->soft_packets ||
				     sl_counted(&sa->in->packets) >= sa->soft_packets ||
				     sl_counted(&sa->out->bytes) >= sa->soft_bytes ||
				     sl_counted(&sa->in->bytes) >= sa->soft_bytes);
}

void sa_tick(struct gateway *g, uint64_t now)
{
	for (unsigned i = 0; i < g->peer_slots; i++) {
		struct totals sum;
		struct sa *sa;

		if (!g->peers[i].config)
			continue;
		sa_totals(g, i, &sum);
		if (sum.rx_packets != g->peers[i].seen)
			sl_ike_alive(g->ike, now, i);
		g->peers[i].seen = sum.rx_packets;
		LIST_FOREACH (sa, &g->peers[i].sas, next)
			if (!sa->worn && sa->in && worn_out(sa))
				sa->worn = sl_ike_rekey_child(g->ike, now, sa->spi_in);
	}
}

void sa_rekey_asked(struct gateway *g, uint64_t now)
{
	for (unsigned i = 0; i < g->peer_slots; i++) {
		struct peer *peer = &g->peers[i];
		struct sa *sa;

		if (!peer->config)
			continue;
		LIST_FOREACH (sa, &peer->sas, next) {
			if (peer->rekey_child && sa->in_use)
				sl_ike_rekey_child(g->ike, now, sa->spi_in);
		}
		if (peer->rekey_ike)
			sl_ike_rekey(g->ike, now, i);
		peer->rekey_child = peer->rekey_ike = false;
	}
}
