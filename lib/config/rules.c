/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What must hold between values. A value that is missing or was complained about is unset (a family of SL_NONE, a name
 * of NULL, a key of zeros), and every rule passes over it: one mistake makes one complaint.
 */
#include "parser.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "addresses.h"

static int last_line(const struct parser *p)
{
	return p->line > 0 ? p->line : 1;
}

static void check_sections(struct parser *p)
{
	const struct {
		const char *name;
		const struct section *section;
	} single[] = {{"gateway", &p->gateway}, {"wire", &p->wire}, {"plain", &p->plain}};

	for (unsigned i = 0; i < 3; i++) {
		if (single[i].section->kind != NULL)
			sl_config_check_required(p, single[i].section);
		else
			sl_config_complain(p, last_line(p), "no [%s] section, expected one", single[i].name);
	}
	for (unsigned i = 0; i < p->config->peer_count; i++)
		sl_config_check_required(p, &p->peers[i]);
	if (p->config->peer_count == 0)
		sl_config_complain(p, last_line(p), "no [peer NAME] section, expected at least one");
}

/* ---- Identities ------------------------------------------------------------------------------------------------ */

static void check_names(struct parser *p)
{
	for (unsigned i = 0; i < p->config->peer_count; i++) {
		const struct sl_config_peer *peer = &p->config->peers[i];

		if (p->config->name != NULL && strcmp(peer->name, p->config->name) == 0)
			sl_config_complain(p, peer->line,
				"peer '%s' has the name of this gateway, expected another name", peer->name);
	}
}

static bool is_set(const uint8_t key[static SL_ED25519_PUBLIC_LEN])
{
	static const uint8_t unset[SL_ED25519_PUBLIC_LEN];

	return memcmp(key, unset, sizeof(unset)) != 0;
}

/* Two peers with one key could not be told apart, so neither name would prove anything. Public keys: no secrets. */
static void check_public_keys(struct parser *p)
{
	const struct sl_config *c = p->config;

	for (unsigned i = 0; i < c->peer_count; i++) {
		const uint8_t *key = c->peers[i].public_key;
		int line = p->peers[i].key_line[PEER_PUBLIC_KEY];
		unsigned j = 0;

		if (!is_set(key))
			continue;
		if (memcmp(key, c->key->public, SL_ED25519_PUBLIC_LEN) == 0)
			sl_config_complain(p, line,
				"the public key of peer '%s' is this gateway's own, expected the peer's",
				c->peers[i].name);
		while (j < i && memcmp(key, c->peers[j].public_key, SL_ED25519_PUBLIC_LEN) != 0)
			j++;
		if (j < i)
			sl_config_complain(p, line,
				"peer '%s' has the public key of peer '%s' (line %d), expected its own",
				c->peers[i].name, c->peers[j].name, p->peers[j].key_line[PEER_PUBLIC_KEY]);
	}
}

/* ---- Ports ----------------------------------------------------------------------------------------------------- */

/* DPDK takes 3b:00.0 for 0000:3b:00.0. */
static const char *without_domain(const char *device)
{
	return strncmp(device, "0000:", 5) == 0 ? device + 5 : device;
}

static void check_ports(struct parser *p)
{
	const struct sl_config_port *wire = &p->config->wire, *plain = &p->config->plain;
	char text[SL_ADDR_TEXT];
	struct sl_prefix network;

	if (wire->port != NULL && plain->port != NULL &&
		strcasecmp(without_domain(wire->port), without_domain(plain->port)) == 0)
		sl_config_complain(p, plain->port_line,
			"port %s is the wire port too (line %d), expected another device", plain->port,
			wire->port_line);
	if (wire->address.addr.family == SL_NONE || plain->address.addr.family == SL_NONE)
		return;
	network = sl_prefix_mask(&wire->address);
	if (sl_prefix_overlap(&wire->address, &plain->address))
		sl_config_complain(p, p->plain.key_line[PORT_ADDRESS],
			"the plain network overlaps the wire network %s (line %d), expected separate networks",
			sl_prefix_text(&network, text), p->wire.key_line[PORT_ADDRESS]);
}

