/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * iommufd's fault queues.  Requests of a group wait until its last one is
 * there; a reader gets whole groups, each with a cookie for its answer.
 * Whatever is not answered when the queue, the attachment or the device goes
 * is answered as invalid.
 */
#include <errno.h>
#include <string.h>

#include "hw/iommu/hostsim/iommufd/hwpt.h"

/* Groups that a device begins and does not end; more are dropped. */
#define PARTIAL_MAX 4096

/* A flag of its own that Linux shows to users, too. */
#define PGFAULT_NEEDS_PASID (1u << 2)

struct SimFaultQueue {
    SimObject object;
    GQueue deliver;             /* SimFaultGroup */
    GPtrArray *waiting;         /* [cookie - 1]: SimFaultGroup, or NULL */
};

typedef struct SimFaultGroup {
    SimDevice *device;
    SimIommufdDevice *bound;
    uint32_t pasid;
    uint32_t attached;          /* by which attachment: that, or none */
    uint32_t cookie;
    GArray *requests;           /* ViommuPageRequest; the last one is last */
} SimFaultGroup;

/* --- Groups -------------------------------------------------------------- */

static void group_end(SimFaultGroup *group, uint8_t code)
{
    const ViommuPageRequest *last =
        &g_array_index(group->requests, ViommuPageRequest,
                       group->requests->len - 1);
    ViommuPageResponse response = {
        .source = group->device->source,
        .pasid = group->pasid,
        .group = last->group,
        .code = code,
        .has_private_data = last->has_private_data,
        .private_data = { last->private_data[0], last->private_data[1] },
    };

    group->device->sim->phys->page_response(group->device, &response);
    g_array_unref(group->requests);
    g_free(group);
}

static void update(SimFaultQueue *queue)
{
    if (queue->object.file) {
        sim_file_set_readable(queue->object.file, queue->deliver.length);
    }
}

/** What the device has begun before with the same index comes first. */
static void take_partial(SimDevice *device, SimFaultGroup *group,
                         uint16_t index)
{
    for (guint i = 0; i < device->partial->len; ) {
        const ViommuPageRequest *req = &g_array_index(device->partial,
                                                      ViommuPageRequest, i);

        if (req->group == index) {
            g_array_append_vals(group->requests, req, 1);
            g_array_remove_index(device->partial, i);
        } else {
            i++;
        }
    }
}

static bool fault_page_request(SimDomain *domain, SimDevice *device,
                               const ViommuPageRequest *req)
{
    SimHwpt *hwpt = domain->owner;
    SimFaultQueue *queue = hwpt->fault;
    SimFaultGroup *group;

    if (!device->iommufd) {
        return false;
    }
    if (!req->last) {
        if (device->partial->len < PARTIAL_MAX &&
            sim_may_report(device->sim, sizeof(*req))) {
            g_array_append_vals(device->partial, req, 1);
        }
        return true;
    }
    if (!sim_may_report(device->sim, sizeof(*group))) {
        return false;
    }
    group = g_new0(SimFaultGroup, 1);
    group->device = device;
    group->bound = device->iommufd;
    group->pasid = req->pasid;
    group->attached = sim_domain_of(device, req->pasid) == domain
                      ? req->pasid : VIOMMU_NO_PASID;
    group->requests = g_array_new(FALSE, FALSE, sizeof(*req));
    take_partial(device, group, req->group);
    g_array_append_vals(group->requests, req, 1);
    g_queue_push_tail(&queue->deliver, group);
    update(queue);
    return true;
}

void sim_fault_connect(SimFaultQueue *queue, SimHwpt *hwpt)
{
    hwpt->fault = queue;
    hwpt->domain->page_request = fault_page_request;
    sim_object_ref(queue);
}

/** Those of one attachment, or all with @device NULL. */
static void end_groups(SimFaultQueue *queue, SimDevice *device,
                       uint32_t pasid)
{
    for (GList *i = queue->deliver.head, *next; i; i = next) {
        SimFaultGroup *group = i->data;

        next = i->next;
        if (!device || (group->device == device &&
                        group->attached == pasid)) {
            g_queue_delete_link(&queue->deliver, i);
            group_end(group, VIOMMU_PAGE_INVALID);
        }
    }
    for (guint i = 0; i < queue->waiting->len; i++) {
        SimFaultGroup *group = g_ptr_array_index(queue->waiting, i);

        if (group && (!device || (group->device == device &&
                                  group->attached == pasid))) {
            g_ptr_array_index(queue->waiting, i) = NULL;
            group_end(group, VIOMMU_PAGE_INVALID);
        }
    }
    update(queue);
}

void sim_fault_detach(SimFaultQueue *queue, SimDevice *device, uint32_t pasid)
{
    end_groups(queue, device, pasid);
}

void sim_fault_forget(SimDevice *device)
{
    g_array_set_size(device->partial, 0);
}

static void fault_destroy(SimObject *object)
{
    SimFaultQueue *queue = (SimFaultQueue *)object;

    end_groups(queue, NULL, 0);
    g_ptr_array_unref(queue->waiting);
}

static const SimObjectOps fault_object = { SIM_FAULT, fault_destroy };

/* --- The descriptor ------------------------------------------------------ */

