// SPDX-License-Identifier: GPL-2.0-only
/* Where things are in guest memory, and the tree that says so. */
#include <libfdt.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"
#include "devices/tables.h"
#include "guest/doorbell.h"
#include "machine/devtree.h"
#include "machine/layout.h"

static uint64_t layout_size(enum pv_flavour flavour, enum pv_layout layout,
			    unsigned int vcpus)
{
	return pv_layout_size(
		&(struct pv_plan){ all_parts.kinds, flavour, layout, vcpus });
}

#define IMAGE_LEN 0x8000

static int make(struct layout *l, const struct config *cfg, struct err *e)
{
	return layout_make(l, cfg, MEM_GMEM, false, IMAGE_LEN,
			   layout_size(cfg->flavour, cfg->layout, cfg->vcpus),
			   e);
}

static uint64_t plan_bytes(const struct layout *l)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < l->plan.nr; i++)
		sum += l->plan.slots[i].size;
	return sum;
}

static void parts_do_not_overlap_and_stay_below_own_end(void **state)
{
	struct config cfg = { .mem = 64 * MIB, .vcpus = 64 };
	struct layout l;
	const struct span *s[] = { &l.window, &l.image, &l.fdt, &l.tables,
				   &l.areas };

	(void)state;
	assert_int_equal(make(&l, &cfg, NULL), 0);
	for (size_t i = 1; i < ARRAY_SIZE(s); i++)
		assert_true(s[i - 1]->gpa + s[i - 1]->len <= s[i]->gpa);
	assert_true(l.areas.gpa + l.areas.len <= l.own_end);
	assert_true(l.pv.gpa >= l.own_end);
	assert_true(l.areas.len == UINT64_C(64) * VCPU_AREA_SIZE);
}

static void smallest_memory_holds_eight_vcpus(void **state)
{
	struct config cfg = { .mem = MEM_MIN, .vcpus = 8 };
	struct layout l;

	(void)state;
	assert_int_equal(make(&l, &cfg, NULL), 0);
	assert_true(plan_bytes(&l) == MEM_MIN);
}

static void too_little_memory_is_refused_with_what_would_do(void **state)
{
	struct config cfg = { .mem = MEM_MIN, .vcpus = 4096 };
	struct layout l;
	struct err e;

	(void)state;
	assert_int_equal(make(&l, &cfg, &e), -1);
	assert_int_equal(e.kind, ERR_RANGE);
	assert_non_null(strstr(e.msg, "at least"));
}

/* The last slot is all that the kernel is not told of, and is not the kernel's. */
static void is_spare(const struct layout *l, uint64_t gpa)
{
	const struct mem_slot_plan *s = &l->plan.slots[l->plan.nr - 1];

	assert_true(s->gpa == gpa && s->size == LINUX_SPARE);
	assert_true(l->own_end == gpa);
	assert_true(s->offset == plan_bytes(l) - LINUX_SPARE);
}

static void linux_leaves_the_end_of_memory_to_commands(void **state)
{
	struct config cfg = {
		.mem = 256 * MIB, .vcpus = 1, .kernel = "x", .agent = true
	};
	struct layout l;

	(void)state;
	assert_int_equal(make(&l, &cfg, NULL), 0);
	is_spare(&l, 240 * MIB);
	assert_true(l.low == 240 * MIB && !l.high);
	assert_true(plan_bytes(&l) == cfg.mem);
	cfg.mem = 4 * GIB;
	assert_int_equal(make(&l, &cfg, NULL), 0);
	is_spare(&l, 5 * GIB - LINUX_SPARE);
	assert_true(l.low == 3 * GIB && l.high == GIB - LINUX_SPARE);
	assert_true(plan_bytes(&l) == cfg.mem);
}

