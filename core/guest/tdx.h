/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of a TDX guest's measurements can be computed from what it is made of. In a quote stand
 *
 *     MRTD    the TDX module's hash over the firmware's pages as the VMM adds them:      computed, for both orders that VMMs have
 *     RTMR0   what the firmware measures of its configuration: the VMM's tables (ACPI), memory size, variables: not computed
 *     RTMR1   the kernel's image, and that it was started:                               computed, for hosts that leave the image as it is
 *     RTMR2   command line and initrd:                                                   computed
 *     RTMR3   nothing, by us                                                             zero
 *     MRSEAM, SEAMATTRIBUTES   the TDX module of the host;  TDATTRIBUTES, XFAM: of the VMM's configuration
 *
 * Nothing here was compared with a quote of a real machine. Who trusts a guest can read its tuple (`optmig info` inside), and compare.
 * Source: Intel TDX module, TDH.MEM.PAGE.ADD and TDH.MR.EXTEND; edk2 OvmfPkg (TDVF), QEMU target/i386/kvm/tdx.c.
 */
#ifndef OPTMIG_CORE_GUEST_TDX_H
#define OPTMIG_CORE_GUEST_TDX_H

#include "guest/firmware.h"

#define OM_TDX_MEASURE_SIZE 48

/* @two_passes: all pages of a section are added before the first is measured (hosts' kernels before Linux 6.16); else page by page.
 * Return: OM_EIMAGE (not for TDX, or a section is not in the image). */
__attribute__((warn_unused_result))
int om_tdx_mrtd(const struct om_firmware *fw, bool two_passes, uint8_t ret[OM_TDX_MEASURE_SIZE]);
/*
 * Of a guest whose kernel QEMU hands over (-kernel). It holds for QEMU from 10.2 on, or a firmware that takes the kernel's file whole (edk2-stable202505 and
 * later): before, QEMU wrote into the header where the initrd lies. And for a firmware that measures boot variables into RTMR0, as UEFI 2.10 has it.
 * Return: OM_EIMAGE (no EFI stub).
 */
__attribute__((warn_unused_result))
int om_tdx_rtmr1(const uint8_t *kernel, size_t kernel_size, uint8_t ret[OM_TDX_MEASURE_SIZE]);
/* @command_line: as given to QEMU; the firmware adds " initrd=initrd", and measures it as UTF-16 with its NUL. ASCII. */
void om_tdx_rtmr2(const char *command_line, const void *initrd, size_t initrd_size, uint8_t ret[OM_TDX_MEASURE_SIZE]);

#endif
