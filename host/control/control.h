/* SPDX-License-Identifier: Apache-2.0 */
/* The control socket of an enclave process; channel.h has the protocol, requests.c the commands. */
#ifndef OPTMIG_HOST_CONTROL_CONTROL_H
#define OPTMIG_HOST_CONTROL_CONTROL_H

#include "move/move.h"

/* Opens the socket, starts the control thread, and has the socket removed by host_exit. A failure leaves the program
 * without remote control; `move` must outlive the process. Context: after move_new. */
__attribute__((warn_unused_result))
int  host_control_start(struct host_enclave *enclave, struct host_move *move);
/* Removes the socket. The thread goes on until the process ends. */
void host_control_remove(void);

#endif
