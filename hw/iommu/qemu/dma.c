/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * viommu in QEMU: the DMA address space of each PCI function.
 *
 * It has three layers: at the bottom what the unit translates; above it,
 * while the unit lets the source's DMA through as it is, system memory, so
 * that such DMA costs no more than without an IOMMU; on top interrupt
 * messages.
 */
#include "qemu/osdep.h"
#include "glue.h"
#include "exec/address-spaces.h"
#include "hw/i386/pc.h"
#include "hw/pci/pci_bus.h"
#include "hw/pci/pci_device.h"
#include "qemu/host-utils.h"
#include "qemu/main-loop.h"
#include "qemu/error-report.h"
#include "qemu/units.h"

/* Registers that decide about all sources. */
#define VTD_GSTS_OFFSET     0x1c
#define VTD_GSTS_TES        (1u << 31)
#define VTD_PMEN_OFFSET     0x64
#define VTD_PMEN_EPM_OR_PRS ((1u << 31) | 1)

typedef struct VtdBus {
    uint8_t root_number;
    const uint8_t *number;
    VtdSpace *spaces[PCI_DEVFN_MAX];
} VtdBus;

/* --- Translation --------------------------------------------------------- */

QEMU_BUILD_BUG_ON((int)IOMMU_RO != (int)VIOMMU_READ ||
                  (int)IOMMU_WO != (int)VIOMMU_WRITE);

/*
 * Larger than any page: only DMA that passes through has such answers (and
 * 0 stands for all addresses).
 */
static bool vtd_is_pass_through(const ViommuReply *reply)
{
    return reply->size == 0 || reply->size > GiB;
}

static bool vtd_probe_one(VtdSpace *space, hwaddr addr,
                          IOMMUAccessFlags access, ViommuReply *reply)
{
    const ViommuRequest req = {
        .source = vtd_space_source(space),
        .pasid = VIOMMU_NO_PASID,
        .addr = addr,
        .access = access,
        .kind = VIOMMU_UNTRANSLATED,
        .probe = true,
    };

    return viommu_translate(space->iommu->unit, &req, reply) == VIOMMU_OK;
}

bool vtd_space_probe(VtdSpace *space, hwaddr addr, hwaddr *to, hwaddr *size,
                     IOMMUAccessFlags *perm)
{
    ViommuReply first, second;
    bool r, w;

    r = vtd_probe_one(space, addr, IOMMU_RO, &first);
    if (r && (first.access & VIOMMU_WRITE)) {
        w = true;
    } else {
        w = vtd_probe_one(space, addr, IOMMU_WO, &second);
        if (w && !r) {
            first = second;
        } else if (w != r) {
            /* a read-only page: the answer about the read holds */
        } else if (!r) {
            /* both are refused for the smaller of the two ranges */
            first.size = first.size && second.size ?
                         MIN(first.size, second.size) :
                         MAX(first.size, second.size);
        }
    }
    *perm = IOMMU_ACCESS_FLAG(r, w);
    *size = first.size;
    *to = first.addr;
    return *perm != IOMMU_NONE && !first.interrupt;
}

/* For a user who wants to know all that is allowed. */
static G_NO_INLINE IOMMUTLBEntry vtd_translate_any(VtdSpace *space, hwaddr addr)
{
    IOMMUTLBEntry entry = { .target_as = &address_space_memory };
    hwaddr to, size;

    if (!vtd_space_probe(space, addr, &to, &size, &entry.perm)) {
        entry.perm = IOMMU_NONE;
    }
    entry.addr_mask = size - 1;
    entry.translated_addr = to & ~entry.addr_mask;
    entry.iova = addr & ~entry.addr_mask;
    return entry;
}

/*
 * What QEMU does around a translation leaves little time for the translation
 * itself, so each space keeps a few that it has got, as a device-TLB would.
 * The unit says when to drop them, after it has dropped its own: whoever reads
 * the generation before the unit's answer has an answer that is not older.
 */
void vtd_hits_drop(IntelIOMMUState *s)
{
    qatomic_inc(&s->generation);
}

static inline uint32_t vtd_source_perm(uint32_t source,
                                       IOMMUAccessFlags perm)
{
    return source << 2 | perm;
}

/* PASIDs start at different places, with nothing to add for none. */
static inline VtdHit *vtd_hit_of(VtdSpace *space, uint32_t pasid, hwaddr page)
{
    return &space->hits[(page + (pasid + 1) * 0x9e5) % VTD_HITS];
}

