/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Lines for the operator. No key ever comes here; text that a peer chose is escaped.
 */
#include <stdarg.h>
#include <stdio.h>

#include "internal.h"

enum { LINE_MAX_LEN = 400 };

void ike_log(struct sl_ike *ike, enum sl_ike_level level, int peer, const char *format, ...)
{
	char line[LINE_MAX_LEN];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	/* One line, whatever a name in the configuration may hold. */
	for (char *c = line; *c; c++)
		if ((unsigned char)*c < ' ')
			*c = '?';
	ike->ops->log(ike->owner, level, peer, line);
}

void ike_log_stranger(struct sl_ike *ike, const struct sl_ike_path *path, const char *format, ...)
{
	char what[LINE_MAX_LEN], where[SL_ADDR_TEXT];
	va_list args;

	if (ike->now < ike->quiet_until)
		return;
	ike->quiet_until = ike->now + IKE_S;
	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	ike_log(ike, SL_IKE_WARNING, SL_IKE_NO_PEER, "%s: %s", sl_endpoint_text(&path->remote, where), what);
}

const char *ike_id_text(struct ike_view id, char text[static IKE_ID_TEXT])
{
	size_t at = 0;

	for (size_t i = sizeof(struct ike_wire_id); i < id.len && at + 5 < IKE_ID_TEXT; i++) {
		uint8_t c = id.data[i];

		if (c > ' ' && c < 0x7f && c != '\\' && c != '"')
			text[at++] = (char)c;
		else
			at += (size_t)snprintf(text + at, IKE_ID_TEXT - at, "\\x%02x", c);
	}
	text[at] = '\0';
	return text;
}
