/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a router owes the packets that pass it, of IPv4: they age, their traffic class goes along, what must not be
 * forwarded is not, what is too large is cut or its sender is told, and TCP hears in time what fits.
 */
#include <rte_tcp.h>

#include "dataplane_test.h"
#include "lib/dataplane/frame.h"

enum { SIZE = 100, ROUTER = BETA_PLAIN + 253, FAR_HOST = 0x0a020a01 };

static const struct rte_ether_addr router_mac = {{2, 0, 0, 0, 0, 254}};

static struct rte_mbuf *plain(unsigned size)
{
	return pair_plain(&pair, ALPHA_HOST, BETA_HOST, size, 1);
}

/* The IPv4 header of a frame. */
static struct rte_ipv4_hdr *ip_of(struct rte_mbuf *m)
{
	return rte_pktmbuf_mtod_offset(m, struct rte_ipv4_hdr *, sizeof(struct rte_ether_hdr));
}

/* ---- Time to live ------------------------------------------------------------------------------------------------------ */

/* Whatever the checksum is before, it is right after. */
static void headers_age_rightly(void **state)
{
	struct rte_ipv4_hdr ip = {
		.version_ihl = RTE_IPV4_VHL_DEF, .next_proto_id = 17, .src_addr = 0x12345678};

	(void)state;
	for (unsigned id = 0; id <= UINT16_MAX; id++) {
		ip.packet_id = (rte_be16_t)id;
		ip.time_to_live = (uint8_t)(id % 255 + 1);
		pair_ip_checksum(&ip);
		ipv4_age(&ip);
		assert_int_equal(ip.time_to_live, id % 255);
		assert_int_equal(ip.next_proto_id, 17);
		assert_true(ipv4_checksum_ok(&ip, sizeof(ip)));
		ip.type_of_service = (uint8_t)(id >> 3);
		pair_ip_checksum(&ip);
		ip.type_of_service ^= 3;
		ipv4_word_changed(
			&ip, rte_cpu_to_be_16(ip.type_of_service ^ 3), rte_cpu_to_be_16(ip.type_of_service));
		assert_true(ipv4_checksum_ok(&ip, sizeof(ip)));
	}
}

static struct rte_mbuf *with_ttl(uint8_t ttl)
{
	struct rte_mbuf *m = plain(SIZE);

	ip_of(m)->time_to_live = ttl;
	pair_ip_checksum(ip_of(m));
	return m;
}

/* The near end takes one, the far end takes one; who has none left is handed over as it came. */
static void packets_age_at_both_ends(void **state)
{
	const struct rte_ipv4_hdr *ip;
	struct rte_mbuf *m;

	(void)state;
	seal(with_ttl(3));
	open_sealed(sent());
	m = sent();
	assert_int_equal(ip_of(m)->time_to_live, 1);
	assert_true(ipv4_checksum_ok(ip_of(m), sizeof(*ip)));
	rte_pktmbuf_free(m);
	seal(with_ttl(2));
	open_sealed(sent());
	m = handed(SL_HANDED_EXPIRED);
	ip = rte_pktmbuf_mtod(m, const struct rte_ipv4_hdr *);
	assert_int_equal(ip->time_to_live, 1);
	assert_int_equal(m->data_len, SIZE);
	rte_pktmbuf_free(m);
	for (uint8_t ttl = 0; ttl < 2; ttl++) {
		seal(with_ttl(ttl));
		m = handed(SL_HANDED_EXPIRED);
		ip = rte_pktmbuf_mtod(m, const struct rte_ipv4_hdr *);
		assert_int_equal(ip->time_to_live, ttl);
		assert_int_equal(m->data_len, SIZE);
		rte_pktmbuf_free(m);
	}
	assert_int_equal(pair.out->seq, 2);
}

