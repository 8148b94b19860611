/* SPDX-License-Identifier: BSD-3-Clause */
/* iommufd's hardware page tables: made, destroyed, invalidated, dirty. */
#include <errno.h>

#include "hw/iommu/hostsim/iommufd/hwpt.h"

#define PAGING_FLAGS (IOMMUFD_HWPT_NEST_PARENT | \
                      IOMMUFD_HWPT_DIRTY_TRACKING | IOMMUFD_HWPT_FAULT_ID | \
                      IOMMUFD_HWPT_PASID)
#define NESTED_FLAGS (IOMMUFD_HWPT_FAULT_ID | IOMMUFD_HWPT_PASID)

#define INVALIDATE_MAX (1u << 19)

static void hwpt_destroy(SimObject *object)
{
    SimHwpt *hwpt = (SimHwpt *)object;

    if (hwpt->domain) {
        if (hwpt->ioas &&
            g_ptr_array_remove(hwpt->ioas->hwpts, hwpt)) {
            sim_ioas_remove_domain(hwpt->ioas, hwpt->domain);
        }
        object->context->sim->phys->domain_free(hwpt->domain);
    }
    if (hwpt->fault) {
        sim_object_unref(hwpt->fault);
    }
    if (hwpt->ioas) {
        sim_object_unref(hwpt->ioas);
    }
    if (hwpt->viommu) {
        sim_object_unref(hwpt->viommu);
    } else if (hwpt->parent) {
        sim_object_unref(hwpt->parent);
    }
}

static const SimObjectOps paging_object = { SIM_HWPT_PAGING, hwpt_destroy };
static const SimObjectOps nested_object = { SIM_HWPT_NESTED, hwpt_destroy };

void sim_hwpt_put(SimHwpt *hwpt)
{
    sim_object_unref(hwpt);
    if (hwpt->automatic && hwpt->object.users == 1) {
        sim_object_destroy(hwpt->object.context, hwpt->object.id);
    }
}

/* --- ALLOC --------------------------------------------------------------- */

int sim_hwpt_new_paging(SimIommufdDevice *bound, SimIoas *ioas,
                        uint32_t flags, const SimUserData *data,
                        SimHwpt **hwpt)
{
    Hostsim *sim = ioas->object.context->sim;
    SimDomain *domain;
    SimHwpt *h;
    int ret;

    (void)bound;
    if ((flags & ~PAGING_FLAGS) ||
        ((flags & IOMMUFD_HWPT_DIRTY_TRACKING) &&
         !sim->phys->can_track_dirty(sim)) ||
        ((flags & IOMMUFD_HWPT_FAULT_ID) &&
         (flags & IOMMUFD_HWPT_NEST_PARENT)) || data) {
        return -EOPNOTSUPP;
    }
    ret = sim->phys->domain_new(sim,
        (flags & IOMMUFD_HWPT_NEST_PARENT ? SIM_DOMAIN_NEST_PARENT : 0) |
        (flags & IOMMUFD_HWPT_DIRTY_TRACKING ? SIM_DOMAIN_DIRTY : 0) |
        (flags & IOMMUFD_HWPT_PASID ? SIM_DOMAIN_PASID : 0), &domain);
    if (ret) {
        return ret;
    }
    h = sim_object_new(ioas->object.context, sizeof(*h), &paging_object);
    if (!h) {
        sim->phys->domain_free(domain);
        return -ENOMEM;
    }
    h->domain = domain;
    h->pasid = flags & IOMMUFD_HWPT_PASID;
    h->nest_parent = flags & IOMMUFD_HWPT_NEST_PARENT;
    h->ioas = ioas;
    domain->owner = h;
    sim_object_ref(ioas);
    ret = sim_ioas_add_domain(ioas, domain);
    if (ret) {
        sim_object_abort(h);
        return ret;
    }
    g_ptr_array_add(ioas->hwpts, h);
    *hwpt = h;
    return 0;
}

/** On top of a parent, or of a vIOMMU that has one. */
static int new_nested(SimIommufdDevice *bound, SimHwpt *parent,
                      SimViommuObject *viommu, uint32_t flags,
                      const SimUserData *data, SimHwpt **hwpt)
{
    SimContext *context = bound->object.context;
    SimDomain *domain;
    SimHwpt *h;
    int ret;

    /* with commands of a vIOMMU, nested tables are made from it only */
    if ((flags & ~NESTED_FLAGS) || !data->size ||
        (!viommu && !context->sim->phys->invalidate)) {
        return -EOPNOTSUPP;
    }
    if (parent->automatic || !parent->nest_parent) {
        return -EINVAL;
    }
    ret = context->sim->phys->nested_new(bound->device, parent->domain,
                                         viommu ? sim_viommu_of(viommu)
                                                : NULL,
                                         flags & IOMMUFD_HWPT_PASID
                                         ? SIM_DOMAIN_PASID : 0,
                                         data, &domain);
    if (ret) {
        return ret;
    }
    h = sim_object_new(context, sizeof(*h), &nested_object);
    if (!h) {
        context->sim->phys->domain_free(domain);
        return -ENOMEM;
    }
    h->domain = domain;
    h->pasid = flags & IOMMUFD_HWPT_PASID;
    h->parent = parent;
    h->viommu = viommu;
    domain->owner = h;
    sim_object_ref(viommu ? (void *)viommu : (void *)parent);
    *hwpt = h;
    return 0;
}