static inline bool vtd_hit_find(VtdSpace *space, uint32_t source,
                                uint32_t pasid, hwaddr addr,
                                IOMMUAccessFlags flag, IOMMUTLBEntry *entry)
{
    hwaddr page = addr >> 12;
    VtdHit *hit = vtd_hit_of(space, pasid, page);
    uint32_t sequence = qatomic_load_acquire(&hit->sequence);
    uint32_t source_perm = qatomic_read(&hit->source_perm);

    if ((sequence & 1) || qatomic_read(&hit->page) != page ||
        qatomic_read(&hit->pasid) != pasid ||
        qatomic_read(&hit->generation) !=
        qatomic_read(&space->iommu->generation) ||
        source_perm >> 2 != source || (flag & ~source_perm)) {
        return false;
    }
    entry->target_as = &address_space_memory;
    entry->addr_mask = qatomic_read(&hit->mask);
    entry->translated_addr = qatomic_read(&hit->to);
    entry->iova = addr & ~entry->addr_mask;
    entry->perm = source_perm & IOMMU_RW;
    smp_rmb();
    return qatomic_read(&hit->sequence) == sequence;
}

static void vtd_hit_fill(VtdSpace *space, uint32_t source, uint32_t pasid,
                         hwaddr addr, uint64_t generation,
                         const IOMMUTLBEntry *entry)
{
    VtdHit *hit = vtd_hit_of(space, pasid, addr >> 12);
    uint32_t sequence = qatomic_read(&hit->sequence);

    /* One writer at a time; who translates without the BQL does without. */
    if (!bql_locked()) {
        return;
    }
    /*
     * DMA that runs through more pages than there are hits would replace each
     * before its next use; so most of the live ones stay.
     */
    if (hit->generation == generation &&
        (hit->page != addr >> 12 || hit->pasid != pasid) &&
        (++space->replacements & 7)) {
        return;
    }
    qatomic_set(&hit->sequence, sequence + 1);
    smp_wmb();
    qatomic_set(&hit->page, addr >> 12);
    qatomic_set(&hit->pasid, pasid);
    qatomic_set(&hit->generation, generation);
    qatomic_set(&hit->source_perm, vtd_source_perm(source, entry->perm));
    qatomic_set(&hit->to, entry->translated_addr);
    qatomic_set(&hit->mask, entry->addr_mask);
    qatomic_store_release(&hit->sequence, sequence + 2);
}

/* Apart from the function below, whose stack frame counts. */
static G_NO_INLINE IOMMUTLBEntry
vtd_translate_slowly(VtdSpace *space, hwaddr addr, IOMMUAccessFlags flag)
{
    uint64_t generation = qatomic_load_acquire(&space->iommu->generation);
    const ViommuRequest req = {
        .source = vtd_space_source(space),
        .pasid = VIOMMU_NO_PASID,
        .addr = addr,
        .access = flag,
        .kind = VIOMMU_UNTRANSLATED,
    };
    IOMMUTLBEntry entry = { .target_as = &address_space_memory };
    ViommuReply reply;

    if (viommu_translate(space->iommu->unit, &req, &reply) == VIOMMU_OK) {
        entry.perm = reply.access & IOMMU_RW;
    }
    entry.addr_mask = reply.size - 1;
    entry.translated_addr = reply.addr & ~entry.addr_mask;
    entry.iova = addr & ~entry.addr_mask;
    if (likely(entry.perm != IOMMU_NONE)) {
        vtd_hit_fill(space, req.source, req.pasid, addr, generation, &entry);
        if (unlikely(vtd_is_pass_through(&reply)) &&
            !qatomic_read(&space->stays_translated)) {
            /* The guest needs no invalidation to come here. */
            vtd_spaces_update_later(space->iommu);
        }
    }
    return entry;
}

/*
 * Any thread, in a critical section of RCU.  That section, not the library's
 * own, spans the access that follows: DMA under the BQL is serialised with
 * the guest's invalidations, and for the threads that translate without it,
 * see threads.c.  Who keeps what it mapped is told through notifiers.
 */
static IOMMUTLBEntry vtd_translate(IOMMUMemoryRegion *mr, hwaddr addr,
                                   IOMMUAccessFlags flag, int index)
{
    VtdSpace *space = container_of(mr, VtdSpace, translated);
    IOMMUTLBEntry entry;

    vtd_thread_translates();
    if (unlikely(flag == IOMMU_NONE)) {
        return vtd_translate_any(space, addr);
    }
    if (likely(vtd_hit_find(space, vtd_space_source(space), VIOMMU_NO_PASID,
                            addr, flag, &entry))) {
        return entry;
    }
    return vtd_translate_slowly(space, addr, flag);
}

