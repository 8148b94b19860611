/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What an invalidation is about, for who keeps translations of a requester:
 * which of the stages it names is not what a request's address belongs to
 * under nested translation.  (The differential tests keep answers at random.)
 */
#include "tests/lib/unit/scalable.h"
#include "tests/lib/unit/smmu.h"

#define RID     0x2345u
#define PASID   0x11u
#define ADDR    UINT64_C(0x40000000)

/* What a test expects: nothing, or this range; size 0 is 2^64. */
typedef struct Expected {
    bool concerned;
    uint64_t addr, size;
} Expected;

static const Expected nothing, all = { true, 0, 0 };

static void expect(Viommu *unit, const ViommuInvalidation *inv,
                   uint32_t source, uint32_t pasid, Expected e)
{
    uint64_t addr = 1, size = 1;

    g_assert_cmpint(viommu_invalidation_concerns(unit, inv, source, pasid,
                                                 &addr, &size), ==,
                    e.concerned);
    if (e.concerned) {
        g_assert_cmphex(addr, ==, e.addr);
        g_assert_cmphex(size, ==, e.size);
    }
}

/* The unit's word about the command that was just pushed. */
static ViommuInvalidation last(Fixture *f)
{
    ViommuInvalidation inv;

    g_assert_cmpuint(f->invalidations->len, ==, 1);
    inv = g_array_index(f->invalidations, ViommuInvalidation, 0);
    g_array_set_size(f->invalidations, 0);
    return inv;
}

/* --- VT-d ---------------------------------------------------------------- */

static Scalable *start(unsigned pgtt)
{
    ViommuVtdConfig config;
    Scalable *s;

    scalable_config(&config);
    config.rid_pasid = true;
    s = scalable_new(&config, pgtt, 4, RID);
    scalable_put_pasid(s, PASID);
    s->ctx[1] |= RID;
    scalable_put_context(s);
    scalable_flush(s);
    g_array_set_size(s->f->invalidations, 0);
    return s;
}

static ViommuInvalidation iotlb(Scalable *s, unsigned gran, uint16_t domain,
                                unsigned am)
{
    guest_queue_iotlb(s->queue, gran, domain, ADDR, am, false);
    fixture_wait(s->f);
    return last(s->f);
}

static ViommuInvalidation piotlb(Scalable *s, unsigned gran, uint16_t domain,
                                 uint32_t pasid, unsigned am)
{
    guest_queue_piotlb(s->queue, gran, domain, pasid, ADDR, am, false);
    fixture_wait(s->f);
    return last(s->f);
}

static void test_vtd(void)
{
    static const unsigned types[] = {
        SPEC_PGTT_FIRST, SPEC_PGTT_SECOND, SPEC_PGTT_NESTED,
    };
    const Expected pages = { true, ADDR, 0x4000 };

    for (size_t i = 0; i < G_N_ELEMENTS(types); i++) {
        bool first = types[i] != SPEC_PGTT_SECOND;
        bool second = types[i] != SPEC_PGTT_FIRST;
        Scalable *s = start(types[i]);
        Viommu *unit = s->f->unit;
        ViommuInvalidation inv;

        /* by an address of the second stage: what leads there is not known */
        inv = iotlb(s, SPEC_GRAN_PAGE, SM_DOMAIN, 2);
        g_assert_cmpint(inv.stage, ==, VIOMMU_STAGE_2);
        expect(unit, &inv, SM_SOURCE, SM_NONE,
               !second ? nothing : first ? all : pages);
        expect(unit, &inv, SM_SOURCE, PASID,
               !second ? nothing : first ? all : pages);
        inv = iotlb(s, SPEC_GRAN_PAGE, SM_DOMAIN + 1, 2);
        expect(unit, &inv, SM_SOURCE, SM_NONE, nothing);
        inv = iotlb(s, SPEC_GRAN_DOMAIN, SM_DOMAIN, 0);
        expect(unit, &inv, SM_SOURCE, SM_NONE, all);
        inv = iotlb(s, SPEC_GRAN_GLOBAL, 0, 0);
        expect(unit, &inv, SM_SOURCE, PASID, all);

        /* of the first stage, whose PASID requests without one have, too */
        inv = piotlb(s, SPEC_GRAN_PAGE, SM_DOMAIN, RID, 2);
        g_assert_cmpint(inv.stage, ==, VIOMMU_STAGE_1);
        expect(unit, &inv, SM_SOURCE, SM_NONE, first ? pages : nothing);
        expect(unit, &inv, SM_SOURCE, RID, first ? pages : nothing);
        expect(unit, &inv, SM_SOURCE, PASID, nothing);
        inv = piotlb(s, SPEC_GRAN_DOMAIN, SM_DOMAIN, PASID, 0);
        expect(unit, &inv, SM_SOURCE, PASID, first ? all : nothing);
        expect(unit, &inv, SM_SOURCE, SM_NONE, nothing);
        /* nobody is there, and nobody translated */
        expect(unit, &inv, SM_SOURCE + 1, PASID, nothing);
        expect(unit, &inv, SM_SOURCE, PASID + 1, nothing);
        scalable_free(s);
    }
}

