/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET, by libcurl. The library is loaded when it is wanted, because it brings some thirty libraries along that no process with an enclave needs.
 * Answers are hostile: their size is capped, redirections are not followed, and only http and https are spoken.
 */
#include <curl/curl.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include "collateral/fetch.h"
#include "util.h"

#undef curl_easy_setopt
#undef curl_easy_getinfo

#define HEADERS_MAX (64u << 10)
#define WAIT_MAX_S  300u
#define CONNECT_S   15

static struct {
	__typeof__(&curl_easy_init) init;
	__typeof__(&curl_easy_setopt) setopt;
	__typeof__(&curl_easy_perform) perform;
	__typeof__(&curl_easy_getinfo) getinfo;
	__typeof__(&curl_easy_cleanup) cleanup;
	__typeof__(&curl_easy_strerror) words;
	bool there;
} curl;

static void load(void)
{
	void *library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
	const struct { const char *name; void **to; } functions[] = {
		{ "curl_easy_init", (void **)&curl.init }, { "curl_easy_setopt", (void **)&curl.setopt },
		{ "curl_easy_perform", (void **)&curl.perform }, { "curl_easy_getinfo", (void **)&curl.getinfo },
		{ "curl_easy_cleanup", (void **)&curl.cleanup }, { "curl_easy_strerror", (void **)&curl.words },
	};

	curl.there = library != NULL;
	for (size_t i = 0; i < sizeof functions / sizeof *functions && library; i++)
		if (!(*functions[i].to = dlsym(library, functions[i].name)))
			curl.there = false;
}

struct growing { uint8_t *data; size_t size, most; bool over; };

static size_t take(char *data, size_t one, size_t count, void *context)
{
	struct growing *g = context;
	const size_t size = one * count;
	uint8_t *more;

	if (size > g->most - g->size || !(more = realloc(g->data, g->size + size + 1))) {
		g->over = true;
		return 0;
	}
	memcpy(more + g->size, data, size);
	g->data = more;
	g->size += size;
	g->data[g->size] = 0;
	return size;
}

/* Of an answer after another (100 Continue) the last counts. */
static size_t take_header(char *data, size_t one, size_t count, void *context)
{
	struct growing *g = context;

	if (one * count >= 5 && strncmp(data, "HTTP/", 5) == 0)
		g->size = 0;
	return take(data, one, count, context);
}

void http_answer_done(struct http_answer *a)
{
	free(a->body);
	free(a->headers);
	*a = (struct http_answer) { 0 };
}

char *http_header(const struct http_answer *a, const char *name)
{
	const size_t length = strlen(name);

	for (const char *line = a->headers; line && *line; line = strchr(line, '\n'), line += line != NULL) {
		const char *value = line + length, *end;

		if (strncasecmp(line, name, length) || *value != ':')
			continue;
		for (value++; *value == ' ' || *value == '\t'; value++)
			;
		end = value + strcspn(value, "\r\n");
		return strndup(value, (size_t)(end - value));
	}
	return NULL;
}

static void set_options(CURL *c, const struct collateral_services *s, const char *url, struct growing *body, struct growing *headers)
{
	curl.setopt(c, CURLOPT_URL, url);
	curl.setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	curl.setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl.setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
	curl.setopt(c, CURLOPT_CONNECTTIMEOUT, (long)(s->timeout_s < CONNECT_S ? s->timeout_s : CONNECT_S));
	curl.setopt(c, CURLOPT_TIMEOUT, (long)s->timeout_s);
	curl.setopt(c, CURLOPT_USERAGENT, "optmig");
	curl.setopt(c, CURLOPT_WRITEFUNCTION, take);
	curl.setopt(c, CURLOPT_WRITEDATA, body);
	curl.setopt(c, CURLOPT_HEADERFUNCTION, take_header);
	curl.setopt(c, CURLOPT_HEADERDATA, headers);
	if (s->insecure) {
		curl.setopt(c, CURLOPT_SSL_VERIFYPEER, 0L);
		curl.setopt(c, CURLOPT_SSL_VERIFYHOST, 0L);
	}
	if (*s->ca_file)
		curl.setopt(c, CURLOPT_CAINFO, s->ca_file);
}

static int failed(CURLcode code, const struct growing *body, const struct growing *headers, const char *url)
{
	if (body->over || headers->over)
		return host_fail(OM_EOVERFLOW, "%s: the answer is longer than any of its kind", url);
	if (code == CURLE_OPERATION_TIMEDOUT)
		return host_fail(OM_ETIMEDOUT, "%s: no answer, or not a whole one, in time (--timeout)", url);
	if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE)
		return host_fail(OM_EAUTH, "%s: the server's certificate is not accepted: %s (--cacert FILE, or --insecure: what is fetched is signed by its maker)", url,
			curl.words(code));
	if (code == CURLE_PARTIAL_FILE || code == CURLE_RECV_ERROR || code == CURLE_GOT_NOTHING)
		return host_fail(OM_ECONNECTION, "%s: the answer was cut off: %s", url, curl.words(code));
	return host_fail(OM_ECONNECTION, "%s: %s", url, curl.words(code));
}

static int get_once(const struct collateral_services *s, const char *url, struct http_answer *ret)
{
	struct growing body = { .most = COLLATERAL_PART_MAX }, headers = { .most = HEADERS_MAX };
	CURL *c = curl.init();
	CURLcode code;
	int error;

	if (!c)
		return host_fail(OM_ENOMEM, "no memory");
	set_options(c, s, url, &body, &headers);
	code = curl.perform(c);
	error = code == CURLE_OK ? 0 : failed(code, &body, &headers, url);
	if (!error) {
		curl.getinfo(c, CURLINFO_RESPONSE_CODE, &ret->status);
		ret->body = body.data;
		ret->size = body.size;
		ret->headers = headers.data ? (char *)headers.data : strdup("");
	} else {
		free(body.data);
		free(headers.data);
	}
	curl.cleanup(c);
	return error;
}

static bool again(int error, const struct http_answer *a)
{
	return error == OM_ETIMEDOUT || error == OM_ECONNECTION || (!error && (a->status == 429 || (a->status >= 502 && a->status <= 504)));
}

/* What the service asks for, else twice as long each time. */
static unsigned pause_s(const struct collateral_services *s, const struct http_answer *a, unsigned tries)
{
	char *after = http_header(a, "Retry-After");
	uint64_t wait = (uint64_t)s->delay_s << tries, asked;

	if (after && host_parse_u64(after, 0, UINT32_MAX, &asked) == 0)
		wait = asked;
	free(after);
	return wait < WAIT_MAX_S ? (unsigned)wait : WAIT_MAX_S;
}

int http_get(const struct collateral_services *s, const char *url, struct http_answer *ret)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, load);
	if (!curl.there)
		return host_fail(OM_EUNSUPPORTED, "nothing can be fetched without libcurl.so.4: install libcurl4");
	for (unsigned tries = 0;; tries++) {
		struct http_answer a = { 0 };
		const int error = get_once(s, url, &a);
		struct timespec wait;

		if (!again(error, &a) || tries >= s->retries) {
			if (!error)
				*ret = a;
			return error;
		}
		wait = (struct timespec) { .tv_sec = pause_s(s, &a, tries) };
		if (error)
			host_detail("%s; again in %ld s", host_reason(), (long)wait.tv_sec);
		else
			host_detail("%s: status %ld; again in %ld s", url, a.status, (long)wait.tv_sec);
		http_answer_done(&a);
		nanosleep(&wait, NULL);
	}
}
