/* SPDX-License-Identifier: BSD-3-Clause */
/* What is wrong with a description of a DMAR table. */
#include <string.h>

#include "hw/iommu/firmware/dmar.h"

#define DRHD_SIZE_BITS_MAX 15

#define ADDRESS_BITS_MIN   32
#define ADDRESS_BITS_MAX   64

/* A set of scope types. */
#define TYPE(t)     (1u << VIOMMU_SCOPE_##t)
#define TYPES_PCI   (TYPE(ENDPOINT) | TYPE(BRIDGE))
#define TYPES_OTHER (TYPE(IOAPIC) | TYPE(HPET) | TYPE(NAMESPACE))

#define SIDP_FLAGS  (VIOMMU_SIDP_NO_NESTED | VIOMMU_SIDP_NO_PWSNP | \
                     VIOMMU_SIDP_NO_PGSNP | VIOMMU_SIDP_ATC_HARDENED | \
                     VIOMMU_SIDP_ATC_REQUIRED)

/* The scopes of one structure, and what they may be. */
typedef struct Scopes {
    const char *name;       /* of the structure */
    size_t index;
    unsigned types;
    const char *allowed;    /* those types, for messages */
    unsigned flags;
    const ViommuDmarScope *scopes;
    size_t n;
} Scopes;

static bool check_header(const ViommuDmar *dmar, GError **error)
{
    if (!acpi_check_header(&dmar->header, error)) {
        return false;
    }
    if (dmar->address_bits < ADDRESS_BITS_MIN ||
        dmar->address_bits > ADDRESS_BITS_MAX) {
        return acpi_fail(error, "host address width %u: allowed are %u to %u",
                         dmar->address_bits, ADDRESS_BITS_MIN,
                         ADDRESS_BITS_MAX);
    }
    if (dmar->x2apic_opt_out && !dmar->interrupt_remapping) {
        return acpi_fail(error, "x2APIC opt-out: allowed with interrupt "
                         "remapping only");
    }
    return true;
}

static const ViommuDmarAndd *find_andd(const ViommuDmar *dmar,
                                       unsigned number)
{
    for (size_t i = 0; i < dmar->n_andds; i++) {
        if (dmar->andds[i].number == number) {
            return &dmar->andds[i];
        }
    }
    return NULL;
}

static const char *check_scope(const ViommuDmar *dmar, const Scopes *set,
                               const ViommuDmarScope *scope)
{
    if (scope->type > 31 || !(set->types >> scope->type & 1)) {
        return set->allowed;
    }
    if (scope->n_path < 1 || scope->n_path > VIOMMU_DMAR_PATH_MAX) {
        return "its path must have 1 to "
               G_STRINGIFY(VIOMMU_DMAR_PATH_MAX) " steps";
    }
    if (scope->flags & ~set->flags) {
        return set->flags ? "reserved flags are set"
                          : "flags are for SIDP structures only";
    }
    if ((TYPES_PCI >> scope->type & 1) && scope->enumeration_id) {
        return "a PCI device has no enumeration ID, it must be 0";
    }
    if (scope->type == VIOMMU_SCOPE_NAMESPACE &&
        !find_andd(dmar, scope->enumeration_id)) {
        return "no ANDD declares the namespace device";
    }
    return NULL;
}

static bool check_scopes(const ViommuDmar *dmar, const Scopes *set,
                         GError **error)
{
    for (size_t i = 0; i < set->n; i++) {
        const ViommuDmarScope *scope = &set->scopes[i];
        const char *wrong = check_scope(dmar, set, scope);

        if (wrong) {
            return acpi_fail(error, "%s %zu, device scope %zu (type %u, ID "
                             "%u, bus 0x%02x, path of %zu): %s", set->name,
                             set->index, i, scope->type,
                             scope->enumeration_id, scope->bus,
                             scope->n_path, wrong);
        }
    }
    return true;
}

