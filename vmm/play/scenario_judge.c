// SPDX-License-Identifier: GPL-2.0-only
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/json_path.h"
#include "base/num.h"
#include "play/scenario_judge.h"

static bool judge_fail(char why[static JUDGE_WHY], const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Write the reason. Returns false. */
static bool judge_fail(char why[static JUDGE_WHY], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, JUDGE_WHY, fmt, ap);
	va_end(ap);
	return false;
}

/* ---- replies ------------------------------------------------------------ */

static void describe_error(const struct reply_text *r, char *buf, size_t size)
{
	char kind[32], message[400];

	reply_string(r, "error.kind", kind, sizeof(kind));
	reply_string(r, "error.message", message, sizeof(message));
	if (kind[0])
		snprintf(buf, size, "%s: %s", kind, message);
	else
		snprintf(buf, size, "the reply has no error.kind");
}

bool judge_reply(const struct reply_text *r, bool may_fail,
		 char why[static JUDGE_WHY])
{
	enum reply_kind kind = reply_kind_of(r);
	char error[448];

	if (may_fail || kind == REPLY_OK)
		return true;
	if (kind != REPLY_FAILED)
		return judge_fail(why,
				  "the command failed: expected a JSON object "
				  "with \"ok\", got %zu bytes of something "
				  "else",
				  r->n);
	describe_error(r, error, sizeof(error));
	return judge_fail(why, "the command failed: %s", error);
}

bool judge_ended_by_kernel(const struct reply_text *r)
{
	struct json_read value;

	return reply_find(r, "ended_by", &value) &&
	       json_read_is(&value, "kernel");
}

bool judge_error(const struct reply_text *r, const char *want,
		 char why[static JUDGE_WHY])
{
	struct json_read value;
	char error[400];

	if (reply_kind_of(r) == REPLY_OK)
		return judge_fail(
			why, "the command succeeded, expected error %s", want);
	if (reply_find(r, "error.kind", &value) && json_read_is(&value, want))
		return true;
	if (reply_find(r, "error.errno", &value) && json_read_is(&value, want))
		return true;
	describe_error(r, error, sizeof(error));
	return judge_fail(why, "expected error %s, got %s", want, error);
}

/* A member "disagreement" that is sought, at any depth. */
struct disagreement {
	const char *text; /* that it has; NULL: any */
	bool any;	  /* there is one */
	bool no_memory;
	struct json_read found;
};

static bool find_disagreement(void *arg, const struct json_read *value)
{
	struct disagreement *d = arg;
	enum field_holds holds;

	if (value->last != JSON_STRING)
		return true;
	d->any = true;
	if (d->text) {
		holds = field_compare(value, FIELD_HAS, d->text);
		d->no_memory |= holds == FIELD_NO_MEMORY;
		if (holds != FIELD_YES)
			return true;
	}
	d->found = *value;
	return false;
}

static bool has_disagreement(const struct reply_text *r, struct disagreement *d)
{
	if (r->text)
		field_each_named(r->text, r->n, "disagreement",
				 find_disagreement, d);
	return d->found.last == JSON_STRING;
}

bool judge_agreement(const struct reply_text *r, bool may_disagree,
		     char why[static JUDGE_WHY])
{
	struct disagreement d = { 0 };
	char text[400];

	if (may_disagree || !has_disagreement(r, &d))
		return true;
	json_read_string(&d.found, text, sizeof(text));
	return judge_fail(why, "disagreement: %s", text);
}

bool judge_disagreement(const struct reply_text *r, const char *text,
			char why[static JUDGE_WHY])
{
	struct disagreement d = { .text = text };

	if (has_disagreement(r, &d))
		return true;
	if (d.no_memory)
		return judge_fail(why, "out of memory to compare");
	if (d.any)
		return judge_fail(
			why, "expected a disagreement with \"%.300s\"", text);
	return judge_fail(why, "expected a disagreement, got none");
}

struct comparison {
	enum field_op op;
	const char *want;
	struct json_read value; /* the one that does not hold */
	enum field_holds holds;
};

static bool compare_value(void *arg, const struct json_read *value)
{
	struct comparison *c = arg;

	c->value = *value;
	c->holds = field_compare(value, c->op, c->want);
	return c->holds == FIELD_YES;
}

