/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sealane rotate-identity: a new private key for a gateway, without an outage. Three files tell how far it has come, and every
 * step is one atomic change of them:
 *
 *     KEY                        the key in use                             nothing is going on
 *     KEY, KEY.next              the new one waits                          the peers are to learn its public key
 *     KEY, KEY.old               it is in place, the other one is kept      the peers are to forget the old public key
 *
 * KEY.old is made as a second name of KEY just before KEY.next takes that name. Whoever is stopped between the two leaves a
 * KEY.old that is the same file as KEY, and counts for nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../lib/config/config.h"
#include "../../lib/crypto/keyfile.h"
#include "../../lib/crypto/secret.h"
#include "../commands.h"

struct roll {
	const char *conf;
	const struct sl_config *config;
	char *key, *next, *old; /* the three files */
	/* Secret memory: the one that is not in use, new or old, and a text for it. */
	struct secret {
		struct sl_ed25519_key other;
		char pem[SL_KEY_PEM_MAX];
	} * secret;
};

/* ---- What there is ------------------------------------------------------------------------------------------------ */

static bool is_there(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 || errno != ENOENT;
}

static bool is_same_file(const char *a, const char *b)
{
	struct stat x, y;

	return lstat(a, &x) == 0 && lstat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static bool has_next(const struct roll *roll)
{
	return is_there(roll->next);
}

static bool has_old(const struct roll *roll)
{
	return is_there(roll->old) && !is_same_file(roll->old, roll->key);
}

/* Reads the key that is not in use. Returns an exit code. */
static int load_other(struct roll *roll, const char *path)
{
	int error = sl_key_load(&roll->secret->other, path);

	if (error == SL_CRYPTO_E_KEY_READ)
		return sl_cli_fail("cannot read %s: %s", path, strerror(errno));
	if (error == SL_CRYPTO_E_KEY_MODE)
		return sl_cli_fail(
			"%s is no file, or readable by others, expected a file with mode 0600", path);
	if (error != 0)
		return sl_cli_fail(
			"%s holds no Ed25519 private key, expected what this command wrote there", path);
	if (memcmp(roll->secret->other.public, roll->config->key->public, SL_ED25519_PUBLIC_LEN) == 0)
		return sl_cli_fail("%s holds the key that is in use, expected another (remove it)", path);
	return SL_EXIT_DONE;
}

/* ---- Changes ------------------------------------------------------------------------------------------------------ */

/* A change of names outlives a crash once the folder is on the disk. */
static int sync_folder(const char *path)
{
	char *copy = strdup(path);
	int fd = copy != NULL ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	int code = fd >= 0 && fsync(fd) == 0 ? SL_EXIT_DONE
					     : sl_cli_fail("cannot make sure that %s is on the disk: %s",
						       path, strerror(errno));

	if (fd >= 0)
		close(fd);
	free(copy);
	return code;
}

/* Fills a new file, which whoever runs the gateway can read like the key in use. Past stdio, whose buffers are no secret memory. */
static bool fill(int fd, const struct roll *roll)
{
	const char *pem = roll->secret->pem;
	size_t len = strlen(pem);
	struct stat key, st;

	if (stat(roll->key, &key) != 0 || fstat(fd, &st) != 0)
		return false;
	if ((key.st_uid != st.st_uid || key.st_gid != st.st_gid) && fchown(fd, key.st_uid, key.st_gid) != 0)
		return false;
	while (len > 0) {
		ssize_t n = write(fd, pem, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		pem += n;
		len -= (size_t)n;
	}
	return fsync(fd) == 0;
}

/* Makes KEY.next, whole or not at all; one that is there stays. */
static int make_next(struct roll *roll)
{
	char *draft;
	int fd, code = SL_EXIT_FAILED;

	sl_key_generate(&roll->secret->other);
	sl_key_to_pem(roll->secret->pem, &roll->secret->other);
	if (asprintf(&draft, "%s.XXXXXX", roll->next) < 0)
		return sl_cli_fail("out of memory");
	fd = mkostemp(draft, O_CLOEXEC); /* mode 0600 */
	if (fd < 0) {
		code = sl_cli_fail("cannot make a file beside %s: %s", roll->key, strerror(errno));
		free(draft);
		return code;
	}
	if (fill(fd, roll) && link(draft, roll->next) == 0)
		code = SL_EXIT_DONE;
	else
		sl_cli_fail("cannot write %s: %s", roll->next, strerror(errno));
	close(fd);
	unlink(draft);
	free(draft);
	return code == SL_EXIT_DONE ? sync_folder(roll->next) : code;
}

/* KEY becomes KEY.old, KEY.next becomes KEY, and there is a KEY at every moment. */
static int put_in_place(const struct roll *roll)
{
	if (link(roll->key, roll->old) != 0 && !(errno == EEXIST && is_same_file(roll->old, roll->key)))
		return sl_cli_fail("cannot keep the old key as %s: %s", roll->old, strerror(errno));
	if (rename(roll->next, roll->key) != 0)
		return sl_cli_fail(
			"cannot put %s in the place of %s: %s", roll->next, roll->key, strerror(errno));
	return sync_folder(roll->key);
}

/* ---- What is left to do ------------------------------------------------------------------------------------------- */

static void print_peers(const struct roll *roll, const uint8_t *public)
{
	char base64[SL_KEY_BASE64_MAX];

	sl_public_to_base64(base64, public);
	printf("\n       public-key = %s\n\n", base64);
	for (unsigned i = 0; i < roll->config->peer_count; i++)
		printf("       %s\n", roll->config->peers[i].name);
}

static int tell_waiting(const struct roll *roll)
{
	printf("%s: the new key waits in %s, the old one stays in use\n\n", roll->config->name, roll->next);
	printf("1. Each peer must know it: add this line to its [peer %s], leave the one that is there,\n"
	       "   and reload or restart it:\n",
		roll->config->name);
	print_peers(roll, roll->secret->other.public);
	printf("\n2. When all of them have it, put it in place here:\n\n"
	       "       sealane rotate-identity %s --finish\n"
	       "\nTo stay with the old key: rm %s\n",
		roll->conf, roll->next);
	return sl_cli_flush();
}

static int tell_finished(const struct roll *roll, const uint8_t *fresh, const uint8_t *old)
{
	char fingerprint[SL_FINGERPRINT_MAX];

	printf("%s: the new key is in place in %s, the old one is kept in %s\n\n", roll->config->name,
		roll->key, roll->old);
	printf("3. Restart this gateway. Each peer's 'sealane show peers' says then: signs with %s\n"
	       "\n4. When all of them say so, take this line out of its [peer %s] at each peer,\n"
	       "   and reload or restart it:\n",
		sl_public_fingerprint(fingerprint, fresh), roll->config->name);
	print_peers(roll, old);
	printf("\n5. Remove the old key: rm %s\n"
	       "\nTo go back to it instead: mv %s %s, and then as in 3\n",
		roll->old, roll->old, roll->key);
	return sl_cli_flush();
}

/* ---- The command ---------------------------------------------------------------------------------------------------- */

static int begin(struct roll *roll)
{
	int code = has_next(roll) ? load_other(roll, roll->next) : make_next(roll);

	return code == SL_EXIT_DONE ? tell_waiting(roll) : code;
}

static int finish(struct roll *roll)
{
	int code;

	if (!has_next(roll))
		return sl_cli_fail(
			"there is no new key %s, expected 'sealane rotate-identity %s' before --finish",
			roll->next, roll->conf);
	code = load_other(roll, roll->next);
	if (code == SL_EXIT_DONE)
		code = put_in_place(roll);
	return code == SL_EXIT_DONE
		       ? tell_finished(roll, roll->secret->other.public, roll->config->key->public)
		       : code;
}

/* The key has been put in place, and that is not over: the peers may still take the old one. */
static int go_on(struct roll *roll)
{
	int code;

	if (has_next(roll))
		return sl_cli_fail(
			"there are both a new key %s and an old one, expected %s to be removed first",
			roll->next, roll->old);
	code = load_other(roll, roll->old);
	return code == SL_EXIT_DONE
		       ? tell_finished(roll, roll->config->key->public, roll->secret->other.public)
		       : code;
}

/* The names of the files. A key that is a symbolic link is changed where it is. */
static bool name_files(struct roll *roll)
{
	roll->key = realpath(roll->config->key_path, NULL);
	return roll->key != NULL && asprintf(&roll->next, "%s.next", roll->key) >= 0 &&
	       asprintf(&roll->old, "%s.old", roll->key) >= 0;
}

static void print_line(void *ctx, const char *line)
{
	(void)ctx;
	fprintf(stderr, "%s\n", line);
}

static int rotate(const char *conf, bool finishing)
{
	struct roll roll = {.conf = conf};
	struct sl_config *config = sl_config_load(conf, print_line, NULL);
	int code;

	if (config == NULL)
		return SL_EXIT_FAILED;
	roll.config = config;
	roll.secret = sl_secret_alloc(sizeof(*roll.secret));
	if (roll.secret == NULL || !name_files(&roll))
		code = sl_cli_fail("cannot find the files of %s: %s", config->key_path, strerror(errno));
	else if (has_old(&roll))
		code = go_on(&roll);
	else
		code = finishing ? finish(&roll) : begin(&roll);
	free(roll.key);
	free(roll.next);
	free(roll.old);
	sl_secret_free(roll.secret);
	sl_config_free(config);
	return code;
}

int sl_cmd_rotate_identity(int argc, char **argv)
{
	const char *conf = NULL;
	bool finishing = false;
	int code;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--finish") == 0)
			finishing = true;
		else if (argv[i][0] == '-')
			return sl_cli_usage("%s: unknown option '%s', expected --finish", argv[0], argv[i]);
		else if (conf == NULL)
			conf = argv[i];
		else
			return sl_cli_usage("%s: expected one configuration file", argv[0]);
	}
	if (conf == NULL)
		return sl_cli_usage("%s: expected one configuration file", argv[0]);
	code = sl_cli_init_crypto();
	return code == SL_EXIT_DONE ? rotate(conf, finishing) : code;
}
