/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The configuration file. Each file of tests/config that begins with `# expect: LINE: COMPLAINT` (one such line a
 * complaint; `# expect: @FILE:LINE: COMPLAINT` about a file that it includes) is broken in one way and must be refused with
 * these complaints and no other; each is a test of its own.
 * What good files mean, and what cannot be kept as a file, is tested below.
 *
 * Private keys must have mode 0600, which git does not keep, so everything runs in a copy of that folder.
 */
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/config/config.h"
#include "lib/config/values.h"
#include "lib/crypto/keyfile.h"

enum { LINES_MAX = 16, LINE_MAX_LEN = 1024 };

/* Lines, as complained or as expected. */
struct lines {
	unsigned count;
	char line[LINES_MAX][LINE_MAX_LEN];
};

static void keep(void *ctx, const char *line)
{
	struct lines *got = ctx;

	assert_true(got->count < LINES_MAX);
	assert_null(strchr(line, '\n'));
	snprintf(got->line[got->count++], LINE_MAX_LEN, "%s", line);
}

/* The complaints a broken file promises, with the prefix they must have. */
static void read_expected(struct lines *expected, const char *path)
{
	static const char mark[] = "# expect: ";
	char text[LINE_MAX_LEN];
	FILE *file = fopen(path, "r");

	assert_non_null(file);
	expected->count = 0;
	while (fgets(text, sizeof(text), file) != NULL && strncmp(text, mark, sizeof(mark) - 1) == 0) {
		const char *complaint = text + sizeof(mark) - 1;
		bool elsewhere = *complaint == '@';

		text[strcspn(text, "\n")] = '\0';
		assert_true(expected->count < LINES_MAX);
		assert_true(snprintf(expected->line[expected->count++], LINE_MAX_LEN, "%s%s%s",
				    elsewhere ? "" : path, elsewhere ? "" : ":",
				    complaint + elsewhere) < LINE_MAX_LEN);
	}
	fclose(file);
}

static void test_broken_file(void **state)
{
	const char *path = *state;
	struct lines expected, got = {0};

	read_expected(&expected, path);
	assert_true(expected.count > 0);
	assert_null(sl_config_load(path, keep, &got));
	for (unsigned i = 0; i < expected.count && i < got.count; i++)
		assert_string_equal(got.line[i], expected.line[i]);
	assert_int_equal(got.count, expected.count);
}

/* Loads a file that must be good. */
static struct sl_config *load(const char *path)
{
	struct lines got = {0};
	struct sl_config *config = sl_config_load(path, keep, &got);

	if (config == NULL)
		fail_msg("%s", got.line[0]);
	assert_int_equal(got.count, 0);
	return config;
}

static struct sl_config *parse(const char *text, size_t len, const char *path, struct lines *got)
{
	FILE *file = fmemopen((void *)(uintptr_t)text, len, "r");
	struct sl_config *config;

	assert_non_null(file);
	got->count = 0;
	config = sl_config_parse(file, path, &sl_config_from_files, keep, got);
	fclose(file);
	return config;
}

/* A text that must be refused with one complaint among any others. */
static void assert_complaint(const char *text, size_t len, const char *complaint)
{
	struct lines got;

	assert_null(parse(text, len, "x.conf", &got));
	for (unsigned i = 0; i < got.count; i++) {
		if (strcmp(got.line[i], complaint) == 0)
			return;
	}
	fail_msg("expected '%s', got '%s' first", complaint, got.line[0]);
}

static void assert_prefix(const struct sl_prefix *prefix, const char *text)
{
	char got[SL_ADDR_TEXT];

	assert_string_equal(sl_prefix_text(prefix, got), text);
}

static void assert_endpoint(const struct sl_endpoint *endpoint, const char *text)
{
	char got[SL_ADDR_TEXT];

	assert_string_equal(sl_endpoint_text(endpoint, got), text);
}

static void assert_public(const uint8_t *public, const char *base64)
{
	char got[SL_KEY_BASE64_MAX];

	sl_public_to_base64(got, public);
	assert_string_equal(got, base64);
}

