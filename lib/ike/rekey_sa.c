/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Replacing an IKE SA (RFC 7296 1.3.2, 2.8.2, 2.18): a new pair of SPIs, fresh keys, message IDs from 0, and the
 * children move over. They do not notice. The initiator of the exchange deletes the old IKE SA.
 *
 * When both ends ask at once, the children stay until our answer is here: of the two new IKE SAs the one whose exchange
 * held the lowest of the four nonces is deleted by its initiator, and the other inherits. A peer whose request came
 * through before it saw ours knows nothing of that: it uses its new IKE SA, or deletes the old one, and by that tells us
 * that its own inherits.
 */
#include "internal.h"

static struct ike_policy policy_of(const struct ike_peer *peer)
{
	return (struct ike_policy){
		.protocol = IKE_PROTO_IKE,
		.ciphers = peer->conf->ciphers,
		.cipher_count = peer->conf->cipher_count,
		.rekey = true,
	};
}

static uint64_t our_spi(const struct ike_sa *sa)
{
	return sa->initiator ? sa->spi_i : sa->spi_r;
}

static struct ike_sa *new_sa(struct ike_sa *old, enum ike_sa_state state, uint64_t peer_spi)
{
	struct ike_sa *fresh = ike_sa_new(old->ike, state, peer_spi, &old->path);

	if (!fresh)
		return NULL;
	fresh->peer = old->peer;
	fresh->behind_nat = old->behind_nat;
	fresh->peer_behind_nat = old->peer_behind_nat;
	fresh->udp = old->udp;
	fresh->fragmentation = old->fragmentation;
	fresh->origin = old;
	fresh->started = old->started;
	return fresh;
}

/* All that `old` was, `heir` is now. */
static void inherit(struct ike_sa *heir, struct ike_sa *old)
{
	struct ike_child *child;

	heir->origin = NULL;
	old->replaced = true;
	TAILQ_FOREACH (child, &old->children, link)
		child->sa = heir;
	TAILQ_CONCAT(&heir->children, &old->children, link);
	heir->first = old->first;
	heir->further = old->further;
	heir->further_at = old->further_at;
	heir->sure_at = old->sure_at;
	heir->flows_refused = old->flows_refused;
	old->peer->rekeys++;
	old->peer->ike_rekeys++;
	ike_log(heir->ike, SL_IKE_INFO, (int)heir->peer->index, "IKE SA rekeyed %s, now %016llx %016llx",
		heir->initiator ? "by us" : "by the peer", (unsigned long long)heir->spi_i,
		(unsigned long long)heir->spi_r);
	ike_arm(heir->ike, ike_sa_deadline(heir));
}

void ike_rekey_sa_yield(struct ike_sa *sa)
{
	struct ike_sa *rival = sa->rekey.rival_sa;

	if (!rival || rival->state != IKE_ESTABLISHED || sa->replaced)
		return;
	sa->rekey.rival_sa = NULL; /* from now on it may end without our hearing of it */
	inherit(rival, sa);
	ike_peer_settle(sa->peer);
}

/*
 * What the peer has made of this one would live on there, with children that are no more here: it goes too. The peer may
 * learn of it only after our answer to its request, until when we ask.
 */
void ike_rekey_sa_give_up(struct ike_sa *sa)
{
	struct ike_sa *rival = sa->rekey.rival_sa;

	if (!rival)
		return;
	sa->rekey.rival_sa = NULL;
	rival->origin = NULL;
	ike_delete_start(rival);
}

/* ---- Initiator --------------------------------------------------------------------------------------------------- */

static void failed(struct ike_sa *sa, const char *why)
{
	struct ike_sa *fresh = sa->rekey.fresh_sa;

	if (fresh)
		ike_sa_drop(fresh);
	if (sa->rekey.to_beat.len > 0) {
		ike_rekey_sa_yield(sa);
		sa->rekey = (struct ike_rekey){0};
		return;
	}
	sa->rekey = (struct ike_rekey){0};
	ike_log(sa->ike, SL_IKE_WARNING, (int)sa->peer->index, "IKE SA not rekeyed: %s", why);
	sa->rekey_at = ike_rekey_again(sa->ike, sa->rekey_failures++);
	if (sa->rekey_failures >= IKE_REKEYS_MAX)
		ike_peer_renew(sa->peer);
}

void ike_rekey_sa_start(struct ike_sa *sa)
{
	const struct ike_policy policy = policy_of(sa->peer);
	struct ike_sa *fresh = new_sa(sa, IKE_REKEYING, 0);
	struct ike_writer w;

	if (!fresh) {
		failed(sa, "there are too many IKE SAs");
		return;
	}
	sa->rekey = (struct ike_rekey){.fresh_sa = fresh};
	ike_make_secrets(sa->ike, fresh->secrets->x25519, &fresh->nonce_i);
	ike_begin_request(sa, &w, IKE_CREATE_CHILD_SA);
	ike_write_proposal(&w, &policy, our_spi(fresh));
	ike_write_nonce(&w, &fresh->nonce_i);
	ike_write_ke(&w, fresh->secrets->x25519);
	ike_send_request(sa, &w, IKE_CREATE_CHILD_SA);
	sa->request.task = IKE_TASK_REKEY_SA;
}

