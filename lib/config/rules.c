/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What must hold between values. A value that is missing or was complained about is unset (a family of SL_NONE, a name
 * of NULL, a key of zeros), and every rule passes over it: one mistake makes one complaint.
 */
#include "parser.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "addresses.h"
#include "files.h"
#include "keys.h"

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
			sl_config_complain(
				p, sl_config_last_line(p), "no [%s] section, expected one", single[i].name);
	}
	for (unsigned i = 0; i < p->config->peer_count; i++)
		sl_config_check_required(p, &p->peers[i]);
	for (unsigned i = 0; i < p->config->flow_count; i++)
		sl_config_check_required(p, &p->flows[i]);
	if (p->config->peer_count == 0)
		sl_config_complain(
			p, sl_config_last_line(p), "no [peer NAME] section, expected at least one");
}

/* ---- Ports ----------------------------------------------------------------------------------------------------- */

/* DPDK takes 3b:00.0 for 0000:3b:00.0. */
static const char *without_domain(const char *device)
{
	return strncmp(device, "0000:", 5) == 0 ? device + 5 : device;
}

/* The network of an address of the port that holds addr, or NULL; masked, for complaints. */
static const struct sl_prefix *network_of(const struct sl_config_port *port, const struct sl_addr *addr)
{
	for (unsigned i = 0; i < port->address_count; i++) {
		if (sl_prefix_contains(&port->addresses[i], addr))
			return &port->addresses[i];
	}
	return NULL;
}

static bool is_own(const struct sl_config_port *port, const struct sl_addr *addr)
{
	for (unsigned i = 0; i < port->address_count; i++) {
		if (sl_addr_equal(&port->addresses[i].addr, addr))
			return true;
	}
	return false;
}

static void check_devices(struct parser *p)
{
	const struct sl_config_port *wire = &p->config->wire, *plain = &p->config->plain;

	if (wire->port != NULL && plain->port != NULL &&
		strcasecmp(without_domain(wire->port), without_domain(plain->port)) == 0)
		sl_config_complain(p, plain->port_line,
			"port %s is the wire port too (line %d), expected another device", plain->port,
			wire->port_line);
}

/* The networks of the two ports are separate. */
static void check_networks(struct parser *p)
{
	const struct sl_config_port *wire = &p->config->wire, *plain = &p->config->plain;
	char text[SL_ADDR_TEXT];

	for (unsigned i = 0; i < plain->address_count; i++) {
		for (unsigned j = 0; j < wire->address_count; j++) {
			struct sl_prefix network = sl_prefix_mask(&wire->addresses[j]);

			if (sl_prefix_overlap(&network, &plain->addresses[i]))
				sl_config_complain(p, p->plain.key_line[PORT_ADDRESS],
					"the plain network overlaps the wire network %s (line %d), expected separate networks",
					sl_prefix_text(&network, text), p->wire.key_line[PORT_ADDRESS]);
		}
	}
}

static void check_port(struct parser *p, const struct sl_config_port *port, const struct section *section)
{
	char text[SL_ADDR_TEXT];

	for (unsigned i = 0; i < port->address_count; i++) {
		for (unsigned j = 0; j < i; j++) {
			if (sl_addr_equal(&port->addresses[i].addr, &port->addresses[j].addr))
				sl_config_complain(p, section->key_line[PORT_ADDRESS],
					"address names %s twice, expected each once",
					sl_addr_text(&port->addresses[i].addr, text));
		}
	}
	if (port->mtu < SL_CONFIG_MTU_MIN6 && sl_config_address(port, SL_IPV6) != NULL)
		sl_config_complain(p, section->key_line[PORT_MTU],
			"mtu %u is too small for IPv6, expected at least %d", port->mtu, SL_CONFIG_MTU_MIN6);
}

/* A router is another host on one of our networks. */
static void check_router(struct parser *p, const char *key, const struct sl_addr *router,
	const struct sl_config_port *port, const char *role, int line)
{
	const struct sl_prefix *network = network_of(port, router);
	char text[SL_ADDR_TEXT];
	const char *use;

	/* IPv6 routers are often known by their link-local address. */
	if (router->family == SL_NONE || port->address_count == 0 || sl_addr_is_link_local(router))
		return;
	sl_addr_text(router, text);
	use = sl_address_use(router, network);
	if (network == NULL)
		sl_config_complain(p, line, "%s %s is outside the %s network, expected an address in it", key,
			text, role);
	else if (is_own(port, router))
		sl_config_complain(
			p, line, "%s %s is the %s port's own address, expected a router's", key, text, role);
	else if (use != NULL)
		sl_config_complain(p, line, "%s %s is %s, expected " SL_HOST_EXPECTED, key, text, use);
}

