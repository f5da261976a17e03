/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Flows: traffic that has a child SA of its own. Where no_gaps is set the harness checks after every event that no packet
 * between the two could be lost; pair_fault() knows how many children there are to be.
 */
#include "ike_test.h"
#include "lib/ike/ts.h"

/* As one end has them, and the other with the sides exchanged. */
static const char *const flow_names[] = {"web", "dns"};
static const char *const behind_alpha[] = {
	"10.1.0.0-10.1.255.255 6 443-443", "10.1.0.0-10.1.255.255 17 0-65535"};
static const char *const behind_beta[] = {"10.2.0.0-10.2.255.255 6 0-65535", "10.2.0.53-10.2.0.53 17 53-53"};

enum { FLOWS = 2 };

static struct sl_ike_flow_conf flows[PAIR_ENDS][FLOWS];

static void make_flows(void)
{
	for (unsigned i = 0; i < FLOWS; i++) {
		flows[ALPHA][i] = (struct sl_ike_flow_conf){
			.name = flow_names[i],
			.local = {.count = 1, .ts = {selector(behind_alpha[i])}},
			.remote = {.count = 1, .ts = {selector(behind_beta[i])}},
		};
		flows[BETA][i] = flows[ALPHA][i];
		flows[BETA][i].local = flows[ALPHA][i].remote;
		flows[BETA][i].remote = flows[ALPHA][i].local;
	}
}

enum { BY_ALPHA = 1, BY_BETA = 2, BY_BOTH = 3 };

/* Ends of which these have so many flows. */
static struct pair *new_flows_pair(uint64_t seed, unsigned who, unsigned count)
{
	struct pair *p = new_pair(seed);

	make_flows();
	for (unsigned i = 0; i < PAIR_ENDS; i++) {
		p->end[i].peer.flows = flows[i];
		p->end[i].peer.flow_count = who >> i & 1 ? count : 0;
	}
	set_boot(p, true, false);
	return p;
}

/* Boots both, and has every gap noticed from the moment that the link is up. */
static void boot_without_gaps(struct pair *p)
{
	boot_both(p);
	while (pair_in_use(&p->end[ALPHA], PAIR_ALL) == 0 || pair_in_use(&p->end[BETA], PAIR_ALL) == 0)
		pair_run(p, PAIR_MS);
	p->no_gaps = true;
	pair_run(p, 15 * PAIR_S);
	assert_calm(p);
}

static struct pair *flows_pair(uint64_t seed, unsigned who, unsigned count)
{
	struct pair *p = new_flows_pair(seed, who, count);

	boot_without_gaps(p);
	return p;
}

static struct ike_child *child_of_flow(struct pair *p, unsigned end, int flow)
{
	struct ike_child *child;

	TAILQ_FOREACH (child, &active_of(p, end)->children, link)
		if (child->flow == flow && ike_child_stands(child))
			return child;
	return NULL;
}

/* ---- One for each ------------------------------------------------------------------------------------------------ */

static void a_child_for_each_flow(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2 * 3 * 4; i++) {
		unsigned starter = i & 1, who = 1 + i / 2 % 3, workers = 1 + i / 6;
		struct pair *p = new_flows_pair(10 + i, who, FLOWS);

		p->end[ALPHA].conf.workers = workers;
		p->end[BETA].conf.workers = 1 + i % 3;
		set_boot(p, starter == ALPHA, starter == BETA);
		boot_without_gaps(p);
		for (unsigned end = 0; end < PAIR_ENDS; end++) {
			unsigned seen = 0;

			for (unsigned c = 0; c < PAIR_CHILDREN_MAX; c++) {
				const struct sl_ike_child *child = &p->end[end].children[c];
				unsigned flow = child->remote.ts[0].protocol == 17;

				if (child->spi_in == 0 || child->remote.ts[0].protocol == 0)
					continue;
				seen |= 1u << flow;
				assert_int_equal(child->flow, who >> end & 1 ? (int)flow : SL_IKE_NO_FLOW);
				assert_true(p->end[end].in_use[c]);
				assert_true(ike_ts_within(&flows[end][flow].local, &child->local));
				assert_true(ike_ts_within(&flows[end][flow].remote, &child->remote));
			}
			assert_int_equal(seen, 3);
		}
		assert_int_equal(
			pair_children(&p->end[ALPHA]), FLOWS + (workers > 1 + i % 3 ? workers : 1 + i % 3));
		assert_int_equal(info_of(p, ALPHA).handshakes, 1);
		free_pair(p);
	}
}

