/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * viommu in QEMU: what the files of the VT-d glue share.
 *
 *   intel-iommu.c  the device: properties, registers, events of the unit
 *   dma.c          the address space of each PCI function
 *   notify.c       word for who keeps translations: device-TLBs, vhost, VFIO
 *   shadow.c       MAP notifiers: a host IOMMU kept in step
 *   interrupt.c    interrupt messages in and out
 *   ram.c          guest RAM as units see it
 *   acpi.c         the DMAR table and reserved regions
 *   state.c        migration
 *   threads.c      DMA of iothreads
 *   units.c        the units of a machine, and who is behind which
 *
 * Everything here runs under the BQL unless it says otherwise.
 */
#ifndef HW_VIOMMU_GLUE_H
#define HW_VIOMMU_GLUE_H

#include "hw/i386/intel_iommu.h"
#include "hw/pci/pci.h"
#include "exec/memory.h"
#include "endpoint.h"
#include "sink.h"

/* Interrupt messages: addresses that no DMA reaches as memory. */
#define VTD_INTERRUPT_FIRST 0xfee00000ULL
#define VTD_INTERRUPT_SIZE  0x100000ULL

/* How a requester that is no PCI function appears in firmware tables. */
#define VTD_IOAPIC_SOURCE   0xff00
/* Unit number 0 itself, in a list of messages; the others follow. */
#define VTD_UNIT_SOURCE     VIOMMU_SINK_UNIT

/*
 * A translation that the unit gave and has not taken back; see dma.c.  Each
 * has a cache line of its own.  A space has 1 MiB of them, of which it uses as
 * many pages as its DMA touches.
 */
#define VTD_HITS 16384

typedef struct VtdHit {
    uint32_t sequence;          /* odd while it is written */
    uint32_t source_perm;
    uint32_t pasid;
    uint64_t generation;
    hwaddr page;
    hwaddr to;
    hwaddr mask;
} QEMU_ALIGNED(64) VtdHit;

/* The DMA address space of one source-id. */
struct VtdSpace {
    VtdHit *hits;               /* VTD_HITS of them */
    unsigned replacements;      /* of live hits, wanted so far */

    IntelIOMMUState *iommu;
    PCIBus *bus;                /* NULL for the I/O APIC */
    const uint8_t *bus_number;  /* the guest may renumber buses */
    uint8_t devfn;

    AddressSpace as;
    MemoryRegion root;
    IOMMUMemoryRegion translated;
    MemoryRegion direct;        /* system memory, above translated */
    MemoryRegion interrupts;    /* above both */

    bool is_direct;
    bool stays_translated;      /* looked at since the last invalidation */

    IOMMUNotifierFlag notifier_flags;
    GTree *shadow;              /* mappings that MAP notifiers know */
    QLIST_ENTRY(VtdSpace) next;
};

/* The source-id of DMA in @space.  Any thread. */
static inline uint32_t vtd_space_source(const VtdSpace *space)
{
    return (uint32_t)*space->bus_number << 8 | space->devfn;
}

/* dma.c */
void vtd_spaces_init(IntelIOMMUState *s);
AddressSpace *vtd_ioapic_space(IntelIOMMUState *s);
/* Is the function behind @space still plugged? */
bool vtd_space_alive(const VtdSpace *space);
/* Decide for sources that match whether DMA goes straight to memory. */
void vtd_spaces_update(IntelIOMMUState *s, uint32_t source, uint32_t mask);
/* What a read and a write at @addr would meet; records nothing. */
bool vtd_space_probe(VtdSpace *space, hwaddr addr, hwaddr *to, hwaddr *size,
                     IOMMUAccessFlags *perm);
/* Drop all hits.  Any thread. */
void vtd_hits_drop(IntelIOMMUState *s);
bool vtd_source_matches(const VtdSpace *space, uint32_t source,
                        uint32_t mask);
/* The function with this source-id, or NULL. */
PCIDevice *vtd_find_device(uint32_t source);

