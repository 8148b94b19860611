/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Descriptions of DMAR tables.
 */
#ifndef TESTS_LIB_UNIT_DMAR_H
#define TESTS_LIB_UNIT_DMAR_H

#include <hw/iommu/viommu-firmware.h>

/* A description that tests change. */
typedef struct Table {
    ViommuDmar dmar;
    ViommuDmarDrhd drhds[3];
    ViommuDmarRmrr rmrrs[2];
    ViommuDmarAtsr atsrs[2];
    ViommuDmarRhsa rhsas[2];
    ViommuDmarAndd andds[2];
    ViommuDmarSatc satcs[1];
    ViommuDmarSidp sidps[1];
    ViommuDmarScope scopes[8];
} Table;

extern const ViommuDmarScope scope_endpoint, scope_port, scope_ioapic;
/** One step longer than allowed, all of them 0. */
extern const uint8_t path_long[VIOMMU_DMAR_PATH_MAX + 1];

/** The smallest table. */
void table_init(Table *t);
/** Add a unit of two pages, with INCLUDE_PCI_ALL. */
void table_add_unit(Table *t);
/** All kinds of structures but those of integrated devices; two units. */
void table_full(Table *t);
/** SATC and SIDP. */
void table_integrated(Table *t);

/** The table, which must be good. */
GByteArray *table_build(const Table *t);

#endif
