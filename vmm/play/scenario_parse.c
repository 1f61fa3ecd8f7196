// SPDX-License-Identifier: GPL-2.0-only
/* Parse the text of a scenario into statements. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/command.h"
#include "base/text.h"
#include "config/config.h"
#include "play/scenario.h"

/* An open block, or the file. */
struct frame {
	struct stmt *block;  /* NULL: the file */
	struct stmt **tail;  /* the place of the next statement */
	struct stmt *direct; /* the command, as long as only expects follow */
	unsigned int branches;
	bool parallel; /* this block or one around it */
	bool reply;    /* there was a command */
};

struct parser {
	struct scenario *s;
	struct scenario_error *e;
	const struct scenario_source *from;
	struct frame frames[SCENARIO_MAX_DEPTH + 1];
	unsigned int depth;
	bool vm; /* there was a vm line */
	/* The current line. */
	unsigned int line;
	const char *text;
	struct stmt *now;
	char *word; /* its first word */
};

/* Returns the column of byte @at. */
static unsigned int column_of(const char *text, size_t at)
{
	unsigned int n = 1;

	for (size_t i = 0; i < at; i++)
		n += ((unsigned char)text[i] & 0xc0) != 0x80;
	return n;
}

static int refuse_at(struct parser *p, size_t at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Fill p->e with an error at byte @at of the line, if there is a line. Returns -1. */
static int refuse_at(struct parser *p, size_t at, const char *fmt, ...)
{
	va_list ap;

	p->e->line = p->line;
	p->e->column = p->line ? column_of(p->text, at) : 0;
	va_start(ap, fmt);
	vsnprintf(p->e->msg, sizeof(p->e->msg), fmt, ap);
	va_end(ap);
	return -1;
}

/* Returns the offset of word @i of the line, or of its quote; 0 is the first. */
static size_t word_at(const struct parser *p, int i)
{
	const char *w = i > 0 && i <= p->now->argc ? p->now->argv[i - 1]
						   : p->word;
	size_t at = (size_t)(w - p->now->words);

	return at && p->text[at - 1] == '"' ? at - 1 : at;
}

#define refuse_word(p, i, ...) refuse_at(p, word_at(p, i), __VA_ARGS__)

/* ---- one line ----------------------------------------------------------- */

static void names_of_statements(char *buf, size_t size)
{
	size_t n = 0;

	buf[0] = 0;
	for (unsigned int i = 0; i < statements_nr && n < size; i++)
		n += (size_t)snprintf(buf + n, size - n, "%s%s", i ? ", " : "",
				      statements[i].name);
}

static int check_arity(struct parser *p, const char *args, unsigned int min,
		       unsigned int max)
{
	unsigned int n = (unsigned int)p->now->argc;

	if (n < min)
		return refuse_at(p, strlen(p->text),
				 "%s: missing argument: expected %s %s",
				 p->word, p->word, args);
	if (n > max)
		return refuse_word(p, (int)max + 1,
				   "%s: too many arguments: expected %s%s%s",
				   p->word, p->word, *args ? " " : "", args);
	return 0;
}

/* Find the statement or command that the first word names. */
static int find_row(struct parser *p)
{
	const struct statement *st = statement_find(p->word);
	const struct command *c = st ? NULL
				     : command_find(p->from->commands, p->word);
	char names[256];

	if (st) {
		p->now->what = st;
		return check_arity(p, st->args, st->min, st->max);
	}
	if (c) {
		p->now->what = &statement_command;
		return check_arity(p, c->args, c->min, c->max);
	}
	names_of_statements(names, sizeof(names));
	return refuse_word(p, 0,
			   "unknown statement or command \"%.64s\": expected "
			   "%s, or a command of gpcvm-control(7)",
			   p->word, names);
}

static int split_line(struct parser *p)
{
	char *words[LINE_MAX_WORDS];
	struct stmt *s = p->now;
	struct err e;
	size_t bad = 0;
	int n;

	s->words = strdup(p->text);
	if (!s->words)
		return refuse_at(p, 0, "out of memory");
	n = text_split_at(s->words, words, &bad, &e);
	if (n < 0)
		return refuse_at(p, bad, "%s", e.msg);
	p->word = words[0];
	s->argc = n - 1;
	/* One more: argv ends with a NULL. */
	s->argv = calloc((size_t)n, sizeof(*s->argv));
	if (!s->argv)
		return refuse_at(p, 0, "out of memory");
	memcpy(s->argv, words + 1, (size_t)(n - 1) * sizeof(*words));
	return 0;
}

/* ---- where it is allowed ------------------------------------------------ */

static int check_machine(struct parser *p, unsigned int flags)
{
	bool is_vm = !strcmp(p->word, "vm");

	if (is_vm && p->from->machine == MACHINE_GIVEN)
		return refuse_word(p, 0,
				   "vm: expected no vm line, as gpcvm run "
				   "--scenario starts the machine");
	if (flags & STMT_FIRST && p->vm)
		return refuse_word(p, 0, "%s: expected before the first vm",
				   p->word);
	if (flags & STMT_MACHINE && !p->vm &&
	    p->from->machine == MACHINE_OF_FILE)
		return refuse_word(p, 0, "%s: expected a vm line before it",
				   p->word);
	p->vm |= is_vm;
	return 0;
}

static int check_position(struct parser *p)
{
	unsigned int flags = p->now->what->flags;
	const struct frame *f = &p->frames[p->depth];

	if (flags & STMT_TOP && f->parallel)
		return refuse_word(
			p, 0,
			"%s: not allowed inside parallel: expected a command, "
			"an expectation, wait, sleep, repeat, and or end",
			p->word);
	if (flags & STMT_REPLY && !f->reply)
		return refuse_word(
			p, 0,
			"%s: no reply yet: expected a command before "
			"it",
			p->word);
	if (flags & STMT_DIRECT && !f->direct)
		return refuse_word(p, 0,
				   "%s: expected directly after a command or "
				   "its other expectations",
				   p->word);
	return check_machine(p, flags);
}

/* ---- blocks ------------------------------------------------------------- */

static int open_block(struct parser *p)
{
	struct frame *f = &p->frames[p->depth];
	bool parallel = !strcmp(p->word, "parallel");

	if (p->depth == SCENARIO_MAX_DEPTH)
		return refuse_word(p, 0, "%s: more than %d nested blocks",
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

/* and: continue the block with the next branch. */
static int next_branch(struct parser *p)
{
	struct frame *f = &p->frames[p->depth];

	if (!f->block || !strcmp(f->block->what->name, "repeat"))
		return refuse_word(p, 0,
				   "and: expected inside parallel, between "
				   "its branches");
	if (++f->branches > SCENARIO_MAX_BRANCH)
		return refuse_word(p, 0, "and: more than %d branches",
				   SCENARIO_MAX_BRANCH);
	f->block->other = p->now;
	f->block = p->now;
	f->tail = &p->now->body;
	f->direct = NULL;
	f->reply = false;
	return 0;
}

/* end: the statement itself is not kept. */
static int close_block(struct parser *p)
{
	struct frame *f = &p->frames[p->depth];
	bool repeat;

	if (!f->block)
		return refuse_word(p, 0, "end: no repeat or parallel is open");
	repeat = !strcmp(f->block->what->name, "repeat");
	p->depth--;
	/* The last reply of a branch came on its own connection. */
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

/* Add the statement to its list, or to its block. */
static int place_stmt(struct parser *p)
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

/* Note what an expectation allows the command before it. */
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

/* ---- the file ----------------------------------------------------------- */

static int parse_statement(struct parser *p)
{
	int bad = 0;
	struct err e = { 0 };

	if (split_line(p) || find_row(p) || check_position(p))
		return -1;
	if (p->now->what->parse && p->now->what->parse(p->now, &bad, &e))
		return refuse_word(p, bad, "%s", e.msg);
	note_expected(p);
	return 0;
}

/* p->text: a terminated line that is neither empty nor a comment. */
static int parse_line(struct parser *p)
{
	struct stmt *s;

	if (++p->s->nr > SCENARIO_MAX_STMTS)
		return refuse_at(p, 0, "more than %d statements",
				 SCENARIO_MAX_STMTS);
	s = calloc(1, sizeof(*s));
	if (!s)
		return refuse_at(p, 0, "out of memory");
	p->now = s;
	s->line = p->line;
	s->text = p->text + strspn(p->text, " \t");
	if (parse_statement(p)) {
		free_stmt(s);
		return -1;
	}
	if (place_stmt(p)) {
		/* A block too many is in the tree already. */
		if (!(s->what->flags & STMT_OPENS) ||
		    s->what->flags & STMT_CLOSES)
			free_stmt(s);
		return -1;
	}
	return 0;
}

static int check_text(struct parser *p, size_t n)
{
	const char *nul = memchr(p->text, 0, n);

	if (n > LINE_MAX_BYTES)
		return refuse_at(p, LINE_MAX_BYTES,
				 "line of %zu bytes: expected at most %d", n,
				 LINE_MAX_BYTES);
	if (nul)
		return refuse_at(p, (size_t)(nul - p->text),
				 "NUL byte: expected text");
	for (size_t i = 0, len; i < n; i += len) {
		len = utf8_len(p->text + i, n - i);
		if (!len)
			return refuse_at(p, i, "byte 0x%02x: expected UTF-8",
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
		if (check_text(p, len))
			return -1;
		if (len && line[len - 1] == '\r')
			len--;
		while (len && (line[len - 1] == ' ' || line[len - 1] == '\t'))
			len--;
		line[len] = 0; /* the copy has a byte after the text */
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
	return refuse_at(p, (size_t)(s->text - line),
			 "%s: not closed: expected end before the end of the "
			 "file",
			 s->what->name);
}

static int copy_source(struct scenario *s, const struct scenario_source *from,
		       const char *text, size_t n)
{
	*s = (struct scenario){ .path = strdup(from->path),
				.name = strdup(from->name),
				.buf = malloc(n + 1) };
	if (!s->path || !s->name || !s->buf)
		return -1;
	memcpy(s->buf, text, n);
	s->buf[n] = 0;
	return 0;
}

int scenario_parse(struct scenario *s, const struct scenario_source *from,
		   const char *text, size_t n, struct scenario_error *e)
{
	struct parser p = { .s = s, .e = e, .from = from };
	int r;

	p.frames[0].tail = &s->first;
	if (copy_source(s, from, text, n))
		r = refuse_at(&p, 0, "out of memory");
	else if (n > SCENARIO_MAX_BYTES)
		r = refuse_at(&p, 0, "expected a scenario of at most %d bytes",
			      SCENARIO_MAX_BYTES);
	else
		r = parse_lines(&p, n) || check_closed(&p) ? -1 : 0;
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
