/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Descriptors: real eventfds, so that a caller may wait for them together
 * with others, each with a file of ours behind it.  Descriptors that are not
 * ours go to the real system.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hw/iommu/hostsim/kernel/sim.h"

void sim_lock(Hostsim *sim)
{
    pthread_mutex_lock(&sim->lock);
}

void sim_unlock(Hostsim *sim)
{
    pthread_mutex_unlock(&sim->lock);
}

void sim_kick(Hostsim *sim)
{
    __atomic_store_n(&sim->kicked, true, __ATOMIC_RELEASE);
}

/* --- Files --------------------------------------------------------------- */

SimFile *sim_file_new(Hostsim *sim, const SimFileOps *ops, void *priv)
{
    SimFile *file = sim_alloc(sim, sizeof(*file));

    if (!file) {
        return NULL;
    }
    file->sim = sim;
    file->ops = ops;
    file->priv = priv;
    file->refs = 1;
    file->fd = -1;
    return file;
}

void sim_file_discard(SimFile *file)
{
    g_free(file);
}

int sim_file_install(SimFile *file)
{
    int fd;

    if (!sim_may_allocate(file->sim, sizeof(fd))) {
        return -ENOMEM;
    }
    fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0) {
        return -errno;
    }
    file->fd = fd;
    if (file->readable) {
        file->readable = false;
        sim_file_set_readable(file, true);
    }
    g_hash_table_insert(file->sim->files, GINT_TO_POINTER(fd), file);
    return fd;
}

void sim_file_ref(SimFile *file)
{
    file->refs++;
}

void sim_file_unref(SimFile *file)
{
    if (--file->refs) {
        return;
    }
    if (file->ops->release) {
        file->ops->release(file);
    }
    g_free(file);
}

SimFile *sim_file_get(Hostsim *sim, int fd)
{
    return g_hash_table_lookup(sim->files, GINT_TO_POINTER(fd));
}

void sim_file_set_readable(SimFile *file, bool readable)
{
    eventfd_t value;

    if (file->readable == readable) {
        return;
    }
    file->readable = readable;
    if (file->fd < 0) {
        return;
    }
    /* neither can fail: the counter is 0 or 1, and nobody else has it */
    if (readable) {
        (void)!eventfd_write(file->fd, 1);
    } else {
        (void)!eventfd_read(file->fd, &value);
    }
}

void sim_file_close(SimFile *file)
{
    int fd = file->fd;

    g_hash_table_remove(file->sim->files, GINT_TO_POINTER(fd));
    file->fd = -1;
    close(fd);
    sim_file_unref(file);
}

bool sim_fd_is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

/* --- Errors on purpose --------------------------------------------------- */

void hostsim_fail(Hostsim *sim, const HostsimFailure *failure)
{
    sim_lock(sim);
    sim->failing = failure != NULL;
    if (failure) {
        sim->failure = *failure;
    }
    sim_unlock(sim);
}

/** Counts the call.  True when it is to fail with *@error. */
static bool fails(Hostsim *sim, HostsimCall call, unsigned long request,
                  int *error)
{
    HostsimFailure *f = &sim->failure;

    sim->n_calls++;
    if (!sim->failing || f->call != call ||
        (call == HOSTSIM_IOCTL && f->request && f->request != request)) {
        return false;
    }
    if (f->after) {
        f->after--;
        return false;
    }
    if (f->times && !--f->times) {
        sim->failing = false;
    }
    *error = f->error;
    return true;
}

/* --- The calls ----------------------------------------------------------- */

static const SimNode *find_node(const Hostsim *sim, const char *path,
                                unsigned *number)
{
    for (size_t i = 0; i < sim->ops->n_nodes; i++) {
        const SimNode *node = &sim->ops->nodes[i];
        size_t n = strlen(node->path);
        char *end;

        *number = 0;
        if (!node->numbered) {
            if (!strcmp(path, node->path)) {
                return node;
            }
            continue;
        }
        if (!strncmp(path, node->path, n) && g_ascii_isdigit(path[n])) {
            *number = strtoul(path + n, &end, 10);
            if (!*end) {
                return node;
            }
        }
    }
    return NULL;
}

