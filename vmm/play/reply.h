/* SPDX-License-Identifier: GPL-2.0-only */
/* A request to a machine, and the fields of its reply. */
#ifndef GPCVM_PLAY_REPLY_H
#define GPCVM_PLAY_REPLY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/json_read.h"
#include "ctl/ctl_link.h"
#include "play/cancel.h"

struct reply_text {
	const char *text; /* NULL: none */
	size_t n;
};

/* Send @request, a line that is a valid request, and wait for its reply; skip
 * events. Returns 0; 1 when @c cancels; -1 when the connection is lost. The reply
 * belongs to @l until that is used again. */
int reply_ask(struct ctl_link *l, const char *request, const struct cancel *c,
	      struct reply_text *r);

/* Read the first value at @path; false if there is none. */
bool reply_find(const struct reply_text *r, const char *path,
		struct json_read *value);
/* Copy the string at @path into @buf; "" if there is none. */
void reply_string(const struct reply_text *r, const char *path, char *buf,
		  size_t size);
/* REPLY_BAD without a text. */
enum reply_kind reply_kind_of(const struct reply_text *r);

#endif
