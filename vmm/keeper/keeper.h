/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The keeper: a process beside the machine's that keeps the uid that gpcvm was
 * started with (but no capability) for what is done by name in the file system,
 * so that the machine itself needs none of it: the control socket, recordings,
 * the kernel's delays, and `caps`, which opens what it reports on. It removes the
 * socket and puts the delays back when the machine is gone, however it went. It
 * is forked before the first file of a guest is opened and takes nothing from the
 * machine but struct keeper_request.
 *
 * CAP_SYS_ADMIN stays until it has opened the kernel stacks of the vCPUs' threads,
 * which is before the first client is listened to.
 */
#ifndef GPCVM_KEEPER_H
#define GPCVM_KEEPER_H

#include <limits.h>
#include <sys/types.h>

#include "base/err.h"
#include "config/config.h"
#include "host/delay.h"
#include "host/task_state.h"
#include "probe/probe.h"

/* What holds the keeper itself. */
struct keeper_state {
	bool filtered;
	int landlock; /* as in struct sandbox */
};

struct keeper {
	pid_t pid; /* 0: there is none */
	int fd;	   /* owned */
	bool owes; /* the reply to keeper_ask_socket() */
	struct keeper_state state;
};

/* Start it. Before there are threads, and memory that a fork would share. */
int keeper_start(struct keeper *k, const struct config *cfg, struct err *e);
/* Ask for the socket at cfg->control, without waiting for it: the first request.
 * The next one has to be keeper_listen(). */
int keeper_ask_socket(struct keeper *k, struct err *e);
/* The socket, bound and listening; owned. */
int keeper_listen(struct keeper *k, struct err *e);
/* Could a recording be made at @path? */
int keeper_record_try(struct keeper *k, const char *path, struct err *e);
/* A new file beside @path; owned. */
int keeper_record_open(struct keeper *k, const char *path, struct err *e);
/* Name that file @path, unless there is one by now; or remove it. */
int keeper_record_end(struct keeper *k, bool keep, struct err *e);
/* probe_run() of cfg->device. */
int keeper_probe(struct keeper *k, struct probe *p, struct err *e);
/* delays_set(), delays_get() */
int keeper_delay_set(struct keeper *k, enum delay which, uint32_t us,
		     struct err *e);
int keeper_delay_get(struct keeper *k, enum delay which, uint32_t *us,
		     uint32_t *hits, struct err *e);
/* Files of @nr threads of this process, in that order. Once: with this the keeper
 * loses the right to open a stack. @out is filled whatever the result. */
int keeper_tasks(struct keeper *k, const pid_t *tids, unsigned int nr,
		 struct task_files *out, struct err *e);
/* Remove the socket and wait for the keeper's end. */
void keeper_stop(struct keeper *k);

/* ---- between the two ---------------------------------------------------- */

enum keeper_op {
	KEEPER_LISTEN,
	KEEPER_RECORD_TRY,
	KEEPER_RECORD_OPEN,
	KEEPER_RECORD_KEEP,
	KEEPER_RECORD_DROP,
	KEEPER_PROBE,
	KEEPER_DELAY_SET,
	KEEPER_DELAY_GET,
	KEEPER_TASKS,
	KEEPER_END,
};

/* Threads a request: a message takes 253 files (include/net/scm.h). */
#define KEEPER_THREADS 60
#define KEEPER_FILES   ((size_t)KEEPER_THREADS * TASK_FILES)

struct keeper_request {
	enum keeper_op op;
	enum delay delay;
	uint32_t us;
	/* KEEPER_TASKS: */
	bool more; /* another one follows */
	unsigned int nr;
	pid_t tids[KEEPER_THREADS];
	char path[PATH_MAX]; /* terminated; of a recording */
};

struct keeper_reply {
	int result; /* 0 or -1 and err; a file comes with SCM_RIGHTS */
	struct err err;
	struct keeper_state state;
	uint32_t us, hits; /* KEEPER_DELAY_GET */
	/* KEEPER_TASKS: bits of those that came with it, in order. */
	uint8_t opened[KEEPER_THREADS];
	int stack_errno;
	struct probe probe; /* KEEPER_PROBE; its strings are the program's */
};

/* keeper_serve.c: never returns. */
_Noreturn void keeper_serve(int fd, pid_t machine, const struct config *cfg);

/* keeper_files.c: recordings, in the keeper. */
#define KEEPER_DIRS 2

struct keeper_files {
	int dirs[KEEPER_DIRS]; /* where recordings may be; owned, -1: none */
	int os_errno;	       /* why they may not be elsewhere */
	/* Of one that is written: */
	int dir; /* owned; -1 */
	char path[PATH_MAX], part[NAME_MAX + 1];
};

/* "/tmp/" of "/tmp/s", "." of "s". */
const char *keeper_dir_of(const char *path, char dir[static PATH_MAX]);
void keeper_files_open(struct keeper_files *f, const struct config *cfg);
int keeper_files_make(struct keeper_files *f, const char *path, struct err *e);
int keeper_files_end(struct keeper_files *f, bool keep, struct err *e);

#endif
