/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Ed25519 keys as PEM and base64 text, preshared keys as hexadecimal text.
 *
 * The DER of an Ed25519 key never varies but for the key itself (RFC 8410 7 and 4), so it is written as a constant
 * prefix and read by comparing with it. Anything else an ASN.1 parser might accept is refused.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "keyfile.h"
#include "secret.h"

enum {
	PRIVATE_PREFIX_LEN = 16,
	PRIVATE_DER_LEN = PRIVATE_PREFIX_LEN + SL_ED25519_SEED_LEN,
	PUBLIC_PREFIX_LEN = 12,
	PUBLIC_DER_LEN = PUBLIC_PREFIX_LEN + SL_ED25519_PUBLIC_LEN,
	FINGERPRINT_BYTES = 6, /* eight characters of base64 */
	KEY_FILE_MAX = 1024,   /* a PEM of 119 bytes and generous white space */
};

/* SEQUENCE { INTEGER 0, SEQUENCE { OID 1.3.101.112 }, OCTET STRING { OCTET STRING of 32 } } */
static const uint8_t private_prefix[PRIVATE_PREFIX_LEN] = {
	0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20};
/* SEQUENCE { SEQUENCE { OID 1.3.101.112 }, BIT STRING of 32 bytes } */
static const uint8_t public_prefix[PUBLIC_PREFIX_LEN] = {
	0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};

/* The two lines around the base64 of a PEM block (RFC 7468). */
struct pem_kind {
	const char *begin;
	const char *end;
};

static const struct pem_kind private_pem = {"-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----"};
static const struct pem_kind public_pem = {"-----BEGIN PUBLIC KEY-----", "-----END PUBLIC KEY-----"};

static const char white_space[] = " \t\r\n";

struct text {
	const char *data;
	size_t len;
};

/* A NUL is no white space, although strchr finds one at the end of every string. */
static bool is_space(char c)
{
	return c != '\0' && strchr(white_space, c) != NULL;
}

static struct text trim(struct text t)
{
	while (t.len > 0 && is_space(t.data[0])) {
		t.data++;
		t.len--;
	}
	while (t.len > 0 && is_space(t.data[t.len - 1]))
		t.len--;
	return t;
}

static bool starts_with(struct text t, const char *prefix)
{
	size_t len = strlen(prefix);

	return t.len >= len && memcmp(t.data, prefix, len) == 0;
}

/* Decodes base64 to exactly len bytes, skipping the characters in `ignore` (NULL: none). */
static bool base64_decode(uint8_t *out, size_t len, struct text t, const char *ignore)
{
	size_t got;

	/* libsodium looks characters up in `ignore` with strchr, which would skip NUL bytes as well. */
	if (t.len == 0 || memchr(t.data, '\0', t.len) != NULL)
		return false;
	return sodium_base642bin(
		       out, len, t.data, t.len, ignore, &got, NULL, sodium_base64_VARIANT_ORIGINAL) == 0 &&
	       got == len;
}

/* Decodes the one block in t, which must be all of it, to exactly len bytes. */
static bool pem_decode(uint8_t *der, size_t len, const struct pem_kind *kind, struct text t)
{
	size_t begin_len = strlen(kind->begin), end_len = strlen(kind->end);

	t = trim(t);
	if (t.len < begin_len + end_len || !starts_with(t, kind->begin))
		return false;
	if (memcmp(t.data + t.len - end_len, kind->end, end_len) != 0)
		return false;
	return base64_decode(
		der, len, (struct text){t.data + begin_len, t.len - begin_len - end_len}, white_space);
}

/* Both forms fit one line of base64, 64 and 60 characters, which is how everybody writes them. */
static void pem_encode(
	char text[static SL_KEY_PEM_MAX], const struct pem_kind *kind, const uint8_t *der, size_t len)
{
	size_t at = (size_t)snprintf(text, SL_KEY_PEM_MAX, "%s\n", kind->begin);

	sodium_bin2base64(text + at, SL_KEY_PEM_MAX - at, der, len, sodium_base64_VARIANT_ORIGINAL);
	/* Known, so nobody looks through a private key for its end. */
	at += sodium_base64_encoded_len(len, sodium_base64_VARIANT_ORIGINAL) - 1;
	snprintf(text + at, SL_KEY_PEM_MAX - at, "\n%s\n", kind->end);
}

void sl_key_generate(struct sl_ed25519_key *key)
{
	sl_random(key->seed, sizeof(key->seed));
	sl_ed25519_from_seed(key);
}

void sl_key_to_pem(char text[static SL_KEY_PEM_MAX], const struct sl_ed25519_key *key)
{
	uint8_t der[PRIVATE_DER_LEN];

	memcpy(der, private_prefix, PRIVATE_PREFIX_LEN);
	memcpy(der + PRIVATE_PREFIX_LEN, key->seed, SL_ED25519_SEED_LEN);
	pem_encode(text, &private_pem, der, sizeof(der));
	sl_wipe(der, sizeof(der));
}

int sl_key_from_pem(struct sl_ed25519_key *key, const char *text, size_t len)
{
	uint8_t der[PRIVATE_DER_LEN];
	int error = 0;

	if (pem_decode(der, sizeof(der), &private_pem, (struct text){text, len}) &&
		memcmp(der, private_prefix, PRIVATE_PREFIX_LEN) == 0) {
		memcpy(key->seed, der + PRIVATE_PREFIX_LEN, SL_ED25519_SEED_LEN);
		sl_ed25519_from_seed(key);
	} else {
		sl_wipe(key, sizeof(*key));
		error = SL_CRYPTO_E_KEY_FORMAT;
	}
	sl_wipe(der, sizeof(der));
	return error;
}

