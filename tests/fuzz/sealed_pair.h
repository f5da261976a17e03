/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The two data paths of tests/unit/dataplane_pair.h for scripts: sessions as the setting says, fresh for each input; frames
 * with headers that are put right where a record asks for that; and the account of what became of them.
 *
 * Each script runs twice, with other bytes in the unused room of every mbuf: what lies behind the end of a frame must make
 * no difference, which is how a read beyond it shows in memory that no sanitizer knows.
 */
#ifndef SEALANE_TESTS_FUZZ_SEALED_PAIR_H
#define SEALANE_TESTS_FUZZ_SEALED_PAIR_H

#include <stdio.h>

#include <rte_udp.h>

#include "lib/net/ip.h"
#include "script.h"
#include "target.h"
#include "tests/unit/dataplane_pair.h"
#include "tests/unit/eal.h"

enum { SETTING = 2, FRAME_MAX = 2048, VLAN = 5, ALIEN_WORKER = 2, WORKERS = 4 };

/* What must hold; unlike assert() it is there in every build. */
#define MUST(condition)                                                                                      \
	do {                                                                                                 \
		if (!(condition)) {                                                                          \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);              \
			abort();                                                                             \
		}                                                                                            \
	} while (0)

struct setting {
	enum sl_cipher cipher;
	bool esn, udp, v6, udp_checksum, ports, vlan, narrow, limited, unresolved, without, apart;
	unsigned path_mtu;
	uint64_t start; /* sequence number before the first packet */
};

static struct pair pair;
static struct sl_esp_out *narrow_out;
static struct sl_esp_apart apart;
static uint64_t key_of_input; /* so that what one input has learned of a seal is of no use to the next */
static uint8_t room_byte;

static inline struct setting read_setting(const uint8_t *s)
{
	static const unsigned mtus[] = {1500, 576, 1280, 9000, 1400, 1281, 600, 577};
	static const uint64_t starts[] = {0, UINT32_MAX - 8, (UINT64_C(7) << 32) + 5, UINT64_C(1) << 31};

	return (struct setting){
		.cipher = s[0] & 1 ? SL_AES128GCM16 : SL_AES256GCM16,
		.esn = s[0] & 2,
		.udp = s[0] & 4,
		.v6 = s[0] & 8,
		.udp_checksum = s[0] & 16,
		.ports = s[0] & 32,
		.vlan = s[0] & 64,
		.narrow = s[0] & 128,
		.path_mtu = mtus[s[1] & 7],
		.start = s[0] & 2 ? starts[s[1] >> 3 & 3] : 0,
		.limited = (s[1] >> 5 & 3) == 1,
		.unresolved = (s[1] >> 5 & 3) == 2,
		.without = (s[1] >> 5 & 3) == 3,
		.apart = s[1] >> 7,
	};
}

static inline uint64_t hash_bytes(uint64_t hash, const void *data, size_t len)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ p[i]) * UINT64_C(0x100000001b3);
	return hash;
}

/* ---- The stage ------------------------------------------------------------------------------------------------------------ */

static inline struct sl_addr address(const char *text)
{
	struct sl_addr a;

	if (!sl_addr_parse(&a, text))
		abort();
	return a;
}

static inline void pair_for_scripts(void)
{
	const struct sl_addr host = address("fd00:2::9"), plain = address("fd00:2::1"),
			     plain_a = address("fd00:1::1"), wire_a = address("2001:db8::1"),
			     wire_b = address("2001:db8::2");
	struct sl_prefix behind;

	if (eal_for_tests(NULL) || sl_crypto_init())
		abort();
	pair_new(&pair);
	narrow_out = aligned_alloc(64, sizeof(*narrow_out));
	if (!narrow_out || !sl_prefix_parse(&behind, "fd00:2::/64") ||
		!sl_link_add(&pair.beta.plain, &plain) || !sl_link_add(&pair.beta.wire, &wire_b) ||
		!sl_link_add(&pair.alpha.plain, &plain_a) || !sl_link_add(&pair.alpha.wire, &wire_a) ||
		sl_routes_add(pair.routes, &behind, BETA_FLOW) ||
		sl_neighbour_set(&pair.beta, &host, &pair_host_mac))
		abort();
	pair.alpha.pool = pair.mbufs;
	pair.alpha.clamp_mss = pair.beta.clamp_mss = true;
	pair.alpha.workers = pair.beta.workers = WORKERS;
	pair.alpha.id = pair.beta.id = 0;
}

