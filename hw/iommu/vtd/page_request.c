/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Page requests (7.4, 7.5): the queue, automatic responses, page group
 * responses.
 */
#include "hw/iommu/vtd/unit.h"

void vtd_page_request(Viommu *unit, const ViommuPageRequest *req)
{
    (void)req;
    viommu_count(&unit->stats.page_requests_lost);
}