/* Not those that end here. */
static void packets_to_ourselves_do_not_expire(void **state)
{
	struct rte_mbuf *m = pair_plain(&pair, ALPHA_HOST, BETA_PLAIN, SIZE, 1);

	(void)state;
	ip_of(m)->time_to_live = 2;
	pair_ip_checksum(ip_of(m));
	seal(m);
	open_sealed(sent());
	rte_pktmbuf_free(handed(SL_HANDED_INNER));
	m = pair_plain(&pair, ALPHA_HOST, ALPHA_PLAIN, SIZE, 1);
	ip_of(m)->time_to_live = 1;
	pair_ip_checksum(ip_of(m));
	seal(m);
	assert_int_equal(pair.burst.handed_why[0], SL_HANDED_PLAIN);
	rte_pktmbuf_free(pair.burst.handed[0]);
}

/* ---- The traffic class --------------------------------------------------------------------------------------------------- */

static struct rte_mbuf *with_tos(uint8_t tos)
{
	struct rte_mbuf *m = plain(SIZE);

	ip_of(m)->type_of_service = tos;
	pair_ip_checksum(ip_of(m));
	return m;
}

static void sessions_with_dscp(uint8_t dscp)
{
	struct sl_ts_list a = pair_selector("10.1.0.0/16"), b = pair_selector("10.2.0.0/16");
	struct sl_esp_params params = pair_params(&pair, SL_AES128GCM16, true);

	params.dscp = dscp;
	pair_sessions_like(&pair, params, &a, &b);
}

/* RFC 6040 4.1: ECN is copied always; DSCP when that is wanted. */
static void the_traffic_class_goes_outwards(void **state)
{
	(void)state;
	for (unsigned dscp = 0; dscp <= SL_DSCP_COPY; dscp++) {
		sessions_with_dscp((uint8_t)dscp);
		for (unsigned tos = 0; tos < 256; tos += 5) {
			const unsigned outer = dscp == SL_DSCP_COPY ? tos : dscp << 2 | (tos & 3);

			seal(with_tos((uint8_t)tos));
			assert_int_equal(ip_of(sent())->type_of_service, outer);
			assert_true(ipv4_checksum_ok(ip_of(sent()), sizeof(struct rte_ipv4_hdr)));
			open_sealed(sent());
			assert_int_equal(ip_of(sent())->type_of_service, tos);
			rte_pktmbuf_free(sent());
		}
	}
}

/* RFC 6040, figure 4; -1: dropped. */
static void ecn_comes_back_in(void **state)
{
	enum { NOT = 0, ECT1 = 1, ECT0 = 2, CE = 3 };
	static const int expected[4][4] = {
		[NOT] = {[NOT] = NOT, [ECT0] = NOT, [ECT1] = NOT, [CE] = -1},
		[ECT0] = {[NOT] = ECT0, [ECT0] = ECT0, [ECT1] = ECT1, [CE] = CE},
		[ECT1] = {[NOT] = ECT1, [ECT0] = ECT1, [ECT1] = ECT1, [CE] = CE},
		[CE] = {[NOT] = CE, [ECT0] = CE, [ECT1] = CE, [CE] = CE},
	};
	const uint8_t dscp = 0xb8;

	(void)state;
	for (unsigned inner = 0; inner < 4; inner++) {
		for (unsigned outer = 0; outer < 4; outer++) {
			seal(with_tos((uint8_t)(dscp | inner)));
			ip_of(sent())->type_of_service = (uint8_t)outer;
			pair_ip_checksum(ip_of(sent()));
			open_sealed(sent());
			if (expected[inner][outer] < 0) {
				expect_drop(&pair.beta, SL_DROP_ECN);
				continue;
			}
			assert_int_equal(ip_of(sent())->type_of_service, dscp | expected[inner][outer]);
			assert_true(ipv4_checksum_ok(ip_of(sent()), sizeof(struct rte_ipv4_hdr)));
			rte_pktmbuf_free(sent());
		}
	}
}

/* ---- What is not forwarded ------------------------------------------------------------------------------------------------ */

