// SPDX-License-Identifier: GPL-2.0-only
/* Creates and destroys a machine, step by step. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/status.h"
#include "guest/doorbell.h"
#include "kvm/device.h"
#include "kvm/kvm.h"
#include "kvm/scratch_vm.h"
#include "kvm/xen.h"
#include "machine/machine_internal.h"

/* ---- callbacks ---------------------------------------------------------- */

static void on_end(void *arg, uint32_t events)
{
	struct machine *m = arg;

	(void)events;
	m->loop.stop = true;
}

static uint64_t board_clock(struct machine *m)
{
	struct kvm_clock_data d = { 0 };

	return kvm_get_clock(m->vm, &d) < 0 ? 0 : d.clock;
}

static void board_ready(struct machine *m, struct vcpu *v, bool again)
{
	uint64_t ns;

	pv_look(&m->pv, v);
	if (again)
		return;
	if (++m->ready != m->nr_vcpus)
		return;
	ns = now_ns();
	m->ready_ns = ns;
	event_add(&m->events, EVENT_MACHINE,
		  "guest ready: %u vCPUs, %" PRIu64 " us after the start",
		  m->nr_vcpus, (ns - m->born_ns) / 1000);
}

/* ---- steps -------------------------------------------------------------- */

static int make_loop(struct machine *m, struct err *e)
{
	pthread_mutex_init(&m->end_lock, NULL);
	m->loop.fd = m->end_fd = m->events.wake = -1;
	if (events_init(&m->events, e) || loop_init(&m->loop, e))
		return -1;
	m->end_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (m->end_fd < 0)
		return err_os(e, errno, "eventfd for the machine");
	m->end_source = (struct loop_source){ m->end_fd, on_end, m };
	if (loop_add(&m->loop, &m->end_source, EPOLLIN))
		return err_os(e, errno, "epoll_ctl");
	return 0;
}

static void free_loop(struct machine *m)
{
	events_free(&m->events);
	loop_free(&m->loop);
	if (m->end_fd >= 0)
		close(m->end_fd);
	pthread_mutex_destroy(&m->end_lock);
}

static int choose_mode(struct machine *m, enum mem_mode *mode, bool *ndm,
		       struct err *e)
{
	const struct config *cfg = m->cfg;

	*mode = cfg->mode;
	*ndm = cfg->no_direct_map;
	if (!cfg->mem_auto && *mode == MEM_ANON)
		return 0;
	gmem_offer_get(m->kvm, &cfg->force, &m->offer);
	if (cfg->mem_auto)
		return mem_mode_auto(&m->offer, mode, ndm, e);
	return mem_mode_check(&m->offer, *mode, *ndm, e);
}

/* Linux needs its clocks, and only that family of KVM reaches them in private
 * memory. */
static void share_linux(struct machine *m)
{
	if (m->cfg->nr_slots || m->offer.family == GMEM_DIRECT_2024)
		return;
	layout_share(&m->layout);
	event_add(&m->events, EVENT_MACHINE,
		  "Linux begins in shared memory: KVM of the family %s cannot "
		  "reach clocks in private memory",
		  gmem_family_names[m->offer.family]);
}

static struct pv_plan pv_plan(const struct machine *m)
{
	return (struct pv_plan){ m->parts->kinds, m->cfg->flavour,
				 m->cfg->layout, m->cfg->vcpus };
}

