/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What only the simulated host can show: groups of several devices, limits,
 * errors on purpose, devices that are pulled out, and the end of a process
 * with everything still open.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "tests/guest/testdev.h"
#include "tests/uapi/test-hostsim.h"

#define IOVA    0x10000000u

/* --- The host ------------------------------------------------------------ */

static void add(Host *h, const char *name, unsigned group, unsigned number)
{
    HostsimDevice device = {
        .name = name, .group = group, .number = number,
        .testdev = { .ats = true, .pri = true, .pasid_bits = 16 },
    };
    GError *error = NULL;

    uapi_check(h->u, hostsim_add_device(h->sim, &device, &error),
               "device %s: %s", name, error ? error->message : "");
    g_clear_error(&error);
}

void host_open(Uapi *u, Host *h, uint64_t pin_limit)
{
    HostsimConfig config;

    hostsim_config_init(&config, HOSTSIM_VTD);
    config.pin_limit = pin_limit;
    host_open_with(u, h, &config);
}

void host_open_with(Uapi *u, Host *h, const HostsimConfig *config)
{
    const ViommuSyscalls *sys;

    h->u = u;
    h->sim = hostsim_new(config, NULL);
    sys = hostsim_syscalls(h->sim);
    u->calls = (UapiCalls) {
        .open = sys->open, .close = sys->close, .ioctl = sys->ioctl,
        .read = sys->read, .write = sys->write, .pread = sys->pread,
        .pwrite = sys->pwrite, .mmap = sys->mmap, .opaque = sys->opaque,
    };
    add(h, "0000:01:00.0", 1, 0);
    add(h, "0000:01:00.1", 1, 1);
    u->device[0] = "/dev/vfio/devices/vfio0";
    u->device[1] = "/dev/vfio/devices/vfio1";
}

void host_usage(Host *h, HostsimUsage *usage)
{
    hostsim_usage(h->sim, usage);
}

void host_close(Host *h)
{
    HostsimUsage usage;

    host_usage(h, &usage);
    uapi_expect(h->u, usage.descriptors, 0, "descriptors");
    uapi_expect(h->u, usage.objects, 0, "objects");
    uapi_expect(h->u, usage.bound, 0, "bound devices");
    uapi_expect(h->u, usage.pinned, 0, "pinned bytes");
    hostsim_free(h->sim);
}

/* --- Tests --------------------------------------------------------------- */

static void test_group(Uapi *u)
{
    uint8_t *memory = uapi_memory(PAGE);
    UapiDevice a, b;
    uint32_t ioas, other, hwpt;
    int iommu;
    Host h;

    host_open(u, &h, UINT64_MAX);
    uapi_device_open(u, 0, &a);
    iommu = uapi_iommu(u);
    b.fd = uapi_open(u, u->device[1]);
    uapi_expect(u, uapi_bind(u, b.fd, iommu, &b.id), -EBUSY,
                "bind to another iommufd");
    uapi_close(u, b.fd);
    uapi_close(u, iommu);
    uapi_device_open_with(u, 1, a.iommu, &b);
    ioas = uapi_ioas(u, a.iommu);
    other = uapi_ioas(u, a.iommu);
    uapi_expect(u, uapi_map(&a, ioas, memory, PAGE, IOVA), 0, "map");
    uapi_expect(u, uapi_hwpt(&a, IOMMUFD_HWPT_PASID, ioas, &hwpt), 0, "HWPT");
    uapi_expect(u, uapi_attach(&a, NO_PASID, hwpt), 0, "attach the first");
    uapi_expect(u, uapi_fill(&b, NO_PASID, IOVA, PAGE, 1), UAPI_DONE,
                "the second follows");
    uapi_expect(u, uapi_attach(&b, NO_PASID, other), -EINVAL,
                "attach the second to another");
    uapi_expect(u, uapi_attach(&b, NO_PASID, hwpt), 0, "attach the second");
    uapi_expect(u, uapi_detach(&a, NO_PASID), 0, "detach the first");
    uapi_expect(u, uapi_verify(&a, NO_PASID, IOVA, PAGE, 1), UAPI_DONE,
                "it is where the second is");
    uapi_expect(u, uapi_attach(&b, NO_PASID, other), 0, "replace");
    uapi_expect(u, uapi_verify(&a, NO_PASID, IOVA, PAGE, 1), TESTDEV_BLOCKED,
                "the first has moved, too");
    uapi_expect(u, uapi_detach(&b, NO_PASID), 0, "detach");
    uapi_expect(u, uapi_destroy(u, a.iommu, hwpt), 0, "nobody has it");
    uapi_close(u, b.fd);
    uapi_device_close(&a);
    host_close(&h);
    uapi_memory_free(memory, PAGE);
}