/* notify.c */
void vtd_notify_invalidation(IntelIOMMUState *s,
                             const ViommuInvalidation *inv);
int vtd_notify_flag_changed(IOMMUMemoryRegion *mr, IOMMUNotifierFlag old,
                            IOMMUNotifierFlag new, Error **errp);
/* The option that a user of MAP notifiers (VFIO) misses, or NULL. */
const char *vtd_mirror_needs(const IntelIOMMUState *s);
/* ViommuOps.devtlb_invalidate and page_response */
bool vtd_devtlb_invalidate(void *opaque, const ViommuInvalidation *inv);
void vtd_page_response(void *opaque, const ViommuPageResponse *response);
/* Tell @n about [@first, @last], cut into ranges that every user accepts. */
void vtd_notify_range(IOMMUNotifier *n, IOMMUNotifierFlag type, hwaddr first,
                      hwaddr last, hwaddr to, IOMMUAccessFlags perm);

/* shadow.c */
void vtd_shadow_start(VtdSpace *space);
void vtd_shadow_stop(VtdSpace *space);
void vtd_shadow_sync(VtdSpace *space, hwaddr first, hwaddr last);
void vtd_shadow_replay(IOMMUMemoryRegion *mr, IOMMUNotifier *n);

/* interrupt.c */
void vtd_interrupts_init(VtdSpace *space);
void vtd_deliver_msi(uint32_t source, const ViommuMsi *msi);
int vtd_int_remap(X86IOMMUState *x86, MSIMessage *src, MSIMessage *dst,
                  uint16_t sid);
void vtd_notify_routes(IntelIOMMUState *s, const ViommuInvalidation *inv);

/* threads.c */
typedef struct VtdThread VtdThread;

typedef enum VtdThreadKind {
    VTD_THREAD_UNKNOWN,
    VTD_THREAD_BQL,             /* translates under the BQL only */
    VTD_THREAD_FREE,
} VtdThreadKind;

extern __thread VtdThreadKind vtd_thread_kind;
void vtd_thread_translates_slowly(void);

/* This thread is about to use a translation.  Any thread, in a critical
 * section of RCU. */
static inline void vtd_thread_translates(void)
{
    if (unlikely(vtd_thread_kind != VTD_THREAD_BQL)) {
        vtd_thread_translates_slowly();
    }
}

/* ViommuOps.drained */
bool vtd_threads_drained(void *opaque);
/* Something was invalidated, so begin to wait for the threads anew. */
void vtd_threads_forget(IntelIOMMUState *s);

/* units.c */
/* Register windows are as far apart; the sink follows behind the last. */
#define VTD_UNITS_MAX   4
#define VTD_UNIT_STRIDE 0x2000

extern IntelIOMMUState *vtd_units[VTD_UNITS_MAX];
extern unsigned vtd_unit_count;

static inline hwaddr vtd_unit_base(const IntelIOMMUState *s)
{
    return Q35_HOST_BRIDGE_IOMMU_ADDR + s->index * VTD_UNIT_STRIDE;
}

/* Give @s its number and its functions. */
bool vtd_unit_add(IntelIOMMUState *s, Error **errp);
/* The unit that @devfn of @bus is behind, or NULL. */
IntelIOMMUState *vtd_unit_of(PCIBus *bus, int devfn);
IntelIOMMUState *vtd_unit_of_device(PCIDevice *dev);
IntelIOMMUState *vtd_unit_of_ioapic(void);

/* acpi.c */
/* Read the option and keep the guest's software off these regions. */
bool vtd_regions_init(IntelIOMMUState *s, Error **errp);

/* state.c */
extern const VMStateDescription vtd_vmstate;

/* intel-iommu.c */
/* Do at once what other threads left to do. */
void vtd_events_flush(IntelIOMMUState *s);
void vtd_run_later(void *opaque);
/* vtd_spaces_update() of all, from the main loop.  Any thread. */
void vtd_spaces_update_later(IntelIOMMUState *s);
/* The unit may have changed altogether. */
void vtd_all_changed(IntelIOMMUState *s);

#endif
