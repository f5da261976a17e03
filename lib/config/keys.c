/* SPDX-License-Identifier: BSD-3-Clause */
/* What the keys of several sections have in common: see keys.h. */
#include "keys.h"

#include <stdlib.h>

#include "addresses.h"
#include "values.h"

void sl_key_bad(struct parser *p, const char *name, const char *value, const char *expected)
{
	sl_config_complain(
		p, p->line, "%s '%s' is not valid, expected %s", name, sl_value_shown(value), expected);
}

void sl_key_bool(struct parser *p, const char *name, const char *value, bool *out)
{
	if (!sl_value_bool(out, value))
		sl_key_bad(p, name, value, "yes or no");
}

void sl_key_duration(struct parser *p, const char *name, const char *value, uint64_t *out, uint64_t min,
	uint64_t max, const char *expected)
{
	uint64_t ns;

	if (!sl_value_duration(&ns, value) || ns > max || (ns < min && ns != 0))
		sl_key_bad(p, name, value, expected);
	else
		*out = ns;
}

void sl_key_number(
	struct parser *p, const char *name, const char *value, unsigned *out, unsigned min, unsigned max)
{
	unsigned number;

	if (!sl_value_unsigned(&number, value) || number < min || number > max)
		sl_config_complain(p, p->line, "%s '%s' is not valid, expected %u to %u", name,
			sl_value_shown(value), min, max);
	else
		*out = number;
}

/* One item of a list of prefixes; false after a complaint. */
static bool read_prefix(struct parser *p, const char *name, const char *item, struct sl_prefix *prefix)
{
	char text[SL_ADDR_TEXT];
	struct sl_prefix masked;
	const char *use;

	if (!sl_prefix_parse(prefix, item)) {
		sl_key_bad(p, name, item,
			"prefixes such as 10.2.0.0/16 or fd00:2::/64, with commas between them");
		return false;
	}
	masked = sl_prefix_mask(prefix);
	if (!sl_addr_equal(&masked.addr, &prefix->addr)) {
		sl_config_complain(p, p->line, "%s '%s' has host bits set, expected %s", name, item,
			sl_prefix_text(&masked, text));
		return false;
	}
	use = sl_prefix_use(prefix);
	if (use != NULL)
		sl_config_complain(p, p->line, "%s '%s' is %s, expected addresses of hosts", name, item, use);
	return use == NULL;
}

void sl_key_prefixes(
	struct parser *p, const char *name, const char *value, struct sl_prefix *prefixes, unsigned *count)
{
	char *text = sl_config_copy(p, value);
	char *rest = text;
	char *item;

	while ((item = sl_value_next_item(&rest)) != NULL) {
		struct sl_prefix prefix;

		if (!read_prefix(p, name, item, &prefix))
			continue;
		if (*count == SL_TS_MAX) {
			sl_config_complain(
				p, p->line, "%s has too many entries, expected at most %d", name, SL_TS_MAX);
			break;
		}
		prefixes[(*count)++] = prefix;
	}
	free(text);
}

void sl_key_rekey_time(struct parser *p, const char *name, const char *value, uint64_t *ns)
{
	uint64_t time;

	if (!sl_value_duration(&time, value) || time < SL_SECOND || time > SL_DAY)
		sl_key_bad(p, name, value, "a duration from 1s to 1d such as 1h");
	else
		*ns = time;
}

void sl_key_rekey_packets(struct parser *p, const char *name, const char *value, uint64_t *packets)
{
	uint64_t count;

	if (!sl_value_count(&count, value) || count < 1 || count > UINT64_C(1) << 32)
		sl_key_bad(p, name, value, "a number from 1 to 4294967296");
	else
		*packets = count;
}

void sl_key_rekey_bytes(struct parser *p, const char *name, const char *value, uint64_t *bytes)
{
	uint64_t count;

	if (!sl_value_bytes(&count, value) || count == 0 || count > 16 * 1024 * SL_GIB)
		sl_key_bad(p, name, value, "1KiB to 16TiB such as 256GiB");
	else
		*bytes = count;
}
