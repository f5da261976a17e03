/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sealane pubkey: the public key of the private key on standard input.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../../lib/crypto/keyfile.h"
#include "../../lib/crypto/secret.h"
#include "../commands.h"

enum { INPUT_MAX = 4096 };

struct secret {
	struct sl_ed25519_key key;
	char text[INPUT_MAX];
};

/* Reads all of standard input, past stdio; more than a key can have is left unread and will not parse. */
static ssize_t read_secret(char *text, size_t size)
{
	size_t len = 0;

	while (len < size) {
		ssize_t n = read(STDIN_FILENO, text + len, size - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

static int print_public(struct secret *secret, bool pem)
{
	ssize_t len = read_secret(secret->text, sizeof(secret->text));
	char text[SL_KEY_PEM_MAX];

	if (len < 0)
		return sl_cli_fail("cannot read the private key from standard input: %s", strerror(errno));
	if (len == INPUT_MAX || sl_key_from_pem(&secret->key, secret->text, (size_t)len) != 0)
		return sl_cli_fail(
			"standard input holds no Ed25519 private key, expected PKCS#8 PEM as 'sealane genkey' "
			"writes it");
	if (pem) {
		sl_public_to_pem(text, secret->key.public);
		fputs(text, stdout);
	} else {
		sl_public_to_base64(text, secret->key.public);
		puts(text);
	}
	return sl_cli_flush();
}

int sl_cmd_pubkey(int argc, char **argv)
{
	bool pem = argc > 1 && strcmp(argv[1], "--pem") == 0;
	struct secret *secret;
	int code;

	if (argc > (pem ? 2 : 1))
		return sl_cli_usage(
			"%s: unexpected argument '%s', expected --pem or none", argv[0], argv[pem ? 2 : 1]);
	code = sl_cli_init_crypto();
	if (code != SL_EXIT_DONE)
		return code;
	secret = sl_secret_alloc(sizeof(*secret));
	if (secret == NULL)
		return sl_cli_fail("out of memory");
	code = print_public(secret, pem);
	sl_secret_free(secret);
	return code;
}
