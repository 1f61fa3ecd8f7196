// SPDX-License-Identifier: GPL-2.0-only
/* The machine of a --kernel: a PC's chips, and how the image gets into memory.
 * Where the host cannot write that, vCPU 0 begins in the loader
 * (guest/loader.S), and is fed the image through the window, part by part. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "guest/doorbell.h"
#include "kvm/kvm.h"
#include "machine/machine_boot.h"
#include "machine/machine_msr.h"
#include "machine/machine_vcpu.h"

/* Three pages for VMX without unrestricted guest, where QEMU has them: below
 * the BIOS of a PC, and in no slot of ours. */
#define TSS_ADDR  0xfffbd000UL

/* The kernels of distributions take half of that. */
#define FIRST_MAX (128 * MIB)

#define LIST_ROWS 16
#define LIST_AT	  (LOADER_BASE + PAGE_SIZE)
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
	unsigned int piece; /* the next, and how much of it is through */
	uint64_t done;
	bool convert; /* the window becomes private in the end */
	bool over;    /* the kernel runs */
};

/* ---- chips -------------------------------------------------------------- */

#define PIC_PINS    16
#define IOAPIC_PINS 24

static void route(struct kvm_irq_routing *r, uint32_t gsi, uint32_t chip,
		  uint32_t pin)
{
	r->entries[r->nr++] = (struct kvm_irq_routing_entry){
		.gsi = gsi,
		.type = KVM_IRQ_ROUTING_IRQCHIP,
		.u.irqchip = { chip, pin },
	};
}

/* As on a PC: the timer, line 0, is wired to pin 2 of the IO-APIC, and line 2,
 * which is the second PIC, to none. KVM's own wiring has it at pin 0. */
static int wire(struct machine *m, struct err *e)
{
	struct {
		struct kvm_irq_routing head;
		struct kvm_irq_routing_entry entries[PIC_PINS + IOAPIC_PINS];
	} t = { 0 };
	int r;

	for (uint32_t i = 0; i < PIC_PINS; i++)
		if (i != 2)
			route(&t.head, i,
			      i < 8 ? KVM_IRQCHIP_PIC_MASTER
				    : KVM_IRQCHIP_PIC_SLAVE,
			      i % 8);
	for (uint32_t i = 0; i < IOAPIC_PINS; i++)
		if (i != 2)
			route(&t.head, i, KVM_IRQCHIP_IOAPIC, i ? i : 2);
	r = kvm_set_gsi_routing(m->vm, &t.head);
	return r ? err_kvm(e, -r, "KVM_SET_GSI_ROUTING") : 0;
}

int machine_make_chips(struct machine *m, struct err *e)
{
	int r = kvm_set_tss_addr(m->vm, TSS_ADDR);

	if (r)
		return err_kvm(e, -r, "KVM_SET_TSS_ADDR");
	r = kvm_create_irqchip(m->vm);
	if (r)
		return err_kvm(e, -r, "KVM_CREATE_IRQCHIP: --kernel needs it");
	r = kvm_create_pit2(m->vm, KVM_PIT_SPEAKER_DUMMY);
	if (r)
		return err_kvm(e, -r, "KVM_CREATE_PIT2: --kernel needs it");
	machine_hide_counters(m);
	m->tsc_deadline =
		kvm_check_extension(m->vm, KVM_CAP_TSC_DEADLINE_TIMER) > 0;
	return wire(m, e);
}

void machine_irq(void *machine, unsigned int line, bool level)
{
	struct machine *m = machine;

	int r = kvm_irq_line(m->vm, line, level);

	if (r < 0)
		complain("KVM_IRQ_LINE of line %u: %s", line,
			 strerrordesc_np(-r));
}

/* ---- through the window ------------------------------------------------- */

/* As much of the next piece as there is room for; false: nothing is left, or
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

/* Fill the window, and the list of what is in it. What no part of a file goes
 * to stays as it is: memory that nobody has touched reads as zeros. */
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

/* All is in its place: the window becomes what the rest is, and the kernel
 * begins. The vCPU has left the loader's OUT: KVM looks at where RIP is before
 * it skips that (arch/x86/kvm/x86.c, complete_fast_pio_out). */
