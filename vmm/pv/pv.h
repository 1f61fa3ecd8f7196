/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pv pages: guest memory that KVM writes on the guest's behalf. To add a kind,
 * add a file with a struct pv_kind to devices/ and a row to devices/tables.c.
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

/* Ordered by severity: `check all` reports the worst. */
enum pv_verdict {
	VERDICT_FRESH,	     /* the guest read data written after the poke */
	VERDICT_UNSUPPORTED, /* cannot be judged on this kernel or guest */
	VERDICT_ABSENT,	     /* off, or the guest cannot reach it */
	VERDICT_STALE,	     /* the guest read data older than the poke */
	VERDICT_TORN,	     /* inconsistent */
};

struct pv_vm;
struct pv_page;
struct trace;

/* A page's place and state, as given to KVM. */
struct pv_where {
	bool on;
	bool by_hva;  /* KVM gets @hva, otherwise @gpa */
	uint64_t gpa; /* guest physical address in either case */
	uint64_t hva; /* filled in by pv_switch() if by_hva and on */
};

struct pv_kind {
	const char *name; /* "clock": pages are named clock0, clock1 ... */
	const char *compatible; /* in the device tree */
	enum pv_flavour flavour;
	const char *cached_by; /* "gpc", "ghc"; see pv_cached_by() */
	bool per_vm;	       /* one unnumbered page, served by vCPU 0 */
	bool private_gpc;      /* cached by a gpc if memory has private_steal */
	bool fragile;	       /* a poke rewrites only part of the page */
	uint32_t size;	       /* bytes */
	uint32_t stride;       /* distance in the packed layout */
	/* Of the gpa: the stride, unless the page may cross a page boundary. */
	uint32_t align;
	/* Bytes on its first page in the split layout; 0: not split. */
	uint32_t split;
	/* Leading bytes that KVM leaves to pages of other kinds. */
	uint32_t lead;
	uint32_t kept; /* offset of a byte that KVM updates in part; 0: none */
	/* Offset of the struct pvclock_vcpu_time_info, if the page has one. */
	uint32_t clock;
	/* Types of attributes for xen_activate(): by gpa, and by hva or 0. */
	uint16_t xen_attr, xen_hva;

	/* The guest activates the page by writing gpa | 1 to this MSR
	 * of its vCPU. If 0, the host calls @activate, in a job on
	 * @v's thread or before the thread exists. If KVM refuses, the
	 * cache may be in either state. */
	uint32_t msr;
	int (*activate)(struct pv_page *p, struct vcpu *v,
			const struct pv_where *to, struct err *e);

	/* Runs on the thread of the page's vCPU, in a
	 * JOB_AGENT job. Adds fields to @j. */
	int (*poke)(struct pv_page *p, struct vcpu *v, struct json *j,
		    struct err *e);
	/* Poke, have the guest read the page, and judge. Returns -1 only if
	 * nothing could be judged. Sets @why unless the verdict is fresh. */
	int (*check)(struct pv_page *p, struct vcpu *v, struct json *j,
		     enum pv_verdict *verdict, char why[static 160],
		     struct err *e);
	/* Judge the page as it is: without a poke, and without anything else
	 * that lets KVM or the guest repair it. */
	int (*look)(struct pv_page *p, struct vcpu *v, struct json *j,
		    enum pv_verdict *verdict, char why[static 160],
		    struct err *e);

	/*
	 * Find where the last check's poke was written instead. A kind has at
	 * most one of the two; each runs in the check's job. @wrote returns
	 * true if nothing but that poke can have written the data at @bytes
	 * (the kind's size). @lands pokes again and returns true if that
	 * changes what the host reads at @gpa.
	 */
	bool (*wrote)(const struct pv_page *p, const uint8_t *bytes);
	bool (*lands)(struct pv_page *p, struct vcpu *v, uint64_t gpa);
};

/* The result of the last check besides its verdict. vCPU thread only. */
struct pv_found {
	bool reached;	     /* every access of the guest was to memory */
	uint64_t set, limit; /* bounds of the VM clock during the check */
	/* The records of KVM's tracepoints, or "", and whether they differ
	 * from what the guest read. */
	char kernel[112];
	bool differs;
	bool wrote; /* the tracepoints show a write to this page */
	bool full;  /* input: a full check, which may take a while */
	/* The poke's data is on the page, even if part of it is wrong. */
	bool here;
	/* The verdict is the model's, or the model had none. */
	bool as_expected;
};

struct pv_page {
	const struct pv_kind *kind;
	struct pv_vm *vm;
	char name[16];
	unsigned int vcpu;
	_Atomic uint64_t gpa;	 /* current or last address */
	_Atomic uint64_t placed; /* by the guest, at its start; 0: not yet */
	_Atomic uint64_t hva;	 /* given to KVM; 0: it was given the gpa */
	_Atomic bool by_hva;	 /* current or last setting */
	_Atomic bool on;
	/* An operation in which the guest switches the page was cancelled and
	 * may still take effect: ask KVM. */
	_Atomic bool in_doubt;
	/* Moved to memory with unknown contents and not checked since. */
	bool littered;	      /* vCPU thread only */
	bool stopped;	      /* KVM_KVMCLOCK_CTRL was called for it */
	unsigned int changes; /* number of switches; vCPU thread only */
	/* Address before the last move, if @moved; vCPU thread only. */
	uint64_t former;
	bool moved; /* @former is valid */
	struct pv_found found;
	uint64_t pfn[2]; /* seen by the last check; 0: none */
};

