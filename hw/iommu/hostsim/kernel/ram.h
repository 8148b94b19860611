/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory as the physical IOMMU and its endpoints see it.  The host-physical
 * address of a byte is its virtual address.  Two kinds can be reached: what
 * is pinned, by DMA and by table walks; and the host kernel's own memory
 * (tables, queues), by the unit alone.
 */
#ifndef HW_IOMMU_HOSTSIM_KERNEL_RAM_H
#define HW_IOMMU_HOSTSIM_KERNEL_RAM_H

#include "hw/iommu/hostsim/kernel/sim.h"

typedef struct SimRam SimRam;

/** NULL when the system gives no memory. */
SimRam *sim_ram_new(Hostsim *sim);
void sim_ram_free(SimRam *ram);
/** Tell the unit what there is now. */
void sim_ram_publish(Hostsim *sim);

/** @n contiguous pages of zeroes, aligned to their number's next power of
 *  two; NULL when there are no more. */
void *sim_pages_alloc(Hostsim *sim, unsigned n);
void sim_pages_free(Hostsim *sim, void *pages, unsigned n);
/** Pages that are in use. */
uint64_t sim_pages_used(Hostsim *sim);

/**
 * Pin the pages of [memory, memory + size), page-aligned: 0; -EFAULT when
 * they are not there, or not writable with @write; -ENOMEM when the limit is
 * reached.  Each pin needs its unpin, with the same arguments.
 */
int sim_pin(Hostsim *sim, void *memory, uint64_t size, bool write);
void sim_unpin(Hostsim *sim, void *memory, uint64_t size, bool write);
uint64_t sim_pinned(Hostsim *sim);

/** DMA that has been translated: false when nothing answers there.  Any
 *  thread, with and without Hostsim.lock. */
bool sim_ram_access(Hostsim *sim, uint64_t addr, void *buf, size_t size,
                    bool write);

#endif
