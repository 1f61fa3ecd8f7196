/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The protocol between the tiny guest and the host: the doorbell, a 32-bit
 * port. The guest loads eax with a call and rbx rcx rsi rdi r8 r9 r10 r11 with
 * eight words (word 0..7), and executes OUT. One exit carries all of it: the
 * host reads the registers and, for DB_NEXT, DB_POLL and DB_TIME, writes its
 * answer into them. It uses no shared memory, so it works with any kind of
 * guest memory. OUT with a register operand needs no instruction emulation (SVM
 * and VMX report its length), so it works even if KVM cannot read the guest's
 * memory.
 *
 * This header is for C and assembly, in the guest and in the host.
 */
#ifndef GPCVM_DOORBELL_H
#define GPCVM_DOORBELL_H

#define DB_PORT 0x510
#define DB_PORT_PC                                                             \
	0x530 /* also on the PC of a --kernel: 0x510 belongs to fw_cfg */
#define DB_VERSION   1
#define DB_WORDS     8

/* Calls, in the low 16 bits of eax. */
#define DB_READY     1 /* w0 vCPU, w1 DB_VERSION: this vCPU serves operations */
#define DB_NEXT	     2 /* w0 status, w1..7 last results; waits for the next */
#define DB_POLL	     3 /* as DB_NEXT, but returns OP_NONE at once */
#define DB_START_APS 4 /* w0 physical address of their 32-bit entry */
#define DB_REPORT    5 /* w0 REPORT_*, w1..7 its words: an event */
#define DB_EXCEPTION                                                           \
	6		/* w0 vector, w1 error code, w2 rip, w3 cs, w4 rflags,
			  * w5 rsp, w6 ss, w7 cr2: unexpected; EXC_REGS follow */
#define DB_EXC_REGS0 7	/* rax rbx rcx rdx rsi rdi rbp cr3 at the exception */
#define DB_EXC_REGS1 8	/* r8..r15; the host does not return from this call */
#define DB_PANIC     9	/* w0..7: 64 bytes of text: the guest cannot go on */
#define DB_EXIT	     10 /* w0 status: the guest ends the machine normally */
#define DB_TIME	     11 /* answers KVM_GET_CLOCK's time in w0, ns; 0: unknown */

/*
 * DB_NEXT and DB_POLL: the answer has the operation in the low 16 bits of rax
 * and a sequence number in bits 16..31. The guest returns that number in the
 * same bits of eax with the operation's result, so that a late result is not
 * taken for that of another operation. The very first call passes 0.
 */
#define DB_SEQ_SHIFT 16
#define DB_LOW_MASK  0xffff

/* Operations: words in, from w0 on -> words out, from w1 on (w0 is the status).
 * Words that are not listed are undefined. */
#define OP_NONE	     0
#define OP_NOP	     1 /* -> */
#define OP_READ	     2 /* gpa, len 1..56 -> bytes in w1..7, memory order */
#define OP_WRITE     3 /* gpa, size 1|2|4|8, value -> */
#define OP_FILL	     4 /* gpa, len, byte -> */
#define OP_HASH	     5 /* gpa, len (of 8), hash so far -> hash */
#define OP_RDMSR     6 /* index -> value */
#define OP_WRMSR     7 /* index, value -> */
#define OP_HYPERCALL 8 /* nr, a0, a1, a2, a3 -> rax */
#define OP_CANARY                                                              \
	9 /* gpa, CANARY_* -> CANARY_* state, offset of a difference */
#define OP_TOUCH 10 /* gpa, len, write? -> pages touched */
#define OP_HALT	 11 /* HLT, then -> */
#define OP_CLOCK                                                               \
	12 /* gpa -> version, tsc_timestamp, system_time,
			 * mul | shift << 32 | flags << 40, tsc, tries,
			 * pad0 | pad[0] << 32 | pad[1] << 40 */
#define OP_STEAL                                                               \
	13 /* gpa, 0 or a version to store -> version (before that), steal,
	    * flags | preempted << 32, tries */
#define OP_SECRET                                                              \
	14 /* SECRET_*, gpa (of 8), mask, words for SECRET_WRITE -> words */

/* Xen's pages, in their 64-bit layouts. */
#define OP_EVTCHN                                                              \
	16 /* gpa of shared_info, port, another or 0 -> were they pending (bits
	    * 0, 1; clears them), is port masked, wall clock: version, sec,
	    * nsec */
#define OP_UPCALL                                                              \
	17 /* gpa of vcpu_info -> evtchn_pending_sel, upcall_pending |
	    * upcall_mask << 8; clears both, but not the mask */
#define OP_RUNSTATE    18 /* gpa -> state, state_entry_time, time[0..3], tries */

