/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bursts larger than the groups they are worked off in, whose packets leave at every pass: what goes through is whole and
 * in order, and what does not is counted once, under its own reason. And what the data path keeps to be quick: the
 * neighbours found lately, and the first selector of a session.
 */
#include "dataplane_test.h"
#include "lib/dataplane/frame.h"

enum { N = SL_BURST_MAX, SIZE = 100, OTHER_HOST = BETA_HOST + SL_NEIGHBOURS_RECENT };

static const struct rte_ether_addr other_mac = {{2, 0, 0, 0, 0, 77}};

static struct rte_mbuf *sealed(uint32_t dst, unsigned size)
{
	struct rte_mbuf *m = pair_plain(&pair, ALPHA_HOST, dst, size, size);

	sl_seal_burst(&pair.alpha, &m, 1, &pair.burst);
	assert_int_equal(pair.burst.tx_count, 1);
	return m;
}

static struct rte_mbuf *copy(struct rte_mbuf *m)
{
	return rte_pktmbuf_copy(m, pair.mbufs, 0, UINT32_MAX);
}

static struct sl_esp_header *esp(struct rte_mbuf *m)
{
	return rte_pktmbuf_mtod_offset(m, struct sl_esp_header *, HEADERS - sizeof(struct sl_esp_header));
}

/* Opens one packet; NULL when it was not sent. What was handed over is freed. */
static struct rte_mbuf *open_one(struct rte_mbuf *m)
{
	sl_open_burst(&pair.beta, &m, 1, &pair.burst);
	rte_pktmbuf_free_bulk(pair.burst.handed, pair.burst.handed_count);
	return pair.burst.tx_count ? pair.burst.tx[0] : NULL;
}

/* ---- Bursts of every fate ---------------------------------------------------------------------------------------------- */

enum fate { GOOD, NO_SLOT, OTHER_SPI, DAMAGED, REPLAYED, TWICE, FOR_ANOTHER, FATES };

/* The frame number i of a burst, which shares nothing with the others but the session. */
static struct rte_mbuf *fated(unsigned i, struct rte_mbuf *before)
{
	struct rte_mbuf *m = i % FATES == TWICE ? copy(before) : sealed(BETA_HOST, SIZE + i);

	switch ((enum fate)(i % FATES)) {
	case NO_SLOT: esp(m)->spi ^= rte_cpu_to_be_32(1 << (SL_SPI_RANDOM_BITS + 9)); break;
	case OTHER_SPI: esp(m)->spi ^= rte_cpu_to_be_32(1); break;
	case DAMAGED: *rte_pktmbuf_mtod_offset(m, uint8_t *, HEADERS + i % SIZE) ^= 1; break;
	case REPLAYED: rte_pktmbuf_free(open_one(copy(m))); break;
	case FOR_ANOTHER: rte_pktmbuf_mtod(m, uint8_t *)[5] ^= 1; break;
	case GOOD:
	case TWICE:
	case FATES: break;
	}
	return m;
}

static unsigned count_of(enum fate fate)
{
	unsigned count = 0;

	for (unsigned i = 0; i < N; i++)
		count += i % FATES == fate;
	return count;
}

static void expect_size(struct rte_mbuf *m, unsigned size)
{
	const uint8_t *ip = rte_pktmbuf_mtod_offset(m, const uint8_t *, sizeof(struct rte_ether_hdr));

	assert_int_equal(m->data_len, sizeof(struct rte_ether_hdr) + size);
	for (unsigned i = sizeof(struct rte_ipv4_hdr); i < size; i++)
		assert_int_equal(ip[i], (uint8_t)(size + i * 31));
	rte_pktmbuf_free(m);
}

/* TWICE follows REPLAYED: it is a copy of the last good one before. */
static void inbound(void **state)
{
	struct rte_mbuf *frames[N], *good = NULL;
	uint64_t *drops = pair.beta.counters.drops;
	unsigned at = 0;

	(void)state;
	for (unsigned i = 0; i < N; i++) {
		frames[i] = fated(i, good);
		if (i % FATES == GOOD)
			good = frames[i];
	}
	sl_open_burst(&pair.beta, frames, N, &pair.burst);
	assert_int_equal(pair.burst.tx_count, count_of(GOOD));
	assert_int_equal(pair.burst.handed_count + pair.burst.away_count, 0);
	for (unsigned i = 0; i < N; i += FATES)
		expect_size(pair.burst.tx[at++], SIZE + i);
	assert_int_equal(drops[SL_DROP_NO_SPI], count_of(NO_SLOT) + count_of(OTHER_SPI));
	assert_int_equal(drops[SL_DROP_BAD_ICV], count_of(DAMAGED));
	assert_int_equal(drops[SL_DROP_REPLAY], count_of(REPLAYED) + count_of(TWICE));
	assert_int_equal(drops[SL_DROP_NOT_FOR_US], count_of(FOR_ANOTHER));
	assert_int_equal(pair.in->packets, count_of(GOOD) + count_of(REPLAYED));
}

