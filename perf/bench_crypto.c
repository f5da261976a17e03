/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The primitives, each alone: AES-GCM as called for a packet, here with one key and buffers that are in the cache, by
 * bytes of a packet; and what a handshake is made of, X25519, Ed25519 and HKDF.
 */
#include <stdlib.h>
#include <string.h>

#include "../lib/crypto/crypto.h"
#include "../lib/crypto/gcm.h"
#include "../lib/crypto/keyfile.h"
#include "bench.h"

enum { BUFFERS = 32, SIZE_MAX_HERE = 8900 };

static void gcm(struct bench *b, enum sl_cipher cipher, bool open, long size)
{
	static uint8_t buffers[BUFFERS][SIZE_MAX_HERE + 64] __attribute__((aligned(64)));
	static struct sl_gcm_key key;
	uint8_t raw[SL_GCM_KEY_MAX], icv[SL_GCM_ICV_LEN];
	uint64_t nonce[2] = {0, 1};

	sl_random(raw, sizeof(raw));
	sl_gcm_expand(&key, cipher, raw);
	while (bench_running(b)) {
		uint8_t *data = buffers[++nonce[0] % BUFFERS];

		if (open)
			sl_gcm_open(&key, cipher, data, (uint64_t)size, (uint8_t *)nonce, nonce, 12, icv);
		else
			sl_gcm_seal(&key, cipher, data, (uint64_t)size, (uint8_t *)nonce, nonce, 12, icv);
	}
	sl_wipe(&key, sizeof(key));
	bench_bytes(b, (unsigned)size);
}

static void seal128(struct bench *b, long size)
{
	gcm(b, SL_AES128GCM16, false, size);
}

static void open128(struct bench *b, long size)
{
	gcm(b, SL_AES128GCM16, true, size);
}

static void seal256(struct bench *b, long size)
{
	gcm(b, SL_AES256GCM16, false, size);
}

static void open256(struct bench *b, long size)
{
	gcm(b, SL_AES256GCM16, true, size);
}

static void x25519(struct bench *b, long unused)
{
	uint8_t private[SL_X25519_LEN], public[SL_X25519_LEN], shared[SL_X25519_LEN];

	(void)unused;
	sl_random(private, sizeof(private));
	sl_x25519_public(public, private);
	while (bench_running(b)) {
		if (sl_x25519_shared(shared, private, public) != 0)
			abort();
	}
	bench_items(b);
}

static void ed25519_sign(struct bench *b, long len)
{
	static uint8_t octets[1024];
	struct sl_ed25519_key key;
	uint8_t sig[SL_ED25519_SIG_LEN];

	sl_key_generate(&key);
	while (bench_running(b))
		sl_ed25519_sign(sig, &key, octets, (size_t)len);
	bench_items(b);
}

static void ed25519_verify(struct bench *b, long len)
{
	static uint8_t octets[1024];
	struct sl_ed25519_key key;
	uint8_t sig[SL_ED25519_SIG_LEN];

	sl_key_generate(&key);
	sl_ed25519_sign(sig, &key, octets, (size_t)len);
	while (bench_running(b)) {
		if (sl_ed25519_verify(sig, key.public, octets, (size_t)len) != 0)
			abort();
	}
	bench_items(b);
}

/* Extract, then as many bytes of keys as asked for: 72 are those of a child SA (RFC 7296 2.17, RFC 4106 8.1). */
static void hkdf(struct bench *b, long len)
{
	static const uint8_t secret[SL_X25519_LEN] = {1}, salt[64] = {2};
	const struct sl_bytes info = {salt, sizeof(salt)}, dh = {secret, sizeof(secret)};
	uint8_t key[SL_HASH_LEN], out[256];

	while (bench_running(b)) {
		sl_hmac(key, salt, sizeof(salt), &dh, 1);
		sl_hkdf_expand(out, (size_t)len, key, &info, 1);
	}
	bench_items(b);
}

int main(int argc, char **argv)
{
	static const long sizes[] = {64, 128, 256, 512, 1024, 1420, 4096, 8900};

	if (sl_crypto_init())
		return 1;
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		bench_add("seal/aes128gcm16", seal128, sizes[i]);
		bench_add("open/aes128gcm16", open128, sizes[i]);
		bench_add("seal/aes256gcm16", seal256, sizes[i]);
		bench_add("open/aes256gcm16", open256, sizes[i]);
	}
	bench_add("x25519", x25519, 0);
	bench_add("ed25519_sign", ed25519_sign, 400);
	bench_add("ed25519_verify", ed25519_verify, 400);
	bench_add("hkdf", hkdf, 72);
	return bench_main(argc, argv);
}
