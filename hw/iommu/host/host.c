/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Hosts and their devices, whatever the API: what they have in common, and
 * the page requests that wait for the guest.
 *
 * A group is kept from its last request, which goes to the guest, until the
 * guest's answer, which goes to the host once: an answer that no group waits
 * for is dropped here.  Groups of tables that are replaced get an answer of
 * ours.
 */
#include <errno.h>
#include <string.h>

#include "hw/iommu/host/seam.h"

/* Reports of one viommu_host_run(); its caller comes again for the rest. */
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

/* --- For backends -------------------------------------------------------- */

void viommu_host_init(ViommuHost *host, const ViommuHostBackend *backend,
                      const ViommuSyscalls *sys)
{
    host->backend = backend;
    host->sys = sys ? sys : viommu_syscalls();
    pthread_mutex_init(&host->lock, NULL);
    pthread_mutex_init(&host->run_lock, NULL);
    host->devices = g_ptr_array_new();
    host->memory = g_array_new(FALSE, FALSE, sizeof(ViommuHostMemory));
}

void viommu_host_destroy(ViommuHost *host)
{
    g_array_free(host->memory, TRUE);
    g_ptr_array_free(host->devices, TRUE);
    pthread_mutex_destroy(&host->run_lock);
    pthread_mutex_destroy(&host->lock);
}

static void group_free(gpointer value)
{
    Group *group = value;

    while (group) {     /* at most VIOMMU_SEAM_GROUPS */
        Group *next = group->next;

        g_free(group);
        group = next;
    }
}

void viommu_host_device_init(ViommuHostDevice *device, ViommuHost *host)
{
    device->host = host;
    device->groups = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL,
                                           group_free);
    device->bindings = g_ptr_array_new();
    device->look = g_array_new(FALSE, FALSE, sizeof(uint32_t));
}

void viommu_host_device_destroy(ViommuHostDevice *device)
{
    g_hash_table_destroy(device->groups);
    g_ptr_array_free(device->bindings, TRUE);
    g_array_free(device->look, TRUE);
}

int viommu_host_ioctl(ViommuHost *host, int fd, unsigned long request,
                      void *arg)
{
    host->stats.calls++;
    return host->sys->ioctl(host->sys->opaque, fd, request, arg);
}

bool viommu_host_refused(GError **error, const char *call, int ret)
{
    g_set_error(error, VIOMMU_ERROR, VIOMMU_ERROR_HOST, "%s: %s", call,
                g_strerror(-ret));
    return false;
}

int viommu_host_note(ViommuHostDevice *device, int ret)
{
    if (ret < 0) {
        device->host->stats.errors++;
    }
    if ((ret == -ENODEV || ret == -EBADF) && !device->gone) {
        device->gone = true;
        device->host->stats.devices_gone++;
    }
    return ret;
}

/* --- Hosts --------------------------------------------------------------- */

void viommu_host_free(ViommuHost *host)
{
    if (host) {
        while (host->devices->len) {
            viommu_host_device_free(g_ptr_array_index(host->devices, 0));
        }
        host->backend->free(host);
    }
}

