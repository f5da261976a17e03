/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Debugging a live gateway: `sealane keylog`, `sealane capture` and `sealane trace`.
 *
 * Keys and packets in clear leave the process here, so it is not the telemetry socket that they leave by. A socket of its
 * own, `debug` in the folder where DPDK keeps this gateway's others, takes one request a connection, from root or the
 * gateway's own user only; the kernel says who asks. The answers stream back, and the command writes the file: as the user
 * who runs it, where that user may write. Every request is a line in the gateway's log.
 *
 * Messages are packets of a SOCK_SEQPACKET socket. The first one is the request; each of the gateway's begins with a byte
 * that says what it is. Whoever has enough shuts down its side for writing and reads on to the end: to the last notice,
 * behind which the gateway closes. When the connection ends without one, the gateway has gone.
 *
 * A thread of its own serves the socket. It sleeps in poll() while nobody asks; it never runs on a worker's core.
 */
#ifndef SEALANE_GATEWAY_DEBUG_H
#define SEALANE_GATEWAY_DEBUG_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "../../../lib/net/addr.h"

#define DEBUG_SOCKET "debug"

enum {
	DEBUG_VERSION = 1, /* of this page: changes with the structure below */
	DEBUG_NAME_MAX = 63,
	DEBUG_MESSAGE_MAX = 32768,
	DEBUG_SNAPLEN_MIN = 16,
	DEBUG_SNAPLEN_MAX = 65535,
};

enum debug_what { DEBUG_KEYLOG, DEBUG_CAPTURE, DEBUG_TRACE, DEBUG_WHATS };

/* What is captured. */
enum { DEBUG_WIRE = 1, DEBUG_PLAIN = 2, DEBUG_DROPS = 4 };

struct debug_request {
	uint32_t version;
	uint32_t what;    /* enum debug_what */
	uint32_t frames;  /* DEBUG_WIRE and so on, or-ed */
	uint32_t snaplen; /* of a capture: bytes of a packet at most, DEBUG_SNAPLEN_MIN to _MAX */
	uint64_t count;   /* packets after which it ends; 0: no limit */
	char peer[DEBUG_NAME_MAX + 1]; /* what concerns this peer; empty: all */
	struct sl_prefix from, to;     /* of a trace; family SL_NONE: any */
	uint8_t reserved[4];           /* zero */
};

_Static_assert(sizeof(struct debug_request) == 128, "no padding");

/* The first byte of a message from the gateway. */
enum debug_answer {
	DEBUG_ERROR = '!',  /* in words why there will be nothing; the last message */
	DEBUG_NOTICE = '+', /* in words, for stderr: first that it has begun, and last how it ended */
	DEBUG_DATA = '=',   /* bytes of the capture, lines of the trace */
	DEBUG_ESP = 'e',    /* lines of the key log's files */
	DEBUG_IKE = 'i',
};

struct gateway;
struct watch_order;

/* Of a message of `len` bytes, of which *r has as many as there is room for. Returns NULL, or what is wrong. */
const char *debug_check(const struct debug_request *r, ssize_t len);

/*
 * What to look at, of a request that is right. False: the gateway has no such peer. The caller holds the gateway's lock.
 */
bool debug_order(struct watch_order *order, const struct debug_request *r, const struct gateway *g);

/* What goes on, in words for `sealane show`; "" when nothing does. The caller holds the gateway's lock. */
const char *debug_activity(const struct gateway *g);

/*
 * Begins, once the workers run. A gateway that cannot be debugged runs all the same: the log says why. stop ends what is
 * going on, while the workers still run; the caller holds the gateway's lock, and is without it for a moment.
 */
void debug_start(struct gateway *g);
void debug_stop(struct gateway *g);

#endif