static bool check_any_scopes(const ViommuDmar *dmar, const Scopes *set,
                             GError **error)
{
    if (!set->n) {
        return acpi_fail(error, "%s %zu: at least one device scope is needed",
                         set->name, set->index);
    }
    return check_scopes(dmar, set, error);
}

/* @last is the last address of something. */
static bool check_width(const ViommuDmar *dmar, const char *name, size_t i,
                        uint64_t last, GError **error)
{
    if (dmar->address_bits < 64 && last >> dmar->address_bits) {
        return acpi_fail(error, "%s %zu: it ends at 0x%" G_GINT64_MODIFIER
                         "x, beyond the host address width of %u bits", name,
                         i, last, dmar->address_bits);
    }
    return true;
}

/* --- DRHD ---------------------------------------------------------------- */

static bool check_window(const ViommuDmarDrhd *drhd, size_t i, GError **error)
{
    uint64_t pages = drhd->size / DMAR_PAGE;

    if (!pages || drhd->size % DMAR_PAGE || (pages & (pages - 1)) ||
        pages >> DRHD_SIZE_BITS_MAX > 1) {
        return acpi_fail(error, "DRHD %zu: register window of 0x%"
                         G_GINT64_MODIFIER "x bytes, allowed are powers of "
                         "two from 0x%x to 0x%x", i, drhd->size, DMAR_PAGE,
                         DMAR_PAGE << DRHD_SIZE_BITS_MAX);
    }
    if (!drhd->base || drhd->base % drhd->size) {
        return acpi_fail(error, "DRHD %zu: base 0x%" G_GINT64_MODIFIER "x is "
                         "not a multiple of its window's size, 0x%"
                         G_GINT64_MODIFIER "x, above 0", i, drhd->base,
                         drhd->size);
    }
    return true;
}

/* @b comes after @a. */
static bool check_drhd_pair(const ViommuDmar *dmar, size_t a, size_t b,
                            GError **error)
{
    const ViommuDmarDrhd *first = &dmar->drhds[a];
    const ViommuDmarDrhd *second = &dmar->drhds[b];

    if (first->base <= second->base + (second->size - 1) &&
        second->base <= first->base + (first->size - 1)) {
        return acpi_fail(error, "DRHD %zu: its window at 0x%"
                         G_GINT64_MODIFIER "x overlaps that of DRHD %zu", b,
                         second->base, a);
    }
    if (first->segment != second->segment || !first->include_pci_all) {
        return true;
    }
    if (second->include_pci_all) {
        return acpi_fail(error, "DRHD %zu: INCLUDE_PCI_ALL is DRHD %zu's in "
                         "segment %u, only one can have it", b, a,
                         first->segment);
    }
    return acpi_fail(error, "DRHD %zu: INCLUDE_PCI_ALL is allowed for the "
                     "last of segment %u only, but DRHD %zu follows", a,
                     first->segment, b);
}

/* What the hash table below knows a device by. */
static GBytes *scope_key(unsigned segment, const ViommuDmarScope *scope)
{
    GByteArray *key = g_byte_array_new();
    bool is_pci = TYPES_PCI >> scope->type & 1;
    const uint8_t head[] = {
        is_pci ? VIOMMU_SCOPE_ENDPOINT : scope->type,
        is_pci ? segment : 0,
        is_pci ? segment >> 8 : 0,
        is_pci ? scope->bus : scope->enumeration_id,
    };

    g_byte_array_append(key, head, sizeof(head));
    if (is_pci) {
        g_byte_array_append(key, scope->path, scope->n_path);
    }
    return g_byte_array_free_to_bytes(key);
}

