/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * iommufd: vIOMMUs (SMMUv3).  Each parent has one, for a unit's devices behind
 * the same physical SMMU: it takes the guest's commands, knows devices by the
 * guest's StreamIDs (vDEVICE), and has a queue of events.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "hw/iommu/host/iommufd/viommu.h"

/* Events that the kernel keeps for us. */
#define DEPTH           1024

/* Commands of one call; more take several. */
#define COMMANDS_MAX    256

/* The StreamID, in commands and in events. */
#define COMMAND_SID(word)   ((uint32_t)((word) >> 32))
#define EVENT_SID(word)     ((uint32_t)((word) >> 32))

static IommufdHost *host_of(IommufdDevice *device)
{
    return iommufd_host(device->common.host);
}

static IommufdViommu *find_viommu(const IommufdHost *host, uint32_t parent)
{
    for (guint i = 0; i < host->viommus->len; i++) {
        IommufdViommu *v = g_ptr_array_index(host->viommus, i);

        if (v->parent == parent) {
            return v;
        }
    }
    return NULL;
}

/* --- Life ---------------------------------------------------------------- */

static void stop_events(IommufdHost *host, IommufdViommu *v)
{
    if (v->event_fd >= 0) {
        host->common.stats.calls++;
        host->common.sys->close(host->common.sys->opaque, v->event_fd);
        v->event_fd = -1;
        iommufd_destroy(host, v->veventq);
    }
}

/* Older kernels have no such queue: events are lost then. */
static void start_events(IommufdHost *host, IommufdViommu *v)
{
    IommufdVeventqAlloc args = {
        .size = sizeof(args), .viommu_id = v->id,
        .type = IOMMUFD_VEVENTQ_ARM_SMMUV3, .veventq_depth = DEPTH,
    };

    if (iommufd_call(host, IOMMUFD_VEVENTQ_ALLOC, &args)) {
        return;
    }
    if (args.out_veventq_fd > INT_MAX) {
        iommufd_destroy(host, args.out_veventq_id);
    } else {
        v->veventq = args.out_veventq_id;
        v->event_fd = (int)args.out_veventq_fd;
    }
}

int iommufd_viommu_start(IommufdDevice *device)
{
    IommufdHost *host = host_of(device);
    IommufdViommuAlloc args = {
        .size = sizeof(args), .type = IOMMUFD_VIOMMU_ARM_SMMUV3,
        .dev_id = device->id, .hwpt_id = device->parent,
    };
    IommufdViommu *v = find_viommu(host, device->parent);
    int ret = 0;

    if (!v) {
        ret = iommufd_call(host, IOMMUFD_VIOMMU_ALLOC, &args);
    }
    if (!v && !ret) {
        v = g_new0(IommufdViommu, 1);
        v->id = args.out_viommu_id;
        v->parent = device->parent;
        v->event_fd = -1;
        g_ptr_array_add(host->viommus, v);
        start_events(host, v);
    }
    device->common.caps.events = v && v->event_fd >= 0;
    return ret;
}

void iommufd_viommu_stop(IommufdHost *host, uint32_t parent)
{
    IommufdViommu *v = find_viommu(host, parent);

    if (v) {
        stop_events(host, v);
        iommufd_destroy(host, v->id);
        g_ptr_array_remove(host->viommus, v);
        g_free(v);
    }
}

/* --- Devices ------------------------------------------------------------- */

void iommufd_detached(ViommuHostDevice *common)
{
    IommufdDevice *device = iommufd_device(common);

    if (device->vdevice) {
        iommufd_destroy(host_of(device), device->vdevice);
        device->vdevice = 0;
    }
}

int iommufd_viommu_of(IommufdDevice *device, uint32_t *id)
{
    const IommufdViommu *v = find_viommu(host_of(device), device->parent);
    IommufdVdeviceAlloc args = {
        .size = sizeof(args), .dev_id = device->id,
        .virt_id = device->common.source,
    };
    int ret = 0;

    if (!v) {
        return -EOPNOTSUPP;
    }
    *id = args.viommu_id = v->id;
    if (!device->vdevice) {
        ret = iommufd_call(host_of(device), IOMMUFD_VDEVICE_ALLOC, &args);
        device->vdevice = ret ? 0 : args.out_vdevice_id;
    }
    return ret;
}

