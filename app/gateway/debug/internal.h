/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who listens at the debugging socket, and what goes on for them: at most one key log and one look at packets, a capture or
 * a trace, at a time. All of this is the thread's of debug.c alone; what it shares with the workers is in watch.h, and with
 * the control thread in keylog.h.
 *
 *   debug.c     the socket, its thread, who may ask
 *   request.c   what is asked for
 *   listener.c  messages to one that has asked
 *   keys.c      a key log
 *   look.c      a capture, a trace
 */
#ifndef SEALANE_GATEWAY_DEBUG_INTERNAL_H
#define SEALANE_GATEWAY_DEBUG_INTERNAL_H

#include <stddef.h>

#include "../watch.h"
#include "debug.h"

/* For `sealane show`: this goes on, or does not any more. The caller holds the gateway's lock. */
void debug_goes_on(struct gateway *g, enum debug_what what, bool on);

/* ---- listener.c ----------------------------------------------------------------------------------------------------------- */

/* One that has asked, and what is still to be sent to it. */
struct listener {
	int fd; /* -1: nobody */
	uid_t uid;
	pid_t pid;
	size_t len;
	char message[DEBUG_MESSAGE_MAX]; /* its first byte says what it is */
};

/* Whether what is in the message has been sent; false with errno EAGAIN: not yet. */
bool listener_flush(struct listener *l);

/* The same, waiting for a reader that is behind. */
bool listener_flush_wait(struct listener *l);

/* Room for `more` bytes behind the first one. False: what was before must be sent first, and cannot be now. */
bool listener_room(struct listener *l, enum debug_answer kind, size_t more);

/* The only or the last message. */
void listener_tell(struct listener *l, enum debug_answer kind, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Whoever is connected says nothing more but that it has enough. */
bool listener_has_enough(const struct listener *l);

void listener_hang_up(struct listener *l);

/* ---- keys.c --------------------------------------------------------------------------------------------------------------- */

/* Begins to give the keys to the one who has asked, or says why not and hangs up. */
void keys_start(struct gateway *g, struct listener *l);

/* Sends what there is. False when the connection is broken. */
bool keys_go_on(struct gateway *g, struct listener *l);

void keys_stop(struct gateway *g, struct listener *l);

/* ---- look.c --------------------------------------------------------------------------------------------------------------- */

struct look {
	struct gateway *gateway;
	struct listener listener;
	struct watch_order order;
	struct watch *watches[SL_WORKERS_MAX + 1]; /* the last one is the control thread's */
	unsigned watch_count;
	uint64_t count, limit; /* packets written, at most */
	uint64_t interface_count[WATCH_WHERES];
	uint64_t tsc, ns; /* one moment on both clocks */
};

/* As for keys. False of look_go_on also when it was to be no more packets than these. */
void look_start(struct look *look, const struct debug_request *r);
bool look_go_on(struct look *look);
void look_stop(struct look *look);

#endif
