# SPDX-License-Identifier: GPL-2.0-only
"""An initramfs in memory: nothing on the disk, so nothing to clean up.

The format is "newc" of Documentation/driver-api/early-userspace/
buffer-format.rst. It is not compressed: unpacking under emulation costs more
than copying."""

import os
import stat


class Initramfs:
    def __init__(self):
        self.fd = os.memfd_create("initramfs")
        self.file = os.fdopen(self.fd, "wb")
        self.dirs = set()
        self.inode = 0

    def _entry(self, name, mode, data=b""):
        self.inode += 1
        name = name.encode() + b"\0"
        fields = (self.inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0)
        head = b"070701" + b"".join(b"%08x" % f for f in (*fields, len(name), 0))
        self.file.write(head + name)
        self.file.write(b"\0" * (-(len(head) + len(name)) % 4))
        self.file.write(data)
        self.file.write(b"\0" * (-len(data) % 4))

    def _parents(self, name):
        for i, c in enumerate(name):
            if c == "/" and name[:i] not in self.dirs:
                self.dirs.add(name[:i])
                self._entry(name[:i], stat.S_IFDIR | 0o755)

    def add(self, name, data, mode=0o755):
        """Add a file; @name has no leading slash."""
        self._parents(name)
        self._entry(name, stat.S_IFREG | mode, data)

    def add_file(self, name, path, mode=None):
        with open(path, "rb") as f:
            data = f.read()
        self.add(name, data, mode or os.stat(path).st_mode & 0o777)

    def link(self, name, target):
        self._parents(name)
        self._entry(name, stat.S_IFLNK | 0o777, target.encode())

    def done(self):
        """The file descriptor for QEMU; the caller closes it."""
        self._entry("TRAILER!!!", 0)
        self.file.flush()
        return self.fd

    def close(self):
        self.file.close()
