// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest gets into memory: a built-in one or a --kernel. If the host cannot write
 * guest memory, vCPU 0 starts in the loader (guest/loader.S), which copies the guest
 * into place from the window, part by part.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/status.h"
#include "guest/doorbell.h"
#include "kvm/kvm.h"
#include "machine/devtree.h"
#include "machine/machine_internal.h"

/* Twice what the kernels of distributions take. */
#define FIRST_MAX (128 * MIB)

#define LIST_ROWS 16
#define STAGE_AT  (LIST_AT + PAGE_SIZE)
#define STAGE_END (WINDOW_BASE + WINDOW_SIZE)

/* The copy list; see guest/doorbell.h. */
struct list {
	uint32_t entry, count;
	struct {
		uint32_t to, from, len;
	} row[LIST_ROWS];
};

struct feed {
	struct machine *m;
	unsigned int piece; /* the next, and how much of it was copied */
	uint64_t done;
	bool convert; /* make the window private at the end */
	bool over;    /* the guest runs */
};

/* ---- the device tree ---------------------------------------------------- */

static void *make_tree(void *machine, size_t *len, struct err *e)
{
	struct machine *m = machine;
	struct devtree d = { .devices = m->parts->devices,
			     .cfg = m->cfg,
			     .layout = &m->layout,
			     .memory = &m->memory,
			     .pv = &m->pv,
			     .initrd = m->boot->initrd,
			     .append = m->boot->append };

	return devtree_build(&d, len, e);
}

static int write_tree(int fd, const char *path, const char *tree, size_t len,
		      struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) || (S_ISREG(st.st_mode) && ftruncate(fd, 0)))
		return err_os(e, errno, "--dump-dtb %s", path);
	for (size_t put = 0; put < len;) {
		ssize_t n = write(fd, tree + put, len - put);

		if (n < 0)
			return err_os(e, errno,
				      "--dump-dtb %s: writing %zu bytes", path,
				      len);
		put += (size_t)n;
	}
	return 0;
}

int machine_dump_dtb(struct machine *m, int fd, struct err *e)
{
	const char *path = m->cfg->dump_dtb;
	size_t len;
	void *tree = make_tree(m, &len, e);
	int r = tree ? write_tree(fd, path, tree, len, e) : -1;

	if (close(fd) && !r)
		r = err_os(e, errno, "--dump-dtb %s", path);
	free(tree);
	return r;
}

/* ---- through the window ------------------------------------------------- */

/* Set *len to as much of the next piece as fits @room; false: no piece is left, or
 * there is no room. */
static bool next_part(const struct feed *f, uint64_t room, uint64_t *len)
{
	const struct boot *b = f->m->boot;
	const struct boot_piece *p = &b->pieces[f->piece];

	if (f->piece == b->nr_pieces || !room)
		return false;
	*len = p->len - f->done;
	if (*len > room)
		*len = room;
	return true;
}

/* Fill the window, and the list of its contents. Zeros are not copied: memory that
 * was never touched reads as zeros. */
static int fill_window(struct feed *f, struct list *list, struct err *e)
{
	const struct boot *b = f->m->boot;
	uint64_t at = STAGE_AT, len;

	*list = (struct list){ 0 };
	while (list->count < LIST_ROWS &&
	       next_part(f, at < STAGE_END ? STAGE_END - at : 0, &len)) {
		const struct boot_piece *p = &b->pieces[f->piece];

		if (len) {
			unsigned int n = list->count++;

			list->row[n].to = (uint32_t)(p->gpa + f->done);
			list->row[n].from = (uint32_t)at;
			list->row[n].len = (uint32_t)len;
			if (memory_load(&f->m->memory, at, p->data + f->done,
					len, e))
				return -1;
		}
		at = align_up(at + len, 16);
		f->done += len;
		if (f->done == p->len) {
			f->piece++;
			f->done = 0;
		}
	}
	return memory_load(&f->m->memory, LIST_AT, list, sizeof(*list), e);
}

/* Everything is copied: start the guest. The vCPU has exited on the loader's OUT:
 * KVM compares RIP before it skips that (arch/x86/kvm/x86.c,
 * complete_fast_pio_out). */
static int hand_over(struct feed *f, struct vcpu *v, struct err *e)
{
	struct machine *m = f->m;
	const struct span *w = &m->layout.window;

	f->over = true;
	if (f->convert &&
	    memory_set_private(&m->memory, w->gpa, w->len, true, e))
		return -1;
	if (machine_enter_guest(m, v, e))
		return -1;
	if (m->cfg->kernel)
		event_add(&m->events, EVENT_MACHINE,
			  "the kernel is in its place");
	boot_free(m->boot);
	return 0;
}

static void feed_access(void *arg, struct vcpu *v, uint16_t port,
			unsigned int size, bool write, uint8_t *data)
{
	struct feed *f = arg;
	struct list list;
	struct err e;

	(void)port;
	for (unsigned int i = 0; !write && i < size; i++)
		data[i] = 0xff;
	/* The guest may write here later: ignored. */
	if (f->over || !write || v->index)
		return;
	if (f->piece == f->m->boot->nr_pieces ? hand_over(f, v, &e)
					      : fill_window(f, &list, &e))
		machine_end(f->m, STATUS_FAILED, "%s", e.msg);
}

