/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * VFIO's containers with vSVA: faults of the device's tables, and answers to
 * page requests, through two regions of the device with a ring in each.  An
 * interrupt, in an eventfd of ours, tells of faults.
 */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hw/iommu/host/type1/faults.h"
#include "hw/iommu/host/type1/info.h"

/* What is taken of a kernel's word. */
#define REGIONS_MAX     64
#define IRQS_MAX        64
#define ENTRIES_MAX     65536
#define PAGE            4096

static int device_ioctl(Type1Device *device, unsigned long request, void *arg)
{
    return viommu_host_ioctl(device->common.host, device->fd, request, arg);
}

/* --- Finding them -------------------------------------------------------- */

/* Is it the region of that subtype?  Then its place. */
static bool find_region(Type1Device *device, unsigned count, uint32_t subtype,
                        uint16_t version_cap, VfioRegionInfo *found)
{
    Type1Host *host = type1_host(device->common.host);

    for (unsigned i = VFIO_ABI_REGION_NUM; i < MIN(count, REGIONS_MAX); i++) {
        const VfioRegionInfo head = { .argsz = sizeof(head), .index = i };
        const VfioRegionCapType *type = NULL;
        const VsvaRegionCapFault *version = NULL;
        uint32_t size;
        g_autofree uint8_t *info =
            type1_get_info(host, device->fd, VFIO_ABI_DEVICE_GET_REGION_INFO,
                           &head, sizeof(head), &size);

        if (!info) {
            continue;
        }
        memcpy(found, info, sizeof(*found));
        type = type1_capability(info, size, found->cap_offset,
                                VFIO_ABI_REGION_CAP_TYPE, sizeof(*type));
        version = type1_capability(info, size, found->cap_offset, version_cap,
                                   sizeof(*version));
        if (type && type->type == VSVA_REGION_TYPE_NESTED &&
            type->subtype == subtype && version && version->version == 1) {
            return true;
        }
    }
    return false;
}

static int find_interrupt(Type1Device *device, unsigned count)
{
    Type1Host *host = type1_host(device->common.host);

    for (unsigned i = VFIO_ABI_IRQ_NUM; i < MIN(count, IRQS_MAX); i++) {
        const VsvaIrqInfo head = {
            .info = { .argsz = sizeof(head), .index = i },
        };
        const VsvaIrqCapType *type = NULL;
        VsvaIrqInfo found;
        uint32_t size;
        g_autofree uint8_t *info =
            type1_get_info(host, device->fd, VFIO_ABI_DEVICE_GET_IRQ_INFO,
                           &head, sizeof(head), &size);

        if (!info) {
            continue;
        }
        memcpy(&found, info, sizeof(found));
        if (found.info.flags & VSVA_IRQ_INFO_CAPS) {
            type = type1_capability(info, size, found.cap_offset,
                                    VSVA_IRQ_CAP_TYPE, sizeof(*type));
        }
        if (type && type->type == VSVA_IRQ_TYPE_NESTED &&
            type->subtype == VSVA_IRQ_SUBTYPE_DMA_FAULT) {
            return (int)i;
        }
    }
    return -ENOENT;
}

/* --- Rings --------------------------------------------------------------- */

/* The words of the ring's head: the user's index, entry size, number of
 * entries, their offset, the kernel's index. */
static int read_head(Type1Device *device, const Type1Ring *ring,
                     uint32_t head[5])
{
    const ViommuSyscalls *sys = device->common.host->sys;
    ssize_t ret;

    device->common.host->stats.calls++;
    ret = sys->pread(sys->opaque, device->fd, head, 5 * sizeof(head[0]),
                     ring->at);
    return ret < 0 ? (int)ret : ret == 5 * sizeof(head[0]) ? 0 : -EIO;
}

