# SPDX-License-Identifier: GPL-2.0-only
#
# libFuzzer targets, tests/fuzz/fuzz_*.c. They need clang; without it both
# targets say so and do nothing. `make fuzz-short FUZZ_SECONDS=600` runs longer.
# What a fuzzer finds is in build/fuzz/NAME-crash-*: give it to the program as
# its argument to see it again.

FUZZ_CC ?= clang
FUZZ_SECONDS ?= 10
FUZZ_SRCS := $(sort $(wildcard tests/fuzz/fuzz_*.c))
FUZZ_BINS := $(FUZZ_SRCS:tests/fuzz/%.c=build/fuzz/%)
FUZZ_FLAGS := -g -O1 -std=gnu11 $(WARN) -pthread -fno-omit-frame-pointer \
	      -fno-sanitize-recover=all -fsanitize=fuzzer,address,undefined

# The sources that the targets reach; they need neither KVM nor libraries.
FUZZ_DEPS := $(addprefix vmm/,err.c num.c json.c text.c jsonread.c ctl_args.c \
	       ctl_render.c ctl_value.c ctl_table.c ctl_list.c)

build/fuzz/%: tests/fuzz/%.c $(FUZZ_DEPS) $(wildcard vmm/*.h)
	$(call say,FUZZ,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(FUZZ_CC) $(CPPFLAGS) $(FUZZ_FLAGS) -o $@ $< $(FUZZ_DEPS)

.PHONY: fuzz-build fuzz-short
ifneq ($(shell command -v $(FUZZ_CC) 2>/dev/null),)
fuzz-build: $(FUZZ_BINS)

fuzz-short: $(FUZZ_BINS)
	$(Q)for f in $^; do \
		echo "  FUZZ    $$f, $(FUZZ_SECONDS) s"; \
		mkdir -p $$f.corpus; \
		$$f -max_total_time=$(FUZZ_SECONDS) -timeout=5 -max_len=5000 \
			-artifact_prefix=$$f- $$f.corpus >$$f.log 2>&1 || \
			{ cat $$f.log; exit 1; }; \
		tail -n 1 $$f.log; \
	done
else
fuzz-build fuzz-short:
	@echo "skipped: the fuzzers need clang, and $(FUZZ_CC) is not here"
endif