static inline struct sl_esp_params params_of(const struct setting *s)
{
	struct sl_esp_params p = pair_params(&pair, s->cipher, s->esn);

	memcpy(pair.key, &key_of_input, sizeof(key_of_input));
	p.udp = s->udp;
	p.udp_checksum = s->udp_checksum;
	p.vlan = s->vlan ? rte_cpu_to_be_16(VLAN) : 0;
	p.path_mtu = s->path_mtu;
	p.apart = s->apart;
	p.packet_limit = s->limited ? s->start + 3 : p.packet_limit + s->start;
	p.dscp = s->limited ? 46 : SL_DSCP_COPY;
	if (s->v6) {
		p.wire_local.addr = address("2001:db8::1");
		p.wire_remote.addr = address("2001:db8::2");
	}
	return p;
}

static inline struct sl_ts_list selectors(const char *v4, const char *v6)
{
	struct sl_ts_list list = pair_selector(v4);

	list.ts[list.count++] = pair_selector(v6).ts[0];
	return list;
}

/* Alpha has a second session, for TCP to one network, which is chosen first; or another worker has one. */
static inline void make_narrow(const struct setting *s)
{
	struct sl_ts_list near = selectors("10.1.0.0/17", "fd00:1::/96"),
			  far = selectors("10.2.128.0/17", "fd00:2::/96");
	struct sl_esp_params p = params_of(s);

	near.ts[0].protocol = far.ts[0].protocol = IPPROTO_TCP;
	p.local = &near;
	p.remote = &far;
	p.rank = 1;
	p.spi_out = sl_spi_make(0, BETA_SLOT + 1, 5);
	memset(narrow_out, 0, sizeof(*narrow_out));
	memset(&apart, 0, sizeof(apart));
	if (sl_esp_out_init(narrow_out, &p) || sl_esp_apart_init(&apart, &near, &far))
		abort();
	sl_esp_out_resolve(narrow_out, &pair.alpha.wire.mac, &pair.beta.wire.mac);
	if (s->narrow)
		sl_out_switch(&pair.alpha, BETA_FLOW, narrow_out, NULL);
	pair.alpha.flows[BETA_FLOW].apart = s->apart ? &apart : NULL;
}

static inline void forget(struct sl_dataplane *dp)
{
	memset(&dp->counters, 0, sizeof(dp->counters));
	memset(dp->recent, 0, sizeof(dp->recent)); /* headers with or without tag */
	memset(dp->recent6, 0, sizeof(dp->recent6));
	dp->errors_left = SL_ERRORS_A_SECOND;
	dp->wanted_count = 0;
	dp->flows[BETA_FLOW].wanted = false;
}

static inline void set_stage(const struct setting *s)
{
	struct sl_ts_list near = selectors("10.1.0.0/16", "fd00:1::/64"),
			  far = selectors("10.2.0.0/16", "fd00:2::/64");

	for (unsigned i = 0; s->ports && i < far.count; i++) {
		near.ts[i].protocol = far.ts[i].protocol = IPPROTO_TCP;
		far.ts[i].port_last = 1023;
	}
	pair_sessions_like(&pair, params_of(s), &near, &far);
	pair.out->seq = s->start;
	pair.in->window.top = s->start;
	pair.out->resolved = !s->unresolved;
	make_narrow(s);
	if (s->without)
		pair.alpha.flows[BETA_FLOW].out = NULL;
	pair.alpha.flows[BETA_FLOW].owner = s->apart ? ALIEN_WORKER : s->without ? SL_NO_WORKER : 0;
	pair.alpha.plain.vlan = pair.alpha.wire.vlan = pair.beta.plain.vlan = pair.beta.wire.vlan =
		s->vlan ? VLAN : 0;
	forget(&pair.alpha);
	forget(&pair.beta);
}

