/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reset, save and load.  The state is the registers, and for each stalled
 * transaction its stream and its event; caches are not part of it.
 */
#include <string.h>

#include "hw/iommu/common/stream.h"
#include "hw/iommu/smmuv3/unit.h"

#define STREAM_VERSION 1

/* of a stalled transaction: flags and stream, then the event */
enum { STALL_WORDS = 5, STATE_WORDS = SMMU_REGS + SMMU_STALLS * STALL_WORDS };
static const ViommuField STALL_USED = { 32, 1 };
static const ViommuField STALL_RECORDED = { 33, 1 };

void smmu_reset(Viommu *unit)
{
    SmmuUnit *u = smmu_unit(unit);

    viommu_unit_lock(unit);
    viommu_regs_reset(&u->common.regs);
    memset(u->stalls, 0, sizeof(u->stalls));
    u->queue_life++;
    viommu_work_forget(unit);
    u->irqs = 0;
    u->atc_timeout = false;
    smmu_registers_publish(u);
    viommu_unit_unlock(unit);

    smmu_invalidate_all(u);
    if (!viommu_read_held()) {
        viommu_read_drain();
    }
    smmu_host_reset(u, false);
}

/* What must be the same on both sides. */
enum { IDENTITIES = 6 };

static ViommuStream describe(const SmmuUnit *u, uint64_t identity[IDENTITIES])
{
    for (unsigned i = 0; i < IDENTITIES; i++) {
        identity[i] = u->common.regs.table[SMMU_REG_IDR0 + i].reset;
    }
    return (ViommuStream) {
        .kind = "VIOMSMM", .name = "SMMUv3", .version = STREAM_VERSION,
        .identity = identity, .identities = IDENTITIES,
        .words = STATE_WORDS,
    };
}

GBytes *smmu_save(Viommu *unit)
{
    SmmuUnit *u = smmu_unit(unit);
    uint64_t identity[IDENTITIES];
    ViommuStream stream = describe(u, identity);
    g_autofree uint64_t *words = g_new0(uint64_t, STATE_WORDS);
    uint64_t *w = words + SMMU_REGS;

    viommu_unit_lock(unit);
    memcpy(words, u->common.regs.values, SMMU_REGS * sizeof(*words));
    for (unsigned i = 0; i < SMMU_STALLS; i++, w += STALL_WORDS) {
        const SmmuStall *stall = &u->stalls[i];

        w[0] = viommu_put(stall->source, STALL_USED,
                          stall->used && !stall->answered && !stall->host);
        w[0] = viommu_put(w[0], STALL_RECORDED, stall->recorded);
        memcpy(w + 1, stall->event.word, sizeof(stall->event.word));
    }
    viommu_unit_unlock(unit);
    return viommu_stream_save(&stream, words);
}

bool smmu_load_state(Viommu *unit, const void *data, size_t size,
                     GError **error)
{
    SmmuUnit *u = smmu_unit(unit);
    uint64_t identity[IDENTITIES];
    ViommuStream stream = describe(u, identity);
    g_autofree uint64_t *words = viommu_stream_load(&stream, data, size,
                                                    error);
    const uint64_t *w;

    if (!words) {
        return false;
    }
    viommu_unit_lock(unit);
    memcpy(u->common.regs.values, words, SMMU_REGS * sizeof(*words));
    w = words + SMMU_REGS;
    for (unsigned i = 0; i < SMMU_STALLS; i++, w += STALL_WORDS) {
        SmmuStall *stall = &u->stalls[i];

        *stall = (SmmuStall) {
            .used = viommu_get(w[0], STALL_USED),
            .recorded = viommu_get(w[0], STALL_RECORDED),
            .source = (uint32_t)w[0],
        };
        memcpy(stall->event.word, w + 1, sizeof(stall->event.word));
    }
    u->queue_life++;
    u->atc_timeout = false;
    /* Commands that were under way are still in the registers. */
    viommu_work_forget(unit);
    u->common.work.todo = SMMU_WORK_QUEUE | SMMU_WORK_STALLS;
    smmu_switch_loaded(u);
    if (*smmu_reg(u, SMMU_REG_GATOS_CTRL) & SMMU_GATOS_RUN) {
        u->common.work.todo |= SMMU_WORK_GATOS;
    }
    smmu_registers_publish(u);
    viommu_unit_unlock(unit);

    smmu_invalidate_all(u);
    smmu_host_reset(u, true);
    viommu_unit_run_later(unit);
    return true;
}
