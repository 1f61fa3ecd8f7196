/* SPDX-License-Identifier: GPL-2.0-only */
/* Requests of clients. */
#ifndef GPCVM_REQUEST_H
#define GPCVM_REQUEST_H

#include "base/command.h"
#include "base/err.h"
#include "base/json.h"
#include "base/text.h"
#include "machine/machine.h"
#include "vcpu/patience.h"

struct session;

/*
 * A command_fn is run on the main thread: it fills rq->reply with fields and
 * returns 0, or fills rq->err and returns -1, or hands the rest to a vCPU or to a
 * thread with request_on_vcpu() or request_on_thread() and returns what that
 * returns. One whose reply may be long sets rq->part and returns REQUEST_PARTS.
 */

typedef int (*request_vcpu_fn)(struct request *rq, struct vcpu *v);
/* What a request's own thread asks of a vCPU. */
typedef int (*request_agent_fn)(void *arg, struct vcpu *v, struct err *e);

#define REQUEST_PENDING 1
#define REQUEST_PARTS	2 /* a long reply: rq->part adds to it */

/* Who sends requests. Main thread. */
struct request_client {
	/* A reply is there that took its time: takes the request over. */
	void (*finished)(struct request *rq);
	/* Events go to @owner from now on, or no longer. */
	void (*subscribe)(void *owner, bool on);
};

/* Called with each request that is a command with a fitting number of words, on
 * the main thread. */
struct request_watch {
	/* It is about to be run. */
	void (*begin)(struct request *rq);
	/* It takes its time, and has begun. */
	void (*pending)(struct request *rq);
	/* It is over: its reply is complete (but for its end where nobody gets
	 * it), or @result is -1 and @why tells. Also of a line that was none:
	 * rq->cmd is NULL then. */
	void (*end)(struct request *rq, int result, const struct err *why);
};

struct request {
	struct session *s;
	struct machine *m; /* s->m */
	void *owner; /* the client; NULL once nobody waits for the reply */
	const struct request_client *client; /* what it can do */
	const struct command *cmd;
	struct json reply;
	struct err err;
	uint64_t start_ns;
	unsigned int recorded; /* its place in the recording; 0: none */
	int argc;
	char *argv[LINE_MAX_WORDS]; /* argv[0] is the first argument */
	char line[LINE_MAX_BYTES + 1];
	char text[128]; /* the line's beginning, as it came: for the log */
	size_t text_len;

	/* On a vCPU, or on a thread of its own: */
	struct vcpu_job job;
	struct vcpu *vcpu;
	request_vcpu_fn on_vcpu;
	struct patience patience;
	command_fn on_thread; /* NULL: on a vCPU */
	enum sandbox_kind sandbox;
	pthread_t thread;
	/* The thread waits for what does not leave the kernel: request_stuck(). */
	_Atomic int stuck;
	struct err stuck_why;
	command_fn part; /* adds to rq->reply, cannot fail; REQUEST_PARTS: not
			     the last */
	command_fn then; /* main thread, after it; NULL: finished */
	_Atomic bool over;
	bool ran;
	int result;
	struct request *next; /* in the list of pending ones */

	/* The handler's own. */
	uint64_t arg[6];
	struct pv_page *page;
	enum pv_how how; /* pages are checked */
	void *own;
	unsigned int index, counts[8];
	uint64_t seed; /* of a storm, for recordings */
};

/*
 * Parse rq->line (changed) and run it. Returns 0 or -1 when it is over, with
 * the reply complete in rq->reply, or REQUEST_PENDING: rq->client->finished() is
 * called later, or REQUEST_PARTS: what is in rq->reply is the beginning of it,
 * and request_part() adds the rest. @line_len: bytes of rq->line, without newline.
 */
int request_run(struct request *rq, size_t line_len);
/* Add a part to rq->reply. 0: the reply is complete; REQUEST_PARTS: not yet. */
int request_part(struct request *rq);
/* A reply to what never became a request. */
void request_refuse(struct json *reply, const struct err *e);
/* Nobody waits any more: end it early. */
void request_abandon(struct request *rq);

/* Pending requests of a session, and what drives them: main thread. */
struct pending {
	struct request *first;
	int done_fd; /* eventfd: a vCPU has finished a job */
	int timer_fd;
	bool armed; /* the timer runs */
	struct loop_source done, tick;
	struct session *s; /* NULL: not initialized */
};

