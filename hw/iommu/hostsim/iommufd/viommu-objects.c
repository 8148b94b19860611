/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * iommufd's vIOMMUs: a slice of a physical IOMMU, the devices in it under
 * their virtual names, and queues for what it reports.
 */
#include <errno.h>
#include <string.h>

#include "hw/iommu/hostsim/iommufd/hwpt.h"

#define VEVENTQ_DEPTH_MAX (1u << 19)

struct SimViommuObject {
    SimObject object;
    SimViommu *viommu;
    SimHwpt *parent;
    GHashTable *vdevices;       /* &virt_id -> SimVdevice */
    GPtrArray *queues;          /* SimVeventq */
};

typedef struct SimVdevice {
    SimObject object;
    SimViommuObject *viommu;
    SimIommufdDevice *bound;
    uint64_t virt_id;
    bool added;
} SimVdevice;

typedef struct SimVeventq {
    SimObject object;
    SimViommuObject *viommu;
    uint32_t type;
    uint32_t depth;
    uint32_t sequence;          /* of the next event */
    GQueue events;              /* SimVevent */
    bool lost;                  /* events behind the last one in the queue */
    uint32_t lost_sequence;
} SimVeventq;

typedef struct SimVevent {
    uint32_t sequence;
    size_t size;
    uint8_t data[];
} SimVevent;

SimViommu *sim_viommu_of(SimViommuObject *viommu)
{
    return viommu->viommu;
}

SimHwpt *sim_viommu_parent(SimViommuObject *viommu)
{
    return viommu->parent;
}

/* --- vIOMMUs ------------------------------------------------------------- */

static void viommu_destroy(SimObject *object)
{
    SimViommuObject *v = (SimViommuObject *)object;

    object->context->sim->phys->viommu_free(v->viommu);
    sim_object_unref(v->parent);
    g_hash_table_unref(v->vdevices);
    g_ptr_array_unref(v->queues);
}

static const SimObjectOps viommu_object = { SIM_VIOMMU, viommu_destroy };

static void viommu_event(SimViommu *viommu, const void *data, size_t size);

int sim_viommu_alloc(SimCommand *c)
{
    IommufdViommuAlloc *cmd = c->cmd;
    const SimPhysOps *phys = c->context->sim->phys;
    SimUserData data = { cmd->type, sim_user_ptr(cmd->data), cmd->data_len };
    SimIommufdDevice *bound;
    SimViommuObject *v;
    SimViommu *viommu;
    SimHwpt *parent;
    int ret;

    if (cmd->flags || cmd->type == IOMMUFD_VIOMMU_DEFAULT) {
        return -EOPNOTSUPP;
    }
    bound = sim_object_get(c->context, cmd->dev_id, SIM_DEVICE);
    if (!bound) {
        return -ENOENT;
    }
    if (!phys->viommu_new || cmd->type != phys->viommu_type) {
        return -EOPNOTSUPP;
    }
    parent = sim_object_get(c->context, cmd->hwpt_id, SIM_HWPT_PAGING);
    if (!parent) {
        return -ENOENT;
    }
    if (!parent->nest_parent) {
        return -EINVAL;
    }
    ret = phys->viommu_new(bound->device, cmd->type, parent->domain,
                           data.size ? &data : NULL, &viommu);
    if (ret) {
        return ret;
    }
    v = sim_object_new(c->context, sizeof(*v), &viommu_object);
    if (!v) {
        phys->viommu_free(viommu);
        return -ENOMEM;
    }
    v->viommu = viommu;
    viommu->owner = v;
    viommu->event = viommu_event;
    v->parent = parent;
    sim_object_ref(parent);
    v->vdevices = g_hash_table_new(g_int64_hash, g_int64_equal);
    v->queues = g_ptr_array_new();
    cmd->out_viommu_id = v->object.id;
    ret = sim_respond(c, sizeof(*cmd));
    if (ret) {
        sim_object_abort(v);
        return ret;
    }
    sim_object_finish(v);
    return 0;
}

