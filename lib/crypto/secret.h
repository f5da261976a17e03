/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory for secrets: locked into RAM, left out of core dumps, wiped when released.
 *
 * Two shapes. sl_secret_alloc() is for the few long-lived ones (the identity key): each has guard pages around it, so
 * it costs several pages. A pool is for the many of one size (sessions with their expanded keys, IKE SAs): objects sit
 * side by side in one mapping, start on a cache line, come back zeroed and are zeroed again when released.
 *
 * An ordinary user may lock only a little memory (RLIMIT_MEMLOCK). What cannot be locked still works, is still left out
 * of core dumps and wiped; sl_secret_all_locked() then answers false, and the gateway says so once at start.
 *
 * A pool belongs to one thread. Releasing a pointer that is not a live object of the pool is a bug (asserted).
 */
#ifndef SEALANE_CRYPTO_SECRET_H
#define SEALANE_CRYPTO_SECRET_H

#include <stdbool.h>
#include <stddef.h>

/* Zeroed memory with guard pages, or NULL. */
void *sl_secret_alloc(size_t size);

/* Wipes and releases; NULL is fine. */
void sl_secret_free(void *secret);

struct sl_secret_pool;

enum { SL_SECRET_ALIGN = 64 }; /* objects of a pool start on a multiple of this */

/*
 * A pool of at most `count` objects of `size` bytes. Address space is taken at once, memory when objects are first
 * used. Returns NULL when the mapping fails.
 */
struct sl_secret_pool *sl_secret_pool_new(size_t size, size_t count);

/* Wipes and unmaps everything; no object may be in use any more. NULL is fine. */
void sl_secret_pool_free(struct sl_secret_pool *pool);

/* A zeroed object, or NULL when `count` are in use. The one released longest ago comes first. */
void *sl_secret_get(struct sl_secret_pool *pool);

/* Wipes the object and takes it back; NULL is fine. */
void sl_secret_put(struct sl_secret_pool *pool, void *object);

size_t sl_secret_pool_used(const struct sl_secret_pool *pool);

/* False once any secret memory could not be locked. */
bool sl_secret_all_locked(void);

#endif
