/* SPDX-License-Identifier: BSD-3-Clause */
/* See whole_gateway.h. */
#include "whole_gateway.h"

#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_ip.h>
#include <rte_ring.h>
#include <sodium.h>

#include "app/gateway/debug/debug.h"
#include "lib/crypto/keyfile.h"
#include "lib/net/ip.h"

enum {
	RING = 1024,
	ROUNDS_MAX = 10000,
	CALM_S = 700,
	PATIENCE_S = 300,
	UNANSWERED_S = 15,
	NEIGHBOURS_FEW = 8
};

struct gateway whole = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
struct sl_ike_child peer_child;

static struct rte_ring *wire_rx, *wire_tx, *plain_rx, *plain_tx;
static uint64_t virtual_ns = 1000 * SECOND_NS;
static uint64_t random_state;
static unsigned received, sent;
static int wire_id;
static bool calming;
static char folder[] = "/tmp/sealane-fuzz-XXXXXX";

static const struct rte_ether_addr peer_mac = {{2, 0, 0, 0, 2, 2}}, host_mac = {{2, 0, 0, 0, 0, 9}};
static const struct rte_ether_addr wire_mac = {{2, 0, 0, 0, 1, 2}}, plain_mac = {{2, 0, 0, 0, 1, 1}};

/* The driver has no MAC addresses of its own. */
int __wrap_rte_eth_macaddr_get(uint16_t id, struct rte_ether_addr *mac);

int __wrap_rte_eth_macaddr_get(uint16_t id, struct rte_ether_addr *mac)
{
	*mac = id == wire_id ? wire_mac : plain_mac;
	return 0;
}

/* ---- Time and chance ------------------------------------------------------------------------------------------------------ */

int __real_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now);

/* The monotonic clock is ours. */
int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
	if (clock != CLOCK_MONOTONIC)
		return __real_clock_gettime(clock, now);
	now->tv_sec = (time_t)(virtual_ns / SECOND_NS);
	now->tv_nsec = (long)(virtual_ns % SECOND_NS);
	return 0;
}

uint64_t __wrap_gate_now(void);

/* Nor is that of the worker's gate the TSC: as much time passes for it as for those it lets through. */
uint64_t __wrap_gate_now(void)
{
	return virtual_ns;
}

static uint32_t random_word(void)
{
	uint64_t z = random_state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	return (uint32_t)(z >> 32);
}

static void random_bytes(void *buf, size_t len)
{
	for (size_t i = 0; i < len; i++)
		((uint8_t *)buf)[i] = (uint8_t)random_word();
}

static const char *random_name(void)
{
	return "fuzz";
}

static struct randombytes_implementation chance = {
	.implementation_name = random_name, .random = random_word, .buf = random_bytes};

/* ---- The peer ------------------------------------------------------------------------------------------------------------- */

static struct {
	struct sl_ed25519_key key;
	struct sl_ike_conf conf;
	struct sl_ike_peer_conf gateway;
	struct sl_ike *ike;
} peer;

static void peer_sends(void *owner, const struct sl_ike_path *path, const uint8_t *msg, size_t len)
{
	uint8_t frame[SL_UDP_FRAME_HEADERS_V6 + SL_NON_ESP_MARKER + SL_IKE_MESSAGE_MAX] = {0};
	const size_t skip = path->local.port == SL_IKE_NAT_PORT ? SL_NON_ESP_MARKER : 0;
	const struct sl_udp udp = {.src = path->local.addr,
		.dst = path->remote.addr,
		.src_port = path->local.port,
		.dst_port = path->remote.port,
		.len = len + skip};
	const size_t headers = sl_udp_frame_headers(&udp.dst);

	(void)owner;
	memcpy(frame + headers + skip, msg, len);
	sl_udp_headers(frame, &peer_mac, &wire_mac, &udp);
	(void)gateway_receives(&whole.wire, frame, headers + udp.len);
}

static void peer_random(void *owner, void *buf, size_t len)
{
	(void)owner;
	random_bytes(buf, len);
}

static uint32_t peer_spi(void *owner, unsigned number, unsigned worker)
{
	(void)owner;
	(void)number;
	(void)worker;
	return random_word() | 0x10000;
}

static void peer_spi_free(void *owner, uint32_t spi)
{
	(void)owner;
	(void)spi;
}

static int peer_install(void *owner, const struct sl_ike_child *child)
{
	(void)owner;
	peer_child = *child;
	return 0;
}

