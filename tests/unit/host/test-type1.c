/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A host device in a VFIO container, behind a VT-d unit: the guest's tables by
 * the vSVA user API in either form, PASIDs that the host gives out, faults
 * and page requests.
 */
#include "tests/lib/unit/type1.h"

#include <errno.h>
#include <string.h>

static void test_caps(gconstpointer form)
{
    ViommuHostCaps caps;
    Type1 t;

    type1_start(&t, *(const HostsimVsva *)form);
    viommu_host_device_get_caps(t.h.device[0], &caps);
    g_assert_cmpint(caps.kind, ==, VIOMMU_HOST_VTD);
    g_assert_true(caps.nesting);
    g_assert_false(caps.rid_nesting);
    g_assert_true(caps.host_pasids);
    g_assert_true(caps.page_requests);
    g_assert_true(caps.dirty_tracking);
    g_assert_true(caps.memory_types);
    g_assert_cmpuint(caps.pasid_bits, ==, 20);
    /* EAFS and FS1GP are there; SRS, too; five levels are not */
    g_assert_cmphex(caps.vtd_ecap >> 34 & 1, ==, 1);
    g_assert_cmphex(caps.vtd_cap >> 56 & 1, ==, 1);
    g_assert_cmphex(caps.vtd_cap >> 60 & 1, ==, 0);
    g_assert_true(viommu_host_device_nested(t.h.device[0]));
    type1_end(&t);
}

static void test_tables(gconstpointer form)
{
    uint32_t other;
    uint64_t at;
    Type1 t;
    Host *h = &t.h;

    type1_start(&t, *(const HostsimVsva *)form);
    g_assert_cmpuint(host_usage(h).bound, ==, 2);
    host_good(h, 0, t.pasid, HOST_VA, HOST_DATA);
    host_good(h, 0, SM_NONE, HOST_DATA, HOST_DATA);
    host_blocked(h, 0, t.pasid + 1, HOST_VA);
    host_blocked(h, 0, t.pasid, HOST_VA + HOST_PAGE);

    /* another page, told by address, by PASID and by domain */
    at = guest_fs_entry(&h->s->fs, h->s->alloc, HOST_VA, 1, false);
    for (unsigned i = 1; i <= 3; i++) {
        guest_write64(&h->f->mem, at, (HOST_DATA + i * HOST_PAGE) | SM_LEAF);
        if (i == 3) {
            guest_queue_iotlb(h->s->queue, SPEC_GRAN_DOMAIN, SM_DOMAIN, 0, 0,
                              false);
        } else {
            guest_queue_piotlb(h->s->queue,
                               i == 1 ? SPEC_GRAN_PAGE : SPEC_GRAN_DOMAIN,
                               SM_DOMAIN, t.pasid, HOST_VA, 0, false);
        }
        fixture_wait(h->f);
        host_good(h, 0, t.pasid, HOST_VA, HOST_DATA + i * HOST_PAGE);
    }

    /* a second PASID of the same table, and the first one gone */
    other = type1_allocate(&t);
    g_assert_cmpuint(other, !=, t.pasid);
    type1_bind(&t, other);
    host_good(h, 0, other, HOST_VA, HOST_DATA + 3 * HOST_PAGE);
    type1_unbind(&t, t.pasid);
    host_blocked(h, 0, t.pasid, HOST_VA);
    host_good(h, 0, other, HOST_VA, HOST_DATA + 3 * HOST_PAGE);
    type1_end(&t);
}

/*
 * Ranges of pages, and the device's own cache
 * [UAPI 003 "support the used granularity"].
 */
