/* SPDX-License-Identifier: BSD-3-Clause */
/* From bytes to what a guest and its endpoints do. */
#include "vtd-fuzz.h"

#include <string.h>

/* Operations of one input; the rest of its bytes is not looked at. */
#define MAX_OPERATIONS 64
/* Comparisons with the reference, which cost as much as all the rest. */
#define MAX_CHECKS 2

uint64_t fuzz_take_page(FuzzInput *in)
{
    return (fuzz_take(in, 1) % (FUZZ_RAM / 4096)) * 4096;
}

uint16_t fuzz_take_source(FuzzInput *in)
{
    static const uint16_t sources[] = {
        0x0000, 0x0001, 0x0008, 0x00ff, 0x0100, 0x0800, 0x1f08, 0xffff,
    };

    return sources[fuzz_take(in, 1) % G_N_ELEMENTS(sources)];
}

uint64_t fuzz_take_address(FuzzInput *in)
{
    uint8_t shape = (uint8_t)fuzz_take(in, 1);
    uint64_t addr = 0;

    switch (shape & 7) {
    case 0:
        return fuzz_take(in, 8);
    case 1:
        return SPEC_MSI_BASE + fuzz_take(in, 3);
    case 2:     /* around 2^39, 2^48, 2^57 */
        return (UINT64_C(1) << (39 + 9 * ((shape >> 3) % 3))) +
               (uint64_t)(int64_t)(int16_t)fuzz_take(in, 2);
    default:
        break;
    }
    for (unsigned level = 0; level < 5; level++) {
        if (shape & (8 << level)) {
            addr |= (fuzz_take(in, 1) & 511) << (12 + 9 * level);
        }
    }
    return addr | fuzz_take(in, 1) << 3;
}

static void run_some(FuzzUnit *u, unsigned limit)
{
    while (u->run_wanted && !u->section && limit--) {
        u->run_wanted = false;
        viommu_run(u->unit);
    }
}

static void run_all(FuzzUnit *u)
{
    /* a queue of 2^15 descriptors in batches of at least 16 */
    run_some(u, 4096);
    FUZZ_CHECK(!u->run_wanted || u->section);
}

/* --- Registers ----------------------------------------------------------- */

static uint64_t take_offset(FuzzInput *in, const FuzzUnit *u)
{
    static const uint16_t known[] = {
        SPEC_GCMD, SPEC_RTADDR, SPEC_CCMD, SPEC_CCMD + 4, SPEC_FSTS,
        SPEC_FECTL, SPEC_FEDATA, SPEC_FEADDR, SPEC_FEUADDR, SPEC_PMEN,
        SPEC_PLMBASE, SPEC_PLMLIMIT, SPEC_PHMBASE, SPEC_PHMLIMIT, SPEC_IQT,
        SPEC_IQA, SPEC_ICS, SPEC_IECTL, SPEC_IEDATA, SPEC_IEADDR,
        SPEC_IEUADDR, SPEC_IRTA, 0xf0, 0xf8, 0xfc, 0x220, 0x228, 0x22c,
        SPEC_IQH, SPEC_GSTS, SPEC_CAP,
    };
    uint8_t which = (uint8_t)fuzz_take(in, 1);

    if (which < 200) {
        return known[which % G_N_ELEMENTS(known)];
    }
    if (which < 250) {
        return fuzz_take(in, 2) % (viommu_mmio_size(u->unit) + 16);
    }
    return fuzz_take(in, 8);
}

static void op_write(FuzzUnit *u, FuzzInput *in)
{
    uint64_t offset = take_offset(in, u);
    unsigned size = 1 + (unsigned)fuzz_take(in, 1) % 8;

    viommu_mmio_write(u->unit, offset, fuzz_take(in, size), size);
    run_some(u, 2);
}

static void op_read(FuzzUnit *u, FuzzInput *in)
{
    uint64_t offset = take_offset(in, u);
    unsigned size = 1 + (unsigned)fuzz_take(in, 1) % 8;
    uint64_t value = viommu_mmio_read(u->unit, offset, size);

    FUZZ_CHECK(size == 8 || value >> (8 * size) == 0);
    FUZZ_CHECK(offset < viommu_mmio_size(u->unit) || value == 0 ||
               offset + size < offset);
}

