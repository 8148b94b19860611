/* SPDX-License-Identifier: BSD-3-Clause */
/* Each fault reason of scalable mode, with its record [VTD 7.1.3]. */
#include "tests/lib/unit/scalable.h"

#define PASID   0x1234u
#define VA      UINT64_C(0x7f0000400000)
#define PA      UINT64_C(0x200000)
/* neither RAM nor anything else, and below 2^haw */
#define NOWHERE UINT64_C(0x100000000000)
/* what the second stage has for nothing else */
#define ALONE   UINT64_C(0x4000000000)
/* above 2^haw */
#define TOO_HIGH (UINT64_C(1) << 46)

enum { F_ROOT, F_CONTEXT, F_DIR, F_PASID, F_FS, F_SS, F_SS_LEAF, F_SS_TABLE,
       F_SS_ALONE };

/* Change word @word of a structure: clear, then set.  @level of a table. */
typedef struct Fault {
    const char *name;
    unsigned pgtt;
    int where;
    unsigned level, word;
    uint64_t clear, set;
    unsigned access, reason;
} Fault;

#define FIRST   SPEC_PGTT_FIRST
#define SECOND  SPEC_PGTT_SECOND
#define NESTED  SPEC_PGTT_NESTED
#define PASS    SPEC_PGTT_PASS
#define ALL     (~UINT64_C(0))
#define ADDR    SPEC_BITS(51, 12)

