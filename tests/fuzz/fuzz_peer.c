/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A hostile peer: it has the right keys, and a link with us is up. A script has it seal any payloads for any exchange, as
 * request or answer, whole or in fragments, for any IKE SA that we have with it, also those that it has just talked us into;
 * between that time passes, messages get lost or come again, strangers send what they like, and our own operator acts.
 *
 * What must hold: a stranger changes nothing that is established; IKE SAs, child SAs and memory stay within their limits;
 * what was reserved or installed is given back; and when the peer comes to its senses, restarted, the link comes up again.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "script.h"
#include "target.h"
#include "tests/unit/ike_pair.h"

enum kind { SEALED, DATAGRAM, FRAGMENT, WAIT, ACT, AGAIN, LOSE, KINDS };

const struct script_form script_form = {.setting = 1, .kinds = KINDS, .chains = 1 << SEALED, .chain_at = 1};

enum { KEPT = 16, PATIENCE_S = 300, MEMORY_MAX = 4 << 20, SEALED_MAX = IKE_SEND_MAX - 200 };

static struct pair pair;
static unsigned victim; /* the other one is hostile */
static uint64_t iv;
static struct pair_message kept[KEPT];
static unsigned kept_count, lose;

/* AddressSanitizer's, where there is one. */
size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

#define MUST(condition)                                                                                      \
	do {                                                                                                 \
		if (!(condition)) {                                                                          \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);              \
			abort();                                                                             \
		}                                                                                            \
	} while (0)

static struct sl_ike *engine(void)
{
	return pair.end[victim].ike;
}

/* ---- The stage ------------------------------------------------------------------------------------------------------------ */

/* The network keeps the latest messages, and loses some when the script says so. */
static bool keep(struct pair *p, unsigned from, struct pair_message *m)
{
	struct pair_message *place = &kept[kept_count++ % KEPT];

	(void)p;
	free(place->data);
	*place = *m;
	place->from = from;
	place->data = malloc(m->len ? m->len : 1);
	memcpy(place->data, m->data, m->len);
	if (lose == 0)
		return true;
	lose--;
	return false;
}

static void bring_up(uint8_t setting, uint64_t seed)
{
	static const struct sl_ppk ppk = {.len = SL_PPK_MIN};
	static struct sl_ike_flow_conf flow = {.name = "flow"};

	pair_init(&pair, seed);
	victim = setting & 1;
	for (unsigned i = 0; i < PAIR_ENDS; i++) {
		pair.end[i].conf.workers = setting & 2 ? 3 : 1;
		pair.end[i].peer.udp = !(setting & 4);
		pair.end[i].conf.mtu = setting & 8 ? 576 : 0;
		pair.end[i].peer.ppk = setting & 16 ? &ppk : NULL;
		pair.end[i].peer.ppk_id = setting & 16 ? "link1" : NULL;
		pair.end[i].peer.rekey_time = setting & 32 ? 20 * PAIR_S : 0;
	}
	if (setting & 64) {
		flow.local = pair.end[victim].conf.selectors;
		flow.remote = pair.end[victim].peer.selectors;
		flow.local.ts[0].protocol = flow.remote.ts[0].protocol = 6;
		pair.end[victim].peer.flows = &flow;
		pair.end[victim].peer.flow_count = 1;
	}
	lose = 0;
	iv = 1 << 20;
	pair.filter = keep;
	pair.end[setting & 128 ? ALPHA : BETA].peer.start = SL_IKE_START_BOOT;
	pair_boot(&pair, ALPHA);
	pair_boot(&pair, BETA);
	pair_run(&pair, 5 * PAIR_S);
}

/* ---- What must hold ------------------------------------------------------------------------------------------------------- */

static uint64_t hash(uint64_t h, const void *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		h = (h ^ ((const uint8_t *)data)[i]) * UINT64_C(0x100000001b3);
	return h;
}

