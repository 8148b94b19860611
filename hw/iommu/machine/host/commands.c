/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What tests can do to hosts and their devices: viommu-machine's own command.
 */
#include <errno.h>
#include <string.h>

#include "hw/iommu/machine/host/passthrough.h"
#include "hw/iommu/machine/words.h"

#define LATE_MAX    10000       /* ms */
#define SIM_BUS     1

/* The name that a device has in the simulated host. */
void passthrough_sim_name(unsigned number, char name[13])
{
    g_snprintf(name, 13, "0000:%02x:%02x.0", SIM_BUS, number);
}

static const struct {
    const char *name;
    int error;
} errors[] = {
    { "short", 0 }, { "E2BIG", E2BIG }, { "EBADF", EBADF },
    { "EBUSY", EBUSY }, { "EFAULT", EFAULT }, { "EINVAL", EINVAL },
    { "EIO", EIO }, { "ENODEV", ENODEV }, { "ENOENT", ENOENT },
    { "ENOMEM", ENOMEM }, { "ENOTTY", ENOTTY },
    { "EOPNOTSUPP", EOPNOTSUPP },
};

static const struct {
    const char *name;
    HostsimCall call;
} calls[] = {
    { "open", HOSTSIM_OPEN }, { "close", HOSTSIM_CLOSE },
    { "ioctl", HOSTSIM_IOCTL }, { "read", HOSTSIM_READ },
    { "write", HOSTSIM_WRITE }, { "mmap", HOSTSIM_MMAP },
};

static bool parse_error(const char *text, int *error)
{
    for (size_t i = 0; i < G_N_ELEMENTS(errors); i++) {
        if (!strcmp(errors[i].name, text)) {
            *error = errors[i].error;
            return true;
        }
    }
    return false;
}

static bool parse_failure(const char *what, HostsimFailure *failure)
{
    g_auto(GStrv) part = g_strsplit(what, ":", 6);
    unsigned n = g_strv_length(part), at = 1;
    uint64_t request = 0, after, times;

    *failure = (HostsimFailure) { 0 };
    for (size_t i = 0; n && i < G_N_ELEMENTS(calls); i++) {
        if (strcmp(calls[i].name, part[0])) {
            continue;
        }
        failure->call = calls[i].call;
        if (failure->call == HOSTSIM_IOCTL) {
            at++;
        }
        if (n != at + 3 ||
            (at == 2 && !option_number(part[1], UINT32_MAX, &request)) ||
            !parse_error(part[at], &failure->error) ||
            !option_number(part[at + 1], UINT32_MAX, &after) ||
            !option_number(part[at + 2], UINT32_MAX, &times)) {
            return false;
        }
        failure->request = request;
        failure->after = (unsigned)after;
        failure->times = (unsigned)times;
        return true;
    }
    return false;
}

bool passthrough_failure_ok(const char *what)
{
    HostsimFailure failure;

    return parse_failure(what, &failure);
}

const char *passthrough_fail(Board *board, const char *what)
{
    HostsimFailure failure;

    if (!board->passthrough || !board->passthrough->sim) {
        return "there is no host-testdev";
    }
    if (!strcmp(what, "none")) {
        hostsim_fail(board->passthrough->sim, NULL);
        return NULL;
    }
    if (!parse_failure(what, &failure)) {
        return "not none, nor CALL[:REQUEST]:ERROR:AFTER:TIMES";
    }
    hostsim_fail(board->passthrough->sim, &failure);
    return NULL;
}

static HostFunction *find_function(Board *board, const char *id)
{
    Passthrough *p = board->passthrough;

    for (guint i = 0; p && i < p->functions->len; i++) {
        HostFunction *function = g_ptr_array_index(p->functions, i);
        const char *name = host_function_options(function)->id;

        if (name && !strcmp(name, id)) {
            return function;
        }
    }
    return NULL;
}

const char *passthrough_pull(Board *board, const char *id)
{
    HostFunction *function = find_function(board, id);
    char name[13];

    if (!function ||
        host_function_options(function)->kind != DEVICE_HOST_TESTDEV) {
        return "no host-testdev has this id";
    }
    passthrough_sim_name(host_function_number(function), name);
    hostsim_remove_device(board->passthrough->sim, name);
    return NULL;
}

const char *passthrough_late(Board *board, const char *id, const char *ms)
{
    HostFunction *function = find_function(board, id);
    uint64_t n;

    if (!function) {
        return "no host device has this id";
    }
    if (!option_number(ms, LATE_MAX, &n)) {
        return "not a number of milliseconds up to 10000";
    }
    host_function_set_late(function, (unsigned)n);
    return NULL;
}

const char *passthrough_unplug(Board *board, const char *id)
{
    HostFunction *function = find_function(board, id);
    PciFunction *fn;

    if (!function) {
        return "no host device has this id";
    }
    fn = host_function_pci(function);
    g_ptr_array_remove(board->passthrough->functions, function);
    pci_root_remove(&board->pci, fn);
    fn->free(fn);
    return NULL;
}

static void add_simulation(Hostsim *sim, GString *out)
{
    HostsimUsage usage;

    hostsim_usage(sim, &usage);
    g_string_append_printf(out, "bound=%u objects=%u ioctls=%"
                           G_GUINT64_FORMAT, usage.bound, usage.objects,
                           usage.ioctls);
}

const char *passthrough_usage(Board *board, GString *out)
{
    Passthrough *p = board->passthrough;
    const Connection *c = NULL;
    ViommuHostStats stats;

    /* the first one; of the simulated host, if there is one */
    for (guint i = p ? p->connections->len : 0; i > 0; i--) {
        const Connection *other = g_ptr_array_index(p->connections, i - 1);

        if (other->host && (!p->sim || other->sys != viommu_syscalls())) {
            c = other;
        }
    }
    if (!c) {
        return "there is no host device";
    }
    viommu_host_get_stats(c->host, &stats);
    if (p->sim) {
        add_simulation(p->sim, out);
    } else {
        g_string_append_printf(out, "calls=%" G_GUINT64_FORMAT, stats.calls);
    }
    g_string_append_printf(
        out, " binds=%" G_GUINT64_FORMAT " unbinds=%" G_GUINT64_FORMAT
        " invalidations=%" G_GUINT64_FORMAT
        " invalidation-calls=%" G_GUINT64_FORMAT
        " page-requests=%" G_GUINT64_FORMAT
        " page-responses=%" G_GUINT64_FORMAT " errors=%" G_GUINT64_FORMAT
        " shadow-maps=%" G_GUINT64_FORMAT " faults=%" G_GUINT64_FORMAT,
        stats.binds, stats.unbinds, stats.invalidations,
        stats.invalidation_calls, stats.page_requests, stats.page_responses,
        stats.errors, stats.shadow_maps, stats.faults);
    return NULL;
}
