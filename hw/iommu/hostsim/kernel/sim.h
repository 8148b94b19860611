/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hostsim's inside: files behind descriptors, as the parts that are kernels'
 * drivers see them.  What is above the files is reached by SimHostOps alone.
 *
 * One lock (Hostsim.lock) is held around every operation of a file.  What an
 * endpoint does runs without it: it takes as long as the endpoint wants, and
 * comes back by callbacks of the physical unit, which only leave a note
 * (sim_kick()) for the end of the system call.
 */
#ifndef HW_IOMMU_HOSTSIM_KERNEL_SIM_H
#define HW_IOMMU_HOSTSIM_KERNEL_SIM_H

#include <pthread.h>

#include "hw/iommu/hostsim/hostsim.h"

#define SIM_PAGE 4096u

typedef struct SimFile SimFile;

typedef struct SimFileOps {
    const char *name;
    /* What is NULL gives the error that Linux has for it. */
    int (*ioctl)(SimFile *file, unsigned long request, void *arg);
    ssize_t (*read)(SimFile *file, void *buf, size_t size);
    ssize_t (*write)(SimFile *file, const void *buf, size_t size);
    ssize_t (*pread)(SimFile *file, void *buf, size_t size, uint64_t offset);
    ssize_t (*pwrite)(SimFile *file, const void *buf, size_t size,
                      uint64_t offset);
    int (*mmap)(SimFile *file, void **map, size_t size, int prot, int flags,
                uint64_t offset);
    /** The last reference is gone; the file is freed behind this. */
    void (*release)(SimFile *file);
} SimFileOps;

/** An open file: alive while a descriptor, a running call or an object that
 *  took a reference needs it. */
struct SimFile {
    Hostsim *sim;
    const SimFileOps *ops;
    void *priv;
    unsigned refs;
    int fd;             /* or -1 */
    bool readable;
};

/** A device node. */
typedef struct SimNode {
    const char *path;       /* all of it, or what is before the number */
    bool numbered;
    /** Makes a file with one reference, or returns a negative errno. */
    int (*open)(Hostsim *sim, unsigned number, SimFile **file);
} SimNode;

/** What the kernel's files ask of the parts above them. */
typedef struct SimHostOps {
    const SimNode *nodes;
    size_t n_nodes;
    /** The end of a system call: what units report, and endpoints that go on.
     *  Not locked. */
    void (*work)(Hostsim *sim);
    /** An ioctl of /dev/iommu whose number is none of iommufd's. */
    int (*other_ioctl)(SimFile *file, unsigned long request, void *arg);
} SimHostOps;

struct Hostsim {
    HostsimConfig config;
    const SimHostOps *ops;
    Viommu *unit;
    const struct SimPhysOps *phys;
    void *driver;               /* of the physical IOMMU */
    struct SimRam *ram;
    GPtrArray *devices;         /* SimDevice, until the end */
    pthread_rwlock_t devices_lock;  /* innermost: for who has not the lock */
    ViommuSyscalls calls;
    pthread_mutex_t lock;
    GHashTable *files;          /* descriptor -> SimFile */
    HostsimFailure failure;
    bool failing;
    uint64_t n_calls, n_ioctls;
    GHashTable *ioctl_counts;   /* request -> count */
    GPtrArray *contexts;        /* SimContext: open /dev/iommu files */
    unsigned n_ioeventfds;
    GPtrArray *groups;          /* SimGroup: open ones */
    GHashTable *pasids;         /* given out to containers (vSVA) */
    unsigned n_containers;

    unsigned putting_back;      /* sim_put_back_begin() */

    /* Notes of callbacks, for SimHostOps.work(); atomic. */
    bool kicked;
    bool interrupted;
    bool run_wanted;
};

/* --- Files (descriptors.c) ----------------------------------------------- */

/** A file without a descriptor and with one reference, the caller's; or
 *  NULL. */
SimFile *sim_file_new(Hostsim *sim, const SimFileOps *ops, void *priv);
/** One that nobody has seen: nothing is released. */
void sim_file_discard(SimFile *file);
/** Give it a descriptor, which takes over one reference: the descriptor, or
 *  a negative errno, with the reference still the caller's. */
int sim_file_install(SimFile *file);
void sim_file_ref(SimFile *file);
void sim_file_unref(SimFile *file);
void sim_descriptors_init(Hostsim *sim);
/** Closes all of them. */
void sim_descriptors_free(Hostsim *sim);
/** The file behind a descriptor, without a reference, or NULL. */
SimFile *sim_file_get(Hostsim *sim, int fd);
/** Take the descriptor away, with its reference. */
void sim_file_close(SimFile *file);
/** Is it a descriptor at all, of ours or of somebody else? */
bool sim_fd_is_open(int fd);
/** Makes the descriptor readable, or not, for poll. */
void sim_file_set_readable(SimFile *file, bool readable);

void sim_lock(Hostsim *sim);
void sim_unlock(Hostsim *sim);

/** There is something for the end of this system call.  Any thread. */
void sim_kick(Hostsim *sim);

/* --- The kernel's memory (ram.c) ----------------------------------------- */

/** Is there room for @size bytes more?  Whoever notes something that lasts,
 *  asks, before it changes anything. */
bool sim_may_allocate(Hostsim *sim, size_t size);
/** The same of a report from the device, which gets lost. */
bool sim_may_report(Hostsim *sim, size_t size);
/** Zeroes, for g_free(); or NULL. */
void *sim_alloc(Hostsim *sim, size_t size);
/** In between, what was there before is put back, which needs no more room
 *  than it had. */
void sim_put_back_begin(Hostsim *sim);
void sim_put_back_end(Hostsim *sim);

/* --- The caller's memory (memory.c) -------------------------------------- */

/** Copy between the caller's memory and ours: 0, or -EFAULT where a real
 *  kernel says so. */
int sim_copy_in(void *to, const void *user, size_t size);
int sim_copy_out(void *user, const void *from, size_t size);
/** 1 when the caller's bytes are all zero, 0 when not, or -EFAULT. */
int sim_user_is_zero(const void *user, size_t size);
/**
 * Copy a structure in: @user_size bytes of the caller's, of which @min are
 * needed and @size are known.  -EINVAL when too small, -E2BIG for unknown
 * bytes that are not zero, -EFAULT.
 */
int sim_copy_struct(void *to, size_t size, size_t min, const void *user,
                    size_t user_size);
/** The same for data of a driver's, which Linux does not let grow: more than
 *  is known is -EINVAL. */
int sim_copy_data(void *to, size_t size, size_t min, const void *user,
                  size_t user_size);

static inline void *sim_user_ptr(uint64_t value)
{
    return (void *)(uintptr_t)value;
}

/** A number, for what is at @user may be nothing. */
static inline void *sim_user_at(const void *user, uint64_t offset)
{
    return sim_user_ptr((uintptr_t)user + offset);
}

#endif
