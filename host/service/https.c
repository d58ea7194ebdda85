/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process that speaks with other hosts: HTTPS as a server (libmicrohttpd, GnuTLS) and as a client (libcurl), with certificates of one CA on
 * both sides. It reads its files, gives its rights up, and hears the network only then:
 *
 *     files read ─ user and groups, no capability, an empty folder as root directory, no new privileges, limits, a list of system calls ─▶ serves
 *
 * One pair of sockets leads to the process with rights (peer.c has what goes over it). https knows the network's bytes and its own key, and
 * can ask for nothing but what wire.h lists.
 *
 * Arguments: CERTIFICATE KEY CA USER EMPTY-DIRECTORY CRL METRICS WEB
 *     CERTIFICATE   "-": there is no HTTPS, in either direction
 *     CRL           "-": there is no list of revoked certificates; "+": a list is the first thing that comes over the pair, and a later one takes its place
 *     METRICS       "+": figures are served
 *     WEB           "any" or "certificate": a page is served, by who sees this host's figures there; else "-"
 * Descriptors: 3 the pair, 4 the listening socket of HTTPS, 5 that of figures, 6 that of the page.
 */
#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <grp.h>
#include <jansson.h>
#include <microhttpd.h>
#include <netdb.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "control/channel.h"
#include "https.h"
#include "https_filter.h"
#include "json_text.h"
#include "trust.h"
#include "strerror.h"
#include "util.h"
#include "wire.h"

#define PAIR_FD         3
#define LISTEN_FD       4
#define METRICS_FD      5
#define WEB_FD          6
#define SCRAPERS_MAX    8u
#define FILE_MAX        (256u << 10)
#define CONNECTIONS_MAX 64u
#define PER_ADDRESS_MAX 16u
#define FIRST_MS        10000
#define REPLY_S         55
#define CALLS_MAX       32u
#define CONNECT_S       10L
#define ASK_TIME_S      5L

/* ---- the pair --------------------------------------------------------------------------------------------------------------------------- */

struct question { uint64_t id; json_t *reply; bool done; struct question *next; };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t replied;
static struct channel pair_channel;
static struct question *questions;
static uint64_t last_id;
static unsigned call_count;

/* Context: with the lock. */
static void say(json_t *message)
{
	if (channel_send(&pair_channel, message))
		_exit(0); /* optmigd has gone */
}

json_t *https_ask(json_t *request, const char *peer, const char *at)
{
	struct question q = { 0 };
	struct timespec until;
	int code = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += REPLY_S;
	pthread_mutex_lock(&lock);
	q.id = ++last_id;
	q.next = questions;
	questions = &q;
	say(json_pack("{sI so ss ss}", "id", (json_int_t)q.id, "request", request, "peer", peer, "at", at));
	while (!q.done && code == 0)
		code = pthread_cond_timedwait(&replied, &lock, &until);
	for (struct question **p = &questions; *p; p = &(*p)->next)
		if (*p == &q) {
			*p = q.next;
			break;
		}
	pthread_mutex_unlock(&lock);
	return q.reply ? q.reply : channel_error(host_fail(OM_ETIMEDOUT, "optmigd does not answer"));
}

/* ---- who it is ---------------------------------------------------------------------------------------------------------------------------- */

static void name_of(gnutls_session_t session, char name[HTTPS_NAME])
{
	unsigned count = 0;
	const gnutls_datum_t *list = gnutls_certificate_get_peers(session, &count);
	gnutls_x509_crt_t certificate;
	size_t size = HTTPS_NAME - 1;
	bool found;

	snprintf(name, HTTPS_NAME, "?");
	if (!list || count == 0 || gnutls_x509_crt_init(&certificate))
		return;
	found = gnutls_x509_crt_import(certificate, &list[0], GNUTLS_X509_FMT_DER) == 0 &&
		gnutls_x509_crt_get_dn_by_oid(certificate, GNUTLS_OID_X520_COMMON_NAME, 0, 0, name, &size) == 0;
	name[found ? size < HTTPS_NAME ? size : HTTPS_NAME - 1 : 1] = 0;
	for (char *c = name; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
	gnutls_x509_crt_deinit(certificate);
}

/* HTTP's Date. Return: 0: none. */
static time_t date_of(const char *text)
{
	struct tm tm = { 0 };
	const char *end = text ? strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &tm) : NULL;
	const time_t at = end && !*end ? timegm(&tm) : 0;

	return at > 0 ? at : 0;
}

