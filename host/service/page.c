/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page in the browser (docs/web.md): five files that are part of this program, and two addresses.
 *
 *     GET  /state    what is (web.c in optmigd): to who has a certificate all of it, to others this host's figures, or nothing
 *     POST /act      {"verb", "node", "confirm"}: an order, for who has an operator's certificate
 *
 * Another page can make a browser send requests here with its user's certificate. It can neither read the answers nor set a header of ours. So an order
 * needs all of these: our own page as its origin, JSON as its type, and the token that /state has told. A hostile name that points to this
 * machine is no way in: over TLS the name is not in our certificate, and without TLS, where this machine alone is served, such a name is refused.
 *
 * Strangers choose the names of programs and hosts. The answers are JSON that no browser takes for a page. The page itself makes text of them, never markup,
 * and the policy of its contents allows it no script but its own.
 */
#include <arpa/inet.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "control/channel.h"
#include "https.h"
#include "util.h"

#define READERS_MAX     32u
#define ORDER_MAX       1024u
#define ANEW_S          40u             /* a connection is not used again after that: it would be ended while somebody asks */
#define TOKEN_BYTES     32u
#define TOKEN_HEADER    "X-OptMig-Token"
#define CONTENT_POLICY  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; " \
	"frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

extern const char page_index_html[], page_index_html_end[], page_style_css[], page_style_css_end[], page_theme_js[], page_theme_js_end[], page_app_js[],
	page_app_js_end[], page_icon_svg[], page_icon_svg_end[];

static const struct file { const char *path, *type, *begin, *end; } files[] = {
	{ "/", "text/html; charset=utf-8", page_index_html, page_index_html_end },
	{ "/style.css", "text/css; charset=utf-8", page_style_css, page_style_css_end },
	{ "/theme.js", "text/javascript; charset=utf-8", page_theme_js, page_theme_js_end },
	{ "/app.js", "text/javascript; charset=utf-8", page_app_js, page_app_js_end },
	{ "/icon.svg", "image/svg+xml", page_icon_svg, page_icon_svg_end },
};
#define FILE_COUNT (sizeof files / sizeof *files)

static const struct page_options *options;
static char tags[FILE_COUNT][2 * 16 + 3];       /* quoted: the beginning of each file's SHA-256 */
static unsigned char secret[TOKEN_BYTES];       /* of this process: tokens end with it */

/* What one request has sent so far. */
struct visit { bool over; size_t size; char body[ORDER_MAX]; };

/* ---- answers ------------------------------------------------------------------------------------------------------------------------------- */

static bool is_old(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	const uint64_t *since = info ? info->socket_context : NULL;

	return !since || host_monotonic_ns() - *since > ANEW_S * 1000000000ull;
}

/* Gives the response up. @type: NULL: there is no body. @tag: NULL: it is not to be kept. */
static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, struct MHD_Response *response, const char *type, const char *tag)
{
	const struct { const char *name, *value; } headers[] = {
		{ MHD_HTTP_HEADER_CONTENT_TYPE, type }, { MHD_HTTP_HEADER_ETAG, tag }, { MHD_HTTP_HEADER_CACHE_CONTROL, tag ? "no-cache" : "no-store" },
		{ "Content-Security-Policy", CONTENT_POLICY }, { "X-Content-Type-Options", "nosniff" }, { "X-Frame-Options", "DENY" },
		{ "Referrer-Policy", "no-referrer" }, { "Cross-Origin-Opener-Policy", "same-origin" }, { "Cross-Origin-Resource-Policy", "same-origin" },
		{ "Permissions-Policy", "camera=(), microphone=(), geolocation=(), usb=(), payment=()" },
		{ MHD_HTTP_HEADER_ALLOW, status == MHD_HTTP_METHOD_NOT_ALLOWED ? "GET, HEAD, POST" : NULL },
		{ MHD_HTTP_HEADER_CONNECTION, is_old(connection) ? "close" : NULL } };
	enum MHD_Result result = response ? MHD_YES : MHD_NO;

	for (size_t i = 0; i < sizeof headers / sizeof *headers && result == MHD_YES; i++)
		if (headers[i].value)
			result = MHD_add_response_header(response, headers[i].name, headers[i].value);
	if (result == MHD_YES)
		result = MHD_queue_response(connection, status, response);
	if (response)
		MHD_destroy_response(response);
	return result;
}

