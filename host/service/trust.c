/* SPDX-License-Identifier: Apache-2.0 */
/* See trust.h. GnuTLS judges. The words of a refusal are ours, since people at another host read them. */
#include <gnutls/x509.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "trust.h"
#include "util.h"

#define CLOCKS_AGREE_S 60
#define TIME_TEXT      32u
#define NAME_TEXT      200u
#define DATES          (GNUTLS_CERT_EXPIRED | GNUTLS_CERT_NOT_ACTIVATED)

static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
static gnutls_x509_crt_t *authorities;
static unsigned authority_count;
static gnutls_x509_trust_list_t trusted;        /* the CA and the list in force */
static time_t crl_made = -1, crl_until = -1;    /* the list in force: when it was made, when the next is due */

static void time_text(time_t at, char text[TIME_TEXT])
{
	struct tm tm;

	if (!gmtime_r(&at, &tm) || strftime(text, TIME_TEXT, "%Y-%m-%d %H:%M:%SZ", &tm) == 0)
		snprintf(text, TIME_TEXT, "an unknown time");
}

/* @crls: or NULL. Entries are copied, so that each list has its own. */
static int make_list(const gnutls_x509_crl_t *crls, unsigned count, gnutls_x509_trust_list_t *ret)
{
	gnutls_x509_trust_list_t list;

	if (gnutls_x509_trust_list_init(&list, 0))
		return host_fail(OM_ENOMEM, "no memory");
	for (unsigned i = 0; i < authority_count; i++) {
		gnutls_x509_crt_t copy;
		gnutls_datum_t der;

		if (gnutls_x509_crt_init(&copy) || gnutls_x509_crt_export2(authorities[i], GNUTLS_X509_FMT_DER, &der))
			return host_fail(OM_ENOMEM, "no memory");
		if (gnutls_x509_crt_import(copy, &der, GNUTLS_X509_FMT_DER) == 0)
			(void)gnutls_x509_trust_list_add_cas(list, &copy, 1, 0);
		gnutls_free(der.data);
	}
	/* Judged already: a list that is out of date revokes all the same. */
	if (count && gnutls_x509_trust_list_add_crls(list, crls, count, 0, 0) != (int)count)
		return host_fail(OM_ENOMEM, "no memory");
	*ret = list;
	return 0;
}

int trust_ca(const char *pem, size_t size)
{
	gnutls_datum_t data = { (unsigned char *)(uintptr_t)pem, (unsigned)size };
	const int code = gnutls_x509_crt_list_import2(&authorities, &authority_count, &data, GNUTLS_X509_FMT_PEM, 0);

	if (code < 0 || authority_count == 0)
		return host_fail(OM_EINVAL, "no certificate of a CA: %s", code < 0 ? gnutls_strerror(code) : "it is empty");
	return make_list(NULL, 0, &trusted);
}

/* Nothing is wrong but the dates of a list, which are judged by us: an old list revokes all the same. */
static bool only_old(unsigned status)
{
	const unsigned old = GNUTLS_CERT_REVOCATION_DATA_SUPERSEDED | GNUTLS_CERT_REVOCATION_DATA_ISSUED_IN_FUTURE;

	return status == 0 || (status & old && (status & ~(old | GNUTLS_CERT_INVALID)) == 0);
}

static int judge_crl(gnutls_x509_crl_t crl, time_t *ret_made, time_t *ret_until)
{
	unsigned status = 0;
	const time_t made = gnutls_x509_crl_get_this_update(crl), until = gnutls_x509_crl_get_next_update(crl);
	const int code = gnutls_x509_crl_verify(crl, authorities, authority_count, 0, &status);
	char is[TIME_TEXT], was[TIME_TEXT];

	if (code || !only_old(status))
		return host_fail(OM_EINVAL, "it is not of the CA");
	if (made < crl_made) {
		time_text(made, is);
		time_text(crl_made, was);
		return host_fail(OM_EINVAL, "it is of %s, and older than the list in force, of %s", is, was);
	}
	*ret_made = made > *ret_made ? made : *ret_made;
	if (until != (time_t)-1 && (*ret_until == (time_t)-1 || until < *ret_until))
		*ret_until = until;
	return 0;
}