int https_certificate(struct MHD_Connection *connection, char name[HTTPS_NAME])
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
	char words[400], clocks[120];
	const gnutls_datum_t *chain;
	unsigned count = 0;
	int error;

	if (!info || !info->tls_session)
		return host_fail(OM_EAUTH, "no TLS");
	chain = gnutls_certificate_get_peers(info->tls_session, &count);
	if (!chain || count == 0)
		return host_fail(OM_EAUTH, "you show no certificate");
	name_of(info->tls_session, name);
	error = trust_check(chain, count, false, "your");
	if (error != OM_EEXPIRED)
		return error;
	snprintf(words, sizeof words, "%s", host_reason());
	trust_clock_words(date_of(MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_DATE)), "yours", clocks, sizeof clocks);
	return host_fail(error, "%s%s", words, clocks);
}

/* A host: its certificate serves both ways, or says nothing of its uses. An operator's, which is a client's alone, is none. */
static int check_peer(struct MHD_Connection *connection, char name[HTTPS_NAME])
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
	const gnutls_datum_t *chain;
	unsigned count = 0;
	int error = https_certificate(connection, name);

	if (error)
		return error;
	chain = gnutls_certificate_get_peers(info->tls_session, &count);
	return trust_check(chain, count, true, "your");
}

/* The address that the peer reached us by. */
static void local_address(struct MHD_Connection *connection, char *ret, size_t size)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct sockaddr_storage address;
	socklen_t length = sizeof address;

	snprintf(ret, size, "127.0.0.1");
	if (!info || getsockname(info->connect_fd, (struct sockaddr *)&address, &length) ||
	    getnameinfo((struct sockaddr *)&address, length, ret, (socklen_t)size, NULL, 0, NI_NUMERICHOST))
		return;
	if (strncmp(ret, "::ffff:", 7) == 0 && strchr(ret, '.'))
		memmove(ret, ret + 7, strlen(ret + 7) + 1);
}

/* ---- the server --------------------------------------------------------------------------------------------------------------------------- */

struct upload { int error; char words[300], peer[HTTPS_NAME]; size_t size; char body[WIRE_BODY_MAX]; };

