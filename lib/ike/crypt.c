/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Keys of an IKE SA. prf is HMAC-SHA-256, prf+ is HKDF-Expand.
 */
#include <assert.h>

#include "crypt.h"

/* AES key and salt, as they come out of prf+ for an AEAD (RFC 5282 7.1, RFC 4106 8.1). */
static size_t aead_len(enum sl_cipher cipher)
{
	return sl_cipher_key_len(cipher) + SL_GCM_SALT_LEN;
}

static void take_keys(struct sl_ike_keys *keys, const uint8_t *material, enum sl_cipher cipher)
{
	memcpy(keys->key, material, sl_cipher_key_len(cipher));
	memcpy(keys->salt, material + sl_cipher_key_len(cipher), SL_GCM_SALT_LEN);
}

/*
 * RFC 7296 2.14: SKEYSEED = prf(Ni | Nr, g^ir); 2.18, when the IKE SA replaces another: SKEYSEED = prf(SK_d of
 * that one, g^ir | Ni | Nr).
 */
static void derive_seed(
	uint8_t seed[SL_HASH_LEN], const struct ike_agreed *a, const uint8_t shared[SL_X25519_LEN])
{
	const struct sl_bytes parts[] = {{shared, SL_X25519_LEN}, {a->nonce_i.data, a->nonce_i.len},
		{a->nonce_r.data, a->nonce_r.len}};
	uint8_t nonces[2 * IKE_NONCE_MAX];

	assert(a->nonce_i.len <= IKE_NONCE_MAX && a->nonce_r.len <= IKE_NONCE_MAX);
	if (a->before) {
		sl_hmac(seed, a->before->sk_d, SL_HASH_LEN, parts, 3);
		return;
	}
	memcpy(nonces, a->nonce_i.data, a->nonce_i.len);
	memcpy(nonces + a->nonce_i.len, a->nonce_r.data, a->nonce_r.len);
	sl_hmac(seed, nonces, a->nonce_i.len + a->nonce_r.len, parts, 1);
}

/*
 * RFC 7296 2.14: {SK_d | SK_ei | SK_er | SK_pi | SK_pr} = prf+(SKEYSEED, Ni | Nr | SPIi | SPIr); an AEAD has no
 * SK_ai and SK_ar.
 */
static void derive_material(
	uint8_t *out, size_t len, const struct ike_agreed *a, const uint8_t shared[SL_X25519_LEN])
{
	const uint64_t spis[2] = {htobe64(a->spi_i), htobe64(a->spi_r)};
	const struct sl_bytes info[] = {
		{a->nonce_i.data, a->nonce_i.len}, {a->nonce_r.data, a->nonce_r.len}, {spis, sizeof(spis)}};
	uint8_t seed[SL_HASH_LEN];

	derive_seed(seed, a, shared);
	sl_hkdf_expand(out, len, seed, info, 3);
	sl_wipe(seed, sizeof(seed));
}

bool ike_derive(struct ike_secrets *s, const struct ike_agreed *a,
	const uint8_t peer_public[static SL_X25519_LEN], struct sl_ike_keys *i, struct sl_ike_keys *r)
{
	uint8_t material[3 * SL_HASH_LEN + 2 * (SL_GCM_KEY_MAX + SL_GCM_SALT_LEN)];
	const struct sl_ike_keys *seal = a->initiator ? i : r, *open = a->initiator ? r : i;
	uint8_t shared[SL_X25519_LEN], *at = material;
	size_t aead = aead_len(a->cipher);

	if (sl_x25519_shared(shared, s->x25519, peer_public) != 0)
		return false;
	derive_material(material, 3 * SL_HASH_LEN + 2 * aead, a, shared);
	memcpy(s->sk_d, at, SL_HASH_LEN);
	take_keys(i, at += SL_HASH_LEN, a->cipher);
	take_keys(r, at += aead, a->cipher);
	memcpy(s->sk_pi, at += aead, SL_HASH_LEN);
	memcpy(s->sk_pr, at += SL_HASH_LEN, SL_HASH_LEN);

	sl_gcm_expand(&s->seal, a->cipher, seal->key);
	sl_gcm_expand(&s->open, a->cipher, open->key);
	memcpy(s->seal_salt, seal->salt, SL_GCM_SALT_LEN);
	memcpy(s->open_salt, open->salt, SL_GCM_SALT_LEN);

	sl_wipe(s->x25519, sizeof(s->x25519));
	sl_wipe(shared, sizeof(shared));
	sl_wipe(material, sizeof(material));
	return true;
}

