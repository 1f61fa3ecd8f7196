// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "ctl/lineedit.h"

#define DEFAULT_WIDTH 80
#define MIN_ROOM      8

static void tty_put(const struct lineedit_tty *t, const char *s, size_t n)
{
	while (n) {
		ssize_t done = write(t->out, s, n);

		if (done < 0 && errno == EAGAIN) {
			struct pollfd p = { .fd = t->out, .events = POLLOUT };

			poll(&p, 1, -1);
			continue;
		}
		if (done < 0 && errno != EINTR)
			return; /* the terminal is gone; the loop will see it */
		if (done > 0) {
			s += done;
			n -= (size_t)done;
		}
	}
}

static void put_str(const struct lineedit_tty *t, const char *s)
{
	tty_put(t, s, strlen(s));
}

void lineedit_tty_init(struct lineedit_tty *t, int in, int out,
		       const char *prompt)
{
	const char *term = getenv("TERM");

	*t = (struct lineedit_tty){ .in = in, .out = out, .prompt = prompt };
	t->plain = !term || !*term || strcmp(term, "dumb") == 0;
	if (tcgetattr(in, &t->saved))
		t->plain = true;
}

/* Output processing stays on, a newline still returns the carriage. ISIG goes:
 * Ctrl-C is a key here. */
void lineedit_tty_enter(struct lineedit_tty *t)
{
	struct termios tio = t->saved;

	if (t->plain)
		return;
	tio.c_iflag &=
		~(tcflag_t)(BRKINT | ICRNL | INLCR | IGNCR | ISTRIP | IXON);
	tio.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG | IEXTEN);
	tio.c_cc[VMIN] = 1;
	tio.c_cc[VTIME] = 0;
	if (tcsetattr(t->in, TCSADRAIN, &tio))
		t->plain = true;
	else
		t->raw = true;
}

void lineedit_tty_leave(struct lineedit_tty *t)
{
	if (t->raw)
		tcsetattr(t->in, TCSADRAIN, &t->saved);
	t->raw = false;
}

size_t lineedit_tty_width(const struct lineedit_tty *t)
{
	struct winsize w = { 0 };

	if (ioctl(t->out, TIOCGWINSZ, &w) || !w.ws_col)
		return DEFAULT_WIDTH;
	return w.ws_col;
}

static bool is_utf8_tail(char c)
{
	return (c & 0xc0) == 0x80;
}

static size_t count_chars(const char *s, size_t n)
{
	size_t chars = 0;

	for (size_t i = 0; i < n; i++)
		chars += !is_utf8_tail(s[i]);
	return chars;
}

/* Where the character @chars behind @s begins, @n at the most. */
static size_t skip_chars(const char *s, size_t n, size_t chars)
{
	size_t i = 0;

	while (i < n) {
		if (!is_utf8_tail(s[i]) && !chars--)
			break;
		i++;
	}
	return i;
}

/* Put the prompt into @text; -> how many characters. */
static size_t prompt_of(const struct lineedit_tty *t, const struct lineedit *le,
			char *text, size_t size)
{
	if (le->searching)
		snprintf(text, size, "(%s '%s') ",
			 le->missing ? "not found:" : "search:", le->wanted);
	else
		snprintf(text, size, "%s", t->prompt);
	return count_chars(text, strlen(text));
}

/* One row: a line that is longer than the terminal is wide moves sideways
 * under the cursor. One write, so that it does not flicker. */
void lineedit_tty_draw(struct lineedit_tty *t, const struct lineedit *le)
{
	char out[sizeof(le->buf) + 256];
	char text[128];
	size_t prompt = prompt_of(t, le, text, sizeof(text));
	size_t width = lineedit_tty_width(t);
	size_t room = MIN_ROOM;
	size_t column, skip, shown;
	int n;

	if (t->plain) {
		if (!t->shown)
			put_str(t, t->prompt);
		t->shown = true;
		return;
	}
	if (width > prompt + 1 + MIN_ROOM)
		room = width - prompt - 1;
	column = count_chars(le->buf, le->pos);
	skip = column > room ? column - room : 0;
	column -= skip;
	skip = skip_chars(le->buf, le->len, skip);
	shown = skip_chars(le->buf + skip, le->len - skip, room);
	n = snprintf(out, sizeof(out), "\r%s%.*s\033[K\r\033[%zuC", text,
		     (int)shown, le->buf + skip, prompt + column);
	tty_put(t, out, (size_t)n);
	t->shown = true;
}

void lineedit_tty_hide(struct lineedit_tty *t)
{
	if (t->shown)
		put_str(t, t->plain ? "\n" : "\r\033[K");
	t->shown = false;
}

void lineedit_tty_finish(struct lineedit_tty *t, const struct lineedit *le,
			 const char *mark)
{
	struct lineedit end = *le;

	/* A plain terminal has echoed the line and gone below it. */
	if (!t->plain) {
		end.pos = end.len;
		lineedit_tty_draw(t, &end);
		put_str(t, mark);
		put_str(t, "\n");
	}
	t->shown = false;
}

void lineedit_tty_clear(struct lineedit_tty *t)
{
	if (!t->plain)
		put_str(t, "\033[H\033[2J");
}
