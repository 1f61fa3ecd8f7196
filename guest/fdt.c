// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads the device tree, once. libfdt checks the header and decodes fields, but
 * the structure block is walked here: libfdt's walker takes about forty
 * instructions for each byte of a node's name and over a hundred for a
 * property. Where KVM emulates every instruction, a boot of two vCPUs took 35
 * ms with it and takes 6 ms without (Devicetree Specification 0.3, 5.4).
 */
#include <libfdt.h>

#include "guest.h"

enum prop {
	PROP_UNSEEN, /* a name that was not looked up yet */
	PROP_OTHER,
	PROP_BOOTARGS,
	PROP_COMPATIBLE,
	PROP_DEVICE_TYPE,
	PROP_MODEL,
	PROP_MSR,
	PROP_PRIVATE,
	PROP_REG,
	PROP_VCPU,
	NR_PROPS
};

struct value {
	const char *data; /* NULL: no such property, and len is undefined */
	uint32_t len;
};

/* Each property's length, followed by its name and data; NULL: none. */
struct node {
	const fdt32_t *v[NR_PROPS];
};

static inline struct value value_of(const struct node *n, enum prop p)
{
	const fdt32_t *at = n->v[p];

	if (!at)
		return (struct value){ NULL, 0 };
	return (struct value){ (const char *)(at + 2), fdt32_to_cpu(*at) };
}

#define SEEN_ROOM 256

/* enum prop by the name's offset in the strings block, where each name is
 * unique */
static uint8_t seen[SEEN_ROOM];

struct tree {
	const char *fdt;
	struct machine *m;
	const fdt32_t *p, *end; /* in the structure block */
	const char *strings;
	uint32_t strings_len;
	bool again; /* a pv page preceded the vCPU areas: walk again */
};

static _Noreturn void malformed(const struct tree *t)
{
	panic_with("device tree: malformed at offset",
		   (uint64_t)((const char *)t->p - t->fdt));
}

/* The builtin compares words inline; a string includes its terminator. */
#define IS(data, len, string)                                                  \
	((len) >= sizeof(string) &&                                            \
	 !__builtin_memcmp(data, string, sizeof(string)))

static enum prop look_up(const struct tree *t, uint32_t nameoff)
{
	const char *s = t->strings + nameoff;
	uint32_t left = t->strings_len - nameoff;

	if (nameoff >= t->strings_len)
		malformed(t);
	/* The names differ early: one comparison suffices. */
	switch (*s) {
	case 'r':
		return IS(s, left, "reg") ? PROP_REG : PROP_OTHER;
	case 'c':
		return IS(s, left, "compatible") ? PROP_COMPATIBLE : PROP_OTHER;
	case 'd':
		return IS(s, left, "device_type") ? PROP_DEVICE_TYPE
						  : PROP_OTHER;
	case 'b':
		return IS(s, left, "bootargs") ? PROP_BOOTARGS : PROP_OTHER;
	case 'm':
		return IS(s, left, "model") ? PROP_MODEL : PROP_OTHER;
	case 'g':
		if (IS(s, left, "gpcvm,vcpu"))
			return PROP_VCPU;
		if (IS(s, left, "gpcvm,msr"))
			return PROP_MSR;
		return IS(s, left, "gpcvm,private") ? PROP_PRIVATE : PROP_OTHER;
	}
	return PROP_OTHER;
}

static __attribute__((noinline, cold)) uint8_t learn_name(const struct tree *t,
							  uint32_t nameoff)
{
	uint8_t prop = look_up(t, nameoff);

	if (nameoff < SEEN_ROOM)
		seen[nameoff] = prop;
	return prop;
}

/*
 * @p is after the tag. Returns where the next tag is. If the length is too
 * large this is beyond the end; the walk checks that before it reads on.
 */
static inline const fdt32_t *read_prop(const struct tree *t, const fdt32_t *p,
				       struct node *n)
{
	uint64_t nameoff = fdt32_to_cpu(p[1]);
	uint8_t prop = nameoff < SEEN_ROOM ? seen[nameoff] : PROP_UNSEEN;

	if (prop == PROP_UNSEEN)
		prop = learn_name(t, (uint32_t)nameoff);
	n->v[prop] = p;
	return p + 2 + (fdt32_to_cpu(p[0]) + 3ULL) / 4;
}

