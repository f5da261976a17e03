/* SPDX-License-Identifier: BSD-3-Clause */
/* The tables of a worker: see dataplane.h. */
#include "dataplane.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_errno.h>
#include <rte_jhash.h>
#include <rte_malloc.h>

#include "frame.h"

#define X(id, name, help) name,
static const char *const drop_names[SL_DROP_COUNT] = {SL_DROP_REASONS(X)};
#undef X
#define X(id, name, help) help,
static const char *const drop_helps[SL_DROP_COUNT] = {SL_DROP_REASONS(X)};
#undef X

const char *sl_drop_name(enum sl_drop reason)
{
	return drop_names[reason];
}

const char *sl_drop_help(enum sl_drop reason)
{
	return drop_helps[reason];
}

void sl_drop(struct sl_dataplane *dp, struct rte_mbuf *m, enum sl_drop reason)
{
	sl_count(&dp->counters.drops[reason], 1);
	if (unlikely(dp->dropped))
		dp->dropped(dp->dropped_arg, m, reason);
	rte_pktmbuf_free(m);
}

int sl_dataplane_init(struct sl_dataplane *dp, unsigned id)
{
	char name[RTE_HASH_NAMESIZE];
	struct rte_hash_parameters params = {
		.name = name,
		.entries = SL_NEIGHBOURS_MAX,
		.key_len = sizeof(struct neighbour_key),
		.hash_func = rte_jhash,
		.socket_id = SOCKET_ID_ANY,
		.extra_flag = RTE_HASH_EXTRA_FLAGS_EXT_TABLE,
	};

	snprintf(name, sizeof(name), "neighbours%u", id);
	dp->neighbour_index = rte_hash_create(&params);
	if (!dp->neighbour_index)
		return -rte_errno;
	dp->neighbours = rte_calloc(NULL, (size_t)rte_hash_max_key_id(dp->neighbour_index) + 1,
		sizeof(*dp->neighbours), RTE_CACHE_LINE_SIZE);
	dp->flows = rte_calloc(NULL, SL_FLOWS_MAX, sizeof(*dp->flows), RTE_CACHE_LINE_SIZE);
	dp->in = rte_calloc(NULL, SL_SLOTS, sizeof(struct sl_esp_in *), RTE_CACHE_LINE_SIZE);
	if (!dp->neighbours || !dp->flows || !dp->in) {
		sl_dataplane_fini(dp);
		return -ENOMEM;
	}
	for (unsigned i = 0; i < SL_FLOWS_MAX; i++)
		dp->flows[i].owner = SL_NO_WORKER;
	dp->id = (uint8_t)id;
	dp->errors_left = SL_ERRORS_A_SECOND;
	dp->far_left = SL_FAR_A_SECOND;
	return 0;
}

void sl_dataplane_fini(struct sl_dataplane *dp)
{
	rte_hash_free(dp->neighbour_index);
	rte_free(dp->neighbours);
	rte_free(dp->flows);
	rte_free(dp->in);
	dp->neighbour_index = NULL;
	dp->neighbours = NULL;
	dp->flows = NULL;
	dp->in = NULL;
}

bool sl_link_add(struct sl_link *link, const struct sl_addr *address)
{
	if (address->family == SL_IPV4 && link->count4 < SL_LINK_ADDRESSES_MAX)
		link->ip4[link->count4++] = sl_addr_u32(address);
	else if (address->family == SL_IPV6 && link->count6 < SL_LINK_ADDRESSES_MAX)
		memcpy(&link->ip6[link->count6++], address->bytes, sizeof(struct sl_ip6));
	else
		return false;
	return true;
}

void sl_in_install(struct sl_dataplane *dp, struct sl_esp_in *in)
{
	struct sl_esp_in **slot = &dp->in[sl_spi_slot(in->spi)];

	assert(*slot == NULL);
	*slot = in;
}

struct sl_esp_in *sl_in_remove(struct sl_dataplane *dp, uint32_t spi)
{
	struct sl_esp_in **slot = &dp->in[sl_spi_slot(spi)];
	struct sl_esp_in *in = *slot;

	if (!in || in->spi != spi)
		return NULL;
	*slot = NULL;
	return in;
}

void sl_out_switch(struct sl_dataplane *dp, unsigned flow, struct sl_esp_out *out, struct sl_esp_out *old)
{
	struct sl_esp_out **at = &dp->flows[flow].out;

	if (old) {
		while (*at != old) {
			assert(*at);
			at = &(*at)->next;
		}
		*at = old->next;
	}
	if (out) {
		at = &dp->flows[flow].out;
		while (*at && (*at)->rank > out->rank)
			at = &(*at)->next;
		out->next = *at;
		*at = out;
	}
}
