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
	"Start a machine and stay until it ends.\n"
	"\n"
	"  --memory MODE      auto (default), anon, gmem, gmem-private; the gmem modes\n"
	"                     also with +no-direct-map\n"
	"  --mem SIZE         guest memory, 2M to 1T (64M; 256M for --guest linux)\n"
	"  --slot GPA,SIZE[,file=N|none][,offset=N][,shared]\n"
	"                     a memory slot; instead of --mem, once for each slot\n"
	"  --vcpus N          number of vCPUs (1)\n"
	"  --pv kvm|xen       whose pv pages (kvm)\n"
	"  --pv-layout LAYOUT separate (default): a page each; packed: those of one kind\n"
	"                     of all vCPUs in one page; split, with --pv xen: each\n"
	"                     runstate area across two pages\n"
	"  --pv-by gpa|hva    with --pv xen: how KVM is given shinfo and vcpuinfo (gpa)\n"
	"  --guest NAME       agent (default), hello, clockwatch, or linux: a Linux with\n"
	"                     gpcvm's agent, from --kernel, /boot/gpcvm-guest or the\n"
	"                     kernel that runs here\n"
	"  --kernel FILE      boot this instead: a Linux bzImage, a vmlinux with a PVH\n"
	"                     note, or a Multiboot 1 image\n"
	"  --initrd FILE[,ARGS]  with --kernel: a part of Linux's initrd; a Multiboot\n"
	"                     module and its command line; may be repeated\n"
	"  --append ARGS      with --kernel: its command line (Multiboot: behind FILE)\n"
	"  --control PATH     listen for commands on a Unix socket there\n"
	"  --record-dir DIR   allow recordings there, too; without it only in the control\n"
	"                     socket's directory\n"
	"  --dump-dtb FILE    write the machine's device tree to FILE and end\n"
	"  --family NAME      take the kernel's guest_memfd for one of this family:\n"
	"                     none, private-6.8, direct-map-2024, mmap-6.18,\n"
	"                     direct-map-2025\n"
	"  --gmem-flags N     flags for KVM_CREATE_GUEST_MEMFD, as they are\n"
	"  --bounce           have the guest copy itself into place from the window, as\n"
	"                     it must where its memory is private\n"
	"  --memory-fault WHAT  on KVM_EXIT_MEMORY_FAULT: report (an exception for the\n"
	"                     guest; default), convert (to the attribute that the access\n"
	"                     wants) or stop\n"
	"  --poison           keep what the command poison needs: a process of its own\n"
	"                     stays privileged (CAP_SYS_ADMIN)\n"
	"  --no-guard         let commands hit the guest's own memory\n"
	"  --no-sandbox       keep the uid and all system calls, for debugging\n"
	"  --scenario FILE    play FILE against the machine, then end it; the exit\n"
	"                     status is that of gpcvm play\n"
	"  --seed N           for what is drawn at random: a storm without a seed of its\n"
	"                     own\n"
	"  --device PATH      KVM's device (/dev/kvm)\n"
	"  --quiet            nothing on stderr but errors\n"
	"  --help, --version\n"
	"\n"
	"Exit status: 0 the guest has ended or quit; N quit N; 1 could not start;\n"
	"2 wrong usage; 10 triple fault; 11 KVM error; 12 memory fault; 13 exception or\n"
	"panic in the guest; 14 the guest asks for a reset; 130 SIGINT; 143 SIGTERM;\n"
	"129 SIGHUP.\n";

