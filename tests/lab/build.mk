# SPDX-License-Identifier: GPL-2.0-only
#
# The lab's agent: one static file for any initramfs.

$(O)/tests/lab/agent: tests/lab/agent.c tests/lab/agent.h
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(BASE) -static -o $@ $<
