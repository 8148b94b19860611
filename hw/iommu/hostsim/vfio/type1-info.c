/* SPDX-License-Identifier: BSD-3-Clause */
/* What a container tells of itself: a structure and a chain behind it. */
#include <errno.h>
#include <string.h>

#include "hw/iommu/hostsim/vfio/chain.h"
#include "hw/iommu/hostsim/vfio/container.h"

unsigned sim_type1_ranges(const SimType1 *type1,
                          VfioIovaRange ranges[SIM_TYPE1_RANGES_MAX])
{
    const SimPhysOps *phys = type1->sim->phys;
    uint64_t last = type1->domain->last;

    ranges[0] = (VfioIovaRange) { 0, phys->msi_first - 1 };
    ranges[1] = (VfioIovaRange) { phys->msi_last + 1, last };
    return 2;
}

static GByteArray *capabilities(const SimType1 *type1)
{
    GByteArray *chain = g_byte_array_new();
    VfioIommuCapDmaAvail avail = { .avail = type1->available };
    VfioIovaRange ranges[SIM_TYPE1_RANGES_MAX];
    unsigned n = sim_type1_ranges(type1, ranges);
    uint32_t size = sizeof(VfioIommuCapIovaRange) + n * sizeof(ranges[0]);
    g_autofree VfioIommuCapIovaRange *iova = g_malloc0(size);

    /* kernels that vSVA was proposed for did not tell of mappings yet */
    if (type1->vsva) {
        VsvaIommuCapNesting nesting = {
            .nesting_capabilities = VSVA_NESTING_PASID_REQS,
            .stage1_formats = VSVA_STAGE1_INTEL_VTD,
        };

        sim_chain_add(chain, &nesting.header, VSVA_IOMMU_CAP_NESTING,
                      sizeof(nesting));
    } else {
        VfioIommuCapMigration migration = {
            .pgsize_bitmap = SIM_PAGE,
            .max_dirty_bitmap_size = SIM_DIRTY_BITMAP_MAX,
        };

        sim_chain_add(chain, &migration.header, VFIO_ABI_IOMMU_CAP_MIGRATION,
                      sizeof(migration));
        sim_chain_add(chain, &avail.header, VFIO_ABI_IOMMU_CAP_DMA_AVAIL,
                      sizeof(avail));
    }
    iova->nr_iovas = n;
    memcpy(iova->ranges, ranges, n * sizeof(ranges[0]));
    sim_chain_add(chain, &iova->header, VFIO_ABI_IOMMU_CAP_IOVA_RANGE, size);
    return chain;
}

int sim_iommu_info(GByteArray *chain, void *arg)
{
    const uint32_t min = offsetof(VfioIommuInfo, cap_offset);
    VfioIommuInfo info = { 0 };
    uint32_t known;
    int ret;

    ret = sim_copy_in(&info, arg, min);
    if (!ret && info.argsz < min) {
        ret = -EINVAL;
    }
    if (!ret && !chain) {
        ret = -ENODEV;
    }
    if (ret) {
        g_clear_pointer(&chain, g_byte_array_unref);
        return ret;
    }
    known = MIN(info.argsz, sizeof(info));
    info.flags = VFIO_ABI_IOMMU_INFO_PGSIZES | VFIO_ABI_IOMMU_INFO_CAPS;
    info.iova_pgsizes = -(uint64_t)SIM_PAGE;
    ret = sim_chain_out(chain, arg, sizeof(info), &info.argsz,
                        &info.cap_offset);
    return ret ? ret : sim_copy_out(arg, &info, known);
}

int sim_type1_get_info(SimType1 *type1, void *arg)
{
    return sim_may_allocate(type1->sim, SIM_PAGE)
           ? sim_iommu_info(capabilities(type1), arg) : -ENOMEM;
}
