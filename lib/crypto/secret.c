/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory for secrets. Single ones come from libsodium's guarded allocator; a pool is one private mapping cut into
 * objects of equal size, with the bookkeeping outside of it so that an overrun of an object cannot touch it.
 */
#include <assert.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <sodium.h>

#include "crypto.h"
#include "secret.h"

/* Memory is locked in steps of a huge page: a small pool at once, a large one as it grows into its address space. */
enum { PAGE = 4096, HUGE_PAGE = 2 << 20 };

/* What the link of an object says besides the number of the next free object. */
#define LIVE UINT32_MAX
#define LAST (UINT32_MAX - 1)

struct sl_secret_pool {
	uint8_t *base;
	size_t stride; /* bytes from one object to the next */
	size_t count;
	size_t length; /* of the mapping */
	size_t locked; /* bytes from base on that mlock has been asked for */
	size_t fresh;  /* objects from this one on were never handed out */
	size_t used;
	uint32_t oldest, newest; /* the queue of released objects, linked by number; LAST when empty */
	uint32_t *link;          /* one per object: LIVE, the next released object, or LAST */
};

static atomic_bool not_locked;

/* What the limit forbids is a loss of protection, not of function: remember it and go on. */
static void lock(void *memory, size_t len)
{
	if (mlock(memory, len) != 0)
		atomic_store_explicit(&not_locked, true, memory_order_relaxed);
}

bool sl_secret_all_locked(void)
{
	return !atomic_load_explicit(&not_locked, memory_order_relaxed);
}

static size_t round_up(size_t n, size_t step)
{
	return (n + step - 1) / step * step;
}

void *sl_secret_alloc(size_t size)
{
	if (size == 0 || size > SIZE_MAX / 2)
		return NULL;
	/* libsodium puts the end of the object at the end of a page, so a rounded size is also an aligned start. */
	size = round_up(size, SL_SECRET_ALIGN);
	void *secret = sodium_malloc(size);
	if (secret == NULL)
		return NULL;
	/* sodium_malloc locks too, but does not tell when it could not. */
	lock(secret, size);
	sl_wipe(secret, size);
	return secret;
}

void sl_secret_free(void *secret)
{
	sodium_free(secret);
}

/*
 * Thousands of sessions in random order miss the TLB less in huge pages. The kernel makes one only where it finds its
 * whole range mapped and locked alike, so a large pool starts where a huge page can, and is locked page by page.
 */
static void *map_aligned(size_t len)
{
	const size_t room = len + HUGE_PAGE;
	uint8_t *memory =
		mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED)
		return MAP_FAILED;
	size_t before = -(uintptr_t)memory % HUGE_PAGE, used = round_up(before + len, PAGE);
	if (before > 0)
		munmap(memory, before);
	munmap(memory + used, room - used);
	/* Only a hint: a kernel may have no huge pages. */
	(void)madvise(memory + before, len, MADV_HUGEPAGE);
	return memory + before;
}

static void *map_secret(size_t len)
{
	void *memory = len >= HUGE_PAGE
			       ? map_aligned(len)
			       : mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return NULL;
	if (madvise(memory, len, MADV_DONTDUMP) != 0) {
		munmap(memory, len);
		return NULL;
	}
	return memory;
}

struct sl_secret_pool *sl_secret_pool_new(size_t size, size_t count)
{
	size_t length;

	assert(size > 0 && size <= UINT32_MAX && count > 0 && count < LAST);
	/* An odd number of cache lines: the same line of all objects is spread over all sets of a cache. */
	size_t stride = round_up(size, SL_SECRET_ALIGN) | SL_SECRET_ALIGN;
	if (__builtin_mul_overflow(stride, count, &length) || length > SIZE_MAX / 2)
		return NULL;

	uint8_t *base = map_secret(length);
	if (base == NULL)
		return NULL;
	struct sl_secret_pool *pool = calloc(1, sizeof(*pool));
	uint32_t *link = calloc(count, sizeof(*link));
	if (pool == NULL || link == NULL) {
		munmap(base, length);
		free(link);
		free(pool);
		return NULL;
	}
	*pool = (struct sl_secret_pool){
		.base = base,
		.stride = stride,
		.count = count,
		.length = length,
		.oldest = LAST,
		.newest = LAST,
		.link = link,
	};
	return pool;
}

void sl_secret_pool_free(struct sl_secret_pool *pool)
{
	if (pool == NULL)
		return;
	assert(pool->used == 0);
	sl_wipe(pool->base, pool->fresh * pool->stride);
	munmap(pool->base, pool->length);
	free(pool->link);
	free(pool);
}

/* Locks the mapping up to `end` at least. */
static void lock_up_to(struct sl_secret_pool *pool, size_t end)
{
	while (pool->locked < end) {
		size_t left = pool->length - pool->locked;
		size_t step = left < HUGE_PAGE ? left : HUGE_PAGE;

		lock(pool->base + pool->locked, step);
		pool->locked += step;
	}
}

/* Released objects are used again before fresh ones, so that a pool never touches more memory than it once needed. */
void *sl_secret_get(struct sl_secret_pool *pool)
{
	size_t n;

	if (pool->oldest != LAST) {
		n = pool->oldest;
		pool->oldest = pool->link[n];
		if (pool->oldest == LAST)
			pool->newest = LAST;
	} else if (pool->fresh < pool->count) {
		n = pool->fresh++;
		lock_up_to(pool, pool->fresh * pool->stride);
	} else {
		return NULL;
	}
	pool->link[n] = LIVE;
	pool->used++;
	return pool->base + n * pool->stride;
}

void sl_secret_put(struct sl_secret_pool *pool, void *object)
{
	if (object == NULL)
		return;
	/* A pointer below the base becomes a huge offset and fails the same test. */
	size_t offset = (uintptr_t)object - (uintptr_t)pool->base;
	size_t n = offset / pool->stride;
	assert(n < pool->fresh && offset % pool->stride == 0);
	assert(pool->link[n] == LIVE);

	sl_wipe(object, pool->stride);
	pool->link[n] = LAST;
	if (pool->newest == LAST)
		pool->oldest = (uint32_t)n;
	else
		pool->link[pool->newest] = (uint32_t)n;
	pool->newest = (uint32_t)n;
	pool->used--;
}

size_t sl_secret_pool_used(const struct sl_secret_pool *pool)
{
	return pool->used;
}
