// SPDX-License-Identifier: GPL-2.0-only
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/out.h"

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

/* Before the machine runs there is no buffer, and blocking does no harm. */
static void print_message(const char *text, size_t len)
{
	if (!out_message(text, len))
		fwrite(text, 1, len, stderr);
}

void warn(const char *fmt, ...)
{
	char line[1024];
	size_t len = strlen(strcpy(line, "gpcvm: "));
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line + len, sizeof(line) - len - 1, fmt, ap);
	va_end(ap);
	/* Write the line at once, so that lines of several processes do not
	 * mix. */
	len = strlen(line);
	line[len] = '\n';
	print_message(line, len + 1);
}

void warn_err(const struct err *e)
{
	warn("%s", e->msg);
}

void warn_lines(const char *fmt, ...)
{
	char text[2048];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n > 0)
		print_message(text, (size_t)n < sizeof(text)
					    ? (size_t)n
					    : sizeof(text) - 1);
}