static uint32_t new_cookie(SimFaultQueue *queue, SimFaultGroup *group)
{
    guint i = 0;

    while (i < queue->waiting->len && g_ptr_array_index(queue->waiting, i)) {
        i++;
    }
    if (i == queue->waiting->len) {
        g_ptr_array_add(queue->waiting, NULL);
    }
    g_ptr_array_index(queue->waiting, i) = group;
    group->cookie = i + 1;
    return group->cookie;
}

static int copy_group(const SimFaultGroup *group, void *user)
{
    for (guint i = 0; i < group->requests->len; i++) {
        const ViommuPageRequest *req = &g_array_index(group->requests,
                                                      ViommuPageRequest, i);
        bool pasid = req->pasid != VIOMMU_NO_PASID;
        IommufdPgfault fault = {
            .flags = (pasid ? IOMMUFD_PGFAULT_PASID_VALID |
                              PGFAULT_NEEDS_PASID : 0) |
                     (req->last ? IOMMUFD_PGFAULT_LAST_PAGE : 0),
            .dev_id = group->bound->object.id,
            .pasid = pasid ? req->pasid : 0,
            .grpid = req->group,
            .perm = (req->access & VIOMMU_READ ? IOMMUFD_PGFAULT_READ : 0) |
                    (req->access & VIOMMU_WRITE ? IOMMUFD_PGFAULT_WRITE : 0) |
                    (req->access & VIOMMU_EXEC ? IOMMUFD_PGFAULT_EXEC : 0) |
                    (req->access & VIOMMU_PRIV ? IOMMUFD_PGFAULT_PRIV : 0),
            .addr = req->addr,
            .cookie = group->cookie,
        };
        int ret = sim_copy_out(sim_user_at(user, i * sizeof(fault)), &fault,
                               sizeof(fault));

        if (ret) {
            return ret;
        }
    }
    return 0;
}

static ssize_t fault_read(SimFile *file, void *buf, size_t size)
{
    SimFaultQueue *queue = file->priv;
    size_t done = 0;
    int ret = 0;

    if (size % sizeof(IommufdPgfault)) {
        return -ESPIPE;
    }
    while (!ret && queue->deliver.length) {
        SimFaultGroup *group = g_queue_peek_head(&queue->deliver);
        size_t n = group->requests->len * sizeof(IommufdPgfault);

        if (n > size - done) {
            ret = done ? 0 : -EINVAL;
            break;
        }
        if (!sim_may_allocate(file->sim, sizeof(group))) {
            ret = done ? 0 : -ENOMEM;
            break;
        }
        new_cookie(queue, group);
        ret = copy_group(group, sim_user_at(buf, done));
        if (ret) {
            g_ptr_array_index(queue->waiting, group->cookie - 1) = NULL;
        } else {
            g_queue_pop_head(&queue->deliver);
            done += n;
        }
    }
    update(queue);
    return done ? (ssize_t)done : ret;
}

static ssize_t fault_write(SimFile *file, const void *buf, size_t size)
{
    SimFaultQueue *queue = file->priv;
    IommufdPageResponse response;
    size_t done = 0;
    int ret = 0;

    if (size % sizeof(response)) {
        return -ESPIPE;
    }
    while (done < size) {
        SimFaultGroup *group = NULL;

        ret = sim_copy_in(&response, sim_user_at(buf, done),
                          sizeof(response));
        if (ret) {
            break;
        }
        if (response.cookie && response.cookie <= queue->waiting->len) {
            group = g_ptr_array_index(queue->waiting, response.cookie - 1);
        }
        if (!group || (response.code != IOMMUFD_RESPONSE_SUCCESS &&
                       response.code != IOMMUFD_RESPONSE_INVALID)) {
            ret = -EINVAL;
            break;
        }
        g_ptr_array_index(queue->waiting, response.cookie - 1) = NULL;
        group_end(group, response.code == IOMMUFD_RESPONSE_SUCCESS
                         ? VIOMMU_PAGE_SUCCESS : VIOMMU_PAGE_INVALID);
        done += sizeof(response);
    }
    return done ? (ssize_t)done : ret;
}

static const SimFileOps fault_ops = {
    .name = "iommufd-pgfault",
    .read = fault_read,
    .write = fault_write,
    .release = sim_object_release,
};

int sim_fault_alloc(SimCommand *c)
{
    IommufdFaultQueueAlloc *cmd = c->cmd;
    SimFaultQueue *queue;
    int fd, ret;

    if (cmd->flags) {
        return -EOPNOTSUPP;
    }
    queue = sim_object_new(c->context, sizeof(*queue), &fault_object);
    if (!queue) {
        return -ENOMEM;
    }
    g_queue_init(&queue->deliver);
    queue->waiting = g_ptr_array_new();
    fd = sim_object_open(queue, &fault_ops);
    if (fd < 0) {
        sim_object_abort(queue);
        return fd;
    }
    cmd->out_fault_id = queue->object.id;
    cmd->out_fault_fd = fd;
    ret = sim_respond(c, sizeof(*cmd));
    if (ret) {
        sim_file_close(queue->object.file);
        sim_object_abort(queue);
        return ret;
    }
    sim_object_finish(queue);
    return 0;
}
