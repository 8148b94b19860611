/* SPDX-License-Identifier: BSD-3-Clause */
#include "announced.h"

#define PASID   0x85u
#define ECMD    0x400       /* enhanced commands */
#define PERFCAP 0x300       /* performance monitoring */

/* --- Legacy mode --------------------------------------------------------- */

void legacy_start(Legacy *l, const ViommuVtdConfig *config)
{
    l->f = fixture_new(config);
    fixture_simple(l->f, &l->s, SOURCE, 1, 3);
    l->ctx = (GuestContext) {
        .table = l->s.table, .levels = 3, .domain = 1,
    };
    g_assert_true(guest_ss_map(&l->f->alloc, l->s.table, 3, VA, PA, 1,
                               SPEC_SS_R | SPEC_SS_W));
}

ViommuStatus legacy_ask(Legacy *l, uint64_t addr)
{
    ViommuReply reply;

    return fixture_translate(l->f, SOURCE, addr, SM_R, &reply);
}

/* The context entry is written and invalidated; is it good? */
static bool legacy_context(const ViommuVtdConfig *config, unsigned tt)
{
    Legacy l;
    bool ok;

    legacy_start(&l, config);
    l.ctx.tt = (uint8_t)tt;
    g_assert_true(guest_context_set(&l.f->alloc, l.s.root, SOURCE, &l.ctx));
    ok = legacy_ask(&l, VA) == VIOMMU_OK;
    fixture_free(l.f);
    return ok;
}

bool probe_pt(const ViommuVtdConfig *config)
{
    return legacy_context(config, SPEC_TT_PASS);
}

bool probe_dt(const ViommuVtdConfig *config)
{
    return legacy_context(config, SPEC_TT_DEVTLB);
}

static bool legacy_leaf(const ViommuVtdConfig *config, unsigned leaf,
                        uint64_t flags)
{
    Legacy l;
    bool ok;

    legacy_start(&l, config);
    g_assert_true(guest_ss_map(&l.f->alloc, l.s.table, 3, 0, 0, leaf,
                               SPEC_SS_R | flags));
    ok = legacy_ask(&l, 0x1000 * (leaf > 1)) == VIOMMU_OK;
    fixture_free(l.f);
    return ok;
}

bool probe_sc(const ViommuVtdConfig *config)
{
    return legacy_leaf(config, 1, SPEC_SS_SNP);
}

bool probe_sslps(const ViommuVtdConfig *config)
{
    return legacy_leaf(config, 2, 0) && legacy_leaf(config, 3, 0);
}

/* What was not present is remembered. */
bool probe_cm(const ViommuVtdConfig *config)
{
    Legacy l;
    bool remembered;

    legacy_start(&l, config);
    g_assert_cmpint(legacy_ask(&l, VA + 0x1000), ==, VIOMMU_FAULT);
    g_assert_true(guest_ss_map(&l.f->alloc, l.s.table, 3, VA + 0x1000, PA, 1,
                               SPEC_SS_R));
    remembered = legacy_ask(&l, VA + 0x1000) == VIOMMU_FAULT;
    fixture_free(l.f);
    return remembered;
}

bool probe_nd(const ViommuVtdConfig *config)
{
    Legacy l;
    bool ok;

    legacy_start(&l, config);
    l.ctx.domain = 0xffff;
    g_assert_true(guest_context_set(&l.f->alloc, l.s.root, SOURCE, &l.ctx));
    g_assert_cmpint(legacy_ask(&l, VA), ==, VIOMMU_OK);
    g_assert_true(guest_ss_unmap(&l.f->alloc, l.s.table, 3, VA, 1));
    guest_queue_iotlb(&l.f->queue, SPEC_GRAN_DOMAIN, 0x7fff, 0, 0, false);
    fixture_wait(l.f);
    g_assert_cmpint(legacy_ask(&l, VA), ==, VIOMMU_OK);
    guest_queue_iotlb(&l.f->queue, SPEC_GRAN_DOMAIN, 0xffff, 0, 0, false);
    fixture_wait(l.f);
    ok = legacy_ask(&l, VA) == VIOMMU_FAULT;
    fixture_free(l.f);
    return ok;
}

