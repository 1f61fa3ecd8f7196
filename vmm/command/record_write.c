// SPDX-License-Identifier: GPL-2.0-only
/* Write a recording to its file. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/num.h"
#include "base/status.h"
#include "boot/guest_linux.h"
#include "command/record.h"
#include "config/options.h"
#include "keeper/keeper.h"

#define WAIT_TEXT 96 /* of a storm's line, which its event contains */

/* ---- lines -------------------------------------------------------------- */

static void put_quoted(FILE *f, const char *s)
{
	fputc('"', f);
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			fputc('\\', f);
		fputc(*s, f);
	}
	fputc('"', f);
}

/* Quote the word for text_split() if necessary. */
static void put_word(FILE *f, const char *s)
{
	if (!*s || strpbrk(s, " \t\""))
		put_quoted(f, s);
	else
		fputs(s, f);
}

bool record_join(char **line, char *const *words, int nr)
{
	char *text = NULL, *old = *line;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return false;
	if (old)
		fputs(old, f);
	for (int i = 0; i < nr; i++) {
		if (old || i)
			fputc(' ', f);
		put_word(f, words[i]);
	}
	if (fclose(f)) {
		free(text);
		return false;
	}
	free(old);
	*line = text;
	return true;
}

/* ---- the machine -------------------------------------------------------- */

struct vm_line {
	FILE *f;
	unsigned int words;
	bool one_word; /* --name=value */
	const char *bad;
};

