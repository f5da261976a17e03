/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Answers for `sealane show`, over DPDK's telemetry socket: /sealane/peers lists names, /sealane/peer,NAME tells about
 * one, and so on for each kind. An answer of DPDK is bounded, so details are asked for one by one, and a list comes in
 * pages: /sealane/peers,100 begins with the entry behind the first hundred, and the page behind the last is empty.
 * Requests come in a thread of DPDK; each holds the gateway's lock while it looks around. A request to do something leaves
 * a note for the control thread, and wakes it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <rte_ethdev.h>
#include <rte_telemetry.h>
#include <rte_version.h>

#include "gateway.h"

#if RTE_VERSION < RTE_VERSION_NUM(23, 3, 0, 0)
#define rte_tel_data_add_dict_uint rte_tel_data_add_dict_u64
#endif

enum { PAGE = 100 }; /* names of 63 bytes, with what JSON puts around them, stay below 16 KiB */

static struct gateway *gateway; /* DPDK passes no context to its callbacks */

static void text(struct rte_tel_data *d, const char *name, const char *value)
{
	rte_tel_data_add_dict_string(d, name, value);
}

static void number(struct rte_tel_data *d, const char *name, uint64_t value)
{
	rte_tel_data_add_dict_uint(d, name, value);
}

static void yes_no(struct rte_tel_data *d, const char *name, bool value)
{
	text(d, name, value ? "yes" : "no");
}

static void spi(struct rte_tel_data *d, const char *name, uint32_t value)
{
	char hex[16];

	snprintf(hex, sizeof(hex), "0x%08x", value);
	text(d, name, hex);
}

static uint64_t seconds_since(uint64_t then)
{
	return (gateway_now() - then) / SECOND_NS;
}

/* A list being paged through. */
struct page {
	struct rte_tel_data *d;
	unsigned at, first;
};

static struct page page_start(struct rte_tel_data *d, const char *param)
{
	return (struct page){.d = d, .first = param ? (unsigned)strtoul(param, NULL, 10) : 0};
}

/* Adds the next entry of the list, when it is on the page. */
static void page_add(struct page *page, const char *name)
{
	if (page->at >= page->first && page->at < page->first + PAGE)
		rte_tel_data_add_array_string(page->d, name);
	page->at++;
}

static uint64_t drops_of_worker(const struct worker *w)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < SL_DROP_COUNT; i++)
		sum += w->dp.counters.drops[i];
	return sum;
}

static uint64_t drops_for_reason(unsigned reason)
{
	uint64_t sum = gateway->drops[reason];

	for (unsigned i = 0; i < gateway->worker_count; i++)
		sum += gateway->workers[i].dp.counters.drops[reason];
	return sum;
}

/* ---- /sealane/gateway ------------------------------------------------------------------------------------------------- */

static int tell_gateway(const char *param, struct rte_tel_data *d)
{
	(void)param;
	text(d, "name", gateway->config->name);
	text(d, "version", SEALANE_VERSION);
	number(d, "uptime_s", seconds_since(gateway->started));
	number(d, "pid", (uint64_t)getpid());
	number(d, "workers", gateway->worker_count);
	return 0;
}

/* ---- Peers ------------------------------------------------------------------------------------------------------------ */

static int list_peers(const char *param, struct rte_tel_data *d)
{
	struct page page = page_start(d, param);

	for (unsigned i = 0; i < gateway->config->peer_count; i++)
		page_add(&page, gateway->config->peers[i].name);
	return 0;
}

static void tell_prefixes(
	struct rte_tel_data *d, const char *name, const struct sl_prefix *prefixes, unsigned count)
{
	struct rte_tel_data *list = rte_tel_data_alloc();
	char prefix[SL_ADDR_TEXT];

	if (!list)
		return;
	rte_tel_data_start_array(list, RTE_TEL_STRING_VAL);
	for (unsigned i = 0; i < count; i++)
		rte_tel_data_add_array_string(list, sl_prefix_text(&prefixes[i], prefix));
	rte_tel_data_add_dict_container(d, name, list, 0);
}

static void tell_handshakes(struct rte_tel_data *d, const struct sl_ike_peer_info *info)
{
	char endpoint[SL_ADDR_TEXT];

	text(d, "state", sl_ike_state_name(info->state));
	number(d, "since_s", seconds_since(info->since ? info->since : gateway->started));
	text(d, "endpoint",
		info->endpoint.addr.family == SL_NONE ? "" : sl_endpoint_text(&info->endpoint, endpoint));
	rte_tel_data_add_dict_int(
		d, "last_handshake_s", info->last_handshake ? (int)seconds_since(info->last_handshake) : -1);
	number(d, "handshakes", info->handshakes);
	number(d, "failures", info->failures);
	number(d, "rekeys", info->rekeys);
	text(d, "cipher", info->state == SL_IKE_UP ? sl_cipher_name(info->cipher) : "");
	text(d, "last_error", info->last_error);
}

