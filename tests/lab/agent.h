/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How the lab outside (tests/lab/machine.py) and its agent inside the booted
 * kernel (agent.c) talk: frames over the second serial port, which every
 * kernel with an 8250 driver has.
 *
 * A frame is a type, an id, a little-endian 16-bit length, and so many bytes.
 * The id is chosen outside and names a process or a connection until its
 * FRAME_EXITED or its last FRAME_DATA of length 0 has come.
 */
#ifndef GPCVM_LAB_AGENT_H
#define GPCVM_LAB_AGENT_H

#include <stddef.h>
#include <sys/types.h>

#define FRAME_HEAD    4
#define FRAME_MAX     4096
#define FRAME_IDS     256

/* From outside. */
#define FRAME_ARGS    'A' /* a part of argv, each word ended by a NUL */
#define FRAME_EXEC    'X' /* start that */
#define FRAME_STDIN   'I' /* bytes; none: end of file */
#define FRAME_SIGNAL  'K' /* one byte: the signal */
#define FRAME_CONNECT 'C' /* path of a Unix socket */
#define FRAME_WRITE   'W' /* path, NUL, what to write; as EXEC, but no output */
#define FRAME_REBOOT  'Q'
#define FRAME_BEAT    'B' /* nothing but the interrupt that it comes with */

/* From inside. */
#define FRAME_HELLO   'H' /* the first: HELLO_MAGIC, the kernel's release */
#define HELLO_MAGIC   "gpcvm-lab "
#define FRAME_STDOUT  'O'
#define FRAME_STDERR  'E'
#define FRAME_EXITED  'x' /* 32 bits: as from wait(2), or 1 << 31 | errno */
#define FRAME_OPENED  'c' /* 32 bits: 0 or errno */

/* Both ways, on a connection; none: it is closed. */
#define FRAME_DATA    'D'

/* ---- inside: agent_child.c ---------------------------------------------- */

/* Run the command with these words, each ended by a NUL; its pid, and our ends of
 * the pipes at its 0, 1 and 2. 0 or an errno. */
int agent_start_child(char *words, size_t len, pid_t *pid, int fd[3]);

/* ---- inside: agent_setup.c ---------------------------------------------- */

#define WORKDIR "/out" /* where commands run */

/* @what and errno, to the console. */
void agent_say(const char *what);
/* Reboot, which the lab's QEMU (-no-reboot) takes for the end. */
_Noreturn void agent_leave(void);
void agent_mount(void);
void agent_load_modules(void);
/* Keep KVM and its tracepoint in use: the kernel patches no text for them while
 * the lab runs. */
void agent_hold_kvm(void);
/* A serial port for bytes as they are; -1 and a message. */
int agent_open_port(const char *path);
/* A prompt on a port of its own; the machine ends with it. */
void agent_start_shell(void);

#endif
