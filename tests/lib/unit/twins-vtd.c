/* SPDX-License-Identifier: BSD-3-Clause */
/* VT-d: how its twins are made, and what is done with them. */
#include "pri.h"
#include "twins.h"

#define PASID       3u
#define VA          UINT64_C(0x7f1234567000)

/* The same in all of a round's units. */
static struct {
    uint64_t root, mode, queue, irt;
    bool scalable;
    uint64_t table;
    GuestFs fs;
} vtd;

static Viommu *make_vtd(const void *config, const ViommuOps *ops,
                        void *opaque, GError **error)
{
    return viommu_vtd_new(config, ops, opaque, error);
}

static void put_interrupts(Fixture *f)
{
    GuestIrte irte = { .vector = 0x55, .dest = 3, .eim = true };

    vtd.irt = guest_alloc_pages(&f->alloc, 1);
    for (uint16_t i = 0; i < 4; i++) {
        irte.vector++;
        guest_irte_set(&f->mem, vtd.irt, i, &irte);
    }
    guest_irte_set_posted(&f->mem, vtd.irt, 4, 0x77, TWINS_SCRATCH, false,
                          0);
}

static void map_at(Fixture *f, uint64_t to)
{
    for (uint64_t at = 0; at < 0x4000; at += 0x1000) {
        g_assert_true(vtd.scalable
                      ? guest_fs_map(&vtd.fs, &f->alloc, VA + at, to + at, 1,
                                     SM_LEAF)
                      : guest_ss_map(&f->alloc, vtd.table, 4, VA + at,
                                     to + at, 1, SPEC_SS_R | SPEC_SS_W));
    }
}

static void vtd_remap(Fixture *f)
{
    map_at(f, TWINS_SCRATCH + 0x8000);
}

static Fixture *vtd_make(unsigned variant)
{
    ViommuVtdConfig config;
    Fixture *f;

    vtd.scalable = variant > 0;
    if (variant) {
        Scalable *s;

        pri_config(&config);
        config.protected_memory = true;
        config.virtual_commands = true;
        config.pasid_bits = 8;
        config.fault_records = 3;
        config.enhanced_set_pointer = variant > 1;
        config.caching_mode = variant > 1;
        s = scalable_new(&config, SPEC_PGTT_FIRST, 4, PASID);
        s->ctx[0] |= SPEC_SM_CTX_DTE | SPEC_SM_CTX_PRE;
        scalable_put_context(s);
        f = s->f;
        vtd.fs = s->fs;
        vtd.root = s->root;
        vtd.queue = f->queue.addr;
        g_free(s);
    } else {
        Simple simple;

        fixture_config(&config);
        config.fault_records = 2;
        f = fixture_new(&config);
        fixture_simple(f, &simple, SM_SOURCE, 5, 4);
        vtd.root = simple.root;
        vtd.table = simple.table;
        vtd.queue = f->queue.addr;
    }
    vtd.mode = variant ? SPEC_TTM_SCALABLE << SPEC_RTADDR_TTM_SHIFT : 0;
    map_at(f, TWINS_SCRATCH);
    put_interrupts(f);
    config.iotlb_bits = 14;
    twins_renew(f, make_vtd, &config);
    return f;
}

