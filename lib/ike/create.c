/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * CREATE_CHILD_SA (RFC 7296 1.3): what a request is about, and what its uses have in common. They are three: a child SA
 * is replaced (rekey_child.c), the IKE SA itself is (rekey_sa.c), or there shall be a further child SA (further.c). A
 * child SA that it makes has a key exchange of its own.
 */
#include "internal.h"

void ike_create_refuse(struct ike_sa *sa, const struct sl_ike_path *path, unsigned error)
{
	char name[IKE_NOTIFY_TEXT];

	ike_log(sa->ike, SL_IKE_DEBUG, (int)sa->peer->index, "CREATE_CHILD_SA refused: %s",
		ike_notify_name((uint16_t)error, name));
	ike_respond_notify(sa, IKE_CREATE_CHILD_SA, path, (enum ike_notify_type)error, NULL, 0);
}

bool ike_create_check_ke(struct ike_sa *sa, const struct sl_ike_path *path, struct ike_view ke)
{
	const uint16_t group = htobe16(IKE_DH_X25519);

	if (memcmp(ke.data, &group, sizeof(group)) != 0) {
		ike_respond_notify(
			sa, IKE_CREATE_CHILD_SA, path, IKE_N_INVALID_KE_PAYLOAD, &group, sizeof(group));
		return false;
	}
	if (!ike_x25519_value(ke)) {
		ike_create_refuse(sa, path, IKE_N_INVALID_SYNTAX);
		return false;
	}
	return true;
}

void ike_create_broken(struct ike_sa *sa, const char *why)
{
	ike_log(sa->ike, SL_IKE_WARNING, (int)sa->peer->index, "link down: a CREATE_CHILD_SA request was %s",
		why);
	ike_children_drop(sa);
	ike_delete_start(sa);
	ike_peer_settle(sa->peer);
}

/* ---- A child SA, as initiator ------------------------------------------------------------------------------------ */

void ike_create_child_ask(
	struct ike_child *fresh, struct ike_writer *w, const struct ike_wanted *wanted, enum ike_task task)
{
	struct ike_sa *sa = fresh->sa;

	fresh->local = *wanted->local;
	fresh->remote = *wanted->remote;
	sa->rekey.fresh = fresh;
	sa->rekey.wanted = *wanted;
	sa->rekey.wanted.local = &fresh->local;
	sa->rekey.wanted.remote = &fresh->remote;
	ike_make_secrets(sa->ike, sa->secrets->x25519, &sa->rekey.nonce);
	ike_write_child_offer(w, wanted, fresh->spi_in);
	ike_write_nonce(w, &sa->rekey.nonce);
	ike_write_ke(w, sa->secrets->x25519);
	ike_write_child_offer_ts(w, wanted);
	ike_send_request(sa, w, IKE_CREATE_CHILD_SA);
	sa->request.task = task;
}

void ike_create_child_forget(struct ike_sa *sa)
{
	sl_wipe(sa->secrets->x25519, sizeof(sa->secrets->x25519));
	if (sa->rekey.fresh)
		ike_child_drop(sa->rekey.fresh);
	sa->rekey = (struct ike_rekey){0};
}

/* Installs sa->rekey.fresh with the keys of this exchange. Returns NULL, or what is wrong with the answer. */
static const char *take_answer(struct ike_sa *sa, const struct ike_message *m, bool *installed)
{
	struct ike_rekey *asked = &sa->rekey;
	const uint8_t *public = m->ke.data ? ike_x25519_value(m->ke) : NULL;
	uint8_t shared[SL_X25519_LEN];
	struct ike_nonce nonce_r;
	struct ike_terms terms;
	const char *wrong = ike_child_check(m, &asked->wanted, &terms);

	if (wrong)
		return wrong;
	if (!m->nonce.data || !public || sl_x25519_shared(shared, sa->secrets->x25519, public) != 0)
		return "answered without a key exchange";
	ike_take_nonce(&nonce_r, m->nonce);
	*installed = terms.choice.spi != asked->closed_out &&
		     ike_child_install(asked->fresh, &terms,
			     &(struct ike_agreed){
				     .nonce_i = {asked->nonce.data, asked->nonce.len},
				     .nonce_r = {nonce_r.data, nonce_r.len},
				     .initiator = true,
			     },
			     shared);
	sl_wipe(shared, sizeof(shared));
	asked->lowest = *ike_lower_nonce(&asked->nonce, &nonce_r);
	return NULL;
}

