/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * CAP and ECAP, bit by bit [VTD 11.4.2] [VTD 11.4.3]: what a unit announces it
 * does, and what it does not announce it does not do, even when software asks.
 */
#include "tests/lib/unit/announced.h"

typedef enum Reg { CAP, ECAP } Reg;
typedef enum Kind {
    BIT_OPTION,     /* set when its option is on */
    BIT_ALWAYS,     /* the value of each unit */
    BIT_NEVER,      /* reserved, or of something that is not there */
    BIT_FIELD,      /* a number that depends on options; has a test of its own */
} Kind;

typedef void Change(ViommuVtdConfig *config);

typedef struct Bit {
    const char *name;
    Reg reg;
    uint8_t high, low;
    Kind kind;
    Probe *probe;           /* NULL: nobody sees a difference */
    Change *base;           /* what the option needs */
    Change *on;             /* OPTION */
    uint64_t value;         /* ALWAYS */
} Bit;

/* --- The table ----------------------------------------------------------- */

static void scalable(ViommuVtdConfig *c)
{
    c->scalable_mode = true;
}

static void first(ViommuVtdConfig *c)
{
    c->scalable_mode = c->first_stage = true;
}

static void first_only(ViommuVtdConfig *c)
{
    first(c);
    c->fs1gp = false;
}

/* Others let PGSNP pass. */
static void strict(ViommuVtdConfig *c)
{
    c->scalable_mode = c->strict = true;
}

static void ats(ViommuVtdConfig *c)
{
    c->scalable_mode = c->device_iotlb = true;
}

static void with_pasids(ViommuVtdConfig *c)
{
    c->scalable_mode = true;
    c->pasid_bits = 20;
}

static void no_pt(ViommuVtdConfig *c)
{
    c->pass_through = false;
}

static void no_ir(ViommuVtdConfig *c)
{
    c->interrupt_remapping = false;
}

static void no_drain(ViommuVtdConfig *c)
{
    c->dma_drain = false;
}

#define SETS(name, member) \
    static void on_##name(ViommuVtdConfig *c) { c->member; }

SETS(pmr, protected_memory = true)
SETS(cm, caching_mode = true)
SETS(drain, dma_drain = true)
SETS(fs1gp, fs1gp = true)
SETS(pi, posted_interrupts = true)
SETS(wide, aw_bits = 57)
SETS(esrtps, enhanced_set_pointer = true)
SETS(coherent, coherent = true)
SETS(dt, device_iotlb = true)
SETS(ir, interrupt_remapping = true)
SETS(eim, extended_interrupt_mode = true)
SETS(pt, pass_through = true)
SETS(sc, snoop_control = true)
SETS(mts, memory_types = true)
SETS(nest, nested = true)
SETS(prs, page_requests = true)
SETS(first, first_stage = true)
SETS(scalable, scalable_mode = true)
SETS(eafs, extended_access = true)
SETS(pasids, pasid_bits = 20)
SETS(vcs, virtual_commands = true)
SETS(ssads, dirty_tracking = true)
SETS(rps, rid_pasid = true)
SETS(rprivs, rid_priv = true)
SETS(adms, abort_dma = true)

/* name, register, (highest and lowest) bit, probe, what the option needs, what
 * sets it; or the value that it always has */
#define OPTION(name, reg, bit, probe, base, on) \
    { name, reg, bit, bit, BIT_OPTION, probe, base, on, 0 }
#define ALWAYS(name, reg, high, low, probe, value) \
    { name, reg, high, low, BIT_ALWAYS, probe, NULL, NULL, value }
#define NEVER(name, reg, high, low, probe, base) \
    { name, reg, high, low, BIT_NEVER, probe, base, NULL, 0 }
#define FIELD(name, reg, high, low) \
    { name, reg, high, low, BIT_FIELD, NULL, NULL, NULL, 0 }