static const struct option options[] = {
	{ "memory", required_argument, NULL, 'm' },
	{ "mem", required_argument, NULL, 's' },
	{ "slot", required_argument, NULL, 'S' },
	{ "vcpus", required_argument, NULL, 'v' },
	{ "pv", required_argument, NULL, 'p' },
	{ "pv-layout", required_argument, NULL, 'l' },
	{ "pv-by", required_argument, NULL, 'B' },
	{ "guest", required_argument, NULL, 'g' },
	{ "kernel", required_argument, NULL, 'K' },
	{ "initrd", required_argument, NULL, 'i' },
	{ "append", required_argument, NULL, 'a' },
	{ "control", required_argument, NULL, 'c' },
	{ "record-dir", required_argument, NULL, 'r' },
	{ "dump-dtb", required_argument, NULL, 'd' },
	{ "family", required_argument, NULL, 'f' },
	{ "gmem-flags", required_argument, NULL, 'F' },
	{ "bounce", no_argument, NULL, 'b' },
	{ "memory-fault", required_argument, NULL, 'M' },
	{ "poison", no_argument, NULL, 'P' },
	{ "no-guard", no_argument, NULL, 'G' },
	{ "no-sandbox", no_argument, NULL, 'x' },
	{ "scenario", required_argument, NULL, 'n' },
	{ "seed", required_argument, NULL, 'e' },
	{ "device", required_argument, NULL, 'k' },
	{ "quiet", no_argument, NULL, 'q' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

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
		return err_range(e, "more than %d slots", MEM_MAX_SLOTS);
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

static int set_pv(struct config *cfg, const char *arg, struct err *e)
{
	cfg->flavour = strcmp(arg, "xen") ? PV_KVM : PV_XEN;
	if (cfg->flavour == PV_KVM && strcmp(arg, "kvm"))
		return err_usage(e, "--pv %s: kvm or xen", arg);
	return 0;
}

static int set_by(struct config *cfg, const char *arg, struct err *e)
{
	cfg->by_hva = !strcmp(arg, "hva");
	if (!cfg->by_hva && strcmp(arg, "gpa"))
		return err_usage(e, "--pv-by %s: gpa or hva", arg);
	return 0;
}

static int set_layout(struct config *cfg, const char *arg, struct err *e)
{
	for (int l = PV_SEPARATE; l <= PV_SPLIT; l++) {
		cfg->layout = (enum pv_layout)l;
		if (!strcmp(arg, pv_layout_name(cfg->layout)))
			return 0;
	}
	return err_usage(e, "--pv-layout %s: separate, packed or split", arg);
}

static int set_guest(struct config *cfg, const char *arg, struct err *e)
{
	cfg->guest = arg;
	if (!guest_find(arg))
		return err_usage(e,
				 "--guest %s: agent, hello, clockwatch or "
				 "linux",
				 arg);
	return 0;
}

/* Up to the first comma a path; the words stay where the caller has them. */
static int set_initrd(struct config *cfg, const char *arg, struct err *e)
{
	struct config_module *m = &cfg->modules[cfg->nr_modules];

	if (cfg->nr_modules == CONFIG_MAX_MODULES)
		return err_range(e, "more than %d times --initrd",
				 CONFIG_MAX_MODULES);
	m->arg = arg;
	m->path_len = strcspn(arg, ",");
	m->args = arg[m->path_len] ? arg + m->path_len + 1 : NULL;
	if (!m->path_len)
		return err_usage(e,
				 "--initrd %s: a file, then perhaps a comma "
				 "and its command line",
				 arg);
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
	return gmem_family_parse(arg, &cfg->force.family, e);
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

static int set_path(struct config *cfg, int opt, const char *arg)
{
	switch (opt) {
	case 'n':
		cfg->scenario = arg;
		return 0;
	case 'c':
		cfg->control = arg;
		return 0;
	case 'r':
		cfg->record_dir = arg;
		return 0;
	case 'd':
		cfg->dump_dtb = arg;
		return 0;
	case 'K':
		cfg->kernel = arg;
		return 0;
	case 'a':
		cfg->append = arg;
		return 0;
	default:
		cfg->device = arg;
		return 0;
	}
}

static int set_switch(struct config *cfg, int opt)
{
	switch (opt) {
	case 'b':
		cfg->bounce = true;
		return 0;
	case 'G':
		cfg->guard = false;
		return 0;
	case 'P':
		cfg->poison = true;
		return 0;
	case 'x':
		cfg->no_sandbox = true;
		return 0;
	default:
		cfg->quiet = true;
		return 0;
	}
}

static int set_option(struct config *cfg, int opt, const char *arg,
		      struct err *e)
{
	switch (opt) {
	case 'm':
		return set_memory(cfg, arg, e);
	case 's':
		return set_mem(cfg, arg, e);
	case 'S':
		return set_slot(cfg, arg, e);
	case 'v':
		return set_vcpus(cfg, arg, e);
	case 'p':
		return set_pv(cfg, arg, e);
	case 'l':
		return set_layout(cfg, arg, e);
	case 'B':
		return set_by(cfg, arg, e);
	case 'g':
		return set_guest(cfg, arg, e);
	case 'f':
		return set_family(cfg, arg, e);
	case 'F':
		return set_flags(cfg, arg, e);
	case 'M':
		return fault_policy_parse(arg, &cfg->fault, e);
	case 'e':
		return set_seed(cfg, arg, e);
	case 'i':
		return set_initrd(cfg, arg, e);
	case 'a':
	case 'c':
	case 'd':
	case 'K':
	case 'k':
	case 'n':
	case 'r':
		return set_path(cfg, opt, arg);
	default:
		return set_switch(cfg, opt);
	}
}

/* What only goes together, whatever came first. */
static int check_pv(const struct config *cfg, struct err *e)
{
	if (cfg->flavour == PV_XEN)
		return 0;
	if (cfg->layout == PV_SPLIT)
		return err_usage(e, "--pv-layout split: only the runstate of "
				    "--pv xen may cross a page");
	if (cfg->by_hva)
		return err_usage(e, "--pv-by hva: only --pv xen has caches by "
				    "hva");
	return 0;
}

/* What --guest linux stands for. */
static void take_guest(struct config *cfg)
{
	const struct guest_kind *g = cfg->guest ? guest_find(cfg->guest) : NULL;

	cfg->agent = g && g->kernel;
	if (cfg->agent && !cfg->kernel)
		cfg->kernel = GUEST_LINUX_KERNEL;
	if (!cfg->mem)
		cfg->mem = cfg->agent ? GUEST_LINUX_MEM : 64 * MIB;
}

/* --kernel, and what goes with it or does not. */
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
				 "--guest %s and --kernel: only one of them; "
				 "--guest linux takes both",
				 cfg->guest);
	if (cfg->flavour != PV_KVM || cfg->layout != PV_SEPARATE)
		return err_usage(e, "--kernel places its pv pages itself: "
				    "without --pv and --pv-layout");
	if (cfg->vcpus > CONFIG_MAX_APICS)
		return err_range(e,
				 "--vcpus %u: with --kernel at most %d, "
				 "which is what a local APIC can number",
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
	for (unsigned int i = 0; options[i].name; i++)
		if (strlen(options[i].name) == n - 2 &&
		    !memcmp(options[i].name, word + 2, n - 2))
			return true;
	return false;
}

/* What getopt_long() did not like. */
static int wrong_option(char **argv, int opt, struct err *e)
{
	const char *arg = argv[optind - 1];

	if (opt == ':')
		return err_usage(e,
				 "%s needs a value: gpcvm run --help "
				 "shows the options",
				 arg);
	if (optopt > ' ' && optopt < 0x7f && strncmp(arg, "--", 2) != 0)
		return err_usage(e,
				 "no option -%c: gpcvm run --help shows "
				 "the options",
				 optopt);
	return err_usage(e,
			 "no option %s, or it takes no value: gpcvm run "
			 "--help shows the options",
			 arg);
}

int run_parse(int argc, char **argv, struct config *cfg, struct err *e)
{
	int opt;

	*cfg = (struct config){
		.device = "/dev/kvm",
		.mem_auto = true,
		.vcpus = 1,
		.guard = true,
	};
	cfg->argc = argc;
	cfg->argv = argv;
	optind = 0; /* it may have been used before (getopt(3)) */
	opterr = 0;
	while ((opt = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (opt == 'h')
			return RUN_HELP;
		if (opt == 'V')
			return RUN_VERSION;
		if (opt == '?' || opt == ':')
			return wrong_option(argv, opt, e);
		if (set_option(cfg, opt, optarg, e))
			return -1;
	}
	if (optind < argc)
		return err_usage(e, "run takes options only, not '%s'",
				 argv[optind]);
	return check_pv(cfg, e) ? -1 : check_kernel(cfg, e);
}

void run_each_option(int argc, char **argv,
		     void (*fn)(void *arg, const char *name, const char *value),
		     void *arg)
{
	int opt, index;

	optind = 0;
	opterr = 0;
	while ((opt = getopt_long(argc, argv, ":", options, &index)) != -1)
		if (opt != '?' && opt != ':')
			fn(arg, options[index].name, optarg);
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
		complain_err(&e);
		return e.kind == ERR_UNSUPPORTED ? STATUS_FAILED : STATUS_USAGE;
	}
}
