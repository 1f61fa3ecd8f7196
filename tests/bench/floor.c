// SPDX-License-Identifier: GPL-2.0-only
/* Options, measurements, JSON. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "floor.h"

uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

void die(const char *what, uint64_t value)
{
	fprintf(stderr, "floor: %s %" PRIu64 " (0x%" PRIx64 ")\n", what, value,
		value);
	exit(1);
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static uint64_t median(uint64_t *ns, unsigned int n)
{
	qsort(ns, n, sizeof(*ns), compare);
	return ns[n / 2];
}

static uint64_t *samples(unsigned int n)
{
	uint64_t *ns = calloc(n, sizeof(*ns));

	if (!n || !ns)
		die("how many samples? Not", n);
	return ns;
}

static int mode_boot(struct floor *f, unsigned int n)
{
	uint64_t last = 0, first = f->v[0].ready_ns;

	(void)n;
	for (unsigned int i = 0; i < f->o.vcpus; i++)
		if (f->v[i].ready_ns > last)
			last = f->v[i].ready_ns;
	printf("{\"mode\":\"boot\",\"vcpus\":%u,\"memory\":\"%s\",\"ns\":%" PRIu64
	       ",\"phases\":{\"create_vm\":%" PRIu64 ",\"memory\":%" PRIu64
	       ",\"load\":%" PRIu64 ",\"vcpus\":%" PRIu64
	       ",\"first_ready\":%" PRIu64 ",\"all_ready\":%" PRIu64 "}}\n",
	       f->o.vcpus, f->o.gmem ? "gmem" : "anon", last - f->start_ns,
	       f->vm_ns - f->start_ns, f->memory_ns - f->vm_ns,
	       f->load_ns - f->memory_ns, f->vcpu_ns - f->load_ns,
	       first - f->vcpu_ns, last - f->vcpu_ns);
	return 0;
}

static int mode_punch(struct floor *f, unsigned int n)
{
	uint64_t gpa = f->spare, *ns = samples(n), begin, loop;

	for (unsigned int i = 0; i < n; i++) {
		*(volatile char *)(f->mem + gpa) = 1;
		begin = now_ns();
		floor_punch(f, gpa, PAGE);
		ns[i] = now_ns() - begin;
	}
	begin = now_ns();
	for (unsigned int i = 0; i < n; i++)
		floor_punch(f, gpa, PAGE);
	loop = now_ns() - begin;
	printf("{\"mode\":\"punch\",\"memory\":\"%s\",\"call\":\"%s\",\"n\":%u,"
	       "\"median_ns\":%" PRIu64 ",\"untouched_per_s\":%.0f}\n",
	       f->o.gmem ? "gmem" : "anon", f->o.gmem ? "fallocate" : "madvise",
	       n, median(ns, n), n * 1e9 / (double)loop);
	free(ns);
	return 0;
}

static int mode_storm(struct floor *f, unsigned int n)
{
	/* Far from all others, or the file's tree would keep a node for it. */
	uint64_t gpa = f->o.memory / 2 & ~(PAGE - 1), begin = now_ns();

	for (unsigned int i = 0; i < n; i++) {
		floor_punch(f, gpa, PAGE);
		floor_allocate(f, gpa, PAGE);
	}
	printf("{\"mode\":\"storm\",\"memory\":\"%s\",\"n\":%u,"
	       "\"per_s\":%.0f}\n",
	       f->o.gmem ? "gmem" : "anon", n,
	       n * 2e9 / (double)(now_ns() - begin));
	return 0;
}

/* The time that the words of OP_CLOCK tell. */
static uint64_t clock_of(const uint64_t *w)
{
	int8_t shift = (int8_t)(w[4] >> 32);
	uint64_t delta = w[5] - w[2];

	delta = shift < 0 ? delta >> -shift : delta << shift;
	return w[3] +
	       (uint64_t)((unsigned __int128)delta * (uint32_t)w[4] >> 32);
}

static int mode_fresh(struct floor *f, unsigned int n)
{
	uint64_t args[DB_WORDS] = { f->clock }, w[DB_WORDS], set, begin;
	uint64_t *ns = samples(n);
	unsigned int stale = 0;

	for (unsigned int i = 0; i < n; i++) {
		begin = now_ns();
		floor_punch(f, f->clock, PAGE);
		set = floor_set_clock(f, 1000000);
		if (floor_ask(f, 0, OP_CLOCK, args, w) || clock_of(w) < set)
			stale++;
		ns[i] = now_ns() - begin;
	}
	printf("{\"mode\":\"fresh\",\"memory\":\"%s\",\"n\":%u,\"stale\":%u,"
	       "\"median_ns\":%" PRIu64 "}\n",
	       f->o.gmem ? "gmem" : "anon", n, stale, median(ns, n));
	free(ns);
	return stale != 0;
}

/* Rss of the mapping that starts at @start in kB; all mappings with 0. */
static uint64_t rss_kb(uintptr_t start)
{
	FILE *s = fopen("/proc/self/smaps", "re");
	char line[256];
	bool in = false;
	uint64_t sum = 0;

	if (!s)
		die("/proc/self/smaps: cannot open", 0);
	while (fgets(line, sizeof(line), s)) {
		char *end;
		uint64_t at = strtoull(line, &end, 16);

		if (*end == '-' && end != line)
			in = !start || at == start;
		else if (in && !strncmp(line, "Rss:", 4))
			sum += strtoull(line + 4, NULL, 10);
	}
	fclose(s);
	return sum;
}

