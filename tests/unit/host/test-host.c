/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Host devices behind a VT-d unit: what attaching needs, several devices, what
 * resets, loads, detaching and vanished devices leave, page requests of each
 * kind.
 */
#include <string.h>

#include "tests/lib/unit/host-world.h"

#define OTHER   (SM_SOURCE + 8)

static void piotlb(Host *h, uint32_t pasid)
{
    guest_queue_piotlb(h->s->queue, SPEC_GRAN_DOMAIN, SM_DOMAIN, pasid, 0, 0,
                       false);
    fixture_wait(h->f);
}

static void pasid_cache(Host *h, uint32_t pasid)
{
    guest_queue_pasid_cache(h->s->queue, SPEC_INV_PASID_GRAN_PASID, SM_DOMAIN,
                            pasid);
    fixture_wait(h->f);
}

/* --- What attaching needs ------------------------------------------------ */

typedef struct Lack {
    /* what to take away of the host or of the unit, and the error's words */
    void (*host)(ViommuVtdConfig *config);
    void (*unit)(ViommuVtdConfig *config);
    const char *says;
    /* with nesting=auto, too */
    bool always;
} Lack;

/* The host's unit needs one of the stages at least. */
static void no_nested(ViommuVtdConfig *c)
{
    c->first_stage = c->nested = c->extended_access = false;
}

static void no_eafs(ViommuVtdConfig *c)
{
    c->extended_access = false;
}

static void no_1g(ViommuVtdConfig *c)
{
    c->fs1gp = false;
}

static void wide(ViommuVtdConfig *c)
{
    c->aw_bits = 57;
}

static void no_cm(ViommuVtdConfig *c)
{
    c->caching_mode = false;
}

static void pmr(ViommuVtdConfig *c)
{
    c->protected_memory = true;
}

static void types(ViommuVtdConfig *c)
{
    c->memory_types = true;
}

static void rid_priv(ViommuVtdConfig *c)
{
    c->rid_priv = true;
}

static void test_lacks(void)
{
    static const Lack lacks[] = {
        { no_nested, NULL, "ECAP.NEST", false },
        { no_eafs, NULL, "ECAP.EAFS", false },
        { no_1g, NULL, "CAP.FS1GP", false },
        { NULL, wide, "CAP.FS5LP", false },
        { NULL, no_nested, "x-flts", false },
        { NULL, types, "ECAP.MTS", false },
        { NULL, rid_priv, "rid-priv=off", false },
        { NULL, no_cm, "caching-mode=on", true },
        { NULL, pmr, "pmr=off", true },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(lacks); i++) {
        const Lack *lack = &lacks[i];
        GError *error = NULL;
        HostsimConfig sim;
        ViommuVtdConfig config;
        Viommu *unit;
        bool ok;
        Host h;

        hostsim_config_init(&sim, HOSTSIM_VTD);
        if (lack->host) {
            lack->host(&sim.vtd);
        }
        host_start_sim(&h, &sim);
        host_config(&config);
        host_start_guest(&h, &config, SPEC_PGTT_FIRST);
        if (lack->unit) {
            lack->unit(&config);
        }
        unit = viommu_vtd_new(&config, fixture_ops(), h.f, &error);
        g_assert_no_error(error);
        g_assert_true(host_connect(&h, &error));
        g_assert_true(host_open(&h, 0, &error));
        g_assert_no_error(error);
        g_assert_false(viommu_attach_host(unit, 8, h.device[0],
                                          VIOMMU_NESTING_ON, &error));
        g_assert_error(error, VIOMMU_ERROR, VIOMMU_ERROR_HOST);
        g_assert_nonnull(strstr(error->message, lack->says));
        g_assert_null(strchr(error->message, '\n'));
        g_clear_error(&error);
        ok = viommu_attach_host(unit, 8, h.device[0], VIOMMU_NESTING_AUTO,
                                &error);
        g_assert_cmpint(ok, ==, !lack->always);
        g_assert_cmpint(!error, ==, ok);
        g_assert_false(viommu_host_device_nested(h.device[0]));
        g_clear_error(&error);
        viommu_free(unit);
        g_assert_cmpuint(host_usage(&h).bound, ==, 0);
        host_end(&h);
    }
}