static void test_limit(Uapi *u)
{
    uint8_t *memory = uapi_memory(8 * PAGE);
    IommufdIoasCopy copy = {
        .size = sizeof(copy), .src_iova = IOVA, .length = 4 * PAGE,
        .flags = IOMMUFD_MAP_READABLE,
    };
    HostsimUsage usage;
    UapiDevice d;
    uint32_t ioas, full, hwpt;
    Host h;

    host_open(u, &h, 4 * PAGE);
    uapi_device_open(u, 0, &d);
    ioas = uapi_ioas(u, d.iommu);
    full = uapi_ioas(u, d.iommu);
    uapi_expect(u, uapi_map(&d, full, memory, 8 * PAGE, IOVA), 0,
                "map more than may be pinned, of no device");
    uapi_expect(u, uapi_hwpt(&d, 0, full, &hwpt), -ENOMEM, "HWPT of that");
    uapi_expect(u, uapi_attach(&d, NO_PASID, full), -ENOMEM, "attach that");
    uapi_expect(u, uapi_attach(&d, NO_PASID, ioas), 0, "attach");
    uapi_expect(u, uapi_map(&d, ioas, memory, 5 * PAGE, IOVA), -ENOMEM,
                "one page too many");
    uapi_expect(u, uapi_map(&d, ioas, memory, 4 * PAGE, IOVA), 0, "map");
    host_usage(&h, &usage);
    uapi_expect(u, usage.pinned, 4 * PAGE, "pinned");
    uapi_expect(u, uapi_map(&d, ioas, memory, PAGE, 2 * IOVA), -ENOMEM,
                "the same page once more");
    copy.src_ioas_id = copy.dst_ioas_id = ioas;
    uapi_expect(u, uapi_iommu_ioctl(&d, IOMMUFD_IOAS_COPY, &copy), 0,
                "a copy costs nothing");
    host_usage(&h, &usage);
    uapi_expect(u, usage.pinned, 4 * PAGE, "pinned");
    uapi_expect(u, uapi_unmap(&d, ioas, IOVA, 4 * PAGE), 0, "unmap");
    host_usage(&h, &usage);
    uapi_expect(u, usage.pinned, 4 * PAGE, "pinned by the copy");
    uapi_expect(u, uapi_unmap(&d, ioas, 0, UINT64_MAX), 0, "unmap the copy");
    host_usage(&h, &usage);
    uapi_expect(u, usage.pinned, 0, "pinned");
    uapi_device_close(&d);
    host_close(&h);
    uapi_memory_free(memory, 8 * PAGE);
}

