# SPDX-License-Identifier: GPL-2.0-only
"""The messages of this host's kernel, which any process may cause."""
import functools
import os

import lib

ATTEMPTS = 10


class Kmsg:
    """The kernel's messages from now on, read the way gpcvm does."""

    def __init__(self):
        try:
            self.fd = os.open("/dev/kmsg", os.O_RDWR | os.O_NONBLOCK)
        except OSError as e:
            raise lib.Skip(f"/dev/kmsg: {e.strerror}") from None
        os.lseek(self.fd, 0, os.SEEK_END)
        self.kernel = {True: [], False: []}     # level: WARNING or worse

    def read(self):
        """-> new messages of the kernel, of WARNING level or worse."""
        while True:
            try:
                record = os.read(self.fd, 8192).decode(errors="replace")
            except BlockingIOError:
                return self.kernel[True]
            prefix, text = record.split(";", 1)
            prio = int(prefix.split(",")[0])
            if prio < 8:
                self.kernel[prio <= 4].append(text.split("\n")[0])

    def write(self, text):
        os.write(self.fd, text.encode())


def kernel_warns(lab, kmsg):
    """Make the kernel warn: some KVMs do when a guest dies."""
    for _ in range(5):
        m = lab.machine("--memory", "anon", "--no-guard")
        m.ok("guest 0 nop")
        m.ok("slot delete 0")
        m.client.send("guest 0 nop\n")
        m.wait()
        if kmsg.read():
            return
    raise lib.Skip("nothing makes this kernel write a warning")


def undisturbed(fn):
    """Repeat a test if the kernel warned meanwhile, about anything on this
    host: a warning ends every storm and fails every scenario."""
    def test(lab):
        for left in reversed(range(ATTEMPTS)):
            kmsg = Kmsg()
            own = type(lab)(lab.gpcvm)  # leave nothing of the previous attempt
            try:
                fn(own)
                own.close()
                return
            except lib.Skip:
                own.cleanup()
                raise
            except Exception:
                said = own.cleanup()
                if not left or not kmsg.read():
                    print("\n".join(said))
                    raise
    return functools.update_wrapper(test, fn)


def undisturb(names):
    """All tests of a module; @names are its globals()."""
    for name, fn in list(names.items()):
        if name.startswith("test_") and callable(fn):
            names[name] = undisturbed(fn)
