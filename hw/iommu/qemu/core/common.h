/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * viommu in QEMU: what units of both kinds share.
 *
 *   space.c    the address space of each PCI function, and its translation
 *   layers.c   which functions have DMA that needs no translation
 *   hits.c     translations that a space keeps
 *   notify.c   word for who keeps translations: device-TLBs, vhost, VFIO
 *   shadow.c   MAP notifiers: a host IOMMU kept in step
 *   events.c   what units ask for on threads without the BQL
 *   threads.c  DMA of iothreads
 *   units.c    the units of a machine, and their registers
 *   ram.c      guest RAM as units see it
 *   state.c    migration
 *   sink.c     interrupt messages for tests
 *   passthrough.c, capabilities.c  see passthrough.h
 *
 * Intel's are in intel/intel.h, Arm's in arm/arm_smmuv3.h.  Everything here
 * runs under the BQL unless it says otherwise.
 */
#ifndef HW_VIOMMU_COMMON_H
#define HW_VIOMMU_COMMON_H

#include "exec/memory.h"
#include "hw/pci/pci.h"
#include "hw/pci/pci_bus.h"
#include "migration/vmstate.h"
#include "qemu/thread.h"
#include "hw/viommu/core/endpoint.h"
#include "hw/viommu/core/hits.h"
#include "hw/viommu/test/sink.h"

/* One unit, for QEMU. */
typedef struct ViommuGlue ViommuGlue;
/* The DMA address space of one source-id. */
typedef struct ViommuSpace ViommuSpace;
/* What MAP notifiers of a space know, see shadow.c. */
typedef struct ViommuShadow ViommuShadow;
/* A device of the host that the library has taken over from VFIO. */
typedef struct ViommuPassed ViommuPassed;

/* What devices behind a unit may do. */
typedef struct ViommuAnnounced {
    bool ats, page_requests;
    unsigned pasid_bits;        /* 0: no PASIDs */
} ViommuAnnounced;

/* What is different about a kind of units; what may be NULL says so. */
typedef struct ViommuGlueKind {
    const char *name;           /* of the device's type, for messages */
    /* A message of the unit's own. */
    void (*deliver)(ViommuGlue *glue, const ViommuMsi *msi);
    /* Pulse a wired line; NULL: there is none. */
    void (*pulse)(ViommuGlue *glue, unsigned line);
    /* Entries for interrupts have changed; NULL: there are none. */
    void (*routes_changed)(ViommuGlue *glue, const ViommuInvalidation *inv);
    /* Put more into a new space; NULL: nothing. */
    void (*space_added)(ViommuSpace *space);
    /* Is a part of memory blocked for all sources?  NULL: never. */
    bool (*blocks_part)(ViommuGlue *glue);
    /* After a write to registers; NULL: nothing. */
    void (*written)(ViommuGlue *glue, hwaddr addr, unsigned size);
    /* The function with a source-id, behind any unit, or NULL. */
    PCIDevice *(*find_device)(ViommuGlue *glue, uint32_t source);
    /* The option that a user of MAP notifiers (VFIO), or of invalidations of
     * device-TLBs, misses; NULL: none.  mirror_needs NULL: no such users. */
    const char *(*mirror_needs)(ViommuGlue *glue);
    const char *(*devtlb_needs)(ViommuGlue *glue);
    /* What the guest has heard that it has. */
    ViommuAnnounced (*announced)(ViommuGlue *glue);
} ViommuGlueKind;

/* More are dropped, see events.c. */
#define VIOMMU_EVENTS_MAX 64

struct ViommuGlue {
    const ViommuGlueKind *kind;
    DeviceState *dev;
    Viommu *unit;
    unsigned index;             /* 0 is the machine's first unit */

    /* what passes through the unit does so below 2^direct_bits, and answers
     * about it are about so many bytes at least */
    unsigned direct_bits;
    uint64_t pass_size;
    /* VFIO may mirror translations, and must not see other ones */
    bool mirrors;
    OnOffAuto nesting;          /* see passthrough.c */
    /* firmware's tables have numbers of buses other than root buses */
    bool numbers_stay;
    QLIST_HEAD(, ViommuPassed) passed;

    uint64_t generation;        /* of hits */
    GHashTable *buses;          /* PCIBus -> ViommuBus, see space.c */
    GPtrArray *spaces;          /* ViommuSpace, each one ever handed out */
    QLIST_HEAD(, ViommuSpace) notified; /* those with IOMMU notifiers */
    bool waits_for_threads;     /* see threads.c */
    QEMUBH *sync;               /* see shadow.c */