static void peer_child_event(void *owner, unsigned number, uint32_t spi)
{
	(void)owner;
	(void)number;
	(void)spi;
}

static void peer_log(void *owner, enum sl_ike_level level, int number, const char *text)
{
	(void)owner;
	(void)level;
	(void)number;
	(void)text;
}

static const struct sl_ike_ops peer_ops = {
	.send = peer_sends,
	.random = peer_random,
	.spi_alloc = peer_spi,
	.spi_free = peer_spi_free,
	.child_install = peer_install,
	.child_use_outbound = peer_child_event,
	.child_remove = peer_child_event,
	.log = peer_log,
};

static struct sl_addr address(const char *text)
{
	struct sl_addr a;

	if (!sl_addr_parse(&a, text))
		abort();
	return a;
}

static void add_prefix(struct sl_ts_list *list, const char *text)
{
	struct sl_prefix prefix;

	if (!sl_prefix_parse(&prefix, text))
		abort();
	list->ts[list->count++] = sl_ts_from_prefix(&prefix);
}

/* A new engine: what it was before is gone without a word. */
static void peer_up(void)
{
	sl_ike_free(peer.ike);
	peer.conf = (struct sl_ike_conf){.name = "beta.example",
		.key = &peer.key,
		.address = address("192.0.2.2"),
		.address6 = address("2001:db8::2"),
		.workers = 1,
		.sa_max = 64};
	add_prefix(&peer.conf.selectors, "10.2.0.0/16");
	add_prefix(&peer.conf.selectors, "fd00:2::/64");
	peer.gateway = (struct sl_ike_peer_conf){.name = "alpha.example",
		.public_key_count = 1,
		.endpoint = {address("192.0.2.1"), SL_IKE_NAT_PORT},
		.ciphers = {SL_AES256GCM16},
		.cipher_count = 1,
		.esn = true,
		.udp = true,
		.start = SL_IKE_START_BOOT};
	memcpy(peer.gateway.public_keys[0], whole.config->key->public, SL_ED25519_PUBLIC_LEN);
	add_prefix(&peer.gateway.selectors, "10.1.0.0/16");
	add_prefix(&peer.gateway.selectors, "fd00:1::/64");
	peer.ike = sl_ike_new(&peer.conf, &peer_ops, NULL);
	if (!peer.ike || sl_ike_peer_add(peer.ike, &peer.gateway) != 0)
		abort();
	sl_ike_start(peer.ike, virtual_ns);
}

static void peer_hears(const struct sl_udp *udp)
{
	const struct sl_ike_path path = {{udp->dst, udp->dst_port}, {udp->src, udp->src_port}};
	const size_t skip = udp->dst_port == SL_IKE_NAT_PORT ? SL_NON_ESP_MARKER : 0;
	static const uint8_t marker[SL_NON_ESP_MARKER];

	if (udp->len < skip || memcmp(udp->data, marker, skip) != 0)
		return;
	sl_ike_input(peer.ike, virtual_ns, &path, udp->data + skip, udp->len - skip);
}

/* ---- The links ------------------------------------------------------------------------------------------------------------ */

bool gateway_receives(const struct link *link, const void *frame, size_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(whole.mbufs);
	void *at = m && len <= UINT16_MAX ? rte_pktmbuf_append(m, (uint16_t)len) : NULL;

	if (!at || rte_ring_sp_enqueue(link == &whole.wire ? wire_rx : plain_rx, m) != 0) {
		rte_pktmbuf_free(m);
		return false;
	}
	memcpy(at, frame, len);
	received++;
	return true;
}

/*
 * Stations answer for every address of the link but the gateway's own, and but one half of the network: nobody is there. Most
 * go away when all is to be calm.
 */
static bool is_there(const struct sl_addr *a)
{
	const uint8_t last = a->bytes[a->family == SL_IPV4 ? 3 : 15];

	return last < (calming ? 10 : 0x80);
}

static void answer_question(const struct link *link, const uint8_t *frame, size_t len)
{
	const struct rte_ether_addr *mac = link == &whole.wire ? &peer_mac : &host_mac;
	uint8_t answer[SL_NEIGH_FRAME_MAX];
	struct sl_neigh_msg msg;

	if (!sl_neigh_parse(&msg, frame, len) || !msg.ask || link_is_own(link, &msg.target) ||
		!is_there(&msg.target))
		return;
	len = sl_neigh_tell(answer, mac, &msg.target, &msg.who, &msg.mac);
	(void)gateway_receives(link, answer, len);
}