static void test_ranges(gconstpointer form)
{
    uint64_t at, before;
    Type1 t;
    Host *h = &t.h;

    type1_start(&t, *(const HostsimVsva *)form);
    for (unsigned i = 0; i < 8; i++) {
        scalable_map(h->s, HOST_VA + i * HOST_PAGE,
                     HOST_DATA + i * HOST_PAGE, 1);
    }
    guest_queue_piotlb(h->s->queue, SPEC_GRAN_DOMAIN, SM_DOMAIN, t.pasid, 0,
                       0, false);
    fixture_wait(h->f);
    host_set(h, 0, TD_CONTROL, TD_CONTROL_ATS);
    for (unsigned i = 0; i < 8; i++) {
        host_good(h, 0, t.pasid, HOST_VA + i * HOST_PAGE,
                  HOST_DATA + i * HOST_PAGE);
    }
    /* the last page of the range that is told of */
    at = guest_fs_entry(&h->s->fs, h->s->alloc, HOST_VA + 7 * HOST_PAGE, 1,
                        false);
    guest_write64(&h->f->mem, at, (HOST_DATA + 9 * HOST_PAGE) | SM_LEAF);
    guest_queue_piotlb(h->s->queue, SPEC_GRAN_PAGE, SM_DOMAIN, t.pasid,
                       HOST_VA, 3, false);
    fixture_wait(h->f);
    host_good(h, 0, t.pasid, HOST_VA + 7 * HOST_PAGE,
              HOST_DATA + 9 * HOST_PAGE);
    /* the device alone; the unit's embedder has none there */
    h->f->device_silent = true;
    before = host_get(h, 0, TD_ATC_INVALIDATIONS);
    guest_queue_pdevtlb(h->s->queue, SM_SOURCE, t.pasid, false, HOST_VA,
                        HOST_PAGE);
    fixture_wait(h->f);
    g_assert_cmpuint(host_get(h, 0, TD_ATC_INVALIDATIONS), >, before);
    g_assert_cmpuint(host_get(h, 0, TD_STALE_USES), ==, 0);
    type1_end(&t);
}

/** One table in another's place, and a host that does not take it. */
static void test_replace(gconstpointer form)
{
    const HostsimFailure no_bind = {
        .call = HOSTSIM_IOCTL, .request = VSVA_BIND, .after = 1, .times = 1,
        .error = ENOMEM,
    };
    GuestFs fs;
    uint64_t old;
    Type1 t;
    Host *h = &t.h;

    type1_start(&t, *(const HostsimVsva *)form);
    host_good(h, 0, t.pasid, HOST_VA, HOST_DATA);
    old = h->s->entry.fs;
    g_assert_true(guest_fs_init(&fs, h->s->alloc, 4, 0));
    g_assert_true(guest_fs_map(&fs, h->s->alloc, HOST_VA,
                               HOST_DATA + HOST_PAGE, 1, SM_LEAF));
    h->s->entry.fs = fs.table;
    type1_bind(&t, t.pasid);
    host_good(h, 0, t.pasid, HOST_VA, HOST_DATA + HOST_PAGE);

    /* unbind works, bind does not: the guest hears of it */
    h->s->entry.fs = old;
    scalable_put_pasid(h->s, t.pasid);
    hostsim_fail(h->sim, &no_bind);
    type1_pasid_cache_refused(&t, t.pasid);
    host_blocked(h, 0, t.pasid, HOST_VA);
    host_good(h, 0, SM_NONE, HOST_DATA, HOST_DATA);
    hostsim_fail(h->sim, NULL);
    type1_bind(&t, t.pasid);
    host_good(h, 0, t.pasid, HOST_VA, HOST_DATA);
    type1_end(&t);
}

static void test_pasids(gconstpointer form)
{
    uint32_t pasid;
    Type1 t;
    Host *h = &t.h;

    type1_start(&t, *(const HostsimVsva *)form);
    g_assert_cmpuint(host_usage(h).pasids, ==, 1);
    /* not while it is in the tables */
    g_assert_cmpuint(type1_give_back(&t, t.pasid), ==, SPEC_VC_INVALID_PASID);
    host_good(h, 0, t.pasid, HOST_VA, HOST_DATA);
    type1_unbind(&t, t.pasid);
    g_assert_cmpuint(type1_give_back(&t, t.pasid), ==, SPEC_VC_SUCCESS);
    g_assert_cmpuint(host_usage(h).pasids, ==, 0);
    g_assert_cmpuint(type1_give_back(&t, t.pasid), ==, SPEC_VC_INVALID_PASID);

    /* the host has only so many */
    for (unsigned i = 0; i < 1000; i++) {
        pasid = type1_allocate(&t);
        g_assert_cmpuint(pasid, !=, 0);
    }
    g_assert_cmphex(type1_command(&t, SPEC_VCMD_ALLOCATE), ==,
                    SPEC_VC_NO_PASID << SPEC_VCRSP_SC_SHIFT);
    type1_bind(&t, pasid);
    host_good(h, 0, pasid, HOST_VA, HOST_DATA);
    g_assert_cmpuint(host_usage(h).pasids, ==, 1000);

    /* reset forgets them, here and there */
    viommu_reset(h->f->unit);
    fixture_run(h->f);
    g_assert_cmpuint(host_usage(h).pasids, ==, 0);
    g_assert_cmpuint(host_usage(h).bound, ==, 1);
    g_assert_cmpuint(type1_allocate(&t), !=, 0);
    type1_end(&t);
}