/* Takes the peer's half of the exchange. Returns NULL, or what is wrong. */
static const char *finish(struct ike_sa *fresh, const struct ike_sa *old, const struct ike_message *m)
{
	const struct ike_policy policy = policy_of(old->peer);
	const uint8_t *public = m->ke.data ? ike_x25519_value(m->ke) : NULL;
	struct ike_choice choice;

	if (!m->sa.data || ike_check_answer(&choice, m->sa, &policy) != IKE_OK)
		return "answered with a proposal that is not ours";
	if (!m->nonce.data || !public)
		return "answered without a key exchange";
	fresh->spi_r = choice.spi;
	fresh->cipher = choice.cipher;
	ike_take_nonce(&fresh->nonce_r, m->nonce);
	return ike_sa_derive(fresh, old, public) ? NULL : "answered without a key exchange";
}

static const struct ike_nonce *lowest(const struct ike_sa *sa)
{
	return ike_lower_nonce(&sa->nonce_i, &sa->nonce_r);
}

/* Both ends have the keys of the new one. */
static void switch_over(struct ike_sa *sa, struct ike_sa *fresh)
{
	struct ike_sa *rival = sa->rekey.rival_sa;

	ike_peer_add(sa->peer, fresh);
	if (ike_rekey_lost(&sa->rekey, lowest(fresh))) {
		ike_rekey_sa_yield(sa);
		ike_delete_start(fresh);
	} else if (sa->state == IKE_DELETING && !sa->replaced) {
		ike_delete_start(fresh); /* the link was given up while we asked */
	} else {
		inherit(fresh, sa);
		if (sa->state == IKE_ESTABLISHED)
			ike_delete_start(sa);
	}
	fresh->origin = NULL;
	if (rival)
		rival->origin = NULL;
	sa->rekey = (struct ike_rekey){0};
}

void ike_rekey_sa_response(struct ike_sa *sa, const struct ike_message *m)
{
	const struct ike_notify *error = ike_find_error(m);
	struct ike_sa *fresh = sa->rekey.fresh_sa;
	char name[IKE_NOTIFY_TEXT];
	const char *wrong;

	if (error) {
		if (error->type == IKE_N_NO_ADDITIONAL_SAS)
			sa->rekey_failures = IKE_REKEYS_MAX;
		failed(sa, ike_notify_name(error->type, name));
		return;
	}
	wrong = finish(fresh, sa, m);
	if (wrong) {
		ike_sa_drop(fresh);
		ike_create_broken(sa, wrong);
		return;
	}
	switch_over(sa, fresh);
	ike_peer_settle(sa->peer);
}

/* ---- Responder --------------------------------------------------------------------------------------------------- */

/* A child SA is being made or closed: it cannot move now (RFC 7296 2.25.2). */
static bool busy(const struct ike_sa *sa)
{
	return sa->request.task == IKE_TASK_REKEY_CHILD || sa->request.task == IKE_TASK_CLOSE_CHILD ||
	       sa->request.task == IKE_TASK_FURTHER || sa->rekey.to_beat.len > 0;
}

/* Makes the new IKE SA and answers through the old one. Returns 0, or the error to answer with. */
static unsigned accept(struct ike_sa *sa, const struct sl_ike_path *path, const struct ike_message *m,
	const struct ike_choice *choice)
{
	struct ike_sa *fresh = new_sa(sa, IKE_ESTABLISHED, choice->spi);
	struct ike_writer w;

	if (!fresh)
		return IKE_N_TEMPORARY_FAILURE;
	ike_peer_add(sa->peer, fresh);
	fresh->cipher = choice->cipher;
	ike_take_nonce(&fresh->nonce_i, m->nonce);
	ike_make_secrets(sa->ike, fresh->secrets->x25519, &fresh->nonce_r);
	ike_begin_response(sa, &w, IKE_CREATE_CHILD_SA);
	ike_write_choice(&w, IKE_PROTO_IKE, choice, our_spi(fresh));
	ike_write_nonce(&w, &fresh->nonce_r);
	ike_write_ke(&w, fresh->secrets->x25519);
	if (!ike_sa_derive(fresh, sa, ike_x25519_value(m->ke))) {
		ike_sa_drop(fresh);
		return IKE_N_INVALID_SYNTAX;
	}
	ike_send_response(sa, &w, path);
	if (sa->request.task == IKE_TASK_REKEY_SA) {
		sa->rekey.rival_sa = fresh;
		sa->rekey.to_beat = *lowest(fresh);
	} else {
		inherit(fresh, sa);
	}
	ike_peer_settle(sa->peer);
	return 0;
}

void ike_rekey_sa_request(struct ike_sa *sa, const struct sl_ike_path *path, const struct ike_message *m)
{
	const struct ike_policy policy = policy_of(sa->peer);
	struct ike_choice choice;
	unsigned error = 0;

	if (busy(sa)) {
		ike_create_refuse(sa, path, IKE_N_TEMPORARY_FAILURE);
		return;
	}
	switch (ike_choose(&choice, m->sa, &policy)) {
	case IKE_OK: break;
	case IKE_E_NO_PROPOSAL: error = IKE_N_NO_PROPOSAL_CHOSEN; break;
	default: error = IKE_N_INVALID_SYNTAX; break;
	}
	if (!error && !m->ke.data)
		error = IKE_N_INVALID_SYNTAX;
	if (!error && !ike_create_check_ke(sa, path, m->ke))
		return;
	if (!error)
		error = accept(sa, path, m, &choice);
	if (error)
		ike_create_refuse(sa, path, error);
}
