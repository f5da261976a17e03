/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Keys, the encrypted payload and AUTH against values that another implementation computed: Python's hmac and
 * hashlib for prf and prf+, python3-cryptography for X25519, AES-GCM and Ed25519.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/ike/crypt.h"

static size_t unhex(uint8_t *out, const char *hex)
{
	size_t len = strlen(hex) / 2;

	for (size_t i = 0; i < len; i++) {
		unsigned byte;

		assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
		out[i] = (uint8_t)byte;
	}
	return len;
}

static void assert_hex(const void *data, const char *hex)
{
	uint8_t expected[256];
	size_t len = unhex(expected, hex);

	assert_memory_equal(data, expected, len);
}

/* What the derivation begins with: two private values, two nonces of different length, two SPIs. */
struct setup {
	uint8_t nonce_i[16], nonce_r[40], public_i[32], public_r[32];
	struct ike_agreed agreed;
	struct ike_secrets *i, *r;
};

static struct ike_secrets *new_secrets(uint8_t private_first)
{
	struct ike_secrets *s = aligned_alloc(64, sizeof(*s));

	assert_non_null(s);
	memset(s, 0, sizeof(*s));
	for (unsigned i = 0; i < sizeof(s->x25519); i++)
		s->x25519[i] = (uint8_t)(private_first + i);
	return s;
}

static struct setup set_up(enum sl_cipher cipher)
{
	struct setup s = {.i = new_secrets(1), .r = new_secrets(101)};

	for (unsigned n = 0; n < sizeof(s.nonce_i); n++)
		s.nonce_i[n] = (uint8_t)(0xa0 + n);
	for (unsigned n = 0; n < sizeof(s.nonce_r); n++)
		s.nonce_r[n] = (uint8_t)(0x10 + n);
	sl_x25519_public(s.public_i, s.i->x25519);
	sl_x25519_public(s.public_r, s.r->x25519);
	s.agreed.spi_i = UINT64_C(0x0102030405060708);
	s.agreed.spi_r = UINT64_C(0x1112131415161718);
	s.agreed.cipher = cipher;
	return s;
}

/* Both ends derive. */
static void derive(struct setup *s, struct sl_ike_keys *i, struct sl_ike_keys *r)
{
	struct sl_ike_keys i2, r2;

	memset(i, 0, sizeof(*i));
	memset(r, 0, sizeof(*r));
	s->agreed.nonce_i = (struct ike_view){s->nonce_i, sizeof(s->nonce_i)};
	s->agreed.nonce_r = (struct ike_view){s->nonce_r, sizeof(s->nonce_r)};
	s->agreed.initiator = true;
	assert_true(ike_derive(s->i, &s->agreed, s->public_r, i, r));
	s->agreed.initiator = false;
	assert_true(ike_derive(s->r, &s->agreed, s->public_i, &i2, &r2));
	assert_memory_equal(i->key, i2.key, sl_cipher_key_len(s->agreed.cipher));
	assert_memory_equal(r->key, r2.key, sl_cipher_key_len(s->agreed.cipher));
	assert_memory_equal(i->salt, i2.salt, sizeof(i->salt));
	assert_memory_equal(r->salt, r2.salt, sizeof(r->salt));
}

static void tear_down(struct setup *s)
{
	free(s->i);
	free(s->r);
}

static void keys_with_aes_128(void **state)
{
	struct setup s = set_up(SL_AES128GCM16);
	struct sl_ike_keys i, r;

	(void)state;
	derive(&s, &i, &r);
	assert_hex(s.i->sk_d, "1dea4435bfacee94ee7909d7d97c3c0160eb15cda1d8923ea44b323bc81d9629");
	assert_hex(i.key, "f6915af6224d6c1c69dec9436ca2b87e");
	assert_hex(i.salt, "25c52abb");
	assert_hex(r.key, "7ebbaf5649f6eee8affd7c0fc374f66d");
	assert_hex(r.salt, "26959b59");
	assert_hex(s.i->sk_pi, "e743974887c1075f4538819765f9bebb0dc34e46d0a875c57c953d0539ce5ec1");
	assert_hex(s.i->sk_pr, "fa304d5ed10a02961ec83b022c118c44c8f3f1b4df9448d72a159bd5cc6efbc9");
	assert_hex(s.r->sk_pr, "fa304d5ed10a02961ec83b022c118c44c8f3f1b4df9448d72a159bd5cc6efbc9");

	ike_derive_child(s.i, &s.agreed, NULL, SL_AES128GCM16, &i, &r);
	assert_hex(i.key, "c1011dad755e5d5485e90abae735d00c");
	assert_hex(i.salt, "b6c20260");
	assert_hex(r.key, "f437c09751756a7f1c36465f2c65716b");
	assert_hex(r.salt, "1502aacb");
	tear_down(&s);
}

