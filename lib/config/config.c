/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From a path to a configuration or to complaints.
 */
#include "files.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "../crypto/secret.h"
#include "values.h"

/* The text of a complaint with its prefix, or NULL. It is one line, whatever names of files may hold. */
static __attribute__((format(printf, 3, 0))) char *complaint_text(
	const struct parser *p, int line, const char *format, va_list args)
{
	const char *path = p->config->path;
	char *what, *text;
	int len;

	if (vasprintf(&what, format, args) < 0)
		return NULL;
	if (line > 0)
		path = sl_config_file_of(p, line, &line);
	len = line > 0 ? asprintf(&text, "%s:%d: %s", path, line, what)
		       : asprintf(&text, "%s: %s", path, what);
	free(what);
	for (int i = 0; i < len; i++)
		if (iscntrl((unsigned char)text[i]))
			text[i] = '?';
	return len < 0 ? NULL : text;
}

void sl_config_complain(struct parser *p, int line, const char *format, ...)
{
	struct complaint *grown;
	va_list args;
	char *text;

	grown = reallocarray(p->complaints, p->complaint_count + 1, sizeof(*grown));
	if (grown != NULL)
		p->complaints = grown;
	va_start(args, format);
	text = complaint_text(p, line, format, args);
	va_end(args);
	if (grown == NULL || text == NULL) {
		free(text);
		p->no_memory = true;
		return;
	}
	p->complaints[p->complaint_count++] = (struct complaint){line, text};
}

char *sl_config_copy(struct parser *p, const char *text)
{
	char *copy = strdup(text);

	if (copy == NULL)
		p->no_memory = true;
	return copy;
}

/* By line; the order of two complaints about one line does not matter, but must not depend on the library. */
static int by_line(const void *a, const void *b)
{
	const struct complaint *x = a, *y = b;

	return x->line != y->line ? (x->line > y->line) - (x->line < y->line) : strcmp(x->text, y->text);
}

/* Reports and frees all complaints. */
static void report_all(struct parser *p, sl_config_report *report, void *ctx)
{
	if (p->complaint_count > 0)
		qsort(p->complaints, p->complaint_count, sizeof(*p->complaints), by_line);
	for (size_t i = 0; i < p->complaint_count; i++) {
		report(ctx, p->complaints[i].text);
		free(p->complaints[i].text);
	}
	free(p->complaints);
	if (p->no_memory)
		report(ctx, "out of memory while reading the configuration");
}

/* A configuration with every default that does not depend on another value. */
static struct sl_config *new_config(const char *path)
{
	struct sl_config *config = calloc(1, sizeof(*config));

	if (config == NULL)
		return NULL;
	config->path = strdup(path);
	config->key = sl_secret_alloc(sizeof(*config->key));
	config->idle_sleep = 50 * SL_MICROSECOND;
	config->mss_clamp = true;
	config->wire.mtu = 1500;
	config->plain.mtu = 1500;
	if (config->path == NULL || config->key == NULL) {
		sl_config_free(config);
		return NULL;
	}
	return config;
}

struct sl_config *sl_config_parse(FILE *file, const char *path, const struct sl_config_loaders *loaders,
	sl_config_report *report, void *ctx)
{
	struct parser p = {.loaders = loaders, .config = new_config(path)};

	if (p.config == NULL) {
		report(ctx, "out of memory while reading the configuration");
		return NULL;
	}
	if (sl_config_begin_file(&p, path))
		sl_config_read(&p, file);
	if (ferror(file)) {
		sl_config_complain(&p, 0, "cannot read the configuration file: %s", strerror(errno));
	} else if (!p.no_memory) {
		sl_config_read_includes(&p);
		sl_config_check_rules(&p);
	}
	free(p.include);
	free(p.peers);
	free(p.flows);
	sl_config_forget_files(&p);
	if (p.complaint_count > 0 || p.no_memory) {
		report_all(&p, report, ctx);
		sl_config_free(p.config);
		return NULL;
	}
	return p.config;
}

struct sl_config *sl_config_load(const char *path, sl_config_report *report, void *ctx)
{
	struct sl_config *config;
	char line[512];
	FILE *file = fopen(path, "re");

	if (file == NULL) {
		snprintf(line, sizeof(line), "%.300s: cannot open the configuration file: %s", path,
			strerror(errno));
		report(ctx, line);
		return NULL;
	}
	config = sl_config_parse(file, path, &sl_config_from_files, report, ctx);
	fclose(file);
	return config;
}

void sl_config_free(struct sl_config *config)
{
	if (config == NULL)
		return;
	for (unsigned i = 0; i < config->peer_count; i++) {
		free(config->peers[i].name);
		free(config->peers[i].ppk_id);
		if (config->peers[i].ppk != NULL)
			sl_secret_put(config->ppks, config->peers[i].ppk);
	}
	for (unsigned i = 0; i < config->flow_count; i++) {
		free(config->flows[i].name);
		free(config->flows[i].peer_name);
	}
	sl_secret_pool_free(config->ppks);
	free(config->peers);
	free(config->flows);
	free(config->wire.port);
	free(config->plain.port);
	free(config->plain.tap);
	free(config->eal);
	free(config->group);
	free(config->name);
	sl_secret_free(config->key);
	free(config->key_path);
	free(config->path);
	free(config);
}

const struct sl_prefix *sl_config_address(const struct sl_config_port *port, enum sl_family family)
{
	for (unsigned i = 0; i < port->address_count; i++) {
		if (port->addresses[i].addr.family == family)
			return &port->addresses[i];
	}
	return NULL;
}

unsigned sl_config_behind_us(const struct sl_config *config, struct sl_prefix behind[static SL_TS_MAX])
{
	const struct sl_config_port *plain = &config->plain;
	unsigned count = 0;

	for (unsigned i = 0; i < plain->address_count && count < SL_TS_MAX; i++)
		behind[count++] = sl_prefix_mask(&plain->addresses[i]);
	for (unsigned i = 0; i < plain->route_count && count < SL_TS_MAX; i++)
		behind[count++] = plain->routes[i].prefix;
	return count;
}
