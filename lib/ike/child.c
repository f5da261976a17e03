/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Child SAs: ESP in tunnel mode.
 *
 * In calm an IKE SA has one child for each worker of the end that has more of them. While one replaces another there are
 * more, and the one that both ends have closed stays installed a little longer: what the peer sent before it switched
 * may still be on its way.
 */
#include <assert.h>
#include <stdlib.h>

#include "internal.h"
#include "ts.h"

/* ---- Memory ------------------------------------------------------------------------------------------------------ */

/* Makes room when there are too many: what lingers longest may go. */
static bool has_room(struct ike_sa *sa)
{
	struct ike_child *child, *oldest = NULL;
	unsigned count = 0;

	TAILQ_FOREACH (child, &sa->children, link) {
		count++;
		if (!oldest && child->state == IKE_CHILD_CLOSED)
			oldest = child;
	}
	if (count < IKE_CHILDREN_MAX)
		return true;
	if (oldest)
		ike_child_drop(oldest);
	return oldest != NULL;
}

struct ike_child *ike_child_new(struct ike_sa *sa, unsigned worker, int flow)
{
	struct sl_ike *ike = sa->ike;
	struct ike_child *child = has_room(sa) ? calloc(1, sizeof(*child)) : NULL;

	if (!child)
		return NULL;
	child->spi_in = ike->ops->spi_alloc(ike->owner, sa->peer->index, worker);
	if (child->spi_in == 0) {
		free(child);
		return NULL;
	}
	child->sa = sa;
	child->worker = worker;
	child->flow = flow;
	child->state = IKE_CHILD_OFFERED;
	child->reserved = true;
	child->rekey_at = child->ends_at = child->remove_at = IKE_NEVER;
	TAILQ_INSERT_TAIL(&sa->children, child, link);
	return child;
}

bool ike_child_stands(const struct ike_child *child)
{
	return child->state == IKE_CHILD_UP && !child->successor;
}

/* ---- Which one we send through ----------------------------------------------------------------------------------- */

bool ike_same_selectors(
	const struct sl_ts_list *local, const struct sl_ts_list *remote, const struct ike_child *child)
{
	return ike_ts_within(local, &child->local) && ike_ts_within(&child->local, local) &&
	       ike_ts_within(remote, &child->remote) && ike_ts_within(&child->remote, remote);
}

bool ike_same_flow(const struct ike_child *a, const struct ike_child *b)
{
	return a->worker == b->worker && ike_same_selectors(&a->local, &a->remote, b);
}

struct ike_child *ike_child_in_use(const struct ike_child *flow)
{
	struct ike_child *child;

	TAILQ_FOREACH (child, &flow->sa->children, link)
		if (child->in_use && ike_same_flow(child, flow))
			return child;
	return NULL;
}

void ike_child_use(struct ike_child *child)
{
	struct ike_child *before = ike_child_in_use(child);

	if (before)
		before->in_use = false;
	child->in_use = true;
}

unsigned ike_children_in_use(const struct ike_sa *sa)
{
	const struct ike_child *child;
	unsigned count = 0;

	TAILQ_FOREACH (child, &sa->children, link)
		count += child->in_use;
	return count;
}

/* The child to send through instead of this one, or NULL. */
static struct ike_child *heir_of(const struct ike_child *child)
{
	struct ike_child *other;

	if (child->successor && child->successor->state == IKE_CHILD_UP)
		return child->successor;
	TAILQ_FOREACH_REVERSE(other, &child->sa->children, ike_child_list, link)
	if (other != child && other->state == IKE_CHILD_UP && ike_same_flow(other, child))
		return other;
	return NULL;
}

/* It is not sent through any more. */
static void hand_over(struct ike_child *child)
{
	struct ike_child *heir = child->in_use ? heir_of(child) : NULL;

	child->in_use = false;
	if (heir)
		heir->in_use = true;
}

/* ---- End ----------------------------------------------------------------------------------------------------------- */

/* Takes it out of the owner's hands: nothing is sent through it any more, or received. */
static void take_back(struct ike_child *child)
{
	const struct sl_ike_ops *ops = child->sa->ike->ops;
	void *owner = child->sa->ike->owner;

	if (child->installed)
		ops->child_remove(owner, child->sa->peer->index, child->spi_in);
	else if (child->reserved)
		ops->spi_free(owner, child->spi_in);
	child->installed = child->reserved = child->told = false;
}

static void forget(struct ike_child **pointer, const struct ike_child *child)
{
	if (*pointer == child)
		*pointer = NULL;
}

/* It replaces nothing any more; what it was to replace may be rekeyed again. */
static void succeed_nobody(const struct ike_child *child)
{
	struct ike_child *other;

	TAILQ_FOREACH (other, &child->sa->children, link)
		forget(&other->successor, child);
}

void ike_child_drop(struct ike_child *child)
{
	struct ike_sa *sa = child->sa;

	hand_over(child);
	succeed_nobody(child);
	TAILQ_REMOVE(&sa->children, child, link);
	forget(&sa->request.child, child);
	forget(&sa->rekey.old, child);
	forget(&sa->rekey.fresh, child);
	take_back(child);
	free(child);
}

struct ike_child *ike_child_find_out(const struct ike_sa *sa, uint32_t spi_out)
{
	struct ike_child *child;

	TAILQ_FOREACH (child, &sa->children, link)
		if ((child->state == IKE_CHILD_UP || child->state == IKE_CHILD_CLOSING) &&
			child->spi_out == spi_out)
			return child;
	return NULL;
}

