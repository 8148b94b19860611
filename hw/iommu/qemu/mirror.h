/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * viommu in QEMU: a mirror of an endpoint's translations, kept from MAP and
 * UNMAP notifications alone, as VFIO keeps the host's IOMMU.  It lets tests
 * see what a passed-through device would see, and is as strict as VFIO about
 * what it is told.
 */
#ifndef HW_VIOMMU_MIRROR_H
#define HW_VIOMMU_MIRROR_H

#include "exec/memory.h"

typedef struct ViommuMirror ViommuMirror;

/* Mirror @as for @owner, which is not hot-unplugged. */
ViommuMirror *viommu_mirror_new(AddressSpace *as, const char *owner);

/* DMA of @size bytes through the mirror.  False if a part is not mapped. */
bool viommu_mirror_rw(ViommuMirror *mirror, hwaddr addr, void *buf,
                      hwaddr size, bool write);

#endif