/* The index of a peer, or the number of peers when there is none of that name. */
static unsigned find_peer(const char *name)
{
	const struct sl_config *c = gateway->config;
	unsigned i = 0;

	while (i < c->peer_count && (!name || strcmp(c->peers[i].name, name) != 0))
		i++;
	return i;
}

static int tell_peer(const char *name, struct rte_tel_data *d)
{
	const struct sl_config *c = gateway->config;
	unsigned i = find_peer(name);
	struct sl_ike_peer_info info;
	struct totals sum;

	if (i == c->peer_count)
		return -1;
	sl_ike_peer_info(gateway->ike, i, &info);
	sa_totals(gateway, i, &sum);
	text(d, "name", c->peers[i].name);
	tell_handshakes(d, &info);
	number(d, "rx_packets", sum.rx_packets);
	number(d, "rx_bytes", sum.rx_bytes);
	number(d, "tx_packets", sum.tx_packets);
	number(d, "tx_bytes", sum.tx_bytes);
	number(d, "inner_mtu", sa_inner_mtu(gateway, i));
	tell_prefixes(d, "prefixes", c->peers[i].prefixes, c->peers[i].prefix_count);
	return 0;
}

static int rekey(const char *name, struct rte_tel_data *d, bool ike)
{
	unsigned i = find_peer(name);
	struct sl_ike_peer_info info;

	if (i == gateway->config->peer_count)
		return -1;
	sl_ike_peer_info(gateway->ike, i, &info);
	text(d, "state", sl_ike_state_name(info.state));
	if (info.state != SL_IKE_UP)
		return 0;
	gateway->rekey_asked = true;
	if (ike)
		gateway->peers[i].rekey_ike = true;
	else
		gateway->peers[i].rekey_child = true;
	(void)!eventfd_write(gateway->wake_fd, 1); /* at its limit it is awake anyway */
	return 0;
}

static int rekey_child(const char *name, struct rte_tel_data *d)
{
	return rekey(name, d, false);
}

static int rekey_ike(const char *name, struct rte_tel_data *d)
{
	return rekey(name, d, true);
}

/* ---- Sessions ----------------------------------------------------------------------------------------------------------- */

static bool list_session(void *ctx, const struct sa_info *info)
{
	char hex[16];

	snprintf(hex, sizeof(hex), "0x%08x", info->spi_in);
	page_add(ctx, hex);
	return true;
}

static int list_sessions(const char *param, struct rte_tel_data *d)
{
	struct page page = page_start(d, param);

	sa_each(gateway, list_session, &page);
	return 0;
}

struct session_request {
	uint32_t spi_in;
	bool found;
	struct rte_tel_data *d;
};

static bool tell_if_asked_for(void *ctx, const struct sa_info *info)
{
	struct session_request *r = ctx;
	struct rte_tel_data *d = r->d;

	if (info->spi_in != r->spi_in)
		return true;
	r->found = true;
	spi(d, "spi_in", info->spi_in);
	spi(d, "spi_out", info->spi_out);
	text(d, "peer", gateway->config->peers[info->peer].name);
	number(d, "worker", info->worker);
	text(d, "cipher", sl_cipher_name(info->cipher));
	yes_no(d, "esn", info->esn);
	number(d, "age_s", seconds_since(info->created));
	yes_no(d, "in_use", info->in_use);
	text(d, "flow", info->flow);
	number(d, "rx_packets", info->rx_packets);
	number(d, "rx_bytes", info->rx_bytes);
	number(d, "tx_packets", info->tx_packets);
	number(d, "tx_bytes", info->tx_bytes);
	number(d, "replay", info->replayed);
	number(d, "late", info->late);
	number(d, "bad_icv", info->bad_icv);
	return false;
}

static int tell_session(const char *param, struct rte_tel_data *d)
{
	struct session_request r = {.d = d};

	if (!param)
		return -1;
	r.spi_in = (uint32_t)strtoul(param, NULL, 16);
	sa_each(gateway, tell_if_asked_for, &r);
	return r.found ? 0 : -1;
}

/* ---- Ports ---------------------------------------------------------------------------------------------------------------- */

static int list_ports(const char *param, struct rte_tel_data *d)
{
	struct page page = page_start(d, param);

	page_add(&page, "wire");
	page_add(&page, "plain");
	return 0;
}

