/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a message is worth, told from its header alone: see sl_ike_sort().
 */
#include <sodium/crypto_shorthash.h>

#include "internal.h"

_Static_assert((int)SL_IKE_SPI_KEY_LEN == (int)crypto_shorthash_KEYBYTES, "key of our SPIs");

enum { CHECK_BITS = 24 };

#define CHECK_MASK ((UINT64_C(1) << CHECK_BITS) - 1)

/* What the lowest bits of an SPI of ours are the lowest bits of. */
static uint64_t check(const uint8_t *key, uint64_t spi)
{
	uint64_t random = spi & ~CHECK_MASK, hash;

	crypto_shorthash((unsigned char *)&hash, (const unsigned char *)&random, sizeof(random), key);
	return hash;
}

uint64_t ike_spi_from(const struct sl_ike *ike, uint64_t random)
{
	return (random & ~CHECK_MASK) | (check(ike->conf->spi_key, random) & CHECK_MASK);
}

enum sl_ike_sort sl_ike_sort(
	const uint8_t key[static SL_IKE_SPI_KEY_LEN], const uint8_t *msg, size_t len, uint32_t *sa)
{
	const struct ike_wire_header *h = (const void *)msg;
	uint64_t ours, hash;

	if (len < sizeof(*h))
		return SL_IKE_STRANGE;
	ours = be64toh(h->flags & IKE_FLAG_INITIATOR ? h->spi_r : h->spi_i);
	if (ours == 0)
		return h->exchange == IKE_SA_INIT && h->next == IKE_P_NOTIFY ? SL_IKE_RETURNED
									     : SL_IKE_STRANGE;
	hash = check(key, ours);
	if (((hash ^ ours) & CHECK_MASK) != 0)
		return SL_IKE_STRANGE;
	*sa = (uint32_t)(hash >> 32);
	return SL_IKE_OURS;
}
