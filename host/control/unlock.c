/* SPDX-License-Identifier: Apache-2.0 */
/* See the header and abi/ownercall.h. Nothing here is secret: what passes is sealed to the enclave. */
#include <jansson.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "channel.h"
#include "evidence/accept/ticket_text.h"
#include "strerror.h"
#include "unlock.h"
#include "unlock/unlock.h"
#include "ownercall.h"
#include "util.h"

#define BUFFER_SIZE OM_TBUF_SIZE_APP
#define ROOM        (BUFFER_SIZE - OM_TBUF_DATA)
#define STOP_TRIES  20000u                      /* of a millisecond */

static int64_t call(struct host_enclave *enclave, uint32_t slot, enum om_unlock_op op, uint64_t a0, uint64_t a1)
{
	struct om_tbuf *t = host_slot_tbuf(enclave, slot);
	char words[OM_UNLOCK_WORDS_MAX];
	int error;

	t->arg[0] = a0;
	t->arg[1] = a1;
	t->ret = OM_EINTERNAL;
	error = host_ecall(enclave, slot, OM_ECALL_UNLOCK, op, 0);
	if (error)
		return error;
	if (t->ret >= 0)
		return t->ret > (int64_t)ROOM ? host_fail(OM_EINTERNAL, "the enclave's answer is too large") : t->ret;
	memcpy(words, host_tbuf_data(t), sizeof words - 1);
	words[sizeof words - 1] = 0;
	for (char *c = words; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
	return host_fail((int)t->ret, "%s", *words ? words : om_strerror((int)t->ret));
}

/* Hexadecimal digits into `to`. */
static int take(const json_t *arguments, const char *name, uint8_t *to, size_t room, size_t *ret_size)
{
	const char *hex = json_string_value(json_object_get(arguments, name));
	const size_t length = hex ? strlen(hex) : 0;

	if (!length || length > 2 * room || !om_hex_decode(hex, length, to, length / 2))
		return host_fail(OM_EINVAL, "argument \"%s\" must be up to %zu bytes in hexadecimal digits", name, room);
	*ret_size = length / 2;
	return 0;
}

static int give(json_t *o, const char *name, const uint8_t *bytes, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	char *text = malloc(2 * size + 1);
	int error;

	if (!text)
		return host_fail(OM_ENOMEM, "no memory");
	for (size_t i = 0; i < size; i++) {
		text[2 * i] = digits[bytes[i] >> 4];
		text[2 * i + 1] = digits[bytes[i] & 15];
	}
	text[2 * size] = 0;
	error = json_object_set_new(o, name, json_string(text)) ? host_fail(OM_ENOMEM, "no memory") : 0;
	free(text);
	return error;
}

static int ask(struct host_enclave *e, uint32_t slot, const json_t *arguments, json_t *ret)
{
	uint8_t *data = host_tbuf_data(host_slot_tbuf(e, slot));
	size_t size;
	int64_t all;
	uint64_t statement;
	int error = take(arguments, "nonce", data, OM_UNLOCK_NONCE, &size);

	if (!error && size != OM_UNLOCK_NONCE)
		error = host_fail(OM_EINVAL, "a nonce has %u bytes", OM_UNLOCK_NONCE);
	if (error)
		return error;
	all = call(e, slot, OM_UNLOCK_ASK, 0, 0);
	statement = host_slot_tbuf(e, slot)->arg[0];
	if (all < 0)
		return (int)all;
	if (statement > (uint64_t)all)
		return host_fail(OM_EINTERNAL, "the enclave's answer makes no sense");
	error = give(ret, "statement", data, statement);
	return error ? error : give(ret, "evidence", data + statement, (size_t)all - statement);
}

static int grant(struct host_enclave *e, uint32_t slot, const json_t *arguments)
{
	size_t size;
	const int error = take(arguments, "grant", host_tbuf_data(host_slot_tbuf(e, slot)), ROOM, &size);

	return error ? error : (int)call(e, slot, OM_UNLOCK_GRANT_IN, size, 0);
}

static int order(struct host_enclave *e, uint32_t slot, const json_t *arguments, json_t *ret)
{
	uint8_t *data = host_tbuf_data(host_slot_tbuf(e, slot));
	size_t size, evidence;
	int64_t got;
	int error = take(arguments, "grant", data, ROOM, &size);

	if (!error)
		error = take(arguments, "evidence", data + size, ROOM - size, &evidence);
	if (!error)
		error = (int)call(e, slot, OM_UNLOCK_ORDER_IN, size, evidence);
	if (error)
		return error;
	for (unsigned i = 0; i < STOP_TRIES; i++) {
		got = call(e, slot, OM_UNLOCK_TAKE, 0, 0);
		if (got)
			return got < 0 ? (int)got : give(ret, "package", data, (size_t)got);
		usleep(1000);
	}
	return host_fail(OM_ETIMEDOUT, "the program does not stop");
}

struct json_t *unlock_request(struct host_enclave *enclave, const char *command, const struct json_t *arguments)
{
	static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER; /* the enclave talks to one at a time */
	json_t *value = json_object();
	uint32_t slot;
	int error;

	pthread_mutex_lock(&one);
	error = value ? host_slot_acquire(enclave, BUFFER_SIZE, &slot) : host_fail(OM_ENOMEM, "no memory");
	if (!error) {
		if (strcmp(command, "unlock-ask") == 0)
			error = ask(enclave, slot, arguments, value);
		else if (strcmp(command, "unlock-grant") == 0)
			error = grant(enclave, slot, arguments);
		else if (strcmp(command, "upgrade-order") == 0)
			error = order(enclave, slot, arguments, value);
		else
			error = (int)call(enclave, slot, OM_UNLOCK_END, 0, 0);
		host_slot_release(enclave, slot);
	}
	pthread_mutex_unlock(&one);
	if (!error)
		return json_pack("{so}", "return", value);
	json_decref(value);
	return channel_error(error);
}

const char *unlock_state(struct host_enclave *enclave)
{
	uint32_t slot;
	int64_t state;

	if (host_slot_acquire(enclave, OM_TBUF_SIZE_MIN, &slot))
		return NULL;
	state = call(enclave, slot, OM_UNLOCK_STATE, 0, 0);
	host_slot_release(enclave, slot);
	return state == OM_UNLOCK_IS_WAITING ? "waiting" : state == OM_UNLOCK_IS_STOPPING || state == OM_UNLOCK_IS_HANDED_ON ? "handed-on" : NULL;
}
