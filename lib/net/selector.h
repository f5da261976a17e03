/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A traffic selector (RFC 4301 4.4.1, RFC 7296 3.13.1): the range of addresses, the protocol and the ports that one
 * side of a child SA stands for. A child SA carries a packet when one selector of each side covers it.
 */
#ifndef SEALANE_NET_SELECTOR_H
#define SEALANE_NET_SELECTOR_H

#include "addr.h"

struct sl_ts {
	struct sl_addr first, last; /* both included, same family */
	/* Host order; 0..65535 is any. Of ICMP and ICMPv6 it is type and code, one byte each (RFC 7296 3.13.1). */
	uint16_t port_first;
	uint16_t port_last;
	uint8_t protocol; /* 0 is any, and then so is the port */
};

enum { SL_TS_MAX = 8 }; /* selectors on one side of a child SA */

struct sl_ts_list {
	unsigned count; /* 0..SL_TS_MAX */
	struct sl_ts ts[SL_TS_MAX];
};

/* All traffic of a prefix. */
struct sl_ts sl_ts_from_prefix(const struct sl_prefix *p);

/* The common part of two selectors; false when there is none. */
bool sl_ts_intersect(struct sl_ts *out, const struct sl_ts *a, const struct sl_ts *b);

/* Narrows `offered` to what `allowed` covers (RFC 7296 2.9). False when nothing is left; too many parts are cut off. */
bool sl_ts_narrow(struct sl_ts_list *out, const struct sl_ts_list *offered, const struct sl_ts_list *allowed);

#endif
