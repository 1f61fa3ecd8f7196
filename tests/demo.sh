# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# What the demos share, sourced by them: tests/host/demo, tests/lab/demo. They
# set $gpcvm, $boot and $limit (seconds to wait for a guest).
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
	printf '  NOT SO: %s\n' "$*"
	exit 1
}

# Send one command; the reply is in $reply. Ends the demo if it failed.
send() {
	reply=$("$gpcvm" ctl "$sock" "$*") || die "$* -> $reply"
}
# A field of the reply: the last of that name (of nested objects, the outer).
field() {
	sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p" <<<"$reply"
}

# Start a machine with $boot, which ends in "gpcvm run".
start() {
	"${boot[@]}" --quiet --vcpus 2 "$@" &
	vm=$!
	"$gpcvm" ctl --wait "$limit" "$sock" "guest 1 nop" >/dev/null ||
		die "the guest does not come up"
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

# The rows of a probe that matter here.
offers() {
	grep -E '^ *(yes|no|\?) +(tried|asked) +(kernel|family|guest-memfd|gmem-flags|memory-attributes|kvm-clock|steal-time|xen|mode-)' "$1" |
		cut -c 1-100
	grep '^--memory auto' "$1"
}
