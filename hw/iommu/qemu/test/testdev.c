/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * viommu in QEMU: "viommu-testdev", a PCIe endpoint around the core that
 * each machine of this project shares.
 */
#include "qemu/osdep.h"
#include "hw/viommu/core/endpoint.h"
#include "hw/viommu/test/mirror.h"
#include "hw/pci/msi.h"
#include "hw/pci/msix.h"
#include "hw/pci/pci_bus.h"
#include "hw/pci/pci_device.h"
#include "hw/pci/pcie.h"
#include "hw/qdev-properties.h"
#include "migration/vmstate.h"
#include "qapi/error.h"
#include "qemu/module.h"
#include "qemu/rcu.h"
#include "qemu/timer.h"
#include "qom/object.h"
#include <hw/iommu/viommu-testdev.h>

#define TYPE_VIOMMU_TESTDEV "viommu-testdev"
OBJECT_DECLARE_SIMPLE_TYPE(ViommuTestdevState, VIOMMU_TESTDEV)

/* BAR 1 */
#define TESTDEV_MSIX_SIZE  0x1000
#define TESTDEV_MSIX_PBA   0x800

/* The field for states that save power means what it says [PCIe 7.5.3.6]. */
#define TESTDEV_LNKCAP_ASPM_OPTIONAL 0x00400000

struct ViommuTestdevState {
    PCIDevice parent;
    ViommuTestdevConfig config;
    ViommuTestdev *core;
    QEMUBH *run;
    MemoryRegion registers;
    MemoryRegion msix;
    /* of the accesses of a command */
    MemTxAttrs attrs;
    AddressSpace *as;
    Viommu *unit;               /* or NULL */
    uint32_t source;
    /* properties: DMA through what VFIO, or vhost, has of the translations */
    bool mirrored, kept;
    ViommuMirror *mirror;
    Error *blocker;
};

ViommuOfDevice *viommu_of_device;
ViommuTranslateFor *viommu_translate_for;
bool viommu_can_stall;

/* Why did an access fail?  A second look that records nothing. */
static ViommuDmaResult testdev_explain(ViommuTestdevState *s,
                                       const ViommuTestdevAccess *access,
                                       uint8_t *reason)
{
    ViommuRequest req = {
        .pasid = VIOMMU_NO_PASID,
        .addr = access->addr,
        .access = access->access & VIOMMU_WRITE ? VIOMMU_WRITE : VIOMMU_READ,
        .kind = VIOMMU_UNTRANSLATED,
        .probe = true,
    };
    ViommuReply reply;
    Viommu *unit;

    unit = viommu_of_device ? viommu_of_device(&s->parent, &req.source) : NULL;
    if (!unit) {
        return VIOMMU_DMA_NO_TARGET;
    }
    if (viommu_translate(unit, &req, &reply) != VIOMMU_OK) {
        *reason = reply.reason;
        return VIOMMU_DMA_BLOCKED;
    }
    /* a message that interrupt remapping refused; why is in the record */
    return reply.interrupt && access->size == 4 && access->addr % 4 == 0 ?
           VIOMMU_DMA_BLOCKED : VIOMMU_DMA_NO_TARGET;
}

/* As if there was no IOMMU, or as one that knows no more than this. */
static ViommuDmaResult testdev_dma_plain(ViommuTestdevState *s,
                                         const ViommuTestdevAccess *access)
{
    DMADirection direction = access->access & VIOMMU_WRITE ?
                             DMA_DIRECTION_FROM_DEVICE :
                             DMA_DIRECTION_TO_DEVICE;

    return pci_dma_rw(&s->parent, access->addr, access->buf, access->size,
                      direction, s->attrs) == MEMTX_OK ?
           VIOMMU_DMA_OK : VIOMMU_DMA_NO_TARGET;
}

static Viommu *testdev_unit(ViommuTestdevState *s,
                            const ViommuTestdevAccess *access,
                            ViommuRequest *req)
{
    *req = (ViommuRequest) {
        .pasid = access->pasid,
        .addr = access->addr,
        .access = access->access,
        .kind = access->kind,
    };
    return viommu_of_device ? viommu_of_device(&s->parent, &req->source) :
           NULL;
}

/*
 * QEMU's PCI functions know neither PASIDs nor translated requests: ask the
 * unit ourselves.  The access does not cross a page, so one answer is enough.
 */
