# SPDX-License-Identifier: GPL-2.0-only
#
# The agent under Linux: one static file, embedded in gpcvm. It is
# position-independent so that the kernel loads it far above guest memory, which
# it maps at its guest physical addresses.

LINUX_SRCS := $(wildcard guest/linux/*.c) guest/agent.c guest/clockwatch.c \
	guest/pv.c guest/ops_memory.c guest/ops_canary.c guest/ops_secret.c \
	guest/ops_xen.c guest/doorbell.S
LINUX_OBJS := $(LINUX_SRCS:%=$(O)/linux/%.o)
LINUX_CFLAGS := -std=gnu11 -O2 -g0 $(WARN) -D_GNU_SOURCE -DGUEST_LINUX \
	-Iguest -I. -fPIE -pthread -fno-common -MMD -MP

$(O)/linux/%.o: %
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(LINUX_CFLAGS) -c -o $@ $<

$(O)/linux/agent: $(LINUX_OBJS)
	$(call say,LD,$@)
	$(Q)$(CC) -static-pie -pthread -s -o $@ $^

-include $(LINUX_OBJS:.o=.d)
