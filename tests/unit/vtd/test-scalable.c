/* SPDX-License-Identifier: BSD-3-Clause */
/* Translation in scalable mode: stages, permissions, accessed and dirty. */
#include "tests/lib/unit/scalable.h"

#define PASID   0x1234u
#define VA      UINT64_C(0x7f0000400000)
#define PA      UINT64_C(0x200000)

static Scalable *start_with(unsigned pgtt, unsigned levels, unsigned aw)
{
    ViommuVtdConfig config;

    scalable_config(&config);
    config.aw_bits = (uint8_t)aw;
    config.rid_priv = true;
    config.abort_dma = true;
    return scalable_new(&config, pgtt, levels, PASID);
}

static Scalable *start(unsigned pgtt)
{
    return start_with(pgtt, 4, 48);
}

static void check_size(Scalable *s, uint64_t va, uint64_t size)
{
    ViommuReply reply;

    for (unsigned i = 0; i < 2; i++) {      /* walked, cached */
        g_assert_cmpint(scalable_ask(s, PASID, va, SM_R, false, &reply), ==,
                        VIOMMU_OK);
        g_assert_cmphex(reply.size, ==, size);
    }
}

static void test_second(void)
{
    for (unsigned levels = 3; levels <= 5; levels++) {
        Scalable *s = start_with(SPEC_PGTT_SECOND, levels, 57);
        uint64_t va = levels == 3 ? 0x3f00400000 : levels == 4 ? VA
                                               : VA << 9;

        scalable_map(s, va, PA, 1);
        scalable_map(s, va + (4 << 20), 0x600000, 2);
        scalable_ok(s, SM_NONE, va + 0x123, SM_R, PA + 0x123);
        scalable_ok(s, PASID, va + 0x456, SM_W, PA + 0x456);
        scalable_ok(s, PASID, va + (4 << 20) + 0x12345, SM_R, 0x612345);
        check_size(s, va, 4096);
        check_size(s, va + (4 << 20), 2 << 20);
        scalable_free(s);
    }
}

static void test_first(void)
{
    for (unsigned levels = 4; levels <= 5; levels++) {
        Scalable *s = start_with(SPEC_PGTT_FIRST, levels, 57);
        uint64_t high = ~UINT64_C(0) << (levels == 4 ? 47 : 56);

        scalable_map(s, VA, PA, 1);
        scalable_map(s, VA + (4 << 20), 0x600000, 2);
        scalable_map(s, VA + (UINT64_C(2) << 30), UINT64_C(5) << 30, 3);
        scalable_map(s, high, PA + 0x1000, 1);
        for (unsigned i = 0; i < 2; i++) {
            scalable_ok(s, SM_NONE, VA + 5, SM_W, PA + 5);
            scalable_ok(s, PASID, VA + 5, SM_R, PA + 5);
            scalable_ok(s, PASID, VA + (4 << 20) + 0x1fffff, SM_W, 0x7fffff);
            scalable_ok(s, PASID, VA + (UINT64_C(2) << 30) + 0x12345678, SM_R,
                        (UINT64_C(5) << 30) +
                        ((VA + 0x12345678) & 0x3fffffff));
            scalable_ok(s, PASID, high, SM_R, PA + 0x1000);
        }
        check_size(s, VA, 4096);
        check_size(s, VA + (4 << 20), 2 << 20);
        check_size(s, VA + (UINT64_C(2) << 30), 1 << 30);
        scalable_fault(s, PASID, UINT64_C(1) << (levels == 4 ? 47 : 56), SM_R,
                       SPEC_FR_SM_CANONICAL);
        scalable_fault(s, SM_NONE, high - 0x1000, SM_W, SPEC_FR_SM_CANONICAL);
        scalable_free(s);
    }
}

