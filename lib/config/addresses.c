/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The special-purpose address blocks of RFC 6890 that never name a host on a link.
 */
#include "addresses.h"

#include <stddef.h>

static const struct {
	uint32_t first;
	uint8_t len;
	const char *use;
} blocks[] = {
	{0x00000000, 8, "an address of \"this network\" (0.0.0.0/8)"},
	{0x7f000000, 8, "a loopback address (127.0.0.0/8)"},
	{0xe0000000, 4, "a multicast address (224.0.0.0/4)"},
	{0xffffffff, 32, "the broadcast address"},
};

const char *sl_prefix_use(const struct sl_prefix *prefix)
{
	for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++) {
		struct sl_prefix block = {sl_addr_v4(blocks[i].first), blocks[i].len};

		if (prefix->len >= block.len && sl_prefix_contains(&block, &prefix->addr))
			return blocks[i].use;
	}
	return NULL;
}

const char *sl_address_use(const struct sl_addr *addr, const struct sl_prefix *network)
{
	struct sl_prefix alone = {*addr, 32};
	struct sl_addr first, last;

	/* Both addresses of a /31 are hosts (RFC 3021). */
	if (network == NULL || network->len > 30)
		return sl_prefix_use(&alone);
	sl_prefix_range(network, &first, &last);
	if (sl_addr_equal(addr, &first))
		return "the address of its network";
	if (sl_addr_equal(addr, &last))
		return "the broadcast address of its network";
	return sl_prefix_use(&alone);
}
