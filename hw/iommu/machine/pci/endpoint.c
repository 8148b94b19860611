/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A PCI Express endpoint around the core of viommu-testdev.
 */
#include <time.h>

#include "hw/iommu/machine/board.h"
#include "hw/iommu/machine/pci/msi.h"

G_STATIC_ASSERT(VIOMMU_TESTDEV_CONFIG_BASE == PCI_EXTENDED &&
                VIOMMU_TESTDEV_CONFIG_SIZE == PCI_EXTENDED_SIZE);

#define EXPRESS_OFFSET       0x40
#define MSI_OFFSET           0x80
#define MSIX_OFFSET          0xa0
#define POWER_OFFSET         0xb0

typedef struct Endpoint {
    PciFunction fn;
    Board *board;
    ViommuTestdev *core;
    Msi msi;
    bool run_pending;
} Endpoint;

static ViommuDmaResult endpoint_dma(void *opaque,
                                    const ViommuTestdevAccess *access,
                                    uint8_t *reason)
{
    Endpoint *endpoint = opaque;

    return board_dma(endpoint->board, &endpoint->fn, access, reason);
}

static ViommuDmaResult endpoint_translate(void *opaque,
                                          const ViommuTestdevAccess *access,
                                          ViommuReply *reply)
{
    Endpoint *endpoint = opaque;

    return board_translate(endpoint->board, &endpoint->fn, access, reply);
}

static bool endpoint_page_request(void *opaque, ViommuPageRequest *req)
{
    Endpoint *endpoint = opaque;

    return board_page_request(endpoint->board, &endpoint->fn, req);
}

static void endpoint_run_later(void *opaque)
{
    Endpoint *endpoint = opaque;

    endpoint->run_pending = true;
}

static void endpoint_interrupt(void *opaque, unsigned vector)
{
    Endpoint *endpoint = opaque;

    msi_notify(&endpoint->msi, vector);
}

static int64_t endpoint_clock(void *opaque)
{
    struct timespec now;

    (void)opaque;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000ll + now.tv_nsec;
}

static const ViommuTestdevOps endpoint_ops = {
    .dma = endpoint_dma,
    .translate = endpoint_translate,
    .page_request = endpoint_page_request,
    .run_later = endpoint_run_later,
    .interrupt = endpoint_interrupt,
    .clock_ns = endpoint_clock,
};

/* An interrupt message is a write like any other; nobody hears of a lost
 * one. */
static void endpoint_send(PciFunction *fn, uint64_t addr, uint32_t data)
{
    Endpoint *endpoint = (Endpoint *)fn;
    uint32_t bytes = GUINT32_TO_LE(data);
    ViommuTestdevAccess access = {
        .pasid = VIOMMU_NO_PASID,
        .access = VIOMMU_WRITE,
        .kind = VIOMMU_UNTRANSLATED,
        .addr = addr,
        .buf = &bytes,
        .size = sizeof(bytes),
    };
    uint8_t reason = 0;

    board_dma(endpoint->board, fn, &access, &reason);
}

static uint64_t bar0_read(void *opaque, uint64_t offset, unsigned size)
{
    Endpoint *endpoint = opaque;

    return viommu_testdev_read(endpoint->core, offset, size);
}

static void bar0_write(void *opaque, uint64_t offset, uint64_t value,
                       unsigned size)
{
    Endpoint *endpoint = opaque;

    viommu_testdev_write(endpoint->core, offset, value, size);
}

static uint64_t bar1_read(void *opaque, uint64_t offset, unsigned size)
{
    Endpoint *endpoint = opaque;

    return msix_window_read(&endpoint->msi, offset, size);
}

static void bar1_write(void *opaque, uint64_t offset, uint64_t value,
                       unsigned size)
{
    Endpoint *endpoint = opaque;

    msix_window_write(&endpoint->msi, offset, value, size);
}

static void endpoint_written(PciFunction *fn, unsigned offset, unsigned size)
{
    Endpoint *endpoint = (Endpoint *)fn;

    (void)offset;
    (void)size;
    msi_config_written(&endpoint->msi);
}

static uint32_t endpoint_extended_read(PciFunction *fn, unsigned offset,
                                       unsigned size)
{
    Endpoint *endpoint = (Endpoint *)fn;

    return viommu_testdev_config_read(endpoint->core, offset, size);
}