static void op_command(FuzzUnit *u, FuzzInput *in)
{
    uint64_t bits = fuzz_take(in, 2);

    guest_set_reg32(&u->regs, SPEC_GCMD, (uint32_t)(bits << 23));
    run_some(u, 2);
}

/* --- Tables -------------------------------------------------------------- */

static void op_poke(FuzzUnit *u, FuzzInput *in)
{
    uint64_t addr = (fuzz_take(in, 2) * 8) % FUZZ_RAM;

    guest_write64(&u->mem, addr, fuzz_take(in, 8));
}

/* An entry that points to a page, with a few bits wrong at times. */
static void op_entry(FuzzUnit *u, FuzzInput *in)
{
    uint64_t addr = fuzz_take_page(in) + (fuzz_take(in, 1) & 511) * 8;
    uint64_t value = fuzz_take_page(in) | fuzz_take(in, 1);
    uint8_t odd = (uint8_t)fuzz_take(in, 1);

    if (odd & 1) {
        value ^= UINT64_C(1) << (odd >> 2);
    }
    if (odd & 2) {
        value |= UINT64_C(1) << 30;
    }
    guest_write64(&u->mem, addr, value);
}

/* Root, context entry and a path of second-stage tables, all valid. */
static void op_tables(FuzzUnit *u, FuzzInput *in)
{
    uint64_t root = fuzz_take_page(in), context = fuzz_take_page(in);
    uint64_t table = fuzz_take_page(in);
    uint16_t source = fuzz_take_source(in);
    uint8_t shape = (uint8_t)fuzz_take(in, 1);
    unsigned levels = 3 + shape % 3;
    unsigned leaf = 1 + (shape >> 2) % 3;
    uint64_t iova = fuzz_take_address(in);
    uint64_t at = table;

    guest_write64(&u->mem, root + (source >> 8) * 16, context | SPEC_ROOT_P);
    guest_write64(&u->mem, context + (source & 0xff) * 16,
                  table | SPEC_CTX_P | (shape >> 4 & 3) << SPEC_CTX_TT_SHIFT);
    guest_write64(&u->mem, context + (source & 0xff) * 16 + 8,
                  (levels - 2) | fuzz_take(in, 1) << SPEC_CTX_HI_DID_SHIFT);
    for (unsigned level = levels; level >= leaf; level--) {
        uint64_t entry = at + ((iova >> (12 + 9 * (level - 1))) & 511) * 8;

        if (level == leaf) {
            guest_write64(&u->mem, entry,
                          fuzz_take(in, 1) << (12 + 9 * (level - 1)) |
                              SPEC_SS_R | SPEC_SS_W |
                              (level > 1 ? SPEC_SS_PS : 0));
        } else {
            at = fuzz_take_page(in);
            guest_write64(&u->mem, entry, at | SPEC_SS_R | SPEC_SS_W);
        }
    }
    if (shape & 0x40) {
        guest_set_root(&u->regs, root);
    }
    if (shape & 0x80) {
        guest_command(&u->regs, SPEC_GCMD_TE, 0);
    }
}

static void op_check(FuzzUnit *u, FuzzInput *in)
{
    uint64_t root = fuzz_take_page(in);
    uint16_t source = fuzz_take_source(in);
    uint64_t addr = fuzz_take_address(in);

    if (!u->section && u->checks < MAX_CHECKS) {
        u->checks++;
        /* all of RAM is what the reference reads */
        ViommuRam ram = { .addr = 0, .size = FUZZ_RAM, .host = u->ram.host };

        FUZZ_CHECK(viommu_set_ram(u->unit, &ram, 1) == 0);
        run_all(u);
        fuzz_check_reference(u, root, source, addr,
                             1 + (unsigned)fuzz_take(in, 1) % 3);
    }
}

