/* SPDX-License-Identifier: BSD-3-Clause */
/* The note of all secrets, and the calls between which it stands: see record.h. */
#include "record.h"

#include <assert.h>
#include <string.h>

#include <sodium.h>

#include "lib/crypto/keyfile.h"
#include "lib/ike/internal.h"
#include "note.h"

/* ---- The note ------------------------------------------------------------------------------------------------------------ */

struct note notes[RECORD_MAX];
static size_t count, mark;
static int32_t by_hash[NOTE_BUCKETS]; /* number of the last note of it, counted from 1; 0: none */
uint8_t note_prefixes[1 << 13];       /* a bit for the first two bytes of a piece */

size_t record_count(void)
{
	return count;
}

void record_mark(void)
{
	mark = count;
}

bool note_is_before_mark(const struct note *n)
{
	return (size_t)(n - notes) < mark;
}

/* Zeros are no secret. */
static bool is_telling(const uint8_t *bytes)
{
	unsigned different = 0;

	for (unsigned i = 1; i < RECORD_PIECE; i++)
		different += bytes[i] != bytes[0];
	return different >= RECORD_PIECE / 2;
}

const struct note *note_find(const uint8_t *bytes)
{
	uint64_t masked[2];

	note_mask(masked, bytes);
	for (int32_t i = by_hash[note_hash(masked)]; i > 0; i = notes[i - 1].next)
		if (notes[i - 1].masked[0] == masked[0] && notes[i - 1].masked[1] == masked[1])
			return &notes[i - 1];
	return NULL;
}

bool record_has(const void *bytes)
{
	return note_find(bytes) != NULL;
}

static void note_piece(const char *what, const uint8_t *bytes, enum record_life life)
{
	struct note *n = &notes[count];
	unsigned prefix;

	if (!is_telling(bytes) || note_find(bytes))
		return;
	assert(count < RECORD_MAX);
	note_mask(n->masked, bytes);
	n->what = what;
	n->life = life;
	n->next = by_hash[note_hash(n->masked)];
	by_hash[note_hash(n->masked)] = (int32_t)++count;
	prefix = note_prefix(bytes);
	note_prefixes[prefix / 8] |= (uint8_t)(1 << prefix % 8);
}

void record(const char *what, const void *secret, size_t len, enum record_life life)
{
	const uint8_t *bytes = secret;

	for (size_t at = 0; at + RECORD_PIECE <= len; at += 4)
		note_piece(what, bytes + at, life);
}

/* ---- lib/crypto, as the product calls it ------------------------------------------------------------------------------------ */

void (*record_below)(const char *what, const void *sp);

void below(const char *what)
{
	if (record_below)
		record_below(what, __builtin_frame_address(0));
}

GAPPED_VOID(sl_x25519_public, (uint8_t * public, const uint8_t *private), public, private)

void __wrap_sl_x25519_public(uint8_t *public, const uint8_t *private)
{
	record("an X25519 private value", private, SL_X25519_LEN, RECORD_EXCHANGE);
	gapped_sl_x25519_public(public, private);
	below("sl_x25519_public");
}

GAPPED(int, sl_x25519_shared, (uint8_t * shared, const uint8_t *private, const uint8_t *peer_public), shared,
	private, peer_public)

int __wrap_sl_x25519_shared(uint8_t *shared, const uint8_t *private, const uint8_t *peer_public)
{
	int result = gapped_sl_x25519_shared(shared, private, peer_public);

	if (result == 0)
		record("an X25519 shared secret", shared, SL_X25519_LEN, RECORD_EXCHANGE);
	below("sl_x25519_shared");
	return result;
}

/*
 * What is made of a secret is one: SKEYSEED, and keys with a preshared key in them. Its key is one, too, but for the nonces of
 * which SKEYSEED is made. A cookie, and what is signed, are none.
 */
GAPPED_VOID(sl_hmac, (uint8_t * mac, const void *key, size_t key_len, const struct sl_bytes *parts, size_t n),
	mac, key, key_len, parts, n)

