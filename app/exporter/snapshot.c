/* SPDX-License-Identifier: BSD-3-Clause */
/* Asks the gateway, and adds up what its sessions tell by peer. */
#include "snapshot.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "../commands.h"
#include "../commands/show.h"

enum {
	PATIENCE_MS = 5000, /* Prometheus waits ten seconds for us */
	SILENCE_MS = 1000,  /* for how long a gateway that did not answer is left alone */
};

static uint64_t clock_ms(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- Sessions, by peer ----------------------------------------------------------------------------------------- */

static json_int_t number_of(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

static void add(json_t *object, const char *name, json_int_t value)
{
	json_object_set_new(object, name, json_integer(number_of(object, name) + value));
}

/* The part of a limit that is used, in thousandths; 0 when one of the fields is not there or there is no such limit. */
static json_int_t used_permille(const json_t *session, const char *used, const char *left)
{
	const json_t *rest = json_object_get(session, left);
	double a = (double)number_of(session, used), b = (double)json_integer_value(rest);

	return json_is_integer(rest) && a >= 0 && b >= 0 && a + b > 0 ? (json_int_t)(1000 * a / (a + b)) : 0;
}

static void add_limits(json_t *peer, const json_t *session)
{
	static const struct {
		const char *used, *left;
	} limits[] = {
		{"age_s", "ends_in_s"}, {"tx_packets", "ends_in_packets"}, {"tx_bytes", "ends_in_bytes"}};
	json_int_t most = number_of(peer, "limit_used_permille");

	for (unsigned i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		json_int_t used = used_permille(session, limits[i].used, limits[i].left);

		most = used > most ? used : most;
	}
	if (json_object_get(session, "ends_in_packets") != NULL)
		json_object_set_new(peer, "limit_used_permille", json_integer(most));
}

static void add_session(json_t *peer, const json_t *session)
{
	const char *in_use = json_string_value(json_object_get(session, "in_use"));

	add(peer, "sessions", 1);
	add(peer, "refused_replay", number_of(session, "replay"));
	add(peer, "refused_late", number_of(session, "late"));
	add(peer, "refused_bad_icv", number_of(session, "bad_icv"));
	if (in_use == NULL || strcmp(in_use, "yes") != 0)
		return;
	add(peer, "sessions_in_use", 1);
	add_limits(peer, session);
}

/* The peers under their names; the objects are those of the list. */
static json_t *by_name(json_t *peers)
{
	json_t *index = json_object();
	json_t *peer;
	size_t i;

	json_array_foreach(peers, i, peer)
	{
		const char *name = json_string_value(json_object_get(peer, "name"));

		if (name != NULL)
			json_object_set(index, name, peer);
	}
	return index;
}

static void add_sessions(json_t *peers, const json_t *sessions)
{
	static const char *const sums[] = {
		"sessions", "sessions_in_use", "refused_replay", "refused_late", "refused_bad_icv"};
	json_t *index = by_name(peers);
	json_t *peer, *session;
	size_t i;

	json_array_foreach(peers, i, peer) for (unsigned s = 0; s < sizeof(sums) / sizeof(sums[0]); s++)
		add(peer, sums[s], 0);
	json_array_foreach(sessions, i, session)
	{
		const char *name = json_string_value(json_object_get(session, "peer"));

		peer = name != NULL ? json_object_get(index, name) : NULL;
		if (peer != NULL)
			add_session(peer, session);
	}
	json_decref(index);
}

/* ---- All of it ------------------------------------------------------------------------------------------------- */

/* A list of {"name", "count"} as one object. */
static json_t *counters_by_name(json_t *list)
{
	json_t *object = json_object();
	json_t *counter;
	size_t i;

	json_array_foreach(list, i, counter)
	{
		const char *name = json_string_value(json_object_get(counter, "name"));

		if (name != NULL)
			json_object_set(object, name, json_object_get(counter, "count"));
	}
	json_decref(list);
	return object;
}

/* Nothing is left out: NULL when a single answer is missing. */
static json_t *gather(struct sl_client *client, enum sl_snapshot_depth depth)
{
	static const enum sl_section wanted[] = {SL_SECTION_GATEWAY, SL_SECTION_PEERS, SL_SECTION_PORTS,
		SL_SECTION_DROPS, SL_SECTION_IKE, SL_SECTION_WORKERS, SL_SECTION_SESSIONS};
	unsigned count = sizeof(wanted) / sizeof(wanted[0]) - (depth == SL_SNAPSHOT_BRIEF);
	json_t *all = json_object();

	for (unsigned i = 0; i < count; i++) {
		json_t *section = sl_section_gather_known(client, wanted[i]);

		if (section != NULL && wanted[i] == SL_SECTION_IKE)
			section = counters_by_name(section);
		if (json_object_set_new(all, sl_section_name(wanted[i]), section) != 0) {
			json_decref(all);
			return NULL;
		}
	}
	if (depth == SL_SNAPSHOT_ALL) {
		add_sessions(json_object_get(all, "peers"), json_object_get(all, "sessions"));
		json_object_del(all, "sessions");
	}
	return all;
}

/* sl_cli_hear() passes no context. The exporter has one thread. */
static char complaint[sizeof(((struct sl_snapshot *)0)->reason)];

static void hear(const char *text)
{
	snprintf(complaint, sizeof(complaint), "%s", text);
}

static json_t *ask(const char *gateway, enum sl_snapshot_depth depth)
{
	struct sl_client *client;
	json_t *data = NULL;

	sl_cli_hear(hear);
	sl_client_hurry(PATIENCE_MS);
	client = sl_client_open(gateway);
	if (client != NULL)
		data = gather(client, depth);
	sl_client_close(client);
	sl_cli_hear(NULL);
	return data;
}

void sl_snapshot_take(struct sl_snapshot *snapshot, const char *gateway, enum sl_snapshot_depth depth)
{
	static uint64_t silent_until;

	*snapshot = (struct sl_snapshot){.data = NULL};
	if (clock_ms(CLOCK_MONOTONIC) >= silent_until) {
		snapshot->data = ask(gateway, depth);
		if (snapshot->data == NULL)
			silent_until = clock_ms(CLOCK_MONOTONIC) + SILENCE_MS;
	}
	snapshot->time_ms = clock_ms(CLOCK_REALTIME);
	if (snapshot->data == NULL)
		snprintf(snapshot->reason, sizeof(snapshot->reason), "%s", complaint);
}

void sl_snapshot_release(struct sl_snapshot *snapshot)
{
	json_decref(snapshot->data);
	snapshot->data = NULL;
}
