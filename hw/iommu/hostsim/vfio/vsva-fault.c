/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a device with guests' tables reports: faults go through a ring in a
 * region of the device, an interrupt tells of them, and answers to page
 * requests come back through a ring in a second region.
 *
 * The first page of a region is the ring's head, which can be read and not be
 * mapped; the user writes the first word, its own index.  The entries are
 * mapped from the second page on.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hw/iommu/hostsim/vfio/chain.h"
#include "hw/iommu/hostsim/vfio/device.h"
#include "hw/iommu/hostsim/vfio/vsva.h"

#define RING_ENTRIES 512

typedef struct Ring {
    int fd;                     /* memory that the user may map */
    uint8_t *entries;
    uint64_t size;              /* bytes, whole pages */
    uint32_t entry_size;
    uint32_t head, tail;
} Ring;

typedef struct SimFaults SimFaults;
struct SimFaults {
    HostsimVsva form;
    Ring ring[SIM_VSVA_REGIONS];
    GArray *waiting;            /* ViommuPageResponse: for groups whose last
                                 * request the user has */
};

/* --- Rings --------------------------------------------------------------- */

static void ring_done(Ring *ring)
{
    if (ring->entries) {
        munmap(ring->entries, ring->size);
    }
    if (ring->fd >= 0) {
        close(ring->fd);
    }
}

static int ring_init(Ring *ring, uint32_t entry_size)
{
    void *map;

    ring->entry_size = entry_size;
    ring->size = ((uint64_t)entry_size * RING_ENTRIES + SIM_PAGE - 1) /
                 SIM_PAGE * SIM_PAGE;
    ring->fd = memfd_create("faults", MFD_CLOEXEC);
    if (ring->fd < 0 || ftruncate(ring->fd, ring->size)) {
        return -ENOMEM;
    }
    map = mmap(NULL, ring->size, PROT_READ | PROT_WRITE, MAP_SHARED,
               ring->fd, 0);
    if (map == MAP_FAILED) {
        return -ENOMEM;
    }
    ring->entries = map;
    return 0;
}

int sim_vsva_faults_open(SimDevice *device)
{
    SimFaults *faults = sim_alloc(device->sim, sizeof(*faults));

    if (!faults) {
        return -ENOMEM;
    }
    faults->form = device->sim->config.vsva;
    faults->waiting = g_array_new(FALSE, FALSE, sizeof(ViommuPageResponse));
    faults->ring[SIM_VSVA_FAULTS].fd = -1;
    faults->ring[SIM_VSVA_RESPONSES].fd = -1;
    device->faults = faults;
    if (!sim_may_allocate(device->sim, 2 * SIM_PAGE) ||
        ring_init(&faults->ring[SIM_VSVA_FAULTS], sizeof(VsvaFault)) ||
        ring_init(&faults->ring[SIM_VSVA_RESPONSES],
                  sim_vsva_response_size(faults->form))) {
        sim_vsva_faults_close(device);
        return -ENOMEM;
    }
    device->dma_fault = sim_vsva_dma_fault;
    return 0;
}

/* --- Answers ------------------------------------------------------------- */

static const ViommuPageResponse *waiting_at(const SimFaults *faults, guint i)
{
    return &g_array_index(faults->waiting, ViommuPageResponse, i);
}

static void answer(SimDevice *device, guint i, uint8_t code)
{
    SimFaults *faults = device->faults;
    ViommuPageResponse response = *waiting_at(faults, i);

    g_array_remove_index(faults->waiting, i);
    response.code = code;
    device->sim->phys->page_response(device, &response);
}

void sim_vsva_faults_forget(SimDevice *device, uint32_t pasid)
{
    SimFaults *faults = device->faults;

    for (guint i = faults ? faults->waiting->len : 0; i--;) {
        if (waiting_at(faults, i)->pasid == pasid) {
            answer(device, i, VIOMMU_PAGE_INVALID);
        }
    }
}

void sim_vsva_faults_close(SimDevice *device)
{
    SimFaults *faults = device->faults;

    if (!faults) {
        return;
    }
    while (faults->waiting->len) {
        answer(device, faults->waiting->len - 1, VIOMMU_PAGE_INVALID);
    }
    device->dma_fault = NULL;
    device->faults = NULL;
    g_array_unref(faults->waiting);
    ring_done(&faults->ring[SIM_VSVA_FAULTS]);
    ring_done(&faults->ring[SIM_VSVA_RESPONSES]);
    g_free(faults);
}

static int take_answer(SimDevice *device, const void *entry)
{
    static const uint8_t codes[] = {
        [VSVA_RESPONSE_SUCCESS] = VIOMMU_PAGE_SUCCESS,
        [VSVA_RESPONSE_INVALID] = VIOMMU_PAGE_INVALID,
        [VSVA_RESPONSE_FAILURE] = VIOMMU_PAGE_FAILURE,
    };
    SimFaults *faults = device->faults;
    VsvaPageResponse response;
    uint32_t pasid;
    int ret = sim_vsva_take_response(faults->form, entry, &response);

    if (ret) {
        return ret;
    }
    pasid = response.flags & VSVA_RESPONSE_PASID_VALID ? response.pasid
                                                       : VIOMMU_NO_PASID;
    for (guint i = 0; i < faults->waiting->len; i++) {
        const ViommuPageResponse *w = waiting_at(faults, i);

        if (w->pasid == pasid && w->group == response.grpid) {
            answer(device, i, codes[response.code]);
            return 0;
        }
    }
    return -ENOENT;
}

