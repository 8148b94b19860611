/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Permissions in scalable mode [VTD 3.6]: writing, user and supervisor,
 * execution, by all levels of the first stage, and the records of what was
 * refused.
 */
#include "tests/qtest/sm.h"

#define VA UINT64_C(0x7f0000400000)

/* [VTD 3.6.1] */
static void test_rights(gconstpointer data)
{
    unsigned pgtt = GPOINTER_TO_UINT(data);
    uint64_t page;
    Sm s;

    sm_start(&s, SM_OPTIONS, pgtt, 4);
    page = board_pages(&s.b, 1);
    for (unsigned level = 1; level <= 4; level++) {
        uint64_t va = VA - (UINT64_C(1) << 40) * level;
        uint64_t at, word;

        /* a way of its own down to the leaf */
        sm_map(&s, va, page, 1);
        at = sm_fs_at(&s, va, level);
        word = board_get64(&s.b, at);
        board_put64(&s.b, at, word & ~SPEC_FS_RW);
        sm_reads(&s, SM_PASID, va, page);
        sm_fault(&s, SM_PASID, va, true, SPEC_FR_SM_WRITE);
        sm_fault(&s, SM_NONE, va, true, SPEC_FR_SM_WRITE);
        /* more rights for a page need no invalidation (caching mode is off);
         * what a table does not allow may be remembered */
        board_put64(&s.b, at, word);
        if (level > 1) {
            sm_flush(&s);
        }
        sm_good(&s, SM_PASID, va, page);
        board_put64(&s.b, at, word & ~SPEC_FS_US);
        sm_flush(&s);
        sm_fault(&s, SM_PASID, va, false, SPEC_FR_SM_USER);
        sm_fault(&s, SM_NONE, va, true, SPEC_FR_SM_USER);
        board_put64(&s.b, at, word | SPEC_FS_XD);
        sm_flush(&s);
        /* a read does not care, without NXE and with it */
        sm_good(&s, SM_PASID, va, page);
        s.entry.flags2 = SPEC_PASID2_NXE;
        sm_put_pasid(&s, SM_PASID);
        sm_flush(&s);
        sm_good(&s, SM_PASID, va, page);
        s.entry.flags2 = 0;
        sm_put_pasid(&s, SM_PASID);
        sm_flush(&s);
    }
    sm_end(&s);
}

/* RID_PRIV makes requests without PASID privileged [VTD 9.4]. */
static void test_rid_priv(void)
{
    uint64_t page;
    Sm s;

    sm_start(&s, SM_OPTIONS ",rid-priv=on", SPEC_PGTT_FIRST, 4);
    page = board_pages(&s.b, 1);
    sm_map_flags(&s, VA, page, 1, SPEC_FS_P | SPEC_FS_RW);
    sm_map_flags(&s, VA + 0x1000, page, 1, SPEC_FS_P);
    sm_fault(&s, SM_NONE, VA, false, SPEC_FR_SM_USER);
    s.ctx[1] = SPEC_SM_CTX1_RID_PRIV;
    sm_put_context(&s);
    sm_flush(&s);
    sm_fault(&s, SM_NONE, VA, false, SPEC_FR_SM_SRE);
    s.entry.flags2 = SPEC_PASID2_SRE;
    sm_put_pasid(&s, 0);
    sm_flush(&s);
    sm_good(&s, SM_NONE, VA, page);
    /* read-only, until WPE holds for supervisors too */
    sm_good(&s, SM_NONE, VA + 0x1000, page);
    s.entry.flags2 |= SPEC_PASID2_WPE;
    sm_put_pasid(&s, 0);
    sm_flush(&s);
    sm_reads(&s, SM_NONE, VA + 0x1000, page);
    sm_fault(&s, SM_NONE, VA + 0x1000, true, SPEC_FR_SM_WRITE);
    sm_fault(&s, SM_PASID, VA, false, SPEC_FR_SM_USER);
    sm_end(&s);
}

