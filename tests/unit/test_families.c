/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * IPv4 and IPv6, inside and outside, in UDP or plain ESP, with VLAN tags or without: what goes in comes out. Then what is
 * IPv6's own: neighbour discovery, addresses that stay on their link, extension headers. And selectors of every kind.
 */
#include <rte_udp.h>

#include "dataplane_test.h"
#include "lib/net/ip.h"

enum { SIZE = 120, IP6 = 40, WIRE_VLAN = 42, PLAIN_VLAN = 7, ALPHA_PORT = 31000 };

static struct sl_addr alpha6, beta6, wire_alpha6, wire_beta6;
static struct sl_ts_list near, far; /* the selectors of alpha's hosts and of beta's, of both families */

static struct sl_addr address(const char *text)
{
	struct sl_addr a;

	assert_true(sl_addr_parse(&a, text));
	return a;
}

static void add_selector(struct sl_ts_list *list, const char *prefix)
{
	list->ts[list->count++] = pair_selector(prefix).ts[0];
}

static void own_address(struct sl_link *link, const char *text)
{
	const struct sl_addr a = address(text);

	assert_true(sl_link_add(link, &a));
}

static int set_up(void **state)
{
	struct sl_prefix behind_beta;

	if (pair_set_up(state))
		return -1;
	alpha6 = address("fd00:1::9");
	beta6 = address("fd00:2::9");
	wire_alpha6 = address("2001:db8::1");
	wire_beta6 = address("2001:db8::2");
	own_address(&pair.alpha.plain, "fd00:1::1");
	own_address(&pair.alpha.plain, "fe80::1");
	own_address(&pair.beta.plain, "fd00:2::1");
	own_address(&pair.beta.wire, "2001:db8::2");
	sl_neighbour_set(&pair.beta, &beta6, &pair_host_mac);
	add_selector(&near, "10.1.0.0/16");
	add_selector(&near, "fd00:1::/64");
	add_selector(&far, "10.2.0.0/16");
	add_selector(&far, "fd00:2::/64");
	return sl_prefix_parse(&behind_beta, "fd00:2::/32") &&
			       sl_routes_add(pair.routes, &behind_beta, BETA_FLOW) == 0
		       ? 0
		       : -1;
}

static int fresh(void **state)
{
	(void)state;
	pair_forget();
	pair_sessions_like(&pair, pair_params(&pair, SL_AES256GCM16, true), &near, &far);
	return 0;
}

/* A frame on alpha's plain link with an IPv6 packet of total bytes. */
static struct rte_mbuf *plain6(const struct sl_addr *src, const struct sl_addr *dst, unsigned total)
{
	struct rte_mbuf *m = pair_plain(&pair, ALPHA_HOST, BETA_HOST, total, total);
	struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, struct rte_ether_hdr *);
	struct rte_ipv6_hdr *ip = (void *)(eth + 1);

	eth->ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV6);
	*ip = (struct rte_ipv6_hdr){.vtc_flow = rte_cpu_to_be_32(0x6b812345),
		.payload_len = rte_cpu_to_be_16((uint16_t)(total - IP6)),
		.proto = IPPROTO_UDP,
		.hop_limits = 64};
	sl_addr_write(src, &ip->src_addr);
	sl_addr_write(dst, &ip->dst_addr);
	return m;
}

static uint8_t *packet_of(struct rte_mbuf *m)
{
	return rte_pktmbuf_mtod_offset(m, uint8_t *, sizeof(struct rte_ether_hdr));
}

static struct rte_ipv6_hdr *ip6_of(struct rte_mbuf *m)
{
	return (void *)packet_of(m);
}

/* ---- All combinations ------------------------------------------------------------------------------------------------------ */

struct kind {
	bool outer6, udp, inner6, tagged;
	bool sum; /* a UDP checksum, over IPv6 */
};

