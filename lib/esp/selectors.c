/* SPDX-License-Identifier: BSD-3-Clause */
/* The whole selectors of a session, for packets that its first ones do not cover at a glance: see esp.h. */
#include "internal.h"

#include <string.h>

#include "../net/ip.h"

enum {
	PROTOCOL_DCCP = 33,
	PROTOCOL_SCTP = 132,
	PROTOCOL_UDPLITE = 136,
};

static sl_esp_number number(const struct sl_addr *a)
{
	sl_esp_number n = 0;

	for (unsigned i = 0; i < sl_addr_len(a); i++)
		n = n << 8 | a->bytes[i];
	return n;
}

int sl_esp_selectors_init(struct sl_esp_selectors *selectors, const struct sl_ts_list *list)
{
	if (list->count == 0 || list->count > SL_TS_MAX)
		return SL_ESP_E_SELECTOR;
	for (unsigned i = 0; i < list->count; i++) {
		const struct sl_ts *ts = &list->ts[i];
		struct sl_esp_selector *s = &selectors->selector[i];

		*s = (struct sl_esp_selector){
			.first = number(&ts->first),
			.last = number(&ts->last),
			.port_first = ts->port_first,
			.port_last = ts->port_last,
			.family = ts->first.family,
			.protocol = ts->protocol,
		};
		if (ts->first.family == SL_NONE || ts->first.family != ts->last.family ||
			s->first > s->last || s->port_first > s->port_last)
			return SL_ESP_E_SELECTOR;
	}
	selectors->count = list->count;
	return 0;
}

static uint16_t read16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

/* Ports, or type and code of ICMP, which are one 16-bit value to a selector (RFC 7296 3.13.1). */
static void read_ports(struct sl_esp_packet *p, const uint8_t *at, size_t len)
{
	switch (p->protocol) {
	case SL_PROTOCOL_TCP:
	case SL_PROTOCOL_UDP:
	case PROTOCOL_DCCP:
	case PROTOCOL_SCTP:
	case PROTOCOL_UDPLITE:
		p->ports = len >= 4;
		if (p->ports) {
			p->src_port = read16(at);
			p->dst_port = read16(at + 2);
		}
		break;
	case SL_PROTOCOL_ICMP:
	case SL_PROTOCOL_ICMPV6:
		p->ports = len >= 2;
		if (p->ports)
			p->src_port = p->dst_port = read16(at);
		break;
	default: break;
	}
}

bool sl_esp_packet_read(struct sl_esp_packet *p, const void *packet, size_t len)
{
	struct sl_ip ip;

	if (!sl_ip_headers(&ip, packet, len))
		return false;
	*p = (struct sl_esp_packet){
		.src = number(&ip.src),
		.dst = number(&ip.dst),
		.family = ip.src.family,
		.protocol = ip.protocol,
	};
	/* RFC 4301 7.4: a fragment but the first has no ports. */
	if (!ip.later)
		read_ports(p, (const uint8_t *)packet + ip.at, len - ip.at);
	return true;
}

static bool any_ports(const struct sl_esp_selector *s)
{
	return s->port_first == 0 && s->port_last == UINT16_MAX;
}

/* One side of the packet, its address and port there, is one of those selected. */
static bool covers(
	const struct sl_esp_selectors *list, const struct sl_esp_packet *p, sl_esp_number addr, uint16_t port)
{
	for (uint32_t i = 0; i < list->count; i++) {
		const struct sl_esp_selector *s = &list->selector[i];

		if (s->family == p->family && addr - s->first <= s->last - s->first &&
			(s->protocol == 0 || s->protocol == p->protocol) &&
			(any_ports(s) || (p->ports && port >= s->port_first && port <= s->port_last)))
			return true;
	}
	return false;
}

int sl_esp_apart_init(
	struct sl_esp_apart *apart, const struct sl_ts_list *local, const struct sl_ts_list *remote)
{
	int err = sl_esp_selectors_init(&apart->local, local);

	return err ? err : sl_esp_selectors_init(&apart->remote, remote);
}

bool sl_esp_apart_covers(const struct sl_esp_apart *list, const struct sl_esp_packet *p)
{
	for (const struct sl_esp_apart *a = list; a; a = a->next)
		if (covers(&a->local, p, p->src, p->src_port) && covers(&a->remote, p, p->dst, p->dst_port))
			return true;
	return false;
}

bool sl_esp_out_covers(const struct sl_esp_out *out, const struct sl_esp_packet *p)
{
	return covers(&out->local, p, p->src, p->src_port) && covers(&out->remote, p, p->dst, p->dst_port);
}

bool sl_esp_in_covers(const struct sl_esp_in *in, const struct sl_esp_packet *p)
{
	return covers(&in->remote, p, p->src, p->src_port) && covers(&in->local, p, p->dst, p->dst_port);
}
