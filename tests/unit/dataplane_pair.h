/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two data paths, alpha and beta, with sessions between them as two gateways would have after a handshake, and frames
 * to try them with. For tests and fuzzing; needs the EAL.
 *
 *     host 10.1.0.9 ── alpha 10.1.0.1 │ 192.0.2.1 ══ 192.0.2.2 │ beta 10.2.0.1 ── host 10.2.0.9
 */
#ifndef SEALANE_TESTS_DATAPLANE_PAIR_H
#define SEALANE_TESTS_DATAPLANE_PAIR_H

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_ip.h>

#include "lib/crypto/crypto.h"
#include "lib/dataplane/dataplane.h"
#include "lib/net/packet.h"

enum {
	ALPHA_HOST = 0x0a010009,
	ALPHA_PLAIN = 0x0a010001,
	ALPHA_WIRE = 0xc0000201,
	BETA_HOST = 0x0a020009,
	BETA_PLAIN = 0x0a020001,
	BETA_WIRE = 0xc0000202,
	BETA_FLOW = 3, /* of alpha, towards beta */
	BETA_SLOT = 77,
	HEADERS = 14 + 20 + 8 + 16, /* of a sealed frame */
};

static const struct rte_ether_addr pair_host_mac = {{2, 0, 0, 0, 0, 9}};

struct pair {
	struct rte_mempool *mbufs;
	struct sl_dataplane alpha, beta;
	struct sl_routes *routes;
	struct sl_esp_out *out; /* alpha's, towards beta */
	struct sl_esp_in *in;   /* beta's, from alpha */
	uint8_t key[SL_GCM_KEY_MAX];
	uint8_t salt[SL_GCM_SALT_LEN];
	struct sl_burst burst;
};

static inline struct sl_ts_list pair_selector(const char *prefix)
{
	struct sl_ts_list list = {.count = 1};
	struct sl_prefix p;

	if (!sl_prefix_parse(&p, prefix))
		abort();
	list.ts[0] = sl_ts_from_prefix(&p);
	return list;
}

/* Fresh sessions made from params with these selectors of alpha and beta; those before are gone. */
static inline void pair_sessions_like(
	struct pair *p, struct sl_esp_params params, const struct sl_ts_list *a, const struct sl_ts_list *b)
{
	memset(p->out, 0, sizeof(*p->out));
	params.local = a;
	params.remote = b;
	if (sl_esp_out_init(p->out, &params))
		abort();
	sl_esp_out_resolve(p->out, &p->alpha.wire.mac, &p->beta.wire.mac);
	p->alpha.flows[BETA_FLOW].out = NULL;
	sl_out_switch(&p->alpha, BETA_FLOW, p->out, NULL);
	sl_in_remove(&p->beta, params.spi_in);
	memset(p->in, 0, sizeof(*p->in));
	params.local = b;
	params.remote = a;
	if (sl_esp_in_init(p->in, &params))
		abort();
	sl_in_install(&p->beta, p->in);
}

/* What the sessions are made from, but for their selectors. */
static inline struct sl_esp_params pair_params(struct pair *p, enum sl_cipher cipher, bool esn)
{
	for (unsigned i = 0; i < sizeof(p->key); i++)
		p->key[i] = (uint8_t)(i * 7 + 1);
	memcpy(p->salt, "salt", sizeof(p->salt));
	return (struct sl_esp_params){
		.spi_in = sl_spi_make(0, BETA_SLOT, 5),
		.spi_out = sl_spi_make(0, BETA_SLOT, 5),
		.cipher = cipher,
		.esn = esn,
		.peer = BETA_FLOW,
		.wire_local = {sl_addr_v4(ALPHA_WIRE), 4500},
		.wire_remote = {sl_addr_v4(BETA_WIRE), 4500},
		.udp = true,
		.dscp = SL_DSCP_COPY,
		.path_mtu = 1500,
		.key_in = p->key,
		.salt_in = p->salt,
		.key_out = p->key,
		.salt_out = p->salt,
		.packet_limit = UINT64_C(1) << 33,
		.byte_limit = UINT64_C(1) << 39,
	};
}

