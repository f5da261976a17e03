/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What has changed between two configurations. There is a sample here of every key that the parser knows, with another value
 * than the configuration has: the difference must name that key, and no other. A key without a sample fails the test, so that
 * nobody adds one that reload does not see.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/config/difference.h"
#include "lib/config/parser.h"
#include "lib/crypto/keyfile.h"

#define KEY_A "6n6wIq0ESFdAU3sYobQPqhCsy+Ixn4AkvHwvbMVoSqs="
#define KEY_B "QZccq1mtscdQ60F7hE0KtKXpNT5GSqTZCEbfitvKmIs="

/* Every section and key once. */
struct sample {
	const char *section, *key, *value, *other;
	enum sl_config_effect effect;
};

static const struct sample samples[] = {
	{"gateway", "name", "alpha", "omega", SL_CONFIG_RESTART},
	{"gateway", "private-key", "alpha.key", "other.key", SL_CONFIG_RESTART},
	{"gateway", "eal", "-l 0-1", "-l 0-2", SL_CONFIG_RESTART},
	{"gateway", "idle-sleep", "50us", "0", SL_CONFIG_RESTART},
	{"gateway", "mss-clamp", "yes", "no", SL_CONFIG_RESTART},
	{"gateway", "group", "netops", "admins", SL_CONFIG_RESTART},
	{"gateway", "include", "peers.d/*.conf", "others.d/*.conf", SL_CONFIG_SAME},
	{"wire", "port", "net_null0", "net_null7", SL_CONFIG_RESTART},
	{"wire", "address", "192.0.2.1/24, 2001:db8::1/64", "192.0.2.1/24, 2001:db8::5/64",
		SL_CONFIG_RESTART},
	{"wire", "mtu", "1500", "1400", SL_CONFIG_RESTART},
	{"wire", "vlan", "5", "6", SL_CONFIG_RESTART},
	{"wire", "next-hop", "192.0.2.254", "192.0.2.253", SL_CONFIG_RESTART},
	{"plain", "port", "net_null1", "net_null7", SL_CONFIG_RESTART},
	{"plain", "address", "10.1.0.1/16", "10.1.0.2/16", SL_CONFIG_RESTART},
	{"plain", "mtu", "1500", "1400", SL_CONFIG_RESTART},
	{"plain", "vlan", "5", "6", SL_CONFIG_RESTART},
	{"plain", "routes", "10.9.0.0/16 via 10.1.0.254", "10.9.0.0/16 via 10.1.0.253", SL_CONFIG_RESTART},
	{"plain", "wait-for-peer", "no", "yes", SL_CONFIG_RESTART},
	{"peer beta", "public-key", KEY_A, KEY_B, SL_CONFIG_IN_PLACE},
	{"peer beta", "endpoint", "192.0.2.2", "192.0.2.2:4501", SL_CONFIG_IN_PLACE},
	{"peer beta", "prefixes", "10.2.0.0/16, fd00:2::/64", "10.2.0.0/16, fd00:3::/64", SL_CONFIG_NEW_LINK},
	{"peer beta", "cipher", "aes256gcm16", "aes256gcm16, aes128gcm16", SL_CONFIG_NEW_KEYS},
	{"peer beta", "esn", "yes", "no", SL_CONFIG_NEW_KEYS},
	{"peer beta", "encapsulation", "udp", "esp", SL_CONFIG_NEW_LINK},
	{"peer beta", "udp-checksum", "yes", "no", SL_CONFIG_NEW_KEYS},
	{"peer beta", "dscp", "copy", "46", SL_CONFIG_NEW_KEYS},
	{"peer beta", "start", "boot", "none", SL_CONFIG_IN_PLACE},
	{"peer beta", "source-port", "4500", "per-sa", SL_CONFIG_NEW_KEYS},
	{"peer beta", "dpd-delay", "10s", "0", SL_CONFIG_IN_PLACE},
	{"peer beta", "rekey-after-time", "1h", "30m", SL_CONFIG_IN_PLACE},
	{"peer beta", "rekey-after-packets", "1000", "1001", SL_CONFIG_IN_PLACE},
	{"peer beta", "rekey-after-bytes", "1GiB", "2GiB", SL_CONFIG_IN_PLACE},
	{"peer beta", "ppk", "one.ppk", "two.ppk", SL_CONFIG_NEW_LINK},
	{"peer beta", "ppk-id", "one", "two", SL_CONFIG_NEW_LINK},
	{"peer beta", "ppk-required", "yes", "no", SL_CONFIG_NEW_LINK},
	{"flow web", "peer", "beta", "gamma", SL_CONFIG_NEW_LINK},
	{"flow web", "local", "10.1.7.0/24", "10.1.8.0/24", SL_CONFIG_NEW_LINK},
	{"flow web", "remote", "10.2.7.0/24", "10.2.8.0/24", SL_CONFIG_NEW_LINK},
	{"flow web", "protocol", "tcp", "udp", SL_CONFIG_NEW_LINK},
	{"flow web", "local-port", "1024-65535", "1025-65535", SL_CONFIG_NEW_LINK},
	{"flow web", "remote-port", "80", "80-81", SL_CONFIG_NEW_LINK},
	{"flow web", "rekey-after-time", "1h", "30m", SL_CONFIG_IN_PLACE},
	{"flow web", "rekey-after-packets", "1000", "1001", SL_CONFIG_IN_PLACE},
	{"flow web", "rekey-after-bytes", "1GiB", "2GiB", SL_CONFIG_IN_PLACE},
};

