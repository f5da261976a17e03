/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two configurations, and what lies between them, as a reload looks at it. A script gives lines for the old one, the new one
 * or both; whatever it does not say is as below. What must hold: what is the same is said to be the same, in either
 * direction; whatever is not names its keys; and no pair of files is too much.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/config/difference.h"
#include "script.h"
#include "target.h"

enum { SIDES = 2, TEXT_MAX = 16384, LINES_MAX = 160 };

static const struct {
	const char *header;
	const char *lines[6];
} skeleton[] = {
	{"[gateway]", {"name = alpha", "private-key = a.key"}},
	{"[wire]", {"port = net_w", "address = 192.0.2.1/24, 2001:db8::1/64"}},
	{"[plain]", {"port = net_p", "address = 10.1.0.1/16, fd00:1::1/64"}},
	{"[peer beta]", {"public-key = oHqi9SF4gPRlwFYpSEcOgqPW7eLuNAnoY/VbwHZIJwM=", "endpoint = 192.0.2.2",
				"prefixes = 10.2.0.0/16"}},
	{"[peer gamma]",
		{"public-key = 11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", "prefixes = 10.3.0.0/16"}},
	{"[flow web]", {"peer = beta", "protocol = tcp", "remote-port = 80"}},
};

enum { SECTIONS = sizeof(skeleton) / sizeof(*skeleton) };

/* The kind of a record: the sides it is for, and the section. */
const struct script_form script_form = {.setting = 1, .kinds = 4 * SECTIONS};

static struct record lines[LINES_MAX];
static unsigned line_count;

/* Each path has a key of its own. */
static int key_of_path(struct sl_ed25519_key *key, const char *path)
{
	memset(key->seed, (int)strlen(path) + 1, sizeof(key->seed));
	sl_ed25519_from_seed(key);
	return 0;
}

static int ppk_of_path(struct sl_ppk *ppk, const char *path)
{
	ppk->len = SL_PPK_MIN;
	memset(ppk->bytes, (int)strlen(path), SL_PPK_MIN);
	return 0;
}

static int match_nothing(const char *pattern, void (*take)(void *ctx, const char *path), void *ctx)
{
	(void)pattern;
	(void)take;
	(void)ctx;
	return 0;
}

static FILE *open_nothing(const char *path)
{
	(void)path;
	return NULL;
}

static size_t key_len(const char *line, size_t len)
{
	size_t n = 0;

	while (n < len && line[n] != '=' && line[n] != ' ')
		n++;
	return n;
}

static bool is_for(const struct record *r, unsigned side, unsigned section)
{
	const unsigned sides = r->kind & 3;

	return (sides == 0 || (sides >> side & 1)) && r->kind / 4u % SECTIONS == section;
}

/* The script says something about the key of this line, or, by an empty record, that the section is not there. */
static bool is_said(unsigned side, unsigned section, const char *line)
{
	const size_t len = key_len(line, strlen(line));

	for (unsigned i = 0; i < line_count; i++) {
		const struct record *r = &lines[i];

		if (is_for(r, side, section) && key_len((const char *)r->data, r->len) == len &&
			memcmp(r->data, line, len) == 0)
			return true;
	}
	return false;
}

static bool is_gone(unsigned side, unsigned section)
{
	for (unsigned i = 0; i < line_count; i++)
		if (is_for(&lines[i], side, section) && lines[i].len == 0)
			return true;
	return false;
}

static void put(char *text, size_t *len, const char *line, size_t line_len)
{
	if (*len + line_len + 2 > TEXT_MAX)
		return;
	memcpy(text + *len, line, line_len);
	*len += line_len;
	text[(*len)++] = '\n';
}

static size_t write_text(char *text, unsigned side)
{
	size_t len = 0;

	for (unsigned s = 0; s < SECTIONS; s++) {
		if (is_gone(side, s))
			continue;
		put(text, &len, skeleton[s].header, strlen(skeleton[s].header));
		for (unsigned i = 0; i < 6 && skeleton[s].lines[i]; i++)
			if (!is_said(side, s, skeleton[s].lines[i]))
				put(text, &len, skeleton[s].lines[i], strlen(skeleton[s].lines[i]));
		for (unsigned i = 0; i < line_count; i++)
			if (is_for(&lines[i], side, s))
				put(text, &len, (const char *)lines[i].data, lines[i].len);
	}
	return len;
}

static void ignore(void *ctx, const char *line)
{
	(void)ctx;
	(void)line;
}

static struct sl_config *parse(const char *text, size_t len)
{
	static const struct sl_config_loaders loaders = {
		.key = key_of_path, .ppk = ppk_of_path, .match = match_nothing, .open = open_nothing};
	FILE *file = fmemopen((void *)(uintptr_t)text, len, "r");
	struct sl_config *config = file ? sl_config_parse(file, "fuzz/x.conf", &loaders, ignore, NULL) : NULL;

	if (file)
		fclose(file);
	return config;
}

/* ---- What must hold ------------------------------------------------------------------------------------------------------- */

static bool is_same(const struct sl_config_difference *d)
{
	const size_t len = strnlen(d->keys, sizeof(d->keys));

	if (len == sizeof(d->keys) || strchr(d->keys, '\n') || (d->effect == SL_CONFIG_SAME) != (len == 0))
		abort();
	return d->effect == SL_CONFIG_SAME;
}

static void check_peers(const struct sl_config *old, const struct sl_config *new, bool same)
{
	for (unsigned i = 0; i < old->peer_count; i++) {
		const unsigned j = sl_config_find_peer(new, old->peers[i].name);
		struct sl_config_difference there, back;

		if (j == new->peer_count) {
			if (same)
				abort();
			continue;
		}
		there = sl_config_compare_peers(old, i, new, j);
		back = sl_config_compare_peers(new, j, old, i);
		if (is_same(&there) != is_same(&back) || (same && !is_same(&there)))
			abort();
	}
}

static void check_pair(const struct sl_config *old, const struct sl_config *new, bool same)
{
	const struct sl_config_difference there = sl_config_compare(old, new),
					  back = sl_config_compare(new, old);

	if (is_same(&there) != is_same(&back) || (same && !is_same(&there)))
		abort();
	check_peers(old, new, same);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char text[SIDES][TEXT_MAX];
	struct script script = {.at = data + 1, .left = size - 1};
	struct sl_config *config[SIDES];
	size_t len[SIDES];

	if (size < 1 || sl_crypto_init() != 0)
		return 0;
	line_count = 0;
	while (line_count < LINES_MAX && next_record(&script, &lines[line_count]))
		line_count++;
	for (unsigned side = 0; side < SIDES; side++) {
		len[side] = write_text(text[side], side);
		config[side] = parse(text[side], len[side]);
	}
	if (config[0])
		check_pair(config[0], config[0], true);
	if (config[0] && config[1])
		check_pair(config[0], config[1], len[0] == len[1] && memcmp(text[0], text[1], len[0]) == 0);
	for (unsigned side = 0; side < SIDES; side++)
		sl_config_free(config[side]);
	return 0;
}
