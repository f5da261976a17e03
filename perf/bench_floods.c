/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a frame of a flood costs the worker: packets of a link opened alone, and in turns with as many frames of the flood
 * between them in the same bursts. All that becomes of a frame in the worker is on the clock: the checks, the gate to the
 * control thread, and back to its pool. Each benchmark is named
 *
 *     FLOOD / bytes of the link's inner packets
 *
 * and reports medians: TSC cycles a frame of the flood (tsc/packet), a packet of the link without it (legit), and the share
 * of the link's packets that a busy worker keeps when the flood brings a million frames a second (kept-1M).
 *
 *     ike, ike6   IKE_SA_INIT from an invented address each, beyond what the control thread takes
 *     spi         an SPI that nobody has
 *     replay      a packet of the window that has been seen       late    one from before the window, with ESN
 *     arp         who-has from invented neighbours, beyond what the control thread takes
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_ip.h>

#include "../app/gateway/gate.h"
#include "../lib/net/neigh_msg.h"
#include "../lib/net/packet.h"
#include "bed.h"
#include "bench.h"
#include "rounds.h"

enum {
	ROUND = 256, /* packets of the link, and as many frames of the flood */
	BURST = 32,
	IKE_LEN = 144,
	IKE_PORT = 500,
	EXCHANGE_INIT = 34,
	WINDOW_AGO = 5000,
};

enum flood { IKE, IKE6, SPI, REPLAY, LATE, ARP, FLOODS };

struct kind {
	enum flood flood;
	unsigned size;
};

static struct bed bed;
static struct gate *gate;
static struct rte_mempool *pool;
static struct rte_mbuf *flood[ROUND], *seen[ROUND];
static uint64_t made;

/* ---- Frames of a flood -------------------------------------------------------------------------------------------------- */

static struct sl_addr invented(enum sl_family family)
{
	struct sl_addr addr = sl_addr_v4(0x0b000000 + (uint32_t)(made % 0xffffff));

	if (family == SL_IPV6) {
		addr = (struct sl_addr){SL_IPV6, {0x20, 1, 0xd, 0xb8, 0xf1, 0x0d}};
		memcpy(addr.bytes + 8, &made, sizeof(made));
	}
	return addr;
}

static size_t ike(uint8_t *frame, enum sl_family family)
{
	uint8_t *msg = frame + (family == SL_IPV6 ? SL_UDP_FRAME_HEADERS_V6 : SL_UDP_FRAME_HEADERS);
	struct sl_udp udp = {
		.src = invented(family), .src_port = IKE_PORT, .dst_port = IKE_PORT, .len = IKE_LEN};

	memset(msg, 0, IKE_LEN);
	memcpy(msg, &made, sizeof(made));
	msg[18] = EXCHANGE_INIT;
	msg[19] = 8;
	udp.dst = sl_addr_v4(bed.beta.wire.ip4[0]);
	if (family == SL_IPV6) {
		udp.dst.family = SL_IPV6;
		memcpy(udp.dst.bytes, &bed.beta.wire.ip6[0], sizeof(udp.dst.bytes));
	}
	return sl_udp_headers(frame, &bed.alpha.wire.mac, &bed.beta.wire.mac, &udp) + IKE_LEN;
}

static size_t arp(uint8_t *frame)
{
	const struct sl_addr who = invented(SL_IPV4), ours = sl_addr_v4(bed.beta.wire.ip4[0]);

	return sl_neigh_ask(frame, &bed.alpha.wire.mac, &who, &ours, NULL);
}

/* A sealed packet of the link that has been opened, as it was, or with something in it changed. */
static size_t again(uint8_t *frame, unsigned i, enum flood kind)
{
	struct sl_esp_header *esp =
		(void *)(frame + sizeof(struct rte_ether_hdr) + SL_ESP_OUTER - sizeof(*esp));

	memcpy(frame, rte_pktmbuf_mtod(seen[i], void *), seen[i]->data_len);
	if (kind == SPI)
		esp->spi = rte_cpu_to_be_32(bed_spi(0) + (1u << 20));
	if (kind == LATE)
		esp->seq = rte_cpu_to_be_32(rte_be_to_cpu_32(esp->seq) - WINDOW_AGO);
	return seen[i]->data_len;
}

static void make(struct rte_mbuf *m, unsigned i, enum flood kind)
{
	uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);

	made++;
	switch (kind) {
	case IKE: m->data_len = (uint16_t)ike(frame, SL_IPV4); break;
	case IKE6: m->data_len = (uint16_t)ike(frame, SL_IPV6); break;
	case ARP: m->data_len = (uint16_t)arp(frame); break;
	default: m->data_len = (uint16_t)again(frame, i, kind); break;
	}
	m->pkt_len = m->data_len;
}

