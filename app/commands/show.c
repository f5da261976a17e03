/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sealane show: its arguments.
 */
#include "show.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../commands.h"

struct request {
	enum sl_section sections[SL_SECTION_COUNT];
	unsigned count;
	bool json;
	unsigned watch; /* seconds between reports; 0: one report */
	const char *gateway;
};

const char sl_show_help[] = "Usage: sealane show [SECTION] [OPTIONS]\n"
			    "\n"
			    "Shows the running gateway. Without a section: itself, its peers and ports.\n"
			    "\n"
			    "Sections:\n"
			    "  peers        links: state, handshakes, traffic, loss\n"
			    "  sessions     child SAs: SPIs, age, what is left until limits\n"
			    "  ports        link, addresses, queues, what the device counted\n"
			    "  neighbours   who is on the links of both ports, by ARP and NDP\n"
			    "  routes       which prefixes lead to which peer or router\n"
			    "  drops        why packets were dropped\n"
			    "  ike          counters of the handshakes\n"
			    "  workers      load, and where packets went\n"
			    "\n"
			    "Options:\n"
			    "  --json               print JSON, numbers as they are\n"
			    "  --watch [SECONDS]    show it again every 2 seconds, or as many as are given\n"
			    "  --gateway NAME       which gateway, when several run on this machine\n";

enum { WATCH_DEFAULT = 2, WATCH_MAX = 86400 };

/* The sections to show: the one that is named, or what an operator looks at first. */
static bool choose_sections(struct request *request, const char *name)
{
	static const enum sl_section first[] = {SL_SECTION_GATEWAY, SL_SECTION_PEERS, SL_SECTION_PORTS};

	if (name == NULL) {
		memcpy(request->sections, first, sizeof(first));
		request->count = sizeof(first) / sizeof(first[0]);
		return true;
	}
	request->count = 1;
	for (unsigned i = SL_SECTION_PEERS; i < SL_SECTION_COUNT; i++) {
		request->sections[0] = (enum sl_section)i;
		if (strcmp(sl_section_name((enum sl_section)i), name) == 0)
			return true;
	}
	return false;
}

static bool read_seconds(unsigned *seconds, const char *text)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end != '\0' || value < 1 || value > WATCH_MAX)
		return false;
	*seconds = (unsigned)value;
	return true;
}

/* Its seconds stand behind `=`, or alone: no section begins with a digit. */
static bool read_watch(struct request *request, int argc, char **argv)
{
	const char *seconds = optarg;

	if (seconds == NULL && optind < argc && argv[optind][0] >= '0' && argv[optind][0] <= '9')
		seconds = argv[optind++];
	request->watch = WATCH_DEFAULT;
	return seconds == NULL || read_seconds(&request->watch, seconds);
}

/* Returns an exit code. */
static int read_arguments(struct request *request, int argc, char **argv)
{
	static const struct option options[] = {{"json", no_argument, NULL, 'j'},
		{"watch", optional_argument, NULL, 'w'}, {"gateway", required_argument, NULL, 'g'},
		{NULL, 0, NULL, 0}};
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (option == 'j')
			request->json = true;
		else if (option == 'g' && *optarg != '\0' && strchr(optarg, '/') == NULL)
			request->gateway = optarg;
		else if (option == 'w' && read_watch(request, argc, argv))
			continue;
		else if (option == 'w')
			return sl_cli_usage("show: expected 1 to %d seconds after --watch", WATCH_MAX);
		else if (option == 'g' || option == ':')
			return sl_cli_usage("show: expected the name of a gateway after --gateway");
		else
			return sl_cli_usage(
				"show: unknown option '%s', expected --json, --watch or --gateway NAME",
				argv[optind - 1]);
	}
	if (argc - optind > 1)
		return sl_cli_usage("show: unexpected argument '%s', expected one section", argv[optind + 1]);
	if (!choose_sections(request, argv[optind]))
		return sl_cli_usage(
			"show: unknown section '%s', expected peers, sessions, ports, neighbours, routes, drops, ike or workers",
			argv[optind]);
	return SL_EXIT_DONE;
}

/* All sections as one object, or NULL after a word on stderr. */
static json_t *gather(const struct request *request)
{
	struct sl_client *client = sl_client_open(request->gateway);
	json_t *all;

	if (client == NULL)
		return NULL;
	all = json_object();
	for (unsigned i = 0; i < request->count && all != NULL; i++) {
		json_t *data = sl_section_gather(client, request->sections[i]);

		/* A NULL for the data is an error here too. */
		if (json_object_set_new(all, sl_section_name(request->sections[i]), data) != 0) {
			json_decref(all);
			all = NULL;
		}
	}
	sl_client_close(client);
	return all;
}

/* As `NO_COLOR` (no-color.org) and terminals without colours want it. */
static bool wants_colour(void)
{
	const char *no_colour = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	if (no_colour != NULL && *no_colour != '\0')
		return false;
	return isatty(STDOUT_FILENO) && term != NULL && strcmp(term, "dumb") != 0;
}

static void print_report(const struct request *request, json_t *all)
{
	if (request->json) {
		json_dumpf(all, stdout, JSON_INDENT(2));
		putchar('\n');
		return;
	}
	for (unsigned i = 0; i < request->count; i++) {
		if (i > 0)
			putchar('\n');
		sl_section_print(request->sections[i],
			json_object_get(all, sl_section_name(request->sections[i])), wants_colour());
	}
}

/* Returns an exit code. */
static int report(const struct request *request, bool clear)
{
	json_t *all = gather(request);

	if (all == NULL)
		return SL_EXIT_FAILED;
	/* Home, and whatever is there goes: only now, so that the screen is never empty for long. */
	if (clear)
		fputs("\033[H\033[2J", stdout);
	print_report(request, all);
	json_decref(all);
	return sl_cli_flush();
}

int sl_cmd_show(int argc, char **argv)
{
	struct request request = {.count = 0};
	int code = read_arguments(&request, argc, argv);
	bool clear = request.watch > 0 && isatty(STDOUT_FILENO);

	if (code != SL_EXIT_DONE)
		return code;
	code = report(&request, clear);
	while (code == SL_EXIT_DONE && request.watch > 0) {
		sleep(request.watch);
		if (!clear && !request.json)
			putchar('\n');
		code = report(&request, clear);
	}
	return code;
}
