/* SPDX-License-Identifier: BSD-3-Clause */
/* Log lines: see log.h. */
#include "log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

static int log_type = RTE_LOGTYPE_USER1;
static FILE *journal; /* NULL: stderr is not the journal's */

/* systemd says which file is its end of stderr: systemd.exec(5). */
static bool stderr_is_journal(void)
{
	const char *text = getenv("JOURNAL_STREAM");
	unsigned long device, inode;
	struct stat file;

	return text && sscanf(text, "%lu:%lu", &device, &inode) == 2 && fstat(STDERR_FILENO, &file) == 0 &&
	       file.st_dev == device && file.st_ino == inode;
}

/* sd-daemon(3): a line may begin with its priority. */
static void write_lines(int priority, const char *text, size_t len)
{
	while (len > 0) {
		size_t line = strcspn(text, "\n");

		line = RTE_MIN(line, len);
		if (line > 0)
			dprintf(STDERR_FILENO, "<%d>%.*s\n", priority, (int)line, text);
		line = RTE_MIN(line + 1, len);
		text += line;
		len -= line;
	}
}

/* What goes to rte_log has a level. */
static ssize_t write_logged(void *cookie, const char *text, size_t len)
{
	(void)cookie;
	write_lines(rte_log_cur_msg_loglevel() - (int)RTE_LOG_EMERG, text, len);
	return (ssize_t)len;
}

/* Anything else on stderr says what went wrong. */
static ssize_t write_complaint(void *cookie, const char *text, size_t len)
{
	(void)cookie;
	write_lines(LOG_ERR, text, len);
	return (ssize_t)len;
}

void log_to_journal(void)
{
	FILE *complaints;

	if (!stderr_is_journal())
		return;
	complaints = fopencookie(NULL, "w", (cookie_io_functions_t){.write = write_complaint});
	journal = fopencookie(NULL, "w", (cookie_io_functions_t){.write = write_logged});
	if (!complaints)
		return;
	setvbuf(complaints, NULL, _IOLBF, 0);
	stderr = complaints;
}

FILE *log_stream(void)
{
	return journal ? journal : stderr;
}

void log_init(void)
{
	int type = rte_log_register_type_and_pick_level("sealane", RTE_LOG_INFO);

	if (type >= 0)
		log_type = type;
}

void log_line(uint32_t level, const char *format, ...)
{
	static const char *const names[] = {[RTE_LOG_ERR] = "error: ", [RTE_LOG_WARNING] = "warning: "};
	const char *name = level < RTE_DIM(names) && names[level] ? names[level] : "";
	char text[512], clock[16];
	struct timespec now;
	struct tm tm;
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (journal) {
		/* It knows when, who and how bad. */
		rte_log(level, (uint32_t)log_type, "%s\n", text);
		return;
	}
	clock_gettime(CLOCK_REALTIME, &now);
	localtime_r(&now.tv_sec, &tm);
	strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	rte_log(level, (uint32_t)log_type, "%s.%03ld sealane: %s%s\n", clock, now.tv_nsec / 1000000, name,
		text);
}
