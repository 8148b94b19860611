/* SPDX-License-Identifier: BSD-3-Clause */
/* What drivers of physical IOMMUs have in common: who is behind what. */
#include "hw/iommu/hostsim/physical/physical.h"

void sim_domain_init(SimDomain *domain, Hostsim *sim, SimDomain *parent)
{
    domain->sim = sim;
    domain->parent = parent;
    domain->attached = g_array_new(FALSE, FALSE, sizeof(SimAttachment));
    domain->children = g_ptr_array_new();
    if (parent) {
        g_ptr_array_add(parent->children, domain);
    }
}

void sim_domain_done(SimDomain *domain)
{
    if (domain->parent) {
        g_ptr_array_remove(domain->parent->children, domain);
    }
    g_array_unref(domain->attached);
    g_ptr_array_unref(domain->children);
}

SimDomain *sim_domain_of(SimDevice *device, uint32_t pasid)
{
    return g_hash_table_lookup(device->domains, GUINT_TO_POINTER(pasid));
}

void sim_domain_attached(SimDevice *device, uint32_t pasid, SimDomain *domain)
{
    SimDomain *old = sim_domain_of(device, pasid);
    SimAttachment new = { device, pasid };

    if (old) {
        for (guint i = 0; i < old->attached->len; i++) {
            const SimAttachment *a = &g_array_index(old->attached,
                                                    SimAttachment, i);

            if (a->device == device && a->pasid == pasid) {
                g_array_remove_index_fast(old->attached, i);
                break;
            }
        }
        g_hash_table_remove(device->domains, GUINT_TO_POINTER(pasid));
    }
    if (domain) {
        g_array_append_val(domain->attached, new);
        g_hash_table_insert(device->domains, GUINT_TO_POINTER(pasid), domain);
    }
}

unsigned sim_range_order(uint64_t first, uint64_t last)
{
    unsigned order = 0;

    while (order < 52 && (first ^ last) >> 12 >> order) {
        order++;
    }
    return order < 52 ? order : 64;
}

unsigned sim_domain_bound(Hostsim *sim)
{
    unsigned n = 0;

    for (guint i = 0; i < sim->devices->len; i++) {
        SimDevice *device = g_ptr_array_index(sim->devices, i);

        n += g_hash_table_size(device->domains);
    }
    return n;
}

static void refuse(SimDevice *device, const ViommuPageRequest *req)
{
    ViommuPageResponse response = {
        .source = device->source,
        .pasid = req->pasid,
        .group = req->group,
        .code = VIOMMU_PAGE_INVALID,
        .has_private_data = req->has_private_data,
        .private_data = { req->private_data[0], req->private_data[1] },
    };

    device->sim->phys->page_response(device, &response);
}

void sim_page_request(Hostsim *sim, const ViommuPageRequest *req)
{
    SimDevice *device = sim_device_by_source(sim, req->source);
    SimDomain *domain;

    if (!device) {
        return;
    }
    /* a stop marker: drivers drop it, for nothing is waiting */
    if (req->last && !(req->access & (VIOMMU_READ | VIOMMU_WRITE))) {
        return;
    }
    domain = sim_domain_of(device, req->pasid);
    if (!domain && sim->phys->user_pasid_tables) {
        domain = sim_domain_of(device, VIOMMU_NO_PASID);
        domain = domain && domain->parent ? domain : NULL;
    }
    if (domain && domain->page_request &&
        domain->page_request(domain, device, req)) {
        return;
    }
    if (req->last) {
        refuse(device, req);
    }
}

void sim_dma_fault(Hostsim *sim, const SimFault *fault)
{
    SimDevice *device = sim_device_by_source(sim, fault->source);

    if (device && device->dma_fault) {
        device->dma_fault(device, fault);
    }
}

/* --- The physical unit's callbacks --------------------------------------- */

void sim_unit_msi(void *opaque, const ViommuMsi *msi)
{
    Hostsim *sim = opaque;

    (void)msi;
    __atomic_store_n(&sim->interrupted, true, __ATOMIC_RELEASE);
    sim_kick(sim);
}

void sim_unit_run_later(void *opaque)
{
    Hostsim *sim = opaque;

    __atomic_store_n(&sim->run_wanted, true, __ATOMIC_RELEASE);
    sim_kick(sim);
}

bool sim_unit_devtlb(void *opaque, const ViommuInvalidation *inv)
{
    SimDevice *device = sim_device_by_source(opaque, inv->source);

    return device && viommu_testdev_invalidate(device->endpoint, inv);
}

void sim_unit_page_response(void *opaque, const ViommuPageResponse *response)
{
    SimDevice *device = sim_device_by_source(opaque, response->source);

    if (device) {
        viommu_testdev_page_response(device->endpoint, response);
    }
}

void sim_unit_stall_resume(void *opaque, uint32_t source, uint16_t tag,
                           ViommuResume action)
{
    SimDevice *device = sim_device_by_source(opaque, source);

    if (device) {
        viommu_testdev_resume(device->endpoint, tag, action);
    }
}
