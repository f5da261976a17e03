/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of lib/crypto share among themselves; nothing outside includes this but their unit tests. */
#ifndef SEALANE_CRYPTO_INTERNAL_H
#define SEALANE_CRYPTO_INTERNAL_H

/* Starts ipsec-mb and fills in sl_gcm_ops. Returns 0, SL_CRYPTO_E_NO_AES or SL_CRYPTO_E_LIBRARY. */
int sl_aead_init(void);

/* The code path ipsec-mb picked for this CPU: "sse", "avx2", "avx512", ... */
const char *sl_aead_arch(void);

/* Runs every known-answer test. Returns NULL, or the name of the first primitive that is broken. */
const char *sl_selftest(void);

#endif