/* Their keys have nothing in common with those of the other traffic. */
static void keys_of_their_own(void **state)
{
	struct pair *p = flows_pair(50, BY_BOTH, FLOWS);

	(void)state;
	for (unsigned a = 0; a < PAIR_CHILDREN_MAX; a++)
		for (unsigned b = 0; b < a; b++) {
			const struct sl_ike_child *x = &p->end[ALPHA].children[a];
			const struct sl_ike_child *y = &p->end[ALPHA].children[b];

			if (x->spi_in == 0 || y->spi_in == 0)
				continue;
			assert_memory_not_equal(&x->in, &y->in, sizeof(x->in));
			assert_memory_not_equal(&x->out, &y->out, sizeof(x->out));
		}
	free_pair(p);
}

/* Both lack a flow and ask for it at the same time, or nearly so: the requests cross, or one is repeated late. */
static void both_ask_at_once(void **state)
{
	unsigned crossed = 0;

	(void)state;
	for (unsigned seed = 0; seed < 120; seed++) {
		struct pair *p = new_flows_pair(100 + seed, BY_BOTH, 1 + seed % FLOWS);

		p->jitter = seed % 3 * 10 * PAIR_MS;
		boot_both(p);
		while (pair_in_use(&p->end[ALPHA], PAIR_ALL) == 0)
			pair_run(p, PAIR_MS);
		p->lose_nth = seed % 5 ? p->sent + seed % 5 : 0;
		active_of(p, BETA)->further_at = p->now + seed % 7 * 5 * PAIR_MS;
		ike_arm(p->end[BETA].ike, active_of(p, BETA)->further_at);
		p->no_gaps = true;
		pair_run(p, 30 * PAIR_S);
		assert_calm(p);
		crossed += strstr(p->end[ALPHA].log, "CREATE_CHILD_SA refused: TEMPORARY_FAILURE") != NULL;
		assert_int_equal(info_of(p, ALPHA).handshakes, 1);
		free_pair(p);
	}
	assert_in_range(crossed, 20, 120);
}

/* The same with the other end as initiator of the IKE SA that replaces the first. */
static void roles_change_with_the_ike_sa(void **state)
{
	(void)state;
	for (unsigned seed = 0; seed < 40; seed++) {
		struct pair *p = flows_pair(300 + seed, BY_BOTH, 1);
		struct ike_child *child;

		assert_true(sl_ike_rekey(p->end[BETA].ike, p->now, 0));
		pair_run(p, PAIR_S);
		assert_true(active_of(p, BETA)->initiator);
		assert_calm(p);
		child = child_of_flow(p, seed & 1, 0);
		p->no_gaps = false;
		ike_child_close(child);
		ike_sa_work(child->sa);
		pair_run(p, 100 * PAIR_MS);
		p->no_gaps = true;
		for (unsigned i = 0; i < PAIR_ENDS; i++) {
			active_of(p, i)->further_at = p->now + seed % 5 * i * PAIR_MS;
			ike_arm(p->end[i].ike, active_of(p, i)->further_at);
		}
		pair_run(p, 30 * PAIR_S);
		assert_calm(p);
		free_pair(p);
	}
}

/* ---- What the ends have in common -------------------------------------------------------------------------------- */