/* Fresh sessions of the given kind; those before are gone. */
static inline void pair_sessions(struct pair *p, enum sl_cipher cipher, bool esn)
{
	struct sl_ts_list a = pair_selector("10.1.0.0/16"), b = pair_selector("10.2.0.0/16");

	pair_sessions_like(p, pair_params(p, cipher, esn), &a, &b);
}

static inline void pair_new(struct pair *p)
{
	const struct sl_addr host = sl_addr_v4(BETA_HOST);
	struct sl_prefix b;

	memset(p, 0, sizeof(*p));
	p->mbufs = rte_pktmbuf_pool_create("pair", 1023, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	p->out = aligned_alloc(64, sizeof(*p->out));
	p->in = aligned_alloc(64, sizeof(*p->in));
	p->routes = sl_routes_new("pair", 64);
	if (!p->mbufs || !p->out || !p->in || !p->routes || sl_dataplane_init(&p->alpha, 100) ||
		sl_dataplane_init(&p->beta, 101) || !sl_prefix_parse(&b, "10.2.0.0/16") ||
		sl_routes_add(p->routes, &b, BETA_FLOW))
		abort();
	p->alpha.plain = (struct sl_link){.mac = {{2, 0, 0, 0, 1, 1}}, .count4 = 1, .ip4 = {ALPHA_PLAIN}};
	p->alpha.wire = (struct sl_link){.mac = {{2, 0, 0, 0, 1, 2}}, .count4 = 1, .ip4 = {ALPHA_WIRE}};
	p->beta.plain = (struct sl_link){.mac = {{2, 0, 0, 0, 2, 1}}, .count4 = 1, .ip4 = {BETA_PLAIN}};
	p->beta.wire = (struct sl_link){.mac = {{2, 0, 0, 0, 2, 2}}, .count4 = 1, .ip4 = {BETA_WIRE}};
	p->alpha.routes = p->beta.routes = p->routes;
	sl_neighbour_set(&p->beta, &host, &pair_host_mac);
	pair_sessions(p, SL_AES256GCM16, true);
}

static inline void pair_free(struct pair *p)
{
	sl_dataplane_fini(&p->alpha);
	sl_dataplane_fini(&p->beta);
	sl_routes_free(p->routes);
	rte_mempool_free(p->mbufs);
	free(p->out);
	free(p->in);
}

/* A frame of given bytes, cut to len. */
static inline struct rte_mbuf *pair_frame(struct pair *p, const void *bytes, size_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(p->mbufs);
	void *at = rte_pktmbuf_append(m, (uint16_t)len);

	if (!at)
		abort();
	memcpy(at, bytes, len);
	return m;
}

static inline void pair_ip_checksum(struct rte_ipv4_hdr *ip)
{
	ip->hdr_checksum = 0;
	ip->hdr_checksum = rte_ipv4_cksum(ip);
}

/* What a packet is after so many routers. */
static inline void pair_age(void *packet, uint8_t routers)
{
	struct rte_ipv4_hdr *ip = packet;

	ip->time_to_live -= routers;
	pair_ip_checksum(ip);
}

/* A frame on alpha's plain link: an IPv4 packet of total bytes from src to dst, its payload made from seed. */
static inline struct rte_mbuf *pair_plain(
	struct pair *p, uint32_t src, uint32_t dst, unsigned total, unsigned seed)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(p->mbufs);
	struct rte_ether_hdr *eth = (void *)rte_pktmbuf_append(m, (uint16_t)(sizeof(*eth) + total));
	struct rte_ipv4_hdr *ip = (void *)(eth + 1);

	eth->dst_addr = p->alpha.plain.mac;
	eth->src_addr = pair_host_mac;
	eth->ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4);
	for (unsigned i = 0; i < total; i++)
		((uint8_t *)ip)[i] = (uint8_t)(seed + i * 31);
	*ip = (struct rte_ipv4_hdr){
		.version_ihl = RTE_IPV4_VHL_DEF,
		.total_length = rte_cpu_to_be_16((uint16_t)total),
		.time_to_live = 64,
		.next_proto_id = IPPROTO_UDP,
		.src_addr = rte_cpu_to_be_32(src),
		.dst_addr = rte_cpu_to_be_32(dst),
	};
	pair_ip_checksum(ip);
	return m;
}

#endif