/* As a guest that means well. */
static void vtd_set_up(Twins *t)
{
    uint32_t off = twins_below(t, 4) ? 0 : (uint32_t)SPEC_GCMD_TE;

    twins_write(t, SPEC_GCMD, SPEC_GCMD_TE | SPEC_GCMD_IRE, 4);
    twins_write(t, SPEC_RTADDR, vtd.root | vtd.mode, 8);
    twins_write(t, SPEC_IRTA, vtd.irt | SPEC_IRTA_EIME | 7, 8);
    twins_write(t, SPEC_GCMD, SPEC_GCMD_SRTP | SPEC_GCMD_SIRTP, 4);
    twins_write(t, SPEC_IQT, 0, 8);
    twins_write(t, SPEC_IQA, vtd.queue | (vtd.scalable ? SPEC_IQA_DW : 0), 8);
    twins_write(t, SPEC_GCMD, (SPEC_GCMD_TE & ~off) | SPEC_GCMD_QIE |
                SPEC_GCMD_IRE, 4);
    twins_write(t, SPEC_PQA, TWINS_SCRATCH, 8);
    for (uint64_t event = SPEC_FECTL; event; ) {
        twins_write(t, event + 4, event, 4);
        twins_write(t, event + 8, SPEC_MSI_BASE, 4);
        twins_write(t, event, twins_below(t, 2) ? SPEC_ECTL_IM : 0, 4);
        event = event == SPEC_FECTL ? SPEC_IECTL
                : event == SPEC_IECTL ? SPEC_PECTL : 0;
    }
}

static void vtd_descriptor(Twins *t, uint64_t word[4])
{
    uint64_t type = 1 + twins_below(t, 9);
    uint64_t sid = twins_below(t, 2) ? SM_SOURCE : 0x155;

    word[0] = type | (uint64_t)twins_below(t, 4) << SPEC_INV_G_SHIFT;
    word[1] = word[2] = word[3] = 0;
    switch (type) {
    case SPEC_INV_CONTEXT:
        word[0] |= sid << SPEC_INV_CTX_SID_SHIFT;
        break;
    case SPEC_INV_IOTLB:
    case SPEC_INV_PASID_IOTLB:
        word[0] |= UINT64_C(5) << SPEC_INV_DID_SHIFT;
        word[1] = VA | twins_below(t, 4);
        break;
    case SPEC_INV_DEVTLB:
        word[0] = type | sid << SPEC_INV_DEVTLB_SID_SHIFT;
        word[1] = VA;
        break;
    case SPEC_INV_IEC:
        word[0] |= (uint64_t)twins_below(t, 8) << SPEC_INV_IEC_IIDX_SHIFT;
        break;
    case SPEC_INV_WAIT:
        word[0] |= SPEC_INV_WAIT_SW |
                   (uint64_t)twins_below(t, 1000) << SPEC_INV_WAIT_DATA_SHIFT;
        word[1] = twins_page(t) + 4 * twins_below(t, 1024);
        break;
    case SPEC_INV_PAGE_RESPONSE:
        word[0] = type | SPEC_INV_PRESP_PP | sid << SPEC_INV_PRESP_SID_SHIFT |
                  (uint64_t)PASID << SPEC_INV_PRESP_PASID_SHIFT;
        word[1] = (uint64_t)twins_below(t, 8) << SPEC_INV_PRESP_HI_PRGI_SHIFT;
        break;
    default:
        break;
    }
    if (!twins_below(t, 12)) {
        word[twins_below(t, 4)] |= twins_word(t);
    }
}

static void vtd_push(Twins *t)
{
    const GuestRegs *regs = &t->of[0].f->regs;
    uint64_t iqa = guest_reg64(regs, SPEC_IQA);
    uint64_t tail = guest_reg64(regs, SPEC_IQT) & 0xfe0;
    unsigned size = iqa & SPEC_IQA_DW ? 32 : 16;
    uint64_t word[4];

    vtd_descriptor(t, word);
    if ((iqa & SPEC_IQA_ADDR) == vtd.queue) {
        for (unsigned i = 0; i < t->n; i++) {
            for (unsigned k = 0; k < size / 8; k++) {
                guest_write64(&t->of[i].f->mem, vtd.queue + tail + 8 * k,
                              word[k]);
            }
        }
        twins_write(t, SPEC_IQT, (tail + size) & 0xfff, 8);
    }
    if (!twins_below(t, 3)) {
        twins_write(t, SPEC_FSTS, SPEC_FSTS_IQE | SPEC_FSTS_ITE, 4);
    }
}

