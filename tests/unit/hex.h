/* SPDX-License-Identifier: BSD-3-Clause */
/* Test vectors are written as hexadecimal text; this turns them into bytes. */
#ifndef SEALANE_TESTS_HEX_H
#define SEALANE_TESTS_HEX_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

/* Returns the number of bytes. A vector that is no hexadecimal text or too long is a mistake in the test itself. */
static inline size_t unhex(uint8_t *out, size_t max, const char *hex)
{
	size_t len;

	if (sodium_hex2bin(out, max, hex, strlen(hex), NULL, &len, NULL) != 0)
		abort();
	return len;
}

#endif
