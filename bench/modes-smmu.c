/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/modes.h"

#define STREAMS_LOG2    8
#define COMMANDS_LOG2   8       /* a page */
#define SUBSTREAMS_LOG2 7       /* BENCH_PASID among them */
#define BITS_40         2       /* as IPS and S2PS have it */

static uint64_t entry_of(const void *stage, GuestAlloc *alloc, uint64_t addr)
{
    GuestTables t = *(const GuestTables *)stage;

    (void)alloc;
    return guest_tables_entry(&t, addr, 3);
}

static bool map(const GuestTables *t, uint64_t attributes, uint64_t addr,
                uint64_t pages, uint64_t to, uint64_t to_pages)
{
    return bench_map_pages(t->alloc, entry_of, t, addr, pages, to, to_pages,
                           attributes | SMMUV3_PTE_TABLE | SMMUV3_PTE_VALID);
}

static bool map_second(const GuestTables *t, uint64_t addr, uint64_t pages,
                       uint64_t to, uint64_t to_pages)
{
    return map(t, SMMUV3_PAGE_S2, addr, pages, to, to_pages);
}

/* The stages that the stream has; @heap is where stage 1's part begins. */
static bool map_stages(const BenchMode *mode, const BenchTables *t,
                       const GuestTables *s1, const GuestTables *s2,
                       uint64_t heap)
{
    switch (mode->smmu) {
    case SMMUV3_S1:
        return map(s1, SMMUV3_PAGE_S1, BENCH_IOVA, t->pages, t->data,
                   t->data_pages);
    case SMMUV3_S2:
        return map_second(s2, BENCH_IOVA, t->pages, t->data, t->data_pages);
    default:
        /* What stage 1 is made of stays where it is. */
        return map(s1, SMMUV3_PAGE_S1, BENCH_IOVA, t->pages, t->middle,
                   t->pages) &&
               map_second(s2, heap, (s1->alloc->next - heap) / BENCH_PAGE,
                          heap, UINT64_MAX) &&
               map_second(s2, t->middle, t->pages, t->data, t->data_pages);
    }
}

static void put_stream(const BenchMode *mode, GuestAlloc *alloc,
                       uint64_t streams, uint16_t source, uint64_t cds,
                       const GuestTables *s1, const GuestTables *s2)
{
    const GuestSte ste = {
        .config = mode->smmu, .cd_table = cds,
        .s1cdmax = mode->with_pasid ? SUBSTREAMS_LOG2 : 0,
        .vmid = mode->smmu == SMMUV3_S1 ? 0 : BENCH_VMID, .s2ttb = s2->ttb,
        .s2t0sz = 64 - 40, .s2sl0 = 1, .s2ps = BITS_40, .s2record = true,
    };
    const GuestCd cd = {
        .ttb = { s1->ttb, 0 }, .tsz = { 64 - 48, 16 }, .tg = { 0, 2 },
        .epd = { false, true }, .ips = BITS_40, .asid = BENCH_ASID,
        .record = true,
    };
    uint64_t word[8];

    guest_cd_encode(&cd, word);
    guest_write_words(&alloc->mem,
                      cds + (mode->with_pasid ? BENCH_PASID : 0) *
                            SMMUV3_CD_SIZE, word, 8);
    guest_ste_encode(&ste, word);
    guest_write_words(&alloc->mem, streams + source * SMMUV3_STE_SIZE, word,
                      8);
}

bool bench_smmu_start(const BenchMode *mode, const BenchTables *tables,
                      GuestAlloc *alloc, const GuestRegs *regs,
                      uint16_t source, BenchQueue *queue)
{
    uint64_t streams = guest_alloc_pages(
        alloc, (SMMUV3_STE_SIZE << STREAMS_LOG2) / BENCH_PAGE);
    uint64_t heap = alloc->next;
    uint64_t cds = guest_alloc_pages(
        alloc, (SMMUV3_CD_SIZE << SUBSTREAMS_LOG2) / BENCH_PAGE);
    GuestTables s1, s2;

    if (!streams || !cds || !guest_tables_init(&s1, alloc, 12, 48, 0) ||
        !guest_tables_init(&s2, alloc, 12, 40, 1) ||
        !map_stages(mode, tables, &s1, &s2, heap) ||
        !guest_smmu_commands_init(&queue->smmu, alloc, regs, COMMANDS_LOG2)) {
        return false;
    }
    put_stream(mode, alloc, streams, source, cds, &s1, &s2);
    guest_set_reg64(regs, SMMUV3_STRTAB_BASE, streams);
    guest_set_reg32(regs, SMMUV3_STRTAB_BASE_CFG, STREAMS_LOG2);
    guest_set_reg32(regs, SMMUV3_CR0, SMMUV3_CR0_CMDQEN);
    guest_set_reg32(regs, SMMUV3_CR0, SMMUV3_CR0_CMDQEN | SMMUV3_CR0_SMMUEN);
    return guest_reg32(regs, SMMUV3_CR0ACK) ==
           (SMMUV3_CR0_CMDQEN | SMMUV3_CR0_SMMUEN);
}
