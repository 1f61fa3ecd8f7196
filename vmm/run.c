// SPDX-License-Identifier: GPL-2.0-only
/* gpcvm run: open what needs privileges, drop them,
 * run the machine, clean up. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/num.h"
#include "base/out.h"
#include "base/status.h"
#include "command/commands.h"
#include "command/record.h"
#include "config/guests.h"
#include "config/options.h"
#include "control/control.h"
#include "devices/tables.h"
#include "host/kmsg.h"
#include "host/poison.h"
#include "host/privs.h"
#include "host/sigbus.h"
#include "keeper/keeper.h"
#include "leak/leak.h"
#include "play/play.h"
#include "vmm/run.h"

struct run {
	struct machine m;
	struct session s;
	struct leak leak;
	struct pending pending;
	struct kmsg kmsg;
	struct keeper keeper;
	struct control *control;
	int signal_fd;
	struct loop_source signals;
};

static void on_signal(void *arg, uint32_t events)
{
	struct run *r = arg;
	struct signalfd_siginfo si;

	(void)events;
	if (read(r->signal_fd, &si, sizeof(si)) != sizeof(si))
		return;
	machine_end(&r->m, STATUS_SIGNAL + (int)si.ssi_signo, "SIG%s",
		    sigabbrev_np((int)si.ssi_signo));
}

/* Handle SIGINT, SIGTERM and SIGHUP in the loop. All threads
 * created later inherit the mask. */
static int catch_signals(struct run *r, struct err *e)
{
	sigset_t set, tty;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	/* Do not stop in the background when restoring the terminal (SIGTTOU)
	 * or reading input (SIGTTIN). */
	sigemptyset(&tty);
	sigaddset(&tty, SIGTTOU);
	sigaddset(&tty, SIGTTIN);
	sigprocmask(SIG_BLOCK, &tty, NULL);
	signal(SIGPIPE, SIG_IGN);
	/* A recording above the size limit fails with EFBIG. */
	signal(SIGXFSZ, SIG_IGN);
	r->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (r->signal_fd < 0)
		return err_os(e, errno, "signalfd");
	r->signals = (struct loop_source){ r->signal_fd, on_signal, r };
	if (loop_add(&r->m.loop, &r->signals, EPOLLIN))
		return err_os(e, errno, "epoll_ctl");
	return 0;
}

static void say_hello(const struct run *r)
{
	const struct config *cfg = r->m.cfg;
	const struct memory *mem = &r->m.memory;
	char size[24];

	if (cfg->quiet)
		return;
	warn("memory %s, %s in %u slots; %u vCPU%s; guest %s",
	     mem_mode_name(mem->mode, mem->no_direct_map),
	     num_size(memory_size(mem), size), mem->nr_slots, cfg->vcpus,
	     cfg->vcpus == 1 ? "" : "s", cfg->kernel ?: cfg->guest);
	if (cfg->control)
		warn("control socket %s", cfg->control);
	else if (guest_has_agent(cfg->guest))
		warn("no clients can connect without --control; Ctrl-C "
		     "ends the machine");
}

/* From here on, printing does not block this thread. */
static int start_output(struct run *r, struct err *e)
{
	int error = out_start(r->m.cfg->vcpus);

	return error ? err_os(e, error, "memory for the output") : 0;
}

/* Everything that needs privileges is open. Drop them before touching outside
 * data: a kernel file, a client's line, the guest. */
static int drop_rights(struct run *r, struct err *e)
{
	struct sandbox *s = &r->m.sandbox;

	s->id = (struct identity){ geteuid(), getegid() };
	if (r->m.cfg->no_sandbox ? privs_drop(e) : privs_leave_root(&s->id, e))
		return -1;
	s->no_new_privs = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
	if (!s->no_filters)
		s->landlock = sandbox_paths(NULL, 0);
	else /* debuggers and LeakSanitizer use /proc and ptrace */
		prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	return sandbox_enter(s, SANDBOX_MAIN, e);
}

/* Let the state of the vCPUs' threads be reported to clients. Not fatal. */
static void watch_threads(struct run *r)
{
	const unsigned int nr = r->m.nr_vcpus;
	struct task_files *files = calloc(nr, sizeof(*files));
	pid_t *tids = calloc(nr, sizeof(*tids));
	struct err e;

	if (!files || !tids) {
		warn("no memory to watch %u vCPUs' threads", nr);
		goto out;
	}
	for (unsigned int i = 0; i < nr; i++)
		tids[i] = vcpu_tid(&r->m.vcpus[i]);
	if (keeper_tasks(&r->keeper, tids, nr, files, &e))
		warn_err(&e);
	for (unsigned int i = 0; i < nr; i++)
		vcpu_set_task(&r->m.vcpus[i], &files[i]);
out:
	free(files);
	free(tids);
}

static int open_poisoner(struct run *r, struct err *e)
{
	const struct memory *mem = &r->m.memory;
	struct poison_range ranges[MEM_MAX_SLOTS];

	for (unsigned int i = 0; i < mem->nr_slots; i++) {
		const uintptr_t hva = (uintptr_t)mem->slots[i].hva;

		ranges[i] =
			(struct poison_range){ hva, hva + mem->slots[i].size };
	}
	return poison_open(&r->s.poisoner, ranges, mem->nr_slots, &r->m.sandbox,
			   e);
}

