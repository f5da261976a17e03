/* SPDX-License-Identifier: BSD-3-Clause */
/* What is told about SAs, and their keys to the key log: see sa.h. */
#include <string.h>

#include "sa.h"

void sa_add_totals(struct totals *sum, const struct sa *sa)
{
	sum->rx_packets += sl_counted(&sa->in->packets);
	sum->rx_bytes += sl_counted(&sa->in->bytes);
	sum->tx_packets += sl_counted(&sa->out->seq);
	sum->tx_bytes += sl_counted(&sa->out->bytes);
}

/* What has not come through it by now never will. */
void sa_add_gone_gaps(struct peer *peer, const struct sa *sa)
{
	struct sl_esp_gaps gaps = sl_esp_in_gaps(sa->in);

	peer->gone_lost += RTE_MAX(gaps.lost, sa->lost) + gaps.missing;
}

void sa_totals(const struct gateway *g, unsigned peer, struct totals *sum)
{
	const struct sa *sa;

	*sum = g->peers[peer].gone;
	LIST_FOREACH (sa, &g->peers[peer].sas, next) {
		if (sa->in)
			sa_add_totals(sum, sa);
	}
}

static struct sl_esp_gaps gaps_of(struct sa *sa)
{
	struct sl_esp_gaps gaps = sl_esp_in_gaps(sa->in);

	gaps.lost = sa->lost = RTE_MAX(gaps.lost, sa->lost);
	return gaps;
}

void sa_peer_info(struct gateway *g, unsigned peer, struct sa_peer_info *info)
{
	struct sa *sa;

	*info = (struct sa_peer_info){.gaps.lost = g->peers[peer].gone_lost};
	sa_totals(g, peer, &info->totals);
	LIST_FOREACH (sa, &g->peers[peer].sas, next) {
		struct sl_esp_gaps gaps;

		if (!sa->in)
			continue;
		gaps = gaps_of(sa);
		info->gaps.lost += gaps.lost;
		info->gaps.missing += gaps.missing;
		info->sas += !sa->removed;
		info->sas_in_use += sa->in_use;
	}
}

static uint64_t left(uint64_t limit, uint64_t used)
{
	return limit > used ? limit - used : 0;
}

static void info_of(const struct gateway *g, struct sa *sa, struct sa_info *info)
{
	*info = (struct sa_info){
		.spi_in = sa->spi_in,
		.spi_out = sa->spi_out,
		.peer = sa->peer,
		.worker = sl_spi_worker(sa->spi_in),
		.cipher = sa->in->cipher,
		.esn = sa->in->esn,
		.in_use = sa->in_use,
		.flow = sa->flow == SL_IKE_NO_FLOW ? "-" : g->peers[sa->peer].flows[sa->flow]->name,
		.created = sa->created,
		.rx_packets = sl_counted(&sa->in->packets),
		.rx_bytes = sl_counted(&sa->in->bytes),
		.tx_packets = sl_counted(&sa->out->seq),
		.tx_bytes = sl_counted(&sa->out->bytes),
		.replayed = sl_counted(&sa->in->replayed),
		.late = sl_counted(&sa->in->late),
		.bad_icv = sl_counted(&sa->in->bad_icv),
		.gaps = gaps_of(sa),
		.soft_packets = left(
			sa->soft_packets, RTE_MAX(sl_counted(&sa->out->seq), sl_counted(&sa->in->packets))),
		.soft_bytes = left(
			sa->soft_bytes, RTE_MAX(sl_counted(&sa->out->bytes), sl_counted(&sa->in->bytes))),
		.hard_packets = left(sa->out->seq_limit, sl_counted(&sa->out->seq)),
		.hard_bytes = left(sa->out->byte_limit, sl_counted(&sa->out->bytes)),
	};
	sl_ike_child_limits(g->ike, sa->peer, sa->spi_in, &info->time);
}

bool sa_find(struct gateway *g, uint32_t spi_in, struct sa_info *info)
{
	struct sa *sa = sa_by_spi(g, spi_in);

	if (!sa || !sa->in || sa->removed)
		return false;
	info_of(g, sa, info);
	return true;
}

void sa_each(const struct gateway *g, void (*fn)(void *ctx, uint32_t spi_in), void *ctx)
{
	for (unsigned i = 0; i < g->peer_slots; i++) {
		const struct sa *sa;

		LIST_FOREACH (sa, &g->peers[i].sas, next) {
			if (sa->in && !sa->removed)
				fn(ctx, sa->spi_in);
		}
	}
}

/* Keys as they were before they were expanded. */
static bool recover_keys(
	struct sl_ike_keys *keys, const struct sl_gcm_key *key, uint32_t salt, enum sl_cipher cipher)
{
	memcpy(keys->salt, &salt, sizeof(keys->salt));
	return sl_gcm_raw_key(keys->key, key, cipher) == 0;
}

void sa_tell_keys(const struct gateway *g)
{
	for (uint32_t slot = 1; slot < SL_SLOTS; slot++) {
		const struct sa *sa = g->sas[slot];
		struct sl_ike_child child = {.peer = 0};

		if (!sa || !sa->in)
			continue;
		child.path = sa->path;
		child.spi_in = sa->spi_in;
		child.spi_out = sa->spi_out;
		child.cipher = sa->in->cipher;
		if (recover_keys(&child.in, &sa->in->key, sa->in->salt, child.cipher) &&
			recover_keys(&child.out, &sa->out->key, sa->out->salt, child.cipher))
			keylog_child(g->keylog, &child);
		sl_wipe(&child, sizeof(child));
	}
}

void sa_addresses(
	const struct gateway *g, unsigned peer, void (*fn)(void *ctx, const struct sl_addr *addr), void *ctx)
{
	const struct sa *sa;

	LIST_FOREACH (sa, &g->peers[peer].sas, next) {
		if (sa->in)
			fn(ctx, &sa->path.remote.addr);
	}
}