/* Gives the answer up. */
static enum MHD_Result respond(struct MHD_Connection *connection, unsigned status, json_t *answer)
{
	char *text = answer ? json_dumps(answer, JSON_COMPACT) : NULL;
	struct MHD_Response *response = text ? MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE) : NULL;
	enum MHD_Result result = MHD_NO;

	json_decref(answer);
	if (!response) {
		free(text);
		return MHD_NO;
	}
	if (MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json") == MHD_YES &&
	    MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close") == MHD_YES)
		result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static void note_refusal(int error);

static enum MHD_Result refuse(struct MHD_Connection *connection, unsigned status, int error)
{
	note_refusal(error);
	return respond(connection, status, channel_error(error));
}

static enum MHD_Result begin(struct MHD_Connection *connection, void **ret_state)
{
	struct upload *u = calloc(1, sizeof *u);

	if (!u)
		return MHD_NO;
	u->error = check_peer(connection, u->peer);
	if (u->error)
		snprintf(u->words, sizeof u->words, "%s", host_reason());
	*ret_state = u;
	return MHD_YES;
}

static enum MHD_Result carry_out(struct MHD_Connection *connection, const struct upload *u)
{
	char at[NI_MAXHOST];
	json_t *request;
	int error = wire_request(u->body, u->size, &request);

	if (error)
		return refuse(connection, error == OM_EPERM ? MHD_HTTP_FORBIDDEN : MHD_HTTP_BAD_REQUEST, error);
	local_address(connection, at, sizeof at);
	return respond(connection, MHD_HTTP_OK, https_ask(request, u->peer, at));
}

static enum MHD_Result serve(void *context, struct MHD_Connection *connection, const char *url, const char *method, const char *version,
	const char *data, size_t *data_size, void **state)
{
	struct upload *u = *state;

	(void)context, (void)version;
	if (!u)
		return begin(connection, state);
	if (*data_size) {
		if (u->error) {
			/* Nothing of it is looked at. */
		} else if (*data_size > sizeof u->body - u->size) {
			u->error = OM_EOVERFLOW;
			snprintf(u->words, sizeof u->words, "a request of more than %u bytes", WIRE_BODY_MAX);
		} else {
			memcpy(u->body + u->size, data, *data_size);
			u->size += *data_size;
		}
		*data_size = 0;
		return MHD_YES;
	}
	if (u->error)
		return refuse(connection, u->error == OM_EOVERFLOW ? MHD_HTTP_CONTENT_TOO_LARGE : MHD_HTTP_FORBIDDEN, host_fail(u->error, "%s", u->words));
	if (strcmp(url, "/v1") != 0)
		return refuse(connection, MHD_HTTP_NOT_FOUND, host_fail(OM_ENOTFOUND, "there is only /v1 here"));
	if (strcmp(method, MHD_HTTP_METHOD_POST) != 0)
		return refuse(connection, MHD_HTTP_METHOD_NOT_ALLOWED, host_fail(OM_EINVAL, "POST"));
	return carry_out(connection, u);
}

static void completed(void *context, struct MHD_Connection *connection, void **state, enum MHD_RequestTerminationCode code)
{
	(void)context, (void)connection, (void)code;
	free(*state);
	*state = NULL;
}

/* ---- figures ------------------------------------------------------------------------------------------------------------------------------ */

static pthread_mutex_t refused_lock = PTHREAD_MUTEX_INITIALIZER;
static struct { int error; const char *reason; unsigned count; } refusals[] = { { OM_EAUTH, "certificate", 0 }, { OM_EEXPIRED, "dates", 0 },
	{ OM_EREVOKED, "revoked", 0 }, { OM_EINVAL, "request", 0 } };

static void note_refusal(int error)
{
	pthread_mutex_lock(&refused_lock);
	for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
		if (refusals[i].error == error || i + 1 == sizeof refusals / sizeof *refusals) {
			refusals[i].count++;
			break;
		}
	pthread_mutex_unlock(&refused_lock);
}

/* optmigd's page, and what only this process sees. */
static char *page(void)
{
	json_t *answer = https_ask(json_pack("{ss}", "command", "metrics"), "metrics", "");
	const char *words = json_string_value(json_object_get(json_object_get(answer, "return"), "text"));
	char *text = NULL;
	size_t size = 0;
	FILE *to = words ? open_memstream(&text, &size) : NULL;

	if (to) {
		fprintf(to, "%s# HELP optmig_https_refused_total Requests of other hosts that were refused, by the reason\n# TYPE optmig_https_refused_total counter\n", words);
		pthread_mutex_lock(&refused_lock);
		for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
			fprintf(to, "optmig_https_refused_total{reason=\"%s\"} %u\n", refusals[i].reason, refusals[i].count);
		pthread_mutex_unlock(&refused_lock);
		fclose(to);
	}
	json_decref(answer);
	return text;
}

static enum MHD_Result answer_text(struct MHD_Connection *connection, unsigned status, char *text)
{
	struct MHD_Response *response = text ? MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE) : NULL;
	enum MHD_Result result = MHD_NO;

	if (!response) {
		free(text);
		return MHD_NO;
	}
	if (MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8") == MHD_YES &&
	    MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close") == MHD_YES)
		result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result serve_metrics(void *context, struct MHD_Connection *connection, const char *url, const char *method, const char *version,
	const char *data, size_t *data_size, void **state)
{
	(void)context, (void)version, (void)data, (void)state;
	if (*data_size)
		return MHD_NO; /* nobody has anything to tell us */
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0)
		return answer_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED, strdup("GET\n"));
	if (strcmp(url, "/metrics") != 0)
		return answer_text(connection, MHD_HTTP_NOT_FOUND, strdup("there is only /metrics here\n"));
	return answer_text(connection, MHD_HTTP_OK, page());
}

