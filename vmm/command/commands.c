// SPDX-License-Identifier: GPL-2.0-only
#include "base/num.h"
#include "command/commands.h"
#include "command/handlers.h"
#include "storm/storm.h"

static const struct command command_rows[] = {
	{ "help", "[CMD]", "list the commands, or describe one", NULL, 0, 1,
	  cmd_help },
	{ "status", "", "show the machine: memory, slots, vCPUs, time", NULL, 0,
	  0, cmd_status },
	{ "caps", "", "report what the host kernel supports, like gpcvm probe",
	  "The running gpcvm checks, without the privileges that it has dropped: what only root may "
	  "open is missing here, but not in gpcvm probe.",
	  0, 0, cmd_caps },
	{ "gpc", "", "list the pv pages, with their place and type of cache",
	  "\"predicted\" and \"model\" are the state that gpcvm expects of the caches after the "
	  "operations it has seen. No verdict depends on them.",
	  0, 0, cmd_gpc },
	{ "punch", "GPA [LEN]",
	  "free pages: fallocate(PUNCH_HOLE) on the gmem file",
	  "Without a gmem file: MADV_DONTNEED. In gmem-private also MADV_DONTNEED on the alias of "
	  "shared pages. The guest then reads zeros. LEN defaults to one page.",
	  1, 2, cmd_punch },
	{ "allocate", "GPA [LEN]",
	  "allocate pages: fallocate() on the gmem file",
	  "Without a gmem file: MADV_POPULATE_WRITE. In gmem-private also MADV_POPULATE_WRITE on the "
	  "alias of shared pages.",
	  1, 2, cmd_allocate },
	{ "attr", "GPA [LEN] private|shared", "KVM_SET_MEMORY_ATTRIBUTES",
	  "Only in mode gmem-private. Private and shared memory are different pages: a conversion "
	  "does not copy the content.",
	  2, 3, cmd_attr },
	{ "prefault", "VCPU GPA [LEN]",
	  "KVM_PRE_FAULT_MEMORY: map pages for the guest", NULL, 2, 3,
	  cmd_prefault },
	{ "poison", "GPA", "memory failure on that page (gpcvm run --poison)",
	  "Uses debugfs' hwpoison/corrupt-pfn, or MADV_HWPOISON without it. The host loses the page "
	  "until it reboots or the pfn is written to hwpoison/unpoison-pfn. The kernel logs the "
	  "failure, which causes kernel events.",
	  1, 1, cmd_poison },
	{ "slot", "delete|restore|move|close SLOT [GPA]",
	  "change a memslot under live caches",
	  "restore returns a deleted or moved slot to its initial place. The place of a deleted slot "
	  "is free: another slot can be moved there, commands then use that one, and restore fails "
	  "until it is gone. Attributes belong to a gpa and survive the slot. close closes the last "
	  "descriptor of the gmem file behind the slot: all slots on that file lose it for good. "
	  "Slots with the guest's own memory, and files that hold some, are refused.",
	  2, 3, cmd_slot },
	{ "pv", "NAME off|on|move [GPA] [gpa|hva]",
	  "deactivate, activate or move a pv page's cache",
	  "Uses the guest's own MSR write, or the host's ioctl for Xen pages. on activates the page "
	  "at its last place. gpa or hva, for shinfo and vcpuinfoN, selects which address KVM gets: "
	  "the guest's, or that of the host's mapping.",
	  2, 4, cmd_pv },
	{ "poke", "NAME", "make the kernel use that page's cache now",
	  "clockN, vcputimeN, runstateN: KVM_SET_CLOCK, one millisecond ahead, then one KVM_RUN. "
	  "stealN: one KVM_RUN. shinfo: KVM_XEN_HVM_EVTCHN_SEND. vcpuinfoN: an event channel and the "
	  "clock.",
	  1, 1, cmd_poke },
	{ "check", "NAME|all [nopoke]",
	  "poke, have the guest read the page, and judge it",
	  "Verdicts: fresh (the guest read data written after the poke), stale (older data), torn "
	  "(inconsistent data), absent (the page cannot be reached), unsupported. \"pfn_changed\" "
	  "tells whether the host page changed since the last check, if known. \"disagreement\" "
	  "is set if the model of the caches expected another result. nopoke judges the page as it "
	  "is.",
	  1, 2, cmd_check },
	{ "guest", "VCPU OP [ARG]...",
	  "run an operation of the guest's agent; guest VCPU help lists OP",
	  NULL, 2, LINE_MAX_WORDS, cmd_guest },
	{ "vcpu", "VCPU pause|resume|regs|pin [CPU]",
	  "control a vCPU's thread, or show its registers",
	  "regs makes the vCPU leave the guest for a moment.", 2, 3, cmd_vcpu },
	{ "mem", "GPA [LEN]", "show memory as the host reads it, where it can",
	  "Does not fault in pages: \"resident\" counts those present, others read as zeros. In "
	  "gmem-private the host reads the shared alias.",
	  1, 2, cmd_mem },
	{ "leak", "GPA|all|NAME [off]",
	  "check whether a page is reachable through the host's direct map",
	  "Result: present, absent or unknown. The guest writes random words to the page for a moment, "
	  "and the host searches the whole direct map for them, which takes seconds. all: every "
	  "active pv page and one page of RAM. Pages that were never touched are faulted in. off: "
	  "switch the pv page off while every CPU reads it; present if one of them can still read it "
	  "afterwards, through its TLB.",
	  1, 2, cmd_leak },
	{ "delay", "[refresh|invalidate|unmap|all] [USEC]",
	  "widen the windows for races in a kernel built for tests",
	  "At most a second. refresh: after a refresh has looked up a page and before it checks for "
	  "invalidations again. invalidate: inside an invalidation. unmap: before a cache's old page "
	  "is unmapped and put. The delays apply to all VMs; one gpcvm at a time can set them, and "
	  "it restores them at its end. \"hits\": how often the window was entered since its delay "
	  "was set.",
	  0, 2, cmd_delay },
	{ "storm", "for SECONDS|count N [seed N] WORKER...|stop|help",
	  "run operations in a tight loop on several threads",
	  "WORKER: [xN] [any] OP [, OP]...; storm help lists OP. A worker is one thread, or N threads "
	  "with xN, at most 64 in all. Each round runs the operations in order, or one at random with "
	  "any, drawn from the seed. + separates independent workers; & separates workers whose "
	  "rounds start together. count N: N rounds of each. Afterwards attributes, slots and pv "
	  "pages are restored, and every active pv page is checked. A storm ends early on storm stop "
	  "from another connection, when its client disconnects, when the machine ends, and when the "
	  "host kernel logs a warning.",
	  1, LINE_MAX_WORDS, cmd_storm },
	{ "record", "FILE|stop",
	  "record the requests of all clients as a scenario, until stop",
	  "The file, which must not exist, is written when the recording ends: by record stop or with "
	  "the machine. It has the requests in their order of arrival, with verdicts and failures as "
	  "expectations. Read-only commands are not recorded. gpcvm play replays it.",
	  1, 1, cmd_record },
	{ "log", "[N]", "show the last N events (default: 20)", NULL, 0, 1,
	  cmd_log },
	{ "subscribe", "[off]",
	  "send events as they happen, one per line, until off",
	  "A client that reads too slowly misses events: \"seq\" then has a gap.",
	  0, 1, cmd_subscribe },
	{ "quit", "[CODE]",
	  "end the machine cleanly; gpcvm exits with CODE (default: 0)", NULL,
	  0, 1, cmd_quit },
};

const struct command_table commands = { command_rows,
					ARRAY_SIZE(command_rows) };
