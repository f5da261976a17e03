/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Takes a gateway's packet buffers away, for tests: to be preloaded into it. While the file that MBUF_THIEF names exists, every
 * buffer that its threads could get is taken, those in their caches, too; when it is gone they are given back. The number in
 * the file is how many each worker keeps.
 *
 * A thread's cache is its own, so each must rob itself: workers do so where they rest, the control thread where it waits.
 */
#include <dlfcn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>

#include <rte_lcore.h>
#include <rte_mempool.h>

enum { BUFFERS_MAX = 1 << 17, NOTHING = -1 };

static _Atomic int kept = NOTHING; /* NOTHING: nothing is taken */

/* What this thread has taken. */
static __thread void **loot;
static __thread unsigned taken;

/* By the control thread, which waits for a second at most. */
static void read_order(void)
{
	const char *path = getenv("MBUF_THIEF");
	FILE *file = path ? fopen(path, "re") : NULL;
	int n;

	if (!file || fscanf(file, "%d", &n) != 1)
		n = NOTHING;
	if (file)
		fclose(file);
	atomic_store(&kept, n);
}

static void give_back(struct rte_mempool *pool, unsigned n)
{
	for (; n > 0 && taken > 0; n--)
		rte_mempool_put(pool, loot[--taken]);
}

static void rob(int keep)
{
	struct rte_mempool *pool;

	if (keep == NOTHING && taken == 0)
		return;
	pool = rte_mempool_lookup("mbufs");
	if (!loot)
		loot = calloc(BUFFERS_MAX, sizeof(*loot));
	if (!pool || !loot)
		abort();
	while (keep != NOTHING && taken < BUFFERS_MAX && rte_mempool_get(pool, &loot[taken]) == 0)
		taken++;
	give_back(pool, keep == NOTHING ? taken : (unsigned)keep);
}

int nanosleep(const struct timespec *time, struct timespec *rest)
{
	static int (*real)(const struct timespec *, struct timespec *);

	if (!real)
		real = (int (*)(const struct timespec *, struct timespec *))dlsym(RTLD_NEXT, "nanosleep");
	if (rte_lcore_id() < RTE_MAX_LCORE && rte_lcore_id() != rte_get_main_lcore())
		rob(atomic_load(&kept));
	return real(time, rest);
}

int epoll_wait(int fd, struct epoll_event *events, int most, int timeout)
{
	static int (*real)(int, struct epoll_event *, int, int);

	if (!real)
		real = (int (*)(int, struct epoll_event *, int, int))dlsym(RTLD_NEXT, "epoll_wait");
	if (rte_lcore_id() == rte_get_main_lcore()) {
		read_order();
		rob(atomic_load(&kept) == NOTHING ? NOTHING : 0);
	}
	return real(fd, events, most, timeout);
}