static void check_next_hop(struct parser *p)
{
	const struct sl_config_port *wire = &p->config->wire;
	struct sl_prefix network = sl_prefix_mask(&wire->address);
	int line = p->wire.key_line[WIRE_NEXT_HOP];
	char hop[SL_ADDR_TEXT], text[SL_ADDR_TEXT];
	const char *use;

	if (wire->next_hop.family == SL_NONE || wire->address.addr.family == SL_NONE)
		return;
	sl_addr_text(&wire->next_hop, hop);
	use = sl_address_use(&wire->next_hop, &network);
	if (!sl_prefix_contains(&network, &wire->next_hop))
		sl_config_complain(p, line,
			"next-hop %s is outside the wire network, expected an address in %s", hop,
			sl_prefix_text(&network, text));
	else if (sl_addr_equal(&wire->next_hop, &wire->address.addr))
		sl_config_complain(
			p, line, "next-hop %s is the wire port's own address, expected a router's", hop);
	else if (use != NULL)
		sl_config_complain(p, line, "next-hop %s is %s, expected the address of one host", hop, use);
}

/* ---- Endpoints ------------------------------------------------------------------------------------------------- */

/* Where a peer is, as seen from the wire port. */
static void check_endpoint(struct parser *p, const struct sl_addr *endpoint, int line)
{
	const struct sl_config_port *wire = &p->config->wire;
	struct sl_prefix network = sl_prefix_mask(&wire->address);
	char addr[SL_ADDR_TEXT], text[SL_ADDR_TEXT];
	const char *use;

	if (endpoint->family == SL_NONE || wire->address.addr.family == SL_NONE)
		return;
	sl_addr_text(endpoint, addr);
	if (!sl_prefix_contains(&network, endpoint)) {
		/* A next-hop that could not be read was complained about. */
		if (p->wire.key_line[WIRE_NEXT_HOP] == 0)
			sl_config_complain(p, line,
				"endpoint %s is outside the wire network %s, expected a next-hop in [wire]",
				addr, sl_prefix_text(&network, text));
		return;
	}
	use = sl_address_use(endpoint, &network);
	if (sl_addr_equal(endpoint, &wire->address.addr))
		sl_config_complain(
			p, line, "endpoint %s is this gateway's own wire address, expected the peer's", addr);
	else if (use != NULL)
		sl_config_complain(p, line, "endpoint %s is %s, expected the address of one host", addr, use);
}

/* Whom we connect to must have an address; then boot is the default. */
static void check_start(struct parser *p, struct sl_config_peer *peer, const struct section *section)
{
	bool has_endpoint = section->key_line[PEER_ENDPOINT] != 0;

	if (section->key_line[PEER_START] == 0)
		peer->start = has_endpoint ? SL_CONFIG_START_BOOT : SL_CONFIG_START_NONE;
	else if (peer->start != SL_CONFIG_START_NONE && !has_endpoint)
		sl_config_complain(p, section->key_line[PEER_START],
			"start is %s, but peer '%s' has no endpoint, expected one or start = none",
			peer->start == SL_CONFIG_START_BOOT ? "boot" : "traffic", peer->name);
}

/* A preshared key without a name cannot be asked for; the other keys mean nothing without it. */
static void check_ppk(struct parser *p, const struct section *section)
{
	int ppk = section->key_line[PEER_PPK], id = section->key_line[PEER_PPK_ID],
	    required = section->key_line[PEER_PPK_REQUIRED];

	if (ppk > 0 && id == 0)
		sl_config_complain(
			p, ppk, "ppk without ppk-id, expected the name that both ends have for it");
	if (ppk == 0 && id > 0)
		sl_config_complain(p, id, "ppk-id without ppk, expected both or neither");
	if (ppk == 0 && required > 0)
		sl_config_complain(p, required, "ppk-required without ppk, expected both or neither");
}

