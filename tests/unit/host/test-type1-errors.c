/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A host device in a VFIO container: what the host lacks or refuses, calls that
 * fail, and requests without PASID, for which there is one address space.
 */
#include "tests/lib/unit/type1.h"

#include <errno.h>
#include <string.h>

/** The second word of a PASID's entry in the tables of the host's unit, for
 *  device 0.  Host-physical addresses are those of this process. */
static uint64_t host_entry(Type1 *t, uint32_t pasid)
{
    Viommu *unit = hostsim_unit(t->h.sim);
    const uint64_t *table = (const uint64_t *)(uintptr_t)
        (viommu_mmio_read(unit, SPEC_RTADDR, 8) & ~UINT64_C(0xfff));
    /* bus 1, function 0: root, context, directory, table */
    const unsigned index[] = { 1 * 2, 0, pasid / 64 };

    for (unsigned i = 0; i < G_N_ELEMENTS(index); i++) {
        table = (const uint64_t *)(uintptr_t)
            (GUINT64_FROM_LE(table[index[i]]) & ~UINT64_C(0xfff));
    }
    return GUINT64_FROM_LE(table[pasid % 64 * 8 + 1]);
}

/* Memory types of the guest's entry reach the host's, where both have them. */
static void test_memory_types(gconstpointer form)
{
    ViommuVtdConfig config;
    HostsimConfig sim;
    Type1 t;

    hostsim_config_init(&sim, HOSTSIM_VTD);
    sim.vsva = *(const HostsimVsva *)form;
    type1_config(&config);
    config.memory_types = true;
    type1_prepare(&t, &sim, &config);
    type1_attach(&t, VIOMMU_NESTING_ON);
    t.h.s->entry.flags1 |= SPEC_BIT(25) | SPEC_BIT(26) |
                           UINT64_C(0x00070406) << 32;
    t.pasid = type1_allocate(&t);
    type1_bind(&t, t.pasid);
    host_good(&t.h, 0, t.pasid, HOST_VA, HOST_DATA);
    g_assert_cmphex(host_entry(&t, t.pasid) >> 32, ==, 0x00070406);
    g_assert_cmphex(host_entry(&t, t.pasid) >> 25 & 3, ==, 3);
    t.h.s->entry.flags1 &= ~SPEC_BIT(26);
    type1_bind(&t, t.pasid);
    g_assert_cmphex(host_entry(&t, t.pasid) >> 25 & 3, ==, 1);
    type1_end(&t);
}

/* --- What is refused ----------------------------------------------------- */

typedef struct Refusal {
    void (*host)(HostsimConfig *config);
    void (*unit)(ViommuVtdConfig *config);
    const char *says;
} Refusal;

static void host_without_types(HostsimConfig *c)
{
    c->vtd.memory_types = false;
}

static void host_without_eafs(HostsimConfig *c)
{
    c->vtd.extended_access = false;
}

static void host_without_1g(HostsimConfig *c)
{
    c->vtd.fs1gp = false;
}

static void host_without_vsva(HostsimConfig *c)
{
    c->vsva = HOSTSIM_VSVA_NONE;
}

static void unit_with_types(ViommuVtdConfig *c)
{
    c->memory_types = true;
}

static void unit_wide(ViommuVtdConfig *c)
{
    c->aw_bits = 57;
}

static void unit_without_commands(ViommuVtdConfig *c)
{
    c->virtual_commands = false;
}