static const Bit bits[] = {
    ALWAYS("ND", CAP, 2, 0, probe_nd, 6),
    NEVER("AFL", CAP, 3, 3, probe_afl, NULL),
    NEVER("RWBF", CAP, 4, 4, probe_rwbf, NULL),
    OPTION("PLMR", CAP, 5, probe_plmr, NULL, on_pmr),
    OPTION("PHMR", CAP, 6, probe_phmr, NULL, on_pmr),
    OPTION("CM", CAP, 7, probe_cm, NULL, on_cm),
    FIELD("SAGAW", CAP, 12, 8),
    NEVER("15:13", CAP, 15, 13, NULL, NULL),
    FIELD("MGAW", CAP, 21, 16),
    /* no request of zero length is known to the unit */
    NEVER("ZLR", CAP, 22, 22, NULL, NULL),
    NEVER("23", CAP, 23, 23, NULL, NULL),
    FIELD("FRO", CAP, 33, 24),
    ALWAYS("SSLPS", CAP, 37, 34, probe_sslps, 3),
    NEVER("38", CAP, 38, 38, NULL, NULL),
    ALWAYS("PSI", CAP, 39, 39, probe_psi, 1),
    FIELD("NFR", CAP, 47, 40),
    ALWAYS("MAMV", CAP, 53, 48, probe_mamv, 18),
    OPTION("DWD", CAP, 54, NULL, no_drain, on_drain),
    OPTION("DRD", CAP, 55, NULL, no_drain, on_drain),
    OPTION("FS1GP", CAP, 56, probe_fs1gp, first_only, on_fs1gp),
    NEVER("58:57", CAP, 58, 57, NULL, NULL),
    OPTION("PI", CAP, 59, probe_pi, NULL, on_pi),
    OPTION("FS5LP", CAP, 60, probe_fs5lp, first, on_wide),
    NEVER("ECMDS", CAP, 61, 61, probe_ecmds, NULL),
    OPTION("ESIRTPS", CAP, 62, probe_esirtps, NULL, on_esrtps),
    OPTION("ESRTPS", CAP, 63, probe_esrtps, NULL, on_esrtps),

    /* without it, software writes its caches back in vain */
    OPTION("C", ECAP, 0, NULL, NULL, on_coherent),
    ALWAYS("QI", ECAP, 1, 1, probe_qi, 1),
    OPTION("DT", ECAP, 2, probe_dt, NULL, on_dt),
    OPTION("DT, scalable", ECAP, 2, probe_dte, scalable, on_dt),
    OPTION("IR", ECAP, 3, probe_ir, no_ir, on_ir),
    OPTION("EIM", ECAP, 4, probe_eim, NULL, on_eim),
    NEVER("5", ECAP, 5, 5, NULL, NULL),
    OPTION("PT", ECAP, 6, probe_pt, no_pt, on_pt),
    OPTION("SC, scalable", ECAP, 7, probe_pgsnp, strict, on_sc),
    OPTION("SC", ECAP, 7, probe_sc, NULL, on_sc),
    ALWAYS("IRO", ECAP, 17, 8, probe_iro, 0xf),
    NEVER("19:18", ECAP, 19, 18, NULL, NULL),
    ALWAYS("MHMV", ECAP, 23, 20, probe_mhmv, 15),
    NEVER("24", ECAP, 24, 24, NULL, NULL),
    OPTION("MTS", ECAP, 25, probe_mts, scalable, on_mts),
    OPTION("NEST", ECAP, 26, probe_nest, first, on_nest),
    NEVER("28:27", ECAP, 28, 27, NULL, NULL),
    OPTION("PRS", ECAP, 29, probe_page_queue, ats, on_prs),
    OPTION("ERS", ECAP, 30, probe_ers, scalable, on_first),
    OPTION("SRS", ECAP, 31, probe_srs, NULL, on_scalable),
    NEVER("32", ECAP, 32, 32, NULL, NULL),
    /* translation requests come without their flag */
    NEVER("NWFS", ECAP, 33, 33, NULL, NULL),
    OPTION("EAFS", ECAP, 34, probe_eafs, first, on_eafs),
    FIELD("PSS", ECAP, 39, 35),
    OPTION("PASID", ECAP, 40, probe_pasid, scalable, on_pasids),
    NEVER("DIT", ECAP, 41, 41, probe_dit, on_dt),
    OPTION("PDS", ECAP, 42, probe_pds, ats, on_prs),
    OPTION("SMTS", ECAP, 43, probe_smts, NULL, on_scalable),
    OPTION("VCS", ECAP, 44, probe_vcs, with_pasids, on_vcs),
    OPTION("SSADS", ECAP, 45, probe_ssads, scalable, on_ssads),
    OPTION("SSTS", ECAP, 46, probe_ssts, NULL, on_scalable),
    OPTION("SSTS, both", ECAP, 46, probe_ssts, first, on_nest),
    OPTION("FSTS", ECAP, 47, probe_fsts, scalable, on_first),
    OPTION("SMPWCS", ECAP, 48, probe_smpwcs, scalable, on_ssads),
    OPTION("RPS", ECAP, 49, probe_rps, with_pasids, on_rps),
    NEVER("50", ECAP, 50, 50, NULL, NULL),
    NEVER("PMS", ECAP, 51, 51, probe_pms, NULL),
    OPTION("ADMS", ECAP, 52, probe_adms, NULL, on_adms),
    OPTION("ADMS, scalable", ECAP, 52, probe_adms, scalable, on_adms),
    OPTION("RPRIVS", ECAP, 53, probe_rprivs, scalable, on_rprivs),
    NEVER("63:54", ECAP, 63, 54, NULL, NULL),
};

