// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "base/json_path.h"
#include "play/reply.h"

int reply_ask(struct ctl_link *l, const char *request, const struct cancel *c,
	      struct reply_text *r)
{
	struct ctl_request q;
	const char *line;
	int lost, ret;
	size_t n;

	if (request_line(request, strlen(request), &q, NULL) != 1)
		return -1;
	lost = link_send(l, &q);
	for (;;) {
		/* Also after a failure: a machine that refuses a client replies
		 * before it closes the connection. */
		while ((line = link_line(l, &n))) {
			if (link_account(l, line, n) == REPLY_EVENT)
				continue;
			*r = (struct reply_text){ line, n };
			return 0;
		}
		ret = lost ? -1 : link_wait(l, c->fd);
		if (ret)
			return ret;
	}
}

static bool keep_value(void *arg, const struct json_read *value)
{
	*(struct json_read *)arg = *value;
	return false;
}

bool reply_find(const struct reply_text *r, const char *path,
		struct json_read *value)
{
	return r->text && field_each(r->text, r->n, path, keep_value, value) ==
				  FIELD_STOPPED;
}

void reply_string(const struct reply_text *r, const char *path, char *buf,
		  size_t size)
{
	struct json_read value;

	buf[0] = 0;
	if (reply_find(r, path, &value) && value.last == JSON_STRING)
		json_read_string(&value, buf, size);
}

enum reply_kind reply_kind_of(const struct reply_text *r)
{
	struct reply reply = { .kind = REPLY_BAD };

	if (r->text)
		reply_classify(r->text, r->n, &reply);
	return reply.kind;
}
