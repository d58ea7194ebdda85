/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the process that hears the network: what its servers share. https.c opens with what that process is. */
#ifndef OPTMIG_HOST_SERVICE_HTTPS_H
#define OPTMIG_HOST_SERVICE_HTTPS_H

#include <jansson.h>
#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>

#define HTTPS_NAME      128u            /* bytes of who somebody is by his certificate, with the NUL */
#define HTTPS_SILENT_S  10u             /* a connection that says nothing ends then, */
#define HTTPS_WHOLE_S   60u             /* and any other: one that says it slowly */
#define HTTPS_PRIORITIES "SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

/* Asks optmigd. @request: given up. @peer, @at: who wants it, and at which address of ours. Return: its answer, the caller's; never NULL but without memory. */
json_t *https_ask(json_t *request, const char *peer, const char *at);
/* Who is at the other end, by a certificate that is accepted here, and who that is. Return: OM_EAUTH, OM_EEXPIRED, OM_EREVOKED with words that help who reads them there.
 * @ret_name: also of one that is not accepted, if any was shown. Trust: it is a stranger. */
__attribute__((warn_unused_result))
int https_certificate(struct MHD_Connection *connection, char ret_name[HTTPS_NAME]);
/* MHD's callback for connections that come and go: one that takes too long is ended. @socket_context: then points to when it came, a uint64_t of the monotonic clock. */
void https_notice(void *context, struct MHD_Connection *connection, void **socket_context, enum MHD_ConnectionNotificationCode code);

/* ---- page.c -------------------------------------------------------------------------------------------------------------------------------- */

struct page_options {
	int fd;                         /* it is listened at */
	bool any;                       /* who has no certificate sees this host's figures */
	const char *certificate, *key, *authority;      /* PEM; NULL: plain HTTP, for this machine alone */
};
/* Serves the page. @options: stays. Return: NULL if it does not start. Context: main, once. */
struct MHD_Daemon *page_start(const struct page_options *options);

#endif
