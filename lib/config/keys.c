/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The keys of each section. A key is a line in a table (at the end) and a function that takes its value: it stores what
 * it understands, and complains about anything else with the word of what it expected.
 */
#include "parser.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../crypto/keyfile.h"
#include "addresses.h"
#include "values.h"

/* The value is not what it should be. */
static void bad(struct parser *p, const char *name, const char *value, const char *expected)
{
	sl_config_complain(
		p, p->line, "%s '%s' is not valid, expected %s", name, sl_value_shown(value), expected);
}

static void take_bool(struct parser *p, const char *name, const char *value, bool *out)
{
	if (!sl_value_bool(out, value))
		bad(p, name, value, "yes or no");
}

/* A duration between two bounds; 0 is always fine. */
static void take_duration(struct parser *p, const char *name, const char *value, uint64_t *out, uint64_t min,
	uint64_t max, const char *expected)
{
	uint64_t ns;

	if (!sl_value_duration(&ns, value) || ns > max || (ns < min && ns != 0))
		bad(p, name, value, expected);
	else
		*out = ns;
}

/* ---- [gateway] ------------------------------------------------------------------------------------------------- */

static void take_name(struct parser *p, const char *name, const char *value)
{
	if (!sl_value_is_name(value))
		bad(p, name, value, SL_NAME_EXPECTED);
	else
		p->config->name = sl_config_copy(p, value);
}

/* The path of a key file, relative to the folder of the configuration file unless it is absolute; or NULL. */
static char *key_path(struct parser *p, const char *value)
{
	const char *slash = strrchr(p->config->path, '/');
	char *path;

	if (*value == '/' || slash == NULL)
		return sl_config_copy(p, value);
	if (asprintf(&path, "%.*s/%s", (int)(slash - p->config->path), p->config->path, value) < 0) {
		p->no_memory = true;
		return NULL;
	}
	return path;
}

/* What a key file should be: in words, and which program writes one. */
struct key_kind {
	const char *content;
	const char *form;
	const char *writer;
};

static const struct key_kind private_key_kind = {
	"Ed25519 private key", "PKCS#8 PEM as 'sealane genkey' writes it", "'sealane genkey'"};
static const struct key_kind ppk_kind = {"preshared key",
	"32 to 128 bytes in hexadecimal as 'openssl rand -hex 32' writes them", "'openssl rand -hex 32'"};

/* Says why a key file cannot be used. What should be its path may be the key itself, pasted there. */
static void complain_key(
	struct parser *p, const struct key_kind *kind, const char *name, const char *path, int error)
{
	struct stat st;

	switch (error) {
	case SL_CRYPTO_E_KEY_READ:
		sl_config_complain(p, p->line, "cannot read %s %s: %s, expected a file that %s wrote", name,
			path, strerror(errno), kind->writer);
		break;
	case SL_CRYPTO_E_KEY_MODE:
		if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
			sl_config_complain(p, p->line,
				"%s %s is not a regular file, expected one that %s wrote", name, path,
				kind->writer);
		else
			sl_config_complain(p, p->line,
				"%s %s is readable by others, expected mode 0600 (chmod 600 %s)", name, path,
				path);
		break;
	case SL_CRYPTO_E_KEY_FORMAT:
		sl_config_complain(
			p, p->line, "%s %s holds no %s, expected %s", name, path, kind->content, kind->form);
		break;
	default: sl_config_complain(p, p->line, "%s: %s", name, sl_crypto_strerror(error));
	}
}

static void take_private_key(struct parser *p, const char *name, const char *value)
{
	char *path = key_path(p, value);
	int error;

	if (path == NULL)
		return;
	error = p->loaders->key(p->config->key, path);
	if (error != 0)
		complain_key(p, &private_key_kind, name,
			sl_value_shown(value) == value ? path : sl_value_shown(value), error);
	free(path);
}

static void take_eal(struct parser *p, const char *name, const char *value)
{
	(void)name;
	p->config->eal = sl_config_copy(p, value);
}

static void take_idle_sleep(struct parser *p, const char *name, const char *value)
{
	take_duration(p, name, value, &p->config->idle_sleep, 1, SL_SECOND,
		"0 or a duration up to 1s such as 50us");
}

/* ---- [wire] and [plain] ---------------------------------------------------------------------------------------- */

static void take_port(struct parser *p, const char *name, const char *value)
{
	enum { DEVICE_NAME_MAX = 63 }; /* DPDK's RTE_ETH_NAME_MAX_LEN is 64 */

	if (strlen(value) > DEVICE_NAME_MAX || strpbrk(value, " \t,") != NULL) {
		bad(p, name, value,
			"a PCI address such as 0000:3b:00.0 or the name of a vdev such as net_tap0");
		return;
	}
	p->port->port = sl_config_copy(p, value);
	p->port->port_line = p->line;
}

