/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TCP's maximum segment size, lowered where a connection begins so that its segments fit a tunnel (RFC 4459 3.2.4 tells
 * of the practice; RFC 6691 what the option counts). Then no segment has to wait for path MTU discovery, which many a
 * firewall breaks.
 */
#ifndef SEALANE_NET_MSS_H
#define SEALANE_NET_MSS_H

#include "ip.h"

enum { SL_TCP_FLAGS_AT = 13, SL_TCP_SYN = 0x02 };

/* sl_mss_clamp() for a packet that may be a SYN. */
bool sl_mss_clamp_syn(void *packet, size_t len, unsigned inner_mtu);

/*
 * The packet, of either family, has at least 20 bytes, is of `len` bytes, and may pass a tunnel in which packets of
 * inner_mtu bytes fit. When it is a SYN or SYN-ACK whose MSS option says more than that allows, the option and the
 * checksum are changed, and the answer is true. Nearly no packet is: that is seen at once.
 */
static inline bool sl_mss_clamp(void *packet, size_t len, unsigned inner_mtu)
{
	const uint8_t *p = (const uint8_t *)packet;
	size_t flags_at;

	if (p[0] >> 4 == 4) {
		if (p[9] != SL_PROTOCOL_TCP)
			return false;
		flags_at = (size_t)(p[0] & 15) * 4 + SL_TCP_FLAGS_AT;
	} else {
		/* Extension headers are rare enough to be walked. */
		if (p[6] == SL_PROTOCOL_UDP || p[6] == SL_PROTOCOL_ICMPV6 || p[6] == SL_PROTOCOL_ESP)
			return false;
		flags_at = p[6] == SL_PROTOCOL_TCP ? SL_IPV6_HEADER + SL_TCP_FLAGS_AT : 0;
	}
	if (flags_at >= len || (flags_at != 0 && !(p[flags_at] & SL_TCP_SYN)))
		return false;
	return sl_mss_clamp_syn(packet, len, inner_mtu);
}

#endif
