/* SPDX-License-Identifier: BSD-3-Clause */
/* Scalable mode: tables of both stages, wide descriptors, PASIDs. */
#include "vtd-fuzz.h"

uint32_t fuzz_take_pasid(FuzzInput *in)
{
    static const uint32_t pasids[] = { 0, 1, 2, 63, 64, 8191, 8192, 0xfffff };

    return pasids[fuzz_take(in, 1) % G_N_ELEMENTS(pasids)];
}

/* A path of @levels tables from @table to a page for @addr. */
static void path(FuzzUnit *u, FuzzInput *in, uint64_t table, unsigned levels,
                 uint64_t addr, uint64_t bits)
{
    uint8_t shape = (uint8_t)fuzz_take(in, 1);
    unsigned leaf = 1 + shape % 3;

    if (shape & 4) {
        bits ^= UINT64_C(1) << (shape >> 3);
    }
    for (unsigned level = levels; level >= leaf; level--) {
        uint64_t at = table + ((addr >> (12 + 9 * (level - 1))) & 511) * 8;

        if (level > leaf) {
            table = fuzz_take_page(in);
            guest_write64(&u->mem, at, table | bits);
        } else {
            guest_write64(&u->mem, at,
                          fuzz_take(in, 1) << (12 + 9 * (level - 1)) | bits |
                              (level > 1 ? SPEC_FS_PS : 0));
        }
    }
}

/* All of the entries from the root to both stages' tables, mostly valid. */
void fuzz_op_scalable(FuzzUnit *u, FuzzInput *in)
{
    uint64_t root = fuzz_take_page(in), context = fuzz_take_page(in);
    uint64_t dir = fuzz_take_page(in), table = fuzz_take_page(in);
    uint64_t fs = fuzz_take_page(in), ss = fuzz_take_page(in);
    uint16_t source = fuzz_take_source(in);
    uint32_t pasid = fuzz_take_pasid(in);
    uint64_t at, flags0 = fuzz_take(in, 2), flags2 = fuzz_take(in, 1);
    uint64_t flags1 = fuzz_take(in, 4);

    guest_write64(&u->mem, root + (source >> 8) * 16 +
                  (source & 0x80 ? 8 : 0), context | SPEC_ROOT_P);
    at = context + (source & 0x7f) * SPEC_SM_CTX_SIZE;
    guest_write64(&u->mem, at, dir | SPEC_SM_CTX_P | (flags1 >> 16 & 0x1e));
    guest_write64(&u->mem, at + 8,
                  (flags1 >> 24 & 1 ? SPEC_SM_CTX1_RID_PRIV : 0) |
                      (flags1 >> 25 & 1 ? pasid : 0));
    at = dir + pasid / SPEC_PASIDS_PER_TABLE * 8;
    if (at < FUZZ_RAM) {
        guest_write64(&u->mem, at, table | SPEC_PASID_P);
    }
    at = table + pasid % SPEC_PASIDS_PER_TABLE * SPEC_PASID_SIZE;
    guest_write64(&u->mem, at, ss | SPEC_PASID_P | (flags0 & 0x3fe));
    guest_write64(&u->mem, at + 8, flags1 & 0xff);
    guest_write64(&u->mem, at + 16, fs | flags2);

    path(u, in, fs, 4 + (flags2 >> SPEC_PASID2_FSPM_SHIFT & 1),
         fuzz_take_address(in), SPEC_FS_P | SPEC_FS_RW | SPEC_FS_US);
    path(u, in, ss, 2 + (flags0 >> SPEC_PASID_AW_SHIFT & 3),
         fuzz_take_address(in), SPEC_SS_R | SPEC_SS_W);
    if (flags0 & 0x4000) {
        guest_set_root(&u->regs, root | (uint64_t)SPEC_TTM_SCALABLE
                                            << SPEC_RTADDR_TTM_SHIFT);
    }
    if (flags0 & 0x8000) {
        guest_command(&u->regs, SPEC_GCMD_TE, 0);
    }
}

void fuzz_op_wide_queue(FuzzUnit *u, FuzzInput *in)
{
    uint64_t page = fuzz_take_page(in);

    guest_set_reg64(&u->regs, SPEC_IQT, 0);
    guest_set_reg64(&u->regs, SPEC_IQA, page | SPEC_IQA_DW |
                                            (fuzz_take(in, 1) & 7));
    guest_command(&u->regs, 0, SPEC_GCMD_QIE);
    guest_command(&u->regs, SPEC_GCMD_QIE, 0);
    u->queue_tail = 0;
}

void fuzz_push_wide(FuzzUnit *u, const uint64_t word[4], bool ring)
{
    uint64_t base = guest_reg64(&u->regs, SPEC_IQA);
    uint64_t bytes = UINT64_C(4096) << (base & SPEC_IQA_QS);
    uint64_t at = (base & SPEC_IQA_ADDR) + (u->queue_tail & ~31u);

    for (unsigned i = 0; i < 4; i++) {
        guest_write64(&u->mem, at + 8 * i, word[i]);
    }
    u->queue_tail = ((u->queue_tail & ~31u) + 32) % (uint32_t)bytes;
    if (ring) {
        guest_set_reg64(&u->regs, SPEC_IQT, u->queue_tail);
    }
}

/* PASID-based descriptors into a wide queue. */
void fuzz_op_wide_descriptor(FuzzUnit *u, FuzzInput *in)
{
    uint8_t shape = (uint8_t)fuzz_take(in, 1);
    uint64_t word[4] = { SPEC_INV_PASID_IOTLB + shape % 4 };

    word[0] |= (shape >> 2 & 3) << 4 |
               fuzz_take(in, 1) << SPEC_INV_DID_SHIFT |
               (uint64_t)fuzz_take_pasid(in) << SPEC_INV_PASID_SHIFT;
    word[1] = (fuzz_take_address(in) & ~UINT64_C(0xfff)) |
              (fuzz_take(in, 1) & 0x7f);
    word[2] = shape & 0x10 ? fuzz_take(in, 1) : 0;
    fuzz_push_wide(u, word, shape & 0x20);
}

/* A DMA with a PASID, or one of the few addresses that the paths know. */
void fuzz_op_pasid_translate(FuzzUnit *u, FuzzInput *in)
{
    uint8_t shape = (uint8_t)fuzz_take(in, 1);
    ViommuRequest req = {
        .source = fuzz_take_source(in),
        .pasid = shape & 0x80 ? fuzz_take_pasid(in) : VIOMMU_NO_PASID,
        .access = (uint8_t)(1 + shape % 15),
        .kind = (uint8_t)((shape >> 4) % 3),
        .probe = (shape & 0x40) != 0,
    };
    ViommuReply reply;
    ViommuStatus status;

    req.addr = fuzz_take_address(in);
    viommu_dma_begin();
    status = viommu_translate(u->unit, &req, &reply);
    viommu_dma_end();
    fuzz_check_reply(&req, status, &reply);
}
