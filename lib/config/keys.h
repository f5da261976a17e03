/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Inside lib/config: what the keys of several sections have in common. Each function stores the value it understands, and
 * complains about anything else with the word of what it expected.
 */
#ifndef SEALANE_CONFIG_KEYS_H
#define SEALANE_CONFIG_KEYS_H

#include "parser.h"

/* The value is not what it should be. */
void sl_key_bad(struct parser *p, const char *name, const char *value, const char *expected);

void sl_key_bool(struct parser *p, const char *name, const char *value, bool *out);

/* A duration between two bounds; 0 is always fine. */
void sl_key_duration(struct parser *p, const char *name, const char *value, uint64_t *out, uint64_t min,
	uint64_t max, const char *expected);

/* A number between two bounds; both are said when it is not. */
void sl_key_number(
	struct parser *p, const char *name, const char *value, unsigned *out, unsigned min, unsigned max);

/* The address of one host, in words where a key expects it. */
#define SL_HOST_EXPECTED "the address of one host"

/*
 * Prefixes of hosts of either family, with commas between them and no host bits set. Behind those that are there already;
 * at most SL_TS_MAX.
 */
void sl_key_prefixes(
	struct parser *p, const char *name, const char *value, struct sl_prefix *prefixes, unsigned *count);

/* When keys are replaced. */
void sl_key_rekey_time(struct parser *p, const char *name, const char *value, uint64_t *ns);
void sl_key_rekey_packets(struct parser *p, const char *name, const char *value, uint64_t *packets);
void sl_key_rekey_bytes(struct parser *p, const char *name, const char *value, uint64_t *bytes);

/* ---- Key files (key_files.c) ---------------------------------------------------------------------------------------- */

/* The path of a key file, relative to the folder of the file that is being read unless it is absolute; the caller's, or NULL. */
char *sl_key_path(struct parser *p, const char *value);

/* What a key file should be: in words, and which program writes one. */
struct key_kind {
	const char *content;
	const char *form;
	const char *writer;
};

/* Says why a key file cannot be used. What should be its path may be the key itself, pasted there. */
void sl_key_file_complain(struct parser *p, const struct key_kind *kind, const char *name, const char *value,
	const char *path, int error);

#endif
