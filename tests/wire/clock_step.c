/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sets a gateway's clock, for tests: to be preloaded into it. The wall clock is off by the seconds that stand in the file
 * which CLOCK_STEP names, as soon as they do; a step of them is what an operator or an NTP client does. The monotonic
 * clocks go on as they are, and so they do in Linux.
 *
 * Programs call these functions of libc, and only libc goes to the vDSO: nothing of theirs gets past this.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static time_t offset(void)
{
	const char *path = getenv("CLOCK_STEP");
	FILE *file = path ? fopen(path, "re") : NULL;
	long seconds = 0;

	if (file) {
		if (fscanf(file, "%ld", &seconds) != 1)
			seconds = 0;
		fclose(file);
	}
	return seconds;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
	/* The system call has every clock that the vDSO has. */
	int result = (int)syscall(SYS_clock_gettime, clock, now);

	if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE || clock == CLOCK_TAI))
		now->tv_sec += offset();
	return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
	struct timespec precise;

	(void)zone;
	if (clock_gettime(CLOCK_REALTIME, &precise) != 0)
		return -1;
	*now = (struct timeval){precise.tv_sec, precise.tv_nsec / 1000};
	return 0;
}

time_t time(time_t *where)
{
	struct timespec now;

	if (clock_gettime(CLOCK_REALTIME, &now) != 0)
		return -1;
	if (where)
		*where = now.tv_sec;
	return now.tv_sec;
}
