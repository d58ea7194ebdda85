/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `optmig run --tee` and PID 1 of its guest say to each other, over the virtio port "optmig.control".
 *
 *     host                                   guest
 *      | <----------------------------- HELLO |   once PID 1 is ready
 *      | NET, { DIR | FILE, DATA... } ------> |   what the program finds there
 *      | START -----------------------------> |   optmig VERB OPTIONS PROGRAM ARGUMENTS
 *      | <--------------------------- STARTED |
 *      | SIGNAL, WINDOW, CLOSE, COMMAND... -> |   at any time from here on
 *      | <-------------------- OUTPUT, RESULT |   of a COMMAND
 *      | <------------------------------ EXIT |   with how many bytes were written to standard output and error
 *      | POWEROFF --------------------------> |   once those are read
 *
 * The program's standard streams are ports of their own, "optmig.stdin", "optmig.stdout", "optmig.stderr", bytes and nothing else, so that
 * a stream that nobody reads keeps nothing else waiting.
 *
 * A frame is { u32 size of the payload, u8 type, 3 zero bytes, payload }; numbers are little-endian; a string is a u32 length and its
 * bytes, without NUL; a list is a u32 count and so many strings.
 *
 * Trust: all of it goes through the machine that runs the guest, and is the word of whoever owns that. The guest does nothing for it that
 * would let somebody lie about what runs inside: it starts only `optmig`, on images, with no environment but its own. What the
 * program is given (arguments, environment, files) is its image's to check (optmig-launch(5)).
 */
#ifndef OPTMIG_CORE_GUEST_CONTROL_H
#define OPTMIG_CORE_GUEST_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "cursor.h"

#define OM_GUESTCTL_VERSION 1u
#define OM_GUESTCTL_FRAME_HEADER    8u
#define OM_GUESTCTL_PAYLOAD_MAX     (1u << 20)
#define OM_GUESTCTL_STRING_MAX      (256u << 10)
#define OM_GUESTCTL_LIST_MAX        4096u
#define OM_GUESTCTL_PATH_MAX        4096u

#define OM_GUESTCTL_PORT_CONTROL "optmig.control"
#define OM_GUESTCTL_PORT_STDIN   "optmig.stdin"
#define OM_GUESTCTL_PORT_STDOUT  "optmig.stdout"
#define OM_GUESTCTL_PORT_STDERR  "optmig.stderr"

/* Where files of the host's lie in the guest that are not the program's: images, and the key by which other hosts know this one. */
#define OM_GUESTCTL_IMAGES    "/image"
#define OM_GUESTCTL_HOST_KEYS "/hostkeys"

enum om_guestctl_frame {
	/* to the guest */
	OM_GUESTCTL_NET = 1,       /* string ADDRESS/PREFIX, string gateway or "" */
	OM_GUESTCTL_DIR,           /* u32 mode, string path */
	OM_GUESTCTL_FILE,          /* u32 mode, u64 size, string path; its bytes follow in DATA */
	OM_GUESTCTL_DATA,          /* bytes */
	OM_GUESTCTL_START,         /* struct om_guestctl_start */
	OM_GUESTCTL_SIGNAL,        /* u32 number */
	OM_GUESTCTL_WINDOW,        /* u16 rows, u16 columns: of a terminal */
	OM_GUESTCTL_INPUT_END,     /* u64: standard input ends after so many bytes */
	OM_GUESTCTL_CLOSE,         /* u8 1 standard output, 2 standard error: nobody reads it any more */
	OM_GUESTCTL_COMMAND,       /* u32 id, list: arguments of `optmig` */
	OM_GUESTCTL_POWEROFF,
	/* to the host */
	OM_GUESTCTL_HELLO = 64,    /* u32 version, string: kernel */
	OM_GUESTCTL_STARTED,
	OM_GUESTCTL_EXIT,          /* u8 0 status, 1 signal; u32 value; u64 bytes of standard output; u64 bytes of standard error */
	OM_GUESTCTL_FAILED,        /* string: why the guest does not do what it was told; it powers off after POWEROFF */
	OM_GUESTCTL_OUTPUT,        /* u32 id, u8 1 standard output, 2 standard error, bytes */
	OM_GUESTCTL_RESULT,        /* u32 id, u32 exit status */
};

struct om_guestctl_string { const char *text; uint32_t size; };
/* Decoded: refers to the frame. */
struct om_guestctl_list { const uint8_t *bytes; uint32_t size, count; };

enum om_guestctl_verb { OM_GUESTCTL_RUN = 1, OM_GUESTCTL_RECEIVE };
struct om_guestctl_start {
	enum om_guestctl_verb verb;
	bool terminal;                  /* a terminal of its own instead of pipes */
	uint16_t rows, columns;
	struct om_guestctl_string directory;
	struct om_guestctl_list options;   /* of the verb */
	struct om_guestctl_list arguments; /* the program's path in the guest, and its arguments; none for RECEIVE */
	struct om_guestctl_list environment; /* the program's */
};

/* @ret_size: of the payload. Return: OM_EOVERFLOW (too large), OM_EVERSION (reserved bytes). */
__attribute__((warn_unused_result))
int om_guestctl_frame_decode(const uint8_t header[OM_GUESTCTL_FRAME_HEADER], uint8_t *ret_type, uint32_t *ret_size);
/* @size: of the payload that follows; at most OM_GUESTCTL_PAYLOAD_MAX, else the other side refuses it. */
void om_guestctl_frame_encode(uint8_t type, uint32_t size, uint8_t ret_header[OM_GUESTCTL_FRAME_HEADER]);

/* Strings and lists as the cursors' functions have numbers: the first failure sticks (OM_EOVERFLOW for what is too long, OM_EINVAL for a NUL inside). */
void om_guestctl_put_string(struct om_put *c, const char *text);
/* @list: ends with NULL; NULL: an empty one. */
void om_guestctl_put_list(struct om_put *c, char *const *list);
/* @max: bytes. A view into the frame, without NUL behind it; "" after an error. Trust: hostile. */
struct om_guestctl_string om_guestctl_get_string(struct om_get *c, uint32_t max);
/* A view into the frame, all of whose strings have been read once; empty after an error. Trust: hostile. */
struct om_guestctl_list om_guestctl_get_list(struct om_get *c);
/* Of a list that om_guestctl_get_list() has read. Return: false at its end. */
bool om_guestctl_list_next(struct om_guestctl_list *list, struct om_guestctl_string *ret);

/* The payload of START. The lists of `head` are not looked at; directory, options, arguments and environment are given as C has them. */
void om_guestctl_start_encode(struct om_put *c, const struct om_guestctl_start *head, const char *directory, char *const *options,
	char *const *arguments, char *const *environment);
/* The whole payload. Return: OM_ETRUNCATED, OM_ETRAILING, OM_EOVERFLOW, OM_EINVAL. */
__attribute__((warn_unused_result))
int om_guestctl_start_decode(const uint8_t *payload, size_t size, struct om_guestctl_start *ret);

/*
 * Where the host may put a file: an absolute path in its plain form (no empty component, "." or ".."), not in what the guest itself is
 * made of, so that no file of the host's is ever a library, a configuration or a device of `optmig`.
 */
bool om_guestctl_path_allowed(const char *path, size_t size);

#endif
