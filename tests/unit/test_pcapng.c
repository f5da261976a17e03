/* SPDX-License-Identifier: BSD-3-Clause */
/* Blocks of pcapng, byte by byte; and the tapes that packets wait on before they become blocks. */
#include "../../app/gateway/pcapng.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../app/gateway/tape.h"

static uint32_t word(const uint8_t *block, size_t at)
{
	uint32_t w;

	memcpy(&w, block + at, sizeof(w));
	return w;
}

/* Every block has its type first, and its length behind that and at its end. */
static void check_block(const uint8_t *block, size_t len, uint32_t type)
{
	assert_int_equal(len % 4, 0);
	assert_int_equal(word(block, 0), type);
	assert_int_equal(word(block, 4), len);
	assert_int_equal(word(block, len - 4), len);
}

/* The value of an option, from `at` on; NULL: there is none. */
static const uint8_t *option(const uint8_t *block, size_t at, uint16_t code, size_t *len)
{
	for (;;) {
		uint32_t w = word(block, at);

		*len = w >> 16;
		if ((uint16_t)w == code)
			return block + at + 4;
		if ((uint16_t)w == 0)
			return NULL;
		at += 4 + (*len + 3) / 4 * 4;
	}
}

static void check_text(const uint8_t *block, size_t at, uint16_t code, const char *text)
{
	size_t len;
	const uint8_t *value = option(block, at, code, &len);

	assert_non_null(value);
	assert_int_equal(len, strlen(text));
	assert_memory_equal(value, text, len);
}

static void test_section(void **state)
{
	uint8_t block[PCAPNG_BLOCK_MAX];
	size_t len = pcapng_section(block, "sealane");

	(void)state;
	check_block(block, len, 0x0a0d0d0a);
	assert_int_equal(word(block, 8), 0x1a2b3c4d);
	assert_int_equal(word(block, 12), 1); /* version 1.0 */
	assert_int_equal(word(block, 16), UINT32_MAX);
	assert_int_equal(word(block, 20), UINT32_MAX);
	check_text(block, 24, 4, "sealane");
}

static void test_interface(void **state)
{
	uint8_t block[PCAPNG_BLOCK_MAX];
	size_t len = pcapng_interface(block, PCAPNG_RAW_IP, "dropped packets", 96), size;
	const uint8_t *resolution;

	(void)state;
	check_block(block, len, 1);
	assert_int_equal(word(block, 8), 101);
	assert_int_equal(word(block, 12), 96);
	check_text(block, 16, 2, "dropped packets");
	resolution = option(block, 16, 9, &size);
	assert_non_null(resolution);
	assert_int_equal(*resolution, 9); /* 10^-9 s */
}

/* A packet of every length up to a few words, with comments of every length. */
static void test_packets(void **state)
{
	static const uint8_t data[16] = "0123456789abcdef";
	const char *const comments[] = {"a", "ab", "abc", "abcd", "abcde"};
	uint8_t block[PCAPNG_BLOCK_MAX + sizeof(data)];

	(void)state;
	for (uint32_t n = 0; n <= sizeof(data); n++) {
		struct pcapng_packet p = {.interface = 2,
			.ns = 0x123456789abcdef0,
			.data = data,
			.captured = n,
			.length = 1000 + n,
			.direction = PCAPNG_OUT,
			.comment = comments[n % 5]};
		size_t len = pcapng_packet(block, &p), options = 28 + (n + 3) / 4 * 4, size;
		const uint8_t *flags;

		check_block(block, len, 6);
		assert_int_equal(word(block, 8), 2);
		assert_int_equal(word(block, 12), 0x12345678);
		assert_int_equal(word(block, 16), 0x9abcdef0);
		assert_int_equal(word(block, 20), n);
		assert_int_equal(word(block, 24), 1000 + n);
		assert_memory_equal(block + 28, data, n);
		for (size_t at = 28 + n; at < options; at++)
			assert_int_equal(block[at], 0);
		check_text(block, options, 1, comments[n % 5]);
		flags = option(block, options, 2, &size);
		assert_non_null(flags);
		assert_int_equal(word(flags, 0), 2);
	}
}

