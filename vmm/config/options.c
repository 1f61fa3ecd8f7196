// SPDX-License-Identifier: GPL-2.0-only
/* The command line of gpcvm run. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "base/status.h"
#include "config/guests.h"
#include "config/options.h"

static const char usage[] =
	"Usage: gpcvm run [OPTION]...\n"
	"Start a machine and wait until it ends.\n"
	"\n"
	"  --memory MODE      auto (default), anon, gmem, gmem-private; the gmem modes\n"
	"                     also with +no-direct-map\n"
	"  --mem SIZE         guest memory, 2M to 1T (64M; 256M for --guest linux)\n"
	"  --slot GPA,SIZE[,file=N|none][,offset=N][,shared]\n"
	"                     add a memory slot, instead of --mem; may be repeated\n"
	"  --vcpus N          number of vCPUs (1)\n"
	"  --pv kvm|xen       kind of pv pages (kvm)\n"
	"  --pv-layout LAYOUT separate (default): one page each; packed: those of a kind\n"
	"                     of all vCPUs in one page; split, with --pv xen: each\n"
	"                     runstate area across two pages\n"
	"  --pv-by gpa|hva    with --pv xen: pass shinfo and vcpuinfo to KVM by gpa or by\n"
	"                     hva (gpa)\n"
	"  --guest NAME       agent (default), hello, clockwatch, or linux: Linux with\n"
	"                     gpcvm's agent; its kernel is --kernel, /boot/gpcvm-guest or\n"
	"                     the host's\n"
	"  --kernel FILE      boot FILE: a Linux bzImage, a vmlinux with a PVH note, or a\n"
	"                     Multiboot 1 image\n"
	"  --initrd FILE[,ARGS]  with --kernel: a part of Linux's initrd, or a Multiboot\n"
	"                     module and its command line; may be repeated\n"
	"  --append ARGS      with --kernel: its command line (Multiboot: after FILE)\n"
	"  --control PATH     accept commands on a Unix socket at PATH\n"
	"  --record-dir DIR   also allow recordings in DIR, and not only in the control\n"
	"                     socket's directory\n"
	"  --dump-dtb FILE    write the machine's device tree to FILE and exit\n"
	"  --family NAME      treat the kernel's guest_memfd as one of this family: none,\n"
	"                     private-6.8, direct-map-2024, mmap-6.18, direct-map-2025\n"
	"  --gmem-flags N     pass these flags to KVM_CREATE_GUEST_MEMFD\n"
	"  --bounce           have the guest copy itself into place from the window, as\n"
	"                     it always does in private memory\n"
	"  --memory-fault WHAT  on KVM_EXIT_MEMORY_FAULT: report (inject an exception;\n"
	"                     default), convert (to the attribute that the access wants)\n"
	"                     or stop\n"
	"  --poison           enable the command poison: a separate process stays\n"
	"                     privileged (CAP_SYS_ADMIN)\n"
	"  --no-guard         let commands hit the guest's own memory\n"
	"  --no-sandbox       keep the uid and all system calls, for debugging\n"
	"  --scenario FILE    play FILE against the machine, then end it; exit as gpcvm\n"
	"                     play does\n"
	"  --seed N           seed of random choices: storms without a seed of their own\n"
	"  --device PATH      KVM's device (/dev/kvm)\n"
	"  --quiet            print nothing on stderr but errors\n"
	"  --help, --version\n"
	"\n"
	"Exit status: 0 the guest ended, or quit; N quit N; 1 could not start;\n"
	"2 usage error; 10 triple fault; 11 KVM error; 12 memory fault; 13 exception or\n"
	"panic in the guest; 14 the guest requested a reset; 130 SIGINT; 143 SIGTERM;\n"
	"129 SIGHUP.\n";

static int set_mem(struct config *cfg, const char *arg, struct err *e)
{
	if (num_parse_range(arg, "--mem", MEM_MIN, MEM_MAX, &cfg->mem, e))
		return -1;
	if (cfg->mem & (PAGE_SIZE - 1))
		return err_range(e, "--mem %s is not a multiple of 4096", arg);
	return 0;
}

static int set_slot(struct config *cfg, const char *arg, struct err *e)
{
	struct err why;

	if (cfg->nr_slots == MEM_MAX_SLOTS)
		return err_range(e, "--slot: more than %d slots",
				 MEM_MAX_SLOTS);
	if (!mem_slot_parse(arg, &cfg->slots[cfg->nr_slots++], &why))
		return 0;
	return err_set(e, why.kind, 0, "--slot %s: %s", arg, why.msg);
}

static int set_vcpus(struct config *cfg, const char *arg, struct err *e)
{
	uint64_t n;

	if (num_parse_range(arg, "--vcpus", 1, CONFIG_MAX_VCPUS, &n, e))
		return -1;
	cfg->vcpus = (unsigned int)n;
	return 0;
}

static int set_guest(struct config *cfg, const char *arg, struct err *e)
{
	cfg->guest = arg;
	if (!guest_find(arg))
		return err_usage(
			e,
			"--guest %s: expected agent, hello, clockwatch "
			"or linux",
			arg);
	return 0;
}

/* FILE[,ARGS]: the path ends at the first comma. ARGS is not copied. */
static int set_initrd(struct config *cfg, const char *arg, struct err *e)
{
	struct config_module *m = &cfg->modules[cfg->nr_modules];

	if (cfg->nr_modules == CONFIG_MAX_MODULES)
		return err_range(e, "--initrd: more than %d of them",
				 CONFIG_MAX_MODULES);
	m->arg = arg;
	m->path_len = strcspn(arg, ",");
	m->args = arg[m->path_len] ? arg + m->path_len + 1 : NULL;
	if (!m->path_len)
		return err_usage(e, "--initrd %s: expected FILE[,ARGS]", arg);
	cfg->nr_modules++;
	return 0;
}