static void outbound(void **state)
{
	struct rte_mbuf *frames[N];
	uint64_t *drops = pair.alpha.counters.drops, next = 0;
	const unsigned limit = N / 4 + N / 8; /* within the burst: half of its packets could be sealed */

	(void)state;
	pair.out->seq_limit = limit;
	for (unsigned i = 0; i < N; i++) {
		uint32_t src = i % 4 == 1 ? 0x0a090001 : ALPHA_HOST,
			 dst = i % 4 == 3 ? 0x08080808 : BETA_HOST;

		frames[i] = pair_plain(&pair, src, dst, SIZE + i, SIZE + i);
	}
	sl_seal_burst(&pair.alpha, frames, N, &pair.burst);
	assert_int_equal(pair.burst.tx_count, limit);
	assert_int_equal(drops[SL_DROP_SELECTOR], N / 4);
	assert_int_equal(pair.burst.handed_count, N / 4);
	rte_pktmbuf_free_bulk(pair.burst.handed, pair.burst.handed_count);
	assert_int_equal(drops[SL_DROP_LIMIT], N / 2 - limit);
	memcpy(frames, pair.burst.tx, sizeof(frames[0]) * limit);
	for (unsigned i = 0; i < limit; i++)
		assert_int_equal(rte_be_to_cpu_64(esp(frames[i])->iv), ++next);
	sl_open_burst(&pair.beta, frames, limit, &pair.burst);
	assert_int_equal(pair.burst.tx_count, limit);
	for (unsigned i = 0; i < limit; i++)
		expect_size(pair.burst.tx[i], SIZE + 2 * i);
}

/* ---- What is kept to be quick ------------------------------------------------------------------------------------------ */

static void expect_goes_to(uint32_t dst, const struct rte_ether_addr *mac)
{
	struct rte_mbuf *m = open_one(sealed(dst, SIZE));

	assert_int_equal(m != NULL, mac != NULL);
	if (!m)
		return;
	assert_memory_equal(rte_pktmbuf_mtod(m, void *), mac, sizeof(*mac));
	rte_pktmbuf_free(m);
}

static void set_neighbour(uint32_t ip, const struct rte_ether_addr *mac)
{
	const struct sl_addr address = sl_addr_v4(ip);

	assert_int_equal(sl_neighbour_set(&pair.beta, &address, mac), 0);
}

static void a_neighbour_changes_and_goes(void **state)
{
	(void)state;
	expect_goes_to(BETA_HOST, &pair_host_mac);
	set_neighbour(BETA_HOST, &other_mac);
	expect_goes_to(BETA_HOST, &other_mac);
	expect_goes_to(BETA_HOST, &other_mac);
	set_neighbour(BETA_HOST, NULL);
	expect_goes_to(BETA_HOST, NULL);
	set_neighbour(BETA_HOST, &pair_host_mac);
	expect_goes_to(BETA_HOST, &pair_host_mac);
}

/* Two neighbours that would be kept at the same place. */
static void neighbours_take_turns(void **state)
{
	(void)state;
	set_neighbour(OTHER_HOST, &other_mac);
	for (unsigned i = 0; i < 3; i++) {
		expect_goes_to(BETA_HOST, &pair_host_mac);
		expect_goes_to(OTHER_HOST, &other_mac);
	}
	set_neighbour(OTHER_HOST, NULL);
	expect_goes_to(OTHER_HOST, NULL);
	expect_goes_to(BETA_HOST, &pair_host_mac);
}

/* Not even at 0.0.0.0, which an empty place could be taken for. */
static void no_neighbour_is_found_where_there_was_none(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < SL_NEIGHBOURS_RECENT; i++)
		assert_null(sl_neighbour(&pair.alpha, i));
}

static void every_selector_counts(void **state)
{
	struct sl_esp_selector second = pair.out->local.selector[0];
	struct rte_mbuf *m;

	(void)state;
	second.first = 0x0a090000;
	second.last = 0x0a0900ff;
	pair.out->local.selector[1] = pair.in->remote.selector[1] = second;
	pair.out->local.count = 2;
	m = pair_plain(&pair, (uint32_t)second.last, BETA_HOST, SIZE, SIZE);
	sl_seal_burst(&pair.alpha, &m, 1, &pair.burst);
	assert_int_equal(pair.burst.tx_count, 1);
	assert_null(open_one(copy(m)));
	assert_int_equal(pair.beta.counters.drops[SL_DROP_SELECTOR], 1);
	/* The same packet again would be a replay. */
	memset(&pair.in->window, 0, sizeof(pair.in->window));
	pair.in->remote.count = 2;
	expect_size(open_one(m), SIZE);
	m = pair_plain(&pair, (uint32_t)second.last + 1, BETA_HOST, SIZE, SIZE);
	sl_seal_burst(&pair.alpha, &m, 1, &pair.burst);
	assert_int_equal(pair.alpha.counters.drops[SL_DROP_SELECTOR], 1);
}

int main(void)
{
#define FRESH(f) cmocka_unit_test_setup_teardown(f, pair_fresh, pair_nothing_lost)
	const struct CMUnitTest tests[] = {
		FRESH(inbound),
		FRESH(outbound),
		FRESH(a_neighbour_changes_and_goes),
		FRESH(neighbours_take_turns),
		FRESH(no_neighbour_is_found_where_there_was_none),
		FRESH(every_selector_counts),
	};

	return cmocka_run_group_tests_name("passes", tests, pair_set_up, pair_tear_down);
}
