/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A vCPU: a thread that runs KVM_RUN, and in between the jobs that other
 * threads hand it. A job runs on the vCPU's own thread, so that it may use
 * the vCPU's ioctls and step the guest without asking anybody.
 */
#ifndef GPCVM_VCPU_H
#define GPCVM_VCPU_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/num.h"
#include "host/task_state.h"
#include "kvm/kvm.h"
#include "vcpu/fault.h"

struct vcpu;

enum vcpu_state {
	VCPU_NEW,     /* not started (an AP that vCPU 0 has not asked for) */
	VCPU_RUNNING, /* in KVM_RUN, or about to be */
	VCPU_IDLE,    /* at the doorbell: the guest waits for an operation */
	VCPU_HALTED,  /* executed HLT: woken by the next operation */
	VCPU_PAUSED,  /* by `vcpu N pause` */
	VCPU_WRITING, /* its output waits for a reader of stdout */
	VCPU_ENDED,   /* its thread has left the guest for good */
};

enum job_kind {
	JOB_HOST,  /* between any two KVM_RUNs */
	JOB_AGENT, /* when the guest's agent waits at the doorbell */
};

struct vcpu_job {
	enum job_kind kind;
	const char *what; /* a command's name; for messages */
	void (*run)(struct vcpu_job *job, struct vcpu *v);
	/* Called on the vCPU's thread when it is over, or when the vCPU ends
	 * first (@ran false). The job is the caller's again from here on. */
	void (*done)(struct vcpu_job *job, bool ran);
	uint64_t queued_ns;
	_Atomic bool started;
	_Atomic bool cancelled; /* asked to end early */
	struct vcpu_job *_Atomic next;
};

#define VCPU_STATS_NONE	 (-2) /* this KVM has no such statistics */

/* In kvm_run.exit_reason, not KVM's: SIGBUS came, v->bus has its address. */
#define VCPU_EXIT_SIGBUS 0x10000

/* Pages that were logged, so that one which is hit again and again is logged
 * once, until what the caller counts has changed. */
struct seen_pages {
	uint64_t pages[16]; /* + 1 */
	uint64_t generation;
};

/* What happened on an exit; the machine fills this in. */
enum step {
	STEP_GO,  /* enter the guest again */
	STEP_END, /* never again */
};

/* Room for what a vCPU is doing, in a message. */
#define VCPU_DOING 288

/* The doorbell's side of a vCPU: agent.c. */
struct agent {
	_Atomic bool there; /* DB_READY came: this guest runs an agent */
	bool waiting; /* DB_NEXT: the guest stands at the doorbell, blocked */
	bool polling; /* DB_POLL: it stands there but goes on at once */
	_Atomic bool lost; /* an operation was given up */
	uint16_t seq;	   /* of the last operation handed out */
	uint16_t back;	   /* of the result in words */
	uint64_t words[8];
	_Atomic uint64_t op_since; /* ns; 0: no operation under way */
	_Atomic bool give_up;	   /* the operation under way takes too long */
	char why[VCPU_DOING]; /* what it was doing then; set before give_up */
};

struct vcpu {
	unsigned int index;
	int fd;
	struct kvm_run *run;
	size_t run_size;
	uint32_t tsc_khz; /* 0: KVM does not know */
	pthread_t thread;
	bool started; /* the thread exists */
	void (*first)(void *arg);
	void *first_arg;

	uint64_t spin_ns; /* look for the next job so long before sleeping */

	/* The exit handler: everything above this floor. */
	enum step (*exit)(struct vcpu *v, void *arg);
	void *exit_arg;

	pthread_mutex_t lock; /* of what follows down to the counters */
	pthread_cond_t cond;
	struct vcpu_job *_Atomic queue;
	_Atomic bool hold; /* NEW: do not enter the guest yet */
	bool claimed;	   /* somebody sets it up: vcpu_claim() */
	_Atomic bool pause;
	enum vcpu_state state;
	struct vcpu_job *job; /* that runs, or NULL */
	uint64_t job_since;
	pid_t tid;		/* of its thread; 0: it has not begun */
	struct task_files task; /* of its thread */