#define OP_TIME	       19 /* -> the guest kernel's time since boot, ns, raw */
#define OP_SPIN	       20 /* TSC ticks -> : spins in the guest for that long */

#define HASH_INIT      0xcbf29ce484222325 /* FNV-1a, 64 bits, a word at a time */
#define HASH_PRIME     0x100000001b3

/* OP_CANARY fills a page with words derived from a secret that only this vCPU
 * knows, or checks that they are intact. */
#define CANARY_PLANT   0 /* request, and the state that confirms it */
#define CANARY_CHECK   1 /* request */
#define CANARY_INTACT  2
#define CANARY_ZEROS   3 /* the whole page reads as zeros */
#define CANARY_CHANGED 4
#define CANARY_NONE    5 /* never planted at this address by this vCPU */

/*
 * OP_SECRET: SECRET_WORDS 64-bit words of memory, transferred xored with a mask
 * that the host chooses. Neither side ever holds the unmasked words, not even
 * in a register: registers are copied to kvm_run, and to KVM's own memory.
 */
#define SECRET_WORDS   5
#define SECRET_BYTES   (SECRET_WORDS * 8UL)
#define SECRET_READ    0 /* -> the words in memory */
#define SECRET_PLANT   1 /* store new random words -> these */
#define SECRET_WRITE   2 /* store these words -> */

/* Status of an operation. */
#define ST_OK	       0
#define ST_FAULT       1 /* w1 vector, w2 error code, w3 rip, w4 cr2 */
#define ST_BAD_OP                                                              \
	2 /* unknown operation, argument out of range, or an address that cannot
	   * be mapped: not below 2^47, or no page-table page is left */
#define ST_TORN		       3 /* no consistent copy; words as for OK */

#define OP_TRIES	       1000

/* Reports of clockwatch, one when a fault begins and one when it ends. */
#define REPORT_CLOCK_BACKWARDS 1 /* before, now (ns) */
#define REPORT_CLOCK_ODD       2 /* version: stays odd */
#define REPORT_CLOCK_SILENT    3 /* the page reads as zeros */
#define REPORT_CLOCK_BACK      4 /* version: valid again after silence or odd */
#define REPORT_STEAL_BACKWARDS 5 /* before, now (ns) */
#define REPORT_STEAL_ODD       6 /* version */
#define REPORT_STEAL_SILENT    7 /* version: not updated across many exits */
#define REPORT_STEAL_BACK      8 /* version */
#define REPORT_TIME_BACKWARDS  9 /* before, on any CPU; now (ns) */
#define REPORT_TIME_FROZEN     10 /* ns: stands still, but the TSC advances */
#define REPORT_TIME_BACK       11 /* ns: advances again */
#define REPORT_CLOCK_AHEAD     12 /* ns; KVM_GET_CLOCK's, read after it */
#define REPORT_CLOCK_BEHIND    13 /* ns; KVM_GET_CLOCK's, read before it */

/*
 * Entry. Every vCPU starts in 32-bit protected mode, flat segments, paging
 * off, interrupts off, with
 *	eax = ENTRY_MAGIC	ebx = vCPU index
 *	ecx = its vCPU area	esi = device tree
 *	edi = the loader's copy list (only if the loader runs)
 * vCPU 0 starts first, at the ELF entry or, if the image must be copied (the
 * host cannot write the guest's memory), at the loader; the others start at the
 * address that vCPU 0 passes with DB_START_APS. All addresses are physical and
 * below 4 GiB. The areas of the vCPUs are contiguous; each is page-aligned, and
 * all zeros when its vCPU starts.
 *
 * The guest maps MAP_STATIC bytes from 0 on before it reads anything: they
 * contain the device tree, the vCPU areas and the pool of page-table pages.
 */
#define ENTRY_MAGIC	       0x67706376 /* "gpcv" */
#define VCPU_AREA_SIZE	       8192	  /* stacks, TSS, per-vCPU data */
#define MAP_STATIC	       0x4000000  /* 64 MiB */

/* The fixed part of the guest's physical memory, all below 2 MiB. */
#define WINDOW_BASE	       0x10000 /* shared with the host in every mode */
#define WINDOW_SIZE	       0x90000
#define LOADER_BASE	       0x10000	/* the loader's code, in the window */
#define IMAGE_BASE	       0x100000 /* the image: text, data, bss */

/*
 * The loader's copy list: 32-bit little-endian words, in the window.
 *	entry, count, then count times { destination, source, bytes }
 * The loader copies (source 0 means fill with zeros, as for bss) and jumps to
 * entry with all registers as given. If entry is 0 it writes to FEED_PORT
 * instead, and then starts over with the list: by then the host has put the
 * next part of an image that is larger than the window there or, after the last
 * part, has set registers of its own.
 */
#define FEED_PORT	       0x520

#endif
