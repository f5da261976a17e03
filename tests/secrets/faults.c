/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A CPU or a library that computes wrongly, for a copy of the product that the linker puts together with this file
 * (--wrap): SEALANE_FAULT names the call that goes wrong, by one bit or by always saying yes. The product itself knows
 * nothing of it. Without the variable everything is as it should be.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <intel-ipsec-mb.h>
#include <sodium.h>

static bool is_wrong(const char *what)
{
	const char *fault = getenv("SEALANE_FAULT");

	return fault && strcmp(fault, what) == 0;
}

/* Also says that the fault took place: a test of a call that nobody makes would prove nothing. */
static bool goes_wrong(const char *what)
{
	static bool said;

	if (!is_wrong(what))
		return false;
	if (!said)
		fprintf(stderr, "fault: %s\n", what);
	said = true;
	return true;
}

/* ---- ipsec-mb: the functions in its manager ---------------------------------------------------------------------------- */

static IMB_MGR good;

#define GCM_ARGUMENTS                                                                                        \
	const struct gcm_key_data *key, struct gcm_context_data *ctx, uint8_t *out, uint8_t const *in,       \
		uint64_t len, const uint8_t *iv, uint8_t const *aad, uint64_t aad_len, uint8_t *tag,         \
		uint64_t tag_len

