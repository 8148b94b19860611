/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A PCI endpoint that is a device of the host, as VFIO shows it: its
 * registers and its BARs are the device's, and its interrupts come by
 * eventfds.  The capabilities are made here: PCI Express, MSI, MSI-X, and as
 * far as device and IOMMU of the host have them, ATS, page requests, PASIDs.
 */
#include <sys/eventfd.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "hw/iommu/host/abi/vfio.h"
#include "hw/iommu/machine/pci/msi.h"
#include "hw/iommu/machine/host/passthrough.h"

#define EXPRESS_OFFSET  0x40
#define POWER_OFFSET    0xb0
#define POWER_CONTROL   (POWER_OFFSET + 4)
#define MSI_OFFSET      0x80
#define MSIX_OFFSET     0xa0

#define CAP_MSIX        0x11
#define MSIX_TABLE      0x04
#define MSIX_PBA        0x08
#define MSIX_BIR        0x7
#define MSIX_ENTRY      16

#define BAR_IO          0x1
#define BAR_64          0x4
#define BAR_MAX         (UINT64_C(1) << 30)

/* Extended capabilities (PCI Express 7.8.9, 10.5), one after the other. */
#define EXTENDED_STRIDE 0x10
#define EXT_ATS         0x0f
#define EXT_PRI         0x13
#define EXT_PASID       0x1b
#define ATS_CAP         0x04
#define ATS_CAP_ALIGNED 0x0020
#define ATS_CTRL        0x06
#define ATS_CTRL_MASK   0x801f
#define PRI_CTRL        0x04
#define PRI_CTRL_ENABLE 0x0001
#define PRI_STATUS      0x06
#define PRI_STOPPED     0x0100
#define PRI_NEEDS_PASID 0x8000
#define PRI_CAPACITY    0x08
#define PRI_REQUESTS    512
#define PRI_ALLOCATION  0x0c
#define PASID_CAP       0x04
#define PASID_EXEC      0x0002
#define PASID_PRIV      0x0004
#define PASID_CTRL      0x06
#define PASID_ENABLE    0x0001

typedef struct Late Late;

typedef struct HostBar {
    HostFunction *function;
    unsigned n;
} HostBar;

struct HostFunction {
    PciFunction fn;         /* first */
    Board *board;
    const DeviceOptions *options;   /* the board's */
    unsigned number;
    const ViommuSyscalls *sys;
    int fd;
    ViommuHostDevice *device;
    VfioRegionInfo region[VFIO_ABI_REGION_NUM];
    HostBar bars[PCI_BARS];
    bool can_reset;
    unsigned pri;           /* its capability, or 0 */

    Msi msi;
    /* where software finds the table and the pending bits */
    unsigned table_bar, pba_bar;
    uint32_t table_offset, pba_offset;
    int irq[MSI_VECTORS_MAX];
    unsigned irq_kind, n_irqs;  /* VFIO's index */

    /* a write that is on its way to the device; or that is to be */
    Late *late;
    unsigned late_ms;
};

const DeviceOptions *host_function_options(const HostFunction *function)
{
    return function->options;
}

unsigned host_function_number(const HostFunction *function)
{
    return function->number;
}

PciFunction *host_function_pci(HostFunction *function)
{
    return &function->fn;
}

static bool refused(GError **error, const char *call, int ret)
{
    g_set_error(error, MACHINE_ERROR, MACHINE_ERROR_OPTION, "%s: %s", call,
                g_strerror(ret < 0 ? -ret : EIO));
    return false;
}

static int call(HostFunction *f, unsigned long request, void *arg)
{
    return f->sys->ioctl(f->sys->opaque, f->fd, request, arg);
}

/* --- Registers ----------------------------------------------------------- */

/* A region that does not answer reads as ones, like a device that is gone. */
static uint64_t region_read(HostFunction *f, unsigned index, uint64_t offset,
                            unsigned size)
{
    uint64_t value = 0;

    if (f->sys->pread(f->sys->opaque, f->fd, &value, size,
                      f->region[index].offset + offset) != (ssize_t)size) {
        return UINT64_MAX >> (64 - 8 * size);
    }
    return GUINT64_FROM_LE(value);
}