    /* what other threads leave to the main loop, see events.c */
    QemuMutex lock;
    ViommuMsi msis[VIOMMU_EVENTS_MAX];
    unsigned msi_count;
    unsigned lines;             /* to be pulsed */
    bool all_changed;
    bool spaces_changed;
    QEMUBH *events;
    QEMUBH *run;

    /* migration: the saved stream */
    uint32_t saved_size;
    uint8_t *saved;
};

struct ViommuSpace {
    ViommuHits hits;

    ViommuGlue *glue;
    PCIBus *bus;                /* NULL for what is no PCI function */
    const uint8_t *bus_number;  /* the guest may renumber buses */
    uint8_t devfn;

    AddressSpace as;
    MemoryRegion root;
    IOMMUMemoryRegion translated;
    MemoryRegion direct;        /* system memory, above translated */
    MemoryRegion interrupts;    /* above both; VT-d's */

    bool is_direct;
    bool stays_translated;      /* looked at since the last invalidation */
    bool turns;                 /* from one into the other, right now */

    IOMMUNotifierFlag notifier_flags;
    ViommuShadow *shadow;       /* with MAP notifiers only */
    QLIST_ENTRY(ViommuSpace) next;
};

/* The source-id of DMA in @space.  Any thread. */
static inline uint32_t viommu_space_source(const ViommuSpace *space)
{
    return (uint32_t)*space->bus_number << 8 | space->devfn;
}

/* --- units.c ------------------------------------------------------------- */

/* Of all kinds together. */
#define VIOMMU_UNITS_MAX 8

extern ViommuGlue *viommu_units[VIOMMU_UNITS_MAX];
extern unsigned viommu_unit_count;

/* One more unit; it gets glue->unit afterwards.  NULL: too many. */
ViommuGlue *viommu_glue_new(const ViommuGlueKind *kind, DeviceState *dev,
                            Error **errp);
/* Callbacks for viommu_vtd_new() and viommu_smmuv3_new(), whose opaque
 * pointer is the ViommuGlue. */
extern const ViommuOps viommu_glue_ops;
/* The unit is there: follow RAM, and make the window of its registers. */
void viommu_glue_start(ViommuGlue *glue, MemoryRegion *registers,
                       const char *name);
/* The unit after power-on: for the last phase of a reset, since endpoints stop
 * their DMA in the ones before, and what they do until then is translated. */
void viommu_glue_reset(ViommuGlue *glue);
/* Is it the device of a unit?  Any thread. */
bool viommu_is_unit(const Object *obj);

/* --- space.c ------------------------------------------------------------- */

void viommu_spaces_init(ViommuGlue *glue);
/* A space without a bus lives as long as its unit. */
ViommuSpace *viommu_space_new(ViommuGlue *glue, PCIBus *bus,
                              const uint8_t *number, uint8_t devfn);
/* For PCIIOMMUOps.get_address_space. */
AddressSpace *viommu_space_get(ViommuGlue *glue, PCIBus *bus, int devfn);
/* The space of a function's DMA, or NULL. */
ViommuSpace *viommu_space_of(PCIDevice *dev);
/* Is the function behind @space still plugged? */
bool viommu_space_alive(const ViommuSpace *space);
bool viommu_space_matches(const ViommuSpace *space, uint32_t source,
                          uint32_t mask);
/* What reads and writes at @addr meet from now on, which the unit will not
 * see: no fault is recorded, but flags in the tables are set. */
bool viommu_space_probe(ViommuSpace *space, hwaddr addr, hwaddr *to,
                        hwaddr *size, IOMMUAccessFlags *perm);
/* The same for one kind of access. */
bool viommu_space_probe_one(ViommuSpace *space, hwaddr addr,
                            IOMMUAccessFlags access, ViommuReply *reply);
/* A bridge has given @bus another number, perhaps. */
void viommu_bus_renumbered(PCIBus *bus);
/* Drop all hits.  Any thread. */
void viommu_hits_drop(ViommuGlue *glue);

/* --- layers.c ------------------------------------------------------------ */

/* Decide whether DMA of @space goes straight to memory. */
void viommu_space_update(ViommuSpace *space);
/* The same for sources that match. */
void viommu_spaces_update(ViommuGlue *glue, uint32_t source, uint32_t mask);
/* The functions on @bus have got other source-ids. */
void viommu_sources_changed(ViommuGlue *glue, const PCIBus *bus);
/* Is the answer about all addresses that pass through? */
bool viommu_is_pass_through(const ViommuGlue *glue, const ViommuReply *reply);

