# SPDX-License-Identifier: GPL-2.0-only
"""The host kernels of the lab: by name, as an image, or from a source tree."""

import glob
import hashlib
import os
import shutil

import build
import cache
import debian
import modules
from build import Kernel
from machine import LabError

NAMES = {
    "base": "Debian's linux-source-6.12, unpatched, with the lab's config",
    "reference": "base with the series in tests/lab/kernel: gpcs on gmem, and"
    " no direct map",
    "debian": "Debian's packaged 6.12 cloud kernel, as people run it",
}
SERIES = os.path.join(cache.HERE, "kernel")
SERIES_CONFIG = os.path.join(cache.HERE, "config", "reference.config")
# Where gpcvm run --guest linux looks for its kernel. The lab's kernel has the
# options it needs.
GUEST = "boot/gpcvm-guest"
SOURCE = r"linux-source-6\.12"
CLOUD = r"linux-image-6\.12\.[0-9]+\+deb12-cloud-amd64"
# The newest kernel that Debian packages for the same machines; since 7.3 the
# image is in a separate package.
NEWEST = r"linux-binary-[0-9.]+\+deb13-cloud-amd64"


def of_image(image, moddir=None):
    """Any kernel that QEMU can boot: a bzImage, or an ELF with a PVH note."""
    try:
        with open(image, "rb") as f:
            head = f.read(0x206)
    except OSError as e:
        known = ", ".join(NAMES)
        raise LabError(f"--kernel {image}: {e.strerror}: a file, or one of {known}")
    if head[0x202:0x206] != b"HdrS" and head[:4] != b"\x7fELF":
        raise LabError(f"--kernel {image}: this is no bzImage and no ELF file")
    load = modules.to_load(modules.find_dir(moddir)) if moddir else []
    return Kernel(os.path.basename(image), image, _plain(load))


def _plain(load):
    """Decompress modules for the image; the user's files stay unchanged."""
    packed = [p for p in load if not p.endswith(".ko")]
    if not packed:
        return load
    key = hashlib.sha256()
    for p in load:
        s = os.stat(p)
        key.update(f"{p} {s.st_size} {s.st_mtime_ns}\n".encode())
    key = key.hexdigest()[:12]
    dest = cache.path("modules", key)

    def fill(tmp):
        for p in load:
            shutil.copy(p, tmp)
            debian.decompress(os.path.join(tmp, os.path.basename(p)))

    cache.once(dest, fill)
    return [
        os.path.join(dest, os.path.basename(p).split(".ko")[0] + ".ko")
        for p in load
    ]


def _debian_at(dest):
    image = [f for where in ("boot/vmlinuz-*", "usr/lib/modules/*/vmlinuz")
             for f in glob.glob(os.path.join(dest, where))]
    moddir = glob.glob(os.path.join(dest, "lib", "modules", "*"))
    load = modules.to_load(moddir[0]) if moddir else []
    return Kernel("debian", image[0], load, dest) if image else None


def _packaged(pattern, finish=lambda tmp: None):
    """Unpack the package that @pattern matches in `versions` or in the
    archive; calls finish(directory) once on its content."""
    package, version = debian.pinned(pattern)
    dest = cache.path("debian", version)
    apt = ()
    if not os.path.isdir(dest):
        apt = debian.suite(pattern)
        package, version = debian.choose(pattern, apt)
        dest = cache.path("debian", version)

    def fill(tmp):
        debian.unpack_deb(debian.fetch(package, version, tmp, apt), tmp)
        for deb in glob.glob(os.path.join(tmp, "*.deb")):
            os.remove(deb)
        finish(tmp)

    return _debian_at(cache.once(dest, fill))


def _plain_modules(where):
    moddir = modules.find_dir(where)
    for ko in modules.to_load(moddir):
        debian.decompress(ko)
    modules.write_deps(moddir)  # for the decompressed files


def _debian():
    return _packaged(CLOUD, _plain_modules)


def newest():
    """Debian's newest packaged kernel, for guests, without modules. Raises
    debian.Unreachable if it is not cached and the archive does not answer."""
    return _packaged(NEWEST)


def _reference(flavour, patches, config):
    """Build base first: the reference kernel starts from its objects."""
    build.debian_source("base", SOURCE, flavour)
    return build.debian_source(
        "reference", SOURCE, flavour, [SERIES, patches], [SERIES_CONFIG, *config]
    )


def places():
    """[(command-line name, place in the cache once built)] of the named
    kernels."""
    found = []
    for flavour, option in (("debug", ""), ("lean", " --lean")):
        found.append((f"base{option}",
                      build.debian_place("base", SOURCE, flavour)))
        found.append((f"reference{option}",
                      build.debian_place("reference", SOURCE, flavour, [SERIES],
                                         [SERIES_CONFIG])))
    found.append(("debian", cache.path("debian", debian.pinned(CLOUD)[1])))
    return sorted(found)


def guest_file():
    """The kernel for Linux guests, as an argument of --file."""
    return f"{get('base', lean=True).image}:{GUEST}"


def get(name, lean=False, moddir=None, source=None, patches=None, config=()):
    """Return the kernel named on the command line, building it if
    necessary."""
    flavour = "lean" if lean else "debug"
    if source:
        return build.tree(source, flavour, patches, config)
    if name == "base" or (patches and name is None):
        return build.debian_source(
            name or "base", SOURCE, flavour, [patches], config
        )
    if name == "reference":
        return _reference(flavour, patches, config)
    if patches or config:
        raise LabError(
            f"--patches and --config are for what is built here: --source DIR"
            f" or --kernel base or reference, not {name}"
        )
    if name == "debian":
        return _debian()
    return of_image(name, moddir)