/* All of a machine's pv pages. */
struct pv_vm {
	int vm;			 /* the VM's fd, not owned */
	uint32_t xen;		 /* answer to KVM_CAP_XEN_HVM, for Xen pages */
	_Atomic uint32_t events; /* events sent so far: devices/xen_event.c */
	struct memory *memory;
	struct events *log;  /* may be NULL */
	struct trace *trace; /* may be NULL */
	bool guests;	     /* the guest places the pages, as its MSRs show */
	uint64_t own_end;    /* the guest's own memory ends here */
	struct model model;  /* one entry per page, in the same order */
	/* Held from KVM_GET_CLOCK to KVM_SET_CLOCK. */
	pthread_mutex_t clock_lock;
	struct pv_page *pages; /* owned */
	unsigned int nr;
};

const char *pv_verdict_name(enum pv_verdict v);
/* The type of cache on this kernel: "gpc" or "ghc". */
const char *pv_cached_by(const struct pv_page *p);

/* The pages that a machine gets. */
struct pv_plan {
	const struct pv_kind *const *kinds; /* all kinds, NULL-terminated */
	enum pv_flavour flavour;
	enum pv_layout layout;
	unsigned int vcpus;
};

/* Return the size of all pages in bytes, a multiple of PAGE_SIZE. */
uint64_t pv_layout_size(const struct pv_plan *plan);
/* Create all pages from @gpa on, switched on, as the guest activates
 * them at boot. With gpa PV_GUESTS they are off until pv_look() finds
 * where the guest placed them. */
#define PV_GUESTS UINT64_MAX
int pv_init(struct pv_vm *pv, int vm, struct memory *mem,
	    const struct pv_plan *plan, uint64_t gpa, struct err *e);
/* Find out, on @v's thread, where its guest placed the
 * pages. PV_GUESTS only. */
void pv_look(struct pv_vm *pv, struct vcpu *v);
/* Activate the pages that the host activates. @vcpus exist and do not run yet.
 * @by_hva: pass hvas to KVM for kinds that accept them. */
int pv_start(struct pv_vm *pv, struct vcpu *vcpus, bool by_hva, struct err *e);
void pv_free(struct pv_vm *pv);
/* Find a page by name; NULL if there is none. */
struct pv_page *pv_find(struct pv_vm *pv, const char *name);

/* Return the length in bytes of the one or two pages it spans. */
uint64_t pv_span(const struct pv_page *p, uint64_t *first);
/* Return another active page that would overlap @p at @gpa, or NULL. */
const struct pv_page *pv_overlap(const struct pv_page *p, uint64_t gpa);

/* Return the current or last place. */
struct pv_where pv_now(const struct pv_page *p);
/* Return the kind of job that pv_switch() needs. */
enum job_kind pv_switch_job(const struct pv_page *p);
/* Switch the page on or off through the guest's MSR or the host's ioctl. After
 * a failure the page is off or unchanged. */
int pv_switch(struct pv_page *p, struct vcpu *v, const struct pv_where *to,
	      struct err *e);
/* Follow a write of @value to @msr by the guest of @vcpu. */
void pv_note_msr(struct pv_vm *pv, unsigned int vcpu, uint32_t msr,
		 uint64_t value);
/* Note that such a write was cancelled: the next use
 * finds out if it happened. */
void pv_doubt_msr(struct pv_vm *pv, unsigned int vcpu, uint32_t msr);
/* Resync with the MSR and clear in_doubt, also if the guest moved the page by
 * itself. Runs on the thread of the page's vCPU while the agent is idle. */
void pv_settle(struct pv_page *p, struct vcpu *v);
/* Check the page and write the fields of one object: verdict, why, pfn ... */
enum pv_how {
	PV_QUICK, /* nothing that takes longer than a few KVM_RUNs */
	PV_FULL,
	PV_LOOK, /* without a poke */
};
int pv_check(struct pv_page *p, struct vcpu *v, enum pv_how how, struct json *j,
	     enum pv_verdict *verdict, struct err *e);
/* After a stale or torn verdict: search all memory that the host can
 * read for the poke's data. If found, add its place as member
 * "elsewhere" and to @why. */
void pv_elsewhere(struct pv_page *p, struct vcpu *v, struct json *j,
		  char why[static 160]);
int pv_poke(struct pv_page *p, struct vcpu *v, struct json *j, struct err *e);
/* Read the VM's clock. */
int pv_get_clock(const struct pv_vm *pv, struct kvm_clock_data *d,
		 struct err *e);
/* Return the index of its entry in the model. */
unsigned int pv_index(const struct pv_page *p);

#endif
