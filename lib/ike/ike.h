/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lib/ike: IKEv2 (RFC 7296) in the strict profile of Sealane, without any I/O.
 *
 * An engine holds all IKE SAs of one gateway. Bytes and the time go in (sl_ike_input, sl_ike_tick); bytes, child SAs and
 * log lines come out through the operations the owner gave it. It opens no socket, reads no clock, starts no thread and
 * asks its owner for randomness, so two engines and a list of messages make a complete, repeatable network in one
 * process.
 *
 * The profile: X25519 (group 31), PRF_HMAC_SHA2_256, AES-GCM-16 with 128 or 256 bit keys for IKE and ESP, Ed25519 raw
 * keys by RFC 7427 and RFC 8420, tunnel mode, ESN wanted. What holds nothing of it is answered NO_PROPOSAL_CHOSEN.
 *
 * Life of a link
 *
 *     initiator                                              responder
 *     sl_ike_start ── IKE_SA_INIT ──────────────────────────► half-open
 *                  ◄───────────────────────────── IKE_SA_INIT
 *                  ── IKE_AUTH: who I am, one child SA ─────►  child_install, child_use_outbound
 *                  ◄──────────────────────────────── IKE_AUTH
 *     child_install, child_use_outbound
 *                  ◄── INFORMATIONAL: empty (liveness), Delete ──►
 *                  ◄── CREATE_CHILD_SA: fresh keys ──►
 *
 * Both ends may start at once: both IKE SAs come up, and the one whose exchange held the lowest of the four nonces is
 * deleted by its initiator (the rule RFC 7296 2.8.1 has for rekeying), so that exactly one stays. A peer that lost its
 * state says INITIAL_CONTACT: everything older of that peer goes at once.
 *
 * Rotation: a child SA is replaced, with a key exchange of its own, when it has served for some time, or when the owner
 * says that it has carried enough; so is the IKE SA, whose children stay as they are. Either end may begin, and both may
 * at once. Not a packet is lost to it:
 *
 *     who asked                                              the other
 *                  ── CREATE_CHILD_SA: REKEY_SA ────────────► child_install (new)
 *                  ◄───────────────────────── CREATE_CHILD_SA
 *     child_install, child_use_outbound (new)
 *                  ── INFORMATIONAL: Delete (old) ──────────► child_use_outbound (new)
 *                  ◄─────────────────────────── INFORMATIONAL
 *     child_remove (old), some seconds later                 child_remove (old), some seconds later
 *
 * so an end sends through the new one only when the other has it, and takes what comes through the old one until nothing
 * can be on its way any more. A rekey that fails is tried again, then tried as a new IKE SA beside the old one; at the hard
 * limit, twice the time, the child SA is closed, and with the last one the link.
 *
 * Several child SAs: with `workers` above 1 at who begins, the ends agree in IKE_AUTH that there may be more of them with
 * the same selectors (RFC 9611), and ask each other until each worker of either end has one that it alone seals with; the
 * end with fewer workers opens several with one. The first is for worker 0, at both ends. While a worker has none it hands
 * its packets to one that has, which the owner sees to. A peer may also ask for child SAs with narrower selectors; those
 * are for worker 0. Each is rotated on its own, and asked for again when it is lost. The link stands as long as one is in
 * use.
 *
 *     who asked                                              the other
 *                  ── CREATE_CHILD_SA: SA_RESOURCE_INFO ────► child_install
 *                  ◄───────────────────────── CREATE_CHILD_SA
 *     child_install, child_use_outbound
 *                  ── any request, or none for 4 s ─────────► child_use_outbound, if its worker has no other
 *
 * Flows: traffic with a peer can have a child SA of its own, with its own keys, counters and lifetime (sl_ike_flow_conf).
 * When the link is up the end that has the flow configured asks for it, and asks again when it is lost; it is made and
 * rotated like those of workers, is for worker 0 at both ends, and until both have it the flow goes with the other traffic.
 * When both ends have the flow configured there is still one: the initiator of the IKE SA asks first, and answers "not
 * now" when the other end asks for what it has, or has asked for. Two configurations are of one flow if they do not differ
 * in what both ends know to be behind them. A peer that refuses a flow is not asked again before the next link, which is
 * logged. At an end without the configuration the child SA is of no flow, but has narrower selectors than others, so the
 * owner prefers it as much.
 *
 * Keys: a peer may have several public keys, and is believed when it has signed with any of them, so that its private key can
 * be replaced without an outage: its peers learn the new public key, then it signs with the new private key from the next
 * handshake on, then the peers forget the old public key. Our own key is read whenever we sign.
 *
 * NAT: of a peer behind one the address is followed (child_move); a NAT before us is kept awake every 20 s (keepalive).
 *
 * UDP: ESP goes in UDP, between ports 4500, when there is a NAT or one of the ends insists on it, and IKE moves there from
 * port 500 in IKE_AUTH. Otherwise it is plain ESP, and IKE stays on the port where it began. An end insists (udp of the
 * peer, which is what to configure where in doubt) by saying in NAT_DETECTION_SOURCE_IP that it is elsewhere, so that a
 * peer of any make uses UDP, while this engine can still tell whether there is a NAT in truth.
 *
 * Change: peers come and go while the engine runs, and each can be taken down and up again. A peer that is removed, or taken
 * down, hears Delete until it answers; its child SAs are gone at once, and it gets no new link. What may change in a peer that
 * stays is told at sl_ike_peer_changed(); for anything else the owner removes the peer and adds it anew, which costs that
 * peer's link and no other.
 *
 * Ownership: an engine belongs to one thread. Nothing passed in is kept after the call returns, but the configuration
 * structs and what they point to, which must outlive the engine, or the peer that they are of. Secrets live in secret memory and are wiped when their
 * SA ends.
 *
 * Time is in nanoseconds of any clock that only goes forward; the same clock in every call.
 */
