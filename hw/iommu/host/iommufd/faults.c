/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * iommufd: page requests.  One fault queue serves all nested HWPTs of a
 * connection.  A read gives whole groups, whose last report carries the cookie
 * that the response repeats.
 */
#include <errno.h>
#include <limits.h>

#include "hw/iommu/host/iommufd/faults.h"
#include "hw/iommu/host/iommufd/viommu.h"

/* Reports of one read: at first, and when a group does not fit. */
#define REPORTS_FIRST   256
#define REPORTS_MAX     (1u << 16)
/* No object has this ID: a report whose group the kernel has answered. */
#define NOBODY          0
/* A device waits for its answer, so try more than once. */
#define WRITE_TRIES     3

int iommufd_faults_start(IommufdHost *host)
{
    IommufdFaultQueueAlloc args = { .size = sizeof(args) };
    int ret;

    if (host->fault_fd >= 0) {
        return 0;
    }
    ret = iommufd_call(host, IOMMUFD_FAULT_QUEUE_ALLOC, &args);
    if (!ret && args.out_fault_fd > INT_MAX) {
        iommufd_destroy(host, args.out_fault_id);
        ret = -EPROTO;
    }
    if (!ret) {
        host->fault_id = args.out_fault_id;
        host->fault_fd = (int)args.out_fault_fd;
        host->fault_queue = (ViommuHostQueue) { 0 };
        host->reports_max = REPORTS_FIRST;
        host->reports = g_renew(IommufdPgfault, host->reports,
                                host->reports_max);
    }
    return ret;
}

void iommufd_faults_stop(IommufdHost *host)
{
    if (host->fault_fd >= 0) {
        /* The descriptor keeps the queue. */
        host->common.stats.calls++;
        host->common.sys->close(host->common.sys->opaque, host->fault_fd);
        host->fault_fd = -1;
        iommufd_destroy(host, host->fault_id);
    }
}

unsigned iommufd_fds(ViommuHost *common, struct pollfd *fds, unsigned max)
{
    const IommufdHost *host = iommufd_host(common);
    unsigned n = 0;

    if (host->fault_fd >= 0 && viommu_host_queue_waits(&host->fault_queue) &&
        max) {
        fds[n++] = (struct pollfd) {
            .fd = host->fault_fd, .events = POLLIN,
        };
    }
    return n + iommufd_event_fds(host, fds + n, max - n);
}

/* Fill host->reports. */
static void read_reports(IommufdHost *host)
{
    const ViommuSyscalls *sys = host->common.sys;
    bool too_small;
    ssize_t ret;

    host->reports_at = host->reports_n = 0;
    for (;;) {  /* until the buffer has its largest size */
        host->common.stats.calls++;
        ret = sys->read(sys->opaque, host->fault_fd, host->reports,
                        host->reports_max * sizeof(*host->reports));
        /* of the first group; Linux has said it in both ways */
        too_small = ret == -EINVAL ||
                    (!ret && iommufd_readable(host, host->fault_fd));
        if (!too_small || host->reports_max >= REPORTS_MAX) {
            break;
        }
        host->reports_max *= 2;
        host->reports = g_renew(IommufdPgfault, host->reports,
                                host->reports_max);
    }
    if (!viommu_host_queue_read(&host->common, &host->fault_queue,
                                too_small ? -EMSGSIZE : ret)) {
        return;     /* later */
    }
    host->reports_n = MIN((size_t)ret / sizeof(*host->reports),
                          host->reports_max);
    if ((size_t)ret % sizeof(*host->reports)) {
        host->lost++;       /* a piece of a report is none */
    }
}

static ViommuHostDevice *device_of(IommufdHost *host, uint32_t id)
{
    for (guint i = 0; i < host->common.devices->len; i++) {
        ViommuHostDevice *device = g_ptr_array_index(host->common.devices, i);

        if (iommufd_device(device)->id == id) {
            return device;
        }
    }
    return NULL;
}

