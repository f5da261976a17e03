/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Child SAs: ESP in tunnel mode, in UDP. A peer's wish for transport mode is not granted by not being answered
 * (RFC 7296 1.3.1).
 *
 * In calm an IKE SA has one child. While one replaces another there are more, and the one that both ends have
 * closed stays installed a little longer: what the peer sent before it switched may still be on its way.
 */
#include <assert.h>
#include <stdlib.h>

#include "internal.h"
#include "ts.h"

struct ike_policy ike_child_policy(const struct ike_peer *peer, bool rekey)
{
	return (struct ike_policy){
		.protocol = IKE_PROTO_ESP,
		.ciphers = peer->conf->ciphers,
		.cipher_count = peer->conf->cipher_count,
		.esn = peer->conf->esn,
		.rekey = rekey,
	};
}

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

struct ike_child *ike_child_new(struct ike_sa *sa)
{
	struct sl_ike *ike = sa->ike;
	struct ike_child *child = has_room(sa) ? calloc(1, sizeof(*child)) : NULL;

	if (!child)
		return NULL;
	child->spi_in = ike->ops->spi_alloc(ike->owner, sa->peer->index, 0);
	if (child->spi_in == 0) {
		free(child);
		return NULL;
	}
	child->sa = sa;
	child->state = IKE_CHILD_OFFERED;
	child->rekey_at = child->ends_at = child->remove_at = IKE_NEVER;
	TAILQ_INSERT_TAIL(&sa->children, child, link);
	return child;
}

/* The child to send through instead of this one, or NULL. */
static struct ike_child *heir_of(const struct ike_child *child)
{
	struct ike_child *other;

	if (child->successor && child->successor->state == IKE_CHILD_UP)
		return child->successor;
	TAILQ_FOREACH_REVERSE(other, &child->sa->children, ike_child_list, link)
	if (other != child && other->state == IKE_CHILD_UP)
		return other;
	return NULL;
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
	struct ike_peer *peer = sa->peer;
	const struct sl_ike_ops *ops = sa->ike->ops;

	if (sa->child == child)
		sa->child = heir_of(child);
	succeed_nobody(child);
	TAILQ_REMOVE(&sa->children, child, link);
	forget(&sa->request.child, child);
	forget(&sa->rekey.old, child);
	forget(&sa->rekey.fresh, child);
	if (child->installed)
		ops->child_remove(sa->ike->owner, peer->index, child->spi_in);
	else
		ops->spi_free(sa->ike->owner, child->spi_in);
	if (child->installed && peer->outbound == child->spi_in)
		peer->outbound = 0;
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

/* ESP runs between the ports where IKE over UDP lives; a peer that spoke from 500 has its ESP on 4500 (RFC 3948). */
static struct sl_ike_path esp_path(const struct ike_sa *sa)
{
	struct sl_ike_path path = sa->path;

