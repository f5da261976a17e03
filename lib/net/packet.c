/* SPDX-License-Identifier: BSD-3-Clause */
/* ARP, ICMP echo and UDP: see packet.h. */
#include "packet.h"

#include <string.h>

#include <rte_arp.h>
#include <rte_icmp.h>
#include <rte_ip.h>
#include <rte_udp.h>

enum {
	IPV4_TTL = 64,
	/* RFC 792; what DPDK calls them has changed between its versions. */
	ICMP_ECHO_REPLY = 0,
	ICMP_ECHO_REQUEST = 8,
};

_Static_assert(sizeof(struct rte_ether_hdr) + sizeof(struct rte_arp_hdr) == SL_ARP_FRAME, "ARP frame");
_Static_assert(sizeof(struct rte_ether_hdr) + sizeof(struct rte_ipv4_hdr) + sizeof(struct rte_udp_hdr) ==
		       SL_UDP_FRAME_HEADERS,
	"UDP frame");

bool sl_arp_parse(struct sl_arp *arp, const void *frame, size_t len)
{
	const struct rte_ether_hdr *eth = frame;
	const struct rte_arp_hdr *a = (const void *)(eth + 1);
	uint16_t opcode;

	if (len < SL_ARP_FRAME || eth->ether_type != rte_cpu_to_be_16(RTE_ETHER_TYPE_ARP))
		return false;
	if (a->arp_hardware != rte_cpu_to_be_16(RTE_ARP_HRD_ETHER) ||
		a->arp_protocol != rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4) ||
		a->arp_hlen != RTE_ETHER_ADDR_LEN || a->arp_plen != sizeof(uint32_t))
		return false;
	opcode = rte_be_to_cpu_16(a->arp_opcode);
	if (opcode != RTE_ARP_OP_REQUEST && opcode != RTE_ARP_OP_REPLY)
		return false;
	/* Nobody sends from a group address; believing it would turn our unicast into a flood. */
	if (!rte_is_valid_assigned_ether_addr(&a->arp_data.arp_sha))
		return false;
	arp->reply = opcode == RTE_ARP_OP_REPLY;
	arp->sender_mac = a->arp_data.arp_sha;
	arp->sender_ip = rte_be_to_cpu_32(a->arp_data.arp_sip);
	arp->target_ip = rte_be_to_cpu_32(a->arp_data.arp_tip);
	return true;
}

static size_t arp_build(void *frame, uint16_t opcode, const struct rte_ether_addr *mac, uint32_t ip,
	const struct rte_ether_addr *to, uint32_t to_ip)
{
	struct rte_ether_hdr *eth = frame;
	struct rte_arp_hdr *a = (void *)(eth + 1);

	eth->src_addr = *mac;
	if (to)
		eth->dst_addr = *to;
	else
		memset(&eth->dst_addr, 0xff, sizeof(eth->dst_addr));
	eth->ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_ARP);
	*a = (struct rte_arp_hdr){
		.arp_hardware = rte_cpu_to_be_16(RTE_ARP_HRD_ETHER),
		.arp_protocol = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4),
		.arp_hlen = RTE_ETHER_ADDR_LEN,
		.arp_plen = sizeof(uint32_t),
		.arp_opcode = rte_cpu_to_be_16(opcode),
	};
	a->arp_data.arp_sha = *mac;
	a->arp_data.arp_sip = rte_cpu_to_be_32(ip);
	if (opcode == RTE_ARP_OP_REPLY)
		a->arp_data.arp_tha = *to;
	a->arp_data.arp_tip = rte_cpu_to_be_32(to_ip);
	return SL_ARP_FRAME;
}

size_t sl_arp_request(void *frame, const struct rte_ether_addr *mac, uint32_t ip, uint32_t target_ip,
	const struct rte_ether_addr *to)
{
	return arp_build(frame, RTE_ARP_OP_REQUEST, mac, ip, to, target_ip);
}

size_t sl_arp_reply(void *frame, const struct rte_ether_addr *mac, uint32_t ip,
	const struct rte_ether_addr *to, uint32_t to_ip)
{
	return arp_build(frame, RTE_ARP_OP_REPLY, mac, ip, to, to_ip);
}

bool sl_ipv4_checksum_ok(const void *header)
{
	return rte_raw_cksum(header, sizeof(struct rte_ipv4_hdr)) == 0xffff;
}