static unsigned begin(const struct kind *k)
{
	struct sl_esp_params params = pair_params(&pair, SL_AES128GCM16, true);

	if (k->outer6) {
		params.wire_local.addr = wire_alpha6;
		params.wire_remote.addr = wire_beta6;
	}
	params.wire_local.port = ALPHA_PORT;
	params.udp = k->udp;
	params.udp_checksum = k->sum;
	params.vlan = k->tagged ? rte_cpu_to_be_16(WIRE_VLAN) : 0;
	pair.alpha.wire.vlan = pair.beta.wire.vlan = k->tagged ? WIRE_VLAN : 0;
	pair.alpha.plain.vlan = pair.beta.plain.vlan = k->tagged ? PLAIN_VLAN : 0;
	/* What was found with other tags is forgotten. */
	sl_neighbour_set(&pair.beta, &beta6, &pair_host_mac);
	pair_sessions_like(&pair, params, &near, &far);
	return sl_inner_mtu(params.path_mtu, k->outer6 ? SL_IPV6 : SL_IPV4, k->udp);
}

static void put_tag(struct rte_mbuf *m, uint16_t vlan)
{
	m->vlan_tci = (uint16_t)(5 << 13 | vlan); /* with a priority, which is no part of its number */
	assert_int_equal(rte_vlan_insert(&m), 0);
}

/* Takes the tag off, and looks whether it was there. */
static void expect_tag(struct rte_mbuf *m, uint16_t vlan)
{
	assert_int_equal(rte_vlan_strip(m), 0);
	assert_int_equal(m->vlan_tci, vlan);
}

static struct rte_mbuf *plain_of(const struct kind *k, unsigned size)
{
	return k->inner6 ? plain6(&alpha6, &beta6, size)
			 : pair_plain(&pair, ALPHA_HOST, BETA_HOST, size, size);
}

static void age(const struct kind *k, uint8_t *packet, uint8_t routers)
{
	if (k->inner6)
		((struct rte_ipv6_hdr *)packet)->hop_limits -= routers;
	else
		pair_age(packet, routers);
}

/* The frame is one that the wire may carry: every header agrees with what is behind it. */
static void expect_outer(const struct kind *k, struct rte_mbuf *m)
{
	struct sl_ip ip;

	assert_memory_equal(rte_pktmbuf_mtod(m, void *), &pair.beta.wire.mac, 6);
	assert_int_equal(rte_pktmbuf_mtod(m, struct rte_ether_hdr *)->ether_type,
		rte_cpu_to_be_16(k->outer6 ? RTE_ETHER_TYPE_IPV6 : RTE_ETHER_TYPE_IPV4));
	assert_true(sl_ip_parse(&ip, packet_of(m), m->data_len - 14u));
	assert_int_equal(ip.total, m->data_len - 14u);
	assert_in_range(ip.total, 0, 1500);
	assert_int_equal(ip.hops, 64);
	assert_int_equal(ip.protocol, k->udp ? IPPROTO_UDP : IPPROTO_ESP);
	if (k->outer6) {
		assert_true(sl_addr_equal(&ip.src, &wire_alpha6) && sl_addr_equal(&ip.dst, &wire_beta6));
		assert_int_not_equal(rte_be_to_cpu_32(ip6_of(m)->vtc_flow) & 0xfffff, 0); /* flow label */
	}
	if (k->udp) {
		const struct rte_udp_hdr *udp = (const void *)(packet_of(m) + ip.at);

		assert_int_equal(rte_be_to_cpu_16(udp->src_port), ALPHA_PORT);
		assert_int_equal(rte_be_to_cpu_16(udp->dst_port), 4500);
		assert_int_equal(rte_be_to_cpu_16(udp->dgram_len), ip.total - ip.at);
		/* Over a datagram that holds its right checksum the sum is 0, which UDP writes as 0xffff. */
		if (k->sum)
			assert_int_equal(rte_ipv6_udptcp_cksum(ip6_of(m), udp), 0xffff);
		assert_true((udp->dgram_cksum != 0) == k->sum);
	}
}