/* ---- Life -------------------------------------------------------------------------------------------------------- */

void ike_children_move(struct ike_sa *sa)
{
	const struct sl_ike_path path = ike_esp_path(sa);
	struct sl_ike *ike = sa->ike;
	struct ike_child *child;

	TAILQ_FOREACH (child, &sa->children, link) {
		if (child->installed && ike->ops->child_move)
			ike->ops->child_move(ike->owner, sa->peer->index, child->spi_in, &path);
	}
}

static void set_limits(struct ike_child *child)
{
	const struct sl_ike_peer_conf *conf = child->sa->peer->conf;
	struct sl_ike *ike = child->sa->ike;
	uint64_t time =
		child->flow == SL_IKE_NO_FLOW ? conf->rekey_time : conf->flows[child->flow].rekey_time;

	if (time == 0)
		return;
	child->rekey_at = ike_soft_limit(ike, time);
	child->ends_at = ike->now + 2 * time;
	ike_arm(ike, child->rekey_at); /* which is earlier */
}

static void tell(const struct ike_child *child, const struct ike_choice *choice)
{
	const struct ike_peer *peer = child->sa->peer;
	bool general = child->flow == SL_IKE_NO_FLOW;

	ike_log(peer->ike, SL_IKE_INFO, (int)peer->index,
		"child SA%s%s: %s, %s sequence numbers, %s, worker %u, spi in 0x%08x out 0x%08x",
		general ? "" : " of flow ", general ? "" : peer->conf->flows[child->flow].name,
		sl_cipher_name(choice->cipher), choice->esn ? "64-bit" : "32-bit",
		child->sa->udp ? "in UDP" : "plain ESP", child->worker, child->spi_in, child->spi_out);
}

bool ike_child_install(struct ike_child *child, const struct ike_terms *terms,
	const struct ike_agreed *agreed, const uint8_t *shared)
{
	const struct ike_choice *choice = &terms->choice;
	struct ike_sa *sa = child->sa;
	struct sl_ike *ike = sa->ike;
	struct sl_ike_child c = {
		.peer = sa->peer->index,
		.worker = child->worker,
		.flow = child->flow,
		.spi_in = child->spi_in,
		.spi_out = (uint32_t)choice->spi,
		.cipher = choice->cipher,
		.esn = choice->esn,
		.udp = sa->udp,
		.nat = sa->behind_nat || sa->peer_behind_nat,
		.path = ike_esp_path(sa),
		.local = terms->local,
		.remote = terms->remote,
	};

	ike_derive_child(sa->secrets, agreed, shared, choice->cipher, agreed->initiator ? &c.out : &c.in,
		agreed->initiator ? &c.in : &c.out);
	child->installed = ike->ops->child_install(ike->owner, &c) >= 0;
	sl_wipe(&c, sizeof(c));
	if (!child->installed) {
		ike_log(ike, SL_IKE_ERROR, (int)sa->peer->index, "no room for another child SA");
		return false;
	}
	child->reserved = false;
	child->spi_out = (uint32_t)choice->spi;
	child->local = terms->local;
	child->remote = terms->remote;
	child->state = IKE_CHILD_UP;
	set_limits(child);
	tell(child, choice);
	return true;
}

void ike_child_close(struct ike_child *child)
{
	child->state = IKE_CHILD_CLOSING;
	hand_over(child);
	ike_arm(child->sa->ike, child->sa->ike->now); /* ike_sa_work() does the rest */
}

void ike_child_closed(struct ike_child *child)
{
	struct sl_ike *ike = child->sa->ike;

	child->state = IKE_CHILD_CLOSED;
	hand_over(child);
	succeed_nobody(child);
	if (!child->installed) {
		ike_child_drop(child);
		return;
	}
	child->remove_at = ike->now + IKE_CHILD_LINGER;
	ike_arm(ike, child->remove_at);
}

void ike_children_drop(struct ike_sa *sa)
{
	while (!TAILQ_EMPTY(&sa->children))
		ike_child_drop(TAILQ_FIRST(&sa->children));
}

/*
 * Nothing has replaced it in time. Its keys seal nothing more from now on, not even when it is being closed already and there
 * is nothing else for its flow; the peer is told when its turn comes.
 */
static void end_of_life(struct ike_child *child)
{
	if (child->state == IKE_CHILD_UP) {
		ike_log(child->sa->ike, SL_IKE_WARNING, (int)child->sa->peer->index,
			"child SA 0x%08x closed: its keys are too old, and the peer has agreed to no others",
			child->spi_in);
		ike_child_close(child);
	}
	take_back(child);
}

void ike_children_tick(struct ike_sa *sa)
{
	struct ike_child *child, *next;
	bool ended = false, closed = false;

	for (child = TAILQ_FIRST(&sa->children); child; child = next) {
		next = TAILQ_NEXT(child, link);
		if (sa->ike->now >= child->remove_at) {
			ike_child_drop(child);
		} else if (sa->ike->now >= child->ends_at && (child->state == IKE_CHILD_UP || child->told)) {
			closed |= child->state == IKE_CHILD_UP;
			ended = true;
			end_of_life(child);
		}
	}
	if (closed && ike_children_in_use(sa) == 0)
		ike_sa_end_of_life(sa);
	else if (ended)
		ike_peer_settle(sa->peer);
}