/* Opens a private key file after checking who may read it. The checks look at the open file, not at the name. */
static int open_private(const char *path, int *fd)
{
	struct stat st;

	/* Without O_NONBLOCK the open of a FIFO would wait for a writer. */
	*fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (*fd < 0)
		return SL_CRYPTO_E_KEY_READ;
	if (fstat(*fd, &st) != 0)
		return SL_CRYPTO_E_KEY_READ;
	if (!S_ISREG(st.st_mode) || (st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
		return SL_CRYPTO_E_KEY_MODE;
	return 0;
}

/* Reads to the end of the file, but no more than `max` bytes. */
static int read_all(int fd, char *text, size_t max, size_t *len)
{
	*len = 0;
	while (*len < max) {
		ssize_t n = read(fd, text + *len, max - *len);

		if (n == 0)
			return 0;
		if (n > 0)
			*len += (size_t)n;
		else if (errno != EINTR)
			return SL_CRYPTO_E_KEY_READ;
	}
	return SL_CRYPTO_E_KEY_FORMAT; /* no key is this long */
}

/* Reads a private file through secret memory and has its text parsed into *key, which is wiped before. */
static int load_private(
	const char *path, int (*parse)(void *key, const char *text, size_t len), void *key, size_t key_size)
{
	size_t len;
	int fd;

	sl_wipe(key, key_size);
	char *text = sl_secret_alloc(KEY_FILE_MAX);
	if (text == NULL)
		return SL_CRYPTO_E_NO_MEMORY;
	int error = open_private(path, &fd);
	if (error == 0)
		error = read_all(fd, text, KEY_FILE_MAX, &len);
	if (error == 0)
		error = parse(key, text, len);

	int reason = errno; /* the caller reads errno after SL_CRYPTO_E_KEY_READ */
	if (fd >= 0)
		close(fd);
	sl_secret_free(text);
	errno = reason;
	return error;
}

static int parse_key(void *key, const char *text, size_t len)
{
	return sl_key_from_pem(key, text, len);
}

int sl_key_load(struct sl_ed25519_key *key, const char *path)
{
	return load_private(path, parse_key, key, sizeof(*key));
}

int sl_ppk_from_text(struct sl_ppk *ppk, const char *text, size_t len)
{
	struct text t = trim((struct text){text, len});
	size_t skip = starts_with(t, "0x") ? 2 : 0;
	const char *end;

	if (sodium_hex2bin(ppk->bytes, sizeof(ppk->bytes), t.data + skip, t.len - skip, NULL, &ppk->len,
		    &end) == 0 &&
		end == t.data + t.len && ppk->len >= SL_PPK_MIN)
		return 0;
	sl_wipe(ppk, sizeof(*ppk));
	return SL_CRYPTO_E_KEY_FORMAT;
}

static int parse_ppk(void *ppk, const char *text, size_t len)
{
	return sl_ppk_from_text(ppk, text, len);
}

int sl_ppk_load(struct sl_ppk *ppk, const char *path)
{
	return load_private(path, parse_ppk, ppk, sizeof(*ppk));
}

void sl_public_to_base64(
	char text[static SL_KEY_BASE64_MAX], const uint8_t public[static SL_ED25519_PUBLIC_LEN])
{
	sodium_bin2base64(
		text, SL_KEY_BASE64_MAX, public, SL_ED25519_PUBLIC_LEN, sodium_base64_VARIANT_ORIGINAL);
}

const char *sl_public_fingerprint(
	char text[static SL_FINGERPRINT_MAX], const uint8_t public[static SL_ED25519_PUBLIC_LEN])
{
	sodium_bin2base64(
		text, SL_FINGERPRINT_MAX, public, FINGERPRINT_BYTES, sodium_base64_VARIANT_ORIGINAL);
	return text;
}

void sl_public_to_pem(char text[static SL_KEY_PEM_MAX], const uint8_t public[static SL_ED25519_PUBLIC_LEN])
{
	uint8_t der[PUBLIC_DER_LEN];

	memcpy(der, public_prefix, PUBLIC_PREFIX_LEN);
	memcpy(der + PUBLIC_PREFIX_LEN, public, SL_ED25519_PUBLIC_LEN);
	pem_encode(text, &public_pem, der, sizeof(der));
}

int sl_public_from_text(uint8_t public[static SL_ED25519_PUBLIC_LEN], const char *text, size_t len)
{
	struct text t = trim((struct text){text, len});
	uint8_t der[PUBLIC_DER_LEN];
	uint8_t *found = der + PUBLIC_PREFIX_LEN;

	if (starts_with(t, public_pem.begin)) {
		if (!pem_decode(der, sizeof(der), &public_pem, t) ||
			memcmp(der, public_prefix, PUBLIC_PREFIX_LEN) != 0)
			return SL_CRYPTO_E_KEY_FORMAT;
	} else if (!base64_decode(found, SL_ED25519_PUBLIC_LEN, t, NULL)) {
		return SL_CRYPTO_E_KEY_FORMAT;
	}
	/* A point of low order verifies signatures of nobody in particular; one off the curve, none. */
	if (crypto_core_ed25519_is_valid_point(found) != 1)
		return SL_CRYPTO_E_KEY_FORMAT;
	memcpy(public, found, SL_ED25519_PUBLIC_LEN);
	return 0;
}
