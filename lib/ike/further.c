/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Further child SAs in an IKE SA (RFC 7296 1.3.1): for our other workers (RFC 9611), for flows (flow.c), or with other
 * selectors, if the peer likes to cut its traffic into several.
 *
 * The initiator says SA_RESOURCE_INFO in IKE_AUTH, also with one worker, as the other end may have more and can only
 * answer; when it says it too, there may be several child SAs with the same selectors. The initiator of the IKE SA then asks for what its workers lack, one after
 * the other. The other end gives each to its own worker that has the fewest, and when no more come, asks for what its
 * workers still lack. So both have a child SA for each worker, and no more of them than the larger end needs; at the
 * smaller end a worker opens what comes through several, and sends through one.
 *
 *     initiator, 3 workers                                   responder, 2 workers
 *               ── IKE_AUTH: SA_RESOURCE_INFO ───────────►  the first child SA: for worker 0, as at the initiator
 *               ◄─────────── IKE_AUTH: SA_RESOURCE_INFO ──
 *               ── CREATE_CHILD_SA: SA_RESOURCE_INFO ────►  one for worker 1, not used yet
 *     uses it for its worker 1 ◄──────── CREATE_CHILD_SA ──
 *               ── CREATE_CHILD_SA: SA_RESOURCE_INFO ────►  uses that for worker 1; another for worker 0, or 1
 *     uses it for its worker 2 ◄──────── CREATE_CHILD_SA ──
 *
 * Until a worker has its own child SA it hands its packets to one that has, and a flow goes with the rest, so nothing is
 * in a hurry, and nothing may be lost: the end that was asked sends through the new one when it knows that the other end
 * has it. The next request says so; or that none was repeated for some time.
 */
#include "internal.h"
#include "ts.h"

/* In one IKE SA, whatever their selectors: there must be room to rekey them. */
enum { FURTHER_MAX = IKE_CHILDREN_MAX / 2 };

_Static_assert(SL_IKE_WORKERS_MAX <= 64, "workers are bits");
_Static_assert((int)SL_IKE_WORKERS_MAX < (int)FURTHER_MAX, "every worker may have one");

void ike_write_resource_info(struct ike_writer *w, unsigned worker)
{
	const uint32_t number = htobe32(worker);

	/* For whoever debugs the peer; what the peer says here means nothing to us (RFC 9611 5.1). */
	ike_write_notify(w, IKE_N_SA_RESOURCE_INFO, &number, sizeof(number));
}

/* One that is like the first. */
static bool is_general(const struct ike_sa *sa, const struct ike_child *child)
{
	return child->flow == SL_IKE_NO_FLOW && ike_child_stands(child) &&
	       ike_same_selectors(&sa->first.local, &sa->first.remote, child);
}

/* Which of our workers have one: one bit each. */
static uint64_t served(const struct ike_sa *sa)
{
	const struct ike_child *child;
	uint64_t workers = 0;

	TAILQ_FOREACH (child, &sa->children, link)
		if (is_general(sa, child))
			workers |= UINT64_C(1) << child->worker;
	return workers;
}

/* What to ask for: one like the first, or one for a flow. */
struct lack {
	unsigned worker;
	int flow;
};

/*
 * What we lack most, if we lack anything. Without agreement on several like the first, that one has come with the link and
 * goes with it; but flows may keep the link up, and then the other traffic still needs it.
 */
static bool find_lack(const struct ike_sa *sa, struct lack *lack)
{
	unsigned alone = sa->peer->conf->flow_count > 0;
	unsigned workers = sa->further ? sa->ike->conf->workers : alone;
	uint64_t have = served(sa);

	*lack = (struct lack){.flow = SL_IKE_NO_FLOW};
	while (lack->worker < workers && have >> lack->worker & 1)
		lack->worker++;
	if (lack->worker < workers)
		return true;
	*lack = (struct lack){.flow = ike_flow_lacking(sa)};
	return lack->flow != SL_IKE_NO_FLOW;
}

void ike_further_agreed(struct ike_sa *sa, const struct ike_terms *first, bool further)
{
	sa->first = *first;
	sa->further = further;
	sa->further_at = sa->ike->now + (sa->initiator ? 0 : IKE_FURTHER_WAIT);
	ike_arm(sa->ike, sa->further_at);
}

/* Later, and each time later: a peer that closes what it has agreed to is not asked in a hurry either. */
static void plan_again(struct ike_sa *sa)
{
	sa->further_at =
		ike_rekey_again(sa->ike, sa->further_failures++) + (sa->initiator ? 0 : IKE_FURTHER_WAIT);
	ike_arm(sa->ike, sa->further_at);
}

void ike_further_plan(struct ike_sa *sa)
{
	struct lack lack;

	if (sa->further_at == IKE_NEVER && sa->request.task != IKE_TASK_FURTHER && find_lack(sa, &lack))
		plan_again(sa);
}