static ViommuDmaResult testdev_dma_unit(ViommuTestdevState *s,
                                        const ViommuTestdevAccess *access,
                                        uint8_t *reason)
{
    bool write = access->access & VIOMMU_WRITE;
    ViommuDmaResult result = VIOMMU_DMA_OK;
    const ViommuRequest req = {
        .source = s->source,
        .pasid = access->pasid,
        .addr = access->addr,
        .access = access->access,
        .kind = access->kind,
    };
    ViommuStatus status;
    ViommuReply reply;

    if (!s->unit) {
        /* a PASID is a prefix that nobody looks at then */
        return testdev_dma_plain(s, access);
    }
    rcu_read_lock();
    status = viommu_translate_for(s->as, &req, &reply);
    if (status == VIOMMU_STALLED && access->can_stall) {
        viommu_testdev_stalled(s->core, reply.stall_tag);
        result = VIOMMU_DMA_STALLED;
    } else if (status != VIOMMU_OK) {
        *reason = reply.reason;
        result = VIOMMU_DMA_BLOCKED;
    } else if (!reply.interrupt &&
               address_space_rw(&address_space_memory, reply.addr, s->attrs,
                                access->buf, access->size,
                                write) != MEMTX_OK) {
        result = VIOMMU_DMA_NO_TARGET;
    }
    rcu_read_unlock();
    if (result == VIOMMU_DMA_OK && reply.interrupt) {
        /* the space of requests without PASID has the same messages */
        result = testdev_dma_plain(s, access) == VIOMMU_DMA_OK ?
                 VIOMMU_DMA_OK : VIOMMU_DMA_BLOCKED;
    }
    return result;
}

/* In D3hot a function answers configuration accesses, and neither answers nor
 * sends anything else [PCIe 5.3.1.4]. */
static bool testdev_is_asleep(const ViommuTestdevState *s)
{
    const PCIDevice *pci = &s->parent;

    return pci->config[pci->pm_cap + PCI_PM_CTRL] & PCI_PM_CTRL_STATE_MASK;
}

/* Memory requests, among them messages that interrupt. */
static bool testdev_may_send(const ViommuTestdevState *s)
{
    return (s->parent.config[PCI_COMMAND] & PCI_COMMAND_MASTER) &&
           !testdev_is_asleep(s);
}

static ViommuDmaResult testdev_dma(void *opaque,
                                   const ViommuTestdevAccess *access,
                                   uint8_t *reason)
{
    ViommuTestdevState *s = opaque;
    bool write = access->access & VIOMMU_WRITE;
    MemTxResult result;

    if (unlikely(!testdev_may_send(s))) {
        return VIOMMU_DMA_NO_MASTER;
    }
    if (unlikely(access->pasid != VIOMMU_NO_PASID ||
                 access->kind != VIOMMU_UNTRANSLATED || viommu_can_stall)) {
        return testdev_dma_unit(s, access, reason);
    }
    if (unlikely(s->mirror)) {
        return viommu_mirror_rw(s->mirror, access->addr, access->buf,
                                access->size, write) ?
               VIOMMU_DMA_OK : VIOMMU_DMA_BLOCKED;
    }
    result = pci_dma_rw(&s->parent, access->addr, access->buf, access->size,
                        write ? DMA_DIRECTION_FROM_DEVICE :
                        DMA_DIRECTION_TO_DEVICE, s->attrs);
    if (likely(result == MEMTX_OK)) {
        return VIOMMU_DMA_OK;
    }
    return testdev_explain(s, access, reason);
}

static ViommuDmaResult testdev_translate(void *opaque,
                                         const ViommuTestdevAccess *access,
                                         ViommuReply *reply)
{
    ViommuTestdevState *s = opaque;
    ViommuStatus status;
    ViommuRequest req;
    Viommu *unit = testdev_unit(s, access, &req);

    *reply = (ViommuReply) { .size = 4096 };
    req.kind = VIOMMU_TRANSLATION;
    if (!testdev_may_send(s)) {
        return VIOMMU_DMA_NO_MASTER;
    }
    if (!unit) {
        return VIOMMU_DMA_NO_TARGET;
    }
    viommu_dma_begin();
    status = viommu_translate(unit, &req, reply);
    viommu_dma_end();
    return status == VIOMMU_OK ? VIOMMU_DMA_OK : VIOMMU_DMA_BLOCKED;
}

