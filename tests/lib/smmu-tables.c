/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/smmu-tables.h"

#include "tests/lib/vtd-spec.h"

static uint64_t at(uint64_t value, unsigned shift)
{
    return value << shift;
}

void guest_ste_encode(const GuestSte *ste, uint64_t word[8])
{
    for (unsigned i = 0; i < 8; i++) {
        word[i] = 0;
    }
    word[0] = 1 | at(ste->config, 1) | at(ste->s1fmt, 4) | ste->cd_table |
              at(ste->s1cdmax, 59);
    word[1] = ste->s1dss | at(ste->ppar, 18) | at(ste->s2fwb, 25) |
              at(ste->s1stalld, 27) | at(ste->eats, 28) | at(1, 44);
    word[2] = ste->vmid | at(ste->s2t0sz, 32) | at(ste->s2sl0, 38) |
              at(ste->s2tg, 46) | at(ste->s2ps, 48) | at(1, 51) |
              at(ste->s2affd, 53) | at(ste->s2ptw, 54) | at(ste->s2hd, 55) |
              at(ste->s2ha, 56) | at(ste->s2stall, 57) |
              at(ste->s2record, 58);
    word[3] = ste->s2ttb;
}

void guest_cd_encode(const GuestCd *cd, uint64_t word[8])
{
    for (unsigned i = 0; i < 8; i++) {
        word[i] = 0;
    }
    word[0] = cd->tsz[0] | at(cd->tg[0], 6) | at(cd->epd[0], 14) |
              at(cd->tsz[1], 16) | at(cd->tg[1], 22) | at(cd->epd[1], 30) |
              at(1, 31) | at(cd->ips, 32) | at(cd->affd, 35) |
              at(cd->wxn, 36) | at(cd->tbi0, 38) | at(cd->pan, 40) |
              at(1, 41) | at(cd->hd, 42) | at(cd->ha, 43) |
              at(cd->stall, 44) | at(cd->record, 45) | at(1, 46) |
              at(cd->asid, 48);
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
           (guest_reg32(q->regs, SMMUV3_CMDQ_CONS) & 0xfffff);
}