/* Wrong data, a wrong ICV, or either in long packets only, for which the library has other code. */
#define WRONG_GCM(name)                                                                                      \
	static void wrong_##name(GCM_ARGUMENTS)                                                              \
	{                                                                                                    \
		good.name(key, ctx, out, in, len, iv, aad, aad_len, tag, tag_len);                           \
		if (goes_wrong(#name " data"))                                                               \
			out[len - 1] ^= 1;                                                                   \
		if (goes_wrong(#name " icv"))                                                                \
			tag[15] ^= 0x80;                                                                     \
		if (len > 1000 && goes_wrong(#name " long data"))                                            \
			out[len / 2] ^= 1;                                                                   \
		if (len > 1000 && goes_wrong(#name " long icv"))                                             \
			tag[0] ^= 1;                                                                         \
	}

WRONG_GCM(gcm128_enc)
WRONG_GCM(gcm128_dec)
WRONG_GCM(gcm256_enc)
WRONG_GCM(gcm256_dec)

static void wrong_gcm128_pre(const void *key, struct gcm_key_data *data)
{
	good.gcm128_pre(key, data);
	if (goes_wrong("gcm128_pre"))
		data->expanded_keys[16] ^= 1;
}

static void wrong_gcm256_pre(const void *key, struct gcm_key_data *data)
{
	good.gcm256_pre(key, data);
	if (goes_wrong("gcm256_pre"))
		data->expanded_keys[14 * 16] ^= 1;
}

static void wrong_sha1(const void *data, const uint64_t len, void *digest)
{
	good.sha1(data, len, digest);
	if (goes_wrong("sha1"))
		((uint8_t *)digest)[19] ^= 1;
}

void __real_init_mb_mgr_auto(IMB_MGR *m, IMB_ARCH *arch);
void __wrap_init_mb_mgr_auto(IMB_MGR *m, IMB_ARCH *arch);

void __wrap_init_mb_mgr_auto(IMB_MGR *m, IMB_ARCH *arch)
{
	__real_init_mb_mgr_auto(m, arch);
	good = *m;
	m->gcm128_enc = wrong_gcm128_enc;
	m->gcm128_dec = wrong_gcm128_dec;
	m->gcm256_enc = wrong_gcm256_enc;
	m->gcm256_dec = wrong_gcm256_dec;
	m->gcm128_pre = wrong_gcm128_pre;
	m->gcm256_pre = wrong_gcm256_pre;
	m->sha1 = wrong_sha1;
	/* What the library would report when its own self test failed. */
	if (goes_wrong("ipsec-mb self test"))
		m->imb_errno = IMB_ERR_SELFTEST;
	if (goes_wrong("no aes instructions"))
		m->features &= ~(uint64_t)IMB_FEATURE_AESNI;
}

/* ---- libsodium ------------------------------------------------------------------------------------------------------------ */

/* A function that leaves its outcome at `out` and returns 0. */
#define WRONG(name, out, last, parameters, ...)                                                              \
	int __real_##name parameters;                                                                        \
	int __wrap_##name parameters;                                                                        \
	int __wrap_##name parameters                                                                         \
	{                                                                                                    \
		int result = __real_##name(__VA_ARGS__);                                                     \
                                                                                                             \
		if (goes_wrong(#name))                                                                       \
			(out)[last] ^= 1;                                                                    \
		return result;                                                                               \
	}

WRONG(crypto_scalarmult_curve25519_base, q, 31, (unsigned char *q, const unsigned char *n), q, n)
WRONG(crypto_sign_ed25519_seed_keypair, pk, 31,
	(unsigned char *pk, unsigned char *sk, const unsigned char *seed), pk, sk, seed)
WRONG(crypto_sign_ed25519_detached, sig, 63,
	(unsigned char *sig, unsigned long long *sig_len, const unsigned char *m, unsigned long long len,
		const unsigned char *sk),
	sig, sig_len, m, len, sk)
WRONG(crypto_auth_hmacsha256_final, out, 31, (crypto_auth_hmacsha256_state * state, unsigned char *out),
	state, out)

int __real_crypto_scalarmult_curve25519(unsigned char *q, const unsigned char *n, const unsigned char *p);
int __wrap_crypto_scalarmult_curve25519(unsigned char *q, const unsigned char *n, const unsigned char *p);

int __wrap_crypto_scalarmult_curve25519(unsigned char *q, const unsigned char *n, const unsigned char *p)
{
	int result = __real_crypto_scalarmult_curve25519(q, n, p);

	if (goes_wrong("crypto_scalarmult_curve25519"))
		q[0] ^= 1;
	/* It takes any point. */
	return result != 0 && goes_wrong("crypto_scalarmult_curve25519 weak point") ? 0 : result;
}

/* Verification that says yes, or no, to everything. */
int __real_crypto_sign_ed25519_verify_detached(
	const unsigned char *sig, const unsigned char *m, unsigned long long len, const unsigned char *pk);
int __wrap_crypto_sign_ed25519_verify_detached(
	const unsigned char *sig, const unsigned char *m, unsigned long long len, const unsigned char *pk);

int __wrap_crypto_sign_ed25519_verify_detached(
	const unsigned char *sig, const unsigned char *m, unsigned long long len, const unsigned char *pk)
{
	int result = __real_crypto_sign_ed25519_verify_detached(sig, m, len, pk);

	if (goes_wrong("crypto_sign_ed25519_verify_detached yes"))
		return 0;
	return goes_wrong("crypto_sign_ed25519_verify_detached no") ? -1 : result;
}

/* Only where HKDF goes on after the first block, of which HMAC alone knows nothing: its state is used twice. */
int __real_crypto_auth_hmacsha256_update(
	crypto_auth_hmacsha256_state *state, const unsigned char *in, unsigned long long len);
int __wrap_crypto_auth_hmacsha256_update(
	crypto_auth_hmacsha256_state *state, const unsigned char *in, unsigned long long len);

int __wrap_crypto_auth_hmacsha256_update(
	crypto_auth_hmacsha256_state *state, const unsigned char *in, unsigned long long len)
{
	static const unsigned char three = 3;

	/* The number of the second block of HKDF. */
	if (len == 1 && in[0] == 2 && goes_wrong("crypto_auth_hmacsha256_update second block"))
		in = &three;
	return __real_crypto_auth_hmacsha256_update(state, in, len);
}

int __real_sodium_memcmp(const void *a, const void *b, size_t len);
int __wrap_sodium_memcmp(const void *a, const void *b, size_t len);

int __wrap_sodium_memcmp(const void *a, const void *b, size_t len)
{
	int result = __real_sodium_memcmp(a, b, len);

	if (goes_wrong("sodium_memcmp yes"))
		return 0;
	return goes_wrong("sodium_memcmp no") ? -1 : result;
}

void __real_randombytes_buf(void *buf, size_t len);
void __wrap_randombytes_buf(void *buf, size_t len);

void __wrap_randombytes_buf(void *buf, size_t len)
{
	__real_randombytes_buf(buf, len);
	if (goes_wrong("randombytes_buf"))
		memset(buf, 0x5a, len);
}

void __real_sodium_memzero(void *p, size_t len);
void __wrap_sodium_memzero(void *p, size_t len);

/* A library that does not wipe. */
void __wrap_sodium_memzero(void *p, size_t len)
{
	if (!goes_wrong("sodium_memzero"))
		__real_sodium_memzero(p, len);
}

int __real_sodium_init(void);
int __wrap_sodium_init(void);

int __wrap_sodium_init(void)
{
	return goes_wrong("sodium_init") ? -1 : __real_sodium_init();
}