static void martians(void **state)
{
	static const uint32_t nowhere[] = {
		0, 0x00ffffff, 0x7f000001, 0x7fffffff, 0xe0000001, 0xefffffff, 0xf0000000, 0xffffffff};
	static const uint32_t somewhere[] = {0x01000000, 0x7effffff, 0x80000000, 0xdfffffff};

	(void)state;
	for (unsigned i = 0; i < RTE_DIM(nowhere); i++) {
		seal(pair_plain(&pair, nowhere[i], BETA_HOST, SIZE, 1));
		expect_drop(&pair.alpha, SL_DROP_MARTIAN);
		seal(pair_plain(&pair, ALPHA_HOST, nowhere[i], SIZE, 1));
		expect_drop(&pair.alpha, SL_DROP_MARTIAN);
		seal(pair_plain(&pair, nowhere[i], ALPHA_PLAIN, SIZE, 1));
		expect_drop(&pair.alpha, SL_DROP_MARTIAN);
	}
	seal(pair_plain(&pair, BETA_HOST, BETA_HOST, SIZE, 1));
	expect_drop(&pair.alpha, SL_DROP_MARTIAN);
	for (unsigned i = 0; i < RTE_DIM(somewhere); i++) {
		seal(pair_plain(&pair, somewhere[i], BETA_HOST, SIZE, 1));
		expect_drop(&pair.alpha, SL_DROP_SELECTOR);
	}
}

/* Not even from a peer whose selectors are wide. */
static void martians_out_of_a_seal(void **state)
{
	static const uint32_t nowhere[] = {0x7f000001, 0xe0000001, 0xffffffff, 0};
	struct sl_ts_list all = pair_selector("0.0.0.0/0");

	(void)state;
	pair_sessions_like(&pair, pair_params(&pair, SL_AES128GCM16, true), &all, &all);
	for (unsigned i = 0; i < RTE_DIM(nowhere); i++) {
		struct rte_mbuf *m = pair_plain(&pair, nowhere[i], BETA_HOST, SIZE, 1);

		rte_pktmbuf_adj(m, sizeof(struct rte_ether_hdr));
		/* As a worker that has checked nothing would hand it over. */
		sl_seal_handed(&pair.alpha, &m, 1, &pair.burst);
		open_sealed(sent());
		expect_drop(&pair.beta, SL_DROP_MARTIAN);
	}
}

/* ---- Size ----------------------------------------------------------------------------------------------------------------- */

static struct rte_mbuf *with_df(unsigned size, uint16_t flags)
{
	struct rte_mbuf *m = plain(size);

	ip_of(m)->fragment_offset = rte_cpu_to_be_16(flags);
	pair_ip_checksum(ip_of(m));
	return m;
}

static void what_must_not_be_cut_is_handed_over(void **state)
{
	struct rte_mbuf *m;

	(void)state;
	seal(with_df(1438, RTE_IPV4_HDR_DF_FLAG));
	assert_int_equal(sent()->data_len, RTE_ETHER_HDR_LEN + 1500);
	rte_pktmbuf_free(sent());
	seal(with_df(1439, RTE_IPV4_HDR_DF_FLAG));
	m = handed(SL_HANDED_TOO_BIG);
	assert_int_equal(m->hash.usr, 1438);
	assert_int_equal(m->data_len, 1439);
	assert_int_equal(rte_pktmbuf_mtod(m, struct rte_ipv4_hdr *)->time_to_live, 64);
	rte_pktmbuf_free(m);
	pair.out->inner_mtu = 1000;
	seal(with_df(1001, RTE_IPV4_HDR_DF_FLAG));
	m = handed(SL_HANDED_TOO_BIG);
	assert_int_equal(m->hash.usr, 1000);
	rte_pktmbuf_free(m);
	assert_int_equal(pair.out->seq, 1);
}

