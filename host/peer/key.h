/* SPDX-License-Identifier: Apache-2.0 */
/*
 * This host's key, by which it shows other hosts who it is (docs/spec/migration.md, section 10). A "host" is a user on a machine:
 * two users of one machine are two hosts, and know each other only if they have said so (peers.h).
 *
 *     OPTMIG_HOST_DIR, else
 *     root:    /etc/optmig                             host.key   0600   the secret
 *     others:  $XDG_CONFIG_HOME/optmig, where that     peers      0644   whom this host knows
 *              is unset ~/.config/optmig
 *     where that cannot be written: the runtime directory, whatever OPTMIG_RUNTIME_DIR says
 *
 * The key is made where it is missing, whole or not at all: of two processes that make it at the same time both have the same.
 */
#ifndef OPTMIG_HOST_PEER_KEY_H
#define OPTMIG_HOST_PEER_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define HOST_KEY_SIZE   32
#define HOST_KEY_TEXT   65              /* 64 hexadecimal digits and a NUL */
#define HOST_KEY_FILE   "host.key"
#define HOST_PEERS_FILE "peers"

/* Secret: host_key_done() it. */
struct host_key {
	bool there;
	uid_t owner;                    /* of the directory's files: a process may change its user later */
	uint8_t private[HOST_KEY_SIZE], public[HOST_KEY_SIZE];
	char directory[4000];
};

/*
 * Reads this user's key, or makes it. The process keeps what it has read: a program may give up the user that could read it.
 * Return: OM_EPERM (others can read the file or write to the directory), OM_EINVAL (not a key), OM_EIO.
 */
__attribute__((warn_unused_result))
int host_key_load(struct host_key *ret_key);
/* Wipes the private key. */
void host_key_done(struct host_key *key);
/* The same for the whole process: read once, when it is first asked for. Context: any thread. Return: as above. */
__attribute__((warn_unused_result))
int host_key_own(const struct host_key **ret_key);

/* 64 lower-case digits and NUL. */
void host_key_format(const uint8_t key[HOST_KEY_SIZE], char ret_text[HOST_KEY_TEXT]);
/* 64 hexadecimal digits, nothing else. @size: of text, which need not be terminated. */
bool host_key_parse(const char *text, size_t size, uint8_t ret_key[HOST_KEY_SIZE]);

/* Writes `directory/name` whole, or not at all. @exclusive: only if there is none. Return: OM_EEXISTS, OM_EPERM, OM_EIO. */
__attribute__((warn_unused_result))
int host_key_write_file(const char *directory, const char *name, mode_t mode, const char *text, size_t size, bool exclusive);

#endif
