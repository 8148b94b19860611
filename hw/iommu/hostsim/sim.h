/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hostsim's inside: files behind descriptors, as the parts that are kernels'
 * drivers see them.
 *
 * One lock (Hostsim.lock) is held around every operation of a file.  What an
 * endpoint does runs without it: it takes as long as the endpoint wants, and
 * comes back by callbacks of the physical unit, which only leave a note
 * (hostsim_kick()) for the end of the system call.
 */
#ifndef HW_IOMMU_HOSTSIM_SIM_H
#define HW_IOMMU_HOSTSIM_SIM_H

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

struct Hostsim {
    HostsimConfig config;
    ViommuSyscalls calls;
    pthread_mutex_t lock;
    GHashTable *files;          /* descriptor -> SimFile */
    HostsimFailure failure;
    bool failing;
    uint64_t n_calls, n_ioctls;
    GHashTable *ioctl_counts;   /* request -> count */
    GPtrArray *contexts;        /* SimContext: open /dev/iommu files */
    unsigned n_containers;
};

/* --- Files (descriptors.c) ----------------------------------------------- */

/** A file without a descriptor and with one reference, the caller's. */
SimFile *sim_file_new(Hostsim *sim, const SimFileOps *ops, void *priv);
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
/** Makes the descriptor readable, or not, for poll. */
void sim_file_set_readable(SimFile *file, bool readable);

void sim_lock(Hostsim *sim);
void sim_unlock(Hostsim *sim);

/* --- The caller's memory (memory.c) -------------------------------------- */

/** Copy between the caller's memory and ours: 0, or -EFAULT where a real
 *  kernel says so. */
int sim_copy_in(void *to, const void *user, size_t size);
int sim_copy_out(void *user, const void *from, size_t size);
/** 1 when the caller's bytes are all zero, 0 when not, or -EFAULT. */
int sim_user_is_zero(const void *user, size_t size);

static inline void *sim_user_ptr(uint64_t value)
{
    return (void *)(uintptr_t)value;
}

/* --- Device nodes -------------------------------------------------------- */

/** Each makes a file with one reference, or returns a negative errno. */
int sim_open_iommu(Hostsim *sim, unsigned number, SimFile **file);

#endif
