/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Devices of Linux's vfio-pci that a machine under test passes through, and
 * QEMU's monitor, which plugs and unplugs them.
 */
#ifndef TESTS_QTEST_VFIO_HOST_H
#define TESTS_QTEST_VFIO_HOST_H

#include "tests/lib/pci.h"
#include "tests/lib/qtest.h"

/** Addresses of two viommu-testdev, or NULL: the machine's own simulated host
 *  has them. */
extern const char *vfio_first, *vfio_second;

/** Read $VIOMMU_VFIO.  False when there is nothing to test: a QEMU has no
 *  simulated host. */
bool vfio_find_devices(void);

/** What -device gets for the device at @address (NULL: a simulated one with
 *  @options, which begin with a comma or are empty). */
char *vfio_device(const char *address, const char *options);
/** " -object ..." that QEMU's devices need, or "". */
const char *vfio_objects(void);

/** A machine with these options must be refused, in one line with @says. */
void vfio_refused(const char *options, const char *says);

/* --- QEMU's monitor ------------------------------------------------------ */

/** What it listens at. */
#define QMP_OPTIONS " -qmp tcp:127.0.0.1:4455,server=on,wait=off"

/** Connect; close() it. */
int qmp_open(void);
/** Give a command, and wait until an answer, or an event, has @await. */
void qmp(int fd, const char *command, const char *await);

/** Plug the first device in below the port "rp", and take it away again, as
 *  operator and guest do together. */
void vfio_plug(int qmp_fd, PciDev *port);
void vfio_unplug(int qmp_fd, PciDev *port);
/** Plug it in, which must be refused, with @says. */
void vfio_plug_refused(int qmp_fd, const char *says);

#endif
