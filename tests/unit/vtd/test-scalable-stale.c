/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Invalidation in scalable mode [VTD 6.5.2]: what must go, and what may stay.
 */
#include "tests/lib/unit/scalable.h"

#define PASID   0x1234u
#define VA      UINT64_C(0x7f0000400000)
#define PA      UINT64_C(0x200000)
#define OTHER   UINT64_C(0x280000)

static Scalable *start_caching(unsigned pgtt, bool caching)
{
    ViommuVtdConfig config;

    scalable_config(&config);
    config.caching_mode = caching;
    config.abort_dma = true;
    return scalable_new(&config, pgtt, 4, PASID);
}

static Scalable *start(unsigned pgtt)
{
    return start_caching(pgtt, false);
}

static void piotlb_wait(Scalable *s, unsigned gran, uint64_t addr,
                        unsigned am, bool ih)
{
    guest_queue_piotlb(s->queue, gran, SM_DOMAIN, PASID, addr, am, ih);
    fixture_wait(s->f);
}

/* Each way to invalidate a first-stage leaf [VTD 6.5.2.4]. */
static void test_leaf(gconstpointer data)
{
    unsigned pgtt = GPOINTER_TO_UINT(data);

    for (unsigned way = 0; way < 7; way++) {
        Scalable *s = start(pgtt);

        scalable_map(s, VA, PA, 1);
        scalable_ok(s, PASID, VA, SM_R, PA);
        scalable_map(s, VA, OTHER, 1);
        switch (way) {
        case 0:
            piotlb_wait(s, SPEC_GRAN_DOMAIN, 0, 0, false);
            break;
        case 1:
            piotlb_wait(s, SPEC_GRAN_PAGE, VA, 0, false);
            break;
        case 2:
            piotlb_wait(s, SPEC_GRAN_PAGE, VA, 0, true);
            break;
        case 3:     /* the mask covers the page */
            piotlb_wait(s, SPEC_GRAN_PAGE, VA + 0x3000, 4, true);
            break;
        case 4:
            piotlb_wait(s, SPEC_GRAN_PAGE, VA, 30, true);
            break;
        case 5:
            guest_queue_iotlb(s->queue, SPEC_GRAN_DOMAIN, SM_DOMAIN, 0, 0,
                              false);
            fixture_wait(s->f);
            break;
        default:
            guest_queue_iotlb(s->queue, SPEC_GRAN_GLOBAL, 0, 0, 0, false);
            fixture_wait(s->f);
            break;
        }
        scalable_ok(s, PASID, VA, SM_R, OTHER);
        scalable_free(s);
    }
}

/* Without IH, tables on the way must go; large pages by any address in
 * them. */
static void test_tables(gconstpointer data)
{
    Scalable *s = start(GPOINTER_TO_UINT(data));

    for (unsigned level = 2; level <= 4; level++) {
        uint64_t fresh = guest_alloc_pages(s->alloc, 1), at, entry;

        scalable_map(s, VA, PA, 1);
        scalable_flush(s);
        scalable_ok(s, PASID, VA, SM_R, PA);
        /* an empty table in the place of what was there */
        at = guest_fs_entry(&s->fs, s->alloc, VA, level, false);
        entry = guest_read64(&s->f->mem, at);
        guest_write64(&s->f->mem, at, (fresh + s->fs.bias) | SM_LEAF);
        piotlb_wait(s, SPEC_GRAN_PAGE, VA, 0, false);
        scalable_fault(s, PASID, VA, SM_R, SPEC_FR_SM_FS_P);
        scalable_fault(s, PASID, VA + 0x1000, SM_R, SPEC_FR_SM_FS_P);
        guest_write64(&s->f->mem, at, entry);
    }
    scalable_map(s, VA + (2 << 20), 0x400000, 2);
    scalable_ok(s, PASID, VA + (2 << 20) + 0x5000, SM_R, 0x405000);
    scalable_map(s, VA + (2 << 20), 0x800000, 2);
    piotlb_wait(s, SPEC_GRAN_PAGE, VA + (2 << 20) + 0x7000, 0, true);
    scalable_ok(s, PASID, VA + (2 << 20) + 0x5000, SM_R, 0x805000);
    scalable_free(s);
}