static void assert_ports(const struct sl_config *c)
{
	struct sl_prefix behind[SL_TS_MAX];
	char text[SL_ADDR_TEXT];

	assert_string_equal(c->wire.port, "0000:3b:00.0");
	assert_null(c->wire.tap);
	assert_int_equal(c->wire.port_line, 11);
	assert_int_equal(c->wire.address_count, 2);
	assert_prefix(&c->wire.addresses[0], "192.0.2.1/24");
	assert_prefix(&c->wire.addresses[1], "2001:db8::1/64");
	assert_ptr_equal(sl_config_address(&c->wire, SL_IPV6), &c->wire.addresses[1]);
	assert_int_equal(c->wire.mtu, 1400);
	assert_int_equal(c->wire.vlan, 42);
	assert_string_equal(sl_addr_text(&c->wire.next_hop, text), "192.0.2.254");
	assert_string_equal(sl_addr_text(&c->wire.next_hop6, text), "fe80::1");
	assert_string_equal(c->plain.port, "net_tap0");
	assert_int_equal(c->plain.port_line, 18);
	assert_int_equal(c->plain.address_count, 3);
	assert_prefix(&c->plain.addresses[0], "10.1.0.0/31");
	assert_int_equal(c->plain.mtu, 9000);
	assert_int_equal(c->plain.vlan, 7);
	assert_int_equal(c->plain.route_count, 2);
	assert_prefix(&c->plain.routes[1].prefix, "fd00:8::/64");
	assert_string_equal(sl_addr_text(&c->plain.routes[1].via, text), "fe80::8");
	assert_true(c->plain.wait_for_peer);
	assert_int_equal(sl_config_behind_us(c, behind), 5);
	assert_prefix(&behind[1], "fd00:1::/64");
	assert_prefix(&behind[3], "10.8.0.0/16");
}

static void assert_flows(const struct sl_config *c)
{
	const struct sl_config_flow *database = &c->flows[0], *ping = &c->flows[1];

	assert_int_equal(c->flow_count, 2);
	assert_string_equal(database->name, "database");
	assert_int_equal(database->peer, 0);
	assert_int_equal(database->local_count, 1);
	assert_prefix(&database->local[0], "10.9.0.0/25");
	assert_int_equal(database->remote_count, 2);
	assert_prefix(&database->remote[1], "fd00:2::/80");
	assert_int_equal(database->protocol, 6);
	assert_int_equal(database->local_port_first, 1024);
	assert_int_equal(database->local_port_last, 65535);
	assert_int_equal(database->remote_port_first, 5432);
	assert_int_equal(database->remote_port_last, 5432);
	assert_int_equal(database->rekey_time, 600 * SL_SECOND);
	assert_int_equal(database->rekey_packets, 1000000);
	assert_int_equal(database->rekey_bytes, SL_GIB);
	assert_int_equal(ping->protocol, 1);
	assert_int_equal(ping->local_count, 5);
	assert_int_equal(ping->remote_count, 4);
	assert_int_equal(ping->local_port_first, 0);
	assert_int_equal(ping->remote_port_last, 65535);
	assert_int_equal(ping->rekey_time, c->peers[0].rekey_time);
	assert_int_equal(ping->rekey_packets, c->peers[0].rekey_packets);
	assert_int_equal(ping->rekey_bytes, c->peers[0].rekey_bytes);
}

