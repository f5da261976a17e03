/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Traffic selectors: intersection and narrowing. Ranges are inclusive; one whose first value is above its last is empty
 * and meets nothing. That covers a peer's nonsense and the "OPAQUE" ports (65535 to 0) of RFC 7296 3.13.1, which ask
 * for an SA for fragments only and are not supported.
 */
#include <string.h>

#include "selector.h"

struct sl_ts sl_ts_from_prefix(const struct sl_prefix *p)
{
	struct sl_ts ts = {.port_first = 0, .port_last = UINT16_MAX, .protocol = 0};

	sl_prefix_range(p, &ts.first, &ts.last);
	return ts;
}

/* Addresses of one family, in network order, compare as bytes. */
static bool below(const struct sl_addr *a, const struct sl_addr *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) < 0;
}

bool sl_ts_intersect(struct sl_ts *out, const struct sl_ts *a, const struct sl_ts *b)
{
	struct sl_ts common;

	if (a->first.family == SL_NONE || a->first.family != b->first.family)
		return false;
	if (a->protocol != 0 && b->protocol != 0 && a->protocol != b->protocol)
		return false;
	common.protocol = a->protocol != 0 ? a->protocol : b->protocol;
	common.first = below(&a->first, &b->first) ? b->first : a->first;
	common.last = below(&a->last, &b->last) ? a->last : b->last;
	common.port_first = a->port_first > b->port_first ? a->port_first : b->port_first;
	common.port_last = a->port_last < b->port_last ? a->port_last : b->port_last;
	if (below(&common.last, &common.first) || common.port_last < common.port_first)
		return false;
	/* Where the protocol is any, there are no ports to speak of (RFC 7296 3.13.1). */
	if (common.protocol == 0 && (common.port_first != 0 || common.port_last != UINT16_MAX))
		return false;
	*out = common;
	return true;
}

/* True when every packet of `inner` is one of `outer` too. */
static bool covers(const struct sl_ts *outer, const struct sl_ts *inner)
{
	return outer->first.family == inner->first.family && !below(&inner->first, &outer->first) &&
	       !below(&outer->last, &inner->last) && outer->port_first <= inner->port_first &&
	       outer->port_last >= inner->port_last &&
	       (outer->protocol == 0 || outer->protocol == inner->protocol);
}

/* Adds a part unless an earlier one says the same already: offers often repeat themselves. */
static void add(struct sl_ts_list *list, const struct sl_ts *part)
{
	for (unsigned i = 0; i < list->count; i++) {
		if (covers(&list->ts[i], part))
			return;
	}
	if (list->count < SL_TS_MAX)
		list->ts[list->count++] = *part;
}

bool sl_ts_narrow(struct sl_ts_list *out, const struct sl_ts_list *offered, const struct sl_ts_list *allowed)
{
	struct sl_ts_list narrowed = {0};
	struct sl_ts part;

	/* The initiator puts what it needs most first (RFC 7296 2.9), so its order is kept. */
	for (unsigned i = 0; i < offered->count; i++) {
		for (unsigned j = 0; j < allowed->count; j++) {
			if (sl_ts_intersect(&part, &offered->ts[i], &allowed->ts[j]))
				add(&narrowed, &part);
		}
	}
	*out = narrowed;
	return out->count > 0;
}