/* A message: bus mastering, which is about memory requests, does not matter. */
static bool testdev_page_request(void *opaque, ViommuPageRequest *req)
{
    ViommuTestdevState *s = opaque;
    Viommu *unit = viommu_of_device && !testdev_is_asleep(s) ?
                   viommu_of_device(&s->parent, &req->source) : NULL;

    if (unit) {
        viommu_page_request(unit, req);
    }
    return unit;
}

/* Any thread. */
static void testdev_run_later(void *opaque)
{
    ViommuTestdevState *s = opaque;

    qemu_bh_schedule(s->run);
}

/* Vectors whose messages wait, as the pending bits have them. */
typedef struct TestdevWaiting {
    uint32_t msi;
    uint8_t msix;
} TestdevWaiting;

QEMU_BUILD_BUG_ON(VIOMMU_TESTDEV_VECTORS > 8);

static TestdevWaiting testdev_get_waiting(const PCIDevice *pci)
{
    return (TestdevWaiting) {
        .msi = pci_get_long(pci->config + pci->msi_cap + PCI_MSI_PENDING_64),
        .msix = pci->msix_pba[0],
    };
}

static void testdev_add_waiting(PCIDevice *pci, TestdevWaiting more)
{
    pci_long_test_and_set_mask(pci->config + pci->msi_cap +
                               PCI_MSI_PENDING_64, more.msi);
    pci->msix_pba[0] |= more.msix;
}

/* Send what no mask holds back. */
static void testdev_send_waiting(PCIDevice *pci)
{
    uint8_t msix = pci->msix_pba[0];

    /* as if its masks had been written */
    msi_write_config(pci, pci->msi_cap, 0, 1);
    for (unsigned i = 0; msix_enabled(pci) && i < VIOMMU_TESTDEV_VECTORS;
         i++) {
        if ((msix & 1u << i) && !msix_is_masked(pci, i)) {
            msix_clr_pending(pci, i);
            msix_notify(pci, i);
        }
    }
}

static void testdev_interrupt(void *opaque, unsigned vector)
{
    ViommuTestdevState *s = opaque;
    PCIDevice *pci = &s->parent;
    TestdevWaiting more = { 0 };

    if (msix_enabled(pci)) {
        if (!testdev_is_asleep(s)) {
            msix_notify(pci, vector);
            return;
        }
        more.msix = 1u << vector;
    } else if (msi_enabled(pci)) {
        /* software may have granted fewer than asked for */
        vector %= msi_nr_vectors_allocated(pci);
        if (!testdev_is_asleep(s)) {
            msi_notify(pci, vector);
            return;
        }
        more.msi = 1u << vector;
    }
    testdev_add_waiting(pci, more);
}

static int64_t testdev_clock_ns(void *opaque)
{
    return get_clock();
}

static const ViommuTestdevOps testdev_ops = {
    .dma = testdev_dma,
    .translate = testdev_translate,
    .page_request = testdev_page_request,
    .run_later = testdev_run_later,
    .interrupt = testdev_interrupt,
    .clock_ns = testdev_clock_ns,
};

static uint64_t testdev_read(void *opaque, hwaddr addr, unsigned size)
{
    ViommuTestdevState *s = opaque;

    return viommu_testdev_read(s->core, addr, size);
}

/* What the accesses of a command carry; software may renumber buses. */
static void testdev_set_attrs(ViommuTestdevState *s)
{
    s->attrs = (MemTxAttrs) { .requester_id = pci_requester_id(&s->parent) };
    s->as = pci_device_iommu_address_space(&s->parent);
    s->unit = viommu_of_device ? viommu_of_device(&s->parent, &s->source) :
              NULL;
}

static void testdev_write(void *opaque, hwaddr addr, uint64_t value,
                          unsigned size)
{
    ViommuTestdevState *s = opaque;

    testdev_set_attrs(s);
    viommu_testdev_write(s->core, addr, value, size);
}

static void testdev_run(void *opaque)
{
    ViommuTestdevState *s = opaque;

    testdev_set_attrs(s);
    viommu_testdev_run(s->core);
}

static const MemoryRegionOps testdev_register_ops = {
    .read = testdev_read,
    .write = testdev_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 1, .max_access_size = 8, .unaligned = true },
    .impl = { .min_access_size = 1, .max_access_size = 8, .unaligned = true },
};

/* --- Configuration space ------------------------------------------------- */

