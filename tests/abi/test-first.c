/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A caller of before there were sizes: what it fills is taken for what it is,
 * and nothing is written behind what it receives.
 */
#include <hw/iommu/viommu-host.h>
#include <hw/iommu/viommu-smmuv3.h>
#include <hw/iommu/viommu-testdev.h>
#include <hw/iommu/viommu-vtd.h>
#include <string.h>

#ifdef viommu_vtd_new
#error "these are not the first headers"
#endif

#define GUARD 0xa5

/* A structure that the library fills, and what follows it in the caller. */
#define GUARDED(type) \
    struct { type s; uint8_t guard[256]; }
#define guard_set(g) memset(&(g), GUARD, sizeof(g))
#define guard_check(g) \
    guard_is_whole((const uint8_t *)(&(g).s + 1), sizeof((g).guard))

static void guard_is_whole(const uint8_t *guard, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        g_assert_cmphex(guard[i], ==, GUARD);
    }
}

static unsigned later;

static void send_msi(void *opaque, const ViommuMsi *msi)
{
    (void)opaque;
    (void)msi;
}

static void run_later(void *opaque)
{
    (void)opaque;
    later++;
}

/* What is behind it is no callback. */
static const GUARDED(ViommuOps) ops = {
    { .send_msi = send_msi, .run_later = run_later }, { GUARD },
};

static void use(Viommu *unit, unsigned version)
{
    GUARDED(ViommuStats) stats;
    const ViommuRequest req = {
        .pasid = VIOMMU_NO_PASID, .addr = 0x1234, .access = VIOMMU_READ,
    };
    ViommuReply reply;
    GError *error = NULL;
    GBytes *state;

    g_assert_nonnull(unit);
    g_assert_cmphex(viommu_mmio_read(unit, version, 4), !=, 0);
    viommu_dma_begin();
    g_assert_cmpint(viommu_translate(unit, &req, &reply), ==, VIOMMU_OK);
    viommu_dma_end();
    g_assert_cmphex(reply.addr, ==, 0x1234);
    guard_set(stats);
    viommu_get_stats(unit, &stats.s);
    guard_check(stats);
    g_assert_cmpuint(stats.s.faults, ==, 0);
    g_assert_cmpuint(stats.s.page_responses_automatic, ==, 0);
    state = viommu_save(unit);
    viommu_reset(unit);
    g_assert_true(viommu_load(unit, g_bytes_get_data(state, NULL),
                              g_bytes_get_size(state), &error));
    g_assert_no_error(error);
    g_bytes_unref(state);
    viommu_free(unit);
}

static void test_vtd(void)
{
    GUARDED(ViommuVtdConfig) config;
    GError *error = NULL;

    guard_set(config);
    viommu_vtd_config_init(&config.s);
    guard_check(config);
    g_assert_cmpuint(config.s.aw_bits, ==, 48);
    g_assert_cmpuint(config.s.iotlb_bits, ==, 16);
    use(viommu_vtd_new(&config.s, &ops.s, NULL, &error), 0);
    g_assert_no_error(error);

    config.s.aw_bits = 40;
    g_assert_null(viommu_vtd_new(&config.s, &ops.s, NULL, &error));
    g_assert_error(error, VIOMMU_ERROR, VIOMMU_ERROR_CONFIG);
    g_error_free(error);
}

static void test_smmuv3(void)
{
    GUARDED(ViommuSmmuv3Config) config;
    GError *error = NULL;

    guard_set(config);
    viommu_smmuv3_config_init(&config.s);
    guard_check(config);
    g_assert_cmpuint(config.s.sid_bits, ==, 16);
    g_assert_cmpuint(config.s.iotlb_bits, ==, 16);
    use(viommu_smmuv3_new(&config.s, &ops.s, NULL, &error), 0);
    g_assert_no_error(error);
}

