// SPDX-License-Identifier: GPL-2.0-only
/* /dev/kmsg (Documentation/ABI/testing/dev-kmsg): each read returns one record,
 * "priority,sequence,usec,flags[,...];text\n KEY=value\n". */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/num.h"
#include "host/kmsg.h"

#define KERN_WARNING 4

/*
 * Messages of WARNING or worse that only report a slow or shared machine:
 * something took too long, and the kernel goes on. They appear at random and
 * indicate no defect. Not in this list: something is stuck (an RCU stall, a
 * lockup, a hung task) or two clocks disagree ("Marking clocksource ... as
 * unstable"), since a broken kernel prints those too.
 */
static const struct {
	const char *prefix, *has;
} of_load[] = {
	/* kernel/time/hrtimer.c, hrtimer_interrupt() */
	{ "hrtimer: interrupt took ", "" },
	/* kernel/events/core.c, perf_duration_warn() */
	{ "perf: interrupt took too long ", "" },
	/* kernel/sched/deadline.c, replenish_dl_entity() */
	{ "sched: DL replenish lagged too much", "" },
	/* kernel/sched/rt.c, sched_rt_runtime_exceeded() */
	{ "sched: RT throttling activated", "" },
	/* kernel/workqueue.c, wq_cpu_intensive_report() */
	{ "workqueue: ", " hogged CPU for >" },
	/* kernel/time/clocksource.c, cs_watchdog_read() */
	{ "clocksource: timekeeping watchdog on CPU",
	  " excessive read-back delay of " },
	/* kernel/time/clocksource.c, clocksource_watchdog() */
	{ "clocksource: Long readout interval, skipping watchdog check", "" },
	/* arch/x86/kernel/nmi.c, nmi_check_duration() */
	{ "INFO: NMI handler ", " took too long to run: " },
};

static bool is_of_load(const char *text)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(of_load); i++)
		if (!strncmp(text, of_load[i].prefix,
			     strlen(of_load[i].prefix)) &&
		    strstr(text, of_load[i].has))
			return true;
	return false;
}

const char *kmsg_parse(char *record)
{
	char *end, *text = strchr(record, ';');
	unsigned long prio = strtoul(record, &end, 10);

	/* The priority holds the facility above the level; facility 0 is the
	 * kernel's own. */
	if (!text || *end != ',' || prio > KERN_WARNING || is_of_load(++text))
		return NULL;
	text[strcspn(text, "\n")] = '\0';
	return text;
}

int kmsg_open_end(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	lseek(fd, 0, SEEK_END);
	return fd;
}

const char *kmsg_next(int fd, char buf[static KMSG_RECORD])
{
	const char *text;
	ssize_t n;

	for (;;) {
		n = read(fd, buf, KMSG_RECORD - 1);
		if (n < 0 && errno == EPIPE)
			return "lost kernel messages: they were overwritten "
			       "before they could be read";
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return NULL;
		buf[n] = '\0';
		text = kmsg_parse(buf);
		if (text)
			return text;
	}
}

void kmsg_close(struct kmsg *k)
{
	if (k->fd < 0)
		return;
	loop_remove(k->loop, &k->source);
	close(k->fd);
	k->fd = -1;
}

static void kmsg_ready(void *arg, uint32_t events)
{
	struct kmsg *k = arg;
	char buf[KMSG_RECORD];
	const char *text;

	(void)events;
	errno = EAGAIN; /* that there is no more */
	while ((text = kmsg_next(k->fd, buf)))
		event_add(k->events, EVENT_KERNEL, "%s", text);
	if (errno == EAGAIN)
		return;
	event_add(k->events, EVENT_MACHINE,
		  "kernel messages are no longer watched: /dev/kmsg: %s",
		  strerrordesc_np(errno));
	kmsg_close(k);
}

void kmsg_open(struct kmsg *k, struct events *ev, struct loop *loop)
{
	k->events = ev;
	k->loop = loop;
	k->fd = kmsg_open_end();
	if (k->fd < 0) {
		event_add(ev, EVENT_MACHINE,
			  "kernel messages not watched: /dev/kmsg: %s",
			  strerrordesc_np(-k->fd));
		k->fd = -1;
		return;
	}
	k->source = (struct loop_source){ k->fd, kmsg_ready, k };
	if (loop_add(loop, &k->source, EPOLLIN)) {
		event_add(ev, EVENT_MACHINE,
			  "kernel messages not watched: epoll_ctl: %s",
			  strerrordesc_np(errno));
		close(k->fd);
		k->fd = -1;
	}
}
