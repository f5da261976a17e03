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

/* Alpha calls beta from behind a NAT. */
static void come_up_behind_nat(struct pair *p)
{
	assert_true(sl_endpoint_parse(&p->nat, "198.51.100.7:31000", 0));
	p->end[BETA].peer.endpoint.addr.family = SL_NONE;
	set_boot(p, true, false);
	boot_both(p);
	pair_run(p, PAIR_S);
	assert_calm(p);
}

static void nat_is_followed(void **state)
{
	struct pair *p = new_pair(32);

	(void)state;
	come_up_behind_nat(p);
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

/* Behind a NAT a peer is where its last fresh message came from: not where somebody else has forged or repeated one. */
static void nobody_else_can_move_a_peer(void **state)
{
	struct trap trap = {.from = ALPHA, .exchange = IKE_INFORMATIONAL};
	struct pair *p = new_pair(35);
	struct sl_ike_path elsewhere = {.local = {p->end[BETA].conf.address, SL_IKE_NAT_PORT}};

	(void)state;
	assert_true(sl_endpoint_parse(&elsewhere.remote, "203.0.113.9:4500", 0));
	come_up_behind_nat(p);
	p->filter = spring;
	p->filter_ctx = &trap;
	ike_liveness_start(active_of(p, ALPHA));
	pair_run(p, 100 * PAIR_MS);
	/* Again, from elsewhere: it is answered there, in case that the answer was lost, and that is all. */
	sl_ike_input(p->end[BETA].ike, p->now, &elsewhere, trap.data, trap.len);
	assert_true(seen_at(p, BETA, &p->nat));
	/* The next one is held up, and comes from elsewhere with a bit changed, and cut. */
	trap.holds = true;
	ike_liveness_start(active_of(p, ALPHA));
	pair_run(p, 100 * PAIR_MS);
	trap.data[trap.len - 1] ^= 1;
	sl_ike_input(p->end[BETA].ike, p->now, &elsewhere, trap.data, trap.len);
	sl_ike_input(p->end[BETA].ike, p->now, &elsewhere, trap.data, trap.len - 1);
	trap.data[trap.len - 1] ^= 1;
	assert_true(seen_at(p, BETA, &p->nat));
	assert_true(sl_endpoint_equal(&p->end[BETA].children[0].path.remote, &p->nat));
	/* As it is, it tells where the peer is now. */
	sl_ike_input(p->end[BETA].ike, p->now, &elsewhere, trap.data, trap.len);
	assert_true(seen_at(p, BETA, &elsewhere.remote));
	free_pair(p);
}

/* Nor with an old answer of the peer, when nothing was asked, or something else. */
static void old_answers_move_nobody(void **state)
{
	struct trap trap = {.from = ALPHA, .exchange = IKE_INFORMATIONAL};
	struct pair *p = new_pair(36);
	struct sl_ike_path elsewhere = {.local = {p->end[BETA].conf.address, SL_IKE_NAT_PORT}};

	(void)state;
	assert_true(sl_endpoint_parse(&elsewhere.remote, "203.0.113.9:4500", 0));
	come_up_behind_nat(p);
	p->filter = spring;
	p->filter_ctx = &trap;
	ike_liveness_start(active_of(p, BETA));
	pair_run(p, 100 * PAIR_MS);
	assert_true(trap.len > 0);
	p->loss = 100;
	for (unsigned asking = 0; asking < 2; asking++) {
		if (asking)
			ike_liveness_start(active_of(p, BETA));
		sl_ike_input(p->end[BETA].ike, p->now, &elsewhere, trap.data, trap.len);
		assert_true(seen_at(p, BETA, &p->nat));
	}
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

/* ---- Plain ESP --------------------------------------------------------------------------------------------------- */

static bool on_one_port(struct pair *p, unsigned from, struct pair_message *m)
{
	uint16_t *port = p->filter_ctx;

	(void)from;
	assert_int_equal(m->path.local.port, *port);
	assert_int_equal(m->path.remote.port, *port);
	return true;
}

static void assert_encapsulation(struct pair *p, bool udp, bool nat)
{
	assert_calm(p);
	for (unsigned i = 0; i < PAIR_ENDS; i++) {
		assert_int_equal(used_by(p, i, 0)->udp, udp);
		assert_int_equal(used_by(p, i, 0)->nat, nat);
	}
}

/* Neither end insists and there is no NAT: ESP is plain, and IKE stays on its port. */
static void plain_esp(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		struct pair *p = new_pair(100 + i);
		uint16_t port = i & 1 ? 500 : 4500;
		unsigned starter = i >> 1 & 1;

		p->filter = on_one_port;
		p->filter_ctx = &port;
		for (unsigned end = 0; end < PAIR_ENDS; end++) {
			p->end[end].peer.udp = false;
			p->end[end].peer.endpoint.port = port;
			p->end[end].peer.rekey_time = 20 * PAIR_S;
		}
		if (i & 4)
			pair_use_ipv6(p);
		set_boot(p, starter == ALPHA, starter == BETA);
		boot_both(p);
		pair_run(p, PAIR_S);
		assert_encapsulation(p, false, false);
		assert_logged(p, ALPHA, "plain ESP");
		pair_run(p, 300 * PAIR_S); /* it stays so with fresh keys, of either kind */
		for (unsigned end = 0; end < PAIR_ENDS; end++) {
			p->end[end].peer.rekey_time = 0;
			assert_int_equal(info_of(p, end).handshakes, 1);
			assert_true(info_of(p, end).rekeys > 15);
			assert_int_equal(p->end[end].keepalives, 0);
		}
		pair_run(p, 100 * PAIR_S);
		assert_encapsulation(p, false, false);
		free_pair(p);
	}
}

/* One end insists, or both: then both use UDP, and none believes in a NAT, or follows. */
static void who_insists_gets_udp(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 12; i++) {
		struct pair *p = new_pair(120 + i);
		unsigned starter = i & 1, insist = 1 + i / 2 % 3;
		struct sl_endpoint before;

		p->end[ALPHA].peer.udp = insist & 1;
		p->end[BETA].peer.udp = insist & 2;
		p->end[starter].peer.endpoint.port = i < 6 ? 500 : 4500;
		set_boot(p, starter == ALPHA, starter == BETA);
		boot_both(p);
		pair_run(p, PAIR_S);
		assert_encapsulation(p, true, false);
		assert_int_equal(used_by(p, ALPHA, 0)->path.local.port, 4500);
		assert_int_equal(used_by(p, ALPHA, 0)->path.remote.port, 4500);
		assert_int_equal(info_of(p, starter).endpoint.port, 4500);
		pair_run(p, 60 * PAIR_S);
		assert_int_equal(p->end[ALPHA].keepalives + p->end[BETA].keepalives, 0);
		before = info_of(p, BETA).endpoint;
		assert_true(sl_endpoint_parse(&p->nat, "198.51.100.7:31000", 0));
		ike_liveness_start(sa_of(p, ALPHA));
		pair_run(p, 100 * PAIR_MS);
		assert_true(seen_at(p, BETA, &before));
		free_pair(p);
	}
}

