/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Numbers as people read them. Each prints into a buffer of SL_HUMAN_MAX bytes and returns it.
 */
#ifndef SEALANE_APP_HUMAN_H
#define SEALANE_APP_HUMAN_H

#include <stdint.h>

enum { SL_HUMAN_MAX = 64 };

/* "0 B", "512 B", "1.50 KiB", "3.25 GiB" */
const char *sl_human_bytes(char *text, uint64_t bytes);

/* "0", "999", "1.50 k", "4.29 G": packets and other things that are counted in tens. */
const char *sl_human_count(char *text, uint64_t count);

/* 0 to 1000 as "0.0 %" to "100.0 %". */
const char *sl_human_permille(char *text, uint64_t permille);

/* "0 seconds", "1 minute 3 seconds", "2 days 1 hour": the two largest units. */
const char *sl_human_seconds(char *text, uint64_t seconds);

/* "0s", "1m 3s", "2d 1h": the same for tables. */
const char *sl_human_short(char *text, uint64_t seconds);

#endif
