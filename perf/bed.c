/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames and sessions for benchmarks: see bed.h. */
#include "bed.h"

#include <assert.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_ip.h>

#include "../lib/crypto/crypto.h"
#include "../lib/net/packet.h"

enum {
	ALPHA_HOST = 0xc0a80009,
	ALPHA_WIRE = 0xc6336401,
	BETA_HOST = 0x0a000009,
	BETA_WIRE = 0xc6336402,
	PLAIN_IP = 0xc0000201, /* of either; no packet goes there */
	HUGE_PAGES = 384,      /* of 2 MiB: as many as the EAL is given memory */
};

static const struct rte_ether_addr alpha_plain = {{2, 0, 0, 0, 1, 1}}, alpha_wire = {{2, 0, 0, 0, 1, 2}},
				   beta_wire = {{2, 0, 0, 0, 2, 2}}, host_mac = {{2, 0, 0, 0, 0, 9}};

/* Frames with small packets lie as close as a gateway's; only jumbo frames need larger buffers. */
static bool is_jumbo(unsigned size)
{
	return size > 1420;
}

static unsigned huge_pages_free(void)
{
	FILE *f = fopen("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "r");
	unsigned n = 0;

	if (f) {
		if (fscanf(f, "%u", &n) != 1)
			n = 0;
		fclose(f);
	}
	return n;
}

uint32_t bed_address(unsigned session)
{
	return BETA_HOST + (session << 8);
}

uint32_t bed_spi(unsigned session)
{
	return sl_spi_make(1, session + 1, session);
}

/* The EAL ties the thread to processors of its own choice; here the caller has chosen (taskset). */
static int start_eal(void)
{
	/* DPDK keeps the pointers. */
	static char lcores[48], *args[] = {(char *)"bench", (char *)"--no-pci", (char *)"--no-telemetry",
					(char *)"--no-shconf", (char *)"-m", (char *)"768",
					(char *)"--log-level=*:error", lcores, (char *)"--no-huge"};
	cpu_set_t chosen;
	int started;

	if (huge_pages_free() >= HUGE_PAGES)
		args[RTE_DIM(args) - 1] = (char *)"--in-memory";
	snprintf(lcores, sizeof(lcores), "--lcores=0@(0-%ld)", sysconf(_SC_NPROCESSORS_ONLN) - 1);
	if (sched_getaffinity(0, sizeof(chosen), &chosen) != 0)
		return -1;
	started = rte_eal_init(RTE_DIM(args), args);
	return started < 0 || sched_setaffinity(0, sizeof(chosen), &chosen) != 0 ? -1 : 0;
}

static void add_routes(struct sl_routes *routes)
{
	struct sl_prefix p = {.len = 24};

	for (unsigned i = 0; i < BED_SESSIONS_MAX; i++) {
		p.addr = sl_addr_v4(bed_address(i));
		if (sl_routes_add(routes, &p, i))
			abort();
	}
}

int bed_init(struct bed *bed)
{
	const struct sl_addr host = sl_addr_v4(BETA_HOST);
	struct sl_routes *routes;

	memset(bed, 0, sizeof(*bed));
	if (start_eal() || sl_crypto_init() || sl_dataplane_init(&bed->alpha, 0) ||
		sl_dataplane_init(&bed->beta, 1))
		return -1;
	routes = sl_routes_new("bed", BED_SESSIONS_MAX + 1);
	bed->out_pool = sl_secret_pool_new(sizeof(struct sl_esp_out), BED_SESSIONS_MAX);
	bed->in_pool = sl_secret_pool_new(sizeof(struct sl_esp_in), BED_SESSIONS_MAX);
	if (!routes || !bed->out_pool || !bed->in_pool)
		return -1;
	add_routes(routes);
	bed->alpha.plain = (struct sl_link){.mac = alpha_plain, .count4 = 1, .ip4 = {PLAIN_IP}};
	bed->beta.plain = bed->alpha.plain;
	bed->beta.wire = (struct sl_link){.mac = beta_wire, .count4 = 1, .ip4 = {BETA_WIRE}};
	bed->alpha.routes = bed->beta.routes = routes;
	bed->alpha.clamp_mss = bed->beta.clamp_mss = true;
	return sl_neighbour_set(&bed->beta, &host, &host_mac);
}

/* ---- Sessions ------------------------------------------------------------------------------------------------------ */

static struct sl_ts_list selector(const char *prefix)
{
	struct sl_ts_list list = {.count = 1};
	struct sl_prefix p;

	if (!sl_prefix_parse(&p, prefix))
		abort();
	list.ts[0] = sl_ts_from_prefix(&p);
	return list;
}

static void free_sessions(struct bed *bed)
{
	for (unsigned i = 0; i < bed->sessions; i++) {
		sl_out_switch(&bed->alpha, i, NULL, bed->out[i]);
		sl_in_remove(&bed->beta, bed->in[i]->spi);
		sl_secret_put(bed->out_pool, bed->out[i]);
		sl_secret_put(bed->in_pool, bed->in[i]);
	}
	bed->sessions = 0;
}

static void make_session(struct bed *bed, unsigned i)
{
	struct sl_ts_list a = selector("192.168.0.0/16"), b = selector("10.0.0.0/8");
	uint8_t key[SL_GCM_KEY_MAX + SL_GCM_SALT_LEN];
	uint32_t spi = bed_spi(i);
	struct sl_esp_params params = {
		.spi_in = spi,
		.spi_out = spi,
		.cipher = bed->cipher,
		.esn = true,
		.wire_local = {sl_addr_v4(ALPHA_WIRE), SL_ESP_UDP_PORT},
		.wire_remote = {sl_addr_v4(BETA_WIRE), SL_ESP_UDP_PORT},
		.udp = true,
		.dscp = SL_DSCP_COPY,
		.path_mtu = UINT16_MAX,
		.local = &a,
		.remote = &b,
		.key_in = key,
		.salt_in = key + SL_GCM_KEY_MAX,
		.key_out = key,
		.salt_out = key + SL_GCM_KEY_MAX,
		.packet_limit = UINT64_MAX,
		.byte_limit = UINT64_MAX,
	};

	sl_random(key, sizeof(key));
	bed->out[i] = sl_secret_get(bed->out_pool);
	bed->in[i] = sl_secret_get(bed->in_pool);
	if (!bed->out[i] || !bed->in[i] || sl_esp_out_init(bed->out[i], &params))
		abort();
	params.local = &b;
	params.remote = &a;
	if (sl_esp_in_init(bed->in[i], &params))
		abort();
	sl_esp_out_resolve(bed->out[i], &alpha_wire, &beta_wire);
	sl_out_switch(&bed->alpha, i, bed->out[i], NULL);
	sl_in_install(&bed->beta, bed->in[i]);
}

/* ---- Frames -------------------------------------------------------------------------------------------------------- */

static void free_frames(struct bed *bed)
{
	if (!bed->pool)
		return;
	rte_pktmbuf_free_bulk(bed->frames, bed->count);
	rte_mempool_free(bed->pool);
	bed->pool = NULL;
}

static void make_frames(struct bed *bed, unsigned size)
{
	uint16_t buffer = is_jumbo(size) ? BED_SIZE_MAX + 512 : RTE_MBUF_DEFAULT_BUF_SIZE;

	bed->count = is_jumbo(size) ? BED_FRAMES / 4 : BED_FRAMES;
	bed->pool = rte_pktmbuf_pool_create("bed", bed->count, 0, 0, buffer, SOCKET_ID_ANY);
	if (!bed->pool || rte_pktmbuf_alloc_bulk(bed->pool, bed->frames, bed->count))
		abort();
	for (unsigned i = 0; i < bed->count; i++)
		memset(rte_pktmbuf_mtod(bed->frames[i], void *), (int)i, size);
}

void bed_prepare(struct bed *bed, unsigned size, enum sl_cipher cipher, unsigned sessions)
{
	if (!bed->pool || is_jumbo(size) != is_jumbo(bed->size)) {
		free_frames(bed);
		make_frames(bed, size);
	}
	bed->size = size;
	if (sessions != bed->sessions || cipher != bed->cipher) {
		free_sessions(bed);
		bed->cipher = cipher;
		for (unsigned i = 0; i < sessions; i++)
			make_session(bed, i);
		bed->sessions = sessions;
	}
}

static uint32_t next_random(void)
{
	static uint32_t state = 2463534242;

	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state;
}

static void rewind_frame(struct rte_mbuf *m, unsigned size, uint32_t dst)
{
	struct rte_ether_hdr *eth;
	struct rte_ipv4_hdr *ip;

	m->data_off = RTE_PKTMBUF_HEADROOM;
	m->data_len = (uint16_t)(sizeof(*eth) + size);
	m->pkt_len = m->data_len;
	eth = rte_pktmbuf_mtod(m, struct rte_ether_hdr *);
	ip = (void *)(eth + 1);
	*eth = (struct rte_ether_hdr){.dst_addr = alpha_plain,
		.src_addr = host_mac,
		.ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4)};
	*ip = (struct rte_ipv4_hdr){
		.version_ihl = RTE_IPV4_VHL_DEF,
		.total_length = rte_cpu_to_be_16((uint16_t)size),
		.time_to_live = 64,
		.next_proto_id = IPPROTO_UDP,
		.src_addr = rte_cpu_to_be_32(ALPHA_HOST),
		.dst_addr = rte_cpu_to_be_32(dst),
	};
	ip->hdr_checksum = rte_ipv4_cksum(ip);
}

void bed_rewind(struct bed *bed)
{
	for (unsigned i = 0; i < bed->count; i++) {
		bed->session[i] = (uint16_t)(next_random() % bed->sessions);
		rewind_frame(bed->frames[i], bed->size, bed_address(bed->session[i]));
	}
}

/* Beta has one host behind it, so it is not the route that tells alpha the session: the only flow is switched to it. */
void bed_seal(struct bed *bed)
{
	struct sl_flow *flow = &bed->alpha.flows[0];
	struct sl_burst burst;

	for (unsigned i = 0; i < bed->count; i++) {
		bed->session[i] = (uint16_t)(next_random() % bed->sessions);
		rewind_frame(bed->frames[i], bed->size, BETA_HOST);
		flow->out = bed->out[bed->session[i]];
		sl_seal_burst(&bed->alpha, &bed->frames[i], 1, &burst);
		assert(burst.tx_count == 1);
	}
	flow->out = bed->out[0];
}
