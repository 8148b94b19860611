/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checks of "vfio" in which Linux writes the page tables: address spaces of
 * iommufd, with and without PASID, and dirty tracking.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "guest.h"
#include "vfio.h"

#define RW              (IOAS_MAP_READABLE | IOAS_MAP_WRITEABLE)
#define IOVA            0x40000000ull
#define IOVA_READ_ONLY  0x50000000ull

/* Copies that cross pages, at odd addresses. */
static bool copies(Vfio *v)
{
    const uint64_t from = 0x123, to = 16 * PAGE + 0x777, size = 5 * PAGE + 9;
    uint64_t status = vfio_dma(v, TESTDEV_CMD_COPY, IOVA + from, IOVA + to,
                               size);
    const uint8_t *mem = v->arena;

    if (!dma_done(status) || memcmp(mem + from, mem + to, size) ||
        mem[to - 1] || mem[to + size]) {
        wrong(v, "copy of %" PRIu64 " bytes: status 0x%" PRIx64 "%s", size,
              status, memcmp(mem + from, mem + to, size) ? ", wrong data" : "");
        return false;
    }
    return true;
}

Outcome check_ioas(Vfio *v)
{
    uint32_t ioas = vfio_ioas(v);
    uint64_t gone, refused;

    for (unsigned i = 0; i < 16; i++) {
        arena_fill(v, i, i);
    }
    arena_fill(v, 100, 100);
    if (!ioas || !vfio_map(v, ioas, v->arena, IOVA, 32 * PAGE, RW) ||
        !vfio_map(v, ioas, arena_page(v, 100), IOVA_READ_ONLY, PAGE,
                  IOAS_MAP_READABLE) ||
        !vfio_attach(v, ioas, NO_PASID) || !copies(v)) {
        return OUTCOME_FAIL;
    }
    if (!dma_reads(v, IOVA_READ_ONLY, 100)) {
        return OUTCOME_FAIL;
    }
    refused = vfio_dma(v, TESTDEV_CMD_FILL, 0, IOVA_READ_ONLY, PAGE);
    if (!dma_blocked(refused) || dma_written(v, 100)) {
        return wrong(v, "write of a read-only page: status 0x%" PRIx64,
                     refused);
    }
    if (!vfio_unmap(v, ioas, IOVA, 32 * PAGE)) {
        return OUTCOME_FAIL;
    }
    gone = vfio_dma(v, TESTDEV_CMD_READ, IOVA + PAGE, 0, PAGE);
    if (!dma_blocked(gone)) {
        return wrong(v, "read after unmap: status 0x%" PRIx64, gone);
    }
    /* other memory at an address that was used before */
    if (!vfio_map(v, ioas, arena_page(v, 7), IOVA + PAGE, PAGE, RW) ||
        !dma_reads(v, IOVA + PAGE, 7)) {
        return OUTCOME_FAIL;
    }
    return found(v, "20489 bytes copied, read-only page kept (reason 0x%x), "
                 "unmapped page blocked (0x%x), new page seen",
                 dma_reason(refused), dma_reason(gone));
}

/* --- dirty tracking ------------------------------------------------------ */

#define DIRTY_PAGES 128u

typedef struct Bitmap {
    uint64_t words[DIRTY_PAGES / 64];
} Bitmap;

static bool dirty_switch(Vfio *v, uint32_t hwpt, bool on)
{
    HwptSetDirty set = { .size = sizeof(set), .hwpt_id = hwpt, .flags = on };

    return vfio_call(v, "IOMMU_HWPT_SET_DIRTY_TRACKING",
                     IOMMUFD_SET_DIRTY_TRACKING, &set);
}

/* Reads and clears; the pages are those of @pages, which ends with -1. */
static bool dirty_is(Vfio *v, uint32_t hwpt, const char *when,
                     const int *pages)
{
    Bitmap have = { { 0 } }, want = { { 0 } };
    HwptGetDirty get = {
        .size = sizeof(get), .hwpt_id = hwpt, .iova = IOVA,
        .length = DIRTY_PAGES * PAGE, .page_size = PAGE,
        .data = (uintptr_t)have.words,
    };

    if (!vfio_call(v, "IOMMU_HWPT_GET_DIRTY_BITMAP",
                   IOMMUFD_GET_DIRTY_BITMAP, &get)) {
        return false;
    }
    for (; *pages >= 0; pages++) {
        want.words[*pages / 64] |= 1ull << (*pages % 64);
    }
    if (memcmp(&have, &want, sizeof(have))) {
        wrong(v, "%s: bitmap %016" PRIx64 " %016" PRIx64 ", wanted %016"
              PRIx64 " %016" PRIx64, when, have.words[1], have.words[0],
              want.words[1], want.words[0]);
        return false;
    }
    return true;
}

