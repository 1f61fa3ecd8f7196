# SPDX-License-Identifier: GPL-2.0-only
#
# libseccomp compiles the filters at build time: at the start of gpcvm, that would
# take longer than the rest of its sandbox.

$(O)/filters/compile: filters/compile.c vmm/host/sandbox.h
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -std=gnu11 $(WARN) -o $@ $< -lseccomp

$(O)/filters/filters.c: $(O)/filters/compile
	$(call say,GEN,$@)
	$(Q)$< >$@.tmp && mv $@.tmp $@

$(O)/filters/filters.o: $(O)/filters/filters.c
	$(call say,CC,$@)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(BASE) -c -o $@ $<