static void goes_through(const struct kind *k, unsigned size)
{
	uint8_t before[1500];
	struct rte_mbuf *m = plain_of(k, size);

	memcpy(before, packet_of(m), size);
	age(k, before, 2);
	if (k->tagged)
		put_tag(m, PLAIN_VLAN);
	seal(m);
	m = sent();
	if (k->tagged)
		expect_tag(m, WIRE_VLAN);
	expect_outer(k, m);
	if (k->tagged)
		put_tag(m, WIRE_VLAN);
	open_sealed(m);
	m = sent();
	if (k->tagged)
		expect_tag(m, PLAIN_VLAN);
	assert_int_equal(m->data_len, 14 + size);
	assert_memory_equal(packet_of(m), before, size);
	assert_memory_equal(rte_pktmbuf_mtod(m, void *), &pair_host_mac, 6);
	assert_memory_equal(rte_pktmbuf_mtod_offset(m, void *, 6), &pair.beta.plain.mac, 6);
	assert_int_equal(rte_pktmbuf_mtod(m, struct rte_ether_hdr *)->ether_type,
		rte_cpu_to_be_16(k->inner6 ? RTE_ETHER_TYPE_IPV6 : RTE_ETHER_TYPE_IPV4));
	rte_pktmbuf_free(m);
}

static void every_combination_comes_through(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 32; i++) {
		const struct kind k = {i & 1, i & 2, i & 4, i & 8, (i & 19) == 19};
		const unsigned mtu = begin(&k);
		struct rte_mbuf *m;

		for (unsigned size = IP6; size <= mtu; size += 1 + (mtu - size) / 3)
			goes_through(&k, size);
		for (unsigned size = mtu - 8; size <= mtu; size++)
			goes_through(&k, size);
		m = plain_of(&k, mtu + 1);
		if (!k.inner6) {
			((struct rte_ipv4_hdr *)packet_of(m))->fragment_offset =
				rte_cpu_to_be_16(RTE_IPV4_HDR_DF_FLAG);
			pair_ip_checksum((void *)packet_of(m));
		}
		if (k.tagged)
			put_tag(m, PLAIN_VLAN);
		seal(m);
		m = handed(SL_HANDED_TOO_BIG);
		assert_int_equal(m->hash.usr, mtu);
		assert_int_equal(m->data_len, mtu + 1);
		rte_pktmbuf_free(m);
	}
	begin(&(struct kind){0});
}

/* IPv4 and IPv6 of one burst, more than a group of each. */
static void a_mixed_burst(void **state)
{
	struct rte_mbuf *frames[SL_BURST_MAX];
	struct sl_burst wire;
	unsigned next[2] = {0};

	(void)state;
	for (unsigned i = 0; i < SL_BURST_MAX; i++)
		frames[i] = plain_of(&(struct kind){.inner6 = i % 3 == 0}, 100 + i);
	sl_seal_burst(&pair.alpha, frames, SL_BURST_MAX, &pair.burst);
	wire = pair.burst;
	assert_int_equal(wire.tx_count, SL_BURST_MAX);
	sl_open_burst(&pair.beta, wire.tx, wire.tx_count, &pair.burst);
	assert_int_equal(pair.burst.tx_count, SL_BURST_MAX);
	for (unsigned i = 0; i < SL_BURST_MAX; i++) {
		struct rte_mbuf *m = pair.burst.tx[i];
		const bool v6 = packet_of(m)[0] >> 4 == 6;

		/* Each family in its order. */
		assert_true(m->data_len > next[v6]);
		next[v6] = m->data_len;
		rte_pktmbuf_free(m);
	}
}

