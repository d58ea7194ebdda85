/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <string.h>
#include "client.h"
#include "evidence/accept/ticket_text.h"
#include "util.h"

int client_evidence(const char *program, const char *nonce, uint8_t *ret, size_t room, size_t *ret_size)
{
	struct channel channel;
	json_t *value = NULL;
	const char *hex;
	int error = client_open(program, CLIENT_RUNNING, &channel, NULL);

	if (error)
		return error;
	error = client_call(&channel, "evidence", json_pack("{ss}", "nonce", nonce), &value);
	channel_done(&channel);
	if (error)
		return error;
	hex = json_string_value(json_object_get(value, "evidence"));
	*ret_size = hex ? strlen(hex) / 2 : 0;
	if (!*ret_size || *ret_size > room || !om_hex_decode(hex, 2 * *ret_size, ret, *ret_size))
		error = host_fail(OM_EINTERNAL, "the program's answer is none");
	json_decref(value);
	return error;
}
