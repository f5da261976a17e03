/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Flows: traffic with a peer that the configuration gives a child SA of its own.
 *
 * A child SA is that of a flow when it was asked for as such, or has the selectors of the flow; so it is the same flow at
 * both ends when both have it configured, and at an end that has not, a child SA with narrower selectors than others.
 *
 * When both have it, both ask for it when they lack it, and yet one child SA shall come of that. So the initiator of the
 * IKE SA has the say: it answers "not now" to a request for what it has, or has asked for itself, and whoever hears that
 * soon has it. The other end takes what it is asked for. Two requests that cross leave the initiator's.
 */
#include "internal.h"
#include "ts.h"

_Static_assert(SL_IKE_FLOWS_MAX <= 32, "flows are bits");

/* Whether `list` has all that both ends have of `flow`, as far as the first child SA tells what they have. */
static bool has_common(
	const struct sl_ts_list *list, const struct sl_ts_list *flow, const struct sl_ts_list *first)
{
	struct sl_ts_list common;

	return !sl_ts_narrow(&common, flow, first) || ike_ts_within(&common, list);
}

/* Either end may know of less behind the two than the other: these selectors are all that can come of the flow. */
static bool is_flow(const struct ike_sa *sa, const struct sl_ike_flow_conf *flow,
	const struct sl_ts_list *local, const struct sl_ts_list *remote)
{
	return ike_ts_within(local, &flow->local) && ike_ts_within(remote, &flow->remote) &&
	       has_common(local, &flow->local, &sa->first.local) &&
	       has_common(remote, &flow->remote, &sa->first.remote);
}

int ike_flow_of(const struct ike_sa *sa, const struct sl_ts_list *local, const struct sl_ts_list *remote)
{
	const struct sl_ike_peer_conf *conf = sa->peer->conf;

	for (unsigned i = 0; i < conf->flow_count; i++)
		if (is_flow(sa, &conf->flows[i], local, remote))
			return (int)i;
	return SL_IKE_NO_FLOW;
}

static bool has_child(const struct ike_sa *sa, int flow)
{
	const struct ike_child *child;

	TAILQ_FOREACH (child, &sa->children, link)
		if (child->flow == flow && ike_child_stands(child))
			return true;
	return false;
}

int ike_flow_lacking(const struct ike_sa *sa)
{
	for (unsigned i = 0; i < sa->peer->conf->flow_count; i++)
		if (!(sa->flows_refused >> i & 1) && !has_child(sa, (int)i))
			return (int)i;
	return SL_IKE_NO_FLOW;
}

bool ike_flow_is_ours(const struct ike_sa *sa, int flow)
{
	bool asked = sa->request.task == IKE_TASK_FURTHER && sa->rekey.fresh && sa->rekey.fresh->flow == flow;

	return flow != SL_IKE_NO_FLOW && sa->initiator && (asked || has_child(sa, flow));
}

void ike_flow_refused(struct ike_sa *sa, int flow, const char *why)
{
	sa->flows_refused |= UINT32_C(1) << flow;
	ike_log(sa->ike, SL_IKE_WARNING, (int)sa->peer->index,
		"flow %s: the peer refuses it a child SA of its own, so it goes with the other traffic: %s",
		sa->peer->conf->flows[flow].name, why);
}