/* Execute and privileged requests: EXE and PRIV of the record. */
static void test_modes(void)
{
    static const struct {
        uint32_t mode;          /* TD_PASID_... */
        uint64_t flags2, leaf;
        bool write;
        uint8_t reason;         /* 0: granted */
    } table[] = {
        { TD_PASID_EXEC, 0, SM_LEAF, false, SPEC_FR_SM_ERE },
        { TD_PASID_PRIV, 0, SM_LEAF, true, SPEC_FR_SM_SRE },
        { TD_PASID_PRIV, 0, SM_LEAF, false, SPEC_FR_SM_SRE },
        { TD_PASID_EXEC | TD_PASID_PRIV, SPEC_PASID2_ERE, SM_LEAF, false,
          SPEC_FR_SM_SRE },
        { TD_PASID_EXEC, SPEC_PASID2_ERE, SM_LEAF, false, 0 },
        { TD_PASID_EXEC, SPEC_PASID2_ERE | SPEC_PASID2_NXE,
          SM_LEAF | SPEC_FS_XD, false, SPEC_FR_SM_EXECUTE },
        { TD_PASID_EXEC | TD_PASID_PRIV, SPEC_PASID2_ERE | SPEC_PASID2_NXE |
          SPEC_PASID2_SRE, SM_LEAF | SPEC_FS_XD, false, SPEC_FR_SM_EXECUTE },
        { TD_PASID_PRIV, SPEC_PASID2_SRE, SPEC_FS_P | SPEC_FS_RW, true, 0 },
        { TD_PASID_PRIV, SPEC_PASID2_SRE, SPEC_FS_P, true, 0 },
        { TD_PASID_PRIV, SPEC_PASID2_SRE | SPEC_PASID2_WPE, SPEC_FS_P, true,
          SPEC_FR_SM_WRITE },
        { TD_PASID_PRIV, SPEC_PASID2_SRE, 0, true, SPEC_FR_SM_FS_P },
        { 0, SPEC_PASID2_SRE, SPEC_FS_P | SPEC_FS_RW, false,
          SPEC_FR_SM_USER },
    };
    uint64_t page;
    Sm s;

    sm_start_with(&s, SM_OPTIONS, ",pasid-bits=20", SPEC_PGTT_FIRST, 4);
    testdev_enable(&s.b.dev, 0);
    page = board_pages(&s.b, 1);
    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        SmRecord want = {
            .reason = table[i].reason, .write = table[i].write,
            .execute = table[i].mode & TD_PASID_EXEC,
            .privileged = table[i].mode & TD_PASID_PRIV,
        };

        g_test_message("%zu", i);
        s.entry.flags2 = table[i].flags2;
        sm_put_pasid(&s, SM_PASID);
        sm_map_flags(&s, VA, page, 1, table[i].leaf);
        sm_flush(&s);
        sm_use(&s, SM_PASID | table[i].mode);
        if (!table[i].reason && table[i].write) {
            board_dma_writes(&s.b, VA, page);
        } else if (!table[i].reason) {
            board_dma_reads(&s.b, VA, page);
        } else {
            board_dma_blocked(&s.b, VA, table[i].write);
            sm_take_record(&s, SM_PASID, VA, &want);
        }
        board_no_fault(&s.b);
    }
    sm_end(&s);
}

/* ERE and SRE hold for types without a first stage, too. */
static void test_other_types(void)
{
    static const unsigned types[] = { SPEC_PGTT_SECOND, SPEC_PGTT_PASS };
    static const struct {
        uint32_t mode;
        uint64_t flags2;
        uint8_t reason;
    } table[] = {
        { TD_PASID_EXEC, SPEC_PASID2_SRE, SPEC_FR_SM_ERE },
        { TD_PASID_PRIV, SPEC_PASID2_ERE, SPEC_FR_SM_SRE },
        { TD_PASID_PRIV | TD_PASID_EXEC, SPEC_PASID2_ERE | SPEC_PASID2_SRE,
          0 },
    };
    Sm s;

    sm_start_with(&s, SM_OPTIONS, ",pasid-bits=20", SPEC_PGTT_SECOND, 4);
    testdev_enable(&s.b.dev, 0);
    for (unsigned i = 0; i < 2 * G_N_ELEMENTS(table); i++) {
        unsigned n = i / 2;
        uint64_t page = board_pages(&s.b, 1);
        SmRecord want = {
            .reason = table[n].reason,
            .execute = table[n].mode & TD_PASID_EXEC,
            .privileged = table[n].mode & TD_PASID_PRIV,
        };

        sm_tables(&s, types[i % 2], 4);
        s.entry.flags2 = table[n].flags2;
        sm_put_pasid(&s, SM_PASID);
        sm_flush(&s);
        if (types[i % 2] == SPEC_PGTT_SECOND) {
            sm_map(&s, page, page, 1);
        }
        sm_use(&s, SM_PASID | table[n].mode);
        if (table[n].reason) {
            board_dma_blocked(&s.b, page, false);
            sm_take_record(&s, SM_PASID, page, &want);
        } else {
            board_dma_reads(&s.b, page, page);
        }
        sm_good(&s, SM_PASID, page, page);
    }
    sm_end(&s);
}

