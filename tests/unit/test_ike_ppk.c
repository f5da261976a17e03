/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Post-quantum preshared keys (RFC 8784): who uses one with whom, and what is said when two ends do not agree.
 */
#include "ike_test.h"

static const struct sl_ppk one = {32, {1}}, other = {48, {2}};

/* What an end knows of its peer. */
struct knows {
	const struct sl_ppk *ppk;
	const char *id;
	bool required;
};

static void teach(struct pair *p, unsigned end, struct knows k)
{
	p->end[end].peer.ppk = k.ppk;
	p->end[end].peer.ppk_id = k.id;
	p->end[end].peer.ppk_required = k.required;
}

/* A pair after alpha has tried to connect. */
static struct pair *connected(uint64_t seed, struct knows alpha, struct knows beta)
{
	struct pair *p = new_pair(seed);

	teach(p, ALPHA, alpha);
	teach(p, BETA, beta);
	boot_both(p);
	pair_connect(p, ALPHA);
	pair_run(p, 300 * PAIR_MS);
	return p;
}

/* The numbers of test vectors are Python's: hmac.new(ppk, key + b'\x01', 'sha256'). */
static void keys_are_mixed(void **state)
{
	static const uint8_t expected[3][SL_HASH_LEN] = {
		{0xb3, 0xf7, 0x83, 0x6a, 0x67, 0xda, 0xf6, 0x48, 0xbd, 0xa5, 0xb8, 0x0c, 0x51, 0x0b, 0x3f,
			0x04, 0x45, 0xbd, 0x66, 0x8e, 0x59, 0x6a, 0x78, 0xda, 0xf7, 0x0c, 0x0d, 0x39, 0xb9,
			0xc3, 0xc1, 0x5a},
		{0xd9, 0x58, 0xf7, 0x1e, 0xfb, 0x9a, 0x7f, 0x25, 0xae, 0x2c, 0x21, 0xfc, 0xfa, 0x3f, 0xe7,
			0x31, 0xc2, 0xeb, 0xf5, 0xe8, 0xc1, 0xf2, 0x32, 0xa9, 0xe3, 0x02, 0x6e, 0xc2, 0x46,
			0xe7, 0x7c, 0x79},
		{0xe0, 0x65, 0x97, 0xd4, 0x12, 0xdb, 0x7d, 0xda, 0xc7, 0x0e, 0x52, 0x38, 0x58, 0xae, 0x39,
			0x2e, 0x0d, 0x00, 0x05, 0x4c, 0x37, 0x1a, 0x5c, 0x34, 0xa9, 0xf1, 0x99, 0x48, 0x48,
			0x19, 0xea, 0x30},
	};
	struct ike_secrets *s = aligned_alloc(64, sizeof(*s));
	struct sl_ppk ppk = {.len = 40};

	(void)state;
	for (unsigned i = 0; i < ppk.len; i++)
		ppk.bytes[i] = (uint8_t)(i + 1);
	for (unsigned i = 0; i < SL_HASH_LEN; i++) {
		s->sk_d[i] = (uint8_t)(0x10 + i);
		s->sk_pi[i] = (uint8_t)(0x50 + i);
		s->sk_pr[i] = (uint8_t)(0x90 + i);
	}
	ike_ppk_mix(s, &ppk);
	assert_memory_equal(s->sk_d, expected[0], SL_HASH_LEN);
	assert_memory_equal(s->sk_pi, expected[1], SL_HASH_LEN);
	assert_memory_equal(s->sk_pr, expected[2], SL_HASH_LEN);
	free(s);
}

static bool in_use(struct pair *p, unsigned end)
{
	return strstr(p->end[end].log, "post-quantum preshared key \"link1\" is in use") != NULL;
}

static bool done_without(struct pair *p, unsigned end)
{
	return strstr(p->end[end].log, "does without the post-quantum preshared key \"link1\"") != NULL;
}