static void test_failures(Uapi *u)
{
    HostsimFailure failure = {
        .call = HOSTSIM_IOCTL, .request = IOMMUFD_IOAS_ALLOC, .after = 1,
        .times = 2, .error = ENOMEM,
    };
    static const int wanted[] = { 0, -ENOMEM, -ENOMEM, 0 };
    uint64_t count;
    HostsimUsage usage;
    int fd;
    Host h;

    host_open(u, &h, UINT64_MAX);
    fd = uapi_iommu(u);
    count = hostsim_ioctls(h.sim, IOMMUFD_IOAS_ALLOC);
    hostsim_fail(h.sim, &failure);
    for (unsigned i = 0; i < 4; i++) {
        IommufdIoasAlloc cmd = { .size = sizeof(cmd) };

        uapi_expect(u, uapi_ioctl(u, fd, IOMMUFD_IOAS_ALLOC, &cmd),
                    wanted[i], "call %u", i);
        uapi_expect(u, uapi_destroy(u, fd, 99), -ENOENT, "another ioctl");
    }
    uapi_expect(u, hostsim_ioctls(h.sim, IOMMUFD_IOAS_ALLOC) - count, 4,
                "ioctls that were counted");
    failure = (HostsimFailure) { .call = HOSTSIM_OPEN, .error = EMFILE };
    hostsim_fail(h.sim, &failure);
    uapi_expect(u, uapi_open(u, "/dev/iommu"), -EMFILE, "open");
    uapi_expect(u, uapi_open(u, "/dev/iommu"), -EMFILE, "open again");
    failure = (HostsimFailure) { .call = HOSTSIM_CLOSE, .error = EIO };
    hostsim_fail(h.sim, &failure);
    uapi_expect(u, u->calls.close(u->calls.opaque, fd), -EIO, "close");
    hostsim_fail(h.sim, NULL);
    host_usage(&h, &usage);
    uapi_expect(u, usage.descriptors, 0, "it is closed all the same");
    uapi_expect(u, uapi_open(u, "/dev/iommu2"), -ENOENT, "no such node");
    uapi_expect(u, uapi_open(u, "/dev/vfio/devices/vfio7"), -ENOENT,
                "no such device");
    uapi_expect(u, uapi_open(u, "/dev/vfio/devices/vfio"), -ENOENT,
                "no number");
    uapi_expect(u, uapi_open(u, "/dev/vfio/devices/vfio0x"), -ENOENT,
                "more than a number");
    host_close(&h);
}

/** Half of what there was: as a broken kernel would. */
static void test_short(Uapi *u)
{
    HostsimFailure failure = { .call = HOSTSIM_READ, .times = 1 };
    UapiDevice d;
    uint64_t word;
    Host h;

    host_open(u, &h, UINT64_MAX);
    uapi_device_open(u, 0, &d);
    hostsim_fail(h.sim, &failure);
    uapi_expect(u, u->calls.pread(u->calls.opaque, d.fd, &word, 8, d.config),
                4, "a short read");
    uapi_expect(u, u->calls.pread(u->calls.opaque, d.fd, &word, 8, d.config),
                8, "the next one");
    failure.call = HOSTSIM_WRITE;
    hostsim_fail(h.sim, &failure);
    word = 5;
    uapi_expect(u, u->calls.pwrite(u->calls.opaque, d.fd, &word, 8,
                                   d.bar0 + TESTDEV_PATTERN), 0,
                "a short write");
    uapi_expect(u, uapi_reg(&d, TESTDEV_PATTERN), 0, "the register");
    uapi_device_close(&d);
    host_close(&h);
}