static void check_routers(struct parser *p)
{
	const struct sl_config_port *wire = &p->config->wire, *plain = &p->config->plain;
	int line = p->wire.key_line[WIRE_NEXT_HOP];

	check_router(p, "next-hop", &wire->next_hop, wire, "wire", line);
	check_router(p, "next-hop", &wire->next_hop6, wire, "wire", line);
	for (unsigned i = 0; i < plain->route_count; i++)
		check_router(
			p, "router", &plain->routes[i].via, plain, "plain", p->plain.key_line[PLAIN_ROUTES]);
	if (plain->address_count + plain->route_count > SL_TS_MAX)
		sl_config_complain(p, p->plain.key_line[PLAIN_ROUTES],
			"%u networks and routes are too many, expected at most %d in all",
			plain->address_count + plain->route_count, SL_TS_MAX);
	if (plain->route_count > 0 && plain->tap != NULL)
		sl_config_complain(p, p->plain.key_line[PLAIN_ROUTES],
			"routes behind a kernel interface, expected none with port = tap:NAME");
}

static void check_ports(struct parser *p)
{
	check_devices(p);
	check_networks(p);
	check_port(p, &p->config->wire, &p->wire);
	check_port(p, &p->config->plain, &p->plain);
	check_routers(p);
}

/* ---- Endpoints ------------------------------------------------------------------------------------------------- */

/* Beyond our networks there must be a router. */
static void check_reachable(struct parser *p, const struct sl_addr *endpoint, const char *addr, int line)
{
	const struct sl_config_port *wire = &p->config->wire;
	const struct sl_addr *router = endpoint->family == SL_IPV4 ? &wire->next_hop : &wire->next_hop6;

	if (sl_config_address(wire, endpoint->family) == NULL)
		sl_config_complain(p, line,
			"endpoint %s is IPv%d, expected an address of that family in [wire]", addr,
			endpoint->family);
	/* A next-hop that could not be read was complained about. */
	else if (router->family == SL_NONE &&
		 !(p->wire.key_line[WIRE_NEXT_HOP] && wire->next_hop.family == SL_NONE &&
			 wire->next_hop6.family == SL_NONE))
		sl_config_complain(p, line,
			"endpoint %s is outside the wire network, expected a next-hop for it in [wire]",
			addr);
}

/* Where a peer is, as seen from the wire port. */
static void check_endpoint(struct parser *p, const struct sl_addr *endpoint, int line)
{
	const struct sl_config_port *wire = &p->config->wire;
	const struct sl_prefix *network = network_of(wire, endpoint);
	char addr[SL_ADDR_TEXT];
	const char *use;

	if (endpoint->family == SL_NONE || wire->address_count == 0)
		return;
	sl_addr_text(endpoint, addr);
	if (network == NULL) {
		check_reachable(p, endpoint, addr, line);
		return;
	}
	use = sl_address_use(endpoint, network);
	if (is_own(wire, endpoint))
		sl_config_complain(
			p, line, "endpoint %s is this gateway's own wire address, expected the peer's", addr);
	else if (use != NULL)
		sl_config_complain(p, line, "endpoint %s is %s, expected " SL_HOST_EXPECTED, addr, use);
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
	int order = (int)x->prefix.addr.family - (int)y->prefix.addr.family;

	if (order == 0)
		order = memcmp(x->prefix.addr.bytes, y->prefix.addr.bytes, sizeof(x->prefix.addr.bytes));

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
	char x[SL_ADDR_TEXT], y[SL_ADDR_TEXT], place[SL_PLACE_MAX];

	sl_prefix_text(&first->prefix, x);
	sl_prefix_text(&second->prefix, y);
	if (a->peer == b->peer)
		sl_config_complain(p, second->line,
			"prefix %s overlaps %s of the same peer, expected each address once", y, x);
	else
		sl_config_complain(p, second->line,
			"prefix %s overlaps %s of peer '%s' (%s), expected separate prefixes", y, x,
			p->config->peers[first->peer].name,
			sl_config_place(p, first->line, second->line, place));
}

/* What is behind us is not behind a peer. */
static void check_behind(struct parser *p, const struct owned *owned)
{
	struct sl_prefix behind[SL_TS_MAX];
	unsigned count = sl_config_behind_us(p->config, behind);
	char x[SL_ADDR_TEXT], y[SL_ADDR_TEXT], place[SL_PLACE_MAX];

	for (unsigned i = 0; i < count; i++) {
		bool network = i < p->config->plain.address_count;

		if (sl_prefix_overlap(&behind[i], &owned->prefix))
			sl_config_complain(p, owned->line,
				"prefix %s overlaps the plain %s %s (%s), expected what lies behind the peer",
				sl_prefix_text(&owned->prefix, x), network ? "network" : "route",
				sl_prefix_text(&behind[i], y),
				sl_config_place(p, p->plain.key_line[network ? PORT_ADDRESS : PLAIN_ROUTES],
					owned->line, place));
	}
}

