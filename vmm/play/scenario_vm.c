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

#define LOOK_MS	   5 /* between two looks whether it is ready */
#define FIXED_ARGS 8 /* of its command line, besides the vm line's */

/* ---- the child ---------------------------------------------------------- */

static int set_socket_path(struct vm *vm, const char *path, struct err *e)
{
	if (strlen(path) >= sizeof(vm->path))
		return err_range(
			e, "--control %.80s...: too long for a socket's path",
			path);
	strcpy(vm->path, path);
	return 0;
}

static int make_socket_path(struct vm *vm, struct err *e)
{
	char path[sizeof(vm->dir.path) + sizeof("/control")];

	if (vm_dir_make(&vm->dir, e))
		return -1;
	snprintf(path, sizeof(path), "%s/control", vm->dir.path);
	return set_socket_path(vm, path, e);
}

/* Between fork() and exec nothing may take a lock. */
static _Noreturn void child_fail(int output, const char *what)
{
	const char *text[] = { "gpcvm: ", what, ": ", strerrordesc_np(errno),
			       "\n" };
	ssize_t n = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(text) && n >= 0; i++)
		n = write(output, text[i], strlen(text[i]));
	_exit(127);
}

static _Noreturn void exec_child(pid_t parent, int output, char **argv)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	/* SIGTERM, even if the player is killed: the machine cleans up. If it does
	 * not end, the process of vm_dir kills it. */
	if (prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0))
		child_fail(output, "prctl of PR_SET_PDEATHSIG");
	if (getppid() != parent)
		_exit(1);
	/* Ctrl-C reaches the player alone, which ends the machine. */
	if (setpgid(0, 0))
		child_fail(output, "setpgid");
	cancel_unblock_signals();
	if (null < 0 || dup2(null, STDIN_FILENO) < 0)
		child_fail(output, "/dev/null as stdin");
	if (dup2(output, STDOUT_FILENO) < 0 || dup2(output, STDERR_FILENO) < 0)
		child_fail(output, "dup2");
	execv("/proc/self/exe", argv);
	child_fail(output, "running /proc/self/exe (is /proc mounted?)");
}

static int spawn_machine(struct vm *vm, int output, char **argv, struct err *e)
{
	pid_t parent = getpid();

	fflush(NULL);
	vm->pid = fork();
	if (vm->pid < 0) {
		vm->pid = 0;
		return err_os(e, errno, "fork");
	}
	if (!vm->pid)
		exec_child(parent, output, argv);
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
	/* Last, so that the scenario overrides what comes before. */
	for (int i = 0; i < plan->argc && i < LINE_MAX_WORDS; i++)
		argv[n++] = plan->argv[i];
	argv[n] = NULL;
	if (pipe2(fds, O_CLOEXEC))
		return err_os(e, errno, "pipe");
	r = listener_init(&vm->events, fds[0], plan->types, e);
	vm->there = true;
	if (!r)
		r = spawn_machine(vm, fds[1], argv, e);
	close(fds[1]);
	return r;
}

static int reap_machine(struct vm *vm)
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

int vm_wait(struct vm *vm, const struct cancel *c, int ms)
{
	int r;

	if (!vm->pid || !reap_machine(vm))
		return 0;
	r = cancel_poll(c, vm->pidfd, ms);
	return r ? r : reap_machine(vm);
}

pid_t vm_pid(const struct vm *vm)
{
	return vm->remote ? vm->remote_pid : vm->pid;
}

/* Wait until the process exits. Returns false after @ms and, with @c, when a
 * signal comes. */
static bool wait_exit(const struct vm *vm, struct cancel *c, int ms)
{
	struct pollfd p[] = { { .fd = vm->pidfd, .events = POLLIN },
			      { .fd = c ? c->signals : -1, .events = POLLIN } };

	return poll(p, 2, ms) > 0 && p[0].revents;
}

void vm_stop(struct vm *vm, struct cancel *c)
{
	if (!vm->pid || !reap_machine(vm))
		return;
	kill(vm->pid, SIGTERM);
	if (!wait_exit(vm, NULL, VM_AGAIN_MS)) {
		cancel_signal(c);
		if (!wait_exit(vm, c, VM_TERM_MS))
			kill(vm->pid, SIGKILL);
	}
	while (reap_machine(vm))
		wait_exit(vm, NULL, LOOK_MS);
}

