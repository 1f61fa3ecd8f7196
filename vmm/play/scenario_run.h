/* SPDX-License-Identifier: GPL-2.0-only */
/* Playing a scenario. */
#ifndef GPCVM_SCENARIO_RUN_H
#define GPCVM_SCENARIO_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "play/outcome.h"
#include "play/scenario.h"

struct play_options {
	bool json, has_seed;
	bool suite; /* a process and a short name each, and a count */
	char seed[32];
	unsigned int limit_s;
	const char *control; /* of a running machine; NULL: none */
	/* gpcvm run --scenario: the machine's options, and the path for its
	 * control socket (NULL: a temporary one). */
	bool given;
	int argc;
	char **argv;
	const char *given_control;
	bool given_agent;
};

/* Play a scenario. The caller has called cancel_block_signals(). */
void scenario_play(const struct scenario *s, const struct play_options *o,
		   struct outcome *out);

/* Handlers of the table's rows. Return 0; -1 after branch_fail(), or when
 * cancelled. */

int run_command(struct branch *b, const struct stmt *s);
int run_need(struct branch *b, const struct stmt *s);
int run_vm(struct branch *b, const struct stmt *s);
int run_expect(struct branch *b, const struct stmt *s);
int run_expect_error(struct branch *b, const struct stmt *s);
int run_expect_disagreement(struct branch *b, const struct stmt *s);
int run_expect_kernel(struct branch *b, const struct stmt *s);
int run_expect_fail(struct branch *b, const struct stmt *s);
int run_repeat(struct branch *b, const struct stmt *s);
int run_parallel(struct branch *b, const struct stmt *s);
int run_wait(struct branch *b, const struct stmt *s);
int run_sleep(struct branch *b, const struct stmt *s);

#endif
