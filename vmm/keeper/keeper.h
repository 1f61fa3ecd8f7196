/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The keeper: a process beside the machine's. It keeps the uid that gpcvm was
 * started with (but no capability) for operations on named files, so that the
 * machine needs no such right: the control socket, recordings, the kernel's
 * delays, and the files that `caps` reads. When the machine is gone, even if
 * killed, it removes the socket and restores the delays.
 *
 * It is forked before the first file of a guest is opened, and accepts only
 * struct keeper_request from the machine. It keeps CAP_SYS_ADMIN until it has
 * opened the kernel stacks of the vCPUs' threads, which is before the first
 * client is served.
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

/* How the keeper itself is confined. */
struct keeper_state {
	bool filtered;
	int landlock; /* as in struct sandbox */
};

struct keeper {
	pid_t pid; /* 0: no keeper */
	int fd;	   /* owned */
	bool owes; /* the reply to keeper_ask_socket() is due */
	struct keeper_state state;
};

/* Start it, before there are threads or memory that a fork would share. */
int keeper_start(struct keeper *k, const struct config *cfg, struct err *e);
/* Request the socket at cfg->control without waiting. This is the first
 * request, and keeper_listen() must be the next. */
int keeper_ask_socket(struct keeper *k, struct err *e);
/* Return the socket, bound and listening; owned by the caller. */
int keeper_listen(struct keeper *k, struct err *e);
/* Check that a recording could be made at @path. */
int keeper_record_try(struct keeper *k, const char *path, struct err *e);
/* Open a new file beside @path; owned by the caller. */
int keeper_record_open(struct keeper *k, const char *path, struct err *e);
/* Name that file @path, unless that exists by now; or remove the file. */
int keeper_record_end(struct keeper *k, bool keep, struct err *e);
/* Run probe_run() on cfg->device. */
int keeper_probe(struct keeper *k, struct probe *p, struct err *e);
/* delays_set(), delays_get() */
int keeper_delay_set(struct keeper *k, enum delay which, uint32_t us,
		     struct err *e);
int keeper_delay_get(struct keeper *k, enum delay which, uint32_t *us,
		     uint32_t *hits, struct err *e);
/* Open the files of @nr threads of this process, in that order. Works once: the
 * keeper then drops the capability to open stacks. @out is always filled. */
int keeper_tasks(struct keeper *k, const pid_t *tids, unsigned int nr,
		 struct task_files *out, struct err *e);
/* Remove the socket's path: nobody connects any more, and another gpcvm can use
 * the path. */
int keeper_unlisten(struct keeper *k, struct err *e);
/* Remove the socket and wait until the keeper ends. */
void keeper_stop(struct keeper *k);

/* ---- between the two ---------------------------------------------------- */

enum keeper_op {
	KEEPER_LISTEN,
	KEEPER_UNLISTEN,
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

/* Threads per request: a message carries at most 253 files
 * (include/net/scm.h). */
#define KEEPER_THREADS 60
#define KEEPER_FILES   ((size_t)KEEPER_THREADS * TASK_FILES)

struct keeper_request {
	enum keeper_op op;
	enum delay delay;
	uint32_t us;
	/* KEEPER_TASKS: */
	bool more; /* more requests follow */
	unsigned int nr;
	pid_t tids[KEEPER_THREADS];
	char path[PATH_MAX]; /* terminated; of a recording */
};

struct keeper_reply {
	int result; /* 0, or -1 and err; files come with SCM_RIGHTS */
	struct err err;
	struct keeper_state state;
	uint32_t us, hits; /* KEEPER_DELAY_GET */
	/* KEEPER_TASKS: a bit for each file that was opened, in order. */
	uint8_t opened[KEEPER_THREADS];
	int stack_errno;
	struct probe probe; /* KEEPER_PROBE; its strings are constants */
};

/* keeper_serve.c: serve until the machine is gone; never returns. */
_Noreturn void keeper_serve(int fd, pid_t machine, const struct config *cfg);

/* keeper_files.c: recordings, in the keeper. */
#define KEEPER_DIRS 2

struct keeper_files {
	int dirs[KEEPER_DIRS]; /* where recordings may be; owned, -1: none */
	int os_errno;	       /* why other directories are refused */
	/* The recording in progress: */
	int dir; /* owned; -1 */
	char path[PATH_MAX], part[NAME_MAX + 1];
};

/* Return the directory: "/tmp/" of "/tmp/s", "." of "s". */
const char *keeper_dir_of(const char *path, char dir[static PATH_MAX]);
void keeper_files_open(struct keeper_files *f, const struct config *cfg);
int keeper_files_make(struct keeper_files *f, const char *path, struct err *e);
int keeper_files_end(struct keeper_files *f, bool keep, struct err *e);

#endif
