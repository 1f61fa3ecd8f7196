# SPDX-License-Identifier: GPL-2.0-only
"""What comes from Debian's archive: packages fetched without installing them,
so that no privileges are needed."""

import glob
import gzip
import lzma
import os
import re
import shutil
import subprocess

import cache
from machine import LabError


def pinned(pattern):
    """(package, version) of the line in `versions` that matches @pattern."""
    with open(os.path.join(cache.HERE, "versions")) as f:
        for line in f:
            words = line.split()
            if words and re.fullmatch(pattern, words[0]):
                return words[0], words[1]
    raise LabError(f"tests/lab/versions has no line for {pattern}")


def _ask(*argv):
    """What a program prints, whether it succeeds or not."""
    try:
        return subprocess.run(argv, capture_output=True, text=True).stdout
    except FileNotFoundError:
        raise LabError(
            f"{argv[0]} is missing: this is no Debian, so give --kernel FILE"
            " or --source DIR"
        )


def _newest(pattern):
    """The newest that the archive has: (package, version) or None."""
    names = _ask("apt-cache", "search", "--names-only", f"^{pattern}$")
    names = [n.split()[0] for n in names.splitlines()]
    names.sort(key=lambda n: [int(x) for x in re.findall(r"\d+", n)])
    for name in reversed(names):
        found = re.search(r"Candidate: (\S+)", _ask("apt-cache", "policy", name))
        if found and found[1] != "(none)":
            return name, found[1]
    return None


def installed(package):
    """Its version, or an empty string."""
    return _ask("dpkg-query", "-W", "-f", "${Version}", package)


def _has(package, version):
    lines = _ask("apt-cache", "madison", package).splitlines()
    return any(x.split("|")[1].strip() == version for x in lines if "|" in x)


def choose(pattern):
    """Which (package, version) to take: the pinned one, unless the archive
    does not have it any more."""
    package, version = pinned(pattern)
    if installed(package) == version or _has(package, version):
        return package, version
    if os.geteuid() == 0:
        cache.say("asking the archive what it has (apt-get update)")
        _ask("apt-get", "-q", "update")
        if _has(package, version):
            return package, version
    newest = _newest(pattern)
    if not newest:
        raise LabError(
            f"the archive has no {package}: as root: apt-get update"
            " (bookworm-security must be among the sources)"
        )
    cache.say(
        f"{package} {version} is not in the archive any more:"
        f" taking {newest[0]} {newest[1]}"
    )
    return newest


def fetch(package, version, where):
    """The .deb file, in @where."""
    cache.say(f"downloading {package} {version}")
    cache.tool(
        ["apt-get", "-q", "download", f"{package}={version}"],
        f"downloading {package} {version}",
        cwd=where,
    )
    return glob.glob(os.path.join(where, "*.deb"))[0]


def unpack_deb(deb, where):
    cache.tool(["dpkg-deb", "-x", deb, where], f"unpacking {deb}")


def decompress(path):
    """Undo .xz, .gz, .zst in place, as QEMU's guest wants modules plain; the
    new name."""
    plain, ext = os.path.splitext(path)
    if ext in (".xz", ".gz"):
        opener = lzma.open if ext == ".xz" else gzip.open
        with opener(path) as src, open(plain, "wb") as dst:
            shutil.copyfileobj(src, dst)
    elif ext == ".zst":
        cache.tool(["zstd", "-qdf", path, "-o", plain], f"unpacking {path}")
    else:
        return path
    os.remove(path)
    return plain
