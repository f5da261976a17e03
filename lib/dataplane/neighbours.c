/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The neighbours of a worker on the plain link, and the routers among them. What was found lately is kept with the headers
 * ready; a change of anything throws all of that away.
 */
#include "dataplane.h"

#include <stdlib.h>
#include <string.h>

#include "frame.h"

/* ---- Routers ------------------------------------------------------------------------------------------------------------- */

bool sl_lan_add(struct sl_lan *lan, const struct sl_prefix *prefix, const struct sl_addr *via)
{
	if (lan->count == SL_LAN_ROUTES_MAX)
		return false;
	lan->route[lan->count].prefix = *prefix;
	lan->route[lan->count++].via = via ? *via : (struct sl_addr){.family = SL_NONE};
	return true;
}

/* Who on the link gets what is for ip: a router, or ip itself. */
static struct sl_addr next_hop(const struct sl_lan *lan, const struct sl_addr *ip)
{
	const struct sl_addr *via = NULL;
	int longest = -1;

	for (unsigned i = 0; lan && i < lan->count; i++) {
		if (lan->route[i].prefix.len > longest && sl_prefix_contains(&lan->route[i].prefix, ip)) {
			longest = lan->route[i].prefix.len;
			via = &lan->route[i].via;
		}
	}
	return via && via->family != SL_NONE ? *via : *ip;
}

/* The key of an address: in whole words, as rte_jhash() reads it. */
static struct neighbour_key key_of(const struct sl_addr *ip)
{
	return (struct neighbour_key){.ip = *ip};
}

/* ---- Neighbours ---------------------------------------------------------------------------------------------------------- */

int sl_neighbour_set(struct sl_dataplane *dp, const struct sl_addr *ip, const struct rte_ether_addr *mac)
{
	const struct neighbour_key key = key_of(ip);
	int32_t position;

	/* Of any address, for which this one may be the router. */
	memset(dp->recent, 0, sizeof(dp->recent));
	memset(dp->recent6, 0, sizeof(dp->recent6));
	if (!mac) {
		rte_hash_del_key(dp->neighbour_index, &key);
		return 0;
	}
	position = rte_hash_add_key(dp->neighbour_index, &key);
	if (position < 0)
		return position;
	dp->neighbours[position] = *mac;
	return 0;
}

/* Writes the headers of what goes to ip, right-aligned. False when the MAC of its next hop is unknown. */
static bool write_header(const struct sl_dataplane *dp, const struct sl_addr *ip, uint8_t header[SL_L2_MAX])
{
	const struct sl_addr hop = next_hop(dp->lan, ip);
	const struct neighbour_key key = key_of(&hop);
	const int32_t position = rte_hash_lookup(dp->neighbour_index, &key);
	const struct rte_vlan_hdr tag = {
		.vlan_tci = rte_cpu_to_be_16(dp->plain.vlan),
		.eth_proto = ip->family == SL_IPV4 ? ETHER_IPV4 : ETHER_IPV6,
	};
	struct rte_ether_hdr eth = {.src_addr = dp->plain.mac};

	if (position < 0)
		return false;
	eth.dst_addr = dp->neighbours[position];
	if (dp->plain.vlan) {
		eth.ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_VLAN);
		memcpy(header, &eth, sizeof(eth));
		memcpy(header + sizeof(eth), &tag, sizeof(tag));
	} else {
		eth.ether_type = tag.eth_proto;
		memcpy(header + sizeof(tag), &eth, sizeof(eth));
	}
	return true;
}

const uint8_t *sl_neighbour_find4(struct sl_dataplane *dp, uint32_t ip)
{
	struct sl_neighbour_recent *recent = &dp->recent[ip % SL_NEIGHBOURS_RECENT];
	const struct sl_addr address = sl_addr_v4(ip);

	uint8_t header[SL_L2_MAX];

	/* The unknown do not push out who is known. */
	if (!write_header(dp, &address, header))
		return NULL;
	*recent = (struct sl_neighbour_recent){.ip = ip, .known = true};
	return memcpy(recent->header, header, sizeof(header));
}

const uint8_t *sl_neighbour_find6(struct sl_dataplane *dp, const struct sl_ip6 *ip)
{
	struct sl_neighbour_recent6 *recent = recent6(dp, ip);
	struct sl_addr address = {.family = SL_IPV6};

	uint8_t header[SL_L2_MAX];

	memcpy(address.bytes, ip, sizeof(*ip));
	if (!write_header(dp, &address, header))
		return NULL;
	*recent = (struct sl_neighbour_recent6){.ip = *ip, .known = true};
	return memcpy(recent->header, header, sizeof(header));
}