static void decode(const IommufdPgfault *report, ViommuHostFault *fault)
{
    bool stall = fault->device->caps.kind == VIOMMU_HOST_SMMUV3;

    fault->type = stall ? VIOMMU_HOST_FAULT_STALL
                        : VIOMMU_HOST_FAULT_PAGE_REQUEST;
    fault->cookie = report->cookie;
    fault->request = (ViommuPageRequest) {
        .pasid = report->flags & IOMMUFD_PGFAULT_PASID_VALID
                 ? report->pasid : VIOMMU_NO_PASID,
        .addr = report->addr,
        .group = (uint16_t)(stall ? report->grpid
                                  : report->grpid % VIOMMU_PAGE_GROUPS),
        .last = report->flags & IOMMUFD_PGFAULT_LAST_PAGE,
        .access = (report->perm & IOMMUFD_PGFAULT_READ ? VIOMMU_READ : 0) |
                  (report->perm & IOMMUFD_PGFAULT_WRITE ? VIOMMU_WRITE : 0) |
                  (report->perm & IOMMUFD_PGFAULT_EXEC ? VIOMMU_EXEC : 0) |
                  (report->perm & IOMMUFD_PGFAULT_PRIV ? VIOMMU_PRIV : 0),
    };
}

static int write_response(IommufdHost *host, uint32_t cookie, uint32_t code)
{
    const ViommuSyscalls *sys = host->common.sys;
    const IommufdPageResponse response = { .cookie = cookie, .code = code };
    ssize_t ret = -EIO;

    if (host->fault_fd < 0) {
        return -ENOENT;
    }
    for (unsigned i = 0; i < WRITE_TRIES; i++) {
        host->common.stats.calls++;
        ret = sys->write(sys->opaque, host->fault_fd, &response,
                         sizeof(response));
        if (ret >= 0 || ret == -EINVAL || ret == -EBADF || ret == -ENODEV) {
            break;
        }
    }
    return ret < 0 ? (int)ret : ret == sizeof(response) ? 0 : -EIO;
}

static bool next_request(IommufdHost *host, ViommuHostFault *fault)
{
    const IommufdPgfault *report;

    if (host->fault_fd >= 0 && host->reports_at == host->reports_n &&
        !host->fault_queue.over) {
        read_reports(host);
    }
    if (host->lost) {
        fault->type = VIOMMU_HOST_FAULT_LOST;
        fault->lost = host->lost;
        host->lost = 0;
        return true;
    }
    if (host->reports_at == host->reports_n) {
        return false;
    }
    report = &host->reports[host->reports_at++];
    fault->device = device_of(host, report->dev_id);
    if (fault->device) {
        decode(report, fault);
        return true;
    }
    /* of a device that is not here any more */
    fault->type = VIOMMU_HOST_FAULT_NOTHING;
    if (report->dev_id != NOBODY &&
        (report->flags & IOMMUFD_PGFAULT_LAST_PAGE)) {
        write_response(host, report->cookie, IOMMUFD_RESPONSE_INVALID);
    }
    return true;
}

void iommufd_faults_forget(IommufdDevice *device, bool all, uint32_t pasid)
{
    IommufdHost *host = iommufd_host(device->common.host);

    for (size_t i = host->reports_at; i < host->reports_n; i++) {
        IommufdPgfault *report = &host->reports[i];
        uint32_t of = report->flags & IOMMUFD_PGFAULT_PASID_VALID
                      ? report->pasid : VIOMMU_NO_PASID;

        if (report->dev_id == device->id && (all || of == pasid)) {
            report->dev_id = NOBODY;
        }
    }
}

bool iommufd_next_fault(ViommuHost *common, ViommuHostFault *fault)
{
    IommufdHost *host = iommufd_host(common);

    /* in turns, so that neither kind holds up the other */
    bool events_first = host->events_first;

    host->events_first = !events_first;
    return events_first
           ? iommufd_next_event(host, fault) || next_request(host, fault)
           : next_request(host, fault) || iommufd_next_event(host, fault);
}

int iommufd_respond(ViommuHostDevice *device,
                    const ViommuPageResponse *response, uint32_t cookie)
{
    int ret = write_response(iommufd_host(device->host), cookie,
                             response->code == VIOMMU_PAGE_SUCCESS
                             ? IOMMUFD_RESPONSE_SUCCESS
                             : IOMMUFD_RESPONSE_INVALID);

    /* The kernel has answered it, with the table's end. */
    return ret == -EINVAL ? -ENOENT : ret;
}