static void linux_needs_more_than_what_it_leaves(void **state)
{
	struct config cfg = { .mem = LINUX_SPARE + MEM_MIN,
			      .vcpus = 1,
			      .kernel = "x",
			      .agent = true };
	struct layout l;
	struct err e;

	(void)state;
	assert_int_equal(make(&l, &cfg, &e), -1);
	assert_int_equal(e.kind, ERR_RANGE);
	assert_non_null(strstr(e.msg, "18M"));
	cfg.mem = 3 * GIB + LINUX_SPARE;
	assert_int_equal(make(&l, &cfg, &e), -1);
}

static void only_the_kernels_own_memory_becomes_shared(void **state)
{
	struct config cfg = {
		.mem = 4 * GIB, .vcpus = 1, .kernel = "x", .agent = true
	};
	struct layout l;

	(void)state;
	assert_int_equal(make(&l, &cfg, NULL), 0);
	layout_share(&l);
	for (unsigned int i = 0; i < l.plan.nr; i++)
		assert_int_equal(l.plan.slots[i].shared, i + 1 < l.plan.nr);
}

static void memory_above_3g_goes_above_4g_in_the_same_file(void **state)
{
	struct config cfg = { .mem = 5 * GIB, .vcpus = 1 };
	struct layout l;
	const struct mem_slot_plan *s = l.plan.slots;

	(void)state;
	assert_int_equal(make(&l, &cfg, NULL), 0);
	assert_int_equal(l.plan.nr, 3);
	assert_true(s[0].size == l.own_end && s[1].gpa == l.own_end);
	assert_true(s[1].gpa + s[1].size == LOW_RAM_END);
	assert_true(s[2].gpa == 4 * GIB && s[2].size == 2 * GIB);
	assert_true(s[2].offset == 3 * GIB && s[2].file == 0);
	assert_true(plan_bytes(&l) == 5 * GIB);
}

static void biggest_memory_fits_the_slots(void **state)
{
	struct config cfg = { .mem = MEM_MAX, .vcpus = 1 };
	struct layout l;

	(void)state;
	assert_int_equal(make(&l, &cfg, NULL), 0);
	assert_true(plan_bytes(&l) == MEM_MAX);
	for (unsigned int i = 0; i < l.plan.nr; i++)
		assert_true(l.plan.slots[i].size <= SLOT_MAX);
}

static void packed_layout_takes_a_page_for_each_kind(void **state)
{
	(void)state;
	assert_int_equal(layout_size(PV_KVM, PV_PACKED, 2), 2 * PAGE_SIZE);
	assert_int_equal(layout_size(PV_KVM, PV_SEPARATE, 2), 4 * PAGE_SIZE);
	/* 64 steal areas of 64 bytes fill a page, the 65th needs another. */
	assert_int_equal(layout_size(PV_KVM, PV_PACKED, 65), 3 * PAGE_SIZE);
}

static void a_kernel_has_all_of_ram_but_what_lies_behind_a_hole(void **state)
{
	struct config cfg = { .mem = 5 * GIB, .vcpus = 1, .kernel = "x" };
	struct layout l;
	struct err e;

	(void)state;
	assert_int_equal(make(&l, &cfg, NULL), 0);
	assert_true(l.low == LOW_RAM_END && l.high == 2 * GIB);
	assert_true(l.own_end == 6 * GIB && l.plan.nr == 2);
	cfg.nr_slots = 2;
	cfg.slots[0] = (struct mem_slot_plan){ .gpa = 0, .size = 16 * MIB };
	cfg.slots[1] = (struct mem_slot_plan){ .gpa = GIB,
					       .size = MIB,
					       .offset = 16 * MIB };
	assert_int_equal(make(&l, &cfg, NULL), 0);
	assert_true(l.low == 16 * MIB && !l.high && l.own_end == 16 * MIB);
	cfg.slots[0].size = MIB;
	assert_int_equal(make(&l, &cfg, &e), -1);
	assert_int_equal(e.kind, ERR_RANGE);
}

/* ---- the tree ----------------------------------------------------------- */