/* --- Virtual devices ----------------------------------------------------- */

static void vdevice_destroy(SimObject *object)
{
    SimVdevice *vdevice = (SimVdevice *)object;
    const SimPhysOps *phys = object->context->sim->phys;

    if (vdevice->added) {
        phys->vdevice_remove(vdevice->viommu->viommu, vdevice->bound->device);
        g_hash_table_remove(vdevice->viommu->vdevices, &vdevice->virt_id);
    }
    vdevice->bound->vdevice = NULL;
    sim_object_unref(vdevice->viommu);
}

static const SimObjectOps vdevice_object = { SIM_VDEVICE, vdevice_destroy };

void sim_vdevice_bury(SimIommufdDevice *bound)
{
    if (bound->vdevice) {
        sim_object_bury(bound->vdevice);
    }
}

int sim_vdevice_alloc(SimCommand *c)
{
    IommufdVdeviceAlloc *cmd = c->cmd;
    const SimPhysOps *phys = c->context->sim->phys;
    SimIommufdDevice *bound;
    SimViommuObject *v;
    SimVdevice *vdevice;
    int ret;

    v = sim_object_get(c->context, cmd->viommu_id, SIM_VIOMMU);
    bound = sim_object_get(c->context, cmd->dev_id, SIM_DEVICE);
    if (!v || !bound) {
        return -ENOENT;
    }
    if (bound->vdevice || g_hash_table_contains(v->vdevices, &cmd->virt_id)) {
        return -EEXIST;
    }
    vdevice = sim_object_new(c->context, sizeof(*vdevice), &vdevice_object);
    if (!vdevice) {
        return -ENOMEM;
    }
    vdevice->viommu = v;
    vdevice->bound = bound;
    vdevice->virt_id = cmd->virt_id;
    bound->vdevice = vdevice;
    sim_object_ref(v);
    ret = phys->vdevice_add(v->viommu, bound->device, cmd->virt_id);
    if (!ret) {
        vdevice->added = true;
        g_hash_table_insert(v->vdevices, &vdevice->virt_id, vdevice);
        cmd->out_vdevice_id = vdevice->object.id;
        ret = sim_respond(c, sizeof(*cmd));
    }
    if (ret) {
        sim_object_abort(vdevice);
        return ret;
    }
    sim_object_finish(vdevice);
    return 0;
}

/* --- Event queues -------------------------------------------------------- */

static void veventq_update(SimVeventq *queue)
{
    if (queue->object.file) {
        sim_file_set_readable(queue->object.file,
                              queue->events.length || queue->lost);
    }
}

static void viommu_event(SimViommu *viommu, const void *data, size_t size)
{
    SimViommuObject *v = viommu->owner;

    for (guint i = 0; i < v->queues->len; i++) {
        SimVeventq *queue = g_ptr_array_index(v->queues, i);
        SimVevent *event;
        uint32_t sequence = queue->sequence;

        if (queue->type != viommu->type) {
            continue;
        }
        queue->sequence = sequence == INT32_MAX ? 0 : sequence + 1;
        if (queue->events.length >= queue->depth ||
            !sim_may_report(viommu->sim, sizeof(*event) + size)) {
            queue->lost = true;
            queue->lost_sequence = sequence;
        } else {
            /* a gap in the numbers tells of what was lost before */
            queue->lost = false;
            event = g_malloc(sizeof(*event) + size);
            event->sequence = sequence;
            event->size = size;
            memcpy(event->data, data, size);
            g_queue_push_tail(&queue->events, event);
        }
        veventq_update(queue);
    }
}

