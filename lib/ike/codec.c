/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reading and writing IKE messages: headers, the chain of payloads, and those payloads that are plain
 * structures.
 */
#include <assert.h>
#include <stdio.h>

#include "codec.h"

enum ike_result ike_parse_header(struct ike_head *head, const uint8_t *msg, size_t len)
{
	const struct ike_wire_header *h = (const void *)msg;

	if (len < sizeof(*h) || len > SL_IKE_MESSAGE_MAX || be32toh(h->len) != len)
		return IKE_E_SYNTAX;
	if ((h->version & IKE_VERSION_MAJOR_MASK) != IKE_VERSION)
		return IKE_E_SYNTAX;
	*head = (struct ike_head){
		.spi_i = be64toh(h->spi_i),
		.spi_r = be64toh(h->spi_r),
		.next = h->next,
		.exchange = h->exchange,
		.initiator = h->flags & IKE_FLAG_INITIATOR,
		.response = h->flags & IKE_FLAG_RESPONSE,
		.id = be32toh(h->id),
	};
	return IKE_OK;
}

static enum ike_result parse_notify(struct ike_message *m, struct ike_view body)
{
	const struct ike_wire_notify *n = (const void *)body.data;
	size_t skip = sizeof(*n);

	if (body.len < skip || body.len - skip < n->spi_len)
		return IKE_E_SYNTAX;
	skip += n->spi_len;
	m->notify[m->notify_count++] = (struct ike_notify){
		.protocol = n->protocol,
		.type = be16toh(n->type),
		.spi = {body.data + sizeof(*n), n->spi_len},
		.data = {body.data + skip, body.len - skip},
	};
	return IKE_OK;
}

static enum ike_result parse_delete(struct ike_message *m, struct ike_view body)
{
	const struct ike_wire_delete *d = (const void *)body.data;
	unsigned spi_len, count;

	if (body.len < sizeof(*d))
		return IKE_E_SYNTAX;
	count = be16toh(d->count);
	/* An IKE SA is named by the header, an ESP or AH SA by four bytes (RFC 7296 3.11). */
	spi_len = d->protocol == IKE_PROTO_IKE ? 0 : 4;
	if (d->spi_len != spi_len || body.len - sizeof(*d) != (size_t)count * spi_len)
		return IKE_E_SYNTAX;
	if (d->protocol == IKE_PROTO_IKE && count != 0)
		return IKE_E_SYNTAX;
	m->deletes[m->delete_count++] = (struct ike_delete){
		.protocol = d->protocol,
		.count = count,
		.spis = body.data + sizeof(*d),
	};
	return IKE_OK;
}

/* A payload that a message holds at most once, and that is no shorter than `min`. */
static enum ike_result parse_single(struct ike_view *slot, struct ike_view body, size_t min, size_t max)
{
	if (slot->data || body.len < min || body.len > max)
		return IKE_E_SYNTAX;
	*slot = body;
	return IKE_OK;
}

static enum ike_result parse_payload(struct ike_message *m, uint8_t type, bool critical, struct ike_view body)
{
	const size_t any = SL_IKE_MESSAGE_MAX;

	switch (type) {
	case IKE_P_SA: return parse_single(&m->sa, body, sizeof(struct ike_wire_proposal), any);
	case IKE_P_KE: return parse_single(&m->ke, body, sizeof(struct ike_wire_ke) + 1, any);
	case IKE_P_IDI: return parse_single(&m->id_i, body, sizeof(struct ike_wire_id), any);
	case IKE_P_IDR: return parse_single(&m->id_r, body, sizeof(struct ike_wire_id), any);
	case IKE_P_AUTH: return parse_single(&m->auth, body, sizeof(struct ike_wire_auth), any);
	case IKE_P_NONCE: return parse_single(&m->nonce, body, IKE_NONCE_MIN, IKE_NONCE_MAX);
	case IKE_P_TSI: return parse_single(&m->ts_i, body, sizeof(struct ike_wire_ts_list), any);
	case IKE_P_TSR: return parse_single(&m->ts_r, body, sizeof(struct ike_wire_ts_list), any);
	case IKE_P_NOTIFY: return parse_notify(m, body);
	case IKE_P_DELETE: return parse_delete(m, body);
	case IKE_P_SK:
	case IKE_P_SKF: return IKE_E_SYNTAX; /* never inside another, never in IKE_SA_INIT */
	case IKE_P_CERT:
	case IKE_P_CERTREQ:
	case IKE_P_VENDOR:
	case IKE_P_CP:
	case IKE_P_EAP:
		/* RFC 7296 defines these, so the critical bit does not count (3.2); the profile has no use for them. */
		return IKE_OK;
	default:
		if (!critical)
			return IKE_OK;
		m->critical = type;
		return IKE_E_CRITICAL;
	}
}

