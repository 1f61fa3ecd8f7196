// SPDX-License-Identifier: GPL-2.0-only
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "err.h"

static const char *const kind_names[] = {
	[ERR_NONE] = "none",
	[ERR_USAGE] = "usage",
	[ERR_RANGE] = "range",
	[ERR_STATE] = "state",
	[ERR_UNSUPPORTED] = "unsupported",
	[ERR_KVM] = "kvm",
	[ERR_OS] = "os",
};

const char *err_kind_name(enum err_kind kind)
{
	return kind_names[kind];
}

const char *err_errno_name(int os_errno)
{
	return os_errno ? strerrorname_np(os_errno) : NULL;
}

int err_set(struct err *e, enum err_kind kind, int os_errno, const char *fmt,
	    ...)
{
	va_list ap;
	int n;

	if (!e)
		return -1;
	e->kind = kind;
	e->os_errno = os_errno;
	va_start(ap, fmt);
	n = vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
	va_end(ap);
	if (os_errno && n >= 0 && (size_t)n < sizeof(e->msg))
		snprintf(e->msg + n, sizeof(e->msg) - (size_t)n, ": %s",
			 strerrordesc_np(os_errno) ?: "unknown error");
	return -1;
}

void complain(const char *fmt, ...)
{
	char line[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	/* One write, so that the lines of several processes do not mix. */
	fprintf(stderr, "gpcvm: %s\n", line);
}

void complain_err(const struct err *e)
{
	complain("%s", e->msg);
}
