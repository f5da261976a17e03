/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SA payloads. Reading is two steps: a proposal is first boiled down to what it offers of our profile (struct
 * offer), then that is held against the policy.
 */
#include "proposal.h"

/* What a proposal offers, per transform type; "count" is of all transforms of that type, "ok" says one suits us. */
struct offer {
	uint8_t number;
	uint8_t protocol;
	uint8_t spi_len;
	uint64_t spi;
	bool unknown_type;
	unsigned count[IKE_T_ESN + 1];
	bool ok[IKE_T_ESN + 1];
	enum sl_cipher cipher; /* the first we allow */
	bool esn_yes, esn_no;
};

static void write_transform(struct ike_writer *w, bool more, uint8_t type, uint16_t id, unsigned key_bits)
{
	const struct ike_wire_transform t = {
		.more = more ? IKE_MORE_TRANSFORMS : 0,
		.len = htobe16(sizeof(t) + (key_bits ? sizeof(struct ike_wire_attribute) : 0)),
		.type = type,
		.id = htobe16(id),
	};

	ike_put(w, &t, sizeof(t));
	if (key_bits) {
		ike_put16(w, IKE_ATTRIBUTE_SHORT | IKE_ATTRIBUTE_KEY_LENGTH);
		ike_put16(w, (uint16_t)key_bits);
	}
}

/* The SPI of an IKE SA stands in the header of IKE_SA_INIT; one that replaces another has none there (RFC 7296 3.3.1). */
static uint8_t spi_len(uint8_t protocol, bool rekey)
{
	if (protocol == IKE_PROTO_ESP)
		return sizeof(uint32_t);
	return rekey ? sizeof(uint64_t) : 0;
}

/* A transform in the order it is sent. */
struct item {
	uint8_t type;
	uint16_t id;
	unsigned key_bits;
};

static void write_sa(struct ike_writer *w, uint8_t number, uint8_t protocol, bool rekey, uint64_t spi,
	const struct item *items, unsigned count)
{
	const struct ike_wire_proposal p = {
		.number = number,
		.protocol = protocol,
		.spi_len = spi_len(protocol, rekey),
		.transforms = (uint8_t)count,
	};
	const uint64_t spi_be = htobe64(spi);
	size_t start;

	ike_payload_begin(w, IKE_P_SA);
	start = w->len;
	ike_put(w, &p, sizeof(p));
	ike_put(w, (const uint8_t *)&spi_be + sizeof(spi_be) - p.spi_len, p.spi_len);
	for (unsigned i = 0; i < count; i++)
		write_transform(w, i + 1 < count, items[i].type, items[i].id, items[i].key_bits);
	ike_patch_len(w, start + offsetof(struct ike_wire_proposal, len), start);
	ike_payload_end(w);
}

static struct item cipher_item(enum sl_cipher cipher)
{
	return (struct item){IKE_T_ENCR, IKE_ENCR_AES_GCM_16, sl_cipher_key_len(cipher) * 8};
}

void ike_write_proposal(struct ike_writer *w, const struct ike_policy *policy, uint64_t spi)
{
	struct item items[SL_CIPHER_COUNT + 3];
	unsigned n = 0;

	for (unsigned i = 0; i < policy->cipher_count; i++)
		items[n++] = cipher_item(policy->ciphers[i]);
	if (policy->protocol == IKE_PROTO_IKE) {
		items[n++] = (struct item){IKE_T_PRF, IKE_PRF_HMAC_SHA2_256, 0};
		items[n++] = (struct item){IKE_T_DH, IKE_DH_X25519, 0};
	} else {
		if (policy->rekey)
			items[n++] = (struct item){IKE_T_DH, IKE_DH_X25519, 0};
		if (policy->esn)
			items[n++] = (struct item){IKE_T_ESN, IKE_ESN_YES, 0};
		items[n++] = (struct item){IKE_T_ESN, IKE_ESN_NO, 0};
	}
	write_sa(w, 1, policy->protocol, policy->rekey, spi, items, n);
}

