/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the gateway may do, and who may look into it.
 *
 * Opening ports takes privileges; running takes none. Linux keeps capabilities per thread, and DPDK has started threads of
 * its own by then, which inherited everything. So every thread of the process is made to give them up, and the gateway does
 * not run before none has any left but those that are meant to stay.
 */
#ifndef SEALANE_GATEWAY_PRIVILEGES_H
#define SEALANE_GATEWAY_PRIVILEGES_H

#include <stdint.h>

/* A set of capabilities: that of CAP_X has the bit CAPABILITY(CAP_X). */
#define CAPABILITY(cap) (UINT64_C(1) << (cap))

/*
 * Gives up all capabilities but those in `keep`, and the way back to any of them (no_new_privs), in all threads. Memory can
 * still be locked afterwards: the limit for it goes up, or else CAP_IPC_LOCK stays. Returns 0, or -1 after a line on stderr.
 */
int privileges_drop(uint64_t keep);

/* The first thing of all: a crash leaves no core. */
void privileges_forbid_core(void);

/*
 * Only root can attach a debugger or read memory, and no core goes to a collector either, which the limit does not stop. After
 * the EAL has started, which needs its own /proc/self.
 */
void privileges_forbid_looking(void);

#endif