static void test_every_key(void **state)
{
	struct sl_config *c = load("good-full.conf");
	const struct sl_config_peer *beta = &c->peers[0];

	(void)state;
	assert_string_equal(c->path, "good-full.conf");
	assert_string_equal(c->name, "alpha.example");
	assert_public(c->key->public, "UZdUn3rfyVS4meACnWVElf2BZDJJ6/XWjzYZ9MYdIzg=");
	assert_string_equal(c->eal, "-l 0-1 --no-pci --vdev=net_null0 --vdev=net_null1");
	assert_int_equal(c->idle_sleep, 500000);
	assert_false(c->mss_clamp);
	assert_string_equal(c->group, "netops");
	assert_int_equal(c->group_line, 8);
	assert_ports(c);
	assert_int_equal(c->peer_count, 2);
	assert_string_equal(beta->name, "beta.example");
	assert_int_equal(beta->line, 25);
	assert_int_equal(beta->public_key_count, 2);
	assert_public(beta->public_keys[0], "6n6wIq0ESFdAU3sYobQPqhCsy+Ixn4AkvHwvbMVoSqs=");
	assert_public(beta->public_keys[1], "1SqaxHyhaARVozZnqcfF0npnfoBndDW/wRjZYuWtzz8=");
	assert_endpoint(&beta->endpoint, "198.51.100.2:4501");
	assert_int_equal(beta->prefix_count, 4);
	assert_prefix(&beta->prefixes[0], "10.2.0.0/16");
	assert_prefix(&beta->prefixes[1], "10.3.0.0/24");
	assert_prefix(&beta->prefixes[2], "172.16.5.9/32");
	assert_prefix(&beta->prefixes[3], "fd00:2::/64");
	assert_int_equal(beta->cipher_count, 1);
	assert_int_equal(beta->ciphers[0], SL_AES128GCM16);
	assert_false(beta->esn);
	assert_false(beta->udp);
	assert_false(beta->udp_checksum);
	assert_int_equal(beta->dscp, 46);
	assert_int_equal(beta->start, SL_CONFIG_START_TRAFFIC);
	assert_true(beta->source_port_per_sa);
	assert_int_equal(beta->dpd_delay, 3600 * SL_SECOND);
	assert_int_equal(beta->rekey_time, 90 * 60 * SL_SECOND);
	assert_int_equal(beta->rekey_packets, 1000000000);
	assert_int_equal(beta->rekey_bytes, 1024 * SL_GIB);
	assert_int_equal(beta->ppk->len, 32);
	for (unsigned i = 0; i < 32; i++)
		assert_int_equal(beta->ppk->bytes[i], 7 * i);
	assert_string_equal(beta->ppk_id, "link1");
	assert_false(beta->ppk_required);
	assert_string_equal(c->peers[1].name, "gamma_1@site-2.example");
	assert_endpoint(&c->peers[1].endpoint, "[2001:db8:9::2]:4502");
	assert_int_equal(c->peers[1].start, SL_CONFIG_START_NONE);
	assert_false(c->peers[1].source_port_per_sa);
	assert_int_equal(c->peers[1].dpd_delay, 0);
	assert_flows(c);
	sl_config_free(c);
}

static void test_defaults(void **state)
{
	struct sl_config *c = load("good-short.conf");

	(void)state;
	assert_null(c->eal);
	assert_int_equal(c->idle_sleep, 50000);
	assert_int_equal(c->wire.mtu, 1500);
	assert_int_equal(c->plain.mtu, 1500);
	assert_true(c->mss_clamp);
	assert_null(c->group);
	assert_int_equal(c->wire.address_count, 1);
	assert_int_equal(c->wire.next_hop.family, SL_NONE);
	assert_int_equal(c->wire.next_hop6.family, SL_NONE);
	assert_int_equal(c->wire.vlan, 0);
	assert_int_equal(c->plain.route_count, 0);
	assert_false(c->plain.wait_for_peer);
	assert_int_equal(c->flow_count, 0);
	assert_int_equal(c->peer_count, 2);
	for (unsigned i = 0; i < 2; i++) {
		const struct sl_config_peer *peer = &c->peers[i];

		assert_endpoint(&peer->endpoint, i == 0 ? "192.0.2.2:4500" : "192.0.2.3:500");
		assert_int_equal(peer->cipher_count, 2);
		assert_int_equal(peer->ciphers[0], SL_AES256GCM16);
		assert_int_equal(peer->ciphers[1], SL_AES128GCM16);
		assert_true(peer->esn);
		assert_true(peer->udp);
		assert_true(peer->udp_checksum);
		assert_int_equal(peer->dscp, SL_CONFIG_DSCP_COPY);
		assert_int_equal(peer->start, SL_CONFIG_START_BOOT);
		assert_false(peer->source_port_per_sa);
		assert_int_equal(peer->dpd_delay, 10 * SL_SECOND);
		assert_int_equal(peer->rekey_time, 3600 * SL_SECOND);
		assert_int_equal(peer->rekey_packets, UINT64_C(1) << 32);
		assert_int_equal(peer->rekey_bytes, UINT64_C(1) << 38);
		assert_true(peer->ppk == NULL && peer->ppk_id == NULL && peer->ppk_required);
	}
	sl_config_free(c);
}

/* Peers and flows from files of their own, in the order of their names, and what these name in turn. */
static void test_include(void **state)
{
	struct sl_config *c = load("good-include.conf");

	(void)state;
	assert_string_equal(c->key_path, "alpha.key");
	assert_int_equal(c->peer_count, 2);
	assert_string_equal(c->peers[0].name, "beta.example");
	assert_int_equal(c->peers[0].public_key_count, 2);
	assert_non_null(c->peers[0].ppk);
	assert_string_equal(c->peers[1].name, "gamma.example");
	assert_int_equal(c->peers[1].public_key_count, 1);
	assert_int_equal(c->flow_count, 1);
	assert_int_equal(c->flows[0].peer, 0);
	sl_config_free(c);
}