/* Not by way of the fixture, which goes on with what was put off. */
static uint64_t response(Type1 *t)
{
    return viommu_mmio_read(t->h.f->unit, SPEC_VCRSP, 8);
}

/** Give a command where the host cannot be asked: it stays in progress. */
static void put_off(Type1 *t, uint64_t vcmd)
{
    viommu_dma_begin();
    viommu_mmio_write(t->h.f->unit, SPEC_VCMD, vcmd, 8);
    viommu_dma_end();
    g_assert_cmphex(response(t), ==, SPEC_VCRSP_IP);
}

static void test_in_progress(gconstpointer form)
{
    GError *error = NULL;
    GBytes *state;
    uint32_t pasid;
    Type1 t;
    Host *h = &t.h;

    type1_start(&t, *(const HostsimVsva *)form);
    put_off(&t, SPEC_VCMD_ALLOCATE);
    g_assert_cmpuint(host_usage(h).pasids, ==, 1);
    /* software may not give another one; nothing comes of it */
    viommu_dma_begin();
    viommu_mmio_write(h->f->unit, SPEC_VCMD, SPEC_VCMD_NULL, 8);
    viommu_mmio_write(h->f->unit, SPEC_VCMD, SPEC_VCMD_FREE |
                      (uint64_t)t.pasid << SPEC_VCMD_PASID_SHIFT, 8);
    viommu_dma_end();
    fixture_run(h->f);
    pasid = (response(&t) & SPEC_VCRSP_PASID) >> SPEC_VCRSP_PASID_SHIFT;
    g_assert_cmpuint(pasid, !=, 0);
    g_assert_cmpuint(pasid, !=, t.pasid);
    g_assert_cmpuint(host_usage(h).pasids, ==, 2);

    /* with the state, it goes on where that is loaded */
    put_off(&t, SPEC_VCMD_FREE | (uint64_t)pasid << SPEC_VCMD_PASID_SHIFT);
    state = viommu_save(h->f->unit);
    fixture_run(h->f);
    g_assert_cmphex(response(&t), ==, 0);
    g_assert_cmpuint(host_usage(h).pasids, ==, 1);
    g_assert_true(viommu_load(h->f->unit, g_bytes_get_data(state, NULL),
                              g_bytes_get_size(state), &error));
    g_assert_cmphex(response(&t), ==, SPEC_VCRSP_IP);
    fixture_run(h->f);
    g_assert_cmphex(response(&t), ==, 0);
    g_bytes_unref(state);
    host_good(h, 0, t.pasid, HOST_VA, HOST_DATA);

    /* reset forgets it */
    put_off(&t, SPEC_VCMD_ALLOCATE);
    viommu_reset(h->f->unit);
    g_assert_cmphex(response(&t), ==, 0);
    fixture_run(h->f);
    g_assert_cmphex(response(&t), ==, 0);
    g_assert_cmpuint(host_usage(h).pasids, ==, 0);
    type1_end(&t);
}

/** A guest that takes a PASID by itself: it gets what the host has free. */
static void test_claimed(gconstpointer form)
{
    Type1 t;
    Host *h = &t.h;

    type1_start(&t, *(const HostsimVsva *)form);
    type1_bind(&t, 4321);
    host_good(h, 0, 4321, HOST_VA, HOST_DATA);
    g_assert_cmpuint(host_usage(h).pasids, ==, 2);
    type1_unbind(&t, 4321);
    g_assert_cmpuint(host_usage(h).pasids, ==, 1);
    host_blocked(h, 0, 4321, HOST_VA);
    type1_end(&t);
}

