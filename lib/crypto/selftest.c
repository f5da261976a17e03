/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Known-answer tests of every primitive, run at start through the calls the product uses, and tests of what has no answer to
 * know: comparing, wiping, random numbers.
 *
 * They catch what a build cannot: a CPU or hypervisor that computes wrongly, a library that is not the one built for,
 * a miscompiled code path that only this CPU takes. Answers are those the standards publish, as hexadecimal text so
 * that they can be compared with the page they come from.
 */
#include <assert.h>
#include <string.h>

#include <sodium.h>

#include "crypto.h"
#include "gcm.h"
#include "internal.h"

enum { ANSWER_MAX = 128 }; /* bytes of the longest text in the tables below */

/* A packet of full size: ipsec-mb takes other code for many blocks at once than for a few. */
enum { PACKET_LEN = 1420 };

struct bytes {
	size_t len;
	uint8_t data[ANSWER_MAX];
};

static struct bytes unhex(const char *hex)
{
	struct bytes b = {0};
	int failed = sodium_hex2bin(b.data, sizeof(b.data), hex, strlen(hex), NULL, &b.len, NULL);

	assert(failed == 0);
	return b;
}

static bool is_answer(const uint8_t *got, const char *hex)
{
	struct bytes want = unhex(hex);

	return memcmp(got, want.data, want.len) == 0;
}

/*
 * Test cases 4 and 16 of McGrew and Viega's GCM specification, which share all but the key. packet_icv seals
 * PACKET_LEN bytes that count up from 0 in the same way; it was computed with OpenSSL.
 */
struct gcm_answer {
	const char *key;
	const char *sealed;
	const char *icv;
	const char *packet_icv;
};

static const char gcm_nonce[] = "cafebabefacedbaddecaf888";
static const char gcm_aad[] = "feedfacedeadbeeffeedfacedeadbeefabaddad2";
static const char gcm_text[] = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
			       "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39";

static const struct gcm_answer gcm_answers[SL_CIPHER_COUNT] = {
	[SL_AES128GCM16] = {"feffe9928665731c6d6a8f9467308308",
		"42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e"
		"21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091",
		"5bc94fbc3221a5db94fae95ae7121a47", "7d7a9e4eb54b3bcbc8d1e02457fba430"},
	[SL_AES256GCM16] = {"feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
		"522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
		"8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
		"76fc6ece0f4e1768cddf8853bb2d551b", "b03522a6edff499d85e3d97c0c265562"},
};

static bool test_gcm_packet(enum sl_cipher cipher, const struct sl_gcm_key *key)
{
	struct bytes nonce = unhex(gcm_nonce), aad = unhex(gcm_aad);
	uint8_t packet[PACKET_LEN], icv[SL_GCM_ICV_LEN];

	for (unsigned i = 0; i < PACKET_LEN; i++)
		packet[i] = (uint8_t)i;
	sl_gcm_seal(key, cipher, packet, PACKET_LEN, nonce.data, aad.data, aad.len, icv);
	bool ok = is_answer(icv, gcm_answers[cipher].packet_icv);

	memset(icv, 0, sizeof(icv));
	sl_gcm_open(key, cipher, packet, PACKET_LEN, nonce.data, aad.data, aad.len, icv);
	ok = ok && is_answer(icv, gcm_answers[cipher].packet_icv);
	for (unsigned i = 0; i < PACKET_LEN; i++)
		ok = ok && packet[i] == (uint8_t)i;
	return ok;
}

static bool test_gcm(enum sl_cipher cipher)
{
	const struct gcm_answer *answer = &gcm_answers[cipher];
	struct bytes nonce = unhex(gcm_nonce), aad = unhex(gcm_aad), text = unhex(gcm_text);
	uint8_t icv[SL_GCM_ICV_LEN];
	struct sl_gcm_key key;

	sl_gcm_expand(&key, cipher, unhex(answer->key).data);
	sl_gcm_seal(&key, cipher, text.data, text.len, nonce.data, aad.data, aad.len, icv);
	if (!is_answer(text.data, answer->sealed) || !is_answer(icv, answer->icv))
		return false;
	memset(icv, 0, sizeof(icv));
	sl_gcm_open(&key, cipher, text.data, text.len, nonce.data, aad.data, aad.len, icv);
	if (!is_answer(text.data, gcm_text) || !is_answer(icv, answer->icv))
		return false;
	return test_gcm_packet(cipher, &key);
}

static bool test_gcm_128(void)
{
	return test_gcm(SL_AES128GCM16);
}

static bool test_gcm_256(void)
{
	return test_gcm(SL_AES256GCM16);
}

/* RFC 7748 6.1. */
static const struct {
	const char *private, *public, *peer_public, *shared;
} x25519_answer = {
	"77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
	"8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
	"de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f",
	"4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742",
};

static bool test_x25519(void)
{
	struct bytes private = unhex(x25519_answer.private), peer = unhex(x25519_answer.peer_public);
	uint8_t public[SL_X25519_LEN], shared[SL_X25519_LEN];

	sl_x25519_public(public, private.data);
	if (!is_answer(public, x25519_answer.public) ||
		sl_x25519_shared(shared, private.data, peer.data) != 0 ||
		!is_answer(shared, x25519_answer.shared))
		return false;
	/* A point of low order, with which anybody would know the secret (RFC 7748 6.1). */
	memset(peer.data, 0, SL_X25519_LEN);
	return sl_x25519_shared(shared, private.data, peer.data) == SL_CRYPTO_E_WEAK_POINT;
}

