// SPDX-License-Identifier: GPL-2.0-only
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/num.h"
#include "base/status.h"
#include "command/commands.h"
#include "ctl/ctl.h"
#include "play/play.h"
#include "probe/probe.h"
#include "vmm/run.h"

static int run_play(int argc, char **argv)
{
	return play_main(argc, argv, &commands);
}

static int run_suite(int argc, char **argv)
{
	return suite_main(argc, argv, &commands);
}

/* One row per subcommand, each in its own file. */
static const struct {
	const char *name;
	int (*main)(int argc, char **argv);
	const char *help;
} subcommands[] = {
	{ "run", run_main, "start a machine" },
	{ "play", run_play, "play scenarios and report the results" },
	{ "suite", run_suite,
	  "play all scenarios of a directory, each in its own process" },
	{ "ctl", ctl_main, "send commands to a machine's control socket" },
	{ "probe", probe_main,
	  "report what this kernel supports, and what is missing" },
};

static void main_usage(FILE *to)
{
	fputs("Usage: gpcvm SUBCOMMAND [OPTION]...\n"
	      "A small virtual machine monitor that exercises KVM's gfn_to_pfn_caches\n"
	      "on guest_memfd.\n\n",
	      to);
	for (unsigned int i = 0; i < ARRAY_SIZE(subcommands); i++)
		fprintf(to, "  gpcvm %-6s %s\n", subcommands[i].name,
			subcommands[i].help);
	fputs("\nRun gpcvm SUBCOMMAND --help for details, gpcvm --version for "
	      "the version.\n",
	      to);
}

static int print_version(void)
{
	puts("gpcvm " GPCVM_VERSION);
	return STATUS_OK;
}

/* Open closed standard descriptors. Otherwise the next open() would return one
 * of them, and a VM's fd could become the guest's console. */
static int open_standard_files(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd < 0)
		return -1;
	return close(fd);
}

/* getopt() prints argv[0] before its messages. */
static int run_subcommand(unsigned int i, int argc, char **argv)
{
	char title[32];

	snprintf(title, sizeof(title), "gpcvm %s", subcommands[i].name);
	argv[0] = title;
	return subcommands[i].main(argc, argv);
}

int main(int argc, char **argv)
{
	/* If the parent ignored it, child processes would leave no status. */
	signal(SIGCHLD, SIG_DFL);
	/* Continue without /dev/null. */
	(void)open_standard_files();
	if (argc < 2) {
		main_usage(stderr);
		return STATUS_USAGE;
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(subcommands); i++)
		if (!strcmp(argv[1], subcommands[i].name))
			return argc == 3 && !strcmp(argv[2], "--version")
				       ? print_version()
				       : run_subcommand(i, argc - 1, argv + 1);
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "help")) {
		main_usage(stdout);
		return STATUS_OK;
	}
	if (!strcmp(argv[1], "--version"))
		return print_version();
	warn("unknown subcommand '%s': gpcvm --help lists them", argv[1]);
	return STATUS_USAGE;
}
