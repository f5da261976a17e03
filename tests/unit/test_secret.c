/* SPDX-License-Identifier: BSD-3-Clause */
/* Secret memory: what it promises about content, order, protection, and the bugs it must not let pass. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/crypto/crypto.h"
#include "lib/crypto/secret.h"

/* The sanitizers of this compiler turn mlock into nothing, so locks cannot be seen under them. */
#if defined(__SANITIZE_ADDRESS__)
#define LOCKS_VISIBLE 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LOCKS_VISIBLE 0
#endif
#endif
#ifndef LOCKS_VISIBLE
#define LOCKS_VISIBLE 1
#endif

static bool is_zero(const void *data, size_t len)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < len; i++) {
		if (bytes[i] != 0)
			return false;
	}
	return true;
}

/* True when the kernel shows the flag (two letters) for the mapping that holds the address. */
static bool has_vm_flag(const void *address, const char *flag)
{
	FILE *f = fopen("/proc/self/smaps", "r");
	bool here = false, found = false;
	unsigned long from, to;
	char line[512];

	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			here = (uintptr_t)address >= from && (uintptr_t)address < to;
		else if (here && strncmp(line, "VmFlags:", 8) == 0)
			found = strstr(line + 8, flag) != NULL;
	}
	fclose(f);
	return found;
}

/* Runs `what` in a child process and tells how that ended. */
static int status_of(void (*what)(void *), void *argument)
{
	int status;

	fflush(NULL);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		/* cmocka would catch the signal and go on with the tests, in this process too. */
		signal(SIGSEGV, SIG_DFL);
		/* The message of a failed assertion belongs to the test, not to its output. */
		if (freopen("/dev/null", "w", stderr) == NULL)
			_exit(99);
		what(argument);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void assert_dies(void (*what)(void *), void *argument, int sig)
{
	int status = status_of(what, argument);

	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), sig);
}

static void test_alloc(void **state)
{
	(void)state;
	for (size_t size = 1; size < 300; size += 37) {
		uint8_t *secret = sl_secret_alloc(size);

		assert_non_null(secret);
		assert_int_equal((uintptr_t)secret % SL_SECRET_ALIGN, 0);
		assert_true(is_zero(secret, size));
		assert_true(has_vm_flag(secret, " dd"));
		memset(secret, 0xaa, size);
		sl_secret_free(secret);
	}
	assert_null(sl_secret_alloc(0));
	assert_null(sl_secret_alloc(SIZE_MAX));
	sl_secret_free(NULL);
}

static void write_behind(void *secret)
{
	((volatile uint8_t *)secret)[128] = 1;
}

static void test_alloc_has_a_guard_behind(void **state)
{
	void *secret = sl_secret_alloc(128);

	(void)state;
	assert_non_null(secret);
	assert_dies(write_behind, secret, SIGSEGV);
	sl_secret_free(secret);
}

static void test_pool_objects(void **state)
{
	enum { COUNT = 100, SIZE = 3000 };
	struct sl_secret_pool *pool = sl_secret_pool_new(SIZE, COUNT);
	uint8_t *objects[COUNT];

	(void)state;
	assert_non_null(pool);
	for (unsigned i = 0; i < COUNT; i++) {
		objects[i] = sl_secret_get(pool);
		assert_non_null(objects[i]);
		assert_int_equal((uintptr_t)objects[i] % SL_SECRET_ALIGN, 0);
		assert_true(is_zero(objects[i], SIZE));
		memset(objects[i], (int)i + 1, SIZE);
		assert_int_equal(sl_secret_pool_used(pool), i + 1);
	}
	/* No two share a byte. */
	for (unsigned i = 0; i < COUNT; i++) {
		for (unsigned j = 0; j < SIZE; j++)
			assert_int_equal(objects[i][j], i + 1);
	}
	assert_null(sl_secret_get(pool));
	assert_int_equal(sl_secret_pool_used(pool), COUNT);
	for (unsigned i = 0; i < COUNT; i++)
		sl_secret_put(pool, objects[i]);
	assert_int_equal(sl_secret_pool_used(pool), 0);
	sl_secret_pool_free(pool);
	sl_secret_pool_free(NULL);
}

static void test_put_wipes(void **state)
{
	struct sl_secret_pool *pool = sl_secret_pool_new(200, 4);
	uint8_t *object = sl_secret_get(pool);

	(void)state;
	memset(object, 0xaa, 200);
	sl_secret_put(pool, object);
	/* The mapping is still there, so what a stale pointer would see can be looked at. */
	assert_true(is_zero(object, 200));
	sl_secret_put(pool, NULL);
	sl_secret_pool_free(pool);
}

static void test_reuse_in_order_of_release(void **state)
{
	struct sl_secret_pool *pool = sl_secret_pool_new(64, 4);
	void *o[4];

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		o[i] = sl_secret_get(pool);
	sl_secret_put(pool, o[2]);
	sl_secret_put(pool, o[0]);
	sl_secret_put(pool, o[3]);
	assert_ptr_equal(sl_secret_get(pool), o[2]);
	sl_secret_put(pool, o[1]);
	assert_ptr_equal(sl_secret_get(pool), o[0]);
	assert_ptr_equal(sl_secret_get(pool), o[3]);
	assert_ptr_equal(sl_secret_get(pool), o[1]);
	assert_null(sl_secret_get(pool));
	for (unsigned i = 0; i < 4; i++)
		sl_secret_put(pool, o[i]);
	sl_secret_pool_free(pool);
}