static void test_nested(void)
{
    Scalable *s = start(SPEC_PGTT_NESTED);
    uint64_t big = VA + (UINT64_C(4) << 30), ipa = UINT64_C(0x4000000000);

    scalable_map(s, VA, PA, 1);
    scalable_map(s, VA + (4 << 20), 0x600000, 2);
    /* 1 GiB over 2 MiB */
    g_assert_true(guest_fs_map(&s->fs, s->alloc, big, SM_BIAS, 3, SM_LEAF));
    /* 2 MiB over 4 KiB */
    g_assert_true(guest_ss_map(s->alloc, s->ss, 4, ipa + 0x3000, 0x9000, 1,
                               SPEC_SS_R | SPEC_SS_W));
    g_assert_true(guest_fs_map(&s->fs, s->alloc, VA + (8 << 20), ipa, 2,
                               SM_LEAF));
    for (unsigned i = 0; i < 2; i++) {
        scalable_ok(s, SM_NONE, VA + 7, SM_R, PA + 7);
        scalable_ok(s, PASID, VA + 7, SM_W, PA + 7);
        scalable_ok(s, PASID, VA + (4 << 20) + 0x54321, SM_W, 0x654321);
        scalable_ok(s, PASID, (big & ~UINT64_C(0x3fffffff)) + 0x1234567, SM_R,
                    0x1234567);
        scalable_ok(s, PASID, VA + (8 << 20) + 0x3abc, SM_W, 0x9abc);
        scalable_fault(s, PASID, VA + (8 << 20) + 0x4000, SM_R,
                       SPEC_FR_SM_SS_RW);
    }
    check_size(s, VA, 4096);
    check_size(s, VA + (4 << 20), 2 << 20);
    check_size(s, big, 2 << 20);
    check_size(s, VA + (8 << 20) + 0x3000, 4096);
    scalable_free(s);
}

static void test_pass_through(void)
{
    Scalable *s = start(SPEC_PGTT_PASS);

    scalable_ok(s, SM_NONE, 0x12345678, SM_R, 0x12345678);
    scalable_ok(s, PASID, 0x12345678, SM_W, 0x12345678);
    scalable_fault(s, PASID, UINT64_C(1) << 48, SM_R, SPEC_FR_SM_WIDTH);
    scalable_free(s);
}

/* Each PASID has its own first stage. */
static void test_apart(void)
{
    Scalable *s = start(SPEC_PGTT_FIRST);
    GuestFs first = s->fs;

    scalable_map(s, VA, PA, 1);
    g_assert_true(guest_fs_init(&s->fs, s->alloc, 4, 0));
    s->entry.fs = s->fs.table;
    scalable_put_pasid(s, PASID + 1);
    scalable_map(s, VA, PA + 0x5000, 1);
    for (unsigned i = 0; i < 2; i++) {
        scalable_ok(s, PASID, VA, SM_R, PA);
        scalable_ok(s, PASID + 1, VA, SM_R, PA + 0x5000);
    }
    g_assert_cmphex(first.table, !=, s->fs.table);
    scalable_free(s);
}

/* Leaf or upper entry without @clear, or with @set, and what follows. */
typedef struct Right {
    uint64_t clear, set;
    unsigned access;
    uint64_t flags2;
    unsigned reason;
} Right;

static const Right rights[] = {
    { 0, 0, SM_W, 0, 0 },
    { SPEC_FS_RW, 0, SM_R, 0, 0 },
    { SPEC_FS_RW, 0, SM_W, 0, SPEC_FR_SM_WRITE },
    { SPEC_FS_RW, 0, SM_R | SM_W, 0, SPEC_FR_SM_WRITE },
    { SPEC_FS_RW, 0, SM_W | SM_P, SPEC_PASID2_SRE, 0 },
    { SPEC_FS_RW, 0, SM_W | SM_P, SPEC_PASID2_SRE | SPEC_PASID2_WPE,
      SPEC_FR_SM_WRITE },
    { SPEC_FS_US, 0, SM_R, 0, SPEC_FR_SM_USER },
    { SPEC_FS_US, 0, SM_W, 0, SPEC_FR_SM_USER },
    { SPEC_FS_US, 0, SM_R | SM_P, SPEC_PASID2_SRE, 0 },
    { SPEC_FS_US, 0, SM_W | SM_P, SPEC_PASID2_SRE, 0 },
    { SPEC_FS_US | SPEC_FS_RW, 0, SM_W, 0, SPEC_FR_SM_USER },
    { 0, 0, SM_R | SM_P, 0, SPEC_FR_SM_SRE },
    { 0, 0, SM_R | SM_X, 0, SPEC_FR_SM_ERE },
    { 0, 0, SM_R | SM_X | SM_P, 0, SPEC_FR_SM_ERE },
    { 0, 0, SM_R | SM_X, SPEC_PASID2_ERE, 0 },
    /* the processor's tables have XD, and Linux shares them without NXE */
    { 0, SPEC_FS_XD, SM_R, 0, 0 },
    { 0, SPEC_FS_XD, SM_R | SM_X, SPEC_PASID2_ERE, 0 },
    { 0, SPEC_FS_XD, SM_R, SPEC_PASID2_NXE, 0 },
    { 0, SPEC_FS_XD, SM_R | SM_X, SPEC_PASID2_NXE | SPEC_PASID2_ERE,
      SPEC_FR_SM_EXECUTE },
};

