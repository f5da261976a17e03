/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who is who: each name and each public key belongs to one gateway. Two peers with one key could not be told apart, so neither
 * name would prove anything. Public keys are no secrets.
 */
#include "files.h"

#include <stdlib.h>
#include <string.h>

static void check_names(struct parser *p)
{
	for (unsigned i = 0; i < p->config->peer_count; i++) {
		const struct sl_config_peer *peer = &p->config->peers[i];

		if (p->config->name != NULL && strcmp(peer->name, p->config->name) == 0)
			sl_config_complain(p, peer->line,
				"peer '%s' has the name of this gateway, expected another name", peer->name);
	}
}

/* A public key and whose it is. */
struct owned {
	const uint8_t *key;
	unsigned peer;
	int line;
};

/* Equal keys side by side, and of those the first in the file first. */
static int by_key(const void *a, const void *b)
{
	const struct owned *x = a, *y = b;
	int order = memcmp(x->key, y->key, SL_ED25519_PUBLIC_LEN);

	return order != 0 ? order : (x->line > y->line) - (x->line < y->line);
}

/* All public keys of all peers, sorted; NULL when there is none or no memory. */
static struct owned *collect_keys(struct parser *p, size_t *count)
{
	const struct sl_config *c = p->config;
	struct owned *all;

	*count = 0;
	for (unsigned i = 0; i < c->peer_count; i++)
		*count += c->peers[i].public_key_count;
	if (*count == 0)
		return NULL;
	all = calloc(*count, sizeof(*all));
	if (all == NULL) {
		p->no_memory = true;
		return NULL;
	}
	*count = 0;
	for (unsigned i = 0; i < c->peer_count; i++) {
		const struct sl_config_peer *peer = &c->peers[i];

		for (unsigned j = 0; j < peer->public_key_count; j++)
			all[(*count)++] = (struct owned){peer->public_keys[j], i, peer->public_key_lines[j]};
	}
	qsort(all, *count, sizeof(*all), by_key);
	return all;
}

static void complain_shared(struct parser *p, const struct owned *first, const struct owned *second)
{
	const struct sl_config_peer *peers = p->config->peers;
	char place[SL_PLACE_MAX];

	sl_config_place(p, first->line, second->line, place);
	if (first->peer == second->peer)
		sl_config_complain(p, second->line,
			"public-key is given twice for peer '%s', first on %s, expected another key",
			peers[second->peer].name, place);
	else
		sl_config_complain(p, second->line,
			"peer '%s' has the public key of peer '%s' (%s), expected its own",
			peers[second->peer].name, peers[first->peer].name, place);
}

static void check_public_keys(struct parser *p)
{
	const struct sl_config *c = p->config;
	size_t count;
	struct owned *all = collect_keys(p, &count);
	const struct owned *first = all;

	for (size_t i = 0; i < count && all != NULL; i++) {
		if (memcmp(all[i].key, c->key->public, SL_ED25519_PUBLIC_LEN) == 0)
			sl_config_complain(p, all[i].line,
				"the public key of peer '%s' is this gateway's own, expected the peer's",
				c->peers[all[i].peer].name);
		if (i > 0 && memcmp(first->key, all[i].key, SL_ED25519_PUBLIC_LEN) == 0)
			complain_shared(p, first, &all[i]);
		else
			first = &all[i];
	}
	free(all);
}

void sl_config_check_identities(struct parser *p)
{
	check_names(p);
	check_public_keys(p);
}
