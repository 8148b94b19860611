/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The board's connections to hosts.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "hw/iommu/host/abi/vfio.h"
#include "hw/iommu/hostsim/hostsim.h"
#include "hw/iommu/machine/host/passthrough.h"

/* Bytes that a simulated host lets be pinned, beyond the board's RAM. */
#define PIN_SPARE   (UINT64_C(64) << 20)
#define FDS_FIRST   8
#define SIM_SLOTS   31
/* VT-d's capability register [VTD 11.4.2] */
#define VTD_CAP     0x08

/* --- Hosts --------------------------------------------------------------- */

/* All of the board's RAM. */
static bool map_ram(Board *board, ViommuHost *host, GError **error)
{
    ViommuRam ram[BUS_RAM_RANGES];
    size_t n = bus_ram_ranges(board->bus, ram);

    for (size_t i = 0; i < n; i++) {
        int ret = viommu_host_map(host, ram[i].addr, ram[i].size, ram[i].host,
                                  ram[i].readonly);

        if (ret) {
            g_set_error(error, MACHINE_ERROR, MACHINE_ERROR_OPTION,
                        "IOMMU_IOAS_MAP of RAM: %s", g_strerror(-ret));
            return false;
        }
    }
    return true;
}

static bool refused(GError **error, const char *what, int ret)
{
    g_set_error(error, MACHINE_ERROR, MACHINE_ERROR_OPTION, "%s: %s", what,
                g_strerror(-ret));
    return false;
}

static Connection *new_connection(Passthrough *p, const ViommuSyscalls *sys)
{
    Connection *c = g_new0(Connection, 1);

    c->sys = sys;
    c->container = c->group = -1;
    g_ptr_array_add(p->connections, c);
    return c;
}

/* Whose devices are gone. */
static void close_connection(gpointer data)
{
    Connection *c = data;

    viommu_host_free(c->host);
    if (c->group >= 0) {
        c->sys->close(c->sys->opaque, c->group);
    }
    if (c->container >= 0) {
        c->sys->close(c->sys->opaque, c->container);
    }
    g_free(c);
}

static int open_file(const ViommuSyscalls *sys, const char *path,
                     GError **error)
{
    int fd = sys->open(sys->opaque, path, O_RDWR);

    if (fd < 0) {
        refused(error, path, fd);
    }
    return fd;
}

static Connection *connect_iommufd(Board *board, Passthrough *p,
                                   const ViommuSyscalls *sys, GError **error)
{
    Connection **c = p->sim && sys == hostsim_syscalls(p->sim)
                     ? &p->sim_iommufd : &p->real_iommufd;

    if (!*c) {
        Connection *new = new_connection(p, sys);

        new->host = viommu_host_iommufd_new(sys, -1, error);
        if (new->host && map_ram(board, new->host, error)) {
            *c = new;
        }
    }
    return *c;
}

/* The group at @path in a container; @cap is VT-d's register, or 0. */
static Connection *connect_type1(Board *board, Passthrough *p,
                                 const ViommuSyscalls *sys, const char *path,
                                 uint64_t cap, GError **error)
{
    Connection *c = new_connection(p, sys);
    int32_t fd;
    int ret;

    c->container = open_file(sys, "/dev/vfio/vfio", error);
    c->group = c->container >= 0 ? open_file(sys, path, error) : -1;
    if (c->group < 0) {
        return NULL;
    }
    fd = c->container;
    ret = sys->ioctl(sys->opaque, c->group, VFIO_ABI_GROUP_SET_CONTAINER, &fd);
    if (ret) {
        refused(error, "VFIO_GROUP_SET_CONTAINER", ret);
        return NULL;
    }
    c->host = viommu_host_type1_new(sys, c->container, cap, error);
    return c->host && map_ram(board, c->host, error) ? c : NULL;
}

static bool start_sim(Board *board, Passthrough *p, GError **error)
{
    ViommuRam ram[BUS_RAM_RANGES];
    size_t n = bus_ram_ranges(board->bus, ram);
    HostsimConfig config;

    if (!p->sim) {
        hostsim_config_init(&config, board->kind == MACHINE_VIRT
                                     ? HOSTSIM_SMMUV3 : HOSTSIM_VTD);
        config.pin_limit = PIN_SPARE;
        for (size_t i = 0; i < n; i++) {
            config.pin_limit += ram[i].size;
        }
        p->sim = hostsim_new(&config, error);
    }
    return p->sim;
}

/* A new device of the simulated host, with the number p->n_sims - 1. */
static bool add_sim_device(Board *board, Passthrough *p,
                           const DeviceOptions *options, GError **error)
{
    char name[13];
    HostsimDevice device = {
        .name = name, .group = p->n_sims + 1, .number = p->n_sims,
        .testdev = options->testdev, .stall = options->stalls,
    };

    if (p->n_sims == SIM_SLOTS) {
        g_set_error(error, MACHINE_ERROR, MACHINE_ERROR_OPTION,
                    "there can be %u of them at most", SIM_SLOTS);
        return false;
    }
    passthrough_sim_name(p->n_sims + 1, name);
    if (!start_sim(board, p, error) ||
        !hostsim_add_device(p->sim, &device, error)) {
        return false;
    }
    p->n_sims++;
    return true;
}

