// SPDX-License-Identifier: GPL-2.0-only
/* Whether KVM reports preemptions to its guest, with a
 * file as KVM's statistics. */
#include <asm/kvm_para.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "unit.h"
#include "base/num.h"
#include "devices/pv_preempt.h"
#include "vcpu/agent.h"

#define BYTE	16
/* The effects of each spin of the guest. */
#define TURNS	500
#define TURN_US 100

static struct {
	uint64_t counts[2]; /* as in the statistics file */
	int file;
	uint8_t *page;
	bool sets, tells;
	unsigned int spins;
} kvm;

/* Replaces vmm/vcpu/agent.c's: the guest spins and is preempted. */
int agent_do(struct vcpu *v, struct agent_op *op, struct err *e)
{
	(void)v;
	(void)e;
	assert_int_equal(op->op, OP_SPIN);
	kvm.spins++;
	for (int i = 0; i < TURNS; i++) {
		if (kvm.sets)
			kvm.page[BYTE] = KVM_VCPU_PREEMPTED;
		kvm.counts[!kvm.tells]++;
		assert_int_equal(pwrite(kvm.file, kvm.counts,
					sizeof(kvm.counts), 0),
				 sizeof(kvm.counts));
		usleep(TURN_US);
	}
	return 0;
}

struct fixture {
	struct pv_vm pv;
	struct memory memory;
	struct pv_page page;
	struct vcpu vcpu;
};

static void make(struct fixture *f)
{
	memset(&kvm, 0, sizeof(kvm));
	memset(f, 0, sizeof(*f));
	kvm.tells = true;
	kvm.file = memfd_create("stats", 0);
	assert_true(kvm.file >= 0);
	assert_int_equal(pwrite(kvm.file, kvm.counts, sizeof(kvm.counts), 0),
			 sizeof(kvm.counts));
	kvm.page = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(kvm.page != MAP_FAILED);
	kvm.page[0] = 1;
	f->memory.pagemap = -1;
	f->memory.mode = MEM_ANON;
	f->memory.nr_slots = 1;
	f->memory.slots[0] = (struct mem_slot){ .size = PAGE_SIZE,
						.file = MEM_NO_FILE,
						.present = true,
						.hva = kvm.page };
	attrs_init(&f->memory.attrs);
	pthread_rwlock_init(&f->memory.lock, NULL);
	f->pv.memory = &f->memory;
	f->page.vm = &f->pv;
	f->vcpu.stats = kvm.file;
	f->vcpu.stat_at[1] = sizeof(uint64_t);
}

static enum preempt_seen looked(struct fixture *f, char why[static 160])
{
	enum preempt_seen seen;

	why[0] = '\0';
	assert_int_equal(
		preempt_look(&f->page, &f->vcpu, BYTE, &seen, why, NULL), 0);
	return seen;
}

static void drop(struct fixture *f)
{
	attrs_free(&f->memory.attrs);
	pthread_rwlock_destroy(&f->memory.lock);
	munmap(kvm.page, PAGE_SIZE);
	close(kvm.file);
}

static void byte_that_kvm_sets_is_seen(void **state)
{
	struct fixture f;
	char why[160];

	(void)state;
	make(&f);
	kvm.sets = true;
	assert_int_equal(looked(&f, why), PREEMPT_SET);
	assert_true(kvm.spins >= 1);
	drop(&f);
}

static void byte_that_stays_clear_while_kvm_counts_is_never_set(void **state)
{
	struct fixture f;
	char why[160];

	(void)state;
	make(&f);
	assert_int_equal(looked(&f, why), PREEMPT_NEVER);
	drop(&f);
}

static void kvm_that_tells_no_guest_is_not_judged(void **state)
{
	struct fixture f;
	char why[160];

	(void)state;
	make(&f);
	kvm.tells = false;
	assert_int_equal(looked(&f, why), PREEMPT_UNKNOWN);
	assert_non_null(strstr(why, "preemption_other grows"));
	assert_true(f.vcpu.untold);
	/* Once KVM reports them, it is noticed at once. */
	kvm.tells = kvm.sets = true;
	assert_int_equal(looked(&f, why), PREEMPT_SET);
	assert_false(f.vcpu.untold);
	drop(&f);
}

static void byte_is_not_judged_while_slots_change(void **state)
{
	struct fixture f;
	char why[160];

	(void)state;
	make(&f);
	f.pv.model.under_way = 1;
	assert_int_equal(looked(&f, why), PREEMPT_UNKNOWN);
	drop(&f);
}

static void page_that_the_host_cannot_see_is_not_judged(void **state)
{
	struct fixture f;
	char why[160];

	(void)state;
	make(&f);
	attrs_set(&f.memory.attrs, 0, PAGE_SIZE, true);
	kvm.sets = true; /* possibly only in the alias */
	assert_int_equal(looked(&f, why), PREEMPT_UNKNOWN);
	assert_non_null(strstr(why, "cannot read"));
	drop(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(byte_that_kvm_sets_is_seen),
		cmocka_unit_test(
			byte_that_stays_clear_while_kvm_counts_is_never_set),
		cmocka_unit_test(kvm_that_tells_no_guest_is_not_judged),
		cmocka_unit_test(byte_is_not_judged_while_slots_change),
		cmocka_unit_test(page_that_the_host_cannot_see_is_not_judged),
	};

	return cmocka_run_group_tests_name("preempt", tests, NULL, NULL);
}
