/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How far answers hold, faults included: all of the range has the same answer,
 * and the ranges are so large that who looks through all 2^64 addresses of an
 * address space, one answer at a time, is soon through.
 */
#include <inttypes.h>

#include "tests/lib/unit/scalable.h"
#include "tests/lib/unit/smmu.h"

#define SOURCE  0x0108
#define PASID   0x1234u
#define PAGE    UINT64_C(0x1000)

typedef struct Asked {
    Fixture *f;
    uint32_t source, pasid;
    ViommuKind kind;
} Asked;

static ViommuStatus ask(const Asked *a, uint64_t addr, ViommuReply *reply)
{
    const ViommuRequest req = {
        .source = a->source, .pasid = a->pasid, .addr = addr,
        .access = VIOMMU_READ, .kind = (uint8_t)a->kind, .probe = true,
    };

    return fixture_ask(a->f, &req, reply);
}

/* Each bit of an address within the range, alone and with all below it. */
static void same_all_over(const Asked *a, uint64_t addr, ViommuStatus status,
                          const ViommuReply *reply)
{
    uint64_t mask = reply->size - 1, base = addr & ~mask;

    for (unsigned bit = 0; bit < 64; bit++) {
        const uint64_t others[] = {
            base | (mask & UINT64_C(1) << bit),
            base | (mask & (UINT64_MAX >> (63 - bit))),
            base | (mask & ~(UINT64_MAX >> (63 - bit))),
            addr ^ (mask & UINT64_C(1) << bit),
        };

        for (unsigned i = 0; i < G_N_ELEMENTS(others); i++) {
            ViommuReply other;

            if (ask(a, others[i], &other) != status ||
                other.reason != reply->reason ||
                other.access != reply->access ||
                other.interrupt != reply->interrupt ||
                (status == VIOMMU_OK && reply->access &&
                 (other.addr ^ reply->addr) != (others[i] ^ addr))) {
                g_error("%#" PRIx64 " answers for %#" PRIx64 " bytes, but "
                        "%#" PRIx64 " has another answer", addr, reply->size,
                        others[i]);
            }
        }
    }
}

/* Through all addresses, with so many looks or less. */
static void look_through(const Asked *a, unsigned most)
{
    uint64_t addr = 0;
    unsigned looks = 0;

    do {
        ViommuReply reply;
        ViommuStatus status = ask(a, addr, &reply);

        g_assert_cmpuint(++looks, <=, most);
        g_assert_true(!reply.size || reply.size >= PAGE);
        g_assert_cmphex(reply.size & (reply.size - 1), ==, 0);
        same_all_over(a, addr, status, &reply);
        if (!reply.size) {
            break;
        }
        addr = (addr & -reply.size) + reply.size;
    } while (addr);
    g_test_message("%u looks", looks);
}

static void expect(const Asked *a, uint64_t addr, uint64_t size)
{
    ViommuReply reply;

    same_all_over(a, addr, ask(a, addr, &reply), &reply);
    g_assert_cmphex(reply.size, ==, size);
}

/* The ranges of a power of two on the way around a page of a full table. */
#define FOUR_LEVELS     (4 * 512 + 64)

/* --- VT-d ------------------------------------------------------------------ */

static Fixture *legacy(unsigned levels, unsigned tt)
{
    ViommuVtdConfig config;
    GuestContext ctx = { .tt = (uint8_t)tt, .levels = (uint8_t)levels,
                         .domain = 1 };
    Fixture *f;
    Simple s;

    fixture_config(&config);
    f = fixture_new(&config);
    fixture_simple(f, &s, SOURCE, 1, levels);
    ctx.table = s.table;
    g_assert_true(guest_context_set(&f->alloc, s.root, SOURCE, &ctx));
    g_assert_true(guest_ss_map(&f->alloc, s.table, levels, 0x7000, 0x5000, 1,
                               SPEC_SS_R | SPEC_SS_W));
    guest_queue_context(&f->queue, SPEC_GRAN_GLOBAL, 0, 0, 0);
    fixture_wait(f);
    return f;
}

static void test_second(void)
{
    for (unsigned levels = 3; levels <= 4; levels++) {
        Asked a = { .source = SOURCE, .pasid = VIOMMU_NO_PASID };

        a.f = legacy(levels, SPEC_TT_MULTI);
        look_through(&a, FOUR_LEVELS);
        expect(&a, 0x7000, PAGE);
        expect(&a, 0x200000, 0x200000);
        expect(&a, UINT64_C(1) << (3 + 9 * levels),
               UINT64_C(1) << (3 + 9 * levels));
        expect(&a, UINT64_C(1) << 63, UINT64_C(1) << 63);
        /* interrupt requests are beside it */
        expect(&a, 0xfee00000, 0x100000);
        expect(&a, 0xfef00000, 0x100000);
        expect(&a, 0xc0000000, 0x20000000);
        fixture_free(a.f);
    }
}

