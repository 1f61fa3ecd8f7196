# SPDX-License-Identifier: GPL-2.0-only
#
# gpcvm with tests/inject/inject.c between it and libc: see there, and
# tests/inject/run. Each WRAP() is a function that can fail on demand.

INJECT_BIN := $(O)/tests/inject/gpcvm
INJECT_NAMES := $(shell sed -n 's/^WRAP[A-Z_]*.\([a-z0-9_]*\),.*/\1/p' \
	tests/inject/inject.c) syscall asprintf

$(INJECT_BIN): $(O)/vmm/main.o $(OBJS) $(O)/guest/image.o \
		$(O)/tests/inject/inject.o
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LINK) $(LDFLAGS) $(INJECT_NAMES:%=-Wl,--wrap=%) \
		-o $@ $^ $(LIBS)

.PHONY: inject inject-all inject-short
# M=30: stop after 30 minutes; the first calls of each kind come first. SEED=1:
# random order.
inject:
	$(Q)$(MAKE) --no-print-directory deps-test
	$(Q)$(MAKE) --no-print-directory SAN=address,undefined inject-all

inject-all: $(INJECT_BIN) $(MB_IMAGES)
	$(Q)tests/inject/run --gpcvm $(INJECT_BIN) --out build/inject \
		$(if $(M),--minutes $(M)) $(if $(SEED),--seed $(SEED))

inject-short: $(INJECT_BIN) $(MB_IMAGES)
	$(Q)tests/inject/run --gpcvm $(INJECT_BIN) --out build/inject --short \
		--counts $(O)/inject.counts