/* ---- connections that take too long ------------------------------------------------------------------------------------------------------- */

static pthread_mutex_t guests_lock = PTHREAD_MUTEX_INITIALIZER;
static struct { uint64_t since_ns; int fd; } guests[CONNECTIONS_MAX + SCRAPERS_MAX + 64];
#define GUEST_COUNT (sizeof guests / sizeof *guests)

/* MHD closes the socket only after it has said so. */
void https_notice(void *context, struct MHD_Connection *connection, void **socket_context, enum MHD_ConnectionNotificationCode code)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

	(void)context;
	pthread_mutex_lock(&guests_lock);
	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		for (size_t i = 0; i < GUEST_COUNT && info; i++)
			if (!guests[i].since_ns) {
				guests[i].fd = info->connect_fd;
				guests[i].since_ns = host_monotonic_ns();
				*socket_context = &guests[i];
				break;
			}
	} else if (*socket_context) {
		memset(*socket_context, 0, sizeof guests[0]);
	}
	pthread_mutex_unlock(&guests_lock);
}

static void *watchman(void *none)
{
	(void)none;
	for (;;) {
		host_pause_ms(1000);
		pthread_mutex_lock(&guests_lock);
		for (size_t i = 0; i < GUEST_COUNT; i++)
			if (guests[i].since_ns && host_monotonic_ns() - guests[i].since_ns > HTTPS_WHOLE_S * 1000000000ull)
				(void)shutdown(guests[i].fd, SHUT_RDWR);
		pthread_mutex_unlock(&guests_lock);
	}
	return NULL;
}

/* ---- the client --------------------------------------------------------------------------------------------------------------------------- */

struct file { char *text; size_t size; };
static struct file certificate, key, authority;

struct answer { char *text; size_t size; bool over; };

static size_t take(char *data, size_t one, size_t count, void *context)
{
	struct answer *a = context;
	const size_t size = one * count;
	char *more = size <= WIRE_ANSWER_MAX - a->size ? realloc(a->text, a->size + size + 1) : NULL;

	if (!more) {
		a->over = true;
		return 0;
	}
	memcpy(more + a->size, data, size);
	a->text = more;
	a->size += size;
	return size;
}

static struct curl_blob blob(const struct file *file)
{
	return (struct curl_blob){ .data = file->text, .len = file->size, .flags = CURL_BLOB_NOCOPY };
}

/* ---- who is asked: the same judgement as of who asks ---- */

struct judgement { bool judged; int error; char words[500]; };

static int check_server(X509_STORE_CTX *store, void *context)
{
	STACK_OF(X509) *shown = X509_STORE_CTX_get0_untrusted(store);
	gnutls_datum_t chain[TRUST_CHAIN_MAX + 1];
	struct judgement *j = context;
	const int wanted = shown ? sk_X509_num(shown) : 0;
	unsigned count = 0;

	for (int i = 0; i < wanted && count <= TRUST_CHAIN_MAX; i++) {
		unsigned char *der = NULL;
		const int size = i2d_X509(sk_X509_value(shown, i), &der);

		if (size > 0)
			chain[count++] = (gnutls_datum_t){ der, (unsigned)size };
	}
	j->error = count == (unsigned)wanted ? trust_check(chain, count, true, "its") : host_fail(OM_EAUTH, "its certificate is not accepted here: it cannot be read");
	j->judged = true;
	if (j->error)
		snprintf(j->words, sizeof j->words, "%s", host_reason());
	for (unsigned i = 0; i < count; i++)
		OPENSSL_free(chain[i].data);
	X509_STORE_CTX_set_error(store, j->error ? X509_V_ERR_APPLICATION_VERIFICATION : X509_V_OK);
	return j->error == 0;
}

static CURLcode set_check(CURL *c, void *tls, void *context)
{
	(void)c;
	SSL_CTX_set_cert_verify_callback(tls, check_server, context);
	return CURLE_OK;
}

