/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What leaves cost on hardware, in core cycles. A profile makes the emulator spin for that long, so that a benchmark
 * can answer "and on hardware?" for the part that is known; the emulator's own time comes on top. Charged: EENTER and
 * EEXIT together at the entry, an AEX together with the kernel's handling of the fault behind it.
 */
#include <string.h>
#include "soft.h"

static const struct emu_costs profiles[] = {
	{
		.name = "skylake",
		.source = "enter: warm ecall of 8,640 cycles, Weisse et al., HotCalls, ISCA 2017, table 1; "
			"all others: our estimates, to be replaced by measurements",
		.enter = 8640, .resume = 4000, .aex = 10000, .accept = 1600, .accept_copy = 3000, .modpe = 1600,
		.augment = 10000, .report = 30000, .getkey = 30000,
	},
	{
		.name = "icelake",
		.source = "enter: middle of the 8,000-12,000 cycles commonly given for EENTER+EEXIT on Ice Lake servers; "
			"all others: our estimates, to be replaced by measurements",
		.enter = 10000, .resume = 5000, .aex = 12000, .accept = 1600, .accept_copy = 3000, .modpe = 1600,
		.augment = 10000, .report = 30000, .getkey = 30000,
	},
};

const struct emu_costs *emu_costs_find(const char *name)
{
	for (size_t i = 0; i < sizeof profiles / sizeof *profiles; i++)
		if (strcmp(profiles[i].name, name) == 0)
			return &profiles[i];
	return NULL;
}
