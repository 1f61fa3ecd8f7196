# SPDX-License-Identifier: GPL-2.0-only
"""The frames between the lab and its agent, and those of a hostile agent."""

import os
import tarfile

import frames
import session


def test_frames_cut_anywhere_are_put_together(lab):
    data = (b"SeaBIOS says hello\r\n"
            + frames.pack(frames.HELLO, 0, frames.MAGIC + b"6.12")
            + frames.pack(frames.STDOUT, 7, b"x" * (frames.MAX + 1))
            + frames.pack(frames.EXITED, 7, bytes(4)))
    for step in (1, 3, 5000):
        r = frames.Reader()
        got = [f for i in range(0, len(data), step)
               for f in r.feed(data[i : i + step])]
        assert got == [
            (frames.HELLO, 0, frames.MAGIC + b"6.12"),
            (frames.STDOUT, 7, b"x" * frames.MAX),
            (frames.STDOUT, 7, b"x"),
            (frames.EXITED, 7, bytes(4)),
        ]


def test_a_frame_that_is_too_long_is_an_error(lab):
    r = frames.Reader()
    list(r.feed(frames.pack(frames.HELLO, 0, frames.MAGIC)))
    try:
        list(r.feed(b"O\0\xff\xff"))
    except ValueError as e:
        assert "65535" in str(e)
    else:
        raise AssertionError("it was taken")


def test_files_from_inside_stay_in_their_directory(lab):
    def place(name, kind=tarfile.REGTYPE):
        info = tarfile.TarInfo(name)
        info.type = kind
        return session._safe(info, lab.dir)

    assert place("./d/y") == os.path.join(lab.dir, "d/y")
    for name in ("/etc/passwd", "../x", "d/../../x", "..", "./../x"):
        assert place(name) is None, name
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE,
                 tarfile.DIRTYPE):
        assert place("x", kind) is None, kind
