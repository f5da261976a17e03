/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The files that a configuration is made of. Lines are numbered on from one file to the next, so that a number alone says which
 * line of which file is meant, and of two lines which comes first; complaints turn it back into both.
 *
 * Included files hold [peer NAME] and [flow NAME] sections only, and `include` is a key of [gateway]: so none includes another.
 */
#include "files.h"

#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>

#include "../crypto/keyfile.h"
#include "values.h"

enum { FILES_MAX = 4096 };

bool sl_config_begin_file(struct parser *p, const char *path)
{
	struct source_file *grown = reallocarray(p->files, p->file_count + 1, sizeof(*grown));
	char *copy = sl_config_copy(p, path);

	if (grown != NULL)
		p->files = grown;
	if (grown == NULL || copy == NULL) {
		free(copy);
		p->no_memory = true;
		return false;
	}
	p->files[p->file_count++] = (struct source_file){copy, p->line};
	p->current = NULL;
	p->skipping = false;
	return true;
}

void sl_config_forget_files(struct parser *p)
{
	for (unsigned i = 0; i < p->file_count; i++)
		free(p->files[i].path);
	free(p->files);
}

static const struct source_file *file_of(const struct parser *p, int line)
{
	unsigned i = p->file_count - 1;

	/* An empty file begins where the next one does, and has no line. */
	while (i > 0 && p->files[i].before >= line)
		i--;
	return &p->files[i];
}

const char *sl_config_file_of(const struct parser *p, int line, int *in_file)
{
	const struct source_file *file = file_of(p, line);

	*in_file = line - file->before;
	return file->path;
}

int sl_config_last_line(const struct parser *p)
{
	int line = p->file_count > 1 ? p->files[1].before : p->line;

	return line > 0 ? line : 1;
}

const char *sl_config_place(const struct parser *p, int line, int from, char text[static SL_PLACE_MAX])
{
	const struct source_file *file = file_of(p, line);

	if (file == file_of(p, from))
		snprintf(text, SL_PLACE_MAX, "line %d", line - file->before);
	else
		snprintf(text, SL_PLACE_MAX, "line %d of %.200s", line - file->before, file->path);
	return text;
}

char *sl_config_beside(struct parser *p, const char *file, const char *name)
{
	const char *slash = strrchr(file, '/');
	char *path;

	if (*name == '/' || slash == NULL)
		return sl_config_copy(p, name);
	if (asprintf(&path, "%.*s/%s", (int)(slash - file), file, name) < 0) {
		p->no_memory = true;
		return NULL;
	}
	return path;
}

/* ---- What an include stands for --------------------------------------------------------------------------------- */

static const char magic[] = "*?[";

/* A missing folder has no files, which is fine. One that cannot be read may have some. */
static int stop_unless_missing(const char *path, int error)
{
	(void)path;
	return error != ENOENT;
}

static int match_files(const char *pattern, void (*take)(void *ctx, const char *path), void *ctx)
{
	glob_t found;
	int result = glob(pattern, 0, stop_unless_missing, &found);
	int error = result == GLOB_NOSPACE ? ENOMEM : result == GLOB_ABORTED ? errno : 0;

	for (size_t i = 0; result == 0 && i < found.gl_pathc; i++)
		take(ctx, found.gl_pathv[i]);
	globfree(&found);
	return error;
}

static FILE *open_file(const char *path)
{
	return fopen(path, "re");
}

const struct sl_config_loaders sl_config_from_files = {
	.key = sl_key_load, .ppk = sl_ppk_load, .match = match_files, .open = open_file};

/* The same text for a pattern, in which the folder of the configuration stands for itself whatever is in its name. */
static char *escape(struct parser *p, const char *path, size_t folder_len)
{
	char *pattern = malloc(folder_len + strlen(path) + 1);
	char *out = pattern;

	if (pattern == NULL) {
		p->no_memory = true;
		return NULL;
	}
	for (size_t i = 0; i < folder_len; i++) {
		if (path[i] == '\\' || strchr(magic, path[i]) != NULL)
			*out++ = '\\';
		*out++ = path[i];
	}
	strcpy(out, path + folder_len);
	return pattern;
}

/* ---- Reading them ------------------------------------------------------------------------------------------------ */

static int include_line(const struct parser *p)
{
	return p->gateway.key_line[GATEWAY_INCLUDE];
}

static bool may_read(struct parser *p, const char *path)
{
	if (strcmp(path, p->config->path) == 0) {
		sl_config_complain(p, include_line(p), "include takes in this file itself, expected others");
		return false;
	}
	for (unsigned i = 1; i < p->file_count; i++) {
		if (strcmp(path, p->files[i].path) == 0) {
			sl_config_complain(p, include_line(p),
				"include takes in %s twice, expected each file once", sl_value_shown(path));
			return false;
		}
	}
	if (p->file_count > FILES_MAX)
		sl_config_complain(p, include_line(p), "include takes in too many files, expected at most %d",
			FILES_MAX);
	return p->file_count <= FILES_MAX;
}

static void read_file(void *ctx, const char *path)
{
	struct parser *p = ctx;
	FILE *file;

	if (!may_read(p, path))
		return;
	errno = 0;
	file = p->loaders->open(path);
	if (file == NULL || !sl_config_begin_file(p, path)) {
		sl_config_complain(p, include_line(p), "cannot open the included file %s: %s",
			sl_value_shown(path), strerror(errno));
	} else {
		sl_config_read(p, file);
		if (ferror(file))
			sl_config_complain(p, include_line(p), "cannot read the included file %s: %s",
				sl_value_shown(path), strerror(errno));
	}
	if (file != NULL)
		fclose(file);
}

/* One name or pattern. */
static void read_item(struct parser *p, const char *item)
{
	char *path = sl_config_beside(p, p->config->path, item);
	char *pattern;
	int error;

	if (path == NULL)
		return;
	if (strpbrk(item, magic) == NULL) {
		read_file(p, path);
		free(path);
		return;
	}
	pattern = escape(p, path, strlen(path) - strlen(item));
	error = pattern != NULL ? p->loaders->match(pattern, read_file, p) : 0;
	if (error != 0)
		sl_config_complain(p, include_line(p), "cannot look for the files of include '%s': %s",
			sl_value_shown(item), strerror(error));
	free(pattern);
	free(path);
}

void sl_config_read_includes(struct parser *p)
{
	char *rest = p->include;
	char *item;

	while ((item = sl_value_next_item(&rest)) != NULL) {
		if (*item == '\0')
			sl_config_complain(p, include_line(p),
				"include '' is not valid, expected files such as peers.d/*.conf, with commas between them");
		else
			read_item(p, item);
	}
	free(p->include);
	p->include = NULL;
}
