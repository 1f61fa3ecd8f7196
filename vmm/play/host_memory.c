// SPDX-License-Identifier: GPL-2.0-only
#include <fcntl.h>
#include <limits.h>
#include <linux/kernel-page-flags.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/num.h"
#include "play/host_memory.h"

#define BIT(n) (UINT64_C(1) << (n))

/* What the pages of a counter are; the same page may be in several. */
enum { ON_ANON_LRU = 1, MAPPED = 2, USED = 4 };

/* include/linux/mmzone.h, and mm/vmstat.c for the names */
static const struct counter {
	const char *name;
	unsigned int what;
	bool optional; /* newer, or of some configurations */
} counters[] = {
	{ "nr_inactive_anon", ON_ANON_LRU | USED, false },
	{ "nr_active_anon", ON_ANON_LRU | USED, false },
	{ "nr_unevictable", ON_ANON_LRU | USED, false },
	{ "nr_isolated_anon", ON_ANON_LRU | USED, false },
	{ "nr_inactive_file", USED, false },
	{ "nr_active_file", USED, false },
	{ "nr_isolated_file", USED, false },
	{ "nr_anon_pages", MAPPED, false },
	{ "nr_shmem", MAPPED, false }, /* on the anonymous lists */
	{ "nr_free_pages", USED, false },
	{ "nr_slab_reclaimable", USED, false },
	{ "nr_slab_unreclaimable", USED, false },
	{ "nr_page_table_pages", USED, false },
	{ "nr_sec_page_table_pages", USED, true },
	{ "nr_zspages", USED, true },
};

FILE *proc_open(const char *proc, const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", proc, name);
	return fopen(path, "re");
}

bool proc_number(const char *line, const char *word, long *n)
{
	const size_t len = strlen(word);
	char *end;

	line += strspn(line, " ");
	if (strncmp(line, word, len) != 0 || !strchr(" \t", line[len]))
		return false;
	*n = strtol(line + len, &end, 10);
	return end != line + len;
}

static const struct counter *find_counter(const char *line, long *n)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(counters); i++)
		if (proc_number(line, counters[i].name, n))
			return &counters[i];
	return NULL;
}

/* Returns false if a counter is missing. */
static bool read_vmstat(const char *proc, long *unmapped, long *used)
{
	unsigned int left = 0;
	const struct counter *c;
	char line[128];
	long n;
	FILE *f = proc_open(proc, "vmstat");

	for (unsigned int i = 0; i < ARRAY_SIZE(counters); i++)
		left += !counters[i].optional;
	while (f && fgets(line, sizeof(line), f)) {
		c = find_counter(line, &n);
		if (!c)
			continue;
		left -= !c->optional;
		*used += c->what & USED ? n : 0;
		*unmapped += c->what & ON_ANON_LRU ? n : 0;
		*unmapped -= c->what & MAPPED ? n : 0;
	}
	if (f)
		fclose(f);
	return f && !left;
}

/* Read the pages of the page allocator, and those on the free lists of the CPUs,
 * which are not counted as free (mm/page_alloc.c, free_unref_page_commit()). */
static bool read_zones(const char *proc, long *managed, long *used)
{
	char line[256];
	bool found = false;
	FILE *f = proc_open(proc, "zoneinfo");
	long n;

	while (f && fgets(line, sizeof(line), f)) {
		if (proc_number(line, "managed", &n)) {
			*managed += n;
			found = true;
		} else if (proc_number(line, "count:", &n)) {
			*used += n;
		}
	}
	if (f)
		fclose(f);
	return found;
}

static bool read_meminfo(const char *proc, long *used)
{
	const long kib = (long)(PAGE_SIZE / 1024);
	unsigned int found = 0;
	char line[128];
	FILE *f = proc_open(proc, "meminfo");
	long n;

	while (f && fgets(line, sizeof(line), f)) {
		if (!proc_number(line, "VmallocUsed:", &n) &&
		    !proc_number(line, "Percpu:", &n))
			continue;
		*used += n / kib;
		found++;
	}
	if (f)
		fclose(f);
	return found == 2;
}

void host_memory_count(struct host_memory *m, const char *proc)
{
	long used = 0, managed = 0;

	*m = (struct host_memory){ 0 };
	m->has_unmapped = read_vmstat(proc, &m->unmapped, &used);
	m->has_lost = read_zones(proc, &managed, &used) &&
		      read_meminfo(proc, &used) && m->has_unmapped;
	m->lost = managed - used;
}

/* Documentation/admin-guide/mm/pagemap.rst. Slab's fields of struct page look
 * like those of an anonymous page; one in the swap cache can be read again. */
static bool is_unmapped(uint64_t flags)
{
	const uint64_t no = BIT(KPF_MMAP) | BIT(KPF_SLAB) | BIT(KPF_BUDDY) |
			    BIT(KPF_NOPAGE) | BIT(KPF_SWAPCACHE) |
			    BIT(KPF_HUGE) | BIT(KPF_OFFLINE) | BIT(KPF_PGTABLE);

	return flags & BIT(KPF_ANON) && flags & BIT(KPF_LRU) && !(flags & no);
}

long host_memory_unmapped(const char *proc)
{
	enum { AT_ONCE = 8192 };
	uint64_t *flags = malloc(AT_ONCE * sizeof(*flags));
	char path[PATH_MAX];
	long found = 0;
	ssize_t n = -1;
	int fd;

	snprintf(path, sizeof(path), "%s/kpageflags", proc);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	while (flags && fd >= 0) {
		n = read(fd, flags, AT_ONCE * sizeof(*flags));
		if (n <= 0)
			break;
		for (size_t i = 0; i < (size_t)n / sizeof(*flags); i++)
			found += is_unmapped(flags[i]);
	}
	if (fd >= 0)
		close(fd);
	free(flags);
	return n ? -1 : found;
}
