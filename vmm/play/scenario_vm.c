// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/num.h"
#include "base/text.h"
#include "play/scenario_vm.h"

#define LOOK_MS	   5 /* how often to look whether it is ready */
#define FIXED_ARGS 8 /* of its command line, besides the scenario's own */

/* ---- the child ----------------------------------------------------------- */

static int make_path(struct vm *vm, const char *control, struct err *e)
{
	int n;

	if (!control && vm_dir_make(&vm->dir, e))
		return -1;
	n = control ? snprintf(vm->path, sizeof(vm->path), "%s", control)
		    : snprintf(vm->path, sizeof(vm->path), "%s/control",
			       vm->dir.path);
	if ((size_t)n < sizeof(vm->path))
		return 0;
	return err_range(e, "--control %.80s...: too long for a socket's path",
			 control);
}

/* After fork(): nothing here may take a lock. */
static _Noreturn void child_fail(int output, const char *what)
{
	const char *text[] = { "gpcvm: ", what, ": ", strerrordesc_np(errno),
			       "\n" };
	ssize_t n = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(text) && n >= 0; i++)
		n = write(output, text[i], strlen(text[i]));
	_exit(127);
}

static _Noreturn void be_child(pid_t parent, int output, char **argv)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	/* It ends with us, even if we are killed, and cleans up. Where it does
	 * not, vm_dir's process kills it. */
	if (prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0))
		child_fail(output, "prctl of PR_SET_PDEATHSIG");
	if (getppid() != parent)
		_exit(1);
	/* Ctrl-C is for us alone: we end it. */
	if (setpgid(0, 0))
		child_fail(output, "setpgid");
	halt_unblock_signals();
	if (null < 0 || dup2(null, STDIN_FILENO) < 0)
		child_fail(output, "/dev/null as stdin");
	if (dup2(output, STDOUT_FILENO) < 0 || dup2(output, STDERR_FILENO) < 0)
		child_fail(output, "dup2");
	execv("/proc/self/exe", argv);
	child_fail(output, "running /proc/self/exe (is /proc mounted?)");
}

static int spawn(struct vm *vm, int output, char **argv, struct err *e)
{
	pid_t parent = getpid();

	fflush(NULL);
	vm->pid = fork();
	if (vm->pid < 0) {
		vm->pid = 0;
		return err_os(e, errno, "fork");
	}
	if (!vm->pid)
		be_child(parent, output, argv);
	vm->pidfd = (int)syscall(SYS_pidfd_open, vm->pid, 0);
	if (vm->pidfd < 0)
		return err_os(e, errno, "pidfd_open");
	vm_dir_machine(&vm->dir, vm->pid);
	return 0;
}

static int start_child(struct vm *vm, const struct vm_plan *plan, struct err *e)
{
	char *argv[LINE_MAX_WORDS + FIXED_ARGS + 1];
	int n = 0, fds[2], r;

	argv[n++] = (char *)"gpcvm";
	argv[n++] = (char *)"run";
	argv[n++] = (char *)"--quiet";
	argv[n++] = (char *)"--control";
	argv[n++] = vm->path;
	if (plan->seed) {
		argv[n++] = (char *)"--seed";
		argv[n++] = (char *)plan->seed;
	}
	/* Behind: what the scenario says wins. */
	for (int i = 0; i < plan->argc && i < LINE_MAX_WORDS; i++)
		argv[n++] = plan->argv[i];
	argv[n] = NULL;
	if (pipe2(fds, O_CLOEXEC))
		return err_os(e, errno, "pipe");
	r = listener_init(&vm->events, fds[0], plan->types, e);
	vm->there = true;
	if (!r)
		r = spawn(vm, fds[1], argv, e);
	close(fds[1]);
	return r;
}

static int note_end(struct vm *vm)
{
	pid_t got;
	int st;

	pthread_mutex_lock(&vm->lock);
	if (!vm->ended) {
		got = waitpid(vm->pid, &st, WNOHANG);
		vm->ended = got == vm->pid;
		if (vm->ended)
			vm->status = WIFEXITED(st) ? WEXITSTATUS(st)
						   : 128 + WTERMSIG(st);
	}
	pthread_mutex_unlock(&vm->lock);
	return vm->ended ? 0 : 1;
}

int vm_wait(struct vm *vm, const struct halt *h, int ms)
{
	int r;

	if (!vm->pid || !note_end(vm))
		return 0;
	r = halt_poll(h, vm->pidfd, ms);
	return r ? r : note_end(vm);
}

pid_t vm_pid(const struct vm *vm)
{
	return vm->remote ? vm->remote_pid : vm->pid;
}

/* Until it has ended; not after @ms, nor, with @h, when a signal comes. */
static bool wait_end(const struct vm *vm, struct halt *h, int ms)
{
	struct pollfd p[] = { { .fd = vm->pidfd, .events = POLLIN },
			      { .fd = h ? h->signals : -1, .events = POLLIN } };

	return poll(p, 2, ms) > 0 && p[0].revents;
}

void vm_stop(struct vm *vm, struct halt *h)
{
	if (!vm->pid || !note_end(vm))
		return;
	kill(vm->pid, SIGTERM);
	if (!wait_end(vm, NULL, VM_AGAIN_MS)) {
		halt_signal(h);
		if (!wait_end(vm, h, VM_TERM_MS)) {
			kill(vm->pid, SIGKILL);
		}
	}
	while (note_end(vm))
		wait_end(vm, NULL, LOOK_MS);
}

