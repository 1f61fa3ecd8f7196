// SPDX-License-Identifier: GPL-2.0-only
/*
 * Maps guest memory at its own address, from /dev/mem, piece by piece; never
 * unmaps it. The program itself is loaded far above (it is
 * position-independent, and the largest machine has 1 TiB), so it is not in the
 * way.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "linux.h"

#define PAGE	4096UL
#define PIECE	(2UL << 20)
#define HIGHEST (1UL << 45) /* the kernel maps programs above */

/* Shared by all threads, which map the same memory. */
static int mem = -1;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

int memory_init(void)
{
	mem = open("/dev/mem", O_RDWR | O_CLOEXEC);
	return mem < 0 ? -1 : 0;
}

static bool map_piece(uint64_t gpa, uint64_t len)
{
	void *p = mmap((void *)gpa, len, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_FIXED_NOREPLACE, mem, (off_t)gpa);

	if (p == (void *)gpa)
		return true;
	/* Before 4.17 the flag is ignored, and the address only a hint. */
	if (p != MAP_FAILED)
		munmap(p, len);
	return p == MAP_FAILED && errno == EEXIST;
}

/* Map a single page where a larger piece is refused: STRICT_DEVMEM permits only
 * some pages, and PAT no piece that is only partly RAM. */
static bool map_page(uint64_t gpa)
{
	unsigned char in;

	if (!mincore((void *)gpa, PAGE, &in))
		return true;
	if (map_piece(gpa & ~(PIECE - 1), PIECE) &&
	    !mincore((void *)gpa, PAGE, &in))
		return true;
	return map_piece(gpa, PAGE);
}

bool map_range(struct machine *m UNUSED, uint64_t gpa, uint64_t len)
{
	bool ok = true;

	if (len > HIGHEST || gpa > HIGHEST - len)
		return false;
	pthread_mutex_lock(&lock);
	for (uint64_t p = gpa & ~(PAGE - 1); ok && p < gpa + len; p += PAGE)
		ok = map_page(p);
	pthread_mutex_unlock(&lock);
	return ok;
}
