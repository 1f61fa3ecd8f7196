# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Shared by tests/host/demo and tests/lab/demo, which source it and set
# $gpcvm, $boot and $limit (seconds to wait for a guest).
set -u
dir=$(mktemp -d)
sock=$dir/control
vm=

cleanup() {
	[ -z "$vm" ] || kill "$vm" 2>/dev/null
	[ -z "$vm" ] || wait "$vm" 2>/dev/null
	rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

shown=0
say() { printf '  %s\n' "$*"; }
title() { printf '\n%s\n' "$*"; }
pass() { shown=$((shown + 1)) && printf '  ok  %s\n' "$*"; }
die() {
	printf '  FAILED: %s\n' "$*"
	exit 1
}

# Send one command; the reply is in $reply. Ends the demo if it failed.
send() {
	reply=$("$gpcvm" ctl "$sock" "$*") || die "$* -> $reply"
}
# The last field of that name in the reply (the outer one of nested objects).
field() {
	sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p" <<<"$reply"
}

# Start a machine with $boot, which ends in "gpcvm run".
start() {
	"${boot[@]}" --quiet --vcpus 2 "$@" &
	vm=$!
	"$gpcvm" ctl --wait "$limit" "$sock" "guest 1 nop" >/dev/null ||
		die "the guest does not start"
	send status
}

stop() {
	send quit
	wait "$vm" || die "gpcvm ended with status $?"
	vm=
	[ ! -e "$sock" ] || die "the socket is still there"
}

fresh() {
	send check "$1"
	[ "$(field verdict)" = fresh ] || die "$1 is $(field verdict): $reply"
}

# Print the relevant rows of a probe.
offers() {
	grep -E '^ *(yes|no|\?) +(tried|asked) +(kernel|family|guest-memfd|gmem-flags|memory-attributes|kvm-clock|steal-time|xen|mode-)' "$1" |
		cut -c 1-100
	grep '^--memory auto' "$1"
}