enum { SAMPLES = sizeof(samples) / sizeof(samples[0]), NO_OTHER = SAMPLES };

/* A key that is the name of its file. */
static int key_of_name(struct sl_ed25519_key *key, const char *path)
{
	memset(key->seed, path[0], sizeof(key->seed));
	sl_ed25519_from_seed(key);
	return 0;
}

static int ppk_of_name(struct sl_ppk *ppk, const char *path)
{
	ppk->len = SL_PPK_MIN;
	memset(ppk->bytes, path[0], ppk->len);
	return 0;
}

/* No pattern matches any file. */
static int match_nothing(const char *pattern, void (*take)(void *ctx, const char *path), void *ctx)
{
	(void)pattern;
	(void)take;
	(void)ctx;
	return 0;
}

static void show_complaint(void *ctx, const char *line)
{
	(void)ctx;
	print_error("%s\n", line);
}

static struct sl_config *parse(char *text)
{
	static const struct sl_config_loaders loaders = {
		.key = key_of_name, .ppk = ppk_of_name, .match = match_nothing};
	FILE *file = fmemopen(text, strlen(text), "r");
	struct sl_config *config;

	assert_non_null(file);
	config = sl_config_parse(file, "test.conf", &loaders, show_complaint, NULL);
	fclose(file);
	assert_non_null(config);
	return config;
}

/* All samples, the one at `other` with its other value. */
static struct sl_config *config_with(unsigned other)
{
	static char text[1 << 14];
	size_t len = 0;

	for (unsigned i = 0; i < SAMPLES; i++) {
		const struct sample *s = &samples[i];

		if (i == 0 || strcmp(s->section, samples[i - 1].section) != 0)
			len += (size_t)snprintf(text + len, sizeof(text) - len, "[%s]\n", s->section);
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s = %s\n", s->key,
			i == other ? s->other : s->value);
		assert_true(len < sizeof(text));
	}
	return parse(text);
}

/* Where a difference is told with its section. */
static void key_text(char text[static SL_CONFIG_KEYS_TEXT], const struct sample *s)
{
	bool peer = strncmp(s->section, "peer ", 5) == 0;

	snprintf(text, SL_CONFIG_KEYS_TEXT, "%s%s%s%s", peer ? "" : "[", peer ? "" : s->section,
		peer ? "" : "] ", s->key);
}

static struct sl_config_difference all_differences(const struct sl_config *a, const struct sl_config *b)
{
	struct sl_config_difference d = sl_config_compare(a, b), peer = sl_config_compare_peers(a, 0, b, 0);

	assert_true(d.effect == SL_CONFIG_SAME || peer.effect == SL_CONFIG_SAME);
	return d.effect == SL_CONFIG_SAME ? peer : d;
}

static void each_key(void **state)
{
	struct sl_config *old = config_with(NO_OTHER), *again = config_with(NO_OTHER);
	struct sl_config_difference d = all_differences(old, again);

	(void)state;
	assert_int_equal(d.effect, SL_CONFIG_SAME);
	assert_string_equal(d.keys, "");
	sl_config_free(again);
	for (unsigned i = 0; i < SAMPLES; i++) {
		char expected[SL_CONFIG_KEYS_TEXT];
		struct sl_config *new;

		if (strcmp(samples[i].key, "peer") == 0)
			continue; /* see flows_move() */
		new = config_with(i);
		d = all_differences(old, new);
		key_text(expected, &samples[i]);
		if (samples[i].effect == SL_CONFIG_SAME)
			*expected = '\0';
		assert_string_equal(d.keys, expected);
		assert_int_equal(d.effect, samples[i].effect);
		d = all_differences(new, old);
		assert_string_equal(d.keys, expected);
		sl_config_free(new);
	}
	sl_config_free(old);
}

static bool has_sample(const char *section, const char *key)
{
	for (unsigned i = 0; i < SAMPLES; i++) {
		size_t len = strcspn(samples[i].section, " ");

		if (strlen(section) == len && strncmp(samples[i].section, section, len) == 0 &&
			strcmp(samples[i].key, key) == 0)
			return true;
	}
	return false;
}

