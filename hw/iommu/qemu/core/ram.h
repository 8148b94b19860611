/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * viommu in QEMU: guest RAM as units see it.
 */
#ifndef HW_VIOMMU_RAM_H
#define HW_VIOMMU_RAM_H

#include <hw/iommu/viommu.h>

/* Tell @unit what RAM is, now and with each change. */
void viommu_ram_follow(Viommu *unit);
/* ViommuOps.mem_read, mem_write: what is no RAM. */
int viommu_memory_read(void *opaque, uint64_t addr, void *buf, size_t size);
int viommu_memory_write(void *opaque, uint64_t addr, const void *buf,
                        size_t size);
/* A unit wrote there through its own pointer: ViommuOps.ram_written. */
void viommu_ram_written_to(void *opaque, uint64_t addr, uint64_t size);

#endif
