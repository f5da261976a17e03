/* SPDX-License-Identifier: BSD-3-Clause */
/* The files of a key log: see keylog.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keylog.h"

struct keylog_files {
	int fd[KEYLOG_KINDS];
};

static const char *const names[KEYLOG_KINDS] = {
	[KEYLOG_ESP] = "esp_sa",
	[KEYLOG_IKE] = "ikev2_decryption_table",
};

static const char preferences[] =
	"# Written with the key log beside it.\nesp.enable_encryption_decode: TRUE\n";

static int open_in(const char *dir, const char *name, int flags)
{
	char path[4096];

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, name) >= sizeof(path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | flags, 0600);
}

/* A file of ours that nobody else can read. An old one may have had another mode. */
static bool is_private(int fd)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return false;
	if (S_ISREG(st.st_mode) && st.st_uid == geteuid() && st.st_nlink == 1)
		return fchmod(fd, 0600) == 0;
	errno = EPERM;
	return false;
}

static bool write_all(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t written = write(fd, text, len);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return false;
		text += written;
		len -= (size_t)written;
	}
	return true;
}

/* Somebody's own preferences stay as they are. */
static bool write_preferences(const char *dir)
{
	int fd = open_in(dir, "preferences", O_EXCL);
	bool done = fd >= 0 && write_all(fd, preferences, sizeof(preferences) - 1);

	if (fd < 0)
		return errno == EEXIST;
	close(fd);
	return done;
}

struct keylog_files *keylog_files_open(const char *dir)
{
	struct keylog_files *files = malloc(sizeof(*files));
	bool ready;

	if (files == NULL)
		return NULL;
	for (unsigned i = 0; i < KEYLOG_KINDS; i++)
		files->fd[i] = -1;
	ready = mkdir(dir, 0700) == 0 || errno == EEXIST;
	for (unsigned i = 0; i < KEYLOG_KINDS && ready; i++) {
		files->fd[i] = open_in(dir, names[i], O_APPEND);
		ready = files->fd[i] >= 0 && is_private(files->fd[i]);
	}
	if (ready && write_preferences(dir))
		return files;
	fprintf(stderr, "sealane: cannot write the key log in %s: %s (expected a folder of your own)\n", dir,
		strerror(errno));
	keylog_files_close(files);
	return NULL;
}

bool keylog_files_write(struct keylog_files *files, enum keylog_kind kind, const char *lines, size_t len)
{
	return write_all(files->fd[kind], lines, len);
}

void keylog_files_close(struct keylog_files *files)
{
	if (files == NULL)
		return;
	for (unsigned i = 0; i < KEYLOG_KINDS; i++) {
		if (files->fd[i] >= 0)
			close(files->fd[i]);
	}
	free(files);
}
