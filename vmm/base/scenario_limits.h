/* SPDX-License-Identifier: GPL-2.0-only */
/* Limits of a scenario, for gpcvm play and for recordings. */
#ifndef GPCVM_SCENARIO_LIMITS_H
#define GPCVM_SCENARIO_LIMITS_H

#define SCENARIO_MAX_BYTES (1 << 20) /* of a file */
#define SCENARIO_MAX_STMTS 20000

#endif