/* RFC 7296 2.17: KEYMAT = prf+(SK_d, [g^ir |] Ni | Nr); what the initiator sends with comes first. */
void ike_derive_child(const struct ike_secrets *s, const struct ike_agreed *a, const uint8_t *shared,
	enum sl_cipher cipher, struct sl_ike_keys *i, struct sl_ike_keys *r)
{
	const struct sl_bytes info[] = {{shared, SL_X25519_LEN}, {a->nonce_i.data, a->nonce_i.len},
		{a->nonce_r.data, a->nonce_r.len}};
	unsigned skip = shared ? 0 : 1;
	uint8_t material[2 * (SL_GCM_KEY_MAX + SL_GCM_SALT_LEN)];
	size_t aead = aead_len(cipher);

	sl_hkdf_expand(material, 2 * aead, s->sk_d, info + skip, 3 - skip);
	take_keys(i, material, cipher);
	take_keys(r, material + aead, cipher);
	sl_wipe(material, sizeof(material));
}

static void make_nonce(uint8_t nonce[SL_GCM_NONCE_LEN], const uint8_t *salt, const uint8_t *iv)
{
	memcpy(nonce, salt, SL_GCM_SALT_LEN);
	memcpy(nonce + SL_GCM_SALT_LEN, iv, SL_GCM_IV_LEN);
}

void ike_seal(struct ike_writer *w, const struct ike_secrets *s, enum sl_cipher cipher, uint64_t iv)
{
	static const uint8_t icv_space[SL_GCM_ICV_LEN];
	uint8_t nonce[SL_GCM_NONCE_LEN];
	size_t iv_at = w->iv_at, data_at = iv_at + SL_GCM_IV_LEN, data_len;

	/* GCM needs no padding: a pad length of 0 is all (RFC 5282 3). */
	ike_put8(w, 0);
	data_len = w->len - data_at;
	ike_put(w, icv_space, sizeof(icv_space));
	ike_patch_len(w, w->sk + offsetof(struct ike_wire_payload, len), w->sk);
	ike_write_end(w);

	iv = htobe64(iv);
	memcpy(w->buf + iv_at, &iv, sizeof(iv));
	make_nonce(nonce, s->seal_salt, w->buf + iv_at);
	/* AAD: the message up to and including the header of SK (RFC 5282 5.1) or SKF (RFC 7383 2.5). */
	sl_gcm_seal(&s->seal, cipher, w->buf + data_at, data_len, nonce, w->buf, iv_at,
		w->buf + data_at + data_len);
}

/* Opens what begins with the IV at iv_at and fills the message; the AAD is all before. */
static enum ike_result open_payload(const struct ike_secrets *s, enum sl_cipher cipher, uint8_t *msg,
	size_t len, size_t iv_at, struct ike_view *plain)
{
	size_t data_at = iv_at + SL_GCM_IV_LEN, data_len = len - data_at - SL_GCM_ICV_LEN;
	uint8_t nonce[SL_GCM_NONCE_LEN], icv[SL_GCM_ICV_LEN];

	make_nonce(nonce, s->open_salt, msg + iv_at);
	sl_gcm_open(&s->open, cipher, msg + data_at, data_len, nonce, msg, iv_at, icv);
	if (!sl_equal(icv, msg + data_at + data_len, sizeof(icv)))
		return IKE_E_INTEGRITY;
	/* Any padding will do; its length stands in the last byte. */
	if (msg[data_at + data_len - 1] >= data_len)
		return IKE_E_SYNTAX;
	*plain = (struct ike_view){msg + data_at, data_len - 1 - msg[data_at + data_len - 1]};
	return IKE_OK;
}

enum ike_result ike_open(const struct ike_secrets *s, enum sl_cipher cipher, uint8_t *msg, size_t len,
	uint8_t *first, struct ike_view *plain)
{
	const struct ike_wire_header *h = (const void *)msg;
	const struct ike_wire_payload *p = (const void *)(msg + sizeof(*h));

	/* Nothing stands in the clear beside the SK payload, which is the last by RFC 7296 3.14. */
	if (len < sizeof(*h) + IKE_SK_OVERHEAD || h->next != IKE_P_SK || be16toh(p->len) != len - sizeof(*h))
		return IKE_E_SYNTAX;
	*first = p->next;
	return open_payload(s, cipher, msg, len, sizeof(*h) + sizeof(*p), plain);
}

