/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reset, save and load.
 *
 * The stream, all numbers little-endian:
 *   "VIOMVTD" and a zero byte
 *   u32 version, u32 number of registers
 *   u64 CAP, u64 ECAP, u64 aw-bits | haw-bits << 8: must be those of the loader
 *   u64 each register's value, in the order of the register file
 *   u64 latched RTADDR, u64 latched IRTA, u64 next fault record
 *   with virtual commands, a bit for each PASID: it is given out
 *   32 bytes SHA-256 of all that comes before
 * Its length follows from the number of registers.  Caches are not in it.
 */
#include <string.h>

#include "hw/iommu/vtd/unit.h"

#define STREAM_VERSION 1

static const char magic[8] = "VIOMVTD";

typedef struct Header {
    char magic[8];
    uint32_t version;
    uint32_t registers;
    uint64_t cap;
    uint64_t ecap;
    uint64_t widths;
} Header;

_Static_assert(sizeof(Header) == 40, "no padding in the stream's header");

enum { TAIL_ROOT, TAIL_IRTA, TAIL_NEXT_FRCD, TAIL_WORDS };
enum { DIGEST_SIZE = 32 };

void vtd_reset(Viommu *unit)
{
    VtdUnit *u = vtd_unit(unit);

    viommu_unit_lock(unit);
    viommu_regs_reset(&u->regs);
    u->next_frcd = 0;
    vtd_pasids_reset(u);
    u->queue_life++;
    u->work = 0;
    u->ccmd_undrained = 0;
    u->iotlb_undrained = 0;
    vtd_store(&u->timed_out, 0);
    vtd_store(&u->root, 0);
    vtd_store(&u->irta, 0);
    vtd_registers_publish(u);
    viommu_unit_unlock(unit);

    vtd_invalidate_all(u);
    if (!viommu_read_held()) {
        viommu_read_drain();
    }
}

static uint64_t widths(const VtdUnit *u)
{
    return u->cfg.aw_bits | (uint64_t)u->cfg.haw_bits << 8;
}

static void digest(const void *data, size_t size, uint8_t out[DIGEST_SIZE])
{
    GChecksum *sum = g_checksum_new(G_CHECKSUM_SHA256);
    gsize n = DIGEST_SIZE;

    g_checksum_update(sum, data, size);
    g_checksum_get_digest(sum, out, &n);
    g_checksum_free(sum);
}

static size_t stream_words(const VtdUnit *u)
{
    return u->regs.n + TAIL_WORDS + vtd_pasid_words(&u->cfg);
}

static size_t stream_size(const VtdUnit *u)
{
    return sizeof(Header) + stream_words(u) * sizeof(uint64_t) + DIGEST_SIZE;
}

GBytes *vtd_save(Viommu *unit)
{
    VtdUnit *u = vtd_unit(unit);
    size_t size = stream_size(u);
    uint8_t *stream = g_malloc0(size);
    Header head = {
        .version = GUINT32_TO_LE(STREAM_VERSION),
        .registers = GUINT32_TO_LE((uint32_t)u->regs.n),
        .cap = GUINT64_TO_LE(u->regs.table[VTD_REG_CAP].reset),
        .ecap = GUINT64_TO_LE(u->regs.table[VTD_REG_ECAP].reset),
        .widths = GUINT64_TO_LE(widths(u)),
    };
    uint64_t *word = (uint64_t *)(stream + sizeof(head));

    memcpy(head.magic, magic, sizeof(magic));
    memcpy(stream, &head, sizeof(head));
    viommu_unit_lock(unit);
    for (size_t i = 0; i < u->regs.n; i++) {
        *word++ = GUINT64_TO_LE(u->regs.values[i]);
    }
    word[TAIL_ROOT] = GUINT64_TO_LE(u->root);
    word[TAIL_IRTA] = GUINT64_TO_LE(u->irta);
    word[TAIL_NEXT_FRCD] = GUINT64_TO_LE((uint64_t)u->next_frcd);
    for (size_t i = 0; i < vtd_pasid_words(&u->cfg); i++) {
        word[TAIL_WORDS + i] = GUINT64_TO_LE(u->pasids[i]);
    }
    viommu_unit_unlock(unit);
    digest(stream, size - DIGEST_SIZE, stream + size - DIGEST_SIZE);
    return g_bytes_new_take(stream, size);
}

