/* SPDX-License-Identifier: BSD-3-Clause */
/* All tests that run on any host. */
#include "tests/uapi/uapi.h"

static const UapiTest *const files[] = {
    uapi_dispatch_tests,
    uapi_objects_tests,
    uapi_ioas_tests,
    uapi_hwpt_tests,
    uapi_vfio_tests,
    uapi_misc_tests,
    uapi_dma_tests,
    uapi_dirty_tests,
    uapi_fault_tests,
    uapi_smmu_tests,
    uapi_container_tests,
    uapi_type1_tests,
};

int uapi_main(Uapi *u)
{
    return uapi_run(u, files, sizeof(files) / sizeof(files[0]));
}