/* Opens all fragments of the last burst, and puts together what they carry; `from` is the first's offset. */
static unsigned reassemble(uint8_t *data, unsigned from, bool more)
{
	struct sl_burst wire = pair.burst;
	unsigned at = 0;

	for (unsigned i = 0; i < wire.tx_count; i++) {
		const bool last = i + 1 == wire.tx_count;
		const struct rte_ipv4_hdr *ip;
		unsigned header_len, field;

		assert_in_range(wire.tx[i]->data_len, 0, RTE_ETHER_HDR_LEN + 1500);
		open_sealed(wire.tx[i]);
		ip = ip_of(sent());
		header_len = (ip->version_ihl & 15) * 4u;
		field = rte_be_to_cpu_16(ip->fragment_offset);
		assert_true(ipv4_checksum_ok(ip, header_len));
		assert_int_equal(ip->time_to_live, 62);
		assert_int_equal((field & RTE_IPV4_HDR_OFFSET_MASK) * 8, from + at);
		assert_int_equal(!!(field & RTE_IPV4_HDR_MF_FLAG), !last || more);
		memcpy(data + at, (const uint8_t *)ip + header_len,
			sent()->data_len - RTE_ETHER_HDR_LEN - header_len);
		at += sent()->data_len - RTE_ETHER_HDR_LEN - header_len;
		rte_pktmbuf_free(sent());
	}
	return at;
}

static void what_may_be_cut_is_sealed_in_fragments(void **state)
{
	static const uint16_t flags[] = {0, RTE_IPV4_HDR_MF_FLAG, 100, 100 | RTE_IPV4_HDR_MF_FLAG};
	uint8_t before[2000], after[2000];

	(void)state;
	for (unsigned i = 0; i < RTE_DIM(flags); i++) {
		for (unsigned size = 1439; size < 1990; size += 41) {
			struct rte_mbuf *m = with_df(size, flags[i]);
			const unsigned offset = (flags[i] & RTE_IPV4_HDR_OFFSET_MASK) * 8u;

			memcpy(before, ip_of(m) + 1, size - 20);
			seal(m);
			assert_int_equal(pair.burst.large_count, 1);
			assert_int_equal(pair.burst.tx_count + pair.burst.handed_count, 0);
			sl_seal_cut(&pair.alpha, m, &pair.burst);
			assert_int_equal(pair.burst.tx_count, 2);
			assert_int_equal(
				reassemble(after, offset, flags[i] & RTE_IPV4_HDR_MF_FLAG), size - 20);
			assert_memory_equal(after, before, size - 20);
		}
	}
	assert_int_equal(pair.alpha.counters.cut, pair.out->seq / 2);
}

static void many_fragments(void **state)
{
	uint8_t before[2000], after[2000];
	struct rte_mbuf *m = with_df(1900, 0);

	(void)state;
	pair.out->inner_mtu = 100;
	memcpy(before, ip_of(m) + 1, 1880);
	seal(m);
	sl_seal_cut(&pair.alpha, m, &pair.burst);
	assert_int_equal(pair.burst.tx_count, (1880 + 79) / 80);
	assert_int_equal(reassemble(after, 0, false), 1880);
	assert_memory_equal(after, before, 1880);
	/* More than a group would be: nothing is sealed at all. */
	pair.out->inner_mtu = 68;
	m = with_df(1900, 0);
	seal(m);
	sl_seal_cut(&pair.alpha, m, &pair.burst);
	expect_drop(&pair.alpha, SL_DROP_TOO_BIG);
}

static void options_are_cut_along(void **state)
{
	static const uint8_t options[] = {0x83, 7, 4, 10, 2, 0, 9, 0}; /* loose source route: copied */
	uint8_t before[2000], after[2000];
	struct rte_mbuf *m = with_df(1900, 0);

	(void)state;
	ip_of(m)->version_ihl = 0x47;
	memcpy(ip_of(m) + 1, options, sizeof(options));
	ip_of(m)->hdr_checksum = 0;
	ip_of(m)->hdr_checksum = rte_ipv4_cksum(ip_of(m));
	memcpy(before, (uint8_t *)(ip_of(m) + 1) + 8, 1872);
	seal(m);
	assert_int_equal(pair.burst.large_count, 1);
	sl_seal_cut(&pair.alpha, m, &pair.burst);
	assert_int_equal(pair.burst.tx_count, 2);
	assert_int_equal(reassemble(after, 0, false), 1872);
	assert_memory_equal(after, before, 1872);
}

