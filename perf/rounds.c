/* SPDX-License-Identifier: BSD-3-Clause */
/* Alternating rounds and their medians: see rounds.h. */
#include "rounds.h"

#include <stdlib.h>

/* Above this times the probe of a good round, the machine was busy with something else. */
static const double slow = 1.1;

void rounds_add(struct rounds *r, double bare, double ours)
{
	r->bare[r->count % ROUNDS_MAX] = bare;
	r->ours[r->count % ROUNDS_MAX] = ours;
	r->count++;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double quantile(double *values, unsigned n, double q)
{
	qsort(values, n, sizeof(*values), compare);
	return values[(unsigned)((n - 1) * q)];
}

struct rounds_result rounds_result(struct rounds *r)
{
	static double scratch[ROUNDS_MAX];
	unsigned n = r->count < ROUNDS_MAX ? r->count : ROUNDS_MAX, kept = 0;
	struct rounds_result result;
	double limit;

	for (unsigned i = 0; i < n; i++)
		scratch[i] = r->bare[i];
	limit = slow * quantile(scratch, n, 0.2);
	for (unsigned i = 0; i < n; i++) {
		if (r->bare[i] > limit)
			continue;
		scratch[kept] = r->ours[i] - r->bare[i];
		r->bare[kept] = r->bare[i];
		r->ours[kept++] = r->ours[i];
	}
	result.overhead = quantile(scratch, kept, 0.5);
	result.bare = quantile(r->bare, kept, 0.5);
	result.ours = quantile(r->ours, kept, 0.5);
	result.kept = kept;
	result.dropped = n - kept;
	return result;
}