/* ---- until it is ready -------------------------------------------------- */

static int ended_early(struct vm *vm, struct err *e)
{
	return err_state(e,
			 "the machine ended with status %d before its guest "
			 "was ready",
			 vm->status);
}

static int connect_to(struct vm *vm, struct ctl_link *main,
		      const struct cancel *c, struct err *e)
{
	int r;

	while (link_open(main, vm->path, 0, e)) {
		if (e->kind != ERR_STATE)
			return -1;
		r = vm_wait(vm, c, LOOK_MS);
		*e = (struct err){ 0 };
		if (r < 0)
			return -1;
		if (!r)
			return ended_early(vm, e);
	}
	return 0;
}

/* Ask for the status. Returns 1 if the guest is ready, 0 if not yet, -1 if the
 * connection is @lost, the wait is cancelled, or with @e. */
static int ask_ready(struct ctl_link *main, const struct cancel *c, bool *lost,
		     struct err *e)
{
	struct reply_text reply;
	int r = reply_ask(main, "status", c, &reply);

	*lost = r < 0;
	if (r)
		return -1;
	if (reply_kind_of(&reply) != REPLY_OK)
		return listener_refused(&reply, e);
	return !strstr(reply.text, "\"ready_ns\":null");
}

static int wait_ready(struct vm *vm, struct ctl_link *main,
		      const struct cancel *c, struct err *e)
{
	bool lost = false;
	int r;

	*e = (struct err){ 0 };
	for (;;) {
		r = ask_ready(main, c, &lost, e);
		if (r > 0)
			return 0;
		if (r < 0 && !lost)
			return -1; /* with @e, or cancelled */
		if (lost && vm->remote)
			return link_lost(main, e);
		r = lost ? vm_wait(vm, c, VM_ENDED_MS)
			 : cancel_poll(c, -1, LOOK_MS);
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

static int reach_machine(struct vm *vm, const struct vm_plan *plan,
			 struct ctl_link *main, const struct cancel *c,
			 struct err *e)
{
	if (connect_to(vm, main, c, e) ||
	    listener_start(&vm->events, vm->path, true, c, e))
		return -1;
	return plan->agent ? wait_ready(vm, main, c, e) : 0;
}

static void vm_init(struct vm *vm)
{
	*vm = (struct vm){ .pidfd = -1,
			   .dir.fd = -1,
			   .lock = PTHREAD_MUTEX_INITIALIZER };
}

int vm_start(struct vm *vm, const struct vm_plan *plan, struct ctl_link *main,
	     const struct cancel *c, struct err *e)
{
	*e = (struct err){ 0 };
	vm_init(vm);
	if (plan->control ? set_socket_path(vm, plan->control, e)
			  : make_socket_path(vm, e))
		return -1;
	vm_host_save(&vm->host, vm->path);
	if (start_child(vm, plan, e))
		return -1;
	if (!reach_machine(vm, plan, main, c, e))
		return 0;
	/* A guest without an agent may have ended before we could connect. */
	if (plan->agent || e->kind != ERR_STATE || vm_wait(vm, c, VM_ENDED_MS))
		return -1;
	*e = (struct err){ 0 };
	listener_over(&vm->events);
	return 0;
}

int vm_adopt(struct vm *vm, const char *path, unsigned int types,
	     struct ctl_link *main, const struct cancel *c, struct err *e)
{
	*e = (struct err){ 0 };
	vm_init(vm);
	vm->remote = true;
	if (set_socket_path(vm, path, e) || link_open(main, path, 0, e) ||
	    listener_init(&vm->events, -1, types, e))
		return -1;
	vm->there = true;
	vm->remote_pid = link_peer(main);
	return listener_start(&vm->events, path, false, c, e);
}

/* ---- the end ------------------------------------------------------------ */

void vm_clean(struct vm *vm)
{
	if (vm->there)
		listener_stop(&vm->events);
	if (vm->pidfd >= 0)
		close(vm->pidfd);
	vm->pidfd = -1;
	if (vm->ended && vm->status > 128)
		vm_host_restore(&vm->host, vm->path);
	vm_host_free(&vm->host);
	vm_dir_remove(&vm->dir);
}

void vm_free(struct vm *vm)
{
	if (vm->there)
		listener_free(&vm->events);
	*vm = (struct vm){ .pidfd = -1, .dir.fd = -1 };
}
