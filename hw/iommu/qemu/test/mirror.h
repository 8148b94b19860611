/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * viommu in QEMU: who keeps an endpoint's translations elsewhere, for tests to
 * see what a device of theirs would see.
 *
 *   VFIO    mirrors all of them in the host's IOMMU, from MAP and UNMAP
 *           notifications alone, and is strict about what it is told
 *   vhost   asks for those that it needs, and keeps each until an UNMAP
 *           notification, whatever becomes of memory regions meanwhile
 */
#ifndef HW_VIOMMU_MIRROR_H
#define HW_VIOMMU_MIRROR_H

#include "exec/memory.h"

typedef struct ViommuMirror ViommuMirror;

typedef enum ViommuMirrorKind {
    VIOMMU_MIRROR_VFIO,
    VIOMMU_MIRROR_VHOST,
    VIOMMU_MIRROR_VHOST_ATS,    /* which is told of device-TLBs only */
} ViommuMirrorKind;

/* Mirror @as for @owner, which is not hot-unplugged. */
ViommuMirror *viommu_mirror_new(AddressSpace *as, ViommuMirrorKind kind,
                                const char *owner);

/* DMA of @size bytes through the mirror.  False if a part is not mapped. */
bool viommu_mirror_rw(ViommuMirror *mirror, hwaddr addr, void *buf,
                      hwaddr size, bool write);

#endif