/* Another PASID's or domain's invalidation leaves a cached page alone: the
 * tables are not read again [VTD 6.2.1]. */
static void test_kept(void)
{
    Scalable *s = start(SPEC_PGTT_FIRST);
    ViommuStats before, after;

    scalable_map(s, VA, PA, 1);
    scalable_ok(s, PASID, VA, SM_R, PA);
    viommu_get_stats(s->f->unit, &before);
    guest_queue_piotlb(s->queue, SPEC_GRAN_DOMAIN, SM_DOMAIN, PASID + 1, 0, 0,
                       false);
    guest_queue_piotlb(s->queue, SPEC_GRAN_PAGE, SM_DOMAIN, PASID + 1, VA, 3,
                       false);
    guest_queue_piotlb(s->queue, SPEC_GRAN_PAGE, SM_DOMAIN, PASID,
                       VA + 0x1000, 0, true);
    guest_queue_iotlb(s->queue, SPEC_GRAN_DOMAIN, SM_DOMAIN + 1, 0, 0, false);
    fixture_wait(s->f);
    scalable_ok(s, PASID, VA, SM_R, PA);
    viommu_get_stats(s->f->unit, &after);
    g_assert_cmpuint(after.walks, ==, before.walks);
    scalable_free(s);
}

/* The second stage of a nested translation changes below a cached page. */
static void test_nested_second(void)
{
    for (unsigned way = 0; way < 3; way++) {
        Scalable *s = start(SPEC_PGTT_NESTED);
        uint64_t ipa = UINT64_C(0x4000000000);

        g_assert_true(guest_ss_map(s->alloc, s->ss, 4, ipa, PA, 1, 3));
        g_assert_true(guest_fs_map(&s->fs, s->alloc, VA, ipa, 1, SM_LEAF));
        scalable_ok(s, PASID, VA, SM_W, PA);
        g_assert_true(guest_ss_map(s->alloc, s->ss, 4, ipa, OTHER, 1, 3));
        guest_queue_iotlb(s->queue, way == 0 ? SPEC_GRAN_PAGE :
                          way == 1 ? SPEC_GRAN_DOMAIN : SPEC_GRAN_GLOBAL,
                          SM_DOMAIN, ipa, 0, true);
        fixture_wait(s->f);
        scalable_ok(s, PASID, VA, SM_W, OTHER);
        g_assert_true(guest_ss_unmap(s->alloc, s->ss, 4, ipa, 1));
        guest_queue_iotlb(s->queue, SPEC_GRAN_PAGE, SM_DOMAIN, ipa, 0, false);
        fixture_wait(s->f);
        scalable_fault(s, PASID, VA, SM_W, SPEC_FR_SM_SS_RW);
        scalable_free(s);
    }
}

static void put_entry(Scalable *s, unsigned pgtt)
{
    s->entry.pgtt = pgtt;
    scalable_put_pasid(s, PASID);
    guest_queue_pasid_cache(s->queue, SPEC_INV_PASID_GRAN_PASID, SM_DOMAIN,
                            PASID);
    guest_queue_iotlb(s->queue, SPEC_GRAN_DOMAIN, SM_DOMAIN, 0, 0, false);
    fixture_wait(s->f);
}

/*
 * A PASID of a domain has nested tables, then a first stage alone: whatever
 * was invalidated how often, nothing of the old tables comes back.
 */
static void test_nested_then_first(void)
{
    Scalable *s = start(SPEC_PGTT_NESTED);
    uint64_t nested = s->entry.fs;
    const unsigned pages = 4;
    GuestFs first;

    scalable_map(s, VA, PA, 1);
    g_assert_true(guest_fs_init(&first, s->alloc, 4, 0));
    g_assert_true(guest_fs_map(&first, s->alloc, VA, OTHER, 1, SM_LEAF));
    for (unsigned i = 0; i < pages; i++) {
        guest_queue_iotlb(s->queue, SPEC_GRAN_PAGE, SM_DOMAIN, 0, 0, true);
    }
    for (unsigned n = 0; n < 2 * pages; n++) {
        s->entry.fs = nested;
        put_entry(s, SPEC_PGTT_NESTED);
        scalable_ok(s, PASID, VA, SM_R, PA);
        s->entry.fs = first.table;
        put_entry(s, SPEC_PGTT_FIRST);
        for (unsigned i = 0; i < n; i++) {
            guest_queue_iotlb(s->queue, SPEC_GRAN_DOMAIN, SM_DOMAIN, 0, 0,
                              false);
        }
        fixture_wait(s->f);
        scalable_ok(s, PASID, VA, SM_R, OTHER);
    }
    scalable_free(s);
}

