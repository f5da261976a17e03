/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The keys of an IKE SA and what is done with them: deriving (RFC 7296 2.14, 2.17, 2.18), the encrypted payload
 * (RFC 5282), authentication (RFC 7296 2.15, RFC 7427, RFC 8420).
 */
#ifndef SEALANE_IKE_CRYPT_H
#define SEALANE_IKE_CRYPT_H

#include "codec.h"

/* The secret part of an IKE SA; lives in secret memory. */
struct ike_secrets {
	struct sl_gcm_key seal, open; /* SK_ei, SK_er: ours and the peer's */
	uint8_t seal_salt[SL_GCM_SALT_LEN], open_salt[SL_GCM_SALT_LEN];
	uint8_t sk_d[SL_HASH_LEN];
	uint8_t sk_pi[SL_HASH_LEN], sk_pr[SL_HASH_LEN];
	uint8_t without_ppk[3]
			   [SL_HASH_LEN]; /* these three before a PPK was mixed in, until IKE_AUTH is over */
	uint8_t x25519[SL_X25519_LEN];    /* our private value, until the keys are derived */
};

/* What two messages with nonces agreed upon: of IKE_SA_INIT, or of CREATE_CHILD_SA. */
struct ike_agreed {
	uint64_t spi_i, spi_r;
	struct ike_view nonce_i, nonce_r;
	enum sl_cipher cipher;
	bool initiator; /* us, of that exchange */
	/* Of the IKE SA that this one replaces; NULL for a first one. */
	const struct ike_secrets *before;
};

/*
 * Finishes the key exchange with the peer's public value and derives all keys; the private value is wiped.
 * The keys that protect the IKE SA are also written to *i and *r, which the caller wipes. Returns false when
 * the peer's public value is of low order: then nothing has changed.
 */
bool ike_derive(struct ike_secrets *s, const struct ike_agreed *agreed,
	const uint8_t peer_public[static SL_X25519_LEN], struct sl_ike_keys *i, struct sl_ike_keys *r);

/*
 * Derives the keys of a child SA. `shared` is the outcome of a key exchange of its own, or NULL: then the keys
 * hang on the IKE SA alone.
 */
void ike_derive_child(const struct ike_secrets *s, const struct ike_agreed *agreed, const uint8_t *shared,
	enum sl_cipher cipher, struct sl_ike_keys *i, struct sl_ike_keys *r);

/* Ends the SK payload and the message. `iv` must never repeat for these keys. */
void ike_seal(struct ike_writer *w, const struct ike_secrets *s, enum sl_cipher cipher, uint64_t iv);

/*
 * Opens a message, in place, that must consist of one SK payload. On success *first and *plain are the
 * payloads inside. Returns IKE_OK, IKE_E_SYNTAX or IKE_E_INTEGRITY.
 */
enum ike_result ike_open(const struct ike_secrets *s, enum sl_cipher cipher, uint8_t *msg, size_t len,
	uint8_t *first, struct ike_view *plain);

/* A fragment of a message, opened. */
struct ike_fragment {
	unsigned number, total; /* 1 <= number <= total <= IKE_FRAGMENTS_MAX */
	uint8_t first;          /* of number 1: type of the first payload of the message */
	struct ike_view plain;  /* never empty */
};

/* The same for a message that must consist of one SKF payload (RFC 7383 2.5). */
enum ike_result ike_open_fragment(
	const struct ike_secrets *s, enum sl_cipher cipher, uint8_t *msg, size_t len, struct ike_fragment *f);

/* What one end signs: its IKE_SA_INIT message, the other's nonce, its ID payload. */
struct ike_signed {
	struct ike_view message, nonce, id;
	bool initiator; /* whose octets these are */
};

/* Writes the AUTH payload. */
void ike_write_auth(struct ike_writer *w, const struct ike_secrets *s, const struct ike_signed *what,
	const struct sl_ed25519_key *key);

/*
 * Which of these keys has made the signature in the AUTH payload: its index, or -1. The work depends on how many keys there
 * are, not on which of them it is.
 */
int ike_check_auth(struct ike_view auth, const struct ike_secrets *s, const struct ike_signed *what,
	const uint8_t (*keys)[SL_ED25519_PUBLIC_LEN], unsigned count);

/* The NAT_DETECTION hash of an endpoint (RFC 7296 2.23). */
void ike_nat_hash(
	uint8_t hash[static SL_SHA1_LEN], uint64_t spi_i, uint64_t spi_r, const struct sl_endpoint *endpoint);

#endif
