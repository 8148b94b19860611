/* SPDX-License-Identifier: BSD-3-Clause */
/* The world of test-smmu-differential: its translation tables. */
#include "smmu-differential.h"

unsigned smmu_tree_shift(const SmmuTree *t, unsigned level)
{
    return t->granule + (3 - level) * (t->granule - 3);
}

bool smmu_tree_new(SmmuWorld *w, SmmuTree *t, unsigned granule,
                     unsigned input, unsigned start)
{
    uint64_t bytes;

    *t = (SmmuTree) { .granule = granule, .input = input, .start = start };
    bytes = UINT64_C(8) << (input - smmu_tree_shift(t, start));
    t->base = guest_alloc_pages(&w->f->alloc, (bytes + 4095) / 4096);
    return t->base != 0;
}

static bool in_ram(uint64_t addr)
{
    return addr >= FIXTURE_TABLES && addr < FIXTURE_RAM;
}

/* Where the descriptor of @level is; tables are made on the way, from level
 * *@made on.  0: something else is in the way. */
uint64_t smmu_tree_descriptor(SmmuWorld *w, const SmmuTree *t, uint64_t addr,
                           unsigned level, unsigned *made)
{
    const GuestMem *mem = &w->f->mem;
    uint64_t table = t->base;

    *made = 4;
    for (unsigned at = t->start;; at++) {
        unsigned bits = at == t->start ? t->input - smmu_tree_shift(t, at)
                                       : t->granule - 3;
        uint64_t where = table +
                         (addr >> smmu_tree_shift(t, at) & smmu_bits(bits)) *
                         8;
        uint64_t word;

        if (!in_ram(where)) {
            return 0;
        }
        if (at == level) {
            return where;
        }
        word = guest_read64(mem, where);
        if (!(word & 1)) {
            table = guest_alloc_pages(&w->f->alloc,
                                      (size_t)1 << (t->granule - 12));
            if (!table) {
                return 0;
            }
            guest_write64(mem, where, table | 3);
            *made = MIN(*made, at);
        } else if (!(word & 2)) {
            return 0;
        } else {
            table = word & smmu_bits(48) & ~smmu_bits(t->granule);
        }
    }
}

static bool block_ok(const SmmuTree *t, unsigned level)
{
    return level == 3 || level == 2 || (level == 1 && t->granule == 12);
}

/* Attributes of a page; mostly such that it works. */
static uint64_t draw_attributes(SmmuWorld *w, bool s2, bool alone)
{
    uint64_t word = s2 ? SMMUV3_PAGE_S2 : SMMUV3_PAGE_S1;

    if (smmu_chance(w, 40)) {
        word ^= UINT64_C(1) << (6 + smmu_below(w, 2));  /* AP */
    }
    if (smmu_chance(w, 30)) {
        word &= ~SMMUV3_PTE_AF;
    }
    if (smmu_chance(w, 30)) {
        word |= SMMUV3_PTE_DBM;
        word ^= smmu_chance(w, 60) ? 0x80 : 0;
    }
    if (smmu_chance(w, 30)) {
        word |= FIELD_PUT(smmu_below(w, 4), PTE_S2_XN);
    }
    if (s2 && smmu_chance(w, 30)) {
        word ^= smmu_random(w) & SMMUV3_PTE_MEMATTR;
    }
    if (!s2 && alone && smmu_chance(w, 20)) {
        /* Global: of all address spaces of the VM, so of one only. */
        word &= ~SMMUV3_PTE_NG;
    }
    return word | (smmu_random(w) & UINT64_C(0x0780000000000000));
}

uint64_t smmu_draw_output(SmmuWorld *w, const SmmuTree *t, unsigned level,
                            bool nested)
{
    uint64_t to = smmu_chance(w, 80) ? smmu_random(w) & smmu_bits(32)
                                     : smmu_random(w) & smmu_bits(48);

    if (nested && smmu_chance(w, 90)) {
        to = w->ipas[smmu_below(w, SMMU_ADDRESSES)];
    }
    return to & smmu_bits(48) & ~smmu_bits(smmu_tree_shift(t, level));
}

static uint64_t draw_table_bits(SmmuWorld *w)
{
    return smmu_chance(w, 30) ? smmu_random(w) & UINT64_C(0x7800000000000000)
                              : 0;
}

/* Descriptors in a contiguous run. */
static unsigned run_log2(const SmmuTree *t, unsigned level)
{
    return t->granule == 12 ? 4 : t->granule == 14 && level == 3 ? 7 : 5;
}

/* What was a run is one no more. */
static void end_run(SmmuWorld *w, const SmmuTree *t, unsigned level,
                    uint64_t where)
{
    unsigned n = 1u << run_log2(t, level);
    uint64_t first = where & ~(n * UINT64_C(8) - 1);

    for (unsigned i = 0; i < n; i++) {
        uint64_t word = guest_read64(&w->f->mem, first + 8 * i);

        guest_write64(&w->f->mem, first + 8 * i, word & ~SMMUV3_PTE_CONT);
    }
}