/* A fragment that ends where no packet can. */
static void a_fragment_beyond_the_end_is_not_cut(void **state)
{
	struct rte_mbuf *m = with_df(1500, 8180);

	(void)state;
	seal(m);
	assert_int_equal(pair.burst.large_count, 1);
	sl_seal_cut(&pair.alpha, m, &pair.burst);
	expect_drop(&pair.alpha, SL_DROP_TOO_BIG);
}

static void no_buffers_for_fragments(void **state)
{
	struct rte_mbuf *all[1023], *m = with_df(1500, 0);
	unsigned n = 0;

	(void)state;
	seal(m);
	while (n < RTE_DIM(all) && (all[n] = rte_pktmbuf_alloc(pair.mbufs)))
		n++;
	sl_seal_cut(&pair.alpha, m, &pair.burst);
	expect_drop(&pair.alpha, SL_DROP_NO_MBUF);
	rte_pktmbuf_free_bulk(all, n);
	assert_int_equal(pair.alpha.counters.cut, 0);
}

/* What a peer with larger links sends: a router tells who sent it, or cuts it. */
static void what_is_opened_fits_the_plain_link(void **state)
{
	uint8_t before[2000], after[2000];
	struct rte_mbuf *m;
	unsigned at = 0;

	(void)state;
	pair.beta.plain.mtu = 1000;
	pair.beta.pool = pair.mbufs;
	seal(plain(1000));
	open_sealed(sent());
	assert_int_equal(sent()->data_len, RTE_ETHER_HDR_LEN + 1000);
	rte_pktmbuf_free(sent());
	seal(with_df(1001, RTE_IPV4_HDR_DF_FLAG));
	open_sealed(sent());
	m = handed(SL_HANDED_TOO_BIG);
	assert_int_equal(m->hash.usr, 1000);
	assert_int_equal(m->data_len, 1001);
	rte_pktmbuf_free(m);
	m = with_df(1400, 0);
	memcpy(before, ip_of(m) + 1, 1380);
	seal(m);
	open_sealed(sent());
	assert_int_equal(pair.burst.large_count, 1);
	sl_open_cut(&pair.beta, pair.burst.large[0], &pair.burst);
	assert_int_equal(pair.burst.tx_count, 2);
	assert_int_equal(pair.beta.counters.cut, 1);
	for (unsigned i = 0; i < 2; i++) {
		m = pair.burst.tx[i];
		assert_in_range(m->data_len, 0, RTE_ETHER_HDR_LEN + 1000);
		assert_true(ipv4_checksum_ok(ip_of(m), sizeof(struct rte_ipv4_hdr)));
		assert_memory_equal(rte_pktmbuf_mtod(m, void *), &pair_host_mac, RTE_ETHER_ADDR_LEN);
		memcpy(after + at, ip_of(m) + 1, m->data_len - RTE_ETHER_HDR_LEN - 20);
		at += m->data_len - RTE_ETHER_HDR_LEN - 20u;
		rte_pktmbuf_free(m);
	}
	assert_int_equal(at, 1380);
	assert_memory_equal(after, before, 1380);
	pair.beta.plain.mtu = 0;
	pair.beta.pool = NULL;
	pair.beta.counters.cut = 0;
}

/* Nothing knows how large a buffer usually is. */
static void jumbo_frames(void **state)
{
	const unsigned path = 9000, inner = sl_inner_mtu(9000, SL_IPV4, true);
	struct sl_ts_list a = pair_selector("10.1.0.0/16"), b = pair_selector("10.2.0.0/16");
	struct sl_esp_params params = pair_params(&pair, SL_AES256GCM16, true);
	struct rte_mempool *usual = pair.mbufs;
	uint8_t before[9000];

	(void)state;
	params.path_mtu = path;
	pair_sessions_like(&pair, params, &a, &b);
	pair.mbufs = rte_pktmbuf_pool_create("jumbo", 15, 0, 0, 9400, SOCKET_ID_ANY);
	assert_non_null(pair.mbufs);
	for (unsigned size = inner; size > 8000; size -= 97) {
		struct rte_mbuf *m = plain(size);

		memcpy(before, ip_of(m), size);
		pair_age(before, 2);
		seal(m);
		assert_in_range(sent()->data_len, 0, RTE_ETHER_HDR_LEN + path);
		open_sealed(sent());
		assert_int_equal(sent()->data_len, RTE_ETHER_HDR_LEN + size);
		assert_memory_equal(ip_of(sent()), before, size);
		rte_pktmbuf_free(sent());
	}
	seal(with_df(inner + 1, RTE_IPV4_HDR_DF_FLAG));
	rte_pktmbuf_free(handed(SL_HANDED_TOO_BIG));
	rte_mempool_free(pair.mbufs);
	pair.mbufs = usual;
}