/** The user has put entries up to @head: all are taken, the first error is
 *  told. */
static int take_answers(SimDevice *device, uint32_t head)
{
    Ring *ring = &device->faults->ring[SIM_VSVA_RESPONSES];
    uint8_t entry[sizeof(VsvaPageResponse)];
    int ret = 0, error;

    ring->head = head;
    while (ring->tail != head) {
        /* once, for the user may still write there */
        memcpy(entry, ring->entries + ring->tail * ring->entry_size,
               ring->entry_size);
        ring->tail = (ring->tail + 1) % RING_ENTRIES;
        error = take_answer(device, entry);
        ret = ret ? ret : error;
    }
    return ret;
}

/* --- Faults -------------------------------------------------------------- */

static bool has_room(const Ring *ring)
{
    return (ring->head + 1) % RING_ENTRIES != ring->tail;
}

static void put(SimDevice *device, const VsvaFault *fault)
{
    Ring *ring = &device->faults->ring[SIM_VSVA_FAULTS];

    memcpy(ring->entries + ring->head * ring->entry_size, fault,
           sizeof(*fault));
    ring->head = (ring->head + 1) % RING_ENTRIES;
    sim_irq_signal(device, SIM_IRQ_FAULT, 0);
}

static uint32_t permissions(uint8_t access)
{
    return (access & VIOMMU_READ ? VSVA_PERM_READ : 0) |
           (access & VIOMMU_WRITE ? VSVA_PERM_WRITE : 0) |
           (access & VIOMMU_EXEC ? VSVA_PERM_EXEC : 0) |
           (access & VIOMMU_PRIV ? VSVA_PERM_PRIV : 0);
}

bool sim_vsva_page_request(SimDomain *domain, SimDevice *device,
                           const ViommuPageRequest *req)
{
    SimFaults *faults = device->faults;
    VsvaFault fault = {
        .type = VSVA_FAULT_PAGE_REQUEST,
        .prm = {
            .pasid = req->pasid,
            .grpid = req->group,
            .perm = permissions(req->access),
            .addr = req->addr & ~(uint64_t)(SIM_PAGE - 1),
        },
    };
    ViommuPageResponse waiting = {
        .source = device->source,
        .pasid = req->pasid,
        .group = req->group,
        .has_private_data = req->has_private_data,
        .private_data = { req->private_data[0], req->private_data[1] },
    };

    (void)domain;
    /* nobody would answer; or more than answers have room for */
    if (!faults || !has_room(&faults->ring[SIM_VSVA_FAULTS]) ||
        (req->last && (faults->waiting->len >= RING_ENTRIES - 1 ||
                       !sim_may_report(device->sim, sizeof(waiting))))) {
        return false;
    }
    fault.prm.flags = VSVA_PAGE_REQUEST_PASID_VALID;
    if (faults->form == HOSTSIM_VSVA_MERGED) {
        fault.prm.flags |= VSVA_PAGE_REQUEST_NEEDS_PASID;
    }
    if (req->has_private_data) {
        fault.prm.flags |= VSVA_PAGE_REQUEST_PRIV_DATA;
        memcpy(fault.prm.private_data, req->private_data,
               sizeof(fault.prm.private_data));
    }
    if (req->last) {
        fault.prm.flags |= VSVA_PAGE_REQUEST_LAST_PAGE;
        g_array_append_val(faults->waiting, waiting);
    }
    put(device, &fault);
    return true;
}

/** VT-d's reasons (7.1.3) in words of no architecture. */
static uint32_t generic_reason(uint8_t reason)
{
    switch (reason) {
    case 0x50: case 0x58:               /* a PASID table cannot be read */
        return VSVA_REASON_PASID_FETCH;
    case 0x51: case 0x59:               /* no such PASID */
    case 0x46:
        return VSVA_REASON_PASID_INVALID;
    case 0x52: case 0x5a: case 0x5b:
        return VSVA_REASON_BAD_PASID_ENTRY;
    case 0x70: case 0x73: case 0x78:    /* a table cannot be read */
    case 0x74: case 0x75: case 0x76: case 0x77:
        return VSVA_REASON_WALK_EABT;
    case 0x71: case 0x79:               /* not present */
        return VSVA_REASON_PTE_FETCH;
    case 0x5c: case 0x5d: case 0x81: case 0x82: case 0x85: case 0x86:
        return VSVA_REASON_PERMISSION;
    case 0x91:                          /* the extended-access flag */
        return VSVA_REASON_ACCESS;
    case 0x80: case 0x83: case 0x84:
        return VSVA_REASON_OOR_ADDRESS;
    default:
        return VSVA_REASON_UNKNOWN;
    }
}

