/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * IKEv2 on the wire: the fixed structures of RFC 7296 3, the numbers of the IANA registries that this profile
 * speaks, and the limits we set to what a message may hold. All numbers on the wire are big endian.
 */
#ifndef SEALANE_IKE_WIRE_H
#define SEALANE_IKE_WIRE_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

#include "ike.h"

/* Limits. What exceeds them is refused as malformed. */
enum {
	IKE_PAYLOADS_MAX = 32,   /* in one message */
	IKE_PROPOSALS_MAX = 16,  /* in one SA payload */
	IKE_TRANSFORMS_MAX = 64, /* in one proposal */
	IKE_NONCE_MIN = 16,      /* RFC 7296 2.10 and 3.9 */
	IKE_NONCE_MAX = 256,
	IKE_NONCE_LEN =
		32, /* of ours: the key size of the PRF (RFC 7296 2.10 asks for half of it at least) */
	IKE_COOKIE_MAX = 64, /* RFC 7296 2.6 */
	IKE_SEND_MAX =
		2048, /* our own longest message: IKE_AUTH with two names and twice SL_TS_MAX selectors */
	IKE_SEND_FRAGMENTS_MAX = 2 * IKE_SEND_MAX, /* the same in fragments */
	IKE_FRAGMENTS_MAX = 64,                    /* of one message */
	IKE_FRAGMENT_MIN = 256,                    /* of ours; nobody needs shorter ones */
};

/* RFC 7296 3.1. */
struct ike_wire_header {
	uint64_t spi_i, spi_r;
	uint8_t next;
	uint8_t version;
	uint8_t exchange;
	uint8_t flags;
	uint32_t id;
	uint32_t len;
} __attribute__((packed));
_Static_assert(sizeof(struct ike_wire_header) == 28, "IKE header");

enum { IKE_VERSION = 0x20, IKE_VERSION_MAJOR_MASK = 0xf0 };
enum { IKE_FLAG_INITIATOR = 0x08, IKE_FLAG_RESPONSE = 0x20 };
enum { IKE_SA_INIT = 34, IKE_AUTH = 35, IKE_CREATE_CHILD_SA = 36, IKE_INFORMATIONAL = 37 };

/* RFC 7296 3.2: in front of every payload. */
struct ike_wire_payload {
	uint8_t next;
	uint8_t critical; /* highest bit; the others are reserved */
	uint16_t len;     /* this header included */
} __attribute__((packed));
_Static_assert(sizeof(struct ike_wire_payload) == 4, "generic payload header");

enum { IKE_CRITICAL = 0x80 };

enum ike_payload_type {
	IKE_P_NONE = 0,
	IKE_P_SA = 33,
	IKE_P_KE = 34,
	IKE_P_IDI = 35,
	IKE_P_IDR = 36,
	IKE_P_CERT = 37,
	IKE_P_CERTREQ = 38,
	IKE_P_AUTH = 39,
	IKE_P_NONCE = 40,
	IKE_P_NOTIFY = 41,
	IKE_P_DELETE = 42,
	IKE_P_VENDOR = 43,
	IKE_P_TSI = 44,
	IKE_P_TSR = 45,
	IKE_P_SK = 46,
	IKE_P_CP = 47,
	IKE_P_EAP = 48,
	IKE_P_SKF = 53, /* RFC 7383 */
};

enum { IKE_PROTO_NONE = 0, IKE_PROTO_IKE = 1, IKE_PROTO_AH = 2, IKE_PROTO_ESP = 3 };

/* RFC 7296 3.3.1, 3.3.2, 3.3.5. */
struct ike_wire_proposal {
	uint8_t more; /* 2, or 0 for the last */
	uint8_t reserved;
	uint16_t len;
	uint8_t number;
	uint8_t protocol;
	uint8_t spi_len;
	uint8_t transforms;
} __attribute__((packed));
_Static_assert(sizeof(struct ike_wire_proposal) == 8, "proposal");

struct ike_wire_transform {
	uint8_t more; /* 3, or 0 for the last */
	uint8_t reserved;
	uint16_t len;
	uint8_t type;
	uint8_t reserved2;
	uint16_t id;
} __attribute__((packed));
_Static_assert(sizeof(struct ike_wire_transform) == 8, "transform");

struct ike_wire_attribute {
	uint16_t type;  /* with IKE_ATTRIBUTE_SHORT: the value follows in two bytes */
	uint16_t value; /* or the length of what follows */
} __attribute__((packed));
_Static_assert(sizeof(struct ike_wire_attribute) == 4, "transform attribute");