enum ike_result ike_open_fragment(
	const struct ike_secrets *s, enum sl_cipher cipher, uint8_t *msg, size_t len, struct ike_fragment *f)
{
	const struct ike_wire_header *h = (const void *)msg;
	const struct ike_wire_payload *p = (const void *)(msg + sizeof(*h));
	const struct ike_wire_fragment *w = (const void *)(p + 1);
	enum ike_result result;

	if (len < sizeof(*h) + sizeof(*w) + IKE_SK_OVERHEAD || h->next != IKE_P_SKF ||
		be16toh(p->len) != len - sizeof(*h))
		return IKE_E_SYNTAX;
	*f = (struct ike_fragment){
		.number = be16toh(w->number), .total = be16toh(w->total), .first = p->next};
	if (f->number == 0 || f->number > f->total || f->total > IKE_FRAGMENTS_MAX)
		return IKE_E_SYNTAX;
	result = open_payload(s, cipher, msg, len, sizeof(*h) + sizeof(*p) + sizeof(*w), &f->plain);
	return result == IKE_OK && f->plain.len == 0 ? IKE_E_SYNTAX : result;
}

/* AlgorithmIdentifier of Ed25519: SEQUENCE { OID 1.3.101.112 } (RFC 8420 A), preceded by its length (RFC 7427 3). */
static const uint8_t ed25519_algorithm[] = {7, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70};

enum { OCTETS_MAX = SL_IKE_MESSAGE_MAX + IKE_NONCE_MAX + SL_HASH_LEN };

/* RFC 7296 2.15: RealMessage | Nonce of the other | prf(SK_p, RestOfIDPayload). */
static size_t signed_octets(
	uint8_t out[OCTETS_MAX], const struct ike_secrets *s, const struct ike_signed *what)
{
	const struct sl_bytes id = {what->id.data, what->id.len};
	size_t len = what->message.len + what->nonce.len;

	assert(what->message.len <= SL_IKE_MESSAGE_MAX && what->nonce.len <= IKE_NONCE_MAX);
	memcpy(out, what->message.data, what->message.len);
	memcpy(out + what->message.len, what->nonce.data, what->nonce.len);
	sl_hmac(out + len, what->initiator ? s->sk_pi : s->sk_pr, SL_HASH_LEN, &id, 1);
	return len + SL_HASH_LEN;
}

void ike_write_auth(struct ike_writer *w, const struct ike_secrets *s, const struct ike_signed *what,
	const struct sl_ed25519_key *key)
{
	const struct ike_wire_auth a = {.method = IKE_AUTH_SIGNATURE};
	uint8_t octets[OCTETS_MAX], signature[SL_ED25519_SIG_LEN];

	sl_ed25519_sign(signature, key, octets, signed_octets(octets, s, what));
	ike_payload_begin(w, IKE_P_AUTH);
	ike_put(w, &a, sizeof(a));
	ike_put(w, ed25519_algorithm, sizeof(ed25519_algorithm));
	ike_put(w, signature, sizeof(signature));
	ike_payload_end(w);
}

int ike_check_auth(struct ike_view auth, const struct ike_secrets *s, const struct ike_signed *what,
	const uint8_t (*keys)[SL_ED25519_PUBLIC_LEN], unsigned count)
{
	const struct ike_wire_auth *a = (const void *)auth.data;
	const uint8_t *algorithm = auth.data + sizeof(*a), *signature = algorithm + sizeof(ed25519_algorithm);
	uint8_t octets[OCTETS_MAX];
	int signer = -1;
	size_t len;

	if (auth.len != sizeof(*a) + sizeof(ed25519_algorithm) + SL_ED25519_SIG_LEN)
		return -1;
	if (a->method != IKE_AUTH_SIGNATURE ||
		memcmp(algorithm, ed25519_algorithm, sizeof(ed25519_algorithm)) != 0)
		return -1;
	len = signed_octets(octets, s, what);
	for (unsigned i = 0; i < count; i++)
		if (sl_ed25519_verify(signature, keys[i], octets, len) == 0)
			signer = (int)i;
	return signer;
}

void ike_nat_hash(
	uint8_t hash[static SL_SHA1_LEN], uint64_t spi_i, uint64_t spi_r, const struct sl_endpoint *endpoint)
{
	const uint64_t spis[2] = {htobe64(spi_i), htobe64(spi_r)};
	const uint16_t port = htobe16(endpoint->port);
	size_t addr_len = sl_addr_len(&endpoint->addr);
	uint8_t data[sizeof(spis) + sizeof(endpoint->addr.bytes) + sizeof(port)];

	memcpy(data, spis, sizeof(spis));
	memcpy(data + sizeof(spis), endpoint->addr.bytes, addr_len);
	memcpy(data + sizeof(spis) + addr_len, &port, sizeof(port));
	sl_sha1(hash, data, sizeof(spis) + addr_len + sizeof(port));
}
