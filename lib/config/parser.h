/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Inside lib/config: what is known of a file while it is being read.
 *
 *   files.c    which files there are, and what is of which
 *   reader.c   a file to sections and keys, by inih
 *   sections.c which section begins, and which of its keys is given
 *   gateway_keys.c, port_keys.c, peer_keys.c, flow_keys.c
 *              what keys a section has, and what each value means; keys.c has what they share
 *   key_files.c the files that keys are in
 *   values.c   units, booleans, lists
 *   identities.c whose names and keys they are
 *   rules.c    what must hold between values, once all are read
 *   config.c   the way through these, and the complaints
 *
 * No step stops at a mistake: it complains, leaves the value unset and goes on, so that all mistakes are found in one
 * go. Whether the configuration is good is decided at the end, by whether there was a complaint.
 */
#ifndef SEALANE_CONFIG_PARSER_H
#define SEALANE_CONFIG_PARSER_H

#include "config.h"

/* Where a section keeps its keys; the tables in *_keys.c have the same order. */
enum {
	GATEWAY_NAME,
	GATEWAY_PRIVATE_KEY,
	GATEWAY_EAL,
	GATEWAY_IDLE_SLEEP,
	GATEWAY_MSS_CLAMP,
	GATEWAY_GROUP,
	GATEWAY_INCLUDE
};
enum {
	PORT_DEVICE,
	PORT_ADDRESS,
	PORT_MTU,
	PORT_VLAN,
	WIRE_NEXT_HOP,
	PLAIN_ROUTES = WIRE_NEXT_HOP,
	PLAIN_WAIT_FOR_PEER
};
enum {
	PEER_PUBLIC_KEY,
	PEER_ENDPOINT,
	PEER_PREFIXES,
	PEER_CIPHER,
	PEER_ESN,
	PEER_ENCAPSULATION,
	PEER_UDP_CHECKSUM,
	PEER_DSCP,
	PEER_START,
	PEER_SOURCE_PORT,
	PEER_DPD_DELAY,
	PEER_REKEY_TIME,
	PEER_REKEY_PACKETS,
	PEER_REKEY_BYTES,
	PEER_PPK,
	PEER_PPK_ID,
	PEER_PPK_REQUIRED
};
enum {
	FLOW_PEER,
	FLOW_LOCAL,
	FLOW_REMOTE,
	FLOW_PROTOCOL,
	FLOW_LOCAL_PORT,
	FLOW_REMOTE_PORT,
	FLOW_REKEY_TIME,
	FLOW_REKEY_PACKETS,
	FLOW_REKEY_BYTES
};
enum { SECTION_KEYS_MAX = PEER_PPK_REQUIRED + 1 };

struct parser;

/* A key: its name, and what takes its value when it is given. */
struct key {
	const char *name;
	bool required;
	void (*take)(struct parser *p, const char *name, const char *value);
};

struct section_kind {
	const char *name;
	struct key keys[SECTION_KEYS_MAX]; /* up to the first without a name */
};

extern const struct section_kind sl_config_gateway_kind, sl_config_wire_kind, sl_config_plain_kind,
	sl_config_peer_kind, sl_config_flow_kind;

struct section {
	const struct section_kind *kind; /* NULL: not seen */
	int line;                        /* of its header */
	int key_line[SECTION_KEYS_MAX];  /* where it is given first; 0: not given */
};

/* A file that is read: its lines follow those that were read before it. */
struct source_file {
	char *path;
	int before;
};

struct complaint {
	int line; /* 0: about the file as a whole */
	char *text;
};

struct parser {
	struct sl_config *config;
	const struct sl_config_loaders *loaders;

	int line; /* being read, counted on from file to file; the last one when all is read */
	struct source_file *files; /* in the order in which they are read, the main one first */
	unsigned file_count;
	char *include; /* what the main one includes; NULL: nothing */
	struct section gateway, wire, plain;
	struct section *peers; /* one beside each of config->peers */
	struct section *flows; /* and of config->flows */

	/* The section that keys belong to now. NULL before the first header, and in one that is wrong. */
	struct section *current;
	struct sl_config_port *port;
	struct sl_config_peer *peer;
	struct sl_config_flow *flow;
	bool skipping; /* current is NULL because of a complaint: its keys are not worth another */

	struct complaint *complaints;
	size_t complaint_count;
	bool no_memory;
};

/* Notes a complaint about a line; 0 for the whole file. The text needs no prefix and no newline. */
void sl_config_complain(struct parser *p, int line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* A copy of the text, or NULL with no_memory set. */
char *sl_config_copy(struct parser *p, const char *text);

/* reader.c: feeds a whole file through sl_config_begin_section() and sl_config_take_key(). */
void sl_config_read(struct parser *p, FILE *file);

/* sections.c: "[kind name]" begins (name may be ""); key = value inside it; the section's required keys are there. */
void sl_config_begin_section(struct parser *p, const char *kind, const char *name);
void sl_config_take_key(struct parser *p, const char *name, const char *value);
void sl_config_check_required(struct parser *p, const struct section *section);

/* identities.c: each name and each key belongs to one gateway. */
void sl_config_check_identities(struct parser *p);

/* rules.c: everything that takes more than one value to judge, and the defaults that depend on another value. */
void sl_config_check_rules(struct parser *p);

#endif