static void make_flood(enum flood kind)
{
	if (rte_pktmbuf_alloc_bulk(pool, flood, ROUND) != 0)
		abort();
	for (unsigned i = 0; i < ROUND; i++)
		make(flood[i], i, kind);
}

/* Before they are opened: what the next round plays again. */
static void remember(unsigned from)
{
	for (unsigned i = 0; i < ROUND; i++) {
		const struct rte_mbuf *m = bed.frames[from + i];

		memcpy(rte_pktmbuf_mtod(seen[i], void *), rte_pktmbuf_mtod(m, void *), m->data_len);
		seen[i]->data_len = m->data_len;
	}
}

/* ---- Rounds ------------------------------------------------------------------------------------------------------------- */

/* As the worker does it. */
static void gate_handed(const struct sl_burst *burst)
{
	uint64_t now = gate_now();

	for (unsigned i = 0; i < burst->handed_count; i++) {
		enum sl_drop reason;

		if (gate_passes(gate, now, burst->handed_why[i], burst->handed[i], &reason))
			rte_pktmbuf_free(burst->handed[i]);
		else
			sl_drop(&bed.beta, burst->handed[i], reason);
	}
}

static uint64_t open_frames(struct rte_mbuf **frames, unsigned count)
{
	struct sl_burst burst;
	unsigned sent = 0;
	uint64_t start = rte_rdtsc(), took;

	for (unsigned i = 0; i < count; i += BURST) {
		sl_open_burst(&bed.beta, frames + i, BURST, &burst);
		if (burst.handed_count)
			gate_handed(&burst);
		sent += burst.tx_count;
	}
	took = rte_rdtsc() - start;
	if (sent != ROUND)
		abort();
	return took;
}

static uint64_t with_flood(unsigned from)
{
	struct rte_mbuf *mixed[2 * ROUND];

	for (unsigned i = 0; i < ROUND; i++) {
		mixed[2 * i] = bed.frames[from + i];
		mixed[2 * i + 1] = flood[i];
	}
	return open_frames(mixed, 2 * ROUND);
}

static uint64_t sweep(const struct kind *k, struct rounds *rounds)
{
	uint64_t sum = 0;

	bed_seal(&bed);
	bed.beta.far_left = 0;
	for (unsigned i = 0; i < bed.count; i += 2 * ROUND) {
		uint64_t without, with;

		make_flood(k->flood);
		remember(i); /* both, for it brings them into the cache */
		remember(i + ROUND);
		without = open_frames(&bed.frames[i], ROUND);
		with = with_flood(i + ROUND);
		rounds_add(rounds, (double)without / ROUND, (double)with / ROUND);
		sum += with - RTE_MIN(with - 1, without);
	}
	return sum;
}

static void measure(struct bench *b, const void *kind)
{
	static struct rounds rounds;
	const struct kind *k = kind;
	struct rounds_result r;

	bed_prepare(&bed, k->size, SL_AES128GCM16, 1);
	bed_seal(&bed);
	remember(0);
	open_frames(bed.frames, ROUND); /* now these have been seen */
	rounds.count = 0;
	while (bench_running(b))
		bench_took(b, sweep(k, &rounds));
	r = rounds_result(&rounds);
	bench_report(b, "tsc/packet", r.overhead);
	bench_report(b, "legit", r.bare);
	bench_report(b, "kept-1M", 1 - 1e6 * r.overhead / bench_tsc_hz());
	bench_report(b, "rounds", r.kept);
	bench_report(b, "dropped", r.dropped);
}

static int set_up(void)
{
	static const uint8_t key[16];
	const struct sl_addr ours6 = {SL_IPV6, {0x20, 1, 0xd, 0xb8, [15] = 2}};

	if (bed_init(&bed))
		return -1;
	sl_link_add(&bed.beta.wire, &ours6);
	gate = gate_new(0, key);
	pool = rte_pktmbuf_pool_create("flood", 4 * ROUND - 1, ROUND, 0, 4096, SOCKET_ID_ANY);
	return gate && pool && rte_pktmbuf_alloc_bulk(pool, seen, ROUND) == 0 ? 0 : -1;
}

int main(int argc, char **argv)
{
	static const char *const names[FLOODS] = {"ike", "ike6", "spi", "replay", "late", "arp"};
	static const unsigned sizes[] = {64, 1420};
	static struct kind kinds[FLOODS * RTE_DIM(sizes)];
	struct kind *k = kinds;

	if (set_up())
		return 1;
	for (unsigned flood_kind = 0; flood_kind < FLOODS; flood_kind++) {
		for (unsigned s = 0; s < RTE_DIM(sizes); s++, k++) {
			char name[32];

			*k = (struct kind){(enum flood)flood_kind, sizes[s]};
			snprintf(name, sizeof(name), "%s/%u", names[flood_kind], sizes[s]);
			bench_add_case(name, measure, k);
		}
	}
	return bench_main(argc, argv);
}
