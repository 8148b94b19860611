/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A register file from a table.
 *
 * One routine merges an access of any size and alignment into the registers
 * that it touches, honouring what is writable and what is cleared by
 * writing ones, then calls the register's handler.  Nothing else in a model
 * knows about access sizes.
 */
#ifndef HW_IOMMU_COMMON_REGS_H
#define HW_IOMMU_COMMON_REGS_H

#include <hw/iommu/viommu.h>

/**
 * A register was written.  @old is its value before; its new value is in the
 * file.  @mask has ones for the bits that the access covered.
 */
typedef void ViommuRegHandler(Viommu *unit, uint64_t old, uint64_t mask);

typedef struct ViommuReg {
    const char *name;
    uint32_t offset;        /* a multiple of width */
    uint8_t width;          /* 4 or 8 bytes */
    uint64_t reset;
    uint64_t writable;
    uint64_t write1_clear;
    uint64_t reads_zero;    /* write-only bits */
    ViommuRegHandler *written;
    uint64_t own;           /* what the unit sets and clears by itself */
} ViommuReg;

/**
 * The registers of one unit.  @table is the unit's own copy, so that masks
 * and reset values can follow from the configuration; sorted by offset.
 */
typedef struct ViommuRegFile {
    ViommuReg *table;
    uint64_t *values;
    size_t n;
} ViommuRegFile;

void viommu_regs_init(ViommuRegFile *file, const ViommuReg *table, size_t n);
void viommu_regs_destroy(ViommuRegFile *file);
/** Give each register its reset value. */
void viommu_regs_reset(ViommuRegFile *file);

/** Read @size bytes (1 .. 8) at @offset; *@hit tells if a register was met. */
uint64_t viommu_regs_read(const ViommuRegFile *file, uint64_t offset,
                          unsigned size, bool *hit);
/** Write; returns whether a register was met. */
bool viommu_regs_write(ViommuRegFile *file, Viommu *unit, uint64_t offset,
                       uint64_t value, unsigned size);
/** Make what these values of all registers might be: bits that neither
 *  software nor the unit can change are what they are after reset. */
void viommu_regs_legalise(const ViommuRegFile *file, uint64_t *values);
/** A line per register: offset, name, value. */
void viommu_regs_dump(const ViommuRegFile *file, GString *out);

#endif
