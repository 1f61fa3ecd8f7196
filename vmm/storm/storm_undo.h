/* SPDX-License-Identifier: GPL-2.0-only */
/* How a storm puts back what it changed. */
#ifndef GPCVM_STORM_UNDO_H
#define GPCVM_STORM_UNDO_H

#include "storm/storm.h"

/* Remember which pages of the step's range are private. */
int storm_save_attrs(struct storm *s, struct storm_step *st, struct err *e);
/* Those that are different now, as they were. */
int storm_undo_attrs(struct storm *s, const struct storm_step *st,
		     struct err *e);
/* The pv page on or off, and where it was. */
int storm_undo_pv(struct storm *s, const struct storm_step *st, struct err *e);
/* The slot there, and where it was; nothing to do where it is so. */
int storm_slot_home(struct machine *m, const struct storm_step *st,
		    struct err *e);
int storm_undo_slot(struct storm *s, const struct storm_step *st,
		    struct err *e);

#endif