static int make_vm(struct machine *m, struct err *e)
{
	const struct pv_plan plan = pv_plan(m);
	enum mem_mode mode;
	bool ndm;
	int r;

	m->kvm = m->vm = -1;
	m->kvm = kvm_open_device(m->cfg->device, e);
	if (m->kvm < 0 || choose_mode(m, &mode, &ndm, e) ||
	    image_open(&m->image, e) ||
	    layout_make(&m->layout, m->cfg, mode, ndm,
			m->image.end - IMAGE_BASE, pv_layout_size(&plan), e))
		return -1;
	if (m->cfg->agent && mode == MEM_GMEM_PRIVATE)
		share_linux(m);
	r = kvm_check_extension(m->kvm, KVM_CAP_MAX_VCPUS);
	if (r > 0 && m->cfg->vcpus > (unsigned int)r)
		return err_range(e, "--vcpus %u: this KVM has at most %d",
				 m->cfg->vcpus, r);
	if (m->cfg->flavour == PV_XEN &&
	    xen_offer(m->kvm, m->cfg->by_hva, &m->xen, e))
		return -1;
	m->vm = kvm_create_vm(m->kvm, mem_mode_vm_type(mode));
	if (m->vm < 0)
		return err_kvm(e, -m->vm, "KVM_CREATE_VM of type %lu",
			       mem_mode_vm_type(mode));
	/* Otherwise KVM patches VMCALL to VMMCALL in the guest's text, forever
	 * in a KVM that emulates; without the quirk the guest takes #UD. Linux
	 * before 6.0 has no such switch. */
	r = kvm_check_extension(m->vm, KVM_CAP_DISABLE_QUIRKS2);
	if (r > 0 && r & KVM_X86_QUIRK_FIX_HYPERCALL_INSN)
		r = kvm_enable_cap(m->vm, KVM_CAP_DISABLE_QUIRKS2,
				   KVM_X86_QUIRK_FIX_HYPERCALL_INSN);
	if (r < 0)
		return err_kvm(e, -r, "KVM_CAP_DISABLE_QUIRKS2");
	if (m->cfg->kernel)
		return machine_make_chips(m, e);
	return m->cfg->flavour == PV_XEN ? xen_make_vm(m->vm, m->xen, e) : 0;
}

static void free_vm(struct machine *m)
{
	if (m->vm >= 0)
		close(m->vm);
	if (m->kvm >= 0)
		close(m->kvm);
}

/* In gmem-private all memory is private, except the window, slots without a gmem
 * file, and slots that begin shared. */
static int make_private(struct machine *m, struct err *e)
{
	const struct span *w = &m->layout.window;
	int r;

	if (m->memory.mode != MEM_GMEM_PRIVATE)
		return 0;
	r = kvm_enable_cap(m->vm, KVM_CAP_EXIT_HYPERCALL,
			   1 << KVM_HC_MAP_GPA_RANGE);
	if (r < 0)
		event_add(&m->events, EVENT_MACHINE,
			  "no KVM_CAP_EXIT_HYPERCALL (%s): the guest cannot "
			  "convert memory",
			  strerrordesc_np(-r));
	for (unsigned int i = 0; i < m->memory.nr_slots; i++)
		if (!m->memory.slots[i].shared &&
		    memory_file(&m->memory, &m->memory.slots[i]) &&
		    memory_set_private(&m->memory, m->memory.slots[i].gpa,
				       m->memory.slots[i].size, true, e))
			return -1;
	return memory_set_private(&m->memory, w->gpa, w->len, false, e);
}

static int make_memory(struct machine *m, struct err *e)
{
	if (memory_create(&m->memory, &m->layout.plan, m->vm, &m->offer, e))
		return -1;
	/* Series of that family differ in this; only the model needs it. */
	if (m->memory.family == GMEM_DIRECT_2024 &&
	    m->memory.mode == MEM_GMEM_PRIVATE)
		m->memory.private_steal = scratch_vm_private_steal(m->kvm);
	return make_private(m, e);
}

static void free_memory(struct machine *m)
{
	memory_destroy(&m->memory);
}

/* For the threads of the vCPUs, which start later. */
static int make_trace(struct machine *m, struct err *e)
{
	(void)e;
	trace_open(&m->trace);
	return 0;
}

static void free_trace(struct machine *m)
{
	trace_close(&m->trace);
}

static int make_pv(struct machine *m, struct err *e)
{
	const struct pv_plan plan = pv_plan(m);

	return pv_init(&m->pv, m->vm, &m->memory, &plan,
		       m->cfg->agent ? PV_GUESTS : m->layout.pv.gpa, e);
}

static void free_pv(struct machine *m)
{
	pv_free(&m->pv);
}

static int make_device(struct machine *m, const struct device *d, void **state,
		       struct err *e)
{
	*state = d->size ? calloc(1, d->size) : NULL;
	if (d->size && !*state)
		return err_os(e, ENOMEM, "memory for %s", d->name);
	for (unsigned int i = 0; i < DEVICE_PORTS && d->ports[i].count; i++) {
		const struct device_ports *p = &d->ports[i];
		const struct bus_range r = { p->port, p->count, p->access,
					     *state ?: &m->board };

		if (bus_claim(&m->board.bus, &r))
			return err_state(e, "%s: port 0x%x is taken", d->name,
					 p->port);
	}
	return d->init ? d->init(&m->board, *state, e) : 0;
}

