// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "play/scenario_vm_host.h"

#define LOOK_MS	  20
#define DELAYS_MS 2000 /* for the machine's keeper to restore them */

static bool read_delays(const struct delays *d, uint32_t us[static DELAYS])
{
	uint32_t hits;
	struct err e;

	for (enum delay i = 0; i < DELAYS; i++)
		if (delays_get(d, i, &us[i], &hits, &e))
			return false;
	return true;
}

void vm_host_save(struct vm_host *h, const char *socket)
{
	*h = (struct vm_host){ .saved = true };
	if (lstat(socket, &h->socket))
		h->socket.st_ino = 0;
	delays_open(&h->delays, DELAY_DIR);
	h->has_delays = read_delays(&h->delays, h->before);
}

static bool is_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
	       a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* A socket that somebody listens at may belong to another machine by now. */
static bool is_dead(const char *socket_path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool dead = false;

	if (fd < 0)
		return false;
	if (strlen(socket_path) < sizeof(a.sun_path)) {
		strcpy(a.sun_path, socket_path);
		dead = connect(fd, (const struct sockaddr *)&a, sizeof(a)) &&
		       errno == ECONNREFUSED;
	}
	close(fd);
	return dead;
}

static void remove_socket(const struct vm_host *h, const char *socket)
{
	struct stat st;

	if (lstat(socket, &st) || !S_ISSOCK(st.st_mode) ||
	    is_same_file(&st, &h->socket) || !is_dead(socket))
		return;
	if (unlink(socket) && errno != ENOENT) /* by the machine's keeper */
		warn("--control %s: removing it: %s", socket,
		     strerrordesc_np(errno));
}

static void restore_delays(struct vm_host *h)
{
	uint32_t now[DELAYS];
	struct err e;

	for (int ms = 0; read_delays(&h->delays, now) &&
			 memcmp(now, h->before, sizeof(now));
	     ms += LOOK_MS) {
		if (!delays_take(&h->delays, h->before, &e))
			return; /* and vm_host_free() writes them */
		if (ms >= DELAYS_MS) {
			warn_err(&e);
			return;
		}
		poll(NULL, 0, LOOK_MS);
	}
}

void vm_host_restore(struct vm_host *h, const char *socket)
{
	if (!h->saved)
		return;
	remove_socket(h, socket);
	if (h->has_delays)
		restore_delays(h);
}

void vm_host_free(struct vm_host *h)
{
	struct err e;

	if (h->saved && delays_close(&h->delays, &e))
		warn_err(&e);
	*h = (struct vm_host){ 0 };
}
