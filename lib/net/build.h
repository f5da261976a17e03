/* SPDX-License-Identifier: BSD-3-Clause */
/* Headers of what lib/net builds, written where they stand. Each returns its length. */
#ifndef SEALANE_NET_BUILD_H
#define SEALANE_NET_BUILD_H

#include <string.h>

#include <rte_ether.h>
#include <rte_ip.h>

#include "ip.h"

static inline size_t sl_put_ether(
	void *at, const struct rte_ether_addr *src, const struct rte_ether_addr *dst, enum sl_family family)
{
	struct rte_ether_hdr *eth = (struct rte_ether_hdr *)at;

	eth->src_addr = *src;
	eth->dst_addr = *dst;
	eth->ether_type = rte_cpu_to_be_16(family == SL_IPV6 ? RTE_ETHER_TYPE_IPV6 : RTE_ETHER_TYPE_IPV4);
	return sizeof(*eth);
}

/* The header before `len` bytes, with addresses, protocol and hops of ip, and this type of service. DF is set. */
static inline size_t sl_put_ip(void *at, const struct sl_ip *ip, uint8_t tos, size_t len)
{
	if (ip->src.family == SL_IPV6) {
		struct rte_ipv6_hdr *h = (struct rte_ipv6_hdr *)at;

		memset(h, 0, sizeof(*h));
		h->vtc_flow = rte_cpu_to_be_32(UINT32_C(6) << 28 | (uint32_t)tos << RTE_IPV6_HDR_TC_SHIFT);
		h->payload_len = rte_cpu_to_be_16((uint16_t)len);
		h->proto = ip->protocol;
		h->hop_limits = ip->hops;
		sl_addr_write(&ip->src, &h->src_addr);
		sl_addr_write(&ip->dst, &h->dst_addr);
		return sizeof(*h);
	}

	struct rte_ipv4_hdr *h = (struct rte_ipv4_hdr *)at;

	*h = (struct rte_ipv4_hdr){
		.version_ihl = RTE_IPV4_VHL_DEF,
		.type_of_service = tos,
		.total_length = rte_cpu_to_be_16((uint16_t)(sizeof(*h) + len)),
		.fragment_offset = rte_cpu_to_be_16(RTE_IPV4_HDR_DF_FLAG),
		.time_to_live = ip->hops,
		.next_proto_id = ip->protocol,
	};
	sl_addr_write(&ip->src, &h->src_addr);
	sl_addr_write(&ip->dst, &h->dst_addr);
	h->hdr_checksum = rte_ipv4_cksum(h);
	return sizeof(*h);
}

#endif
