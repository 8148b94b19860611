/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/modes.h"

#include <string.h>

#include "tests/lib/vtd-spec.h"

#define SCALABLE "x-scalable-mode=on"
#define FIRST    SCALABLE ",x-flts=on"
#define PASID    ",pasid-bits=20"

const BenchMode bench_modes[] = {
    { "legacy", "legacy mode", "", "", false, false, SPEC_PGTT_SECOND, 0, 0 },
    { "pass", "pass-through", SCALABLE, SCALABLE, true, false,
      SPEC_PGTT_PASS, 0, 0 },
    { "second", "second stage", SCALABLE, SCALABLE, true, false,
      SPEC_PGTT_SECOND, 0, 0 },
    { "first4", "first stage, 4 levels", FIRST, FIRST, true, false,
      SPEC_PGTT_FIRST, 4, 0 },
    { "first5", "first stage, 5 levels", FIRST ",aw-bits=57", NULL, true,
      false, SPEC_PGTT_FIRST, 5, 0 },
    { "nested", "nested", FIRST ",nested=on", NULL, true, false,
      SPEC_PGTT_NESTED, 4, 0 },
    { "pasid-pass", "PASID, pass-through", SCALABLE PASID, NULL, true, true,
      SPEC_PGTT_PASS, 0, 0 },
    { "pasid-second", "PASID, second stage", SCALABLE PASID, NULL, true,
      true, SPEC_PGTT_SECOND, 0, 0 },
    { "pasid-first4", "PASID, first stage", FIRST PASID, NULL, true, true,
      SPEC_PGTT_FIRST, 4, 0 },
    { "pasid-nested", "PASID, nested", FIRST ",nested=on" PASID, NULL, true,
      true, SPEC_PGTT_NESTED, 4, 0 },
    { "smmu-s1", "SMMUv3, stage 1", "stage=1", "stage=1", false, false,
      SPEC_PGTT_FIRST, 4, SMMUV3_S1 },
    { "smmu-s2", "SMMUv3, stage 2", "stage=2", "stage=2", false, false,
      SPEC_PGTT_SECOND, 0, SMMUV3_S2 },
    { "smmu-nested", "SMMUv3, nested", "stage=nested", "stage=nested", false,
      false, SPEC_PGTT_NESTED, 4, SMMUV3_NESTED },
    { "smmu-substream", "SMMUv3, substream", "stage=1,ssidsize=20", NULL,
      false, true, SPEC_PGTT_FIRST, 4, SMMUV3_S1 },
};
const unsigned bench_modes_n = sizeof(bench_modes) / sizeof(bench_modes[0]);

const BenchMode *bench_mode_find(const char *name)
{
    for (unsigned i = 0; i < bench_modes_n; i++) {
        if (!strcmp(bench_modes[i].name, name)) {
            return &bench_modes[i];
        }
    }
    return NULL;
}

typedef struct SecondStage {
    uint64_t table;
    unsigned levels;
} SecondStage;

static uint64_t second_entry(const void *stage, GuestAlloc *alloc,
                             uint64_t addr)
{
    const SecondStage *ss = stage;

    return guest_ss_entry_make(alloc, ss->table, ss->levels, addr, 1);
}

static uint64_t first_entry(const void *stage, GuestAlloc *alloc,
                            uint64_t addr)
{
    return guest_fs_entry(stage, alloc, addr, 1, true);
}

static bool map_second(GuestAlloc *alloc, const SecondStage *ss, uint64_t addr,
                       uint64_t pages, uint64_t to, uint64_t to_pages)
{
    return bench_map_pages(alloc, second_entry, ss, addr, pages, to, to_pages,
                           SPEC_SS_R | SPEC_SS_W);
}