static void check_prefixes(struct parser *p)
{
	size_t count;
	struct owned *all = collect_prefixes(p, &count);
	const struct owned *wider = all;

	for (size_t i = 0; i < count && all != NULL; i++) {
		/* Two prefixes overlap only where one holds the other, so the last one that none held is all to look at. */
		if (i > 0 && sl_prefix_overlap(&wider->prefix, &all[i].prefix))
			complain_overlap(p, wider, &all[i]);
		else
			wider = &all[i];
		check_behind(p, &all[i]);
	}
	free(all);
}

/* ---- Flows: parts of what is between us and a peer ---------------------------------------------------------------- */

static bool has_ports(uint8_t protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP;
}

/* Each of the parts lies in one of the prefixes; without parts all of those are meant. */
static void check_part(struct parser *p, const char *name, struct sl_prefix *parts, unsigned *count,
	const struct sl_prefix *whole, unsigned whole_count, int line)
{
	char text[SL_ADDR_TEXT];

	if (*count == 0 && line == 0) {
		memcpy(parts, whole, whole_count * sizeof(*whole));
		*count = whole_count;
		return;
	}
	for (unsigned i = 0; i < *count; i++) {
		unsigned j = 0;

		while (j < whole_count &&
			!(sl_prefix_contains(&whole[j], &parts[i].addr) && parts[i].len >= whole[j].len))
			j++;
		if (j == whole_count)
			sl_config_complain(p, line,
				"%s %s is not within what the link carries, expected a part of it", name,
				sl_prefix_text(&parts[i], text));
	}
}

/* What a flow does not say is as its peer has it. */
static void inherit(struct sl_config_flow *flow, const struct sl_config_peer *peer)
{
	if (flow->rekey_time == 0)
		flow->rekey_time = peer->rekey_time;
	if (flow->rekey_packets == 0)
		flow->rekey_packets = peer->rekey_packets;
	if (flow->rekey_bytes == 0)
		flow->rekey_bytes = peer->rekey_bytes;
}

static void check_flow(struct parser *p, struct sl_config_flow *flow, const struct section *section)
{
	const struct sl_config *c = p->config;
	struct sl_prefix behind[SL_TS_MAX];
	unsigned count = sl_config_behind_us(c, behind);
	int local_port = section->key_line[FLOW_LOCAL_PORT],
	    remote_port = section->key_line[FLOW_REMOTE_PORT];

	while (flow->peer < c->peer_count && flow->peer_name &&
		strcmp(c->peers[flow->peer].name, flow->peer_name) != 0)
		flow->peer++;
	if (flow->peer_name == NULL)
		return;
	if (flow->peer == c->peer_count) {
		sl_config_complain(p, section->key_line[FLOW_PEER],
			"there is no [peer %s], expected the name of one", flow->peer_name);
		return;
	}
	inherit(flow, &c->peers[flow->peer]);
	check_part(p, "local", flow->local, &flow->local_count, behind, count, section->key_line[FLOW_LOCAL]);
	check_part(p, "remote", flow->remote, &flow->remote_count, c->peers[flow->peer].prefixes,
		c->peers[flow->peer].prefix_count, section->key_line[FLOW_REMOTE]);
	if (!has_ports(flow->protocol) && (local_port || remote_port))
		sl_config_complain(p, local_port ? local_port : remote_port,
			"a port without a protocol that has ports, expected protocol = tcp, udp or sctp");
}

static void check_flow_count(struct parser *p, unsigned peer)
{
	unsigned count = 0;

	for (unsigned i = 0; i < p->config->flow_count; i++) {
		if (p->config->flows[i].peer == peer && count++ == SL_CONFIG_FLOWS_MAX)
			sl_config_complain(p, p->config->flows[i].line,
				"too many flows with peer '%s', expected at most %d",
				p->config->peers[peer].name, SL_CONFIG_FLOWS_MAX);
	}
}

static void check_flows(struct parser *p)
{
	for (unsigned i = 0; i < p->config->flow_count; i++)
		check_flow(p, &p->config->flows[i], &p->flows[i]);
	for (unsigned i = 0; i < p->config->peer_count; i++)
		check_flow_count(p, i);
}

void sl_config_check_rules(struct parser *p)
{
	check_sections(p);
	sl_config_check_identities(p);
	check_ports(p);
	check_peers(p);
	check_prefixes(p);
	check_flows(p);
}
