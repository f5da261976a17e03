/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Inside lib/config: several files as one. What the parser calls a line counts on from file to file.
 */
#ifndef SEALANE_CONFIG_FILES_H
#define SEALANE_CONFIG_FILES_H

#include "parser.h"

/* The lines read from now on are of this file. False without memory. */
bool sl_config_begin_file(struct parser *p, const char *path);
void sl_config_forget_files(struct parser *p);

/* Reads the files that the main one includes, once that is read. */
void sl_config_read_includes(struct parser *p);

/* The file in which a line is, and its number there. */
const char *sl_config_file_of(const struct parser *p, int line, int *in_file);

/* The last line of the main file, which stands for what the file as a whole lacks. */
int sl_config_last_line(const struct parser *p);

/* Where a line is, for a complaint about another one: "line 12", or "line 12 of peers.d/beta.conf" when that is another file. */
enum { SL_PLACE_MAX = 256 };
const char *sl_config_place(const struct parser *p, int line, int from, char text[static SL_PLACE_MAX]);

/* The path of what a file names: relative to the folder of that file unless it is absolute. The caller's, or NULL. */
char *sl_config_beside(struct parser *p, const char *file, const char *name);

#endif
