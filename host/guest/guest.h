/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The measured guest, from outside (docs/tee.md):
 *
 *   guest_build      kernel, PID 1, `optmig` and its libraries -> DIR/{vmlinuz,initrd,guest.json}
 *   guest_folder_*   what stands in such a directory
 *   guest_qemu       the command line of QEMU
 *   guest_lacks      what this host lacks for it
 *   guest_run        starts it, hands files over, is the program's standard streams, signals and exit status
 */
#ifndef OPTMIG_HOST_GUEST_GUEST_H
#define OPTMIG_HOST_GUEST_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "guest/control.h"

#define GUEST_SIGNERS_MAX  16u
#define GUEST_FILES_MAX    64u
#define GUEST_VCPUS_MAX    64u
#define GUEST_SIGNERS_FILE "/etc/optmig/guest-signers"   /* in the guest: hexadecimal MRSIGNER, one a line */

/* ---- words.c: a list of strings that grows, NULL behind the last ------------------------------------------------ */

struct guest_words { char **list; size_t count; bool failed; };

/* Appends one word, made as printf does. Without memory `failed` is set, and every later word is dropped. */
__attribute__((format(printf, 2, 3))) void guest_word(struct guest_words *words, const char *format, ...);
/* Frees the words and the list; it is empty then. */
void guest_words_done(struct guest_words *words);
/* As a shell would read it again, options on lines of their own. */
void guest_words_print(const struct guest_words *words, void *file);

/* ---- build.c ------------------------------------------------------------------------------------------------------ */

struct guest_build_options {
	const char *output;             /* directory; made if it is missing */
	const char *kernel;             /* directory with vmlinuz, modules/, package */
	const char *optmig, *init;      /* programs */
	const char *signers[GUEST_SIGNERS_MAX];   /* 64 hexadecimal digits each */
	unsigned signer_count;
	bool no_acpi;                   /* its kernel reads none of the host's ACPI tables */
};

/* What was built beside this program, or installed with it. Return: 0 or OM_E*. */
__attribute__((warn_unused_result))
int guest_build_defaults(struct guest_build_options *options);
/* Makes the guest in options->output: kernel, initrd, and guest.json with their hashes. The same inputs give the same bytes.
 * Return: 0 or OM_E*, with words. */
__attribute__((warn_unused_result))
int guest_build(const struct guest_build_options *options);

/* ---- folder.c ------------------------------------------------------------------------------------------------------- */

struct guest_folder {
	char path[4096];
	char kernel[4200], initrd[4200];
	char command_line[2048];        /* the kernel's */
	bool any_signer;                /* it runs whatever image it is given */
};

/* @path: NULL: OPTMIG_GUEST, else the user's own (guest_folder_default). Files are compared with their hashes in guest.json. */
__attribute__((warn_unused_result))
int guest_folder_open(const char *path, struct guest_folder *ret);
/* OPTMIG_GUEST, else $XDG_DATA_HOME/optmig/guest, else ~/.local/share/optmig/guest. Whether it is there is not asked. Return:
 * OM_EINVAL: too long. */
__attribute__((warn_unused_result))
int guest_folder_default(char *ret, size_t size);

/* ---- vm_measure.c ---------------------------------------------------------------------------------------------------- */

struct om_snp_kernel;
/* Of the files as they lie there now. @ret_initrd: the caller's to free. Return: errors of reading files. */
__attribute__((warn_unused_result))
int guest_hashes(const struct guest_folder *folder, struct om_snp_kernel *ret, uint8_t **ret_initrd, size_t *ret_initrd_size);
/* The launch digest of a plain guest (om_snp_plain_digest). */
__attribute__((warn_unused_result))
int guest_vm_measure(const struct guest_folder *folder, uint8_t ret[48]);

/* ---- qemu.c --------------------------------------------------------------------------------------------------------- */

enum guest_kind { GUEST_KIND_VM = 1, GUEST_KIND_SNP, GUEST_KIND_TDX };

struct guest_net { char tap[16], address[64], gateway[64]; };

struct guest_plan {
	enum guest_kind kind;
	const struct guest_folder *folder;
	const char *qemu;               /* program */
	const char *firmware;           /* OVMF; VM: NULL for QEMU's own */
	const char *cpu;                /* NULL: what the kind takes */
	bool kvm;                       /* VM only; the others always */
	uint32_t vcpus;
	uint64_t memory_mib;
	const struct guest_net *net;    /* NULL: no NIC */
	const char *sockets;            /* directory of the ports' sockets */
	const char *sp;                 /* socket of the emulated security processor, or NULL */
	const char *id_block, *id_auth; /* SNP: the owner's word for the launch, in base64, or NULL */
	bool author;                    /* and an author key is in it */
	const char *quote_service;      /* TDX: "CID:PORT" of the quote generation service, or NULL: no quotes */
};

/* QEMU's command line for that plan. *ret: the caller's, to be given to guest_words_done(). Return: 0; OM_EINVAL with words; OM_ENOMEM. */
int guest_qemu(const struct guest_plan *plan, struct guest_words *ret);

/* ---- lacks.c -------------------------------------------------------------------------------------------------------- */

/* Why this host cannot run it: OM_EUNSUPPORTED or OM_EPERM, with words; else 0. @root: "" (tests: a directory in its place). */
__attribute__((warn_unused_result))
int guest_lacks(const struct guest_plan *plan, const char *root);
/* "QEMU emulator version 9.1.2 (Debian …)" -> 9, 1. Return: false if it is none. */
bool guest_qemu_version(const char *text, unsigned *ret_major, unsigned *ret_minor);

/* ---- admit.c: inside a guest ------------------------------------------------------------------------------------------- */

/* Whether the guest that this is may run an image of that signer; outside of one it may. Return: OM_EPERM with words. */
__attribute__((warn_unused_result))
int guest_admits(const uint8_t mrsigner[32]);

/* ---- run.c ------------------------------------------------------------------------------------------------------------- */

struct guest_file { const char *host, *guest; };

struct guest_run_options {
	enum guest_kind kind;           /* 0: no guest */
	bool dry_run;
	const char *folder;             /* NULL: the default */
	const char *processor;          /* VM: socket of an emulated security processor that runs already; NULL: one is started */
	const char *qemu, *firmware, *cpu, *quote_service;
	const char *id_block;           /* prefix of files (id_files.h); NULL: none */
	bool kvm;
	uint32_t vcpus;
	uint64_t memory_mib;
	struct guest_net net;
	struct guest_file files[GUEST_FILES_MAX];
	unsigned file_count;
	struct guest_words forwarded;   /* options of `optmig run` or `receive` in the guest */
};

/* Return: the exit status of the process; dies of the signal that the program died of. @arguments: NULL-terminated. */
int guest_run(struct guest_run_options *options, enum om_guestctl_verb verb, char *const *arguments);

#endif