static ssize_t veventq_read(SimFile *file, void *buf, size_t size)
{
    SimVeventq *queue = file->priv;
    IommufdVeventHeader header = { 0 };
    size_t done = 0;
    int ret = 0;

    if (size < sizeof(header)) {
        return -EINVAL;
    }
    while (!ret && (queue->events.length || queue->lost)) {
        SimVevent *event = g_queue_peek_head(&queue->events);
        size_t n = sizeof(header) + (event ? event->size : 0);

        if (n > size - done) {
            ret = done || !event ? 0 : -EINVAL;
            break;
        }
        if (!event && !sim_may_allocate(file->sim, sizeof(header))) {
            ret = done ? 0 : -ENOMEM;   /* a copy of the word that some are
                                         * lost */
            break;
        }
        header.flags = event ? 0 : IOMMUFD_VEVENT_LOST_EVENTS;
        header.sequence = event ? event->sequence : queue->lost_sequence;
        ret = sim_copy_out(sim_user_at(buf, done), &header, sizeof(header));
        if (!ret && event) {
            ret = sim_copy_out(sim_user_at(buf, done + sizeof(header)),
                               event->data, event->size);
        }
        if (ret) {
            break;
        }
        if (event) {
            g_free(g_queue_pop_head(&queue->events));
        } else {
            queue->lost = false;
        }
        done += n;
    }
    veventq_update(queue);
    return done ? (ssize_t)done : ret;
}

static const SimFileOps veventq_ops = {
    .name = "iommufd-viommu-event",
    .read = veventq_read,
    .release = sim_object_release,
};

static void veventq_destroy(SimObject *object)
{
    SimVeventq *queue = (SimVeventq *)object;

    g_ptr_array_remove(queue->viommu->queues, queue);
    g_queue_clear_full(&queue->events, g_free);
    sim_object_unref(queue->viommu);
}

static const SimObjectOps veventq_object = { SIM_VEVENTQ, veventq_destroy };

int sim_veventq_alloc(SimCommand *c)
{
    IommufdVeventqAlloc *cmd = c->cmd;
    SimViommuObject *v;
    SimVeventq *queue;
    int fd, ret;

    if (cmd->flags || cmd->reserved || cmd->type == IOMMUFD_VEVENTQ_DEFAULT) {
        return -EOPNOTSUPP;
    }
    if (!cmd->veventq_depth || cmd->veventq_depth > VEVENTQ_DEPTH_MAX) {
        return -EINVAL;
    }
    v = sim_object_get(c->context, cmd->viommu_id, SIM_VIOMMU);
    if (!v) {
        return -ENOENT;
    }
    for (guint i = 0; i < v->queues->len; i++) {
        queue = g_ptr_array_index(v->queues, i);
        if (queue->type == cmd->type) {
            return -EEXIST;
        }
    }
    queue = sim_object_new(c->context, sizeof(*queue), &veventq_object);
    if (!queue) {
        return -ENOMEM;
    }
    queue->viommu = v;
    queue->type = cmd->type;
    queue->depth = cmd->veventq_depth;
    g_queue_init(&queue->events);
    g_ptr_array_add(v->queues, queue);
    sim_object_ref(v);
    fd = sim_object_open(queue, &veventq_ops);
    if (fd < 0) {
        sim_object_abort(queue);
        return fd;
    }
    cmd->out_veventq_id = queue->object.id;
    cmd->out_veventq_fd = fd;
    ret = sim_respond(c, sizeof(*cmd));
    if (ret) {
        sim_file_close(queue->object.file);
        sim_object_abort(queue);
        return ret;
    }
    sim_object_finish(queue);
    return 0;
}

/* --- Hardware queues: no hardware of ours has them ----------------------- */

int sim_hw_queue_alloc(SimCommand *c)
{
    const IommufdHwQueueAlloc *cmd = c->cmd;

    if (cmd->flags || cmd->type == IOMMUFD_HW_QUEUE_DEFAULT) {
        return -EOPNOTSUPP;
    }
    if (!cmd->length) {
        return -EINVAL;
    }
    if (cmd->length - 1 > UINT64_MAX - cmd->nesting_parent_iova) {
        return -EOVERFLOW;
    }
    return sim_object_get(c->context, cmd->viommu_id, SIM_VIOMMU)
           ? -EOPNOTSUPP : -ENOENT;
}
