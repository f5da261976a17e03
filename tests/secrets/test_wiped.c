/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * No key is left in memory that has been let go. Two gateways' IKE engines, with sessions in secret memory as the gateway has
 * them, live through a handshake, rekeys and the end of their link in a thread of its own. At each stop another thread looks
 * through all writable memory, freed or not, with the stack of the first below it, for every key that there was so far.
 *
 *     while it lives       only in memory that is kept out of cores
 *     once it is replaced  nowhere
 */
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sodium.h>

#include "../unit/ike_rotation.h"
#include "lib/config/config.h"
#include "lib/crypto/keyfile.h"
#include "lib/crypto/secret.h"
#include "lib/esp/esp.h"
#include "note.h"

/* ---- Another thread, in which the product runs -------------------------------------------------------------------------- */

static struct {
	pthread_t thread;
	sem_t go, done, seen;
	void (*what)(void);
	const char *returned; /* the function that has, and waits for our look; NULL: it is done */
	const void *sp;
} worker;

static unsigned left_below, peeks;

/* Below a gap that nobody writes to, so that waiting does not cover what the product leaves behind. */
__attribute__((noinline)) static void call_below(void (*what)(void))
{
	char gap[RECORD_GAP];

	__asm__ volatile("" : : "r"(gap) : "memory");
	what();
	/* The call is not the last thing here, which could do without the gap. */
	__asm__ volatile("" : : "r"(gap) : "memory");
}

/* In the thread: a function has returned. */
static void returned(const char *what, const void *sp)
{
	if (!pthread_equal(pthread_self(), worker.thread))
		return;
	worker.returned = what;
	worker.sp = sp;
	sem_post(&worker.done);
	sem_wait(&worker.seen);
}

static void *work(void *arg)
{
	for (;;) {
		sem_wait(&worker.go);
		if (!worker.what)
			return arg;
		call_below(worker.what);
		sl_wipe_registers(); /* as the control thread does before it sleeps */
		worker.returned = NULL;
		sem_post(&worker.done);
	}
}

/* Calls `what` there and waits until it is back; looks at what functions leave below their callers. */
static void there(void (*what)(void))
{
	worker.what = what;
	sem_post(&worker.go);
	while (what) {
		unsigned found;

		sem_wait(&worker.done);
		if (!worker.returned)
			break;
		found = look_below(worker.sp);
		if (found)
			fprintf(stderr, "# that is what %s has left on the stack\n", worker.returned);
		left_below += found;
		peeks++;
		sem_post(&worker.seen);
	}
}

/* ---- Sessions, made of what the engine installs ------------------------------------------------------------------------------ */

static struct sl_secret_pool *outs, *ins;

struct sessions {
	void *owner;
	uint32_t spi;
	struct sl_esp_out *out;
	struct sl_esp_in *in;
};

static struct sessions all[64];
static struct sl_ike_ops pair_ops, ops; /* those of the harness, and ours around them */

static struct sessions *sessions_of(const void *owner, uint32_t spi)
{
	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i].owner == owner && all[i].spi == spi)
			return &all[i];
	abort();
}

/* What the keys are for: a packet is sealed and opened with each. */
static void use(struct sessions *s)
{
	const uint8_t nonce[SL_GCM_NONCE_LEN] = {0};
	uint8_t packet[200] = {0}, icv[SL_GCM_ICV_LEN];

	sl_gcm_seal(
		&s->out->key, (enum sl_cipher)s->out->cipher, packet, sizeof(packet), nonce, nonce, 12, icv);
	sl_gcm_open(
		&s->in->key, (enum sl_cipher)s->in->cipher, packet, sizeof(packet), nonce, nonce, 12, icv);
}

static int install(void *owner, const struct sl_ike_child *child)
{
	struct sessions *s = sessions_of(NULL, 0);
	const struct sl_esp_params params = {
		.spi_in = child->spi_in,
		.spi_out = child->spi_out,
		.cipher = child->cipher,
		.esn = child->esn,
		.wire_local = child->path.local,
		.wire_remote = child->path.remote,
		.udp = child->udp,
		.path_mtu = 1500,
		.local = &child->local,
		.remote = &child->remote,
		.key_in = child->in.key,
		.salt_in = child->in.salt,
		.key_out = child->out.key,
		.salt_out = child->out.salt,
		.packet_limit = UINT32_MAX,
		.byte_limit = UINT32_MAX,
	};

	*s = (struct sessions){owner, child->spi_in, sl_secret_get(outs), sl_secret_get(ins)};
	if (sl_esp_out_init(s->out, &params) || sl_esp_in_init(s->in, &params))
		abort();
	use(s);
	return pair_ops.child_install(owner, child);
}