/** State that is loaded: the PASIDs in it are asked for again. */
static void test_load(gconstpointer form)
{
    GError *error = NULL;
    GBytes *state;
    Type1 t;
    Host *h = &t.h;

    type1_start(&t, *(const HostsimVsva *)form);
    state = viommu_save(h->f->unit);
    viommu_reset(h->f->unit);
    fixture_run(h->f);
    host_blocked(h, 0, t.pasid, HOST_VA);
    g_assert_true(viommu_load(h->f->unit, g_bytes_get_data(state, NULL),
                              g_bytes_get_size(state), &error));
    fixture_run(h->f);
    host_good(h, 0, t.pasid, HOST_VA, HOST_DATA);
    type1_unbind(&t, t.pasid);
    g_assert_cmpuint(type1_give_back(&t, t.pasid), ==, SPEC_VC_SUCCESS);
    g_assert_cmpuint(host_usage(h).pasids, ==, 0);
    g_bytes_unref(state);
    type1_end(&t);
}

static void test_page_requests(gconstpointer form)
{
    uint64_t word[4];
    Type1 t;
    Host *h = &t.h;

    type1_start(&t, *(const HostsimVsva *)form);
    /* more than a ring has, a few at a time */
    for (unsigned i = 0; i < 1500; i++) {
        unsigned group = i % 256, code = i % 3 == 0 ? 1 : 0;

        host_page_request(h, 0, t.pasid, HOST_VA + i * HOST_PAGE,
                          TD_REQUEST_WRITE | TD_REQUEST_GROUP(group));
        host_page_request(h, 0, t.pasid, HOST_VA + i * HOST_PAGE,
                          TD_REQUEST_READ | TD_REQUEST_LAST |
                          TD_REQUEST_GROUP(group));
        host_run(h);
        for (unsigned k = 0; k < 2; k++) {
            g_assert_true(guest_page_queue_pop(&h->queue, word));
            g_assert_cmphex(word[0] >> 16 & 0xffff, ==, SM_SOURCE);
            g_assert_cmphex(word[0] & SPEC_PREQ_PP, ==, SPEC_PREQ_PP);
            g_assert_cmphex(word[0] >> 32 & 0xfffff, ==, t.pasid);
            g_assert_cmphex(word[1] & SPEC_PREQ_HI_ADDR, ==,
                            HOST_VA + i * HOST_PAGE);
        }
        g_assert_false(guest_page_queue_pop(&h->queue, word));
        guest_queue_page_response(h->s->queue, SM_SOURCE, t.pasid, group,
                                  code);
        fixture_wait(h->f);
        g_assert_cmphex(host_get(h, 0, TD_RESPONSE) & 0xf, ==, code);
        g_assert_cmpuint(host_get(h, 0, TD_PAGE_OUTSTANDING), ==, 0);
    }
    g_assert_cmpuint(host_get(h, 0, TD_PAGE_UNEXPECTED), ==, 0);

    /* one that waits when its table goes is answered */
    host_page_request(h, 0, t.pasid, HOST_VA, TD_REQUEST_READ |
                      TD_REQUEST_LAST | TD_REQUEST_GROUP(3));
    host_run(h);
    g_assert_cmpuint(host_get(h, 0, TD_PAGE_OUTSTANDING), ==, 1);
    type1_unbind(&t, t.pasid);
    g_assert_cmpuint(host_get(h, 0, TD_PAGE_OUTSTANDING), ==, 0);
    type1_end(&t);
}

/** A ring that nobody empties: what has no room gets an answer of the host's,
 *  and all is well when somebody does. */
static void test_ring_full(gconstpointer form)
{
    uint64_t word[4];
    Type1 t;
    Host *h = &t.h;

    type1_start(&t, *(const HostsimVsva *)form);
    for (unsigned i = 0; i < 600; i++) {
        host_blocked(h, 0, t.pasid, HOST_VA + HOST_PAGE);
    }
    for (unsigned i = 0; i < 2; i++) {
        host_page_request(h, 0, t.pasid, HOST_VA, TD_REQUEST_READ |
                          TD_REQUEST_LAST | TD_REQUEST_GROUP(i));
        g_assert_cmpuint(host_get(h, 0, TD_PAGE_OUTSTANDING), ==, i);
        host_run(h);
    }
    g_assert_true(guest_page_queue_pop(&h->queue, word));
    g_assert_false(guest_page_queue_pop(&h->queue, word));
    g_assert_cmpuint(host_stats(h).faults, ==, 511);
    type1_end(&t);
}