static bool testdev_is_extended(uint32_t addr, int len)
{
    return addr >= VIOMMU_TESTDEV_CONFIG_BASE &&
           addr + len <= VIOMMU_TESTDEV_CONFIG_BASE +
                         VIOMMU_TESTDEV_CONFIG_SIZE;
}

static uint32_t testdev_config_read(PCIDevice *pci, uint32_t addr, int len)
{
    ViommuTestdevState *s = VIOMMU_TESTDEV(pci);

    if (testdev_is_extended(addr, len)) {
        return viommu_testdev_config_read(s->core,
                                          addr - VIOMMU_TESTDEV_CONFIG_BASE,
                                          len);
    }
    return pci_default_read_config(pci, addr, len);
}

static void testdev_config_write(PCIDevice *pci, uint32_t addr,
                                 uint32_t value, int len)
{
    ViommuTestdevState *s = VIOMMU_TESTDEV(pci);
    bool was_asleep = testdev_is_asleep(s);
    TestdevWaiting waiting;

    if (testdev_is_extended(addr, len)) {
        viommu_testdev_config_write(s->core,
                                    addr - VIOMMU_TESTDEV_CONFIG_BASE, value,
                                    len);
        return;
    }
    waiting = testdev_get_waiting(pci);
    pci_default_write_config(pci, addr, value, len);
    if (pci_is_express(pci) && pci->exp.exp_cap) {
        pcie_cap_flr_write_config(pci, addr, value, len);
    }
    /*
     * QEMU sends what software unmasks in D3hot, too.  The message does not
     * leave the function, and waits again as behind a mask [PCIe 5.3.1.4].
     */
    memory_region_set_enabled(&pci->bus_master_enable_region,
                              testdev_may_send(s) && pci->enabled);
    if (was_asleep && testdev_is_asleep(s)) {
        testdev_add_waiting(pci, waiting);
    } else if (was_asleep) {
        testdev_send_waiting(pci);
    }
}

/* Its registers, which QEMU's reset of a function leaves alone. */
static void testdev_reset_express(PCIDevice *pci)
{
    uint8_t *cap = pci->config + pci->exp.exp_cap;

    if (!pci_is_express(pci) || !pci->exp.exp_cap) {
        return;
    }
    /* but for the request for a reset, by which QEMU tells its kind */
    pci_set_word(cap + PCI_EXP_DEVCTL,
                 (pci_get_word(cap + PCI_EXP_DEVCTL) &
                  PCI_EXP_DEVCTL_BCR_FLR) | PCI_EXP_DEVCTL_READRQ_512B);
    pci_set_word(cap + PCI_EXP_DEVCTL2, 0);
}

/*
 * What QEMU's generic functions set otherwise: a function that is integrated
 * into the root complex has no link [PCIe 7.5.3.6], extended tags need a bit
 * that enables them [PCIe 7.5.3.4], only bridges block prefixes, and a
 * function that sends requests can do without a completion's time-out
 * [PCIe 7.5.3.15] [PCIe 7.5.3.16].
 */
static bool testdev_init_express(PCIDevice *pci, Error **errp)
{
    uint8_t *cap, *writable;
    uint32_t link;

    if (!pci_bus_is_express(pci_get_bus(pci))) {
        return true;
    }
    if (pcie_endpoint_cap_init(pci, 0) < 0) {
        error_setg(errp, "viommu-testdev: no room for the PCI Express "
                   "capability");
        return false;
    }
    cap = pci->config + pci->exp.exp_cap;
    writable = pci->wmask + pci->exp.exp_cap;
    pci_set_long(cap + PCI_EXP_DEVCAP,
                 PCI_EXP_DEVCAP_EXT_TAG | PCI_EXP_DEVCAP_RBER);
    pci_set_long(cap + PCI_EXP_DEVCAP2,
                 PCI_EXP_DEVCAP2_EFF | PCI_EXP_DEVCAP2_EETLPP |
                 PCI_EXP_DEVCAP2_COMP_TMOUT_DIS);
    pci_set_word(writable + PCI_EXP_DEVCTL2, PCI_EXP_DEVCTL2_COMP_TMOUT_DIS);
    pci_set_word(writable + PCI_EXP_DEVCTL,
                 PCI_EXP_DEVCTL_CERE | PCI_EXP_DEVCTL_NFERE |
                 PCI_EXP_DEVCTL_FERE | PCI_EXP_DEVCTL_URRE |
                 PCI_EXP_DEVCTL_EXT_TAG | PCI_EXP_DEVCTL_READRQ);
    pcie_cap_flr_init(pci);
    if (pcie_cap_get_type(pci) == PCI_EXP_TYPE_RC_END) {
        pci_set_long(cap + PCI_EXP_LNKCAP, 0);
        pci_set_word(cap + PCI_EXP_LNKSTA, 0);
    } else {
        /* no states that save power, and the field for them says so */
        link = pci_get_long(cap + PCI_EXP_LNKCAP);
        pci_set_long(cap + PCI_EXP_LNKCAP, (link & ~PCI_EXP_LNKCAP_ASPMS) |
                     TESTDEV_LNKCAP_ASPM_OPTIONAL);
        pci_set_word(writable + PCI_EXP_LNKCTL,
                     PCI_EXP_LNKCTL_RCB | PCI_EXP_LNKCTL_CCC |
                     PCI_EXP_LNKCTL_ES);
        pci_set_long(cap + PCI_EXP_LNKCAP2, PCI_EXP_LNKCAP2_SLS_2_5GB);
        pci_set_word(cap + PCI_EXP_LNKCTL2, PCI_EXP_LNKCTL2_TLS_2_5GT);
    }
    testdev_reset_express(pci);
    return true;
}