/* Small and large: the second is locked in several steps while it grows. */
static void test_protection(void **state)
{
	const size_t counts[] = {2, 5000};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct sl_secret_pool *pool = sl_secret_pool_new(1024, counts[i]);
		void *first = sl_secret_get(pool), *last = first;
		size_t stride;

		assert_true(has_vm_flag(first, " dd"));
		/* Where the kernel can put huge pages, or a large pool would get none. */
		if (counts[i] * 1024 >= 2 << 20)
			assert_int_equal((uintptr_t)first % (2 << 20), 0);
		if (LOCKS_VISIBLE && sl_secret_all_locked())
			assert_true(has_vm_flag(first, " lo"));
		for (size_t n = 1; n < counts[i]; n++)
			last = sl_secret_get(pool);
		assert_true(has_vm_flag(last, " dd"));
		if (LOCKS_VISIBLE && sl_secret_all_locked())
			assert_true(has_vm_flag(last, " lo"));
		stride = (size_t)((uint8_t *)last - (uint8_t *)first) / (counts[i] - 1);
		/* The same line of all objects spreads over a cache. */
		assert_int_equal(stride / SL_SECRET_ALIGN % 2, 1);
		for (size_t n = 0; n < counts[i]; n++)
			sl_secret_put(pool, (uint8_t *)first + n * stride);
		sl_secret_pool_free(pool);
	}
}

/* Address space is no memory: a pool far larger than this machine costs nothing until it is used. */
static void test_huge_pool_is_lazy(void **state)
{
	struct sl_secret_pool *pool = sl_secret_pool_new(1 << 20, 1 << 20); /* 1 TiB */

	(void)state;
	assert_non_null(pool);
	sl_secret_put(pool, sl_secret_get(pool));
	sl_secret_pool_free(pool);
	assert_null(sl_secret_pool_new(UINT32_MAX, UINT32_MAX - 2)); /* more than there is */
}

struct release {
	struct sl_secret_pool *pool;
	void *object;
};

static void put(void *argument)
{
	struct release *r = argument;

	sl_secret_put(r->pool, r->object);
}

static void free_pool(void *argument)
{
	sl_secret_pool_free(argument);
}

static void test_bad_release_dies(void **state)
{
	struct sl_secret_pool *pool = sl_secret_pool_new(100, 4);
	uint8_t *live = sl_secret_get(pool), *released = sl_secret_get(pool);
	const ptrdiff_t stride = released - live;
	int elsewhere;

	(void)state;
	sl_secret_put(pool, released);
	assert_dies(put, &(struct release){pool, released}, SIGABRT);          /* twice */
	assert_dies(put, &(struct release){pool, live + 1}, SIGABRT);          /* inside an object */
	assert_dies(put, &(struct release){pool, live + 2 * stride}, SIGABRT); /* never handed out */
	assert_dies(put, &(struct release){pool, live + 4 * stride}, SIGABRT); /* behind the last */
	assert_dies(put, &(struct release){pool, live - stride}, SIGABRT);     /* before the first */
	assert_dies(put, &(struct release){pool, &elsewhere}, SIGABRT);
	assert_dies(free_pool, pool, SIGABRT); /* one is in use */
	/* The same call with a live object is fine. */
	assert_int_equal(status_of(put, &(struct release){pool, live}), 0);
	sl_secret_put(pool, live);
	sl_secret_pool_free(pool);
}

#if LOCKS_VISIBLE
/* As a user who may lock nothing. Exits with 0 when secrets work all the same and the truth is told. */
static void use_without_locks(void *argument)
{
	enum { NOBODY = 65534 };

	(void)argument;
	if (setrlimit(RLIMIT_MEMLOCK, &(struct rlimit){0, 0}) != 0)
		_exit(1);
	if (geteuid() == 0 && setresuid(NOBODY, NOBODY, NOBODY) != 0)
		_exit(2);
	struct sl_secret_pool *pool = sl_secret_pool_new(64, 2);
	if (pool == NULL || sl_secret_get(pool) == NULL)
		_exit(3);
	if (sl_secret_all_locked())
		_exit(4);
}

static void test_without_permission_to_lock(void **state)
{
	(void)state;
	assert_int_equal(status_of(use_without_locks, NULL), 0);
}
#endif

static int start(void **state)
{
	(void)state;
	return sl_crypto_init();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_alloc),
		cmocka_unit_test(test_alloc_has_a_guard_behind),
		cmocka_unit_test(test_pool_objects),
		cmocka_unit_test(test_put_wipes),
		cmocka_unit_test(test_reuse_in_order_of_release),
		cmocka_unit_test(test_protection),
		cmocka_unit_test(test_huge_pool_is_lazy),
		cmocka_unit_test(test_bad_release_dies),
#if LOCKS_VISIBLE
		cmocka_unit_test(test_without_permission_to_lock),
#endif
	};

	return cmocka_run_group_tests_name("secret", tests, start, NULL);
}