static void test_off(void)
{
    Asked a = { .source = SOURCE, .pasid = VIOMMU_NO_PASID };
    const GuestRegs *regs;

    a.f = legacy(4, SPEC_TT_MULTI);
    regs = &a.f->regs;
    g_assert_true(guest_command(regs, 0, SPEC_GCMD_TE));
    look_through(&a, 64);
    guest_set_reg32(regs, SPEC_PLMBASE, 0x00400000);
    guest_set_reg32(regs, SPEC_PLMLIMIT, 0x00900000);
    guest_set_reg64(regs, SPEC_PHMBASE, UINT64_C(0x100000000));
    guest_set_reg64(regs, SPEC_PHMLIMIT, UINT64_C(0x1fff00000));
    guest_set_reg32(regs, SPEC_PMEN, SPEC_PMEN_EPM);
    look_through(&a, 80);
    expect(&a, 0x5000, 0x400000);
    expect(&a, 0x400000, 0x400000);
    expect(&a, 0x800000, 0x200000);
    expect(&a, 0xa00000, 0x200000);
    expect(&a, UINT64_C(0x123456000), UINT64_C(0x100000000));
    /* an endpoint's translation requests have no answer anywhere */
    a.kind = VIOMMU_TRANSLATION;
    expect(&a, 0x5000, 0);
    fixture_free(a.f);
}

static void test_pass_through(void)
{
    Asked a = { .source = SOURCE, .pasid = VIOMMU_NO_PASID };

    a.f = legacy(4, SPEC_TT_PASS);
    look_through(&a, 64);
    expect(&a, 0, UINT64_C(1) << 31);
    expect(&a, UINT64_C(1) << 47, UINT64_C(1) << 47);
    expect(&a, UINT64_C(1) << 48, UINT64_C(1) << 48);
    fixture_free(a.f);
}

/* Nothing is there, wherever in the hole the interrupt range would be. */
static void test_hole_for_ats(void)
{
    Asked a = {
        .source = SOURCE, .pasid = VIOMMU_NO_PASID,
        .kind = VIOMMU_TRANSLATION,
    };
    ViommuReply reply;

    a.f = legacy(4, SPEC_TT_DEVTLB);
    g_assert_cmpint(ask(&a, (UINT64_C(5) << 39) + 0xfee00000, &reply), ==,
                    VIOMMU_OK);
    g_assert_cmpuint(reply.access, ==, 0);
    g_assert_cmphex(reply.size, ==, UINT64_C(1) << 39);
    look_through(&a, FOUR_LEVELS + 256);
    fixture_free(a.f);
}

static void test_first(gconstpointer data)
{
    unsigned pgtt = GPOINTER_TO_UINT(data);

    for (unsigned levels = 4; levels <= 5; levels++) {
        const uint64_t half = UINT64_C(1) << (3 + 9 * levels + 8);
        ViommuVtdConfig config;
        Scalable *s;
        Asked a;

        scalable_config(&config);
        config.aw_bits = levels == 5 ? 57 : 48;
        s = scalable_new(&config, pgtt, levels, PASID);
        scalable_map(s, 0x7000, 0x205000, 1);
        for (unsigned i = 0; i < 2; i++) {
            a = (Asked) {
                .f = s->f, .source = SM_SOURCE,
                .pasid = i ? PASID : VIOMMU_NO_PASID,
            };
            look_through(&a, (levels + 1) * 512);
            expect(&a, half, half);
            expect(&a, UINT64_C(1) << 62, UINT64_C(1) << 62);
            expect(&a, UINT64_C(1) << 63, UINT64_C(1) << 62);
            expect(&a, -2 * half, half);
            /* an entry of the top table */
            expect(&a, -half, UINT64_C(1) << (3 + 9 * levels));
        }
        scalable_free(s);
    }
}

/* --- SMMUv3 ---------------------------------------------------------------- */

static Smmu *stream(unsigned kind, Asked *a)
{
    Smmu *s = smmu_test_new_with(kind, NULL);

    *a = (Asked) {
        .f = s->f, .source = SMMU_TEST_SID, .pasid = VIOMMU_NO_PASID,
    };
    return s;
}

