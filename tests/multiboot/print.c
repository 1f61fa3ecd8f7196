// SPDX-License-Identifier: GPL-2.0-only
/* Lines on the serial port, and the count of what failed. */
#include "image.h"

#define COM1	 0x3f8
#define LSR	 5
#define LSR_THRE 0x20

unsigned int failures;

void print(const char *s)
{
	for (; *s; s++) {
		while (!(in8(COM1 + LSR) & LSR_THRE))
			;
		out8(COM1, (uint8_t)*s);
	}
}

void print_hex(uint32_t v)
{
	char s[11] = "0x";

	for (int i = 0; i < 8; i++)
		s[2 + i] = "0123456789abcdef"[v >> (28 - 4 * i) & 15];
	print(s);
}

void check(const char *name, bool holds, uint32_t value)
{
	print(holds ? "ok " : "not ok ");
	print(name);
	if (!holds) {
		failures++;
		print(": ");
		print_hex(value);
	}
	print("\n");
}

bool has_word(const char *line, const char *word)
{
	for (; *line; line++) {
		const char *a = line, *b = word;

		while (*b && *a == *b) {
			a++;
			b++;
		}
		if (!*b && (!*a || *a == ' '))
			return true;
		while (*line && *line != ' ')
			line++;
		if (!*line)
			return false;
	}
	return false;
}
