// SPDX-License-Identifier: GPL-2.0-only
/* The libc functions that the compiler and libfdt need. Short rather than fast,
 * except for the string instructions: each counts as one where KVM emulates
 * every instruction. */
#include "guest.h"

void *memcpy(void *dest, const void *src, size_t n)
{
	void *d = dest;

	asm volatile("rep movsb" : "+D"(d), "+S"(src), "+c"(n)::"memory");
	return dest;
}

void *memmove(void *dest, const void *src, size_t n)
{
	char *d = dest;
	const char *s = src;

	if (d <= s || d >= s + n)
		return memcpy(dest, src, n);
	d += n - 1;
	s += n - 1;
	asm volatile("std; rep movsb; cld"
		     : "+D"(d), "+S"(s), "+c"(n)::"memory");
	return dest;
}

void *memset(void *s, int c, size_t n)
{
	void *d = s;

	asm volatile("rep stosb" : "+D"(d), "+c"(n) : "a"(c) : "memory");
	return s;
}

int memcmp(const void *s1, const void *s2, size_t n)
{
	const unsigned char *x = s1, *y = s2;

	if (!n)
		return 0;
	asm volatile("repe cmpsb" : "+S"(x), "+D"(y), "+c"(n)::"memory", "cc");
	return x[-1] - y[-1];
}

void *memchr(const void *s, int c, size_t n)
{
	const char *p = s;

	if (!n)
		return NULL;
	asm volatile("repne scasb"
		     : "+D"(p), "+c"(n)
		     : "a"(c)
		     : "memory", "cc");
	return p[-1] == (char)c ? (void *)(p - 1) : NULL;
}

size_t strlen(const char *s)
{
	return (size_t)((const char *)memchr(s, 0, -1UL) - s);
}

size_t strnlen(const char *string, size_t maxlen)
{
	const char *end = memchr(string, 0, maxlen);

	return end ? (size_t)(end - string) : maxlen;
}

char *strchr(const char *s, int c)
{
	return memchr(s, c, strlen(s) + 1);
}

char *strrchr(const char *s, int c)
{
	size_t n = strlen(s) + 1;

	while (n--)
		if (s[n] == (char)c)
			return (char *)s + n;
	return NULL;
}
