/* SPDX-License-Identifier: BSD-3-Clause */
/* Keys as text and as files: both directions, everything that must be refused, and openssl's idea of the same keys. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "hex.h"
#include "lib/crypto/crypto.h"
#include "lib/crypto/keyfile.h"

static void assert_hex(const void *got, const char *hex)
{
	uint8_t want[256];
	size_t len = unhex(want, sizeof(want), hex);

	assert_memory_equal(got, want, len);
}

/* ---- Keys as text ------------------------------------------------------------------------------------------ */

/* The seed of RFC 8410 10.3 with its public key of 10.1. */
#define SEED_HEX       "d4ee72dbf913584ad5b6d8f1f769f8ad3afe7c28cbf1d4fbe097a88f44755842"
#define PUBLIC_HEX     "19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1"
#define PRIVATE_BASE64 "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC"
#define PUBLIC_BASE64  "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE="
#define RAW_BASE64     "Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE="
#define PRIVATE_BEGIN  "-----BEGIN PRIVATE KEY-----"
#define PRIVATE_END    "-----END PRIVATE KEY-----"
#define PUBLIC_BEGIN   "-----BEGIN PUBLIC KEY-----"
#define PUBLIC_END     "-----END PUBLIC KEY-----"
#define PRIVATE_PEM    PRIVATE_BEGIN "\n" PRIVATE_BASE64 "\n" PRIVATE_END "\n"
#define PUBLIC_PEM     PUBLIC_BEGIN "\n" PUBLIC_BASE64 "\n" PUBLIC_END "\n"

static void test_private_pem(void **state)
{
	static const char *const accepted[] = {
		PRIVATE_PEM,
		PRIVATE_BEGIN "\r\n" PRIVATE_BASE64 "\r\n" PRIVATE_END "\r\n",
		"\n\n \t" PRIVATE_BEGIN "\n" PRIVATE_BASE64 "\n" PRIVATE_END,
		PRIVATE_PEM "\n \r\n\t",
		PRIVATE_BEGIN
		"\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK\n1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n" PRIVATE_END,
	};
	struct sl_ed25519_key key;
	char text[SL_KEY_PEM_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(accepted) / sizeof(accepted[0]); i++) {
		memset(&key, 0xaa, sizeof(key));
		assert_int_equal(sl_key_from_pem(&key, accepted[i], strlen(accepted[i])), 0);
		assert_hex(key.seed, SEED_HEX);
		assert_hex(key.public, PUBLIC_HEX);
	}
	sl_key_to_pem(text, &key);
	assert_string_equal(text, PRIVATE_PEM);
}

static void refuse_private(const char *text, size_t len)
{
	struct sl_ed25519_key key;
	const struct sl_ed25519_key wiped = {{0}, {0}};
	/* A copy of exact size, so that a sanitizer sees a read beyond it. */
	char *copy = malloc(len + 1);

	assert_non_null(copy);
	memcpy(copy + 1, text, len);
	memset(&key, 0xaa, sizeof(key));
	assert_int_equal(sl_key_from_pem(&key, copy + 1, len), SL_CRYPTO_E_KEY_FORMAT);
	assert_memory_equal(&key, &wiped, sizeof(key));
	free(copy);
}

