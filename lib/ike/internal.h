/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the parts of an engine do for each other. Its state is in state.h.
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
 */
#ifndef SEALANE_IKE_INTERNAL_H
#define SEALANE_IKE_INTERNAL_H

#include "state.h"

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
