/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wire format of a migration: what travels between two hosts. Little-endian throughout. The prose, the order of
 * messages and what each side may conclude when are in docs/spec/migration.md; the two change together.
 *
 * HOST PART (between the untrusted hosts). A new TCP connection starts with an opening of four messages, by which both hosts prove
 * their keys (Noise_XX_25519_AESGCM_SHA256, prologue OM_OPENING_PROLOGUE):
 *
 *    source       48 B  head, message 1 (e)
 *    destination 112 B  head, message 2 (e, ee, s, es)
 *    source     1,088 B message 3 (s, se), whose payload is a hello
 *    destination 1,040 B a hello of the same layout (status filled in), sealed: AES-256-GCM, key of its direction, nonce 0
 *
 *    head, 16 bytes:    0  u64 OM_HELLO_MAGIC    8  u32 OM_HELLO_VERSION    12  u32 0
 *
 * A destination that does not speak the version answers with its head alone, and closes. A hello of OM_HELLO_SIZE bytes:
 *
 *    0  u64  OM_HELLO_MAGIC
 *    8  u32  OM_HELLO_VERSION
 *   12  u16  kind: enum om_hello_kind
 *   14  u16  connection number
 *   16  u16  page channels in this session
 *   18  u16  reserved, 0
 *   20  i32  status: 0, or OM_E* (answer only)
 *   24  16 B session id: random, the same in all connections of a session
 *   40  32 B MRENCLAVE of the source's image (by it the destination finds the file; attestation decides)
 *   72  u64  ELRANGE size (a hint)
 *   80  u40  touched bytes (a hint, to reserve memory ahead)
 *   85  u23  TCP sockets, then 1 bit: of IPv6 (a hint, to make them ahead; hosts that do not know it send and see 0)
 *   88  64 B program name, NUL-padded: for people; nothing is looked up by it
 *  152  16 B clock: the same for hosts that read the same clock (one machine), 0 if unknown
 *  168  88 B reserved, 0
 *  256  768 B text, NUL-padded: in an answer the reason for its status; else empty (sources named a path here once: not read)
 *
 * FRAMES (opaque to the hosts but for this header). After the opening each direction is a sequence of frames:
 *
 *    0  u8   OM_WIRE_VERSION
 *    1  u8   kind: enum om_frame_kind
 *    2  u16  connection number
 *    4  u32  length of what follows the header, <= OM_FRAME_PAYLOAD_MAX
 *    8  u64  sequence number
 *   16  u32  epoch: 0 for the first connection, one more for each resumption
 *   20  u16  head: bytes of the plaintext in front of page contents (page frames), else 0
 *   22  u16  reserved, 0
 *   24  ...  payload
 *
 * The payload of NOISE frames is a message of Noise_NN_25519_AESGCM_SHA256; 16 bytes follow the frame, by which the host vouches for it. That of all others is AES-256-GCM
 * ciphertext and a 16-byte tag; AAD = the 24 bytes of the header; nonce = 4 zero bytes, sequence number (u64 LE);
 * key = HKDF-SHA256(secret, "optmig 1 key" || epoch u32 || connection u16 || direction u8 || purpose u8).
 *
 * The payload of a REFUSED frame, of which all numbers are 0, is a hello as in an answer, sealed as that one is, with nonce 2 and the header as AAD.
 *
 * PAGE FRAMES (PAGES, REPLY): plaintext = head bytes of runs, then the contents, 4,096 bytes per page that has any.
 *
 *    run, 16 bytes:   0  u40 first page's index      5  u8 type: enum om_run_type
 *                     6  u8  the pages' state byte   7  u8 reserved, 0
 *                     8  u32 count of pages, > 0    12  u32 reserved, 0
 */
#ifndef OPTMIG_ABI_WIRE_H
#define OPTMIG_ABI_WIRE_H

#define OM_WIRE_VERSION       1

#define OM_HELLO_MAGIC        0x314d4954504f4dULL
#define OM_HELLO_VERSION      2
#define OM_HELLO_SIZE         1024
#define OM_HELLO_NAME         64
#define OM_HELLO_TEXT         768
#define OM_OPENING_PROLOGUE   "OptMig hosts 2"
#define OM_OPENING_HEAD       16
#define OM_OPENING_1          (OM_OPENING_HEAD + 32)
#define OM_OPENING_2          (OM_OPENING_HEAD + 96)
#define OM_OPENING_3          (64 + OM_HELLO_SIZE)
#define OM_OPENING_ANSWER     (OM_HELLO_SIZE + 16)
enum om_hello_kind { OM_HELLO_NEW = 1, OM_HELLO_RESUME = 2 };