static void test_private_pem_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"\n",
		PRIVATE_BASE64,
		PUBLIC_PEM,
		PRIVATE_BEGIN,
		PRIVATE_BEGIN "\n" PRIVATE_END,
		PRIVATE_BEGIN "\n" PRIVATE_BASE64 "\n",
		PRIVATE_BASE64 "\n" PRIVATE_END "\n",
		/* junk around, and two keys */
		PRIVATE_PEM "junk",
		"junk\n" PRIVATE_PEM,
		PRIVATE_PEM PRIVATE_PEM,
		PRIVATE_PEM PUBLIC_PEM,
		/* labels */
		"-----BEGIN EC PRIVATE KEY-----\n" PRIVATE_BASE64 "\n-----END EC PRIVATE KEY-----\n",
		"-----BEGIN ENCRYPTED PRIVATE KEY-----\n" PRIVATE_BASE64
		"\n-----END ENCRYPTED PRIVATE KEY-----\n",
		PRIVATE_BEGIN "\n" PRIVATE_BASE64 "\n" PUBLIC_END "\n",
		"-----BEGIN PRIVATE KEY----\n" PRIVATE_BASE64 "\n" PRIVATE_END "\n",
		/* base64: an illegal character, a byte less, a byte more, padding, a header inside */
		PRIVATE_BEGIN
		"\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp_K06/nwoy/HU++CXqI9EdVhC\n" PRIVATE_END,
		PRIVATE_BEGIN
		"\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVg=\n" PRIVATE_END,
		PRIVATE_BEGIN
		"\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhCAA==\n" PRIVATE_END,
		PRIVATE_BEGIN "\n" PRIVATE_BASE64 "====\n" PRIVATE_END,
		PRIVATE_BEGIN "\nProc-Type: 4,ENCRYPTED\n\n" PRIVATE_BASE64 "\n" PRIVATE_END,
		/* DER: X25519's OID (1.3.101.110), version 1, an inner length of 31 */
		PRIVATE_BEGIN
		"\nMC4CAQAwBQYDK2VuBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n" PRIVATE_END,
		PRIVATE_BEGIN
		"\nMC4CAQEwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n" PRIVATE_END,
		PRIVATE_BEGIN
		"\nMC4CAQAwBQYDK2VwBCIEH9TuctP5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n" PRIVATE_END,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refuse_private(bad[i], strlen(bad[i]));
	/* Cut off anywhere, but for the last line end. */
	for (size_t len = 0; len < strlen(PRIVATE_PEM) - 1; len++)
		refuse_private(PRIVATE_PEM, len);
	/* A NUL byte anywhere, the one behind the text included. */
	for (size_t at = 0; at < sizeof(PRIVATE_PEM); at++) {
		char text[] = PRIVATE_PEM;

		text[at] = '\0';
		refuse_private(text, sizeof(text));
		if (at < strlen(PRIVATE_PEM) - 1)
			refuse_private(text, strlen(PRIVATE_PEM));
	}
}

static void test_public_text(void **state)
{
	static const char *const accepted[] = {
		RAW_BASE64,
		RAW_BASE64 "\n",
		" " RAW_BASE64 "\r\n",
		PUBLIC_PEM,
		PUBLIC_BEGIN "\r\n" PUBLIC_BASE64 "\r\n" PUBLIC_END "\r\n",
	};
	uint8_t public[SL_ED25519_PUBLIC_LEN];
	char text[SL_KEY_PEM_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(accepted) / sizeof(accepted[0]); i++) {
		memset(public, 0, sizeof(public));
		assert_int_equal(sl_public_from_text(public, accepted[i], strlen(accepted[i])), 0);
		assert_hex(public, PUBLIC_HEX);
	}
	sl_public_to_pem(text, public);
	assert_string_equal(text, PUBLIC_PEM);
	sl_public_to_base64(text, public);
	assert_string_equal(text, RAW_BASE64);
	assert_int_equal(strlen(text) + 1, SL_KEY_BASE64_MAX);
}

