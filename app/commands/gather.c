/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A section of `sealane show` from the gateway: the list of its entries, then each entry by itself, because an answer of
 * DPDK's telemetry has a limit; a long list comes in pages for the same reason. The gateway may be of another version, so every field is checked here, once.
 */
#include <stdio.h>
#include <string.h>

#include "../commands.h"
#include "show.h"

enum { FIELDS_MAX = 28 };

struct field {
	const char *name; /* NULL after the last */
	json_type type;
};

#define TEXT(name)                                                                                           \
	{                                                                                                    \
		name, JSON_STRING                                                                            \
	}
#define NUMBER(name)                                                                                         \
	{                                                                                                    \
		name, JSON_INTEGER                                                                           \
	}
#define LIST(name)                                                                                           \
	{                                                                                                    \
		name, JSON_ARRAY                                                                             \
	}
#define GAPS    NUMBER("rx_lost"), NUMBER("rx_missing")
#define TRAFFIC NUMBER("rx_packets"), NUMBER("rx_bytes"), NUMBER("tx_packets"), NUMBER("tx_bytes")

static const struct {
	const char *name;
	const char *list;   /* NULL: there is only one */
	const char *detail; /* of one entry, whose name goes behind a comma */
	bool may_vanish;    /* entries end while we ask; any other that is gone is a fault */
	struct field fields[FIELDS_MAX];
} sections[SL_SECTION_COUNT] = {
	[SL_SECTION_GATEWAY] = {"gateway", NULL, "/sealane/gateway", false,
		{TEXT("name"), TEXT("version"), NUMBER("uptime_s"), NUMBER("pid"), TEXT("key"),
			NUMBER("workers"), TEXT("debugging"), NUMBER("mbufs"), NUMBER("mbufs_in_use"),
			NUMBER("session_slots"), NUMBER("session_slots_in_use")}},
	[SL_SECTION_PEERS] = {"peers", "/sealane/peers", "/sealane/peer", true,
		{TEXT("name"), TEXT("state"), NUMBER("since_s"), TEXT("endpoint"), NUMBER("last_handshake_s"),
			NUMBER("handshakes"), NUMBER("failures"), NUMBER("rekeys"), NUMBER("rekeys_child"),
			NUMBER("rekeys_ike"), TEXT("cipher"), TEXT("ike_spi_i"), TEXT("ike_spi_r"),
			NUMBER("ike_rekey_in_s"), NUMBER("child_sas"), NUMBER("child_sas_in_use"), TRAFFIC,
			GAPS, TEXT("last_error"), NUMBER("inner_mtu"), LIST("prefixes"), TEXT("key"),
			NUMBER("keys")}},
	[SL_SECTION_SESSIONS] = {"sessions", "/sealane/sessions", "/sealane/session", true,
		{TEXT("spi_in"), TEXT("spi_out"), TEXT("peer"), NUMBER("worker"), TEXT("cipher"), TEXT("esn"),
			NUMBER("age_s"), TEXT("in_use"), TEXT("flow"), TRAFFIC, GAPS, NUMBER("replay"),
			NUMBER("late"), NUMBER("bad_icv"), NUMBER("rekey_in_s"), NUMBER("rekey_in_packets"),
			NUMBER("rekey_in_bytes"), NUMBER("ends_in_s"), NUMBER("ends_in_packets"),
			NUMBER("ends_in_bytes")}},
	[SL_SECTION_PORTS] = {"ports", "/sealane/ports", "/sealane/port", false,
		{TEXT("role"), TEXT("device"), LIST("addresses"), TEXT("mac"), NUMBER("mtu"), NUMBER("vlan"),
			TEXT("link"), NUMBER("speed_mbps"), NUMBER("neighbours"), NUMBER("rx_queues"),
			NUMBER("tx_queues"), TRAFFIC, NUMBER("rx_missed"), NUMBER("rx_no_mbuf"),
			NUMBER("rx_errors"), NUMBER("tx_errors")}},
	[SL_SECTION_NEIGHBOURS] = {"neighbours", "/sealane/neighbours", "/sealane/neighbour", true,
		{TEXT("port"), TEXT("address"), TEXT("mac"), TEXT("state"), NUMBER("age_s")}},
	[SL_SECTION_ROUTES] = {"routes", "/sealane/routes", "/sealane/route", true,
		{TEXT("layer"), TEXT("prefix"), TEXT("port"), TEXT("peer"), TEXT("via")}},
	[SL_SECTION_DROPS] = {"drops", "/sealane/drops", "/sealane/drop", false,
		{TEXT("name"), NUMBER("packets"), TEXT("help")}},
	[SL_SECTION_IKE] = {"ike", "/sealane/ike", "/sealane/ike_counter", false,
		{TEXT("name"), NUMBER("count"), TEXT("help")}},
	[SL_SECTION_WORKERS] = {"workers", "/sealane/workers", "/sealane/worker", false,
		{NUMBER("worker"), NUMBER("lcore"), NUMBER("rx_wire"), NUMBER("rx_plain"), NUMBER("tx_wire"),
			NUMBER("tx_plain"), NUMBER("drops"), NUMBER("to_control"), NUMBER("from_control"),
			NUMBER("handed_in"), NUMBER("handed_out"), NUMBER("cut"), NUMBER("polls"),
			NUMBER("busy_polls"), NUMBER("busy_cycles"), NUMBER("bursts"),
			NUMBER("load_permille"), NUMBER("busy_polls_permille"), NUMBER("burst_fill_permille"),
			NUMBER("cycles_per_packet"), NUMBER("packets_per_s")}},
};

