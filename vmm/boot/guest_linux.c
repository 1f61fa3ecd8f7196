// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "boot/cpio.h"
#include "boot/elf_image.h"
#include "boot/guest_linux.h"
#include "guest/image.h"

#define BUSYBOX_MAX (64 * MIB)

/* A kernel that panics must end the machine. */
static const char ours[] = "console=ttyS0 oops=panic panic=-1";

/* Restart the shell when it exits. The applets halt, poweroff and reboot send these
 * signals to process 1, which can take them only in `wait`. */
static const char init[] = "#!/bin/busybox sh\n"
			   "/bin/busybox mount -t devtmpfs dev /dev\n"
			   "/bin/busybox mount -t proc proc /proc\n"
			   "/bin/busybox mount -t sysfs sys /sys\n"
			   "/bin/busybox --install -s /bin\n"
			   "export PATH=/bin HOME=/ TERM=linux PS1='linux# '\n"
			   "gpcvm-agent &\n"
			   "trap 'poweroff -f' USR1 USR2\n"
			   "trap 'reboot -f' TERM\n"
			   "while :; do setsid cttyhack sh & wait $!; done\n";

static const char *const busyboxes[] = { "/bin/busybox", "/usr/bin/busybox" };

bool guest_linux_default(const struct config *cfg)
{
	return cfg->agent && !strcmp(cfg->kernel, GUEST_LINUX_KERNEL);
}

int guest_linux_kernel(const struct config *cfg, char *buf, size_t len,
		       struct err *e)
{
	struct utsname u;

	snprintf(buf, len, "%s", cfg->kernel);
	if (!guest_linux_default(cfg) || !access(buf, F_OK))
		return 0;
	if (!uname(&u))
		snprintf(buf, len, "/boot/vmlinuz-%s", u.release);
	if (!access(buf, F_OK))
		return 0;
	return err_unsupported(e,
			       "--guest linux: neither %s nor %s exists: "
			       "name a kernel with --kernel FILE "
			       "(docs/guests.md lists what it must have)",
			       GUEST_LINUX_KERNEL, buf);
}

/* The initramfs has no libraries. */
static int check_static(const struct bytes *b, struct err *e)
{
	struct elf f;
	Elf64_Phdr p;

	if (elf_open(&f, b, 64, e))
		return -1;
	for (unsigned int i = 0; i < f.h.e_phnum; i++) {
		if (elf_segment(&f, i, &p, e))
			return -1;
		if (p.p_type == PT_INTERP)
			return err_unsupported(
				e,
				"--guest linux: %s needs libraries, and the "
				"initramfs has none: apt-get install "
				"busybox-static",
				b->name);
	}
	return 0;
}

static const char *find_busybox(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(busyboxes); i++)
		if (!access(busyboxes[i], R_OK))
			return busyboxes[i];
	return NULL;
}

static int read_busybox(struct bytes *b, struct err *e)
{
	const char *path = find_busybox();

	if (!path)
		return err_unsupported(e,
				       "--guest linux: no /bin/busybox for its "
				       "shell: apt-get install busybox-static");
	if (bytes_read(b, "--guest linux:", path, BUSYBOX_MAX, e))
		return -1;
	if (!check_static(b, e))
		return 0;
	bytes_free(b);
	return -1;
}

int guest_linux_initrd(struct bytes *out, struct err *e)
{
	static const char *const dirs[] = { "bin", "dev", "proc", "sys" };
	struct cpio c = { 0 };
	struct bytes busybox;

	if (read_busybox(&busybox, e))
		return -1;
	for (unsigned int i = 0; i < ARRAY_SIZE(dirs); i++)
		cpio_add(&c, dirs[i], S_IFDIR | 0755, NULL, 0);
	cpio_add(&c, "bin/busybox", S_IFREG | 0755, busybox.data, busybox.len);
	cpio_add(&c, "bin/gpcvm-agent", S_IFREG | 0755, linux_agent_start,
		 (size_t)(linux_agent_end - linux_agent_start));
	cpio_add(&c, "init", S_IFREG | 0755, init, sizeof(init) - 1);
	bytes_free(&busybox);
	if (cpio_finish(&c))
		return err_os(e, ENOMEM, "memory for the initramfs");
	*out = (struct bytes){ "gpcvm's initramfs", c.buf, c.len };
	return 0;
}

char *guest_linux_append(const char *append)
{
	return boot_cmdline(ours, append);
}

bool guest_linux_there(char *why, size_t len)
{
	if (access(GUEST_LINUX_KERNEL, R_OK))
		snprintf(why, len, "no %s: %s", GUEST_LINUX_KERNEL,
			 strerrordesc_np(errno));
	else if (!find_busybox())
		snprintf(why, len, "no busybox: %s", strerrordesc_np(errno));
	else
		return true;
	return false;
}
