/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The metrics as text: OpenMetrics 1.0 (the later RFC draft of Prometheus' own format), or the older format 0.0.4 for who
 * does not know it. The older one has no units, no type for info and no end, and calls a counter by the name of its sample.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "metrics.h"
#include "snapshot.h"

/* ---- Which of the two ------------------------------------------------------------------------------------------ */

const char *sl_format_type(enum sl_metric_format format)
{
	return format == SL_FORMAT_OPENMETRICS ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
					       : "text/plain; version=0.0.4; charset=utf-8";
}

/* Skips to the next parameter, if there is one. */
static const char *next_parameter(const char *text, const char *end)
{
	const char *semicolon = memchr(text, ';', (size_t)(end - text));

	if (semicolon == NULL)
		return NULL;
	text = semicolon + 1;
	while (text < end && (*text == ' ' || *text == '\t'))
		text++;
	return text;
}

/* One media range, up to end: how much it is wanted, 0 to 1, when it is of this type and we have its version. */
static double wanted(const char *range, const char *end, const char *type)
{
	double quality = 1;

	if (strncasecmp(range, type, strlen(type)) != 0 || strchr(" \t;,", range[strlen(type)]) == NULL)
		return 0;
	for (const char *p = next_parameter(range, end); p != NULL; p = next_parameter(p, end)) {
		if (strncasecmp(p, "q=", 2) == 0)
			quality = strtod(p + 2, NULL);
		else if (strncasecmp(p, "version=", 8) == 0 && strncmp(p + 8, "1.0.0", 5) != 0 &&
			 strncmp(p + 8, "0.0.", 4) != 0)
			quality = 0;
	}
	return quality;
}

enum sl_metric_format sl_format_accepted(const char *accept)
{
	double openmetrics = 0, text = 0;

	while (accept != NULL && *accept != '\0') {
		const char *end = accept + strcspn(accept, ",");
		double q;

		accept += strspn(accept, " \t");
		q = wanted(accept, end, "application/openmetrics-text");
		openmetrics = q > openmetrics ? q : openmetrics;
		q = wanted(accept, end, "text/plain");
		text = q > text ? q : text;
		accept = *end == ',' ? end + 1 : end;
	}
	return openmetrics > 0 && openmetrics >= text ? SL_FORMAT_OPENMETRICS : SL_FORMAT_TEXT;
}

/* ---- A family -------------------------------------------------------------------------------------------------- */

/* Where it is being written, and what of. */
struct writing {
	FILE *out;
	enum sl_metric_format format;
	uint64_t now; /* seconds since 1970 */
	const struct sl_metric *metric;
	bool begun; /* its header is written: there was a sample */
};

static void begin(struct writing *w)
{
	const struct sl_metric *metric = w->metric;
	bool modern = w->format == SL_FORMAT_OPENMETRICS;
	const char *suffix = modern ? "" : sl_metric_suffix(metric);
	const char *type = !modern && metric->type == SL_INFO ? "gauge" : sl_metric_type_name(metric->type);

	if (w->begun)
		return;
	w->begun = true;
	fprintf(w->out, "# TYPE %s%s %s\n", metric->name, suffix, type);
	if (modern && metric->unit != NULL)
		fprintf(w->out, "# UNIT %s %s\n", metric->name, metric->unit);
	fprintf(w->out, "# HELP %s%s %s.\n", metric->name, suffix, metric->help);
}

static void write_escaped(FILE *out, const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '\n')
			fputs("\\n", out);
		else if (*text == '"' || *text == '\\')
			fprintf(out, "\\%c", *text);
		else
			fputc(*text, out);
	}
}

/* A label whose value is a text or a number of the entry. */
static void write_label(FILE *out, const char *before, const char *name, const json_t *value)
{
	fprintf(out, "%s%s=\"", before, name);
	if (json_is_string(value))
		write_escaped(out, json_string_value(value));
	else if (json_is_integer(value))
		fprintf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	fputc('"', out);
}