static void take_address(struct parser *p, const char *name, const char *value)
{
	struct sl_prefix address;
	const char *use;

	if (strchr(value, '/') == NULL || !sl_prefix_parse(&address, value)) {
		bad(p, name, value, "an IPv4 address with its prefix length such as 192.0.2.1/24");
		return;
	}
	if (address.addr.family == SL_IPV6) {
		sl_config_complain(p, p->line,
			"%s '%s': IPv6 is not supported yet, expected an IPv4 address with its prefix "
			"length such as 192.0.2.1/24",
			name, value);
		return;
	}
	if (address.len < 1 || address.len > 31) {
		bad(p, name, value, "a prefix length of 1 to 31");
		return;
	}
	use = sl_address_use(&address.addr, &address);
	if (use != NULL)
		sl_config_complain(
			p, p->line, "%s '%s' is %s, expected the address of one host", name, value, use);
	else
		p->port->address = address;
}

static void take_mtu(struct parser *p, const char *name, const char *value)
{
	unsigned mtu;

	if (!sl_value_unsigned(&mtu, value) || mtu < SL_CONFIG_MTU_MIN || mtu > SL_CONFIG_MTU_MAX)
		sl_config_complain(p, p->line, "%s '%s' is not valid, expected %d to %d", name,
			sl_value_shown(value), SL_CONFIG_MTU_MIN, SL_CONFIG_MTU_MAX);
	else
		p->port->mtu = mtu;
}

static void take_next_hop(struct parser *p, const char *name, const char *value)
{
	struct sl_addr addr;

	if (!sl_addr_parse(&addr, value))
		bad(p, name, value, "an IPv4 address such as 192.0.2.254");
	else if (addr.family == SL_IPV6)
		sl_config_complain(p, p->line, "%s '%s': IPv6 is not supported yet, expected an IPv4 address",
			name, value);
	else
		p->port->next_hop = addr;
}

static void take_wait_for_peer(struct parser *p, const char *name, const char *value)
{
	take_bool(p, name, value, &p->port->wait_for_peer);
}

/* ---- [peer NAME] ----------------------------------------------------------------------------------------------- */

/* The value is not shown: it may be a private key that somebody pasted here. */
static void take_public_key(struct parser *p, const char *name, const char *value)
{
	if (sl_public_from_text(p->peer->public_key, value, strlen(value)) == 0)
		return;
	memset(p->peer->public_key, 0, sizeof(p->peer->public_key));
	sl_config_complain(p, p->line,
		"%s is not an Ed25519 public key, expected the line that 'sealane pubkey' prints", name);
}

static void take_endpoint(struct parser *p, const char *name, const char *value)
{
	struct sl_endpoint endpoint;
	const char *use;

	if (!sl_endpoint_parse(&endpoint, value, 4500) || endpoint.port == 0) {
		bad(p, name, value, "an IPv4 address with or without a port such as 192.0.2.2:4500");
		return;
	}
	if (endpoint.addr.family == SL_IPV6) {
		sl_config_complain(p, p->line, "%s '%s': IPv6 is not supported yet, expected an IPv4 address",
			name, value);
		return;
	}
	use = sl_address_use(&endpoint.addr, NULL);
	if (use != NULL)
		sl_config_complain(
			p, p->line, "%s '%s' is %s, expected the address of one host", name, value, use);
	else
		p->peer->endpoint = endpoint;
}

