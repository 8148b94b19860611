/* SPDX-License-Identifier: BSD-3-Clause */
/* The endpoint of a device: a viommu-testdev behind the physical unit. */
#include <time.h>

#include "hw/iommu/hostsim/physical/device.h"

/* Extended capabilities: see docs/testdev.md. */
#define EXTENDED_PASID  0x001b
#define EXTENDED_ATS    0x000f
#define EXTENDED_PRI    0x0013
#define PASID_CONTROL   6
#define PASID_ENABLE    0x7         /* with execute and privileged */
#define ATS_CONTROL     6
#define ATS_ENABLE      0x8000
#define PRI_CONTROL     4
#define PRI_ENABLE      0x1
#define PRI_RESET       0x2
#define PRI_ALLOCATION  12

static ViommuRequest request_of(const SimDevice *device,
                                const ViommuTestdevAccess *access)
{
    return (ViommuRequest) {
        .source = device->source,
        .pasid = access->pasid,
        .addr = access->addr,
        .access = access->access,
        .kind = access->kind,
    };
}

static bool is_master(SimDevice *device)
{
    return __atomic_load_n(&device->master, __ATOMIC_ACQUIRE);
}

static ViommuDmaResult endpoint_dma(void *opaque,
                                    const ViommuTestdevAccess *access,
                                    uint8_t *reason)
{
    SimDevice *device = opaque;
    ViommuRequest request = request_of(device, access);
    uint8_t *buf = access->buf;
    size_t size = access->size;

    if (!is_master(device)) {
        return VIOMMU_DMA_NO_MASTER;
    }
    while (size) {
        ViommuReply reply;
        ViommuStatus status;
        size_t part = size;
        bool ok = true;

        viommu_dma_begin();
        status = viommu_translate(device->sim->unit, &request, &reply);
        if (status == VIOMMU_OK && !reply.interrupt) {
            if (reply.size) {
                part = MIN(size, reply.size -
                                 (request.addr & (reply.size - 1)));
            }
            ok = sim_ram_access(device->sim, reply.addr, buf, part,
                                access->access & VIOMMU_WRITE);
        }
        if (status == VIOMMU_STALLED && access->can_stall) {
            viommu_testdev_stalled(device->endpoint, reply.stall_tag);
        }
        viommu_dma_end();
        if (status == VIOMMU_STALLED && access->can_stall) {
            return VIOMMU_DMA_STALLED;
        }
        if (status != VIOMMU_OK) {
            *reason = reply.reason;
            return VIOMMU_DMA_BLOCKED;
        }
        if (!ok) {
            return VIOMMU_DMA_NO_TARGET;
        }
        request.addr += part;
        buf += part;
        size -= part;
    }
    return VIOMMU_DMA_OK;
}

static ViommuDmaResult endpoint_translate(void *opaque,
                                          const ViommuTestdevAccess *access,
                                          ViommuReply *reply)
{
    SimDevice *device = opaque;
    ViommuRequest request = request_of(device, access);
    ViommuStatus status;

    *reply = (ViommuReply) { .size = SIM_PAGE };
    request.kind = VIOMMU_TRANSLATION;
    if (!is_master(device)) {
        return VIOMMU_DMA_NO_MASTER;
    }
    viommu_dma_begin();
    status = viommu_translate(device->sim->unit, &request, reply);
    viommu_dma_end();
    return status == VIOMMU_OK ? VIOMMU_DMA_OK : VIOMMU_DMA_BLOCKED;
}

static bool endpoint_page_request(void *opaque, ViommuPageRequest *req)
{
    SimDevice *device = opaque;

    req->source = device->source;
    viommu_page_request(device->sim->unit, req);
    return true;
}

static void endpoint_run_later(void *opaque)
{
    SimDevice *device = opaque;

    __atomic_store_n(&device->run_wanted, true, __ATOMIC_RELEASE);
    sim_kick(device->sim);
}

static void endpoint_interrupt(void *opaque, unsigned vector)
{
    SimDevice *device = opaque;

    device->interrupt(device, vector);
}

