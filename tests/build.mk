# SPDX-License-Identifier: GPL-2.0-only
#
# `make check` is the developer's loop; `make test` runs everything, and installs
# what it needs. Both end with "N passed, N failed, N skipped".

include tests/unit/build.mk
include tests/fuzz/build.mk
include tests/bench/build.mk
include tests/lab/build.mk
include tests/multiboot/build.mk
include tests/inject/build.mk

.PHONY: deps-build deps-lab deps-test deps-bench host host-short lab lab-kernels matrix matrix-short suite suite-short faults faults-short soak linux mutants lint demo-run check-run test-run

# SKIP_DEPS=1: do not check for packages.
deps-build deps-lab deps-test deps-bench:
	$(Q)$(if $(SKIP_DEPS),:,tests/deps $(@:deps-%=%))

lint:
	$(call say,LINT,clang-format)
	$(Q)clang-format --dry-run --Werror $(C_FILES)
	$(call say,LINT,clang-tidy)
	$(Q)tests/tidy $(O)/tidy $(C_FILES)

# Link the client without the monitor, to check that it does not need it.
$(O)/client: $(O)/libclient.a
	$(call say,LD,$@)
	$(Q)echo 'int main(void) { return 0; }' | $(CC) $(CFLAGS) $(LINK) \
		$(LDFLAGS) -o $@ -x c - -Wl,--whole-archive -x none $< \
		-Wl,--no-whole-archive $(LIBS)

.PHONY: rooms
rooms: $(O)/gpcvm $(O)/client
	$(call say,ROOMS,vmm/rooms)
	$(Q)tests/rooms $(O)

# T="ONE OTHER" chooses the tests that have one of the words in their name.
space	:= $(subst ,, )
PYTEST	= pytest $(if $(V),-v,-q) --gpcvm=$(O)/gpcvm \
	$(if $(T),-k '$(subst $(space), or ,$(strip $(T)))')

host: $(O)/gpcvm $(O)/tests/bench/floor $(MB_IMAGES)
	$(Q)$(PYTEST) -n 3 --counts=$(O)/host.counts tests/host

host-short: $(O)/gpcvm $(MB_IMAGES)
	$(Q)$(PYTEST) -n 1 -m short --counts=$(O)/host.counts tests/host

# Set up first, then run a separate make, so that -j cannot mix the two.
check:
	$(Q)$(MAKE) --no-print-directory deps-test
	$(Q)tests/all check $(O)

test:
	$(Q)$(MAKE) --no-print-directory deps-test
	$(Q)tests/all test $(O)

demo:
	$(Q)$(MAKE) --no-print-directory deps-build
	$(Q)$(MAKE) --no-print-directory $(O)/gpcvm
	$(Q)tests/demo $(O)/gpcvm

bench:
	$(Q)$(MAKE) --no-print-directory deps-bench deps-lab
	$(Q)$(MAKE) --no-print-directory $(O)/gpcvm $(BENCH_BINS) \
		$(O)/tests/lab/agent $(LAB_VMMS)
	$(Q)tests/bench/run --build $(O) $(if $(BEFORE),--before $(BEFORE))
	$(Q)tests/lab/bench --gpcvm $(O)/gpcvm --json $(O)/bench-lab.json

# Build all kernels that `make test` boots, unless cached: minutes, once.
lab-kernels:
	$(Q)for k in debian 'base --lean' 'reference --lean' base reference; do \
		tests/lab/lab build --kernel $$k || exit; \
	done

# The lab builds missing kernels: minutes, once.
lab:
	$(Q)$(MAKE) --no-print-directory deps-lab
	$(Q)$(MAKE) --no-print-directory $(O)/gpcvm $(O)/tests/lab/agent \
		$(O)/tests/lab/emulate $(LAB_VMMS) $(MB_IMAGES)
	$(Q)$(PYTEST) -n 2 --counts=$(O)/lab.counts tests/lab

matrix:
	$(Q)$(MAKE) --no-print-directory deps-lab
	$(Q)$(MAKE) --no-print-directory $(O)/gpcvm $(O)/tests/lab/agent
	$(Q)tests/lab/matrix --gpcvm $(O)/gpcvm $(K)

# Only the kernels on which it takes seconds.
matrix-short: $(O)/gpcvm $(O)/tests/lab/agent
	$(Q)tests/lab/matrix --gpcvm $(O)/gpcvm --counts $(O)/matrix.counts \
		debian lean reference-lean

# The scenarios, on this machine and in the lab. K="host base" chooses.
suite:
	$(Q)$(MAKE) --no-print-directory deps-lab
	$(Q)$(MAKE) --no-print-directory $(O)/gpcvm $(O)/tests/lab/agent
	$(Q)tests/lab/suite --gpcvm $(O)/gpcvm $(K)

suite-short: $(O)/gpcvm $(O)/tests/lab/agent
	$(Q)tests/lab/suite --gpcvm $(O)/gpcvm --counts $(O)/suite.counts \
		$(or $(K),host debian lean reference-lean)

# Every fault of the reference kernel, and the scenarios that find it.
faults:
	$(Q)$(MAKE) --no-print-directory deps-lab
	$(Q)$(MAKE) --no-print-directory $(O)/gpcvm $(O)/tests/lab/agent
	$(Q)tests/lab/faults --gpcvm $(O)/gpcvm $(F) $(K)
	$(Q)GPCVM_BUGS=all $(PYTEST) -n 2 tests/lab/test_bugs.py

faults-short: $(O)/gpcvm $(O)/tests/lab/agent
	$(Q)tests/lab/faults --gpcvm $(O)/gpcvm --counts $(O)/faults.counts \
		--sample $(K)

# Half an hour of storms with the kernel's windows held open.
soak:
	$(Q)$(MAKE) --no-print-directory deps-lab
	$(Q)$(MAKE) --no-print-directory $(O)/gpcvm $(O)/tests/lab/agent
	$(Q)GPCVM=$(O)/gpcvm tests/lab/lab run --kernel reference --kmemleak \
		--timeout 7200 --file tests/lab/soak:/soak -- \
		gpcvm suite --timeout 1200 /soak

# Linux guests on 1, 2 and 4 vCPUs, in every mode of the lab's kernels.
linux:
	$(Q)$(MAKE) --no-print-directory deps-lab
	$(Q)$(MAKE) --no-print-directory $(O)/gpcvm $(O)/tests/lab/agent
	$(Q)tests/lab/linux --gpcvm $(O)/gpcvm $(K)

# A scenario must notice each broken judge.
mutants: $(O)/tests/lab/agent
	$(Q)tests/mutants --counts $(O)/mutants.counts $(K)