#ifndef SEALANE_IKE_IKE_H
#define SEALANE_IKE_IKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../crypto/crypto.h"
#include "../crypto/gcm.h"
#include "../net/addr.h"
#include "../net/selector.h"

enum {
	SL_IKE_PORT = 500,
	SL_IKE_NAT_PORT = 4500,    /* IKE and ESP in UDP, told apart by the non-ESP marker (RFC 3948) */
	SL_IKE_MESSAGE_MAX = 8192, /* longer messages are dropped unread */
	SL_IKE_NAME_MAX = 255,     /* bytes of an identity */
	SL_IKE_MTU_MIN = 308,      /* leaves 256 bytes to a message over IPv6 */
	SL_IKE_PEER_SAS = 9,       /* IKE SAs that one peer can need at a time */
	SL_IKE_WORKERS_MAX = 64,
	SL_IKE_FLOWS_MAX = 32, /* of a peer */
	SL_IKE_KEYS_MAX = 4,   /* public keys of a peer */
	SL_IKE_SPI_KEY_LEN = 16,
};

/* Where a message came from, or goes to. */
struct sl_ike_path {
	struct sl_endpoint local;
	struct sl_endpoint remote;
};

/* This gateway. */
struct sl_ike_conf {
	const char *name; /* our ID_FQDN */
	const struct sl_ed25519_key *key;
	/* Of the wire port, IPv4 and IPv6: from the one of its family we speak to a peer's endpoint. Family SL_NONE: we have
	 * none, and call no peer there. */
	struct sl_addr address, address6;
	struct sl_ts_list selectors; /* what lies behind us */
	/* Of the data plane, 1..SL_IKE_WORKERS_MAX: a child SA is wanted for each with every peer that agrees (RFC 9611). */
	unsigned workers;
	/* Of the wire: a message that does not fit with its headers goes in fragments. 0: any message fits. */
	unsigned mtu;
	unsigned
		sa_max; /* limit on all IKE SAs; what SL_IKE_PEER_SAS a peer leave is for half-open ones of strangers */
	unsigned strangers_max;              /* no more of those than this; 0: no other limit */
	uint8_t spi_key[SL_IKE_SPI_KEY_LEN]; /* random: by it our SPIs are told from invented ones */
};

enum sl_ike_start {
	SL_IKE_START_BOOT,    /* connect at once, and again whenever the link is lost */
	SL_IKE_START_TRAFFIC, /* connect when traffic waits, and again; rest when the peer closes the link */
	SL_IKE_START_NONE,    /* never connect: wait for the peer */
};

/* Traffic with a peer that has a child SA of its own. */
struct sl_ike_flow_conf {
	const char *name;
	/* Each lies within one of the selectors of ours, or of the peer. */
	struct sl_ts_list local, remote;
	uint64_t rekey_time; /* ns that its child SA serves before it is replaced; 0: for ever */
};

