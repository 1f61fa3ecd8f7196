/* SPDX-License-Identifier: GPL-2.0-only */
/* What the user asked for: filled once, then only read. */
#ifndef GPCVM_CONFIG_H
#define GPCVM_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/plan.h"

#define CONFIG_MAX_VCPUS   4096
#define CONFIG_MAX_MODULES 16
#define CONFIG_MAX_APICS   255	    /* 8 bits of id, 255 is all of them */
#define CONFIG_KERNEL	   "kernel" /* in place of a built-in guest's name */

struct config_module {
	const char *arg;  /* "FILE,ARGS" or "FILE"; not owned */
	size_t path_len;  /* of FILE */
	const char *args; /* in arg, or NULL */
};

struct config {
	const char *device; /* /dev/kvm */
	bool mem_auto;
	enum mem_mode mode;
	bool no_direct_map;
	struct gmem_force force;
	uint64_t mem; /* bytes; ignored where slots are given */
	unsigned int nr_slots;
	struct mem_slot_plan slots[MEM_MAX_SLOTS];
	unsigned int vcpus;
	enum pv_flavour flavour;
	enum pv_layout layout;
	bool by_hva;	    /* shinfo and vcpuinfo */
	const char *guest;  /* a name of guests.c, or CONFIG_KERNEL */
	const char *kernel; /* file to boot instead of a guest; NULL */
	bool agent;	    /* with ours in an initramfs: guest_linux.h */
	const char *append; /* its command line; NULL: none */
	unsigned int nr_modules;
	struct config_module modules[CONFIG_MAX_MODULES];
	const char *control;	/* path of the socket; NULL: none */
	const char *record_dir; /* recordings may be there, too; NULL */
	const char *dump_dtb;	/* write the tree there and end; NULL */
	const char *scenario;	/* play this file against it; NULL */
	uint64_t seed;		/* for what is drawn at random, if has_seed */
	bool bounce;		/* load through the window, in any mode */
	bool guard; /* refuse commands that would hit the guest's own memory */
	enum fault_policy fault;
	bool poison; /* keep what `poison` needs */
	bool no_sandbox;
	bool quiet;
	bool has_seed;
	int argc; /* of gpcvm run, as it was called; not owned */
	char **argv;
};

#endif