static void vtd_ask(Twins *t)
{
    ViommuRequest req = {
        .source = twins_below(t, 8) ? SM_SOURCE : 0x155,
        .pasid = vtd.scalable && twins_below(t, 2) ? twins_below(t, 5)
                                                   : VIOMMU_NO_PASID,
        .addr = VA + twins_below(t, 6) * UINT64_C(0x1000) +
                twins_below(t, 4096),
        .access = (uint8_t)(1 + twins_below(t, 3)),
        .kind = twins_below(t, 3), .probe = !twins_below(t, 6),
    };

    twins_ask(t, &req);
}

static void vtd_interrupt(Twins *t)
{
    ViommuMsi msi = {
        .addr = guest_msi_addr((uint16_t)twins_below(t, 6), false),
    };

    twins_msi(t, SM_SOURCE, &msi);
}

static void vtd_page(Twins *t)
{
    ViommuPageRequest req = {
        .source = SM_SOURCE, .pasid = PASID + !twins_below(t, 6), .addr = VA,
        .access = VIOMMU_READ, .last = twins_below(t, 2),
        .group = (uint16_t)twins_below(t, 8),
    };

    twins_page_request(t, &req);
}

static uint64_t some_register(Twins *t)
{
    static const uint16_t others[] = {
        SPEC_VCMD, SPEC_VCRSP, SPEC_VCCAP, 0x220, 0x228, 0x22c, 0x238, 0x248,
    };

    return twins_below(t, 4) ? twins_below(t, 0x44) * 4
                             : others[twins_below(t, G_N_ELEMENTS(others))];
}

static void vtd_register(Twins *t)
{
    uint64_t offset = some_register(t);

    switch (twins_below(t, 6)) {
    case 0:
        twins_write(t, SPEC_CCMD, SPEC_CCMD_ICC |
                    (uint64_t)twins_below(t, 2) << SPEC_CCMD_CIRG_SHIFT, 8);
        break;
    case 1:
        twins_write(t, 0xf0, VA | twins_below(t, 20), 8);
        twins_write(t, 0xf8, SPEC_IOTLB_IVT | UINT64_C(5) << 32 |
                    (uint64_t)(twins_below(t, 2) ? SPEC_GRAN_PAGE
                                                 : SPEC_GRAN_GLOBAL) <<
                    SPEC_IOTLB_IIRG_SHIFT, 8);
        break;
    case 2:
        twins_write(t, SPEC_FSTS, twins_below(t, 128), 4);
        twins_write(t, 0x22c + 16 * twins_below(t, 3), 0x80000000, 4);
        twins_write(t, SPEC_PRS, 3, 4);
        twins_write(t, SPEC_ICS, 1, 4);
        twins_write(t, SPEC_PQH, guest_reg64(&t->of[0].f->regs, SPEC_PQT), 8);
        break;
    case 3:
        twins_write(t, SPEC_VCMD, (1 + twins_below(t, 3)) |
                    (uint64_t)twins_below(t, 20) << SPEC_VCMD_PASID_SHIFT, 8);
        break;
    case 4:
        twins_write(t, SPEC_GCMD, (uint64_t)twins_below(t, 512) << 23, 4);
        break;
    default:
        twins_write(t, offset, twins_value(t), twins_below(t, 2) ? 4 : 8);
        break;
    }
    twins_read(t, some_register(t), 8);
    twins_read(t, offset, 4);
}

static void vtd_step(Twins *t)
{
    switch (twins_below(t, 16)) {
    case 0:
        vtd_set_up(t);
        break;
    case 1: case 2: case 3: case 4: case 5:
        vtd_push(t);
        break;
    case 6: case 7: case 8:
        vtd_ask(t);
        break;
    case 9:
        vtd_interrupt(t);
        break;
    case 10:
        vtd_page(t);
        break;
    case 11: case 12:
        vtd_register(t);
        break;
    default:
        twins_embedder(t);
        break;
    }
}

const TwinsModel twins_vtd = { "vtd", 3, vtd_make, vtd_step, vtd_remap };
