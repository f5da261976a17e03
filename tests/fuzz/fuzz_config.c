/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fuzzing the configuration file: any bytes give a configuration that keeps its promises, or complaints of one line
 * each. No file is touched: the key that the text names is always the same.
 */
#include <assert.h>
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

static void check_line(void *ctx, const char *line)
{
	unsigned *complaints = ctx;

	assert(strncmp(line, "fuzz/x.conf:", strlen("fuzz/x.conf:")) == 0);
	assert(strchr(line, '\n') == NULL);
	(*complaints)++;
}

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct sl_config_loaders loaders = {.key = fixed_key, .ppk = fixed_ppk};
	unsigned complaints = 0;
	struct sl_config *config;
	FILE *file;

	if (sl_crypto_init() != 0)
		abort();
	if (size == 0)
		return 0; /* fmemopen() takes no empty buffer */
	file = fmemopen((void *)(uintptr_t)data, size, "r");
	assert(file != NULL);
	config = sl_config_parse(file, "fuzz/x.conf", &loaders, check_line, &complaints);
	fclose(file);
	assert((config == NULL) == (complaints > 0));
	if (config == NULL)
		return 0;
	assert(config->name != NULL && config->peer_count >= 1);
	check_port(&config->wire);
	check_port(&config->plain);
	for (unsigned i = 0; i < config->peer_count; i++)
		check_peer(config, &config->peers[i]);
	for (unsigned i = 0; i < config->flow_count; i++)
		check_flow(config, &config->flows[i]);
	sl_config_free(config);
	return 0;
}