/* From another folder, the name of which holds what in a pattern would not stand for itself. */
static void test_include_elsewhere(void **state)
{
	struct sl_config *c;

	(void)state;
	assert_int_equal(
		system("mkdir 'f[x]*\\' && cp -pr good-include.conf alpha.key link1.ppk ./*.d 'f[x]*\\'"), 0);
	c = load("f[x]*\\/good-include.conf");
	assert_int_equal(c->peer_count, 2);
	assert_int_equal(c->flow_count, 1);
	sl_config_free(c);
	assert_int_equal(system("rm -r 'f[x]*\\'"), 0);
}

/* A folder that cannot be read may hold peers, so it is not taken for an empty one. */
static void test_include_unreadable(void **state)
{
	static const char text[] = "[gateway]\ninclude = closed.d/*.conf\n";

	(void)state;
	assert_int_equal(symlink("closed.d", "closed.d"), 0); /* even root cannot read that */
	assert_complaint(text, sizeof(text) - 1,
		"x.conf:2: cannot look for the files of include 'closed.d/*.conf': Too many levels of symbolic links");
	assert_int_equal(unlink("closed.d"), 0);
}

/* A complaint is one line, and plain text, whatever a file is called. */
static void test_include_strange_name(void **state)
{
	static const char text[] = "[gateway]\ninclude = strange.d/*\n";
	FILE *file;

	(void)state;
	assert_int_equal(mkdir("strange.d", 0700), 0);
	file = fopen("strange.d/a\nb\x1b[2J", "w");
	assert_non_null(file);
	fputs("[plain]\n", file);
	fclose(file);
	assert_complaint(text, sizeof(text) - 1,
		"strange.d/a?b?[2J:1: [plain] in an included file, expected it in x.conf");
	assert_int_equal(system("rm -r strange.d"), 0);
}

static void test_tap(void **state)
{
	struct sl_config *c = load("good-tap.conf");

	(void)state;
	assert_string_equal(c->plain.port, "tap:sealane0");
	assert_string_equal(c->plain.tap, "sealane0");
	assert_prefix(&c->plain.addresses[1], "fd00:1::1/128");
	assert_endpoint(&c->peers[0].endpoint, "[2001:db8::2]:4500");
	assert_prefix(&c->peers[1].prefixes[1], "2001:db8:7::/48");
	assert_int_equal(c->peers[1].start, SL_CONFIG_START_NONE);
	sl_config_free(c);
}

/* The key file's path goes from the configuration's folder, wherever the program runs. */
static void test_key_path(void **state)
{
	char *cwd = getcwd(NULL, 0);
	char path[LINE_MAX_LEN], expected[4 * LINE_MAX_LEN];
	struct lines got = {0};

	(void)state;
	assert_non_null(cwd);
	assert_int_equal(chdir("/"), 0);
	snprintf(path, sizeof(path), "%s/good-short.conf", cwd);
	sl_config_free(load(path));
	snprintf(path, sizeof(path), "%s/key-readable.conf", cwd);
	snprintf(expected, sizeof(expected),
		"%s:4: private-key %s/open.key is readable by others, expected mode 0600 (chmod 600 %s/open.key)",
		path, cwd, cwd);
	assert_null(sl_config_load(path, keep, &got));
	assert_int_equal(chdir(cwd), 0);
	free(cwd);
	assert_int_equal(got.count, 1);
	assert_string_equal(got.line[0], expected);
}

static void test_unreadable(void **state)
{
	struct lines got = {0};

	(void)state;
	assert_null(sl_config_load("nothing.conf", keep, &got));
	assert_null(sl_config_load(".", keep, &got));
	assert_int_equal(got.count, 2);
	assert_string_equal(
		got.line[0], "nothing.conf: cannot open the configuration file: No such file or directory");
	assert_string_equal(got.line[1], ".: cannot read the configuration file: Is a directory");
}

static void test_empty(void **state)
{
	struct lines got;

	(void)state;
	assert_null(parse("\n", 1, "x.conf", &got));
	assert_int_equal(got.count, 4);
	assert_string_equal(got.line[0], "x.conf:1: no [gateway] section, expected one");
	assert_string_equal(got.line[1], "x.conf:1: no [peer NAME] section, expected at least one");
	assert_string_equal(got.line[2], "x.conf:1: no [plain] section, expected one");
	assert_string_equal(got.line[3], "x.conf:1: no [wire] section, expected one");
}