int trust_crl(const char *pem, size_t size, unsigned *ret_revoked, time_t *ret_until)
{
	gnutls_datum_t data = { (unsigned char *)(uintptr_t)pem, (unsigned)size };
	gnutls_x509_trust_list_t list, old;
	gnutls_x509_crl_t *crls = NULL;
	unsigned count = 0, revoked = 0;
	time_t made = -1, until = -1;
	int code = gnutls_x509_crl_list_import2(&crls, &count, &data, GNUTLS_X509_FMT_PEM, 0), error = 0;

	if (code < 0 || count == 0)
		return host_fail(OM_EINVAL, "no list of revoked certificates: %s", code < 0 ? gnutls_strerror(code) : "it is empty");
	for (unsigned i = 0; i < count && !error; i++) {
		const int number = gnutls_x509_crl_get_crt_count(crls[i]);

		revoked += number > 0 ? (unsigned)number : 0;
		error = judge_crl(crls[i], &made, &until);
	}
	if (!error)
		error = make_list(crls, count, &list);
	if (error) {
		for (unsigned i = 0; i < count; i++)
			gnutls_x509_crl_deinit(crls[i]);
		gnutls_free(crls);
		return error;
	}
	gnutls_free(crls); /* what it pointed to is the list's */
	pthread_rwlock_wrlock(&lock);
	old = trusted;
	trusted = list;
	crl_made = made;
	crl_until = until;
	pthread_rwlock_unlock(&lock);
	gnutls_x509_trust_list_deinit(old, 1);
	*ret_revoked = revoked;
	*ret_until = until;
	return 0;
}

/* ---- one certificate --------------------------------------------------------------------------------------------------------------------- */

