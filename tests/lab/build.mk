# SPDX-License-Identifier: GPL-2.0-only
#
# The lab's agent: one static file for any initramfs.

LAB_AGENT := tests/lab/agent.c tests/lab/agent_setup.c

$(O)/tests/lab/agent: $(LAB_AGENT) tests/lab/agent.h
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(BASE) -static -o $@ $(LAB_AGENT)

# A VM of its own, for what the machine does not do.
$(O)/tests/lab/emulate: tests/lab/emulate.c vmm/abi.h
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(BASE) -static -o $@ $<
