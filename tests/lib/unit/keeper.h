/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Keeps answers of a unit until an invalidation concerns them, as vhost or a
 * mirror does: for tests that compare them with what the tables say now.
 */
#ifndef TESTS_LIB_UNIT_KEEPER_H
#define TESTS_LIB_UNIT_KEEPER_H

#include "fixture.h"

#define KEEPER_ENTRIES 256

typedef struct KeeperEntry {
    bool valid;
    ViommuRequest req;
    ViommuReply reply;
} KeeperEntry;

typedef struct Keeper {
    KeeperEntry entries[KEEPER_ENTRIES];
    unsigned next;
    uint64_t kept, dropped, compared;
} Keeper;

/** Hear of @f's invalidations from now on. */
void keeper_start(Keeper *k, Fixture *f);
/** Keep an answer; returns the index of its entry, which another may have had
 *  before. */
unsigned keeper_keep(Keeper *k, const ViommuRequest *req,
                     const ViommuReply *reply);
/** The next entry that is still kept from *@i on, or NULL. */
const KeeperEntry *keeper_next(Keeper *k, unsigned *i);

#endif