static int open_ring(Type1Device *device, Type1Ring *ring,
                     const VfioRegionInfo *region, uint32_t entry_size)
{
    const ViommuSyscalls *sys = device->common.host->sys;
    uint32_t head[5];
    uint64_t size;
    void *map;
    int ret;

    ring->at = region->offset;
    ret = read_head(device, ring, head);
    if (ret) {
        return ret;
    }
    size = (uint64_t)head[1] * head[2];
    if (head[1] < entry_size || head[1] > PAGE || head[2] < 2 ||
        head[2] > ENTRIES_MAX || head[3] % PAGE || head[3] > region->size ||
        size > region->size - head[3] || head[0] >= head[2] ||
        head[4] >= head[2]) {
        return -EPROTO;
    }
    device->common.host->stats.calls++;
    ret = sys->mmap(sys->opaque, &map, size, PROT_READ | PROT_WRITE,
                    MAP_SHARED, device->fd, region->offset + head[3]);
    if (ret) {
        return ret;
    }
    ring->entries = map;
    ring->map_size = size;
    ring->entry_size = head[1];
    ring->n = head[2];
    ring->ours = ring->told = head[0];
    ring->theirs = head[4];
    ring->stale = g_new0(bool, ring->n);
    return 0;
}

static void close_ring(Type1Device *device, Type1Ring *ring)
{
    const ViommuSyscalls *sys = device->common.host->sys;

    if (ring->entries) {
        sys->munmap(sys->opaque, ring->entries, ring->map_size);
        ring->entries = NULL;
        g_clear_pointer(&ring->stale, g_free);
    }
}

/** Where the kernel is. */
static int read_theirs(Type1Device *device, Type1Ring *ring)
{
    uint32_t head[5];
    int ret = read_head(device, ring, head);

    if (!ret && head[4] >= ring->n) {
        ret = -EPROTO;
    }
    if (!ret) {
        ring->theirs = head[4];
    }
    return ret;
}

/** Tell it where we are. */
static int write_ours(Type1Device *device, Type1Ring *ring)
{
    const ViommuSyscalls *sys = device->common.host->sys;
    ssize_t ret;

    if (ring->told == ring->ours) {
        return 0;
    }
    device->common.host->stats.calls++;
    ret = sys->pwrite(sys->opaque, device->fd, &ring->ours,
                      sizeof(ring->ours), ring->at);
    if (ret != sizeof(ring->ours)) {
        return ret < 0 ? (int)ret : -EIO;
    }
    ring->told = ring->ours;
    return 0;
}

static void *entry(const Type1Ring *ring, uint32_t index)
{
    return ring->entries + (size_t)index * ring->entry_size;
}

/* --- The device ---------------------------------------------------------- */

static int set_eventfd(Type1Device *device, int32_t fd)
{
    struct {
        uint32_t argsz, flags, index, start, count;
        int32_t fd;
    } args = {
        .argsz = sizeof(args),
        .flags = VFIO_ABI_IRQ_DATA_EVENTFD | VFIO_ABI_IRQ_ACTION_TRIGGER,
        .index = device->irq, .count = 1, .fd = fd,
    };

    _Static_assert(offsetof(__typeof__(args), fd) ==
                   offsetof(VfioIrqSet, data), "layout");
    return device_ioctl(device, VFIO_ABI_DEVICE_SET_IRQS, &args);
}

int type1_faults_start(Type1Device *device)
{
    VfioDeviceInfo info = { .argsz = sizeof(info) };
    VfioRegionInfo faults, answers;
    uint32_t answer_size = type1_host(device->common.host)->merged
                           ? sizeof(VsvaPageResponse)
                           : sizeof(VsvaPageResponseV);
    int ret = device_ioctl(device, VFIO_ABI_DEVICE_GET_INFO, &info);
    int irq;

    if (ret) {
        return ret;
    }
    irq = find_interrupt(device, info.num_irqs);
    if (irq < 0 ||
        !find_region(device, info.num_regions, VSVA_REGION_SUBTYPE_DMA_FAULT,
                     VSVA_REGION_CAP_DMA_FAULT, &faults)) {
        return 0;
    }
    ret = open_ring(device, &device->faults, &faults, sizeof(VsvaFault));
    if (!ret && find_region(device, info.num_regions,
                            VSVA_REGION_SUBTYPE_FAULT_RESPONSE,
                            VSVA_REGION_CAP_FAULT_RESPONSE, &answers)) {
        ret = open_ring(device, &device->answers, &answers, answer_size);
    }
    if (ret) {
        return ret;
    }
    device->irq = irq;
    device->eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return device->eventfd < 0 ? -errno
                               : set_eventfd(device, device->eventfd);
}