/* Name and labels of a sample of an entry; split_value is that of the label `split`. */
static void write_name(struct writing *w, const json_t *entry, const char *split_value)
{
	const struct sl_metric *metric = w->metric;
	const struct sl_metric_field *key = sl_metric_key(metric->section);
	const char *before = "{";

	begin(w);
	fprintf(w->out, "%s%s", metric->name, sl_metric_suffix(metric));
	if (key != NULL) {
		write_label(w->out, before, key->label, json_object_get(entry, key->name));
		before = ",";
	}
	for (unsigned i = 0; metric->type == SL_INFO && i < SL_METRIC_FIELDS && metric->fields[i].name; i++) {
		write_label(w->out, before, metric->fields[i].name,
			json_object_get(entry, metric->fields[i].name));
		before = ",";
	}
	if (metric->split != NULL) {
		fprintf(w->out, "%s%s=\"", before, metric->split);
		write_escaped(w->out, split_value);
		fputc('"', w->out);
		before = ",";
	}
	fputs(*before == ',' ? "} " : " ", w->out);
}

/* The value as text; false when there is none. */
static bool value_text(const struct writing *w, const json_t *field, char text[static 32])
{
	json_int_t value = json_integer_value(field), now = (json_int_t)w->now;
	enum sl_metric_value kind = w->metric->value;

	if (kind == SL_IS_UP) {
		snprintf(
			text, 32, "%d", json_is_string(field) && strcmp(json_string_value(field), "up") == 0);
		return json_is_string(field);
	}
	if (!json_is_integer(field) || (value < 0 && kind != SL_AS_IS) || (value == 0 && kind == SL_MBIT))
		return false;
	switch (kind) {
	case SL_PERMILLE: snprintf(text, 32, "%.3f", (double)value / 1000); break;
	case SL_MBIT: snprintf(text, 32, "%" JSON_INTEGER_FORMAT, value * 125000); break;
	case SL_AGO: snprintf(text, 32, "%" JSON_INTEGER_FORMAT, now - value); break;
	case SL_AHEAD: snprintf(text, 32, "%" JSON_INTEGER_FORMAT, now + value); break;
	default: snprintf(text, 32, "%" JSON_INTEGER_FORMAT, value); break;
	}
	return true;
}

static void write_sample(struct writing *w, const json_t *entry, const json_t *field, const char *split_value)
{
	char text[32];

	if (!value_text(w, field, text))
		return;
	write_name(w, entry, split_value);
	fprintf(w->out, "%s\n", text);
}

/* A field of its own family elsewhere in the table. */
static bool is_named(enum sl_section section, const char *field)
{
	for (unsigned i = 0; i < sl_metric_count; i++) {
		for (unsigned f = 0; f < SL_METRIC_FIELDS && sl_metrics[i].fields[f].name != NULL; f++) {
			if (sl_metrics[i].section == section &&
				strcmp(sl_metrics[i].fields[f].name, field) == 0)
				return true;
		}
	}
	return false;
}

/* "*": all fields that no other family has, under their own names. */
static void write_others(struct writing *w, json_t *entry)
{
	const char *name;
	json_t *field;

	json_object_foreach(entry, name, field)
	{
		if (!is_named(w->metric->section, name))
			write_sample(w, entry, field, name);
	}
}

static void write_entry(struct writing *w, json_t *entry)
{
	const struct sl_metric *metric = w->metric;

	if (!json_is_object(entry))
		return;
	if (metric->type == SL_INFO) {
		write_name(w, entry, NULL);
		fputs("1\n", w->out);
	} else if (strcmp(metric->fields[0].name, "*") == 0) {
		write_others(w, entry);
	} else {
		for (unsigned i = 0; i < SL_METRIC_FIELDS && metric->fields[i].name != NULL; i++)
			write_sample(w, entry, json_object_get(entry, metric->fields[i].name),
				metric->fields[i].label);
	}
}

static void write_family(struct writing *w, const json_t *data)
{
	json_t *section = json_object_get(data, sl_section_name(w->metric->section));
	json_t *entry;
	size_t i;

	if (sl_metric_key(w->metric->section) == NULL)
		write_entry(w, section);
	json_array_foreach(section, i, entry) write_entry(w, entry);
}

void sl_metrics_write(FILE *out, const struct sl_snapshot *snapshot, enum sl_metric_format format)
{
	for (unsigned i = 0; i < sl_metric_count; i++) {
		struct writing w = {.out = out,
			.format = format,
			.now = snapshot->time_ms / 1000,
			.metric = &sl_metrics[i]};

		if (w.metric->section == SL_SECTION_COUNT) {
			write_name(&w, NULL, NULL);
			fprintf(out, "%d\n", snapshot->data != NULL);
		} else if (snapshot->data != NULL) {
			write_family(&w, snapshot->data);
		}
	}
	if (format == SL_FORMAT_OPENMETRICS)
		fputs("# EOF\n", out);
}