static int new_hwpt(SimIommufdDevice *bound, SimObject *pt,
                    const IommufdHwptAlloc *cmd, SimHwpt **hwpt)
{
    SimUserData data = {
        cmd->data_type, sim_user_ptr(cmd->data), cmd->data_len,
    };

    switch (pt->ops->type) {
    case SIM_IOAS:
        return sim_hwpt_new_paging(bound, (SimIoas *)pt, cmd->flags,
                                   data.size ? &data : NULL, hwpt);
    case SIM_HWPT_PAGING:
        return new_nested(bound, (SimHwpt *)pt, NULL, cmd->flags, &data,
                          hwpt);
    case SIM_VIOMMU:
        return new_nested(bound, sim_viommu_parent((SimViommuObject *)pt),
                          (SimViommuObject *)pt, cmd->flags, &data, hwpt);
    default:
        return -EINVAL;
    }
}

int sim_hwpt_alloc(SimCommand *c)
{
    IommufdHwptAlloc *cmd = c->cmd;
    bool none = cmd->data_type == IOMMUFD_HWPT_DATA_NONE;
    SimIommufdDevice *bound;
    SimFaultQueue *fault;
    SimObject *pt;
    SimHwpt *hwpt;
    int ret = 0;

    if (cmd->reserved) {
        return -EOPNOTSUPP;
    }
    if (none == (cmd->data_len != 0)) {
        return -EINVAL;
    }
    bound = sim_object_get(c->context, cmd->dev_id, SIM_DEVICE);
    if (!bound) {
        return -ENOENT;
    }
    pt = sim_object_get(c->context, cmd->pt_id, SIM_ANY);
    ret = pt ? new_hwpt(bound, pt, cmd, &hwpt) : -EINVAL;
    if (ret) {
        return ret;
    }
    if (cmd->flags & IOMMUFD_HWPT_FAULT_ID) {
        fault = sim_object_get(c->context, cmd->fault_id, SIM_FAULT);
        if (fault) {
            sim_fault_connect(fault, hwpt);
        } else {
            ret = -ENOENT;
        }
    }
    cmd->out_hwpt_id = hwpt->object.id;
    if (!ret) {
        ret = sim_respond(c, sizeof(*cmd));
    }
    if (ret) {
        sim_object_abort(hwpt);
        return ret;
    }
    sim_object_finish(hwpt);
    return 0;
}

/* --- INVALIDATE ---------------------------------------------------------- */

static int invalidate(SimCommand *c, SimUserArray *array)
{
    const IommufdHwptInvalidate *cmd = c->cmd;
    const SimPhysOps *phys = c->context->sim->phys;
    SimObject *pt;
    int ret;

    if (cmd->reserved) {
        return -EOPNOTSUPP;
    }
    if (cmd->entry_num &&
        (!cmd->data || !cmd->entry_len || cmd->entry_len > SIM_PAGE ||
         cmd->entry_num > INVALIDATE_MAX)) {
        return -EINVAL;
    }
    pt = sim_object_get(c->context, cmd->hwpt_id, SIM_ANY);
    if (!pt) {
        return -ENOENT;
    }
    array->n = cmd->entry_num;
    switch (pt->ops->type) {
    case SIM_HWPT_NESTED:
        if (phys->invalidate) {
            return phys->invalidate(((SimHwpt *)pt)->domain, array);
        }
        ret = -EOPNOTSUPP;
        break;
    case SIM_VIOMMU:
        if (phys->viommu_invalidate) {
            return phys->viommu_invalidate(
                sim_viommu_of((SimViommuObject *)pt), array);
        }
        ret = -EOPNOTSUPP;
        break;
    default:
        ret = -EINVAL;
        break;
    }
    array->n = 0;
    return ret;
}

int sim_hwpt_invalidate(SimCommand *c)
{
    IommufdHwptInvalidate *cmd = c->cmd;
    SimUserArray array = {
        .type = cmd->data_type,
        .user = sim_user_ptr(cmd->data),
        .entry_size = cmd->entry_len,
    };
    int ret = invalidate(c, &array);

    cmd->entry_num = array.n;
    return sim_respond(c, sizeof(*cmd)) ? -EFAULT : ret;
}

