/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pv pages: pages of guest memory that the kernel writes on the guest's
 * behalf. A new kind is one file in devices/ with a struct pv_kind, and one
 * row in devices/tables.c.
 */
#ifndef GPCVM_PV_H
#define GPCVM_PV_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/event.h"
#include "base/json.h"
#include "memory/memory.h"
#include "pv/model.h"
#include "vcpu/vcpu.h"

/* Ordered by how bad it is: `check all` answers the worst. */
enum pv_verdict {
	VERDICT_FRESH,	     /* the guest saw data written after the poke */
	VERDICT_UNSUPPORTED, /* this kernel or guest cannot tell */
	VERDICT_ABSENT,	     /* the page cannot be reached, or is off */
	VERDICT_STALE,	     /* the poke is over, the guest saw older data */
	VERDICT_TORN,	     /* inconsistent */
};

struct pv_vm; /* below */
struct pv_page;
struct trace;

/* Where KVM is to look for the page, if at all. */
struct pv_where {
	bool on;
	bool by_hva;  /* KVM is given @hva, else @gpa */
	uint64_t gpa; /* where the guest has it, in either case */
	uint64_t hva; /* filled by pv_switch() where by_hva and on */
};

struct pv_kind {
	const char *name;	/* "clock": pages are clock0, clock1 ... */
	const char *compatible; /* in the device tree */
	enum pv_flavour flavour;
	const char *cached_by; /* "gpc", "ghc"; see pv_cached_by() */
	bool per_vm;	  /* one page, without a number; vCPU 0 serves it */
	bool hva_too;	  /* KVM takes its hva as well as its gpa */
	bool private_gpc; /* a gpc where memory has private_steal */
	bool fragile;	  /* a poke leaves parts of it to who wrote them last */
	uint32_t size;	  /* bytes */
	uint32_t stride;  /* distance in the packed layout */
	uint32_t align; /* of its gpa: the stride, unless it may cross pages */
	uint32_t split; /* bytes in its first page, in that layout; 0: all */
	uint32_t lead;	/* bytes at its start that KVM leaves to other kinds */
	uint32_t kept;	/* offset of a byte of which KVM keeps bits; 0: none */

	/* The guest sets it up, with gpa | 1 in this MSR of the vCPU; or, where
	 * that is 0, the host does with @activate: on @v's thread in a job, or
	 * before there is one. KVM's refusal leaves the cache as it may be. */
	uint32_t msr;
	int (*activate)(struct pv_page *p, struct vcpu *v,
			const struct pv_where *to, struct err *e);

	/* On the page's vCPU's thread, in a JOB_AGENT job. Fields go to @j. */
	int (*poke)(struct pv_page *p, struct vcpu *v, struct json *j,
		    struct err *e);
	/* Poke, have the guest read the page, judge. -1 only when nothing
	 * could be judged at all. @why: the reason where it is not fresh. */
	int (*check)(struct pv_page *p, struct vcpu *v, struct json *j,
		     enum pv_verdict *verdict, char why[static 160],
		     struct err *e);
	/* The same without a poke, and nothing else that KVM or the guest could
	 * mend it by: judge what is there. */
	int (*look)(struct pv_page *p, struct vcpu *v, struct json *j,
		    enum pv_verdict *verdict, char why[static 160],
		    struct err *e);

	/*
	 * Where else did the last check's poke write? One of the two. @wrote:
	 * is what lies at @bytes (of the kind's size) such that nothing but that
	 * poke can have written it? @lands: try it, with pokes of its own: do
	 * they change what the host sees at @gpa? In the same job as the check.
	 */
	bool (*wrote)(const struct pv_page *p, const uint8_t *bytes);
	bool (*lands)(struct pv_page *p, struct vcpu *v, uint64_t gpa);
};

/* What the last check found, beside its verdict. vCPU thread only. */
struct pv_found {
	bool reached;	     /* the guest's accesses were to memory */
	uint64_t set, limit; /* between these the VM's clock was read */
	/* What the kernel's tracepoints say, or ""; and does that differ from
	 * what the guest saw? */
	char kernel[112];
	bool differs;
	bool wrote; /* they say that it wrote this very page */
	bool full;  /* in: the check may take a while */
	bool here;  /* what the poke wrote is in the page, right or wrong */
	bool as_expected; /* the model expected that verdict, or nothing */
};

struct pv_page {
	const struct pv_kind *kind;
	struct pv_vm *vm;
	char name[16];
	unsigned int vcpu;
	_Atomic uint64_t gpa;	 /* where it is, or was last */
	_Atomic uint64_t placed; /* by the guest, at its start; 0: not yet */
	_Atomic uint64_t hva;	 /* what KVM was given; 0: the gpa */
	_Atomic bool by_hva;	 /* how it is set up, or was last */
	_Atomic bool on;
	/* An operation of the guest that switches it was given up, and may yet
	 * be done: KVM knows. */
	_Atomic bool in_doubt;
	/* It was put on memory that may hold anything; until the next check. */
	bool littered;	      /* vCPU thread only */
	bool stopped;	      /* KVM_KVMCLOCK_CTRL was called for it */
	unsigned int changes; /* how often it was switched; vCPU thread only */
	uint64_t
		former; /* where it was before it was last moved; vCPU thread */
	bool moved;	/* ... if it was */
	struct pv_found found;
	uint64_t pfn[2]; /* seen by the last check; 0: none */
};

