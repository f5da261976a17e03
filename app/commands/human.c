/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two digits behind the point, or two units: enough to compare, short enough to read.
 */
#include "human.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *sl_human_bytes(char *text, uint64_t bytes)
{
	static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double value = (double)bytes / 1024;
	unsigned unit = 0;

	if (bytes < 1024) {
		snprintf(text, SL_HUMAN_MAX, "%" PRIu64 " B", bytes);
		return text;
	}
	/* What would print as 1024.00 is one of the next unit. */
	for (; value >= 1023.995 && unit + 1 < sizeof(units) / sizeof(units[0]); unit++)
		value /= 1024;
	snprintf(text, SL_HUMAN_MAX, "%.2f %s", value, units[unit]);
	return text;
}

const char *sl_human_seconds(char *text, uint64_t seconds)
{
	static const struct {
		const char *name;
		uint64_t seconds;
	} units[] = {{"day", 86400}, {"hour", 3600}, {"minute", 60}, {"second", 1}};
	size_t len = 0;
	unsigned first = 0;

	while (first < 3 && seconds < units[first].seconds)
		first++;
	for (unsigned i = first; i < 4 && i < first + 2; i++) {
		uint64_t count = seconds / units[i].seconds;

		seconds %= units[i].seconds;
		if (count > 0 || first == 3)
			len += (size_t)snprintf(text + len, SL_HUMAN_MAX - len, "%s%" PRIu64 " %s%s",
				len > 0 ? " " : "", count, units[i].name, count == 1 ? "" : "s");
	}
	return text;
}
