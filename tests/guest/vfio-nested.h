/* SPDX-License-Identifier: BSD-3-Clause */
/* First-stage tables of the program's own, over a second stage of Linux's. */
#ifndef TESTS_GUEST_VFIO_NESTED_H
#define TESTS_GUEST_VFIO_NESTED_H

#include "vfio.h"

/* The arena in the second stage's addresses; the tables begin it. */
#define NESTED_GPA  0x10000000ull
/* The first stage's, by the tables' levels: in the upper part of what they
 * reach.  Tables are there for 2 MiB from here on. */
#define NESTED_VA_4 0x7f1234400000ull
#define NESTED_VA_5 0xfb7f1234400000ull

/* VT-d 9.7 */
#define FS_PRESENT  (1ull << 0)
#define FS_WRITE    (1ull << 1)
#define FS_USER     (1ull << 2)
#define FS_ACCESSED (1ull << 5)
#define FS_DIRTY    (1ull << 6)
#define FS_LARGE    (1ull << 7)

typedef struct Nested {
    uint32_t ioas;
    uint32_t parent;
    uint32_t hwpt;
} Nested;

/* Makes the three and empty tables; attaches nothing. */
Outcome nested_begin(Vfio *v, Nested *n, uint32_t flags, uint32_t fault);
uint64_t nested_va(const Vfio *v);
/* The entry that maps @va to a page. */
uint64_t *nested_entry(const Vfio *v, uint64_t va);
/* The one above, which maps 2 MiB to a table of these. */
uint64_t *nested_table_entry(const Vfio *v, uint64_t va);
/* What maps to page @page of the arena, for reading and writing. */
uint64_t nested_leaf(unsigned page);
/* Of @pages pages from @va, or with all ones of everything. */
bool nested_invalidate(Vfio *v, const Nested *n, uint64_t va, uint64_t pages);

#endif
