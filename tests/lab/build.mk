# SPDX-License-Identifier: GPL-2.0-only
#
# The lab's agent: one static file for any initramfs.

LAB_AGENT := tests/lab/agent.c tests/lab/agent_child.c tests/lab/agent_setup.c

$(O)/tests/lab/agent: $(LAB_AGENT) tests/lab/agent.h
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(BASE) -static -o $@ $(LAB_AGENT)

# Measures how long VMMs take to a guest's /init, and that /init.
LAB_VMMS := $(O)/tests/lab/stopwatch $(O)/tests/lab/init

$(O)/tests/lab/stopwatch: tests/lab/stopwatch.c
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(BASE) -static -o $@ $<

$(O)/tests/lab/init: tests/lab/init.c
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -O2 -std=gnu11 $(WARN) -ffreestanding -fno-stack-protector \
		-fcf-protection=none -fno-pie -fno-asynchronous-unwind-tables \
		-static -nostdlib -no-pie -Wl,--build-id=none -Wl,-z,noseparate-code \
		-s -o $@ $<

# A separate VM, for tests that the machine does not cover.
$(O)/tests/lab/emulate: tests/lab/emulate.c vmm/kvm/abi.h
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(BASE) -static -o $@ $<
