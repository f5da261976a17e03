/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Protected exchanges: one request outstanding in each direction (RFC 7296 2.3), message IDs (2.2),
 * retransmission (2.1), and what each message is handed to.
 */
#include <assert.h>

#include "internal.h"

void ike_send(struct sl_ike *ike, const struct sl_ike_path *path, const uint8_t *msg, size_t len)
{
	while (len > 0) {
		const struct ike_wire_header *h = (const void *)msg;
		size_t one = be32toh(h->len);

		assert(one >= sizeof(*h) && one <= len);
		ike->stats.messages_out++;
		ike->ops->send(ike->owner, path, msg, one);
		msg += one;
		len -= one;
	}
}

static void begin(struct ike_sa *sa, struct ike_writer *w, uint8_t exchange, bool response, uint32_t id)
{
	const struct ike_head head = {
		.spi_i = sa->spi_i,
		.spi_r = sa->spi_r,
		.exchange = exchange,
		.initiator = sa->initiator,
		.response = response,
		.id = id,
	};

	ike_write_header(w, &head);
	ike_write_sk(w);
}

void ike_begin_request(struct ike_sa *sa, struct ike_writer *w, uint8_t exchange)
{
	begin(sa, w, exchange, false, sa->next_id);
}

void ike_begin_response(struct ike_sa *sa, struct ike_writer *w, uint8_t exchange)
{
	begin(sa, w, exchange, true, sa->expected_id);
}

void ike_track_request(struct ike_sa *sa, const uint8_t *msg, size_t len, uint8_t exchange)
{
	ike_keep(&sa->request.msg, msg, len);
	sa->request.exchange = exchange;
	sa->request.task = IKE_TASK_OTHER;
	sa->request.child = NULL;
	sa->request.tries = 1;
	sa->request.at = sa->ike->now + IKE_RETRANSMIT_FIRST;
	ike_arm(sa->ike, sa->request.at);
	ike_send(sa->ike, &sa->path, msg, len);
}

void ike_send_request(struct ike_sa *sa, struct ike_writer *w, uint8_t exchange)
{
	struct ike_view sealed;

	assert(sa->request.tries == 0);
	sealed = ike_seal_for_path(sa, w);
	ike_track_request(sa, sealed.data, sealed.len, exchange);
	sa->next_id++;
}

void ike_request_done(struct ike_sa *sa)
{
	ike_forget(&sa->request.msg);
	sa->request.task = IKE_TASK_OTHER;
	sa->request.child = NULL;
	sa->request.tries = 0;
}

void ike_send_last(struct ike_sa *sa, struct ike_writer *w)
{
	struct ike_view sealed;

	/* The peer takes requests in order only: what is outstanding goes once more in front. */
	if (sa->request.msg.len > 0 && sa->state != IKE_AUTH_SENT)
		ike_send(sa->ike, &sa->path, sa->request.msg.data, sa->request.msg.len);
	sealed = ike_seal_for_path(sa, w);
	ike_send(sa->ike, &sa->path, sealed.data, sealed.len);
	sa->next_id++;
}

void ike_send_response(struct ike_sa *sa, struct ike_writer *w, const struct sl_ike_path *path)
{
	struct ike_view sealed = ike_seal_for_path(sa, w);

	ike_keep(&sa->response, sealed.data, sealed.len);
	sa->expected_id++;
	ike_send(sa->ike, path, sealed.data, sealed.len);
}

void ike_respond_notify(struct ike_sa *sa, uint8_t exchange, const struct sl_ike_path *path,
	enum ike_notify_type type, const void *data, size_t len)
{
	struct ike_writer w;

	ike_begin_response(sa, &w, exchange);
	ike_write_notify(&w, type, data, len);
	ike_send_response(sa, &w, path);
}

/* Nobody answers any more. */
static void give_up(struct ike_sa *sa)
{
	struct ike_peer *peer = sa->peer;
	char where[SL_ADDR_TEXT], name[IKE_NOTIFY_TEXT];

	sl_endpoint_text(&sa->path.remote, where);
	switch (sa->state) {
	case IKE_INIT_SENT:
		if (sa->refused)
			ike_peer_failed(peer, sa, "%s answers %s", where, ike_notify_name(sa->refused, name));
		else if (sa->ppk_refused)
			ike_peer_failed(peer, sa, "%s answers without a PPK, which is required", where);
		else
			ike_peer_failed(peer, sa, "no answer from %s", where);
		return;
	case IKE_AUTH_SENT:
		/* Maybe only the answers were lost and the peer believes in this SA. */
		ike_delete_last(sa);
		ike_peer_failed(peer, sa, "no answer from %s to IKE_AUTH", where);
		return;
	case IKE_ESTABLISHED:
		/* Of an IKE SA that has been replaced nothing but the Delete was still to come. */
		ike_rekey_sa_yield(sa);
		if (!sa->replaced)
			ike_log(sa->ike, SL_IKE_WARNING, (int)peer->index,
				peer->active == sa ? "link down: %s does not answer any more"
						   : "%s knows nothing of the link before: it is given up",
				where);
		break;
	default: break;
	}
	ike_sa_drop(sa);
	ike_peer_settle(peer);
}

