/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two IKE engines, alpha and beta, and the network between them, in one process and in virtual time. The
 * network can lose, duplicate, delay and so reorder, and translate alpha's address; all randomness comes from
 * one seed, so that every run can be repeated.
 */
#ifndef SEALANE_TESTS_IKE_PAIR_H
#define SEALANE_TESTS_IKE_PAIR_H

#include "lib/ike/internal.h"

#define PAIR_MS UINT64_C(1000000)
#define PAIR_S  (1000 * PAIR_MS)

enum { ALPHA, BETA, PAIR_ENDS };
enum {
	PAIR_CHILDREN_MAX = 96,
	PAIR_SPIS_MAX = 16,
	PAIR_LOG_MAX = 1 << 16,
	PAIR_QUEUE_MAX = 256,
	PAIR_SEALED_MAX = 256,
	PAIR_LEFT_MAX = 64
};

/* When an end stopped to send through a child. */
struct pair_left {
	uint32_t spi_out;
	uint64_t at;
};

/* One gateway, with one peer: the other. */
struct pair_end {
	struct pair *pair;
	unsigned index;
	struct sl_ed25519_key key;
	struct sl_ike_conf conf;
	struct sl_ike_peer_conf peer;
	struct sl_ike *ike;
	struct sl_ike_child children[PAIR_CHILDREN_MAX]; /* installed; spi_in 0: free place */
	bool in_use[PAIR_CHILDREN_MAX];                  /* ... and sent through */
	uint32_t spis[PAIR_SPIS_MAX];                    /* reserved, not installed; 0: free place */
	uint32_t outbound; /* spi_in of the child that worker 0 was told of last; 0: none */
	unsigned keepalives;
	unsigned refuse_installs;             /* so many child_install fail */
	struct pair_left left[PAIR_LEFT_MAX]; /* the children it sent through before, latest last */
	unsigned left_count;
	struct sl_ike_keys ike_keys[PAIR_ENDS]; /* of the last IKE SA: initiator's, responder's */
	char log[PAIR_LOG_MAX];
};

/* A protected message that was sent: what it must not share with another. */
struct pair_sealed {
	uint64_t spi_i, spi_r, iv;
	unsigned from;
	uint8_t icv[SL_GCM_ICV_LEN];
};

struct pair_message {
	uint64_t at;
	unsigned from;
	struct sl_ike_path path; /* as the sender gave it */
	size_t len;
	uint8_t *data;
};

struct pair {
	uint64_t now, random;
	struct pair_end end[PAIR_ENDS];

	/* What the network does to a message. */
	/*
	 * Traffic must flow without a gap: whatever an end sends through is installed at the other end, with the same keys,
	 * and stays so until all that was sent through it has arrived. Checked after each event while this is set.
	 */
	bool no_gaps;

	unsigned loss, duplication; /* percent */
	uint64_t delay, jitter;     /* ns */
	struct sl_endpoint nat;     /* family not SL_NONE: what alpha looks like from outside, port 4500 */
	unsigned sent;              /* messages so far */
	unsigned lose_nth;          /* this one is lost; 0: none */
	bool (*filter)(struct pair *pair, unsigned from, struct pair_message *m); /* false: lost */
	void *filter_ctx;

	struct pair_sealed sealed[PAIR_SEALED_MAX]; /* the latest ones */
	unsigned sealed_count;

	struct pair_message queue[PAIR_QUEUE_MAX];
	unsigned queued;
};

/* Two ends that fit, both with SL_IKE_START_TRAFFIC; the test may change conf and peer before pair_boot(). */
void pair_init(struct pair *pair, uint64_t seed);
void pair_free(struct pair *pair);

/* They meet over IPv6 instead; before pair_boot(). */
void pair_use_ipv6(struct pair *pair);

/* A new engine for this end; what it had before is gone without a word. Starts. */
void pair_boot(struct pair *pair, unsigned end);

/* Runs both ends and the network until then. */
void pair_run(struct pair *pair, uint64_t duration);

void pair_connect(struct pair *pair, unsigned end);

uint64_t pair_random(struct pair *pair);
void pair_end_log_clear(struct pair_end *end);
unsigned pair_children(const struct pair_end *end);
unsigned pair_spis(const struct pair_end *end);

/* How many children this worker sends through; of all workers when it is PAIR_ALL. */
enum { PAIR_ALL = SL_IKE_WORKERS_MAX };
unsigned pair_in_use(const struct pair_end *end, unsigned worker);
const struct sl_ike_child *pair_child(const struct pair_end *end, uint32_t spi_in);

/*
 * NULL when the link is as it should be in calm: one IKE SA; the same children at both ends, with the same keys, none that
 * nobody uses; one in use for each worker, or only for worker 0 where there are to be no more; and one in use for each
 * flow that the peer has not refused. Otherwise what is wrong.
 */
const char *pair_fault(struct pair *pair);

/*
 * Writes an ID payload of any type and name with the AUTH payload that proves it: signed by `end` for the
 * handshake that alpha has begun and that is not finished at alpha. For messages that the engine itself would
 * not send.
 */
void pair_write_identity(
	struct pair *pair, unsigned end, struct ike_writer *w, uint8_t id_type, const char *name);

/* Hands bytes to an end as if they had come from the other one's port 4500. */
void pair_inject(struct pair *pair, unsigned to, const uint8_t *msg, size_t len);

#endif