int pending_init(struct session *s, struct pending *p, struct err *e);
/* End the requests' threads; the vCPUs are joined. False (and a message) if one
 * does not come out of the kernel: then nothing that it uses may be freed. */
bool pending_stop(struct pending *p);
void pending_free(struct pending *p);

/* ---- for handlers ------------------------------------------------------- */

/* Run @fn on the vCPU's thread, then @then (may be NULL) on the main one.
 * JOB_AGENT is refused at once where no agent will come. */
int request_on_vcpu(struct request *rq, unsigned int vcpu, enum job_kind kind,
		    request_vcpu_fn fn, command_fn then);
/*
 * Run @fn on a thread of its own, under the filter @sandbox, for what takes long: it
 * fills rq->reply or
 * rq->err like a handler, and ends early once request_given_up(). Then @then
 * (may be NULL) on the main thread.
 */
int request_on_thread(struct request *rq, enum sandbox_kind sandbox,
		      command_fn fn, command_fn then);
/* On that thread: does nobody wait any more, or does the machine end? */
bool request_given_up(const struct request *rq);
/*
 * On that thread: run @fn in a JOB_AGENT job on the first vCPU that serves, and
 * wait. Where it fails there (or that vCPU does not come) the next one is tried,
 * so @fn must be able to go on where it broke off. @must: also if the request
 * has been given up, as long as the machine lives. -1 and rq->err: none did it.
 */
int request_ask_agent(struct request *rq, request_agent_fn fn, void *arg,
		      bool must);
/*
 * On that thread, or on one that it has started and waits for: run @fn on @v,
 * and wait. While it has not begun, *@give_up (NULL: none) ends it early.
 */
int request_ask_vcpu(struct request *rq, struct vcpu *v, enum job_kind kind,
		     request_agent_fn fn, void *arg,
		     const _Atomic bool *give_up, struct err *e);
/* The same: the client is told why (the first counts), and no longer waits. */
void request_stuck(struct request *rq, const struct err *why);
bool request_is_stuck(const struct request *rq);
/* Is there an agent in the guest at all? -1 and @e if not. */
int request_has_agent(struct machine *m, struct err *e);
/* May a JOB_AGENT job be given to @v? -1 and @e if not. */
int request_may_agent(struct machine *m, struct vcpu *v, struct err *e);
/* -1 and @e: why a job on @v was over without having run. */
int request_not_run(struct machine *m, struct vcpu *v, const struct patience *p,
		    struct err *e);

/* ---- words: @e is range or usage, with the word ------------------------- */

int arg_vcpu(struct machine *m, const char *word, unsigned int *out,
	     struct err *e);
/* Refuse (unsupported) where there are no pv pages: --kernel. */
int arg_any_page(struct machine *m, struct err *e);
/* The pv page of that name, or NULL. */
struct pv_page *arg_page(struct machine *m, const char *word, struct err *e);
/* A number or a pv page's name, then *page is set; not checked against RAM. */
int arg_gpa(struct machine *m, const char *word, uint64_t *gpa,
	    struct pv_page **page, struct err *e);
/* GPA [LEN], the latter if @nr > 1: whole pages in RAM. */
int arg_pages(struct machine *m, char *const *words, int nr, uint64_t *gpa,
	      uint64_t *len, struct err *e);
int arg_attr(const char *word, bool *private, struct err *e);
/* A slot that has nothing of the guest's own, and a copy of it. */
int arg_slot(struct machine *m, const char *word, unsigned int *id,
	     struct mem_slot *now, struct err *e);

/* ---- the same for arguments of a request -------------------------------- */

/* A vCPU's number from argument @i. */
int request_vcpu(struct request *rq, int i, unsigned int *out);
/* The pv page that argument @i names, or NULL and an error. */
struct pv_page *request_page(struct request *rq, int i);
/* A gpa (a number or a pv page's name) from argument @i; *page is set to the
 * page, or NULL. Not checked against RAM. */
int request_gpa(struct request *rq, int i, uint64_t *gpa,
		struct pv_page **page);
/* GPA [LEN] from argument @i on: whole pages in RAM. A name stands for its
 * page; without LEN one page. */
int request_pages(struct request *rq, int i, uint64_t *gpa, uint64_t *len);

#endif
