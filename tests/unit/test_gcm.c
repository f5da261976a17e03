/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Start-up, and AES-GCM as the product calls it: published vectors, every length with every alignment against digests
 * computed with OpenSSL, and the detection of each altered bit.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "hex.h"
#include "lib/crypto/crypto.h"
#include "lib/crypto/gcm.h"
#include "lib/crypto/internal.h"

enum { TEXT_MAX = 16384 };

struct vector {
	enum sl_cipher cipher;
	const char *key, *nonce, *aad, *text, *sealed, *icv;
};

#define ZERO_16  "00000000000000000000000000000000"
#define ZERO_12  "000000000000000000000000"
#define SPEC_KEY "feffe9928665731c6d6a8f9467308308"
#define SPEC_IV  "cafebabefacedbaddecaf888"
#define SPEC_AAD "feedfacedeadbeeffeedfacedeadbeefabaddad2"
#define SPEC_TEXT                                                                                            \
	"d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"                                   \
	"1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
#define SPEC_SEALED_128                                                                                      \
	"42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e"                                   \
	"21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091"
#define SPEC_SEALED_256                                                                                      \
	"522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"                                   \
	"8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"

static const struct vector vectors[] = {
	/* McGrew and Viega, "The Galois/Counter Mode of Operation", test cases 1 to 4 ... */
	{SL_AES128GCM16, ZERO_16, ZERO_12, "", "", "", "58e2fccefa7e3061367f1d57a4e7455a"},
	{SL_AES128GCM16, ZERO_16, ZERO_12, "", ZERO_16, "0388dace60b6a392f328c2b971b2fe78",
		"ab6e47d42cec13bdf53a67b21257bddf"},
	{SL_AES128GCM16, SPEC_KEY, SPEC_IV, "", SPEC_TEXT "1aafd255", SPEC_SEALED_128 "473f5985",
		"4d5c2af327cd64a62cf35abd2ba6fab4"},
	{SL_AES128GCM16, SPEC_KEY, SPEC_IV, SPEC_AAD, SPEC_TEXT, SPEC_SEALED_128,
		"5bc94fbc3221a5db94fae95ae7121a47"},
	/* ... and 13 to 16. */
	{SL_AES256GCM16, ZERO_16 ZERO_16, ZERO_12, "", "", "", "530f8afbc74536b9a963b4f1c4cb738b"},
	{SL_AES256GCM16, ZERO_16 ZERO_16, ZERO_12, "", ZERO_16, "cea7403d4d606b6e074ec5d3baf39d18",
		"d0d1c8a799996bf0265b98b5d48ab919"},
	{SL_AES256GCM16, SPEC_KEY SPEC_KEY, SPEC_IV, "", SPEC_TEXT "1aafd255", SPEC_SEALED_256 "898015ad",
		"b094dac5d93471bdec1a502270e3cc6c"},
	{SL_AES256GCM16, SPEC_KEY SPEC_KEY, SPEC_IV, SPEC_AAD, SPEC_TEXT, SPEC_SEALED_256,
		"76fc6ece0f4e1768cddf8853bb2d551b"},
	/* Associated data only; computed with OpenSSL. */
	{SL_AES128GCM16, SPEC_KEY, SPEC_IV, SPEC_AAD, "", "", "346434fd51d5cd0c5887ec63e39b907a"},
	{SL_AES256GCM16, SPEC_KEY SPEC_KEY, SPEC_IV, SPEC_AAD, "", "", "9f6be07603c0b0bd1272854063e9c9ba"},
	/* An ESP packet with ESN under RFC 4106, from draft-mcgrew-gcm-test-01. */
	{SL_AES128GCM16, "4c80cdefbb5d10da906ac73c3613a634", "2e443b684956ed7e3b244cfe",
		"000043218765432100000000",
		"45000048699a000080114db7c0a80102c0a801010a9bf15638d301000001000000000000"
		"045f736970045f756470037369700963796265726369747902646b000021000101020201",
		"fecf537e729d5b07dc30df528dd22b768d1b98736696a6fd348509fa13ceac34cfa2436f"
		"14a3f3cf65925bf1f4a13c5d15b21e1884f5ff6247aeabb786b93bce61bc17d768fd9732",
		"459018148f6cbe722fd04796562dfdb4"},
};

