/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What python_stack.py measures of Python's packages, of lib/crypto: microseconds of X25519, HKDF, Ed25519, and of a
 * handshake's worth of them, as one JSON object. Inputs, batches and medians are the same there and here.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "lib/crypto/crypto.h"

enum {
	BATCH_NS = 1000000, /* a batch is at least as long */
	BATCHES = 51,
	TRANSCRIPT_LEN = 400, /* about what an IKE_AUTH signature covers */
	SESSION_KEYS_LEN = 64,
};

struct end {
	uint8_t private[SL_X25519_LEN], public[SL_X25519_LEN], shared[SL_X25519_LEN], keys[SESSION_KEYS_LEN];
	struct sl_ed25519_key identity;
	uint8_t signature[SL_ED25519_SIG_LEN];
};

static struct end ends[2];
static const uint8_t transcript[TRANSCRIPT_LEN];

/* ---- What is measured ------------------------------------------------------------------------------------------------ */

static void key_pair(struct end *e)
{
	sl_random(e->private, sizeof(e->private));
	sl_x25519_public(e->public, e->private);
}

static void agree(struct end *e, const struct end *peer)
{
	int weak = sl_x25519_shared(e->shared, e->private, peer->public);

	assert(!weak);
}

/* HKDF-Extract with 32 bytes of salt, then HKDF-Expand. */
static void derive(struct end *e)
{
	const struct sl_bytes secret = {e->shared, sizeof(e->shared)}, info = {"session", 7};
	uint8_t prk[SL_HASH_LEN];

	sl_hmac(prk, transcript, 32, &secret, 1);
	sl_hkdf_expand(e->keys, sizeof(e->keys), prk, &info, 1);
}

static void sign(struct end *e)
{
	sl_ed25519_sign(e->signature, &e->identity, transcript, sizeof(transcript));
}

static void check(const struct end *signer)
{
	int refused =
		sl_ed25519_verify(signer->signature, signer->identity.public, transcript, sizeof(transcript));

	assert(!refused);
}

static void x25519_once(void)
{
	agree(&ends[0], &ends[1]);
}
static void hkdf_once(void)
{
	derive(&ends[0]);
}
static void sign_once(void)
{
	sign(&ends[0]);
}
static void verify_once(void)
{
	check(&ends[0]);
}

/* What two ends cannot do without. Leaves both with the same keys. */
static void handshake_once(void)
{
	key_pair(&ends[0]);
	key_pair(&ends[1]);
	for (unsigned i = 0; i < 2; i++) {
		agree(&ends[i], &ends[1 - i]);
		derive(&ends[i]);
		sign(&ends[i]);
		check(&ends[i]);
	}
}

/* ---- The clock ------------------------------------------------------------------------------------------------------- */

typedef void operation(void);

static double ns_of(operation *op, unsigned count)
{
	struct timespec from, to;

	clock_gettime(CLOCK_MONOTONIC, &from);
	for (unsigned i = 0; i < count; i++)
		op();
	clock_gettime(CLOCK_MONOTONIC, &to);
	return (double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec);
}

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double microseconds(operation *op)
{
	double batches[BATCHES];
	unsigned count = 1;

	while (ns_of(op, count) < BATCH_NS)
		count *= 2;
	for (unsigned i = 0; i < BATCHES; i++)
		batches[i] = ns_of(op, count) / count / 1e3;
	qsort(batches, BATCHES, sizeof(batches[0]), compare);
	return batches[BATCHES / 2];
}

int main(void)
{
	static const struct {
		const char *name;
		operation *op;
	} operations[] = {{"x25519", x25519_once}, {"hkdf", hkdf_once}, {"sign", sign_once},
		{"verify", verify_once}, {"handshake", handshake_once}};

	if (sl_crypto_init() != 0)
		return 1;
	for (unsigned i = 0; i < 2; i++) {
		sl_random(ends[i].identity.seed, sizeof(ends[i].identity.seed));
		sl_ed25519_from_seed(&ends[i].identity);
	}
	handshake_once();
	assert(sl_equal(ends[0].keys, ends[1].keys, sizeof(ends[0].keys)));
	for (unsigned i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
		printf("%s\"%s\": %.3f", i ? ", " : "{", operations[i].name, microseconds(operations[i].op));
	printf("}\n");
	return 0;
}