static inline const fdt32_t *skip_name(struct tree *t, const fdt32_t *p)
{
	/* Four bytes at a time: the name ends at the first zero byte. */
	while (p < t->end) {
		uint32_t v = *p++;

		if ((v - 0x01010101) & ~v & 0x80808080)
			return p;
	}
	t->p = p;
	malformed(t);
}

struct range {
	uint64_t base, size;
};

static struct range range_of(const struct tree *t, const struct node *n,
			     uint32_t i)
{
	const struct value reg = value_of(n, PROP_REG);
	const fdt64_t *cell = (const fdt64_t *)(const void *)(reg.data + i);

	if (!reg.data || reg.len < i + 16)
		malformed(t);
	/* Properties are only aligned to 4 bytes, which the CPU allows. */
	return (struct range){ fdt64_to_cpu(cell[0]), fdt64_to_cpu(cell[1]) };
}

static void read_memory(struct tree *t, const struct node *n)
{
	const struct value reg = value_of(n, PROP_REG);

	for (uint32_t i = 0; reg.data && i < reg.len; i += 16) {
		struct range r = range_of(t, n, i);

		t->m->ram += r.size;
		if (n->v[PROP_PRIVATE])
			t->m->ram_private += r.size;
	}
}

/* Read a memory range that the guest needs before it can map anything. */
static void read_reserved(const struct tree *t, const struct node *n,
			  const char *what, uint64_t *base, uint64_t *end)
{
	struct range r = range_of(t, n, 0);

	if (r.base % 4096 || r.size > MAP_STATIC ||
	    r.base > MAP_STATIC - r.size)
		panic_with(what, r.base);
	*base = r.base;
	*end = r.base + r.size;
}

struct percpu *percpu_of(const struct machine *m, uint32_t index)
{
	return (struct percpu *)(m->areas + (uint64_t)index * VCPU_AREA_SIZE);
}

static uint32_t cell_of(const struct tree *t, const struct node *n, enum prop p)
{
	const struct value v = value_of(n, p);

	if (!v.data || v.len != 4)
		malformed(t);
	return fdt32_to_cpu(*(const fdt32_t *)(const void *)v.data);
}

/* Read a page that the guest sets up: each vCPU writes its MSRs at its
 * start. */
static void read_pv(struct tree *t, const struct node *n)
{
	uint32_t vcpu = cell_of(t, n, PROP_VCPU), i = 0;
	uint32_t msr = cell_of(t, n, PROP_MSR);
	struct range r = range_of(t, n, 0);
	struct machine *m = t->m;
	struct percpu *pc;

	if (!m->areas_end) {
		t->again = true;
		return;
	}
	pc = percpu_of(m, vcpu);
	if ((uint64_t)(pc + 1) > m->areas_end)
		panic_with("device tree: no area for gpcvm,vcpu", vcpu);
	/* It may be in the list already: the tree may be walked twice. */
	while (i < pc->nr_msrs && pc->msrs[i].index != msr)
		i++;
	if (i == PV_MSRS)
		panic_with("device tree: too many gpcvm,msr for vCPU", vcpu);
	pc->msrs[i] = (struct pv_msr){ msr, r.base | 1 };
	if (i == pc->nr_msrs)
		pc->nr_msrs++;
}

static void read_chosen(const struct tree *t, const struct value *v)
{
	const char *s = v->data, *end = s + v->len;

	/* Words separated by blanks; the value ends with a zero byte. */
	while (s < end) {
		const char *word = s;

		while (s < end && *s && *s != ' ')
			s++;
		if (s - word >= 6 && !__builtin_memcmp(word, "guest=", 6)) {
			t->m->guest = word + 6;
			t->m->guest_len = (uint32_t)(s - word) - 6;
		}
		s++;
	}
}

static void read_compatible(struct tree *t, const struct node *n)
{
	const struct value v = value_of(n, PROP_COMPATIBLE);
	struct machine *m = t->m;

	if (IS(v.data, v.len, "gpcvm,page-tables"))
		read_reserved(t, n,
			      "device tree: page-tables beyond 64M:", &m->pool,
			      &m->pool_end);
	else if (IS(v.data, v.len, "gpcvm,vcpu-areas"))
		read_reserved(t, n,
			      "device tree: vcpu-areas beyond 64M:", &m->areas,
			      &m->areas_end);
	else if (IS(v.data, v.len, "ns16550a"))
		m->has_serial = true;
}

