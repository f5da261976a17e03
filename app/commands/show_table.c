/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The sections of `sealane show` that are tables.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "human.h"
#include "show_print.h"

enum { COLUMNS_MAX = 13, CELL_MAX = 256 };

/* How a column prints a field: as it is; a number of bytes, packets, seconds (below 0: never) or thousandths. */
enum style { AS_IS, AS_BYTES, AS_COUNT, AS_TIME, AS_SHARE };

struct column {
	const char *title; /* NULL after the last */
	const char *field;
	enum style style;
};

static const struct column session_columns[COLUMNS_MAX] = {{"SPI IN", "spi_in", AS_IS},
	{"SPI OUT", "spi_out", AS_IS}, {"PEER", "peer", AS_IS}, {"CIPHER", "cipher", AS_IS},
	{"ESN", "esn", AS_IS}, {"SENDS", "in_use", AS_IS}, {"FLOW", "flow", AS_IS},
	{"WORKER", "worker", AS_IS}, {"AGE", "age_s", AS_TIME}, {"RECEIVED", "rx_bytes", AS_BYTES},
	{"SENT", "tx_bytes", AS_BYTES}};

/* What is left until either limit. */
static const struct column limit_columns[COLUMNS_MAX] = {{"SPI IN", "spi_in", AS_IS},
	{"REKEY IN", "rekey_in_s", AS_TIME}, {"OR PACKETS", "rekey_in_packets", AS_COUNT},
	{"OR BYTES", "rekey_in_bytes", AS_BYTES}, {"END IN", "ends_in_s", AS_TIME},
	{"OR PACKETS", "ends_in_packets", AS_COUNT}, {"OR BYTES", "ends_in_bytes", AS_BYTES}};

static const struct column neighbour_columns[COLUMNS_MAX] = {{"PORT", "port", AS_IS},
	{"ADDRESS", "address", AS_IS}, {"MAC", "mac", AS_IS}, {"STATE", "state", AS_IS},
	{"AGE", "age_s", AS_TIME}};

static const struct column route_columns[COLUMNS_MAX] = {{"PACKETS", "layer", AS_IS},
	{"PREFIX", "prefix", AS_IS}, {"PORT", "port", AS_IS}, {"TO", "to", AS_IS}};

static const struct column drop_columns[COLUMNS_MAX] = {
	{"PACKETS", "packets", AS_IS}, {"REASON", "name", AS_IS}, {"MEANING", "help", AS_IS}};

static const struct column ike_columns[COLUMNS_MAX] = {
	{"COUNT", "count", AS_IS}, {"WHAT", "name", AS_IS}, {"MEANING", "help", AS_IS}};

static const struct column load_columns[COLUMNS_MAX] = {{"WORKER", "worker", AS_IS},
	{"LCORE", "lcore", AS_IS}, {"LOAD", "load_permille", AS_SHARE},
	{"BUSY POLLS", "busy_polls_permille", AS_SHARE}, {"BURST FILL", "burst_fill_permille", AS_SHARE},
	{"CYCLES/PACKET", "cycles_per_packet", AS_IS}, {"PACKETS/S", "packets_per_s", AS_COUNT}};

static const struct column worker_columns[COLUMNS_MAX] = {{"WORKER", "worker", AS_IS},
	{"WIRE IN", "rx_wire", AS_IS}, {"PLAIN IN", "rx_plain", AS_IS},
	{"FROM CONTROL", "from_control", AS_IS}, {"HANDED IN", "handed_in", AS_IS},
	{"WIRE OUT", "tx_wire", AS_IS}, {"PLAIN OUT", "tx_plain", AS_IS}, {"TO CONTROL", "to_control", AS_IS},
	{"HANDED OUT", "handed_out", AS_IS}, {"DROPS", "drops", AS_IS}, {"CUT", "cut", AS_IS}};

static const char *styled(char text[static CELL_MAX], enum style style, json_int_t value)
{
	_Static_assert((int)CELL_MAX >= (int)SL_HUMAN_MAX, "a cell holds any human number");
	switch (style) {
	case AS_BYTES: return sl_human_bytes(text, (uint64_t)value);
	case AS_COUNT: return sl_human_count(text, (uint64_t)value);
	case AS_TIME: return value < 0 ? "-" : sl_human_short(text, (uint64_t)value);
	case AS_SHARE: return sl_human_permille(text, (uint64_t)value);
	case AS_IS: break;
	}
	snprintf(text, CELL_MAX, "%" JSON_INTEGER_FORMAT, value);
	return text;
}

static const char *cell(char text[static CELL_MAX], const json_t *row, const struct column *column)
{
	const json_t *value = json_object_get(row, column->field);

	if (!json_is_string(value))
		return styled(text, column->style, json_integer_value(value));
	snprintf(text, CELL_MAX, "%s", *json_string_value(value) != '\0' ? json_string_value(value) : "-");
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
	fputs(sl_bold(), stdout);
	for (unsigned c = 0; c < count; c++)
		print_cell(columns[c].title, widths[c],
			json_is_integer(json_object_get(sample, columns[c].field)), c + 1 == count);
	fputs(sl_reset(), stdout);
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
		uint64_t replay = sl_number_of(session, "replay");
		uint64_t late = sl_number_of(session, "late");
		uint64_t bad_icv = sl_number_of(session, "bad_icv");

		if (replay + late + bad_icv > 0)
			printf("%s refused %" PRIu64 " replayed, %" PRIu64 " late and %" PRIu64
			       " forged or damaged packets\n",
				sl_text_of(session, "spi_in"), replay, late, bad_icv);
	}
}

void sl_print_sessions(const json_t *sessions)
{
	if (json_array_size(sessions) == 0) {
		puts("no session with any peer");
		return;
	}
	print_table(session_columns, sessions);
	putchar('\n');
	print_table(limit_columns, sessions);
	print_refused(sessions);
}

void sl_print_neighbours(const json_t *neighbours)
{
	if (json_array_size(neighbours) == 0)
		puts("no neighbour on any link");
	else
		print_table(neighbour_columns, neighbours);
}

/* Either to a peer, or to a router, or to whoever is on the link. */
void sl_print_routes(const json_t *routes)
{
	json_t *rows = json_deep_copy(routes), *row;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		const char *peer = sl_text_of(row, "peer"), *via = sl_text_of(row, "via");

		json_object_set_new(row, "to",
			*peer != '\0'  ? json_sprintf("peer %s", peer)
			: *via != '\0' ? json_sprintf("router %s", via)
				       : json_string("the link"));
	}
	print_table(route_columns, rows);
	json_decref(rows);
}

/* Only what happened. */
void sl_print_drops(const json_t *drops)
{
	json_t *rows = json_array();
	json_t *drop;
	size_t i;

	json_array_foreach(drops, i, drop)
	{
		if (sl_number_of(drop, "packets") > 0)
			json_array_append(rows, drop);
	}
	if (json_array_size(rows) == 0)
		puts("no packet was dropped");
	else
		print_table(drop_columns, rows);
	json_decref(rows);
}

void sl_print_ike(const json_t *counters)
{
	print_table(ike_columns, counters);
}

void sl_print_workers(const json_t *workers)
{
	print_table(load_columns, workers);
	putchar('\n');
	print_table(worker_columns, workers);
}
