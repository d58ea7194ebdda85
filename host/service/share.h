/* SPDX-License-Identifier: Apache-2.0 */
/* How the moves that leave a host at the same time share what it may send (share.c). */
#ifndef OPTMIG_HOST_SERVICE_SHARE_H
#define OPTMIG_HOST_SERVICE_SHARE_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

struct service_unit;
/* Bytes in a second; 0: no limit. */
struct share { const struct service_unit *of; uint64_t wish, rate; };

/* Of @rate (0: no limit), to each its part; the list is put in order of wishes. The sum is never more than @rate, unless that is less than a byte for each. */
void share_divide(uint64_t rate, struct share *list, size_t count);
/* A move is about to begin, others are told that they have less now. @wish: what its unit allows. Return: its share. */
uint64_t share_begin(struct service_unit *u, uint64_t wish);
/* It has begun, with the share that it was @told. */
void share_begun(struct service_unit *u, uint64_t told);
/* It has ended, or has not begun: the others have its part. */
void share_end(struct service_unit *u);
/* What the unit of a move that is under way allows has changed. Return: its share. */
uint64_t share_wish(struct service_unit *u, uint64_t wish);
/* What the host may send in all. */
void share_link(uint64_t rate);
/* {"bandwidth": RATE, "moves": {NAME: RATE}} */
json_t *share_json(void);

#endif
