/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Links to peers: when to connect, and which IKE SA is used when there is more than one.
 *
 * Two ends that start at once get two IKE SAs. Both see the same nonces, so both find the same winner: the
 * one that does not hold the lowest of the four. The other is deleted by its initiator; its responder sends
 * through the winner at once and waits for that Delete. The initiator may have given up before it saw the
 * answer, so the wait has an end.
 *
 * That is for exchanges which overlapped in time. An IKE SA that was begun when another stood already means
 * that its initiator has no use for the other one: the newer wins.
 *
 * Our own attempt goes on when the peer's comes up, as the peer may have it established already; but one that
 * has not got any answer yet is unknown to the peer or half-open there, and is given up.
 */
#include <stdarg.h>
#include <stdio.h>

#include "internal.h"

static const struct ike_nonce *lowest_nonce(const struct ike_sa *sa)
{
	return ike_lower_nonce(&sa->nonce_i, &sa->nonce_r);
}

static bool better(const struct ike_sa *a, const struct ike_sa *b)
{
	if (b->established < a->started)
		return true;
	if (a->established < b->started)
		return false;
	return ike_compare_nonces(lowest_nonce(a), lowest_nonce(b)) > 0;
}

static struct ike_sa *find_best(const struct ike_peer *peer)
{
	struct ike_sa *sa, *best = NULL;

	TAILQ_FOREACH (sa, &peer->sas, peer_link)
		if (sa->state == IKE_ESTABLISHED && ike_children_in_use(sa) > 0 &&
			(!best || better(sa, best)))
			best = sa;
	return best;
}

static void set_state(struct ike_peer *peer)
{
	enum sl_ike_state state = SL_IKE_DOWN;

	if (peer->closed)
		state = SL_IKE_CLOSED;
	else if (peer->active)
		state = SL_IKE_UP;
	else if (peer->attempt || peer->retry_at != IKE_NEVER)
		state = SL_IKE_CONNECTING;
	if (state == peer->state)
		return;
	peer->state = state;
	peer->since = peer->ike->now;
}

static void retry_in(struct ike_peer *peer, uint64_t delay)
{
	peer->retry_at = peer->ike->now + delay;
	ike_arm(peer->ike, peer->retry_at);
}

/* Of the children in a flow with this one, the owner sends through none any more. */
static void untell(struct ike_peer *peer, const struct ike_child *flow)
{
	struct ike_child *child;
	struct ike_sa *sa;

	TAILQ_FOREACH (sa, &peer->sas, peer_link)
		TAILQ_FOREACH (child, &sa->children, link)
			if (child->told && ike_same_flow(child, flow))
				child->told = false;
}

/* What is in use of this IKE SA is what the owner sends through. */
static void tell_owner(struct ike_peer *peer, struct ike_sa *sa)
{
	struct sl_ike *ike = peer->ike;
	struct ike_child *child;

	TAILQ_FOREACH (child, &sa->children, link) {
		if (!child->in_use || child->told)
			continue;
		untell(peer, child);
		child->told = true;
		ike->ops->child_use_outbound(ike->owner, peer->index, child->spi_in);
	}
}

/*
 * What the owner still sends through, as there is nothing else for its flow, goes nowhere when both ends have closed it,
 * or its IKE SA ends. Then nothing is to be received either.
 */
static void drop_ending(struct ike_sa *sa)
{
	struct ike_child *child, *next;

	for (child = TAILQ_FIRST(&sa->children); child; child = next) {
		next = TAILQ_NEXT(child, link);
		if (child->told && (sa->state == IKE_DELETING || child->state == IKE_CHILD_CLOSED))
			ike_child_drop(child);
	}
}

static bool still_sent_through(const struct ike_sa *sa)
{
	const struct ike_child *child;

	TAILQ_FOREACH (child, &sa->children, link)
		if (child->told)
			return true;
	return false;
}

/*
 * SAs that are not used: ours are deleted, for the peer's Delete we wait a while. Of one that has been replaced the
 * initiator of the rekey says Delete. An SA that some worker needs until the best one has a child for it may stay that
 * while too.
 */
