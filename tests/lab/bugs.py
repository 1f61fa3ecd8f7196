# SPDX-License-Identifier: GPL-2.0-only
"""The faults of the reference kernel: their names, pages and scenarios."""

import glob
import os
import re

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
NONE = "none"
# Found quickly; at least one for each kind of evidence.
SAMPLE = ["no-punch", "unmap-reversed", "attr-forgets-ref", "one-ref",
          "alias-clock"]


def names():
    """The names in the kernel's patches."""
    found = []
    for path in sorted(glob.glob(os.path.join(HERE, "kernel", "*.patch"))):
        with open(path, encoding="utf-8") as f:
            found += re.findall(r'^\+\s*\[GPC_FAULT_\w+\]\s*= "([a-z-]+)"',
                                f.read(), re.M)
    return [n for n in found if n != NONE]


def scenario(name):
    """Its path below tests/scenarios/, without .scn."""
    return f"fault/{name}"


def page(name):
    return f"docs/bugs/{name}.md"