/* A long line is taken whole or refused, wherever what is too much stands; a comment may have any length. */
static void test_long_lines(void **state)
{
	static char text[20000];
	struct lines got;
	int len;

	(void)state;
	len = snprintf(text, sizeof(text), "# %09000d\n[gateway]\neal = %03000d\ncolour = red\n", 0, 0);
	assert_null(parse(text, (size_t)len, "x.conf", &got));
	for (unsigned i = 0; i < got.count; i++)
		assert_null(strstr(got.line[i], "too long"));
	assert_complaint(text, (size_t)len,
		"x.conf:4: unknown key 'colour' in [gateway], expected name, private-key, eal, idle-sleep, mss-clamp, group or include");
	len = snprintf(text, sizeof(text), "[gateway]\neal = %04090d\n", 0);
	assert_complaint(
		text, (size_t)len, "x.conf:2: the line is too long, expected at most 4094 characters");
	len = snprintf(text, sizeof(text), "[gateway]\n%5000seal = 0\n[wire]\n", "");
	assert_complaint(
		text, (size_t)len, "x.conf:2: the line is too long, expected at most 4094 characters");
	assert_complaint(text, (size_t)len, "x.conf:3: [wire] has no port, expected port = VALUE in it");
}

static void test_control_characters(void **state)
{
	static const char nul[] = "[gateway]\nname = alpha\0beta\n";
	static const char carriage_returns[] = "[wire]\r\n\r\nmtu = 1\r\n";

	(void)state;
	assert_complaint(
		nul, sizeof(nul) - 1, "x.conf:2: the line holds a control character, expected plain text");
	assert_complaint(carriage_returns, sizeof(carriage_returns) - 1,
		"x.conf:3: mtu '1' is not valid, expected 576 to 9000");
}

/* No complaint repeats what may be a private key, wherever it was pasted. */
static void test_pasted_keys(void **state)
{
	static const char key[] = "MC4CAQAwBQYDK2VwBCIEIABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/abcde";
	static const struct {
		const char *before, *after;
	} places[] = {{"[gateway]\nprivate-key = ", ""}, {"[gateway]\nname = ", "/"},
		{"[gateway]\ninclude = ", ""}, {"[gateway]\ninclude = ", "/*"}, {"[gateway]\n", ""},
		{"[gateway]\n", "="}, {"", "="}, {"[gateway]\nidle-sleep = ", ""}, {"[wire]\nport = ", ","},
		{"[wire]\nport = ", ""}, {"[wire]\nmtu = key ", ""}, {"[peer a]\npublic-key = ", ""},
		{"[peer a]\nppk = ", ""}, {"[peer a]\nppk-id = ", "/"},
		{"[peer a]\nprefixes = 10.0.0.0/8, ", ""}, {"[", "]"}, {"[wire ", "]"}, {"[peer ", "=]"}};
	char text[512];
	struct lines got;

	(void)state;
	for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		int len = snprintf(text, sizeof(text), "%s%s%s\n", places[i].before, key, places[i].after);

		assert_null(parse(text, (size_t)len, "x.conf", &got));
		for (unsigned j = 0; j < got.count; j++) {
			if (strstr(got.line[j], "ABCDEFGHIJKLM") != NULL)
				fail_msg("shown: %s", got.line[j]);
		}
	}
}

/* As many peers as a file may have, and one more. */
static void test_many_peers(void **state)
{
	enum { PEER_TEXT = 160 };
	size_t size = (SL_CONFIG_PEERS_MAX + 2) * PEER_TEXT, len;
	char *text = malloc(size);
	struct lines got;
	struct sl_config *c;

	(void)state;
	assert_non_null(text);
	len = (size_t)snprintf(text, size,
		"[gateway]\nname = alpha\nprivate-key = alpha.key\n[wire]\nport = a\naddress = 192.0.2.1/24\n"
		"[plain]\nport = b\naddress = 192.168.0.1/16\n");
	for (unsigned i = 0; i <= SL_CONFIG_PEERS_MAX; i++) {
		struct sl_ed25519_key key = {.seed = {1, (uint8_t)i, (uint8_t)(i >> 8)}};
		char base64[SL_KEY_BASE64_MAX];

		if (i == SL_CONFIG_PEERS_MAX) {
			c = parse(text, len, "x.conf", &got);
			assert_non_null(c);
			assert_int_equal(c->peer_count, SL_CONFIG_PEERS_MAX);
			assert_string_equal(c->peers[4095].name, "peer-4095");
			sl_config_free(c);
		}
		sl_ed25519_from_seed(&key);
		sl_public_to_base64(base64, key.public);
		len += (size_t)snprintf(text + len, size - len,
			"[peer peer-%u]\npublic-key = %s\nprefixes = 10.%u.%u.0/24\n", i, base64, i >> 8,
			i & 255);
	}
	assert_complaint(text, len, "x.conf:12298: too many peers, expected at most 4096");
	free(text);
}