/* A function comes back from D3hot as it went. */
static bool testdev_init_power(PCIDevice *pci, Error **errp)
{
    int at = pci_pm_init(pci, 0, errp);

    if (at < 0) {
        return false;
    }
    pci_set_word(pci->config + at + PCI_PM_PMC, 3);     /* the version */
    pci_set_word(pci->config + at + PCI_PM_CTRL, PCI_PM_CTRL_NO_SOFT_RESET);
    pci_set_word(pci->wmask + at + PCI_PM_CTRL, PCI_PM_CTRL_STATE_MASK);
    return true;
}

/* --- The device ---------------------------------------------------------- */

ViommuTestdev *viommu_endpoint_core(PCIDevice *dev)
{
    ViommuTestdevState *s =
        (ViommuTestdevState *)object_dynamic_cast(OBJECT(dev),
                                                  TYPE_VIOMMU_TESTDEV);

    return s ? s->core : NULL;
}

static bool testdev_create_core(ViommuTestdevState *s, Error **errp)
{
    g_autoptr(GError) error = NULL;
    bool extended = s->config.ats || s->config.pri || s->config.pasid_bits;

    if (extended && !pci_bus_is_express(pci_get_bus(&s->parent))) {
        error_setg(errp, "viommu-testdev: ats, pri and pasid-bits need a PCI "
                   "Express bus");
        return false;
    }
    if (s->mirrored && s->kept) {
        error_setg(errp, "viommu-testdev: x-vhost=on: allowed with "
                   "x-mirror=off only");
        return false;
    }
    s->core = viommu_testdev_new(&s->config, &testdev_ops, s, &error);
    if (!s->core) {
        error_setg(errp, "viommu-testdev: %s", error->message);
        return false;
    }
    s->run = qemu_bh_new(testdev_run, s);
    return true;
}

static void testdev_destroy_core(ViommuTestdevState *s)
{
    qemu_bh_delete(s->run);
    g_clear_pointer(&s->core, viommu_testdev_free);
}

/* QEMU lets software write what no capability has; such bytes are reserved
 * [PCIe 7.3.1]. */
static void testdev_close_gaps(PCIDevice *pci)
{
    for (unsigned i = PCI_CONFIG_HEADER_SIZE; i < pci_config_size(pci); i++) {
        if (i >= PCI_CONFIG_SPACE_SIZE || !pci->used[i]) {
            pci->wmask[i] = 0;
        }
    }
}

