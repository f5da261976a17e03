/* SPDX-License-Identifier: BSD-3-Clause */
/* DPDK for a test: no huge pages, no devices, no files; one lcore, or some. */
#ifndef SEALANE_TESTS_EAL_H
#define SEALANE_TESTS_EAL_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

#include <rte_eal.h>

static inline int eal_with_lcores(unsigned count)
{
	/* DPDK keeps the pointers. */
	static char prefix[64], lcores[48],
		*args[] = {(char *)"test", (char *)"--no-huge", (char *)"--no-pci", (char *)"-m",
			(char *)"256", (char *)"--no-telemetry", (char *)"--no-shconf",
			(char *)"--log-level=*:error", lcores, prefix};

	snprintf(prefix, sizeof(prefix), "--file-prefix=sealane-test-%d", (int)getpid());
	/* Not tied to a processor: the test may be the only one allowed to run on some other. */
	snprintf(lcores, sizeof(lcores), "--lcores=(0-%u)@(0-%ld)", count - 1,
		sysconf(_SC_NPROCESSORS_ONLN) - 1);
	return rte_eal_init(sizeof(args) / sizeof(*args), args) < 0 ? -1 : 0;
}

static inline int eal_for_tests(void **state)
{
	(void)state;
	return eal_with_lcores(1);
}

#endif