/* All of a machine's pv pages. */
struct pv_vm {
	int vm;	      /* the VM's fd, not owned */
	uint32_t xen; /* what KVM_CAP_XEN_HVM answers, in that flavour */
	_Atomic uint32_t events; /* sent so far: devices/xen_event.c */
	struct memory *memory;
	struct events *log;  /* set once it is there; or NULL */
	struct trace *trace; /* or NULL */
	bool guests;	     /* the guest places them: its MSRs tell where */
	uint64_t own_end;    /* the guest's own memory is below */
	struct model model;  /* an entry per page, in the same order */
	pthread_mutex_t clock_lock; /* KVM_GET_CLOCK .. KVM_SET_CLOCK */
	struct pv_page *pages;	    /* owned */
	unsigned int nr;
};

const char *pv_verdict_name(enum pv_verdict v);
/* "gpc" or "ghc": of this kind, on this kernel. */
const char *pv_cached_by(const struct pv_page *p);

/* Which pages a machine has. */
struct pv_plan {
	const struct pv_kind *const *kinds; /* all that there are; NULL ends */
	enum pv_flavour flavour;
	enum pv_layout layout;
	unsigned int vcpus;
};

/* How many bytes (whole pages) they take. */
uint64_t pv_layout_size(const struct pv_plan *plan);
/* Make them all, from @gpa on; on, as the guest sets them up at boot. Or, with
 * gpa PV_GUESTS, off until pv_look() sees where the guest has put them. */
#define PV_GUESTS UINT64_MAX
int pv_init(struct pv_vm *pv, int vm, struct memory *mem,
	    const struct pv_plan *plan, uint64_t gpa, struct err *e);
/* On @v's thread: where does its guest have the pages? Only with PV_GUESTS. */
void pv_look(struct pv_vm *pv, struct vcpu *v);
/* Set up those that the host sets up; @vcpus exist and do not run yet.
 * @by_hva: where the kind can. */
int pv_start(struct pv_vm *pv, struct vcpu *vcpus, bool by_hva, struct err *e);
void pv_free(struct pv_vm *pv);
/* By name; NULL if there is none. */
struct pv_page *pv_find(struct pv_vm *pv, const char *name);

/* The pages that it touches: one, or two. */
uint64_t pv_span(const struct pv_page *p, uint64_t *first);
/* Another page that is on, and has bytes which @p would have at @gpa; NULL. */
const struct pv_page *pv_overlap(const struct pv_page *p, uint64_t gpa);

/* Where it is now, or was last. */
struct pv_where pv_now(const struct pv_page *p);
/* The kind of job in which pv_switch() can be called. */
enum job_kind pv_switch_job(const struct pv_page *p);
/* Switch it off, or on: by the guest's MSR, or by the host's ioctl. If that
 * fails the page is off, or as it was. */
int pv_switch(struct pv_page *p, struct vcpu *v, const struct pv_where *to,
	      struct err *e);
/* The guest of @vcpu has written @value to @msr: follow it. */
void pv_note_msr(struct pv_vm *pv, unsigned int vcpu, uint32_t msr,
		 uint64_t value);
/* Such a write was given up: whether it was done is seen at the next use. */
void pv_doubt_msr(struct pv_vm *pv, unsigned int vcpu, uint32_t msr);
/* On the page's vCPU's thread, with the agent at the door: no doubt any more, and
 * what the guest has moved by itself has been followed. */
void pv_settle(struct pv_page *p, struct vcpu *v);
/* Check it, and write one object's fields: verdict, why, pfn ... */
enum pv_how {
	PV_QUICK, /* nothing that takes longer than a few KVM_RUNs */
	PV_FULL,
	PV_LOOK, /* without a poke */
};
int pv_check(struct pv_page *p, struct vcpu *v, enum pv_how how, struct json *j,
	     enum pv_verdict *verdict, struct err *e);
/* On a stale or torn verdict: look for what the poke wrote in all of the memory
 * that the host sees, and where it is found name the place in a member
 * "elsewhere" and in @why. */
void pv_elsewhere(struct pv_page *p, struct vcpu *v, struct json *j,
		  char why[static 160]);
/* Poke it. */
int pv_poke(struct pv_page *p, struct vcpu *v, struct json *j, struct err *e);
/* Its entry in the model. */
unsigned int pv_index(const struct pv_page *p);

#endif
