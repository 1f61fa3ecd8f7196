// SPDX-License-Identifier: GPL-2.0-only
/* The life cycle of a request: parse it, run it on the main thread, on a vCPU
 * or on a thread of its own, and reply. */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/num.h"
#include "base/status.h"
#include "control/session.h"
#include "vcpu/agent.h"

/* Values of request.stuck. */
enum { STUCK_NO, STUCK_SAYING, STUCK_YES };

#define JOIN_S	     10 /* for a thread to end */
#define TICK_NS	     (200 * NS_PER_MS)
#define THREAD_STACK (256 * KIB)

/* ---- replies ------------------------------------------------------------ */

static void reply_error(struct json *j, const char *cmd, const struct err *e)
{
	json_reset(j);
	json_object(j, NULL);
	json_bool(j, "ok", false);
	if (cmd)
		json_str(j, "cmd", cmd);
	else
		json_null(j, "cmd");
	json_object(j, "error");
	json_str(j, "kind", err_kind_name(e->kind));
	if (err_errno_name(e->os_errno))
		json_str(j, "errno", err_errno_name(e->os_errno));
	else
		json_null(j, "errno");
	json_str(j, "message", e->msg);
	json_object_end(j);
	json_object_end(j);
}

void request_refuse(struct json *reply, const struct err *e)
{
	reply_error(reply, NULL, e);
}

static int finish_reply(struct request *rq, const char *cmd, int r)
{
	if (r < 0) {
		reply_error(&rq->reply, cmd, &rq->err);
		return -1;
	}
	json_num(&rq->reply, "ns", now_ns() - rq->start_ns);
	json_object_end(&rq->reply);
	return 0;
}

/* ---- running a request -------------------------------------------------- */

static int find_command(struct request *rq, const char *word)
{
	const struct command *c = command_find(rq->s->commands, word);

	if (!c)
		return err_usage(&rq->err,
				 "unknown command '%.64s': 'help' lists all",
				 word);
	rq->cmd = c;
	return arg_count(c->name, c->args, rq->argv, rq->argc, (int)c->min,
			 (int)c->max, &rq->err);
}

static int parse_request(struct request *rq, size_t len, const char **word)
{
	char *words[LINE_MAX_WORDS];
	int n;

	if (len && rq->line[len - 1] == '\r')
		len--; /* sent by clients that end lines as terminals do */
	if (memchr(rq->line, '\0', len))
		return err_usage(&rq->err, "the line contains a NUL byte");
	if (!utf8_valid(rq->line, len))
		return err_usage(&rq->err, "the line is not valid UTF-8");
	rq->line[len] = '\0';
	n = text_split(rq->line, words, &rq->err);
	if (n < 0)
		return -1;
	if (!n)
		return err_usage(&rq->err,
				 "empty line: 'help' lists the commands");
	*word = words[0];
	rq->argc = n - 1;
	memcpy(rq->argv, words + 1, (size_t)(n - 1) * sizeof(*words));
	return find_command(rq, words[0]);
}

static void begin_reply(struct request *rq)
{
	json_reset(&rq->reply);
	json_object(&rq->reply, NULL);
	json_bool(&rq->reply, "ok", true);
	json_str(&rq->reply, "cmd", rq->cmd->name);
}

static void end_watched(struct request *rq, int r, const struct err *why)
{
	if (rq->s->watch.end)
		rq->s->watch.end(rq, r, why);
}

static int reply_whole(struct request *rq, const char *word, int r)
{
	finish_reply(rq, word, r);
	end_watched(rq, r, &rq->err);
	return r;
}

int request_run(struct request *rq, size_t len)
{
	const struct request_watch *w = &rq->s->watch;
	struct events *ev = &rq->m->events;
	const char *word = NULL;
	int r;

	/* parse_request() modifies the line */
	rq->text_len = len < sizeof(rq->text) ? len : sizeof(rq->text);
	memcpy(rq->text, rq->line, rq->text_len);
	rq->start_ns = now_ns();
	rq->cmd = NULL;
	rq->then = NULL;
	r = parse_request(rq, len, &word);
	rq->recorded = 0;
	if (!r) {
		if (w->begin)
			w->begin(rq);
		begin_reply(rq);
		r = rq->cmd->fn(rq);
	}
	event_add_request(ev, rq->text, rq->text_len,
			  r < 0 ? err_kind_name(rq->err.kind) : NULL);
	if (r == REQUEST_PENDING) {
		if (w->pending)
			w->pending(rq);
		return r;
	}
	return r == REQUEST_PARTS ? r : reply_whole(rq, word, r);
}

int request_part(struct request *rq)
{
	int r = rq->part(rq);

	return r == REQUEST_PARTS ? r : reply_whole(rq, rq->cmd->name, r);
}

