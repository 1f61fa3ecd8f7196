// SPDX-License-Identifier: GPL-2.0-only
/* What a list of statements sees, and its notes and failures. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "play/ktap.h"
#include "play/scenario_player.h"

/* Of a reply: enough for a storm with its threads, or a check of many pages. */
#define SHOW_BYTES 65536

/* ---- notes -------------------------------------------------------------- */

/* Replace control characters: the guest may send some, and a terminal obeys. */
static void write_clean(FILE *f, const char *text, size_t n)
{
	for (size_t i = 0, len; i < n; i += len) {
		unsigned char c = (unsigned char)text[i];

		len = utf8_len(text + i, n - i);
		if (!len || c < 0x20 || c == 0x7f ||
		    (c == 0xc2 && (unsigned char)text[i + 1] < 0xa0)) {
			fputc(c == '\t' ? ' ' : '?', f);
			len = len ? len : 1;
		} else {
			fwrite(text + i, 1, len, f);
		}
	}
}

static void write_note(struct branch *b, const char *mark, const char *fmt,
		       va_list ap)
{
	char line[2048];
	int n = vsnprintf(line, sizeof(line), fmt, ap);

	if (n < 0)
		return;
	if ((size_t)n >= sizeof(line))
		n = (int)sizeof(line) - 1;
	fputs(mark, b->notes);
	write_clean(b->notes, line, (size_t)n);
	fputc('\n', b->notes);
}

void branch_note(struct branch *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	write_note(b, "# ", fmt, ap);
	va_end(ap);
}

void branch_note_host(struct branch *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	write_note(b, KTAP_HOST_NOTE, fmt, ap);
	va_end(ap);
}

void branch_show(struct branch *b, const char *what, const char *text, size_t n)
{
	size_t len;

	for (; n; text += len, n -= len) {
		len = strcspn(text, "\n") < n ? strcspn(text, "\n") : n;
		fprintf(b->notes, "#   %s: ", what);
		write_clean(b->notes, text,
			    len && text[len - 1] == '\r' ? len - 1 : len);
		fputc('\n', b->notes);
		if (len < n)
			len++;
	}
}

void branch_show_reply_of(struct branch *b, const struct stmt *s,
			  const struct reply_text *r)
{
	size_t n = r->n < SHOW_BYTES ? r->n : SHOW_BYTES;

	if (!r->text)
		return;
	if (s)
		branch_note(b, "  command: line %u: %s", s->line, s->text);
	branch_show(b, "reply", r->text, n);
	if (n < r->n)
		branch_note(b, "  reply: ... (%zu bytes in all)", r->n);
}

void branch_show_reply(struct branch *b)
{
	branch_show_reply_of(b, b->asked, &b->reply);
}

static void show_lost(struct branch *b, int os_errno)
{
	if (os_errno)
		branch_note(b, "  some of the machine's output was lost: %s",
			    strerrordesc_np(os_errno));
}

void branch_show_output(struct branch *b)
{
	struct listener *l = &b->p->vm.events;
	char *text;
	int lost;
	size_t n;

	if (!b->p->vm.there)
		return;
	pthread_mutex_lock(&l->lock);
	n = l->len;
	lost = l->lost;
	text = strndup(l->text ? l->text : "", n);
	pthread_mutex_unlock(&l->lock);
	if (text)
		branch_show(b, "gpcvm run", text, strlen(text));
	show_lost(b, text ? lost : ENOMEM);
	free(text);
}

/* Lines of gpcvm itself begin with its name; those of a machine that ended well are
 * warnings. */
void branch_show_warnings(struct branch *b)
{
	static const char mark[] = "gpcvm: ";
	const struct vm *vm = &b->p->vm;
	const struct listener *l = &vm->events;
	const char *end = l->text + l->len, *at = l->text;

	while (!vm->remote && !vm->status && at < end) {
		const char *nl = memchr(at, '\n', (size_t)(end - at)) ?: end;
		size_t n = (size_t)(nl - at);

		if (n >= strlen(mark) && !memcmp(at, mark, strlen(mark)))
			branch_show(b, "gpcvm run", at, n);
		at = nl < end ? nl + 1 : end;
	}
	show_lost(b, l->lost);
}

int branch_fail(struct branch *b, const struct stmt *s, const char *why)
{
	if (!b->failed) {
		b->failed = true;
		b->line = s ? s->line : 0;
		snprintf(b->why, sizeof(b->why), "%s", why);
	}
	if (s)
		branch_note(b, "%s:%u: %s", b->p->s->path, s->line, s->text);
	branch_note(b, "%s%s", s ? "  " : "", why);
	return -1;
}

int branch_init(struct branch *b, struct player *p)
{
	*b = (struct branch){ .p = p, .link.fd = -1, .link.closed = true };
	json_init(&b->verdicts);
	b->notes = open_memstream(&b->notes_text, &b->notes_len);
	if (b->notes)
		return 0;
	b->p = NULL;
	return -1;
}

void branch_close(struct branch *b)
{
	if (b->notes)
		fclose(b->notes);
	b->notes = NULL;
}

void branch_free(struct branch *b)
{
	branch_close(b);
	free(b->notes_text);
	link_close(&b->link);
	free((char *)b->reply.text);
	free((char *)b->ended_reply.text);
	json_free(&b->verdicts);
}
