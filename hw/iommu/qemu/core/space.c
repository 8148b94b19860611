/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * viommu in QEMU: the DMA address space of each PCI function.
 *
 * It has layers: at the bottom what the unit translates; above it, while the
 * unit lets the source's DMA through as it is, system memory, so that such
 * DMA costs no more than without an IOMMU (see layers.c); on top what a kind
 * of units adds.
 */
#include "qemu/osdep.h"
#include "hw/viommu/core/common.h"
#include "hw/viommu/core/request.h"
#include "hw/pci/pci_device.h"
#include "qemu/error-report.h"
#include "qemu/units.h"

#define TYPE_VIOMMU_REGION "viommu-iommu-memory-region"

typedef struct ViommuBus {
    uint8_t root_number;
    uint8_t told;               /* the number that all is decided for */
    const uint8_t *number;
    ViommuSpace *spaces[PCI_DEVFN_MAX];
} ViommuBus;

/* QEMU's "IOMMU index": what a translation is for; notifiers have the first. */
enum { SPACE_ACCESS, SPACE_LOOK };

/* --- Translation --------------------------------------------------------- */

QEMU_BUILD_BUG_ON((int)IOMMU_RO != (int)VIOMMU_READ ||
                  (int)IOMMU_WO != (int)VIOMMU_WRITE);

static bool space_probe(ViommuSpace *space, hwaddr addr,
                        IOMMUAccessFlags access, bool mark,
                        ViommuReply *reply)
{
    const ViommuRequest req = {
        .source = viommu_space_source(space),
        .pasid = VIOMMU_NO_PASID,
        .addr = addr,
        .access = access,
        .kind = VIOMMU_UNTRANSLATED,
        .probe = mark ? VIOMMU_PROBE_AND_MARK : VIOMMU_PROBE,
    };

    return viommu_translate(space->glue->unit, &req, reply) == VIOMMU_OK;
}

bool viommu_space_probe_one(ViommuSpace *space, hwaddr addr,
                            IOMMUAccessFlags access, ViommuReply *reply)
{
    return space_probe(space, addr, access, false, reply);
}