	path.local.port = SL_IKE_NAT_PORT;
	if (path.remote.port == SL_IKE_PORT)
		path.remote.port = SL_IKE_NAT_PORT;
	return path;
}

void ike_children_move(struct ike_sa *sa)
{
	const struct sl_ike_path path = esp_path(sa);
	struct sl_ike *ike = sa->ike;
	struct ike_child *child;

	TAILQ_FOREACH (child, &sa->children, link) {
		if (child->installed && ike->ops->child_move)
			ike->ops->child_move(ike->owner, sa->peer->index, child->spi_in, &path);
	}
}

static void set_limits(struct ike_child *child)
{
	struct sl_ike *ike = child->sa->ike;
	uint64_t time = child->sa->peer->conf->rekey_time;

	if (time == 0)
		return;
	child->rekey_at = ike_soft_limit(ike, time);
	child->ends_at = ike->now + 2 * time;
	ike_arm(ike, child->rekey_at);
}

bool ike_child_install(struct ike_child *child, const struct ike_terms *terms,
	const struct ike_agreed *agreed, const uint8_t *shared)
{
	const struct ike_choice *choice = &terms->choice;
	struct ike_sa *sa = child->sa;
	struct sl_ike *ike = sa->ike;
	struct sl_ike_child c = {
		.peer = sa->peer->index,
		.spi_in = child->spi_in,
		.spi_out = (uint32_t)choice->spi,
		.cipher = choice->cipher,
		.esn = choice->esn,
		.udp = true,
		.nat = sa->peer_behind_nat,
		.path = esp_path(sa),
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
	child->spi_out = (uint32_t)choice->spi;
	child->state = IKE_CHILD_UP;
	set_limits(child);
	ike_log(ike, SL_IKE_INFO, (int)sa->peer->index,
		"child SA: %s, %s sequence numbers, spi in 0x%08x out 0x%08x", sl_cipher_name(choice->cipher),
		choice->esn ? "64-bit" : "32-bit", child->spi_in, child->spi_out);
	return true;
}

void ike_child_close(struct ike_child *child)
{
	struct ike_sa *sa = child->sa;

	child->state = IKE_CHILD_CLOSING;
	if (sa->child == child)
		sa->child = heir_of(child);
	ike_arm(sa->ike, sa->ike->now); /* ike_sa_work() does the rest */
}

void ike_child_closed(struct ike_child *child)
{
	struct ike_sa *sa = child->sa;

	child->state = IKE_CHILD_CLOSED;
	succeed_nobody(child);
	if (sa->child == child)
		sa->child = heir_of(child);
	/* With nothing to move the traffic to, nothing is to be received either: the link ends. */
	if (!child->installed || !sa->child) {
		ike_child_drop(child);
		return;
	}
	child->remove_at = sa->ike->now + IKE_CHILD_LINGER;
	ike_arm(sa->ike, child->remove_at);
}

void ike_children_drop(struct ike_sa *sa)
{
	while (!TAILQ_EMPTY(&sa->children))
		ike_child_drop(TAILQ_FIRST(&sa->children));
}

void ike_children_tick(struct ike_sa *sa)
{
	struct ike_child *child, *next;

	for (child = TAILQ_FIRST(&sa->children); child; child = next) {
		next = TAILQ_NEXT(child, link);
		if (sa->ike->now >= child->remove_at)
			ike_child_drop(child);
	}
}

/* ---- Agreement --------------------------------------------------------------------------------------------------- */

void ike_write_child_offer(struct ike_writer *w, const struct ike_child *child, bool rekey)
{
	const struct ike_policy policy = ike_child_policy(child->sa->peer, rekey);

	ike_write_proposal(w, &policy, child->spi_in);
}

void ike_write_child_offer_ts(struct ike_writer *w, const struct ike_child *child)
{
	ike_write_ts(w, IKE_P_TSI, &child->sa->ike->conf->selectors);
	ike_write_ts(w, IKE_P_TSR, &child->sa->peer->conf->selectors);
}

void ike_write_child_choice_ts(struct ike_writer *w, const struct ike_terms *terms)
{
	ike_write_ts(w, IKE_P_TSI, &terms->remote);
	ike_write_ts(w, IKE_P_TSR, &terms->local);
}

unsigned ike_child_choose(
	const struct ike_sa *sa, const struct ike_message *m, bool rekey, struct ike_terms *terms)
{
	const struct ike_policy policy = ike_child_policy(sa->peer, rekey);
	struct sl_ts_list offered_i, offered_r;

	if (!m->sa.data || !m->ts_i.data || !m->ts_r.data || ike_parse_ts(&offered_i, m->ts_i) != IKE_OK ||
		ike_parse_ts(&offered_r, m->ts_r) != IKE_OK)
		return IKE_N_INVALID_SYNTAX;
	switch (ike_choose(&terms->choice, m->sa, &policy)) {
	case IKE_OK: break;
	case IKE_E_NO_PROPOSAL: return IKE_N_NO_PROPOSAL_CHOSEN;
	default: return IKE_N_INVALID_SYNTAX;
	}
	/* What lies behind the initiator is remote to us (RFC 7296 2.9). */
	if (!sl_ts_narrow(&terms->remote, &offered_i, &sa->peer->conf->selectors) ||
		!sl_ts_narrow(&terms->local, &offered_r, &sa->ike->conf->selectors))
		return IKE_N_TS_UNACCEPTABLE;
	return 0;
}

const char *ike_child_check(
	const struct ike_sa *sa, const struct ike_message *m, bool rekey, struct ike_terms *terms)
{
	const struct ike_policy policy = ike_child_policy(sa->peer, rekey);

	if (!m->sa.data || !m->ts_i.data || !m->ts_r.data)
		return "answered without a child SA";
	if (ike_check_answer(&terms->choice, m->sa, &policy) != IKE_OK)
		return "answered with a proposal that is not ours";
	if (ike_parse_ts(&terms->local, m->ts_i) != IKE_OK ||
		ike_parse_ts(&terms->remote, m->ts_r) != IKE_OK ||
		!ike_ts_within(&terms->local, &sa->ike->conf->selectors) ||
		!ike_ts_within(&terms->remote, &sa->peer->conf->selectors))
		return "answered with selectors that are not ours";
	return NULL;
}
