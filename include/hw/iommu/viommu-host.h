/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * viommu: passthrough.  When a host device is behind an emulated unit, what
 * the guest binds and invalidates goes on to the host kernel's IOMMU, and what
 * that reports comes back to the guest.
 */
#ifndef HW_IOMMU_VIOMMU_HOST_H
#define HW_IOMMU_VIOMMU_HOST_H

#include <poll.h>
#include <sys/types.h>

#include <hw/iommu/viommu.h>

G_BEGIN_DECLS
#pragma GCC visibility push(default)

/* --- System calls -------------------------------------------------------- */

/**
 * The system calls of everything that talks to a host kernel: the real ones
 * (viommu_syscalls()), or those of a simulated host.  Each is like the call of
 * the same name, but for errors, which are the negative errno.  Any thread.
 *
 * Descriptors are real ones either way, so that they may be waited for
 * together with others; only these functions read, write or close them.
 */
typedef struct ViommuSyscalls {
    int (*open)(void *opaque, const char *path, int flags);
    int (*close)(void *opaque, int fd);
    /** @arg as the request has it: a pointer, or a number. */
    int (*ioctl)(void *opaque, int fd, unsigned long request, void *arg);
    ssize_t (*read)(void *opaque, int fd, void *buf, size_t size);
    ssize_t (*write)(void *opaque, int fd, const void *buf, size_t size);
    ssize_t (*pread)(void *opaque, int fd, void *buf, size_t size,
                     uint64_t offset);
    ssize_t (*pwrite)(void *opaque, int fd, const void *buf, size_t size,
                      uint64_t offset);
    /** 0 with *@map, or a negative errno. */
    int (*mmap)(void *opaque, void **map, size_t size, int prot, int flags,
                int fd, uint64_t offset);
    int (*munmap)(void *opaque, void *map, size_t size);
    /** The number of descriptors with events; interrupted calls go on. */
    int (*poll)(void *opaque, struct pollfd *fds, unsigned n,
                int timeout_ms);
    void *opaque;
} ViommuSyscalls;

/** The system's own calls.  Any thread. */
const ViommuSyscalls *viommu_syscalls(void);

/* --- Hosts --------------------------------------------------------------- */

/**
 * A connection to a host kernel's IOMMU, with one address space that stands
 * for guest-physical memory.  Devices of one guest share one.  Opaque.
 *
 * Threads.  Calls for one host, its devices included, may be made from any
 * thread and are serialised, but outside of DMA sections, and not from inside
 * a callback of a unit.  A call inside of a section names itself on standard error
 * and aborts.  Where a function says "any thread", it waits for nobody and may
 * be called anywhere.
 */
typedef struct ViommuHost ViommuHost;

/** A device of the host.  Opaque. */
typedef struct ViommuHostDevice ViommuHostDevice;

/**
 * Linux's iommufd.  @sys is valid as long as the host is, or NULL for
 * viommu_syscalls().  @fd is an open /dev/iommu, which stays the caller's, or
 * -1 to open it.
 *
 * Returns the host, for viommu_host_free(), or NULL with @error
 * (VIOMMU_ERROR_HOST), which names the call that the kernel refused.
 */
ViommuHost *viommu_host_iommufd_new(const ViommuSyscalls *sys, int fd,
                                    GError **error);

/**
 * A container of VFIO (an open /dev/vfio/vfio), which stays the caller's.  A
 * group is in it already, and no type of IOMMU has been set: that is done
 * here, with nesting where the kernel has it.  After this, the caller may get
 * the device's descriptor from the group, for viommu_host_device_new().  A
 * container has one address space, and so takes one device; PASIDs are common
 * to all of a process.
 *
 * Guests' tables need the vSVA user API, which no released kernel has; what
 * they say is shadowed otherwise.  @vtd_cap is the capability register of the
 * hardware (Linux shows it as intel-iommu/cap of the device's IOMMU), which
 * tells of pages of 1 GiB and no call does, or 0 when it is not known.
 *
 * Returns the host, for viommu_host_free(), or NULL with @error
 * (VIOMMU_ERROR_HOST), which names the call that the kernel refused, or what
 * it lacks.
 */
ViommuHost *viommu_host_type1_new(const ViommuSyscalls *sys, int container,
                                  uint64_t vtd_cap, GError **error);

/**
 * Free @host, and what devices it still has; they must not be behind a unit
 * any more.  No other call may be running or follow.  NULL is allowed.
 */
void viommu_host_free(ViommuHost *host);