/* The set-root-table-pointer command invalidates. */
bool probe_esrtps(const ViommuVtdConfig *config)
{
    Legacy l;
    bool forgotten;

    legacy_start(&l, config);
    g_assert_cmpint(legacy_ask(&l, VA), ==, VIOMMU_OK);
    g_assert_true(guest_ss_unmap(&l.f->alloc, l.s.table, 3, VA, 1));
    g_assert_true(guest_set_root(&l.f->regs, l.s.root));
    forgotten = legacy_ask(&l, VA) == VIOMMU_FAULT;
    fixture_free(l.f);
    return forgotten;
}

/* --- Descriptors --------------------------------------------------------- */

/* Does the queue take it? */
static bool descriptor(const ViommuVtdConfig *config, uint64_t lo,
                       uint64_t hi)
{
    Legacy l;
    bool taken;

    legacy_start(&l, config);
    guest_queue_push(&l.f->queue, lo, hi);
    guest_queue_ring(&l.f->queue);
    fixture_run(l.f);
    taken = !(guest_reg32(&l.f->regs, SPEC_FSTS) & SPEC_FSTS_IQE);
    fixture_free(l.f);
    return taken;
}

static bool iotlb_pages(const ViommuVtdConfig *config, unsigned am)
{
    return descriptor(config, SPEC_INV_IOTLB |
                              SPEC_GRAN_PAGE << SPEC_INV_G_SHIFT, am);
}

static bool iec_entries(const ViommuVtdConfig *config, unsigned im)
{
    return descriptor(config, SPEC_INV_IEC | SPEC_INV_IEC_G |
                              (uint64_t)im << SPEC_INV_IEC_IM_SHIFT, 0);
}

bool probe_psi(const ViommuVtdConfig *config)
{
    return iotlb_pages(config, 0);
}

bool probe_mamv(const ViommuVtdConfig *config)
{
    return iotlb_pages(config, 18) && !iotlb_pages(config, 19);
}

bool probe_mhmv(const ViommuVtdConfig *config)
{
    return iec_entries(config, 15) && !iec_entries(config, 16);
}

/* The physical function of a device-TLB's queue: bits 63:48 and 15:12. */
bool probe_dit(const ViommuVtdConfig *config)
{
    uint64_t lo = SPEC_INV_DEVTLB |
                  (uint64_t)SOURCE << SPEC_INV_DEVTLB_SID_SHIFT;

    g_assert_true(descriptor(config, lo, 0));
    return descriptor(config, lo | SPEC_BIT(52), 0) ||
           descriptor(config, lo | SPEC_BIT(12), 0);
}

bool probe_pds(const ViommuVtdConfig *config)
{
    return descriptor(config, SPEC_INV_WAIT | SPEC_INV_WAIT_PD, 0);
}

/* --- Registers ----------------------------------------------------------- */

/* Bits of a register that software can set. */
static uint64_t settable(const ViommuVtdConfig *config, unsigned offset,
                         unsigned size)
{
    Fixture *f = fixture_new(config);
    uint64_t value;

    viommu_mmio_write(f->unit, offset, UINT64_MAX, size);
    value = viommu_mmio_read(f->unit, offset, size);
    fixture_free(f);
    return value;
}

/* A command whose status then says that it was done. */
static bool commanded(const ViommuVtdConfig *config, uint32_t bit)
{
    Fixture *f = fixture_new(config);
    bool done = guest_command(&f->regs, bit, 0);

    done = done && (guest_reg32(&f->regs, SPEC_GSTS) & bit);
    fixture_free(f);
    return done;
}

bool probe_afl(const ViommuVtdConfig *config)
{
    return commanded(config, SPEC_GCMD_SFL) ||
           commanded(config, SPEC_GCMD_EAFL) ||
           settable(config, SPEC_AFLOG, 8);
}

bool probe_rwbf(const ViommuVtdConfig *config)
{
    return commanded(config, SPEC_GCMD_WBF);
}

bool probe_plmr(const ViommuVtdConfig *config)
{
    return settable(config, SPEC_PLMBASE, 4) && settable(config, SPEC_PMEN, 4);
}

