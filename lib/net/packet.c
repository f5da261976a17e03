/* SPDX-License-Identifier: BSD-3-Clause */
/* Echoes, UDP and sizes: see packet.h. */
#include "packet.h"

#include <string.h>

#include <rte_icmp.h>
#include <rte_ip.h>
#include <rte_udp.h>

#include "build.h"
#include "ip.h"

enum {
	/* RFC 792 and RFC 4443 4; what DPDK calls the first two has changed between its versions. */
	ECHO_REPLY = 0,
	ECHO_REQUEST = 8,
	ECHO_REQUEST_V6 = 128,
	ECHO_REPLY_V6 = 129,
};

_Static_assert(sizeof(struct rte_ether_hdr) + SL_IPV4_HEADER + sizeof(struct rte_udp_hdr) ==
		       (size_t)SL_UDP_FRAME_HEADERS,
	"UDP frame");

/* The type of the reply to what the packet carries, or -1. */
static int echo_reply_type(const struct sl_ip *ip, const struct rte_icmp_hdr *icmp)
{
	bool v6 = ip->src.family == SL_IPV6;

	if (ip->protocol != (v6 ? SL_PROTOCOL_ICMPV6 : SL_PROTOCOL_ICMP) || icmp->icmp_code != 0 ||
		icmp->icmp_type != (v6 ? ECHO_REQUEST_V6 : ECHO_REQUEST))
		return -1;
	return v6 ? ECHO_REPLY_V6 : ECHO_REPLY;
}

/* Back to where the packet came from, with a fresh hop count. */
static void turn_around(void *packet, const struct sl_ip *ip)
{
	if (ip->src.family == SL_IPV6) {
		struct rte_ipv6_hdr *h = packet;

		h->hop_limits = SL_HOPS;
		sl_addr_write(&ip->dst, &h->src_addr);
		sl_addr_write(&ip->src, &h->dst_addr);
	} else {
		struct rte_ipv4_hdr *h = packet;

		h->time_to_live = SL_HOPS;
		sl_addr_write(&ip->dst, &h->src_addr);
		sl_addr_write(&ip->src, &h->dst_addr);
		h->hdr_checksum = 0;
		h->hdr_checksum = rte_ipv4_cksum(h);
	}
}

bool sl_echo_answer(void *packet, size_t len)
{
	struct rte_icmp_hdr *icmp;
	struct sl_ip ip;
	int type;

	if (!sl_ip_parse(&ip, packet, len) || ip.fragment || sl_addr_is_group(&ip.dst))
		return false;
	/* Nobody would get the answer, or too many. */
	if (sl_addr_is_martian(&ip.src))
		return false;
	/* Options might have to be reversed (RFC 1122 3.2.2.6), and nobody pings with extension headers. */
	if (ip.at != (ip.src.family == SL_IPV6 ? SL_IPV6_HEADER : SL_IPV4_HEADER))
		return false;
	icmp = (void *)((uint8_t *)packet + ip.at);
	if (ip.total - ip.at < sizeof(*icmp) || sl_ip_checksum(&ip, icmp, ip.total - ip.at) != 0)
		return false;
	type = echo_reply_type(&ip, icmp);
	if (type < 0)
		return false;
	turn_around(packet, &ip);
	icmp->icmp_type = (uint8_t)type;
	icmp->icmp_cksum = 0;
	icmp->icmp_cksum = sl_ip_checksum(&ip, icmp, ip.total - ip.at);
	return true;
}

bool sl_udp_parse(struct sl_udp *udp, const void *packet, size_t len)
{
	const struct rte_udp_hdr *u;
	struct sl_ip ip;
	size_t udp_len;

	if (!sl_ip_parse(&ip, packet, len) || ip.fragment || ip.protocol != SL_PROTOCOL_UDP)
		return false;
	if (ip.total - ip.at < sizeof(*u))
		return false;
	u = (const void *)((const uint8_t *)packet + ip.at);
	udp_len = rte_be_to_cpu_16(u->dgram_len);
	if (udp_len < sizeof(*u) || udp_len > ip.total - ip.at)
		return false;
	if (u->dgram_cksum == 0 ? ip.src.family == SL_IPV6 : sl_ip_checksum(&ip, u, udp_len) != 0)
		return false;
	*udp = (struct sl_udp){
		.src = ip.src,
		.dst = ip.dst,
		.src_port = rte_be_to_cpu_16(u->src_port),
		.dst_port = rte_be_to_cpu_16(u->dst_port),
		.data = (const uint8_t *)(u + 1),
		.len = udp_len - sizeof(*u),
	};
	return true;
}

size_t sl_udp_headers(void *frame, const struct rte_ether_addr *src_mac, const struct rte_ether_addr *dst_mac,
	const struct sl_udp *udp)
{
	uint16_t udp_len = (uint16_t)(sizeof(struct rte_udp_hdr) + udp->len);
	struct sl_ip ip = {.src = udp->src, .dst = udp->dst, .protocol = SL_PROTOCOL_UDP, .hops = SL_HOPS};
	uint8_t *at = frame;
	struct rte_udp_hdr *u;

	at += sl_put_ether(at, src_mac, dst_mac, udp->src.family);
	at += sl_put_ip(at, &ip, 0, udp_len);
	u = (void *)at;
	*u = (struct rte_udp_hdr){
		.src_port = rte_cpu_to_be_16(udp->src_port),
		.dst_port = rte_cpu_to_be_16(udp->dst_port),
		.dgram_len = rte_cpu_to_be_16(udp_len),
	};
	if (udp->src.family == SL_IPV6) {
		u->dgram_cksum = sl_ip_checksum(&ip, u, udp_len);
		/* RFC 768, RFC 8200 8.1: zero would say that there is none. */
		if (u->dgram_cksum == 0)
			u->dgram_cksum = UINT16_MAX;
	}
	return sl_udp_frame_headers(&udp->src);
}

unsigned sl_inner_mtu(unsigned path_mtu, enum sl_family outer, bool udp)
{
	enum { ESP_AND_IV = 16, ICV = 16, TRAILER = 2 };
	unsigned before = (outer == SL_IPV6 ? SL_IPV6_HEADER : SL_IPV4_HEADER) +
			  (udp ? sizeof(struct rte_udp_hdr) : 0) + ESP_AND_IV;

	return ((path_mtu - before - ICV) & ~3u) - TRAILER;
}
