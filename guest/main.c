// SPDX-License-Identifier: GPL-2.0-only
/* Runs each vCPU from its entry to the guest named on the command line. */
#include "guest.h"

static const struct guest guests[] = {
	{ "agent", agent_run },
	{ "hello", hello_run },
	{ "clockwatch", clockwatch_run },
};

void halt(void)
{
	for (;;)
		asm volatile("hlt");
}

static void set_pv_msr(struct percpu *pc, const struct pv_msr *m)
{
	struct text t = { .len = 0 };

	pc->w[0] = m->index;
	pc->w[1] = m->value;
	if (guarded(pc, pc->w, op_wrmsr) == ST_OK)
		return;
	text_str(&t, "vCPU ");
	text_num(&t, pc->index, 10);
	text_str(&t, ": KVM refuses MSR ");
	text_num(&t, m->index, 16);
	text_str(&t, " = ");
	text_num(&t, m->value, 16);
	panic(&t);
}

static const struct guest *find_guest(const struct machine *m)
{
	struct text t = { .len = 0 };

	if (!m->guest)
		return &guests[0];
	for (size_t i = 0; i < sizeof(guests) / sizeof(guests[0]); i++)
		if (strlen(guests[i].name) == m->guest_len &&
		    !memcmp(guests[i].name, m->guest, m->guest_len))
			return &guests[i];
	text_str(&t, "no guest of this name: ");
	for (uint32_t i = 0; i < m->guest_len && t.len < sizeof(t.s); i++)
		t.s[t.len++] = m->guest[i];
	panic(&t);
}

static void start_vcpu(struct machine *m, struct percpu *pc, const void *fdt)
{
	uint64_t w[DB_WORDS] = { (uint64_t)entry };

	fdt_read(m, fdt);
	if (percpu_of(m, 0) != pc)
		panic_with("vCPU 0 is not in the vcpu-areas, but at",
			   (uint64_t)pc);
	for (uint32_t i = 0; i < m->nr_cpus; i++) {
		percpu_of(m, i)->m = m;
		percpu_of(m, i)->index = i;
	}
	m->run = find_guest(m)->run;
	if (m->nr_cpus > 1)
		db_call(DB_START_APS, w);
}

void guest_main(uint64_t index, struct percpu *pc, const void *fdt)
{
	static struct machine machine;

	if (index == 0)
		start_vcpu(&machine, pc, fdt);
	if (!pc->m || pc->index != index)
		panic_with("not in the device tree: vCPU", index);
	for (uint32_t i = 0; i < pc->nr_msrs; i++)
		set_pv_msr(pc, &pc->msrs[i]);
	pc->w[0] = index;
	pc->w[1] = DB_VERSION;
	db_call(DB_READY, pc->w);
	pc->w[0] = ST_OK;
	pc->m->run(pc);
	halt();
}
