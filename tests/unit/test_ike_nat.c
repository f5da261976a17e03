/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Ports and NAT: where IKE and ESP go, how a peer behind a NAT is followed, and how a NAT before us is kept awake.
 */
#include "ike_test.h"

static bool saw_port_500(struct pair *p, unsigned from, struct pair_message *m)
{
	unsigned *count = p->filter_ctx;
	bool init = m->data[18] == IKE_SA_INIT;

	(void)from;
	assert_int_equal(m->path.local.port, init ? 500 : 4500);
	assert_int_equal(m->path.remote.port, init ? 500 : 4500);
	count[init]++;
	return true;
}

static void port_500_moves_to_4500(void **state)
{
	struct pair *p = new_pair(31);
	unsigned count[2] = {0};

	(void)state;
	p->filter = saw_port_500;
	p->filter_ctx = count;
	p->end[ALPHA].peer.endpoint.port = 500;
	set_boot(p, true, false);
	boot_both(p);
	pair_run(p, PAIR_S);
	assert_calm(p);
	assert_int_equal(count[true], 2);
	assert_int_equal(count[false], 2);
	assert_int_equal(p->end[BETA].children[0].path.remote.port, 4500);
	assert_int_equal(p->end[ALPHA].children[0].path.local.port, 4500);
	pair_run(p, 60 * PAIR_S); /* liveness checks go there too */
	assert_true(count[false] > 2);
	assert_calm(p);
	free_pair(p);
}

static void nat_is_followed(void **state)
{
	struct pair *p = new_pair(32);

	(void)state;
	assert_true(sl_endpoint_parse(&p->nat, "198.51.100.7:31000", 0));
	p->end[BETA].peer.endpoint.addr.family = SL_NONE;
	set_boot(p, true, false);
	boot_both(p);
	pair_run(p, PAIR_S);
	assert_calm(p);
	assert_true(sl_endpoint_equal(&p->end[BETA].children[0].path.remote, &p->nat));
	assert_true(seen_at(p, BETA, &p->nat));

	/* The NAT forgets; alpha's next liveness check shows where it is now. */
	p->nat.port = 31001;
	pair_run(p, 60 * PAIR_S);
	assert_calm(p);
	assert_true(seen_at(p, BETA, &p->nat));
	assert_true(sl_endpoint_equal(&p->end[BETA].children[0].path.remote, &p->nat));
	assert_int_equal(p->end[BETA].children[0].path.local.port, SL_IKE_NAT_PORT);
	assert_int_equal(info_of(p, BETA).handshakes, 1);
	free_pair(p);
}

/* Without a NAT a peer may stay on port 500; its ESP is on 4500 all the same (RFC 3948). */
static void peer_may_stay_on_port_500(void **state)
{
	struct trap trap = {.from = ALPHA, .exchange = IKE_AUTH};
	struct pair *p = new_pair(34);
	struct sl_ike_path path = {
		.local = {p->end[BETA].conf.address, 500}, .remote = {p->end[ALPHA].conf.address, 500}};

	(void)state;
	trap.holds = true;
	p->filter = spring;
	p->filter_ctx = &trap;
	set_boot(p, true, false);
	boot_both(p);
	pair_run(p, 100 * PAIR_MS);
	p->filter = NULL;
	sl_ike_input(p->end[BETA].ike, p->now, &path, trap.data, trap.len);
	assert_int_equal(info_of(p, BETA).endpoint.port, 500);
	assert_int_equal(p->end[BETA].children[0].path.remote.port, 4500);
	assert_int_equal(p->end[BETA].children[0].path.local.port, 4500);
	free_pair(p);
}

static void without_nat_nothing_moves(void **state)
{
	struct pair *p = linked_pair(33);
	struct sl_endpoint before = info_of(p, BETA).endpoint;

	(void)state;
	assert_true(sl_endpoint_parse(&p->nat, "198.51.100.7:31000", 0));
	ike_liveness_start(sa_of(p, ALPHA));
	pair_run(p, 100 * PAIR_MS);
	assert_true(seen_at(p, BETA, &before));
	free_pair(p);
}

static void nat_is_kept_awake(void **state)
{
	struct pair *p = new_pair(90);

	(void)state;
	sl_endpoint_parse(&p->nat, "203.0.113.9:40000", 0);
	set_boot(p, true, false);
	boot_both(p);
	pair_run(p, PAIR_S);
	assert_int_equal(info_of(p, ALPHA).state, SL_IKE_UP);
	assert_int_equal(p->end[ALPHA].keepalives, 0);
	pair_run(p, 100 * PAIR_S);
	assert_int_equal(p->end[ALPHA].keepalives, 5);
	assert_int_equal(p->end[BETA].keepalives, 0);
	/* Also in the IKE SA that replaces this one, by whichever end. */
	for (unsigned end = 0; end < PAIR_ENDS; end++) {
		assert_true(sl_ike_rekey(p->end[end].ike, p->now, 0));
		pair_run(p, PAIR_S);
		p->end[ALPHA].keepalives = 0;
		pair_run(p, 100 * PAIR_S);
		assert_int_equal(p->end[ALPHA].keepalives, 5);
	}
	assert_int_equal(p->end[BETA].keepalives, 0);
	free_pair(p);
}

static void no_nat_no_keepalives(void **state)
{
	struct pair *p = linked_pair(91);

	(void)state;
	pair_run(p, 100 * PAIR_S);
	assert_int_equal(p->end[ALPHA].keepalives + p->end[BETA].keepalives, 0);
	free_pair(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(port_500_moves_to_4500),
		cmocka_unit_test(nat_is_followed),
		cmocka_unit_test(peer_may_stay_on_port_500),
		cmocka_unit_test(without_nat_nothing_moves),
		cmocka_unit_test(nat_is_kept_awake),
		cmocka_unit_test(no_nat_no_keepalives),
	};

	return cmocka_run_group_tests_name("IKE NAT", tests, start_crypto, NULL);
}
