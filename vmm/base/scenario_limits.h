/* SPDX-License-Identifier: GPL-2.0-only */
/* What gpcvm play takes at most, and a recording is. */
#ifndef GPCVM_SCENARIO_LIMITS_H
#define GPCVM_SCENARIO_LIMITS_H

#define SCENARIO_MAX_BYTES (1 << 20) /* of a file */
#define SCENARIO_MAX_STMTS 20000

#endif
