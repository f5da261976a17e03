/* SPDX-License-Identifier: BSD-3-Clause */
/* What has changed from one configuration to another: see difference.h. */
#include "difference.h"

#include <string.h>

typedef enum sl_config_effect compare(const void *old, const void *new);

struct rule {
	const char *key;
	compare *compare;
};

/* A comparison of two structs, as a function under this name: `same` is about their pointers a and b. */
#define RULE(name, type, same, effect)                                                                       \
	static enum sl_config_effect name(const void *old, const void *new)                                  \
	{                                                                                                    \
		const type *a = old, *b = new;                                                               \
                                                                                                             \
		return (same) ? SL_CONFIG_SAME : (effect);                                                   \
	}

/* ---- What values are the same ----------------------------------------------------------------------------------------- */

static bool same_text(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") == 0;
}

static bool same_prefixes(
	const struct sl_prefix *a, unsigned a_count, const struct sl_prefix *b, unsigned b_count)
{
	bool same = a_count == b_count;

	for (unsigned i = 0; i < a_count && same; i++)
		same = sl_addr_equal(&a[i].addr, &b[i].addr) && a[i].len == b[i].len;
	return same;
}

static bool same_routes(const struct sl_config_port *a, const struct sl_config_port *b)
{
	bool same = a->route_count == b->route_count;

	for (unsigned i = 0; i < a->route_count && same; i++)
		same = same_prefixes(&a->routes[i].prefix, 1, &b->routes[i].prefix, 1) &&
		       sl_addr_equal(&a->routes[i].via, &b->routes[i].via);
	return same;
}

/* The keys may be the same in another file, and others in the same one. */
static bool same_ppk(const struct sl_ppk *a, const struct sl_ppk *b)
{
	if (!a || !b)
		return a == b;
	return a->len == b->len && sl_equal(a->bytes, b->bytes, a->len);
}

static bool allows(const struct sl_config_peer *peer, enum sl_cipher cipher)
{
	for (unsigned i = 0; i < peer->cipher_count; i++) {
		if (peer->ciphers[i] == cipher)
			return true;
	}
	return false;
}

bool sl_config_has_key(const struct sl_config_peer *peer, const uint8_t key[static SL_ED25519_PUBLIC_LEN])
{
	for (unsigned i = 0; i < peer->public_key_count; i++) {
		if (memcmp(peer->public_keys[i], key, SL_ED25519_PUBLIC_LEN) == 0)
			return true;
	}
	return false;
}

/* In any order. No peer has a key twice. */
static bool same_keys(const struct sl_config_peer *a, const struct sl_config_peer *b)
{
	bool same = a->public_key_count == b->public_key_count;

	for (unsigned i = 0; i < a->public_key_count && same; i++)
		same = sl_config_has_key(b, a->public_keys[i]);
	return same;
}

/* ---- [gateway], [wire], [plain] --------------------------------------------------------------------------------------- */

RULE(gateway_name, struct sl_config, same_text(a->name, b->name), SL_CONFIG_RESTART)
RULE(gateway_private_key, struct sl_config,
	memcmp(a->key->public, b->key->public, SL_ED25519_PUBLIC_LEN) == 0, SL_CONFIG_RESTART)
RULE(gateway_eal, struct sl_config, same_text(a->eal, b->eal), SL_CONFIG_RESTART)
RULE(gateway_idle_sleep, struct sl_config, a->idle_sleep == b->idle_sleep, SL_CONFIG_RESTART)
RULE(gateway_mss_clamp, struct sl_config, a->mss_clamp == b->mss_clamp, SL_CONFIG_RESTART)
RULE(gateway_group, struct sl_config, same_text(a->group, b->group), SL_CONFIG_RESTART)

/* `include` is no value of its own: what is in those files is compared. */
static const struct rule gateway_rules[] = {
	{"name", gateway_name},
	{"private-key", gateway_private_key},
	{"eal", gateway_eal},
	{"idle-sleep", gateway_idle_sleep},
	{"mss-clamp", gateway_mss_clamp},
	{"group", gateway_group},
};

RULE(port_port, struct sl_config_port, same_text(a->port, b->port) && same_text(a->tap, b->tap),
	SL_CONFIG_RESTART)
RULE(port_address, struct sl_config_port,
	same_prefixes(a->addresses, a->address_count, b->addresses, b->address_count), SL_CONFIG_RESTART)
RULE(port_mtu, struct sl_config_port, a->mtu == b->mtu, SL_CONFIG_RESTART)
RULE(port_vlan, struct sl_config_port, a->vlan == b->vlan, SL_CONFIG_RESTART)
RULE(port_next_hop, struct sl_config_port,
	sl_addr_equal(&a->next_hop, &b->next_hop) && sl_addr_equal(&a->next_hop6, &b->next_hop6),
	SL_CONFIG_RESTART)
