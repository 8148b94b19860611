/* SPDX-License-Identifier: BSD-3-Clause */
/* RID_PASID: the PASID of requests that come without one [VTD 9.4]. */
#include "tests/lib/unit/scalable.h"

#define RID     0x2345u     /* below 2^(SM_PDTS + 13) */
#define VA      UINT64_C(0x7f0000400000)
#define PA      UINT64_C(0x200000)
#define PA_ZERO UINT64_C(0x300000)
#define FIRST   SPEC_PGTT_FIRST
#define NESTED  SPEC_PGTT_NESTED

/* PASID RID maps VA to PA, PASID 0 to PA_ZERO. */
static Scalable *start(unsigned pgtt, bool caching)
{
    ViommuVtdConfig config;
    GuestFs other;
    Scalable *s;

    scalable_config(&config);
    config.rid_pasid = true;
    config.caching_mode = caching;
    s = scalable_new(&config, pgtt, 4, RID);
    scalable_map(s, VA, PA, 1);
    g_assert_true(guest_fs_init(&other, s->alloc, 4, s->fs.bias));
    g_assert_true(guest_fs_map(&other, s->alloc, VA, PA_ZERO + other.bias, 1,
                               SM_LEAF));
    s->entry.fs = other.table + other.bias;
    scalable_put_pasid(s, 0);
    s->entry.fs = s->fs.table + s->fs.bias;
    s->ctx[1] |= RID;
    scalable_put_context(s);
    scalable_flush(s);
    return s;
}

static void test_used(void)
{
    for (unsigned i = 0; i < 4; i++) {
        Scalable *s = start(i & 1 ? NESTED : FIRST, i & 2);

        g_assert_cmphex(guest_reg64(&s->f->regs, SPEC_ECAP) & SPEC_ECAP_RPS,
                        ==, SPEC_ECAP_RPS);
        for (unsigned k = 0; k < 3; k++) {
            scalable_ok(s, SM_NONE, VA + 8, SM_R | SM_W, PA + 8);
            scalable_ok(s, RID, VA + 8, SM_R, PA + 8);
            scalable_ok(s, 0, VA + 8, SM_R, PA_ZERO + 8);
        }
        s->ctx[1] = 0;
        scalable_put_context(s);
        scalable_flush(s);
        scalable_ok(s, SM_NONE, VA, SM_R, PA_ZERO);
        scalable_free(s);
    }
}

/* Both ways find the same cached translation, and lose it together. */
static void test_invalidate(void)
{
    Scalable *s = start(FIRST, true);

    scalable_ok(s, SM_NONE, VA, SM_R, PA);
    scalable_ok(s, 0, VA, SM_R, PA_ZERO);
    scalable_map(s, VA, PA + 0x5000, 1);
    scalable_ok(s, RID, VA, SM_R, PA);
    /* another PASID's invalidation leaves it; its own does not */
    guest_queue_piotlb(s->queue, SPEC_GRAN_PAGE, SM_DOMAIN, 0, VA, 0, false);
    fixture_wait(s->f);
    scalable_ok(s, SM_NONE, VA, SM_R, PA);
    guest_queue_piotlb(s->queue, SPEC_GRAN_PAGE, SM_DOMAIN, RID, VA, 0,
                       false);
    fixture_wait(s->f);
    scalable_ok(s, SM_NONE, VA, SM_R, PA + 0x5000);
    scalable_map(s, VA, PA, 1);
    scalable_ok(s, SM_NONE, VA, SM_R, PA + 0x5000);
    guest_queue_piotlb(s->queue, SPEC_GRAN_DOMAIN, SM_DOMAIN, RID, 0, 0,
                       false);
    fixture_wait(s->f);
    scalable_ok(s, SM_NONE, VA, SM_R, PA);
    scalable_free(s);
}

static void test_faults(void)
{
    for (unsigned caching = 0; caching < 2; caching++) {
        Scalable *s = start(FIRST, caching);

        /* beyond the directory; who brings a PASID does not meet it */
        s->ctx[1] = 1u << (SM_PDTS + 13);
        scalable_put_context(s);
        scalable_flush(s);
        scalable_fault(s, SM_NONE, VA, SM_R, SPEC_FR_SM_RID_PASID);
        scalable_fault(s, SM_NONE, VA, SM_W, SPEC_FR_SM_RID_PASID);
        scalable_ok(s, RID, VA, SM_R, PA);
        s->ctx[0] |= SPEC_SM_CTX_FPD;
        scalable_put_context(s);
        scalable_flush(s);
        scalable_silent(s, SM_NONE, VA, SM_R);
        s->ctx[0] &= ~SPEC_SM_CTX_FPD;
        s->ctx[1] = 0xfffff;
        scalable_put_context(s);
        scalable_flush(s);
        scalable_fault(s, SM_NONE, VA, SM_R, SPEC_FR_SM_RID_PASID);
        /* a PASID that has nothing */
        s->ctx[1] = RID + 1;
        scalable_put_context(s);
        scalable_flush(s);
        scalable_fault(s, SM_NONE, VA, SM_R, SPEC_FR_SM_PASID_P);
        s->ctx[1] = 64;
        scalable_put_context(s);
        scalable_flush(s);
        scalable_fault(s, SM_NONE, VA, SM_R, SPEC_FR_SM_DIR_P);
        /* the next field is reserved as ever */
        s->ctx[1] = RID | SPEC_BIT(21);
        scalable_put_context(s);
        scalable_flush(s);
        scalable_fault(s, SM_NONE, VA, SM_R, SPEC_FR_SM_CTX_RSVD);
        scalable_free(s);
    }
}

/* PASIDE is for requests that bring a PASID. */
static void test_paside(void)
{
    Scalable *s = start(FIRST, false);

    s->ctx[0] &= ~SPEC_SM_CTX_PASIDE;
    scalable_put_context(s);
    scalable_flush(s);
    scalable_ok(s, SM_NONE, VA, SM_R, PA);
    scalable_fault(s, RID, VA, SM_R, SPEC_FR_SM_PASIDE);
    scalable_free(s);
}

static void test_off(void)
{
    ViommuVtdConfig config;
    GError *error = NULL;
    Scalable *s;

    scalable_config(&config);
    s = scalable_new(&config, FIRST, 4, RID);
    g_assert_cmphex(guest_reg64(&s->f->regs, SPEC_ECAP) & SPEC_ECAP_RPS, ==,
                    0);
    for (unsigned bit = 0; bit < 20; bit++) {
        s->ctx[1] = SPEC_BIT(bit);
        scalable_put_context(s);
        scalable_flush(s);
        scalable_fault(s, SM_NONE, VA, SM_R, SPEC_FR_SM_CTX_RSVD);
        scalable_fault(s, RID, VA, SM_R, SPEC_FR_SM_CTX_RSVD);
    }
    scalable_free(s);

    config.pasid_bits = 0;
    config.rid_pasid = true;
    g_assert_null(viommu_vtd_new(&config, fixture_ops(), NULL, &error));
    g_assert_cmpstr(error->message, ==,
                    "rid-pasid=on: allowed with pasid-bits only");
    g_clear_error(&error);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/rid-pasid/used", test_used);
    g_test_add_func("/rid-pasid/invalidate", test_invalidate);
    g_test_add_func("/rid-pasid/faults", test_faults);
    g_test_add_func("/rid-pasid/paside", test_paside);
    g_test_add_func("/rid-pasid/off", test_off);
    return g_test_run();
}
