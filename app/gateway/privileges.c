/* SPDX-License-Identifier: BSD-3-Clause */
/* Capabilities and core dumps: see privileges.h. */
#include "privileges.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/capability.h>

#include "log.h"

enum {
	SIGNAL = SIGUSR1, /* nobody uses it */
	ROUNDS = 200,     /* of ROUND_US each, until every thread has reacted */
	ROUND_US = 10000,
};

/* ---- One thread ------------------------------------------------------------------------------------------------------- */

/* What a thread could ever have; 0 also when there is no such thread any more. */
static uint64_t permitted(pid_t thread)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, thread};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};

	if (syscall(SYS_capget, &header, data) != 0)
		return 0;
	return (uint64_t)data[1].permitted << 32 | data[0].permitted;
}

static uint64_t kept; /* for whoever receives the signal */

/* In the thread itself, which may be anywhere: system calls only. The handler of the signal, too. */
static void drop_here(int signal)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};
	int error = errno;

	(void)signal;
	for (unsigned i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
		data[i].permitted = data[i].effective = (uint32_t)(kept >> (32 * i));
	syscall(SYS_capset, &header, data);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	errno = error;
}

/* ---- All threads ------------------------------------------------------------------------------------------------------ */

/* Tells every thread that has too much to drop it. Returns how many there were, or a negative errno. */
static int tell_threads(void)
{
	DIR *threads = opendir("/proc/self/task");
	struct dirent *entry;
	int count = 0;

	if (!threads)
		return -errno;
	while ((entry = readdir(threads))) {
		pid_t thread = (pid_t)atoi(entry->d_name);

		if (thread <= 0 || (permitted(thread) & ~kept) == 0)
			continue;
		count++;
		syscall(SYS_tgkill, getpid(), thread, SIGNAL);
	}
	closedir(threads);
	return count;
}

/* A thread that starts meanwhile inherits from one that may not have reacted: so until a look finds none. */
static int drop_everywhere(void)
{
	struct sigaction ours = {.sa_handler = drop_here, .sa_flags = SA_RESTART}, before;
	int left = 0;

	drop_here(0);
	sigaction(SIGNAL, &ours, &before);
	for (unsigned i = 0; i < ROUNDS && (left = tell_threads()) > 0; i++)
		usleep(ROUND_US);
	sigaction(SIGNAL, &before, NULL);
	return left;
}

/* Raises the limit, for good: sessions to come want locked memory, too. */
static bool memory_lock_unlimited(void)
{
	return setrlimit(RLIMIT_MEMLOCK, &(struct rlimit){RLIM_INFINITY, RLIM_INFINITY}) == 0;
}

int privileges_drop(uint64_t keep)
{
	uint64_t had = permitted(0);
	int left;

	if (!memory_lock_unlimited())
		keep |= CAPABILITY(CAP_IPC_LOCK);
	kept = had & keep;
	left = drop_everywhere();
	if (left != 0) {
		fprintf(stderr, "sealane: capabilities cannot be dropped: %s\n",
			left < 0 ? strerror(-left) : "a thread does not react");
		return -1;
	}
	if (had != 0)
		log_info("capabilities are dropped; kept: %s%s%s",
			kept & CAPABILITY(CAP_NET_ADMIN) ? "CAP_NET_ADMIN " : "",
			kept & CAPABILITY(CAP_IPC_LOCK) ? "CAP_IPC_LOCK" : "", kept ? "" : "none");
	return 0;
}

/* ---- Cores ------------------------------------------------------------------------------------------------------------ */

void privileges_forbid_core(void)
{
	setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
}

void privileges_forbid_looking(void)
{
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}
