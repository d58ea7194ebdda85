/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS with an attested server, for `optmig verify --connect` and for clients that speak no TLS or know no evidence (--listen). What such clients
 * send in clear over loopback goes on encrypted to a server that has been judged.
 *
 * Nobody's certificate authority counts: the evidence in the certificate vouches for its key, and the handshake shows that the server has it.
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "move/move.h"
#include "util.h"
#include "verify/connect.h"

#define CONNECT_MS 10000
#define CLIENTS_MAX 256

static const char *tls_words(void)
{
	const unsigned long code = ERR_peek_last_error();
	const char *words = code ? ERR_reason_error_string(code) : NULL;

	return words ? words : "the connection ended";
}

/* The evidence decides, afterwards: whatever certificate comes is let through here. */
static int any_certificate(int ok, X509_STORE_CTX *context)
{
	(void)ok;
	(void)context;
	return 1;
}

static int blocking(int fd, bool on)
{
	const int flags = fcntl(fd, F_GETFL);

	return flags < 0 ? -1 : fcntl(fd, F_SETFL, on ? flags & ~O_NONBLOCK : flags | O_NONBLOCK);
}

static int handshake(const char *host, int fd, SSL **ret)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	SSL *tls = NULL;

	if (context && SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION)) {
		SSL_CTX_set_verify(context, SSL_VERIFY_PEER, any_certificate);
		SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
		tls = SSL_new(context);
	}
	SSL_CTX_free(context);
	if (!tls || !SSL_set_fd(tls, fd) || !SSL_set_tlsext_host_name(tls, host)) {
		SSL_free(tls);
		return host_fail(OM_ENOMEM, "no memory");
	}
	ERR_clear_error();
	if (SSL_connect(tls) != 1) {
		SSL_free(tls);
		return host_fail(OM_ECONNECTION, "no TLS with %s: %s", host, tls_words());
	}
	*ret = tls;
	return 0;
}

static int judge(const struct verify_request *request, X509 *certificate, const char *url, struct verify_verdict *ret)
{
	uint8_t nonce[VERIFY_NONCE_SIZE];
	struct om_view fresh;
	int error;

	if (!url)
		return verify_certificate(request, certificate, (struct om_view) { 0 }, ret);
	error = verify_fetch(url, nonce, &fresh);
	if (error)
		return error;
	error = verify_fresh(request, certificate, fresh, (struct om_view) { nonce, sizeof nonce }, ret);
	free((void *)(uintptr_t)fresh.data);
	return error;
}

int verify_connect(const struct verify_request *request, const char *text, const char *url, struct verify_verdict *ret, SSL **ret_tls)
{
	const struct timeval patience = { CONNECT_MS / 1000, 0 }, none = { 0, 0 };
	struct move_endpoint address;
	X509 *certificate;
	SSL *tls = NULL;
	int fd = -1, error = move_endpoint_parse(text, &address);

	if (!error && !address.port[0])
		error = host_fail(OM_EINVAL, "%s: which port? (HOST:PORT)", text);
	if (!error)
		error = move_connect(&address, -1, CONNECT_MS, &fd);
	if (error)
		return error;
	(void)blocking(fd, true);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	error = handshake(address.host, fd, &tls);
	if (!error) {
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &none, sizeof none);
		certificate = SSL_get1_peer_certificate(tls);
		error = certificate ? judge(request, certificate, url, ret) :
			host_fail(OM_EAUTH, "%s shows no certificate", text);
		X509_free(certificate);
	}
	if (error || ret->error) {
		SSL_free(tls);
		close(fd);
		tls = NULL;
	}
	*ret_tls = tls;
	return error;
}

/* ---- the proxy ------------------------------------------------------------------------------------------------------------------------------------------- */

struct client { int fd; const struct verify_request *request; const char *to, *url; };
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned clients;

/* Bytes on their way in one direction. */
struct way { uint8_t data[16384]; size_t from, to; bool ended, told; };
/* A connection of each kind, both without waiting. `wants`: what TLS asks poll() for besides. */
struct pair { SSL *tls; int clear; short wants; bool broken; struct way up, down; };

static bool empty(const struct way *w) { return w->from == w->to; }

static void filled(struct way *w, ssize_t got)
{
	w->from = 0;
	w->to = got > 0 ? (size_t)got : 0;
}

/* What a TLS call that did not succeed means. Return: true if it only has to wait. */
static bool waits(struct pair *p, int result)
{
	switch (SSL_get_error(p->tls, result)) {
	case SSL_ERROR_WANT_READ:  p->wants |= POLLIN; return true;
	case SSL_ERROR_WANT_WRITE: p->wants |= POLLOUT; return true;
	default:                   return false;
	}
}

static void read_tls(struct pair *p)
{
	int got;

	ERR_clear_error();
	got = SSL_read(p->tls, p->down.data, sizeof p->down.data);
	if (got > 0)
		filled(&p->down, got);
	else if (!waits(p, got))
		p->down.ended = true;
}

