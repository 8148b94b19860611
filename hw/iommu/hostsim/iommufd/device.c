/* SPDX-License-Identifier: BSD-3-Clause */
/* iommufd's devices: bind, attach, replace, detach. */
#include <errno.h>

#include "hw/iommu/hostsim/iommufd/hwpt.h"

/* --- Groups -------------------------------------------------------------- */

static void attach_free(void *opaque)
{
    SimAttach *attach = opaque;

    g_ptr_array_unref(attach->devices);
    g_free(attach);
}

/** Or NULL. */
static SimIommufdGroup *group_get(SimContext *context, unsigned number)
{
    SimIommufdGroup *group;

    for (guint i = 0; i < context->groups->len; i++) {
        group = g_ptr_array_index(context->groups, i);
        if (group->number == number) {
            group->refs++;
            return group;
        }
    }
    group = sim_alloc(context->sim, sizeof(*group));
    if (!group) {
        return NULL;
    }
    group->number = number;
    group->refs = 1;
    group->attached = g_hash_table_new_full(NULL, NULL, NULL, attach_free);
    g_ptr_array_add(context->groups, group);
    return group;
}

static void group_put(SimContext *context, SimIommufdGroup *group)
{
    if (!--group->refs) {
        g_ptr_array_remove(context->groups, group);
        g_hash_table_unref(group->attached);
        g_free(group);
    }
}

static bool other_has_group(SimContext *context, unsigned number)
{
    Hostsim *sim = context->sim;

    for (guint i = 0; i < sim->contexts->len; i++) {
        SimContext *other = g_ptr_array_index(sim->contexts, i);

        for (guint k = 0; other != context && k < other->groups->len; k++) {
            SimIommufdGroup *group = g_ptr_array_index(other->groups, k);

            if (group->number == number) {
                return true;
            }
        }
    }
    return false;
}

static SimAttach *attach_of(SimIommufdGroup *group, uint32_t pasid)
{
    return g_hash_table_lookup(group->attached, GUINT_TO_POINTER(pasid));
}

/** A device without PASIDs cannot send any. */
static bool concerned(const SimDevice *device, const SimIommufdGroup *group,
                      uint32_t pasid)
{
    return device->group == group->number &&
           (pasid == VIOMMU_NO_PASID || device->pasid_bits);
}

/** All devices of the group, bound or not, go behind the domain. */
static int attach_group(Hostsim *sim, SimIommufdGroup *group, uint32_t pasid,
                        SimDomain *domain, SimDomain *old)
{
    for (guint i = 0; i < sim->devices->len; i++) {
        SimDevice *device = g_ptr_array_index(sim->devices, i);
        int ret;

        if (!concerned(device, group, pasid)) {
            continue;
        }
        ret = sim->phys->attach(device, pasid, domain);
        if (ret) {
            sim_put_back_begin(sim);
            while (i--) {
                device = g_ptr_array_index(sim->devices, i);
                if (concerned(device, group, pasid)) {
                    sim->phys->attach(device, pasid, old);
                }
            }
            sim_put_back_end(sim);
            return ret;
        }
    }
    return 0;
}

/* --- Bind ---------------------------------------------------------------- */

static void device_destroy(SimObject *object)
{
    SimIommufdDevice *b = (SimIommufdDevice *)object;

    sim_fault_forget(b->device);
    g_hash_table_unref(b->pasids);
    group_put(object->context, b->group);
    sim_file_unref(object->context->file);
}

static const SimObjectOps device_object = { SIM_DEVICE, device_destroy };

int sim_iommufd_bind(SimContext *context, SimDevice *device,
                     SimIommufdDevice **bound)
{
    SimIommufdGroup *group;
    SimIommufdDevice *b;

    if (other_has_group(context, device->group)) {
        return -EBUSY;
    }
    group = group_get(context, device->group);
    if (!group) {
        return -ENOMEM;
    }
    b = sim_object_new(context, sizeof(*b), &device_object);
    if (!b) {
        group_put(context, group);
        return -ENOMEM;
    }
    b->device = device;
    b->group = group;
    b->pasids = g_hash_table_new(NULL, NULL);
    sim_file_ref(context->file);
    sim_object_ref(b);
    sim_object_finish(b);
    *bound = b;
    return 0;
}

