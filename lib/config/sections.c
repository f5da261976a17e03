/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sections begin and are filled: each at most once, peers by name, with no key twice, unknown or without a value.
 */
#include "files.h"

#include <stdlib.h>
#include <string.h>

#include "values.h"

/* [gateway], [wire] or [plain] begins, unless it was there before. */
static void begin_single(struct parser *p, struct section *section, const struct section_kind *kind)
{
	if (p->file_count > 1) {
		sl_config_complain(p, p->line, "[%s] in an included file, expected it in %s", kind->name,
			p->config->path);
		return;
	}
	if (section->kind != NULL) {
		sl_config_complain(p, p->line, "[%s] is given twice, first on line %d, expected it once",
			kind->name, section->line);
		return;
	}
	*section = (struct section){.kind = kind, .line = p->line};
	p->current = section;
	p->port = section == &p->wire ? &p->config->wire : &p->config->plain;
}

/* Makes room for one more peer, with its defaults; NULL when there is none. */
static struct sl_config_peer *add_peer(struct parser *p, const char *name)
{
	struct sl_config *config = p->config;
	struct sl_config_peer *peers = reallocarray(config->peers, config->peer_count + 1, sizeof(*peers));
	struct section *sections = reallocarray(p->peers, config->peer_count + 1, sizeof(*sections));
	char *copy = sl_config_copy(p, name);

	if (peers != NULL)
		config->peers = peers;
	if (sections != NULL)
		p->peers = sections;
	if (peers == NULL || sections == NULL || copy == NULL) {
		p->no_memory = true;
		free(copy);
		return NULL;
	}
	sections[config->peer_count] = (struct section){.kind = &sl_config_peer_kind, .line = p->line};
	peers[config->peer_count] = (struct sl_config_peer){
		.name = copy,
		.line = p->line,
		.ciphers = {SL_AES256GCM16, SL_AES128GCM16},
		.cipher_count = 2,
		.esn = true,
		.udp = true,
		.udp_checksum = true,
		.dscp = SL_CONFIG_DSCP_COPY,
		.dpd_delay = 10 * SL_SECOND,
		.rekey_time = 3600 * SL_SECOND,
		.rekey_packets = UINT64_C(1) << 32,
		.rekey_bytes = 256 * SL_GIB,
		.ppk_required = true,
	};
	return &peers[config->peer_count++];
}

static void begin_peer(struct parser *p, const char *name)
{
	char place[SL_PLACE_MAX];

	for (unsigned i = 0; i < p->config->peer_count; i++) {
		if (strcmp(p->config->peers[i].name, name) != 0)
			continue;
		sl_config_complain(p, p->line, "peer '%s' is given twice, first on %s, expected another name",
			name, sl_config_place(p, p->config->peers[i].line, p->line, place));
		return;
	}
	if (*name == '\0')
		sl_config_complain(p, p->line, "this peer has no name, expected [peer NAME]");
	else if (!sl_value_is_name(name))
		sl_config_complain(p, p->line, "peer '%s' is not valid, expected a name of %s",
			sl_value_shown(name), SL_NAME_EXPECTED);
	if (p->config->peer_count == SL_CONFIG_PEERS_MAX) {
		sl_config_complain(p, p->line, "too many peers, expected at most %d", SL_CONFIG_PEERS_MAX);
		return;
	}
	p->peer = add_peer(p, name);
	if (p->peer != NULL)
		p->current = &p->peers[p->config->peer_count - 1];
}

/* Makes room for one more flow, with its defaults; NULL when there is none. */
static struct sl_config_flow *add_flow(struct parser *p, const char *name)
{
	struct sl_config *config = p->config;
	struct sl_config_flow *flows = reallocarray(config->flows, config->flow_count + 1, sizeof(*flows));
	struct section *sections = reallocarray(p->flows, config->flow_count + 1, sizeof(*sections));
	char *copy = sl_config_copy(p, name);

	if (flows != NULL)
		config->flows = flows;
	if (sections != NULL)
		p->flows = sections;
	if (flows == NULL || sections == NULL || copy == NULL) {
		p->no_memory = true;
		free(copy);
		return NULL;
	}
	sections[config->flow_count] = (struct section){.kind = &sl_config_flow_kind, .line = p->line};
	flows[config->flow_count] = (struct sl_config_flow){
		.name = copy,
		.line = p->line,
		.local_port_last = UINT16_MAX,
		.remote_port_last = UINT16_MAX,
	};
	return &flows[config->flow_count++];
}

