/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The file to sections and keys. inih splits keys from values and takes comments off; this reader stands between it and
 * the file, one line at a time, for what inih would do quietly:
 *
 *   - it does not tell line numbers: they are counted here
 *   - it cuts section names at 49 characters and overlooks text behind the ]: headers are read here
 *   - it takes an indented line for more of the value before: every line is handed over without its indentation
 *   - it cuts long lines and stops at a NUL byte: such lines are complaints here
 *   - it reports only the first line without a '=': whatever it does not make a key of is a complaint here
 */
#include "parser.h"

#include <ctype.h>
#include <string.h>

#include <ini.h>

#include "values.h"

enum { LINE_ROOM = 4096 }; /* a line with its newline and NUL */

/* Debian's inih lets a program set its longest line; elsewhere the limit is built in (200), and this is NULL. */
extern int ini_max_line __attribute__((weak));

struct source {
	FILE *file;
	struct parser *parser;
	bool with_inih; /* inih has a line that it has not made a key of */
	char line[LINE_ROOM];
};

enum line_fault { LINE_FINE, LINE_TOO_LONG, LINE_CONTROL, LINE_END };

/* Reads one line without its newline. The rest of one that is too long is skipped. */
static enum line_fault get_line(struct source *s)
{
	enum line_fault fault = LINE_FINE;
	size_t len = 0;
	int c = getc(s->file);

	if (c == EOF)
		return LINE_END;
	for (; c != EOF && c != '\n'; c = getc(s->file)) {
		/* A carriage return is white space at the end of a line and a mistake anywhere else. */
		if (iscntrl(c) && c != '\t' && c != '\r')
			fault = LINE_CONTROL;
		if (len < LINE_ROOM - 1)
			s->line[len++] = (char)c;
		else if (fault == LINE_FINE)
			fault = LINE_TOO_LONG;
	}
	s->line[len] = '\0';
	return fault;
}

/* What inih did not understand had no '=' in it. The line is not shown: it may be of a private key, pasted. */
static void blame_leftover(struct source *s)
{
	if (s->with_inih)
		sl_config_complain(s->parser, s->parser->line,
			"this is neither a section nor a key, expected "
			"[SECTION] or KEY = VALUE on one line");
	s->with_inih = false;
}

/* "[kind]" or "[kind name]", with a comment behind it or not. */
static void read_header(struct parser *p, char *text)
{
	char *end = strchr(text, ']');
	char *behind, *kind, *name;

	behind = end != NULL ? sl_value_trim(end + 1) : text;
	if (*behind != '\0' && *behind != ';') {
		sl_config_complain(p, p->line,
			"malformed section header, expected [SECTION] and nothing else on the line");
		p->current = NULL;
		p->skipping = true;
		return;
	}
	*end = '\0';
	kind = sl_value_trim(text + 1);
	name = kind + strcspn(kind, " \t");
	if (*name != '\0')
		*name++ = '\0';
	sl_config_begin_section(p, kind, sl_value_trim(name));
}

/* Deals with a line or says that it is for inih, whose buffer has this room. A comment may be of any length. */
static bool is_for_inih(struct parser *p, enum line_fault fault, char *text, size_t room)
{
	if (fault == LINE_CONTROL) {
		sl_config_complain(p, p->line, "the line holds a control character, expected plain text");
		return false;
	}
	if (*text == '#' || *text == ';')
		return false;
	if (fault == LINE_TOO_LONG || strlen(text) + sizeof("\n") > room) {
		sl_config_complain(p, p->line, "the line is too long, expected at most %zu characters",
			room - sizeof("\n"));
		return false;
	}
	if (*text == '[') {
		read_header(p, text);
		return false;
	}
	return *text != '\0';
}

/* inih's ini_reader: like fgets(), but gives an empty line for each that is not for inih. */
static char *next_line(char *out, int room, void *ctx)
{
	struct source *s = ctx;
	enum line_fault fault;
	char *text;

	blame_leftover(s);
	fault = get_line(s);
	if (fault == LINE_END)
		return NULL;
	s->parser->line++;
	text = sl_value_trim(s->line);
	s->with_inih = is_for_inih(s->parser, fault, text, (size_t)room);
	snprintf(out, (size_t)room, "%s\n", s->with_inih ? text : "");
	return out;
}

/* inih's ini_handler. The section is known better here. */
static int on_key(void *ctx, const char *section, const char *name, const char *value)
{
	struct source *s = ctx;

	(void)section;
	s->with_inih = false;
	sl_config_take_key(s->parser, name, value);
	return 1;
}

void sl_config_read(struct parser *p, FILE *file)
{
	struct source s = {.file = file, .parser = p};

	if (&ini_max_line != NULL)
		ini_max_line = LINE_ROOM;
	/* Its result is the first line it did not understand, which next_line() has complained about. */
	(void)ini_parse_stream(next_line, &s, on_key, &s);
}