/* On the wire goes nothing but ESP, IKE, neighbours' questions and answers, and ICMP. */
static void check_wire(const uint8_t *frame, size_t len)
{
	struct sl_udp udp;
	struct sl_ip ip;

	answer_question(&whole.wire, frame, len);
	if (frame[12] == 8 && frame[13] == 6)
		return;
	MUST(sl_ip_parse(&ip, frame + sizeof(struct rte_ether_hdr), len - sizeof(struct rte_ether_hdr)));
	MUST(link_is_own(&whole.wire, &ip.src) || sl_addr_is_unspecified(&ip.src));
	if (ip.protocol == IPPROTO_ICMP || ip.protocol == IPPROTO_ICMPV6)
		return;
	MUST(ip.protocol == IPPROTO_UDP &&
		sl_udp_parse(&udp, frame + sizeof(struct rte_ether_hdr), len - sizeof(struct rte_ether_hdr)));
	MUST(udp.src_port == SL_IKE_PORT || udp.src_port == SL_IKE_NAT_PORT);
	peer_hears(&udp);
}

static unsigned empty(struct rte_ring *ring, const struct link *link)
{
	struct rte_mbuf *m;
	unsigned n = 0;

	while (rte_ring_sc_dequeue(ring, (void **)&m) == 0) {
		const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *);

		MUST(m->nb_segs == 1 && m->data_len == m->pkt_len &&
			m->data_len > sizeof(struct rte_ether_hdr));
		MUST(m->data_len <= link->config->mtu + sizeof(struct rte_ether_hdr));
		if (link == &whole.wire)
			check_wire(frame, m->data_len);
		else
			answer_question(link, frame, m->data_len);
		rte_pktmbuf_free(m);
		n++;
	}
	sent += n;
	return n;
}

/* ---- Going round ---------------------------------------------------------------------------------------------------------- */

static void check_account(void)
{
	const struct sl_counters *c = &whole.workers[0].dp.counters;
	uint64_t drops = 0;

	for (unsigned i = 0; i < SL_DROP_COUNT; i++)
		drops += c->drops[i];
	MUST(c->rx_wire + c->rx_plain == received && c->tx_wire + c->tx_plain == sent);
	MUST(c->rx_wire + c->rx_plain + c->from_control + c->handed_in + c->cut ==
		c->tx_wire + c->tx_plain + c->to_control + c->handed_out + drops);
}

void gateway_settle(void)
{
	unsigned work, rounds = 0;

	pthread_mutex_lock(&whole.lock);
	do {
		work = worker_round(&whole.workers[0]);
		work += rte_ring_count(whole.workers[0].events);
		control_take_events(&whole);
		control_run_timers(&whole);
		work += rte_ring_count(whole.workers[0].commands);
		if (sl_ike_deadline(peer.ike) <= virtual_ns)
			sl_ike_tick(peer.ike, virtual_ns);
		work += empty(wire_tx, &whole.wire) + empty(plain_tx, &whole.plain);
		work += rte_ring_count(wire_rx) + rte_ring_count(plain_rx);
		MUST(++rounds < ROUNDS_MAX);
	} while (work);
	pthread_mutex_unlock(&whole.lock);
	check_account();
}

void gateway_wait(uint64_t ns)
{
	do {
		uint64_t step = RTE_MIN(ns, SECOND_NS);

		virtual_ns += step;
		ns -= step;
		whole.workers[0].dp.errors_left = SL_ERRORS_A_SECOND;
		gateway_settle();
	} while (ns > 0);
}

static bool is_up(void)
{
	struct sl_ike_peer_info info, far;

	sl_ike_peer_info(whole.ike, 0, &info);
	sl_ike_peer_info(peer.ike, 0, &far);
	return info.state == SL_IKE_UP && far.state == SL_IKE_UP && info.spi_i == far.spi_i &&
	       info.children == 1 && far.children == 1;
}

/* Something that is forgotten in time. */
static bool has_learned(void)
{
	return whole.peers[0].path_mtu != 0 || sl_neigh_known(whole.wire.neighbours) > NEIGHBOURS_FEW ||
	       sl_neigh_known(whole.plain.neighbours) > NEIGHBOURS_FEW;
}

