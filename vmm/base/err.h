/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Errors as values. A function that can fail takes a struct err as its last
 * argument; on failure it fills it and returns -1, on success it returns 0 (or
 * another result that is not negative). The kinds are those of the control
 * protocol, so an error travels from an ioctl to a client unchanged.
 */
#ifndef GPCVM_ERR_H
#define GPCVM_ERR_H

enum err_kind {
	ERR_NONE,
	ERR_USAGE,	 /* the request is malformed */
	ERR_RANGE,	 /* a number or an address is out of bounds */
	ERR_STATE,	 /* not possible in the machine's present state */
	ERR_UNSUPPORTED, /* not supported by this kernel, or in this mode */
	ERR_KVM,	 /* KVM refused, or the guest took an exception */
	ERR_OS,		 /* another system call failed */
};

struct err {
	enum err_kind kind;
	int os_errno; /* or 0 */
	char msg[384];
};

/* The protocol's name for a kind, e.g. "unsupported". */
const char *err_kind_name(enum err_kind kind);

/* "EINVAL" for EINVAL; NULL for 0. */
const char *err_errno_name(int os_errno);

/* Fill @e, which may be NULL, and return -1. @os_errno is 0 or a positive
 * errno, whose description is appended to the message. */
int err_set(struct err *e, enum err_kind kind, int os_errno, const char *fmt,
	    ...) __attribute__((format(printf, 4, 5)));

/* Lets the compiler see that the macros below return -1. */
static inline int err_minus_one(int r)
{
	(void)r;
	return -1;
}

#define err_usage(e, ...) err_minus_one(err_set(e, ERR_USAGE, 0, __VA_ARGS__))
#define err_range(e, ...) err_minus_one(err_set(e, ERR_RANGE, 0, __VA_ARGS__))
#define err_state(e, ...) err_minus_one(err_set(e, ERR_STATE, 0, __VA_ARGS__))
#define err_unsupported(e, ...)                                                \
	err_minus_one(err_set(e, ERR_UNSUPPORTED, 0, __VA_ARGS__))
#define err_kvm(e, en, ...) err_minus_one(err_set(e, ERR_KVM, en, __VA_ARGS__))
#define err_os(e, en, ...)  err_minus_one(err_set(e, ERR_OS, en, __VA_ARGS__))

/* Print "gpcvm: <message>" on stderr. For people; a protocol never reads it.
 * Does not block while a machine runs: out.h. */
void warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void warn_err(const struct err *e);
/* Print whole lines that belong to a message, without the prefix. */
void warn_lines(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
