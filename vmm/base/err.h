/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Errors as values. A function that can fail takes a struct err as its last
 * argument, fills it and returns -1; it returns 0 (or something useful that
 * is not negative) when it succeeds. The kinds are those of the control
 * protocol, so that an error travels from an ioctl to a client unchanged.
 */
#ifndef GPCVM_ERR_H
#define GPCVM_ERR_H

enum err_kind {
	ERR_NONE,
	ERR_USAGE,	 /* the request is malformed */
	ERR_RANGE,	 /* a number or an address is outside what is allowed */
	ERR_STATE,	 /* not now: the machine is in no state for it */
	ERR_UNSUPPORTED, /* this kernel or this mode has no such thing */
	ERR_KVM,	 /* KVM refused, or the guest took an exception */
	ERR_OS,		 /* another system call failed */
};

struct err {
	enum err_kind kind;
	int os_errno; /* 0 where no errno belongs to it */
	char msg[384];
};

/* The protocol's word for a kind, e.g. "unsupported". */
const char *err_kind_name(enum err_kind kind);

/* "EINVAL" for EINVAL; NULL for 0. */
const char *err_errno_name(int os_errno);

/* Fill @e and return -1. @os_errno is 0 or a positive errno; where it is not
 * 0, ": <strerror>" is appended to the message. @e may be NULL. */
int err_set(struct err *e, enum err_kind kind, int os_errno, const char *fmt,
	    ...) __attribute__((format(printf, 4, 5)));

/* So that the compiler knows what these return. */
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

/* "gpcvm: <message>" on stderr; for a person, never for a protocol. While a
 * machine runs it never blocks: out.h. */
void complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void complain_err(const struct err *e);
/* The same for whole lines, as they are: what belongs to a message. */
void complain_lines(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