/* ---- on a vCPU ---------------------------------------------------------- */

static struct request *of_job(struct vcpu_job *job)
{
	return (struct request *)((char *)job - offsetof(struct request, job));
}

static void job_run(struct vcpu_job *job, struct vcpu *v)
{
	struct request *rq = of_job(job);

	rq->result = rq->on_vcpu(rq, v);
}

static void set_over(struct request *rq, bool ran)
{
	int fd = rq->s->pending->done_fd;

	rq->ran = ran;
	rq->over = true; /* from now on it may be freed */
	loop_wake(fd);
}

static void job_done(struct vcpu_job *job, bool ran)
{
	set_over(of_job(job), ran);
}

static void arm_timer(struct pending *p, bool on)
{
	struct itimerspec t = { 0 };

	if (p->armed == on)
		return;
	p->armed = on;
	if (on)
		t.it_interval.tv_nsec = t.it_value.tv_nsec = TICK_NS;
	if (timerfd_settime(p->timer_fd, 0, &t, NULL))
		warn("timerfd_settime: %s: deadlines are not enforced",
		     strerrordesc_np(errno));
}

/* Add to the pending requests. */
static void begin_pending(struct request *rq, command_fn then)
{
	struct pending *p = rq->s->pending;

	rq->then = then;
	rq->over = rq->ran = false;
	/* Disarmed by the first tick without a request to watch. */
	arm_timer(p, true);
	rq->next = p->first;
	p->first = rq;
}

int request_on_vcpu(struct request *rq, unsigned int vcpu, enum job_kind kind,
		    request_vcpu_fn fn, command_fn then)
{
	struct vcpu *v = &rq->m->vcpus[vcpu];

	if (kind == JOB_AGENT && request_may_agent(rq->m, v, &rq->err))
		return -1;
	rq->vcpu = v;
	rq->on_vcpu = fn;
	rq->patience.since = 0;
	rq->job = (struct vcpu_job){ .kind = kind,
				     .what = rq->cmd->name,
				     .run = job_run,
				     .done = job_done };
	begin_pending(rq, then);
	vcpu_submit(v, &rq->job);
	return REQUEST_PENDING;
}

static void *request_thread(void *arg)
{
	struct request *rq = arg;

	rq->result = sandbox_enter(&rq->m->sandbox, rq->sandbox, &rq->err);
	if (rq->result)
		machine_end(rq->m, STATUS_FAILED, "%s", rq->err.msg);
	else
		rq->result = rq->on_thread(rq);
	set_over(rq, true);
	return NULL;
}

int request_on_thread(struct request *rq, enum sandbox_kind sandbox,
		      command_fn fn, command_fn then)
{
	struct pending *p = rq->s->pending;
	pthread_attr_t attr;
	int r;

	rq->vcpu = NULL;
	rq->on_thread = fn;
	rq->sandbox = sandbox;
	rq->stuck = STUCK_NO;
	rq->job.cancelled = false;
	begin_pending(rq, then);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, THREAD_STACK);
	r = pthread_create(&rq->thread, &attr, request_thread, rq);
	pthread_attr_destroy(&attr);
	if (!r)
		return REQUEST_PENDING;
	p->first = rq->next;
	rq->on_thread = NULL;
	return err_os(&rq->err, r, "creating a thread for %s", rq->cmd->name);
}

bool request_cancelled(const struct request *rq)
{
	return rq->job.cancelled || rq->m->ending;
}

void request_stuck(struct request *rq, const struct err *why)
{
	int no = STUCK_NO;

	if (!atomic_compare_exchange_strong(&rq->stuck, &no, STUCK_SAYING))
		return;
	rq->stuck_why = *why;
	rq->stuck = STUCK_YES;
}

bool request_is_stuck(const struct request *rq)
{
	return rq->stuck != STUCK_NO;
}

void request_abandon(struct request *rq)
{
	rq->owner = NULL;
	rq->job.cancelled = true;
	if (!rq->on_thread)
		vcpu_kick(rq->vcpu);
}

int request_not_run(struct machine *m, struct vcpu *v, const struct patience *p,
		    struct err *e)
{
	if (m->ending)
		return err_state(e, "the machine is ending");
	return err_state(e, "vCPU %u did not reach the doorbell: %s", v->index,
			 *p->doing ? p->doing : "not waited for");
}

/* The thread is about to exit. */
static void join_thread(struct request *rq)
{
	if (rq->on_thread)
		pthread_join(rq->thread, NULL);
	rq->on_thread = NULL;
}