static size_t note_date(char *line, size_t one, size_t count, void *context)
{
	char text[64];

	if (count > 6 && strncasecmp(line, "date: ", 6) == 0) {
		snprintf(text, sizeof text, "%.*s", (int)(count - 6 < sizeof text ? count - 6 : sizeof text - 1), line + 6);
		text[strcspn(text, "\r\n")] = 0;
		*(time_t *)context = date_of(text);
	}
	return one * count;
}

static size_t drop(char *data, size_t one, size_t count, void *context)
{
	(void)data, (void)context;
	return one * count;
}

/* What time it is there, by the word of whoever answers: nothing hangs on it but the words of an error. Return: 0 if nobody says. */
static time_t ask_time(const char *url, struct curl_slist *hosts)
{
	CURL *c = curl_easy_init();
	time_t at = 0;

	if (!c)
		return 0;
	curl_easy_setopt(c, CURLOPT_URL, url);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "https");
	curl_easy_setopt(c, CURLOPT_RESOLVE, hosts);
	curl_easy_setopt(c, CURLOPT_PROXY, "");
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 0L);
	curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 0L);
	curl_easy_setopt(c, CURLOPT_TIMEOUT, ASK_TIME_S);
	curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, note_date);
	curl_easy_setopt(c, CURLOPT_HEADERDATA, &at);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, drop);
	if (curl_easy_perform(c) != CURLE_OK)
		at = 0;
	curl_easy_cleanup(c);
	return at;
}

/* It was not accepted. */
static int say_judgement(const struct judgement *j, const char *url, struct curl_slist *hosts)
{
	char clocks[120] = "";

	if (j->error == OM_EEXPIRED)
		trust_clock_words(ask_time(url, hosts), "its, by its own word,", clocks, sizeof clocks);
	return host_fail(j->error, "%s%s", j->words, clocks);
}

static int call_failed(CURLcode code, const char *words, const struct answer *a)
{
	if (a->over)
		return host_fail(OM_EOVERFLOW, "the answer is longer than any of its kind");
	if (code == CURLE_PEER_FAILED_VERIFICATION)
		return host_fail(OM_EAUTH, "its certificate is not accepted here: %s", words);
	if (code == CURLE_OPERATION_TIMEDOUT)
		return host_fail(OM_ETIMEDOUT, "no answer in time: %s", words);
	if (code == CURLE_SSL_CERTPROBLEM || code == CURLE_SSL_CONNECT_ERROR)
		return host_fail(OM_EAUTH, "TLS: %s", words);
	return host_fail(OM_ECONNECTION, "%s", words);
}