static void keys_with_aes_256(void **state)
{
	static const uint8_t zero[SL_X25519_LEN];
	struct setup s = set_up(SL_AES256GCM16);
	struct sl_ike_keys i, r;

	(void)state;
	derive(&s, &i, &r);
	assert_hex(s.r->sk_d, "1dea4435bfacee94ee7909d7d97c3c0160eb15cda1d8923ea44b323bc81d9629");
	assert_hex(i.key, "f6915af6224d6c1c69dec9436ca2b87e25c52abb7ebbaf5649f6eee8affd7c0f");
	assert_hex(i.salt, "c374f66d");
	assert_hex(r.key, "26959b59e743974887c1075f4538819765f9bebb0dc34e46d0a875c57c953d05");
	assert_hex(r.salt, "39ce5ec1");
	assert_hex(s.r->sk_pi, "fa304d5ed10a02961ec83b022c118c44c8f3f1b4df9448d72a159bd5cc6efbc9");
	assert_hex(s.r->sk_pr, "ac7aff97bfc84612d1a98d15eb9cfd062e29fe28b8d1fc529f7851535a0193a1");
	assert_memory_equal(s.i->x25519, zero, sizeof(zero)); /* wiped */

	ike_derive_child(s.r, &s.agreed, NULL, SL_AES256GCM16, &i, &r);
	assert_hex(i.key, "c1011dad755e5d5485e90abae735d00cb6c20260f437c09751756a7f1c36465f");
	assert_hex(i.salt, "2c65716b");
	assert_hex(r.key, "1502aacb2915fa53fc228c1c725848e9cb4f3a0969ae23beac13764fe661654a");
	assert_hex(r.salt, "75a4aa7c");
	tear_down(&s);
}

/* With a key exchange of their own (RFC 7296 2.17, 2.18): the same two private values again. */
static void keys_of_rekeys(void **state)
{
	struct setup old = set_up(SL_AES256GCM16), s = set_up(SL_AES256GCM16);
	struct sl_ike_keys i, r;
	uint8_t shared[SL_X25519_LEN];

	(void)state;
	assert_int_equal(sl_x25519_shared(shared, s.i->x25519, s.public_r), 0);
	derive(&old, &i, &r);
	ike_derive_child(old.r, &old.agreed, shared, SL_AES256GCM16, &i, &r);
	assert_hex(i.key, "0acdc6273be92a29e4ce0381afd6a0d31c3eafee77af6abf4078304488485b5c");
	assert_hex(i.salt, "c2057943");
	assert_hex(r.key, "21d12e0dfb6b7cffa01bc7c4b4e48e4d37000d4b87599cdd9b50a3c1b5f0eb0b");
	assert_hex(r.salt, "21cf8102");

	s.agreed.before = old.i;
	derive(&s, &i, &r);
	assert_hex(s.i->sk_d, "358db9359c75143809f1fcbf6b79ba5a9df2b7b3c08040cc3772db3423b8a92e");
	assert_hex(i.key, "e51b7787e9f6bdbad6c6aa429c5a95712a26b121b9667830d974112f30de0b36");
	assert_hex(i.salt, "ac3e4460");
	assert_hex(r.key, "edd8d3be0a428536b108ce120c04cda40097e1541119ae10c495668ff6591225");
	assert_hex(r.salt, "01551d3a");
	assert_hex(s.r->sk_pi, "87980c25b4f1bb31fd9f50f76027d30d98e6dd85ef4f43d69577fd0212947c1f");
	assert_hex(s.r->sk_pr, "1450e2a07878e7999c163a253f85bc3ab32b0e824f4493fdba1e5981344717b8");
	tear_down(&old);
	tear_down(&s);
}

static void weak_point_changes_nothing(void **state)
{
	static const uint8_t weak[SL_X25519_LEN];
	struct setup s = set_up(SL_AES256GCM16);
	struct sl_ike_keys i, r;

	(void)state;
	s.agreed.nonce_i = s.agreed.nonce_r = (struct ike_view){s.nonce_i, sizeof(s.nonce_i)};
	assert_false(ike_derive(s.i, &s.agreed, weak, &i, &r));
	derive(&s, &i, &r);
	assert_hex(s.i->sk_d, "1dea4435bfacee94ee7909d7d97c3c0160eb15cda1d8923ea44b323bc81d9629");
	tear_down(&s);
}

/* A Delete of the IKE SA, request 2 of the initiator, IV 7, no padding. */
static const char sealed_128[] =
	"010203040506070811121314151617182e20250800000002000000412a0000250000000000000007"
	"81b5ccb307dfb14299c66ec6551556d214560b997521014cad";
/* The same with AES-256 and three bytes of padding. */
static const char sealed_256[] =
	"010203040506070811121314151617182e20250800000002000000442a0000280000000000000007"
	"47a95901eae84cc3c6897238da92c43bca06e73f8c060b794b93969f";