static int mode_rss(struct floor *f, unsigned int n)
{
	uint64_t all = rss_kb(0), guest = rss_kb((uintptr_t)f->mem);

	(void)n;
	printf("{\"mode\":\"rss\",\"memory\":\"%s\",\"vcpus\":%u,"
	       "\"rss_kb\":%" PRIu64 ",\"guest_kb\":%" PRIu64
	       ",\"beyond_guest_kb\":%" PRIu64 "}\n",
	       f->o.gmem ? "gmem" : "anon", f->o.vcpus, all, guest,
	       all - guest);
	return 0;
}

static int mode_selftest(struct floor *f, unsigned int n)
{
	(void)n;
	return floor_selftest(f);
}

static int mode_watchtest(struct floor *f, unsigned int n)
{
	(void)n;
	return floor_watchtest(f);
}

static int mode_crashtest(struct floor *f, unsigned int n)
{
	(void)n;
	return floor_crashtest(f);
}

/* Until the guest ends the machine. */
static int mode_run(struct floor *f, unsigned int n)
{
	(void)n;
	pthread_join(f->v[0].thread, NULL);
	return 1;
}

static const struct mode {
	const char *name, *guest;
	int (*run)(struct floor *f, unsigned int n);
	const char *help;
} modes[] = {
	{ "boot", NULL, mode_boot, "time to the last vCPU's DB_READY" },
	{ "punch", NULL, mode_punch, "N punches of one page, touched and not" },
	{ "storm", NULL, mode_storm, "N times punch and allocate one page" },
	{ "fresh", NULL, mode_fresh,
	  "N times punch, set, read the clock page" },
	{ "rss", NULL, mode_rss, "resident memory beyond the guest's" },
	{ "run", NULL, mode_run, "run --guest until it ends the machine" },
	{ "selftest", "agent", mode_selftest, "every operation on every vCPU" },
	{ "watchtest", "clockwatch", mode_watchtest,
	  "what clockwatch reports" },
	{ "crashtest", "agent", mode_crashtest, "an unexpected exception" },
};

static _Noreturn void usage(int status)
{
	FILE *s = status ? stderr : stdout;

	fprintf(s, "usage: floor [--vcpus N] [--memory anon|gmem] [--mem MIB] "
		   "[--loader]\n             [--guest NAME] IMAGE MODE [N]\n");
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		fprintf(s, "  %-10s %s\n", modes[i].name, modes[i].help);
	exit(status);
}

static const struct mode *find_mode(const char *name)
{
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (!strcmp(modes[i].name, name))
			return &modes[i];
	fprintf(stderr, "floor: no mode '%s'\n", name);
	usage(2);
}

static uint64_t number(const char *s, uint64_t min, uint64_t max)
{
	char *end;
	uint64_t v = strtoull(s, &end, 0);

	if (*end || end == s || v < min || v > max) {
		fprintf(stderr,
			"floor: '%s' is not a number from %" PRIu64
			" to %" PRIu64 "\n",
			s, min, max);
		exit(2);
	}
	return v;
}

static void parse(struct options *o, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "vcpus", required_argument, NULL, 'c' },
		{ "memory", required_argument, NULL, 'm' },
		{ "mem", required_argument, NULL, 's' },
		{ "guest", required_argument, NULL, 'g' },
		{ "loader", no_argument, NULL, 'l' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (c == 'c')
			o->vcpus = (unsigned int)number(optarg, 1,
							FLOOR_MAX_VCPUS);
		else if (c == 's')
			o->memory = number(optarg, 2, 1ULL << 26) << 20;
		else if (c == 'g')
			o->guest = optarg;
		else if (c == 'l')
			o->loader = true;
		else if (c == 'm' && !strcmp(optarg, "gmem"))
			o->gmem = true;
		else if (c != 'm' || strcmp(optarg, "anon") != 0)
			usage(c == 'h' ? 0 : 2);
	}
	if (argc - optind < 2 || argc - optind > 3)
		usage(2);
}

int main(int argc, char **argv)
{
	static struct floor f = {
		.start_ns = 0,
		.o = { .vcpus = 1, .memory = 64 << 20, .guest = "agent" },
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.cond = PTHREAD_COND_INITIALIZER,
	};
	const struct mode *m;
	unsigned int n = 1000;

	f.start_ns = now_ns();
	parse(&f.o, argc, argv);
	f.o.image = argv[optind];
	m = find_mode(argv[optind + 1]);
	if (argc - optind == 3)
		n = (unsigned int)number(argv[optind + 2], 1, 100000000);
	if (m->guest)
		f.o.guest = m->guest;
	floor_memory(&f);
	floor_load(&f);
	f.load_ns = now_ns();
	floor_start(&f);
	floor_wait_ready(&f);
	n = (unsigned int)m->run(&f, n);
	fflush(stdout);
	return (int)n;
}
