/* SPDX-License-Identifier: BSD-3-Clause */
/* Page requests, their answers, and virtual commands. */
#include "vtd-fuzz.h"

/* Queue registers as software sets them, and as it should not. */
void fuzz_op_page_queue(FuzzUnit *u, FuzzInput *in)
{
    uint8_t shape = (uint8_t)fuzz_take(in, 1);

    if (shape & 0x10) {
        guest_set_reg64(&u->regs, SPEC_PQH, fuzz_take(in, 3));
        guest_set_reg64(&u->regs, SPEC_PQT, fuzz_take(in, 3));
    } else if (shape & 0x20) {
        /* taken out all that there is */
        guest_set_reg64(&u->regs, SPEC_PQH,
                        guest_reg64(&u->regs, SPEC_PQT));
    }
    if (shape & 0x40) {
        guest_set_reg64(&u->regs, SPEC_PQA, shape & 8 ? fuzz_take(in, 8)
                        : fuzz_take_page(in) | (shape & 7));
    }
    guest_set_reg32(&u->regs, SPEC_PRS, (uint32_t)fuzz_take(in, 1) & 3);
    if (shape & 0x80) {
        guest_set_reg32(&u->regs, SPEC_PECTL, (uint32_t)fuzz_take(in, 4));
    }
}

/* Each queued request takes exactly one slot, and a last one that is not
 * queued exactly one answer. */
void fuzz_op_page_request(FuzzUnit *u, FuzzInput *in)
{
    uint8_t shape = (uint8_t)fuzz_take(in, 1);
    ViommuPageRequest req = {
        .source = fuzz_take_source(in),
        .pasid = shape & 1 ? fuzz_take_pasid(in) : VIOMMU_NO_PASID,
        .access = shape >> 1 & 15,
        .last = (shape & 0x20) != 0,
        .group = (uint16_t)fuzz_take(in, 2) % VIOMMU_PAGE_GROUPS,
        .has_private_data = (shape & 0x40) != 0,
        .private_data = { shape, UINT64_MAX },
    };
    unsigned times = shape & 0x80 ? 200 : 1;    /* more than a page holds */

    req.addr = fuzz_take_address(in);
    for (unsigned i = 0; i < times; i++) {
        uint64_t tail = guest_reg64(&u->regs, SPEC_PQT);
        bool stop = req.last && !(req.access & (VIOMMU_READ | VIOMMU_WRITE));
        bool wants = !stop && (req.last || req.has_private_data), queued;

        u->asking = &req;
        u->answers = 0;
        viommu_page_request(u->unit, &req);
        u->asking = NULL;
        queued = guest_reg64(&u->regs, SPEC_PQT) != tail;
        FUZZ_CHECK(u->answers == (!queued && wants));
        FUZZ_CHECK(!queued ||
                   (guest_reg32(&u->regs, SPEC_PRS) & SPEC_PRS_PPR));
        FUZZ_CHECK(!queued || u->config.page_requests);
    }
}

void fuzz_check_response(FuzzUnit *u, const ViommuPageResponse *response)
{
    const ViommuPageRequest *req = u->asking;

    FUZZ_CHECK(response->group < VIOMMU_PAGE_GROUPS);
    FUZZ_CHECK(response->code < 16);
    FUZZ_CHECK(response->source <= UINT16_MAX);
    FUZZ_CHECK(response->pasid == VIOMMU_NO_PASID ||
               response->pasid < 1u << 20);
    if (!req) {
        return;     /* a descriptor's */
    }
    u->answers++;
    FUZZ_CHECK(response->source == req->source);
    FUZZ_CHECK(response->pasid == req->pasid);
    FUZZ_CHECK(response->group == req->group);
    FUZZ_CHECK(response->code == VIOMMU_PAGE_SUCCESS ||
               response->code == VIOMMU_PAGE_INVALID ||
               response->code == VIOMMU_PAGE_FAILURE);
    FUZZ_CHECK(response->has_private_data == req->has_private_data);
    FUZZ_CHECK(!req->has_private_data ||
               response->private_data[1] == req->private_data[1]);
}

/* Responses to whom it may concern, and waits that drain. */
void fuzz_op_page_response(FuzzUnit *u, FuzzInput *in)
{
    uint8_t shape = (uint8_t)fuzz_take(in, 1);
    uint64_t word[4] = { 0 };

    if (shape & 1) {
        word[0] = SPEC_INV_WAIT | SPEC_INV_WAIT_SW | SPEC_INV_WAIT_PD;
        word[1] = fuzz_take_page(in);
    } else {
        word[0] = SPEC_INV_PAGE_RESPONSE | (shape & 0x30) |
                  fuzz_take(in, 1) << SPEC_INV_PRESP_CODE_SHIFT |
                  (uint64_t)fuzz_take_source(in) << SPEC_INV_PRESP_SID_SHIFT |
                  (uint64_t)fuzz_take_pasid(in) << SPEC_INV_PRESP_PASID_SHIFT;
        word[1] = fuzz_take(in, 2) & ~UINT64_C(3);
        word[2] = shape & 0x40 ? fuzz_take(in, 8) : 0;
    }
    fuzz_push_wide(u, word, shape & 0x80);
}

/* What was given out can be given back, once. */
void fuzz_op_virtual_command(FuzzUnit *u, FuzzInput *in)
{
    uint8_t shape = (uint8_t)fuzz_take(in, 1);
    uint64_t response, pasid;

    if (shape & 1) {
        guest_set_reg64(&u->regs, SPEC_VCMD, fuzz_take(in, 5));
    } else {
        guest_set_reg64(&u->regs, SPEC_VCMD, SPEC_VCMD_ALLOCATE);
    }
    response = guest_reg64(&u->regs, SPEC_VCRSP);
    FUZZ_CHECK(!(response & ~(SPEC_VCRSP_SC | SPEC_VCRSP_PASID)));
    FUZZ_CHECK(!response || u->config.virtual_commands);
    pasid = (response & SPEC_VCRSP_PASID) >> SPEC_VCRSP_PASID_SHIFT;
    FUZZ_CHECK(!(pasid >> u->config.pasid_bits));
    if (pasid && (shape & 2)) {
        for (unsigned i = 0; i < 2; i++) {
            guest_set_reg64(&u->regs, SPEC_VCMD, SPEC_VCMD_FREE |
                                         pasid << SPEC_VCMD_PASID_SHIFT);
            response = guest_reg64(&u->regs, SPEC_VCRSP);
            FUZZ_CHECK(response == (i ? SPEC_VC_INVALID_PASID
                                            << SPEC_VCRSP_SC_SHIFT : 0));
        }
    }
}
