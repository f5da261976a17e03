/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The inboxes between workers, and how frames of a port with one queue are spread over them by flow. After each test every packet
 * is accounted for, worker by worker, and every mbuf is back in its pool.
 */
#include "workers_test.h"

/* ---- Inboxes --------------------------------------------------------------------------------------------------------------- */

static void a_full_inbox_is_counted(void **state)
{
	enum { ROOM = 3, PACKETS = 10 };
	struct rte_ring *inbox = workers[0].inbox[INBOX_SEAL];
	struct rte_mbuf *frames[PACKETS];
	void *filler;

	(void)state;
	set_owner(0);
	for (unsigned i = 0; i < INBOX_PACKETS - 1 - ROOM; i++)
		assert_int_equal(rte_ring_enqueue(inbox, frames), 0);
	for (unsigned i = 0; i < PACKETS; i++)
		frames[i] = plain(BETA_HOST);
	seal_frames(1, frames, PACKETS);
	assert_int_equal(workers[1].dp.counters.handed_out, ROOM);
	assert_int_equal(drops(1, SL_DROP_HANDOFF_FULL), PACKETS - ROOM);
	for (unsigned i = 0; i < INBOX_PACKETS - 1 - ROOM; i++)
		assert_int_equal(rte_ring_dequeue(inbox, &filler), 0);
	sl_out_switch(&workers[0].dp, FLOW, wide, NULL);
	assert_int_equal(take_to_seal(0), ROOM);
	assert_int_equal(burst.tx_count, ROOM);
	for (unsigned i = 0; i < ROOM; i++)
		rte_pktmbuf_free(burst.tx[i]);
}

static void each_gets_its_own_in_order(void **state)
{
	static const uint8_t targets[] = {2, 1, 1, 0, 2, 1, 2, 2, 0, 1};
	struct rte_mbuf *packets[RTE_DIM(targets)], *given[RTE_DIM(targets)], *taken[SL_BURST_MAX];
	uint8_t to[RTE_DIM(targets)];

	(void)state;
	for (unsigned i = 0; i < RTE_DIM(targets); i++)
		given[i] = packets[i] = plain(BETA_HOST);
	memcpy(to, targets, sizeof(to));
	put_in[0] += RTE_DIM(targets);
	hand_over_each(&workers[0], INBOX_OPEN, packets, to, RTE_DIM(targets));
	assert_int_equal(workers[0].dp.counters.handed_out, RTE_DIM(targets));
	for (unsigned id = 0; id < WORKERS; id++) {
		unsigned n = take(id, INBOX_OPEN, taken), at = 0;

		for (unsigned i = 0; i < RTE_DIM(targets); i++) {
			if (targets[i] == id)
				assert_ptr_equal(taken[at++], given[i]);
		}
		assert_int_equal(n, at);
		came_out[id] += n;
		rte_pktmbuf_free_bulk(taken, n);
	}
}

static void only_what_is_used_is_made(void **state)
{
	struct worker alone = {.dp.workers = 1};
	struct worker sends_wire = {.wire.sends_for_others = true, .id = 7, .dp.workers = 9};
	struct worker sends_plain = {.plain.sends_for_others = true, .id = 8, .dp.workers = 9};

	(void)state;
	assert_int_equal(handover_init(&alone), 0);
	for (unsigned i = 0; i < INBOX_COUNT; i++)
		assert_null(alone.inbox[i]);
	assert_int_equal(handover_init(&sends_wire), 0);
	assert_null(sends_wire.inbox[INBOX_RECEIVED]);
	assert_non_null(sends_wire.inbox[INBOX_SEAL]);
	assert_non_null(sends_wire.inbox[INBOX_OPEN]);
	assert_non_null(sends_wire.inbox[INBOX_SEND_WIRE]);
	assert_null(sends_wire.inbox[INBOX_SEND_PLAIN]);
	assert_int_equal(handover_init(&sends_plain), 0);
	assert_null(sends_plain.inbox[INBOX_SEND_WIRE]);
	assert_non_null(sends_plain.inbox[INBOX_SEND_PLAIN]);
	handover_fini(&sends_wire);
	handover_fini(&sends_plain);
}

/* ---- Spreading ------------------------------------------------------------------------------------------------------------- */

/* A frame of the flow with this source port. */
static struct rte_mbuf *of_flow(uint16_t port, unsigned total)
{
	struct rte_mbuf *m = pair_plain(&pair, ALPHA_HOST, BETA_HOST, total, 0);
	struct rte_udp_hdr *udp = rte_pktmbuf_mtod_offset(m, struct rte_udp_hdr *, 34);

	udp->src_port = port;
	udp->dst_port = 53;
	return m;
}

static struct rte_mbuf *of_flow6(uint16_t port, unsigned total, bool tagged)
{
	struct rte_mbuf *m = of_flow(0, total);
	struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, struct rte_ether_hdr *);
	struct rte_ipv6_hdr *ip = (void *)(eth + 1);

	eth->ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV6);
	memset(ip, 0xfd, sizeof(*ip));
	ip->proto = IPPROTO_UDP;
	memcpy(ip + 1, &port, sizeof(port));
	m->vlan_tci = 5;
	assert_int_equal(tagged ? rte_vlan_insert(&m) : 0, 0);
	return m;
}