struct machine_model {
	struct config cfg;
	struct layout layout;
	struct memory memory;
	struct pv_vm pv;
};

static void *tree(struct machine_model *m, enum pv_flavour flavour,
		  enum pv_layout layout, unsigned int vcpus, size_t *len)
{
	struct devtree d = { .devices = all_parts.devices,
			     .cfg = &m->cfg,
			     .layout = &m->layout,
			     .memory = &m->memory,
			     .pv = &m->pv };
	void *fdt;

	memset(m, 0, sizeof(*m));
	m->cfg = (struct config){ .mem = 64 * MIB,
				  .vcpus = vcpus,
				  .flavour = flavour,
				  .layout = layout,
				  .guest = "agent" };
	assert_int_equal(make(&m->layout, &m->cfg, NULL), 0);
	m->memory.mode = MEM_GMEM;
	m->memory.nr_slots = m->layout.plan.nr;
	for (unsigned int i = 0; i < m->memory.nr_slots; i++) {
		m->memory.slots[i].gpa = m->layout.plan.slots[i].gpa;
		m->memory.slots[i].size = m->layout.plan.slots[i].size;
	}
	assert_int_equal(pv_init(&m->pv, -1, &m->memory,
				 &(struct pv_plan){ all_parts.kinds, flavour,
						    layout, vcpus },
				 m->layout.pv.gpa, NULL),
			 0);
	fdt = devtree_build(&d, len, NULL);
	assert_non_null(fdt);
	return fdt;
}

static int count(const void *fdt, const char *compatible)
{
	int n = 0, at = -1;

	while ((at = fdt_node_offset_by_compatible(fdt, at, compatible)) >= 0)
		n++;
	return n;
}

static void tree_is_whole_and_fits_what_the_layout_reserved(void **state)
{
	static const unsigned int sizes[] = { 1, 2, 64, 1024 };
	struct machine_model m;
	size_t len;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		for (int f = PV_KVM; f <= PV_XEN; f++) {
			void *fdt = tree(&m, (enum pv_flavour)f, PV_PACKED,
					 sizes[i], &len);

			assert_int_equal(fdt_check_full(fdt, len), 0);
			assert_true(len <= m.layout.fdt.len);
			free(fdt);
			pv_free(&m.pv);
		}
	}
}

static void tree_has_every_pv_page_with_its_gpa_and_vcpu(void **state)
{
	struct machine_model m;
	size_t len;
	void *fdt = tree(&m, PV_KVM, PV_PACKED, 3, &len);

	(void)state;
	assert_int_equal(count(fdt, "gpcvm,kvm-clock"), 3);
	assert_int_equal(count(fdt, "gpcvm,kvm-steal-time"), 3);
	for (unsigned int i = 0; i < m.pv.nr; i++) {
		const struct pv_page *p = &m.pv.pages[i];
		int at = fdt_node_offset_by_prop_value(
			fdt, -1, "label", p->name, (int)strlen(p->name) + 1);
		const fdt64_t *reg = fdt_getprop(fdt, at, "reg", NULL);
		const fdt32_t *vcpu = fdt_getprop(fdt, at, "gpcvm,vcpu", NULL);

		assert_true(at > 0);
		if (!reg || !vcpu) {
			fail_msg("%s has no reg or vcpu", p->name);
			continue;
		}
		assert_true(fdt64_ld(reg) == p->gpa);
		assert_int_equal(fdt32_ld(vcpu), p->vcpu);
	}
	free(fdt);
	pv_free(&m.pv);
}