bool probe_phmr(const ViommuVtdConfig *config)
{
    return settable(config, SPEC_PHMBASE, 8) && settable(config, SPEC_PMEN, 4);
}

bool probe_qi(const ViommuVtdConfig *config)
{
    return commanded(config, SPEC_GCMD_QIE);
}

bool probe_ir(const ViommuVtdConfig *config)
{
    return commanded(config, SPEC_GCMD_IRE) &&
           commanded(config, SPEC_GCMD_SIRTP) &&
           settable(config, SPEC_IRTA, 8);
}

bool probe_eim(const ViommuVtdConfig *config)
{
    return (settable(config, SPEC_IRTA, 8) & SPEC_IRTA_EIME) &&
           settable(config, SPEC_FEUADDR, 4) &&
           settable(config, SPEC_IEUADDR, 4);
}

bool probe_smts(const ViommuVtdConfig *config)
{
    return (settable(config, SPEC_RTADDR, 8) & SPEC_RTADDR_TTM) &&
           (settable(config, SPEC_IQA, 8) & SPEC_IQA_DW);
}

bool probe_vcs(const ViommuVtdConfig *config)
{
    Fixture *f = fixture_new(config);
    bool there = guest_reg64(&f->regs, SPEC_VCCAP) & SPEC_VCCAP_PAS;

    guest_set_reg64(&f->regs, SPEC_VCMD, SPEC_VCMD_ALLOCATE);
    g_assert_cmpint(there, ==, guest_reg64(&f->regs, SPEC_VCRSP) != 0);
    fixture_free(f);
    return there;
}

bool probe_ecmds(const ViommuVtdConfig *config)
{
    return settable(config, ECMD, 8);
}

bool probe_pms(const ViommuVtdConfig *config)
{
    return settable(config, PERFCAP, 8);
}

bool probe_iro(const ViommuVtdConfig *config)
{
    Fixture *f = fixture_new(config);
    bool ok = guest_iotlb(&f->regs, SPEC_GRAN_GLOBAL, 0, 0, 0, false, NULL);

    fixture_free(f);
    return ok;
}

/* --- Interrupts ---------------------------------------------------------- */

static void remapping_start(Fixture *f, uint64_t *table)
{
    *table = guest_alloc_pages(&f->alloc, 1);
    g_assert_true(guest_set_irta(&f->regs, *table, 7, false));
    g_assert_true(guest_command(&f->regs, SPEC_GCMD_IRE, 0));
}

static ViommuMsiResult interrupt(Fixture *f, unsigned index)
{
    ViommuMsi in = { .addr = guest_msi_addr((uint16_t)index, false) }, out;

    return viommu_remap_msi(f->unit, SOURCE, &in, false, &out);
}

bool probe_pi(const ViommuVtdConfig *config)
{
    Fixture *f = fixture_new(config);
    uint64_t table, pid = guest_alloc_pages(&f->alloc, 1);
    bool posted;

    remapping_start(f, &table);
    guest_irte_set_posted(&f->mem, table, 5, 0x41, pid, false, 0);
    interrupt(f, 5);
    posted = guest_read64(&f->mem, pid + 8) == SPEC_BIT(1);
    fixture_free(f);
    return posted;
}

bool probe_esirtps(const ViommuVtdConfig *config)
{
    Fixture *f = fixture_new(config);
    GuestIrte irte = { .vector = 0x41 };
    uint64_t table;
    bool forgotten;

    remapping_start(f, &table);
    guest_irte_set(&f->mem, table, 5, &irte);
    g_assert_cmpint(interrupt(f, 5), ==, VIOMMU_MSI_DELIVER);
    guest_irte_clear(&f->mem, table, 5);
    g_assert_true(guest_set_irta(&f->regs, table, 7, false));
    forgotten = interrupt(f, 5) == VIOMMU_MSI_BLOCKED;
    fixture_free(f);
    return forgotten;
}

/* --- Scalable mode ------------------------------------------------------- */

typedef struct Ask {
    unsigned pgtt;          /* 0: pass-through */
    unsigned levels;        /* 0: 4 */
    unsigned leaf;          /* 0: 1 */
    uint64_t ctx0, ctx1;    /* more bits of the context entry */
    uint64_t flags0, flags1, flags2;
    uint32_t pasid;         /* 0: none */
    uint32_t rid;           /* RID_PASID */
} Ask;

