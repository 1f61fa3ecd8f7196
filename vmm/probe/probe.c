// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <getopt.h>
#include <string.h>
#include <unistd.h>

#include "base/num.h"
#include "kvm/device.h"
#include "probe/probe_row.h"

#ifndef GPCVM_VERSION
#define GPCVM_VERSION "unknown"
#endif

static const char default_dev[] = "/dev/kvm";

static void fill_row(const struct probe_def *d, const struct probe_ctx *c,
		     struct probe_row *r)
{
	r->name = d->name;
	if (c->kvm >= 0 || !d->needs_kvm) {
		d->fill(c, r);
		return;
	}
	row_set(r, PROBE_UNKNOWN, false, "not tried");
	row_why(r, "no KVM: " SEE_ROW "kvm");
}

/* Fill in all rows, or only the row named @only. */
static void fill_rows(struct probe *p, const struct probe_ctx *c,
		      const char *only)
{
	const struct probe_group *g;
	const struct probe_def *d;
	unsigned int i;

	for (i = 0; (g = probe_group(i)); i++) {
		for (d = g->defs; d < g->defs + g->nr; d++) {
			if (only && strcmp(only, d->name) != 0)
				continue;
			if (p->nr == PROBE_MAX)
				return;
			fill_row(d, c, &p->rows[p->nr++]);
		}
	}
}

/* A single row cannot refer to another: copy the reason from that row. */
static void resolve_reference(struct probe_row *r, const struct probe_ctx *c)
{
	char *see = strstr(r->detail, SEE_ROW);
	struct probe other = { 0 };

	if (!see)
		return;
	fill_rows(&other, c, see + strlen(SEE_ROW));
	if (!other.nr)
		return;
	*see = '\0';
	row_add(r->detail, sizeof(r->detail), "%s%s%s", other.rows[0].value,
		*other.rows[0].detail ? ": " : "", other.rows[0].detail);
}

int probe_run(struct probe *p, const char *dev, const char *only, struct err *e)
{
	struct err why = { 0 };
	struct probe_ctx c = { .dev = dev, .why = &why };

	memset(p, 0, sizeof(*p));
	c.kvm = kvm_open_device(dev, &why);
	if (c.kvm >= 0)
		gmem_offer_get(c.kvm, NULL, &c.offer);
	fill_rows(p, &c, only);
	if (only && p->nr)
		resolve_reference(&p->rows[0], &c);
	if (c.kvm < 0) {
		p->family = "unknown";
		if (e)
			*e = why;
		return -1;
	}
	close(c.kvm);
	p->family = gmem_family_names[c.offer.family];
	p->best_mode = probe_best_mode(p);
	return 0;
}

void probe_json(const struct probe *p, struct json *j)
{
	static const char *const states[] = {
		[PROBE_YES] = "yes",
		[PROBE_NO] = "no",
		[PROBE_UNKNOWN] = "unknown",
	};
	const struct probe_row *r;

	json_str(j, "family", p->family);
	if (p->best_mode)
		json_str(j, "auto", p->best_mode);
	else
		json_null(j, "auto");
	json_array(j, "rows");
	for (r = p->rows; r < p->rows + p->nr; r++) {
		json_object(j, NULL);
		json_str(j, "name", r->name);
		json_str(j, "state", states[r->state]);
		json_bool(j, "tried", r->tried);
		json_str(j, "value", r->value);
		json_str(j, "use", r->use);
		json_str(j, "detail", r->detail);
		json_object_end(j);
	}
	json_array_end(j);
}

static int print_json(const struct probe *p, const struct err *e)
{
	const char *text;
	struct json j;
	int r = 0;

	json_init(&j);
	json_object(&j, NULL);
	json_bool(&j, "ok", !e);
	probe_json(p, &j);
	if (e) {
		json_object(&j, "error");
		json_str(&j, "kind", err_kind_name(e->kind));
		if (e->os_errno)
			json_str(&j, "errno",
				 err_errno_name(e->os_errno) ?: "unknown");
		json_str(&j, "message", e->msg);
		json_object_end(&j);
	}
	json_object_end(&j);
	text = json_text(&j);
	if (text)
		puts(text);
	else
		r = -1;
	json_free(&j);
	if (r < 0)
		warn("out of memory for the JSON text");
	return r;
}

static void probe_usage(FILE *f)
{
	fprintf(f,
		"Usage: gpcvm probe [--json] [--device PATH]\n"
		"Report what this kernel supports, what is missing and what "
		"would help.\n"
		"The host is not changed: features are tested on scratch VMs.\n"
		"\n"
		"  --json         one JSON object instead of the table\n"
		"  --device PATH  KVM's device (default: %s)\n"
		"  --help         print this and exit\n"
		"  --version      print the version and exit\n"
		"\n"
		"In the table, tried: tested by gpcvm; asked: as reported by "
		"KVM or the kernel.\n"
		"Exit status: 0 KVM is usable; 1 it is not (the table is "
		"printed anyway),\n"
		"or the output could not be written; 2 usage error.\n",
		default_dev);
}

struct probe_options {
	bool json;
	const char *dev;
};

static int wrong_usage(char **argv, int got)
{
	const char *arg = argv[optind - 1];

	if (got == ':')
		warn("probe: %s needs a value (see gpcvm probe --help)", arg);
	else if (optopt > ' ' && optopt < 0x7f)
		warn("probe: unknown option -%c (see gpcvm probe --help)",
		     optopt);
	else
		warn("probe: unknown option \"%s\", or it takes no value "
		     "(see gpcvm probe --help)",
		     arg);
	return 2;
}

/* Return -1 to continue, or the exit status. */
static int parse_probe_options(int argc, char **argv, struct probe_options *o)
{
	enum { JSON = 256, DEVICE, HELP, VERSION };
	static const struct option longs[] = {
		{ "json", no_argument, NULL, JSON },
		{ "device", required_argument, NULL, DEVICE },
		{ "help", no_argument, NULL, HELP },
		{ "version", no_argument, NULL, VERSION },
		{ NULL, 0, NULL, 0 },
	};
	int got;

	optind = 0; /* reinitialize getopt_long(), see getopt(3) */
	opterr = 0;
	while ((got = getopt_long(argc, argv, ":", longs, NULL)) != -1) {
		switch (got) {
		case JSON:
			o->json = true;
			break;
		case DEVICE:
			o->dev = optarg;
			break;
		case HELP:
			probe_usage(stdout);
			return 0;
		case VERSION:
			puts("gpcvm " GPCVM_VERSION);
			return 0;
		default:
			return wrong_usage(argv, got);
		}
	}
	if (!*o->dev) {
		warn("probe: --device: the path is empty (default: %s)",
		     default_dev);
		return 2;
	}
	if (optind == argc)
		return -1;
	warn("probe: unexpected argument \"%s\" (see gpcvm probe --help)",
	     argv[optind]);
	return 2;
}

int probe_main(int argc, char **argv)
{
	struct probe_options o = { .dev = default_dev };
	int status = parse_probe_options(argc, argv, &o);
	struct err e = { 0 };
	struct probe p;

	if (status < 0) {
		status = probe_run(&p, o.dev, NULL, &e) < 0 ? 1 : 0;
		if (!o.json)
			probe_print(stdout, &p, status ? &e : NULL);
		else if (print_json(&p, status ? &e : NULL) < 0)
			status = 1;
	}
	if (fflush(stdout) || ferror(stdout)) {
		warn("probe: writing to stdout: %s (is the disk full?)",
		     strerror(errno));
		return 1;
	}
	return status;
}
