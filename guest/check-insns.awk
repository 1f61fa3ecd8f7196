# SPDX-License-Identifier: GPL-2.0-only
# Reads `objdump -d --no-show-raw-insn` of the guest, and fails on instructions
# that KVM's emulator does not implement, or that use state which the guest does
# not save. objdump -d covers code sections only; symbol names, in <>, are
# ignored.
BEGIN { FS = "\t" }
NF >= 2 && $1 ~ /^ *[0-9a-f]+: *$/ {
	insn = $2
	gsub(/<[^>]*>|#.*/, "", insn)
	nr++
	if (insn ~ /%[xyz]mm[0-9]|%mm[0-7]|%st|%k[0-7]/ ||
	    insn ~ /(^|[^a-z0-9])(int3|int|into|rdtscp|xgetbv|cmpxchg16b)([^a-z0-9]|$)/ ||
	    insn ~ /\(bad\)/) {
		printf "guest: instruction not allowed:%s%s\n", $1, insn
		bad = 1
	}
}
END {
	if (!nr)
		print "guest: no instructions found: is objdump working?"
	exit bad || !nr
}