static void write_tls(struct pair *p)
{
	int put;

	ERR_clear_error();
	put = SSL_write(p->tls, p->up.data + p->up.from, (int)(p->up.to - p->up.from));
	if (put > 0)
		p->up.from += (size_t)put;
	else if (!waits(p, put))
		p->broken = true;
}

static void read_clear(struct pair *p)
{
	const ssize_t got = recv(p->clear, p->up.data, sizeof p->up.data, MSG_DONTWAIT);

	if (got > 0)
		filled(&p->up, got);
	else if (got == 0)
		p->up.ended = true;
	else if (errno != EAGAIN && errno != EINTR)
		p->broken = true;
}

static void write_clear(struct pair *p)
{
	const ssize_t put = send(p->clear, p->down.data + p->down.from, p->down.to - p->down.from, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (put > 0)
		p->down.from += (size_t)put;
	else if (put < 0 && errno != EAGAIN && errno != EINTR)
		p->broken = true;
}

/* Ends are passed on when all before them has been. */
static void pass_ends(struct pair *p)
{
	if (p->up.ended && empty(&p->up) && !p->up.told) {
		(void)SSL_shutdown(p->tls);    /* the other direction may go on */
		p->up.told = true;
	}
	if (p->down.ended && empty(&p->down) && !p->down.told) {
		(void)shutdown(p->clear, SHUT_WR);
		p->down.told = true;
	}
}

/* Neither direction waits for the other: a server that answers before it has read all does not block. */
static void forward(struct pair *p)
{
	while (!p->broken && !p->down.told) {
		struct pollfd fds[2] = { { SSL_get_fd(p->tls), p->wants, 0 }, { p->clear, 0, 0 } };

		if (empty(&p->down) && !p->down.ended)
			fds[0].events |= POLLIN;
		if (!empty(&p->up) && !(p->wants & POLLIN))
			fds[0].events |= POLLOUT;
		if (empty(&p->up) && !p->up.ended)
			fds[1].events |= POLLIN;
		if (!empty(&p->down))
			fds[1].events |= POLLOUT;
		if (poll(fds, 2, empty(&p->down) && SSL_pending(p->tls) ? 0 : -1) < 0 && errno != EINTR)
			return;
		p->wants = 0;
		if (empty(&p->down) && !p->down.ended)
			read_tls(p);
		if (empty(&p->up) && !p->up.ended && fds[1].revents)
			read_clear(p);
		if (!empty(&p->up))
			write_tls(p);
		if (!empty(&p->down))
			write_clear(p);
		pass_ends(p);
	}
}

static void *serve(void *argument)
{
	struct client *c = argument;
	struct verify_request request = *c->request;
	struct verify_verdict *verdict = malloc(sizeof *verdict);
	SSL *tls = NULL;
	int error;

	request.now = time(NULL);
	error = verdict ? verify_connect(&request, c->to, c->url, verdict, &tls) : host_fail(OM_ENOMEM, "no memory");
	if (error)
		host_error("verify: %s: %s", c->to, host_reason());
	else if (verdict->error)
		host_error("verify: %s is REFUSED: %s", c->to, om_attest_reason_words(verdict->reason));
	if (tls) {
		const int fd = SSL_get_fd(tls);
		struct pair *pair = calloc(1, sizeof *pair);

		if (pair && !blocking(fd, false)) {
			pair->tls = tls;
			pair->clear = c->fd;
			forward(pair);
		}
		free(pair);
		SSL_free(tls);
		close(fd);
	}
	close(c->fd);
	free(verdict);
	free(c);
	pthread_mutex_lock(&lock);
	clients--;
	pthread_mutex_unlock(&lock);
	return NULL;
}

static bool start(const struct verify_request *request, int fd, const char *to, const char *url)
{
	struct client *c = malloc(sizeof *c);
	pthread_t thread;
	bool room;

	pthread_mutex_lock(&lock);
	room = clients < CLIENTS_MAX;
	clients += room;
	pthread_mutex_unlock(&lock);
	if (c && room) {
		*c = (struct client) { fd, request, to, url };
		if (!pthread_create(&thread, NULL, serve, c)) {
			pthread_detach(thread);
			return true;
		}
	}
	free(c);
	pthread_mutex_lock(&lock);
	clients -= room;
	pthread_mutex_unlock(&lock);
	return false;
}

int verify_proxy(const struct verify_request *request, const char *listen, const char *to, const char *url)
{
	char text[MOVE_ENDPOINT_TEXT];
	struct move_endpoint address;
	int fd, error = move_endpoint_parse(listen, &address);

	if (!error)
		error = move_listen(&address, &fd, text);
	if (error)
		return error;
	host_error("listening on %s for %s", text, to);
	for (;;) {
		const int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

		if (client < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) {
			poll(NULL, 0, 100);
			continue;
		}
		if (client >= 0 && !start(request, client, to, url)) {
			host_error("verify: a connection was refused: %d are open", CLIENTS_MAX);
			close(client);
		}
	}
}