/* A peer; the index that sl_ike_peer_add() gives it is how both sides of this interface name it. */
struct sl_ike_peer_conf {
	const char *name; /* its ID_FQDN */
	uint8_t public_keys[SL_IKE_KEYS_MAX][SL_ED25519_PUBLIC_LEN];
	unsigned public_key_count;   /* 1..: it may sign with any of them */
	struct sl_endpoint endpoint; /* family SL_NONE: we can only respond */
	struct sl_ts_list selectors; /* what lies behind it */
	enum sl_cipher ciphers[SL_CIPHER_COUNT];
	unsigned cipher_count; /* 1.. in order of preference, for IKE and for ESP */
	bool esn;              /* offer and prefer 64-bit sequence numbers; false: 32-bit ones only */
	/* Insist on ESP in UDP; false: plain ESP, unless there is a NAT or the peer insists. Who calls from where no peer is
	 * configured is unknown until IKE_AUTH: it gets UDP when any peer does. */
	bool udp;
	enum sl_ike_start start;
	const struct sl_ppk *ppk; /* post-quantum preshared key (RFC 8784); NULL: none */
	const char *ppk_id;       /* what both ends call it */
	bool ppk_required;        /* no link without it; else without when the peer does not have it */
	uint64_t dpd_delay;       /* ns without a sign of life before a liveness check; 0: never */
	uint64_t
		rekey_time; /* ns that a child SA serves before it is replaced, an IKE SA four times that; 0: for ever */
	const struct sl_ike_flow_conf *flows; /* the more special ones first: an index names one */
	unsigned flow_count;
};

/* Keys of one direction: the AES key (sl_cipher_key_len() bytes) and the salt of the nonce (RFC 4106 8.1). */
struct sl_ike_keys {
	uint8_t key[SL_GCM_KEY_MAX];
	uint8_t salt[SL_GCM_SALT_LEN];
};

enum { SL_IKE_NO_FLOW = -1 };

/* A child SA, as negotiated: everything ESP needs. */
struct sl_ike_child {
	unsigned peer;
	unsigned worker;  /* ours, that opens and seals with it */
	int flow;         /* of the peer's configuration; SL_IKE_NO_FLOW: of none */
	uint32_t spi_in;  /* ours, from spi_alloc; host order; names the child in this interface */
	uint32_t spi_out; /* the peer's */
	enum sl_cipher cipher;
	bool esn;
	bool udp; /* ESP in UDP, from path.local to path.remote; else plain ESP */
	bool nat; /* there is a NAT between the ends, which passes nothing but what is between these ports */
	struct sl_ike_path path; /* of plain ESP only the addresses matter */
	struct sl_ts_list local; /* narrowed selectors */
	struct sl_ts_list remote;
	struct sl_ike_keys in, out;
};

enum sl_ike_level { SL_IKE_ERROR, SL_IKE_WARNING, SL_IKE_INFO, SL_IKE_DEBUG };

enum { SL_IKE_NO_PEER = -1 };

/*
 * What the owner does for the engine. None may call back into the engine.
 */
struct sl_ike_ops {
	/* Sends one IKE message, without the non-ESP marker; the owner adds it when path->local.port is 4500. */
	void (*send)(void *owner, const struct sl_ike_path *path, const uint8_t *msg, size_t len);

	/* Fills buf with randomness. */
	void (*random)(void *owner, void *buf, size_t len);

	/* Reserves an inbound SPI (host order, above 255) of this worker for a child of this peer; 0 when there is none. */
	uint32_t (*spi_alloc)(void *owner, unsigned peer, unsigned worker);

	/* Gives back an SPI for which child_install was never called, or failed. */
	void (*spi_free)(void *owner, uint32_t spi);

	/* Installs both directions; packets under spi_in are accepted from now on. The keys are wiped after the call.
	 * Returns 0, or a negative value when there is no room: then the child SA is given up. */
	int (*child_install)(void *owner, const struct sl_ike_child *child);

	/*
	 * From now on this child seals what its worker sends to the peer within its selectors, instead of any other child of
	 * that peer with the same worker and the same selectors (in any order). A worker without a child hands its packets to one that has.
	 */
	void (*child_use_outbound)(void *owner, unsigned peer, uint32_t spi_in);

	/* The peer, which is behind a NAT, is somewhere else now: seal to there. May be NULL. */
	void (*child_move)(void *owner, unsigned peer, uint32_t spi_in, const struct sl_ike_path *path);

