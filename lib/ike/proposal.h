/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The SA payload: what we propose, and what of a peer's proposals we accept (RFC 7296 2.7, 3.3).
 */
#ifndef SEALANE_IKE_PROPOSAL_H
#define SEALANE_IKE_PROPOSAL_H

#include "codec.h"

/* What we allow for one SA. PRF and key exchange group are fixed by the profile. */
struct ike_policy {
	uint8_t protocol; /* IKE_PROTO_IKE or IKE_PROTO_ESP */
	const enum sl_cipher *ciphers;
	unsigned cipher_count;
	bool esn; /* ESP: 64-bit sequence numbers too, and rather */
	bool rekey; /* in CREATE_CHILD_SA: ESP has a group, as IKE always has, and IKE an SPI, as ESP always has */
};

/* One proposal with one transform of each type. */
struct ike_choice {
	uint8_t number;
	uint64_t spi; /* of the one who sent it; in IKE_SA_INIT none */
	enum sl_cipher cipher;
	bool esn;
	bool rekey;
	bool integ_none; /* these were spelled out, so the answer does too */
	bool dh_none;
};

/* Writes our proposal: one, with all that the policy allows. */
void ike_write_proposal(struct ike_writer *w, const struct ike_policy *policy, uint64_t spi);

/* Writes what we chose of the peer's proposals; spi is ours. */
void ike_write_choice(struct ike_writer *w, uint8_t protocol, const struct ike_choice *choice, uint64_t spi);

/*
 * Chooses the peer's first proposal that the policy allows, and in it the peer's first cipher; ESN if both
 * can. Returns IKE_OK, IKE_E_SYNTAX or IKE_E_NO_PROPOSAL.
 */
enum ike_result ike_choose(struct ike_choice *choice, struct ike_view sa, const struct ike_policy *policy);

/*
 * Reads the answer to our proposal: it must be one proposal with one transform of each type, all of which we
 * offered. Same results.
 */
enum ike_result ike_check_answer(
	struct ike_choice *choice, struct ike_view sa, const struct ike_policy *policy);

#endif