/** Blocked DMA is the guest's fault, and recorded so
 * [UAPI 003 "iommu_fault_reason"] [UAPI 003 "iommu_fault_type"]. */
static void test_faults(gconstpointer form)
{
    uint64_t low, high;
    unsigned at;
    Type1 t;
    Host *h = &t.h;

    type1_start(&t, *(const HostsimVsva *)form);
    at = (guest_reg64(&h->f->regs, SPEC_CAP) >> 24 & 0x3ff) * 16;
    host_blocked(h, 0, t.pasid, HOST_VA + 5 * HOST_PAGE);
    host_run(h);
    low = guest_reg64(&h->f->regs, at);
    high = guest_reg64(&h->f->regs, at + 8);
    g_assert_cmphex(high >> 63, ==, 1);
    g_assert_cmphex(high & 0xffff, ==, SM_SOURCE);
    g_assert_cmphex(high >> 40 & 0xfffff, ==, t.pasid);
    g_assert_cmphex(high >> 32 & 0xff, ==, 0x71);
    g_assert_cmphex(low, ==, HOST_VA + 5 * HOST_PAGE);
    type1_end(&t);
}

static void test_dirty(gconstpointer form)
{
    uint64_t bitmap[2] = { 0 };
    Type1 t;
    Host *h = &t.h;

    type1_start(&t, *(const HostsimVsva *)form);
    g_assert_cmpint(viommu_host_get_dirty(h->host, 0, 0x80000, 0x1000,
                                          bitmap), ==, -EINVAL);
    g_assert_cmpint(viommu_host_set_dirty_tracking(h->host, true), ==, 0);
    /* whatever the device can reach counts: also by parts, in large pages */
    g_assert_cmpint(viommu_host_get_dirty(h->host, 0x3000, 0x41000, 0x1000,
                                          bitmap), ==, 0);
    g_assert_cmphex(bitmap[0], ==, UINT64_MAX);
    g_assert_cmphex(bitmap[1], ==, 1);
    memset(bitmap, 0, sizeof(bitmap));
    g_assert_cmpint(viommu_host_get_dirty(h->host, 0, 0x40000, 0x10000,
                                          bitmap), ==, 0);
    g_assert_cmphex(bitmap[0], ==, 0xf);
    /* beyond guest memory, nothing */
    memset(bitmap, 0, sizeof(bitmap));
    g_assert_cmpint(viommu_host_get_dirty(h->host, FIXTURE_RAM - 0x1000,
                                          0x3000, 0x1000, bitmap), ==, 0);
    g_assert_cmphex(bitmap[0], ==, 1);
    /* what the device could reach before it was blocked still counts */
    guest_write64(&h->f->mem, guest_pasid_addr(h->s->alloc, h->s->dir, 0),
                  0);
    type1_pasid_cache(&t, 0);
    host_blocked(h, 0, SM_NONE, HOST_DATA);
    memset(bitmap, 0, sizeof(bitmap));
    g_assert_cmpint(viommu_host_get_dirty(h->host, 0, 0x4000, 0x1000,
                                          bitmap), ==, 0);
    g_assert_cmphex(bitmap[0], ==, 0xf);
    g_assert_cmpint(viommu_host_set_dirty_tracking(h->host, false), ==, 0);
    /* from now on it can reach nothing */
    g_assert_cmpint(viommu_host_set_dirty_tracking(h->host, true), ==, 0);
    memset(bitmap, 0, sizeof(bitmap));
    g_assert_cmpint(viommu_host_get_dirty(h->host, 0, 0x4000, 0x1000,
                                          bitmap), ==, 0);
    g_assert_cmphex(bitmap[0], ==, 0);
    type1_end(&t);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    type1_add("caps", test_caps);
    type1_add("tables", test_tables);
    type1_add("ranges", test_ranges);
    type1_add("replace", test_replace);
    type1_add("pasids", test_pasids);
    type1_add("in-progress", test_in_progress);
    type1_add("claimed", test_claimed);
    type1_add("load", test_load);
    type1_add("page-requests", test_page_requests);
    type1_add("ring-full", test_ring_full);
    type1_add("faults", test_faults);
    type1_add("dirty", test_dirty);
    return g_test_run();
}
