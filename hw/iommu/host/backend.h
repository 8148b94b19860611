/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is between the models and a host kernel's user API.  A model says
 * what the guest's tables make of a host device's requests, which of the
 * guest's invalidations concern it, and takes what the host reports; it does
 * not know which API is behind that.  A backend knows the API, and nothing
 * of a guest.
 *
 *   vtd, smmuv3  ─▶  unit/, host.c  ─▶  ViommuHostBackend  ─▶  ViommuSyscalls
 *   (forward.c)                         iommufd/               the kernel, or
 *                                       type1/ (vSVA)          hostsim
 *
 * Results are 0 or a negative errno as the host gave it.  Calls for one host
 * are made one at a time (ViommuHost.lock), never with a unit's lock held and
 * never in a DMA section.  No callback of a unit's is called meanwhile.
 */
#ifndef HW_IOMMU_HOST_BACKEND_H
#define HW_IOMMU_HOST_BACKEND_H

#include <pthread.h>

#include <hw/iommu/viommu-host.h>

/** What the guest's tables say of a device's requests with one PASID, or
 *  without. */
typedef enum ViommuHostTableType {
    VIOMMU_HOST_BLOCKED,
    VIOMMU_HOST_PARENT,     /* guest-physical addresses (pass-through) */
    VIOMMU_HOST_NESTED,     /* the guest's stage 1 */
    VIOMMU_HOST_SHADOW,     /* tables that the host cannot walk: what
                             * shadow.c maps and unmaps (caching mode) */
} ViommuHostTableType;

typedef struct ViommuHostTable {
    ViommuHostTableType type;
    /* with VIOMMU_HOST_SHADOW: bits of addresses, which are not those of the
     * second stage, if there are two; where the guest has its tables */
    uint8_t width;
    bool two_stages;
    uint64_t root[2];
    /* with VIOMMU_HOST_NESTED: */
    struct {
        uint64_t pgd;       /* guest-physical */
        uint8_t addr_width;
        bool sre, eafe, wpe;
        bool pcd, pwt, emte, cd;
        uint32_t pat, emt;
    } vtd;
    struct {
        uint64_t ste[2];    /* as the guest wrote it */
    } smmu;
} ViommuHostTable;

/** VT-d: translations that nested tables of (device, PASID) have lost. */
typedef struct ViommuHostInvalidation {
    uint32_t pasid;         /* or VIOMMU_NO_PASID */
    bool all;               /* else addr and size */
    bool leaf;
    bool device_tlb;        /* only the device's own cache is meant */
    uint64_t addr;
    uint64_t size;          /* bytes: pages, a power of two */
} ViommuHostInvalidation;

/** SMMUv3: a command as the guest wrote it, with those fields alone that the
 *  architecture gives it. */
typedef struct ViommuHostCommand {
    uint64_t word[2];
    bool for_source;        /* it names a StreamID, the guest's */
} ViommuHostCommand;

typedef enum ViommuHostFaultType {
    VIOMMU_HOST_FAULT_PAGE_REQUEST,
    VIOMMU_HOST_FAULT_STALL,            /* SMMUv3: a transaction that waits;
                                         * the group is its tag */
    VIOMMU_HOST_FAULT_UNRECOVERABLE,    /* VT-d: record it as the guest's */
    VIOMMU_HOST_FAULT_EVENT,            /* SMMUv3: an event record */
    VIOMMU_HOST_FAULT_LOST,             /* so many reports were lost */
    VIOMMU_HOST_FAULT_NOTHING,          /* a report that means nothing; each
                                         * counts, so that a call ends although
                                         * the host has no end of them */
} ViommuHostFaultType;

/** Something that the host reports. */
typedef struct ViommuHostFault {
    ViommuHostFaultType type;
    ViommuHostDevice *device;   /* with LOST: any one that it concerns, or
                                 * NULL */
    /* a page request, a stall, or an unrecoverable fault's pasid, addr and
     * access; source is filled in by viommu_host_run() */
    ViommuPageRequest request;
    uint32_t cookie;            /* of the group, for respond() */
    const bool *over;           /* of a stall or a page request; see
                                 * viommu_unit_page_request() */
    uint8_t reason;             /* of the model's architecture */
    uint64_t event[4];
    uint32_t lost;
} ViommuHostFault;

typedef struct ViommuHostMemory {
    uint64_t addr;
    uint64_t size;
    bool readonly;          /* and so not in the host's tables */
    uint64_t *dirty;        /* a bit for each page that was written to and has
                             * not been asked for; or NULL: none */
} ViommuHostMemory;

