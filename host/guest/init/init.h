/* SPDX-License-Identifier: Apache-2.0 */
/*
 * optmig-init: PID 1 of the measured guest. Static, without threads; it mounts, loads modules, finds the virtio ports, does what
 * core/guest/control.h says, reaps, and powers off. It keeps no state but this.
 *
 * Everything that comes through a port is the host's word. What fails in a way that leaves the guest without a purpose ends it: words on the
 * console, FAILED to the host, power off.
 */
#ifndef OPTMIG_HOST_GUEST_INIT_INIT_H
#define OPTMIG_HOST_GUEST_INIT_INIT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "guest/control.h"
#include "guest/pump.h"

#define INIT_COMMANDS_MAX 8u

struct command {
	bool used;
	uint32_t id;
	pid_t pid;                      /* 0: reaped */
	int status;
	int out[2];                     /* its output and error, or -1 */
};

struct init {
	int control;
	pid_t child;                    /* optmig; 0: not started, or reaped */
	bool started, reaped, told;     /* told: EXIT is sent */
	int status;
	int terminal;                   /* master of the program's terminal, or -1 */
	struct pump in, out, err;
	struct command commands[INIT_COMMANDS_MAX];
	/* the file that is being written */
	int file;                       /* or -1 */
	uint64_t file_left;
};

/* "optmig-init: words" on the console. */
__attribute__((format(printf, 1, 2))) void say(const char *format, ...);

/* mounts.c */
void init_mount(void);
/* Loads what is in /modules, up to 64 modules in the order of their names, then mounts configfs. What cannot be loaded is told
 * on the console. */
void init_modules(void);
/* The host's name, and a machine-id that no other guest has. */
void init_names(void);
/* Nothing that runs from now on changes what the guest is made of. Return: NULL, or why not. */
const char *init_shut(void);

/* ports.c: waits until the port is there; O_NONBLOCK. Return: a descriptor, or -1. */
int port_open(const char *name, unsigned timeout_ms);
/* Links /dev/virtio-ports/NAME to the devices of all ports that there are. */
void ports_link(void);
/* The whole of it; waits. Return: false if the port is gone. */
bool port_write(int fd, const void *data, size_t size);
/* Exactly `size` bytes. Trust: they are the host's. */
bool port_read(int fd, void *data, size_t size);
/* A frame of core/guest/control.h. @size: bytes of the payload. */
bool frame_send(int fd, uint8_t type, const void *payload, size_t size);
/* FAILED. */
__attribute__((format(printf, 2, 3))) void send_failed(struct init *init, const char *format, ...);

/* net.c. Return: NULL, or why not. */
const char *net_up(const char *address, const char *gateway);

/* files.c. Return: NULL, or why not. */
const char *file_directory(uint32_t mode, const char *path);
/* A new file of `size` bytes, with the folders above it; file_data() brings them. One at a time. Trust: the host's; a path
 * that is not allowed, or there, is refused. */
const char *file_begin(struct init *init, uint32_t mode, uint64_t size, const char *path);
/* More bytes of it; the last ones close it. Trust: the host's; more than file_begin() has said are refused. */
const char *file_data(struct init *init, const uint8_t *data, size_t size);

/* child.c. Return: NULL, or why not. */
const char *child_start(struct init *init, const struct om_guestctl_start *start);
/* Starts `optmig ARGUMENTS` for the host, whose output is sent to it as of `id`. Trust: the host's; only the commands of a
 * list are started. */
const char *command_start(struct init *init, uint32_t id, struct om_guestctl_list arguments);
/* To the program. Trust: the host's; a number that is no signal is dropped, and so is one for a program that has ended. */
void child_signal(struct init *init, uint32_t number);
/* The size of the program's terminal, in characters. Without a terminal nothing happens. */
void child_window(struct init *init, uint16_t rows, uint16_t columns);

#endif