/* Write a run of contiguous pages around @where. */
static unsigned write_run(SmmuWorld *w, const SmmuTree *t, unsigned level,
                          uint64_t where, uint64_t word)
{
    unsigned log2 = run_log2(t, level);
    uint64_t size = UINT64_C(1) << smmu_tree_shift(t, level);
    uint64_t first = where & ~((UINT64_C(8) << log2) - 1);
    uint64_t to = word & smmu_bits(48) & ~smmu_bits(t->granule);
    uint64_t rest = word & ~(smmu_bits(48) & ~smmu_bits(t->granule));

    /* A TLB may take one dirty page for all of its run to be. */
    rest &= ~SMMUV3_PTE_DBM;
    to &= ~((size << log2) - 1);
    for (unsigned i = 0; i < 1u << log2; i++) {
        guest_write64(&w->f->mem, first + 8 * i,
                      to | rest | SMMUV3_PTE_CONT | SMMUV3_PTE_AF);
        to += size;
    }
    return log2;
}

bool smmu_change_descriptor(SmmuWorld *w, const SmmuTree *t, uint64_t addr,
                            bool s2, bool nested, bool alone, uint64_t *size,
                            bool *leaf)
{
    static const uint8_t levels[] = { 3, 3, 3, 3, 3, 2, 2, 1, 0 };
    unsigned level = levels[smmu_below(w, sizeof(levels))], made, log2 = 0;
    uint64_t where, old, word = 0;

    level = MAX(level, t->start);
    where = smmu_tree_descriptor(w, t, addr, level, &made);
    if (!where) {
        return false;
    }
    old = guest_read64(&w->f->mem, where);
    *leaf = level == 3 || (old & 3) != 3;
    if (block_ok(t, level) && smmu_chance(w, level == 3 ? 85 : 40)) {
        word = smmu_draw_output(w, t, level, nested) |
               draw_attributes(w, s2, alone) | (level == 3 ? 3 : 1);
    } else if ((old & 3) == 3 && level < 3 && smmu_chance(w, 75)) {
        word = (old & smmu_bits(48)) | draw_table_bits(w);
        *leaf = false;
    } else if (level < 3 && smmu_chance(w, 10)) {
        word = (smmu_random(w) & smmu_bits(48) & ~smmu_bits(16)) | 3;
        *leaf = false;
    } else if (smmu_chance(w, 20)) {
        word = smmu_random(w) & ~UINT64_C(1);
    }
    if ((old & 1) && (old & SMMUV3_PTE_CONT) &&
        (level == 3 || !(old & 2))) {
        end_run(w, t, level, where);
        log2 = run_log2(t, level);
    }
    if (block_ok(t, level) && (word & 1) && !(level < 3 && (word & 2)) &&
        /* Stage 2 of the tables' memory is not to be in such a run. */
        w->runs && smmu_chance(w, 10) && (!s2 || level == 3) &&
        (level > t->start ||
         t->input - smmu_tree_shift(t, level) >= t->granule - 3)) {
        log2 = write_run(w, t, level, where, word);
        *leaf = false;
    } else {
        guest_write64(&w->f->mem, where, word);
    }
    *size = UINT64_C(1) << MIN(smmu_tree_shift(t, MIN(level, made)) + log2,
                               t->input);
    return true;
}

/* Stage 2 of the memory with stage 1's tables: level 2 blocks. */
void smmu_map_ram(SmmuWorld *w, unsigned vm, bool spoil)
{
    const SmmuTree *t = &w->vms[vm].s2;
    uint64_t size = UINT64_C(1) << smmu_tree_shift(t, 2);
    unsigned made;

    for (uint64_t at = 0; at < FIXTURE_RAM; at += size) {
        uint64_t word = at | 1 | SMMUV3_PAGE_S2;
        uint64_t where = smmu_tree_descriptor(w, t, at, 2, &made);

        if (spoil && smmu_chance(w, 10)) {
            word ^= UINT64_C(1) << (6 + smmu_below(w, 2));
        }
        if (spoil && smmu_chance(w, 20)) {
            word &= ~SMMUV3_PTE_AF;
        }
        if (spoil && smmu_chance(w, 20)) {
            word ^= smmu_random(w) & SMMUV3_PTE_MEMATTR;
        }
        if (spoil && smmu_chance(w, 20)) {
            word |= SMMUV3_PTE_DBM;
        }
        if (spoil && smmu_chance(w, 5)) {
            word = 0;
        }
        if (!where) {
            /* A larger block, or no table: away with it. */
            where = t->base;
            word = 0;
        }
        guest_write64(&w->f->mem, where, word);
    }
}
