/* SPDX-License-Identifier: BSD-3-Clause */
/* Log lines: see log.h. */
#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

static int log_type = RTE_LOGTYPE_USER1;

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
	clock_gettime(CLOCK_REALTIME, &now);
	localtime_r(&now.tv_sec, &tm);
	strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	rte_log(level, (uint32_t)log_type, "%s.%03ld sealane: %s%s\n", clock, now.tv_nsec / 1000000, name,
		text);
}
