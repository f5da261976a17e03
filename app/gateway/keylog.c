/* SPDX-License-Identifier: BSD-3-Clause */
/* Lines of a key log, and where they go: see keylog.h. */
#include "keylog.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include <sodium.h>

#include "../../lib/crypto/secret.h"
#include "log.h"

enum { WAITING_MAX = 1 << 18 }; /* lines; two for each session there can be */

struct line {
	STAILQ_ENTRY(line) next;
	enum keylog_kind kind;
	size_t len;
	char text[KEYLOG_LINE_MAX];
};

struct keylog {
	struct keylog_files *files;   /* NULL: none */
	struct sl_secret_pool *lines; /* NULL: nobody listens */
	STAILQ_HEAD(, line) waiting;
	uint64_t missed;
	bool again, complained;
};

struct keylog *keylog_new(void)
{
	struct keylog *k = calloc(1, sizeof(*k));

	if (k)
		STAILQ_INIT(&k->waiting);
	return k;
}

void keylog_free(struct keylog *k)
{
	if (!k)
		return;
	keylog_deaf(k);
	keylog_files_close(k->files);
	free(k);
}

int keylog_to_files(struct keylog *k, const char *dir)
{
	k->files = keylog_files_open(dir);
	return k->files ? 0 : -1;
}

bool keylog_to_disk(const struct keylog *k)
{
	return k->files != NULL;
}

/* ---- The listener --------------------------------------------------------------------------------------------------------- */

int keylog_listen(struct keylog *k)
{
	k->missed = 0;
	k->lines = sl_secret_pool_new(sizeof(struct line), WAITING_MAX);
	return k->lines ? 0 : -1;
}

static void take_first(struct keylog *k)
{
	struct line *line = STAILQ_FIRST(&k->waiting);

	STAILQ_REMOVE_HEAD(&k->waiting, next);
	sl_secret_put(k->lines, line);
}

void keylog_deaf(struct keylog *k)
{
	while (!STAILQ_EMPTY(&k->waiting))
		take_first(k);
	sl_secret_pool_free(k->lines);
	k->lines = NULL;
}

size_t keylog_take(struct keylog *k, enum keylog_kind *kind, char *lines, size_t size)
{
	const struct line *line = STAILQ_FIRST(&k->waiting);
	size_t len = 0;

	if (!line)
		return 0;
	*kind = line->kind;
	while (line && line->kind == *kind && line->len <= size - len) {
		memcpy(lines + len, line->text, line->len);
		len += line->len;
		take_first(k);
		line = STAILQ_FIRST(&k->waiting);
	}
	return len;
}

uint64_t keylog_missed(const struct keylog *k)
{
	return k->missed;
}

void keylog_again(struct keylog *k, bool again)
{
	k->again = again;
}

/* ---- Lines ---------------------------------------------------------------------------------------------------------------- */

static bool wanted(const struct keylog *k)
{
	return k && ((k->files && !k->again) || k->lines);
}

/* A full disk is no reason to stop a gateway. */
static void to_files(struct keylog *k, enum keylog_kind kind, const char *text, size_t len)
{
	if (keylog_files_write(k->files, kind, text, len) || k->complained)
		return;
	k->complained = true;
	log_error("cannot write all keys to the key log: %m");
}

static void to_listener(struct keylog *k, enum keylog_kind kind, const char *text, size_t len)
{
	struct line *line = sl_secret_get(k->lines);

	if (!line) {
		k->missed++;
		return;
	}
	line->kind = kind;
	line->len = len;
	memcpy(line->text, text, len);
	STAILQ_INSERT_TAIL(&k->waiting, line, next);
}

static void put(struct keylog *k, enum keylog_kind kind, const char *text, size_t len)
{
	if (k->files && !k->again)
		to_files(k, kind, text, len);
	if (k->lines)
		to_listener(k, kind, text, len);
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

static void esp_line(struct keylog *k, const struct sl_endpoint *src, const struct sl_endpoint *dst,
	uint32_t spi, enum sl_cipher cipher, const struct sl_ike_keys *keys)
{
	char from[SL_ADDR_TEXT], to[SL_ADDR_TEXT], hex[KEY_HEX], text[KEYLOG_LINE_MAX];
	int len = snprintf(text, sizeof(text),
		"\"%s\",\"%s\",\"%s\",\"0x%08x\",\"AES-GCM with 16 octet ICV [RFC4106]\",\"0x%s\",\"NULL\",\"\"\n",
		src->addr.family == SL_IPV6 ? "IPv6" : "IPv4", sl_addr_text(&src->addr, from),
		sl_addr_text(&dst->addr, to), spi, key_hex(hex, cipher, keys));

	put(k, KEYLOG_ESP, text, (size_t)len);
	sl_wipe(hex, sizeof(hex));
	sl_wipe(text, sizeof(text));
}

void keylog_child(struct keylog *k, const struct sl_ike_child *child)
{
	if (!wanted(k))
		return;
	esp_line(k, &child->path.remote, &child->path.local, child->spi_in, child->cipher, &child->in);
	esp_line(k, &child->path.local, &child->path.remote, child->spi_out, child->cipher, &child->out);
}

void keylog_ike(struct keylog *k, uint64_t spi_i, uint64_t spi_r, enum sl_cipher cipher,
	const struct sl_ike_keys *initiator, const struct sl_ike_keys *responder)
{
	char i[KEY_HEX], r[KEY_HEX], text[KEYLOG_LINE_MAX];
	int len;

	if (!wanted(k))
		return;
	len = snprintf(text, sizeof(text),
		"%016lx,%016lx,%s,%s,\"AES-GCM-%u with 16 octet ICV [RFC5282]\",\"\",\"\",\"NONE [RFC4306]\"\n",
		spi_i, spi_r, key_hex(i, cipher, initiator), key_hex(r, cipher, responder),
		8 * sl_cipher_key_len(cipher));
	put(k, KEYLOG_IKE, text, (size_t)len);
	sl_wipe(i, sizeof(i));
	sl_wipe(r, sizeof(r));
	sl_wipe(text, sizeof(text));
}
