/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which secrets there were. The linker puts this between the product and the calls through which every key comes or goes
 * (--wrap), so that a test knows them all, also those that live only for the length of a function: private values and
 * outcomes of X25519, SKEYSEED, all that HKDF gives, keys of HMAC, seeds of Ed25519 and what it makes of them, preshared
 * keys. What is noted is noted masked, so that whoever looks for a secret does not find this note.
 */
#ifndef SEALANE_TESTS_RECORD_H
#define SEALANE_TESTS_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	RECORD_PIECE =
		16, /* bytes: a secret is noted, and looked for, in pieces of this length, one at every fourth byte */
	RECORD_MAX = 1 << 15, /* pieces */
};

/* How long it may be in memory. */
enum record_life {
	RECORD_EXCHANGE, /* of a key exchange: as long as that takes */
	RECORD_PASSING,  /* of an exchange, an IKE SA, a child SA */
	RECORD_LONG, /* as long as the gateway runs: its identity, preshared keys, what cookies are made with */
};

void record(const char *what, const void *secret, size_t len, enum record_life life);

/* Whether a piece with which this begins has been noted. */
bool record_has(const void *bytes);

size_t record_count(void);

/* From here on, what was noted before is from before. */
void record_mark(void);

/* Which of them a look through memory is after. */
enum look {
	LOOK_EXCHANGE,
	LOOK_PASSING_BEFORE_MARK,
	LOOK_PASSING, /* and those of exchanges */
	LOOK_ALL,
};

/*
 * Looks through all writable memory of this process: heaps, mappings, the stacks of all threads, memory that is kept out of
 * cores. Tells on stderr what is found. Returns how many places there are.
 *
 * `secret_memory`: also in what is kept out of cores, where what still lives may be.
 */
unsigned look_for(enum look which, bool secret_memory);

/*
 * What a function leaves below its caller, on the stack of the thread that calls it, at the moment it returns: later calls
 * would cover it. below() says that one has returned; another thread then looks there, if a test wants it to. The function is
 * called through one of GAPPED, so that its frames, and what becomes of them, are RECORD_GAP away.
 */
void below(const char *what);
extern void (*record_below)(const char *what, const void *sp);

enum { RECORD_GAP = 16384 };

/* Looks at the stack below sp, which is of another thread that waits. */
unsigned look_below(const void *sp);

#define GAPPED(type, name, parameters, ...)                                                                  \
	type __real_##name parameters;                                                                       \
	type __wrap_##name parameters;                                                                       \
	__attribute__((noinline)) static type gapped_##name parameters                                       \
	{                                                                                                    \
		char gap[RECORD_GAP];                                                                        \
                                                                                                             \
		__asm__ volatile("" : : "r"(gap) : "memory");                                                \
		type result = __real_##name(__VA_ARGS__);                                                    \
		__asm__ volatile("" : : "r"(gap) : "memory");                                                \
		return result;                                                                               \
	}

#define GAPPED_VOID(name, parameters, ...)                                                                   \
	void __real_##name parameters;                                                                       \
	void __wrap_##name parameters;                                                                       \
	__attribute__((noinline)) static void gapped_##name parameters                                       \
	{                                                                                                    \
		char gap[RECORD_GAP];                                                                        \
                                                                                                             \
		__asm__ volatile("" : : "r"(gap) : "memory");                                                \
		__real_##name(__VA_ARGS__);                                                                  \
		__asm__ volatile("" : : "r"(gap) : "memory");                                                \
	}

/* Of the last look. */
struct looked {
	size_t pieces, bytes, mappings;
};
extern struct looked looked;

#endif