/* One page, requests of all kinds in turn: what one of them may is cached, but
 * not for the others. */
static void test_mixed(gconstpointer data)
{
    static const struct {
        uint64_t leaf;
        uint32_t mode;
        bool write;
        uint8_t reason;
    } turns[] = {
        { SPEC_FS_P | SPEC_FS_RW, TD_PASID_PRIV, true, 0 },
        { SPEC_FS_P | SPEC_FS_RW, 0, false, SPEC_FR_SM_USER },
        { SPEC_FS_P | SPEC_FS_RW, 0, true, SPEC_FR_SM_USER },
        { SPEC_FS_P | SPEC_FS_RW, TD_PASID_PRIV, false, 0 },
        { SPEC_FS_P | SPEC_FS_US, 0, false, 0 },
        { SPEC_FS_P | SPEC_FS_US, TD_PASID_PRIV, true, 0 },
        { SPEC_FS_P | SPEC_FS_US, 0, true, SPEC_FR_SM_WRITE },
        { SPEC_FS_P | SPEC_FS_US, TD_PASID_PRIV, true, 0 },
        { SPEC_FS_P | SPEC_FS_US, 0, false, 0 },
        { SM_LEAF | SPEC_FS_XD, 0, false, 0 },
        { SM_LEAF | SPEC_FS_XD, TD_PASID_EXEC, false, SPEC_FR_SM_EXECUTE },
        { SM_LEAF | SPEC_FS_XD, 0, true, 0 },
        { SM_LEAF | SPEC_FS_XD, TD_PASID_EXEC | TD_PASID_PRIV, false,
          SPEC_FR_SM_EXECUTE },
        { SM_LEAF | SPEC_FS_XD, TD_PASID_PRIV, false, 0 },
    };
    uint64_t page, leaf = 0;
    Sm s;

    sm_start_with(&s, SM_OPTIONS, ",pasid-bits=20", GPOINTER_TO_UINT(data),
                  4);
    testdev_enable(&s.b.dev, 0);
    page = board_pages(&s.b, 1);
    s.entry.flags2 = SPEC_PASID2_SRE | SPEC_PASID2_ERE | SPEC_PASID2_NXE;
    sm_put_pasid(&s, SM_PASID);
    for (size_t i = 0; i < 2 * G_N_ELEMENTS(turns); i++) {
        size_t n = i % G_N_ELEMENTS(turns);
        SmRecord want = {
            .reason = turns[n].reason, .write = turns[n].write,
            .execute = turns[n].mode & TD_PASID_EXEC,
            .privileged = turns[n].mode & TD_PASID_PRIV,
        };

        g_test_message("%zu", n);
        if (leaf != turns[n].leaf) {
            leaf = turns[n].leaf;
            sm_map_flags(&s, VA, page, 1, leaf);
            sm_flush(&s);
        }
        sm_use(&s, SM_PASID | turns[n].mode);
        if (turns[n].reason) {
            board_dma_blocked(&s.b, VA, turns[n].write);
            sm_take_record(&s, SM_PASID, VA, &want);
        } else if (turns[n].write) {
            board_dma_writes(&s.b, VA, page);
        } else {
            board_dma_reads(&s.b, VA, page);
        }
        board_no_fault(&s.b);
    }
    sm_end(&s);
}

int main(int argc, char **argv)
{
    gpointer first = GUINT_TO_POINTER(SPEC_PGTT_FIRST);
    gpointer nested = GUINT_TO_POINTER(SPEC_PGTT_NESTED);

    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/rights/levels/first", first, test_rights);
    g_test_add_data_func("/rights/levels/nested", nested, test_rights);
    g_test_add_func("/rights/rid-priv", test_rid_priv);
    g_test_add_func("/rights/modes", test_modes);
    g_test_add_func("/rights/other-types", test_other_types);
    g_test_add_data_func("/rights/mixed/first", first, test_mixed);
    g_test_add_data_func("/rights/mixed/nested", nested, test_mixed);
    return g_test_run();
}
