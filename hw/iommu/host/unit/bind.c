/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bindings go to the host: tables, and the invalidations that it has still to
 * hear of.  The unit's work is in hand.
 */
#include <errno.h>

#include "hw/iommu/host/unit/bind.h"
#include "hw/iommu/host/unit/forward.h"
#include "hw/iommu/host/unit/groups.h"
#include "hw/iommu/host/unit/shadow.h"

/* Devices that are behind a unit have bindings. */
static void lock(const ViommuHostDevice *device)
{
    viommu_forward_lock(viommu_forward_of(device->unit));
}

static void unlock(const ViommuHostDevice *device)
{
    viommu_forward_unlock(viommu_forward_of(device->unit));
}

static void free_binding(ViommuHostDevice *device, ViommuBinding *binding)
{
    lock(device);
    g_ptr_array_remove(device->bindings, binding);
    unlock(device);
    viommu_binding_forget(binding);
    g_clear_pointer(&binding->shadow, viommu_shadow_free);
    g_free(binding);
}

void viommu_binding_remove(ViommuHostDevice *device, ViommuBinding *binding)
{
    viommu_host_lock(device->host);
    viommu_host_drop_groups(device, binding->pasid);
    device->host->backend->unbind(device, binding->pasid);
    viommu_host_forget_answers(device, false, binding->pasid);
    device->host->stats.unbinds++;
    viommu_host_unlock(device->host);
    free_binding(device, binding);
}

void viommu_bindings_drop(ViommuHostDevice *device)
{
    while (device->bindings->len) {
        viommu_binding_remove(device,
                              viommu_binding_nth(device,
                                                 device->bindings->len - 1));
    }
    lock(device);
    device->look_turn++;
    device->look_phase = VIOMMU_LOOK_NONE;
    g_array_set_size(device->look, 0);
    unlock(device);
}

static int bind_in_host(ViommuHostDevice *device, uint32_t pasid,
                        const ViommuHostTable *table)
{
    int ret = -ENODEV;

    viommu_host_lock(device->host);
    viommu_host_drop_groups(device, pasid);
    if (!device->gone) {
        ret = viommu_host_note(device, device->host->backend->bind(
                                           device, pasid, table));
        device->host->stats.binds += !ret;
    }
    if (!ret) {
        viommu_host_forget_answers(device, false, pasid);
    }
    viommu_host_unlock(device->host);
    return ret;
}

static bool same_table(const ViommuHostTable *a, const ViommuHostTable *b)
{
    switch (a->type == b->type ? a->type : VIOMMU_HOST_BLOCKED) {
    case VIOMMU_HOST_PARENT:
        return true;
    case VIOMMU_HOST_NESTED:
        return a->vtd.pgd == b->vtd.pgd &&
               a->vtd.addr_width == b->vtd.addr_width &&
               a->vtd.sre == b->vtd.sre && a->vtd.eafe == b->vtd.eafe &&
               a->vtd.wpe == b->vtd.wpe && a->vtd.pcd == b->vtd.pcd &&
               a->vtd.pwt == b->vtd.pwt && a->vtd.emte == b->vtd.emte &&
               a->vtd.cd == b->vtd.cd && a->vtd.pat == b->vtd.pat &&
               a->vtd.emt == b->vtd.emt && a->smmu.ste[0] == b->smmu.ste[0] &&
               a->smmu.ste[1] == b->smmu.ste[1];
    case VIOMMU_HOST_SHADOW:
        return a->width == b->width && a->two_stages == b->two_stages &&
               a->root[0] == b->root[0] && a->root[1] == b->root[1];
    default:
        return false;
    }
}

/* What is the same already: only its name may be another. */
static bool is_bound(ViommuHostDevice *device, ViommuBinding *binding,
                     const ViommuHostTable *table, uint32_t domain,
                     uint32_t tag)
{
    bool same;

    lock(device);
    same = !binding->renew && same_table(&binding->table, table);
    if (same && (binding->domain != domain || binding->tag != tag)) {
        /* Under its new name, nothing of it is cached. */
        binding->domain = domain;
        binding->tag = tag;
        viommu_binding_forget(binding);
        binding->pending_all = true;
        viommu_forward_ask_step(viommu_forward_of(device->unit));
    }
    unlock(device);
    return same;
}

/*
 * Before the host is told: an invalidation that comes meanwhile is for the new
 * table, under its new name, and goes out behind it.
 */
