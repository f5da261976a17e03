/* SPDX-License-Identifier: BSD-3-Clause */
/* A packet's way as text: see watch.h. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include <rte_ip.h>

#include "watch.h"

struct text {
	char *at;
	size_t len;
};

__attribute__((format(printf, 2, 3))) static void say(struct text *t, const char *format, ...)
{
	size_t room = TRACE_TEXT_MAX - t->len;
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(t->at + t->len, room, format, args);
	va_end(args);
	if (len > 0)
		t->len += RTE_MIN((size_t)len, room - 1);
}

static void say_time(struct text *t, uint64_t ns)
{
	const time_t seconds = (time_t)(ns / 1000000000);
	char clock[16];
	struct tm tm;

	localtime_r(&seconds, &tm);
	strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	say(t, "%s.%06" PRIu64, clock, ns % 1000000000 / 1000);
}

static void say_end(struct text *t, const struct sl_addr *addr, uint16_t port, bool ports)
{
	const struct sl_endpoint endpoint = {*addr, port};
	char name[SL_ADDR_TEXT];

	say(t, "%s", ports ? sl_endpoint_text(&endpoint, name) : sl_addr_text(addr, name));
}

static void say_protocol(struct text *t, uint8_t protocol)
{
	switch (protocol) {
	case IPPROTO_ICMP: say(t, "icmp"); break;
	case IPPROTO_TCP: say(t, "tcp"); break;
	case IPPROTO_UDP: say(t, "udp"); break;
	case IPPROTO_ESP: say(t, "esp"); break;
	case IPPROTO_ICMPV6: say(t, "icmpv6"); break;
	case IPPROTO_SCTP: say(t, "sctp"); break;
	default: say(t, "protocol %u", protocol);
	}
}

/* "10.1.0.9:4711 > 10.2.0.9:80 tcp, 84 bytes" */
static void say_flow(struct text *t, const struct watch_flow *f)
{
	const bool ports = f->src_port || f->dst_port;

	say_end(t, &f->src, f->src_port, ports);
	say(t, " > ");
	say_end(t, &f->dst, f->dst_port, ports);
	say(t, " ");
	say_protocol(t, f->protocol);
	say(t, ", %u bytes\n", f->length);
}

static void say_received(struct text *t, const struct watch_trace *r)
{
	const char *port = r->port == WATCH_WIRE ? "wire" : "plain";

	say(t, " worker %u: ", r->head.worker);
	if (r->own)
		say(t, "the gateway's own frame of %u bytes\n", r->frame_length);
	else
		say(t, "frame of %u bytes from %s%s\n", r->frame_length, port,
			r->handed ? ", handed over by another worker" : "");
	if (r->first.src.family != SL_NONE) {
		say(t, "    packet: ");
		say_flow(t, &r->first);
	}
}

static void say_peer(struct text *t, const struct watch_trace *r, const char *peer)
{
	if (r->first.src.family == SL_NONE)
		return;
	if (r->port == WATCH_PLAIN)
		say(t, "    route: %s%s\n", peer ? "to peer " : "to no peer", peer ? peer : "");
	if (r->session && r->port == WATCH_PLAIN)
		say(t, "    session: SPI 0x%08x, sequence number %" PRIu64 "\n", r->spi, r->seq);
	else if (r->session)
		say(t, "    session: SPI 0x%08x, sequence number %" PRIu64 ", %s%s\n", r->spi, r->seq,
			peer ? "of peer " : "unknown here", peer ? peer : "");
}

static void say_result(struct text *t, const struct watch_trace *r)
{
	if (r->then.src.family == SL_NONE)
		return;
	if (r->parts > 1)
		say(t, "    cut: into %u packets, the last one here\n", r->parts);
	say(t, r->port == WATCH_PLAIN ? "    sealed: " : "    opened: ");
	say_flow(t, &r->then);
}

static const char *why_handed(enum sl_handed why)
{
	switch (why) {
	case SL_HANDED_WIRE: return "IKE, or what is for the gateway itself and its link";
	case SL_HANDED_PLAIN: return "for the gateway itself and its link";
	case SL_HANDED_INNER: return "to an address of the gateway itself";
	case SL_HANDED_RESOLVE: return "the MAC address of its next hop is asked for";
	case SL_HANDED_EXPIRED: return "it goes no further, its time to live ran out; its sender is told";
	case SL_HANDED_TOO_BIG: return "it goes no further, it is too big; its sender is told";
	case SL_HANDED_NO_ROUTE: return "it goes no further, there is no route; its sender is told";
	}
	return "unknown";
}

static void say_outcome(struct text *t, const struct watch_trace *r)
{
	if (r->dropped)
		say(t, "    dropped: %s: %s\n", sl_drop_name(r->reason), sl_drop_help(r->reason));
	else if (r->outcome == WATCH_SENT)
		say(t, "    sent: frame of %u bytes to %s\n", r->sent_length,
			r->port == WATCH_PLAIN ? "wire" : "plain");
	else if (r->outcome == WATCH_TO_CONTROL)
		say(t, "    to the control thread: %s\n", why_handed((enum sl_handed)r->detail));
	else if (r->outcome == WATCH_TO_WORKER)
		say(t, "    handed over: to worker %u, which has the session\n", r->detail);
}

size_t trace_text(
	char text[static TRACE_TEXT_MAX], const struct watch_trace *trace, uint64_t ns, const char *peer)
{
	struct text t = {text, 0};

	say_time(&t, ns);
	say_received(&t, trace);
	say_peer(&t, trace, peer);
	say_result(&t, trace);
	say_outcome(&t, trace);
	return t.len;
}
