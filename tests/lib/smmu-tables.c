/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/smmu-tables.h"

#include "tests/lib/vtd-spec.h"

void guest_ste_encode(const GuestSte *ste, uint64_t word[8])
{
    for (unsigned i = 0; i < 8; i++) {
        word[i] = 0;
    }
    word[0] = FIELD_MASK(STE_V) | FIELD_PUT(ste->config, STE_CONFIG) |
              FIELD_PUT(ste->s1fmt, STE_S1FMT) | ste->cd_table |
              FIELD_PUT(ste->s1cdmax, STE_S1CDMAX);
    word[1] = FIELD_PUT(ste->s1dss, STE_S1DSS) |
              FIELD_PUT(ste->ppar, STE_PPAR) |
              FIELD_PUT(ste->s2fwb, STE_S2FWB) |
              FIELD_PUT(ste->s1stalld, STE_S1STALLD) |
              FIELD_PUT(ste->eats, STE_EATS) |
              FIELD_PUT(SHCFG_INCOMING, STE_SHCFG);
    word[2] = FIELD_PUT(ste->vmid, STE_S2VMID) |
              FIELD_PUT(ste->s2t0sz, STE_S2T0SZ) |
              FIELD_PUT(ste->s2sl0, STE_S2SL0) |
              FIELD_PUT(ste->s2tg, STE_S2TG) |
              FIELD_PUT(ste->s2ps, STE_S2PS) | FIELD_MASK(STE_S2AA64) |
              FIELD_PUT(ste->s2affd, STE_S2AFFD) |
              FIELD_PUT(ste->s2ptw, STE_S2PTW) |
              FIELD_PUT(ste->s2hd, STE_S2HD) |
              FIELD_PUT(ste->s2ha, STE_S2HA) |
              FIELD_PUT(ste->s2stall, STE_S2S) |
              FIELD_PUT(ste->s2record, STE_S2R);
    word[3] = ste->s2ttb;
}

void guest_cd_encode(const GuestCd *cd, uint64_t word[8])
{
    for (unsigned i = 0; i < 8; i++) {
        word[i] = 0;
    }
    word[0] = FIELD_PUT(cd->tsz[0], CD_T0SZ) | FIELD_PUT(cd->tg[0], CD_TG0) |
              FIELD_PUT(cd->epd[0], CD_EPD0) |
              FIELD_PUT(cd->tsz[1], CD_T1SZ) | FIELD_PUT(cd->tg[1], CD_TG1) |
              FIELD_PUT(cd->epd[1], CD_EPD1) | FIELD_MASK(CD_V) |
              FIELD_PUT(cd->ips, CD_IPS) | FIELD_PUT(cd->affd, CD_AFFD) |
              FIELD_PUT(cd->wxn, CD_WXN) | FIELD_PUT(cd->tbi0, CD_TBI0) |
              FIELD_PUT(cd->pan, CD_PAN) | FIELD_MASK(CD_AA64) |
              FIELD_PUT(cd->hd, CD_HD) | FIELD_PUT(cd->ha, CD_HA) |
              FIELD_PUT(cd->stall, CD_S) | FIELD_PUT(cd->record, CD_R) |
              FIELD_MASK(CD_A) | FIELD_PUT(cd->asid, CD_ASID);
    word[1] = cd->ttb[0];
    word[2] = cd->ttb[1];
}

void guest_write_words(const GuestMem *mem, uint64_t addr,
                       const uint64_t *words, unsigned n)
{
    for (unsigned i = n; i-- > 0;) {
        guest_write64(mem, addr + 8 * i, words[i]);
    }
}

static unsigned shift_of(const GuestTables *t, unsigned level)
{
    return t->granule + (3 - level) * (t->granule - 3);
}

bool guest_tables_init(GuestTables *t, GuestAlloc *alloc, unsigned granule,
                       unsigned bits, unsigned concatenated)
{
    unsigned per = granule - 3;
    size_t bytes;

    *t = (GuestTables) { .alloc = alloc, .granule = granule, .bits = bits };
    t->start = 4 - (bits - concatenated - granule + per - 1) / per;
    bytes = (size_t)8 << (bits - shift_of(t, t->start));
    t->ttb = guest_alloc_pages(alloc, (bytes + 4095) / 4096);
    return t->ttb != 0;
}

uint64_t guest_tables_entry(GuestTables *t, uint64_t addr, unsigned level)
{
    uint64_t table = t->ttb;

    for (unsigned i = t->start;; i++) {
        unsigned bits = i == t->start ? t->bits - shift_of(t, i)
                                      : t->granule - 3;
        uint64_t entry = table +
                         ((addr >> shift_of(t, i)) & ((1ull << bits) - 1)) * 8;
        uint64_t word;

        if (i == level) {
            return entry;
        }
        word = guest_read64(&t->alloc->mem, entry);
        if ((word & 3) != 3) {
            uint64_t next = guest_alloc_pages(t->alloc,
                                              (size_t)1 << (t->granule - 12));

            if (!next) {
                return 0;
            }
            word = next | 3;
            guest_write64(&t->alloc->mem, entry, word);
        }
        table = word & 0xfffffffff000ull & ~((1ull << t->granule) - 1);
    }
}

bool guest_tables_map(GuestTables *t, uint64_t addr, uint64_t to,
                      unsigned level, uint64_t attributes)
{
    uint64_t entry = guest_tables_entry(t, addr, level);

    if (!entry) {
        return false;
    }
    guest_write64(&t->alloc->mem, entry,
                  to | attributes | SMMUV3_PTE_VALID |
                  (level == 3 ? SMMUV3_PTE_TABLE : 0));
    return true;
}

bool guest_smmu_commands_init(GuestSmmuCommands *q, GuestAlloc *alloc,
                         const GuestRegs *regs, unsigned log2)
{
    size_t bytes = (size_t)16 << log2;

    q->mem = &alloc->mem;
    q->regs = regs;
    q->log2 = log2;
    q->prod = 0;
    q->base = guest_alloc_pages(alloc, (bytes + 4095) / 4096);
    if (!q->base) {
        return false;
    }
    guest_set_reg64(regs, SMMUV3_CMDQ_BASE, q->base | log2);
    guest_set_reg32(regs, SMMUV3_CMDQ_PROD, 0);
    guest_set_reg32(regs, SMMUV3_CMDQ_CONS, 0);
    return true;
}

void guest_smmu_push(GuestSmmuCommands *q, uint64_t w0, uint64_t w1)
{
    uint64_t index = q->prod & ((1u << q->log2) - 1);

    guest_write64(q->mem, q->base + index * 16, w0);
    guest_write64(q->mem, q->base + index * 16 + 8, w1);
    q->prod = (q->prod + 1) & ((2u << q->log2) - 1);
}

void guest_smmu_ring(GuestSmmuCommands *q)
{
    guest_set_reg32(q->regs, SMMUV3_CMDQ_PROD, q->prod);
}

void guest_smmu_command(GuestSmmuCommands *q, uint64_t w0, uint64_t w1)
{
    q->prod = guest_reg32(q->regs, SMMUV3_CMDQ_PROD);
    guest_smmu_push(q, w0, w1);
    guest_smmu_ring(q);
}

bool guest_smmu_commands_done(const GuestSmmuCommands *q)
{
    return guest_reg32(q->regs, SMMUV3_CMDQ_PROD) ==
           (guest_reg32(q->regs, SMMUV3_CMDQ_CONS) & SMMUV3_CONS_INDEX);
}
