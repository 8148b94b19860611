/* SPDX-License-Identifier: BSD-3-Clause */
/* What must hold whatever the guest does. */
#include "vtd-fuzz.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool power_of_two(uint64_t n)
{
    return n && !(n & (n - 1));
}

void fuzz_check_reply(const ViommuRequest *req, ViommuStatus status,
                      const ViommuReply *reply)
{
    unsigned wanted = req->access & (VIOMMU_READ | VIOMMU_WRITE);

    FUZZ_CHECK(reply->size == 0 || power_of_two(reply->size));
    FUZZ_CHECK(reply->size == 0 || reply->size >= 4096);
    if (status != VIOMMU_OK) {
        FUZZ_CHECK(status == VIOMMU_FAULT);
        FUZZ_CHECK(reply->access == 0);
        FUZZ_CHECK(reply->reason <= SPEC_FR_OUT_INTERRUPT ||
                   (reply->reason >= 0x30 && reply->reason < 0x92));
        return;
    }
    FUZZ_CHECK(reply->reason == 0);
    FUZZ_CHECK(!(reply->access & ~(VIOMMU_READ | VIOMMU_WRITE |
                                   (req->access & VIOMMU_EXEC))));
    /* A probe sets no dirty bit, and so is not given a write to keep. */
    if (req->kind != VIOMMU_TRANSLATION && !req->probe) {
        FUZZ_CHECK(!(wanted & ~reply->access));
    }
    if (reply->access) {
        /* the offset within the range is kept; 2^64 is identity */
        FUZZ_CHECK(((reply->addr ^ req->addr) & (reply->size - 1)) == 0);
        FUZZ_CHECK(reply->addr < UINT64_C(1) << 52 ||
                   reply->addr == req->addr);
    }
    /* what only a completion of ATS has */
    FUZZ_CHECK(req->kind == VIOMMU_TRANSLATION ||
               (!reply->untranslated_only && !reply->privileged));
    FUZZ_CHECK(req->pasid != VIOMMU_NO_PASID ||
               (!reply->global && !reply->privileged));
    FUZZ_CHECK(req->pasid == VIOMMU_NO_PASID || !reply->untranslated_only);
    FUZZ_CHECK(!reply->untranslated_only || vtd_ref_is_interrupt(req->addr));
    if (reply->interrupt) {
        FUZZ_CHECK(vtd_ref_is_interrupt(req->addr));
        FUZZ_CHECK(reply->addr == req->addr);
    } else if (reply->access && !reply->untranslated_only) {
        /* a remapped request never becomes an interrupt */
        FUZZ_CHECK(!vtd_ref_is_interrupt(reply->addr));
    }
}

void fuzz_check_msi(const ViommuMsi *in, ViommuMsiResult result,
                    const ViommuMsi *out)
{
    FUZZ_CHECK(result == VIOMMU_MSI_DELIVER || result == VIOMMU_MSI_POSTED ||
               result == VIOMMU_MSI_BLOCKED);
    if (result == VIOMMU_MSI_DELIVER &&
        (out->addr != in->addr || out->data != in->data)) {
        /* 32-bit destinations have 24 bits above bit 40 */
        FUZZ_CHECK((out->addr & SPEC_BITS(39, 20)) == SPEC_MSI_BASE);
        FUZZ_CHECK(!(out->data & ~UINT32_C(0xffff)));
    }
}

void fuzz_check_invalidation(const ViommuInvalidation *inv)
{
    switch (inv->what) {
    case VIOMMU_INV_CONTEXT:
        FUZZ_CHECK(inv->source == VIOMMU_ANY || inv->source <= UINT16_MAX);
        FUZZ_CHECK(inv->source_mask <= 7);
        break;
    case VIOMMU_INV_IOTLB:
        FUZZ_CHECK(inv->domain == VIOMMU_ANY || inv->domain <= UINT16_MAX);
        FUZZ_CHECK(inv->size == 0 || power_of_two(inv->size));
        FUZZ_CHECK(!(inv->addr & (inv->size - 1)));
        break;
    case VIOMMU_INV_DEVTLB:
        FUZZ_CHECK(inv->source <= UINT16_MAX);
        FUZZ_CHECK(inv->size == 0 || inv->size >= 4096);
        FUZZ_CHECK(inv->size == 0 || power_of_two(inv->size));
        FUZZ_CHECK(!(inv->addr & (inv->size - 1)));
        break;
    case VIOMMU_INV_INTERRUPT:
        FUZZ_CHECK(inv->count <= 65536);
        break;
    case VIOMMU_INV_ALL:
        break;
    default:
        FUZZ_CHECK(!"an invalidation of this kind exists");
    }
}

