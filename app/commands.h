/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The subcommands of `sealane`, and what they share.
 *
 * A command gets its own name as argv[0] and returns the exit code: 0 done, 1 the input or the operation failed, 2 wrong
 * usage. For 1 and 2 it has written one line on stderr for each thing that is wrong.
 */
#ifndef SEALANE_APP_COMMANDS_H
#define SEALANE_APP_COMMANDS_H

enum { SL_EXIT_DONE = 0, SL_EXIT_FAILED = 1, SL_EXIT_USAGE = 2 };

int sl_cmd_genkey(int argc, char **argv);
int sl_cmd_pubkey(int argc, char **argv);
int sl_cmd_check(int argc, char **argv);
int sl_cmd_run(int argc, char **argv);
int sl_cmd_show(int argc, char **argv);
int sl_cmd_rekey(int argc, char **argv);
int sl_cmd_keylog(int argc, char **argv);
int sl_cmd_capture(int argc, char **argv);
int sl_cmd_trace(int argc, char **argv);
int sl_cmd_reload(int argc, char **argv);
int sl_cmd_down(int argc, char **argv);
int sl_cmd_up(int argc, char **argv);
int sl_cmd_bench(int argc, char **argv);
int sl_cmd_exporter(int argc, char **argv);
int sl_cmd_rotate_identity(int argc, char **argv);

/* What `sealane show --help` says. */
extern const char sl_show_help[];

/* Says what is wrong with the arguments and where help is; returns SL_EXIT_USAGE. */
int sl_cli_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Says what failed; returns SL_EXIT_FAILED. */
int sl_cli_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* From now on sl_cli_fail() tells this function and not stderr, for who goes on after a failure; NULL: stderr again. */
void sl_cli_hear(void (*hear)(const char *complaint));

/* Starts lib/crypto; returns SL_EXIT_DONE, or SL_EXIT_FAILED having said why not. */
int sl_cli_init_crypto(void);

/* Writes out what was printed; returns SL_EXIT_DONE, or SL_EXIT_FAILED having said why it could not. */
int sl_cli_flush(void);

#endif