/* One item of `prefixes`; false after a complaint. */
static bool read_prefix(struct parser *p, const char *name, const char *item, struct sl_prefix *prefix)
{
	char text[SL_ADDR_TEXT];
	struct sl_prefix masked;
	const char *use;

	if (!sl_prefix_parse(prefix, item)) {
		bad(p, name, item, "IPv4 prefixes such as 10.2.0.0/16, with commas between them");
		return false;
	}
	if (prefix->addr.family == SL_IPV6) {
		sl_config_complain(
			p, p->line, "%s '%s': IPv6 is not supported yet, expected IPv4 prefixes", name, item);
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

static void take_prefixes(struct parser *p, const char *name, const char *value)
{
	char *text = sl_config_copy(p, value);
	char *rest = text;
	char *item;

	while ((item = sl_value_next_item(&rest)) != NULL) {
		struct sl_prefix prefix;

		if (!read_prefix(p, name, item, &prefix))
			continue;
		if (p->peer->prefix_count == SL_TS_MAX) {
			sl_config_complain(
				p, p->line, "%s has too many entries, expected at most %d", name, SL_TS_MAX);
			break;
		}
		p->peer->prefixes[p->peer->prefix_count++] = prefix;
	}
	free(text);
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
			bad(p, name, item, "aes256gcm16 or aes128gcm16, or both with a comma between them");
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
	take_bool(p, name, value, &p->peer->esn);
}

static void take_start(struct parser *p, const char *name, const char *value)
{
	p->peer->start = SL_CONFIG_START_NONE;
	if (strcmp(value, "boot") == 0)
		p->peer->start = SL_CONFIG_START_BOOT;
	else if (strcmp(value, "traffic") == 0)
		p->peer->start = SL_CONFIG_START_TRAFFIC;
	else if (strcmp(value, "none") != 0)
		bad(p, name, value, "boot, traffic or none");
}

static void take_source_port(struct parser *p, const char *name, const char *value)
{
	p->peer->source_port_per_sa = strcmp(value, "per-sa") == 0;
	if (!p->peer->source_port_per_sa && strcmp(value, "4500") != 0)
		bad(p, name, value, "per-sa or 4500");
}

static void take_dpd_delay(struct parser *p, const char *name, const char *value)
{
	take_duration(p, name, value, &p->peer->dpd_delay, 100 * SL_MILLISECOND, SL_DAY,
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
	char *path = key_path(p, value);
	int error;

	p->peer->ppk = new_ppk(p);
	if (path != NULL && p->peer->ppk != NULL) {
		error = p->loaders->ppk(p->peer->ppk, path);
		if (error != 0)
			complain_key(p, &ppk_kind, name,
				sl_value_shown(value) == value ? path : sl_value_shown(value), error);
	}
	free(path);
}

static void take_ppk_id(struct parser *p, const char *name, const char *value)
{
	if (!sl_value_is_name(value))
		bad(p, name, value, SL_NAME_EXPECTED);
	else
		p->peer->ppk_id = sl_config_copy(p, value);
}

static void take_ppk_required(struct parser *p, const char *name, const char *value)
{
	take_bool(p, name, value, &p->peer->ppk_required);
}

static void take_rekey_time(struct parser *p, const char *name, const char *value)
{
	uint64_t ns;

	if (!sl_value_duration(&ns, value) || ns < SL_SECOND || ns > SL_DAY)
		bad(p, name, value, "a duration from 1s to 1d such as 1h");
	else
		p->peer->rekey_time = ns;
}

static void take_rekey_packets(struct parser *p, const char *name, const char *value)
{
	uint64_t count;

	if (!sl_value_count(&count, value) || count < 1 || count > UINT64_C(1) << 32)
		bad(p, name, value, "a number from 1 to 4294967296");
	else
		p->peer->rekey_packets = count;
}

static void take_rekey_bytes(struct parser *p, const char *name, const char *value)
{
	uint64_t bytes;

	if (!sl_value_bytes(&bytes, value) || bytes == 0 || bytes > 16 * 1024 * SL_GIB)
		bad(p, name, value, "1KiB to 16TiB such as 256GiB");
	else
		p->peer->rekey_bytes = bytes;
}

/* ---- The tables ------------------------------------------------------------------------------------------------ */

const struct section_kind sl_config_gateway_kind = {
	"gateway",
	{
		[GATEWAY_NAME] = {"name", true, take_name},
		[GATEWAY_PRIVATE_KEY] = {"private-key", true, take_private_key},
		[GATEWAY_EAL] = {"eal", false, take_eal},
		[GATEWAY_IDLE_SLEEP] = {"idle-sleep", false, take_idle_sleep},
	},
};

const struct section_kind sl_config_wire_kind = {
	"wire",
	{
		[PORT_DEVICE] = {"port", true, take_port},
		[PORT_ADDRESS] = {"address", true, take_address},
		[PORT_MTU] = {"mtu", false, take_mtu},
		[WIRE_NEXT_HOP] = {"next-hop", false, take_next_hop},
	},
};

const struct section_kind sl_config_plain_kind = {
	"plain",
	{
		[PORT_DEVICE] = {"port", true, take_port},
		[PORT_ADDRESS] = {"address", true, take_address},
		[PORT_MTU] = {"mtu", false, take_mtu},
		[PLAIN_WAIT_FOR_PEER] = {"wait-for-peer", false, take_wait_for_peer},
	},
};

const struct section_kind sl_config_peer_kind = {
	"peer",
	{
		[PEER_PUBLIC_KEY] = {"public-key", true, take_public_key},
		[PEER_ENDPOINT] = {"endpoint", false, take_endpoint},
		[PEER_PREFIXES] = {"prefixes", true, take_prefixes},
		[PEER_CIPHER] = {"cipher", false, take_cipher},
		[PEER_ESN] = {"esn", false, take_esn},
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
