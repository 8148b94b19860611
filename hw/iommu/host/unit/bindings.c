/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What requests of a host device are bound to, by PASID, and the invalidations
 * that each binding has still to hear of.  Who changes this has the unit's work
 * in hand, and takes its lock for it; who notes has the lock.
 */
#include <errno.h>

#include "hw/iommu/host/unit/forward.h"

static void host_lock(ViommuHostDevice *device)
{
    pthread_mutex_lock(&device->host->lock);
}

static void host_unlock(ViommuHostDevice *device)
{
    pthread_mutex_unlock(&device->host->lock);
}

ViommuBinding *viommu_binding_nth(const ViommuHostDevice *device, guint i)
{
    return g_ptr_array_index(device->bindings, i);
}

/* Requests without a PASID come first. */
static uint32_t order(uint32_t pasid)
{
    return pasid + 1;
}

guint viommu_binding_position(const ViommuHostDevice *device, uint32_t pasid)
{
    guint low = 0, high = device->bindings->len;

    while (low < high) {
        guint middle = (low + high) / 2;

        if (order(viommu_binding_nth(device, middle)->pasid) < order(pasid)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static ViommuBinding *find(const ViommuHostDevice *device, uint32_t pasid)
{
    guint at = viommu_binding_position(device, pasid);

    return at < device->bindings->len &&
           viommu_binding_nth(device, at)->pasid == pasid
           ? viommu_binding_nth(device, at) : NULL;
}

/* Devices that are behind a unit have bindings. */
static void lock(const ViommuHostDevice *device)
{
    viommu_forward_lock(viommu_forward_of(device->unit));
}

static void unlock(const ViommuHostDevice *device)
{
    viommu_forward_unlock(viommu_forward_of(device->unit));
}

static void forget_pending(ViommuBinding *binding)
{
    binding->pending_all = false;
    g_clear_pointer(&binding->pending, g_array_unref);
}

static void free_binding(ViommuHostDevice *device, ViommuBinding *binding)
{
    lock(device);
    g_ptr_array_remove(device->bindings, binding);
    unlock(device);
    forget_pending(binding);
    g_clear_pointer(&binding->shadow, viommu_shadow_free);
    g_free(binding);
}

void viommu_binding_remove(ViommuHostDevice *device, ViommuBinding *binding)
{
    host_lock(device);
    viommu_host_drop_groups(device, binding->pasid);
    device->host->backend->unbind(device, binding->pasid);
    viommu_host_forget_answers(device, false, binding->pasid);
    device->host->stats.unbinds++;
    host_unlock(device);
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

    host_lock(device);
    viommu_host_drop_groups(device, pasid);
    if (!device->gone) {
        ret = viommu_host_note(device, device->host->backend->bind(
                                           device, pasid, table));
        device->host->stats.binds += !ret;
    }
    if (!ret) {
        viommu_host_forget_answers(device, false, pasid);
    }
    host_unlock(device);
    return ret;
}

void viommu_forward_note_error(ViommuHostDevice *device, int error)
{
    int none = 0;

    __atomic_compare_exchange_n(&device->error, &none, error, false,
                                __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
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
        forget_pending(binding);
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
    forget_pending(binding);
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
    ViommuBinding *binding = find(device, pasid);
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
        forget_pending(binding);
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
        forget_pending(binding);
        binding->pending_all = true;
    }
}

static int invalidate(ViommuHostDevice *device,
                      const ViommuHostInvalidation *list, unsigned n,
                      unsigned *done)
{
    int ret = -ENODEV;

    *done = 0;
    host_lock(device);
    if (!device->gone) {
        ret = viommu_host_note(device, device->host->backend->invalidate(
                                           device, list, n, done));
        device->host->stats.invalidations += ret ? MIN(*done, n) : n;
    }
    host_unlock(device);
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
