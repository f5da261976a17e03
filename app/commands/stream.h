/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a running gateway streams over its debugging socket (../gateway/debug/debug.h), until it ends, a time is over, or SIGINT or
 * SIGTERM come: the common part of `sealane keylog`, `sealane capture` and `sealane trace`.
 */
#ifndef SEALANE_APP_STREAM_H
#define SEALANE_APP_STREAM_H

#include <stdbool.h>
#include <stddef.h>

#include "../gateway/debug/debug.h"

struct sl_stream {
	const char *command; /* its name, for what is said on stderr */
	const char *gateway; /* NULL: the only one that runs here */
	uint64_t time;       /* ns; 0: no limit */
	struct debug_request request;
	/* Called when the gateway has agreed, before there are bytes to take. Returns false, having said why, when that is the end. */
	bool (*begin)(void *arg);
	/* Takes bytes of one kind; returns the same. */
	bool (*take)(void *arg, enum debug_answer kind, const char *data, size_t len);
	void *arg;
};

/* A request in which nothing particular is asked for. */
void sl_stream_init(struct sl_stream *stream, const char *command, enum debug_what what);

/* Returns an exit code. */
int sl_stream_run(struct sl_stream *stream);

/* Writes all of it. Returns false, having said why, when it cannot; name is that of the file. */
bool sl_stream_write(const struct sl_stream *stream, int fd, const char *name, const char *data, size_t len);

/*
 * The options that some of these commands share: 't' --time, 'c' --count, 'p' --peer, 'g' --gateway, with the option's value;
 * ':' and '?' are getopt's complaints about word. Returns an exit code.
 */
int sl_stream_option(struct sl_stream *stream, int option, const char *value, const char *word);

#endif