static const Fault faults[] = {
    { "root-p", FIRST, F_ROOT, 0, 0, 1, 0, SM_R, SPEC_FR_SM_ROOT_P },
    { "root-rsvd", FIRST, F_ROOT, 0, 0, 0, 2, SM_W, SPEC_FR_SM_ROOT_RSVD },
    { "root-haw", FIRST, F_ROOT, 0, 0, 0, TOO_HIGH, SM_W,
      SPEC_FR_SM_ROOT_RSVD },
    { "context-access", FIRST, F_ROOT, 0, 0, ADDR, NOWHERE, SM_R,
      SPEC_FR_SM_CTX_ACCESS },
    { "context-p", FIRST, F_CONTEXT, 0, 0, 1, 0, SM_R, SPEC_FR_SM_CTX_P },
    { "context-rsvd", FIRST, F_CONTEXT, 0, 0, 0, SPEC_BIT(6), SM_R,
      SPEC_FR_SM_CTX_RSVD },
    { "context-rsvd1", FIRST, F_CONTEXT, 0, 1, 0, SPEC_BIT(40), SM_R,
      SPEC_FR_SM_CTX_RSVD },
    { "context-rsvd2", FIRST, F_CONTEXT, 0, 2, 0, SPEC_BIT(0), SM_R,
      SPEC_FR_SM_CTX_RSVD },
    { "context-rsvd3", FIRST, F_CONTEXT, 0, 3, 0, SPEC_BIT(63), SM_R,
      SPEC_FR_SM_CTX_RSVD },
    { "paside", FIRST, F_CONTEXT, 0, 0, SPEC_SM_CTX_PASIDE, 0, SM_W,
      SPEC_FR_SM_PASIDE },
    { "dir-access", FIRST, F_CONTEXT, 0, 0, ADDR, NOWHERE, SM_R,
      SPEC_FR_SM_DIR_ACCESS },
    { "dir-p", FIRST, F_DIR, 0, 0, 1, 0, SM_R, SPEC_FR_SM_DIR_P },
    { "dir-rsvd", FIRST, F_DIR, 0, 0, 0, SPEC_BIT(5), SM_R,
      SPEC_FR_SM_DIR_RSVD },
    { "pasid-access", FIRST, F_DIR, 0, 0, ADDR, NOWHERE, SM_R,
      SPEC_FR_SM_PASID_ACCESS },
    { "pasid-p", FIRST, F_PASID, 0, 0, 1, 0, SM_R, SPEC_FR_SM_PASID_P },
    { "pasid-rsvd0", FIRST, F_PASID, 0, 0, 0, SPEC_BIT(10), SM_R,
      SPEC_FR_SM_PASID_RSVD },
    { "pasid-rsvd1", FIRST, F_PASID, 0, 1, 0, SPEC_BIT(16), SM_R,
      SPEC_FR_SM_PASID_RSVD },
    { "pasid-rsvd2", FIRST, F_PASID, 0, 2, 0, SPEC_BIT(8), SM_R,
      SPEC_FR_SM_PASID_RSVD },
    { "pasid-rsvd-type", FIRST, F_PASID, 0, 1, 0, SPEC_BIT(26), SM_R,
      SPEC_FR_SM_PASID_RSVD },
    { "pasid-pgsnp", FIRST, F_PASID, 0, 1, 0, SPEC_PASID1_PGSNP, SM_R,
      SPEC_FR_SM_PASID_RSVD },
    { "pasid-rsvd2-second", SECOND, F_PASID, 0, 2, 0, SPEC_BIT(8), SM_R,
      SPEC_FR_SM_PASID_RSVD },
    { "pasid-rsvd3", FIRST, F_PASID, 0, 3, 0, SPEC_BIT(0), SM_R,
      SPEC_FR_SM_PASID_RSVD },
    { "pasid-rsvd7", SECOND, F_PASID, 0, 7, 0, SPEC_BIT(63), SM_W,
      SPEC_FR_SM_PASID_RSVD },
    { "pasid-haw-other", FIRST, F_PASID, 0, 0, 0, TOO_HIGH, SM_R,
      SPEC_FR_SM_PASID_RSVD },
    { "pasid-haw", FIRST, F_PASID, 0, 2, 0, TOO_HIGH, SM_R,
      SPEC_FR_SM_PASID_RSVD },
    { "pasid-pgtt0", FIRST, F_PASID, 0, 0, SPEC_BITS(8, 6), 0, SM_R,
      SPEC_FR_SM_PASID_INVALID },
    { "pasid-pgtt5", FIRST, F_PASID, 0, 0, 0, SPEC_BITS(8, 6), SM_R,
      SPEC_FR_SM_PASID_INVALID },
    { "pasid-fspm", FIRST, F_PASID, 0, 2, 0, SPEC_BITS(3, 2), SM_R,
      SPEC_FR_SM_PASID_INVALID },
    { "pasid-fs5", FIRST, F_PASID, 0, 2, 0, SPEC_BIT(2), SM_R,
      SPEC_FR_SM_PASID_INVALID },
    { "pasid-aw", SECOND, F_PASID, 0, 0, SPEC_BITS(4, 2), 0, SM_R,
      SPEC_FR_SM_PASID_INVALID },
    { "pasid-aw5", SECOND, F_PASID, 0, 0, 0, SPEC_BITS(4, 2), SM_R,
      SPEC_FR_SM_PASID_INVALID },
    { "ere", FIRST, -1, 0, 0, 0, 0, SM_R | SM_X, SPEC_FR_SM_ERE },
    { "sre", NESTED, -1, 0, 0, 0, 0, SM_W | SM_P, SPEC_FR_SM_SRE },
    { "ere-second", SECOND, -1, 0, 0, 0, 0, SM_R | SM_X, SPEC_FR_SM_ERE },
    { "sre-second", SECOND, -1, 0, 0, 0, 0, SM_R | SM_P, SPEC_FR_SM_SRE },
    { "sre-pass", PASS, -1, 0, 0, 0, 0, SM_R | SM_P, SPEC_FR_SM_SRE },
    { "fs-top", FIRST, F_PASID, 0, 2, ADDR, NOWHERE, SM_R,
      SPEC_FR_SM_FS_TOP_ACCESS },
    { "fs-access", FIRST, F_FS, 3, 0, ADDR, NOWHERE, SM_R,
      SPEC_FR_SM_FS_ACCESS },
    { "fs-p4", FIRST, F_FS, 4, 0, 1, 0, SM_R, SPEC_FR_SM_FS_P },
    { "fs-p", NESTED, F_FS, 1, 0, 1, 0, SM_W, SPEC_FR_SM_FS_P },
    { "fs-rsvd-ps", FIRST, F_FS, 4, 0, 0, SPEC_FS_PS, SM_R,
      SPEC_FR_SM_FS_RSVD },
    { "fs-rsvd-align", FIRST, F_FS, 2, 0, 0, SPEC_FS_PS | SPEC_BIT(13), SM_R,
      SPEC_FR_SM_FS_RSVD },
    { "fs-rsvd-haw", FIRST, F_FS, 1, 0, 0, TOO_HIGH, SM_R,
      SPEC_FR_SM_FS_RSVD },
    { "fs-beyond", NESTED, F_FS, 3, 0, 0, SPEC_BIT(49), SM_R,
      SPEC_FR_SM_FS_BEYOND },
    { "fs-top-missing", NESTED, F_PASID, 0, 2, ADDR, NOWHERE, SM_R,
      SPEC_FR_SM_SS_RW },
    { "fs-top-read", NESTED, F_SS_TABLE, 4, 0, SPEC_SS_R, 0, SM_R,
      SPEC_FR_SM_FS_TOP_READ },
    { "fs-read", NESTED, F_SS_ALONE, 0, 0, SPEC_SS_R, 0, SM_R,
      SPEC_FR_SM_FS_READ },
    { "fs-write", NESTED, F_SS_TABLE, 2, 0, SPEC_SS_W, 0, SM_R,
      SPEC_FR_SM_FS_WRITE },
    { "ss-top", SECOND, F_PASID, 0, 0, ADDR, NOWHERE, SM_R,
      SPEC_FR_SM_SS_TOP_ACCESS },
    { "ss-access", SECOND, F_SS, 3, 0, ADDR, NOWHERE, SM_R,
      SPEC_FR_SM_SS_ACCESS },
    { "ss-none", SECOND, F_SS, 2, 0, 3, 0, SM_R, SPEC_FR_SM_SS_RW },
    { "ss-rsvd", SECOND, F_SS, 4, 0, 0, SPEC_SS_PS, SM_R,
      SPEC_FR_SM_SS_RSVD },
    { "ss-rsvd-haw", SECOND, F_SS, 1, 0, 0, TOO_HIGH, SM_R,
      SPEC_FR_SM_SS_RSVD },
    { "ss-read", SECOND, F_SS, 1, 0, SPEC_SS_R, 0, SM_R, SPEC_FR_SM_READ },
    { "ss-write", SECOND, F_SS, 3, 0, SPEC_SS_W, 0, SM_W, SPEC_FR_SM_WRITE },
    { "ss-leaf-none", NESTED, F_SS_LEAF, 2, 0, 3, 0, SM_R,
      SPEC_FR_SM_SS_RW },
    { "ss-leaf-write", NESTED, F_SS_LEAF, 2, 0, SPEC_SS_W, 0, SM_W,
      SPEC_FR_SM_WRITE },
    { "ss-leaf-read", NESTED, F_SS_LEAF, 2, 0, SPEC_SS_R, 0, SM_R,
      SPEC_FR_SM_READ },
    { "ss-width", NESTED, F_FS, 1, 0, 0, SPEC_BIT(49), SM_R,
      SPEC_FR_SM_SS_WIDTH },
    { "intr-first", FIRST, F_FS, 1, 0, ADDR, 0xfee01000, SM_W,
      SPEC_FR_SM_OUT_INTERRUPT },
    { "intr-second", SECOND, F_SS, 1, 0, ADDR, 0xfee01000, SM_W,
      SPEC_FR_SM_OUT_INTERRUPT },
};

