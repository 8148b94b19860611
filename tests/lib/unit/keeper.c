/* SPDX-License-Identifier: BSD-3-Clause */
#include "keeper.h"

static bool overlap(const KeeperEntry *e, uint64_t addr, uint64_t size)
{
    uint64_t mask = e->reply.size - 1;      /* of 2^64: all */
    uint64_t first = e->req.addr & ~mask, last = e->req.addr | mask;

    return !(addr > last || addr + (size - 1) < first);
}

static void on_invalidated(Fixture *f, const ViommuInvalidation *inv)
{
    Keeper *k = f->keeper;

    for (unsigned i = 0; i < KEEPER_ENTRIES; i++) {
        KeeperEntry *e = &k->entries[i];
        uint64_t addr, size;

        if (e->valid &&
            viommu_invalidation_concerns(f->unit, inv, e->req.source,
                                         e->req.pasid, &addr, &size) &&
            overlap(e, addr, size)) {
            e->valid = false;
            k->dropped++;
        }
    }
}

void keeper_start(Keeper *k, Fixture *f)
{
    *k = (Keeper) { 0 };
    f->keeper = k;
    f->invalidated = on_invalidated;
}

unsigned keeper_keep(Keeper *k, const ViommuRequest *req,
                     const ViommuReply *reply)
{
    unsigned i = k->next;

    k->entries[i] = (KeeperEntry) { .valid = true, .req = *req,
                                    .reply = *reply };
    k->next = (i + 1) % KEEPER_ENTRIES;
    k->kept++;
    return i;
}

const KeeperEntry *keeper_next(Keeper *k, unsigned *i)
{
    while (*i < KEEPER_ENTRIES && !k->entries[*i].valid) {
        (*i)++;
    }
    if (*i == KEEPER_ENTRIES) {
        return NULL;
    }
    k->compared++;
    return &k->entries[*i];
}
