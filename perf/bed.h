/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the benchmarks of the data path stand on: two data paths with sessions from one to the other, and a pool of
 * frames for them.
 *
 * The frames are 4096 mbufs at ordinary spacing, more than the near caches hold, as in a gateway that has work; jumbo
 * frames are a quarter of that number, which is as much memory. They are used again and again: bed_rewind() puts the
 * received headers back and leaves the payload as it is. Each frame belongs to a session that is drawn anew every time.
 *
 *     hosts 192.168/16 ── alpha ══ one session for each 10.x.y.0/24 ══ beta ── host 10.0.0.9
 */
#ifndef SEALANE_PERF_BED_H
#define SEALANE_PERF_BED_H

#include "../lib/crypto/secret.h"
#include "../lib/dataplane/dataplane.h"

enum {
	BED_FRAMES = 4096,
	BED_SESSIONS_MAX = 64000,
	BED_SIZE_MAX = 8900,
};

struct bed {
	struct sl_dataplane alpha, beta;
	unsigned size; /* of the inner packets */
	enum sl_cipher cipher;
	unsigned sessions;
	struct sl_secret_pool *out_pool, *in_pool;
	struct sl_esp_out *out[BED_SESSIONS_MAX]; /* alpha's */
	struct sl_esp_in *in[BED_SESSIONS_MAX];   /* beta's */
	struct rte_mempool *pool;
	unsigned count; /* of the frames */
	struct rte_mbuf *frames[BED_FRAMES];
	uint16_t session[BED_FRAMES]; /* of each frame */
};

/* Of a session: an address behind beta whose route leads to it, and its SPI. */
uint32_t bed_address(unsigned session);
uint32_t bed_spi(unsigned session);

/* Starts the EAL and what needs it. Huge pages are used where they are. Returns 0 or -1. */
int bed_init(struct bed *bed);

/* Makes frames of this size and sessions of this kind, as far as there are others now. */
void bed_prepare(struct bed *bed, unsigned size, enum sl_cipher cipher, unsigned sessions);

/* Makes the frames anew as alpha receives them on its plain port, each for the session drawn for it. */
void bed_rewind(struct bed *bed);

/* Makes the frames anew as beta receives them on its wire port, with the next sequence number of the session. */
void bed_seal(struct bed *bed);

#endif
