/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The metrics of `sealane exporter`: one table, from which come what is served at /metrics and what
 * `sealane exporter --list` prints. A row is a metric family and says where its values are found in what the gateway
 * tells, in words of `sealane show --json`: the section, and the fields of an entry of it. Where a field is not there, the
 * gateway being older, or the port of another kind, there is no sample.
 */
#ifndef SEALANE_EXPORTER_METRICS_H
#define SEALANE_EXPORTER_METRICS_H

#include <stdio.h>

#include "../commands/show.h"

enum sl_metric_type { SL_COUNTER, SL_GAUGE, SL_INFO };

/* What a field means. */
enum sl_metric_value {
	SL_AS_IS,
	SL_PERMILLE, /* of 1: printed as a ratio */
	SL_MBIT,     /* a second: printed in bytes; 0 is unknown */
	SL_AGO,      /* seconds; printed as a time stamp. Below 0: never, and no sample */
	SL_AHEAD,    /* the same in the future */
	SL_IS_UP,    /* a text, which is "up" or something else: 1 or 0 */
};

enum { SL_METRIC_FIELDS = 5 };

/* A field of an entry, and with `split` the value that this label has for it. */
struct sl_metric_field {
	const char *name; /* NULL after the last */
	const char *label;
};

struct sl_metric {
	const char *name; /* of the family: without _total or _info */
	enum sl_metric_type type;
	const char *unit;        /* the last word of the name, where it is a unit; else NULL */
	enum sl_section section; /* SL_SECTION_COUNT: no field, it is about the exporter */
	enum sl_metric_value value;
	const char *split; /* the label that tells the fields apart; NULL: there is only one */
	struct sl_metric_field fields[SL_METRIC_FIELDS]; /* of SL_INFO: the labels, under their own names */
	const char *help;                                /* a sentence without its full stop */
};

extern const struct sl_metric sl_metrics[];
extern const unsigned sl_metric_count;

/* The label that tells the entries of a section apart, with the field that holds it; NULL: there is only one entry. */
const struct sl_metric_field *sl_metric_key(enum sl_section section);

/* "_total", "_info" or "": what follows the family's name in that of its samples. */
const char *sl_metric_suffix(const struct sl_metric *metric);

/* "counter", "gauge" or "info". */
const char *sl_metric_type_name(enum sl_metric_type type);

/* Prints the table for people, on standard output. */
void sl_metrics_list(void);

struct sl_snapshot; /* snapshot.h */

/* How the metrics are written down. Both are text; OpenMetrics is the newer one and says more. */
enum sl_metric_format { SL_FORMAT_OPENMETRICS, SL_FORMAT_TEXT };

/* The HTTP content type. */
const char *sl_format_type(enum sl_metric_format format);

/* The format for a client that says it accepts this (RFC 9110, 12.5.1); NULL: it says nothing. */
enum sl_metric_format sl_format_accepted(const char *accept);

/* Writes all metrics. */
void sl_metrics_write(FILE *out, const struct sl_snapshot *snapshot, enum sl_metric_format format);

#endif