static int make_devices(struct machine *m, struct err *e)
{
	const unsigned int kind = m->cfg->kernel ? BOARD_PC : BOARD_TINY;
	const struct device *const *dev = m->parts->devices;
	unsigned int nr = 0;

	m->board.vcpus = m->cfg->vcpus;
	m->board.ram = m->layout.low;
	m->board.events = &m->events;
	m->board.loop = &m->loop;
	m->board.machine = m;
	m->board.end = machine_end;
	m->board.start_aps = machine_start_aps;
	m->board.ready = board_ready;
	m->board.show_regs = machine_show_regs;
	m->board.clock = board_clock;
	if (m->cfg->kernel)
		m->board.irq = machine_irq;
	while (dev[nr])
		nr++;
	m->device_state = calloc(nr + 1, sizeof(*m->device_state));
	if (!m->device_state)
		return err_os(e, ENOMEM, "memory for the devices");
	for (unsigned int i = 0; i < nr; i++)
		if (dev[i]->boards & kind &&
		    make_device(m, dev[i], &m->device_state[i], e))
			return -1;
	return 0;
}

void machine_free_devices(struct machine *m)
{
	const struct device *const *dev = m->parts->devices;

	for (unsigned int i = 0; m->device_state && dev[i]; i++) {
		if (dev[i]->free && m->device_state[i])
			dev[i]->free(m->device_state[i]);
		free(m->device_state[i]);
	}
	free(m->device_state);
}

static int start_pv(struct machine *m, struct err *e)
{
	m->pv.xen = m->xen;
	m->pv.log = &m->events;
	m->pv.trace = &m->trace;
	m->pv.own_end = m->layout.own_end;
	return pv_start(&m->pv, m->vcpus, m->cfg->by_hva, e);
}

/*
 * Undone in reverse order. The vCPUs' fds are closed first, but KVM keeps the vCPUs,
 * and their live caches, until the last fd that refers to the VM is closed
 * (virt/kvm/kvm_main.c, kvm_put_kvm). Then the gmem files: they invalidate the caches
 * of their pages (guest_memfd.c, kvm_gmem_release), for which they need the VM. The
 * VM is last.
 */
enum phase { CREATE, LOAD, ADD_VCPUS };

static const struct {
	int (*make)(struct machine *m, struct err *e);
	void (*free)(struct machine *m);
	enum phase phase;
} steps[] = {
	{ make_loop, free_loop, CREATE },
	{ make_vm, free_vm, CREATE },
	{ make_memory, free_memory, CREATE },
	{ make_trace, free_trace, CREATE },
	{ make_pv, free_pv, CREATE },
	{ make_devices, machine_free_devices, CREATE },
	{ machine_open_boot, machine_free_boot, CREATE },
	{ machine_boot, NULL, LOAD },
	{ machine_make_vcpus, machine_free_vcpus, ADD_VCPUS },
	{ machine_boot_done, NULL, ADD_VCPUS },
	{ start_pv, NULL, ADD_VCPUS },
};

static int take_steps(struct machine *m, enum phase phase, struct err *e)
{
	while (m->steps_done < ARRAY_SIZE(steps) &&
	       steps[m->steps_done].phase == phase)
		/* A step cleans up after itself half done. */
		if (steps[m->steps_done++].make(m, e))
			return -1;
	return 0;
}

int machine_create(struct machine *m, const struct config *cfg,
		   const struct machine_parts *parts, struct err *e)
{
	memset(m, 0, sizeof(*m));
	m->cfg = cfg;
	m->parts = parts;
	m->born_ns = now_ns();
	m->cpus = (unsigned int)sysconf(_SC_NPROCESSORS_ONLN);
	vcpu_signals();
	return take_steps(m, CREATE, e);
}

int machine_load(struct machine *m, struct err *e)
{
	return take_steps(m, LOAD, e);
}

int machine_add_vcpus(struct machine *m, struct err *e)
{
	return take_steps(m, ADD_VCPUS, e);
}

void machine_destroy(struct machine *m)
{
	while (m->steps_done) {
		m->steps_done--;
		if (steps[m->steps_done].free)
			steps[m->steps_done].free(m);
	}
}
