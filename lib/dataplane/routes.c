/* SPDX-License-Identifier: BSD-3-Clause */
/* Longest-prefix routes of both families: DPDK's rte_fib and rte_fib6, each made when its first prefix comes. */
#include "dataplane.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_errno.h>
#include <rte_fib.h>
#include <rte_fib6.h>

enum {
	NAME_SIZE = 24,
	/* Tables of 256 below the first one that a prefix can need; the first one is for 24 bits. */
	TABLES4 = (32 - 24) / 8,
	TABLES6 = (128 - 24) / 8,
};

struct sl_routes {
	unsigned prefixes; /* at most */
	struct rte_fib *v4;
	struct rte_fib6 *v6;
	char name[NAME_SIZE];
};

struct sl_routes *sl_routes_new(const char *name, unsigned prefixes)
{
	struct sl_routes *routes = calloc(1, sizeof(*routes));

	if (!routes)
		return NULL;
	routes->prefixes = prefixes;
	snprintf(routes->name, sizeof(routes->name), "%s", name);
	return routes;
}

void sl_routes_free(struct sl_routes *routes)
{
	if (!routes)
		return;
	rte_fib_free(routes->v4);
	rte_fib6_free(routes->v6);
	free(routes);
}

static int add4(struct sl_routes *routes, const struct sl_prefix *prefix, unsigned number)
{
	struct rte_fib_conf conf = {
		.type = RTE_FIB_DIR24_8,
		.default_nh = SL_NO_FLOW,
		.max_routes = (int)routes->prefixes,
		.dir24_8 = {.nh_sz = RTE_FIB_DIR24_8_4B, .num_tbl8 = routes->prefixes * TABLES4 + 1},
	};

	if (!routes->v4 && !(routes->v4 = rte_fib_create(routes->name, SOCKET_ID_ANY, &conf)))
		return -rte_errno;
	return rte_fib_add(routes->v4, sl_addr_u32(&prefix->addr), prefix->len, number);
}

/*
 * A name of its own, for the pools that DPDK makes for it are named alike in both families. Addresses are void * to rte_fib6,
 * for which DPDK has had several types.
 */
static int add6(struct sl_routes *routes, const struct sl_prefix *prefix, unsigned number)
{
	struct rte_fib6_conf conf = {
		.type = RTE_FIB6_TRIE,
		.default_nh = SL_NO_FLOW,
		.max_routes = (int)routes->prefixes,
		.trie = {.nh_sz = RTE_FIB6_TRIE_4B, .num_tbl8 = routes->prefixes * TABLES6 + 1},
	};

	if (!routes->v6) {
		char name[NAME_SIZE + 1];

		snprintf(name, sizeof(name), "%s6", routes->name);
		routes->v6 = rte_fib6_create(name, SOCKET_ID_ANY, &conf);
	}
	if (!routes->v6)
		return -rte_errno;
	return rte_fib6_add(routes->v6, (const void *)prefix->addr.bytes, prefix->len, number);
}

int sl_routes_add(struct sl_routes *routes, const struct sl_prefix *prefix, unsigned number)
{
	assert(number <= SL_NO_FLOW);
	return prefix->addr.family == SL_IPV4 ? add4(routes, prefix, number) : add6(routes, prefix, number);
}

static void no_routes(uint64_t *number, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		number[i] = SL_NO_FLOW;
}

/* A lookup does not change the table; DPDK's prototypes have no const. */
void sl_routes_find4(const struct sl_routes *routes, const uint32_t *ip, uint64_t *number, unsigned n)
{
	if (routes->v4)
		rte_fib_lookup_bulk(routes->v4, (uint32_t *)(uintptr_t)ip, number, (int)n);
	else
		no_routes(number, n);
}

void sl_routes_find6(const struct sl_routes *routes, const struct sl_ip6 *ip, uint64_t *number, unsigned n)
{
	if (routes->v6)
		rte_fib6_lookup_bulk(routes->v6, (void *)(uintptr_t)ip, number, (int)n);
	else
		no_routes(number, n);
}
