/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checks of "vfio" in which the program writes the first stage's page tables
 * itself, in memory that the second stage (Linux's) maps.
 */
#include <inttypes.h>
#include <string.h>

#include "vfio-nested.h"

#define RW              (IOAS_MAP_READABLE | IOAS_MAP_WRITEABLE)
#define ENTRY_ADDR      0x000ffffffffff000ull

uint64_t nested_va(const Vfio *v)
{
    return v->levels == 5 ? NESTED_VA_5 : NESTED_VA_4;
}

uint64_t *nested_entry_of_level(const Vfio *v, uint64_t va, unsigned stop)
{
    uint64_t *table = (uint64_t *)v->arena;

    for (unsigned level = v->levels; ; level--) {
        uint64_t *e = &table[va >> (12 + 9 * (level - 1)) & 0x1ff];

        if (level == stop) {
            return e;
        }
        table = (uint64_t *)(v->arena + ((*e & ENTRY_ADDR) - NESTED_GPA));
    }
}

uint64_t *nested_entry(const Vfio *v, uint64_t va)
{
    return nested_entry_of_level(v, va, 1);
}

uint64_t *nested_table_entry(const Vfio *v, uint64_t va)
{
    return nested_entry_of_level(v, va, 2);
}

/* Tables for the 2 MiB at @va: the first pages of the arena. */
static void make_tables(Vfio *v, uint64_t va)
{
    for (unsigned level = v->levels; level > 1; level--) {
        unsigned n = v->levels - level;
        uint64_t *table = (uint64_t *)arena_page(v, n);

        table[va >> (12 + 9 * (level - 1)) & 0x1ff] =
            (NESTED_GPA + (n + 1) * PAGE) | nested_table_bits;
    }
}

uint64_t nested_leaf(const Vfio *v, unsigned page)
{
    return nested_small(v, NESTED_GPA + page * PAGE);
}

Outcome nested_space(Vfio *v, Nested *n, uint32_t flags)
{
    *n = (Nested) { .pasid = NO_PASID };
    make_tables(v, nested_va(v));
    n->ioas = vfio_ioas(v);
    if (!n->ioas || !vfio_map(v, n->ioas, v->arena, NESTED_GPA,
                              ARENA_PAGES * PAGE, RW)) {
        return OUTCOME_FAIL;
    }
    n->parent = vfio_hwpt(v, n->ioas, flags | HWPT_NEST_PARENT, 0);
    return n->parent ? OUTCOME_OK : lacking(v);
}

Outcome check_nested(Vfio *v)
{
    const uint64_t va = nested_va(v);
    const unsigned source = TABLE_PAGES, target = TABLE_PAGES + 1;
    Nested n;
    Outcome outcome = nested_begin(v, &n, NO_PASID, 0);
    uint64_t status;

    if (outcome != OUTCOME_OK) {
        return outcome;
    }
    arena_fill(v, source, 1);
    *nested_entry(v, va) = nested_leaf(v, source);
    *nested_entry(v, va + PAGE) = nested_leaf(v, target);
    if (!nested_attach(v, &n) || !dma_reads(v, va, 1)) {
        return OUTCOME_FAIL;
    }
    status = vfio_dma(v, TESTDEV_CMD_FILL, 0, va + PAGE, PAGE);
    if (!dma_done(status) || !dma_written(v, target)) {
        return wrong(v, "write: status 0x%" PRIx64, status);
    }
    if (!nested_flags_right(v, &n, va, false) ||
        !nested_flags_right(v, &n, va + PAGE, true)) {
        return OUTCOME_FAIL;
    }
    status = vfio_dma(v, TESTDEV_CMD_READ, va + 2 * PAGE, 0, PAGE);
    if (!dma_blocked(status)) {
        return wrong(v, "read of a page that is not present: status 0x%"
                     PRIx64, status);
    }
    return found(v, "read and write through both stages at 0x%" PRIx64
                 ", accessed and dirty bits set, a page that is not there "
                 "blocked (reason 0x%x)", va, dma_reason(status));
}

/* Entries that change under translations in use. */
Outcome check_nested_change(Vfio *v)
{
    const uint64_t va = nested_va(v);
    const unsigned a = TABLE_PAGES, b = TABLE_PAGES + 1;
    Nested n;
    Outcome outcome = nested_begin(v, &n, NO_PASID, 0);
    uint64_t status, gone;

    if (outcome != OUTCOME_OK) {
        return outcome;
    }
    arena_fill(v, a, 1);
    arena_fill(v, b, 2);
    *nested_entry(v, va) = nested_leaf(v, a);
    if (!nested_attach(v, &n) || !dma_reads(v, va, 1)) {
        return OUTCOME_FAIL;
    }
    *nested_entry(v, va) = nested_leaf(v, b);
    if (!nested_invalidate(v, &n, va, 1) || !dma_reads(v, va, 2)) {
        return OUTCOME_FAIL;
    }
    *nested_entry(v, va) = nested_read_only(v, b);
    if (!nested_invalidate(v, &n, va, 1)) {
        return OUTCOME_FAIL;
    }
    status = vfio_dma(v, TESTDEV_CMD_FILL, 0, va, PAGE);
    if (!dma_blocked(status) || !dma_reads(v, va, 2)) {
        return wrong(v, "write of a page made read-only: status 0x%" PRIx64,
                     status);
    }
    *nested_entry(v, va) = 0;
    if (!nested_invalidate(v, &n, 0, ~0ull)) {
        return OUTCOME_FAIL;
    }
    gone = vfio_dma(v, TESTDEV_CMD_READ, va, 0, PAGE);
    if (!dma_blocked(gone)) {
        return wrong(v, "read of a page taken away: status 0x%" PRIx64, gone);
    }
    *nested_entry(v, va) = nested_leaf(v, a);
    if (!nested_invalidate(v, &n, va, 1) || !dma_reads(v, va, 1)) {
        return OUTCOME_FAIL;
    }
    return found(v, "after each invalidation: another page, read-only "
                 "(reason 0x%x), not there (0x%x), the first page again",
                 dma_reason(status), dma_reason(gone));
}

/* The second stage changes below the first. */
Outcome check_nested_parent(Vfio *v)
{
    const uint64_t va = nested_va(v);
    const uint64_t gpa = NESTED_GPA + ARENA_PAGES * PAGE;
    const unsigned a = TABLE_PAGES, b = TABLE_PAGES + 1;
    Nested n;
    Outcome outcome = nested_begin(v, &n, NO_PASID, 0);
    uint64_t status;

    if (outcome != OUTCOME_OK) {
        return outcome;
    }
    arena_fill(v, a, 1);
    arena_fill(v, b, 2);
    *nested_entry(v, va) = nested_small(v, gpa);
    if (!vfio_map(v, n.ioas, arena_page(v, a), gpa, PAGE, RW) ||
        !nested_attach(v, &n) || !dma_reads(v, va, 1) ||
        !vfio_unmap(v, n.ioas, gpa, PAGE)) {
        return OUTCOME_FAIL;
    }
    status = vfio_dma(v, TESTDEV_CMD_READ, va, 0, PAGE);
    if (!dma_blocked(status)) {
        return wrong(v, "read after the parent's unmap: status 0x%" PRIx64,
                     status);
    }
    if (!vfio_map(v, n.ioas, arena_page(v, b), gpa, PAGE, RW) ||
        !dma_reads(v, va, 2)) {
        return OUTCOME_FAIL;
    }
    return found(v, "unmapped in the parent: blocked (reason 0x%x); mapped "
                 "to another page: seen", dma_reason(status));
}

Outcome check_nested_pasid(Vfio *v)
{
    const uint64_t va = nested_va(v);
    const unsigned a = TABLE_PAGES, b = TABLE_PAGES + 1;
    Nested n;
    Outcome outcome = nested_begin(v, &n, 9, 0);

    if (outcome != OUTCOME_OK) {
        return outcome;
    }
    arena_fill(v, a, 1);
    arena_fill(v, b, 2);
    *nested_entry(v, va) = nested_leaf(v, a);
    /* without PASID: the second stage alone, where page b has another tag */
    if (!nested_attach(v, &n)) {
        return lacking(v);
    }
    if (!dma_reads(v, NESTED_GPA + b * PAGE, 2)) {
        return OUTCOME_FAIL;
    }
    v->pasid = 9;
    if (!dma_reads(v, va, 1)) {
        return OUTCOME_FAIL;
    }
    *nested_entry(v, va) = nested_leaf(v, b);
    if (!nested_invalidate(v, &n, va, 1) || !dma_reads(v, va, 2) ||
        !nested_detach(v, &n)) {
        return OUTCOME_FAIL;
    }
    return found(v, "PASID 9 through both stages, before and after an "
                 "invalidation; without PASID through the second");
}