void sim_iommufd_unbind(SimIommufdDevice *bound)
{
    GList *pasids = g_hash_table_get_keys(bound->pasids);

    for (GList *i = pasids; i; i = i->next) {
        sim_iommufd_detach(bound, GPOINTER_TO_UINT(i->data));
    }
    g_list_free(pasids);
    sim_vdevice_bury(bound);
    sim_object_destroy_held(bound);
}

/* --- Attach -------------------------------------------------------------- */

/** A domain for a PASID, and one beside it, must both be made for that. */
static int check_pasid(SimIommufdDevice *b, const SimHwpt *hwpt,
                       uint32_t pasid)
{
    guint others = g_hash_table_size(b->group->attached);
    const SimAttach *rid = attach_of(b->group, VIOMMU_NO_PASID);

    if (pasid == VIOMMU_NO_PASID) {
        return !hwpt->pasid && others - (rid != NULL) ? -EINVAL : 0;
    }
    if (!hwpt->pasid || (rid && !rid->hwpt->pasid)) {
        return -EINVAL;
    }
    for (guint i = 0; i < b->object.context->sim->devices->len; i++) {
        const SimDevice *device =
            g_ptr_array_index(b->object.context->sim->devices, i);

        if (device->group == b->group->number && device->pasid_bits &&
            pasid >> device->pasid_bits) {
            return -EINVAL;
        }
    }
    return 0;
}

/** Of the address space that requests without PASID see. */
static SimIoas *ioas_of(const SimHwpt *hwpt)
{
    if (hwpt->viommu) {
        return sim_viommu_parent(hwpt->viommu)->ioas;
    }
    return hwpt->parent ? hwpt->parent->ioas : hwpt->ioas;
}

static int reserve(SimIommufdDevice *b, SimHwpt *hwpt)
{
    const SimPhysOps *phys = b->object.context->sim->phys;

    return sim_ioas_reserve(ioas_of(hwpt), phys->msi_first, phys->msi_last,
                            b->device);
}

/** The group's first device, with that PASID. */
static int attach_new(SimIommufdDevice *b, uint32_t pasid, SimHwpt *hwpt,
                      SimAttach **attach)
{
    Hostsim *sim = b->object.context->sim;
    int ret = check_pasid(b, hwpt, pasid);

    if (ret) {
        return ret;
    }
    *attach = sim_alloc(sim, sizeof(**attach));
    if (!*attach) {
        return -ENOMEM;
    }
    ret = attach_group(sim, b->group, pasid, hwpt->domain, NULL);
    if (ret) {
        g_free(*attach);
        return ret;
    }
    (*attach)->hwpt = hwpt;
    (*attach)->devices = g_ptr_array_new();
    g_hash_table_insert(b->group->attached, GUINT_TO_POINTER(pasid), *attach);
    return 0;
}

static int attach_first(SimIommufdDevice *b, uint32_t pasid, SimHwpt *hwpt)
{
    SimAttach *attach = attach_of(b->group, pasid);
    bool resv = pasid == VIOMMU_NO_PASID;
    int ret = 0;

    if (attach && g_ptr_array_find(attach->devices, b, NULL)) {
        return -EBUSY;
    }
    if (attach && attach->hwpt != hwpt) {
        return -EINVAL;
    }
    if (!sim_may_allocate(b->object.context->sim, sizeof(b))) {
        return -ENOMEM;
    }
    if (resv) {
        ret = reserve(b, hwpt);
    }
    if (!ret && !attach) {
        ret = attach_new(b, pasid, hwpt, &attach);
        if (ret && resv) {
            sim_ioas_unreserve(ioas_of(hwpt), b->device);
        }
    }
    if (!ret) {
        sim_object_ref(hwpt);
        g_ptr_array_add(attach->devices, b);
    }
    return ret;
}