/* ICMP errors: the plain port's are those we say, the wire's those we hear. */
static void tell_errors(const struct link *link, struct rte_tel_data *d)
{
	const struct errors *e = &gateway->errors;

	if (link == &gateway->plain) {
		number(d, "errors_said", e->said);
		number(d, "errors_not_said", e->not_said);
	} else {
		number(d, "too_big_heard", e->heard);
		number(d, "too_big_forged", e->forged);
	}
}

static int tell_port(const char *role, struct rte_tel_data *d)
{
	const struct link *link;
	char mac[RTE_ETHER_ADDR_FMT_SIZE];
	struct rte_eth_link state = {0};
	struct rte_eth_stats stats = {0};

	if (!role || (strcmp(role, "wire") != 0 && strcmp(role, "plain") != 0))
		return -1;
	link = strcmp(role, "wire") == 0 ? &gateway->wire : &gateway->plain;
	/* A device that cannot tell leaves the zeros: link down, nothing counted. */
	(void)!rte_eth_link_get_nowait(link->port.id, &state);
	(void)!rte_eth_stats_get(link->port.id, &stats);
	rte_ether_format_addr(mac, sizeof(mac), &link->port.mac);
	text(d, "role", role);
	text(d, "device", link->config->port);
	tell_prefixes(d, "addresses", link->config->addresses, link->config->address_count);
	text(d, "mac", mac);
	number(d, "mtu", link->config->mtu);
	number(d, "vlan", link->config->vlan);
	text(d, "link", state.link_status == RTE_ETH_LINK_UP ? "up" : "down");
	number(d, "neighbours", sl_neigh_known(link->neighbours));
	number(d, "neighbours_evicted", sl_neigh_counters(link->neighbours)->evicted);
	number(d, "neighbours_refused", sl_neigh_counters(link->neighbours)->refused);
	tell_errors(link, d);
	number(d, "rx_queues", link->port.rx_queues);
	number(d, "tx_queues", link->port.tx_queues);
	number(d, "rx_packets", stats.ipackets);
	number(d, "rx_bytes", stats.ibytes);
	number(d, "tx_packets", stats.opackets);
	number(d, "tx_bytes", stats.obytes);
	number(d, "rx_missed", stats.imissed + stats.rx_nombuf);
	return 0;
}

/* ---- Drops ---------------------------------------------------------------------------------------------------------------- */

static int list_drops(const char *param, struct rte_tel_data *d)
{
	struct page page = page_start(d, param);

	for (unsigned i = 0; i < SL_DROP_COUNT; i++)
		page_add(&page, sl_drop_name((enum sl_drop)i));
	return 0;
}

static int tell_drop(const char *name, struct rte_tel_data *d)
{
	unsigned i = 0;

	while (name && i < SL_DROP_COUNT && strcmp(sl_drop_name((enum sl_drop)i), name) != 0)
		i++;
	if (!name || i == SL_DROP_COUNT)
		return -1;
	text(d, "name", name);
	number(d, "packets", drops_for_reason(i));
	text(d, "help", sl_drop_help((enum sl_drop)i));
	return 0;
}

/* ---- IKE ----------------------------------------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	size_t at; /* in struct sl_ike_stats */
	const char *help;
} ike_counters[] = {
	{"established", offsetof(struct sl_ike_stats, established), "IKE SAs that are up now"},
	{"half-open", offsetof(struct sl_ike_stats, half_open), "IKE SAs that are not authenticated, now"},
	{"messages-in", offsetof(struct sl_ike_stats, messages_in), "messages received"},
	{"messages-out", offsetof(struct sl_ike_stats, messages_out), "messages sent"},
	{"retransmits", offsetof(struct sl_ike_stats, retransmits), "messages sent again"},
	{"malformed", offsetof(struct sl_ike_stats, malformed), "dropped: not a message of this profile"},
	{"unknown-sa", offsetof(struct sl_ike_stats, unknown_sa), "dropped: no IKE SA has these SPIs"},
	{"bad-integrity", offsetof(struct sl_ike_stats, bad_integrity), "dropped: forged or damaged"},
	{"auth-failures", offsetof(struct sl_ike_stats, auth_failures),
		"a peer did not prove its identity, or disbelieved ours"},
	{"cookies-sent", offsetof(struct sl_ike_stats, cookies_sent),
		"requests of strangers answered with a demand for a cookie"},
	{"turned-away", offsetof(struct sl_ike_stats, turned_away),
		"dropped: requests beyond the limits on half-open IKE SAs"},
};

static int list_ike(const char *param, struct rte_tel_data *d)
{
	struct page page = page_start(d, param);

	for (unsigned i = 0; i < RTE_DIM(ike_counters); i++)
		page_add(&page, ike_counters[i].name);
	return 0;
}