/* Gives the value up. */
static enum MHD_Result answer_json(struct MHD_Connection *connection, unsigned status, json_t *value)
{
	char *text = value ? json_dumps(value, JSON_COMPACT) : NULL;
	struct MHD_Response *response = text ? MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE) : NULL;

	json_decref(value);
	if (!response)
		free(text);
	return answer(connection, status, response, "application/json", NULL);
}

/* With host_reason(). */
static enum MHD_Result refuse(struct MHD_Connection *connection, unsigned status, int error)
{
	return answer_json(connection, status, channel_error(error));
}

static unsigned status_of(int error)
{
	switch (error) {
	case OM_EPERM: case OM_EAUTH: case OM_EEXPIRED: case OM_EREVOKED: return MHD_HTTP_FORBIDDEN;
	case OM_EINVAL: return MHD_HTTP_BAD_REQUEST;
	case OM_ENOTFOUND: return MHD_HTTP_NOT_FOUND;
	case OM_EOVERFLOW: return MHD_HTTP_CONTENT_TOO_LARGE;
	case OM_EEXHAUSTED: case OM_ESTATE: return MHD_HTTP_CONFLICT;
	default: return MHD_HTTP_INTERNAL_SERVER_ERROR;
	}
}

static enum MHD_Result serve_file(struct MHD_Connection *connection, size_t i)
{
	const char *known = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_IF_NONE_MATCH);
	const bool is_known = known && strcmp(known, tags[i]) == 0;
	const size_t size = is_known ? 0 : (size_t)(files[i].end - files[i].begin);

	return answer(connection, is_known ? MHD_HTTP_NOT_MODIFIED : MHD_HTTP_OK,
		MHD_create_response_from_buffer(size, (void *)(uintptr_t)files[i].begin, MHD_RESPMEM_PERSISTENT), is_known ? NULL : files[i].type, tags[i]);
}

/* ---- who it is ------------------------------------------------------------------------------------------------------------------------------- */

static const char *header(struct MHD_Connection *connection, const char *name)
{
	const char *value = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);

	return value ? value : "";
}

/* "HOST[:PORT]": a word for this machine's loopback? */
static bool is_local(const char *host)
{
	char name[64];
	unsigned char bytes[16];
	const bool is_bracketed = *host == '[';
	const size_t length = strcspn(host + is_bracketed, is_bracketed ? "]" : ":");

	if (length >= sizeof name)
		return false;
	snprintf(name, sizeof name, "%.*s", (int)length, host + is_bracketed);
	return strcmp(name, "localhost") == 0 || (inet_pton(AF_INET, name, bytes) == 1 && bytes[0] == 127) ||
		(inet_pton(AF_INET6, name, bytes) == 1 && strcmp(name, "::1") == 0);
}

static int check_host(struct MHD_Connection *connection)
{
	if (options->certificate || is_local(header(connection, MHD_HTTP_HEADER_HOST)))
		return 0;
	return host_fail(OM_EPERM, "without TLS this is served to localhost alone, by that name");
}

/* Of one name: 64 hexadecimal digits. */
static int token_of(const char *name, char ret[2 * TOKEN_BYTES + 1])
{
	unsigned char digest[32];

	if (gnutls_hmac_fast(GNUTLS_MAC_SHA256, secret, sizeof secret, name, strlen(name), digest))
		return host_fail(OM_EHOST, "no HMAC");
	for (unsigned i = 0; i < sizeof digest; i++)
		snprintf(ret + 2 * i, 3, "%02x", digest[i]);
	return 0;
}