static int sim_open(void *opaque, const char *path, int flags)
{
    Hostsim *sim = opaque;
    const SimNode *node;
    SimFile *file;
    unsigned number;
    int ret;

    (void)flags;
    sim_lock(sim);
    node = find_node(sim, path, &number);
    if (fails(sim, HOSTSIM_OPEN, 0, &ret)) {
        ret = ret ? -ret : -EIO;
    } else {
        ret = node ? node->open(sim, number, &file) : -ENOENT;
        if (!ret) {
            ret = sim_file_install(file);
            if (ret < 0) {
                sim_file_unref(file);
            }
        }
    }
    sim_unlock(sim);
    return ret;
}

static int sim_close(void *opaque, int fd)
{
    Hostsim *sim = opaque;
    SimFile *file;
    int ret = 0;

    sim_lock(sim);
    file = sim_file_get(sim, fd);
    if (!file) {
        sim_unlock(sim);
        return close(fd) ? -errno : 0;
    }
    /* as in Linux, the descriptor is gone even if close() fails */
    if (fails(sim, HOSTSIM_CLOSE, 0, &ret)) {
        ret = -ret;
    }
    sim_file_close(file);
    sim_unlock(sim);
    sim->ops->work(sim);
    return ret;
}

/** Locked and with a reference when it is ours; else NULL and not locked. */
static SimFile *begin(Hostsim *sim, int fd)
{
    SimFile *file;

    sim_lock(sim);
    file = sim_file_get(sim, fd);
    if (file) {
        sim_file_ref(file);
    } else {
        sim_unlock(sim);
    }
    return file;
}

static void end(SimFile *file)
{
    Hostsim *sim = file->sim;

    sim_file_unref(file);
    sim_unlock(sim);
    sim->ops->work(sim);
}

static void count_ioctl(Hostsim *sim, unsigned long request)
{
    uint64_t *count = g_hash_table_lookup(sim->ioctl_counts,
                                          GSIZE_TO_POINTER(request));

    if (!count) {
        count = g_new0(uint64_t, 1);
        g_hash_table_insert(sim->ioctl_counts, GSIZE_TO_POINTER(request),
                            count);
    }
    ++*count;
    sim->n_ioctls++;
}

static int sim_ioctl(void *opaque, int fd, unsigned long request, void *arg)
{
    SimFile *file = begin(opaque, fd);
    int ret;

    if (!file) {
        return viommu_syscalls()->ioctl(NULL, fd, request, arg);
    }
    count_ioctl(file->sim, request);
    if (fails(file->sim, HOSTSIM_IOCTL, request, &ret)) {
        ret = -ret;
    } else {
        ret = file->ops->ioctl ? file->ops->ioctl(file, request, arg) : -ENOTTY;
    }
    end(file);
    return ret;
}

/** What a read that is to fail with @error gives. */
static ssize_t failed_read(ssize_t ret, int error)
{
    if (error) {
        return -error;
    }
    return ret > 0 ? ret / 2 : ret;     /* a short one; the rest is lost */
}

static ssize_t sim_read(void *opaque, int fd, void *buf, size_t size)
{
    SimFile *file = begin(opaque, fd);
    ssize_t ret = 0;
    int error = 0;
    bool failing;

    if (!file) {
        return viommu_syscalls()->read(NULL, fd, buf, size);
    }
    failing = fails(file->sim, HOSTSIM_READ, 0, &error);
    if (!error) {
        ret = file->ops->read ? file->ops->read(file, buf, size) : -EINVAL;
    }
    end(file);
    return failing ? failed_read(ret, error) : ret;
}

static ssize_t sim_write(void *opaque, int fd, const void *buf, size_t size)
{
    SimFile *file = begin(opaque, fd);
    ssize_t ret;
    int error;

    if (!file) {
        return viommu_syscalls()->write(NULL, fd, buf, size);
    }
    if (fails(file->sim, HOSTSIM_WRITE, 0, &error)) {
        /* a short write: nothing has been taken */
        ret = -error;
    } else {
        ret = file->ops->write ? file->ops->write(file, buf, size) : -EINVAL;
    }
    end(file);
    return ret;
}

