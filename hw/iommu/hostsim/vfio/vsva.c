/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>

#include "hw/iommu/host/abi/iommufd.h"
#include "hw/iommu/hostsim/vfio/vsva.h"

#define PASIDS (1u << 20)

bool sim_vsva_possible(Hostsim *sim)
{
    return sim->config.vsva != HOSTSIM_VSVA_NONE &&
           sim->config.arch == HOSTSIM_VTD && sim->config.vtd.nested;
}

SimVsva *sim_vsva_new(Hostsim *sim, SimType1 *type1)
{
    SimVsva *vsva = sim_alloc(sim, sizeof(*vsva));

    if (!vsva) {
        return NULL;
    }
    vsva->type1 = type1;
    vsva->bindings = g_hash_table_new(NULL, NULL);
    return vsva;
}

SimVsva *sim_vsva_of(SimDevice *device)
{
    GPtrArray *groups = device->sim->groups;

    for (guint i = 0; i < groups->len; i++) {
        const SimGroup *group = g_ptr_array_index(groups, i);

        if (group->number == device->group) {
            return group->container && group->container->type1 ?
                   group->container->type1->vsva : NULL;
        }
    }
    return NULL;
}

/** The devices of the container: start with NULL for both. */
static SimDevice *next_device(const SimVsva *vsva, guint *group,
                              SimDevice *last)
{
    const GPtrArray *groups = vsva->type1->container->groups;

    while (*group < groups->len) {
        last = sim_group_device(g_ptr_array_index(groups, *group), last);
        if (last) {
            return last;
        }
        ++*group;
    }
    return NULL;
}

/* --- PASIDs -------------------------------------------------------------- */

static GHashTable *pasids_of(const SimVsva *vsva)
{
    return vsva->type1->sim->pasids;
}

static int alloc_pasid(SimVsva *vsva, uint32_t min, uint32_t max,
                       uint32_t *pasid)
{
    GHashTable *pasids = pasids_of(vsva);

    if (min > max || max >= PASIDS) {
        return -EINVAL;
    }
    if (g_hash_table_size(pasids) >= SIM_VSVA_PASIDS_MAX) {
        return -ENOSPC;
    }
    if (!sim_may_allocate(vsva->type1->sim, sizeof(*pasid))) {
        return -ENOMEM;
    }
    /* 0 is the host's own, for requests without PASID */
    for (*pasid = MAX(min, 1); *pasid <= max; ++*pasid) {
        if (g_hash_table_add(pasids, GUINT_TO_POINTER(*pasid))) {
            return 0;
        }
    }
    return -ENOSPC;
}

/** 0 when the process has the PASID. */
static int check_pasid(const SimVsva *vsva, uint64_t pasid)
{
    if (!pasid || pasid >= PASIDS) {
        return -EINVAL;
    }
    return g_hash_table_contains(pasids_of(vsva), GUINT_TO_POINTER(pasid)) ?
           0 : -ENOENT;
}

static SimBinding *binding_of(const SimVsva *vsva, uint32_t pasid)
{
    return g_hash_table_lookup(vsva->bindings, GUINT_TO_POINTER(pasid));
}

/** The containers of this kind: start with 0. */
static SimVsva *next_vsva(Hostsim *sim, guint *i)
{
    while (*i < sim->groups->len) {
        const SimGroup *group = g_ptr_array_index(sim->groups, (*i)++);

        if (group->container && group->container->type1 &&
            group->container->type1->vsva) {
            return group->container->type1->vsva;
        }
    }
    return NULL;
}

static int free_pasid(SimVsva *vsva, uint32_t pasid)
{
    int ret = check_pasid(vsva, pasid);
    guint i = 0;

    if (ret) {
        return ret;
    }
    for (SimVsva *other; (other = next_vsva(vsva->type1->sim, &i)); ) {
        if (binding_of(other, pasid)) {
            return -EBUSY;
        }
    }
    g_hash_table_remove(pasids_of(vsva), GUINT_TO_POINTER(pasid));
    return 0;
}