static void test_twice(void)
{
    GError *error = NULL;
    Host h;

    host_start(&h);
    g_assert_true(viommu_host_device_nested(h.device[0]));
    g_assert_false(viommu_attach_host(h.f->unit, OTHER, h.device[0],
                                      VIOMMU_NESTING_ON, &error));
    g_assert_error(error, VIOMMU_ERROR, VIOMMU_ERROR_HOST);
    g_clear_error(&error);
    g_assert_true(host_open(&h, 1, &error));
    g_assert_false(viommu_attach_host(h.f->unit, SM_SOURCE, h.device[1],
                                      VIOMMU_NESTING_ON, &error));
    g_assert_error(error, VIOMMU_ERROR, VIOMMU_ERROR_HOST);
    g_clear_error(&error);
    host_good(&h, 0, PRI_PASID, HOST_VA, HOST_DATA);
    /* gone, and back */
    viommu_detach_host(h.f->unit, SM_SOURCE);
    viommu_detach_host(h.f->unit, SM_SOURCE);
    g_assert_cmpuint(host_usage(&h).bound, ==, 0);
    host_blocked(&h, 0, PRI_PASID, HOST_VA);
    host_blocked(&h, 0, SM_NONE, HOST_VA);
    g_assert_true(viommu_attach_host(h.f->unit, SM_SOURCE, h.device[0],
                                     VIOMMU_NESTING_AUTO, &error));
    host_good(&h, 0, SM_NONE, HOST_VA, HOST_DATA);
    host_good(&h, 0, PRI_PASID, HOST_VA, HOST_DATA);
    host_end(&h);
}

/* --- Several devices ----------------------------------------------------- */

/* Two host devices and an emulated one, each with a context entry. */
static void test_mixed(void)
{
    GError *error = NULL;
    uint64_t before;
    Host h;

    host_start(&h);
    g_assert_true(guest_sm_context_set(h.s->alloc, h.s->root, OTHER,
                                       h.s->ctx));
    g_assert_true(host_open(&h, 1, &error));
    host_enable(&h, 1);
    g_assert_true(viommu_attach_host(h.f->unit, OTHER, h.device[1],
                                     VIOMMU_NESTING_ON, &error));
    g_assert_true(host_open(&h, 2, &error));
    host_enable(&h, 2);
    g_assert_cmpint(viommu_host_device_pass_through(h.device[2]), ==, 0);
    host_good(&h, 0, PRI_PASID, HOST_VA, HOST_DATA);
    host_good(&h, 1, PRI_PASID, HOST_VA, HOST_DATA);
    host_good(&h, 2, SM_NONE, HOST_DATA, HOST_DATA);
    /* one parent for all */
    before = host_usage(&h).objects;
    g_assert_cmpuint(before, ==, 3 + 1 + 1 + 1 + 4);

    /* an invalidation of one device's entry leaves the other alone */
    g_assert_true(guest_sm_context_set(h.s->alloc, h.s->root, OTHER,
                                       (uint64_t[4]) { 0 }));
    guest_queue_context(h.s->queue, SPEC_GRAN_DEVICE, 0, OTHER, 0);
    fixture_wait(h.f);
    host_blocked(&h, 1, PRI_PASID, HOST_VA);
    host_blocked(&h, 1, SM_NONE, HOST_VA);
    host_good(&h, 0, PRI_PASID, HOST_VA, HOST_DATA);
    scalable_ok(h.s, PRI_PASID, HOST_VA, SM_R, HOST_DATA);

    /* device-TLBs of host devices are the host's: nobody else is asked */
    h.f->device_silent = 1;
    guest_queue_devtlb(h.s->queue, SM_SOURCE, HOST_VA, HOST_PAGE);
    guest_queue_pdevtlb(h.s->queue, SM_SOURCE, PRI_PASID, false, HOST_VA,
                        HOST_PAGE);
    guest_queue_pdevtlb(h.s->queue, SM_SOURCE, 0, true, HOST_VA, HOST_PAGE);
    fixture_wait(h.f);
    g_assert_cmphex(guest_reg32(&h.f->regs, SPEC_FSTS) & 0xff, ==, 0);
    h.f->device_silent = 0;
    before = host_stats(&h).invalidation_calls;
    /* what an invalidation of the IOTLB covers needs no call of its own */
    guest_queue_piotlb(h.s->queue, SPEC_GRAN_DOMAIN, SM_DOMAIN, PRI_PASID, 0,
                       0, false);
    guest_queue_pdevtlb(h.s->queue, SM_SOURCE, PRI_PASID, false, HOST_VA,
                        HOST_PAGE);
    fixture_wait(h.f);
    g_assert_cmpuint(host_stats(&h).invalidation_calls, ==, before + 1);
    host_end(&h);
}

