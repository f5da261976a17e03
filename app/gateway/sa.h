/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A child SA as the control thread has it, for the files that share it:
 *
 *   sa.c          its life: a slot and an SPI, sessions, in use, removed, released
 *   sa_limits.c   when its keys are replaced
 *   sa_path.c     how its packets get to the peer: next hop, MTU
 *   sa_info.c     what is told about it
 *
 * What others call is in gateway.h.
 */
#ifndef SEALANE_GATEWAY_SA_H
#define SEALANE_GATEWAY_SA_H

#include "gateway.h"

struct sa {
	LIST_ENTRY(sa) next;      /* of the same peer */
	uint32_t spi_in, spi_out; /* spi_out 0: reserved, not installed */
	unsigned peer;
	struct sl_ike_path
		path; /* outer addresses and ports, of IKE; ESP may come from another port of ours */
	struct sl_addr next_hop; /* SL_NONE: there is no way */
	bool udp;
	int flow; /* of its peer; SL_IKE_NO_FLOW: of none */
	uint64_t created;
	uint64_t soft_packets, soft_bytes;
	uint64_t lost;     /* as told last: what another thread counts meanwhile must not make it less */
	bool worn;         /* a soft limit was reached, and the IKE engine knows */
	bool in_use;       /* seals the peer's traffic */
	bool removed;      /* goes as soon as the worker lets go of it */
	bool in_at_worker; /* installed */
	unsigned out_uses; /* switches to it that the worker has not reported as released */
	struct sl_esp_out *out;
	struct sl_esp_in *in;
};

/* The SA with this inbound SPI; NULL: there is none. */
static inline struct sa *sa_by_spi(const struct gateway *g, uint32_t spi)
{
	struct sa *sa = g->sas[sl_spi_slot(spi)];

	return sa && sa->spi_in == spi ? sa : NULL;
}

static inline struct worker *sa_worker(const struct gateway *g, const struct sa *sa)
{
	return &g->workers[sl_spi_worker(sa->spi_in)];
}

/* ---- sa_limits.c ------------------------------------------------------------------------------------------------------ */

/* The soft limits, as configured for its flow or its peer. */
void sa_set_limits(struct sa *sa, const struct peer *peer, bool esn);

/* ---- sa_path.c -------------------------------------------------------------------------------------------------------- */

/* The largest outer packet for the peer. */
unsigned sa_outer_mtu(const struct gateway *g, unsigned peer);

/* The SA's packets go this way from now on. */
void sa_find_next_hop(struct gateway *g, struct sa *sa, const struct sl_ike_path *path);

/* ---- sa_info.c -------------------------------------------------------------------------------------------------------- */

/* Adds its traffic to the sum; what is lost for good goes to its peer, when it goes itself. */
void sa_add_totals(struct totals *sum, const struct sa *sa);
void sa_add_gone_gaps(struct peer *peer, const struct sa *sa);

#endif
