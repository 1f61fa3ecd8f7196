// SPDX-License-Identifier: GPL-2.0-only
/* Print the probe's table. */
#include <string.h>

#include "probe/probe_row.h"

#define WIDTH  100
#define NAME   14 /* column of the names, after "  yes  tried  " */
#define BELOW  16 /* column of a row's further lines */
#define VALUES 46 /* wider values do not move the column of the uses */

/* Print @text at the current column @col, and wrap to that column. */
static void print_wrapped(FILE *f, size_t col, const char *text)
{
	size_t room = WIDTH - col, n;

	while (strlen(text) > room) {
		n = room;
		while (n && text[n] != ' ')
			n--;
		if (!n) /* do not break a long word */
			n = strcspn(text, " ");
		fprintf(f, "%.*s\n", (int)n, text);
		text += n + strspn(text + n, " ");
		if (!*text)
			return;
		fprintf(f, "%*s", (int)col, "");
	}
	fprintf(f, "%s\n", text);
}

/* The widths of a group's columns. */
struct columns {
	size_t name, value;
};

static struct columns column_widths(const struct probe_row *r, unsigned int nr)
{
	struct columns w = { 0, 0 };
	size_t n;

	for (; nr; nr--, r++) {
		n = strlen(r->name);
		if (n > w.name)
			w.name = n;
		n = strlen(r->value);
		if (n > w.value && n <= VALUES)
			w.value = n;
	}
	return w;
}

/* Print the use of a supported row if it fits on the line, and the reason of an
 * unsupported one on its own line. */
static void print_row(FILE *f, const struct probe_row *r, struct columns w)
{
	static const char *const marks[] = {
		[PROBE_YES] = "yes",
		[PROBE_NO] = "no",
		[PROBE_UNKNOWN] = "?",
	};
	size_t value = NAME + w.name + 2, len = strlen(r->value);
	size_t use = value + (len > w.value ? len : w.value) + 2;

	fprintf(f, "  %-3s  %-5s  %-*s  ", marks[r->state],
		r->state == PROBE_UNKNOWN ? "-"
		: r->tried		  ? "tried"
					  : "asked",
		(int)w.name, r->name);
	if (r->state == PROBE_UNKNOWN && *r->detail &&
	    value + len + 2 + strlen(r->detail) <= WIDTH) {
		fprintf(f, "%s: %s\n", r->value, r->detail);
		return;
	}
	if (r->state == PROBE_YES && *r->use && use + strlen(r->use) <= WIDTH)
		fprintf(f, "%-*s%s\n", (int)(use - value), r->value, r->use);
	else
		print_wrapped(f, value, r->value);
	if (*r->detail) {
		fprintf(f, "%*s", BELOW, "");
		print_wrapped(f, BELOW, r->detail);
	}
}

/* Print why auto finds no mode: KVM's error, or the
 * reasons of the two plain modes. */
static void print_nothing(FILE *f, const struct probe *p, const struct err *e)
{
	static const char head[] = "--memory auto takes: nothing: ";
	const struct probe_row *gmem = probe_find(p, "mode-gmem");
	const struct probe_row *private = probe_find(p, "mode-gmem-private");
	char why[512] = "";

	if (e)
		row_add(why, sizeof(why), "%s", e->msg);
	else if (gmem && private)
		row_add(why, sizeof(why), "gmem: %s; gmem-private: %s",
			gmem->detail, private->detail);
	fputs(head, f);
	print_wrapped(f, sizeof(head) - 1, why);
}

void probe_print(FILE *f, const struct probe *p, const struct err *e)
{
	const struct probe_row *r = p->rows;
	const struct probe_group *g;
	struct columns w;
	unsigned int i, j;

	for (i = 0; (g = probe_group(i)); i++) {
		fprintf(f, "%s\n", g->title);
		w = column_widths(r, g->nr);
		for (j = 0; j < g->nr; j++)
			print_row(f, r++, w);
		putc('\n', f);
	}
	fprintf(f, "family: %s\n", p->family);
	if (p->best_mode)
		fprintf(f, "--memory auto takes: %s\n", p->best_mode);
	else
		print_nothing(f, p, e);
}
