/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Peers that come, change and go while the engine runs, and links that are taken down and up again.
 *
 * A peer that is removed is unknown at once: nobody finds it by its name or address, and its child SAs are gone. But its IKE
 * SAs are still to be deleted, and a Delete may be lost. So the struct stays, out of sight of everything but its IKE SAs,
 * with a configuration of its own that has neither secrets nor anything of the owner's in it, until the last one has ended.
 */
#include <stdlib.h>

#include "internal.h"

void sl_ike_peer_start(struct sl_ike *ike, uint64_t now, unsigned index)
{
	struct ike_peer *peer = ike_peer_at(ike, index);

	ike->now = now;
	if (ike->stopped || peer->conf->start != SL_IKE_START_BOOT || !ike_peer_callable(peer))
		return;
	peer->wanted = true;
	if (!peer->active && !peer->attempt)
		ike_peer_connect(peer);
	ike_reap(ike);
}

void sl_ike_down(struct sl_ike *ike, uint64_t now, unsigned index)
{
	ike->now = now;
	ike_peer_close(ike_peer_at(ike, index));
	ike_reap(ike);
}

void sl_ike_up(struct sl_ike *ike, uint64_t now, unsigned index)
{
	struct ike_peer *peer = ike_peer_at(ike, index);

	ike->now = now;
	if (!peer->closed)
		return;
	peer->closed = false;
	peer->failed_in_row = 0;
	ike_peer_settle(peer);
	sl_ike_connect(ike, now, index);
}

/* ---- Removal ----------------------------------------------------------------------------------------------------- */

void sl_ike_peer_remove(struct sl_ike *ike, uint64_t now, unsigned index)
{
	struct ike_peer *peer = ike_peer_at(ike, index);

	ike->now = now;
	ike_peer_close(peer);
	ike_reap(ike);
	peer->last = *peer->conf;
	peer->last.name = peer->last.ppk_id = "";
	peer->last.ppk = NULL;
	peer->last.flows = NULL;
	peer->last.flow_count = 0;
	peer->conf = &peer->last;
	peer->leaving = true;
}

bool sl_ike_peer_forget(struct sl_ike *ike, unsigned index)
{
	struct ike_peer *peer = ike_peer_at(ike, index);

	if (!peer->leaving || !TAILQ_EMPTY(&peer->sas))
		return false;
	free(peer);
	ike->peers[index] = NULL;
	ike->peers_taken--;
	return true;
}

/* ---- Change in place --------------------------------------------------------------------------------------------- */

static void shorten(struct sl_ike *ike, uint64_t time, uint64_t *rekey_at, uint64_t *ends_at)
{
	uint64_t soft = ike_soft_limit(ike, time), hard = ike->now + 2 * time;

	if (soft < *rekey_at)
		*rekey_at = soft;
	if (hard < *ends_at)
		*ends_at = hard;
}

/* What lives already lives no longer than the configuration says now. */
static void shorten_lives(struct ike_sa *sa)
{
	const struct sl_ike_peer_conf *conf = sa->peer->conf;
	struct ike_child *child;

	if (conf->rekey_time > 0)
		shorten(sa->ike, IKE_LIFE_FACTOR * conf->rekey_time, &sa->rekey_at, &sa->ends_at);
	TAILQ_FOREACH (child, &sa->children, link) {
		uint64_t time = child->flow == SL_IKE_NO_FLOW ? conf->rekey_time
							      : conf->flows[child->flow].rekey_time;

		if (child->state == IKE_CHILD_UP && time > 0)
			shorten(sa->ike, time, &child->rekey_at, &child->ends_at);
	}
}

/* Nobody has answered an attempt yet that may not be, or goes to where the peer is not any more. */
static bool is_stale(const struct ike_peer *peer)
{
	const struct ike_sa *sa = peer->attempt;

	return sa && sa->state == IKE_INIT_SENT &&
	       (!ike_peer_callable(peer) || !sl_endpoint_equal(&sa->path.remote, &peer->conf->endpoint));
}

void sl_ike_peer_changed(struct sl_ike *ike, uint64_t now, unsigned index)
{
	struct ike_peer *peer = ike_peer_at(ike, index);
	struct ike_sa *sa;

	ike->now = now;
	TAILQ_FOREACH (sa, &peer->sas, peer_link) {
		shorten_lives(sa);
		ike_arm(ike, ike_sa_deadline(sa));
	}
	if (is_stale(peer))
		ike_sa_drop(peer->attempt);
	if (!ike_peer_callable(peer))
		peer->wanted = false;
	else if (peer->conf->start == SL_IKE_START_BOOT)
		peer->wanted = true;
	peer->retry_at = IKE_NEVER; /* if there is to be an attempt, then now */
	if (!ike->stopped && peer->wanted && !peer->active && !peer->attempt)
		ike_peer_connect(peer);
	ike_peer_settle(peer);
	ike_reap(ike);
}
