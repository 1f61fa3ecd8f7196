// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "ctl/ctl_args.h"

static int add_text(struct ctl_request *q, const char *s, size_t n,
		    struct err *e)
{
	if (n > LINE_MAX_BYTES - q->len)
		return err_usage(
			e,
			"the command \"%.40s...\" is longer than the limit of "
			"%d bytes",
			q->len ? q->text : s, LINE_MAX_BYTES);
	memcpy(q->text + q->len, s, n);
	q->len += n;
	q->text[q->len] = 0;
	return 0;
}

/* A newline would split the request in two. */
static int check_no_newline(const char *s, size_t n, struct err *e)
{
	const char *bad = memchr(s, '\n', n);

	if (!bad)
		bad = memchr(s, 0, n);
	if (!bad)
		return 0;
	return err_usage(
		e,
		"the command \"%.*s...\" contains a %s, which would end it: %s",
		(int)(bad - s < 40 ? bad - s : 40), s,
		*bad ? "newline" : "NUL byte",
		*bad ? "separate commands with ;" : "remove it");
}

static int add_quoted(struct ctl_request *q, const char *s, struct err *e)
{
	if (add_text(q, "\"", 1, e))
		return -1;
	for (; *s; s++) {
		if ((*s == '"' || *s == '\\') && add_text(q, "\\", 1, e))
			return -1;
		if (add_text(q, s, 1, e))
			return -1;
	}
	return add_text(q, "\"", 1, e);
}

static int add_word(struct ctl_request *q, const char *s, struct err *e)
{
	if (q->len && add_text(q, " ", 1, e))
		return -1;
	if (!*s || strpbrk(s, " \t\""))
		return add_quoted(q, s, e);
	return add_text(q, s, strlen(s), e);
}

static bool is_separator(const char *s)
{
	return strcmp(s, ";") == 0;
}

int request_join(int argc, char *const *argv, int *at, struct ctl_request *q,
		 struct err *e)
{
	int first = *at;
	int last = first;

	q->len = 0;
	q->text[0] = 0;
	if (first >= argc)
		return 0;
	while (last < argc && !is_separator(argv[last]))
		last++;
	*at = last + 1;
	if (last == first)
		return err_usage(e, "no command before the \";\" at word %d",
				 first + 1);
	for (int i = first; i < last; i++)
		if (check_no_newline(argv[i], strlen(argv[i]), e))
			return -1;
	if (last == first + 1) {
		if (!argv[first][strspn(argv[first], " \t")])
			return err_usage(e,
					 "the command \"%.40s\" is empty: "
					 "try help",
					 argv[first]);
		return add_text(q, argv[first], strlen(argv[first]), e) ? -1
									: 1;
	}
	for (int i = first; i < last; i++)
		if (add_word(q, argv[i], e))
			return -1;
	return 1;
}

int request_line(const char *line, size_t n, struct ctl_request *q,
		 struct err *e)
{
	size_t blanks = 0;

	q->len = 0;
	q->text[0] = 0;
	if (n && line[n - 1] == '\r')
		n--;
	while (blanks < n && (line[blanks] == ' ' || line[blanks] == '\t'))
		blanks++;
	if (blanks == n || line[blanks] == '#')
		return 0;
	if (check_no_newline(line, n, e) || add_text(q, line, n, e))
		return -1;
	return 1;
}

bool request_is(const struct ctl_request *q, const char *word)
{
	size_t start = strspn(q->text, " \t");
	size_t n = strcspn(q->text + start, " \t");
	size_t rest = strspn(q->text + start + n, " \t");

	return n == strlen(word) && start + n + rest == q->len &&
	       memcmp(q->text + start, word, n) == 0;
}