/* ---- Frames --------------------------------------------------------------------------------------------------------------- */

/* An mbuf for so many bytes; all of its room has the byte of this run. */
static inline struct rte_mbuf *empty_frame(void)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pair.mbufs);

	MUST(m);
	memset(m->buf_addr, room_byte, m->buf_len);
	return m;
}

/* Length and checksum of the IPv4 or IPv6 packet at p become right; its addresses are ones that go somewhere. */
static inline void put_right(uint8_t *p, size_t len)
{
	struct rte_ipv4_hdr *ip = (void *)p;
	struct rte_ipv6_hdr *ip6 = (void *)p;

	if (len >= sizeof(*ip) && p[0] >> 4 == 4) {
		size_t header = (size_t)(p[0] & 15) * 4;

		if (header < sizeof(*ip) || header > len)
			p[0] = RTE_IPV4_VHL_DEF;
		header = (size_t)(p[0] & 15) * 4;
		ip->total_length = rte_cpu_to_be_16((uint16_t)len);
		ip->hdr_checksum = 0;
		ip->hdr_checksum = (rte_be16_t)~rte_raw_cksum(p, header);
	} else if (len >= sizeof(*ip6) && p[0] >> 4 == 6) {
		ip6->payload_len = rte_cpu_to_be_16((uint16_t)(len - sizeof(*ip6)));
	}
}

/* A frame for a link around an IP packet, with its tag. */
static inline struct rte_mbuf *framed(const struct sl_link *link, const void *packet, size_t len)
{
	struct rte_mbuf *m = empty_frame();
	const unsigned tag = link->vlan ? sizeof(struct rte_vlan_hdr) : 0;
	struct rte_ether_hdr *eth = (void *)rte_pktmbuf_append(m, (uint16_t)(sizeof(*eth) + tag + len));
	const rte_be16_t type = rte_cpu_to_be_16(
		len && *(const uint8_t *)packet >> 4 == 6 ? RTE_ETHER_TYPE_IPV6 : RTE_ETHER_TYPE_IPV4);

	MUST(eth);
	*eth = (struct rte_ether_hdr){link->mac, pair_host_mac, type};
	if (tag) {
		struct rte_vlan_hdr *vlan = (void *)(eth + 1);

		eth->ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_VLAN);
		*vlan = (struct rte_vlan_hdr){rte_cpu_to_be_16(link->vlan), type};
	}
	memcpy((uint8_t *)(eth + 1) + tag, packet, len);
	return m;
}

static inline struct rte_mbuf *raw_frame(const void *bytes, size_t len)
{
	struct rte_mbuf *m = empty_frame();
	void *at = rte_pktmbuf_append(m, (uint16_t)len);

	MUST(at);
	memcpy(at, bytes, len);
	return m;
}

/* The IP packet of a frame that left through a link whose tag, if any, must be right. */
static inline const uint8_t *packet_of(const struct rte_mbuf *m, const struct sl_link *link, size_t *len)
{
	const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);
	const struct rte_vlan_hdr *tag = (const void *)(eth + 1);
	const size_t l2 = sizeof(*eth) + (link->vlan ? sizeof(*tag) : 0);

	MUST(m->data_len == m->pkt_len && m->nb_segs == 1 && m->data_len >= l2);
	MUST(memcmp(&eth->src_addr, &link->mac, sizeof(link->mac)) == 0);
	MUST(!link->vlan || (eth->ether_type == rte_cpu_to_be_16(RTE_ETHER_TYPE_VLAN) &&
				    tag->vlan_tci == rte_cpu_to_be_16(link->vlan)));
	*len = m->data_len - l2;
	return (const uint8_t *)eth + l2;
}