/* The device vanishes: its invalidations time out, others go on. */
static void test_gone(void)
{
    GError *error = NULL;
    Host h;

    host_start(&h);
    g_assert_true(guest_sm_context_set(h.s->alloc, h.s->root, OTHER,
                                       h.s->ctx));
    g_assert_true(host_open(&h, 1, &error));
    host_enable(&h, 1);
    g_assert_true(viommu_attach_host(h.f->unit, OTHER, h.device[1],
                                     VIOMMU_NESTING_ON, &error));
    hostsim_remove_device(h.sim, "0000:01:00.0");
    guest_queue_pasid_cache(h.s->queue, SPEC_INV_PASID_GRAN_GLOBAL, 0, 0);
    h.s->entry.fs_levels = 4;
    h.s->entry.pgtt = SPEC_PGTT_PASS;
    scalable_put_pasid(h.s, PRI_PASID);
    guest_queue_pasid_cache(h.s->queue, SPEC_INV_PASID_GRAN_PASID, SM_DOMAIN,
                            PRI_PASID);
    guest_queue_push_wide(h.s->queue, (uint64_t[4]) { SPEC_INV_WAIT });
    guest_queue_ring(h.s->queue);
    fixture_run(h.f);
    g_assert_cmphex(guest_reg32(&h.f->regs, SPEC_FSTS) & 0xff, ==,
                    SPEC_FSTS_ITE);
    g_assert_cmphex(guest_reg64(&h.f->regs, SPEC_IQERCD) >> 32 & 0xffff, ==,
                    SM_SOURCE);
    guest_set_reg32(&h.f->regs, SPEC_FSTS, SPEC_FSTS_ITE);
    fixture_wait(h.f);
    g_assert_true(viommu_host_device_gone(h.device[0]));
    g_assert_false(viommu_host_device_gone(h.device[1]));
    host_good(&h, 1, PRI_PASID, HOST_DATA, HOST_DATA);
    host_good(&h, 1, SM_NONE, HOST_VA, HOST_DATA);
    /* its device-TLB does not answer any more, either */
    guest_queue_devtlb(h.s->queue, SM_SOURCE, HOST_VA, HOST_PAGE);
    guest_queue_push_wide(h.s->queue, (uint64_t[4]) { SPEC_INV_WAIT });
    guest_queue_ring(h.s->queue);
    fixture_run(h.f);
    g_assert_cmphex(guest_reg32(&h.f->regs, SPEC_FSTS) & 0xff, ==,
                    SPEC_FSTS_ITE);
    guest_set_reg32(&h.f->regs, SPEC_FSTS, SPEC_FSTS_ITE);
    fixture_wait(h.f);
    /* nothing of it is left once it is closed */
    host_close(&h, 0);
    scalable_flush(h.s);
    host_good(&h, 1, SM_NONE, HOST_VA, HOST_DATA);
    host_end(&h);
}

/* --- The unit's states --------------------------------------------------- */