/* A vector as bytes. */
struct parts {
	struct sl_gcm_key key;
	uint8_t nonce[SL_GCM_NONCE_LEN], aad[64], text[128], sealed[128], icv[SL_GCM_ICV_LEN];
	size_t aad_len, len;
};

static struct parts decode(const struct vector *v)
{
	struct parts p;
	uint8_t raw[SL_GCM_KEY_MAX];

	assert_int_equal(unhex(raw, sizeof(raw), v->key), sl_cipher_key_len(v->cipher));
	sl_gcm_expand(&p.key, v->cipher, raw);
	assert_int_equal(unhex(p.nonce, sizeof(p.nonce), v->nonce), SL_GCM_NONCE_LEN);
	assert_int_equal(unhex(p.icv, sizeof(p.icv), v->icv), SL_GCM_ICV_LEN);
	p.aad_len = unhex(p.aad, sizeof(p.aad), v->aad);
	p.len = unhex(p.text, sizeof(p.text), v->text);
	assert_int_equal(unhex(p.sealed, sizeof(p.sealed), v->sealed), p.len);
	return p;
}

static void test_vectors(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		enum sl_cipher cipher = vectors[i].cipher;
		struct parts p = decode(&vectors[i]);
		uint8_t data[128], icv[SL_GCM_ICV_LEN];

		memcpy(data, p.text, p.len);
		sl_gcm_seal(&p.key, cipher, data, p.len, p.nonce, p.aad, p.aad_len, icv);
		assert_memory_equal(data, p.sealed, p.len);
		assert_memory_equal(icv, p.icv, sizeof(icv));

		memset(icv, 0, sizeof(icv));
		sl_gcm_open(&p.key, cipher, data, p.len, p.nonce, p.aad, p.aad_len, icv);
		assert_memory_equal(data, p.text, p.len);
		assert_true(sl_icv_equal(icv, p.icv));
	}
}

/* The ICV that opening `sealed` gives, leaving the original alone. */
static void icv_of(uint8_t icv[SL_GCM_ICV_LEN], const struct parts *p, enum sl_cipher cipher)
{
	uint8_t data[128];

	memcpy(data, p->sealed, p->len);
	sl_gcm_open(&p->key, cipher, data, p->len, p->nonce, p->aad, p->aad_len, icv);
}

