/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checks of "vfio" in which the program writes the first stage's page tables
 * itself, in memory that the second stage (Linux's) maps.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "vfio-nested.h"

#define RW              (IOAS_MAP_READABLE | IOAS_MAP_WRITEABLE)
#define ENTRY_ADDR      0x000ffffffffff000ull
#define TABLE_PAGES     16u     /* of the arena; data comes behind them */

uint64_t nested_va(const Vfio *v)
{
    return v->levels == 5 ? NESTED_VA_5 : NESTED_VA_4;
}

/* The entry of level @stop on the way to @va. */
static uint64_t *entry_at(const Vfio *v, uint64_t va, unsigned stop)
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
    return entry_at(v, va, 1);
}

uint64_t *nested_table_entry(const Vfio *v, uint64_t va)
{
    return entry_at(v, va, 2);
}

/* Tables for the 2 MiB at @va: the first pages of the arena. */
static void make_tables(Vfio *v, uint64_t va)
{
    for (unsigned level = v->levels; level > 1; level--) {
        unsigned n = v->levels - level;
        uint64_t *table = (uint64_t *)arena_page(v, n);

        table[va >> (12 + 9 * (level - 1)) & 0x1ff] =
            (NESTED_GPA + (n + 1) * PAGE) | FS_PRESENT | FS_WRITE | FS_USER;
    }
}

uint64_t nested_leaf(unsigned page)
{
    return (NESTED_GPA + page * PAGE) | FS_PRESENT | FS_WRITE | FS_USER;
}

Outcome nested_begin(Vfio *v, Nested *n, uint32_t flags, uint32_t fault)
{
    HwptVtdS1 s1 = {
        .table = NESTED_GPA, .addr_width = v->levels == 5 ? 57 : 48,
    };

    make_tables(v, nested_va(v));
    n->ioas = vfio_ioas(v);
    if (!n->ioas || !vfio_map(v, n->ioas, v->arena, NESTED_GPA,
                              ARENA_PAGES * PAGE, RW)) {
        return OUTCOME_FAIL;
    }
    n->parent = vfio_hwpt(v, n->ioas, flags | HWPT_NEST_PARENT, NULL, 0);
    if (!n->parent) {
        return lacking(v);
    }
    n->hwpt = vfio_hwpt(v, n->parent, flags, &s1, fault);
    return n->hwpt ? OUTCOME_OK : lacking(v);
}

bool nested_invalidate(Vfio *v, const Nested *n, uint64_t va, uint64_t pages)
{
    HwptVtdS1Invalidate entry = { .addr = va, .npages = pages };
    HwptInvalidate inv = {
        .size = sizeof(inv), .hwpt_id = n->hwpt, .data = (uintptr_t)&entry,
        .entry_len = sizeof(entry), .entry_num = 1,
    };

    if (pages != ~0ull) {
        entry.flags = VTD_S1_INVALIDATE_LEAF;
    }
    if (!vfio_call(v, "IOMMU_HWPT_INVALIDATE", IOMMUFD_HWPT_INVALIDATE,
                   &inv)) {
        return false;
    }
    if (inv.entry_num != 1) {
        wrong(v, "IOMMU_HWPT_INVALIDATE did %" PRIu32 " entries",
              inv.entry_num);
        return false;
    }
    return true;
}

static bool accessed_and_dirty(Vfio *v, uint64_t va, bool dirty)
{
    for (unsigned level = v->levels; level >= 1; level--) {
        uint64_t e = *entry_at(v, va, level);
        uint64_t want = FS_ACCESSED | (level == 1 && dirty ? FS_DIRTY : 0);

        if ((e & (FS_ACCESSED | FS_DIRTY)) != want) {
            wrong(v, "entry of level %u for 0x%" PRIx64 " is 0x%" PRIx64,
                  level, va, e);
            return false;
        }
    }
    return true;
}

