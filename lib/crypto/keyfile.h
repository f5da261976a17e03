/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Keys as people hold them.
 *
 *   private  PKCS#8 PEM (RFC 8410), exactly what `openssl genpkey -algorithm ed25519` and strongSwan's pki write
 *   public   one line of base64 (the raw 32 bytes), or SubjectPublicKeyInfo PEM (RFC 8410)
 *   PPK      hexadecimal digits, with or without 0x in front: what `openssl rand -hex 32` writes
 *
 * The first two are Ed25519 keys. Both DER forms are a constant prefix and 32 bytes of key, so there is no ASN.1 parser here, only a comparison.
 */
#ifndef SEALANE_CRYPTO_KEYFILE_H
#define SEALANE_CRYPTO_KEYFILE_H

#include "crypto.h"

enum {
	SL_KEY_PEM_MAX = 256,   /* a buffer for any PEM text written here, terminating NUL included */
	SL_KEY_BASE64_MAX = 45, /* base64 of a public key and its NUL */
	SL_FINGERPRINT_MAX = 9, /* a fingerprint and its NUL */
};

/* Makes a new key from the system's randomness. */
void sl_key_generate(struct sl_ed25519_key *key);

/* Writes the private key as PKCS#8 PEM into text (NUL-terminated). The caller wipes text. */
void sl_key_to_pem(char text[static SL_KEY_PEM_MAX], const struct sl_ed25519_key *key);

/*
 * Reads a private key from PEM text: one PRIVATE KEY block, white space around it allowed, nothing else. Returns 0 or
 * SL_CRYPTO_E_KEY_FORMAT; then *key is wiped.
 */
int sl_key_from_pem(struct sl_ed25519_key *key, const char *text, size_t len);

/*
 * Reads a private key file. It must be a regular file that group and others cannot read (SL_CRYPTO_E_KEY_MODE
 * otherwise). The text passes through secret memory only. *key should be secret memory too. Returns 0 or
 * SL_CRYPTO_E_KEY_READ, _KEY_MODE, _KEY_FORMAT, _NO_MEMORY.
 */
int sl_key_load(struct sl_ed25519_key *key, const char *path);

/* Reads a preshared key from hexadecimal text, SL_PPK_MIN to SL_PPK_MAX bytes of it. As sl_key_from_pem(). */
int sl_ppk_from_text(struct sl_ppk *ppk, const char *text, size_t len);

/* Reads a file with a preshared key. As sl_key_load(). */
int sl_ppk_load(struct sl_ppk *ppk, const char *path);

void sl_public_to_base64(
	char text[static SL_KEY_BASE64_MAX], const uint8_t public[static SL_ED25519_PUBLIC_LEN]);

/*
 * How logs and `sealane show` name a public key: the first eight characters of its base64, as everybody can see for himself
 * in a configuration. Enough to tell the keys of a peer apart, and to prove nothing. Returns text.
 */
const char *sl_public_fingerprint(
	char text[static SL_FINGERPRINT_MAX], const uint8_t public[static SL_ED25519_PUBLIC_LEN]);

void sl_public_to_pem(char text[static SL_KEY_PEM_MAX], const uint8_t public[static SL_ED25519_PUBLIC_LEN]);

/* Reads a public key from one line of base64 or from PEM text. Returns 0 or SL_CRYPTO_E_KEY_FORMAT. */
int sl_public_from_text(uint8_t public[static SL_ED25519_PUBLIC_LEN], const char *text, size_t len);

#endif
