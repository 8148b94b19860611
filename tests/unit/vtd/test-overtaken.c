/* SPDX-License-Identifier: BSD-3-Clause */
/* Walks of VT-d that are overtaken by a change of what they have read. */
#include "tests/lib/unit/overtaken.h"
#include "tests/lib/unit/scalable.h"

#define SOURCE  0x0108
#define IOVA    UINT64_C(0x1000)

static Scene *scene_new(Simple *simple, bool caching_mode)
{
    Scene *s = g_new0(Scene, 1);
    ViommuVtdConfig config;

    fixture_config(&config);
    config.caching_mode = caching_mode;
    scene_init(s, fixture_new(&config));
    fixture_simple(s->f, simple, SOURCE, 1, 4);
    return s;
}

static void scene_free(Scene *s)
{
    fixture_free(s->f);
    g_free(s);
}

static void translate(Scene *s)
{
    ViommuReply reply;

    fixture_translate(s->f, SOURCE, IOVA, VIOMMU_READ, &reply);
    s->result = reply.addr;
}

/* --- A page -------------------------------------------------------------- */

static void change_page(Scene *s)
{
    __atomic_store_n(&s->words[1], 0x8000 | SPEC_SS_R, __ATOMIC_RELEASE);
}

static void inv_page(Scene *s)
{
    guest_queue_iotlb(&s->f->queue, SPEC_GRAN_PAGE, 1, IOVA, 0, true);
    fixture_wait(s->f);
}

static void inv_domain(Scene *s)
{
    guest_queue_iotlb(&s->f->queue, SPEC_GRAN_DOMAIN, 1, 0, 0, false);
    fixture_wait(s->f);
}

static void inv_global(Scene *s)
{
    guest_queue_iotlb(&s->f->queue, SPEC_GRAN_GLOBAL, 1, 0, 0, false);
    fixture_wait(s->f);
}

static void inv_page_register(Scene *s)
{
    g_assert_true(guest_iotlb(&s->f->regs, SPEC_GRAN_PAGE, 1, IOVA, 0, true,
                              NULL));
}

static void test_page(void)
{
    void (*const ways[])(Scene *) = {
        inv_page, inv_domain, inv_global, inv_page_register,
    };

    for (unsigned i = 0; i < 2 * G_N_ELEMENTS(ways); i++) {
        Simple simple;
        Scene *s = scene_new(&simple, i % 2);
        uint64_t at = guest_ss_entry_make(&s->f->alloc, simple.table, 4, IOVA,
                                          2);

        guest_write64(&s->f->mem, at, OUTSIDE | SPEC_SS_R | SPEC_SS_W);
        s->words[1] = 0x5000 | SPEC_SS_R;
        s->act = translate;
        s->change = change_page;
        s->invalidate = ways[i / 2];
        overtake(s, OUTSIDE + 8, 0x8000);
        scene_free(s);
    }
}

/* --- An upper level: the paging-structure caches ------------------------- */

static void change_table(Scene *s)
{
    /* slot 2 has the address of a table with another page */
    __atomic_store_n(&s->words[0], s->words[2], __ATOMIC_RELEASE);
}

static void inv_table(Scene *s)
{
    guest_queue_iotlb(&s->f->queue, SPEC_GRAN_PAGE, 1, 0, 9, false);
    fixture_wait(s->f);
}

static void inv_one_page(Scene *s)
{
    guest_queue_iotlb(&s->f->queue, SPEC_GRAN_PAGE, 1, IOVA, 0, false);
    fixture_wait(s->f);
}

static void test_table(void)
{
    void (*const ways[])(Scene *) = {
        inv_table, inv_one_page, inv_domain, inv_global,
    };

    /* the table outside RAM is at level 2, 3: it points to level 1, 2 */
    for (unsigned i = 0; i < 2 * G_N_ELEMENTS(ways); i++) {
        Simple simple;
        Scene *s = scene_new(&simple, false);
        GuestAlloc *alloc = &s->f->alloc;
        unsigned level = 2 + i % 2;
        uint64_t at = guest_ss_entry_make(alloc, simple.table, 4, IOVA,
                                          level + 1);

        guest_write64(&s->f->mem, at, OUTSIDE | SPEC_SS_R | SPEC_SS_W);
        for (unsigned k = 0; k < 2; k++) {
            uint64_t table = guest_ss_new(alloc);

            g_assert_true(guest_ss_map(alloc, table, level - 1, IOVA,
                                       0x5000 + k * 0x3000, 1, SPEC_SS_R));
            s->words[2 * k] = table | SPEC_SS_R | SPEC_SS_W;
        }
        s->act = translate;
        s->change = change_table;
        s->invalidate = ways[i / 2];
        overtake(s, OUTSIDE, 0x8000);
        scene_free(s);
    }
}

