/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The state of an engine: its peers, their IKE SAs, the child SAs of these, and the times that they keep. What the parts of
 * the engine do with it is in internal.h.
 *
 * A child SA belongs to one of our workers and has selectors; these two make its flow. Of the children of a flow in one
 * IKE SA at most one is in use, to send through. All that are up take what comes in, for the peer may use another of
 * them than we do. What the owner sends through are the children in use of the peer's active IKE SA, each of which it
 * was told; and of a flow that this IKE SA does not have, or not yet, the one that it was told before.
 *
 * An IKE SA that ends is taken out of every table at once and its secrets are wiped, but its struct stays
 * until the public call returns (ike_reap), so that a handler may end the SA it works for, and others,
 * without anyone holding a pointer to freed memory.
 */
#ifndef SEALANE_IKE_STATE_H
#define SEALANE_IKE_STATE_H

#include <sys/queue.h>

#include "../crypto/keyfile.h"
#include "../crypto/secret.h"
#include "crypt.h"
#include "proposal.h"

#define IKE_MS    UINT64_C(1000000)
#define IKE_S     (1000 * IKE_MS)
#define IKE_NEVER UINT64_MAX

/*
 * A request is sent at 0, 0.5, 1.5, 3.5, 7.5 and 15.5 s; at 31.5 s the IKE SA is dead (RFC 7296 2.4). Some are different:
 * IKE_SA_INIT is sent every 4 s in the end. IKE_AUTH of which a peer that has started anew knows nothing is given up soon, and
 * so is Delete: whoever has dropped its SA does not answer again, and nothing is lost by giving up.
 */
#define IKE_RETRANSMIT_FIRST (500 * IKE_MS)
#define IKE_CALL_EVERY       (4 * IKE_S)
enum {
	IKE_TRIES_MAX = 6,
	IKE_INIT_TRIES_MAX = 10, /* 31.5 s too */
	IKE_AUTH_TRIES_MAX = 3,  /* 3.5 s */
	IKE_DELETE_TRIES_MAX = 3,
	IKE_TRIES_DOUBT = 3, /* then a peer of which nothing else is heard either may have started anew */
};
#define IKE_SILENCE (1500 * IKE_MS) /* that nothing else is heard; signs of life are told once a second */

#define IKE_HALF_OPEN_MAX (30 * IKE_S) /* from IKE_SA_INIT to IKE_AUTH, as responder */
#define IKE_LINGER        (35 * IKE_S) /* how long a useless IKE SA may wait for the Delete of its initiator */
#define IKE_BACKOFF_FIRST (1 * IKE_S)  /* from one attempt to the next, or between them; doubles ... */
#define IKE_BACKOFF_MAX   (30 * IKE_S) /* ... up to this */

#define IKE_CHILD_LINGER (5 * IKE_S) /* a child SA that both have closed still takes what is on its way */
#define IKE_REKEY_FIRST                                                                                      \
	(500 * IKE_MS) /* after a rekey that failed; doubles, and up to twice as much at random */
enum {
	IKE_REKEYS_MAX = 5, /* that fail in a row; then the link is made anew */
	IKE_CHILDREN_MAX =
		4 * SL_IKE_WORKERS_MAX, /* in one IKE SA; half of them are left for rekeying the others */
	IKE_LIFE_FACTOR = 4, /* an IKE SA protects little: it lives this much longer than a child SA */
};

#define IKE_FURTHER_WAIT                                                                                     \
	(2 * IKE_S) /* the responder's patience with the initiator, who asks for child SAs first */
/* Without the same request once more the peer has the answer: that one and two repetitions of the request may be lost. */
#define IKE_SURE_WAIT (4 * IKE_S)
#define IKE_KEEPALIVE (20 * IKE_S)

enum {
	IKE_COOKIES_MAX = 3,  /* demands for a cookie we follow in one attempt: anybody can send them */
	IKE_PEER_SAS_MAX = 4, /* authenticated IKE SAs with one peer; the oldest useless one goes first */
};

_Static_assert(
	SL_IKE_PEER_SAS == 2 * IKE_PEER_SAS_MAX + 1, "those, what each is rekeyed to, one attempt of ours");

enum ike_sa_state {
	IKE_INIT_SENT,   /* initiator, no keys yet */
	IKE_AUTH_SENT,   /* initiator, the peer is not authenticated yet */
	IKE_REKEYING,    /* initiator of a rekey: will replace another IKE SA; no keys yet */
	IKE_HALF_OPEN,   /* responder, IKE_SA_INIT answered; the peer is unknown */
	IKE_ESTABLISHED, /* both are who they say */
	IKE_DELETING, /* was established; our Delete is out, or goes out when the request before it is answered */
	IKE_DEAD,     /* waits for ike_reap() */
};

struct ike_buffer {
	uint8_t *data;
	size_t len;
};