static void test_states(void)
{
    GError *error = NULL;
    GBytes *state;
    Host h;

    host_start(&h);
    g_assert_cmpuint(host_usage(&h).bound, ==, 2);
    state = viommu_save(h.f->unit);
    viommu_reset(h.f->unit);
    g_assert_cmpuint(host_usage(&h).bound, ==, 1);
    host_blocked(&h, 0, PRI_PASID, HOST_VA);
    host_good(&h, 0, SM_NONE, HOST_DATA, HOST_DATA);
    g_assert_true(viommu_load(h.f->unit, g_bytes_get_data(state, NULL),
                              g_bytes_get_size(state), &error));
    fixture_run(h.f);
    g_assert_cmpuint(host_usage(&h).bound, ==, 2);
    host_good(&h, 0, PRI_PASID, HOST_VA, HOST_DATA);
    host_good(&h, 0, SM_NONE, HOST_VA, HOST_DATA);
    g_bytes_unref(state);

    /* off and on */
    g_assert_true(guest_command(&h.f->regs, 0, SPEC_GCMD_TE));
    g_assert_cmpuint(host_usage(&h).bound, ==, 1);
    host_good(&h, 0, SM_NONE, HOST_DATA, HOST_DATA);
    g_assert_true(guest_command(&h.f->regs, SPEC_GCMD_TE, 0));
    host_good(&h, 0, PRI_PASID, HOST_VA, HOST_DATA);
    /* other tables, and modes that have none */
    g_assert_true(guest_set_root(&h.f->regs, h.s->root |
                                 (uint64_t)SPEC_TTM_ABORT <<
                                 SPEC_RTADDR_TTM_SHIFT));
    g_assert_cmpuint(host_usage(&h).bound, ==, 0);
    host_blocked(&h, 0, SM_NONE, HOST_DATA);
    g_assert_true(guest_set_root(&h.f->regs, h.s->root |
                                 (uint64_t)SPEC_TTM_SCALABLE <<
                                 SPEC_RTADDR_TTM_SHIFT));
    host_good(&h, 0, PRI_PASID, HOST_VA, HOST_DATA);
    host_end(&h);
}

/* The unit goes first. */
static void test_free(void)
{
    Host h;

    host_start(&h);
    scalable_free(h.s);
    h.s = NULL;
    g_assert_cmpuint(host_usage(&h).bound, ==, 0);
    host_end(&h);
}

/* An entry under another name: what was cached under it counts no more. */
static void test_renamed(void)
{
    uint64_t at;
    Host h;

    host_start(&h);
    host_good(&h, 0, PRI_PASID, HOST_VA, HOST_DATA);
    at = guest_fs_entry(&h.s->fs, h.s->alloc, HOST_VA, 1, false);
    guest_write64(&h.f->mem, at, (HOST_DATA + HOST_PAGE) | SM_LEAF);
    h.s->entry.domain = SM_DOMAIN + 1;
    scalable_put_pasid(h.s, PRI_PASID);
    pasid_cache(&h, PRI_PASID);
    host_good(&h, 0, PRI_PASID, HOST_VA, HOST_DATA + HOST_PAGE);
    /* the old name means it no more, the new one does */
    guest_write64(&h.f->mem, at, HOST_DATA | SM_LEAF);
    piotlb(&h, PRI_PASID);
    guest_queue_piotlb(h.s->queue, SPEC_GRAN_DOMAIN, SM_DOMAIN + 1, PRI_PASID,
                       0, 0, false);
    fixture_wait(h.f);
    host_good(&h, 0, PRI_PASID, HOST_VA, HOST_DATA);
    host_end(&h);
}