static void test_pulled_out(Uapi *u)
{
    struct {
        uint32_t argsz, flags, index, start, count;
        int32_t fd;
    } set = {
        .argsz = sizeof(set), .index = VFIO_ABI_IRQ_REQ, .count = 1,
        .flags = VFIO_ABI_IRQ_DATA_EVENTFD | VFIO_ABI_IRQ_ACTION_TRIGGER,
    };
    VfioDeviceInfo info = { .argsz = sizeof(info) };
    uint8_t *memory = uapi_memory(PAGE);
    eventfd_t value = 0;
    uint64_t word = 0;
    UapiDevice d, e;
    uint32_t ioas;
    Host h;

    host_open(u, &h, UINT64_MAX);
    uapi_device_open(u, 0, &d);
    uapi_device_open_with(u, 1, d.iommu, &e);
    ioas = uapi_ioas(u, d.iommu);
    uapi_expect(u, uapi_map(&d, ioas, memory, PAGE, IOVA), 0, "map");
    uapi_expect(u, uapi_attach(&d, NO_PASID, ioas), 0, "attach");
    set.fd = eventfd(0, EFD_NONBLOCK);
    uapi_expect(u, uapi_dev_ioctl(&d, VFIO_ABI_DEVICE_SET_IRQS, &set), 0,
                "SET_IRQS");
    hostsim_remove_device(h.sim, "0000:01:00.0");
    uapi_expect(u, eventfd_read(set.fd, &value), 0, "the request");
    uapi_expect(u, uapi_dev_ioctl(&d, VFIO_ABI_DEVICE_GET_INFO, &info),
                -ENODEV, "GET_INFO");
    uapi_expect(u, uapi_attach(&d, NO_PASID, ioas), -ENODEV, "attach");
    uapi_expect(u, u->calls.pread(u->calls.opaque, d.fd, &word, 8, d.bar0),
                -ENODEV, "read");
    uapi_expect(u, u->calls.pwrite(u->calls.opaque, d.fd, &word, 8, d.bar0),
                -ENODEV, "write");
    uapi_expect(u, uapi_open(u, u->device[0]), -ENOENT, "open");
    uapi_expect(u, uapi_fill(&e, NO_PASID, IOVA, PAGE, 1), UAPI_DONE,
                "the other device goes on");
    uapi_close(u, d.fd);
    uapi_expect(u, uapi_fill(&e, NO_PASID, IOVA, PAGE, 1), TESTDEV_BLOCKED,
                "until nothing is attached any more");
    /* and it comes back */
    add(&h, "0000:01:00.0", 1, 0);
    uapi_expect(u, uapi_device_open_with(u, 0, e.iommu, &d), 1, "open");
    uapi_expect(u, uapi_attach(&d, NO_PASID, ioas), 0, "attach");
    uapi_expect(u, uapi_fill(&d, NO_PASID, IOVA, PAGE, 2), UAPI_DONE, "DMA");
    uapi_close(u, e.fd);
    uapi_device_close(&d);
    host_close(&h);
    close(set.fd);
    uapi_memory_free(memory, PAGE);
}

/** A device with a device-TLB vanishes, and does not answer: as Linux's, the
 *  call succeeds, and what others have cached is gone. */
static void test_pulled_invalidation(Uapi *u)
{
    uint8_t *memory = uapi_memory(16 * PAGE);
    IommufdVtdS1Invalidate entries[3] = { 0 };
    IommufdHwptInvalidate cmd = {
        .size = sizeof(cmd), .data = (uintptr_t)entries,
        .data_type = IOMMUFD_INVALIDATE_VTD_S1,
        .entry_len = sizeof(entries[0]), .entry_num = 3,
    };
    uint32_t ioas, parent;
    UapiTables tables;
    UapiDevice d, e;
    Host h;

    host_open(u, &h, UINT64_MAX);
    uapi_device_open(u, 0, &d);
    uapi_device_open_with(u, 1, d.iommu, &e);
    ioas = uapi_ioas(u, d.iommu);
    uapi_expect(u, uapi_map(&d, ioas, memory, 16 * PAGE, IOVA), 0, "map");
    uapi_expect(u, uapi_hwpt(&d, IOMMUFD_HWPT_NEST_PARENT, ioas, &parent), 0,
                "the parent");
    uapi_tables_init(&tables, memory, IOVA, 8);
    uapi_tables_map(&tables, 0x400000, IOVA + 8 * PAGE);
    uapi_expect(u, uapi_nested(&d, 0, parent, IOVA, 0, &cmd.hwpt_id), 0,
                "the nested one");
    uapi_expect(u, uapi_attach(&d, NO_PASID, cmd.hwpt_id), 0, "attach");
    uapi_expect(u, uapi_fill(&e, NO_PASID, 0x400000, PAGE, 1), UAPI_DONE,
                "DMA of its neighbour");
    hostsim_remove_device(h.sim, "0000:01:00.0");
    uapi_tables_map(&tables, 0x400000, IOVA + 9 * PAGE);
    for (unsigned i = 0; i < 3; i++) {
        entries[i].addr = 0x400000;
        entries[i].npages = 1;
    }
    uapi_expect(u, uapi_iommu_ioctl(&d, IOMMUFD_HWPT_INVALIDATE, &cmd), 0,
                "INVALIDATE");
    uapi_expect(u, cmd.entry_num, 3, "how many of them");
    uapi_expect(u, uapi_fill(&e, NO_PASID, 0x400000, PAGE, 2), UAPI_DONE,
                "DMA to the other page");
    uapi_check(u, uapi_is_filled(memory + 8 * PAGE, PAGE, 1) &&
               uapi_is_filled(memory + 9 * PAGE, PAGE, 2),
               "an old translation has been used");
    uapi_close(u, e.fd);
    uapi_device_close(&d);
    host_close(&h);
    uapi_memory_free(memory, 16 * PAGE);
}

