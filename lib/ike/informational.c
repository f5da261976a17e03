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
	sa->request.is_delete = true;
}

void ike_delete_last(struct ike_sa *sa)
{
	struct ike_writer w;

	begin_delete(sa, &w);
	ike_send_last(sa, &w);
}

/* What a request asks of us. */
struct wishes {
	bool delete_ike;
	bool delete_child;
	bool disbelieved;
};

static struct wishes read_wishes(const struct ike_sa *sa, const struct ike_message *m)
{
	struct wishes wishes = {.disbelieved = ike_find_notify(m, IKE_N_AUTHENTICATION_FAILED) != NULL};
	const uint32_t spi_out = htobe32(sa->spi_out);

	for (unsigned i = 0; i < m->delete_count; i++) {
		const struct ike_delete *d = &m->deletes[i];

		wishes.delete_ike |= d->protocol == IKE_PROTO_IKE;
		/* The SPIs are those its sender receives with (RFC 7296 1.4.1). */
		for (unsigned n = 0; n < d->count && d->protocol == IKE_PROTO_ESP && sa->spi_in != 0; n++)
			wishes.delete_child |= memcmp(d->spis + 4 * n, &spi_out, sizeof(spi_out)) == 0;
	}
	return wishes;
}

/* Answers; with a Delete of our half when the child goes. */
static void respond(struct ike_sa *sa, const struct sl_ike_path *path, bool delete_child)
{
	const struct ike_wire_delete d = {.protocol = IKE_PROTO_ESP, .spi_len = 4, .count = htobe16(1)};
	struct ike_writer w;

	ike_begin_response(sa, &w, IKE_INFORMATIONAL);
	if (delete_child) {
		ike_payload_begin(&w, IKE_P_DELETE);
		ike_put(&w, &d, sizeof(d));
		ike_put32(&w, sa->spi_in);
		ike_payload_end(&w);
	}
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
	if (peer->active == sa && peer->conf->start == SL_IKE_START_NONE)
		peer->wanted = false;
	ike_sa_drop(sa);
	ike_peer_settle(peer);
}

void ike_informational_request(struct ike_sa *sa, const struct sl_ike_path *path, const struct ike_message *m)
{
	const struct wishes wishes = read_wishes(sa, m);

	if (wishes.delete_ike || wishes.disbelieved) {
		/* The answer is empty: our children go with the IKE SA (RFC 7296 1.4.1). */
		respond(sa, path, false);
		closed_by_peer(sa, wishes.disbelieved);
		return;
	}
	respond(sa, path, wishes.delete_child);
	if (!wishes.delete_child)
		return;
	/* An IKE SA without its child carries nothing and goes too. */
	if (sa->peer->active == sa)
		ike_log(sa->ike, SL_IKE_INFO, (int)sa->peer->index, "link down: child SA closed by the peer");
	ike_child_drop(sa);
	if (sa->state == IKE_ESTABLISHED)
		ike_delete_start(sa);
	ike_peer_settle(sa->peer);
}