/* Options that do not describe the machine. */
static bool is_omitted(const char *name)
{
	static const char *const names[] = { "control", "quiet", "dump-dtb",
					     "scenario" };

	for (unsigned int i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

static void put_option(void *arg, const char *name, const char *value)
{
	struct vm_line *l = arg;

	if (is_omitted(name))
		return;
	l->words += value && !l->one_word ? 2 : 1;
	fprintf(l->f, " --%s", name);
	if (!value)
		return;
	/* text_split() accepts quotes only around a whole word. */
	if (strpbrk(value, "\n\r") || !utf8_valid(value, strlen(value)) ||
	    (l->one_word && strpbrk(value, " \t\"")))
		l->bad = name;
	fputc(l->one_word ? '=' : ' ', l->f);
	if (l->one_word)
		fputs(value, l->f);
	else
		put_word(l->f, value);
}

static char *try_vm_line(const struct machine *m, bool one_word,
			 struct vm_line *l)
{
	const struct config *cfg = m->cfg;
	char *text = NULL;
	size_t size = 0;

	*l = (struct vm_line){ .words = 1, .one_word = one_word };
	l->f = open_memstream(&text, &size);
	if (!l->f)
		return NULL;
	fputs("vm", l->f);
	run_each_option(cfg->argc, cfg->argv, put_option, l);
	/* auto may choose another mode on another kernel. */
	if (cfg->mem_auto)
		put_option(l, "memory",
			   mem_mode_name(m->memory.mode,
					 m->memory.no_direct_map));
	if (fclose(l->f)) {
		free(text);
		return NULL;
	}
	return text;
}

char *record_vm_line(const struct machine *m, struct err *e)
{
	struct vm_line l;
	char *text = NULL;

	for (int one_word = 0; one_word < 2; one_word++) {
		free(text);
		text = try_vm_line(m, one_word, &l);
		if (!text) {
			err_os(e, ENOMEM, "memory for a recording");
			return NULL;
		}
		if (!l.bad && l.words <= LINE_MAX_WORDS &&
		    strlen(text) <= LINE_MAX_BYTES)
			return text;
	}
	free(text);
	if (l.bad)
		err_state(e,
			  "the value of --%s cannot be written in a scenario "
			  "line",
			  l.bad);
	else
		err_state(e,
			  "the machine's options do not fit into a scenario "
			  "line: at most %d words, %d bytes",
			  LINE_MAX_WORDS, LINE_MAX_BYTES);
	return NULL;
}

const struct record_need record_needs[] = {
	{ "prefault", NULL, "prefault", true },
	{ "storm", "prefault", "prefault", false },
	{ "leak", NULL, "kcore", true },
	{ "delay", NULL, "delays", true },
	{ "guest", "convert", "exit-hypercall", false },
};

const unsigned int record_needs_nr = ARRAY_SIZE(record_needs);

/* ---- the head ----------------------------------------------------------- */

static void put_needs(FILE *f, const struct record *r, const struct machine *m)
{
	fprintf(f, "need mode-%s",
		mem_mode_name(m->memory.mode, m->memory.no_direct_map));
	if (m->cfg->flavour != PV_NONE)
		fputs(m->cfg->flavour == PV_XEN ? " xen"
						: " kvm-clock steal-time",
		      f);
	if (guest_linux_default(m->cfg))
		fputs(" guest-linux", f);
	if (m->cfg->poison)
		fputs(" hwpoison", f);
	for (unsigned int i = 0; i < record_needs_nr; i++) {
		const char *row = record_needs[i].row;
		bool said = false;

		for (unsigned int k = 0; k < i; k++)
			said |= (r->needs | r->lacks) >> k & 1 &&
				!strcmp(record_needs[k].row, row);
		if (!said && (r->needs | r->lacks) >> i & 1)
			fprintf(f, " %s%s",
				r->needs >> i & 1 ? "" : "not:", row);
	}
	if (r->cpus > 1)
		fprintf(f, " cpus>=%" PRIu64, r->cpus);
	fputc('\n', f);
}

static void put_preamble(FILE *f, const struct record *r,
			 const struct machine *m)
{
	struct utsname u;

	if (uname(&u))
		snprintf(u.release, sizeof(u.release), "(unknown)");
	fprintf(f, "# Recorded by gpcvm " GPCVM_VERSION " on Linux %s.\n",
		u.release);
	if (!r->from_start)
		fputs("# Not from the machine's start: earlier requests are "
		      "missing.\n",
		      f);
	if (m->cfg->mem_auto)
		fputs("# --memory is the mode that auto chose.\n", f);
	put_needs(f, r, m);
	fprintf(f, "%s\n\n", r->vm);
}

/* ---- the body ----------------------------------------------------------- */

/* Return a storm's line for the replay, with its seed. */
static char *storm_line(const struct record_entry *e)
{
	const char *rest = e->line + e->at + e->len;
	uint64_t ms = e->ms;
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return NULL;
	if (e->open)
		ms = (now_ns() - e->began_ns) / NS_PER_MS + 1;
	if (ms)
		fprintf(f, "storm for %" PRIu64 ".%03u", ms / 1000,
			(unsigned int)(ms % 1000));
	else
		fprintf(f, "%.*s", (int)(e->at + e->len), e->line);
	if (e->drawn)
		fprintf(f, " seed 0x%" PRIx64, e->seed);
	fputs(rest, f);
	return fclose(f) ? NULL : text;
}

/* Write @line and the expectations for its reply. */
static void put_entry(FILE *f, const struct record_entry *e, const char *line,
		      const char *indent)
{
	const char *at = e->expect;

	if (e->why && *line != '#')
		fprintf(f, "%s# %s: %s\n", indent, e->why, line);
	else
		fprintf(f, "%s%s\n", indent, line);
	if (e->open)
		fprintf(f, "%s# (no reply when the recording ended)\n", indent);
	for (; !e->why && at && *at; at = strchr(at, '\n') + 1)
		fprintf(f, "%s%.*s\n", indent, (int)strcspn(at, "\n"), at);
}

/* Write a storm, and in parallel the requests sent while it ran. */
static void put_block(FILE *f, const struct record_entry *e, const char *line,
		      unsigned int n)
{
	char text[WAIT_TEXT + 1];

	snprintf(text, sizeof(text), "%s", line);
	fputs("parallel\n  wait control ", f);
	put_quoted(f, text);
	fputc('\n', f);
	for (unsigned int i = 1; i <= n; i++)
		put_entry(f, &e[i], e[i].line, "  ");
	fputs("and\n", f);
	put_entry(f, e, line, "  ");
	fputs("end\n", f);
}

/* Return the number of entries sent while it ran, or -1 without memory. */
static int put_storm(FILE *f, const struct record_entry *e, unsigned int left)
{
	char *line;
	unsigned int n = 0;

	if (!e->ran && !e->open) {
		put_entry(f, e, e->line, "");
		return 0;
	}
	line = storm_line(e);
	if (!line)
		return -1;
	while (n + 1 < left && e[n + 1].during)
		n++;
	if (n)
		put_block(f, e, line, n);
	else
		put_entry(f, e, line, "");
	free(line);
	return (int)n;
}

/* Write how the machine ended, as an expectation if the recording ends it. */
static void put_machine_end(FILE *f, const struct machine *m)
{
	if (m->status >= STATUS_SIGNAL)
		fprintf(f, "# The machine was terminated: %s.\n", m->reason);
	else
		fprintf(f, "# The machine ended: %s.\nwait end %d\n", m->reason,
			m->status);
}

static int put_body(FILE *f, const struct record *r, const struct machine *m)
{
	for (unsigned int i = 0; i < r->nr; i++) {
		const struct record_entry *e = &r->entries[i];
		int n = 0;

		if (e->storm)
			n = put_storm(f, e, r->nr - i);
		else
			put_entry(f, e, e->line, "");
		if (n < 0)
			return -1;
		i += (unsigned int)n;
	}
	if (r->full)
		fputs("# Truncated here: gpcvm play accepts no more.\n", f);
	else if (m->ending)
		put_machine_end(f, m);
	return 0;
}

/* ---- the file ----------------------------------------------------------- */

static int fill_file(int fd, const struct record *r, const struct machine *m)
{
	FILE *f = fdopen(fd, "w");
	int en = 0;

	if (!f) {
		en = errno;
		close(fd);
		return en;
	}
	put_preamble(f, r, m);
	if (put_body(f, r, m))
		en = ENOMEM;
	if (fflush(f) || fsync(fd))
		en = errno;
	if (fclose(f) && !en)
		en = errno;
	return en;
}

int record_write(const struct record *r, struct session *s, struct err *e)
{
	int fd = keeper_record_open(s->keeper, r->path, e), en;

	if (fd < 0)
		return -1;
	en = fill_file(fd, r, s->m);
	if (keeper_record_end(s->keeper, !en, e))
		return -1;
	return en ? err_os(e, en, "writing %.256s", r->path) : 0;
}
