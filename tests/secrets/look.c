/* SPDX-License-Identifier: BSD-3-Clause */
/* Looks through the memory of this process for noted secrets: see record.h. */
#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "note.h"

enum { PAGE = 4096, TOLD_MAX = 20 };

struct looked looked;

struct mapping {
	uintptr_t first, last;
	bool writable, secret;
	char name[64];
};

struct search {
	enum look which;
	unsigned found;
	int pagemap;
};

static bool is_wanted(const struct search *s, const struct note *n)
{
	switch (s->which) {
	case LOOK_EXCHANGE: return n->life == RECORD_EXCHANGE;
	case LOOK_PASSING_BEFORE_MARK: return n->life != RECORD_LONG && note_is_before_mark(n);
	case LOOK_PASSING: return n->life != RECORD_LONG;
	case LOOK_ALL: break;
	}
	return true;
}

/* Where no noted piece can begin two bytes are enough to see it. Pieces next to each other are one place. */
static void look_at(struct search *s, const struct mapping *m, const uint8_t *from, size_t len)
{
	const uint8_t *last_hit = NULL;

	looked.bytes += len;
	for (const uint8_t *p = from; p + RECORD_PIECE <= from + len; p++) {
		const unsigned prefix = note_prefix(p);
		const struct note *n;

		if (!(note_prefixes[prefix / 8] >> prefix % 8 & 1))
			continue;
		n = note_find(p);
		if (!n || !is_wanted(s, n))
			continue;
		if ((!last_hit || p > last_hit + RECORD_PIECE) && s->found++ < TOLD_MAX)
			fprintf(stderr, "# %s at %#lx, in %s\n", n->what, (unsigned long)p, m->name);
		last_hit = p;
	}
}

/* Pages that nobody has touched hold nothing, and reading would make them. What has been swapped out counts, too. */
static bool is_there(const struct search *s, uintptr_t page)
{
	uint64_t entry = 0;

	if (pread(s->pagemap, &entry, sizeof(entry), (off_t)(page / PAGE * sizeof(entry))) != sizeof(entry))
		return false;
	return entry >> 62 != 0;
}

static void look_into(struct search *s, const struct mapping *m)
{
	uintptr_t at = m->first;

	looked.mappings++;
	while (at < m->last) {
		uintptr_t from = at;

		while (at < m->last && is_there(s, at))
			at += PAGE;
		if (at > from)
			look_at(s, m, (const uint8_t *)from, at - from);
		at += PAGE;
	}
}

/* All are read before any is looked into: looking allocates nothing. */
enum { MAPPINGS_MAX = 4096 };

static unsigned read_mappings(struct mapping *list)
{
	FILE *maps = fopen("/proc/self/smaps", "r");
	struct mapping *m = NULL;
	unsigned count = 0;
	char line[512];

	assert(maps);
	while (fgets(line, sizeof(line), maps)) {
		unsigned long first, last;
		char mode[5], name[64] = "memory";

		if (sscanf(line, "%lx-%lx %4s %*s %*s %*s %63s", &first, &last, mode, name) >= 3) {
			assert(count < MAPPINGS_MAX);
			m = &list[count++];
			*m = (struct mapping){.first = first, .last = last, .writable = mode[1] == 'w'};
			memcpy(m->name, name, sizeof(m->name));
		} else if (m && strncmp(line, "VmFlags:", 8) == 0) {
			m->secret = strstr(line, " dd") != NULL;
		}
	}
	fclose(maps);
	return count;
}

unsigned look_for(enum look which, bool secret_memory)
{
	static struct mapping list[MAPPINGS_MAX];
	struct search s = {.which = which, .pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC)};
	unsigned count = read_mappings(list);

	assert(s.pagemap >= 0);
	looked = (struct looked){0};
	for (size_t i = 0; i < record_count(); i++)
		looked.pieces += is_wanted(&s, &notes[i]);
	for (unsigned i = 0; i < count; i++)
		if (list[i].writable && (secret_memory || !list[i].secret))
			look_into(&s, &list[i]);
	close(s.pagemap);
	return s.found;
}

unsigned look_below(const void *sp)
{
	static struct mapping list[MAPPINGS_MAX];
	struct search s = {.which = LOOK_ALL, .pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC)};
	unsigned count = read_mappings(list);
	const uintptr_t end = (uintptr_t)sp - RECORD_GAP;

	assert(s.pagemap >= 0);
	for (unsigned i = 0; i < count; i++) {
		if (end < list[i].first || end >= list[i].last)
			continue;
		/* Whole pages, and what of the last one is below. */
		list[i].last = end / PAGE * PAGE;
		look_into(&s, &list[i]);
		look_at(&s, &list[i], (const uint8_t *)list[i].last, end - list[i].last);
	}
	close(s.pagemap);
	return s.found;
}
