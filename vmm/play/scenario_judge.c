// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <string.h>

#include "base/json_path.h"
#include "base/num.h"
#include "ctl/ctl_render.h"
#include "play/scenario_judge.h"

/* ---- replies ------------------------------------------------------------- */

static bool keep_value(void *arg, const struct json_read *value)
{
	*(struct json_read *)arg = *value;
	return false;
}

/* The value that @path names; false where there is none. */
static bool find_field(const struct reply_text *r, const char *path,
		       struct json_read *value)
{
	return r->text && field_each(r->text, r->n, path, keep_value, value) ==
				  FIELD_STOPPED;
}

static enum reply_kind kind_of(const struct reply_text *r)
{
	struct reply kind = { .kind = REPLY_BAD };

	if (r->text)
		reply_classify(r->text, r->n, &kind);
	return kind.kind;
}

/* What is no whole object with an "ok" that is true has failed as well. */
static bool has_failed(const struct reply_text *r)
{
	return kind_of(r) != REPLY_OK;
}

static void put_error(const struct reply_text *r, char *buf, size_t size)
{
	struct json_read kind, message;
	char k[32] = "", m[400] = "";

	if (find_field(r, "error.kind", &kind))
		json_read_string(&kind, k, sizeof(k));
	if (!k[0]) {
		snprintf(buf, size, "the reply has no error.kind");
		return;
	}
	if (find_field(r, "error.message", &message))
		json_read_string(&message, m, sizeof(m));
	snprintf(buf, size, "%s: %s", k, m);
}

bool judge_reply(const struct reply_text *r, bool may_fail,
		 char why[static JUDGE_WHY])
{
	char error[448];

	if (may_fail || !has_failed(r))
		return true;
	if (kind_of(r) == REPLY_FAILED) {
		put_error(r, error, sizeof(error));
		snprintf(why, JUDGE_WHY, "the command failed: %s", error);
	} else {
		snprintf(why, JUDGE_WHY,
			 "the command failed: expected a JSON object with "
			 "\"ok\", got %zu bytes of something else",
			 r->n);
	}
	return false;
}

/* A command that goes on until it is told to end says what ended it. */
bool judge_ended_by_kernel(const struct reply_text *r)
{
	struct json_read value;

	return find_field(r, "ended_by", &value) &&
	       json_read_is(&value, "kernel");
}

bool judge_error(const struct reply_text *r, const char *want,
		 char why[static JUDGE_WHY])
{
	struct json_read value;
	char error[400];

	if (!has_failed(r)) {
		snprintf(why, JUDGE_WHY,
			 "the command succeeded, expected was error %s", want);
		return false;
	}
	if (find_field(r, "error.kind", &value) && json_read_is(&value, want))
		return true;
	if (find_field(r, "error.errno", &value) && json_read_is(&value, want))
		return true;
	put_error(r, error, sizeof(error));
	snprintf(why, JUDGE_WHY, "expected was error %s, it is %s", want,
		 error);
	return false;
}

static bool is_text(void *arg, const struct json_read *value)
{
	*(struct json_read *)arg = *value;
	return value->last != JSON_STRING;
}

bool judge_agreement(const struct reply_text *r, bool may_disagree,
		     char why[static JUDGE_WHY])
{
	struct json_read value = { 0 };
	char text[400];

	if (may_disagree || !r->text)
		return true;
	field_each_named(r->text, r->n, "disagreement", is_text, &value);
	if (value.last != JSON_STRING)
		return true;
	json_read_string(&value, text, sizeof(text));
	snprintf(why, JUDGE_WHY, "they do not agree: %s", text);
	return false;
}

struct text_search {
	const char *text; /* NULL: any */
	bool any, found, no_memory;
};

static bool is_sought(void *arg, const struct json_read *value)
{
	struct text_search *s = arg;
	enum field_holds holds;

	if (value->last != JSON_STRING)
		return true;
	s->any = true;
	holds = s->text ? field_compare(value, FIELD_HAS, s->text) : FIELD_YES;
	s->found = holds == FIELD_YES;
	s->no_memory |= holds == FIELD_NO_MEMORY;
	return !s->found;
}

bool judge_disagreement(const struct reply_text *r, const char *text,
			char why[static JUDGE_WHY])
{
	struct text_search s = { .text = text };

	if (r->text)
		field_each_named(r->text, r->n, "disagreement", is_sought, &s);
	if (s.found)
		return true;
	if (s.no_memory)
		snprintf(why, JUDGE_WHY, "out of memory to compare");
	else if (s.any)
		snprintf(why, JUDGE_WHY, "no disagreement has \"%.300s\" in it",
			 text);
	else
		snprintf(why, JUDGE_WHY, "there is no disagreement");
	return false;
}

