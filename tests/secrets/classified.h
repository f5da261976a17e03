/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * No branch and no address may depend on a secret. The tests of that run under valgrind's memcheck, which is told that
 * secrets are undefined: it follows them through every copy and computation, and complains when what comes of them decides
 * where the program goes on or where it looks.
 *
 * Secrets are the private values of X25519, the seeds of Ed25519, preshared keys, what cookies are made with, and by way of
 * them SKEYSEED, all keys, salts and right ICVs. The linker puts classified.c between the product and the calls through which
 * they come and go (--wrap). What becomes public is said to be so there, one by one, with the reason why it may.
 */
#ifndef SEALANE_TESTS_CLASSIFIED_H
#define SEALANE_TESTS_CLASSIFIED_H

#include <stdbool.h>
#include <stddef.h>

/* Since the beginning of a test. */
struct classified {
	size_t bytes;    /* said to be secret */
	size_t opened;   /* packets and messages */
	size_t compared; /* with sl_equal() */
};
extern struct classified classified;

void is_secret(const void *secret, size_t len);
void is_public(const void *data, size_t len);

/* Between the product and ipsec-mb, after sl_crypto_init(). */
void stand_between(void);

void classified_begin(void);

/* Of memcheck since then; each time that a branch or an address has depended on a secret is one. */
unsigned complaints(void);

/* Without valgrind nobody would complain. */
bool someone_watches(void);

#define EXPECT_COMPLAINTS(what, wanted)                                                                      \
	do {                                                                                                 \
		unsigned had = complaints();                                                                 \
		print_message(                                                                               \
			"# %s: %zu bytes said to be secret, %zu opened, %zu compared, %u complaints\n",      \
			what, classified.bytes, classified.opened, classified.compared, had);                \
		assert_int_equal(had, wanted);                                                               \
	} while (0)

#endif
