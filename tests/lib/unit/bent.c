/* SPDX-License-Identifier: BSD-3-Clause */
#include "bent.h"

int bent_ioctl(Bent *b, int fd, unsigned long request, void *arg)
{
    return b->below->ioctl(b->below->opaque, fd, request, arg);
}

ssize_t bent_read(Bent *b, int fd, void *buf, size_t size)
{
    return b->below->read(b->below->opaque, fd, buf, size);
}

ssize_t bent_write(Bent *b, int fd, const void *buf, size_t size)
{
    return b->below->write(b->below->opaque, fd, buf, size);
}

ssize_t bent_pread(Bent *b, int fd, void *buf, size_t size, uint64_t offset)
{
    return b->below->pread(b->below->opaque, fd, buf, size, offset);
}

ssize_t bent_pwrite(Bent *b, int fd, const void *buf, size_t size,
                    uint64_t offset)
{
    return b->below->pwrite(b->below->opaque, fd, buf, size, offset);
}

static int take_ioctl(void *opaque, int fd, unsigned long request,
                      void *arg)
{
    Bent *b = opaque;

    return b->ioctl ? b->ioctl(b, fd, request, arg)
                     : bent_ioctl(b, fd, request, arg);
}

static ssize_t take_read(void *opaque, int fd, void *buf, size_t size)
{
    Bent *b = opaque;

    return b->read ? b->read(b, fd, buf, size)
                     : bent_read(b, fd, buf, size);
}

static ssize_t take_write(void *opaque, int fd, const void *buf,
                          size_t size)
{
    Bent *b = opaque;

    return b->write ? b->write(b, fd, buf, size)
                     : bent_write(b, fd, buf, size);
}

static ssize_t take_pread(void *opaque, int fd, void *buf, size_t size,
                          uint64_t offset)
{
    Bent *b = opaque;

    return b->pread ? b->pread(b, fd, buf, size, offset)
                     : bent_pread(b, fd, buf, size, offset);
}

static ssize_t take_pwrite(void *opaque, int fd, const void *buf,
                           size_t size, uint64_t offset)
{
    Bent *b = opaque;

    return b->pwrite ? b->pwrite(b, fd, buf, size, offset)
                     : bent_pwrite(b, fd, buf, size, offset);
}

static int take_open(void *opaque, const char *path, int flags)
{
    const Bent *b = opaque;

    return b->below->open(b->below->opaque, path, flags);
}

static int take_close(void *opaque, int fd)
{
    const Bent *b = opaque;

    return b->below->close(b->below->opaque, fd);
}

static int take_mmap(void *opaque, void **map, size_t size, int prot,
                     int flags, int fd, uint64_t offset)
{
    const Bent *b = opaque;

    return b->below->mmap(b->below->opaque, map, size, prot, flags, fd,
                          offset);
}

static int take_munmap(void *opaque, void *map, size_t size)
{
    const Bent *b = opaque;

    return b->below->munmap(b->below->opaque, map, size);
}

static int take_poll(void *opaque, struct pollfd *fds, unsigned n,
                     int timeout_ms)
{
    const Bent *b = opaque;

    return b->below->poll(b->below->opaque, fds, n, timeout_ms);
}

void bent_install(Bent *b, Host *h)
{
    *b = (Bent) {
        .below = h->sys,
        .sys = {
            .open = take_open,
            .close = take_close,
            .ioctl = take_ioctl,
            .read = take_read,
            .write = take_write,
            .pread = take_pread,
            .pwrite = take_pwrite,
            .mmap = take_mmap,
            .munmap = take_munmap,
            .poll = take_poll,
            .opaque = b,
        },
    };
    h->sys = &b->sys;
}

void bent_start(Host *h, Bent *b)
{
    GError *error = NULL;
    HostsimConfig sim;
    ViommuVtdConfig config;

    hostsim_config_init(&sim, HOSTSIM_VTD);
    host_start_sim(h, &sim);
    bent_install(b, h);
    host_config(&config);
    host_start_guest(h, &config, SPEC_PGTT_FIRST);
    g_assert_true(host_connect(h, &error));
    g_assert_true(host_open(h, 0, &error));
    g_assert_true(viommu_attach_host(h->f->unit, SM_SOURCE, h->device[0],
                                     VIOMMU_NESTING_ON, &error));
    host_enable(h, 0);
}

void bent_start_type1(Type1 *t, Bent *b, HostsimVsva form)
{
    GError *error = NULL;
    ViommuVtdConfig config;
    HostsimConfig sim;

    hostsim_config_init(&sim, HOSTSIM_VTD);
    sim.vsva = form;
    type1_config(&config);
    type1_start_sides(t, &sim, &config);
    bent_install(b, &t->h);
    type1_connect(t, &error);
    g_assert_no_error(error);
    type1_attach(t, form == HOSTSIM_VSVA_NONE ? VIOMMU_NESTING_AUTO
                                              : VIOMMU_NESTING_ON);
}
