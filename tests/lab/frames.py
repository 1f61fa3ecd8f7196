# SPDX-License-Identifier: GPL-2.0-only
"""The frames of agent.h, on the side outside the lab."""

import struct

HEAD = 4
MAX = 4096
MAGIC = b"gpcvm-lab "  # begins the bytes of HELLO

ARGS, EXEC, STDIN, SIGNAL, CONNECT, REBOOT = b"A", b"X", b"I", b"K", b"C", b"Q"
WRITE, BEAT = b"W", b"B"
HELLO, STDOUT, STDERR, EXITED, OPENED = b"H", b"O", b"E", b"x", b"c"
DATA = b"D"


def pack(kind, ident, data=b""):
    """Encode one or more frames; splits data that is too long for one."""
    pieces = [data[i : i + MAX] for i in range(0, len(data), MAX)] or [b""]
    return b"".join(
        kind + struct.pack("<BH", ident, len(p)) + p for p in pieces
    )


class Reader:
    """Decode frames from a stream of bytes, however it is split. Bytes before
    the first HELLO are skipped: a firmware or a kernel may write to any
    port."""

    def __init__(self):
        self.rest = b""
        self.open = False

    def feed(self, data):
        """Yield (kind, id, bytes) for every complete frame."""
        self.rest += data
        if not self.open:
            at = self.rest.find(MAGIC)
            if at < HEAD:
                return
            self.open = True
            self.rest = self.rest[at - HEAD :]
        while len(self.rest) >= HEAD:
            ident, size = struct.unpack_from("<BH", self.rest, 1)
            if size > MAX:
                raise ValueError(f"a frame of {size} bytes")
            if len(self.rest) < HEAD + size:
                return
            kind, data = self.rest[:1], self.rest[HEAD : HEAD + size]
            self.rest = self.rest[HEAD + size :]
            yield kind, ident, data