/* The order comes from our own page, which has read /state. */
static int check_origin(struct MHD_Connection *connection, const char *name)
{
	const char *origin = header(connection, "Origin"), *host = header(connection, MHD_HTTP_HEADER_HOST), *site = header(connection, "Sec-Fetch-Site"),
		*token = header(connection, TOKEN_HEADER);
	char wanted[2 * TOKEN_BYTES + 1];
	int error = token_of(name, wanted);

	if (error)
		return error;
	if (strncmp(origin, "https://", 8) != 0 || !*host || strcmp(origin + 8, host) != 0 || (*site && strcmp(site, "same-origin") != 0))
		return host_fail(OM_EPERM, "orders come from this page alone, and this request does not say that it does (Origin, Sec-Fetch-Site)");
	if (strcmp(header(connection, MHD_HTTP_HEADER_CONTENT_TYPE), "application/json") != 0)
		return host_fail(OM_EINVAL, "application/json is wanted");
	if (strlen(token) != sizeof wanted - 1 || gnutls_memcmp(token, wanted, sizeof wanted - 1) != 0)
		return host_fail(OM_EPERM, "the token of this page is missing or of another time: load it anew");
	return 0;
}

/* ---- /state ------------------------------------------------------------------------------------------------------------------------------------ */

/* Adds who looks, and what he may. */
static void add_viewer(json_t *state, const char *name, int error, const char *words)
{
	const bool is_operator = !error && json_is_true(json_object_get(state, "operator"));
	json_t *you = json_pack("{ss sb sb}", "name", error ? "" : name, "known", !error, "acts", is_operator);
	char token[2 * TOKEN_BYTES + 1];

	if (error)
		json_object_set_new(you, "why", json_string(words));
	if (is_operator && token_of(name, token) == 0)
		json_object_set_new(you, "token", json_string(token));
	json_object_del(state, "operator");
	json_object_set_new(state, "you", you);
}

static enum MHD_Result serve_state(struct MHD_Connection *connection)
{
	char name[HTTPS_NAME] = "", words[400];
	const int unknown = options->certificate ? https_certificate(connection, name) : host_fail(OM_EAUTH, "no TLS");
	json_t *got, *state;

	snprintf(words, sizeof words, "%s", unknown ? host_reason() : "");
	if (unknown && !options->any)
		return refuse(connection, MHD_HTTP_FORBIDDEN, host_fail(unknown, "%s", words));
	got = https_ask(unknown ? json_pack("{ss s{sb}}", "command", "web", "arguments", "all", 0) :
		json_pack("{ss s{sb ss}}", "command", "web", "arguments", "all", 1, "by", name), "page", "");
	state = json_object_get(got, "return");
	if (!json_is_object(state))
		return answer_json(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, got);
	json_incref(state);
	json_decref(got);
	add_viewer(state, name, unknown, words);
	return answer_json(connection, MHD_HTTP_OK, state);
}

/* ---- /act -------------------------------------------------------------------------------------------------------------------------------------- */

/* @ret: the request to optmigd, made anew of the parts that are known. */
static int decode_order(const struct visit *visit, const char *name, json_t **ret)
{
	json_t *object = json_loadb(visit->body, visit->size, JSON_REJECT_DUPLICATES, NULL);
	const char *verb = json_string_value(json_object_get(object, "verb")), *node = json_string_value(json_object_get(object, "node")),
		*confirm = json_string_value(json_object_get(object, "confirm"));
	int error = 0;

	if (visit->over)
		error = host_fail(OM_EOVERFLOW, "an order of more than %u bytes", ORDER_MAX);
	else if (!verb || !node || json_object_size(object) != (confirm ? 3 : 2))
		error = host_fail(OM_EINVAL, "an order has \"verb\", \"node\" and perhaps \"confirm\", nothing else");
	else if (strcmp(verb, "drain") == 0 && (!confirm || strcmp(confirm, node) != 0))
		error = host_fail(OM_EINVAL, "a drain wants the host's name once more, as \"confirm\"");
	else
		*ret = json_pack("{ss s{ss ss ss}}", "command", "web-act", "arguments", "by", name, "verb", verb, "node", node);
	json_decref(object);
	return error ? error : *ret ? 0 : host_fail(OM_ENOMEM, "no memory");
}

static enum MHD_Result carry_out(struct MHD_Connection *connection, const struct visit *visit)
{
	char name[HTTPS_NAME] = "";
	json_t *request = NULL, *got;
	int error = options->certificate ? https_certificate(connection, name) : host_fail(OM_EAUTH, "without TLS nobody gives orders here");