/**
 * Let devices reach @size bytes at guest-physical @addr, which this process
 * has at @memory: as for viommu_set_ram(), page by page; the memory stays
 * pinned until it is unmapped.  Read-only memory stays out of reach of DMA:
 * a parent of nested tables cannot have it (on VT-d).
 *
 * The guest's tables may lead there already: devices whose tables are shadowed
 * reach it when this returns, or soon after that (ViommuOps.run_later).
 *
 * Returns 0, or what the kernel says: -EINVAL for what is not aligned to its
 * pages (of 4 KiB at least), -EEXIST for an overlap, -ENOMEM beyond a limit of
 * pinned memory.
 */
int viommu_host_map(ViommuHost *host, uint64_t addr, uint64_t size,
                    void *memory, bool readonly);
/**
 * The same for memory of a file (memfd), @offset bytes into it, which lets
 * the kernel do without @memory where it can.
 */
int viommu_host_map_file(ViommuHost *host, uint64_t addr, uint64_t size,
                         int fd, uint64_t offset, void *memory,
                         bool readonly);
/**
 * Whole ranges that were mapped.  No device reaches them any more then, by
 * whatever tables.  0, or a negative errno: -ENOENT for a part of one, or for
 * none; what the kernel did not unmap is there as before.
 */
int viommu_host_unmap(ViommuHost *host, uint64_t addr, uint64_t size);

/**
 * Note which guest memory devices write to, from now on or no more.  All tables
 * of devices count: nested and shadowed ones, and pass-through.  0, or a
 * negative errno, and then nothing is noted: -EOPNOTSUPP where a device's IOMMU
 * cannot.  A device that comes while it is noted, and cannot, is refused.
 */
int viommu_host_set_dirty_tracking(ViommuHost *host, bool on);
/**
 * OR a bit for each @page_size bytes (a power of two, 4096 or more) from @addr
 * on that were written to since they were asked for last into @bitmap, whose
 * words have 64 bits.  @addr and @size are multiples of 4096; where there is
 * no memory, there is no bit.  What the guest unmaps from a shadow counts as
 * written to, if it could be.  Memory that is unmapped here takes its bits
 * along.
 *
 * Returns 0; -EINVAL, when nothing is noted, or for an argument; -EOVERFLOW for
 * more than 2^27 bits; or what the kernel says, and then no bit is lost: the
 * next call has them.
 */
int viommu_host_get_dirty(ViommuHost *host, uint64_t addr, uint64_t size,
                          uint64_t page_size, uint64_t *bitmap);

/**
 * Descriptors to wait for: fill in up to @max entries of @fds and return how
 * many there are.  When one of them has an event, call viommu_host_run().
 * They may change with each device that comes or goes, and with each
 * viommu_host_run().
 */
unsigned viommu_host_fds(ViommuHost *host, struct pollfd *fds, unsigned max);

/**
 * Take in what the host reports; does not wait.  Page requests go to the
 * unit's queue (the guest's answers go back by themselves), unrecoverable
 * faults are recorded as the guest's own.
 *
 * Returns whether there may be more: what a call takes is bounded, and what has
 * been read from the host already makes no descriptor readable any more.  Then
 * call again, after others have had their turn.
 */
bool viommu_host_run(ViommuHost *host);

/** Counters since creation. */
typedef struct ViommuHostStats {
    uint64_t calls;             /* system calls */
    uint64_t binds;             /* tables that devices were put behind */
    uint64_t unbinds;
    uint64_t invalidations;     /* entries sent, ... */
    uint64_t invalidation_calls;        /* ... in so many calls */
    uint64_t shadow_maps;
    uint64_t shadow_unmaps;
    uint64_t page_requests;
    uint64_t page_responses;    /* sent to the host, ... */
    uint64_t page_responses_automatic;  /* ... of them without the guest */
    uint64_t faults;            /* unrecoverable ones, and events */
    uint64_t reports_lost;
    uint64_t errors;            /* calls that the host refused */
    uint64_t devices_gone;
} ViommuHostStats;

/** Copy them to *@stats, of @size bytes. */
void viommu_host_get_stats_sized(ViommuHost *host, ViommuHostStats *stats,
                                 size_t size);
void viommu_host_get_stats(ViommuHost *host, ViommuHostStats *stats);
#define viommu_host_get_stats(host, stats) \
    viommu_host_get_stats_sized(host, stats, sizeof(ViommuHostStats))

/* --- Devices ------------------------------------------------------------- */

/** What kind of IOMMU the host has, and so of what form guest tables are. */
typedef enum ViommuHostKind {
    VIOMMU_HOST_NONE,
    VIOMMU_HOST_VTD,
    VIOMMU_HOST_SMMUV3,
} ViommuHostKind;