/* A device is behind one unit. */
static bool check_drhds_apart(const ViommuDmar *dmar, GError **error)
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(
        g_bytes_hash, g_bytes_equal, (GDestroyNotify)g_bytes_unref, NULL);

    for (size_t i = 0; i < dmar->n_drhds; i++) {
        const ViommuDmarDrhd *drhd = &dmar->drhds[i];

        for (size_t k = 0; k < drhd->n_scopes; k++) {
            GBytes *key = scope_key(drhd->segment, &drhd->scopes[k]);
            gpointer owner = g_hash_table_lookup(seen, key);

            if (owner) {
                g_bytes_unref(key);
                return acpi_fail(error, "DRHD %zu, device scope %zu: DRHD %u "
                                 "has that device already", i, k,
                                 GPOINTER_TO_UINT(owner) - 1);
            }
            g_hash_table_insert(seen, key, GUINT_TO_POINTER(i + 1));
        }
    }
    return true;
}

static bool check_drhds(const ViommuDmar *dmar, GError **error)
{
    if (!dmar->n_drhds) {
        return acpi_fail(error, "a DMAR table needs at least one DRHD");
    }
    for (size_t i = 0; i < dmar->n_drhds; i++) {
        const ViommuDmarDrhd *drhd = &dmar->drhds[i];
        const Scopes set = {
            .name = "DRHD",
            .index = i,
            .types = TYPES_OTHER | (drhd->include_pci_all ? 0 : TYPES_PCI),
            .allowed = drhd->include_pci_all
                       ? "with INCLUDE_PCI_ALL, I/O APICs, HPETs and namespace "
                         "devices are allowed only"
                       : "types 1 to 5 are allowed only",
            .scopes = drhd->scopes,
            .n = drhd->n_scopes,
        };

        if (!check_window(drhd, i, error) ||
            !check_width(dmar, "DRHD", i, drhd->base + (drhd->size - 1),
                         error) ||
            !check_scopes(dmar, &set, error)) {
            return false;
        }
        for (size_t k = 0; k < i; k++) {
            if (!check_drhd_pair(dmar, k, i, error)) {
                return false;
            }
        }
    }
    return check_drhds_apart(dmar, error);
}

/* --- The others ---------------------------------------------------------- */

bool dmar_check_region(uint64_t base, uint64_t limit, GError **error)
{
    const char *wrong = NULL;

    if (limit < base) {
        wrong = "the limit is below the base";
    } else if (base % DMAR_PAGE) {
        wrong = "the base is not at the start of a page of 4096 bytes";
    } else if (limit % DMAR_PAGE != DMAR_PAGE - 1) {
        wrong = "the limit is not the last byte of a page of 4096 bytes";
    }
    return !wrong ||
           acpi_fail(error, "0x%" G_GINT64_MODIFIER "x-0x%" G_GINT64_MODIFIER
                     "x: %s", base, limit, wrong);
}

static bool check_rmrr(const ViommuDmar *dmar, size_t i, GError **error)
{
    const ViommuDmarRmrr *rmrr = &dmar->rmrrs[i];
    const Scopes set = {
        .name = "RMRR",
        .index = i,
        .types = TYPES_PCI | TYPE(NAMESPACE),
        .allowed = "PCI and namespace devices are allowed only",
        .scopes = rmrr->scopes,
        .n = rmrr->n_scopes,
    };

    if (!dmar_check_region(rmrr->base, rmrr->limit, error)) {
        g_prefix_error(error, "RMRR %zu, ", i);
        return false;
    }
    if (!check_width(dmar, "RMRR", i, rmrr->limit, error)) {
        return false;
    }
    for (size_t k = 0; k < i; k++) {
        const ViommuDmarRmrr *other = &dmar->rmrrs[k];

        if (other->segment == rmrr->segment && other->base <= rmrr->limit &&
            rmrr->base <= other->limit) {
            return acpi_fail(error, "RMRR %zu, 0x%" G_GINT64_MODIFIER "x-0x%"
                             G_GINT64_MODIFIER "x: overlaps RMRR %zu, 0x%"
                             G_GINT64_MODIFIER "x-0x%" G_GINT64_MODIFIER "x",
                             i, rmrr->base, rmrr->limit, k, other->base,
                             other->limit);
        }
    }
    return check_any_scopes(dmar, &set, error);
}