static uint64_t read_field(const ViommuVtdConfig *config, const Bit *bit)
{
    Fixture *f = fixture_new(config);
    uint64_t value = guest_reg64(&f->regs, bit->reg == CAP ? SPEC_CAP
                                                           : SPEC_ECAP);

    fixture_free(f);
    return (value & SPEC_BITS(bit->high, bit->low)) >> bit->low;
}

static void test_bit(gconstpointer data)
{
    const Bit *bit = data;
    ViommuVtdConfig config;

    viommu_vtd_config_init(&config);
    config.fault_records = 4;
    if (bit->base) {
        bit->base(&config);
    }
    g_assert_cmphex(read_field(&config, bit), ==, bit->value);
    if (bit->probe) {
        g_assert_cmpint(bit->probe(&config), ==, bit->kind == BIT_ALWAYS);
    }
    if (bit->kind == BIT_OPTION) {
        bit->on(&config);
        g_assert_cmphex(read_field(&config, bit), ==, 1);
        g_assert_true(!bit->probe || bit->probe(&config));
    }
}

/* Each bit has a row; and what is never there stays away when all is on. */
static void test_complete(void)
{
    uint64_t seen[2] = { 0 };
    ViommuVtdConfig config;

    viommu_vtd_config_init(&config);
    config.aw_bits = 57;
    for (size_t i = 0; i < G_N_ELEMENTS(bits); i++) {
        seen[bits[i].reg] |= SPEC_BITS(bits[i].high, bits[i].low);
        if (bits[i].kind == BIT_OPTION) {
            if (bits[i].base && bits[i].base != no_drain &&
                bits[i].base != no_ir && bits[i].base != no_pt) {
                bits[i].base(&config);
            }
            bits[i].on(&config);
        }
    }
    g_assert_cmphex(seen[CAP], ==, UINT64_MAX);
    g_assert_cmphex(seen[ECAP], ==, UINT64_MAX);
    config.fs1gp = true;
    for (size_t i = 0; i < G_N_ELEMENTS(bits); i++) {
        if (bits[i].kind != BIT_FIELD) {
            g_test_message("%s", bits[i].name);
            g_assert_cmphex(read_field(&config, &bits[i]), ==,
                            bits[i].kind == BIT_OPTION ? 1 : bits[i].value);
        }
    }
}