static int set_flags(struct config *cfg, const char *arg, struct err *e)
{
	cfg->force.has_flags = true;
	return num_parse(arg, "--gmem-flags", &cfg->force.flags, e);
}

static int set_family(struct config *cfg, const char *arg, struct err *e)
{
	cfg->force.has_family = true;
	return choice_parse("family", arg, gmem_family_names, GMEM_FAMILIES,
			    &cfg->force.family, e);
}

static int set_memory(struct config *cfg, const char *arg, struct err *e)
{
	return mem_mode_parse(arg, &cfg->mem_auto, &cfg->mode,
			      &cfg->no_direct_map, e);
}

static int set_seed(struct config *cfg, const char *arg, struct err *e)
{
	cfg->has_seed = true;
	return num_parse(arg, "--seed", &cfg->seed, e);
}

/* An option sets a field of struct config: to its value, a string; to the index of
 * its value in @names; to true, without a value; or as @set does. */
struct run_option {
	const char *name;
	size_t at; /* the field */
	int (*set)(struct config *cfg, const char *arg, struct err *e);
	const char *const *names;
	unsigned int nr; /* of names; or an enum run_asked */
	enum {
		OPTION_SET,
		OPTION_TEXT,
		OPTION_CHOICE,
		OPTION_FLAG,
		OPTION_ASKS
	} kind;
};

#define FIELD(f)	  .at = offsetof(struct config, f)
#define SET(fn)		  .kind = OPTION_SET, .set = fn
#define TEXT(f)		  .kind = OPTION_TEXT, FIELD(f)
#define FLAG(f)		  .kind = OPTION_FLAG, FIELD(f)
#define CHOICE(f, all, n) .kind = OPTION_CHOICE, FIELD(f), .names = all, .nr = n
#define ASKS(what)	  .kind = OPTION_ASKS, .nr = what

static const char *const pv_by_names[] = { "gpa", "hva" };

static const struct run_option options[] = {
	{ "memory", SET(set_memory) },
	{ "mem", SET(set_mem) },
	{ "slot", SET(set_slot) },
	{ "vcpus", SET(set_vcpus) },
	{ "pv", CHOICE(flavour, pv_flavour_names, PV_NONE) },
	{ "pv-layout", CHOICE(layout, pv_layout_names, PV_LAYOUTS) },
	{ "pv-by", CHOICE(by_hva, pv_by_names, 2) },
	{ "guest", SET(set_guest) },
	{ "kernel", TEXT(kernel) },
	{ "initrd", SET(set_initrd) },
	{ "append", TEXT(append) },
	{ "control", TEXT(control) },
	{ "record-dir", TEXT(record_dir) },
	{ "dump-dtb", TEXT(dump_dtb) },
	{ "family", SET(set_family) },
	{ "gmem-flags", SET(set_flags) },
	{ "bounce", FLAG(bounce) },
	{ "memory-fault", CHOICE(fault, fault_policy_names, FAULT_POLICIES) },
	{ "poison", FLAG(poison) },
	{ "no-guard", FLAG(no_guard) },
	{ "no-sandbox", FLAG(no_sandbox) },
	{ "scenario", TEXT(scenario) },
	{ "seed", SET(set_seed) },
	{ "device", TEXT(device) },
	{ "quiet", FLAG(quiet) },
	{ "help", ASKS(RUN_HELP) },
	{ "version", ASKS(RUN_VERSION) },
};

/* Parse the next option: its value is in optarg. Returns NULL after the last one.
 * *wrong is 0, or ':' or '?' for an option that getopt_long() refuses. */
static const struct run_option *next_option(int argc, char **argv, int *wrong)
{
	struct option longs[ARRAY_SIZE(options) + 1] = { 0 };
	int i, r;

	for (i = 0; i < (int)ARRAY_SIZE(options); i++) {
		longs[i].name = options[i].name;
		longs[i].has_arg = options[i].kind < OPTION_FLAG;
	}
	r = getopt_long(argc, argv, ":", longs, &i);
	*wrong = r > 0 ? r : 0;
	return r < 0 ? NULL : &options[*wrong ? 0 : i];
}

static int set_option(struct config *cfg, const struct run_option *o,
		      struct err *e)
{
	void *field = (char *)cfg + o->at;

