/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How fast is this core now? Always the same work, whose cost in TSC cycles is printed: a machine that slows down for
 * a while, or a core that is shared with somebody, shows as a larger number. Every measurement stands between two of
 * these, and counts only when both are near the best that was seen.
 *
 * The work is what is measured here everywhere: AES-GCM over a packet. The mean is printed, not the median, because
 * time that somebody else took must not be smoothed away.
 */
#include <stdio.h>

#include <x86intrin.h>

#include "lib/crypto/crypto.h"
#include "lib/crypto/gcm.h"

enum {
	PACKET_LEN = 1420,
	WARM_UP = 20000, /* calls; wide vector units take a moment to come to full speed */
	CALLS = 200000,  /* about 20 ms */
};

static void seal(const struct sl_gcm_key *key, unsigned calls)
{
	static uint8_t packet[PACKET_LEN];
	const uint8_t nonce[SL_GCM_NONCE_LEN] = {0}, aad[12] = {0};
	uint8_t icv[SL_GCM_ICV_LEN];

	for (unsigned i = 0; i < calls; i++)
		sl_gcm_seal(key, SL_AES128GCM16, packet, sizeof(packet), nonce, aad, sizeof(aad), icv);
}

int main(void)
{
	static const uint8_t raw[16];
	struct sl_gcm_key key;
	uint64_t start;

	if (sl_crypto_init() != 0)
		return 1;
	sl_gcm_expand(&key, SL_AES128GCM16, raw);
	seal(&key, WARM_UP);
	start = __rdtsc();
	seal(&key, CALLS);
	printf("%.1f\n", (double)(__rdtsc() - start) / CALLS);
	return 0;
}
