/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A small line editor, which needs neither terminfo nor a locale: an initramfs has
 * neither. Keys and what they do to the line (lineedit.c) are separate from drawing
 * and the terminal's modes (lineedit_tty.c).
 */
#ifndef GPCVM_LINEEDIT_H
#define GPCVM_LINEEDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <termios.h>

#include "base/text.h"

#define LINEEDIT_HISTORY 200

enum lineedit_result {
	LINEEDIT_MORE,
	LINEEDIT_DONE,	    /* Enter: take buf, then lineedit_reset() */
	LINEEDIT_ABANDONED, /* Ctrl-C: the same, but do not run it */
	LINEEDIT_EOF,	    /* Ctrl-D on an empty line */
	LINEEDIT_CLEAR,	    /* Ctrl-L: the screen, not the line */
	LINEEDIT_TAB,	    /* complete what is before the cursor */
};

struct lineedit {
	/* One byte more than a request may have, so that a line that is too
	 * long is detected, not truncated. Terminated. */
	char buf[LINE_MAX_BYTES + 2];
	size_t len, pos;
	enum { KEY_PLAIN, KEY_ESC, KEY_CSI } state;
	unsigned int param; /* of the escape sequence */
	char *history[LINEEDIT_HISTORY];
	size_t nr, at;	/* at == nr: the line being typed */
	char *draft;	/* that line while an older one is shown */
	bool searching; /* Ctrl-R: keys are added to @wanted */
	bool missing;	/* no line contains @wanted */
	char wanted[64];
};

void lineedit_init(struct lineedit *le);
void lineedit_free(struct lineedit *le);
/* Start an empty line. */
void lineedit_reset(struct lineedit *le);
/* Add a line to the history. Returns false if it is empty or a repetition, or if
 * memory ran out. */
bool lineedit_remember(struct lineedit *le, const char *line, size_t n);
void lineedit_insert(struct lineedit *le, char c);
enum lineedit_result lineedit_byte(struct lineedit *le, unsigned char c);

struct lineedit_tty {
	int in, out;
	const char *prompt;
	bool plain; /* a terminal that moves no cursor: it edits by itself */
	bool raw;   /* its modes are ours */
	bool shown; /* the line is on the screen, the cursor in it */
	struct termios saved;
};

/* @in and @out are terminals. */
void lineedit_tty_init(struct lineedit_tty *t, int in, int out,
		       const char *prompt);
/* Take the terminal, and give it back as it was. */
void lineedit_tty_enter(struct lineedit_tty *t);
void lineedit_tty_leave(struct lineedit_tty *t);
void lineedit_tty_draw(struct lineedit_tty *t, const struct lineedit *le);
/* Erase the line, so that something can be printed in its place. */
void lineedit_tty_hide(struct lineedit_tty *t);
/* Leave the line on the screen with @mark behind it, go below it. */
void lineedit_tty_finish(struct lineedit_tty *t, const struct lineedit *le,
			 const char *mark);
void lineedit_tty_clear(struct lineedit_tty *t);
size_t lineedit_tty_width(const struct lineedit_tty *t);

#endif