static void a_peer_moves(void **state)
{
	const struct sl_endpoint to = {address("2001:db8::77"), 40000};
	const struct kind kinds[] = {{.outer6 = true, .udp = true}, {.outer6 = true}};

	(void)state;
	for (unsigned i = 0; i < RTE_DIM(kinds); i++) {
		struct sl_ip ip;

		begin(&kinds[i]);
		sl_esp_out_move(pair.out, &to);
		seal(plain_of(&kinds[i], SIZE));
		expect_drop(&pair.alpha, SL_DROP_NO_NEIGHBOUR);
		sl_esp_out_resolve(pair.out, &pair.alpha.wire.mac, &pair.beta.wire.mac);
		seal(plain_of(&kinds[i], SIZE));
		assert_true(sl_ip_parse(&ip, packet_of(sent()), sent()->data_len - 14u));
		assert_true(sl_addr_equal(&ip.dst, &to.addr));
		if (kinds[i].udp)
			assert_memory_equal(packet_of(sent()) + IP6 + 2, "\x9c\x40", 2);
		rte_pktmbuf_free(sent());
	}
	begin(&(struct kind){0});
}

/* ---- Tags -------------------------------------------------------------------------------------------------------------------- */

static void tags_must_be_ours(void **state)
{
	const struct kind tagged = {.tagged = true}, untagged = {0};
	struct rte_mbuf *m;

	(void)state;
	begin(&tagged);
	seal(plain_of(&tagged, SIZE));
	expect_drop(&pair.alpha, SL_DROP_VLAN);
	m = plain_of(&tagged, SIZE);
	put_tag(m, PLAIN_VLAN + 1);
	seal(m);
	expect_drop(&pair.alpha, SL_DROP_VLAN);
	open_sealed(plain_of(&tagged, SIZE));
	expect_drop(&pair.beta, SL_DROP_VLAN);
	m = plain_of(&tagged, SIZE);
	put_tag(m, PLAIN_VLAN);
	rte_pktmbuf_trim(m, (uint16_t)(m->data_len - 17));
	seal(m);
	expect_drop(&pair.alpha, SL_DROP_RUNT);
	begin(&untagged);
	m = plain_of(&untagged, SIZE);
	put_tag(m, PLAIN_VLAN);
	seal(m);
	expect_drop(&pair.alpha, SL_DROP_VLAN);
	m = plain_of(&untagged, SIZE);
	put_tag(m, 0);
	open_sealed(m);
	expect_drop(&pair.beta, SL_DROP_VLAN);
}

/* The control thread need not know of tags. */
static void arp_comes_without_its_tag(void **state)
{
	uint8_t arp[42] = {[12] = 8, [13] = 6};
	struct rte_mbuf *m = pair_frame(&pair, arp, sizeof(arp));

	(void)state;
	begin(&(struct kind){.tagged = true});
	put_tag(m, PLAIN_VLAN);
	seal(m);
	m = handed(SL_HANDED_PLAIN);
	assert_int_equal(m->data_len, sizeof(arp));
	assert_memory_equal(rte_pktmbuf_mtod(m, void *), arp, sizeof(arp));
	rte_pktmbuf_free(m);
	begin(&(struct kind){0});
}

/* ---- IPv6 -------------------------------------------------------------------------------------------------------------------- */

static void runts_of_every_length(void **state)
{
	(void)state;
	for (uint16_t len = 0; len < 14 + 64; len++) {
		struct rte_mbuf *m = plain6(&alpha6, &beta6, 64);

		rte_pktmbuf_trim(m, (uint16_t)(m->data_len - len));
		seal(m);
		expect_drop(&pair.alpha, SL_DROP_RUNT);
	}
	begin(&(struct kind){.outer6 = true, .udp = true});
	for (uint16_t len = 0; len < 14 + 40 + 8; len++) {
		seal(plain6(&alpha6, &beta6, 64));
		rte_pktmbuf_trim(sent(), (uint16_t)(sent()->data_len - len));
		open_sealed(sent());
		expect_drop(&pair.beta, SL_DROP_RUNT);
	}
	begin(&(struct kind){0});
}