static void remove_child(void *owner, unsigned peer, uint32_t spi)
{
	struct sessions *s = sessions_of(owner, spi);

	sl_secret_put(outs, s->out);
	sl_secret_put(ins, s->in);
	*s = (struct sessions){0};
	pair_ops.child_remove(owner, peer, spi);
}

struct sl_ike *__real_sl_ike_new(const struct sl_ike_conf *conf, const struct sl_ike_ops *given, void *owner);
struct sl_ike *__wrap_sl_ike_new(const struct sl_ike_conf *conf, const struct sl_ike_ops *given, void *owner);

struct sl_ike *__wrap_sl_ike_new(const struct sl_ike_conf *conf, const struct sl_ike_ops *given, void *owner)
{
	pair_ops = ops = *given;
	ops.child_install = install;
	ops.child_remove = remove_child;
	return __real_sl_ike_new(conf, &ops, owner);
}

/* ---- The pair ------------------------------------------------------------------------------------------------------------------ */

static struct pair *pair;
static struct sl_ppk *ppk;
static unsigned looks;

/* What the harness has noted for itself. */
static void forget_notes(void)
{
	for (unsigned i = 0; i < PAIR_ENDS; i++)
		sl_wipe(pair->end[i].ike_keys, sizeof(pair->end[i].ike_keys));
}

static void make_pair(void)
{
	outs = sl_secret_pool_new(sizeof(struct sl_esp_out), 64);
	ins = sl_secret_pool_new(sizeof(struct sl_esp_in), 64);
	/* The harness holds keys, too. */
	pair = sl_secret_alloc(sizeof(*pair));
	ppk = sl_secret_alloc(sizeof(*ppk));
	ppk->len = 48;
	sl_random(ppk->bytes, ppk->len);
	pair_init(pair, 1);
	for (unsigned i = 0; i < PAIR_ENDS; i++) {
		pair->end[i].peer.ppk = ppk;
		pair->end[i].peer.ppk_id = "link";
		pair->end[i].peer.ppk_required = false;
	}
}

static void boot(void)
{
	pair_boot(pair, ALPHA);
	pair_boot(pair, BETA);
}

static void let_link(void)
{
	boot();
	pair_connect(pair, ALPHA);
	pair_run(pair, PAIR_S);
	assert_calm(pair);
	forget_notes();
}

static void replace_child(void)
{
	assert_true(sl_ike_rekey_child(pair->end[ALPHA].ike, pair->now, pair->end[ALPHA].outbound));
	pair_run(pair, 30 * PAIR_S);
	assert_true(sl_ike_rekey_child(pair->end[BETA].ike, pair->now, pair->end[BETA].outbound));
	pair_run(pair, 30 * PAIR_S);
}

static void replace_all(void)
{
	for (unsigned i = 0; i < PAIR_ENDS; i++) {
		assert_true(sl_ike_rekey(pair->end[i].ike, pair->now, 0));
		pair_run(pair, 30 * PAIR_S);
	}
	replace_child();
	assert_calm(pair);
	forget_notes();
}

/* Both at once: one of the two new ones is thrown away. */
static void replace_at_once(void)
{
	for (unsigned i = 0; i < PAIR_ENDS; i++) {
		assert_true(sl_ike_rekey(pair->end[i].ike, pair->now, 0));
		assert_true(sl_ike_rekey_child(pair->end[i].ike, pair->now, pair->end[i].outbound));
	}
	pair_run(pair, 60 * PAIR_S);
	for (unsigned i = 0; i < PAIR_ENDS; i++)
		assert_true(sl_ike_rekey_child(pair->end[i].ike, pair->now, pair->end[i].outbound));
	pair_run(pair, 60 * PAIR_S);
	assert_calm(pair);
	forget_notes();
}

static void take_down(void)
{
	sl_ike_down(pair->end[ALPHA].ike, pair->now, 0);
	pair_run(pair, 60 * PAIR_S);
	forget_notes();
}

/* Attempts that come to nothing: nobody answers, or nobody goes on; many, so that cookies are asked for. */
static bool only_first(struct pair *p, unsigned from, struct pair_message *m)
{
	const struct ike_wire_header *h = (const void *)m->data;

	(void)p;
	(void)from;
	return h->exchange == IKE_SA_INIT;
}