static json_t *call(const json_t *what)
{
	const bool six = strchr(json_text(what, "address"), ':') != NULL, literal = strchr(json_text(what, "host"), ':') != NULL;
	struct curl_blob blobs[] = { blob(&certificate), blob(&key), blob(&authority) };
	struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json"), *hosts = NULL;
	char url[600], to[600], words[CURL_ERROR_SIZE] = "", date[64];
	struct judgement judgement = { 0 };
	const time_t now = time(NULL);
	struct tm tm;
	struct answer a = { 0 };
	CURL *c = curl_easy_init();
	json_t *answer = NULL;
	CURLcode code;
	long status = 0;
	int error = 0;

	snprintf(url, sizeof url, literal ? "https://[%s]:%s/v1" : "https://%s:%s/v1", json_text(what, "host"), json_text(what, "port"));
	snprintf(to, sizeof to, six ? "%s:%s:[%s]" : "%s:%s:%s", json_text(what, "host"), json_text(what, "port"), json_text(what, "address"));
	if (!literal)
		hosts = curl_slist_append(NULL, to);
	/* So that whoever does not accept our certificate can say whether it is the clocks. */
	if (gmtime_r(&now, &tm) && strftime(date, sizeof date, "Date: %a, %d %b %Y %H:%M:%S GMT", &tm))
		headers = curl_slist_append(headers, date);
	curl_easy_setopt(c, CURLOPT_URL, url);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "https");
	curl_easy_setopt(c, CURLOPT_RESOLVE, hosts);
	curl_easy_setopt(c, CURLOPT_PROXY, "");
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(c, CURLOPT_CAPATH, NULL);
	curl_easy_setopt(c, CURLOPT_CAINFO, NULL);
	curl_easy_setopt(c, CURLOPT_SSLCERT_BLOB, &blobs[0]);
	curl_easy_setopt(c, CURLOPT_SSLKEY_BLOB, &blobs[1]);
	curl_easy_setopt(c, CURLOPT_CAINFO_BLOB, &blobs[2]);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, CONNECT_S);
	curl_easy_setopt(c, CURLOPT_TIMEOUT, (long)json_integer_value(json_object_get(what, "seconds")));
	curl_easy_setopt(c, CURLOPT_POSTFIELDS, json_text(what, "body"));
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(c, CURLOPT_USERAGENT, "optmigd");
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, &a);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, words);
	curl_easy_setopt(c, CURLOPT_SSL_CTX_DATA, &judgement);
	code = c ? curl_easy_setopt(c, CURLOPT_SSL_CTX_FUNCTION, set_check) : CURLE_OUT_OF_MEMORY;
	if (code == CURLE_OK)
		code = curl_easy_perform(c);
	if (code == CURLE_OK && !judgement.judged)
		code = CURLE_PEER_FAILED_VERIFICATION; /* a TLS library that does not ask us */
	if (code == CURLE_OK)
		curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
	error = judgement.error ? say_judgement(&judgement, url, hosts) : code == CURLE_OK ? wire_answer(a.text ? a.text : "", a.size, status, &answer) : call_failed(code, *words ? words : curl_easy_strerror(code), &a);
	curl_easy_cleanup(c);
	curl_slist_free_all(headers);
	curl_slist_free_all(hosts);
	free(a.text);
	return error ? channel_error(error) : answer;
}

static void *call_main(void *argument)
{
	json_t *message = argument;
	json_t *answer = call(json_object_get(message, "call"));

	pthread_mutex_lock(&lock);
	call_count--;
	say(json_pack("{sO so}", "id", json_object_get(message, "id"), "answer", answer));
	pthread_mutex_unlock(&lock);
	json_decref(message);
	return NULL;
}

/* ---- what optmigd says -------------------------------------------------------------------------------------------------------------------- */

/* Gives the message up. */
static void begin_call(json_t *message)
{
	bool begun = false;

	pthread_mutex_lock(&lock);
	if (call_count < CALLS_MAX) {
		begun = host_thread_begin(call_main, message) == 0;
		call_count += begun;
	}
	if (!begun) {
		say(json_pack("{sO so}", "id", json_object_get(message, "id"), "answer", channel_error(host_fail(OM_EEXHAUSTED, "too many calls at once"))));
		json_decref(message);
	}
	pthread_mutex_unlock(&lock);
}

static void hear_reply(json_t *message)
{
	const uint64_t id = (uint64_t)json_integer_value(json_object_get(message, "id"));

	pthread_mutex_lock(&lock);
	for (struct question *q = questions; q; q = q->next)
		if (q->id == id && !q->done) {
			q->done = true;
			q->reply = json_incref(json_object_get(message, "reply"));
		}
	pthread_cond_broadcast(&replied);
	pthread_mutex_unlock(&lock);
	json_decref(message);
}

/* @ret: {"revoked": N, "until": T}. Return: the list before it stays in force. */
static int set_crl(const json_t *message, json_t **ret)
{
	const json_t *value = json_object_get(message, "crl");
	unsigned revoked;
	time_t until;
	int error = json_is_string(value) ? trust_crl(json_string_value(value), json_string_length(value), &revoked, &until) :
		host_fail(OM_EINVAL, "no list of revoked certificates");

	if (!error)
		*ret = json_pack("{sI sI}", "revoked", (json_int_t)revoked, "until", (json_int_t)until);
	return error;
}

/* Gives the message up. */
static void take_crl(json_t *message)
{
	json_t *what = NULL;
	const int error = set_crl(message, &what);
	json_t *answer = error ? channel_error(error) : json_pack("{so}", "return", what);

	pthread_mutex_lock(&lock);
	say(json_pack("{sO so}", "id", json_object_get(message, "id"), "answer", answer));
	pthread_mutex_unlock(&lock);
	json_decref(message);
}