/* --- A context entry ----------------------------------------------------- */

static void change_context(Scene *s)
{
    __atomic_store_n(&s->words[(SOURCE & 0xff) * 2],
                     s->words[0] | SPEC_CTX_P, __ATOMIC_RELEASE);
}

static void inv_context_device(Scene *s)
{
    guest_queue_context(&s->f->queue, SPEC_GRAN_DEVICE, 1, SOURCE, 0);
    guest_queue_iotlb(&s->f->queue, SPEC_GRAN_DOMAIN, 1, 0, 0, false);
    fixture_wait(s->f);
}

static void inv_context_domain(Scene *s)
{
    guest_queue_context(&s->f->queue, SPEC_GRAN_DOMAIN, 1, 0, 0);
    guest_queue_iotlb(&s->f->queue, SPEC_GRAN_DOMAIN, 1, 0, 0, false);
    fixture_wait(s->f);
}

static void inv_context_global(Scene *s)
{
    g_assert_true(guest_ccmd(&s->f->regs, SPEC_GRAN_GLOBAL, 0, 0, 0, NULL));
    g_assert_true(guest_iotlb(&s->f->regs, SPEC_GRAN_GLOBAL, 0, 0, 0, false,
                              NULL));
}

static void test_context(void)
{
    void (*const ways[])(Scene *) = {
        inv_context_device, inv_context_domain, inv_context_global,
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(ways); i++) {
        Simple simple;
        Scene *s = scene_new(&simple, false);
        GuestAlloc *alloc = &s->f->alloc;
        uint64_t other = guest_ss_new(alloc);
        unsigned slot = (SOURCE & 0xff) * 2;

        g_assert_true(guest_ss_map(alloc, simple.table, 4, IOVA, 0x5000, 1,
                                   SPEC_SS_R));
        g_assert_true(guest_ss_map(alloc, other, 4, IOVA, 0x8000, 1,
                                   SPEC_SS_R));
        guest_write64(&s->f->mem, simple.root + (SOURCE >> 8) * 16,
                      OUTSIDE | SPEC_ROOT_P);
        s->words[0] = other;
        s->words[slot] = simple.table | SPEC_CTX_P;
        s->words[slot + 1] = SPEC_AW_48 | 1 << SPEC_CTX_HI_DID_SHIFT;
        s->act = translate;
        s->change = change_context;
        s->invalidate = ways[i];
        overtake(s, OUTSIDE + slot * 8, 0x8000);
        scene_free(s);
    }
}

/* --- An interrupt remapping entry ---------------------------------------- */

static void remap(Scene *s)
{
    ViommuMsi in = { .addr = guest_msi_addr(3, false) }, out = { 0 };

    g_assert_cmpint(viommu_remap_msi(s->f->unit, SOURCE, &in, false, &out),
                    ==, VIOMMU_MSI_DELIVER);
    s->result = out.data & SPEC_MSI_DATA_VECTOR;
}

static void change_irte(Scene *s)
{
    __atomic_store_n(&s->words[6],
                     SPEC_IRTE_P | UINT64_C(0x80) << SPEC_IRTE_V_SHIFT,
                     __ATOMIC_RELEASE);
}

static void inv_irte_index(Scene *s)
{
    guest_queue_iec(&s->f->queue, false, 3, 0);
    fixture_wait(s->f);
}

static void inv_irte_global(Scene *s)
{
    guest_queue_iec(&s->f->queue, true, 0, 0);
    fixture_wait(s->f);
}

static void test_irte(void)
{
    void (*const ways[])(Scene *) = { inv_irte_index, inv_irte_global };

    for (unsigned i = 0; i < G_N_ELEMENTS(ways); i++) {
        Simple simple;
        Scene *s = scene_new(&simple, false);

        s->words[6] = SPEC_IRTE_P | UINT64_C(0x50) << SPEC_IRTE_V_SHIFT;
        g_assert_true(guest_set_irta(&s->f->regs, OUTSIDE, 7, false));
        g_assert_true(guest_command(&s->f->regs, SPEC_GCMD_IRE, 0));
        s->act = remap;
        s->change = change_irte;
        s->invalidate = ways[i];
        overtake(s, OUTSIDE + 6 * 8, 0x80);
        scene_free(s);
    }
}

/* --- Scalable mode ------------------------------------------------------- */

#define PASID   0x1234u
#define VA      UINT64_C(0x7f0000400000)
#define IPA     UINT64_C(0x4000000000)  /* nested, mapped by 4 KiB pages */
#define OLD     UINT64_C(0x205000)
#define NEW     UINT64_C(0x208000)
/* what a walk would write, which the memory outside does not take */
#define LEAF    (SM_LEAF | SPEC_FS_A)

