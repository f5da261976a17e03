/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * INFORMATIONAL (RFC 7296 1.4): liveness checks and Delete.
 */
#include "internal.h"

void ike_liveness_start(struct ike_sa *sa)
{
	struct ike_writer w;

	ike_begin_request(sa, &w, IKE_INFORMATIONAL);
	ike_send_request(sa, &w, IKE_INFORMATIONAL);
}

static void begin_delete(struct ike_sa *sa, struct ike_writer *w)
{
	const struct ike_wire_delete d = {.protocol = IKE_PROTO_IKE};

	ike_begin_request(sa, w, IKE_INFORMATIONAL);
	ike_write_payload(w, IKE_P_DELETE, &d, sizeof(d));
}

void ike_delete_start(struct ike_sa *sa)
{
	struct ike_writer w;

	sa->state = IKE_DELETING;
	sa->expires = IKE_NEVER;
	if (sa->request.tries > 0)
		return;
	begin_delete(sa, &w);
	ike_send_request(sa, &w, IKE_INFORMATIONAL);
	sa->request.task = IKE_TASK_DELETE;
}

void ike_delete_last(struct ike_sa *sa)
{
	struct ike_writer w;

	begin_delete(sa, &w);
	ike_send_last(sa, &w);
}

static void write_child_delete(struct ike_writer *w, const uint32_t *spis, unsigned count)
{
	const struct ike_wire_delete d = {
		.protocol = IKE_PROTO_ESP, .spi_len = sizeof(*spis), .count = htobe16((uint16_t)count)};

	ike_payload_begin(w, IKE_P_DELETE);
	ike_put(w, &d, sizeof(d));
	for (unsigned i = 0; i < count; i++)
		ike_put32(w, spis[i]);
	ike_payload_end(w);
}

void ike_child_delete_start(struct ike_child *child)
{
	struct ike_sa *sa = child->sa;
	struct ike_writer w;

	ike_begin_request(sa, &w, IKE_INFORMATIONAL);
	write_child_delete(&w, &child->spi_in, 1);
	ike_send_request(sa, &w, IKE_INFORMATIONAL);
	sa->request.task = IKE_TASK_CLOSE_CHILD;
	sa->request.child = child;
}

void ike_child_delete_done(struct ike_sa *sa, struct ike_child *child)
{
	/* Whatever the answer says, the peer has heard us. It may have said Delete itself meanwhile. */
	if (child && child->state == IKE_CHILD_CLOSING)
		ike_child_closed(child);
	ike_peer_settle(sa->peer);
}

/* What a request asks of us. */
struct wishes {
	bool delete_ike;
	bool disbelieved;
	unsigned count; /* of child SAs to delete */
	struct ike_child *children[IKE_CHILDREN_MAX];
};

static void add_child(struct wishes *wishes, struct ike_child *child)
{
	for (unsigned i = 0; i < wishes->count; i++)
		if (wishes->children[i] == child)
			return;
	wishes->children[wishes->count++] = child;
}

static struct wishes read_wishes(struct ike_sa *sa, const struct ike_message *m)
{
	struct wishes wishes = {.disbelieved = ike_find_notify(m, IKE_N_AUTHENTICATION_FAILED) != NULL};

	for (unsigned i = 0; i < m->delete_count; i++) {
		const struct ike_delete *d = &m->deletes[i];

		wishes.delete_ike |= d->protocol == IKE_PROTO_IKE;
		/* The SPIs are those its sender receives with (RFC 7296 1.4.1). */
		for (unsigned n = 0; n < d->count && d->protocol == IKE_PROTO_ESP; n++) {
			struct ike_child *child;
			uint32_t spi;

			memcpy(&spi, d->spis + sizeof(spi) * n, sizeof(spi));
			child = ike_child_find_out(sa, be32toh(spi));
			if (child)
				add_child(&wishes, child);
			else
				sa->rekey.closed_out = be32toh(spi); /* its making may be on its way to us */
		}
	}
	return wishes;
}

/*
 * Answers with our half of what is closed. What our own Delete that is out names already is left out (RFC 7296 1.4.1):
 * the two have crossed.
 */
static void respond(struct ike_sa *sa, const struct sl_ike_path *path, const struct wishes *wishes)
{
	uint32_t spis[IKE_CHILDREN_MAX];
	struct ike_writer w;
	unsigned count = 0;

	for (unsigned i = 0; i < wishes->count; i++)
		if (wishes->children[i] != sa->request.child)
			spis[count++] = wishes->children[i]->spi_in;
	ike_begin_response(sa, &w, IKE_INFORMATIONAL);
	if (count > 0)
		write_child_delete(&w, spis, count);
	ike_send_response(sa, &w, path);
}

/* The peer ends the IKE SA, which has been answered. */
static void closed_by_peer(struct ike_sa *sa, bool disbelieved)
{
	struct ike_peer *peer = sa->peer;

	if (disbelieved) {
		sa->ike->stats.auth_failures++;
		ike_log(sa->ike, SL_IKE_WARNING, (int)peer->index,
			"link down: the peer does not believe that we are \"%s\"", sa->ike->conf->name);
	} else if (peer->active == sa) {
		ike_log(sa->ike, SL_IKE_INFO, (int)peer->index, "link down: closed by the peer");
	}
	/* Whoever was only called up by traffic rests until there is traffic again. */
	if (peer->active == sa && peer->conf->start == SL_IKE_START_TRAFFIC)
		peer->wanted = false;
	ike_sa_drop(sa);
	ike_peer_settle(peer);
}

/* The peer closes child SAs, which has been answered. */
static void children_closed(struct ike_sa *sa, const struct wishes *wishes)
{
	bool used = sa->peer->active == sa;

	for (unsigned i = 0; i < wishes->count; i++)
		ike_child_closed(wishes->children[i]);
	if (ike_children_in_use(sa) == 0) {
		/* An IKE SA without a child carries nothing and goes too. */
		if (used)
			ike_log(sa->ike, SL_IKE_INFO, (int)sa->peer->index,
				"link down: child SA closed by the peer");
		if (sa->state == IKE_ESTABLISHED)
			ike_delete_start(sa);
	}
	ike_peer_settle(sa->peer);
}

void ike_informational_request(struct ike_sa *sa, const struct sl_ike_path *path, const struct ike_message *m)
{
	struct wishes wishes = read_wishes(sa, m);

	if (wishes.delete_ike || wishes.disbelieved) {
		/* The answer is empty: our children go with the IKE SA (RFC 7296 1.4.1). */
		wishes.count = 0;
		respond(sa, path, &wishes);
		ike_rekey_sa_yield(sa);
		closed_by_peer(sa, wishes.disbelieved);
		return;
	}
	respond(sa, path, &wishes);
	if (wishes.count > 0)
		children_closed(sa, &wishes);
}
