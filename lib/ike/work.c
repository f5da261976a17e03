/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What an IKE SA has to ask its peer for. One request may be outstanding (RFC 7296 2.3), so whatever is wanted is
 * noted as state or as a time, and here, whenever the way is free, the most pressing of it becomes the next request:
 * to end what ends, then to renew what is worn, then to get what is lacking, then to ask for a sign of life.
 */
#include "internal.h"

/* Only the SA that the traffic uses is worth renewing. */
static bool rotates(const struct ike_sa *sa)
{
	return sa->state == IKE_ESTABLISHED && sa->peer->active == sa;
}

static struct ike_child *closing_child(const struct ike_sa *sa)
{
	struct ike_child *child;

	TAILQ_FOREACH (child, &sa->children, link)
		if (child->state == IKE_CHILD_CLOSING)
			return child;
	return NULL;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/*
 * Also of one that we do not send through: the peer may. With a successor it is replaced already: its Delete is the
 * peer's to say.
 */
static uint64_t child_rekey_at(const struct ike_child *child)
{
	return child->state != IKE_CHILD_UP || child->successor ? IKE_NEVER : child->rekey_at;
}

/* The first of its children to be rekeyed, or NULL. */
static struct ike_child *next_rekey(const struct ike_sa *sa)
{
	struct ike_child *child, *next = NULL;
	uint64_t at = IKE_NEVER;

	TAILQ_FOREACH (child, &sa->children, link)
		if (child_rekey_at(child) < at) {
			next = child;
			at = child->rekey_at;
		}
	return next;
}

static uint64_t liveness_at(const struct ike_sa *sa)
{
	uint64_t delay = sa->peer->conf->dpd_delay;

	return delay ? sa->alive_at + delay : IKE_NEVER;
}

uint64_t ike_sa_deadline(const struct ike_sa *sa)
{
	const struct ike_child *child;
	uint64_t at = earlier(sa->expires, sa->keepalive_at);

	TAILQ_FOREACH (child, &sa->children, link) {
		at = earlier(at, child->remove_at);
		if (child->state == IKE_CHILD_UP || child->told)
			at = earlier(at, child->ends_at);
	}
	if (sa->request.tries > 0)
		return earlier(at, sa->request.at);
	if (sa->state != IKE_ESTABLISHED)
		return at;
	if (closing_child(sa))
		return sa->ike->now;
	if (rotates(sa)) {
		at = earlier(at, earlier(sa->rekey_at, sa->ends_at));
		at = earlier(at, earlier(sa->further_at, sa->sure_at));
		child = next_rekey(sa);
		at = earlier(at, child ? child->rekey_at : IKE_NEVER);
	}
	return earlier(at, liveness_at(sa));
}

/* Keys that are too old seal nothing more, whatever that costs. */
void ike_sa_end_of_life(struct ike_sa *sa)
{
	ike_log(sa->ike, SL_IKE_WARNING, (int)sa->peer->index,
		"link down: its keys are too old, and the peer has agreed to no others");
	ike_children_drop(sa);
	ike_rekey_sa_give_up(sa);
	ike_delete_start(sa);
	ike_peer_settle(sa->peer);
}

void ike_sa_work(struct ike_sa *sa)
{
	uint64_t now = sa->ike->now;
	struct ike_child *child, *next;

	if (sa->state != IKE_ESTABLISHED || sa->request.tries > 0)
		return;
	child = closing_child(sa);
	next = next_rekey(sa);
	if (child)
		ike_child_delete_start(child);
	else if (rotates(sa) && now >= sa->ends_at)
		ike_sa_end_of_life(sa);
	else if (rotates(sa) && now >= sa->rekey_at)
		ike_rekey_sa_start(sa);
	else if (rotates(sa) && next && now >= next->rekey_at)
		ike_rekey_child_start(next);
	else if (rotates(sa) && now >= earlier(sa->further_at, sa->sure_at))
		ike_further_work(sa);
	else if (now >= liveness_at(sa))
		ike_liveness_start(sa);
	ike_arm(sa->ike, ike_sa_deadline(sa));
}

static uint64_t random_below(struct sl_ike *ike, uint64_t limit)
{
	uint64_t random;

	ike->ops->random(ike->owner, &random, sizeof(random));
	return limit ? random % limit : 0;
}

uint64_t ike_soft_limit(struct sl_ike *ike, uint64_t time)
{
	return ike->now + time - random_below(ike, time / 10);
}

uint64_t ike_rekey_again(struct sl_ike *ike, unsigned failures)
{
	uint64_t delay = IKE_REKEY_FIRST << (failures < IKE_REKEYS_MAX ? failures : IKE_REKEYS_MAX);

	/* Two ends that refuse each other, because both ask, must not do so for ever in step. */
	return ike->now + delay + random_below(ike, 2 * delay);
}