/* As a neighbour sends it: to everybody concerned, with a hop limit that no router has lowered. */
static struct rte_mbuf *solicitation(const char *to, uint8_t type, uint8_t hops)
{
	const struct sl_addr dst = address(to);
	struct rte_mbuf *m = plain6(&alpha6, &dst, 72);

	if (dst.bytes[0] == 0xff)
		memcpy(rte_pktmbuf_mtod(m, void *), "\x33\x33\xff\0\0\x01", 6);
	ip6_of(m)->proto = IPPROTO_ICMPV6;
	ip6_of(m)->hop_limits = hops;
	packet_of(m)[IP6] = type;
	return m;
}

static void neighbour_discovery_is_ours_to_answer(void **state)
{
	static const char *const to[] = {"ff02::1:ff00:1", "fe80::1", "fd00:1::1"};

	(void)state;
	for (uint8_t type = 133; type <= 137; type++) {
		for (unsigned i = 0; i < RTE_DIM(to); i++) {
			seal(solicitation(to[i], type, 255));
			rte_pktmbuf_free(handed(SL_HANDED_PLAIN));
		}
	}
	/* From afar, or something else that is multicast. */
	seal(solicitation("ff02::1:ff00:1", 135, 254));
	expect_drop(&pair.alpha, SL_DROP_NOT_FOR_US);
	seal(solicitation("ff02::1:ff00:1", 128, 255));
	expect_drop(&pair.alpha, SL_DROP_NOT_FOR_US);
	/* The far end's wire port has the same neighbours. */
	pair.beta.wire.mac = pair.alpha.plain.mac;
	open_sealed(solicitation("ff02::1:ff00:2", 135, 255));
	rte_pktmbuf_free(handed(SL_HANDED_WIRE));
	open_sealed(solicitation("2001:db8::2", 128, 64));
	rte_pktmbuf_free(handed(SL_HANDED_WIRE));
	pair.beta.wire.mac = (struct rte_ether_addr){{2, 0, 0, 0, 2, 2}};
}

static void addresses_that_stay_on_their_link(void **state)
{
	static const char *const nowhere[] = {
		"fe80::9", "febf::1", "ff02::1", "ff0e::1", "::", "::1", "::ffff:10.2.0.9"};

	(void)state;
	for (unsigned i = 0; i < RTE_DIM(nowhere); i++) {
		const struct sl_addr there = address(nowhere[i]);

		seal(plain6(&there, &beta6, SIZE));
		expect_drop(&pair.alpha, SL_DROP_MARTIAN);
		seal(plain6(&alpha6, &there, SIZE));
		expect_drop(&pair.alpha, SL_DROP_MARTIAN);
	}
	seal(plain6(&beta6, &beta6, SIZE));
	expect_drop(&pair.alpha, SL_DROP_MARTIAN);
}

static void the_fates_of_ipv6(void **state)
{
	const struct sl_addr elsewhere = address("2001:db8:1::1"), stranger = address("fd00:9::1"),
			     plain_beta = address("fd00:2::1"), unknown = address("fd00:2::77");
	struct rte_mbuf *m;

	(void)state;
	seal(plain6(&alpha6, &elsewhere, SIZE));
	m = handed(SL_HANDED_NO_ROUTE);
	assert_int_equal(m->data_len, SIZE);
	rte_pktmbuf_free(m);
	seal(plain6(&stranger, &beta6, SIZE));
	expect_drop(&pair.alpha, SL_DROP_SELECTOR);
	m = plain6(&alpha6, &beta6, SIZE);
	ip6_of(m)->hop_limits = 1;
	seal(m);
	m = handed(SL_HANDED_EXPIRED);
	assert_int_equal(m->data_len, SIZE);
	rte_pktmbuf_free(m);
	m = plain6(&alpha6, &beta6, SIZE);
	ip6_of(m)->hop_limits = 2;
	seal(m);
	open_sealed(sent());
	rte_pktmbuf_free(handed(SL_HANDED_EXPIRED));
	seal(plain6(&alpha6, &plain_beta, SIZE));
	open_sealed(sent());
	rte_pktmbuf_free(handed(SL_HANDED_INNER));
	seal(plain6(&alpha6, &unknown, SIZE));
	open_sealed(sent());
	rte_pktmbuf_free(handed(SL_HANDED_RESOLVE));
	sl_out_switch(&pair.alpha, BETA_FLOW, NULL, pair.out);
	seal(plain6(&alpha6, &beta6, SIZE));
	expect_drop(&pair.alpha, SL_DROP_NO_SESSION);
	pair.alpha.flows[BETA_FLOW].wanted = false;
	pair.alpha.wanted_count = 0;
}