void __wrap_sl_hmac(uint8_t *mac, const void *key, size_t key_len, const struct sl_bytes *parts, size_t n)
{
	const bool derives = n > 0 && parts[0].len >= RECORD_PIECE && record_has(parts[0].data);

	if (!derives || key_len == SL_HASH_LEN)
		record("a key of HMAC", key, key_len, RECORD_LONG);
	gapped_sl_hmac(mac, key, key_len, parts, n);
	if (derives)
		record("SKEYSEED, or a key with a PPK in it", mac, SL_HASH_LEN, RECORD_PASSING);
	below("sl_hmac");
}

GAPPED_VOID(sl_hkdf_expand,
	(void *out, size_t out_len, const uint8_t *key, const struct sl_bytes *info, size_t n), out, out_len,
	key, info, n)

/* The first round key of AES is the key, so what HKDF gives finds expanded ones, too. */
void __wrap_sl_hkdf_expand(
	void *out, size_t out_len, const uint8_t *key, const struct sl_bytes *info, size_t n)
{
	record("a key of HKDF", key, SL_HASH_LEN, RECORD_PASSING);
	gapped_sl_hkdf_expand(out, out_len, key, info, n);
	record("keys of an SA", out, out_len, RECORD_PASSING);
	below("sl_hkdf_expand");
}

GAPPED_VOID(sl_ed25519_sign, (uint8_t * sig, const struct sl_ed25519_key *key, const void *msg, size_t len),
	sig, key, msg, len)

void __wrap_sl_ed25519_sign(uint8_t *sig, const struct sl_ed25519_key *key, const void *msg, size_t len)
{
	record_identity(key->seed);
	gapped_sl_ed25519_sign(sig, key, msg, len);
	below("sl_ed25519_sign");
}

/* What HMAC makes of a key at once is as good as the key. */
int __real_crypto_auth_hmacsha256_init(
	crypto_auth_hmacsha256_state *state, const unsigned char *key, size_t len);
int __wrap_crypto_auth_hmacsha256_init(
	crypto_auth_hmacsha256_state *state, const unsigned char *key, size_t len);

int __wrap_crypto_auth_hmacsha256_init(
	crypto_auth_hmacsha256_state *state, const unsigned char *key, size_t len)
{
	int result = __real_crypto_auth_hmacsha256_init(state, key, len);

	record("a keyed state of HMAC", state->ictx.state, sizeof(state->ictx.state), RECORD_EXCHANGE);
	record("a keyed state of HMAC", state->octx.state, sizeof(state->octx.state), RECORD_EXCHANGE);
	return result;
}

/* ---- What calls it: its keys are on their way through these ------------------------------------------------------------------ */

GAPPED_VOID(sl_ed25519_from_seed, (struct sl_ed25519_key * key), key)

void __wrap_sl_ed25519_from_seed(struct sl_ed25519_key *key)
{
	record_identity(key->seed);
	gapped_sl_ed25519_from_seed(key);
	below("sl_ed25519_from_seed");
}

GAPPED(int, sl_key_from_pem, (struct sl_ed25519_key * key, const char *text, size_t len), key, text, len)

int __wrap_sl_key_from_pem(struct sl_ed25519_key *key, const char *text, size_t len)
{
	int result = gapped_sl_key_from_pem(key, text, len);

	below("sl_key_from_pem");
	return result;
}

GAPPED(int, sl_key_load, (struct sl_ed25519_key * key, const char *path), key, path)

int __wrap_sl_key_load(struct sl_ed25519_key *key, const char *path)
{
	int result = gapped_sl_key_load(key, path);

	below("sl_key_load");
	return result;
}

GAPPED(int, sl_ppk_load, (struct sl_ppk * ppk, const char *path), ppk, path)

int __wrap_sl_ppk_load(struct sl_ppk *ppk, const char *path)
{
	int result = gapped_sl_ppk_load(ppk, path);

	below("sl_ppk_load");
	return result;
}

GAPPED(bool, ike_derive,
	(struct ike_secrets * s, const struct ike_agreed *a, const uint8_t *peer, struct sl_ike_keys *i,
		struct sl_ike_keys *r),
	s, a, peer, i, r)

