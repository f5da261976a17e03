/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Units, booleans, numbers, names and lists. Nothing here depends on the locale.
 */
#include "values.h"

#include <stddef.h>
#include <string.h>

static const char digits[] = "0123456789";
static const char blanks[] = " \t\r\n\v\f";

static const struct {
	const char *name;
	uint64_t ns;
} units[] = {
	{"us", SL_MICROSECOND},
	{"ms", SL_MILLISECOND},
	{"s", SL_SECOND},
	{"m", 60 * SL_SECOND},
	{"h", 3600 * SL_SECOND},
	{"d", SL_DAY},
};

bool sl_value_count(uint64_t *value, const char *text)
{
	uint64_t number = 0;

	if (*text == '\0' || text[strspn(text, digits)] != '\0')
		return false;
	for (; *text != '\0'; text++) {
		if (__builtin_mul_overflow(number, 10, &number) ||
			__builtin_add_overflow(number, (uint64_t)(*text - '0'), &number) ||
			number > INT64_MAX)
			return false;
	}
	*value = number;
	return true;
}

bool sl_value_unsigned(unsigned *value, const char *text)
{
	uint64_t number;

	if (!sl_value_count(&number, text) || number > INT32_MAX)
		return false;
	*value = (unsigned)number;
	return true;
}

/* The number in front of a unit, which *unit then points to. */
static bool leading_number(unsigned *count, const char *text, const char **unit)
{
	char number[sizeof("2147483647")];
	size_t len = strspn(text, digits);

	if (len >= sizeof(number))
		return false;
	memcpy(number, text, len);
	number[len] = '\0';
	*unit = text + len;
	return sl_value_unsigned(count, number);
}

bool sl_value_bytes(uint64_t *bytes, const char *text)
{
	static const char *const names[] = {"KiB", "MiB", "GiB", "TiB"};
	const char *unit;
	unsigned count;

	if (!leading_number(&count, text, &unit))
		return false;
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(unit, names[i]) != 0)
			continue;
		return !__builtin_mul_overflow(count, SL_KIB << (10 * i), bytes);
	}
	return false;
}

bool sl_value_duration(uint64_t *ns, const char *text)
{
	const char *unit;
	unsigned count;
	uint64_t product;

	if (!leading_number(&count, text, &unit))
		return false;
	if (count == 0 && *unit == '\0') {
		*ns = 0;
		return true;
	}
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(unit, units[i].name) != 0)
			continue;
		/* 2^31 days do not fit into 64 bits of nanoseconds. */
		if (__builtin_mul_overflow(count, units[i].ns, &product))
			return false;
		*ns = product;
		return true;
	}
	return false;
}

bool sl_value_bool(bool *value, const char *text)
{
	bool yes = strcmp(text, "yes") == 0;

	if (!yes && strcmp(text, "no") != 0)
		return false;
	*value = yes;
	return true;
}

bool sl_value_is_name(const char *text)
{
	size_t len = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_@");

	return len >= 1 && len <= SL_NAME_MAX && text[len] == '\0';
}

char *sl_value_next_item(char **rest)
{
	char *item = *rest;
	char *comma;

	if (item == NULL)
		return NULL;
	comma = strchr(item, ',');
	*rest = comma != NULL ? comma + 1 : NULL;
	if (comma != NULL)
		*comma = '\0';
	return sl_value_trim(item);
}

const char *sl_value_shown(const char *text)
{
	enum { KEY_CHARS = 43 }; /* base64 of 32 bytes, without the padding */
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (const char *at = text; *at != '\0'; at++) {
		size_t run = strspn(at, alphabet);

		if (run >= KEY_CHARS)
			return "(not shown, looks like a key)";
		at += run;
		if (*at == '\0')
			break;
	}
	return text;
}

char *sl_value_trim(char *text)
{
	size_t len;

	text += strspn(text, blanks);
	len = strlen(text);
	while (len > 0 && strchr(blanks, text[len - 1]) != NULL)
		len--;
	text[len] = '\0';
	return text;
}
