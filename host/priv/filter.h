/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls that the divided processes may make: lists of what they need, as seccomp filters. Landlock beside it, where the kernel has
 * it: a receiver with a list of ports can bind TCP sockets to no others.
 */
#ifndef OPTMIG_HOST_PRIV_FILTER_H
#define OPTMIG_HOST_PRIV_FILTER_H

#include "priv.h"

/* Return: NULL, or why not. No new privileges must have been given up. Context: before there are threads. */
const char *priv_filter_server(void);
/* What sysproxy passes on for a program, and what the process around it needs. */
const char *priv_filter_receiver(void);
/* A kernel without it: NULL, and the user is told. */
const char *priv_landlock(const struct priv_limits *limits);

#endif