static bool check_atsr(const ViommuDmar *dmar, size_t i, GError **error)
{
    const ViommuDmarAtsr *atsr = &dmar->atsrs[i];
    const Scopes set = {
        .name = "ATSR",
        .index = i,
        .types = TYPE(BRIDGE),
        .allowed = "root ports (type 2) are allowed only",
        .scopes = atsr->scopes,
        .n = atsr->n_scopes,
    };

    if (atsr->all_ports && atsr->n_scopes) {
        return acpi_fail(error, "ATSR %zu: device scopes are not allowed with "
                         "ALL_PORTS", i);
    }
    return atsr->all_ports || check_any_scopes(dmar, &set, error);
}

static bool check_rhsa(const ViommuDmar *dmar, size_t i, GError **error)
{
    uint64_t base = dmar->rhsas[i].base;
    bool known = false;

    for (size_t k = 0; k < dmar->n_drhds; k++) {
        known |= dmar->drhds[k].base == base;
    }
    if (!known) {
        return acpi_fail(error, "RHSA %zu: no DRHD has the base 0x%"
                         G_GINT64_MODIFIER "x", i, base);
    }
    for (size_t k = 0; k < i; k++) {
        if (dmar->rhsas[k].base == base) {
            return acpi_fail(error, "RHSA %zu: the unit at 0x%"
                             G_GINT64_MODIFIER "x is in RHSA %zu already", i,
                             base, k);
        }
    }
    return true;
}

static bool check_andd(const ViommuDmar *dmar, size_t i, GError **error)
{
    const ViommuDmarAndd *andd = &dmar->andds[i];

    if (!andd->name || !*andd->name) {
        return acpi_fail(error, "ANDD %zu: a name is needed", i);
    }
    if (!acpi_check_text("name", andd->name, SIZE_MAX, error)) {
        g_prefix_error(error, "ANDD %zu: ", i);
        return false;
    }
    if (find_andd(dmar, andd->number) != andd) {
        return acpi_fail(error, "ANDD %zu: number %u is taken already", i,
                         andd->number);
    }
    return true;
}

/* SATC and SIDP are about integrated endpoints. */
static bool check_integrated(const ViommuDmar *dmar, const char *name,
                             size_t i, const ViommuDmarScope *scopes,
                             size_t n, unsigned flags, GError **error)
{
    const Scopes set = {
        .name = name,
        .index = i,
        .types = TYPE(ENDPOINT),
        .allowed = "PCI endpoints (type 1) are allowed only",
        .flags = flags,
        .scopes = scopes,
        .n = n,
    };

    return check_any_scopes(dmar, &set, error);
}

bool dmar_check(const ViommuDmar *dmar, GError **error)
{
    bool ok = check_header(dmar, error) && check_drhds(dmar, error);

    for (size_t i = 0; ok && i < dmar->n_rmrrs; i++) {
        ok = check_rmrr(dmar, i, error);
    }
    for (size_t i = 0; ok && i < dmar->n_atsrs; i++) {
        ok = check_atsr(dmar, i, error);
    }
    for (size_t i = 0; ok && i < dmar->n_rhsas; i++) {
        ok = check_rhsa(dmar, i, error);
    }
    for (size_t i = 0; ok && i < dmar->n_andds; i++) {
        ok = check_andd(dmar, i, error);
    }
    for (size_t i = 0; ok && i < dmar->n_satcs; i++) {
        ok = check_integrated(dmar, "SATC", i, dmar->satcs[i].scopes,
                              dmar->satcs[i].n_scopes, 0, error);
    }
    for (size_t i = 0; ok && i < dmar->n_sidps; i++) {
        ok = check_integrated(dmar, "SIDP", i, dmar->sidps[i].scopes,
                              dmar->sidps[i].n_scopes, SIDP_FLAGS, error);
    }
    return ok;
}