static ViommuBinding *expect(ViommuHostDevice *device, ViommuBinding *binding,
                             uint32_t pasid, const ViommuHostTable *table,
                             uint32_t domain, uint32_t tag)
{
    lock(device);
    if (!binding) {
        binding = g_new0(ViommuBinding, 1);
        binding->pasid = pasid;
        g_ptr_array_insert(device->bindings,
                           viommu_binding_position(device, pasid), binding);
    }
    viommu_binding_forget(binding);
    binding->renew = false;
    binding->table = *table;
    binding->domain = domain;
    binding->tag = tag;
    unlock(device);
    return binding;
}

void viommu_forward_bind(ViommuHostDevice *device, uint32_t pasid,
                         const ViommuHostTable *table, uint32_t domain,
                         uint32_t tag)
{
    ViommuBinding *binding = viommu_binding_find(device, pasid);
    bool had = binding;
    int ret;

    if (table->type == VIOMMU_HOST_BLOCKED) {
        if (binding) {
            viommu_binding_remove(device, binding);
        }
        return;
    }
    if (binding && is_bound(device, binding, table, domain, tag)) {
        return;
    }
    if (!binding && device->bindings->len >= VIOMMU_FORWARD_BINDINGS) {
        viommu_forward_note_error(device, -ENOSPC);
        return;
    }
    binding = expect(device, binding, pasid, table, domain, tag);
    ret = bind_in_host(device, pasid, table);
    if (ret) {
        viommu_forward_note_error(device, ret);
        if (had) {
            /* The guest has taken the old table away. */
            viommu_binding_remove(device, binding);
        } else {
            free_binding(device, binding);
        }
        return;
    }
    g_clear_pointer(&binding->shadow, viommu_shadow_free);
    if (table->type == VIOMMU_HOST_SHADOW) {
        binding->shadow = viommu_shadow_new(device, pasid);
    }
}

static int invalidate(ViommuHostDevice *device,
                      const ViommuHostInvalidation *list, unsigned n,
                      unsigned *done)
{
    int ret = -ENODEV;

    *done = 0;
    viommu_host_lock(device->host);
    if (!device->gone) {
        ret = viommu_host_note(device, device->host->backend->invalidate(
                                           device, list, n, done));
        device->host->stats.invalidations += ret ? MIN(*done, n) : n;
    }
    viommu_host_unlock(device->host);
    return ret;
}

/* What is pending, and is not from now on.  False: nothing. */
static bool take_pending(ViommuHostDevice *device, ViommuBinding *binding,
                         bool *all, GArray **list)
{
    lock(device);
    *all = binding->pending_all;
    *list = g_steal_pointer(&binding->pending);
    binding->pending_all = false;
    unlock(device);
    return *all || *list;
}

bool viommu_binding_take(ViommuHostDevice *device, ViommuBinding *binding)
{
    g_autoptr(GArray) list = NULL;
    bool all;

    if (!take_pending(device, binding, &all, &list)) {
        return false;
    }
    if (all) {
        viommu_shadow_note_range(binding->shadow, 0, 0);
    }
    for (guint i = 0; !all && i < list->len; i++) {
        const ViommuHostInvalidation *inv =
            &g_array_index(list, ViommuHostInvalidation, i);

        viommu_shadow_note_range(binding->shadow, inv->addr, inv->size);
    }
    return true;
}

bool viommu_binding_flush(ViommuHostDevice *device, ViommuBinding *binding)
{
    const ViommuHostInvalidation everything = {
        .pasid = binding->pasid, .all = true,
    };
    const ViommuHostInvalidation *list = &everything;
    g_autoptr(GArray) pending = NULL;
    unsigned n = 1, done;
    bool all;

    if (binding->table.type != VIOMMU_HOST_NESTED ||
        !take_pending(device, binding, &all, &pending)) {
        return false;
    }
    if (!all) {
        list = (const void *)pending->data;
        n = pending->len;
    }
    while (n) {     /* at most VIOMMU_FORWARD_PENDING */
        int ret = invalidate(device, list, n, &done);

        if (!ret) {
            break;
        }
        viommu_forward_note_error(device, ret);
        if (ret == -ENODEV || ret == -EBADF || done >= n) {
            break;
        }
        list += done + 1;
        n -= done + 1;
    }
    return true;
}
