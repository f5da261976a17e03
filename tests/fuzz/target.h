/* SPDX-License-Identifier: BSD-3-Clause */
/* The interface of libFuzzer, which every fuzz target implements. */
#ifndef SEALANE_TESTS_FUZZ_TARGET_H
#define SEALANE_TESTS_FUZZ_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Optional: once, before the first input. */
int LLVMFuzzerInitialize(int *argc, char ***argv);

/* Must survive any input. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
