/* SPDX-License-Identifier: BSD-3-Clause */
/* A unit's lock, and the way out of it to the embedder. */
#include "hw/iommu/common/embedder.h"

void viommu_unit_lock(Viommu *unit)
{
    pthread_mutex_lock(&unit->lock);
}

void viommu_unit_unlock(Viommu *unit)
{
    ViommuMsi out[VIOMMU_OUTBOX_SIZE];
    size_t n = unit->outbox_n;

    for (size_t i = 0; i < n; i++) {
        out[i] = unit->outbox[i];
    }
    unit->outbox_n = 0;
    pthread_mutex_unlock(&unit->lock);

    for (size_t i = 0; i < n; i++) {
        viommu_count(&unit->stats.msis_sent);
        unit->ops.send_msi(unit->opaque, &out[i]);
    }
}

/*
 * The message's address is the guest's choice.  Only what the platform
 * takes for an interrupt leaves the unit; anything else could be a write to
 * the unit's own registers.
 */
static bool msi_address_ok(uint64_t addr)
{
    return (addr & UINT64_C(0xfff00000)) == UINT64_C(0xfee00000);
}

void viommu_unit_post_msi(Viommu *unit, const ViommuMsi *msi)
{
    if (!msi_address_ok(msi->addr) || unit->outbox_n == VIOMMU_OUTBOX_SIZE) {
        viommu_count(&unit->stats.msis_dropped);
        return;
    }
    unit->outbox[unit->outbox_n++] = *msi;
}

bool viommu_unit_invalidate(Viommu *unit, const ViommuInvalidation *inv)
{
    if (inv->what == VIOMMU_INV_DEVTLB && unit->ops.devtlb_invalidate) {
        return unit->ops.devtlb_invalidate(unit->opaque, inv);
    }
    if (unit->ops.invalidate) {
        unit->ops.invalidate(unit->opaque, inv);
    }
    return true;
}

void viommu_unit_page_response(Viommu *unit,
                               const ViommuPageResponse *response)
{
    const ViommuHooks *hooks = __atomic_load_n(&unit->hooks,
                                               __ATOMIC_ACQUIRE);

    viommu_count(&unit->stats.page_responses);
    if (hooks && hooks->page_response(unit, response)) {
        return;
    }
    if (unit->ops.page_response) {
        unit->ops.page_response(unit->opaque, response);
    }
}

void viommu_unit_answer_page(Viommu *unit, const ViommuPageRequest *req,
                             ViommuPageResponseCode code)
{
    bool stop = req->last && !(req->access & (VIOMMU_READ | VIOMMU_WRITE));
    ViommuPageResponse response = {
        .source = req->source,
        .pasid = req->pasid,
        .group = req->group,
        .code = code,
        .has_private_data = req->has_private_data,
        .private_data = { req->private_data[0], req->private_data[1] },
    };

    if (stop || !(req->last || req->has_private_data)) {
        viommu_count(&unit->stats.page_requests_lost);
        return;
    }
    viommu_count(&unit->stats.page_responses_automatic);
    viommu_unit_page_response(unit, &response);
}

void viommu_unit_run_later(Viommu *unit)
{
    unit->ops.run_later(unit->opaque);
}

void viommu_unit_page_request(Viommu *unit, const ViommuPageRequest *req,
                              const bool *over)
{
    viommu_count(&unit->stats.page_requests);
    unit->model->page_request(unit, req, over);
}
