/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a gateway makes and answers itself beside ARP, NDP (neigh_msg.h) and ICMP errors (icmp.h): echoes and IKE's UDP
 * datagrams, over IPv4 and IPv6; and the arithmetic of sizes. The data path does not come through here.
 *
 * Parsers take whatever the network sent and check every length before reading.
 */
#ifndef SEALANE_NET_PACKET_H
#define SEALANE_NET_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_ether.h>

#include "addr.h"

enum {
	SL_HOPS = 64,          /* of what we send: RFC 1700's default TTL */
	SL_NON_ESP_MARKER = 4, /* zero bytes before an IKE message on port 4500 (RFC 3948 2.2) */
};

/*
 * Turns an echo request, a whole packet of ICMP (RFC 792) or ICMPv6 (RFC 4443 4.1) without options or fragments, into its
 * reply in place. False when it is anything else, is addressed to a group or a checksum is wrong; then nothing has changed.
 */
bool sl_echo_answer(void *packet, size_t len);

/* A UDP datagram found in a packet. */
struct sl_udp {
	struct sl_addr src, dst;
	uint16_t src_port, dst_port;
	const uint8_t *data;
	size_t len;
};

/*
 * Reads a packet that holds a whole UDP datagram; false when lengths or checksums are wrong. Over IPv6 there must be a
 * checksum: the exception of RFC 6936 is for tunnels, and IKE is none.
 */
bool sl_udp_parse(struct sl_udp *udp, const void *packet, size_t len);

enum { SL_UDP_FRAME_HEADERS = 14 + 20 + 8, SL_UDP_FRAME_HEADERS_V6 = 14 + 40 + 8 };

/* Which of them stand before a datagram between addresses of this family. */
static inline size_t sl_udp_frame_headers(const struct sl_addr *addr)
{
	return addr->family == SL_IPV6 ? SL_UDP_FRAME_HEADERS_V6 : SL_UDP_FRAME_HEADERS;
}

/*
 * Builds Ethernet, IP (never to be fragmented) and UDP headers before the udp->len bytes of payload that are behind them
 * already. Returns their length. There is a checksum over IPv6, and none over IPv4 (RFC 768).
 */
size_t sl_udp_headers(void *frame, const struct rte_ether_addr *src_mac, const struct rte_ether_addr *dst_mac,
	const struct sl_udp *udp);

/*
 * The largest inner packet whose sealed form is no longer than path_mtu: outer IPv4 or IPv6, UDP if there is one, ESP
 * header, IV, then the inner packet padded with its two trailer bytes to a multiple of four, and the ICV (RFC 4303 2,
 * RFC 3948 2.1).
 */
unsigned sl_inner_mtu(unsigned path_mtu, enum sl_family outer, bool udp);

#endif
