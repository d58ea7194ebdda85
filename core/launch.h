/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The measured launch of an image: with which arguments and environment its program may be started, what the host may answer when it
 * opens a file, which files are encrypted, and which secrets it waits for. optmig-cc writes it, the enclave and `optmig image show` read it (docs/spec/launch.md).
 *
 *     0   magic, u64                 "OMLAUNC1"
 *     8   version, u32
 *    12   any, u32                   OM_LAUNCH_ANY_*
 *    16   counts, u32 each           one for each enum om_launch_list, in its order
 *    52   size of the strings, u32
 *    56   lineage, u32               enum om_lineage
 *    60   after a move, u32          the signal that the program gets when it goes on at a destination; 0: none
 *    64   ends, u32 each             where each string of all lists ends, from the first string's begin
 *         (zero to a multiple of 8)
 *         files, 16 bytes each       one for each string of OM_LAUNCH_TRUSTED: u64 size, u64 number of its first hash
 *         hashes, 32 bytes each      SHA-256 of each block of OM_LAUNCH_BLOCK bytes of each file; of its last one, what there is
 *         strings                    without NUL
 *         (zero to a multiple of 8)
 *
 * There is one encoding of each launch: lists but the arguments ascend strictly, paths are normal, nothing is left over. All numbers are
 * little-endian. No section at all says the same as one whose three ANY flags are set and whose numbers are 0.
 *
 * Names of files. A name is matched as the program writes it, after om_launch_normalise(): what the host's links would make of it plays no
 * part, for links are the host's word. A name with '/' in front is absolute; others lie below the directory in which the program was
 * started. What a list names is what it looks like, on every host: a trusted file is a regular file, and what lies above a listed name are
 * directories.
 *
 * Trust: the bytes are measured where the enclave reads them; a file that a person looks at may hold anything, so decoding is total.
 */
#ifndef OPTMIG_CORE_LAUNCH_H
#define OPTMIG_CORE_LAUNCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "crypto/sha256.h"

#define OM_LAUNCH_MAGIC     0x31434e55414c4d4fULL   /* "OMLAUNC1" */
#define OM_LAUNCH_VERSION   2u
#define OM_LAUNCH_SECTION   ".optmig.launch"
#define OM_LAUNCH_BLOCK     65536u
#define OM_LAUNCH_HEAD      64u
#define OM_LAUNCH_MAX       (64u << 20)             /* bytes of it all: hashes of 128 GiB of files */
#define OM_LAUNCH_STRINGS   65536u                  /* strings in one list */
#define OM_LAUNCH_PATH      4096u                   /* of a path, with NUL */
#define OM_LAUNCH_ARGUMENT  (128u << 10)            /* of any other string, as execve has it */
#define OM_LAUNCH_SECRET    64u                     /* of a secret's name */
#define OM_LAUNCH_OWNER     128u                    /* hex digits of the key that may unlock: P-256, x and y */

#define OM_LAUNCH_ANY_ARGS  1u
#define OM_LAUNCH_ANY_ENV   2u                      /* variables that are not in OM_LAUNCH_SET come from the host */
#define OM_LAUNCH_ANY_FILES 4u                      /* names that are in no list are the host's to answer */

enum om_launch_list {
	OM_LAUNCH_ARGS,      /* with argv[0]; empty if any */
	OM_LAUNCH_PASS,      /* names of variables that the host gives; "X*": all that begin so. Empty if any */
	OM_LAUNCH_SET,       /* NAME=VALUE */
	OM_LAUNCH_ALLOWED,   /* paths; "X/": all below the directory X, and X itself. Empty if any */
	OM_LAUNCH_SEALED,    /* "X/": a directory all of whose files are trusted: what else turns up below it is refused */
	OM_LAUNCH_TRUSTED,   /* paths */
	OM_LAUNCH_ENCRYPTED, /* paths; "X/": all below the directory X */
	OM_LAUNCH_SECRETS,   /* names [A-Za-z0-9._-]{1,64}: without these secrets the program does not start */
	OM_LAUNCH_UNLOCK,    /* one or none: lower-case hex digits of the key whose holder may unlock. None: the policy's owner */
	OM_LAUNCH_LISTS
};

/* Where the key comes from that sealed and encrypted things hang on. */
enum om_lineage {
	OM_LINEAGE_NEW,      /* random at each start */
	OM_LINEAGE_SEAL,     /* random at the first start; the platform seals it for the next ones */
	OM_LINEAGE_OWNER,    /* the owner delivers it; the program waits for it */
	OM_LINEAGES
};

/* Of a launch in memory that is the caller's. */
struct om_launch {
	uint32_t any;                                   /* OM_LAUNCH_ANY_* */
	uint32_t lineage;                               /* enum om_lineage */
	uint32_t after_move;                            /* a signal, or 0 */
	uint32_t count[OM_LAUNCH_LISTS], first[OM_LAUNCH_LISTS]; /* first: number of its first string */
	const uint8_t *ends, *files, *hashes, *strings;
	uint64_t hash_count;
};