static void test_others(void)
{
    Scalable *s = start(SPEC_PGTT_NESTED);
    Viommu *unit = s->f->unit;
    ViommuInvalidation inv = {
        .what = VIOMMU_INV_CONTEXT, .source = SM_SOURCE & ~7u,
        .source_mask = 7, .domain = VIOMMU_ANY, .pasid = VIOMMU_NO_PASID,
    };

    expect(unit, &inv, SM_SOURCE, SM_NONE, all);
    expect(unit, &inv, SM_SOURCE, PASID, all);
    expect(unit, &inv, (SM_SOURCE & ~7u) + 8, SM_NONE, nothing);
    inv.source = VIOMMU_ANY;
    expect(unit, &inv, 1, SM_NONE, all);

    inv = (ViommuInvalidation) {
        .what = VIOMMU_INV_DEVTLB, .source = SM_SOURCE, .pasid = PASID,
        .domain = VIOMMU_ANY, .addr = ADDR, .size = 0x2000,
    };
    expect(unit, &inv, SM_SOURCE, PASID, (Expected) { true, ADDR, 0x2000 });
    expect(unit, &inv, SM_SOURCE, SM_NONE, nothing);
    expect(unit, &inv, SM_SOURCE + 1, PASID, nothing);
    inv.global = true;
    expect(unit, &inv, SM_SOURCE, RID, (Expected) { true, ADDR, 0x2000 });
    inv.size = 0;
    expect(unit, &inv, SM_SOURCE, RID, all);

    inv.what = VIOMMU_INV_INTERRUPT;
    expect(unit, &inv, SM_SOURCE, SM_NONE, nothing);
    inv.what = VIOMMU_INV_ALL;
    expect(unit, &inv, SM_SOURCE, SM_NONE, all);
    scalable_free(s);
}

/* --- SMMUv3 -------------------------------------------------------------- */

/* Commands [SMMU 4.4]. */
#define TLBI_NH_VA      0x12u
#define TLBI_S2_IPA     0x2au
#define TLBI_NH_ASID    0x11u
#define VMID            ((uint64_t)SMMU_TEST_VMID << 32)
#define ASID            ((uint64_t)SMMU_TEST_ASID << 48)

static ViommuInvalidation tlbi(Smmu *s, uint64_t w0, uint64_t w1)
{
    g_array_set_size(s->f->invalidations, 0);
    guest_smmu_command(&s->commands, w0, w1);
    smmu_test_sync(s);
    return last(s->f);
}

static void expect_sid(Smmu *s, const ViommuInvalidation *inv, Expected e)
{
    expect(s->f->unit, inv, SMMU_TEST_SID, VIOMMU_NO_PASID, e);
}

static void test_smmu(void)
{
    static const unsigned kinds[] = { SMMUV3_S1, SMMUV3_S2, SMMUV3_NESTED };

    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        bool first = kinds[i] != SMMUV3_S2, second = kinds[i] != SMMUV3_S1;
        const Expected page = { true, ADDR, 0x1000 };
        /* 3 pages of 4 KiB from ADDR - 4 KiB on: the smallest around them */
        const Expected range = { true, 0, UINT64_C(1) << 31 };
        Smmu *s = smmu_test_new_with(kinds[i], NULL);
        ViommuInvalidation inv;

        inv = tlbi(s, TLBI_NH_VA | VMID | ASID, ADDR);
        expect_sid(s, &inv, first ? page : nothing);
        inv = tlbi(s, TLBI_NH_VA | VMID | ASID | 2 << 12,
                   (ADDR - 0x1000) | 1 << 10);
        expect_sid(s, &inv, first ? range : nothing);
        inv = tlbi(s, TLBI_NH_ASID | VMID | ASID, 0);
        expect_sid(s, &inv, all);
        inv = tlbi(s, TLBI_S2_IPA | VMID, ADDR);
        expect_sid(s, &inv, !second ? nothing : first ? all : page);
        smmu_test_free(s);
    }
}

/* The top byte of an address says nothing: requests have any. */
static void test_top_byte(void)
{
    Smmu *s = smmu_test_new_with(SMMUV3_S1, NULL);
    ViommuInvalidation inv;

    s->cd.tbi0 = true;
    smmu_test_put_cd(s, 0);
    inv = tlbi(s, TLBI_NH_VA | VMID | ASID, ADDR);
    expect_sid(s, &inv, all);
    smmu_test_free(s);
}

/* A block of stage 1 in pages of stage 2: one address is all of the block. */
static void test_pieces(void)
{
    const uint64_t block = ADDR, ipa = UINT64_C(0x8000000000);
    Smmu *s = smmu_test_new_with(SMMUV3_NESTED, NULL);
    ViommuInvalidation inv;
    ViommuReply reply;
    ViommuRequest req = {
        .source = SMMU_TEST_SID, .pasid = VIOMMU_NO_PASID,
        .addr = block + 0x5000, .access = VIOMMU_READ, .probe = true,
    };

    g_assert_true(guest_tables_map(&s->s1, block, ipa, 2, SMMUV3_PAGE_S1));
    g_assert_true(guest_tables_map(&s->s2, ipa + 0x5000, 0x7000, 3,
                                   SMMUV3_PAGE_S2));
    /* who mirrors asks by probes */
    g_assert_cmpint(fixture_ask(s->f, &req, &reply), ==, VIOMMU_OK);
    g_assert_cmphex(reply.size, ==, 0x1000);
    g_assert_cmphex(reply.addr, ==, 0x7000);
    inv = tlbi(s, TLBI_NH_VA | VMID | ASID, block + 0x1ff000);
    expect_sid(s, &inv, (Expected) { true, block, 0x200000 });
    smmu_test_free(s);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/concerns/vtd", test_vtd);
    g_test_add_func("/concerns/others", test_others);
    g_test_add_func("/concerns/smmu", test_smmu);
    g_test_add_func("/concerns/top-byte", test_top_byte);
    g_test_add_func("/concerns/pieces", test_pieces);
    return g_test_run();
}
