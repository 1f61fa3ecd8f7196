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
 * A command_fn runs on the main thread. It adds fields to rq->reply and returns
 * 0, or fills in rq->err and returns -1, or continues on a vCPU or thread by
 * returning request_on_vcpu() or request_on_thread(). For a long reply it sets
 * rq->part and returns REQUEST_PARTS.
 */

typedef int (*request_vcpu_fn)(struct request *rq, struct vcpu *v);
/* A function that a request's own thread runs on a vCPU. */
typedef int (*request_agent_fn)(void *arg, struct vcpu *v, struct err *e);

#define REQUEST_PENDING 1
#define REQUEST_PARTS	2 /* a long reply, continued by rq->part */

/* The sender of requests. Main thread. */
struct request_client {
	/* The reply of a pending request is complete.
	 * Takes ownership of @rq. */
	void (*finished)(struct request *rq);
	/* Start or stop sending events to @owner. */
	void (*subscribe)(void *owner, bool on);
};

/* Callbacks for each request that is a command with a valid
 * number of words. Main thread. */
struct request_watch {
	/* Before it runs. */
	void (*begin)(struct request *rq);
	/* It has started and returned REQUEST_PENDING. */
	void (*pending)(struct request *rq);
	/* It has ended: the reply is complete (without its last members if
	 * nobody receives it), or @result is -1 and @why is set. Called for
	 * invalid lines, too, with rq->cmd NULL. */
	void (*end)(struct request *rq, int result, const struct err *why);
};

struct request {
	struct session *s;
	struct machine *m; /* s->m */
	void *owner;	   /* the client; NULL if nobody waits for the reply */
	const struct request_client *client; /* callbacks of the owner */
	const struct command *cmd;
	struct json reply;
	struct err err;
	uint64_t start_ns;
	unsigned int recorded; /* its index in the recording; 0: none */
	int argc;
	char *argv[LINE_MAX_WORDS]; /* argv[0] is the first argument */
	char line[LINE_MAX_BYTES + 1];
	char text[128]; /* start of the original line, for the log */
	size_t text_len;

	/* For a vCPU's job or a thread of its own: */
	struct vcpu_job job;
	struct vcpu *vcpu;
	request_vcpu_fn on_vcpu;
	struct patience patience;
	command_fn on_thread; /* NULL: on a vCPU */
	enum sandbox_kind sandbox;
	pthread_t thread;
	/* The thread waits for a vCPU or storm thread that hangs in the kernel:
	 * request_stuck(). */
	_Atomic int stuck;
	struct err stuck_why;
	/* Adds to rq->reply, cannot fail; returns REQUEST_PARTS until the last
	 * part. */
	command_fn part;
	command_fn then; /* continues on the main thread; NULL: finished */
	_Atomic bool over;
	bool ran;
	int result;
	struct request *next; /* in the list of pending requests */

	/* For the handler: */
	uint64_t arg[6];
	struct pv_page *page;
	enum pv_how how; /* how pages are checked */
	void *own;
	unsigned int index, counts[8];
	uint64_t seed; /* of a storm, for recordings */
};

/*
 * Parse rq->line (modified) and run it. Returns 0 or -1 with the complete reply
 * in rq->reply; or REQUEST_PENDING, with rq->client->finished() called later;
 * or REQUEST_PARTS, with the start of the reply in rq->reply, continued by
 * request_part(). @line_len: bytes of rq->line, without the newline.
 */
int request_run(struct request *rq, size_t line_len);
/* Add a part to rq->reply. Returns 0 after the last part,
 * otherwise REQUEST_PARTS. */
int request_part(struct request *rq);
/* Write an error reply to input that is not a request. */
void request_refuse(struct json *reply, const struct err *e);
/* Cancel a request whose client has gone. */
void request_abandon(struct request *rq);

/* The pending requests of a session. Main thread. */
struct pending {
	struct request *first;
	int done_fd; /* eventfd: a job or thread has finished */
	int timer_fd;
	bool armed; /* the timer runs */
	struct loop_source done, tick;
	struct session *s; /* NULL: not initialized */
};

int pending_init(struct session *s, struct pending *p, struct err *e);
/* Cancel and join the requests' threads, after the vCPUs are joined.
 * Returns false with a warning if one hangs in the kernel: nothing that
 * it uses may be freed then. */
bool pending_stop(struct pending *p);
void pending_free(struct pending *p);