static void endpoint_extended_write(PciFunction *fn, unsigned offset,
                                    uint32_t value, unsigned size)
{
    Endpoint *endpoint = (Endpoint *)fn;

    viommu_testdev_config_write(endpoint->core, offset, value, size);
}

bool endpoint_invalidate(PciFunction *fn, const ViommuInvalidation *inv)
{
    Endpoint *endpoint = (Endpoint *)fn;

    return viommu_testdev_invalidate(endpoint->core, inv);
}

void endpoint_page_response(PciFunction *fn,
                            const ViommuPageResponse *response)
{
    Endpoint *endpoint = (Endpoint *)fn;

    viommu_testdev_page_response(endpoint->core, response);
}

static void endpoint_stalled(const PciFunction *fn, uint16_t tag)
{
    const Endpoint *endpoint = (const Endpoint *)fn;

    viommu_testdev_stalled(endpoint->core, tag);
}

void endpoint_resume(PciFunction *fn, uint16_t tag, ViommuResume action)
{
    Endpoint *endpoint = (Endpoint *)fn;

    viommu_testdev_resume(endpoint->core, tag, action);
}

bool endpoint_run(PciFunction *fn)
{
    Endpoint *endpoint = (Endpoint *)fn;
    bool pending = endpoint->run_pending;

    endpoint->run_pending = false;
    if (pending) {
        viommu_testdev_run(endpoint->core);
    }
    return pending;
}

static void endpoint_reset(PciFunction *fn)
{
    Endpoint *endpoint = (Endpoint *)fn;

    endpoint->run_pending = false;
    msi_reset(&endpoint->msi);
    viommu_testdev_reset(endpoint->core);
}

static void endpoint_free(PciFunction *fn)
{
    Endpoint *endpoint = (Endpoint *)fn;

    viommu_testdev_free(endpoint->core);
    g_free(endpoint);
}

PciFunction *endpoint_new(Board *board, const PciBus *bus,
                          const ViommuTestdevConfig *config, GError **error)
{
    Endpoint *endpoint = g_new0(Endpoint, 1);
    PciFunction *fn = &endpoint->fn;

    if (bus->conventional &&
        (config->ats || config->pri || config->pasid_bits)) {
        g_set_error(error, MACHINE_ERROR, MACHINE_ERROR_OPTION,
                    "ats, pri and pasid-bits need a PCI Express bus, which "
                    "'%s' is not", bus->name);
        g_free(endpoint);
        return NULL;
    }
    endpoint->board = board;
    endpoint->core = viommu_testdev_new(config, &endpoint_ops, endpoint,
                                        error);
    if (!endpoint->core) {
        g_free(endpoint);
        return NULL;
    }
    pci_function_init(fn, "viommu-testdev", VIOMMU_TESTDEV_VENDOR_ID,
                      VIOMMU_TESTDEV_DEVICE_ID, VIOMMU_TESTDEV_CLASS);
    pci_function_add_bar(fn, 0, VIOMMU_TESTDEV_BAR0_SIZE);
    fn->bar[0].read = bar0_read;
    fn->bar[0].write = bar0_write;
    fn->bar[0].opaque = endpoint;
    pci_function_add_bar(fn, 1, MSIX_WINDOW_SIZE);
    fn->bar[1].read = bar1_read;
    fn->bar[1].write = bar1_write;
    fn->bar[1].opaque = endpoint;

    endpoint->msi.send = endpoint_send;
    msi_init(&endpoint->msi, fn, MSI_OFFSET, MSIX_OFFSET, 1,
             VIOMMU_TESTDEV_VECTORS);
    pci_function_add_power(fn, POWER_OFFSET);
    if (!bus->conventional) {
        pci_function_add_express(fn, pci_endpoint_type(bus), EXPRESS_OFFSET);
        pci_express_allow_reset(fn);
        fn->extended_read = endpoint_extended_read;
        fn->extended_write = endpoint_extended_write;
    }

    fn->written = endpoint_written;
    fn->stalled = endpoint_stalled;
    fn->reset = endpoint_reset;
    fn->free = endpoint_free;
    return fn;
}