/* --- Endpoints ----------------------------------------------------------- */

static void op_translate(FuzzUnit *u, FuzzInput *in)
{
    uint8_t shape = (uint8_t)fuzz_take(in, 1);
    ViommuRequest req = {
        .source = fuzz_take_source(in),
        .pasid = shape & 0x80 ? (uint32_t)fuzz_take(in, 3) & 0xfffff
                              : VIOMMU_NO_PASID,
        .access = 1 + shape % 3,
        .kind = (shape >> 2) % 3,
        .probe = (shape & 0x40) != 0,
    };
    ViommuReply reply;
    ViommuStatus status;

    req.addr = fuzz_take_address(in);
    memset(&reply, 0xa5, sizeof(reply));
    viommu_dma_begin();
    status = viommu_translate(u->unit, &req, &reply);
    viommu_dma_end();
    fuzz_check_reply(&req, status, &reply);
}

static void op_msi(FuzzUnit *u, FuzzInput *in)
{
    uint8_t shape = (uint8_t)fuzz_take(in, 1);
    uint16_t source = fuzz_take_source(in);
    ViommuMsi msi = { .data = (uint32_t)fuzz_take(in, 1) }, out;
    ViommuMsiResult result;

    if (shape & 1) {
        msi.addr = guest_msi_addr((uint16_t)fuzz_take(in, 1) |
                                      (shape & 2 ? 0x8000 : 0),
                                  (shape & 4) != 0);
    } else {
        msi.addr = SPEC_MSI_BASE | fuzz_take(in, 3);
    }
    if (shape & 8) {
        msi.data |= (uint32_t)fuzz_take(in, 3) << 8;
    }
    if (shape & 16) {
        msi.addr |= fuzz_take(in, 4) << 32;
    }
    memset(&out, 0xa5, sizeof(out));
    result = (shape & 64 ? viommu_remap_ioapic_msi : viommu_remap_msi)(
        u->unit, source, &msi, (shape & 32) != 0, &out);
    fuzz_check_msi(&msi, result, &out);
}

static void op_irt(FuzzUnit *u, FuzzInput *in)
{
    uint64_t table = fuzz_take_page(in);
    uint8_t shape = (uint8_t)fuzz_take(in, 1);
    uint16_t index = (uint16_t)fuzz_take(in, 1);
    uint16_t source = fuzz_take_source(in);

    if (shape & 1) {
        guest_irte_set_posted(&u->mem, table, index, (uint8_t)fuzz_take(in, 1),
                              (fuzz_take(in, 2) * 64) % (2 * FUZZ_RAM),
                              (shape & 2) != 0, shape & 4 ? source : 0);
    } else {
        GuestIrte irte = {
            .vector = (uint8_t)fuzz_take(in, 1), .dest = shape,
            .sid = source, .sq = shape >> 2 & 3, .svt = shape >> 4 & 3,
            .fpd = (shape & 2) != 0,
        };
        guest_irte_set(&u->mem, table, index, &irte);
    }
    if (shape & 0x40) {
        guest_set_irta(&u->regs, table, fuzz_take(in, 1) & 15,
                       (shape & 2) != 0);
    }
    if (shape & 0x80) {
        guest_command(&u->regs, SPEC_GCMD_IRE, 0);
    }
}

/* --- The queue ----------------------------------------------------------- */

static void op_queue(FuzzUnit *u, FuzzInput *in)
{
    uint64_t page = fuzz_take_page(in);

    guest_set_reg64(&u->regs, SPEC_IQT, 0);
    guest_set_reg64(&u->regs, SPEC_IQA, page | (fuzz_take(in, 1) & 7));
    guest_command(&u->regs, 0, SPEC_GCMD_QIE);
    guest_command(&u->regs, SPEC_GCMD_QIE, 0);
    u->queue_tail = 0;
}