static void test_refused(gconstpointer form)
{
    static const Refusal refusals[] = {
        { host_without_types, unit_with_types, "ECAP.MTS" },
        { host_without_eafs, NULL, "ECAP.EAFS" },
        { host_without_1g, NULL, "CAP.FS1GP" },
        { NULL, unit_wide, "CAP.FS5LP" },
        { NULL, unit_without_commands, "virtual-commands=on" },
        { host_without_vsva, NULL, "Intel VT-d" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(refusals); i++) {
        GError *error = NULL;
        ViommuVtdConfig config;
        HostsimConfig sim;
        Viommu *unit;
        Type1 t;

        hostsim_config_init(&sim, HOSTSIM_VTD);
        sim.vsva = *(const HostsimVsva *)form;
        if (refusals[i].host) {
            refusals[i].host(&sim);
        }
        type1_config(&config);
        type1_prepare(&t, &sim, &config);
        if (refusals[i].unit) {
            refusals[i].unit(&config);
        }
        unit = viommu_vtd_new(&config, fixture_ops(), t.h.f, &error);
        g_assert_no_error(error);
        g_assert_false(viommu_attach_host(unit, 8, t.h.device[0],
                                          VIOMMU_NESTING_ON, &error));
        g_assert_error(error, VIOMMU_ERROR, VIOMMU_ERROR_HOST);
        g_assert_nonnull(strstr(error->message, refusals[i].says));
        g_clear_error(&error);
        viommu_free(unit);
        type1_end(&t);
    }
}

/** Each ioctl of the start fails once: an error that names it, no leak. */
static void test_start_errors(gconstpointer form)
{
    static const struct {
        unsigned long request;
        const char *says;
    } calls[] = {
        { VFIO_ABI_GET_API_VERSION, "VFIO_GET_API_VERSION" },
        { VFIO_ABI_SET_IOMMU, "VFIO_SET_IOMMU" },
        { VFIO_ABI_IOMMU_GET_INFO, "VFIO_IOMMU_GET_INFO" },
        { VSVA_CACHE_INVALIDATE, "VFIO_IOMMU_CACHE_INVALIDATE" },
        { VFIO_ABI_DEVICE_GET_INFO, "VFIO_DEVICE_GET_INFO" },
        { VFIO_ABI_DEVICE_SET_IRQS, "fault regions" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(calls); i++) {
        const HostsimFailure failure = {
            .call = HOSTSIM_IOCTL, .request = calls[i].request, .times = 1,
            .error = EPERM,
        };
        GError *error = NULL;
        ViommuVtdConfig config;
        HostsimConfig sim;
        Type1 t;

        hostsim_config_init(&sim, HOSTSIM_VTD);
        sim.vsva = *(const HostsimVsva *)form;
        type1_config(&config);
        type1_start_sides(&t, &sim, &config);
        hostsim_fail(t.h.sim, &failure);
        g_assert_false(type1_connect(&t, &error));
        g_assert_error(error, VIOMMU_ERROR, VIOMMU_ERROR_HOST);
        g_assert_nonnull(strstr(error->message, calls[i].says));
        g_clear_error(&error);
        hostsim_fail(t.h.sim, NULL);
        type1_end(&t);
    }
}

static void test_one_device(gconstpointer form)
{
    GError *error = NULL;
    Type1 t;

    type1_start(&t, *(const HostsimVsva *)form);
    g_assert_null(viommu_host_device_new(t.h.host, t.h.fd[0], &error));
    g_assert_error(error, VIOMMU_ERROR, VIOMMU_ERROR_HOST);
    g_assert_nonnull(strstr(error->message, "one device"));
    g_clear_error(&error);
    type1_end(&t);
}

/* --- Requests without PASID ---------------------------------------------- */

/** The container has one address space: below tables is guest memory, so that
 *  a shadow cannot be there at the same time. */
static void test_conflict(gconstpointer form)
{
    Type1 t;
    Host *h = &t.h;

    type1_start(&t, *(const HostsimVsva *)form);
    /* without PASID, the same first stage, which would be shadowed */
    scalable_put_pasid(h->s, 0);
    type1_pasid_cache_refused(&t, 0);
    host_blocked(h, 0, SM_NONE, HOST_VA);
    host_blocked(h, 0, SM_NONE, HOST_DATA);
    host_blocked(h, 0, t.pasid, HOST_VA);
    /* without tables for PASIDs, it can; the command that takes the last one
     * away looks at requests without PASID first */
    guest_write64(&h->f->mem, guest_pasid_addr(h->s->alloc, h->s->dir,
                                               t.pasid), 0);
    type1_pasid_cache_refused(&t, t.pasid);
    type1_pasid_cache(&t, 0);
    host_good(h, 0, SM_NONE, HOST_VA, HOST_DATA);
    host_blocked(h, 0, SM_NONE, HOST_DATA);
    /* and then, none for PASIDs */
    scalable_put_pasid(h->s, t.pasid);
    type1_pasid_cache_refused(&t, t.pasid);
    host_blocked(h, 0, t.pasid, HOST_VA);
    host_good(h, 0, SM_NONE, HOST_VA, HOST_DATA);
    /* until the rest passes through, or is blocked */
    h->s->entry.pgtt = SPEC_PGTT_PASS;
    scalable_put_pasid(h->s, 0);
    type1_pasid_cache(&t, t.pasid);
    host_good(h, 0, t.pasid, HOST_VA, HOST_DATA);
    guest_write64(&h->f->mem, guest_pasid_addr(h->s->alloc, h->s->dir, 0),
                  0);
    type1_pasid_cache(&t, 0);
    host_blocked(h, 0, SM_NONE, HOST_DATA);
    host_blocked(h, 0, t.pasid, HOST_VA);
    type1_end(&t);
}

/* A host that is reset while it is asked. */
typedef struct Meanwhile {
    ViommuSyscalls sys;
    const ViommuSyscalls *real;
    Viommu *unit;
    pthread_t thread;
    bool armed;
} Meanwhile;

static Meanwhile *meanwhile;    /* the other calls have hostsim's opaque */

static void *reset_thread(void *opaque)
{
    const Meanwhile *m = opaque;

    viommu_reset(m->unit);
    return NULL;
}

static int meanwhile_ioctl(void *opaque, int fd, unsigned long request,
                           void *arg)
{
    Meanwhile *m = meanwhile;
    int ret = m->real->ioctl(opaque, fd, request, arg);

    if (m->armed && request == VSVA_PASID_REQUEST) {
        m->armed = false;
        g_assert_cmpint(pthread_create(&m->thread, NULL, reset_thread, m), ==,
                        0);
        while (viommu_mmio_read(m->unit, SPEC_VCRSP, 8)) {
            g_usleep(100);
        }
    }
    return ret;
}

/** The guest is reset while the host gives it a PASID: that goes back. */
static void test_reset_meanwhile(gconstpointer form)
{
    GError *error = NULL;
    ViommuVtdConfig config;
    HostsimConfig sim;
    Meanwhile m = { .armed = false };
    Type1 t = { 0 };
    Host *h = &t.h;

    hostsim_config_init(&sim, HOSTSIM_VTD);
    sim.vsva = *(const HostsimVsva *)form;
    type1_config(&config);
    type1_start_sides(&t, &sim, &config);
    m.real = h->sys;
    m.sys = *h->sys;
    m.sys.ioctl = meanwhile_ioctl;
    m.sys.opaque = m.real->opaque;
    m.unit = h->f->unit;
    meanwhile = &m;
    h->sys = &m.sys;
    type1_connect(&t, &error);
    g_assert_no_error(error);
    type1_attach(&t, VIOMMU_NESTING_ON);
    m.armed = true;
    guest_set_reg64(&h->f->regs, SPEC_VCMD, SPEC_VCMD_ALLOCATE);
    g_assert_cmpint(pthread_join(m.thread, NULL), ==, 0);
    fixture_run(h->f);
    g_assert_cmphex(guest_reg64(&h->f->regs, SPEC_VCRSP), ==, 0);
    g_assert_cmpuint(host_usage(h).pasids, ==, 0);
    g_assert_cmpuint(type1_allocate(&t), !=, 0);
    type1_end(&t);
}

/** A container as Linux has it: everything is shadowed. */
static void test_shadow(void)
{
    uint64_t at;
    Type1 t;
    Host *h = &t.h;

    type1_start_shadowed(&t);
    g_assert_false(viommu_host_device_nested(h->device[0]));
    host_good(h, 0, SM_NONE, HOST_DATA, HOST_DATA);

    scalable_put_pasid(h->s, 0);
    type1_pasid_cache(&t, 0);
    host_good(h, 0, SM_NONE, HOST_VA, HOST_DATA);
    host_blocked(h, 0, SM_NONE, HOST_DATA);
    at = guest_fs_entry(&h->s->fs, h->s->alloc, HOST_VA, 1, false);
    guest_write64(&h->f->mem, at, (HOST_DATA + HOST_PAGE) | SM_LEAF);
    guest_queue_piotlb(h->s->queue, SPEC_GRAN_PAGE, SM_DOMAIN, 0, HOST_VA, 0,
                       false);
    fixture_wait(h->f);
    host_good(h, 0, SM_NONE, HOST_VA, HOST_DATA + HOST_PAGE);
    guest_write64(&h->f->mem, at, 0);
    guest_queue_piotlb(h->s->queue, SPEC_GRAN_DOMAIN, SM_DOMAIN, 0, 0, 0,
                       false);
    fixture_wait(h->f);
    host_blocked(h, 0, SM_NONE, HOST_VA);

    /* back to all of memory, and to none */
    h->s->entry.pgtt = SPEC_PGTT_PASS;
    scalable_put_pasid(h->s, 0);
    type1_pasid_cache(&t, 0);
    host_good(h, 0, SM_NONE, HOST_DATA, HOST_DATA);
    type1_unbind(&t, 0);
    host_blocked(h, 0, SM_NONE, HOST_DATA);
    g_assert_cmpuint(host_usage(h).pinned, ==, 0);
    type1_end(&t);
}

/** A device without PASIDs: shadowed, though the container could nest. */
static void test_no_pasids(gconstpointer form)
{
    GError *error = NULL;
    ViommuVtdConfig config;
    HostsimConfig sim;
    Type1 t;
    Host *h = &t.h;

    hostsim_config_init(&sim, HOSTSIM_VTD);
    sim.vsva = *(const HostsimVsva *)form;
    type1_config(&config);
    type1_prepare_plain(&t, &sim, &config);
    g_assert_cmpuint(host_usage(h).pasids, ==, 0);
    g_assert_false(viommu_attach_host(h->f->unit, SM_SOURCE, h->device[0],
                                      VIOMMU_NESTING_ON, &error));
    g_assert_error(error, VIOMMU_ERROR, VIOMMU_ERROR_HOST);
    g_assert_nonnull(strstr(error->message, "PASIDs for this device"));
    g_clear_error(&error);

    type1_attach(&t, VIOMMU_NESTING_AUTO);
    g_assert_false(viommu_host_device_nested(h->device[0]));
    host_good(h, 0, SM_NONE, HOST_DATA, HOST_DATA);
    scalable_put_pasid(h->s, 0);
    type1_pasid_cache(&t, 0);
    host_good(h, 0, SM_NONE, HOST_VA, HOST_DATA);
    host_blocked(h, 0, SM_NONE, HOST_DATA);
    /* the guest's virtual commands are the unit's own */
    g_assert_cmpuint(type1_allocate(&t), !=, 0);
    g_assert_cmpuint(host_usage(h).pasids, ==, 0);
    type1_end(&t);
}

/** The device vanishes. */
static void test_gone(gconstpointer form)
{
    Type1 t;
    Host *h = &t.h;

    type1_start(&t, *(const HostsimVsva *)form);
    hostsim_remove_device(h->sim, "0000:01:00.0");
    host_run(h);
    type1_unbind(&t, t.pasid);
    type1_end(&t);
}

/* --- Calls that fail ----------------------------------------------------- */

/** All of a life, with whatever fails on the way. */
static void live(Type1 *t)
{
    Host *h = &t->h;
    uint64_t response;

    if (!type1_connect(t, NULL) ||
        !viommu_attach_host(h->f->unit, SM_SOURCE, h->device[0],
                            VIOMMU_NESTING_AUTO, NULL)) {
        return;
    }
    guest_set_reg64(&h->f->regs, SPEC_VCMD, SPEC_VCMD_ALLOCATE);
    fixture_run(h->f);
    response = guest_reg64(&h->f->regs, SPEC_VCRSP);
    g_assert_cmphex(response & 1, ==, 0);
    t->pasid = (response & SPEC_VCRSP_PASID) >> SPEC_VCRSP_PASID_SHIFT;
    scalable_put_pasid(h->s, t->pasid ? t->pasid : 99);
    guest_queue_pasid_cache(h->s->queue, SPEC_INV_PASID_GRAN_GLOBAL, 0, 0);
    guest_queue_piotlb(h->s->queue, SPEC_GRAN_DOMAIN, SM_DOMAIN,
                       t->pasid ? t->pasid : 99, 0, 0, false);
    guest_queue_push_wide(h->s->queue, (uint64_t[4]) { SPEC_INV_WAIT });
    guest_queue_ring(h->s->queue);
    fixture_run(h->f);
    viommu_host_set_dirty_tracking(h->host, true);
    host_run(h);
    viommu_reset(h->f->unit);
    fixture_run(h->f);
}

/** The call number @after fails, or all from there on. */
static uint64_t fail_at(HostsimVsva form, HostsimCall call, unsigned after,
                        unsigned times, int error)
{
    const HostsimFailure failure = {
        .call = call, .after = after, .times = times, .error = error,
    };
    ViommuVtdConfig config;
    HostsimConfig sim;
    uint64_t before, calls;
    Type1 t = { 0 };

    hostsim_config_init(&sim, HOSTSIM_VTD);
    sim.vsva = form;
    type1_config(&config);
    type1_start_sides(&t, &sim, &config);
    before = host_usage(&t.h).ioctls;
    hostsim_fail(t.h.sim, &failure);
    live(&t);
    calls = host_usage(&t.h).ioctls - before;
    hostsim_fail(t.h.sim, NULL);
    type1_end(&t);
    return calls;
}

static void test_failing(gconstpointer form)
{
    static const int errors[] = { ENOMEM, EINVAL, ENODEV, ENOENT };
    HostsimVsva vsva = *(const HostsimVsva *)form;
    uint64_t n = fail_at(vsva, HOSTSIM_IOCTL, UINT32_MAX, 1, EIO);

    g_assert_cmpuint(n, >, 30);
    for (unsigned i = 0; i < n; i++) {
        int error = errors[i % G_N_ELEMENTS(errors)];

        fail_at(vsva, HOSTSIM_IOCTL, i, 1, error);
        fail_at(vsva, HOSTSIM_IOCTL, i, 0, error);
    }
    for (unsigned i = 0; i < 20; i++) {
        fail_at(vsva, HOSTSIM_READ, i, 1, EIO);
        fail_at(vsva, HOSTSIM_READ, i, 0, i % 2 ? 0 : ENODEV);
        fail_at(vsva, HOSTSIM_WRITE, i, 0, ENODEV);
    }
    for (unsigned i = 0; i < 2; i++) {
        fail_at(vsva, HOSTSIM_MMAP, i, 1, ENOMEM);
    }
}

/** The ring's head cannot be read, or moved, for a time: what is in the ring
 *  comes later, by itself when that was not for long. */
static void test_reports(gconstpointer form)
{
    static const HostsimCall calls[] = { HOSTSIM_READ, HOSTSIM_WRITE };
    uint64_t word[4];
    Type1 t;

    type1_start(&t, *(const HostsimVsva *)form);
    for (unsigned i = 0; i < 4; i++) {
        const HostsimFailure failure = {
            .call = calls[i % 2], .times = i < 2, .error = EIO,
        };

        host_page_request(&t.h, 0, t.pasid, HOST_VA, TD_REQUEST_READ |
                          TD_REQUEST_LAST | TD_REQUEST_GROUP(i));
        if (failure.times) {
            hostsim_fail(t.h.sim, &failure);
            host_run(&t.h);
        } else {
            host_run_failing(&t.h, &failure);
        }
        g_assert_true(guest_page_queue_pop(&t.h.queue, word));
        g_assert_false(guest_page_queue_pop(&t.h.queue, word));
    }
    type1_end(&t);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    type1_add("memory-types", test_memory_types);
    type1_add("refused", test_refused);
    type1_add("start-errors", test_start_errors);
    type1_add("one-device", test_one_device);
    type1_add("conflict", test_conflict);
    type1_add("no-pasids", test_no_pasids);
    type1_add("gone", test_gone);
    type1_add("reset-meanwhile", test_reset_meanwhile);
    type1_add("failing", test_failing);
    type1_add("reports", test_reports);
    g_test_add_func("/host-type1/shadow", test_shadow);
    return g_test_run();
}
