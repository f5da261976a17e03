/* SPDX-License-Identifier: BSD-3-Clause */
/* Starting the EAL: see eal.h. */
#include "eal.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_log.h>

#include "log.h"

enum { ARGS_MAX = 128 };

struct args {
	int count;
	bool overflow;
	char *list[ARGS_MAX + 1];
};

static void add(struct args *args, char *arg)
{
	if (args->count < ARGS_MAX)
		args->list[args->count++] = arg;
	else
		args->overflow = true;
}

static bool has(const struct args *args, const char *option)
{
	for (int i = 0; i < args->count; i++) {
		if (strncmp(args->list[i], option, strlen(option)) == 0)
			return true;
	}
	return false;
}

/* Splits at white space, in place. */
static void add_words(struct args *args, char *words)
{
	char *rest = words;

	for (char *word; (word = strtok_r(rest, " \t", &rest));)
		add(args, word);
}

/*
 * Starts the EAL, which talks a lot. What it says is kept until it is known whether it matters: only when it fails, or
 * when somebody asks for its log.
 */
static int init(struct args *args, bool quiet)
{
	char *said = NULL;
	size_t len = 0;
	FILE *keep = quiet ? open_memstream(&said, &len) : NULL;
	int result, error;

	/* By default DPDK would also write to syslog; who runs a service has its stderr in the journal. */
	rte_openlog_stream(keep ? keep : log_stream());
	result = rte_eal_init(args->count, args->list);
	error = rte_errno;
	rte_openlog_stream(log_stream());
	if (keep)
		fclose(keep);
	if (result < 0) {
		fprintf(stderr,
			"%ssealane: DPDK did not start: %s (are there huge pages? --no-huge -m 512 does without; see "
			"the EAL arguments in README.md)\n",
			said ? said : "", rte_strerror(error));
	}
	free(said);
	return result < 0 ? -1 : 0;
}

int eal_start(const char *name, const char *words, char **extra)
{
	/* DPDK keeps pointers into its arguments: they live as long as the process. */
	static char program[] = "sealane", quiet_lib[] = "--log-level=lib.*:warning",
		    quiet_pmd[] = "--log-level=pmd.*:warning", prefix[32 + 256];
	static struct args args;
	static char *split;
	bool quiet;

	add(&args, program);
	if (words) {
		split = strdup(words);
		if (!split)
			return -1;
		add_words(&args, split);
	}
	for (; *extra; extra++)
		add(&args, *extra);
	quiet = !has(&args, "--log-level");
	if (quiet) {
		add(&args, quiet_lib);
		add(&args, quiet_pmd);
	}
	if (!has(&args, "--file-prefix")) {
		snprintf(prefix, sizeof(prefix), "--file-prefix=sealane-%s", name);
		add(&args, prefix);
	}
	if (args.overflow) {
		fprintf(stderr, "sealane: more than %d EAL arguments\n", ARGS_MAX);
		return -1;
	}
	if (init(&args, quiet))
		return -1;
	if (rte_lcore_count() < 2) {
		fprintf(stderr,
			"sealane: one lcore is not enough, expected two: -l 0,1 (the first is the control thread)\n");
		return -1;
	}
	return 0;
}