static int pasid_request(SimVsva *vsva, void *arg)
{
    VsvaPasidRequest req = { 0 };
    const uint32_t head = offsetof(VsvaPasidRequest, alloc);
    const uint32_t result = offsetof(VsvaPasidRequest, alloc.result);
    uint32_t size, pasid;
    int ret;

    if (sim_copy_in(&req, arg, head)) {
        return -EFAULT;
    }
    switch (req.flags) {
    case VSVA_PASID_ALLOC:
        size = sizeof(req);
        break;
    case VSVA_PASID_FREE:
        size = head + sizeof(req.free);
        break;
    default:
        return -EINVAL;
    }
    if (req.argsz < size) {
        return -EINVAL;
    }
    if (sim_copy_in(&req.alloc, sim_user_at(arg, head), size - head)) {
        return -EFAULT;
    }
    if (req.flags == VSVA_PASID_FREE) {
        return free_pasid(vsva, req.free);
    }
    ret = alloc_pasid(vsva, req.alloc.min, req.alloc.max, &pasid);
    if (!ret && sim_copy_out(sim_user_at(arg, result), &pasid,
                             sizeof(pasid))) {
        free_pasid(vsva, pasid);
        ret = -EFAULT;
    }
    return ret;
}

/* --- Tables -------------------------------------------------------------- */

static void unbind_device(SimBinding *binding, SimDevice *device)
{
    if (sim_domain_of(device, binding->pasid) == binding->domain) {
        device->sim->phys->attach(device, binding->pasid, NULL);
    }
    sim_vsva_faults_forget(device, binding->pasid);
}

static void unbind(SimBinding *binding)
{
    SimVsva *vsva = binding->vsva;
    SimDevice *device = NULL;
    guint group = 0;

    while ((device = next_device(vsva, &group, device))) {
        unbind_device(binding, device);
    }
    g_hash_table_remove(vsva->bindings, GUINT_TO_POINTER(binding->pasid));
    vsva->type1->sim->phys->domain_free(binding->domain);
    g_free(binding);
}

static int bind_device(const SimBinding *binding, SimDevice *device)
{
    /* a device that cannot have this PASID */
    return binding->pasid >> device->pasid_bits ? -EINVAL :
           device->sim->phys->attach(device, binding->pasid, binding->domain);
}

static int bind_devices(SimBinding *binding)
{
    SimDevice *device = NULL;
    guint group = 0;
    int ret = 0;

    while (!ret && (device = next_device(binding->vsva, &group, device))) {
        ret = bind_device(binding, device);
    }
    return ret;
}

static int bind(SimVsva *vsva, const VsvaBindData *data)
{
    Hostsim *sim = vsva->type1->sim;
    SimUserData user = {
        .type = SIM_DATA_VSVA, .user = data, .size = sizeof(*data),
    };
    SimDevice *device;
    SimBinding *binding;
    SimDomain *domain;
    guint group = 0;
    int ret;

    if (binding_of(vsva, data->hpasid)) {
        return -EBUSY;
    }
    device = next_device(vsva, &group, NULL);
    if (!device) {
        return -ENODEV;
    }
    binding = sim_alloc(sim, sizeof(*binding));
    if (!binding) {
        return -ENOMEM;
    }
    ret = sim->phys->nested_new(device, vsva->type1->domain, NULL, 0, &user,
                                &domain);
    if (ret) {
        g_free(binding);
        return ret;
    }
    *binding = (SimBinding) {
        .vsva = vsva, .pasid = data->hpasid, .domain = domain,
    };
    domain->page_request = sim_vsva_page_request;
    domain->owner = binding;
    g_hash_table_insert(vsva->bindings, GUINT_TO_POINTER(binding->pasid),
                        binding);
    ret = bind_devices(binding);
    if (ret) {
        unbind(binding);
    }
    return ret;
}

static int bind_ioctl(SimVsva *vsva, const void *arg)
{
    VsvaBindData data;
    bool is_bind;
    int ret = sim_vsva_take_bind(vsva->type1->sim->config.vsva, arg, &is_bind,
                                 &data);

    if (!ret) {
        ret = check_pasid(vsva, data.hpasid);
    }
    if (ret) {
        return ret;
    }
    if (is_bind) {
        return bind(vsva, &data);
    }
    if (!binding_of(vsva, data.hpasid)) {
        return -ENOENT;
    }
    unbind(binding_of(vsva, data.hpasid));
    return 0;
}