/* After the job or thread: reply, or continue with rq->then. */
static void complete_request(struct request *rq)
{
	int r;

	join_thread(rq);
	r = rq->ran ? rq->result
		    : request_not_run(rq->m, rq->vcpu, &rq->patience, &rq->err);
	if (!r && rq->then && rq->owner)
		r = rq->then(rq);
	if (r == REQUEST_PENDING)
		return;
	/* The request was logged at its start. Log a failure as well. */
	if (r < 0)
		event_add_request(&rq->m->events, rq->text, rq->text_len,
				  err_kind_name(rq->err.kind));
	if (rq->owner)
		finish_reply(rq, rq->cmd->name, r);
	end_watched(rq, r, &rq->err);
	rq->client->finished(rq);
}

static void on_done(void *arg, uint32_t events)
{
	struct pending *p = arg;
	struct request **at = &p->first, *rq, *over = NULL;
	uint64_t n;

	(void)events;
	if (read(p->done_fd, &n, sizeof(n)) < 0)
		return;
	/* Unlink them first: complete_request() may add some again. */
	while ((rq = *at)) {
		if (rq->over) {
			*at = rq->next;
			rq->next = over;
			over = rq;
		} else {
			at = &rq->next;
		}
	}
	while ((rq = over)) {
		over = rq->next;
		complete_request(rq);
	}
}

/* A vCPU (or the thread, see @rq->stuck_why) hangs in the kernel. Reply with
 * the error, but keep the request for the job that still points to it. */
static void detach_request(struct request *rq)
{
	struct request *stand_in = calloc(1, sizeof(*stand_in));

	if (!stand_in)
		return; /* the next tick retries */
	stand_in->s = rq->s;
	stand_in->m = rq->m;
	stand_in->owner = rq->owner;
	stand_in->client = rq->client;
	if (rq->on_thread)
		stand_in->err = rq->stuck_why;
	else
		err_state(&stand_in->err,
			  "vCPU %u does not return from the kernel: %s",
			  rq->vcpu->index, rq->patience.doing);
	end_watched(rq, -1, &stand_in->err);
	rq->owner = NULL;
	finish_reply(stand_in, rq->cmd->name, -1);
	stand_in->client->finished(stand_in);
}

static void check_deadline(struct request *rq)
{
	if (rq->over)
		return;
	if (rq->on_thread) { /* the thread watches its own jobs */
		if (rq->stuck == STUCK_YES && rq->owner)
			detach_request(rq);
		return;
	}
	if (patience_job(&rq->patience, rq->vcpu, &rq->job, false) ==
		    PATIENCE_STUCK &&
	    rq->owner)
		detach_request(rq);
}

static void on_tick(void *arg, uint32_t events)
{
	struct pending *p = arg;
	struct request *rq, *next;
	uint64_t n;

	(void)events;
	if (read(p->timer_fd, &n, sizeof(n)) < 0)
		return;
	for (rq = p->first; rq; rq = next) {
		next = rq->next;
		check_deadline(rq);
	}
	arm_timer(p, p->first);
}

int pending_init(struct session *s, struct pending *p, struct err *e)
{
	memset(p, 0, sizeof(*p));
	p->s = s;
	s->pending = p;
	p->timer_fd = -1;
	p->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (p->done_fd >= 0)
		p->timer_fd = timerfd_create(CLOCK_MONOTONIC,
					     TFD_CLOEXEC | TFD_NONBLOCK);
	if (p->timer_fd < 0)
		return err_os(e, errno, "eventfd and timerfd for requests");
	p->done = (struct loop_source){ p->done_fd, on_done, p };
	p->tick = (struct loop_source){ p->timer_fd, on_tick, p };
	if (loop_add(&s->m->loop, &p->done, EPOLLIN) ||
	    loop_add(&s->m->loop, &p->tick, EPOLLIN))
		return err_os(e, errno, "epoll_ctl");
	return 0;
}

bool pending_stop(struct pending *p)
{
	struct timespec t;

	for (struct request *rq = p->first; rq; rq = rq->next)
		if (rq->on_thread)
			rq->job.cancelled = true;
	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_sec += JOIN_S;
	for (struct request *rq = p->first; rq; rq = rq->next) {
		if (!rq->on_thread)
			continue;
		if (pthread_timedjoin_np(rq->thread, NULL, &t)) {
			warn("%s does not end (a hang in the kernel?): "
			     "exiting without it",
			     rq->cmd->name);
			return false;
		}
		rq->on_thread = NULL;
	}
	return true;
}

void pending_free(struct pending *p)
{
	struct request *rq;

	/* The vCPUs and threads are joined: every job has ended. */
	while ((rq = p->first)) {
		p->first = rq->next;
		complete_request(rq);
	}
	if (p->done_fd >= 0)
		close(p->done_fd);
	if (p->timer_fd >= 0)
		close(p->timer_fd);
}
