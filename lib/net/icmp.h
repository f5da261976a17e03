/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ICMP and ICMPv6 errors: those a router says about packets it cannot forward (RFC 1812 4.3, RFC 4443), and the one it
 * listens to, "too big" about its own sealed packets (RFC 1191, RFC 8201).
 *
 * Anybody can make a router talk with packets it cannot forward, and can forge what it hears. So what is said is limited
 * by struct sl_rate, and what is heard is only a hint, with everything quoted in it for the owner to compare with what it
 * really has sent.
 */
#ifndef SEALANE_NET_ICMP_H
#define SEALANE_NET_ICMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"

enum sl_icmp_error {
	SL_ICMP_NO_NET,     /* no route to the destination */
	SL_ICMP_NO_HOST,    /* the destination, or the router before it, does not answer */
	SL_ICMP_PROHIBITED, /* a rule of ours forbids it */
	SL_ICMP_EXPIRED,    /* out of hops */
	SL_ICMP_TOO_BIG,    /* and must not be fragmented */
};

enum { SL_ICMP_ERROR_MAX = 1280 }; /* bytes of an error at most: RFC 4443 2.4 (c); over IPv4 they are 576 */

/*
 * Builds the error about a packet, of which `len` bytes are there, as an IP packet from the address `from`, which is ours, to
 * where the packet came from, in `out`, where `room` bytes are. mtu is of SL_ICMP_TOO_BIG: the largest packet that would
 * have fitted.
 *
 * Returns the length, or 0 when nothing may be said (RFC 1812 4.3.2.7, RFC 4443 2.4 (e)): about errors, about fragments
 * but the first, about what went to a group or came from one, from nobody or from ourselves.
 */
size_t sl_icmp_error(void *out, size_t room, enum sl_icmp_error error, const struct sl_addr *from,
	const void *packet, size_t len, unsigned mtu);

/* "Too big", said about a packet that we are meant to have sent. */
struct sl_icmp_too_big {
	struct sl_addr src, dst;     /* of that packet: outer addresses */
	uint16_t src_port, dst_port; /* of its UDP header; 0: it was plain ESP */
	uint32_t spi;                /* host order */
	unsigned mtu;                /* what would have fitted; 0: an old router did not say */
};

/*
 * Reads a whole packet. False when it is no such error, is damaged, or quotes anything but ESP, in UDP or not, or too little
 * of it to tell which SA it was of.
 */
bool sl_icmp_too_big_parse(struct sl_icmp_too_big *told, const void *packet, size_t len);

/* A token bucket: so many at once, and so many a second. */
struct sl_rate {
	uint32_t per_second, burst;
	uint32_t tokens;
	uint64_t since; /* ns; tokens were counted then */
};

/* One more may be. now is in ns and never goes back. */
bool sl_rate_take(struct sl_rate *rate, uint64_t now);

#endif