/* ---- What the peer asked for and knows that it has --------------------------------------------------------------- */

void ike_further_heard(struct ike_sa *sa)
{
	struct ike_child *child;
	bool changed = false;

	sa->sure_at = IKE_NEVER;
	TAILQ_FOREACH (child, &sa->children, link) {
		if (!child->unsure)
			continue;
		child->unsure = false;
		if (child->state != IKE_CHILD_UP || (!child->instead && ike_child_in_use(child)))
			continue;
		ike_child_use(child);
		changed = true;
	}
	if (changed)
		ike_peer_settle(sa->peer);
}

void ike_further_unheard(struct ike_sa *sa)
{
	if (sa->sure_at != IKE_NEVER)
		sa->sure_at = sa->ike->now + IKE_SURE_WAIT;
}

/* ---- Initiator --------------------------------------------------------------------------------------------------- */

static void failed(struct ike_sa *sa, int flow, const char *why)
{
	if (flow == SL_IKE_NO_FLOW)
		ike_log(sa->ike, SL_IKE_INFO, (int)sa->peer->index, "no child SA for another worker yet: %s",
			why);
	else
		ike_log(sa->ike, SL_IKE_INFO, (int)sa->peer->index, "no child SA for flow %s yet: %s",
			sa->peer->conf->flows[flow].name, why);
	plan_again(sa);
}

static void start(struct ike_sa *sa, const struct lack *lack)
{
	bool general = lack->flow == SL_IKE_NO_FLOW;
	const struct ike_wanted wanted = general ? ike_want_further(sa) : ike_want_flow(sa, lack->flow);
	struct ike_child *fresh = ike_child_new(sa, lack->worker, lack->flow);
	struct ike_writer w;

	if (!fresh) {
		failed(sa, lack->flow, "no SPI is free");
		return;
	}
	sa->rekey = (struct ike_rekey){0};
	ike_begin_request(sa, &w, IKE_CREATE_CHILD_SA);
	if (general && sa->further)
		ike_write_resource_info(&w, lack->worker);
	ike_create_child_ask(fresh, &w, &wanted, IKE_TASK_FURTHER);
}

void ike_further_work(struct ike_sa *sa)
{
	struct lack lack;

	if (sa->ike->now >= sa->sure_at)
		ike_further_heard(sa);
	if (sa->ike->now < sa->further_at)
		return;
	sa->further_at = IKE_NEVER;
	if (find_lack(sa, &lack))
		start(sa, &lack);
}

/* Our workers share what there is. */
static void no_more(struct ike_sa *sa)
{
	unsigned workers = sa->ike->conf->workers;

	sa->further = false;
	ike_log(sa->ike, SL_IKE_INFO, (int)sa->peer->index,
		"the peer takes no more child SAs: %u of %u workers hand over",
		workers - (unsigned)__builtin_popcountll(served(sa)), workers);
}

static void refused(struct ike_sa *sa, const struct ike_notify *error)
{
	int flow = sa->rekey.fresh ? sa->rekey.fresh->flow : SL_IKE_NO_FLOW;
	char text[IKE_NOTIFY_TEXT];
	const char *name = ike_notify_name(error->type, text);
	bool enough = error->type == IKE_N_TS_MAX_QUEUE || error->type == IKE_N_NO_ADDITIONAL_SAS;

	ike_create_child_forget(sa);
	if (flow != SL_IKE_NO_FLOW && error->type != IKE_N_TEMPORARY_FAILURE)
		ike_flow_refused(sa, flow, name);
	else if (enough && sa->further)
		no_more(sa);
	else
		failed(sa, flow, name);
	ike_further_plan(sa);
}

void ike_further_response(struct ike_sa *sa, const struct ike_message *m)
{
	const struct ike_notify *error = ike_find_error(m);
	struct ike_rekey asked;

	if (error) {
		refused(sa, error);
		return;
	}
	switch (ike_create_child_finish(sa, m, &asked)) {
	case IKE_MADE:
		ike_child_use(asked.fresh);
		sa->further_at = sa->ike->now; /* the next */
		ike_peer_settle(sa->peer);
		break;
	case IKE_MADE_IN_VAIN: failed(sa, asked.fresh->flow, IKE_MADE_IN_VAIN_TEXT); break;
	case IKE_NOT_MADE: break;
	}
}

/* ---- Responder --------------------------------------------------------------------------------------------------- */

