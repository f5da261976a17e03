/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `sealane bench`: what a packet costs, measured on the worker loop that carries traffic, without a NIC.
 *
 *     source ─rx─► worker ─tx─► net_null              one lane for each worker, with ports, queues, loop of `sealane run`
 *
 * A lane works in rounds of one batch of packets. Off the clock it prepares the batch, which for opening means to seal
 * it at a far end, and runs the bare AES-GCM loop over the same packets; then the lanes meet, and on the clock the worker
 * receives, seals or opens, and sends the whole batch. So the bare loop and the gateway alternate within a millisecond,
 * and what slows the machine down slows both. A fixed probe loop before and after tells which rounds to drop.
 *
 *   bench.c     the command: DPDK, ports, workers, how long
 *   options.c   what was asked for
 *   sessions.c  the SAs of a lane, at this and at the far end
 *   lane.c      rounds: the source of packets is also the clock
 *   capture.c   packets to and from pcap files
 *   report.c    medians, as a table or JSON
 *
 * Sources: `recycle` hands out the packets of the batch, which went back to their pool when they were sent. It costs
 * next to nothing. `pcap` is DPDK's net_pcap with infinite_rx, which copies every packet; its cost is on the clock.
 */
#ifndef SEALANE_BENCH_BENCH_H
#define SEALANE_BENCH_BENCH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <pcap/pcap.h>

#include "../../lib/crypto/secret.h"
#include "../gateway/gateway.h"

enum {
	BENCH_BATCH =
		2048, /* packets of a round: as many as the descriptors of a receive and a transmit queue */
	BENCH_BATCH_BYTES =
		4
		<< 20, /* and no more than these: a NIC puts packets where the CPU finds them in its cache */
	BENCH_ROUNDS = 65536, /* at most */
	BENCH_SIZE_MIN = 48,  /* IPv4, UDP and the number of the packet */
	BENCH_SIZE_MAX = 9000,
	BENCH_SESSIONS_MAX = 65000, /* of all workers */
	BENCH_PCAP_PACKETS = 256,   /* net_pcap keeps few packets for infinite_rx */
};

struct bench_options {
	unsigned size; /* bytes of an inner packet */
	unsigned sessions, workers, burst;
	enum sl_cipher cipher;
	bool open, pcap, json;
	double seconds;
	const char *capture, *keylog; /* NULL: not wanted */
};

/* One SA of a lane: the end that is measured, and for opening the far end, which seals. */
struct bench_session {
	const struct sl_gcm_key *key; /* of the end that is measured */
	struct sl_esp_out *out;       /* here when sealing, else there */
	struct sl_esp_in *in;         /* here when opening, else NULL */
	uint32_t remote;              /* the inner address at the far end */
};

struct bench;

/* What a round cost, in TSC cycles. */
struct bench_round {
	uint64_t gateway, bare, probe;
	unsigned packets; /* through the gateway; the bare loop always has a whole batch */
};

struct lane {
	struct bench *bench;
	struct worker *worker;
	struct sl_secret_pool *outs, *ins;
	struct bench_session *sessions; /* in random order */
	unsigned session;               /* of the next packet */
	struct sl_dataplane far;        /* seals what this lane is to open */
	struct sl_esp_out *far_out;     /* in use there */
	struct sl_burst far_burst;
	struct rte_mempool *pool; /* the packets of a batch, no more */
	unsigned batch_size;
	struct rte_mbuf *batch[BENCH_BATCH];
	unsigned at; /* of the batch: the next one to hand out */
	uint64_t numbers, started, counter, probe_before;
	struct bench_round *rounds, now; /* now: the one on the clock */
	atomic_uint round_count;
	bool capturing;
	atomic_bool finished;
} __attribute__((aligned(64)));

struct bench {
	struct bench_options options;
	struct worker *workers;
	struct lane *lanes;
	struct port wire, plain;
	struct sl_routes *routes;
	struct keylog *keylog;
	atomic_bool control_sleeps;
	/* Where the lanes meet before each round. */
	atomic_uint arrived, meeting;
	atomic_bool stop;
	bool over;
};

/* The packets of a round, a power of two. */
static inline unsigned bench_batch(const struct bench_options *o)
{
	return RTE_MIN((unsigned)BENCH_BATCH, rte_align32prevpow2(BENCH_BATCH_BYTES / o->size));
}

static inline unsigned bench_sealed_len(unsigned size)
{
	return (size + sizeof(struct sl_esp_trailer) + 3) & ~3u;
}

/* ---- options.c ------------------------------------------------------------------------------------------------------- */

/* Returns SL_EXIT_DONE, or SL_EXIT_USAGE having said what is wrong. */
int bench_options_parse(struct bench_options *o, int argc, char **argv);

/* ---- sessions.c ------------------------------------------------------------------------------------------------------ */

enum {
	BENCH_FAR_FLOW = BENCH_SESSIONS_MAX, /* by which the far end seals to our host */
	BENCH_HOST = 0x0a010009,             /* 10.1.0.9, behind this end */
	BENCH_REMOTE = 0x0a800000,           /* 10.128.0.0 and on, one address for each session */
	BENCH_WIRE_NEAR = 0xc0000201,
	BENCH_WIRE_FAR = 0xc0000202,
};

/* The address at the far end of a session of a worker. */
static inline uint32_t bench_remote(const struct bench *b, unsigned worker, unsigned session)
{
	return BENCH_REMOTE + worker * b->options.sessions + session;
}

/* Routes to every session of every lane. Returns 0 or -1. */
int bench_routes(struct bench *b);

/* Makes the sessions of a lane, and puts them into its worker's tables. Returns 0 or -1. */
int bench_sessions(struct lane *lane);
void bench_sessions_free(struct lane *lane);

/* ---- lane.c ---------------------------------------------------------------------------------------------------------- */

/* Memory and the source of a lane, whose worker and sessions are there. Returns 0 or -1. */
int lane_init(struct lane *lane);

/* Makes m a numbered frame from our host to this one at the far end, or the other way. */
void bench_frame(const struct bench *b, struct rte_mbuf *m, uint32_t remote, uint64_t number);

/* ---- capture.c ------------------------------------------------------------------------------------------------------- */

/*
 * Writes packets for all sessions of a worker to a file for net_pcap to read; path is a template for mkstemp(). Returns 0
 * or a negative errno.
 */
int bench_write_source(const struct bench *b, unsigned worker, char *path);

/*
 * From now on a lane that captures writes what it sends to the file. Returns an exit code. bench_capture_end() when the
 * workers have stopped; 0 or -1.
 */
int bench_capture(struct bench *b);
int bench_capture_end(void);

/* ---- report.c -------------------------------------------------------------------------------------------------------- */

/* Packets that came and were not sent are a failure. Returns an exit code. */
int bench_report(const struct bench *b);

/* One line on stderr for who watches. */
void bench_progress(const struct bench *b, double seconds);

#endif
