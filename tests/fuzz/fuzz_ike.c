/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Hostile input for the IKE engine. Two engines are brought to some stage of their link; then one of them
 * gets the input: as a datagram, or as payloads that the other end's keys protect and, in IKE_AUTH, that
 * follow a valid signature, or as fragments of a message.
 *
 * The first byte of the input says which, see struct plan. The random numbers of the pair are always the
 * same, so that messages once captured fit, SPIs and keys included.
 */
#include <assert.h>
#include <stdlib.h>

#include "target.h"
#include "tests/unit/ike_pair.h"

enum stage { INIT_SENT, HALF_OPEN, UP, STAGES };

struct plan {
	enum stage stage;
	unsigned to;     /* who gets it */
	bool sealed;     /* the input is payloads, not a datagram */
	bool is_signed;  /* IKE_AUTH: identity and signature go in front */
	bool rekeys_ike; /* answers to CREATE_CHILD_SA: the receiver has asked for a new IKE SA, not a child */
	bool response;
	uint8_t exchange;
	bool fragments; /* sealed: number, total, type of the first payload and length stand before each piece */
};

static struct plan read_plan(uint8_t byte)
{
	static const uint8_t exchanges[] = {IKE_INFORMATIONAL, IKE_CREATE_CHILD_SA};

	return (struct plan){
		.stage = (enum stage)((byte & 3) % STAGES),
		.to = byte >> 2 & 1,
		.sealed = byte >> 3 & 1,
		.is_signed = byte >> 4 & 1,
		.rekeys_ike = byte >> 4 & 1,
		.response = byte >> 5 & 1,
		.exchange = exchanges[byte >> 6 & 1],
		.fragments = byte >> 7 & 1,
	};
}

/* Alpha starts; the network stops after so many messages. */
static bool stop(struct pair *pair, unsigned from, struct pair_message *m)
{
	(void)from;
	(void)m;
	return pair->sent <= *(unsigned *)pair->filter_ctx;
}

static void bring_up(struct pair *pair, enum stage stage)
{
	static const struct sl_ppk ppk = {.len = SL_PPK_MIN};
	static struct sl_ike_flow_conf flow = {.name = "flow"};
	static unsigned messages[STAGES] = {[INIT_SENT] = 0, [HALF_OPEN] = 2, [UP] = UINT32_MAX};

	pair_init(pair, 1);
	pair->end[BETA].conf.sa_max = SL_IKE_PEER_SAS + 3; /* while one is half-open, others need a cookie */
	for (unsigned i = 0; i < PAIR_ENDS; i++) {
		pair->end[i].peer.ppk = &ppk;
		pair->end[i].peer.ppk_id = "link1";
	}
	pair->end[BETA].peer.flows = &flow;
	pair->end[BETA].peer.flow_count = 1;
	flow.local = pair->end[BETA].conf.selectors;
	flow.remote = pair->end[BETA].peer.selectors;
	flow.local.ts[0].protocol = flow.remote.ts[0].protocol = 6;
	pair->filter = stop;
	pair->filter_ctx = &messages[stage];
	pair->end[ALPHA].peer.start = SL_IKE_START_BOOT;
	pair_boot(pair, ALPHA);
	pair_boot(pair, BETA);
	pair_run(pair, 100 * PAIR_MS);
	pair->filter = NULL;
}

static void deliver_fragments(struct pair *pair, const struct plan *plan, const struct ike_head *head,
	const struct ike_sa *sa, const uint8_t *data, size_t size)
{
	uint64_t iv = 1000 + sa->iv;

	while (size >= 4 && data[3] <= size - 4) {
		struct ike_writer w;

		ike_write_header(&w, head);
		ike_write_skf(&w, data[2], data[0], data[1]);
		ike_put(&w, data + 4, data[3]);
		ike_seal(&w, sa->secrets, sa->cipher, iv++);
		pair_inject(pair, plan->to, w.buf, w.len);
		size -= 4u + data[3];
		data += 4u + data[3];
		/* The message before may have ended the SA. */
		if (TAILQ_FIRST(&pair->end[!plan->to].ike->sas) != sa)
			return;
	}
}

/* The request that the input shall answer. */
static void ask_something(struct ike_sa *sa, const struct plan *plan)
{
	if (plan->exchange == IKE_INFORMATIONAL)
		ike_liveness_start(sa);
	else if (plan->rekeys_ike)
		ike_rekey_sa_start(sa);
	else
		ike_rekey_child_start(TAILQ_FIRST(&sa->children));
}

/* Payloads under the keys of the other end: type of the first, then all of them. */
static void deliver_sealed(struct pair *pair, const struct plan *plan, const uint8_t *data, size_t size)
{
	struct ike_sa *sa = TAILQ_FIRST(&pair->end[!plan->to].ike->sas);
	struct ike_sa *target = TAILQ_FIRST(&pair->end[plan->to].ike->sas);
	struct ike_head head;
	struct ike_writer w;

	if (!sa || !target || plan->stage == INIT_SENT || size < 1 || size > IKE_SEND_MAX - 400)
		return;
	if (plan->stage == UP && plan->response)
		ask_something(target, plan);
	head = (struct ike_head){
		.spi_i = sa->spi_i,
		.spi_r = sa->spi_r,
		.exchange = plan->stage == HALF_OPEN ? IKE_AUTH : plan->exchange,
		.initiator = sa->initiator,
		.response = plan->stage == HALF_OPEN ? !sa->initiator : plan->response,
	};
	head.id = head.response ? target->next_id - 1 : target->expected_id;
	if (plan->fragments) {
		deliver_fragments(pair, plan, &head, sa, data, size);
		return;
	}
	ike_write_header(&w, &head);
	ike_write_sk(&w);
	if (plan->stage == HALF_OPEN && plan->is_signed)
		pair_write_identity(pair, !plan->to, &w, IKE_ID_FQDN, pair->end[!plan->to].conf.name);
	w.buf[w.next_at] = data[0];
	ike_put(&w, data + 1, size - 1);
	ike_seal(&w, sa->secrets, sa->cipher, 1000 + sa->iv);
	pair_inject(pair, plan->to, w.buf, w.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct pair pair;
	struct plan plan;
	uint8_t *copy;

	if (size < 1 || sl_crypto_init() != 0)
		return 0;
	plan = read_plan(data[0]);
	bring_up(&pair, plan.stage);
	copy = malloc(size); /* of exactly this size: the sanitizer sees one byte too far */
	memcpy(copy, data, size);
	if (plan.sealed)
		deliver_sealed(&pair, &plan, copy + 1, size - 1);
	else
		pair_inject(&pair, plan.to, copy + 1, size - 1);
	free(copy);
	pair_run(&pair, 2 * PAIR_S);
	pair_free(&pair);
	return 0;
}
