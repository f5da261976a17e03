/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What has changed from one configuration to another, key by key, and what it takes to put that into effect while the
 * gateway runs. There is a rule for every key of every section, in one table a section; a unit test has a sample of each key
 * that the parser knows, and fails for one that makes no difference here.
 */
#ifndef SEALANE_CONFIG_DIFFERENCE_H
#define SEALANE_CONFIG_DIFFERENCE_H

#include "config.h"

/* What a change costs; each costs more than those before. */
enum sl_config_effect {
	SL_CONFIG_SAME,
	SL_CONFIG_IN_PLACE, /* nothing: it is how the link goes on */
	SL_CONFIG_NEW_KEYS, /* it is a property of child SAs, so these are rekeyed, which loses no packet */
	SL_CONFIG_NEW_LINK, /* the link with this peer begins anew */
	SL_CONFIG_RESTART,  /* the gateway must be started again */
};

enum { SL_CONFIG_KEYS_TEXT = 256 };

struct sl_config_difference {
	enum sl_config_effect effect;   /* the costliest */
	char keys[SL_CONFIG_KEYS_TEXT]; /* "endpoint, dpd-delay"; "[wire] mtu"; cut to fit; empty: none */
};

/* [gateway], [wire] and [plain]. */
struct sl_config_difference sl_config_compare(const struct sl_config *old, const struct sl_config *new);

/*
 * The peer old_peer and its flows, and new_peer, which has the same name. Whether a link lives by a key that has gone is for
 * who knows the link.
 */
struct sl_config_difference sl_config_compare_peers(
	const struct sl_config *old, unsigned old_peer, const struct sl_config *new, unsigned new_peer);

/* The index of the peer of this name, or peer_count. */
unsigned sl_config_find_peer(const struct sl_config *config, const char *name);

/* The peer may sign with this key. */
bool sl_config_has_key(const struct sl_config_peer *peer, const uint8_t key[static SL_ED25519_PUBLIC_LEN]);

#endif