/* ---- for handlers ------------------------------------------------------- */

/* Run @fn on the vCPU's thread, then @then (may be NULL) on the main thread.
 * Fails at once if JOB_AGENT needs an agent that cannot come. */
int request_on_vcpu(struct request *rq, unsigned int vcpu, enum job_kind kind,
		    request_vcpu_fn fn, command_fn then);
/*
 * For long operations: run @fn on a thread of its own, under the filter
 * @sandbox, then @then (may be NULL) on the main thread. @fn fills in rq->reply
 * or rq->err like a handler and returns early if request_cancelled().
 */
int request_on_thread(struct request *rq, enum sandbox_kind sandbox,
		      command_fn fn, command_fn then);
/* On that thread: has the client gone, or does the machine end? */
bool request_cancelled(const struct request *rq);
/*
 * On that thread: run @fn in a JOB_AGENT job on the first vCPU that serves, and
 * wait. If that fails, try the next vCPU: @fn must be able to continue where it
 * stopped. @must: ignore a cancelled request as long as the machine lives.
 * Returns -1 and sets rq->err if all fail.
 */
int request_ask_agent(struct request *rq, request_agent_fn fn, void *arg,
		      bool must);
/*
 * On that thread, or one that it has started and waits for: run @fn on @v, and
 * wait. *@cancel (NULL: none) cancels it until it starts.
 */
int request_ask_vcpu(struct request *rq, struct vcpu *v, enum job_kind kind,
		     request_agent_fn fn, void *arg, const _Atomic bool *cancel,
		     struct err *e);
/* On the same thread: reply with @why at once (the first call counts), without
 * waiting for the request to end. */
void request_stuck(struct request *rq, const struct err *why);
bool request_is_stuck(const struct request *rq);
/* Fail if the guest has no agent. */
int request_has_agent(struct machine *m, struct err *e);
/* Fail if @v cannot take a JOB_AGENT job. */
int request_may_agent(struct machine *m, struct vcpu *v, struct err *e);
/* Fail with the reason why a job on @v ended without running. */
int request_not_run(struct machine *m, struct vcpu *v, const struct patience *p,
		    struct err *e);

/* ---- words: @e is range or usage, and quotes the word -------------------- */

/* Check the number of words after @name, which takes @args. */
int arg_count(const char *name, const char *args, char *const *words, int nr,
	      int min, int max, struct err *e);
int arg_vcpu(struct machine *m, const char *word, unsigned int *out,
	     struct err *e);
/* Fail (unsupported) without pv pages, as with --kernel. */
int arg_any_page(struct machine *m, struct err *e);
/* Return the pv page of that name, or NULL. */
struct pv_page *arg_page(struct machine *m, const char *word, struct err *e);
/* Parse a number, or the name of a pv page, which sets *page.
 * Not checked against RAM. */
int arg_gpa(struct machine *m, const char *word, uint64_t *gpa,
	    struct pv_page **page, struct err *e);
/* Parse GPA [LEN], LEN if @nr > 1: whole pages in RAM. */
int arg_pages(struct machine *m, char *const *words, int nr, uint64_t *gpa,
	      uint64_t *len, struct err *e);
int arg_attr(const char *word, bool *private, struct err *e);
/* Get the number and a copy of a slot without the guest's own memory. */
int arg_slot(struct machine *m, const char *word, unsigned int *id,
	     struct mem_slot *now, struct err *e);

/* ---- arguments of a request --------------------------------------------- */

/* Parse a vCPU's number from argument @i. */
int request_vcpu(struct request *rq, int i, unsigned int *out);
/* Return the pv page named by argument @i, or NULL and an error. */
struct pv_page *request_page(struct request *rq, int i);
/* Parse a gpa (a number or a pv page's name) from argument @i. *page is the
 * page, or NULL. Not checked against RAM. */
int request_gpa(struct request *rq, int i, uint64_t *gpa,
		struct pv_page **page);
/* Parse GPA [LEN] from argument @i on: whole pages in RAM. A name stands for
 * its page. LEN defaults to one page. */
int request_pages(struct request *rq, int i, uint64_t *gpa, uint64_t *len);

/* Add an object that describes a command or operation. */
void reply_help(struct request *rq, const char *name, const char *args,
		const char *help);
/* Add the fields gpa and len. */
void reply_range(struct request *rq, uint64_t gpa, uint64_t len);

#endif
