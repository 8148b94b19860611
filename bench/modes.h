/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The ways of translation that the benchmarks measure, and their tables as a
 * guest writes them.
 */
#ifndef BENCH_MODES_H
#define BENCH_MODES_H

#include "tests/lib/vtd-scalable.h"

#define BENCH_PAGE      UINT64_C(4096)
#define BENCH_IOVA      UINT64_C(0x4000000000)
#define BENCH_DOMAIN    5
#define BENCH_PASID     77u

typedef struct BenchMode {
    const char *name;
    const char *what;           /* for people */
    /** options of intel-iommu: ours, and the stock model's when it can */
    const char *options, *stock;
    bool scalable;
    bool with_pasid;            /* requests carry BENCH_PASID */
    uint8_t pgtt;               /* SPEC_PGTT_... */
    uint8_t fs_levels;
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

/** Write the tables of @mode for @source and switch translation on, with
 *  *@queue ready for commands. */
bool bench_mode_start(const BenchMode *mode, const BenchTables *tables,
                      GuestAlloc *alloc, const GuestRegs *regs,
                      uint16_t source, GuestQueue *queue);

#endif
