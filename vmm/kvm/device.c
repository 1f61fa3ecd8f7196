// SPDX-License-Identifier: GPL-2.0-only
/* Open /dev/kvm, or explain why it cannot be opened. */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kvm/device.h"
#include "kvm/kvm.h"

/* Fail with the cause: the device's mode, or the user's groups. */
static int device_refused(const char *dev, int err, struct err *e)
{
	struct stat st;
	unsigned int mode;

	if (stat(dev, &st) < 0)
		return err_os(e, err,
			      "cannot open %.128s as uid %u: no access to its "
			      "directory",
			      dev, geteuid());
	mode = st.st_mode & 07777;
	if ((mode & 0060) != 0060 || st.st_gid == 0)
		return err_os(e, err,
			      "cannot open %.128s as uid %u: it has mode 0%o "
			      "and group %u (as root: chgrp kvm %.64s; chmod "
			      "660 %.64s; then join the group kvm)",
			      dev, geteuid(), mode, st.st_gid, dev, dev);
	return err_os(
		e, err,
		"cannot open %.128s as uid %u: it has mode 0%o and group %u "
		"(as root: usermod -aG kvm USER, with your name for USER; then "
		"log in again)",
		dev, geteuid(), mode, st.st_gid);
}

static int device_not_opened(const char *dev, int err, struct err *e)
{
	switch (err) {
	case ENOENT:
	case ENXIO: /* a node without a driver */
	case ENODEV:
		return err_os(
			e, err,
			"cannot open %.128s: the KVM module is not loaded, or "
			"KVM is not supported (try modprobe kvm_amd or "
			"modprobe kvm_intel)",
			dev);
	case EACCES:
	case EPERM:
		return device_refused(dev, err, e);
	default:
		return err_os(e, err, "cannot open %.128s (is it /dev/kvm?)",
			      dev);
	}
}

int kvm_open_device(const char *dev, struct err *e)
{
	int kvm = kvm_open(dev), version;

	if (kvm < 0)
		return device_not_opened(dev, -kvm, e);
	version = kvm_api_version(kvm);
	if (version == KVM_API_VERSION)
		return kvm;
	close(kvm);
	if (version < 0)
		return err_kvm(e, -version,
			       "%.128s is not a KVM device: "
			       "KVM_GET_API_VERSION failed (use /dev/kvm)",
			       dev);
	return err_unsupported(e,
			       "%.128s has version %d of the KVM API, expected "
			       "%d (boot Linux 2.6.22 or newer)",
			       dev, version, KVM_API_VERSION);
}
