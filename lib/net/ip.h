/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The header of an IP packet of either family, as everything outside the data path needs it: who, to whom, and where
 * what it carries begins. Options and extension headers are walked with every length checked, and only so far.
 */
#ifndef SEALANE_NET_IP_H
#define SEALANE_NET_IP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"

enum {
	SL_IPV4_HEADER = 20, /* without options */
	SL_IPV6_HEADER = 40,
	SL_IPV6_EXTENSIONS_MAX = 8, /* walked; behind them the protocol stays unknown */
	SL_IPV4_MTU_MIN = 576,      /* RFC 791: what every host takes */
	SL_IPV6_MTU_MIN = 1280,     /* RFC 8200 5: what every link carries */
	SL_PROTOCOL_ICMP = 1,
	SL_PROTOCOL_TCP = 6,
	SL_PROTOCOL_UDP = 17,
	SL_PROTOCOL_ESP = 50,
	SL_PROTOCOL_ICMPV6 = 58,
};

struct sl_ip {
	struct sl_addr src, dst;
	uint8_t hops;     /* time to live, hop limit */
	uint8_t protocol; /* of what is at `at` */
	bool fragment;    /* there are, or were, others */
	bool later;       /* a fragment, not the first: what is at `at` is not the start of anything */
	size_t at;        /* behind options and extension headers */
	size_t total;     /* length of the packet as it says */
};

/*
 * Reads the headers at the start of `len` bytes, which may be a packet that was cut off behind them, as quoted in an ICMP
 * error. False when they are not all there or make no sense. The checksum of IPv4 is not looked at.
 */
bool sl_ip_headers(struct sl_ip *ip, const void *packet, size_t len);

/* The same for a whole packet, ip->total <= len, with the right checksum. */
bool sl_ip_parse(struct sl_ip *ip, const void *packet, size_t len);

/* An address as it stands in a packet. */
struct sl_addr sl_addr_read(enum sl_family family, const void *at);
void sl_addr_write(const struct sl_addr *a, void *at);

/* Multicast of either family, or IPv4's limited broadcast: nobody's own address. */
bool sl_addr_is_group(const struct sl_addr *a);

/* All zero: nobody yet. */
bool sl_addr_is_unspecified(const struct sl_addr *a);

/* Groups, loopback, nobody: no answer to a packet from there could reach who has sent it (RFC 1122 3.2.1.3). */
bool sl_addr_is_martian(const struct sl_addr *a);

/*
 * The Internet checksum (RFC 1071) of what `ip` carries, `len` bytes at data, with its pseudo header (RFC 768, RFC 8200
 * 8.1), in the byte order of the packet. Zero when those bytes hold their right checksum; with zero in its place it is what belongs there.
 * ICMP over IPv4 has no pseudo header.
 */
uint16_t sl_ip_checksum(const struct sl_ip *ip, const void *data, size_t len);

#endif