typedef struct ViommuHostBackend {
    const char *name;
    void (*free)(ViommuHost *host);

    /** A device of this host, with its capabilities; its DMA is blocked. */
    ViommuHostDevice *(*device_new)(ViommuHost *host, int fd,
                                    GError **error);
    /** The same for one that is bound already, as @id.  NULL: there is no such
     *  thing. */
    ViommuHostDevice *(*device_adopt)(ViommuHost *host, int fd, uint32_t id,
                                      GError **error);
    /** All of its tables are unbound. */
    void (*device_free)(ViommuHostDevice *device);

    /** The parent address space: guest-physical to the process's memory, or
     *  to a file's when @fd is not -1. */
    int (*map)(ViommuHost *host, uint64_t addr, uint64_t size, void *memory,
               int fd, uint64_t offset, bool readonly);
    int (*unmap)(ViommuHost *host, uint64_t addr, uint64_t size);
    /** From now on, or no more: for shadows, too, also for those that come
     *  later.  All or none. */
    int (*set_dirty)(ViommuHost *host, bool on);
    /** OR a bit into @bits for each 4 KiB of [@addr, @addr + @size), a part of
     *  @memory, that a device has written to through the parent.  A backend
     *  that is not told of parts ORs those of all of @memory into
     *  memory->dirty, of which @bits is a part.  The host forgets them. */
    int (*get_dirty)(ViommuHost *host, uint64_t addr, uint64_t size,
                     ViommuHostMemory *memory, uint64_t *bits);

    /** Put the device's requests with @pasid (or VIOMMU_NO_PASID) behind
     *  @table, in place of what they were behind: one call of the host where
     *  its API can replace.  After an error the old table still holds.  A
     *  new shadow starts empty. */
    int (*bind)(ViommuHostDevice *device, uint32_t pasid,
                const ViommuHostTable *table);
    /** Block them; page requests that wait for an answer have got one from the
     *  host, and are reported no more.  Never fails as far as the guest sees: a
     *  host that cannot any more has no device any more.  Also of a device that
     *  is gone.
     *
     *  Here and in bind(), viommu_host_retire() is told of a shadow when no
     *  request reaches it any more, and it is still there. */
    void (*unbind)(ViommuHostDevice *device, uint32_t pasid);

    /** With VIOMMU_HOST_SHADOW: what is at guest-physical @addr of the parent
     *  appears at @iova. */
    int (*shadow_map)(ViommuHostDevice *device, uint32_t pasid, uint64_t iova,
                      uint64_t size, uint64_t addr, uint8_t access);
    /** One that was mapped. */
    int (*shadow_unmap)(ViommuHostDevice *device, uint32_t pasid,
                        uint64_t iova, uint64_t size);
    /** OR a bit for each 4 KiB of that range of pieces, without a gap, that
     *  has been written to into @bits.  They are forgotten. */
    int (*shadow_dirty)(ViommuHostDevice *device, uint32_t pasid,
                        uint64_t iova, uint64_t size, uint64_t *bits);

    /** VT-d: @n invalidations, sorted by PASID, in as few calls as the API
     *  allows; *@done have been carried out when it fails.  Each reaches the
     *  device's own cache, behind the IOTLB that fills it. */
    int (*invalidate)(ViommuHostDevice *device,
                      const ViommuHostInvalidation *list, unsigned n,
                      unsigned *done);
    /** SMMUv3: @n commands of @unit's guest, in as few calls as the API
     *  allows.  Those that the host refuses are left out: the error is that of
     *  the first one, *@bad, and *@refused their number.  Of an API without
     *  such commands, NULL. */
    int (*commands)(ViommuHost *host, const Viommu *unit,
                    const ViommuHostCommand *list, unsigned n, unsigned *bad,
                    unsigned *refused);
    /** The host moves devices of one IOMMU group together, so that each would
     *  have the other's tables: -EBUSY when @device is in one with a device to
     *  which something is bound (@other NULL), or, that not being so, with
     *  @other, to which nothing is; or an error.  Nothing is bound to @device.
     *  May be NULL: there are no two. */
    int (*check_group)(ViommuHostDevice *device, ViommuHostDevice *other);
    /** The guest is about to see the device behind @unit.  Nothing is bound.
     *  What names translations in the host must be the unit's own, since a
     *  guest may give two units the same names.  May be NULL. */
    int (*attached)(ViommuHostDevice *device, const Viommu *unit);
    /** The guest sees the device no more, or not there.  All tables are
     *  unbound.  May be NULL. */
    void (*detached)(ViommuHostDevice *device);

    /** Descriptors to wait for. */
    unsigned (*fds)(ViommuHost *host, struct pollfd *fds, unsigned max);
    /** Take one report from the host into *@fault; false when there is none.
     *  Does not wait. */
    bool (*next_fault)(ViommuHost *host, ViommuHostFault *fault);
    /** The answer to a group, with the cookie of its last request; where the
     *  API has no failures, that is an invalid request.  -ENOENT: nobody waits
     *  for it.  After another error it may be tried again. */
    int (*respond)(ViommuHostDevice *device,
                   const ViommuPageResponse *response, uint32_t cookie);

    /** PASIDs that the host gives out, or NULL where PASIDs are the guest's
     *  own. */
    int (*alloc_pasid)(ViommuHost *host, uint32_t min, uint32_t max,
                       uint32_t *pasid);
    int (*free_pasid)(ViommuHost *host, uint32_t pasid);
} ViommuHostBackend;

/** A connection to the host: an iommufd, or a VFIO container.  First member
 *  of each backend's own structure. */