/* Writes first: mostly, one is granted, and reads with it. */
bool viommu_space_probe(ViommuSpace *space, hwaddr addr, hwaddr *to,
                        hwaddr *size, IOMMUAccessFlags *perm)
{
    ViommuReply first, second;
    bool r, w;

    w = space_probe(space, addr, IOMMU_WO, true, &first);
    if (w && (first.access & VIOMMU_READ)) {
        r = true;
    } else {
        r = space_probe(space, addr, IOMMU_RO, true, &second);
        if (r && !w) {
            first = second;
        } else if (!r && !w) {
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
static G_NO_INLINE IOMMUTLBEntry space_translate_any(ViommuSpace *space,
                                                     hwaddr addr)
{
    IOMMUTLBEntry entry = { .target_as = &address_space_memory };
    hwaddr to, size;

    if (!viommu_space_probe(space, addr, &to, &size, &entry.perm)) {
        entry.perm = IOMMU_NONE;
    }
    entry.addr_mask = size - 1;
    entry.translated_addr = to & ~entry.addr_mask;
    entry.iova = addr & ~entry.addr_mask;
    return entry;
}

void viommu_hits_drop(ViommuGlue *glue)
{
    qatomic_inc(&glue->generation);
}

/*
 * QEMU hands a translation to vhost for reads and writes, whatever it was
 * asked for.  So a page that may be written is dirty from then on.
 */
static void space_mark_kept(ViommuSpace *space, hwaddr addr)
{
    ViommuReply reply;

    if (unlikely(qatomic_read(&space->notifier_flags) &
                 (IOMMU_NOTIFIER_UNMAP | IOMMU_NOTIFIER_DEVIOTLB_UNMAP))) {
        space_probe(space, addr, IOMMU_WO, true, &reply);
    }
}

/* Apart from the function below, whose stack frame counts. */
static G_NO_INLINE IOMMUTLBEntry
space_translate_slowly(ViommuSpace *space, hwaddr addr, IOMMUAccessFlags flag,
                       bool keep)
{
    uint64_t generation = qatomic_load_acquire(&space->glue->generation);
    const ViommuRequest req = {
        .source = viommu_space_source(space),
        .pasid = VIOMMU_NO_PASID,
        .addr = addr,
        .access = flag,
        .kind = VIOMMU_UNTRANSLATED,
    };
    IOMMUAccessFlags perm = IOMMU_NONE;
    ViommuReply reply;
    hwaddr mask, to;

    /*
     * QEMU's DMA cannot wait, so a stalled transaction ends here.  Software
     * sees its event and resumes what is gone.
     */
    if (viommu_translate(space->glue->unit, &req, &reply) == VIOMMU_OK) {
        perm = reply.access & IOMMU_RW;
    }
    mask = reply.size - 1;
    to = reply.addr & ~mask;
    if (likely(perm != IOMMU_NONE)) {
        if (keep) {
            viommu_hits_fill(&space->hits, req.source, req.pasid, addr,
                             generation, to, mask, perm);
        }
        if (perm == IOMMU_RO) {
            space_mark_kept(space, addr);
        }
        if (unlikely(viommu_is_pass_through(space->glue, &reply)) &&
            !qatomic_read(&space->stays_translated)) {
            /* The guest needs no invalidation to come here. */
            viommu_spaces_update_later(space->glue);
        }
    }
    return (IOMMUTLBEntry) {
        .target_as = &address_space_memory, .iova = addr & ~mask,
        .translated_addr = to, .addr_mask = mask, .perm = perm,
    };
}

/*
 * Before an access, or instead of one: who looks is answered as the access
 * will be, with all that this means for flags in tables and for hits, but a
 * refusal leaves no trace, since the access comes itself, or never comes.
 */
static G_NO_INLINE IOMMUTLBEntry space_look(ViommuSpace *space, hwaddr addr,
                                            IOMMUAccessFlags flag, bool keep)
{
    ViommuReply reply;

    if (viommu_space_probe_one(space, addr, flag, &reply)) {
        return space_translate_slowly(space, addr, flag, keep);
    }
    return (IOMMUTLBEntry) {
        .target_as = &address_space_memory, .addr_mask = reply.size - 1,
        .iova = addr & -reply.size, .perm = IOMMU_NONE,
    };
}

/*
 * Any thread, in a critical section of RCU.  That section, not the library's
 * own, spans the access that follows: DMA under the BQL is serialised with
 * the guest's invalidations, and for the threads that translate without it,
 * see threads.c.  Who keeps what it mapped is told through notifiers.
 */
static IOMMUTLBEntry space_translate(IOMMUMemoryRegion *mr, hwaddr addr,
                                     IOMMUAccessFlags flag, int index)
{
    ViommuSpace *space = container_of(mr, ViommuSpace, translated);
    IOMMUTLBEntry entry;
    bool keep;

    viommu_thread_translates();
    if (unlikely(flag == IOMMU_NONE)) {
        return space_translate_any(space, addr);
    }
    if (likely(viommu_hits_find(&space->hits, viommu_space_source(space),
                                VIOMMU_NO_PASID, addr, flag,
                                qatomic_read(&space->glue->generation),
                                &entry, &keep))) {
        return entry;
    }
    if (unlikely(index == SPACE_LOOK)) {
        return space_look(space, addr, flag, keep);
    }
    return space_translate_slowly(space, addr, flag, keep);
}

static int space_attrs_to_index(IOMMUMemoryRegion *mr, MemTxAttrs attrs)
{
    return attrs.debug ? SPACE_LOOK : SPACE_ACCESS;
}

static int space_num_indexes(IOMMUMemoryRegion *mr)
{
    return SPACE_LOOK + 1;
}

/*
 * The same for a device that asks by itself, because it can wait, or since
 * QEMU's functions know neither PASIDs nor kinds of requests.  In a critical
 * section of RCU, too.
 */
static ViommuStatus space_translate_for(AddressSpace *as,
                                        const ViommuRequest *req,
                                        ViommuReply *reply)
{
    ViommuSpace *space = container_of(as, ViommuSpace, as);
    bool plain = req->kind == VIOMMU_UNTRANSLATED && !req->probe &&
                 !(req->access & ~IOMMU_RW) && viommu_hits_know(req->pasid);
    uint64_t generation = qatomic_load_acquire(&space->glue->generation);
    bool keep = false;
    IOMMUTLBEntry entry;
    ViommuStatus status;

    viommu_thread_translates();
    if (plain && viommu_hits_find(&space->hits, req->source, req->pasid,
                                  req->addr, req->access, generation,
                                  &entry, &keep)) {
        *reply = (ViommuReply) {
            .addr = entry.translated_addr + (req->addr & entry.addr_mask),
            .size = entry.addr_mask + 1,
            .access = entry.perm,
        };
        return VIOMMU_OK;
    }
    status = viommu_translate(space->glue->unit, req, reply);
    if (keep && status == VIOMMU_OK && !reply->interrupt && reply->access) {
        hwaddr mask = reply->size - 1;

        viommu_hits_fill(&space->hits, req->source, req->pasid, req->addr,
                         generation, reply->addr & ~mask, mask,
                         reply->access & IOMMU_RW);
    }
    return status;
}

static uint64_t space_min_page_size(IOMMUMemoryRegion *mr)
{
    return 4 * KiB;
}

const MemoryRegionOps *viommu_request_ops;
MemTxResult (*viommu_request_make)(void *opaque, hwaddr addr, const void *buf,
                                   hwaddr len, bool is_write);

/* --- Life ---------------------------------------------------------------- */

bool viommu_space_alive(const ViommuSpace *space)
{
    return !space->bus || !space->bus->parent_dev ||
           qdev_is_realized(DEVICE(space->bus->parent_dev));
}

bool viommu_space_matches(const ViommuSpace *space, uint32_t source,
                          uint32_t mask)
{
    return source == VIOMMU_ANY ||
           ((viommu_space_source(space) ^ source) & ~mask) == 0;
}

ViommuSpace *viommu_space_new(ViommuGlue *glue, PCIBus *bus,
                              const uint8_t *number, uint8_t devfn)
{
    ViommuSpace *space = g_new0(ViommuSpace, 1);
    Object *owner = OBJECT(glue->dev);
    g_autofree char *name = g_strdup_printf("viommu-%02x.%x",
                                            PCI_SLOT(devfn),
                                            PCI_FUNC(devfn));

    if (!viommu_hits_init(&space->hits)) {
        error_report("%s: no memory for the DMA of %s", glue->kind->name,
                     name);
        exit(1);
    }
    space->glue = glue;
    space->bus = bus;
    space->bus_number = number;
    space->devfn = devfn;

    memory_region_init(&space->root, owner, name, UINT64_MAX);
    memory_region_init_iommu(&space->translated, sizeof(space->translated),
                             TYPE_VIOMMU_REGION, owner, name, UINT64_MAX);
    memory_region_init_alias(&space->direct, owner, "viommu-direct",
                             get_system_memory(), 0,
                             1ull << glue->direct_bits);
    memory_region_set_enabled(&space->direct, false);
    memory_region_add_subregion_overlap(&space->root, 0,
                                        MEMORY_REGION(&space->translated), 0);
    memory_region_add_subregion_overlap(&space->root, 0, &space->direct, 1);
    if (glue->kind->space_added) {
        glue->kind->space_added(space);
    }
    viommu_space_update(space);
    address_space_init(&space->as, &space->root, name);
    g_ptr_array_add(glue->spaces, space);
    return space;
}

static ViommuBus *bus_new(PCIBus *bus)
{
    ViommuBus *vb = g_new0(ViommuBus, 1);

    if (pci_bus_is_root(bus)) {
        vb->root_number = pci_bus_num(bus);
        vb->number = &vb->root_number;
    } else {
        vb->number = &bus->parent_dev->config[PCI_SECONDARY_BUS];
    }
    vb->told = *vb->number;
    /* so that no other bus comes to stand at the same address */
    object_ref(OBJECT(bus));
    if (bus->parent_dev) {
        object_ref(OBJECT(bus->parent_dev));
    }
    return vb;
}

AddressSpace *viommu_space_get(ViommuGlue *glue, PCIBus *bus, int devfn)
{
    ViommuBus *vb = g_hash_table_lookup(glue->buses, bus);

    if (!vb) {
        vb = bus_new(bus);
        g_hash_table_insert(glue->buses, bus, vb);
    }
    if (!vb->spaces[devfn]) {
        vb->spaces[devfn] = viommu_space_new(glue, bus, vb->number, devfn);
    }
    return &vb->spaces[devfn]->as;
}

/*
 * Called wherever QEMU gives a bridge another number: its configuration is
 * written, reset or loaded.
 */
void viommu_bus_renumbered(PCIBus *bus)
{
    for (unsigned i = 0; i < viommu_unit_count; i++) {
        ViommuGlue *glue = viommu_units[i];
        ViommuBus *vb = g_hash_table_lookup(glue->buses, bus);

        if (vb && vb->told != *vb->number) {
            vb->told = *vb->number;
            viommu_sources_changed(glue, bus);
        }
    }
}

/*
 * Asked for at each access with a PASID: no search.  Another IOMMU's address
 * spaces may be in the machine, too.
 */
ViommuSpace *viommu_space_of(PCIDevice *dev)
{
    AddressSpace *as = pci_device_iommu_address_space(dev);

    return as != &address_space_memory &&
           viommu_is_unit(memory_region_owner(as->root)) ?
           container_of(as, ViommuSpace, as) : NULL;
}

static Viommu *space_unit_of_device(PCIDevice *dev, uint32_t *source)
{
    ViommuSpace *space = viommu_space_of(dev);

    if (!space) {
        return NULL;
    }
    *source = viommu_space_source(space);
    return space->glue->unit;
}

void viommu_spaces_init(ViommuGlue *glue)
{
    /* no hit has it yet */
    glue->generation = 1;
    glue->buses = g_hash_table_new(NULL, NULL);
    glue->spaces = g_ptr_array_new();
    QLIST_INIT(&glue->notified);
    QLIST_INIT(&glue->passed);
    viommu_of_device = space_unit_of_device;
    viommu_translate_for = space_translate_for;
}

static void space_region_class_init(ObjectClass *klass, void *data)
{
    IOMMUMemoryRegionClass *imrc = IOMMU_MEMORY_REGION_CLASS(klass);

    imrc->translate = space_translate;
    imrc->attrs_to_index = space_attrs_to_index;
    imrc->num_indexes = space_num_indexes;
    imrc->get_min_page_size = space_min_page_size;
    imrc->notify_flag_changed = viommu_notify_flag_changed;
    imrc->replay = viommu_shadow_replay;
}

static const TypeInfo space_region_info = {
    .name = TYPE_VIOMMU_REGION,
    .parent = TYPE_IOMMU_MEMORY_REGION,
    .class_init = space_region_class_init,
};

static void space_region_register_types(void)
{
    type_register_static(&space_region_info);
}

type_init(space_region_register_types)
