/* SPDX-License-Identifier: BSD-3-Clause */
/* A key log for one that has asked: first the keys of all SAs that there are, then those of each new one. */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>

#include "../gateway.h"
#include "../keylog.h"
#include "internal.h"

void keys_start(struct gateway *g, struct listener *l)
{
	int err;

	log_warning("THE KEYS OF ALL SESSIONS ARE BEING GIVEN AWAY: 'sealane keylog' of user %u, process %d",
		l->uid, l->pid);
	pthread_mutex_lock(&g->lock);
	err = keylog_listen(g->keylog);
	if (!err) {
		debug_goes_on(g, DEBUG_KEYLOG, true);
		keylog_again(g->keylog, true);
		sl_ike_tell_keys(g->ike);
		sa_tell_keys(g);
		keylog_again(g->keylog, false);
	}
	pthread_mutex_unlock(&g->lock);
	if (!err) {
		listener_tell(
			l, DEBUG_NOTICE, "the keys of all sessions of %s are being written", g->config->name);
		return;
	}
	listener_tell(l, DEBUG_ERROR, "no memory for a key log");
	listener_hang_up(l);
}

static bool next(struct gateway *g, struct listener *l)
{
	enum keylog_kind kind;

	pthread_mutex_lock(&g->lock);
	l->len = keylog_take(g->keylog, &kind, l->message + 1, sizeof(l->message) - 1);
	pthread_mutex_unlock(&g->lock);
	if (l->len == 0)
		return false;
	l->message[0] = kind == KEYLOG_ESP ? DEBUG_ESP : DEBUG_IKE;
	l->len++;
	return true;
}

bool keys_go_on(struct gateway *g, struct listener *l)
{
	do {
		if (!listener_flush(l))
			return errno == EAGAIN;
	} while (next(g, l));
	return true;
}

void keys_stop(struct gateway *g, struct listener *l)
{
	uint64_t missed;

	while (listener_flush_wait(l) && next(g, l))
		;
	pthread_mutex_lock(&g->lock);
	missed = keylog_missed(g->keylog);
	keylog_deaf(g->keylog);
	debug_goes_on(g, DEBUG_KEYLOG, false);
	pthread_mutex_unlock(&g->lock);
	if (missed)
		listener_tell(l, DEBUG_NOTICE, "the key log has ended, %" PRIu64 " keys are missing", missed);
	else
		listener_tell(l, DEBUG_NOTICE, "the key log has ended");
	log_warning("the keys of sessions are given away no longer");
	listener_hang_up(l);
}