/* Whatever the texts are, a block stays within what is promised. */
static void test_longest(void **state)
{
	char text[1024];
	uint8_t block[PCAPNG_BLOCK_MAX + 3];
	struct pcapng_packet p = {.data = "xyz", .captured = 3, .comment = text};

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_true(pcapng_section(block, text) <= PCAPNG_BLOCK_MAX);
	assert_true(pcapng_interface(block, PCAPNG_ETHERNET, text, 1) <= PCAPNG_BLOCK_MAX);
	assert_true(pcapng_packet(block, &p) <= PCAPNG_BLOCK_MAX + 3);
	assert_true(pcapng_statistics(block, 0, 1, 2, 3) <= PCAPNG_BLOCK_MAX);
}

static void test_no_comment(void **state)
{
	uint8_t block[PCAPNG_BLOCK_MAX];
	struct pcapng_packet p = {.data = "xyz", .captured = 3};
	size_t size;

	(void)state;
	pcapng_packet(block, &p);
	assert_null(option(block, 32, 1, &size));
}

static void test_statistics(void **state)
{
	uint8_t block[PCAPNG_BLOCK_MAX];
	size_t len = pcapng_statistics(block, 1, 5, 7, 9), size;

	(void)state;
	check_block(block, len, 5);
	assert_int_equal(word(block, 8), 1);
	assert_int_equal(word(option(block, 20, 4, &size), 0), 7);
	assert_int_equal(size, 8);
	assert_int_equal(word(option(block, 20, 5, &size), 0), 9);
	assert_int_equal(size, 8);
}

/* ---- Tapes ---------------------------------------------------------------------------------------------------------------- */

enum { SIZE = 4096, RECORDS = 200000 };

/* Lengths of all kinds, from nothing to the most. */
static size_t length_of(uint32_t number)
{
	return number * UINT32_C(2654435761) % (SIZE / 4 + 1);
}

static void fill(uint8_t *record, uint32_t number)
{
	memset(record, (int)(number & 0xff), length_of(number));
}

static bool is_right(const uint8_t *record, uint32_t number)
{
	for (size_t i = 0; i < length_of(number); i++) {
		if (record[i] != (uint8_t)number)
			return false;
	}
	return (uintptr_t)record % 8 == 0;
}

static void test_full(void **state)
{
	struct tape *tape = tape_new(SIZE);
	uint32_t written = 0, taken = 0;
	uint8_t *record;

	(void)state;
	assert_null(tape_peek(tape));
	for (unsigned round = 0; round < 1000; round++) {
		const uint8_t *read;

		while ((record = tape_reserve(tape, length_of(written))))
			fill(record, written++), tape_commit(tape);
		assert_true(written > taken);
		/* Some, so that the ends meet at every place. */
		for (unsigned i = 0; i <= round % 5 && (read = tape_peek(tape)); i++) {
			assert_true(is_right(read, taken++));
			tape_take(tape);
		}
	}
	tape_free(tape);
}

static void test_reserved_only(void **state)
{
	struct tape *tape = tape_new(SIZE);

	(void)state;
	assert_non_null(tape_reserve(tape, 8));
	assert_null(tape_peek(tape));
	tape_commit(tape);
	assert_non_null(tape_peek(tape));
	tape_take(tape);
	assert_null(tape_peek(tape));
	tape_free(tape);
}

static void *write_all(void *arg)
{
	for (uint32_t i = 0; i < RECORDS; i++) {
		uint8_t *record;

		while (!(record = tape_reserve(arg, length_of(i))))
			sched_yield();
		fill(record, i);
		tape_commit(arg);
	}
	return NULL;
}

static void test_two_threads(void **state)
{
	struct tape *tape = tape_new(SIZE);
	pthread_t writer;
	uint32_t wrong = 0;

	(void)state;
	assert_int_equal(pthread_create(&writer, NULL, write_all, tape), 0);
	for (uint32_t i = 0; i < RECORDS; i++) {
		const uint8_t *record;

		while (!(record = tape_peek(tape)))
			sched_yield();
		wrong += !is_right(record, i);
		tape_take(tape);
	}
	pthread_join(writer, NULL);
	assert_int_equal(wrong, 0);
	assert_null(tape_peek(tape));
	tape_free(tape);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_section),
		cmocka_unit_test(test_interface),
		cmocka_unit_test(test_packets),
		cmocka_unit_test(test_longest),
		cmocka_unit_test(test_no_comment),
		cmocka_unit_test(test_statistics),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_reserved_only),
		cmocka_unit_test(test_two_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