void gateway_calm(void)
{
	int slot = peer_find(&whole, "beta.example");

	MUST(slot == 0);
	calming = true;
	sl_ike_up(whole.ike, virtual_ns, 0);
	if (!is_up())
		peer_up();
	gateway_wait(UNANSWERED_S * SECOND_NS);
	for (unsigned i = 0; i < CALM_S && has_learned(); i += 10) {
		virtual_ns += 9 * SECOND_NS;
		gateway_wait(SECOND_NS);
	}
	for (unsigned i = 0; i < PATIENCE_S && !is_up(); i++)
		gateway_wait(SECOND_NS);
	calming = false;
	MUST(is_up() && whole.peers[0].path_mtu == 0);
	MUST(rte_mempool_avail_count(whole.mbufs) == whole.mbufs->size);
}

/* ---- The start ------------------------------------------------------------------------------------------------------------ */

static void write_file(const char *name, mode_t mode, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "w");
	if (!f || fputs(text, f) < 0 || fclose(f) != 0 || chmod(path, mode) != 0)
		abort();
}

static void write_configuration(void)
{
	static const char text[] =
		"[gateway]\nname = alpha.example\nprivate-key = alpha.key\n"
		"[wire]\nport = net_ring_fuzz_wire\naddress = 192.0.2.1/24, 2001:db8::1/64\n"
		"next-hop = 192.0.2.100\n"
		"[plain]\nport = net_ring_fuzz_plain\naddress = 10.1.0.1/16, fd00:1::1/64\n"
		"[peer beta.example]\npublic-key = %s\nendpoint = 192.0.2.2\nstart = none\n"
		"prefixes = 10.2.0.0/16, fd00:2::/64\ndpd-delay = 0\nrekey-after-time = 1d\n";
	char key[SL_KEY_BASE64_MAX], conf[sizeof(text) + sizeof(key)];

	memset(peer.key.seed, 7, sizeof(peer.key.seed));
	sl_ed25519_from_seed(&peer.key);
	sl_public_to_base64(key, peer.key.public);
	snprintf(conf, sizeof(conf), text, key);
	write_file("alpha.key", 0600,
		"-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g\n"
		"-----END PRIVATE KEY-----\n");
	write_file("alpha.conf", 0600, conf);
}

static void remove_folder(void)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -rf %s", folder);
	(void)!system(command);
}

static void start_eal(void)
{
	static char lcores[64], prefix[48],
		*args[] = {(char *)"fuzz", (char *)"--no-huge", (char *)"--no-pci", (char *)"-m",
			(char *)"768", (char *)"--log-level=*:critical", prefix, lcores};

	/* DPDK looks there as root, and there as another user. */
	if (!mkdtemp(folder) || setenv("RUNTIME_DIRECTORY", folder, 1) != 0 ||
		setenv("XDG_RUNTIME_DIR", folder, 1) != 0)
		abort();
	atexit(remove_folder);
	snprintf(prefix, sizeof(prefix), "--file-prefix=fuzz-%d", (int)getpid());
	/* The second lcore is the worker's, and never started. */
	snprintf(lcores, sizeof(lcores), "--lcores=(0,1)@(0-%ld)", sysconf(_SC_NPROCESSORS_ONLN) - 1);
	if (rte_eal_init(RTE_DIM(args), args) < 0)
		abort();
}

static int make_port(const char *name, struct rte_ring **rx, struct rte_ring **tx)
{
	char ring[32];
	int id;

	snprintf(ring, sizeof(ring), "%s-rx", name);
	*rx = rte_ring_create(ring, RING, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
	snprintf(ring, sizeof(ring), "%s-tx", name);
	*tx = rte_ring_create(ring, RING, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
	if (!*rx || !*tx)
		abort();
	id = rte_eth_from_rings(name, rx, 1, tx, 1, 0);
	if (id < 0)
		abort();
	return id;
}

static void complain(void *ctx, const char *line)
{
	(void)ctx;
	fprintf(stderr, "%s\n", line);
}

void gateway_up(void)
{
	char path[64];

	randombytes_set_implementation(&chance);
	if (sl_crypto_init() != 0)
		abort();
	start_eal();
	write_configuration();
	wire_id = make_port("fuzz_wire", &wire_rx, &wire_tx);
	(void)make_port("fuzz_plain", &plain_rx, &plain_tx);
	snprintf(path, sizeof(path), "%s/alpha.conf", folder);
	whole.config = sl_config_load(path, complain, NULL);
	whole.keylog = keylog_new();
	whole.started = virtual_ns;
	whole.service.fd = -1;
	log_init();
	rte_log_set_global_level(RTE_LOG_CRIT);
	if (!whole.config || !whole.keylog || gateway_assemble(&whole) != 0)
		abort();
	links_start(&whole);
	sl_ike_start(whole.ike, virtual_ns);
	peer_up();
	gateway_calm();
}
