/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A worker: one lcore that receives, seals or opens, and transmits, until it is told to stop. It runs each burst to
 * completion. While packets come it makes no system call; when nothing has come for a while it sleeps, longer and
 * longer up to what is configured.
 *
 * The control thread reaches it through commands, and hears from it through events. When the control thread sleeps, an
 * event wakes it by the eventfd; a busy control thread costs the worker nothing.
 */
#ifndef SEALANE_GATEWAY_WORKER_H
#define SEALANE_GATEWAY_WORKER_H

#include <stdatomic.h>
#include <stdbool.h>

#include "../../lib/dataplane/dataplane.h"
#include "message.h"

enum {
	WORKER_BURST = 32,
	WORKER_COMMANDS = 4096, /* ring sizes; powers of two */
	WORKER_EVENTS = 8192,
};

struct worker {
	struct sl_dataplane dp; /* the worker's own, once it runs */
	unsigned id;
	unsigned lcore;
	uint16_t wire_port, plain_port, queue;
	bool plain_open;
	uint64_t idle_sleep; /* ns; 0: never */
	struct rte_ring *commands, *events;
	int wake_fd;
	atomic_bool control_sleeps;
	atomic_bool stop;
};

/*
 * Allocates rings and tables. The caller has filled in id, lcore, ports, idle_sleep, plain_open, wake_fd, and after it
 * fills in dp.wire, dp.plain, dp.inner_mtu and dp.routes. Returns 0 or a negative errno.
 */
int worker_init(struct worker *w);

/* Starts the loop on its lcore. Returns 0 or a negative errno. */
int worker_start(struct worker *w);

/* Ends the loop and waits for it. What is left in the rings afterwards is the caller's to release. */
void worker_stop(struct worker *w);

void worker_fini(struct worker *w);

/*
 * Gives the worker a command, by the control thread only. Commands about sessions always go through: if the ring is
 * full this waits, and ends the program when the worker does not take any for a second.
 */
void worker_command(struct worker *w, const struct command *command);

/* Gives the worker a packet with one of the COMMAND_SEND_ or COMMAND_SEAL types. False when it must be dropped. */
bool worker_send(struct worker *w, enum command_type type, struct rte_mbuf *m);

#endif
