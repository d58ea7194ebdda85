/* SPDX-License-Identifier: Apache-2.0 */
/* What the sources of Linux share. */
#ifndef OPTMIG_TEE_EVIDENCE_GUEST_INTERNAL_H
#define OPTMIG_TEE_EVIDENCE_GUEST_INTERNAL_H

#include "../../base.h"
#include "errors.h"
#include "evidence/parse/snp.h"
#include "kernel.h"
#include "source.h"

/*
 * One requester per guest: the security processor numbers its messages, and a host that sees many requests throttles. All of ours wait for each other
 * on a lock of what they ask: the device, or configfs' folder. Nobody else can take that, and no file of ours has to be where containers see it.
 * Return: OM_ETIMEDOUT: another one has held it for longer than any request takes.
 */
__attribute__((warn_unused_result))
int guest_lock(int fd, const char *what);
/* Gives the lock back. @fd: that of guest_lock(), which stays open. */
void guest_unlock(int fd);

/* The device itself, for what configfs cannot do. Return: OM_EUNSUPPORTED: it is not there; OM_EPERM. */
__attribute__((warn_unused_result))
int guest_sev_device(int *ret_fd);
/* A report from it, without certificates if there is no room for them. @vmpl: in, at least; out, as it was accepted. @ret_gone: the kernel's key was wiped. */
__attribute__((warn_unused_result))
int guest_sev_report(int fd, unsigned *vmpl, const uint8_t data[GUEST_DATA_SIZE], uint8_t report[OM_SNP_REPORT_SIZE], uint8_t *table, size_t table_size,
	size_t *ret_table, bool *ret_gone);
/* The derived key of the guest that this report is of. */
__attribute__((warn_unused_result))
int guest_sev_key(int fd, const struct om_snp_report *report, uint8_t ret_key[GUEST_KEY_SIZE], bool *ret_gone);
/* source->key() of both SNP sources. @device: -1: to be opened. */
__attribute__((warn_unused_result))
int guest_snp_key(struct guest_source *source, int device, uint8_t ret_key[GUEST_KEY_SIZE], bool *ret_gone);

/* After the kernel has wiped the key with which it talks to the security processor. Return: OM_EQUOTE. */
int guest_fail_wiped(void);

/* Is there a confidential guest without a source, by what the processor says? NULL: no; else what is missing, and the cure. @ret_sure: no other machine says so. */
const char *guest_recognise(bool *ret_sure);

/* The end of a certificate table: what of `size` bytes its entries use. 0: it is empty, or none. */
size_t guest_table_used(const uint8_t *table, size_t size);

#endif
