/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * VFIO's containers with vSVA: PASIDs, which the kernel gives out.
 */
#include <errno.h>

#include "hw/iommu/host/type1/pasids.h"

int type1_alloc_pasid(ViommuHost *host, uint32_t min, uint32_t max,
                      uint32_t *pasid)
{
    VsvaPasidRequest args = {
        .argsz = sizeof(args), .flags = VSVA_PASID_ALLOC,
        .alloc = { .min = min, .max = max },
    };
    int ret = type1_call(type1_host(host), VSVA_PASID_REQUEST, &args);

    *pasid = args.alloc.result;
    if (!ret && (*pasid < min || *pasid > max)) {
        type1_free_pasid(host, *pasid);
        ret = -EPROTO;
    }
    return ret;
}

int type1_free_pasid(ViommuHost *host, uint32_t pasid)
{
    VsvaPasidRequest args = {
        .argsz = sizeof(args), .flags = VSVA_PASID_FREE, .free = pasid,
    };

    return type1_call(type1_host(host), VSVA_PASID_REQUEST, &args);
}