enum ike_result ike_parse(struct ike_message *m, uint8_t first, const uint8_t *data, size_t len)
{
	uint8_t type = first;
	enum ike_result critical = IKE_OK;

	memset(m, 0, sizeof(*m));
	for (unsigned n = 0; type != IKE_P_NONE; n++) {
		const struct ike_wire_payload *p = (const void *)data;
		enum ike_result result;
		size_t size;

		if (n == IKE_PAYLOADS_MAX || len < sizeof(*p))
			return IKE_E_SYNTAX;
		size = be16toh(p->len);
		if (size < sizeof(*p) || size > len)
			return IKE_E_SYNTAX;
		result = parse_payload(m, type, p->critical & IKE_CRITICAL,
			(struct ike_view){data + sizeof(*p), size - sizeof(*p)});
		if (result == IKE_E_SYNTAX)
			return result;
		/* The whole chain is checked first: only a well-formed message gets a polite answer. */
		if (result == IKE_E_CRITICAL)
			critical = result;
		type = p->next;
		data += size;
		len -= size;
	}
	return len == 0 ? critical : IKE_E_SYNTAX;
}

const struct ike_notify *ike_find_notify(const struct ike_message *m, uint16_t type)
{
	for (unsigned i = 0; i < m->notify_count; i++)
		if (m->notify[i].type == type)
			return &m->notify[i];
	return NULL;
}

const struct ike_notify *ike_find_error(const struct ike_message *m)
{
	for (unsigned i = 0; i < m->notify_count; i++)
		if (m->notify[i].type <= IKE_N_ERROR_LAST)
			return &m->notify[i];
	return NULL;
}

const char *ike_notify_name(uint16_t type, char text[static IKE_NOTIFY_TEXT])
{
	switch (type) {
	case IKE_N_UNSUPPORTED_CRITICAL_PAYLOAD: return "UNSUPPORTED_CRITICAL_PAYLOAD";
	case IKE_N_INVALID_SYNTAX: return "INVALID_SYNTAX";
	case IKE_N_NO_PROPOSAL_CHOSEN: return "NO_PROPOSAL_CHOSEN";
	case IKE_N_INVALID_KE_PAYLOAD: return "INVALID_KE_PAYLOAD";
	case IKE_N_AUTHENTICATION_FAILED: return "AUTHENTICATION_FAILED";
	case IKE_N_NO_ADDITIONAL_SAS: return "NO_ADDITIONAL_SAS";
	case IKE_N_TS_UNACCEPTABLE: return "TS_UNACCEPTABLE";
	case IKE_N_TEMPORARY_FAILURE: return "TEMPORARY_FAILURE";
	case IKE_N_CHILD_SA_NOT_FOUND: return "CHILD_SA_NOT_FOUND";
	case IKE_N_TS_MAX_QUEUE: return "TS_MAX_QUEUE";
	default: snprintf(text, IKE_NOTIFY_TEXT, "error %u", type); return text;
	}
}

void ike_put(struct ike_writer *w, const void *data, size_t len)
{
	if (w->overflow || len > sizeof(w->buf) - w->len) {
		w->overflow = true;
		return;
	}
	if (len > 0)
		memcpy(w->buf + w->len, data, len);
	w->len += len;
}

