/* SPDX-License-Identifier: BSD-3-Clause */
#include "modes.h"

#define PER_TABLE 512u

/* Map @pages pages, a table at once: one by one takes minutes by qtest. */
bool bench_map_pages(GuestAlloc *alloc, BenchEntryOf entry_of,
                     const void *stage, uint64_t addr, uint64_t pages,
                     uint64_t to, uint64_t to_pages, uint64_t flags)
{
    for (uint64_t i = 0, n; i < pages; i += n) {
        uint64_t room = PER_TABLE - (addr / BENCH_PAGE + i) % PER_TABLE;
        uint64_t at = entry_of(stage, alloc, addr + i * BENCH_PAGE);
        uint64_t words[PER_TABLE];

        n = pages - i < room ? pages - i : room;
        for (uint64_t k = 0; k < n; k++) {
            /* hosts of the benchmarks are little-endian */
            words[k] = (to + (i + k) % to_pages * BENCH_PAGE) | flags;
        }
        if (!at) {
            return false;
        }
        alloc->mem.write(alloc->mem.opaque, at, words, n * 8);
    }
    return true;
}
