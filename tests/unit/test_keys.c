/* SPDX-License-Identifier: BSD-3-Clause */
/* X25519, Ed25519, HMAC, HKDF and SHA-1 against the vectors of their standards, and what they must refuse. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hex.h"
#include "lib/crypto/crypto.h"
#include "lib/crypto/keyfile.h"

static void assert_hex(const void *got, const char *hex)
{
	uint8_t want[256];
	size_t len = unhex(want, sizeof(want), hex);

	assert_memory_equal(got, want, len);
}

/* ---- X25519 ------------------------------------------------------------------------------------------------ */

/* RFC 7748 5.2. The second point has its top bit set, which must be ignored. */
static void test_x25519_vectors(void **state)
{
	static const char *const vectors[][3] = {
		{"a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
			"e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
			"c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"},
		{"4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
			"e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
			"95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		uint8_t scalar[SL_X25519_LEN], point[SL_X25519_LEN], out[SL_X25519_LEN];

		unhex(scalar, sizeof(scalar), vectors[i][0]);
		unhex(point, sizeof(point), vectors[i][1]);
		assert_int_equal(sl_x25519_shared(out, scalar, point), 0);
		assert_hex(out, vectors[i][2]);
	}
}

/* RFC 7748 5.2: the result becomes the scalar, the old scalar the point. */
static void test_x25519_iterated(void **state)
{
	uint8_t k[SL_X25519_LEN] = {9}, u[SL_X25519_LEN] = {9}, out[SL_X25519_LEN];

	(void)state;
	for (unsigned i = 1; i <= 1000; i++) {
		assert_int_equal(sl_x25519_shared(out, k, u), 0);
		memcpy(u, k, sizeof(u));
		memcpy(k, out, sizeof(k));
		if (i == 1)
			assert_hex(k, "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079");
	}
	assert_hex(k, "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51");
}

/* RFC 7748 6.1. */
static void test_x25519_exchange(void **state)
{
	static const char alice_private[] =
		"77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a";
	static const char bob_private[] = "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb";
	static const char shared[] = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742";
	uint8_t a[SL_X25519_LEN], b[SL_X25519_LEN], pub_a[SL_X25519_LEN], pub_b[SL_X25519_LEN],
		out[SL_X25519_LEN];

	(void)state;
	unhex(a, sizeof(a), alice_private);
	unhex(b, sizeof(b), bob_private);
	sl_x25519_public(pub_a, a);
	sl_x25519_public(pub_b, b);
	assert_hex(pub_a, "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
	assert_hex(pub_b, "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
	assert_int_equal(sl_x25519_shared(out, a, pub_b), 0);
	assert_hex(out, shared);
	assert_int_equal(sl_x25519_shared(out, b, pub_a), 0);
	assert_hex(out, shared);
}

/* Every point of low order, canonical or not (curve25519's 0, 1, -1, the two of order 8, and p, p + 1). */
static void test_x25519_low_order(void **state)
{
	static const char *const points[] = {
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
		"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	};
	uint8_t private[SL_X25519_LEN], point[SL_X25519_LEN], out[SL_X25519_LEN];
	const uint8_t zero[SL_X25519_LEN] = {0};

	(void)state;
	sl_random(private, sizeof(private));
	for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
		for (unsigned top = 0; top < 2; top++) {
			unhex(point, sizeof(point), points[i]);
			point[31] |= (uint8_t)(top << 7);
			memset(out, 0xaa, sizeof(out));
			assert_int_equal(sl_x25519_shared(out, private, point), SL_CRYPTO_E_WEAK_POINT);
			assert_memory_equal(out, zero, sizeof(out));
		}
	}
}

/* ---- Ed25519 ----------------------------------------------------------------------------------------------- */

/* RFC 8032 7.1, all but the one of 1023 bytes. */
static void test_ed25519_vectors(void **state)
{
	static const struct {
		const char *seed, *public, *message, *signature;
	} vectors[] = {
		{"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
			"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
			"e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
			"5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"},
		{"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
			"3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
			"92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
			"085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
		{"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
			"fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
			"6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
			"18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"},
		{"833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
			"ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
			"ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
			"2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
			"dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b589"
			"09351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		struct sl_ed25519_key key;
		uint8_t message[64], sig[SL_ED25519_SIG_LEN];
		size_t len = unhex(message, sizeof(message), vectors[i].message);

		unhex(key.seed, sizeof(key.seed), vectors[i].seed);
		sl_ed25519_from_seed(&key);
		assert_hex(key.seed, vectors[i].seed);
		assert_hex(key.public, vectors[i].public);
		sl_ed25519_sign(sig, &key, message, len);
		assert_hex(sig, vectors[i].signature);
		assert_int_equal(sl_ed25519_verify(sig, key.public, message, len), 0);
	}
}

static void test_ed25519_refuses(void **state)
{
	struct sl_ed25519_key key, other;
	uint8_t message[] = "signed", sig[SL_ED25519_SIG_LEN];
	const size_t len = sizeof(message);

	(void)state;
	sl_key_generate(&key);
	sl_key_generate(&other);
	sl_ed25519_sign(sig, &key, message, len);
	assert_int_equal(sl_ed25519_verify(sig, key.public, message, len), 0);
	assert_int_equal(sl_ed25519_verify(sig, other.public, message, len), SL_CRYPTO_E_SIGNATURE);
	assert_int_equal(sl_ed25519_verify(sig, key.public, message, len - 1), SL_CRYPTO_E_SIGNATURE);
	for (unsigned bit = 0; bit < 8 * SL_ED25519_SIG_LEN; bit++) {
		sig[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(sl_ed25519_verify(sig, key.public, message, len), SL_CRYPTO_E_SIGNATURE);
		sig[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

/* ---- HMAC, HKDF, SHA-1, helpers ---------------------------------------------------------------------------- */

/* RFC 4231, but for the truncated case 5; the message is cut in two at every place. */
static void test_hmac(void **state)
{
	static const struct {
		const char *key, *message, *mac;
	} vectors[] = {
		{"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
			"b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
		{"4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
			"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
		{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
			"dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"
			"dddddddddddddddddddddddddddddddddddd",
			"773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
		{"0102030405060708090a0b0c0d0e0f10111213141516171819",
			"cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd"
			"cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd",
			"82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		uint8_t key[64], message[64], mac[SL_HASH_LEN];
		size_t key_len = unhex(key, sizeof(key), vectors[i].key);
		size_t len = unhex(message, sizeof(message), vectors[i].message);

		for (size_t cut = 0; cut <= len; cut++) {
			const struct sl_bytes parts[] = {
				{message, cut}, {NULL, 0}, {message + cut, len - cut}};

			sl_hmac(mac, key, key_len, parts, 3);
			assert_hex(mac, vectors[i].mac);
		}
	}
}

/* RFC 4231 4.7 and 4.8: keys longer than a block of the hash. */
static void test_hmac_long_key(void **state)
{
	static const char *const vectors[][2] = {
		{"Test Using Larger Than Block-Size Key - Hash Key First",
			"60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
		{"This is a test using a larger than block-size key and a larger than block-size data. "
		 "The key needs to be hashed before being used by the HMAC algorithm.",
			"9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"},
	};
	uint8_t key[131], mac[SL_HASH_LEN];

	(void)state;
	memset(key, 0xaa, sizeof(key));
	for (size_t i = 0; i < 2; i++) {
		sl_hmac(mac, key, sizeof(key), &(struct sl_bytes){vectors[i][0], strlen(vectors[i][0])}, 1);
		assert_hex(mac, vectors[i][1]);
	}
}

static void test_hkdf(void **state)
{
	/* RFC 5869 A.1 to A.3. */
	static const struct {
		const char *ikm, *salt, *info, *prk, *okm;
	} vectors[] = {
		{"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "000102030405060708090a0b0c",
			"f0f1f2f3f4f5f6f7f8f9",
			"077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
			"3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"},
		{"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f2021222324252627"
		 "28292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f",
			"606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f8081828384858687"
			"88898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeaf",
			"b0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7"
			"d8d9dadbdcdddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
			"06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244",
			"b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac78272"
			"71cb41c65e590e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f"
			"1d87"},
		{"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "", "",
			"19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",
			"8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		uint8_t ikm[80], salt[80], info[80], prk[SL_HASH_LEN], okm[100];
		size_t ikm_len = unhex(ikm, sizeof(ikm), vectors[i].ikm);
		size_t salt_len = unhex(salt, sizeof(salt), vectors[i].salt);
		size_t info_len = unhex(info, sizeof(info), vectors[i].info);
		size_t okm_len = strlen(vectors[i].okm) / 2;
		const struct sl_bytes parts[] = {
			{info, info_len / 2}, {info + info_len / 2, info_len - info_len / 2}};

		sl_hmac(prk, salt_len > 0 ? salt : NULL, salt_len, &(struct sl_bytes){ikm, ikm_len}, 1);
		assert_hex(prk, vectors[i].prk);
		memset(okm, 0xee, sizeof(okm));
		sl_hkdf_expand(okm, okm_len, prk, parts, 2);
		assert_hex(okm, vectors[i].okm);
		assert_int_equal(okm[okm_len], 0xee);
	}
}

/* The longest output is 255 blocks; each block depends on the one before, so the last proves them all. */
static void test_hkdf_longest(void **state)
{
	static uint8_t out[SL_HKDF_MAX], shorter[SL_HKDF_MAX];
	const uint8_t key[SL_HASH_LEN] = "key of the longest output";
	const uint8_t last_number = 255;
	uint8_t last[SL_HASH_LEN];

	(void)state;
	sl_hkdf_expand(out, sizeof(out), key, &(struct sl_bytes){"info", 4}, 1);
	const struct sl_bytes parts[] = {
		{out + sizeof(out) - 2 * SL_HASH_LEN, SL_HASH_LEN}, {"info", 4}, {&last_number, 1}};
	sl_hmac(last, key, sizeof(key), parts, 3);
	assert_memory_equal(out + sizeof(out) - SL_HASH_LEN, last, SL_HASH_LEN);
	/* A shorter output is the beginning of a longer one. */
	for (size_t len = 0; len < 200; len++) {
		memset(shorter, 0, sizeof(shorter));
		sl_hkdf_expand(shorter, len, key, &(struct sl_bytes){"info", 4}, 1);
		assert_memory_equal(shorter, out, len);
		assert_int_equal(shorter[len], 0);
	}
}

static void test_sha1(void **state)
{
	uint8_t digest[SL_SHA1_LEN], count[34];
	char *million = malloc(1000000);

	(void)state;
	/* RFC 3174 7.3, the third. */
	assert_non_null(million);
	memset(million, 'a', 1000000);
	sl_sha1(digest, million, 1000000);
	assert_hex(digest, "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
	free(million);
	sl_sha1(digest, "abc", 3);
	assert_hex(digest, "a9993e364706816aba3e25717850c26c9cd0d89d");
	/* The lengths of NAT_DETECTION data: two SPIs, an address of either family, a port. Computed with OpenSSL. */
	for (unsigned i = 0; i < sizeof(count); i++)
		count[i] = (uint8_t)i;
	sl_sha1(digest, count, 22);
	assert_hex(digest, "25e480e9e0ca2b610105cd1424b8a35f63fb3981");
	sl_sha1(digest, count, 34);
	assert_hex(digest, "2942c7afa65444c43d0592d0dc73ca71db729205");
}

static void test_helpers(void **state)
{
	uint8_t a[100] = {0}, b[100] = {0};

	(void)state;
	assert_true(sl_equal(a, b, sizeof(a)));
	b[99] = 1;
	assert_false(sl_equal(a, b, sizeof(a)));
	assert_true(sl_equal(a, b, 99));
	sl_random(a, sizeof(a));
	sl_random(b, sizeof(b));
	assert_false(sl_equal(a, b, 16));
	assert_false(sl_equal(a + 84, b + 84, 16));
	sl_wipe(a, 99);
	memset(b, 0, sizeof(b));
	assert_memory_equal(a, b, 99);
}

/* Every error has a text of its own. */
static void test_strerror(void **state)
{
	(void)state;
	for (int e = SL_CRYPTO_E_KEY_MODE; e <= SL_CRYPTO_OK; e++) {
		assert_string_not_equal(sl_crypto_strerror(e), sl_crypto_strerror(1));
		for (int other = e + 1; other <= SL_CRYPTO_OK; other++)
			assert_string_not_equal(sl_crypto_strerror(e), sl_crypto_strerror(other));
	}
}

static int start(void **state)
{
	(void)state;
	return sl_crypto_init();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_x25519_vectors),
		cmocka_unit_test(test_x25519_iterated),
		cmocka_unit_test(test_x25519_exchange),
		cmocka_unit_test(test_x25519_low_order),
		cmocka_unit_test(test_ed25519_vectors),
		cmocka_unit_test(test_ed25519_refuses),
		cmocka_unit_test(test_hmac),
		cmocka_unit_test(test_hmac_long_key),
		cmocka_unit_test(test_hkdf),
		cmocka_unit_test(test_hkdf_longest),
		cmocka_unit_test(test_sha1),
		cmocka_unit_test(test_helpers),
		cmocka_unit_test(test_strerror),
	};

	return cmocka_run_group_tests_name("keys", tests, start, NULL);
}
