/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Peers that are removed, added and changed while the engine runs, and links that are taken down and up again.
 */
#include "ike_test.h"

static void remove_peer(struct pair *p, unsigned end)
{
	sl_ike_peer_remove(p->end[end].ike, p->now, 0);
	/* Nobody looks at what the owner may have freed. */
	memset(&p->end[end].peer, 0xff, sizeof(p->end[end].peer));
}

/* As it was before. */
static void add_peer(struct pair *p, unsigned end, const struct sl_ike_peer_conf *conf)
{
	p->end[end].peer = *conf;
	assert_int_equal(sl_ike_peer_add(p->end[end].ike, &p->end[end].peer), 0);
	sl_ike_peer_start(p->end[end].ike, p->now, 0);
}

static bool forget(struct pair *p, unsigned end)
{
	return sl_ike_peer_forget(p->end[end].ike, 0);
}

static void assert_nothing_left(struct pair *p, unsigned end)
{
	assert_int_equal(stats_of(p, end).established, 0);
	assert_int_equal(pair_children(&p->end[end]), 0);
	assert_int_equal(pair_spis(&p->end[end]), 0);
}

/* ---- Removal ----------------------------------------------------------------------------------------------------- */

static void removed(void **state)
{
	struct pair *p = linked_pair(700);
	struct sl_ike_peer_conf conf = p->end[ALPHA].peer;

	(void)state;
	assert_false(forget(p, ALPHA)); /* it is in use */
	remove_peer(p, ALPHA);
	assert_int_equal(pair_children(&p->end[ALPHA]), 0);
	assert_false(forget(p, ALPHA)); /* the Delete is not answered yet */
	pair_run(p, 100 * PAIR_MS);
	assert_nothing_left(p, ALPHA);
	assert_no_link(p, BETA);
	assert_logged(p, BETA, "link down: closed by the peer");
	/* Nobody knows it any more. */
	pair_connect(p, BETA);
	pair_run(p, 100 * PAIR_MS);
	assert_logged(p, ALPHA, "IKE_SA_INIT refused: nothing in common"); /* it has no peer at all */
	assert_no_link(p, BETA);
	assert_true(forget(p, ALPHA));
	add_peer(p, ALPHA, &conf);
	pair_run(p, 5 * PAIR_S);
	assert_linked(p);
	free_pair(p);
}

/* A Delete that is lost is sent again; a peer that never answers is not waited for for ever. */
static void removed_unheard(void **state)
{
	struct pair *p = linked_pair(701);

	(void)state;
	p->lose_nth = p->sent + 1;
	remove_peer(p, ALPHA);
	pair_run(p, PAIR_S);
	assert_no_link(p, BETA);
	assert_true(forget(p, ALPHA));
	free_pair(p);

	p = linked_pair(702);
	p->loss = 100;
	remove_peer(p, ALPHA);
	pair_run(p, 2 * PAIR_S);
	assert_false(forget(p, ALPHA));
	pair_run(p, 38 * PAIR_S);
	assert_true(forget(p, ALPHA));
	free_pair(p);
}

/* In the midst of every exchange nothing is left behind, at either end. */
static void removed_at_any_time(void **state)
{
	(void)state;
	for (unsigned step = 0; step < 16; step++) {
		struct pair *p = new_pair(710 + step);

		set_boot(p, true, false);
		boot_both(p);
		pair_run(p, step * 5 * PAIR_MS);
		remove_peer(p, ALPHA);
		pair_run(p, 60 * PAIR_S);
		assert_nothing_left(p, ALPHA);
		assert_no_link(p, BETA);
		assert_true(forget(p, ALPHA));
		free_pair(p);
	}
	for (unsigned step = 0; step < 48; step++) {
		struct pair *p = linked_pair(730 + step);
		unsigned end = step / 8 % 2;

		if (step < 32)
			sl_ike_rekey(p->end[ALPHA].ike, p->now, 0);
		if (step >= 16)
			sl_ike_rekey_child(p->end[step % 2].ike, p->now, used_by(p, step % 2, 0)->spi_in);
		pair_run(p, step % 8 * 5 * PAIR_MS);
		remove_peer(p, end);
		assert_int_equal(pair_children(&p->end[end]), 0);
		pair_run(p, 60 * PAIR_S);
		assert_nothing_left(p, end);
		assert_no_link(p, !end);
		assert_true(forget(p, end));
		free_pair(p);
	}
}

