/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a gateway told at one moment, as JSON: an object with the sections of `sealane show --json` under their names, but
 *
 *   - ike is one object, the counters under their names;
 *   - sessions are not listed, for they come and go: each peer has what matters of its own. sessions and sessions_in_use
 *     count them; refused_replay, refused_late and refused_bad_icv add up what they refused; limit_used_permille is the
 *     largest part of a hard limit that one of them has used.
 *
 * No field is sure to be there: the gateway may be of another version.
 */
#ifndef SEALANE_EXPORTER_SNAPSHOT_H
#define SEALANE_EXPORTER_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

struct sl_snapshot {
	json_t *data;     /* NULL: the gateway does not answer */
	uint64_t time_ms; /* when it was taken, since 1970 */
	char reason[512]; /* why the gateway does not answer; one line */
};

/* All of it, or only what a page needs that looks every second: without what comes from sessions. */
enum sl_snapshot_depth { SL_SNAPSHOT_ALL, SL_SNAPSHOT_BRIEF };

/*
 * Asks the gateway of this name, or with NULL the only one that runs here, and waits at most five seconds for all its
 * answers. What it cannot say a second time within a second it is not asked again. Release it with sl_snapshot_release().
 */
void sl_snapshot_take(struct sl_snapshot *snapshot, const char *gateway, enum sl_snapshot_depth depth);

void sl_snapshot_release(struct sl_snapshot *snapshot);

#endif
