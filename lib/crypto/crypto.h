/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lib/crypto: the primitives, and nothing that knows a protocol.
 *
 *   gcm.h      AES-128/256-GCM seal and open, the direct calls of Intel ipsec-mb
 *   crypto.h   X25519, Ed25519, HMAC-SHA-256, HKDF-SHA-256 on libsodium; start-up and its self test
 *   secret.h   memory for keys: locked, kept out of core dumps, wiped on release
 *   keyfile.h  Ed25519 keys as files and as one-line text
 *
 * sl_crypto_init() comes first. It picks the fastest AES-GCM the CPU has, then runs a known-answer test of every
 * primitive through the same calls the product uses. A gateway whose primitives are broken must not start: the caller
 * prints the text of the error and exits.
 *
 * Every function here is safe to call from any thread once sl_crypto_init() has returned 0. None allocates, unless it
 * says so.
 */
#ifndef SEALANE_CRYPTO_CRYPTO_H
#define SEALANE_CRYPTO_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sl_crypto_error {
	SL_CRYPTO_OK = 0,
	SL_CRYPTO_E_NO_AES = -1, /* the CPU lacks AES instructions (AESNI, PCLMULQDQ) */
	SL_CRYPTO_E_LIBRARY =
		-2, /* libsodium or ipsec-mb failed to start, or ipsec-mb is not the version built for */
	SL_CRYPTO_E_SELF_TEST = -3, /* a known-answer test failed; sl_crypto_failed_test() names it */
	SL_CRYPTO_E_WEAK_POINT =
		-4, /* X25519 gave the all-zero secret: the peer's public value is of low order */
	SL_CRYPTO_E_SIGNATURE = -5, /* an Ed25519 signature does not verify */
	SL_CRYPTO_E_NO_MEMORY = -6,
	SL_CRYPTO_E_KEY_FORMAT = -7, /* a key file or text is not what keyfile.h describes */
	SL_CRYPTO_E_KEY_READ = -8,   /* a key file cannot be opened or read; errno tells why */
	SL_CRYPTO_E_KEY_MODE = -9,   /* a private key file is readable by group or others */
};

/* One line that says what happened and what to do; static. */
const char *sl_crypto_strerror(int error);

/*
 * Starts libsodium and ipsec-mb and runs the self test. Idempotent. Returns 0 or SL_CRYPTO_E_NO_AES, _LIBRARY,
 * _SELF_TEST.
 */
int sl_crypto_init(void);

/* The name of the primitive whose self test failed last ("AES-256-GCM", ...), or NULL. */
const char *sl_crypto_failed_test(void);

/* "ipsec-mb 2.0.0 avx512, libsodium 1.0.18": what runs here; valid after sl_crypto_init(). */
const char *sl_crypto_version(void);

/* Fills buf with len unpredictable bytes. Never fails. */
void sl_random(void *buf, size_t len);

/* True when the len bytes at a and b are equal; the time taken depends on len only. */
bool sl_equal(const void *a, const void *b, size_t len);

/* Overwrites len bytes in a way the compiler keeps. */
void sl_wipe(void *buf, size_t len);

/*
 * Overwrites the vector registers of this thread, in which AES-GCM leaves key material. A thread does so before it sleeps: a
 * debugger, or a core, shows registers, too.
 */
void sl_wipe_registers(void);

/* ---- X25519, RFC 7748: ephemeral key exchange ------------------------------------------------------------------ */

enum { SL_X25519_LEN = 32 };

/* Derives the public value of a private one. Any 32 random bytes are a private value (clamping is done inside). */
void sl_x25519_public(uint8_t public[static SL_X25519_LEN], const uint8_t private[static SL_X25519_LEN]);

/*
 * Computes the shared secret. Returns 0, or SL_CRYPTO_E_WEAK_POINT when it is all zero (RFC 7748 6.1, RFC 8031 2):
 * then `shared` is wiped and the exchange must be abandoned.
 */
int sl_x25519_shared(uint8_t shared[static SL_X25519_LEN], const uint8_t private[static SL_X25519_LEN],
	const uint8_t peer_public[static SL_X25519_LEN]);

/* ---- Ed25519, RFC 8032: identity ------------------------------------------------------------------------------- */

enum { SL_ED25519_SEED_LEN = 32, SL_ED25519_PUBLIC_LEN = 32, SL_ED25519_SIG_LEN = 64 };

/* A private key: the 32-byte seed of RFC 8032 and its public key, as libsodium wants them side by side. */
struct sl_ed25519_key {
	uint8_t seed[SL_ED25519_SEED_LEN];
	uint8_t public[SL_ED25519_PUBLIC_LEN];
};

/* Fills in key->public from key->seed. */
void sl_ed25519_from_seed(struct sl_ed25519_key *key);

void sl_ed25519_sign(uint8_t sig[static SL_ED25519_SIG_LEN], const struct sl_ed25519_key *key,
	const void *msg, size_t msg_len);

/* Returns 0 or SL_CRYPTO_E_SIGNATURE. */
int sl_ed25519_verify(const uint8_t sig[static SL_ED25519_SIG_LEN],
	const uint8_t public[static SL_ED25519_PUBLIC_LEN], const void *msg, size_t msg_len);

/* ---- Post-quantum preshared keys, RFC 8784 ----------------------------------------------------------------------- */

enum {
	SL_PPK_MIN = 32, /* 256 bits, as RFC 8784 6 wants them */
	SL_PPK_MAX = 128,
};

struct sl_ppk {
	size_t len;
	uint8_t bytes[SL_PPK_MAX];
};

/* ---- HMAC-SHA-256 (RFC 2104) and HKDF-SHA-256 (RFC 5869): key derivation ----------------------------------------- */

enum { SL_HASH_LEN = 32, SL_HKDF_MAX = 255 * SL_HASH_LEN };

/* A run of bytes somewhere else: keyed functions take a list of them, so that nobody concatenates secrets. */
struct sl_bytes {
	const void *data;
	size_t len;
};

/*
 * HMAC-SHA-256 over the concatenation of `count` parts, under a key of any length: PRF_HMAC_SHA2_256 of IKEv2, and
 * HKDF-Extract(salt = key, IKM = parts).
 */
void sl_hmac(uint8_t mac[static SL_HASH_LEN], const void *key, size_t key_len, const struct sl_bytes *parts,
	size_t count);

/*
 * HKDF-Expand(PRK = key, info = parts): byte for byte the prf+ of IKEv2 (RFC 7296 2.13). out_len is at most
 * SL_HKDF_MAX (asserted).
 */
void sl_hkdf_expand(void *out, size_t out_len, const uint8_t key[static SL_HASH_LEN],
	const struct sl_bytes *info, size_t count);

/*
 * SHA-1 of len bytes, by ipsec-mb, for the NAT_DETECTION notifies only (RFC 7296 2.23): a checksum there, not a
 * security function.
 */
enum { SL_SHA1_LEN = 20 };
void sl_sha1(uint8_t digest[static SL_SHA1_LEN], const void *data, size_t len);

#endif