/** Requests that came from the old table are answered. */
static void end_faults(Hostsim *sim, SimIommufdGroup *group, uint32_t pasid,
                       SimHwpt *old)
{
    for (guint i = 0; old->fault && i < sim->devices->len; i++) {
        SimDevice *device = g_ptr_array_index(sim->devices, i);

        if (device->group == group->number) {
            sim_fault_detach(old->fault, device, pasid);
        }
    }
}

static void unreserve_all(SimAttach *attach, SimIoas *ioas)
{
    for (guint i = 0; i < attach->devices->len; i++) {
        SimIommufdDevice *b = g_ptr_array_index(attach->devices, i);

        sim_ioas_unreserve(ioas, b->device);
    }
}

static int reserve_all(SimAttach *attach, SimHwpt *hwpt)
{
    for (guint i = 0; i < attach->devices->len; i++) {
        int ret = reserve(g_ptr_array_index(attach->devices, i), hwpt);

        if (ret) {
            unreserve_all(attach, ioas_of(hwpt));
            return ret;
        }
    }
    return 0;
}

static int replace(SimIommufdDevice *b, uint32_t pasid, SimHwpt *hwpt)
{
    SimAttach *attach = attach_of(b->group, pasid);
    Hostsim *sim = b->object.context->sim;
    SimHwpt *old;
    bool resv;
    int ret;

    if (!attach || !g_ptr_array_find(attach->devices, b, NULL)) {
        return -EINVAL;
    }
    old = attach->hwpt;
    if (old == hwpt) {
        return 0;
    }
    resv = pasid == VIOMMU_NO_PASID && ioas_of(old) != ioas_of(hwpt);
    if (resv) {
        ret = reserve_all(attach, hwpt);
        if (ret) {
            return ret;
        }
    }
    ret = check_pasid(b, hwpt, pasid);
    if (!ret) {
        ret = attach_group(sim, b->group, pasid, hwpt->domain, old->domain);
    }
    if (ret) {
        if (resv) {
            unreserve_all(attach, ioas_of(hwpt));
        }
        return ret;
    }
    if (resv) {
        unreserve_all(attach, ioas_of(old));
    }
    end_faults(sim, b->group, pasid, old);
    attach->hwpt = hwpt;
    for (guint i = 0; i < attach->devices->len; i++) {
        sim_object_ref(hwpt);
    }
    for (guint i = attach->devices->len; i--; ) {
        sim_hwpt_put(old);
    }
    return 0;
}

typedef int AttachFunc(SimIommufdDevice *b, uint32_t pasid, SimHwpt *hwpt);

/** An IOAS: a domain that was made so before, or a new one. */
static int attach_ioas(SimIommufdDevice *b, uint32_t pasid, SimIoas *ioas,
                       uint32_t *pt_id, AttachFunc *func)
{
    SimHwpt *hwpt;
    int ret;

    for (guint i = 0; i < ioas->hwpts->len; i++) {
        hwpt = g_ptr_array_index(ioas->hwpts, i);
        if (!hwpt->automatic) {
            continue;
        }
        ret = func(b, pasid, hwpt);
        if (ret != -EINVAL) {
            *pt_id = ret ? *pt_id : hwpt->object.id;
            return ret;
        }
    }
    ret = sim_hwpt_new_paging(b, ioas, 0, NULL, &hwpt);
    if (ret) {
        return ret;
    }
    ret = func(b, pasid, hwpt);
    if (ret) {
        sim_object_abort(hwpt);
        return ret;
    }
    hwpt->automatic = true;
    *pt_id = hwpt->object.id;
    sim_object_finish(hwpt);
    return 0;
}