static _Noreturn void hear(void)
{
	for (;;) {
		json_t *message;
		int error = channel_receive(&pair_channel, -1, &message);

		if (error == OM_ETIMEDOUT)
			continue;
		if (error)
			_exit(0); /* optmigd has ended */
		if (json_object_get(message, "call"))
			begin_call(message);
		else if (json_object_get(message, "crl"))
			take_crl(message);
		else
			hear_reply(message);
	}
}

/* ---- the beginning ------------------------------------------------------------------------------------------------------------------------ */

static _Noreturn void give_up(int error)
{
	(void)channel_send(&pair_channel, channel_error(error)); /* or nobody is there */
	_exit(1);
}

static void read_file(const char *path, bool secret, struct file *ret)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat status;

	if (fd < 0 || fstat(fd, &status))
		give_up(host_fail(OM_ENOTFOUND, "%s: %s", path, strerror(errno)));
	if (!S_ISREG(status.st_mode) || status.st_size == 0 || status.st_size > FILE_MAX)
		give_up(host_fail(OM_EINVAL, "%s is no file of up to %u bytes", path, FILE_MAX));
	if (secret && status.st_mode & (S_IROTH | S_IWOTH | S_IWGRP))
		give_up(host_fail(OM_EPERM, "%s: others can read it (chmod 600)", path));
	ret->size = (size_t)status.st_size;
	ret->text = calloc(1, ret->size + 1);
	if (!ret->text || host_read_all(fd, ret->text, ret->size))
		give_up(host_fail(OM_EIO, "%s cannot be read", path));
	close(fd);
}

/* Said here, where files have names. */
static void check_files(char **names)
{
	gnutls_certificate_credentials_t credentials;
	gnutls_datum_t c = { (unsigned char *)certificate.text, (unsigned)certificate.size }, k = { (unsigned char *)key.text, (unsigned)key.size };
	int code;

	if (trust_ca(authority.text, authority.size)) {
		char words[300];

		snprintf(words, sizeof words, "%s", host_reason());
		give_up(host_fail(OM_EINVAL, "%s: %s", names[2], words));
	}
	if (gnutls_certificate_allocate_credentials(&credentials))
		give_up(host_fail(OM_ENOMEM, "no memory"));
	code = gnutls_certificate_set_x509_key_mem(credentials, &c, &k, GNUTLS_X509_FMT_PEM);
	if (code < 0)
		give_up(host_fail(OM_EINVAL, "%s and %s: %s", names[0], names[1], gnutls_strerror(code)));
	gnutls_certificate_free_credentials(credentials);
}

static const struct passwd *find_user(const char *name)
{
	const struct passwd *account = getpwnam(*name ? name : "optmigd");

	if (!account && !*name)
		account = getpwnam("nobody");
	if (!account || account->pw_uid == 0)
		give_up(host_fail(OM_EINVAL, "--https-user: there is no user \"%s\", or it is root", *name ? name : "nobody"));
	return account;
}

