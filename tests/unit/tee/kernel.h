/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A kernel as confidential guests have one: configfs-tsm as Linux 6.7 to 6.17 have it (drivers/virt/coco/guest/report.c: what is written counts at close, a read makes
 * the report, errors come from the read), /dev/sev-guest, /dev/tdx_guest, a /run, a processor, and time that passes only in sleep.
 */
#ifndef OPTMIG_TESTS_UNIT_TEE_KERNEL_H
#define OPTMIG_TESTS_UNIT_TEE_KERNEL_H

#include "../unit.h"
#include "evidence/demo/quote_build.h"
#include "evidence/demo/snp_table.h"
#include "evidence/guest/kernel.h"

#define FOREVER 1000000u

struct play {
	/* configfs */
	bool tsm;                       /* the folder is there */
	bool configfs;                  /* .../tsm is, with or without the folder */
	int  folder_errno, mkdir_errno; /* of opening it; of making an entry */
	const char *provider;           /* NULL: the driver is gone */
	unsigned floor;                 /* privlevel_floor; with floor_missing there is no such attribute */
	bool floor_missing, aux_missing;
	int  out_errno; unsigned out_times;  /* of reading outblob, so often */
	unsigned interfere;             /* so often somebody writes between our write and our read */
	unsigned lost;                  /* so often a write does not count (EBUSY, which close() hides) */
	bool stale, stuck;              /* "optmig" is there already; and cannot be removed */
	size_t tail;                    /* zeros behind the blob */
	bool garbage, other_data;
	/* devices */
	bool sev, tdx;
	int  device_errno;
	int  ioctl_errno; unsigned ioctl_times; uint64_t exitinfo2;
	bool wiped;                     /* after a failure, as the driver does it */
	unsigned vmpl;                  /* of the kernel: lower numbers are refused */
	uint32_t status;                /* of the firmware, in every answer */
	uint32_t size;                  /* of the report; 0: right */
	bool certificates, certificates_huge;
	/* others */
	uint64_t locked_until;
	bool no_locks;
	uint32_t cpuid[8][5];           /* leaf, four registers; a leaf of zeros ends */
	const char *boot_id;
	bool run_is_disk, no_run;
	uint8_t identity[128]; size_t identity_size;
	/* what came of it */
	uint64_t now, waited;
	unsigned requests, key_requests, entries, locks;
	uint8_t key_request[32];
	char privlevel[16];
	/* who answers */
	struct om_snp_machine machine;
	struct om_snp_report says;
	struct om_platform platform;
	struct om_td_body td;
};

extern struct play play;
extern const struct guest_kernel played;
/* What the played host hands out. */
size_t play_table(uint8_t *to, size_t room);
/* An SNP guest with all that works; in use from now on. */
void play_begin(void);
/* All descriptors are closed, no entry is left, no lock is held. */
void play_end(void);

#endif