/* The device's file, by what the kernel tells in /sys. */
static bool find_real_device(const DeviceOptions *options, char **path,
                             GError **error)
{
    g_autofree char *folder = NULL;
    const char *name;
    GDir *dir;

    folder = g_strdup_printf("/sys/bus/pci/devices/%s/vfio-dev",
                             options->host);
    dir = g_dir_open(folder, 0, NULL);
    name = dir ? g_dir_read_name(dir) : NULL;
    if (name) {
        *path = g_strdup_printf("/dev/vfio/devices/%s", name);
    } else {
        g_set_error(error, MACHINE_ERROR, MACHINE_ERROR_OPTION,
                    "host=%s: %s is not there: no such device, or its driver "
                    "is not vfio-pci", options->host, folder);
    }
    if (dir) {
        g_dir_close(dir);
    }
    return *path;
}

/* The file of its group, likewise. */
static bool find_real_group(const DeviceOptions *options, char **path,
                            GError **error)
{
    g_autofree char *link = g_strdup_printf(
        "/sys/bus/pci/devices/%s/iommu_group", options->host);
    g_autofree char *target = g_file_read_link(link, NULL);
    g_autofree char *name = target ? g_path_get_basename(target) : NULL;

    if (!name) {
        g_set_error(error, MACHINE_ERROR, MACHINE_ERROR_OPTION,
                    "host=%s: %s is not there: no such device, or no IOMMU "
                    "before it", options->host, link);
        return false;
    }
    *path = g_strdup_printf("/dev/vfio/%s", name);
    return true;
}

/* --- Devices ------------------------------------------------------------- */

static bool is_type1(const DeviceOptions *options)
{
    return options->backend && !strcmp(options->backend, "type1");
}

static bool options_ok(const Board *board, const DeviceOptions *options,
                       const PciBus *bus, GError **error)
{
    const char *usual = options->kind == DEVICE_HOST_TESTDEV ? "hostsim"
                                                             : "iommufd";
    const char *backend = options->backend ? options->backend : usual;

    if (bus->bridge) {
        g_set_error(error, MACHINE_ERROR, MACHINE_ERROR_OPTION,
                    "bus=%s: a host device needs pcie.0", bus->name);
        return false;
    }
    if (strcmp(backend, usual) && !is_type1(options)) {
        g_set_error(error, MACHINE_ERROR, MACHINE_ERROR_OPTION,
                    "backend=%s: allowed are %s and type1", backend, usual);
        return false;
    }
    if (options->kind == DEVICE_VFIO_PCI && !options->host) {
        g_set_error(error, MACHINE_ERROR, MACHINE_ERROR_OPTION,
                    "host=DDDD:BB:DD.F is needed");
        return false;
    }
    if (board->kind != MACHINE_Q35 && is_type1(options)) {
        g_set_error(error, MACHINE_ERROR, MACHINE_ERROR_OPTION,
                    "backend=type1: allowed with -machine q35 only");
        return false;
    }
    if (options->fail && !passthrough_failure_ok(options->fail)) {
        g_set_error(error, MACHINE_ERROR, MACHINE_ERROR_OPTION,
                    "fail=%s: allowed is CALL[:REQUEST]:ERROR:AFTER:TIMES "
                    "with open, close, ioctl:REQUEST, read, write or mmap, "
                    "and an error like EIO, or short", options->fail);
        return false;
    }
    return true;
}

/* The device that its group, in connection @c, calls @name. */
static int get_device(const Connection *c, const char *name, GError **error)
{
    char arg[32];
    int fd;

    g_strlcpy(arg, name, sizeof(arg));
    fd = c->sys->ioctl(c->sys->opaque, c->group, VFIO_ABI_GROUP_GET_DEVICE_FD,
                       arg);
    if (fd < 0) {
        refused(error, "VFIO_GROUP_GET_DEVICE_FD", fd);
    }
    return fd;
}

/* A device of the simulated host by iommufd or by type1: its connection, and
 * its file. */
static Connection *connect_sim(Board *board, Passthrough *p,
                               const DeviceOptions *options, int *fd,
                               GError **error)
{
    unsigned number = p->n_sims - 1;
    const ViommuSyscalls *sys = hostsim_syscalls(p->sim);
    g_autofree char *path = NULL;
    char name[13];
    Connection *c;
    uint64_t cap;

    if (!is_type1(options)) {
        path = g_strdup_printf("/dev/vfio/devices/vfio%u", number);
        c = connect_iommufd(board, p, sys, error);
        *fd = c ? open_file(sys, path, error) : -1;
        return c;
    }
    path = g_strdup_printf("/dev/vfio/%u", number + 1);
    /* what Linux shows in /sys */
    cap = viommu_mmio_read(hostsim_unit(p->sim), VTD_CAP, 8);
    c = connect_type1(board, p, sys, path, cap, error);
    passthrough_sim_name(number + 1, name);
    *fd = c ? get_device(c, name, error) : -1;
    return c;
}