/* An access that waits, named as before there was another way. */
static ViommuDmaResult stalls(void *opaque, const ViommuTestdevAccess *access,
                              uint8_t *reason)
{
    (void)opaque;
    (void)reason;
    g_assert_cmpint(access->kind, ==, VIOMMU_UNTRANSLATED);
    g_assert_nonnull(access->stall_tag);
    *access->stall_tag = 7;
    return VIOMMU_DMA_STALLED;
}

static int64_t clock_ns(void *opaque)
{
    (void)opaque;
    return 0;
}

static void test_testdev(void)
{
    struct { ViommuTestdevConfig s; uint8_t guard[64]; } config;
    struct { ViommuTestdevOps s; uint8_t guard[64]; } testdev_ops;
    GError *error = NULL;
    ViommuTestdev *dev;

    guard_set(config);
    guard_set(testdev_ops);
    config.s = (ViommuTestdevConfig) { .ats = true, .pasid_bits = 20 };
    testdev_ops.s = (ViommuTestdevOps) {
        .dma = stalls, .clock_ns = clock_ns, .run_later = run_later,
    };
    dev = viommu_testdev_new(&config.s, &testdev_ops.s, NULL, &error);
    g_assert_no_error(error);
    g_assert_cmphex(viommu_testdev_read(dev, 0, 8), !=, 0);
    viommu_testdev_write(dev, 0x28, 8, 8);      /* LENGTH */
    viommu_testdev_write(dev, 0x08, 1, 8);      /* COMMAND: READ */
    g_assert_cmpuint(viommu_testdev_read(dev, 0x10, 8) & 3, ==, 1);
    later = 0;
    viommu_testdev_resume(dev, 8, VIOMMU_RESUME_TERMINATE);
    g_assert_cmpuint(later, ==, 0);
    viommu_testdev_resume(dev, 7, VIOMMU_RESUME_TERMINATE);
    g_assert_cmpuint(later, ==, 1);
    viommu_testdev_run(dev);
    g_assert_cmpuint(viommu_testdev_read(dev, 0x10, 8) & 3, ==, 2);
    viommu_testdev_free(dev);
}

/* --- A host that agrees to everything ------------------------------------ */

static int agree_open(void *opaque, const char *path, int flags)
{
    (void)opaque;
    (void)path;
    (void)flags;
    return 0;
}

static int agree_close(void *opaque, int fd)
{
    (void)opaque;
    (void)fd;
    return 0;
}

static int agree_ioctl(void *opaque, int fd, unsigned long request, void *arg)
{
    (void)opaque;
    (void)fd;
    (void)request;
    (void)arg;
    return 0;
}

static void test_host(void)
{
    const ViommuSyscalls sys = {
        .open = agree_open, .close = agree_close, .ioctl = agree_ioctl,
    };
    GUARDED(ViommuHostStats) stats;
    GUARDED(ViommuHostCaps) caps;
    ViommuHostDevice *device;
    GError *error = NULL;
    ViommuHost *host;

    host = viommu_host_iommufd_new(&sys, 0, &error);
    g_assert_no_error(error);
    guard_set(stats);
    viommu_host_get_stats(host, &stats.s);
    guard_check(stats);
    g_assert_cmpuint(stats.s.devices_gone, ==, 0);
    g_assert_cmpuint(stats.s.calls, >, 0);

    device = viommu_host_device_new(host, 0, &error);
    g_assert_no_error(error);
    guard_set(caps);
    viommu_host_device_get_caps(device, &caps.s);
    guard_check(caps);
    g_assert_cmpint(caps.s.kind, ==, VIOMMU_HOST_NONE);
    viommu_host_device_free(device);
    viommu_host_free(host);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/abi-first/vtd", test_vtd);
    g_test_add_func("/abi-first/smmuv3", test_smmuv3);
    g_test_add_func("/abi-first/testdev", test_testdev);
    g_test_add_func("/abi-first/host", test_host);
    return g_test_run();
}