/* --- Invalidation -------------------------------------------------------- */

static int invalidate(SimBinding *binding, const VsvaInvalidateInfo *info)
{
    const VsvaInvalidateAddr *addr = &info->addr_info;
    IommufdVtdS1Invalidate entry = { .npages = UINT64_MAX };
    SimUserArray array = {
        .type = IOMMUFD_INVALIDATE_VTD_S1, .user = &entry,
        .entry_size = sizeof(entry), .n = 1,
        .not_iotlb = !(info->cache & VSVA_CACHE_IOTLB),
        .not_device = !(info->cache & VSVA_CACHE_DEV_IOTLB),
    };

    /* The PASID cache is the host's own here, and follows bind and unbind.
     * Of the others, no more goes than was asked for. */
    if (!(info->cache & (VSVA_CACHE_IOTLB | VSVA_CACHE_DEV_IOTLB))) {
        return 0;
    }
    if (info->granularity == VSVA_GRANU_ADDR) {
        entry.addr = addr->addr;
        entry.npages = addr->granule_size / SIM_PAGE * addr->nb_granules;
        entry.flags = addr->flags & VSVA_INVALIDATE_LEAF ?
                      IOMMUFD_VTD_INVALIDATE_LEAF : 0;
    }
    return binding->domain->sim->phys->invalidate(binding->domain, &array);
}

static int invalidate_ioctl(SimVsva *vsva, const void *arg)
{
    VsvaInvalidateInfo info;
    GHashTableIter iter;
    gpointer value;
    int ret = sim_vsva_take_invalidate(vsva->type1->sim->config.vsva, arg,
                                       &info), error;

    if (ret) {
        return ret;
    }
    /* flags and PASID stand in the same place for PASIDs and addresses */
    if (info.granularity != VSVA_GRANU_DOMAIN &&
        info.pasid_info.flags & VSVA_INVALIDATE_PASID) {
        uint64_t pasid = info.pasid_info.pasid;

        ret = check_pasid(vsva, pasid);
        if (!ret && binding_of(vsva, pasid)) {
            ret = invalidate(binding_of(vsva, pasid), &info);
        }
        return ret;
    }
    /* all tables: an architecture's ID is the host's own, too */
    g_hash_table_iter_init(&iter, vsva->bindings);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        error = invalidate(value, &info);
        ret = ret ? ret : error;
    }
    return ret;
}

/* --- The container ------------------------------------------------------- */

/* The caller takes the device out again when that fails. */
int sim_vsva_attach(SimVsva *vsva, SimDevice *device)
{
    GHashTableIter iter;
    gpointer value;
    int ret = 0;

    g_hash_table_iter_init(&iter, vsva->bindings);
    while (!ret && g_hash_table_iter_next(&iter, NULL, &value)) {
        ret = bind_device(value, device);
    }
    return ret;
}

void sim_vsva_detach(SimVsva *vsva, SimDevice *device)
{
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, vsva->bindings);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        unbind_device(value, device);
    }
}

void sim_vsva_free(SimVsva *vsva)
{
    GList *bindings;
    guint i = 0;

    if (!vsva) {
        return;
    }
    bindings = g_hash_table_get_values(vsva->bindings);
    for (GList *b = bindings; b; b = b->next) {
        unbind(b->data);
    }
    g_list_free(bindings);
    /* its groups have left it, so that others are counted here */
    if (!next_vsva(vsva->type1->sim, &i)) {
        g_hash_table_remove_all(pasids_of(vsva));
    }
    g_hash_table_unref(vsva->bindings);
    g_free(vsva);
}

int sim_vsva_ioctl(SimVsva *vsva, unsigned long request, void *arg)
{
    switch (request) {
    case VSVA_PASID_REQUEST:
        return pasid_request(vsva, arg);
    case VSVA_BIND:
        return bind_ioctl(vsva, arg);
    case VSVA_CACHE_INVALIDATE:
        return invalidate_ioctl(vsva, arg);
    default:
        return -ENOTTY;
    }
}
