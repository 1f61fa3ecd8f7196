# SPDX-License-Identifier: GPL-2.0-only
"""Kernels built from the objects of another."""

import os

import build


def put(path, text, at):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        f.write(text)
    os.utime(path, (at, at))


def test_what_a_patch_changes_is_newer_than_objects_that_are_taken_over(lab):
    # make compiles files newer than their objects: otherwise they would not be
    # patched.
    tree, plain = os.path.join(lab.dir, "tree"), os.path.join(lab.dir, "obj")
    patch = os.path.join(lab.dir, "0001.patch")
    put(os.path.join(tree, "virt/a.c"), "patched", 1000)
    put(os.path.join(tree, "virt/b.c"), "not patched", 1000)
    put(os.path.join(plain, "virt/a.o"), "object", 2000)
    put(patch, "--- a/virt/a.c\n+++ b/virt/a.c\n--- a/c.c\n+++ b/gone.c\n", 1000)
    obj = os.path.join(tree, "obj")
    build._seed(plain, obj, tree, [patch])
    when = {n: os.path.getmtime(os.path.join(tree, n))
            for n in ("virt/a.c", "virt/b.c", "obj/virt/a.o")}
    assert when["virt/a.c"] > when["obj/virt/a.o"] == 2000, when
    assert when["virt/b.c"] == 1000, when
