/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Addresses, prefixes and endpoints as values: parsed from text, compared, printed. No sockets and no DPDK here, so
 * every part of the program can speak of an address.
 */
#ifndef SEALANE_NET_ADDR_H
#define SEALANE_NET_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sl_family { SL_NONE = 0, SL_IPV4 = 4, SL_IPV6 = 6 };

/* An address. IPv4 uses the first four bytes, the rest is zero, so that equal addresses are equal bytes. */
struct sl_addr {
	uint8_t family; /* enum sl_family */
	uint8_t bytes[16];
};

/* An address of a gateway itself: the host part is kept, 10.1.0.1/16. sl_prefix_mask() clears it. */
struct sl_prefix {
	struct sl_addr addr;
	uint8_t len; /* 0..32 or 0..128 */
};

struct sl_endpoint {
	struct sl_addr addr;
	uint16_t port; /* host order */
};

enum { SL_ADDR_TEXT = 64 }; /* a buffer for any of them as text, NUL included */

static inline unsigned sl_addr_len(const struct sl_addr *a)
{
	return a->family == SL_IPV4 ? 4 : a->family == SL_IPV6 ? 16 : 0;
}

/* IPv4 from and to a number in host order. sl_addr_u32 wants an IPv4 address (asserted). */
struct sl_addr sl_addr_v4(uint32_t host_order);
uint32_t sl_addr_u32(const struct sl_addr *a);

/* Parse a whole text; false when it is anything else ("10.0.0.1 ", "10.0.0.1/33" are). */
bool sl_addr_parse(struct sl_addr *a, const char *text);
bool sl_prefix_parse(struct sl_prefix *p, const char *text); /* ADDRESS[/LEN] */
bool sl_endpoint_parse(
	struct sl_endpoint *e, const char *text, uint16_t default_port); /* ADDR, V4:PORT, [V6]:PORT */

/* Print into a buffer of SL_ADDR_TEXT bytes; return it. */
const char *sl_addr_text(const struct sl_addr *a, char *text);
const char *sl_prefix_text(const struct sl_prefix *p, char *text);
const char *sl_endpoint_text(const struct sl_endpoint *e, char *text);

bool sl_addr_equal(const struct sl_addr *a, const struct sl_addr *b);

/* An IPv6 address that is good on one link only, fe80::/10. */
static inline bool sl_addr_is_link_local(const struct sl_addr *a)
{
	return a->family == SL_IPV6 && a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80;
}
bool sl_endpoint_equal(const struct sl_endpoint *a, const struct sl_endpoint *b);

/* The prefix with its host bits cleared. */
struct sl_prefix sl_prefix_mask(const struct sl_prefix *p);
bool sl_prefix_contains(const struct sl_prefix *p, const struct sl_addr *a);
bool sl_prefix_overlap(const struct sl_prefix *a, const struct sl_prefix *b);

/* First and last address of the prefix. */
void sl_prefix_range(const struct sl_prefix *p, struct sl_addr *first, struct sl_addr *last);

#endif
