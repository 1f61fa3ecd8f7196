/* SPDX-License-Identifier: GPL-2.0-only */
/* The parsed command line: filled once, then read-only. */
#ifndef GPCVM_CONFIG_H
#define GPCVM_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/plan.h"

#define CONFIG_MAX_VCPUS   4096
#define CONFIG_MAX_MODULES 16
#define CONFIG_MAX_APICS   255	    /* ids of 8 bits; 255 is broadcast */
#define CONFIG_KERNEL	   "kernel" /* name of the guest of a --kernel */

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
	uint64_t mem; /* bytes; ignored if there are slots */
	unsigned int nr_slots;
	struct mem_slot_plan slots[MEM_MAX_SLOTS];
	unsigned int vcpus;
	enum pv_flavour flavour;
	enum pv_layout layout;
	unsigned int by_hva; /* 1: give KVM shinfo and vcpuinfo by hva */
	const char *guest;   /* a name of guests.c, or CONFIG_KERNEL */
	const char *kernel;  /* file to boot instead of a guest; NULL */
	bool agent;	     /* Linux with our initramfs: guest_linux.h */
	const char *append;  /* its command line; NULL: none */
	unsigned int nr_modules;
	struct config_module modules[CONFIG_MAX_MODULES];
	const char *control;	/* path of the socket; NULL: none */
	const char *record_dir; /* another folder for recordings; NULL */
	const char *dump_dtb;	/* write the device tree there and exit; NULL */
	const char *scenario;	/* play this file against the machine; NULL */
	uint64_t seed;		/* of random choices, if has_seed */
	bool bounce;		/* load through the window, in any mode */
	bool no_guard; /* accept commands that hit the guest's own memory */
	enum fault_policy fault;
	bool poison; /* keep the privileges that `poison` needs */
	bool no_sandbox;
	bool quiet;
	bool has_seed;
	int argc; /* as passed to gpcvm run; not owned */
	char **argv;
};

#endif