static void test_durations(void **state)
{
	static const struct {
		const char *text;
		uint64_t ns;
	} good[] = {{"0", 0}, {"0s", 0}, {"50us", 50000}, {"500ms", 500000000}, {"10s", 10000000000},
		{"5m", 300000000000}, {"1h", 3600000000000}, {"1d", 86400000000000},
		{"213503d", UINT64_C(213503) * 86400000000000}};
	static const char *const bad[] = {"", "s", "1", "1 s", "-1s", "+1s", "1S", "1sec", "1.5s", "0x1s",
		"1s ", "213504d", "2147483648s", "18446744073709551617s"};
	uint64_t ns;

	(void)state;
	for (unsigned i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(sl_value_duration(&ns, good[i].text));
		assert_true(ns == good[i].ns);
	}
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ns = 7;
		if (sl_value_duration(&ns, bad[i]) || ns != 7)
			fail_msg("'%s' was taken", bad[i]);
	}
}

/* ---- The folder, and the list of tests -------------------------------------------------------------------------- */

/* Goes into a copy of tests/config, with the modes that keys need; leaves its path in dir. */
static int enter_copy(char *dir)
{
	const char *tests = getenv("SEALANE_TESTS");
	char command[LINE_MAX_LEN];

	snprintf(command, sizeof(command),
		"cp -r '%s'/config/* '%s' && chmod 600 '%s'/*.key '%s'/*.ppk && chmod 644 '%s'/open.key",
		tests != NULL ? tests : "tests", dir, dir, dir, dir);
	return system(command) == 0 && chdir(dir) == 0 ? 0 : -1;
}

static void remove_copy(const char *dir)
{
	char command[LINE_MAX_LEN];

	snprintf(command, sizeof(command), "rm -r '%s'", dir);
	if (system(command) != 0)
		fprintf(stderr, "cannot remove %s\n", dir);
}

/* Runs the tests above and one for each broken file. */
static int run_all(const glob_t *files)
{
	static const struct CMUnitTest fixed[] = {
		cmocka_unit_test(test_every_key),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_include),
		cmocka_unit_test(test_include_elsewhere),
		cmocka_unit_test(test_include_unreadable),
		cmocka_unit_test(test_include_strange_name),
		cmocka_unit_test(test_tap),
		cmocka_unit_test(test_key_path),
		cmocka_unit_test(test_unreadable),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_long_lines),
		cmocka_unit_test(test_control_characters),
		cmocka_unit_test(test_pasted_keys),
		cmocka_unit_test(test_many_peers),
		cmocka_unit_test(test_durations),
	};
	size_t count = sizeof(fixed) / sizeof(fixed[0]);
	struct CMUnitTest *tests = calloc(count + files->gl_pathc, sizeof(*tests));
	int failed;

	if (tests == NULL)
		return 1;
	memcpy(tests, fixed, sizeof(fixed));
	for (size_t i = 0; i < files->gl_pathc; i++) {
		if (strncmp(files->gl_pathv[i], "good-", 5) != 0)
			tests[count++] = (struct CMUnitTest){
				files->gl_pathv[i], test_broken_file, NULL, NULL, files->gl_pathv[i]};
	}
	failed = _cmocka_run_group_tests("config", tests, count, NULL, NULL);
	free(tests);
	return failed;
}

int main(void)
{
	char dir[] = "/tmp/sealane-config-XXXXXX";
	glob_t files;
	int failed;

	if (sl_crypto_init() != 0 || mkdtemp(dir) == NULL)
		return 1;
	if (enter_copy(dir) != 0 || glob("*.conf", 0, NULL, &files) != 0) {
		fprintf(stderr, "cannot copy tests/config to %s\n", dir);
		remove_copy(dir);
		return 1;
	}
	failed = run_all(&files);
	globfree(&files);
	remove_copy(dir);
	return failed;
}
