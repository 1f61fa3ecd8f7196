// SPDX-License-Identifier: GPL-2.0-only
/* Ends the guest with a reason of up to 64 bytes. */
#include "guest.h"

void text_str(struct text *t, const char *s)
{
	while (*s && t->len < sizeof(t->s))
		t->s[t->len++] = *s++;
}

void text_num(struct text *t, uint64_t v, unsigned int base)
{
	char digits[20];
	uint32_t n = 0;

	do {
		digits[n++] = "0123456789abcdef"[v % base];
		v /= base;
	} while (v);
	if (base == 16)
		text_str(t, "0x");
	while (n && t->len < sizeof(t->s))
		t->s[t->len++] = digits[--n];
}

void panic(struct text *t)
{
	memset(t->s + t->len, 0, sizeof(t->s) - t->len);
	db_call(DB_PANIC, (uint64_t *)(void *)t->s);
	halt();
}

void panic_with(const char *text, uint64_t v)
{
	struct text t = { .len = 0 };

	text_str(&t, text);
	text_str(&t, " ");
	text_num(&t, v, 16);
	panic(&t);
}

void __stack_chk_fail(void)
{
	panic_with("stack overwritten, near",
		   (uint64_t)__builtin_frame_address(0));
}