/* [VTD 3.6.1] */
static void test_rights(gconstpointer data)
{
    unsigned pgtt = GPOINTER_TO_UINT(data);

    for (size_t i = 0; i < G_N_ELEMENTS(rights); i++) {
        const Right *r = &rights[i];

        for (unsigned level = 1; level <= 4; level++) {
            Scalable *s = start(pgtt);
            uint64_t at;

            s->entry.flags2 = r->flags2;
            scalable_put_pasid(s, PASID);
            scalable_flush(s);
            scalable_map(s, VA, PA, 1);
            at = guest_fs_entry(&s->fs, s->alloc, VA, level, false);
            guest_write64(&s->f->mem, at,
                          (guest_read64(&s->f->mem, at) & ~r->clear) | r->set);
            for (unsigned n = 0; n < 2; n++) {
                if (r->reason) {
                    scalable_fault(s, PASID, VA, r->access, r->reason);
                    g_assert_cmphex(scalable_fs_word(s, VA, 1) & SPEC_FS_D,
                                    ==, 0);
                } else {
                    scalable_ok(s, PASID, VA, r->access, PA);
                }
            }
            scalable_free(s);
        }
    }
}

/* Without PASID, privilege comes from the context entry only. */
static void test_rid_priv(void)
{
    Scalable *s = start(SPEC_PGTT_FIRST);

    g_assert_true(guest_fs_map(&s->fs, s->alloc, VA, PA, 1,
                               SPEC_FS_P | SPEC_FS_RW));
    s->entry.flags2 = SPEC_PASID2_SRE;
    scalable_put_pasid(s, 0);
    scalable_flush(s);
    scalable_fault(s, SM_NONE, VA, SM_R, SPEC_FR_SM_USER);
    s->ctx[1] = SPEC_SM_CTX1_RID_PRIV;
    scalable_put_context(s);
    scalable_flush(s);
    scalable_ok(s, SM_NONE, VA, SM_W, PA);
    scalable_free(s);
}