static void name_text(gnutls_x509_crt_t certificate, bool issuer, char text[NAME_TEXT])
{
	size_t size = NAME_TEXT - 1;
	const int code = issuer ? gnutls_x509_crt_get_issuer_dn(certificate, text, &size) : gnutls_x509_crt_get_dn(certificate, text, &size);

	text[NAME_TEXT - 1] = 0;
	if (code)
		snprintf(text, NAME_TEXT, "an unknown name");
	for (char *c = text; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
}

static int say_dates(gnutls_x509_crt_t certificate, unsigned status, const char *whose)
{
	char from[TIME_TEXT], to[TIME_TEXT], now[TIME_TEXT];

	time_text(gnutls_x509_crt_get_activation_time(certificate), from);
	time_text(gnutls_x509_crt_get_expiration_time(certificate), to);
	time_text(time(NULL), now);
	return host_fail(OM_EEXPIRED, "%s certificate is not accepted here: it %s; it is valid from %s to %s, and here it is %s", whose,
		status & GNUTLS_CERT_NOT_ACTIVATED ? "is not valid yet" : "has expired", from, to, now);
}

static int say(gnutls_x509_crt_t certificate, unsigned status, const char *whose)
{
	char name[NAME_TEXT], issuer[NAME_TEXT];
	gnutls_datum_t words;
	int error;

	name_text(certificate, false, name);
	name_text(certificate, true, issuer);
	if (status & GNUTLS_CERT_REVOKED)
		return host_fail(OM_EREVOKED, "%s certificate is not accepted here: %s is on the list of revoked certificates", whose, name);
	if (status & (GNUTLS_CERT_SIGNER_NOT_FOUND | GNUTLS_CERT_SIGNER_NOT_CA))
		return host_fail(OM_EAUTH, "%s certificate is not accepted here: it is of another CA (%s)", whose, issuer);
	if (status & GNUTLS_CERT_SIGNATURE_FAILURE)
		return host_fail(OM_EAUTH, "%s certificate is not accepted here: %s has not signed it, whatever it says", whose, issuer);
	if (status & DATES)
		return say_dates(certificate, status, whose);
	if (status & GNUTLS_CERT_PURPOSE_MISMATCH)
		return host_fail(OM_EAUTH, "%s certificate is not accepted here: it is for other uses (both clientAuth and serverAuth are wanted, or none)", whose);
	if (gnutls_certificate_verification_status_print(status, GNUTLS_CRT_X509, &words, 0))
		return host_fail(OM_EAUTH, "%s certificate is not accepted here", whose);
	error = host_fail(OM_EAUTH, "%s certificate is not accepted here: %s", whose, (const char *)words.data);
	gnutls_free(words.data);
	return error;
}

static int judge(gnutls_x509_crt_t *certificates, unsigned count, bool server, const char *whose)
{
	gnutls_typed_vdata_st purpose = { .type = GNUTLS_DT_KEY_PURPOSE_OID };
	char until[TIME_TEXT];
	unsigned status = GNUTLS_CERT_INVALID;
	time_t due;
	int code;

	purpose.data = (unsigned char *)(uintptr_t)(server ? GNUTLS_KP_TLS_WWW_SERVER : GNUTLS_KP_TLS_WWW_CLIENT);
	pthread_rwlock_rdlock(&lock);
	code = gnutls_x509_trust_list_verify_crt2(trusted, certificates, count, &purpose, 1, 0, &status, NULL);
	due = crl_until;
	pthread_rwlock_unlock(&lock);
	if (code)
		return host_fail(OM_EAUTH, "%s certificate is not accepted here: %s", whose, gnutls_strerror(code));
	if (!only_old(status))
		return say(certificates[0], status, whose);
	if (due == (time_t)-1 || due > time(NULL))
		return 0;
	time_text(due, until);
	return host_fail(OM_EEXPIRED, "the list of revoked certificates %s is out of date since %s (--crl): no host is believed until there is a newer one",
		server ? "of this host" : "of the host that is asked", until);
}

int trust_check(const gnutls_datum_t *chain, unsigned count, bool server, const char *whose)
{
	gnutls_x509_crt_t certificates[TRUST_CHAIN_MAX];
	unsigned made = 0;
	int error = 0;

	if (!chain || count == 0)
		return host_fail(OM_EAUTH, "no certificate is shown");
	if (count > TRUST_CHAIN_MAX)
		return host_fail(OM_EAUTH, "%s certificate is not accepted here: a chain of more than %u", whose, TRUST_CHAIN_MAX);
	while (made < count && !error) {
		if (gnutls_x509_crt_init(&certificates[made])) {
			error = host_fail(OM_ENOMEM, "no memory");
			break;
		}
		if (gnutls_x509_crt_import(certificates[made], &chain[made], GNUTLS_X509_FMT_DER))
			error = host_fail(OM_EAUTH, "%s certificate is not accepted here: it cannot be read", whose);
		made++;
	}
	if (!error)
		error = judge(certificates, count, server, whose);
	for (unsigned i = 0; i < made; i++)
		gnutls_x509_crt_deinit(certificates[i]);
	return error;
}

void trust_clock_words(time_t theirs, const char *whose, char *ret, size_t size)
{
	const time_t now = time(NULL);
	const long long apart = (long long)theirs - (long long)now, minutes = (llabs(apart) + 30) / 60;

	if (theirs <= 0)
		snprintf(ret, size, ". Do the hosts' clocks agree?");
	else if (llabs(apart) <= CLOCKS_AGREE_S)
		snprintf(ret, size, "%s", "");
	else
		snprintf(ret, size, ". The clocks differ: %s is %lld min %s this host's", whose, minutes, apart > 0 ? "ahead of" : "behind");
}
