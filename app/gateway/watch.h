/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Looking at packets: what `sealane capture` and `sealane trace` add to a worker while they run, and only then.
 *
 * A worker has a pointer to its watch, NULL while nobody looks: one test a burst where packets come and go, and another in
 * sl_drop(). Who looks gives the worker a watch by COMMAND_WATCH, takes it away again, and frees it when the worker has said
 * that it is gone. The watch writes records to a tape, which another thread reads; what does not fit is counted as missed.
 *
 * Frames are copied when they have been received, and before they are sent.
 *
 * To say why a packet died, or what became of it, the worker takes its packets one by one as long as somebody asks for that:
 * each goes alone through the burst functions, so whatever comes out, or is dropped, is that packet. lib/dataplane knows
 * nothing of it. A copy of the frame is kept meanwhile: that is what is captured of a dropped packet, as it was received.
 * This costs much of the worker's speed.
 *
 * The control thread has a watch, too, for what it drops: then only the IP packet is there, without its frame.
 */
#ifndef SEALANE_GATEWAY_WATCH_H
#define SEALANE_GATEWAY_WATCH_H

#include <stdatomic.h>
#include <stdbool.h>

#include "../../lib/dataplane/dataplane.h"
#include "tape.h"

struct gateway;
struct worker;

/* Where a packet was seen: the interfaces of a capture, in this order. */
enum watch_where { WATCH_WIRE, WATCH_PLAIN, WATCH_DROPPED, WATCH_DROPPED_IP, WATCH_WHERES };

enum {
	WATCH_FRAME_MAX = 9216,
	WATCH_TAPE = 4 << 20, /* bytes, of each worker */
	WATCH_PEER_ADDRESSES = 8,
	WATCH_CONTROL = UINT8_MAX, /* instead of a worker's number */
};

/* What somebody wants to see; the same for all workers. */
struct watch_order {
	bool frames[2]; /* of WATCH_WIRE, of WATCH_PLAIN */
	bool drops;
	bool trace;
	uint32_t snaplen;
	/*
	 * What concerns a peer: from or to an address in its prefixes, or one of those it has on the wire now.
	 * SL_NO_FLOW: everything.
	 */
	uint16_t peer;
	unsigned peer_address_count;
	struct sl_addr peer_addresses[WATCH_PEER_ADDRESSES];
	struct sl_prefix from,
		to; /* of the inner packet, or of the outer one while it is sealed; SL_NONE: any */
};

/* ---- Records -------------------------------------------------------------------------------------------------------------- */

struct watch_head {
	uint64_t tsc;
	uint8_t trace; /* 1: struct watch_trace, else struct watch_packet */
	uint8_t worker;
};

struct watch_packet {
	struct watch_head head;
	uint8_t where;  /* enum watch_where */
	uint8_t out;    /* 1: sent */
	uint8_t port;   /* of a dropped frame: WATCH_WIRE or WATCH_PLAIN */
	uint8_t reason; /* of a dropped packet: enum sl_drop */
	uint32_t captured, length;
	uint8_t data[];
};

/* What is told about an IP packet. */
struct watch_flow {
	struct sl_addr src, dst;     /* SL_NONE: there is no IP packet */
	uint16_t src_port, dst_port; /* 0: none */
	uint8_t protocol;
	uint16_t length;
};

enum watch_outcome { WATCH_LOST, WATCH_SENT, WATCH_TO_CONTROL, WATCH_TO_WORKER };

/* One packet's way through a worker. */
struct watch_trace {
	struct watch_head head;
	uint8_t port;    /* WATCH_WIRE or WATCH_PLAIN: it came from there, to be opened or to be sealed */
	uint8_t handed;  /* 1: by another worker */
	uint8_t own;     /* 1: by the control thread: it is the gateway's own */
	uint8_t outcome; /* enum watch_outcome; WATCH_LOST: see dropped */
	uint8_t detail;  /* enum sl_handed, or the worker it went to */
	bool dropped;    /* it, or a part of it, or what had been made of it */
	uint8_t reason;
	bool session;   /* the next two are known */
	uint16_t peer;  /* SL_NO_FLOW: none was found */
	uint16_t parts; /* packets it was cut into; 0: not cut */
	uint32_t spi;
	uint64_t seq;
	uint32_t frame_length, sent_length; /* of frames; when cut, the last one's */
	struct watch_flow first, then;      /* as it came; as it went: sealed or opened */
};

/* ---- A watch -------------------------------------------------------------------------------------------------------------- */

struct watch {
	const struct watch_order *order;
	const struct gateway *gateway;
	struct worker *worker; /* NULL: the control thread's */
	struct tape *tape;
	_Atomic uint64_t missed;
	atomic_bool gone; /* nobody writes any more */
	/* The packet that is on its way alone; length 0: none. */
	uint32_t length, captured;
	struct watch_trace trace;
	uint8_t frame[WATCH_FRAME_MAX];
};

/* For a worker, or with NULL for the control thread; order outlives it. NULL when there is no memory. */
struct watch *watch_new(const struct gateway *g, struct worker *w, const struct watch_order *order);
void watch_free(struct watch *watch);

/* The worker's pointer becomes this one, by the worker itself; the one before, if any, is gone. */
void watch_take(struct worker *w, struct watch *watch);

/* The worker shall take its packets one by one. */
static inline bool watch_alone(const struct watch *watch)
{
	return watch->order->drops || watch->order->trace;
}

/* Frames that a worker has received from a port, or is about to send. */
void watch_frames(struct watch *watch, enum watch_where port, bool out, struct rte_mbuf **frames, unsigned n);

/* A packet of its own, from a port: begins its way, comes out of a burst function, has gone. */
void watch_begin(struct watch *watch, enum watch_where port, bool handed, const struct rte_mbuf *m);
void watch_came_out(struct watch *watch, const struct sl_burst *burst);
void watch_end(struct watch *watch);

/* The control thread drops a packet. */
void watch_control_drop(struct watch *watch, const struct rte_mbuf *m, enum sl_drop reason);

/* ---- trace.c -------------------------------------------------------------------------------------------------------------- */

enum { TRACE_TEXT_MAX = 1024 };

/*
 * A trace as lines of text, at a time in ns since 1970; peer is the name of trace->peer, or NULL. Returns its length, below
 * TRACE_TEXT_MAX.
 */
size_t trace_text(
	char text[static TRACE_TEXT_MAX], const struct watch_trace *trace, uint64_t ns, const char *peer);

#endif