static void region_write(HostFunction *f, unsigned index, uint64_t offset,
                         uint64_t value, unsigned size)
{
    value = GUINT64_TO_LE(value);
    (void)f->sys->pwrite(f->sys->opaque, f->fd, &value, size,
                         f->region[index].offset + offset);
}

/* Each device has one at most, and it is waited for. */
struct Late {
    GThread *thread;
    HostFunction *function;
    unsigned ms, index, size;
    uint64_t offset, value;
};

static void *write_late(void *opaque)
{
    const Late *late = opaque;

    g_usleep(late->ms * 1000ul);
    region_write(late->function, late->index, late->offset, late->value,
                 late->size);
    return NULL;
}

static void await_late(HostFunction *f)
{
    if (f->late) {
        g_thread_join(f->late->thread);
        g_clear_pointer(&f->late, g_free);
    }
}

static void start_late(HostFunction *f, const Late *write)
{
    f->late = g_memdup2(write, sizeof(*write));
    f->late->function = f;
    f->late->ms = f->late_ms;
    f->late_ms = 0;
    f->late->thread = g_thread_new("late", write_late, f->late);
}

void host_function_set_late(HostFunction *f, unsigned ms)
{
    f->late_ms = ms;
}

static bool in_table(const HostFunction *f, unsigned bar, uint64_t offset)
{
    return bar == f->table_bar && offset >= f->table_offset &&
           offset - f->table_offset < f->msi.vectors * MSIX_ENTRY;
}

static bool in_pba(const HostFunction *f, unsigned bar, uint64_t offset)
{
    return bar == f->pba_bar && offset >= f->pba_offset &&
           offset - f->pba_offset < 8;
}

static uint64_t bar_read(void *opaque, uint64_t offset, unsigned size)
{
    const HostBar *bar = opaque;
    HostFunction *f = bar->function;

    if (in_table(f, bar->n, offset)) {
        return msix_window_read(&f->msi, offset - f->table_offset, size);
    }
    if (in_pba(f, bar->n, offset)) {
        return msix_window_read(&f->msi,
                                MSIX_PBA_OFFSET + offset - f->pba_offset,
                                size);
    }
    return region_read(f, bar->n, offset, size);
}

static void bar_write(void *opaque, uint64_t offset, uint64_t value,
                      unsigned size)
{
    const HostBar *bar = opaque;
    HostFunction *f = bar->function;

    if (in_table(f, bar->n, offset)) {
        msix_window_write(&f->msi, offset - f->table_offset, value, size);
    } else if (!in_pba(f, bar->n, offset)) {
        await_late(f);
        if (f->late_ms) {
            start_late(f, &(Late) {
                .index = bar->n, .offset = offset, .value = value,
                .size = size,
            });
        } else {
            region_write(f, bar->n, offset, value, size);
        }
    }
}

static bool touches(unsigned offset, unsigned size, unsigned field,
                    unsigned width)
{
    return offset < field + width && field < offset + size;
}

static void written(PciFunction *fn, unsigned offset, unsigned size)
{
    HostFunction *f = (HostFunction *)fn;

    if (touches(offset, size, PCI_COMMAND, 2) ||
        touches(offset, size, POWER_CONTROL, 2)) {
        /* in D3hot the device itself stays awake, and sends nothing */
        region_write(f, VFIO_ABI_REGION_CONFIG, PCI_COMMAND,
                     pci_power_state(fn) ? 0 : pci_command(fn), 2);
    }
    if (f->pri && touches(offset, size, f->pri + PRI_CTRL, 2)) {
        bool on = fn->config[f->pri + PRI_CTRL] & PRI_CTRL_ENABLE;

        pci_set16(fn->config + f->pri + PRI_STATUS,
                  PRI_NEEDS_PASID | (on ? 0 : PRI_STOPPED));
    }
    msi_config_written(&f->msi);
}

static void reset(PciFunction *fn)
{
    HostFunction *f = (HostFunction *)fn;

    msi_reset(&f->msi);
    if (f->can_reset) {
        call(f, VFIO_ABI_DEVICE_RESET, NULL);
    }
}

/* --- Interrupts ---------------------------------------------------------- */