void fuzz_check_registers(FuzzUnit *u)
{
    uint32_t fsts = guest_reg32(&u->regs, SPEC_FSTS);
    unsigned n = guest_frcd_count(&u->regs);
    uint64_t at = guest_frcd_offset(&u->regs, 0);
    bool pending = false;
    ViommuStats stats;

    FUZZ_CHECK(n == u->config.fault_records);
    if (n <= 8) {   /* to read hundreds each time would be slow */
        for (unsigned i = 0; i < n; i++) {
            FUZZ_CHECK(!(guest_reg64(&u->regs, at + i * 16) & 0xfff));
            pending |= guest_reg32(&u->regs, at + i * 16 + 12) >> 31;
        }
        FUZZ_CHECK(pending == ((fsts & SPEC_FSTS_PPF) != 0));
    }
    FUZZ_CHECK(!(fsts & ~(SPEC_BITS(6, 0) | SPEC_FSTS_FRI)));
    FUZZ_CHECK((fsts & SPEC_FSTS_FRI) >> SPEC_FSTS_FRI_SHIFT < n);
    /* read-only registers are as they were */
    FUZZ_CHECK(guest_reg64(&u->regs, SPEC_CAP) == u->cap);
    FUZZ_CHECK(guest_reg64(&u->regs, SPEC_ECAP) == u->ecap);
    FUZZ_CHECK(!(guest_reg32(&u->regs, SPEC_GSTS) & SPEC_BITS(22, 0)));
    FUZZ_CHECK(!(guest_reg32(&u->regs, SPEC_ICS) & ~SPEC_ICS_IWC));
    FUZZ_CHECK(!(guest_reg64(&u->regs, SPEC_IQH) & ~SPEC_IQ_OFFSET));
    FUZZ_CHECK(!(guest_reg64(&u->regs, SPEC_PQT) & ~SPEC_PQ_OFFSET));
    FUZZ_CHECK(!(guest_reg32(&u->regs, SPEC_PRS) &
                 ~(SPEC_PRS_PPR | SPEC_PRS_PRO)));
    viommu_get_stats(u->unit, &stats);
    FUZZ_CHECK(stats.page_responses >= stats.page_responses_automatic);
    FUZZ_CHECK(stats.page_requests >=
               stats.page_requests_lost + stats.page_responses_automatic);
    FUZZ_CHECK(stats.faults >= stats.faults_recorded);
}

static bool ref_read(void *opaque, uint64_t addr, void *buf, size_t size)
{
    FuzzUnit *u = opaque;

    if (addr >= FUZZ_RAM || FUZZ_RAM - addr < size) {
        return fuzz_device_read(addr, buf, size);
    }
    u->mem.read(u->mem.opaque, addr, buf, size);
    return true;
}

static void failed_compare(const VtdRefAnswer *ref, uint16_t source,
                           uint64_t addr, unsigned access,
                           ViommuStatus status, const ViommuReply *reply)
{
    fprintf(stderr, "source %04x address %#" PRIx64 " access %u\n"
            "expected: ok %d address %#" PRIx64 " access %u reasons %#"
            PRIx64 "\nanswered: status %d address %#" PRIx64 " access %u"
            " size %#" PRIx64 " reason %#x\n", source, addr, access, ref->ok,
            ref->addr, ref->access, ref->reasons[0], status, reply->addr,
            reply->access, reply->size, reply->reason);
    fuzz_failed("the answer is the reference's", __FILE__, __LINE__);
}

void fuzz_check_reference(FuzzUnit *u, uint64_t root, uint16_t source,
                          uint64_t addr, unsigned access)
{
    VtdRef ref = {
        .read = ref_read,
        .opaque = u,
        .cap = u->cap,
        .ecap = u->ecap,
        .rtaddr = root,
        .strict = u->config.strict,
        .haw_bits = u->config.haw_bits,
        .tm_allowed = u->config.device_iotlb && u->config.stale_tm,
    };
    ViommuRequest req = {
        .source = source, .pasid = VIOMMU_NO_PASID, .addr = addr,
        .access = (uint8_t)access, .probe = true,
    };
    VtdRefAnswer answer;
    ViommuReply reply;
    ViommuStatus status;

    guest_set_reg32(&u->regs, SPEC_PMEN, 0);
    guest_set_root(&u->regs, root);
    guest_command(&u->regs, SPEC_GCMD_TE, 0);
    guest_ccmd(&u->regs, SPEC_GRAN_GLOBAL, 0, 0, 0, NULL);
    guest_iotlb(&u->regs, SPEC_GRAN_GLOBAL, 0, 0, 0, false, NULL);
    ref.gsts = guest_reg32(&u->regs, SPEC_GSTS);

    vtd_ref_translate(&ref, source, addr, access, &answer);
    /* fresh, then from the caches that it has filled */
    for (unsigned i = 0; i < 3; i++) {
        memset(&reply, 0xa5, sizeof(reply));
        req.probe = i != 1;
        viommu_dma_begin();
        status = viommu_translate(u->unit, &req, &reply);
        viommu_dma_end();
        fuzz_check_reply(&req, status, &reply);
        if (answer.interrupt) {
            continue;
        }
        if (answer.ok != (status == VIOMMU_OK) ||
            (answer.ok && (reply.addr != answer.addr ||
                           (reply.access & ~answer.access))) ||
            (!answer.ok && !vtd_ref_allows(&answer, reply.reason))) {
            failed_compare(&answer, source, addr, access, status, &reply);
        }
    }
}
