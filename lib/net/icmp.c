/* SPDX-License-Identifier: BSD-3-Clause */
/* ICMP errors: see icmp.h. */
#include "icmp.h"

#include <string.h>

#include "build.h"
#include "packet.h"

enum {
	/* RFC 792, RFC 1191 4, RFC 1812 5.2.7.1 */
	ICMP_UNREACHABLE = 3,
	ICMP_UNREACHABLE_NET = 0,
	ICMP_UNREACHABLE_HOST = 1,
	ICMP_FRAGMENTATION_NEEDED = 4,
	ICMP_UNREACHABLE_ADMIN = 13,
	ICMP_EXPIRED = 11,
	/* RFC 4443 3 */
	ICMPV6_UNREACHABLE = 1,
	ICMPV6_UNREACHABLE_ROUTE = 0,
	ICMPV6_UNREACHABLE_ADMIN = 1,
	ICMPV6_UNREACHABLE_ADDRESS = 3,
	ICMPV6_TOO_BIG = 2,
	ICMPV6_EXPIRED = 3,
	ICMPV6_INFORMATIONAL = 128, /* types from here on are no errors */
	ICMPV6_REDIRECT = 137,
	INTERNETWORK_CONTROL = 0xc0, /* RFC 1812 4.3.2.5: precedence 6 */
	UDP_HEADER = 8,
};

/* What precedes the quoted packet. `value` is the MTU: its low half alone is used by RFC 1191 4. */
struct header {
	uint8_t type, code;
	uint16_t checksum;
	rte_be32_t value;
} __attribute__((packed));

_Static_assert(sizeof(struct header) == 8, "RFC 792, RFC 4443 3");

/* ---- Said ------------------------------------------------------------------------------------------------------------- */

/* Of ICMP over IPv4: what is not a question or its answer is taken for an error, be it one not known here. */
static bool is_error(uint8_t type)
{
	switch (type) {
	case 0:
	case 8:
	case 9:
	case 10:
	case 13:
	case 14:
	case 15:
	case 16:
	case 17:
	case 18: return false;
	default: return true;
	}
}

/* RFC 1812 4.3.2.7, RFC 4443 2.4 (e) */
static bool may_be_answered(
	const struct sl_ip *ip, const struct sl_addr *from, const uint8_t *packet, size_t len)
{
	if (ip->src.family != from->family || ip->later)
		return false;
	if (sl_addr_is_martian(&ip->src) || sl_addr_equal(&ip->src, from) || sl_addr_is_group(&ip->dst))
		return false;
	if (ip->protocol != (ip->src.family == SL_IPV4 ? SL_PROTOCOL_ICMP : SL_PROTOCOL_ICMPV6))
		return true;
	if (ip->at >= len)
		return false;
	if (ip->src.family == SL_IPV4)
		return !is_error(packet[ip->at]);
	return packet[ip->at] >= ICMPV6_INFORMATIONAL && packet[ip->at] != ICMPV6_REDIRECT;
}

static struct header ipv4_header(enum sl_icmp_error error, unsigned mtu)
{
	static const uint8_t codes[] = {
		[SL_ICMP_NO_NET] = ICMP_UNREACHABLE_NET,
		[SL_ICMP_NO_HOST] = ICMP_UNREACHABLE_HOST,
		[SL_ICMP_PROHIBITED] = ICMP_UNREACHABLE_ADMIN,
		[SL_ICMP_EXPIRED] = 0,
		[SL_ICMP_TOO_BIG] = ICMP_FRAGMENTATION_NEEDED,
	};

	return (struct header){
		.type = error == SL_ICMP_EXPIRED ? ICMP_EXPIRED : ICMP_UNREACHABLE,
		.code = codes[error],
		.value = error == SL_ICMP_TOO_BIG ? rte_cpu_to_be_32(RTE_MIN(mtu, UINT16_MAX + 0u)) : 0,
	};
}

static struct header ipv6_header(enum sl_icmp_error error, unsigned mtu)
{
	switch (error) {
	case SL_ICMP_NO_NET:
		return (struct header){.type = ICMPV6_UNREACHABLE, .code = ICMPV6_UNREACHABLE_ROUTE};
	case SL_ICMP_NO_HOST:
		return (struct header){.type = ICMPV6_UNREACHABLE, .code = ICMPV6_UNREACHABLE_ADDRESS};
	case SL_ICMP_PROHIBITED:
		return (struct header){.type = ICMPV6_UNREACHABLE, .code = ICMPV6_UNREACHABLE_ADMIN};
	case SL_ICMP_EXPIRED: return (struct header){.type = ICMPV6_EXPIRED};
	case SL_ICMP_TOO_BIG: break;
	}
	/* Hosts take no smaller one for true (RFC 8201 4), and would stay where they are. */
	return (struct header){
		.type = ICMPV6_TOO_BIG, .value = rte_cpu_to_be_32(RTE_MAX(mtu, SL_IPV6_MTU_MIN + 0u))};
}

