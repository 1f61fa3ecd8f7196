# SPDX-License-Identifier: GPL-2.0-only
#
# One program per module: tests/unit/test_*.c, with cmocka; the other files are
# shared. They are linked
# dynamically, against an archive of all of gpcvm's objects, so that each links
# only what it tests. `make unit V=1` shows every test.

UNIT_SRCS := $(sort $(wildcard tests/unit/test_*.c))
UNIT_BINS := $(UNIT_SRCS:%.c=$(O)/%)
UNIT_SHARED := $(filter-out tests/unit/test_%,$(wildcard tests/unit/*.c))
UNIT_COUNTS := $(O)/tests/unit/counts

# Created anew each time: ar would keep members whose sources are gone.
$(O)/libgpcvm.a: $(OBJS) $(O)/guest/image.o $(UNIT_SHARED:%.c=$(O)/%.o)
	$(call say,AR,$@)
	$(Q)rm -f $@
	$(Q)$(AR) rcs $@ $^

$(UNIT_BINS): $(O)/tests/unit/%: $(O)/tests/unit/%.o $(O)/libgpcvm.a
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(filter-out -static-pie,$(LINK)) $(LDFLAGS) -o $@ $< \
		$(O)/libgpcvm.a -Wl,--as-needed $(LIBS) -lcmocka

.PHONY: unit unit-build
unit-build: $(UNIT_BINS)

unit: $(UNIT_BINS)
	$(Q)V=$(V) tests/unit/run $(UNIT_COUNTS) $^
