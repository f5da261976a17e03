/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which addresses cannot be a host's. Both functions return NULL when nothing speaks against it, or else what the
 * address is, to go into a sentence: "a multicast address".
 */
#ifndef SEALANE_CONFIG_ADDRESSES_H
#define SEALANE_CONFIG_ADDRESSES_H

#include "../net/addr.h"

/* One address; network is the one it lies in, where that is known, else NULL. */
const char *sl_address_use(const struct sl_addr *addr, const struct sl_prefix *network);

/* All addresses of a prefix. */
const char *sl_prefix_use(const struct sl_prefix *prefix);

#endif
