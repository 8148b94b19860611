/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What hosts report, whatever the API: viommu_host_run() takes it, and gives it
 * to the units.
 */
#include "hw/iommu/common/embedder.h"
#include "hw/iommu/host/unit/groups.h"

/* Reports of one viommu_host_run(), those that mean nothing included; its
 * caller comes again for the rest. */
#define RUN_MAX 4096

static bool wants_answer(const ViommuPageRequest *req)
{
    /* A stop marker does not. */
    return req->last && (req->access & (VIOMMU_READ | VIOMMU_WRITE));
}

/* From now on until the next report, its group may be answered by us. */
static void begin_report(ViommuHost *host, ViommuHostFault *fault)
{
    host->reporting = fault->device;
    host->reporting_pasid = viommu_group_pasid(fault);
    __atomic_store_n(&host->reporting_over, false, __ATOMIC_RELAXED);
    fault->over = &host->reporting_over;
}

/* What to do with @fault.  Returns the unit that it is for, or NULL. */
static Viommu *sort_report(ViommuHost *host, ViommuHostFault *fault)
{
    ViommuHostDevice *device = fault->device;

    switch (fault->type) {
    case VIOMMU_HOST_FAULT_NOTHING:
        return NULL;
    case VIOMMU_HOST_FAULT_LOST:
        host->stats.reports_lost += fault->lost;
        return device ? device->unit : NULL;
    case VIOMMU_HOST_FAULT_STALL:
        host->stats.page_requests++;
        if (!viommu_groups_keep(device, fault)) {
            return NULL;
        }
        break;
    case VIOMMU_HOST_FAULT_PAGE_REQUEST:
        host->stats.page_requests++;
        if (wants_answer(&fault->request) &&
            !viommu_groups_keep(device, fault)) {
            return NULL;
        }
        break;
    case VIOMMU_HOST_FAULT_UNRECOVERABLE:
    case VIOMMU_HOST_FAULT_EVENT:
        host->stats.faults++;
        break;
    }
    fault->request.source = device->source;
    return device->unit;
}

/* One report; false when there is none. */
static bool take_report(ViommuHost *host)
{
    ViommuHostFault fault = { 0 };
    Viommu *unit = NULL;
    bool taken;

    viommu_host_lock(host);
    taken = host->backend->next_fault(host, &fault);
    if (taken) {
        begin_report(host, &fault);
        unit = sort_report(host, &fault);
    }
    viommu_host_unlock(host);
    if (!unit) {
        return taken;
    }
    /* The unit stays: a thread that detaches its device takes run_lock. */
    if (fault.type == VIOMMU_HOST_FAULT_PAGE_REQUEST) {
        viommu_unit_page_request(unit, &fault.request, fault.over);
    } else {
        unit->model->forward->fault(unit, &fault);
    }
    return true;
}

/* Units with answers that were ours, and that the host has not taken. */
static void run_units(ViommuHost *host)
{
    g_autoptr(GPtrArray) units = g_ptr_array_new();

    viommu_host_lock(host);
    for (guint i = 0; i < host->devices->len; i++) {
        ViommuHostDevice *device = g_ptr_array_index(host->devices, i);

        if (device->unit && device->unsent->len) {
            g_ptr_array_add(units, device->unit);
        }
    }
    viommu_host_unlock(host);
    for (guint i = 0; i < units->len; i++) {
        viommu_forward_wake(g_ptr_array_index(units, i));
    }
}

bool viommu_host_run(ViommuHost *host)
{
    bool more = true;

    viommu_outside_sections(__func__);
    pthread_mutex_lock(&host->run_lock);
    for (unsigned i = 0; i < RUN_MAX && more; i++) {
        more = take_report(host);
    }
    run_units(host);
    pthread_mutex_unlock(&host->run_lock);
    return more;
}