/* What a request is for. */
enum ike_task {
	IKE_TASK_OTHER, /* to come up, or to hear a sign of life */
	IKE_TASK_DELETE,
	IKE_TASK_CLOSE_CHILD,
	IKE_TASK_REKEY_CHILD,
	IKE_TASK_REKEY_SA,
	IKE_TASK_FURTHER,
};

/* Our one request that has no answer yet (RFC 7296 2.3: the window is 1). */
struct ike_request {
	struct ike_buffer msg; /* len 0: none outstanding */
	uint8_t exchange;
	enum ike_task task;
	struct ike_child *child; /* that it closes */
	unsigned tries;
	uint64_t at; /* when it is sent again */
};

/* A message of which not all fragments have come. */
struct ike_fragments {
	uint32_t id;
	unsigned total;
	uint8_t first; /* type of the first payload, from fragment 1 */
	uint64_t have; /* one bit a fragment */
	size_t len;    /* of all parts */
	struct ike_buffer part[IKE_FRAGMENTS_MAX];
};

struct ike_nonce {
	size_t len;
	uint8_t data[IKE_NONCE_MAX];
};

/* What was agreed for a child SA. */
struct ike_terms {
	struct ike_choice choice;
	struct sl_ts_list local, remote;
};

/* What an offer for a child SA may lead to, ours or the peer's. */
struct ike_wanted {
	struct ike_policy policy;
	const struct sl_ts_list *local, *remote; /* no more than these, ... */
	bool whole;                              /* ... and no less */
};

enum ike_child_state {
	IKE_CHILD_OFFERED, /* our SPI is reserved, no more */
	IKE_CHILD_UP,
	IKE_CHILD_CLOSING, /* our Delete is out, or goes out when its turn comes */
	IKE_CHILD_CLOSED,  /* both know; takes what is on its way until remove_at */
};

struct ike_child {
	TAILQ_ENTRY(ike_child) link;
	struct ike_sa *sa;
	enum ike_child_state state;
	bool reserved;  /* our SPI is to be given back */
	bool installed; /* and is to be removed */
	bool in_use;    /* we send through it, if its IKE SA is the active one */
	bool told;      /* the owner sends through it */
	bool unsure; /* the peer asked for it, and may not know yet that it has it: may be used when it does ... */
	bool instead; /* ... and shall be, instead of what its flow has */
	unsigned worker;
	int flow; /* or SL_IKE_NO_FLOW */
	uint32_t spi_in, spi_out;
	struct sl_ts_list local, remote; /* selectors: offered by us, or agreed */
	struct ike_child
		*successor; /* came from rekeying this one; the traffic moves there when this one goes */
	uint64_t rekey_at, ends_at; /* soft and hard limit of time */
	uint64_t remove_at;
	unsigned failures; /* rekeys in a row */
};

TAILQ_HEAD(ike_child_list, ike_child);

/* Our CREATE_CHILD_SA request that is outstanding, and what the peer has asked for meanwhile (RFC 7296 2.8). */
struct ike_rekey {
	struct ike_nonce nonce;   /* ours, for a child SA */
	struct ike_wanted wanted; /* of that */
	struct ike_child *old;    /* to be replaced; NULL when it has gone meanwhile, or none is */
	struct ike_child *fresh;  /* the new one; NULL when it has gone meanwhile */
	struct ike_sa *fresh_sa;  /* the same for the IKE SA */
	struct ike_sa *rival_sa;  /* made by the peer's request; NULL also when it has gone meanwhile */
	uint32_t
		closed_out; /* the peer has closed one with this SPI that we do not know, or do not know yet */
	struct ike_nonce
		to_beat;         /* the lowest of the peer's exchange about the same; len 0: there was none */
	struct ike_nonce lowest; /* of this exchange, once it is answered */
};

struct ike_sa {
	TAILQ_ENTRY(ike_sa) link;      /* in sl_ike.sas or .dead */
	TAILQ_ENTRY(ike_sa) peer_link; /* in ike_peer.sas, once established */
	LIST_ENTRY(ike_sa) by_spi;     /* by our SPI */
	LIST_ENTRY(ike_sa) by_request; /* half-open: by what identifies an IKE_SA_INIT request */
	LIST_ENTRY(ike_sa) by_source;  /* half-open: by where it came from */
	struct sl_ike *ike;
	struct ike_peer *peer; /* NULL while half-open */
	enum ike_sa_state state;
	bool initiator;
	uint64_t spi_i, spi_r;
	struct sl_ike_path path;
	bool behind_nat, peer_behind_nat;
	bool insists;          /* we have said that ESP goes in UDP, whether there is a NAT or not */
	bool udp;              /* it does: so we have said, or so does the peer, or there is a NAT */
	uint64_t keepalive_at; /* IKE_NEVER: the NAT before us, if any, needs none */
	enum sl_cipher cipher;
	struct ike_secrets *secrets;
	struct ike_nonce nonce_i, nonce_r;
	struct ike_buffer init_request, init_response; /* AUTH signs them; kept until then */
	unsigned cookies;                              /* demands for a cookie followed */
	bool ppk;         /* until IKE_AUTH: both want to use one; then: one is in use */
	bool ppk_refused; /* an answer, by whoever, without the PPK that we require */
	int peer_key;     /* from IKE_AUTH on: which of its keys the peer has signed with */
	uint16_t refused; /* the first error that came, by whoever, in answer to our IKE_SA_INIT; 0: none */

