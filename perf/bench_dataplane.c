/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Cycles a packet: the bare AES-GCM call of ipsec-mb over the payloads of a burst of mbufs, and the real seal and open
 * bursts around it, on the same packets. The difference is what the gateway adds.
 *
 * A burst is sealed in place again and again: between rounds only the mbuf's offsets are put back, so nothing but the
 * work itself is on the clock. To open, a burst needs fresh sequence numbers: it is sealed off the clock.
 */
#include <stdio.h>

#include "bench.h"
#include "tests/unit/dataplane_pair.h"
#include "tests/unit/eal.h"

enum { BURST = 32 };

static struct pair pair;
static struct rte_mbuf *frames[BURST];

static void make_burst(long size)
{
	pair_sessions(&pair, SL_AES128GCM16, true);
	pair.out->seq_limit = pair.out->byte_limit = UINT64_MAX;
	for (unsigned i = 0; i < BURST; i++)
		frames[i] = pair_plain(&pair, ALPHA_HOST, BETA_HOST, (unsigned)size, i);
}

/* The frames as they were received: same headers, at the same place. */
static void rewind_burst(const struct rte_ipv4_hdr *ip, long size)
{
	for (unsigned i = 0; i < BURST; i++) {
		struct rte_mbuf *m = frames[i];

		m->data_off = RTE_PKTMBUF_HEADROOM;
		m->data_len = (uint16_t)(sizeof(struct rte_ether_hdr) + size);
		m->pkt_len = m->data_len;
		*rte_pktmbuf_mtod(m, struct rte_ether_hdr *) =
			(struct rte_ether_hdr){.dst_addr = pair.alpha.plain.mac,
				.ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4)};
		*rte_pktmbuf_mtod_offset(m, struct rte_ipv4_hdr *, sizeof(struct rte_ether_hdr)) = *ip;
	}
}

static void bare(struct bench *b, long size)
{
	uint8_t icv[16];

	make_burst(size);
	while (bench_running(b)) {
		for (unsigned i = 0; i < BURST; i++) {
			struct sl_esp_block nonce = {pair.out->salt, ++pair.out->seq}, aad = nonce;

			sl_gcm_seal(&pair.out->key, SL_AES128GCM16, rte_pktmbuf_mtod(frames[i], uint8_t *),
				(uint64_t)size, (const uint8_t *)&nonce, &aad, sizeof(aad), icv);
		}
	}
	bench_packets(b, BURST, (unsigned)size);
	rte_pktmbuf_free_bulk(frames, BURST);
}

static void seal(struct bench *b, long size)
{
	struct rte_ipv4_hdr ip;

	make_burst(size);
	ip = *rte_pktmbuf_mtod_offset(frames[0], struct rte_ipv4_hdr *, sizeof(struct rte_ether_hdr));
	while (bench_running(b)) {
		rewind_burst(&ip, size);
		sl_seal_burst(&pair.alpha, frames, BURST, &pair.burst);
		if (pair.burst.tx_count != BURST)
			abort();
	}
	bench_packets(b, BURST, (unsigned)size);
	rte_pktmbuf_free_bulk(frames, BURST);
}

/* What rewind_burst() alone costs, to be taken off `seal`. */
static void rewinding(struct bench *b, long size)
{
	struct rte_ipv4_hdr ip;

	make_burst(size);
	ip = *rte_pktmbuf_mtod_offset(frames[0], struct rte_ipv4_hdr *, sizeof(struct rte_ether_hdr));
	while (bench_running(b))
		rewind_burst(&ip, size);
	bench_packets(b, BURST, (unsigned)size);
	rte_pktmbuf_free_bulk(frames, BURST);
}

static void open_sealed(struct bench *b, long size)
{
	struct rte_ipv4_hdr ip;

	make_burst(size);
	ip = *rte_pktmbuf_mtod_offset(frames[0], struct rte_ipv4_hdr *, sizeof(struct rte_ether_hdr));
	while (bench_running(b)) {
		bench_pause(b);
		rewind_burst(&ip, size);
		sl_seal_burst(&pair.alpha, frames, BURST, &pair.burst);
		bench_resume(b);
		sl_open_burst(&pair.beta, frames, BURST, &pair.burst);
		if (pair.burst.tx_count != BURST)
			abort();
	}
	bench_packets(b, BURST, (unsigned)size);
	rte_pktmbuf_free_bulk(frames, BURST);
}

int main(int argc, char **argv)
{
	static const long sizes[] = {64, 128, 256, 512, 1024, 1420};

	if (eal_for_tests(NULL) || sl_crypto_init())
		return 1;
	pair_new(&pair);
	for (unsigned i = 0; i < RTE_DIM(sizes); i++) {
		bench_add("bare", bare, sizes[i]);
		bench_add("seal", seal, sizes[i]);
		bench_add("rewinding", rewinding, sizes[i]);
		bench_add("open", open_sealed, sizes[i]);
	}
	return bench_main(argc, argv);
}