/* --- Dirty tracking ------------------------------------------------------ */

static SimHwpt *get_paging(SimCommand *c, uint32_t id)
{
    return sim_object_get(c->context, id, SIM_HWPT_PAGING);
}

int sim_hwpt_set_dirty(SimCommand *c)
{
    const IommufdHwptSetDirty *cmd = c->cmd;
    const SimPhysOps *phys = c->context->sim->phys;
    bool on = cmd->flags & IOMMUFD_HWPT_DIRTY_TRACKING_ENABLE;
    SimHwpt *hwpt;

    if (cmd->flags & ~IOMMUFD_HWPT_DIRTY_TRACKING_ENABLE) {
        return -EOPNOTSUPP;
    }
    hwpt = get_paging(c, cmd->hwpt_id);
    if (!hwpt) {
        return -ENOENT;
    }
    if (!(hwpt->domain->flags & SIM_DOMAIN_DIRTY)) {
        return -EOPNOTSUPP;
    }
    for (guint i = 0; on && i < hwpt->ioas->areas->len; i++) {
        const SimArea *area = g_ptr_array_index(hwpt->ioas->areas, i);

        phys->read_dirty(hwpt->domain, area->iova,
                         area->last - area->iova + 1, true, NULL, NULL);
    }
    return phys->set_dirty(hwpt->domain, on);
}

/** The bitmap in the caller's memory: as in Linux, what of it is not there
 *  takes the bits along without a word, and a page size is what its lowest bit
 *  says. */
static void set_bits(void *opaque, uint64_t iova, uint64_t size)
{
    const IommufdHwptGetDirty *cmd = opaque;
    unsigned shift = (unsigned)__builtin_ctzll(cmd->page_size);
    uint64_t first = (iova - cmd->iova) >> shift;
    uint64_t last = (iova + size - 1 - cmd->iova) >> shift;
    uint64_t word;

    for (uint64_t i = first / 64; i <= last / 64; i++) {
        void *user = sim_user_ptr(cmd->data + i * sizeof(word));
        uint64_t from = i == first / 64 ? first % 64 : 0;
        uint64_t to = i == last / 64 ? last % 64 : 63;

        if (!sim_copy_in(&word, user, sizeof(word))) {
            word |= (UINT64_MAX >> (63 - to)) & (UINT64_MAX << from);
            (void)sim_copy_out(user, &word, sizeof(word));
        }
    }
}

static int check_range(const SimHwpt *hwpt, const IommufdHwptGetDirty *cmd)
{
    uint64_t last, bits;

    if (!cmd->length) {
        return -EINVAL;
    }
    if (cmd->length - 1 > UINT64_MAX - cmd->iova) {
        return -EOVERFLOW;
    }
    last = cmd->iova + (cmd->length - 1);
    bits = cmd->iova | (last + 1);
    if ((bits & (hwpt->ioas->alignment - 1)) || !cmd->page_size ||
        (bits & (cmd->page_size - 1))) {
        return -EINVAL;
    }
    return 0;
}

int sim_hwpt_get_dirty(SimCommand *c)
{
    IommufdHwptGetDirty *cmd = c->cmd;
    uint64_t at, last;
    SimHwpt *hwpt;
    int ret;

    if ((cmd->flags & ~IOMMUFD_HWPT_DIRTY_NO_CLEAR) || cmd->reserved) {
        return -EOPNOTSUPP;
    }
    hwpt = get_paging(c, cmd->hwpt_id);
    if (!hwpt) {
        return -ENOENT;
    }
    ret = check_range(hwpt, cmd);
    if (ret) {
        return ret;
    }
    if (!(hwpt->domain->flags & SIM_DOMAIN_DIRTY)) {
        return -EOPNOTSUPP;
    }
    if (!sim_may_allocate(c->context->sim, SIM_PAGE)) {
        return -ENOMEM;
    }
    at = cmd->iova;
    last = cmd->iova + (cmd->length - 1);
    for (;;) {
        /* as in Linux, what is not mapped ends it without an error */
        const SimArea *area = sim_area_find(hwpt->ioas, at, false);
        uint64_t end = area ? MIN(area->last, last) : 0;

        if (!area) {
            return 0;
        }
        c->context->sim->phys->read_dirty(
            hwpt->domain, at, end - at + 1,
            !(cmd->flags & IOMMUFD_HWPT_DIRTY_NO_CLEAR), set_bits, cmd);
        if (end == last) {
            return 0;
        }
        at = end + 1;
    }
}
