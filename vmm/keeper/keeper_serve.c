// SPDX-License-Identifier: GPL-2.0-only
/* The keeper's own process: serve requests until the machine is gone. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/num.h"
#include "host/privs.h"
#include "host/sandbox.h"
#include "keeper/control_socket.h"
#include "keeper/keeper.h"

#define RECV_TRIES 4

struct server {
	int fd;
	pid_t machine;
	const struct config *cfg;
	struct keeper_files files;
	struct control_socket socket;
	struct delays delays;
	struct keeper_state state;
	struct err unready; /* why it can serve no request */
	struct keeper_reply reply;
	int fds[KEEPER_FILES]; /* to send along; owned */
	unsigned int nr_fds;
};

/* Close all files of the machine and of its parent: if the keeper held one end
 * of a pipe, the pipe would outlive the machine. */
static int close_inherited(int fd)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int i = 0; i <= STDERR_FILENO; i++)
		if (null < 0 || dup2(null, i) < 0)
			close(i);
	if (fd != STDERR_FILENO + 1) {
		dup3(fd, STDERR_FILENO + 1, O_CLOEXEC);
		fd = STDERR_FILENO + 1;
	}
	syscall(SYS_close_range, (unsigned int)fd + 1, ~0U, 0);
	return fd;
}

static int serve_listen(struct server *s, struct err *e)
{
	struct control_socket *c = &s->socket;
	int fd;

	if (c->dir >= 0)
		return err_state(e, "--control: the socket already exists");
	if (socket_listen(c, s->cfg->control, e))
		return -1;
	/* Only the machine listens, but the keeper holds on to the inode. */
	fd = c->fd;
	c->fd = openat(c->dir, c->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (c->fd >= 0)
		return fd;
	err_os(e, errno, "--control %s: opening it", s->cfg->control);
	c->fd = fd;
	socket_remove(c, NULL);
	return -1;
}

static int serve_try(struct server *s, const char *path, struct err *e)
{
	int fd = keeper_files_make(&s->files, path, e);

	if (fd < 0)
		return -1;
	close(fd);
	return keeper_files_end(&s->files, false, e);
}

static int serve_delay(struct server *s, const struct keeper_request *rq,
		       struct err *e)
{
	if (rq->delay >= DELAYS || rq->us > DELAY_MAX_US)
		return err_range(e, "delay %u of %u us", rq->delay, rq->us);
	if (rq->op == KEEPER_DELAY_SET)
		return delays_set(&s->delays, rq->delay, rq->us, e);
	return delays_get(&s->delays, rq->delay, &s->reply.us, &s->reply.hits,
			  e);
}

/* Open the files of the machine's threads, and of no others. */
static int serve_tasks(struct server *s, const struct keeper_request *rq,
		       struct err *e)
{
	if (rq->nr > KEEPER_THREADS)
		return err_range(e, "%u threads at once", rq->nr);
	for (unsigned int i = 0; i < rq->nr; i++)
		for (enum task_file f = 0; f < TASK_FILES; f++) {
			int fd = task_open(s->machine, rq->tids[i], f);

			if (fd < 0 && f == TASK_STACK)
				s->reply.stack_errno = errno;
			if (fd < 0)
				continue;
			s->fds[s->nr_fds++] = fd;
			s->reply.opened[i] |= (uint8_t)(1U << f);
		}
	return rq->more ? 0 : privs_drop_kept(e);
}

/* Remove what would disturb others. */
static int keeper_clean_up(struct server *s, struct err *e)
{
	struct err ignored;
	int r;

	if (s->files.dir >= 0)
		keeper_files_end(&s->files, false, &ignored);
	r = delays_close(&s->delays, e);
	return socket_remove(&s->socket, r ? &ignored : e) ? -1 : r;
}

static void serve(struct server *s, const struct keeper_request *rq)
{
	struct keeper_reply *reply = &s->reply;
	struct err *e = &reply->err;
	int r = -1, fd = -1;

	if (s->unready.kind) {
		*e = s->unready;
		reply->result = -1;
		return;
	}
	switch (rq->op) {
	case KEEPER_LISTEN:
		r = fd = serve_listen(s, e);
		break;
	case KEEPER_UNLISTEN:
		r = socket_remove(&s->socket, e);
		break;
	case KEEPER_RECORD_TRY:
		r = serve_try(s, rq->path, e);
		break;
	case KEEPER_RECORD_OPEN:
		r = fd = keeper_files_make(&s->files, rq->path, e);
		break;
	case KEEPER_RECORD_KEEP:
	case KEEPER_RECORD_DROP:
		r = keeper_files_end(&s->files, rq->op == KEEPER_RECORD_KEEP,
				     e);
		break;
	case KEEPER_PROBE:
		r = probe_run(&reply->probe, s->cfg->device, NULL, e);
		break;
	case KEEPER_DELAY_SET:
	case KEEPER_DELAY_GET:
		r = serve_delay(s, rq, e);
		break;
	case KEEPER_TASKS:
		r = serve_tasks(s, rq, e);
		break;
	case KEEPER_END:
		r = keeper_clean_up(s, e);
		break;
	}
	if (fd >= 0)
		s->fds[s->nr_fds++] = fd;
	reply->result = r < 0 ? -1 : 0;
	reply->state = s->state;
}

/* Send the reply with its files. */
static int send_reply(struct server *s)
{
	const size_t size = s->nr_fds * sizeof(int);
	union {
		char buf[CMSG_SPACE(sizeof(int) * KEEPER_FILES)];
		struct cmsghdr align;
	} control = { { 0 } };
	struct iovec iov = { &s->reply, sizeof(s->reply) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	int r;

	if (size) {
		struct cmsghdr *c = &control.align;

		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(size);
		memcpy(CMSG_DATA(c), s->fds, size);
		msg.msg_control = control.buf;
		msg.msg_controllen = CMSG_SPACE(size);
	}
	r = sendmsg(s->fd, &msg, MSG_NOSIGNAL) < 0 ? -1 : 0;
	while (s->nr_fds)
		close(s->fds[--s->nr_fds]);
	return r;
}

static bool next_request(struct server *s, struct keeper_request *rq)
{
	int tries = RECV_TRIES;
	ssize_t n;

	/* Ignore errors such as ECONNRESET: if the machine has ended, the next
	 * recv() returns 0. */
	do
		n = recv(s->fd, rq, sizeof(*rq), 0);
	while (n < 0 && --tries);
	rq->path[sizeof(rq->path) - 1] = '\0';
	return n == sizeof(*rq);
}

static void serve_all(struct server *s)
{
	struct keeper_request rq;
	struct err e;

	while (next_request(s, &rq)) {
		memset(&s->reply, 0, sizeof(s->reply));
		serve(s, &rq);
		if (send_reply(s) || rq.op == KEEPER_END)
			break;
	}
	keeper_clean_up(s, &e); /* the machine was killed */
}

/* Allow reading what `caps` looks at, and writing where files are created. The
 * uid stays. */
static int keeper_confine(struct server *s, struct err *e)
{
	char control[PATH_MAX];
	const struct sandbox_path paths[] = {
		{ s->cfg->device, false, true },
		{ keeper_dir_of(s->cfg->control, control), true, true },
		{ s->cfg->record_dir, true, true },
		{ DELAY_DIR, true, true },
		{ "/proc", true, false },
		{ "/sys", true, false },
		{ "/dev/kmsg", false, false },
		{ "/sys/kernel/debug/hwpoison/corrupt-pfn", false, true },
		{ "/dev/null", false, true },
	};
	struct sandbox box = { 0 };

	if (privs_keep_admin(e))
		return -1;
	sandbox_init(&box, s->cfg->no_sandbox);
	if (box.no_filters)
		return 0;
	s->state.landlock = sandbox_paths(paths, ARRAY_SIZE(paths));
	if (sandbox_enter(&box, SANDBOX_KEEPER, e))
		return -1;
	s->state.filtered = true;
	return 0;
}

void keeper_serve(int fd, pid_t machine, const struct config *cfg)
{
	static struct server s;
	sigset_t all;

	/* Ignore Ctrl-C: the keeper ends after the machine. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	s.fd = close_inherited(fd);
	s.machine = machine;
	s.cfg = cfg;
	s.socket.dir = -1;
	keeper_files_open(&s.files, cfg);
	delays_open(&s.delays, DELAY_DIR);
	keeper_confine(&s, &s.unready);
	serve_all(&s);
	_exit(0);
}
