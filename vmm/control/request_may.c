// SPDX-License-Identifier: GPL-2.0-only
/* Check whether a vCPU can take a job. */
#include "config/guests.h"
#include "control/request.h"

int request_has_agent(struct machine *m, struct err *e)
{
	const struct config *cfg = m->cfg;

	if (guest_has_agent(cfg->guest))
		return 0;
	return err_unsupported(
		e,
		"%s %s runs no agent: use --guest agent, clockwatch or linux",
		cfg->kernel ? "--kernel" : "--guest",
		cfg->kernel ?: cfg->guest);
}

int request_may_agent(struct machine *m, struct vcpu *v, struct err *e)
{
	if (request_has_agent(m, e))
		return -1;
	if (vcpu_pausing(v))
		return err_state(
			e, "vCPU %u is paused: resume it with 'vcpu %u resume'",
			v->index, v->index);
	if (v->agent.lost)
		return err_state(
			e,
			"vCPU %u has not returned from a cancelled operation",
			v->index);
	return 0;
}