RULE(port_routes, struct sl_config_port, same_routes(a, b), SL_CONFIG_RESTART)
RULE(port_wait_for_peer, struct sl_config_port, a->wait_for_peer == b->wait_for_peer, SL_CONFIG_RESTART)

static const struct rule port_rules[] = {
	{"port", port_port},
	{"address", port_address},
	{"mtu", port_mtu},
	{"vlan", port_vlan},
	{"next-hop", port_next_hop},
	{"routes", port_routes},
	{"wait-for-peer", port_wait_for_peer},
};

/* ---- [peer NAME] -------------------------------------------------------------------------------------------------------- */

/* Who has a link that was made with a key that goes must look at that (reload.c); keys that come are for handshakes to come. */
RULE(peer_public_key, struct sl_config_peer, same_keys(a, b), SL_CONFIG_IN_PLACE)
RULE(peer_endpoint, struct sl_config_peer, sl_endpoint_equal(&a->endpoint, &b->endpoint), SL_CONFIG_IN_PLACE)
RULE(peer_prefixes, struct sl_config_peer,
	same_prefixes(a->prefixes, a->prefix_count, b->prefixes, b->prefix_count), SL_CONFIG_NEW_LINK)
RULE(peer_esn, struct sl_config_peer, a->esn == b->esn, SL_CONFIG_NEW_KEYS)
RULE(peer_encapsulation, struct sl_config_peer, a->udp == b->udp, SL_CONFIG_NEW_LINK)
RULE(peer_udp_checksum, struct sl_config_peer, a->udp_checksum == b->udp_checksum, SL_CONFIG_NEW_KEYS)
RULE(peer_dscp, struct sl_config_peer, a->dscp == b->dscp, SL_CONFIG_NEW_KEYS)
RULE(peer_start, struct sl_config_peer, a->start == b->start, SL_CONFIG_IN_PLACE)
RULE(peer_source_port, struct sl_config_peer, a->source_port_per_sa == b->source_port_per_sa,
	SL_CONFIG_NEW_KEYS)
RULE(peer_dpd_delay, struct sl_config_peer, a->dpd_delay == b->dpd_delay, SL_CONFIG_IN_PLACE)
RULE(peer_rekey_time, struct sl_config_peer, a->rekey_time == b->rekey_time, SL_CONFIG_IN_PLACE)
RULE(peer_rekey_packets, struct sl_config_peer, a->rekey_packets == b->rekey_packets, SL_CONFIG_IN_PLACE)
RULE(peer_rekey_bytes, struct sl_config_peer, a->rekey_bytes == b->rekey_bytes, SL_CONFIG_IN_PLACE)
RULE(peer_ppk, struct sl_config_peer, same_ppk(a->ppk, b->ppk), SL_CONFIG_NEW_LINK)
RULE(peer_ppk_id, struct sl_config_peer, same_text(a->ppk_id, b->ppk_id), SL_CONFIG_NEW_LINK)
RULE(peer_ppk_required, struct sl_config_peer, a->ppk_required == b->ppk_required, SL_CONFIG_NEW_LINK)

/* An SA with a cipher that is not allowed any more shall not live on because the peer refuses another. */
static enum sl_config_effect peer_cipher(const void *old, const void *new)
{
	const struct sl_config_peer *a = old, *b = new;
	bool same = a->cipher_count == b->cipher_count;

	for (unsigned i = 0; i < a->cipher_count; i++) {
		if (!allows(b, a->ciphers[i]))
			return SL_CONFIG_NEW_LINK;
		same = same && a->ciphers[i] == b->ciphers[i];
	}
	return same ? SL_CONFIG_SAME : SL_CONFIG_NEW_KEYS;
}

static const struct rule peer_rules[] = {
	{"public-key", peer_public_key},
	{"endpoint", peer_endpoint},
	{"prefixes", peer_prefixes},
	{"cipher", peer_cipher},
	{"esn", peer_esn},
	{"encapsulation", peer_encapsulation},
	{"udp-checksum", peer_udp_checksum},
	{"dscp", peer_dscp},
	{"start", peer_start},
	{"source-port", peer_source_port},
	{"dpd-delay", peer_dpd_delay},
	{"rekey-after-time", peer_rekey_time},
	{"rekey-after-packets", peer_rekey_packets},
	{"rekey-after-bytes", peer_rekey_bytes},
	{"ppk", peer_ppk},
	{"ppk-id", peer_ppk_id},
	{"ppk-required", peer_ppk_required},
};

/* ---- [flow NAME] -------------------------------------------------------------------------------------------------------- */

RULE(flow_name, struct sl_config_flow, same_text(a->name, b->name), SL_CONFIG_NEW_LINK)
RULE(flow_local, struct sl_config_flow, same_prefixes(a->local, a->local_count, b->local, b->local_count),
	SL_CONFIG_NEW_LINK)
