/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * IKE SAs as objects: where they come from, how they are found, how they go.
 */
#include <assert.h>
#include <sodium/crypto_shorthash.h>
#include <stdlib.h>

#include "internal.h"

_Static_assert(IKE_HASH_KEY_LEN == crypto_shorthash_KEYBYTES, "key of the hash tables");

static uint64_t our_spi(const struct ike_sa *sa)
{
	return sa->initiator ? sa->spi_i : sa->spi_r;
}

/* Our SPIs are as good as random, so they are their own hash. */
static struct ike_sa_bucket *spi_bucket(struct sl_ike *ike, uint64_t spi)
{
	return &ike->by_spi[spi & ike->bucket_mask];
}

/* A stranger chooses these: a keyed hash denies it the choice of the bucket. */
static struct ike_sa_bucket *request_bucket(
	struct sl_ike *ike, uint64_t spi_i, const struct sl_endpoint *remote)
{
	struct __attribute__((packed)) {
		uint64_t spi;
		uint8_t addr[sizeof(remote->addr.bytes)];
		uint16_t port;
	} key = {.spi = spi_i, .port = remote->port};
	uint64_t hash;

	_Static_assert(sizeof(hash) == crypto_shorthash_BYTES, "hash");
	memcpy(key.addr, remote->addr.bytes, sizeof(key.addr));
	crypto_shorthash((unsigned char *)&hash, (const unsigned char *)&key, sizeof(key), ike->hash_key);
	return &ike->by_request[hash & ike->bucket_mask];
}

struct ike_sa *ike_sa_find(struct sl_ike *ike, uint64_t spi)
{
	struct ike_sa *sa;

	LIST_FOREACH (sa, spi_bucket(ike, spi), by_spi)
		if (our_spi(sa) == spi)
			return sa;
	return NULL;
}

static uint64_t new_spi(struct sl_ike *ike)
{
	uint64_t spi;

	do {
		ike->ops->random(ike->owner, &spi, sizeof(spi));
		spi = ike_spi_from(ike, spi);
	} while (spi == 0 || ike_sa_find(ike, spi));
	return spi;
}

struct ike_sa *ike_sa_new(
	struct sl_ike *ike, enum ike_sa_state state, uint64_t peer_spi, const struct sl_ike_path *path)
{
	struct ike_secrets *secrets = sl_secret_get(ike->secrets);
	struct ike_sa *sa = secrets ? calloc(1, sizeof(*sa)) : NULL;
	uint64_t spi;

	if (!sa) {
		sl_secret_put(ike->secrets, secrets);
		return NULL;
	}
	spi = new_spi(ike);
	sa->ike = ike;
	sa->secrets = secrets;
	sa->state = state;
	sa->initiator = state == IKE_INIT_SENT || state == IKE_REKEYING;
	sa->spi_i = sa->initiator ? spi : peer_spi;
	sa->spi_r = sa->initiator ? peer_spi : spi;
	sa->path = *path;
	sa->started = ++ike->order;
	sa->alive_at = ike->now;
	sa->expires = sa->rekey_at = sa->ends_at = sa->further_at = sa->sure_at = sa->keepalive_at =
		IKE_NEVER;
	TAILQ_INIT(&sa->children);
	TAILQ_INSERT_TAIL(&ike->sas, sa, link);
	LIST_INSERT_HEAD(spi_bucket(ike, spi), sa, by_spi);
	return sa;
}

void ike_sa_add_request(struct ike_sa *sa)
{
	LIST_INSERT_HEAD(request_bucket(sa->ike, sa->spi_i, &sa->path.remote), sa, by_request);
	ike_stranger_enters(sa);
}

struct ike_sa *ike_sa_find_request(
	struct sl_ike *ike, uint64_t spi_i, const struct sl_ike_path *path, const uint8_t *msg, size_t len)
{
	struct ike_sa *sa;

	LIST_FOREACH (sa, request_bucket(ike, spi_i, &path->remote), by_request)
		if (sa->spi_i == spi_i && sl_endpoint_equal(&sa->path.remote, &path->remote) &&
			sl_endpoint_equal(&sa->path.local, &path->local) && sa->init_request.len == len &&
			memcmp(sa->init_request.data, msg, len) == 0)
			return sa;
	return NULL;
}

static void leave_requests(struct ike_sa *sa)
{
	if (!sa->by_request.le_prev)
		return;
	LIST_REMOVE(sa, by_request);
	sa->by_request.le_prev = NULL;
	ike_stranger_leaves(sa);
}

void ike_sa_forget_init(struct ike_sa *sa)
{
	leave_requests(sa);
	sl_wipe(sa->secrets->without_ppk, sizeof(sa->secrets->without_ppk));
	ike_forget(&sa->init_request);
	ike_forget(&sa->init_response);
}