/* A whole, unfragmented, option-less IPv4 packet; returns its length, at most len, or 0. */
static size_t ipv4_whole(const struct rte_ipv4_hdr *ip, size_t len)
{
	size_t total;

	if (len < sizeof(*ip) || ip->version_ihl != RTE_IPV4_VHL_DEF || !sl_ipv4_checksum_ok(ip))
		return 0;
	if (ip->fragment_offset & rte_cpu_to_be_16(RTE_IPV4_HDR_MF_FLAG | RTE_IPV4_HDR_OFFSET_MASK))
		return 0;
	total = rte_be_to_cpu_16(ip->total_length);
	return total >= sizeof(*ip) && total <= len ? total : 0;
}

bool sl_icmp_echo_answer(void *packet, size_t len)
{
	struct rte_ipv4_hdr *ip = packet;
	struct rte_icmp_hdr *icmp = (void *)(ip + 1);
	size_t total = ipv4_whole(ip, len);
	rte_be32_t src;

	if (total < sizeof(*ip) + sizeof(*icmp) || ip->next_proto_id != IPPROTO_ICMP)
		return false;
	if (icmp->icmp_type != ICMP_ECHO_REQUEST || icmp->icmp_code != 0 ||
		rte_raw_cksum(icmp, total - sizeof(*ip)) != 0xffff)
		return false;
	src = ip->src_addr;
	ip->src_addr = ip->dst_addr;
	ip->dst_addr = src;
	ip->time_to_live = IPV4_TTL;
	ip->hdr_checksum = 0;
	ip->hdr_checksum = rte_ipv4_cksum(ip);
	icmp->icmp_type = ICMP_ECHO_REPLY;
	icmp->icmp_cksum = 0;
	icmp->icmp_cksum = (uint16_t)~rte_raw_cksum(icmp, total - sizeof(*ip));
	return true;
}

bool sl_udp_parse(struct sl_udp *udp, const void *packet, size_t len)
{
	const struct rte_ipv4_hdr *ip = packet;
	const struct rte_udp_hdr *u = (const void *)(ip + 1);
	size_t total = ipv4_whole(ip, len), udp_len;

	if (total < sizeof(*ip) + sizeof(*u) || ip->next_proto_id != IPPROTO_UDP)
		return false;
	udp_len = rte_be_to_cpu_16(u->dgram_len);
	if (udp_len < sizeof(*u) || udp_len > total - sizeof(*ip))
		return false;
	/* Over a datagram that holds its right checksum the sum is 0, which UDP writes as 0xffff (RFC 768). */
	if (u->dgram_cksum && rte_ipv4_udptcp_cksum(ip, u) != 0xffff)
		return false;
	*udp = (struct sl_udp){
		.src = rte_be_to_cpu_32(ip->src_addr),
		.dst = rte_be_to_cpu_32(ip->dst_addr),
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
	struct rte_ether_hdr *eth = frame;
	struct rte_ipv4_hdr *ip = (void *)(eth + 1);
	struct rte_udp_hdr *u = (void *)(ip + 1);
	uint16_t udp_len = (uint16_t)(sizeof(*u) + udp->len);

	eth->src_addr = *src_mac;
	eth->dst_addr = *dst_mac;
	eth->ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4);
	*ip = (struct rte_ipv4_hdr){
		.version_ihl = RTE_IPV4_VHL_DEF,
		.total_length = rte_cpu_to_be_16((uint16_t)(sizeof(*ip) + udp_len)),
		.fragment_offset = rte_cpu_to_be_16(RTE_IPV4_HDR_DF_FLAG),
		.time_to_live = IPV4_TTL,
		.next_proto_id = IPPROTO_UDP,
		.src_addr = rte_cpu_to_be_32(udp->src),
		.dst_addr = rte_cpu_to_be_32(udp->dst),
	};
	ip->hdr_checksum = rte_ipv4_cksum(ip);
	*u = (struct rte_udp_hdr){
		.src_port = rte_cpu_to_be_16(udp->src_port),
		.dst_port = rte_cpu_to_be_16(udp->dst_port),
		.dgram_len = rte_cpu_to_be_16(udp_len),
	};
	return SL_UDP_FRAME_HEADERS;
}

unsigned sl_inner_mtu(unsigned path_mtu, enum sl_family outer, bool udp)
{
	enum { ESP_AND_IV = 16, ICV = 16, TRAILER = 2 };
	unsigned before = (outer == SL_IPV6 ? 40 : 20) + (udp ? 8 : 0) + ESP_AND_IV;

	return ((path_mtu - before - ICV) & ~3u) - TRAILER;
}
