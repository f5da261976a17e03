/* SPDX-License-Identifier: BSD-3-Clause */
/* The keys of [peer NAME]. */
#include <stdlib.h>
#include <string.h>

#include "../crypto/keyfile.h"
#include "addresses.h"
#include "keys.h"
#include "values.h"

static const struct key_kind ppk_kind = {"preshared key",
	"32 to 128 bytes in hexadecimal as 'openssl rand -hex 32' writes them", "'openssl rand -hex 32'"};

/* The value is not shown: it may be a private key that somebody pasted here. */
static void take_public_key(struct parser *p, const char *name, const char *value)
{
	struct sl_config_peer *peer = p->peer;
	uint8_t key[SL_ED25519_PUBLIC_LEN];

	if (sl_public_from_text(key, value, strlen(value)) != 0) {
		sl_config_complain(p, p->line,
			"%s is not an Ed25519 public key, expected the line that 'sealane pubkey' prints",
			name);
		return;
	}
	if (peer->public_key_count == SL_CONFIG_PUBLIC_KEYS_MAX) {
		sl_config_complain(p, p->line, "too many public keys of peer '%s', expected at most %d",
			peer->name, SL_CONFIG_PUBLIC_KEYS_MAX);
		return;
	}
	memcpy(peer->public_keys[peer->public_key_count], key, sizeof(key));
	peer->public_key_lines[peer->public_key_count++] = p->line;
}

static void take_endpoint(struct parser *p, const char *name, const char *value)
{
	struct sl_endpoint endpoint;
	const char *use;

	if (!sl_endpoint_parse(&endpoint, value, 4500) || endpoint.port == 0) {
		sl_key_bad(p, name, value,
			"an address with or without a port such as 192.0.2.2:4500 or [2001:db8::2]:4500");
		return;
	}
	use = sl_address_use(&endpoint.addr, NULL);
	if (use != NULL)
		sl_config_complain(
			p, p->line, "%s '%s' is %s, expected the address of one host", name, value, use);
	else
		p->peer->endpoint = endpoint;
}

static void take_prefixes(struct parser *p, const char *name, const char *value)
{
	sl_key_prefixes(p, name, value, p->peer->prefixes, &p->peer->prefix_count);
}

/* The cipher of this name; SL_CIPHER_COUNT when there is none. */
static enum sl_cipher find_cipher(const char *name)
{
	enum sl_cipher cipher = 0;

	while (cipher < SL_CIPHER_COUNT && strcmp(sl_cipher_name(cipher), name) != 0)
		cipher++;
	return cipher;
}

static void take_cipher(struct parser *p, const char *name, const char *value)
{
	char *text = sl_config_copy(p, value);
	char *rest = text;
	bool seen[SL_CIPHER_COUNT] = {false};
	char *item;

	p->peer->cipher_count = 0;
	while ((item = sl_value_next_item(&rest)) != NULL) {
		enum sl_cipher cipher = find_cipher(item);

		if (cipher == SL_CIPHER_COUNT) {
			sl_key_bad(p, name, item,
				"aes256gcm16 or aes128gcm16, or both with a comma between them");
		} else if (seen[cipher]) {
			sl_config_complain(p, p->line, "%s names %s twice, expected each once", name, item);
		} else {
			seen[cipher] = true;
			p->peer->ciphers[p->peer->cipher_count++] = cipher;
		}
	}
	free(text);
}

static void take_esn(struct parser *p, const char *name, const char *value)
{
	sl_key_bool(p, name, value, &p->peer->esn);
}

static void take_start(struct parser *p, const char *name, const char *value)
{
	p->peer->start = SL_CONFIG_START_NONE;
	if (strcmp(value, "boot") == 0)
		p->peer->start = SL_CONFIG_START_BOOT;
	else if (strcmp(value, "traffic") == 0)
		p->peer->start = SL_CONFIG_START_TRAFFIC;
	else if (strcmp(value, "none") != 0)
		sl_key_bad(p, name, value, "boot, traffic or none");
}

static void take_source_port(struct parser *p, const char *name, const char *value)
{
	p->peer->source_port_per_sa = strcmp(value, "per-sa") == 0;
	if (!p->peer->source_port_per_sa && strcmp(value, "4500") != 0)
		sl_key_bad(p, name, value, "per-sa or 4500");
}