/* Flips each bit of one input in turn; none may go unnoticed. */
static void expect_flips_noticed(struct parts *p, enum sl_cipher cipher, uint8_t *input, size_t len)
{
	uint8_t icv[SL_GCM_ICV_LEN];

	for (size_t bit = 0; bit < len * 8; bit++) {
		input[bit / 8] ^= (uint8_t)(1 << bit % 8);
		icv_of(icv, p, cipher);
		assert_false(sl_icv_equal(icv, p->icv));
		input[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	icv_of(icv, p, cipher);
	assert_true(sl_icv_equal(icv, p->icv));
}

static void test_altered_input_is_noticed(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		struct parts p = decode(&vectors[i]);

		expect_flips_noticed(&p, vectors[i].cipher, p.sealed, p.len);
		expect_flips_noticed(&p, vectors[i].cipher, p.aad, p.aad_len);
		expect_flips_noticed(&p, vectors[i].cipher, p.nonce, sizeof(p.nonce));
		expect_flips_noticed(&p, vectors[i].cipher, p.icv, sizeof(p.icv));
	}
}

static void test_icv_equal_at_any_alignment(void **state)
{
	uint8_t a[64] = {0}, b[64] = {0};

	(void)state;
	for (unsigned at = 0; at < 16; at++) {
		memset(a + at, 0x5a, SL_GCM_ICV_LEN);
		memset(b + 15 - at, 0x5a, SL_GCM_ICV_LEN);
		assert_true(sl_icv_equal(a + at, b + 15 - at));
		for (unsigned i = 0; i < SL_GCM_ICV_LEN; i++) {
			a[at + i] ^= 0x80;
			assert_false(sl_icv_equal(a + at, b + 15 - at));
			a[at + i] ^= 0x80;
		}
	}
}

static uint8_t pattern(size_t i, size_t len)
{
	return (uint8_t)(i * 7 + len);
}

/* Seals and opens one text of `len` bytes at an odd place and chains what was sealed into the digest. */
static void round_trip(
	const struct sl_gcm_key *key, enum sl_cipher cipher, size_t len, uint8_t digest[SL_HASH_LEN])
{
	static uint8_t buffer[TEXT_MAX] __attribute__((aligned(64)));
	static const uint8_t aad_bytes[13] = {0xff, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
	const uint8_t *aad = aad_bytes + 1; /* unaligned too */
	size_t aad_len = len % 2 == 0 ? 8 : 12;
	uint8_t *data = buffer + len % 64;
	uint8_t nonce[SL_GCM_NONCE_LEN] = "salt";
	uint8_t icv[SL_GCM_ICV_LEN];

	for (unsigned i = 0; i < SL_GCM_IV_LEN; i++)
		nonce[SL_GCM_NONCE_LEN - 1 - i] = (uint8_t)((uint64_t)len >> 8 * i);
	for (size_t i = 0; i < len; i++)
		data[i] = pattern(i, len);
	memset(data + len, 0xee, SL_GCM_ICV_LEN + 16);
	sl_gcm_seal(key, cipher, data, len, nonce, aad, aad_len, data + len);
	for (unsigned i = 0; i < 16; i++)
		assert_int_equal(data[len + SL_GCM_ICV_LEN + i], 0xee);
	sl_hmac(digest, digest, SL_HASH_LEN, &(struct sl_bytes){data, len + SL_GCM_ICV_LEN}, 1);

	sl_gcm_open(key, cipher, data, len, nonce, aad, aad_len, icv);
	assert_true(sl_icv_equal(icv, data + len));
	for (size_t i = 0; i < len; i++)
		assert_int_equal(data[i], pattern(i, len));
}

/* Every length to 600, then steps to a jumbo frame: ipsec-mb has separate code for 1 to 48 blocks and their rests. */
static void every_length(enum sl_cipher cipher, const char *expected)
{
	uint8_t digest[SL_HASH_LEN] = "every length", want[SL_HASH_LEN], raw[SL_GCM_KEY_MAX];
	struct sl_gcm_key key;

	for (unsigned i = 0; i < sizeof(raw); i++)
		raw[i] = (uint8_t)i;
	sl_gcm_expand(&key, cipher, raw);
	for (size_t len = 0; len <= 9600; len += len < 600 ? 1 : 97)
		round_trip(&key, cipher, len, digest);
	unhex(want, sizeof(want), expected);
	assert_memory_equal(digest, want, sizeof(want));
}

static void test_every_length_128(void **state)
{
	(void)state;
	every_length(SL_AES128GCM16, "35d950ac3aa893a442936c9c337c5b327a5886f26001136f0c3f7c74de721846");
}

static void test_every_length_256(void **state)
{
	(void)state;
	every_length(SL_AES256GCM16, "f7c5754e5aa8969c31269137331d9da90b963195e69b150b88d45e34f7d5ff36");
}

static void test_cipher_names(void **state)
{
	(void)state;
	assert_string_equal(sl_cipher_name(SL_AES128GCM16), "aes128gcm16");
	assert_string_equal(sl_cipher_name(SL_AES256GCM16), "aes256gcm16");
	assert_int_equal(sl_cipher_key_len(SL_AES128GCM16), 16);
	assert_int_equal(sl_cipher_key_len(SL_AES256GCM16), 32);
}

static void test_init(void **state)
{
	char ipsec_mb[16], arch[16], sodium[16];

	(void)state;
	assert_int_equal(sl_crypto_init(), 0);
	assert_null(sl_crypto_failed_test());
	assert_int_equal(
		sscanf(sl_crypto_version(), "ipsec-mb %15s %15[^,], libsodium %15s", ipsec_mb, arch, sodium),
		3);
	assert_string_equal(ipsec_mb, IMB_VERSION_STR);
	assert_string_equal(sodium, sodium_version_string());
	assert_true(strcmp(arch, "sse") == 0 || strncmp(arch, "avx", 3) == 0);
}

/* ops with one call broken, as a faulty CPU or library would have it. */
static void broken_seal(const struct gcm_key_data *key, struct gcm_context_data *ctx, uint8_t *out,
	const uint8_t *in, uint64_t len, const uint8_t *iv, const uint8_t *aad, uint64_t aad_len,
	uint8_t *icv, uint64_t icv_len)
{
	(void)key, (void)ctx, (void)iv, (void)aad, (void)aad_len;
	memmove(out, in, len);
	memset(icv, 0, icv_len);
}

static void test_selftest_names_what_is_broken(void **state)
{
	struct sl_gcm_ops good = sl_gcm_ops[SL_AES256GCM16];

	(void)state;
	assert_null(sl_selftest());
	sl_gcm_ops[SL_AES256GCM16].seal = broken_seal;
	assert_string_equal(sl_selftest(), "AES-256-GCM");
	sl_gcm_ops[SL_AES256GCM16] = good;
	sl_gcm_ops[SL_AES256GCM16].open = broken_seal;
	assert_string_equal(sl_selftest(), "AES-256-GCM");
	sl_gcm_ops[SL_AES256GCM16] = good;
	assert_null(sl_selftest());
}

/* With the code that ipsec-mb has for one kind of CPU: what was expanded gives the key back, and nothing else does. */
static void recover_raw_keys(void)
{
	for (unsigned i = 0; i < 100; i++) {
		const enum sl_cipher cipher = i % 2 ? SL_AES256GCM16 : SL_AES128GCM16;
		uint8_t raw[SL_GCM_KEY_MAX], found[SL_GCM_KEY_MAX];
		static const uint8_t zero[SL_GCM_KEY_MAX];
		struct sl_gcm_key key;

		sl_random(raw, sizeof(raw));
		memset(&key, (int)i, sizeof(key));
		sl_gcm_expand(&key, cipher, raw);
		assert_int_equal(sl_gcm_raw_key(found, &key, cipher), 0);
		assert_memory_equal(found, raw, sl_cipher_key_len(cipher));
		assert_memory_equal(
			found + sl_cipher_key_len(cipher), zero, SL_GCM_KEY_MAX - sl_cipher_key_len(cipher));
		/* Whatever is altered: a bit of the key, of the last round key, of a power of the hash key. */
		((uint8_t *)&key)[i % 3 * 160] ^= 1;
		assert_int_equal(sl_gcm_raw_key(found, &key, cipher), SL_CRYPTO_E_LIBRARY);
		assert_memory_equal(found, zero, sizeof(zero));
	}
}

static void test_raw_key(void **state)
{
	static const struct {
		void (*init)(IMB_MGR *);
		uint64_t needs;
	} archs[] = {
		{init_mb_mgr_sse, 0},
		{init_mb_mgr_avx2, IMB_FEATURE_AVX2},
		{init_mb_mgr_avx512, IMB_FEATURE_AVX512_SKX},
	};
	struct sl_gcm_ops good[SL_CIPHER_COUNT];

	(void)state;
	recover_raw_keys();
	memcpy(good, sl_gcm_ops, sizeof(good));
	for (unsigned i = 0; i < sizeof(archs) / sizeof(archs[0]); i++) {
		IMB_MGR *m = alloc_mb_mgr(0);

		assert_non_null(m);
		/* Where the CPU lacks it the library falls over its own self test. */
		if ((m->features & archs[i].needs) == archs[i].needs) {
			archs[i].init(m);
			assert_int_equal(imb_get_errno(m), 0);
			sl_gcm_ops[SL_AES128GCM16].expand = m->gcm128_pre;
			sl_gcm_ops[SL_AES256GCM16].expand = m->gcm256_pre;
			recover_raw_keys();
		}
		free_mb_mgr(m);
	}
	memcpy(sl_gcm_ops, good, sizeof(good));
}

static int start(void **state)
{
	(void)state;
	return sl_crypto_init();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_init),
		cmocka_unit_test(test_selftest_names_what_is_broken),
		cmocka_unit_test(test_cipher_names),
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_altered_input_is_noticed),
		cmocka_unit_test(test_icv_equal_at_any_alignment),
		cmocka_unit_test(test_every_length_128),
		cmocka_unit_test(test_every_length_256),
		cmocka_unit_test(test_raw_key),
	};

	return cmocka_run_group_tests_name("gcm", tests, start, NULL);
}