/* The host has remapped the device's own message; this one is the guest's. */
static void send_message(PciFunction *fn, uint64_t addr, uint32_t data)
{
    HostFunction *f = (HostFunction *)fn;
    uint32_t bytes = GUINT32_TO_LE(data);
    ViommuTestdevAccess access = {
        .pasid = VIOMMU_NO_PASID, .access = VIOMMU_WRITE,
        .kind = VIOMMU_UNTRANSLATED, .addr = addr, .buf = &bytes,
        .size = sizeof(bytes),
    };
    uint8_t reason = 0;

    board_dma(f->board, fn, &access, &reason);
}

void host_function_fds(HostFunction *f, GArray *fds)
{
    for (unsigned i = 0; i < f->n_irqs; i++) {
        const struct pollfd irq = { .fd = f->irq[i], .events = POLLIN };

        g_array_append_val(fds, irq);
    }
}

bool host_function_run(HostFunction *f)
{
    bool some = false;

    for (unsigned i = 0; i < f->n_irqs; i++) {
        uint64_t count;

        if (read(f->irq[i], &count, sizeof(count)) == sizeof(count)) {
            msi_notify(&f->msi, i);
            some = true;
        }
    }
    return some;
}

static int set_irqs(HostFunction *f, unsigned index, unsigned count)
{
    size_t size = sizeof(VfioIrqSet) + count * sizeof(int32_t);
    g_autofree VfioIrqSet *set = g_malloc0(size);

    *set = (VfioIrqSet) {
        .argsz = (uint32_t)size, .index = index, .count = count,
        .flags = VFIO_ABI_IRQ_ACTION_TRIGGER |
                 (count ? VFIO_ABI_IRQ_DATA_EVENTFD : VFIO_ABI_IRQ_DATA_NONE),
    };
    for (unsigned i = 0; i < count; i++) {
        ((int32_t *)(void *)set->data)[i] = f->irq[i];
    }
    return call(f, VFIO_ABI_DEVICE_SET_IRQS, set);
}

/* For all vectors of the device, of whichever kind it has; whether the guest
 * uses MSI or MSI-X is between the guest and us. */
static bool make_irqs(HostFunction *f, GError **error)
{
    static const unsigned kinds[] = { VFIO_ABI_IRQ_MSIX, VFIO_ABI_IRQ_MSI };

    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        VfioIrqInfo info = { .argsz = sizeof(info), .index = kinds[i] };
        int ret = call(f, VFIO_ABI_DEVICE_GET_IRQ_INFO, &info);

        if (ret || !info.count) {
            continue;
        }
        while (f->n_irqs < MIN(info.count, MSI_VECTORS_MAX)) {
            int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

            if (fd < 0) {
                return refused(error, "eventfd", -errno);
            }
            f->irq[f->n_irqs++] = fd;
        }
        f->irq_kind = kinds[i];
        return true;
    }
    return true;
}

/* Behind an SMMU, the host takes messages only when the device has an address
 * space. */
static bool start_irqs(HostFunction *f, GError **error)
{
    int ret = f->n_irqs ? set_irqs(f, f->irq_kind, f->n_irqs) : 0;

    return ret ? refused(error, "VFIO_DEVICE_SET_IRQS", ret) : true;
}

/* --- What software sees -------------------------------------------------- */

static bool read_info(HostFunction *f, GError **error)
{
    VfioDeviceInfo info = { .argsz = sizeof(info) };
    int ret = call(f, VFIO_ABI_DEVICE_GET_INFO, &info);

    if (ret) {
        return refused(error, "VFIO_DEVICE_GET_INFO", ret);
    }
    if (!(info.flags & VFIO_ABI_DEVICE_FLAG_PCI)) {
        return refused(error, "VFIO_DEVICE_GET_INFO: not a PCI device",
                       -ENODEV);
    }
    f->can_reset = info.flags & VFIO_ABI_DEVICE_FLAG_RESET;
    for (unsigned i = 0; i <= VFIO_ABI_REGION_CONFIG; i++) {
        VfioRegionInfo *region = &f->region[i];

        *region = (VfioRegionInfo) { .argsz = sizeof(*region), .index = i };
        ret = call(f, VFIO_ABI_DEVICE_GET_REGION_INFO, region);
        if (ret) {
            return refused(error, "VFIO_DEVICE_GET_REGION_INFO", ret);
        }
    }
    return true;
}

