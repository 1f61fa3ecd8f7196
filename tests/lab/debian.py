# SPDX-License-Identifier: GPL-2.0-only
"""Packages of Debian's archive, fetched without installing them, so that no
privileges are needed."""

import glob
import gzip
import lzma
import os
import re
import shutil
import subprocess

import cache
from machine import LabError


KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg"


class Unreachable(LabError):
    """The archive does not answer."""


def _row(pattern):
    with open(os.path.join(cache.HERE, "versions")) as f:
        for line in f:
            words = line.split()
            if words and re.fullmatch(pattern, words[0]):
                return words
    raise LabError(f"tests/lab/versions has no line for {pattern}")


def pinned(pattern):
    """(package, version) of the line in `versions` that matches @pattern."""
    return tuple(_row(pattern)[:2])


def _mirror():
    """The source of this machine's own packages."""
    with open("/etc/os-release") as f:
        own = re.search(r"^VERSION_CODENAME=(\S+)", f.read(), re.M)
    lines = _ask("apt-get", "indextargets", "--format", "$(RELEASE) $(REPO_URI)",
                 "Created-By: Packages")
    for line in lines.splitlines():
        release, uri = line.split(None, 1)
        if own and release == own[1]:
            return uri
    raise LabError("apt's sources do not name this machine's own release")


def suite(pattern):
    """apt's options for the suite named in `versions`: the machine's sources
    and lists stay unchanged. Empty for a line without a suite."""
    name = (_row(pattern)[2:] or [None])[0]
    if not name:
        return ()
    where = cache.path("apt", name)
    for d in ("lists/partial", "archives/partial"):
        os.makedirs(os.path.join(where, d), exist_ok=True)
    sources = os.path.join(where, "sources.list")
    with open(sources, "w") as f:
        f.write(f"deb [signed-by={KEYS}] {_mirror()} {name} main\n")
    return tuple(
        f"-o{x}" for x in (
            f"Dir::Etc::SourceList={sources}", "Dir::Etc::SourceParts=-",
            f"Dir::State::Lists={where}/lists", f"Dir::Cache={where}",
            "Acquire::Retries=1", "Acquire::http::Timeout=20",
            "APT::Update::Error-Mode=any"))


def _network(apt, what, why, **kw):
    """Run an apt-get that needs the archive."""
    try:
        cache.tool(["apt-get", "-q", *apt, *what.split()], why, **kw)
    except LabError as e:
        raise Unreachable(str(e)) from None


def _update(apt):
    """Update the suite's own lists, or as root the machine's."""
    if not apt and os.geteuid() != 0:
        return
    cache.say("asking the archive what it has (apt-get update)")
    if apt:
        _network(apt, "update", "apt-get update")
    else:
        _ask("apt-get", "-q", "update")


def _ask(*argv):
    """A program's output, whether it succeeds or not."""
    try:
        return subprocess.run(argv, capture_output=True, text=True).stdout
    except FileNotFoundError:
        raise LabError(
            f"{argv[0]} is missing: this is no Debian, so give --kernel FILE"
            " or --source DIR"
        )


def _newest(pattern, apt):
    """The newest in the archive: (package, version) or None."""
    names = _ask("apt-cache", *apt, "search", "--names-only", f"^{pattern}$")
    names = [n.split()[0] for n in names.splitlines()]
    names.sort(key=lambda n: [int(x) for x in re.findall(r"\d+", n)])
    for name in reversed(names):
        found = re.search(r"Candidate: (\S+)", _ask("apt-cache", *apt, "policy", name))
        if found and found[1] != "(none)":
            return name, found[1]
    return None


def installed(package):
    """Its version, or an empty string."""
    return _ask("dpkg-query", "-W", "-f", "${Version}", package)


def _has(package, version, apt):
    lines = _ask("apt-cache", *apt, "madison", package).splitlines()
    return any(x.split("|")[1].strip() == version for x in lines if "|" in x)


def choose(pattern, apt=()):
    """Choose (package, version): the pinned one, unless the archive no longer
    has it. @apt: from suite()."""
    package, version = pinned(pattern)
    if not apt and (installed(package) == version or _has(package, version, apt)):
        return package, version
    _update(apt)
    if _has(package, version, apt):
        return package, version
    newest = _newest(pattern, apt)
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


def fetch(package, version, where, apt=()):
    """Fetch the .deb file into @where; apt has checked it against its signed
    lists."""
    cache.say(f"downloading {package} {version}")
    _network(apt, f"download {package}={version}",
             f"downloading {package} {version}", cwd=where)
    return glob.glob(os.path.join(where, "*.deb"))[0]


def unpack_deb(deb, where):
    cache.tool(["dpkg-deb", "-x", deb, where], f"unpacking {deb}")


def decompress(path):
    """Decompress .xz, .gz, .zst in place, because QEMU's guest needs plain
    modules. Returns the new name."""
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