/* ---- TCP's segments --------------------------------------------------------------------------------------------------------- */

/* A SYN with this MSS, of 44 bytes. */
static struct rte_mbuf *syn(uint16_t mss)
{
	struct rte_mbuf *m = plain(44);
	struct rte_tcp_hdr *tcp = (void *)(ip_of(m) + 1);
	const uint8_t option[] = {2, 4, (uint8_t)(mss >> 8), (uint8_t)mss};

	ip_of(m)->next_proto_id = IPPROTO_TCP;
	pair_ip_checksum(ip_of(m));
	*tcp = (struct rte_tcp_hdr){.data_off = 6 << 4, .tcp_flags = RTE_TCP_SYN_FLAG};
	memcpy(tcp + 1, option, sizeof(option));
	tcp->cksum = rte_ipv4_udptcp_cksum(ip_of(m), tcp);
	return m;
}

static unsigned mss_of(struct rte_mbuf *m)
{
	const struct rte_tcp_hdr *tcp = (const void *)(ip_of(m) + 1);
	const uint8_t *option = (const uint8_t *)(tcp + 1);

	assert_int_equal(rte_ipv4_udptcp_cksum(ip_of(m), tcp), 0);
	return (unsigned)option[2] << 8 | option[3];
}

static void the_mss_is_clamped_in_both_directions(void **state)
{
	(void)state;
	for (unsigned ends = 0; ends < 4; ends++) {
		pair.alpha.clamp_mss = ends & 1;
		pair.beta.clamp_mss = ends & 2;
		seal(syn(1460));
		open_sealed(sent());
		assert_int_equal(mss_of(sent()), ends ? 1398 : 1460);
		rte_pktmbuf_free(sent());
		seal(syn(536));
		open_sealed(sent());
		assert_int_equal(mss_of(sent()), 536);
		rte_pktmbuf_free(sent());
	}
	/* Each end goes by its own session. */
	pair.in->inner_mtu = 1000;
	seal(syn(1460));
	open_sealed(sent());
	assert_int_equal(mss_of(sent()), 960);
	rte_pktmbuf_free(sent());
	pair.alpha.clamp_mss = pair.beta.clamp_mss = false;
}

/* ---- Errors ----------------------------------------------------------------------------------------------------------------- */

/* A storm does not reach the control thread, and is counted all the same. */
static void errors_are_limited(void **state)
{
	uint64_t *drops = pair.alpha.counters.drops;

	(void)state;
	pair.alpha.errors_left = 3;
	seal(with_ttl(1));
	rte_pktmbuf_free(handed(SL_HANDED_EXPIRED));
	seal(with_df(1439, RTE_IPV4_HDR_DF_FLAG));
	rte_pktmbuf_free(handed(SL_HANDED_TOO_BIG));
	seal(pair_plain(&pair, ALPHA_HOST, 0x08080808, SIZE, 1));
	rte_pktmbuf_free(handed(SL_HANDED_NO_ROUTE));
	assert_int_equal(pair.alpha.errors_left, 0);
	seal(with_ttl(1));
	seal(with_df(1439, RTE_IPV4_HDR_DF_FLAG));
	seal(pair_plain(&pair, ALPHA_HOST, 0x08080808, SIZE, 1));
	assert_int_equal(drops[SL_DROP_EXPIRED], 1);
	assert_int_equal(drops[SL_DROP_TOO_BIG], 1);
	assert_int_equal(drops[SL_DROP_NO_ROUTE], 1);
	assert_int_equal(pair.alpha.counters.to_control, 3);
	/* What is ours to answer is not an error. */
	seal(pair_plain(&pair, ALPHA_HOST, ALPHA_PLAIN, SIZE, 1));
	assert_int_equal(pair.burst.handed_count, 1);
	rte_pktmbuf_free(pair.burst.handed[0]);
}

