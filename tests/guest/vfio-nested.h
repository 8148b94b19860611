/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * First-stage tables of the program's own, over a second stage of Linux's.
 * Both architectures have tables of 512 entries of 8 bytes; what the bits
 * mean, and how Linux is told of them, is in amd64/ and arm64/.
 */
#ifndef TESTS_GUEST_VFIO_NESTED_H
#define TESTS_GUEST_VFIO_NESTED_H

#include "vfio.h"

/* The arena in the second stage's addresses; the tables begin it. */
#define NESTED_GPA  0x10000000ull
#define TABLE_PAGES 16u     /* of the arena; data comes behind them */
/* The first stage's, by the tables' levels: in the upper part of what they
 * reach.  Tables are there for 2 MiB from here on. */
#define NESTED_VA_4 0x7f1234400000ull
#define NESTED_VA_5 0xfb7f1234400000ull

typedef struct Nested {
    uint32_t ioas;
    uint32_t parent;
    uint32_t viommu;        /* where there is such an object */
    uint32_t hwpt;
    uint32_t pasid;         /* which has the first stage, or NO_PASID */
} Nested;

/* --- common -------------------------------------------------------------- */

/* The address space, the parent with @flags, and empty tables. */
Outcome nested_space(Vfio *v, Nested *n, uint32_t flags);
uint64_t nested_va(const Vfio *v);
/* The entry that maps @va to a page. */
uint64_t *nested_entry(const Vfio *v, uint64_t va);
/* The one above, which maps 2 MiB to a table of these. */
uint64_t *nested_table_entry(const Vfio *v, uint64_t va);
/* The one of a level, from 1 for pages on. */
uint64_t *nested_entry_of_level(const Vfio *v, uint64_t va, unsigned level);
/* What maps to page @page of the arena, for reading and writing. */
uint64_t nested_leaf(const Vfio *v, unsigned page);

/* --- of the architecture ------------------------------------------------- */

/* nested_space(), and a first stage over it; attaches nothing.  With @pasid,
 * requests with that PASID have it, and others the second stage alone. */
Outcome nested_begin(Vfio *v, Nested *n, uint32_t pasid, uint32_t fault);
bool nested_attach(Vfio *v, const Nested *n);
bool nested_detach(Vfio *v, const Nested *n);
/* Of @pages pages from @va, or with all ones of everything. */
bool nested_invalidate(Vfio *v, const Nested *n, uint64_t va, uint64_t pages);
/* After an entry came to allow more, because of a fault. */
bool nested_permit(Vfio *v, const Nested *n, uint64_t va);

/* Entries: a table's flags; pages, and 2 MiB, for reading and writing. */
extern const uint64_t nested_table_bits;
uint64_t nested_small(const Vfio *v, uint64_t gpa);
uint64_t nested_large(const Vfio *v, uint64_t gpa);
uint64_t nested_read_only(const Vfio *v, unsigned page);
/* Are the flags those of a page that was read, or also written? */
bool nested_flags_right(Vfio *v, const Nested *n, uint64_t va, bool written);

#endif
