/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Addresses, prefixes and endpoints. Text is read strictly: what inet_pton takes and plain decimal numbers, so that one
 * value has few spellings and a typing error is an error.
 */
#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "addr.h"

struct sl_addr sl_addr_v4(uint32_t host_order)
{
	struct sl_addr a = {.family = SL_IPV4};
	uint32_t wire = htonl(host_order);

	memcpy(a.bytes, &wire, sizeof(wire));
	return a;
}

uint32_t sl_addr_u32(const struct sl_addr *a)
{
	uint32_t wire;

	assert(a->family == SL_IPV4);
	memcpy(&wire, a->bytes, sizeof(wire));
	return ntohl(wire);
}

/* Copies the len bytes before a separator, so that they become a text of their own. */
static bool cut(char out[static SL_ADDR_TEXT], const char *text, size_t len)
{
	if (len >= SL_ADDR_TEXT)
		return false;
	memcpy(out, text, len);
	out[len] = '\0';
	return true;
}

/* A decimal number up to max (at most 65535), without sign, white space or leading zeros. */
static bool parse_number(unsigned *number, const char *text, unsigned max)
{
	unsigned n = 0;

	if (text[0] == '\0' || (text[0] == '0' && text[1] != '\0'))
		return false;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9')
			return false;
		n = n * 10 + (unsigned)(*text - '0');
		if (n > max)
			return false;
	}
	*number = n;
	return true;
}

bool sl_addr_parse(struct sl_addr *a, const char *text)
{
	struct sl_addr parsed = {0};

	if (inet_pton(AF_INET, text, parsed.bytes) == 1)
		parsed.family = SL_IPV4;
	else if (inet_pton(AF_INET6, text, parsed.bytes) == 1)
		parsed.family = SL_IPV6;
	else
		return false;
	*a = parsed;
	return true;
}

bool sl_prefix_parse(struct sl_prefix *p, const char *text)
{
	const char *slash = strchr(text, '/');
	char address[SL_ADDR_TEXT];
	struct sl_prefix parsed;
	unsigned len;

	if (!cut(address, text, slash != NULL ? (size_t)(slash - text) : strlen(text)))
		return false;
	if (!sl_addr_parse(&parsed.addr, address))
		return false;
	len = sl_addr_len(&parsed.addr) * 8;
	if (slash != NULL && !parse_number(&len, slash + 1, len))
		return false;
	parsed.len = (uint8_t)len;
	*p = parsed;
	return true;
}

static bool parse_port(uint16_t *port, const char *text)
{
	unsigned number;

	if (!parse_number(&number, text, UINT16_MAX) || number == 0)
		return false;
	*port = (uint16_t)number;
	return true;
}

bool sl_endpoint_parse(struct sl_endpoint *e, const char *text, uint16_t default_port)
{
	struct sl_endpoint parsed = {.port = default_port};
	char address[SL_ADDR_TEXT];

	if (!sl_addr_parse(&parsed.addr, text)) {
		/* An address alone was tried first, so the colon below is one before a port. */
		bool bracketed = text[0] == '[';
		const char *start = bracketed ? text + 1 : text;
		const char *end = strchr(start, bracketed ? ']' : ':');
		const char *colon = end != NULL && bracketed ? end + 1 : end;

		if (colon == NULL || *colon != ':' || !parse_port(&parsed.port, colon + 1))
			return false;
		if (!cut(address, start, (size_t)(end - start)) || !sl_addr_parse(&parsed.addr, address))
			return false;
		if (parsed.addr.family != (bracketed ? SL_IPV6 : SL_IPV4))
			return false;
	}
	*e = parsed;
	return true;
}

const char *sl_addr_text(const struct sl_addr *a, char *text)
{
	if (a->family == SL_NONE)
		snprintf(text, SL_ADDR_TEXT, "none");
	else
		inet_ntop(a->family == SL_IPV4 ? AF_INET : AF_INET6, a->bytes, text, SL_ADDR_TEXT);
	return text;
}

const char *sl_prefix_text(const struct sl_prefix *p, char *text)
{
	sl_addr_text(&p->addr, text);
	size_t len = strlen(text);
	snprintf(text + len, SL_ADDR_TEXT - len, "/%u", p->len);
	return text;
}

const char *sl_endpoint_text(const struct sl_endpoint *e, char *text)
{
	char address[INET6_ADDRSTRLEN + 1];
	bool v6 = e->addr.family == SL_IPV6;

	snprintf(address, sizeof(address), "%s", sl_addr_text(&e->addr, text));
	snprintf(text, SL_ADDR_TEXT, v6 ? "[%s]:%u" : "%s:%u", address, e->port);
	return text;
}

bool sl_addr_equal(const struct sl_addr *a, const struct sl_addr *b)
{
	return a->family == b->family && memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

bool sl_endpoint_equal(const struct sl_endpoint *a, const struct sl_endpoint *b)
{
	return a->port == b->port && sl_addr_equal(&a->addr, &b->addr);
}

/* The bits of byte i of an address that belong to its host part under a prefix of len bits. */
static uint8_t host_bits(unsigned len, unsigned i)
{
	if (len >= 8 * (i + 1))
		return 0;
	return len <= 8 * i ? 0xff : (uint8_t)(0xff >> (len - 8 * i));
}

void sl_prefix_range(const struct sl_prefix *p, struct sl_addr *first, struct sl_addr *last)
{
	struct sl_addr low = p->addr, high = p->addr;

	for (unsigned i = 0; i < sl_addr_len(&p->addr); i++) {
		low.bytes[i] &= (uint8_t)~host_bits(p->len, i);
		high.bytes[i] |= host_bits(p->len, i);
	}
	*first = low;
	*last = high;
}

struct sl_prefix sl_prefix_mask(const struct sl_prefix *p)
{
	struct sl_prefix masked = {.len = p->len};
	struct sl_addr last;

	sl_prefix_range(p, &masked.addr, &last);
	return masked;
}

bool sl_prefix_contains(const struct sl_prefix *p, const struct sl_addr *a)
{
	if (a->family == SL_NONE || a->family != p->addr.family)
		return false;

	struct sl_prefix ours = sl_prefix_mask(p);
	struct sl_prefix theirs = sl_prefix_mask(&(struct sl_prefix){*a, p->len});
	return sl_addr_equal(&ours.addr, &theirs.addr);
}

/* Two prefixes overlap when the shorter one contains the other. */
bool sl_prefix_overlap(const struct sl_prefix *a, const struct sl_prefix *b)
{
	return a->len <= b->len ? sl_prefix_contains(a, &b->addr) : sl_prefix_contains(b, &a->addr);
}
