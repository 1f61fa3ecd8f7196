# SPDX-License-Identifier: GPL-2.0-only
#
# gpcvm. `make help` lists the targets. Everything is built under build/.
#
# CC, CFLAGS, LDFLAGS, DESTDIR, PREFIX are honoured; V=1 shows the commands;
# SAN=address,undefined builds with sanitizers (into build/san, others into
# build/san-NAME), dynamically linked: their runtimes cannot be linked statically.

CC	?= gcc
CFLAGS	?= -O2 -g
PREFIX	?= /usr/local
comma	:= ,
O	:= build$(if $(SAN),/san$(if $(filter-out address$(comma)undefined,$(SAN)),-$(subst $(comma),-,$(SAN))))
Q	:= $(if $(V),,@)
say	= $(if $(V),@:,@printf '  %-7s %s\n' $(1) $(2))

WARN	:= -Wall -Wextra -Werror -Wmissing-prototypes -Wstrict-prototypes \
	   -Wpointer-arith -Wvla -Wshadow -Wundef \
	   -Wno-gnu-variable-sized-type-not-at-end
VERSION	:= 0.1
CPPFLAGS += -D_GNU_SOURCE -Ivmm -I. -DGPCVM_VERSION='"$(VERSION)"'
BASE	:= -std=gnu11 $(WARN) -pthread -fno-common -MMD -MP
ifdef SAN
CPPFLAGS += -DGPCVM_SANITIZED
BASE	+= -fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer \
	-fno-inline -fno-optimize-sibling-calls # all functions are in a stack
LINK	:= -fsanitize=$(SAN) -pthread
else
# Without optimization glibc only warns that it cannot fortify.
BASE	+= -fPIE -fstack-protector-strong $(if $(filter -O1 -O2 -O3 -Os,$(CFLAGS)), \
	   -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
HARDEN	:= -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack
LINK	:= -static-pie -pthread $(HARDEN) -Wl,--compress-debug-sections=zlib
endif
LIBS	:= -lfdt -lcap

SRCS	:= $(filter-out vmm/main.c,$(wildcard vmm/*.c vmm/*/*.c)) $(wildcard devices/*.c)
OBJS	:= $(SRCS:%.c=$(O)/%.o) $(O)/filters/filters.o
# Rooms that run without a machine, and the rooms below them: vmm/rooms. They form
# one archive, the monitor another, which may use the first.
CLIENT_ROOMS := base config kvm host boot probe ctl play
CLIENT	:= $(filter $(foreach r,$(CLIENT_ROOMS),$(O)/vmm/$(r)/%),$(OBJS)) \
	$(O)/filters/filters.o $(O)/guest/image.o
MONITOR	:= $(filter-out $(O)/vmm/run.o $(CLIENT),$(OBJS))

.PHONY: all demo check test bench install clean format lint help deps
all: $(O)/gpcvm

include filters/build.mk
include guest/build.mk
include guest/linux/build.mk
include tests/build.mk

# Created anew each time: ar would keep members whose sources are gone.
$(O)/libmonitor.a: $(MONITOR)
$(O)/libclient.a: $(CLIENT)
$(O)/libmonitor.a $(O)/libclient.a:
	$(call say,AR,$@)
	$(Q)rm -f $@
	$(Q)$(AR) rcs $@ $^

$(O)/gpcvm: $(O)/vmm/main.o $(O)/vmm/run.o $(O)/libmonitor.a $(O)/libclient.a
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LINK) $(LDFLAGS) -o $@ $^ $(LIBS)

$(O)/%.o: %.c
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(BASE) -c -o $@ $<

install: $(O)/gpcvm
	install -D -m 755 $(O)/gpcvm $(DESTDIR)$(PREFIX)/bin/gpcvm
	$(Q)for m in docs/*.[1-9]; do \
		install -D -m 644 $$m $(DESTDIR)$(PREFIX)/share/man/man$${m##*.}/$${m##*/} || exit; \
	done

clean:
	rm -rf build

C_FILES	= $(wildcard vmm/*.[ch] vmm/*/*.[ch] devices/*.[ch] filters/*.c guest/*.[ch] guest/linux/*.[ch] tests/*/*.[ch])

format:
	clang-format -i $(C_FILES)

help:
	@echo 'all      build/gpcvm, one static file'
	@echo 'demo     set up, build, and show what gpcvm does on this machine'
	@echo '         LAB=1: in the lab, on a kernel with private memory and a fault'
	@echo 'check    the developer loop: build, format, unit tests, a short host test'
	@echo 'test     set up, build, and run every test (also under sanitizers)'
	@echo 'lab      the tests that need a kernel of their own, in the lab'
	@echo 'matrix   every pv page through every event, on every kernel of the lab'
	@echo 'suite    the scenarios, on this machine and on the kernels of the lab'
	@echo 'faults   whether each fault of the reference kernel is found, and by what'
	@echo 'soak     half an hour of storms on the reference kernel, its windows held open'
	@echo 'inject   failure injection: each call fails in turn, under sanitizers; M=30: minutes'
	@echo 'linux    Linux guests in the lab, on 1, 2 and 4 vCPUs in every memory mode'
	@echo 'mutants  whether the scenarios notice a broken judge'
	@echo 'fuzz-protocol  random requests to a machine under sanitizers'
	@echo 'rooms    whether the rooms of vmm/ depend one way: vmm/rooms'
	@echo 'lint     clang-format and clang-tidy'
	@echo 'multiboot  build the image that the tests boot with --kernel'
	@echo 'bench    ratios against bare ioctls and QEMU; in the lab: two kernels, Linux'
	@echo 'install  into $$DESTDIR$$PREFIX'
	@echo 'format   rewrite the sources in the project style'
	@echo 'clean    remove build/'

-include $(wildcard $(O)/*/*.d $(O)/*/*/*.d)
