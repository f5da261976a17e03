/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The engine: the public interface, dispatch of what arrives, timers.
 */
#include <assert.h>
#include <stdlib.h>

#include "internal.h"
#include "ts.h"

enum { SA_LIMIT = 1 << 20 }; /* on conf->sa_max: the hash tables are sized by it */

static bool make_tables(struct sl_ike *ike, unsigned sa_max)
{
	unsigned buckets = 1;

	while (buckets < sa_max)
		buckets *= 2;
	ike->bucket_mask = buckets - 1;
	ike->by_spi = calloc(buckets, sizeof(*ike->by_spi));
	ike->by_request = calloc(buckets, sizeof(*ike->by_request));
	ike->by_source = calloc(buckets, sizeof(*ike->by_source));
	ike->secrets = sl_secret_pool_new(sizeof(struct ike_secrets), sa_max);
	return ike->by_spi && ike->by_request && ike->by_source && ike->secrets;
}

struct sl_ike *sl_ike_new(const struct sl_ike_conf *conf, const struct sl_ike_ops *ops, void *owner)
{
	struct sl_ike *ike = calloc(1, sizeof(*ike));

	assert(conf->sa_max > 0 && conf->sa_max <= SA_LIMIT);
	assert(strlen(conf->name) <= SL_IKE_NAME_MAX && conf->selectors.count <= SL_TS_MAX);
	assert(conf->workers > 0 && conf->workers <= SL_IKE_WORKERS_MAX);
	assert(conf->mtu == 0 || conf->mtu >= SL_IKE_MTU_MIN);
	if (!ike)
		return NULL;
	ike->conf = conf;
	ike->ops = ops;
	ike->owner = owner;
	ike->deadline = IKE_NEVER;
	TAILQ_INIT(&ike->sas);
	TAILQ_INIT(&ike->dead);
	ike->cookies = sl_secret_alloc(sizeof(*ike->cookies));
	if (!ike->cookies || !make_tables(ike, conf->sa_max)) {
		sl_ike_free(ike);
		return NULL;
	}
	ops->random(owner, ike->hash_key, sizeof(ike->hash_key));
	return ike;
}

struct ike_peer *ike_peer_at(const struct sl_ike *ike, unsigned index)
{
	assert(index < ike->peer_count && ike->peers[index]);
	return ike->peers[index];
}

struct ike_peer *ike_peer_from(const struct sl_ike *ike, unsigned index)
{
	while (index < ike->peer_count && (!ike->peers[index] || ike->peers[index]->leaving))
		index++;
	return index < ike->peer_count ? ike->peers[index] : NULL;
}

static void drop_all(struct sl_ike *ike)
{
	while (!TAILQ_EMPTY(&ike->sas))
		ike_sa_drop(TAILQ_FIRST(&ike->sas));
	ike_reap(ike);
}

void sl_ike_free(struct sl_ike *ike)
{
	if (!ike)
		return;
	drop_all(ike);
	for (unsigned i = 0; i < ike->peer_count; i++)
		free(ike->peers[i]);
	free(ike->peers);
	free(ike->by_spi);
	free(ike->by_request);
	free(ike->by_source);
	sl_secret_pool_free(ike->secrets);
	sl_secret_free(ike->cookies);
	free(ike);
}

/* The lowest index that is free; -1 when memory is short. */
static int free_index(struct sl_ike *ike)
{
	struct ike_peer **peers;
	unsigned index = 0;

	while (index < ike->peer_count && ike->peers[index])
		index++;
	if (index < ike->peer_count)
		return (int)index;
	peers = realloc(ike->peers, (ike->peer_count + 1) * sizeof(*peers));
	if (!peers)
		return -1;
	ike->peers = peers;
	peers[ike->peer_count++] = NULL;
	return (int)index;
}

static void check_conf(const struct sl_ike *ike, const struct sl_ike_peer_conf *conf)
{
	assert(strlen(conf->name) <= SL_IKE_NAME_MAX && conf->selectors.count <= SL_TS_MAX);
	assert(!conf->ppk || (conf->ppk->len > 0 && strlen(conf->ppk_id) <= SL_IKE_NAME_MAX));
	assert(conf->cipher_count > 0 && conf->cipher_count <= SL_CIPHER_COUNT);
	assert(conf->flow_count <= SL_IKE_FLOWS_MAX);
	for (unsigned i = 0; i < conf->flow_count; i++)
		assert(ike_ts_within(&conf->flows[i].local, &ike->conf->selectors) &&
			ike_ts_within(&conf->flows[i].remote, &conf->selectors));
}