/* --- notify.c ------------------------------------------------------------ */

void viommu_notify_invalidation(ViommuGlue *glue,
                                const ViommuInvalidation *inv);
/* For @space, or all functions on @bus: nothing that is kept holds. */
void viommu_notify_all_gone(ViommuSpace *space);
void viommu_notify_sources(ViommuGlue *glue, const PCIBus *bus);
int viommu_notify_flag_changed(IOMMUMemoryRegion *mr, IOMMUNotifierFlag old,
                               IOMMUNotifierFlag new, Error **errp);
/* Tell @n about [@first, @last], cut into ranges that every user accepts. */
void viommu_notify_range(IOMMUNotifier *n, IOMMUNotifierFlag type,
                         hwaddr first, hwaddr last, hwaddr to,
                         IOMMUAccessFlags perm);
/* ViommuOps.devtlb_invalidate, page_response, stall_resume */
bool viommu_glue_devtlb_invalidate(void *opaque,
                                   const ViommuInvalidation *inv);
void viommu_glue_page_response(void *opaque,
                               const ViommuPageResponse *response);
void viommu_glue_stall_resume(void *opaque, uint32_t source, uint16_t tag,
                              ViommuResume action);

/* --- shadow.c ------------------------------------------------------------ */

void viommu_shadow_start(ViommuSpace *space);
void viommu_shadow_stop(ViommuSpace *space);
/* What is mapped in [@first, @last] may be other than MAP notifiers know. */
void viommu_shadow_note_range(ViommuSpace *space, hwaddr first, hwaddr last);
/* Find out a part of it; true: there is nothing left. */
bool viommu_shadows_step(ViommuGlue *glue);
void viommu_shadow_replay(IOMMUMemoryRegion *mr, IOMMUNotifier *n);

/* --- passthrough.c ------------------------------------------------------- */

/* For PCIIOMMUOps.set_iommu_device and unset_iommu_device. */
bool viommu_passed_add(ViommuGlue *glue, PCIDevice *dev,
                       HostIOMMUDevice *hiod, Error **errp);
void viommu_passed_remove(ViommuGlue *glue, const PCIDevice *dev);
/* Bus numbers have changed. */
void viommu_passed_follow(ViommuGlue *glue);

/* --- events.c ------------------------------------------------------------ */

void viommu_events_init(ViommuGlue *glue);
/* Do at once what other threads left to do, or forget it. */
void viommu_events_flush(ViommuGlue *glue);
void viommu_events_forget(ViommuGlue *glue);
/* ViommuOps.drained */
bool viommu_glue_drained(void *opaque);
/* ViommuOps.send_msi, set_line, invalidate, run_later.  Any thread. */
void viommu_glue_send_msi(void *opaque, const ViommuMsi *msi);
void viommu_glue_set_line(void *opaque, unsigned line, bool level);
void viommu_glue_invalidate(void *opaque, const ViommuInvalidation *inv);
void viommu_glue_run_later(void *opaque);
/* viommu_spaces_update() of all, from the main loop.  Any thread. */
void viommu_spaces_update_later(ViommuGlue *glue);
/* The unit may have changed altogether. */
void viommu_glue_all_changed(ViommuGlue *glue);

/* --- threads.c ----------------------------------------------------------- */

typedef enum ViommuThreadKind {
    VIOMMU_THREAD_UNKNOWN,
    VIOMMU_THREAD_BQL,          /* translates under the BQL only */
    VIOMMU_THREAD_FREE,
} ViommuThreadKind;

extern __thread ViommuThreadKind viommu_thread_kind;
void viommu_thread_translates_slowly(void);

/* This thread is about to use a translation.  Any thread, in a critical
 * section of RCU. */
static inline void viommu_thread_translates(void)
{
    if (unlikely(viommu_thread_kind != VIOMMU_THREAD_BQL)) {
        viommu_thread_translates_slowly();
    }
}

/* Have they done what they do with translations of before? */
bool viommu_threads_drained(ViommuGlue *glue);
/* Something was invalidated, so begin to wait for the threads anew. */
void viommu_threads_forget(ViommuGlue *glue);

/* --- state.c ------------------------------------------------------------- */

/* Of a ViommuGlue. */
extern const VMStateDescription viommu_glue_vmstate;

#define VMSTATE_VIOMMU(field, state) \
    VMSTATE_STRUCT_POINTER(field, state, viommu_glue_vmstate, ViommuGlue)

#endif