static void tree_has_the_cpus_the_slots_and_the_ports(void **state)
{
	struct machine_model m;
	size_t len;
	void *fdt = tree(&m, PV_KVM, PV_SEPARATE, 5, &len);

	(void)state;
	assert_true(fdt_path_offset(fdt, "/cpus/cpu@4") > 0);
	assert_true(fdt_path_offset(fdt, "/cpus/cpu@5") < 0);
	assert_true(fdt_path_offset(fdt, "/memory@0") > 0);
	assert_int_equal(count(fdt, "ns16550a"), 1);
	assert_int_equal(count(fdt, "gpcvm,doorbell"), 1);
	assert_int_equal(count(fdt, "gpcvm,page-tables"), 1);
	assert_int_equal(count(fdt, "gpcvm,vcpu-areas"), 1);
	free(fdt);
	pv_free(&m.pv);
}

/* The MSR in the node of a page, by its label; 0: none. */
static uint32_t msr_of(const void *fdt, const char *label)
{
	int at = fdt_node_offset_by_prop_value(fdt, -1, "label", label,
					       (int)strlen(label) + 1);
	const fdt32_t *msr = fdt_getprop(fdt, at, "gpcvm,msr", NULL);

	assert_true(at > 0);
	return msr ? fdt32_ld(msr) : 0;
}

static void tree_has_the_msrs_of_pages_that_the_guest_sets_up(void **state)
{
	struct machine_model m;
	size_t len;
	void *fdt = tree(&m, PV_KVM, PV_SEPARATE, 2, &len);

	(void)state;
	assert_int_equal(msr_of(fdt, "clock1"), MSR_KVM_SYSTEM_TIME_NEW);
	assert_int_equal(msr_of(fdt, "steal0"), MSR_KVM_STEAL_TIME);
	free(fdt);
	pv_free(&m.pv);
	fdt = tree(&m, PV_XEN, PV_SPLIT, 2, &len);
	for (unsigned int i = 0; i < m.pv.nr; i++)
		assert_int_equal(msr_of(fdt, m.pv.pages[i].name), 0);
	free(fdt);
	pv_free(&m.pv);
}

static void tree_has_shinfo_for_no_vcpu(void **state)
{
	struct machine_model m;
	size_t len;
	void *fdt = tree(&m, PV_XEN, PV_SPLIT, 2, &len);
	int at =
		fdt_node_offset_by_compatible(fdt, -1, "gpcvm,xen-shared-info");

	(void)state;
	assert_true(at > 0);
	assert_null(fdt_getprop(fdt, at, "gpcvm,vcpu", NULL));
	assert_int_equal(count(fdt, "gpcvm,xen-vcpu-info"), 2);
	assert_int_equal(count(fdt, "gpcvm,xen-vcpu-time-info"), 2);
	assert_int_equal(count(fdt, "gpcvm,xen-runstate"), 2);
	free(fdt);
	pv_free(&m.pv);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts_do_not_overlap_and_stay_below_own_end),
		cmocka_unit_test(smallest_memory_holds_eight_vcpus),
		cmocka_unit_test(
			too_little_memory_is_refused_with_what_would_do),
		cmocka_unit_test(
			a_kernel_has_all_of_ram_but_what_lies_behind_a_hole),
		cmocka_unit_test(linux_leaves_the_end_of_memory_to_commands),
		cmocka_unit_test(linux_needs_more_than_what_it_leaves),
		cmocka_unit_test(only_the_kernels_own_memory_becomes_shared),
		cmocka_unit_test(
			memory_above_3g_goes_above_4g_in_the_same_file),
		cmocka_unit_test(biggest_memory_fits_the_slots),
		cmocka_unit_test(packed_layout_takes_a_page_for_each_kind),
		cmocka_unit_test(
			tree_is_whole_and_fits_what_the_layout_reserved),
		cmocka_unit_test(tree_has_every_pv_page_with_its_gpa_and_vcpu),
		cmocka_unit_test(tree_has_the_cpus_the_slots_and_the_ports),
		cmocka_unit_test(
			tree_has_the_msrs_of_pages_that_the_guest_sets_up),
		cmocka_unit_test(tree_has_shinfo_for_no_vcpu),
	};

	return cmocka_run_group_tests_name("layout", tests, NULL, NULL);
}
