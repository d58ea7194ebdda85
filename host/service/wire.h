/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What hosts say to each other: POST /v1 with one request of the control protocol, of a closed list, answered by one answer of it.
 *
 *     {"command": "receive", "arguments": {"unit": {...}}}          {"command": "receive-end", "arguments": {"name": "..."}}
 *     {"command": "status", "arguments": {"name": "..."}}           {"command": "host"}
 *     {"command": "overview"}
 *
 * Trust: everything here comes from the network, at best from a peer whose certificate was accepted. The decoder makes a new object of the
 * parts that it knows. Nothing else reaches the process with rights.
 */
#ifndef OPTMIG_HOST_SERVICE_WIRE_H
#define OPTMIG_HOST_SERVICE_WIRE_H

#include <jansson.h>
#include <stddef.h>

#define WIRE_BODY_MAX   65536u
#define WIRE_ANSWER_MAX (512u * 1024)

/* Return: OM_EINVAL with words, OM_EOVERFLOW, OM_EPERM (a command that is not for other hosts). */
__attribute__((warn_unused_result))
int wire_request(const char *text, size_t size, json_t **ret);
/* An object with "return" or "error". @status: HTTP's. Return: OM_EHOST with words. */
__attribute__((warn_unused_result))
int wire_answer(const char *text, size_t size, long status, json_t **ret);

#endif
