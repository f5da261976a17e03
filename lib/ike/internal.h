/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The state of an engine, and what its parts do for each other.
 *
 *   engine.c         the public interface: dispatch, timers
 *   peer.c           one per peer: attempts and back-off, which of several IKE SAs is used
 *   change.c         peers that come, change and go while the engine runs
 *   sa.c             one per IKE SA: memory, lookup, end
 *   exchange.c       protected messages: window, retransmission, who handles what
 *   fragment.c       messages cut to fit the path, and put together again
 *   init.c auth.c create.c informational.c   the exchanges, both roles
 *   ppk.c            post-quantum preshared keys
 *   defence.c        what strangers may cost us: cookies, limits
 *   rekey_child.c rekey_sa.c further.c   what CREATE_CHILD_SA is used for
 *   flow.c           child SAs for some of the traffic, as configured
 *   work.c           what an IKE SA has to ask its peer for, in which order
 *   child.c          child SAs within an IKE SA: memory, life, end
 *   terms.c          what is offered, taken and checked for a child SA
 *   ke.c             KE and nonce payloads
 *   nat.c            whether there is a NAT, and what it needs
 *   report.c         log lines
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
#ifndef SEALANE_IKE_INTERNAL_H
#define SEALANE_IKE_INTERNAL_H

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

/* ---- report.c ---------------------------------------------------------------------------------------------------- */