static void take_dpd_delay(struct parser *p, const char *name, const char *value)
{
	sl_key_duration(p, name, value, &p->peer->dpd_delay, 100 * SL_MILLISECOND, SL_DAY,
		"0 or a duration from 100ms to 1d such as 10s");
}

/* Where the preshared key of this peer goes, in secret memory; or NULL. */
static struct sl_ppk *new_ppk(struct parser *p)
{
	struct sl_config *config = p->config;
	struct sl_ppk *ppk;

	if (config->ppks == NULL)
		config->ppks = sl_secret_pool_new(sizeof(*ppk), SL_CONFIG_PEERS_MAX);
	ppk = config->ppks != NULL ? sl_secret_get(config->ppks) : NULL;
	if (ppk == NULL)
		p->no_memory = true;
	return ppk;
}

static void take_ppk(struct parser *p, const char *name, const char *value)
{
	char *path = sl_key_path(p, value);
	int error;

	p->peer->ppk = new_ppk(p);
	if (path != NULL && p->peer->ppk != NULL) {
		error = p->loaders->ppk(p->peer->ppk, path);
		if (error != 0)
			sl_key_file_complain(p, &ppk_kind, name, value, path, error);
	}
	free(path);
}

static void take_ppk_id(struct parser *p, const char *name, const char *value)
{
	if (!sl_value_is_name(value))
		sl_key_bad(p, name, value, SL_NAME_EXPECTED);
	else
		p->peer->ppk_id = sl_config_copy(p, value);
}

static void take_ppk_required(struct parser *p, const char *name, const char *value)
{
	sl_key_bool(p, name, value, &p->peer->ppk_required);
}

static void take_encapsulation(struct parser *p, const char *name, const char *value)
{
	p->peer->udp = strcmp(value, "udp") == 0;
	if (!p->peer->udp && strcmp(value, "esp") != 0)
		sl_key_bad(p, name, value, "udp or esp");
}

static void take_udp_checksum(struct parser *p, const char *name, const char *value)
{
	sl_key_bool(p, name, value, &p->peer->udp_checksum);
}

static void take_dscp(struct parser *p, const char *name, const char *value)
{
	unsigned dscp;

	if (strcmp(value, "copy") == 0)
		p->peer->dscp = SL_CONFIG_DSCP_COPY;
	else if (!sl_value_unsigned(&dscp, value) || dscp > 63)
		sl_key_bad(p, name, value, "copy or a number from 0 to 63");
	else
		p->peer->dscp = (uint8_t)dscp;
}

static void take_rekey_time(struct parser *p, const char *name, const char *value)
{
	sl_key_rekey_time(p, name, value, &p->peer->rekey_time);
}

static void take_rekey_packets(struct parser *p, const char *name, const char *value)
{
	sl_key_rekey_packets(p, name, value, &p->peer->rekey_packets);
}

static void take_rekey_bytes(struct parser *p, const char *name, const char *value)
{
	sl_key_rekey_bytes(p, name, value, &p->peer->rekey_bytes);
}

const struct section_kind sl_config_peer_kind = {
	"peer",
	{
		[PEER_PUBLIC_KEY] = {"public-key", true, take_public_key},
		[PEER_ENDPOINT] = {"endpoint", false, take_endpoint},
		[PEER_PREFIXES] = {"prefixes", true, take_prefixes},
		[PEER_CIPHER] = {"cipher", false, take_cipher},
		[PEER_ESN] = {"esn", false, take_esn},
		[PEER_ENCAPSULATION] = {"encapsulation", false, take_encapsulation},
		[PEER_UDP_CHECKSUM] = {"udp-checksum", false, take_udp_checksum},
		[PEER_DSCP] = {"dscp", false, take_dscp},
		[PEER_START] = {"start", false, take_start},
		[PEER_SOURCE_PORT] = {"source-port", false, take_source_port},
		[PEER_DPD_DELAY] = {"dpd-delay", false, take_dpd_delay},
		[PEER_REKEY_TIME] = {"rekey-after-time", false, take_rekey_time},
		[PEER_REKEY_PACKETS] = {"rekey-after-packets", false, take_rekey_packets},
		[PEER_REKEY_BYTES] = {"rekey-after-bytes", false, take_rekey_bytes},
		[PEER_PPK] = {"ppk", false, take_ppk},
		[PEER_PPK_ID] = {"ppk-id", false, take_ppk_id},
		[PEER_PPK_REQUIRED] = {"ppk-required", false, take_ppk_required},
	},
};
