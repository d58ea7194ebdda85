/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one list of OptMig's error codes. Numbers are stable: they cross the enclave boundary, the wire and
 * the JSON output. Functions return 0 or the negative code; `om_strerror()`/`om_errcure()` (core/errors.c)
 * give the name and a one-line cure. New codes go to the end.
 *
 *   X(name, number, "what happened", "what to do about it")
 */
#ifndef OPTMIG_ABI_ERRORS_H
#define OPTMIG_ABI_ERRORS_H

#define OM_ERRORS(X) \
	X(OM_EINVAL,        1, "invalid argument", "check the value named in the message") \
	X(OM_ENOMEM,        2, "out of memory", "free memory on this host, or give the program a smaller heap") \
	X(OM_EOVERFLOW,     3, "arithmetic overflow in a size or offset", "the input is corrupt or hostile; nothing was changed") \
	X(OM_ETRUNCATED,    4, "input ends too early", "the file or frame is truncated; get it again from its origin") \
	X(OM_ETRAILING,     5, "bytes left over after the end", "the input is corrupt or of a newer version") \
	X(OM_EVERSION,      6, "unsupported version", "use the same OptMig version on both sides; an image of another version has to be linked again") \
	X(OM_ETYPE,         7, "unexpected message or record type", "both sides must speak the same protocol version; if they do, the peer misbehaves") \
	X(OM_ESTATE,        8, "not allowed in this state", "wait for the running operation to end, or cancel it") \
	X(OM_ESEQ,          9, "message out of sequence, repeated or missing", "the network or the other host altered the stream; start the migration again") \
	X(OM_EAUTH,        10, "authentication failed", "the data was altered on its way, or the keys differ; start the migration again") \
	X(OM_EIDENTITY,    11, "the other enclave is not the same program", "run the same signed image on both hosts") \
	X(OM_EPOLICY,      12, "the other side does not satisfy the attestation policy", "see the reason given; update that platform or the image's policy") \
	X(OM_EQUOTE,       13, "attestation quote is invalid", "check the quoting service of the host named") \
	X(OM_EEXPIRED,     14, "certificate or collateral is out of date", "renew the collateral and check the clocks") \
	X(OM_EREVOKED,     15, "certificate is revoked", "the platform is no longer trusted by its maker; use another one") \
	X(OM_EDEBUG,       16, "debug and production enclaves may not be mixed", "sign both images with the same attributes") \
	X(OM_EIMAGE,       17, "not a valid OptMig image", "build the program with optmig-cc; if it was, the file is damaged or cut off: copy it again") \
	X(OM_ESIGSTRUCT,   18, "the image's signature does not match its contents", "the image is not signed, or was altered since (strip and objcopy do that; optmig-strip does not): build it again, or, if you altered it on purpose, sign it with optmig-sign") \
	X(OM_EELRANGE,     19, "does not fit into the enclave's address range", "raise `elrange` in the image options") \
	X(OM_ESGX,         20, "the SGX layer refused the operation", "see the leaf function and code in the message") \
	X(OM_ENOSGX,       21, "this machine has no usable SGX", "use --emu, or see `optmig info`") \
	X(OM_EHOST,        22, "the host returned an impossible result", "the host is faulty or hostile; the enclave refused to go on") \
	X(OM_EIO,          23, "input/output error", "see the system's error in the message") \
	X(OM_ECONNECTION,  24, "connection lost or refused", "check that the other side runs and is reachable; then `optmig recover`") \
	X(OM_ETIMEDOUT,    25, "timed out", "check the other side; raise the limit if it is only slow") \
	X(OM_ECANCELLED,   26, "cancelled", "nothing to do; nothing has moved") \
	X(OM_EUNSUPPORTED, 27, "not supported", "see the message; CAVEATS.md lists what cannot be done") \
	X(OM_EUNTRACKED,   28, "memory is written by code that was not built with the pass", "rebuild those objects with optmig-cc, or migrate with --tracker faults") \
	X(OM_EHOSTSTATE,   29, "host state that cannot be moved", "`optmig check` names it and the cure") \
	X(OM_EEXHAUSTED,   30, "a counter or table is exhausted", "raise the image option named, or start the migration again") \
	X(OM_ENOTFOUND,    31, "not found", "`optmig ps` lists what runs here, `optmig image ls` which images a receiver may start") \
	X(OM_EEXISTS,      32, "already exists", "choose another name or port") \
	X(OM_EPERM,        33, "not permitted", "do what the message says, or run with the capability that it names") \
	X(OM_EABORTED,     34, "aborted by the other side", "see the other side's report for the reason") \
	X(OM_EINTERNAL,    35, "internal error", "this is a bug in OptMig; please report it with the message") \
	X(OM_ETICKET,      36, "the owner's ticket does not allow this move", "see the reason given; `optmig ticket show` says what the ticket allows, `optmig ticket check` whether it allows this move") \
	X(OM_EPEER,        37, "the other host is not known", "compare the key with what `optmig hostkey` prints on the other host; then say `optmig peer add` on the host where the key is missing") \
	X(OM_ESEAL,         42, "the seal of an earlier start cannot be used", "see the reason given; --seal FILE names another one, and without one the program begins a new lineage")

enum om_error {
#define X(name, number, what, cure) name = -(number),
	OM_ERRORS(X)
#undef X
};

#endif
