/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Seal and open on real mbufs: what alpha seals, an independent AES-GCM (libsodium's) opens, and beta opens to the same
 * bytes; everything else is dropped under its own reason. After each test every packet is accounted for and every mbuf
 * is back in its pool.
 */
#include <sodium.h>

#include "dataplane_test.h"

static uint64_t put_in, came_out; /* packets given to and taken from the data paths */

static int fresh(void **state)
{
	(void)state;
	pair_forget();
	pair_sessions(&pair, SL_AES256GCM16, true);
	put_in = came_out = 0;
	return 0;
}

static int nothing_lost(void **state)
{
	uint64_t drops = 0;

	for (unsigned i = 0; i < SL_DROP_COUNT; i++)
		drops += pair.alpha.counters.drops[i] + pair.beta.counters.drops[i];
	assert_int_equal(put_in, came_out + drops);
	return pair_nothing_lost(state);
}

static struct sl_burst *seal_frames(struct rte_mbuf **frames, unsigned n)
{
	sl_seal_burst(&pair.alpha, frames, n, &pair.burst);
	put_in += n;
	came_out += pair.burst.tx_count + pair.burst.handed_count;
	return &pair.burst;
}

static struct sl_burst *open_frames(struct rte_mbuf **frames, unsigned n)
{
	sl_open_burst(&pair.beta, frames, n, &pair.burst);
	put_in += n;
	came_out += pair.burst.tx_count + pair.burst.handed_count;
	return &pair.burst;
}

static struct rte_mbuf *seal_one(struct rte_mbuf *m)
{
	struct sl_burst *burst = seal_frames(&m, 1);

	assert_int_equal(burst->tx_count, 1);
	return burst->tx[0];
}

/* A sealed frame of a good packet, for a test to damage. */
static struct rte_mbuf *sealed(unsigned total)
{
	return seal_one(pair_plain(&pair, ALPHA_HOST, BETA_HOST, total, 1));
}

static void expect_open_drop(struct rte_mbuf *m, enum sl_drop reason)
{
	uint64_t before = pair.beta.counters.drops[reason];
	struct sl_burst *burst = open_frames(&m, 1);

	assert_int_equal(burst->tx_count + burst->handed_count, 0);
	assert_int_equal(pair.beta.counters.drops[reason], before + 1);
}

static void expect_seal_drop(struct rte_mbuf *m, enum sl_drop reason)
{
	uint64_t before = pair.alpha.counters.drops[reason];
	struct sl_burst *burst = seal_frames(&m, 1);

	assert_int_equal(burst->tx_count + burst->handed_count, 0);
	assert_int_equal(pair.alpha.counters.drops[reason], before + 1);
}

static struct rte_mbuf *expect_opens(struct rte_mbuf *m)
{
	struct sl_burst *burst = open_frames(&m, 1);

	assert_int_equal(burst->tx_count, 1);
	return burst->tx[0];
}

static struct rte_ipv4_hdr *outer(struct rte_mbuf *m)
{
	return rte_pktmbuf_mtod_offset(m, struct rte_ipv4_hdr *, 14);
}

/* ---- The good ------------------------------------------------------------------------------------------------------- */

static void every_size_comes_through(void **state)
{
	uint8_t before[1500];

	(void)state;
	for (int kind = 0; kind < 4; kind++) {
		pair_sessions(&pair, kind & 1 ? SL_AES128GCM16 : SL_AES256GCM16, kind & 2);
		for (unsigned total = 20; total <= 1438; total++) {
			struct rte_mbuf *m = pair_plain(&pair, ALPHA_HOST, BETA_HOST, total, total);

			memcpy(before, rte_pktmbuf_mtod_offset(m, void *, 14), total);
			pair_age(before, 2);
			m = expect_opens(seal_one(m));
			assert_int_equal(m->data_len, 14 + total);
			assert_memory_equal(rte_pktmbuf_mtod_offset(m, void *, 14), before, total);
			assert_memory_equal(rte_pktmbuf_mtod(m, void *), &pair_host_mac, 6);
			assert_memory_equal(rte_pktmbuf_mtod_offset(m, void *, 6), &pair.beta.plain.mac, 6);
			rte_pktmbuf_free(m);
		}
		assert_int_equal(pair.in->packets, 1438 - 19);
		assert_int_equal(pair.in->bytes, pair.out->bytes);
	}
}

static void an_independent_aes_gcm_agrees(void **state)
{
	uint8_t before[100], nonce[12], aad[12], plain[200];
	unsigned long long len;

	(void)state;
	if (!crypto_aead_aes256gcm_is_available())
		skip();
	pair.out->seq = UINT64_C(0x1234567ffffffff); /* the next one has another high half */
	pair.out->seq_limit = UINT64_MAX;
	for (unsigned total = 20; total <= sizeof(before); total++) {
		struct rte_mbuf *m = pair_plain(&pair, ALPHA_HOST, BETA_HOST, total, total);
		const uint8_t *esp;

		memcpy(before, rte_pktmbuf_mtod_offset(m, void *, 14), total);
		pair_age(before, 1);
		m = seal_one(m);
		esp = rte_pktmbuf_mtod_offset(m, const uint8_t *, 14 + 20 + 8);
		memcpy(nonce, pair.salt, 4);
		memcpy(nonce + 4, esp + 8, 8);
		memcpy(aad, esp, 4);
		memcpy(aad + 4, "\x01\x23\x45\x68", 4);
		memcpy(aad + 8, esp + 4, 4);
		assert_int_equal(crypto_aead_aes256gcm_decrypt(plain, &len, NULL, esp + 16,
					 m->data_len - HEADERS, aad, 12, nonce, pair.key),
			0);
		assert_memory_equal(plain, before, total);
		/* RFC 4303 2.4: padded with 1, 2, 3 to a multiple of four. */
		assert_int_equal(len % 4, 0);
		assert_int_equal(plain[len - 1], SL_ESP_NEXT_IPV4);
		assert_int_equal(plain[len - 2], len - 2 - total);
		for (unsigned i = 0; i < plain[len - 2]; i++)
			assert_int_equal(plain[total + i], i + 1);
		rte_pktmbuf_free(m);
	}
}

static void outer_headers_are_right(void **state)
{
	struct rte_mbuf *m;
	struct sl_udp udp;

	(void)state;
	for (unsigned total = 20; total <= 1438; total += 11) {
		m = sealed(total);
		assert_int_equal(m->data_len, m->pkt_len);
		assert_memory_equal(rte_pktmbuf_mtod(m, void *), &pair.beta.wire.mac, 6);
		assert_memory_equal(rte_pktmbuf_mtod_offset(m, void *, 6), &pair.alpha.wire.mac, 6);
		assert_true(sl_udp_parse(&udp, outer(m), m->data_len - 14u));
		assert_int_equal(sl_addr_u32(&udp.src), ALPHA_WIRE);
		assert_int_equal(sl_addr_u32(&udp.dst), BETA_WIRE);
		assert_int_equal(udp.src_port, 4500);
		assert_int_equal(udp.dst_port, 4500);
		assert_int_equal(udp.len, m->data_len - 14u - 28);
		assert_int_equal(rte_be_to_cpu_16(outer(m)->total_length), m->data_len - 14u);
		rte_pktmbuf_free(m);
	}
}

static void counters_count_up_and_never_repeat(void **state)
{
	struct rte_mbuf *frames[SL_BURST_MAX];

	(void)state;
	for (uint64_t next = 1; next < 1000;) {
		for (unsigned i = 0; i < SL_BURST_MAX; i++)
			frames[i] = pair_plain(&pair, ALPHA_HOST, BETA_HOST, 64, i);
		seal_frames(frames, SL_BURST_MAX);
		assert_int_equal(pair.burst.tx_count, SL_BURST_MAX);
		for (unsigned i = 0; i < SL_BURST_MAX; i++, next++) {
			const struct sl_esp_header *esp =
				rte_pktmbuf_mtod_offset(pair.burst.tx[i], void *, 14 + 20 + 8);

			assert_int_equal(rte_be_to_cpu_32(esp->seq), next);
			assert_int_equal(rte_be_to_cpu_64(esp->iv), next);
			rte_pktmbuf_free(pair.burst.tx[i]);
		}
	}
}

static void frame_padding_is_left_behind(void **state)
{
	struct rte_mbuf *m = pair_plain(&pair, ALPHA_HOST, BETA_HOST, 30, 1);

	(void)state;
	memset(rte_pktmbuf_append(m, 16), 0xee, 16);
	m = expect_opens(seal_one(m));
	assert_int_equal(m->data_len, 14 + 30);
	rte_pktmbuf_free(m);
}

/* Order stays as it came, among what goes through and what does not. */
static void order_is_kept(void **state)
{
	struct rte_mbuf *frames[SL_BURST_MAX];
	struct sl_burst wire;

	(void)state;
	for (unsigned i = 0; i < SL_BURST_MAX; i++)
		frames[i] = pair_plain(&pair, ALPHA_HOST, i % 5 == 4 ? 0x08080808 : BETA_HOST, 100 + i, i);
	wire = *seal_frames(frames, SL_BURST_MAX);
	assert_int_equal(wire.handed_count, SL_BURST_MAX / 5);
	rte_pktmbuf_free_bulk(wire.handed, wire.handed_count);
	open_frames(wire.tx, wire.tx_count);
	assert_int_equal(pair.burst.tx_count, wire.tx_count);
	for (unsigned i = 0, at = 0; i < SL_BURST_MAX; i++) {
		if (i % 5 == 4)
			continue;
		assert_int_equal(pair.burst.tx[at]->data_len, 14 + 100 + i);
		rte_pktmbuf_free(pair.burst.tx[at++]);
	}
}

/* ---- The bad, outbound ---------------------------------------------------------------------------------------------- */

static void outbound_drops(void **state)
{
	struct rte_mbuf *m;

	(void)state;
	expect_seal_drop(pair_plain(&pair, 0x0a090001, BETA_HOST, 64, 1), SL_DROP_SELECTOR);
	m = pair_plain(&pair, ALPHA_HOST, BETA_HOST, 64, 1);
	rte_pktmbuf_mtod(m, uint8_t *)[5] ^= 1;
	expect_seal_drop(m, SL_DROP_NOT_FOR_US);
	m = pair_plain(&pair, ALPHA_HOST, BETA_HOST, 64, 1);
	rte_pktmbuf_mtod(m, struct rte_ether_hdr *)->ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV6);
	expect_seal_drop(m, SL_DROP_NOT_IP);
	m = pair_plain(&pair, ALPHA_HOST, BETA_HOST, 64, 1);
	outer(m)->version_ihl = 0x65;
	expect_seal_drop(m, SL_DROP_NOT_IP);
	m = pair_plain(&pair, ALPHA_HOST, BETA_HOST, 64, 1);
	outer(m)->version_ihl = 0x44;
	expect_seal_drop(m, SL_DROP_RUNT);
}