/* The same of the system's. */
static Connection *connect_real(Board *board, Passthrough *p,
                                const DeviceOptions *options, int *fd,
                                GError **error)
{
    const ViommuSyscalls *sys = viommu_syscalls();
    g_autofree char *path = NULL;
    Connection *c;

    if (is_type1(options)) {
        if (!find_real_group(options, &path, error)) {
            return NULL;
        }
        /* no released kernel lets guests' tables be bound in a container */
        c = connect_type1(board, p, sys, path, 0, error);
        *fd = c ? get_device(c, options->host, error) : -1;
        return c;
    }
    if (!find_real_device(options, &path, error)) {
        return NULL;
    }
    c = connect_iommufd(board, p, sys, error);
    *fd = c ? open_file(sys, path, error) : -1;
    return c;
}

static Connection *connect_device(Board *board, Passthrough *p,
                                  const DeviceOptions *options, int *fd,
                                  GError **error)
{
    if (options->kind == DEVICE_HOST_TESTDEV) {
        if (!add_sim_device(board, p, options, error)) {
            return NULL;
        }
        if (options->fail) {
            passthrough_fail(board, options->fail);
        }
        return connect_sim(board, p, options, fd, error);
    }
    return connect_real(board, p, options, fd, error);
}

PciFunction *passthrough_add(Board *board, const PciBus *bus,
                             const DeviceOptions *options, GError **error)
{
    HostFunction *function;
    Connection *c;
    Passthrough *p;
    int fd = -1;

    if (!options_ok(board, options, bus, error)) {
        return NULL;
    }
    if (!board->passthrough) {
        board->passthrough = g_new0(Passthrough, 1);
        board->passthrough->ready = eventfd(1, EFD_CLOEXEC);
        board->passthrough->functions = g_ptr_array_new();
        board->passthrough->connections =
            g_ptr_array_new_with_free_func(close_connection);
    }
    p = board->passthrough;
    c = connect_device(board, p, options, &fd, error);
    if (!c || fd < 0) {
        return NULL;
    }
    function = host_function_new(board, bus, options, c->sys, c->host, fd,
                                 p->n_sims, error);
    if (!function) {
        return NULL;
    }
    g_ptr_array_add(p->functions, function);
    return host_function_pci(function);
}

bool passthrough_start(Board *board, GError **error)
{
    Passthrough *p = board->passthrough;

    for (guint i = 0; p && i < p->functions->len; i++) {
        HostFunction *function = g_ptr_array_index(p->functions, i);

        if (!host_function_attach(function, error)) {
            g_prefix_error(error, "-device %s: ",
                           host_function_options(function)->text);
            return false;
        }
    }
    return true;
}

/* What to wait for, however many these are. */
static void add_host_fds(ViommuHost *host, GArray *fds)
{
    guint at = fds->len, room = FDS_FIRST, n;

    for (;;) {      /* until there is room for all */
        g_array_set_size(fds, at + room);
        n = viommu_host_fds(host, &g_array_index(fds, struct pollfd, at),
                            room);
        if (n < room) {
            g_array_set_size(fds, at + n);
            return;
        }
        room *= 2;
    }
}

static bool run_host(Connection *c)
{
    g_autoptr(GArray) fds = g_array_new(FALSE, FALSE, sizeof(struct pollfd));

    if (!c->host) {
        return false;
    }
    add_host_fds(c->host, fds);
    if (!c->more &&
        poll((struct pollfd *)(void *)fds->data, fds->len, 0) <= 0) {
        return false;
    }
    c->more = viommu_host_run(c->host);
    return true;
}

void passthrough_fds(Board *board, GArray *fds)
{
    Passthrough *p = board->passthrough;

    for (guint i = 0; p && i < p->connections->len; i++) {
        const Connection *c = g_ptr_array_index(p->connections, i);

        if (c->host) {
            add_host_fds(c->host, fds);
        }
        if (c->more) {
            const struct pollfd now = { .fd = p->ready, .events = POLLIN };

            g_array_append_val(fds, now);
        }
    }
    for (guint i = 0; p && i < p->functions->len; i++) {
        host_function_fds(g_ptr_array_index(p->functions, i), fds);
    }
}

bool passthrough_run(Board *board)
{
    Passthrough *p = board->passthrough;
    bool more = false;

    if (!p) {
        return false;
    }
    for (guint i = 0; i < p->connections->len; i++) {
        more |= run_host(g_ptr_array_index(p->connections, i));
    }
    for (guint i = 0; i < p->functions->len; i++) {
        more |= host_function_run(g_ptr_array_index(p->functions, i));
    }
    return more;
}

void passthrough_free(Board *board)
{
    Passthrough *p = board->passthrough;

    if (p) {
        g_ptr_array_free(p->connections, TRUE);
        if (p->sim) {
            hostsim_free(p->sim);
        }
        g_ptr_array_free(p->functions, TRUE);
        if (p->ready >= 0) {
            close(p->ready);
        }
        g_free(p);
        board->passthrough = NULL;
    }
}
