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

#include "hw/iommu/host/unit/forward.h"

/* Reports of one viommu_host_run(), those that mean nothing included; its
 * caller comes again for the rest. */
#define RUN_MAX 4096
/* How often an answer is tried again, once in each step. */
#define ANSWER_TRIES 64
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

    while (group) {     /* at most VIOMMU_FORWARD_GROUPS */
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

/* An answer that the host has not taken. */
typedef struct Answer {
    ViommuPageResponse response;
    uint32_t cookie;
    unsigned tries;
} Answer;

GArray *viommu_host_answers_new(void)
{
    return g_array_new(FALSE, FALSE, sizeof(Answer));
}

static Answer *unsent(const ViommuHostDevice *device, guint i)
{
    return &g_array_index(device->unsent, Answer, i);
}

/* True: it needs not be tried again. */
static bool send(ViommuHostDevice *device, const Answer *answer)
{
    ViommuHost *host = device->host;
    int ret;

    if (viommu_host_device_gone(device)) {
        return true;
    }
    ret = host->backend->respond(device, &answer->response, answer->cookie);
    if (!ret) {
        host->stats.page_responses++;
    } else {
        host->stats.errors++;
    }
    return !ret || ret == -ENOENT;
}

/* Tell the host; what it does not take waits for the unit's next step. */
static void respond(ViommuHostDevice *device,
                    const ViommuPageResponse *response, uint32_t cookie)
{
    const Answer answer = { .response = *response, .cookie = cookie };

    if (send(device, &answer) || !device->unit) {
        return;
    }
    g_array_append_val(device->unsent, answer);
    viommu_forward_lock(viommu_forward_of(device->unit));
    viommu_forward_ask_step(viommu_forward_of(device->unit));
    viommu_forward_unlock(viommu_forward_of(device->unit));
}

void viommu_host_forget_answers(ViommuHostDevice *device, bool all,
                                uint32_t pasid)
{
    for (guint i = device->unsent->len; i--; ) {
        if (all || unsent(device, i)->response.pasid == pasid) {
            g_array_remove_index(device->unsent, i);
        }
    }
}

bool viommu_host_answer_again(ViommuHostDevice *device, uint32_t *pasid)
{
    bool more;

    *pasid = VIOMMU_ANY;
    lock(device->host);
    /* Backwards, so that who is done leaves no gap; at most the groups. */
    for (guint i = device->unsent->len; i--; ) {
        Answer *answer = unsent(device, i);

        if (send(device, answer)) {
            g_array_remove_index(device->unsent, i);
        } else if (++answer->tries == ANSWER_TRIES ||
                   device->unsent->len > VIOMMU_FORWARD_GROUPS) {
            *pasid = answer->response.pasid;
            break;
        }
    }
    if (*pasid != VIOMMU_ANY) {
        viommu_host_forget_answers(device, false, *pasid);
    }
    more = device->unsent->len;
    unlock(device->host);
    return more;
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
        g_hash_table_size(device->groups) >= VIOMMU_FORWARD_GROUPS) {
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
        if (out.code != VIOMMU_PAGE_SUCCESS &&
            out.code != VIOMMU_PAGE_INVALID) {
            /* also for those that PCIe does not use [PCIe 10.4.2.2] */
            out.code = VIOMMU_PAGE_FAILURE;
        }
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
    ViommuHost *host = device->host;
    GHashTableIter iter;
    gpointer value;

    if (host->reporting == device &&
        (all || host->reporting_pasid == pasid)) {
        /* The guest must not answer it: its name may be used again by then. */
        __atomic_store_n(&host->reporting_over, true, __ATOMIC_RELEASE);
    }
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

/* From now on until the next report, its group may be answered by us. */
static void begin_report(ViommuHost *host, ViommuHostFault *fault)
{
    host->reporting = fault->device;
    host->reporting_pasid = fault->type == VIOMMU_HOST_FAULT_STALL
                            ? VIOMMU_NO_PASID : fault->request.pasid;
    __atomic_store_n(&host->reporting_over, false, __ATOMIC_RELAXED);
    fault->over = &host->reporting_over;
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
        begin_report(host, &fault);
        unit = sort_report(host, &fault);
    }
    unlock(host);
    if (!unit) {
        return taken;
    }
    /* The unit stays: who detaches it takes run_lock. */
    if (fault.type == VIOMMU_HOST_FAULT_PAGE_REQUEST) {
        viommu_unit_page_request(unit, &fault.request, fault.over);
    } else {
        unit->model->forward->fault(unit, &fault);
    }
    return true;
}

/* Units with answers that were ours, and that the host has not taken. */
static void run_units(ViommuHost *host)
{
    g_autoptr(GPtrArray) units = g_ptr_array_new();

    lock(host);
    for (guint i = 0; i < host->devices->len; i++) {
        ViommuHostDevice *device = g_ptr_array_index(host->devices, i);

        if (device->unit && device->unsent->len) {
            g_ptr_array_add(units, device->unit);
        }
    }
    unlock(host);
    for (guint i = 0; i < units->len; i++) {
        viommu_forward_wake(g_ptr_array_index(units, i));
    }
}

bool viommu_host_run(ViommuHost *host)
{
    bool more = true;

    viommu_outside_sections(__func__);
    pthread_mutex_lock(&host->run_lock);
    for (unsigned i = 0; i < RUN_MAX && more; i++) {
        more = take_report(host);
    }
    run_units(host);
    pthread_mutex_unlock(&host->run_lock);
    return more;
}
