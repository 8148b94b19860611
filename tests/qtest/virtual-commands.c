/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Virtual commands [VTD 11.4]: PASIDs that the unit gives out, as a
 * guest's driver asks for them; and a PASID for requests that have none.
 */
#include "tests/qtest/sm.h"

#define OPTIONS SM_OPTIONS ",virtual-commands=on,rid-pasid=on"
#define VA      UINT64_C(0x7f0000400000)

static uint64_t command(Board *b, uint64_t vcmd)
{
    board_set64(b, SPEC_VCMD, vcmd);
    g_assert_true(qtest_wait(b->q, BOARD_UNIT + SPEC_VCRSP, 8, SPEC_VCRSP_IP,
                             0));
    return board_reg64(b, SPEC_VCRSP);
}

/* 0 when there is none left. */
static uint32_t allocate(Board *b)
{
    uint64_t response = command(b, SPEC_VCMD_ALLOCATE);
    uint32_t pasid = (response & SPEC_VCRSP_PASID) >> SPEC_VCRSP_PASID_SHIFT;

    if (response & SPEC_VCRSP_SC) {
        g_assert_cmphex(response, ==, SPEC_VC_NO_PASID <<
                                      SPEC_VCRSP_SC_SHIFT);
        return 0;
    }
    g_assert_cmpuint(pasid, >, 0);
    return pasid;
}

static void give_back(Board *b, uint32_t pasid, unsigned status)
{
    g_assert_cmphex(command(b, SPEC_VCMD_FREE |
                               (uint64_t)pasid << SPEC_VCMD_PASID_SHIFT), ==,
                    status << SPEC_VCRSP_SC_SHIFT);
}

static void test_off(void)
{
    Board b;

    board_start(&b, SM_OPTIONS);
    g_assert_cmphex(board_reg64(&b, SPEC_ECAP) &
                    (SPEC_ECAP_VCS | SPEC_ECAP_RPS), ==, 0);
    g_assert_cmphex(board_reg64(&b, SPEC_VCCAP), ==, 0);
    g_assert_cmphex(command(&b, SPEC_VCMD_ALLOCATE), ==, 0);
    g_assert_cmphex(board_reg64(&b, SPEC_VCMD), ==, 0);
    board_end(&b);
}

/* All PASIDs of a small unit, and each of them in use for DMA. */
static void test_all(void)
{
    const unsigned n = 16;
    bool seen[16] = { false };
    uint64_t page;
    Sm s;

    sm_start(&s, OPTIONS ",pasid-bits=4", SPEC_PGTT_FIRST, 4);
    page = board_pages(&s.b, 1);
    sm_map(&s, VA, page, 1);
    g_assert_cmphex(board_reg64(&s.b, SPEC_ECAP) & SPEC_ECAP_VCS, ==,
                    SPEC_ECAP_VCS);
    g_assert_cmphex(board_reg64(&s.b, SPEC_VCCAP), ==, SPEC_VCCAP_PAS);
    for (unsigned i = 1; i < n; i++) {
        uint32_t pasid = allocate(&s.b);

        g_assert_cmpuint(pasid, >, 0);
        g_assert_cmpuint(pasid, <, n);
        g_assert_false(seen[pasid]);
        seen[pasid] = true;
        sm_put_pasid(&s, pasid);
        sm_good(&s, pasid, VA + 8 * i, page + 8 * i);
    }
    g_assert_cmpuint(allocate(&s.b), ==, 0);
    give_back(&s.b, 5, SPEC_VC_SUCCESS);
    give_back(&s.b, 5, SPEC_VC_INVALID_PASID);
    g_assert_cmpuint(allocate(&s.b), ==, 5);
    give_back(&s.b, 0, SPEC_VC_INVALID_PASID);
    give_back(&s.b, n, SPEC_VC_INVALID_PASID);
    give_back(&s.b, 0xfffff, SPEC_VC_INVALID_PASID);
    /* a reset takes all of them back */
    board_reset(&s.b);
    for (unsigned i = 1; i < n; i++) {
        g_assert_cmpuint(allocate(&s.b), !=, 0);
    }
    g_assert_cmpuint(allocate(&s.b), ==, 0);
    sm_end(&s);
}