/* The root names the machine, by its model or else by its compatible string. */
static void read_root(const struct tree *t, const struct node *n)
{
	struct value v = value_of(n, PROP_MODEL);

	if (!v.data)
		v = value_of(n, PROP_COMPATIBLE);
	if (v.data && v.len && !v.data[v.len - 1])
		t->m->model = v.data;
}

/* Use the properties of a node, all of which were read. */
static inline void read_node(struct tree *t, const struct node *n,
			     uint32_t depth)
{
	struct value v;

	if (n->v[PROP_MSR])
		read_pv(t, n);
	else if (n->v[PROP_COMPATIBLE])
		read_compatible(t, n);
	if (n->v[PROP_DEVICE_TYPE]) {
		v = value_of(n, PROP_DEVICE_TYPE);
		if (IS(v.data, v.len, "cpu"))
			t->m->nr_cpus++;
		else if (IS(v.data, v.len, "memory"))
			read_memory(t, n);
	}
	if (n->v[PROP_BOOTARGS]) {
		v = value_of(n, PROP_BOOTARGS);
		read_chosen(t, &v);
	}
	if (depth == 1)
		read_root(t, n);
}

/* @p is after FDT_BEGIN_NODE. Returns the first tag that is not a property. */
static const fdt32_t *walk_node(struct tree *t, const fdt32_t *p,
				uint32_t depth)
{
	const fdt32_t *end = t->end;
	struct node n;

	p = skip_name(t, p);
#pragma GCC unroll 16
	for (int i = 0; i < NR_PROPS; i++)
		n.v[i] = NULL;
	for (;;) {
		while (p < end && *p == cpu_to_fdt32(FDT_PROP))
			p = read_prop(t, p + 1, &n);
		if (p >= end || *p != cpu_to_fdt32(FDT_NOP))
			break;
		p++;
	}
	t->p = p;
	if (p >= end)
		malformed(t);
	read_node(t, &n, depth);
	return p;
}

static void walk_tree(struct tree *t)
{
	const fdt32_t *p = t->p, *end = t->end;
	uint32_t depth = 0;

	while (p < end) {
		fdt32_t tag = *p++;

		if (tag == cpu_to_fdt32(FDT_BEGIN_NODE))
			p = walk_node(t, p, ++depth);
		else if (tag == cpu_to_fdt32(FDT_END_NODE) && depth)
			depth--;
		else if (tag == cpu_to_fdt32(FDT_END) && !depth)
			return;
		else if (tag != cpu_to_fdt32(FDT_NOP))
			break;
	}
	t->p = p;
	malformed(t);
}

static void walk_from_start(struct tree *t)
{
	t->p = (const void *)(t->fdt + fdt_off_dt_struct(t->fdt));
	t->end = t->p + fdt_size_dt_struct(t->fdt) / 4;
	t->m->nr_cpus = 0;
	t->m->ram = 0;
	t->m->ram_private = 0;
	walk_tree(t);
}

void fdt_read(struct machine *m, const void *fdt)
{
	struct tree t = { .fdt = fdt, .m = m };
	int err = fdt_check_header(fdt);

	if (err)
		panic_with("device tree: bad header, libfdt error -",
			   (uint64_t)-err);
	if (fdt_version(fdt) < 17)
		panic_with("device tree: too old, version", fdt_version(fdt));
	t.strings = t.fdt + fdt_off_dt_strings(fdt);
	t.strings_len = fdt_size_dt_strings(fdt);
	walk_from_start(&t);
	if (t.again && m->areas_end)
		walk_from_start(&t);
	if (!m->nr_cpus)
		panic_with("device tree: no cpu in it, at", (uint64_t)fdt);
	if (m->areas_end - m->areas < (uint64_t)m->nr_cpus * VCPU_AREA_SIZE)
		panic_with("device tree: vcpu-areas too small, bytes",
			   m->areas_end - m->areas);
}
