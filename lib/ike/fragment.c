/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * IKE fragmentation (RFC 7383): a message that would not fit the path is cut before it is sealed, so that every
 * fragment is a message of its own that IP need not cut, and that is authenticated before it takes any memory.
 *
 * Of each direction one message at a time is put together, and its size is limited. No timer runs: fragments that
 * nothing completes go when another message comes in fragments, or with their SA.
 */
#include <assert.h>
#include <stdlib.h>

#include "internal.h"

enum {
	FRAGMENT_OVERHEAD =
		(int)sizeof(struct ike_wire_header) + IKE_SK_OVERHEAD + (int)sizeof(struct ike_wire_fragment),
	FRAGMENT_DATA_MIN = IKE_FRAGMENT_MIN - FRAGMENT_OVERHEAD,
	IPV4_HEADER = 20,
	IPV6_HEADER = 40,
	UDP_HEADER = 8,
	NON_ESP_MARKER = 4,
};

_Static_assert((IKE_SEND_MAX / FRAGMENT_DATA_MIN + 1) * IKE_FRAGMENT_MIN <= IKE_SEND_FRAGMENTS_MAX,
	"the smallest fragments of our longest message");
_Static_assert((int)SL_IKE_MTU_MIN - IPV6_HEADER - UDP_HEADER - NON_ESP_MARKER == IKE_FRAGMENT_MIN,
	"the narrowest path");
_Static_assert(IKE_FRAGMENTS_MAX == 64, "one bit each in ike_fragments.have");

/* ---- Out --------------------------------------------------------------------------------------------------------- */

static void seal(struct ike_sa *sa, struct ike_writer *w)
{
	/* A counter as the IV never repeats while its keys live (RFC 5282 3.1). */
	ike_seal(w, sa->secrets, sa->cipher, sa->iv++);
}

/* The longest message that the path carries whole. */
static size_t longest(const struct ike_sa *sa)
{
	size_t ip = sa->path.remote.addr.family == SL_IPV6 ? IPV6_HEADER : IPV4_HEADER;
	size_t marker = sa->path.local.port == SL_IKE_NAT_PORT ? NON_ESP_MARKER : 0;

	return sa->ike->conf->mtu ? sa->ike->conf->mtu - ip - UDP_HEADER - marker : SIZE_MAX;
}

/* RFC 7383 2.5: the payloads inside SK, cut into pieces of equal length. */
static struct ike_view seal_fragments(struct ike_sa *sa, const struct ike_writer *w)
{
	struct sl_ike *ike = sa->ike;
	size_t at = w->iv_at + SL_GCM_IV_LEN, piece = longest(sa) - FRAGMENT_OVERHEAD, len = 0;
	unsigned total = (unsigned)((w->len - at + piece - 1) / piece);
	struct ike_writer f;

	for (unsigned number = 1; number <= total; number++) {
		size_t size = w->len - at < piece ? w->len - at : piece;

		ike_write_header_like(&f, w);
		ike_write_skf(
			&f, number == 1 ? w->buf[w->sk] : IKE_P_NONE, (uint16_t)number, (uint16_t)total);
		ike_put(&f, w->buf + at, size);
		seal(sa, &f);
		assert(len + f.len <= sizeof(ike->fragments));
		memcpy(ike->fragments + len, f.buf, f.len);
		len += f.len;
		at += size;
	}
	return (struct ike_view){ike->fragments, len};
}

struct ike_view ike_seal_for_path(struct ike_sa *sa, struct ike_writer *w)
{
	size_t len = w->len + 1 + SL_GCM_ICV_LEN;

	assert(!w->overflow);
	if (len > longest(sa) && sa->fragmentation)
		return seal_fragments(sa, w);
	seal(sa, w);
	return (struct ike_view){w->buf, w->len};
}

/* ---- In ---------------------------------------------------------------------------------------------------------- */

void ike_fragments_forget(struct ike_fragments **fragments)
{
	struct ike_fragments *all = *fragments;

	for (unsigned i = 0; all && i < all->total; i++)
		ike_forget(&all->part[i]);
	free(all);
	*fragments = NULL;
}

/*
 * Takes one fragment, which is authentic. A peer that learns of a narrower path cuts the same message into more
 * pieces: these replace the ones before (RFC 7383 2.6).
 */
static enum ike_result store(struct ike_fragments **slot, uint32_t id, const struct ike_fragment *f)
{
	struct ike_fragments *all;
	struct ike_buffer *part;
	uint64_t bit = UINT64_C(1) << (f->number - 1);

	if (*slot && ((*slot)->id != id || (*slot)->total < f->total))
		ike_fragments_forget(slot);
	if (!*slot)
		*slot = calloc(1, sizeof(**slot));
	all = *slot;
	if (!all)
		return IKE_E_INCOMPLETE;
	if (all->total == 0) {
		all->id = id;
		all->total = f->total;
	}
	if (all->total > f->total || (all->have & bit))
		return IKE_E_INCOMPLETE;
	if (f->plain.len > SL_IKE_MESSAGE_MAX - all->len) {
		ike_fragments_forget(slot);
		return IKE_E_SYNTAX;
	}
	part = &all->part[f->number - 1];
	ike_keep(part, f->plain.data, f->plain.len);
	if (part->len == 0)
		return IKE_E_INCOMPLETE; /* no memory: as if it had been lost */
	if (f->number == 1)
		all->first = f->first;
	all->have |= bit;
	all->len += part->len;
	return all->have == UINT64_MAX >> (IKE_FRAGMENTS_MAX - all->total) ? IKE_OK : IKE_E_INCOMPLETE;
}

/* All are there: the payloads of the whole message, in the engine's scratch space. */
static struct ike_view join(struct sl_ike *ike, const struct ike_fragments *all)
{
	size_t len = 0;

	for (unsigned i = 0; i < all->total; i++) {
		memcpy(ike->scratch + len, all->part[i].data, all->part[i].len);
		len += all->part[i].len;
	}
	return (struct ike_view){ike->scratch, len};
}

enum ike_result ike_open_from_path(
	struct ike_sa *sa, const struct ike_head *head, size_t len, uint8_t *first, struct ike_view *plain)
{
	struct ike_fragments **slot = &sa->fragments[head->response];
	struct sl_ike *ike = sa->ike;
	struct ike_fragment f;
	enum ike_result result;

	if (head->next != IKE_P_SKF)
		return ike_open(sa->secrets, sa->cipher, ike->scratch, len, first, plain);
	if (!sa->fragmentation)
		return IKE_E_SYNTAX;
	result = ike_open_fragment(sa->secrets, sa->cipher, ike->scratch, len, &f);
	if (result != IKE_OK)
		return result;
	/* Of a request that has been answered the first fragment asks for the answer, for all (RFC 7383 2.6.1). */
	if (!head->response && head->id != sa->expected_id)
		return f.number == 1 ? IKE_OK : IKE_E_INCOMPLETE;
	result = store(slot, head->id, &f);
	if (result != IKE_OK)
		return result;
	*first = (*slot)->first;
	*plain = join(ike, *slot);
	ike_fragments_forget(slot);
	return IKE_OK;
}