static void test_public_text_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"\n",
		"Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE",    /* no padding */
		"Gb9ECWmEzf6FQbrBZ9w7\nlshQhqowtrbLDFw4rXAxZuE=", /* two lines */
		"Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZg==",   /* 31 bytes */
		"Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuEA",   /* 33 bytes */
		"Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuF=",   /* bits behind the last byte */
		RAW_BASE64 "\n" RAW_BASE64,
		PUBLIC_BASE64,
		PUBLIC_PEM RAW_BASE64,
		PUBLIC_PEM PUBLIC_PEM,
		PRIVATE_PEM,
		PUBLIC_BEGIN "\n" RAW_BASE64 "\n" PUBLIC_END,
		/* X25519's OID */
		PUBLIC_BEGIN "\nMCowBQYDK2VuAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n" PUBLIC_END,
		/* points: zero (order 4), the identity, p - 1 (order 2), off the curve, y >= p */
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
		"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
		"7P///////////////////////////////////////38=",
		"AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
		"8P///////////////////////////////////////38=",
		PUBLIC_BEGIN "\nMCowBQYDK2VwAyEAAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n" PUBLIC_END,
	};
	uint8_t public[SL_ED25519_PUBLIC_LEN];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(sl_public_from_text(public, bad[i], strlen(bad[i])), SL_CRYPTO_E_KEY_FORMAT);
	for (size_t len = 0; len < strlen(RAW_BASE64); len++)
		assert_int_equal(sl_public_from_text(public, RAW_BASE64, len), SL_CRYPTO_E_KEY_FORMAT);
	for (size_t len = 0; len < strlen(PUBLIC_PEM) - 1; len++)
		assert_int_equal(sl_public_from_text(public, PUBLIC_PEM, len), SL_CRYPTO_E_KEY_FORMAT);
	assert_int_equal(sl_public_from_text(public, PUBLIC_PEM, sizeof(PUBLIC_PEM)), SL_CRYPTO_E_KEY_FORMAT);
}

/* ---- Preshared keys -------------------------------------------------------------------------------------------- */

#define PPK_HEX "000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F"

static void test_ppk_text(void **state)
{
	static const char *const accepted[] = {PPK_HEX, "0x" PPK_HEX, PPK_HEX "\n", " \t\r\n" PPK_HEX "\r\n"};
	struct sl_ppk ppk;

	(void)state;
	for (size_t i = 0; i < sizeof(accepted) / sizeof(accepted[0]); i++) {
		memset(&ppk, 0xaa, sizeof(ppk));
		assert_int_equal(sl_ppk_from_text(&ppk, accepted[i], strlen(accepted[i])), 0);
		assert_int_equal(ppk.len, SL_PPK_MIN);
		for (unsigned n = 0; n < SL_PPK_MIN; n++)
			assert_int_equal(ppk.bytes[n], n);
	}
	assert_int_equal(sl_ppk_from_text(&ppk, PPK_HEX PPK_HEX PPK_HEX PPK_HEX, 8 * SL_PPK_MIN), 0);
	assert_int_equal(ppk.len, SL_PPK_MAX);
}

static void test_ppk_text_refused(void **state)
{
	static const char *const refused[] = {"", "0x", "00", PPK_HEX "0", PPK_HEX "\n" PPK_HEX,
		PPK_HEX " 00", "0X" PPK_HEX, PPK_HEX "xy", PRIVATE_PEM, "x" PPK_HEX,
		PPK_HEX PPK_HEX PPK_HEX PPK_HEX "00"};
	static const char with_nul[] = PPK_HEX "\0";
	static const struct sl_ppk wiped;
	struct sl_ppk ppk;

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		memset(&ppk, 0xaa, sizeof(ppk));
		assert_int_equal(
			sl_ppk_from_text(&ppk, refused[i], strlen(refused[i])), SL_CRYPTO_E_KEY_FORMAT);
		assert_memory_equal(&ppk, &wiped, sizeof(ppk));
	}
	assert_int_equal(sl_ppk_from_text(&ppk, with_nul, sizeof(with_nul)), SL_CRYPTO_E_KEY_FORMAT);
	/* One byte too short. */
	assert_int_equal(sl_ppk_from_text(&ppk, PPK_HEX, 2 * SL_PPK_MIN - 2), SL_CRYPTO_E_KEY_FORMAT);
}

