/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of a program's keeper, made word by word: what start.c and receive.c share. */
#ifndef OPTMIG_HOST_SERVICE_LAUNCH_H
#define OPTMIG_HOST_SERVICE_LAUNCH_H

#include "service.h"

#define LAUNCH_WORDS_MAX (UNIT_LIST_MAX + 64)

struct launch { const char *word[LAUNCH_WORDS_MAX]; unsigned count; };

/* The keeper and what it wants to know, up to `optmig`. @role: "run" or "receive". */
void launch_begin(struct launch *w, const struct service_unit *u, const struct unit *unit, const char *role);
/* One word, not copied: it has to last as long as the launch. One that has no place is left out. */
void launch_add(struct launch *w, const char *word);
/* Nothing if the value is NULL. */
void launch_add_pair(struct launch *w, const char *option, const char *value);
/* Each of a list, with the option before it unless that is NULL. */
void launch_add_list(struct launch *w, const char *option, const json_t *list);
/* --user and what goes with it. */
void launch_add_limits(struct launch *w, const struct unit *unit);
/* The file of an image. Return: OM_ENOTFOUND, and what the image store says. */
__attribute__((warn_unused_result))
int launch_image(const char *image, char *ret_path, size_t size);
/* Starts the keeper, and waits until the program is written down. @listen_fd: a receiver's, from launch_raise_fd(), or -1. Return: OM_ESTATE with its
 * words, OM_EIO, OM_ETIMEDOUT. Context: the unit's operation is ours. */
__attribute__((warn_unused_result))
int launch_keeper(const struct service_unit *u, const struct unit *unit, struct launch *w, int listen_fd);
/* The same descriptor, above those that a new process is given, so that none is overwritten on the way. */
int launch_raise_fd(int fd);

#endif