/* Removed and added anew in one breath: the new one has an index of its own until the old one has gone. */
static void replaced(void **state)
{
	struct pair *p = linked_pair(790);
	struct sl_ike *ike = p->end[ALPHA].ike;
	static const struct sl_ppk ppk = {.len = 32};
	struct sl_ike_peer_conf conf = p->end[ALPHA].peer, other = conf;
	struct sl_ike_peer_info info;

	(void)state;
	other.name = "gamma.example";
	other.start = SL_IKE_START_TRAFFIC;
	other.ppk = &ppk;
	other.ppk_id = "gamma";
	assert_int_equal(sl_ike_peer_add(ike, &other), 1);
	remove_peer(p, ALPHA);
	assert_int_equal(sl_ike_peer_add(ike, &conf), 2);
	pair_run(p, PAIR_S);
	sl_ike_peer_info(ike, 2, &info);
	assert_int_equal(info.state, SL_IKE_DOWN); /* it has not been started */
	assert_true(forget(p, ALPHA));
	assert_no_link(p, BETA);
	sl_ike_peer_remove(ike, p->now, 1);
	assert_true(sl_ike_peer_forget(ike, 1)); /* there was nothing to delete */
	sl_ike_peer_remove(ike, p->now, 2);
	assert_true(sl_ike_peer_forget(ike, 2));
	add_peer(p, ALPHA, &conf); /* the lowest index again */
	pair_run(p, 5 * PAIR_S);
	assert_linked(p);
	free_pair(p);
}

/* Who asked before it was a peer was taken for somebody else, who wants no UDP, and asks again. */
static void added_in_the_middle(void **state)
{
	struct trap trap = {.from = ALPHA, .exchange = IKE_AUTH, .holds = true};
	struct pair *p = new_pair(791);
	struct sl_ike_peer_conf conf = p->end[BETA].peer, other = conf;

	(void)state;
	other.name = "gamma.example";
	other.endpoint.addr = sl_addr_v4(UINT32_C(0xc0000203));
	p->end[ALPHA].peer.udp = other.udp = false;
	set_boot(p, true, false);
	pair_boot(p, BETA);
	assert_int_equal(sl_ike_peer_add(p->end[BETA].ike, &other), 1);
	remove_peer(p, BETA);
	assert_true(forget(p, BETA));
	pair_boot(p, ALPHA);
	p->filter = spring;
	p->filter_ctx = &trap;
	pair_run(p, 100 * PAIR_MS);
	assert_true(trap.len > 0);
	add_peer(p, BETA, &conf);
	let_pass(p, &trap);
	assert_logged(p, BETA, "it has become a peer only now");
	pair_run(p, 5 * PAIR_S);
	assert_linked(p);
	assert_true(used_by(p, ALPHA, 0)->udp);
	free_pair(p);
}

/* ---- Down and up ------------------------------------------------------------------------------------------------- */

static void down_and_up(void **state)
{
	struct pair *p = linked_pair(800);

	(void)state;
	sl_ike_down(p->end[ALPHA].ike, p->now, 0);
	assert_int_equal(pair_children(&p->end[ALPHA]), 0);
	assert_int_equal(info_of(p, ALPHA).state, SL_IKE_CLOSED);
	pair_run(p, 5 * PAIR_S);
	assert_no_link(p, ALPHA);
	assert_no_link(p, BETA);
	/* Neither end gets a link now, whatever waits for it. */
	pair_connect(p, ALPHA);
	pair_connect(p, BETA);
	pair_run(p, 120 * PAIR_S);
	assert_no_link(p, ALPHA);
	assert_no_link(p, BETA);
	assert_logged(p, ALPHA, "its link has been taken down here");
	assert_logged(p, BETA, "refused IKE_AUTH: TEMPORARY_FAILURE");
	assert_int_equal(info_of(p, ALPHA).state, SL_IKE_CLOSED);
	assert_int_equal(info_of(p, ALPHA).failures, 0);
	sl_ike_up(p->end[ALPHA].ike, p->now, 0);
	pair_run(p, 5 * PAIR_S);
	assert_linked(p);
	free_pair(p);
}