/* Requests without a PASID share the entry of one (RID_PASID). */
static void test_rid_pasid(void)
{
    GError *error = NULL;
    HostsimConfig sim;
    ViommuVtdConfig config;
    uint64_t at;
    Host h;

    hostsim_config_init(&sim, HOSTSIM_VTD);
    host_start_sim(&h, &sim);
    host_config(&config);
    config.rid_pasid = true;
    host_start_guest(&h, &config, SPEC_PGTT_FIRST);
    h.s->ctx[1] = PRI_PASID;
    scalable_put_context(h.s);
    guest_write64(&h.f->mem, guest_pasid_addr(h.s->alloc, h.s->dir, 0), 0);
    scalable_flush(h.s);
    g_assert_true(host_connect(&h, &error));
    g_assert_true(host_open(&h, 0, &error));
    g_assert_true(viommu_attach_host(h.f->unit, SM_SOURCE, h.device[0],
                                     VIOMMU_NESTING_ON, &error));
    g_assert_no_error(error);
    host_enable(&h, 0);
    host_good(&h, 0, PRI_PASID, HOST_VA, HOST_DATA);
    host_good(&h, 0, SM_NONE, HOST_VA, HOST_DATA);
    at = guest_fs_entry(&h.s->fs, h.s->alloc, HOST_VA, 1, false);
    guest_write64(&h.f->mem, at, (HOST_DATA + HOST_PAGE) | SM_LEAF);
    piotlb(&h, PRI_PASID);
    host_good(&h, 0, PRI_PASID, HOST_VA, HOST_DATA + HOST_PAGE);
    host_good(&h, 0, SM_NONE, HOST_VA, HOST_DATA + HOST_PAGE);
    /* and goes with it */
    guest_write64(&h.f->mem, guest_pasid_addr(h.s->alloc, h.s->dir,
                                              PRI_PASID), 0);
    pasid_cache(&h, PRI_PASID);
    host_blocked(&h, 0, PRI_PASID, HOST_VA);
    host_blocked(&h, 0, SM_NONE, HOST_VA);
    g_assert_cmpuint(host_usage(&h).bound, ==, 0);
    host_end(&h);
}

/* More PASIDs than a device may have bound. */
static void test_many(void)
{
    uint32_t n = 6000;
    Host h;

    host_start(&h);
    /* a directory for 2^14 PASIDs */
    for (uint32_t pasid = 1; pasid < n; pasid++) {
        scalable_put_pasid(h.s, pasid);
    }
    guest_queue_pasid_cache(h.s->queue, SPEC_INV_PASID_GRAN_GLOBAL, 0, 0);
    guest_queue_push_wide(h.s->queue, (uint64_t[4]) { SPEC_INV_WAIT });
    guest_queue_ring(h.s->queue);
    fixture_run(h.f);
    g_assert_cmphex(guest_reg32(&h.f->regs, SPEC_FSTS) & 0xff, ==,
                    SPEC_FSTS_ITE);
    guest_set_reg32(&h.f->regs, SPEC_FSTS, SPEC_FSTS_ITE);
    g_assert_cmpuint(host_usage(&h).bound, ==, 4096);
    host_good(&h, 0, 1, HOST_VA, HOST_DATA);
    host_blocked(&h, 0, n - 1, HOST_VA);
    /* all away again */
    for (uint32_t pasid = 1; pasid < n; pasid++) {
        guest_write64(&h.f->mem, guest_pasid_addr(h.s->alloc, h.s->dir,
                                                  pasid), 0);
    }
    scalable_flush(h.s);
    g_assert_cmpuint(host_usage(&h).bound, ==, 1);
    host_end(&h);
}

/* --- Page requests ------------------------------------------------------- */

