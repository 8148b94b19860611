/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The ways of translation that the benchmarks measure, and their tables as a
 * guest writes them.
 */
#ifndef BENCH_MODES_H
#define BENCH_MODES_H

#include "tests/lib/smmu-tables.h"
#include "tests/lib/vtd-scalable.h"

#define BENCH_PAGE      UINT64_C(4096)
#define BENCH_IOVA      UINT64_C(0x4000000000)
#define BENCH_DOMAIN    5
#define BENCH_PASID     77u
#define BENCH_VMID      3
#define BENCH_ASID      7

typedef struct BenchMode {
    const char *name;
    const char *what;           /* for people */
    /** options of the unit: ours, and the stock model's when it can */
    const char *options, *stock;
    bool scalable;
    bool with_pasid;            /* requests carry BENCH_PASID */
    uint8_t pgtt;               /* SPEC_PGTT_... */
    uint8_t fs_levels;
    /** Config of an SMMUv3's stream; 0: it is VT-d, and the above count.  Of
     *  an SMMUv3, pgtt and fs_levels are those that are most alike. */
    uint8_t smmu;
} BenchMode;

extern const BenchMode bench_modes[];
extern const unsigned bench_modes_n;

/** The mode of that name; NULL when there is none. */
const BenchMode *bench_mode_find(const char *name);

/** What the tables are to map. */
typedef struct BenchTables {
    uint64_t pages;             /* 4 KiB pages from BENCH_IOVA on */
    uint64_t data;              /* where they are */
    uint64_t data_pages;        /* again and again */
    /* the second stage of nested translation has them here, once each */
    uint64_t middle;
} BenchTables;

/** Commands of either kind of unit. */
typedef struct BenchQueue {
    GuestQueue vtd;
    GuestSmmuCommands smmu;
} BenchQueue;

/** Write the tables of @mode for @source and switch translation on, with
 *  *@queue ready for commands. */
bool bench_mode_start(const BenchMode *mode, const BenchTables *tables,
                      GuestAlloc *alloc, const GuestRegs *regs,
                      uint16_t source, BenchQueue *queue);
/** Of it, an SMMUv3's part. */
bool bench_smmu_start(const BenchMode *mode, const BenchTables *tables,
                      GuestAlloc *alloc, const GuestRegs *regs,
                      uint16_t source, BenchQueue *queue);

/* Where the entry of @addr stands in a last-level table of any stage. */
typedef uint64_t (*BenchEntryOf)(const void *stage, GuestAlloc *alloc,
                                 uint64_t addr);
/** Map @pages pages from @addr on to @to, of which there are @to_pages, with
 *  @flags in their entries. */
bool bench_map_pages(GuestAlloc *alloc, BenchEntryOf entry_of,
                     const void *stage, uint64_t addr, uint64_t pages,
                     uint64_t to, uint64_t to_pages, uint64_t flags);

#endif