static void end_losers(struct ike_peer *peer, const struct ike_sa *best)
{
	struct ike_sa *sa;

	TAILQ_FOREACH (sa, &peer->sas, peer_link) {
		if (sa == best || sa->state != IKE_ESTABLISHED)
			continue;
		if (sa->initiator && !sa->replaced && !still_sent_through(sa)) {
			ike_delete_start(sa);
		} else if (sa->expires == IKE_NEVER) {
			sa->expires = peer->ike->now + IKE_LINGER;
			ike_arm(peer->ike, sa->expires);
		}
	}
}

void ike_peer_settle(struct ike_peer *peer)
{
	struct sl_ike *ike = peer->ike;
	struct ike_sa *best = find_best(peer), *sa;

	peer->active = best;
	if (best) {
		tell_owner(peer, best);
		best->expires = IKE_NEVER;
		ike_further_plan(best);
		ike_arm(ike, ike_sa_deadline(best));
	}
	TAILQ_FOREACH (sa, &peer->sas, peer_link)
		drop_ending(sa);
	end_losers(peer, best);
	if (best)
		peer->retry_at = IKE_NEVER;
	else if (peer->wanted && !peer->attempt && peer->retry_at == IKE_NEVER)
		retry_in(peer, IKE_BACKOFF_FIRST);
	set_state(peer);
}

/* An authenticated peer may not fill our memory either. Who replaces another still needs it. */
static void limit_sas(struct ike_peer *peer, const struct ike_sa *newest)
{
	struct ike_sa *sa, *oldest = NULL;
	unsigned count = 0;

	TAILQ_FOREACH (sa, &peer->sas, peer_link) {
		count++;
		if (!oldest && sa != peer->active && sa != newest && sa != newest->origin)
			oldest = sa;
	}
	if (count > IKE_PEER_SAS_MAX)
		ike_sa_drop(oldest);
}

/* What an IKE SA without a child SA is not enough for. */
static void link_works(struct ike_peer *peer)
{
	peer->failed_in_row = 0;
	peer->last_error[0] = '\0';
	if (peer->attempt && peer->attempt->state == IKE_INIT_SENT)
		ike_sa_drop(peer->attempt);
}

void ike_peer_add(struct ike_peer *peer, struct ike_sa *sa)
{
	struct sl_ike *ike = peer->ike;
	uint64_t time = IKE_LIFE_FACTOR * peer->conf->rekey_time;

	sa->state = IKE_ESTABLISHED;
	/* What comes of rekeying is as old as what it came of: its age tells which link the peer meant last. */
	sa->established = sa->origin ? sa->origin->established : ++ike->order;
	sa->alive_at = ike->now;
	sa->expires = IKE_NEVER;
	if (time > 0) {
		sa->rekey_at = ike_soft_limit(ike, time);
		sa->ends_at = ike->now + 2 * time;
	}
	TAILQ_INSERT_TAIL(&peer->sas, sa, peer_link);
	ike_keepalive(sa);
	limit_sas(peer, sa);
	ike_arm(ike, ike_sa_deadline(sa));
}

/* Of a peer whose key is being replaced the operator wants to know when it has changed over. */
static void note_key(struct ike_peer *peer, const struct ike_sa *sa)
{
	const uint8_t *key = peer->conf->public_keys[sa->peer_key]; /* it is authenticated */
	char now[SL_FINGERPRINT_MAX], before[SL_FINGERPRINT_MAX];

	if (peer->handshakes > 0 && memcmp(peer->public_key, key, sizeof(peer->public_key)) != 0)
		ike_log(peer->ike, SL_IKE_INFO, (int)peer->index,
			"the peer signs with its key %s now, no longer with %s",
			sl_public_fingerprint(now, key), sl_public_fingerprint(before, peer->public_key));
	memcpy(peer->public_key, key, sizeof(peer->public_key));
}