const char *sl_section_name(enum sl_section section)
{
	return sections[section].name;
}

/* Says what an object lacks, if anything. */
static bool is_complete(const json_t *object, const struct field *fields, const char *command)
{
	for (unsigned i = 0; i < FIELDS_MAX && fields[i].name != NULL; i++) {
		const json_t *value = json_object_get(object, fields[i].name);

		if (value != NULL && json_typeof(value) == fields[i].type)
			continue;
		sl_cli_fail("the gateway's answer to %s has no proper '%s', is it of another version?",
			command, fields[i].name);
		return false;
	}
	return true;
}

/* Who asks for what; lenient: about things that are there, as far as the gateway knows them. */
struct request {
	struct sl_client *client;
	enum sl_section section;
	bool lenient;
};

/* One entry; JSON null when it has vanished. NULL after a word on stderr. */
static json_t *gather_one(const struct request *r, const char *command)
{
	enum sl_section section = r->section;
	json_t *object = sl_client_ask(r->client, command);

	if (object == NULL || r->lenient || (json_is_null(object) && sections[section].may_vanish))
		return object;
	if (is_complete(object, sections[section].fields, command))
		return object;
	json_decref(object);
	return NULL;
}

/* The command that asks for one entry of a list. */
static bool entry_command(char *command, size_t size, const char *detail, const json_t *entry)
{
	int len = -1;

	if (json_is_string(entry))
		len = snprintf(command, size, "%s,%s", detail, json_string_value(entry));
	return len > 0 && (size_t)len < size;
}

/* Puts the details of each entry into out. */
static bool gather_entries(const struct request *r, const json_t *list, json_t *out)
{
	enum sl_section section = r->section;
	char command[512];
	const json_t *entry;
	size_t i;

	json_array_foreach(list, i, entry)
	{
		json_t *object;

		if (!entry_command(command, sizeof(command), sections[section].detail, entry)) {
			sl_cli_fail(
				"the gateway's answer to %s is not a list of names", sections[section].list);
			return false;
		}
		object = gather_one(r, command);
		if (object == NULL)
			return false;
		if (json_is_null(object))
			json_decref(object);
		else if (json_array_append_new(out, object) != 0)
			return sl_cli_fail("out of memory") == SL_EXIT_DONE;
	}
	return true;
}

/* The names behind the first `skipped` ones: a page of the list, empty behind the last. NULL after a word on stderr. */
static json_t *gather_page(struct sl_client *client, const char *list, size_t skipped)
{
	char command[64];
	json_t *page;

	snprintf(command, sizeof(command), "%s,%zu", list, skipped);
	page = sl_client_ask(client, command);
	if (page == NULL || json_is_array(page))
		return page;
	json_decref(page);
	sl_cli_fail("the gateway's answer to %s is not a list", list);
	return NULL;
}

/* Every page of the list, and the details of every entry, into out. */
static bool gather_pages(const struct request *r, json_t *out)
{
	size_t asked = 0, on_page;

	do {
		json_t *page = gather_page(r->client, sections[r->section].list, asked);
		bool good = page != NULL && gather_entries(r, page, out);

		on_page = json_array_size(page);
		asked += on_page;
		json_decref(page);
		if (!good)
			return false;
	} while (on_page > 0);
	return true;
}

static json_t *gather(const struct request *r)
{
	json_t *out;

	if (sections[r->section].list == NULL)
		return gather_one(r, sections[r->section].detail);
	out = json_array();
	if (gather_pages(r, out))
		return out;
	json_decref(out);
	return NULL;
}

json_t *sl_section_gather(struct sl_client *client, enum sl_section section)
{
	return gather(&(struct request){.client = client, .section = section});
}

json_t *sl_section_gather_known(struct sl_client *client, enum sl_section section)
{
	return gather(&(struct request){.client = client, .section = section, .lenient = true});
}
