/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Replacing a child SA (RFC 7296 1.3.3, 2.8), with a key exchange of its own, so that not a packet is lost:
 *
 *     initiator                                   responder
 *               ── CREATE_CHILD_SA ────────────►  installs the new one, still sends through the old one
 *     installs and sends through the new one
 *               ◄──────────────── CREATE_CHILD_SA
 *               ── Delete of the old one ──────►  sends through the new one
 *     the old one lingers ◄──────────────── Delete
 *
 * Whoever sends through the new one knows that the other end has it. The old one stays installed at both ends until all
 * that was sent through it must have arrived.
 *
 * When both ends ask at once, both exchanges succeed, and both ends know all four nonces: the child SA whose exchange
 * held the lowest is closed again by its initiator, and the initiator of the other closes the old one (2.8.1).
 */
#include "internal.h"

/* ---- Initiator --------------------------------------------------------------------------------------------------- */

/* Not now: later, or if the peer never agrees, with a new IKE SA. */
static void failed(struct ike_child *old, const char *why)
{
	struct ike_sa *sa = old->sa;

	if (old->state != IKE_CHILD_UP || old->successor)
		return; /* the peer has rekeyed it meanwhile */
	ike_log(sa->ike, SL_IKE_WARNING, (int)sa->peer->index, "child SA not rekeyed: %s", why);
	old->rekey_at = ike_rekey_again(sa->ike, old->failures++);
	if (old->failures >= IKE_REKEYS_MAX)
		ike_peer_renew(sa->peer);
}

void ike_rekey_child_start(struct ike_child *old)
{
	struct ike_sa *sa = old->sa;
	struct ike_child *fresh = ike_child_new(sa, old->worker, old->flow);
	const struct ike_wanted wanted = ike_want_like(old);
	struct ike_writer w;

	if (!fresh) {
		failed(old, "no SPI is free");
		return;
	}
	sa->rekey = (struct ike_rekey){.old = old};
	ike_begin_request(sa, &w, IKE_CREATE_CHILD_SA);
	ike_write_notify_spi(&w, IKE_N_REKEY_SA, IKE_PROTO_ESP, old->spi_in);
	ike_create_child_ask(fresh, &w, &wanted, IKE_TASK_REKEY_CHILD);
}

static void refused(struct ike_sa *sa, const struct ike_notify *error)
{
	struct ike_child *old = sa->rekey.old;
	char name[IKE_NOTIFY_TEXT];

	ike_create_child_forget(sa);
	if (!old)
		return;
	if (error->type == IKE_N_CHILD_SA_NOT_FOUND && old->state == IKE_CHILD_UP && !old->successor) {
		/* The peer does not have it: what we send through it is lost (RFC 7296 2.25.1). */
		ike_child_drop(old);
		if (ike_children_in_use(sa) == 0)
			ike_create_broken(sa, "for a child SA that the peer does not have");
		ike_peer_settle(sa->peer);
		return;
	}
	/* A peer that rekeys nothing gets a new IKE SA at once. */
	if (error->type == IKE_N_NO_ADDITIONAL_SAS)
		old->failures = IKE_REKEYS_MAX;
	failed(old, ike_notify_name(error->type, name));
}

/*
 * What was to be replaced may have gone meanwhile: closed for its age, or by the peer. When its flow has another then,
 * the new one is of no use; unless both have asked, and the other is the one that the peer is to close.
 */
static bool superfluous(const struct ike_rekey *rekey)
{
	bool gone = !rekey->old || rekey->old->state != IKE_CHILD_UP;

	return gone && rekey->to_beat.len == 0 && ike_child_in_use(rekey->fresh);
}