static uint64_t config_read(HostFunction *f, unsigned offset, unsigned size)
{
    return region_read(f, VFIO_ABI_REGION_CONFIG, offset, size);
}

static void add_identity(HostFunction *f)
{
    PciFunction *fn = &f->fn;

    pci_function_init(fn, f->options->kind == DEVICE_HOST_TESTDEV
                          ? "host-testdev" : "vfio-pci",
                      (uint16_t)config_read(f, PCI_VENDOR_ID, 2),
                      (uint16_t)config_read(f, PCI_DEVICE_ID, 2),
                      (uint16_t)config_read(f, PCI_CLASS, 2));
    pci_set16(fn->initial + PCI_REVISION,
              (uint16_t)config_read(f, PCI_REVISION, 2));
    pci_set32(fn->initial + PCI_SUBSYSTEM_VENDOR_ID,
              (uint32_t)config_read(f, PCI_SUBSYSTEM_VENDOR_ID, 4));
}

/* Memory BARs; the upper half of a 64-bit one is not seen, so that it looks
 * like one of 32 bits. */
static void add_bars(HostFunction *f)
{
    for (unsigned i = 0; i < PCI_BARS; i++) {
        uint32_t bar = (uint32_t)config_read(f, PCI_BAR0 + 4 * i, 4);
        uint64_t size = f->region[i].size;

        if (size >= 16 && size <= BAR_MAX && !(size & (size - 1)) &&
            !(bar & BAR_IO)) {
            f->bars[i] = (HostBar) { f, i };
            pci_function_add_bar(&f->fn, i, (uint32_t)size);
            f->fn.bar[i].read = bar_read;
            f->fn.bar[i].write = bar_write;
            f->fn.bar[i].opaque = &f->bars[i];
        }
        if ((bar & BAR_64) && !(bar & BAR_IO)) {
            i++;
        }
    }
}

static unsigned find_cap(HostFunction *f, uint8_t id)
{
    unsigned at = config_read(f, PCI_CAP_POINTER, 1) & 0xfc;

    for (unsigned i = 0; i < 48 && at >= 0x40; i++) {   /* as many fit */
        uint16_t header = (uint16_t)config_read(f, at, 2);

        if ((header & 0xff) == id) {
            return at;
        }
        at = header >> 8 & 0xfc;
    }
    return 0;
}

static void add_msi(HostFunction *f)
{
    unsigned vectors = 1, xcap = find_cap(f, CAP_MSIX);
    uint32_t table, pba;

    while (vectors * 2 <= f->n_irqs) {
        vectors *= 2;
    }
    f->msi.send = send_message;
    msi_init(&f->msi, &f->fn, MSI_OFFSET, MSIX_OFFSET, 0, vectors);
    f->table_bar = f->pba_bar = PCI_BARS;
    if (!xcap) {
        /* MSI alone: leave the other one out of the list. */
        f->fn.initial[PCI_CAP_POINTER] = MSI_OFFSET;
        return;
    }
    table = (uint32_t)config_read(f, xcap + MSIX_TABLE, 4);
    pba = (uint32_t)config_read(f, xcap + MSIX_PBA, 4);
    pci_set32(f->fn.initial + MSIX_OFFSET + MSIX_TABLE, table);
    pci_set32(f->fn.initial + MSIX_OFFSET + MSIX_PBA, pba);
    f->table_bar = table & MSIX_BIR;
    f->table_offset = table & ~(uint32_t)MSIX_BIR;
    f->pba_bar = pba & MSIX_BIR;
    f->pba_offset = pba & ~(uint32_t)MSIX_BIR;
}

/* --- Extended capabilities ----------------------------------------------- */

/* Returns the capability's offset; *@last is the one before it, or 0. */
static unsigned add_extended(PciFunction *fn, uint16_t id, unsigned *last)
{
    unsigned at = *last ? *last + EXTENDED_STRIDE : PCI_EXTENDED;

    pci_set32(fn->initial + at, id | 1u << 16);
    if (*last) {
        pci_set32(fn->initial + *last,
                  pci_get32(fn->initial + *last) | (uint32_t)at << 20);
    }
    *last = at;
    return at;
}

