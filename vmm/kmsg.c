// SPDX-License-Identifier: GPL-2.0-only
/* Documentation/ABI/testing/dev-kmsg: one record a read,
 * "priority,sequence,usec,flags[,...];text\n KEY=value\n". */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kmsg.h"
#include "num.h"

#define KERN_WARNING 4

/*
 * What a kernel writes, once or rarely, because the machine that it runs on is
 * slow or shared: hrtimer_interrupt() in kernel/time/hrtimer.c,
 * perf_duration_warn() in kernel/events/core.c. It tells of no defect, and comes
 * when it likes.
 */
static const char *const of_load[] = {
	"hrtimer: interrupt took ",
	"perf: interrupt took too long ",
};

static bool is_of_load(const char *text)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(of_load); i++)
		if (!strncmp(text, of_load[i], strlen(of_load[i])))
			return true;
	return false;
}

const char *kmsg_parse(char *record)
{
	char *end, *text = strchr(record, ';');
	unsigned long prio = strtoul(record, &end, 10);

	/* The facility is above the level: 0 is the kernel's own. */
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
			return "some kernel messages were overwritten before "
			       "they could be read";
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

static void ready(void *arg, uint32_t events)
{
	struct kmsg *k = arg;
	char buf[KMSG_RECORD];
	const char *text;

	(void)events;
	while ((text = kmsg_next(k->fd, buf)))
		event_add(k->events, EVENT_KERNEL, "%s", text);
}

void kmsg_open(struct kmsg *k, struct events *ev, struct loop *loop)
{
	k->events = ev;
	k->loop = loop;
	k->fd = kmsg_open_end();
	if (k->fd < 0) {
		event_add(ev, EVENT_MACHINE,
			  "kernel messages are not watched: /dev/kmsg: %s",
			  strerrordesc_np(-k->fd));
		k->fd = -1;
		return;
	}
	k->source = (struct loop_source){ k->fd, ready, k };
	if (loop_add(loop, &k->source, EPOLLIN)) {
		event_add(ev, EVENT_MACHINE,
			  "kernel messages are not watched: epoll_ctl: %s",
			  strerrordesc_np(errno));
		close(k->fd);
		k->fd = -1;
	}
}

void kmsg_close(struct kmsg *k)
{
	if (k->fd < 0)
		return;
	loop_remove(k->loop, &k->source);
	close(k->fd);
}
