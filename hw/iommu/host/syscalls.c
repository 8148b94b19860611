/* SPDX-License-Identifier: BSD-3-Clause */
/* The system's own calls, with errors as negative errno. */
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <hw/iommu/viommu-host.h>

/* Calls that signals interrupt before they are not made again. */
#define INTERRUPTIONS_MAX 10000

static ssize_t result(ssize_t value)
{
    return value < 0 ? -errno : value;
}

static int real_open(void *opaque, const char *path, int flags)
{
    (void)opaque;
    return result(open(path, flags | O_CLOEXEC));
}

static int real_close(void *opaque, int fd)
{
    (void)opaque;
    return result(close(fd));
}

static int real_ioctl(void *opaque, int fd, unsigned long request, void *arg)
{
    unsigned i = 0;
    int ret;

    (void)opaque;
    do {
        ret = result(ioctl(fd, request, arg));
    } while (ret == -EINTR && i++ < INTERRUPTIONS_MAX);
    return ret;
}

static ssize_t real_read(void *opaque, int fd, void *buf, size_t size)
{
    (void)opaque;
    return result(read(fd, buf, size));
}

static ssize_t real_write(void *opaque, int fd, const void *buf, size_t size)
{
    (void)opaque;
    return result(write(fd, buf, size));
}

static ssize_t real_pread(void *opaque, int fd, void *buf, size_t size,
                          uint64_t offset)
{
    (void)opaque;
    return result(pread(fd, buf, size, offset));
}

static ssize_t real_pwrite(void *opaque, int fd, const void *buf, size_t size,
                           uint64_t offset)
{
    (void)opaque;
    return result(pwrite(fd, buf, size, offset));
}

static int real_mmap(void *opaque, void **map, size_t size, int prot,
                     int flags, int fd, uint64_t offset)
{
    (void)opaque;
    *map = mmap(NULL, size, prot, flags, fd, offset);
    return *map == MAP_FAILED ? -errno : 0;
}

static int real_munmap(void *opaque, void *map, size_t size)
{
    (void)opaque;
    return result(munmap(map, size));
}

static int real_poll(void *opaque, struct pollfd *fds, unsigned n,
                     int timeout_ms)
{
    unsigned i = 0;
    int ret;

    (void)opaque;
    do {
        ret = result(poll(fds, n, timeout_ms));
    } while (ret == -EINTR && i++ < INTERRUPTIONS_MAX);
    return ret;
}

const ViommuSyscalls *viommu_syscalls(void)
{
    static const ViommuSyscalls calls = {
        .open = real_open,
        .close = real_close,
        .ioctl = real_ioctl,
        .read = real_read,
        .write = real_write,
        .pread = real_pread,
        .pwrite = real_pwrite,
        .mmap = real_mmap,
        .munmap = real_munmap,
        .poll = real_poll,
    };

    return &calls;
}