/** As a process that is killed. */
static void test_exit(Uapi *u)
{
    uint8_t *memory = uapi_memory(4 * PAGE);
    IommufdFaultQueueAlloc queue = { .size = sizeof(queue) };
    UapiDevice d, e;
    uint32_t ioas, hwpt;
    Host h;

    host_open(u, &h, UINT64_MAX);
    uapi_device_open(u, 0, &d);
    uapi_device_open_with(u, 1, d.iommu, &e);
    ioas = uapi_ioas(u, d.iommu);
    uapi_expect(u, uapi_map(&d, ioas, memory, 4 * PAGE, IOVA), 0, "map");
    uapi_expect(u, uapi_iommu_ioctl(&d, IOMMUFD_FAULT_QUEUE_ALLOC, &queue),
                0, "FAULT_QUEUE_ALLOC");
    uapi_expect(u, uapi_hwpt(&d, IOMMUFD_HWPT_PASID, ioas, &hwpt), 0, "HWPT");
    uapi_expect(u, uapi_attach(&d, NO_PASID, hwpt), 0, "attach");
    uapi_expect(u, uapi_attach(&d, 9, hwpt), 0, "attach a PASID");
    uapi_expect(u, uapi_attach(&e, 10, hwpt), 0, "attach a PASID");
    hostsim_free(h.sim);
    uapi_memory_free(memory, 4 * PAGE);
}

static void test_config(Uapi *u)
{
    HostsimDevice device = { .name = "0000:01:00.0", .number = 9 };
    GError *error = NULL;
    HostsimConfig config;
    Host h;

    host_open(u, &h, UINT64_MAX);
    uapi_check(u, !hostsim_add_device(h.sim, &device, &error) &&
               g_error_matches(error, VIOMMU_ERROR, VIOMMU_ERROR_CONFIG),
               "a device twice");
    g_clear_error(&error);
    device.name = "01:00.0";
    uapi_check(u, !hostsim_add_device(h.sim, &device, &error),
               "a name without a segment");
    g_clear_error(&error);
    device.name = "0000:01:00.8";
    uapi_check(u, !hostsim_add_device(h.sim, &device, &error),
               "function 8");
    g_clear_error(&error);
    device.name = "0000:01:01.0";
    device.number = 0;
    uapi_check(u, !hostsim_add_device(h.sim, &device, &error),
               "a number twice");
    g_clear_error(&error);
    device.number = 2;
    device.testdev.pri = true;
    uapi_check(u, !hostsim_add_device(h.sim, &device, &error),
               "page requests without ATS");
    g_clear_error(&error);
    host_close(&h);
    hostsim_config_init(&config, HOSTSIM_VTD);
    config.vtd.scalable_mode = false;
    h.sim = hostsim_new(&config, &error);
    uapi_check(u, !h.sim && error, "no scalable mode");
    g_clear_error(&error);
}

/** One step of a life that may run out of memory. */
static bool step(Uapi *u, int ret, const char *what)
{
    uapi_check(u, !ret || ret == -ENOMEM, "%s: %s", what, strerror(-ret));
    return !ret;
}