/*
 * A peer that is silent may have started anew, and not be able to call us. It is too early to give the IKE SA up, and nothing
 * that is not sealed may make us do so; but a new one can be begun beside it, and takes its place if the peer answers to
 * that. If the peer is only out of reach, the old one is still there when it comes back.
 */
static bool in_doubt(const struct ike_sa *sa)
{
	return sa->state == IKE_ESTABLISHED && sa->peer->active == sa &&
	       sa->request.tries >= IKE_TRIES_DOUBT && sa->ike->now - sa->peer->heard_at >= IKE_SILENCE;
}

static void call_anew(struct ike_sa *sa)
{
	struct ike_peer *peer = sa->peer;

	if (peer->attempt || !ike_peer_callable(peer))
		return;
	ike_log(sa->ike, SL_IKE_WARNING, (int)peer->index,
		"the peer is silent and may have started anew: it is called beside the link there is");
	ike_peer_connect(peer);
}

static unsigned tries_max(const struct ike_sa *sa)
{
	switch (sa->state) {
	case IKE_INIT_SENT: return IKE_INIT_TRIES_MAX;
	case IKE_AUTH_SENT: return IKE_AUTH_TRIES_MAX;
	default: return sa->request.task == IKE_TASK_DELETE ? IKE_DELETE_TRIES_MAX : IKE_TRIES_MAX;
	}
}

void ike_retransmit(struct ike_sa *sa)
{
	struct ike_request *r = &sa->request;
	uint64_t patience = IKE_RETRANSMIT_FIRST << r->tries;

	if (r->tries == tries_max(sa) || r->msg.len == 0) {
		give_up(sa);
		return;
	}
	/* Whoever calls wants to be there soon after the peer is. */
	if (sa->state == IKE_INIT_SENT && patience > IKE_CALL_EVERY)
		patience = IKE_CALL_EVERY;
	r->at = sa->ike->now + patience;
	r->tries++;
	sa->ike->stats.retransmits++;
	ike_send(sa->ike, &sa->path, r->msg.data, r->msg.len);
	if (in_doubt(sa))
		call_anew(sa);
}

/* A malformed message under intact protection: the peer is broken, and the SA ends (RFC 7296 2.21.3). */
static void malformed_inside(struct ike_sa *sa)
{
	struct ike_peer *peer = sa->peer;

	sa->ike->stats.malformed++;
	if (sa->state == IKE_AUTH_SENT) {
		ike_peer_failed(peer, sa, "the peer sent a malformed message");
		return;
	}
	if (sa->state == IKE_ESTABLISHED)
		ike_log(sa->ike, SL_IKE_WARNING, (int)peer->index,
			"link down: the peer sent a malformed message");
	ike_sa_drop(sa);
	if (peer)
		ike_peer_settle(peer);
}

static void handle_request(struct ike_sa *sa, const struct ike_head *head, const struct sl_ike_path *path,
	const struct ike_message *m, enum ike_result parsed)
{
	uint8_t exchange = head->exchange;

	if (parsed == IKE_E_SYNTAX) {
		ike_respond_notify(sa, exchange, path, IKE_N_INVALID_SYNTAX, NULL, 0);
		malformed_inside(sa);
	} else if (parsed == IKE_E_CRITICAL) {
		ike_respond_notify(sa, exchange, path, IKE_N_UNSUPPORTED_CRITICAL_PAYLOAD, &m->critical,
			sizeof(m->critical));
		if (sa->state == IKE_HALF_OPEN)
			ike_sa_drop(sa);
	} else if (exchange == IKE_AUTH) {
		ike_auth_request(sa, path, m);
	} else if (exchange == IKE_INFORMATIONAL) {
		ike_informational_request(sa, path, m);
	} else {
		ike_create_request(sa, path, m);
	}
}