static int start_feed(struct machine *m, struct err *e)
{
	struct bus_range r = { .port = FEED_PORT,
			       .count = 4,
			       .access = feed_access };
	const struct mem_slot *slot = memory_slot(&m->memory, WINDOW_BASE);
	struct list list;

	m->feed = calloc(1, sizeof(*m->feed));
	if (!m->feed)
		return err_os(e, ENOMEM, "memory for the loader");
	m->feed->m = m;
	m->feed->convert = m->cfg->kernel &&
			   m->memory.mode == MEM_GMEM_PRIVATE &&
			   memory_file(&m->memory, slot) && !slot->shared;
	r.arg = m->feed;
	if (bus_claim(&m->board.bus, &r))
		return err_state(e, "port 0x%x is taken", FEED_PORT);
	return image_load_loader(&m->image, &m->memory, e) ||
			       fill_window(m->feed, &list, e)
		       ? -1
		       : 0;
}

/* ---- the guest ---------------------------------------------------------- */

/* The files of a --kernel are opened with the rights of who started gpcvm. */
int machine_open_boot(struct machine *m, struct err *e)
{
	struct boot *b = calloc(1, sizeof(*b));

	if (!b)
		return err_os(e, ENOMEM, "memory for the loader");
	m->boot = b;
	b->vcpus = m->cfg->vcpus;
	b->tree = make_tree;
	b->tree_arg = m;
	boot_make_map(b, m->layout.low, m->layout.high);
	return m->cfg->kernel ? boot_read(b, m->cfg, e) : 0;
}

/* What boot_parse() does for a --kernel. */
static int put_built_in(struct machine *m, struct err *e)
{
	struct boot_piece p = { .gpa = m->layout.fdt.gpa,
				.what = "the device tree" };
	struct boot *b = m->boot;
	size_t len;

	b->kernel.name = m->image.bytes.name;
	b->regs = machine_guest_regs(m, 0, (uint32_t)m->image.elf.h.e_entry);
	if (image_put(&m->image, b, e))
		return -1;
	p.data = p.owned = make_tree(m, &len, e);
	p.size = p.len = len;
	return p.owned ? boot_put(b, &p, e) : -1;
}

/*
 * In private memory this reaches the shared alias only. The image is needed there
 * as well: a KVM without next-RIP decodes the instruction at an exit, and reads the
 * alias if it cannot read private memory. With --bounce in another mode the loader
 * alone copies the guest.
 */
static int load_pieces(struct machine *m, bool bounce, struct err *e)
{
	const struct boot *b = m->boot;

	if (bounce && m->memory.mode != MEM_GMEM_PRIVATE)
		return 0;
	for (unsigned int i = 0; i < b->nr_pieces; i++) {
		const struct boot_piece *p = &b->pieces[i];

		if (bounce && !p->image)
			continue;
		if (memory_load(&m->memory, p->gpa, p->data, p->len, e))
			return -1;
	}
	return 0;
}

int machine_boot(struct machine *m, struct err *e)
{
	bool bounce = m->cfg->bounce ||
		      memory_is_private(&m->memory, IMAGE_BASE);
	struct boot *b = m->boot;

	if (bounce)
		b->window = (struct boot_range){ WINDOW_BASE, WINDOW_SIZE, 0 };
	if ((m->cfg->kernel ? boot_parse(b, e) : put_built_in(m, e)) ||
	    load_pieces(m, bounce, e))
		return -1;
	return bounce ? start_feed(m, e) : 0;
}

/*
 * A bzImage unpacks itself into all of its place, with an exit for each page. Map
 * the pages first, as a hint: errors are ignored, as missing pages come with the
 * exits. Back them before: KVM maps what was only read as the zero page
 * (virt/kvm/kvm_main.c, hva_to_pfn_slow).
 */
static void map_first(struct machine *m, const struct boot_piece *p)
{
	uint64_t gpa = align_up(p->gpa, PAGE_SIZE);
	uint64_t end = (p->gpa + p->size) & ~(PAGE_SIZE - 1), len;
	int r;

	if (end <= gpa)
		return;
	len = end - gpa < FIRST_MAX ? end - gpa : FIRST_MAX;
	if (memory_back(&m->memory, gpa, len))
		return;
	do
		r = kvm_pre_fault_memory(m->vcpus->fd, &gpa, &len);
	while (len && (!r || r == -EINTR));
}

int machine_boot_done(struct machine *m, struct err *e)
{
	const struct boot *b = m->boot;

	(void)e;
	if (m->feed) /* it has not begun to copy */
		return 0;
	for (unsigned int i = 0; i < b->nr_pieces; i++)
		if (b->pieces[i].unpacks)
			map_first(m, &b->pieces[i]);
	boot_free(m->boot); /* it is in the guest's memory */
	return 0;
}

void machine_free_boot(struct machine *m)
{
	if (m->boot) {
		boot_free(m->boot);
		free(m->boot->own_append);
	}
	free(m->boot);
	free(m->feed);
}
