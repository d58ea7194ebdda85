/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The interpreter of the fuzzer of states: a script's lines make descriptors, queues, timers, signals, mappings and threads,
 * and then say all that a program can observe of them.
 *
 * What is said must be the same in every run of a script: no process numbers, addresses, port numbers or times; errors by
 * their names. What takes the kernel a while is waited for (settle). What a kernel may choose freely, such as how many bytes
 * of a large stream lie in which of its two queues, is not said.
 *
 * Lines that begin with "~" tell of what CAVEATS.md lets a successful move lose. A move that fails may not.
 */
#ifndef STATES_H
#define STATES_H
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
	SLOTS = 40,
	WORDS = 12,
	PATIENCE_MS = 8000,     /* for what must come */
	RESET_MS = 1500,        /* for what may */
	CRAMPED = 60000,        /* of datagrams: they count for more than their bytes */
	PACKED = 16384,         /* a pipe or pair with more may be nearly full */
	LARGE = 30000,          /* a stream of more may lie in both queues of its connection */
	SMALL_BUFFER = 2000,    /* the same, where buffers have been made small */
};

enum kind {
	EMPTY,
	PIPE_READ,
	PIPE_WRITE,
	PAIR,
	UNIX_LISTENER,
	UNIX_STREAM,
	UNIX_DATAGRAM,
	TCP,
	TCP_LISTENER,
	UDP,
	EVENT,
	TIMER,
	EPOLL,
	REGULAR,
	DIRECTORY,
	SIGNALS,
	QUEUE,
};

/* What one side writes and another reads. */
struct flow {
	int id;
	long sent, got;
	int messages;           /* boundaries are kept */
	int piece;              /* ... and what is larger is cut into messages of this size */
	int unread;             /* messages that should be in the queue */
	int end;                /* the writer is gone or has shut down, or an error is to be expected */
	int reset;              /* ... what is in flight may be lost */
	int filled;             /* until nothing more went in */
	int cramped;            /* datagrams that perhaps found no room: what comes depends on how the kernel counts */
	int waiting;            /* bytes that a thread may write as soon as there is room */
	int interrupted;        /* a thread has waited to write into a pipe: a signal on its way makes an edge for who reads */
};

struct slot {
	enum kind kind;
	int fd, type, family;
	struct flow *in, *out;
	int bound_reading;      /* SHUT_RD by ourselves: what comes does not count */
	int buffers_set;        /* 1 SO_SNDBUF, 2 SO_RCVBUF: from then on their values are ours */
	int port_here, port_there; /* at first */
	int fresh;              /* the connection has not been accepted yet */
	int taken;              /* a thread stands in a call on it: nobody else touches it */
	int large;              /* more than large_here() has been sent through it */
};

extern struct slot slots[SLOTS];
extern char *word[WORDS + 1];       /* of the line that is done now; word[0] is the operation */
extern int words;

struct op {
	const char *name;
	void (*run)(void);
};
extern const struct op ops_bytes[], ops_inet[], ops_events[], ops_files[], ops_signals[], ops_memory[], ops_threads[], ops_sysv[], ops_queues[];

/* main.c */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same, of something that may be lost by a successful move. */
void say_loosely(const char *format, ...) __attribute__((format(printf, 1, 2)));
const char *error_name(int error);
/* "ok", or why a call failed. */
const char *result(long returned);
long number(int i);                 /* an argument; 0 if there is none */
const char *text(int i);
/* A slot by its argument, or NULL after having said that there is none of that kind. EMPTY: any kind. */
struct slot *slot(int i, enum kind kind);
struct slot *socket_slot(int i);
/* Puts a new descriptor into the slot that an argument names, which is emptied before. */
struct slot *put(int i, int fd, enum kind kind);
int slot_number(const struct slot *s);
const char *work_path(const char *name);
void pause_ms(long ms);
long now_ms(void);
/* Asks the driver and returns its answer, which is good until the next call. */
const char *ask_driver(const char *format, ...) __attribute__((format(printf, 1, 2)));

int steady(const struct slot *s, int events);

/* bytes.c */
struct flow *new_flow(int id);
/* The next bytes of it, or a message. */
void compose_at(unsigned char *at, const struct flow *f, long size);
void flow_sent(struct flow *f, long size);
long write_some(struct slot *s, long size);
/* Reads what is there now, at most `size`; says it. */
void read_and_say(struct slot *s, long size, int flags);
void drain(struct slot *s);
void settle(struct slot *s);
long large_here(void);                      /* of what may more lie in both queues of a connection? */
int ends_anyhow(const struct slot *s);      /* how it ends is chance */
int poll_now(int fd, int events);
const char *poll_words(int revents);
void forget(struct slot *s);        /* closes it */

/* inet.c */
void say_names(struct slot *s);
void say_options(struct slot *s);
void listener_ends(const struct slot *l);

/* signals.c */
int signal_of(int i);               /* by its name, an argument */

/* the others: what is said of all that they have made, at the end */
void look_events(void);
int set_is_unsteady(const struct slot *e);     /* ... for steady() */
int may_lose(const struct slot *s);             /* a datagram, or an error of one: it is UDP, or a set with such */
void look_signals(void);
void look_sysv(void);             /* before look_signals(): what descriptors tell of is taken */
void look_queues(void);           /* likewise: what comes to an empty queue may send a signal */
void look_memory(void);
void look_threads(void);
void look_files(void);
void say_file(struct slot *s);
void say_timer(struct slot *s);

#endif