/** Tables of all kinds, as far as memory goes.  True when it went. */
static bool spend(Uapi *u, uint8_t *memory)
{
    uint32_t ioas, parent, nested, plain;
    UapiDevice d;
    bool ok;

    if (!uapi_device_open(u, 0, &d)) {
        return false;
    }
    ioas = uapi_ioas(u, d.iommu);
    ok = step(u, uapi_map(&d, ioas, memory, PAGE, IOVA), "map") &&
         step(u, uapi_hwpt(&d, IOMMUFD_HWPT_NEST_PARENT | IOMMUFD_HWPT_PASID,
                           ioas, &parent), "parent") &&
         step(u, uapi_hwpt(&d, IOMMUFD_HWPT_PASID, ioas, &plain), "plain") &&
         step(u, uapi_nested(&d, IOMMUFD_HWPT_PASID, parent, IOVA, 0,
                             &nested), "nested") &&
         step(u, uapi_attach(&d, NO_PASID, plain), "attach") &&
         step(u, uapi_attach(&d, 3, nested), "attach PASID 3") &&
         step(u, uapi_attach(&d, 3000, parent), "attach PASID 3000") &&
         /* in many tables, of both domains */
         step(u, uapi_map(&d, ioas, memory + PAGE, 600 * PAGE, 0x1fff000),
              "map many") &&
         step(u, uapi_map(&d, ioas, memory, PAGE, UINT64_C(1) << 40),
              "map far away") &&
         step(u, uapi_unmap(&d, ioas, 0x1fff000, 600 * PAGE), "unmap");
    if (ok) {
        uapi_expect(u, uapi_fill(&d, NO_PASID, UINT64_C(1) << 40, PAGE, 4),
                    UAPI_DONE, "DMA");
        uapi_expect(u, uapi_verify(&d, 3000, IOVA, PAGE, 4), UAPI_DONE,
                    "DMA");
    }
    uapi_device_close(&d);
    return ok;
}

static void test_memory(Uapi *u)
{
    uint8_t *memory = uapi_memory(601 * PAGE);
    unsigned failures = 0;
    HostsimUsage usage;
    uint64_t base;
    bool ok = false;
    Host h;

    host_open(u, &h, UINT64_MAX);
    host_usage(&h, &usage);
    base = usage.pages;
    for (unsigned more = 0; !ok && more < 100; more++) {
        hostsim_limit_pages(h.sim, base + more);
        ok = spend(u, memory);
        failures += !ok;
    }
    uapi_check(u, ok && failures > 10, "%u failures", failures);
    /* what stays are the devices' tables of PASIDs */
    host_usage(&h, &usage);
    base = usage.pages;
    uapi_check(u, spend(u, memory), "again");
    host_usage(&h, &usage);
    uapi_expect(u, usage.pages, base, "pages of the kernel");
    host_close(&h);
    uapi_memory_free(memory, 601 * PAGE);
}

/** What DMA does must not depend on what the hardware is like. */
static void test_hardware(Uapi *u)
{
    static const UapiTest *const files[] = {
        uapi_dma_tests, uapi_dma_vtd_tests, uapi_fault_tests,
        uapi_fault_vtd_tests, uapi_dirty_tests,
    };

    for (unsigned i = 0; i < 6; i++) {
        HostsimConfig config;
        Host h;

        hostsim_config_init(&config, HOSTSIM_VTD);
        config.vtd.caching_mode = i == 1;
        config.vtd.aw_bits = i == 3 ? 57 : 48;
        config.vtd.haw_bits = i == 2 ? 48 : 52;
        config.vtd.iotlb_bits = i == 4 ? 4 : 16;
        config.vtd.fs1gp = i != 4;
        config.vtd.dirty_tracking = i != 5;
        host_open_with(u, &h, &config);
        for (size_t k = 0; k < G_N_ELEMENTS(files); k++) {
            for (const UapiTest *test = files[k]; test->name; test++) {
                unsigned before = u->failures;

                test->run(u);
                uapi_check(u, u->failures == before, "%s on hardware %u",
                           test->name, i);
            }
        }
        host_close(&h);
    }
    u->skipped = NULL;
}

static const UapiTest tests[] = {
    { "hostsim/group", test_group },
    { "hostsim/limit", test_limit },
    { "hostsim/failures", test_failures },
    { "hostsim/short", test_short },
    { "hostsim/pulled-out", test_pulled_out },
    { "hostsim/pulled-invalidation", test_pulled_invalidation },
    { "hostsim/exit", test_exit },
    { "hostsim/config", test_config },
    { "hostsim/memory", test_memory },
    { "hostsim/hardware", test_hardware },
    { NULL, NULL },
};

int main(void)
{
    static const UapiTest *const files[] = { tests, host_thread_tests };
    Uapi u = { .arch = UAPI_VTD };

    return uapi_run(&u, files, G_N_ELEMENTS(files));
}