	/* The child is gone, and what came through it has had time to arrive: remove both directions. When it was in
	 * use, its worker is without one until the next child_use_outbound, which follows at once if the engine has
	 * another child for it. */
	void (*child_remove)(void *owner, unsigned peer, uint32_t spi_in);

	/* Sends one byte 0xff in UDP, without marker: the NAT before us shall not forget us (RFC 3948 2.3, 4). May be NULL. */
	void (*keepalive)(void *owner, const struct sl_ike_path *path);

	/* One line an operator cares about; no newline. peer may be SL_IKE_NO_PEER. */
	void (*log)(void *owner, enum sl_ike_level level, int peer, const char *text);

	/* The keys that protect an IKE SA, for a key log: AES key and salt of either direction. May be NULL. */
	void (*ike_keys)(void *owner, uint64_t spi_i, uint64_t spi_r, enum sl_cipher cipher,
		const struct sl_ike_keys *initiator, const struct sl_ike_keys *responder);
};

struct sl_ike;

/* A new engine without peers, or NULL when memory is short. conf and ops must outlive it. */
struct sl_ike *sl_ike_new(const struct sl_ike_conf *conf, const struct sl_ike_ops *ops, void *owner);

/* Removes every child, sends nothing more, wipes and frees. */
void sl_ike_free(struct sl_ike *ike);

/*
 * Adds a peer; conf must outlive it. Returns its index, the lowest that is free (0, 1, ...), or -1 when memory is short. It
 * may call at once, and is called from the next sl_ike_start() or sl_ike_peer_start() on.
 */
int sl_ike_peer_add(struct sl_ike *ike, const struct sl_ike_peer_conf *conf);

/* Starts connecting to every peer with SL_IKE_START_BOOT and an endpoint. */
void sl_ike_start(struct sl_ike *ike, uint64_t now);

/* The same for one peer that was added meanwhile. */
void sl_ike_peer_start(struct sl_ike *ike, uint64_t now, unsigned peer);

/*
 * Ends the link with this peer, which is not known any more from now on: its conf is not looked at again. The index stays
 * taken until sl_ike_peer_forget() says true, which it does not while the peer has not answered our Delete, for half a
 * minute at most.
 */
void sl_ike_peer_remove(struct sl_ike *ike, uint64_t now, unsigned peer);
bool sl_ike_peer_forget(struct sl_ike *ike, unsigned peer);

/*
 * The owner has changed the conf of this peer, in place, and no more of it than: endpoint and start, for attempts from now
 * on; public keys, ciphers and esn, for exchanges from now on; dpd_delay; rekey_time, also of flows, which makes the life of what
 * there is shorter, but not longer. Pointers in it may be new ones, to the same names, keys and selectors.
 */
void sl_ike_peer_changed(struct sl_ike *ike, uint64_t now, unsigned peer);

/* Ends the link with this peer, and makes or takes no other until sl_ike_up(), which connects at once if we may and can. */
void sl_ike_down(struct sl_ike *ike, uint64_t now, unsigned peer);
void sl_ike_up(struct sl_ike *ike, uint64_t now, unsigned peer);

/* A message has arrived (without the non-ESP marker). Anything at all may be in it. */
void sl_ike_input(
	struct sl_ike *ike, uint64_t now, const struct sl_ike_path *path, const uint8_t *msg, size_t len);

/* Lets timers run that are due. */
void sl_ike_tick(struct sl_ike *ike, uint64_t now);

/* When sl_ike_tick() should be called next; UINT64_MAX when nothing is pending. Changes with every call above. */
uint64_t sl_ike_deadline(const struct sl_ike *ike);

/* Traffic waits for this peer and has no child SA: connect now, if we may, can, and are not already at it. */
void sl_ike_connect(struct sl_ike *ike, uint64_t now, unsigned peer);

/*
 * The child SA in use with this inbound SPI has carried enough: replaces it. Returns false when it is not in use (any
 * more). The engine tries until it succeeds; once is enough.
 */
bool sl_ike_rekey_child(struct sl_ike *ike, uint64_t now, uint32_t spi_in);

/* Replaces the IKE SA with this peer; its child SAs stay. Returns false when there is none. */
bool sl_ike_rekey(struct sl_ike *ike, uint64_t now, unsigned peer);

/* An authenticated ESP packet of this peer has been received: a sign of life. */
void sl_ike_alive(struct sl_ike *ike, uint64_t now, unsigned peer);

