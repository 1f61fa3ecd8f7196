/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A vCPU: a thread that runs KVM_RUN, and in between the jobs that other threads
 * submit. A job runs on the vCPU's own thread, so that it may use the vCPU's ioctls
 * and step the guest without locking.
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
	VCPU_NEW,     /* an AP that vCPU 0 has not started yet */
	VCPU_RUNNING, /* in KVM_RUN, or about to be */
	VCPU_IDLE,    /* at the doorbell: the guest waits for an operation */
	VCPU_HALTED,  /* executed HLT: woken by the next operation */
	VCPU_PAUSED,  /* by `vcpu N pause` */
	VCPU_WRITING, /* its output waits for a reader of stdout */
	VCPU_ENDED,   /* its thread has left the guest for good */
};

enum job_kind {
	JOB_HOST,  /* between any two KVM_RUNs */
	JOB_AGENT, /* while the guest's agent waits at the doorbell */
};

struct vcpu_job {
	enum job_kind kind;
	const char *what; /* a command's name; for messages */
	void (*run)(struct vcpu_job *job, struct vcpu *v);
	/* Called on the vCPU's thread when it is over, or when the vCPU ends
	 * first (@ran false). Gives the job back to the caller. */
	void (*done)(struct vcpu_job *job, bool ran);
	uint64_t queued_ns;
	_Atomic bool started;
	_Atomic bool cancelled; /* end early */
	struct vcpu_job *_Atomic next;
};

#define VCPU_STATS_NONE	 (-2) /* this KVM has no such statistics */

/* gpcvm's own kvm_run.exit_reason: SIGBUS, with its address in v->bus. */
#define VCPU_EXIT_SIGBUS 0x10000

/* Pages that were logged: each is logged once, until the caller's generation
 * changes. */
struct seen_pages {
	uint64_t pages[16]; /* + 1 */
	uint64_t generation;
};

/* What to do after an exit. */
enum step {
	STEP_GO,  /* enter the guest again */
	STEP_END, /* do not */
};

/* Size of a text about what a vCPU is doing. */
#define VCPU_DOING 288

/* The state of the guest's agent: agent.c. */
struct agent {
	_Atomic bool there; /* DB_READY came: this guest runs an agent */
	bool waiting;	    /* DB_NEXT: the guest is at the doorbell, blocked */
	bool polling;	    /* DB_POLL: at the doorbell, but goes on at once */
	_Atomic bool lost;  /* an operation was cancelled */
	uint16_t seq;	    /* of the last operation issued */
	uint16_t back;	    /* of the result in words */
	uint64_t words[8];
	_Atomic uint64_t op_since; /* ns; 0: no operation under way */
	_Atomic bool cancel;	   /* the operation under way takes too long */
	char why[VCPU_DOING]; /* what it was doing then; set before cancel */
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

	uint64_t spin_ns; /* poll for the next job so long before sleeping */

	/* The exit handler. */
	enum step (*exit)(struct vcpu *v, void *arg);
	void *exit_arg;

	pthread_mutex_t lock; /* of what follows down to the counters */
	pthread_cond_t cond;
	struct vcpu_job *_Atomic queue;
	_Atomic bool hold; /* NEW: do not enter the guest yet */
	bool claimed;	   /* being set up: vcpu_claim() */
	_Atomic bool pause;
	enum vcpu_state state;
	struct vcpu_job *job; /* the running one, or NULL */
	uint64_t job_since;
	pid_t tid;		/* of its thread; 0: it has not begun */
	struct task_files task; /* of its thread */

	/* KVM_CAP_SYNC_REGS: the registers are in kvm_run, once the vCPU has
	 * @entered the guest. vCPU thread only. */
	bool sync_regs, entered;
	_Atomic bool stop;
	_Atomic bool in_run; /* inside KVM_RUN, needs a signal */
	bool halted;	     /* vCPU thread only */
	/* Set by a device, in an exit: do not enter the guest while this returns
	 * true. Polled. NULL: none. vCPU thread only. */
	bool (*wait)(void);
	struct agent agent;
	uint64_t mmio; /* accesses outside slots; vCPU thread only */
	struct seen_pages mmio_seen, fault_seen;
	struct fault_row faults; /* vCPU thread only */
	int fault_errno;	 /* KVM_RUN's, with GPC_EXIT_MEMORY_FAULT */
	_Atomic uintptr_t bus;	 /* see sigbus.h */
	/* Why gpcvm last injected an exception; vCPU thread only. */
	char fault_why[160];
	int fault_why_errno;

