/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The key log: the keys of SAs in the two files that Wireshark reads from its configuration folder. Whoever reads them
 * reads the traffic: it exists for tests and debugging, is off unless somebody asks for it, and says so.
 *
 * A line goes to the files of `sealane run --keylog`, and to a listener: `sealane keylog` on a running gateway, over the
 * debugging socket (debug/debug.h). Lines that the listener has not taken yet wait in secret memory. The gateway opens no file
 * for the listener: the command that asks writes the same files, with the same functions, as the user who runs it.
 *
 * Whoever starts to listen also wants the keys of the SAs that exist. These are kept expanded only, but the key schedule of
 * AES begins with the key itself (sl_gcm_raw_key()).
 */
#ifndef SEALANE_GATEWAY_KEYLOG_H
#define SEALANE_GATEWAY_KEYLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../lib/ike/ike.h"

enum keylog_kind { KEYLOG_ESP, KEYLOG_IKE, KEYLOG_KINDS };

/* ---- keylog_files.c: the folder ------------------------------------------------------------------------------------------- */

struct keylog_files;

/*
 * Opens esp_sa and ikev2_decryption_table in the folder, which is made when it is missing: new lines go behind those that
 * are there. Both files get mode 0600; other owners' files and symbolic links are refused. Where Wireshark has no
 * preferences in this folder yet, they become those with which it decrypts ESP. NULL after saying on stderr why not.
 */
struct keylog_files *keylog_files_open(const char *dir);

/* Writes whole lines. False with errno when they are not all in the file. */
bool keylog_files_write(struct keylog_files *files, enum keylog_kind kind, const char *lines, size_t len);

/* NULL is fine. */
void keylog_files_close(struct keylog_files *files);

/* ---- keylog.c: who wants keys --------------------------------------------------------------------------------------------- */

struct keylog;

enum { KEYLOG_LINE_MAX = 384 };

/* Nobody wants any yet. NULL when there is no memory. */
struct keylog *keylog_new(void);
void keylog_free(struct keylog *k);

/* Lines go to the files of this folder, too. Returns 0, or -1 after saying on stderr why not. */
int keylog_to_files(struct keylog *k, const char *dir);

/* Somebody writes lines down. */
bool keylog_to_disk(const struct keylog *k);

/* One listener: begins, and ends, when what it has not taken is wiped. begin returns 0, or -1 when there is no memory. */
int keylog_listen(struct keylog *k);
void keylog_deaf(struct keylog *k);

/* Takes the next lines of one kind, as many as fit into size bytes. Returns how long they are; 0: there are none. */
size_t keylog_take(struct keylog *k, enum keylog_kind *kind, char *lines, size_t size);

/* Lines that found no room: the listener did not take them fast enough. */
uint64_t keylog_missed(const struct keylog *k);

/* Keys of an SA. For both kinds nothing happens when nobody wants them. */
void keylog_child(struct keylog *k, const struct sl_ike_child *child);
void keylog_ike(struct keylog *k, uint64_t spi_i, uint64_t spi_r, enum sl_cipher cipher,
	const struct sl_ike_keys *initiator, const struct sl_ike_keys *responder);

/* From now on keylog_child() and keylog_ike() are told to the listener only, or to all again: the files have them already. */
void keylog_again(struct keylog *k, bool again);

#endif
