/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sealane: one executable, one word for what to do. Everything a command does is in its own file.
 */
#include <stdio.h>
#include <string.h>

#include <rte_version.h>

#include "../lib/crypto/crypto.h"
#include "commands.h"

static const char bench_options[] =
	"Usage: sealane bench [OPTIONS]\n"
	"\n"
	"Measures on this machine, without a NIC, what a packet costs in a worker beside AES-GCM alone.\n"
	"\n"
	"  --size N                  bytes of an inner packet (64)\n"
	"  --sessions N              SAs of a worker, used in random order (1)\n"
	"  --workers N               workers, each on a CPU of its own (1)\n"
	"  --burst N                 packets a worker takes at once (32)\n"
	"  --cipher aes128|aes256    (aes128)\n"
	"  --direction seal|open     (seal)\n"
	"  --source recycle|pcap     packets handed out again, or DPDK's net_pcap (recycle)\n"
	"  --time S                  seconds (3)\n"
	"  --json                    print one JSON object\n"
	"  --capture FILE            write what one more round sends, as pcap\n"
	"  --keylog DIR              write the keys that open it, as Wireshark reads them\n";

static const char keylog_options[] =
	"Usage: sealane keylog [OPTIONS] DIR\n"
	"\n"
	"Writes the keys of the running gateway's SAs, those there are and those to come, in the form Wireshark reads:\n"
	"WIRESHARK_CONFIG_DIR=DIR. Ends with Ctrl-C. For debugging only: whoever reads DIR reads all traffic.\n"
	"\n"
	"  --time S          end after S seconds (also 500ms, 5m)\n"
	"  --gateway NAME    which gateway, when several run on this machine\n";

static const char capture_options[] =
	"Usage: sealane capture [OPTIONS] FILE\n"
	"\n"
	"Writes packets of the running gateway as pcapng to FILE, or with - to standard output: | tshark -i -\n"
	"\n"
	"  --port wire|plain  what this port receives and sends; may be given twice\n"
	"  --drops            what is dropped, with the reason as comment; slows the workers down\n"
	"  --peer NAME        only what concerns this peer\n"
	"  --snaplen N        at most N bytes of a packet\n"
	"  --count N          end after N packets\n"
	"  --time S           end after S seconds (also 500ms, 5m)\n"
	"  --gateway NAME     which gateway, when several run on this machine\n";

static const char trace_options[] =
	"Usage: sealane trace [OPTIONS]\n"
	"\n"
	"Prints the way of the next packets through the running gateway. Slows the workers down meanwhile.\n"
	"\n"
	"  --peer NAME       only what concerns this peer\n"
	"  --from ADDRESS    only from this address, or prefix: of the inner packet\n"
	"  --to ADDRESS      only to this one\n"
	"  --count N         end after N packets (10)\n"
	"  --time S          end after S seconds (also 500ms, 5m)\n"
	"  --gateway NAME    which gateway, when several run on this machine\n";

static const char exporter_options[] =
	"Usage: sealane exporter [OPTIONS]\n"
	"\n"
	"Serves what the gateway tells: /metrics for Prometheus, a page at / for people, /status.json.\n"
	"\n"
	"  --listen ADDRESS:PORT     (127.0.0.1:9464); IPv6 in brackets, [::1]:9464\n"
	"  --gateway NAME            which gateway, when several run on this machine\n"
	"  --list                    print all metrics with their meaning, and end\n";

static const struct command {
	const char *name;
	const char *arguments;
	const char *summary;
	int (*run)(int argc, char **argv);
	const char *help; /* what its own --help says; NULL: its line here */
} commands[] = {
	{"genkey", "", "make a private key and print it", sl_cmd_genkey, NULL},
	{"pubkey", "[--pem]", "print the public key of stdin", sl_cmd_pubkey, NULL},
	{"check", "FILE", "check a configuration file", sl_cmd_check, NULL},
	{"run", "FILE [--keylog DIR] [-- EAL ARGS]", "run a gateway in the foreground", sl_cmd_run, NULL},
	{"show", "[SECTION] [OPTIONS]", "show the running gateway", sl_cmd_show, sl_show_help},
	{"bench", "[OPTIONS]", "measure this machine", sl_cmd_bench, bench_options},
	{"keylog", "[OPTIONS] DIR", "write its keys, for Wireshark", sl_cmd_keylog, keylog_options},
	{"capture", "[OPTIONS] FILE", "capture its packets, as pcapng", sl_cmd_capture, capture_options},
	{"trace", "[OPTIONS]", "follow packets through it", sl_cmd_trace, trace_options},
	{"exporter", "[OPTIONS]", "serve metrics and a status page", sl_cmd_exporter, exporter_options},
	{"rekey", "PEER [--ike] [--gateway NAME]", "renew keys; --ike: of the IKE SA", sl_cmd_rekey, NULL},
	{"reload", "[--gateway NAME]", "put the changed file into effect", sl_cmd_reload, NULL},
	{"down", "PEER [--gateway NAME]", "take the link with a peer down", sl_cmd_down, NULL},
	{"up", "PEER [--gateway NAME]", "let it come up again", sl_cmd_up, NULL},
	{"rotate-identity", "FILE [--finish]", "replace the private key", sl_cmd_rotate_identity, NULL},
};

enum { COMMAND_COUNT = sizeof(commands) / sizeof(commands[0]), USAGE_WIDTH = 42 };

static int help(void)
{
	puts("Usage: sealane COMMAND [ARGUMENTS]\n"
	     "\n"
	     "Seals the traffic between datacenter nodes with IKEv2 and ESP, on DPDK.\n"
	     "\n"
	     "Commands:");
	for (unsigned i = 0; i < COMMAND_COUNT; i++)
		printf("  %s %-*s%s\n", commands[i].name, USAGE_WIDTH - (int)strlen(commands[i].name),
			commands[i].arguments, commands[i].summary);
	puts("\n"
	     "  sealane COMMAND --help, sealane --version, man sealane\n"
	     "\n"
	     "Exit codes: 0 done, 1 the input or the operation failed, 2 wrong usage.");
	return sl_cli_flush();
}

static int help_of(const struct command *command)
{
	if (command->help)
		fputs(command->help, stdout);
	else
		printf("Usage: sealane %s %s\n\n  %s\n", command->name, command->arguments, command->summary);
	return sl_cli_flush();
}

static int version(void)
{
	int code = sl_cli_init_crypto();

	if (code != SL_EXIT_DONE)
		return code;
	printf("sealane %s (%s, %s)\n", SEALANE_VERSION, sl_crypto_version(), rte_version());
	return sl_cli_flush();
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return sl_cli_usage("expected a command");
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
		return help();
	if (strcmp(argv[1], "--version") == 0)
		return version();
	for (unsigned i = 0; i < COMMAND_COUNT; i++) {
		if (strcmp(argv[1], commands[i].name) != 0)
			continue;
		if (argc > 2 && strcmp(argv[2], "--help") == 0)
			return help_of(&commands[i]);
		return commands[i].run(argc - 1, argv + 1);
	}
	return sl_cli_usage("unknown command '%s'", argv[1]);
}