/* A first-stage table moves in the second stage: cached tables must go. */
static void test_nested_table(void)
{
    Scalable *s = start(SPEC_PGTT_NESTED);
    uint64_t at, copy = guest_alloc_pages(s->alloc, 1), table;
    uint64_t ipa = UINT64_C(0x4000000000);

    scalable_map(s, VA, PA, 1);
    at = guest_fs_entry(&s->fs, s->alloc, VA, 1, false);
    table = at & ~UINT64_C(0xfff);
    /* the last table stands at an address of its own */
    g_assert_true(guest_ss_map(s->alloc, s->ss, 4, ipa, table, 1, 3));
    guest_write64(&s->f->mem, guest_fs_entry(&s->fs, s->alloc, VA, 2, false),
                  ipa | SM_LEAF);
    scalable_ok(s, PASID, VA, SM_R, PA);
    guest_write64(&s->f->mem, copy + (at & 0xfff),
                  (OTHER + SM_BIAS) | SM_LEAF);
    g_assert_true(guest_ss_map(s->alloc, s->ss, 4, ipa, copy, 1, 3));
    guest_queue_iotlb(s->queue, SPEC_GRAN_PAGE, SM_DOMAIN, ipa, 0, false);
    fixture_wait(s->f);
    scalable_ok(s, PASID, VA, SM_R, OTHER);
    scalable_free(s);
}

/* A PASID entry changes: PASID cache, then the IOTLB, as software must
 * [VTD 6.5.3.3] [VTD 6.2.3]. */
static void test_pasid_cache(void)
{
    for (unsigned gran = 0; gran < 4; gran++) {
        Scalable *s;

        if (gran == 2) {
            continue;
        }
        s = start(SPEC_PGTT_FIRST);
        scalable_map(s, VA, PA, 1);
        scalable_ok(s, PASID, VA, SM_R, PA);
        g_assert_true(guest_fs_init(&s->fs, s->alloc, 4, 0));
        s->entry.fs = s->fs.table;
        scalable_put_pasid(s, PASID);
        scalable_map(s, VA, OTHER, 1);
        guest_queue_pasid_cache(s->queue, gran, SM_DOMAIN, PASID);
        guest_queue_piotlb(s->queue, SPEC_GRAN_DOMAIN, SM_DOMAIN, PASID, 0, 0,
                           false);
        fixture_wait(s->f);
        scalable_ok(s, PASID, VA, SM_R, OTHER);
        /* to pass-through, and to nothing */
        s->entry.pgtt = SPEC_PGTT_PASS;
        scalable_put_pasid(s, PASID);
        guest_queue_pasid_cache(s->queue, gran, SM_DOMAIN, PASID);
        guest_queue_iotlb(s->queue, SPEC_GRAN_DOMAIN, SM_DOMAIN, 0, 0, false);
        fixture_wait(s->f);
        scalable_ok(s, PASID, VA, SM_R, VA);
        guest_write64(&s->f->mem, guest_pasid_addr(s->alloc, s->dir, PASID),
                      0);
        guest_queue_pasid_cache(s->queue, gran, SM_DOMAIN, PASID);
        fixture_wait(s->f);
        scalable_fault(s, PASID, VA, SM_R, SPEC_FR_SM_PASID_P);
        scalable_free(s);
    }
}