static void no_key_is_forgotten(void **state)
{
	static const struct section_kind *const kinds[] = {&sl_config_gateway_kind, &sl_config_wire_kind,
		&sl_config_plain_kind, &sl_config_peer_kind, &sl_config_flow_kind};
	unsigned count = 0;

	(void)state;
	for (unsigned k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		for (unsigned i = 0; i < SECTION_KEYS_MAX && kinds[k]->keys[i].name; i++) {
			count++;
			if (!has_sample(kinds[k]->name, kinds[k]->keys[i].name))
				fail_msg("[%s] %s has no sample here, and maybe no rule in difference.c",
					kinds[k]->name, kinds[k]->keys[i].name);
		}
	}
	assert_int_equal(count, SAMPLES);
}

/* ---- More than one value ------------------------------------------------------------------------------------------------ */

static const char base[] = "[gateway]\nname = alpha\nprivate-key = alpha.key\n"
			   "[wire]\nport = net_null0\naddress = 192.0.2.1/24\n"
			   "[plain]\nport = net_null1\naddress = 10.1.0.1/16\n"
			   "[peer beta]\npublic-key = " KEY_A "\nprefixes = 10.2.0.0/16\n";

static struct sl_config *with(const char *lines)
{
	char text[4096];

	snprintf(text, sizeof(text), "%s%s", base, lines);
	return parse(text);
}

static void expect(const char *before, const char *after, enum sl_config_effect effect, const char *keys)
{
	struct sl_config *old = with(before), *new = with(after);
	unsigned at = sl_config_find_peer(new, "beta");
	struct sl_config_difference d = sl_config_compare_peers(old, 0, new, at);

	assert_string_equal(d.keys, keys);
	assert_int_equal(d.effect, effect);
	sl_config_free(old);
	sl_config_free(new);
}

static void several_keys(void **state)
{
	(void)state;
	expect("dpd-delay = 1s\n", "dpd-delay = 1000ms\n", SL_CONFIG_SAME, "");
	expect("", "dpd-delay = 5s\nesn = no\n", SL_CONFIG_NEW_KEYS, "esn, dpd-delay");
	expect("endpoint = 192.0.2.2\n", "esn = no\n", SL_CONFIG_NEW_KEYS, "endpoint, esn, start");
}

static void ciphers(void **state)
{
	(void)state;
	expect("", "cipher = aes128gcm16, aes256gcm16\n", SL_CONFIG_NEW_KEYS, "cipher");
	expect("", "cipher = aes256gcm16, aes128gcm16\n", SL_CONFIG_SAME, "");
	expect("", "cipher = aes256gcm16\n", SL_CONFIG_NEW_LINK, "cipher");
	expect("cipher = aes128gcm16\n", "cipher = aes256gcm16\n", SL_CONFIG_NEW_LINK, "cipher");
}

static void flows_move(void **state)
{
	static const char two[] =
		"[flow a]\npeer = beta\nprotocol = tcp\n[flow b]\npeer = beta\nprotocol = udp\n";
	static const char turned[] =
		"[flow b]\npeer = beta\nprotocol = udp\n[flow a]\npeer = beta\nprotocol = tcp\n";
	char lines[512];

	(void)state;
	expect("", "[flow a]\npeer = beta\nprotocol = tcp\n", SL_CONFIG_NEW_LINK, "[flow a]");
	expect(two, "[flow a]\npeer = beta\nprotocol = tcp\n", SL_CONFIG_NEW_LINK, "[flow b]");
	expect(two, turned, SL_CONFIG_NEW_LINK,
		"[flow a] name, [flow a] protocol, [flow b] name, [flow b] protocol");
	/* Those of others are no matter. */
	snprintf(lines, sizeof(lines),
		"[peer gamma]\npublic-key = %s\nprefixes = 10.3.0.0/16\n[flow x]\npeer = gamma\n%s", KEY_B,
		two);
	expect(two, lines, SL_CONFIG_SAME, "");
}

static void peers_by_name(void **state)
{
	struct sl_config *config = with("");

	(void)state;
	assert_int_equal(sl_config_find_peer(config, "beta"), 0);
	assert_int_equal(sl_config_find_peer(config, "bet"), 1);
	sl_config_free(config);
}

static int start(void **state)
{
	(void)state;
	return sl_crypto_init();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_key),
		cmocka_unit_test(no_key_is_forgotten),
		cmocka_unit_test(several_keys),
		cmocka_unit_test(ciphers),
		cmocka_unit_test(flows_move),
		cmocka_unit_test(peers_by_name),
	};

	return cmocka_run_group_tests_name("difference", tests, start, NULL);
}
