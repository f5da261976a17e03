/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the printing parts of `sealane show` share. Fields of objects are there: gathering has checked them.
 */
#ifndef SEALANE_APP_SHOW_PRINT_H
#define SEALANE_APP_SHOW_PRINT_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

const char *sl_text_of(const json_t *object, const char *name);
uint64_t sl_number_of(const json_t *object, const char *name);

/* Escape sequences, or nothing where no colours are wanted. */
enum sl_tone { SL_PLAIN, SL_GOOD, SL_WARNING, SL_BAD };
void sl_use_colour(bool colour);
const char *sl_paint(enum sl_tone tone);
const char *sl_bold(void);
const char *sl_reset(void);

/* The sections that are tables (show_table.c). */
void sl_print_sessions(const json_t *sessions);
void sl_print_neighbours(const json_t *neighbours);
void sl_print_routes(const json_t *routes);
void sl_print_drops(const json_t *drops);
void sl_print_ike(const json_t *counters);
void sl_print_workers(const json_t *workers);

#endif
