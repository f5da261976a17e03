/* SPDX-License-Identifier: BSD-3-Clause */
/* The tables of a worker: see dataplane.h. */
#include "dataplane.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

#include <rte_errno.h>
#include <rte_jhash.h>
#include <rte_malloc.h>

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
	dp->counters.drops[reason]++;
	rte_pktmbuf_free(m);
}

int sl_dataplane_init(struct sl_dataplane *dp, unsigned id)
{
	char name[RTE_HASH_NAMESIZE];
	struct rte_hash_parameters params = {
		.name = name,
		.entries = SL_NEIGHBOURS_MAX,
		.key_len = sizeof(uint32_t),
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

struct rte_fib *sl_routes_new(const char *name)
{
	struct rte_fib_conf conf = {
		.type = RTE_FIB_DIR24_8,
		.default_nh = SL_NO_FLOW,
		.max_routes = 1 << 16,
		.dir24_8 = {.nh_sz = RTE_FIB_DIR24_8_4B, .num_tbl8 = 1 << 12},
	};

	return rte_fib_create(name, SOCKET_ID_ANY, &conf);
}

int sl_routes_add(struct rte_fib *routes, const struct sl_prefix *prefix, unsigned flow)
{
	assert(flow < SL_FLOWS_MAX);
	return rte_fib_add(routes, sl_addr_u32(&prefix->addr), prefix->len, flow);
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
		out->next = dp->flows[flow].out;
		dp->flows[flow].out = out;
	}
}

int sl_neighbour_set(struct sl_dataplane *dp, uint32_t ip, const struct rte_ether_addr *mac)
{
	int32_t position;

	dp->recent[ip % SL_NEIGHBOURS_RECENT].known = false;
	if (!mac) {
		rte_hash_del_key(dp->neighbour_index, &ip);
		return 0;
	}
	position = rte_hash_add_key(dp->neighbour_index, &ip);
	if (position < 0)
		return position;
	dp->neighbours[position] = *mac;
	return 0;
}

const struct rte_ether_hdr *sl_neighbour_find(struct sl_dataplane *dp, uint32_t ip)
{
	struct sl_neighbour_recent *recent = &dp->recent[ip % SL_NEIGHBOURS_RECENT];
	int32_t position = rte_hash_lookup(dp->neighbour_index, &ip);

	if (position < 0)
		return NULL;
	*recent = (struct sl_neighbour_recent){
		.ip = ip,
		.known = true,
		.header = {.dst_addr = dp->neighbours[position],
			.src_addr = dp->plain.mac,
			.ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4)},
	};
	return &recent->header;
}
