/* SPDX-License-Identifier: BSD-3-Clause */
/* IP packets of either family, put together in tests. */
#ifndef SEALANE_TESTS_PACKETS_H
#define SEALANE_TESTS_PACKETS_H

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/net/ip.h"

static inline struct sl_addr addr_of(const char *text)
{
	struct sl_addr a;

	if (!sl_addr_parse(&a, text))
		abort();
	return a;
}

static inline void put16(uint8_t *at, unsigned value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static inline unsigned get16(const uint8_t *at)
{
	return (unsigned)(at[0] << 8 | at[1]);
}

/* The sum of an IPv4 header of ihl * 4 bytes, anew: no function that is tested. */
static inline void put_ipv4_checksum(uint8_t *p)
{
	unsigned long sum = 0;

	put16(p + 10, 0);
	for (unsigned i = 0; i < (p[0] & 15u) * 4; i += 2)
		sum += get16(p + i);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	put16(p + 10, ~(unsigned)sum);
}

/* Writes an IPv4 or IPv6 header for `len` bytes that follow it; returns its length. DF, hops 64. */
static inline size_t put_ip(uint8_t *p, const char *src, const char *dst, uint8_t protocol, size_t len)
{
	struct sl_addr from = addr_of(src), to = addr_of(dst);

	if (from.family == SL_IPV6) {
		memset(p, 0, SL_IPV6_HEADER);
		p[0] = 0x60;
		put16(p + 4, (unsigned)len);
		p[6] = protocol;
		p[7] = 64;
		memcpy(p + 8, from.bytes, 16);
		memcpy(p + 24, to.bytes, 16);
		return SL_IPV6_HEADER;
	}
	memset(p, 0, SL_IPV4_HEADER);
	p[0] = 0x45;
	put16(p + 2, (unsigned)(SL_IPV4_HEADER + len));
	p[6] = 0x40;
	p[8] = 64;
	p[9] = protocol;
	memcpy(p + 12, from.bytes, 4);
	memcpy(p + 16, to.bytes, 4);
	put_ipv4_checksum(p);
	return SL_IPV4_HEADER;
}

/* The checksum over data, which is of even length or ends the packet, with the pseudo header, also of ICMPv6. */
static inline unsigned upper_checksum(
	const char *src, const char *dst, unsigned protocol, const uint8_t *data, size_t len)
{
	struct sl_addr from = addr_of(src), to = addr_of(dst);
	unsigned long sum = protocol == SL_PROTOCOL_ICMP ? 0 : protocol + (unsigned long)len;

	for (unsigned i = 0; i < 16 && protocol != SL_PROTOCOL_ICMP; i += 2)
		sum += get16(from.bytes + i) + get16(to.bytes + i);
	for (size_t i = 0; i < len; i++)
		sum += (unsigned long)data[i] << (i % 2 ? 0 : 8);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (unsigned)~sum & 0xffff;
}

/* A copy with nothing behind it, so that a sanitizer sees whoever reads too far. free() it. */
static inline uint8_t *exact_copy(const uint8_t *p, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	assert(copy);
	memcpy(copy, p, len);
	return copy;
}

#endif