/* Where a single frame goes when worker 1 has received it; frees it. */
static unsigned target_of(struct rte_mbuf *m)
{
	unsigned target = WORKERS, own;
	struct rte_mbuf *taken;

	put_in[1]++;
	own = spread(&workers[1], &m, 1);
	came_out[1] += own;
	if (own)
		target = 1;
	for (unsigned id = 0; id < WORKERS; id++) {
		if (take(id, INBOX_RECEIVED, &taken) == 0)
			continue;
		assert_int_equal(target, WORKERS);
		assert_ptr_equal(taken, m);
		came_out[id]++;
		target = id;
	}
	assert_true(target < WORKERS);
	rte_pktmbuf_free(m);
	return target;
}

static void flows_are_spread_over_all(void **state)
{
	unsigned count[WORKERS] = {0};

	(void)state;
	for (uint16_t port = 0; port < 300; port++) {
		unsigned target = target_of(of_flow(port, 64));

		assert_int_equal(target_of(of_flow(port, 1000)), target);
		count[target]++;
	}
	for (unsigned id = 0; id < WORKERS; id++)
		assert_in_range(count[id], 60, 140);
}

static void order_within_a_flow_survives_spreading(void **state)
{
	struct rte_mbuf *frames[SL_BURST_MAX], *taken[SL_BURST_MAX];
	unsigned own, all = 0;

	(void)state;
	for (unsigned i = 0; i < SL_BURST_MAX; i++)
		frames[i] = of_flow(i % 8, 64 + i);
	put_in[1] += SL_BURST_MAX;
	own = spread(&workers[1], frames, SL_BURST_MAX);
	for (unsigned id = 0; id < WORKERS; id++) {
		unsigned n = take(id, INBOX_RECEIVED, taken);

		if (id == 1) {
			assert_int_equal(n, 0);
			memcpy(taken, frames, own * sizeof(*frames));
			n = own;
		}
		/* Lengths grow in the order of sending. */
		for (unsigned i = 1; i < n; i++)
			assert_true(taken[i]->data_len > taken[i - 1]->data_len);
		all += n;
		came_out[id] += n;
		rte_pktmbuf_free_bulk(taken, n);
	}
	assert_int_equal(all, SL_BURST_MAX);
}

/* Only the first fragment has ports; all must go the same way. What is no IPv4 packet, or none yet, stays. */
static void fragments_and_strangers(void **state)
{
	unsigned fragments = 0, moved = 0;

	(void)state;
	for (uint16_t port = 0; port < 20; port++) {
		for (unsigned part = 0; part < 3; part++) {
			struct rte_mbuf *m = of_flow((uint16_t)(port + 100 * part), 64);
			struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod_offset(m, struct rte_ipv4_hdr *, 14);
			unsigned target;

			ip->src_addr = rte_cpu_to_be_32(ALPHA_HOST + port);
			ip->fragment_offset = rte_cpu_to_be_16(
				(uint16_t)(part * 8 | (part < 2 ? RTE_IPV4_HDR_MF_FLAG : 0)));
			target = target_of(m);
			if (part > 0)
				assert_int_equal(target, fragments);
			fragments = target;
			moved += target != 1;
		}
	}
	assert_true(moved > 0);
	for (uint16_t port = 0; port < 20; port++) {
		struct rte_mbuf *arp = of_flow(port, 64), *runt = of_flow(port, 64);

		rte_pktmbuf_mtod(arp, struct rte_ether_hdr *)->ether_type =
			rte_cpu_to_be_16(RTE_ETHER_TYPE_ARP);
		assert_int_equal(target_of(arp), 1);
		rte_pktmbuf_trim(runt, (uint16_t)(runt->data_len - 33));
		assert_int_equal(target_of(runt), 1);
	}
}

/* IPv6 and tags: as many flows go to each, and a flow to one. */
static void other_frames_are_spread_too(void **state)
{
	for (unsigned tagged = 0; tagged < 2; tagged++) {
		unsigned count[WORKERS] = {0};

		for (unsigned id = 0; id < WORKERS; id++)
			workers[id].dp.plain.vlan = tagged ? 5 : 0;
		for (uint16_t port = 0; port < 150; port++) {
			unsigned target = target_of(of_flow6(port, 100, tagged));

			assert_int_equal(target_of(of_flow6(port, 200, tagged)), target);
			count[target]++;
		}
		for (unsigned id = 0; id < WORKERS; id++)
			assert_in_range(count[id], 25, 80);
	}
	for (unsigned id = 0; id < WORKERS; id++)
		workers[id].dp.plain.vlan = 0;
	(void)state;
}

int main(void)
{
#define FRESH(f) cmocka_unit_test_setup_teardown(f, fresh, nothing_lost)
	const struct CMUnitTest tests[] = {
		FRESH(a_full_inbox_is_counted),
		FRESH(each_gets_its_own_in_order),
		FRESH(only_what_is_used_is_made),
		FRESH(flows_are_spread_over_all),
		FRESH(order_within_a_flow_survives_spreading),
		FRESH(fragments_and_strangers),
		FRESH(other_frames_are_spread_too),
	};

	return cmocka_run_group_tests_name("spreading", tests, set_up, tear_down);
}