static uint64_t place(Scalable *s, const Fault *t)
{
    GuestAlloc *a = s->alloc;
    uint64_t table;

    switch (t->where) {
    case F_ROOT:
        return s->root + (SM_SOURCE >> 8) * 16 + 8;
    case F_CONTEXT:
        return guest_sm_context_addr(a, s->root, SM_SOURCE) + 8 * t->word;
    case F_DIR:
        return s->dir + (PASID >> 6) * 8;
    case F_PASID:
        return guest_pasid_addr(a, s->dir, PASID) + 8 * t->word;
    case F_FS:
        return guest_fs_entry(&s->fs, a, VA, t->level, false);
    case F_SS:
        return guest_ss_entry(a, s->ss, s->ss_levels, VA, t->level);
    case F_SS_LEAF:     /* nested: of the page */
        return guest_ss_entry(a, s->ss, s->ss_levels, PA + SM_BIAS,
                              t->level);
    case F_SS_TABLE:    /* nested: of a first-stage table */
        return guest_ss_entry(a, s->ss, s->ss_levels,
                              (guest_fs_entry(&s->fs, a, VA, t->level, false)
                               & ~UINT64_C(0xfff)) + SM_BIAS, 2);
    case F_SS_ALONE:    /* nested: of the last table, at a place of its own */
        table = guest_fs_entry(&s->fs, a, VA, 1, false) & ~UINT64_C(0xfff);
        g_assert_true(guest_ss_map(a, s->ss, s->ss_levels, ALONE, table, 1,
                                   SPEC_SS_R | SPEC_SS_W));
        guest_write64(&s->f->mem, guest_fs_entry(&s->fs, a, VA, 2, false),
                      ALONE | SM_LEAF);
        return guest_ss_entry(a, s->ss, s->ss_levels, ALONE, 1);
    default:
        return 0;
    }
}

static void change(Scalable *s, const Fault *t)
{
    uint64_t at = place(s, t);

    if (at) {
        guest_write64(&s->f->mem, at,
                      (guest_read64(&s->f->mem, at) & ~t->clear) | t->set);
    }
}

static Scalable *start(unsigned pgtt, bool caching)
{
    ViommuVtdConfig config;
    Scalable *s;

    scalable_config(&config);
    config.caching_mode = caching;
    config.strict = true;
    s = scalable_new(&config, pgtt, 4, PASID);
    scalable_map(s, VA, PA, 1);
    return s;
}

static void test_fault(gconstpointer data)
{
    const Fault *t = data;

    for (unsigned caching = 0; caching < 2; caching++) {
        Scalable *s = start(t->pgtt, caching);

        change(s, t);
        scalable_fault(s, PASID, VA + 0x10, t->access, t->reason);
        scalable_fault(s, PASID, VA + 0x10, t->access, t->reason);
        scalable_free(s);
    }
}