static int tell_ike(const char *name, struct rte_tel_data *d)
{
	struct sl_ike_stats stats;
	uint64_t value;
	unsigned i = 0;

	while (name && i < RTE_DIM(ike_counters) && strcmp(ike_counters[i].name, name) != 0)
		i++;
	if (!name || i == RTE_DIM(ike_counters))
		return -1;
	sl_ike_get_stats(gateway->ike, &stats);
	memcpy(&value, (const uint8_t *)&stats + ike_counters[i].at, sizeof(value));
	text(d, "name", name);
	number(d, "count", value);
	text(d, "help", ike_counters[i].help);
	return 0;
}

/* ---- Workers -------------------------------------------------------------------------------------------------------------- */

static int list_workers(const char *param, struct rte_tel_data *d)
{
	struct page page = page_start(d, param);

	for (unsigned i = 0; i < gateway->worker_count; i++) {
		char id[16];

		snprintf(id, sizeof(id), "%u", i);
		page_add(&page, id);
	}
	return 0;
}

static int tell_worker(const char *param, struct rte_tel_data *d)
{
	unsigned long id = param ? strtoul(param, NULL, 10) : gateway->worker_count;
	const struct worker *w;
	const struct sl_counters *c;

	if (id >= gateway->worker_count)
		return -1;
	w = &gateway->workers[id];
	c = &w->dp.counters;
	number(d, "worker", id);
	number(d, "lcore", w->lcore);
	number(d, "rx_wire", c->rx_wire);
	number(d, "rx_plain", c->rx_plain);
	number(d, "from_control", c->from_control);
	number(d, "tx_wire", c->tx_wire);
	number(d, "tx_plain", c->tx_plain);
	number(d, "to_control", c->to_control);
	number(d, "handed_in", c->handed_in);
	number(d, "handed_out", c->handed_out);
	number(d, "cut", c->cut);
	number(d, "drops", drops_of_worker(w));
	return 0;
}

/* ---- Registration ----------------------------------------------------------------------------------------------------------- */

static const struct {
	const char *command;
	int (*tell)(const char *param, struct rte_tel_data *d);
	bool list; /* a page of names; else a dictionary */
	const char *help;
} commands[] = {
	{"/sealane/gateway", tell_gateway, false, "About this gateway"},
	{"/sealane/peers", list_peers, true, "Names of the peers. Parameter: how many to leave out (0)"},
	{"/sealane/peer", tell_peer, false, "About one peer. Parameter: its name"},
	{"/sealane/rekey", rekey_child, false, "Replaces the child SA with a peer. Parameter: its name"},
	{"/sealane/rekey_ike", rekey_ike, false, "Replaces the IKE SA with a peer. Parameter: its name"},
	{"/sealane/sessions", list_sessions, true,
		"Inbound SPIs of the sessions. Parameter: how many to leave out (0)"},
	{"/sealane/session", tell_session, false, "About one session. Parameter: its inbound SPI"},
	{"/sealane/ports", list_ports, true, "Roles of the ports. Parameter: how many to leave out (0)"},
	{"/sealane/port", tell_port, false, "About one port. Parameter: wire or plain"},
	{"/sealane/drops", list_drops, true,
		"Names of the drop reasons. Parameter: how many to leave out (0)"},
	{"/sealane/drop", tell_drop, false, "About one drop reason. Parameter: its name"},
	{"/sealane/ike", list_ike, true, "Names of the IKE counters. Parameter: how many to leave out (0)"},
	{"/sealane/ike_counter", tell_ike, false, "About one IKE counter. Parameter: its name"},
	{"/sealane/workers", list_workers, true,
		"Numbers of the workers. Parameter: how many to leave out (0)"},
	{"/sealane/worker", tell_worker, false, "About one worker. Parameter: its number"},
};

static int answer(const char *command, const char *param, struct rte_tel_data *d)
{
	int err = -1;

	for (unsigned i = 0; i < RTE_DIM(commands); i++) {
		if (strcmp(commands[i].command, command) != 0)
			continue;
		if (commands[i].list)
			rte_tel_data_start_array(d, RTE_TEL_STRING_VAL);
		else
			rte_tel_data_start_dict(d);
		pthread_mutex_lock(&gateway->lock);
		err = commands[i].tell(param, d);
		pthread_mutex_unlock(&gateway->lock);
	}
	return err;
}

int telemetry_init(struct gateway *g)
{
	gateway = g;
	for (unsigned i = 0; i < RTE_DIM(commands); i++) {
		if (rte_telemetry_register_cmd(commands[i].command, answer, commands[i].help) != 0)
			return -1;
	}
	return 0;
}