/* Are the entries good? */
static bool ask(const ViommuVtdConfig *config, Ask a)
{
    bool pass = !a.pgtt;
    Scalable *s = scalable_new(config, pass ? SPEC_PGTT_PASS : a.pgtt,
                               a.levels ? a.levels : 4,
                               a.pasid ? a.pasid : SM_NONE);
    uint32_t pasid = a.pasid ? a.pasid : SM_NONE;
    uint64_t va = a.leaf == 3 ? 0 : VA;
    ViommuReply reply;
    bool ok;

    s->ctx[0] = (s->ctx[0] & ~SPEC_SM_CTX_PASIDE) | a.ctx0 |
                (a.pasid ? SPEC_SM_CTX_PASIDE : 0);
    s->ctx[1] = a.ctx1 | a.rid;
    s->entry.flags0 = a.flags0;
    s->entry.flags1 = a.flags1;
    s->entry.flags2 = a.flags2;
    scalable_put_context(s);
    scalable_put_pasid(s, a.pasid ? a.pasid : a.rid);
    if (!pass) {
        scalable_map(s, va, a.leaf == 3 ? 0 : PA, a.leaf ? a.leaf : 1);
    }
    scalable_flush(s);
    ok = scalable_ask(s, pasid, va, SM_R, false, &reply) == VIOMMU_OK;
    scalable_free(s);
    return ok;
}

/* A probe that is one question to a unit in scalable mode. */
#define ASKS(name, ...) \
    bool probe_##name(const ViommuVtdConfig *config) \
    { \
        return config->scalable_mode && ask(config, (Ask) { __VA_ARGS__ }); \
    }

ASKS(fs1gp, .pgtt = SPEC_PGTT_FIRST, .leaf = 3)
ASKS(fs5lp, .pgtt = SPEC_PGTT_FIRST, .levels = 5)
ASKS(fsts, .pgtt = SPEC_PGTT_FIRST)
ASKS(ssts, .pgtt = SPEC_PGTT_SECOND)
ASKS(nest, .pgtt = SPEC_PGTT_NESTED)
ASKS(mts, .flags1 = SPEC_BIT(25))
ASKS(ers, .flags2 = SPEC_PASID2_ERE)
ASKS(srs, .flags2 = SPEC_PASID2_SRE)
ASKS(eafs, .flags2 = SPEC_PASID2_EAFE)
ASKS(pasid, .ctx0 = SPEC_SM_CTX_PASIDE)
ASKS(ssads, .flags0 = SPEC_PASID_SSADE)
ASKS(smpwcs, .flags1 = SPEC_PASID1_PWSNP)
ASKS(pgsnp, .flags1 = SPEC_PASID1_PGSNP)
ASKS(rps, .rid = PASID)
ASKS(rprivs, .ctx1 = SPEC_SM_CTX1_RID_PRIV, .flags2 = SPEC_PASID2_SRE)
ASKS(dte, .ctx0 = SPEC_SM_CTX_DTE)

bool probe_page_queue(const ViommuVtdConfig *config)
{
    bool there = config->scalable_mode &&
                 ask(config, (Ask) { .ctx0 = SPEC_SM_CTX_PRE });

    g_assert_cmpint(there, ==, settable(config, SPEC_PQA, 8) != 0);
    g_assert_cmpint(there, ==, settable(config, SPEC_PEADDR, 4) != 0);
    return there;
}

/* All DMA ends, and nothing is recorded. */
bool probe_adms(const ViommuVtdConfig *config)
{
    ViommuReply reply;
    bool aborts;
    Legacy l;

    legacy_start(&l, config);
    g_assert_true(guest_set_root(&l.f->regs, l.s.root | SPEC_TTM_ABORT <<
                                                        SPEC_RTADDR_TTM_SHIFT));
    aborts = fixture_translate(l.f, SOURCE, VA, SM_R, &reply) ==
                 VIOMMU_FAULT && !reply.reason;
    g_assert_true(!aborts || !guest_reg32(&l.f->regs, SPEC_FSTS));
    fixture_free(l.f);
    return aborts;
}