/* RFC 8032 7.1, TEST 3. */
static const struct {
	const char *seed, *public, *message, *signature;
} ed25519_answer = {
	"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
	"fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
	"af82",
	"6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
	"18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
};

static bool test_ed25519(void)
{
	struct bytes message = unhex(ed25519_answer.message);
	struct sl_ed25519_key key;
	uint8_t sig[SL_ED25519_SIG_LEN];

	memcpy(key.seed, unhex(ed25519_answer.seed).data, SL_ED25519_SEED_LEN);
	sl_ed25519_from_seed(&key);
	sl_ed25519_sign(sig, &key, message.data, message.len);
	if (!is_answer(key.public, ed25519_answer.public) || !is_answer(sig, ed25519_answer.signature))
		return false;
	if (sl_ed25519_verify(sig, key.public, message.data, message.len) != 0)
		return false;
	/* A verification that says yes to everything would pass so far. */
	message.data[0] ^= 1;
	return sl_ed25519_verify(sig, key.public, message.data, message.len) == SL_CRYPTO_E_SIGNATURE;
}

/* RFC 4231 4.3, the message in two parts. */
static const struct {
	const char *key, *part[2], *mac;
} hmac_answer = {
	"Jefe",
	{"what do ya want ", "for nothing?"},
	"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
};

static bool test_hmac(void)
{
	const struct sl_bytes parts[2] = {
		{hmac_answer.part[0], strlen(hmac_answer.part[0])},
		{hmac_answer.part[1], strlen(hmac_answer.part[1])},
	};
	uint8_t mac[SL_HASH_LEN];

	sl_hmac(mac, hmac_answer.key, strlen(hmac_answer.key), parts, 2);
	return is_answer(mac, hmac_answer.mac);
}

/* RFC 5869 A.1. */
static const struct {
	const char *ikm, *salt, *info, *prk, *okm;
} hkdf_answer = {
	"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",
	"000102030405060708090a0b0c",
	"f0f1f2f3f4f5f6f7f8f9",
	"077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
	"3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
};

static bool test_hkdf(void)
{
	struct bytes salt = unhex(hkdf_answer.salt), ikm = unhex(hkdf_answer.ikm),
		     info = unhex(hkdf_answer.info);
	uint8_t prk[SL_HASH_LEN], okm[42];

	sl_hmac(prk, salt.data, salt.len, &(struct sl_bytes){ikm.data, ikm.len}, 1);
	sl_hkdf_expand(okm, sizeof(okm), prk, &(struct sl_bytes){info.data, info.len}, 1);
	return is_answer(prk, hkdf_answer.prk) && is_answer(okm, hkdf_answer.okm);
}

/* FIPS 180-2 A.1 and A.2: one block and two. */
static const struct {
	const char *message, *digest;
} sha1_answers[] = {
	{"abc", "a9993e364706816aba3e25717850c26c9cd0d89d"},
	{"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		"84983e441c3bd26ebaae4aa1f95129e5e54670f1"},
};

static bool test_sha1(void)
{
	uint8_t digest[SL_SHA1_LEN];

	for (size_t i = 0; i < sizeof(sha1_answers) / sizeof(sha1_answers[0]); i++) {
		sl_sha1(digest, sha1_answers[i].message, strlen(sha1_answers[i].message));
		if (!is_answer(digest, sha1_answers[i].digest))
			return false;
	}
	return true;
}

/* Every byte counts, and so does every bit of it: who compares less lets forged packets and messages in. */
static bool test_comparison(void)
{
	uint8_t a[SL_HASH_LEN], b[SL_HASH_LEN];

	for (unsigned i = 0; i < sizeof(a); i++)
		a[i] = b[i] = (uint8_t)(i * 37);
	if (!sl_equal(a, b, sizeof(a)) || !sl_icv_equal(a, b))
		return false;
	for (unsigned i = 0; i < sizeof(a); i++) {
		b[i] ^= (uint8_t)(1 << i % 8);
		if (sl_equal(a, b, sizeof(a)) || sl_icv_equal(a, b) != (i >= SL_GCM_ICV_LEN))
			return false;
		b[i] = a[i];
	}
	return true;
}

static bool test_wiping(void)
{
	uint8_t secret[SL_HASH_LEN], left = 0;

	memset(secret, 0xa5, sizeof(secret));
	sl_wipe(secret, sizeof(secret));
	for (unsigned i = 0; i < sizeof(secret); i++)
		left |= secret[i];
	return left == 0;
}

/* What comes twice in a row is not random (the continuous test of FIPS 140-2 4.9.2), nor is one byte throughout. */
static bool test_random(void)
{
	uint8_t first[SL_HASH_LEN], second[SL_HASH_LEN], varied = 0;

	sl_random(first, sizeof(first));
	sl_random(second, sizeof(second));
	for (unsigned i = 1; i < sizeof(second); i++)
		varied |= second[i] ^ second[0];
	return varied != 0 && memcmp(first, second, sizeof(first)) != 0;
}

const char *sl_selftest(void)
{
	static const struct {
		const char *name;
		bool (*passes)(void);
	} tests[] = {
		{"AES-128-GCM", test_gcm_128},
		{"AES-256-GCM", test_gcm_256},
		{"X25519", test_x25519},
		{"Ed25519", test_ed25519},
		{"HMAC-SHA-256", test_hmac},
		{"HKDF-SHA-256", test_hkdf},
		{"SHA-1", test_sha1},
		{"comparison", test_comparison},
		{"wiping", test_wiping},
		{"random numbers", test_random},
	};

	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		if (!tests[i].passes())
			return tests[i].name;
	}
	return NULL;
}