/* One end knows more of what is behind alpha than the other, in its flow too: what they have in common is the flow. */
static void ends_know_different_networks(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		struct pair *p = new_flows_pair(400 + i, BY_BOTH, 1);
		struct sl_ts_list both = {.count = 2,
			.ts = {selector("10.1.0.0-10.1.255.255 6 443-443"),
				selector("fd00:1::-fd00:1::ffff:ffff:ffff:ffff 6 443-443")}};
		struct ike_child *child;

		flows[ALPHA][0].local = flows[BETA][0].remote = both;
		if (i & 1)
			p->end[BETA].peer.selectors.count = flows[BETA][0].remote.count =
				1; /* IPv4 comes first */
		if (i & 2)
			p->end[ALPHA].conf.selectors.count = flows[ALPHA][0].local.count = 1;
		set_boot(p, i & 4, !(i & 4));
		boot_without_gaps(p);
		child = child_of_flow(p, ALPHA, 0);
		assert_non_null(child);
		assert_int_equal(child->local.count, i & 3 ? 1 : 2);
		assert_int_equal(child_of_flow(p, BETA, 0)->spi_in, child->spi_out);
		free_pair(p);
	}
}

/* One flow within another: each is told from the other, whoever asks. */
static void one_within_another(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct pair *p = new_flows_pair(420 + i, BY_BOTH, 2);

		flows[ALPHA][1] = flows[ALPHA][0];
		flows[BETA][1] = flows[BETA][0];
		flows[ALPHA][i & 1].remote.ts[0] = flows[BETA][i & 1].local.ts[0] =
			selector("10.2.7.0-10.2.7.255 6 0-65535");
		set_boot(p, i & 2, !(i & 2));
		boot_without_gaps(p);
		for (unsigned end = 0; end < PAIR_ENDS; end++)
			for (int flow = 0; flow < 2; flow++)
				assert_true(ike_ts_within(&flows[end][flow].local,
						    &child_of_flow(p, end, flow)->local) &&
					    ike_ts_within(&flows[end][flow].remote,
						    &child_of_flow(p, end, flow)->remote));
		free_pair(p);
	}
}

/* A flow that is all the traffic takes the place of the general child SA, which stays; and that is all. */
static void all_the_traffic(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		struct pair *p = new_flows_pair(430 + i, 1 + i / 2, 1);

		for (unsigned end = 0; end < PAIR_ENDS; end++) {
			flows[end][0].local = p->end[end].conf.selectors;
			flows[end][0].remote = p->end[end].peer.selectors;
			p->end[end].peer.dpd_delay = 0;
		}
		set_boot(p, i & 1, !(i & 1));
		boot_both(p);
		pair_run(p, 50 * PAIR_MS);
		p->no_gaps = true;
		pair_run(p, 1000 * PAIR_S);
		assert_int_equal(p->sent, 4 + 2); /* the handshake, and one child SA more */
		for (unsigned end = 0; end < PAIR_ENDS; end++) {
			assert_int_equal(info_of(p, end).state, SL_IKE_UP);
			assert_int_equal(pair_children(&p->end[end]), 2);
			assert_int_equal(pair_in_use(&p->end[end], PAIR_ALL), 1);
			assert_int_equal(
				used_by(p, end, 0)->flow, (1 + i / 2) >> end & 1 ? 0 : SL_IKE_NO_FLOW);
		}
		assert_int_equal(used_by(p, ALPHA, 0)->spi_in, used_by(p, BETA, 0)->spi_out);
		free_pair(p);
	}
}

/* ---- Refusals ---------------------------------------------------------------------------------------------------- */

static unsigned count_logged(struct pair *p, unsigned end, const char *text)
{
	unsigned count = 0;

	for (const char *at = p->end[end].log; (at = strstr(at, text)) != NULL; at++)
		count++;
	return count;
}

