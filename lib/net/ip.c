/* SPDX-License-Identifier: BSD-3-Clause */
/* IP headers of either family: see ip.h. */
#include "ip.h"

#include <string.h>

#include <rte_ip.h>

enum {
	HOP_BY_HOP = 0,
	ROUTING = 43,
	FRAGMENT = 44,
	AUTHENTICATION = 51,
	DESTINATION_OPTIONS = 60,
	MOBILITY = 135,
	HIP = 139,
	SHIM6 = 140,
	FRAGMENT_HEADER = 8,
};

_Static_assert(sizeof(struct rte_ipv4_hdr) == SL_IPV4_HEADER, "RFC 791 3.1");
_Static_assert(sizeof(struct rte_ipv6_hdr) == SL_IPV6_HEADER, "RFC 8200 3");

struct sl_addr sl_addr_read(enum sl_family family, const void *at)
{
	struct sl_addr a = {.family = (uint8_t)family};

	memcpy(a.bytes, at, sl_addr_len(&a));
	return a;
}

void sl_addr_write(const struct sl_addr *a, void *at)
{
	memcpy(at, a->bytes, sl_addr_len(a));
}

bool sl_addr_is_group(const struct sl_addr *a)
{
	if (a->family == SL_IPV6)
		return a->bytes[0] == 0xff;
	/* 224/4, and above it 255.255.255.255 in a range that nobody has (RFC 1112 4). */
	return a->family == SL_IPV4 && a->bytes[0] >= 224;
}

bool sl_addr_is_unspecified(const struct sl_addr *a)
{
	static const uint8_t zero[sizeof(a->bytes)];

	return memcmp(a->bytes, zero, sizeof(zero)) == 0;
}

static bool is_loopback(const struct sl_addr *a)
{
	static const uint8_t v6[sizeof(a->bytes)] = {[15] = 1};

	return a->family == SL_IPV4 ? a->bytes[0] == 127 : memcmp(a->bytes, v6, sizeof(v6)) == 0;
}

bool sl_addr_is_martian(const struct sl_addr *a)
{
	/* All of 0/8 is "this network" (RFC 791 3.2). */
	return sl_addr_is_group(a) || sl_addr_is_unspecified(a) || is_loopback(a) ||
	       (a->family == SL_IPV4 && a->bytes[0] == 0);
}

static uint16_t read16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static bool ipv4_headers(struct sl_ip *ip, const uint8_t *p, size_t len)
{
	const struct rte_ipv4_hdr *h = (const void *)p;
	uint16_t fragment;
	size_t header_len;

	if (len < sizeof(*h))
		return false;
	header_len = (size_t)(h->version_ihl & 15) * 4;
	fragment = rte_be_to_cpu_16(h->fragment_offset);
	*ip = (struct sl_ip){
		.src = sl_addr_read(SL_IPV4, &h->src_addr),
		.dst = sl_addr_read(SL_IPV4, &h->dst_addr),
		.hops = h->time_to_live,
		.protocol = h->next_proto_id,
		.fragment = fragment & (RTE_IPV4_HDR_MF_FLAG | RTE_IPV4_HDR_OFFSET_MASK),
		.later = fragment & RTE_IPV4_HDR_OFFSET_MASK,
		.at = header_len,
		.total = rte_be_to_cpu_16(h->total_length),
	};
	return header_len >= sizeof(*h) && header_len <= len && header_len <= ip->total;
}

/*
 * Steps over the extension header at ip->at (RFC 8200 4), when there is one. 1 when there may be more, 0 at the end, or
 * negative when it does not fit.
 */
static int skip_extension(struct sl_ip *ip, const uint8_t *p, size_t len)
{
	const uint8_t *h = p + ip->at;
	size_t there = len - ip->at, size;

	switch (ip->protocol) {
	case HOP_BY_HOP:
	case ROUTING:
	case DESTINATION_OPTIONS:
	case MOBILITY:
	case HIP:
	case SHIM6: size = there < 2 ? 2 : ((size_t)h[1] + 1) * 8; break;
	case AUTHENTICATION: size = there < 2 ? 2 : ((size_t)h[1] + 2) * 4; break;
	case FRAGMENT: size = FRAGMENT_HEADER; break;
	default: return 0;
	}
	if (size > there)
		return -1;
	if (ip->protocol == FRAGMENT) {
		ip->fragment = true;
		ip->later = read16(h + 2) >> 3;
	}
	ip->protocol = h[0];
	ip->at += size;
	return !ip->later;
}

static bool ipv6_headers(struct sl_ip *ip, const uint8_t *p, size_t len)
{
	const struct rte_ipv6_hdr *h = (const void *)p;
	size_t there;
	int more = 1;

	if (len < sizeof(*h))
		return false;
	*ip = (struct sl_ip){
		.src = sl_addr_read(SL_IPV6, &h->src_addr),
		.dst = sl_addr_read(SL_IPV6, &h->dst_addr),
		.hops = h->hop_limits,
		.protocol = h->proto,
		.at = sizeof(*h),
		.total = sizeof(*h) + rte_be_to_cpu_16(h->payload_len),
	};
	there = RTE_MIN(len, ip->total);
	for (unsigned i = 0; i < SL_IPV6_EXTENSIONS_MAX && more > 0; i++)
		more = skip_extension(ip, p, there);
	return more >= 0;
}

bool sl_ip_headers(struct sl_ip *ip, const void *packet, size_t len)
{
	const uint8_t *p = packet;

	if (len == 0)
		return false;
	switch (p[0] >> 4) {
	case 4: return ipv4_headers(ip, p, len);
	case 6: return ipv6_headers(ip, p, len);
	default: return false;
	}
}

bool sl_ip_parse(struct sl_ip *ip, const void *packet, size_t len)
{
	if (!sl_ip_headers(ip, packet, len) || ip->total > len)
		return false;
	return ip->src.family != SL_IPV4 ||
	       rte_raw_cksum(packet, (size_t)(*(const uint8_t *)packet & 15) * 4) == 0xffff;
}

/* Adds bytes that begin at an even place of what is summed up. */
static uint32_t add_bytes(uint32_t sum, const void *bytes, size_t len)
{
	return sum + rte_raw_cksum(bytes, len);
}

uint16_t sl_ip_checksum(const struct sl_ip *ip, const void *data, size_t len)
{
	uint32_t sum = 0;

	if (ip->protocol != SL_PROTOCOL_ICMP) {
		sum = add_bytes(sum, ip->src.bytes, sl_addr_len(&ip->src));
		sum = add_bytes(sum, ip->dst.bytes, sl_addr_len(&ip->dst));
		sum += rte_cpu_to_be_16((uint16_t)len) + (uint32_t)rte_cpu_to_be_16(ip->protocol);
	}
	sum = add_bytes(sum, data, len);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}