/* ---- until it is ready --------------------------------------------------- */

static int ended_early(struct vm *vm, struct err *e)
{
	return err_state(e,
			 "the machine ended with status %d before its guest "
			 "was ready",
			 vm->status);
}

static int connect_to(struct vm *vm, struct ctl_link *main,
		      const struct halt *h, struct err *e)
{
	int r;

	while (link_open(main, vm->path, 0, e)) {
		if (e->kind != ERR_STATE)
			return -1;
		r = vm_wait(vm, h, LOOK_MS);
		*e = (struct err){ 0 };
		if (r < 0)
			return -1;
		if (!r)
			return ended_early(vm, e);
	}
	return 0;
}

/* Ask it for its status: 1 ready, 0 not yet, -1: @lost, all is to end, or @e. */
static int ask_ready(struct ctl_link *main, const struct halt *h, bool *lost,
		     struct err *e)
{
	static const char ready[] = "\"ready_ns\":null";
	int sent, r = 0;
	struct ctl_request q;
	const char *line;
	size_t n;

	request_line("status", 6, &q, NULL);
	sent = link_send(main, &q);
	while (!r && (main->waiting || sent)) {
		line = link_line(main, &n);
		if (!line && sent)
			break;
		if (!line) {
			r = link_wait(main, h->fd);
			*lost = r < 0;
			continue;
		}
		switch (link_account(main, line, n)) {
		case REPLY_OK:
			return !strstr(line, ready);
		case REPLY_EVENT:
			break;
		default:
			return listener_refused(line, n, e);
		}
	}
	*lost |= sent;
	return r || sent ? -1 : 0;
}

static int wait_ready(struct vm *vm, struct ctl_link *main,
		      const struct halt *h, struct err *e)
{
	bool lost = false;
	int r;

	*e = (struct err){ 0 };
	for (;;) {
		r = ask_ready(main, h, &lost, e);
		if (r > 0)
			return 0;
		if (r < 0 && !lost)
			return -1; /* with @e, or all is to end */
		if (lost && vm->remote)
			return link_lost(main, e);
		r = lost ? vm_wait(vm, h, VM_ENDED_MS)
			 : halt_poll(h, -1, LOOK_MS);
		if (r < 0)
			return -1;
		if (lost && !r)
			return ended_early(vm, e);
		if (lost)
			return err_set(e, ERR_STATE, main->os_errno,
				       "before the guest was ready: %s",
				       link_trouble(main));
	}
}

static int reach(struct vm *vm, const struct vm_plan *plan,
		 struct ctl_link *main, const struct halt *h, struct err *e)
{
	if (connect_to(vm, main, h, e) ||
	    listener_start(&vm->events, vm->path, true, h, e))
		return -1;
	return plan->agent ? wait_ready(vm, main, h, e) : 0;
}

int vm_start(struct vm *vm, const struct vm_plan *plan, struct ctl_link *main,
	     const struct halt *h, struct err *e)
{
	*e = (struct err){ 0 };
	*vm = (struct vm){ .pidfd = -1,
			   .dir.fd = -1,
			   .lock = PTHREAD_MUTEX_INITIALIZER };
	if (make_path(vm, plan->control, e))
		return -1;
	vm_host_see(&vm->host, vm->path);
	if (start_child(vm, plan, e))
		return -1;
	if (!reach(vm, plan, main, h, e))
		return 0;
	/* A guest that does not stay may be over before we can say a word. */
	if (plan->agent || e->kind != ERR_STATE || vm_wait(vm, h, VM_ENDED_MS))
		return -1;
	*e = (struct err){ 0 };
	listener_over(&vm->events);
	return 0;
}

int vm_adopt(struct vm *vm, const char *path, unsigned int types,
	     struct ctl_link *main, const struct halt *h, struct err *e)
{
	*e = (struct err){ 0 };
	*vm = (struct vm){ .pidfd = -1,
			   .dir.fd = -1,
			   .lock = PTHREAD_MUTEX_INITIALIZER,
			   .remote = true };
	if (strlen(path) >= sizeof(vm->path))
		return err_range(e,
				 "--control %.80s...: too long for a "
				 "socket's path",
				 path);
	strcpy(vm->path, path);
	if (link_open(main, path, 0, e) ||
	    listener_init(&vm->events, -1, types, e))
		return -1;
	vm->there = true;
	vm->remote_pid = link_peer(main);
	return listener_start(&vm->events, path, false, h, e);
}

/* ---- the end ------------------------------------------------------------- */

void vm_clean(struct vm *vm)
{
	if (vm->there)
		listener_stop(&vm->events);
	if (vm->pidfd >= 0)
		close(vm->pidfd);
	vm->pidfd = -1;
	if (vm->ended && vm->status > 128)
		vm_host_put_back(&vm->host, vm->path);
	vm_host_free(&vm->host);
	vm_dir_remove(&vm->dir);
}

void vm_free(struct vm *vm)
{
	if (vm->there)
		listener_free(&vm->events);
	*vm = (struct vm){ .pidfd = -1, .dir.fd = -1 };
}
