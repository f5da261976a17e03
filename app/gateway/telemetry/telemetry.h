/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Answers over DPDK's telemetry socket: /sealane/peers lists names, /sealane/peer,NAME tells about one, and so on for each
 * kind. An answer of DPDK is bounded, so details are asked for one by one, and a list comes in pages: /sealane/peers,100
 * begins with the entry behind the first hundred, and the page behind the last is empty.
 *
 * Requests come in a thread of DPDK; telemetry.c finds the command, takes the gateway's lock and calls it. A request to do
 * something leaves a note for the control thread, and wakes it.
 *
 * Each file here has one kind of thing to tell about, and its commands in an array that telemetry.c registers.
 */
#ifndef SEALANE_GATEWAY_TELEMETRY_H
#define SEALANE_GATEWAY_TELEMETRY_H

#include <rte_telemetry.h>

#include "../gateway.h"

/*
 * Answers with the lock held: fills in d, a dictionary, or where `list` is said an array of strings. param is what came
 * behind the comma, NULL when nothing did. Returns 0; or -1 when there is nothing of that name, and then the answer is null.
 */
typedef int tell(struct gateway *g, const char *param, struct rte_tel_data *d);

struct telemetry_command {
	const char *command; /* NULL after the last */
	tell *tell;
	bool list;
	const char *help;
};

extern const struct telemetry_command telemetry_gateway[], telemetry_peers[], telemetry_sessions[],
	telemetry_ports[], telemetry_neighbours[], telemetry_routes[], telemetry_drops[], telemetry_ike[],
	telemetry_workers[];

/* ---- Fields ----------------------------------------------------------------------------------------------------------- */

void tell_text(struct rte_tel_data *d, const char *name, const char *value);
void tell_number(struct rte_tel_data *d, const char *name, uint64_t value);
void tell_signed(struct rte_tel_data *d, const char *name, int value);
void tell_yes_no(struct rte_tel_data *d, const char *name, bool value);
void tell_spi(struct rte_tel_data *d, const char *name, uint32_t value);
void tell_mac(struct rte_tel_data *d, const char *name, const struct rte_ether_addr *mac);
void tell_prefixes(
	struct rte_tel_data *d, const char *name, const struct sl_prefix *prefixes, unsigned count);

/* As whole seconds; seconds_until() is 0 when it is over, and -1 when it is never (UINT64_MAX). */
uint64_t seconds_since(uint64_t then);
int seconds_until(uint64_t then);

/* ---- Lists ------------------------------------------------------------------------------------------------------------ */

/* A list being paged through. */
struct page {
	struct rte_tel_data *d;
	unsigned at, first;
};

/* param: how many entries to leave out; NULL: none. */
struct page page_start(struct rte_tel_data *d, const char *param);

/* There is a next entry in the list: true when it is on the page. Then page_put() adds its name. */
bool page_next(struct page *page);
void page_put(struct page *page, const char *name);

/* Both, of an entry whose name costs nothing. */
void page_add(struct page *page, const char *name);

#endif
