/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The IORT (Arm DEN 0049E): which requests go through which SMMU, which IDs
 * interrupts have behind it, and what memory its driver has to leave in place.
 */
#include "hw/iommu/firmware/acpi.h"

#define IORT_REVISION       3
/* E.d, for reserved ranges */
#define IORT_REVISION_RMR   5
/* E.e, for units with messages of their own */
#define IORT_REVISION_MSI   6
#define IORT_HEADER_SIZE    48
#define ID_MAPPING_SIZE     20
#define SMMU_WINDOW_ALIGN   0x10000u
#define RESERVED_ALIGN      0x10000u
#define STREAMS_MAX         0x10000u

/* 3.1: node types, their revisions here, and their sizes without mappings */
enum { NODE_ITS = 0, NODE_ROOT = 2, NODE_SMMUV3 = 4, NODE_RMR = 6 };
enum { REVISION_ITS = 1, REVISION_ROOT = 4, REVISION_SMMUV3 = 4,
       REVISION_SMMUV3_MSI = 5, REVISION_RMR = 3 };
enum { SIZE_ITS = 24, SIZE_ROOT = 40, SIZE_SMMUV3 = 68, SIZE_RMR = 28 };

#define SMMUV3_COHACC       1u
#define SMMUV3_HTTU_SHIFT   1
#define SMMUV3_DEVICE_ID    (1u << 4)
#define MAPPING_SINGLE      1u
#define ROOT_COHERENT       1u
/* memory access flags: CPM and DACS */
#define ROOT_MEMORY_FLAGS   3u
#define ROOT_ATS            (1u << 0)
#define ROOT_PRI            (1u << 1)
#define ROOT_PASID          (1u << 2)
#define ROOT_ADDRESS_BITS   64
/* may be remapped; the other bits are those of Device-nGnRnE memory */
#define RMR_REMAPPABLE      1u
#define RMR_DESCRIPTOR_SIZE 20

static bool check_smmu(const ViommuIort *iort, size_t i, GError **error)
{
    const ViommuIortSmmu *smmu = &iort->smmus[i];

    if (smmu->base & (SMMU_WINDOW_ALIGN - 1)) {
        return acpi_fail(error, "SMMUv3 %zu: base 0x%" G_GINT64_MODIFIER
                         "x: must be a multiple of 0x%x", i, smmu->base,
                         SMMU_WINDOW_ALIGN);
    }
    if (smmu->httu > 2) {
        return acpi_fail(error, "SMMUv3 %zu: httu %u: allowed are 0 to 2", i,
                         smmu->httu);
    }
    if (smmu->streams < 1 || smmu->streams > STREAMS_MAX) {
        return acpi_fail(error, "SMMUv3 %zu: %u streams: allowed are 1 to %u",
                         i, smmu->streams, STREAMS_MAX);
    }
    if (smmu->msi && !iort->its) {
        return acpi_fail(error, "SMMUv3 %zu: messages of its own need an ITS",
                         i);
    }
    return true;
}

static bool check_mapping(const ViommuIort *iort, size_t root, size_t i,
                          GError **error)
{
    const ViommuIortMapping *m = &iort->roots[root].mappings[i];
    bool to_its = m->to == VIOMMU_IORT_ITS;

    if (m->count < 1 || m->count - 1 > UINT32_MAX - m->input_base ||
        m->count - 1 > UINT32_MAX - m->output_base) {
        return acpi_fail(error, "root complex %zu, mapping %zu: %u IDs from "
                         "0x%x to 0x%x: at least one, and none beyond 32 "
                         "bits", root, i, m->count, m->input_base,
                         m->output_base);
    }
    if (to_its ? !iort->its : m->to >= iort->n_smmus) {
        return acpi_fail(error, "root complex %zu, mapping %zu: there is no "
                         "such unit", root, i);
    }
    for (size_t k = 0; k < i; k++) {
        const ViommuIortMapping *other = &iort->roots[root].mappings[k];

        if (m->input_base <= other->input_base + (other->count - 1) &&
            other->input_base <= m->input_base + (m->count - 1)) {
            return acpi_fail(error, "root complex %zu: mappings %zu and %zu "
                             "overlap", root, k, i);
        }
    }
    return true;
}

static bool check_root(const ViommuIort *iort, size_t i, GError **error)
{
    const ViommuIortRoot *root = &iort->roots[i];

    if (root->n_mappings > (UINT16_MAX - SIZE_ROOT) / ID_MAPPING_SIZE) {
        return acpi_fail(error, "root complex %zu: %zu mappings do not fit",
                         i, root->n_mappings);
    }
    if (root->pasid ? root->pasid_bits < 1 || root->pasid_bits > 20
                    : root->pasid_bits) {
        return acpi_fail(error, "root complex %zu: PASIDs of %u bits: "
                         "allowed are 1 to 20 with pasid, else 0", i,
                         root->pasid_bits);
    }
    for (size_t k = 0; k < root->n_mappings; k++) {
        if (!check_mapping(iort, i, k, error)) {
            return false;
        }
    }
    return true;
}