#define OM_FRAME_HEADER       24
#define OM_FRAME_TAG          16
#define OM_FRAME_HEAD_MAX     2048                       /* runs of a page frame: at most 128 */
#define OM_FRAME_PAGES_MAX    64                         /* pages with content per frame */
#define OM_FRAME_PAYLOAD_MAX  (OM_FRAME_HEAD_MAX + OM_FRAME_PAGES_MAX * 4096 + OM_FRAME_TAG)
#define OM_FRAME_MAX          (OM_FRAME_HEADER + OM_FRAME_PAYLOAD_MAX)
#define OM_URGENT_PAGES_MAX   8                          /* pages in the answer to one request */
#define OM_URGENT_FRAME_MAX   (OM_FRAME_HEADER + OM_FRAME_HEAD_MAX + OM_URGENT_PAGES_MAX * 4096 + OM_FRAME_TAG)
#define OM_RUN_SIZE           16
#define OM_FAULT_BUCKETS      32                         /* of the fault times in OM_CTL_PLACED */

/* Offsets of the frame header that hosts need. */
#define OM_FRAME_OFFSET_KIND      1
#define OM_FRAME_OFFSET_LENGTH    4
#define OM_FRAME_OFFSET_SEQUENCE  8
#define OM_FRAME_OFFSET_EPOCH     16

enum om_connection { OM_CONNECTION_CONTROL = 0, OM_CONNECTION_URGENT = 1, OM_CONNECTION_PAGES = 2 };

enum om_frame_kind {
	OM_FRAME_NOISE = 1,   /* handshake, control connection, sequence 0 source's, 0 destination's */
	OM_FRAME_CONTROL,     /* one control message */
	OM_FRAME_PAGES,       /* page frame, page connections */
	OM_FRAME_ACK,         /* destination -> source on page connections: cumulative */
	OM_FRAME_REQUEST,     /* urgent: destination asks for a page */
	OM_FRAME_REPLY,       /* urgent: page frame with the request's sequence number */
	OM_FRAME_RESUME,      /* first frame of a new epoch on the control connection, either direction */
	OM_FRAME_COLLATERAL,  /* control connection, host to host: what the sender's platform is judged by; in clear, no enclave sees the frame */
	OM_FRAME_REFUSED,     /* control connection, host to host, before the enclaves' handshake is done: why the sender ends the session */
};

enum om_run_type {
	OM_RUN_CONTENT = 1,   /* accepted pages, contents follow */
	OM_RUN_ZERO,          /* accepted pages, all zero */
	OM_RUN_STATE,         /* pages that are not accepted: free or reserved; no content */
	OM_RUN_OWED,          /* accepted on the source, content follows later (post-copy) */
	OM_RUN_RESIDENT,      /* runtime's own pages, contents follow */
	OM_RUN_RESIDENT_ZERO, /* the same, all zero */
};

/* Control messages: plaintext = u16 type, u16 reserved 0, u32 size of body, body. Layouts in docs/spec/migration.md. */
enum om_control_type {
	OM_CTL_QUOTE = 1,     /* both: role, evidence */
	OM_CTL_PARAMS,        /* source: channels, page counts, CPU features the program may be using */
	OM_CTL_READY,         /* destination: accepted the parameters */
	OM_CTL_ROUND,         /* source: round begins; destination echoes it (round-trip time) */
	OM_CTL_COMPLETE,      /* source: everything has been sent: frames per page connection, owed pages */
	OM_CTL_PREPARED,      /* destination: everything imported and rebuilt; waits for the token */
	OM_CTL_START,         /* source: the start token; irrevocable */
	OM_CTL_STARTED,       /* destination: runs, or will: nothing leads back; times */
	OM_CTL_ABORT,         /* destination: the abort token: never ran and never will */
	OM_CTL_CANCEL,        /* source, before the token: reason */
	OM_CTL_PLACED,        /* destination: no page is owed any more */
	OM_CTL_FINISH,        /* source: keys destroyed, session over */
	OM_CTL_RUNS,          /* destination: runs, if STARTED came before that; times */
};

#endif
