/* SPDX-License-Identifier: Apache-2.0 */
/* Queues of messages: POSIX's, which are slots, and System V's. */
#include "states.h"
#include <mqueue.h>
#include <sys/ipc.h>
#include <sys/msg.h>

enum { NAMES = 16, LARGEST = 2000, SYSTEM_V = 4 };
static char names[NAMES][32];
static struct { int made, id; } queues[SYSTEM_V];
struct message { long type; unsigned char text[LARGEST]; };

/* ---- POSIX ----------------------------------------------------------------------------------------------------------------------- */

static const char *queue_name(int i)
{
	static char name[64];

	snprintf(name, sizeof name, "/optmig-states-%d-%s", getpid(), text(i));
	return name;
}

/* mq SLOT NAME MOST: opened, or made for so many messages; mqunlink NAME */
static void do_mq(void)
{
	struct mq_attr attr = { .mq_maxmsg = number(3) ? number(3) : 1, .mq_msgsize = LARGEST };

	for (int i = 0; i < NAMES; i++)
		if (!names[i][0] || strcmp(names[i], text(2)) == 0) {
			snprintf(names[i], sizeof names[i], "%.31s", text(2));
			break;
		}
	if (put(1, mq_open(queue_name(2), O_RDWR | O_CREAT | O_NONBLOCK, 0600, &attr), QUEUE))
		say("ok");
}

static void do_mqunlink(void)
{
	say("%s", result(mq_unlink(queue_name(1))));
}

/* The slot, which does not block: a thread may have left it so. NULL: there is none, or a thread stands in a call on it. */
static struct slot *free_slot(void)
{
	struct slot *s = slot(1, QUEUE);

	if (s && s->taken) {
		say("not now");
		return NULL;
	}
	if (s)
		fcntl(s->fd, F_SETFL, O_NONBLOCK);
	return s;
}

/* mqsend SLOT SIZE PRIORITY */
static void do_mqsend(void)
{
	static unsigned char next;
	unsigned char content[LARGEST + 10];
	struct slot *s = free_slot();

	if (!s)
		return;
	memset(content, next++, sizeof content);
	say("%s", result(mq_send(s->fd, (char *)content, (size_t)number(2) % sizeof content, (unsigned)number(3))));
}

static int say_received(struct slot *s)
{
	unsigned char content[LARGEST] = { 0 };
	unsigned priority = 0;
	long n = mq_receive(s->fd, (char *)content, sizeof content, &priority);
	int whole = 1;

	for (long i = 0; i < n; i++)
		whole = whole && content[i] == content[0];
	if (n < 0)
		say("%s", error_name(errno));
	else
		say("%ld bytes of %d, whole %d, priority %u", n, content[0], whole, priority);
	return n >= 0;
}

static void do_mqrecv(void)
{
	struct slot *s = free_slot();

	if (s)
		say_received(s);
}

/* mqnotify SLOT SIGNAL VALUE, or -: not any more */
static void do_mqnotify(void)
{
	struct slot *s = slot(1, QUEUE);
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL };

	if (!s)
		return;
	if (*text(2) != '-') {
		event.sigev_signo = signal_of(2);
		event.sigev_value.sival_int = (int)number(3);
	}
	say("%s", result(mq_notify(s->fd, *text(2) == '-' ? NULL : &event)));
}

/* ---- System V --------------------------------------------------------------------------------------------------------------------- */

static int id_of(void)
{
	unsigned i = (unsigned)number(1) % SYSTEM_V;

	if (!queues[i].made)
		say("no such queue");
	return queues[i].made ? queues[i].id : -1;
}

static void do_msgq(void)
{
	unsigned i = (unsigned)number(1) % SYSTEM_V;

	if (queues[i].made) {
		say("there is one");
		return;
	}
	queues[i].id = msgget(IPC_PRIVATE, 0600);
	queues[i].made = queues[i].id >= 0;
	say("%s", result(queues[i].id));
}

/* msgsnd QUEUE TYPE SIZE */
static void do_msgsnd(void)
{
	static unsigned char next;
	struct message m = { .type = number(2) };
	int id = id_of();

	if (id < 0)
		return;
	memset(m.text, next++, sizeof m.text);
	say("%s", result(msgsnd(id, &m, (size_t)number(3) % sizeof m.text, IPC_NOWAIT)));
}

static int say_taken(int id, long type)
{
	struct message m = { .type = 0 };
	long n = msgrcv(id, &m, sizeof m.text, type, IPC_NOWAIT);
	int whole = 1;

	for (long i = 0; i < n; i++)
		whole = whole && m.text[i] == m.text[0];
	if (n < 0)
		say("%s", error_name(errno));
	else
		say("%ld bytes of %d, whole %d, type %ld", n, n ? m.text[0] : 0, whole, m.type);
	return n >= 0;
}

/* msgrcv QUEUE TYPE */
static void do_msgrcv(void)
{
	int id = id_of();

	if (id >= 0)
		say_taken(id, number(2));
}

static void do_msgrm(void)
{
	int id = id_of();

	if (id < 0)
		return;
	say("%s", result(msgctl(id, IPC_RMID, NULL)));
	queues[(unsigned)number(1) % SYSTEM_V].made = 0;
}

void look_queues(void)
{
	for (struct slot *s = slots; s < slots + SLOTS; s++)
		if (s->kind == QUEUE && !s->taken) {
			struct mq_attr attr;

			printf("queue %d\n", slot_number(s));
			say("%s %#lx %ld of %ld of %ld", result(mq_getattr(s->fd, &attr)), (unsigned long)attr.mq_flags, attr.mq_curmsgs, attr.mq_maxmsg,
			    attr.mq_msgsize);
			fcntl(s->fd, F_SETFL, O_NONBLOCK);
			while (say_received(s))
				;
			say("poll %s", poll_words(poll_now(s->fd, POLLIN | POLLOUT)));
			say("again %s", result(mq_send(s->fd, "x", 1, 3)));
			say("poll %s", poll_words(poll_now(s->fd, POLLIN | POLLOUT)));
			say_received(s);
		}
	for (int i = 0; i < NAMES && names[i][0]; i++) {
		char name[64];

		snprintf(name, sizeof name, "/optmig-states-%d-%s", getpid(), names[i]);
		say("name %s %s", names[i], result(mq_unlink(name)));
	}
	for (int i = 0; i < SYSTEM_V; i++)
		if (queues[i].made) {
			struct msqid_ds ds = { .msg_qnum = 0 };

			printf("messages %d\n", i);
			say("%s: %lu of %lu bytes, times %d %d %d by %d %d", result(msgctl(queues[i].id, IPC_STAT, &ds)), (unsigned long)ds.msg_qnum,
			    (unsigned long)ds.msg_qbytes, ds.msg_stime != 0, ds.msg_rtime != 0, ds.msg_ctime != 0, ds.msg_lspid == getpid(),
			    ds.msg_lrpid == getpid());
			while (say_taken(queues[i].id, 0))
				;
			say("removed %s", result(msgctl(queues[i].id, IPC_RMID, NULL)));
		}
}

const struct op ops_queues[] = {
	{ "mq", do_mq }, { "mqunlink", do_mqunlink }, { "mqsend", do_mqsend }, { "mqrecv", do_mqrecv }, { "mqnotify", do_mqnotify },
	{ "msgq", do_msgq }, { "msgsnd", do_msgsnd }, { "msgrcv", do_msgrcv }, { "msgrm", do_msgrm }, { NULL, NULL },
};