static void leave_peer(struct ike_sa *sa)
{
	struct ike_peer *peer = sa->peer;

	if (!peer)
		return;
	if (sa->state == IKE_ESTABLISHED || sa->state == IKE_DELETING)
		TAILQ_REMOVE(&peer->sas, sa, peer_link);
	if (peer->attempt == sa)
		peer->attempt = NULL;
	if (peer->active == sa)
		peer->active = NULL;
}

/* Nobody shall find it as part of a rekey any more. */
static void leave_rekey(struct ike_sa *sa)
{
	if (sa->origin && sa->origin->rekey.fresh_sa == sa)
		sa->origin->rekey.fresh_sa = NULL;
	if (sa->origin && sa->origin->rekey.rival_sa == sa)
		sa->origin->rekey.rival_sa = NULL;
	if (sa->rekey.rival_sa)
		sa->rekey.rival_sa->origin = NULL;
	if (sa->rekey.fresh_sa)
		ike_sa_drop(sa->rekey.fresh_sa);
}

void ike_sa_drop(struct ike_sa *sa)
{
	struct sl_ike *ike = sa->ike;

	assert(sa->state != IKE_DEAD);
	leave_rekey(sa);
	ike_children_drop(sa);
	leave_peer(sa);
	if (ike->next_timer == sa)
		ike->next_timer = TAILQ_NEXT(sa, link);
	LIST_REMOVE(sa, by_spi);
	leave_requests(sa);
	sl_secret_put(ike->secrets, sa->secrets);
	sa->secrets = NULL;
	sa->state = IKE_DEAD;
	TAILQ_REMOVE(&ike->sas, sa, link);
	TAILQ_INSERT_TAIL(&ike->dead, sa, link);
}

void ike_reap(struct sl_ike *ike)
{
	struct ike_sa *sa;

	while ((sa = TAILQ_FIRST(&ike->dead))) {
		TAILQ_REMOVE(&ike->dead, sa, link);
		ike_forget(&sa->init_request);
		ike_forget(&sa->init_response);
		ike_forget(&sa->request.msg);
		ike_forget(&sa->response);
		ike_fragments_forget(&sa->fragments[false]);
		ike_fragments_forget(&sa->fragments[true]);
		free(sa);
	}
}

struct ike_agreed ike_sa_agreed(const struct ike_sa *sa)
{
	return (struct ike_agreed){
		.spi_i = sa->spi_i,
		.spi_r = sa->spi_r,
		.nonce_i = {sa->nonce_i.data, sa->nonce_i.len},
		.nonce_r = {sa->nonce_r.data, sa->nonce_r.len},
		.cipher = sa->cipher,
		.initiator = sa->initiator,
	};
}

bool ike_sa_derive(struct ike_sa *sa, const struct ike_sa *before, const uint8_t *peer_public)
{
	struct ike_agreed agreed = ike_sa_agreed(sa);
	struct sl_ike *ike = sa->ike;
	struct sl_ike_keys i = {0}, r = {0};

	agreed.before = before ? before->secrets : NULL;
	if (!ike_derive(sa->secrets, &agreed, peer_public, &i, &r))
		return false;
	if (ike->ops->ike_keys)
		ike->ops->ike_keys(ike->owner, sa->spi_i, sa->spi_r, sa->cipher, &i, &r);
	sl_wipe(&i, sizeof(i));
	sl_wipe(&r, sizeof(r));
	return true;
}

static bool recover_keys(
	struct sl_ike_keys *keys, const struct sl_gcm_key *key, const uint8_t *salt, enum sl_cipher cipher)
{
	memcpy(keys->salt, salt, sizeof(keys->salt));
	return sl_gcm_raw_key(keys->key, key, cipher) == 0;
}

/* Those that have no keys yet hold zeros, which are no expanded key. */
static void tell_keys(const struct ike_sa *sa)
{
	const struct ike_secrets *s = sa->secrets;
	struct sl_ike_keys seal, open;

	if (recover_keys(&seal, &s->seal, s->seal_salt, sa->cipher) &&
		recover_keys(&open, &s->open, s->open_salt, sa->cipher))
		sa->ike->ops->ike_keys(sa->ike->owner, sa->spi_i, sa->spi_r, sa->cipher,
			sa->initiator ? &seal : &open, sa->initiator ? &open : &seal);
	sl_wipe(&seal, sizeof(seal));
	sl_wipe(&open, sizeof(open));
}

void sl_ike_tell_keys(const struct sl_ike *ike)
{
	const struct ike_sa *sa;

	TAILQ_FOREACH (sa, &ike->sas, link) {
		if (ike->ops->ike_keys)
			tell_keys(sa);
	}
}

void ike_keep(struct ike_buffer *buffer, const uint8_t *data, size_t len)
{
	ike_forget(buffer);
	buffer->data = malloc(len);
	if (!buffer->data)
		return;
	memcpy(buffer->data, data, len);
	buffer->len = len;
}

void ike_forget(struct ike_buffer *buffer)
{
	free(buffer->data);
	*buffer = (struct ike_buffer){0};
}

void ike_arm(struct sl_ike *ike, uint64_t at)
{
	if (at < ike->deadline)
		ike->deadline = at;
}
