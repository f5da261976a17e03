/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frames through the real bursts. The first byte of the input says what the rest is: a frame on the wire, a frame on the
 * plain link, or the inside of a packet that is sealed with the right keys, as a hostile peer could do; and whether the
 * links are tagged, and the selectors have ports. Whatever comes, each packet must be sent, handed over, passed on, cut or
 * counted, and no mbuf may be lost.
 */
#include <stdio.h>

#include "target.h"
#include "tests/unit/dataplane_pair.h"
#include "tests/unit/eal.h"

enum { FRAME_MAX = 1700, VLAN = 5 };

static struct pair pair;

/* The far end, its host, and all that is between. */
static void add_ipv6(void)
{
	struct sl_addr host, plain, wire;
	struct sl_prefix behind;

	if (!sl_addr_parse(&host, "fd00:2::9") || !sl_addr_parse(&plain, "fd00:2::1") ||
		!sl_addr_parse(&wire, "2001:db8::2") || !sl_prefix_parse(&behind, "fd00:2::/64") ||
		!sl_link_add(&pair.beta.plain, &plain) || !sl_link_add(&pair.beta.wire, &wire) ||
		sl_routes_add(pair.routes, &behind, BETA_FLOW) ||
		sl_neighbour_set(&pair.beta, &host, &pair_host_mac))
		abort();
}

/* Selectors of both families, for all traffic, or for some ports of TCP only. */
static void select_traffic(bool ports)
{
	struct sl_ts_list near = pair_selector("10.1.0.0/16"), far = pair_selector("10.2.0.0/16");

	near.ts[near.count++] = pair_selector("fd00:1::/64").ts[0];
	far.ts[far.count++] = pair_selector("fd00:2::/64").ts[0];
	for (unsigned i = 0; ports && i < far.count; i++) {
		near.ts[i].protocol = far.ts[i].protocol = IPPROTO_TCP;
		far.ts[i].port_last = 1023;
	}
	pair_sessions_like(&pair, pair_params(&pair, SL_AES256GCM16, true), &near, &far);
}

static void tag_links(uint16_t vlan)
{
	pair.alpha.plain.vlan = pair.alpha.wire.vlan = pair.beta.plain.vlan = pair.beta.wire.vlan = vlan;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	if (eal_for_tests(NULL) || sl_crypto_init())
		abort();
	pair_new(&pair);
	pair.alpha.pool = pair.mbufs;
	pair.alpha.clamp_mss = pair.beta.clamp_mss = true;
	add_ipv6();
	pair.beta.id = 0;
	pair.beta.workers = 4; /* some SPIs are those of others */
	return 0;
}

/* Puts a frame around ESP: outer headers that agree with its length, the SPI beta knows, a fresh counter. */
static struct rte_mbuf *sealed(const uint8_t *inside, size_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pair.mbufs);
	struct sl_udp udp = {.src = sl_addr_v4(ALPHA_WIRE),
		.dst = sl_addr_v4(BETA_WIRE),
		.src_port = 4500,
		.dst_port = 4500,
		.len = 16 + len + 16};
	uint8_t *frame = (void *)rte_pktmbuf_append(m, (uint16_t)(HEADERS + len + 16));
	struct sl_esp_header *esp = (void *)(frame + SL_UDP_FRAME_HEADERS);
	uint64_t seq = pair.in->window.top + 1;
	struct sl_esp_block nonce, aad;

	sl_udp_headers(frame, &pair.alpha.wire.mac, &pair.beta.wire.mac, &udp);
	*esp = (struct sl_esp_header){
		rte_cpu_to_be_32(pair.in->spi), rte_cpu_to_be_32((uint32_t)seq), rte_cpu_to_be_64(seq)};
	nonce = (struct sl_esp_block){pair.in->salt, esp->iv};
	aad = (struct sl_esp_block){esp->spi, esp->iv};
	memcpy(esp + 1, inside, len);
	sl_gcm_seal(&pair.in->key, SL_AES256GCM16, esp + 1, len, (void *)&nonce, &aad, sizeof(aad),
		(uint8_t *)(esp + 1) + len);
	return m;
}

static uint64_t drops(const struct sl_dataplane *dp)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < SL_DROP_COUNT; i++)
		sum += dp->counters.drops[i];
	return sum;
}

static unsigned burst_total(void)
{
	return pair.burst.tx_count + pair.burst.handed_count + pair.burst.away_count + pair.burst.large_count;
}

static void free_burst(void)
{
	rte_pktmbuf_free_bulk(pair.burst.tx, pair.burst.tx_count);
	rte_pktmbuf_free_bulk(pair.burst.handed, pair.burst.handed_count);
	rte_pktmbuf_free_bulk(pair.burst.away, pair.burst.away_count);
}

static void through(struct sl_dataplane *dp,
	void (*burst)(struct sl_dataplane *, struct rte_mbuf **, unsigned, struct sl_burst *),
	struct rte_mbuf *m)
{
	uint64_t before = drops(dp);

	dp->errors_left = SL_ERRORS_A_SECOND;
	burst(dp, &m, 1, &pair.burst);
	if (burst_total() + drops(dp) - before != 1)
		abort();
	if (pair.burst.large_count) {
		uint64_t cut = dp->counters.cut;

		sl_seal_cut(dp, m, &pair.burst);
		if (burst_total() + drops(dp) - before != 1 + dp->counters.cut - cut)
			abort();
	}
	free_burst();
	if (rte_mempool_in_use_count(pair.mbufs) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1 || size > FRAME_MAX)
		return 0;
	select_traffic(data[0] & 0x40);
	tag_links(data[0] & 0x80 ? VLAN : 0);
	switch ((data[0] & 0x3f) % 3) {
	case 0: through(&pair.beta, sl_open_burst, pair_frame(&pair, data + 1, size - 1)); break;
	case 1: through(&pair.alpha, sl_seal_burst, pair_frame(&pair, data + 1, size - 1)); break;
	case 2:
		tag_links(0);
		if (size - 1 >= sizeof(struct sl_esp_trailer))
			through(&pair.beta, sl_open_burst, sealed(data + 1, size - 1));
		break;
	}
	pair.alpha.wanted_count = 0;
	return 0;
}
