/* SPDX-License-Identifier: BSD-3-Clause */
/* The DMAR table, byte by byte (specification, chapter 8). */
#include <string.h>

#include "hw/iommu/firmware/dmar.h"

#define DMAR_REVISION 1

#define DMAR_INTR_REMAP          (1u << 0)
#define DMAR_X2APIC_OPT_OUT      (1u << 1)
#define DMAR_DMA_CTRL_OPT_IN     (1u << 2)
#define DMAR_HEADER_RESERVED     10

/* 8.2: remapping structure types */
enum {
    DMAR_DRHD,
    DMAR_RMRR,
    DMAR_ATSR,
    DMAR_RHSA,
    DMAR_ANDD,
    DMAR_SATC,
    DMAR_SIDP,
};

/* Bit 0 of the structures' flags. */
#define DRHD_INCLUDE_PCI_ALL     (1u << 0)
#define ATSR_ALL_PORTS           (1u << 0)
#define SATC_ATC_REQUIRED        (1u << 0)

/* A structure's length is at this place in it, in two bytes. */
#define STRUCTURE_LENGTH 2

/* A device scope entry without its path. */
#define SCOPE_SIZE 6

/* Type and length; returns where the structure starts. */
static size_t begin(GByteArray *out, unsigned type)
{
    size_t start = out->len;

    acpi_put(out, type, 2);
    acpi_put(out, 0, 2);
    return start;
}

/* The length is known now. */
static bool end(GByteArray *out, size_t start, const char *name, size_t i,
                GError **error)
{
    size_t length = out->len - start;

    if (length > UINT16_MAX) {
        return acpi_fail(error, "%s %zu: %zu bytes long, at most %u fit its "
                         "length field", name, i, length, UINT16_MAX);
    }
    acpi_set(out, start + STRUCTURE_LENGTH, length, 2);
    return true;
}

/*
 * 8.3.1.  Of more entries than any structure can hold, only so many are written
 * that end() sees it.
 */
static void put_scopes(GByteArray *out, const ViommuDmarScope *scopes,
                       size_t n)
{
    for (size_t i = 0; i < MIN(n, UINT16_MAX / SCOPE_SIZE); i++) {
        const ViommuDmarScope *scope = &scopes[i];

        acpi_put(out, scope->type, 1);
        acpi_put(out, SCOPE_SIZE + 2 * scope->n_path, 1);
        acpi_put(out, scope->flags, 1);
        acpi_put(out, 0, 1);
        acpi_put(out, scope->enumeration_id, 1);
        acpi_put(out, scope->bus, 1);
        for (size_t k = 0; k < scope->n_path; k++) {
            acpi_put(out, scope->path[k] >> 3, 1);
            acpi_put(out, scope->path[k] & 7, 1);
        }
    }
}

static bool put_drhds(GByteArray *out, const ViommuDmar *dmar, GError **error)
{
    for (size_t i = 0; i < dmar->n_drhds; i++) {
        const ViommuDmarDrhd *drhd = &dmar->drhds[i];
        size_t start = begin(out, DMAR_DRHD);

        acpi_put(out, drhd->include_pci_all ? DRHD_INCLUDE_PCI_ALL : 0, 1);
        /* log2 of the pages */
        acpi_put(out, __builtin_ctzll(drhd->size / DMAR_PAGE), 1);
        acpi_put(out, drhd->segment, 2);
        acpi_put(out, drhd->base, 8);
        put_scopes(out, drhd->scopes, drhd->n_scopes);
        if (!end(out, start, "DRHD", i, error)) {
            return false;
        }
    }
    return true;
}

static bool put_rmrrs(GByteArray *out, const ViommuDmar *dmar, GError **error)
{
    for (size_t i = 0; i < dmar->n_rmrrs; i++) {
        const ViommuDmarRmrr *rmrr = &dmar->rmrrs[i];
        size_t start = begin(out, DMAR_RMRR);

        acpi_put(out, 0, 2);
        acpi_put(out, rmrr->segment, 2);
        acpi_put(out, rmrr->base, 8);
        acpi_put(out, rmrr->limit, 8);
        put_scopes(out, rmrr->scopes, rmrr->n_scopes);
        if (!end(out, start, "RMRR", i, error)) {
            return false;
        }
    }
    return true;
}

