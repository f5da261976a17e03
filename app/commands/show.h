/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sealane show, in parts: show.c takes the arguments, gather.c asks the gateway, show_text.c and show_table.c print for
 * people. The fields of its JSON are the telemetry's; app/man/sealane-show.1.scd tells what they mean.
 */
#ifndef SEALANE_APP_SHOW_H
#define SEALANE_APP_SHOW_H

#include <stdbool.h>

#include <jansson.h>

#include "client.h"

/* What a section is made of; the order in which a bare `show` would print them. */
enum sl_section {
	SL_SECTION_GATEWAY,
	SL_SECTION_PEERS,
	SL_SECTION_SESSIONS,
	SL_SECTION_PORTS,
	SL_SECTION_NEIGHBOURS,
	SL_SECTION_ROUTES,
	SL_SECTION_DROPS,
	SL_SECTION_IKE,
	SL_SECTION_WORKERS,
	SL_SECTION_COUNT
};

/* "gateway", "peers", ...: the argument of show, and the key in its JSON. */
const char *sl_section_name(enum sl_section section);

/*
 * Asks the gateway for a section: one object for SL_SECTION_GATEWAY, an array of objects for the others. Every object
 * has been checked: all fields are there with the right type. Returns a new reference, or NULL after saying on stderr
 * what went wrong.
 */
json_t *sl_section_gather(struct sl_client *client, enum sl_section section);

/* The same for who can do without what the gateway does not know: nothing has been checked but that it is JSON. */
json_t *sl_section_gather_known(struct sl_client *client, enum sl_section section);

/* Prints what sl_section_gather() gave, on standard output. */
void sl_section_print(enum sl_section section, json_t *data, bool colour);

#endif
