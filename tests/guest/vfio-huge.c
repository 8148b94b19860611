/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checks of "vfio" with pages of 2 MiB: Linux maps such memory with large
 * pages of its own, and the first stage can have them too.  The size of a
 * translation is that of the smaller one.  Needs "hugepages=" at boot.
 */
#include <inttypes.h>
#include <sys/mman.h>

#include "vfio-nested.h"

#define RW          (IOAS_MAP_READABLE | IOAS_MAP_WRITEABLE)
#define HUGE        (2ul << 20)
#define HUGE_GPA    0x20000000ull
#define LAST        (HUGE - PAGE)   /* the last small page of a large one */

static uint8_t *huge_memory(Vfio *v)
{
    void *at = mmap(NULL, HUGE, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_POPULATE,
                    -1, 0);

    if (at == MAP_FAILED) {
        wrong(v, "no page of 2 MiB");
        return NULL;
    }
    return at;
}

static bool size_is(Vfio *v, const char *what, uint64_t iova, uint64_t size)
{
    uint64_t have = dma_translation_size(v, iova);

    if (have != size) {
        wrong(v, "%s: the translation is of %" PRIu64 " bytes, not %" PRIu64,
              what, have, size);
        return false;
    }
    return true;
}

Outcome check_huge(Vfio *v)
{
    uint32_t ioas = vfio_ioas(v);
    uint8_t *huge = huge_memory(v);
    uint64_t status;

    if (!ioas || !huge) {
        return OUTCOME_FAIL;
    }
    memory_fill(v, huge + LAST, 1);
    arena_fill(v, 0, 2);
    if (!vfio_map(v, ioas, huge, HUGE_GPA, HUGE, RW) ||
        !vfio_map(v, ioas, v->arena, HUGE_GPA + HUGE, PAGE, RW) ||
        !vfio_attach(v, ioas, NO_PASID) ||
        !size_is(v, "large", HUGE_GPA + LAST, HUGE) ||
        !size_is(v, "small", HUGE_GPA + HUGE, PAGE) ||
        !dma_reads(v, HUGE_GPA + LAST, 1) ||
        !dma_reads(v, HUGE_GPA + HUGE, 2)) {
        return OUTCOME_FAIL;
    }
    v->ats = false;
    if (!dma_reads(v, HUGE_GPA + LAST, 1) ||
        !vfio_unmap(v, ioas, HUGE_GPA, HUGE)) {
        return OUTCOME_FAIL;
    }
    status = vfio_dma(v, TESTDEV_CMD_READ, HUGE_GPA + LAST, 0, PAGE);
    v->ats = true;
    if (!dma_blocked(status) ||
        !dma_blocked(vfio_dma(v, TESTDEV_CMD_READ, HUGE_GPA + LAST, 0,
                              PAGE))) {
        return wrong(v, "read after unmap: status 0x%" PRIx64, status);
    }
    munmap(huge, HUGE);
    return found(v, "2 MiB in one translation, read, unmapped: blocked");
}

Outcome check_nested_huge(Vfio *v)
{
    const uint64_t va = nested_va(v);
    uint8_t *huge = huge_memory(v);
    uint64_t *table_entry, table;
    Nested n;
    Outcome outcome = nested_begin(v, &n, NO_PASID, 0);

    if (outcome != OUTCOME_OK || !huge) {
        return huge ? outcome : OUTCOME_FAIL;
    }
    memory_fill(v, huge + LAST, 1);
    arena_fill(v, ARENA_PAGES - 1, 2);
    table_entry = nested_table_entry(v, va);
    table = *table_entry;
    *nested_entry(v, va) = nested_small(v, HUGE_GPA);
    *nested_entry(v, va + LAST) = nested_small(v, HUGE_GPA + LAST);
    if (!vfio_map(v, n.ioas, huge, HUGE_GPA, HUGE, RW) ||
        !nested_attach(v, &n) ||
        !size_is(v, "small over large", va + LAST, PAGE) ||
        !dma_reads(v, va + LAST, 1)) {
        return OUTCOME_FAIL;
    }
    *table_entry = nested_large(v, HUGE_GPA);
    if (!nested_invalidate(v, &n, 0, ~0ull) ||
        !size_is(v, "large over large", va + LAST, HUGE) ||
        !dma_reads(v, va + LAST, 1)) {
        return OUTCOME_FAIL;
    }
    *table_entry = nested_large(v, NESTED_GPA);
    if (!nested_invalidate(v, &n, va, HUGE / PAGE) ||
        !size_is(v, "large over small", va + LAST, PAGE) ||
        !dma_reads(v, va + LAST, 2)) {
        return OUTCOME_FAIL;
    }
    *table_entry = table;
    if (!nested_invalidate(v, &n, 0, ~0ull) || !dma_reads(v, va + LAST, 1)) {
        return OUTCOME_FAIL;
    }
    munmap(huge, HUGE);
    return found(v, "4 KiB over 2 MiB, 2 MiB over 2 MiB, 2 MiB over 4 KiB: "
                 "translations of 4 KiB, 2 MiB, 4 KiB");
}
