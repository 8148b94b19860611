/* SPDX-License-Identifier: BSD-3-Clause */
/* Where a container's mappings are. */
#include "hw/iommu/common/sorted.h"
#include "hw/iommu/hostsim/vfio/container.h"

static bool ends_before(const void *mappings, size_t i, uint64_t iova)
{
    return g_array_index((const GArray *)mappings, SimMapping, i).last < iova;
}

guint sim_type1_find(const SimType1 *type1, uint64_t iova)
{
    return viommu_sorted_position(type1->mappings, type1->mappings->len, iova,
                                  ends_before);
}

/** Does a mapping reach over @at from what is before it? */
static bool cut_at(const SimType1 *type1, uint64_t at)
{
    guint i = sim_type1_find(type1, at);

    return i < type1->mappings->len && sim_mapping_at(type1, i)->iova < at;
}

bool sim_type1_cuts(const SimType1 *type1, uint64_t iova, uint64_t last)
{
    return cut_at(type1, iova) ||
           (last != UINT64_MAX && cut_at(type1, last + 1));
}
