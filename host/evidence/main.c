/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The evidence endpoint, what `optmig evidence NAME --listen` becomes: HTTP around one command of the program's control socket.
 *
 *     GET /evidence?nonce=HEX     200 application/cbor   fresh evidence for the program's TLS key, over the nonce (core/evidence/parse/tagged.h)
 *                                 400 no nonce of 16 to 64 bytes; 503 the program is not here, or is on its way: ask again
 *
 * The answer needs no protection: it has the enclave's word over the client's nonce, and the client refuses a wrong answer. Whoever reaches
 * the port can make the host ask its quoting service. Requests are answered one after another, which limits that.
 * The endpoint is a process of its own, so that neither the program nor its control socket depends on an HTTP server.
 *
 * Arguments: NAME or pid, and the number of the listening socket.
 */
#include <microhttpd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "control/client.h"
#include "evidence/accept/ticket_text.h"
#include "evidence/parse/envelope.h"
#include "evidence/parse/tagged.h"
#include "util.h"

#define NONCE_MIN       16u
#define ANSWER_MAX      (OM_EVIDENCE_MAX + OM_CLAIMS_MAX + OM_TAGGED_HEAD)
#define CONNECTIONS_MAX 64u
#define CONNECTION_S    10u

static bool is_nonce(const char *text)
{
	uint8_t bytes[OM_NONCE_MAX];
	const size_t size = text ? strlen(text) / 2 : 0;

	return size >= NONCE_MIN && size <= sizeof bytes && strlen(text) == 2 * size && om_hex_decode(text, 2 * size, bytes, size);
}

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, const char *type, const void *bytes, size_t size)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(size, (void *)(uintptr_t)bytes, MHD_RESPMEM_MUST_COPY);
	enum MHD_Result result = MHD_NO;

	if (response && MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type) == MHD_YES &&
	    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store") == MHD_YES)
		result = MHD_queue_response(connection, status, response);
	if (response)
		MHD_destroy_response(response);
	return result;
}

static enum MHD_Result say(struct MHD_Connection *connection, unsigned status, const char *words)
{
	char line[300];
	const int size = snprintf(line, sizeof line, "%.250s\n", words);

	return answer(connection, status, "text/plain", line, size < 0 ? 0 : (size_t)size);
}

static enum MHD_Result request(void *context, struct MHD_Connection *connection, const char *url, const char *method, const char *version,
	const char *upload, size_t *upload_size, void **ret_state)
{
	const char *nonce = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "nonce");
	uint8_t evidence[ANSWER_MAX];
	size_t size;
	int error;

	(void)version, (void)upload, (void)upload_size, (void)ret_state;
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0)
		return say(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "GET /evidence?nonce=HEX");
	if (strcmp(url, "/evidence") != 0)
		return say(connection, MHD_HTTP_NOT_FOUND, "GET /evidence?nonce=HEX");
	if (!is_nonce(nonce))
		return say(connection, MHD_HTTP_BAD_REQUEST, "nonce: 16 to 64 bytes in hexadecimal digits, yours and new");
	error = client_evidence(context, nonce, evidence, ANSWER_MAX, &size);
	return error ? say(connection, MHD_HTTP_SERVICE_UNAVAILABLE, host_reason()) : answer(connection, MHD_HTTP_OK, "application/cbor", evidence, size);
}

int main(int argc, char **argv)
{
	struct MHD_Daemon *daemon;
	sigset_t ends;
	uint64_t fd;
	int signo;

	if (argc != 3 || host_parse_u64(argv[2], 3, 1 << 20, &fd)) {
		host_error("this is started by `optmig evidence NAME --listen ADDRESS:PORT`");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	sigprocmask(SIG_BLOCK, &ends, NULL);
	/* One thread: a request is one question to the enclave, and those take turns anyway. */
	daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_AUTO, 0, NULL, NULL, request, argv[1], MHD_OPTION_LISTEN_SOCKET, (int)fd,
		MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, CONNECTION_S, MHD_OPTION_END);
	if (!daemon) {
		host_error("evidence: the HTTP server does not start");
		return 1;
	}
	(void)sigwait(&ends, &signo);
	MHD_stop_daemon(daemon);
	return 0;
}