/* Not-present entries stay cached in caching mode until invalidated. */
static void test_caching_mode(void)
{
    for (unsigned caching = 0; caching < 2; caching++) {
        Scalable *s = start_caching(SPEC_PGTT_SECOND, caching);

        scalable_map(s, VA, PA, 1);
        scalable_fault(s, PASID + 1, VA, SM_R, SPEC_FR_SM_PASID_P);
        scalable_put_pasid(s, PASID + 1);
        if (caching) {
            scalable_fault(s, PASID + 1, VA, SM_R, SPEC_FR_SM_PASID_P);
            guest_queue_pasid_cache(s->queue, SPEC_INV_PASID_GRAN_PASID,
                                    SM_DOMAIN, PASID + 1);
            fixture_wait(s->f);
        }
        scalable_ok(s, PASID + 1, VA, SM_R, PA);
        scalable_free(s);
    }
}

/*
 * But not those of a first stage, which software changes without an
 * invalidation, nor permissions that it adds there [VTD 6.1] [VTD 6.5.3].
 */
static void test_caching_first(gconstpointer data)
{
    unsigned pgtt = GPOINTER_TO_UINT(data);
    Scalable *s = start_caching(pgtt, true);

    if (pgtt == SPEC_PGTT_NESTED) {
        g_assert_true(guest_ss_map(s->alloc, s->ss, 4, PA, PA, 1, 3));
    }
    scalable_fault(s, PASID, VA, SM_R, SPEC_FR_SM_FS_P);
    g_assert_true(guest_fs_map(&s->fs, s->alloc, VA, PA, 1,
                               SM_LEAF & ~SPEC_FS_RW));
    scalable_ok(s, PASID, VA, SM_R, PA);
    scalable_fault(s, PASID, VA, SM_W, SPEC_FR_SM_WRITE);
    g_assert_true(guest_fs_map(&s->fs, s->alloc, VA, PA, 1, SM_LEAF));
    scalable_ok(s, PASID, VA, SM_W, PA);
    scalable_free(s);
}

static void queue_error(unsigned error, uint64_t lo, uint64_t hi,
                        uint64_t third, unsigned tail_by)
{
    Scalable *s = start(SPEC_PGTT_FIRST);
    const GuestRegs *regs = &s->f->regs;
    uint64_t at = s->queue->addr + s->queue->tail;

    guest_queue_push(s->queue, lo, hi);
    guest_write64(&s->f->mem, at + 16, third);
    guest_set_reg64(regs, SPEC_IQT, s->queue->tail + tail_by);
    if (!error) {
        g_assert_cmphex(guest_reg32(regs, SPEC_FSTS), ==, 0);
        g_assert_cmphex(guest_reg64(regs, SPEC_IQH), ==, s->queue->tail);
    } else {
        g_assert_cmphex(guest_reg32(regs, SPEC_FSTS), ==, SPEC_FSTS_IQE);
        g_assert_cmpuint(guest_reg64(regs, SPEC_IQERCD) & SPEC_IQERCD_IQEI,
                         ==, error);
        g_assert_cmphex(guest_reg64(regs, SPEC_IQH), ==,
                        at - s->queue->addr);
        /* mend it, and the queue goes on */
        guest_write64(&s->f->mem, at, SPEC_INV_WAIT);
        for (unsigned i = 1; i < 4; i++) {
            guest_write64(&s->f->mem, at + 8 * i, 0);
        }
        guest_set_reg64(regs, SPEC_IQT, s->queue->tail);
        guest_set_reg32(regs, SPEC_FSTS, SPEC_FSTS_IQE);
        fixture_wait(s->f);
    }
    scalable_free(s);
}