static bool refuse(GError **error, const char *why)
{
    g_set_error(error, VIOMMU_ERROR, VIOMMU_ERROR_STREAM,
                "VT-d state: %s", why);
    return false;
}

static bool header_ok(const VtdUnit *u, const uint8_t *stream, size_t size,
                      GError **error)
{
    Header head;

    if (size < sizeof(head)) {
        return refuse(error, "shorter than its header");
    }
    memcpy(&head, stream, sizeof(head));
    if (memcmp(head.magic, magic, sizeof(magic))) {
        return refuse(error, "not the state of a VT-d unit");
    }
    if (GUINT32_FROM_LE(head.version) != STREAM_VERSION) {
        g_set_error(error, VIOMMU_ERROR, VIOMMU_ERROR_STREAM,
                    "VT-d state: version %u, allowed is %u",
                    GUINT32_FROM_LE(head.version), STREAM_VERSION);
        return false;
    }
    if (GUINT32_FROM_LE(head.registers) != u->regs.n ||
        GUINT64_FROM_LE(head.cap) != u->regs.table[VTD_REG_CAP].reset ||
        GUINT64_FROM_LE(head.ecap) != u->regs.table[VTD_REG_ECAP].reset ||
        GUINT64_FROM_LE(head.widths) != widths(u)) {
        return refuse(error, "saved with other options");
    }
    if (size != stream_size(u)) {
        return refuse(error, "of the wrong length");
    }
    return true;
}

bool vtd_load_state(Viommu *unit, const void *data, size_t size,
                    GError **error)
{
    VtdUnit *u = vtd_unit(unit);
    const uint8_t *stream = data;
    uint8_t sum[DIGEST_SIZE];
    g_autofree uint64_t *word = NULL;
    uint64_t *tail;

    if (!header_ok(u, stream, size, error)) {
        return false;
    }
    digest(stream, size - DIGEST_SIZE, sum);
    if (memcmp(sum, stream + size - DIGEST_SIZE, DIGEST_SIZE)) {
        return refuse(error, "damaged");
    }
    word = g_memdup2(stream + sizeof(Header),
                     stream_words(u) * sizeof(*word));
    for (size_t i = 0; i < stream_words(u); i++) {
        word[i] = GUINT64_FROM_LE(word[i]);
    }
    tail = word + u->regs.n;
    if (tail[TAIL_NEXT_FRCD] >= u->cfg.fault_records) {
        return refuse(error, "its next fault record does not exist");
    }

    viommu_unit_lock(unit);
    memcpy(u->regs.values, word, u->regs.n * sizeof(*word));
    u->next_frcd = tail[TAIL_NEXT_FRCD];
    vtd_pasids_reset(u);        /* for those that nobody gets */
    for (size_t i = 0; i < vtd_pasid_words(&u->cfg); i++) {
        u->pasids[i] |= tail[TAIL_WORDS + i];
    }
    vtd_store(&u->root, tail[TAIL_ROOT]);
    vtd_store(&u->irta, tail[TAIL_IRTA]);
    u->queue_life++;
    vtd_store(&u->timed_out, 0);
    /* Commands that were under way are still in the registers. */
    u->work = VTD_WORK_QUEUE;
    if (*vtd_reg(u, VTD_REG_CCMD) & VTD_CCMD_ICC) {
        u->work |= VTD_WORK_CCMD;
    }
    if (*vtd_reg(u, VTD_REG_IOTLB) & VTD_IOTLB_IVT) {
        u->work |= VTD_WORK_IOTLB;
    }
    vtd_registers_publish(u);
    viommu_unit_unlock(unit);

    vtd_invalidate_all(u);
    viommu_unit_run_later(unit);
    return true;
}
