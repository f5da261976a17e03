/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Starting DPDK's environment abstraction layer. Its arguments come from three places, later ones win: what suits a
 * gateway, `eal =` of the configuration file, and the command line after `--`.
 */
#ifndef SEALANE_GATEWAY_EAL_H
#define SEALANE_GATEWAY_EAL_H

/*
 * words: EAL arguments separated by white space, or NULL. extra: further ones, NULL-terminated. Returns 0, or -1 after one
 * line on stderr.
 *
 * The file prefix is sealane-NAME unless given: under it `sealane show` finds the gateway.
 */
int eal_start(const char *name, const char *words, char **extra);

#endif
