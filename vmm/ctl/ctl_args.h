/* SPDX-License-Identifier: GPL-2.0-only */
/* From command line arguments, and lines that somebody wrote, to requests. */
#ifndef GPCVM_CTL_ARGS_H
#define GPCVM_CTL_ARGS_H

#include <stdbool.h>

#include "base/err.h"
#include "base/text.h"

struct ctl_request {
	char text[LINE_MAX_BYTES + 1];
	size_t len;
};

/*
 * Join arguments to the next request, from argv[*at] up to a lone ";" or the
 * end, and step *at behind it. An argument that would not be one word there is
 * put in quotes; but one that is all of its command is taken as it is. Returns
 * 1, 0 when no arguments are left, -1 with a usage error.
 */
int request_join(int argc, char *const *argv, int *at, struct ctl_request *q,
		 struct err *e);

/* A line without its newline as a request. Returns 1; 0 for an empty line or
 * a comment, which is not sent; -1 with a usage error. */
int request_line(const char *line, size_t n, struct ctl_request *q,
		 struct err *e);

/* @q consists of @word alone. */
bool request_is(const struct ctl_request *q, const char *word);

#endif
