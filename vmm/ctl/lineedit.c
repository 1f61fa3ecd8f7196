// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>
#include <string.h>

#include "ctl/lineedit.h"

void lineedit_init(struct lineedit *le)
{
	*le = (struct lineedit){ 0 };
}

void lineedit_free(struct lineedit *le)
{
	for (size_t i = 0; i < le->nr; i++)
		free(le->history[i]);
	free(le->draft);
	lineedit_init(le);
}

bool lineedit_remember(struct lineedit *le, const char *line, size_t n)
{
	char *copy = n ? strndup(line, n) : NULL;

	if (!copy || (le->nr && strcmp(le->history[le->nr - 1], copy) == 0)) {
		free(copy);
		return false;
	}
	if (le->nr == LINEEDIT_HISTORY) {
		free(le->history[0]);
		memmove(le->history, le->history + 1,
			(LINEEDIT_HISTORY - 1) * sizeof(le->history[0]));
		le->nr--;
	}
	le->history[le->nr++] = copy;
	le->at = le->nr;
	return true;
}

void lineedit_reset(struct lineedit *le)
{
	le->searching = false;
	le->len = le->pos = 0;
	le->buf[0] = 0;
	le->at = le->nr;
	free(le->draft);
	le->draft = NULL;
}

static bool is_tail(char c)
{
	return (c & 0xc0) == 0x80;
}

static size_t before(const struct lineedit *le, size_t pos)
{
	while (pos && is_tail(le->buf[--pos]))
		;
	return pos;
}

static size_t behind(const struct lineedit *le, size_t pos)
{
	if (pos < le->len)
		pos++;
	while (pos < le->len && is_tail(le->buf[pos]))
		pos++;
	return pos;
}

static void erase(struct lineedit *le, size_t from, size_t to)
{
	memmove(le->buf + from, le->buf + to, le->len - to + 1);
	le->len -= to - from;
	le->pos = from;
}

void lineedit_insert(struct lineedit *le, char c)
{
	if (le->len == sizeof(le->buf) - 1)
		return;
	memmove(le->buf + le->pos + 1, le->buf + le->pos,
		le->len - le->pos + 1);
	le->buf[le->pos++] = c;
	le->len++;
}

static size_t word_before(const struct lineedit *le)
{
	size_t p = le->pos;

	while (p && le->buf[p - 1] == ' ')
		p--;
	while (p && le->buf[p - 1] != ' ')
		p--;
	return p;
}

static void show_history(struct lineedit *le, size_t at)
{
	const char *line;

	if (at > le->nr || at == le->at)
		return;
	if (le->at == le->nr) {
		free(le->draft);
		le->draft = strdup(le->buf);
	}
	line = at == le->nr ? le->draft : le->history[at];
	if (!line)
		line = "";
	le->at = at;
	le->len = le->pos = strlen(line);
	memcpy(le->buf, line, le->len + 1);
}

static void older(struct lineedit *le)
{
	if (le->at)
		show_history(le, le->at - 1);
}

static void newer(struct lineedit *le)
{
	show_history(le, le->at + 1);
}

/* Show the last line before @below that has what is wanted. */
static void search_before(struct lineedit *le, size_t below)
{
	le->missing = true;
	while (le->missing && below--) {
		if (strstr(le->history[below], le->wanted)) {
			show_history(le, below);
			le->missing = false;
		}
	}
}

/* false: the key ends the search, and does what it does to the line found. */
static bool search_key(struct lineedit *le, unsigned char c)
{
	size_t n = strlen(le->wanted);

	if (c == CTRL('R')) {
		search_before(le, le->at);
	} else if (c == CTRL('H') || c == 0x7f) {
		while (n && is_tail(le->wanted[--n]))
			;
		le->wanted[n] = 0;
		search_before(le, le->nr);
	} else if (c >= 0x20) {
		if (n < sizeof(le->wanted) - 1) {
			le->wanted[n] = (char)c;
			le->wanted[n + 1] = 0;
		}
		search_before(le, le->at < le->nr ? le->at + 1 : le->nr);
	} else {
		le->searching = false;
		if (c == CTRL('G'))
			show_history(le, le->nr);
		return c == CTRL('G');
	}
	return true;
}

/* The end of ESC [ or ESC O: xterm's and the Linux console's keys,
 * console_codes(4). */
static void sequence_key(struct lineedit *le, unsigned char c)
{
	unsigned int key = c;

	if (c == '~') /* rxvt has 7 and 8 where others have 1 and 4 */
		key = le->param == 1 || le->param == 7	 ? 'H'
		      : le->param == 4 || le->param == 8 ? 'F'
							 : le->param;
	switch (key) {
	case 'A':
		older(le);
		break;
	case 'B':
		newer(le);
		break;
	case 'C':
		le->pos = behind(le, le->pos);
		break;
	case 'D':
		le->pos = before(le, le->pos);
		break;
	case 'H':
		le->pos = 0;
		break;
	case 'F':
		le->pos = le->len;
		break;
	case 3:
		erase(le, le->pos, behind(le, le->pos));
		break;
	default:
		break;
	}
}

static void escape_byte(struct lineedit *le, unsigned char c)
{
	if (le->state == KEY_ESC) {
		le->param = 0;
		le->state = c == '[' || c == 'O' ? KEY_CSI : KEY_PLAIN;
		return;
	}
	if (c >= '0' && c <= '9') {
		le->param = (le->param * 10 + c - '0') % 1000;
		return;
	}
	if (c >= 0x20 && c <= 0x3f) /* further parameters: with Shift etc. */
		return;
	le->state = KEY_PLAIN;
	sequence_key(le, c);
}

static void control_key(struct lineedit *le, unsigned char c)
{
	switch (c) {
	case CTRL('A'):
		le->pos = 0;
		break;
	case CTRL('B'):
		le->pos = before(le, le->pos);
		break;
	case CTRL('D'):
		erase(le, le->pos, behind(le, le->pos));
		break;
	case CTRL('E'):
		le->pos = le->len;
		break;
	case CTRL('F'):
		le->pos = behind(le, le->pos);
		break;
	case CTRL('H'):
	case 0x7f:
		erase(le, before(le, le->pos), le->pos);
		break;
	case CTRL('K'):
		erase(le, le->pos, le->len);
		break;
	case CTRL('N'):
		newer(le);
		break;
	case CTRL('P'):
		older(le);
		break;
	case CTRL('R'):
		le->searching = true;
		le->missing = false;
		le->wanted[0] = 0;
		break;
	case CTRL('U'):
		erase(le, 0, le->pos);
		break;
	case CTRL('W'):
		erase(le, word_before(le), le->pos);
		break;
	case 0x1b:
		le->state = KEY_ESC;
		break;
	default:
		break;
	}
}

enum lineedit_result lineedit_byte(struct lineedit *le, unsigned char c)
{
	if (c == CTRL('C')) {
		le->state = KEY_PLAIN;
		le->searching = false;
		return LINEEDIT_ABANDONED;
	}
	if (le->state != KEY_PLAIN) {
		escape_byte(le, c);
		return LINEEDIT_MORE;
	}
	if (le->searching && search_key(le, c))
		return LINEEDIT_MORE;
	if (c == '\r' || c == '\n')
		return LINEEDIT_DONE;
	if (c == CTRL('D') && !le->len)
		return LINEEDIT_EOF;
	if (c == CTRL('L'))
		return LINEEDIT_CLEAR;
	if (c == '\t')
		return LINEEDIT_TAB;
	if (c < 0x20 || c == 0x7f)
		control_key(le, c);
	else
		lineedit_insert(le, (char)c);
	return LINEEDIT_MORE;
}