static void every_bit_of_the_header_is_checked(void **state)
{
	(void)state;
	for (unsigned bit = 0; bit < 8 * 20; bit++) {
		struct rte_mbuf *m = pair_plain(&pair, ALPHA_HOST, BETA_HOST, 64, 1);

		((uint8_t *)outer(m))[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(seal_frames(&m, 1)->tx_count, 0);
	}
	/* All but the version and the lengths are found by the checksum alone. */
	assert_true(pair.alpha.counters.drops[SL_DROP_BAD_CHECKSUM] > 120);
}

static void runts_of_every_length(void **state)
{
	(void)state;
	for (uint16_t len = 0; len < 14 + 64; len++) {
		struct rte_mbuf *m = pair_plain(&pair, ALPHA_HOST, BETA_HOST, 64, 1);

		rte_pktmbuf_trim(m, (uint16_t)(m->data_len - len));
		expect_seal_drop(m, SL_DROP_RUNT);
	}
}

static void no_session_asks_once(void **state)
{
	(void)state;
	pair.alpha.wanted_count = 0;
	sl_out_switch(&pair.alpha, BETA_FLOW, NULL, pair.out);
	for (unsigned i = 0; i < 5; i++)
		expect_seal_drop(pair_plain(&pair, ALPHA_HOST, BETA_HOST, 64, 1), SL_DROP_NO_SESSION);
	assert_int_equal(pair.alpha.wanted_count, 1);
	assert_int_equal(pair.alpha.wanted_flow[0], BETA_FLOW);
	pair.alpha.wanted_count = 0;
	pair.alpha.flows[BETA_FLOW].wanted = false;
}

static void limits_hold(void **state)
{
	struct rte_mbuf *m;

	(void)state;
	pair.out->seq_limit = 2;
	for (unsigned i = 0; i < 2; i++)
		rte_pktmbuf_free(sealed(64));
	expect_seal_drop(pair_plain(&pair, ALPHA_HOST, BETA_HOST, 64, 1), SL_DROP_LIMIT);
	assert_int_equal(pair.out->seq, 2);
	pair_sessions(&pair, SL_AES128GCM16, true);
	pair.out->byte_limit = 150;
	m = sealed(100);
	rte_pktmbuf_free(m);
	expect_seal_drop(pair_plain(&pair, ALPHA_HOST, BETA_HOST, 64, 1), SL_DROP_LIMIT);
	/* 32-bit sequence numbers end before they wrap. */
	pair_sessions(&pair, SL_AES128GCM16, false);
	pair.out->seq = UINT32_MAX - 1;
	rte_pktmbuf_free(sealed(64));
	expect_seal_drop(pair_plain(&pair, ALPHA_HOST, BETA_HOST, 64, 1), SL_DROP_LIMIT);
}

static void unresolved_next_hop(void **state)
{
	(void)state;
	pair.out->resolved = false;
	expect_seal_drop(pair_plain(&pair, ALPHA_HOST, BETA_HOST, 64, 1), SL_DROP_NO_NEIGHBOUR);
	assert_int_equal(pair.out->seq, 0);
}

/* The peer behind its NAT: nothing is sealed to the new place before its next hop is known; the counter goes on. */
static void a_peer_moves(void **state)
{
	struct rte_mbuf *m;
	struct sl_udp udp;

	(void)state;
	rte_pktmbuf_free(sealed(64));
	sl_esp_out_move(pair.out, &(struct sl_endpoint){sl_addr_v4(0xc6336407), 31001});
	expect_seal_drop(pair_plain(&pair, ALPHA_HOST, BETA_HOST, 64, 1), SL_DROP_NO_NEIGHBOUR);
	sl_esp_out_resolve(pair.out, &pair.alpha.wire.mac, &pair.beta.wire.mac);
	m = sealed(64);
	assert_true(sl_udp_parse(&udp, outer(m), m->data_len - 14u)); /* checksum of IP included */
	assert_int_equal(sl_addr_u32(&udp.src), ALPHA_WIRE);
	assert_int_equal(sl_addr_u32(&udp.dst), 0xc6336407);
	assert_int_equal(udp.src_port, 4500);
	assert_int_equal(udp.dst_port, 31001);
	assert_int_equal(pair.out->seq, 2);
	rte_pktmbuf_free(m);
}

/* ---- The bad, inbound ------------------------------------------------------------------------------------------------ */

static void truncated_at_every_length(void **state)
{
	(void)state;
	for (uint16_t len = 0; len < HEADERS + 66 + 16; len++) {
		struct rte_mbuf *m = sealed(64);

		rte_pktmbuf_trim(m, (uint16_t)(m->data_len - len > 0 ? m->data_len - len : 0));
		expect_open_drop(m, SL_DROP_RUNT);
	}
	/* The same with outer lengths that agree: now the ICV, or the minimum of ESP, tells. */
	for (uint16_t cut = 1; cut < 66 + 16 + 16 + 2; cut++) {
		struct rte_mbuf *m = sealed(64);
		uint16_t udp_len;

		rte_pktmbuf_trim(m, cut);
		outer(m)->total_length = rte_cpu_to_be_16((uint16_t)(m->data_len - 14));
		pair_ip_checksum(outer(m));
		udp_len = rte_cpu_to_be_16((uint16_t)(m->data_len - 34));
		memcpy((uint8_t *)(outer(m) + 1) + 4, &udp_len, 2);
		open_frames(&m, 1);
		assert_int_equal(pair.burst.tx_count + pair.burst.handed_count, 0);
	}
	assert_int_equal(pair.in->packets, 0);
}

static void every_bit_is_authenticated(void **state)
{
	unsigned bits = 8 * (HEADERS + 66 + 16);

	(void)state;
	for (unsigned bit = 8 * (14 + 20 + 8); bit < bits; bit++) {
		struct rte_mbuf *m = sealed(64);

		rte_pktmbuf_mtod(m, uint8_t *)[bit / 8] ^= (uint8_t)(1 << bit % 8);
		open_frames(&m, 1);
		assert_int_equal(pair.burst.tx_count + pair.burst.handed_count, 0);
	}
	assert_int_equal(pair.in->packets, 0);
	assert_true(pair.in->bad_icv > 700);
	/* And none of it moved the window. */
	assert_int_equal(pair.in->window.top, 0);
	rte_pktmbuf_free(expect_opens(sealed(64)));
}

static void outer_drops(void **state)
{
	struct rte_mbuf *m;

	(void)state;
	m = sealed(64);
	outer(m)->hdr_checksum ^= 0x100;
	expect_open_drop(m, SL_DROP_BAD_CHECKSUM);
	m = sealed(64);
	outer(m)->dst_addr ^= rte_cpu_to_be_32(1);
	pair_ip_checksum(outer(m));
	expect_open_drop(m, SL_DROP_NOT_FOR_US);
	m = sealed(64);
	rte_pktmbuf_mtod(m, uint8_t *)[0] ^= 4;
	expect_open_drop(m, SL_DROP_NOT_FOR_US);
	m = sealed(64);
	outer(m)->fragment_offset = rte_cpu_to_be_16(RTE_IPV4_HDR_MF_FLAG);
	pair_ip_checksum(outer(m));
	expect_open_drop(m, SL_DROP_FRAGMENT);
	m = sealed(64);
	outer(m)->next_proto_id = IPPROTO_TCP;
	pair_ip_checksum(outer(m));
	expect_open_drop(m, SL_DROP_NOT_FOR_US);
	m = sealed(64);
	((uint8_t *)(outer(m) + 1))[3] ^= 1; /* UDP destination port */
	expect_open_drop(m, SL_DROP_NOT_FOR_US);
}

static void unknown_spis(void **state)
{
	(void)state;
	for (unsigned bit = 0; bit < 32; bit++) {
		struct rte_mbuf *m = sealed(64);
		struct sl_esp_header *esp = (void *)((uint8_t *)(outer(m) + 1) + 8);

		esp->spi ^= rte_cpu_to_be_32(UINT32_C(1) << bit);
		expect_open_drop(m, SL_DROP_NO_SPI);
	}
}

static void replays(void **state)
{
	struct rte_mbuf *first = sealed(64), *twice[2], *late;
	const struct sl_esp_header *esp;

	(void)state;
	twice[0] = rte_pktmbuf_copy(first, pair.mbufs, 0, UINT32_MAX);
	twice[1] = rte_pktmbuf_copy(first, pair.mbufs, 0, UINT32_MAX);
	late = rte_pktmbuf_copy(first, pair.mbufs, 0, UINT32_MAX);
	/* Both pass the first look of one burst; only one gets through. */
	open_frames(twice, 2);
	assert_int_equal(pair.burst.tx_count, 1);
	assert_int_equal(pair.beta.counters.drops[SL_DROP_REPLAY], 1);
	rte_pktmbuf_free(pair.burst.tx[0]);
	expect_open_drop(first, SL_DROP_REPLAY);
	pair.out->seq += SL_REPLAY_WINDOW - 1;
	first = sealed(64);
	esp = rte_pktmbuf_mtod_offset(first, void *, 14 + 28);
	assert_int_equal(rte_be_to_cpu_64(esp->iv), 1 + SL_REPLAY_WINDOW);
	rte_pktmbuf_free(expect_opens(first));
	expect_open_drop(late, SL_DROP_LATE);
	assert_int_equal(pair.in->replayed, 2);
	assert_int_equal(pair.in->late, 1);
}

/* Whether a copy of this sealed packet, which is dropped for this reason, was decrypted before. */
static bool decrypts(const struct rte_mbuf *packet, enum sl_drop reason)
{
	struct rte_mbuf *m = rte_pktmbuf_copy(packet, pair.mbufs, 0, UINT32_MAX);
	const uint8_t *inner = rte_pktmbuf_mtod_offset(m, const uint8_t *, 14 + 28 + 16);
	uint8_t before[16];
	bool changed;

	memcpy(before, inner, sizeof(before));
	rte_mbuf_refcnt_update(m, 1);
	expect_open_drop(m, reason);
	changed = memcmp(inner, before, sizeof(before)) != 0;
	rte_pktmbuf_free(m);
	return changed;
}

static void seen_packets_cost_nothing(void **state)
{
	struct rte_mbuf *m = sealed(64), *again = rte_pktmbuf_copy(m, pair.mbufs, 0, UINT32_MAX);

	(void)state;
	rte_pktmbuf_free(expect_opens(m));
	assert_false(decrypts(again, SL_DROP_REPLAY));
	rte_pktmbuf_free(again);
}

/* A packet from before the window is decrypted a few times, to tell that it is old, and then dropped as it came. */
static void old_packets_cost_little(void **state)
{
	enum { TRIED = 3, SENT = 20 };
	struct rte_mbuf *old = sealed(64);
	unsigned decrypted = 0;

	(void)state;
	pair.out->seq += 3 * SL_REPLAY_WINDOW;
	rte_pktmbuf_free(expect_opens(sealed(64)));
	pair.beta.far_left = TRIED;
	for (unsigned i = 0; i < SENT; i++)
		decrypted += decrypts(old, SL_DROP_LATE);
	rte_pktmbuf_free(old);
	assert_int_equal(decrypted, TRIED);
	assert_int_equal(pair.in->late, SENT);
	assert_int_equal(pair.in->bad_icv, 0);
	rte_pktmbuf_free(expect_opens(sealed(64)));
}

/* An SA that lost more packets in a row than an old packet seems to have skipped goes on. */
static void many_lost_in_a_row(void **state)
{
	(void)state;
	rte_pktmbuf_free(expect_opens(sealed(64)));
	pair.out->seq += UINT32_C(3) << 30;
	pair.beta.far_left = 1;
	rte_pktmbuf_free(expect_opens(sealed(64)));
	assert_int_equal(pair.beta.far_left, 0);
	rte_pktmbuf_free(expect_opens(sealed(64)));
}

static void low_half_rolls_over(void **state)
{
	(void)state;
	pair.out->seq = pair.in->window.top = UINT32_MAX - 10;
	for (unsigned i = 0; i < 30; i++)
		rte_pktmbuf_free(expect_opens(sealed(64)));
	assert_int_equal(pair.in->window.top, (uint64_t)UINT32_MAX + 20);
}

static struct rte_mbuf *sealed_inside(const void *inside, unsigned len)
{
	struct rte_mbuf *m = sealed(200);

	seal_inside(m, inside, len);
	return m;
}

static void bad_insides(void **state)
{
	static const uint8_t pad_beyond[] = {0, 0, 255, 4}, empty[] = {0, 4}, dummy[] = {1, 1, 59},
			     ipv6[] = {0, 41}, transport[] = {0, 17};
	struct {
		struct rte_ipv4_hdr ip;
		uint8_t trailer[4];
	} inside = {.ip = {.version_ihl = 0x45, .total_length = rte_cpu_to_be_16(20), .time_to_live = 9},
		.trailer = {1, 2, 2, 4}};

	(void)state;
	expect_open_drop(sealed_inside(pad_beyond, sizeof(pad_beyond)), SL_DROP_BAD_INNER);
	expect_open_drop(sealed_inside(empty, sizeof(empty)), SL_DROP_BAD_INNER);
	expect_open_drop(sealed_inside(ipv6, sizeof(ipv6)), SL_DROP_BAD_INNER);
	expect_open_drop(sealed_inside(transport, sizeof(transport)), SL_DROP_BAD_INNER);
	expect_open_drop(sealed_inside(dummy, sizeof(dummy)), SL_DROP_DUMMY);
	inside.ip.src_addr = rte_cpu_to_be_32(0x08080808);
	inside.ip.dst_addr = rte_cpu_to_be_32(BETA_HOST);
	pair_ip_checksum(&inside.ip);
	expect_open_drop(sealed_inside(&inside, sizeof(inside)), SL_DROP_SELECTOR);
	inside.ip.src_addr = rte_cpu_to_be_32(ALPHA_HOST);
	inside.ip.dst_addr = rte_cpu_to_be_32(0x08080808);
	pair_ip_checksum(&inside.ip);
	expect_open_drop(sealed_inside(&inside, sizeof(inside)), SL_DROP_SELECTOR);
	inside.ip.dst_addr = rte_cpu_to_be_32(BETA_HOST);
	expect_open_drop(sealed_inside(&inside, sizeof(inside)), SL_DROP_BAD_INNER); /* checksum */
	inside.ip.total_length = rte_cpu_to_be_16(23);
	pair_ip_checksum(&inside.ip);
	expect_open_drop(sealed_inside(&inside, sizeof(inside)), SL_DROP_BAD_INNER);
	inside.ip.total_length = rte_cpu_to_be_16(20);
	pair_ip_checksum(&inside.ip);
	rte_pktmbuf_free(expect_opens(sealed_inside(&inside, sizeof(inside))));
}

/* ---- What goes to the control thread --------------------------------------------------------------------------------- */

static void expect_handed(struct sl_burst *burst, enum sl_handed why)
{
	assert_int_equal(burst->tx_count, 0);
	assert_int_equal(burst->handed_count, 1);
	assert_int_equal(burst->handed_why[0], why);
	rte_pktmbuf_free(burst->handed[0]);
}

static void handed_over(void **state)
{
	uint8_t frame[80] = {[12] = 8, [13] = 6};
	struct rte_mbuf *m;

	(void)state;
	m = pair_frame(&pair, frame, 42);
	expect_handed(seal_frames(&m, 1), SL_HANDED_PLAIN);
	m = pair_frame(&pair, frame, 42);
	expect_handed(open_frames(&m, 1), SL_HANDED_WIRE);
	m = pair_plain(&pair, ALPHA_HOST, ALPHA_PLAIN, 64, 1);
	seal_frames(&m, 1);
	assert_int_equal(rte_pktmbuf_mtod(m, struct rte_ether_hdr *)->ether_type, rte_cpu_to_be_16(0x0800));
	expect_handed(&pair.burst, SL_HANDED_PLAIN);
	m = seal_one(pair_plain(&pair, ALPHA_HOST, BETA_PLAIN, 64, 1));
	open_frames(&m, 1);
	assert_int_equal(m->data_len, 64);
	expect_handed(&pair.burst, SL_HANDED_INNER);
	m = seal_one(pair_plain(&pair, ALPHA_HOST, BETA_HOST + 1, 64, 1));
	expect_handed(open_frames(&m, 1), SL_HANDED_RESOLVE);
	m = pair_plain(&pair, ALPHA_HOST, 0x0a030001, 64, 1);
	seal_frames(&m, 1);
	assert_int_equal(m->data_len, 64);
	expect_handed(&pair.burst, SL_HANDED_NO_ROUTE);
	assert_int_equal(pair.alpha.counters.to_control, 3);
	assert_int_equal(pair.beta.counters.to_control, 3);
}

static void ike_is_told_from_esp(void **state)
{
	struct rte_mbuf *m = sealed(64);
	uint8_t *udp = (uint8_t *)(outer(m) + 1);

	(void)state;
	memset(udp + 8, 0, 4); /* the non-ESP marker */
	expect_handed(open_frames(&m, 1), SL_HANDED_WIRE);
	m = sealed(64);
	udp = (uint8_t *)(outer(m) + 1);
	udp[2] = 500 >> 8;
	udp[3] = 500 & 0xff;
	expect_handed(open_frames(&m, 1), SL_HANDED_WIRE);
	m = sealed(64);
	outer(m)->next_proto_id = IPPROTO_ICMP;
	pair_ip_checksum(outer(m));
	expect_handed(open_frames(&m, 1), SL_HANDED_WIRE);
}

static void sessions_that_make_no_sense_are_refused(void **state)
{
	struct sl_ts_list good = pair_selector("10.1.0.0/16"), ports = good, none = {.count = 0};
	struct sl_esp_params p = {.spi_in = 256,
		.spi_out = 256,
		.wire_local.addr = sl_addr_v4(ALPHA_WIRE),
		.wire_remote.addr = sl_addr_v4(BETA_WIRE),
		.path_mtu = 1500,
		.local = &good,
		.remote = &good,
		.key_in = pair.key,
		.key_out = pair.key,
		.salt_in = pair.salt,
		.salt_out = pair.salt};
	struct sl_esp_out *out = aligned_alloc(64, sizeof(*out));
	struct sl_esp_in *opened = aligned_alloc(64, sizeof(*opened));

	(void)state;
	memset(out, 0, sizeof(*out));
	memset(opened, 0, sizeof(*opened));
	assert_int_equal(sl_esp_out_init(out, &p), 0);
	ports.ts[0].port_first = 81;
	ports.ts[0].port_last = 80;
	p.local = &ports;
	assert_int_equal(sl_esp_out_init(out, &p), SL_ESP_E_SELECTOR);
	p.local = &none;
	assert_int_equal(sl_esp_out_init(out, &p), SL_ESP_E_SELECTOR);
	p.local = &good;
	p.wire_remote.addr.family = SL_IPV6;
	assert_int_equal(sl_esp_out_init(out, &p), SL_ESP_E_OUTER);
	p.spi_out = p.spi_in = 255;
	assert_int_equal(sl_esp_out_init(out, &p), SL_ESP_E_SPI);
	assert_int_equal(sl_esp_in_init(opened, &p), SL_ESP_E_SPI);
	p.spi_in = 256;
	assert_int_equal(sl_esp_in_init(opened, &p), SL_ESP_E_OUTER);
	p.wire_remote.addr.family = SL_IPV4;
	p.remote = &ports;
	assert_int_equal(sl_esp_in_init(opened, &p), SL_ESP_E_SELECTOR);
	p.remote = &good;
	assert_int_equal(sl_esp_in_init(opened, &p), SL_ESP_OK);
	/* Each is told by its own words. */
	for (int error = SL_ESP_OK; error > SL_ESP_E_OUTER; error--)
		assert_string_not_equal(sl_esp_strerror(error), sl_esp_strerror(error - 1));
	assert_string_equal(sl_esp_strerror(SL_ESP_E_OUTER - 1), "unknown error");
	free(out);
	free(opened);
}

int main(void)
{
#define FRESH(f) cmocka_unit_test_setup_teardown(f, fresh, nothing_lost)
	const struct CMUnitTest tests[] = {
		FRESH(every_size_comes_through),
		FRESH(an_independent_aes_gcm_agrees),
		FRESH(outer_headers_are_right),
		FRESH(counters_count_up_and_never_repeat),
		FRESH(frame_padding_is_left_behind),
		FRESH(order_is_kept),
		FRESH(outbound_drops),
		FRESH(every_bit_of_the_header_is_checked),
		FRESH(runts_of_every_length),
		FRESH(no_session_asks_once),
		FRESH(limits_hold),
		FRESH(unresolved_next_hop),
		FRESH(a_peer_moves),
		FRESH(truncated_at_every_length),
		FRESH(every_bit_is_authenticated),
		FRESH(outer_drops),
		FRESH(unknown_spis),
		FRESH(replays),
		FRESH(seen_packets_cost_nothing),
		FRESH(old_packets_cost_little),
		FRESH(many_lost_in_a_row),
		FRESH(low_half_rolls_over),
		FRESH(bad_insides),
		FRESH(handed_over),
		FRESH(ike_is_told_from_esp),
		FRESH(sessions_that_make_no_sense_are_refused),
	};

	return cmocka_run_group_tests_name("dataplane", tests, pair_set_up, pair_tear_down);
}