	/* vcpu_sched.h: a file, or negative; offsets of the values in it. */
	int stats;
	uint64_t stat_at[2];
	bool untold; /* KVM does not report preemptions to this guest */
	_Atomic unsigned int pins; /* vcpu_pin() calls */

	_Atomic uint64_t jobs;	  /* done so far */
	_Atomic uint64_t reports; /* of errors, by its agent */
	_Atomic uint64_t runs;	  /* KVM_RUN calls */
	_Atomic uint64_t exits;	  /* without those for a signal */
};

/* Once in a process, before any vCPU: the signal that ends KVM_RUN. */
void vcpu_signals(void);
/* Takes over @fd. @run_size from KVM_GET_VCPU_MMAP_SIZE. @sync_regs:
 * KVM_CAP_SYNC_REGS has KVM_SYNC_X86_REGS. */
int vcpu_init(struct vcpu *v, unsigned int index, int fd, size_t run_size,
	      bool sync_regs, struct err *e);
void vcpu_free(struct vcpu *v);
/* Start the thread. It first calls @first(@arg), if not NULL, and with v->hold set
 * waits for vcpu_release(). */
int vcpu_start(struct vcpu *v, void (*first)(void *arg), void *arg,
	       struct err *e);
void vcpu_release(struct vcpu *v);
/* Claim a held vCPU, to set its registers and release it. True once. Any thread. */
bool vcpu_claim(struct vcpu *v);
/* Ask it to end; vcpu_join() waits for that. Queued jobs are done(false). */
void vcpu_stop(struct vcpu *v);
/* From any thread. A vCPU that has ended calls done(false) at once. */
void vcpu_submit(struct vcpu *v, struct vcpu_job *job);
void vcpu_pause(struct vcpu *v, bool pause);
/* Is it paused, or about to be? */
bool vcpu_pausing(struct vcpu *v);
/* Make it leave KVM_RUN, or wake it, to look at its queue and flags. */
void vcpu_kick(struct vcpu *v);
enum vcpu_state vcpu_state(struct vcpu *v);
const char *vcpu_state_name(enum vcpu_state s);
/* The id of its thread, which must have been started. */
pid_t vcpu_tid(struct vcpu *v);
/* Set the files in which the kernel describes the thread; taken over. */
void vcpu_set_task(struct vcpu *v, const struct task_files *f);
/* CPU time of its thread. */
struct task_times vcpu_times(struct vcpu *v);
/* Describe what it does at @now, e.g. "it is idle, 2 in its queue; ...". Any
 * thread. */
void vcpu_doing(struct vcpu *v, uint64_t now, char *buf, size_t len);
/* Is @gpa's page new? It counts as logged from here on. */
bool seen_is_news(struct seen_pages *s, uint64_t gpa, uint64_t generation);
/* The host's address of a poisoned page that was touched for this vCPU since the last
 * call, or 0. vCPU thread. */
uintptr_t vcpu_take_bus(struct vcpu *v);
/* The general registers for the next entry; -errno. vCPU thread, or before it
 * starts. */
int vcpu_get_regs(struct vcpu *v, struct kvm_regs *r);
int vcpu_set_regs(struct vcpu *v, const struct kvm_regs *r);
/* Pin the thread to a host CPU; -errno. */
int vcpu_pin(struct vcpu *v, unsigned int cpu);

/*
 * On the vCPU's thread, in a job: enter the guest once and handle the exit.
 * STEP_END: the vCPU must stop, or the guest has ended. After a kick, runs the
 * JOB_HOST jobs and returns STEP_GO.
 */
enum step vcpu_step(struct vcpu *v);

#endif