static bool check_reserved(const ViommuIort *iort, size_t i, GError **error)
{
    const ViommuIortReserved *r = &iort->reserved[i];

    if (!r->size || ((r->base | r->size) & (RESERVED_ALIGN - 1)) ||
        r->size - 1 > UINT64_MAX - r->base) {
        return acpi_fail(error, "reserved range %zu: 0x%" G_GINT64_MODIFIER
                         "x bytes at 0x%" G_GINT64_MODIFIER "x: at least "
                         "one, and both multiples of 0x%x", i, r->size,
                         r->base, RESERVED_ALIGN);
    }
    if (r->n_streams < 1 || r->n_streams > (UINT16_MAX - SIZE_RMR -
                                            RMR_DESCRIPTOR_SIZE) /
                                           ID_MAPPING_SIZE) {
        return acpi_fail(error, "reserved range %zu: %zu ranges of streams: "
                         "at least one, and as many as fit", i,
                         r->n_streams);
    }
    for (size_t k = 0; k < r->n_streams; k++) {
        const ViommuIortStreams *s = &r->streams[k];

        if (s->smmu >= iort->n_smmus || s->count < 1 ||
            s->count > STREAMS_MAX || s->first > STREAMS_MAX - s->count) {
            return acpi_fail(error, "reserved range %zu: %u streams from 0x%x "
                             "of SMMUv3 %u: at least one below 0x%x, of a "
                             "unit that is there", i, s->count, s->first,
                             s->smmu, STREAMS_MAX);
        }
    }
    return true;
}

static bool check(const ViommuIort *iort, GError **error)
{
    if (!acpi_check_header(&iort->header, error)) {
        return false;
    }
    for (size_t i = 0; i < iort->n_smmus; i++) {
        if (!check_smmu(iort, i, error)) {
            return false;
        }
    }
    for (size_t i = 0; i < iort->n_roots; i++) {
        if (!check_root(iort, i, error)) {
            return false;
        }
    }
    for (size_t i = 0; i < iort->n_reserved; i++) {
        if (!check_reserved(iort, i, error)) {
            return false;
        }
    }
    return true;
}

/* StreamIDs to the ITS, and the unit's own DeviceID. */
static unsigned smmu_mappings(const ViommuIort *iort, size_t i)
{
    return iort->its + iort->smmus[i].msi;
}

/* Where the nodes stand: the ITS group first, if there is one. */
static uint32_t smmu_offset(const ViommuIort *iort, size_t i)
{
    uint32_t at = IORT_HEADER_SIZE + (iort->its ? SIZE_ITS : 0);

    for (size_t k = 0; k < i; k++) {
        at += SIZE_SMMUV3 + smmu_mappings(iort, k) * ID_MAPPING_SIZE;
    }
    return at;
}

/* As old as it can be for what it says. */
static unsigned table_revision(const ViommuIort *iort)
{
    for (size_t i = 0; i < iort->n_smmus; i++) {
        if (iort->smmus[i].msi) {
            return IORT_REVISION_MSI;
        }
    }
    return iort->n_reserved ? IORT_REVISION_RMR : IORT_REVISION;
}

/* @more bytes stand behind the mappings. */
static void put_node(GByteArray *out, unsigned type, unsigned revision,
                     unsigned size, size_t mappings, size_t more,
                     uint32_t *id)
{
    acpi_put(out, type, 1);
    acpi_put(out, size + mappings * ID_MAPPING_SIZE + more, 2);
    acpi_put(out, revision, 1);
    acpi_put(out, (*id)++, 4);
    acpi_put(out, mappings, 4);
    acpi_put(out, mappings ? size : 0, 4);
}

static void put_mapping(GByteArray *out, uint32_t input, uint32_t count,
                        uint32_t output, uint32_t to, uint32_t flags)
{
    acpi_put(out, input, 4);
    acpi_put(out, count - 1, 4);
    acpi_put(out, output, 4);
    acpi_put(out, to, 4);
    acpi_put(out, flags, 4);
}

static void put_its(GByteArray *out, const ViommuIort *iort, uint32_t *id)
{
    put_node(out, NODE_ITS, REVISION_ITS, SIZE_ITS, 0, 0, id);
    acpi_put(out, 1, 4);
    acpi_put(out, iort->its_id, 4);
}

