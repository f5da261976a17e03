/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Start-up, and the primitives that libsodium provides: X25519, Ed25519, HMAC-SHA-256. HKDF is built on the last one,
 * because libsodium has it only from 1.0.19 on.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <intel-ipsec-mb.h>
#include <sodium.h>

#include "crypto.h"
#include "internal.h"

_Static_assert(SL_X25519_LEN == crypto_scalarmult_curve25519_BYTES, "X25519 size");
_Static_assert(SL_ED25519_SIG_LEN == crypto_sign_ed25519_BYTES, "Ed25519 signature size");
_Static_assert(SL_HASH_LEN == crypto_auth_hmacsha256_BYTES, "HMAC-SHA-256 size");
/* libsodium's secret key is the seed and the public key side by side: a struct sl_ed25519_key is passed as one. */
_Static_assert(sizeof(struct sl_ed25519_key) == crypto_sign_ed25519_SECRETKEYBYTES, "Ed25519 key layout");

static bool started;
static const char *failed_test;
static char version_text[96];

const char *sl_crypto_strerror(int error)
{
	switch (error) {
	case SL_CRYPTO_OK: return "no error";
	case SL_CRYPTO_E_NO_AES:
		return "this CPU lacks AES instructions (AESNI and PCLMULQDQ): run on a CPU, or a virtual CPU, that has them";
	case SL_CRYPTO_E_LIBRARY:
		return "libsodium or ipsec-mb failed to start, or ipsec-mb is not the version built for: build again";
	case SL_CRYPTO_E_SELF_TEST:
		return "a cryptographic self test failed: this CPU or library computes wrong results, do not use it";
	case SL_CRYPTO_E_WEAK_POINT:
		return "the peer's X25519 public value is of low order: abandon the exchange, the peer is broken or hostile";
	case SL_CRYPTO_E_SIGNATURE: return "the signature does not verify: check the peer's public key";
	case SL_CRYPTO_E_NO_MEMORY:
		return "out of memory for secrets: free some, or raise the limits of this process";
	case SL_CRYPTO_E_KEY_FORMAT:
		return "not an Ed25519 key: expected PKCS#8 PEM for a private key, one line of base64 or PEM for a public key";
	case SL_CRYPTO_E_KEY_READ:
		return "the key file cannot be read: check that it exists and its permissions";
	case SL_CRYPTO_E_KEY_MODE:
		return "a private key must be a regular file that gives group and others no access: chmod 600 it";
	default: return "unknown error";
	}
}

int sl_crypto_init(void)
{
	if (started)
		return 0;
	if (sodium_init() < 0)
		return SL_CRYPTO_E_LIBRARY;
	int error = sl_aead_init();
	if (error != 0)
		return error;
	failed_test = sl_selftest();
	if (failed_test != NULL)
		return SL_CRYPTO_E_SELF_TEST;
	snprintf(version_text, sizeof(version_text), "ipsec-mb %s %s, libsodium %s", imb_get_version_str(),
		sl_aead_arch(), sodium_version_string());
	started = true;
	return 0;
}

const char *sl_crypto_failed_test(void)
{
	return failed_test;
}

const char *sl_crypto_version(void)
{
	return version_text;
}

void sl_random(void *buf, size_t len)
{
	randombytes_buf(buf, len);
}

bool sl_equal(const void *a, const void *b, size_t len)
{
	return sodium_memcmp(a, b, len) == 0;
}

void sl_wipe(void *buf, size_t len)
{
	sodium_memzero(buf, len);
}

void sl_x25519_public(uint8_t public[static SL_X25519_LEN], const uint8_t private[static SL_X25519_LEN])
{
	int failed = crypto_scalarmult_curve25519_base(public, private);
	assert(failed == 0); /* the base point is not of low order */
}

int sl_x25519_shared(uint8_t shared[static SL_X25519_LEN], const uint8_t private[static SL_X25519_LEN],
	const uint8_t peer_public[static SL_X25519_LEN])
{
	if (crypto_scalarmult_curve25519(shared, private, peer_public) == 0)
		return 0;
	sl_wipe(shared, SL_X25519_LEN);
	return SL_CRYPTO_E_WEAK_POINT;
}

void sl_ed25519_from_seed(struct sl_ed25519_key *key)
{
	/* libsodium uses its output as scratch space while it still reads the seed, so it cannot be `key` itself. */
	uint8_t secret[crypto_sign_ed25519_SECRETKEYBYTES];

	crypto_sign_ed25519_seed_keypair(key->public, secret, key->seed);
	sl_wipe(secret, sizeof(secret));
}

void sl_ed25519_sign(uint8_t sig[static SL_ED25519_SIG_LEN], const struct sl_ed25519_key *key,
	const void *msg, size_t msg_len)
{
	crypto_sign_ed25519_detached(sig, NULL, msg, msg_len, (const uint8_t *)key);
}

int sl_ed25519_verify(const uint8_t sig[static SL_ED25519_SIG_LEN],
	const uint8_t public[static SL_ED25519_PUBLIC_LEN], const void *msg, size_t msg_len)
{
	return crypto_sign_ed25519_verify_detached(sig, msg, msg_len, public) == 0 ? 0
										   : SL_CRYPTO_E_SIGNATURE;
}

static void absorb(crypto_auth_hmacsha256_state *state, const struct sl_bytes *parts, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		/* An empty part may come with a null pointer. */
		if (parts[i].len > 0)
			crypto_auth_hmacsha256_update(state, parts[i].data, parts[i].len);
	}
}

void sl_hmac(uint8_t mac[static SL_HASH_LEN], const void *key, size_t key_len, const struct sl_bytes *parts,
	size_t count)
{
	crypto_auth_hmacsha256_state state;

	crypto_auth_hmacsha256_init(&state, key_len > 0 ? key : "", key_len);
	absorb(&state, parts, count);
	crypto_auth_hmacsha256_final(&state, mac);
	sl_wipe(&state, sizeof(state));
}

/* RFC 5869 2.3: T(n) = HMAC(PRK, T(n-1) | info | n), n = 1, 2, ... The keyed state is set up once and copied. */
void sl_hkdf_expand(void *out, size_t out_len, const uint8_t key[static SL_HASH_LEN],
	const struct sl_bytes *info, size_t count)
{
	crypto_auth_hmacsha256_state keyed, state;
	uint8_t block[SL_HASH_LEN];
	uint8_t number = 0;

	assert(out_len <= SL_HKDF_MAX);
	crypto_auth_hmacsha256_init(&keyed, key, SL_HASH_LEN);
	for (size_t done = 0; done < out_len; done += SL_HASH_LEN) {
		size_t left = out_len - done;

		state = keyed;
		if (number > 0)
			crypto_auth_hmacsha256_update(&state, block, sizeof(block));
		absorb(&state, info, count);
		number++;
		crypto_auth_hmacsha256_update(&state, &number, sizeof(number));
		crypto_auth_hmacsha256_final(&state, block);
		memcpy((uint8_t *)out + done, block, left < SL_HASH_LEN ? left : SL_HASH_LEN);
	}
	sl_wipe(&keyed, sizeof(keyed));
	sl_wipe(&state, sizeof(state));
	sl_wipe(block, sizeof(block));
}