static bool put_atsrs(GByteArray *out, const ViommuDmar *dmar, GError **error)
{
    for (size_t i = 0; i < dmar->n_atsrs; i++) {
        const ViommuDmarAtsr *atsr = &dmar->atsrs[i];
        size_t start = begin(out, DMAR_ATSR);

        acpi_put(out, atsr->all_ports ? ATSR_ALL_PORTS : 0, 1);
        acpi_put(out, 0, 1);
        acpi_put(out, atsr->segment, 2);
        put_scopes(out, atsr->scopes, atsr->n_scopes);
        if (!end(out, start, "ATSR", i, error)) {
            return false;
        }
    }
    return true;
}

static bool put_rhsas(GByteArray *out, const ViommuDmar *dmar, GError **error)
{
    for (size_t i = 0; i < dmar->n_rhsas; i++) {
        size_t start = begin(out, DMAR_RHSA);

        acpi_put(out, 0, 4);
        acpi_put(out, dmar->rhsas[i].base, 8);
        acpi_put(out, dmar->rhsas[i].proximity_domain, 4);
        if (!end(out, start, "RHSA", i, error)) {
            return false;
        }
    }
    return true;
}

static bool put_andds(GByteArray *out, const ViommuDmar *dmar, GError **error)
{
    for (size_t i = 0; i < dmar->n_andds; i++) {
        const char *name = dmar->andds[i].name;
        size_t start = begin(out, DMAR_ANDD);

        acpi_put(out, 0, 3);
        acpi_put(out, dmar->andds[i].number, 1);
        /* with its zero byte; too long a one is cut where end() sees it */
        g_byte_array_append(out, (const uint8_t *)name,
                            MIN(strlen(name), UINT16_MAX) + 1);
        if (!end(out, start, "ANDD", i, error)) {
            return false;
        }
    }
    return true;
}

static bool put_satcs(GByteArray *out, const ViommuDmar *dmar, GError **error)
{
    for (size_t i = 0; i < dmar->n_satcs; i++) {
        const ViommuDmarSatc *satc = &dmar->satcs[i];
        size_t start = begin(out, DMAR_SATC);

        acpi_put(out, satc->atc_required ? SATC_ATC_REQUIRED : 0, 1);
        acpi_put(out, 0, 1);
        acpi_put(out, satc->segment, 2);
        put_scopes(out, satc->scopes, satc->n_scopes);
        if (!end(out, start, "SATC", i, error)) {
            return false;
        }
    }
    return true;
}

static bool put_sidps(GByteArray *out, const ViommuDmar *dmar, GError **error)
{
    for (size_t i = 0; i < dmar->n_sidps; i++) {
        const ViommuDmarSidp *sidp = &dmar->sidps[i];
        size_t start = begin(out, DMAR_SIDP);

        acpi_put(out, 0, 2);
        acpi_put(out, sidp->segment, 2);
        put_scopes(out, sidp->scopes, sidp->n_scopes);
        if (!end(out, start, "SIDP", i, error)) {
            return false;
        }
    }
    return true;
}

static void put_header(GByteArray *out, const ViommuDmar *dmar)
{
    static const uint8_t reserved[DMAR_HEADER_RESERVED];
    unsigned flags = (dmar->interrupt_remapping ? DMAR_INTR_REMAP : 0) |
                     (dmar->x2apic_opt_out ? DMAR_X2APIC_OPT_OUT : 0) |
                     (dmar->dma_control_opt_in ? DMAR_DMA_CTRL_OPT_IN : 0);

    acpi_begin(out, "DMAR", DMAR_REVISION, &dmar->header);
    acpi_put(out, dmar->address_bits - 1, 1);
    acpi_put(out, flags, 1);
    g_byte_array_append(out, reserved, sizeof(reserved));
}

GByteArray *viommu_dmar_build(const ViommuDmar *dmar, GError **error)
{
    GByteArray *out;

    if (!dmar_check(dmar, error)) {
        return NULL;
    }
    out = g_byte_array_new();
    put_header(out, dmar);
    /* 8.2: in the order of the types */
    if (!put_drhds(out, dmar, error) || !put_rmrrs(out, dmar, error) ||
        !put_atsrs(out, dmar, error) || !put_rhsas(out, dmar, error) ||
        !put_andds(out, dmar, error) || !put_satcs(out, dmar, error) ||
        !put_sidps(out, dmar, error)) {
        g_byte_array_unref(out);
        return NULL;
    }
    acpi_end(out);
    return out;
}