/* --- Numbers ------------------------------------------------------------- */

static void test_widths(void)
{
    static const uint8_t widths[] = { 39, 48, 57 };

    for (unsigned i = 0; i < 2 * G_N_ELEMENTS(widths); i++) {
        ViommuVtdConfig config;
        Fixture *f;
        uint64_t cap;

        viommu_vtd_config_init(&config);
        config.fault_records = 4;
        config.aw_bits = widths[i / 2];
        config.dma_translation = i % 2;
        f = fixture_new(&config);
        cap = guest_reg64(&f->regs, SPEC_CAP);
        g_assert_cmpuint(((cap & SPEC_CAP_MGAW) >> SPEC_CAP_MGAW_SHIFT) + 1,
                         ==, widths[i / 2]);
        g_assert_cmpint(guest_command(&f->regs, SPEC_GCMD_TE, 0), ==, i % 2);
        for (unsigned levels = 2; i % 2 && levels <= 6; levels++) {
            uint64_t top = SPEC_BIT(MIN(12 + 9 * levels - 1, 63));
            GuestContext ctx = { .aw = (uint8_t)(levels - 2), .domain = 1,
                                 .table = guest_ss_new(&f->alloc) };
            uint64_t root = guest_root_new(&f->alloc);
            bool there = cap & SPEC_CAP_SAGAW & SPEC_BIT(8 + levels - 2);
            ViommuReply reply;

            g_assert_true(guest_context_set(&f->alloc, root, SOURCE, &ctx));
            g_assert_true(guest_set_root(&f->regs, root));
            g_assert_true(guest_ccmd(&f->regs, SPEC_GRAN_GLOBAL, 0, 0, 0,
                                     NULL));
            g_assert_true(guest_iotlb(&f->regs, SPEC_GRAN_GLOBAL, 0, 0, 0,
                                      false, NULL));
            g_assert_true(levels < 3 || levels > 5 ||
                          guest_ss_map(&f->alloc, ctx.table, levels, top, PA,
                                       1, SPEC_SS_R));
            g_assert_cmpint(fixture_translate(f, SOURCE, top, SM_R, &reply),
                            ==, there ? VIOMMU_OK : VIOMMU_FAULT);
            g_assert_cmpint(there, ==, levels >= 3 && levels <= 5 &&
                                       12 + 9 * levels <= widths[i / 2]);
        }
        if (i % 2 == 0) {
            g_assert_cmphex(cap & SPEC_CAP_SAGAW, ==, 0);
        }
        fixture_free(f);
    }
}

static void test_fault_records(void)
{
    static const uint16_t counts[] = { 1, 2, 190, 191, 256 };

    for (unsigned i = 0; i < G_N_ELEMENTS(counts); i++) {
        ViommuVtdConfig config;
        Legacy l;

        viommu_vtd_config_init(&config);
        config.fault_records = counts[i];
        legacy_start(&l, &config);
        g_assert_cmpuint(guest_frcd_count(&l.f->regs), ==, counts[i]);
        for (unsigned k = 0; k <= counts[i]; k++) {
            g_assert_false(guest_reg32(&l.f->regs, SPEC_FSTS) &
                           SPEC_FSTS_PFO);
            legacy_ask(&l, (uint64_t)(k + 1) << 30);
        }
        g_assert_true(guest_reg32(&l.f->regs, SPEC_FSTS) & SPEC_FSTS_PFO);
        for (unsigned k = 0; k < counts[i]; k++) {
            g_assert_cmphex(guest_reg64(&l.f->regs,
                                        guest_frcd_offset(&l.f->regs, k)),
                            ==, (uint64_t)(k + 1) << 30);
        }
        fixture_free(l.f);
    }
}

