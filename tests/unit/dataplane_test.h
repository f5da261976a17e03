/* SPDX-License-Identifier: BSD-3-Clause */
/* What the tests of the data path share: one pair for all of a program, and what became of the packet given to it last. */
#ifndef SEALANE_TESTS_DATAPLANE_TEST_H
#define SEALANE_TESTS_DATAPLANE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dataplane_pair.h"
#include "eal.h"

static struct pair pair;

static inline int pair_set_up(void **state)
{
	(void)state;
	if (eal_for_tests(NULL) || sl_crypto_init())
		return -1;
	pair_new(&pair);
	pair.alpha.pool = pair.mbufs;
	return 0;
}

static inline int pair_tear_down(void **state)
{
	(void)state;
	pair_free(&pair);
	return 0;
}

/*
 * Puts len bytes into a frame that was sealed with AES-256 and ESN, over IPv4 and UDP, in place of what was sealed, with the right
 * keys, as only the peer could.
 */
static inline void seal_inside(struct rte_mbuf *m, const void *inside, unsigned len)
{
	struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod_offset(m, struct rte_ipv4_hdr *, 14);
	struct sl_esp_header *esp = rte_pktmbuf_mtod_offset(m, void *, 14 + 28);
	struct sl_esp_block nonce = {pair.in->salt, esp->iv}, aad = {esp->spi, esp->iv};
	uint8_t *at = (uint8_t *)(esp + 1);
	uint16_t udp_len = rte_cpu_to_be_16((uint16_t)(8 + 16 + len + 16));

	memcpy(at, inside, len);
	sl_gcm_seal(&pair.in->key, SL_AES256GCM16, at, len, (void *)&nonce, &aad, 12, at + len);
	m->data_len = (uint16_t)(HEADERS + len + 16);
	m->pkt_len = m->data_len;
	ip->total_length = rte_cpu_to_be_16((uint16_t)(m->data_len - 14));
	pair_ip_checksum(ip);
	memcpy((uint8_t *)(ip + 1) + 4, &udp_len, 2);
}

/* Before a test: nothing has been counted, and every sender may be told. */
static inline void pair_forget(void)
{
	memset(&pair.alpha.counters, 0, sizeof(pair.alpha.counters));
	memset(&pair.beta.counters, 0, sizeof(pair.beta.counters));
	pair.alpha.errors_left = pair.beta.errors_left = SL_ERRORS_A_SECOND;
	pair.alpha.far_left = pair.beta.far_left = SL_FAR_A_SECOND;
}

static inline int pair_fresh(void **state)
{
	(void)state;
	pair_forget();
	pair_sessions(&pair, SL_AES128GCM16, true);
	return 0;
}

/* After a test: every mbuf is back in its pool. */
static inline int pair_nothing_lost(void **state)
{
	(void)state;
	assert_int_equal(rte_mempool_in_use_count(pair.mbufs), 0);
	return 0;
}

static inline void seal(struct rte_mbuf *m)
{
	sl_seal_burst(&pair.alpha, &m, 1, &pair.burst);
}

static inline void open_sealed(struct rte_mbuf *m)
{
	sl_open_burst(&pair.beta, &m, 1, &pair.burst);
}

/* The packet went through: its frame. */
static inline struct rte_mbuf *sent(void)
{
	assert_int_equal(pair.burst.tx_count, 1);
	assert_int_equal(pair.burst.handed_count + pair.burst.large_count + pair.burst.away_count, 0);
	return pair.burst.tx[0];
}

/* The control thread gets it; its data begins with the IP header, but for frames. */
static inline struct rte_mbuf *handed(enum sl_handed why)
{
	unsigned version;

	assert_int_equal(pair.burst.tx_count + pair.burst.large_count, 0);
	assert_int_equal(pair.burst.handed_count, 1);
	assert_int_equal(pair.burst.handed_why[0], why);
	version = *rte_pktmbuf_mtod(pair.burst.handed[0], const uint8_t *) >> 4;
	assert_true(why == SL_HANDED_WIRE || why == SL_HANDED_PLAIN || version == 4 || version == 6);
	return pair.burst.handed[0];
}

static inline void expect_drop(struct sl_dataplane *dp, enum sl_drop reason)
{
	assert_int_equal(pair.burst.tx_count + pair.burst.handed_count + pair.burst.large_count, 0);
	assert_int_equal(dp->counters.drops[reason], 1);
	dp->counters.drops[reason] = 0;
}

#endif
