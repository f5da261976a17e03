/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What `sealane show` prints for people: paragraphs as `wg show` has them for the few things that matter alone (the
 * gateway, peers, ports), tables for what is compared (sessions, drops, workers).
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "human.h"
#include "show.h"

static bool colour;

/* Fields are there: gathering has checked them. */
static const char *text_of(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

static uint64_t number_of(const json_t *object, const char *name)
{
	return (uint64_t)json_integer_value(json_object_get(object, name));
}

/* ---- Paragraphs ------------------------------------------------------------------------------------------------ */

enum tone { PLAIN, GOOD, WARNING, BAD };

static const char *paint(enum tone tone)
{
	static const char *const codes[] = {
		[PLAIN] = "", [GOOD] = "\033[32m", [WARNING] = "\033[33m", [BAD] = "\033[31m"};

	return colour ? codes[tone] : "";
}

static const char *bold(void)
{
	return colour ? "\033[1m" : "";
}

static const char *reset(void)
{
	return colour ? "\033[0m" : "";
}

static void heading(const char *kind, const char *name)
{
	printf("%s%s%s: %s%s%s\n", bold(), kind, reset(), paint(GOOD), name, reset());
}

static void begin_line(const char *name)
{
	printf("  %s%s%s: ", bold(), name, reset());
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

static void print_gateway(const json_t *gateway)
{
	char human[SL_HUMAN_MAX];
	uint64_t workers = number_of(gateway, "workers");

	heading("gateway", text_of(gateway, "name"));
	line("version", text_of(gateway, "version"));
	line("running for", sl_human_seconds(human, number_of(gateway, "uptime_s")));
	begin_line("process");
	printf("%" PRIu64 " with %" PRIu64 " worker%s\n", number_of(gateway, "pid"), workers,
		workers == 1 ? "" : "s");
	line("debugging", text_of(gateway, "debugging"));
}

static void list_line(const char *name, const json_t *list)
{
	const json_t *entry;
	size_t i;

	begin_line(name);
	json_array_foreach(list, i, entry) printf("%s%s", i > 0 ? ", " : "", json_string_value(entry));
	putchar('\n');
}

static void print_peer(const json_t *peer)
{
	const char *state = text_of(peer, "state");
	enum tone tone = strcmp(state, "up") == 0 ? GOOD : strcmp(state, "down") == 0 ? BAD : WARNING;
	json_int_t last = json_integer_value(json_object_get(peer, "last_handshake_s"));
	char human[SL_HUMAN_MAX];

	heading("peer", text_of(peer, "name"));
	begin_line("state");
	printf("%s%s%s for %s\n", paint(tone), state, reset(),
		sl_human_seconds(human, number_of(peer, "since_s")));
	line("endpoint", text_of(peer, "endpoint"));
	list_line("prefixes", json_object_get(peer, "prefixes"));
	begin_line("mtu");
	printf("%" PRIu64 " inside the seal\n", number_of(peer, "inner_mtu"));
	line("cipher", text_of(peer, "cipher"));
	begin_line("latest handshake");
	printf("%s%s (%" PRIu64 " done, %" PRIu64 " failed, %" PRIu64 " rekeyed)\n",
		last < 0 ? "never" : sl_human_seconds(human, (uint64_t)last), last < 0 ? "" : " ago",
		number_of(peer, "handshakes"), number_of(peer, "failures"), number_of(peer, "rekeys"));
	traffic_line("received", number_of(peer, "rx_packets"), number_of(peer, "rx_bytes"));
	putchar('\n');
	traffic_line("sent", number_of(peer, "tx_packets"), number_of(peer, "tx_bytes"));
	putchar('\n');
	line("last error", text_of(peer, "last_error"));
}

static void neighbours_line(const json_t *port)
{
	uint64_t evicted = number_of(port, "neighbours_evicted"),
		 refused = number_of(port, "neighbours_refused");

	begin_line("neighbours");
	printf("%" PRIu64, number_of(port, "neighbours"));
	if (evicted > 0)
		printf(", %" PRIu64 " silent ones made room", evicted);
	if (refused > 0)
		printf(", %s%" PRIu64 " refused%s", paint(BAD), refused, reset());
	putchar('\n');
}

/* Two counters of ICMP errors, once there were any. */
static void errors_line(const char *title, const json_t *port, const char *good, const char *good_text,
	const char *bad, const char *bad_text)
{
	if (number_of(port, good) + number_of(port, bad) == 0)
		return;
	begin_line(title);
	printf("%" PRIu64 " %s, %" PRIu64 " %s\n", number_of(port, good), good_text, number_of(port, bad),
		bad_text);
}

static void print_port(const json_t *port)
{
	const char *link = text_of(port, "link");
	uint64_t missed = number_of(port, "rx_missed");

	heading("port", text_of(port, "role"));
	begin_line("device");
	printf("%s, link %s%s%s\n", text_of(port, "device"), paint(strcmp(link, "up") == 0 ? GOOD : BAD),
		link, reset());
	list_line("addresses", json_object_get(port, "addresses"));
	line("mac", text_of(port, "mac"));
	begin_line("mtu");
	printf("%" PRIu64, number_of(port, "mtu"));
	if (number_of(port, "vlan") > 0)
		printf(", VLAN %" PRIu64, number_of(port, "vlan"));
	putchar('\n');
	neighbours_line(port);
	errors_line("ICMP errors", port, "errors_said", "said", "errors_not_said", "not: too many");
	errors_line("too big", port, "too_big_heard", "heard", "too_big_forged", "about no SA of ours");
	begin_line("queues");
	printf("%" PRIu64 " in, %" PRIu64 " out\n", number_of(port, "rx_queues"),
		number_of(port, "tx_queues"));
	traffic_line("received", number_of(port, "rx_packets"), number_of(port, "rx_bytes"));
	if (missed > 0)
		printf(", %s%" PRIu64 " missed%s", paint(BAD), missed, reset());
	putchar('\n');
	traffic_line("sent", number_of(port, "tx_packets"), number_of(port, "tx_bytes"));
	putchar('\n');
}

/* ---- Tables ---------------------------------------------------------------------------------------------------- */

enum { COLUMNS_MAX = 13, CELL_MAX = 256 };

/* How a column prints a field: as it is, as bytes or as a time. */
enum style { AS_IS, AS_BYTES, AS_SECONDS };

struct column {
	const char *title; /* NULL after the last */
	const char *field;
	enum style style;
};

static const struct column session_columns[COLUMNS_MAX] = {{"SPI IN", "spi_in", AS_IS},
	{"SPI OUT", "spi_out", AS_IS}, {"PEER", "peer", AS_IS}, {"CIPHER", "cipher", AS_IS},
	{"ESN", "esn", AS_IS}, {"SENDS", "in_use", AS_IS}, {"FLOW", "flow", AS_IS},
	{"WORKER", "worker", AS_IS}, {"AGE", "age_s", AS_SECONDS}, {"RECEIVED", "rx_bytes", AS_BYTES},
	{"SENT", "tx_bytes", AS_BYTES}};

static const struct column drop_columns[COLUMNS_MAX] = {
	{"PACKETS", "packets", AS_IS}, {"REASON", "name", AS_IS}, {"MEANING", "help", AS_IS}};

static const struct column ike_columns[COLUMNS_MAX] = {
	{"COUNT", "count", AS_IS}, {"WHAT", "name", AS_IS}, {"MEANING", "help", AS_IS}};

static const struct column worker_columns[COLUMNS_MAX] = {{"WORKER", "worker", AS_IS},
	{"LCORE", "lcore", AS_IS}, {"WIRE IN", "rx_wire", AS_IS}, {"PLAIN IN", "rx_plain", AS_IS},
	{"FROM CONTROL", "from_control", AS_IS}, {"HANDED IN", "handed_in", AS_IS},
	{"WIRE OUT", "tx_wire", AS_IS}, {"PLAIN OUT", "tx_plain", AS_IS}, {"TO CONTROL", "to_control", AS_IS},
	{"HANDED OUT", "handed_out", AS_IS}, {"DROPS", "drops", AS_IS}, {"CUT", "cut", AS_IS}};

static const char *cell(char text[static CELL_MAX], const json_t *row, const struct column *column)
{
	const json_t *value = json_object_get(row, column->field);

	_Static_assert((int)CELL_MAX >= (int)SL_HUMAN_MAX, "a cell holds any human number");
	if (json_is_string(value))
		snprintf(text, CELL_MAX, "%s", json_string_value(value));
	else if (column->style == AS_BYTES)
		sl_human_bytes(text, (uint64_t)json_integer_value(value));
	else if (column->style == AS_SECONDS)
		sl_human_seconds(text, (uint64_t)json_integer_value(value));
	else
		snprintf(text, CELL_MAX, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	return text;
}

/* The widest cell of each column, its title included. */
static void measure(const struct column *columns, const json_t *rows, int *widths)
{
	char text[CELL_MAX];
	const json_t *row;
	size_t i;

	for (unsigned c = 0; c < COLUMNS_MAX && columns[c].title != NULL; c++) {
		widths[c] = (int)strlen(columns[c].title);
		json_array_foreach(rows, i, row)
		{
			int width = (int)strlen(cell(text, row, &columns[c]));

			widths[c] = width > widths[c] ? width : widths[c];
		}
	}
}

/* Numbers stand to the right, words to the left, and nothing behind the last word. */
static void print_cell(const char *text, int width, bool right, bool last)
{
	if (right)
		printf("%*s%s", width, text, last ? "\n" : "  ");
	else
		printf("%-*s%s", last ? 0 : width, text, last ? "\n" : "  ");
}

static void print_table(const struct column *columns, const json_t *rows)
{
	const json_t *sample = json_array_get(rows, 0);
	int widths[COLUMNS_MAX];
	char text[CELL_MAX];
	const json_t *row;
	unsigned count = 0;
	size_t i;

	measure(columns, rows, widths);
	while (count < COLUMNS_MAX && columns[count].title != NULL)
		count++;
	fputs(bold(), stdout);
	for (unsigned c = 0; c < count; c++)
		print_cell(columns[c].title, widths[c],
			json_is_integer(json_object_get(sample, columns[c].field)), c + 1 == count);
	fputs(reset(), stdout);
	json_array_foreach(rows, i, row)
	{
		for (unsigned c = 0; c < count; c++)
			print_cell(cell(text, row, &columns[c]), widths[c],
				json_is_integer(json_object_get(row, columns[c].field)), c + 1 == count);
	}
}

/* What a session refused, where it did: an attack or a broken link shows here first. */
static void print_refused(const json_t *sessions)
{
	const json_t *session;
	size_t i;

	json_array_foreach(sessions, i, session)
	{
		uint64_t replay = number_of(session, "replay");
		uint64_t late = number_of(session, "late");
		uint64_t bad_icv = number_of(session, "bad_icv");

		if (replay + late + bad_icv > 0)
			printf("%s refused %" PRIu64 " replayed, %" PRIu64 " late and %" PRIu64
			       " forged or damaged packets\n",
				text_of(session, "spi_in"), replay, late, bad_icv);
	}
}

static void print_sessions(const json_t *sessions)
{
	if (json_array_size(sessions) == 0) {
		puts("no session with any peer");
		return;
	}
	print_table(session_columns, sessions);
	print_refused(sessions);
}

/* Only what happened. */
static void print_drops(const json_t *drops)
{
	json_t *rows = json_array();
	json_t *drop;
	size_t i;

	json_array_foreach(drops, i, drop)
	{
		if (number_of(drop, "packets") > 0)
			json_array_append(rows, drop);
	}
	if (json_array_size(rows) == 0)
		puts("no packet was dropped");
	else
		print_table(drop_columns, rows);
	json_decref(rows);
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
	colour = with_colour;
	disarm(data);
	switch (section) {
	case SL_SECTION_GATEWAY: print_gateway(data); break;
	case SL_SECTION_PEERS: print_each(data, print_peer); break;
	case SL_SECTION_SESSIONS: print_sessions(data); break;
	case SL_SECTION_PORTS: print_each(data, print_port); break;
	case SL_SECTION_DROPS: print_drops(data); break;
	case SL_SECTION_IKE: print_table(ike_columns, data); break;
	case SL_SECTION_WORKERS: print_table(worker_columns, data); break;
	case SL_SECTION_COUNT: break;
	}
}