void type1_faults_stop(Type1Device *device)
{
    if (device->eventfd >= 0) {
        if (!device->common.gone) {
            (void)set_eventfd(device, -1);
        }
        close(device->eventfd);
        device->eventfd = -1;
    }
    close_ring(device, &device->faults);
    close_ring(device, &device->answers);
}

static Type1Device *only_device(const ViommuHost *host)
{
    return host->devices->len
           ? type1_device(g_ptr_array_index(host->devices, 0)) : NULL;
}

unsigned type1_fds(ViommuHost *host, struct pollfd *fds, unsigned max)
{
    const Type1Device *device = only_device(host);

    if (!device || device->eventfd < 0 || !max) {
        return 0;
    }
    fds[0] = (struct pollfd) { .fd = device->eventfd, .events = POLLIN };
    return 1;
}

/* --- Reports ------------------------------------------------------------- */

static uint8_t access_of(uint32_t perm)
{
    return (perm & VSVA_PERM_READ ? VIOMMU_READ : 0) |
           (perm & VSVA_PERM_WRITE ? VIOMMU_WRITE : 0) |
           (perm & VSVA_PERM_EXEC ? VIOMMU_EXEC : 0) |
           (perm & VSVA_PERM_PRIV ? VIOMMU_PRIV : 0);
}

/* The kernel's reasons [UAPI 003 "iommu_fault_reason"], which are of no
 * architecture, as VT-d's [VTD 7.1.3]. */
static uint8_t vtd_reason(uint32_t reason, uint8_t access)
{
    switch (reason) {
    case VSVA_REASON_PASID_FETCH:
        return 0x58;
    case VSVA_REASON_BAD_PASID_ENTRY:
        return 0x5a;
    case VSVA_REASON_PASID_INVALID:
        return 0x59;
    case VSVA_REASON_WALK_EABT:
        return 0x70;
    case VSVA_REASON_PERMISSION:
        return access & VIOMMU_WRITE ? 0x85 : 0x86;
    case VSVA_REASON_ACCESS:
        return 0x91;
    case VSVA_REASON_OOR_ADDRESS:
        return 0x80;
    default:
        return 0x71;        /* not present */
    }
}

static bool decode_request(const VsvaFaultPageRequest *prm,
                           ViommuHostFault *fault)
{
    fault->type = VIOMMU_HOST_FAULT_PAGE_REQUEST;
    fault->request = (ViommuPageRequest) {
        .pasid = prm->flags & VSVA_PAGE_REQUEST_PASID_VALID
                 ? prm->pasid : VIOMMU_NO_PASID,
        .addr = prm->addr,
        .access = access_of(prm->perm),
        .last = prm->flags & VSVA_PAGE_REQUEST_LAST_PAGE,
        .group = (uint16_t)(prm->grpid % VIOMMU_PAGE_GROUPS),
        .has_private_data = prm->flags & VSVA_PAGE_REQUEST_PRIV_DATA,
        .private_data = { prm->private_data[0], prm->private_data[1] },
    };
    return true;
}

static bool decode_event(const VsvaFaultUnrecoverable *event,
                         ViommuHostFault *fault)
{
    fault->type = VIOMMU_HOST_FAULT_UNRECOVERABLE;
    fault->request = (ViommuPageRequest) {
        .pasid = event->flags & VSVA_UNRECOV_PASID_VALID
                 ? event->pasid : VIOMMU_NO_PASID,
        .addr = event->flags & VSVA_UNRECOV_ADDR_VALID ? event->addr : 0,
        .access = access_of(event->perm),
    };
    fault->reason = vtd_reason(event->reason, fault->request.access);
    return true;
}

/* False for what means nothing to us. */
static bool decode(Type1Device *device, const VsvaFault *record,
                   ViommuHostFault *fault)
{
    fault->device = &device->common;
    switch (record->type) {
    case VSVA_FAULT_PAGE_REQUEST:
        return decode_request(&record->prm, fault);
    case VSVA_FAULT_UNRECOVERABLE:
        return decode_event(&record->event, fault);
    default:
        return false;
    }
}