int sl_ike_peer_add(struct sl_ike *ike, const struct sl_ike_peer_conf *conf)
{
	struct ike_peer *peer = calloc(1, sizeof(*peer));
	int index = peer ? free_index(ike) : -1;

	if (index < 0) {
		free(peer);
		return -1;
	}
	check_conf(ike, conf);
	peer->ike = ike;
	peer->index = (unsigned)index;
	peer->conf = conf;
	peer->added = ++ike->order;
	peer->retry_at = IKE_NEVER;
	TAILQ_INIT(&peer->sas);
	ike->peers[index] = peer;
	ike->peers_taken++;
	return index;
}

void sl_ike_start(struct sl_ike *ike, uint64_t now)
{
	struct ike_peer *peer;

	IKE_FOREACH_PEER(peer, ike)
	sl_ike_peer_start(ike, now, peer->index);
}

void sl_ike_input(
	struct sl_ike *ike, uint64_t now, const struct sl_ike_path *path, const uint8_t *msg, size_t len)
{
	struct ike_head head;

	ike->now = now;
	ike->stats.messages_in++;
	if (ike->stopped)
		return;
	if (ike_parse_header(&head, msg, len) != IKE_OK || head.spi_i == 0) {
		ike->stats.malformed++;
		return;
	}
	switch (head.exchange) {
	case IKE_SA_INIT:
		if (head.response)
			ike_init_response(ike, &head, path, msg, len);
		else
			ike_init_request(ike, &head, path, msg, len);
		break;
	case IKE_AUTH:
	case IKE_CREATE_CHILD_SA:
	case IKE_INFORMATIONAL: ike_protected_input(ike, &head, path, msg, len); break;
	default: ike->stats.malformed++; break;
	}
	ike_reap(ike);
}

/* An SA that had until now to get on, and did not. */
static void expire(struct ike_sa *sa)
{
	struct ike_peer *peer = sa->peer;

	if (sa->state == IKE_HALF_OPEN) {
		ike_sa_drop(sa);
	} else {
		ike_delete_start(sa);
		ike_peer_settle(peer);
	}
}

static void run_timers(struct ike_sa *sa)
{
	uint64_t now = sa->ike->now;

	ike_children_tick(sa);
	if (now >= sa->keepalive_at)
		ike_keepalive(sa);
	if (sa->request.tries > 0 && now >= sa->request.at)
		ike_retransmit(sa);
	else if (now >= sa->expires)
		expire(sa);
	else
		ike_sa_work(sa);
}

static void find_deadline(struct sl_ike *ike)
{
	struct ike_peer *peer;
	struct ike_sa *sa;

	ike->deadline = IKE_NEVER;
	TAILQ_FOREACH (sa, &ike->sas, link)
		ike_arm(ike, ike_sa_deadline(sa));
	IKE_FOREACH_PEER(peer, ike)
	ike_arm(ike, peer->retry_at);
}

void sl_ike_tick(struct sl_ike *ike, uint64_t now)
{
	struct ike_peer *peer;
	struct ike_sa *sa;

	ike->now = now;
	if (now < ike->deadline)
		return;
	for (sa = TAILQ_FIRST(&ike->sas); sa; sa = ike->next_timer) {
		ike->next_timer = TAILQ_NEXT(sa, link); /* ike_sa_drop() moves it on when that one goes */
		run_timers(sa);
	}
	IKE_FOREACH_PEER(peer, ike)
	if (now >= peer->retry_at)
		ike_peer_connect(peer);
	ike_reap(ike);
	find_deadline(ike);
}

uint64_t sl_ike_deadline(const struct sl_ike *ike)
{
	return ike->deadline;
}

void sl_ike_connect(struct sl_ike *ike, uint64_t now, unsigned index)
{
	struct ike_peer *peer = ike_peer_at(ike, index);

	ike->now = now;
	if (ike->stopped || !ike_peer_callable(peer))
		return;
	peer->wanted = true;
	if (!peer->active && !peer->attempt && peer->retry_at == IKE_NEVER)
		ike_peer_connect(peer);
	ike_reap(ike);
}

static struct ike_child *find_up(const struct ike_sa *sa, uint32_t spi_in)
{
	struct ike_child *child;

	if (!sa)
		return NULL;
	TAILQ_FOREACH (child, &sa->children, link)
		if (child->state == IKE_CHILD_UP && child->spi_in == spi_in)
			return child;
	return NULL;
}

bool sl_ike_rekey_child(struct sl_ike *ike, uint64_t now, uint32_t spi_in)
{
	struct ike_child *child = NULL;
	struct ike_peer *peer;

	ike->now = now;
	for (peer = ike_peer_from(ike, 0); peer && !child; peer = ike_peer_from(ike, peer->index + 1))
		child = find_up(peer->active, spi_in);
	if (ike->stopped || !child)
		return false;
	if (child->failures == 0) /* else the next attempt is planned */
		child->rekey_at = now;
	ike_sa_work(child->sa);
	ike_reap(ike);
	return true;
}