/* The first one that ends behind @addr. */
static guint memory_position(const ViommuHost *host, uint64_t addr)
{
    guint low = 0, high = host->memory->len;

    while (low < high) {
        guint middle = (low + high) / 2;
        const ViommuHostMemory *m = &g_array_index(host->memory,
                                                   ViommuHostMemory, middle);

        if (m->addr + (m->size - 1) < addr) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

bool viommu_host_find_memory(ViommuHost *host, uint64_t *addr, uint64_t *size)
{
    uint64_t last = *addr + (*size - 1);

    for (guint i = memory_position(host, *addr); i < host->memory->len; i++) {
        const ViommuHostMemory *m = &g_array_index(host->memory,
                                                   ViommuHostMemory, i);
        uint64_t first = MAX(*addr, m->addr);

        if (m->addr > last) {
            return false;
        }
        if (!m->readonly) {
            *size = MIN(last, m->addr + (m->size - 1)) - first + 1;
            *addr = first;
            return true;
        }
    }
    return false;
}

int viommu_host_map_file(ViommuHost *host, uint64_t addr, uint64_t size,
                         int fd, uint64_t offset, void *memory,
                         bool readonly)
{
    const ViommuHostMemory new = {
        .addr = addr, .size = size, .readonly = readonly,
    };
    int ret = 0;
    guint at;

    if (!size || addr + (size - 1) < addr) {
        return -EINVAL;
    }
    lock(host);
    at = memory_position(host, addr);
    if (at < host->memory->len &&
        g_array_index(host->memory, ViommuHostMemory, at).addr <=
        addr + (size - 1)) {
        ret = -EEXIST;
    } else {
        ret = host->backend->map(host, addr, size, memory, fd, offset,
                                 readonly);
    }
    if (!ret) {
        g_array_insert_val(host->memory, at, new);
    }
    unlock(host);
    return ret;
}

int viommu_host_map(ViommuHost *host, uint64_t addr, uint64_t size,
                    void *memory, bool readonly)
{
    return viommu_host_map_file(host, addr, size, -1, 0, memory, readonly);
}

int viommu_host_unmap(ViommuHost *host, uint64_t addr, uint64_t size)
{
    uint64_t last = addr + (size - 1);
    int ret = -ENOENT;
    guint at, end;

    if (!size || last < addr) {
        return -EINVAL;
    }
    lock(host);
    at = memory_position(host, addr);
    for (end = at; end < host->memory->len; end++) {
        const ViommuHostMemory *m = &g_array_index(host->memory,
                                                   ViommuHostMemory, end);

        if (m->addr > last) {
            break;
        }
        ret = m->addr < addr || m->addr + (m->size - 1) > last ? -ENOENT :
              m->readonly ? 0 :
              host->backend->unmap(host, m->addr, m->size);
        if (ret) {
            break;
        }
    }
    if (end > at) {
        g_array_remove_range(host->memory, at, end - at);
    }
    unlock(host);
    return ret;
}

int viommu_host_set_dirty_tracking(ViommuHost *host, bool on)
{
    int ret;

    lock(host);
    ret = host->backend->set_dirty(host, on);
    unlock(host);
    return ret;
}

int viommu_host_get_dirty(ViommuHost *host, uint64_t addr, uint64_t size,
                          uint64_t page_size, uint64_t *bitmap)
{
    int ret;

    if (!size || addr + (size - 1) < addr || !page_size ||
        (page_size & (page_size - 1))) {
        return -EINVAL;
    }
    lock(host);
    ret = host->backend->get_dirty(host, addr, size, page_size, bitmap);
    unlock(host);
    return ret;
}

unsigned viommu_host_fds(ViommuHost *host, struct pollfd *fds, unsigned max)
{
    unsigned n;

    lock(host);
    n = host->backend->fds(host, fds, max);
    unlock(host);
    return n;
}

void viommu_host_get_stats(ViommuHost *host, ViommuHostStats *stats)
{
    lock(host);
    *stats = host->stats;
    unlock(host);
}

/* --- Devices ------------------------------------------------------------- */

ViommuHostDevice *viommu_host_device_new(ViommuHost *host, int fd,
                                         GError **error)
{
    ViommuHostDevice *device;

    lock(host);
    device = host->backend->device_new(host, fd, error);
    if (device) {
        g_ptr_array_add(host->devices, device);
    }
    unlock(host);
    return device;
}

ViommuHostDevice *viommu_host_device_adopt(ViommuHost *host, int fd,
                                           uint32_t id, GError **error)
{
    ViommuHostDevice *device = NULL;

    lock(host);
    if (host->backend->device_adopt) {
        device = host->backend->device_adopt(host, fd, id, error);
    } else {
        viommu_host_refused(error, host->backend->name, -EOPNOTSUPP);
    }
    if (device) {
        g_ptr_array_add(host->devices, device);
    }
    unlock(host);
    return device;
}

void viommu_host_device_free(ViommuHostDevice *device)
{
    ViommuHost *host;
    Viommu *unit;

    if (!device) {
        return;
    }
    host = device->host;
    lock(host);
    unit = device->unit;
    unlock(host);
    if (unit) {
        viommu_detach_host(unit, device->source);
    }
    pthread_mutex_lock(&host->run_lock);
    lock(host);
    g_ptr_array_remove(host->devices, device);
    viommu_host_drop_all_groups(device);
    host->backend->device_free(device);
    unlock(host);
    pthread_mutex_unlock(&host->run_lock);
}

void viommu_host_device_get_caps(ViommuHostDevice *device,
                                 ViommuHostCaps *caps)
{
    *caps = device->caps;
}

bool viommu_host_device_gone(ViommuHostDevice *device)
{
    bool gone;

    lock(device->host);
    gone = device->gone;
    unlock(device->host);
    return gone;
}

int viommu_host_device_pass_through(ViommuHostDevice *device)
{
    const ViommuHostTable table = { .type = VIOMMU_HOST_PARENT };
    int ret;

    lock(device->host);
    ret = device->unit ? -EBUSY
                       : device->host->backend->bind(device, VIOMMU_NO_PASID,
                                                     &table);
    device->passed |= !ret;
    unlock(device->host);
    return ret;
}

bool viommu_host_device_nested(ViommuHostDevice *device)
{
    bool nested;

    lock(device->host);
    nested = device->unit && device->nested;
    unlock(device->host);
    return nested;
}

/* --- Page requests that wait --------------------------------------------- */

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

void viommu_host_run(ViommuHost *host)
{
    pthread_mutex_lock(&host->run_lock);
    for (unsigned i = 0; i < RUN_MAX && take_report(host); i++) {
    }
    pthread_mutex_unlock(&host->run_lock);
}