static void add_requests(HostFunction *f)
{
    PciFunction *fn = &f->fn;
    ViommuHostCaps caps;
    unsigned last = 0, at;

    viommu_host_device_get_caps(f->device, &caps);
    if (caps.ats) {
        at = add_extended(fn, EXT_ATS, &last);
        pci_set16(fn->initial + at + ATS_CAP, ATS_CAP_ALIGNED);
        pci_set16(fn->writable + at + ATS_CTRL, ATS_CTRL_MASK);
    }
    if (caps.page_requests) {
        at = f->pri = add_extended(fn, EXT_PRI, &last);
        pci_set16(fn->writable + at + PRI_CTRL, PRI_CTRL_ENABLE);
        pci_set16(fn->initial + at + PRI_STATUS,
                  PRI_STOPPED | PRI_NEEDS_PASID);
        pci_set32(fn->initial + at + PRI_CAPACITY, PRI_REQUESTS);
        pci_set32(fn->writable + at + PRI_ALLOCATION, UINT32_MAX);
    }
    if (caps.pasid_bits) {
        uint16_t modes = (caps.pasid_exec ? PASID_EXEC : 0) |
                         (caps.pasid_priv ? PASID_PRIV : 0);

        at = add_extended(fn, EXT_PASID, &last);
        pci_set16(fn->initial + at + PASID_CAP,
                  (uint16_t)(modes | caps.pasid_bits << 8));
        pci_set16(fn->writable + at + PASID_CTRL, PASID_ENABLE | modes);
    }
}

/* --- Life ---------------------------------------------------------------- */

bool host_function_attach(HostFunction *f, GError **error)
{
    Unit *unit = board_unit(f->board, &f->fn);
    int ret;

    if (unit) {
        ViommuNesting nesting =
            f->options->nesting == ON_OFF_AUTO_ON ? VIOMMU_NESTING_ON :
            f->options->nesting == ON_OFF_AUTO_OFF ? VIOMMU_NESTING_OFF :
            VIOMMU_NESTING_AUTO;

        return viommu_attach_host(unit->viommu, pci_source(&f->fn), f->device,
                                  nesting, error) && start_irqs(f, error);
    }
    if (f->options->nesting == ON_OFF_AUTO_ON) {
        g_set_error(error, MACHINE_ERROR, MACHINE_ERROR_OPTION,
                    "nesting=on: there is no unit in front of it");
        return false;
    }
    fprintf(stderr, "viommu-machine: warning: -device %s: there is no unit in "
            "front of it, so that it reaches all of memory\n",
            f->options->text);
    ret = viommu_host_device_pass_through(f->device);
    return ret ? refused(error, "VFIO_DEVICE_ATTACH_IOMMUFD_PT", ret) :
           start_irqs(f, error);
}

static void free_function(PciFunction *fn)
{
    HostFunction *f = (HostFunction *)fn;

    await_late(f);
    viommu_host_device_free(f->device);
    for (unsigned i = 0; i < f->n_irqs; i++) {
        close(f->irq[i]);
    }
    f->sys->close(f->sys->opaque, f->fd);
    g_free(f);
}

static bool start(HostFunction *f, ViommuHost *host, GError **error)
{
    f->device = viommu_host_device_new(host, f->fd, error);
    return f->device && read_info(f, error) && make_irqs(f, error);
}

HostFunction *host_function_new(Board *board, const PciBus *bus,
                                const DeviceOptions *options,
                                const ViommuSyscalls *sys, ViommuHost *host,
                                int fd, unsigned number, GError **error)
{
    HostFunction *f = g_new0(HostFunction, 1);

    f->board = board;
    f->options = options;
    f->number = number;
    f->sys = sys;
    f->fd = fd;
    f->fn.reset = reset;
    f->fn.written = written;
    f->fn.free = free_function;
    if (!start(f, host, error)) {
        free_function(&f->fn);
        return NULL;
    }
    add_identity(f);
    add_bars(f);
    add_msi(f);
    pci_function_add_power(&f->fn, POWER_OFFSET);
    pci_function_add_express(&f->fn, pci_endpoint_type(bus), EXPRESS_OFFSET);
    if (f->can_reset) {
        pci_express_allow_reset(&f->fn);
    }
    add_requests(f);
    return f;
}
