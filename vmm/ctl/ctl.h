/* SPDX-License-Identifier: GPL-2.0-only */
/* `gpcvm ctl`: the client of the control socket. */
#ifndef GPCVM_CTL_H
#define GPCVM_CTL_H

/* Run `gpcvm ctl`; argv[0] is the subcommand's name.
 * Returns the exit status. */
int ctl_main(int argc, char **argv);

#endif