static Scene *scene_sm(unsigned pgtt)
{
    Scene *s = g_new0(Scene, 1);
    ViommuVtdConfig config;

    scalable_config(&config);
    s->sm = scalable_new(&config, pgtt, 4, PASID);
    scene_init(s, s->sm->f);
    scalable_map(s->sm, VA, OLD, 1);
    return s;
}

static void scene_sm_free(Scene *s)
{
    scalable_free(s->sm);
    g_free(s);
}

static void translate_sm(Scene *s)
{
    ViommuReply reply;

    scalable_ask(s->sm, PASID, VA, SM_R, false, &reply);
    s->result = reply.addr;
}

/* The entry at slot 0 becomes what slot 2 has. */
static void change_slot(Scene *s)
{
    __atomic_store_n(&s->words[0], s->words[2], __ATOMIC_RELEASE);
}

static void change_slot_2(Scene *s)
{
    __atomic_store_n(&s->words[2], s->words[4], __ATOMIC_RELEASE);
}

static void inv_sm_page(Scene *s)
{
    guest_queue_piotlb(s->sm->queue, SPEC_GRAN_PAGE, SM_DOMAIN, PASID, VA, 0,
                       false);
    fixture_wait(s->f);
}

static void inv_sm_leaf(Scene *s)
{
    guest_queue_piotlb(s->sm->queue, SPEC_GRAN_PAGE, SM_DOMAIN, PASID, VA, 0,
                       true);
    fixture_wait(s->f);
}

static void inv_sm_pasid(Scene *s)
{
    guest_queue_piotlb(s->sm->queue, SPEC_GRAN_DOMAIN, SM_DOMAIN, PASID, 0, 0,
                       false);
    fixture_wait(s->f);
}

static void inv_sm_domain(Scene *s)
{
    guest_queue_iotlb(s->sm->queue, SPEC_GRAN_DOMAIN, SM_DOMAIN, 0, 0, false);
    fixture_wait(s->f);
}

static void inv_sm_global(Scene *s)
{
    guest_queue_iotlb(s->sm->queue, SPEC_GRAN_GLOBAL, 0, 0, 0, false);
    fixture_wait(s->f);
}

static void inv_sm_second(Scene *s)
{
    guest_queue_iotlb(s->sm->queue, SPEC_GRAN_PAGE, SM_DOMAIN, IPA, 0, false);
    fixture_wait(s->f);
}

/* The walker is at an entry of level 1, 2 or 3 of a first stage, which stands
 * outside; when nested, the second stage knows it there. */
static void test_first_stage(gconstpointer data)
{
    unsigned pgtt = GPOINTER_TO_UINT(data);
    void (*const ways[])(Scene *) = {
        inv_sm_page, inv_sm_pasid, inv_sm_domain, inv_sm_global, inv_sm_leaf,
    };

    for (unsigned i = 0; i < 3 * G_N_ELEMENTS(ways); i++) {
        unsigned level = 1 + i % 3;
        Scene *s;
        uint64_t at, bias;

        if (ways[i / 3] == inv_sm_leaf && level > 1) {
            continue;
        }
        s = scene_sm(pgtt);
        bias = s->sm->fs.bias;
        at = guest_fs_entry(&s->sm->fs, s->sm->alloc, VA, level, false);
        s->words[0] = guest_read64(&s->f->mem, at) | SPEC_FS_A;
        if (level == 1) {
            s->words[2] = (NEW + bias) | LEAF;
        } else {
            GuestFs other;

            g_assert_true(guest_fs_init(&other, s->sm->alloc, 4, bias));
            g_assert_true(guest_fs_map(&other, s->sm->alloc, VA, NEW + bias,
                                       1, SM_LEAF));
            at = guest_fs_entry(&other, s->sm->alloc, VA, level, false);
            s->words[2] = guest_read64(&s->f->mem, at) | SPEC_FS_A;
        }
        /* VA has index 0 at level 1, 2 at level 2, 0 at level 3 */
        if (level == 2) {
            s->words[4] = s->words[2];
            s->words[2] = s->words[0];
            s->words[0] = 0;
        }
        at = guest_fs_entry(&s->sm->fs, s->sm->alloc, VA, level + 1, false);
        if (pgtt == SPEC_PGTT_NESTED) {
            g_assert_true(guest_ss_map(s->sm->alloc, s->sm->ss, 4, IPA,
                                       OUTSIDE, 1, SPEC_SS_R | SPEC_SS_W));
            guest_write64(&s->f->mem, at, IPA | SM_LEAF);
        } else {
            guest_write64(&s->f->mem, at, OUTSIDE | SM_LEAF);
        }
        s->act = translate_sm;
        s->change = level == 2 ? change_slot_2 : change_slot;
        s->invalidate = ways[i / 3];
        overtake(s, OUTSIDE + (level == 2 ? 16 : 0), NEW);
        scene_sm_free(s);
    }
}

