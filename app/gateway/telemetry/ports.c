/* SPDX-License-Identifier: BSD-3-Clause */
/* /sealane/ports and /sealane/port. */
#include <string.h>

#include <rte_ethdev.h>

#include "telemetry.h"

static int list_ports(struct gateway *g, const char *param, struct rte_tel_data *d)
{
	struct page page = page_start(d, param);

	(void)g;
	page_add(&page, "wire");
	page_add(&page, "plain");
	return 0;
}

/* ICMP errors: the plain port's are those we say, the wire's those we hear. */
static void tell_errors(const struct gateway *g, const struct link *link, struct rte_tel_data *d)
{
	const struct errors *e = &g->errors;

	if (link == &g->plain) {
		tell_number(d, "errors_said", e->said);
		tell_number(d, "errors_not_said", e->not_said);
	} else {
		tell_number(d, "too_big_heard", e->heard);
		tell_number(d, "too_big_forged", e->forged);
	}
}

/* What the device has counted itself; one that cannot tell leaves the zeros. */
static void tell_stats(const struct link *link, struct rte_tel_data *d)
{
	struct rte_eth_stats stats = {0};

	(void)!rte_eth_stats_get(link->port.id, &stats);
	tell_number(d, "rx_packets", stats.ipackets);
	tell_number(d, "rx_bytes", stats.ibytes);
	tell_number(d, "tx_packets", stats.opackets);
	tell_number(d, "tx_bytes", stats.obytes);
	tell_number(d, "rx_missed", stats.imissed);
	tell_number(d, "rx_no_mbuf", stats.rx_nombuf);
	tell_number(d, "rx_errors", stats.ierrors);
	tell_number(d, "tx_errors", stats.oerrors);
}

static int tell_port(struct gateway *g, const char *role, struct rte_tel_data *d)
{
	const struct link *link;
	struct rte_eth_link state = {0};

	if (!role || (strcmp(role, "wire") != 0 && strcmp(role, "plain") != 0))
		return -1;
	link = strcmp(role, "wire") == 0 ? &g->wire : &g->plain;
	/* A device that cannot tell leaves the zeros: down. */
	(void)!rte_eth_link_get_nowait(link->port.id, &state);
	tell_text(d, "role", role);
	tell_text(d, "device", link->config->port);
	tell_prefixes(d, "addresses", link->config->addresses, link->config->address_count);
	tell_mac(d, "mac", &link->port.mac);
	tell_number(d, "mtu", link->config->mtu);
	tell_number(d, "vlan", link->config->vlan);
	tell_text(d, "link", state.link_status == RTE_ETH_LINK_UP ? "up" : "down");
	tell_number(d, "speed_mbps", state.link_speed == RTE_ETH_SPEED_NUM_UNKNOWN ? 0 : state.link_speed);
	tell_number(d, "neighbours", sl_neigh_known(link->neighbours));
	tell_number(d, "neighbours_evicted", sl_neigh_counters(link->neighbours)->evicted);
	tell_number(d, "neighbours_refused", sl_neigh_counters(link->neighbours)->refused);
	tell_errors(g, link, d);
	tell_number(d, "rx_queues", link->port.rx_queues);
	tell_number(d, "tx_queues", link->port.tx_queues);
	tell_stats(link, d);
	return 0;
}

const struct telemetry_command telemetry_ports[] = {
	{"/sealane/ports", list_ports, true, "Roles of the ports. Parameter: how many to leave out (0)"},
	{"/sealane/port", tell_port, false, "About one port. Parameter: wire or plain"},
	{0},
};
