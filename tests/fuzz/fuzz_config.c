/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fuzzing the configuration file: any bytes give a configuration that keeps its promises, or complaints of one line
 * each. No file is touched: the key that the text names is always the same, and what it includes comes from the same bytes,
 * behind a separator.
 */
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int fixed_key(struct sl_ed25519_key *key, const char *path)
{
	assert(path[0] != '\0');
	memset(key->seed, 7, sizeof(key->seed));
	sl_ed25519_from_seed(key);
	return 0;
}

static int fixed_ppk(struct sl_ppk *ppk, const char *path)
{
	assert(path[0] != '\0');
	ppk->len = SL_PPK_MIN;
	return 0;
}

/* ---- The files: parts of the input -------------------------------------------------------------------------------- */

enum { SEPARATOR = 0x1e, PARTS_MAX = 5, OPENED_MAX = 64 };

struct part {
	const uint8_t *data;
	size_t size;
};

static struct part parts[PARTS_MAX]; /* the first is the main file */
static unsigned part_count;
static char *opened[OPENED_MAX];
static unsigned opened_count;

static void split(const uint8_t *data, size_t size)
{
	const uint8_t *end = NULL;

	part_count = 0;
	do {
		end = part_count + 1 < PARTS_MAX && size > 0 ? memchr(data, SEPARATOR, size) : NULL;
		parts[part_count] = (struct part){data, end != NULL ? (size_t)(end - data) : size};
		size -= parts[part_count].size + (end != NULL);
		data += parts[part_count++].size + (end != NULL);
	} while (end != NULL);
}

/* fmemopen() takes no empty buffer. */
static FILE *open_part(unsigned i)
{
	errno = ENOENT;
	return i < part_count && parts[i].size > 0
		       ? fmemopen((void *)(uintptr_t)parts[i].data, parts[i].size, "r")
		       : NULL;
}

/* Every pattern stands for all the parts. */
static int match_parts(const char *pattern, void (*take)(void *ctx, const char *path), void *ctx)
{
	char path[32];

	assert(strpbrk(pattern, "*?[") != NULL);
	if (strlen(pattern) % 7 == 6)
		return EACCES;
	for (unsigned i = 1; i < part_count; i++) {
		snprintf(path, sizeof(path), "fuzz/part-%u.conf", i);
		take(ctx, path);
	}
	return 0;
}

/* Any name stands for one of them. */
static FILE *open_included(const char *path)
{
	unsigned number = (unsigned)strlen(path);
	FILE *file;

	assert(strcmp(path, "fuzz/x.conf") != 0);
	for (const char *c = path; *c != '\0'; c++) {
		if (iscntrl((unsigned char)*c))
			return NULL;
	}
	(void)sscanf(path, "fuzz/part-%u.conf", &number);
	file = part_count > 1 && opened_count < OPENED_MAX ? open_part(1 + (number - 1) % (part_count - 1))
							   : NULL;
	if (file != NULL)
		opened[opened_count++] = strdup(path);
	return file;
}

static bool begins_with(const char *line, const char *path)
{
	return strncmp(line, path, strlen(path)) == 0 && line[strlen(path)] == ':';
}

/* A complaint is about the file or about one that it includes. */
static void check_line(void *ctx, const char *line)
{
	unsigned *complaints = ctx;
	bool known = begins_with(line, "fuzz/x.conf");

	for (unsigned i = 0; i < opened_count && !known; i++)
		known = begins_with(line, opened[i]);
	assert(known);
	assert(strchr(line, '\n') == NULL);
	(*complaints)++;
}

/* ---- The promises ------------------------------------------------------------------------------------------------- */

static void check_port(const struct sl_config_port *port)
{
	assert(port->port != NULL && port->port_line > 0);
	assert(port->address_count >= 1 && port->address_count <= SL_CONFIG_ADDRESSES_MAX);
	assert(port->route_count <= SL_CONFIG_ROUTES_MAX && port->vlan <= 4094);
	for (unsigned i = 0; i < port->address_count; i++)
		assert(port->addresses[i].addr.family != SL_NONE && port->addresses[i].len >= 1);
	assert(port->mtu >= SL_CONFIG_MTU_MIN && port->mtu <= SL_CONFIG_MTU_MAX);
}

static void check_peer(const struct sl_config *config, const struct sl_config_peer *peer)
{
	assert(peer->name != NULL && strcmp(peer->name, config->name) != 0);
	assert(peer->public_key_count >= 1 && peer->public_key_count <= SL_CONFIG_PUBLIC_KEYS_MAX);
	assert(peer->prefix_count >= 1 && peer->prefix_count <= SL_TS_MAX);
	assert(peer->cipher_count >= 1 && peer->cipher_count <= SL_CIPHER_COUNT);
	assert((peer->ppk != NULL) == (peer->ppk_id != NULL));
	assert(peer->ppk == NULL || peer->ppk->len >= SL_PPK_MIN);
	assert(peer->start == SL_CONFIG_START_NONE || peer->endpoint.addr.family != SL_NONE);
	for (unsigned i = 0; i < peer->prefix_count; i++) {
		struct sl_prefix masked = sl_prefix_mask(&peer->prefixes[i]);

		assert(sl_addr_equal(&masked.addr, &peer->prefixes[i].addr));
		for (unsigned j = 0; j < config->plain.address_count; j++)
			assert(!sl_prefix_overlap(&peer->prefixes[i], &config->plain.addresses[j]));
	}
}

static void check_flow(const struct sl_config *config, const struct sl_config_flow *flow)
{
	assert(flow->peer < config->peer_count &&
		strcmp(config->peers[flow->peer].name, flow->peer_name) == 0);
	assert(flow->local_count >= 1 && flow->local_count <= SL_TS_MAX);
	assert(flow->remote_count >= 1 && flow->remote_count <= SL_TS_MAX);
	assert(flow->local_port_first <= flow->local_port_last &&
		flow->remote_port_first <= flow->remote_port_last);
	assert(flow->rekey_time > 0 && flow->rekey_packets > 0 && flow->rekey_bytes > 0);
}

static void check_config(const struct sl_config *config)
{
	assert(config->name != NULL && config->key_path != NULL && config->peer_count >= 1);
	check_port(&config->wire);
	check_port(&config->plain);
	for (unsigned i = 0; i < config->peer_count; i++)
		check_peer(config, &config->peers[i]);
	for (unsigned i = 0; i < config->flow_count; i++)
		check_flow(config, &config->flows[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct sl_config_loaders loaders = {
		.key = fixed_key, .ppk = fixed_ppk, .match = match_parts, .open = open_included};
	unsigned complaints = 0;
	struct sl_config *config;
	FILE *file;

	if (sl_crypto_init() != 0)
		abort();
	split(data, size);
	file = open_part(0);
	if (file == NULL)
		return 0;
	config = sl_config_parse(file, "fuzz/x.conf", &loaders, check_line, &complaints);
	fclose(file);
	assert((config == NULL) == (complaints > 0));
	if (config != NULL)
		check_config(config);
	sl_config_free(config);
	while (opened_count > 0)
		free(opened[--opened_count]);
	return 0;
}
