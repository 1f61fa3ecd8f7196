// SPDX-License-Identifier: GPL-2.0-only
/* The machine's side of the keeper. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "keeper/keeper.h"

int keeper_start(struct keeper *k, const struct config *cfg, struct err *e)
{
	const pid_t machine = getpid();
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds))
		return err_os(e, errno, "socketpair for the keeper");
	k->pid = fork();
	if (!k->pid) {
		close(fds[0]);
		keeper_serve(fds[1], machine, cfg);
	}
	close(fds[1]);
	k->fd = fds[0];
	if (k->pid > 0)
		return 0;
	k->pid = 0;
	close(k->fd);
	return err_os(e, errno, "fork of the keeper");
}

/* Receive the reply and its files. */
static int receive_reply(int from, struct keeper_reply *reply, int *fds,
			 unsigned int *nr)
{
	union {
		char buf[CMSG_SPACE(sizeof(int) * KEEPER_FILES)];
		struct cmsghdr align;
	} control;
	struct iovec iov = { reply, sizeof(*reply) };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control.buf,
			      .msg_controllen = sizeof(control.buf) };
	struct cmsghdr *c;
	ssize_t n;

	*nr = 0;
	do
		n = recvmsg(from, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	c = n > 0 ? CMSG_FIRSTHDR(&msg) : NULL;
	if (c && c->cmsg_type == SCM_RIGHTS) {
		*nr = (unsigned int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(fds, CMSG_DATA(c), *nr * sizeof(int));
	}
	return n == sizeof(*reply) ? 0 : -1;
}

static int send_request(struct keeper *k, const struct keeper_request *rq,
			struct err *e)
{
	if (send(k->fd, rq, sizeof(*rq), MSG_NOSIGNAL) == sizeof(*rq))
		return 0;
	if (errno == EPIPE || errno == ECONNRESET)
		return err_set(e, ERR_STATE, errno,
			       "the keeper, which opens files for gpcvm, is "
			       "gone");
	return err_os(e, errno,
		      "sending to the keeper, which opens files for gpcvm");
}

static int take_reply(struct keeper *k, struct keeper_reply *reply, int *fds,
		      unsigned int *nr, struct err *e)
{
	*nr = 0;
	if (receive_reply(k->fd, reply, fds, nr)) {
		while (*nr)
			close(fds[--*nr]);
		return err_state(e, "the keeper, which opens files for gpcvm, "
				    "is gone");
	}
	k->state = reply->state;
	if (!reply->result)
		return 0;
	*e = reply->err;
	return -1;
}

static int keeper_ask_files(struct keeper *k, const struct keeper_request *rq,
			    struct keeper_reply *reply, int *fds,
			    unsigned int *nr, struct err *e)
{
	*nr = 0;
	return send_request(k, rq, e) ?: take_reply(k, reply, fds, nr, e);
}

/* Send a request and wait. Returns the requested file or 0; -1 and @e. */
static int keeper_ask(struct keeper *k, const struct keeper_request *rq,
		      struct keeper_reply *reply, struct err *e)
{
	int fds[KEEPER_FILES];
	unsigned int nr;

	if (keeper_ask_files(k, rq, reply, fds, &nr, e))
		return -1;
	return nr ? fds[0] : 0;
}

static int keeper_ask_path(struct keeper *k, enum keeper_op op,
			   const char *path, struct err *e)
{
	struct keeper_request rq = { .op = op };
	struct keeper_reply reply;

	if (strlen(path) >= sizeof(rq.path))
		return err_os(e, ENAMETOOLONG, "%.256s", path);
	strcpy(rq.path, path);
	return keeper_ask(k, &rq, &reply, e);
}

int keeper_ask_socket(struct keeper *k, struct err *e)
{
	const struct keeper_request rq = { .op = KEEPER_LISTEN };
	int r = send_request(k, &rq, e);

	k->owes = !r;
	return r;
}

int keeper_listen(struct keeper *k, struct err *e)
{
	struct keeper_reply reply;
	int fds[KEEPER_FILES];
	unsigned int nr;

	k->owes = false;
	if (take_reply(k, &reply, fds, &nr, e))
		return -1;
	return nr ? fds[0] : err_state(e, "the keeper sent no socket");
}

int keeper_unlisten(struct keeper *k, struct err *e)
{
	return keeper_ask_path(k, KEEPER_UNLISTEN, "", e);
}

int keeper_record_try(struct keeper *k, const char *path, struct err *e)
{
	return keeper_ask_path(k, KEEPER_RECORD_TRY, path, e);
}

int keeper_record_open(struct keeper *k, const char *path, struct err *e)
{
	return keeper_ask_path(k, KEEPER_RECORD_OPEN, path, e);
}

int keeper_record_end(struct keeper *k, bool keep, struct err *e)
{
	return keeper_ask_path(
		k, keep ? KEEPER_RECORD_KEEP : KEEPER_RECORD_DROP, "", e);
}

int keeper_probe(struct keeper *k, struct probe *p, struct err *e)
{
	const struct keeper_request rq = { .op = KEEPER_PROBE };
	struct keeper_reply reply = { 0 };
	int r = keeper_ask(k, &rq, &reply, e);

	*p = reply.probe;
	return r;
}

int keeper_delay_set(struct keeper *k, enum delay which, uint32_t us,
		     struct err *e)
{
	const struct keeper_request rq = { .op = KEEPER_DELAY_SET,
					   .delay = which,
					   .us = us };
	struct keeper_reply reply;

	return keeper_ask(k, &rq, &reply, e);
}

int keeper_delay_get(struct keeper *k, enum delay which, uint32_t *us,
		     uint32_t *hits, struct err *e)
{
	const struct keeper_request rq = { .op = KEEPER_DELAY_GET,
					   .delay = which };
	struct keeper_reply reply = { 0 };
	int r = keeper_ask(k, &rq, &reply, e);

	*us = reply.us;
	*hits = reply.hits;
	return r;
}

static int tasks_part(struct keeper *k, const pid_t *tids, unsigned int n,
		      bool more, struct task_files *out, struct err *e)
{
	struct keeper_request rq = { .op = KEEPER_TASKS,
				     .more = more,
				     .nr = n };
	struct keeper_reply reply = { 0 };
	int fds[KEEPER_FILES], of[TASK_FILES];
	unsigned int nr, at = 0;

	memcpy(rq.tids, tids, n * sizeof(*tids));
	if (keeper_ask_files(k, &rq, &reply, fds, &nr, e))
		return -1;
	for (unsigned int i = 0; i < n; i++) {
		for (unsigned int f = 0; f < TASK_FILES; f++)
			of[f] = reply.opened[i] >> f & 1 && at < nr ? fds[at++]
								    : -1;
		out[i] = task_take(of, reply.stack_errno);
	}
	return 0;
}

int keeper_tasks(struct keeper *k, const pid_t *tids, unsigned int nr,
		 struct task_files *out, struct err *e)
{
	int r = 0;

	for (unsigned int i = 0, n; i < nr; i += n) {
		n = nr - i < KEEPER_THREADS ? nr - i : KEEPER_THREADS;
		if (!r)
			r = tasks_part(k, tids + i, n, i + n < nr, out + i, e);
		for (unsigned int j = i; r && j < i + n; j++)
			out[j] = task_none(EACCES);
	}
	return r;
}

void keeper_stop(struct keeper *k)
{
	struct err e;

	if (!k->pid)
		return;
	if (k->owes) { /* the start failed before the socket was needed */
		int fd = keeper_listen(k, &e);

		if (fd >= 0)
			close(fd);
	}
	if (keeper_ask_path(k, KEEPER_END, "", &e))
		warn_err(&e);
	close(k->fd);
	while (waitpid(k->pid, NULL, 0) < 0 && errno == EINTR)
		;
	k->pid = 0;
}