	/* KVM_CAP_SYNC_REGS: the registers travel in kvm_run. vCPU thread only,
	 * once it has been in the guest (@entered). */
	bool sync_regs, entered;
	_Atomic bool stop;
	_Atomic bool in_run; /* inside KVM_RUN, needs a signal */
	bool halted;	     /* vCPU thread only */
	/* From a device, in an exit: do not enter the guest while this says so.
	 * It is asked every now and then. NULL: none. vCPU thread only. */
	bool (*wait)(void);
	struct agent agent;
	uint64_t mmio; /* accesses to where no slot is; vCPU thread only */
	struct seen_pages mmio_seen, fault_seen;
	struct fault_row faults; /* vCPU thread only */
	int fault_errno;	 /* KVM_RUN's, with GPC_EXIT_MEMORY_FAULT */
	_Atomic uintptr_t bus;	 /* see sigbus.h */
	/* Why the guest last took an exception from gpcvm; vCPU thread only. */
	char fault_why[160];
	int fault_why_errno;

	/* vcpu_sched.h: a file, or negative, and where the values are in it. */
	int stats;
	uint64_t stat_at[2];
	bool untold; /* KVM does not tell this guest of preemptions */
	_Atomic unsigned int pins; /* vcpu_pin() calls */

	_Atomic uint64_t jobs;	  /* that are over */
	_Atomic uint64_t reports; /* of what must not be, from its agent */
	_Atomic uint64_t runs;	  /* KVM_RUN calls */
	_Atomic uint64_t exits;	  /* that were not just a signal */
};

/* Once in a process, before any vCPU: the signal that ends KVM_RUN. */
void vcpu_signals(void);
/* @fd is taken over. @run_size from KVM_GET_VCPU_MMAP_SIZE. @sync_regs:
 * KVM_CAP_SYNC_REGS has KVM_SYNC_X86_REGS. */
int vcpu_init(struct vcpu *v, unsigned int index, int fd, size_t run_size,
	      bool sync_regs, struct err *e);
void vcpu_free(struct vcpu *v);
/* Start the thread, which begins with @first(@arg), where there is one; with
 * v->hold set it then waits for vcpu_release(). */
int vcpu_start(struct vcpu *v, void (*first)(void *arg), void *arg,
	       struct err *e);
void vcpu_release(struct vcpu *v);
/* May the caller set its registers, then release it? True once, and only of a
 * vCPU that is held: from then on it is the caller's. Any thread. */
bool vcpu_claim(struct vcpu *v);
/* Ask it to end; vcpu_join() waits for that. Queued jobs are done(false). */
void vcpu_stop(struct vcpu *v);
/* From any thread. A vCPU that has ended calls done(false) at once. */
void vcpu_submit(struct vcpu *v, struct vcpu_job *job);
void vcpu_pause(struct vcpu *v, bool pause);
/* Paused, or about to be. */
bool vcpu_pausing(struct vcpu *v);
/* Make it leave KVM_RUN, or wake it, to look at its queue and flags. */
void vcpu_kick(struct vcpu *v);
enum vcpu_state vcpu_state(struct vcpu *v);
const char *vcpu_state_name(enum vcpu_state s);
/* Its thread, which has been started. */
pid_t vcpu_tid(struct vcpu *v);
/* What the kernel says of that thread, from here on; taken over. */
void vcpu_set_task(struct vcpu *v, const struct task_files *f);
/* CPU time of its thread. */
struct task_times vcpu_times(struct vcpu *v);
/* What it does at @now, from any thread: "it is idle, 2 jobs wait, ...". */
void vcpu_doing(struct vcpu *v, uint64_t now, char *buf, size_t len);
/* Is @gpa's page news? It is logged from here on. */
bool seen_is_news(struct seen_pages *s, uint64_t gpa, uint64_t generation);
/* The host's address of a poisoned page that was touched for this vCPU since
 * the last call, or 0. On its thread. */
uintptr_t vcpu_take_bus(struct vcpu *v);
/* General registers as they will be at the next entry; -errno. On the vCPU's
 * thread, or before it is started. */
int vcpu_get_regs(struct vcpu *v, struct kvm_regs *r);
int vcpu_set_regs(struct vcpu *v, const struct kvm_regs *r);
/* Pin the thread to a host CPU; -errno. */
int vcpu_pin(struct vcpu *v, unsigned int cpu);

/*
 * On the vCPU's thread, in a job: enter the guest once and handle the exit.
 * STEP_END when the vCPU is to stop or the guest is over. A kick returns
 * STEP_GO after JOB_HOST jobs have been run.
 */
enum step vcpu_step(struct vcpu *v);

#endif