static void test_commands(void)
{
    uint32_t pasid;
    Board b;

    board_start(&b, OPTIONS);
    g_assert_cmphex(command(&b, SPEC_VCMD_NULL), ==, 0);
    for (unsigned c = 3; c < 256; c++) {
        g_assert_cmphex(command(&b, c | UINT64_C(0xabcd00)), ==,
                        SPEC_VC_UNDEFINED << SPEC_VCRSP_SC_SHIFT);
    }
    board_set64(&b, SPEC_VCCAP, 0);
    board_set64(&b, SPEC_VCRSP, ~UINT64_C(0));
    g_assert_cmphex(board_reg64(&b, SPEC_VCCAP), ==, SPEC_VCCAP_PAS);
    g_assert_cmphex(board_reg64(&b, SPEC_VCRSP), ==,
                    SPEC_VC_UNDEFINED << SPEC_VCRSP_SC_SHIFT);
    /* as two halves: the lower one starts it */
    pasid = allocate(&b);
    board_set32(&b, SPEC_VCMD + 4, 0);
    g_assert_cmphex(board_reg32(&b, SPEC_VCRSP), ==,
                    pasid << SPEC_VCRSP_PASID_SHIFT);
    board_set32(&b, SPEC_VCMD, SPEC_VCMD_FREE |
                pasid << SPEC_VCMD_PASID_SHIFT);
    g_assert_cmphex(board_reg32(&b, SPEC_VCRSP), ==, 0);
    give_back(&b, pasid, SPEC_VC_INVALID_PASID);
    for (unsigned i = 0; i < 2000; i++) {
        give_back(&b, allocate(&b), SPEC_VC_SUCCESS);
    }
    board_end(&b);
}

/* --- RID_PASID [VTD 9.4] ------------------------------------------------- */

static void test_rid_pasid(gconstpointer data)
{
    uint64_t page[2];
    GuestFs first;
    Sm s;

    sm_start(&s, OPTIONS, GPOINTER_TO_UINT(data), 4);
    g_assert_cmphex(board_reg64(&s.b, SPEC_ECAP) & SPEC_ECAP_RPS, ==,
                    SPEC_ECAP_RPS);
    page[0] = board_pages(&s.b, 1);
    page[1] = board_pages(&s.b, 1);
    sm_map(&s, VA, page[0], 1);
    /* SM_PASID has other tables than PASID 0 */
    first = s.fs;
    g_assert_true(guest_fs_init(&s.fs, &s.b.alloc, 4, s.fs.bias));
    s.entry.fs = s.fs.table + s.fs.bias;
    sm_put_pasid(&s, SM_PASID);
    sm_map(&s, VA, page[1], 1);
    sm_flush(&s);
    g_assert_cmphex(first.table, !=, s.fs.table);
    sm_good(&s, SM_NONE, VA, page[0]);
    s.ctx[1] = SM_PASID;
    sm_put_context(&s);
    sm_flush(&s);
    for (unsigned i = 0; i < 2; i++) {
        sm_good(&s, SM_NONE, VA + 8, page[1] + 8);
        sm_good(&s, SM_PASID, VA + 16, page[1] + 16);
        sm_good(&s, 0, VA + 24, page[0] + 24);
    }
    /* both ways lose what is cached at once */
    sm_map(&s, VA, page[0], 1);
    guest_queue_piotlb(&s.b.queue, SPEC_GRAN_PAGE, SM_DOMAIN, SM_PASID, VA, 0,
                       true);
    board_sync(&s.b);
    sm_good(&s, SM_NONE, VA, page[0]);
    sm_good(&s, SM_PASID, VA, page[0]);
    /* its faults are those of requests without PASID */
    sm_fault(&s, SM_NONE, VA + 0x1000, true, SPEC_FR_SM_FS_P);
    /* PASIDE is for who brings a PASID */
    s.ctx[0] &= ~SPEC_SM_CTX_PASIDE;
    sm_put_context(&s);
    sm_flush(&s);
    sm_good(&s, SM_NONE, VA, page[0]);
    sm_fault(&s, SM_PASID, VA, false, SPEC_FR_SM_PASIDE);
    s.ctx[0] |= SPEC_SM_CTX_PASIDE;
    /* beyond the directory, not present */
    s.ctx[1] = 1u << (SM_PDTS + 13);
    sm_put_context(&s);
    sm_flush(&s);
    sm_fault(&s, SM_NONE, VA, true, SPEC_FR_SM_RID_PASID);
    sm_good(&s, SM_PASID, VA, page[0]);
    s.ctx[1] = SM_PASID + 1;
    sm_put_context(&s);
    sm_flush(&s);
    sm_fault(&s, SM_NONE, VA, false, SPEC_FR_SM_PASID_P);
    sm_end(&s);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/virtual-commands/off", test_off);
    g_test_add_func("/virtual-commands/all", test_all);
    g_test_add_func("/virtual-commands/commands", test_commands);
    g_test_add_data_func("/virtual-commands/rid-pasid/first",
                         GUINT_TO_POINTER(SPEC_PGTT_FIRST), test_rid_pasid);
    g_test_add_data_func("/virtual-commands/rid-pasid/nested",
                         GUINT_TO_POINTER(SPEC_PGTT_NESTED), test_rid_pasid);
    return g_test_run();
}
