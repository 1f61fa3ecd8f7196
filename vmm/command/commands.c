// SPDX-License-Identifier: GPL-2.0-only
#include "base/num.h"
#include "command/commands.h"
#include "command/handlers.h"
#include "storm/storm.h"

static const struct command rows[] = {
	{ "help", "[CMD]", "this table, or one row of it", NULL, 0, 1,
	  cmd_help },
	{ "status", "", "the machine: memory, slots, vCPUs, time", NULL, 0, 0,
	  cmd_status },
	{ "caps", "", "what the host kernel offers, as gpcvm probe tells it",
	  "Asked by the running gpcvm, which has given up its privileges: what only root may "
	  "open shows as missing here and not in gpcvm probe.",
	  0, 0, cmd_caps },
	{ "gpc", "", "every pv page: where it is and what caches it",
	  "\"predicted\" and \"model\" are what gpcvm expects of the caches from the operations "
	  "it has seen. They are never the source of a verdict.",
	  0, 0, cmd_gpc },
	{ "punch", "GPA [LEN]",
	  "give pages back: fallocate(PUNCH_HOLE) on the gmem file",
	  "Without a gmem file: MADV_DONTNEED; in gmem-private that too, on the alias of what is "
	  "shared. The guest reads zeros there afterwards. LEN is one page if it is not given.",
	  1, 2, cmd_punch },
	{ "allocate", "GPA [LEN]",
	  "bring pages in: fallocate() on the gmem file",
	  "Without a gmem file: MADV_POPULATE_WRITE; in gmem-private that too, on the alias of what "
	  "is shared.",
	  1, 2, cmd_allocate },
	{ "attr", "GPA [LEN] private|shared", "KVM_SET_MEMORY_ATTRIBUTES",
	  "Only in mode gmem-private. Private and shared are different pages: content does not "
	  "move from one to the other.",
	  2, 3, cmd_attr },
	{ "prefault", "VCPU GPA [LEN]",
	  "KVM_PRE_FAULT_MEMORY: map pages for the guest", NULL, 2, 3,
	  cmd_prefault },
	{ "poison", "GPA", "memory failure on that page (gpcvm run --poison)",
	  "Through debugfs' hwpoison/corrupt-pfn, or MADV_HWPOISON where that is missing. The "
	  "host loses the page until it reboots, or its pfn is written to hwpoison/unpoison-pfn. "
	  "The kernel logs it, which gives kernel events.",
	  1, 1, cmd_poison },
	{ "slot", "delete|restore|move|close SLOT [GPA]",
	  "change a memslot under live caches",
	  "restore brings a deleted or moved slot back to where it was at the start. A deleted "
	  "slot keeps no place: another can go there, commands then mean that one, and restore is "
	  "refused until it has gone. Attributes belong to a gpa and stay when its slot goes. close is the last close of the gmem file "
	  "behind the slot: all slots on that file lose it for good. Slots with the guest's own "
	  "memory, and files that hold some, are refused.",
	  2, 3, cmd_slot },
	{ "pv", "NAME off|on|move [GPA] [gpa|hva]",
	  "deactivate, activate or move a pv page's cache",
	  "Goes through the guest's own MSR write, or the host's ioctl for pages of Xen. on takes "
	  "the page back to where it was last. gpa and hva say what KVM is given for shinfo and "
	  "vcpuinfoN: where the guest has the page, or where the host has mapped that.",
	  2, 4, cmd_pv },
	{ "poke", "NAME", "make the kernel use that page's cache now",
	  "clockN, vcputimeN, runstateN: KVM_SET_CLOCK, one millisecond ahead, then one KVM_RUN. "
	  "stealN: one KVM_RUN. shinfo: KVM_XEN_HVM_EVTCHN_SEND. vcpuinfoN: an event channel, and the "
	  "clock.",
	  1, 1, cmd_poke },
	{ "check", "NAME|all [nopoke]",
	  "poke, have the guest read the page, and judge it",
	  "Verdicts: fresh (the guest saw data written after the poke), stale (it did not), torn "
	  "(inconsistent), absent (the page cannot be reached), unsupported. \"pfn_changed\" says "
	  "whether another host page is behind it than at the last check, where that can be seen. "
	  "\"disagreement\": it is not what the model of the caches expects. nopoke leaves the page "
	  "as it is, and judges what is there.",
	  1, 2, cmd_check },
	{ "guest", "VCPU OP [ARG]...",
	  "have the guest's agent do something; guest VCPU help lists OP", NULL,
	  2, LINE_MAX_WORDS, cmd_guest },
	{ "vcpu", "VCPU pause|resume|regs|pin [CPU]",
	  "a vCPU's thread and registers",
	  "Reading registers lets the vCPU leave the guest for a moment.", 2, 3,
	  cmd_vcpu },
	{ "mem", "GPA [LEN]", "what the host sees there, where it can see",
	  "Looks without bringing pages in: \"resident\" counts those that were there, others show "
	  "as zeros. In gmem-private that is the shared alias.",
	  1, 2, cmd_mem },
	{ "leak", "GPA|all|NAME [off]",
	  "is that page reachable through the host's direct map?",
	  "present, absent or unknown: the guest plants random words there for a moment, and the "
	  "host searches all of the direct map for them, which takes seconds. all: every pv page "
	  "that is on, and one page of RAM. A page that nobody has touched yet is brought in. off: "
	  "that pv page is switched off meanwhile, while every CPU reads it; present if one of them "
	  "still can afterwards, by what is left in its TLB.",
	  1, 2, cmd_leak },
	{ "delay", "[refresh|invalidate|unmap|all] [USEC]",
	  "widen the windows for races in a kernel that is made for tests",
	  "Up to a second: after a refresh has looked up a page and before it looks at invalidations "
	  "again; inside an invalidation; before what a cache had is unmapped and put. They are the "
	  "kernel's, for all VMs: one gpcvm can set them, and at its end they are what they were. "
	  "\"hits\": how often the window was opened since its delay was set.",
	  0, 2, cmd_delay },
	{ "storm", "for SECONDS|count N [seed N] WORKER...|stop|help",
	  "the same operations in a tight loop, on several threads",
	  "WORKER: [xN] [any] OP [, OP]...; storm help lists OP. A worker is a thread, xN makes it N "
	  "threads, at most 64 in all. Its round are its operations in turn, or with any one of "
	  "them, drawn from the seed. + separates two workers that run free of each other; & "
	  "separates two whose rounds start together. count N: so many rounds of each. Afterwards "
	  "attributes, slots and pv pages are as they were, and every pv page that is on is checked. "
	  "It ends early on storm stop from another connection, when its client goes, when the "
	  "machine ends, and when the host's kernel logs a warning.",
	  1, LINE_MAX_WORDS, cmd_storm },
	{ "record", "FILE|stop",
	  "write down what all clients send, as a scenario, until stop",
	  "The file is there when the recording has ended, by record stop or with the machine, and "
	  "there may be none before. Its lines are in the order in which they came, with verdicts and "
	  "failures as expectations; commands that only look are left out. gpcvm play takes it.",
	  1, 1, cmd_record },
	{ "log", "[N]", "the last N events (20)", NULL, 0, 1, cmd_log },
	{ "subscribe", "[off]",
	  "send events as they happen, a line each, until off",
	  "A client that reads too slowly misses some: \"seq\" then has a gap.",
	  0, 1, cmd_subscribe },
	{ "quit", "[CODE]",
	  "end the machine, cleanly; gpcvm exits with CODE (0)", NULL, 0, 1,
	  cmd_quit },
};

const struct command_table commands = { rows, ARRAY_SIZE(rows) };
