/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tables of 512 entries that the host kernel fills: second-stage tables of
 * either architecture, which differ in how an entry is written.
 */
#ifndef HW_IOMMU_HOSTSIM_PHYSICAL_PAGETABLE_H
#define HW_IOMMU_HOSTSIM_PHYSICAL_PAGETABLE_H

#include "hw/iommu/hostsim/kernel/ram.h"

typedef struct SimTableFormat {
    /** An entry for a page at @addr; level 1 is 4 KiB, 2 is 2 MiB, 3 is
     *  1 GiB.  @access is a mask of VIOMMU_READ and VIOMMU_WRITE. */
    uint64_t (*page)(uint64_t addr, unsigned level, unsigned access);
    uint64_t (*table)(uint64_t addr);
    bool (*present)(uint64_t entry);
    /** Of a present entry above level 1. */
    bool (*is_page)(uint64_t entry, unsigned level);
    uint64_t addr_mask;
    /** The bit that a page has once it has been written to; and one that it
     *  then has no more. */
    uint64_t dirty, clean;
} SimTableFormat;

typedef struct SimTable {
    Hostsim *sim;
    const SimTableFormat *format;
    uint64_t *root;
    unsigned levels;
    unsigned page_levels;       /* largest page; 1: 4 KiB only */
} SimTable;

/** 0 or -ENOMEM. */
int sim_table_init(SimTable *table, Hostsim *sim,
                   const SimTableFormat *format, unsigned levels);
void sim_table_free(SimTable *table);

/** Nothing is mapped there before.  0; -ENOMEM, with nothing mapped. */
int sim_table_map(SimTable *table, uint64_t iova, uint64_t addr,
                  uint64_t size, unsigned access);
/**
 * The range holds whole pages of earlier calls.  Empty tables are put on
 * *@empty, for sim_table_collect() after the caches have been told.
 */
void sim_table_unmap(SimTable *table, uint64_t iova, uint64_t size,
                     GSList **empty);
void sim_table_collect(SimTable *table, GSList *empty);

typedef void SimDirtyFunc(void *opaque, uint64_t iova, uint64_t size);
/** Calls @func for each page in the range that has been written to.  True
 *  when something has been cleared, of which caches must be told. */
bool sim_table_dirty(SimTable *table, uint64_t iova, uint64_t size,
                     bool clear, SimDirtyFunc *func, void *opaque);

/** The address that @iova is mapped to, with bytes that follow it in one
 *  page; false when it is not. */
bool sim_table_lookup(const SimTable *table, uint64_t iova, uint64_t *addr,
                      uint64_t *size);

#endif
