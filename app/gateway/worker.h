/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A worker: one lcore that receives, seals or opens, and transmits, until it is told to stop. It runs each burst to
 * completion. While packets come it makes no system call; when nothing has come for a while it sleeps, longer and
 * longer up to what is configured.
 *
 * The control thread reaches it through commands, and hears from it through events. When the control thread sleeps, an
 * event wakes it by the eventfd; a busy control thread costs the worker nothing.
 *
 * Each worker has one receive and one transmit queue of either port, under its own number, as far as the port has so
 * many. Where it has fewer, the workers with the higher numbers go without:
 *
 *     wire, receiving    needs nothing: an SPI names its worker, which gets the packet from whoever received it
 *     plain, receiving   the workers that poll the port spread the flows over all
 *     transmitting       worker w gives its frames to worker w % queues, which counts them as sent
 *
 * All these change hands as handover.h tells. In every worker
 *
 *     rx_wire + rx_plain + from_control + handed_in + cut = tx_wire + tx_plain + to_control + handed_out + drops
 *
 * and over all workers what was handed in is what was handed out, but for what is in an inbox at the moment.
 */
#ifndef SEALANE_GATEWAY_WORKER_H
#define SEALANE_GATEWAY_WORKER_H

#include <stdatomic.h>
#include <stdbool.h>

#include "../../lib/dataplane/dataplane.h"
#include "backlog.h"
#include "gate.h"
#include "handover.h"
#include "message.h"
#include "port.h"
#include "watch.h"

enum {
	WORKER_BURST = 32,
	WORKER_COMMANDS = 4096, /* ring sizes; powers of two */
	WORKER_EVENTS = 8192,
};

/* A port as one worker uses it. */
struct worker_port {
	uint16_t id;     /* DPDK's */
	bool receives;   /* from the queue of its own number */
	unsigned sender; /* the worker that transmits for it: itself, as long as there are queues */
	bool sends_for_others;
};

/* What the loop has to do, for who wonders whether a worker can take more: some additions a round, none a packet. */
struct worker_load {
	uint64_t polls;       /* rounds */
	uint64_t busy_polls;  /* of them those in which there was anything to do */
	uint64_t busy_cycles; /* of the TSC, in those */
	uint64_t bursts;      /* of packets, from a port or another worker */
};

struct worker {
	struct sl_dataplane dp; /* the worker's own, once it runs */
	unsigned id;
	unsigned lcore;
	struct worker_port wire, plain;
	struct gate *gate;   /* to the control thread */
	struct watch *watch; /* NULL: nobody looks at packets */
	uint16_t burst;      /* packets it takes at once, at most SL_BURST_MAX */
	bool plain_open;
	bool spreads;        /* what is received from the plain port is for all */
	uint64_t idle_sleep; /* ns; 0: never */
	struct rte_ring *commands, *events;
	struct backlog backlog;              /* of commands: the control thread's */
	struct rte_ring *inbox[INBOX_COUNT]; /* NULL: nobody uses it */
	struct worker *all;                  /* by number; this one is among them */
	int wake_fd;
	atomic_bool *control_sleeps;
	atomic_bool stop;
	struct worker_load load __attribute__((aligned(64)));
};

/*
 * Allocates rings and tables of worker `id` of `workers`, all of which must have been through this before one is started.
 * ike_key is gate_new()'s. The caller has filled in all, lcore, idle_sleep, plain_open, wake_fd and control_sleeps, and after it fills in dp.wire,
 * dp.plain, dp.routes, dp.lan, dp.pool and dp.clamp_mss, and may change burst. Returns 0 or a negative errno.
 */
int worker_init(struct worker *w, unsigned id, unsigned workers, const struct port *wire,
	const struct port *plain, const uint8_t *ike_key);

/* Starts the loop on its lcore. Returns 0 or a negative errno. */
int worker_start(struct worker *w);

/*
 * What the loop does in one round: commands, then packets. Returns how much there was to do. For who drives a worker that
 * was not started, in a test.
 */
unsigned worker_round(struct worker *w);

/* How often it has gone round its loop. */
static inline uint64_t worker_rounds(const struct worker *w)
{
	return sl_counted(&w->load.polls);
}

/* Ends the loop and waits for it. What is left in commands and events afterwards is the caller's to release. */
void worker_stop(struct worker *w);

void worker_fini(struct worker *w);

/*
 * Gives the worker a command, by the control thread only. Commands about sessions always go through: what finds the ring
 * full follows later, in its order, when worker_catches_up() is called.
 */
void worker_command(struct worker *w, const struct command *command);

/* Gives the worker what it could not take before. Returns whether it has all now. */
bool worker_catches_up(struct worker *w);

/* Whether that would help now. */
static inline bool worker_could_catch_up(const struct worker *w)
{
	return w->backlog.count > 0 && !rte_ring_full(w->commands);
}

/* Gives the worker a packet with one of the COMMAND_SEND_ or COMMAND_SEAL types. False when it must be dropped. */
bool worker_send(struct worker *w, enum command_type type, struct rte_mbuf *m);

#endif
