/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What surrounds a sealed packet: the headers of the session's template, with the lengths and the traffic class of this one
 * filled in, and the trailer. ESP's counters are left to the caller.
 */
#ifndef SEALANE_DATAPLANE_OUTER_H
#define SEALANE_DATAPLANE_OUTER_H

#include <string.h>

#include <rte_ip.h>
#include <rte_udp.h>

#include "frame.h"

/* RFC 4303 2.4: pad bytes 1, 2, 3, then the length of the padding and the next header; by family and padding. */
static const uint8_t trailers[2][4][8] = {
	{
		{0, SL_ESP_NEXT_IPV4},
		{1, 1, SL_ESP_NEXT_IPV4},
		{1, 2, 2, SL_ESP_NEXT_IPV4},
		{1, 2, 3, 3, SL_ESP_NEXT_IPV4},
	},
	{
		{0, SL_ESP_NEXT_IPV6},
		{1, 1, SL_ESP_NEXT_IPV6},
		{1, 2, 2, SL_ESP_NEXT_IPV6},
		{1, 2, 3, 3, SL_ESP_NEXT_IPV6},
	},
};

/* The packet passes a router, and its traffic class is asked for. */
static inline uint8_t forward(uint8_t *inner, const bool v6)
{
	struct rte_ipv4_hdr *ip = (void *)inner;

	if (v6) {
		((struct rte_ipv6_hdr *)inner)->hop_limits--;
		return traffic_class6(inner);
	}
	ipv4_age(ip);
	return ip->type_of_service;
}

/* A number in network order. DPDK's way is written in assembly, which the compiler can neither choose nor move. */
static inline rte_be16_t network16(size_t number)
{
	return RTE_BYTE_ORDER == RTE_LITTLE_ENDIAN ? __builtin_bswap16((uint16_t)number) : (rte_be16_t)number;
}

/*
 * Outer IPv4 before `len` bytes that begin at payload, and `behind` bytes before the end of the template. The traffic class
 * has the bits that are copied, no others. What is in the template is loaded from there, not from where it was just stored.
 */
static inline void fill_ipv4(
	uint8_t *payload, const struct sl_esp_out *out, uint32_t behind, uint8_t tos, uint32_t len)
{
	struct rte_ipv4_hdr *ip = (void *)(payload - sizeof(*ip));
	const struct rte_ipv4_hdr *from =
		(const void *)((const uint8_t *)(&out->template + 1) - behind - sizeof(*from));
	uint32_t sum;

	ip->type_of_service = from->type_of_service | tos;
	ip->total_length = network16(sizeof(*ip) + len);
	sum = (uint32_t)out->ipv4_sum + ip->total_length + network16(tos);
	sum = (sum & 0xffff) + (sum >> 16);
	ip->hdr_checksum = (rte_be16_t) ~(sum + (sum >> 16));
}

static inline void fill_udp(uint8_t *esp, uint32_t len)
{
	struct rte_udp_hdr *udp = (void *)(esp - sizeof(*udp));

	udp->dgram_len = network16(sizeof(*udp) + len);
}

static inline void fill_ipv6(uint8_t *payload, uint8_t traffic_class, uint32_t len)
{
	struct rte_ipv6_hdr *ip = (void *)(payload - sizeof(*ip));

	ip->vtc_flow |= rte_cpu_to_be_32((uint32_t)traffic_class << RTE_IPV6_HDR_TC_SHIFT);
	ip->payload_len = rte_cpu_to_be_16((uint16_t)len);
}

/* All but IPv4 and UDP. */
static __rte_noinline void write_other_headers(
	uint8_t *esp, const struct sl_esp_out *out, uint8_t tos, uint32_t len)
{
	const bool udp = out->shape == SL_ESP_IPV6_UDP || out->shape == SL_ESP_IPV6_UDP_SUM;
	uint8_t *payload = udp ? esp - sizeof(struct rte_udp_hdr) : esp;

	memcpy(esp - offsetof(struct sl_esp_template, esp), &out->template, sizeof(out->template));
	if (udp)
		fill_udp(esp, len);
	if (out->shape == SL_ESP_IPV4)
		fill_ipv4(payload, out, sizeof(struct sl_esp_header), tos, len);
	else
		fill_ipv6(payload, tos, len + (uint32_t)(esp - payload));
}

/*
 * Writes the headers before the inner packet, into the SL_ESP_HEADROOM bytes there: inner_len is what lies behind the ESP
 * header, the ICV included, and tos the traffic class of the inner packet.
 */
static inline void write_headers(
	uint8_t *inner, const struct sl_esp_out *out, uint8_t tos, uint32_t inner_len)
{
	uint8_t *esp = inner - sizeof(struct sl_esp_header);
	uint32_t len = inner_len + (uint32_t)sizeof(struct sl_esp_header);

	tos &= out->tos_mask;
	if (unlikely(out->shape != SL_ESP_IPV4_UDP)) {
		write_other_headers(esp, out, tos, len);
		return;
	}
	memcpy(inner - SL_ESP_TEMPLATE_NEAR, (const uint8_t *)(&out->template + 1) - SL_ESP_TEMPLATE_NEAR,
		SL_ESP_TEMPLATE_NEAR);
	fill_udp(esp, len);
	fill_ipv4(esp - sizeof(struct rte_udp_hdr), out,
		sizeof(struct sl_esp_header) + sizeof(struct rte_udp_hdr), tos,
		len + (uint32_t)sizeof(struct rte_udp_hdr));
}

/*
 * When all else of the packet is there: hosts whose UDP sockets were not told otherwise take no datagrams without checksum
 * over IPv6 (RFC 8200 8.1).
 */
static __rte_noinline void write_udp_checksum(uint8_t *inner)
{
	struct rte_udp_hdr *udp = (void *)(inner - sizeof(struct sl_esp_header) - sizeof(*udp));
	const struct rte_ipv6_hdr *ip = (const void *)((const uint8_t *)udp - sizeof(*ip));

	udp->dgram_cksum = rte_ipv6_udptcp_cksum(ip, udp);
}

#endif