/* Every combination of none, optional and required. */
static void who_uses_it(void **state)
{
	static const struct knows kinds[] = {
		{NULL, NULL, false}, {&one, "link1", false}, {&one, "link1", true}};

	(void)state;
	for (unsigned i = 0; i < 9; i++) {
		struct knows alpha = kinds[i / 3], beta = kinds[i % 3];
		bool both = alpha.ppk && beta.ppk;
		struct pair *p = connected(500 + i, alpha, beta);

		if (both || (!alpha.required && !beta.required)) {
			assert_calm(p);
		} else {
			assert_no_link(p, ALPHA);
			assert_no_link(p, BETA);
		}
		assert_int_equal(in_use(p, ALPHA), both);
		assert_int_equal(in_use(p, BETA), both);
		assert_int_equal(done_without(p, ALPHA), !both && alpha.ppk && !alpha.required);
		assert_int_equal(done_without(p, BETA), !both && beta.ppk && !beta.required);
		if (!both && alpha.required)
			assert_logged(
				p, ALPHA, "answers without a PPK, which is required (not authenticated)");
		if (!both && beta.required) {
			assert_logged(p, BETA,
				"\"alpha.example\" refused: it does without a PPK, which is required");
			assert_logged(p, ALPHA, "refused our identity");
		}
		p->end[ALPHA].log[0] = '\0';
		pair_run(p, 40 * PAIR_S);
		if (!both && alpha.required)
			assert_logged(p, ALPHA, "answers without a PPK, which is required; trying again in");
		free_pair(p);
	}
}

/* The PPK is in the keys of the child, not in those that protect the IKE SA. */
static void ppk_changes_the_child_keys(void **state)
{
	const struct knows kinds[] = {{NULL, NULL, false}, {&one, "link1", true}, {&other, "link1", true}};
	struct sl_ike_keys child[3], ike[3];

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct pair *p = connected(520, kinds[i], kinds[i]);

		assert_calm(p);
		child[i] = p->end[ALPHA].children[0].in;
		ike[i] = p->end[ALPHA].ike_keys[0];
		free_pair(p);
	}
	assert_memory_equal(&ike[0], &ike[1], sizeof(ike[0]));
	assert_memory_equal(&ike[0], &ike[2], sizeof(ike[0]));
	assert_memory_not_equal(&child[0], &child[1], sizeof(child[0]));
	assert_memory_not_equal(&child[0], &child[2], sizeof(child[0]));
	assert_memory_not_equal(&child[1], &child[2], sizeof(child[0]));
}

/* What was derived without it serves until both have decided, and not longer. */
static void nothing_is_left_of_the_keys_without_it(void **state)
{
	static const struct ike_secrets none;

	(void)state;
	for (unsigned required = 0; required < 2; required++) {
		struct knows knows = {&one, "link1", required};
		struct pair *p = connected(525 + required, knows, knows);

		assert_calm(p);
		for (unsigned end = 0; end < PAIR_ENDS; end++) {
			const struct ike_secrets *s = sa_of(p, end)->secrets;

			assert_memory_equal(s->without_ppk, none.without_ppk, sizeof(s->without_ppk));
			assert_memory_not_equal(s->sk_d, none.sk_d, sizeof(s->sk_d));
			assert_memory_equal(s->x25519, none.x25519, sizeof(s->x25519));
		}
		free_pair(p);
	}
}

/* Two ends that call different keys by one name are not told to do without. */
static void other_key_is_refused(void **state)
{
	(void)state;
	for (unsigned required = 0; required < 4; required++) {
		struct pair *p = connected(530 + required, (struct knows){&one, "link1", required & 1},
			(struct knows){&other, "link1", required >> 1});

		assert_no_link(p, ALPHA);
		assert_no_link(p, BETA);
		assert_logged(p, BETA, "or its PPK is not the one we have for it");
		assert_logged(p, ALPHA, "its key for us or its name differs, or its PPK");
		assert_int_equal(stats_of(p, BETA).auth_failures, 1);
		free_pair(p);
	}
}