	switch (o->kind) {
	case OPTION_TEXT:
		*(const char **)field = optarg;
		return 0;
	case OPTION_FLAG:
		*(bool *)field = true;
		return 0;
	case OPTION_CHOICE:
		return choice_parse(o->name, optarg, o->names, o->nr, field, e);
	case OPTION_SET:
		return o->set(cfg, optarg, e);
	default:
		return (int)o->nr;
	}
}

/* Reject combinations, in whatever order the options came. */
static int check_pv(const struct config *cfg, struct err *e)
{
	if (cfg->flavour == PV_XEN)
		return 0;
	if (cfg->layout == PV_SPLIT)
		return err_usage(e,
				 "--pv-layout split: only with --pv xen, whose "
				 "runstate may cross a page");
	if (cfg->by_hva)
		return err_usage(e,
				 "--pv-by hva: only with --pv xen, which has "
				 "caches by hva");
	return 0;
}

/* Expand --guest linux, and set the defaults that depend on it. */
static void take_guest(struct config *cfg)
{
	const struct guest_kind *g = cfg->guest ? guest_find(cfg->guest) : NULL;

	cfg->agent = g && g->kernel;
	if (cfg->agent && !cfg->kernel)
		cfg->kernel = GUEST_LINUX_KERNEL;
	if (!cfg->mem)
		cfg->mem = cfg->agent ? GUEST_LINUX_MEM : 64 * MIB;
}

/* Check --kernel against the other options. */
static int check_kernel(struct config *cfg, struct err *e)
{
	take_guest(cfg);
	if (!cfg->kernel && cfg->append)
		return err_usage(e, "--append: only with --kernel");
	if (!cfg->kernel && cfg->nr_modules)
		return err_usage(e, "--initrd: only with --kernel");
	if (!cfg->kernel) {
		cfg->guest = cfg->guest ?: "agent";
		return 0;
	}
	if (cfg->guest && !cfg->agent)
		return err_usage(e,
				 "--guest %s and --kernel: give only one of "
				 "them; only --guest linux takes both",
				 cfg->guest);
	if (cfg->flavour != PV_KVM || cfg->layout != PV_SEPARATE)
		return err_usage(e, "--kernel: the kernel places its pv pages "
				    "itself; remove --pv and --pv-layout");
	if (cfg->vcpus > CONFIG_MAX_APICS)
		return err_range(e,
				 "--vcpus %u: at most %d with --kernel, the "
				 "number of local APIC ids",
				 cfg->vcpus, CONFIG_MAX_APICS);
	if (cfg->agent)
		return 0;
	cfg->guest = CONFIG_KERNEL;
	cfg->flavour = PV_NONE;
	return 0;
}

bool run_is_option(const char *word)
{
	size_t n = strcspn(word, "=");

	if (strncmp(word, "--", 2) != 0)
		return true; /* the value of one */
	for (unsigned int i = 0; i < ARRAY_SIZE(options); i++)
		if (strlen(options[i].name) == n - 2 &&
		    !memcmp(options[i].name, word + 2, n - 2))
			return true;
	return false;
}

/* Report why getopt_long() refused an option. */
static int wrong_option(char **argv, int wrong, struct err *e)
{
	const char *arg = argv[optind - 1];

	if (wrong == ':')
		return err_usage(e, "%s needs a value (see gpcvm run --help)",
				 arg);
	if (optopt > ' ' && optopt < 0x7f && strncmp(arg, "--", 2) != 0)
		return err_usage(e, "unknown option -%c (see gpcvm run --help)",
				 optopt);
	return err_usage(
		e,
		"%s: unknown option, or one without a value (see gpcvm "
		"run --help)",
		arg);
}

int run_parse(int argc, char **argv, struct config *cfg, struct err *e)
{
	const struct run_option *o;
	int r;

	*cfg = (struct config){
		.device = "/dev/kvm",
		.mem_auto = true,
		.vcpus = 1,
		.argc = argc,
		.argv = argv,
	};
	optind = 0; /* reset: it may have been used before (getopt(3)) */
	opterr = 0;
	while ((o = next_option(argc, argv, &r))) {
		r = r ? wrong_option(argv, r, e) : set_option(cfg, o, e);
		if (r)
			return r;
	}
	if (optind < argc)
		return err_usage(e,
				 "%s: unexpected argument; gpcvm run takes "
				 "options only",
				 argv[optind]);
	return check_pv(cfg, e) ? -1 : check_kernel(cfg, e);
}

void run_each_option(int argc, char **argv,
		     void (*fn)(void *arg, const char *name, const char *value),
		     void *arg)
{
	const struct run_option *o;
	int wrong;

	optind = 0;
	while ((o = next_option(argc, argv, &wrong)))
		if (!wrong)
			fn(arg, o->name, optarg);
}

int run_options(int argc, char **argv, struct config *cfg)
{
	struct err e;

	switch (run_parse(argc, argv, cfg, &e)) {
	case 0:
		return -1;
	case RUN_HELP:
		fputs(usage, stdout);
		return STATUS_OK;
	case RUN_VERSION:
		puts("gpcvm " GPCVM_VERSION);
		return STATUS_OK;
	default:
		warn_err(&e);
		return STATUS_USAGE;
	}
}