/* The device of @v that the guest calls @source. */
static ViommuHostDevice *device_of(IommufdHost *host, const IommufdViommu *v,
                                   uint32_t source)
{
    for (guint i = 0; i < host->common.devices->len; i++) {
        ViommuHostDevice *device = g_ptr_array_index(host->common.devices, i);

        if (iommufd_device(device)->parent == v->parent &&
            iommufd_device(device)->vdevice && device->source == source) {
            return device;
        }
    }
    return NULL;
}

/* --- Commands ------------------------------------------------------------ */

/* Entries of one call, and which of the list they are; what is refused. */
typedef struct Commands {
    IommufdHost *host;
    IommufdSmmuv3Invalidate entry[COMMANDS_MAX];
    unsigned index[COMMANDS_MAX];
    unsigned n;
    int error;
    unsigned bad, refused;
} Commands;

/* @n entries from @first on; *@done is how many of them are done. */
static int call(Commands *c, const IommufdViommu *v, unsigned first,
                unsigned n, unsigned *done)
{
    IommufdHwptInvalidate args = {
        .size = sizeof(args), .hwpt_id = v->id,
        .data = (uintptr_t)&c->entry[first],
        .data_type = IOMMUFD_INVALIDATE_ARM_SMMUV3,
        .entry_len = sizeof(c->entry[0]), .entry_num = n,
    };
    int ret;

    c->host->common.stats.invalidation_calls++;
    ret = iommufd_call(c->host, IOMMUFD_HWPT_INVALIDATE, &args);
    /* When it failed before it looked at them, the number is as it was. */
    *done = !ret ? n : args.entry_num < n ? args.entry_num : 0;
    return ret;
}

/*
 * All that is gathered; what is refused is left out.  Linux counts entries
 * that stand before a bad one in the same block as done, but has not sent
 * them, so that they go once more.
 */
static void send(Commands *c, const IommufdViommu *v)
{
    unsigned first = 0, done, again;

    while (first < c->n) {      /* at most COMMANDS_MAX */
        int ret = call(c, v, first, c->n - first, &done);

        if (!ret) {
            break;
        }
        if (done && call(c, v, first, done, &again)) {
            done = 0;
        }
        if (!c->error || c->index[first + done] < c->bad) {
            c->error = ret;
            c->bad = c->index[first + done];
        }
        if (ret == -ENODEV || ret == -EBADF) {
            c->refused += c->n - first;
            break;
        }
        c->refused++;
        first += done + 1;
    }
    c->n = 0;
}

/* Does the command concern devices of @v? */
static bool concerns(IommufdHost *host, const IommufdViommu *v,
                     const ViommuHostCommand *command)
{
    return !command->for_source ||
           device_of(host, v, COMMAND_SID(command->word[0]));
}

int iommufd_commands(ViommuHost *common, const Viommu *unit,
                     const ViommuHostCommand *list, unsigned n, unsigned *bad,
                     unsigned *refused)
{
    IommufdHost *host = iommufd_host(common);
    g_autofree Commands *c = g_new0(Commands, 1);

    c->host = host;
    for (guint i = 0; i < host->viommus->len; i++) {
        const IommufdViommu *v = g_ptr_array_index(host->viommus, i);

        if (iommufd_parent(host, v->parent)->unit != unit) {
            continue;
        }
        for (unsigned k = 0; k < n; k++) {
            if (c->n == COMMANDS_MAX) {
                send(c, v);
            }
            if (concerns(host, v, &list[k])) {
                c->entry[c->n].cmd[0] = GUINT64_TO_LE(list[k].word[0]);
                c->entry[c->n].cmd[1] = GUINT64_TO_LE(list[k].word[1]);
                c->index[c->n++] = k;
            }
        }
        send(c, v);
    }
    *bad = c->bad;
    *refused = MIN(c->refused, n);
    return c->error;
}

/* --- Events -------------------------------------------------------------- */