/* A peer that knows nothing of what the flow is for: told once, the link stands, and the other flow has its child. */
static void refused_flow(void **state)
{
	(void)state;
	for (unsigned end = 0; end < PAIR_ENDS; end++) {
		struct pair *p = new_flows_pair(440 + end, end == ALPHA ? BY_ALPHA : BY_BETA, 2);

		flows[end][0].remote.ts[0] = selector("172.16.0.0-172.16.255.255 0 0-65535");
		p->end[end].peer.selectors.ts[p->end[end].peer.selectors.count++] =
			flows[end][0].remote.ts[0];
		boot_without_gaps(p);
		pair_run(p, 100 * PAIR_S);
		assert_true(sl_ike_rekey(p->end[!end].ike, p->now, 0));
		pair_run(p, 100 * PAIR_S);
		assert_calm(p);
		assert_int_equal(active_of(p, end)->flows_refused, 1);
		assert_non_null(child_of_flow(p, end, 1));
		assert_int_equal(count_logged(p, end, "flow web: the peer refuses"), 1);
		assert_int_equal(count_logged(p, !end, "CREATE_CHILD_SA refused: TS_UNACCEPTABLE"), 1);
		assert_int_equal(info_of(p, ALPHA).handshakes, 1);
		/* The next link asks again. */
		p->no_gaps = false;
		pair_boot(p, !end);
		pair_connect(p, !end);
		pair_run(p, 10 * PAIR_S);
		assert_calm(p);
		assert_int_equal(count_logged(p, end, "flow web: the peer refuses"), 2);
		free_pair(p);
	}
}

static bool not_now(struct pair *p, unsigned from, struct pair_message *m)
{
	const struct sl_ike_path path = {.local = m->path.remote, .remote = m->path.local};
	unsigned *left = p->filter_ctx;

	if (from != ALPHA || m->data[18] != IKE_CREATE_CHILD_SA || *left == 0)
		return true;
	--*left;
	ike_respond_notify(active_of(p, BETA), IKE_CREATE_CHILD_SA, &path, IKE_N_TEMPORARY_FAILURE, NULL, 0);
	return false;
}

static void refused_for_now(void **state)
{
	struct pair *p = new_flows_pair(450, BY_ALPHA, 2);
	unsigned left = 3;

	(void)state;
	p->filter = not_now;
	p->filter_ctx = &left;
	boot_without_gaps(p);
	assert_int_equal(left, 0);
	assert_int_equal(count_logged(p, ALPHA, "no child SA for flow web yet: TEMPORARY_FAILURE"), 3);
	free_pair(p);
}

/* No room at the end that asks: the peer's half is closed again, and the flow gets one later. */
static void no_room_here(void **state)
{
	struct pair *p = new_flows_pair(451, BY_BOTH, 1);

	(void)state;
	boot_both(p);
	pair_run(p, 41 * PAIR_MS);
	assert_int_equal(info_of(p, ALPHA).state, SL_IKE_UP);
	p->end[ALPHA].refuse_installs = 1;
	p->no_gaps = true;
	pair_run(p, 300 * PAIR_MS);
	assert_logged(p, ALPHA, "no child SA for flow web yet: here is no room");
	pair_run(p, 20 * PAIR_S);
	assert_calm(p);
	free_pair(p);
}

/* ---- Life -------------------------------------------------------------------------------------------------------- */

/* A flow has a lifetime of its own, and so has the rest. */
static void own_lifetime(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct pair *p = new_flows_pair(460 + i, BY_BOTH, 2);
		uint32_t general, dns;

		flows[ALPHA][0].rekey_time = i & 1 ? 20 * PAIR_S : 0;
		flows[BETA][0].rekey_time = i & 1 ? 0 : 20 * PAIR_S;
		set_boot(p, i & 2, !(i & 2));
		boot_without_gaps(p);
		general = used_by(p, ALPHA, 0)->spi_in;
		dns = child_of_flow(p, ALPHA, 1)->spi_in;
		pair_run(p, 400 * PAIR_S);
		assert_in_range(info_of(p, ALPHA).rekeys, 18, 24);
		assert_non_null(pair_child(&p->end[ALPHA], general));
		assert_int_equal(child_of_flow(p, ALPHA, 1)->spi_in, dns);
		child_of_flow(p, !(i & 1), 0)->rekey_at = UINT64_MAX;
		pair_run(p, 10 * PAIR_S);
		assert_calm(p);
		free_pair(p);
	}
}

