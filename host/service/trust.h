/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a certificate is one of the fleet's: of its CA, within its dates, for that use, and not on the list of revoked ones. Hosts that
 * ask and hosts that are asked are judged alike, with the same words. For https.c alone; any thread.
 */
#ifndef OPTMIG_HOST_SERVICE_TRUST_H
#define OPTMIG_HOST_SERVICE_TRUST_H

#include <gnutls/gnutls.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#define TRUST_CHAIN_MAX 8u

/* Once, before anything else. Return: OM_EINVAL with words. */
__attribute__((warn_unused_result))
int trust_ca(const char *pem, size_t size);
/*
 * The list of revoked certificates in the place of the one before. Return: OM_EINVAL (none, or not of the CA, or older than the one in force), and then
 * that stays in force. @ret_until: when the next one is due, or -1.
 */
__attribute__((warn_unused_result))
int trust_crl(const char *pem, size_t size, unsigned *ret_revoked, time_t *ret_until);
/* A chain of certificates in DER, the host's first. @whose: "your", "its". Return: OM_EAUTH, OM_EREVOKED, OM_EEXPIRED (of dates), with words. */
__attribute__((warn_unused_result))
int trust_check(const gnutls_datum_t *chain, unsigned count, bool server, const char *whose);
/* Words about another host's clock, from what it said that its time is (0: nothing): "" if it is ours. */
void trust_clock_words(time_t theirs, const char *whose, char *ret, size_t size);

#endif