enum ike_made ike_create_child_finish(struct ike_sa *sa, const struct ike_message *m, struct ike_rekey *asked)
{
	struct ike_child *fresh = sa->rekey.fresh;
	const char *wrong = NULL;
	bool installed = false;

	if (fresh)
		wrong = take_answer(sa, m, &installed);
	*asked = sa->rekey;
	if (fresh && !wrong)
		sa->rekey.fresh = NULL; /* which is not to be dropped */
	ike_create_child_forget(sa);
	if (wrong)
		ike_create_broken(sa, wrong);
	if (!fresh || wrong)
		return IKE_NOT_MADE;
	if (installed)
		return IKE_MADE;
	ike_child_close(fresh); /* the peer may have it, so it must hear a Delete */
	return IKE_MADE_IN_VAIN;
}

/* ---- A child SA, as responder ------------------------------------------------------------------------------------ */

/* Installs `fresh` with the keys of this exchange. Returns 0, or the error to answer with. */
static unsigned install(struct ike_child *fresh, const struct ike_terms *terms,
	const uint8_t private[static SL_X25519_LEN], const struct ike_message *m,
	const struct ike_nonce *nonce_r)
{
	uint8_t shared[SL_X25519_LEN];
	unsigned error = 0;

	if (sl_x25519_shared(shared, private, ike_x25519_value(m->ke)) != 0)
		error = IKE_N_INVALID_SYNTAX;
	else if (!ike_child_install(fresh, terms,
			 &(struct ike_agreed){
				 .nonce_i = m->nonce,
				 .nonce_r = {nonce_r->data, nonce_r->len},
			 },
			 shared))
		error = IKE_N_NO_ADDITIONAL_SAS;
	sl_wipe(shared, sizeof(shared));
	return error;
}

unsigned ike_create_child_answer(struct ike_child *fresh, const struct sl_ike_path *path,
	const struct ike_message *m, const struct ike_terms *terms, struct ike_nonce *lowest)
{
	struct ike_sa *sa = fresh->sa;
	uint8_t private[SL_X25519_LEN];
	struct ike_nonce nonce_i, nonce_r;
	struct ike_writer w;
	unsigned error;

	ike_make_secrets(sa->ike, private, &nonce_r);
	ike_take_nonce(&nonce_i, m->nonce);
	*lowest = *ike_lower_nonce(&nonce_i, &nonce_r);
	ike_begin_response(sa, &w, IKE_CREATE_CHILD_SA);
	if (ike_find_notify(m, IKE_N_SA_RESOURCE_INFO))
		ike_write_resource_info(&w, fresh->worker);
	ike_write_choice(&w, IKE_PROTO_ESP, &terms->choice, fresh->spi_in);
	ike_write_nonce(&w, &nonce_r);
	ike_write_ke(&w, private);
	ike_write_child_choice_ts(&w, terms);
	error = install(fresh, terms, private, m, &nonce_r);
	sl_wipe(private, sizeof(private));
	if (error)
		ike_child_drop(fresh);
	else
		ike_send_response(sa, &w, path);
	return error;
}

/* ---- What a request is about ------------------------------------------------------------------------------------- */

void ike_create_request(struct ike_sa *sa, const struct sl_ike_path *path, const struct ike_message *m)
{
	const struct ike_notify *what = ike_find_notify(m, IKE_N_REKEY_SA);

	if (!m->sa.data || !m->nonce.data)
		ike_create_refuse(sa, path, IKE_N_INVALID_SYNTAX);
	else if (sa->state != IKE_ESTABLISHED || sa->replaced)
		ike_create_refuse(
			sa, path, IKE_N_TEMPORARY_FAILURE); /* it is on its way out (RFC 7296 2.25) */
	else if (what)
		ike_rekey_child_request(sa, path, m, what);
	else if (m->ts_i.data || m->ts_r.data)
		ike_further_request(sa, path, m);
	else
		ike_rekey_sa_request(sa, path, m);
}
