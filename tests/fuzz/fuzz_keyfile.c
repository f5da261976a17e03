/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Key texts from anywhere. Beyond not crashing: a key that is accepted survives being written and read again, and a
 * private key that is refused leaves nothing behind.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/crypto/crypto.h"
#include "lib/crypto/keyfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_private(const char *text, size_t len)
{
	const struct sl_ed25519_key wiped = {{0}, {0}};
	struct sl_ed25519_key key, again;
	char pem[SL_KEY_PEM_MAX];

	int error = sl_key_from_pem(&key, text, len);
	if (error != 0) {
		assert(error == SL_CRYPTO_E_KEY_FORMAT);
		assert(memcmp(&key, &wiped, sizeof(key)) == 0);
		return;
	}
	sl_key_to_pem(pem, &key);
	error = sl_key_from_pem(&again, pem, strlen(pem));
	assert(error == 0 && memcmp(&key, &again, sizeof(key)) == 0);
}

static void try_public(const char *text, size_t len)
{
	uint8_t public[SL_ED25519_PUBLIC_LEN], again[SL_ED25519_PUBLIC_LEN];
	char written[SL_KEY_PEM_MAX];

	int error = sl_public_from_text(public, text, len);
	if (error != 0) {
		assert(error == SL_CRYPTO_E_KEY_FORMAT);
		return;
	}
	sl_public_to_base64(written, public);
	error = sl_public_from_text(again, written, strlen(written));
	assert(error == 0 && memcmp(public, again, sizeof(public)) == 0);
	sl_public_to_pem(written, public);
	error = sl_public_from_text(again, written, strlen(written));
	assert(error == 0 && memcmp(public, again, sizeof(public)) == 0);
}

static void try_ppk(const char *text, size_t len)
{
	static const struct sl_ppk wiped;
	struct sl_ppk ppk;

	int error = sl_ppk_from_text(&ppk, text, len);
	if (error != 0) {
		assert(error == SL_CRYPTO_E_KEY_FORMAT);
		assert(memcmp(&ppk, &wiped, sizeof(ppk)) == 0);
		return;
	}
	assert(ppk.len >= SL_PPK_MIN && ppk.len <= SL_PPK_MAX && len >= 2 * ppk.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (sl_crypto_init() != 0)
		abort();
	try_private((const char *)data, size);
	try_public((const char *)data, size);
	try_ppk((const char *)data, size);
	return 0;
}
