/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SMMUv3: what a translation request of an endpoint is told when one of two
 * stages has less than it asks for [SMMU 3.9.1.2].
 */
#include "tests/lib/unit/smmu.h"

#define VA      UINT64_C(0x7f1234567000)
#define PA      UINT64_C(0x00345000)
#define IPA     UINT64_C(0x8123456000)
/* a table of stage 2 beyond RAM */
#define HOLE    UINT64_C(0x40000000)
#define SSID    5u
#define RW      (VIOMMU_READ | VIOMMU_WRITE)
#define TABLE   (SMMUV3_PTE_VALID | SMMUV3_PTE_TABLE)

static Smmu *new_stream(void)
{
    ViommuSmmuv3Config config;
    Smmu *s;

    smmu_test_config(&config);
    s = smmu_test_new(&config, SMMUV3_NESTED);
    s->ste.eats = EATS_FULL;
    s->ste.s1cdmax = 4;
    smmu_test_put_cd(s, SSID);
    smmu_test_put_ste(s);
    return s;
}

static void expect(Smmu *s, unsigned asked, unsigned granted)
{
    uint64_t word[4];
    ViommuReply reply;

    g_assert_cmpint(smmu_test_request(s, SSID, VA, asked,
                                      VIOMMU_TRANSLATION, &reply), ==,
                    VIOMMU_OK);
    g_assert_cmphex(reply.access, ==, granted);
    if (granted) {
        g_assert_cmphex(reply.addr, ==, PA);
    }
    g_assert_false(smmu_test_event(s, word));
}

static void expect_aborted(Smmu *s, unsigned asked)
{
    uint64_t word[4];
    ViommuReply reply;

    g_assert_cmpint(smmu_test_request(s, SSID, VA, asked,
                                      VIOMMU_TRANSLATION, &reply), ==,
                    VIOMMU_FAULT);
    g_assert_cmphex(reply.reason, ==, SMMUV3_F_WALK_EABT);
    g_assert_cmphex(reply.access, ==, 0);
    g_assert_false(smmu_test_event(s, word));
}

static void put_page(Smmu *s, uint64_t attributes)
{
    g_assert_true(guest_tables_map(&s->s1, VA, IPA, 3, attributes));
    guest_smmu_command(&s->commands, CMD_NSNH_ALL, 0);
    smmu_test_sync(s);
}

/*
 * Stage 1 lets a user execute a page and nothing else, which a completion
 * cannot say: nothing is granted, and stage 2, whose walk would abort, is not
 * asked.  A page that can be read brings stage 2's abort to light
 * [SMMU 3.9.1.2] [SMMU 13.7.1].
 */
static void test_execute_only(void)
{
    const uint64_t exec = SMMUV3_PTE_AF | SMMUV3_PTE_NG;
    Smmu *s = new_stream();
    uint64_t entry = guest_tables_entry(&s->s2, IPA, 2);

    g_assert_cmphex(entry, !=, 0);
    guest_write64(&s->f->mem, entry, HOLE | TABLE);
    put_page(s, exec);
    expect(s, VIOMMU_READ | VIOMMU_EXEC, 0);
    expect(s, RW | VIOMMU_EXEC, 0);
    put_page(s, exec | SMMUV3_PTE_USER);
    expect_aborted(s, VIOMMU_READ | VIOMMU_EXEC);
    expect_aborted(s, RW);

    guest_write64(&s->f->mem, entry, 0);
    g_assert_true(guest_tables_map(&s->s2, IPA, PA, 3, SMMUV3_PAGE_S2));
    put_page(s, exec);
    expect(s, VIOMMU_READ | VIOMMU_EXEC, 0);
    put_page(s, exec | SMMUV3_PTE_USER);
    expect(s, VIOMMU_READ, RW);
    expect(s, VIOMMU_READ | VIOMMU_EXEC, RW | VIOMMU_EXEC);
    put_page(s, exec | SMMUV3_PTE_USER | SMMUV3_PTE_RDONLY |
             SMMUV3_PTE_UXN);
    expect(s, RW | VIOMMU_EXEC, VIOMMU_READ);
    smmu_test_free(s);
}

/*
 * A clean page is to be marked dirty, in a table that stage 2 does not let be
 * written: that ends the request, whatever else could be granted.
 */
static void test_table_read_only(void)
{
    Smmu *s = new_stream();
    uint64_t leaf, block;

    s->cd.ha = s->cd.hd = true;
    smmu_test_put_cd(s, SSID);
    g_assert_true(guest_tables_map(&s->s2, IPA, PA, 3, SMMUV3_PAGE_S2));
    put_page(s, SMMUV3_PAGE_S1 | SMMUV3_PTE_RDONLY | SMMUV3_PTE_DBM);
    leaf = guest_tables_entry(&s->s1, VA, 3);
    block = guest_tables_entry(&s->s2, leaf, 2);
    guest_write64(&s->f->mem, block,
                  guest_read64(&s->f->mem, block) &
                  ~(uint64_t)SMMUV3_PTE_S2W);
    guest_smmu_command(&s->commands, CMD_NSNH_ALL, 0);
    smmu_test_sync(s);

    expect(s, RW, 0);
    expect(s, VIOMMU_READ, VIOMMU_READ);
    g_assert_cmphex(guest_read64(&s->f->mem, leaf) & SMMUV3_PTE_RDONLY, !=,
                    0);
    /* Where it can be written, it is marked. */
    guest_write64(&s->f->mem, block,
                  guest_read64(&s->f->mem, block) | SMMUV3_PTE_S2W);
    guest_smmu_command(&s->commands, CMD_NSNH_ALL, 0);
    smmu_test_sync(s);
    expect(s, RW, RW);
    g_assert_cmphex(guest_read64(&s->f->mem, leaf) & SMMUV3_PTE_RDONLY, ==,
                    0);
    smmu_test_free(s);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/smmu-ats/execute-only", test_execute_only);
    g_test_add_func("/smmu-ats/table-read-only", test_table_read_only);
    return g_test_run();
}