/* All that is established with the peer. */
static uint64_t standing(void)
{
	const struct ike_sa *sa;
	uint64_t h = 0;

	TAILQ_FOREACH (sa, &engine()->sas, link) {
		const struct ike_child *child;

		if (sa->state != IKE_ESTABLISHED && sa->state != IKE_DELETING)
			continue;
		h = hash(h, &sa->spi_i, sizeof(sa->spi_i));
		h = hash(h, &sa->spi_r, sizeof(sa->spi_r));
		h = hash(h, &sa->state, sizeof(sa->state));
		h = hash(h, &sa->path.remote.port, sizeof(sa->path.remote.port));
		h = hash(h, &sa->iv, sizeof(sa->iv));
		h = hash(h, &sa->next_id, sizeof(sa->next_id));
		h = hash(h, &sa->expected_id, sizeof(sa->expected_id));
		h = hash(h, &sa->alive_at, sizeof(sa->alive_at));
		TAILQ_FOREACH (child, &sa->children, link) {
			h = hash(h, &child->spi_in, sizeof(child->spi_in));
			h = hash(h, &child->spi_out, sizeof(child->spi_out));
			h = hash(h, &child->state, sizeof(child->state));
		}
	}
	return h;
}

static void check_bounds(size_t memory)
{
	const struct ike_sa *sa;
	unsigned sas = 0, with_peer = 0;

	TAILQ_FOREACH (sa, &engine()->sas, link) {
		const struct ike_child *child;
		unsigned children = 0;

		TAILQ_FOREACH (child, &sa->children, link)
			children++;
		MUST(children <= IKE_CHILDREN_MAX);
		with_peer += sa->peer != NULL;
		sas++;
	}
	MUST(sas <= pair.end[victim].conf.sa_max && with_peer <= SL_IKE_PEER_SAS);
	if (__sanitizer_get_current_allocated_bytes)
		MUST(__sanitizer_get_current_allocated_bytes() < memory + MEMORY_MAX);
}

/* ---- What the peer does --------------------------------------------------------------------------------------------------- */

/* One of ours that has keys. */
static struct ike_sa *choose(unsigned n)
{
	struct ike_sa *sa, *last = NULL;

	TAILQ_FOREACH (sa, &engine()->sas, link) {
		if (sa->state == IKE_INIT_SENT || sa->state == IKE_REKEYING || sa->state == IKE_DEAD)
			continue;
		last = sa;
		if (n-- == 0)
			break;
	}
	return last;
}

/* Seals as the other end of this IKE SA would. */
static void seal(struct ike_writer *w, const struct ike_sa *sa)
{
	struct ike_secrets *other = malloc(sizeof(*other));

	*other = *sa->secrets;
	other->seal = sa->secrets->open;
	memcpy(other->seal_salt, sa->secrets->open_salt, sizeof(other->seal_salt));
	ike_seal(w, other, sa->cipher, iv++);
	free(other);
}

static struct ike_head head_for(const struct ike_sa *sa, uint8_t how)
{
	static const uint8_t exchanges[] = {IKE_INFORMATIONAL, IKE_CREATE_CHILD_SA, IKE_AUTH, IKE_SA_INIT};
	struct ike_head head = {
		.spi_i = sa->spi_i,
		.spi_r = sa->spi_r,
		.exchange = exchanges[how & 3],
		.initiator = !sa->initiator,
		.response = how & 4,
	};

	if (head.response && sa->request.msg.len && !(how & 3))
		head.exchange = sa->request.exchange;
	head.id = head.response ? sa->next_id - 1 : sa->expected_id;
	head.id += how & 8 ? (how & 16 ? UINT32_MAX : 1) : 0;
	return head;
}

static void send_part(const struct ike_sa *sa, const struct ike_head *head, uint8_t first, unsigned number,
	unsigned total, const uint8_t *data, size_t len)
{
	struct ike_writer w;

	ike_write_header(&w, head);
	if (total)
		ike_write_skf(&w, number == 1 ? first : 0, (uint16_t)number, (uint16_t)total);
	else
		ike_write_sk(&w);
	if (!total)
		w.buf[w.next_at] = first;
	ike_put(&w, data, len);
	seal(&w, sa);
	pair_inject(&pair, victim, w.buf, w.len);
}

/* How, the type of the first payload, payloads: in one message, or in three fragments. */
static void send_sealed(struct record *r)
{
	const uint8_t how = record_byte(r), first = record_byte(r);
	const struct ike_sa *sa = choose(how >> 6);
	struct ike_head head;

	if (!sa || r->len > SEALED_MAX)
		return;
	head = head_for(sa, how);
	if (!(how & 32) || r->len < 3) {
		send_part(sa, &head, first, 0, 0, r->data, r->len);
		return;
	}
	for (unsigned i = 0; i < 3; i++) {
		const size_t from = r->len * i / 3, to = r->len * (i + 1) / 3;

		send_part(sa, &head, first, i + 1, 3, r->data + from, to - from);
		if (choose(how >> 6) != sa)
			return; /* it has ended */
	}
}

