/* SPDX-License-Identifier: BSD-3-Clause */
/* The commands of the telemetry socket, and how answers are filled in: see telemetry.h. */
#include "telemetry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_version.h>

#if RTE_VERSION < RTE_VERSION_NUM(23, 3, 0, 0)
#define rte_tel_data_add_dict_uint rte_tel_data_add_dict_u64
#endif

enum { PAGE = 100 }; /* names of 63 bytes, with what JSON puts around them, stay below 16 KiB */

static struct gateway *gateway; /* DPDK passes no context to its callbacks */

/* ---- Fields ----------------------------------------------------------------------------------------------------------- */

void tell_text(struct rte_tel_data *d, const char *name, const char *value)
{
	rte_tel_data_add_dict_string(d, name, value);
}

void tell_number(struct rte_tel_data *d, const char *name, uint64_t value)
{
	rte_tel_data_add_dict_uint(d, name, value);
}

void tell_signed(struct rte_tel_data *d, const char *name, int value)
{
	rte_tel_data_add_dict_int(d, name, value);
}

void tell_yes_no(struct rte_tel_data *d, const char *name, bool value)
{
	tell_text(d, name, value ? "yes" : "no");
}

void tell_spi(struct rte_tel_data *d, const char *name, uint32_t value)
{
	char hex[16];

	snprintf(hex, sizeof(hex), "0x%08x", value);
	tell_text(d, name, hex);
}

void tell_mac(struct rte_tel_data *d, const char *name, const struct rte_ether_addr *mac)
{
	char text[RTE_ETHER_ADDR_FMT_SIZE];

	rte_ether_format_addr(text, sizeof(text), mac);
	tell_text(d, name, text);
}

void tell_prefixes(struct rte_tel_data *d, const char *name, const struct sl_prefix *prefixes, unsigned count)
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

uint64_t seconds_since(uint64_t then)
{
	return (gateway_now() - then) / SECOND_NS;
}

int seconds_until(uint64_t then)
{
	uint64_t now = gateway_now();

	if (then == UINT64_MAX)
		return -1;
	return then > now ? (int)((then - now) / SECOND_NS) : 0;
}

/* ---- Lists ------------------------------------------------------------------------------------------------------------ */

struct page page_start(struct rte_tel_data *d, const char *param)
{
	return (struct page){.d = d, .first = param ? (unsigned)strtoul(param, NULL, 10) : 0};
}

bool page_next(struct page *page)
{
	unsigned at = page->at++;

	return at >= page->first && at - page->first < PAGE;
}

void page_put(struct page *page, const char *name)
{
	rte_tel_data_add_array_string(page->d, name);
}

void page_add(struct page *page, const char *name)
{
	if (page_next(page))
		page_put(page, name);
}

/* ---- Commands --------------------------------------------------------------------------------------------------------- */

static const struct telemetry_command *const kinds[] = {telemetry_gateway, telemetry_peers,
	telemetry_sessions, telemetry_ports, telemetry_neighbours, telemetry_routes, telemetry_drops,
	telemetry_ike, telemetry_workers};

static const struct telemetry_command *find(const char *command)
{
	for (unsigned i = 0; i < RTE_DIM(kinds); i++) {
		for (const struct telemetry_command *c = kinds[i]; c->command; c++) {
			if (strcmp(c->command, command) == 0)
				return c;
		}
	}
	return NULL;
}

static int answer(const char *command, const char *param, struct rte_tel_data *d)
{
	const struct telemetry_command *c = find(command);
	int err;

	if (!c)
		return -1;
	if (c->list)
		rte_tel_data_start_array(d, RTE_TEL_STRING_VAL);
	else
		rte_tel_data_start_dict(d);
	pthread_mutex_lock(&gateway->lock);
	err = c->tell(gateway, param, d);
	pthread_mutex_unlock(&gateway->lock);
	return err;
}

int telemetry_init(struct gateway *g)
{
	gateway = g;
	for (unsigned i = 0; i < RTE_DIM(kinds); i++) {
		for (const struct telemetry_command *c = kinds[i]; c->command; c++) {
			if (rte_telemetry_register_cmd(c->command, answer, c->help) != 0)
				return -1;
		}
	}
	return 0;
}
