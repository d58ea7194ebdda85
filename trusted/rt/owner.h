/* SPDX-License-Identifier: Apache-2.0 */
/* The program's owner, and what it gives: secrets, the lineage, leave to begin (owner.c). */
#ifndef OPTMIG_TRUSTED_RT_OWNER_H
#define OPTMIG_TRUSTED_RT_OWNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A fresh start, after the engine's: does the program wait? Then no thread of it runs until the owner has unlocked it. */
bool rt_owner_begin(uint64_t signals_ignored);
/* OM_ECALL_UNLOCK. */
long rt_owner_call(uint64_t op);
/* It waits for its owner, or has been stopped for good: a signal that would end it does. Return: it was for us. */
bool rt_owner_signal(int signo);

/* Secrets as files of /dev/attestation/keys. They are never removed, so an index stays, and so does its name. */
uint32_t rt_owner_secret_count(void);
/* @index: below the count. With NUL; valid as long as the enclave. */
const char *rt_owner_secret_name(uint32_t index);
/* Bytes of it now; a later delivery may replace it by one of another size. */
uint32_t rt_owner_secret_size(uint32_t index);
/* Up to @room bytes of it. Return: its size now. @to must not fault. */
uint32_t rt_owner_secret_read(uint32_t index, uint8_t *to, uint32_t room);
/* Nobody reads them any more: the program has gone on elsewhere. */
void rt_owner_wipe(void);

#endif
