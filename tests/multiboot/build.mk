# SPDX-License-Identifier: GPL-2.0-only
#
# The Multiboot image that the tests boot: image.elf, and image.flat, which is not
# an ELF file but has addresses in its header. 32-bit, freestanding. long.elf
# enters long mode.

MB_CFLAGS := -m32 -march=i686 -std=gnu11 -O2 -g0 $(WARN) -Wno-array-bounds \
	-ffreestanding -fno-builtin -mgeneral-regs-only -fno-pic -fno-pie \
	-fcf-protection=none -fno-stack-protector \
	-fno-asynchronous-unwind-tables -fno-common -MMD -MP
# nmagic: no padding to pages, so that the header is in the first 8192 bytes.
MB_LDFLAGS := -m32 -nostdlib -static -no-pie -Wl,--build-id=none \
	-Wl,--nmagic -Wl,-z,noexecstack
MB_DIR	:= $(O)/tests/multiboot
MB_SRCS := $(wildcard tests/multiboot/*.c tests/multiboot/*.S)
MB_OBJS := $(MB_SRCS:tests/multiboot/%=$(MB_DIR)/%.o)
MB_FLAT := $(MB_SRCS:tests/multiboot/%=$(MB_DIR)/%.flat.o)
MB_LONG := $(MB_DIR)/long/start.S.o $(MB_DIR)/long/main.c.o \
	$(MB_DIR)/long/print.c.o
MB_IMAGES := $(MB_DIR)/image.elf $(MB_DIR)/image.flat $(MB_DIR)/long.elf

$(MB_DIR)/%.flat.o: tests/multiboot/%
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(MB_CFLAGS) -DFLAT -c -o $@ $<

$(MB_DIR)/%.o: tests/multiboot/%
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(MB_CFLAGS) -c -o $@ $<

$(MB_DIR)/image.elf: $(MB_OBJS) tests/multiboot/image.ld
	$(call say,LD,$@)
	$(Q)$(CC) $(MB_LDFLAGS) -T tests/multiboot/image.ld -o $@ $(MB_OBJS)

$(MB_DIR)/flat.elf: $(MB_FLAT) tests/multiboot/image.ld
	$(Q)$(CC) $(MB_LDFLAGS) -T tests/multiboot/image.ld -o $@ $(MB_FLAT)

$(MB_DIR)/image.flat: $(MB_DIR)/flat.elf
	$(call say,COPY,$@)
	$(Q)$(OBJCOPY) -O binary $< $@

# The same for long mode, then converted to a 32-bit ELF file.
MB_TO_LONG = $(patsubst -m32,-m64 -mno-red-zone,$(filter-out -march=%,$(1)))

$(MB_DIR)/long/%.o: tests/multiboot/long/%
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(call MB_TO_LONG,$(MB_CFLAGS)) -c -o $@ $<

$(MB_DIR)/long/print.c.o: tests/multiboot/print.c
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(call MB_TO_LONG,$(MB_CFLAGS)) -c -o $@ $<

$(MB_DIR)/long.elf: $(MB_LONG) tests/multiboot/long/image.ld
	$(call say,LD,$@)
	$(Q)$(CC) $(call MB_TO_LONG,$(MB_LDFLAGS)) \
		-T tests/multiboot/long/image.ld -o $@.64 $(MB_LONG)
	$(Q)$(OBJCOPY) -O elf32-i386 $@.64 $@

.PHONY: multiboot
multiboot: $(MB_IMAGES)