static ssize_t sim_pread(void *opaque, int fd, void *buf, size_t size,
                         uint64_t offset)
{
    SimFile *file = begin(opaque, fd);
    ssize_t ret = 0;
    int error = 0;
    bool failing;

    if (!file) {
        return viommu_syscalls()->pread(NULL, fd, buf, size, offset);
    }
    failing = fails(file->sim, HOSTSIM_READ, 0, &error);
    if (!error) {
        ret = file->ops->pread ? file->ops->pread(file, buf, size, offset)
                               : -ESPIPE;
    }
    end(file);
    return failing ? failed_read(ret, error) : ret;
}

static ssize_t sim_pwrite(void *opaque, int fd, const void *buf, size_t size,
                          uint64_t offset)
{
    SimFile *file = begin(opaque, fd);
    ssize_t ret;
    int error;

    if (!file) {
        return viommu_syscalls()->pwrite(NULL, fd, buf, size, offset);
    }
    if (fails(file->sim, HOSTSIM_WRITE, 0, &error)) {
        ret = -error;
    } else {
        ret = file->ops->pwrite ? file->ops->pwrite(file, buf, size, offset)
                                : -ESPIPE;
    }
    end(file);
    return ret;
}

static int sim_mmap(void *opaque, void **map, size_t size, int prot,
                    int flags, int fd, uint64_t offset)
{
    SimFile *file = begin(opaque, fd);
    int ret;

    if (!file) {
        return viommu_syscalls()->mmap(NULL, map, size, prot, flags, fd,
                                       offset);
    }
    if (fails(file->sim, HOSTSIM_MMAP, 0, &ret)) {
        ret = -ret;
    } else if (!size || offset % SIM_PAGE) {
        ret = -EINVAL;
    } else {
        ret = file->ops->mmap ? file->ops->mmap(file, map, size, prot, flags,
                                                offset)
                              : -ENODEV;
    }
    end(file);
    return ret;
}

static int sim_munmap(void *opaque, void *map, size_t size)
{
    (void)opaque;
    return viommu_syscalls()->munmap(NULL, map, size);
}

static int sim_poll(void *opaque, struct pollfd *fds, unsigned n,
                    int timeout_ms)
{
    Hostsim *sim = opaque;

    sim->ops->work(sim);
    return viommu_syscalls()->poll(NULL, fds, n, timeout_ms);
}

const ViommuSyscalls *hostsim_syscalls(Hostsim *sim)
{
    return &sim->calls;
}

void sim_descriptors_init(Hostsim *sim)
{
    sim->files = g_hash_table_new(NULL, NULL);
    sim->ioctl_counts = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    sim->calls = (ViommuSyscalls) {
        .open = sim_open,
        .close = sim_close,
        .ioctl = sim_ioctl,
        .read = sim_read,
        .write = sim_write,
        .pread = sim_pread,
        .pwrite = sim_pwrite,
        .mmap = sim_mmap,
        .munmap = sim_munmap,
        .poll = sim_poll,
        .opaque = sim,
    };
}

static gint compare_fds(gconstpointer a, gconstpointer b)
{
    return GPOINTER_TO_INT(a) - GPOINTER_TO_INT(b);
}

/** As at the end of a process: in the order of their numbers. */
void sim_descriptors_free(Hostsim *sim)
{
    GList *fds = g_list_sort(g_hash_table_get_keys(sim->files), compare_fds);

    sim_lock(sim);
    for (GList *i = fds; i; i = i->next) {
        sim_file_close(sim_file_get(sim, GPOINTER_TO_INT(i->data)));
    }
    sim_unlock(sim);
    g_list_free(fds);
    g_hash_table_unref(sim->files);
    g_hash_table_unref(sim->ioctl_counts);
}

uint64_t hostsim_ioctls(Hostsim *sim, unsigned long request)
{
    uint64_t *count, ret;

    sim_lock(sim);
    count = g_hash_table_lookup(sim->ioctl_counts, GSIZE_TO_POINTER(request));
    ret = count ? *count : 0;
    sim_unlock(sim);
    return ret;
}
