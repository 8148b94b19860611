/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * viommu in QEMU: which functions have DMA that passes through their unit, so
 * that system memory itself answers it.
 */
#include "qemu/osdep.h"
#include "hw/viommu/core/common.h"

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

/* Whether the layers of @space have to follow what the unit says now. */
static bool space_turns(ViommuSpace *space)
{
    bool direct = space_passes(space);

    qatomic_set(&space->stays_translated, !direct);
    return direct != space->is_direct;
}

static void space_turn(ViommuSpace *space)
{
    space->is_direct = !space->is_direct;
    memory_region_set_enabled(&space->direct, space->is_direct);
    /*
     * Below system memory the unit still answers beyond its address width,
     * with the fault that is due there.  Not for VFIO, which would take what
     * it sees of that layer for translations to mirror.
     */
    if (space->glue->mirrors) {
        memory_region_set_enabled(MEMORY_REGION(&space->translated),
                                  !space->is_direct);
    }
}

void viommu_space_update(ViommuSpace *space)
{
    if (space_turns(space)) {
        space_turn(space);
    }
}

/*
 * Who keeps translations (vhost) goes with the layer that gave them, and comes
 * with the next one.  So it hears of the end of what it has got from the one
 * before that is taken away, and from system memory after that: it has kept
 * addresses that were their own translations.
 */
static void update(ViommuGlue *glue, const PCIBus *bus, uint32_t source,
                   uint32_t mask)
{
    bool any = false;

    for (unsigned i = 0; i < glue->spaces->len; i++) {
        ViommuSpace *space = g_ptr_array_index(glue->spaces, i);

        if (!viommu_space_alive(space) || (bus && space->bus != bus) ||
            !viommu_space_matches(space, source, mask) ||
            !space_turns(space)) {
            continue;
        }
        any = space->turns = true;
        if (!space->is_direct) {
            viommu_notify_all_gone(space);
        }
    }
    if (!any) {
        return;
    }
    memory_region_transaction_begin();
    for (unsigned i = 0; i < glue->spaces->len; i++) {
        ViommuSpace *space = g_ptr_array_index(glue->spaces, i);

        if (space->turns) {
            space_turn(space);
        }
    }
    memory_region_transaction_commit();
    for (unsigned i = 0; i < glue->spaces->len; i++) {
        ViommuSpace *space = g_ptr_array_index(glue->spaces, i);

        if (space->turns && !space->is_direct) {
            viommu_notify_all_gone(space);
        }
        space->turns = false;
    }
}

void viommu_spaces_update(ViommuGlue *glue, uint32_t source, uint32_t mask)
{
    update(glue, NULL, source, mask);
}

/*
 * Hits have their source's number with them.  Everything else is decided, or
 * was told, for the old one.
 */
void viommu_sources_changed(ViommuGlue *glue, const PCIBus *bus)
{
    const ViommuInvalidation interrupts = {
        .what = VIOMMU_INV_INTERRUPT,
    };

    viommu_passed_follow(glue);
    update(glue, bus, VIOMMU_ANY, 0);
    viommu_notify_sources(glue, bus);
    if (glue->kind->routes_changed) {
        glue->kind->routes_changed(glue, &interrupts);
    }
}
