/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The few packets a gateway makes and answers itself: ARP, ICMP echo and IKE's UDP datagrams, all over IPv4, and the
 * arithmetic of sizes. Wire structs are DPDK's (rte_ether.h, rte_arp.h, rte_ip.h, rte_udp.h, rte_icmp.h). The data path
 * does not come through here.
 *
 * Builders write into a buffer of at least SL_FRAME_MAX bytes, or as much as they say, and return the length. Parsers
 * take whatever the network sent and check every length before reading.
 */
#ifndef SEALANE_NET_PACKET_H
#define SEALANE_NET_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_ether.h>

#include "addr.h"

enum {
	SL_ARP_FRAME = 42,     /* Ethernet and ARP for IPv4 */
	SL_NON_ESP_MARKER = 4, /* zero bytes before an IKE message on port 4500 (RFC 3948 2.2) */
};

/* An ARP packet for IPv4 over Ethernet (RFC 826). Addresses are in host order. */
struct sl_arp {
	bool reply;
	struct rte_ether_addr sender_mac;
	uint32_t sender_ip, target_ip;
};

/* Reads an Ethernet frame; false when it is not ARP for IPv4, or says nonsense (a group MAC as sender). */
bool sl_arp_parse(struct sl_arp *arp, const void *frame, size_t len);

/*
 * Builds "who has target_ip, tell ip", to everybody or (to not NULL, when refreshing) to one station.
 */
size_t sl_arp_request(void *frame, const struct rte_ether_addr *mac, uint32_t ip, uint32_t target_ip,
	const struct rte_ether_addr *to);

/* Builds "ip is at mac" for the station `to`, which asked from to_ip. */
size_t sl_arp_reply(void *frame, const struct rte_ether_addr *mac, uint32_t ip,
	const struct rte_ether_addr *to, uint32_t to_ip);

/*
 * Turns an ICMP echo request, an IPv4 packet of len bytes without options or fragments, into its reply in place
 * (RFC 792). False when it is anything else or a checksum is wrong; then nothing has changed.
 */
bool sl_icmp_echo_answer(void *packet, size_t len);

/* A UDP datagram found in an IPv4 packet. */
struct sl_udp {
	uint32_t src, dst; /* host order */
	uint16_t src_port, dst_port;
	const uint8_t *data;
	size_t len;
};

/* Reads an IPv4 packet that holds a whole UDP datagram; false when lengths or checksums are wrong. */
bool sl_udp_parse(struct sl_udp *udp, const void *packet, size_t len);

/*
 * Builds Ethernet, IPv4 (DF, TTL 64) and UDP headers before `len` bytes of payload that the caller puts behind them.
 * Returns the length of the headers, SL_UDP_FRAME_HEADERS. The checksum field of UDP is 0 (RFC 768: none).
 */
enum { SL_UDP_FRAME_HEADERS = 14 + 20 + 8 };
size_t sl_udp_headers(void *frame, const struct rte_ether_addr *src_mac, const struct rte_ether_addr *dst_mac,
	const struct sl_udp *udp);

/* The Internet checksum over the 20 bytes of an option-less IPv4 header is right. */
bool sl_ipv4_checksum_ok(const void *header);

/*
 * The largest inner packet whose sealed form is no longer than path_mtu: outer IPv4 or IPv6, UDP if there is one, ESP
 * header, IV, then the inner packet padded with its two trailer bytes to a multiple of four, and the ICV (RFC 4303 2,
 * RFC 3948 2.1).
 */
unsigned sl_inner_mtu(unsigned path_mtu, enum sl_family outer, bool udp);

#endif
