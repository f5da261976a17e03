/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Finds the gateways of this machine by their sockets. DPDK keeps what belongs to a running program in a folder of its own,
 * PLACE/dpdk/sealane-NAME, and where that place is depends on the user. So a user looks among his own programs, and then
 * among those of root, who may have let him (`group =` of the gateway).
 */
#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../commands.h"
#include "client.h"

enum { PLACES = 2 };

static const char prefix[] = "sealane-", roots_place[] = "/var/run";

struct search {
	const char *places[PLACES];
	unsigned place_count;
	struct sl_client *found; /* the last of those that answer */
	unsigned answering;
	char names[512]; /* of those */
	char *denied; /* the folder of one that we may not ask, or one that we may not look into; NULL: none */
	const char *reason; /* why the last one did not answer */
};

/* DPDK's rule, so that both sides look in one place. */
static void find_places(struct search *s)
{
	const char *own = getenv("RUNTIME_DIRECTORY");

	if (own == NULL && getuid() != 0) {
		own = getenv("XDG_RUNTIME_DIR");
		s->places[s->place_count++] = own != NULL ? own : "/tmp";
		own = NULL;
	}
	s->places[s->place_count++] = own != NULL ? own : roots_place;
}

static void try_gateway(struct search *s, const char *place, const char *name)
{
	struct sl_client *client;
	size_t len = strlen(s->names);
	char *folder;

	if (asprintf(&folder, "%s/dpdk/%s%s", place, prefix, name) < 0)
		return;
	errno = 0;
	client = sl_client_connect(folder, &s->reason);
	if (client == NULL && errno == EACCES && s->denied == NULL) {
		s->denied = folder;
		return;
	}
	free(folder);
	if (client == NULL)
		return;
	snprintf(s->names + len, sizeof(s->names) - len, "%s%s", s->answering++ > 0 ? ", " : "", name);
	sl_client_close(s->found);
	s->found = client;
}

static int is_gateway(const struct dirent *entry)
{
	return strncmp(entry->d_name, prefix, strlen(prefix)) == 0;
}

/* Folders of gateways that ended stay behind, so only those count that answer. */
static void try_all(struct search *s, const char *place)
{
	struct dirent **folders = NULL;
	int count;
	char *dir;

	if (asprintf(&dir, "%s/dpdk", place) < 0)
		return;
	count = scandir(dir, &folders, is_gateway, alphasort);
	if (count < 0 && errno == EACCES && s->denied == NULL)
		s->denied = dir;
	else
		free(dir);
	for (int i = 0; i < count; i++) {
		try_gateway(s, place, folders[i]->d_name + strlen(prefix));
		free(folders[i]);
	}
	free(folders);
}

/* ---- What went wrong ----------------------------------------------------------------------------------------------- */

/* Who could have asked, as far as the folder tells. */
static void say_denied(const char *folder)
{
	const struct passwd *user;
	const struct group *group;
	struct stat s;

	if (stat(folder, &s) != 0) {
		sl_cli_fail(
			"%s may only be seen by its user, expected to be run by root, or a gateway with 'group = NAME'",
			folder);
		return;
	}
	user = getpwuid(s.st_uid);
	group = s.st_mode & S_IXGRP ? getgrgid(s.st_gid) : NULL;
	if (group != NULL)
		sl_cli_fail(
			"no permission to ask the gateway in %s, expected to be run by %s or a member of group %s",
			folder, user != NULL ? user->pw_name : "its user", group->gr_name);
	else
		sl_cli_fail(
			"no permission to ask the gateway in %s, expected to be run by %s (or 'group = NAME' in its [gateway])",
			folder, user != NULL ? user->pw_name : "its user");
}

/* "A/dpdk", or "A/dpdk and B/dpdk"; with a name the folders of that gateway. */
static void list_places(const struct search *s, const char *name, char *text, size_t size)
{
	*text = '\0';
	for (unsigned i = 0; i < s->place_count; i++) {
		size_t len = strlen(text);

		snprintf(text + len, size - len, "%s%s/dpdk%s%s%s", i > 0 ? " and " : "", s->places[i],
			name != NULL ? "/" : "", name != NULL ? prefix : "", name != NULL ? name : "");
	}
}

static void say_none(const struct search *s, const char *name)
{
	char looked[1024];

	list_places(s, name, looked, sizeof(looked));
	if (s->denied != NULL)
		say_denied(s->denied);
	else if (name != NULL)
		sl_cli_fail("no gateway '%s' is running here (looked in %s): %s", name, looked, s->reason);
	else
		sl_cli_fail("no gateway is running here (looked in %s)", looked);
}

struct sl_client *sl_client_open(const char *name)
{
	struct search s = {.reason = strerror(ENOMEM)};

	find_places(&s);
	for (unsigned i = 0; i < s.place_count && (name == NULL || s.answering == 0); i++) {
		if (name != NULL)
			try_gateway(&s, s.places[i], name);
		else
			try_all(&s, s.places[i]);
	}
	if (s.answering == 0)
		say_none(&s, name);
	else if (s.answering > 1)
		sl_cli_fail("several gateways are running here (%s), expected --gateway NAME", s.names);
	free(s.denied);
	if (s.answering == 1)
		return s.found;
	sl_client_close(s.found);
	return NULL;
}
