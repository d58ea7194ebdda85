/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whom this host knows: the file `peers` beside host.key, one peer a line, read anew for each connection.
 *
 *     KEY [NAME]        64 hexadecimal digits; a name without blanks, which serves `optmig peer rm` and messages
 *     # ...             a comment, as is what is behind a "#"; empty lines do not count
 *
 * A file that cannot be read whole counts as empty: a spoilt line must not hide that another line was taken away.
 */
#ifndef OPTMIG_HOST_PEER_PEERS_H
#define OPTMIG_HOST_PEER_PEERS_H

#include "key.h"

#define HOST_PEERS_MAX  1024u
#define HOST_PEER_NAME  64u             /* with its NUL */
#define HOST_PEERS_SIZE (1u << 18)      /* of the file */

struct host_peer { uint8_t key[HOST_KEY_SIZE]; char name[HOST_PEER_NAME]; uint32_t line, hash[2]; /* of key and name: to find them twice */ };
struct host_peers { uint32_t count; struct host_peer peer[HOST_PEERS_MAX]; };

/*
 * @ret_line: of the error, from 1. Return: OM_EINVAL with words (not a key, a bad name, a key or a name twice, a line that does not
 * end, a NUL), OM_EEXHAUSTED. Trust: the text may be anything.
 */
__attribute__((warn_unused_result))
int host_peers_parse(const char *text, size_t size, struct host_peers *ret_peers, uint32_t *ret_line);

/* Letters, digits and the like; not something that reads as a key. */
bool host_peer_name_ok(const char *name);

/* The file beside that key. No file: no peers. Words name file and line. Return: OM_EINVAL, OM_EPERM (others may write to it), OM_EIO. */
__attribute__((warn_unused_result))
int host_peers_load(const struct host_key *key, struct host_peers *ret_peers);
/*
 * Does this host know that key? Its own, or one of `peers`. @ret_name: "this host" or the peer's name, or key's beginning.
 * Return: 0; OM_EPEER if not, with words that name the key and the cure; or why the file cannot be read.
 */
__attribute__((warn_unused_result))
int host_peer_known(const struct host_key *key, const uint8_t peer[HOST_KEY_SIZE], char ret_name[HOST_PEER_NAME]);

/* Return: OM_EEXISTS (that key, that name, or one's own key), OM_EINVAL, OM_EEXHAUSTED, OM_EPERM, OM_EIO. */
__attribute__((warn_unused_result))
int host_peers_add(const struct host_key *key, const uint8_t peer[HOST_KEY_SIZE], const char *name);
/* @which: a name or a key. Return: OM_ENOTFOUND, OM_EPERM, OM_EIO. */
__attribute__((warn_unused_result))
int host_peers_remove(const struct host_key *key, const char *which);

#endif