static void sealing_is_as_computed_elsewhere(void **state)
{
	const struct ike_head head = {.spi_i = UINT64_C(0x0102030405060708),
		.spi_r = UINT64_C(0x1112131415161718),
		.exchange = IKE_INFORMATIONAL,
		.initiator = true,
		.id = 2};
	const struct ike_wire_delete d = {.protocol = IKE_PROTO_IKE};
	struct setup s = set_up(SL_AES128GCM16);
	struct sl_ike_keys i, r;
	struct ike_writer w;

	(void)state;
	derive(&s, &i, &r);
	ike_write_header(&w, &head);
	ike_write_sk(&w);
	ike_write_payload(&w, IKE_P_DELETE, &d, sizeof(d));
	ike_seal(&w, s.i, SL_AES128GCM16, 7);
	assert_int_equal(w.len, strlen(sealed_128) / 2);
	assert_hex(w.buf, sealed_128);
	tear_down(&s);
}

static void opening(enum sl_cipher cipher, const char *hex)
{
	struct setup s = set_up(cipher);
	uint8_t msg[128], copy[128], first;
	size_t len = unhex(msg, hex);
	struct sl_ike_keys i, r;
	struct ike_view plain;

	derive(&s, &i, &r);
	memcpy(copy, msg, len);
	assert_int_equal(ike_open(s.r, cipher, copy, len, &first, &plain), IKE_OK);
	assert_int_equal(first, IKE_P_DELETE);
	assert_int_equal(plain.len, 8);
	assert_hex(plain.data, "0000000801000000");

	/* Wrong direction, and every flipped bit. */
	memcpy(copy, msg, len);
	assert_int_equal(ike_open(s.i, cipher, copy, len, &first, &plain), IKE_E_INTEGRITY);
	for (size_t bit = 0; bit < 8 * len; bit++) {
		memcpy(copy, msg, len);
		copy[bit / 8] ^= 1 << bit % 8;
		assert_int_not_equal(ike_open(s.r, cipher, copy, len, &first, &plain), IKE_OK);
	}
	for (size_t cut = 0; cut < len; cut++) {
		memcpy(copy, msg, len);
		assert_int_equal(ike_open(s.r, cipher, copy, cut, &first, &plain), IKE_E_SYNTAX);
	}
	tear_down(&s);
}

static void messages_of_others_are_opened(void **state)
{
	(void)state;
	opening(SL_AES128GCM16, sealed_128);
	opening(SL_AES256GCM16, sealed_256);
}

/* The pad length is authentic, and still may be nonsense. */
static void pad_length_is_checked(void **state)
{
	const struct ike_head head = {
		.spi_i = 1, .spi_r = 2, .exchange = IKE_INFORMATIONAL, .initiator = true};

	(void)state;
	for (unsigned pad = 0; pad < 256; pad++) {
		struct setup s = set_up(SL_AES128GCM16);
		struct sl_ike_keys i, r;
		struct ike_view plain;
		struct ike_writer w;
		uint8_t first;
		bool fits = pad <= 10;

		derive(&s, &i, &r);
		ike_write_header(&w, &head);
		ike_write_sk(&w);
		for (unsigned n = 0; n < 10; n++)
			ike_put8(&w, 0x55);
		ike_seal(&w, s.i, SL_AES128GCM16, 1);
		/* Sealed again with another last byte: GCM is a stream cipher, so the plaintext can be set. */
		memset(w.buf + sizeof(struct ike_wire_header) + 12, 0x55, 10);
		w.len -= 1 + SL_GCM_ICV_LEN;
		ike_put8(&w, (uint8_t)pad);
		sl_gcm_seal(&s.i->seal, SL_AES128GCM16, w.buf + 40, 11,
			(const uint8_t[12]){
				i.salt[0], i.salt[1], i.salt[2], i.salt[3], 0, 0, 0, 0, 0, 0, 0, 1},
			w.buf, 32, w.buf + 51);
		w.len += SL_GCM_ICV_LEN;
		assert_int_equal(ike_open(s.r, SL_AES128GCM16, w.buf, w.len, &first, &plain),
			fits ? IKE_OK : IKE_E_SYNTAX);
		if (fits)
			assert_int_equal(plain.len, 10 - pad);
		tear_down(&s);
	}
}

