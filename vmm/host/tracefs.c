// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/num.h"
#include "host/tracefs.h"

/* From linux/mount.h of 5.2; glibc has the calls since 2.36. */
#define FSOPEN_CLOEXEC_	 1
#define FSMOUNT_CLOEXEC_ 1
#define FSCONFIG_CREATE_ 6

static int open_unmounted(void)
{
	int fs = (int)syscall(SYS_fsopen, "tracefs", FSOPEN_CLOEXEC_);
	int root, err;

	if (fs < 0)
		return -1;
	root = (int)syscall(SYS_fsconfig, fs, FSCONFIG_CREATE_, NULL, NULL, 0);
	if (!root)
		root = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC_, 0);
	err = errno;
	close(fs);
	errno = err;
	return root;
}

int tracefs_open(const char **mounted, struct err *e)
{
	static const char *const at[] = { "/sys/kernel/tracing",
					  "/sys/kernel/debug/tracing" };
	struct statfs s;
	int root;

	*mounted = NULL;
	for (unsigned int i = 0; i < ARRAY_SIZE(at); i++) {
		root = open(at[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (root < 0)
			continue;
		if (!fstatfs(root, &s) && s.f_type == TRACEFS_MAGIC) {
			*mounted = at[i];
			return root;
		}
		close(root);
	}
	root = open_unmounted();
	if (root >= 0)
		return root;
	if (errno == ENODEV)
		return err_unsupported(e, "this kernel has no tracefs "
					  "(CONFIG_FTRACE)");
	return err_os(e, errno,
		      "tracefs is not mounted, and opening it unmounted "
		      "requires CAP_SYS_ADMIN");
}

/* Read all of a small file and terminate it; -1 and errno. */
static int read_format(int root, const char *path, char *buf, size_t size)
{
	int fd = openat(root, path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n = 1;

	if (fd < 0)
		return -1;
	while (n > 0 && len < size - 1) {
		n = read(fd, buf + len, size - 1 - len);
		if (n > 0)
			len += (size_t)n;
	}
	close(fd);
	buf[len] = '\0';
	return n < 0 ? -1 : 0;
}

/* Parse "key:N;" at *@text, after blanks, and advance. */
static bool find_number(const char **text, const char *key, uint32_t *n)
{
	const size_t len = strlen(key);
	const char *s = *text + strspn(*text, "; \t");
	char *end;

	if (strncmp(s, key, len) != 0)
		return false;
	*n = (uint32_t)strtoul(s + len, &end, 10);
	*text = end;
	return end > s + len && *end == ';';
}

bool tracefs_find_field(const char *text, const char *name,
			struct tracefs_field *f)
{
	const size_t len = strlen(name);
	const char *end;

	/* E.g. "field:__u64 system_time;  offset:24;  size:8;  signed:0;" */
	while ((text = strstr(text, "field:"))) {
		text += strlen("field:");
		end = strchr(text, ';');
		if (!end)
			return false;
		if ((size_t)(end - text) > len && end[-(long)len - 1] == ' ' &&
		    !strncmp(end - len, name, len))
			return find_number(&end, "offset:", &f->offset) &&
			       find_number(&end, "size:", &f->size);
		text = end;
	}
	return false;
}

int tracefs_event(int root, const char *group, const char *name,
		  const char *const *names, struct tracefs_field *fields,
		  unsigned int nr, uint64_t *id, struct err *e)
{
	char path[96], text[8192];

	snprintf(path, sizeof(path), "events/%.32s/%.32s/id", group, name);
	if (read_format(root, path, text, sizeof(text)))
		return err_os(e, errno, "the tracepoint %s:%s", group, name);
	*id = strtoull(text, NULL, 10);
	snprintf(path, sizeof(path), "events/%.32s/%.32s/format", group, name);
	if (read_format(root, path, text, sizeof(text)))
		return err_os(e, errno, "the tracepoint %s:%s", group, name);
	for (unsigned int i = 0; i < nr; i++)
		if (!tracefs_find_field(text, names[i], &fields[i]) ||
		    fields[i].size > 8)
			return err_unsupported(e,
					       "the tracepoint %s:%s has no "
					       "field %s",
					       group, name, names[i]);
	return 0;
}