static void test_queue_errors(void)
{
    uint64_t did = (uint64_t)SM_DOMAIN << SPEC_INV_DID_SHIFT;
    uint64_t piotlb = SPEC_INV_PASID_IOTLB | did;
    uint64_t pasid = SPEC_INV_PASID_CACHE | did;
    uint64_t paged = piotlb | 3 << 4;

    queue_error(0, pasid, 0, 0, 0);
    queue_error(0, piotlb | 2 << 4, 0, 0, 0);
    queue_error(0, paged, VA | SPEC_INV_IOTLB_HI_IH | 5, 0, 0);
    queue_error(SPEC_IQEI_ALIGN, pasid, 0, 0, 16);
    queue_error(SPEC_IQEI_TYPE, 0, 0, 0, 0);
    queue_error(SPEC_IQEI_TYPE, 0xf, 0, 0, 0);
    queue_error(SPEC_IQEI_TYPE, 0xe00 | SPEC_INV_PASID_CACHE, 0, 0, 0);
    queue_error(SPEC_IQEI_RESERVED, pasid, 0, 1, 0);
    queue_error(SPEC_IQEI_RESERVED, pasid, 1, 0, 0);
    queue_error(SPEC_IQEI_RESERVED, pasid | 2 << 4, 0, 0, 0);
    queue_error(SPEC_IQEI_RESERVED, pasid | SPEC_BIT(6), 0, 0, 0);
    queue_error(SPEC_IQEI_RESERVED, pasid | SPEC_BIT(52), 0, 0, 0);
    queue_error(SPEC_IQEI_RESERVED, piotlb, 0, 0, 0);
    queue_error(SPEC_IQEI_RESERVED, piotlb | 1 << 4, 0, 0, 0);
    queue_error(SPEC_IQEI_RESERVED, paged | SPEC_BIT(12), VA, 0, 0);
    queue_error(SPEC_IQEI_RESERVED, paged, VA | SPEC_BIT(7), 0, 0);
    queue_error(SPEC_IQEI_RESERVED, SPEC_INV_WAIT, 0, 1, 0);
    /* ECAP.MHMV is 15; without an index, the mask means nothing */
    queue_error(0, SPEC_INV_IEC | SPEC_INV_IEC_G |
                UINT64_C(15) << SPEC_INV_IEC_IM_SHIFT, 0, 0, 0);
    queue_error(SPEC_IQEI_RESERVED, SPEC_INV_IEC | SPEC_INV_IEC_G |
                UINT64_C(16) << SPEC_INV_IEC_IM_SHIFT, 0, 0, 0);
    queue_error(0, SPEC_INV_IEC | UINT64_C(16) << SPEC_INV_IEC_IM_SHIFT, 0,
                0, 0);
}

static void set_mode(Scalable *s, unsigned mode)
{
    g_assert_true(guest_set_root(&s->f->regs, s->root |
                                 mode << SPEC_RTADDR_TTM_SHIFT));
}

/* The queue stops at the next descriptor. */
static void stopped(Scalable *s, unsigned reason)
{
    guest_queue_ring(s->queue);
    g_assert_cmphex(guest_reg32(&s->f->regs, SPEC_FSTS), ==, SPEC_FSTS_IQE);
    g_assert_cmphex(guest_reg64(&s->f->regs, SPEC_IQERCD), ==, reason);
}

static void resume(Scalable *s)
{
    guest_set_reg32(&s->f->regs, SPEC_FSTS, SPEC_FSTS_IQE);
    g_assert_cmphex(guest_reg32(&s->f->regs, SPEC_FSTS), ==, 0);
    fixture_wait(s->f);
}

/* PASID descriptors are for tables that have PASIDs. */
static void test_legacy_descriptors(void)
{
    Scalable *s = start(SPEC_PGTT_FIRST);

    for (unsigned type = SPEC_INV_PASID_IOTLB;
         type <= SPEC_INV_PASID_DEVTLB; type++) {
        uint64_t lo = type | (type == SPEC_INV_PASID_IOTLB
                              ? SPEC_GRAN_DOMAIN << SPEC_INV_G_SHIFT : 0);

        set_mode(s, SPEC_TTM_LEGACY);
        fixture_wait(s->f);
        guest_queue_push(s->queue, lo, 0);
        stopped(s, SPEC_IQEI_TYPE);
        set_mode(s, type & 1 ? SPEC_TTM_SCALABLE : SPEC_TTM_ABORT);
        resume(s);
    }
    scalable_free(s);
}

