/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/uapi/scarce.h"

/* What a call has allocations for at most. */
#define PLACES_MAX  100000
/* Of a structure that a call fills in. */
#define ARG_MAX     256

static struct {
    Uapi *u;
    Hostsim *sim;
    const ViommuSyscalls *sys;
    bool armed;
    bool failed;
    unsigned after;         /* so many are good first */
    bool rest;              /* then all fail, not one */
    uint64_t failures;
} scarce;

static bool may_allocate(void *opaque, size_t size, bool report)
{
    (void)opaque;
    (void)size;
    if (report || !scarce.armed) {
        return true;
    }
    if (scarce.after) {
        scarce.after--;
        return true;
    }
    scarce.armed = scarce.rest;
    scarce.failed = true;
    scarce.failures++;
    return false;
}

/* Try number @i: one allocation fails, or it and all that follow. */
static void arm(unsigned i)
{
    scarce.armed = true;
    scarce.failed = false;
    scarce.after = i / 2;
    scarce.rest = i % 2;
}

static bool disarm(void)
{
    scarce.armed = false;
    return scarce.failed;
}

void scarce_prepare(HostsimConfig *config)
{
    config->may_allocate = may_allocate;
}

/* Makes something, or sets an error. */
typedef bool Make(void *opaque, GError **error);

/* Call @make until no allocation of it fails, each of them once before. */
static bool until_made(Make *make, void *opaque, GError **error)
{
    for (unsigned i = 0; i < PLACES_MAX; i++) {
        GError *why = NULL;
        bool made;

        arm(i);
        made = make(opaque, &why);
        if (!disarm()) {
            if (why) {
                g_propagate_error(error, why);
            }
            return made;
        }
        g_assert_false(made);
        g_assert_error(why, VIOMMU_ERROR, VIOMMU_ERROR_CONFIG);
        g_error_free(why);
    }
    g_assert_not_reached();
}

typedef struct New {
    const HostsimConfig *config;
    Hostsim *sim;
} New;

static bool make_host(void *opaque, GError **error)
{
    New *new = opaque;

    new->sim = hostsim_new(new->config, error);
    return new->sim;
}

Hostsim *scarce_new(const HostsimConfig *config, GError **error)
{
    New new = { .config = config };

    until_made(make_host, &new, error);
    return new.sim;
}

typedef struct Add {
    Hostsim *sim;
    const HostsimDevice *device;
} Add;

static bool add_device(void *opaque, GError **error)
{
    const Add *add = opaque;

    return hostsim_add_device(add->sim, add->device, error);
}

bool scarce_add_device(Hostsim *sim, const HostsimDevice *device,
                       GError **error)
{
    Add add = { sim, device };

    return until_made(add_device, &add, error);
}

uint64_t scarce_failures(void)
{
    return scarce.failures;
}

/* --- The calls ----------------------------------------------------------- */

/* Of what the caller passed, as much as there is. */
typedef struct Arg {
    uint8_t bytes[ARG_MAX];
    ssize_t n;
} Arg;

static void copy(Arg *arg, void *user, bool back)
{
    struct iovec local = { arg->bytes, back ? (size_t)arg->n : ARG_MAX };
    struct iovec remote = { user, local.iov_len };

    if (back && arg->n > 0) {
        (void)!process_vm_writev(getpid(), &local, 1, &remote, 1, 0);
    } else if (!back) {
        arg->n = process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
    }
}

/* A structure begins with its size; what is behind it is not the call's. */
static void save(Arg *arg, void *user)
{
    uint32_t size;

    copy(arg, user, false);
    memcpy(&size, arg->bytes, sizeof(size));
    if (arg->n >= (ssize_t)sizeof(size)) {
        arg->n = MIN((size_t)arg->n, size);
    }
}

static HostsimUsage usage(void)
{
    HostsimUsage now;

    hostsim_usage(scarce.sim, &now);
    /* the number of calls, and tables that wait for their next use */
    now.calls = now.ioctls = now.pages = 0;
    return now;
}

/* The call answered @ret; true when an allocation of it failed, and the next
 * one is to fail in its place. */
static bool again(const char *call, unsigned long request,
                  const HostsimUsage *before, long ret)
{
    HostsimUsage now;

    if (!disarm()) {
        return false;
    }
    now = usage();
    uapi_check(scarce.u, ret == -ENOMEM, "%s %#lx without memory: %ld", call,
               request, ret);
    uapi_check(scarce.u, !memcmp(&now, before, sizeof(now)),
               "%s %#lx without memory leaves something", call, request);
    return ret == -ENOMEM;
}

static int scarce_open(void *opaque, const char *path, int flags)
{
    HostsimUsage before = usage();
    unsigned i = 0;
    int ret;

    (void)opaque;
    do {
        arm(i++);
        ret = scarce.sys->open(scarce.sys->opaque, path, flags);
    } while (again("open", 0, &before, ret));
    return ret;
}

static int scarce_ioctl(void *opaque, int fd, unsigned long request,
                        void *arg)
{
    HostsimUsage before = usage();
    unsigned i = 0;
    Arg saved;
    int ret;

    (void)opaque;
    save(&saved, arg);
    do {
        if (i) {
            copy(&saved, arg, true);
        }
        arm(i++);
        ret = scarce.sys->ioctl(scarce.sys->opaque, fd, request, arg);
    } while (again("ioctl", request, &before, ret));
    return ret;
}

static ssize_t scarce_read(void *opaque, int fd, void *buf, size_t size)
{
    HostsimUsage before = usage();
    unsigned i = 0;
    ssize_t ret;

    (void)opaque;
    do {
        arm(i++);
        ret = scarce.sys->read(scarce.sys->opaque, fd, buf, size);
        if (ret >= 0 && disarm()) {
            /* what came before the one that failed; and now the rest */
            ssize_t rest = scarce.sys->read(scarce.sys->opaque, fd,
                                            (uint8_t *)buf + ret,
                                            size - (size_t)ret);

            return rest > 0 ? ret + rest : ret;
        }
    } while (again("read", 0, &before, ret));
    return ret;
}

static ssize_t scarce_write(void *opaque, int fd, const void *buf, size_t size)
{
    HostsimUsage before = usage();
    unsigned i = 0;
    ssize_t ret;

    (void)opaque;
    do {
        arm(i++);
        ret = scarce.sys->write(scarce.sys->opaque, fd, buf, size);
    } while (again("write", 0, &before, ret));
    return ret;
}

static int scarce_mmap(void *opaque, void **map, size_t size, int prot,
                       int flags, int fd, uint64_t offset)
{
    HostsimUsage before = usage();
    unsigned i = 0;
    int ret;

    (void)opaque;
    do {
        arm(i++);
        ret = scarce.sys->mmap(scarce.sys->opaque, map, size, prot, flags, fd,
                               offset);
    } while (again("mmap", 0, &before, ret));
    return ret;
}

/* A descriptor, and a device's register, need none: close(), pread() and
 * pwrite() stay as they are. */
void scarce_calls(Uapi *u, Hostsim *sim)
{
    scarce.u = u;
    scarce.sim = sim;
    scarce.sys = hostsim_syscalls(sim);
    u->calls.open = scarce_open;
    u->calls.ioctl = scarce_ioctl;
    u->calls.read = scarce_read;
    u->calls.write = scarce_write;
    u->calls.mmap = scarce_mmap;
}