size_t sl_icmp_error(void *out, size_t room, enum sl_icmp_error error, const struct sl_addr *from,
	const void *packet, size_t len, unsigned mtu)
{
	bool v6 = from->family == SL_IPV6;
	size_t limit = RTE_MIN(room, (size_t)(v6 ? SL_IPV6_MTU_MIN : SL_IPV4_MTU_MIN)), quoted;
	struct sl_ip offending, ip = {.src = *from, .hops = SL_HOPS};
	uint8_t *at = out;
	struct header *h;

	if (!sl_ip_headers(&offending, packet, len) || !may_be_answered(&offending, from, packet, len))
		return 0;
	len = RTE_MIN(len, offending.total);
	ip.dst = offending.src;
	ip.protocol = v6 ? SL_PROTOCOL_ICMPV6 : SL_PROTOCOL_ICMP;
	quoted = (size_t)(v6 ? SL_IPV6_HEADER : SL_IPV4_HEADER) + sizeof(*h);
	if (limit < quoted)
		return 0;
	/* As much of it as fits (RFC 1812 4.3.2.3, RFC 4443 2.4 (c)). */
	quoted = RTE_MIN(len, limit - quoted);
	at += sl_put_ip(at, &ip, INTERNETWORK_CONTROL, sizeof(*h) + quoted);
	h = (void *)at;
	*h = v6 ? ipv6_header(error, mtu) : ipv4_header(error, mtu);
	memcpy(h + 1, packet, quoted);
	h->checksum = sl_ip_checksum(&ip, h, sizeof(*h) + quoted);
	return (size_t)(at - (uint8_t *)out) + sizeof(*h) + quoted;
}

/* ---- Heard ------------------------------------------------------------------------------------------------------------ */

static uint16_t read16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static uint32_t read32(const uint8_t *at)
{
	return (uint32_t)read16(at) << 16 | read16(at + 2);
}

static bool is_too_big(const struct sl_ip *ip, const struct header *h)
{
	if (ip->src.family == SL_IPV6)
		return ip->protocol == SL_PROTOCOL_ICMPV6 && h->type == ICMPV6_TOO_BIG;
	return ip->protocol == SL_PROTOCOL_ICMP && h->type == ICMP_UNREACHABLE &&
	       h->code == ICMP_FRAGMENTATION_NEEDED;
}

/*
 * What is quoted: the start of a packet of ours. IPv4 promises only eight bytes behind its header (RFC 792); of ESP in UDP
 * those do not tell the SPI, and then this is of no use. Nearly every router quotes more (RFC 1812 4.3.2.3).
 */
static bool read_quoted(struct sl_icmp_too_big *told, const uint8_t *packet, size_t len)
{
	struct sl_ip ip;
	size_t esp;

	if (!sl_ip_headers(&ip, packet, len) || ip.later)
		return false;
	esp = ip.at;
	if (ip.protocol == SL_PROTOCOL_UDP) {
		if (len < esp + UDP_HEADER)
			return false;
		told->src_port = read16(packet + esp);
		told->dst_port = read16(packet + esp + 2);
		esp += UDP_HEADER;
	} else if (ip.protocol != SL_PROTOCOL_ESP) {
		return false;
	}
	if (len < esp + sizeof(told->spi))
		return false;
	told->src = ip.src;
	told->dst = ip.dst;
	told->spi = read32(packet + esp);
	/* Zero stands before IKE (RFC 3948 2.2). */
	return told->spi != 0;
}

bool sl_icmp_too_big_parse(struct sl_icmp_too_big *told, const void *packet, size_t len)
{
	const struct header *h;
	struct sl_ip ip;
	size_t there;

	if (!sl_ip_parse(&ip, packet, len) || ip.fragment)
		return false;
	there = ip.total - ip.at;
	h = (const void *)((const uint8_t *)packet + ip.at);
	if (there < sizeof(*h) || !is_too_big(&ip, h) || sl_ip_checksum(&ip, h, there) != 0)
		return false;
	*told = (struct sl_icmp_too_big){.mtu = rte_be_to_cpu_32(h->value)};
	if (ip.src.family == SL_IPV4)
		told->mtu &= UINT16_MAX;
	return read_quoted(told, (const uint8_t *)(h + 1), there - sizeof(*h)) &&
	       told->src.family == ip.src.family;
}

bool sl_rate_take(struct sl_rate *rate, uint64_t now)
{
	const uint64_t second = UINT64_C(1000000000);
	uint64_t interval = second / rate->per_second, fresh = (now - rate->since) / interval;

	if (fresh >= rate->burst - rate->tokens) {
		rate->tokens = rate->burst;
		rate->since = now;
	} else {
		rate->tokens += (uint32_t)fresh;
		rate->since += fresh * interval;
	}
	if (rate->tokens == 0)
		return false;
	rate->tokens--;
	return true;
}