static void test_smmu_off(void)
{
    Asked a;
    Smmu *s = stream(SMMUV3_S1, &a);

    guest_set_reg32(s->regs, SMMUV3_CR0, 0);
    look_through(&a, 20);
    expect(&a, 0, UINT64_C(1) << 48);
    expect(&a, UINT64_C(1) << 48, UINT64_C(1) << 48);
    expect(&a, UINT64_C(1) << 63, UINT64_C(1) << 63);
    guest_set_reg32(s->regs, SMMUV3_GBPA, 1u << 31 | 1u << 20);
    look_through(&a, 1);
    smmu_test_free(s);
}

static void test_smmu_s1(void)
{
    Asked a;
    Smmu *s = stream(SMMUV3_S1, &a);

    smmu_test_map(s, 0x7000, 0x5000);
    look_through(&a, FOUR_LEVELS);
    /* the upper half is switched off */
    expect(&a, UINT64_C(1) << 48, UINT64_C(1) << 48);
    expect(&a, UINT64_MAX - 0xfff, UINT64_C(1) << 63);
    /* ... on, and smaller */
    s->cd.epd[1] = false;
    s->cd.tsz[1] = 25;
    s->cd.ttb[1] = guest_alloc_pages(s->alloc, 1);
    smmu_test_put_cd(s, 0);
    look_through(&a, FOUR_LEVELS + 512);
    expect(&a, UINT64_C(1) << 63, UINT64_C(1) << 62);
    expect(&a, -(UINT64_C(1) << 40), UINT64_C(1) << 39);
    expect(&a, -(UINT64_C(1) << 39), UINT64_C(1) << 30);
    /* the lower one ignores the top byte */
    s->cd.tbi0 = true;
    smmu_test_put_cd(s, 0);
    expect(&a, UINT64_C(0x5a01) << 48, UINT64_C(1) << 48);
    expect(&a, UINT64_C(0x5a40) << 48, UINT64_C(1) << 54);
    expect(&a, UINT64_C(0x5a80) << 48, UINT64_C(1) << 55);
    smmu_test_free(s);
}

static void test_smmu_s2(void)
{
    Asked a;
    Smmu *s = stream(SMMUV3_S2, &a);

    smmu_test_map(s, 0x7000, 0x5000);
    /* two tables side by side, to begin with */
    look_through(&a, FOUR_LEVELS);
    expect(&a, UINT64_C(1) << 40, UINT64_C(1) << 40);
    expect(&a, UINT64_C(1) << 48, UINT64_C(1) << 48);
    smmu_test_free(s);
}

/* A block of stage 1 of which stage 2 has one page, and beyond stage 2. */
static void test_smmu_nested(void)
{
    const uint64_t ipa = UINT64_C(0x1000000000);
    Asked a;
    Smmu *s = stream(SMMUV3_NESTED, &a);

    g_assert_true(guest_tables_map(&s->s1, UINT64_C(1) << 30, ipa, 1,
                                   SMMUV3_PAGE_S1));
    g_assert_true(guest_tables_map(&s->s2, ipa + 0x5000, 0x5000, 3,
                                   SMMUV3_PAGE_S2));
    look_through(&a, FOUR_LEVELS + 1024);
    expect(&a, UINT64_C(1) << 30, PAGE);
    expect(&a, (UINT64_C(1) << 30) + 0x5000, PAGE);
    expect(&a, (UINT64_C(1) << 30) + 0x200000, 0x200000);
    expect(&a, UINT64_C(1) << 48, UINT64_C(1) << 48);
    a.kind = VIOMMU_TRANSLATION;
    s->ste.eats = 1;
    smmu_test_put_ste(s);
    look_through(&a, FOUR_LEVELS + 1024);
    expect(&a, (UINT64_C(1) << 30) + 0x200000, 0x200000);
    smmu_test_free(s);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/sizes/second", test_second);
    g_test_add_func("/sizes/off", test_off);
    g_test_add_func("/sizes/pass-through", test_pass_through);
    g_test_add_func("/sizes/hole-for-ats", test_hole_for_ats);
    g_test_add_data_func("/sizes/first", GUINT_TO_POINTER(SPEC_PGTT_FIRST),
                         test_first);
    g_test_add_data_func("/sizes/first/nested",
                         GUINT_TO_POINTER(SPEC_PGTT_NESTED), test_first);
    g_test_add_func("/sizes/smmu/off", test_smmu_off);
    g_test_add_func("/sizes/smmu/s1", test_smmu_s1);
    g_test_add_func("/sizes/smmu/s2", test_smmu_s2);
    g_test_add_func("/sizes/smmu/nested", test_smmu_nested);
    return g_test_run();
}