static bool fill_pages(Vfio *v, const int *pages)
{
    for (; *pages >= 0; pages++) {
        uint64_t status = vfio_dma(v, TESTDEV_CMD_FILL, 0,
                                   IOVA + *pages * PAGE, PAGE);

        if (!dma_done(status) || !dma_written(v, *pages)) {
            wrong(v, "write of page %d: status 0x%" PRIx64, *pages, status);
            return false;
        }
    }
    return true;
}

/* Linux maps what is contiguous with large pages otherwise. */
static bool small_pages(Vfio *v, uint32_t ioas)
{
    IoasOption option = {
        .size = sizeof(option), .option_id = IOAS_OPTION_HUGE_PAGES,
        .object_id = ioas,
    };

    return vfio_call(v, "IOMMU_OPTION", IOMMUFD_OPTION, &option);
}

Outcome check_dirty(Vfio *v)
{
    static const int none[] = { -1 };
    static const int before[] = { 2, 9, -1 };
    static const int first[] = { 3, 5, 63, 64, 127, -1 };
    static const int again[] = { 5, 9, -1 };
    uint32_t ioas = vfio_ioas(v), hwpt;

    if (!ioas || !small_pages(v, ioas) ||
        !vfio_map(v, ioas, v->arena, IOVA, DIRTY_PAGES * PAGE, RW)) {
        return OUTCOME_FAIL;
    }
    hwpt = vfio_hwpt(v, ioas, HWPT_DIRTY_TRACKING, 0);
    if (!hwpt) {
        return lacking(v);
    }
    /* page 2 is cached, and dirty already, when tracking starts */
    if (!vfio_attach(v, hwpt, NO_PASID) || !fill_pages(v, before) ||
        !dirty_switch(v, hwpt, true) ||
        !dirty_is(v, hwpt, "at the start", none) ||
        !fill_pages(v, first)) {
        return OUTCOME_FAIL;
    }
    arena_fill(v, 20, 20);
    if (!dma_reads(v, IOVA + 20 * PAGE, 20) ||
        !dirty_is(v, hwpt, "after five writes and a read", first) ||
        !dirty_is(v, hwpt, "at the second read", none)) {
        return OUTCOME_FAIL;
    }
    /* a page that was dirty and was cleared must show again */
    if (!arch_forget_dirty(v, hwpt) || !fill_pages(v, again) ||
        !dirty_is(v, hwpt, "once more", again) ||
        !dirty_switch(v, hwpt, false)) {
        return OUTCOME_FAIL;
    }
    return found(v, "pages 3 5 63 64 127 of %u written and reported, then "
                 "none, then 5 9", DIRTY_PAGES);
}

/* --- PASIDs -------------------------------------------------------------- */

/* An address space with one page of the arena, that may have a PASID. */
static uint32_t one_page_space(Vfio *v, unsigned page)
{
    uint32_t ioas = vfio_ioas(v);

    arena_fill(v, page, page);
    if (!ioas || !vfio_map(v, ioas, arena_page(v, page), IOVA, PAGE, RW)) {
        return 0;
    }
    return vfio_hwpt(v, ioas, HWPT_PASID, 0);
}

Outcome check_pasid(Vfio *v)
{
    uint32_t plain, five, six;
    uint64_t other, gone;

    plain = one_page_space(v, 1);
    if (!plain) {
        return lacking(v);
    }
    five = one_page_space(v, 2);
    six = one_page_space(v, 3);
    if (!five || !six || !vfio_attach(v, plain, NO_PASID)) {
        return OUTCOME_FAIL;
    }
    if (!vfio_attach(v, five, 5)) {
        return lacking(v);
    }
    if (!vfio_attach(v, six, 6) || !dma_reads(v, IOVA, 1)) {
        return OUTCOME_FAIL;
    }
    v->pasid = 5;
    if (!dma_reads(v, IOVA, 2)) {
        return OUTCOME_FAIL;
    }
    v->pasid = 6;
    if (!dma_reads(v, IOVA, 3)) {
        return OUTCOME_FAIL;
    }
    v->pasid = 7;
    other = vfio_dma(v, TESTDEV_CMD_READ, IOVA, 0, PAGE);
    if (!dma_blocked(other) || !vfio_detach(v, 5)) {
        return wrong(v, "PASID 7: status 0x%" PRIx64, other);
    }
    v->pasid = 5;
    gone = vfio_dma(v, TESTDEV_CMD_READ, IOVA, 0, PAGE);
    v->pasid = 6;
    if (!dma_blocked(gone) || !dma_reads(v, IOVA, 3) || !vfio_detach(v, 6)) {
        return wrong(v, "after PASID 5 was detached: status 0x%" PRIx64,
                     gone);
    }
    return found(v, "one address, three spaces: without PASID, 5 and 6; 7 "
                 "blocked (reason 0x%x), 5 when detached (0x%x)",
                 dma_reason(other), dma_reason(gone));
}
