/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What `sealane show` prints for people: paragraphs as `wg show` has them for the few things that matter alone (the
 * gateway, peers, ports); what is compared are tables, in show_table.c.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "human.h"
#include "show.h"
#include "show_print.h"

static bool colour;

const char *sl_text_of(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

uint64_t sl_number_of(const json_t *object, const char *name)
{
	return (uint64_t)json_integer_value(json_object_get(object, name));
}

/* ---- Colours --------------------------------------------------------------------------------------------------- */

void sl_use_colour(bool wanted)
{
	colour = wanted;
}

const char *sl_paint(enum sl_tone tone)
{
	static const char *const codes[] = {
		[SL_PLAIN] = "", [SL_GOOD] = "\033[32m", [SL_WARNING] = "\033[33m", [SL_BAD] = "\033[31m"};

	return colour ? codes[tone] : "";
}

const char *sl_bold(void)
{
	return colour ? "\033[1m" : "";
}

const char *sl_reset(void)
{
	return colour ? "\033[0m" : "";
}

/* ---- Paragraphs ------------------------------------------------------------------------------------------------ */

static void heading(const char *kind, const char *name)
{
	printf("%s%s%s: %s%s%s\n", sl_bold(), kind, sl_reset(), sl_paint(SL_GOOD), name, sl_reset());
}

static void begin_line(const char *name)
{
	printf("  %s%s%s: ", sl_bold(), name, sl_reset());
}

static void line(const char *name, const char *value)
{
	if (*value == '\0')
		return;
	begin_line(name);
	printf("%s\n", value);
}

static void traffic_line(const char *name, uint64_t packets, uint64_t bytes)
{
	char human[SL_HUMAN_MAX];

	begin_line(name);
	printf("%s in %" PRIu64 " packet%s", sl_human_bytes(human, bytes), packets, packets == 1 ? "" : "s");
}

static void share_line(const char *title, const json_t *object, const char *used, const char *all)
{
	begin_line(title);
	printf("%" PRIu64 " of %" PRIu64 " in use\n", sl_number_of(object, used), sl_number_of(object, all));
}

static void print_gateway(const json_t *gateway)
{
	char human[SL_HUMAN_MAX];
	uint64_t workers = sl_number_of(gateway, "workers");

	heading("gateway", sl_text_of(gateway, "name"));
	line("version", sl_text_of(gateway, "version"));
	line("signs with", sl_text_of(gateway, "key"));
	line("running for", sl_human_seconds(human, sl_number_of(gateway, "uptime_s")));
	begin_line("process");
	printf("%" PRIu64 " with %" PRIu64 " worker%s\n", sl_number_of(gateway, "pid"), workers,
		workers == 1 ? "" : "s");
	share_line("packet buffers", gateway, "mbufs_in_use", "mbufs");
	share_line("session slots", gateway, "session_slots_in_use", "session_slots");
	line("debugging", sl_text_of(gateway, "debugging"));
}

static void list_line(const char *name, const json_t *list)
{
	const json_t *entry;
	size_t i;

	begin_line(name);
	json_array_foreach(list, i, entry) printf("%s%s", i > 0 ? ", " : "", json_string_value(entry));
	putchar('\n');
}

/* Which of its keys the peer signs with; how many it may sign with only matters while one replaces another. */
static void key_line(const json_t *peer)
{
	uint64_t keys = sl_number_of(peer, "keys");
	const char *key = sl_text_of(peer, "key");

	if (*key == '\0')
		return;
	begin_line("signs with");
	printf("%s", key);
	if (keys > 1)
		printf(", one of %" PRIu64 " keys", keys);
	putchar('\n');
}

/* The IKE SA, while there is one. */
static void ike_lines(const json_t *peer)
{
	json_int_t rekey = json_integer_value(json_object_get(peer, "ike_rekey_in_s"));
	char human[SL_HUMAN_MAX];

	if (*sl_text_of(peer, "ike_spi_i") == '\0')
		return;
	begin_line("IKE SA");
	printf("%s_i %s_r", sl_text_of(peer, "ike_spi_i"), sl_text_of(peer, "ike_spi_r"));
	if (rekey >= 0)
		printf(", rekey in %s", sl_human_seconds(human, (uint64_t)rekey));
	putchar('\n');
	line("cipher", sl_text_of(peer, "cipher"));
	begin_line("child SAs");
	printf("%" PRIu64 ", %" PRIu64 " in use\n", sl_number_of(peer, "child_sas"),
		sl_number_of(peer, "child_sas_in_use"));
}

static void handshake_lines(const json_t *peer)
{
	json_int_t last = json_integer_value(json_object_get(peer, "last_handshake_s"));
	char human[SL_HUMAN_MAX];

	begin_line("latest handshake");
	printf("%s%s (%" PRIu64 " done, %" PRIu64 " failed)\n",
		last < 0 ? "never" : sl_human_seconds(human, (uint64_t)last), last < 0 ? "" : " ago",
		sl_number_of(peer, "handshakes"), sl_number_of(peer, "failures"));
	if (sl_number_of(peer, "rekeys") == 0)
		return;
	begin_line("rekeys");
	printf("%" PRIu64 " of child SAs, %" PRIu64 " of the IKE SA\n", sl_number_of(peer, "rekeys_child"),
		sl_number_of(peer, "rekeys_ike"));
}

/* What the peer's counters say was sent, and nobody opened here; a percentage when that is enough to be seen in one. */
static void loss_line(const json_t *peer)
{
	uint64_t lost = sl_number_of(peer, "rx_lost"), missing = sl_number_of(peer, "rx_missing");
	uint64_t sent = sl_number_of(peer, "rx_packets") + lost + missing;

	if (lost + missing == 0)
		return;
	begin_line("loss");
	printf("%s%" PRIu64 "%s of %" PRIu64 " packets of the peer did not come (%.3g %%)",
		sl_paint(SL_WARNING), lost + missing, sl_reset(), sent,
		100 * (double)(lost + missing) / (double)sent);
	if (missing > 0)
		printf(", %" PRIu64 " of them still may", missing);
	putchar('\n');
}

static void print_peer(const json_t *peer)
{
	const char *state = sl_text_of(peer, "state");
	enum sl_tone tone = strcmp(state, "up") == 0     ? SL_GOOD
			    : strcmp(state, "down") == 0 ? SL_BAD
							 : SL_WARNING;
	char human[SL_HUMAN_MAX];

	heading("peer", sl_text_of(peer, "name"));
	begin_line("state");
	printf("%s%s%s for %s\n", sl_paint(tone), state, sl_reset(),
		sl_human_seconds(human, sl_number_of(peer, "since_s")));
	line("endpoint", sl_text_of(peer, "endpoint"));
	list_line("prefixes", json_object_get(peer, "prefixes"));
	begin_line("mtu");
	printf("%" PRIu64 " inside the seal\n", sl_number_of(peer, "inner_mtu"));
	ike_lines(peer);
	key_line(peer);
	handshake_lines(peer);
	traffic_line("received", sl_number_of(peer, "rx_packets"), sl_number_of(peer, "rx_bytes"));
	putchar('\n');
	traffic_line("sent", sl_number_of(peer, "tx_packets"), sl_number_of(peer, "tx_bytes"));
	putchar('\n');
	loss_line(peer);
	line("last error", sl_text_of(peer, "last_error"));
}

static void neighbours_line(const json_t *port)
{
	uint64_t evicted = sl_number_of(port, "neighbours_evicted"),
		 refused = sl_number_of(port, "neighbours_refused");

	begin_line("neighbours");
	printf("%" PRIu64, sl_number_of(port, "neighbours"));
	if (evicted > 0)
		printf(", %" PRIu64 " silent ones made room", evicted);
	if (refused > 0)
		printf(", %s%" PRIu64 " refused%s", sl_paint(SL_BAD), refused, sl_reset());
	putchar('\n');
}

/* Two counters of ICMP errors, once there were any. */
static void errors_line(const char *title, const json_t *port, const char *good, const char *good_text,
	const char *bad, const char *bad_text)
{
	if (sl_number_of(port, good) + sl_number_of(port, bad) == 0)
		return;
	begin_line(title);
	printf("%" PRIu64 " %s, %" PRIu64 " %s\n", sl_number_of(port, good), good_text,
		sl_number_of(port, bad), bad_text);
}

/* "25 Gbit/s", or "2.5 Gbit/s"; nothing when the device does not tell. */
static void print_speed(uint64_t mbps)
{
	if (mbps >= 1000)
		printf(" with %g Gbit/s", (double)mbps / 1000);
	else if (mbps > 0)
		printf(" with %" PRIu64 " Mbit/s", mbps);
}

static void print_trouble(const json_t *port, const char *field, const char *what)
{
	uint64_t count = sl_number_of(port, field);

	if (count > 0)
		printf(", %s%" PRIu64 " %s%s", sl_paint(SL_BAD), count, what, sl_reset());
}

static void port_traffic_lines(const json_t *port)
{
	traffic_line("received", sl_number_of(port, "rx_packets"), sl_number_of(port, "rx_bytes"));
	print_trouble(port, "rx_missed", "missed");
	print_trouble(port, "rx_no_mbuf", "without a buffer");
	print_trouble(port, "rx_errors", "with errors");
	putchar('\n');
	traffic_line("sent", sl_number_of(port, "tx_packets"), sl_number_of(port, "tx_bytes"));
	print_trouble(port, "tx_errors", "failed");
	putchar('\n');
}

static void print_port(const json_t *port)
{
	const char *link = sl_text_of(port, "link");
	bool up = strcmp(link, "up") == 0;

	heading("port", sl_text_of(port, "role"));
	begin_line("device");
	printf("%s, link %s%s%s", sl_text_of(port, "device"), sl_paint(up ? SL_GOOD : SL_BAD), link,
		sl_reset());
	print_speed(up ? sl_number_of(port, "speed_mbps") : 0);
	putchar('\n');
	list_line("addresses", json_object_get(port, "addresses"));
	line("mac", sl_text_of(port, "mac"));
	begin_line("mtu");
	printf("%" PRIu64, sl_number_of(port, "mtu"));
	if (sl_number_of(port, "vlan") > 0)
		printf(", VLAN %" PRIu64, sl_number_of(port, "vlan"));
	putchar('\n');
	neighbours_line(port);
	errors_line("ICMP errors", port, "errors_said", "said", "errors_not_said", "not: too many");
	errors_line("too big", port, "too_big_heard", "heard", "too_big_forged", "about no SA of ours");
	begin_line("queues");
	printf("%" PRIu64 " in, %" PRIu64 " out\n", sl_number_of(port, "rx_queues"),
		sl_number_of(port, "tx_queues"));
	port_traffic_lines(port);
}

/* ---- What comes from outside ------------------------------------------------------------------------------------ */

/* An error text may quote a peer, and a terminal obeys control characters. */
static void disarm(json_t *value)
{
	char text[8192];
	json_t *member;
	const char *key;
	size_t i;

	json_array_foreach(value, i, member) disarm(member);
	json_object_foreach(value, key, member) disarm(member);
	if (!json_is_string(value))
		return;
	snprintf(text, sizeof(text), "%s", json_string_value(value));
	for (char *c = text; *c != '\0'; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	}
	/* Bytes of UTF-8 stay, but the control characters of its second block (C1) do not. */
	for (char *c = text; (c = strstr(c, "\xc2")) != NULL; c++) {
		if ((unsigned char)c[1] >= 0x80 && (unsigned char)c[1] < 0xa0)
			c[0] = c[1] = '?';
	}
	json_string_set(value, text);
}

static void print_each(json_t *entries, void (*print)(const json_t *entry))
{
	json_t *entry;
	size_t i;

	json_array_foreach(entries, i, entry)
	{
		if (i > 0)
			putchar('\n');
		print(entry);
	}
}

void sl_section_print(enum sl_section section, json_t *data, bool with_colour)
{
	sl_use_colour(with_colour);
	disarm(data);
	switch (section) {
	case SL_SECTION_GATEWAY: print_gateway(data); break;
	case SL_SECTION_PEERS: print_each(data, print_peer); break;
	case SL_SECTION_SESSIONS: sl_print_sessions(data); break;
	case SL_SECTION_PORTS: print_each(data, print_port); break;
	case SL_SECTION_NEIGHBOURS: sl_print_neighbours(data); break;
	case SL_SECTION_ROUTES: sl_print_routes(data); break;
	case SL_SECTION_DROPS: sl_print_drops(data); break;
	case SL_SECTION_IKE: sl_print_ike(data); break;
	case SL_SECTION_WORKERS: sl_print_workers(data); break;
	case SL_SECTION_COUNT: break;
	}
}
