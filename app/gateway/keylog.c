/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The key log: the keys of every SA in the two files that Wireshark reads from its configuration folder, so that
 * WIRESHARK_CONFIG_DIR=DIR tshark -r wire.pcap decrypts. Whoever reads them reads the traffic: it exists for tests and
 * debugging, is off unless asked for on the command line, and says so.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "gateway.h"

struct keylog {
	FILE *esp, *ike;
};

static FILE *open_file(const char *dir, const char *name)
{
	char path[4096];
	int fd;

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, name) >= sizeof(path))
		return NULL;
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	return fd < 0 ? NULL : fdopen(fd, "a");
}

struct keylog *keylog_open(const char *dir)
{
	struct keylog *k = calloc(1, sizeof(*k));

	if (!k)
		return NULL;
	if (mkdir(dir, 0700) == 0 || errno == EEXIST) {
		k->esp = open_file(dir, "esp_sa");
		k->ike = open_file(dir, "ikev2_decryption_table");
	}
	if (k->esp && k->ike)
		return k;
	fprintf(stderr, "sealane: cannot write the key log in %s: %s\n", dir, strerror(errno));
	keylog_close(k);
	return NULL;
}

void keylog_close(struct keylog *k)
{
	if (!k)
		return;
	if (k->esp)
		fclose(k->esp);
	if (k->ike)
		fclose(k->ike);
	free(k);
}

enum { KEY_HEX = 2 * (SL_GCM_KEY_MAX + SL_GCM_SALT_LEN) + 1 };

/* Key and salt as one run of hexadecimal digits. */
static const char *key_hex(char hex[static KEY_HEX], enum sl_cipher cipher, const struct sl_ike_keys *keys)
{
	size_t len = sl_cipher_key_len(cipher);

	sodium_bin2hex(hex, KEY_HEX, keys->key, len);
	sodium_bin2hex(hex + 2 * len, KEY_HEX - 2 * len, keys->salt, sizeof(keys->salt));
	return hex;
}

static void esp_line(FILE *f, const struct sl_endpoint *src, const struct sl_endpoint *dst, uint32_t spi,
	enum sl_cipher cipher, const struct sl_ike_keys *keys)
{
	char from[SL_ADDR_TEXT], to[SL_ADDR_TEXT], hex[KEY_HEX];

	fprintf(f,
		"\"IPv4\",\"%s\",\"%s\",\"0x%08x\",\"AES-GCM with 16 octet ICV [RFC4106]\",\"0x%s\",\"NULL\",\"\"\n",
		sl_addr_text(&src->addr, from), sl_addr_text(&dst->addr, to), spi,
		key_hex(hex, cipher, keys));
	sl_wipe(hex, sizeof(hex));
}

void keylog_child(struct keylog *k, const struct sl_ike_child *child)
{
	esp_line(k->esp, &child->path.remote, &child->path.local, child->spi_in, child->cipher, &child->in);
	esp_line(k->esp, &child->path.local, &child->path.remote, child->spi_out, child->cipher, &child->out);
	fflush(k->esp);
}

void keylog_ike(void *gateway, uint64_t spi_i, uint64_t spi_r, enum sl_cipher cipher,
	const struct sl_ike_keys *initiator, const struct sl_ike_keys *responder)
{
	const struct gateway *g = gateway;
	char i[KEY_HEX], r[KEY_HEX];

	if (!g->keylog)
		return;
	fprintf(g->keylog->ike,
		"%016lx,%016lx,%s,%s,\"AES-GCM-%u with 16 octet ICV [RFC5282]\",\"\",\"\",\"NONE [RFC4306]\"\n",
		spi_i, spi_r, key_hex(i, cipher, initiator), key_hex(r, cipher, responder),
		8 * sl_cipher_key_len(cipher));
	fflush(g->keylog->ike);
	sl_wipe(i, sizeof(i));
	sl_wipe(r, sizeof(r));
}