static inline uint8_t hops_of(const uint8_t *p)
{
	return p[0] >> 4 == 4 ? p[8] : p[7];
}

/*
 * `now` is the packet `before`, forwarded: one hop older, whole, with a right checksum. What a router may change is passed
 * over: the traffic class, and in a TCP packet that opens a connection the segment size and its checksum.
 */
static inline void check_forwarded(const uint8_t *before, const uint8_t *now, size_t len)
{
	struct sl_ip ip;
	size_t rest;

	MUST(sl_ip_parse(&ip, now, len) && ip.total == len);
	MUST(before[0] >> 4 == now[0] >> 4 && hops_of(now) > 0 && hops_of(now) == hops_of(before) - 1);
	if (now[0] >> 4 == 4) {
		MUST(before[0] == now[0] && memcmp(before + 2, now + 2, 6) == 0 && before[9] == now[9]);
		rest = 12;
	} else {
		MUST((before[1] & 15) == (now[1] & 15) && memcmp(before + 2, now + 2, 5) == 0);
		rest = 8;
	}
	if (ip.protocol == IPPROTO_TCP)
		len = ip.at < len ? ip.at : len;
	MUST(len < rest || memcmp(before + rest, now + rest, len - rest) == 0);
}

/* ---- The account ---------------------------------------------------------------------------------------------------------- */

static inline uint64_t drops(const struct sl_dataplane *dp)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < SL_DROP_COUNT; i++)
		sum += dp->counters.drops[i];
	return sum;
}

static inline unsigned burst_total(void)
{
	return pair.burst.tx_count + pair.burst.handed_count + pair.burst.away_count + pair.burst.large_count;
}

/* All that comes out of a burst, for comparison with the other run. */
static inline uint64_t digest_burst(uint64_t hash)
{
	struct rte_mbuf *const *lists[] = {pair.burst.tx, pair.burst.handed, pair.burst.away};
	const unsigned counts[] = {pair.burst.tx_count, pair.burst.handed_count, pair.burst.away_count};

	for (unsigned l = 0; l < 3; l++) {
		hash = hash_bytes(hash, &counts[l], sizeof(counts[l]));
		for (unsigned i = 0; i < counts[l]; i++)
			hash = hash_bytes(
				hash, rte_pktmbuf_mtod(lists[l][i], const void *), lists[l][i]->data_len);
	}
	hash = hash_bytes(hash, pair.burst.handed_why, pair.burst.handed_count);
	return hash_bytes(hash, pair.burst.away_to, pair.burst.away_count);
}

static inline void free_burst(void)
{
	rte_pktmbuf_free_bulk(pair.burst.tx, pair.burst.tx_count);
	rte_pktmbuf_free_bulk(pair.burst.handed, pair.burst.handed_count);
	rte_pktmbuf_free_bulk(pair.burst.away, pair.burst.away_count);
}

/* Runs a script with either byte behind its frames. */
static inline void run_twice(
	const uint8_t *data, size_t size, uint64_t (*run)(const struct setting *, struct script *))
{
	struct setting setting;
	uint64_t digest[2];

	if (size < SETTING)
		return;
	setting = read_setting(data);
	key_of_input = hash_bytes(UINT64_C(0xcbf29ce484222325), data, size);
	for (unsigned i = 0; i < 2; i++) {
		struct script script = {.at = data + SETTING, .left = size - SETTING};

		room_byte = i ? 0xff : 0;
		set_stage(&setting);
		digest[i] = run(&setting, &script);
		digest[i] =
			hash_bytes(digest[i], pair.alpha.counters.drops, sizeof(pair.alpha.counters.drops));
		digest[i] = hash_bytes(digest[i], pair.beta.counters.drops, sizeof(pair.beta.counters.drops));
		/* None is missing, and none was given back twice. */
		MUST(rte_mempool_avail_count(pair.mbufs) == pair.mbufs->size);
	}
	MUST(digest[0] == digest[1]);
}

#endif