/* Up is at once, not when the time has come for another attempt; whoever may not call waits. */
static void up_connects(void **state)
{
	struct pair *p = linked_pair(801);

	(void)state;
	sl_ike_down(p->end[ALPHA].ike, p->now, 0);
	pair_run(p, PAIR_S);
	sl_ike_up(p->end[ALPHA].ike, p->now, 0);
	pair_run(p, 100 * PAIR_MS);
	assert_linked(p);
	sl_ike_up(p->end[ALPHA].ike, p->now, 0); /* it is up */
	pair_run(p, PAIR_S);
	assert_int_equal(info_of(p, ALPHA).handshakes, 2);
	sl_ike_down(p->end[ALPHA].ike, p->now, 0);
	p->end[ALPHA].peer.start = SL_IKE_START_NONE;
	sl_ike_up(p->end[ALPHA].ike, p->now, 0);
	pair_run(p, 5 * PAIR_S);
	assert_no_link(p, ALPHA);
	assert_int_equal(info_of(p, ALPHA).state, SL_IKE_DOWN);
	pair_connect(p, BETA);
	pair_run(p, 5 * PAIR_S);
	assert_linked(p);
	free_pair(p);
}

/* A stranger does not learn from the answer that the link has been taken down. */
static void down_is_for_the_peer(void **state)
{
	struct pair *p = new_pair(802);

	(void)state;
	p->end[BETA].peer.public_keys[0][0] ^= 1;
	set_boot(p, true, false);
	boot_both(p);
	sl_ike_down(p->end[BETA].ike, p->now, 0);
	pair_run(p, PAIR_S);
	assert_logged(p, BETA, "it has not signed with the key we have for it");
	assert_logged(p, ALPHA, "refused our identity");
	free_pair(p);
}

/* ---- Change in place --------------------------------------------------------------------------------------------- */

static void changed(struct pair *p, unsigned end)
{
	sl_ike_peer_changed(p->end[end].ike, p->now, 0);
}

/* An attempt that goes to the wrong place ends, and one to the right place follows at once, however long it took. */
static void endpoint_changes(void **state)
{
	struct pair *p = new_pair(810);

	(void)state;
	p->end[ALPHA].peer.endpoint.addr = sl_addr_v4(UINT32_C(0xc0000263));
	set_boot(p, true, false);
	boot_both(p);
	pair_run(p, 100 * PAIR_S);
	assert_no_link(p, ALPHA);
	p->end[ALPHA].peer.endpoint.addr = p->end[BETA].conf.address;
	changed(p, ALPHA);
	pair_run(p, 100 * PAIR_MS);
	assert_linked(p);
	/* A link that is up stays, wherever the next one goes. */
	p->end[ALPHA].peer.endpoint.addr = sl_addr_v4(UINT32_C(0xc0000263));
	changed(p, ALPHA);
	pair_run(p, 100 * PAIR_S);
	assert_linked(p);
	assert_int_equal(info_of(p, ALPHA).handshakes, 1);
	free_pair(p);
}

static void start_changes(void **state)
{
	struct pair *p = new_pair(811);

	(void)state;
	p->end[ALPHA].peer.start = p->end[BETA].peer.start = SL_IKE_START_NONE;
	boot_both(p);
	pair_run(p, PAIR_S);
	p->end[ALPHA].peer.start = SL_IKE_START_BOOT;
	changed(p, ALPHA);
	pair_run(p, PAIR_S);
	assert_linked(p);
	free_pair(p);

	/* Whoever may not call any more stops calling. */
	p = new_pair(812);
	set_boot(p, true, false);
	p->loss = 100;
	boot_both(p);
	pair_run(p, 5 * PAIR_S);
	p->end[ALPHA].peer.start = SL_IKE_START_NONE;
	changed(p, ALPHA);
	assert_int_equal(info_of(p, ALPHA).state, SL_IKE_DOWN);
	p->loss = 0;
	pair_run(p, 100 * PAIR_S);
	assert_no_link(p, ALPHA);
	free_pair(p);
}