/* Whether there may be one more. Returns 0, or the error to answer with. */
static unsigned check_room(const struct ike_sa *sa, const struct ike_terms *terms, bool for_worker)
{
	const struct ike_child *child;
	unsigned same = 0, all = 0;

	TAILQ_FOREACH (child, &sa->children, link) {
		all += ike_child_stands(child);
		same += ike_child_stands(child) && ike_same_selectors(&terms->local, &terms->remote, child);
	}
	if (for_worker && same >= SL_IKE_WORKERS_MAX)
		return IKE_N_TS_MAX_QUEUE;
	return all >= FURTHER_MAX ? IKE_N_NO_ADDITIONAL_SAS : 0;
}

/* Our worker with the fewest child SAs of these selectors; of several the first. */
static unsigned least_served(const struct ike_sa *sa, const struct ike_terms *terms)
{
	unsigned served[SL_IKE_WORKERS_MAX] = {0}, least = 0;
	const struct ike_child *child;

	TAILQ_FOREACH (child, &sa->children, link)
		if (ike_child_stands(child) && ike_same_selectors(&terms->local, &terms->remote, child))
			served[child->worker]++;
	for (unsigned worker = 1; worker < sa->ike->conf->workers; worker++)
		if (served[worker] < served[least])
			least = worker;
	return least;
}

/* Whether something in use, of whatever worker, carries what these selectors are for. */
static bool is_carried(const struct ike_sa *sa, const struct ike_terms *terms)
{
	const struct ike_child *child;

	TAILQ_FOREACH (child, &sa->children, link)
		if (child->in_use && ike_ts_within(&terms->local, &child->local) &&
			ike_ts_within(&terms->remote, &child->remote))
			return true;
	return false;
}

/* A child in use, of whatever worker, with the same selectors; or NULL. */
static const struct ike_child *sibling_of(const struct ike_sa *sa, const struct ike_terms *terms)
{
	const struct ike_child *child;

	TAILQ_FOREACH (child, &sa->children, link)
		if (child->in_use && ike_same_selectors(&terms->local, &terms->remote, child))
			return child;
	return NULL;
}

/*
 * Whether to send through the new one. The peer does, so a worker that has one keeps it. But where the peer does not
 * speak of workers, it means the newest.
 */
static void put_to_use(struct ike_child *fresh, bool carried, bool for_worker)
{
	struct ike_sa *sa = fresh->sa;
	uint64_t later = sa->ike->now + IKE_FURTHER_WAIT;

	if (!carried) {
		ike_child_use(fresh); /* there is nothing else to send with */
	} else {
		fresh->unsure = true;
		fresh->instead = !for_worker;
		sa->sure_at = sa->ike->now + IKE_SURE_WAIT;
		ike_arm(sa->ike, sa->sure_at);
	}
	/* The peer may have more to ask for. */
	if (sa->further_at < later)
		sa->further_at = later;
}

/* Makes the child SA and answers. Returns 0, or the error to answer with. */
static unsigned accept(struct ike_sa *sa, const struct sl_ike_path *path, const struct ike_message *m,
	struct ike_terms *terms)
{
	bool for_worker = ike_find_notify(m, IKE_N_SA_RESOURCE_INFO) != NULL;
	int flow = for_worker ? SL_IKE_NO_FLOW : ike_flow_of(sa, &terms->local, &terms->remote);
	const struct ike_child *sibling = sibling_of(sa, terms);
	unsigned error = check_room(sa, terms, for_worker);
	bool carried = is_carried(sa, terms);
	struct ike_child *fresh;
	struct ike_nonce lowest;

	if (ike_flow_is_ours(sa, flow))
		return IKE_N_TEMPORARY_FAILURE;
	if (error)
		return error;
	if (sibling) { /* the same, maybe in another order */
		terms->local = sibling->local;
		terms->remote = sibling->remote;
	}
	fresh = ike_child_new(sa, for_worker ? least_served(sa, terms) : 0, flow);
	if (!fresh)
		return IKE_N_NO_ADDITIONAL_SAS;
	error = ike_create_child_answer(fresh, path, m, terms, &lowest);
	if (!error)
		put_to_use(fresh, carried, for_worker);
	return error;
}

void ike_further_request(struct ike_sa *sa, const struct sl_ike_path *path, const struct ike_message *m)
{
	const struct ike_wanted wanted = ike_want_any(sa, true);
	struct ike_terms terms;
	unsigned error;

	/* It would not know to which IKE SA it belongs (RFC 7296 2.25.2). */
	if (sa->request.task == IKE_TASK_REKEY_SA) {
		ike_create_refuse(sa, path, IKE_N_TEMPORARY_FAILURE);
		return;
	}
	error = ike_child_choose(m, &wanted, &terms);
	if (!error && !m->ke.data)
		error = IKE_N_INVALID_SYNTAX;
	if (!error && !ike_create_check_ke(sa, path, m->ke))
		return;
	if (!error)
		error = accept(sa, path, m, &terms);
	if (error)
		ike_create_refuse(sa, path, error);
	else
		ike_peer_settle(sa->peer);
}