bool judge_expect(const struct reply_text *r, const char *path,
		  enum field_op op, const char *want,
		  char why[static JUDGE_WHY])
{
	struct comparison c = { .op = op, .want = want };
	static const char *const causes[] = {
		[FIELD_YES] = "",
		[FIELD_NO] = "",
		[FIELD_NO_NUMBER] = " (not both are numbers)",
		[FIELD_NO_VALUE] = " (not a single value)",
		[FIELD_NO_MEMORY] = " (out of memory to compare them)",
	};
	bool equal = op == FIELD_EQ;

	if (!r->text)
		return judge_fail(why, "there is no reply yet");
	switch (field_each(r->text, r->n, path, compare_value, &c)) {
	case FIELD_ALL:
		return true;
	case FIELD_MISSING:
		return judge_fail(why, "the reply has no field %.300s", path);
	default:
		return judge_fail(why,
				  "%.120s: expected %s%s%.120s, got %.*s%s",
				  path, equal ? "" : field_op_name(op),
				  equal ? "" : " ", want,
				  c.value.len > 120 ? 120 : (int)c.value.len,
				  c.value.text, causes[c.holds]);
	}
}

/* ---- the machine and the host ------------------------------------------- */

bool judge_exit(int status, int want, char why[static JUDGE_WHY])
{
	return status == want ||
	       judge_fail(why,
			  "the machine ended with status %d%s, expected %d",
			  status, status > 128 ? " (a signal)" : "", want);
}

bool judge_failure(bool failed, const char *reason, const char *text,
		   char why[static JUDGE_WHY])
{
	if (!failed)
		return judge_fail(why,
				  "expected a failure with \"%.300s\", but it "
				  "passed",
				  text);
	return strstr(reason, text) ||
	       judge_fail(why,
			  "expected a failure with \"%.100s\", got: %.350s",
			  text, reason);
}

bool judge_excused(const struct watch *w, size_t i)
{
	for (size_t k = 0; k < w->nr_excused; k++)
		if (strstr(w->messages[i], w->excused[k]))
			return true;
	return false;
}

bool judge_kernel(struct watch *w, bool ended, const char *other,
		  char why[static JUDGE_WHY])
{
	const char *what = ended ? "ended by the kernel" : "the kernel reports";
	char note[128] = "";
	bool fine = true;

	if (other[0])
		snprintf(note, sizeof(note),
			 " (process %.24s also had a VM: the message may be "
			 "about that one)",
			 other);
	pthread_mutex_lock(&w->lock);
	for (size_t i = 0; i < w->nr && fine; i++)
		fine = judge_excused(w, i) ||
		       judge_fail(why, "%s: %.360s%s", what, w->messages[i],
				  note);
	if (fine && w->no_memory)
		fine = judge_fail(why,
				  "out of memory for the kernel's messages");
	pthread_mutex_unlock(&w->lock);
	return fine;
}

/* Documentation/admin-guide/tainted-kernels.rst: bit 0 is P, and so on. */
static void taint_letters(unsigned long bits, char *buf)
{
	static const char letters[] = "PFSRMBUDAWCIOELKXTNJ";

	for (unsigned int i = 0; i < sizeof(letters) - 1; i++)
		if (bits & 1UL << i)
			*buf++ = letters[i];
	*buf = 0;
}

bool judge_taint(unsigned long before, unsigned long after,
		 char why[static JUDGE_WHY])
{
	unsigned long more = after & ~before;
	char letters[24];

	taint_letters(more, letters);
	return !more || judge_fail(why,
				   "the kernel is now tainted: %s "
				   "(/proc/sys/kernel/tainted was %lu, is %lu)",
				   letters, before, after);
}

bool judge_teardown(const struct teardown_found *f, char why[static JUDGE_WHY])
{
	const char *what = "unevictable";
	long pages = f->unevictable;

	if (teardown_found_pages(f) <= 0)
		return true;
	if (f->unmapped > pages) {
		what = "anonymous, not mapped and not freed";
		pages = f->unmapped;
	}
	if (f->lost > pages) {
		what = "neither free nor in any counter of the kernel";
		pages = f->lost;
	}
	return judge_fail(why,
			  "memory leaked: %ld more pages than before the first "
			  "machine are %s",
			  pages, what);
}

bool judge_vm_gone(bool left, pid_t pid, char why[static JUDGE_WHY])
{
	return !left || judge_fail(why,
				   "KVM still has a VM of process %d, which "
				   "has exited (debugfs, kvm/%d-*)",
				   (int)pid, (int)pid);
}
