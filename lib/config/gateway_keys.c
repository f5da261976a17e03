/* SPDX-License-Identifier: BSD-3-Clause */
/* The keys of [gateway]. */
#include "keys.h"
#include "values.h"

static const struct key_kind private_key_kind = {
	"Ed25519 private key", "PKCS#8 PEM as 'sealane genkey' writes it", "'sealane genkey'"};

static void take_name(struct parser *p, const char *name, const char *value)
{
	if (!sl_value_is_name(value))
		sl_key_bad(p, name, value, SL_NAME_EXPECTED);
	else
		p->config->name = sl_config_copy(p, value);
}

static void take_private_key(struct parser *p, const char *name, const char *value)
{
	char *path = sl_key_path(p, value);
	int error;

	p->config->key_path = path;
	if (path == NULL)
		return;
	error = p->loaders->key(p->config->key, path);
	if (error != 0)
		sl_key_file_complain(p, &private_key_kind, name, value, path, error);
}

static void take_eal(struct parser *p, const char *name, const char *value)
{
	(void)name;
	p->config->eal = sl_config_copy(p, value);
}

static void take_idle_sleep(struct parser *p, const char *name, const char *value)
{
	sl_key_duration(p, name, value, &p->config->idle_sleep, 1, SL_SECOND,
		"0 or a duration up to 1s such as 50us");
}

static void take_mss_clamp(struct parser *p, const char *name, const char *value)
{
	sl_key_bool(p, name, value, &p->config->mss_clamp);
}

/* Whether there is such a group is known where the gateway runs. */
static void take_group(struct parser *p, const char *name, const char *value)
{
	p->config->group_line = p->line;
	if (!sl_value_is_name(value))
		sl_key_bad(p, name, value, "the name of a group of users");
	else
		p->config->group = sl_config_copy(p, value);
}

/* The files are read when this one has been. */
static void take_include(struct parser *p, const char *name, const char *value)
{
	(void)name;
	p->include = sl_config_copy(p, value);
}

const struct section_kind sl_config_gateway_kind = {
	"gateway",
	{
		[GATEWAY_NAME] = {"name", true, take_name},
		[GATEWAY_PRIVATE_KEY] = {"private-key", true, take_private_key},
		[GATEWAY_EAL] = {"eal", false, take_eal},
		[GATEWAY_IDLE_SLEEP] = {"idle-sleep", false, take_idle_sleep},
		[GATEWAY_MSS_CLAMP] = {"mss-clamp", false, take_mss_clamp},
		[GATEWAY_GROUP] = {"group", false, take_group},
		[GATEWAY_INCLUDE] = {"include", false, take_include},
	},
};