struct ViommuHost {
    const ViommuHostBackend *backend;
    const ViommuSyscalls *sys;
    pthread_mutex_t lock;
    pthread_mutex_t run_lock;   /* one viommu_host_run() at a time; before
                                 * each other lock */
    GPtrArray *devices;     /* ViommuHostDevice; under the lock */
    unsigned groups;        /* numbers so far */
    GArray *memory;         /* ViommuHostMemory: what is mapped in the parent
                             * address space, sorted; likewise, as is all
                             * that follows */
    uint64_t memory_pages;  /* of it that devices may reach */
    bool dirty;             /* what is written is noted */
    /* What viommu_host_run() is about to give to a unit: whose, and whether its
     * group has been answered meanwhile, because the table ended (atomic). */
    const ViommuHostDevice *reporting;
    uint32_t reporting_pasid;
    bool reporting_over;
    GPtrArray *shadows;     /* ViommuShadow */
    uint64_t pieces;        /* of all of them */
    uint64_t pieces_max;    /* that the host has room for, as it says itself;
                             * UINT64_MAX when it does not say */
    ViommuHostStats stats;
};

/** First member of each backend's own structure. */
struct ViommuHostDevice {
    ViommuHost *host;
    ViommuHostCaps caps;
    bool gone;              /* the host says so; atomic, and set under the
                             * host's lock */
    unsigned group;         /* devices of an IOMMU group have one number */
    bool passed;            /* viommu_host_device_pass_through(); likewise */

    /* Where the guest sees it, or NULL; under the host's lock, too. */
    Viommu *unit;
    uint32_t source;
    GHashTable *groups;     /* page requests that wait for the guest; likewise,
                             * see reports.c */
    GArray *unsent;         /* answers that the host has not taken; likewise */

    /* The rest belongs to the unit; see forward.h. */
    bool nested;            /* the guest's tables as they are */
    GPtrArray *bindings;    /* ViommuBinding, sorted by PASID */
    unsigned holds;         /* calls that use the device */
    unsigned look_turn;     /* counts looks at all PASIDs */
    unsigned look_phase;    /* of one */
    uint32_t look_next;
    GArray *look;           /* PASIDs */
    int error;              /* an errno that the guest has not heard of;
                             * atomic */
};

/** A queue of reports, by what became of reading it. */
typedef struct ViommuHostQueue {
    unsigned failures;      /* one after the other */
    bool over;              /* the descriptor has no queue any more */
} ViommuHostQueue;

static inline void viommu_host_lock(ViommuHost *host)
{
    pthread_mutex_lock(&host->lock);
}

static inline void viommu_host_unlock(ViommuHost *host)
{
    pthread_mutex_unlock(&host->lock);
}

/* --- host.c -------------------------------------------------------------- */

void viommu_host_init(ViommuHost *host, const ViommuHostBackend *backend,
                      const ViommuSyscalls *sys);
/** The opposite; the backend then frees the memory. */
void viommu_host_destroy(ViommuHost *host);

/** Set up the common part of a device that is all zero; and the opposite. */
void viommu_host_device_init(ViommuHostDevice *device, ViommuHost *host);
void viommu_host_device_destroy(ViommuHostDevice *device);

/** A counted ioctl.  Locked. */
int viommu_host_ioctl(ViommuHost *host, int fd, unsigned long request,
                      void *arg);
/** Set @error from what @call answered.  Returns false. */
bool viommu_host_refused(GError **error, const char *call, int ret);

/** Is no other device of the device's IOMMU group behind a unit, or passed
 *  through?  Locked. */
bool viommu_host_has_group(const ViommuHostDevice *device);

/** The host answers that the device is no more: -ENODEV, or a descriptor
 *  that is closed.  Returns @ret. */
int viommu_host_note(ViommuHostDevice *device, int ret);
/** The host does not block what the guest believes to be blocked: no DMA of
 *  the device (@fd is its own descriptor) may be seen any more.  It is reset,
 *  which ends its bus mastering, and counts as gone.  Locked. */
void viommu_host_stop(ViommuHostDevice *device, int fd);

/** A read of @queue gave @ret, a negative errno or not.  An error may pass; the
 *  queue is over only when the host says that it is.  Returns whether there may
 *  be something to look at.  Locked. */
bool viommu_host_queue_read(ViommuHost *host, ViommuHostQueue *queue,
                            ssize_t ret);
/** Whether to wait for its descriptor: one that is readable and fails again
 *  and again would keep the caller busy. */
bool viommu_host_queue_waits(const ViommuHostQueue *queue);

/* --- unit/: before tables go ---------------------------------------------- */

/** Shadows have addresses of their own: the device's requests with @pasid do
 *  not reach the one that they were behind any more, and the host is about to
 *  forget it.  Nothing happens without one. */
void viommu_host_retire(ViommuHostDevice *device, uint32_t pasid);

/** How many words of 64 bits a bitmap of @size bytes has. */
uint64_t viommu_dirty_words(uint64_t size);
/** All guest memory counts as written to, if that is noted. */
void viommu_dirty_mark_all(ViommuHost *host);
/** Tables are about to go: what the host knows of pages that were written to
 *  through them is marked now. */
void viommu_dirty_keep(ViommuHost *host);

#endif