/* What has no room for an IV, a pad length and an ICV is not given to AES-GCM, whole message or fragment. */
static void what_is_too_short_is_not_decrypted(void **state)
{
	struct setup s = set_up(SL_AES128GCM16);
	struct sl_ike_keys i, r;

	(void)state;
	derive(&s, &i, &r);
	for (unsigned fragment = 0; fragment < 2; fragment++) {
		const size_t least = 28 + 4 + (fragment ? 4 : 0) + SL_GCM_IV_LEN + 1 + SL_GCM_ICV_LEN;

		for (size_t len = 28 + 4; len <= least; len++) {
			const uint16_t rest = htobe16((uint16_t)(len - 28));
			uint8_t *msg = calloc(1, len), first; /* exact, for the sanitizer */
			enum ike_result result;
			struct ike_view plain;
			struct ike_fragment f;

			assert_non_null(msg);
			msg[16] = fragment ? IKE_P_SKF : IKE_P_SK;
			memcpy(msg + 30, &rest, sizeof(rest));
			if (fragment && len >= 36)
				msg[33] = msg[35] = 1; /* the first of one */
			result = fragment ? ike_open_fragment(s.r, SL_AES128GCM16, msg, len, &f)
					  : ike_open(s.r, SL_AES128GCM16, msg, len, &first, &plain);
			assert_int_equal(result, len < least ? IKE_E_SYNTAX : IKE_E_INTEGRITY);
			free(msg);
		}
	}
	tear_down(&s);
}

static void auth_is_as_computed_elsewhere(void **state)
{
	static const char signature[] = "6eb3e90df86cfd64ffdace10fc8355238ebc7a048731a98a2f0b289a79e2d12f"
					"be8c635089240353f45630f8f0cbd101becc0b597ae7497f254dde79d551d002";
	static const uint8_t message[] = "real message 1", id[] = "\x02\0\0\0alpha.example";
	struct setup s = set_up(SL_AES256GCM16);
	struct sl_ed25519_key key;
	struct ike_signed what;
	struct sl_ike_keys i, r;
	struct ike_writer w = {0};
	struct ike_view auth;

	(void)state;
	derive(&s, &i, &r);
	for (unsigned n = 0; n < sizeof(key.seed); n++)
		key.seed[n] = (uint8_t)(200 + n);
	sl_ed25519_from_seed(&key);
	what = (struct ike_signed){
		{message, sizeof(message) - 1}, s.agreed.nonce_r, {id, sizeof(id) - 1}, true};
	ike_write_auth(&w, s.i, &what, &key);
	assert_int_equal(w.len, 4 + 4 + 8 + 64);
	assert_hex(w.buf, "000000500e00000007300506032b6570");
	assert_hex(w.buf + 16, signature);

	auth = (struct ike_view){w.buf + 4, w.len - 4};
	assert_int_equal(ike_check_auth(auth, s.r, &what, &key.public, 1), 0);
	for (size_t bit = 0; bit < 8 * auth.len; bit++) {
		if (bit / 8 >= 1 && bit / 8 <= 3)
			continue; /* reserved */
		w.buf[4 + bit / 8] ^= 1 << bit % 8;
		assert_int_equal(ike_check_auth(auth, s.r, &what, &key.public, 1), -1);
		w.buf[4 + bit / 8] ^= 1 << bit % 8;
	}
	for (auth.len = sizeof(struct ike_wire_auth); auth.len < w.len - 4; auth.len++)
		assert_int_equal(ike_check_auth(auth, s.r, &what, &key.public, 1), -1);
	what.initiator = false; /* the other's octets */
	assert_int_equal(ike_check_auth(auth, s.r, &what, &key.public, 1), -1);
	tear_down(&s);
}

static void nat_hashes(void **state)
{
	struct sl_endpoint v4, v6;
	uint8_t hash[SL_SHA1_LEN];

	(void)state;
	assert_true(sl_endpoint_parse(&v4, "192.0.2.1:4500", 0) &&
		    sl_endpoint_parse(&v6, "[2001:db8::1]:500", 0));
	ike_nat_hash(hash, UINT64_C(0x0102030405060708), UINT64_C(0x1112131415161718), &v4);
	assert_hex(hash, "5184f43875ff7d9e3dfdc92bd1dee1a08204de3e");
	ike_nat_hash(hash, UINT64_C(0x0102030405060708), 0, &v6);
	assert_hex(hash, "7fa12a60a3a27ef1b3fed26cc6d5b8fbf553292f");
}

static int start_crypto(void **state)
{
	(void)state;
	return sl_crypto_init();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_with_aes_128),
		cmocka_unit_test(keys_with_aes_256),
		cmocka_unit_test(keys_of_rekeys),
		cmocka_unit_test(weak_point_changes_nothing),
		cmocka_unit_test(sealing_is_as_computed_elsewhere),
		cmocka_unit_test(messages_of_others_are_opened),
		cmocka_unit_test(pad_length_is_checked),
		cmocka_unit_test(what_is_too_short_is_not_decrypted),
		cmocka_unit_test(auth_is_as_computed_elsewhere),
		cmocka_unit_test(nat_hashes),
	};

	return cmocka_run_group_tests_name("IKE crypt", tests, start_crypto, NULL);
}