/* RFC 6040 over IPv6: CE comes through, and is a loss where nobody could say so. */
static void ecn_of_ipv6(void **state)
{
	(void)state;
	begin(&(struct kind){.outer6 = true});
	for (unsigned inner = 0; inner < 4; inner++) {
		struct rte_mbuf *m = plain6(&alpha6, &beta6, SIZE);

		ip6_of(m)->vtc_flow = rte_cpu_to_be_32(0x6b812345 | inner << 20);
		seal(m);
		assert_int_equal(rte_be_to_cpu_32(ip6_of(sent())->vtc_flow) >> 20, 0x6b8 | inner);
		ip6_of(sent())->vtc_flow |= rte_cpu_to_be_32(3 << 20);
		open_sealed(sent());
		if (inner == 0) {
			expect_drop(&pair.beta, SL_DROP_ECN);
			continue;
		}
		assert_int_equal(rte_be_to_cpu_32(ip6_of(sent())->vtc_flow), 0x6bb12345);
		rte_pktmbuf_free(sent());
	}
	begin(&(struct kind){0});
}

/* What an outer packet must not be. */
static void outer_drops(void **state)
{
	(void)state;
	begin(&(struct kind){.outer6 = true, .udp = true});
	seal(plain6(&alpha6, &beta6, SIZE));
	((uint8_t *)&ip6_of(sent())->dst_addr)[15] ^= 1;
	open_sealed(sent());
	expect_drop(&pair.beta, SL_DROP_NOT_FOR_US);
	seal(plain6(&alpha6, &beta6, SIZE));
	ip6_of(sent())->proto = 44;
	open_sealed(sent());
	expect_drop(&pair.beta, SL_DROP_FRAGMENT);
	seal(plain6(&alpha6, &beta6, SIZE));
	ip6_of(sent())->proto = IPPROTO_TCP;
	open_sealed(sent());
	expect_drop(&pair.beta, SL_DROP_NOT_FOR_US);
	seal(plain6(&alpha6, &beta6, SIZE));
	memset(packet_of(sent()) + IP6 + 8, 0, 4); /* the non-ESP marker */
	open_sealed(sent());
	rte_pktmbuf_free(handed(SL_HANDED_WIRE));
	begin(&(struct kind){0});
}

/* ---- Selectors --------------------------------------------------------------------------------------------------------------- */

/* A session for one protocol and some ports of it, from and to the hosts of both families. */
static void select_only(uint8_t protocol, uint16_t first, uint16_t last)
{
	struct sl_ts_list from = near, to = far;

	for (unsigned i = 0; i < to.count; i++) {
		from.ts[i].protocol = to.ts[i].protocol = protocol;
		to.ts[i].port_first = first;
		to.ts[i].port_last = last;
	}
	pair_sessions_like(&pair, pair_params(&pair, SL_AES256GCM16, true), &from, &to);
}