/* The queue's width and the table mode must fit. */
static void test_width(void)
{
    Scalable *s = start(SPEC_PGTT_FIRST);

    set_mode(s, 2);
    guest_queue_push(s->queue, SPEC_INV_WAIT, 0);
    stopped(s, SPEC_IQEI_TTM);
    set_mode(s, SPEC_TTM_SCALABLE);
    resume(s);

    g_assert_true(guest_command(&s->f->regs, 0, SPEC_GCMD_QIE));
    g_assert_true(guest_queue_init(s->queue, s->alloc, &s->f->regs, 0));
    guest_queue_push(s->queue, SPEC_INV_WAIT, 0);
    stopped(s, SPEC_IQEI_WIDTH);
    set_mode(s, SPEC_TTM_LEGACY);
    resume(s);
    set_mode(s, SPEC_TTM_ABORT);
    fixture_wait(s->f);
    scalable_free(s);
}

/* A unit without first stage takes it, too: a driver does not know which
 * caches hold pass-through entries. */
static void test_piotlb_second_only(void)
{
    ViommuVtdConfig config;
    Scalable *s;

    scalable_config(&config);
    config.first_stage = config.nested = config.extended_access = false;
    s = scalable_new(&config, SPEC_PGTT_PASS, 4, PASID);
    piotlb_wait(s, SPEC_GRAN_DOMAIN, 0, 0, false);
    piotlb_wait(s, SPEC_GRAN_PAGE, VA, 0, false);
    scalable_ok(s, PASID, VA, SM_R, VA);
    scalable_free(s);
}

/* [VTD 6.5.2.6] */
static void test_pdevtlb(void)
{
    Scalable *s = start(SPEC_PGTT_FIRST);
    const ViommuInvalidation *inv;

    fixture_forget(s->f);
    guest_queue_pdevtlb(s->queue, SM_SOURCE, PASID, false, VA, 0x8000);
    guest_queue_pdevtlb(s->queue, SM_SOURCE, 0, true, VA, 4096);
    fixture_wait(s->f);
    g_assert_cmpuint(s->f->invalidations->len, ==, 2);
    inv = &g_array_index(s->f->invalidations, ViommuInvalidation, 0);
    g_assert_cmpint(inv->what, ==, VIOMMU_INV_DEVTLB);
    g_assert_cmphex(inv->source, ==, SM_SOURCE);
    g_assert_cmphex(inv->pasid, ==, PASID);
    g_assert_cmphex(inv->addr, ==, VA);
    g_assert_cmphex(inv->size, ==, 0x8000);
    g_assert_false(inv->global);
    g_assert_true(inv[1].global);
    scalable_free(s);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/sm-stale/leaf/first",
                         GUINT_TO_POINTER(SPEC_PGTT_FIRST), test_leaf);
    g_test_add_data_func("/sm-stale/leaf/nested",
                         GUINT_TO_POINTER(SPEC_PGTT_NESTED), test_leaf);
    g_test_add_data_func("/sm-stale/tables/first",
                         GUINT_TO_POINTER(SPEC_PGTT_FIRST), test_tables);
    g_test_add_data_func("/sm-stale/tables/nested",
                         GUINT_TO_POINTER(SPEC_PGTT_NESTED), test_tables);
    g_test_add_func("/sm-stale/kept", test_kept);
    g_test_add_func("/sm-stale/nested-second", test_nested_second);
    g_test_add_func("/sm-stale/nested-table", test_nested_table);
    g_test_add_func("/sm-stale/nested-then-first", test_nested_then_first);
    g_test_add_func("/sm-stale/pasid-cache", test_pasid_cache);
    g_test_add_func("/sm-stale/caching-mode", test_caching_mode);
    g_test_add_data_func("/sm-stale/caching-mode/first",
                         GUINT_TO_POINTER(SPEC_PGTT_FIRST),
                         test_caching_first);
    g_test_add_data_func("/sm-stale/caching-mode/nested",
                         GUINT_TO_POINTER(SPEC_PGTT_NESTED),
                         test_caching_first);
    g_test_add_func("/sm-stale/queue-errors", test_queue_errors);
    g_test_add_func("/sm-stale/legacy-descriptors",
                    test_legacy_descriptors);
    g_test_add_func("/sm-stale/width", test_width);
    g_test_add_func("/sm-stale/piotlb-second-only", test_piotlb_second_only);
    g_test_add_func("/sm-stale/pdevtlb", test_pdevtlb);
    return g_test_run();
}