/* With a NAT there is UDP, whoever wants it; and who insists does not hide the NAT. */
static void nat_needs_udp(void **state)
{
	(void)state;
	for (unsigned insist = 0; insist < 4; insist++) {
		struct pair *p = new_pair(140 + insist);

		assert_true(sl_endpoint_parse(&p->nat, "198.51.100.7:31000", 0));
		p->end[ALPHA].peer.udp = insist & 1;
		p->end[BETA].peer.udp = insist & 2;
		set_boot(p, true, false);
		boot_both(p);
		pair_run(p, PAIR_S);
		assert_encapsulation(p, true, true);
		assert_true(sl_endpoint_equal(&used_by(p, BETA, 0)->path.remote, &p->nat));
		p->nat.port = 31001;
		pair_run(p, 60 * PAIR_S);
		assert_true(seen_at(p, BETA, &p->nat));
		assert_true(p->end[ALPHA].keepalives > 0);
		assert_int_equal(p->end[BETA].keepalives, 0);
		free_pair(p);
	}
}

/*
 * What a peer by the book makes of us (RFC 7296 2.23): the sender is behind a NAT when its hash is not that of where the
 * message came from. It never believes to be behind one itself.
 */
static void the_book_says_so(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct trap trap = {.from = i & 1, .exchange = IKE_SA_INIT};
		struct pair *p = new_pair(150 + i);
		bool insists = i & 2, source = false, destination = false;
		struct ike_message m;
		struct ike_head head;
		uint8_t hash[SL_SHA1_LEN];

		p->end[trap.from].peer.udp = insists;
		p->end[!trap.from].peer.udp = false;
		p->filter = spring;
		p->filter_ctx = &trap;
		set_boot(p, true, false);
		boot_both(p);
		pair_run(p, PAIR_S);
		assert_encapsulation(p, insists, false);
		assert_int_equal(ike_parse_header(&head, trap.data, trap.len), IKE_OK);
		assert_int_equal(ike_parse(&m, head.next, trap.data + 28, trap.len - 28), IKE_OK);
		for (unsigned n = 0; n < m.notify_count; n++) {
			const struct ike_notify *notify = &m.notify[n];

			if (notify->type == IKE_N_NAT_DETECTION_SOURCE_IP) {
				ike_nat_hash(hash, head.spi_i, head.spi_r, &trap.path.local);
				assert_int_equal(notify->data.len, sizeof(hash));
				source |= memcmp(notify->data.data, hash, sizeof(hash)) == 0;
			} else if (notify->type == IKE_N_NAT_DETECTION_DESTINATION_IP) {
				ike_nat_hash(hash, head.spi_i, head.spi_r, &trap.path.remote);
				destination |= memcmp(notify->data.data, hash, sizeof(hash)) == 0;
			}
		}
		assert_int_equal(source, !insists);
		assert_true(destination);
		free_pair(p);
	}
}

