/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * AES-GCM with a 16-byte ICV, by ipsec-mb's direct calls.
 *
 * A key is expanded once (round keys and the table of hash-key powers, about 1 KiB) and then used for every packet of
 * its session; a call is one indirect jump into the code that suits this CPU, with no job, queue or context object
 * behind it. The control plane (IKE's encrypted payloads) and the data plane use the same two functions.
 *
 * Nonces are 12 bytes: 4 of salt and 8 of IV (RFC 4106 4). The caller guarantees that no nonce is ever used twice with
 * one key; nothing here can check that.
 */
#ifndef SEALANE_CRYPTO_GCM_H
#define SEALANE_CRYPTO_GCM_H

#include <stdint.h>

#include <intel-ipsec-mb.h>

enum sl_cipher { SL_AES128GCM16, SL_AES256GCM16, SL_CIPHER_COUNT };

enum {
	SL_GCM_NONCE_LEN = 12,
	SL_GCM_SALT_LEN = 4,
	SL_GCM_IV_LEN = 8,
	SL_GCM_ICV_LEN = 16,
	SL_GCM_KEY_MAX = 32, /* bytes of an AES-256 key, without the salt */
};

/* Bytes of the AES key of a cipher: 16 or 32. */
static inline unsigned sl_cipher_key_len(enum sl_cipher cipher)
{
	return cipher == SL_AES128GCM16 ? 16 : 32;
}

/* "aes128gcm16", "aes256gcm16": as configured and shown. */
const char *sl_cipher_name(enum sl_cipher cipher);

/* An expanded key. Secret: lives in secret memory or is wiped by its owner. The library needs 64-byte alignment. */
struct sl_gcm_key {
	struct gcm_key_data data;
} __attribute__((aligned(64)));

_Static_assert(
	sizeof(struct gcm_key_data) % 64 == 0, "ipsec-mb's header must align the hash keys (LINUX defined)");

/* The calls for one key size, chosen for this CPU by sl_crypto_init(). */
struct sl_gcm_ops {
	aes_gcm_enc_dec_t seal;
	aes_gcm_enc_dec_t open;
	aes_gcm_pre_t expand;
};

extern struct sl_gcm_ops sl_gcm_ops[SL_CIPHER_COUNT];

static inline void sl_gcm_expand(struct sl_gcm_key *key, enum sl_cipher cipher, const uint8_t *raw)
{
	sl_gcm_ops[cipher].expand(raw, &key->data);
}

/*
 * The key that was expanded, for a key log: raw has SL_GCM_KEY_MAX bytes, of which the caller wipes what it got. The key
 * schedule of AES begins with the key itself (FIPS 197 5.2), in ipsec-mb's layout too. Returns 0, or SL_CRYPTO_E_LIBRARY
 * with raw wiped when expanding that again gives something else: then this version of it has another layout.
 */
int sl_gcm_raw_key(uint8_t raw[static SL_GCM_KEY_MAX], const struct sl_gcm_key *key, enum sl_cipher cipher);

enum {
	SL_GCM_ROUND_KEYS = 15 * 16, /* room at the start of an expanded key; AES-128 has 11 */
	/* Of the hash key: ipsec-mb 2.0 has two tables of 32 powers for VAES, 1.3 has one of 48. */
	SL_GCM_TABLES = IMB_VERSION_NUM < IMB_VERSION(2, 0, 0) ? 1 : 2,
	SL_GCM_POWERS = IMB_VERSION_NUM < IMB_VERSION(2, 0, 0) ? 48 : 32,
};

/* A line of it into L2. Not __builtin_prefetch: GCC takes a function that does no more than that for one without effect. */
static inline void sl_gcm_prefetch_line(const uint8_t *p)
{
	__asm__ volatile("prefetcht1 %0" : : "m"(*p));
}

/*
 * Calls near what sealing or opening len bytes reads of the key: the round keys, and the last powers of each table, one
 * for each block of the data and those of AAD and lengths. Where ipsec-mb has other code for a CPU, and other tables, a
 * part of this is in vain.
 */
static inline void sl_gcm_prefetch(const struct sl_gcm_key *key, enum sl_cipher cipher, uint32_t len)
{
	const uint8_t *p = (const uint8_t *)key;
	uint32_t blocks = (len + 15) / 16 + 2, used = 16 * (blocks < SL_GCM_POWERS ? blocks : SL_GCM_POWERS);

	for (uint32_t at = 0; at < SL_GCM_ROUND_KEYS - 64; at += 64)
		sl_gcm_prefetch_line(p + at);
	if (cipher == SL_AES256GCM16)
		sl_gcm_prefetch_line(p + SL_GCM_ROUND_KEYS - 1);
	for (uint32_t i = 1; i <= SL_GCM_TABLES; i++) {
		const uint32_t end = SL_GCM_ROUND_KEYS + i * SL_GCM_POWERS * 16;

		for (uint32_t at = (end - used) & ~63u; at < end; at += 64)
			sl_gcm_prefetch_line(p + at);
	}
}

/* Encrypts len bytes in place and writes the 16-byte ICV. */
static inline void sl_gcm_seal(const struct sl_gcm_key *key, enum sl_cipher cipher, void *data, uint64_t len,
	const uint8_t nonce[static SL_GCM_NONCE_LEN], const void *aad, uint64_t aad_len, uint8_t *icv)
{
	struct gcm_context_data ctx;

	sl_gcm_ops[cipher].seal(&key->data, &ctx, data, data, len, nonce, aad, aad_len, icv, SL_GCM_ICV_LEN);
}

/*
 * Decrypts len bytes in place and writes the ICV the data should have had. The caller compares it in constant time
 * (sl_equal, sl_icv_equal) and throws the data away when it differs.
 */
static inline void sl_gcm_open(const struct sl_gcm_key *key, enum sl_cipher cipher, void *data, uint64_t len,
	const uint8_t nonce[static SL_GCM_NONCE_LEN], const void *aad, uint64_t aad_len, uint8_t *icv)
{
	struct gcm_context_data ctx;

	sl_gcm_ops[cipher].open(&key->data, &ctx, data, data, len, nonce, aad, aad_len, icv, SL_GCM_ICV_LEN);
}

/* Constant-time comparison of two ICVs, cheap enough for the data path: 1 when equal, 0 when not. */
static inline int sl_icv_equal(const uint8_t *a, const uint8_t *b)
{
	uint64_t x[2], y[2];

	__builtin_memcpy(x, a, sizeof(x));
	__builtin_memcpy(y, b, sizeof(y));
	return ((x[0] ^ y[0]) | (x[1] ^ y[1])) == 0;
}

#endif
