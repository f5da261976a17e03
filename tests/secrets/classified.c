/* SPDX-License-Identifier: BSD-3-Clause */
/* What is secret, and what of it becomes public, and why it may: see classified.h. */
#include "classified.h"

#include <string.h>

#include <sodium.h>
#include <valgrind/memcheck.h>

#include "lib/crypto/crypto.h"
#include "lib/crypto/gcm.h"
#include "lib/ike/internal.h"

struct classified classified;

static bool begun; /* the self test of the library is over */

void is_secret(const void *secret, size_t len)
{
	if (!begun)
		return;
	classified.bytes += len;
	(void)VALGRIND_MAKE_MEM_UNDEFINED(secret, len);
}

void is_public(const void *data, size_t len)
{
	(void)VALGRIND_MAKE_MEM_DEFINED(data, len);
}

/* ---- X25519 -------------------------------------------------------------------------------------------------------------- */

void __real_sl_x25519_public(uint8_t *public, const uint8_t *private);
void __wrap_sl_x25519_public(uint8_t *public, const uint8_t *private);

void __wrap_sl_x25519_public(uint8_t *public, const uint8_t *private)
{
	is_secret(private, SL_X25519_LEN);
	__real_sl_x25519_public(public, private);
	is_public(public, SL_X25519_LEN); /* goes on the wire */
}

int __real_crypto_scalarmult_curve25519(unsigned char *q, const unsigned char *n, const unsigned char *p);
int __wrap_crypto_scalarmult_curve25519(unsigned char *q, const unsigned char *n, const unsigned char *p);

int __wrap_crypto_scalarmult_curve25519(unsigned char *q, const unsigned char *n, const unsigned char *p)
{
	int result = __real_crypto_scalarmult_curve25519(q, n, p);

	is_public(
		&result, sizeof(result)); /* whether the peer's value is of low order, which the peer knows */
	return result;
}

/* ---- Ed25519 ------------------------------------------------------------------------------------------------------------- */

void __real_sl_ed25519_from_seed(struct sl_ed25519_key *key);
void __wrap_sl_ed25519_from_seed(struct sl_ed25519_key *key);

void __wrap_sl_ed25519_from_seed(struct sl_ed25519_key *key)
{
	is_secret(key->seed, sizeof(key->seed));
	__real_sl_ed25519_from_seed(key);
	is_public(key->public, sizeof(key->public)); /* the public key */
}

void __real_sl_ed25519_sign(uint8_t *sig, const struct sl_ed25519_key *key, const void *msg, size_t len);
void __wrap_sl_ed25519_sign(uint8_t *sig, const struct sl_ed25519_key *key, const void *msg, size_t len);

void __wrap_sl_ed25519_sign(uint8_t *sig, const struct sl_ed25519_key *key, const void *msg, size_t len)
{
	__real_sl_ed25519_sign(sig, key, msg, len);
	is_public(sig, SL_ED25519_SIG_LEN); /* goes to the peer, who may show it around */
}

int __real_sl_ed25519_verify(const uint8_t *sig, const uint8_t *public, const void *msg, size_t len);
int __wrap_sl_ed25519_verify(const uint8_t *sig, const uint8_t *public, const void *msg, size_t len);

int __wrap_sl_ed25519_verify(const uint8_t *sig, const uint8_t *public, const void *msg, size_t len)
{
	/*
	 * Verifying takes as long as the digest of what was signed makes it. At its end is prf(SK_p, ID), of which a digest tells
	 * nothing; SK_p itself does not come here.
	 */
	is_public(msg, len);
	return __real_sl_ed25519_verify(sig, public, msg, len);
}

/* ---- AES-GCM: between the product and ipsec-mb --------------------------------------------------------------------------- */

static struct sl_gcm_ops real_ops[SL_CIPHER_COUNT];

#define GCM(bits, cipher)                                                                                    \
	static void seal##bits(const struct gcm_key_data *key, struct gcm_context_data *ctx, uint8_t *out,   \
		uint8_t const *in, uint64_t len, const uint8_t *iv, uint8_t const *aad, uint64_t aad_len,    \
		uint8_t *tag, uint64_t tag_len)                                                              \
	{                                                                                                    \
		real_ops[cipher].seal(key, ctx, out, in, len, iv, aad, aad_len, tag, tag_len);               \
		is_public(out, len);                                                                         \
		is_public(tag, tag_len);                                                                     \
	}                                                                                                    \
	static void open##bits(const struct gcm_key_data *key, struct gcm_context_data *ctx, uint8_t *out,   \
		uint8_t const *in, uint64_t len, const uint8_t *iv, uint8_t const *aad, uint64_t aad_len,    \
		uint8_t *tag, uint64_t tag_len)                                                              \
	{                                                                                                    \
		real_ops[cipher].open(key, ctx, out, in, len, iv, aad, aad_len, tag, tag_len);               \
		is_public(out, len);                                                                         \
		classified.opened++;                                                                         \
	}

/*
 * What was sealed goes on the wire. What was opened is a packet or a message, which goes where it says. The ICV that an opened
 * one should have had stays secret: with it a forger would have what he lacks.
 */
GCM(128, SL_AES128GCM16)
GCM(256, SL_AES256GCM16)

void stand_between(void)
{
	begun = true;
	memcpy(real_ops, sl_gcm_ops, sizeof(real_ops));
	sl_gcm_ops[SL_AES128GCM16].seal = seal128;
	sl_gcm_ops[SL_AES128GCM16].open = open128;
	sl_gcm_ops[SL_AES256GCM16].seal = seal256;
	sl_gcm_ops[SL_AES256GCM16].open = open256;
}

bool __real_sl_equal(const void *a, const void *b, size_t len);
bool __wrap_sl_equal(const void *a, const void *b, size_t len);

bool __wrap_sl_equal(const void *a, const void *b, size_t len)
{
	bool same = __real_sl_equal(a, b, len);

	classified.compared++;
	is_public(&same,
		sizeof(same)); /* that it was wrong, but not where: the sender gets no answer, or one */
	return same;
}

/* ---- Cookies ------------------------------------------------------------------------------------------------------------- */

void __real_ike_cookie_make(uint8_t *cookie, struct sl_ike *ike, const struct ike_head *head,
	const struct sl_ike_path *path, const struct ike_message *m);
void __wrap_ike_cookie_make(uint8_t *cookie, struct sl_ike *ike, const struct ike_head *head,
	const struct sl_ike_path *path, const struct ike_message *m);

void __wrap_ike_cookie_make(uint8_t *cookie, struct sl_ike *ike, const struct ike_head *head,
	const struct sl_ike_path *path, const struct ike_message *m)
{
	__real_ike_cookie_make(cookie, ike, head, path, m); /* now there is a secret */
	is_secret(ike->cookies->secret, sizeof(ike->cookies->secret));
	__real_ike_cookie_make(cookie, ike, head, path, m);
	is_public(cookie, IKE_OUR_COOKIE_LEN); /* goes on the wire */
}

/* ---- Counting ------------------------------------------------------------------------------------------------------------ */

static unsigned before;

void classified_begin(void)
{
	classified = (struct classified){0};
	before = VALGRIND_COUNT_ERRORS;
}

unsigned complaints(void)
{
	return VALGRIND_COUNT_ERRORS - before;
}

bool someone_watches(void)
{
	return RUNNING_ON_VALGRIND != 0;
}
