# SPDX-License-Identifier: GPL-2.0-only
#
# The tiny guest: freestanding, with its own flags, one ELF file, embedded in
# gpcvm as image.o. The host's CFLAGS and sanitizers do not apply.

OBJDUMP	?= objdump
OBJCOPY	?= objcopy

GUEST_SRCS := $(wildcard guest/*.c) \
	      $(filter-out guest/image.S,$(wildcard guest/*.S))
GUEST_OBJS := $(GUEST_SRCS:%=$(O)/%.o)

# mgeneral-regs-only: other registers are not saved, and the emulator of some KVMs
# does not support the instructions that use them.
GUEST_CFLAGS := -std=gnu11 -O2 -g0 $(WARN) -Iguest -I. -ffreestanding \
	-fno-builtin -mgeneral-regs-only -mno-red-zone -fno-pic -fno-pie \
	-mcmodel=small -fcf-protection=none -fno-stack-protector \
	-fno-asynchronous-unwind-tables -fno-common -ffunction-sections \
	-MMD -MP
GUEST_LDFLAGS := -nostdlib -static -no-pie -Wl,--build-id=none \
	-Wl,-z,max-page-size=4096 -Wl,-z,noexecstack -Wl,--gc-sections \
	-Wl,--orphan-handling=error -Wl,--no-eh-frame-hdr

$(O)/guest/%.c.o: guest/%.c
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(GUEST_CFLAGS) -c -o $@ $<

$(O)/guest/%.S.o: guest/%.S
	$(call say,AS,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(GUEST_CFLAGS) -c -o $@ $<

$(O)/guest/guest.ld: guest/guest.ld guest/doorbell.h
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -E -P -x c -Iguest -o $@ $<

$(O)/guest/guest.elf: $(GUEST_OBJS) $(O)/guest/guest.ld guest/check-insns.awk
	$(call say,LD,$@)
	$(Q)$(CC) $(GUEST_LDFLAGS) -T $(O)/guest/guest.ld -o $@.tmp \
		$(GUEST_OBJS) -lfdt
	$(Q)$(OBJDUMP) -d --no-show-raw-insn -j .text $@.tmp >$@.dis
	$(Q)$(OBJDUMP) -d --no-show-raw-insn -M i386 -j .loader -j .entry \
		$@.tmp >>$@.dis
	$(Q)awk -f guest/check-insns.awk $@.dis
	$(Q)mv $@.tmp $@

# guest.elf keeps its symbols, for addr2line; gpcvm embeds the stripped one.
$(O)/guest/guest.stripped: $(O)/guest/guest.elf
	$(Q)$(OBJCOPY) --strip-all $< $@

$(O)/guest/image.o: guest/image.S $(O)/guest/guest.stripped $(O)/linux/agent
	$(call say,AS,$<)
	$(Q)$(CC) -DGUEST_IMAGE='"$(O)/guest/guest.stripped"' \
		-DLINUX_AGENT='"$(O)/linux/agent"' -c -o $@ $<