	if (!error)
		error = check_origin(connection, name);
	if (!error)
		error = decode_order(visit, name, &request);
	if (error)
		return refuse(connection, status_of(error), error);
	got = https_ask(request, "page", "");
	error = channel_error_of(got);
	return answer_json(connection, error ? status_of(error) : MHD_HTTP_OK, got);
}

/* ---- requests ---------------------------------------------------------------------------------------------------------------------------------- */

static void take(struct visit *visit, const char *data, size_t size)
{
	if (size > sizeof visit->body - visit->size) {
		visit->over = true;
		return;
	}
	memcpy(visit->body + visit->size, data, size);
	visit->size += size;
}

static enum MHD_Result serve(void *context, struct MHD_Connection *connection, const char *url, const char *method, const char *version,
	const char *data, size_t *data_size, void **state)
{
	struct visit *visit = *state;
	const bool is_order = strcmp(url, "/act") == 0, reads = strcmp(method, MHD_HTTP_METHOD_GET) == 0 || strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;

	(void)context, (void)version;
	if (!visit) {
		*state = calloc(1, sizeof *visit);
		return *state ? MHD_YES : MHD_NO;
	}
	if (*data_size) {
		take(visit, data, *data_size);
		*data_size = 0;
		return MHD_YES;
	}
	if (check_host(connection))
		return refuse(connection, MHD_HTTP_FORBIDDEN, OM_EPERM);
	if (is_order ? strcmp(method, MHD_HTTP_METHOD_POST) != 0 : !reads)
		return refuse(connection, MHD_HTTP_METHOD_NOT_ALLOWED, host_fail(OM_EINVAL, is_order ? "POST" : "GET"));
	if (is_order)
		return carry_out(connection, visit);
	if (strcmp(url, "/state") == 0)
		return serve_state(connection);
	for (size_t i = 0; i < FILE_COUNT; i++)
		if (strcmp(url, files[i].path) == 0)
			return serve_file(connection, i);
	return refuse(connection, MHD_HTTP_NOT_FOUND, host_fail(OM_ENOTFOUND, "there is no such thing here"));
}

static void completed(void *context, struct MHD_Connection *connection, void **state, enum MHD_RequestTerminationCode code)
{
	(void)context, (void)connection, (void)code;
	free(*state);
	*state = NULL;
}

static int make_tags(void)
{
	for (size_t i = 0; i < FILE_COUNT; i++) {
		unsigned char digest[32];

		if (gnutls_hash_fast(GNUTLS_DIG_SHA256, files[i].begin, (size_t)(files[i].end - files[i].begin), digest))
			return OM_EHOST;
		tags[i][0] = '"';
		for (unsigned k = 0; k < 16; k++)
			snprintf(tags[i] + 1 + 2 * k, 3, "%02x", digest[k]);
		tags[i][33] = '"';
	}
	return 0;
}

struct MHD_Daemon *page_start(const struct page_options *given)
{
	options = given;
	if (make_tags() || gnutls_rnd(GNUTLS_RND_KEY, secret, sizeof secret))
		return NULL;
#define COMMON MHD_OPTION_LISTEN_SOCKET, options->fd, MHD_OPTION_CONNECTION_LIMIT, READERS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, HTTPS_SILENT_S, \
	MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)32768, MHD_OPTION_NOTIFY_COMPLETED, completed, NULL, MHD_OPTION_NOTIFY_CONNECTION, https_notice, NULL
	if (!options->certificate)
		return MHD_start_daemon(MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL, 0, NULL, NULL, serve, NULL, COMMON, MHD_OPTION_END);
	return MHD_start_daemon(MHD_USE_TLS | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL, 0, NULL, NULL, serve, NULL, COMMON,
		MHD_OPTION_HTTPS_MEM_CERT, options->certificate, MHD_OPTION_HTTPS_MEM_KEY, options->key, MHD_OPTION_HTTPS_MEM_TRUST, options->authority,
		MHD_OPTION_HTTPS_PRIORITIES, HTTPS_PRIORITIES, MHD_OPTION_END);
#undef COMMON
}
