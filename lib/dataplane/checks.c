/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames that are not IPv4: IPv6, whose neighbour discovery is ours to answer; ARP; tags where there should be none. */
#include "wire.h"

enum {
	ETHER = sizeof(struct rte_ether_hdr),
	PROTOCOL_FRAGMENT = 44,
	/* RFC 4861 4: router and neighbour solicitations and advertisements, redirects. */
	ND_FIRST = 133,
	ND_LAST = 137,
	ND_HOPS = 255,
};

/* ::/8, of which RFC 4291 2.4 makes the loopback, the unspecified and the embedded IPv4 addresses; fe80::/10; ff00::/8. */
static bool martian6(const uint8_t *ip)
{
	return ip[0] == 0 || ip[0] == 0xff || (ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80);
}

bool martian_pair6(const void *src, const void *dst)
{
	const struct sl_ip6 a = load_ip6(src), b = load_ip6(dst);

	return martian6(src) || martian6(dst) || same_ip6(&a, &b);
}

int ipv6_check(const struct rte_ipv6_hdr *ip, uint32_t len, uint32_t *total)
{
	if (len < sizeof(*ip))
		return SL_DROP_RUNT;
	if (version_of(ip) != 6)
		return SL_DROP_NOT_IP;
	*total = sizeof(*ip) + rte_be_to_cpu_16(ip->payload_len);
	return *total > len ? SL_DROP_RUNT : PASS;
}

/* Nobody but a station on the link can have sent it (RFC 4861 11.2). */
static bool is_neighbour_discovery(const struct rte_ipv6_hdr *ip, uint32_t total)
{
	const uint8_t *type = (const uint8_t *)(ip + 1);

	return ip->proto == IPPROTO_ICMPV6 && total > sizeof(*ip) && *type >= ND_FIRST && *type <= ND_LAST &&
	       ip->hop_limits == ND_HOPS;
}

/* A whole IPv6 packet to this station: PASS6 with its size; TO_CONTROL; or why not. */
static int check_ipv6(const struct rte_mbuf *m, const struct sl_link *link, uint32_t *total)
{
	const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);
	const struct rte_ipv6_hdr *ip = (const void *)(eth + 1);
	const bool ours = addressed_to(eth, &link->mac);
	int verdict;

	if (!ours && !rte_is_multicast_ether_addr(&eth->dst_addr))
		return SL_DROP_NOT_FOR_US;
	verdict = ipv6_check(ip, m->data_len - ETHER, total);
	if (verdict != PASS)
		return verdict;
	if (is_neighbour_discovery(ip, *total))
		return TO_CONTROL;
	return ours ? PASS6 : SL_DROP_NOT_FOR_US;
}

/* What is neither IPv4 nor IPv6. */
static int check_other(rte_be16_t ether_type)
{
	switch (rte_be_to_cpu_16(ether_type)) {
	case RTE_ETHER_TYPE_ARP: return TO_CONTROL;
	case RTE_ETHER_TYPE_VLAN:
	case RTE_ETHER_TYPE_QINQ: return SL_DROP_VLAN;
	default: return SL_DROP_NOT_IP;
	}
}

int check_plain_other(const struct sl_dataplane *dp, struct rte_mbuf *m)
{
	const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);
	const struct rte_ipv6_hdr *ip = (const void *)(eth + 1);
	uint32_t total;
	int verdict;

	if (eth->ether_type != ETHER_IPV6)
		return check_other(eth->ether_type);
	verdict = check_ipv6(m, &dp->plain, &total);
	if (verdict != PASS6)
		return verdict;
	if (own6(&dp->plain, &ip->dst_addr))
		return TO_CONTROL;
	if (martian_pair6(&ip->src_addr, &ip->dst_addr))
		return SL_DROP_MARTIAN;
	cut_to(m, ETHER, total);
	return ip->hop_limits <= 1 ? EXPIRED : PASS6;
}

int check_wire_other(const struct sl_dataplane *dp, struct rte_mbuf *m, uint8_t *ecn)
{
	const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);
	const struct rte_ipv6_hdr *ip = (const void *)(eth + 1);
	const uint32_t at = ETHER + sizeof(*ip);
	uint32_t total;
	int verdict;

	if (eth->ether_type != ETHER_IPV6)
		return check_other(eth->ether_type);
	verdict = check_ipv6(m, &dp->wire, &total);
	if (verdict != PASS6)
		return verdict;
	if (!own6(&dp->wire, &ip->dst_addr))
		return SL_DROP_NOT_FOR_US;
	*ecn = traffic_class6(ip) & RTE_IPV4_HDR_ECN_MASK;
	switch (ip->proto) {
	case IPPROTO_UDP: return check_udp(m, at, ETHER + total);
	case IPPROTO_ESP: return check_esp(m, at, ETHER + total);
	case IPPROTO_ICMPV6: return TO_CONTROL;
	case PROTOCOL_FRAGMENT: return SL_DROP_FRAGMENT;
	default: return SL_DROP_NOT_FOR_US;
	}
}