void ike_log(struct sl_ike *ike, enum sl_ike_level level, int peer, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* For what strangers can provoke at will: at most one line a second. */
void ike_log_stranger(struct sl_ike *ike, const struct sl_ike_path *path, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The identity in an ID payload, with everything that is not printable ASCII as \xNN; cut to fit. */
enum { IKE_ID_TEXT = 128 };
const char *ike_id_text(struct ike_view id, char text[static IKE_ID_TEXT]);

/* ---- sa.c -------------------------------------------------------------------------------------------------------- */

/* A new SA with an SPI of ours, or NULL at a limit. */
struct ike_sa *ike_sa_new(
	struct sl_ike *ike, enum ike_sa_state state, uint64_t peer_spi, const struct sl_ike_path *path);
struct ike_sa *ike_sa_find(struct sl_ike *ike, uint64_t our_spi);

/* sort.c: an SPI of ours, made of a random number. */
uint64_t ike_spi_from(const struct sl_ike *ike, uint64_t random);

/* The half-open SA that this very IKE_SA_INIT request made. */
struct ike_sa *ike_sa_find_request(
	struct sl_ike *ike, uint64_t spi_i, const struct sl_ike_path *path, const uint8_t *msg, size_t len);
void ike_sa_add_request(struct ike_sa *sa);

/* The SA is authenticated: its IKE_SA_INIT messages are not needed any more. */
void ike_sa_forget_init(struct ike_sa *sa);

/* Takes the SA and its children out of everything. The peer must be settled afterwards. */
void ike_sa_drop(struct ike_sa *sa);
void ike_reap(struct sl_ike *ike);

struct ike_agreed ike_sa_agreed(const struct ike_sa *sa);

/* Derives its keys; `before` is the IKE SA that it replaces, or NULL. False when the peer's value is of low order. */
bool ike_sa_derive(struct ike_sa *sa, const struct ike_sa *before, const uint8_t *peer_public);

/* Keeps a copy; len is 0 when memory is short. */
void ike_keep(struct ike_buffer *buffer, const uint8_t *data, size_t len);
void ike_forget(struct ike_buffer *buffer);

/* sl_ike_deadline() will not be later than this. */
void ike_arm(struct sl_ike *ike, uint64_t at);

/* ---- exchange.c -------------------------------------------------------------------------------------------------- */

/* Sends one message, or several that stand one behind the other: the fragments of one. */
void ike_send(struct sl_ike *ike, const struct sl_ike_path *path, const uint8_t *msg, size_t len);

/* Begins a protected message of this SA: header and SK; the payloads are the caller's. */
void ike_begin_request(struct ike_sa *sa, struct ike_writer *w, uint8_t exchange);
void ike_begin_response(struct ike_sa *sa, struct ike_writer *w, uint8_t exchange);

/* Seals, keeps and sends. The request is sent again until it is answered. */
void ike_send_request(struct ike_sa *sa, struct ike_writer *w, uint8_t exchange);
void ike_send_response(struct ike_sa *sa, struct ike_writer *w, const struct sl_ike_path *path);

/* Seals a request and sends it once; nobody waits for the answer, as the SA ends here. */
void ike_send_last(struct ike_sa *sa, struct ike_writer *w);

/* Answers with nothing but a notify. */
void ike_respond_notify(struct ike_sa *sa, uint8_t exchange, const struct sl_ike_path *path,
	enum ike_notify_type type, const void *data, size_t len);

/* Starts retransmission of a first request, which is not sealed. */
void ike_track_request(struct ike_sa *sa, const uint8_t *msg, size_t len, uint8_t exchange);
void ike_request_done(struct ike_sa *sa);

/* The retransmission timer of the SA is due. */
void ike_retransmit(struct ike_sa *sa);

void ike_protected_input(struct sl_ike *ike, const struct ike_head *head, const struct sl_ike_path *path,
	const uint8_t *msg, size_t len);

/* ---- work.c ------------------------------------------------------------------------------------------------------ */

/* When the next timer of the SA is due. */
uint64_t ike_sa_deadline(const struct ike_sa *sa);

/* Makes the next request that is due, if none is outstanding. */
void ike_sa_work(struct ike_sa *sa);

/* Nothing has replaced its keys in time, or those of its children. */
void ike_sa_end_of_life(struct ike_sa *sa);

/* A time to rekey at: `time` from now, less up to a tenth of it, so that two ends seldom do it at once. */
uint64_t ike_soft_limit(struct sl_ike *ike, uint64_t time);

/* When to try again after so many rekeys failed. */
uint64_t ike_rekey_again(struct sl_ike *ike, unsigned failures);

/* ---- ke.c -------------------------------------------------------------------------------------------------------- */

/* A fresh private value and nonce. */
void ike_make_secrets(struct sl_ike *ike, uint8_t private[static SL_X25519_LEN], struct ike_nonce *nonce);
void ike_write_ke(struct ike_writer *w, const uint8_t private[static SL_X25519_LEN]);
void ike_write_nonce(struct ike_writer *w, const struct ike_nonce *nonce);
void ike_take_nonce(struct ike_nonce *nonce, struct ike_view payload);

/* The X25519 value in a KE payload, or NULL when it is of another group or length. */
const uint8_t *ike_x25519_value(struct ike_view ke);

/* Order of octet strings; when one begins with the other, the shorter is the lower. */
int ike_compare_nonces(const struct ike_nonce *a, const struct ike_nonce *b);
/* Whether what our request made is the redundant one, by the lowest nonce of its exchange (RFC 7296 2.8.1). */
bool ike_rekey_lost(const struct ike_rekey *rekey, const struct ike_nonce *lowest);
const struct ike_nonce *ike_lower_nonce(const struct ike_nonce *a, const struct ike_nonce *b);

/* ---- fragment.c -------------------------------------------------------------------------------------------------- */

/* Seals a message as it is, or in fragments when it does not fit. The bytes are in *w or in the engine. */
struct ike_view ike_seal_for_path(struct ike_sa *sa, struct ike_writer *w);

/*
 * Opens the message in the engine's scratch space. When it is a fragment, the result is IKE_E_INCOMPLETE until it
 * completes its message, which then is *plain. Of a request that has been answered nothing is collected.
 */
enum ike_result ike_open_from_path(
	struct ike_sa *sa, const struct ike_head *head, size_t len, uint8_t *first, struct ike_view *plain);

void ike_fragments_forget(struct ike_fragments **fragments);

/* ---- init.c ------------------------------------------------------------------------------------------------------ */

/* Ours of the same family, from which we speak to it; its family is SL_NONE when there is none. */
const struct sl_addr *ike_address_for(const struct sl_ike *ike, const struct sl_addr *remote);

/* Starts an IKE SA with the peer; false when no SA is to be had. */
bool ike_init_start(struct ike_peer *peer);
void ike_init_request(struct sl_ike *ike, const struct ike_head *head, const struct sl_ike_path *path,
	const uint8_t *msg, size_t len);
void ike_init_response(struct sl_ike *ike, const struct ike_head *head, const struct sl_ike_path *path,
	const uint8_t *msg, size_t len);

/* ---- defence.c --------------------------------------------------------------------------------------------------- */

/* How many half-open IKE SAs others may have here, all of them together. */
unsigned ike_strangers_max(const struct sl_ike *ike);

/* Half-open SAs are counted, by where they came from too. */
void ike_stranger_enters(struct ike_sa *sa);
void ike_stranger_leaves(struct ike_sa *sa);

/* Whether a well-formed IKE_SA_INIT request may have an IKE SA. */
enum ike_admission { IKE_ADMITTED, IKE_WANTS_COOKIE, IKE_TURNED_AWAY };
enum ike_admission ike_admit(struct sl_ike *ike, const struct ike_head *head, const struct sl_ike_path *path,
	const struct ike_message *m);

/* The cookie that this request must come back with. */
void ike_cookie_make(uint8_t cookie[static IKE_OUR_COOKIE_LEN], struct sl_ike *ike,
	const struct ike_head *head, const struct sl_ike_path *path, const struct ike_message *m);

/* ---- auth.c ------------------------------------------------------------------------------------------------------ */

void ike_auth_start(struct ike_sa *sa);
void ike_auth_request(struct ike_sa *sa, const struct sl_ike_path *path, const struct ike_message *m);
void ike_auth_response(struct ike_sa *sa, const struct ike_message *m);

/* ---- ppk.c ------------------------------------------------------------------------------------------------------- */

/* Mixes the PPK into the keys of an IKE SA that come from IKE_SA_INIT. */
void ike_ppk_mix(struct ike_secrets *s, const struct sl_ppk *ppk);

/* Initiator: whether an IKE_SA_INIT answer is of no use because it goes without a PPK. */
bool ike_ppk_refuses(struct ike_sa *sa, const struct ike_message *m);

/* Initiator: writes what IKE_AUTH needs beside AUTH, of which `what` is signed; from here on the PPK is mixed in. */
void ike_ppk_offer(struct ike_sa *sa, struct ike_writer *w, const struct ike_signed *what);

/* Initiator: takes the PPK out again if the answer to IKE_AUTH says so. False when it must not say so. */
bool ike_ppk_answered(struct ike_sa *sa, const struct ike_message *m);

/* Responder: whether to answer USE_PPK. */
bool ike_ppk_accepted(const struct sl_ike *ike, const struct ike_message *m);

/* Responder: checks AUTH with or without the PPK, which is mixed in if it is in use. Returns NULL or what is wrong. */
typedef bool ike_auth_checker(
	struct ike_sa *sa, const struct ike_peer *peer, struct ike_view auth, struct ike_view id);
const char *ike_ppk_check(
	struct ike_sa *sa, const struct ike_peer *peer, const struct ike_message *m, ike_auth_checker *check);

/* The peer is authentic: tells the operator whether the PPK is in use. */
void ike_ppk_tell(const struct ike_sa *sa);

/* ---- informational.c --------------------------------------------------------------------------------------------- */

void ike_informational_request(
	struct ike_sa *sa, const struct sl_ike_path *path, const struct ike_message *m);
void ike_liveness_start(struct ike_sa *sa);

/* Sends the Delete of a child SA that is closing, and takes the answer. */
void ike_child_delete_start(struct ike_child *child);
void ike_child_delete_done(struct ike_sa *sa, struct ike_child *child);

/* Says Delete and waits for the answer; the SA is not used for anything new. */
void ike_delete_start(struct ike_sa *sa);

/* Says Delete once, without waiting: the caller drops the SA. */
void ike_delete_last(struct ike_sa *sa);

/* ---- child.c ----------------------------------------------------------------------------------------------------- */

/* A child of this worker and of this flow, if any, with an SPI of ours, or NULL when there is none left. */
struct ike_child *ike_child_new(struct ike_sa *sa, unsigned worker, int flow);

/* Up, and not replaced. */
bool ike_child_stands(const struct ike_child *child);

/*
 * Installs both directions. The nonces and the role are those of the exchange that made the child, `shared` the outcome
 * of its key exchange, or NULL. False when the owner has no room.
 */
bool ike_child_install(struct ike_child *child, const struct ike_terms *terms,
	const struct ike_agreed *agreed, const uint8_t *shared);

bool ike_same_selectors(
	const struct sl_ts_list *local, const struct sl_ts_list *remote, const struct ike_child *child);

bool ike_same_flow(const struct ike_child *a, const struct ike_child *b);

/* What we send in its flow goes through it from now on. The peer must be settled afterwards. */
void ike_child_use(struct ike_child *child);

/* The child of this flow that is in use, or NULL. */
struct ike_child *ike_child_in_use(const struct ike_child *flow);

/* How many children of the IKE SA are in use. */
unsigned ike_children_in_use(const struct ike_sa *sa);

/* We want it gone: says Delete when its turn comes. */
void ike_child_close(struct ike_child *child);

/* Both ends know that it is gone: the traffic moves on, and the child soon follows. The peer must be settled afterwards. */
void ike_child_closed(struct ike_child *child);

/* Removes it at once. */
void ike_child_drop(struct ike_child *child);

/* Removes all of the SA at once. */
void ike_children_drop(struct ike_sa *sa);

/* Removes those that have lingered, and closes those that are too old. */
void ike_children_tick(struct ike_sa *sa);

/* By the SPI we send with; NULL when there is none. */
struct ike_child *ike_child_find_out(const struct ike_sa *sa, uint32_t spi_out);

/* ---- terms.c ----------------------------------------------------------------------------------------------------- */

/* In IKE_AUTH, or in CREATE_CHILD_SA, whatever the configuration allows. */
struct ike_wanted ike_want_any(const struct ike_sa *sa, bool create);

/* To replace this child. */
struct ike_wanted ike_want_like(const struct ike_child *child);

/* One more like the first of the IKE SA. */
struct ike_wanted ike_want_further(const struct ike_sa *sa);

/* The one of this flow. */
struct ike_wanted ike_want_flow(const struct ike_sa *sa, int flow);

void ike_write_child_offer(struct ike_writer *w, const struct ike_wanted *wanted, uint32_t spi_in);
void ike_write_child_offer_ts(struct ike_writer *w, const struct ike_wanted *wanted);
void ike_write_child_choice_ts(struct ike_writer *w, const struct ike_terms *terms);

/* Responder: what we take of an offer. Returns 0, or the error to answer with. */
unsigned ike_child_choose(
	const struct ike_message *m, const struct ike_wanted *wanted, struct ike_terms *terms);

/* Initiator: reads the answer. Returns NULL, or what is wrong with it. */
const char *ike_child_check(
	const struct ike_message *m, const struct ike_wanted *wanted, struct ike_terms *terms);

/* ---- create.c ---------------------------------------------------------------------------------------------------- */

/* CREATE_CHILD_SA. */
void ike_create_request(struct ike_sa *sa, const struct sl_ike_path *path, const struct ike_message *m);

/* Answers that this cannot be now. */
void ike_create_refuse(struct ike_sa *sa, const struct sl_ike_path *path, unsigned error);

/*
 * Whether the KE payload of a request has the group of the profile. If not, answers INVALID_KE_PAYLOAD, or INVALID_SYNTAX.
 */
bool ike_create_check_ke(struct ike_sa *sa, const struct sl_ike_path *path, struct ike_view ke);

/*
 * Initiator of a child SA: `fresh` is reserved, and a notify, if any, is written. Writes the rest of the request and
 * sends it.
 */
void ike_create_child_ask(
	struct ike_child *fresh, struct ike_writer *w, const struct ike_wanted *wanted, enum ike_task task);

/*
 * Takes an answer that is no error. Our request is done with, and what is known of it moves to *asked.
 */
enum ike_made {
	IKE_MADE,         /* asked->fresh is installed */
	IKE_MADE_IN_VAIN, /* here is no room for it, or the peer has closed it already: it will be closed */
	IKE_NOT_MADE,     /* it has gone, and maybe the IKE SA with it */
};
enum ike_made ike_create_child_finish(
	struct ike_sa *sa, const struct ike_message *m, struct ike_rekey *asked);

#define IKE_MADE_IN_VAIN_TEXT "here is no room, or the peer has closed it at once"

/* The request that was outstanding is done with; what it was to make, and has not, is given up. */
void ike_create_child_forget(struct ike_sa *sa);

/* Responder: installs `fresh` and answers; or drops it and returns the error to answer with. */
unsigned ike_create_child_answer(struct ike_child *fresh, const struct sl_ike_path *path,
	const struct ike_message *m, const struct ike_terms *terms, struct ike_nonce *lowest);

/* The peer's answer is not one to what we asked: it cannot be trusted with a link. */
void ike_create_broken(struct ike_sa *sa, const char *why);

/* ---- rekey_child.c ----------------------------------------------------------------------------------------------- */

void ike_rekey_child_start(struct ike_child *old);
void ike_rekey_child_request(struct ike_sa *sa, const struct sl_ike_path *path, const struct ike_message *m,
	const struct ike_notify *what);
void ike_rekey_child_response(struct ike_sa *sa, const struct ike_message *m);

/* ---- further.c --------------------------------------------------------------------------------------------------- */

/* What SA_RESOURCE_INFO says of a worker. */
void ike_write_resource_info(struct ike_writer *w, unsigned worker);

/* The IKE SA has its first child SA, which is so; `further`: both ends have said that they take more. */
void ike_further_agreed(struct ike_sa *sa, const struct ike_terms *first, bool further);

/* It is sa->further_at or sa->sure_at. */
void ike_further_work(struct ike_sa *sa);

/* Something may have gone: plans to ask for it. */
void ike_further_plan(struct ike_sa *sa);

void ike_further_request(struct ike_sa *sa, const struct sl_ike_path *path, const struct ike_message *m);
void ike_further_response(struct ike_sa *sa, const struct ike_message *m);

/* A new request of the peer: it has our answer to the one before. */
void ike_further_heard(struct ike_sa *sa);

/* The same request once more: it has not. */
void ike_further_unheard(struct ike_sa *sa);

/* ---- flow.c ------------------------------------------------------------------------------------------------------ */

/* The flow that has these selectors, or SL_IKE_NO_FLOW. */
int ike_flow_of(const struct ike_sa *sa, const struct sl_ts_list *local, const struct sl_ts_list *remote);

/* The first flow that has no child and may have one, or SL_IKE_NO_FLOW. */
int ike_flow_lacking(const struct ike_sa *sa);

/* It is ours to ask for, and we have or have done so: a request of the peer for it is to be turned down. */
bool ike_flow_is_ours(const struct ike_sa *sa, int flow);

/* The peer does not want it. */
void ike_flow_refused(struct ike_sa *sa, int flow, const char *why);

/* ---- nat.c ------------------------------------------------------------------------------------------------------- */

void ike_write_nat_detection(struct ike_writer *w, const struct ike_sa *sa);

/* Learns from IKE_SA_INIT which end is behind a NAT, and whether ESP goes in UDP; the path is that of the message. */
void ike_detect_nat(struct ike_sa *sa, const struct ike_message *m, const struct ike_head *head,
	const struct sl_ike_path *path);

/* Where the ESP of its children goes. */
struct sl_ike_path ike_esp_path(const struct ike_sa *sa);

/* A fresh message of the peer has come this way: it may have moved. */
void ike_follow_peer(struct ike_sa *sa, const struct sl_ike_path *path);

/* The IKE SA is established: begins to keep the NAT before us awake, if there is one; or it is time to do it again. */
void ike_keepalive(struct ike_sa *sa);

/* ---- rekey_sa.c -------------------------------------------------------------------------------------------------- */

void ike_rekey_sa_start(struct ike_sa *sa);
void ike_rekey_sa_request(struct ike_sa *sa, const struct sl_ike_path *path, const struct ike_message *m);
void ike_rekey_sa_response(struct ike_sa *sa, const struct ike_message *m);

/* The SA ends, or the peer uses the one that it made of it: if there is such a one, it inherits. */
void ike_rekey_sa_yield(struct ike_sa *sa);

/* The IKE SA is closed for good: so is what the peer's request has made of it. */
void ike_rekey_sa_give_up(struct ike_sa *sa);

/* The path of the SA has changed, and with it that of its children. */
void ike_children_move(struct ike_sa *sa);

/* ---- peer.c ------------------------------------------------------------------------------------------------------ */

void ike_peer_connect(struct ike_peer *peer);

/* We may connect to it, know where it is, and have an address to speak to it from. */
bool ike_peer_callable(const struct ike_peer *peer);

/* Rekeying does not work: makes a new link beside this one, if we can. */
void ike_peer_renew(struct ike_peer *peer);

/* An IKE SA that is to replace another has its keys. */
void ike_peer_add(struct ike_peer *peer, struct ike_sa *sa);

/* The SA is authenticated (and has its child, or not). Settles. */
void ike_peer_established(struct ike_peer *peer, struct ike_sa *sa);

/* Removes what the peer had before it began this SA: it has lost its state (INITIAL_CONTACT). */
void ike_peer_initial_contact(struct ike_peer *peer, const struct ike_sa *sa);

/* Our attempt has failed, and its SA is dropped. Notes why, plans the next. */
void ike_peer_failed(struct ike_peer *peer, struct ike_sa *sa, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Something has changed: decides which SA is used, which go, and whether to connect again. */
void ike_peer_settle(struct ike_peer *peer);

/* Ends its link, and all that might become one. */
void ike_peer_close(struct ike_peer *peer);

/* ---- engine.c ---------------------------------------------------------------------------------------------------- */

struct ike_peer *ike_peer_at(const struct sl_ike *ike, unsigned index);

/* The first peer from this index on, or NULL; those that are leaving are passed over. */
struct ike_peer *ike_peer_from(const struct sl_ike *ike, unsigned index);

#define IKE_FOREACH_PEER(peer, ike)                                                                          \
	for ((peer) = ike_peer_from(ike, 0); (peer); (peer) = ike_peer_from(ike, (peer)->index + 1))

#endif
