/* SPDX-License-Identifier: GPL-2.0-only */
/* The machine of a scenario: a child process, or one that was running before. */
#ifndef GPCVM_SCENARIO_VM_H
#define GPCVM_SCENARIO_VM_H

#include <stdbool.h>
#include <sys/types.h>

#include "ctl/ctl_link.h"
#include "play/scenario_events.h"
#include "play/cancel.h"
#include "play/scenario_vm_dir.h"
#include "play/scenario_vm_host.h"

#define VM_ENDED_MS 30000 /* for a machine to end after quit */
/* After SIGTERM: more than it waits for its threads (request.c). */
#define VM_TERM_MS  20000
/* Signals within this time count as one: timeout(1) sends its signal to its child
 * and to its process group. */
#define VM_AGAIN_MS 1000

struct vm {
	bool there;  /* it was started, or adopted */
	bool remote; /* adopted: not our child */
	pid_t pid;   /* of our child */
	pid_t remote_pid;
	int pidfd;
	pthread_mutex_t lock; /* of ended and status, which branches read */
	bool ended;	      /* our child, which was reaped: vm_wait() */
	int status;	      /* its exit status, or 128 + a signal */
	bool end_expected;    /* wait end has judged the status */
	struct vm_dir dir;    /* of our child's socket */
	struct vm_host host;  /* before our child started */
	char path[108];	      /* of the control socket */
	struct listener events;
};

struct vm_plan {
	int argc; /* options of gpcvm run */
	char *const *argv;
	const char *control; /* path for its socket; NULL: temporary */
	const char *seed;    /* NULL: none */
	bool agent;	     /* its guest reports when it is ready */
	unsigned int types;  /* of events to keep: bits */
};

/* Start a machine, connect @main, and wait until the guest is ready. Returns -1
 * with an empty @e when @c cancels. The caller calls vm_clean() and vm_free() in
 * any case. */
int vm_start(struct vm *vm, const struct vm_plan *plan, struct ctl_link *main,
	     const struct cancel *c, struct err *e);
/* The same with the running machine that listens at @path. */
int vm_adopt(struct vm *vm, const char *path, unsigned int types,
	     struct ctl_link *main, const struct cancel *c, struct err *e);
/* Wait until our child has exited. Returns 0; 1 after @ms (-1: no limit); -1 when
 * @c cancels. */
int vm_wait(struct vm *vm, const struct cancel *c, int ms);
/* The pid of the machine's process; 0: unknown. */
pid_t vm_pid(const struct vm *vm);
/* End our child: send SIGTERM, and SIGKILL after VM_TERM_MS or when a signal comes
 * that @c has not seen. */
void vm_stop(struct vm *vm, struct cancel *c);
/* After the end: remove what is left of the machine, and if it was killed, restore
 * what it changed of the host. Its output stays until vm_free(). */
void vm_clean(struct vm *vm);
void vm_free(struct vm *vm);

#endif