/* The second stage of a nested walk: of its page, or of its last table. */
static void test_nested(gconstpointer data)
{
    bool table = GPOINTER_TO_UINT(data) != 0;
    void (*const ways[])(Scene *) = {
        inv_sm_second, inv_sm_domain, inv_sm_global,
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(ways); i++) {
        Scene *s = scene_sm(SPEC_PGTT_NESTED);
        Scalable *sm = s->sm;
        uint64_t copy = guest_alloc_pages(sm->alloc, 1);
        uint64_t at = guest_fs_entry(&sm->fs, sm->alloc, VA, 1, false);

        if (table) {
            s->words[0] = at & ~UINT64_C(0xfff);
            s->words[2] = copy;
            guest_write64(&s->f->mem, copy, (NEW + SM_BIAS) | SM_LEAF);
            at = guest_fs_entry(&sm->fs, sm->alloc, VA, 2, false);
        } else {
            s->words[0] = OLD;
            s->words[2] = NEW;
        }
        guest_write64(&s->f->mem, at, IPA | SM_LEAF);
        s->words[0] |= SPEC_SS_R | SPEC_SS_W;
        s->words[2] |= SPEC_SS_R | SPEC_SS_W;
        at = guest_ss_entry_make(sm->alloc, sm->ss, 4, IPA, 2);
        guest_write64(&s->f->mem, at, OUTSIDE | SPEC_SS_R | SPEC_SS_W);
        s->act = translate_sm;
        s->change = change_slot;
        s->invalidate = ways[i];
        overtake(s, OUTSIDE, NEW);
        scene_sm_free(s);
    }
}

/* A PASID table entry: the first stage of another process. */
static void change_pasid(Scene *s)
{
    uint64_t *entry = &s->words[PASID % 64 * 8];

    __atomic_store_n(&entry[2], s->sm->fs.table, __ATOMIC_RELEASE);
}

static void inv_pasid(Scene *s, unsigned gran)
{
    guest_queue_pasid_cache(s->sm->queue, gran, SM_DOMAIN, PASID);
    inv_sm_pasid(s);
}

static void inv_pasid_one(Scene *s)
{
    inv_pasid(s, SPEC_INV_PASID_GRAN_PASID);
}

static void inv_pasid_domain(Scene *s)
{
    inv_pasid(s, SPEC_INV_PASID_GRAN_DOMAIN);
}

static void inv_pasid_global(Scene *s)
{
    inv_pasid(s, SPEC_INV_PASID_GRAN_GLOBAL);
}

static void test_pasid(void)
{
    void (*const ways[])(Scene *) = {
        inv_pasid_one, inv_pasid_domain, inv_pasid_global,
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(ways); i++) {
        Scene *s = scene_sm(SPEC_PGTT_FIRST);
        Scalable *sm = s->sm;
        uint64_t at = guest_pasid_addr(sm->alloc, sm->dir, PASID);

        for (unsigned k = 0; k < 8; k++) {
            s->words[PASID % 64 * 8 + k] = guest_read64(&s->f->mem,
                                                        at + 8 * k);
        }
        guest_write64(&s->f->mem, sm->dir + PASID / 64 * 8,
                      OUTSIDE | SPEC_DIR_P);
        g_assert_true(guest_fs_init(&sm->fs, sm->alloc, 4, 0));
        scalable_map(sm, VA, NEW, 1);
        s->act = translate_sm;
        s->change = change_pasid;
        s->invalidate = ways[i];
        overtake(s, OUTSIDE + PASID % 64 * 64, NEW);
        scene_sm_free(s);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/overtaken/page", test_page);
    g_test_add_func("/overtaken/table", test_table);
    g_test_add_func("/overtaken/context", test_context);
    g_test_add_func("/overtaken/irte", test_irte);
    g_test_add_data_func("/overtaken/first-stage",
                         GUINT_TO_POINTER(SPEC_PGTT_FIRST), test_first_stage);
    g_test_add_data_func("/overtaken/first-stage/nested",
                         GUINT_TO_POINTER(SPEC_PGTT_NESTED),
                         test_first_stage);
    g_test_add_data_func("/overtaken/nested/page", GUINT_TO_POINTER(0),
                         test_nested);
    g_test_add_data_func("/overtaken/nested/table", GUINT_TO_POINTER(1),
                         test_nested);
    g_test_add_func("/overtaken/pasid", test_pasid);
    return g_test_run();
}