bool __wrap_ike_derive(struct ike_secrets *s, const struct ike_agreed *a, const uint8_t *peer,
	struct sl_ike_keys *i, struct sl_ike_keys *r)
{
	bool result = gapped_ike_derive(s, a, peer, i, r);

	below("ike_derive");
	return result;
}

GAPPED_VOID(ike_derive_child,
	(const struct ike_secrets *s, const struct ike_agreed *a, const uint8_t *shared,
		enum sl_cipher cipher, struct sl_ike_keys *i, struct sl_ike_keys *r),
	s, a, shared, cipher, i, r)

void __wrap_ike_derive_child(const struct ike_secrets *s, const struct ike_agreed *a, const uint8_t *shared,
	enum sl_cipher cipher, struct sl_ike_keys *i, struct sl_ike_keys *r)
{
	gapped_ike_derive_child(s, a, shared, cipher, i, r);
	below("ike_derive_child");
}

GAPPED(bool, ike_sa_derive, (struct ike_sa * sa, const struct ike_sa *old, const uint8_t *peer), sa, old,
	peer)

bool __wrap_ike_sa_derive(struct ike_sa *sa, const struct ike_sa *old, const uint8_t *peer)
{
	bool result = gapped_ike_sa_derive(sa, old, peer);

	below("ike_sa_derive");
	return result;
}

GAPPED(bool, ike_child_install,
	(struct ike_child * child, const struct ike_terms *terms, const struct ike_agreed *a,
		const uint8_t *shared),
	child, terms, a, shared)

bool __wrap_ike_child_install(struct ike_child *child, const struct ike_terms *terms,
	const struct ike_agreed *a, const uint8_t *shared)
{
	bool result = gapped_ike_child_install(child, terms, a, shared);

	below("ike_child_install");
	return result;
}

GAPPED(unsigned, ike_create_child_answer,
	(struct ike_child * fresh, const struct sl_ike_path *path, const struct ike_message *m,
		const struct ike_terms *terms, struct ike_nonce *lowest),
	fresh, path, m, terms, lowest)

unsigned __wrap_ike_create_child_answer(struct ike_child *fresh, const struct sl_ike_path *path,
	const struct ike_message *m, const struct ike_terms *terms, struct ike_nonce *lowest)
{
	unsigned result = gapped_ike_create_child_answer(fresh, path, m, terms, lowest);

	below("ike_create_child_answer");
	return result;
}

GAPPED(enum ike_made, ike_create_child_finish,
	(struct ike_sa * sa, const struct ike_message *m, struct ike_rekey *asked), sa, m, asked)

enum ike_made __wrap_ike_create_child_finish(
	struct ike_sa *sa, const struct ike_message *m, struct ike_rekey *asked)
{
	enum ike_made result = gapped_ike_create_child_finish(sa, m, asked);

	below("ike_create_child_finish");
	return result;
}

GAPPED_VOID(
	ike_ppk_offer, (struct ike_sa * sa, struct ike_writer *w, const struct ike_signed *what), sa, w, what)

void __wrap_ike_ppk_offer(struct ike_sa *sa, struct ike_writer *w, const struct ike_signed *what)
{
	gapped_ike_ppk_offer(sa, w, what);
	below("ike_ppk_offer");
}

/* ---- An identity -------------------------------------------------------------------------------------------------------------- */

/* RFC 8032 5.1.5: the digest of the seed is the scalar, with some bits set, and the prefix. */
void record_identity(const uint8_t *seed)
{
	uint8_t digest[crypto_hash_sha512_BYTES];

	crypto_hash_sha512(digest, seed, SL_ED25519_SEED_LEN);
	record("the seed of an identity", seed, SL_ED25519_SEED_LEN, RECORD_LONG);
	record("the digest of an identity", digest, sizeof(digest), RECORD_LONG);
	digest[0] &= 248;
	digest[31] = (uint8_t)((digest[31] & 127) | 64);
	record("the scalar of an identity", digest, sizeof(digest) / 2, RECORD_LONG);
	sodium_memzero(digest, sizeof(digest));
}
