# SPDX-License-Identifier: GPL-2.0-only
"""Linux as the guest of gpcvm run --kernel: the lab's own kernel, as its
bzImage and as the vmlinux inside, and a busybox initramfs whose /init
describes the machine."""

import lzma
import os
import re
import shutil
import struct
import zlib

import debian
import initramfs
import kernels
import lib

# Paths in the lab. The bzImage is where --guest linux looks for it.
BZIMAGE = "/" + kernels.GUEST
VMLINUX = "/guest/vmlinux"
DEBIAN = "/guest/debian"  # as distributions build them: modules, KASLR, zstd
NEWEST = "/guest/newest"
INITRD = "/guest/initrd"
MORE = "/guest/more"  # a second archive, with one file
MORE_TEXT = "from the second archive"
APPEND = "console=ttyS0 quiet oops=panic panic=-1"

# Words of the command line select what /init does at the end, and whether it
# prints the tree. Tests read the lines with "is".
INIT = r"""#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t devtmpfs dev /dev; mount -t proc proc /proc; mount -t sysfs sys /sys
exec </dev/console >/dev/console 2>&1
echo "init is there"
echo "clock is $(cat /sys/devices/system/clocksource/clocksource0/current_clocksource)"
echo "nproc is $(nproc)"
echo "warnings is $(dmesg | grep -c '] WARNING: ')"
echo "memory is $(sed -n 's/MemTotal: *//p' /proc/meminfo)"
[ -e /more ] && echo "more is $(cat /more)"
for word in $(cat /proc/cmdline); do case $word in
tree)
	cd /proc/device-tree
	find . -type f ! -name name | while read f; do
		echo "property is $(md5sum <"$f" | cut -c-32) $f"
	done
	echo "model is $(cat model)" ;;
ask)
	echo "ask is ready"
	read a b
	echo "answer is $((a * b))" ;;
shell)
	exec setsid cttyhack sh ;;
restart)
	reboot -f ;;
esac; done
poweroff -f
"""

_made = {}


def _memfd(name, data):
    """A file that needs no removal; its path is valid while this process
    runs."""
    fd = os.memfd_create(name)
    with os.fdopen(os.dup(fd), "wb") as f:
        f.write(data)
    return f"/proc/self/fd/{fd}"


def _archive(fill):
    image = initramfs.Initramfs()
    fill(image)
    path = f"/proc/self/fd/{image.done()}"
    _made[path] = image  # keeps it open
    return path


def _busybox(image):
    image.add_file("bin/busybox", shutil.which("busybox"), 0o755)
    for name in ("dev", "proc", "sys"):
        image.add(f"{name}/.keep", b"")
    image.add("init", INIT.encode())


def unpack(bzimage):
    """The vmlinux in a bzImage (Documentation/arch/x86/boot.rst, payload_offset)."""
    with open(bzimage, "rb") as f:
        image = f.read()
    at, length = struct.unpack_from("<II", image, 0x248)
    at += ((image[0x1F1] or 4) + 1) * 512
    packed = image[at:at + length]
    # What follows the stream is its unpacked length.
    if packed.startswith(b"\xfd7zXZ"):
        return lzma.LZMADecompressor().decompress(packed)
    assert packed.startswith(b"\x1f\x8b"), f"{bzimage}: packed as {packed[:6]}"
    return zlib.decompressobj(31).decompress(packed)


def files():
    """The extra files of a box, in addition to linux=True."""
    if "files" not in _made:
        bzimage = kernels.guest_file().partition(":")[0]
        _made["files"] = (
            f"{_memfd('vmlinux', unpack(bzimage))}:{VMLINUX}",
            f"{kernels.get('debian').image}:{DEBIAN}",
            f"{_archive(_busybox)}:{INITRD}",
            f"{_archive(lambda i: i.add('more', MORE_TEXT.encode()))}:{MORE}",
        )
    return _made["files"]


def box(lab, kernel="lean", newest=False):
    """@newest: with Debian's newest kernel, which may have to be fetched."""
    extra = files()
    if newest:
        try:
            extra += (f"{kernels.newest().image}:{NEWEST}",)
        except debian.Unreachable as e:
            raise lib.Skip(f"Debian's newest kernel is not in the cache: {e}") from None
    return lab.box(kernel, linux=True, extra=extra)


def command(*args, kernel=BZIMAGE, words="", mem="128M"):
    """@args: the memory mode and the like; @words: for /init."""
    return ["gpcvm", "run", "--quiet", "--mem", mem, *args, "--kernel", kernel,
            "--initrd", INITRD, "--append", f"{APPEND} {words}".strip()]


def said(out):
    """Parse the lines "X is Y" to {X: Y}; the last one counts."""
    return dict(re.findall(r"^(\w+) is (.*?)\r?$", out, re.M))


def properties(out):
    """{path: md5} of the properties that /init found in /proc/device-tree."""
    return {path: md5 for md5, path in
            re.findall(r"^property is (\w{32}) \.(.*?)\r?$", out, re.M)}


def tree(blob):
    """{path: value} of all properties of a flattened tree (Devicetree
    Specification 0.4, chapter 5)."""
    structs, strings = struct.unpack_from(">II", blob, 8)
    found, path, at = {}, [], structs

    def text(where):
        return blob[where:blob.index(b"\0", where)].decode()
    while True:
        token, = struct.unpack_from(">I", blob, at)
        at += 4
        if token == 1:  # begins a node
            path.append(text(at))
            at += len(path[-1]) + 4 & ~3
        elif token == 2:
            path.pop()
        elif token == 3:
            length, name = struct.unpack_from(">II", blob, at)
            where = "/".join([*path, text(strings + name)])
            found[where] = blob[at + 8:at + 8 + length]
            at += 8 + length + 3 & ~3
        elif token == 9:
            return found