void ike_write_choice(struct ike_writer *w, uint8_t protocol, const struct ike_choice *choice, uint64_t spi)
{
	struct item items[5];
	unsigned n = 0;

	items[n++] = cipher_item(choice->cipher);
	if (choice->integ_none)
		items[n++] = (struct item){IKE_T_INTEG, IKE_INTEG_NONE, 0};
	if (protocol == IKE_PROTO_IKE) {
		items[n++] = (struct item){IKE_T_PRF, IKE_PRF_HMAC_SHA2_256, 0};
		items[n++] = (struct item){IKE_T_DH, IKE_DH_X25519, 0};
	} else {
		if (choice->rekey)
			items[n++] = (struct item){IKE_T_DH, IKE_DH_X25519, 0};
		else if (choice->dh_none)
			items[n++] = (struct item){IKE_T_DH, IKE_DH_NONE, 0};
		items[n++] = (struct item){IKE_T_ESN, choice->esn ? IKE_ESN_YES : IKE_ESN_NO, 0};
	}
	write_sa(w, choice->number, protocol, choice->rekey, spi, items, n);
}

/*
 * Reads the attributes of a transform: the key length, and whether there is any other, which makes the
 * transform one we do not understand (RFC 7296 3.3.6).
 */
static enum ike_result parse_attributes(const uint8_t *data, size_t len, unsigned *key_bits, bool *other)
{
	*key_bits = 0;
	*other = false;
	while (len > 0) {
		const struct ike_wire_attribute *a = (const void *)data;
		size_t size = sizeof(*a);

		if (len < size)
			return IKE_E_SYNTAX;
		if (!(be16toh(a->type) & IKE_ATTRIBUTE_SHORT))
			size += be16toh(a->value);
		if (len < size)
			return IKE_E_SYNTAX;
		if (be16toh(a->type) == (IKE_ATTRIBUTE_SHORT | IKE_ATTRIBUTE_KEY_LENGTH) && *key_bits == 0)
			*key_bits = be16toh(a->value);
		else
			*other = true;
		data += size;
		len -= size;
	}
	return IKE_OK;
}

static void offer_cipher(struct offer *o, const struct ike_policy *policy, unsigned key_bits)
{
	for (unsigned i = 0; i < policy->cipher_count && !o->ok[IKE_T_ENCR]; i++)
		if (sl_cipher_key_len(policy->ciphers[i]) * 8 == key_bits) {
			o->cipher = policy->ciphers[i];
			o->ok[IKE_T_ENCR] = true;
		}
}

static void offer_transform(
	struct offer *o, const struct ike_policy *policy, uint8_t type, uint16_t id, unsigned key_bits)
{
	bool ike = policy->protocol == IKE_PROTO_IKE, group = ike || policy->rekey;

	switch (type) {
	case IKE_T_ENCR:
		if (id == IKE_ENCR_AES_GCM_16)
			offer_cipher(o, policy, key_bits);
		break;
	case IKE_T_PRF: o->ok[type] |= ike && key_bits == 0 && id == IKE_PRF_HMAC_SHA2_256; break;
	case IKE_T_INTEG: o->ok[type] |= key_bits == 0 && id == IKE_INTEG_NONE; break;
	/* IKE_AUTH carries no KE payload, so its child SA can have no group (RFC 7296 1.2). */
	case IKE_T_DH: o->ok[type] |= key_bits == 0 && id == (group ? IKE_DH_X25519 : IKE_DH_NONE); break;
	case IKE_T_ESN:
		o->esn_yes |= !ike && key_bits == 0 && id == IKE_ESN_YES;
		o->esn_no |= !ike && key_bits == 0 && id == IKE_ESN_NO;
		o->ok[type] = o->esn_no || (o->esn_yes && policy->esn);
		break;
	}
}

/* Reads the transforms of a proposal, which fill exactly len bytes. */
static enum ike_result parse_transforms(
	struct offer *o, const struct ike_policy *policy, unsigned count, const uint8_t *data, size_t len)
{
	if (count == 0 || count > IKE_TRANSFORMS_MAX)
		return IKE_E_SYNTAX;
	for (unsigned i = 0; i < count; i++) {
		const struct ike_wire_transform *t = (const void *)data;
		unsigned key_bits;
		size_t size;
		bool other;

		if (len < sizeof(*t) || t->more != (i + 1 < count ? IKE_MORE_TRANSFORMS : 0))
			return IKE_E_SYNTAX;
		size = be16toh(t->len);
		if (size < sizeof(*t) || size > len)
			return IKE_E_SYNTAX;
		if (parse_attributes(data + sizeof(*t), size - sizeof(*t), &key_bits, &other) != IKE_OK)
			return IKE_E_SYNTAX;
		if (t->type == 0 || t->type > IKE_T_ESN) {
			o->unknown_type = true;
		} else {
			o->count[t->type]++;
			if (!other)
				offer_transform(o, policy, t->type, be16toh(t->id), key_bits);
		}
		data += size;
		len -= size;
	}
	return len == 0 ? IKE_OK : IKE_E_SYNTAX;
}