int sim_iommufd_attach(SimIommufdDevice *bound, uint32_t pasid,
                       uint32_t *pt_id)
{
    void *key = GUINT_TO_POINTER(pasid);
    bool again = g_hash_table_contains(bound->pasids, key);
    AttachFunc *func = again ? replace : attach_first;
    SimObject *pt = sim_object_get(bound->object.context, *pt_id, SIM_ANY);
    int ret;

    if (!pt) {
        return -ENOENT;
    }
    switch (pt->ops->type) {
    case SIM_HWPT_PAGING:
    case SIM_HWPT_NESTED:
        ret = func(bound, pasid, (SimHwpt *)pt);
        break;
    case SIM_IOAS:
        ret = attach_ioas(bound, pasid, (SimIoas *)pt, pt_id, func);
        break;
    default:
        ret = -EINVAL;
        break;
    }
    if (!ret && !again) {
        sim_object_ref(bound);
        g_hash_table_add(bound->pasids, key);
    }
    return ret;
}

void sim_iommufd_detach(SimIommufdDevice *bound, uint32_t pasid)
{
    SimAttach *attach = attach_of(bound->group, pasid);
    Hostsim *sim = bound->object.context->sim;
    SimHwpt *hwpt;

    if (!g_hash_table_remove(bound->pasids, GUINT_TO_POINTER(pasid))) {
        return;
    }
    hwpt = attach->hwpt;
    g_ptr_array_remove(attach->devices, bound);
    if (pasid == VIOMMU_NO_PASID) {
        sim_ioas_unreserve(ioas_of(hwpt), bound->device);
    }
    if (!attach->devices->len) {
        attach_group(sim, bound->group, pasid, NULL, NULL);
        end_faults(sim, bound->group, pasid, hwpt);
        g_hash_table_remove(bound->group->attached, GUINT_TO_POINTER(pasid));
    }
    sim_hwpt_put(hwpt);
    sim_object_unref(bound);
}

/* --- GET_HW_INFO --------------------------------------------------------- */

static int copy_info(const IommufdHwInfo *cmd, const void *data, uint32_t size)
{
    static const uint8_t zeroes[SIM_PAGE];
    uint32_t at = MIN(cmd->data_len, size);
    int ret = sim_copy_out(sim_user_ptr(cmd->data), data, at);

    while (!ret && at < cmd->data_len) {
        uint32_t part = MIN(cmd->data_len - at, sizeof(zeroes));

        ret = sim_copy_out(sim_user_ptr(cmd->data + at), zeroes, part);
        at += part;
    }
    return ret;
}

int sim_get_hw_info(SimCommand *c)
{
    IommufdHwInfo *cmd = c->cmd;
    Hostsim *sim = c->context->sim;
    SimIommufdDevice *b;
    uint64_t data[8] = { 0 };
    uint32_t size = 0;
    int ret;

    if ((cmd->flags & ~IOMMUFD_HW_INFO_INPUT_TYPE) || cmd->reserved[0] ||
        cmd->reserved[1] || cmd->reserved[2]) {
        return -EOPNOTSUPP;
    }
    if (!(cmd->flags & IOMMUFD_HW_INFO_INPUT_TYPE)) {
        cmd->data_type = IOMMUFD_HW_INFO_NONE;
    }
    b = sim_object_get(c->context, cmd->dev_id, SIM_DEVICE);
    if (!b) {
        return -ENOENT;
    }
    ret = sim->phys->hw_info(b->device, &cmd->data_type, data, &size);
    if (!ret) {
        ret = copy_info(cmd, data, size);
    }
    if (ret) {
        return ret;
    }
    cmd->data_len = size;
    cmd->out_capabilities =
        (sim->phys->can_track_dirty(sim) ? IOMMUFD_HW_CAP_DIRTY_TRACKING : 0) |
        (b->device->ats ? 0 : IOMMUFD_HW_CAP_NO_ATS) |
        (b->device->pasid_bits ? IOMMUFD_HW_CAP_PASID_EXEC |
                                 IOMMUFD_HW_CAP_PASID_PRIV : 0);
    cmd->out_max_pasid_log2 = b->device->pasid_bits;
    return sim_respond(c, sizeof(*cmd));
}
