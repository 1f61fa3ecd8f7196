// SPDX-License-Identifier: GPL-2.0-only
/* Set the fields of a row. */
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "probe/probe_row.h"

const struct probe_row *probe_find(const struct probe *p, const char *name)
{
	unsigned int i;

	for (i = 0; i < p->nr; i++)
		if (strcmp(p->rows[i].name, name) == 0)
			return &p->rows[i];
	return NULL;
}

void row_set(struct probe_row *r, enum probe_state state, bool tried,
	     const char *fmt, ...)
{
	va_list ap;

	r->state = state;
	r->tried = tried;
	va_start(ap, fmt);
	vsnprintf(r->value, sizeof(r->value), fmt, ap);
	va_end(ap);
}

void row_use(struct probe_row *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(r->use, sizeof(r->use), fmt, ap);
	va_end(ap);
}

void row_why(struct probe_row *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(r->detail, sizeof(r->detail), fmt, ap);
	va_end(ap);
}

enum probe_state row_state(int os_errno)
{
	if (os_errno == EMFILE || os_errno == ENFILE || os_errno == ENOMEM)
		return PROBE_UNKNOWN;
	return PROBE_NO;
}

bool row_in_doubt(int os_errno)
{
	return os_errno != EINVAL && os_errno != ENOTTY &&
	       os_errno != EOPNOTSUPP;
}

void row_fail(struct probe_row *r, const struct err *e, const char *fmt, ...)
{
	va_list ap;

	r->state = row_state(e->os_errno);
	r->tried = true;
	va_start(ap, fmt);
	vsnprintf(r->value, sizeof(r->value), fmt, ap);
	va_end(ap);
	row_why(r, "%s", e->msg);
}

void row_add(char *buf, size_t size, const char *fmt, ...)
{
	size_t len = strlen(buf);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf + len, size - len, fmt, ap);
	va_end(ap);
}
