/* SPDX-License-Identifier: BSD-3-Clause */
/* The common part of a unit is set up, reset, loaded and taken down. */
#include <string.h>

#include "hw/iommu/common/life.h"
#include "hw/iommu/common/members.h"
#include "hw/iommu/common/work.h"

bool viommu_config_range(const char *option, unsigned value, unsigned low,
                         unsigned high, GError **error)
{
    if (value >= low && value <= high) {
        return true;
    }
    g_set_error(error, VIOMMU_ERROR, VIOMMU_ERROR_CONFIG,
                "%s=%u: allowed are %u to %u", option, value, low, high);
    return false;
}

void viommu_unit_init(Viommu *unit, const ViommuModel *model,
                      const ViommuOps *ops, void *opaque)
{
    unit->model = model;
    unit->ops = *ops;
    unit->opaque = opaque;
    unit->ram = viommu_ram_map_new(NULL, 0);
    pthread_mutex_init(&unit->lock, NULL);
    pthread_mutex_init(&unit->ram_lock, NULL);
    /* as after reset */
    viommu_work_forget(unit);
}

void viommu_unit_destroy(Viommu *unit)
{
    viommu_regs_destroy(&unit->regs);
    pthread_mutex_destroy(&unit->lock);
    pthread_mutex_destroy(&unit->ram_lock);
    viommu_ram_map_free(unit->ram);
}

static const ViommuMember members[] = { VIOMMU_MEMBERS(VIOMMU_MEMBER) };
typedef struct ViommuListed {
#define AGAIN(type, name, kind) VIOMMU_MEMBER_AGAIN(type, name)
    VIOMMU_MEMBERS(AGAIN)
} ViommuListed;
typedef struct ViommuWorkListed {
    VIOMMU_WORK_MEMBERS(AGAIN)
} ViommuWorkListed;
#define SAME(type, name, kind) VIOMMU_MEMBER_SAME(type, name)
VIOMMU_MEMBERS(SAME)
VIOMMU_WORK_MEMBERS(SAME)
VIOMMU_MEMBERS_COMPLETE(Viommu);
VIOMMU_MEMBERS_COMPLETE(ViommuWork);

void viommu_unit_replace(Viommu *unit, const uint64_t *values)
{
    viommu_members_replace(unit, members, G_N_ELEMENTS(members), NULL);
    if (values) {
        memcpy(unit->regs.values, values, unit->regs.n * sizeof(*values));
    } else {
        viommu_regs_reset(&unit->regs);
    }
    viommu_work_forget(unit);
}
