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

#pragma GCC visibility pop
G_END_DECLS

#endif