unsigned iommufd_event_fds(const IommufdHost *host, struct pollfd *fds,
                           unsigned max)
{
    unsigned n = 0;

    for (guint i = 0; i < host->viommus->len && n < max; i++) {
        const IommufdViommu *v = g_ptr_array_index(host->viommus, i);

        if (v->event_fd >= 0 && viommu_host_queue_waits(&v->queue)) {
            fds[n++] = (struct pollfd) {
                .fd = v->event_fd, .events = POLLIN,
            };
        }
    }
    return n;
}

/* Fill v->events. */
static void read_events(IommufdHost *host, IommufdViommu *v)
{
    const ViommuSyscalls *sys = host->common.sys;
    ssize_t ret;

    v->at = v->n = 0;
    if (v->event_fd < 0) {
        return;
    }
    host->common.stats.calls++;
    ret = sys->read(sys->opaque, v->event_fd, v->events, sizeof(v->events));
    if (!ret && iommufd_readable(host, v->event_fd)) {
        ret = -EMSGSIZE;    /* no event that we know is as large */
    }
    if (viommu_host_queue_read(&host->common, &v->queue, ret)) {
        v->n = MIN((size_t)ret, sizeof(v->events));
    } else if (v->queue.over) {
        v->lost++;
        stop_events(host, v);
    }
}

/* Numbers up to @sequence have not come. */
static void note_lost(IommufdViommu *v, uint32_t sequence)
{
    v->lost += (sequence - v->sequence) & INT32_MAX;
    v->sequence = sequence;
}

/* Take what is at v->at; false when that is no whole record. */
static bool decode(IommufdHost *host, IommufdViommu *v,
                   ViommuHostFault *fault)
{
    IommufdVeventSmmuv3 event;
    IommufdVeventHeader header;

    if (v->n - v->at < sizeof(header)) {
        return false;
    }
    memcpy(&header, v->events + v->at, sizeof(header));
    v->at += sizeof(header);
    note_lost(v, header.sequence & INT32_MAX);
    v->sequence = (v->sequence + 1) & INT32_MAX;
    if (header.flags & IOMMUFD_VEVENT_LOST_EVENTS) {
        v->lost++;
        return true;
    }
    if (v->n - v->at < sizeof(event)) {
        return false;
    }
    memcpy(&event, v->events + v->at, sizeof(event));
    v->at += sizeof(event);
    for (unsigned i = 0; i < G_N_ELEMENTS(event.evt); i++) {
        fault->event[i] = GUINT64_FROM_LE(event.evt[i]);
    }
    fault->type = VIOMMU_HOST_FAULT_EVENT;
    fault->device = device_of(host, v, EVENT_SID(fault->event[0]));
    return true;
}

/* Any of its devices: the queue is one for all. */
static ViommuHostDevice *any_device(IommufdHost *host, const IommufdViommu *v)
{
    for (guint i = 0; i < host->common.devices->len; i++) {
        ViommuHostDevice *device = g_ptr_array_index(host->common.devices, i);

        if (iommufd_device(device)->parent == v->parent && device->unit) {
            return device;
        }
    }
    return NULL;
}

static bool next_of(IommufdHost *host, IommufdViommu *v,
                    ViommuHostFault *fault)
{
    if (v->at == v->n) {
        read_events(host, v);
    }
    while (v->at < v->n) {      /* at most the size of the buffer */
        if (!decode(host, v, fault)) {
            v->at = v->n;       /* a piece of a record is none */
            v->lost++;
        }
        if (fault->device) {
            return true;        /* what was lost before it comes next */
        }
    }
    if (v->lost) {
        fault->type = VIOMMU_HOST_FAULT_LOST;
        fault->device = any_device(host, v);
        fault->lost = v->lost;
        v->lost = 0;
        return true;
    }
    return false;
}

bool iommufd_next_event(IommufdHost *host, ViommuHostFault *fault)
{
    for (guint i = 0; i < host->viommus->len; i++) {
        if (next_of(host, g_ptr_array_index(host->viommus, i), fault)) {
            return true;
        }
    }
    return false;
}
