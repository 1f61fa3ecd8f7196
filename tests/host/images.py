# SPDX-License-Identifier: GPL-2.0-only
"""Kernel files written by the tests, which gpcvm must refuse."""
import os


def write(lab, name, data):
    path = os.path.join(lab.dir, name)
    with open(path, "wb") as f:
        f.write(data)
    return path


def refused(lab, path, *words, args=(), status=1):
    """Expect a one-line error, no output of a guest, and no socket."""
    socket = os.path.join(lab.dir, "socket")
    for mode in ("--memory", "anon"), ("--memory", "anon", "--bounce"):
        got, out, err = lab.run("run", *mode, "--kernel", path, *args,
                                "--control", socket)
        assert got == status and not out, (got, out, err)
        for w in words:
            assert w in err, (w, err)
        assert len(err.splitlines()) == 1, err
        assert not os.path.lexists(socket), err
