/* SPDX-License-Identifier: Apache-2.0 */
/*
 * liboptmig-verify: is this the program that I mean, on a platform that I trust? For clients of programs in OptMig's enclaves, in C. No
 * enclave, no network and no other header is needed; link with -loptmig-verify. liboptmig-verify(3) says more.
 *
 *     optmig_verify *v = optmig_verify_new();
 *     optmig_verify_image(v, "lighttpd");                          which program: several calls, any of them will do
 *     optmig_verify_policy(v, text, size);                         what else is demanded: optmig-policy(5)
 *     verdict = optmig_verify_certificate(v, der, size, &details); what the server has shown in its handshake
 *
 * A certificate is worth no more than the handshake in which it was shown: the caller does that with the TLS library of its choice, whose own
 * verification of names, dates and authorities is switched off, and asks this in its place, before it sends a byte.
 *
 * Threads: an optmig_verify belongs to one thread at a time. Memory that is given is copied, or done with when a function returns.
 */
#ifndef OPTMIG_VERIFY_H
#define OPTMIG_VERIFY_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#ifdef __GNUC__
#pragma GCC visibility push(default)
#endif

#define OPTMIG_VERIFY_VERSION 1

typedef struct optmig_verify optmig_verify;

/* What the functions return. Whatever is not ACCEPTED is to be treated as REFUSED. */
enum optmig_verify_result {
	OPTMIG_VERIFY_ACCEPTED = 0,
	OPTMIG_VERIFY_REFUSED = 1,        /* optmig_verdict.reason says why */
	OPTMIG_VERIFY_COLLATERAL = 2,     /* the maker's certificates and lists are needed: optmig_verify_collateral() */
	OPTMIG_VERIFY_USAGE = 3,          /* no program was named, or an argument is none: optmig_verify_error() says which */
	OPTMIG_VERIFY_MEMORY = 4
};

/* Strings end in NUL. All but `reason` is zero if the evidence is not authentic. */
typedef struct optmig_verdict {
	uint32_t size;                    /* set by the caller to sizeof(optmig_verdict): what lies behind is not written */
	int32_t reason_number;            /* stable; 0: accepted */
	char reason[256];
	char platform[64];                /* in words */
	char tcb_status[32];              /* the maker's verdict on it; empty: there is none */
	uint8_t mrenclave[32], mrsigner[32], report_data[64];
	uint16_t product, svn;
	uint8_t debug;                    /* its host can read its memory */
	uint8_t demonstration;            /* proves nothing: the root's key is public */
	uint8_t fresh;                    /* for the caller's nonce; if fresh or certified, the next four are the enclave's word; else zero */
	uint8_t certified;                /* by a lineage: lineage_key */
	uint8_t instance[16];             /* of the program that was started once, wherever it has moved */
	uint8_t lineage[16];              /* the same for all that have one lineage's keys and files: restarted, upgraded; zero: none yet */
	uint64_t moves;                   /* how often it has */
	uint64_t guest_list;              /* version of the signed list of guests in force; 0: none */
	int64_t valid_until;              /* seconds since 1970 */
	int64_t made;                     /* the same: when the evidence was, by the clock of its host, which may lie; 0: it does not say */
	uint8_t lineage_key[64];          /* P-256, x and y: what optmig_verify_lineage() takes; zero: not certified */
	uint8_t lineage_lasts;            /* over restarts and upgrades; else it ends with this one start */
	uint8_t zero[7];
} optmig_verdict;

/* NULL: no memory. */
optmig_verify *optmig_verify_new(void);
/* Frees it, and what it was given. Words and policies that it has returned are gone. NULL is fine. */
void optmig_verify_free(optmig_verify *v);
/* Words for the last result of USAGE, COLLATERAL or MEMORY. Valid until the next call. */
const char *optmig_verify_error(const optmig_verify *v);

/* ---- demands; ACCEPTED means that it was understood ---- */
/* A program by its image file, which is measured; its migration policy is kept. USAGE: the file is no image, or not to be read. */
int optmig_verify_image(optmig_verify *v, const char *path);
/* A program by its measurement: 32 bytes in the order in which they are printed. USAGE: there are too many. */
int optmig_verify_mrenclave(optmig_verify *v, const uint8_t mrenclave[32]);
/* Replaces the one before; without, SGX under Intel's root, UpToDate or SWHardeningNeeded. */
int optmig_verify_policy(optmig_verify *v, const char *text, size_t size);
/* Of a maker, docs/spec/policy.md; a signed list of guests. Each replaces the one before; size 0: none. */
int optmig_verify_collateral(optmig_verify *v, const void *bytes, size_t size);
/* A signed list of guests, for evidence of SNP and TDX. It is judged with the evidence, not here. */
int optmig_verify_guests(optmig_verify *v, const void *bytes, size_t size);
/* An enclave that its host can read will do. */
void optmig_verify_debug(optmig_verify *v, int yes);
/*
 * The lineage that has to have certified the TLS key: of all starts of a program that keep its keys and files, and of no other. NULL: any, or
 * none. USAGE: no key. Of certificates and fresh evidence; quotes name none and are refused.
 */
int optmig_verify_lineage(optmig_verify *v, const uint8_t key[64]);
/*
 * Evidence that is older, or is of no known age, is refused; 0: any will do. Its date is by the clock of the host on which it was made: who has
 * kept a certificate cannot make it younger, that host can. Of certificates and fresh evidence.
 */
void optmig_verify_max_age(optmig_verify *v, int64_t seconds);
/* Seconds since 1970; 0: now. */
void optmig_verify_at(optmig_verify *v, int64_t seconds);

/* ---- verdicts; `ret` may be NULL ---- */
/* A quote that carries all 64 bytes of report data: a nonce, the hash of a key. */
int optmig_verify_quote(optmig_verify *v, const void *quote, size_t size, const uint8_t report_data[64], optmig_verdict *ret);
/* A certificate with evidence for its key, in PEM or DER. The evidence is of the day on which the server read it. */
int optmig_verify_certificate(optmig_verify *v, const void *certificate, size_t size, optmig_verdict *ret);
/*
 * Fresh evidence for the key of that certificate, as http://HOST:PORT/evidence?nonce=HEX of `optmig evidence` gives it. @nonce: of 16 to 64
 * bytes, the caller's own, from a random number generator, for this one call.
 */
int optmig_verify_fresh(optmig_verify *v, const void *certificate, size_t certificate_size, const void *evidence, size_t evidence_size,
	const void *nonce, size_t nonce_size, optmig_verdict *ret);

/*
 * Where the program of that MRENCLAVE may move, in the words of optmig-policy(5): measured into it, so whoever accepts the program accepts
 * that, too. NULL: its image was not given. Valid as long as `v`.
 */
const char *optmig_verify_migration_policy(const optmig_verify *v, const uint8_t mrenclave[32]);

#ifdef __GNUC__
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif
#endif
