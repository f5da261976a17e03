/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The special-purpose address blocks of RFC 6890 that never name a host that others on a network can reach.
 */
#include "addresses.h"

#include <stddef.h>

static const struct {
	const char *prefix;
	const char *use;
} blocks[] = {
	{"0.0.0.0/8", "an address of \"this network\" (0.0.0.0/8)"},
	{"127.0.0.0/8", "a loopback address (127.0.0.0/8)"},
	{"224.0.0.0/4", "a multicast address (224.0.0.0/4)"},
	{"255.255.255.255/32", "the broadcast address"},
	{"::/128", "the unspecified address"},
	{"::1/128", "the loopback address"},
	{"::ffff:0:0/96", "an IPv4 address in IPv6 (::ffff:0:0/96)"},
	{"fe80::/10", "a link-local address (fe80::/10)"},
	{"ff00::/8", "a multicast address (ff00::/8)"},
};

const char *sl_prefix_use(const struct sl_prefix *prefix)
{
	for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++) {
		struct sl_prefix block;

		if (sl_prefix_parse(&block, blocks[i].prefix) && prefix->len >= block.len &&
			sl_prefix_contains(&block, &prefix->addr))
			return blocks[i].use;
	}
	return NULL;
}

const char *sl_address_use(const struct sl_addr *addr, const struct sl_prefix *network)
{
	struct sl_prefix alone = {*addr, addr->family == SL_IPV4 ? 32 : 128};
	struct sl_addr first, last;

	/* Both addresses of a /31 are hosts (RFC 3021), and IPv6 has no broadcast. */
	if (network == NULL || network->addr.family == SL_IPV6 || network->len > 30)
		return sl_prefix_use(&alone);
	sl_prefix_range(network, &first, &last);
	if (sl_addr_equal(addr, &first))
		return "the address of its network";
	if (sl_addr_equal(addr, &last))
		return "the broadcast address of its network";
	return sl_prefix_use(&alone);
}
