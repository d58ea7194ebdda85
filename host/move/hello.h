/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hello with which a host says what it wants of a TCP connection: abi/wire.h has its layout. It comes from a host that is
 * known (opening.h), and everything in it is a hint still; the enclaves' attestation decides.
 */
#ifndef OPTMIG_HOST_MOVE_HELLO_H
#define OPTMIG_HOST_MOVE_HELLO_H

#include <stdbool.h>
#include <stdint.h>
#include "engine.h"
#include "net/spare.h"

#define MOVE_SESSION_ID_SIZE 16

struct move_hello {
	uint32_t version;
	uint16_t kind;                          /* enum om_hello_kind */
	uint16_t connection, channels;
	int32_t  status;
	uint8_t  session[MOVE_SESSION_ID_SIZE];
	uint8_t  mrenclave[32];
	uint64_t elrange_size, touched_bytes;
	struct net_spare_hint sockets;
	char     program[OM_HELLO_NAME];        /* always NUL-terminated */
	uint8_t  clock[16];
	char     text[OM_HELLO_TEXT];           /* always NUL-terminated */
};

/* Every byte of `out` is written. Texts are cut off where they are too long; numbers that have no room are the greatest that have. */
void move_hello_encode(const struct move_hello *hello, uint8_t out[OM_HELLO_SIZE]);
/* Return: OM_ETYPE (not a hello), OM_EVERSION, OM_EINVAL (reserved bytes, kind, numbers, unprintable text).
 * Trust: `in` is hostile. */
__attribute__((warn_unused_result))
int move_hello_decode(const uint8_t in[OM_HELLO_SIZE], struct move_hello *ret_hello);

/* What names this machine's clock: the kernel's boot id, zero if there is none. */
void move_clock_id(uint8_t ret_id[16]);
/* True if both ids are known and the same. */
bool move_clock_same(const uint8_t a[16], const uint8_t b[16]);

#endif