static void drop_rights(const char *user, const char *empty)
{
	static const struct rlimit none, files = { 256, 256 };
	const struct passwd *account;

	if (geteuid() == 0) {
		account = find_user(user);
		if (chdir(empty) || chroot(".") || setgroups(0, NULL))
			give_up(host_fail(OM_EPERM, "%s as root directory: %s", empty, strerror(errno)));
		for (unsigned c = 0; prctl(PR_CAPBSET_READ, c, 0, 0, 0) >= 0; c++)
			(void)prctl(PR_CAPBSET_DROP, c, 0, 0, 0); /* where it is empty already */
		if (setresgid(account->pw_gid, account->pw_gid, account->pw_gid) || setresuid(account->pw_uid, account->pw_uid, account->pw_uid))
			give_up(host_fail(OM_EPERM, "it cannot become user %s: %s", account->pw_name, strerror(errno)));
	}
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (setrlimit(RLIMIT_FSIZE, &none) || setrlimit(RLIMIT_CORE, &none) || setrlimit(RLIMIT_NOFILE, &files) ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
		give_up(host_fail(OM_EPERM, "its rights cannot be given up: %s", strerror(errno)));
	if (https_filter())
		give_up(host_fail(OM_EPERM, "its list of system calls cannot be installed: %s", strerror(errno)));
}

/* Nobody is heard before it is known who is not to be. */
static void first_crl(void)
{
	json_t *message = NULL, *what = NULL;
	char words[300];
	int error;

	if (channel_receive(&pair_channel, FIRST_MS, &message))
		give_up(host_fail(OM_EIO, "optmigd says nothing of revoked certificates"));
	error = set_crl(message, &what);
	snprintf(words, sizeof words, "%s", host_reason());
	if (error)
		give_up(host_fail(error, "--crl: %s", words));
	json_decref(what);
	json_decref(message);
}

static struct MHD_Daemon *start(void)
{
	return MHD_start_daemon(MHD_USE_TLS | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL, 0, NULL, NULL, serve, NULL,
		MHD_OPTION_LISTEN_SOCKET, LISTEN_FD, MHD_OPTION_HTTPS_MEM_CERT, certificate.text, MHD_OPTION_HTTPS_MEM_KEY, key.text,
		MHD_OPTION_HTTPS_MEM_TRUST, authority.text, MHD_OPTION_HTTPS_PRIORITIES, HTTPS_PRIORITIES, MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX,
		MHD_OPTION_PER_IP_CONNECTION_LIMIT, PER_ADDRESS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, HTTPS_SILENT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)65536,
		MHD_OPTION_NOTIFY_COMPLETED, completed, NULL, MHD_OPTION_NOTIFY_CONNECTION, https_notice, NULL, MHD_OPTION_END);
}

/* Plain HTTP: it reads nothing but a path, and says what docs/metrics.md has to whoever reaches it. */
static struct MHD_Daemon *start_metrics(void)
{
	return MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_POLL, 0, NULL, NULL, serve_metrics, NULL,
		MHD_OPTION_LISTEN_SOCKET, METRICS_FD, MHD_OPTION_CONNECTION_LIMIT, SCRAPERS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, HTTPS_SILENT_S,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)16384, MHD_OPTION_NOTIFY_CONNECTION, https_notice, NULL, MHD_OPTION_END);
}

int main(int argc, char **argv)
{
	static struct page_options page_options = { .fd = WEB_FD };
	bool serves_hosts, serves_metrics, serves_page;
	pthread_t thread;

	channel_init(&pair_channel, PAIR_FD);
	if (argc != 9 || fcntl(PAIR_FD, F_SETFD, FD_CLOEXEC)) {
		host_error("this is started by optmigd");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	host_cond_init(&replied);
	serves_hosts = strcmp(argv[1], "-") != 0;
	serves_metrics = strcmp(argv[7], "+") == 0;
	serves_page = strcmp(argv[8], "-") != 0;
	page_options.any = strcmp(argv[8], "any") == 0;
	if (serves_hosts) {
		read_file(argv[1], false, &certificate);
		read_file(argv[2], true, &key);
		read_file(argv[3], false, &authority);
		page_options.certificate = certificate.text;
		page_options.key = key.text;
		page_options.authority = authority.text;
	}
	if (gnutls_global_init() || curl_global_init(CURL_GLOBAL_DEFAULT))
		give_up(host_fail(OM_EHOST, "TLS cannot be had here"));
	if (serves_hosts)
		check_files(argv + 1);
	tzset();
	drop_rights(argv[4], argv[5]);
	if (strcmp(argv[6], "+") == 0)
		first_crl();
	if ((serves_hosts && !start()) || (serves_metrics && !start_metrics()) || (serves_page && !page_start(&page_options)) || pthread_create(&thread, NULL, watchman, NULL))
		give_up(host_fail(OM_EIO, "the server does not start"));
	pthread_mutex_lock(&lock);
	say(json_pack("{sb}", "ready", 1));
	pthread_mutex_unlock(&lock);
	hear();
}
