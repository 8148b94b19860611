/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * viommu in QEMU: which functions have DMA that passes through their unit, so
 * that system memory itself answers it.
 */
#include "qemu/osdep.h"
#include "common.h"

/* So large is no page (and 0 stands for all addresses). */
bool viommu_is_pass_through(const ViommuGlue *glue, const ViommuReply *reply)
{
    return reply->size == 0 || reply->size >= glue->pass_size;
}

static bool space_passes(ViommuSpace *space)
{
    ViommuGlue *glue = space->glue;
    ViommuReply reply;

    if (glue->kind->blocks_part && glue->kind->blocks_part(glue)) {
        return false;
    }
    return viommu_space_probe_one(space, 0, IOMMU_RO, &reply) &&
           (reply.access & IOMMU_RW) == IOMMU_RW && reply.addr == 0 &&
           viommu_is_pass_through(glue, &reply);
}

void viommu_space_update(ViommuSpace *space)
{
    bool direct = space_passes(space);

    qatomic_set(&space->stays_translated, !direct);
    if (direct == space->is_direct) {
        return;
    }
    space->is_direct = direct;
    memory_region_set_enabled(&space->direct, direct);
    /*
     * Below system memory the unit still answers beyond its address width,
     * with the fault that is due there.  Not for VFIO, which would take what
     * it sees of that layer for translations to mirror.
     */
    if (space->glue->mirrors) {
        memory_region_set_enabled(MEMORY_REGION(&space->translated), !direct);
    }
}

void viommu_spaces_update(ViommuGlue *glue, uint32_t source, uint32_t mask)
{
    memory_region_transaction_begin();
    for (unsigned i = 0; i < glue->spaces->len; i++) {
        ViommuSpace *space = g_ptr_array_index(glue->spaces, i);

        if (viommu_space_alive(space) &&
            viommu_space_matches(space, source, mask)) {
            viommu_space_update(space);
        }
    }
    memory_region_transaction_commit();
}