static void send_fragment(struct record *r)
{
	const uint8_t how = record_byte(r), first = record_byte(r), number = record_byte(r),
		      total = record_byte(r);
	const struct ike_sa *sa = choose(how >> 6);
	struct ike_head head;

	if (!sa || r->len > SEALED_MAX)
		return;
	head = head_for(sa, how);
	send_part(sa, &head, first, number, total ? total : 256, r->data, r->len);
}

static void send_datagram(struct record *r)
{
	const uint64_t before = standing();
	uint8_t copy[SL_IKE_MESSAGE_MAX + 64];
	struct ike_wire_header *h = (void *)copy;
	const uint8_t how = record_byte(r);
	const struct ike_sa *sa = choose(how & 3);

	if (r->len > sizeof(copy))
		return;
	memcpy(copy, r->data, r->len);
	if (r->len >= sizeof(*h) && how & 4)
		h->len = htobe32((uint32_t)r->len);
	if (r->len >= sizeof(*h) && how & 8 && sa) {
		h->spi_i = sa->spi_i;
		h->spi_r = sa->spi_r;
		h->id = htobe32(how & 16 ? sa->next_id - 1 : sa->expected_id);
	}
	pair_inject(&pair, victim, copy, r->len);
	MUST(standing() == before);
}

static void send_again(struct record *r)
{
	const struct pair_message *m = &kept[record_byte(r) % KEPT];

	if (m->data)
		pair_inject(&pair, victim, m->data, m->len);
}

static void act(struct record *r)
{
	struct sl_ike *ike = engine();

	switch (record_byte(r) % 8) {
	case 0: sl_ike_rekey(ike, pair.now, 0); break;
	case 1: sl_ike_rekey_child(ike, pair.now, pair.end[victim].outbound); break;
	case 2: sl_ike_down(ike, pair.now, 0); break;
	case 3: sl_ike_up(ike, pair.now, 0); break;
	case 4: sl_ike_connect(ike, pair.now, 0); break;
	case 5: sl_ike_peer_changed(ike, pair.now, 0); break;
	case 6: pair.end[victim].refuse_installs = record_byte(r) & 3; break;
	case 7: sl_ike_alive(ike, pair.now, 0); break;
	}
}

static void play(struct record *r)
{
	switch ((enum kind)(r->kind % KINDS)) {
	case SEALED: send_sealed(r); break;
	case DATAGRAM: send_datagram(r); break;
	case FRAGMENT: send_fragment(r); break;
	case WAIT: pair_run(&pair, (1 + (uint64_t)record_byte(r) * record_byte(r)) * PAIR_MS); break;
	case ACT: act(r); break;
	case AGAIN: send_again(r); break;
	case LOSE: lose = record_byte(r) & 7; break;
	case KINDS: break;
	}
}

/* The hostile one starts anew, as it should be. No silence that a peer must bear is so long. */
static void come_to_senses(void)
{
	const char *fault;

	lose = 0;
	pair.end[victim].refuse_installs = 0;
	pair_boot(&pair, !victim);
	sl_ike_up(engine(), pair.now, 0);
	pair_connect(&pair, !victim);
	fault = pair_fault(&pair);
	/* Keys may just be being replaced: at some moment all is in order. */
	for (unsigned i = 0; fault && i < PATIENCE_S; i++) {
		pair_run(&pair, PAIR_S);
		fault = pair_fault(&pair);
	}
	if (fault) {
		fprintf(stderr, "the link did not come up again: %s\n", fault);
		abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct script script = {.at = data + 1, .left = size - 1};
	struct record r;
	size_t memory = 0;

	if (size < 1 || sl_crypto_init() != 0)
		return 0;
	/* Random numbers hang on all of the input: what it has of a message sealed in another run fits nowhere. */
	bring_up(data[0], hash(1, data, size));
	if (__sanitizer_get_current_allocated_bytes)
		memory = __sanitizer_get_current_allocated_bytes();
	while (next_record(&script, &r)) {
		play(&r);
		check_bounds(memory);
	}
	come_to_senses();
	for (unsigned i = 0; i < KEPT; i++)
		free(kept[i].data);
	memset(kept, 0, sizeof(kept));
	kept_count = 0;
	pair_free(&pair);
	return 0;
}
