# SPDX-License-Identifier: GPL-2.0-only
#
# libFuzzer targets, tests/fuzz/fuzz_*.c. They need clang; without it both
# targets say so and do nothing. `make fuzz-short FUZZ_SECONDS=600` runs longer.
# Seeds are in tests/fuzz/NAME.seeds. Findings are in build/fuzz/NAME-crash-*: run
# the program with one as its argument to reproduce it.

FUZZ_CC ?= clang
FUZZ_SECONDS ?= 10
# The longest input: more than a line of the control socket, and for kernels a
# Multiboot header at the end of the 8192 bytes where it may be.
FUZZ_LEN := 5000
FUZZ_LEN_fuzz_boot := 8448
FUZZ_SRCS := $(sort $(wildcard tests/fuzz/fuzz_*.c))
FUZZ_BINS := $(FUZZ_SRCS:tests/fuzz/%.c=build/fuzz/%)
FUZZ_FLAGS := -g -O1 -std=gnu11 $(WARN) -pthread -fno-omit-frame-pointer \
	      -fno-sanitize-recover=all -fsanitize=fuzzer-no-link,address,undefined

# An archive of all of gpcvm: a target links only what it uses.
FUZZ_OBJS := $(SRCS:%.c=build/fuzz/obj/%.o)

build/fuzz/obj/%.o: %.c
	$(call say,FUZZ,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(FUZZ_CC) $(CPPFLAGS) $(FUZZ_FLAGS) -MMD -MP -c -o $@ $<

build/fuzz/libgpcvm.a: $(FUZZ_OBJS) $(O)/guest/image.o $(O)/filters/filters.o
	$(Q)rm -f $@
	$(Q)$(AR) rcs $@ $^

build/fuzz/%: tests/fuzz/%.c build/fuzz/libgpcvm.a
	$(call say,FUZZ,$@)
	$(Q)$(FUZZ_CC) $(CPPFLAGS) $(FUZZ_FLAGS) -fsanitize=fuzzer -o $@ $< \
		build/fuzz/libgpcvm.a -Wl,--as-needed $(LIBS)

$(FUZZ_BINS): $(wildcard tests/fuzz/*.h)

-include $(wildcard build/fuzz/obj/*/*.d build/fuzz/obj/*/*/*.d)

.PHONY: fuzz-build fuzz-short
ifneq ($(shell command -v $(FUZZ_CC) 2>/dev/null),)
fuzz-build: $(FUZZ_BINS)

fuzz-short: $(FUZZ_BINS)
	$(Q)for f in $^; do \
		len=$(FUZZ_LEN); \
		case $$f in *fuzz_boot) len=$(FUZZ_LEN_fuzz_boot) ;; esac; \
		echo "  FUZZ    $$f, $(FUZZ_SECONDS) s"; \
		mkdir -p $$f.corpus; \
		$$f -max_total_time=$(FUZZ_SECONDS) -timeout=5 -max_len=$$len \
			-artifact_prefix=$$f- $$f.corpus \
			$$(ls -d tests/fuzz/$${f##*/}.seeds 2>/dev/null) >$$f.log 2>&1 || \
			{ cat $$f.log; exit 1; }; \
		tail -n 1 $$f.log; \
	done
else
fuzz-build fuzz-short:
	@echo "skipped: the fuzzers need clang, and $(FUZZ_CC) is not here"
endif

# Random requests on several connections to a real machine, under sanitizers.
# SEED=N starts with that session; its requests are in build/fuzz afterwards.
.PHONY: fuzz-protocol
fuzz-protocol:
	$(Q)$(MAKE) --no-print-directory SAN=address,undefined build/san/gpcvm
	$(Q)tests/fuzz/protocol --gpcvm build/san/gpcvm \
		--seconds $(FUZZ_SECONDS) $(if $(SEED),--seed $(SEED))
