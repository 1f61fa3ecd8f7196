// SPDX-License-Identifier: GPL-2.0-only
/* Documentation/ABI/testing/dev-kmsg: one record a read,
 * "priority,sequence,usec,flags[,...];text\n KEY=value\n". */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kmsg.h"

#define KERN_WARNING 4
#define RECORD_MAX   8192 /* the kernel's PRINTKRB_RECORD_MAX is less */

const char *kmsg_parse(char *record)
{
	char *end, *text = strchr(record, ';');
	unsigned long prio = strtoul(record, &end, 10);

	/* The facility is above the level: 0 is the kernel's own. */
	if (!text || *end != ',' || prio > KERN_WARNING)
		return NULL;
	text++;
	text[strcspn(text, "\n")] = '\0';
	return text;
}

static void ready(void *arg, uint32_t events)
{
	struct kmsg *k = arg;
	char buf[RECORD_MAX + 1];
	const char *text;
	ssize_t n;

	(void)events;
	for (;;) {
		n = read(k->fd, buf, RECORD_MAX);
		if (n < 0 && errno == EPIPE) {
			event_add(
				k->events, EVENT_KERNEL,
				"some kernel messages were overwritten before they "
				"could be read");
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		buf[n] = '\0';
		text = kmsg_parse(buf);
		if (text)
			event_add(k->events, EVENT_KERNEL, "%s", text);
	}
}

void kmsg_open(struct kmsg *k, struct events *ev, struct loop *loop)
{
	k->events = ev;
	k->loop = loop;
	k->fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (k->fd < 0) {
		event_add(ev, EVENT_MACHINE,
			  "kernel messages are not watched: /dev/kmsg: %s",
			  strerrordesc_np(errno));
		return;
	}
	lseek(k->fd, 0, SEEK_END);
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