/* ---- Routers on the plain link ------------------------------------------------------------------------------------------------ */

static void add_route(struct sl_lan *lan, const char *prefix, uint32_t via)
{
	const struct sl_addr router = sl_addr_v4(via);
	struct sl_prefix p;

	assert_true(sl_prefix_parse(&p, prefix));
	assert_true(sl_lan_add(lan, &p, via ? &router : NULL));
}

static void expect_goes_to(uint32_t dst, const struct rte_ether_addr *mac)
{
	seal(pair_plain(&pair, ALPHA_HOST, dst, SIZE, 1));
	open_sealed(sent());
	if (mac) {
		assert_memory_equal(rte_pktmbuf_mtod(sent(), void *), mac, sizeof(*mac));
		rte_pktmbuf_free(sent());
	} else {
		rte_pktmbuf_free(handed(SL_HANDED_RESOLVE));
	}
}

static void routes_lead_to_routers(void **state)
{
	const struct sl_addr router = sl_addr_v4(ROUTER);
	struct sl_lan lan = {0};

	(void)state;
	add_route(&lan, "10.2.0.0/16", ROUTER);
	add_route(&lan, "10.2.0.0/24", 0);
	pair.beta.lan = &lan;
	/* Nothing that was found before stays. */
	assert_int_equal(sl_neighbour_set(&pair.beta, &router, NULL), 0);
	expect_goes_to(FAR_HOST, NULL);
	expect_goes_to(BETA_HOST, &pair_host_mac);
	assert_int_equal(sl_neighbour_set(&pair.beta, &router, &router_mac), 0);
	expect_goes_to(FAR_HOST, &router_mac);
	expect_goes_to(FAR_HOST, &router_mac);
	expect_goes_to(BETA_HOST, &pair_host_mac);
	/* A host by that address on the link is somebody else. */
	assert_int_equal(
		sl_neighbour_set(&pair.beta, &(struct sl_addr){.family = SL_IPV4, .bytes = {10, 2, 10, 1}},
			&pair_host_mac),
		0);
	expect_goes_to(FAR_HOST, &router_mac);
	assert_int_equal(sl_neighbour_set(&pair.beta, &router, &pair_host_mac), 0);
	expect_goes_to(FAR_HOST, &pair_host_mac);
	assert_int_equal(sl_neighbour_set(&pair.beta, &router, NULL), 0);
	expect_goes_to(FAR_HOST, NULL);
	pair.beta.lan = NULL;
}

int main(void)
{
#define FRESH(f) cmocka_unit_test_setup_teardown(f, pair_fresh, pair_nothing_lost)
	const struct CMUnitTest tests[] = {
		FRESH(headers_age_rightly),
		FRESH(packets_age_at_both_ends),
		FRESH(packets_to_ourselves_do_not_expire),
		FRESH(the_traffic_class_goes_outwards),
		FRESH(ecn_comes_back_in),
		FRESH(martians),
		FRESH(martians_out_of_a_seal),
		FRESH(what_must_not_be_cut_is_handed_over),
		FRESH(what_may_be_cut_is_sealed_in_fragments),
		FRESH(many_fragments),
		FRESH(options_are_cut_along),
		FRESH(a_fragment_beyond_the_end_is_not_cut),
		FRESH(no_buffers_for_fragments),
		FRESH(what_is_opened_fits_the_plain_link),
		FRESH(jumbo_frames),
		FRESH(the_mss_is_clamped_in_both_directions),
		FRESH(errors_are_limited),
		FRESH(routes_lead_to_routers),
	};

	return cmocka_run_group_tests_name("forwarding", tests, pair_set_up, pair_tear_down);
}
