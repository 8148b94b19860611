/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Our definitions of a kernel's ABI beside Linux's own: rows of a table, and
 * the program that compares them.  Prints TAP.
 */
#ifndef TESTS_UAPI_ABI_H
#define TESTS_UAPI_ABI_H

#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef struct AbiRow {
    const char *name;       /* Linux's */
    uint64_t ours, theirs;
    uint64_t size, their_size;
} AbiRow;

#define NUMBER(ours, theirs) { #theirs, ours, theirs, 0, 0 }
#define SIZE(ours, theirs) \
    { "struct " #theirs, sizeof(ours), sizeof(struct theirs), 0, 0 }
#define MEMBER(ours, member, theirs, their_member) \
    { #theirs "." #their_member, \
      offsetof(ours, member), offsetof(struct theirs, their_member), \
      sizeof(((ours *)NULL)->member), \
      sizeof(((struct theirs *)NULL)->their_member) }
/* an array at the end */
#define TAIL(ours, member, theirs, their_member) \
    { #theirs "." #their_member "[]", \
      offsetof(ours, member), offsetof(struct theirs, their_member), \
      sizeof(((ours *)NULL)->member[0]), \
      sizeof(((struct theirs *)NULL)->their_member[0]) }

static int abi_compare(const char *what, const AbiRow *rows, size_t n)
{
    size_t bad = 0, i;

    for (i = 0; i < n; i++) {
        const AbiRow *row = &rows[i];

        if (row->ours != row->theirs || row->size != row->their_size) {
            printf("# %s: %#" PRIx64 " and %" PRIu64 " bytes here, %#" PRIx64
                   " and %" PRIu64 " in Linux\n", row->name, row->ours,
                   row->size, row->theirs, row->their_size);
            bad++;
        }
    }
    printf("%sok 1 - %s: %zu numbers, sizes and offsets like Linux's\n1..1\n",
           bad ? "not " : "", what, n);
    return bad != 0;
}

#endif
