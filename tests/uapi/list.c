/* SPDX-License-Identifier: BSD-3-Clause */
/* All tests that run on any host, or on any whose IOMMU is of a kind and has
 * guests' tables. */
#include "tests/uapi/uapi.h"

static const struct {
    const UapiTest *tests;
    UapiArch arch;
} files[] = {
    { uapi_dispatch_tests, UAPI_ANY_ARCH },
    { uapi_objects_tests, UAPI_ANY_ARCH },
    { uapi_ioas_tests, UAPI_ANY_ARCH },
    { uapi_hwpt_tests, UAPI_ANY_ARCH },
    { uapi_hwpt_vtd_tests, UAPI_VTD },
    { uapi_vfio_tests, UAPI_ANY_ARCH },
    { uapi_misc_tests, UAPI_ANY_ARCH },
    { uapi_misc_vtd_tests, UAPI_VTD },
    { uapi_dma_tests, UAPI_ANY_ARCH },
    { uapi_dma_vtd_tests, UAPI_VTD },
    { uapi_dirty_tests, UAPI_ANY_ARCH },
    { uapi_fault_tests, UAPI_ANY_ARCH },
    { uapi_fault_vtd_tests, UAPI_VTD },
    { uapi_smmu_tests, UAPI_SMMUV3 },
    { uapi_smmu_event_tests, UAPI_SMMUV3 },
    { uapi_container_tests, UAPI_ANY_ARCH },
    { uapi_type1_tests, UAPI_ANY_ARCH },
    { uapi_compat_tests, UAPI_ANY_ARCH },
};

#define N_FILES (sizeof(files) / sizeof(files[0]))

int uapi_main(Uapi *u)
{
    const UapiTest *chosen[N_FILES];
    size_t n = 0;

    for (size_t i = 0; i < N_FILES; i++) {
        if (files[i].arch == UAPI_ANY_ARCH ||
            (files[i].arch == u->arch && !u->flat)) {
            chosen[n++] = files[i].tests;
        }
    }
    return uapi_run(u, chosen, n);
}