/* A string of @size bytes, not terminated. */
struct om_launch_string { const char *text; uint32_t size; };

/*
 * @bytes: all of it; size 0 is a launch that allows everything. *ret points into them.
 * Return: OM_ETRUNCATED, OM_ETRAILING, OM_EVERSION or OM_EINVAL.
 */
__attribute__((warn_unused_result)) int om_launch_decode(const void *bytes, size_t size, struct om_launch *ret);

/* Bytes that the launch takes whose first @size bytes, at least, are here; 0: they do not say. To be decoded all the same. */
size_t om_launch_extent(const void *bytes, size_t size);

/* The string @index of @list; @index lies below launch->count[list]. */
struct om_launch_string om_launch_string(const struct om_launch *launch, enum om_launch_list list, uint32_t index);

/* Facts of trusted file @index. */
uint64_t om_launch_file_size(const struct om_launch *launch, uint32_t index);
/* Bytes of its block @number, 0 behind its end. */
uint32_t om_launch_block_size(const struct om_launch *launch, uint32_t index, uint64_t number);
/* Is @bytes, om_launch_block_size() of them, that block? @features: OM_CPU_*. */
bool om_launch_block_is(const struct om_launch *launch, uint32_t index, uint64_t number, const void *bytes, uint64_t features);
/* What people compare: the file's SHA-256 if it has one block or none, else the SHA-256 of all its hashes, in their order. */
void om_launch_file_hash(const struct om_launch *launch, uint32_t index, uint8_t ret_hash[OM_SHA256_SIZE]);

/* Does the launch say anything of files? If not, no name is looked at. */
static inline bool om_launch_rules_files(const struct om_launch *launch)
{
	return !(launch->any & OM_LAUNCH_ANY_FILES) || launch->count[OM_LAUNCH_TRUSTED] || launch->count[OM_LAUNCH_SEALED] ||
		launch->count[OM_LAUNCH_ENCRYPTED];
}

/* The key that the image names to unlock it. False: it names none. */
bool om_launch_owner(const struct om_launch *launch, uint8_t ret_public[OM_LAUNCH_OWNER / 2]);

/* Is it one that a program can be told by? Not those that cannot be caught, nor those that libc keeps for itself. */
static inline bool om_launch_signal_is_good(uint64_t number)
{
	return number <= 64 && number != 9 && number != 19 && (number < 32 || number > 34);
}

/* May a variable of this name come from the host? It may not if the image sets it. */
bool om_launch_passes(const struct om_launch *launch, const char *name, size_t size);

/* Removes "//", "." and ".." (above the root there is the root), and '/' at the end, in place. The root is "/", an empty relative path
 * ".". ".." at the start of a relative path stays. Return: the length. */
size_t om_launch_normalise(char *path);

enum om_launch_verdict {
	OM_LAUNCH_IS_UNLISTED,   /* refused */
	OM_LAUNCH_IS_ABOVE,      /* a directory on the way to something listed: may be looked at */
	OM_LAUNCH_IS_ALLOWED,    /* the host's word */
	OM_LAUNCH_IS_ENCRYPTED,  /* a file of the lineage; or a directory that is to hold such files, itself the host's word */
	OM_LAUNCH_IS_TRUSTED,    /* *ret_index */
};
/*
 * @path: absolute and normal. @start: the directory that relative names start from, absolute and normal: the host chooses it. A path that
 * is listed under both its names is trusted before it is refused (below a sealed directory), refused before it is encrypted, and encrypted
 * before it is allowed; of two trusted files the absolute name's is meant. Of directories that one name lies below the deepest counts.
 */
enum om_launch_verdict om_launch_judge(const struct om_launch *launch, const char *path, const char *start, uint32_t *ret_index);

/* ---- for optmig-cc ------------------------------------------------------------------------------------------------------ */

struct om_launch_file { uint64_t size; const uint8_t (*hashes)[OM_SHA256_SIZE]; };
struct om_launch_source {
	uint32_t any, lineage, after_move;
	const char *const *list[OM_LAUNCH_LISTS];       /* in order */
	uint32_t count[OM_LAUNCH_LISTS];
	const struct om_launch_file *file;              /* one for each of OM_LAUNCH_TRUSTED */
};
/* Bytes that it takes, 0 if it is too large. */
size_t om_launch_size(const struct om_launch_source *source);
/* @buffer: om_launch_size() bytes. Return: 0, or the errors of om_launch_decode() where the source breaks a rule. */
__attribute__((warn_unused_result)) int om_launch_encode(const struct om_launch_source *source, void *buffer, size_t size);

#endif