static void put_smmu(GByteArray *out, const ViommuIort *iort, size_t i,
                     uint32_t *id)
{
    const ViommuIortSmmu *smmu = &iort->smmus[i];

    put_node(out, NODE_SMMUV3,
             smmu->msi ? REVISION_SMMUV3_MSI : REVISION_SMMUV3, SIZE_SMMUV3,
             smmu_mappings(iort, i), 0, id);
    acpi_put(out, smmu->base, 8);
    acpi_put(out, (smmu->coherent ? SMMUV3_COHACC : 0) |
                  smmu->httu << SMMUV3_HTTU_SHIFT |
                  (smmu->msi ? SMMUV3_DEVICE_ID : 0), 4);
    acpi_put(out, 0, 4);
    acpi_put(out, 0, 8);            /* no VATOS */
    acpi_put(out, 0, 4);            /* the architecture's own model */
    acpi_put(out, smmu->event_gsiv, 4);
    acpi_put(out, smmu->pri_gsiv, 4);
    acpi_put(out, smmu->gerror_gsiv, 4);
    acpi_put(out, smmu->sync_gsiv, 4);
    acpi_put(out, 0, 4);            /* proximity domain, not valid */
    /* which of the mappings has its DeviceID; without, 0 says nothing */
    acpi_put(out, smmu->msi, 4);
    if (iort->its) {
        put_mapping(out, 0, smmu->streams, 0, IORT_HEADER_SIZE, 0);
    }
    if (smmu->msi) {
        put_mapping(out, 0, 1, smmu->device_id, IORT_HEADER_SIZE,
                    MAPPING_SINGLE);
    }
}

static void put_root(GByteArray *out, const ViommuIort *iort, size_t i,
                     uint32_t *id)
{
    const ViommuIortRoot *root = &iort->roots[i];

    put_node(out, NODE_ROOT, REVISION_ROOT, SIZE_ROOT, root->n_mappings, 0,
             id);
    acpi_put(out, ROOT_COHERENT, 4);
    acpi_put(out, 0, 3);            /* allocation hints, reserved */
    acpi_put(out, ROOT_MEMORY_FLAGS, 1);
    acpi_put(out, (root->ats ? ROOT_ATS : 0) | (root->pri ? ROOT_PRI : 0) |
                  (root->pasid ? ROOT_PASID : 0), 4);
    acpi_put(out, root->segment, 4);
    acpi_put(out, ROOT_ADDRESS_BITS, 1);
    acpi_put(out, root->pasid_bits, 2);
    acpi_put(out, 0, 1);
    acpi_put(out, 0, 4);            /* flags */
    for (size_t k = 0; k < root->n_mappings; k++) {
        const ViommuIortMapping *m = &root->mappings[k];

        put_mapping(out, m->input_base, m->count, m->output_base,
                    m->to == VIOMMU_IORT_ITS ? IORT_HEADER_SIZE
                                             : smmu_offset(iort, m->to), 0);
    }
}

static void put_reserved(GByteArray *out, const ViommuIort *iort, size_t i,
                         uint32_t *id)
{
    const ViommuIortReserved *r = &iort->reserved[i];

    put_node(out, NODE_RMR, REVISION_RMR, SIZE_RMR, r->n_streams,
             RMR_DESCRIPTOR_SIZE, id);
    acpi_put(out, RMR_REMAPPABLE, 4);
    acpi_put(out, 1, 4);            /* descriptors, and where they are */
    acpi_put(out, SIZE_RMR + r->n_streams * ID_MAPPING_SIZE, 4);
    for (size_t k = 0; k < r->n_streams; k++) {
        const ViommuIortStreams *s = &r->streams[k];

        put_mapping(out, s->first, s->count, s->first,
                    smmu_offset(iort, s->smmu), 0);
    }
    acpi_put(out, r->base, 8);
    acpi_put(out, r->size, 8);
    acpi_put(out, 0, 4);
}

GByteArray *viommu_iort_build(const ViommuIort *iort, GError **error)
{
    GByteArray *out;
    uint32_t id = 0;

    if (!check(iort, error)) {
        return NULL;
    }
    out = g_byte_array_new();
    acpi_begin(out, "IORT", table_revision(iort), &iort->header);
    acpi_put(out, iort->its + iort->n_smmus + iort->n_roots +
                  iort->n_reserved, 4);
    acpi_put(out, IORT_HEADER_SIZE, 4);
    acpi_put(out, 0, 4);
    if (iort->its) {
        put_its(out, iort, &id);
    }
    for (size_t i = 0; i < iort->n_smmus; i++) {
        put_smmu(out, iort, i, &id);
    }
    for (size_t i = 0; i < iort->n_roots; i++) {
        put_root(out, iort, i, &id);
    }
    for (size_t i = 0; i < iort->n_reserved; i++) {
        put_reserved(out, iort, i, &id);
    }
    acpi_end(out);
    return out;
}
