/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hostsim: a host kernel in user space, as far as passthrough needs one.  It
 * offers /dev/iommu, /dev/vfio/vfio, groups and device files through a table of
 * system calls.  One of our own models is its physical IOMMU, which it
 * programs as Linux would; behind that is a viommu-testdev for each device.
 * The host-physical address of the process's memory is its virtual address,
 * and memory is reachable by DMA only while it is pinned.
 */
#ifndef HW_IOMMU_HOSTSIM_HOSTSIM_H
#define HW_IOMMU_HOSTSIM_HOSTSIM_H

#include <hw/iommu/viommu-host.h>
#include <hw/iommu/viommu-smmuv3.h>
#include <hw/iommu/viommu-testdev.h>
#include <hw/iommu/viommu-vtd.h>

typedef struct Hostsim Hostsim;

typedef enum HostsimArch {
    HOSTSIM_VTD,
    HOSTSIM_SMMUV3,
} HostsimArch;

/** The user API for guests' tables on top of VFIO's containers. */
typedef enum HostsimVsva {
    HOSTSIM_VSVA_MERGED,        /* argsz comes first */
    HOSTSIM_VSVA_VERSIONED,     /* the earlier form */
    HOSTSIM_VSVA_NONE,          /* as in Linux */
} HostsimVsva;

typedef struct HostsimConfig {
    HostsimArch arch;
    /** The physical IOMMU; hostsim_config_init() sets what nesting wants. */
    ViommuVtdConfig vtd;
    ViommuSmmuv3Config smmu;
    HostsimVsva vsva;
    /** Bytes that may be pinned; more is -ENOMEM. */
    uint64_t pin_limit;
    /** The kernel's own pages, for tables and queues; more is -ENOMEM. */
    uint64_t page_limit;
    /** Mappings of a container (Linux's dma_entry_limit); more is -ENOSPC. */
    unsigned mapping_limit;
    /** Asked before each allocation of the kernel's, of @size bytes: false, and
     *  it fails.  The caller sees -ENOMEM; but of a @report (an event, a page
     *  request), nobody waits for an answer, and it is lost.  NULL: none fails.
     *  It may be called from any thread that makes a system call, and must
     *  make none. */
    bool (*may_allocate)(void *opaque, size_t size, bool report);
    void *opaque;
} HostsimConfig;

void hostsim_config_init(HostsimConfig *config, HostsimArch arch);

/** NULL with @error when the physical IOMMU's options are not good. */
Hostsim *hostsim_new(const HostsimConfig *config, GError **error);
/** Closes what is open, as the end of a process does. */
void hostsim_free(Hostsim *sim);

/** Valid until hostsim_free(). */
const ViommuSyscalls *hostsim_syscalls(Hostsim *sim);

typedef struct HostsimDevice {
    const char *name;       /* DDDD:BB:DD.F, which gives its source-id */
    unsigned group;         /* /dev/vfio/GROUP, shared by devices of a group */
    unsigned number;        /* /dev/vfio/devices/vfioNUMBER */
    ViommuTestdevConfig testdev;
    bool stall;             /* its DMA may wait for software, as firmware of
                             * hosts with SMMUv3 tells of it */
} HostsimDevice;

bool hostsim_add_device(Hostsim *sim, const HostsimDevice *device,
                        GError **error);
/** The device is pulled out: its descriptors answer -ENODEV from now on. */
void hostsim_remove_device(Hostsim *sim, const char *name);

/* --- Errors on purpose --------------------------------------------------- */

typedef enum HostsimCall {
    HOSTSIM_OPEN, HOSTSIM_CLOSE, HOSTSIM_IOCTL, HOSTSIM_READ, HOSTSIM_WRITE,
    HOSTSIM_MMAP,
} HostsimCall;

typedef struct HostsimFailure {
    HostsimCall call;
    unsigned long request;  /* of HOSTSIM_IOCTL; 0: each of them */
    unsigned after;         /* so many such calls work first */
    unsigned times;         /* then so many fail; 0: all that follow */
    int error;              /* a positive errno; 0: a short read or write */
} HostsimFailure;

/** Replaces the last one; NULL: no failures. */
void hostsim_fail(Hostsim *sim, const HostsimFailure *failure);
/** A new HostsimConfig.page_limit. */
void hostsim_limit_pages(Hostsim *sim, uint64_t limit);

/* --- What is still there ------------------------------------------------- */

typedef struct HostsimUsage {
    unsigned descriptors;
    unsigned objects;       /* of all iommufd contexts */
    unsigned containers;
    unsigned groups;        /* open ones, of VFIO */
    unsigned pasids;        /* that have been given out */
    unsigned bound;         /* (device, PASID) that are not blocked */
    uint64_t pinned;        /* bytes */
    uint64_t pages;         /* the kernel's own */
    uint64_t calls;         /* system calls so far */
    uint64_t ioctls;
} HostsimUsage;

void hostsim_usage(Hostsim *sim, HostsimUsage *usage);
/** How often an ioctl has been called. */
uint64_t hostsim_ioctls(Hostsim *sim, unsigned long request);

/** The physical IOMMU, for its statistics and dump. */
Viommu *hostsim_unit(Hostsim *sim);

#endif
