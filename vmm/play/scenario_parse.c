// SPDX-License-Identifier: GPL-2.0-only
/* From the text of a scenario to its statements. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/command.h"
#include "base/text.h"
#include "config/config.h"
#include "play/scenario.h"

/* A block that is open, or the file. */
struct frame {
	struct stmt *block;  /* NULL: the file */
	struct stmt **tail;  /* where the next statement goes */
	struct stmt *direct; /* the command, as long as only expects follow */
	unsigned int branches;
	bool parallel; /* this or one around it is */
	bool reply;    /* a command came before */
};

struct parser {
	struct scenario *s;
	struct scenario_error *e;
	const struct scenario_source *from;
	struct frame frames[SCENARIO_MAX_DEPTH + 1];
	unsigned int depth;
	bool vm; /* one was seen */
	/* The line that is being looked at. */
	unsigned int line;
	const char *text;
	struct stmt *now;
	char *word; /* its first */
};

/* How many characters are before byte @at. */
static unsigned int column_of(const char *text, size_t at)
{
	unsigned int n = 1;

	for (size_t i = 0; i < at; i++)
		n += ((unsigned char)text[i] & 0xc0) != 0x80;
	return n;
}

static int wrong_at(struct parser *p, size_t at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static int wrong_at(struct parser *p, size_t at, const char *fmt, ...)
{
	va_list ap;

	p->e->line = p->line;
	p->e->column = column_of(p->text, at);
	va_start(ap, fmt);
	vsnprintf(p->e->msg, sizeof(p->e->msg), fmt, ap);
	va_end(ap);
	return -1;
}

/* Where word @i of the line begins, its quote with it; 0 is the first. */
static size_t word_at(const struct parser *p, int i)
{
	const char *w = i > 0 && i <= p->now->argc ? p->now->argv[i - 1]
						   : p->word;
	size_t at = (size_t)(w - p->now->words);

	return at && p->text[at - 1] == '"' ? at - 1 : at;
}

#define wrong_word(p, i, ...) wrong_at(p, word_at(p, i), __VA_ARGS__)

/* ---- one line ------------------------------------------------------------ */

static void names_of_statements(char *buf, size_t size)
{
	size_t n = 0;

	buf[0] = 0;
	for (unsigned int i = 0; i < statements_nr && n < size; i++)
		n += (size_t)snprintf(buf + n, size - n, "%s%s", i ? ", " : "",
				      statements[i].name);
}

static int check_count(struct parser *p, const char *args, unsigned int min,
		       unsigned int max)
{
	unsigned int n = (unsigned int)p->now->argc;

	if (n < min)
		return wrong_at(p, strlen(p->text),
				"%s: %u arguments are too few: expected %s %s",
				p->word, n, p->word, args);
	if (n > max)
		return wrong_word(p, (int)max + 1,
				  "%s: %u arguments are too many: expected "
				  "%s%s%s",
				  p->word, n, p->word, *args ? " " : "", args);
	return 0;
}

/* What the first word is: a statement, or a command. */
static int find_row(struct parser *p)
{
	const struct statement *st = statement_find(p->word);
	const struct command *c = st ? NULL
				     : command_find(p->from->commands, p->word);
	char names[256];

	if (st) {
		p->now->what = st;
		return check_count(p, st->args, st->min, st->max);
	}
	if (c) {
		p->now->what = &statement_command;
		return check_count(p, c->args, c->min, c->max);
	}
	names_of_statements(names, sizeof(names));
	return wrong_word(p, 0,
			  "no statement or command \"%.64s\": expected %s, or "
			  "one of gpcvm-control(7)",
			  p->word, names);
}

static int split(struct parser *p)
{
	char *words[LINE_MAX_WORDS];
	struct stmt *s = p->now;
	struct err e;
	size_t bad = 0;
	int n;

	s->words = strdup(p->text);
	if (!s->words)
		return wrong_at(p, 0, "out of memory");
	n = text_split_at(s->words, words, &bad, &e);
	if (n < 0)
		return wrong_at(p, bad, "%s", e.msg);
	p->word = words[0];
	s->argc = n - 1;
	/* One more, for those who want a NULL behind the last. */
	s->argv = calloc((size_t)n, sizeof(*s->argv));
	if (!s->argv)
		return wrong_at(p, 0, "out of memory");
	memcpy(s->argv, words + 1, (size_t)(n - 1) * sizeof(*words));
	return 0;
}

/* ---- where it may stand -------------------------------------------------- */

static int check_machine(struct parser *p, unsigned int flags)
{
	bool is_vm = !strcmp(p->word, "vm");

	if (is_vm && p->from->machine == MACHINE_GIVEN)
		return wrong_word(p, 0,
				  "vm: the machine is the one of gpcvm run "
				  "--scenario: expected no vm line");
	if (flags & STMT_FIRST && p->vm)
		return wrong_word(p, 0, "%s: expected before the first vm",
				  p->word);
	if (flags & STMT_MACHINE && !p->vm &&
	    p->from->machine == MACHINE_OF_FILE)
		return wrong_word(p, 0,
				  "%s: there is no machine yet: expected a vm "
				  "line before it",
				  p->word);
	p->vm |= is_vm;
	return 0;
}

static int check_place(struct parser *p)
{
	unsigned int flags = p->now->what->flags;
	const struct frame *f = &p->frames[p->depth];

	if (flags & STMT_TOP && f->parallel)
		return wrong_word(
			p, 0,
			"%s inside parallel: expected a command, an "
			"expectation, wait, sleep, repeat, and or end",
			p->word);
	if (flags & STMT_REPLY && !f->reply)
		return wrong_word(p, 0,
				  "%s: there is no reply yet: expected a "
				  "command before it",
				  p->word);
	if (flags & STMT_DIRECT && !f->direct)
		return wrong_word(p, 0,
				  "%s: expected directly after a command and "
				  "its other expectations",
				  p->word);
	return check_machine(p, flags);
}

/* ---- blocks -------------------------------------------------------------- */

static int open_block(struct parser *p)
{
	struct frame *f = &p->frames[p->depth];
	bool parallel = !strcmp(p->word, "parallel");

	if (p->depth == SCENARIO_MAX_DEPTH)
		return wrong_word(p, 0, "%s: more than %d blocks in each other",
				  p->word, SCENARIO_MAX_DEPTH);
	p->frames[++p->depth] = (struct frame){
		.block = p->now,
		.tail = &p->now->body,
		.branches = 1,
		.parallel = parallel || f->parallel,
		.reply = !parallel && f->reply,
	};
	return 0;
}

/* `and`: the block goes on with the next branch. */
static int next_branch(struct parser *p)
{
	struct frame *f = &p->frames[p->depth];

	if (!f->block || !strcmp(f->block->what->name, "repeat"))
		return wrong_word(p, 0,
				  "and: expected inside parallel, "
				  "between its branches");
	if (++f->branches > SCENARIO_MAX_BRANCH)
		return wrong_word(p, 0, "and: more than %d branches",
				  SCENARIO_MAX_BRANCH);
	f->block->other = p->now;
	f->block = p->now;
	f->tail = &p->now->body;
	f->direct = NULL;
	f->reply = false;
	return 0;
}

/* The statement itself is not kept: it says nothing more. */
static int close_block(struct parser *p)
{
	struct frame *f = &p->frames[p->depth];
	bool repeat;

	if (!f->block)
		return wrong_word(p, 0,
				  "end: no repeat or parallel is open: "
				  "expected a statement or a command");
	repeat = !strcmp(f->block->what->name, "repeat");
	p->depth--;
	/* The last reply of a branch was on its own connection. */
	f[-1].reply = repeat && f->reply;
	f[-1].direct = NULL;
	return 0;
}

static void free_stmt(struct stmt *s)
{
	free(s->words);
	free(s->argv);
	free(s->cfg);
	free(s);
}

/* Put it where it belongs; a row of the table that neither opens nor closes is
 * the next in its list. */
static int place(struct parser *p)
{
	struct frame *f = &p->frames[p->depth];
	struct stmt *s = p->now;
	unsigned int flags = s->what->flags;

	if ((flags & (STMT_OPENS | STMT_CLOSES)) == (STMT_OPENS | STMT_CLOSES))
		return next_branch(p);
	if (flags & STMT_CLOSES) {
		if (close_block(p))
			return -1;
		free_stmt(s);
		return 0;
	}
	*f->tail = s;
	f->tail = &s->next;
	if (flags & STMT_OPENS) {
		f->direct = NULL;
		return open_block(p);
	}
	if (s->what == &statement_command) {
		f->direct = s;
		f->reply = true;
	} else if (!(flags & STMT_REPLY)) {
		f->direct = NULL;
		if (!strcmp(s->what->name, "vm"))
			f->reply = false;
	}
	return 0;
}

/* What an expectation allows the command before it. */
static void note_expected(struct parser *p)
{
	struct stmt *cmd = p->frames[p->depth].direct;

	if (!cmd || !(p->now->what->flags & STMT_DIRECT))
		return;
	if (!strcmp(p->now->what->name, "expect-error"))
		cmd->may_fail = true;
	else
		cmd->may_disagree = true;
}

/* ---- the file ------------------------------------------------------------ */

static int parse_statement(struct parser *p)
{
	int bad = 0;
	struct err e = { 0 };

	if (split(p) || find_row(p) || check_place(p))
		return -1;
	if (p->now->what->parse && p->now->what->parse(p->now, &bad, &e))
		return wrong_word(p, bad, "%s", e.msg);
	note_expected(p);
	return 0;
}

/* @text: a line that is terminated, and neither empty nor a comment. */
static int parse_line(struct parser *p)
{
	struct stmt *s;

	if (++p->s->nr > SCENARIO_MAX_STMTS)
		return wrong_at(p, 0,
				"more than %d statements: expected the "
				"end of the file",
				SCENARIO_MAX_STMTS);
	s = calloc(1, sizeof(*s));
	if (!s)
		return wrong_at(p, 0, "out of memory");
	p->now = s;
	s->line = p->line;
	s->text = p->text + strspn(p->text, " \t");
	if (parse_statement(p)) {
		free_stmt(s);
		return -1;
	}
	if (place(p)) {
		/* In the tree already where it opens a block too many. */
		if (!(s->what->flags & STMT_OPENS) ||
		    s->what->flags & STMT_CLOSES)
			free_stmt(s);
		return -1;
	}
	return 0;
}

static int check_bytes(struct parser *p, size_t n)
{
	const char *nul = memchr(p->text, 0, n);

	if (n > LINE_MAX_BYTES)
		return wrong_at(p, LINE_MAX_BYTES,
				"the line has %zu bytes: expected at most %d",
				n, LINE_MAX_BYTES);
	if (nul)
		return wrong_at(p, (size_t)(nul - p->text),
				"a NUL byte: expected text");
	for (size_t i = 0, len; i < n; i += len) {
		len = utf8_len(p->text + i, n - i);
		if (!len)
			return wrong_at(p, i,
					"byte 0x%02x is not UTF-8: "
					"expected text in UTF-8",
					(unsigned char)p->text[i]);
	}
	return 0;
}

static int parse_lines(struct parser *p, size_t n)
{
	char *line = p->s->buf, *end = line + n;

	while (line < end) {
		char *newline = memchr(line, '\n', (size_t)(end - line));
		size_t len = (size_t)((newline ? newline : end) - line);
		size_t blanks;

		p->line++;
		p->text = line;
		if (check_bytes(p, len))
			return -1;
		if (len && line[len - 1] == '\r')
			len--;
		while (len && (line[len - 1] == ' ' || line[len - 1] == '\t'))
			len--;
		line[len] = 0; /* there is one byte more than the text has */
		blanks = strspn(line, " \t");
		if (line[blanks] && line[blanks] != '#' && parse_line(p))
			return -1;
		line = newline ? newline + 1 : end;
	}
	return 0;
}

static int check_closed(struct parser *p)
{
	const struct stmt *s = p->frames[p->depth].block;
	const char *line;

	if (!s)
		return 0;
	for (line = s->text;
	     line > p->s->buf && (line[-1] == ' ' || line[-1] == '\t');)
		line--;
	p->line = s->line;
	p->text = line;
	return wrong_at(p, (size_t)(s->text - line),
			"%s: it is not closed: expected end before the end of "
			"the file",
			s->what->name);
}

static int alloc(struct scenario *s, const char *path, const char *name,
		 const char *text, size_t n)
{
	*s = (struct scenario){ .path = strdup(path),
				.name = strdup(name),
				.buf = malloc(n + 1) };
	if (!s->path || !s->name || !s->buf)
		return -1;
	memcpy(s->buf, text, n);
	s->buf[n] = 0;
	return 0;
}

static int whole_file(struct scenario_error *e, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static int whole_file(struct scenario_error *e, const char *fmt, ...)
{
	va_list ap;

	*e = (struct scenario_error){ 0 };
	va_start(ap, fmt);
	vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
	va_end(ap);
	return -1;
}

int scenario_parse(struct scenario *s, const struct scenario_source *from,
		   const char *text, size_t n, struct scenario_error *e)
{
	struct parser p = { .s = s, .e = e, .from = from };
	int r;

	if (alloc(s, from->path, from->name, text, n))
		r = whole_file(e, "out of memory");
	else if (n > SCENARIO_MAX_BYTES)
		r = whole_file(e,
			       "it has more than %d bytes: expected a "
			       "scenario",
			       SCENARIO_MAX_BYTES);
	else {
		p.frames[0].tail = &s->first;
		r = parse_lines(&p, n) || check_closed(&p) ? -1 : 0;
	}
	if (r)
		scenario_free(s);
	return r;
}

static void free_list(struct stmt *s)
{
	while (s) {
		struct stmt *next = s->next;

		free_list(s->body);
		free_list(s->other);
		free_stmt(s);
		s = next;
	}
}

void scenario_free(struct scenario *s)
{
	free_list(s->first);
	free(s->path);
	free(s->name);
	free(s->buf);
	*s = (struct scenario){ 0 };
}
