/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>

#include "tests/uapi/smmu.h"

int smmu_viommu_alloc(Smmu *s, uint32_t type, uint32_t hwpt, uint32_t *id)
{
    IommufdViommuAlloc alloc = {
        .size = sizeof(alloc), .type = type, .dev_id = s->d.id,
        .hwpt_id = hwpt,
    };
    int ret = uapi_iommu_ioctl(&s->d, IOMMUFD_VIOMMU_ALLOC, &alloc);

    *id = alloc.out_viommu_id;
    return ret;
}

int smmu_vdevice_alloc(UapiDevice *d, uint32_t viommu, uint64_t virt_id,
                       uint32_t *id)
{
    IommufdVdeviceAlloc alloc = {
        .size = sizeof(alloc), .viommu_id = viommu, .dev_id = d->id,
        .virt_id = virt_id,
    };
    int ret = uapi_iommu_ioctl(d, IOMMUFD_VDEVICE_ALLOC, &alloc);

    *id = alloc.out_vdevice_id;
    return ret;
}

bool smmu_open(Uapi *u, unsigned n, Smmu *s)
{
    int ret;

    memset(s, 0, sizeof(*s));
    if (!uapi_device_open(u, n, &s->d)) {
        return false;
    }
    s->memory = uapi_memory(SIZE);
    s->ioas = uapi_ioas(u, s->d.iommu);
    uapi_expect(u, uapi_map(&s->d, s->ioas, s->memory, SIZE, BASE), 0, "map");
    ret = uapi_hwpt(&s->d, IOMMUFD_HWPT_NEST_PARENT, s->ioas, &s->parent);
    if (!ret) {
        ret = smmu_viommu_alloc(s, IOMMUFD_VIOMMU_ARM_SMMUV3, s->parent,
                                &s->viommu);
    }
    if (!ret) {
        uapi_tables_init(&s->tables, s->memory, BASE, TABLES);
        uapi_tables_arm(&s->tables);
        return true;
    }
    uapi_expect(u, ret, -EOPNOTSUPP, "a parent and a vIOMMU");
    uapi_skip(u, "no SMMUv3 that nests");
    uapi_device_close(&s->d);
    uapi_memory_free(s->memory, SIZE);
    return false;
}

void smmu_close(Smmu *s)
{
    uapi_device_close(&s->d);
    uapi_memory_free(s->memory, SIZE);
}

uint64_t *smmu_cd(Smmu *s, unsigned ssid)
{
    return (uint64_t *)(void *)(s->memory + CDS * PAGE) + ssid * 8;
}

void smmu_put_cd(Smmu *s, unsigned ssid, uint64_t more)
{
    uint64_t *word = smmu_cd(s, ssid);

    word[1] = BASE;
    word[3] = 0xff;
    __atomic_store_n(&word[0], CD_COMMON | CD_ASID(ssid + 1) | more,
                     __ATOMIC_RELEASE);
}

int smmu_nested_alloc(Smmu *s, IommufdHwptAlloc *alloc, uint64_t ste0,
                      uint64_t ste1, uint32_t *hwpt)
{
    IommufdHwptSmmuv3 ste = { { ste0, ste1 } };
    int ret;

    alloc->size = sizeof(*alloc);
    alloc->dev_id = s->d.id;
    alloc->pt_id = alloc->pt_id ? alloc->pt_id : s->viommu;
    alloc->data_type = IOMMUFD_HWPT_DATA_ARM_SMMUV3;
    alloc->data_len = sizeof(ste);
    alloc->data = (uintptr_t)&ste;
    ret = uapi_iommu_ioctl(&s->d, IOMMUFD_HWPT_ALLOC, alloc);
    *hwpt = alloc->out_hwpt_id;
    return ret;
}

int smmu_nested(Smmu *s, uint64_t ste0, uint64_t ste1, uint32_t *hwpt)
{
    IommufdHwptAlloc alloc = { 0 };

    return smmu_nested_alloc(s, &alloc, ste0, ste1, hwpt);
}

int smmu_nested_s1(Smmu *s, uint32_t *hwpt)
{
    return smmu_nested(s, STE_S1 | (BASE + CDS * PAGE) | STE_CDMAX(2),
                       STE_S1DSS_SSID0 | STE_S1STALLD, hwpt);
}

int smmu_invalidate(Smmu *s, const uint64_t (*cmds)[2], unsigned n,
                    unsigned *done)
{
    IommufdHwptInvalidate inv = {
        .size = sizeof(inv), .hwpt_id = s->viommu, .data = (uintptr_t)cmds,
        .data_type = IOMMUFD_INVALIDATE_ARM_SMMUV3,
        .entry_len = sizeof(cmds[0]), .entry_num = n,
    };
    int ret = uapi_iommu_ioctl(&s->d, IOMMUFD_HWPT_INVALIDATE, &inv);

    *done = inv.entry_num;
    return ret;
}

void smmu_expect_command(Smmu *s, uint64_t low, uint64_t high, int wanted)
{
    const uint64_t cmd[1][2] = { { low, high } };
    unsigned done;

    uapi_expect(s->d.u, smmu_invalidate(s, cmd, 1, &done), wanted,
                "command %llx %llx", (unsigned long long)low,
                (unsigned long long)high);
    uapi_expect(s->d.u, done, !wanted, "commands done");
}

void smmu_start(Smmu *s, uint32_t *hwpt)
{
    uint32_t id;

    smmu_put_cd(s, 0, 0);
    smmu_put_cd(s, 1, 0);
    uapi_tables_map(&s->tables, VA, BASE + DATA * PAGE);
    uapi_expect(s->d.u, smmu_vdevice_alloc(&s->d, s->viommu, VSID, &id), 0,
                "VDEVICE_ALLOC");
    uapi_expect(s->d.u, smmu_nested_s1(s, hwpt), 0, "stage 1");
    uapi_expect(s->d.u, uapi_attach(&s->d, NO_PASID, *hwpt), 0, "attach");
}
