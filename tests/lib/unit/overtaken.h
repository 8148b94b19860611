/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A walker that is overtaken: it has read an entry, then the guest changes
 * that entry and invalidates, then the walker goes on and would put the old
 * entry into a cache.  After the guest's wait, the old one must not be found.
 *
 * The entries in question lie outside RAM, where a callback reads them: it
 * holds the walker up in the middle.
 */
#ifndef TESTS_LIB_UNIT_OVERTAKEN_H
#define TESTS_LIB_UNIT_OVERTAKEN_H

#include "fixture.h"

#define OUTSIDE (FIXTURE_RAM * 2)   /* one page */

typedef struct Scene {
    Fixture *f;
    /* whose it is, in tests of these */
    struct Scalable *sm;
    struct Smmu *smmu;

    uint64_t words[512];    /* the page outside RAM; atomic */
    uint64_t hold;          /* where a reader is held up; atomic */
    int held, release, begun;       /* atomic */

    /* what the walker does and got */
    void (*act)(struct Scene *s);
    uint64_t result;

    /* what the control thread does */
    void (*change)(struct Scene *s);
    void (*invalidate)(struct Scene *s);
    int done;               /* atomic */
} Scene;

/** Put the page into the memory of @f. */
void scene_init(Scene *s, Fixture *f);
/** Hold a walker at @addr, change, invalidate, let it go: @after holds
 *  then. */
void overtake(Scene *s, uint64_t addr, uint64_t after);

#endif