bool sl_ike_rekey(struct sl_ike *ike, uint64_t now, unsigned index)
{
	struct ike_sa *sa = ike_peer_at(ike, index)->active;

	ike->now = now;
	if (ike->stopped || !sa)
		return false;
	if (sa->rekey_failures == 0)
		sa->rekey_at = now;
	ike_sa_work(sa);
	ike_reap(ike);
	return true;
}

void sl_ike_alive(struct sl_ike *ike, uint64_t now, unsigned index)
{
	struct ike_peer *peer = ike_peer_at(ike, index);
	struct ike_sa *sa = peer->active;

	peer->heard_at = now;
	/* With several SAs nobody knows through which the packet came: each must answer for itself then. */
	if (sa && sa == TAILQ_FIRST(&sa->peer->sas) && !TAILQ_NEXT(sa, peer_link))
		sa->alive_at = now;
}

void sl_ike_shutdown(struct sl_ike *ike, uint64_t now)
{
	struct ike_peer *peer;
	struct ike_sa *sa;

	ike->now = now;
	ike->stopped = true;
	TAILQ_FOREACH (sa, &ike->sas, link)
		if (sa->state == IKE_ESTABLISHED || sa->state == IKE_DELETING || sa->state == IKE_AUTH_SENT)
			ike_delete_last(sa);
	drop_all(ike);
	IKE_FOREACH_PEER(peer, ike)
	{
		peer->wanted = false;
		peer->retry_at = IKE_NEVER;
		ike_peer_settle(peer);
	}
	ike->deadline = IKE_NEVER;
}

static unsigned children_told(const struct ike_peer *peer)
{
	const struct ike_child *child;
	const struct ike_sa *sa;
	unsigned count = 0;

	TAILQ_FOREACH (sa, &peer->sas, peer_link)
		TAILQ_FOREACH (child, &sa->children, link)
			count += child->told;
	return count;
}

void sl_ike_peer_info(const struct sl_ike *ike, unsigned index, struct sl_ike_peer_info *info)
{
	const struct ike_peer *peer = ike_peer_at(ike, index);
	const struct ike_sa *sa = peer->active;

	*info = (struct sl_ike_peer_info){
		.state = peer->state,
		.since = peer->since,
		.last_handshake = peer->last_handshake,
		.handshakes = peer->handshakes,
		.failures = peer->failures,
		.rekeys = peer->rekeys,
		.ike_rekeys = peer->ike_rekeys,
		.rekey_at = sa ? sa->rekey_at : IKE_NEVER,
		.endpoint = sa ? sa->path.remote : peer->conf->endpoint,
		.children = children_told(peer),
	};
	memcpy(info->public_key, peer->public_key, sizeof(info->public_key));
	memcpy(info->last_error, peer->last_error, sizeof(info->last_error));
	if (sa) {
		info->spi_i = sa->spi_i;
		info->spi_r = sa->spi_r;
		info->cipher = sa->cipher;
	}
}

void sl_ike_child_limits(
	const struct sl_ike *ike, unsigned peer, uint32_t spi_in, struct sl_ike_child_limits *limits)
{
	const struct ike_child *child = NULL;
	const struct ike_sa *sa;

	*limits = (struct sl_ike_child_limits){IKE_NEVER, IKE_NEVER};
	TAILQ_FOREACH (sa, &ike_peer_at(ike, peer)->sas, peer_link) {
		child = find_up(sa, spi_in);
		if (child)
			break;
	}
	if (!child)
		return;
	limits->ends_at = child->ends_at;
	if (!child->successor)
		limits->rekey_at = child->rekey_at;
}

void sl_ike_get_stats(const struct sl_ike *ike, struct sl_ike_stats *stats)
{
	const struct ike_sa *sa;

	*stats = ike->stats;
	TAILQ_FOREACH (sa, &ike->sas, link) {
		if (sa->state == IKE_ESTABLISHED || sa->state == IKE_DELETING)
			stats->established++;
		else if (sa->state != IKE_REKEYING)
			stats->half_open++;
	}
}

const char *sl_ike_state_name(enum sl_ike_state state)
{
	switch (state) {
	case SL_IKE_DOWN: return "down";
	case SL_IKE_CONNECTING: return "connecting";
	case SL_IKE_UP: return "up";
	case SL_IKE_CLOSED: return "closed";
	}
	return "?";
}
