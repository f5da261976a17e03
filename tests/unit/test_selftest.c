/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A gateway does not start with a primitive that computes wrongly. Here libsodium's are replaced, one at a time, by ones that
 * do: what this program calls by their names is what it defines.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <sodium.h>

#include "lib/crypto/crypto.h"

enum broken { NOTHING, SCALARMULT, SIGN, VERIFY, HMAC };

static enum broken broken;

/* The one behind ours. */
#define REAL(function) ((__typeof__(&function))dlsym(RTLD_NEXT, #function))

int crypto_scalarmult_curve25519(unsigned char *q, const unsigned char *n, const unsigned char *p)
{
	int result = REAL(crypto_scalarmult_curve25519)(q, n, p);

	q[31] ^= broken == SCALARMULT;
	return result;
}

int crypto_sign_ed25519_detached(unsigned char *sig, unsigned long long *sig_len, const unsigned char *m,
	unsigned long long len, const unsigned char *key)
{
	int result = REAL(crypto_sign_ed25519_detached)(sig, sig_len, m, len, key);

	sig[0] ^= broken == SIGN;
	return result;
}

/* Says yes to everything. */
int crypto_sign_ed25519_verify_detached(
	const unsigned char *sig, const unsigned char *m, unsigned long long len, const unsigned char *key)
{
	return broken == VERIFY ? 0 : REAL(crypto_sign_ed25519_verify_detached)(sig, m, len, key);
}

int crypto_auth_hmacsha256_final(crypto_auth_hmacsha256_state *state, unsigned char *out)
{
	int result = REAL(crypto_auth_hmacsha256_final)(state, out);

	out[0] ^= broken == HMAC;
	return result;
}

static void what_is_broken_is_named_and_not_used(void **state)
{
	static const struct {
		enum broken broken;
		const char *name;
	} cases[] = {{SCALARMULT, "X25519"}, {SIGN, "Ed25519"}, {VERIFY, "Ed25519"}, {HMAC, "HMAC-SHA-256"}};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		broken = cases[i].broken;
		assert_int_equal(sl_crypto_init(), SL_CRYPTO_E_SELF_TEST);
		assert_string_equal(sl_crypto_failed_test(), cases[i].name);
	}
	broken = NOTHING;
	assert_int_equal(sl_crypto_init(), 0);
	assert_null(sl_crypto_failed_test());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_broken_is_named_and_not_used),
	};

	return cmocka_run_group_tests_name("self-test", tests, NULL, NULL);
}