/*
 * The same for a device that asks by itself, because QEMU's functions know
 * neither PASIDs nor kinds of requests.  In a critical section of RCU, too.
 */
static ViommuStatus vtd_translate_for(AddressSpace *as,
                                      const ViommuRequest *req,
                                      ViommuReply *reply)
{
    VtdSpace *space = container_of(as, VtdSpace, as);
    bool plain = req->kind == VIOMMU_UNTRANSLATED && !req->probe &&
                 !(req->access & ~IOMMU_RW);
    uint64_t generation = qatomic_load_acquire(&space->iommu->generation);
    IOMMUTLBEntry entry;
    ViommuStatus status;

    vtd_thread_translates();
    if (plain && vtd_hit_find(space, req->source, req->pasid, req->addr,
                              req->access, &entry)) {
        *reply = (ViommuReply) {
            .addr = entry.translated_addr + (req->addr & entry.addr_mask),
            .size = entry.addr_mask + 1,
            .access = entry.perm,
        };
        return VIOMMU_OK;
    }
    status = viommu_translate(space->iommu->unit, req, reply);
    if (plain && status == VIOMMU_OK && !reply->interrupt && reply->access) {
        entry.addr_mask = reply->size - 1;
        entry.translated_addr = reply->addr & ~entry.addr_mask;
        entry.perm = reply->access & IOMMU_RW;
        vtd_hit_fill(space, req->source, req->pasid, req->addr, generation,
                     &entry);
    }
    return status;
}

static uint64_t vtd_min_page_size(IOMMUMemoryRegion *mr)
{
    return 4 * KiB;
}

/* --- Which layer answers ------------------------------------------------- */

bool vtd_space_alive(const VtdSpace *space)
{
    return !space->bus || !space->bus->parent_dev ||
           qdev_is_realized(DEVICE(space->bus->parent_dev));
}

bool vtd_source_matches(const VtdSpace *space, uint32_t source, uint32_t mask)
{
    return source == VIOMMU_ANY ||
           ((vtd_space_source(space) ^ source) & ~mask) == 0;
}

static bool vtd_space_passes(VtdSpace *space)
{
    Viommu *unit = space->iommu->unit;
    ViommuReply reply;

    /* Protected regions may block what passes through. */
    if (viommu_mmio_read(unit, VTD_PMEN_OFFSET, 4) & VTD_PMEN_EPM_OR_PRS) {
        return false;
    }
    if (!(viommu_mmio_read(unit, VTD_GSTS_OFFSET, 4) & VTD_GSTS_TES)) {
        return true;
    }
    return vtd_probe_one(space, 0, IOMMU_RO, &reply) &&
           reply.addr == 0 && vtd_is_pass_through(&reply);
}

static void vtd_space_update(VtdSpace *space)
{
    bool direct = vtd_space_passes(space);

    qatomic_set(&space->stays_translated, !direct);
    if (direct == space->is_direct) {
        return;
    }
    space->is_direct = direct;
    memory_region_set_enabled(&space->direct, direct);
    /*
     * Below system memory the unit still answers beyond its address width,
     * with the fault that is due there.  Not in caching mode: VFIO would take
     * what it sees of that layer for translations to mirror.
     */
    if (space->iommu->caching_mode) {
        memory_region_set_enabled(MEMORY_REGION(&space->translated), !direct);
    }
}

void vtd_spaces_update(IntelIOMMUState *s, uint32_t source, uint32_t mask)
{
    memory_region_transaction_begin();
    for (unsigned i = 0; i < s->spaces->len; i++) {
        VtdSpace *space = g_ptr_array_index(s->spaces, i);

        if (vtd_space_alive(space) &&
            vtd_source_matches(space, source, mask)) {
            vtd_space_update(space);
        }
    }
    memory_region_transaction_commit();
}

/* --- Life ---------------------------------------------------------------- */

