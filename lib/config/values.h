/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Text to value, for the kinds of values a configuration has: pure functions that know no key and no section. Each
 * takes the whole text or returns false and leaves the result alone.
 */
#ifndef SEALANE_CONFIG_VALUES_H
#define SEALANE_CONFIG_VALUES_H

#include <stdbool.h>
#include <stdint.h>

#define SL_MICROSECOND UINT64_C(1000)
#define SL_MILLISECOND (1000 * SL_MICROSECOND)
#define SL_SECOND      (1000 * SL_MILLISECOND)
#define SL_DAY         (24 * 3600 * SL_SECOND)

#define SL_KIB (UINT64_C(1) << 10)
#define SL_GIB (UINT64_C(1) << 30)

/* A gateway's name is part of the path of its telemetry socket, which holds 108 bytes. */
enum { SL_NAME_MAX = 63 };

/* A number with its unit, us ms s m h d, in nanoseconds: 500ms, 1h. 0 alone needs none. */
bool sl_value_duration(uint64_t *ns, const char *text);

/* A number with its unit, KiB MiB GiB TiB, in bytes: 256GiB. */
bool sl_value_bytes(uint64_t *bytes, const char *text);

/* yes or no. */
bool sl_value_bool(bool *value, const char *text);

/* Decimal digits, at most INT32_MAX. */
bool sl_value_unsigned(unsigned *value, const char *text);

/* Decimal digits, at most INT64_MAX. */
bool sl_value_count(uint64_t *value, const char *text);

/* What an identity may be made of, as a test and in words. */
#define SL_NAME_EXPECTED "1 to 63 letters, digits, '.', '-', '_' and '@'"
bool sl_value_is_name(const char *text);

/*
 * Takes the next item off a comma-separated list, without the white space around it. *rest points into a string that is
 * cut up on the way, and is NULL once the last item was taken; then NULL is returned.
 */
char *sl_value_next_item(char **rest);

/*
 * The text as a complaint may show it: text itself, unless something in it looks like a key in base64 or hexadecimal.
 * People paste keys into the wrong line, and complaints end in logs.
 */
const char *sl_value_shown(const char *text);

/* Cuts white space off both ends, in place; returns where the text now begins. */
char *sl_value_trim(char *text);

#endif