/* FPD in each of the three places, for what is found behind it. */
static void test_fpd(gconstpointer data)
{
    const Fault *t = data;
    static const Fault fpd[] = {
        { .where = F_CONTEXT, .set = SPEC_SM_CTX_FPD },
        { .where = F_DIR, .set = SPEC_DIR_FPD },
        { .where = F_PASID, .set = SPEC_PASID_FPD },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(fpd); i++) {
        Scalable *s = start(t->pgtt, false);
        int reached = t->where < 0 ? F_FS : t->where;
        bool quiet = fpd[i].where <= reached;

        if ((t->where == F_ROOT) ||
            (t->where == F_CONTEXT && fpd[i].where != F_CONTEXT) ||
            (t->where == F_DIR && fpd[i].where == F_PASID)) {
            quiet = false;
        }
        change(s, &fpd[i]);
        change(s, t);
        if (quiet) {
            scalable_silent(s, PASID, VA, t->access);
        } else {
            scalable_fault(s, PASID, VA, t->access, t->reason);
        }
        scalable_free(s);
    }
}

static void test_root_access(void)
{
    Scalable *s = start(FIRST, false);

    g_assert_true(guest_set_root(&s->f->regs, NOWHERE |
                                 SPEC_TTM_SCALABLE << SPEC_RTADDR_TTM_SHIFT));
    scalable_flush(s);
    scalable_fault(s, PASID, VA, SM_R, SPEC_FR_SM_ROOT_ACCESS);
    scalable_fault(s, SM_NONE, VA, SM_W, SPEC_FR_SM_ROOT_ACCESS);
    scalable_free(s);
}

static void test_pasid_range(void)
{
    Scalable *s = start(FIRST, false);

    scalable_fault(s, 1u << (SM_PDTS + 7 + 6), VA, SM_R,
                   SPEC_FR_SM_PASID_RANGE);
    scalable_fault(s, 0xfffff, VA, SM_R, SPEC_FR_SM_PASID_RANGE);
    scalable_fault(s, (1u << (SM_PDTS + 7 + 6)) - 1, VA, SM_R,
                   SPEC_FR_SM_DIR_P);
    scalable_free(s);
}

/* Legacy tables and a request with a PASID. */
static void test_legacy_pasid(void)
{
    Scalable *s = start(FIRST, false);

    g_assert_true(guest_set_root(&s->f->regs, s->root));
    scalable_flush(s);
    scalable_fault(s, PASID, VA, SM_R, SPEC_FR_SM_ROOT_TTM_PASID);
    scalable_free(s);
}

static void test_second_width(void)
{
    Scalable *s = start(SECOND, false);

    scalable_fault(s, PASID, UINT64_C(1) << 48, SM_R, SPEC_FR_SM_WIDTH);
    scalable_free(s);
}

/* Translation requests and translated ones need DTE. */
static void test_dte(void)
{
    Scalable *s = start(SECOND, false);

    for (unsigned kind = VIOMMU_TRANSLATION; kind <= VIOMMU_TRANSLATED;
         kind++) {
        ViommuReply reply;
        ViommuRequest req = {
            .source = SM_SOURCE, .pasid = PASID, .addr = VA, .access = SM_R,
            .kind = (uint8_t)kind,
        };

        g_assert_cmpint(viommu_translate(s->f->unit, &req, &reply), ==,
                        VIOMMU_FAULT);
        g_assert_cmphex(reply.reason, ==, SPEC_FR_SM_DTE);
        s->ctx[0] |= SPEC_SM_CTX_DTE;
        scalable_put_context(s);
        scalable_flush(s);
        g_assert_cmpint(viommu_translate(s->f->unit, &req, &reply), ==,
                        VIOMMU_OK);
        g_assert_cmphex(reply.addr, ==,
                        kind == VIOMMU_TRANSLATION ? PA : VA);
        s->ctx[0] &= ~SPEC_SM_CTX_DTE;
        scalable_put_context(s);
        scalable_flush(s);
    }
    scalable_free(s);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(faults); i++) {
        char *path = g_strdup_printf("/sm-fault/%s", faults[i].name);
        char *fpd = g_strdup_printf("/sm-fpd/%s", faults[i].name);

        g_test_add_data_func(path, &faults[i], test_fault);
        g_test_add_data_func(fpd, &faults[i], test_fpd);
        g_free(path);
        g_free(fpd);
    }
    g_test_add_func("/sm-fault/root-access", test_root_access);
    g_test_add_func("/sm-fault/pasid-range", test_pasid_range);
    g_test_add_func("/sm-fault/legacy-pasid", test_legacy_pasid);
    g_test_add_func("/sm-fault/second-width", test_second_width);
    g_test_add_func("/sm-fault/dte", test_dte);
    return g_test_run();
}
