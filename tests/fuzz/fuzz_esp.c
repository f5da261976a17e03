/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frames through the real bursts. The first byte of the input says what the rest is: a frame on the wire, a frame on the
 * plain link, or the inside of a packet that is sealed with the right keys, as a hostile peer could do. Whatever comes,
 * each packet must be sent, handed over, passed on or counted, and no mbuf may be lost.
 */
#include <stdio.h>

#include "target.h"
#include "tests/unit/dataplane_pair.h"
#include "tests/unit/eal.h"

enum { FRAME_MAX = 1700 };

static struct pair pair;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	if (eal_for_tests(NULL) || sl_crypto_init())
		abort();
	pair_new(&pair);
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

static void through(struct sl_dataplane *dp,
	void (*burst)(struct sl_dataplane *, struct rte_mbuf **, unsigned, struct sl_burst *),
	struct rte_mbuf *m)
{
	uint64_t before = drops(dp);

	burst(dp, &m, 1, &pair.burst);
	if (pair.burst.tx_count + pair.burst.handed_count + pair.burst.away_count + drops(dp) - before != 1)
		abort();
	rte_pktmbuf_free_bulk(pair.burst.tx, pair.burst.tx_count);
	rte_pktmbuf_free_bulk(pair.burst.handed, pair.burst.handed_count);
	rte_pktmbuf_free_bulk(pair.burst.away, pair.burst.away_count);
	if (rte_mempool_in_use_count(pair.mbufs) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1 || size > FRAME_MAX)
		return 0;
	switch (data[0] % 3) {
	case 0: through(&pair.beta, sl_open_burst, pair_frame(&pair, data + 1, size - 1)); break;
	case 1: through(&pair.alpha, sl_seal_burst, pair_frame(&pair, data + 1, size - 1)); break;
	case 2:
		if (size - 1 >= sizeof(struct sl_esp_trailer))
			through(&pair.beta, sl_open_burst, sealed(data + 1, size - 1));
		break;
	}
	pair.alpha.wanted_count = 0;
	return 0;
}