void ike_peer_established(struct ike_peer *peer, struct ike_sa *sa)
{
	struct sl_ike *ike = peer->ike;
	bool linked = ike_children_in_use(sa) > 0;
	char where[SL_ADDR_TEXT];

	if (peer->attempt == sa)
		peer->attempt = NULL;
	ike_peer_add(peer, sa);
	if (linked)
		link_works(peer);
	note_key(peer, sa);
	peer->handshakes++;
	peer->last_handshake = ike->now;
	ike_log(ike, SL_IKE_INFO, (int)peer->index, "%s with %s, %s, IKE SA %016llx %016llx",
		linked ? "link up" : "authenticated, but no child SA",
		sl_endpoint_text(&sa->path.remote, where), sa->initiator ? "by us" : "by the peer",
		(unsigned long long)sa->spi_i, (unsigned long long)sa->spi_r);
	ike_peer_settle(peer);
}

void ike_peer_initial_contact(struct ike_peer *peer, const struct ike_sa *sa)
{
	struct ike_sa *old, *next;

	for (old = TAILQ_FIRST(&peer->sas); old; old = next) {
		next = TAILQ_NEXT(old, peer_link);
		if (old->established >= sa->started)
			continue;
		ike_log(peer->ike, SL_IKE_INFO, (int)peer->index,
			"the peer has started anew: IKE SA %016llx %016llx is void",
			(unsigned long long)old->spi_i, (unsigned long long)old->spi_r);
		ike_sa_drop(old);
	}
}

void ike_peer_connect(struct ike_peer *peer)
{
	peer->retry_at = IKE_NEVER;
	peer->called_at = peer->ike->now;
	if (!ike_init_start(peer))
		ike_peer_failed(peer, NULL, "there are too many IKE SAs");
	set_state(peer);
}

bool ike_peer_callable(const struct ike_peer *peer)
{
	const struct sl_addr *remote = &peer->conf->endpoint.addr;

	return !peer->closed && peer->conf->start != SL_IKE_START_NONE && remote->family != SL_NONE &&
	       ike_address_for(peer->ike, remote)->family == remote->family;
}

void ike_peer_renew(struct ike_peer *peer)
{
	if (!peer->attempt && ike_peer_callable(peer))
		ike_peer_connect(peer);
}

/* The time in which nobody answered was waiting already. */
static uint64_t backoff(const struct ike_peer *peer)
{
	uint64_t delay = IKE_BACKOFF_FIRST, waited = peer->ike->now - peer->called_at;

	for (unsigned i = 1; i < peer->failed_in_row && delay < IKE_BACKOFF_MAX; i++)
		delay *= 2;
	if (delay > IKE_BACKOFF_MAX)
		delay = IKE_BACKOFF_MAX;
	return delay > waited + IKE_BACKOFF_FIRST ? delay - waited : IKE_BACKOFF_FIRST;
}

void ike_peer_failed(struct ike_peer *peer, struct ike_sa *sa, const char *format, ...)
{
	struct sl_ike *ike = peer->ike;
	va_list args;

	va_start(args, format);
	vsnprintf(peer->last_error, sizeof(peer->last_error), format, args);
	va_end(args);
	peer->failures++;
	peer->failed_in_row++;
	if (sa)
		ike_sa_drop(sa);
	if (peer->wanted && !peer->active) {
		uint64_t delay = backoff(peer);

		retry_in(peer, delay);
		ike_log(ike, SL_IKE_WARNING, (int)peer->index, "%s; trying again in %u s", peer->last_error,
			(unsigned)(delay / IKE_S));
	} else {
		ike_log(ike, SL_IKE_WARNING, (int)peer->index, "%s", peer->last_error);
	}
	ike_peer_settle(peer);
}

/* What the peer may have established already it shall not keep. */
static void give_up_attempt(struct ike_sa *sa)
{
	if (sa->state == IKE_AUTH_SENT)
		ike_delete_last(sa);
	ike_sa_drop(sa);
}

void ike_peer_close(struct ike_peer *peer)
{
	struct ike_sa *sa;

	peer->closed = true;
	peer->wanted = false;
	peer->retry_at = IKE_NEVER;
	if (peer->attempt)
		give_up_attempt(peer->attempt);
	TAILQ_FOREACH (sa, &peer->sas, peer_link) {
		ike_children_drop(sa);
		ike_rekey_sa_give_up(sa);
		if (sa->state == IKE_ESTABLISHED)
			ike_delete_start(sa);
	}
	ike_peer_settle(peer);
}
