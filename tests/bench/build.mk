# SPDX-License-Identifier: GPL-2.0-only
# The floor that gpcvm is measured against; also the guest's own test harness.

FLOOR_OBJS := $(patsubst %.c,$(O)/%.o,$(wildcard tests/bench/floor*.c))

$(O)/tests/bench/floor: $(FLOOR_OBJS)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LINK) $(LDFLAGS) -o $@ $^ -lfdt
