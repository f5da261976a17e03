/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One end's half of a key exchange, as IKE_SA_INIT and CREATE_CHILD_SA carry it: a KE and a nonce payload.
 */
#include "internal.h"

void ike_make_secrets(struct sl_ike *ike, uint8_t private[static SL_X25519_LEN], struct ike_nonce *nonce)
{
	ike->ops->random(ike->owner, private, SL_X25519_LEN);
	nonce->len = IKE_NONCE_LEN;
	ike->ops->random(ike->owner, nonce->data, nonce->len);
}

void ike_write_ke(struct ike_writer *w, const uint8_t private[static SL_X25519_LEN])
{
	const struct ike_wire_ke ke = {.group = htobe16(IKE_DH_X25519)};
	uint8_t public[SL_X25519_LEN];

	sl_x25519_public(public, private);
	ike_payload_begin(w, IKE_P_KE);
	ike_put(w, &ke, sizeof(ke));
	ike_put(w, public, sizeof(public));
	ike_payload_end(w);
}

void ike_write_nonce(struct ike_writer *w, const struct ike_nonce *nonce)
{
	ike_write_payload(w, IKE_P_NONCE, nonce->data, nonce->len);
}

void ike_take_nonce(struct ike_nonce *nonce, struct ike_view payload)
{
	memcpy(nonce->data, payload.data, payload.len);
	nonce->len = payload.len;
}

const uint8_t *ike_x25519_value(struct ike_view ke)
{
	const struct ike_wire_ke *k = (const void *)ke.data;

	if (be16toh(k->group) != IKE_DH_X25519 || ke.len != sizeof(*k) + SL_X25519_LEN)
		return NULL;
	return ke.data + sizeof(*k);
}

int ike_compare_nonces(const struct ike_nonce *a, const struct ike_nonce *b)
{
	int order = memcmp(a->data, b->data, a->len < b->len ? a->len : b->len);

	if (order != 0)
		return order;
	return (a->len > b->len) - (a->len < b->len);
}

bool ike_rekey_lost(const struct ike_rekey *rekey, const struct ike_nonce *lowest)
{
	return rekey->to_beat.len > 0 && ike_compare_nonces(lowest, &rekey->to_beat) < 0;
}

const struct ike_nonce *ike_lower_nonce(const struct ike_nonce *a, const struct ike_nonce *b)
{
	return ike_compare_nonces(a, b) < 0 ? a : b;
}
