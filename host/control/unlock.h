/* SPDX-License-Identifier: Apache-2.0 */
/* What an owner's tool and the enclave say to each other, carried over the control socket as hexadecimal digits. */
#ifndef OPTMIG_HOST_CONTROL_UNLOCK_H
#define OPTMIG_HOST_CONTROL_UNLOCK_H

#include "load/enclave.h"

struct json_t;

/* Answers of "unlock-ask", "unlock-grant", "upgrade-order", "upgrade-end"; never NULL but without memory. */
struct json_t *unlock_request(struct host_enclave *enclave, const char *command, const struct json_t *arguments);
/* "waiting", "handed-on", or NULL: it runs, or is not there. */
const char *unlock_state(struct host_enclave *enclave);

#endif