/* [VTD 3.6.2] */
static void test_first_bits(gconstpointer data)
{
    Scalable *s = start(GPOINTER_TO_UINT(data));
    ViommuReply reply;

    scalable_map(s, VA, PA, 1);
    scalable_map(s, VA + (4 << 20), 0x600000, 2);
    g_assert_cmpint(scalable_ask(s, PASID, VA, SM_W, true, &reply), ==,
                    VIOMMU_OK);
    for (unsigned level = 1; level <= 4; level++) {
        g_assert_cmphex(scalable_fs_word(s, VA, level) & SPEC_FS_A, ==, 0);
    }
    scalable_ok(s, PASID, VA, SM_R, PA);
    for (unsigned level = 1; level <= 4; level++) {
        uint64_t word = scalable_fs_word(s, VA, level);

        g_assert_cmphex(word & SPEC_FS_A, ==, SPEC_FS_A);
        g_assert_cmphex(word & (SPEC_FS_D | SPEC_FS_EA), ==, 0);
    }
    /* the cached translation is clean: a write must still say so */
    g_assert_cmpint(scalable_ask(s, PASID, VA, SM_W, true, &reply), ==,
                    VIOMMU_OK);
    g_assert_cmphex(scalable_fs_word(s, VA, 1) & SPEC_FS_D, ==, 0);
    scalable_ok(s, PASID, VA, SM_W, PA);
    g_assert_cmphex(scalable_fs_word(s, VA, 1) & SPEC_FS_D, ==, SPEC_FS_D);
    g_assert_cmphex(scalable_fs_word(s, VA, 2) & SPEC_FS_D, ==, 0);
    scalable_ok(s, PASID, VA + (4 << 20), SM_W, 0x600000);
    g_assert_cmphex(scalable_fs_word(s, VA + (4 << 20), 2) &
                    (SPEC_FS_A | SPEC_FS_D), ==, SPEC_FS_A | SPEC_FS_D);
    /* extended accessed only with EAFE */
    s->entry.flags2 = SPEC_PASID2_EAFE;
    scalable_put_pasid(s, PASID);
    scalable_flush(s);
    scalable_ok(s, PASID, VA, SM_R, PA);
    for (unsigned level = 1; level <= 4; level++) {
        g_assert_cmphex(scalable_fs_word(s, VA, level) & SPEC_FS_EA, ==,
                        SPEC_FS_EA);
    }
    scalable_free(s);
}

/* [VTD 3.7.2] */
static void test_second_bits(void)
{
    Scalable *s = start(SPEC_PGTT_SECOND);
    ViommuReply reply;

    scalable_map(s, VA, PA, 1);
    scalable_ok(s, PASID, VA, SM_W, PA);
    g_assert_cmphex(scalable_ss_word(s, VA, 1), ==, PA | 3);
    s->entry.flags0 = SPEC_PASID_SSADE;
    scalable_put_pasid(s, PASID);
    scalable_flush(s);
    g_assert_cmpint(scalable_ask(s, PASID, VA, SM_W, true, &reply), ==,
                    VIOMMU_OK);
    g_assert_cmphex(scalable_ss_word(s, VA, 1), ==, PA | 3);
    scalable_ok(s, PASID, VA, SM_R, PA);
    for (unsigned level = 1; level <= 4; level++) {
        g_assert_cmphex(scalable_ss_word(s, VA, level) & 0x300, ==, 0x100);
    }
    scalable_ok(s, PASID, VA, SM_W, PA);
    g_assert_cmphex(scalable_ss_word(s, VA, 1) & 0x300, ==, 0x300);
    g_assert_cmphex(scalable_ss_word(s, VA, 2) & 0x300, ==, 0x100);
    /* a refused write */
    g_assert_true(guest_ss_map(s->alloc, s->ss, 4, VA + 0x1000, PA, 1,
                               SPEC_SS_R));
    scalable_fault(s, PASID, VA + 0x1000, SM_W, SPEC_FR_SM_WRITE);
    g_assert_cmphex(scalable_ss_word(s, VA + 0x1000, 1) & 0x200, ==, 0);
    scalable_free(s);
}

