/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The clock of the benchmark: what a client of the control socket sees, and
 * how long a program takes from its exec. It shares no code with gpcvm.
 */
#ifndef GPCVM_BENCH_CLIENT_H
#define GPCVM_BENCH_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLIENT_IN 65536

struct client {
	int fd;
	const char *want; /* what the last reply of a round must hold */
	size_t at, len;	  /* of what is in @in, taken and there */
	char in[CLIENT_IN];
};

/* client.c */
uint64_t now_ns(void);
_Noreturn void fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* client_socket.c: each prints one JSON object */
void client_open(struct client *c, const char *path);
void client_roundtrip(struct client *c, unsigned int n, char **lines, int nr);
void client_pipeline(struct client *c, unsigned int n, const char *line);
void client_pair(struct client *c, unsigned int n, char **lines);

/* client_spawn.c: the same; returns the exit status of the client */
int client_time(char **argv, bool first_line);

#endif