static void test_generate(void **state)
{
	struct sl_ed25519_key a, b, read;
	uint8_t public[SL_ED25519_PUBLIC_LEN];
	char text[SL_KEY_PEM_MAX];

	(void)state;
	sl_key_generate(&a);
	sl_key_generate(&b);
	assert_memory_not_equal(a.seed, b.seed, sizeof(a.seed));
	sl_key_to_pem(text, &a);
	assert_int_equal(sl_key_from_pem(&read, text, strlen(text)), 0);
	assert_memory_equal(&read, &a, sizeof(a));
	sl_public_to_base64(text, a.public);
	assert_int_equal(sl_public_from_text(public, text, strlen(text)), 0);
	assert_memory_equal(public, a.public, sizeof(public));
}

/* ---- Key files, in a folder of their own ------------------------------------------------------------------- */

static char folder[] = "/tmp/sealane-test-keys-XXXXXX";

static const char *in_folder(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void write_file(const char *name, const char *text, size_t len, mode_t mode)
{
	FILE *f = fopen(in_folder(name), "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(in_folder(name), mode), 0);
}

/* Runs a shell command in the folder. */
static void run(const char *command)
{
	char line[512];

	snprintf(line, sizeof(line), "cd %s && { %s; } 2>>errors", folder, command);
	assert_int_equal(system(line), 0);
}

static void read_file(const char *name, char *text, size_t size)
{
	FILE *f = fopen(in_folder(name), "r");

	assert_non_null(f);
	text[fread(text, 1, size - 1, f)] = '\0';
	fclose(f);
}

static void test_load(void **state)
{
	struct sl_ed25519_key key;

	(void)state;
	write_file("good", PRIVATE_PEM, strlen(PRIVATE_PEM), 0600);
	assert_int_equal(sl_key_load(&key, in_folder("good")), 0);
	assert_hex(key.seed, SEED_HEX);
	assert_hex(key.public, PUBLIC_HEX);
	assert_int_equal(chmod(in_folder("good"), 0400), 0);
	assert_int_equal(sl_key_load(&key, in_folder("good")), 0);
	/* A link is as good as the file it leads to. */
	run("ln -s good link");
	assert_int_equal(sl_key_load(&key, in_folder("link")), 0);
}

static int load(const char *name)
{
	const struct sl_ed25519_key wiped = {{0}, {0}};
	struct sl_ed25519_key key;

	memset(&key, 0xaa, sizeof(key));
	errno = 0;
	int error = sl_key_load(&key, in_folder(name));
	if (error != 0)
		assert_memory_equal(&key, &wiped, sizeof(key));
	return error;
}

static void test_load_refused(void **state)
{
	const mode_t modes[] = {0644, 0640, 0620, 0610, 0604, 0602, 0601, 0666, 0777};
	char large[4096];

	(void)state;
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		write_file("open", PRIVATE_PEM, strlen(PRIVATE_PEM), modes[i]);
		assert_int_equal(load("open"), SL_CRYPTO_E_KEY_MODE);
	}
	assert_int_equal(load("missing"), SL_CRYPTO_E_KEY_READ);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(load("open/below"), SL_CRYPTO_E_KEY_READ);
	assert_int_equal(errno, ENOTDIR);
	/* Neither a folder nor a FIFO without a writer, on which a plain open would hang. */
	run("mkdir -m 700 folder && mkfifo -m 600 fifo");
	assert_int_equal(load("folder"), SL_CRYPTO_E_KEY_MODE);
	assert_int_equal(load("fifo"), SL_CRYPTO_E_KEY_MODE);

	write_file("bad", "", 0, 0600);
	assert_int_equal(load("bad"), SL_CRYPTO_E_KEY_FORMAT);
	write_file("bad", PUBLIC_PEM, strlen(PUBLIC_PEM), 0600);
	assert_int_equal(load("bad"), SL_CRYPTO_E_KEY_FORMAT);
	/* Good but for its length. */
	memset(large, '\n', sizeof(large));
	memcpy(large, PRIVATE_PEM, strlen(PRIVATE_PEM));
	write_file("bad", large, sizeof(large), 0600);
	assert_int_equal(load("bad"), SL_CRYPTO_E_KEY_FORMAT);
	write_file("bad", large, 1000, 0600);
	assert_int_equal(load("bad"), 0);
}

/* Loading must not leave descriptors behind, on no path. */
static void test_load_closes(void **state)
{
	(void)state;
	int before = open("/dev/null", O_RDONLY);
	close(before);
	write_file("good2", PRIVATE_PEM, strlen(PRIVATE_PEM), 0600);
	assert_int_equal(load("good2"), 0);
	write_file("bad", "junk", 4, 0600);
	assert_int_equal(load("bad"), SL_CRYPTO_E_KEY_FORMAT);
	write_file("bad", "junk", 4, 0644);
	assert_int_equal(load("bad"), SL_CRYPTO_E_KEY_MODE);
	int after = open("/dev/null", O_RDONLY);
	close(after);
	assert_int_equal(before, after);
}

static void test_openssl_writes_we_read(void **state)
{
	uint8_t public[SL_ED25519_PUBLIC_LEN];
	char theirs[SL_KEY_PEM_MAX], ours[SL_KEY_PEM_MAX];
	struct sl_ed25519_key key;

	(void)state;
	run("umask 077 && openssl genpkey -algorithm ed25519 -out theirs.key");
	run("openssl pkey -in theirs.key -pubout -out theirs.pub");
	assert_int_equal(sl_key_load(&key, in_folder("theirs.key")), 0);
	read_file("theirs.pub", theirs, sizeof(theirs));
	assert_int_equal(sl_public_from_text(public, theirs, strlen(theirs)), 0);
	assert_memory_equal(public, key.public, sizeof(public));
	sl_public_to_pem(ours, key.public);
	assert_string_equal(ours, theirs);
	sl_key_to_pem(ours, &key);
	read_file("theirs.key", theirs, sizeof(theirs));
	assert_string_equal(ours, theirs);
}

static void test_we_write_openssl_reads(void **state)
{
	char theirs[SL_KEY_PEM_MAX], ours[SL_KEY_PEM_MAX];
	struct sl_ed25519_key key;
	uint8_t sig[SL_ED25519_SIG_LEN];

	(void)state;
	sl_key_generate(&key);
	sl_key_to_pem(ours, &key);
	write_file("ours.key", ours, strlen(ours), 0600);
	run("openssl pkey -in ours.key -pubout -out ours.pub");
	sl_public_to_pem(ours, key.public);
	read_file("ours.pub", theirs, sizeof(theirs));
	assert_string_equal(ours, theirs);

	sl_ed25519_sign(sig, &key, "message", 7);
	write_file("message", "message", 7, 0600);
	write_file("sig", (const char *)sig, sizeof(sig), 0600);
	run("openssl pkeyutl -verify -pubin -inkey ours.pub -rawin -in message -sigfile sig >/dev/null");
}

static int start(void **state)
{
	(void)state;
	if (mkdtemp(folder) == NULL)
		return -1;
	return sl_crypto_init();
}

static int finish(void **state)
{
	char line[128];

	(void)state;
	snprintf(line, sizeof(line), "rm -rf %s", folder);
	return system(line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_private_pem),
		cmocka_unit_test(test_private_pem_refused),
		cmocka_unit_test(test_public_text),
		cmocka_unit_test(test_public_text_refused),
		cmocka_unit_test(test_ppk_text),
		cmocka_unit_test(test_ppk_text_refused),
		cmocka_unit_test(test_generate),
		cmocka_unit_test(test_load),
		cmocka_unit_test(test_load_refused),
		cmocka_unit_test(test_load_closes),
		cmocka_unit_test(test_openssl_writes_we_read),
		cmocka_unit_test(test_we_write_openssl_reads),
	};

	return cmocka_run_group_tests_name("keyfile", tests, start, finish);
}