	uint64_t iv;      /* of the next message we seal */
	uint32_t next_id; /* of our next request */
	uint32_t expected_id;
	struct ike_request request;
	struct ike_buffer response;         /* to request expected_id - 1 */
	bool fragmentation;                 /* both ends can do it */
	struct ike_fragments *fragments[2]; /* of a request, of a response; or NULL */

	/* Order of events in the engine (sl_ike.order), to tell what came first even within one tick of the clock. */
	uint64_t started, established;
	uint64_t alive_at; /* last sign of life, in time */
	uint64_t expires;  /* IKE_NEVER, or when it must have got on */

	/* Rotation of the IKE SA itself. */
	uint64_t rekey_at, ends_at;
	unsigned rekey_failures;
	bool replaced;         /* the peer has rekeyed it, and will delete it */
	struct ike_sa *origin; /* the one it may replace, while that is not decided */
	struct ike_rekey rekey;

	struct ike_child_list children;
	struct ike_terms
		first; /* what the child SA that came with it is; further ones are like it (RFC 9611 4) */
	bool further;  /* both ends take further ones, and the peer has not said that there are enough */
	uint64_t further_at; /* when to ask for what our workers lack; IKE_NEVER: nothing, as far as known */
	uint64_t sure_at;    /* when the peer has what it asked for, though it has not said so */
	unsigned further_failures; /* to get one, or to keep it */
	uint32_t flows_refused;    /* by the peer, one bit each */
};

TAILQ_HEAD(ike_sa_list, ike_sa);
LIST_HEAD(ike_sa_bucket, ike_sa);

struct ike_peer {
	struct sl_ike *ike;
	unsigned index;
	const struct sl_ike_peer_conf *conf;
	uint64_t added;         /* in the order of events, as an IKE SA is started */
	struct ike_sa_list sas; /* established and deleting, in the order in which they were established */
	struct ike_sa *attempt; /* ours, not established yet */
	struct ike_sa *active;  /* its children in use seal the traffic; NULL: there is none with any */
	bool wanted;            /* we connect, and again when the link is lost */
	bool closed;            /* there shall be no link */
	bool leaving;           /* not known any more, but its IKE SAs still end */
	unsigned failed_in_row;
	uint64_t heard_at;  /* when there was a sign of life, through whichever SA */
	uint64_t called_at; /* when the last attempt began */
	uint64_t retry_at;  /* IKE_NEVER: no attempt is planned */

	enum sl_ike_state state;
	uint64_t since, last_handshake, handshakes, failures, rekeys, ike_rekeys;
	uint8_t public_key[SL_ED25519_PUBLIC_LEN]; /* that it signed with at the last handshake */
	char last_error[128];
	struct sl_ike_peer_conf
		last; /* the conf of one that is leaving: nothing in it that points elsewhere */
};

enum { IKE_HASH_KEY_LEN = 16 };
enum { IKE_COOKIE_SECRET_LEN = SL_HASH_LEN, IKE_OUR_COOKIE_LEN = 1 + SL_HASH_LEN };

/* What our cookies are made with, in secret memory. The version is in the cookie; the secret before still counts. */
struct ike_cookie_secrets {
	uint8_t version;
	uint8_t secret[2][IKE_COOKIE_SECRET_LEN]; /* by version modulo 2 */
	uint64_t until;                           /* when the next one is due */
};

struct sl_ike {
	const struct sl_ike_conf *conf;
	const struct sl_ike_ops *ops;
	void *owner;
	uint64_t now;      /* of the public call that runs */
	uint64_t deadline; /* no timer is due before */
	uint64_t order;
	uint64_t quiet_until; /* no complaint about strangers before */
	bool stopped;
	struct sl_ike_stats stats;

	struct ike_peer **peers; /* by index; NULL: free */
	unsigned peer_count, peers_taken;

	struct sl_secret_pool *secrets;
	struct ike_sa_list sas, dead;
	struct ike_sa *next_timer; /* in a walk over sas */
	uint8_t hash_key[IKE_HASH_KEY_LEN];
	unsigned bucket_mask;
	struct ike_sa_bucket *by_spi, *by_request, *by_source;
	unsigned strangers; /* half-open IKE SAs that others began */
	struct ike_cookie_secrets *cookies;
	uint8_t scratch[SL_IKE_MESSAGE_MAX];       /* the message being opened */
	uint8_t fragments[IKE_SEND_FRAGMENTS_MAX]; /* the message being sealed */
};

#endif
