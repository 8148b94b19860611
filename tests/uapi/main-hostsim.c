/* SPDX-License-Identifier: BSD-3-Clause */
/* The conformance program on the simulated host, also on one that has no memory
 * (scarce.h). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "hw/iommu/hostsim/hostsim.h"
#include "tests/uapi/scarce.h"
#include "tests/uapi/uapi.h"

static Hostsim *sim;
static bool scarce;

static void no_leaks(Uapi *u)
{
    HostsimUsage usage;

    hostsim_usage(sim, &usage);
    uapi_expect(u, usage.descriptors, 0, "descriptors that are left");
    uapi_expect(u, usage.objects, 0, "objects that are left");
    uapi_expect(u, usage.containers, 0, "containers that are left");
    uapi_expect(u, usage.groups, 0, "groups that are open");
    uapi_expect(u, usage.pasids, 0, "PASIDs that are left");
    uapi_expect(u, usage.bound, 0, "bound devices that are left");
    uapi_check(u, !usage.pinned, "%" PRIu64 " bytes are pinned",
               usage.pinned);
}

static void add(const HostsimDevice *device)
{
    GError *error = NULL;
    bool added = scarce ? scarce_add_device(sim, device, &error)
                        : hostsim_add_device(sim, device, &error);

    g_assert_no_error(error);
    g_assert_true(added);
}

static void add_devices(Uapi *u)
{
    HostsimDevice device = {
        .testdev = { .ats = true, .pri = true, .pasid_bits = 16 },
    };

    device.name = "0000:01:00.0";
    device.group = 11;
    device.number = 0;
    add(&device);
    u->device[0] = "/dev/vfio/devices/vfio0";
    u->group[0] = "/dev/vfio/11";
    u->name[0] = "0000:01:00.0";
    device.name = "0000:02:00.0";
    device.group = 12;
    device.number = 1;
    device.stall = true;
    add(&device);
    u->device[1] = "/dev/vfio/devices/vfio1";
    u->group[1] = "/dev/vfio/12";
    u->name[1] = "0000:02:00.0";
}

/** One that has second-stage tables only, and so no guests' tables. */
static void without_first_stage(ViommuVtdConfig *vtd)
{
    vtd->first_stage = false;
    vtd->nested = false;
    vtd->extended_access = false;
}

/* The host's IOMMU, and the form of containers' user API, by the program's
 * argument. */
static const struct {
    const char *name;
    HostsimArch arch;
    HostsimVsva sim;
    UapiArch uapi_arch;
    UapiVsva uapi;
} forms[] = {
    { "linux", HOSTSIM_VTD, HOSTSIM_VSVA_NONE, UAPI_VTD, UAPI_NO_VSVA },
    { "flat", HOSTSIM_VTD, HOSTSIM_VSVA_NONE, UAPI_VTD, UAPI_NO_VSVA },
    { "smmuv3", HOSTSIM_SMMUV3, HOSTSIM_VSVA_NONE, UAPI_SMMUV3,
      UAPI_NO_VSVA },
    { "merged", HOSTSIM_VTD, HOSTSIM_VSVA_MERGED, UAPI_VTD,
      UAPI_VSVA_MERGED },
    { "versioned", HOSTSIM_VTD, HOSTSIM_VSVA_VERSIONED, UAPI_VTD,
      UAPI_VSVA_VERSIONED },
};

static const UapiTest *const vsva_files[] = {
    uapi_container_tests, uapi_type1_tests, uapi_vsva_tests,
    uapi_vsva_invalidate_tests, uapi_vsva_fault_tests,
};

int main(int argc, char **argv)
{
    const char *form = argc > 1 ? argv[1] : "linux";
    HostsimConfig config;
    const ViommuSyscalls *sys;
    GError *error = NULL;
    Uapi u = { .leaks = no_leaks };
    int ret;

    hostsim_config_init(&config, HOSTSIM_VTD);
    for (unsigned i = 0; i < G_N_ELEMENTS(forms); i++) {
        if (!strcmp(forms[i].name, form)) {
            hostsim_config_init(&config, forms[i].arch);
            config.vsva = forms[i].sim;
            u.arch = forms[i].uapi_arch;
            u.vsva = forms[i].uapi;
        }
    }
    if (!strcmp(form, "flat")) {
        without_first_stage(&config.vtd);
        u.flat = true;
    }
    scarce = argc > 2 && !strcmp(argv[2], "scarce");
    if (scarce) {
        scarce_prepare(&config);
    }
    sim = scarce ? scarce_new(&config, &error) : hostsim_new(&config, &error);
    if (!sim) {
        printf("Bail out! %s\n", error->message);
        return 1;
    }
    sys = hostsim_syscalls(sim);
    u.calls = (UapiCalls) {
        .open = sys->open, .close = sys->close, .ioctl = sys->ioctl,
        .read = sys->read, .write = sys->write, .pread = sys->pread,
        .pwrite = sys->pwrite, .mmap = sys->mmap, .opaque = sys->opaque,
    };
    add_devices(&u);
    if (scarce) {
        scarce_calls(&u, sim);
    }
    ret = u.vsva == UAPI_NO_VSVA ? uapi_main(&u) :
          uapi_run(&u, vsva_files, G_N_ELEMENTS(vsva_files));
    if (scarce) {
        printf("# %" PRIu64 " allocations failed\n", scarce_failures());
    }
    hostsim_free(sim);
    return ret;
}