static void rekeyed_by_both_at_once(void **state)
{
	(void)state;
	for (unsigned seed = 0; seed < 60; seed++) {
		struct pair *p = flows_pair(500 + seed, 1 + seed % 3, FLOWS);

		p->jitter = seed % 3 * 30 * PAIR_MS;
		for (unsigned end = 0; end < PAIR_ENDS; end++) {
			for (unsigned c = 0; c < PAIR_CHILDREN_MAX; c++)
				if (p->end[end].children[c].spi_in != 0)
					sl_ike_rekey_child(
						p->end[end].ike, p->now, p->end[end].children[c].spi_in);
			if (seed & 4)
				sl_ike_rekey(p->end[end].ike, p->now, 0);
			pair_run(p, seed % 5 * 6 * PAIR_MS);
		}
		pair_run(p, 60 * PAIR_S);
		assert_calm(p);
		assert_int_equal(pair_children(&p->end[ALPHA]), 1 + FLOWS);
		assert_int_equal(info_of(p, ALPHA).handshakes, 1);
		free_pair(p);
	}
}

/* Closed by either end, or too old: the other traffic's child is there meanwhile, and the flow gets another. */
static void lost_and_asked_for_again(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2 * 3 * 2; i++) {
		struct pair *p = flows_pair(600 + i, 1 + i / 2 % 3, 1);
		unsigned end = i & 1, configured = 1 + i / 2 % 3 == BY_BETA ? BETA : ALPHA;
		uint32_t general = used_by(p, ALPHA, 0)->spi_in, spi;
		struct ike_child *child = child_of_flow(p, configured, 0);

		spi = child->spi_in;
		if (end != configured)
			child = ike_child_find_out(active_of(p, end), spi);
		p->no_gaps = false; /* what is on its way when the other end hears of it has nowhere to go */
		if (i < 6) {
			ike_child_close(child);
			ike_sa_work(child->sa);
		} else {
			child->ends_at = p->now;
			ike_arm(p->end[end].ike, p->now);
		}
		pair_run(p, 100 * PAIR_MS);
		assert_int_equal(pair_in_use(&p->end[ALPHA], PAIR_ALL), 1);
		assert_int_equal(info_of(p, BETA).state, SL_IKE_UP);
		p->no_gaps = true;
		pair_run(p, 20 * PAIR_S);
		assert_calm(p);
		assert_int_not_equal(child_of_flow(p, configured, 0)->spi_in, spi);
		assert_non_null(pair_child(&p->end[ALPHA], general));
		assert_int_equal(info_of(p, ALPHA).handshakes, 1);
		free_pair(p);
	}
}

/* A link that has a flow and nothing for the rest gets that again, also where no further ones were agreed upon. */
static void the_rest_is_lost(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct pair *p = flows_pair(650 + i, BY_BOTH, 1);
		struct ike_child *general = TAILQ_FIRST(&active_of(p, i & 1)->children);

		p->no_gaps = false;
		active_of(p, ALPHA)->further = active_of(p, BETA)->further = i & 2;
		assert_int_equal(general->flow, SL_IKE_NO_FLOW);
		ike_child_close(general);
		ike_sa_work(general->sa);
		pair_run(p, 100 * PAIR_MS);
		assert_int_equal(pair_in_use(&p->end[ALPHA], PAIR_ALL), 1);
		pair_run(p, 20 * PAIR_S);
		assert_calm(p);
		assert_int_equal(info_of(p, ALPHA).handshakes, 1);
		free_pair(p);
	}
}

