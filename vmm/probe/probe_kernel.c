// SPDX-License-Identifier: GPL-2.0-only
/* Rows on the kernel and KVM as a whole. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/num.h"
#include "boot/guest_linux.h"
#include "kvm/kvm.h"
#include "kvm/scratch_vm.h"
#include "probe/probe_row.h"

static void row_kernel(const struct probe_ctx *c, struct probe_row *r)
{
	struct utsname u;

	(void)c;
	row_use(r, "information only");
	if (uname(&u)) {
		row_set(r, PROBE_UNKNOWN, true, "not known");
		row_why(r, "uname: %s", strerror(errno));
		return;
	}
	row_set(r, PROBE_YES, true, "%s %s", u.sysname, u.release);
}

static void row_kvm(const struct probe_ctx *c, struct probe_row *r)
{
	row_use(r, "everything");
	if (c->kvm < 0) {
		row_set(r, PROBE_NO, true, "%s cannot be used", c->dev);
		row_why(r, "%s", c->why->msg);
		return;
	}
	/* kvm_open_device() accepts no other version. */
	row_set(r, PROBE_YES, true, "%s, API version %d", c->dev,
		KVM_API_VERSION);
}

static void row_vendor(const struct probe_ctx *c, struct probe_row *r)
{
	DIR *d = opendir("/sys/module");
	int err = d ? 0 : errno;
	struct dirent *de;
	char found[64] = "";

	(void)c;
	row_use(r, "information only");
	while (d && (de = readdir(d)))
		if (strncmp(de->d_name, "kvm_", 4) == 0)
			row_add(found, sizeof(found), "%s%s", *found ? " " : "",
				de->d_name);
	if (d)
		closedir(d);
	if (*found) {
		row_set(r, PROBE_YES, true, "%s", found);
		return;
	}
	row_set(r, d ? PROBE_NO : PROBE_UNKNOWN, true, "none seen");
	row_why(r, "/sys/module%s%s",
		d ? " has no kvm_*: built in without parameters, or not loaded "
		    "(modprobe kvm_amd or kvm_intel)"
		  : " cannot be read (is sysfs mounted?): ",
		d ? "" : strerror(err));
}

static bool has_word(const char *line, const char *word)
{
	size_t n = strlen(word);
	const char *p = line;

	while ((p = strstr(p, word))) {
		if ((p == line || strchr(" \t", p[-1])) && p[n] &&
		    strchr(" \t\n", p[n]))
			return true;
		p += n;
	}
	return false;
}

static void row_cpu_flags(const struct probe_ctx *c, struct probe_row *r)
{
	FILE *f = fopen("/proc/cpuinfo", "re");
	const char *seen = NULL;
	bool flags = false;
	char *line = NULL;
	size_t cap = 0;
	int err;

	(void)c;
	row_use(r, "information only");
	if (f)
		errno = 0;
	while (f && !flags && getline(&line, &cap, f) > 0) {
		flags = strncmp(line, "flags", 5) == 0;
		if (flags && has_word(line, "vmx"))
			seen = "vmx";
		else if (flags && has_word(line, "svm"))
			seen = "svm";
	}
	err = errno;
	free(line);
	if (f)
		fclose(f);
	if (!flags) {
		row_set(r, PROBE_UNKNOWN, true, "no flags seen");
		row_why(r,
			"/proc/cpuinfo has no line of flags (is proc "
			"mounted?)%s%s",
			err ? ": " : "", err ? strerror(err) : "");
		return;
	}
	row_set(r, seen ? PROBE_YES : PROBE_NO, true, "%s",
		seen ?: "neither vmx nor svm");
	if (!seen)
		row_why(r, "inconclusive: KVM may work without either, " SEE_ROW
			   "kvm");
}

static void row_vm_types(const struct probe_ctx *c, struct probe_row *r)
{
	static const char *const names[] = { "DEFAULT", "SW_PROTECTED", "SEV",
					     "SEV_ES",	"SNP",		"TDX" };
	int asked = kvm_check_extension(c->kvm, GPC_CAP_VM_TYPES);
	unsigned int type;
	int vm, refused = 0;
	char list[64] = "";

	row_use(r, "--memory");
	for (type = 0; type <= 8; type++) {
		vm = kvm_create_vm(c->kvm, type);
		if (vm < 0) {
			if (type == GPC_VM_DEFAULT)
				refused = -vm;
			else if (row_in_doubt(-vm))
				row_why(r, "KVM_CREATE_VM of type %u: %s", type,
					strerror(-vm));
			continue;
		}
		close(vm);
		row_add(list, sizeof(list), " %u", type);
		if (type < ARRAY_SIZE(names))
			row_add(list, sizeof(list), " %s", names[type]);
	}
	row_set(r, refused ? row_state(refused) : PROBE_YES, true,
		"created:%s; cap 235 reports 0x%x", *list ? list : " none",
		asked > 0 ? (unsigned int)asked : 0);
	if (refused)
		row_why(r,
			"KVM_CREATE_VM of type 0: %s (a limit of this user or "
			"container, or KVM is disabled)",
			strerror(refused));
}

