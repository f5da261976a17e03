/* SPDX-License-Identifier: BSD-3-Clause */
/* The keys of [wire] and [plain]. */
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "addresses.h"
#include "keys.h"
#include "values.h"

static const char tap_prefix[] = "tap:";

/* tap:NAME: an interface of this host's kernel that is made for it. */
static bool take_tap(struct parser *p, const char *name, const char *value)
{
	const char *interface = value + strlen(tap_prefix);

	if (strncmp(value, tap_prefix, strlen(tap_prefix)) != 0)
		return false;
	if (p->port != &p->config->plain)
		sl_config_complain(p, p->line, "%s '%s' is a tap, expected one only in [plain]", name,
			sl_value_shown(value));
	else if (!sl_value_is_name(interface) || strlen(interface) >= IFNAMSIZ)
		sl_key_bad(p, name, value, "tap: and the name of an interface, at most 15 characters");
	else
		p->port->tap = sl_config_copy(p, interface);
	return true;
}

static void take_port(struct parser *p, const char *name, const char *value)
{
	enum { DEVICE_NAME_MAX = 63 }; /* DPDK's RTE_ETH_NAME_MAX_LEN is 64 */

	if (!take_tap(p, name, value) &&
		(strlen(value) > DEVICE_NAME_MAX || strpbrk(value, " \t,") != NULL)) {
		sl_key_bad(p, name, value,
			"a PCI address such as 0000:3b:00.0 or the name of a vdev such as net_tap0");
		return;
	}
	p->port->port = sl_config_copy(p, value);
	p->port->port_line = p->line;
}

/* One item of `address`; false after a complaint. */
static bool read_address(struct parser *p, const char *name, const char *item, struct sl_prefix *address)
{
	const char *use;
	unsigned most;

	if (strchr(item, '/') == NULL || !sl_prefix_parse(address, item)) {
		sl_key_bad(p, name, item,
			"an address with its prefix length such as 192.0.2.1/24 or 2001:db8::1/64");
		return false;
	}
	most = address->addr.family == SL_IPV4 ? 31 : 127;
	/* A kernel interface may be a host alone. */
	if (p->port->tap != NULL)
		most++;
	if (address->len < 1 || address->len > most) {
		sl_config_complain(p, p->line, "%s '%s' is not valid, expected a prefix length of 1 to %u",
			name, item, most);
		return false;
	}
	use = sl_address_use(&address->addr, address);
	if (use != NULL)
		sl_config_complain(p, p->line, "%s '%s' is %s, expected " SL_HOST_EXPECTED, name, item, use);
	return use == NULL;
}

static void take_address(struct parser *p, const char *name, const char *value)
{
	char *text = sl_config_copy(p, value);
	char *rest = text;
	char *item;

	while ((item = sl_value_next_item(&rest)) != NULL) {
		struct sl_prefix address;

		if (!read_address(p, name, item, &address))
			continue;
		if (p->port->address_count == SL_CONFIG_ADDRESSES_MAX) {
			sl_config_complain(p, p->line, "%s has too many entries, expected at most %d", name,
				SL_CONFIG_ADDRESSES_MAX);
			break;
		}
		p->port->addresses[p->port->address_count++] = address;
	}
	free(text);
}

static void take_mtu(struct parser *p, const char *name, const char *value)
{
	sl_key_number(p, name, value, &p->port->mtu, SL_CONFIG_MTU_MIN, SL_CONFIG_MTU_MAX);
}

static void take_vlan(struct parser *p, const char *name, const char *value)
{
	sl_key_number(p, name, value, &p->port->vlan, 1, 4094);
}

/* One router of each family at most. */
static void take_next_hop(struct parser *p, const char *name, const char *value)
{
	char *text = sl_config_copy(p, value);
	char *rest = text;
	char *item;

	while ((item = sl_value_next_item(&rest)) != NULL) {
		struct sl_addr addr, *hop;

		if (!sl_addr_parse(&addr, item)) {
			sl_key_bad(p, name, item, "an address such as 192.0.2.254");
			continue;
		}
		hop = addr.family == SL_IPV4 ? &p->port->next_hop : &p->port->next_hop6;
		if (hop->family != SL_NONE)
			sl_config_complain(p, p->line,
				"%s '%s' is a second router, expected one of each family", name, item);
		else
			*hop = addr;
	}
	free(text);
}

/* One item of `routes`, PREFIX via ADDRESS; false after a complaint. */
static bool read_route(struct parser *p, const char *name, char *item, struct sl_config_route *route)
{
	static const char expected[] = "PREFIX via ADDRESS such as 10.9.0.0/16 via 10.1.0.254";
	char *via = strstr(item, " via ");
	unsigned one = 0;

	if (via == NULL || !sl_addr_parse(&route->via, sl_value_trim(via + strlen(" via ")))) {
		sl_key_bad(p, name, item, expected);
		return false;
	}
	*via = '\0';
	sl_key_prefixes(p, name, item, &route->prefix, &one);
	if (one == 0)
		return false;
	if (route->prefix.addr.family == route->via.family)
		return true;
	sl_config_complain(
		p, p->line, "%s '%s' has a router of another family, expected %s", name, item, expected);
	return false;
}

static void take_routes(struct parser *p, const char *name, const char *value)
{
	char *text = sl_config_copy(p, value);
	char *rest = text;
	char *item;

	while ((item = sl_value_next_item(&rest)) != NULL) {
		struct sl_config_route route;

		if (!read_route(p, name, item, &route))
			continue;
		if (p->port->route_count == SL_CONFIG_ROUTES_MAX) {
			sl_config_complain(p, p->line, "%s has too many entries, expected at most %d", name,
				SL_CONFIG_ROUTES_MAX);
			break;
		}
		p->port->routes[p->port->route_count++] = route;
	}
	free(text);
}

static void take_wait_for_peer(struct parser *p, const char *name, const char *value)
{
	sl_key_bool(p, name, value, &p->port->wait_for_peer);
}

const struct section_kind sl_config_wire_kind = {
	"wire",
	{
		[PORT_DEVICE] = {"port", true, take_port},
		[PORT_ADDRESS] = {"address", true, take_address},
		[PORT_MTU] = {"mtu", false, take_mtu},
		[PORT_VLAN] = {"vlan", false, take_vlan},
		[WIRE_NEXT_HOP] = {"next-hop", false, take_next_hop},
	},
};

const struct section_kind sl_config_plain_kind = {
	"plain",
	{
		[PORT_DEVICE] = {"port", true, take_port},
		[PORT_ADDRESS] = {"address", true, take_address},
		[PORT_MTU] = {"mtu", false, take_mtu},
		[PORT_VLAN] = {"vlan", false, take_vlan},
		[PLAIN_ROUTES] = {"routes", false, take_routes},
		[PLAIN_WAIT_FOR_PEER] = {"wait-for-peer", false, take_wait_for_peer},
	},
};
