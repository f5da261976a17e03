/* SPDX-License-Identifier: BSD-3-Clause */
/* Opened packets that are not the ordinary ones: see inner.h. */
#include "inner.h"

bool covers_wholly(const struct sl_esp_in *in, const struct rte_mbuf *m)
{
	struct sl_esp_packet packet;

	return sl_esp_packet_read(&packet, rte_pktmbuf_mtod(m, const void *), m->data_len) &&
	       sl_esp_in_covers(in, &packet);
}

/* The inner ECN that goes on, of RFC 6040's figure 4; -1 when the packet must be dropped. */
static int merged_ecn(uint8_t inner, uint8_t outer)
{
	if (outer == CE)
		return inner == NOT_ECT ? -1 : CE;
	return inner == ECT_0 && outer == ECT_1 ? ECT_1 : inner;
}

int merge_ecn4(struct rte_ipv4_hdr *ip, uint8_t outer)
{
	const uint8_t old = ip->type_of_service;
	const int ecn = merged_ecn(old & RTE_IPV4_HDR_ECN_MASK, outer);

	if (ecn < 0)
		return SL_DROP_ECN;
	ip->type_of_service = (uint8_t)((old & ~RTE_IPV4_HDR_ECN_MASK) | ecn);
	ipv4_word_changed(ip, rte_cpu_to_be_16(old), rte_cpu_to_be_16(ip->type_of_service));
	return PASS;
}

static int merge_ecn6(struct rte_ipv6_hdr *ip, uint8_t outer)
{
	const uint32_t mask = (uint32_t)RTE_IPV4_HDR_ECN_MASK << RTE_IPV6_HDR_TC_SHIFT;
	const int ecn = merged_ecn(traffic_class6(ip) & RTE_IPV4_HDR_ECN_MASK, outer);

	if (ecn < 0)
		return SL_DROP_ECN;
	ip->vtc_flow = (ip->vtc_flow & ~rte_cpu_to_be_32(mask)) |
		       rte_cpu_to_be_32((uint32_t)ecn << RTE_IPV6_HDR_TC_SHIFT);
	return PASS;
}

int check_inner6(const struct sl_dataplane *dp, const struct sl_esp_in *in, struct rte_mbuf *m, uint8_t ecn)
{
	struct rte_ipv6_hdr *ip = rte_pktmbuf_mtod(m, struct rte_ipv6_hdr *);
	uint32_t total;

	if (ipv6_check(ip, m->data_len, &total) != PASS)
		return SL_DROP_BAD_INNER;
	cut_to(m, 0, total);
	if (martian_pair6(&ip->src_addr, &ip->dst_addr))
		return SL_DROP_MARTIAN;
	if (!covers_wholly(in, m))
		return SL_DROP_SELECTOR;
	if (merge_ecn6(ip, ecn) != PASS)
		return SL_DROP_ECN;
	if (own6(&dp->plain, &ip->dst_addr))
		return TO_CONTROL;
	if (ip->hop_limits <= 1)
		return EXPIRED;
	ip->hop_limits--;
	return PASS;
}

const uint8_t *neighbour6(struct sl_dataplane *dp, const struct rte_mbuf *m)
{
	const struct rte_ipv6_hdr *ip = rte_pktmbuf_mtod(m, const struct rte_ipv6_hdr *);
	const struct sl_ip6 dst = load_ip6(&ip->dst_addr);
	const struct sl_neighbour_recent6 *recent = recent6(dp, &dst);

	return recent->known && same_ip6(&recent->ip, &dst) ? recent->header : sl_neighbour_find6(dp, &dst);
}
