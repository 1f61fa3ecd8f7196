/* SPDX-License-Identifier: GPL-2.0-only */
/* Restore what a storm changed. */
#ifndef GPCVM_STORM_UNDO_H
#define GPCVM_STORM_UNDO_H

#include "storm/storm.h"

/* Save the private runs of the step's range. */
int storm_save_attrs(struct storm *s, struct storm_step *st, struct err *e);
/* Restore the attributes that differ. */
int storm_undo_attrs(struct storm *s, const struct storm_step *st,
		     struct err *e);
/* Switch the pv page on or off and move it back. */
int storm_undo_pv(struct storm *s, const struct storm_step *st, struct err *e);
/* Restore the slot at its place, unless it is there. */
int storm_slot_home(struct machine *m, const struct storm_step *st,
		    struct err *e);
int storm_undo_slot(struct storm *s, const struct storm_step *st,
		    struct err *e);

#endif
