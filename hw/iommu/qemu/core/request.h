/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * viommu in QEMU: what is one request of an endpoint, for system/physmem.c,
 * where QEMU cuts accesses into pieces.
 */
#ifndef HW_VIOMMU_REQUEST_H
#define HW_VIOMMU_REQUEST_H

#include "exec/memory.h"

/* No request crosses an address that is a multiple of it [PCIe 2.2.7]. */
#define VIOMMU_REQUEST_ALIGN 4096

/* How much of an access of @len bytes at @addr is its first request. */
static inline hwaddr viommu_request_size(hwaddr addr, hwaddr len)
{
    return MIN(len, VIOMMU_REQUEST_ALIGN - addr % VIOMMU_REQUEST_ALIGN);
}

/*
 * A look at where memory is, before it is accessed: a unit translates it as
 * the access, but keeps a refusal to itself.
 */
static inline MemTxAttrs viommu_look(MemTxAttrs attrs)
{
    attrs.debug = true;
    return attrs;
}

/*
 * A region with these operations is reached by whole requests, so each one
 * goes to viommu_request_make() with the region's opaque pointer.  Accesses of
 * up to 8 bytes may still come to the operations.  Under the BQL.
 */
extern const MemoryRegionOps *viommu_request_ops;
extern MemTxResult (*viommu_request_make)(void *opaque, hwaddr addr,
                                          const void *buf, hwaddr len,
                                          bool is_write);

#endif
