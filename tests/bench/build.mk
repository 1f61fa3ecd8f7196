# SPDX-License-Identifier: GPL-2.0-only
# The floor that gpcvm is compared with (also the guest's own test harness),
# and the client that measures times.

FLOOR_OBJS := $(patsubst %.c,$(O)/%.o,$(wildcard tests/bench/floor*.c))
CLIENT_OBJS := $(patsubst %.c,$(O)/%.o,$(wildcard tests/bench/client*.c))
BENCH_BINS := $(O)/tests/bench/floor $(O)/tests/bench/client

$(O)/tests/bench/floor: $(FLOOR_OBJS)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LINK) $(LDFLAGS) -o $@ $^ -lfdt

$(O)/tests/bench/client: $(CLIENT_OBJS)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LINK) $(LDFLAGS) -o $@ $^
