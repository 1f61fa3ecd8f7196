/* SPDX-License-Identifier: GPL-2.0-only */
/* The machine of a scenario: a child process, or one that runs already. */
#ifndef GPCVM_SCENARIO_VM_H
#define GPCVM_SCENARIO_VM_H

#include <stdbool.h>
#include <sys/types.h>

#include "ctl/ctl_link.h"
#include "play/scenario_events.h"
#include "play/scenario_halt.h"
#include "play/scenario_vm_dir.h"
#include "play/scenario_vm_host.h"

#define VM_ENDED_MS 30000 /* for a process to end that was told to */
/* The same, by a signal: more than it waits for its threads (request.c). */
#define VM_TERM_MS  20000
/* A signal this soon after the first is the same one: timeout(1) sends it to its
 * child and to its process group. */
#define VM_AGAIN_MS 1000

struct vm {
	bool there;  /* it was started, or found */
	bool remote; /* it is not ours */
	pid_t pid;   /* ours */
	pid_t remote_pid;
	int pidfd;
	pthread_mutex_t lock; /* of ended and status: branches may ask both */
	bool ended;	      /* ours: and has been waited for; see vm_wait() */
	int status; /* then: of its exit; 128 + the signal that killed it */
	bool end_expected;   /* wait end has judged the status */
	struct vm_dir dir;   /* ours, of the socket */
	struct vm_host host; /* ours: what was there before */
	char path[108];	     /* of its control socket */
	struct listener events;
};

struct vm_plan {
	int argc; /* options of gpcvm run */
	char *const *argv;
	const char *control; /* where its socket is to be; NULL: anywhere */
	const char *seed;    /* NULL: none */
	bool agent;	     /* its guest will be ready some time */
	unsigned int types;  /* of events that are waited for: bits */
};

/* Start one, and wait until its guest is ready; @main is connected to it. -1:
 * e is empty when all is to end. Whatever it returns, vm_clean() and vm_free()
 * follow. */
int vm_start(struct vm *vm, const struct vm_plan *plan, struct ctl_link *main,
	     const struct halt *h, struct err *e);
/* Take the one that listens at @path. */
int vm_adopt(struct vm *vm, const char *path, unsigned int types,
	     struct ctl_link *main, const struct halt *h, struct err *e);
/* Wait until ours has ended. 0; 1: not within @ms (-1: no limit); -1: all is to
 * end. */
int vm_wait(struct vm *vm, const struct halt *h, int ms);
/* Its process; 0: there is none. */
pid_t vm_pid(const struct vm *vm);
/* Have ours end: tell it to, and kill it where it has not within VM_TERM_MS or
 * where another signal than the one that @h has seen says not to wait. */
void vm_stop(struct vm *vm, struct halt *h);
/* It is over, and has ended: remove what is left of it, and put back what it has
 * changed of the host where it was killed. Its output stays, until vm_free(). */
void vm_clean(struct vm *vm);
void vm_free(struct vm *vm);

#endif