static bool start_legacy(const BenchTables *t, GuestAlloc *alloc,
                         const GuestRegs *regs, uint16_t source,
                         const SecondStage *ss)
{
    GuestContext ctx = {
        .tt = SPEC_TT_MULTI, .levels = (uint8_t)ss->levels,
        .table = ss->table, .domain = BENCH_DOMAIN,
    };
    uint64_t root = guest_root_new(alloc);

    return guest_context_set(alloc, root, source, &ctx) &&
           map_second(alloc, ss, BENCH_IOVA, t->pages, t->data,
                      t->data_pages) &&
           guest_set_root(regs, root);
}

/* The tables that @entry names; those of a first stage are accessed. */
static bool map_scalable(const BenchMode *mode, const BenchTables *t,
                         GuestAlloc *alloc, const SecondStage *ss,
                         GuestPasid *entry)
{
    uint64_t heap = alloc->next;
    GuestFs fs;

    if (mode->pgtt == SPEC_PGTT_PASS) {
        return true;
    }
    if (mode->pgtt == SPEC_PGTT_SECOND) {
        return map_second(alloc, ss, BENCH_IOVA, t->pages, t->data,
                          t->data_pages);
    }
    if (!guest_fs_init(&fs, alloc, mode->fs_levels, 0)) {
        return false;
    }
    entry->fs = fs.table;
    entry->fs_levels = mode->fs_levels;
    if (mode->pgtt == SPEC_PGTT_FIRST) {
        return bench_map_pages(alloc, first_entry, &fs, BENCH_IOVA, t->pages,
                               t->data, t->data_pages,
                               SPEC_FS_P | SPEC_FS_RW | SPEC_FS_US |
                               SPEC_FS_A);
    }
    /* The first stage's own tables stay where they are. */
    return bench_map_pages(alloc, first_entry, &fs, BENCH_IOVA, t->pages,
                           t->middle, t->pages,
                           SPEC_FS_P | SPEC_FS_RW | SPEC_FS_US | SPEC_FS_A) &&
           map_second(alloc, ss, heap, (alloc->next - heap) / BENCH_PAGE,
                      heap, UINT64_MAX) &&
           map_second(alloc, ss, t->middle, t->pages, t->data, t->data_pages);
}

static bool start_scalable(const BenchMode *mode, const BenchTables *t,
                           GuestAlloc *alloc, const GuestRegs *regs,
                           uint16_t source, const SecondStage *ss)
{
    uint64_t root = guest_root_new(alloc);
    uint64_t dir = guest_pasid_dir_new(alloc, 0);
    const uint64_t ctx[4] = {
        dir | SPEC_SM_CTX_P | (mode->with_pasid ? SPEC_SM_CTX_PASIDE : 0),
    };
    GuestPasid entry = {
        .pgtt = mode->pgtt, .domain = BENCH_DOMAIN, .ss = ss->table,
        .ss_levels = (uint8_t)ss->levels,
    };

    return guest_sm_context_set(alloc, root, source, ctx) &&
           map_scalable(mode, t, alloc, ss, &entry) &&
           guest_pasid_set(alloc, dir, mode->with_pasid ? BENCH_PASID : 0,
                           &entry) &&
           guest_set_root(regs, root | SPEC_TTM_SCALABLE
                                       << SPEC_RTADDR_TTM_SHIFT);
}

bool bench_mode_start(const BenchMode *mode, const BenchTables *tables,
                      GuestAlloc *alloc, const GuestRegs *regs,
                      uint16_t source, BenchQueue *queue)
{
    SecondStage ss;

    if (mode->smmu) {
        return bench_smmu_start(mode, tables, alloc, regs, source, queue);
    }
    ss.table = guest_ss_new(alloc);
    /* as many as a unit of default width has */
    ss.levels = guest_reg64(regs, SPEC_CAP) & SPEC_CAP_SAGAW_48 ? 4 : 3;
    return (mode->scalable
            ? start_scalable(mode, tables, alloc, regs, source, &ss)
            : start_legacy(tables, alloc, regs, source, &ss)) &&
           (mode->scalable ? guest_queue_init_wide(&queue->vtd, alloc, regs, 0)
                           : guest_queue_init(&queue->vtd, alloc, regs, 0)) &&
           guest_command(regs, SPEC_GCMD_TE, 0);
}
