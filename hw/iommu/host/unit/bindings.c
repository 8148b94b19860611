/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What requests of a host device are bound to, by PASID, and the invalidations
 * that each binding has still to hear of.  A thread that adds or removes one
 * has the unit's work in hand, and takes its lock for that; a thread that notes
 * has the lock.  Nothing here calls the host.
 */
#include "hw/iommu/common/sorted.h"
#include "hw/iommu/host/unit/bindings.h"

ViommuBinding *viommu_binding_nth(const ViommuHostDevice *device, guint i)
{
    return g_ptr_array_index(device->bindings, i);
}

/* Requests without a PASID come first. */
static uint32_t order(uint32_t pasid)
{
    return pasid + 1;
}

static bool stands_before(const void *device, size_t i, uint64_t key)
{
    return order(viommu_binding_nth(device, i)->pasid) < key;
}

guint viommu_binding_position(const ViommuHostDevice *device, uint32_t pasid)
{
    return viommu_sorted_position(device, device->bindings->len, order(pasid),
                                  stands_before);
}

ViommuBinding *viommu_binding_find(const ViommuHostDevice *device,
                                   uint32_t pasid)
{
    guint at = viommu_binding_position(device, pasid);

    return at < device->bindings->len &&
           viommu_binding_nth(device, at)->pasid == pasid
           ? viommu_binding_nth(device, at) : NULL;
}

void viommu_binding_forget(ViommuBinding *binding)
{
    binding->pending_all = false;
    g_clear_pointer(&binding->pending, g_array_unref);
}

/* Does @old leave nothing for @new to do?  What is not of a device's own cache
 * alone includes that (backend.h). */
static bool covers(const ViommuHostInvalidation *old,
                   const ViommuHostInvalidation *new)
{
    if ((old->leaf && !new->leaf && !new->device_tlb) ||
        (old->device_tlb && !new->device_tlb)) {
        return false;
    }
    return old->all ||
           (!new->all && new->addr >= old->addr &&
            new->addr + (new->size - 1) <= old->addr + (old->size - 1));
}

void viommu_binding_note(ViommuBinding *binding,
                         const ViommuHostInvalidation *inv)
{
    ViommuHostInvalidation new = *inv;

    if (binding->pending_all) {
        return;
    }
    if (!binding->pending) {
        binding->pending = g_array_new(FALSE, FALSE, sizeof(new));
    }
    for (guint i = 0; i < binding->pending->len; i++) {
        if (covers(&g_array_index(binding->pending, ViommuHostInvalidation,
                                  i), inv)) {
            return;
        }
    }
    if (binding->pending->len >= VIOMMU_FORWARD_PENDING ||
        (inv->all && !inv->device_tlb)) {
        viommu_binding_forget(binding);
        binding->pending_all = true;
        return;
    }
    new.pasid = binding->pasid;
    g_array_append_val(binding->pending, new);
}

void viommu_binding_note_renewal(ViommuBinding *binding)
{
    binding->renew = binding->table.type == VIOMMU_HOST_NESTED;
    if (binding->table.type == VIOMMU_HOST_SHADOW) {
        viommu_binding_forget(binding);
        binding->pending_all = true;
    }
}

void viommu_forward_note_error(ViommuHostDevice *device, int error)
{
    int none = 0;

    __atomic_compare_exchange_n(&device->error, &none, error, false,
                                __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}
