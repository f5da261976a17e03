/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What all commands share: how they complain.
 */
#include "../commands.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../../lib/crypto/crypto.h"

int sl_cli_usage(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("sealane: ", stderr);
	vfprintf(stderr, format, args);
	fputs(" (try 'sealane --help')\n", stderr);
	va_end(args);
	return SL_EXIT_USAGE;
}

static void (*listener)(const char *complaint);

void sl_cli_hear(void (*hear)(const char *complaint))
{
	listener = hear;
}

int sl_cli_fail(const char *format, ...)
{
	char complaint[1024];
	va_list args;

	va_start(args, format);
	if (listener != NULL) {
		vsnprintf(complaint, sizeof(complaint), format, args);
		listener(complaint);
	} else {
		fputs("sealane: ", stderr);
		vfprintf(stderr, format, args);
		fputc('\n', stderr);
	}
	va_end(args);
	return SL_EXIT_FAILED;
}

int sl_cli_init_crypto(void)
{
	int error = sl_crypto_init();

	if (error == SL_CRYPTO_E_SELF_TEST)
		return sl_cli_fail("%s: %s", sl_crypto_failed_test(), sl_crypto_strerror(error));
	return error != 0 ? sl_cli_fail("%s", sl_crypto_strerror(error)) : SL_EXIT_DONE;
}

int sl_cli_flush(void)
{
	if (fflush(stdout) != 0 || ferror(stdout))
		return sl_cli_fail("cannot write to standard output: %s", strerror(errno));
	return SL_EXIT_DONE;
}