static void op_descriptor(FuzzUnit *u, FuzzInput *in)
{
    uint64_t base = guest_reg64(&u->regs, SPEC_IQA);
    uint64_t bytes = UINT64_C(4096) << (base & SPEC_IQA_QS);
    uint8_t shape = (uint8_t)fuzz_take(in, 1);
    uint64_t lo = shape & 15, hi = 0;

    if (shape & 0x10) {
        lo |= fuzz_take(in, 6) << 4;
        hi = fuzz_take(in, 8);
    } else {
        uint64_t source = fuzz_take_source(in);

        lo |= fuzz_take(in, 1) << 4;
        switch (lo & SPEC_INV_TYPE) {
        case SPEC_INV_CONTEXT:
            lo |= (fuzz_take(in, 1) << SPEC_INV_DID_SHIFT) |
                  source << SPEC_INV_CTX_SID_SHIFT |
                  (shape >> 5 & 3) * (UINT64_C(1) << SPEC_INV_CTX_FM_SHIFT);
            break;
        case SPEC_INV_IOTLB:
            lo |= fuzz_take(in, 1) << SPEC_INV_DID_SHIFT;
            hi = (fuzz_take_address(in) & ~UINT64_C(0xfff)) |
                 (fuzz_take(in, 1) & 0x7f);
            break;
        case SPEC_INV_DEVTLB:
            lo |= source << SPEC_INV_DEVTLB_SID_SHIFT;
            hi = (fuzz_take_address(in) & ~UINT64_C(0xfff)) | (shape >> 5 & 1);
            break;
        case SPEC_INV_IEC:
            lo |= fuzz_take(in, 1) << SPEC_INV_IEC_IM_SHIFT |
                  fuzz_take(in, 1) << SPEC_INV_IEC_IIDX_SHIFT;
            break;
        default:
            lo |= fuzz_take(in, 1) << SPEC_INV_WAIT_DATA_SHIFT;
            hi = fuzz_take_page(in) + fuzz_take(in, 1) * 4;
            break;
        }
    }
    guest_write64(&u->mem, (base & SPEC_IQA_ADDR) + u->queue_tail, lo);
    guest_write64(&u->mem, (base & SPEC_IQA_ADDR) + u->queue_tail + 8, hi);
    u->queue_tail = (u->queue_tail + 16) % (uint32_t)bytes;
    if (shape & 0x80) {
        guest_set_reg64(&u->regs, SPEC_IQT, u->queue_tail);
        run_some(u, 2);
    }
}

/* --- The embedder -------------------------------------------------------- */

static void op_ram(FuzzUnit *u, FuzzInput *in)
{
    uint8_t *host = u->ram.host;
    ViommuRam halves[2] = {
        { .addr = FUZZ_RAM / 2, .size = FUZZ_RAM / 2,
          .host = host + FUZZ_RAM / 2 },
        { .addr = 0, .size = FUZZ_RAM / 2 - 4096, .host = host },
    };
    ViommuRam odd = {
        .addr = fuzz_take(in, 2), .size = 1 + fuzz_take(in, 2),
    };

    odd.host = host + odd.addr;
    if (u->section) {
        return;     /* it would wait for this thread */
    }
    switch (fuzz_take(in, 1) % 5) {
    case 0:
        viommu_set_ram(u->unit, NULL, 0);
        break;
    case 1:
        viommu_set_ram(u->unit, halves, 2);
        break;
    case 2:
        halves[0].readonly = true;
        viommu_set_ram(u->unit, halves, 2);
        break;
    case 3:
        viommu_set_ram(u->unit, &odd, 1);
        break;
    default:
        odd = (ViommuRam) { .addr = 0, .size = FUZZ_RAM, .host = host };
        viommu_set_ram(u->unit, &odd, 1);
        break;
    }
}