/* Says Delete to every peer (once, without waiting for the answer) and removes all children: the gateway stops. */
void sl_ike_shutdown(struct sl_ike *ike, uint64_t now);

/* ---- Floods ------------------------------------------------------------------------------------------------------- */

/*
 * Messages come faster than any engine can look at them when somebody floods it, and those who hand them to it must choose.
 * This tells, without the engine and in any thread, which are worth more. An SPI of ours is 40 random bits and 24 of a keyed
 * hash of them, so a message to an IKE SA that there is, or was, is told from one with an invented SPI by the key of the
 * conf alone. Nothing here is authenticated: who has seen an SPI can use it.
 */
enum sl_ike_sort {
	SL_IKE_OURS, /* to an IKE SA of ours; *sa is a number that all its messages have, spread over 32 bits */
	SL_IKE_RETURNED, /* IKE_SA_INIT that begins with a notify, as one does that brings a cookie back */
	SL_IKE_STRANGE,  /* anything else */
};

enum sl_ike_sort sl_ike_sort(
	const uint8_t key[static SL_IKE_SPI_KEY_LEN], const uint8_t *msg, size_t len, uint32_t *sa);

/* ---- What the engine knows, for `sealane show` ------------------------------------------------------------------- */

enum sl_ike_state {
	SL_IKE_DOWN,
	SL_IKE_CONNECTING,
	SL_IKE_UP,
	SL_IKE_CLOSED, /* by sl_ike_down() */
};

struct sl_ike_peer_info {
	enum sl_ike_state state;
	uint64_t since;              /* when it entered this state */
	uint64_t last_handshake;     /* when an IKE SA with it was last established; 0: never */
	uint64_t handshakes;         /* established since start */
	uint64_t failures;           /* attempts that ended without an IKE SA */
	uint64_t rekeys;             /* child SAs and IKE SAs replaced */
	uint64_t ike_rekeys;         /* of them IKE SAs */
	struct sl_endpoint endpoint; /* where it is now, or is expected to be */
	uint64_t spi_i, spi_r;       /* of the IKE SA in use; 0 when there is none */
	enum sl_cipher cipher;       /* of that IKE SA */
	uint64_t rekey_at;           /* when that IKE SA is due to be replaced; UINT64_MAX: not at all */
	unsigned children;           /* child SAs in use with it */
	/* Which of its keys it has signed with, at the last handshake; nothing before there was one. */
	uint8_t public_key[SL_ED25519_PUBLIC_LEN];
	char last_error[128]; /* why the last attempt failed; empty when it did not */
};

void sl_ike_peer_info(const struct sl_ike *ike, unsigned peer, struct sl_ike_peer_info *info);

/* When the keys of a child SA are due to be replaced, and when it ends if that fails; UINT64_MAX: not at all. */
struct sl_ike_child_limits {
	uint64_t rekey_at, ends_at;
};

/* Of the child SA with this inbound SPI, if it is up; both UINT64_MAX when it is not (any more). */
void sl_ike_child_limits(
	const struct sl_ike *ike, unsigned peer, uint32_t spi_in, struct sl_ike_child_limits *limits);

/* Counters of the engine as a whole. */
struct sl_ike_stats {
	uint64_t messages_in, messages_out;
	uint64_t retransmits; /* requests and responses sent again */
	uint64_t malformed;   /* dropped: not a message of this profile */
	uint64_t unknown_sa;  /* dropped: no IKE SA with these SPIs */
	uint64_t unexpected; /* dropped: out of turn, by message ID or exchange; an answer nobody waits for */
	uint64_t bad_integrity; /* dropped: the ICV is wrong */
	uint64_t auth_failures; /* peers we did not believe, or that did not believe us */
	uint64_t cookies_sent;  /* requests answered with a demand for a cookie */
	uint64_t turned_away;   /* dropped: requests beyond the limits on half-open IKE SAs */
	uint64_t half_open;     /* now: IKE SAs that are not yet authenticated */
	uint64_t established;   /* now */
};

void sl_ike_get_stats(const struct sl_ike *ike, struct sl_ike_stats *stats);

/* Tells the owner, by its operation ike_keys, the keys of all IKE SAs that have any now: what it was told before, again. */
void sl_ike_tell_keys(const struct sl_ike *ike);

const char *sl_ike_state_name(enum sl_ike_state state); /* "down", "connecting", "up", "closed" */

#endif
