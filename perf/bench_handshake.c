/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Full handshakes (IKE_SA_INIT and IKE_AUTH, initiator and responder in one process, no network) between two engines
 * that have been up for a while, and the bare libsodium operations that they cannot do without: two X25519 key pairs,
 * two shared secrets, two signatures, two verifications. Their ratio is what the engine adds. Compare them in
 * alternation: --benchmark_repetitions=20 --benchmark_enable_random_interleaving=true.
 */
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "lib/crypto/crypto.h"
#include "lib/crypto/keyfile.h"
#include "lib/ike/ike.h"

enum { QUEUE_MAX = 16 };

struct node {
	struct sl_ike_conf conf;
	struct sl_ike_peer_conf peer;
	struct sl_ed25519_key key;
	struct sl_ike *ike;
	struct node *other;
	uint32_t next_spi;
};

struct message {
	struct node *to;
	struct sl_ike_path path;
	size_t len;
	uint8_t data[SL_IKE_MESSAGE_MAX];
};

static struct message queue[QUEUE_MAX];
static unsigned queued;
static const uint64_t now = 1;

static void send_message(void *owner, const struct sl_ike_path *path, const uint8_t *msg, size_t len)
{
	struct node *n = owner;
	struct message *m = &queue[queued++];

	if (queued == QUEUE_MAX)
		abort();
	m->to = n->other;
	m->path = (struct sl_ike_path){.local = path->remote, .remote = path->local};
	m->len = len;
	memcpy(m->data, msg, len);
}

static void fill_random(void *owner, void *buf, size_t len)
{
	(void)owner;
	sl_random(buf, len);
}

static uint32_t new_spi(void *owner, unsigned peer, unsigned worker)
{
	struct node *n = owner;

	(void)peer;
	(void)worker;
	return ++n->next_spi;
}

static void ignore_spi(void *owner, uint32_t spi)
{
	(void)owner;
	(void)spi;
}

static int installed(void *owner, const struct sl_ike_child *child)
{
	(void)owner;
	(void)child;
	return 0;
}

static void ignore_child(void *owner, unsigned peer, uint32_t spi)
{
	(void)owner;
	(void)peer;
	(void)spi;
}

static void ignore_log(void *owner, enum sl_ike_level level, int peer, const char *text)
{
	(void)owner;
	(void)level;
	(void)peer;
	(void)text;
}

static const struct sl_ike_ops ops = {
	.send = send_message,
	.random = fill_random,
	.spi_alloc = new_spi,
	.spi_free = ignore_spi,
	.child_install = installed,
	.child_use_outbound = ignore_child,
	.child_remove = ignore_child,
	.log = ignore_log,
};

static void selector(struct sl_ts_list *list, const char *text)
{
	struct sl_prefix p;

	if (!sl_prefix_parse(&p, text))
		abort();
	list->count = 1;
	list->ts[0] = sl_ts_from_prefix(&p);
}

static void make_node(struct node *n, struct node *other, const char *name, uint32_t address, const char *net)
{
	*n = (struct node){.other = other, .next_spi = 1000};
	sl_key_generate(&n->key);
	n->conf = (struct sl_ike_conf){
		.name = name, .key = &n->key, .address = sl_addr_v4(address), .sa_max = 16, .workers = 1};
	selector(&n->conf.selectors, net);
	n->ike = sl_ike_new(&n->conf, &ops, n);
}

static void make_peer(struct node *n, enum sl_ike_start start)
{
	n->peer = (struct sl_ike_peer_conf){
		.name = n->other->conf.name,
		.endpoint = {n->other->conf.address, 4500},
		.udp = true,
		.selectors = n->other->conf.selectors,
		.ciphers = {SL_AES256GCM16},
		.cipher_count = 1,
		.esn = true,
		.start = start,
	};
	memcpy(n->peer.public_keys[0], n->other->key.public, sizeof(n->peer.public_keys[0]));
	n->peer.public_key_count = 1;
	if (sl_ike_peer_add(n->ike, &n->peer) != 0)
		abort();
}

/* Time stands still meanwhile: nothing is lost, so nothing is sent twice. */
static void deliver_all(void)
{
	for (unsigned at = 0; at < queued; at++)
		sl_ike_input(queue[at].to->ike, now, &queue[at].path, queue[at].data, queue[at].len);
	queued = 0;
}

static enum sl_ike_state state_of(const struct node *n)
{
	struct sl_ike_peer_info info;

	sl_ike_peer_info(n->ike, 0, &info);
	return info.state;
}

/* How a link ends is not part of a handshake. */
static void handshake(struct bench *b, long unused)
{
	static struct node a, z;

	(void)unused;
	make_node(&a, &z, "alpha", 0xc0000201, "10.1.0.0/16");
	make_node(&z, &a, "beta", 0xc0000202, "10.2.0.0/16");
	make_peer(&a, SL_IKE_START_BOOT);
	make_peer(&z, SL_IKE_START_NONE);
	sl_ike_start(a.ike, now);
	deliver_all();
	while (bench_running(b)) {
		bench_pause(b);
		sl_ike_down(a.ike, now, 0);
		deliver_all();
		bench_resume(b);
		sl_ike_up(a.ike, now, 0);
		deliver_all();
		if (state_of(&a) != SL_IKE_UP || state_of(&z) != SL_IKE_UP)
			abort();
	}
	bench_items(b);
	sl_ike_free(a.ike);
	sl_ike_free(z.ike);
}

static void operations(struct bench *b, long unused)
{
	uint8_t private[SL_X25519_LEN], public[SL_X25519_LEN], shared[SL_X25519_LEN], sig[SL_ED25519_SIG_LEN];
	struct sl_ed25519_key key;
	uint8_t octets[400] = {1};

	(void)unused;
	sl_key_generate(&key);
	while (bench_running(b)) {
		for (unsigned side = 0; side < 2; side++) {
			sl_random(private, sizeof(private));
			sl_x25519_public(public, private);
			if (sl_x25519_shared(shared, private, public) != 0)
				abort();
			sl_ed25519_sign(sig, &key, octets, sizeof(octets));
			if (sl_ed25519_verify(sig, key.public, octets, sizeof(octets)) != 0)
				abort();
		}
	}
	bench_items(b);
}

int main(int argc, char **argv)
{
	if (sl_crypto_init())
		return 1;
	bench_add("handshake", handshake, 0);
	bench_add("operations", operations, 0);
	return bench_main(argc, argv);
}