static uint64_t half_open(void)
{
	struct sl_ike_stats stats;
	uint64_t count = 0;

	for (unsigned i = 0; i < PAIR_ENDS; i++) {
		sl_ike_get_stats(pair->end[i].ike, &stats);
		count += stats.half_open;
	}
	return count;
}

static void fail_to_link(void)
{
	boot();
	pair->filter = only_first;
	for (unsigned i = 0; i < 20; i++) {
		/* Whoever starts anew leaves what it had half open at the other. */
		pair_boot(pair, ALPHA);
		pair_connect(pair, ALPHA);
		pair_run(pair, 100 * PAIR_MS);
	}
	pair->loss = 100;
	pair_run(pair, 300 * PAIR_S);
	/* Between two attempts. */
	for (unsigned i = 0; half_open() != 0 && i < 1000; i++)
		pair_run(pair, 100 * PAIR_MS);
	pair->loss = 0;
	pair->filter = NULL;
	forget_notes();
}

static void end_engines(void)
{
	pair_free(pair);
	for (unsigned i = 0; i < PAIR_ENDS; i++)
		pair->end[i].ike = NULL;
	pair->queued = 0;
	forget_notes();
}

static void end_all(void)
{
	sl_secret_pool_free(outs);
	sl_secret_pool_free(ins);
	sl_secret_free(pair);
	sl_secret_free(ppk);
}

/* ---- Looking ------------------------------------------------------------------------------------------------------------------- */

static void expect_none(const char *when, enum look which, bool secret_memory)
{
	unsigned found = look_for(which, secret_memory);

	looks++;
	print_message("# %s: %zu pieces of secrets, %zu KiB in %zu mappings, %u found\n", when, looked.pieces,
		looked.bytes >> 10, looked.mappings, found);
	assert_true(looked.pieces > 0 && looked.bytes > 100000 && looked.mappings > 10);
	assert_int_equal(found, 0);
}

static void what_lives_is_only_in_secret_memory(void **state)
{
	(void)state;
	there(make_pair);
	there(let_link);
	expect_none("linked, outside secret memory", LOOK_ALL, false);
	expect_none("linked, what was for the key exchange only", LOOK_EXCHANGE, true);
	/* The look sees what is there. */
	assert_true(look_for(LOOK_PASSING, true) > 10);
}

static void what_is_replaced_is_gone(void **state)
{
	(void)state;
	record_mark();
	there(replace_all);
	expect_none("rekeyed, what was before", LOOK_PASSING_BEFORE_MARK, true);
	expect_none("rekeyed, outside secret memory", LOOK_ALL, false);
	record_mark();
	there(replace_at_once);
	expect_none("rekeyed at once by both, what was before", LOOK_PASSING_BEFORE_MARK, true);
	expect_none("rekeyed at once by both, outside secret memory", LOOK_ALL, false);
	expect_none("rekeyed at once by both, what was for key exchanges only", LOOK_EXCHANGE, true);
}

static void a_link_that_is_taken_down_leaves_nothing(void **state)
{
	(void)state;
	there(take_down);
	expect_none("taken down", LOOK_PASSING, true);
}

static void an_attempt_that_fails_leaves_nothing(void **state)
{
	size_t before = record_count();

	(void)state;
	there(fail_to_link);
	assert_true(record_count() > before);
	expect_none("attempts failed", LOOK_PASSING, true);
	expect_none("attempts failed, outside secret memory", LOOK_ALL, false);
}

static void an_engine_leaves_nothing(void **state)
{
	(void)state;
	there(let_link);
	there(end_engines);
	expect_none("engines ended", LOOK_PASSING, true);
	expect_none("engines ended, outside secret memory", LOOK_ALL, false);
	there(end_all);
	expect_none("all released, identities, PPK and cookies, too", LOOK_ALL, true);
}

/* ---- Files --------------------------------------------------------------------------------------------------------------------- */

static char dir[] = "/tmp/sealane-XXXXXX";
static char path[128];

static void write_file(const char *name, const char *text, bool secret)
{
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	/* Its buffer would be a copy. */
	setvbuf(f, NULL, _IONBF, 0);
	assert_int_equal(fchmod(fileno(f), 0600), 0);
	fputs(text, f);
	fclose(f);
	if (secret)
		record("the text of a file", text, strlen(text), RECORD_LONG);
}

