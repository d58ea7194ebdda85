/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program's user, groups and capabilities, which are this process'. Linux keeps them for each thread, but a program means
 * all threads. A helper thread that stayed root would make the others' drop worth little. So all threads change together.
 *
 * A destination takes them on in two steps, since adding and announcing its addresses still needs privileges when the program
 * is about to run. What the enclave asks for before that is checked and noted. Threads of the program take the rights on before
 * they run, all other threads when host_creds_settle() says so.
 */
#ifndef OPTMIG_HOST_LOAD_CREDS_H
#define OPTMIG_HOST_LOAD_CREDS_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#define HOST_CREDS_SIGNAL (SIGRTMAX - 1)

/* Installs the signal's handler; once. Return: OM_E*. */
__attribute__((warn_unused_result))
int host_creds_setup(void);
/* Is it one of the calls below? */
bool host_creds_is(uint32_t nr, const uint64_t arg[6]);
/* setuid and its kin, capset, some of prctl, for all threads. Pointers are good. Return: 0 or -errno, as the kernel said to the
 * calling thread. Does not return if another thread cannot follow. */
int64_t host_creds_call(uint32_t nr, const uint64_t arg[6]);
/* A destination: note what comes from here on. */
void host_creds_defer(void);
/* A thread of the program, before it enters. */
void host_creds_take_on(void);
/* A destination: the program runs, and privileges have done their work. */
void host_creds_settle(void);

#endif
