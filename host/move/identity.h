/* SPDX-License-Identifier: Apache-2.0 */
/* What the enclave says of its instance, and of who was at the other end, for people, scripts and tickets. */
#ifndef OPTMIG_HOST_MOVE_IDENTITY_H
#define OPTMIG_HOST_MOVE_IDENTITY_H

#include "evidence/parse/der.h"
#include "move.h"

struct json_t;

/*
 * Adds to an object "mrenclave", "policy" (SHA-256 of the image's, as it is measured), "owned" (moves with the owner's ticket only); "instance" and "next-move" if the program is here;
 * "peer-platform" if the other side was attested. What `optmig ticket --from` and `--to-host` read.
 */
void move_identity_json(struct host_move *move, struct json_t *object);
/* What ticket the next move needs, in words; or "" if none, or if the program is not here. */
void move_identity_need(struct host_move *move, char *text, size_t size);

/*
 * Fresh evidence for the program's TLS key over a nonce, tagged (core/evidence/parse/tagged.h). Return: OM_ESTATE: the program is not here, or is
 * being taken along; OM_EQUOTE: this host has no evidence; OM_EINVAL: the nonce, or an image that is too old.
 */
__attribute__((warn_unused_result))
int move_identity_fresh(struct host_move *move, struct om_view nonce, uint8_t *buffer, size_t buffer_size, size_t *ret_size);

#endif
