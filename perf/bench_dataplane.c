/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a packet costs: sealed and opened by the real bursts of lib/dataplane, in turns with the bare AES-GCM calls of
 * ipsec-mb on packets of the same pool with the same keys. The difference is what the gateway adds.
 *
 * A sweep goes over all frames of the bed once, after they were made anew off the clock; those to be opened have fresh
 * sequence numbers. It consists of rounds: some frames of one half, bare, then as many of the other half, ours; short
 * enough that few of them are interrupted. Each benchmark is named
 *
 *     seal|open / cipher / burst / sessions / bytes of the inner packet
 *
 * and reports medians: TSC cycles a packet of ours (tsc/packet) and bare (bare), their difference and ratio, packets and
 * inner bits a second, and of how many rounds, after how many were dropped because the machine was slow.
 */
#include <stdio.h>
#include <stdlib.h>

#include <rte_cycles.h>

#include "bed.h"
#include "bench.h"
#include "rounds.h"

struct kind {
	bool open;
	enum sl_cipher cipher;
	unsigned burst, sessions, size;
};

enum {
	ROUND = 256, /* packets */
	HEADERS = sizeof(struct rte_ether_hdr) + SL_ESP_OUTER,
};

static struct bed bed;

/* What ESP encrypts of a packet: with padding and trailer (RFC 4303 2.4). */
static unsigned sealed_len(unsigned size)
{
	return (size + 2 + 3) & ~3u;
}

/* The reference: nothing but the call, one packet after the other. */
static uint64_t bare_seal(const struct kind *k, unsigned from)
{
	uint64_t start = rte_rdtsc(), counter = 0;
	unsigned len = sealed_len(k->size);

	for (unsigned i = from; i < from + ROUND; i++) {
		const struct sl_esp_out *out = bed.out[bed.session[i]];
		uint8_t *data =
			rte_pktmbuf_mtod_offset(bed.frames[i], uint8_t *, sizeof(struct rte_ether_hdr));
		uint64_t nonce[2] = {++counter, out->salt};

		sl_gcm_seal(&out->key, k->cipher, data, len, (uint8_t *)nonce, nonce, 12, data + len);
	}
	return rte_rdtsc() - start;
}

static uint64_t bare_open(const struct kind *k, unsigned from)
{
	uint64_t start = rte_rdtsc(), counter = 0;
	unsigned len = sealed_len(k->size);
	uint8_t icv[SL_GCM_ICV_LEN];

	for (unsigned i = from; i < from + ROUND; i++) {
		const struct sl_esp_in *in = bed.in[bed.session[i]];
		uint8_t *data = rte_pktmbuf_mtod_offset(bed.frames[i], uint8_t *, HEADERS);
		uint64_t nonce[2] = {++counter, in->salt};

		sl_gcm_open(&in->key, k->cipher, data, len, (uint8_t *)nonce, nonce, 12, icv);
	}
	return rte_rdtsc() - start;
}

static uint64_t ours(const struct kind *k, unsigned from)
{
	struct sl_burst burst;
	unsigned sent = 0;
	uint64_t start = rte_rdtsc(), took;

	for (unsigned i = from; i < from + ROUND; i += k->burst) {
		if (k->open)
			sl_open_burst(&bed.beta, &bed.frames[i], k->burst, &burst);
		else
			sl_seal_burst(&bed.alpha, &bed.frames[i], k->burst, &burst);
		sent += burst.tx_count;
	}
	took = rte_rdtsc() - start;
	if (sent != ROUND) {
		fprintf(stderr, "only %u of %u packets came through\n", sent, ROUND);
		abort();
	}
	return took;
}

/* The halves change places with each sweep. Returns the cycles spent on ours. */
static uint64_t sweep(const struct kind *k, unsigned number, struct rounds *rounds)
{
	unsigned half = bed.count / 2, first = number % 2 ? half : 0;
	uint64_t bare, took, sum = 0;

	if (k->open)
		bed_seal(&bed);
	else
		bed_rewind(&bed);
	for (unsigned i = 0; i < half; i += ROUND) {
		bare = k->open ? bare_open(k, first + i) : bare_seal(k, first + i);
		took = ours(k, half - first + i);
		rounds_add(rounds, (double)bare / ROUND, (double)took / ROUND);
		sum += took;
	}
	return sum;
}

static void report(struct bench *b, const struct rounds_result *r, unsigned size)
{
	double packets = bench_tsc_hz() / r->ours;

	bench_report(b, "tsc/packet", r->ours);
	bench_report(b, "bare", r->bare);
	bench_report(b, "overhead", r->overhead);
	bench_report(b, "ratio", r->ours / r->bare);
	bench_report(b, "packets", packets);
	bench_report(b, "bits", packets * size * 8);
	bench_report(b, "rounds", r->kept);
	bench_report(b, "dropped", r->dropped);
}

static void measure(struct bench *b, const void *kind)
{
	static struct rounds rounds;
	const struct kind *k = kind;
	struct rounds_result result;
	unsigned number = 0;

	bed_prepare(&bed, k->size, k->cipher, k->sessions);
	rounds.count = 0;
	while (bench_running(b))
		bench_took(b, sweep(k, number++, &rounds));
	result = rounds_result(&rounds);
	report(b, &result, k->size);
}

static void add(const struct kind *k)
{
	char name[96];

	snprintf(name, sizeof(name), "%s/%s/%u/%u/%u", k->open ? "open" : "seal", sl_cipher_name(k->cipher),
		k->burst, k->sessions, k->size);
	bench_add_case(name, measure, k);
}

int main(int argc, char **argv)
{
	static const unsigned sizes[] = {64, 128, 256, 512, 1024, 1420, 4096, 8900},
			      sessions[] = {1, 1000, 16000, 64000}, bursts[] = {32, 256};
	static struct kind kinds[SL_CIPHER_COUNT * RTE_DIM(sessions) * RTE_DIM(sizes) * RTE_DIM(bursts) * 2];
	struct kind *k = kinds;

	if (bed_init(&bed))
		return 1;
	/* In an order in which making sessions and frames anew, the slow part, is needed least. */
	for (unsigned cipher = 0; cipher < SL_CIPHER_COUNT; cipher++)
		for (unsigned s = 0; s < RTE_DIM(sessions); s++)
			for (unsigned i = 0; i < RTE_DIM(sizes); i++)
				for (unsigned j = 0; j < 2 * RTE_DIM(bursts); j++, k++) {
					*k = (struct kind){j & 1, (enum sl_cipher)cipher, bursts[j / 2],
						sessions[s], sizes[i]};
					add(k);
				}
	return bench_main(argc, argv);
}