static void begin_flow(struct parser *p, const char *name)
{
	char place[SL_PLACE_MAX];

	for (unsigned i = 0; i < p->config->flow_count; i++) {
		if (strcmp(p->config->flows[i].name, name) != 0)
			continue;
		sl_config_complain(p, p->line, "flow '%s' is given twice, first on %s, expected another name",
			name, sl_config_place(p, p->config->flows[i].line, p->line, place));
		return;
	}
	if (*name == '\0')
		sl_config_complain(p, p->line, "this flow has no name, expected [flow NAME]");
	else if (!sl_value_is_name(name))
		sl_config_complain(p, p->line, "flow '%s' is not valid, expected a name of %s",
			sl_value_shown(name), SL_NAME_EXPECTED);
	p->flow = add_flow(p, name);
	if (p->flow != NULL)
		p->current = &p->flows[p->config->flow_count - 1];
}

void sl_config_begin_section(struct parser *p, const char *kind, const char *name)
{
	p->current = NULL;
	p->skipping = true;
	if (strcmp(kind, "peer") == 0)
		begin_peer(p, name);
	else if (strcmp(kind, "flow") == 0)
		begin_flow(p, name);
	else if (*name == '\0' && strcmp(kind, "gateway") == 0)
		begin_single(p, &p->gateway, &sl_config_gateway_kind);
	else if (*name == '\0' && strcmp(kind, "wire") == 0)
		begin_single(p, &p->wire, &sl_config_wire_kind);
	else if (*name == '\0' && strcmp(kind, "plain") == 0)
		begin_single(p, &p->plain, &sl_config_plain_kind);
	else
		sl_config_complain(p, p->line,
			"unknown section [%s%s%s], expected [gateway], [wire], [plain], [peer NAME] or [flow NAME]",
			sl_value_shown(kind), *name != '\0' ? " " : "", sl_value_shown(name));
}

/* "port, address, mtu or next-hop": the keys of a section. */
static void list_keys(const struct section_kind *kind, char *text, size_t size)
{
	const struct key *keys = kind->keys;

	*text = '\0';
	for (unsigned i = 0; i < SECTION_KEYS_MAX && keys[i].name != NULL; i++) {
		bool last = i + 1 == SECTION_KEYS_MAX || keys[i + 1].name == NULL;
		size_t len = strlen(text);

		snprintf(text + len, size - len, "%s%s", i == 0 ? "" : last ? " or " : ", ", keys[i].name);
	}
}

static void unknown_key(struct parser *p, const char *name)
{
	char known[1024];

	list_keys(p->current->kind, known, sizeof(known));
	sl_config_complain(p, p->line, "unknown key '%s' in [%s], expected %s", sl_value_shown(name),
		p->current->kind->name, known);
}

/* A peer whose key is being replaced has several; identities.c sees to it that they differ. */
static bool may_repeat(const struct key *key)
{
	return key == &sl_config_peer_kind.keys[PEER_PUBLIC_KEY];
}

void sl_config_take_key(struct parser *p, const char *name, const char *value)
{
	char place[SL_PLACE_MAX];
	const struct key *keys;
	unsigned i = 0;

	if (p->current == NULL) {
		if (!p->skipping)
			sl_config_complain(p, p->line,
				"key '%s' stands before any section, expected a line such as [gateway] above it",
				sl_value_shown(name));
		return;
	}
	keys = p->current->kind->keys;
	while (i < SECTION_KEYS_MAX && keys[i].name != NULL && strcmp(keys[i].name, name) != 0)
		i++;
	if (i == SECTION_KEYS_MAX || keys[i].name == NULL) {
		unknown_key(p, name);
		return;
	}
	if (p->current->key_line[i] != 0 && !may_repeat(&keys[i])) {
		sl_config_complain(p, p->line, "%s is given twice, first on %s, expected it once", name,
			sl_config_place(p, p->current->key_line[i], p->line, place));
		return;
	}
	if (p->current->key_line[i] == 0)
		p->current->key_line[i] = p->line;
	if (*value == '\0')
		sl_config_complain(p, p->line, "%s has no value, expected %s = VALUE", name, name);
	else if (strstr(value, " #") != NULL || *value == '#')
		sl_config_complain(p, p->line,
			"%s has a '#' in its value, expected ' ;' before a comment on the same line", name);
	else
		keys[i].take(p, name, value);
}

void sl_config_check_required(struct parser *p, const struct section *section)
{
	const struct key *keys = section->kind->keys;

	for (unsigned i = 0; i < SECTION_KEYS_MAX && keys[i].name != NULL; i++) {
		if (keys[i].required && section->key_line[i] == 0)
			sl_config_complain(p, section->line, "[%s] has no %s, expected %s = VALUE in it",
				section->kind->name, keys[i].name, keys[i].name);
	}
}