static int hand_over(struct feed *f, struct vcpu *v, struct err *e)
{
	struct machine *m = f->m;
	const struct span *w = &m->layout.window;

	f->over = true;
	if (f->convert &&
	    memory_set_private(&m->memory, w->gpa, w->len, true, e))
		return -1;
	if (machine_enter_kernel(m, v, e))
		return -1;
	event_add(&m->events, EVENT_MACHINE, "the kernel is in its place");
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
	/* The kernel may try as well: there is nothing here any more. */
	if (f->over || !write || v->index)
		return;
	if (f->piece == f->m->boot->nr_pieces ? hand_over(f, v, &e)
					      : fill_window(f, &list, &e))
		machine_end(f->m, STATUS_FAILED, "%s", e.msg);
}

static int start_feed(struct machine *m, struct err *e)
{
	struct bus_range r = { FEED_PORT, 4, "feed", NULL, feed_access };
	const struct mem_slot *slot = memory_slot(&m->memory, WINDOW_BASE);
	struct list list;

	m->feed = calloc(1, sizeof(*m->feed));
	if (!m->feed)
		return err_os(e, ENOMEM, "memory for the loader");
	m->feed->m = m;
	m->feed->convert = m->memory.mode == MEM_GMEM_PRIVATE &&
			   memory_file(&m->memory, slot) && !slot->shared;
	r.arg = m->feed;
	if (bus_claim(&m->board.bus, &r))
		return err_state(e, "port 0x%x is taken", FEED_PORT);
	m->start = LOADER_BASE;
	m->copy_list = LIST_AT;
	return image_load_loader(&m->image, &m->memory, e) ||
			       fill_window(m->feed, &list, e)
		       ? -1
		       : 0;
}

/* ---- the image ---------------------------------------------------------- */

/* Is it of the kernel itself? */
static bool is_kernel(const struct boot *b, const struct boot_piece *p)
{
	return p->data >= b->kernel.data &&
	       p->data < b->kernel.data + b->kernel.len;
}

/*
 * Where memory is private this reaches the shared alias only. The kernel's own
 * text is wanted there all the same: see image_load().
 */
static int load_pieces(struct machine *m, bool bounce, struct err *e)
{
	const struct boot *b = m->boot;

	if (bounce && m->memory.mode != MEM_GMEM_PRIVATE)
		return 0;
	for (unsigned int i = 0; i < b->nr_pieces; i++) {
		const struct boot_piece *p = &b->pieces[i];

		if (bounce && !is_kernel(b, p))
			continue;
		if (memory_load(&m->memory, p->gpa, p->data, p->len, e))
			return -1;
	}
	return 0;
}

int machine_open_boot(struct machine *m,
		      void *(*tree)(void *arg, size_t *len, struct err *e),
		      struct err *e)
{
	m->boot = calloc(1, sizeof(*m->boot));
	if (!m->boot)
		return err_os(e, ENOMEM, "memory for the loader");
	m->boot->vcpus = m->cfg->vcpus;
	m->boot->tree = tree;
	m->boot->tree_arg = m;
	boot_make_map(m->boot, m->layout.low, m->layout.high);
	return boot_read(m->boot, m->cfg, e);
}

int machine_boot(struct machine *m, bool bounce, struct err *e)
{
	struct boot *b = m->boot;

	if (bounce)
		b->window = (struct boot_range){ WINDOW_BASE, WINDOW_SIZE, 0 };
	if (boot_parse(b, e) || load_pieces(m, bounce, e))
		return -1;
	return bounce ? start_feed(m, e) : 0;
}

/*
 * A bzImage unpacks itself into all of its place, and each page of that would be
 * an exit of its own. A hint, which counts for nothing where it cannot be done:
 * pages that are missing come with the exits. Backed first: what is only looked
 * at KVM maps as the zero page (virt/kvm/kvm_main.c, hva_to_pfn_slow).
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
	if (!b || m->feed) /* that has not even begun */
		return 0;
	for (unsigned int i = 0; i < b->nr_pieces; i++)
		if (b->pieces[i].unpacks)
			map_first(m, &b->pieces[i]);
	boot_free(m->boot); /* all of it is in the guest's memory */
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