static void op_state(FuzzUnit *u, FuzzInput *in)
{
    GBytes *stream;
    gsize size;
    uint8_t *copy;

    if (u->section || fuzz_take(in, 1) % 8 != 7) {  /* a digest is slow */
        return;
    }
    stream = viommu_save(u->unit);
    copy = g_memdup2(g_bytes_get_data(stream, &size),
                     g_bytes_get_size(stream));
    if (fuzz_take(in, 1) & 1) {
        copy[fuzz_take(in, 2) % size] ^= (uint8_t)(1 | fuzz_take(in, 1));
        FUZZ_CHECK(!viommu_load(u->unit, copy, size, NULL));
        FUZZ_CHECK(!viommu_load(u->unit, copy, fuzz_take(in, 2) % size, NULL));
    } else {
        FUZZ_CHECK(viommu_load(u->unit, copy, size, NULL));
    }
    run_some(u, 2);
    g_free(copy);
    g_bytes_unref(stream);
}

static void op_look(FuzzUnit *u, FuzzInput *in)
{
    ViommuStats stats;
    uint32_t domain = 0;

    if (viommu_source_domain(u->unit, fuzz_take_source(in), &domain)) {
        FUZZ_CHECK(domain <= UINT16_MAX);
    }
    viommu_get_stats(u->unit, &stats);
    if (fuzz_take(in, 1) % 32 == 31) {  /* text is slow to make */
        GString *text = g_string_new(NULL);

        viommu_dump(u->unit, text);
        FUZZ_CHECK(text->len > 1000);
        g_string_free(text, TRUE);
    }
}

static void op_section(FuzzUnit *u, FuzzInput *in)
{
    if (u->section && fuzz_take(in, 1) & 1) {
        viommu_dma_end();
        u->section--;
        run_some(u, 2);
    } else if (u->section < 3) {
        viommu_dma_begin();
        u->section++;
    }
}

static void op_run(FuzzUnit *u, FuzzInput *in)
{
    if (fuzz_take(in, 1) & 1) {
        run_all(u);
    } else if (!u->section) {
        viommu_run(u->unit);
    }
}

typedef void Operation(FuzzUnit *u, FuzzInput *in);

/* The frequent ones stand several times. */
static Operation *const operations[] = {
    op_write, op_write, op_write, op_read, op_command, op_command,
    op_poke, op_entry, op_entry, op_tables, op_tables, op_tables, op_check,
    op_translate, op_translate, op_translate, op_msi, op_msi, op_irt,
    op_queue, op_descriptor, op_descriptor, op_descriptor, op_ram, op_state,
    op_look, op_section, op_run,
};

static Operation *const scalable_operations[] = {
    op_write, op_read, op_command, op_poke, op_entry, op_entry, op_tables,
    fuzz_op_scalable, fuzz_op_scalable, fuzz_op_scalable, fuzz_op_scalable,
    fuzz_op_pasid_translate, fuzz_op_pasid_translate,
    fuzz_op_pasid_translate, fuzz_op_pasid_translate, op_translate,
    fuzz_op_wide_queue, fuzz_op_wide_descriptor, fuzz_op_wide_descriptor,
    op_descriptor, op_ram, op_state, op_look, op_section, op_run,
    fuzz_op_page_queue, fuzz_op_page_request, fuzz_op_page_request,
    fuzz_op_page_request, fuzz_op_page_response, fuzz_op_virtual_command,
};

static void run_one(FuzzUnit *u, FuzzInput *in)
{
    uint64_t choice = fuzz_take(in, 1);

    if (u->config.scalable_mode) {
        scalable_operations[choice % G_N_ELEMENTS(scalable_operations)](u, in);
    } else {
        operations[choice % G_N_ELEMENTS(operations)](u, in);
    }
}

void fuzz_run(FuzzUnit *u, FuzzInput *in)
{
    ViommuRam ram = { .addr = 0, .size = FUZZ_RAM, .host = u->ram.host };

    viommu_reset(u->unit);
    u->run_wanted = false;
    u->queue_tail = 0;
    u->checks = 0;
    memset(u->ram.host, 0, FUZZ_RAM);
    FUZZ_CHECK(viommu_set_ram(u->unit, &ram, 1) == 0);
    for (unsigned i = 0; i < MAX_OPERATIONS && in->size; i++) {
        run_one(u, in);
    }
    while (u->section) {
        viommu_dma_end();
        u->section--;
    }
    run_all(u);
    fuzz_check_registers(u);
}
