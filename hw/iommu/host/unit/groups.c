/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Page requests of host devices that wait for the guest.
 *
 * A group is kept from its last request, which goes to the guest, until the
 * guest's answer, which goes to the host once: an answer that no group waits
 * for is dropped here.  Groups of tables that are replaced get an answer of
 * ours.
 */
#include <errno.h>
#include <string.h>

#include "hw/iommu/host/unit/groups.h"

/* How often an answer is tried again, once in each step. */
#define ANSWER_TRIES 64

/* A group of page requests that waits for the guest's answer. */
typedef struct Group Group;
struct Group {
    uint64_t key;
    uint32_t cookie;
    bool has_private_data;
    uint64_t private_data[2];
    Group *next;            /* of the same name, younger */
};

static void group_free(gpointer value)
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

void viommu_groups_init(ViommuHostDevice *device)
{
    device->groups = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL,
                                           group_free);
    device->unsent = g_array_new(FALSE, FALSE, sizeof(Answer));
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
    viommu_host_lock(device->host);
    /* Backwards, so that a removal moves no answer that is still to come; there
     * are at most as many as groups. */
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
    viommu_host_unlock(device->host);
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

bool viommu_groups_keep(ViommuHostDevice *device,
                        const ViommuHostFault *fault)
{
    const ViommuPageRequest *req = &fault->request;
    Group made = {
        .key = group_key(viommu_group_pasid(fault), req->group),
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

    viommu_host_lock(host);
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
    viommu_host_unlock(host);
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

/* Answers to page requests of devices that are not the host's go on at once:
 * no call of a host's is under way with the lock. */
bool viommu_forward_page_response(Viommu *unit,
                               const ViommuPageResponse *response)
{
    ViommuForward *forward = viommu_forward_of(unit);
    ViommuHostDevice *device;

    viommu_forward_lock(forward);
    device = viommu_forward_find(forward, response->source);
    if (device) {
        viommu_forward_hold(device);
    }
    viommu_forward_unlock(forward);
    if (device) {
        viommu_host_answer(device, response);
        viommu_forward_release(forward, device);
    }
    return device;
}