/* The new one is installed, and both ends know it. */
static void switch_over(const struct ike_rekey *asked)
{
	struct ike_child *old = asked->old, *fresh = asked->fresh;

	if (ike_rekey_lost(asked, &asked->lowest) || superfluous(asked)) {
		ike_child_close(fresh);
		return;
	}
	/* Of what is up, but not used, the peer is the user: it still is, and we have another. */
	if (!old || old->state != IKE_CHILD_UP || old->in_use || !ike_child_in_use(old))
		ike_child_use(fresh);
	if (!old)
		return;
	old->successor = fresh;
	if (old->state == IKE_CHILD_UP)
		ike_child_close(old);
}

void ike_rekey_child_response(struct ike_sa *sa, const struct ike_message *m)
{
	const struct ike_notify *error = ike_find_error(m);
	struct ike_rekey asked;

	if (error) {
		refused(sa, error);
		return;
	}
	switch (ike_create_child_finish(sa, m, &asked)) {
	case IKE_MADE:
		sa->peer->rekeys++;
		switch_over(&asked);
		ike_peer_settle(sa->peer);
		break;
	case IKE_MADE_IN_VAIN:
		if (asked.old)
			failed(asked.old, IKE_MADE_IN_VAIN_TEXT);
		break;
	case IKE_NOT_MADE: break;
	}
}

/* ---- Responder --------------------------------------------------------------------------------------------------- */

/* Makes the new child and the answer. Returns 0, or the error to answer with. */
static unsigned accept(struct ike_child *old, const struct sl_ike_path *path, const struct ike_message *m,
	const struct ike_terms *terms)
{
	struct ike_sa *sa = old->sa;
	struct ike_child *fresh = ike_child_new(sa, old->worker, old->flow);
	struct ike_nonce lowest;
	unsigned error;

	if (!fresh)
		return IKE_N_NO_ADDITIONAL_SAS;
	error = ike_create_child_answer(fresh, path, m, terms, &lowest);
	if (error)
		return error;
	old->successor = fresh;
	if (sa->rekey.old == old)
		sa->rekey.to_beat = lowest;
	return 0;
}

void ike_rekey_child_request(struct ike_sa *sa, const struct sl_ike_path *path, const struct ike_message *m,
	const struct ike_notify *what)
{
	struct ike_child *old = NULL;
	struct ike_wanted wanted;
	struct ike_terms terms;
	uint32_t spi = 0;
	unsigned error;

	/* The SPI is the one that its sender receives with (RFC 7296 1.3.3). */
	if (what->protocol == IKE_PROTO_ESP && what->spi.len == sizeof(spi)) {
		memcpy(&spi, what->spi.data, sizeof(spi));
		old = ike_child_find_out(sa, be32toh(spi));
	}
	/*
	 * The peer may have made it for a request of ours whose answer is still on its way. CHILD_SA_NOT_FOUND would have
	 * it destroyed, and we would put it to use when the answer comes.
	 */
	if (!old && (sa->request.task == IKE_TASK_REKEY_CHILD || sa->request.task == IKE_TASK_FURTHER)) {
		ike_create_refuse(sa, path, IKE_N_TEMPORARY_FAILURE);
		return;
	}
	if (!old) {
		struct ike_writer w;

		ike_begin_response(sa, &w, IKE_CREATE_CHILD_SA);
		ike_write_notify_spi(&w, IKE_N_CHILD_SA_NOT_FOUND, IKE_PROTO_ESP, be32toh(spi));
		ike_send_response(sa, &w, path);
		return;
	}
	/* We are about to close it, or rekey the IKE SA, or it has been replaced (2.25.1). */
	if (old->state != IKE_CHILD_UP || old->successor || sa->request.task == IKE_TASK_REKEY_SA) {
		ike_create_refuse(sa, path, IKE_N_TEMPORARY_FAILURE);
		return;
	}
	wanted = ike_want_like(old);
	error = ike_child_choose(m, &wanted, &terms);
	if (!error && !m->ke.data)
		error = IKE_N_INVALID_SYNTAX;
	if (!error && !ike_create_check_ke(sa, path, m->ke))
		return;
	if (!error)
		error = accept(old, path, m, &terms);
	if (error)
		ike_create_refuse(sa, path, error);
	else
		sa->peer->rekeys++;
}