static void lives_change(void **state)
{
	struct pair *p = linked_pair(813);

	(void)state;
	p->no_gaps = true;
	p->end[ALPHA].peer.rekey_time = 20 * PAIR_S;
	changed(p, ALPHA);
	pair_run(p, 21 * PAIR_S);
	assert_int_equal(info_of(p, ALPHA).rekeys, 1);
	/* A longer one is for the next child SA, of which it is the first. */
	p->end[ALPHA].peer.rekey_time = 2000 * PAIR_S;
	changed(p, ALPHA);
	pair_run(p, 100 * PAIR_S);
	assert_in_range(info_of(p, ALPHA).rekeys, 2, 3); /* and the IKE SA */
	pair_run(p, 500 * PAIR_S);
	assert_in_range(info_of(p, ALPHA).rekeys, 2, 3);
	assert_linked(p);
	free_pair(p);
}

/* An order of ciphers that has changed is that of the next keys. */
static void ciphers_change(void **state)
{
	struct pair *p = linked_pair(814);
	uint32_t spi_in = used_by(p, ALPHA, 0)->spi_in;

	(void)state;
	assert_int_equal(used_by(p, ALPHA, 0)->cipher, SL_AES256GCM16);
	p->no_gaps = true;
	p->end[ALPHA].peer.ciphers[0] = SL_AES128GCM16;
	p->end[ALPHA].peer.cipher_count = 1;
	changed(p, ALPHA);
	pair_run(p, PAIR_S);
	assert_int_equal(used_by(p, ALPHA, 0)->spi_in, spi_in);
	assert_true(sl_ike_rekey_child(p->end[ALPHA].ike, p->now, spi_in));
	pair_run(p, 10 * PAIR_S);
	assert_int_equal(used_by(p, ALPHA, 0)->cipher, SL_AES128GCM16);
	assert_calm(p);
	free_pair(p);
}

static void dpd_changes(void **state)
{
	struct pair *p = new_pair(815);

	(void)state;
	p->end[ALPHA].peer.dpd_delay = 0;
	set_boot(p, true, false);
	boot_both(p);
	pair_run(p, PAIR_S);
	p->end[BETA].peer.dpd_delay = 0;
	changed(p, BETA);
	p->loss = 100;
	pair_run(p, 300 * PAIR_S);
	assert_int_equal(info_of(p, ALPHA).state, SL_IKE_UP);
	p->end[ALPHA].peer.dpd_delay = 5 * PAIR_S;
	changed(p, ALPHA);
	pair_run(p, 40 * PAIR_S);
	assert_logged(p, ALPHA, "does not answer any more");
	free_pair(p);
}

/* ---- What strangers may take -------------------------------------------------------------------------------------- */

static void strangers_limit(void **state)
{
	struct pair *p = new_pair(820);
	struct sl_ike *ike;

	(void)state;
	p->end[ALPHA].conf.strangers_max = 10;
	boot_both(p);
	ike = p->end[ALPHA].ike;
	assert_int_equal(ike_strangers_max(ike), 10);
	p->end[ALPHA].conf.strangers_max = 1000;
	assert_int_equal(ike_strangers_max(ike), 64 - SL_IKE_PEER_SAS);
	sl_ike_peer_remove(ike, p->now, 0);
	assert_true(forget(p, ALPHA));
	assert_int_equal(ike_strangers_max(ike), 64);
	free_pair(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(removed),
		cmocka_unit_test(removed_unheard),
		cmocka_unit_test(removed_at_any_time),
		cmocka_unit_test(replaced),
		cmocka_unit_test(added_in_the_middle),
		cmocka_unit_test(down_and_up),
		cmocka_unit_test(up_connects),
		cmocka_unit_test(down_is_for_the_peer),
		cmocka_unit_test(endpoint_changes),
		cmocka_unit_test(start_changes),
		cmocka_unit_test(lives_change),
		cmocka_unit_test(ciphers_change),
		cmocka_unit_test(dpd_changes),
		cmocka_unit_test(strangers_limit),
	};

	return cmocka_run_group_tests_name("IKE change", tests, start_crypto, NULL);
}