/* Do everything up to the first instruction of the guest. */
static int bring_up(struct run *r, struct err *e)
{
	const struct config *cfg = r->m.cfg;

	if (catch_signals(r, e) || pending_init(&r->s, &r->pending, e))
		return -1;
	kmsg_open(&r->kmsg, &r->m.events, &r->m.loop);
	sigbus_init(); /* before the first thread that may receive one */
	sandbox_init(&r->m.sandbox, cfg->no_sandbox);
	if (cfg->poison && open_poisoner(r, e))
		return -1;
	if (drop_rights(r, e) || start_output(r, e) || machine_load(&r->m, e))
		return -1;
	/* The keeper creates the socket while the vCPUs are created. */
	if (cfg->control && keeper_ask_socket(&r->keeper, e))
		return -1;
	if (machine_add_vcpus(&r->m, e))
		return -1;
	if (cfg->control) {
		r->control = control_open(&r->s, e);
		if (!r->control)
			return -1;
	}
	say_hello(r);
	if (machine_start(&r->m, e))
		return -1;
	if (r->keeper.pid) /* while the guest boots */
		watch_threads(r);
	return 0;
}

/* Open without waiting for a FIFO's reader, which may never come; clear
 * O_NONBLOCK for the writes. */
static int open_for_writing(const char *path, struct err *e)
{
	int fd = open(path,
		      O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
		      0644);

	if (fd < 0 && errno == ENXIO)
		return err_os(
			e, ENXIO,
			"--dump-dtb %s (a FIFO without a reader? start the "
			"reader first)",
			path);
	if (fd < 0)
		return err_os(e, errno, "--dump-dtb %s", path);
	if (!fcntl(fd, F_SETFL, O_WRONLY))
		return fd;
	err_os(e, errno, "--dump-dtb %s: fcntl", path);
	close(fd);
	return -1;
}

/* Open the file with all privileges. It stays
 * unchanged if a later step fails. */
static int dump_dtb(struct run *r, struct err *e)
{
	const char *path = r->m.cfg->dump_dtb;
	int fd = open_for_writing(path, e);

	if (fd < 0)
		return -1;
	sandbox_init(&r->m.sandbox, r->m.cfg->no_sandbox);
	if (drop_rights(r, e) || machine_load(&r->m, e)) {
		close(fd);
		return -1;
	}
	return machine_dump_dtb(&r->m, fd, e);
}

static void tear_down(struct run *r, int status)
{
	bool stopped = machine_stop(&r->m) &&
		       (!r->pending.s || pending_stop(&r->pending));

	if (r->pending.s && stopped)
		pending_free(&r->pending);
	record_finish(&r->s); /* the last replies are complete */
	control_close(r->control);
	keeper_stop(&r->keeper);
	if (!stopped) {
		/* A hanging thread still uses the rest. Free
		 * only what outlives gpcvm. */
		machine_free_devices(&r->m);
		out_finish();
		_exit(status);
	}
	poison_close(r->s.poisoner); /* before the memory it refers to */
	if (r->kmsg.events)
		kmsg_close(&r->kmsg);
	if (r->signal_fd >= 0)
		close(r->signal_fd);
	if (r->s.leak)
		leak_close(&r->leak);
	machine_destroy(&r->m);
	out_finish();
}

/* Fork the keeper first, while the process is small. */
static int create_machine(struct run *r, const struct config *cfg,
			  struct err *e)
{
	if (cfg->control && keeper_start(&r->keeper, cfg, e))
		return -1;
	if (machine_create(&r->m, cfg, &all_parts, e))
		return -1;
	leak_open(&r->leak);
	r->s = (struct session){ .m = &r->m,
				 .commands = &commands,
				 .watch = record_watch,
				 .leak = &r->leak,
				 .keeper = &r->keeper,
				 .starter = privs_starter().uid };
	return 0;
}

/* Many vCPUs or clients need many file descriptors. */
static void raise_file_limit(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l))
		return;
	l.rlim_cur = l.rlim_max;
	setrlimit(RLIMIT_NOFILE, &l);
}

int run_main(int argc, char **argv)
{
	struct run r = { .signal_fd = -1 };
	struct config cfg;
	struct err e;
	int status = run_options(argc, argv, &cfg);

	if (status >= 0)
		return status;
	if (cfg.scenario)
		return play_against(argc, argv, &cfg, &commands);
	raise_file_limit();
	/* Avoid glibc's arena of 64 MiB of address space per thread. */
	mallopt(M_ARENA_MAX, 1);
	if (create_machine(&r, &cfg, &e) ||
	    (cfg.dump_dtb ? dump_dtb(&r, &e) : bring_up(&r, &e))) {
		if (r.signal_fd >= 0) /* signals no longer interrupt a write */
			out_start(cfg.vcpus);
		warn_err(&e);
		status = STATUS_FAILED;
	} else if (cfg.dump_dtb) {
		status = STATUS_OK;
	} else {
		loop_run(&r.m.loop, NULL, NULL);
		pthread_mutex_lock(&r.m.end_lock); /* a vCPU may have set it */
		status = r.m.status;
		pthread_mutex_unlock(&r.m.end_lock);
		if (!cfg.quiet ||
		    (status >= STATUS_TRIPLE_FAULT && status != STATUS_RESET))
			warn("%s", r.m.reason);
	}
	tear_down(&r, status);
	return status;
}
