// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/kmsg.h"
#include "play/scenario_watch.h"

#define TAINT	     "/proc/sys/kernel/tainted"
#define MAX_MESSAGES 10000 /* a kernel may warn in a loop */

bool watch_read_taint(const char *path, unsigned long *taint)
{
	FILE *f = fopen(path, "re");
	char line[32], *end = line;

	if (!f)
		return false;
	if (fgets(line, sizeof(line), f))
		*taint = strtoul(line, &end, 10);
	fclose(f);
	errno = end == line ? ENODATA : 0;
	return end != line;
}

void watch_open(struct watch *w)
{
	*w = (struct watch){ .kmsg = -1 };
	pthread_mutex_init(&w->lock, NULL);
	w->kmsg = kmsg_open_end();
	if (w->kmsg < 0) {
		w->kmsg_errno = -w->kmsg;
		w->kmsg = -1;
	}
	w->has_taint = watch_read_taint(TAINT, &w->taint);
	w->taint_errno = errno;
}

void watch_close(struct watch *w)
{
	if (w->kmsg >= 0)
		close(w->kmsg);
	for (size_t i = 0; i < w->nr; i++)
		free(w->messages[i]);
	for (size_t i = 0; i < w->nr_excused; i++)
		free(w->excused[i]);
	free(w->messages);
	free(w->excused);
	pthread_mutex_destroy(&w->lock);
}

/* Append a copy of @text to a list. The caller holds the lock. */
static void append_text(struct watch *w, char ***list, size_t *nr,
			const char *text)
{
	char **more = realloc(*list, (*nr + 1) * sizeof(*more));

	if (more) {
		*list = more;
		more[*nr] = strdup(text);
	}
	if (more && more[*nr])
		++*nr;
	else
		w->no_memory = true;
}

/* The caller holds the lock. */
static void add_message(struct watch *w, const char *message)
{
	if (w->nr < MAX_MESSAGES)
		append_text(w, &w->messages, &w->nr, message);
}

void watch_read(struct watch *w)
{
	char buf[KMSG_RECORD];
	const char *text;

	if (w->kmsg < 0)
		return;
	pthread_mutex_lock(&w->lock);
	errno = EAGAIN; /* for the end of a pipe, in tests */
	while ((text = kmsg_next(w->kmsg, buf)))
		add_message(w, text);
	if (errno != EAGAIN) {
		w->kmsg_errno = errno;
		close(w->kmsg);
		w->kmsg = -1;
	}
	pthread_mutex_unlock(&w->lock);
}

void watch_mark(struct watch *w)
{
	watch_read(w);
	pthread_mutex_lock(&w->lock);
	w->mark = w->nr;
	pthread_mutex_unlock(&w->lock);
}

static void excuse_text(struct watch *w, const char *text)
{
	for (size_t i = 0; i < w->nr_excused; i++)
		if (!strcmp(w->excused[i], text))
			return;
	append_text(w, &w->excused, &w->nr_excused, text);
}

bool watch_expect(struct watch *w, const char *text)
{
	bool found = false;

	watch_read(w);
	pthread_mutex_lock(&w->lock);
	for (size_t i = w->mark; i < w->nr && !found; i++) {
		found = strstr(w->messages[i], text);
		if (found)
			w->mark = i + 1;
	}
	if (found)
		excuse_text(w, text);
	pthread_mutex_unlock(&w->lock);
	return found;
}