/* A peer that comes from elsewhere is known too late: it gets UDP if any does. */
static void stranger_gets_udp(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct pair *p = new_pair(160 + i);
		struct sl_ike_peer_conf other = p->end[BETA].peer;

		p->end[ALPHA].peer.udp = p->end[BETA].peer.udp = false;
		other.name = "gamma.example";
		other.endpoint.addr = sl_addr_v4(0xc0000209);
		other.udp = i & 1;
		if (i & 2)
			p->end[BETA].peer.endpoint.addr.family = SL_NONE;
		set_boot(p, true, false);
		boot_both(p);
		assert_int_equal(sl_ike_peer_add(p->end[BETA].ike, &other), 1);
		pair_run(p, PAIR_S);
		assert_encapsulation(p, i == 3, false);
		free_pair(p);
	}
}

/* ---- A NAT before us --------------------------------------------------------------------------------------------- */

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
		cmocka_unit_test(nobody_else_can_move_a_peer),
		cmocka_unit_test(old_answers_move_nobody),
		cmocka_unit_test(peer_may_stay_on_port_500),
		cmocka_unit_test(without_nat_nothing_moves),
		cmocka_unit_test(plain_esp),
		cmocka_unit_test(who_insists_gets_udp),
		cmocka_unit_test(nat_needs_udp),
		cmocka_unit_test(the_book_says_so),
		cmocka_unit_test(stranger_gets_udp),
		cmocka_unit_test(nat_is_kept_awake),
		cmocka_unit_test(no_nat_no_keepalives),
	};

	return cmocka_run_group_tests_name("IKE NAT", tests, start_crypto, NULL);
}