void ike_put8(struct ike_writer *w, uint8_t value)
{
	ike_put(w, &value, sizeof(value));
}

void ike_put16(struct ike_writer *w, uint16_t value)
{
	value = htobe16(value);
	ike_put(w, &value, sizeof(value));
}

void ike_put32(struct ike_writer *w, uint32_t value)
{
	value = htobe32(value);
	ike_put(w, &value, sizeof(value));
}

void ike_patch_len(struct ike_writer *w, size_t field, size_t start)
{
	uint16_t len = htobe16((uint16_t)(w->len - start));

	if (!w->overflow)
		memcpy(w->buf + field, &len, sizeof(len));
}

static void begin(struct ike_writer *w, const struct ike_wire_header *h)
{
	w->len = w->open = w->sk = 0;
	w->overflow = false;
	w->next_at = offsetof(struct ike_wire_header, next);
	ike_put(w, h, sizeof(*h));
}

void ike_write_header(struct ike_writer *w, const struct ike_head *head)
{
	struct ike_wire_header h = {
		.spi_i = htobe64(head->spi_i),
		.spi_r = htobe64(head->spi_r),
		.version = IKE_VERSION,
		.exchange = head->exchange,
		.flags =
			(head->initiator ? IKE_FLAG_INITIATOR : 0) | (head->response ? IKE_FLAG_RESPONSE : 0),
		.id = htobe32(head->id),
	};

	begin(w, &h);
}

void ike_write_header_like(struct ike_writer *w, const struct ike_writer *other)
{
	begin(w, (const void *)other->buf);
}

void ike_payload_begin(struct ike_writer *w, enum ike_payload_type type)
{
	const struct ike_wire_payload p = {0};

	if (!w->overflow)
		w->buf[w->next_at] = (uint8_t)type;
	w->next_at = w->open = w->len;
	ike_put(w, &p, sizeof(p));
}

void ike_payload_end(struct ike_writer *w)
{
	ike_patch_len(w, w->open + offsetof(struct ike_wire_payload, len), w->open);
}

void ike_write_payload(struct ike_writer *w, enum ike_payload_type type, const void *data, size_t len)
{
	ike_payload_begin(w, type);
	ike_put(w, data, len);
	ike_payload_end(w);
}

void ike_write_notify(struct ike_writer *w, enum ike_notify_type type, const void *data, size_t len)
{
	const struct ike_wire_notify n = {.type = htobe16(type)};

	ike_payload_begin(w, IKE_P_NOTIFY);
	ike_put(w, &n, sizeof(n));
	ike_put(w, data, len);
	ike_payload_end(w);
}

void ike_write_notify_spi(struct ike_writer *w, enum ike_notify_type type, uint8_t protocol, uint32_t spi)
{
	const struct ike_wire_notify n = {
		.protocol = protocol, .spi_len = sizeof(spi), .type = htobe16(type)};

	ike_payload_begin(w, IKE_P_NOTIFY);
	ike_put(w, &n, sizeof(n));
	ike_put32(w, spi);
	ike_payload_end(w);
}

static void put_iv_space(struct ike_writer *w)
{
	const uint8_t iv[SL_GCM_IV_LEN] = {0};

	w->iv_at = w->len;
	ike_put(w, iv, sizeof(iv));
}

void ike_write_sk(struct ike_writer *w)
{
	w->sk = w->len;
	ike_payload_begin(w, IKE_P_SK);
	put_iv_space(w);
}

void ike_write_skf(struct ike_writer *w, uint8_t first, uint16_t number, uint16_t total)
{
	const struct ike_wire_fragment f = {.number = htobe16(number), .total = htobe16(total)};

	w->sk = w->len;
	ike_payload_begin(w, IKE_P_SKF);
	w->buf[w->next_at] = first;
	ike_put(w, &f, sizeof(f));
	put_iv_space(w);
}

void ike_write_end(struct ike_writer *w)
{
	uint32_t len = htobe32((uint32_t)w->len);

	assert(!w->overflow);
	memcpy(w->buf + offsetof(struct ike_wire_header, len), &len, sizeof(len));
}
