/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reset, save and load.  The state is the registers, what was latched from
 * them, and with virtual commands a bit for each PASID that is given out;
 * caches are not part of it.
 */
#include <string.h>

#include "hw/iommu/common/stream.h"
#include "hw/iommu/vtd/unit.h"

#define STREAM_VERSION 1

/* behind the registers; then the PASIDs */
enum { TAIL_ROOT, TAIL_IRTA, TAIL_NEXT_FRCD, TAIL_WORDS };

void vtd_reset(Viommu *unit)
{
    VtdUnit *u = vtd_unit(unit);
    size_t n = vtd_pasid_words(&u->cfg);
    g_autofree uint64_t *forgotten = g_new0(uint64_t, n);

    viommu_unit_lock(unit);
    viommu_regs_reset(&u->common.regs);
    u->next_frcd = 0;
    vtd_pasids_forget(u, forgotten);
    u->queue_life++;
    viommu_work_forget(unit);
    u->ccmd_undrained = 0;
    u->iotlb_undrained = 0;
    viommu_publish(&u->timed_out, 0);
    viommu_publish(&u->root, 0);
    viommu_publish(&u->irta, 0);
    vtd_registers_publish(u);
    viommu_unit_unlock(unit);

    vtd_invalidate_all(u);
    if (!viommu_read_held()) {
        viommu_read_drain();
    }
    vtd_host_pasids_gone(u, forgotten, n);
    vtd_host_reset(u, false);
}

/* What must be the same on both sides. */
enum { ID_CAP, ID_ECAP, ID_WIDTHS, ID_WORDS };

static ViommuStream describe(const VtdUnit *u, uint64_t identity[ID_WORDS])
{
    identity[ID_CAP] = u->common.regs.table[VTD_REG_CAP].reset;
    identity[ID_ECAP] = u->common.regs.table[VTD_REG_ECAP].reset;
    identity[ID_WIDTHS] = u->cfg.aw_bits | (uint64_t)u->cfg.haw_bits << 8;
    return (ViommuStream) {
        .kind = "VIOMVTD", .name = "VT-d", .version = STREAM_VERSION,
        .identity = identity, .identities = ID_WORDS,
        .words = u->common.regs.n + TAIL_WORDS + vtd_pasid_words(&u->cfg),
    };
}

GBytes *vtd_save(Viommu *unit)
{
    VtdUnit *u = vtd_unit(unit);
    uint64_t identity[ID_WORDS];
    ViommuStream stream = describe(u, identity);
    g_autofree uint64_t *word = g_new0(uint64_t, stream.words);
    uint64_t *tail = word + u->common.regs.n;

    viommu_unit_lock(unit);
    memcpy(word, u->common.regs.values, u->common.regs.n * sizeof(*word));
    tail[TAIL_ROOT] = u->root;
    tail[TAIL_IRTA] = u->irta;
    tail[TAIL_NEXT_FRCD] = u->next_frcd;
    for (size_t i = 0; i < vtd_pasid_words(&u->cfg); i++) {
        tail[TAIL_WORDS + i] = u->pasids[i];
    }
    viommu_unit_unlock(unit);
    return viommu_stream_save(&stream, word);
}

bool vtd_load_state(Viommu *unit, const void *data, size_t size,
                    GError **error)
{
    VtdUnit *u = vtd_unit(unit);
    uint64_t identity[ID_WORDS];
    ViommuStream stream = describe(u, identity);
    g_autofree uint64_t *word = viommu_stream_load(&stream, data, size,
                                                   error);
    size_t n = vtd_pasid_words(&u->cfg);
    g_autofree uint64_t *forgotten = g_new0(uint64_t, n);
    const uint64_t *tail;

    if (!word) {
        return false;
    }
    tail = word + u->common.regs.n;
    if (tail[TAIL_NEXT_FRCD] >= u->cfg.fault_records) {
        return viommu_stream_refuse(&stream, error,
                                    "its next fault record does not exist");
    }

    viommu_unit_lock(unit);
    memcpy(u->common.regs.values, word, u->common.regs.n * sizeof(*word));
    u->next_frcd = tail[TAIL_NEXT_FRCD];
    vtd_pasids_forget(u, forgotten);    /* but for those that nobody gets */
    for (size_t i = 0; i < n; i++) {
        u->pasids[i] |= tail[TAIL_WORDS + i];
    }
    vtd_latch_root(u, tail[TAIL_ROOT]);
    viommu_publish(&u->irta, tail[TAIL_IRTA]);
    u->queue_life++;
    viommu_publish(&u->timed_out, 0);
    /* Commands that were under way are still in the registers. */
    viommu_work_forget(unit);
    u->common.work.todo = VTD_WORK_QUEUE;
    vtd_switch_loaded(u);
    if (*vtd_reg(u, VTD_REG_CCMD) & VTD_CCMD_ICC) {
        u->common.work.todo |= VTD_WORK_CCMD;
    }
    if (*vtd_reg(u, VTD_REG_IOTLB) & VTD_IOTLB_IVT) {
        u->common.work.todo |= VTD_WORK_IOTLB;
    }
    if (vtd_virtual_command_loaded(u)) {
        u->common.work.todo |= VTD_WORK_VCMD;
    }
    vtd_registers_publish(u);
    viommu_unit_unlock(unit);

    vtd_invalidate_all(u);
    vtd_host_pasids_gone(u, forgotten, n);
    vtd_host_reset(u, true);
    viommu_unit_run_later(unit);
    return true;
}