enum { IKE_MORE_PROPOSALS = 2, IKE_MORE_TRANSFORMS = 3 };
enum { IKE_T_ENCR = 1, IKE_T_PRF = 2, IKE_T_INTEG = 3, IKE_T_DH = 4, IKE_T_ESN = 5 };
enum { IKE_ATTRIBUTE_SHORT = 0x8000, IKE_ATTRIBUTE_KEY_LENGTH = 14 };
enum {
	IKE_ENCR_AES_GCM_16 = 20,
	IKE_PRF_HMAC_SHA2_256 = 5,
	IKE_INTEG_NONE = 0,
	IKE_DH_NONE = 0,
	IKE_DH_X25519 = 31, /* RFC 8031 */
	IKE_ESN_NO = 0,
	IKE_ESN_YES = 1,
};

/* RFC 7296 3.4. */
struct ike_wire_ke {
	uint16_t group;
	uint16_t reserved;
} __attribute__((packed));
_Static_assert(sizeof(struct ike_wire_ke) == 4, "KE payload");

/* RFC 7296 3.5. */
struct ike_wire_id {
	uint8_t type;
	uint8_t reserved[3];
} __attribute__((packed));
_Static_assert(sizeof(struct ike_wire_id) == 4, "ID payload");

enum { IKE_ID_FQDN = 2 };

/* RFC 7296 3.8, RFC 7427 3: method 14 puts the AlgorithmIdentifier in front of the signature. */
struct ike_wire_auth {
	uint8_t method;
	uint8_t reserved[3];
} __attribute__((packed));
_Static_assert(sizeof(struct ike_wire_auth) == 4, "AUTH payload");

enum { IKE_AUTH_SIGNATURE = 14, IKE_HASH_IDENTITY = 5 /* RFC 8420 2 */ };

/* RFC 7296 3.10. */
struct ike_wire_notify {
	uint8_t protocol;
	uint8_t spi_len;
	uint16_t type;
} __attribute__((packed));
_Static_assert(sizeof(struct ike_wire_notify) == 4, "Notify payload");

enum ike_notify_type {
	IKE_N_UNSUPPORTED_CRITICAL_PAYLOAD = 1,
	IKE_N_INVALID_SYNTAX = 7,
	IKE_N_NO_PROPOSAL_CHOSEN = 14,
	IKE_N_INVALID_KE_PAYLOAD = 17,
	IKE_N_AUTHENTICATION_FAILED = 24,
	IKE_N_NO_ADDITIONAL_SAS = 35,
	IKE_N_TS_UNACCEPTABLE = 38,
	IKE_N_TEMPORARY_FAILURE = 43,
	IKE_N_CHILD_SA_NOT_FOUND = 44,
	IKE_N_TS_MAX_QUEUE = 48,  /* RFC 9611 5.2 */
	IKE_N_ERROR_LAST = 16383, /* above: status, not error */
	IKE_N_INITIAL_CONTACT = 16384,
	IKE_N_NAT_DETECTION_SOURCE_IP = 16388,
	IKE_N_NAT_DETECTION_DESTINATION_IP = 16389,
	IKE_N_COOKIE = 16390,
	IKE_N_REKEY_SA = 16393,
	IKE_N_FRAGMENTATION_SUPPORTED = 16430,
	IKE_N_SIGNATURE_HASH_ALGORITHMS = 16431,
	IKE_N_USE_PPK = 16435, /* RFC 8784 5 */
	IKE_N_PPK_IDENTITY = 16436,
	IKE_N_NO_PPK_AUTH = 16437,
	IKE_N_SA_RESOURCE_INFO = 16444, /* RFC 9611 5.1 */
};

enum { IKE_PPK_ID_FIXED = 2 }; /* RFC 8784 5.1: first byte of PPK_IDENTITY */

/* RFC 7296 3.11. */
struct ike_wire_delete {
	uint8_t protocol;
	uint8_t spi_len;
	uint16_t count;
} __attribute__((packed));
_Static_assert(sizeof(struct ike_wire_delete) == 4, "Delete payload");

/* RFC 7296 3.13, 3.13.1. */
struct ike_wire_ts_list {
	uint8_t count;
	uint8_t reserved[3];
} __attribute__((packed));
_Static_assert(sizeof(struct ike_wire_ts_list) == 4, "TS payload");

struct ike_wire_ts {
	uint8_t type;
	uint8_t protocol;
	uint16_t len;
	uint16_t port_first;
	uint16_t port_last; /* the first and the last address follow */
} __attribute__((packed));
_Static_assert(sizeof(struct ike_wire_ts) == 8, "traffic selector");

enum { IKE_TS_IPV4 = 7, IKE_TS_IPV6 = 8 };

/* RFC 7383 2.5: after the generic header of SKF; the rest is as in SK. */
struct ike_wire_fragment {
	uint16_t number; /* from 1 */
	uint16_t total;
} __attribute__((packed));
_Static_assert(sizeof(struct ike_wire_fragment) == 4, "SKF payload");

/* RFC 5282 3: generic header, IV, ciphertext with at least the byte of pad length, ICV. */
enum { IKE_SK_OVERHEAD = (int)sizeof(struct ike_wire_payload) + SL_GCM_IV_LEN + 1 + SL_GCM_ICV_LEN };

#endif
