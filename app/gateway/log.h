/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Log lines of the control thread, and of the one that serves who debugs: one for each event that an operator cares about, to
 * stderr, through rte_log, so that DPDK's --log-level=sealane:debug and its like govern them. Workers never log.
 *
 * Where stderr leads to the journal of systemd, lines carry their priority and leave the time to it.
 */
#ifndef SEALANE_GATEWAY_LOG_H
#define SEALANE_GATEWAY_LOG_H

#include <stdint.h>
#include <stdio.h>

#include <rte_log.h>

/* First of all: from then on stderr writes priorities, too, if it is the journal's. */
void log_to_journal(void);

/* Where rte_log writes. */
FILE *log_stream(void);

/* Registers the log type. After eal_start(), which has sent rte_log to stderr. */
void log_init(void);

__attribute__((format(printf, 2, 3))) void log_line(uint32_t level, const char *format, ...);

#define log_error(...)   log_line(RTE_LOG_ERR, __VA_ARGS__)
#define log_warning(...) log_line(RTE_LOG_WARNING, __VA_ARGS__)
#define log_info(...)    log_line(RTE_LOG_INFO, __VA_ARGS__)
#define log_debug(...)   log_line(RTE_LOG_DEBUG, __VA_ARGS__)

#endif
