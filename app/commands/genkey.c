/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sealane genkey: a new private key on standard output.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../lib/crypto/keyfile.h"
#include "../../lib/crypto/secret.h"
#include "../commands.h"

/* The key is as secret as the file it goes to, and no other command takes a key file that others can read. */
static void warn_if_readable(void)
{
	struct stat st;

	if (fstat(STDOUT_FILENO, &st) != 0 || !S_ISREG(st.st_mode) || (st.st_mode & (S_IRWXG | S_IRWXO)) == 0)
		return;
	fputs("sealane: warning: the key goes to a file that others can read (chmod 600 it, and next time run "
	      "'umask 077' first)\n",
		stderr);
}

/* Past stdio, whose buffers are not secret memory. */
static int write_secret(const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = write(STDOUT_FILENO, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return sl_cli_fail("cannot write the key to standard output: %s", strerror(errno));
		text += n;
		len -= (size_t)n;
	}
	return SL_EXIT_DONE;
}

int sl_cmd_genkey(int argc, char **argv)
{
	struct {
		struct sl_ed25519_key key;
		char pem[SL_KEY_PEM_MAX];
	} * secret;
	int code;

	if (argc > 1)
		return sl_cli_usage("%s: unexpected argument '%s', expected none", argv[0], argv[1]);
	code = sl_cli_init_crypto();
	if (code != SL_EXIT_DONE)
		return code;
	secret = sl_secret_alloc(sizeof(*secret));
	if (secret == NULL)
		return sl_cli_fail("out of memory");
	warn_if_readable();
	sl_key_generate(&secret->key);
	sl_key_to_pem(secret->pem, &secret->key);
	code = write_secret(secret->pem, strlen(secret->pem));
	sl_secret_free(secret);
	return code;
}
