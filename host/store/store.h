/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The image store: the images that this machine's administrator lets a receiver start, by MRENCLAVE.
 *
 *     DIR                        OPTMIG_IMAGE_STORE; else root: /var/lib/optmig/images, a user: $XDG_DATA_HOME/optmig/images
 *       .lock                    flock(2): one writer at a time; readers need none
 *       .new-PID/                an entry that is being made; what a killed writer left is removed by the next one
 *       .old-PID-N/              an entry that is being removed
 *       MRENCLAVE/               64 lower-case hexadecimal digits
 *         image                  the file, 0444
 *         entry.json             what a program of this image may do here, 0444
 *
 * An entry appears and disappears by one rename(2), with its contents on the disk before; a reader that has opened it keeps it.
 *
 * A receiver trusts the store for what it is: the image's contents are measured when it is added, not at each use, and its entry gives
 * rights. So the directory, an entry's directory and its files must belong to this user or to root, and nobody else may write to them;
 * what does not is refused, with the cause and the cure. Directories above need no such check: what somebody puts in the store's
 * place does not belong to us.
 *
 * Errors: OM_E* with words in host_reason(). Context: any thread; file system only.
 */
#ifndef OPTMIG_HOST_STORE_STORE_H
#define OPTMIG_HOST_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "load/imageread.h"

#define STORE_OF_ROOT     "/var/lib/optmig/images"
#define STORE_PORTS_MAX   32u
#define STORE_OWNERS_MAX  16u
#define STORE_ACCOUNT_MAX 33u           /* bytes of an account's name with its NUL */
#define STORE_PREFIX_MIN  8u            /* digits of an MRENCLAVE that may stand for it */

enum { STORE_TCP = 1, STORE_UDP = 2 };
struct store_ports { uint16_t first, last; uint8_t protocols; };        /* STORE_TCP, STORE_UDP or both */
/* An owner that files may be given to. "" as user: the group alone; "" as group: the user alone. Names, or numbers. */
struct store_owner { char user[STORE_ACCOUNT_MAX], group[STORE_ACCOUNT_MAX]; };

/* What a receiver that has more rights than the program needs lets it do. */
struct store_rights {
	char user[STORE_ACCOUNT_MAX];                   /* the account that it runs as; "": the receiver's own */
	uint32_t port_count;                            /* 0: those that any user may bind */
	struct store_ports ports[STORE_PORTS_MAX];
	uint32_t owner_count;                           /* 0: its own only */
	struct store_owner owners[STORE_OWNERS_MAX];
};

struct store_entry {
	uint8_t mrenclave[32], mrsigner[32];
	char name[64];                                  /* the program's, from the image; for people */
	bool debug;
	uint64_t size_bytes;
	int64_t added_s;                                /* seconds since 1970 */
	struct store_rights rights;
};

struct store {
	int fd;
	char path[3840];
};

/* ---- rights as text (entry.c) ----------------------------------------------------------------------------- */

/* USER: an account that exists, not root. Return: OM_EINVAL, OM_ENOTFOUND. */
__attribute__((warn_unused_result))
int store_user_parse(const char *text, struct store_rights *rights);
/* PORT[-PORT][/tcp|/udp],... Return: OM_EINVAL; *rights is then as before. */
__attribute__((warn_unused_result))
int store_ports_parse(const char *text, struct store_rights *rights);
/* [USER][:GROUP],... Each must exist, or be a number. Return: OM_EINVAL, OM_ENOTFOUND; *rights is then as before. */
__attribute__((warn_unused_result))
int store_owners_parse(const char *text, struct store_rights *rights);
/* One element as it is written; @size: 80 is enough. */
void store_ports_format(const struct store_ports *ports, char *ret_text, size_t size);
/* USER, USER:GROUP or :GROUP, as store_owners_parse() takes it. @size: bytes; 80 are enough, what does not fit is cut off. */
void store_owner_format(const struct store_owner *owner, char *ret_text, size_t size);
/* The ids of rights->user, now. Return: OM_ENOTFOUND if there is no such account any more. Precondition: it is not "". */
__attribute__((warn_unused_result))
int store_user_ids(const struct store_rights *rights, uid_t *ret_uid, gid_t *ret_gid);