static void row_limit(const struct probe_ctx *c, struct probe_row *r, long cap,
		      const char *unit)
{
	int n = kvm_check_extension(c->kvm, cap);

	row_set(r, n > 0 ? PROBE_YES : PROBE_UNKNOWN, false, "%d %s",
		n > 0 ? n : 0, unit);
	if (n <= 0)
		row_why(r, "KVM_CHECK_EXTENSION(%ld) returned %d", cap, n);
}

static void row_max_vcpus(const struct probe_ctx *c, struct probe_row *r)
{
	row_use(r, "--vcpus");
	row_limit(c, r, KVM_CAP_MAX_VCPUS, "vCPUs per VM");
}

static void row_max_slots(const struct probe_ctx *c, struct probe_row *r)
{
	row_use(r, "`slot`");
	row_limit(c, r, KVM_CAP_NR_MEMSLOTS, "slots per VM");
}

/* Read the mask of @cap, then enable @bit of it on a VM. */
static void row_enable(const struct probe_ctx *c, struct probe_row *r, long cap,
		       unsigned int bit, const char *name)
{
	struct scratch_vm v = SCRATCH_VM_NONE;
	struct err e;
	int mask, got;

	if (scratch_vm_create(&v, c->kvm, GPC_VM_DEFAULT, &e) < 0) {
		row_set(r, PROBE_UNKNOWN, false, "no VM to try it on");
		row_why(r, "%s", e.msg);
		return;
	}
	mask = kvm_check_extension(v.vm, cap);
	got = kvm_enable_cap(v.vm, (uint32_t)cap, 1ULL << bit);
	row_set(r, got < 0 ? PROBE_NO : PROBE_YES, true,
		"mask 0x%x; %s (bit %u) %s", mask > 0 ? (unsigned int)mask : 0,
		name, bit, got < 0 ? "refused" : "enabled");
	if (got < 0)
		row_why(r, "KVM_ENABLE_CAP(%ld): %s", cap, strerror(-got));
	scratch_vm_close(&v);
}

static void row_exit_hypercall(const struct probe_ctx *c, struct probe_row *r)
{
	row_use(r, "`guest ... convert`");
	row_enable(c, r, KVM_CAP_EXIT_HYPERCALL, KVM_HC_MAP_GPA_RANGE,
		   "MAP_GPA_RANGE");
}

static void row_disable_quirks(const struct probe_ctx *c, struct probe_row *r)
{
	row_use(r, "`guest ... hypercall`");
	row_enable(c, r, KVM_CAP_DISABLE_QUIRKS2, 5, "FIX_HYPERCALL_INSN");
}

/* Check only for the files. The kernel in them is checked when it boots. */
static void row_guest_linux(const struct probe_ctx *c, struct probe_row *r)
{
	char why[128];

	(void)c;
	row_use(r, "--guest linux without --kernel");
	if (guest_linux_there(why, sizeof(why)))
		row_set(r, PROBE_YES, false, "%s, busybox", GUEST_LINUX_KERNEL);
	else
		row_set(r, PROBE_NO, true, "%s", why);
}

static const struct probe_def kernel_rows[] = {
	{ "kernel", false, row_kernel },
	{ "kvm", false, row_kvm },
	{ "vendor-module", false, row_vendor },
	{ "cpu-flags", false, row_cpu_flags },
	{ "vm-types", true, row_vm_types },
	{ "max-vcpus", true, row_max_vcpus },
	{ "max-slots", true, row_max_slots },
	{ "exit-hypercall", true, row_exit_hypercall },
	{ "disable-quirks", true, row_disable_quirks },
	{ "guest-linux", false, row_guest_linux },
};

const struct probe_group probe_kernel = { "kernel", kernel_rows,
					  ARRAY_SIZE(kernel_rows) };