static void drain(Type1Device *device)
{
    const ViommuSyscalls *sys = device->common.host->sys;
    uint64_t count;

    device->common.host->stats.calls++;
    (void)!sys->read(sys->opaque, device->eventfd, &count, sizeof(count));
}

/* Look for new records.  When that fails, the interrupt stays, as long as the
 * queue is waited for. */
static bool read_ring(Type1Device *device)
{
    const ViommuSyscalls *sys = device->common.host->sys;
    Type1Ring *ring = &device->faults;
    const uint64_t one = 1;
    int ret;

    /* first the interrupt, so that what comes now gives another */
    drain(device);
    ret = write_ours(device, ring);
    ret = ret ? ret : read_theirs(device, ring);
    viommu_host_note(&device->common, ret);
    if (!viommu_host_queue_read(device->common.host, &device->queue, ret) &&
        viommu_host_queue_waits(&device->queue)) {
        (void)!sys->write(sys->opaque, device->eventfd, &one, sizeof(one));
    }
    return !ret && ring->ours != ring->theirs;
}

bool type1_next_fault(ViommuHost *host, ViommuHostFault *fault)
{
    Type1Device *device = only_device(host);
    Type1Ring *ring;
    VsvaFault record;

    if (!device || device->eventfd < 0 || device->common.gone) {
        return false;
    }
    ring = &device->faults;
    if (ring->ours == ring->theirs && !read_ring(device)) {
        return false;
    }
    memcpy(&record, entry(ring, ring->ours), sizeof(record));
    if (ring->stale[ring->ours] || !decode(device, &record, fault)) {
        fault->type = VIOMMU_HOST_FAULT_NOTHING;
    }
    ring->stale[ring->ours] = false;
    ring->ours = (ring->ours + 1) % ring->n;
    return true;
}

void type1_faults_forget(Type1Device *device, uint32_t pasid)
{
    Type1Ring *ring = &device->faults;
    VsvaFault record;

    if (!ring->entries) {
        return;
    }
    viommu_host_note(&device->common, read_theirs(device, ring));
    /* at most a ring's */
    for (uint32_t i = ring->ours; i != ring->theirs; i = (i + 1) % ring->n) {
        memcpy(&record, entry(ring, i), sizeof(record));
        ring->stale[i] |= record.type == VSVA_FAULT_PAGE_REQUEST &&
                          record.prm.flags & VSVA_PAGE_REQUEST_PASID_VALID &&
                          record.prm.pasid == pasid;
    }
}

int type1_respond(ViommuHostDevice *common,
                  const ViommuPageResponse *response, uint32_t cookie)
{
    Type1Device *device = type1_device(common);
    Type1Ring *ring = &device->answers;
    uint32_t flags = response->pasid != VIOMMU_NO_PASID
                     ? VSVA_RESPONSE_PASID_VALID : 0;
    uint32_t pasid = flags ? response->pasid : 0;
    uint32_t code = response->code == VIOMMU_PAGE_SUCCESS
                    ? VSVA_RESPONSE_SUCCESS :
                    response->code == VIOMMU_PAGE_INVALID
                    ? VSVA_RESPONSE_INVALID : VSVA_RESPONSE_FAILURE;
    uint32_t next;
    int ret;

    (void)cookie;
    if (!ring->entries) {
        return -ENOENT;
    }
    next = (ring->ours + 1) % ring->n;
    if (next == ring->theirs) {
        ret = read_theirs(device, ring);
        if (ret || next == ring->theirs) {
            return ret ? ret : -ENOSPC;
        }
    }
    memset(entry(ring, ring->ours), 0, ring->entry_size);
    if (type1_host(common->host)->merged) {
        const VsvaPageResponse out = {
            .argsz = sizeof(out), .version = VSVA_VERSION, .flags = flags,
            .pasid = pasid, .grpid = response->group, .code = code,
        };

        memcpy(entry(ring, ring->ours), &out, sizeof(out));
    } else {
        const VsvaPageResponseV out = {
            .version = VSVA_VERSION, .flags = flags, .pasid = pasid,
            .grpid = response->group, .code = code,
        };

        memcpy(entry(ring, ring->ours), &out, sizeof(out));
    }
    ring->ours = next;
    return write_ours(device, ring);
}