static void testdev_realize(PCIDevice *pci, Error **errp)
{
    ViommuTestdevState *s = VIOMMU_TESTDEV(pci);

    if (!testdev_create_core(s, errp)) {
        return;
    }
    memory_region_init_io(&s->registers, OBJECT(s), &testdev_register_ops, s,
                          "viommu-testdev", VIOMMU_TESTDEV_BAR0_SIZE);
    /* the core itself answers DMA to its own registers */
    s->registers.disable_reentrancy_guard = true;
    pci_register_bar(pci, 0, PCI_BASE_ADDRESS_SPACE_MEMORY, &s->registers);
    memory_region_init(&s->msix, OBJECT(s), "viommu-testdev-msix",
                       TESTDEV_MSIX_SIZE);
    pci_register_bar(pci, 1, PCI_BASE_ADDRESS_SPACE_MEMORY, &s->msix);

    if (!testdev_init_power(pci, errp) || !testdev_init_express(pci, errp)) {
        testdev_destroy_core(s);
        return;
    }
    if (msi_init(pci, 0, VIOMMU_TESTDEV_VECTORS, true, true, errp) < 0) {
        testdev_destroy_core(s);
        return;
    }
    if (msix_init(pci, VIOMMU_TESTDEV_VECTORS, &s->msix, 1, 0, &s->msix, 1,
                  TESTDEV_MSIX_PBA, 0, errp) < 0) {
        msi_uninit(pci);
        testdev_destroy_core(s);
        return;
    }
    testdev_close_gaps(pci);
    for (unsigned i = 0; i < VIOMMU_TESTDEV_VECTORS; i++) {
        msix_vector_use(pci, i);
    }
    if (s->mirrored || s->kept) {
        s->mirror = viommu_mirror_new(pci_device_iommu_address_space(pci),
                                      s->mirrored ? VIOMMU_MIRROR_VFIO :
                                      s->config.ats ? VIOMMU_MIRROR_VHOST_ATS
                                                    : VIOMMU_MIRROR_VHOST,
                                      TYPE_VIOMMU_TESTDEV);
        error_setg(&s->blocker, "viommu-testdev: %s=on has no end",
                   s->mirrored ? "x-mirror" : "x-vhost");
        qdev_add_unplug_blocker(DEVICE(pci), s->blocker);
    }
}

static void testdev_exit(PCIDevice *pci)
{
    ViommuTestdevState *s = VIOMMU_TESTDEV(pci);

    msix_uninit(pci, &s->msix, &s->msix);
    msi_uninit(pci);
    if (pci_is_express(pci) && pci->exp.exp_cap) {
        pcie_cap_exit(pci);
    }
    testdev_destroy_core(s);
}

static void testdev_reset_hold(Object *obj, ResetType type)
{
    ViommuTestdevState *s = VIOMMU_TESTDEV(obj);

    qemu_bh_cancel(s->run);
    viommu_testdev_reset(s->core);
    testdev_reset_express(&s->parent);
}

static const VMStateDescription testdev_vmstate = {
    .name = TYPE_VIOMMU_TESTDEV,
    .unmigratable = true,
};

static const Property testdev_properties[] = {
    DEFINE_PROP_BOOL("ats", ViommuTestdevState, config.ats, false),
    DEFINE_PROP_BOOL("pri", ViommuTestdevState, config.pri, false),
    DEFINE_PROP_UINT8("pasid-bits", ViommuTestdevState, config.pasid_bits, 0),
    DEFINE_PROP_BOOL("x-mirror", ViommuTestdevState, mirrored, false),
    DEFINE_PROP_BOOL("x-vhost", ViommuTestdevState, kept, false),
};

static void testdev_class_init(ObjectClass *klass, void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);
    PCIDeviceClass *pc = PCI_DEVICE_CLASS(klass);

    pc->realize = testdev_realize;
    pc->exit = testdev_exit;
    pc->config_read = testdev_config_read;
    pc->config_write = testdev_config_write;
    pc->vendor_id = VIOMMU_TESTDEV_VENDOR_ID;
    pc->device_id = VIOMMU_TESTDEV_DEVICE_ID;
    pc->class_id = VIOMMU_TESTDEV_CLASS;
    RESETTABLE_CLASS(klass)->phases.hold = testdev_reset_hold;
    dc->vmsd = &testdev_vmstate;
    device_class_set_props(dc, testdev_properties);
    dc->desc = "viommu: a DMA engine for testing IOMMUs";
    set_bit(DEVICE_CATEGORY_MISC, dc->categories);
}

static const TypeInfo testdev_info = {
    .name = TYPE_VIOMMU_TESTDEV,
    .parent = TYPE_PCI_DEVICE,
    .instance_size = sizeof(ViommuTestdevState),
    .class_init = testdev_class_init,
    .interfaces = (InterfaceInfo[]) {
        { INTERFACE_PCIE_DEVICE },
        { },
    },
};

static void testdev_register_types(void)
{
    type_register_static(&testdev_info);
}

type_init(testdev_register_types)