static void handle_response(struct ike_sa *sa, const struct ike_message *m, enum ike_result parsed)
{
	enum ike_task task = sa->request.task;
	struct ike_child *child = sa->request.child;
	struct ike_peer *peer = sa->peer;

	ike_request_done(sa);
	if (task == IKE_TASK_DELETE) {
		/* Whatever it says, the peer has heard us. */
		ike_sa_drop(sa);
		ike_peer_settle(peer);
	} else if (parsed != IKE_OK) {
		malformed_inside(sa);
	} else if (sa->state == IKE_AUTH_SENT) {
		ike_auth_response(sa, m);
	} else if (task == IKE_TASK_REKEY_SA) {
		ike_rekey_sa_response(sa, m);
	} else if (task == IKE_TASK_REKEY_CHILD) {
		ike_rekey_child_response(sa, m);
	} else if (task == IKE_TASK_FURTHER) {
		ike_further_response(sa, m);
	} else if (task == IKE_TASK_CLOSE_CHILD) {
		ike_child_delete_done(sa, child);
	}
	/* An answer to our liveness check: that it came is all we wanted. */
	if (sa->state == IKE_DELETING && sa->request.tries == 0)
		ike_delete_start(sa); /* had to wait for this answer */
	ike_sa_work(sa);
}

/* Whether this SA can have use for the message at all; decided before anything costly. */
static bool expected(const struct ike_sa *sa, const struct ike_head *head)
{
	if (head->response)
		return sa->request.tries > 0 && head->id == sa->next_id - 1 &&
		       head->exchange == sa->request.exchange;
	switch (sa->state) {
	case IKE_HALF_OPEN: return head->exchange == IKE_AUTH && head->id == sa->expected_id;
	case IKE_ESTABLISHED:
	case IKE_DELETING:
		/* The request before, sent again because our answer was lost, may be IKE_AUTH. */
		if (head->id == sa->expected_id - 1)
			return sa->response.len > 0;
		return head->id == sa->expected_id &&
		       (head->exchange == IKE_INFORMATIONAL || head->exchange == IKE_CREATE_CHILD_SA);
	default: return false;
	}
}

/* Whether this is a Delete of its IKE SA. */
static bool asks_to_end(const struct ike_head *head, const struct ike_message *m, enum ike_result parsed)
{
	return parsed == IKE_OK && head->exchange == IKE_INFORMATIONAL && m->delete_count > 0 &&
	       m->deletes[0].protocol == IKE_PROTO_IKE;
}

static void fresh_message(struct ike_sa *sa, const struct ike_head *head, const struct sl_ike_path *path,
	uint8_t first, struct ike_view plain)
{
	struct ike_message m;
	enum ike_result parsed = ike_parse(&m, first, plain.data, plain.len);

	sa->alive_at = sa->ike->now;
	if (sa->peer)
		sa->peer->heard_at = sa->ike->now;
	ike_follow_peer(sa, path);
	if (sa->origin && !asks_to_end(head, &m, parsed))
		ike_rekey_sa_yield(sa->origin); /* the peer has decided for this one */
	if (head->response)
		handle_response(sa, &m, parsed);
	else {
		ike_further_heard(sa);
		handle_request(sa, head, path, &m, parsed);
	}
}

void ike_protected_input(struct sl_ike *ike, const struct ike_head *head, const struct sl_ike_path *path,
	const uint8_t *msg, size_t len)
{
	struct ike_sa *sa = ike_sa_find(ike, head->initiator ? head->spi_r : head->spi_i);
	enum ike_result result;
	struct ike_view plain;
	uint8_t first;

	if (!sa || sa->initiator == head->initiator || sa->spi_i != head->spi_i || sa->spi_r != head->spi_r ||
		sa->state == IKE_INIT_SENT || sa->state == IKE_REKEYING) {
		ike->stats.unknown_sa++;
		return;
	}
	if (!expected(sa, head)) {
		ike->stats.unexpected++;
		return;
	}
	memcpy(ike->scratch, msg, len);
	result = ike_open_from_path(sa, head, len, &first, &plain);
	if (result == IKE_E_INCOMPLETE)
		return;
	if (result == IKE_E_INTEGRITY)
		ike->stats.bad_integrity++;
	else if (result != IKE_OK)
		ike->stats.malformed++;
	else if (!head->response && head->id != sa->expected_id) {
		ike->stats.retransmits++;
		ike_further_unheard(sa);
		ike_send(ike, path, sa->response.data, sa->response.len);
	} else
		fresh_message(sa, head, path, first, plain);
}