RULE(flow_remote, struct sl_config_flow,
	same_prefixes(a->remote, a->remote_count, b->remote, b->remote_count), SL_CONFIG_NEW_LINK)
RULE(flow_protocol, struct sl_config_flow, a->protocol == b->protocol, SL_CONFIG_NEW_LINK)
RULE(flow_local_port, struct sl_config_flow,
	a->local_port_first == b->local_port_first && a->local_port_last == b->local_port_last,
	SL_CONFIG_NEW_LINK)
RULE(flow_remote_port, struct sl_config_flow,
	a->remote_port_first == b->remote_port_first && a->remote_port_last == b->remote_port_last,
	SL_CONFIG_NEW_LINK)
RULE(flow_rekey_time, struct sl_config_flow, a->rekey_time == b->rekey_time, SL_CONFIG_IN_PLACE)
RULE(flow_rekey_packets, struct sl_config_flow, a->rekey_packets == b->rekey_packets, SL_CONFIG_IN_PLACE)
RULE(flow_rekey_bytes, struct sl_config_flow, a->rekey_bytes == b->rekey_bytes, SL_CONFIG_IN_PLACE)

/* Of two flows with one peer; which peer that is decides which flows are compared. */
static const struct rule flow_rules[] = {
	{"name", flow_name},
	{"local", flow_local},
	{"remote", flow_remote},
	{"protocol", flow_protocol},
	{"local-port", flow_local_port},
	{"remote-port", flow_remote_port},
	{"rekey-after-time", flow_rekey_time},
	{"rekey-after-packets", flow_rekey_packets},
	{"rekey-after-bytes", flow_rekey_bytes},
};

/* ---- The comparison ------------------------------------------------------------------------------------------------------ */

static void note(
	struct sl_config_difference *d, const char *where, const char *key, enum sl_config_effect effect)
{
	size_t len = strlen(d->keys);

	if (effect == SL_CONFIG_SAME)
		return;
	if (effect > d->effect)
		d->effect = effect;
	snprintf(d->keys + len, sizeof(d->keys) - len, "%s%s%s", len ? ", " : "", where, key);
}

static void apply(struct sl_config_difference *d, const char *where, const struct rule *rules, size_t count,
	const void *old, const void *new)
{
	for (size_t i = 0; i < count; i++)
		note(d, where, rules[i].key, rules[i].compare(old, new));
}

#define APPLY(d, where, rules, old, new)                                                                     \
	apply((d), (where), (rules), sizeof(rules) / sizeof((rules)[0]), (old), (new))

struct sl_config_difference sl_config_compare(const struct sl_config *old, const struct sl_config *new)
{
	struct sl_config_difference d = {.effect = SL_CONFIG_SAME};

	APPLY(&d, "[gateway] ", gateway_rules, old, new);
	APPLY(&d, "[wire] ", port_rules, &old->wire, &new->wire);
	APPLY(&d, "[plain] ", port_rules, &old->plain, &new->plain);
	return d;
}

/* The next flow with this peer from index *i on, or NULL. */
static const struct sl_config_flow *next_flow(const struct sl_config *config, unsigned peer, unsigned *i)
{
	while (*i < config->flow_count) {
		const struct sl_config_flow *flow = &config->flows[(*i)++];

		if (flow->peer == peer)
			return flow;
	}
	return NULL;
}

/* Their order counts: of those that cover a packet the first has it. */
static void compare_flows(struct sl_config_difference *d, const struct sl_config *old, unsigned old_peer,
	const struct sl_config *new, unsigned new_peer)
{
	const struct sl_config_flow *a, *b;
	unsigned i = 0, k = 0;

	do {
		char where[96];

		a = next_flow(old, old_peer, &i);
		b = next_flow(new, new_peer, &k);
		if (a && b) {
			snprintf(where, sizeof(where), "[flow %s] ", a->name);
			APPLY(d, where, flow_rules, a, b);
		} else if (a || b) {
			snprintf(where, sizeof(where), "[flow %s]", a ? a->name : b->name);
			note(d, where, "", SL_CONFIG_NEW_LINK);
		}
	} while (a || b);
}

struct sl_config_difference sl_config_compare_peers(
	const struct sl_config *old, unsigned old_peer, const struct sl_config *new, unsigned new_peer)
{
	struct sl_config_difference d = {.effect = SL_CONFIG_SAME};

	APPLY(&d, "", peer_rules, &old->peers[old_peer], &new->peers[new_peer]);
	compare_flows(&d, old, old_peer, new, new_peer);
	return d;
}

unsigned sl_config_find_peer(const struct sl_config *config, const char *name)
{
	unsigned i = 0;

	while (i < config->peer_count && strcmp(config->peers[i].name, name) != 0)
		i++;
	return i;
}