/* A packet of this protocol to a port; of IPv6 with a chain of extension headers before it. */
static struct rte_mbuf *to_port(bool v6, uint8_t protocol, uint16_t port, uint16_t fragment)
{
	static const uint8_t chain[] = {60, 0, 1, 4, 0, 0, 0, 0, 44, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
	const rte_be16_t be = rte_cpu_to_be_16(port);
	struct rte_mbuf *m = plain_of(&(struct kind){.inner6 = v6}, SIZE);
	uint8_t *at = packet_of(m);

	if (v6) {
		ip6_of(m)->proto = 0; /* hop-by-hop, destination options, fragment */
		memcpy(at + IP6, chain, sizeof(chain));
		at[IP6 + 24] = protocol;
		at[IP6 + 26] = (uint8_t)(fragment >> 5);
		at[IP6 + 27] = (uint8_t)(fragment << 3);
		at += IP6 + sizeof(chain);
	} else {
		struct rte_ipv4_hdr *ip = (void *)at;

		ip->next_proto_id = protocol;
		ip->fragment_offset = rte_cpu_to_be_16(fragment);
		pair_ip_checksum(ip);
		at += sizeof(*ip);
	}
	memcpy(at + 2, &be, sizeof(be));
	return m;
}

static void expect_covered(struct rte_mbuf *m, bool covered)
{
	seal(m);
	if (!covered) {
		expect_drop(&pair.alpha, SL_DROP_SELECTOR);
		return;
	}
	open_sealed(sent());
	rte_pktmbuf_free(sent());
}

static void protocols_and_ports(void **state)
{
	(void)state;
	for (unsigned v6 = 0; v6 < 2; v6++) {
		select_only(IPPROTO_TCP, 80, 90);
		expect_covered(to_port(v6, IPPROTO_TCP, 79, 0), false);
		expect_covered(to_port(v6, IPPROTO_TCP, 80, 0), true);
		expect_covered(to_port(v6, IPPROTO_TCP, 90, 0), true);
		expect_covered(to_port(v6, IPPROTO_TCP, 91, 0), false);
		expect_covered(to_port(v6, IPPROTO_UDP, 85, 0), false);
		/* RFC 4301 7.4: where the ports of a fragment would be there is something else. */
		expect_covered(to_port(v6, IPPROTO_TCP, 85, 10), false);
		select_only(IPPROTO_TCP, 0, UINT16_MAX);
		expect_covered(to_port(v6, IPPROTO_TCP, 85, 10), true);
		expect_covered(to_port(v6, IPPROTO_UDP, 85, 10), false);
		expect_covered(to_port(v6, 89, 0, 0), false);
		select_only(0, 0, UINT16_MAX);
		expect_covered(to_port(v6, 89, 0, 10), true);
	}
}

/* Type and code of ICMP are one number. */
static void types_of_icmp(void **state)
{
	struct sl_ts_list from = near, to = far;
	struct rte_mbuf *m;

	(void)state;
	from.count = to.count = 1;
	from.ts[0].protocol = to.ts[0].protocol = IPPROTO_ICMP;
	from.ts[0].port_first = to.ts[0].port_first = 8 << 8;
	from.ts[0].port_last = to.ts[0].port_last = 8 << 8 | 255;
	pair_sessions_like(&pair, pair_params(&pair, SL_AES256GCM16, true), &from, &to);
	for (unsigned type = 7; type < 10; type++) {
		m = to_port(false, IPPROTO_ICMP, 0, 0);
		packet_of(m)[20] = (uint8_t)type;
		expect_covered(m, type == 8);
	}
}

/* What was sealed under wider selectors does not come out under narrow ones. */
static void the_opening_end_asks_too(void **state)
{
	(void)state;
	for (unsigned v6 = 0; v6 < 2; v6++) {
		struct sl_esp_out wide;

		select_only(0, 0, UINT16_MAX);
		wide = *pair.out;
		select_only(IPPROTO_TCP, 80, 90);
		pair.out->local = wide.local;
		pair.out->remote = wide.remote;
		seal(to_port(v6, IPPROTO_TCP, 79, 0));
		open_sealed(sent());
		expect_drop(&pair.beta, SL_DROP_SELECTOR);
		seal(to_port(v6, IPPROTO_TCP, 85, 7));
		open_sealed(sent());
		expect_drop(&pair.beta, SL_DROP_SELECTOR);
		seal(to_port(v6, IPPROTO_TCP, 80, 0));
		open_sealed(sent());
		rte_pktmbuf_free(sent());
	}
}

/* A chain that does not fit its packet, or one without end. */
static void extension_headers_are_bounded(void **state)
{
	struct rte_mbuf *m;

	(void)state;
	for (unsigned length = 0; length < 256; length++) {
		m = to_port(true, IPPROTO_TCP, 85, 0);
		packet_of(m)[IP6 + 1] = (uint8_t)length;
		seal(m);
		/* Where a shorter one ends, something else is taken for a header. */
		if (length >= (SIZE - IP6) / 8 || pair.burst.tx_count == 0)
			expect_drop(&pair.alpha, SL_DROP_RUNT);
		else
			rte_pktmbuf_free(sent());
	}
	select_only(IPPROTO_TCP, 0, UINT16_MAX);
	m = plain6(&alpha6, &beta6, 140);
	ip6_of(m)->proto = 60;
	for (unsigned i = 0; i < 11; i++)
		memcpy(packet_of(m) + IP6 + i * 8, (const uint8_t[]){60, 0, 1, 4, 0, 0, 0, 0}, 8);
	packet_of(m)[IP6 + 88] = IPPROTO_TCP;
	expect_covered(m, false);
}

static void the_highest_rank_is_asked_first(void **state)
{
	struct sl_esp_out *low = aligned_alloc(64, sizeof(*low)), *high = aligned_alloc(64, sizeof(*high));

	(void)state;
	assert_true(low && high);
	select_only(0, 0, UINT16_MAX);
	*low = *pair.out;
	*high = *pair.out;
	low->rank = 1;
	high->rank = 2;
	sl_out_switch(&pair.alpha, BETA_FLOW, high, NULL);
	sl_out_switch(&pair.alpha, BETA_FLOW, low, NULL);
	assert_ptr_equal(pair.alpha.flows[BETA_FLOW].out, high);
	assert_ptr_equal(high->next, low);
	assert_ptr_equal(low->next, pair.out);
	assert_null(pair.out->next);
	/* The same again: of one rank the newest is first. */
	pair.out->rank = 2;
	sl_out_switch(&pair.alpha, BETA_FLOW, pair.out, pair.out);
	assert_ptr_equal(pair.alpha.flows[BETA_FLOW].out, pair.out);
	pair.alpha.flows[BETA_FLOW].out = NULL;
	free(low);
	free(high);
}

int main(void)
{
#define FRESH(f) cmocka_unit_test_setup_teardown(f, fresh, pair_nothing_lost)
	const struct CMUnitTest tests[] = {
		FRESH(every_combination_comes_through),
		FRESH(a_mixed_burst),
		FRESH(a_peer_moves),
		FRESH(tags_must_be_ours),
		FRESH(arp_comes_without_its_tag),
		FRESH(runts_of_every_length),
		FRESH(neighbour_discovery_is_ours_to_answer),
		FRESH(addresses_that_stay_on_their_link),
		FRESH(the_fates_of_ipv6),
		FRESH(ecn_of_ipv6),
		FRESH(outer_drops),
		FRESH(protocols_and_ports),
		FRESH(types_of_icmp),
		FRESH(the_opening_end_asks_too),
		FRESH(extension_headers_are_bounded),
		FRESH(the_highest_rank_is_asked_first),
	};

	return cmocka_run_group_tests_name("families", tests, set_up, pair_tear_down);
}