static void check_peers(struct parser *p)
{
	for (unsigned i = 0; i < p->config->peer_count; i++) {
		struct sl_config_peer *peer = &p->config->peers[i];

		check_endpoint(p, &peer->endpoint.addr, p->peers[i].key_line[PEER_ENDPOINT]);
		check_start(p, peer, &p->peers[i]);
		check_ppk(p, &p->peers[i]);
	}
}

/* ---- Prefixes: each address belongs to one peer, or to the plain network ---------------------------------------- */

/* A prefix and whose it is. */
struct owned {
	struct sl_prefix prefix;
	unsigned peer;
	int line;
};

/* In the order of addresses, the wider one first, and else as in the file. */
static int by_prefix(const void *a, const void *b)
{
	const struct owned *x = a, *y = b;
	int order = memcmp(x->prefix.addr.bytes, y->prefix.addr.bytes, sizeof(x->prefix.addr.bytes));

	if (order == 0)
		order = (int)x->prefix.len - (int)y->prefix.len;
	return order != 0 ? order : x->line - y->line;
}

/* All prefixes of all peers, sorted; NULL when there is none or no memory. */
static struct owned *collect_prefixes(struct parser *p, size_t *count)
{
	struct owned *all;

	*count = 0;
	for (unsigned i = 0; i < p->config->peer_count; i++)
		*count += p->config->peers[i].prefix_count;
	if (*count == 0)
		return NULL;
	all = calloc(*count, sizeof(*all));
	if (all == NULL) {
		p->no_memory = true;
		return NULL;
	}
	*count = 0;
	for (unsigned i = 0; i < p->config->peer_count; i++) {
		const struct sl_config_peer *peer = &p->config->peers[i];

		for (unsigned j = 0; j < peer->prefix_count; j++)
			all[(*count)++] =
				(struct owned){peer->prefixes[j], i, p->peers[i].key_line[PEER_PREFIXES]};
	}
	qsort(all, *count, sizeof(*all), by_prefix);
	return all;
}

/* The complaint is about whichever stands later in the file. */
static void complain_overlap(struct parser *p, const struct owned *a, const struct owned *b)
{
	const struct owned *first = a->line <= b->line ? a : b;
	const struct owned *second = first == a ? b : a;
	char x[SL_ADDR_TEXT], y[SL_ADDR_TEXT];

	sl_prefix_text(&first->prefix, x);
	sl_prefix_text(&second->prefix, y);
	if (a->peer == b->peer)
		sl_config_complain(p, second->line,
			"prefix %s overlaps %s of the same peer, expected each address once", y, x);
	else
		sl_config_complain(p, second->line,
			"prefix %s overlaps %s of peer '%s' (line %d), expected separate prefixes", y, x,
			p->config->peers[first->peer].name, first->line);
}

static void check_prefixes(struct parser *p)
{
	const struct sl_prefix *plain = &p->config->plain.address;
	struct sl_prefix network = sl_prefix_mask(plain);
	char x[SL_ADDR_TEXT], y[SL_ADDR_TEXT];
	size_t count;
	struct owned *all = collect_prefixes(p, &count);
	const struct owned *wider = all;

	for (size_t i = 0; i < count && all != NULL; i++) {
		/* Two prefixes overlap only where one holds the other, so the last one that none held is all to look at. */
		if (i > 0 && sl_prefix_overlap(&wider->prefix, &all[i].prefix))
			complain_overlap(p, wider, &all[i]);
		else
			wider = &all[i];
		if (plain->addr.family != SL_NONE && sl_prefix_overlap(&network, &all[i].prefix))
			sl_config_complain(p, all[i].line,
				"prefix %s overlaps the plain network %s (line %d), expected what lies "
				"behind the peer",
				sl_prefix_text(&all[i].prefix, x), sl_prefix_text(&network, y),
				p->plain.key_line[PORT_ADDRESS]);
	}
	free(all);
}

void sl_config_check_rules(struct parser *p)
{
	check_sections(p);
	check_names(p);
	check_public_keys(p);
	check_ports(p);
	check_next_hop(p);
	check_peers(p);
	check_prefixes(p);
}
