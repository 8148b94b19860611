/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What hosts report, whatever the API, and the page requests that wait for the
 * guest.
 *
 * A group is kept from its last request, which goes to the guest, until the
 * guest's answer, which goes to the host once: an answer that no group waits
 * for is dropped here.  Groups of tables that are replaced get an answer of
 * ours.
 */
#include <errno.h>
#include <string.h>

#include "hw/iommu/host/seam.h"

/* Reports of one viommu_host_run(), those that mean nothing included; its
 * caller comes again for the rest. */
#define RUN_MAX 4096
/* Reads of a queue that fail in a row, before it is not waited for. */
#define FAILURES_MAX 64

/* A group of page requests that waits for the guest's answer. */
typedef struct Group Group;
struct Group {
    uint64_t key;
    uint32_t cookie;
    bool has_private_data;
    uint64_t private_data[2];
    Group *next;            /* of the same name, younger */
};

static void lock(ViommuHost *host)
{
    pthread_mutex_lock(&host->lock);
}

static void unlock(ViommuHost *host)
{
    pthread_mutex_unlock(&host->lock);
}

/* --- Page requests that wait --------------------------------------------- */

void viommu_host_group_free(gpointer value)
{
    Group *group = value;

    while (group) {     /* at most VIOMMU_SEAM_GROUPS */
        Group *next = group->next;

        g_free(group);
        group = next;
    }
}

static uint64_t group_key(uint32_t pasid, uint16_t group)
{
    return (uint64_t)pasid << 16 | group;
}

static uint32_t key_pasid(uint64_t key)
{
    return key >> 16;
}

/* Tell the host.  Nothing can be done when it does not listen. */
static void respond(ViommuHostDevice *device,
                    const ViommuPageResponse *response, uint32_t cookie)
{
    ViommuHost *host = device->host;
    int ret;

    if (device->gone) {
        return;
    }
    ret = host->backend->respond(device, response, cookie);
    if (!ret) {
        host->stats.page_responses++;
    } else {
        host->stats.errors++;
    }
}

static void respond_ourselves(ViommuHostDevice *device, const Group *group,
                              ViommuPageResponseCode code)
{
    const ViommuPageResponse response = {
        .source = device->source,
        .pasid = key_pasid(group->key),
        .group = group->key & UINT16_MAX,
        .code = code,
        .has_private_data = group->has_private_data,
        .private_data = { group->private_data[0], group->private_data[1] },
    };

    device->host->stats.page_responses_automatic++;
    respond(device, &response, group->cookie);
}

/* Keep the group that ends with @fault.  False when there is no room. */
static bool keep(ViommuHostDevice *device, const ViommuHostFault *fault)
{
    const ViommuPageRequest *req = &fault->request;
    /* A stall's tag is the device's, and ends with its only table. */
    Group made = {
        .key = group_key(fault->type == VIOMMU_HOST_FAULT_STALL
                         ? VIOMMU_NO_PASID : req->pasid, req->group),
        .cookie = fault->cookie,
        .has_private_data = req->has_private_data,
        .private_data = { req->private_data[0], req->private_data[1] },
    };
    Group *old = g_hash_table_lookup(device->groups, &made.key), *group;

    if (!device->unit || (old && old->next) ||
        g_hash_table_size(device->groups) >= VIOMMU_SEAM_GROUPS) {
        /* As when the guest's queue is full: the device asks again. */
        respond_ourselves(device, &made, device->unit ? VIOMMU_PAGE_SUCCESS
                                                      : VIOMMU_PAGE_INVALID);
        return false;
    }
    group = g_memdup2(&made, sizeof(made));
    if (old) {
        /* The device uses the name again before it has its answer. */
        old->next = group;
    } else {
        g_hash_table_insert(device->groups, &group->key, group);
    }
    return true;
}

void viommu_host_answer(ViommuHostDevice *device,
                        const ViommuPageResponse *response)
{
    uint64_t key = group_key(response->pasid, response->group);
    ViommuPageResponse out = *response;
    ViommuHost *host = device->host;
    Group *group;

    lock(host);
    group = g_hash_table_lookup(device->groups, &key);
    if (group) {
        g_hash_table_steal(device->groups, &key);
        if (group->next) {
            g_hash_table_insert(device->groups, &group->next->key,
                                group->next);
        }
        out.code = response->code == VIOMMU_PAGE_SUCCESS
                   ? VIOMMU_PAGE_SUCCESS : VIOMMU_PAGE_INVALID;
        out.has_private_data = group->has_private_data;
        memcpy(out.private_data, group->private_data,
               sizeof(out.private_data));
        respond(device, &out, group->cookie);
        g_free(group);
    }
    unlock(host);
}

static void drop_groups(ViommuHostDevice *device, bool all, uint32_t pasid)
{
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, device->groups);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const Group *group = value;

        if (!all && key_pasid(group->key) != pasid) {
            continue;
        }
        for (; group; group = group->next) {
            respond_ourselves(device, group, VIOMMU_PAGE_INVALID);
        }
        g_hash_table_iter_remove(&iter);
    }
}

void viommu_host_drop_groups(ViommuHostDevice *device, uint32_t pasid)
{
    drop_groups(device, false, pasid);
}

void viommu_host_drop_all_groups(ViommuHostDevice *device)
{
    drop_groups(device, true, 0);
}

/* --- Queues of reports --------------------------------------------------- */

bool viommu_host_queue_read(ViommuHost *host, ViommuHostQueue *queue,
                            ssize_t ret)
{
    if (ret >= 0 || ret == -EAGAIN || ret == -EINTR) {
        queue->failures = 0;
        return ret >= 0;
    }
    host->stats.errors++;
    queue->over |= ret == -ENODEV || ret == -EBADF;
    if (queue->failures < FAILURES_MAX) {
        queue->failures++;
    }
    return false;
}

bool viommu_host_queue_waits(const ViommuHostQueue *queue)
{
    return !queue->over && queue->failures < FAILURES_MAX;
}

/* --- Reports ------------------------------------------------------------- */

static bool wants_answer(const ViommuPageRequest *req)
{
    /* A stop marker does not. */
    return req->last && (req->access & (VIOMMU_READ | VIOMMU_WRITE));
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
        if (!keep(device, fault)) {
            return NULL;
        }
        break;
    case VIOMMU_HOST_FAULT_PAGE_REQUEST:
        host->stats.page_requests++;
        if (wants_answer(&fault->request) && !keep(device, fault)) {
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

    lock(host);
    taken = host->backend->next_fault(host, &fault);
    if (taken) {
        unit = sort_report(host, &fault);
    }
    unlock(host);
    if (!unit) {
        return taken;
    }
    /* The unit stays: who detaches it takes run_lock. */
    if (fault.type == VIOMMU_HOST_FAULT_PAGE_REQUEST) {
        viommu_page_request(unit, &fault.request);
    } else {
        unit->model->seam->fault(unit, &fault);
    }
    return true;
}

bool viommu_host_run(ViommuHost *host)
{
    bool more = true;

    pthread_mutex_lock(&host->run_lock);
    for (unsigned i = 0; i < RUN_MAX && more; i++) {
        more = take_report(host);
    }
    pthread_mutex_unlock(&host->run_lock);
    return more;
}