/** What the host can do for a device. */
typedef struct ViommuHostCaps {
    ViommuHostKind kind;
    bool nesting;           /* guest tables under the parent address space */
    bool rid_nesting;       /* of requests without PASID, too */
    bool host_pasids;       /* the host gives out PASIDs: the guest asks for
                             * them with virtual commands */
    bool page_requests;     /* of nested tables, come to user space */
    bool stalls, events;    /* likewise (SMMUv3); a transaction can wait where
                             * the device can */
    bool dirty_tracking;
    bool memory_types;      /* of guest tables reach the hardware */
    bool ats;               /* the device may have a device-TLB */
    bool pasid_exec, pasid_priv;    /* requests that the device can make */
    uint8_t pasid_bits;     /* 0: no PASIDs */
    uint64_t vtd_cap, vtd_ecap;     /* the hardware's registers */
    uint32_t smmu_idr[6];
} ViommuHostCaps;

/**
 * Take a device into @host.  @fd is the device's descriptor (of iommufd:
 * /dev/vfio/devices/vfioN), which stays the caller's and open until
 * viommu_host_device_free().  Its DMA is blocked.
 *
 * Returns the device, or NULL with @error (VIOMMU_ERROR_HOST).
 */
ViommuHostDevice *viommu_host_device_new(ViommuHost *host, int fd,
                                         GError **error);
/**
 * The same for a device that its owner has bound already: to the iommufd that
 * @host was made with, where it has the ID @id.  What it is attached to, it is
 * detached from; who owns it must not attach it meanwhile.  It stays bound.
 */
ViommuHostDevice *viommu_host_device_adopt(ViommuHost *host, int fd,
                                           uint32_t id, GError **error);
/** Take a device out, from behind its unit too.  NULL is allowed. */
void viommu_host_device_free(ViommuHostDevice *device);
/** Copy what the host can do for @device to *@caps, of @size bytes.  Any
 *  thread. */
void viommu_host_device_get_caps_sized(ViommuHostDevice *device,
                                       ViommuHostCaps *caps, size_t size);
void viommu_host_device_get_caps(ViommuHostDevice *device,
                                 ViommuHostCaps *caps);
#define viommu_host_device_get_caps(device, caps) \
    viommu_host_device_get_caps_sized(device, caps, sizeof(ViommuHostCaps))
/** Has the device vanished?  It is as if unplugged then; free it.  Any
 *  thread. */
bool viommu_host_device_gone(ViommuHostDevice *device);
/** Let a device that is behind no unit reach all of guest memory.  0, or a
 *  negative errno. */
int viommu_host_device_pass_through(ViommuHostDevice *device);

/** How the guest's tables get into the hardware. */
typedef enum ViommuNesting {
    VIOMMU_NESTING_AUTO,    /* nested where possible, else shadowed */
    VIOMMU_NESTING_ON,      /* nested, or an error at start */
    VIOMMU_NESTING_OFF,     /* shadowed */
} ViommuNesting;

/**
 * Put @device behind @unit, where the guest sees it as @source (as in
 * ViommuRequest).  From now on the guest's tables hold for its DMA.  The
 * firmware tables, and what configuration space shows of PASIDs, ATS and page
 * requests, are the embedder's; they must not promise more than the device's
 * capabilities.  With a @source that no request has (beyond 16 bits for VT-d),
 * as before a guest has numbered its buses, it is blocked while the unit
 * translates.
 *
 * Nested: the host walks the guest's first-stage tables.  What it cannot walk
 * (second-stage tables, legacy mode) is shadowed: mapped one by one into an
 * address space of the host's, whenever the guest invalidates it.  Behind an
 * SMMUv3 nothing can be shadowed: VIOMMU_NESTING_AUTO is as ON, and OFF an
 * error.
 *
 * Returns true; false with @error (VIOMMU_ERROR_HOST): the unit, or the host,
 * lacks something, which the message names; @source is in use; or another
 * device of the same IOMMU group is, which the host moves together with this.
 */
bool viommu_attach_host(Viommu *unit, uint32_t source,
                        ViommuHostDevice *device, ViommuNesting nesting,
                        GError **error);

/**
 * Take the device at @source from behind @unit: its DMA is blocked, and page
 * requests that wait for the guest are answered.  Without such a device,
 * nothing happens.
 */
void viommu_detach_host(Viommu *unit, uint32_t source);

/** Does the host walk the tables of the guest for @device? */
bool viommu_host_device_nested(ViommuHostDevice *device);

#pragma GCC visibility pop
G_END_DECLS

#endif
