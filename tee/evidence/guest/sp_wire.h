/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The port of the emulated security processor: what a guest of the kind `vm` asks on it (vmsp.c) and optmig-sp answers (host/guest/sp).
 *
 * A real guest asks in pages that it shares with the firmware, encrypted with a key of its own; here a virtio port takes their place, in
 * the clear, and everything in the messages is the firmware's (AMD 56860, chapter 7). Little-endian.
 *
 *   request   u32 size   u8 op   u8 0   u16 number   message of `size` bytes
 *   answer    the same, with the op and the number of the request
 *
 *   op              request               answer
 *   1 report        MSG_REPORT_REQ, 96    MSG_REPORT_RSP: u32 status, u32 size, 24 zeros, the report
 *   2 key           MSG_KEY_REQ, 32       MSG_KEY_RSP: u32 status, 28 zeros, the key
 *   3 certificates  empty                 u32 status, u32 size, 24 zeros, the table of an extended report
 *   any other       up to 4,096 bytes     u32 status, 28 zeros
 *
 * A status other than 0 comes alone, in 32 bytes. One request is answered after another. Whoever asks gives each request a number of its
 * own, so that an answer to somebody who has gone away is not taken for one's own. A request longer than a page ends the connection,
 * and there is no other.
 */
#ifndef OPTMIG_TEE_EVIDENCE_GUEST_SP_WIRE_H
#define OPTMIG_TEE_EVIDENCE_GUEST_SP_WIRE_H

#define SP_PORT "optmig.sp"   /* the name of the virtio port */

enum sp_op { SP_REPORT = 1, SP_KEY, SP_CERTIFICATES };
/* The firmware's status codes. */
enum sp_status { SP_OK = 0, SP_INVALID_LENGTH = 0x04, SP_INVALID_PARAM = 0x16, SP_INVALID_KEY = 0x27 };

#define SP_HEAD            8
#define SP_REQUEST_MAX     4096
#define SP_REPORT_REQUEST  96
#define SP_KEY_REQUEST     32
#define SP_STATUS_SIZE     32      /* what an answer begins with */
#define SP_KEY_SIZE        32
#define SP_TABLE_MAX       16384   /* of certificates */
#define SP_ANSWER_MAX      (SP_STATUS_SIZE + SP_TABLE_MAX)

/* GUEST_FIELD_SELECT of MSG_KEY_REQ: what a key depends on. */
#define SP_FIELD_POLICY       (1u << 0)
#define SP_FIELD_IMAGE        (1u << 1)
#define SP_FIELD_FAMILY       (1u << 2)
#define SP_FIELD_MEASUREMENT  (1u << 3)
#define SP_FIELD_SVN          (1u << 4)
#define SP_FIELD_TCB          (1u << 5)
#define SP_FIELDS             63u

#endif