struct compare {
	enum field_op op;
	const char *want;
	struct json_read value; /* the one that does not hold */
	enum field_holds holds;
	unsigned int nr;
};

static bool compare_one(void *arg, const struct json_read *value)
{
	struct compare *c = arg;

	c->nr++;
	c->value = *value;
	c->holds = field_compare(value, c->op, c->want);
	return c->holds == FIELD_YES;
}

bool judge_expect(const struct reply_text *r, const char *path,
		  enum field_op op, const char *want,
		  char why[static JUDGE_WHY])
{
	struct compare c = { .op = op, .want = want };
	static const char *const what[] = {
		[FIELD_YES] = "",
		[FIELD_NO] = "",
		[FIELD_NO_NUMBER] = ", which are not both numbers",
		[FIELD_NO_VALUE] = ", which is no single value",
		[FIELD_NO_MEMORY] = ": out of memory to compare them",
	};

	if (!r->text) {
		snprintf(why, JUDGE_WHY, "there is no reply yet");
		return false;
	}
	switch (field_each(r->text, r->n, path, compare_one, &c)) {
	case FIELD_ALL:
		return true;
	case FIELD_MISSING:
		snprintf(why, JUDGE_WHY, "the reply has no field %.300s", path);
		return false;
	default:
		snprintf(why, JUDGE_WHY,
			 "%.120s is %.*s, expected was %s %.120s%s", path,
			 c.value.len > 120 ? 120 : (int)c.value.len,
			 c.value.text, field_op_name(op), want, what[c.holds]);
		return false;
	}
}

/* ---- the machine and the host -------------------------------------------- */

bool judge_exit(int status, int want, char why[static JUDGE_WHY])
{
	if (status == want)
		return true;
	snprintf(why, JUDGE_WHY,
		 "the machine ended with status %d%s, expected was %d", status,
		 status > 128 ? " (a signal)" : "", want);
	return false;
}

bool judge_failure(bool failed, const char *reason, const char *text,
		   char why[static JUDGE_WHY])
{
	if (failed && strstr(reason, text))
		return true;
	if (failed)
		snprintf(why, JUDGE_WHY,
			 "it was to fail with \"%.100s\", not with: %.350s",
			 text, reason);
	else
		snprintf(why, JUDGE_WHY,
			 "it was to fail with \"%.300s\", and passed", text);
	return false;
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
	bool fine = true;
	int n;

	pthread_mutex_lock(&w->lock);
	for (size_t i = 0; i < w->nr && fine; i++) {
		fine = judge_excused(w, i);
		if (fine)
			continue;
		n = snprintf(why, JUDGE_WHY, "%s: %.360s", what,
			     w->messages[i]);
		if (other[0])
			snprintf(why + n, (size_t)(JUDGE_WHY - n),
				 " (process %s also had a VM: the message may "
				 "be about that one)",
				 other);
	}
	if (fine && w->no_memory) {
		fine = false;
		snprintf(why, JUDGE_WHY,
			 "out of memory for the kernel's messages");
	}
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

	if (!more)
		return true;
	taint_letters(more, letters);
	snprintf(why, JUDGE_WHY,
		 "the kernel is tainted now: %s (/proc/sys/kernel/tainted was "
		 "%lu, is %lu)",
		 letters, before, after);
	return false;
}

bool judge_teardown(const struct teardown_found *f, char why[static JUDGE_WHY])
{
	const char *what = "unevictable";
	long pages = f->unevictable;

	if (teardown_found_pages(f) <= 0)
		return true;
	if (f->unmapped > pages) {
		what = "anonymous, mapped by nobody and not freed,";
		pages = f->unmapped;
	}
	if (f->lost > pages) {
		what = "neither free nor in any counter of the kernel";
		pages = f->lost;
	}
	snprintf(why, JUDGE_WHY,
		 "memory is not given back: %ld pages more are %s than before "
		 "the first machine",
		 pages, what);
	return false;
}

bool judge_vm_gone(bool left, pid_t pid, char why[static JUDGE_WHY])
{
	if (!left)
		return true;
	snprintf(why, JUDGE_WHY,
		 "KVM still has a VM of process %d, which is gone "
		 "(debugfs, kvm/%d-*)",
		 (int)pid, (int)pid);
	return false;
}
