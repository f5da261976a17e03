/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who may ask the gateway. DPDK puts the telemetry socket into a folder of the gateway's own, within one that all DPDK
 * programs of this user share, and closes both to everybody else. With `group =` its members get into ours, and to the
 * socket; the other files in it stay as they are. The shared folder is opened for all to pass and to read: it holds nothing
 * but the folders of programs, each of which has its own permissions.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rte_eal.h>

#include "gateway.h"

static const char socket_name[] = "dpdk_telemetry.v2";

enum { FOLDER_CLOSED = 0700, FOLDER_OPEN = 0750, SOCKET_OPEN = 0660, SHARED_OPEN = 0055 };

int access_find(const struct sl_config *c, gid_t *group)
{
	const struct group *entry;

	if (!c->group)
		return 0;
	errno = 0;
	entry = getgrnam(c->group);
	if (!entry) {
		fprintf(stderr, "%s:%d: group %s: %s\n", c->path, c->group_line, c->group,
			errno ? strerror(errno)
			      : "there is none on this machine, expected one of those in 'getent group'");
		return -1;
	}
	*group = entry->gr_gid;
	return 0;
}

/* The folder that ours is in: passed and read by all. */
static int open_shared(int folder)
{
	int shared = openat(folder, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC), err = -1;
	struct stat s;

	if (shared < 0)
		return -1;
	if (fstat(shared, &s) == 0)
		err = (s.st_mode & SHARED_OPEN) == SHARED_OPEN
			      ? 0
			      : fchmod(shared, (s.st_mode & ALLPERMS) | SHARED_OPEN);
	close(shared);
	return err;
}

/* The way in last: when it is open everything is as it shall be. */
static int open_to(int folder, gid_t group)
{
	if (fchownat(folder, socket_name, (uid_t)-1, group, AT_SYMLINK_NOFOLLOW) ||
		fchmodat(folder, socket_name, SOCKET_OPEN, 0))
		return -1;
	if (fchown(folder, (uid_t)-1, group) || fchmod(folder, FOLDER_OPEN))
		return -1;
	return open_shared(folder);
}

int access_grant(const struct sl_config *c, gid_t group)
{
	const char *dir = rte_eal_get_runtime_dir();
	int folder = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), err = -1;

	/* The EAL can be told to do without. */
	if (folder < 0 && errno == ENOENT && !c->group)
		return 0;
	if (folder >= 0)
		err = c->group ? open_to(folder, group) : fchmod(folder, FOLDER_CLOSED);
	if (err && c->group)
		fprintf(stderr, "%s:%d: group %s cannot be given the socket in %s: %s%s\n", c->path,
			c->group_line, c->group, dir, strerror(errno),
			errno == EPERM ? " (it takes a member of the group, or CAP_CHOWN)" : "");
	else if (err)
		fprintf(stderr, "sealane: %s cannot be closed to others: %s\n", dir, strerror(errno));
	if (folder >= 0)
		close(folder);
	return err;
}