/* Reads the proposal at the front of *rest and moves past it. */
static enum ike_result parse_proposal(
	struct offer *o, const struct ike_policy *policy, struct ike_view *rest, bool *last)
{
	const struct ike_wire_proposal *p = (const void *)rest->data;
	size_t size, skip = sizeof(*p);

	*o = (struct offer){0};
	if (rest->len < sizeof(*p) || (p->more != 0 && p->more != IKE_MORE_PROPOSALS))
		return IKE_E_SYNTAX;
	size = be16toh(p->len);
	if (size > rest->len || size < sizeof(*p) + p->spi_len)
		return IKE_E_SYNTAX;
	o->number = p->number;
	o->protocol = p->protocol;
	o->spi_len = p->spi_len;
	if (p->spi_len <= sizeof(o->spi)) {
		memcpy((uint8_t *)&o->spi + sizeof(o->spi) - p->spi_len, rest->data + skip, p->spi_len);
		o->spi = be64toh(o->spi);
	}
	skip += p->spi_len;
	if (parse_transforms(o, policy, p->transforms, rest->data + skip, size - skip) != IKE_OK)
		return IKE_E_SYNTAX;
	*last = p->more == 0;
	rest->data += size;
	rest->len -= size;
	return IKE_OK;
}

/* Every type that is there must have something for us, and those we need must be there (RFC 7296 3.3.3). */
static bool acceptable(const struct offer *o, const struct ike_policy *policy)
{
	bool ike = policy->protocol == IKE_PROTO_IKE;

	if (o->protocol != policy->protocol || o->unknown_type)
		return false;
	/* SPIs up to 255 are reserved (RFC 4303 2.1), and an IKE SA has none that is 0 (RFC 7296 3.1). */
	if (o->spi_len != spi_len(policy->protocol, policy->rekey) || (!ike && o->spi <= 255))
		return false;
	if (ike && policy->rekey && o->spi == 0)
		return false;
	for (unsigned type = IKE_T_ENCR; type <= IKE_T_ESN; type++)
		if (o->count[type] > 0 && !o->ok[type])
			return false;
	if (ike)
		return o->ok[IKE_T_ENCR] && o->ok[IKE_T_PRF] && o->ok[IKE_T_DH];
	return o->ok[IKE_T_ENCR] && o->ok[IKE_T_ESN] && (o->ok[IKE_T_DH] || !policy->rekey);
}

static struct ike_choice choice_of(const struct offer *o, const struct ike_policy *policy)
{
	return (struct ike_choice){
		.number = o->number,
		.spi = o->spi,
		.cipher = o->cipher,
		.esn = policy->esn && o->esn_yes,
		.rekey = policy->rekey,
		.integ_none = o->count[IKE_T_INTEG] > 0,
		.dh_none = policy->protocol == IKE_PROTO_ESP && o->count[IKE_T_DH] > 0,
	};
}

enum ike_result ike_choose(struct ike_choice *choice, struct ike_view sa, const struct ike_policy *policy)
{
	enum ike_result result = IKE_E_NO_PROPOSAL;
	bool last = false;

	for (unsigned n = 0; !last; n++) {
		struct offer o;

		if (n == IKE_PROPOSALS_MAX || parse_proposal(&o, policy, &sa, &last) != IKE_OK)
			return IKE_E_SYNTAX;
		if (result != IKE_OK && acceptable(&o, policy)) {
			*choice = choice_of(&o, policy);
			result = IKE_OK;
		}
	}
	return sa.len == 0 ? result : IKE_E_SYNTAX;
}

enum ike_result ike_check_answer(
	struct ike_choice *choice, struct ike_view sa, const struct ike_policy *policy)
{
	struct offer o;
	bool last;

	if (parse_proposal(&o, policy, &sa, &last) != IKE_OK || !last || sa.len != 0)
		return IKE_E_SYNTAX;
	if (o.number != 1 || !acceptable(&o, policy))
		return IKE_E_NO_PROPOSAL;
	for (unsigned type = IKE_T_ENCR; type <= IKE_T_ESN; type++)
		if (o.count[type] > 1)
			return IKE_E_NO_PROPOSAL;
	*choice = choice_of(&o, policy);
	return IKE_OK;
}
