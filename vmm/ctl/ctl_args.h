/* SPDX-License-Identifier: GPL-2.0-only */
/* Build requests from command line arguments and from lines of text. */
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
 * Join the arguments from argv[*at] up to a lone ";" or the end to a request,
 * and move *at past it. Quotes arguments with blanks, except a single argument
 * that is the whole command. Returns 1, 0 if no arguments are left, -1 with a
 * usage error.
 */
int request_join(int argc, char *const *argv, int *at, struct ctl_request *q,
		 struct err *e);

/* Build a request from a line without its newline. Returns 1; 0 for an empty
 * line or a comment, which is not sent; -1 with a usage error. */
int request_line(const char *line, size_t n, struct ctl_request *q,
		 struct err *e);

/* Does @q consist of @word alone? */
bool request_is(const struct ctl_request *q, const char *word);

#endif