void sim_vsva_dma_fault(SimDevice *device, const SimFault *sim_fault)
{
    VsvaFault fault = {
        .type = VSVA_FAULT_UNRECOVERABLE,
        .event = {
            .reason = generic_reason(sim_fault->reason),
            .flags = VSVA_UNRECOV_ADDR_VALID,
            .perm = permissions(sim_fault->access),
            .addr = sim_fault->addr,
        },
    };

    if (sim_fault->pasid != VIOMMU_NO_PASID) {
        fault.event.flags |= VSVA_UNRECOV_PASID_VALID;
        fault.event.pasid = sim_fault->pasid;
    }
    if (device->faults && has_room(&device->faults->ring[SIM_VSVA_FAULTS])) {
        put(device, &fault);
    }
}

/* --- Regions ------------------------------------------------------------- */

uint64_t sim_vsva_region_size(const SimDevice *device, unsigned region)
{
    return SIM_PAGE + device->faults->ring[region].size;
}

void sim_vsva_region_caps(const SimDevice *device, unsigned region,
                          GByteArray *chain)
{
    bool faults = region == SIM_VSVA_FAULTS;
    VsvaRegionCapFault version = { .version = 1 };
    VfioRegionCapType type = {
        .type = VSVA_REGION_TYPE_NESTED,
        .subtype = faults ? VSVA_REGION_SUBTYPE_DMA_FAULT
                          : VSVA_REGION_SUBTYPE_FAULT_RESPONSE,
    };
    const VfioSparseMmapArea area = {
        SIM_PAGE, device->faults->ring[region].size,
    };
    uint32_t size = sizeof(VfioRegionCapSparseMmap) + sizeof(area);
    g_autofree VfioRegionCapSparseMmap *sparse = g_malloc0(size);

    sparse->nr_areas = 1;
    sparse->areas[0] = area;
    sim_chain_add(chain, &type.header, VFIO_ABI_REGION_CAP_TYPE,
                  sizeof(type));
    sim_chain_add(chain, &version.header,
                  faults ? VSVA_REGION_CAP_DMA_FAULT
                         : VSVA_REGION_CAP_FAULT_RESPONSE, sizeof(version));
    sim_chain_add(chain, &sparse->header, VFIO_ABI_REGION_CAP_SPARSE_MMAP,
                  size);
}

/** The words of the ring's head: the user's index comes first. */
static void ring_head(const SimFaults *faults, unsigned region,
                      uint32_t word[5])
{
    const Ring *ring = &faults->ring[region];
    bool users_is_tail = region == SIM_VSVA_FAULTS;

    word[0] = users_is_tail ? ring->tail : ring->head;
    word[1] = ring->entry_size;
    word[2] = RING_ENTRIES;
    word[3] = SIM_PAGE;
    word[4] = users_is_tail ? ring->head : ring->tail;
}

ssize_t sim_vsva_region_read(SimDevice *device, unsigned region, void *buf,
                             size_t size, uint64_t offset)
{
    const Ring *ring = &device->faults->ring[region];
    uint8_t head[SIM_PAGE] = { 0 };
    uint64_t end = sim_vsva_region_size(device, region);
    size_t done = 0, n;

    if (offset >= end) {
        return -EINVAL;
    }
    size = MIN(size, end - offset);
    if (offset < SIM_PAGE) {
        ring_head(device->faults, region, (uint32_t *)(void *)head);
        done = MIN(size, SIM_PAGE - offset);
        if (sim_copy_out(buf, head + offset, done)) {
            return -EFAULT;
        }
    }
    n = size - done;
    if (n && sim_copy_out(sim_user_at(buf, done),
                          ring->entries + (offset + done - SIM_PAGE), n)) {
        return -EFAULT;
    }
    return size;
}

ssize_t sim_vsva_region_write(SimDevice *device, unsigned region,
                              const void *buf, size_t size, uint64_t offset)
{
    uint32_t index;
    int ret = 0;

    if (offset || size != sizeof(index)) {
        return -EINVAL;
    }
    if (sim_copy_in(&index, buf, sizeof(index))) {
        return -EFAULT;
    }
    if (index >= RING_ENTRIES) {
        return -EINVAL;
    }
    if (region == SIM_VSVA_FAULTS) {
        device->faults->ring[region].tail = index;
    } else {
        ret = take_answers(device, index);
    }
    return ret ? ret : (ssize_t)size;
}

int sim_vsva_region_mmap(SimDevice *device, unsigned region, void **map,
                         size_t size, int prot, int flags, uint64_t offset)
{
    const Ring *ring = &device->faults->ring[region];

    if (offset < SIM_PAGE || offset - SIM_PAGE > ring->size ||
        size > ring->size - (offset - SIM_PAGE) || !(flags & MAP_SHARED)) {
        return -EINVAL;
    }
    *map = mmap(NULL, size, prot, MAP_SHARED, ring->fd, offset - SIM_PAGE);
    return *map == MAP_FAILED ? -errno : 0;
}