static int64_t endpoint_clock(void *opaque)
{
    struct timespec now;

    (void)opaque;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static const ViommuTestdevOps endpoint_ops = {
    .dma = endpoint_dma,
    .translate = endpoint_translate,
    .page_request = endpoint_page_request,
    .run_later = endpoint_run_later,
    .interrupt = endpoint_interrupt,
    .clock_ns = endpoint_clock,
};

bool sim_endpoint_init(SimDevice *device, GError **error)
{
    pthread_mutex_init(&device->lock, NULL);
    device->endpoint = viommu_testdev_new(&device->testdev, &endpoint_ops,
                                          device, error);
    return device->endpoint;
}

void sim_endpoint_free(SimDevice *device)
{
    if (device->endpoint) {
        viommu_testdev_free(device->endpoint);
    }
    pthread_mutex_destroy(&device->lock);
}

/* --- Configuration: the host kernel's, called with Hostsim.lock ---------- */

/** Where the capability is, from VIOMMU_TESTDEV_CONFIG_BASE, or -1. */
static int find_capability(SimDevice *device, unsigned id)
{
    unsigned at = 0;

    for (unsigned i = 0; i < 8; i++) {
        uint32_t head = viommu_testdev_config_read(device->endpoint, at, 4);

        if ((head & 0xffff) == id) {
            return at;
        }
        if (head >> 20 < VIOMMU_TESTDEV_CONFIG_BASE) {
            break;
        }
        at = (head >> 20) - VIOMMU_TESTDEV_CONFIG_BASE;
        if (at >= VIOMMU_TESTDEV_CONFIG_SIZE) {
            break;
        }
    }
    return -1;
}

static void write_capability(SimDevice *device, unsigned id, unsigned offset,
                             uint32_t value, unsigned size)
{
    int at = find_capability(device, id);

    if (at >= 0) {
        viommu_testdev_config_write(device->endpoint, at + offset, value,
                                    size);
    }
}

static void enable_pri(SimDevice *device)
{
    write_capability(device, EXTENDED_PRI, PRI_CONTROL, PRI_RESET, 2);
    write_capability(device, EXTENDED_PRI, PRI_ALLOCATION, 64, 4);
    write_capability(device, EXTENDED_PRI, PRI_CONTROL, PRI_ENABLE, 2);
}

static void enable(SimDevice *device)
{
    if (device->pasid_bits) {
        write_capability(device, EXTENDED_PASID, PASID_CONTROL, PASID_ENABLE,
                         2);
    }
    if (device->ats_enabled) {
        write_capability(device, EXTENDED_ATS, ATS_CONTROL, ATS_ENABLE, 2);
    }
    if (device->pri) {
        enable_pri(device);
    }
}

void sim_endpoint_enable(SimDevice *device)
{
    pthread_mutex_lock(&device->lock);
    enable(device);
    pthread_mutex_unlock(&device->lock);
}

void sim_endpoint_enable_ats(SimDevice *device, bool on)
{
    pthread_mutex_lock(&device->lock);
    if (device->ats_enabled != on) {
        device->ats_enabled = on;
        write_capability(device, EXTENDED_ATS, ATS_CONTROL,
                         on ? ATS_ENABLE : 0, 2);
    }
    pthread_mutex_unlock(&device->lock);
}

/* The kernel gives the device its state back after a reset. */
void sim_endpoint_reset(SimDevice *device)
{
    pthread_mutex_lock(&device->lock);
    viommu_testdev_reset(device->endpoint);
    enable(device);
    pthread_mutex_unlock(&device->lock);
}

uint32_t sim_endpoint_config_read(SimDevice *device, unsigned offset,
                                  unsigned size)
{
    uint32_t value;

    pthread_mutex_lock(&device->lock);
    value = viommu_testdev_config_read(device->endpoint, offset, size);
    pthread_mutex_unlock(&device->lock);
    return value;
}

/* --- Its registers ------------------------------------------------------- */

uint64_t sim_endpoint_read(SimDevice *device, uint64_t offset, unsigned size)
{
    uint64_t value;

    pthread_mutex_lock(&device->lock);
    value = viommu_testdev_read(device->endpoint, offset, size);
    pthread_mutex_unlock(&device->lock);
    return value;
}

void sim_endpoint_write(SimDevice *device, uint64_t offset, uint64_t value,
                        unsigned size)
{
    pthread_mutex_lock(&device->lock);
    viommu_testdev_write(device->endpoint, offset, value, size);
    pthread_mutex_unlock(&device->lock);
}

void sim_endpoint_run(SimDevice *device)
{
    if (__atomic_exchange_n(&device->run_wanted, false, __ATOMIC_ACQ_REL)) {
        pthread_mutex_lock(&device->lock);
        viommu_testdev_run(device->endpoint);
        pthread_mutex_unlock(&device->lock);
    }
}
