/* SPDX-License-Identifier: BSD-3-Clause */
/* What an outer packet to our address carries: ESP, in UDP or not, or IKE. The same over IPv4 and IPv6. */
#ifndef SEALANE_DATAPLANE_WIRE_H
#define SEALANE_DATAPLANE_WIRE_H

#include <rte_udp.h>

#include "frame.h"

enum {
	/* An empty inner packet: ESP header, trailer, ICV. */
	ESP_MIN = sizeof(struct sl_esp_header) + sizeof(struct sl_esp_trailer) + SL_GCM_ICV_LEN,
	IKE_PORT = 500,
};

/* ESP without UDP, from `at` to `end` of the frame. */
static inline int check_esp(struct rte_mbuf *m, uint32_t at, uint32_t end)
{
	if (unlikely(end - at < ESP_MIN))
		return SL_DROP_RUNT;
	cut_to(m, at, end - at);
	return PASS;
}

/* A packet in UDP: ESP, or IKE behind the marker, or on port 500 (RFC 3948 2). */
static inline int check_udp(struct rte_mbuf *m, uint32_t at, uint32_t end)
{
	const struct rte_udp_hdr *udp = rte_pktmbuf_mtod_offset(m, const struct rte_udp_hdr *, at);
	uint32_t len = end - at, udp_len;
	uint16_t port;

	if (unlikely(len < sizeof(*udp)))
		return SL_DROP_RUNT;
	port = rte_be_to_cpu_16(udp->dst_port);
	udp_len = rte_be_to_cpu_16(udp->dgram_len);
	if (unlikely(udp_len < sizeof(*udp) || udp_len > len))
		return SL_DROP_RUNT;
	if (unlikely(port != SL_ESP_UDP_PORT))
		return port == IKE_PORT ? TO_CONTROL : SL_DROP_NOT_FOR_US;
	udp_len -= sizeof(*udp);
	if (unlikely(udp_len < 4))
		return udp_len == 1 ? SL_DROP_DUMMY
				    : SL_DROP_RUNT; /* one byte is a NAT keepalive (RFC 3948 2.3) */
	if (unlikely(load32(udp + 1) == 0))
		return TO_CONTROL;
	if (unlikely(udp_len < ESP_MIN))
		return SL_DROP_RUNT;
	cut_to(m, at + (uint32_t)sizeof(*udp), udp_len);
	return PASS;
}

#endif
