// SPDX-License-Identifier: GPL-2.0-only
/*
 * The contents of a struct pvclock_vcpu_time_info (Documentation/virt/kvm/x86/
 * msr.rst, MSR_KVM_SYSTEM_TIME_NEW; arch/x86/kvm/x86.c, kvm_guest_time_update).
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "devices/pv_read.h"
#include "devices/pvclock.h"

/* From asm/pvclock-abi.h, which is not exported to userspace. */
#define TSC_STABLE    0x1
#define GUEST_STOPPED 0x2
#define KNOWN_FLAGS   (TSC_STABLE | GUEST_STOPPED)

#define KHZ_PER_NS    INT64_C(1000000)
/* Allow a scale that is off by 1%: KVM does not scale a TSC whose rate is
 * within tsc_tolerance_ppm, 250, of the guest's. */
#define SCALE_PART    100
/* An unstable TSC may follow the frequency of the host's CPU. */
#define SCALE_FACTOR  8
/* The allowed error of an extrapolated time, as a fraction. */
#define DRIFT_PART    128
#define SLACK_NS      NS_PER_MS

static uint32_t mul_of(const struct agent_op *op)
{
	return (uint32_t)op->out[4];
}

static int shift_of(const struct agent_op *op)
{
	return (int8_t)(op->out[4] >> 32);
}

static unsigned int flags_of(const struct agent_op *op)
{
	return op->out[4] >> 40 & 0xff;
}

bool pvclock_is_stopped(const struct agent_op *op)
{
	return flags_of(op) & GUEST_STOPPED;
}

/* Convert @ticks to ns. KVM's shifts are below 32 (kvm_get_time_scale). */
static __int128 scale_ticks(const struct agent_op *op, __int128 ticks)
{
	const int shift = shift_of(op);

	if (shift < 0)
		ticks >>= -shift;
	else
		ticks *= INT64_C(1) << shift;
	return ticks * mul_of(op) >> 32;
}

static bool has_scale(const struct agent_op *op)
{
	return mul_of(op) && shift_of(op) > -32 && shift_of(op) < 32;
}

uint64_t pvclock_now(const struct agent_op *op)
{
	__int128 now = op->out[3];

	/* Signed: the TSCs of two CPUs may differ a little. */
	if (has_scale(op))
		now += scale_ticks(op, (int64_t)(op->out[5] - op->out[2]));
	if (now < 0)
		return 0;
	return now > UINT64_MAX ? UINT64_MAX : (uint64_t)now;
}

static bool scale_is_right(const struct agent_op *op,
			   const struct pvclock_truth *t)
{
	__int128 ms;

	if (!has_scale(op))
		return false;
	if (!t->khz)
		return true;
	ms = scale_ticks(op, t->khz); /* this many ticks are a millisecond */
	if (t->tsc != PVCLOCK_STABLE)
		return ms > KHZ_PER_NS / SCALE_FACTOR &&
		       ms < KHZ_PER_NS * SCALE_FACTOR;
	return ms > KHZ_PER_NS - KHZ_PER_NS / SCALE_PART &&
	       ms < KHZ_PER_NS + KHZ_PER_NS / SCALE_PART;
}

static const char *wrong_flag(const struct agent_op *op,
			      const struct pvclock_truth *t)
{
	const bool stable = flags_of(op) & TSC_STABLE;

	if (flags_of(op) & ~KNOWN_FLAGS)
		return "unknown bits";
	if (pvclock_is_stopped(op) && !t->stopped)
		return "PVCLOCK_GUEST_STOPPED is set, but KVM_KVMCLOCK_CTRL "
		       "was not called";
	if (stable && t->tsc == PVCLOCK_UNSTABLE)
		return "PVCLOCK_TSC_STABLE_BIT is set, but KVM_GET_CLOCK "
		       "reports an unstable TSC";
	if (!stable && t->tsc == PVCLOCK_STABLE)
		return "PVCLOCK_TSC_STABLE_BIT is clear, but KVM_GET_CLOCK "
		       "reports a stable TSC";
	return NULL;
}

/* Flags, scale and padding of OP_CLOCK's answer. */
static enum pv_verdict pvclock_judge_fields(const struct agent_op *op,
					    const struct pvclock_truth *t,
					    char why[static 160])
{
	const char *wrong = wrong_flag(op, t);

	if (wrong)
		snprintf(why, 160, "flags 0x%x: %s", flags_of(op), wrong);
	else if (!scale_is_right(op, t))
		snprintf(why, 160,
			 "mul 0x%" PRIx32
			 ", shift %d does not match a TSC of %" PRIu64 " kHz",
			 mul_of(op), shift_of(op), t->khz);
	else if (op->out[7])
		snprintf(why, 160,
			 "the padding is not zero: pad0 0x%" PRIx64
			 ", pad 0x%" PRIx64,
			 op->out[7] & UINT32_MAX, op->out[7] >> 32);
	else
		return VERDICT_FRESH;
	return VERDICT_TORN;
}

/* The time that the guest computes from it. */
static enum pv_verdict pvclock_judge_now(const struct agent_op *op,
					 const struct pvclock_truth *t,
					 char why[static 160])
{
	const uint64_t now = pvclock_now(op), since = op->out[3];
	const uint64_t drift =
		SLACK_NS + (t->to > since ? (t->to - since) / DRIFT_PART : 0);

	if (now > t->to && now - t->to > drift) {
		snprintf(why, 160,
			 "the guest's time, %" PRIu64 ", is ahead of "
			 "KVM_GET_CLOCK, %" PRIu64,
			 now, t->to);
		return VERDICT_TORN;
	}
	if (now < t->from && t->from - now > drift) {
		snprintf(why, 160,
			 "the guest's time, %" PRIu64 ", is behind "
			 "KVM_GET_CLOCK, %" PRIu64,
			 now, t->from);
		return VERDICT_STALE;
	}
	return VERDICT_FRESH;
}

enum pv_verdict pvclock_judge_time(const char *what, uint64_t ns, uint64_t set,
				   uint64_t limit, char why[static 160])
{
	if (ns < set) {
		snprintf(why, 160,
			 "%s %" PRIu64
			 " is older than the poke, which set the clock to "
			 "%" PRIu64,
			 what, ns, set);
		return VERDICT_STALE;
	}
	if (ns > limit) {
		snprintf(why, 160,
			 "%s %" PRIu64 " is ahead of the VM's clock, %" PRIu64,
			 what, ns, limit);
		return VERDICT_TORN;
	}
	return VERDICT_FRESH;
}

static bool is_zeros(const struct agent_op *op, enum pv_verdict *verdict,
		     char why[static 160])
{
	if (op->out[1] || op->out[2] || op->out[3] || op->out[4])
		return false;
	snprintf(why, 160, "the page reads as zeros");
	*verdict = VERDICT_STALE;
	return true;
}

enum pv_verdict pvclock_judge(const struct agent_op *op, uint64_t set,
			      uint64_t limit, char why[static 160])
{
	enum pv_verdict verdict;

	if (!pv_readable(op, &verdict, why) || is_zeros(op, &verdict, why))
		return verdict;
	return pvclock_judge_time("system_time", op->out[3], set, limit, why);
}

enum pv_verdict pvclock_judge_look(const struct agent_op *op,
				   const struct pvclock_truth *t,
				   char why[static 160])
{
	enum pv_verdict verdict;

	if (!pv_readable(op, &verdict, why) || is_zeros(op, &verdict, why))
		return verdict;
	verdict = pvclock_judge_fields(op, t, why);
	return verdict == VERDICT_FRESH ? pvclock_judge_now(op, t, why)
					: verdict;
}