/* ---- entry.json (entry.c) --------------------------------------------------------------------------------- */

#define STORE_ENTRY_MAX 65536u          /* bytes of an entry.json */
/* @ret_text: the caller's to free(). Return: OM_ENOMEM. */
__attribute__((warn_unused_result))
int store_entry_encode(const struct store_entry *entry, char **ret_text, size_t *ret_size);
/* Fills in mrenclave, added_s and rights. Return: OM_EINVAL, OM_EVERSION. Trust: hostile; total on any input. */
__attribute__((warn_unused_result))
int store_entry_decode(const char *text, size_t size, struct store_entry *entry);

/* ---- reading ---------------------------------------------------------------------------------------------- */

/* The store's path: "" if there is none (no home directory). Return: OM_EINVAL (too long, not absolute). */
__attribute__((warn_unused_result))
int store_path(char *ret_path, size_t size);
/* @create: make it if it is missing. Return: OM_ENOTFOUND (there is none), OM_EPERM (others may write to it), OM_EIO (it
 * cannot be opened). */
__attribute__((warn_unused_result))
int store_open(bool create, struct store *ret_store);
/* Closes the directory. One call for each store_open() that succeeded. */
void store_close(struct store *store);

/* What stands in the way of trusting an open file or directory: others may write to it. @name: for people. Return: 0, OM_EPERM. */
__attribute__((warn_unused_result))
int store_check_trusted(int fd, const char *name);

/*
 * The entry and its image, mapped. The image's SIGSTRUCT names this MRENCLAVE and is valid; contents are not measured (the top says why
 * that suffices). Return: OM_ENOTFOUND; OM_EPERM; OM_EIMAGE, OM_ESIGSTRUCT, OM_EINVAL if the entry is damaged.
 */
__attribute__((warn_unused_result))
int store_find(const struct store *store, const uint8_t mrenclave[32], struct store_entry *ret_entry, struct host_image *ret_image);
/* Measures the image of an entry anew. Return: as store_find(). */
__attribute__((warn_unused_result))
int store_verify(const struct store *store, const uint8_t mrenclave[32], host_image_progress progress, void *context);

/* One name in the store, in order. @error: 0 with the entry, or why there is none, with host_reason(). @name: in the store. */
typedef void (*store_visitor)(void *context, const char *name, const struct store_entry *entry, int error);
/* What is no entry at all is visited with OM_EINVAL. Return: OM_EIO. */
__attribute__((warn_unused_result))
int store_visit(const struct store *store, store_visitor visitor, void *context);

/*
 * The entry that a program's name or at least STORE_PREFIX_MIN digits of an MRENCLAVE mean; one that is damaged can be named by its
 * MRENCLAVE. Return: OM_ENOTFOUND; OM_EINVAL with their MRENCLAVEs in the words if there are several.
 */
__attribute__((warn_unused_result))
int store_select(const struct store *store, const char *text, uint8_t ret_mrenclave[32]);

/* ---- writing (write.c) ------------------------------------------------------------------------------------ */

/*
 * Copies a file into the store, measures the copy, and makes the entry appear. One that is there already gets the file anew, and
 * @rights unless that is NULL. Return: OM_EIMAGE, OM_ESIGSTRUCT (signature invalid, or not over these contents), OM_EIO, OM_EPERM.
 */
__attribute__((warn_unused_result))
int store_add(const struct store *store, const char *file, const struct store_rights *rights, struct store_entry *ret_entry);
/* Programs that run, and receptions under way, go on. Return: OM_ENOTFOUND, OM_EIO, OM_EPERM. */
__attribute__((warn_unused_result))
int store_remove(const struct store *store, const uint8_t mrenclave[32]);

/* Inside host/store/: 64 lower-case digits. */
bool store_name_parse(const char *name, uint8_t ret_mrenclave[32]);

#endif