/* Nested with SSADE: tables and pages are dirtied only by what is written. */
static void test_nested_bits(void)
{
    Scalable *s = start(SPEC_PGTT_NESTED);
    uint64_t ipa = UINT64_C(0x4000000000);

    s->entry.flags0 = SPEC_PASID_SSADE;
    scalable_put_pasid(s, PASID);
    scalable_flush(s);
    for (unsigned i = 0; i < 2; i++) {
        g_assert_true(guest_ss_map(s->alloc, s->ss, 4, ipa + i * 0x1000,
                                   PA + i * 0x1000, 1,
                                   SPEC_SS_R | SPEC_SS_W));
    }
    g_assert_true(guest_fs_map(&s->fs, s->alloc, VA, ipa, 1, SM_LEAF));
    g_assert_true(guest_fs_map(&s->fs, s->alloc, VA + 0x1000, ipa + 0x1000, 1,
                               SPEC_FS_P | SPEC_FS_US));
    scalable_ok(s, PASID, VA, SM_R, PA);
    g_assert_cmphex(scalable_ss_word(s, ipa, 1) & 0x300, ==, 0x100);
    /* the tables were written: accessed bits */
    g_assert_cmphex(scalable_ss_word(s, s->entry.fs, 2) & 0x300, ==, 0x300);
    scalable_ok(s, PASID, VA, SM_W, PA);
    g_assert_cmphex(scalable_ss_word(s, ipa, 1) & 0x300, ==, 0x300);
    g_assert_cmphex(scalable_fs_word(s, VA, 1) & SPEC_FS_D, ==, SPEC_FS_D);
    /* the first stage refuses: the second is not dirtied */
    scalable_fault(s, PASID, VA + 0x1000, SM_W, SPEC_FR_SM_WRITE);
    g_assert_cmphex(scalable_ss_word(s, ipa + 0x1000, 1) & 0x200, ==, 0);
    g_assert_cmphex(scalable_fs_word(s, VA + 0x1000, 1) & SPEC_FS_D, ==, 0);
    scalable_free(s);
}

/* The second stage's bits of the page that has @level's table for VA. */
static uint64_t table_bits(Scalable *s, unsigned level)
{
    uint64_t at = guest_fs_entry(&s->fs, s->alloc, VA, level, false);

    return scalable_ss_word(s, at + s->fs.bias, 2) & 0x300;
}

/* Nested with SSADE: who only reads tables does not make them dirty. */
static void test_clean_tables(void)
{
    Scalable *s = start(SPEC_PGTT_NESTED);

    s->entry.flags0 = SPEC_PASID_SSADE;
    scalable_put_pasid(s, PASID);
    scalable_flush(s);
    scalable_map(s, VA, PA, 1);
    scalable_map(s, VA + 0x1000, PA + 0x1000, 1);
    for (unsigned level = 1; level <= 4; level++) {
        uint64_t at = guest_fs_entry(&s->fs, s->alloc, VA, level, false);

        guest_write64(&s->f->mem, at, guest_read64(&s->f->mem, at) |
                                      SPEC_FS_A | SPEC_FS_D);
    }
    scalable_ok(s, PASID, VA, SM_W, PA);
    g_assert_cmphex(table_bits(s, 1), ==, 0x100);
    g_assert_cmphex(table_bits(s, 4), ==, 0x100);
    /* in the same table, which is cached, a bit has to be set */
    scalable_ok(s, PASID, VA + 0x1000, SM_R, PA + 0x1000);
    g_assert_cmphex(table_bits(s, 1), ==, 0x300);
    g_assert_cmphex(scalable_fs_word(s, VA + 0x1000, 1) & SPEC_FS_A, ==,
                    SPEC_FS_A);
    scalable_free(s);
}

/* What was refused has marked nothing; what is granted then has to. */
static void test_bits_after_refusal(gconstpointer data)
{
    Scalable *s = start(GPOINTER_TO_UINT(data));

    g_assert_true(guest_fs_map(&s->fs, s->alloc, VA, PA + s->fs.bias, 1,
                               SPEC_FS_P | SPEC_FS_US));
    scalable_fault(s, PASID, VA, SM_W, SPEC_FR_SM_WRITE);
    g_assert_cmphex(scalable_fs_word(s, VA, 1) & SPEC_FS_A, ==, 0);
    scalable_ok(s, PASID, VA, SM_R, PA);
    g_assert_cmphex(scalable_fs_word(s, VA, 1) & SPEC_FS_A, ==, SPEC_FS_A);
    scalable_free(s);
}

/* Only tables must be readable in the second stage [VTD 3.7.1] [VTD 3.8]. */
static void test_write_only(void)
{
    Scalable *s = start(SPEC_PGTT_NESTED);
    uint64_t ipa = UINT64_C(0x4000000000);

    g_assert_true(guest_ss_map(s->alloc, s->ss, 4, ipa, PA, 1, SPEC_SS_W));
    g_assert_true(guest_fs_map(&s->fs, s->alloc, VA, ipa, 1, SM_LEAF));
    for (unsigned n = 0; n < 2; n++) {
        scalable_ok(s, PASID, VA, SM_W, PA);
        scalable_fault(s, PASID, VA, SM_R, SPEC_FR_SM_READ);
    }
    scalable_free(s);
}

