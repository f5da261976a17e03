/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two digits behind the point, or two units: enough to compare, short enough to read.
 */
#include "human.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* value, which is not below 1, in the largest unit that leaves it so. */
static const char *scaled(char *text, double value, double step, const char *const *units, unsigned count)
{
	unsigned unit = 0;

	/* What would print as 1024.00 is one of the next unit. */
	for (; value >= step - 0.005 && unit + 1 < count; unit++)
		value /= step;
	snprintf(text, SL_HUMAN_MAX, "%.2f %s", value, units[unit]);
	return text;
}

const char *sl_human_bytes(char *text, uint64_t bytes)
{
	static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};

	if (bytes >= 1024)
		return scaled(text, (double)bytes / 1024, 1024, units, sizeof(units) / sizeof(units[0]));
	snprintf(text, SL_HUMAN_MAX, "%" PRIu64 " B", bytes);
	return text;
}

const char *sl_human_count(char *text, uint64_t count)
{
	static const char *const units[] = {"k", "M", "G", "T", "P", "E"};

	if (count >= 1000)
		return scaled(text, (double)count / 1000, 1000, units, sizeof(units) / sizeof(units[0]));
	snprintf(text, SL_HUMAN_MAX, "%" PRIu64, count);
	return text;
}

const char *sl_human_permille(char *text, uint64_t permille)
{
	snprintf(text, SL_HUMAN_MAX, "%" PRIu64 ".%" PRIu64 " %%", permille / 10, permille % 10);
	return text;
}

/* The two largest units in which there is anything; a unit is `name`, and with `words` more than one have an s. */
static const char *time_text(char *text, uint64_t seconds, bool words)
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
		int letters = words ? (int)strlen(units[i].name) : 1;

		seconds %= units[i].seconds;
		if (count > 0 || first == 3)
			len += (size_t)snprintf(text + len, SL_HUMAN_MAX - len, "%s%" PRIu64 "%s%.*s%s",
				len > 0 ? " " : "", count, words ? " " : "", letters, units[i].name,
				words && count != 1 ? "s" : "");
	}
	return text;
}

const char *sl_human_seconds(char *text, uint64_t seconds)
{
	return time_text(text, seconds, true);
}

const char *sl_human_short(char *text, uint64_t seconds)
{
	return time_text(text, seconds, false);
}