static void test_pages(void)
{
    uint64_t word[4];
    Host h;

    host_start(&h);
    host_page_request(&h, 0, PRI_PASID, HOST_VA, TD_REQUEST_READ |
                      TD_REQUEST_LAST | TD_REQUEST_GROUP(7));
    host_page_request(&h, 0, SM_NONE, HOST_VA + HOST_PAGE, TD_REQUEST_WRITE |
                      TD_REQUEST_LAST | TD_REQUEST_GROUP(8));
    host_run(&h);
    for (unsigned i = 0; i < 2; i++) {
        g_assert_true(guest_page_queue_pop(&h.queue, word));
        g_assert_cmphex(word[0] >> 16 & 0xffff, ==, SM_SOURCE);
        g_assert_cmphex(word[0] & SPEC_PREQ_PP, ==, i ? 0 : SPEC_PREQ_PP);
        g_assert_cmphex(word[1] & SPEC_PREQ_HI_ADDR, ==,
                        HOST_VA + i * HOST_PAGE);
    }
    g_assert_false(guest_page_queue_pop(&h.queue, word));
    /* answers for another group, PASID, source: nothing */
    guest_queue_page_response(h.s->queue, SM_SOURCE, PRI_PASID, 8, 0);
    guest_queue_page_response(h.s->queue, SM_SOURCE, SM_NONE, 7, 0);
    guest_queue_page_response(h.s->queue, OTHER, PRI_PASID, 7, 0);
    fixture_wait(h.f);
    g_assert_cmpuint(host_get(&h, 0, TD_PAGE_OUTSTANDING), ==, 2);
    guest_queue_page_response(h.s->queue, SM_SOURCE, SM_NONE, 8, 0);
    guest_queue_page_response(h.s->queue, SM_SOURCE, PRI_PASID, 7, 15);
    guest_queue_page_response(h.s->queue, SM_SOURCE, PRI_PASID, 7, 0);
    fixture_wait(h.f);
    g_assert_cmpuint(host_get(&h, 0, TD_PAGE_OUTSTANDING), ==, 0);
    g_assert_cmpuint(host_get(&h, 0, TD_PAGE_RESPONSES), ==, 2);
    g_assert_cmpuint(host_get(&h, 0, TD_PAGE_UNEXPECTED), ==, 0);
    g_assert_cmphex(host_get(&h, 0, TD_RESPONSE) & 0xf, ==, 1);
    /* only what was for nobody of the host came out of the unit */
    g_assert_cmpuint(h.f->responses->len, ==, 1);
    host_end(&h);
}

/* What waits when its table goes is answered, and once. */
static void test_dropped(void)
{
    unsigned asked = 0;
    Host h;

    host_start(&h);
    for (unsigned i = 0; i < 5; i++) {
        host_page_request(&h, 0, PRI_PASID, HOST_VA, TD_REQUEST_READ |
                          TD_REQUEST_LAST | TD_REQUEST_GROUP(i));
        host_run(&h);
        asked++;
        switch (i) {
        case 0:
            h.s->entry.pgtt = SPEC_PGTT_PASS;
            scalable_put_pasid(h.s, PRI_PASID);
            pasid_cache(&h, PRI_PASID);
            h.s->entry.pgtt = SPEC_PGTT_FIRST;
            scalable_put_pasid(h.s, PRI_PASID);
            pasid_cache(&h, PRI_PASID);
            break;
        case 1:
            g_assert_true(guest_command(&h.f->regs, 0, SPEC_GCMD_TE));
            g_assert_true(guest_command(&h.f->regs, SPEC_GCMD_TE, 0));
            break;
        case 2: {
            GBytes *state = viommu_save(h.f->unit);

            g_assert_true(viommu_load(h.f->unit,
                                      g_bytes_get_data(state, NULL),
                                      g_bytes_get_size(state), NULL));
            fixture_run(h.f);
            g_bytes_unref(state);
            break;
        }
        default:
            viommu_detach_host(h.f->unit, SM_SOURCE);
            g_assert_true(viommu_attach_host(h.f->unit, SM_SOURCE,
                                             h.device[0], VIOMMU_NESTING_ON,
                                             NULL));
            break;
        }
        g_assert_cmpuint(host_get(&h, 0, TD_PAGE_OUTSTANDING), ==, 0);
        /* the guest's own answer is late */
        guest_queue_page_response(h.s->queue, SM_SOURCE, PRI_PASID, i, 0);
        fixture_wait(h.f);
        g_assert_cmpuint(host_get(&h, 0, TD_PAGE_RESPONSES), ==, asked);
        g_assert_cmpuint(host_get(&h, 0, TD_PAGE_UNEXPECTED), ==, 0);
    }
    host_end(&h);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/host/lacks", test_lacks);
    g_test_add_func("/host/twice", test_twice);
    g_test_add_func("/host/mixed", test_mixed);
    g_test_add_func("/host/gone", test_gone);
    g_test_add_func("/host/states", test_states);
    g_test_add_func("/host/free", test_free);
    g_test_add_func("/host/renamed", test_renamed);
    g_test_add_func("/host/rid-pasid", test_rid_pasid);
    g_test_add_func("/host/many", test_many);
    g_test_add_func("/host/pages", test_pages);
    g_test_add_func("/host/dropped", test_dropped);
    return g_test_run();
}