/* Written by hand, so that the calls below are the first to see the key. */
static void make_files(void)
{
	char *pem = sl_secret_alloc(SL_KEY_PEM_MAX), *hex = sl_secret_alloc(128), text[1024];
	struct sl_ed25519_key *key = sl_secret_alloc(sizeof(*key));
	char peer[SL_KEY_BASE64_MAX];

	sl_key_generate(key);
	record_identity(key->seed);
	sl_key_to_pem(pem, key);
	write_file("gateway.key", "", false);
	write_file("gateway.key", pem, false);
	record("the text of a key file", pem + 28 + 22, 40, RECORD_LONG);
	assert_int_equal(sl_key_from_pem(key, pem, strlen(pem)), 0);
	sl_key_generate(key);
	sl_public_to_base64(peer, key->public);
	sl_random(key->seed, sizeof(key->seed));
	record("a PPK", key->seed, sizeof(key->seed), RECORD_LONG);
	sodium_bin2hex(hex, 128, key->seed, sizeof(key->seed));
	write_file("link.ppk", hex, true);
	snprintf(text, sizeof(text),
		"[gateway]\nname = alpha.test\nprivate-key = gateway.key\n[wire]\nport = net_null0\n"
		"address = 192.0.2.1/24\n[plain]\nport = net_null1\naddress = 10.1.0.1/16\n"
		"[peer beta.test]\npublic-key = %s\nendpoint = 192.0.2.2\nprefixes = 10.2.0.0/16\n"
		"ppk = link.ppk\nppk-id = link\n",
		peer);
	write_file("alpha.conf", text, false);
	sl_secret_free(pem);
	sl_secret_free(hex);
	sl_secret_free(key);
}

static struct sl_config *config;

static void complain(void *ctx, const char *line)
{
	(void)ctx;
	fprintf(stderr, "%s\n", line);
}

static void load(void)
{
	config = sl_config_load(path, complain, NULL);
}

static void unload(void)
{
	sl_config_free(config);
}

static void key_files_leave_nothing(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(dir));
	there(make_files);
	expect_none("key files written", LOOK_ALL, true);
	there(load);
	assert_non_null(config);
	assert_true(look_for(LOOK_ALL, true) > 0);
	expect_none("key files read, outside secret memory", LOOK_ALL, false);
	there(unload);
	expect_none("configuration released", LOOK_ALL, true);
	for (const char *const *name = (const char *const[]){"gateway.key", "link.ppk", "alpha.conf", NULL};
		*name; name++) {
		snprintf(path, sizeof(path), "%s/%s", dir, *name);
		unlink(path);
	}
	rmdir(dir);
}

/* ---- The look itself --------------------------------------------------------------------------------------------------------- */

/* What a careless function leaves: on its stack, and in memory that it has given back. */
static void be_careless(void)
{
	uint8_t secret[32];
	uint8_t *copy = malloc(4096);

	randombytes_buf(secret, sizeof(secret));
	record("a careless copy", secret, sizeof(secret), RECORD_PASSING);
	memcpy(copy + 2048, secret, sizeof(secret));
	__asm__ volatile("" : : "r"(copy), "r"(secret) : "memory");
	free(copy);
	__asm__ volatile("" : : "r"(secret) : "memory"); /* not in place of this function */
}

static void no_function_leaves_any_on_the_stack(void **state)
{
	(void)state;
	print_message("# %u times a function that had keys has returned, %u left some\n", peeks, left_below);
	assert_true(peeks > 100);
	assert_int_equal(left_below, 0);
}

static void carelessness_is_found(void **state)
{
	(void)state;
	there(be_careless);
	assert_int_equal(look_for(LOOK_PASSING, false), 2);
	print_message("# both careless copies are found; %u looks\n", looks);
}

static int start(void **state)
{
	(void)state;
	sem_init(&worker.go, 0, 0);
	sem_init(&worker.done, 0, 0);
	sem_init(&worker.seen, 0, 0);
	record_below = returned;
	return sl_crypto_init() || pthread_create(&worker.thread, NULL, work, NULL);
}

static int stop(void **state)
{
	(void)state;
	there(NULL);
	return pthread_join(worker.thread, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_lives_is_only_in_secret_memory),
		cmocka_unit_test(what_is_replaced_is_gone),
		cmocka_unit_test(a_link_that_is_taken_down_leaves_nothing),
		cmocka_unit_test(an_attempt_that_fails_leaves_nothing),
		cmocka_unit_test(an_engine_leaves_nothing),
		cmocka_unit_test(key_files_leave_nothing),
		cmocka_unit_test(no_function_leaves_any_on_the_stack),
		cmocka_unit_test(carelessness_is_found),
	};

	return cmocka_run_group_tests_name("wiped", tests, start, stop);
}