/* [VTD 3.4.4] */
static void test_abort(void)
{
    Scalable *s = start(SPEC_PGTT_PASS);

    scalable_ok(s, PASID, VA, SM_R, VA);
    g_assert_true(guest_set_root(&s->f->regs, s->root |
                                 SPEC_TTM_ABORT << SPEC_RTADDR_TTM_SHIFT));
    scalable_silent(s, PASID, VA, SM_R);
    scalable_silent(s, SM_NONE, VA, SM_W);
    g_assert_true(guest_set_root(&s->f->regs, s->root |
                                 SPEC_TTM_SCALABLE << SPEC_RTADDR_TTM_SHIFT));
    scalable_flush(s);
    scalable_ok(s, PASID, VA, SM_R, VA);
    scalable_free(s);
}

/* What selects memory types: reserved, unless they are announced. */
static void test_memory_types(void)
{
    for (unsigned on = 0; on < 2; on++) {
        ViommuVtdConfig config;
        Scalable *s;

        scalable_config(&config);
        config.memory_types = on;
        s = scalable_new(&config, SPEC_PGTT_FIRST, 4, PASID);
        g_assert_cmphex(guest_reg64(&s->f->regs, SPEC_ECAP) & SPEC_ECAP_MTS,
                        ==, on ? SPEC_ECAP_MTS : 0);
        scalable_map(s, VA, PA, 1);
        for (unsigned bit = 25; bit < 64; bit++) {
            uint64_t at = guest_pasid_addr(s->alloc, s->dir, PASID) + 8;
            uint64_t word = guest_read64(&s->f->mem, at);
            /* 31:27 stay reserved [VTD 9.6] */
            bool taken = on && (bit < 27 || bit > 31);

            guest_write64(&s->f->mem, at, word | SPEC_BIT(bit));
            scalable_flush(s);
            if (taken) {
                scalable_ok(s, PASID, VA, SM_W, PA);
            } else {
                scalable_fault(s, PASID, VA, SM_W, 0x5a);
            }
            guest_write64(&s->f->mem, at, word);
        }
        scalable_free(s);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/scalable/second", test_second);
    g_test_add_func("/scalable/first", test_first);
    g_test_add_func("/scalable/nested", test_nested);
    g_test_add_func("/scalable/pass-through", test_pass_through);
    g_test_add_func("/scalable/pasids-apart", test_apart);
    g_test_add_data_func("/scalable/rights/first",
                         GUINT_TO_POINTER(SPEC_PGTT_FIRST), test_rights);
    g_test_add_data_func("/scalable/rights/nested",
                         GUINT_TO_POINTER(SPEC_PGTT_NESTED), test_rights);
    g_test_add_func("/scalable/rid-priv", test_rid_priv);
    g_test_add_data_func("/scalable/bits/first",
                         GUINT_TO_POINTER(SPEC_PGTT_FIRST), test_first_bits);
    g_test_add_data_func("/scalable/bits/nested-first",
                         GUINT_TO_POINTER(SPEC_PGTT_NESTED), test_first_bits);
    g_test_add_func("/scalable/bits/second", test_second_bits);
    g_test_add_func("/scalable/bits/nested", test_nested_bits);
    g_test_add_func("/scalable/bits/clean-tables", test_clean_tables);
    g_test_add_data_func("/scalable/bits/after-refusal/first",
                         GUINT_TO_POINTER(SPEC_PGTT_FIRST),
                         test_bits_after_refusal);
    g_test_add_data_func("/scalable/bits/after-refusal/nested",
                         GUINT_TO_POINTER(SPEC_PGTT_NESTED),
                         test_bits_after_refusal);
    g_test_add_func("/scalable/nested/write-only", test_write_only);
    g_test_add_func("/scalable/abort", test_abort);
    g_test_add_func("/scalable/memory-types", test_memory_types);
    return g_test_run();
}
