/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The trace of a run. Only its last lines are kept; its hash stands for the whole of it.
 */
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "sim.h"

/* FNV-1a, by words where there are any: what differs shall differ here too, and nobody attacks it. */
void sim_hash(struct sim *sim, const void *data, size_t len)
{
	const uint8_t *at = data;

	for (; len >= 8; at += 8, len -= 8) {
		uint64_t word;

		memcpy(&word, at, sizeof(word));
		sim->hash = (sim->hash ^ word) * UINT64_C(0x100000001b3);
		sim->hash ^= sim->hash >> 29;
	}
	for (; len > 0; at++, len--)
		sim->hash = (sim->hash ^ *at) * UINT64_C(0x100000001b3);
}

static void add_line(struct sim *sim, const char *text)
{
	struct sim_report *r = sim->report;
	char *line = r->lines[r->line_count++ % SIM_LINES];

	snprintf(line, SIM_LINE, "%10.4f %s", (double)sim->now / (double)SIM_S, text);
	if (sim->trace)
		printf("# %s\n", line);
}

void sim_note(struct sim *sim, const char *format, ...)
{
	char text[SIM_LINE - 16];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	add_line(sim, text);
	sim_hash(sim, &sim->now, sizeof(sim->now));
	sim_hash(sim, text, strlen(text));
}

void sim_violation(struct sim *sim, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(sim->report->violation, sizeof(sim->report->violation), format, args);
	va_end(args);
	fflush(stdout);
	_exit(1);
}