static void other_name(void **state)
{
	static const char *const names[] = {"link2", "link", "link11", ""};

	(void)state;
	for (unsigned i = 0; i < 16; i++) {
		bool alpha_requires = i & 1, beta_requires = i >> 1 & 1;
		struct pair *p = connected(540 + i, (struct knows){&one, "link1", alpha_requires},
			(struct knows){&one, names[i >> 2], beta_requires});

		if (beta_requires)
			assert_logged(p, BETA, "its PPK has another id than the one we have for it");
		else if (alpha_requires)
			assert_logged(p, BETA, "it requires a PPK that we do not have for it");
		else
			assert_true(done_without(p, ALPHA));
		if (beta_requires || alpha_requires)
			assert_no_link(p, ALPHA);
		else
			assert_calm(p);
		assert_false(in_use(p, ALPHA) || in_use(p, BETA));
		free_pair(p);
	}
}

/* Beta has a PPK with somebody else: alpha's link is not concerned. */
static void key_of_another_peer(void **state)
{
	static struct sl_ike_peer_conf third;
	struct pair *p = new_pair(560);

	(void)state;
	teach(p, ALPHA, (struct knows){&one, "link1", false});
	boot_both(p);
	third = p->end[BETA].peer;
	third.name = "gamma.example";
	third.ppk = &one;
	third.ppk_id = "link1";
	third.ppk_required = true;
	assert_int_equal(sl_ike_peer_add(p->end[BETA].ike, &third), 1);
	pair_connect(p, ALPHA);
	pair_run(p, 300 * PAIR_MS);
	assert_calm(p);
	assert_true(done_without(p, ALPHA));
	assert_false(in_use(p, BETA) || done_without(p, BETA));
	free_pair(p);
}

/* Turns USE_PPK, the last payload of an IKE_SA_INIT message, into a status that nobody knows. */
static bool strip(struct pair *p, unsigned from, struct pair_message *m)
{
	const unsigned *who = p->filter_ctx;
	uint8_t *type = m->data + m->len - 2;

	if (m->data[18] == IKE_SA_INIT && from == *who) {
		assert_int_equal(type[0] << 8 | type[1], IKE_N_USE_PPK);
		type[1] = 0xff;
	}
	return true;
}

/* Nobody on the path can talk two ends out of it that could do without. */
static void stripping_is_noticed(void **state)
{
	(void)state;
	for (unsigned who = 0; who < PAIR_ENDS; who++) {
		struct pair *p = new_pair(570 + who);

		teach(p, ALPHA, (struct knows){&one, "link1", false});
		teach(p, BETA, (struct knows){&one, "link1", false});
		p->filter = strip;
		p->filter_ctx = &who;
		boot_both(p);
		pair_connect(p, ALPHA);
		pair_run(p, 300 * PAIR_MS);
		assert_no_link(p, ALPHA);
		assert_no_link(p, BETA);
		assert_int_equal(stats_of(p, BETA).auth_failures, 1);
		p->filter = NULL;
		pair_run(p, 60 * PAIR_S);
		assert_calm(p);
		assert_true(in_use(p, ALPHA) && in_use(p, BETA));
		free_pair(p);
	}
}

/* Both know the PPK; alpha calls, and the message of the trap goes no further. */
static void hold_a_message(struct pair *p, struct trap *trap, bool required)
{
	teach(p, ALPHA, (struct knows){&one, "link1", required});
	teach(p, BETA, (struct knows){&one, "link1", required});
	trap->holds = true;
	p->filter = spring;
	p->filter_ctx = trap;
	boot_both(p);
	pair_connect(p, ALPHA);
	pair_run(p, 100 * PAIR_MS);
}

