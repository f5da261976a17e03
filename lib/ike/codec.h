/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages to structures and back.
 *
 * Reading copies nothing: a parsed message is a bounded set of views into the bytes it came from. Everything
 * is checked before it is looked at; what a payload contains further inside (proposals, selectors) is checked
 * by those who know.
 *
 * Writing goes through struct ike_writer, which has a fixed buffer, notices when it is full, and patches
 * lengths and next-payload fields itself.
 */
#ifndef SEALANE_IKE_CODEC_H
#define SEALANE_IKE_CODEC_H

#include "wire.h"

enum ike_result {
	IKE_OK = 0,
	IKE_E_SYNTAX = -1,      /* not what the RFC describes, or beyond a limit of wire.h */
	IKE_E_CRITICAL = -2,    /* holds a payload of unknown type that must not be skipped */
	IKE_E_INTEGRITY = -3,   /* the ICV is wrong */
	IKE_E_NO_PROPOSAL = -4, /* no proposal is acceptable */
};

/* The fixed header, in host order. */
struct ike_head {
	uint64_t spi_i, spi_r;
	uint8_t next;
	uint8_t exchange;
	bool initiator; /* flag: sent by the original initiator of the IKE SA */
	bool response;
	uint32_t id;
};

/* Bytes of the message; data is NULL when the payload is absent. */
struct ike_view {
	const uint8_t *data;
	size_t len;
};

struct ike_notify {
	uint8_t protocol;
	uint16_t type;
	struct ike_view spi;
	struct ike_view data;
};

struct ike_delete {
	uint8_t protocol;
	unsigned count;
	const uint8_t *spis; /* count of 4 bytes each; of IKE none */
};

/* Payloads by what they are for; each view is the body after the generic header. */
struct ike_message {
	struct ike_view sa, ke, nonce, id_i, id_r, auth, ts_i, ts_r;
	unsigned notify_count, delete_count;
	struct ike_notify notify[IKE_PAYLOADS_MAX];
	struct ike_delete deletes[IKE_PAYLOADS_MAX];
	uint8_t critical; /* with IKE_E_CRITICAL: the type of the payload */
};

/* Reads the header of a datagram. Its length field must be the length of the datagram. */
enum ike_result ike_parse_header(struct ike_head *head, const uint8_t *msg, size_t len);

/* Reads the chain of payloads that starts with type `first` and fills exactly len bytes. */
enum ike_result ike_parse(struct ike_message *m, uint8_t first, const uint8_t *data, size_t len);

/* The first notify of this type, or NULL. */
const struct ike_notify *ike_find_notify(const struct ike_message *m, uint16_t type);

/* The first notify that is an error (RFC 7296 3.10.1), or NULL. */
const struct ike_notify *ike_find_error(const struct ike_message *m);

/* "NO_PROPOSAL_CHOSEN", or "error 9" written to text. */
enum { IKE_NOTIFY_TEXT = 40 };
const char *ike_notify_name(uint16_t type, char text[static IKE_NOTIFY_TEXT]);

struct ike_writer {
	size_t len;
	size_t next_at; /* where the type of the next payload goes */
	size_t open;    /* header of the payload being written */
	size_t sk;      /* header of the SK payload; 0: none */
	bool overflow;
	uint8_t buf[IKE_SEND_MAX];
};

void ike_write_header(struct ike_writer *w, const struct ike_head *head);

void ike_put(struct ike_writer *w, const void *data, size_t len);
void ike_put8(struct ike_writer *w, uint8_t value);
void ike_put16(struct ike_writer *w, uint16_t value);
void ike_put32(struct ike_writer *w, uint32_t value);

/* Writes the distance from `start` to the end into the 16-bit length field at `field`. */
void ike_patch_len(struct ike_writer *w, size_t field, size_t start);

void ike_payload_begin(struct ike_writer *w, enum ike_payload_type type);
void ike_payload_end(struct ike_writer *w);

/* Whole payloads. */
void ike_write_notify(struct ike_writer *w, enum ike_notify_type type, const void *data, size_t len);
void ike_write_notify_spi(struct ike_writer *w, enum ike_notify_type type, uint8_t protocol, uint32_t spi);
void ike_write_payload(struct ike_writer *w, enum ike_payload_type type, const void *data, size_t len);

/* Begins the SK payload: all that follows is inside. ike_seal() (crypt.h) ends it. */
void ike_write_sk(struct ike_writer *w);

/* Sets the length of the message. Ours always fit (asserted). */
void ike_write_end(struct ike_writer *w);

#endif
