/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `optmig guest exec NAME COMMAND...`: commands about the program in a guest, carried out in there: migrate, status, cancel and others. The
 * process of `optmig run --tee` listens on NAME.PID.guest beside the control sockets (control/rundir.h) and passes them on.
 */
#ifndef OPTMIG_HOST_GUEST_COMMANDS_H
#define OPTMIG_HOST_GUEST_COMMANDS_H

#include <stddef.h>
#include <stdint.h>

/* ---- in the process of the guest ---- */

/* Without a socket the program runs all the same. @program: its name. */
void commands_begin(const char *program);
/* Removes the socket's name, if there is one. A second call does nothing. */
void commands_end(void);
/* Readable when something is to be done; -1: nothing ever. */
int commands_fd(void);
/* Return: OM_ECONNECTION if the guest is gone. */
__attribute__((warn_unused_result))
int commands_serve(int control);
/* OUTPUT or RESULT of the guest. */
void commands_answer(uint8_t type, const uint8_t *payload, size_t size);

/* ---- in another process ---- */

/* @name: the program's, or the number of the process, or NULL: the only guest there is. Return: the command's exit status. */
int commands_exec(const char *name, char *const *arguments);
/* Names and numbers of this user's guests, one a line. */
int commands_list(void);

#endif