Outcome check_nested(Vfio *v)
{
    const uint64_t va = nested_va(v);
    const unsigned source = TABLE_PAGES, target = TABLE_PAGES + 1;
    Nested n;
    Outcome outcome = nested_begin(v, &n, 0, 0);
    uint64_t status;

    if (outcome != OUTCOME_OK) {
        return outcome;
    }
    arena_fill(v, source, 1);
    *nested_entry(v, va) = nested_leaf(source);
    *nested_entry(v, va + PAGE) = nested_leaf(target);
    if (!vfio_attach(v, n.hwpt, NO_PASID) || !dma_reads(v, va, 1)) {
        return OUTCOME_FAIL;
    }
    status = vfio_dma(v, TESTDEV_CMD_FILL, 0, va + PAGE, PAGE);
    if (!dma_done(status) || !dma_written(v, target)) {
        return wrong(v, "write: status 0x%" PRIx64, status);
    }
    if (!accessed_and_dirty(v, va, false) ||
        !accessed_and_dirty(v, va + PAGE, true)) {
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
    Outcome outcome = nested_begin(v, &n, 0, 0);
    uint64_t status, gone;

    if (outcome != OUTCOME_OK) {
        return outcome;
    }
    arena_fill(v, a, 1);
    arena_fill(v, b, 2);
    *nested_entry(v, va) = nested_leaf(a);
    if (!vfio_attach(v, n.hwpt, NO_PASID) || !dma_reads(v, va, 1)) {
        return OUTCOME_FAIL;
    }
    *nested_entry(v, va) = nested_leaf(b);
    if (!nested_invalidate(v, &n, va, 1) || !dma_reads(v, va, 2)) {
        return OUTCOME_FAIL;
    }
    *nested_entry(v, va) = nested_leaf(b) & ~FS_WRITE;
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
    *nested_entry(v, va) = nested_leaf(a);
    if (!nested_invalidate(v, &n, va, 1) || !dma_reads(v, va, 1)) {
        return OUTCOME_FAIL;
    }
    return found(v, "after each invalidation: another page, read-only "
                 "(reason 0x%x), not there (0x%x), the first page again",
                 dma_reason(status), dma_reason(gone));
}

/* An invalidation that must end in @error after @done of its entries. */
static bool refuses(Vfio *v, HwptInvalidate *inv, const char *what, int error,
                    uint32_t done)
{
    uint32_t before = inv->entry_num;

    if (vfio_call(v, "IOMMU_HWPT_INVALIDATE", IOMMUFD_HWPT_INVALIDATE, inv)) {
        wrong(v, "%s: accepted", what);
        return false;
    }
    if (errno != error || (inv->entry_num != done &&
                           inv->entry_num != before)) {
        wrong(v, "%s: %s, %" PRIu32 " entries done; wanted %s, %" PRIu32,
              what, strerror(errno), inv->entry_num, strerror(error), done);
        return false;
    }
    inv->entry_num = before;
    return true;
}

Outcome check_nested_refusals(Vfio *v)
{
    HwptVtdS1Invalidate e[2] = { { .addr = nested_va(v), .npages = 1 } };
    HwptVtdS1 bad = { .table = NESTED_GPA, .addr_width = 40 };
    HwptInvalidate inv = {
        .size = sizeof(inv), .data = (uintptr_t)e, .entry_len = sizeof(e[0]),
        .entry_num = 1,
    };
    Nested n;
    Outcome outcome = nested_begin(v, &n, 0, 0);
    uint32_t odd;

    if (outcome != OUTCOME_OK) {
        return outcome;
    }
    arena_fill(v, TABLE_PAGES, 1);
    *nested_entry(v, nested_va(v)) = nested_leaf(TABLE_PAGES);
    inv.hwpt_id = n.hwpt;
    if (!vfio_attach(v, n.hwpt, NO_PASID) || !dma_reads(v, nested_va(v), 1)) {
        return OUTCOME_FAIL;
    }
    inv.data_type = 77;
    if (!refuses(v, &inv, "an unknown type", EINVAL, 0)) {
        return OUTCOME_FAIL;
    }
    inv.data_type = 0;
    e[0].addr += 8;
    if (!refuses(v, &inv, "an address inside a page", EINVAL, 0)) {
        return OUTCOME_FAIL;
    }
    e[0].addr -= 8;
    e[1] = (HwptVtdS1Invalidate){ .flags = 2 };
    inv.entry_num = 2;
    if (!refuses(v, &inv, "an unknown flag", EOPNOTSUPP, 1)) {
        return OUTCOME_FAIL;
    }
    /* a table of 40 bits does not exist; what is attached stays */
    odd = vfio_hwpt(v, n.parent, 0, &bad, 0);
    if (odd && vfio_attach(v, odd, NO_PASID)) {
        return wrong(v, "a first stage of 40 bits was attached");
    }
    return found(v, "unknown type, address and flag, and a table of 40 bits "
                 "refused");
}

/* The second stage changes below the first. */
Outcome check_nested_parent(Vfio *v)
{
    const uint64_t va = nested_va(v);
    const uint64_t gpa = NESTED_GPA + ARENA_PAGES * PAGE;
    const unsigned a = TABLE_PAGES, b = TABLE_PAGES + 1;
    Nested n;
    Outcome outcome = nested_begin(v, &n, 0, 0);
    uint64_t status;

    if (outcome != OUTCOME_OK) {
        return outcome;
    }
    arena_fill(v, a, 1);
    arena_fill(v, b, 2);
    *nested_entry(v, va) = gpa | FS_PRESENT | FS_WRITE | FS_USER;
    if (!vfio_map(v, n.ioas, arena_page(v, a), gpa, PAGE, RW) ||
        !vfio_attach(v, n.hwpt, NO_PASID) || !dma_reads(v, va, 1) ||
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
    Outcome outcome = nested_begin(v, &n, HWPT_PASID, 0);

    if (outcome != OUTCOME_OK) {
        return outcome;
    }
    arena_fill(v, a, 1);
    arena_fill(v, b, 2);
    *nested_entry(v, va) = nested_leaf(a);
    /* without PASID: the second stage alone, where page b has another tag */
    if (!vfio_attach(v, n.parent, NO_PASID)) {
        return OUTCOME_FAIL;
    }
    if (!vfio_attach(v, n.hwpt, 9)) {
        return lacking(v);
    }
    if (!dma_reads(v, NESTED_GPA + b * PAGE, 2)) {
        return OUTCOME_FAIL;
    }
    v->pasid = 9;
    if (!dma_reads(v, va, 1)) {
        return OUTCOME_FAIL;
    }
    *nested_entry(v, va) = nested_leaf(b);
    if (!nested_invalidate(v, &n, va, 1) || !dma_reads(v, va, 2) ||
        !vfio_detach(v, 9)) {
        return OUTCOME_FAIL;
    }
    return found(v, "PASID 9 through both stages, before and after an "
                 "invalidation; without PASID through the second");
}