/* A new link beside the old one: the flow keeps its child there until it has another. */
static void new_link_takes_over(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		struct pair *p = flows_pair(700 + i, 1 + i / 2, FLOWS);
		uint64_t spi_i = info_of(p, ALPHA).spi_i;

		ike_peer_renew(p->end[i & 1].ike->peers[0]);
		p->no_gaps = false; /* the first child of the new one is used by the responder at once */
		pair_run(p, 41 * PAIR_MS);
		p->no_gaps = true;
		assert_true(pair_in_use(&p->end[ALPHA], PAIR_ALL) >= 1 + FLOWS);
		pair_run(p, 60 * PAIR_S);
		assert_calm(p);
		assert_true(info_of(p, ALPHA).spi_i != spi_i);
		assert_int_equal(pair_children(&p->end[ALPHA]), 1 + FLOWS);
		free_pair(p);
	}
}

/* ---- Bad networks ------------------------------------------------------------------------------------------------ */

/* Loss, restarts, rotations, lives of a few seconds: in calm each flow has exactly one. */
static void storm(uint64_t seed)
{
	struct pair *p = new_flows_pair(seed, 1 + seed % 3, 1 + seed / 3 % FLOWS);

	for (unsigned i = 0; i < PAIR_ENDS; i++) {
		p->end[i].conf.workers = 1 + seed / (2 + i) % 3;
		for (unsigned f = 0; f < FLOWS; f++)
			flows[i][f].rekey_time = seed % 2 ? (5 + f) * PAIR_S : 0;
		p->end[i].peer.rekey_time = seed % 4 == 3 ? 8 * PAIR_S : 0;
	}
	set_boot(p, true, seed & 8);
	p->loss = seed % 31;
	p->duplication = 10;
	p->jitter = 200 * PAIR_MS;
	boot_both(p);
	for (unsigned i = 0; i < 16; i++) {
		pair_run(p, pair_random(p) % (4 * PAIR_S));
		for (unsigned end = 0; end < PAIR_ENDS; end++)
			for (unsigned c = 0; c < PAIR_CHILDREN_MAX; c++)
				if (p->end[end].in_use[c] && pair_random(p) % 4 == 0)
					sl_ike_rekey_child(
						p->end[end].ike, p->now, p->end[end].children[c].spi_in);
		if (pair_random(p) % 4 == 0)
			sl_ike_rekey(p->end[pair_random(p) % PAIR_ENDS].ike, p->now, 0);
		if (pair_random(p) % 20 == 0)
			pair_boot(p, pair_random(p) % PAIR_ENDS);
	}
	p->loss = p->duplication = 0;
	for (unsigned i = 0; i < PAIR_ENDS; i++) {
		p->end[i].peer.rekey_time = 0;
		for (unsigned f = 0; f < FLOWS; f++)
			flows[i][f].rekey_time = 0;
	}
	pair_run(p, 160 * PAIR_S);
	if (pair_fault(p))
		printf("# seed %llu\n", (unsigned long long)seed);
	assert_calm(p);
	free_pair(p);
}

static void storms(void **state)
{
	(void)state;
	for (uint64_t seed = 400000; seed < 400300; seed++)
		storm(seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_child_for_each_flow),
		cmocka_unit_test(keys_of_their_own),
		cmocka_unit_test(both_ask_at_once),
		cmocka_unit_test(roles_change_with_the_ike_sa),
		cmocka_unit_test(ends_know_different_networks),
		cmocka_unit_test(one_within_another),
		cmocka_unit_test(all_the_traffic),
		cmocka_unit_test(refused_flow),
		cmocka_unit_test(refused_for_now),
		cmocka_unit_test(no_room_here),
		cmocka_unit_test(own_lifetime),
		cmocka_unit_test(rekeyed_by_both_at_once),
		cmocka_unit_test(lost_and_asked_for_again),
		cmocka_unit_test(the_rest_is_lost),
		cmocka_unit_test(new_link_takes_over),
		cmocka_unit_test(storms),
	};

	return cmocka_run_group_tests_name("IKE flows", tests, start_crypto, NULL);
}