/* A peer that has lost the PPK, but not its private key, cannot talk us out of it in IKE_AUTH either. */
static void the_answer_must_have_it_too(void **state)
{
	(void)state;
	for (unsigned required = 0; required < 2; required++) {
		struct trap trap = {.from = BETA, .exchange = IKE_AUTH};
		struct pair *p = new_pair(582 + required);
		struct ike_sa *alpha, *beta;
		struct ike_writer w;
		struct ike_head head;

		hold_a_message(p, &trap, required);
		alpha = sa_of(p, ALPHA);
		beta = sa_of(p, BETA);
		assert_int_equal(ike_parse_header(&head, trap.data, trap.len), IKE_OK);
		/* As it would be signed without the PPK, and with nothing else in it. */
		memcpy(beta->secrets->sk_pr, alpha->secrets->without_ppk[2], SL_HASH_LEN);
		memcpy(trap.data, alpha->secrets->sk_pr, SL_HASH_LEN);
		memcpy(alpha->secrets->sk_pr, beta->secrets->sk_pr, SL_HASH_LEN);
		ike_write_header(&w, &head);
		ike_write_sk(&w);
		pair_write_identity(p, BETA, &w, IKE_ID_FQDN, "beta.example");
		memcpy(alpha->secrets->sk_pr, trap.data, SL_HASH_LEN);
		ike_seal(&w, beta->secrets, beta->cipher, 9000);
		pair_inject(p, ALPHA, w.buf, w.len);
		assert_logged(p, ALPHA,
			required ? "does without the PPK, which is required" : "answered without a child SA");
		free_pair(p);
	}
}

/* NO_PPK_AUTH of any length: what does not fit the place for it is no signature. */
static void signatures_without_it_have_a_length(void **state)
{
	(void)state;
	for (size_t len = 0; len < 400; len += len < 140 ? 1 : 37) {
		static const uint8_t id[] = {IKE_PPK_ID_FIXED, 'x'}, zeros[400];
		struct trap trap = {.from = ALPHA, .exchange = IKE_AUTH};
		struct pair *p = new_pair(586);
		struct ike_sa *alpha;
		struct ike_writer w;
		struct ike_head head;

		hold_a_message(p, &trap, false);
		alpha = sa_of(p, ALPHA);
		assert_int_equal(ike_parse_header(&head, trap.data, trap.len), IKE_OK);
		ike_write_header(&w, &head);
		ike_write_sk(&w);
		ike_write_notify(&w, IKE_N_PPK_IDENTITY, id, sizeof(id));
		ike_write_notify(&w, IKE_N_NO_PPK_AUTH, zeros, len);
		pair_write_identity(p, ALPHA, &w, IKE_ID_FQDN, "alpha.example");
		ike_seal(&w, alpha->secrets, alpha->cipher, 9000);
		p->filter = NULL;
		pair_inject(p, BETA, w.buf, w.len);
		assert_logged(
			p, BETA, "\"alpha.example\" refused: it has not signed with the key we have for it");
		assert_int_equal(stats_of(p, BETA).auth_failures, 1);
		free_pair(p);
	}
}

/* An answer without USE_PPK, which anybody could have sent, ends nothing where the PPK is required. */
static void forged_answer_ends_nothing(void **state)
{
	struct trap trap = {.from = BETA, .exchange = IKE_SA_INIT};
	struct pair *p = new_pair(580);

	(void)state;
	hold_a_message(p, &trap, true);
	trap.data[trap.len - 1] ^= 1;
	pair_inject(p, ALPHA, trap.data, trap.len);
	assert_logged(p, ALPHA, "answers without a PPK");
	trap.data[trap.len - 1] ^= 1;
	let_pass(p, &trap);
	pair_run(p, PAIR_S);
	assert_calm(p);
	assert_true(in_use(p, ALPHA) && in_use(p, BETA));
	assert_int_equal(info_of(p, ALPHA).failures, 0);
	free_pair(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_are_mixed),
		cmocka_unit_test(who_uses_it),
		cmocka_unit_test(ppk_changes_the_child_keys),
		cmocka_unit_test(nothing_is_left_of_the_keys_without_it),
		cmocka_unit_test(other_key_is_refused),
		cmocka_unit_test(other_name),
		cmocka_unit_test(key_of_another_peer),
		cmocka_unit_test(stripping_is_noticed),
		cmocka_unit_test(the_answer_must_have_it_too),
		cmocka_unit_test(signatures_without_it_have_a_length),
		cmocka_unit_test(forged_answer_ends_nothing),
	};

	return cmocka_run_group_tests_name("IKE preshared keys", tests, start_crypto, NULL);
}
