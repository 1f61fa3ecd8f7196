/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef GPCVM_RUN_H
#define GPCVM_RUN_H

/* Run `gpcvm run ...` and return the exit status. */
int run_main(int argc, char **argv);

#endif
