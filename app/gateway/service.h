/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The gateway as a service: what it tells whoever started it, by the protocol of sd_notify(3): a datagram with one
 * assignment a line to the socket that NOTIFY_SOCKET names. Without that all this does nothing.
 *
 * A service is alive as long as it says so. It does only while the control thread runs and every worker still goes round
 * its loop, so that a gateway that has come to a standstill anywhere is ended and started again.
 */
#ifndef SEALANE_GATEWAY_SERVICE_H
#define SEALANE_GATEWAY_SERVICE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "../../lib/dataplane/dataplane.h"

struct gateway;

struct service {
	int fd; /* -1: nobody listens */
	struct sockaddr_un to;
	socklen_t to_len;
	unsigned peers_up;               /* as told */
	uint64_t rounds[SL_WORKERS_MAX]; /* of each worker, as seen last */
	unsigned still;                  /* seconds since all workers had moved */
};

/* Returns 0, or -1 after a line on stderr. */
int service_open(struct service *s);

/* All workers run, at first or after service_reloading(). */
void service_ready(struct gateway *g);

/* The configuration is being read again; service_ready() follows, whether it was good or not. */
void service_reloading(struct gateway *g);

void service_stopping(struct gateway *g);

/* Once a second: how many peers are up, and that everything moves. */
void service_tick(struct gateway *g);

#endif