static VtdSpace *vtd_space_new(IntelIOMMUState *s, PCIBus *bus,
                               const uint8_t *number, uint8_t devfn)
{
    VtdSpace *space = g_new0(VtdSpace, 1);
    g_autofree char *name = g_strdup_printf("vtd-%02x.%x", PCI_SLOT(devfn),
                                            PCI_FUNC(devfn));

    /* Untouched pages of zeroes, which are hits of no generation. */
    space->hits = mmap(NULL, VTD_HITS * sizeof(VtdHit),
                       PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (space->hits == MAP_FAILED) {
        error_report("intel-iommu: no memory for the DMA of %s", name);
        exit(1);
    }
    space->iommu = s;
    space->bus = bus;
    space->bus_number = number;
    space->devfn = devfn;

    memory_region_init(&space->root, OBJECT(s), name, UINT64_MAX);
    memory_region_init_iommu(&space->translated, sizeof(space->translated),
                             TYPE_INTEL_IOMMU_MEMORY_REGION, OBJECT(s),
                             name, UINT64_MAX);
    memory_region_init_alias(&space->direct, OBJECT(s), "vtd-direct",
                             get_system_memory(), 0, 1ull << s->aw_bits);
    vtd_interrupts_init(space);
    memory_region_set_enabled(&space->direct, false);
    memory_region_add_subregion_overlap(&space->root, 0,
                                        MEMORY_REGION(&space->translated), 0);
    memory_region_add_subregion_overlap(&space->root, 0, &space->direct, 1);
    memory_region_add_subregion_overlap(&space->root, VTD_INTERRUPT_FIRST,
                                        &space->interrupts, 2);
    vtd_space_update(space);
    address_space_init(&space->as, &space->root, name);
    g_ptr_array_add(s->spaces, space);
    return space;
}

static AddressSpace *vtd_get_address_space(PCIBus *bus, void *opaque,
                                           int devfn)
{
    IntelIOMMUState *s = vtd_unit_of(bus, devfn);
    VtdBus *vb;

    if (!s) {
        return &address_space_memory;
    }
    vb = g_hash_table_lookup(s->buses, bus);
    if (!vb) {
        vb = g_new0(VtdBus, 1);
        if (pci_bus_is_root(bus)) {
            vb->root_number = pci_bus_num(bus);
            vb->number = &vb->root_number;
        } else {
            vb->number = &bus->parent_dev->config[PCI_SECONDARY_BUS];
        }
        /* so that no other bus comes to stand at the same address */
        object_ref(OBJECT(bus));
        if (bus->parent_dev) {
            object_ref(OBJECT(bus->parent_dev));
        }
        g_hash_table_insert(s->buses, bus, vb);
    }
    if (!vb->spaces[devfn]) {
        vb->spaces[devfn] = vtd_space_new(s, bus, vb->number, devfn);
    }
    return &vb->spaces[devfn]->as;
}

static const PCIIOMMUOps vtd_pci_ops = {
    .get_address_space = vtd_get_address_space,
};

/* Asked for at each access with a PASID: no search. */
static Viommu *vtd_of_device(PCIDevice *dev, uint32_t *source)
{
    AddressSpace *as = pci_device_iommu_address_space(dev);
    VtdSpace *space;

    if (as == &address_space_memory) {
        return NULL;
    }
    /* all the others are made below the root bus, by vtd_pci_ops */
    space = container_of(as, VtdSpace, as);
    *source = vtd_space_source(space);
    return space->iommu->unit;
}

PCIDevice *vtd_find_device(uint32_t source)
{
    return pci_find_device(PC_MACHINE(qdev_get_machine())->pcibus,
                           source >> 8 & 0xff, source & 0xff);
}

void vtd_spaces_init(IntelIOMMUState *s)
{
    PCMachineState *pcms = PC_MACHINE(qdev_get_machine());

    /* no hit has it yet */
    s->generation = 1;
    s->buses = g_hash_table_new(NULL, NULL);
    s->spaces = g_ptr_array_new();
    QLIST_INIT(&s->notified);
    pci_setup_iommu(pcms->pcibus, &vtd_pci_ops, NULL);
    viommu_of_device = vtd_of_device;
    viommu_translate_for = vtd_translate_for;
}

AddressSpace *vtd_ioapic_space(IntelIOMMUState *s)
{
    static const uint8_t bus_number = VTD_IOAPIC_SOURCE >> 8;

    return &vtd_space_new(s, NULL, &bus_number, VTD_IOAPIC_SOURCE & 0xff)->as;
}

static void vtd_region_class_init(ObjectClass *klass, void *data)
{
    IOMMUMemoryRegionClass *imrc = IOMMU_MEMORY_REGION_CLASS(klass);

    imrc->translate = vtd_translate;
    imrc->get_min_page_size = vtd_min_page_size;
    imrc->notify_flag_changed = vtd_notify_flag_changed;
    imrc->replay = vtd_shadow_replay;
}

static const TypeInfo vtd_region_info = {
    .name = TYPE_INTEL_IOMMU_MEMORY_REGION,
    .parent = TYPE_IOMMU_MEMORY_REGION,
    .class_init = vtd_region_class_init,
};

static void vtd_region_register_types(void)
{
    type_register_static(&vtd_region_info);
}

type_init(vtd_region_register_types)
