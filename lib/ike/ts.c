/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Traffic selectors to and from the wire.
 */
#include "ts.h"

static void write_one(struct ike_writer *w, const struct sl_ts *ts)
{
	size_t addr_len = sl_addr_len(&ts->first);
	const struct ike_wire_ts t = {
		.type = ts->first.family == SL_IPV4 ? IKE_TS_IPV4 : IKE_TS_IPV6,
		.protocol = ts->protocol,
		.len = htobe16((uint16_t)(sizeof(t) + 2 * addr_len)),
		.port_first = htobe16(ts->port_first),
		.port_last = htobe16(ts->port_last),
	};

	ike_put(w, &t, sizeof(t));
	ike_put(w, ts->first.bytes, addr_len);
	ike_put(w, ts->last.bytes, addr_len);
}

void ike_write_ts(struct ike_writer *w, enum ike_payload_type type, const struct sl_ts_list *list)
{
	const struct ike_wire_ts_list l = {.count = (uint8_t)list->count};

	ike_payload_begin(w, type);
	ike_put(w, &l, sizeof(l));
	for (unsigned i = 0; i < list->count; i++)
		write_one(w, &list->ts[i]);
	ike_payload_end(w);
}

/* Reads one selector of `size` bytes. Returns IKE_OK with out->first.family SL_NONE when it is of another kind. */
static enum ike_result parse_one(struct sl_ts *out, const struct ike_wire_ts *t, size_t size)
{
	const uint8_t *addresses = (const uint8_t *)(t + 1);
	size_t addr_len = t->type == IKE_TS_IPV4 ? 4 : 16;

	*out = (struct sl_ts){0};
	if (t->type != IKE_TS_IPV4 && t->type != IKE_TS_IPV6)
		return IKE_OK;
	if (size != sizeof(*t) + 2 * addr_len)
		return IKE_E_SYNTAX;
	out->port_first = be16toh(t->port_first);
	out->port_last = be16toh(t->port_last);
	out->protocol = t->protocol;
	memcpy(out->first.bytes, addresses, addr_len);
	memcpy(out->last.bytes, addresses + addr_len, addr_len);
	out->first.family = out->last.family = t->type == IKE_TS_IPV4 ? SL_IPV4 : SL_IPV6;
	return IKE_OK;
}

enum ike_result ike_parse_ts(struct sl_ts_list *list, struct ike_view body)
{
	const uint8_t *data = body.data + sizeof(struct ike_wire_ts_list);
	size_t len = body.len - sizeof(struct ike_wire_ts_list);
	unsigned count = body.data[0];

	*list = (struct sl_ts_list){0};
	for (unsigned i = 0; i < count; i++) {
		const struct ike_wire_ts *t = (const void *)data;
		struct sl_ts ts;
		size_t size;

		if (len < sizeof(*t))
			return IKE_E_SYNTAX;
		size = be16toh(t->len);
		if (size < sizeof(*t) || size > len || parse_one(&ts, t, size) != IKE_OK)
			return IKE_E_SYNTAX;
		if (ts.first.family != SL_NONE && list->count < SL_TS_MAX)
			list->ts[list->count++] = ts;
		data += size;
		len -= size;
	}
	return count > 0 && len == 0 ? IKE_OK : IKE_E_SYNTAX;
}

static bool same(const struct sl_ts *a, const struct sl_ts *b)
{
	return sl_addr_equal(&a->first, &b->first) && sl_addr_equal(&a->last, &b->last) &&
	       a->port_first == b->port_first && a->port_last == b->port_last && a->protocol == b->protocol;
}

bool ike_ts_within(const struct sl_ts_list *part, const struct sl_ts_list *whole)
{
	for (unsigned i = 0; i < part->count; i++) {
		bool found = false;

		for (unsigned j = 0; j < whole->count && !found; j++) {
			struct sl_ts common;

			found = sl_ts_intersect(&common, &part->ts[i], &whole->ts[j]) &&
				same(&common, &part->ts[i]);
		}
		if (!found)
			return false;
	}
	return part->count > 0;
}