/* Requests with larger PASIDs are errors [VTD 11.4.3], whatever the directory
 * has room for. */
static void test_pasid_size(void)
{
    static const uint8_t sizes[] = { 1, 7, 13 };

    for (unsigned i = 0; i < G_N_ELEMENTS(sizes); i++) {
        ViommuVtdConfig config;
        uint32_t end = 1u << sizes[i];
        Scalable *s;

        viommu_vtd_config_init(&config);
        config.fault_records = 4;
        config.scalable_mode = true;
        config.pasid_bits = sizes[i];
        s = scalable_new(&config, SPEC_PGTT_PASS, 4, end);
        g_assert_cmphex((guest_reg64(&s->f->regs, SPEC_ECAP) &
                         SPEC_ECAP_PSS) >> SPEC_ECAP_PSS_SHIFT, ==,
                        sizes[i] - 1);
        scalable_put_pasid(s, end - 1);
        scalable_flush(s);
        scalable_ok(s, end - 1, VA, SM_R, VA);
        scalable_fault(s, end, VA, SM_R, SPEC_FR_SM_PASID_RANGE);
        scalable_free(s);
    }
}

/* Each mode that is not there is the reserved one, for DMA and the queue. */
static void test_table_modes(void)
{
    for (unsigned i = 0; i < 4; i++) {
        bool scalable_mode = i & 1, abort_dma = i & 2;

        for (unsigned mode = 0; mode < 4; mode++) {
            bool there = mode == SPEC_TTM_LEGACY ||
                         (mode == SPEC_TTM_SCALABLE && scalable_mode) ||
                         (mode == SPEC_TTM_ABORT && abort_dma);
            ViommuVtdConfig config;
            ViommuReply reply;
            Legacy l;

            viommu_vtd_config_init(&config);
            config.fault_records = 4;
            config.scalable_mode = scalable_mode;
            config.abort_dma = abort_dma;
            legacy_start(&l, &config);
            g_assert_true(guest_set_root(&l.f->regs, l.s.root |
                                         (uint64_t)mode <<
                                         SPEC_RTADDR_TTM_SHIFT));
            if (!scalable_mode && !abort_dma) {
                /* the bits are not there at all */
                g_assert_cmphex(guest_reg64(&l.f->regs, SPEC_RTADDR), ==,
                                l.s.root);
                g_assert_cmpint(legacy_ask(&l, VA), ==, VIOMMU_OK);
            } else {
                g_assert_cmpint(fixture_translate(l.f, SOURCE, VA, SM_R,
                                                  &reply), ==,
                                mode == SPEC_TTM_LEGACY ? VIOMMU_OK
                                                        : VIOMMU_FAULT);
                g_assert_cmpint(reply.reason == SPEC_FR_SM_ROOT_TTM, ==,
                                !there);
                guest_queue_push(&l.f->queue, SPEC_INV_WAIT, 0);
                guest_queue_ring(&l.f->queue);
                fixture_run(l.f);
                g_assert_cmpint((guest_reg64(&l.f->regs, SPEC_IQERCD) &
                                 SPEC_IQERCD_IQEI) == SPEC_IQEI_TTM, ==,
                                !there);
            }
            fixture_free(l.f);
        }
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(bits); i++) {
        if (bits[i].kind != BIT_FIELD) {
            g_autofree char *path = g_strdup_printf(
                "/announced/%s/%s", bits[i].reg == CAP ? "cap" : "ecap",
                bits[i].name);

            g_test_add_data_func(path, &bits[i], test_bit);
        }
    }
    g_test_add_func("/announced/complete", test_complete);
    g_test_add_func("/announced/widths", test_widths);
    g_test_add_func("/announced/fault-records", test_fault_records);
    g_test_add_func("/announced/pasid-size", test_pasid_size);
    g_test_add_func("/announced/table-modes", test_table_modes);
    return g_test_run();
}
